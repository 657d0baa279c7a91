"""Rows 7 and 9: the ages E and h do not follow what they judge, and stay from week to week."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.truth.record import Record, share, table
from benchmarks.truth.worlds import learnt_ages, load_seller
from leakkit.measures.age_counts import ADVANCED
from leakkit.measures.horizons import learn_expected, learn_horizon, settled_age
from leakkit.measures.survival import aalen_johansen, longest_followed
from leakkit.sample import Leak, default_plan, make

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leakkit.sample import Plan, Sample

AS_OF = dt.date(2026, 6, 30)
QUARTER_BEGINS = AS_OF - dt.timedelta(days=89)
WEEKS = 52
FEW = 200
"""First visits in the baseline under which a stage is small."""
RARELY = 0.4
"""Changes of h a year that docs/method.md allows."""


def steady() -> Plan:
    """Plan the built-in sample without its leaks: constant rates."""
    return replace(default_plan(), leaks=())


# ---------------------------------------------------------------- row 7


@dataclass(frozen=True)
class Slowed:
    """One stage with and without the slow quarter: E, h, and the E that all days would teach."""

    expected: tuple[float | None, float | None]
    horizon: tuple[float | None, float | None]
    all_days: tuple[float | None, float | None]

    @property
    def same(self) -> bool:
        """Say whether E and h did not change at all."""
        return self.expected[0] == self.expected[1] and self.horizon[0] == self.horizon[1]


def slow_down(seed: int, deals: int = 4_000) -> list[Slowed]:
    """Make every stage twice as slow in the window that is judged, in the same lives."""
    plan = steady()
    leaks = tuple(
        Leak(line.name, stage.name, "overdue", size=2.0, from_date=QUARTER_BEGINS.isoformat())
        for line in plan.pipelines
        for stage in line.stages
    )
    before = _ages(make(deals, seed=seed, plan=plan))
    after = _ages(make(deals, seed=seed, plan=replace(plan, leaks=leaks)))
    return [
        Slowed((one[0], two[0]), (one[1], two[1]), (one[2], two[2]))
        for one, two in zip(before, after, strict=True)
    ]


def _ages(made: Sample) -> list[tuple[float | None, float | None, float | None]]:
    """Return E, h, and the E that all days would teach, of every stage."""
    with load_seller(made) as store:
        return [
            (
                one.learnt.expected.age,
                one.learnt.horizon.age,
                learn_expected(aalen_johansen(one.all_days.table()), ADVANCED).age,
            )
            for one in learnt_ages(store)
        ]


def slow_quarter_moves_no_age(seed: int = 0, runs: int = 50) -> Record:
    """Row 7: the last quarter is twice as slow."""
    found = [stage for run in range(runs) for stage in slow_down(seed + run)]
    same = sum(one.same for one in found)
    known = sum(one.expected[0] is not None for one in found)
    longer = [one.all_days[1] / one.all_days[0] for one in found
              if one.all_days[0] and one.all_days[1]]  # fmt: skip
    note = (
        "Four pipelines of six stages; every stage is twice as slow for visits that begin in "
        "the current window, in the same lives. E and h come from the baseline, which ends "
        f"before it, so they are equal and not only near (E was learnt in {known} "
        f"of {len(found)}). Learnt from all days, E would "
        f"have grown by {share(float(np.mean(longer)) - 1)} on average, and hidden a part of "
        "the slow-down."
    )
    return Record(
        "last quarter twice as slow",
        "E and h unchanged (the overdue alarm: row 13)",
        f"E and h the same in {same} of {len(found)} stages of {runs} runs",
        runs,
        same == len(found) and 2 * known > len(found),
        (note,),
    )


# ---------------------------------------------------------------- row 9


@dataclass(frozen=True)
class Week:
    """The ages of one stage in one weekly run.

    `kept` is h as leakkit gives it, with the h of the run before; `fresh` is h without
    one; `raw` is the quantile q behind it; `limit` is t*, to which enough are followed.
    """

    kept: float | None
    fresh: float | None
    raw: float | None
    expected: float | None
    limit: float
    entrants: int


def weekly(seed: int, deals: int = 4_000, weeks: int = WEEKS) -> list[list[Week]]:
    """Analyse one source every week up to as_of: the weeks of every stage."""
    made = make(deals, seed=seed, plan=steady())
    earlier: dict[tuple[str, str], float] = {}
    runs = []
    for back in range(weeks, -1, -1):
        day = AS_OF - dt.timedelta(weeks=back)
        week, earlier = _one_week(made, day.isoformat(), earlier)
        runs.append(week)
    return [list(stage) for stage in zip(*runs, strict=True)]


def _one_week(
    made: Sample, as_of: str, earlier: dict[tuple[str, str], float]
) -> tuple[list[Week], dict[tuple[str, str], float]]:
    """Analyse the source as it was known at as_of; returns the horizons to keep, too."""
    with load_seller(made, as_of=as_of) as store:
        ages = learnt_ages(store, earlier)
    weeks, kept = [], {}
    for one in ages:
        curve = aalen_johansen(one.sample.table())
        expected, horizon = one.learnt.expected.age, one.learnt.horizon.age
        fresh, raw = learn_horizon(curve, expected).age, settled_age(curve).age
        limit, entrants = longest_followed(curve), curve.table.entrants
        weeks.append(Week(horizon, fresh, raw, expected, limit, entrants))
        if horizon is not None:
            kept[one.pipeline, one.stage] = horizon
    return weeks, kept


def changes(ages: Sequence[float | None]) -> int:
    """Count how often an age differs from the one of the week before.

    An age that comes or goes counts, too.

    >>> changes([30, 30, 45, None, None, 45])
    3
    """
    return sum(one != other for one, other in pairwise(ages))


def a_year(stages: Iterable[Sequence[Week]], name: str) -> float:
    """Return the changes of an age per stage and year of 52 weeks."""
    each = [(changes([getattr(week, name) for week in weeks]), len(weeks) - 1) for weeks in stages]
    return sum(n for n, _ in each) / sum(weeks for _, weeks in each) * WEEKS


def why(before: Week, after: Week) -> str:
    """Say which condition let h go."""
    if before.kept is None or after.kept is None:
        return "h came or went"
    if after.expected is not None and after.expected > before.kept:
        return "E grew past h"
    if before.kept > after.limit:
        return "too few were followed to h"
    return "q left the range of h"


def causes(stages: Iterable[Sequence[Week]]) -> Counter[str]:
    """Count the changes of h by the condition that let it go."""
    pairs = [pair for weeks in stages for pair in pairwise(weeks)]
    return Counter(why(one, two) for one, two in pairs if one.kept != two.kept)


AGES = {
    "kept": "h, as leakkit gives it (the h of the last run stays while it fits)",
    "fresh": "h, learnt anew at every run",
    "raw": "the raw quantile q behind h",
    "expected": "E",
}


def ages_stay(seed: int = 0, runs: int = 50) -> Record:
    """Row 9: weekly runs over a year."""
    stages = [stage for run in range(runs) for stage in weekly(seed + run)]
    rate = {name: a_year(stages, name) for name in AGES}
    few, many = by_size(stages)
    large = a_year(many, "kept")
    small = f"{a_year(few, 'kept'):.2f}" if few else "none"
    rows = [[text, f"{rate[name]:.2f}"] for name, text in AGES.items()]
    note = f"{len(stages)} stages of four pipelines in {runs} sources, {WEEKS + 1} runs each."
    return Record(
        "weekly runs over a year, constant rates",
        f"h changes at most {RARELY} times a year in stages with at least {FEW} first visits in "
        "the baseline, a raw quantile far more often",
        f"h {large:.2f} times a year there (smaller stages {small}, all {rate['kept']:.2f}), the "
        f"raw quantile {rate['raw']:.1f} times",
        runs,
        large <= RARELY and rate["raw"] > 10 * RARELY,
        (
            note,
            table(["age", "changes per stage and year"], rows),
            _why_it_changes(stages),
            _how_expected_moves(stages),
        ),
    )


def by_size(stages: list[list[Week]]) -> tuple[list[list[Week]], list[list[Week]]]:
    """Part the stages into those with few first visits in the baseline, and the others."""
    small = [np.mean([week.entrants for week in weeks]) < FEW for weeks in stages]
    few = [weeks for weeks, is_small in zip(stages, small, strict=True) if is_small]
    return few, [weeks for weeks, is_small in zip(stages, small, strict=True) if not is_small]


def _why_it_changes(stages: list[list[Week]]) -> str:
    """Say which stages change their h, and why."""
    few, many = by_size(stages)
    each = ", ".join(f"{text} {n}" for text, n in sorted(causes(stages).items()))
    most = max(changes([week.kept for week in weeks]) for weeks in stages)
    return (
        f"Of the {sum(causes(stages).values())} changes of h: {each}. In the {len(few)} stages "
        f"with fewer than {FEW} first visits in the baseline it changes {a_year(few, 'kept'):.2f} "
        f"times a year (at most {most} times), in the {len(many)} others "
        f"{a_year(many, 'kept'):.2f} times. q may pass h by a tenth before h goes, but E by "
        "nothing, and E has no memory."
    )


def _how_expected_moves(stages: list[list[Week]]) -> str:
    """Say how far E moves from week to week."""
    expected = [[week.expected for week in weeks] for weeks in stages]
    steps = [abs(b - a) for ages in expected for a, b in pairwise(ages) if a and b and a != b]
    missing = np.mean([age is None for ages in expected for age in ages])
    return (
        "E moves nearly as often as a raw quantile: by one day in "
        f"{share(float(np.mean(np.array(steps) == 1)))} of its changes, and by {max(steps):.0f} "
        f"days at most; it is missing in {share(float(missing))} of the weeks."
    )
