"""Findings: what has changed at the stages of all pipelines, what it costs, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit.analysis.headline import find_headline
from leakkit.analysis.root_causes import root_cause, split_change
from leakkit.findings import stage_readings, value, warnings
from leakkit.findings.finding import CHANGED, KINDS, WARNING, leading
from leakkit.findings.mix import as_split
from leakkit.findings.verdicts import summarise
from leakkit.measures.age_counts import EXITS
from leakkit.store.count_requests import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd

    from leakkit.analysis.learning import Ages, Learning, PipelineDays
    from leakkit.analysis.numbers import PipelineNumbers
    from leakkit.analysis.results import Analysis
    from leakkit.findings.finding import Finding, Key, Split
    from leakkit.findings.stage_readings import Readings, WindowReading
    from leakkit.findings.verdicts import Cause
    from leakkit.findings.warnings import Watched, WindowPlan
    from leakkit.findings.whatif import Costs
    from leakkit.measures.stage_results import Learnt
    from leakkit.measures.survival import Curve
    from leakkit.store.database import Store

Place = tuple[str, str]
"""Pipeline and stage."""
MOST_RECOVERABLE = 3
"""Findings whose stages have a cause looked for although nothing warns."""
CURRENT, BASELINE, CURRENT_THEN, BASELINE_THEN, LAST_YEAR, MONTHS = range(6)
"""The windows that are counted; months follow."""
SINGLE = {
    CURRENT: "current",
    BASELINE: "baseline",
    CURRENT_THEN: "current_then",
    BASELINE_THEN: "baseline_then",
    LAST_YEAR: "last_year",
}
WON = EXITS.index("won_here")


def find_findings(
    known: Learning,
    pipelines: Sequence[PipelineDays],
    costs: Mapping[str, Costs],
    *,
    provisional: bool,
    split: Callable[[tuple[Finding, ...]], Mapping[Key, Split]],
) -> tuple[Finding, ...]:
    """Compare every share of every stage of some pipelines, and say what it costs.

    `costs` are by pipeline; `provisional`: the order of the stages is a guess. `split` tells
    of findings that warn which part of their change is rate and which mix.
    """
    config = known.config
    days = config.comparison
    plans = {p.number: warnings.plan_windows(p.windows, days.confirm_days) for p in pipelines}
    watching = {p.number: (p, plan) for p in pipelines if (plan := plans[p.number]) is not None}
    if not watching:
        return ()
    windows = MONTHS + max(len(plan.months) for _, plan in watching.values())
    frame = known.counts.stays([w for p, plan in watching.values() for w in _windows(p, plan)])
    watched = list(_watch_shares(frame, watching, known.ages, windows, days.skip_policy))
    worths = {
        (p.rules.name, stage.name): costs[p.rules.name].worths[position]
        for p, _ in watching.values()
        for position, stage in enumerate(p.rules.stages)
    }
    rules = warnings.WarningRules(days.min_change, days.q, days.confirm_days, provisional)
    stakes = _stakes(watched, worths, _won_values(frame, watching))
    found = warnings.find_warnings(watched, rules, stakes=stakes)
    if splits := split(found):
        found = warnings.find_warnings(watched, rules, splits, stakes)
    return value.add_values(found, worths, config.currency)


def _windows(one: PipelineDays, plan: WindowPlan) -> Iterator[Window]:
    """Yield the windows of one pipeline that are to be counted."""
    for part, name in SINGLE.items():
        if (days := getattr(plan, name)) is not None:
            yield Window(one.number, part, *days)
    for place, days in enumerate(plan.months):
        yield Window(one.number, MONTHS + place, *days)


def _watch_shares(
    frame: pd.DataFrame,
    watching: Mapping[int, tuple[PipelineDays, WindowPlan]],
    ages: Ages,
    windows: int,
    policy: str,
) -> Iterator[Watched]:
    """Yield every share that is watched, in the order of pipelines, stages and kinds.

    Nothing returns from the first stage. Exits that skip are censored under `strict`; what
    `reached` adds tells nothing of a stage that was never entered.
    """
    strict = ("jumped", "won_here") if policy == "strict" else ()
    curves = dict(stage_readings.curves_by_stage(frame, windows))
    early = dict(stage_readings.curves_by_stage(frame, windows, strict)) if strict else curves
    last = dict(stage_readings.curves_by_stage(frame, windows, ("jumped",))) if strict else curves
    for number, (one, plan) in watching.items():
        for position, stage in enumerate(one.rules.stages):
            at_end = position == len(one.rules.stages) - 1
            curve = (last if at_end else early).get((number, position))
            for kind in KINDS:
                if kind == "returned" and position == 0:
                    continue
                known = ages[number, position]
                read = None if curve is None else _read(curve, kind, known)
                target = stage.target_lost if kind == "lost" else None
                found = _one(one.rules.name, stage.name, kind, plan, read, target)
                yield found if kind != "lost" else _with_inside(found, curve, known)


def _read(curve: Curve, kind: str, learnt: Learnt) -> Readings | None:
    """Read one share in all windows; None without the age to read it at."""
    if kind == "overdue":
        age = learnt.expected.age
        return None if age is None else stage_readings.still_inside(curve, age)
    age = learnt.horizon.age
    if age is None or kind not in curve.leaving:
        return None
    return stage_readings.read_left_by(curve, (kind,), age)


def _one(  # noqa: PLR0913, PLR0917 - its parts
    pipeline: str,
    stage: str,
    kind: str,
    plan: WindowPlan,
    read: Readings | None,
    target: float | None,
) -> Watched:
    """Put the readings of one share into their windows."""
    if read is None:
        return warnings.Watched(pipeline, stage, kind, plan, target=target)

    def at(window: int) -> WindowReading | None:
        there = getattr(plan, SINGLE[window]) is not None
        return read.at(window) if there else None

    return warnings.Watched(
        pipeline,
        stage,
        kind,
        plan,
        now=at(CURRENT),
        before=at(BASELINE),
        now_then=at(CURRENT_THEN),
        before_then=at(BASELINE_THEN),
        last_year=at(LAST_YEAR),
        months=read.of(slice(MONTHS, MONTHS + len(plan.months))),
        target=target,
    )


def _with_inside(one: Watched, curve: Curve | None, learnt: Learnt) -> Watched:
    """Add the share that is still in the stage at the age that losses are read at."""
    age = learnt.horizon.age
    if curve is None or age is None:
        return one
    inside = stage_readings.still_inside(curve, age)
    before = None if one.plan.baseline is None else inside.at(BASELINE)
    return replace(one, inside_now=inside.at(CURRENT), inside_before=before)


def _won_values(
    frame: pd.DataFrame, watching: Mapping[int, tuple[PipelineDays, WindowPlan]]
) -> dict[str, float]:
    """Return the value that each pipeline won in its current window."""
    wins = frame[(frame["part"] == CURRENT) & (frame["arrives"] == 0) & (frame["exit"] == WON)]
    totals = wins.groupby("pipeline")["total"].sum()
    return {one.rules.name: float(totals.get(n, 0)) for n, (one, _) in watching.items()}


def _stakes(
    watched: list[Watched],
    worths: Mapping[tuple[str, str], value.Worth],
    won: Mapping[str, float],
) -> dict[Key, warnings.Stakes]:
    """Return what a change of each share is worth, where that is known."""
    found = {}
    for one in watched:
        per_share = worths[one.key[:2]].per_share(one.kind) if one.kind in value.COSTED else None
        if per_share is not None:
            found[one.key] = warnings.Stakes(per_share, won[one.pipeline])
    return found


# ---------------------------------------------------------------- causes and splits of findings


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


def _leading(pipelines: Sequence[PipelineNumbers]) -> Iterator[Place]:
    """Yield the stages that the headlines of some pipelines name, where there are current days."""
    for pipeline in pipelines:
        stage = find_headline(pipeline).stage
        if stage is not None and pipeline.windows.current is not None:
            yield pipeline.name, stage.name


def causes_of(store: Store, analysis: Analysis) -> dict[Place, Cause]:
    """Look for the cause where a stage warns, and where most could be given back."""
    return {place: root_cause(store, analysis, *place) for place in places_of(analysis)}


def _recoverable(finding: Finding) -> float:
    """Return what a finding could give back at least."""
    return 0.0 if finding.recoverable is None else finding.recoverable.low


def explain_findings(analysis: Analysis, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return the findings of an analysis, with the causes of those that deserve it."""
    found = replace(analysis, all_findings=findings)
    return with_causes(findings, causes_of(found.opened(), found))


def with_causes(
    findings: tuple[Finding, ...], causes: Mapping[Place, Cause]
) -> tuple[Finding, ...]:
    """Return the findings, those of the given stages with cause and operation to review."""
    found = []
    for one in findings:
        cause = causes.get((one.pipeline, one.stage))
        found.append(one if cause is None else one.with_cause(summarise(cause), cause.review))
    return tuple(found)


def splits_of(store: Store, analysis: Analysis, findings: tuple[Finding, ...]) -> dict[Key, Split]:
    """Take the changes apart into rate and mix, of what got worse and what got better."""
    here = {pipeline.name for pipeline in analysis.pipelines}
    changed = [one for one in findings if one.severity in CHANGED and one.pipeline in here]
    return {
        one.key: as_split(split_change(store, analysis, *one.key, phi=one.phi or 1.0))
        for one in changed
    }
