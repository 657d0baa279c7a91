"""One row per stage: what came in, what became of it, how sure that is, how long it took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.frames.cells import frame_of, major

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from leakkit.analysis.numbers import PipelineNumbers, StageNumbers
    from leakkit.frames.cells import Cell
    from leakkit.measures.present import LastStage
    from leakkit.measures.survival import Horizon, Share

COUNTS = (
    *("opportunities", "entered", "first_visits", "next", "jumped", "won_here"),
    *("returned", "lost", "moved", "open", "overdue", "jumped_over", "reopened_in"),
)
SHARES = ("advance", "lost", "returned", "stalled", "went_overdue", "won_from_here")
SHARE_COLUMNS = tuple(f"{name}_{end}" for name in SHARES for end in ("share", "low", "high"))
RATIOS = ("crm_advance_ratio", "crm_loss_ratio")
DAYS = ("horizon_days", "median_days", "p90_days", "expected_days")
MONEY = ("value_entered", "value_lost", "value_overdue")
COLUMNS = (
    *("stage", *COUNTS),
    *("horizon_days", "horizon_from", "followed"),
    *SHARE_COLUMNS,
    *(*RATIOS, "median_days", "p90_days", "expected_days", "expected_days_from"),
    *(*MONEY, "currency", "notes"),
)
OF_PRESENT = frozenset(
    {"stage", "opportunities", "won_here", "lost", "open", "value_lost", "currency", "notes"}
)
"""What a list without a history has; all else is not available."""
WITHOUT_NOTE = ("_low", "_high", "_from")
"""Ends of columns whose reason stands at the share, or the age, that they belong to."""
TYPES = dict.fromkeys(COUNTS, "Int64") | dict.fromkeys(
    (*SHARE_COLUMNS, *RATIOS, *DAYS, *MONEY, "followed"), "float64"
)
KINDS = {name: TYPES.get(name, "str") for name in ("pipeline", *COLUMNS)}


def stages_frame(pipelines: Iterable[PipelineNumbers]) -> pd.DataFrame:
    """Return the stages of pipelines, in their order; see `stage_rows`."""
    rows = [
        {"pipeline": pipeline.name, **row} for pipeline in pipelines for row in stage_rows(pipeline)
    ]
    return frame_of(rows, KINDS)


def stage_rows(pipeline: PipelineNumbers) -> list[dict[str, Cell]]:
    """Return the cells of every stage by column (docs/contracts.md, stages.csv).

    Shares are 0 to 1, days are days, money is in major units. None is not available, for
    the reason that `notes` gives by column.
    """
    if pipeline.present is not None:
        return [_present_row(one, pipeline) for one in pipeline.present.named]
    return [_row(stage, pipeline) for stage in pipeline.stages]


def _row(stage: StageNumbers, pipeline: PipelineNumbers) -> dict[str, Cell]:
    """Return the cells of one stage."""
    per_day, exits = pipeline.unit_per_day, stage.exits
    notes: list[str] = []
    if stage.overdue is None:
        notes.append(f"overdue={stage.expected.reason}")
    row: dict[str, Cell] = {
        "stage": stage.name,
        "opportunities": stage.opportunities,
        "entered": exits.entered,
        "first_visits": stage.first_visits,
        "next": exits.next,
        "jumped": exits.jumped,
        "won_here": exits.won_here,
        "returned": exits.returned,
        "lost": exits.lost,
        "moved": exits.moved,
        "open": exits.open,
        "overdue": stage.overdue,
        "jumped_over": stage.jumped_over,
        "reopened_in": stage.reopened_in,
        "horizon_days": _days("horizon_days", stage.horizon, per_day, notes),
        "horizon_from": stage.horizon.origin,
        "followed": stage.followed,
    }
    for name in SHARES:
        row |= _share(name, getattr(stage, name), notes)
    for name in RATIOS:
        row[name] = getattr(stage, name)
        notes += [f"{name}=no_deals"] if row[name] is None else []
    for name, age in (("median", stage.median), ("p90", stage.p90), ("expected", stage.expected)):
        row[f"{name}_days"] = _days(f"{name}_days", age, per_day, notes)
    row["expected_days_from"] = stage.expected.origin
    for name in MONEY:
        row[name] = major(getattr(stage, name))
    return {**row, "currency": pipeline.currency, "notes": ";".join(notes)}


def _present_row(one: LastStage, pipeline: PipelineNumbers) -> dict[str, Cell]:
    """Return the cells of one stage of a present state: the deals whose row names it."""
    missing = [
        name for name in COLUMNS if name not in OF_PRESENT and not name.endswith(WITHOUT_NOTE)
    ]
    known: dict[str, Cell] = {
        "stage": one.name,
        "opportunities": one.tally.deals,
        "won_here": one.tally.won,
        "lost": one.tally.lost,
        "open": one.tally.open,
        "value_lost": major(one.tally.value_lost),
        "currency": pipeline.currency,
        "notes": ";".join(f"{name}=no_history" for name in missing),
    }
    return {name: known.get(name, None if name in TYPES else "") for name in COLUMNS}


def _share(name: str, share: Share, notes: list[str]) -> dict[str, Cell]:
    """Return a share with its interval."""
    if share.reason:
        notes.append(f"{name}_share={share.reason}")
    return {f"{name}_share": share.share, f"{name}_low": share.low, f"{name}_high": share.high}


def _days(name: str, age: Horizon, per_day: int, notes: list[str]) -> float | None:
    """Return an age in days."""
    if age.age is None:
        notes.append(f"{name}={age.reason}")
        return None
    return age.age / per_day
