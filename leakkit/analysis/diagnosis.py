"""Why one pipeline leaks, and what to do: all that its page of causes shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit.analysis.explaining import places_of
from leakkit.analysis.interventions import Intervened, find_interventions
from leakkit.analysis.reasons import (
    changes_of,
    drivers_of,
    rate_and_mix,
    root_cause,
)
from leakkit.analysis.results import Analysis
from leakkit.analysis.selection import EVERYTHING
from leakkit.analysis.working import find_worklist
from leakkit.errors import LeakkitError
from leakkit.findings.change_drivers import ChangeScreen
from leakkit.findings.finding import CHANGED, WARNING, cards, leading
from leakkit.findings.value import got_worse
from leakkit.guards import require_kind
from leakkit.page.style import facts_table
from leakkit.plain import PlainData
from leakkit.store.visits import opportunity_ids

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.analysis.results import PipelineAnalysis
    from leakkit.findings import Finding
    from leakkit.findings.drivers import Screen
    from leakkit.findings.mix import RateAndMix
    from leakkit.findings.verdicts import Cause
    from leakkit.findings.whatif import WhatIf
    from leakkit.findings.worklist import WorkItem
    from leakkit.measures.stage_results import StageResult
    from leakkit.store.database import Store

REPAIR_POINTS = 0.05
"""What is asked of a stage that did not get worse: a few points fewer losses."""


@dataclass(frozen=True)
class StageDiagnosis:
    """One leaking stage: its findings, gravest first, and everything that may explain it.

    `ids` are those of the deals to read, by number. `mixes` are by kind of finding.
    """

    stage: StageResult
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
    pipeline: PipelineAnalysis
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
    analysis: Analysis, one: PipelineAnalysis, led: tuple[tuple[Finding, ...], ...]
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
    one: PipelineAnalysis,
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
        split = {kind: rate_and_mix(store, analysis, one.name, name, kind) for kind in kinds}
    return StageDiagnosis(
        stage=next(stage for stage in one.stages if stage.name == name),
        findings=own,
        cause=cause,
        screen=drivers_of(store, analysis, one.name, name),
        changes=changes,
        mixes=split,
        ids=opportunity_ids(store, [deal.opportunity for deal in cause.deals]),
    )


def _repairs(one: PipelineAnalysis, led: tuple[tuple[Finding, ...], ...]) -> tuple[Repair, ...]:
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
