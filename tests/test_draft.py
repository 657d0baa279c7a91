"""A folder holds one run, also when the process that publishes it is killed at any step."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.killing import find_mixed
from leakkit.errors import LeakkitError
from leakkit.report.manifest import named_files
from leakkit.report.publishing import (
    DRAFT,
    MANIFEST,
    PLACE,
    READY,
    Draft,
    begin_draft,
    digest_of,
    finish,
)

A, B, NEW = "a-000001", "b-000002", "c-000003"
FILES = ("stage_dropoff.html", "root_causes.html", "stages.csv", "worklist.csv")
STEPS = ("replace", "unlink", "rmdir", "open")


@pytest.fixture(autouse=True)
def _no_waiting_for_disks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what makes a file outlive a power cut, which takes most of the time."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


class Killed(BaseException):
    """The process is gone: nothing after this is carried out."""


def drafting(folder: Path, day: int, *places: str) -> dict[str, str]:
    """Draft a run of one day over some pipelines; return what is gone with it."""
    draft = Draft(folder)
    before = folder / MANIFEST
    named = named_files(json.loads(before.read_text())) if before.exists() else {}
    pipelines = []
    for place in places:
        for name in FILES:
            mark = PLACE if name.endswith("html") else ""
            draft.write_text(f"{place}/{name}", f"{mark}{place} of day {day}")
        pages = {n: {"sha256": digest_of(draft.find(f"{place}/{n}"))} for n in FILES}
        pipelines.append({"slug": place, "pages": pages})
    draft.write_text("index.html", f"{PLACE} index of day {day}")
    draft.write_text("findings.json", f"{day}")
    facts = {
        "overview": {"sha256": digest_of(draft.find("index.html"))},
        "files": {"findings.json": {"sha256": digest_of(draft.find("findings.json"))}},
        "pipelines": pipelines,
    }
    draft.write_text(MANIFEST, json.dumps(facts))
    return {name: named[name] for name in named.keys() - named_files(facts).keys()}


def publish(folder: Path, day: int, *places: str) -> None:
    Draft(folder).publish(drafting(folder, day, *places), "A newer run")


def contents(folder: Path) -> dict[str, str]:
    files = (f for f in sorted(folder.rglob("*")) if f.is_file())
    return {f.relative_to(folder).as_posix(): f.read_text() for f in files}


def dying(monkeypatch: pytest.MonkeyPatch, after: int, error: BaseException) -> None:
    """Let so many steps through, and none after them."""
    left = [after]

    def counted(step: Callable[..., Any]) -> Callable[..., Any]:
        def one(*words: Any, **named: Any) -> Any:  # noqa: ANN401 - any system call
            left[0] -= 1
            if left[0] < 0:
                raise error
            return step(*words, **named)

        return one

    for name in STEPS:
        monkeypatch.setattr(os, name, counted(getattr(os, name)))


def test_a_run_that_is_killed_at_any_step_mixes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run 2 changes A, has no B any more, and has C; it is killed after 0, 1, 2, ... steps."""
    publish(tmp_path / "whole", 1, A, B)
    publish(tmp_path / "whole", 2, A, NEW)
    expected = contents(tmp_path / "whole")
    assert B not in "".join(expected)
    marked = 0
    for steps in range(200):
        folder = tmp_path / str(steps)
        publish(folder, 1, A, B)
        (folder / B / "my-notes.html").write_text("mine")
        with monkeypatch.context() as patch:
            gone = drafting(folder, 2, A, NEW)
            dying(patch, steps, Killed())
            try:
                Draft(folder).publish(gone, "A newer run")
            except Killed:
                died = True
            else:
                died = False
        assert find_mixed(folder) == []
        marked += any("A newer run" in text for n, text in contents(folder).items() if n[0] != ".")
        with begin_draft(folder):
            pass
        after = contents(folder)
        assert after.pop(f"{B}/my-notes.html") == "mine"
        assert after in (expected, contents_of_day_one(tmp_path))
        if not died:
            break
    assert not died
    assert steps > 20
    assert marked > 10


def contents_of_day_one(tmp_path: Path) -> dict[str, str]:
    """Return what the first run left."""
    if not (tmp_path / "first").exists():
        publish(tmp_path / "first", 1, A, B)
    return contents(tmp_path / "first")


def test_what_is_the_same_is_not_touched(tmp_path: Path) -> None:
    publish(tmp_path, 1, A)
    times = {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*") if f.is_file()}
    publish(tmp_path, 1, A)
    assert {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*") if f.is_file()} == times
    assert not (tmp_path / DRAFT).exists()
    assert not (tmp_path / READY).exists()


def test_what_leakkit_did_not_write_or_somebody_changed_stays(tmp_path: Path) -> None:
    publish(tmp_path, 1, A, B)
    (tmp_path / B / "worklist.mine.csv").write_text("mine")
    (tmp_path / B / "worklist.csv").write_text("mine too")
    publish(tmp_path, 2, A)
    left = {f.name: f.read_text() for f in (tmp_path / B).iterdir()}
    assert left == {"worklist.mine.csv": "mine", "worklist.csv": "mine too"}


def test_a_changed_manifest_removes_nothing_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    file = tmp_path / "mine/stages.csv"
    file.write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/link-000000").symlink_to(tmp_path / "mine")
    names = ("../mine/stages.csv", str(file), "a/../../mine/stages.csv", "link-000000/stages.csv")
    Draft(tmp_path / "out").write_text("index.html", "")
    Draft(tmp_path / "out").publish(dict.fromkeys(names, digest_of(file)), "")
    assert file.read_text() == "mine"


def test_a_file_that_cannot_be_replaced_is_named_and_the_next_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, 1, A)
    gone = drafting(tmp_path, 2, A)
    replace = os.replace

    def held(source: Path, target: Path) -> None:
        if Path(target).name == "worklist.csv":
            raise PermissionError(errno.EACCES, "Permission denied", str(source), 0, str(target))
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", held)
        with pytest.raises(LeakkitError, match=r"worklist\.csv: Permission denied.*next run"):
            Draft(tmp_path).publish(gone, "A newer run")
    assert find_mixed(tmp_path) == []
    assert "A newer run" in (tmp_path / A / "stage_dropoff.html").read_text()
    finish(tmp_path)
    assert find_mixed(tmp_path) == []
    assert (tmp_path / A / "stage_dropoff.html").read_text() == f"{PLACE}{A} of day 2"
