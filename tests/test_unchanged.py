"""A night on which nothing changed is known by hashes, and says what a run would say."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from leakkit import cli
from leakkit.report import batch
from leakkit.report.publishing import finish
from leakkit.report.unchanged import Request
from tests.running import write_small

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    """Return a request whose folder holds a page, a manifest and a note."""
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    (out / "a-123456").mkdir(parents=True)
    (source / "deals.csv").write_text("id\n1\n")
    (source / "reasons.toml").write_text("")
    (source / "leakkit.toml").write_text('[reasons]\nfile = "reasons.toml"\n')
    (tmp_path / "key").write_text("k" * 20)
    (tmp_path / "kept.duckdb").write_text("a store")
    (out / "index.html").write_text("index")
    (out / "a-123456" / "stage_dropoff.html").write_text("page")
    entry = {"slug": "a-123456", "pages": {"stage_dropoff.html": {"sha256": hash_text("page")}}}
    facts = {"overview": {"sha256": hash_text("index")}, "files": {}, "pipelines": [entry]}
    (out / "manifest.json").write_text(json.dumps(facts))
    (out / "run.json").write_text("{}")
    made = Request(
        str(source), str(out), "", str(tmp_path / "kept.duckdb"), str(tmp_path / "key"), (), ("en",)
    )
    made.note({"lines": ["nothing"]}, made.digest())
    return made


def hash_text(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def find(one: Request) -> dict[str, object] | None:
    return one.find_unchanged(one.digest())


def test_the_same_request_finds_what_there_is_to_say(request_: Request) -> None:
    assert find(request_) == {"lines": ["nothing"]}
    assert find(replace(request_, choices=("fa",))) is None
    assert find(replace(request_, store="")) is None


CHANGES: dict[str, Callable[[Path], object]] = {
    "a row": lambda place: (place / "source" / "deals.csv").write_text("id\n2\n"),
    "a file more": lambda place: (place / "source" / "history.csv").write_text("id\n"),
    "the configuration": lambda place: (place / "source" / "leakkit.toml").write_text(""),
    "a file that it names": lambda place: (place / "source" / "reasons.toml").write_text("# x"),
    "the key": lambda place: (place / "key").write_text("l" * 20),
    "no key": lambda place: (place / "key").unlink(),
    "the store": lambda place: (place / "kept.duckdb").write_text("another"),
    "a page": lambda place: (place / "out" / "a-123456" / "stage_dropoff.html").write_text("x"),
    "no page": lambda place: (place / "out" / "a-123456" / "stage_dropoff.html").unlink(),
    "the index": lambda place: (place / "out" / "index.html").write_text("marked"),
    "the manifest": lambda place: (place / "out" / "manifest.json").write_text("{}"),
    "a killed run": lambda place: (place / "out" / ".ready").mkdir(),
    "the note": lambda place: (place / "out" / "run.json").write_text("[1]"),
    "no note": lambda place: (place / "out" / "run.json").unlink(),
    "no source": lambda place: (place / "source").rename(place / "elsewhere"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_changes_is_a_run(
    request_: Request, tmp_path: Path, change: Callable[[Path], object]
) -> None:
    change(tmp_path)
    assert find(request_) is None


def test_other_code_and_other_libraries_are_a_run(
    request_: Request, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = request_.digest()
    (tmp_path / "more" / "duckdb-99.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path / "more")
    assert request_.digest() != before
    monkeypatch.undo()
    monkeypatch.setattr("leakkit.report.unchanged.code_digest", lambda: "another")
    assert request_.digest() != before
    monkeypatch.undo()
    monkeypatch.setattr("leakkit.report.notebooks.notebook_folder", lambda: tmp_path)
    assert request_.digest() != before


def test_what_a_killed_run_left_of_its_note_is_removed(tmp_path: Path) -> None:
    (tmp_path / "run.json.partial").write_text('{"half')
    (tmp_path / "notes.partial").write_text("somebody's own")
    finish(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.partial"]


def test_what_cannot_be_read_is_left_to_who_reads_it(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that may not be listed, a configuration nested too deep, a disk that is full."""
    before = (tmp_path / "out" / "run.json").read_bytes()

    def refuse(*_: object) -> None:
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr("leakkit.report.unchanged.write_text", refuse)
        request_.note({}, "another")
    assert (tmp_path / "out" / "run.json").read_bytes() == before
    with monkeypatch.context() as patch:
        patch.setattr("leakkit.report.unchanged._list_contents", refuse)
        assert request_.digest() == ""
    (tmp_path / "source" / "leakkit.toml").write_text("a = " + "[" * 5_000 + "]" * 5_000)
    assert request_.digest() == ""


def test_a_database_and_a_folder_that_is_no_export_are_read(request_: Request) -> None:
    assert replace(request_, source="postgresql://user@host/db").digest() == ""
    assert find(replace(request_, source="postgresql://user@host/db")) is None


@pytest.mark.usefixtures("shared_workers", "_short_pages")
def test_an_unchanged_night_says_what_the_whole_run_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out, told = tmp_path / "source", tmp_path / "out", tmp_path / "news.json"
    write_small(source)
    given = ["report", str(source), "--out", str(out), "--pipeline", "Equipment"]
    given += ["--summary", str(told)]
    run = CliRunner().invoke
    assert run(cli.app, given).exit_code == 0
    whole = run(cli.app, [*given, "--log", "json", "--fail-on", "watch", "--force"])
    after_whole = told.read_bytes()
    stands = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(batch, "run", never)
    told.unlink()
    quick = run(cli.app, [*given, "--log", "json", "--fail-on", "watch"])
    assert quick.exit_code == whole.exit_code
    assert told.read_bytes() == after_whole
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == stands
    said, now = (json.loads(one.stdout.splitlines()[-1]) for one in (whole, quick))
    differ = {"time", "run", "made", "unchanged"}
    assert {k: said[k] for k in said.keys() - differ} == {k: now[k] for k in now.keys() - differ}
    assert (now["made"], now["unchanged"]) == (0, 1)
    assert "0 made, 1 unchanged" in run(cli.app, given).stdout
    with pytest.raises(AssertionError):
        run(cli.app, [*given, "--max-drop", "0.1"], catch_exceptions=False)
    (source / "leakkit.toml").write_text((source / "leakkit.toml").read_text() + "\n")
    with pytest.raises(AssertionError):
        run(cli.app, given, catch_exceptions=False)
