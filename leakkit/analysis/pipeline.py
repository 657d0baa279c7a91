"""One pipeline from its counts: every number of its page, computed once."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from leakkit.analysis import learning
from leakkit.analysis.coverage import coverage
from leakkit.analysis.deferred import DeferredPipeline, settle_pipeline
from leakkit.analysis.material import late, whole_sum
from leakkit.analysis.present import last_stages, present_of
from leakkit.analysis.results import LOSSES_KEPT, DataNotes
from leakkit.analysis.retiring import find_retired
from leakkit.analysis.spelling import POLICIES
from leakkit.analysis.stage import curve_of, stage_of
from leakkit.measures import balance, route, stage_results, survival
from leakkit.store import schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.analysis.deferred import Parts
    from leakkit.analysis.material import Material
    from leakkit.analysis.results import PipelineAnalysis
    from leakkit.analysis.retiring import Retired
    from leakkit.measures.balance import Month, PipelineBalance, StageBalance
    from leakkit.measures.route import Route


def defer_pipeline(material: Material) -> PipelineAnalysis:
    """Build one pipeline, whose numbers are found when they are read."""
    return _build(material)


def build(material: Material) -> PipelineAnalysis:
    """Build one pipeline, with every number found."""
    return settle_pipeline(_build(material))


def _build(material: Material) -> PipelineAnalysis:
    """Build one pipeline, whose numbers are found when they are read."""
    return DeferredPipeline(
        _declare_parts(material)
        | _from_stages(material)
        | _from_flows(material)
        | _from_deals(material)
    )


def _declare_parts(material: Material) -> Parts:
    """What the pipeline is, and which days are compared."""
    rules = material.asked.rules
    return {
        "name": lambda: rules.name,
        "unit": lambda: rules.unit,
        "unit_per_day": lambda: rules.unit_per_day,
        "currency": lambda: material.config.currency,
        "windows": lambda: material.asked.windows,
        "skip_policy": lambda: material.policy,
        "days": lambda: material.days,
        "costs": lambda: None if material.whole else material.costs,
    }


def _from_stages(material: Material) -> Parts:
    """What becomes of the deals in each stage, and which stage loses most?"""
    numbers = range(len(material.names))
    return {
        "stages": lambda: tuple(stage_of(material, stage) for stage in numbers),
        "losing_order": lambda: _losing_orders(material),
    }


def _from_flows(material: Material) -> Parts:
    """What came in, and what became of it, in deals and in money?"""

    @cache
    def flows() -> dict[str, balance.Flows]:
        return _check_flows(material)

    @cache
    def balances(column: str) -> tuple[StageBalance, ...]:
        return balance.stage_balances(flows()[column], material.opening_periods)

    def whole(column: str) -> PipelineBalance:
        found = balance.pipeline_balance(balances(column))
        return balance.with_overdue(found, whole_sum(late(material.frames["standing"])[column]))

    return {
        "balances": lambda: balances("n"),
        "balances_value": lambda: balances("total"),
        "balance": lambda: whole("n"),
        "balance_value": lambda: whole("total"),
        "months": lambda: _months(material, flows()),
    }


def _from_deals(material: Material) -> Parts:
    """Where do deals go, each counted once, and what could their data not say?"""
    return {
        "pipe": lambda: _pipe(material, "n"),
        "pipe_value": lambda: _pipe(material, "total"),
        "route": lambda: _route(material),
        "opportunities": lambda: whole_sum(material.frames["outcomes"]["n"]),
        "notes": lambda: _notes(material),
        "unfollowed": lambda: last_stages(material),
        "present": lambda: present_of(material),
    }


def _check_flows(material: Material) -> dict[str, balance.Flows]:
    """Return the flows in deals and in money, which close, or the run fails."""
    flows = {column: _flows(material, column) for column in ("n", "total")}
    for column, flow in flows.items():
        balance.check_balance(f"{material.asked.rules.name} ({column})", flow)
    return flows


def _losing_orders(material: Material) -> dict[str, tuple[int, ...]]:
    """Return the stages by their lost share of first visits, under each skip policy."""
    return {
        policy: _losing_order(replace(material, visits="first", policy=policy))
        for policy in POLICIES
    }


def _losing_order(material: Material) -> tuple[int, ...]:
    """Return the stages by their lost share."""
    return stage_results.losing_order(
        [
            survival.share_at(curve_of(material, stage), ("lost",), learnt.horizon.age)
            for stage, learnt in enumerate(material.learnt)
        ]
    )


def _flows(material: Material, column: str) -> balance.Flows:
    """Arrange the flows of the pipeline by month, up to that of the last used day or entry.

    Of chosen days, behind all that was before them.
    """
    rows = material.frames["flows"]
    start, end = _calendar(material)
    months = (end.year - start.year) * 12 + end.month - start.month + material.opening_periods
    periods = max([months, *rows["period"]]) + 1
    return balance.collect_flows(rows, len(material.names), periods, column)


def _calendar(material: Material) -> tuple[dt.date, dt.date]:
    """Return the first and the last day whose months are counted."""
    first = material.days[0] if material.days else material.asked.first_calendar_day
    return learning.day_of(first), learning.day_of(material.end_day - 1)


def _months(material: Material, flows: Mapping[str, balance.Flows]) -> tuple[Month, ...]:
    """Return the balance of every calendar month since the pipeline's first day."""
    first = learning.day_of(material.days[0] if material.days else material.asked.windows.first_day)
    start = _calendar(material)[0].replace(day=1)
    months, before = [], material.opening_periods
    for period in range(flows["n"].entries.shape[2] - before):
        day = _later_month(start, period)
        following = _later_month(start, period + 1)
        if following <= first:
            continue
        count, value = (
            balance.pipeline_balance(
                balance.stage_balances(flows[c], before + period, before + period + 1)
            )
            for c in ("n", "total")
        )
        whole = first <= day and learning.number_of(following) <= material.end_day
        months.append(balance.Month(learning.number_of(day), count, value, whole))
    return tuple(months)


def _later_month(start: dt.date, months: int) -> dt.date:
    """Return the first day of the month so many months later."""
    total = start.year * 12 + start.month - 1 + months
    return dt.date(total // 12, total % 12 + 1, 1)


def _pipe(material: Material, column: str) -> balance.Pipe:
    """Assemble the picture of the pipe, in deals or in money."""
    age = material.whole.pipe.mature_days if material.whole else material.decided.settled.age
    found = balance.collect_pipe(
        material.frames["cohort"],
        material.names,
        None if material.days else age,
        material.last_day + 1 - int(age or 0),
        material.last_day,
        column=column,
    )
    if material.days is None:
        return found
    first, end = material.days
    return replace(found, created_from_day=first, created_before_day=end)


def _route(material: Material) -> Route:
    """Follow the whole way, up to the days by which deals are decided."""
    age, journey = material.decided.horizon.age, material.frames["journey"]
    if material.whole:
        return route.follow(journey, len(material.names), material.whole.route.limit)
    limit = float(max(journey["age"], default=0))
    if age is not None:
        limit = age * material.asked.per_day
    return route.follow(journey, len(material.names), limit)


def _notes(material: Material) -> DataNotes:
    """Collect what the data could not say."""
    rows = material.frames["outcomes"]
    lost = rows[rows["outcome"] == "lost"]
    started = material.frames["started"]
    new = started["entry"] == schema.NEW
    totals = material.frames["totals"]
    closes = totals["exit"].isin([schema.WON_HERE, schema.LOST_HERE])
    return DataNotes(
        outcomes={
            (str(o), bool(h)): int(n)
            for o, h, n in zip(rows["outcome"], rows["has_history"], rows["n"], strict=True)
        },
        without_value=whole_sum(rows["without_value"]),
        zero_value_lost=whole_sum(lost["zero_value"]),
        without_reason_lost=whole_sum(lost["without_reason"]),
        started_in_middle=whole_sum(started["n"][new & (started["stage"] > 0)]),
        closes=whole_sum(totals["n"][closes]),
        reopened=whole_sum(started["n"][started["entry"] == schema.REOPENED]),
        coverage=_coverage(material),
        retired=_find_retired_stages(material),
        losses=_recent_losses(material),
    )


def _recent_losses(material: Material) -> tuple[tuple[int, int], ...]:
    """Return the days of the last half year on which deals were lost, and how many."""
    rows = material.frames["losses"]
    recent = rows[rows["day"] >= material.end_day - LOSSES_KEPT]
    return tuple(zip(recent["day"].astype(int), recent["n"].astype(int), strict=True))


def _find_retired_stages(material: Material) -> tuple[Retired, ...]:
    """Find the retired stages; those of the whole for a part of the deals."""
    if material.whole:
        return material.whole.notes.retired
    per_day = material.asked.per_day
    ages = (learnt.horizon.age for learnt in material.learnt)
    horizons = {at: None if age is None else age / per_day for at, age in enumerate(ages)}
    spans = material.frames["spans"][["stage", "first", "last", "n", "came_after"]]
    return find_retired(spans, material.names, horizons, material.last_day)


def _coverage(material: Material) -> str:
    """Say which deals the export leaves out; a part of the deals is judged by the whole."""
    if material.whole:
        return material.whole.notes.coverage
    deals = material.frames["outcomes"].groupby("outcome")["n"].sum()
    return coverage({str(k): int(n) for k, n in deals.items()}, material.frames["ages"])
