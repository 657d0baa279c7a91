"""Sentences that more than one page says, each made of one fact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.analysis.earlier import since_last_run, vanished
from leakkit.views.figures import stay
from leakkit.views.tables import bdi

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.analysis import Analysis, PipelineAnalysis
    from leakkit.analysis.earlier import SinceThen
    from leakkit.findings import Finding
    from leakkit.words import Words


def first_of(analysis: Analysis, pipeline: str, words: Words) -> Markup:
    """Say that a view is of the first of several pipelines, as nobody named one; else nothing."""
    names = [each.name for each in analysis.pipelines]
    if len(names) == 1 or pipeline:
        return Markup("")
    said = words.listed([bdi(name) for name in names])
    return words.html("headline.first_of", name=bdi(names[0]), n=len(names), names=said)


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


def since_then(analysis: Analysis, pipelines: Sequence[PipelineAnalysis], words: Words) -> Markup:
    """Say what changed in some pipelines since the last run on other data, if there was one."""
    found = [(one, since) for one in pipelines if (since := since_last_run(analysis, one))]
    if not found:
        return Markup("")
    several = len(analysis.pipelines) > 1 and len(pipelines) > 1
    changes = [*_more(found, words)]
    if several and (missing := vanished(analysis)):
        changes.append(words.html("last_run.vanished", named=words.listed(list(map(bdi, missing)))))
    if not several and (share := found[0][1].share):
        stage, _, then, now = share
        changes.append(words.html("last_run.share", stage=bdi(stage), then=then, now=now))
    for name in ("appeared", "gone"):
        named = [
            _stage_of(stage, one, words, several=several)
            for one, since in found
            for stage in getattr(since, name)
        ]
        if named:
            changes.append(words.html(f"last_run.{name}", named=words.listed(named)))
    if not any(since.appeared or since.gone for _, since in found):
        changes.append(words.html("last_run.none_new"))
    last = min(since.last_day for _, since in found)
    said = Markup("; ").join(changes)
    return words.html("last_run.said", last=last, changes=said)


def _more(found: Sequence[tuple[PipelineAnalysis, SinceThen]], words: Words) -> list[Markup]:
    """Say how many deals there are more, or fewer, and how many more were won and lost."""
    deals, won, lost = (
        sum(getattr(since, name) for _, since in found) for name in ("deals", "won", "lost")
    )
    key = "deals" if deals > 0 else "fewer" if deals < 0 else "same_deals"
    said = [words.html(f"last_run.{key}", n=abs(deals))]
    ended = (("won", won), ("lost", lost))
    return said + [words.html(f"last_run.{name}", n=n) for name, n in ended if n > 0]


def _stage_of(stage: str, one: PipelineAnalysis, words: Words, *, several: bool) -> Markup:
    """Name a stage, with its pipeline where there are several."""
    if not several:
        return bdi(stage)
    return words.html("overview.named", stage=bdi(stage), pipeline=bdi(one.name))
