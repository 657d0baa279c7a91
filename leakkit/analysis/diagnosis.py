"""Why one pipeline leaks, and what to do: all that its page of causes shows."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from leakkit.analysis import learning
from leakkit.analysis.results import Analysis
from leakkit.analysis.root_causes import (
    changes_of,
    column_of,
    drivers_of,
    phi_of,
    read_design,
    root_cause,
    segments_of,
    split_change,
)
from leakkit.analysis.scope import EVERYTHING
from leakkit.analysis.stage_findings import places_of
from leakkit.config import fold_name
from leakkit.errors import LeakkitError
from leakkit.findings.change_drivers import ChangeScreen
from leakkit.findings.finding import CHANGED, WARNING, cards, leading
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
from leakkit.findings.value import got_worse
from leakkit.findings.worklist import LateDeal, StageOdds, make_worklist
from leakkit.guards import require_kind
from leakkit.measures.stage_results import Learnt
from leakkit.page.style import facts_table
from leakkit.plain import PlainData
from leakkit.store import deal_queries
from leakkit.store.count_requests import Counts
from leakkit.store.relations import Scope
from leakkit.store.visits import opportunity_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from leakkit.analysis.numbers import PipelineNumbers, StageNumbers
    from leakkit.config import Intervention
    from leakkit.findings import Finding
    from leakkit.findings.drivers import Screen
    from leakkit.findings.intervention_effects import GroupChange
    from leakkit.findings.mix import RateAndMix
    from leakkit.findings.stage_readings import Design
    from leakkit.findings.verdicts import Cause
    from leakkit.findings.whatif import WhatIf
    from leakkit.findings.worklist import WorkItem
    from leakkit.measures.horizons import Days
    from leakkit.store.database import Store

EPOCH = dt.date(1970, 1, 1)
REPAIR_POINTS = 0.05
"""What is asked of a stage that did not get worse: a few points fewer losses."""


@dataclass(frozen=True)
class StageDiagnosis:
    """One leaking stage: its findings, gravest first, and everything that may explain it.

    `ids` are those of the deals to read, by number. `mixes` are by kind of finding.
    """

    stage: StageNumbers
    findings: tuple[Finding, ...]
    cause: Cause
    screen: Screen
    changes: ChangeScreen
    mixes: Mapping[str, RateAndMix]
    ids: Mapping[int, str]


@dataclass(frozen=True)
class Repair:
    """What if a stage lost `points` fewer? Several stages are one joint repair, not a sum."""

    stages: tuple[str, ...]
    points: float | None
    result: WhatIf


@dataclass(frozen=True, eq=False, repr=False)
class Diagnosis(PlainData):
    """What is found of one pipeline; `cards` has the findings by stage, gravest first.

    >>> import leakkit
    >>> diagnosis = leakkit.diagnose(leakkit.analyze(leakkit.load("sample"), "Equipment"))
    >>> [card[0].stage for card in diagnosis.warnings]
    ['Proforma']
    """

    analysis: Analysis
    pipeline: PipelineNumbers
    cards: tuple[tuple[Finding, ...], ...]
    stages: tuple[StageDiagnosis, ...]
    repairs: tuple[Repair, ...]
    worklist: tuple[WorkItem, ...]
    interventions: tuple[Intervened, ...] = ()

    def __repr__(self) -> str:
        """Return what was looked into, in one line."""
        names = ", ".join(one.stage.name for one in self.stages) or "no stage"
        return f"<Diagnosis of {self.pipeline.name!r}: looked into {names}>"

    def _repr_html_(self) -> str:
        """Return a line per stage that was looked into, for a notebook."""
        heads = ("stage", "judged", "losses", "looks like", "how strongly", "review")
        return facts_table(heads, map(_line, self.stages))

    @property
    def warnings(self) -> tuple[tuple[Finding, ...], ...]:
        """The cards of stages that warn."""
        return tuple(card for card in self.cards if card[0].severity in WARNING)


def _line(one: StageDiagnosis) -> tuple[object, ...]:
    """Return what the table of a notebook says of a stage."""
    cause = one.cause
    judged = one.findings[0].severity if one.findings else ""
    looks_like = cause.verdict.family or "not determined"
    review = cause.review.replace("_", " ")
    return one.stage.name, judged, cause.losses, looks_like, cause.verdict.strength, review


def diagnose(analysis: Analysis, pipeline: str = "") -> Diagnosis:
    """Why does a pipeline leak, whom does it concern, and what would a repair bring?

    Stages with an alarm or a watch are looked into, and of those that lose deals the ones
    that could give back most. Where nothing warns, the stage that the headline names comes
    first. The first pipeline where `pipeline` is empty. Raises LeakkitError for a
    pipeline that the analysis does not have, and for the analysis of a part of the data.

    >>> import leakkit
    >>> analysis = leakkit.analyze(leakkit.load("sample"), "Equipment")
    >>> found = diagnose(analysis)
    >>> found.stages[0].stage.name, found.stages[0].cause.verdict.family
    ('Proforma', 'unconvincing')
    """
    require_kind("diagnose", analysis, Analysis)
    if analysis.selection != EVERYTHING:
        message = "A diagnosis is of all deals: warnings of a part would be found by chance alone."
        raise LeakkitError("selected_already", message)
    one = analysis[pipeline] if not analysis.pipelines else analysis.chosen(pipeline)[0]
    store = analysis.opened()
    led = cards(f for f in analysis.all_findings if f.pipeline == one.name)
    stages = tuple(
        _stage(store, analysis, one, led, name) for name in _choose_stages(analysis, one, led)
    )
    return Diagnosis(
        analysis,
        one,
        led,
        stages,
        _repairs(one, led),
        find_worklist(store, analysis, one.name),
        () if one.notes.coverage else find_interventions(store, analysis, one),
    )


def _choose_stages(
    analysis: Analysis, one: PipelineNumbers, led: tuple[tuple[Finding, ...], ...]
) -> list[str]:
    """Return the stages to look into, gravest first; none without current days."""
    if one.windows.current is None:
        return []
    places = [stage for pipeline, stage in places_of(analysis) if pipeline == one.name]
    warned = [card[0].stage for card in led if card[0].severity in WARNING]
    asked = {stage.name for stage in one.stages if stage.exits.lost} | set(warned)
    # where no warning leads the page, the stage of its headline stands first among the places
    leads = leading(finding for card in led for finding in card)
    order = [card[0].stage for card in led] if leads else places
    return [stage for stage in order if stage in asked and stage in places]


def _stage(
    store: Store,
    analysis: Analysis,
    one: PipelineNumbers,
    led: tuple[tuple[Finding, ...], ...],
    name: str,
) -> StageDiagnosis:
    """Look into one stage."""
    own = next((card for card in led if card[0].stage == name), ())
    cause = root_cause(store, analysis, one.name, name)
    kinds = [finding.kind for finding in own if finding.severity in CHANGED] or ["lost"]
    if one.notes.coverage:  # its windows are not compared
        changes, split = ChangeScreen.missing(kinds[0], "left_out"), {}
    else:
        changes = changes_of(store, analysis, one.name, name, kinds[0])
        split = {kind: split_change(store, analysis, one.name, name, kind) for kind in kinds}
    return StageDiagnosis(
        stage=next(stage for stage in one.stages if stage.name == name),
        findings=own,
        cause=cause,
        screen=drivers_of(store, analysis, one.name, name),
        changes=changes,
        mixes=split,
        ids=opportunity_ids(store, [deal.opportunity for deal in cause.deals]),
    )


def _repairs(one: PipelineNumbers, led: tuple[tuple[Finding, ...], ...]) -> tuple[Repair, ...]:
    """Return what fewer losses would bring: at each stage that loses, and where it got worse."""
    costs = one.costs
    if costs is None or one.notes.coverage:
        return ()
    names = [stage.name for stage in one.stages]
    findings = [finding for card in led for finding in card]
    changes = costs.changes(findings, names)
    found = []
    for stage in one.stages:
        if stage.lost.share is None or stage.lost.share < REPAIR_POINTS:
            continue
        result = costs.what_if({stage.stage: REPAIR_POINTS}, changes)
        found.append(Repair((stage.name,), REPAIR_POINTS, result))
    worse = tuple(
        one.stage for one in findings if got_worse(one) and names.index(one.stage) in changes
    )
    if worse:
        found.append(Repair(worse, None, costs.joint(findings, names)))
    return tuple(found)


# ---------------------------------------------------------------- interventions


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
    pipeline: PipelineNumbers
    intervention: Intervention
    before: Days
    since: Days
    read: Callable[[StageNumbers], Design]

    @property
    def over(self) -> bool:
        """Say whether it ended before the last day of the data."""
        return self.since[1] < self.pipeline.windows.end_day

    def touches(self, stage: StageNumbers) -> bool:
        """Say whether a stage was touched; all are where none is named."""
        named = set(map(fold_name, self.intervention.stages))
        return not named or fold_name(stage.name) in named

    def change(self, design: Design, stage: StageNumbers) -> GroupChange | None:
        """Compare both sides of the day, of some deals of a stage."""
        if stage.horizon.age is None:
            return None
        phi = phi_of(self.analysis, (self.pipeline.name, stage.name, "lost"))
        columns = segments_of(self.analysis.config, design)
        return compare_since(
            design, self.before, self.since, stage.horizon.age, columns=columns, phi=phi
        )


def find_interventions(
    store: Store, analysis: Analysis, pipeline: PipelineNumbers
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
    pipeline: PipelineNumbers,
    one: Intervention,
    read: Callable[[StageNumbers], Design],
) -> _Question:
    """Choose the days of both sides."""
    rules, windows = analysis.config.comparison, pipeline.windows
    day = (one.day - EPOCH).days
    end = windows.end_day if one.until is None else (one.until - EPOCH).days + 1
    length = rules.baseline_days + rules.current_days
    before = days_before(day, windows.start_day, length=length)
    since = (day, max(min(end, windows.end_day), day))
    return _Question(analysis, pipeline, one, before, since, read)


def _effect(question: _Question, stage: StageNumbers) -> Effect:
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


def _parts(question: _Question, stage: StageNumbers) -> tuple[Design, Design | None]:
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
    question: _Question, stage: StageNumbers, rest: Design | None
) -> list[GroupChange]:
    """Return how what was not touched changed: other deals of the stage, or other stages."""
    if rest is not None:
        found = [question.change(rest, stage)]
    else:
        others = (one for one in question.pipeline.stages if not question.touches(one))
        found = [question.change(question.read(one), one) for one in others if one.exits.lost]
    return [one for one in found if one is not None]


def _refuse_unknown(one: Intervention, analysis: Analysis, pipeline: PipelineNumbers) -> None:
    """Raise where an intervention names a stage or a column that there is not."""
    for name in one.stages if one.pipelines else ():
        pipeline[name]
    known = () if analysis.store is None else analysis.store.columns
    for name in one.segment:
        if not column_of(analysis.config, known, name):
            message = (
                f"The intervention {one.name!r} names the column {name!r}. "
                f"There are: {', '.join(known) or 'none'}."
            )
            raise LeakkitError("no_segment", message)


# ---------------------------------------------------------------- the worklist


def find_worklist(store: Store, analysis: Analysis, pipeline: str) -> tuple[WorkItem, ...]:
    """Which late deals of a pipeline are worth a call, and which are to be closed or revived?

    `store` is the one that `analysis` was made from. Deals are late as in the balance:
    longer in their stage than its expected days, or older than the pipeline's.
    Raises LeakkitError for a pipeline that is not in the analysis.

    >>> import leakkit
    >>> store = leakkit.load("sample")
    >>> analysis = leakkit.analyze(store, "Equipment")
    >>> items = find_worklist(store, analysis, "Equipment")
    >>> len(items) == analysis["Equipment"].balance.overdue
    True
    """
    result = analysis[pipeline]
    number = [rules.name for rules in analysis.config.pipelines].index(result.name)
    rules = analysis.config.pipelines[number]
    own = learning.PipelineDays(number, rules, result.windows, result.windows.first_day)
    ages = {(number, one.stage): Learnt(one.horizon, one.expected) for one in result.stages}
    counts = Counts.of(store, Scope((number,))).under(
        bounds=learning.bounds([own]), expected=learning.expected_stays(ages)
    )
    deals = [_deal(row) for row in counts.read(deal_queries.LATE_DEALS).to_dict("records")]
    return make_worklist(deals, _odds(result))


def _deal(row: Mapping[Any, Any]) -> LateDeal:
    """Return one late deal from its row."""
    value = row["value"]
    return LateDeal(
        opportunity_id=str(row["opportunity_id"]),
        name=str(row["name"]),
        owner="" if pd.isna(row["owner"]) else str(row["owner"]),
        stage=int(row["stage"]),
        age=int(row["age"]),
        deal_age_days=0 if pd.isna(row["deal_age"]) else int(row["deal_age"]),
        visit_late=row["visit_late"] == 1,
        deal_late=row["deal_late"] == 1,
        value=None if pd.isna(value) else int(value),
    )


def _odds(result: PipelineNumbers) -> list[StageOdds]:
    """Return the odds of every stage."""
    costs = result.costs
    return [
        StageOdds(
            stage.name,
            stage.curve,
            {} if costs is None else costs.landing[stage.stage],
            stage.expected.age,
            None if costs is None else costs.won[stage.stage],
        )
        for stage in result.stages
    ]
