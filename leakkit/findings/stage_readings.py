"""The passages of one stage as arrays, and shares read from them by group and by window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import numpy as np

from leakkit.measures.age_counts import ADVANCED, CURVE_KINDS, EXITS
from leakkit.measures.survival import (
    MIN_FOLLOWED,
    Curve,
    RiskTable,
    aalen_johansen,
    greenwood,
    index_at,
    merge_doors,
    staying_variance,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from leakkit.measures.horizons import Days
    from leakkit.measures.survival import Floats, Ints


if TYPE_CHECKING:
    Bools = NDArray[np.bool_]


FAR = 1 << 40
"""The tick and day of leaving of a passage that is still open."""
UNKNOWN = -1
"""A value, or a number of days, that is not known."""
LOST = EXITS.index("lost")
ADVANCED_EXITS = tuple(EXITS.index(kind) for kind in ADVANCED)
CENSORED_EXITS = (EXITS.index("open"), EXITS.index("moved"))


class Stays(Protocol):
    """When passages of one stage began and ended, and how: what a risk set is made of."""

    @property
    def per_day(self) -> int:
        """Units of stay in a day."""

    @property
    def visit(self) -> Ints:
        """Which visit of its deal each is, from 1 on."""

    @property
    def exit(self) -> Ints:
        """How each ended."""

    @property
    def entered_tick(self) -> Ints:
        """When each began."""

    @property
    def left_tick(self) -> Ints:
        """When each ended; `FAR` while open."""


@dataclass(frozen=True)
class Design:
    """One entry per passage of one stage.

    `stage` and `kinds` say where in the pipeline: the kind of every stage, in order.
    Ticks are units of stay, `per_day` of them make a day; days are local day numbers.
    `returns` counts how often the deal went back before this passage ended,
    `passages_before` its passages before this one, `outcome` is 0 open, 1 won, 2 lost
    as of today, `value` whole minor units. `silent_days` and `longest_gap_days` are None
    without activities. `segments` are codes by column and `labels` their texts, code 0
    being the missing one; `reason` is a code of `reasons` likewise. `owner`, `product` and
    `competitor` name columns of `segments`, or are empty. `passages` counts all of the
    stage: more than there are entries where these are a sample.
    """

    stage: int
    kinds: tuple[str, ...]
    per_day: int
    opportunity: Ints
    visit: Ints
    exit: Ints
    entered_day: Ints
    left_day: Ints
    entered_tick: Ints
    left_tick: Ints
    returns: Ints
    passages_before: Ints
    value: Ints
    outcome: Ints
    reason: Ints
    reasons: tuple[str, ...]
    segments: Mapping[str, Ints]
    labels: Mapping[str, tuple[str, ...]]
    passages: int
    owner: str = ""
    product: str = ""
    competitor: str = ""
    known_at_entry: tuple[str, ...] = ()
    silent_days: Ints | None = None
    longest_gap_days: Ints | None = None

    def __len__(self) -> int:
        """Return the number of passages."""
        return len(self.opportunity)

    @property
    def stay(self) -> Ints:
        """Return the whole units of stay; `FAR` and more while open."""
        return self.left_tick - self.entered_tick

    @property
    def advanced(self) -> Bools:
        """Say which passages left by the right door."""
        return np.isin(self.exit, ADVANCED_EXITS)

    @property
    def lost(self) -> Bools:
        """Say which passages ended with a loss."""
        found: Bools = self.exit == LOST
        return found

    def left_in(self, days: Days) -> Bools:
        """Say which passages ended within [first, end) of these days."""
        return (self.left_day >= days[0]) & (self.left_day < days[1])

    def only(self, chosen: Bools | Ints) -> Design:
        """Return some of the passages."""
        columns = {
            name: getattr(self, name)[chosen]
            for name in _COLUMNS
            if getattr(self, name) is not None
        }
        segments = {name: codes[chosen] for name, codes in self.segments.items()}
        return replace(self, **columns, segments=segments)


_COLUMNS = (
    "opportunity", "visit", "exit", "entered_day", "left_day", "entered_tick", "left_tick",
    "returns", "passages_before", "value", "outcome", "reason", "silent_days", "longest_gap_days",
)  # fmt: skip


@dataclass(frozen=True)
class AtRisk:
    """The risk set of a window: when each passage comes under observation, and how it ends.

    `rows` are positions in the design; `arrive` and `leave` are ages, `exit` is 0 where
    the passage is censored (method, section 2). `entered` says who entered in the window.
    """

    rows: Ints
    arrive: Ints
    leave: Ints
    exit: Ints
    entered: Bools


def at_risk(design: Stays, days: Days, *, first_only: bool = True) -> AtRisk:
    """Return the risk set of a window of days, which ends with `days[1] - 1`."""
    first, end = (day * design.per_day for day in days)
    inside = (design.entered_tick < end) & (design.left_tick >= first)
    if first_only:
        inside &= design.visit == 1
    rows = np.flatnonzero(inside)
    came, left = design.entered_tick[rows], design.left_tick[rows]
    done = (left < end) & ~np.isin(design.exit[rows], CENSORED_EXITS)
    return AtRisk(
        rows=rows,
        arrive=np.maximum(first - came, 0),
        leave=np.minimum(left, end - 1) - came,
        exit=np.where(done, design.exit[rows], 0),
        entered=came >= first,
    )


# ---------------- groups
# The curves of many groups of one stage at once, from counts by group and age.

KINDS = {"lost": (LOST,), "returned": (EXITS.index("returned"),), "overdue": ()}
"""The exits that a kind of leak counts; overdue counts who is still there."""
MOST_AGES = 512
"""Ages told apart; more (stays by the hour) are joined where few exits are."""


@dataclass(frozen=True)
class Spells:
    """The risk set of a window on a grid of ages up to the horizon, one entry per passage.

    `arrive` and `leave` are positions on the grid of `width` ages, `leave` being `width`
    for who stays past it; `own` says who left by the wanted exit, `gone` who left at all.
    """

    rows: Ints
    arrive: Ints
    leave: Ints
    own: Bools
    gone: Bools
    entered: Bools
    width: int
    staying: bool

    def __len__(self) -> int:
        """Return the number of passages."""
        return len(self.rows)


def spells(risk: AtRisk, horizon: float, kind: str) -> Spells:
    """Cut a risk set at the horizon, and put its ages onto a grid."""
    inside = risk.arrive <= horizon
    arrive, leave = risk.arrive[inside], risk.leave[inside]
    within = leave <= horizon
    gone = (risk.exit[inside] > 0) & within
    grid = _grid(arrive, leave[within], leave[gone])
    return Spells(
        rows=risk.rows[inside],
        arrive=np.searchsorted(grid, arrive, side="right") - 1,
        leave=np.where(within, np.searchsorted(grid, leave, side="right") - 1, len(grid)),
        own=gone & np.isin(risk.exit[inside], KINDS[kind]),
        gone=gone,
        entered=risk.entered[inside],
        width=len(grid),
        staying=kind == "overdue",
    )


def _grid(arrive: Ints, leave: Ints, exits: Ints) -> Ints:
    """Return the ages at which the number at risk changes, joined where there are too many."""
    ages = np.unique(np.concatenate([[0], arrive, leave, leave + 1]))
    if len(ages) <= MOST_AGES:
        return ages
    parts = np.linspace(0.0, 1.0, MOST_AGES)
    kept = np.quantile(exits, parts, method="inverted_cdf") if len(exits) else ages[:1]
    return np.unique(np.concatenate([[0], kept])).astype(np.int64)


@dataclass(frozen=True)
class GroupCounts:
    """Numbers at risk, wanted exits and all exits: arrays [group, age].

    Counts of disjoint groups add up, and those of a part can be taken off the whole.
    """

    at_risk: Floats
    own: Floats
    gone: Floats
    staying: bool

    def __sub__(self, part: GroupCounts) -> GroupCounts:
        """Return the counts of the rest."""
        return GroupCounts(
            self.at_risk - part.at_risk, self.own - part.own, self.gone - part.gone, self.staying
        )

    def take(self, groups: Ints | slice) -> GroupCounts:
        """Return some of the groups."""
        return GroupCounts(self.at_risk[groups], self.own[groups], self.gone[groups], self.staying)


def count_groups(
    spans: Spells, group: Ints, groups: int, weight: Floats | None = None
) -> GroupCounts:
    """Count by group and age; passages of a group below 0 are left out."""
    chosen = group >= 0
    width = spans.width + 1

    def spread(age: Ints, which: Bools) -> Floats:
        rows = chosen & which
        key = group[rows] * width + age[rows]
        by = None if weight is None else weight[rows]
        total = np.bincount(key, by, groups * width).reshape(groups, width)
        counted: Floats = total[:, :-1].astype(np.float64)
        return counted

    everyone = np.ones(len(spans), dtype=bool)
    left = spread(spans.leave, everyone)
    came = np.cumsum(spread(spans.arrive, everyone), axis=1)
    at_risk = came - np.cumsum(left, axis=1) + left
    return GroupCounts(at_risk, spread(spans.leave, spans.own), spread(spans.leave, spans.gone),
                  spans.staying)  # fmt: skip


@dataclass(frozen=True)
class GroupReadings:
    """What is read at the horizon, by group: the share, its variance, who was followed.

    `n_eff = F (1 - F) / Var(F)`, or those followed where the share is 0 or 1; `exits` are
    the wanted ones (those still there, for overdue: the ones that left).
    """

    share: Floats
    variance: Floats
    followed: Floats
    n_eff: Floats
    exits: Floats


def read_groups(counts: GroupCounts) -> GroupReadings:
    """Estimate every group: Aalen-Johansen with Greenwood's variance, as for one stage.

    Reference: docs/method.md, section 5; a test holds it against `measures.survival`.
    """
    y = np.maximum(counts.at_risk, 0.0)
    gone = counts.gone
    hazard = _ratio(gone, y)
    staying: Floats = np.cumprod(1.0 - hazard, axis=1, dtype=np.float64)
    before = np.concatenate([np.ones((len(y), 1)), staying[:, :-1]], axis=1)
    if counts.staying:
        share: Floats = staying[:, -1]
        variance: Floats = share**2 * _ratio(gone, y * (y - gone)).sum(axis=1)
    else:
        share, variance = _leaving(counts.own, gone, y, before)
    still = before > 1e-12  # noqa: PLR2004 - the dust of a product that should be 0
    every = np.where(still, _ratio(y, np.where(still, before, 1.0)), np.inf)
    followed: Floats = every.min(axis=1).round(9)
    inside = (share > 1e-12) & (share < 1.0 - 1e-12) & (variance > 0.0)  # noqa: PLR2004 - as above
    n_eff = np.where(inside, _ratio(share * (1.0 - share), variance), followed)
    exits = gone.sum(axis=1) if counts.staying else counts.own.sum(axis=1)
    return GroupReadings(share, variance, followed, n_eff, exits)


def _leaving(own: Floats, gone: Floats, y: Floats, before: Floats) -> tuple[Floats, Floats]:
    """Return F of the wanted exit at the end of the grid, and its variance."""
    curve = np.cumsum(before * _ratio(own, y), axis=1)
    share = curve[:, -1]
    left = share[:, None] - curve
    rest = y > gone
    b = np.where(rest, left * _ratio(y, y - gone), 0.0)
    terms = before**2 * _ratio(own * (y - own), y**3)
    terms += -2.0 * before * b * _ratio(own * (y - gone), y**3)
    terms += b**2 * _ratio(gone * (y - gone), y**3)
    variance: Floats = terms.sum(axis=1).clip(min=0.0)
    return share, variance


def _ratio(over: Floats, under: Floats) -> Floats:
    """Divide, with 0 where there is nothing to divide by."""
    found: Floats = np.divide(over, under, out=np.zeros_like(under, float), where=under > 0)
    return found


# ---------------- readings
# Shares of one stage in many windows at once: what the tests compare.

FIRST_VISIT = 1


@dataclass(frozen=True)
class WindowReading:
    """A share, read at one age of one window.

    `entrants` is n_eff, how many entrants without censoring would make it as sure;
    `followed` the equivalent entrants followed to the age.
    """

    share: float
    entrants: float
    followed: float

    @property
    def known(self) -> bool:
        """Say whether enough were followed."""
        return self.followed >= MIN_FOLLOWED


@dataclass(frozen=True)
class Readings:
    """The same share in several windows: arrays over the windows (see `WindowReading`)."""

    share: Floats
    entrants: Floats
    followed: Floats

    def at(self, window: int) -> WindowReading:
        """Return one of them."""
        return WindowReading(
            float(self.share[window]), float(self.entrants[window]), float(self.followed[window])
        )

    def of(self, windows: slice) -> Readings:
        """Return some of them, as many as there are."""
        return Readings(self.share[windows], self.entrants[windows], self.followed[windows])


NOTHING = Readings(np.zeros(0), np.zeros(0), np.zeros(0))


def curves_by_stage(
    frame: pd.DataFrame, windows: int, censored: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[int, int], Curve]]:
    """Yield ((pipeline, stage), curves of first visits), one curve per window in one.

    `frame` counts arrivals and departures by age (part, pipeline, stage, visits,
    arrives, age, exit, n), with parts from 0 to `windows` - 1. Exits of the kinds
    `censored` end a stay without an exit.
    """
    rows = frame[frame["visits"] == FIRST_VISIT]
    names = ("pipeline", "stage", "part", "arrives", "age", "exit", "n")
    columns = [rows[name].to_numpy(np.int64) for name in names]
    order = np.lexsort((columns[1], columns[0]))
    pipeline, stage, *rest = (column[order] for column in columns)
    breaks = np.flatnonzero((np.diff(pipeline) != 0) | (np.diff(stage) != 0)) + 1
    bounds = [0, *breaks.tolist(), len(order)] if len(order) else []
    for first, end in pairwise(bounds):
        counted = [column[first:end] for column in rest]
        table = _tables(counted, windows, censored)
        yield (int(pipeline[first]), int(stage[first])), aalen_johansen(table)


def _tables(columns: list[Ints], windows: int, censored: tuple[str, ...]) -> RiskTable:
    """Arrange the counts of one stage as risk tables of the same ages."""
    part, arrives, age, exits, n = columns
    left = age[arrives == 0]
    ages = np.unique(np.concatenate([[0], age, left + 1])).astype(np.int64)
    place = np.searchsorted(ages, age)

    def spread(chosen: Ints) -> Ints:
        grid = np.zeros((windows, len(ages)), np.int64)
        np.add.at(grid, (part[chosen], place[chosen]), n[chosen])
        return grid

    come, gone = spread(arrives == 1), spread(arrives == 0)
    kept = [kind for kind in CURVE_KINDS if kind not in censored]
    leave = {kind: spread((arrives == 0) & (exits == EXITS.index(kind))) for kind in kept}
    at_risk = np.cumsum(come, axis=1) - np.cumsum(gone, axis=1) + gone
    return RiskTable(ages, at_risk, leave, int(come.sum()))


def count_followed_to(curve: Curve, age: float) -> Floats:
    """Return how many equivalent entrants each window followed to `age`."""
    upto = slice(0, index_at(curve, age) + 1)
    inside = curve.staying_before[..., upto] > 0
    found: Floats = np.where(inside, curve.equivalent[..., upto], np.inf).min(axis=-1)
    return found


def read_left_by(curve: Curve, kinds: tuple[str, ...], age: float) -> Readings:
    """Read the share that left by the doors `kinds` within `age` in every window."""
    where = index_at(curve, age)
    share = merge_doors(curve, kinds)[..., where].clip(0.0, 1.0).round(12)
    return _readings(curve, share, greenwood(curve, kinds)[..., where], age)


def still_inside(curve: Curve, age: float) -> Readings:
    """Read the share that is still inside after `age` in every window."""
    where = index_at(curve, age)
    return _readings(curve, curve.staying[..., where], staying_variance(curve)[..., where], age)


def _readings(curve: Curve, share: Floats, variance: Floats, age: float) -> Readings:
    """Attach to each share how sure it is."""
    followed = count_followed_to(curve, age)
    sure = (share > 0.0) & (share < 1.0) & (variance > 0.0)
    entrants = np.divide(share * (1.0 - share), variance, out=followed.copy(), where=sure)
    return Readings(share, entrants, followed)
