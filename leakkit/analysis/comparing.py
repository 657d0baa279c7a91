"""The counts behind the warnings: every window of every pipeline in one query."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit.findings import stage_readings, value, warnings
from leakkit.findings.finding import KINDS
from leakkit.measures.age_counts import EXITS
from leakkit.store.counts import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pandas as pd

    from leakkit.analysis.learning import Asked
    from leakkit.config import Config
    from leakkit.findings.finding import Finding, Key, Split
    from leakkit.findings.stage_readings import Readings, WindowReading
    from leakkit.findings.warnings import Watched, WindowPlan
    from leakkit.findings.whatif import Costs
    from leakkit.measures.stage_results import Learnt
    from leakkit.measures.survival import Curve
    from leakkit.store.counts import Counts

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


def find_findings(  # noqa: PLR0913 - the steps before it
    counts: Counts,
    config: Config,
    asked: list[Asked],
    learnt: Mapping[tuple[int, int], Learnt],
    costs: Mapping[int, Costs],
    *,
    provisional: bool,
    split: Callable[[tuple[Finding, ...]], Mapping[Key, Split]],
) -> tuple[Finding, ...]:
    """Compare every share of every stage of all pipelines, and say what it costs.

    `split` tells of findings that warn which part of their change is rate and which mix.
    """
    days = config.comparison
    plans = {p.number: warnings.plan_windows(p.windows, days.confirm_days) for p in asked}
    watching = {p.number: (p, plan) for p in asked if (plan := plans[p.number]) is not None}
    if not watching:
        return ()
    windows = MONTHS + max(len(plan.months) for _, plan in watching.values())
    frame = counts.stays([w for p, plan in watching.values() for w in _windows(p, plan)])
    watched = list(_watch_shares(frame, watching, learnt, windows, days.skip_policy))
    worths = {
        (p.rules.name, stage.name): costs[p.number].worths[position]
        for p, _ in watching.values()
        for position, stage in enumerate(p.rules.stages)
    }
    rules = warnings.WarningRules(days.min_change, days.q, days.confirm_days, provisional)
    stakes = _stakes(watched, worths, _won_values(frame, watching))
    found = warnings.find_warnings(watched, rules, stakes=stakes)
    if splits := split(found):
        found = warnings.find_warnings(watched, rules, splits, stakes)
    return value.add_values(found, worths, config.currency)


def _windows(one: Asked, plan: WindowPlan) -> Iterator[Window]:
    """Yield the windows of one pipeline that are to be counted."""
    for part, name in SINGLE.items():
        if (days := getattr(plan, name)) is not None:
            yield Window(one.number, part, *days)
    for place, days in enumerate(plan.months):
        yield Window(one.number, MONTHS + place, *days)


def _watch_shares(
    frame: pd.DataFrame,
    watching: Mapping[int, tuple[Asked, WindowPlan]],
    learnt: Mapping[tuple[int, int], Learnt],
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
                ages = learnt[number, position]
                read = None if curve is None else _read(curve, kind, ages)
                target = stage.target_lost if kind == "lost" else None
                found = _one(one.rules.name, stage.name, kind, plan, read, target)
                yield found if kind != "lost" else _with_inside(found, curve, ages)


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
    frame: pd.DataFrame, watching: Mapping[int, tuple[Asked, WindowPlan]]
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
