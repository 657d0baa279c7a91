"""Causes and splits of the findings that deserve them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit.analysis.headline import headline
from leakkit.analysis.reasons import rate_and_mix, root_cause
from leakkit.findings.finding import CHANGED, WARNING, leading
from leakkit.findings.mix import as_split
from leakkit.findings.verdicts import as_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from leakkit.analysis.results import Analysis, PipelineAnalysis
    from leakkit.findings import Finding, Split
    from leakkit.findings.finding import Key
    from leakkit.findings.verdicts import Cause
    from leakkit.store.database import Store

Place = tuple[str, str]
"""Pipeline and stage."""
MOST_RECOVERABLE = 3
"""Findings whose stages have a cause looked for although nothing warns."""


def places_of(analysis: Analysis) -> list[Place]:
    """Return where a cause is looked for: stages that warn, and those that could give back most.

    The 3 findings that could give back most are those of all pipelines; returned are
    the places of the pipelines that `analysis` has. Where no warning of a pipeline leads
    its page, the stage that its headline names comes first.
    """
    worth = [one for one in analysis.all_findings if one.recoverable is not None]
    worth.sort(key=lambda one: (-_recoverable(one), one.key))
    chosen = [one for one in analysis.all_findings if one.severity in WARNING]
    chosen += worth[:MOST_RECOVERABLE]
    here = {pipeline.name for pipeline in analysis.pipelines}
    warned = {card[0].pipeline for card in leading(chosen)}
    calm = [pipeline for pipeline in analysis.pipelines if pipeline.name not in warned]
    named = [(one.pipeline, one.stage) for one in chosen if one.pipeline in here]
    return list(dict.fromkeys([*_leading(calm), *named]))


def _leading(pipelines: Sequence[PipelineAnalysis]) -> Iterator[Place]:
    """Yield the stages that the headlines of some pipelines name, where there are current days."""
    for pipeline in pipelines:
        stage = headline(pipeline).stage
        if stage is not None and pipeline.windows.current is not None:
            yield pipeline.name, stage.name


def causes_of(store: Store, analysis: Analysis) -> dict[Place, Cause]:
    """Look for the cause where a stage warns, and where most could be given back."""
    return {place: root_cause(store, analysis, *place) for place in places_of(analysis)}


def _recoverable(finding: Finding) -> float:
    """Return what a finding could give back at least."""
    return 0.0 if finding.recoverable is None else finding.recoverable.low


def explain_findings(store: Store, analysis: Analysis, findings: tuple[Finding, ...]) -> Analysis:
    """Return the analysis with its findings, and the causes of those that deserve it."""
    found = replace(analysis, all_findings=findings)
    return replace(found, all_findings=with_causes(findings, causes_of(store, found)))


def with_causes(
    findings: tuple[Finding, ...], causes: Mapping[Place, Cause]
) -> tuple[Finding, ...]:
    """Return the findings, those of the given stages with cause and operation to review."""
    found = []
    for one in findings:
        cause = causes.get((one.pipeline, one.stage))
        found.append(one if cause is None else one.with_cause(as_record(cause), cause.review))
    return tuple(found)


def splits_of(store: Store, analysis: Analysis, findings: tuple[Finding, ...]) -> dict[Key, Split]:
    """Take the changes apart into rate and mix, of what got worse and what got better."""
    here = {pipeline.name for pipeline in analysis.pipelines}
    changed = [one for one in findings if one.severity in CHANGED and one.pipeline in here]
    return {
        one.key: as_split(rate_and_mix(store, analysis, *one.key, phi=one.phi or 1.0))
        for one in changed
    }
