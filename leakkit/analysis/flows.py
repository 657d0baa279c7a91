"""What came in and went out month by month, and where deals go, each counted once."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit.analysis import learning
from leakkit.measures import balance, route
from leakkit.store import deal_queries, queries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.analysis.counts import PipelineCounts
    from leakkit.measures.balance import Flows, Month, Pipe
    from leakkit.measures.route import Route


def find_flows(counts: PipelineCounts) -> Mapping[str, Flows]:
    """Return the flows in deals and in money, which close, or the run fails."""
    flows = {column: _arrange(counts, column) for column in ("n", "total")}
    for column, flow in flows.items():
        balance.check_balance(f"{counts.pipeline.rules.name} ({column})", flow)
    return flows


def _arrange(counts: PipelineCounts, column: str) -> Flows:
    """Arrange the flows of the pipeline by month, up to that of the last used day or entry.

    Of chosen days, behind all that was before them.
    """
    rows = counts.rows(queries.FLOWS)
    start, end = _calendar(counts)
    months = (end.year - start.year) * 12 + end.month - start.month + counts.opening_periods
    periods = max([months, *rows["period"]]) + 1
    return balance.collect_flows(rows, len(counts.names), periods, column)


def _calendar(counts: PipelineCounts) -> tuple[dt.date, dt.date]:
    """Return the first and the last day whose months are counted."""
    first = counts.days[0] if counts.days else counts.pipeline.first_calendar_day
    return learning.day_of(first), learning.day_of(counts.end_day - 1)


def find_months(counts: PipelineCounts, flows: Mapping[str, Flows]) -> tuple[Month, ...]:
    """Return the balance of every calendar month since the pipeline's first day."""
    own = counts.days[0] if counts.days else counts.pipeline.windows.first_day
    first, start = learning.day_of(own), _calendar(counts)[0].replace(day=1)
    months, before = [], counts.opening_periods
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
        whole = first <= day and learning.number_of(following) <= counts.end_day
        months.append(balance.Month(learning.number_of(day), count, value, whole))
    return tuple(months)


def _later_month(start: dt.date, months: int) -> dt.date:
    """Return the first day of the month so many months later."""
    total = start.year * 12 + start.month - 1 + months
    return dt.date(total // 12, total % 12 + 1, 1)


def find_pipe(counts: PipelineCounts, column: str) -> Pipe:
    """Assemble the picture of the pipe, in deals or in money."""
    whole, days = counts.whole, counts.days
    age = whole.pipe.mature_days if whole else counts.decided.settled.age
    found = balance.collect_pipe(
        counts.rows(queries.COHORT),
        counts.names,
        None if days else age,
        counts.last_day + 1 - int(age or 0),
        counts.last_day,
        column=column,
    )
    if days is None:
        return found
    return replace(found, created_from_day=days[0], created_before_day=days[1])


def find_route(counts: PipelineCounts) -> Route:
    """Follow the whole way, up to the days by which deals are decided."""
    age, journey = counts.decided.horizon.age, counts.rows(deal_queries.JOURNEY)
    if counts.whole:
        return route.follow(journey, len(counts.names), counts.whole.route.limit)
    limit = float(max(journey["age"], default=0))
    if age is not None:
        limit = age * counts.pipeline.per_day
    return route.follow(journey, len(counts.names), limit)
