"""Losses that are entered weeks after the day that they bear: the next run measures it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.truth.record import Record, share, table
from benchmarks.truth.sellers import Seller, live, load_together, together
from leakkit.analysis import Seen, analyze, losses_appeared
from leakkit.findings.finding import IMPROVED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leakkit.analysis import Analysis
    from leakkit.analysis.numbers import PipelineNumbers

LATE, BETWEEN = 30, 28
"""Days by which losses are late, and days between the two runs."""


@dataclass(frozen=True)
class Entered:
    """What two runs say of the losses of one pipeline.

    `late` of the `new` ones, half of them by `days` or more; `better` stages of an unchanged
    pipeline are said to lose less by one of the runs, surely or perhaps; `many` is said at the
    head of the page.
    """

    new: int
    late: int
    days: float
    many: bool
    better: int


def run_twice(numbers: Iterable[int], seed: int, late: int, deals: int = 2_500) -> list[Entered]:
    """Run on the data of four weeks ago, and again on those of today."""
    lives = {f"P{number}": live(Seller(), deals, seed + number) for number in numbers}
    with load_together(lives, before=BETWEEN, late=late) as store:
        then = analyze(store)
        seen = {one.name: Seen.of(then, one).facts() for one in then.pipelines}
    with load_together(lives, late=late) as store:
        store.set_meta("last_run", seen)
        now = analyze(store)
        return [_compare_runs(then, now, one) for one in now.pipelines]


def _compare_runs(then: Analysis, now: Analysis, pipeline: PipelineNumbers) -> Entered:
    """Return what the two runs say of one pipeline."""
    found = losses_appeared(now, pipeline)
    better = sum(
        (f.pipeline, f.kind) == (pipeline.name, "lost") and f.severity in IMPROVED
        for one in (then, now)
        for f in one.all_findings
    )
    if found is None:
        return Entered(0, 0, 0.0, many=False, better=better)
    return Entered(found.losses, found.late, found.days, many=found.many, better=better)


def late_losses_are_measured(seed: int = 68_000, runs: int = 200) -> Record:
    """Losses that are entered 30 days late, and losses that are entered at once."""
    worlds = {
        days: [one for part in together(runs) for one in run_twice(part, seed, days)]
        for days in (LATE, 0)
    }
    slow, prompt = worlds[LATE], worlds[0]
    said = float(np.mean([one.many and one.days <= LATE for one in slow]))
    wrong = float(np.mean([one.late > 0 for one in prompt]))
    better = float(np.mean([one.better > 0 for one in slow]))
    rows = [
        [
            f"{days} days late",
            str(sum(one.new for one in found)),
            share(sum(one.late for one in found) / max(sum(one.new for one in found), 1)),
            f"{float(np.median([one.days for one in found])):g}",
            share(float(np.mean([one.better > 0 for one in found]))),
        ]
        for days, found in worlds.items()
    ]
    return Record(
        "losses entered 30 days late, two runs 28 days apart; losses entered at once",
        "said at the head of the page in .98 of the runs, and by no more days than they are late; "
        "nothing is called late in .98 where nothing is; no stage is better in .98",
        f"said in {share(said)}; called late where nothing is in {share(wrong)}; better in "
        f"{share(better)}",
        2 * runs,
        said >= 0.98 and wrong <= 0.02 and better <= 0.02,
        (
            (
                "Nothing changes in these pipelines. The days that are said are the least: a loss "
                "that the last run did not have is late by what lies between its day and the end "
                "of the data of that run. The last column is the part of the pipelines with a "
                "stage that one of the runs says to be better, surely or perhaps: deals whose "
                "losses are not entered yet look open, and recent shares are too low. The first "
                "run has only the pause at the end to go by."
            ),
            table(["losses are", "new", "called late", "by days, median", "better"], rows),
        ),
    )
