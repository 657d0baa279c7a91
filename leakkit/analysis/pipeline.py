"""One pipeline from its counts: every number of its page, computed once."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING

from leakkit.analysis import learning
from leakkit.analysis.deferred import DeferredPipeline, DeferredStage, settled
from leakkit.analysis.results import DataNotes
from leakkit.measures import balance, route, stages, survival
from leakkit.measures import counts as taken
from leakkit.store import queries, schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from leakkit.analysis.learning import Asked
    from leakkit.analysis.results import PipelineAnalysis
    from leakkit.config import Config
    from leakkit.findings.costs import Costs
    from leakkit.measures.balance import Month, StageBalance
    from leakkit.measures.counts import StayCounts
    from leakkit.measures.route import Route
    from leakkit.measures.stages import Learnt, StageResult
    from leakkit.measures.survival import Curve, Horizon, Share
    from leakkit.measures.windows import Days
    from leakkit.store.counts import Counts

FRAMES = {
    "totals": queries.TOTALS,
    "ends": queries.ENDS_BY_STAGE,
    "standing": queries.STANDING,
    "cohort": queries.COHORT,
    "wins": queries.WINS,
    "journey": queries.JOURNEY,
    "reopened": queries.REOPENED,
    "skipped": queries.SKIPPED,
    "clicked": queries.CLICKED_THROUGH,
    "reached": queries.REACHED,
    "started": queries.STARTED,
    "outcomes": queries.OUTCOMES,
    "flows": queries.FLOWS,
}
POLICIES = ("observed", "reached", "strict")


@dataclass(frozen=True)
class Material:
    """The counts of one pipeline, or of some of its deals.

    `stays` by (window, stage, visits), `clusters` by (part, stage). What is counted of a
    part is read at the ages of the `whole` pipeline. `days` are those that the curves are
    read on, [first, end), where they are not the whole history.
    """

    asked: Asked
    config: Config
    last_day: int
    stays: Mapping[tuple[int, int, int], StayCounts]
    learnt: tuple[Learnt, ...]
    clusters: Mapping[tuple[int, int], pd.DataFrame]
    frames: Mapping[str, pd.DataFrame]
    decided: learning.Decided
    costs: Costs | None = None
    policy: str = "observed"
    whole: PipelineAnalysis | None = None
    days: Days | None = None
    visits: str = "first"

    @property
    def read_days(self) -> Days:
        """The days on which the curves are read."""
        return self.days or (self.asked.windows.start_day, self.asked.windows.end_day)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the stages, in order."""
        return tuple(stage.name for stage in self.asked.rules.stages)

    def stay(self, stage: int, visits: int = learning.FIRST) -> StayCounts:
        """Return the counts of one stage over the whole history."""
        return self.stays.get((learning.ALL, stage, visits), learning.NO_VISITS)

    def seen(self, stage: int) -> StayCounts:
        """Return the counts of the visits that the curve of a stage is made of."""
        first = self.stay(stage)
        return first if self.visits == "first" else first + self.stay(stage, learning.AGAIN)

    @cached_property
    def _split(self) -> dict[str, dict[tuple[int, ...], pd.DataFrame]]:
        """The rows of each stage, by the name of the counts; those that were looked at."""
        return {}

    def of_stage(self, frame: str, stage: int) -> pd.DataFrame:
        """Return the rows of one stage."""
        rows = self.frames[frame]
        if frame not in self._split:
            self._split[frame] = dict(taken.groups(rows, ["stage"]))
        return self._split[frame].get((stage,), rows.iloc[:0])


def collect(  # noqa: PLR0913, PLR0917 - the steps before it
    counts: Counts,
    config: Config,
    asked: list[Asked],
    stays: Mapping[tuple[int, ...], StayCounts],
    learnt: Mapping[tuple[int, int], Learnt],
    costs: Mapping[int, Costs],
) -> tuple[Material, ...]:
    """Read what is left to count, of every pipeline."""
    clusters = learning.find_clusters(counts, asked, learning.reading_parts(asked, learnt))
    frames = {name: counts.ask(query) for name, query in FRAMES.items()}
    split = {name: dict(taken.groups(frame, ["pipeline"])) for name, frame in frames.items()}
    decided = learning.find_decided(counts)
    return tuple(
        Material(
            asked=one,
            config=config,
            last_day=counts.last_day,
            stays={(k[0], k[2], k[3]): v for k, v in stays.items() if k[1] == one.number},
            learnt=tuple(learnt[one.number, s] for s in range(len(one.rules.stages))),
            clusters={(k[0], k[2]): v for k, v in clusters.items() if k[1] == one.number},
            frames={f: split[f].get((one.number,), frames[f].iloc[:0]) for f in frames},
            decided=decided.get(one.number, learning.UNDECIDED),
            policy=config.comparison.skip_policy,
            costs=costs.get(one.number),
        )
        for one in asked
    )


def deferred(material: Material) -> PipelineAnalysis:
    """Build one pipeline, whose numbers are found when they are read."""
    return _build(material)


def build(material: Material) -> PipelineAnalysis:
    """Build one pipeline, with every number found."""
    return settled(_build(material))


def _build(material: Material) -> PipelineAnalysis:
    """Build one pipeline, whose numbers are found when they are read."""
    rules = material.asked.rules

    @cache
    def flows() -> dict[str, balance.Flows]:
        return _checked_flows(material)

    @cache
    def balances() -> tuple[StageBalance, ...]:
        return balance.stage_balances(flows()["n"])

    @cache
    def balances_value() -> tuple[StageBalance, ...]:
        return balance.stage_balances(flows()["total"])

    def late(column: str) -> int:
        standing = material.frames["standing"]
        return _sum(standing[column][(standing["visit_late"] == 1) | (standing["deal_late"] == 1)])

    return DeferredPipeline(
        {
            "name": lambda: rules.name,
            "unit": lambda: rules.unit,
            "unit_per_day": lambda: rules.unit_per_day,
            "currency": lambda: material.config.currency,
            "windows": lambda: material.asked.windows,
            "stages": lambda: tuple(_stage(material, stage) for stage in range(len(rules.stages))),
            "balances": balances,
            "balances_value": balances_value,
            "balance": lambda: balance.with_overdue(
                balance.pipeline_balance(balances()), late("n")
            ),
            "balance_value": lambda: balance.with_overdue(
                balance.pipeline_balance(balances_value()), late("total")
            ),
            "months": lambda: _months(material, flows()),
            "pipe": lambda: _pipe(material, "n"),
            "pipe_value": lambda: _pipe(material, "total"),
            "route": lambda: _route(material),
            "opportunities": lambda: _sum(material.frames["outcomes"]["n"]),
            "losing_order": lambda: _losing_orders(material),
            "skip_policy": lambda: material.policy,
            "notes": lambda: _notes(material),
            "costs": lambda: None if material.whole else material.costs,
        }
    )


def _checked_flows(material: Material) -> dict[str, balance.Flows]:
    """Return the flows in deals and in money, which close, or the run fails."""
    flows = {column: _flows(material, column) for column in ("n", "total")}
    for column, flow in flows.items():
        balance.check(f"{material.asked.rules.name} ({column})", flow)
    return flows


def _sum(column: pd.Series[float]) -> int:
    """Add up whole numbers that a frame may hold as floats."""
    return sum(int(value) for value in column)


def _stage(material: Material, stage: int) -> StageResult:
    """Build the row of one stage, whose numbers are found when they are read."""
    learnt = material.learnt[stage]

    @cache
    def curve() -> Curve:
        return curve_of(material, stage)

    @cache
    def readings() -> stages.Readings:
        return _readings(material, stage, curve())

    @cache
    def exits() -> stages.Exits:
        return _exits(totals())

    @cache
    def totals() -> pd.DataFrame:
        return material.of_stage("totals", stage)

    def deals() -> int:
        return _sum(totals()["first_visits"])

    @cache
    def chance() -> tuple[Share, Horizon, int]:
        return _chance_to_win(material, stage)

    def counted(frame: str) -> int:
        return _sum(material.of_stage(frame, stage)["n"])

    def by_cluster(part: int) -> pd.DataFrame | None:
        return material.clusters.get((part, stage))

    return DeferredStage(
        {
            "stage": lambda: stage,
            "name": lambda: material.names[stage],
            "kind": lambda: material.asked.rules.stages[stage].kind,
            "opportunities": deals,
            "first_visits": deals,
            "exits": exits,
            "overdue": lambda: _overdue(material, stage),
            "jumped_over": lambda: counted("skipped"),
            "reopened_in": lambda: counted("reopened"),
            "horizon": lambda: learnt.horizon,
            "expected": lambda: learnt.expected,
            "followed": lambda: readings().followed,
            "advance": lambda: readings().advance,
            "lost": lambda: readings().lost,
            "returned": lambda: readings().returned,
            "stalled": lambda: readings().stalled,
            "went_overdue": lambda: readings().went_overdue,
            "won_from_here": lambda: chance()[0],
            "won_horizon": lambda: chance()[1],
            "lost_any_visit": lambda: stages.lost_any_visit(
                material.stay(stage) + material.stay(stage, learning.AGAIN),
                by_cluster(learning.ANY_VISIT),
                learnt.horizon,
            ),
            "lost_by_value": lambda: stages.lost_by_value(
                material.stay(stage), by_cluster(learning.BY_VALUE), learnt.horizon
            ),
            "median": lambda: survival.quantile_age(curve(), 0.5),
            "p90": lambda: survival.quantile_age(curve(), 0.9),
            "mean": lambda: _mean(curve(), learnt.horizon),
            "in_the_end": lambda: _in_the_end(material.of_stage("ends", stage)),
            "value_entered": lambda: _sum(totals()["total"]),
            "value_lost": lambda: _sum(totals()["total"][totals()["exit"] == schema.LOST_HERE]),
            "value_overdue": lambda: _sum(_late(material, stage)["total"]),
            "wins_after_loss": lambda: chance()[2],
            "clicked_through_share": lambda: counted("clicked") / max(exits().entered, 1),
            "left_after_curves": lambda: _sum(totals()["after_curves"]),
            "curve": curve,
        }
    )


def _readings(material: Material, stage: int, curve: Curve) -> stages.Readings:
    """Read the shares of a stage off its curve."""
    learnt = material.learnt[stage]
    has_baseline = material.asked.windows.baseline is not None
    readings = stages.read(curve, learnt, has_baseline=has_baseline)
    if material.visits == "first":
        return readings
    clusters = material.clusters.get((learning.ANY_VISIT, stage))
    return stages.read_all_visits(readings, learnt, clusters)


def curve_of(material: Material, stage: int) -> Curve:
    """Return the curve of a stage, under the policy of the analysis."""
    return _curve(material, stage, material.policy)


def _curve(material: Material, stage: int, policy: str) -> Curve:
    """Return the curve of first visits, or of all, under a skip policy."""
    last = stage == len(material.names) - 1
    stay = material.seen(stage)
    if policy == "reached":
        first, end = (day * material.asked.per_day for day in material.read_days)
        stay = stages.reached_counts(stay, material.of_stage("reached", stage), first, end)
    return survival.aalen_johansen(stay.table(policy, last_stage=last))


def _losing_orders(material: Material) -> dict[str, tuple[int, ...]]:
    """Return the stages by their lost share of first visits, under each skip policy."""
    material = replace(material, visits="first")
    return {
        policy: stages.losing_order(
            [
                survival.share_at(_curve(material, stage, policy), ("lost",), learnt.horizon.age)
                for stage, learnt in enumerate(material.learnt)
            ]
        )
        for policy in POLICIES
    }


def _exits(totals: pd.DataFrame) -> stages.Exits:
    """Return how all passages of a stage ended."""
    found = {int(e): int(n) for e, n in zip(totals["exit"], totals["n"], strict=True)}
    return stages.Exits(**{name: found.get(e, 0) for e, name in enumerate(schema.EXITS)})


def _late(material: Material, stage: int) -> pd.DataFrame:
    """Return the open deals of a stage that are late, by the visit or by the whole deal."""
    rows = material.of_stage("standing", stage)
    return rows[(rows["visit_late"] == 1) | (rows["deal_late"] == 1)]


def _overdue(material: Material, stage: int) -> int | None:
    """Count the open deals past their time; None where nothing says what their time is."""
    judged = material.learnt[stage].expected.age is not None
    if not judged and material.asked.rules.expected_days is None:
        return None
    return _sum(_late(material, stage)["n"])


def _chance_to_win(material: Material, stage: int) -> tuple[Share, Horizon, int]:
    """Return the chance to win from a stage, its horizon, and the wins that came after a loss."""
    rows = material.of_stage("wins", stage).assign(total=0)
    arrived = rows["arrives"] == 1
    later = _sum(rows["won_later"][~arrived])
    counted = taken.stays_by_group(rows, ["stage"]).get((stage,), learning.NO_VISITS)
    horizon = material.whole.stages[stage].won_horizon if material.whole else None
    hours = material.asked.per_day > 1
    return *stages.chance_to_win(counted, hours=hours, horizon=horizon), later


def _mean(curve: Curve, horizon: Horizon) -> tuple[float, float] | None:
    """Return the mean stay up to the horizon and its standard error."""
    if horizon.age is None or survival.followed(curve, horizon.age) < survival.MIN_FOLLOWED:
        return None
    return survival.restricted_mean(curve, horizon.age)


def _in_the_end(rows: pd.DataFrame) -> stages.InTheEnd:
    """Return what became of the deals that were ever in a stage."""
    exit_, here, n = rows["exit"], rows["here"] == 1, rows["n"]
    lost = exit_ == schema.LOST_HERE
    return stages.InTheEnd(
        won=_sum(n[exit_ == schema.WON_HERE]),
        lost_here=_sum(n[lost & here]),
        lost_elsewhere=_sum(n[lost & ~here]),
        open=_sum(n[exit_ == schema.OPEN]),
        moved=_sum(n[exit_ == schema.MOVED]),
    )


def _flows(material: Material, column: str) -> balance.Flows:
    """Arrange the flows of the pipeline by month, up to that of the last used day or entry."""
    rows = material.frames["flows"]
    start, end = (
        learning.day_of(day) for day in (material.asked.first_calendar_day, material.last_day)
    )
    months = (end.year - start.year) * 12 + end.month - start.month
    periods = max([months, *rows["period"]]) + 1
    return balance.collect_flows(rows, len(material.names), periods, column)


def _months(material: Material, flows: Mapping[str, balance.Flows]) -> tuple[Month, ...]:
    """Return the balance of every calendar month since the pipeline's first day."""
    first = learning.day_of(material.asked.windows.first_day)
    start = learning.day_of(material.asked.first_calendar_day).replace(day=1)
    months = []
    for period in range(flows["n"].entries.shape[2]):
        day = _later_month(start, period)
        following = _later_month(start, period + 1)
        if following <= first:
            continue
        count, value = (
            balance.pipeline_balance(balance.stage_balances(flows[c], period, period + 1))
            for c in ("n", "total")
        )
        whole = first <= day and learning.number_of(following) <= material.last_day + 1
        months.append(balance.Month(learning.number_of(day), count, value, whole))
    return tuple(months)


def _later_month(start: dt.date, months: int) -> dt.date:
    """Return the first day of the month so many months later."""
    total = start.year * 12 + start.month - 1 + months
    return dt.date(total // 12, total % 12 + 1, 1)


def _pipe(material: Material, column: str) -> balance.Pipe:
    """Assemble the picture of the pipe, in deals or in money."""
    age = material.whole.pipe.mature_days if material.whole else material.decided.settled.age
    return balance.collect_pipe(
        material.frames["cohort"],
        material.names,
        age,
        material.last_day + 1 - int(age or 0),
        material.last_day,
        column=column,
    )


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
        without_value=_sum(rows["without_value"]),
        zero_value_lost=_sum(lost["zero_value"]),
        without_reason_lost=_sum(lost["without_reason"]),
        started_in_middle=_sum(started["n"][new & (started["stage"] > 0)]),
        closes=_sum(totals["n"][closes]),
        reopened=_sum(started["n"][started["entry"] == schema.REOPENED]),
    )
