"""The numbers behind every view: a function per view, which takes the same choices.

A view is for people; the frame behind it is for programs, and says no less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leakkit.config import fold_name
from leakkit.findings.finding import WARNING
from leakkit.frames.cause_frames import (
    causes_frame,
    deals_to_read_frame,
    drivers_frame,
    evidence_frame,
    interventions_frame,
    mixes_frame,
    owners_frame,
    reasons_frame,
    repairs_frame,
    stays_frame,
)
from leakkit.frames.data_frames import (
    files_frame,
    find_texts,
    pipelines_frame,
    settings_frame,
    worklist_frame,
)
from leakkit.frames.stage_frames import (
    ages_frame,
    balances_frame,
    curves_frame,
    findings_frame,
    months_frame,
    pipe_frame,
    stages_frame,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from leakkit.analysis.diagnosis import Diagnosis, StageDiagnosis
    from leakkit.analysis.numbers import PipelineNumbers
    from leakkit.analysis.results import Analysis

READ_AT = (
    *("pipeline", "stage", "followed", "horizon_days", "horizon_from"),
    *("expected_days", "expected_days_from", "notes"),
)


def _one(analysis: Analysis, pipeline: str) -> tuple[PipelineNumbers]:
    """Return the pipeline of a view: the one that is named, or the first."""
    return (analysis.chosen(pipeline)[0],)


def _balance(analysis: Analysis, pipeline: str = "", **_: object) -> pd.DataFrame:
    chosen = _one(analysis, pipeline)
    return balances_frame(chosen) if chosen[0].present is None else stages_frame(chosen)


def _pipe(analysis: Analysis, pipeline: str = "", **_: object) -> pd.DataFrame:
    chosen = _one(analysis, pipeline)
    return pipe_frame(chosen) if chosen[0].present is None else stages_frame(chosen)


def _stages(analysis: Analysis, pipeline: str = "", **_: object) -> pd.DataFrame:
    return stages_frame(_one(analysis, pipeline))


def _days(analysis: Analysis, pipeline: str = "", *, stage: str = "") -> pd.DataFrame:
    (chosen,) = _one(analysis, pipeline)
    if chosen.present is not None:
        return ages_frame(chosen)
    return curves_frame(chosen, (chosen[stage],) if stage else chosen.stages)


def _months(analysis: Analysis, pipeline: str = "", **_: object) -> pd.DataFrame:
    return months_frame(_one(analysis, pipeline))


def _deals(
    analysis: Analysis,
    pipeline: str = "",
    *,
    search: str = "",
    **choices: Any,  # noqa: ANN401 - those of `Analysis.deals`
) -> pd.DataFrame:
    return find_texts(analysis.deals(_one(analysis, pipeline)[0].name, **choices), search)


def _data(analysis: Analysis, pipeline: str = "") -> pd.DataFrame:  # noqa: ARG001 - the choices of the view
    return files_frame(analysis)


def _method(analysis: Analysis, pipeline: str = "") -> pd.DataFrame:
    return stages_frame(_one(analysis, pipeline))[list(READ_AT)]


def _provenance(analysis: Analysis, pipeline: str = "") -> pd.DataFrame:  # noqa: ARG001 - as above
    return settings_frame(analysis)


def _overview(analysis: Analysis, pages: object = ()) -> pd.DataFrame:  # noqa: ARG001 - as above
    return pipelines_frame(analysis)


def _overview_warnings(analysis: Analysis, pages: object = ()) -> pd.DataFrame:  # noqa: ARG001 - as above
    return findings_frame(analysis.warnings())


def _overview_pipes(analysis: Analysis, pages: object = ()) -> pd.DataFrame:  # noqa: ARG001 - as above
    return pipe_frame(one for one in analysis if one.present is None)


def _overview_leaks(analysis: Analysis, pages: object = ()) -> pd.DataFrame:  # noqa: ARG001 - as above
    rows = stages_frame(analysis)
    return rows[rows["lost"] > 0].sort_values(
        ["value_lost", "lost"], ascending=False, kind="stable", ignore_index=True
    )


def _findings(diagnosis: Diagnosis) -> pd.DataFrame:
    return findings_frame(finding for card in diagnosis.cards for finding in card)


def _warnings(diagnosis: Diagnosis) -> pd.DataFrame:
    return findings_frame(f for card in diagnosis.cards for f in card if f.severity in WARNING)


def _choose_stages(diagnosis: Diagnosis, stage: str) -> list[StageDiagnosis]:
    """Return the stages that were looked into, or the one that is asked for."""
    names = {"", fold_name(stage)} if stage else None
    return [one for one in diagnosis.stages if names is None or fold_name(one.stage.name) in names]


def _cause_and_effect(diagnosis: Diagnosis, *, stage: str = "") -> pd.DataFrame:
    return causes_frame(diagnosis, _choose_stages(diagnosis, stage))


def _evidence(diagnosis: Diagnosis, *, stage: str = "") -> pd.DataFrame:
    if diagnosis.pipeline.present is not None:
        return reasons_frame(diagnosis)
    return evidence_frame(diagnosis, _choose_stages(diagnosis, stage))


def _when_lost(diagnosis: Diagnosis, *, stage: str = "") -> pd.DataFrame:
    return stays_frame(diagnosis, _choose_stages(diagnosis, stage))


def _drivers(diagnosis: Diagnosis, *, stage: str = "") -> pd.DataFrame:
    if diagnosis.pipeline.present is not None:
        return owners_frame(diagnosis)
    names = {one.stage.name for one in _choose_stages(diagnosis, stage)}
    rows = drivers_frame((diagnosis,))
    return rows[rows["stage"].isin(names)].reset_index(drop=True)


def _deals_to_read(diagnosis: Diagnosis, *, stage: str = "") -> pd.DataFrame:
    return deals_to_read_frame(diagnosis, _choose_stages(diagnosis, stage))


def _worklist(diagnosis: Diagnosis) -> pd.DataFrame:
    return worklist_frame([(diagnosis.pipeline, diagnosis.worklist)])


def _settings(diagnosis: Diagnosis) -> pd.DataFrame:
    return settings_frame(diagnosis.analysis)


BEHIND: dict[str, Callable[..., pd.DataFrame]] = {
    "headline": _stages,
    "balance": _balance,
    "pipe": _pipe,
    "stages": _stages,
    "days": _days,
    "months": _months,
    "deals": _deals,
    "data": _data,
    "method": _method,
    "provenance": _provenance,
    "overview": _overview,
    "overview_pages": _overview,
    "overview_quality": _overview,
    "overview_warnings": _overview_warnings,
    "overview_pipes": _overview_pipes,
    "overview_leaks": _overview_leaks,
    "causes_headline": _findings,
    "warnings": _warnings,
    "cause_and_effect": _cause_and_effect,
    "evidence": _evidence,
    "when_lost": _when_lost,
    "rate_and_mix": mixes_frame,
    "drivers": _drivers,
    "repairs": repairs_frame,
    "before_and_since": interventions_frame,
    "worklist": _worklist,
    "deals_to_read": _deals_to_read,
    "causes_terms": _settings,
    "causes_provenance": _settings,
}
"""What makes the frame of a view, by its name."""
