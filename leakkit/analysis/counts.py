"""The counts that the numbers of a pipeline are made of: of all its deals, or of a part."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from leakkit.analysis import learning
from leakkit.analysis.worth import find_costs
from leakkit.measures import age_counts as taken
from leakkit.measures import stage_results
from leakkit.store import deal_queries, queries
from leakkit.store.count_requests import Window

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from leakkit.analysis.learning import Ages, Clusters, Decided, Learning, PipelineDays, Stays
    from leakkit.analysis.numbers import PipelineNumbers
    from leakkit.config import Config
    from leakkit.findings.whatif import Costs
    from leakkit.measures.age_counts import StayCounts
    from leakkit.measures.horizons import Days
    from leakkit.measures.stage_results import Learnt
    from leakkit.measures.survival import Curve
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
        return find_costs(self.counts, self.pipelines, self.stays, self.ages)

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

    def of_stage(self, query: str, stage: int) -> pd.DataFrame:
        """Return what a query says of one stage."""
        if query not in self._by_stage:
            self._by_stage[query] = dict(taken.groups(self.rows(query), ["stage"]))
        found = self._by_stage[query].get((stage,))
        return self.rows(query).iloc[:0] if found is None else found

    @cached_property
    def _rows(self) -> dict[str, pd.DataFrame]:
        """The rows by the query; those that were looked at."""
        return {}

    @cached_property
    def _by_stage(self) -> dict[str, dict[tuple[int, ...], pd.DataFrame]]:
        """The rows of each stage, by the query; those that were looked at."""
        return {}

    def stay(self, stage: int, visits: int = learning.FIRST) -> StayCounts:
        """Return the stays of one stage on the days that are read."""
        key = (learning.ALL, self.number, stage, visits)
        return self.batch.stays.get(key, learning.NO_VISITS)

    def seen_stay(self, stage: int) -> StayCounts:
        """Return the stays of the visits that the curve of a stage is made of."""
        first = self.stay(stage)
        return first if self.visits == "first" else first + self.stay(stage, learning.AGAIN)

    def clusters(self, part: int, stage: int) -> pd.DataFrame | None:
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


def whole_sum(column: pd.Series[float]) -> int:
    """Add up whole numbers that a frame may hold as floats."""
    return sum(int(value) for value in column)


def choose_late(standing: pd.DataFrame) -> pd.DataFrame:
    """Return the open deals that are late, by the visit or by the whole deal."""
    return standing[(standing["visit_late"] == 1) | (standing["deal_late"] == 1)]


def curve_of(counts: PipelineCounts, stage: int, more: StayCounts = learning.NO_VISITS) -> Curve:
    """Return the curve of first visits, or of all, under the skip policy; `more` are added."""
    last = counts.pipeline.is_last(stage)
    stay = counts.seen_stay(stage) if more is learning.NO_VISITS else counts.seen_stay(stage) + more
    if counts.policy == "reached":
        first, end = (day * counts.pipeline.per_day for day in counts.read_days)
        implied = counts.of_stage(queries.REACHED, stage)
        stay = stage_results.reached_counts(stay, implied, first, end)
    return stay.curve(counts.policy, last_stage=last)
