"""Every number of a pipeline and of its stages, found when it is first read.

A new number is a query, in the store, and a property here.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from leakkit.analysis import learning
from leakkit.analysis.counts import (
    curve_of,
    find_flows,
    find_months,
    find_pipe,
    find_route,
    sum_late,
    whole_sum,
)
from leakkit.analysis.coverage import find_data_notes, find_last_stages, find_present
from leakkit.analysis.scope import POLICIES
from leakkit.analysis.snapshot import Numbers
from leakkit.config import fold_name
from leakkit.guards import find_spelling
from leakkit.measures import balance, horizons, stage_results, survival
from leakkit.page.style import facts_table
from leakkit.store import deal_queries, queries, schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from leakkit.analysis.counts import PipelineCounts
    from leakkit.analysis.coverage import DataNotes
    from leakkit.findings.whatif import Costs
    from leakkit.measures.age_counts import Columns
    from leakkit.measures.balance import Flows, Month, Pipe, PipelineBalance, StageBalance
    from leakkit.measures.horizons import Days, Horizon, Windows
    from leakkit.measures.present_state import LastStage, Present
    from leakkit.measures.route import Route
    from leakkit.measures.survival import Curve, Share

SHOWN_DOORS = ("next", "jumped", "won_here", "returned", "lost", "moved", "open")
SHOWN_SHARES = ("advance", "lost", "returned", "stalled", "went_overdue", "won_from_here")


class StageNumbers(Numbers):
    """All that is known of one stage.

    Ages and days are in the pipeline's unit of stay (see `unit_per_day` of the
    pipeline); values are whole minor units of the currency.
    """

    _counts: PipelineCounts
    _stage: int

    @classmethod
    def count(cls, counts: PipelineCounts, stage: int) -> StageNumbers:
        """Return the numbers of a stage from the counts of its pipeline."""
        return cls.of(_counts=counts, _stage=stage)

    def __repr__(self) -> str:
        """Return what becomes of its deals, in one line: all numbers would fill a screen."""
        entered, lost = self.exits.entered, self.exits.lost
        return f"<Stage {self.name!r}: {entered:,} entered, {lost:,} lost: {self.lost}>"

    def _repr_html_(self) -> str:
        """Return its doors and its shares, for a notebook."""
        doors = [(name, getattr(self.exits, name)) for name in SHOWN_DOORS]
        shares = [(f"{name} share", str(getattr(self, name))) for name in SHOWN_SHARES]
        return facts_table(("of those who entered", self.name), [*doors, *shares])

    # what it is, and at which ages it is read

    @cached_property
    def stage(self) -> int:
        """Its position."""
        return self._stage

    @cached_property
    def name(self) -> str:
        """Its name."""
        return self._counts.names[self.stage]

    @cached_property
    def kind(self) -> str:
        """Its kind, as it is declared."""
        return self._counts.pipeline.rules.stages[self.stage].kind

    @cached_property
    def horizon(self) -> Horizon:
        """The age at which shares are read."""
        return self._counts.ages[self.stage].horizon

    @cached_property
    def expected(self) -> Horizon:
        """The age after which an open deal is late."""
        return self._counts.ages[self.stage].expected

    # what is counted

    def _rows(self, query: str) -> Columns:
        """Return what a query says of the stage."""
        return self._counts.of_stage(query, self.stage)

    @cached_property
    def first_visits(self) -> int:
        """First visits."""
        return whole_sum(self._rows(queries.TOTALS)["first_visits"])

    @cached_property
    def opportunities(self) -> int:
        """Deals that were in it: as many as first visits."""
        return self.first_visits

    @cached_property
    def exits(self) -> stage_results.Exits:
        """How all passages ended."""
        return stage_results.Exits.of(self._rows(queries.TOTALS))

    @cached_property
    def clicked_through_share(self) -> float:
        """Which share of its passages stands in chains of passages of no day."""
        chained = whole_sum(self._rows(queries.CLICKED_THROUGH)["n"])
        return chained / max(self.exits.entered, 1)

    @cached_property
    def left_after_curves(self) -> int:
        """Passages that were left after the last day of the curves."""
        return whole_sum(self._rows(queries.TOTALS)["after_curves"])

    @cached_property
    def value_entered(self) -> int:
        """The value of what entered."""
        return whole_sum(self._rows(queries.TOTALS)["total"])

    @cached_property
    def value_lost(self) -> int:
        """The value of what was lost."""
        rows = self._rows(queries.TOTALS)
        return whole_sum(rows["total"][rows["exit"] == schema.LOST_HERE])

    @cached_property
    def overdue(self) -> int | None:
        """Open deals past their time; None where nothing says what their time is."""
        if self.expected.age is None and self._counts.pipeline.rules.expected_days is None:
            return None
        return sum_late(self._rows(queries.STANDING), "n")

    @cached_property
    def value_overdue(self) -> int:
        """The value of the open deals past their time."""
        return sum_late(self._rows(queries.STANDING), "total")

    @cached_property
    def jumped_over(self) -> int:
        """Deals that jumped over it, or were won before it."""
        return whole_sum(self._rows(queries.SKIPPED)["n"])

    @cached_property
    def reopened_in(self) -> int:
        """Deals that came back into it after a close."""
        return whole_sum(self._rows(queries.REOPENED)["n"])

    @cached_property
    def in_the_end(self) -> stage_results.InTheEnd:
        """What became of the deals that were ever in it."""
        return stage_results.InTheEnd.of(self._rows(queries.ENDS_BY_STAGE))

    @property
    def crm_advance_ratio(self) -> float | None:
        """Advanced per entered, as a CRM shows it: open deals count as failures."""
        return self.exits.advanced / self.exits.entered if self.exits.entered else None

    @property
    def crm_loss_ratio(self) -> float | None:
        """Lost per advanced or lost, as a CRM shows it: open deals are forgotten."""
        closed = self.exits.advanced + self.exits.lost
        return self.exits.lost / closed if closed else None

    # what is read off its curve

    @cached_property
    def curve(self) -> Curve:
        """How first visits, or all, leave it with age."""
        return curve_of(self._counts, self.stage)

    @cached_property
    def _readings(self) -> stage_results.StageReadings:
        """The shares that are read off the curve."""
        counts, learnt = self._counts, self._counts.ages[self.stage]
        has_baseline = counts.pipeline.windows.baseline is not None
        return stage_results.read_stage(self.curve, learnt, has_baseline=has_baseline)

    @cached_property
    def _all_visits(self) -> stage_results.AllVisits:
        """What gives these shares their intervals, where they are of all visits."""
        clusters = self._counts.clusters(learning.ANY_VISIT, self.stage)
        return stage_results.AllVisits(self._counts.ages[self.stage], clusters)

    def _read(self, name: str) -> Share:
        """Return a share that is read off the curve, by its name."""
        share: Share = getattr(self._readings, name)
        if self._counts.visits == "first" or share.share is None:
            return share
        return self.lost_any_visit if name == "lost" else self._all_visits.redraw(name, share)

    @cached_property
    def followed(self) -> float | None:
        """How many are followed up to the horizon."""
        return self._readings.followed

    @cached_property
    def advance(self) -> Share:
        """The share that went forward within the horizon."""
        return self._read("advance")

    @cached_property
    def lost(self) -> Share:
        """The share that was lost within the horizon."""
        return self._read("lost")

    @cached_property
    def returned(self) -> Share:
        """The share that went back within the horizon."""
        return self._read("returned")

    @cached_property
    def stalled(self) -> Share:
        """The share that is still there at the horizon."""
        return self._read("stalled")

    @cached_property
    def went_overdue(self) -> Share:
        """The share that is still there at the expected age."""
        return self._read("went_overdue")

    @cached_property
    def median(self) -> Horizon:
        """The age by which half have left."""
        return horizons.quantile_age(self.curve, 0.5)

    @cached_property
    def p90(self) -> Horizon:
        """The age by which nine of ten have left."""
        return horizons.quantile_age(self.curve, 0.9)

    @cached_property
    def mean(self) -> tuple[float, float] | None:
        """The mean stay up to the horizon, and its standard error."""
        age = self.horizon.age
        if age is None or survival.count_followed(self.curve, age) < survival.MIN_FOLLOWED:
            return None
        return survival.restricted_mean(self.curve, age)

    @cached_property
    def lost_any_visit(self) -> Share:
        """The share of all visits that is lost within the horizon."""
        counts = self._counts
        every = counts.stay(self.stage) + counts.stay(self.stage, learning.AGAIN)
        clusters = counts.clusters(learning.ANY_VISIT, self.stage)
        return stage_results.lost_any_visit(every, clusters, self.horizon)

    @cached_property
    def lost_by_value(self) -> Share:
        """The share of the value of first visits that is lost within the horizon."""
        clusters = self._counts.clusters(learning.BY_VALUE, self.stage)
        return stage_results.lost_by_value(self._counts.stay(self.stage), clusters, self.horizon)

    @cached_property
    def _chance(self) -> tuple[Share, Horizon]:
        """The chance to win from here, and the age that it is read at."""
        return stage_results.chance_to_win(self._counts.until_closed(self.stage))

    @cached_property
    def won_from_here(self) -> Share:
        """The chance that a deal which enters it is won in the end."""
        return self._chance[0]

    @cached_property
    def won_horizon(self) -> Horizon:
        """The age at which this chance is read."""
        return self._chance[1]

    @cached_property
    def wins_after_loss(self) -> int:
        """Deals that were lost after it, and won later."""
        rows = self._rows(deal_queries.WINS)
        return whole_sum(rows["won_later"][rows["arrives"] != 1])


class PipelineNumbers(Numbers):
    """All that is known of one pipeline. Ages are in its unit of stay, money in minor units.

    `days` are those [first, end) that it is of, where it is not of the whole history.
    `unfollowed` are the deals without a history by the stage that their row names. Where
    only the present state of all deals is known, it is `present`, and the other numbers,
    which rest on passages, say nothing.
    """

    counts: PipelineCounts | None = None
    """What the numbers are made of, for further questions; not kept with them."""

    @classmethod
    def count(cls, counts: PipelineCounts) -> PipelineNumbers:
        """Return the numbers of a pipeline, or a part of one, from its counts."""
        return cls.of(counts=counts)

    def __repr__(self) -> str:
        """Return what it is, in one line: all numbers would fill screens."""
        names = ", ".join(stage.name for stage in self.stages)
        return f"<Pipeline {self.name!r}: {self.opportunities:,} deals; {names}>"

    def _repr_html_(self) -> str:
        """Return a line per stage, for a notebook."""
        heads = ("stage", "entered", "lost", "lost share", "overdue", "open")
        rows = [
            (
                one.name,
                one.exits.entered,
                one.exits.lost,
                str(one.lost),
                "" if one.overdue is None else one.overdue,
                one.exits.open,
            )
            for one in self.stages
        ]
        return facts_table(heads, rows)

    def __len__(self) -> int:
        """Return how many stages there are."""
        return len(self.stages)

    def __iter__(self) -> Iterator[StageNumbers]:
        """Yield the stages, in their order."""
        return iter(self.stages)

    def __contains__(self, name: object) -> bool:
        """Say whether there is a stage of a name, in whatever case."""
        return isinstance(name, str) and fold_name(name) in {fold_name(s.name) for s in self.stages}

    def __getitem__(self, name: str) -> StageNumbers:
        """Return one stage by its name; LeakkitError `no_stage` where there is none."""
        found = find_spelling("stage", name, [stage.name for stage in self.stages])
        return next(stage for stage in self.stages if stage.name == found)

    def deals(self, outcome: str) -> int:
        """Count the deals that are won, lost or open, with a history or without."""
        return sum(n for (said, _), n in self.notes.outcomes.items() if said == outcome)

    @property
    def _counts(self) -> PipelineCounts:
        """What the numbers are made of."""
        if self.counts is None:
            message = f"{type(self).__name__} was made without its counts."
            raise AttributeError(message)
        return self.counts

    # what it is, and which days are compared

    @cached_property
    def name(self) -> str:
        """Its name."""
        return self._counts.pipeline.rules.name

    @cached_property
    def unit(self) -> str:
        """The unit of stay: day or hour."""
        return self._counts.pipeline.rules.unit

    @cached_property
    def unit_per_day(self) -> int:
        """Units of stay in a day."""
        return self._counts.pipeline.per_day

    @cached_property
    def currency(self) -> str:
        """The currency of its values."""
        return self._counts.config.currency

    @cached_property
    def windows(self) -> Windows:
        """The days that are compared."""
        return self._counts.pipeline.windows

    @cached_property
    def skip_policy(self) -> str:
        """How skipped stages are read."""
        return self._counts.policy

    @cached_property
    def days(self) -> Days | None:
        """The days that it is of, where they are chosen."""
        return self._counts.days

    # its stages

    @cached_property
    def stages(self) -> tuple[StageNumbers, ...]:
        """What becomes of the deals in each stage."""
        counts = self._counts
        return tuple(StageNumbers.count(counts, stage) for stage in counts.pipeline.places)

    @cached_property
    def losing_order(self) -> Mapping[str, tuple[int, ...]]:
        """The stages by their lost share of first visits, under each skip policy."""
        first = replace(self._counts, visits="first")
        return {policy: _losing_order(replace(first, policy=policy)) for policy in POLICIES}

    # what came in, and what became of it

    @cached_property
    def _flows(self) -> Mapping[str, Flows]:
        """The flows in deals and in money, which close, or the run fails."""
        return find_flows(self._counts)

    @cached_property
    def balances(self) -> tuple[StageBalance, ...]:
        """The balance of every stage, in deals."""
        return balance.stage_balances(self._flows["n"], self._counts.opening_periods)

    @cached_property
    def balances_value(self) -> tuple[StageBalance, ...]:
        """The balance of every stage, in money."""
        return balance.stage_balances(self._flows["total"], self._counts.opening_periods)

    @cached_property
    def balance(self) -> PipelineBalance:
        """The balance of the pipeline, in deals."""
        return self._whole_balance(self.balances, "n")

    @cached_property
    def balance_value(self) -> PipelineBalance:
        """The balance of the pipeline, in money."""
        return self._whole_balance(self.balances_value, "total")

    def _whole_balance(self, each: tuple[StageBalance, ...], column: str) -> PipelineBalance:
        """Return the balance of the pipeline, and what of it is late."""
        overdue = sum_late(self._counts.rows(queries.STANDING), column)
        return balance.with_overdue(balance.pipeline_balance(each), overdue)

    @cached_property
    def months(self) -> tuple[Month, ...]:
        """The balance of every calendar month."""
        return find_months(self._counts, self._flows)

    # where deals go, each counted once

    @cached_property
    def pipe(self) -> Pipe:
        """The picture of the pipe, in deals."""
        return find_pipe(self._counts, "n")

    @cached_property
    def pipe_value(self) -> Pipe | None:
        """The picture of the pipe, in money."""
        return find_pipe(self._counts, "total")

    @cached_property
    def route(self) -> Route:
        """The whole way, up to the days by which deals are decided."""
        return find_route(self._counts)

    @cached_property
    def opportunities(self) -> int:
        """All its deals."""
        return whole_sum(self._counts.rows(deal_queries.OUTCOMES)["n"])

    @cached_property
    def costs(self) -> Costs | None:
        """What changes of its shares cost; None of a part."""
        return self._counts.costs

    # what the data do not say

    @cached_property
    def notes(self) -> DataNotes:
        """What the data could not say."""
        return find_data_notes(self._counts)

    @cached_property
    def unfollowed(self) -> tuple[LastStage, ...]:
        """The deals without a history, by the stage that they name."""
        return find_last_stages(self._counts)

    @cached_property
    def present(self) -> Present | None:
        """The present state, where no history is known."""
        return find_present(self._counts)


def _losing_order(counts: PipelineCounts) -> tuple[int, ...]:
    """Return the stages by their lost share."""
    curves = [curve_of(counts, stage) for stage in counts.pipeline.places]
    return stage_results.losing_order(curves, [learnt.horizon.age for learnt in counts.ages])
