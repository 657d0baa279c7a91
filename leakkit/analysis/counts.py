"""The counts that the numbers of a pipeline are made of: of all its deals, or of a part.

What flows through it, and what its leaks cost, are put together of them here.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from leakkit.analysis import learning
from leakkit.findings import value
from leakkit.findings.value import Recent, doors_in_the_end
from leakkit.findings.whatif import Costs, Moves, embed, leaving_row
from leakkit.measures import age_counts, balance, route, stage_results
from leakkit.measures.stage_results import chance_to_win, chance_with_the_rest
from leakkit.measures.survival import final_age
from leakkit.store import deal_queries, queries, schema
from leakkit.store.count_requests import Window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from leakkit.analysis.learning import Ages, Clusters, Decided, Learning, PipelineDays, Stays
    from leakkit.analysis.numbers import PipelineNumbers
    from leakkit.config import Config
    from leakkit.findings.whatif import Chain
    from leakkit.measures.age_counts import Columns, StayCounts
    from leakkit.measures.balance import Flows, Month, Pipe
    from leakkit.measures.horizons import Days
    from leakkit.measures.route import Route
    from leakkit.measures.stage_results import Learnt
    from leakkit.measures.survival import Curve, Floats, Ints
    from leakkit.store.count_requests import Counts

LIVES = frozenset(
    {
        deal_queries.WINS,
        deal_queries.JOURNEY,
        queries.REACHED,
        deal_queries.AGES,
        deal_queries.SPANS,
        queries.SIZES,
    }
)
"""What follows deals, or visits, through the whole history, also where days are chosen."""
OF_CREATED = frozenset({queries.COHORT, deal_queries.LISTED_DEALS})
"""What is of the deals that were created on the chosen days, as they stand today."""
NO_ENTRANTS = value.Entrants(0, None, 0.0, None)


@dataclass(frozen=True)
class PipelineBatch:
    """Pipelines, or parts of one, that are counted together: each question is asked once.

    Where `days` are chosen, `counts` are of what was under way on them, `lives` of the whole
    history of the same deals, `created` of the deals created on them, and `flows` also of
    what was before. Else all are the same.
    """

    pipelines: tuple[PipelineDays, ...]
    ages: Ages
    counts: Counts
    lives: Counts
    created: Counts
    flows: Counts
    days: Days | None = None
    known_stays: Stays | None = field(default=None, repr=False)

    @classmethod
    def of_all(cls, known: Learning) -> PipelineBatch:
        """Count all deals of all pipelines, whose stays are known."""
        counts, stays = known.counts, known.stays
        return cls(known.pipelines, known.ages, counts, counts, counts, counts, known_stays=stays)

    @cached_property
    def stays(self) -> Stays:
        """Arrivals and departures on the days that are read."""
        if self.known_stays is not None:
            return self.known_stays
        spans = [(one, self.days or _days_of_curves(one)) for one in self.pipelines]
        windows = [Window(one.number, learning.ALL, *span) for one, span in spans]
        return learning.group_stays(self.lives.stays(windows))

    @cached_property
    def clusters(self) -> Clusters:
        """The same per bootstrap cluster."""
        parts = learning.reading_parts(self.pipelines, self.ages, self.days)
        return learning.find_clusters(self.lives, self.pipelines, parts)

    @cached_property
    def costs(self) -> Mapping[int, Costs]:
        """What the costs of each pipeline are made of; of all deals only."""
        return find_costs(self.counts, self.pipelines, self.stays, self.ages, self.until_closed)

    @cached_property
    def until_closed(self) -> Mapping[tuple[int, ...], StayCounts]:
        """How long deals lived from their first entry, by pipeline and stage."""
        return age_counts.stays_by_group(self.lives.ask(deal_queries.WINS), ["pipeline", "stage"])

    def counts_for(self, query: str) -> Counts:
        """Return what answers a query."""
        if query in LIVES:
            return self.lives
        if query in OF_CREATED:
            return self.created
        return self.flows if query == queries.FLOWS else self.counts


def _days_of_curves(pipeline: PipelineDays) -> Days:
    """Return the days on which the curves of a whole pipeline are read."""
    return pipeline.windows.start_day, pipeline.windows.end_day


@dataclass(frozen=True)
class PipelineCounts:
    """The counts of one pipeline, or of some of its deals, and what they are read by.

    What is counted of a part is read at the ages of the `whole` pipeline, under the skip
    `policy`, of first `visits` or of all.
    """

    batch: PipelineBatch = field(repr=False)
    pipeline: PipelineDays
    config: Config = field(repr=False)
    decided: Decided
    policy: str
    visits: str = "first"
    whole: PipelineNumbers | None = field(default=None, repr=False)

    @property
    def number(self) -> int:
        """The number of the pipeline, or of the part."""
        return self.pipeline.number

    @property
    def costs(self) -> Costs | None:
        """What its costs are made of; of a part they are not asked."""
        return None if self.whole else self.batch.costs.get(self.number)

    @property
    def days(self) -> Days | None:
        """The days [first, end) that are counted, where they are not the whole history."""
        return self.batch.days

    @property
    def read_days(self) -> Days:
        """The days on which the curves are read."""
        return self.days or _days_of_curves(self.pipeline)

    @property
    def last_day(self) -> int:
        """The last day of the data."""
        return self.batch.lives.last_day

    @property
    def end_day(self) -> int:
        """The day after the last one that is counted."""
        return self.days[1] if self.days else self.last_day + 1

    @property
    def opening_periods(self) -> int:
        """How many periods of the flows lie before what is counted."""
        return 1 if self.days else 0

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the stages, in order."""
        return tuple(stage.name for stage in self.pipeline.rules.stages)

    @cached_property
    def ages(self) -> tuple[Learnt, ...]:
        """The ages that each stage is read at."""
        return tuple(self.batch.ages[self.number, stage] for stage in self.pipeline.places)

    def rows(self, query: str) -> pd.DataFrame:
        """Return what a query says of the pipeline."""
        if query not in self._rows:
            self._rows[query] = self.batch.counts_for(query).rows(query, self.number)
        return self._rows[query]

    def of_stage(self, query: str, stage: int) -> Columns:
        """Return what a query says of one stage."""
        if query not in self._by_stage:
            self._by_stage[query] = age_counts.split_columns(self.rows(query), "stage")
        by_stage, none = self._by_stage[query]
        return by_stage.get(stage, none)

    @cached_property
    def _rows(self) -> dict[str, pd.DataFrame]:
        """The rows by the query; those that were looked at."""
        return {}

    @cached_property
    def _by_stage(self) -> dict[str, tuple[dict[int, Columns], Columns]]:
        """The rows of each stage, and none, by the query; those that were looked at."""
        return {}

    def until_closed(self, stage: int) -> StayCounts:
        """Return how long deals lived from their first entry into a stage."""
        return self.batch.until_closed.get((self.number, stage), learning.NO_VISITS)

    def stay(self, stage: int, visits: int = learning.FIRST) -> StayCounts:
        """Return the stays of one stage on the days that are read."""
        key = (learning.ALL, self.number, stage, visits)
        return self.batch.stays.get(key, learning.NO_VISITS)

    def seen_stay(self, stage: int) -> StayCounts:
        """Return the stays of the visits that the curve of a stage is made of."""
        first = self.stay(stage)
        return first if self.visits == "first" else first + self.stay(stage, learning.AGAIN)

    def clusters(self, part: int, stage: int) -> Columns | None:
        """Return a part of the counts per bootstrap cluster; None where there is none."""
        return self.batch.clusters.get((part, self.number, stage))


def count_all(known: Learning) -> tuple[PipelineCounts, ...]:
    """Count all pipelines, each question when it is first asked."""
    batch, policy = PipelineBatch.of_all(known), known.config.comparison.skip_policy
    return tuple(
        PipelineCounts(
            batch, one, known.config, known.decided.get(one.number, learning.UNDECIDED), policy
        )
        for one in known.pipelines
    )


def whole_sum(column: pd.Series[float] | Ints) -> int:
    """Add up whole numbers that a frame may hold as floats."""
    return sum(map(int, np.asarray(column).tolist()))


def sum_late(standing: pd.DataFrame | Columns, column: str) -> int:
    """Add up a column of the open deals that are late, by the visit or by the whole deal."""
    visit, deal, amount = (
        np.asarray(standing[name]) for name in ("visit_late", "deal_late", column)
    )
    return int(amount[(visit == 1) | (deal == 1)].sum())


def curve_of(counts: PipelineCounts, stage: int, more: StayCounts = learning.NO_VISITS) -> Curve:
    """Return the curve of first visits, or of all, under the skip policy; `more` are added."""
    last = counts.pipeline.is_last(stage)
    stay = counts.seen_stay(stage) if more is learning.NO_VISITS else counts.seen_stay(stage) + more
    if counts.policy == "reached":
        first, end = (day * counts.pipeline.per_day for day in counts.read_days)
        implied = counts.of_stage(queries.REACHED, stage)
        stay = stage_results.reached_counts(stay, implied, first, end)
    return stay.curve(counts.policy, last_stage=last)


# ---------------------------------------------------------------- what flows through a pipeline


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
    balances = [balance.period_balances(flows[column]) for column in ("n", "total")]
    for period in range(flows["n"].entries.shape[2] - before):
        day = _later_month(start, period)
        following = _later_month(start, period + 1)
        if following <= first:
            continue
        count, value = (each[before + period] for each in balances)
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


# ---------------------------------------------------------------- what its leaks cost


def find_costs(
    counts: Counts,
    pipelines: Sequence[PipelineDays],
    stays: Stays,
    ages: Ages,
    until_closed: Mapping[tuple[int, ...], StayCounts],
) -> dict[int, Costs]:
    """Count what the costs of every pipeline need, for all of them at once."""
    windows = [Window(p.number, 0, *p.windows.current) for p in pipelines if p.windows.current]
    entered, largest = counts.entrants(windows)
    worth_of = _entrants(entered, largest)
    inflow, following, started = (
        (dict(age_counts.groups(frame, ["pipeline"])), frame.iloc[:0])
        for frame in (
            counts.ask(queries.ENTERED),
            counts.ask(deal_queries.FOLLOWING),
            counts.ask(queries.STARTED),
        )
    )
    found = {}
    for one in pipelines:
        key, names = (one.number,), one.places
        own = {(k[0], k[2], k[3]): v for k, v in stays.items() if k[1] == one.number}
        moves = Moves.read(following[0].get(key, following[1]))
        begun = _count_begun(started[0].get(key, started[1]), len(names))
        chain = embed({k[1:]: v for k, v in own.items() if k[0] == learning.ALL}, moves, begun)
        lives = [until_closed.get((one.number, stage), learning.NO_VISITS) for stage in names]
        chances = [(life.curve(), *chance_to_win(life)) for life in lives]
        won = [chance.share for _, chance, _ in chances]
        landing = _landing(chain, won)
        ended = _landing(chain, [chance_with_the_rest(*each) for each in chances])
        doors = tuple(_landing_by_exit(moves, stage, landing) for stage in names)
        worths = tuple(
            value.Worth(
                worth_of.get((one.number, stage), NO_ENTRANTS),
                _chances(own, stage, doors[stage], ages[one.number, stage]),
                _recent(own, stage, moves, 2 * len(names)),
            )
            for stage in names
        )
        new = _new_deals(inflow[0].get(key, inflow[1]), one)
        found[one.number] = Costs(
            chain,
            worths,
            new,
            _estimate_chance(chain, won),
            tuple(map(float, landing[::2])),
            tuple(_landing_by_exit(moves, stage, ended) for stage in names),
        )
    return found


def _entrants(
    entered: pd.DataFrame, largest: pd.DataFrame
) -> dict[tuple[int, ...], value.Entrants]:
    """Collect the first entries of every stage."""
    keys = zip(largest["pipeline"], largest["stage"], strict=True)
    most = dict(zip(keys, largest["total"], strict=True))
    return {
        key: value.entrants(
            rows["n"].astype(np.float64),
            rows["known"].astype(np.float64),
            rows["total"].astype(np.float64),
            float(most[key]) if key in most else None,
        )
        for key, rows in age_counts.split_by(entered, ["pipeline", "stage"]).items()
    }


def _count_begun(started: pd.DataFrame, stages: int) -> Floats:
    """Return how many deals began in each stage."""
    new = started["entry"].to_numpy() == schema.NEW
    stage, n = started["stage"].to_numpy(np.int64), started["n"].to_numpy(np.float64)
    begun = np.zeros(stages)
    np.add.at(begun, stage[new], n[new])
    return begun


def _new_deals(inflow: pd.DataFrame, one: PipelineDays) -> int:
    """Return how many deals came into a pipeline in its current window."""
    if one.windows.current is None:
        return 0
    first, end = one.windows.current
    day, n = inflow["day"].to_numpy(), inflow["n"].to_numpy()
    return int(n[(day >= first) & (day < end)].sum())


def _landing(chain: Chain, won: list[float | None]) -> Floats:
    """Return the chance to win from every state: estimated directly, else that of the chain."""
    found = chain.chances.copy()
    for stage, chance in enumerate(won):
        if chance is not None:
            found[2 * stage] = chance
    return found


def _landing_by_exit(moves: Moves, stage: int, landing: Floats) -> dict[str, float]:
    """Return the mean chance to win of deals that left first visits of a stage, by the exit."""
    first, found = moves.out_of(stage, learning.FIRST), {"won_here": 1.0}
    for kind in ("next", "jumped", "returned"):
        gone = first.by(kind)
        if gone.n.size:
            found[kind] = float(np.average(landing[gone.to], weights=gone.n))
    return found


def _chances(
    own: Mapping[tuple[int, int, int], StayCounts],
    stage: int,
    landing: Mapping[str, float],
    learnt: Learnt,
) -> value.Chances:
    """Return the chances to win of deals that one stage let go in different ways."""
    stay = own.get((learning.ALL, stage, learning.FIRST), learning.NO_VISITS)
    return value.chances(stay.curve(), landing, learnt.expected.age)


def _recent(
    own: Mapping[tuple[int, int, int], StayCounts], stage: int, moves: Moves, states: int
) -> Recent | None:
    """Read one stage in both windows, at the age at which the whole history is read."""
    stay = own.get((learning.ALL, stage, learning.FIRST), learning.NO_VISITS)
    whole = stay.curve()
    age = final_age(whole)
    now, before = (
        None if part is None else doors_in_the_end(part.curve(), whole, age)
        for part in (
            own.get((learning.ENTERED, stage, learning.FIRST)),
            own.get((learning.BASELINE, stage, learning.FIRST)),
        )
    )
    if now is None:
        return None
    first = moves.out_of(stage, learning.FIRST)
    return Recent(leaving_row(now[0], first, states), now[1], None if before is None else before[1])


def _estimate_chance(chain: Chain, won: list[float | None]) -> float | None:
    """Return the chance of a new deal to win, estimated without the chain."""
    total = 0.0
    for stage, chance in enumerate(won):
        share = float(chain.start[2 * stage])
        if share and chance is None:
            return None
        total += share * (chance or 0.0)
    return total
