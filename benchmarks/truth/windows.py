"""Rows 1 and 2: windows of whole days add up, and short stages have an estimate."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.truth.record import Record, share
from benchmarks.truth.worlds import Visits, first_visits
from leakkit.analysis import analyze

if TYPE_CHECKING:
    from benchmarks.truth.worlds import Ints
    from leakkit.measures.age_counts import StayCounts

AS_OF = "2026-06-30T12:00:00"
MIDDAY = (dt.date(2026, 6, 30) - dt.date(1970, 1, 1)).days + 0.5
END = int(MIDDAY)
"""The day of as_of is incomplete: windows end before it."""
WINDOW_DAYS = 30
KINDS = ("lost", "won_here")


def short_stays(rng: np.random.Generator, deals: int, low: float, high: float) -> Visits:
    """Deals that enter over 90 days and stay evenly from `low` to `high` days."""
    entered = MIDDAY - rng.uniform(0, 3 * WINDOW_DAYS + 0.5, deals)
    left = entered + rng.uniform(low, high, deals)
    return Visits(entered, left, rng.random(deals) < 0.3).known_at(MIDDAY)


# ---------------------------------------------------------------- row 1


@dataclass(frozen=True)
class AddedUp:
    """How many counts were compared, how many differ, and where every exit went."""

    compared: int
    unequal: int
    exits: int
    in_windows: int
    left_out: int
    zero_days: int


def add_up(seed: int) -> AddedUp:
    """Compare d and y of disjoint windows with those of their union, and with the definition."""
    visits = short_stays(np.random.default_rng([1, seed]), 900, 0.5, 2.0)
    first = END - 3 * WINDOW_DAYS
    months = [(first + 30 * part, first + 30 * part + 30) for part in range(3)]
    days = [(day, day + 1) for day in range(first, END)]
    with visits.load(AS_OF) as store:
        stays = first_visits(store, [(first, END), *months, *days])
        stage = analyze(store).pipelines[0].stages[0]
    whole, *parts = [_numbers(stays[part, 0]) for part in range(1 + len(months) + len(days))]
    known = _by_definition(visits, first, END)
    pairs = [(whole, _sum(parts[:3])), (whole, _sum(parts[3:])), (whole, known)]
    exits = sum(n for (kind, _), n in whole.items() if kind in KINDS)
    return AddedUp(
        compared=sum(len(one | other) for one, other in pairs),
        unequal=sum(one[key] != other[key] for one, other in pairs for key in one | other),
        exits=int((~np.isnan(visits.left) & (visits.left >= first)).sum()),
        in_windows=exits,
        left_out=stage.left_after_curves,
        zero_days=sum(whole[kind, 0] for kind in KINDS),
    )


def _numbers(stays: StayCounts) -> Counter[tuple[str, int]]:
    """Return y and d of one window by age."""
    risk = stays.table()
    found = Counter({("y", int(u)): int(n) for u, n in zip(risk.ages, risk.at_risk, strict=True)})
    # between the ages of the table nothing changes, so y of every whole day is known
    for age in range(int(risk.ages[-1])):
        found["y", age] = int(risk.at_risk[np.searchsorted(risk.ages, age, side="right") - 1])
    for kind in KINDS:
        ages, counts = stays.departures.get(kind, (np.zeros(0, np.int64),) * 2)
        found.update({(kind, int(u)): int(n) for u, n in zip(ages, counts, strict=True)})
    return +found


def _sum(parts: list[Counter[tuple[str, int]]]) -> Counter[tuple[str, int]]:
    """Add the numbers of windows."""
    total: Counter[tuple[str, int]] = Counter()
    for part in parts:
        total.update(part)
    return total


def _by_definition(visits: Visits, start: int, end: int) -> Counter[tuple[str, int]]:
    """Count y(u) and d_k(u) of [start, end) deal by deal, as docs/method.md says."""
    found: Counter[tuple[str, int]] = Counter()
    entered: Ints = np.floor(visits.entered).astype(np.int64)
    for day, left, lost in zip(entered, visits.left, visits.lost, strict=True):
        stay = np.inf if np.isnan(left) else int(left) - day
        last = min(stay, END - 1 - day)
        while_inside = [u for u in range(int(last) + 1) if start <= day + u < end]
        found.update(("y", u) for u in while_inside)
        if stay in while_inside:
            found[KINDS[0] if lost else KINDS[1], int(stay)] += 1
    return found


def windows_add_up(seed: int = 0, runs: int = 200) -> Record:
    """Row 1: every exit lies in exactly one window."""
    found = [add_up(seed + run) for run in range(runs)]
    unequal = sum(one.unequal for one in found)
    exits, inside = sum(one.exits for one in found), sum(one.in_windows for one in found)
    left_out = sum(one.left_out for one in found)
    zero = sum(one.zero_days for one in found) / inside
    note = (
        "d and y of three windows of 30 days, and of 90 windows of one day, were added up and "
        "compared with those of all 90 days, and these with a count deal by deal. "
        f"{share(zero)} of the exits are on the day of entry: tools that put intervals "
        "(entry, leaving] at risk would drop them."
    )
    return Record(
        "stays of 0.5 to 2 days, windows of 30 days, as_of at midday",
        "windows add up exactly; no exit lost",
        f"{unequal} of {sum(one.compared for one in found):,} counts differ; {exits:,} exits = "
        f"{inside:,} in the windows + {left_out:,} on the incomplete day of as_of",
        runs,
        unequal == 0 and exits == inside + left_out,
        (note,),
    )


# ---------------------------------------------------------------- row 2


@dataclass(frozen=True)
class Estimated:
    """What the stage table says of a stage that all leave within 3 days, read at 7."""

    deals: int
    known: bool
    at_risk: int
    followed: float
    reason: str


def read_late(seed: int, deals: int) -> Estimated:
    """Read a stage at day 7 that everybody has left by day 3."""
    visits = short_stays(np.random.default_rng([2, seed, deals]), deals, 0.05, 2.9)
    with visits.load(AS_OF, horizon_days=7) as store:
        stage = analyze(store).pipelines[0].stages[0]
    inside = stage.curve.table.ages <= 7
    return Estimated(
        deals=deals,
        known=stage.lost.share is not None and stage.lost.low is not None,
        at_risk=int(stage.curve.table.at_risk[inside][-1]),
        followed=stage.followed or 0.0,
        reason=stage.lost.reason,
    )


def short_stage_is_known(seed: int = 0, runs: int = 70) -> Record:
    """Row 2: a stage that everybody leaves in 3 days is known at 7."""
    enough = [read_late(seed + run, deals) for run in range(runs) for deals in (30, 300)]
    few = [read_late(seed + run, 15) for run in range(runs)]
    known = sum(one.known for one in enough)
    refused = sum(one.reason == "few_followed" for one in few)
    note = (
        f"Nobody is at risk at day 7 (at most {max(one.at_risk for one in enough)}), and at "
        f"least {min(one.followed for one in enough):.0f} equivalent entrants are followed to "
        "it: the rule counts those, so it does not blank a fast stage."
    )
    return Record(
        "all leave within 3 days, h = 7",
        "an estimate, not NA",
        f"an estimate in {known} of {len(enough)} (30 and 300 deals); with 15 deals "
        f"`few_followed` in {refused} of {len(few)}",
        len(enough) + len(few),
        known == len(enough) and refused == len(few),
        (note,),
    )
