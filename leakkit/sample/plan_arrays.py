"""The plan as arrays, one entry a stage or a leak: many deals are drawn at once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from leakkit.sample.plan import CAUSES, LEAK_KINDS, WORKDAY_SECONDS, count_work_seconds, list_stages

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leakkit.sample.lives import Live
    from leakkit.sample.plan import Leak, Plan


# ---------------- columns
# Columns of numbers and texts, one entry a deal, a visit or a stage.

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Texts: TypeAlias = pd.api.extensions.ExtensionArray


def collect_ints(numbers: Iterable[int]) -> Ints:
    """Make one column of whole numbers."""
    return np.array(list(numbers), dtype=np.int64)


def collect_floats(numbers: Iterable[float]) -> Floats:
    """Make one column of numbers."""
    return np.array(list(numbers), dtype=np.float64)


def take_texts(labels: Sequence[str], codes: Ints) -> Texts:
    """The labels at these codes; -1 is NA."""
    return pd.array(list(labels), dtype="str").take(codes, allow_fill=True)


# ---------------- arrays
# The plan as arrays, one entry a stage or a leak: many deals are drawn at once.

NEVER: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class LeakArrays:
    """One entry per leak, and a last one that is never in force.

    at: (slots, stages), which leaks touch a stage.
    """

    at: Ints
    starts: Ints
    ends: Ints
    more_lost: Floats
    more_returned: Floats
    slower: Floats
    cause: Ints
    cause_share: Floats
    sign_share: Floats


@dataclass(frozen=True, slots=True)
class StageArrays:
    """One entry per stage of all pipelines, in the order of the plan; stays in seconds."""

    first: Ints
    count: Ints
    max_returns: Ints
    lost: Floats
    returned: Floats
    stuck: Floats
    lost_per_return: Floats
    stay: Floats
    shape: Floats
    lost_ratio: Floats
    skip: Floats
    reopen: Floats
    reopen_wait: Floats
    late_close: Floats
    late_wait: Floats
    leaks: LeakArrays


def make_arrays(plan: Plan) -> StageArrays:
    """Lay the stages and the leaks of a plan out as arrays."""
    first, counts = locate_lists(plan, "stages")
    pipeline = np.repeat(np.arange(counts.size), counts)
    day_seconds = WORKDAY_SECONDS * plan.work_days_per_week / 7
    return StageArrays(
        first=first[pipeline],
        count=counts[pipeline],
        max_returns=collect_ints(p.max_returns for p, _ in list_stages(plan)),
        lost=collect_floats(s.lost_share for _, s in list_stages(plan)),
        returned=collect_floats(s.returned_share for _, s in list_stages(plan)),
        stuck=collect_floats(p.stuck_share for p, _ in list_stages(plan)),
        lost_per_return=collect_floats(s.lost_per_return_share for _, s in list_stages(plan)),
        stay=collect_floats(s.dwell_days * day_seconds for _, s in list_stages(plan)),
        shape=collect_floats(s.dwell_shape for _, s in list_stages(plan)),
        lost_ratio=collect_floats(s.lost_dwell_ratio for _, s in list_stages(plan)),
        skip=collect_floats(p.skip_share for p, _ in list_stages(plan)),
        reopen=collect_floats(p.reopen_share for p, _ in list_stages(plan)),
        reopen_wait=collect_floats(p.reopen_wait_days * day_seconds for p, _ in list_stages(plan)),
        late_close=collect_floats(p.late_close_share for p, _ in list_stages(plan)),
        late_wait=collect_floats(p.late_close_days * day_seconds for p, _ in list_stages(plan)),
        leaks=_leaks(plan),
    )


def _leaks(plan: Plan) -> LeakArrays:
    size = {kind: [leak.size if leak.kind == kind else None for leak in plan.leaks]
            for kind in LEAK_KINDS}  # fmt: skip
    return LeakArrays(
        at=_leaks_at(plan),
        starts=collect_ints([*(_starts(leak, plan) for leak in plan.leaks), NEVER]),
        ends=collect_ints([*(_ends(leak, plan) for leak in plan.leaks), NEVER]),
        more_lost=collect_floats([*(points or 0 for points in size["lost"]), 0]),
        more_returned=collect_floats([*(points or 0 for points in size["returned"]), 0]),
        slower=collect_floats([*(factor or 1 for factor in size["overdue"]), 1]),
        cause=collect_ints([*(CAUSES.index(leak.cause) for leak in plan.leaks), 0]),
        cause_share=collect_floats(
            [*(leak.cause_share * bool(leak.cause) for leak in plan.leaks), 0]
        ),
        sign_share=collect_floats([*(leak.sign_share for leak in plan.leaks), 0]),
    )


def _leaks_at(plan: Plan) -> Ints:
    of_stage: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for number, leak in enumerate(plan.leaks):
        of_stage[leak.pipeline, leak.stage].append(number)
    here = [of_stage[pipeline.name, stage.name] for pipeline, stage in list_stages(plan)]
    slots = max(map(len, here), default=0)
    never = len(plan.leaks)
    return np.array([leaks + [never] * (slots - len(leaks)) for leaks in here],
                    dtype=np.int64).reshape(len(here), slots).T  # fmt: skip


def _starts(leak: Leak, plan: Plan) -> int:
    return 0 if leak.from_date is None else count_work_seconds(leak.from_date, plan)


def _ends(leak: Leak, plan: Plan) -> int:
    if leak.until_date is None:
        return NEVER
    return count_work_seconds(leak.until_date, plan, days_later=1)


def locate_lists(plan: Plan, column: str) -> tuple[Ints, Ints]:
    """Where each pipeline's list starts in the flat one, and its length."""
    lengths = collect_ints(len(getattr(pipeline, column)) for pipeline in plan.pipelines)
    return np.cumsum(lengths) - lengths, lengths


# ---------------- shares
# The shares of a visit under the leaks of its day: the one definition for simulation and truth.


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
