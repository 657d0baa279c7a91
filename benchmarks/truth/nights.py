"""Warnings where nothing happened: how often do they come, on one night and over a year?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import chi2

from benchmarks.truth.coverage import FEW_DAYS, HORIZON, _table, in_the_end
from benchmarks.truth.record import Record, share, table
from leakkit.findings.comparison import STEADY, compare_shares
from leakkit.findings.stage_readings import curves_by_stage, read_left_by, still_inside
from leakkit.findings.warnings import (
    WarningRules,
    Watched,
    find_warnings,
    find_wobble,
    plan_windows,
)
from leakkit.measures.age_counts import ADVANCED, EXITS
from leakkit.measures.horizons import Windows, learn_expected, learn_horizon
from leakkit.measures.survival import Curve, RiskTable, aalen_johansen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.truth.worlds import Bools, Ints
    from leakkit.findings.finding import Finding
    from leakkit.findings.warnings import WindowPlan

LOST, NEXT, RETURNED = (EXITS.index(kind) for kind in ("lost", "next", "returned"))
SHARES = (0.02, 0.05, 0.1, 0.2, 0.4)
DEALS = (30, 50, 100, 200, 400)
MONTH, QUARTER, YEAR = 30, 91, 365
PIPELINE = "Deals"
SINGLE = ("current", "baseline", "current_then", "baseline_then", "last_year")
BASELINE = SINGLE.index("baseline")
WEEKS = 52
FIRST_NIGHT = 480
"""Days of history before the year of looks begins."""


@dataclass(frozen=True)
class Visits:
    """Whole first visits to one stage: days of entry and of leaving, and by which door."""

    entered: Ints
    left: Ints
    exits: Ints

    def counted(self, stage: int, windows: Sequence[tuple[int, int] | None]) -> pd.DataFrame:
        """Count them in windows as the query does, a row per arrival and departure."""
        parts = []
        for part, days in enumerate(windows):
            if days is None:
                continue
            first, end = days
            inside = (self.entered < end) & (self.left >= first)
            entered, left = self.entered[inside], self.left[inside]
            come = np.maximum(first - entered, 0)
            gone = np.minimum(left, end - 1) - entered
            exits = np.where(left < end, self.exits[inside], 0)
            ages = np.concatenate([come, gone])
            arrives = np.repeat([1, 0], len(entered))
            doors = np.concatenate([np.full(len(entered), -1), exits])
            parts.append(
                pd.DataFrame({"part": part, "age": ages, "arrives": arrives, "exit": doors})
            )
        return pd.concat(parts).assign(pipeline=0, stage=stage, visits=1, n=1)


@dataclass(frozen=True)
class World:
    """What the stages of a pipeline do.

    `wobble` is the sd of a month's logit of losses: the month in which a deal is decided,
    or with `by_entry` the one in which it came in. Visits that begin on day `slow_from` or
    later take twice as long. `more_from` is (stage, day, points): of what is decided on
    that day or later so much more is lost. `season` is how many points more than on average
    are lost of what comes in on the worst day of a year, day `worst_day`; and fewer half a
    year later.
    """

    lost: tuple[float, ...] = (0.2, 0.12, 0.25, 0.1)
    days: tuple[float, ...] = (5.0, 8.0, 13.0, 9.0)
    returned: float = 0.05
    per_day: float = 3.0
    wobble: float = 0.0
    by_entry: bool = False
    clean_ups: bool = False
    slow_from: int | None = None
    more_from: tuple[int, int, float] | None = None
    season: float = 0.0
    worst_day: int = 0

    def live(self, rng: np.random.Generator, length: int) -> list[Visits]:
        """Simulate the visits of `length` days, stage by stage."""
        plans = zip(self.lost, self.days, strict=True)
        return [self._stage(rng, length, *each, stage) for stage, each in enumerate(plans)]

    def _stage(
        self, rng: np.random.Generator, length: int, lost: float, mean: float, stage: int
    ) -> Visits:
        entered = np.sort(rng.integers(0, length, rng.poisson(self.per_day * length)))
        months = rng.normal(0.0, self.wobble, length // MONTH + 1) if self.wobble else np.zeros(1)
        stay = rng.gamma(1.5, mean / 1.5, len(entered))
        if self.slow_from is not None:
            stay = np.where(entered >= self.slow_from, 2.0, 1.0) * stay
        left = entered + np.floor(stay + rng.random(len(entered))).astype(np.int64)
        told = entered if self.by_entry else left
        logit = np.log(lost / (1 - lost)) + months[told // MONTH % len(months)]
        draw = rng.random(len(entered))
        chance = 1 / (1 + np.exp(-logit))
        if self.more_from is not None and self.more_from[0] == stage:
            chance = chance + np.where(left >= self.more_from[1], self.more_from[2], 0.0)
        if self.season:
            chance += self.season * np.cos(2 * np.pi * (entered - self.worst_day) / YEAR)
        is_lost = draw < chance
        back = draw > 1 - self.returned
        exits = np.where(is_lost, LOST, np.where(back, RETURNED, NEXT))
        if self.clean_ups:
            left, exits = self._clean(rng, entered, left, exits, mean)
        return Visits(entered, left, exits)

    @staticmethod
    def _clean(
        rng: np.random.Generator, entered: Ints, left: Ints, exits: Ints, mean: float
    ) -> tuple[Ints, Ints]:
        """Close half of what is old at the end of each quarter as lost."""
        for day in range(QUARTER, int(left.max()) + 1, QUARTER):
            old: Bools = (entered < day - mean) & (left > day)
            old &= rng.random(len(entered)) < 0.5
            left, exits = np.where(old, day, left), np.where(old, LOST, exits)
        return left, exits


def look(visits: list[Visits], end: int, ages: list[tuple[float, float]] | None = None) -> Look:
    """Look at a pipeline on the night before day `end`; E and h are learnt from the baseline."""
    windows = Windows(0, end, None, "", (end - 360, end - 90), (end - 90, end))
    plan = plan_windows(windows, 28)
    assert plan is not None
    spans = [*(getattr(plan, name) for name in SINGLE), *plan.months]
    frame = pd.concat([one.counted(stage, spans) for stage, one in enumerate(visits)])
    watched, learnt = [], []
    for (_, stage), curve in curves_by_stage(frame, len(spans)):
        age = _learn(curve) if ages is None else ages[stage]
        learnt.append(age)
        watched += list(_watch(f"S{stage}", curve, age, plan))
    return Look(tuple(watched), learnt)


@dataclass(frozen=True)
class Look:
    """The shares of one night, and the ages that they were read at."""

    watched: tuple[Watched, ...]
    ages: list[tuple[float, float]]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What leakkit would say."""
        return find_warnings(self.watched, WarningRules())

    def p_values(self, *, phi: bool) -> list[float]:
        """Return the p of every testable loss, with the wobble of the months or without."""
        known = find_wobble(self.watched) if phi else {}
        found = [
            one.compare(known.get((one.pipeline, one.kind)) or STEADY)
            for one in self.watched
            if one.kind == "lost"
        ]
        return [one.p_value for one in found if one is not None]


def _learn(curve: Curve) -> tuple[float, float]:
    """Learn (E, h) of a stage from its baseline; 0 where there is no E."""
    own = curve.table
    exits = {kind: n[BASELINE] for kind, n in own.exits.items()}
    entrants = int(own.at_risk[BASELINE].max())
    baseline = aalen_johansen(RiskTable(own.ages, own.at_risk[BASELINE], exits, entrants))
    expected = learn_expected(baseline, ADVANCED).age
    return expected or 0.0, learn_horizon(baseline, expected).age or 0.0


def _watch(
    stage: str, curve: Curve, age: tuple[float, float], plan: WindowPlan
) -> Iterator[Watched]:
    """Put the readings of a stage into their windows."""
    expected, horizon = age
    for kind in ("lost", "overdue", "returned"):
        at = expected if kind == "overdue" else horizon
        if not at:
            continue
        read = still_inside(curve, at) if kind == "overdue" else read_left_by(curve, (kind,), at)
        there = [getattr(plan, name) is not None for name in SINGLE]
        single = [read.at(n) if known else None for n, known in enumerate(there)]
        now, before, now_then, before_then, last_year = single
        inside = still_inside(curve, at)
        decided = (inside.at(0), inside.at(BASELINE)) if kind == "lost" else (None, None)
        yield Watched(
            PIPELINE, stage, kind, plan, now, before, now_then, before_then, last_year,
            read.of(slice(len(SINGLE), None)), None, *decided,
        )  # fmt: skip


# ---------------------------------------------------------------- size of the test


def size(lost: float, deals: int, runs: int, seed: int) -> tuple[int, int]:
    """Compare a window with one of three times the deals, equal chances: (rejected, tested)."""
    rng = np.random.default_rng([10, seed, round(1000 * lost), deals])
    rejected = tested = 0
    for _ in range(runs):
        read = []
        for n in (deals, 3 * deals):
            curve = aalen_johansen(_table(rng, in_the_end(lost), n, FEW_DAYS)[0])
            single = Curve(
                RiskTable(
                    curve.ages,
                    curve.table.at_risk[None],
                    {kind: x[None] for kind, x in curve.table.exits.items()},
                    n,
                ),
                curve.staying[None],
                curve.staying_before[None],
                {kind: x[None] for kind, x in curve.leaving.items()},
                curve.equivalent[None],
            )
            read.append(read_left_by(single, ("lost",), HORIZON).at(0))
        if all(one.known for one in read):
            tested += 1
            rejected += compare_shares(read[0], read[1]).p_value <= 0.05
    return rejected, tested


def size_is_kept(seed: int = 0, runs: int = 2_000) -> Record:
    """Row 10: how often is p at most .05 where nothing changed?"""
    cells = {(lost, n): size(lost, n, runs, seed) for lost in SHARES for n in DEALS}
    rates = {key: hit / done for key, (hit, done) in cells.items() if done >= runs / 2}
    mean = float(np.mean(list(rates.values())))
    worst = max(rates, key=lambda key: rates[key])
    rows = [
        [f"{lost:g}", *(share(rates[lost, n]) if (lost, n) in rates else "" for n in DEALS)]
        for lost in SHARES
    ]
    return Record(
        "two windows with equal chances and open deals, p .02 to .4, n 30 to 400 (and 3 n before)",
        "p <= .05 in .03 to .06 of the tests on average",
        f"in {share(mean)}; at most {share(rates[worst])} (p {worst[0]:g}, n {worst[1]})",
        runs * len(cells),
        0.03 <= mean <= 0.06,
        (
            (
                "Deals as in row 3, with open ones. Share of tests with p <= .05 (cells "
                "where fewer "
                "than half of the runs could be tested are empty); rare events go by "
                "Fisher's exact "
                "test, which rejects less often than it may."
            ),
            table(["p", *(f"n = {n}" for n in DEALS)], rows),
        ),
    )


def wobbling_months(seed: int = 0, runs: int = 500) -> Record:
    """Row 11: months that differ by themselves, and clean-ups at the end of quarters."""
    worlds = {
        "months wobble": World(wobble=0.3),
        "wobble by month of entry": World(wobble=0.3, by_entry=True),
        "clean-ups": World(clean_ups=True),
        "neither": World(),
    }
    found = {name: sizes(world, seed, runs) for name, world in worlds.items()}
    rows = [[name, share(plain), share(with_phi), f"{n:,}"] for name, (plain, with_phi, n)
            in found.items()]  # fmt: skip
    return Record(
        "months wobble (logit sd .3); quarter-end clean-ups",
        "p <= .05 in at most .07 of the tests with phi",
        f"wobble {share(found['months wobble'][1])}, clean-ups {share(found['clean-ups'][1])}; "
        f"without phi {share(found['months wobble'][0])} and {share(found['clean-ups'][0])}",
        len(worlds) * runs,
        max(found[name][1] for name in ("months wobble", "clean-ups")) <= 0.07,
        (
            (
                "Pipelines of four stages, 3 deals a day each, lost shares .1 to .25; "
                "every month of "
                "every stage draws its own logit, for the deals decided in it. Where a "
                "month works on "
                "the deals that come in, neighbouring months share its deals, so they "
                "look more alike "
                "than they are, and phi is a little small. At the end of each quarter half of the "
                "deals that are older than the mean stay are closed as lost. Lost "
                "shares, current 90 "
                "days against the 270 before."
            ),
            table(["world", "without phi", "with phi", "tests"], rows),
        ),
    )


def sizes(world: World, seed: int, runs: int) -> tuple[float, float, int]:
    """Return how often p is at most .05, without phi and with it, and of how many tests."""
    plain, with_phi = [], []
    for run in range(runs):
        night = look(world.live(np.random.default_rng([11, seed, run]), 480), 480)
        plain += night.p_values(phi=False)
        with_phi += night.p_values(phi=True)
    return *(float(np.mean(np.array(p) <= 0.05)) for p in (plain, with_phi)), len(plain)  # type: ignore[return-value]


# ---------------------------------------------------------------- a year of nights


@dataclass(frozen=True)
class Year:
    """One pipeline over a year: looks with an alarm, and how many alarms began."""

    looks: int
    alarming: int
    alarms: int
    naive: int


def year(seed: int, every: int = 7, world: World | None = None) -> Year:
    """Look at a pipeline in which nothing changes, every so many nights for a year."""
    nights = range(FIRST_NIGHT, FIRST_NIGHT + WEEKS * 7, every)
    visits = (world or World()).live(np.random.default_rng([12, seed]), nights[-1])
    alarming = alarms = naive = 0
    before: set[tuple[str, str, str]] = set()
    plain_before: set[tuple[str, str]] = set()
    for night in nights:
        found = look(visits, night)
        now = {f.key for f in found.findings if f.severity == "alarm"}
        alarms += len(now - before)
        alarming += bool(now)
        before = now
        rises = [(one, one.compare()) for one in found.watched]
        plain = {
            (one.stage, one.kind)
            for one, rise in rises
            if rise is not None and rise.change >= 0.03 and rise.p_value <= 0.05
        }
        naive += len(plain - plain_before)
        plain_before = plain
    return Year(len(nights), alarming, alarms, naive)


def a_year_of_nights(seed: int = 0, runs: int = 200) -> Record:
    """Row 12: nothing happens for a year, and leakkit looks every week."""
    found = [year(seed + run) for run in range(runs)]
    alarms, naive = (sum(getattr(one, name) for one in found) for name in ("alarms", "naive"))
    rate = alarms / runs
    least = chi2.ppf(0.025, 2 * alarms) / 2 / runs if alarms else 0.0
    most = chi2.ppf(0.975, 2 * alarms + 2) / 2 / runs
    return Record(
        "null, weekly looks for a year",
        "at most .10 false alarms per pipeline and year",
        f"{rate:.2f} ({alarms} in {runs} years); p <= .05 alone would have called "
        f"{naive / runs:.1f} a year",
        runs,
        rate <= 0.10,
        (
            (
                "Pipelines of four stages as in the row before, without a wobble, up to 12 shares "
                "tested at a look. An alarm that stays counts once; with so few of them the rate "
                f"may be {least:.2f} to {most:.2f} (95 % interval). "
                f"Of {sum(one.looks for one in found):,} looks "
                f"{sum(one.alarming for one in found)} "
                "had an alarm standing. Looking every week sees what nights would: an alarm wants "
                "two looks 28 days apart."
            ),
        ),
    )


# ---------------------------------------------------------------- a slow quarter


def slow_quarter(seed: int = 0, runs: int = 200) -> Record:
    """Row 13: the current window is twice as slow."""
    alarms = stages = others = 0
    changed = 0
    for run in range(runs):
        rng = np.random.default_rng([13, seed, run])
        slow = look(World(slow_from=390).live(rng, 480), 480)
        rng = np.random.default_rng([13, seed, run])
        changed += slow.ages != look(World().live(rng, 480), 480).ages
        found = {f.key: f.severity for f in slow.findings}
        alarms += sum(v == "alarm" for (_, _, kind), v in found.items() if kind == "overdue")
        others += sum(v == "alarm" for (_, _, kind), v in found.items() if kind == "returned")
        stages += sum(one.kind == "overdue" for one in slow.watched)
    return Record(
        "last quarter twice as slow",
        "E and h unchanged in every run; an overdue alarm in .95 of the stages",
        f"E and h changed in {changed} of {runs}; alarm in {share(alarms / stages)} of {stages}",
        runs,
        changed == 0 and alarms >= 0.95 * stages,
        (
            (
                "Pipelines of four stages, 3 deals a day each; the visits that begin in "
                "the current "
                f"90 days take twice as long. {others} alarms of another kind (returned)."
            ),
        ),
    )
