"""Whole lives of deals, drawn in rounds of one visit each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from leakkit.sample.clock import WORKDAY_SECONDS
from leakkit.sample.plan import CAUSES
from leakkit.sample.rows import LOST, WON, Live, Rows
from leakkit.sample.shares import find_effects, find_shares

if TYPE_CHECKING:
    from leakkit.sample.arrays import StageArrays
    from leakkit.sample.births import Births
    from leakkit.sample.columns import Bools, Floats, Ints
    from leakkit.sample.shares import Effects

_SHORTEST_STAY_SECONDS: Final = 60

# What the causes do to the stay of a lost deal, so that it can be told from the others.
_EARLY_FACTOR: Final = 0.2
_LONG_FACTOR: Final = 2.5


@dataclass(frozen=True, slots=True)
class _Visits:
    """How each visit ends: `to` is a stage, a close, or where it is (never decided)."""

    to: Ints
    leaves: Ints
    returns: Bools
    stays: Bools
    cause: Ints
    dear: Bools


def draw_lives(arrays: StageArrays, births: Births, rng: np.random.Generator) -> list[Rows]:
    """Draw round after round until every deal is closed for good, or never decided."""
    deals = np.arange(births.second.size)
    nothing = np.zeros(deals.size, dtype=np.int64)
    live = Live(deals, births.stage, births.second, nothing, nothing.astype(np.bool_))
    rounds = [_entries(live)]
    while live.deal.size:
        visits = _visits(arrays, live, rng)
        rounds.append(_closes(live, visits))
        live = _next(arrays, live, visits, rng)
        rounds.append(_entries(live))
    return rounds


def _visits(arrays: StageArrays, live: Live, rng: np.random.Generator) -> _Visits:
    fate, jump, cause, sign, late = rng.random((5, live.deal.size))
    here = find_effects(arrays.leaks, live, cause, sign)
    lost_share, returned_share, stuck_share = find_shares(arrays, live, here)
    lost = fate < lost_share
    returned = ~lost & (fate < lost_share + returned_share)
    stuck = ~(lost | returned) & (fate < lost_share + returned_share + stuck_share)
    signs = here.signs & lost
    stay = _stays(arrays, live, here, lost, rng)
    stay += np.where(lost & (late < arrays.late_close[live.stage]), _wait(arrays, live, rng), 0)
    to = np.where(lost, LOST, np.where(returned, live.stage - 1, _ahead(arrays, live, jump)))
    return _Visits(
        to=np.where(stuck, live.stage, to),
        leaves=live.second + np.maximum(np.rint(stay).astype(np.int64), _SHORTEST_STAY_SECONDS),
        returns=returned,
        stays=stuck,
        cause=np.where(lost, here.cause, 0),
        dear=signs & (here.cause == CAUSES.index("unconvincing")),
    )


def _stays(
    arrays: StageArrays, live: Live, here: Effects, lost: Bools, rng: np.random.Generator
) -> Floats:
    shape = arrays.shape[live.stage]
    stay = rng.standard_gamma(shape) / shape * arrays.stay[live.stage] * here.slower
    early, long = _EARLY_FACTOR, _LONG_FACTOR
    by_cause = np.array([1.0, early, long])[np.where(here.signs, here.cause, 0)]
    return np.where(lost, stay * arrays.lost_ratio[live.stage] * by_cause, stay)


def _wait(arrays: StageArrays, live: Live, rng: np.random.Generator) -> Floats:
    return rng.standard_exponential(live.deal.size) * arrays.late_wait[live.stage]


def _ahead(arrays: StageArrays, live: Live, jump: Floats) -> Ints:
    to = live.stage + 1 + (jump < arrays.skip[live.stage])
    return np.where(to < arrays.first[live.stage] + arrays.count[live.stage], to, WON)


def _next(arrays: StageArrays, live: Live, visits: _Visits, rng: np.random.Generator) -> Live:
    again, wait = rng.random(live.deal.size), rng.standard_exponential(live.deal.size)
    reopens = (visits.to == LOST) & ~live.reopened & (again < arrays.reopen[live.stage])
    pause = 2 * WORKDAY_SECONDS + np.rint(wait * arrays.reopen_wait[live.stage]).astype(np.int64)
    goes_on = ((visits.to >= 0) & ~visits.stays) | reopens
    return Live(
        deal=live.deal,
        stage=np.where(reopens, live.stage, visits.to),
        second=visits.leaves + np.where(reopens, pause, 0),
        returns=live.returns + visits.returns,
        reopened=live.reopened | reopens,
    ).keep(goes_on)


def _entries(live: Live) -> Rows:
    no_cause = np.zeros(live.deal.size, dtype=np.int64)
    return Rows(live.deal, live.stage, live.second, no_cause, no_cause.astype(np.bool_))


def _closes(live: Live, visits: _Visits) -> Rows:
    rows = Rows(live.deal, visits.to, visits.leaves, visits.cause, visits.dear)
    return rows.keep(visits.to < 0)
