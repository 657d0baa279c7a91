"""Frames of stages: what came in, what became of it, by month, by day, in two parts; findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from leakkit.frames.units import date, frame_of, major

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leakkit.analysis.gaps import ChosenPart, Compared
    from leakkit.analysis.numbers import PipelineNumbers, StageNumbers
    from leakkit.findings import Finding
    from leakkit.findings.part_comparison import Gap, Side
    from leakkit.frames.units import Cell
    from leakkit.measures.balance import Month, Pipe
    from leakkit.measures.horizons import Horizon
    from leakkit.measures.present_state import LastStage
    from leakkit.measures.survival import Share


# ---------------- stages
# One row per stage: what came in, what became of it, how sure that is, how long it took.

COUNTS = (
    *("opportunities", "entered", "first_visits", "next", "jumped", "won_here"),
    *("returned", "lost", "moved", "open", "overdue", "jumped_over", "reopened_in"),
)
SHARES = ("advance", "lost", "returned", "stalled", "went_overdue", "won_from_here")
SHARE_COLUMNS = tuple(f"{name}_{end}" for name in SHARES for end in ("share", "low", "high"))
RATIOS = ("crm_advance_ratio", "crm_loss_ratio")
STAGE_DAYS = ("horizon_days", "median_days", "p90_days", "expected_days")
STAGE_MONEY = ("value_entered", "value_lost", "value_overdue")
STAGE_COLUMNS = (
    *("stage", *COUNTS),
    *("horizon_days", "horizon_from", "followed"),
    *SHARE_COLUMNS,
    *(*RATIOS, "median_days", "p90_days", "expected_days", "expected_days_from"),
    *(*STAGE_MONEY, "currency", "notes"),
)
OF_PRESENT = frozenset(
    {"stage", "opportunities", "won_here", "lost", "open", "value_lost", "currency", "notes"}
)
"""What a list without a history has; all else is not available."""
WITHOUT_NOTE = ("_low", "_high", "_from")
"""Ends of columns whose reason stands at the share, or the age, that they belong to."""
STAGE_TYPES = dict.fromkeys(COUNTS, "Int64") | dict.fromkeys(
    (*SHARE_COLUMNS, *RATIOS, *STAGE_DAYS, *STAGE_MONEY, "followed"), "float64"
)
STAGE_KINDS = {name: STAGE_TYPES.get(name, "str") for name in ("pipeline", *STAGE_COLUMNS)}


def stages_frame(pipelines: Iterable[PipelineNumbers]) -> pd.DataFrame:
    """Return the stages of pipelines, in their order; see `stage_rows`."""
    rows = [
        {"pipeline": pipeline.name, **row} for pipeline in pipelines for row in stage_rows(pipeline)
    ]
    return frame_of(rows, STAGE_KINDS)


def stage_rows(pipeline: PipelineNumbers) -> list[dict[str, Cell]]:
    """Return the cells of every stage by column (docs/contracts.md, stages.csv).

    Shares are 0 to 1, days are days, money is in major units. None is not available, for
    the reason that `notes` gives by column.
    """
    if pipeline.present is not None:
        return [_present_row(one, pipeline) for one in pipeline.present.named]
    return [_stage_row(stage, pipeline) for stage in pipeline.stages]


def _stage_row(stage: StageNumbers, pipeline: PipelineNumbers) -> dict[str, Cell]:
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
        "horizon_days": _stage_days("horizon_days", stage.horizon, per_day, notes),
        "horizon_from": stage.horizon.origin,
        "followed": stage.followed,
    }
    for name in SHARES:
        row |= _share(name, getattr(stage, name), notes)
    for name in RATIOS:
        row[name] = getattr(stage, name)
        notes += [f"{name}=no_deals"] if row[name] is None else []
    for name, age in (("median", stage.median), ("p90", stage.p90), ("expected", stage.expected)):
        row[f"{name}_days"] = _stage_days(f"{name}_days", age, per_day, notes)
    row["expected_days_from"] = stage.expected.origin
    for name in STAGE_MONEY:
        row[name] = major(getattr(stage, name))
    return {**row, "currency": pipeline.currency, "notes": ";".join(notes)}


def _present_row(one: LastStage, pipeline: PipelineNumbers) -> dict[str, Cell]:
    """Return the cells of one stage of a present state: the deals whose row names it."""
    missing = [
        name for name in STAGE_COLUMNS if name not in OF_PRESENT and not name.endswith(WITHOUT_NOTE)
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
    return {name: known.get(name, None if name in STAGE_TYPES else "") for name in STAGE_COLUMNS}


def _share(name: str, share: Share, notes: list[str]) -> dict[str, Cell]:
    """Return a share with its interval."""
    if share.reason:
        notes.append(f"{name}_share={share.reason}")
    return {f"{name}_share": share.share, f"{name}_low": share.low, f"{name}_high": share.high}


def _stage_days(name: str, age: Horizon, per_day: int, notes: list[str]) -> float | None:
    """Return an age in days."""
    if age.age is None:
        notes.append(f"{name}={age.reason}")
        return None
    return age.age / per_day


# ---------------- balances
# One row per stage: what came in and what became of it, in the balance and in the pipe.

BALANCE_TERMS = (
    *("opening", "new", "from_previous", "jumped_in", "returned_in", "reopened"),
    *("next", "jumped", "won_here", "returned", "lost", "moved", "closing"),
)
DOORS = ("lost", "overdue", "in_time")
AMOUNTS = ("entered", "won", "reached", *DOORS)
TEXT = {"pipeline": "str", "stage": "str"}
BALANCE = (
    TEXT
    | dict.fromkeys(BALANCE_TERMS, "int64")
    | dict.fromkeys((f"{term}_value" for term in BALANCE_TERMS), "float64")
    | {"currency": "str"}
)
PIPE = (
    TEXT
    | dict.fromkeys(AMOUNTS, "int64")
    | dict.fromkeys((f"{name}_value" for name in AMOUNTS), "float64")
    | {"currency": "str"}
)


def balances_frame(pipelines: Iterable[PipelineNumbers]) -> pd.DataFrame:
    """Return the balance of every stage.

    opening + new + from_previous + jumped_in + returned_in + reopened
    = next + jumped + won_here + returned + lost + moved + closing.
    """
    rows: list[dict[str, Cell]] = [
        {
            "pipeline": one.name,
            "stage": one.stages[count.stage].name,
            **{term: getattr(count, term) for term in BALANCE_TERMS},
            **{f"{term}_value": major(getattr(value, term)) for term in BALANCE_TERMS},
            "currency": one.currency,
        }
        for one in pipelines
        for count, value in zip(one.balances, one.balances_value, strict=True)
    ]
    return frame_of(rows, BALANCE)


def pipe_frame(pipelines: Iterable[PipelineNumbers]) -> pd.DataFrame:
    """Return what the picture of the pipe shows of every stage: a cohort, each deal once.

    Of the `entered` deals of the cohort `won` were won in the end; `reached` came to the
    stage or beyond it, and `lost`, `overdue` or `in_time` is where they stand in it.
    """
    rows = [row for one in pipelines for row in _pipe_rows(one)]
    return frame_of(rows, PIPE)


def _pipe_rows(pipeline: PipelineNumbers) -> list[dict[str, Cell]]:
    """Return the cells of one pipeline, in deals and in money."""
    value = pipeline.pipe_value
    return [
        {
            "pipeline": pipeline.name,
            "stage": stage.name,
            **_amounts(pipeline.pipe, at),
            **{
                f"{name}_value": None if value is None else major(_amounts(value, at)[name])
                for name in AMOUNTS
            },
            "currency": pipeline.currency,
        }
        for at, stage in enumerate(pipeline.pipe.stages)
    ]


def _amounts(pipe: Pipe, at: int) -> dict[str, int]:
    """Return the amounts of one stage of a pipe."""
    stage = pipe.stages[at]
    doors = {name: getattr(stage, f"all_{name}") for name in DOORS}
    return {"entered": pipe.entered, "won": pipe.won, "reached": stage.width, **doors}


# ---------------- months
# One row per calendar month: what was open, what came in, and what became of it.

MONTH_TERMS = ("opening", "new", "reopened", "won", "lost", "moved", "closing")
ENDS = ("won", "lost")
VALUES = tuple(f"{term}_value" for term in MONTH_TERMS)
MONTH_COLUMNS = ("pipeline", "month", "complete", *MONTH_TERMS, *VALUES, "currency")
MONTH_TYPES = (
    dict.fromkeys(MONTH_TERMS, "Int64")
    | dict.fromkeys(VALUES, "float64")
    | {"month": "datetime64[s]", "complete": "boolean"}
)
MONTH_KINDS = {name: MONTH_TYPES.get(name, "str") for name in MONTH_COLUMNS}


def months_frame(pipelines: Iterable[PipelineNumbers]) -> pd.DataFrame:
    """Return the months of pipelines: opening + new + reopened = won + lost + moved + closing.

    `month` is its first day; `complete` is false where the data begin or end within it. Of a
    list without a history only what was won and lost is known.
    """
    rows = [row for pipeline in pipelines for row in _month_rows(pipeline)]
    return frame_of(rows, MONTH_KINDS)


def _month_rows(pipeline: PipelineNumbers) -> list[dict[str, Cell]]:
    """Return the cells of a pipeline; of a list without a history, what was won and lost."""
    if pipeline.present is None:
        return [_month_row(month, pipeline) for month in pipeline.months]
    missing: dict[str, Cell] = dict.fromkeys((*MONTH_TERMS, *VALUES))
    return [
        {
            "pipeline": pipeline.name,
            "month": date(first),
            "complete": None,
            **missing,
            **{end: getattr(tally, end) for end in ENDS},
            **{f"{end}_value": major(getattr(tally, f"value_{end}")) for end in ENDS},
            "currency": pipeline.currency,
        }
        for first, tally in pipeline.present.months
    ]


def _month_row(month: Month, pipeline: PipelineNumbers) -> dict[str, Cell]:
    """Return the cells of one month."""
    return {
        "pipeline": pipeline.name,
        "month": date(month.first_day),
        "complete": month.complete,
        **{term: getattr(month.count, term) for term in MONTH_TERMS},
        **{f"{term}_value": major(getattr(month.value, term)) for term in MONTH_TERMS},
        "currency": pipeline.currency,
    }


# ---------------- curves
# One row per day in a stage and exit: which share has left by it until then.

STAY_QUANTILES = ("p10", "median", "p90")
AGES = {"pipeline": "str", "outcome": "str", "stage": "str", "since": "str", "deals": "int64"}
AGES |= {f"{name}_days": "float64" for name in STAY_QUANTILES}
CURVE_KINDS = {
    "pipeline": "str",
    "stage": "str",
    "days": "float64",
    "exit": "str",
    "share": "float64",
    "at_risk": "int64",
    "followed": "float64",
}


def curves_frame(pipeline: PipelineNumbers, stages: Iterable[StageNumbers]) -> pd.DataFrame:
    """Return the curves of some stages, up to the horizon of each where it has one.

    `share` of those who entered has left by an `exit` by then; `at_risk` visits were still
    watched on that day, which is worth so many visits `followed` from their beginning.
    """
    parts = [part for stage in stages for part in _exits(stage, pipeline)]
    whole = (
        pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(CURVE_KINDS))
    )
    return whole.astype(CURVE_KINDS)


def _exits(stage: StageNumbers, pipeline: PipelineNumbers) -> list[pd.DataFrame]:
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


def ages_frame(pipeline: PipelineNumbers) -> pd.DataFrame:
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
            **{f"{name}_days": getattr(age, name) for name in STAY_QUANTILES},
        }
        for outcome, stage, since, age in aged
    ]
    return frame_of(rows, AGES)


# ---------------- findings
# One row per finding: a share of a stage, now and before, and what follows from it.

NUMBERS = (
    *("share", "reference", "change", "low", "high", "p_value", "q_value"),
    *("smallest_visible", "followed", "followed_reference"),
)
MONEY = ("value_at_stake", "recoverable", "recoverable_low", "recoverable_high")
FINDING_COLUMNS = (
    *("pipeline", "stage", "kind", "severity", "says", "reference_kind", *NUMBERS),
    *("confirmed", "since", "days", *MONEY, "currency", "review"),
)
FINDING_TYPES = dict.fromkeys((*NUMBERS, *MONEY), "float64") | {
    "confirmed": "bool",
    "since": "datetime64[s]",
    "days": "Int64",
}
FINDING_KINDS = {name: FINDING_TYPES.get(name, "str") for name in FINDING_COLUMNS}


def findings_frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return findings in the order given.

    Shares and changes are 0 to 1; money is in major units, per so many `days`. `says` is
    what the change is of: rate, mix, or unclear.
    """
    return frame_of(map(_finding_row, findings), FINDING_KINDS)


def _finding_row(finding: Finding) -> dict[str, Cell]:
    """Return the cells of one finding."""
    kept = finding.recoverable
    texts = ("pipeline", "stage", "kind", "severity", "says", "reference_kind", "currency")
    plain = (*texts, *NUMBERS, "confirmed", "days", "review")
    return {
        **{name: getattr(finding, name) for name in plain},
        "since": date(finding.since),
        "value_at_stake": major(finding.value_at_stake),
        "recoverable": None if kept is None else major(kept.value),
        "recoverable_low": None if kept is None else major(kept.low),
        "recoverable_high": None if kept is None else major(kept.high),
    }


# ---------------- sides
# One row per stage of two parts that are compared.

SIDES = ("one", "other")
SIDE_SHARES = tuple(f"{side}_share{end}" for side in SIDES for end in ("", "_low", "_high"))
SIDE_COUNTS = tuple(f"{side}_{name}" for side in SIDES for name in ("visits", "lost"))
DIFFERENCE = ("difference", "difference_low", "difference_high", "p_value", "q_value")
SIDE_COLUMNS = (
    *("pipeline", "stage", "horizon_days", "one", "other"),
    *(name for side in SIDES for name in (*SIDE_COUNTS, *SIDE_SHARES) if name.startswith(side)),
    *DIFFERENCE,
    "verdict",
)
TYPES = dict.fromkeys(SIDE_COUNTS, "int64") | dict.fromkeys(
    ("horizon_days", *SIDE_SHARES, *DIFFERENCE), "float64"
)
KINDS = {name: TYPES.get(name, "str") for name in SIDE_COLUMNS}


def sides_frame(found: Iterable[Compared]) -> pd.DataFrame:
    """Return what two parts lose at every stage, of each comparison.

    `one` and `other` name the parts by their values and days; `difference` is one less the
    other; `verdict` says what the first part loses: more, fewer, perhaps_more, perhaps_fewer,
    chance where that is what the difference may be, few.
    """
    return frame_of((_side_row(one, gap) for one in found for gap in one.gaps), KINDS)


def _side_row(compared: Compared, gap: Gap) -> dict[str, Cell]:
    """Return one stage."""
    found, chosen = gap.comparison, compared.pipeline
    return {
        "pipeline": chosen.name,
        "stage": chosen.stages[gap.stage].name,
        "horizon_days": None if gap.horizon is None else gap.horizon / chosen.unit_per_day,
        "one": name_part(compared.one),
        "other": name_part(compared.other),
        **_side("one", gap.one),
        **_side("other", gap.other),
        "difference": found.change if found else None,
        "difference_low": found.low if found else None,
        "difference_high": found.high if found else None,
        "p_value": found.p_value if found else None,
        "q_value": gap.q_value,
        "verdict": gap.verdict,
    }


def _side(name: str, side: Side) -> dict[str, Cell]:
    """Return the numbers of one part."""
    return {
        f"{name}_visits": side.visits,
        f"{name}_lost": side.lost,
        f"{name}_share": side.share.share,
        f"{name}_share_low": side.share.low,
        f"{name}_share_high": side.share.high,
    }


def name_part(part: ChosenPart) -> str:
    """Name a part by its columns and values, and by its days."""
    first, end = part.days
    said = [f"{name} = {' | '.join(values)}" for name, values in part.selection.columns]
    if part.rest:
        said = ["rest"]
    return ", ".join([*said, f"{date(first)} to {date(end - 1)}"])
