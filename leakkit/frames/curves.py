"""One row per day in a stage and exit: which share has left by it until then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from leakkit.frames.cells import frame_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leakkit.analysis.results import PipelineAnalysis
    from leakkit.measures.stages import StageResult

QUANTILES = ("p10", "median", "p90")
AGES = {"pipeline": "str", "outcome": "str", "stage": "str", "since": "str", "deals": "int64"}
AGES |= {f"{name}_days": "float64" for name in QUANTILES}
KINDS = {
    "pipeline": "str",
    "stage": "str",
    "days": "float64",
    "exit": "str",
    "share": "float64",
    "at_risk": "int64",
    "followed": "float64",
}


def curves_frame(pipeline: PipelineAnalysis, stages: Iterable[StageResult]) -> pd.DataFrame:
    """Return the curves of some stages, up to the horizon of each where it has one.

    `share` of those who entered has left by an `exit` by then; `at_risk` visits were still
    watched on that day, which is worth so many visits `followed` from their beginning.
    """
    parts = [part for stage in stages for part in _exits(stage, pipeline)]
    whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(KINDS))
    return whole.astype(KINDS)


def _exits(stage: StageResult, pipeline: PipelineAnalysis) -> list[pd.DataFrame]:
    """Return the curve of every exit of one stage."""
    table, age = stage.curve.table, stage.horizon.age
    shown = table.ages <= (np.inf if age is None else age)
    return [
        pd.DataFrame(
            {
                "pipeline": pipeline.name,
                "stage": stage.name,
                "days": table.ages[shown] / pipeline.unit_per_day,
                "exit": exit_kind,
                "share": share[shown],
                "at_risk": table.at_risk[shown],
                "followed": stage.curve.equivalent[shown],
            }
        )
        for exit_kind, share in stage.curve.leaving.items()
    ]


def ages_frame(pipeline: PipelineAnalysis) -> pd.DataFrame:
    """Return how old the deals of a list without a history are, by how they ended.

    `since` says from when their days are counted: `created`, or for open deals of one stage
    `stage`, when they came into it.
    """
    present = pipeline.present
    if present is None:
        return frame_of([], AGES)
    names = {one.stage: one.name for one in present.named}
    aged = [(outcome, "", "created", age) for outcome, age in present.ages.items()]
    aged += [("open", names[at], "stage", age) for at, age in present.standing.items() if at >= 0]
    rows = [
        {
            "pipeline": pipeline.name,
            "outcome": outcome,
            "stage": stage,
            "since": since,
            "deals": age.n,
            **{f"{name}_days": getattr(age, name) for name in QUANTILES},
        }
        for outcome, stage, since, age in aged
    ]
    return frame_of(rows, AGES)
