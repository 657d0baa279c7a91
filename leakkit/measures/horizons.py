"""How long stays are followed: horizons that are learnt, and the windows that are compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from leakkit.measures.survival import (
    MIN_FOLLOWED,
    Curve,
    Share,
    aalen_johansen,
    count_followed,
    final_age,
    index_at,
    longest_followed,
    merge_doors,
    share_at,
    still_to_come,
)

if TYPE_CHECKING:
    from leakkit.measures.age_counts import StayCounts
    from leakkit.measures.survival import Floats, Ints


# ---------------- horizons
# The age at which an outcome is read: learnt from the curve of a stage.

LEARN_ENTRANTS = 30
LEARN_EXITS = 15
SETTLED = 0.9
EXPECTED_ADVANCES = 50
PLATEAU_FROM = 0.75
PLATEAU_RISE = 0.05
DAY_RUNGS = (1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90, 120, 180, 270, 365, 540, 730)
HOUR_RUNGS = (1, 2, 3, 4, 6, 8, 12, 24, *(24 * days for days in DAY_RUNGS[1:]))


@dataclass(frozen=True)
class Horizon:
    """The age at which an outcome is read; `origin` says where it comes from.

    `origin` is declared, learnt, kept, or empty where there is none for `reason`.
    """

    age: float | None
    origin: str
    reason: str = ""


def settled_age(curve: Curve) -> Horizon:
    """Return q: by which age have 9 of 10 left, of those who will have left by t*?"""
    table = curve.table
    if table.entrants < LEARN_ENTRANTS or table.any_exit.sum() < LEARN_EXITS:
        return Horizon(None, "", "few_to_learn")
    limit = longest_followed(curve)
    if limit < 0:
        return Horizon(None, "", "few_followed")
    age = _find_age(curve, 1.0 - curve.staying, limit)
    return Horizon(age, "learnt") if age is not None else Horizon(None, "", "few_to_learn")


def learn_horizon(
    curve: Curve,
    expected: float | None = None,
    rungs: tuple[int, ...] = DAY_RUNGS,
    earlier: float | None = None,
) -> Horizon:
    """After how many days is this stage's outcome nearly known?

    A raw quantile of the stay moves at every run. So `settled_age` and `expected` are
    rounded up to a usual number, at most t*; and the number of the last run
    (`earlier`), where it is another one, is kept while it still fits.
    """
    settled = settled_age(curve)
    if settled.age is None:
        return settled
    limit = longest_followed(curve)
    floor = max(settled.age, expected or 0.0)
    learnt = min(next((float(step) for step in rungs if step >= floor), floor), limit)
    if earlier is None or earlier == learnt:
        return Horizon(learnt, "learnt")
    fits = _still_fits(earlier, expected or 0.0, settled.age, limit, rungs)
    return Horizon(earlier, "kept") if fits else Horizon(learnt, "learnt")


def _still_fits(
    earlier: float, expected: float, quantile: float, limit: float, rungs: tuple[int, ...]
) -> bool:
    """Say whether the horizon of the last run may stay."""
    lower = max((step for step in rungs if step < earlier), default=0)
    in_range = expected <= earlier <= limit
    return in_range and quantile <= 1.1 * earlier and quantile > 0.72 * lower


def share_in_the_end(curve: Curve, kinds: tuple[str, ...]) -> tuple[Share, Horizon]:
    """Which share leaves by the doors `kinds` in the end? Returns the age it is read at, too.

    Read at `final_age`, not at a horizon: who leaves late has left, too. The upper end of the
    interval also holds what is `still_to_come`. Missing as in `settled_age`.
    """
    settled = settled_age(curve)
    if settled.age is None:
        return Share.missing(settled.reason), settled
    age = final_age(curve)
    found = share_at(curve, kinds, age)
    if found.high is not None:
        found = replace(found, high=min(found.high + still_to_come(curve, kinds, age), 1.0))
    return found, Horizon(age, "learnt")


def _find_age(curve: Curve, share: Floats, limit: float) -> float | None:
    """Return the first age at which `share` reaches 0.9 of its value at `limit`."""
    final = share[index_at(curve, limit)]
    if final <= 0.0:
        return None
    return float(curve.ages[np.argmax(share >= SETTLED * final - 1e-12)])


def learn_expected(curve: Curve, kinds: tuple[str, ...]) -> Horizon:
    """By which age have 9 of 10 advanced, of those who will have advanced by t*?

    The habit of the pipeline, not a norm: one good deal in ten is late by
    construction. Missing without 50 advances, or without any up to t* (`few_advances`),
    where the share still rises (`no_plateau`: `F(t*) - F(0.75 t*) > 0.05 F(t*)`), and for
    the reasons of `settled_age`. How sure it is, the caller asks the bootstrap.
    """
    limit = longest_followed(curve)
    if limit < 0:
        return Horizon(None, "", "few_followed")
    share = merge_doors(curve, kinds)
    end = index_at(curve, limit)
    advances = sum(int(curve.table.exits[kind].sum()) for kind in kinds)
    if advances < EXPECTED_ADVANCES:
        return Horizon(None, "", "few_advances")
    earlier = share[end] if limit == float("inf") else share[index_at(curve, PLATEAU_FROM * limit)]
    if share[end] - earlier > PLATEAU_RISE * share[end] + 1e-12:
        return Horizon(None, "", "no_plateau")
    age = _find_age(curve, share, limit)
    return Horizon(age, "learnt") if age is not None else Horizon(None, "", "few_advances")


def quantile_age(curve: Curve, part: float) -> Horizon:
    """After how many days has the share `part` of the deals left, by any door?

    Kaplan-Meier of any exit. Missing with `not_reached` where fewer leave while they
    are followed, with `few_followed` where fewer than 20 are followed so far.
    """
    gone = 1.0 - curve.staying >= part - 1e-12
    if not gone.any():
        return Horizon(None, "", "not_reached")
    age = float(curve.ages[np.argmax(gone)])
    if count_followed(curve, age) < MIN_FOLLOWED:
        return Horizon(None, "", "few_followed")
    return Horizon(age, "learnt")


# ---------------- windows
# Which days are compared, and where the history really begins.

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
