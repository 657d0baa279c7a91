"""One row per late deal: where it stands, for how long, and what chance it still has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.frames.cells import frame_of, major

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from leakkit.analysis.numbers import PipelineNumbers
    from leakkit.findings.worklist import WorkItem
    from leakkit.frames.cells import Cell

COLUMNS = (
    *("block", "opportunity_id", "name", "owner", "stage"),
    *("days_in_stage", "days_over", "deal_age_days", "value"),
    *("chance", "chance_low", "chance_high", "saved_value", "currency"),
    *("look_ahead_days", "as_old", "as_old_advanced"),
)
CHANCES = ("chance", "chance_low", "chance_high")
MONEY = ("value", "saved_value")
TYPES = dict.fromkeys(
    (*CHANCES, *MONEY, "days_in_stage", "days_over", "look_ahead_days"), "float64"
) | dict.fromkeys(("deal_age_days", "as_old", "as_old_advanced"), "int64")
KINDS = {name: TYPES.get(name, "str") for name in ("pipeline", *COLUMNS)}


def worklist_frame(lists: Iterable[tuple[PipelineNumbers, Sequence[WorkItem]]]) -> pd.DataFrame:
    """Return the late deals of pipelines, those to call first in front."""
    rows = [
        {"pipeline": pipeline.name, **worklist_row(item, pipeline)}
        for pipeline, items in lists
        for item in items
    ]
    return frame_of(rows, KINDS)


def worklist_row(item: WorkItem, pipeline: PipelineNumbers) -> dict[str, Cell]:
    """Return the cells of one late deal; money in major units, stays in days."""
    per_day = pipeline.unit_per_day
    return {
        "block": item.block,
        "opportunity_id": item.opportunity_id,
        "name": item.name,
        "owner": item.owner,
        "stage": item.stage,
        "days_in_stage": item.age / per_day,
        "days_over": None if item.over is None else item.over / per_day,
        "deal_age_days": item.deal_age_days,
        "value": major(item.value),
        "chance": item.chance,
        "chance_low": item.low,
        "chance_high": item.high,
        "saved_value": major(item.saved),
        "currency": pipeline.currency,
        "look_ahead_days": None if item.ahead is None else item.ahead / per_day,
        "as_old": item.as_old,
        "as_old_advanced": item.as_old_advanced,
    }
