"""Which late deals to call first by what can still be saved, and which deals to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leakkit.measures.age_counts import ADVANCED
from leakkit.measures.survival import (
    MIN_FOLLOWED,
    Share,
    count_followed,
    final_age,
    greenwood,
    index_at,
    leaves_later,
    merge_doors,
    restart_curve,
    wilson,
    with_the_rest,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from leakkit.findings.stage_readings import Bools, Design
    from leakkit.measures.survival import Curve, Floats, Ints


# ---------------- reading
# Ten deals to read: numbers do not say why, a look into the deals may.

DEALS = 5
"""Losses to read, and as many deals that advanced."""
OTHER_PRODUCT = 1e6
"""How far away a deal of another product is: further than any difference of values."""


@dataclass(frozen=True)
class DealToRead:
    """One deal to look into: its number, its stay in the stage, and its value (None unknown).

    `matched_to` is the lost deal that an advanced one is the counterpart of; None for a
    lost one.
    """

    opportunity: int
    kind: str
    stay: int
    value: int | None
    matched_to: int | None


def choose(losses: Design, advanced: Design, typical: Bools, seed: int) -> tuple[DealToRead, ...]:
    """Choose five losses nearest their median pattern, each with one that advanced.

    The pattern: stay, returns, passages before, value; each in interquartile ranges. The
    counterpart has the same product where there is one, then the nearest value. Equals
    are drawn by the seed.
    """
    rng = np.random.default_rng(seed)
    rows = rng.permutation(np.flatnonzero(typical))
    order = rows[np.argsort(_from_pattern(losses.only(rows)), kind="stable")]
    chosen = _first_of_each_deal(losses.opportunity[order], order)[:DEALS]
    taken = set(losses.opportunity[chosen].tolist())
    others = rng.permutation(np.flatnonzero(~np.isin(advanced.opportunity, list(taken))))
    deals = [_deal(losses, row, "lost", None) for row in chosen]
    matched = []
    for row in chosen:
        free = others[~np.isin(advanced.opportunity[others], list(taken))]
        if not len(free):
            break
        near = free[int(np.argmin(_apart(losses, row, advanced.only(free))))]
        taken.add(int(advanced.opportunity[near]))
        matched.append(_deal(advanced, near, "advanced", int(losses.opportunity[row])))
    return (*deals, *matched)


def _from_pattern(design: Design) -> Floats:
    """Return how far each passage is from the median of all."""
    away = np.zeros(len(design))
    if not len(design):
        return away
    value = np.where(design.value >= 0, design.value, 0)
    for column in (design.stay, design.returns, design.passages_before, np.log1p(value)):
        middle = np.median(column)
        spread = float(np.subtract(*np.quantile(column, [0.75, 0.25])))
        away += np.abs(column - middle) / (spread if spread > 0 else 1.0)
    return away


def _first_of_each_deal(opportunity: Ints, order: Ints) -> Ints:
    """Return the rows in order, the first of each deal only."""
    _, first = np.unique(opportunity, return_index=True)
    kept: Ints = order[np.sort(first)]
    return kept


def _apart(losses: Design, row: int, others: Design) -> Floats:
    """Return how far each of the others is from a loss, in product and value."""
    away = np.zeros(len(others))
    product = losses.segments.get(losses.product)
    if product is not None:
        away += np.where(others.segments[losses.product] == product[row], 0.0, OTHER_PRODUCT)
    value = max(int(losses.value[row]), 0)
    away += np.abs(np.log1p(np.maximum(others.value, 0)) - np.log1p(value))
    return away


def _deal(design: Design, row: int, kind: str, matched_to: int | None) -> DealToRead:
    """Return one passage as a deal to read."""
    value = int(design.value[row])
    return DealToRead(
        int(design.opportunity[row]),
        kind,
        int(design.stay[row]),
        value if value >= 0 else None,
        matched_to,
    )


# ---------------- worklist
# Which late deals to call first: by what can still be saved.

CALL, DECIDE, UNKNOWN = BLOCKS = ("call", "decide", "unknown")
"""Whom to call first; what to close or to revive; and those of which too few were as old."""
HARDLY = 0.1
"""A chance is known to be small if all of its range is below this..."""
OF_A_NEW_ONE = 0.5
"""...and below this part of the chance of a new deal."""
HALF = 0.5
"""Where more are open than this, those who have left say little of the rest."""


@dataclass(frozen=True)
class LateDeal:
    """An open deal past its time. Ages in units of stay, value in minor units, None if unknown.

    `deal_late`: the deal is older than its pipeline's expected days, whatever its visit is.
    """

    opportunity_id: str
    name: str
    owner: str
    stage: int
    age: int
    deal_age_days: int
    visit_late: bool
    deal_late: bool
    value: int | None


@dataclass(frozen=True)
class StageOdds:
    """What is needed to say how a late deal of one stage may go on.

    `curve` is that of first visits, `landing[kind]` the chance to win in the end of a deal that
    leaves by that door, `fresh` the chance of one that has just come in.
    """

    name: str
    curve: Curve
    landing: Mapping[str, float]
    expected: float | None
    fresh: float | None


@dataclass(frozen=True)
class WorkItem:
    """One line of the worklist.

    `block` is call, decide or unknown. `age` is how long the visit lasts, `over` how much of
    that is past its time, both in units of stay; `over` is None where only the deal is late.
    `chance` is that of a win in the end, with its range, of deals that were followed for `ahead`
    units from this age; `saved` what it is worth in minor units. All None where too few deals
    got this old.
    `as_old` deals of the past were in the stage at this age, `as_old_advanced` of them
    advanced later.
    """

    block: str
    opportunity_id: str
    name: str
    owner: str
    stage: str
    age: int
    over: float | None
    deal_age_days: int
    value: int | None
    chance: float | None
    low: float | None
    high: float | None
    ahead: float | None
    saved: float | None
    as_old: int
    as_old_advanced: int


def make_worklist(deals: Iterable[LateDeal], odds: Sequence[StageOdds]) -> tuple[WorkItem, ...]:
    """Which late deals are worth a call today, and which are to be closed or revived?

    The oldest ones first would be the wrong order. Ordered by value times the chance to win in
    the end, given the age. Behind them, in a block of their own, those whose chance is known
    to be small; and last those of which too few were as old to tell.
    """
    known = {}
    items = []
    for deal in deals:
        place = (deal.stage, deal.age)
        if place not in known:
            known[place] = chance_in_the_end(odds[deal.stage], deal.age)
        items.append(_item(deal, odds[deal.stage], *known[place]))
    return tuple(sorted(items, key=_order))


def saved_in_all(items: Iterable[WorkItem]) -> float:
    """What are the deals to call worth, each weighted by its chance? In minor units."""
    return sum(item.saved or 0.0 for item in items if item.block == CALL)


def _order(item: WorkItem) -> tuple[int, float, float, int, str]:
    """Order: calls first, by what can be saved, then by chance and age; then by id."""
    worth = item.value if item.block == UNKNOWN else item.saved
    place = BLOCKS.index(item.block)
    return place, -(worth or 0.0), -(item.chance or 0.0), item.age, item.opportunity_id


def _item(deal: LateDeal, odds: StageOdds, chance: Share, ahead: float | None) -> WorkItem:
    """Judge one deal."""
    as_old, advanced = as_old_as(odds.curve, deal.age)
    over = None
    if deal.visit_late and odds.expected is not None:
        over = deal.age - odds.expected
    known = chance.share is not None and deal.value is not None
    return WorkItem(
        block=_block(chance, odds),
        opportunity_id=deal.opportunity_id,
        name=deal.name,
        owner=deal.owner,
        stage=odds.name,
        age=deal.age,
        over=over,
        deal_age_days=deal.deal_age_days,
        value=deal.value,
        chance=chance.share,
        low=chance.low,
        high=chance.high,
        ahead=ahead,
        saved=(chance.share or 0.0) * (deal.value or 0) if known else None,
        as_old=as_old,
        as_old_advanced=advanced,
    )


def _block(chance: Share, odds: StageOdds) -> str:
    """Say where a deal with this chance stands."""
    if chance.high is None:
        return UNKNOWN
    fresh = 1.0 if odds.fresh is None else odds.fresh
    return DECIDE if chance.high <= min(HARDLY, OF_A_NEW_ONE * fresh) else CALL


def chance_in_the_end(odds: StageOdds, age: int) -> tuple[Share, float | None]:
    """What is the chance of a deal that is still in the stage at `age` to be won in the end?

    Of the curve restarted at the age `W = sum_j F_j(t) w_j` have won, read as far as 20
    equivalent entrants are followed; t is returned, too. Of the share S that is open then, as
    many leave as `leaves_later` says, and win as often as those that have left. The low end is
    that of W alone: none of the rest wins. At the upper end those who leave later win as often
    as those who have left may; where more are open than have left, which then say little of
    the rest, all leave by the best door. Missing where fewer than 20 were as old.
    """
    curve = restart_curve(odds.curve, age)
    ahead = final_age(curve, MIN_FOLLOWED)
    if ahead <= 0:
        return Share.missing("few_followed"), None
    at, kinds = index_at(curve, ahead), tuple(odds.landing)
    won = sum(float(curve.leaving[kind][at]) * chance for kind, chance in odds.landing.items())
    won = min(max(won, 0.0), 1.0)
    left, variance = float(merge_doors(curve, kinds)[at]), float(greenwood(curve, kinds)[at])
    sure = 0.0 < left < 1.0 and variance > 0.0
    entrants = left * (1.0 - left) / variance if sure else count_followed(curve, ahead)
    low, high = wilson(won, entrants)
    staying = float(curve.staying[at])
    later = staying * leaves_later(curve, ahead, age)
    if staying > HALF:
        used = [chance for kind, chance in odds.landing.items() if curve.leaving[kind][at] > 0]
        high = min(high + later * max(used, default=1.0), 1.0)
    else:
        gone = 1.0 - staying
        among = wilson(min(won / gone, 1.0), entrants * gone)[1]
        high = max(high, among * (gone + later))
    return Share(with_the_rest(won, staying, later), low, high), ahead


def as_old_as(curve: Curve, age: int) -> tuple[int, int]:
    """Return how many were in the stage after `age`, and how many of them advanced later."""
    start = index_at(curve, age)
    if start + 1 >= len(curve.ages):
        return 0, 0
    inside = int(curve.table.at_risk[start] - curve.table.any_exit[start])
    later = sum(int(curve.table.exits[kind][start + 1 :].sum()) for kind in ADVANCED)
    return max(inside, 0), later
