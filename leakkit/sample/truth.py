"""The planted truth: the plan, its leaks, and what is in the data."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from leakkit.sample.arrays import make_arrays
from leakkit.sample.clock import count_work_seconds
from leakkit.sample.outlook import compute_outlooks
from leakkit.sample.rows import LOST, WON, find_ends

if TYPE_CHECKING:
    from leakkit.sample.births import Births
    from leakkit.sample.columns import Bools, Ints
    from leakkit.sample.plan import Plan
    from leakkit.sample.rows import Rows


def make_truth(plan: Plan, seed: int, births: Births, rows: Rows) -> dict[str, Any]:
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


def _counts_of(plan: Plan, births: Births, rows: Rows) -> dict[str, Ints]:
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


def _happenings(plan: Plan, births: Births, rows: Rows) -> dict[str, Bools]:
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


def _any_row(births: Births, rows: Rows, moves: Bools) -> Bools:
    deals = np.zeros(births.second.size, dtype=np.bool_)
    deals[rows.deal[1:][moves]] = True
    return deals
