"""Rows on what changed and what would: rate and mix, repairs, and interventions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.frames.cells import date, frame_of
from leakkit.frames.segments import name_segment

if TYPE_CHECKING:
    import pandas as pd

    from leakkit.analysis.diagnosis import Diagnosis, Intervened
    from leakkit.findings.contrasts import Excess
    from leakkit.findings.finding import Value
    from leakkit.findings.interventions import Effect, Group
    from leakkit.findings.mix import Shift
    from leakkit.frames.cells import Cell

    Row = dict[str, Cell]

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


def _shift(shift: Shift | None) -> Row:
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


def _effect(one: Intervened, effect: Effect, unit: int) -> Row:
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


def _side(name: str, group: Group | None) -> Row:
    """Return the share of one side with its range and its deals."""
    known = ("share", "low", "high", "entered")
    return {f"{name}_{one}": None if group is None else getattr(group, one) for one in known}


def _fill_range(name: str, found: Excess | Value | None) -> Row:
    """Return a number with its range."""
    if found is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
