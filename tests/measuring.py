"""What the tests of estimates share: an analysis, compared number by number.

The other side is tests/reference.py.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import pandas as pd
import pytest

from leakkit import analyze
from leakkit.analysis import learning
from leakkit.analysis.counts import curve_of
from leakkit.measures import age_counts, horizons, route, stage_results, survival
from leakkit.sources import load
from leakkit.store import deal_queries, relations, schema
from tests import generated
from tests import reference as ref
from tests.generated import write_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.analysis.counts import PipelineCounts
    from leakkit.analysis.numbers import StageNumbers
    from leakkit.measures.survival import Curve, RiskTable, Share
    from leakkit.sample import Sample
    from leakkit.store.database import Store
    from tests.generated import Source

MERGED = {"advanced": ref.ADVANCED}
KINDS = {"advanced": age_counts.ADVANCED, "lost": ("lost",), "returned": ("returned",)}
CLOSES = {"won": ("won_here",), "lost": ("lost",)}
POLICIES = ("observed", "reached", "strict")
EPOCH = dt.date(1970, 1, 1)


Frames = list[tuple[str, pd.DataFrame]]


def answers(store: Store) -> tuple[Frames, Analysis]:
    """Analyse a source; return every frame of counts that was asked for, and the analysis."""
    asked: Frames = []
    own: Callable[..., pd.DataFrame] = relations.Relations.count

    def keep(self: relations.Relations, query: str, tables: Any) -> pd.DataFrame:  # noqa: ANN401 - those of count
        frame = own(self, query, tables)
        asked.append((query, frame.copy()))
        return frame

    with mock.patch.object(relations.Relations, "count", keep):
        return asked, analyze(store)


def assert_alike(one: Frames, other: Frames) -> None:
    """Both asked the same, and were told the same, in values, types and order."""
    assert [query for query, _ in one] == [query for query, _ in other]
    for (query, frame), (_, another) in zip(one, other, strict=True):
        pd.testing.assert_frame_equal(frame, another, check_exact=True, obj=query)


@dataclass(frozen=True)
class Measured:
    """An analysis, and the counts that the numbers of each of its pipelines are made of."""

    analysis: Analysis
    counts: tuple[PipelineCounts, ...]

    def __iter__(self) -> Iterator[tuple[PipelineNumbers, PipelineCounts]]:
        """Yield each pipeline's results and counts."""
        return zip(self.analysis.pipelines, self.counts, strict=True)


def measure(store: Store, **how: Any) -> Measured:  # noqa: ANN401 - what analyze takes
    """Analyse a store, and keep the counts behind the numbers."""
    analysis = analyze(store, **how)
    return Measured(analysis, tuple(one.counts for one in analysis.pipelines if one.counts))


def disagreements(source: Source, folder: Path) -> list[str]:
    """Take a source both ways, and say in which numbers the two disagree."""
    write_source(source, folder)
    with load(folder) as store:
        return compare(measure(store), ref.resolve(*source), source[2])


def bundle(seeds: Iterable[int]) -> Source:
    """Return several generated sources as one, each with pipelines and deals of its own.

    They share the day of the snapshot and the zone of the first.
    """
    shared = generated.some_rules(Random(min(seeds)))  # noqa: S311 - for odd data
    deals: generated.RawRows = []
    history: generated.RawRows = []
    pipelines: list[ref.PipelineRules] = []
    for seed in seeds:
        own = generated.some_rules(Random(seed)).pipelines  # noqa: S311 - as above
        named = tuple(replace(one, name=f"{one.name} {seed}") for one in own)
        rules = replace(shared, pipelines=named)
        with mock.patch.object(generated, "some_rules", return_value=rules):
            its_deals, its_history, _ = generated.raw_source(seed, 6 + seed % 8)
        for row in (*(its_deals or []), *its_history):
            row["opportunity_id"] = row["opportunity_id"] and f"{seed}-{row['opportunity_id']}"
        deals, history = deals + (its_deals or []), history + its_history
        pipelines += named
    return deals, history, replace(shared, pipelines=tuple(pipelines))


def source_of(made: Sample, rules: ref.Rules) -> Source:
    """Return a simulated seller as raw rows (its times are UTC, like those of `rules`)."""
    deals = [
        {
            "opportunity_id": row.opportunity_id, "pipeline": row.pipeline, "stage": row.stage,
            "created_at": moment(row.created_at), "closed_at": moment(row.closed_at),
            "outcome": row.outcome, "value": round(row.value * 100),
        }
        for row in map(_any, made.opportunities.itertuples())
    ]  # fmt: skip
    history = [
        {
            "opportunity_id": row.opportunity_id, "pipeline": row.pipeline, "stage": row.stage,
            "entered_at": moment(row.entered_at), "from_stage": "", "seq": row.seq,
        }
        for row in map(_any, made.stage_history.itertuples())
    ]  # fmt: skip
    return deals, history, rules


def _any(row: Any) -> Any:  # noqa: ANN401 - a row of a frame has columns of its own
    """Return the row, of whose columns no type is known."""
    return row


def moment(given: Any) -> int | None:  # noqa: ANN401 - a timestamp or NaT
    """Return UTC seconds."""
    return None if pd.isna(given) else int(pd.Timestamp(given, tz="UTC").timestamp())


def compare(measured: Measured, found: ref.Resolved, rules: ref.Rules) -> list[str]:
    """Say in which numbers an analysis and the reference disagree."""
    faults = [
        fault
        for result, counts in measured
        for fault in Comparison(result, counts, found, rules).faults()
    ]
    seen = {p.pipeline for p in found.passages}
    analysed = {
        one.name for one in measured.analysis.pipelines if one.name in seen or one.present is None
    }
    return faults + [f"pipelines: {analysed} but {seen}"] * (analysed != seen)


def same(left: Any, right: Any) -> bool:  # noqa: ANN401 - numbers, arrays, and collections of them
    """Say whether two numbers, or collections of them, are the same but for rounding."""
    if left is None or right is None:
        return left is right
    if isinstance(left, np.ndarray):
        return bool(np.allclose(left, right, rtol=1e-9, atol=1e-11))
    if isinstance(left, float | Fraction) or isinstance(right, float | Fraction):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-11)
    return bool(left == right)


class Comparison:
    """One pipeline, both ways. `faults` runs every method whose name begins with `check_`."""

    def __init__(
        self,
        result: PipelineNumbers,
        counts: PipelineCounts,
        found: ref.Resolved,
        rules: ref.Rules,
    ) -> None:
        """Take the results, what they were made from, and the source as the reference reads it."""
        declared = ref.pipeline_rules(result.name, rules)
        assert declared is not None
        self.result, self.counts, self.found, self.rules = result, counts, found, rules
        self.declared = declared
        self.unit = declared.unit
        self.mine = [p for p in found.passages if p.pipeline == result.name]
        self.value = ref.values_of(found.deals)
        self.window: tuple[int, int] | None = None
        if result.windows.history_start is not None:
            self.window = (result.windows.start_day, result.windows.end_day)
        self.expected = {
            s.stage: None if s.expected.age is None else s.expected.age / result.unit_per_day
            for s in result.stages
        }
        self.found_faults: list[str] = []

    def faults(self) -> list[str]:
        """Run every check."""
        for name in dir(self):
            if name.startswith("check_"):
                getattr(self, name)()
        return self.found_faults

    def expect(self, what: str, engine: Any, reference: Any) -> None:  # noqa: ANN401 - any number
        """Note a disagreement."""
        if not same(engine, reference):
            self.found_faults.append(f"{self.result.name}: {what}: {engine} but {reference}")

    def visits(self, stage: int) -> list[ref.Passage]:
        """Return all visits of a stage."""
        return [p for p in self.mine if p.stage == stage]

    # ------------------------------------------------------------------------- counts

    def check_counts(self) -> None:
        overdue = ref.overdue_now(self.found, self.result.name, self.expected, self.rules)
        for row in self.result.stages:
            visits = self.visits(row.stage)
            ended = Counter(p.exit for p in visits)
            late = [p for p in visits if p.exit == "open" and p.opportunity_id in overdue]
            judged = self.expected[row.stage] is not None or self.declared.expected_days is not None
            for name in schema.EXITS:
                self.expect(f"{row.name} {name}", getattr(row.exits, name), ended[name])
            self.expect(f"{row.name} entered", row.exits.entered, len(visits))
            first = [p for p in visits if p.visit == 1]
            self.expect(f"{row.name} first visits", row.first_visits, len(first))
            deals = {p.opportunity_id for p in visits}
            self.expect(f"{row.name} opportunities", row.opportunities, len(deals))
            self.expect(f"{row.name} overdue", row.overdue, len(late) if judged else None)
            self.expect(f"{row.name} value overdue", row.value_overdue, self.worth(late))
            self.expect(f"{row.name} value entered", row.value_entered, self.worth(visits))
            lost = [p for p in visits if p.exit == "lost"]
            self.expect(f"{row.name} value lost", row.value_lost, self.worth(lost))
            back = {p.opportunity_id for p in visits if p.entry == "reopened"}
            self.expect(f"{row.name} reopened in", row.reopened_in, len(back))
            self.expect(f"{row.name} jumped over", row.jumped_over, len(self.jumpers(row.stage)))
        whole = self.result.balance
        self.expect("overdue", whole.overdue, len(overdue))
        self.expect("overdue and in time", whole.overdue + whole.in_time, whole.closing)  # type: ignore[operator]

    def worth(self, visits: list[ref.Passage]) -> int:
        """Return the value of some visits."""
        return sum(self.value(p.opportunity_id) for p in visits)

    def jumpers(self, stage: int) -> set[str]:
        """Return the deals that jumped over a stage, or were won before it."""
        return {p.opportunity_id for p in self.mine if p.stage < stage <= p.stage + p.skipped}

    def check_in_the_end(self) -> None:
        last = {p.opportunity_id: p for p in sorted(self.mine, key=lambda p: p.step)}
        for row in self.result.stages:
            ends = [last[p.opportunity_id] for p in self.visits(row.stage) if p.visit == 1]
            expected = stage_results.InTheEnd(
                won=sum(end.exit == "won_here" for end in ends),
                lost_here=sum(end.exit == "lost" and end.stage == row.stage for end in ends),
                lost_elsewhere=sum(end.exit == "lost" and end.stage != row.stage for end in ends),
                open=sum(end.exit == "open" for end in ends),
                moved=sum(end.exit == "moved" for end in ends),
            )
            self.expect(f"{row.name} in the end", row.in_the_end, expected)

    def check_clicked_through(self) -> None:
        chained: Counter[int] = Counter()
        for deal in ref.by_deal(self.mine).values():
            zero = [p.left_tick == p.entered_tick for p in deal]
            for here, p in enumerate(deal):
                beside = zero[max(here - 1, 0) : here] + zero[here + 1 : here + 2]
                chained[p.stage] += zero[here] and any(beside)
        for row in self.result.stages:
            share = chained[row.stage] / max(len(self.visits(row.stage)), 1)
            self.expect(f"{row.name} clicked through", row.clicked_through_share, share)
            if share > 0.3:
                self.expect(f"{row.name} E", row.expected.reason, "clicked_through")

    def check_notes(self) -> None:
        notes = self.result.notes
        closes = [p for p in self.mine if p.exit in ("won_here", "lost")]
        self.expect("closes", notes.closes, len(closes))
        reopened = [p for p in self.mine if p.entry == "reopened"]
        self.expect("reopened", notes.reopened, len(reopened))
        middle = [p for p in self.mine if p.entry == "new" and p.stage > 0]
        self.expect("started in the middle", notes.started_in_middle, len(middle))
        deals = [d for d in self.found.deals if d.pipeline == self.result.name]
        outcomes = Counter((d.outcome, d.has_history) for d in deals)
        self.expect("outcomes", dict(notes.outcomes), dict(outcomes))
        self.expect("opportunities", self.result.opportunities, len(deals))

    # ----------------------------------------------------------------------- balances

    def check_balances(self) -> None:
        days = (self.result.windows.first_day - 1, self.result.windows.end_day + 1)
        by_count = ref.balances(self.mine, days)
        by_value = ref.balances(self.mine, days, self.value)
        for row in self.result.balances:
            key = (self.result.name, row.stage)
            self.expect_fields(f"balance {row.stage}", by_count[0].get(key), row)
        if self.result.present is not None and self.result.name not in by_count[1]:
            return  # deals without a history have no balance to hold against another
        self.expect_fields("balance", by_count[1][self.result.name], self.result.balance)
        self.expect_fields("value", by_value[1][self.result.name], self.result.balance_value)

    def expect_fields(self, what: str, reference: Any, engine: Any) -> None:  # noqa: ANN401 - balances
        """Compare every field of the reference's; nothing in it is all zeros."""
        for name in (f.name for f in fields(reference or ref.StageBalance())):
            self.expect(f"{what} {name}", getattr(engine, name), getattr(reference, name, 0))

    def check_months(self) -> None:
        if self.result.present is not None:
            return  # as above
        for month in self.result.months:
            first = EPOCH + dt.timedelta(days=month.first_day)
            following = (first + dt.timedelta(days=32)).replace(day=1)
            days = (month.first_day, (following - EPOCH).days)
            for engine, weight in ((month.count, ref.one_each), (month.value, self.value)):
                balance = ref.balances(self.mine, days, weight)[1][self.result.name]
                self.expect_fields(f"{first:%Y-%m}", balance, engine)
        firsts = [month.first_day for month in self.result.months]
        ends = [p.entered_day for p in self.mine] + [p.left_day or 0 for p in self.mine]
        reaches = firsts[0] <= self.result.windows.first_day and firsts[-1] + 31 > max(ends)
        self.expect("the months hold all days", reaches, reference=True)

    # ------------------------------------------------------------------------- curves

    def check_curves(self) -> None:
        for row in self.result.stages:
            by_policy = {name: replace(self.counts, policy=name) for name in POLICIES}
            curves = {name: curve_of(each, row.stage) for name, each in by_policy.items()}
            for policy, curve in curves.items():
                if policy != "observed" and not any(p.skipped for p in self.mine):
                    observed = curves["observed"].table.at_risk
                    self.expect(f"{row.name} {policy}", curve.table.at_risk, observed)
                    continue
                seen = ref.policy(self.mine, policy, self.rules)
                first = [p for p in seen if p.stage == row.stage and p.visit == 1]
                self.expect_curve(f"{row.name} {policy}", curve, self.curve(first), KINDS)

    def curve(
        self,
        stays: Sequence[ref.Stay],
        window: tuple[int, int] | None = None,
        merged: Mapping[str, tuple[str, ...]] = MERGED,
    ) -> ref.Curve:
        """Return the reference's curve of some stays."""
        chosen = ref.risk_set(stays, window or self.window, self.rules.last_day, self.unit)
        return ref.aalen_johansen(chosen.at_risk, ref.merge_kinds(chosen.exits, merged))

    def expect_curve(
        self, what: str, engine: Curve, reference: ref.Curve, kinds: Mapping[str, tuple[str, ...]]
    ) -> None:
        """Compare y and d at every age; F, S and who was followed at some; variances at last."""
        self.expect_table(what, engine.table, reference, kinds)
        numbers = [ref.equivalent_entrants(reference, u) for u in range(reference.last_age + 2)]
        for age in some_ages(reference):
            at = survival.index_at(engine, age)
            staying = float(engine.staying[at])
            self.expect(f"{what} S({age})", staying, ref.survival_at(reference, age))
            least = min(number for number in numbers[: age + 1] if number is not None)
            self.expect(f"{what} followed {age}", survival.count_followed(engine, age), least)
            for kind, parts in kinds.items():
                share = float(survival.merge_doors(engine, parts)[at])
                self.expect(f"{what} {kind}({age})", share, ref.incidence_at(reference, kind, age))
        staying = float(survival.staying_variance(engine)[-1])
        last, together = reference.last_age, ref.any_exit(reference)
        self.expect(f"{what} Var S", staying, ref.variance(together, "any", last))
        for kind, parts in kinds.items():
            found = float(survival.greenwood(engine, parts)[-1])
            self.expect(f"{what} Var {kind}", found, ref.variance(reference, kind, last))

    def expect_table(
        self,
        what: str,
        table: RiskTable,
        reference: ref.Curve,
        kinds: Mapping[str, tuple[str, ...]],
    ) -> None:
        """Compare who is at risk at every age, and who leaves."""
        ages = np.arange(reference.last_age + 1)
        place = np.searchsorted(table.ages, ages, side="right") - 1
        y = np.array([reference.at_risk.get(int(age), 0) for age in ages])
        self.expect(f"{what} y", table.at_risk[place], y)
        for kind, parts in kinds.items():
            left = np.zeros(len(ages), np.int64)
            for part in parts:
                counted = table.exits.get(part, np.zeros(len(table.ages), np.int64))
                some = counted != 0
                np.add.at(left, table.ages[some], counted[some])
            counts = reference.exits.get(kind, {})
            self.expect(f"{what} d {kind}", left, np.array([counts.get(int(a), 0) for a in ages]))

    # ----------------------------------------------------- horizons, E, shares, days

    def check_learnt(self) -> None:
        pipeline = self.counts.pipeline
        for row in self.result.stages:
            stay = self.counts.batch.stays.get(
                (pipeline.sample, pipeline.number, row.stage, learning.FIRST)
            )
            first = [p for p in self.visits(row.stage) if p.visit == 1]
            curve = self.curve(first, pipeline.windows.baseline)
            learnt = survival.aalen_johansen((stay or learning.NO_VISITS).table())
            age = ref.expected_age(curve).age
            self.expect(
                f"{row.name} E", horizons.learn_expected(learnt, age_counts.ADVANCED).age, age
            )
            if row.expected.reason not in ("too_unsure", "clicked_through"):
                self.expect(f"{row.name} E kept", row.expected.age, age)
            horizon = ref.horizon(curve, row.expected.age, self.unit)
            self.expect(f"{row.name} h", row.horizon.age, horizon.h)
            self.expect(f"{row.name} q", horizons.settled_age(learnt).age, horizon.q)
            self.expect(f"{row.name} h reason", row.horizon.reason == "", horizon.h is not None)

    def check_shares(self) -> None:
        for row in self.result.stages:
            curve = self.curve([p for p in self.visits(row.stage) if p.visit == 1])
            h, e = row.horizon.age, row.expected.age
            for kind, share in (
                ("advanced", row.advance), ("lost", row.lost), ("returned", row.returned)
            ):  # fmt: skip
                read = None if h is None else ref.share_of(curve, kind, h)
                self.expect_share(f"{row.name} {kind}", share, read)
            self.expect_share(
                f"{row.name} stalled", row.stalled, None if h is None else ref.still_there(curve, h)
            )
            judged = e is not None and self.result.windows.baseline is not None
            overdue = ref.still_there(curve, e) if judged and e is not None else None
            self.expect_share(f"{row.name} went overdue", row.went_overdue, overdue)
            self.expect_days(row.name, row, curve)

    def expect_share(self, what: str, engine: Share, reference: ref.Share | None) -> None:
        """Compare a share and its interval; one that is not estimable is missing."""
        if reference is None or not reference.estimable:
            self.expect(what, engine.share, None)
            self.expect(f"{what} has a reason", engine.reason != "", reference=True)
            return
        self.expect(what, engine.share, reference.share)
        self.expect(f"{what} low", engine.low, min(reference.low, reference.share))
        self.expect(f"{what} high", engine.high, max(reference.high, reference.share))

    def expect_days(self, what: str, row: StageNumbers, curve: ref.Curve) -> None:
        """Compare median, 90 % and restricted mean."""
        for part, found in ((Fraction(1, 2), row.median), (Fraction(9, 10), row.p90)):
            ages = (u for u in range(curve.last_age + 1) if 1 - curve.survival[u] >= part)
            age = next(ages, None)
            known = age is not None and ref.count_followed(curve, age) >= 20
            self.expect(f"{what} {part} gone", found.age, age if known else None)
        h = row.horizon.age
        if row.mean is not None and h is not None:
            area = sum(ref.survival_at(curve, u) for u in range(int(h)))
            self.expect(
                f"{what} mean",
                row.mean[0],
                float(area) + (h % 1) * float(ref.survival_at(curve, h)),
            )

    # ------------------------------------------------ chance to win, creation, route

    def check_chance_to_win(self) -> None:
        everywhere = self.found.passages
        for row in self.result.stages:
            rows = pd.DataFrame(self.counts.of_stage(deal_queries.WINS, row.stage)).assign(total=0)
            stay = age_counts.stays_by_group(rows, ["stage"]).get((row.stage,), learning.NO_VISITS)
            engine = survival.aalen_johansen(stay.table())
            spells = ref.chance_to_win(everywhere, self.result.name, row.stage)
            curve = self.curve(spells, merged={})
            self.expect_curve(f"won from {row.name}", engine, curve, CLOSES)
            age, read = ref.in_the_end(curve, "won")
            self.expect(f"won from {row.name} age", row.won_horizon.age, age)
            self.expect_share(f"won from {row.name}", row.won_from_here, read)
            later = ref.wins_left_out(everywhere, self.result.name, row.stage)
            if self.window is None:
                self.expect(f"wins after loss {row.name}", row.wins_after_loss, later)

    def check_creation(self) -> None:
        spells = ref.from_creation(self.found, self.declared, self.rules)
        chosen = ref.risk_set(spells, self.window, self.rules.last_day, "day")
        curve = ref.aalen_johansen(chosen.at_risk, chosen.exits)
        horizon = ref.horizon(curve)
        decided = self.counts.decided
        self.expect("q from creation", decided.settled.age, horizon.q)
        self.expect("h from creation", decided.horizon.age, horizon.h)

    def check_pipe(self) -> None:
        engine = self.result.pipe
        until = engine.created_before_day - 1 if engine.mature else None
        if self.window is not None:
            return  # the cohort begins with the history, which the reference does not know
        found = ref.pipe(self.found, self.result.name, self.expected, self.rules, until)
        if engine.mature:
            age = self.counts.decided.settled.age
            self.expect(
                "mature", engine.created_before_day, self.rules.last_day + 1 - int(age or 0)
            )
        for name, reference in (
            ("entered", found.came_in), ("won", found.won), ("lost", found.lost),
            ("overdue", found.overdue), ("in_time", found.in_time), ("moved_aside", found.moved),
            ("without_history_aside", found.without_history),
        ):  # fmt: skip
            self.expect(f"pipe {name}", getattr(engine, name), reference)
        for stage, other in zip(engine.stages, found.stages, strict=True):
            self.expect_pipe_stage(stage, other)

    def expect_pipe_stage(self, engine: Any, reference: ref.PipeStage) -> None:  # noqa: ANN401
        """Compare one stage of the pipe."""
        for name, other in (
            ("width", reference.width), ("lost", reference.lost_here),
            ("overdue", reference.overdue_here), ("in_time", reference.in_time_here),
            ("back", reference.back_from_here), ("all_lost", reference.lost),
            ("all_overdue", reference.overdue), ("all_in_time", reference.in_time),
        ):  # fmt: skip
            self.expect(f"pipe {engine.stage} {name}", getattr(engine, name), other)

    def check_route(self) -> None:
        h = self.counts.decided.horizon.age
        if h is not None:
            self.expect("route limit", self.result.route.limit, h * self.result.unit_per_day)
        if self.window is not None:
            return  # the reference's route knows no delayed entry
        found = ref.route(self.mine_and_after(), self.declared, self.rules.last_day)
        if not found.occupancy:
            return
        count = len(self.result.stages)
        limit = float(max(found.occupancy))
        engine = route.follow(self.counts.rows(deal_queries.JOURNEY), count, limit)
        states: list[ref.State] = [*range(count), "won", "lost"]
        self.expect_occupancy("route", engine, found, states)
        self.expect_occupancy("route read", self.result.route, found, states)
        lost = np.array([found.lost_at[stage] for stage in range(count)])
        self.expect("losses", engine.lost_from, lost)
        self.expect("back from lost", engine.came_back, float(sum(found.back_from_lost.values())))
        days = np.array([ref.days_in_state(found, state, int(limit)) for state in states])
        self.expect("days in state", engine.days_in, days)

    def mine_and_after(self) -> list[ref.Passage]:
        """Return all passages of the deals that were ever in this pipeline."""
        ids = {p.opportunity_id for p in self.mine}
        return [p for p in self.found.passages if p.opportunity_id in ids]

    def expect_occupancy(
        self, what: str, engine: route.Route, found: ref.Route, states: list[ref.State]
    ) -> None:
        """Compare where the deals are."""
        last = max(found.occupancy)
        for age, shares in zip(engine.ages, engine.occupancy, strict=True):
            there = found.occupancy[min(int(age), last)]
            self.expect(f"{what} at {age}", shares, np.array([there[state] for state in states]))


def some_ages(curve: ref.Curve) -> list[int]:
    """Return a dozen ages: some at which the curve steps, the day before, and the end."""
    steps = sorted({age for ages in curve.exits.values() for age in ages})
    chosen = steps[:: 1 + len(steps) // 6]
    return sorted({0, *chosen, *(max(age - 1, 0) for age in chosen), curve.last_age + 1})


def approx(value: Any, digits: float = 1e-8) -> Any:  # noqa: ANN401 - pytest's own type
    """Return what is equal but for so much."""
    return pytest.approx(value, abs=digits, rel=0)
