"""stages.csv: one row per stage, for programs. Its columns are a contract."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from leakkit.sources.check import safe_text

if TYPE_CHECKING:
    from leakkit.analysis import PipelineAnalysis
    from leakkit.measures.present import LastStage
    from leakkit.measures.stages import StageResult
    from leakkit.measures.survival import Horizon, Share

COLUMNS = (
    *("stage", "opportunities", "entered", "first_visits", "next", "jumped", "won_here"),
    *("returned", "lost", "moved", "open", "overdue", "jumped_over", "reopened_in"),
    *("horizon_days", "horizon_from", "followed"),
    *("advance_share", "advance_low", "advance_high", "lost_share", "lost_low", "lost_high"),
    *("returned_share", "returned_low", "returned_high"),
    *("stalled_share", "stalled_low", "stalled_high"),
    *("went_overdue_share", "went_overdue_low", "went_overdue_high"),
    *("won_from_here_share", "won_from_here_low", "won_from_here_high"),
    *("crm_advance_ratio", "crm_loss_ratio", "median_days", "p90_days"),
    *("expected_days", "expected_days_from"),
    *("value_entered", "value_lost", "value_overdue", "currency", "notes"),
)
OF_PRESENT = (
    "stage",
    "opportunities",
    "won_here",
    "lost",
    "open",
    "value_lost",
    "currency",
    "notes",
)
"""What a list without a history has; all else is NA."""
WITHOUT_NOTE = ("_low", "_high", "_from")
"""Ends of columns whose reason stands at the share, or the age, that they belong to."""
SHARES = ("advance", "lost", "returned", "stalled", "went_overdue", "won_from_here")


def stages_csv(pipeline: PipelineAnalysis) -> str:
    r"""Return the stage table of one pipeline as CSV text, with `\n` line ends.

    Shares have 10 decimals, days are days (with fractions in pipelines by the hour),
    money is in major units with two decimals. NA is an empty cell with its reason code
    in `notes`.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    rows = [_row(stage, pipeline) for stage in pipeline.stages]
    if pipeline.present is not None:
        rows = [_present_row(one, pipeline) for one in pipeline.present.named]
    writer.writerow(COLUMNS)
    writer.writerows(row.values() for row in rows)
    return text.getvalue()


def _row(stage: StageResult, pipeline: PipelineAnalysis) -> dict[str, str]:
    """Return the cells of one stage by column."""
    notes: list[str] = []
    row = {
        "stage": safe_text(stage.name),
        **_counts(stage, notes),
        **_horizon(stage, pipeline, notes),
    }
    for name in SHARES:
        row |= _share(name, getattr(stage, name), notes)
    row["crm_advance_ratio"] = _number(stage.crm_advance_ratio, "crm_advance_ratio", notes)
    row["crm_loss_ratio"] = _number(stage.crm_loss_ratio, "crm_loss_ratio", notes)
    for name, age in (("median", stage.median), ("p90", stage.p90), ("expected", stage.expected)):
        row[f"{name}_days"] = _days(f"{name}_days", age, pipeline.unit_per_day, notes)
    row["expected_days_from"] = stage.expected.origin
    for name in ("value_entered", "value_lost", "value_overdue"):
        row[name] = money(getattr(stage, name))
    return {**row, "currency": pipeline.currency, "notes": ";".join(notes)}


def _present_row(one: LastStage, pipeline: PipelineAnalysis) -> dict[str, str]:
    """Return the cells of one stage of a present state: the deals whose row names it."""
    missing = [
        name for name in COLUMNS if name not in OF_PRESENT and not name.endswith(WITHOUT_NOTE)
    ]
    row = {
        "stage": safe_text(one.name),
        "opportunities": str(one.tally.deals),
        "won_here": str(one.tally.won),
        "lost": str(one.tally.lost),
        "open": str(one.tally.open),
        "value_lost": money(one.tally.value_lost),
        "currency": pipeline.currency,
        "notes": ";".join(f"{name}=no_history" for name in missing),
    }
    return {name: row.get(name, "") for name in COLUMNS}


def _counts(stage: StageResult, notes: list[str]) -> dict[str, str]:
    """Return the whole numbers of a stage."""
    exits = stage.exits
    if stage.overdue is None:
        notes.append(f"overdue={stage.expected.reason}")
    counts: dict[str, int | None] = {
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
    }
    return {name: "" if count is None else str(count) for name, count in counts.items()}


def _horizon(stage: StageResult, pipeline: PipelineAnalysis, notes: list[str]) -> dict[str, str]:
    """Return the horizon, where it comes from, and how many were followed to it."""
    followed = "" if stage.followed is None else f"{stage.followed:.10f}"
    return {
        "horizon_days": _days("horizon_days", stage.horizon, pipeline.unit_per_day, notes),
        "horizon_from": stage.horizon.origin,
        "followed": followed,
    }


def _share(name: str, share: Share, notes: list[str]) -> dict[str, str]:
    """Return a share with its interval."""
    if share.reason:
        notes.append(f"{name}_share={share.reason}")
    ends = {"share": share.share, "low": share.low, "high": share.high}
    return {f"{name}_{end}": "" if v is None else f"{v:.10f}" for end, v in ends.items()}


def _number(value: float | None, name: str, notes: list[str]) -> str:
    """Return a plain ratio."""
    if value is None:
        notes.append(f"{name}=no_deals")
        return ""
    return f"{value:.10f}"


def _days(name: str, age: Horizon, per_day: int, notes: list[str]) -> str:
    """Return an age in days; whole days without decimals."""
    if age.age is None:
        notes.append(f"{name}={age.reason}")
        return ""
    return f"{age.age / per_day:.10f}".rstrip("0").rstrip(".")


def money(minor: int) -> str:
    """Return minor units as major ones with two decimals."""
    sign = "-" if minor < 0 else ""
    return f"{sign}{abs(minor) // 100}.{abs(minor) % 100:02d}"
