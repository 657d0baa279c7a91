"""Which days are compared, and where the history really begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leakkit.measures.survival import aalen_johansen

if TYPE_CHECKING:
    from leakkit.measures.counts import StayCounts
    from leakkit.measures.survival import Ints

MIN_BASELINE_DAYS = 28
MIN_BASELINE_ENTRIES = 20
CLOSES = ("won_here", "lost")
TRUNCATED_PASSAGES = 20
TRUNCATED_CLOSES = 10.0

Days = tuple[int, int]


@dataclass(frozen=True)
class Windows:
    """The days that are compared, as local day numbers [first, end); None where there is none.

    `start_day` is where curves begin: `history_start`, else `first_day`.
    `history_origin` is declared, detected, or empty where the history is whole.
    """

    first_day: int
    end_day: int
    history_start: int | None
    history_origin: str
    baseline: Days | None
    current: Days | None

    @property
    def start_day(self) -> int:
        """The first day on which curves look."""
        return self.first_day if self.history_start is None else self.history_start


def expected_closes_before(later: StayCounts) -> tuple[int, float]:
    """How many closes should a stage have had before the first recorded one?

    `later` counts the risk set of the window that begins with the first close of the
    pipeline: who arrives there at an age u > 0 was inside for u days before, in which
    the later hazard of closes would have let `1 - S(u - 1)` of them go. Moves from
    stage to stage do not count: deals that an export kept bring their early moves
    along. Returns the number of such passages, and of such closes.
    """
    ages, n = later.arrivals
    before = ages > 0
    curve = aalen_johansen(later.table_of(CLOSES))
    where = np.searchsorted(curve.ages, ages[before] - 1, side="right") - 1
    gone = 1.0 - curve.staying[where]
    return int(n[before].sum()), float((n[before] * gone).sum())


def is_truncated(stages: list[StayCounts]) -> bool:
    """Does the source begin to record closes later than entries?

    The first closes of an export are often those of deals that were already old. Read
    as a whole history they make the first quarter look better than all others.
    """
    found = [expected_closes_before(stage) for stage in stages]
    passages = sum(count for count, _ in found)
    return passages >= TRUNCATED_PASSAGES and sum(closes for _, closes in found) >= TRUNCATED_CLOSES


def choose_windows(
    start_day: int, end_day: int, entered: tuple[Ints, Ints], current_days: int, baseline_days: int
) -> tuple[Days | None, Days | None]:
    """Return (baseline, current): the last days, and up to `baseline_days` directly before.

    A shorter history gives what is left, if that is at least max(28, current/2) days
    with 20 deals entered; else the current window is halved once; else no baseline.
    `entered` is (days, counts) of deals that came into the pipeline.
    """
    for days in (current_days, current_days // 2):
        current = (max(end_day - days, start_day), end_day)
        baseline = (max(start_day, current[0] - baseline_days), current[0])
        inside = (entered[0] >= baseline[0]) & (entered[0] < baseline[1])
        long_enough = baseline[1] - baseline[0] >= max(MIN_BASELINE_DAYS, days / 2)
        if long_enough and entered[1][inside].sum() >= MIN_BASELINE_ENTRIES:
            return baseline, current
    return None, (max(end_day - current_days, start_day), end_day)
