"""What the declared interventions of a pipeline changed: from its designs to the effects."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from leakkit.analysis.reasons import column_of, phi_of, read_design, segments_of
from leakkit.config import fold_name
from leakkit.errors import LeakkitError
from leakkit.findings.intervention_effects import (
    EARLY,
    FEW,
    NO_PAST,
    Effect,
    chosen_rows,
    compare_since,
    days_before,
    earliest_day,
    is_enough,
    judge,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from leakkit.analysis.results import Analysis, PipelineAnalysis
    from leakkit.config import Intervention
    from leakkit.findings.intervention_effects import GroupChange
    from leakkit.findings.stage_readings import Design
    from leakkit.measures.horizons import Days
    from leakkit.measures.stage_results import StageResult
    from leakkit.store.database import Store

EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True)
class Intervened:
    """One intervention, the days that are compared, and its effect at every stage it touched."""

    intervention: Intervention
    before: Days
    since: Days
    effects: tuple[Effect, ...]


@dataclass(frozen=True)
class _Question:
    """One intervention of a pipeline, with the days on its two sides."""

    analysis: Analysis
    pipeline: PipelineAnalysis
    intervention: Intervention
    before: Days
    since: Days
    read: Callable[[StageResult], Design]

    @property
    def over(self) -> bool:
        """Say whether it ended before the last day of the data."""
        return self.since[1] < self.pipeline.windows.end_day

    def touches(self, stage: StageResult) -> bool:
        """Say whether a stage was touched; all are where none is named."""
        named = set(map(fold_name, self.intervention.stages))
        return not named or fold_name(stage.name) in named

    def change(self, design: Design, stage: StageResult) -> GroupChange | None:
        """Compare both sides of the day, of some deals of a stage."""
        if stage.horizon.age is None:
            return None
        phi = phi_of(self.analysis, (self.pipeline.name, stage.name, "lost"))
        columns = segments_of(self.analysis.config, design)
        return compare_since(
            design, self.before, self.since, stage.horizon.age, columns=columns, phi=phi
        )


def find_interventions(
    store: Store, analysis: Analysis, pipeline: PipelineAnalysis
) -> tuple[Intervened, ...]:
    """What did every intervention of a pipeline change at the stages that it touched?

    Raises LeakkitError for a stage or a column that there is not.
    """
    read = cache(lambda stage: read_design(store, analysis, pipeline, pipeline[stage]))
    found = []
    for one in analysis.config.interventions:
        if one.meets(pipeline.name) and pipeline.windows.current is not None:
            _refuse_unknown(one, analysis, pipeline)
            question = _ask(analysis, pipeline, one, lambda stage: read(stage.name))
            effects = tuple(
                _effect(question, stage)
                for stage in pipeline.stages
                if question.touches(stage) and stage.exits.lost
            )
            found.append(Intervened(one, question.before, question.since, effects))
    return tuple(found)


def _ask(
    analysis: Analysis,
    pipeline: PipelineAnalysis,
    one: Intervention,
    read: Callable[[StageResult], Design],
) -> _Question:
    """Choose the days of both sides."""
    rules, windows = analysis.config.comparison, pipeline.windows
    day = (one.day - EPOCH).days
    end = windows.end_day if one.until is None else (one.until - EPOCH).days + 1
    length = rules.baseline_days + rules.current_days
    before = days_before(day, windows.start_day, length=length)
    since = (day, max(min(end, windows.end_day), day))
    return _Question(analysis, pipeline, one, before, since, read)


def _effect(question: _Question, stage: StageResult) -> Effect:
    """Return what changed at one stage."""
    design, rest = _parts(question, stage)
    age = stage.horizon.age
    if age is None or not is_enough(design, question.before, age):
        return Effect(stage.name, age or 0.0, NO_PAST)
    change = question.change(design, stage)
    if change is None:
        if question.over:
            return Effect(stage.name, age, FEW)
        earliest = earliest_day(design, question.since, age)
        late = None if earliest is None else max(earliest, question.since[1] + 1)
        return Effect(stage.name, age, EARLY, earliest=late)
    return judge(stage.name, age, change, _measure_untouched(question, stage, rest))


def _parts(question: _Question, stage: StageResult) -> tuple[Design, Design | None]:
    """Return the touched deals of a stage, and its others, where a segment was touched."""
    design = question.read(stage)
    said = question.intervention.segment
    if not said:
        return design, None
    known = tuple(design.segments)
    columns = {column_of(question.analysis.config, known, name): v for name, v in said.items()}
    chosen = chosen_rows(design, columns)
    return design.only(chosen), design.only(~chosen)


def _measure_untouched(
    question: _Question, stage: StageResult, rest: Design | None
) -> list[GroupChange]:
    """Return how what was not touched changed: other deals of the stage, or other stages."""
    if rest is not None:
        found = [question.change(rest, stage)]
    else:
        others = (one for one in question.pipeline.stages if not question.touches(one))
        found = [question.change(question.read(one), one) for one in others if one.exits.lost]
    return [one for one in found if one is not None]


def _refuse_unknown(one: Intervention, analysis: Analysis, pipeline: PipelineAnalysis) -> None:
    """Raise where an intervention names a stage or a column that there is not."""
    for name in one.stages if one.pipelines else ():
        pipeline[name]
    known = () if analysis.store is None else tuple(analysis.store.meta("segments"))
    for name in one.segment:
        if not column_of(analysis.config, known, name):
            message = (
                f"The intervention {one.name!r} names the column {name!r}. "
                f"There are: {', '.join(known) or 'none'}."
            )
            raise LeakkitError("no_segment", message)
