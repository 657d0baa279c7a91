"""Two parts of the deals side by side: does one lose more than the other, beyond chance?

They differ, or they do not: why they differ is not said (docs/method.md, section 15).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from leakkit.findings.adjustment import MIN_OF_OWNER, MIN_OWNERS, careful_variance, variance_beyond
from leakkit.findings.comparison import (
    STEADY,
    Comparison,
    Wobble,
    compare_shares,
    false_discovery,
    wobble,
)
from leakkit.findings.stage_readings import (
    CENSORED_EXITS,
    LOST,
    WindowReading,
    at_risk,
    count_groups,
    read_groups,
    spells,
)
from leakkit.findings.stage_readings import Readings as Months
from leakkit.findings.warnings import MONTH_DAYS
from leakkit.measures.survival import Share, wilson

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leakkit.findings.stage_readings import Bools, Spells
    from leakkit.measures.horizons import Days
    from leakkit.measures.survival import Floats, Ints


MORE, FEWER, PERHAPS_MORE, PERHAPS_FEWER, CHANCE, FEW = (
    "more", "fewer", "perhaps_more", "perhaps_fewer", "chance", "few",
)  # fmt: skip
PERHAPS = 0.05
"""The p up to which a difference is perhaps more than chance."""
MOSTLY_THE_SAME = 0.5
"""How far months may differ where nobody knows how much they wobble."""
NO_OWNER = 0
"""The code of a deal that nobody owns."""


@dataclass(frozen=True)
class Visits:
    """The first visits to one stage, one entry each: whose, when, and how they ended.

    Ticks are units of stay, `per_day` of them make a day; `owner` is a code, 0 where nobody
    is named.
    """

    per_day: int
    opportunity: Ints
    visit: Ints
    exit: Ints
    entered_tick: Ints
    left_tick: Ints
    owner: Ints

    def only(self, chosen: Bools) -> Visits:
        """Return some of the visits."""
        names = ("opportunity", "visit", "exit", "entered_tick", "left_tick", "owner")
        return replace(self, **{name: getattr(self, name)[chosen] for name in names})

    def censor(self, kinds: tuple[int, ...]) -> Visits:
        """Return the visits of which some kinds of exits are not seen."""
        return replace(self, exit=np.where(np.isin(self.exit, kinds), CENSORED_EXITS[0], self.exit))


@dataclass(frozen=True)
class Side:
    """One part at one stage: the share lost of its `visits`, of which `lost` are so far."""

    visits: int
    lost: int
    share: Share
    reading: WindowReading


@dataclass(frozen=True)
class Gap:
    """One stage of two parts: what each loses, and whether they differ beyond chance.

    `comparison` is of one less the other, None where too few were followed. `phi` is how
    much more than chance months and owners let the parts differ; with `owners` they are
    part of it. `verdict` says what the first part loses: more, fewer, perhaps_more,
    perhaps_fewer; chance where the difference may be that; few.
    """

    stage: int
    horizon: float | None
    one: Side
    other: Side
    comparison: Comparison | None = None
    phi: float = 1.0
    owners: bool = False
    months_known: bool = True
    q_value: float | None = None
    verdict: str = FEW


@dataclass(frozen=True)
class _SeenSide:
    """One part of a stage on its days, up to the horizon."""

    visits: Visits
    days: Days
    spans: Spells

    @classmethod
    def of(cls, visits: Visits, days: Days, horizon: float) -> _SeenSide:
        """See the visits of a part on its days."""
        return cls(visits, days, spells(at_risk(visits, days), horizon, "lost"))

    @property
    def owner(self) -> Ints:
        """Who owns each visit."""
        return self.visits.owner[self.spans.rows]

    @property
    def months(self) -> Ints:
        """The month, of 30 days, in which each visit began or was first seen."""
        begun = np.maximum(self.visits.entered_tick[self.spans.rows] // self.visits.per_day,
                           self.days[0])  # fmt: skip
        found: Ints = begun // MONTH_DAYS
        return found


def compare_stage(  # noqa: PLR0913 - the parts of one question
    stage: int,
    one: tuple[Visits, Days],
    other: tuple[Visits, Days],
    horizon: float | None,
    wobbling: Wobble | None,
    *,
    by_owner: bool,
) -> Gap:
    """Does one part of a stage lose more than another, beyond chance?

    Two ratios of closed deals compared as binomials forget open deals, and that months and
    owners differ by themselves. So both are Aalen-Johansen estimates at one `horizon`,
    compared as two windows are. `wobbling` is that of the months of the pipeline (None
    where it is not known); it counts as far as the months of the parts differ. With `by_owner`
    it also counts that owners differ each by himself, as far as the parts have others.
    The verdict comes later, with all comparisons (see `judge_gaps`).
    """
    if horizon is None:
        nothing = (_unread(*one, "no_horizon"), _unread(*other, "no_horizon"))
        return Gap(stage, None, *nothing)
    seen = _SeenSide.of(*one, horizon), _SeenSide.of(*other, horizon)
    sides = _side(seen[0]), _side(seen[1])
    if not (sides[0].reading.known and sides[1].reading.known):
        return Gap(stage, horizon, *sides)
    months = wobbling or STEADY
    apart = months_apart(seen[0].months, seen[1].months)
    owners = _owners(*seen) if by_owner else None
    beyond = _join_wobbles(months, apart, owners, _chance(sides[0].reading, sides[1].reading))
    return Gap(
        stage,
        horizon,
        *sides,
        comparison=compare_shares(sides[0].reading, sides[1].reading, beyond),
        phi=beyond.phi,
        owners=owners is not None,
        months_known=wobbling is not None or apart < MOSTLY_THE_SAME,
    )


def judge_gaps(gaps: Sequence[Gap], q: float) -> tuple[Gap, ...]:
    """Give every comparison its verdict, with one false discovery rate over all of them."""
    p = [gap.comparison.p_value for gap in gaps if gap.comparison is not None]
    discovery = iter(false_discovery(np.array(p, np.float64)).tolist())
    return tuple(
        gap if gap.comparison is None else _judge_gap(gap, gap.comparison, next(discovery), q)
        for gap in gaps
    )


def _judge_gap(gap: Gap, comparison: Comparison, q_value: float, q: float) -> Gap:
    """Say what the first part loses; where the wobble of months is not known, perhaps at most."""
    more, verdict = comparison.change > 0.0, CHANCE
    if q_value <= q and gap.months_known:
        verdict = MORE if more else FEWER
    elif comparison.p_value <= PERHAPS:
        verdict = PERHAPS_MORE if more else PERHAPS_FEWER
    return replace(gap, q_value=q_value, verdict=verdict)


def months_apart(one: Ints, other: Ints) -> float:
    """How far do the months of two parts differ? 0 where they are the same, 1 where none is.

    `sum (w - v)^2 / (sum w^2 + sum v^2)`, w and v the parts of a month: what of the wobble of
    the months is left in the difference.

    >>> months_apart(np.array([1, 2]), np.array([1, 2])), months_apart(np.array([1]), np.array([2]))
    (0.0, 1.0)
    """
    first = min(one.min(), other.min())
    size = int(max(one.max(), other.max()) - first) + 1
    w, v = (np.bincount(each - first, minlength=size) / len(each) for each in (one, other))
    return float(((w - v) ** 2).sum() / ((w**2).sum() + (v**2).sum()))


def wobble_of(
    stages: Iterable[tuple[Visits, float | None]], months: Sequence[Days]
) -> Wobble | None:
    """How much more do the months of these stages differ than chance lets them?

    `stages` are all visits of each stage with its horizon, `months` those of the baseline.
    """
    return wobble([_by_month(visits, age, months) for visits, age in stages if age is not None])


def _by_month(visits: Visits, horizon: float, months: Sequence[Days]) -> Months:
    """Read the share lost in every month; months in which nobody was there are left out."""
    seen = (_SeenSide.of(visits, days, horizon).spans for days in months)
    found = [_read(spans) for spans in seen if len(spans)]
    return Months(
        np.array([one.share for one in found]),
        np.array([one.entrants for one in found]),
        np.array([one.followed for one in found]),
    )


def _read(spans: Spells) -> WindowReading:
    """Read the share lost at the horizon."""
    found = read_groups(count_groups(spans, np.zeros(len(spans), np.int64), 1))
    return WindowReading(
        float(found.share[0].round(12)), float(found.n_eff[0]), float(found.followed[0])
    )


def _side(seen: _SeenSide) -> Side:
    """Read one part of a stage."""
    visits, lost = _count_visits(seen.visits, seen.days)
    if not len(seen.spans):
        return _unread(seen.visits, seen.days, "few_followed")
    reading = _read(seen.spans)
    if not reading.known:
        return Side(visits, lost, Share.missing("few_followed"), reading)
    return Side(
        visits, lost, Share(reading.share, *wilson(reading.share, reading.entrants)), reading
    )


def _unread(visits: Visits, days: Days, reason: str) -> Side:
    """Return a part of which no share can be read."""
    return Side(*_count_visits(visits, days), Share.missing(reason), WindowReading(0.0, 0.0, 0.0))


def _count_visits(visits: Visits, days: Days) -> tuple[int, int]:
    """Count the visits under way on some days, and those that were lost on them."""
    risk = at_risk(visits, days)
    return len(risk.rows), int((risk.exit == LOST).sum())


def _chance(one: WindowReading, other: WindowReading) -> float:
    """Return the variance that chance gives a difference: both pooled, 1 of n where none was."""
    e1, e0 = one.entrants, other.entrants
    pooled = (e1 * one.share + e0 * other.share) / (e1 + e0)
    least = 1.0 / (e1 + e0 + 2.0)
    possible = min(max(pooled, least), 1.0 - least)
    return possible * (1.0 - possible) * (1.0 / e1 + 1.0 / e0)


@dataclass(frozen=True)
class _Owners:
    """What owners who differ each by himself add to the variance of a difference.

    `owned` is the whole variance of the difference that comes from the shares of owners,
    chance included: how large the error of `added` can be, which has so many degrees of
    `freedom`.
    """

    added: float
    owned: float
    freedom: int


def _join_wobbles(months: Wobble, apart: float, owners: _Owners | None, chance: float) -> Wobble:
    """Put the wobble of months and that of owners together, as one factor of chance.

    The degrees of freedom are Satterthwaite's: what is estimated from few months, or from
    few owners, is not known well.

    Reference: Satterthwaite (1946), Biometrics Bulletin 2, 110-114.
    """
    phi = 1.0 + (months.phi - 1.0) * apart
    unsure = (months.phi * apart) ** 2 / months.freedom
    if owners:
        phi += owners.added / chance
        unsure += (owners.owned / chance) ** 2 / owners.freedom
    return Wobble(phi, phi**2 / unsure if unsure else np.inf)


def _owners(one: _SeenSide, other: _SeenSide) -> _Owners | None:
    """What do owners add to a difference? None where too few can be read.

    `tau² sum_o (w_o - v_o)²`, w_o and v_o an owner's part of each side, so nothing where
    both sides have the same owners in the same measure.
    """
    size = int(max(one.owner.max(), other.owner.max())) + 1
    cells = [read_groups(count_groups(side.spans, side.owner, size)) for side in (one, other)]
    known = [cell.followed >= MIN_OF_OWNER for cell in cells]
    for each in known:
        each[NO_OWNER] = False
    owners = int((known[0] | known[1]).sum())
    if owners < MIN_OWNERS:
        return None
    pairs = list(zip(cells, known, strict=True))
    share = np.concatenate([cell.share[each] for cell, each in pairs])
    weight = np.concatenate([1.0 / careful_variance(cell)[each] for cell, each in pairs])
    side = np.repeat([0.0, 1.0], [each.sum() for each in known])
    beyond = variance_beyond(share, weight, side)
    taken = float(((_parts(one.owner, size) - _parts(other.owner, size)) ** 2).sum())
    return _Owners(beyond * taken, (beyond + 1.0 / weight.mean()) * taken, owners - 2)


def _parts(owner: Ints, size: int) -> Floats:
    """Return the part of the visits that each owner has."""
    found: Floats = np.bincount(owner, minlength=size) / len(owner)
    return found
