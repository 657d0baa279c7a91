"""The planted truth: the exact shares under the leaks, and what is in the data."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from leakkit.sample.lives import LOST, WON, Live, find_ends
from leakkit.sample.plan import count_work_seconds, list_stages
from leakkit.sample.plan_arrays import (
    collect_floats,
    find_effects,
    find_shares,
    locate_lists,
    make_arrays,
)

if TYPE_CHECKING:
    from leakkit.sample.lives import Births, HistoryRows
    from leakkit.sample.plan import PipelinePlan, Plan
    from leakkit.sample.plan_arrays import Bools, Effects, Floats, Ints, StageArrays


# ---------------- outlook
# The exact shares of deals and visits under the leaks of a moment, computed, not drawn.


def compute_outlooks(plan: Plan, at: int) -> list[dict[str, Any]]:
    """What becomes of the deals of each pipeline under the shares in force at a moment?"""
    arrays = make_arrays(plan)
    most = max(pipeline.max_returns for pipeline in plan.pipelines)
    shares = np.stack([_shares_at(arrays, at, returns) for returns in range(most + 1)])
    days = (
        collect_floats(stage.dwell_days for _, stage in list_stages(plan))
        * _here_at(arrays, at)[1].slower
    )
    starts = locate_lists(plan, "stages")[0][1:]
    parts = zip(np.split(shares, starts, axis=2), np.split(days, starts), strict=True)
    return [
        _outlook(pipeline, part[: pipeline.max_returns + 1], part_days)
        for pipeline, (part, part_days) in zip(plan.pipelines, parts, strict=True)
    ]


def _here_at(arrays: StageArrays, at: int, returns: int = 0) -> tuple[Live, Effects]:
    """One visit to every stage at the same moment."""
    stages = np.arange(arrays.lost.size)
    live = Live(stages, stages, np.full_like(stages, at), np.full_like(stages, returns),
                 np.zeros(stages.size, dtype=np.bool_))  # fmt: skip
    return live, find_effects(arrays.leaks, live, *np.ones((2, stages.size)))


def _shares_at(arrays: StageArrays, at: int, returns: int) -> Floats:
    return np.stack(find_shares(arrays, *_here_at(arrays, at, returns)))


def _outlook(pipeline: PipelinePlan, shares: Floats, days: Floats) -> dict[str, Any]:
    """Shares of all deals, and of all visits to each stage, however often a deal comes.

    shares: (returns so far, lost / returned / never decided, stage).
    """
    visits, won = _flow(pipeline, shares)
    ends = np.einsum("krs,rxs->xs", visits, shares)
    never = ends[2].sum()
    return {
        "won_share": _round(sum(won)),
        "won_at_first_close_share": _round(won[0]),
        "lost_share": _round(1 - sum(won) - never),
        "never_decided_share": _round(never),
        "stages": [
            {"stage": stage.name, **_visit_truth(entered, end), "advance_days": _round(mean)}
            for stage, entered, end, mean in zip(
                pipeline.stages, visits.sum(axis=(0, 1)), ends.T, days.tolist(), strict=True
            )
        ],
    }


def _visit_truth(entered: float, ends: Floats) -> dict[str, float | None]:
    lost, returned, never = ends.tolist()
    counts = {
        "advanced_share": entered - lost - returned - never,
        "lost_share": lost,
        "returned_share": returned,
        "never_decided_share": never,
    }
    visits: dict[str, float | None] = {"visits_per_deal": _round(entered)}
    shares = {k: _round(n / entered) if entered else None for k, n in counts.items()}
    return visits | shares


def _round(number: float) -> float:
    # The last digits of a sum differ between machines; adding 0 takes the sign off -0.
    return round(float(number), 10) + 0.0


def _flow(pipeline: PipelinePlan, shares: Floats) -> tuple[Floats, tuple[float, float]]:
    """Expected visits by (re-opened, returns so far, stage), and the won deals of both.

    The chain never comes back to a state, so one pass in this order is exact: a return
    raises `returns`, a re-opening raises `re-opened`, all else goes up the stages.
    """
    returns, _, stages = shares.shape
    visits = np.zeros((2, returns + 1, stages + 2))
    visits[0, 0, :stages] = _start_shares(pipeline)
    for again, loops, stage in np.ndindex(2, returns, stages):
        here = visits[again, loops, stage]
        lost, returned, stuck = here * shares[loops, :, stage]
        advanced = here - lost - returned - stuck
        visits[again, loops, stage + 1] += advanced * (1 - pipeline.skip_share)
        visits[again, loops, stage + 2] += advanced * pipeline.skip_share
        visits[again, loops + 1, stage - 1] += returned
        if not again:
            visits[1, loops, stage] += lost * pipeline.reopen_share
    won = visits[:, :returns, stages:].sum(axis=(1, 2))
    return visits[:, :returns, :stages], (float(won[0]), float(won[1]))


def _start_shares(pipeline: PipelinePlan) -> Floats:
    """Chance to start in each stage: the first, or evenly one of those up to the middle."""
    stages = len(pipeline.stages)
    shares = np.zeros(stages)
    middle = stages // 2
    shares[0] = 1.0
    if middle:
        shares[0] -= pipeline.middle_start_share
        shares[1 : middle + 1] = pipeline.middle_start_share / middle
    return shares


# ---------------- truth
# The planted truth: the plan, its leaks, and what is in the data.


def make_truth(plan: Plan, seed: int, births: Births, rows: HistoryRows) -> dict[str, Any]:
    """Write down what was planted, what is in the data, and the exact shares."""
    counts = _counts_of(plan, births, rows)
    truth = {
        "schema_version": 1,
        "seed": seed,
        "as_of": plan.as_of,
        "leaks": [asdict(leak) for leak in plan.leaks],
        "counts": {key: int(column.sum()) for key, column in counts.items()},
        "pipelines": _pipelines_truth(plan, counts),
        "plan": asdict(plan),
    }
    # As it is read back: lists, no tuples.
    read_back: dict[str, Any] = json.loads(json.dumps(truth))
    return read_back


def _pipelines_truth(plan: Plan, counts: dict[str, Ints]) -> list[dict[str, Any]]:
    at_start = compute_outlooks(plan, count_work_seconds(plan.start, plan))
    at_end = compute_outlooks(plan, count_work_seconds(plan.as_of, plan, days_later=1) - 1)
    return [
        {
            "pipeline": pipeline.name,
            "counts": {key: int(column[number]) for key, column in counts.items()},
            "before": at_start[number],
            "after": at_end[number],
        }
        for number, pipeline in enumerate(plan.pipelines)
    ]


def _counts_of(plan: Plan, births: Births, rows: HistoryRows) -> dict[str, Ints]:
    """What is in the data, per pipeline: rows, and deals to which something happened."""
    ends = find_ends(rows, births.second.size)
    flags = {
        "opportunities": np.ones(births.second.size),
        "rows": np.bincount(rows.deal, minlength=births.second.size),
        "won": ends.code == WON,
        "lost": ends.code == LOST,
        "open": ends.code >= 0,
        **_happenings(plan, births, rows),
    }
    length = len(plan.pipelines)
    return {
        key: np.bincount(births.pipeline, weights=flag, minlength=length).astype(np.int64)
        for key, flag in flags.items()
    }


def _happenings(plan: Plan, births: Births, rows: HistoryRows) -> dict[str, Bools]:
    arrays = make_arrays(plan)
    same = rows.deal[1:] == rows.deal[:-1]
    stage, then = rows.stage[:-1], rows.stage[1:]
    # A win counts as the position past the last stage, so that an early one is a jump.
    open_stage = np.maximum(stage, 0)
    end = arrays.first[open_stage] + arrays.count[open_stage]
    jumped = (stage >= 0) & (np.where(then == WON, end, then) > stage + 1)
    first = arrays.first[births.stage]
    return {
        "reopened": _any_row(births, rows, same & (stage == LOST)),
        "returned": _any_row(births, rows, same & (then >= 0) & (then < stage)),
        "jumped": _any_row(births, rows, same & jumped),
        "started_in_the_middle": births.stage > first,
    }


def _any_row(births: Births, rows: HistoryRows, moves: Bools) -> Bools:
    deals = np.zeros(births.second.size, dtype=np.bool_)
    deals[rows.deal[1:][moves]] = True
    return deals
