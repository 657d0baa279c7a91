"""Rows on why a stage leaks: its cause, the evidence, when deals are lost, and which to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.frames.cells import frame_of, major

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd

    from leakkit.analysis.diagnosis import Diagnosis, StageDiagnosis
    from leakkit.findings.causes import Cause
    from leakkit.frames.cells import Cell

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
