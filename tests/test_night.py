"""A night of forty pipelines: one has a new alarm, one export is half, one page breaks."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Self

from typer.testing import CliRunner

from leakkit import cli
from leakkit.errors import LeakkitError
from leakkit.report import batch
from leakkit.report.publishing import PLACE
from leakkit.report.worker import Rendered, Task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pytest


PIPELINES = [f"P{number:02}" for number in range(40)]
ALARM, HALF, BROKEN = "P07", "P33", "P21"
FIRST, DAYS, LEAK, EVENING = dt.date(2025, 1, 1), 540, 450, 445
"""The first day, how many there are, from which on one leaks, and when the night before was."""


class Scribe:
    """Writes pages without running notebooks; that of one pipeline breaks where it is told."""

    broken = ""

    def __init__(self, jobs: int) -> None:
        """Need nobody."""

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End."""

    def render(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Rendered]]:
        """Yield a page for each task, in turn."""
        for at, task in enumerate(tasks):
            name = task.parameters.get("pipeline", "all")
            html = f"<html><body>{PLACE}{name}</body></html>"
            yield at, Rendered(failed="a cell failed") if name == self.broken else Rendered(html)


def write_export(folder: Path, days: int, half: str = "") -> None:
    """Write what a CRM has on a day: deals come every second day, and every fifth is lost.

    From the day of the leak on four of five are lost in one pipeline. Of `half` every second deal
    is missing.
    """
    rows = ["deal,pipeline,stage,at"]
    for name in PIPELINES:
        every = 1 if name == ALARM else 3
        for at in range(0, days, every):
            number = at // every
            lost = number % 5 != 0 if name == ALARM and at >= LEAK else number % 5 == 0
            if name == half and number % 2:
                continue
            end = "Lost" if lost else "Won"
            moves = [("Offer", at), (end, at + 3 + number % 4)]
            rows += [
                f"{name}-{at},{name},{stage},{FIRST + dt.timedelta(day)}"
                for stage, day in moves
                if day < days
            ]
    folder.mkdir(exist_ok=True)
    (folder / "moves.csv").write_text("\n".join(rows) + "\n")
    (folder / "leakkit.toml").write_text(
        '[source.columns]\nopportunity_id = "deal"\nentered_at = "at"\n'
        + "".join(
            f'[[pipelines]]\nname = "{name}"\nstages = ["Offer"]\nwon = ["Won"]\nlost = ["Lost"]\n'
            for name in PIPELINES
        )
    )


def run(folder: Path, *more: str) -> tuple[Any, dict[str, Any]]:
    """Run the command as a scheduler does, and read whom it tells what."""
    told = folder / "news.json"
    given = ["report", str(folder / "crm"), "--out", str(folder / "out"), "--quiet", *more]
    result = CliRunner().invoke(cli.app, [*given, "--summary", str(told)])
    return result, json.loads(told.read_text("utf-8"))


def pages(folder: Path) -> dict[str, bytes]:
    """Return the pages that stand."""
    found = sorted((folder / "out").rglob("*.html"))
    return {str(file.relative_to(folder)): file.read_bytes() for file in found}


def test_a_night_of_forty_pipelines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "Pool", Scribe)
    write_export(tmp_path / "crm", EVENING)
    result, told = run(tmp_path, "--fail-on", "new-alarm")
    assert result.exit_code == 0, result.output
    assert not any(one["appeared"] for one in told["pipelines"])
    assert [one["pipeline"] for one in told["pipelines"]] == PIPELINES
    before = pages(tmp_path)
    assert len(before) > 2 * len(PIPELINES)

    # the export of one pipeline is half: nobody gets a page of it, and the reason is told
    write_export(tmp_path / "crm", DAYS, half=HALF)
    result, told = run(tmp_path, "--max-drop", "0.3")
    assert isinstance(result.exception, LeakkitError)
    assert pages(tmp_path) == before
    assert told["news"]
    assert HALF in told["failed"]
    assert not [name for name in PIPELINES if name != HALF and name in told["failed"]]

    # it is whole again: one page breaks, one pipeline has an alarm, and 38 hear of nothing
    write_export(tmp_path / "crm", DAYS)
    Scribe.broken = BROKEN
    try:
        result, told = run(tmp_path, "--max-drop", "0.3", "--fail-on", "new-alarm")
    finally:
        Scribe.broken = ""
    assert result.exit_code == cli.FAILED_PAGES
    news = {one["pipeline"]: one for one in told["pipelines"] if one["news"]}
    assert set(news) == {ALARM, BROKEN}
    (warned,) = news[ALARM]["appeared"]
    assert (warned["stage"], warned["severity"]) == ("Offer", "alarm")
    assert "before it was 20%" in warned["sentence"]
    assert (news[BROKEN]["failed"], news[BROKEN]["stale"]) == ("a cell failed", True)
    after = pages(tmp_path)
    (old,) = [name for name in after if BROKEN.lower() in name and name.endswith("dropoff.html")]
    assert b"lk-trouble" in after[old]
    assert b"lk-trouble" not in before[old]
