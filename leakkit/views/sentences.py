"""Sentences that more than one page says, each made of one fact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.views.figures import stay
from leakkit.views.tables import bdi

if TYPE_CHECKING:
    from leakkit.analysis import PipelineAnalysis
    from leakkit.findings import Finding
    from leakkit.words import Words


def what_changed(pipeline: PipelineAnalysis, finding: Finding, words: Words) -> Markup:
    """Say what a finding found: which share, how much, against what."""
    stage = next(s for s in pipeline.stages if s.name == finding.stage)
    age = stage.expected.age if finding.kind == "overdue" else stage.horizon.age
    return words.html(
        f"causes.what_{finding.kind}_{finding.reference_kind}",
        stage=bdi(finding.stage),
        share=finding.share,
        reference=finding.reference,
        days=stay(words, age or 0, pipeline.unit_per_day),
    )


def mend_first(finding: Finding, words: Words) -> Markup:
    """Say that the stage of a finding is to be looked at first, since when, and what it costs."""
    facts = {"stage": bdi(finding.stage), "since": Markup("")}
    if finding.since is not None:
        facts["since"] = words.html("mend.since", month=month(finding.since, words))
    value = finding.recoverable
    if value is None or not value.value:
        return words.html("mend.first", **facts)
    money = {"value": value.value, "low": value.low, "high": value.high}
    return words.html("mend.first_worth", **facts, **money, days=words.days(finding.days or 0))


def month(day: int, words: Words) -> Markup:
    """Say the month of a day, as text that is safe in HTML."""
    return Markup(words.month(day))  # noqa: S704 - a date
