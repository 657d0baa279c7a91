"""The shares of a visit under the leaks of its day: the one definition for simulation and truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from leakkit.sample.arrays import LeakArrays, StageArrays
    from leakkit.sample.columns import Bools, Floats, Ints
    from leakkit.sample.rows import Live


@dataclass(frozen=True, slots=True)
class Effects:
    """What the leaks do to each of these visits."""

    more_lost: Floats
    more_returned: Floats
    slower: Floats
    cause: Ints
    signs: Bools


def find_effects(leaks: LeakArrays, live: Live, which: Floats, sign: Floats) -> Effects:
    """Add up the leaks in force at the entry of each visit; `which` and `sign` draw its cause."""
    more_lost, more_returned, used = np.zeros((3, live.deal.size))
    slower = np.ones(live.deal.size)
    cause = np.zeros(live.deal.size, dtype=np.int64)
    signs = np.zeros(live.deal.size, dtype=np.bool_)
    for slot in leaks.at:
        leak = slot[live.stage]
        on = (leaks.starts[leak] <= live.second) & (live.second < leaks.ends[leak])
        leak = np.where(on, leak, leaks.starts.size - 1)
        more_lost += leaks.more_lost[leak]
        more_returned += leaks.more_returned[leak]
        slower *= leaks.slower[leak]
        share = leaks.cause_share[leak]
        hit = (used <= which) & (which < used + share)
        cause = np.where(hit, leaks.cause[leak], cause)
        signs |= hit & (sign < leaks.sign_share[leak])
        used += share
    return Effects(more_lost, more_returned, slower, cause, signs)


def find_shares(arrays: StageArrays, live: Live, here: Effects) -> tuple[Floats, Floats, Floats]:
    """Lost, returned and never decided shares of each visit."""
    stage = live.stage
    may_return = (stage > arrays.first[stage]) & (live.returns < arrays.max_returns[stage])
    return _shares(
        arrays.lost[stage] + here.more_lost + arrays.lost_per_return[stage] * live.returns,
        np.where(may_return, arrays.returned[stage] + here.more_returned, 0),
        arrays.stuck[stage],
    )


def _shares(lost: Floats, returned: Floats, stuck: Floats) -> tuple[Floats, Floats, Floats]:
    """Make them possible; what they leave is the advanced share.

    The one definition that the simulation and the truth share.

    >>> _shares(np.array([0.9]), np.array([0.2]), np.array([0.1]))
    (array([0.9]), array([0.1]), array([0.]))
    """
    lost = np.clip(lost, 0, 1)
    returned = np.clip(returned, 0, 1 - lost)
    return lost, returned, np.minimum(stuck, np.maximum(1 - lost - returned, 0))
