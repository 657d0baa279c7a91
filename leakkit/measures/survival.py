"""Curves of one stage: what share has left, by which door, after how many days.

Everything here starts from two marginal counts by age, which is all that the
estimators need: how many passages come under observation at an age, and how many
leave it, by kind. See docs/method.md, sections 2 and 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


if TYPE_CHECKING:
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]


Z95 = 1.959963984540054
MIN_FOLLOWED = 20.0
"""Equivalent entrants below which a share is not printed."""
LEARN_FOLLOWED = 30.0
"""Equivalent entrants down to which a curve may teach a horizon."""
PACE_OVER = 0.75
IN_THE_END = 10.0
"""An open visit is followed in thought, at the pace of this last part of what was followed, until
it is so many times as old."""


@dataclass(frozen=True)
class Share:
    """A share from 0 to 1 with its 95 % interval, or the code of the reason why there is none."""

    share: float | None
    low: float | None
    high: float | None
    reason: str = ""

    def __str__(self) -> str:
        """Say it in percent with its range, or why it is not there.

        >>> print(Share(0.159, 0.130, 0.194), "|", Share(None, None, None, "no_horizon"))
        15.9 % (13.0 to 19.4 %) | no_horizon
        """
        if self.share is None:
            return self.reason
        if self.low is None or self.high is None:
            return f"{100 * self.share:.1f} %"
        return f"{100 * self.share:.1f} % ({100 * self.low:.1f} to {100 * self.high:.1f} %)"

    @classmethod
    def missing(cls, reason: str) -> Share:
        """Return the share that could not be estimated, for `reason`."""
        return cls(None, None, None, reason)


@dataclass(frozen=True)
class RiskTable:
    """Who was at risk at which age, and who left by which door.

    `ages` are whole days (or hours) in rising order, from 0, and hold every age at
    which the number at risk changes. `exits[kind][i]` leave at `ages[i]`; `at_risk[i]`
    are under observation at `ages[i]`, those who leave or are censored there included.
    `entrants` is the number of passages that were ever at risk. Several tables of the same
    ages may be one: the age is the last axis of `at_risk` and `exits`.
    """

    ages: Ints
    at_risk: Ints
    exits: Mapping[str, Ints]
    entrants: int

    @cached_property
    def any_exit(self) -> Ints:
        """Exits of every kind, by age."""
        total = np.zeros_like(self.ages)
        for counts in self.exits.values():
            total = total + counts
        return total


def risk_table(
    arrivals: tuple[Ints, Ints],
    departures: Mapping[str, tuple[Ints, Ints]],
    censored: str = "censored",
) -> RiskTable:
    """Build the table of the numbers at risk from arrivals and departures by age.

    `arrivals` and every value of `departures` are (ages, counts); the kind
    `censored` leaves without an exit. An arrival at age u is at risk at u, and so is
    a departure at u: exits at u share one risk set.

    >>> zero = np.array([0])
    >>> table = risk_table((zero, np.array([3])), {"lost": (np.array([2]), np.array([1]))})
    >>> table.ages.tolist(), table.at_risk.tolist(), table.exits["lost"].tolist()
    ([0, 2, 3], [3, 3, 2], [0, 1, 0])
    """
    columns = [arrivals, *departures.values()]
    at, counts = (np.concatenate([column[part] for column in columns]) for part in (0, 1))
    sizes = [len(column[0]) for column in columns]
    ages = np.flatnonzero(np.bincount(np.concatenate([[0], at, at[sizes[0] :] + 1])))
    place = np.repeat(np.arange(len(columns)), sizes) * len(ages) + np.searchsorted(ages, at)
    grid = np.zeros((len(columns), len(ages)), np.int64)
    np.add.at(grid.reshape(-1), place, counts)
    come, gone = grid[0], grid[1:].sum(axis=0)
    exits = {kind: row for kind, row in zip(departures, grid[1:], strict=True) if kind != censored}
    return RiskTable(ages, np.cumsum(come) - np.cumsum(gone) + gone, exits, int(come.sum()))


@dataclass(frozen=True)
class Curve:
    """Aalen-Johansen estimates of one stage, as step functions of the age.

    `staying` is S(u), `leaving[kind]` is F_kind(u); both hold from `ages[i]` until
    just before `ages[i + 1]`. `equivalent` is n*(u) = y(u) / S(u-): how many
    entrants, all followed to u, would give the same number at risk.
    """

    table: RiskTable
    staying: Floats
    staying_before: Floats
    leaving: Mapping[str, Floats]
    equivalent: Floats

    @property
    def ages(self) -> Ints:
        """The ages at which the curve may step."""
        return self.table.ages


def aalen_johansen(table: RiskTable) -> Curve:
    """Which share has left by each door, while some are still inside?

    Dividing losses by entries counts what is still open as kept; dividing by the
    closed ones forgets it; one Kaplan-Meier per exit treats the other exits as if
    they could still happen. Aalen-Johansen does none of this:
    `S(u) = prod(1 - d./y)`, `F_k(t) = sum_{u<=t} S(u-) d_k / y`, and always
    `sum_k F_k + S = 1`.

    >>> ages = np.arange(1, 7)
    >>> exits = {"advanced": np.array([0, 1, 1, 0, 0, 0]), "lost": np.array([0, 0, 0, 1, 1, 0])}
    >>> curve = aalen_johansen(RiskTable(ages, np.array([6, 5, 4, 3, 2, 1]), exits, 6))
    >>> curve.leaving["lost"].round(10).tolist()
    [0.0, 0.0, 0.0, 0.2, 0.4, 0.4]

    Reference: Aalen and Johansen (1978), Scand. J. Statist. 5, 141-150.
    """
    at_risk = table.at_risk.astype(float)
    staying = (1.0 - _ratio(table.any_exit, at_risk)).cumprod(axis=-1)
    before = np.concatenate([np.ones_like(staying[..., :1]), staying[..., :-1]], axis=-1)
    left = np.array([*table.exits.values()]).reshape(-1, *at_risk.shape)
    leaving = dict(zip(table.exits, (before * _ratio(left, at_risk)).cumsum(axis=-1), strict=True))
    equivalent = np.divide(at_risk, before, out=np.full_like(before, np.inf), where=before > 0)
    # without the dust of the product: 30 entrants must not be 29.999...
    return Curve(table, staying, before, leaving, equivalent.round(9))


def _ratio(count: Ints, at_risk: Floats) -> Floats:
    """Divide, with 0 where nobody is at risk."""
    shape = np.broadcast_shapes(count.shape, at_risk.shape)
    return np.divide(count, at_risk, out=np.zeros(shape), where=at_risk > 0)


def merge_doors(curve: Curve, kinds: tuple[str, ...]) -> Floats:
    """Return the share that has left by any door of `kinds`: a plain sum of their shares."""
    total = np.zeros_like(curve.staying)
    for kind in kinds:
        total = total + curve.leaving[kind]
    return total


def greenwood(curve: Curve, kinds: tuple[str, ...]) -> Floats:
    """Return the variance of `merge_doors(curve, kinds)` at every age.

    The Greenwood type estimate, the one of R's etm and survfit:
    `sum_{u<=t} S(u-)^2 d_k(y-d_k)/y^3 - 2 S(u-) b d_k(y-d.)/y^3 + b^2 d.(y-d.)/y^3`
    with `b = (F_k(t) - F_k(u)) y / (y - d.)`, 0 where y = d. Expanding b leaves
    cumulative sums only, so the whole curve costs O(n).

    Reference: Andersen, Borgan, Gill and Keiding (1993), section IV.4.
    """
    y = curve.table.at_risk.astype(float)
    share = merge_doors(curve, kinds)
    own = np.sum([np.zeros_like(y), *(curve.table.exits[k] for k in kinds)], axis=0)
    total = curve.table.any_exit.astype(float)
    stay = curve.staying_before
    some = y > 0
    rest = some & (y > total)
    first = np.divide(stay**2 * own * (y - own), y**3, out=np.zeros_like(y), where=some)
    cross = np.divide(stay * own, y**2, out=np.zeros_like(y), where=rest)
    square = np.divide(total, y * (y - total), out=np.zeros_like(y), where=rest)
    constant = np.cumsum(first + 2.0 * cross * share + square * share**2, axis=-1)
    linear = np.cumsum(cross + square * share, axis=-1)
    squares = np.cumsum(square, axis=-1)
    variance: Floats = constant - 2.0 * share * linear + share**2 * squares
    return variance.clip(min=0.0)


def staying_variance(curve: Curve) -> Floats:
    """Return Greenwood's variance of S(u): `S^2 sum d. / (y (y - d.))`.

    Where everybody has left, S is 0 and so is its variance.
    """
    y = curve.table.at_risk.astype(float)
    total = curve.table.any_exit.astype(float)
    rest = (y > 0) & (y > total)
    terms = np.divide(total, y * (y - total), out=np.zeros_like(y), where=rest)
    variance: Floats = curve.staying**2 * np.cumsum(terms, axis=-1)
    return variance


def index_at(curve: Curve, age: float) -> int:
    """Return the position of the last age of `curve` that is not after `age`."""
    return int(np.searchsorted(curve.ages, age, side="right")) - 1


def count_followed(curve: Curve, age: float) -> float:
    """How many equivalent entrants were followed all the way to `age`?

    The smallest n*(u) over u <= age with S(u-) > 0. The number at risk at `age`
    itself would wrongly blank a stage that everybody leaves in an hour.
    """
    upto = slice(0, index_at(curve, age) + 1)
    inside = curve.staying_before[upto] > 0
    return float(np.min(curve.equivalent[upto][inside]))


def wilson(share: float, entrants: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share among `entrants`, which need not be whole.

    >>> [round(end, 7) for end in wilson(81 / 263, 263)]
    [0.2552885, 0.3662096]

    Reference: Wilson (1927), J. Am. Stat. Assoc. 22, 209-212.
    """
    if not entrants > 0:
        return math.nan, math.nan
    square = Z95 * Z95
    middle = (share + square / (2 * entrants)) / (1 + square / entrants)
    inside = share * (1 - share) / entrants + square / (4 * entrants * entrants)
    reach = Z95 * math.sqrt(inside) / (1 + square / entrants)
    return min(max(middle - reach, 0.0), share), max(min(middle + reach, 1.0), share)


def share_at(curve: Curve, kinds: tuple[str, ...], age: float | None) -> Share:
    """Which share has left by the doors `kinds` within `age`, and how sure is that?

    Wilson's interval with `n_eff = F (1 - F) / Var(F)`, or with `followed` where F is
    0 or 1; without censoring it is Wilson's for k of n. Missing with `no_horizon`
    without an age, with `few_followed` under 20 equivalent entrants.
    """
    if age is None:
        return Share.missing("no_horizon")
    where, share = index_at(curve, age), _share(curve, kinds, age)
    return _with_interval(curve, share, float(greenwood(curve, kinds)[where]), age)


def share_alone(curve: Curve, kinds: tuple[str, ...], age: float | None) -> float | None:
    """Return what `share_at` says but for its interval, which takes most of the time."""
    if age is None or count_followed(curve, age) < MIN_FOLLOWED:
        return None
    return _share(curve, kinds, age)


def _share(curve: Curve, kinds: tuple[str, ...], age: float) -> float:
    """Return the share that has left by the doors `kinds` within `age`."""
    left = merge_doors(curve, kinds)[index_at(curve, age)]
    # likewise: a sum of shares that is 1 must not be 0.999..., which would have an n_eff
    return round(float(np.clip(left, 0.0, 1.0)), 12)


def staying_at(curve: Curve, age: float | None) -> Share:
    """Which share is still inside after `age`? Interval and reasons as in `share_at`."""
    if age is None:
        return Share.missing("no_horizon")
    where = index_at(curve, age)
    share = float(curve.staying[where])
    return _with_interval(curve, share, float(staying_variance(curve)[where]), age)


def _with_interval(curve: Curve, share: float, variance: float, age: float) -> Share:
    """Attach the one interval to a share read at `age`, if enough were followed to it."""
    n_followed = count_followed(curve, age)
    if n_followed < MIN_FOLLOWED:
        return Share.missing("few_followed")
    inside = 0.0 < share < 1.0 and variance > 0.0
    low, high = wilson(share, share * (1.0 - share) / variance if inside else n_followed)
    return Share(share, low, high)


def longest_followed(curve: Curve, least: float = LEARN_FOLLOWED) -> float:
    """Return t*: the largest age up to which n* never falls under 30 (inf if all have left).

    -1 where even age 0 is followed by fewer.
    """
    short = (curve.staying_before > 0) & (curve.equivalent < least)
    return float(curve.ages[np.argmax(short)] - 1) if short.any() else float("inf")


def final_age(curve: Curve, least: float = LEARN_FOLLOWED) -> float:
    """Return the age at which an outcome in the end is read: t*, or when the last one left.

    -1 where even age 0 is followed by too few.
    """
    observed = curve.ages[curve.table.at_risk > 0]
    return min(longest_followed(curve, least), float(observed[-1]) if observed.size else -1.0)


def still_to_come(curve: Curve, kinds: tuple[str, ...], age: float) -> float:
    """How large a share may leave by `kinds` after `age`, if the rest goes on as before?

    Of those who were inside at half of `age`, the share `a` left by `kinds` until `age`; if
    as many of those inside at `age` do so in the same time again, `S(age) a` are to come.
    """
    half, end = index_at(curve, age / 2), index_at(curve, age)
    staying = float(curve.staying[half])
    if staying <= 0.0:
        return 0.0
    share = merge_doors(curve, kinds)
    return float(curve.staying[end]) * float(share[end] - share[half]) / staying


def leaves_later(curve: Curve, age: float, begun: float) -> float:
    """Of those who are inside at `age`, which share will have left in the end?

    `begun` is the age at which the clock of `curve` was started. In the end: once the visit is
    ten times as old. Per doubling of the age of the visit as many leave as in the last three
    quarters of the time that was followed; with the days alone a few that stay for years would
    be taken for many that leave soon, and with the first quarter those that never leave for
    those that do.
    """
    begin = age * (1.0 - PACE_OVER)
    first, end = (float(curve.staying[index_at(curve, at)]) for at in (begin, age))
    if end <= 0.0:
        return 1.0
    grown = math.log((begun + age) / (begun + begin)) if age > 0 else 0.0
    return 1.0 - (end / first) ** (math.log(IN_THE_END) / grown) if grown > 0 else 0.0


def with_the_rest(share: float, staying: float, later: float) -> float:
    """Add to a share what is to come: of those who leave `later` as much as of those who left.

    >>> with_the_rest(0.2, 0.5, 0.5)
    0.4
    """
    return share + later * share / (1.0 - staying) if staying < 1.0 else share


def restricted_mean(curve: Curve, limit: float) -> tuple[float, float]:
    """Return the mean stay up to `limit` and its standard error: the area under S.

    `Var = sum_u (area from u to limit)^2 d / (y (y - d))`.

    Reference: Klein and Moeschberger (2003), section 4.5.
    """
    inside = curve.ages <= limit
    ages, height = curve.ages[inside], curve.staying[inside]
    strips = height * np.diff(np.append(ages, limit))
    after = np.cumsum(strips[::-1])[::-1]
    y = curve.table.at_risk[inside].astype(float)
    total = curve.table.any_exit[inside]
    rest = (y > 0) & (y > total)
    terms = np.divide(after**2 * total, y * (y - total), out=np.zeros_like(after), where=rest)
    return float(ages[0] + strips.sum()), float(np.sqrt(terms.sum()))


def restart_curve(curve: Curve, age: int) -> Curve:
    """Return the curve of those who are still inside at `age`, its clock restarted there."""
    start = index_at(curve, age)
    table, later = curve.table, slice(start + 1, None)
    inside = table.at_risk[[start]] - table.any_exit[[start]]
    return aalen_johansen(
        RiskTable(
            np.concatenate([[0], table.ages[later] - age]),
            np.concatenate([inside, table.at_risk[later]]),
            {kind: np.concatenate([[0], exits[later]]) for kind, exits in table.exits.items()},
            int(inside[0]),
        )
    )
