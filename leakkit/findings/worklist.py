"""Which late deals to call first: by what can still be saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit.measures.counts import ADVANCED
from leakkit.measures.survival import chance_still, index_at, longest_followed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from leakkit.measures.survival import Curve

CALL, DECIDE = "call", "decide"
MIN_AHEAD_DAYS = 30
HARDLY = 0.1
"""A deal with less than this part of the chance of a new one is to be closed or revived."""


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

    `curve` is that of first visits, `landing[kind]` the chance to win of a deal that leaves
    by that door, `fresh` the chance of one that has just come in.
    """

    name: str
    curve: Curve
    landing: Mapping[str, float]
    expected: float | None
    fresh: float | None


@dataclass(frozen=True)
class WorkItem:
    """One line of the worklist.

    `block` is call or decide. `age` is how long the visit lasts, `over` how much of that is
    past its time, both in units of stay; `over` is None where only the deal is late.
    `chance` is that of a win that starts with leaving the stage within `ahead` units, and
    `saved` what it is worth in minor units; None where too few deals got this old.
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
    ahead: float | None
    saved: float | None
    as_old: int
    as_old_advanced: int


def worklist(
    deals: Iterable[LateDeal], odds: Sequence[StageOdds], per_day: int = 1
) -> tuple[WorkItem, ...]:
    """Which late deals are worth a call today, and which are to be closed or revived?

    The oldest ones first would be the wrong order: hardly any of them is ever won. Ordered
    by `value x sum_j P_j(g, w) w_j`: the chance that a deal of age g leaves the stage by
    door j within w (the expected days, at least 30 days), times the chance to win from
    there. Behind them, in a block of their own, those older than t*, with too few
    deals as old in the past, or with less than a tenth of the chance of a new deal.
    """
    items = [_item(deal, odds[deal.stage], per_day) for deal in deals]
    return tuple(sorted(items, key=_order))


def _order(item: WorkItem) -> tuple[bool, float, float, int, str]:
    """Order: calls first, by what can be saved, then by chance and age; then by id."""
    saved, chance = item.saved or 0.0, item.chance or 0.0
    return item.block == DECIDE, -saved, -chance, item.age, item.opportunity_id


def _item(deal: LateDeal, odds: StageOdds, per_day: int) -> WorkItem:
    """Judge one deal."""
    ahead = look_ahead(odds, deal.age, per_day)
    chance = None if ahead is None else chance_from(odds, deal.age, ahead)
    as_old, advanced = as_old_as(odds.curve, deal.age)
    over = None
    if deal.visit_late and odds.expected is not None:
        over = deal.age - odds.expected
    return WorkItem(
        block=CALL if _worth_a_call(chance, odds) else DECIDE,
        opportunity_id=deal.opportunity_id,
        name=deal.name,
        owner=deal.owner,
        stage=odds.name,
        age=deal.age,
        over=over,
        deal_age_days=deal.deal_age_days,
        value=deal.value,
        chance=chance,
        ahead=None if chance is None else ahead,
        saved=None if chance is None or deal.value is None else chance * deal.value,
        as_old=as_old,
        as_old_advanced=advanced,
    )


def _worth_a_call(chance: float | None, odds: StageOdds) -> bool:
    """Say whether a deal can still be won like others."""
    return chance is not None and chance > 0.0 and chance >= HARDLY * (odds.fresh or 0.0)


def look_ahead(odds: StageOdds, age: int, per_day: int = 1) -> float | None:
    """Return how far ahead to look from an age: max(E, 30 days), at most to t*; None past it."""
    wanted = max(odds.expected or 0.0, float(MIN_AHEAD_DAYS * per_day))
    left = longest_followed(odds.curve) - age
    return None if left <= 0 else min(wanted, left)


def chance_from(odds: StageOdds, age: int, ahead: float) -> float | None:
    """What is the chance of a win that begins with leaving the stage within `ahead`?

    `sum_j (F_j(g + w) - F_j(g)) / S(g) w_j`, the estimator restarted at g. None where
    fewer than 20 equivalent entrants of the restarted curve are followed to g + w.
    """
    total = 0.0
    for kind, won in odds.landing.items():
        chance = chance_still(odds.curve, (kind,), age, ahead)
        if chance is None:
            return None
        total += chance * won
    return total


def as_old_as(curve: Curve, age: int) -> tuple[int, int]:
    """Return how many were in the stage after `age`, and how many of them advanced later."""
    start = index_at(curve, age)
    if start + 1 >= len(curve.ages):
        return 0, 0
    inside = int(curve.table.at_risk[start] - curve.table.any_exit[start])
    later = sum(int(curve.table.exits[kind][start + 1 :].sum()) for kind in ADVANCED)
    return max(inside, 0), later
