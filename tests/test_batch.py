"""The batch: pages, what ties them together, and what happens when one fails."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from markupsafe import escape

from leakkit import report
from leakkit.errors import LeakkitError
from leakkit.page.style import REPEATED
from leakkit.report import manifest
from leakkit.report.kernel import can_fork, manager
from leakkit.report.publishing import INDEX, PLACE, mark_stale, slug, write_text
from leakkit.views.view import View
from tests.running import opening, short_pages, write_small

ONE = ("Spare parts",)
pytestmark = pytest.mark.usefixtures("shared_workers")


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file of a run that must not change from run to run."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    others = {"run.json", ".lock"}
    return {str(f.relative_to(folder)): f.read_bytes() for f in files if f.name not in others}


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
def two_pages(
    tmp_path_factory: pytest.TempPathFactory,
    shared_workers: None,  # noqa: ARG001 - asked for before the run
) -> tuple[Path, report.RunResult]:
    """Run two pipelines of a small sample once for the tests that only look."""
    base = tmp_path_factory.mktemp("run")
    result = report.run(write_small(base / "source"), base / "out")
    return base / "out", result


def test_a_run_writes_its_folder(two_pages: tuple[Path, report.RunResult]) -> None:
    out, result = two_pages
    assert not result.failed
    each = ["findings.json", "root_causes.html", "stage_dropoff.html", "stages.csv"]
    each += ["summary.html", "summary.json", "summary.txt", "worklist.csv", "worklist.xlsx"]
    names = ["findings.json", "index.html", "manifest.json"]
    names += ["summary.html", "summary.json", "summary.txt"]
    for slug_of in ("equipment-7f2465", "spare-parts-177b75"):
        names += [f"{slug_of}/{name}" for name in each]
    assert sorted(contents(out)) == sorted(names)
    assert result.rows[0]["read"] == 120


def test_pages_run_nothing_and_ask_nobody(two_pages: tuple[Path, report.RunResult]) -> None:
    for name, content in contents(two_pages[0]).items():
        if not name.endswith(".html"):
            continue
        parser = Outside()
        parser.feed(content.decode())
        assert parser.found == []
        assert b"Content-Security-Policy" in content
        assert b'<html lang="en" dir="ltr"' in content


def test_pages_name_no_file_and_no_place(two_pages: tuple[Path, report.RunResult]) -> None:
    page = (two_pages[0] / "spare-parts-177b75/stage_dropoff.html").read_text("utf-8")
    assert "/tmp" not in page  # noqa: S108 - no temporary path may stand in a page
    assert ".csv" not in page
    # the code, folded, with the parameters of this page
    assert "leakkit.load(source" in page
    for line in ('source = "source"', 'pipeline = "Spare parts"', 'as_of = "2026-06-30"'):
        assert str(escape(line)) in page


@pytest.mark.parametrize(
    "name", ["spare-parts-177b75/stage_dropoff.html", "equipment-7f2465/root_causes.html", INDEX]
)
def test_the_code_at_the_foot_of_a_page_makes_it(
    two_pages: tuple[Path, report.RunResult],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """Whoever copies it beside the source gets every view that stands on the page."""
    shutil.copytree(two_pages[0], tmp_path / "reports")
    shutil.copytree(two_pages[0].parent / "source", tmp_path / "source")
    monkeypatch.chdir(tmp_path)
    page = (two_pages[0] / name).read_text("utf-8")
    code = BeautifulSoup(page, "html.parser").select("details pre code")
    names: dict[str, Any] = {}
    shown = []
    for line in ast.parse("\n".join(one.get_text() for one in code)).body:
        if isinstance(line, ast.Expr):
            shown.append(eval(ast.unparse(line), names))  # noqa: S307 - our own code
        else:
            exec(ast.unparse(line), names)  # noqa: S102 - our own code
    found = [getattr(one, "view", one) for one in shown]
    views = [view for view in found if isinstance(view, View) and view.kind != REPEATED]
    assert len(views) >= 7
    assert [view.name for view in views if view.section() not in page] == []


def test_stages_csv_is_the_contract(two_pages: tuple[Path, report.RunResult]) -> None:
    contract = Path("docs/contracts.md").read_text("utf-8")
    header = re.search(r"`(stage,opportunities,entered[^`]+)`", contract)
    text = (two_pages[0] / "spare-parts-177b75/stages.csv").read_text("utf-8")
    assert header is not None
    assert text.splitlines()[0] == header.group(1)
    table = pd.read_csv(two_pages[0] / "spare-parts-177b75/stages.csv")
    exits = ["next", "jumped", "won_here", "returned", "lost", "moved", "open"]
    assert (table[exits].sum(axis=1) == table["entered"]).all()
    shares = table[[f"{k}_share" for k in ("advance", "lost", "returned", "stalled")]].dropna()
    assert ((shares.sum(axis=1) - 1).abs() < 1e-9).all()


def test_the_manifest_says_what_was_used(two_pages: tuple[Path, report.RunResult]) -> None:
    facts = json.loads((two_pages[0] / "manifest.json").read_text("utf-8"))
    assert [i["name"] for i in facts["inputs"]] == ["opportunities.csv", "stage_history.csv"]
    assert all(re.fullmatch("[0-9a-f]{64}", i["sha256"]) for i in facts["inputs"])
    assert {p["name"] for p in facts["pipelines"]} == {"Equipment", "Spare parts"}
    assert facts["ignored_files"] == ["truth.json"]
    assert "seconds" not in json.dumps(facts)


def test_the_index_links_every_page(two_pages: tuple[Path, report.RunResult]) -> None:
    index = (two_pages[0] / "index.html").read_text("utf-8")
    for name in ("equipment-7f2465", "spare-parts-177b75"):
        assert f'href="{name}/stage_dropoff.html"' in index
        assert f'href="{name}/stages.csv"' in index


def test_another_process_one_thread_another_order_and_parquet_give_the_same_bytes(
    two_pages: tuple[Path, report.RunResult], tmp_path: Path
) -> None:
    """All at once: whichever made a difference, the bytes would differ."""
    csv, parquet = two_pages[0].parent / "source", tmp_path / "source"
    parquet.mkdir()
    for name in ("leakkit.toml", "truth.json"):
        (parquet / name).write_bytes((csv / name).read_bytes())
    for name in ("opportunities", "stage_history"):
        frame = pd.read_csv(csv / f"{name}.csv", keep_default_na=False)
        mixed = frame.sample(frac=1.0, random_state=1)[sorted(frame.columns, reverse=True)]
        mixed.astype("str").to_parquet(parquet / f"{name}.parquet", index=False)
    command = [sys.executable, "-m", "leakkit.cli", "report", str(parquet)]
    environment = {**os.environ, "LEAKKIT_THREADS": "1"}
    subprocess.run(
        [*command, "--out", str(tmp_path / "out"), "--quiet"], check=True, env=environment
    )
    runs = contents(tmp_path / "out"), contents(two_pages[0])
    manifests = [run.pop("manifest.json").replace(b".parquet", b".csv") for run in runs]
    facts = [json.loads(manifest) for manifest in manifests]
    forms = [{file["format"] for file in one.pop("inputs")} for one in facts]
    assert forms == [{"parquet"}, {"csv"}]
    assert facts[0] == facts[1]
    assert runs[0] == runs[1]


@pytest.mark.usefixtures("_short_pages")
def test_a_kept_store_is_a_source(tmp_path: Path) -> None:
    source = write_small(tmp_path / "source")
    store = tmp_path / "kept.duckdb"
    first = report.run(source, tmp_path / "one", pipelines=ONE, store=store)
    second = report.run(store, tmp_path / "two", pipelines=ONE)
    assert not first.failed
    assert not second.failed
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_an_unknown_language_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LeakkitError, match=r"There are no texts in 'xx'\. There are: en\."):
        report.run(write_small(tmp_path / "s"), tmp_path / "out", language="xx")


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


@pytest.mark.usefixtures("_short_pages")
def test_how_many_run_at_once_changes_no_byte(tmp_path: Path) -> None:
    source = write_small(tmp_path / "source")
    for jobs in (1, 2):
        assert not report.run(source, tmp_path / str(jobs), jobs=jobs).failed
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


@pytest.fixture
def _short_pages() -> Iterator[None]:
    """Make pages of their first and last view."""
    with short_pages(opening):
        yield


@pytest.mark.usefixtures("_short_pages")
def test_what_did_not_change_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = write_small(tmp_path / "source"), tmp_path / "out"
    events: list[report.Event] = []
    report.run(source, out, pipelines=ONE, progress=events.append)
    assert [e.doing for e in events] == ["reading", "analysing", "page", "overview", "done"]
    before = contents(out)
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", None)  # no worker can start
        again = report.run(source, out, pipelines=ONE)
    assert [page.state for page in again.pages] == ["unchanged"]
    assert contents(out) == before
    # the same data in another folder are the same
    source.rename(tmp_path / "elsewhere")
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", None)
        report.run(tmp_path / "elsewhere", out, pipelines=ONE)
    (tmp_path / "elsewhere").rename(source)
    assert contents(out) == before
    # nor does what other code made stand for what this one would make
    with monkeypatch.context() as patch:
        patch.setattr(manifest, "code_digest", lambda: "other")
        assert report.run(source, out, pipelines=ONE).count("made") == 1
    assert report.run(source, out, pipelines=ONE).count("made") == 1
    # a page that somebody changed is made again, and so are all with other settings
    page = out / "spare-parts-177b75/stage_dropoff.html"
    page.write_text(page.read_text("utf-8") + "<!-- mine -->", encoding="utf-8")
    assert report.run(source, out, pipelines=ONE).count("made") == 1
    assert contents(out) == before
    assert "Since the last run" not in page.read_text("utf-8")
    # other data: the page says what changed, and a second run on them changes nothing
    assert report.run(source, out, pipelines=ONE, as_of="2026-05-31").count("made") == 1
    assert "Since the last run, on data up to Jun 30, 2026: " in page.read_text("utf-8")
    after = contents(out)
    again = report.run(source, out, pipelines=ONE, as_of="2026-05-31")
    assert [one.state for one in again.pages] == ["unchanged"]
    assert contents(out) == after


@pytest.mark.usefixtures("_short_pages")
def test_pages_that_nobody_asked_for_stay_and_those_of_the_gone_go(tmp_path: Path) -> None:
    source, out = write_small(tmp_path / "source"), tmp_path / "out"
    report.run(source, out, pipelines=("Equipment", "Spare parts"))
    some = report.run(source, out, pipelines=("Equipment",), as_of="2026-05-31")
    states = {page.pipeline: page.state for page in some.pages}
    assert states == {"Equipment": "made", "Spare parts": "not_asked"}
    index = (out / "index.html").read_text("utf-8")
    assert 'href="spare-parts-177b75/stage_dropoff.html"' in index
    assert "Not part of the last run: data up to Jun 30, 2026." in index
    config = (source / "leakkit.toml").read_text("utf-8")
    (source / "leakkit.toml").write_text(
        config.replace('name = "Spare parts"', 'name = "Parts"'), encoding="utf-8"
    )
    (out / "spare-parts-177b75/note.txt").write_text("mine", encoding="utf-8")
    less = report.run(source, out, pipelines=("Equipment", "parts"))
    assert less.removed == ("Spare parts",)
    reason = "the source has no deal of this pipeline up to as_of"
    assert [(page.pipeline, page.failed) for page in less.failed] == [("Parts", reason)]
    assert reason in (out / "index.html").read_text("utf-8")
    left = [path.name for path in (out / "spare-parts-177b75").iterdir()]
    assert left == ["note.txt"]
    assert "spare-parts" not in (out / "index.html").read_text("utf-8")


def test_a_mark_replaces_an_earlier_one() -> None:
    page = f"<main>\n{PLACE}\n<p>numbers</p></main>"
    once = mark_stale(page, "old \\1 <b>")
    assert mark_stale(once, "older").count("lk-trouble") == 1
    assert "old \\1 &lt;b&gt;" in once
    assert mark_stale("no place for it", "x") == "no place for it"


@pytest.mark.skipif(not can_fork(), reason="kernels are forked on Linux only")
@pytest.mark.usefixtures("_short_pages")
def test_a_forked_kernel_makes_the_same_pages(tmp_path: Path) -> None:
    source = write_small(tmp_path / "source")
    for engine in ("fork", "stock"):
        result = report.run(source, tmp_path / engine, pipelines=ONE, engine=engine)
        assert not result.failed
        assert not result.trouble
    assert contents(tmp_path / "fork") == contents(tmp_path / "stock")


def test_the_stock_engine_is_the_one_of_jupyter() -> None:
    assert (manager("fork") is manager("stock")) != can_fork()
    assert manager("stock").__name__ == "QuietKernelManager"
