"""The batch: pages, what ties them together, and what happens when one fails."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from leakkit import report, sample
from leakkit.errors import LeakkitError
from leakkit.report import notebook
from leakkit.report.folder import slug, write_text

ONE = ("Spare parts",)


def written(folder: Path, deals: int = 600) -> Path:
    sample.write(folder, deals)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file of a run that must not change from run to run."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(f.relative_to(folder)): f.read_bytes() for f in files if f.name != "run.json"}


def with_cell(position: int, source: str) -> str:
    """Return the notebook with one more code cell."""
    book = json.loads(notebook.template("stage_dropoff"))
    cell = {"cell_type": "code", "id": "more", "metadata": {}, "source": source}
    book["cells"].insert(position, {**cell, "execution_count": None, "outputs": []})
    return json.dumps(book)


class Outside(HTMLParser):
    """Collects what would run, or ask a network."""

    def __init__(self) -> None:
        """Start with nothing found."""
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "iframe", "object", "embed", "link"}:
            self.found.append(tag)
        for name, value in attrs:
            if name.startswith("on") or (
                name in {"src", "href"} and re.match(r"(https?:)?//", value or "")
            ):
                self.found.append(f"{tag} {name}={value}")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, report.RunResult]:
    """Run two pipelines of a small sample once for the tests that only look."""
    base = tmp_path_factory.mktemp("run")
    result = report.run(
        written(base / "source"), base / "out", pipelines=("Equipment", "Spare parts")
    )
    return base / "out", result


def test_a_run_writes_its_folder(made: tuple[Path, report.RunResult]) -> None:
    out, result = made
    assert not result.failed
    assert sorted(contents(out)) == [
        "equipment-7f2465/stage_dropoff.html",
        "equipment-7f2465/stages.csv",
        "index.html",
        "manifest.json",
        "spare-parts-177b75/stage_dropoff.html",
        "spare-parts-177b75/stages.csv",
    ]
    assert result.rows[0]["read"] == 600


def test_pages_run_nothing_and_ask_nobody(made: tuple[Path, report.RunResult]) -> None:
    for name, content in contents(made[0]).items():
        if not name.endswith(".html"):
            continue
        parser = Outside()
        parser.feed(content.decode())
        assert parser.found == []
        assert b"Content-Security-Policy" in content
        assert b'<html lang="en" dir="ltr"' in content


def test_pages_name_no_file_and_no_place(made: tuple[Path, report.RunResult]) -> None:
    page = (made[0] / "spare-parts-177b75/stage_dropoff.html").read_text("utf-8")
    assert "/tmp" not in page  # noqa: S108 - no temporary path may stand in a page
    assert ".csv" not in page
    assert "leakkit.load(source" in page  # the code, folded


def test_stages_csv_is_the_contract(made: tuple[Path, report.RunResult]) -> None:
    contract = Path("docs/contracts.md").read_text("utf-8")
    header = re.search(r"`(stage,opportunities,entered[^`]+)`", contract)
    text = (made[0] / "spare-parts-177b75/stages.csv").read_text("utf-8")
    assert header is not None
    assert text.splitlines()[0] == header.group(1)
    table = pd.read_csv(made[0] / "spare-parts-177b75/stages.csv")
    exits = ["next", "jumped", "won_here", "returned", "lost", "moved", "open"]
    assert (table[exits].sum(axis=1) == table["entered"]).all()
    shares = table[[f"{k}_share" for k in ("advance", "lost", "returned", "stalled")]].dropna()
    assert ((shares.sum(axis=1) - 1).abs() < 1e-9).all()


def test_the_manifest_says_what_was_used(made: tuple[Path, report.RunResult]) -> None:
    facts = json.loads((made[0] / "manifest.json").read_text("utf-8"))
    assert [i["name"] for i in facts["inputs"]] == ["opportunities.csv", "stage_history.csv"]
    assert all(re.fullmatch("[0-9a-f]{64}", i["sha256"]) for i in facts["inputs"])
    assert {p["name"] for p in facts["pipelines"]} == {"Equipment", "Spare parts"}
    assert facts["ignored_files"] == ["truth.json"]
    assert "seconds" not in json.dumps(facts)


def test_the_index_links_every_page(made: tuple[Path, report.RunResult]) -> None:
    index = (made[0] / "index.html").read_text("utf-8")
    for name in ("equipment-7f2465", "spare-parts-177b75"):
        assert f'href="{name}/stage_dropoff.html"' in index
        assert f'href="{name}/stages.csv"' in index


def test_two_runs_and_two_forms_of_the_data_give_the_same_bytes(tmp_path: Path) -> None:
    """Rows and columns in another order, CSV or Parquet, one thread or two: the same pages."""
    csv = written(tmp_path / "csv")
    parquet = tmp_path / "parquet"
    parquet.mkdir()
    (parquet / "leakkit.toml").write_bytes((csv / "leakkit.toml").read_bytes())
    for name in ("opportunities", "stage_history"):
        frame = pd.read_csv(csv / f"{name}.csv", keep_default_na=False)
        mixed = frame.sample(frac=1.0, random_state=1)[sorted(frame.columns, reverse=True)]
        mixed.astype("str").to_parquet(parquet / f"{name}.parquet", index=False)
    out = tmp_path / "out"
    runs = []
    for source, threads in ((csv, "1"), (csv, "2"), (parquet, "2")):
        environment = {**os.environ, "LEAKKIT_THREADS": threads}
        command = [sys.executable, "-m", "leakkit.cli", "report", str(source), "--out", str(out)]
        subprocess.run([*command, "--pipeline", ONE[0], "--quiet"], check=True, env=environment)
        runs.append(contents(out))
    manifests = [run.pop("manifest.json") for run in runs]
    assert manifests[0] == manifests[1]
    assert runs[0] == runs[1]
    assert runs[0] == runs[2]


def test_one_bad_pipeline_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = 'if pipeline == "Equipment":\n    raise ValueError("<b>no</b>")'
    book = with_cell(4, stop)
    monkeypatch.setattr(notebook, "template", lambda _: book)
    source = written(tmp_path / "source", 300)
    result = report.run(source, tmp_path / "out", pipelines=("Equipment", "Spare parts"))
    assert [page.pipeline for page in result.failed] == ["Equipment"]
    assert result.failed[0].failed.endswith("ValueError: <b>no</b>")
    assert (tmp_path / "out/spare-parts-177b75/stage_dropoff.html").exists()
    broken = tmp_path / "out/equipment-7f2465/stage_dropoff.failed.ipynb"
    assert "ValueError" in broken.read_text("utf-8")
    index = (tmp_path / "out/index.html").read_text("utf-8")
    assert "&lt;b&gt;no&lt;/b&gt;" in index


def test_a_cell_that_never_ends_fails_its_page_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = with_cell(2, "while True:\n    pass")
    monkeypatch.setattr(notebook, "template", lambda _: book)
    with pytest.raises(notebook.PageError, match="timed out"):
        notebook.page("stage_dropoff", {}, 2, tmp_path)


def test_a_notebook_that_stops_early_is_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = json.loads(with_cell(0, "1"))
    short = json.dumps({**book, "cells": book["cells"][:1]})
    monkeypatch.setattr(notebook, "template", lambda _: short)
    with pytest.raises(notebook.PageError, match="before its last view"):
        notebook.page("stage_dropoff", {}, 60, tmp_path)


def test_an_unknown_parameter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(notebook.PageError, match="no parameter pipelin"):
        notebook.page("stage_dropoff", {"pipelin": "x"}, 60, tmp_path)


def test_a_kept_store_is_a_source(tmp_path: Path) -> None:
    source = written(tmp_path / "source", 300)
    store = tmp_path / "kept.duckdb"
    first = report.run(source, tmp_path / "one", pipelines=ONE, store=store)
    second = report.run(store, tmp_path / "two", pipelines=ONE)
    assert not first.failed
    assert not second.failed
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_an_unknown_language_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LeakkitError, match=r"There are no texts in 'xx'\. There are: en\."):
        report.run(written(tmp_path / "s", 100), tmp_path / "out", language="xx")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b", "C:\\x", "CON", "پیش‌فاکتور", "", "x" * 500, "a\nb"]
)
def test_a_slug_is_one_plain_name(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9-]{1,55}", slug(name))


def test_slugs_of_names_that_read_alike_differ() -> None:
    assert slug("A b") != slug("a-b")


def test_a_file_is_written_in_one_step(tmp_path: Path) -> None:
    write_text(tmp_path / "new" / "a.txt", "x\ny\n")
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"x\ny\n"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.txt"]
