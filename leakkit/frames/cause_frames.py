"""Frames of why deals are lost: causes and their evidence, segments, and repairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.findings.columns import end_of
from leakkit.frames.units import date, frame_of, major

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pandas as pd

    from leakkit.analysis.diagnosis import Diagnosis, Intervened, StageDiagnosis
    from leakkit.findings.comparison import Excess
    from leakkit.findings.drivers import Driver
    from leakkit.findings.finding import Value
    from leakkit.findings.intervention_effects import Effect, EffectGroup
    from leakkit.findings.mix import MixShift
    from leakkit.findings.verdicts import Cause
    from leakkit.frames.units import Cell


# ---------------- segments
# One row per segment of a stage that leaks more than its rest.

RANGED = ("share", "rest", "gap")
ENDS = tuple(f"{name}{end}" for name in RANGED for end in ("", "_low", "_high"))
SEGMENT_COLUMNS = (
    *("pipeline", "stage", "segment", "entered", "exits", "followed", *ENDS),
    *("p_value", "q_value", "recoverable", "recoverable_value", "currency"),
)
SEGMENT_TYPES = dict.fromkeys(
    (*ENDS, "followed", "p_value", "q_value", "recoverable", "recoverable_value"), "float64"
) | dict.fromkeys(("entered", "exits"), "int64")
SEGMENT_KINDS = {name: SEGMENT_TYPES.get(name, "str") for name in SEGMENT_COLUMNS}


def drivers_frame(diagnoses: Iterable[Diagnosis]) -> pd.DataFrame:
    """Return the segments that leak more than the rest of their stage, dearest first.

    `segment` names columns and values, as `region = North`, of numbers in fifths where the
    fifth ends, as `value <= 12500` in major units; `gap` is the share of the
    segment minus that of the rest, as read; money is in major units.
    """
    rows = [
        {
            "pipeline": diagnosis.pipeline.name,
            "stage": one.stage.name,
            **_segment_row(driver, one.screen.binned),
            "currency": diagnosis.pipeline.currency,
        }
        for diagnosis in diagnoses
        for one in diagnosis.stages
        for driver in one.screen.drivers
    ]
    return frame_of(rows, SEGMENT_KINDS)


def name_segment(columns: Sequence[str], values: Sequence[str], binned: Sequence[str]) -> str:
    """Name a segment by its columns and values; of a fifth of numbers, by where it ends.

    >>> name_segment(["region", "value"], ["North", "1250000"], ["value"])
    'region = North, value <= 12500'
    """
    return ", ".join(
        f"{column} <= {end_of(column, value)}"
        if column in binned and value
        else f"{column} = {value}"
        for column, value in zip(columns, values, strict=True)
    )


def _segment_row(driver: Driver, binned: Sequence[str]) -> dict[str, Cell]:
    """Return the cells of one segment."""
    money = driver.recoverable_value
    row: dict[str, Cell] = {
        "segment": name_segment(driver.columns, driver.values, binned),
        "entered": driver.n,
        "exits": driver.exits,
        "followed": driver.followed,
        "p_value": driver.p_value,
        "q_value": driver.q_value,
        "recoverable": driver.recoverable.value,
        "recoverable_value": None if money is None else major(money.value),
    }
    for name in RANGED:
        read = getattr(driver, name)
        row |= {name: read.value, f"{name}_low": read.low, f"{name}_high": read.high}
    return row


# ---------------- causes
# Rows on why a stage leaks: its cause, the evidence, when deals are lost, and which to read.

if TYPE_CHECKING:
    Stages = Iterable[StageDiagnosis]
    Row = dict[str, Cell]


TEXT = {"pipeline": "str", "stage": "str"}
CAUSES = TEXT | {
    "family": "str",
    "strength": "str",
    "why": "str",
    "losses": "int64",
    "stated": "str",
    "reasons_known": "int64",
    "behaviour": "str",
    "agreement": "float64",
    "review": "str",
}
EVIDENCE = TEXT | {
    "source": "str",
    "family": "str",
    "sign": "str",
    "losses": "int64",
    "of_losses": "int64",
    "share": "float64",
    "low": "float64",
    "high": "float64",
    "advanced": "Int64",
    "of_advanced": "Int64",
}
QUANTILES = ("q10", "q25", "median", "q75", "q90")
STAYS = TEXT | {"exit": "str", "visits": "int64"}
STAYS |= {f"{name}_days": "float64" for name in QUANTILES}
TO_READ = TEXT | {
    "kind": "str",
    "opportunity_id": "str",
    "like": "str",
    "days": "float64",
    "value": "float64",
    "currency": "str",
}
REASONS = TEXT | {"reason": "str", "lost": "int64", "of_lost": "int64"}
OWNERS = {"pipeline": "str", "owner": "str"} | dict.fromkeys(("won", "lost", "open"), "int64")
OWNERS |= dict.fromkeys(("value_won", "value_lost", "value_open"), "float64") | {"currency": "str"}


def causes_frame(diagnosis: Diagnosis, stages: Stages) -> pd.DataFrame:
    """Return a row per stage: what its losses look like, how surely, and what to review.

    `family` is empty where it is not determined, for the reason `why`. It rests on
    `losses`, of which so many have a reason that is known.
    """
    name = diagnosis.pipeline.name
    rows = [{"pipeline": name, "stage": one.stage.name, **_cause(one.cause)} for one in stages]
    return frame_of(rows, CAUSES)


def _cause(cause: Cause) -> Row:
    """Return the cells of a cause."""
    return {
        "family": cause.verdict.family,
        "strength": cause.verdict.strength,
        "why": cause.verdict.why,
        "losses": cause.losses,
        "stated": cause.stated.family,
        "reasons_known": cause.stated.known,
        "behaviour": cause.behaviour.family,
        "agreement": cause.agreement.share,
        "review": cause.review,
    }


def evidence_frame(diagnosis: Diagnosis, stages: Stages) -> pd.DataFrame:
    """Return what reasons say (`source` reasons) and which signs losses show (behaviour).

    `losses` of `of_losses` say or show it; of a sign beside them so many that advanced.
    """
    rows = [
        {"pipeline": diagnosis.pipeline.name, "stage": one.stage.name, **row}
        for one in stages
        for row in (*_list_stated(one.cause), *_signs(one.cause))
    ]
    return frame_of(rows, EVIDENCE)


def _list_stated(cause: Cause) -> Iterator[Row]:
    """Yield what the reasons say, by family."""
    for one in cause.stated.families:
        yield {
            "source": "reasons",
            "family": one.family,
            "sign": "",
            "losses": one.n,
            "of_losses": cause.stated.known,
            **{name: getattr(one, name) for name in ("share", "low", "high")},
            "advanced": None,
            "of_advanced": None,
        }


def _signs(cause: Cause) -> Iterator[Row]:
    """Yield the signs of behaviour."""
    lost, advanced = cause.behaviour.lost.n, cause.behaviour.advanced.n
    for one in cause.behaviour.signs:
        yield {
            "source": "behaviour",
            "family": one.family,
            "sign": one.code,
            "losses": one.lost,
            "of_losses": lost,
            "share": one.lost / lost if lost else None,
            "low": None,
            "high": None,
            "advanced": one.advanced,
            "of_advanced": advanced,
        }


def stays_frame(diagnosis: Diagnosis, stages: Stages) -> pd.DataFrame:
    """Return after how many days visits left, by exit: five quantiles of the stay."""
    unit = diagnosis.pipeline.unit_per_day
    rows = [
        {
            "pipeline": diagnosis.pipeline.name,
            "stage": one.stage.name,
            "exit": left.kind,
            "visits": left.n,
            **{f"{name}_days": _days(getattr(left, name), unit) for name in QUANTILES},
        }
        for one in stages
        for left in one.cause.days
    ]
    return frame_of(rows, STAYS)


def _days(stay: float | None, unit: int) -> float | None:
    """Return a stay in days."""
    return None if stay is None else stay / unit


def deals_to_read_frame(diagnosis: Diagnosis, stages: Stages) -> pd.DataFrame:
    """Return the deals to read; one that advanced names the lost deal that it is `like`."""
    unit = diagnosis.pipeline.unit_per_day
    rows = [
        {
            "pipeline": diagnosis.pipeline.name,
            "stage": one.stage.name,
            "kind": deal.kind,
            "opportunity_id": one.ids.get(deal.opportunity, ""),
            "like": "" if deal.matched_to is None else one.ids.get(deal.matched_to, ""),
            "days": deal.stay / unit,
            "value": major(deal.value),
            "currency": diagnosis.pipeline.currency,
        }
        for one in stages
        for deal in one.cause.deals
    ]
    return frame_of(rows, TO_READ)


def reasons_frame(diagnosis: Diagnosis) -> pd.DataFrame:
    """Return the reasons of a list without a history, by stage; the most frequent first."""
    present, name = diagnosis.pipeline.present, diagnosis.pipeline.name
    if present is None:
        return frame_of((), REASONS)
    stages = {one.stage: one.name for one in present.named}
    counted = sorted(present.reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    rows: list[Row] = [
        {
            "pipeline": name,
            "stage": stages.get(stage, ""),
            "reason": reason,
            "lost": n,
            "of_lost": present.total.lost,
        }
        for (reason, stage), n in counted
    ]
    return frame_of(rows, REASONS)


def owners_frame(diagnosis: Diagnosis) -> pd.DataFrame:
    """Return how the deals of a list without a history ended, by owner."""
    present, pipeline = diagnosis.pipeline.present, diagnosis.pipeline
    owners = {} if present is None or present.owners is None else present.owners
    rows: list[Row] = [
        {
            "pipeline": pipeline.name,
            "owner": name,
            **{end: getattr(tally, end) for end in ("won", "lost", "open")},
            **{
                f"value_{end}": major(getattr(tally, f"value_{end}"))
                for end in ("won", "lost", "open")
            },
            "currency": pipeline.currency,
        }
        for name, tally in owners.items()
    ]
    return frame_of(rows, OWNERS)


# ---------------- repairs
# Rows on what changed and what would: rate and mix, repairs, and interventions.

if TYPE_CHECKING:
    RepairRow = dict[str, Cell]


MIXES = {
    **dict.fromkeys(("pipeline", "stage", "kind"), "str"),
    **dict.fromkeys(("change", "rate", "rate_low", "rate_high", "mix"), "float64"),
    "segment": "str",
    "segment_share_before": "float64",
    "segment_share": "float64",
    "why": "str",
}
REPAIRS = {
    **dict.fromkeys(("pipeline", "stages"), "str"),
    "points": "float64",
    **dict.fromkeys(
        (f"{name}{end}" for name in ("new_wins", "open_wins") for end in ("", "_low", "_high")),
        "float64",
    ),
    **dict.fromkeys(("chance", "chance_then"), "float64"),
    "rough": "bool",
}
SIDES = ("before", "since")
INTERVENTIONS = {
    **dict.fromkeys(("pipeline", "intervention", "stage"), "str"),
    "day": "datetime64[s]",
    "verdict": "str",
    **dict.fromkeys((f"{s}_{n}" for s in SIDES for n in ("share", "low", "high")), "float64"),
    **{f"{side}_entered": "Int64" for side in SIDES},
    **dict.fromkeys(
        (f"{n}{end}" for n in ("change", "untouched", "effect") for end in ("", "_low", "_high")),
        "float64",
    ),
    "horizon_days": "float64",
    "earliest": "datetime64[s]",
}


def mixes_frame(diagnosis: Diagnosis) -> pd.DataFrame:
    """Return the changes taken apart: change = rate + mix; missing for the reason `why`."""
    rows = [
        {
            "pipeline": diagnosis.pipeline.name,
            "stage": one.stage.name,
            "kind": mix.kind,
            "change": mix.total,
            **_fill_range("rate", mix.rate),
            "mix": mix.mix,
            **_shift(mix.shift),
            "why": mix.reason,
        }
        for one in diagnosis.stages
        for mix in one.mixes.values()
    ]
    return frame_of(rows, MIXES)


def _shift(shift: MixShift | None) -> RepairRow:
    """Return the cells of the segment that shifted most."""
    if shift is None:
        return {"segment": "", "segment_share_before": None, "segment_share": None}
    binned = (shift.column,) if shift.binned else ()
    return {
        "segment": name_segment((shift.column,), (shift.value,), binned),
        "segment_share_before": shift.baseline_share,
        "segment_share": shift.current_share,
    }


def repairs_frame(diagnosis: Diagnosis) -> pd.DataFrame:
    """Return how many more deals would be won if stages lost `points` (of 1) fewer.

    Where `points` is missing, all that got worse goes back to what it was.
    """
    rows = [
        {
            "pipeline": diagnosis.pipeline.name,
            "stages": ", ".join(repair.stages),
            "points": repair.points,
            **_fill_range("new_wins", repair.result.new_deals),
            **_fill_range("open_wins", repair.result.open_deals),
            "chance": repair.result.chance,
            "chance_then": repair.result.chance_then,
            "rough": repair.result.rough,
        }
        for repair in diagnosis.repairs
    ]
    return frame_of(rows, REPAIRS)


def interventions_frame(diagnosis: Diagnosis) -> pd.DataFrame:
    """Return the share lost before and since each intervention, and what is left of the change.

    `untouched` is how what was not touched changed, `effect` the difference; `earliest` the
    first day on which it may be said, where that is too early.
    """
    unit = diagnosis.pipeline.unit_per_day
    rows = [
        {"pipeline": diagnosis.pipeline.name, **_effect(one, effect, unit)}
        for one in diagnosis.interventions
        for effect in one.effects
    ]
    return frame_of(rows, INTERVENTIONS)


def _effect(one: Intervened, effect: Effect, unit: int) -> RepairRow:
    """Return the cells of one stage of an intervention."""
    change = effect.change
    return {
        "intervention": one.intervention.name,
        "stage": effect.stage,
        "day": date(one.since[0]),
        "verdict": effect.verdict,
        **_side("before", change.before if change else None),
        **_side("since", change.since if change else None),
        **_fill_range("change", change.change if change else None),
        **_fill_range("untouched", effect.untouched),
        **_fill_range("effect", effect.effect),
        "horizon_days": effect.horizon / unit,
        "earliest": date(effect.earliest),
    }


def _side(name: str, group: EffectGroup | None) -> RepairRow:
    """Return the share of one side with its range and its deals."""
    known = ("share", "low", "high", "entered")
    return {f"{name}_{one}": None if group is None else getattr(group, one) for one in known}


def _fill_range(name: str, found: Excess | Value | None) -> RepairRow:
    """Return a number with its range."""
    if found is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
