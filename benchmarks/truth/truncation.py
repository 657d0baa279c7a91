"""Rows 4 and 5: a history that begins late is recognised, and a whole one is left alone."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from benchmarks.truth.record import Mean, Record
from benchmarks.truth.worlds import SOON, first_visits, load_seller, lost_share
from leakkit.analysis.learning import find_windows, number_of
from leakkit.sample import PipelinePlan, Plan, Sample, StagePlan, make
from leakkit.store.count_requests import Counts

if TYPE_CHECKING:
    from leakkit.measures.horizons import Windows
    from leakkit.store import Store

FIRST = dt.date(2025, 1, 1)
MISSING_DAYS = 90
BEGINS = FIRST + dt.timedelta(days=MISSING_DAYS)
"""The export holds no deal that was closed before this day."""
AS_OF = FIRST + dt.timedelta(days=449)
DEALS = 1_350
WINDOW_DAYS = 180


def seller(stages: int = 1, dwell_days: float = 40.0, shape: float = 1.2) -> Plan:
    """Plan constant rates; the first stages lose few and are short."""
    before = tuple(
        StagePlan(f"Step {n}", lost_share=0.1, returned_share=0, dwell_days=10)
        for n in range(1, stages)
    )
    talks = StagePlan(
        "Talks", lost_share=0.35, returned_share=0, dwell_days=dwell_days, dwell_shape=shape
    )
    line = PipelinePlan(
        "Deals", stages=(*before, talks), skip_share=0, middle_start_share=0, reopen_share=0,
        stuck_share=0,
    )  # fmt: skip
    return Plan(
        pipelines=(line,), start=FIRST.isoformat(), as_of=AS_OF.isoformat(), timezone="UTC",
        work_days_per_week=7,
    )  # fmt: skip


def without_early_closes(made: Sample) -> Sample:
    """Leave out the deals that were closed before the export begins."""
    deals = made.opportunities
    kept = deals[deals["closed_at"].isna() | (deals["closed_at"] >= BEGINS.isoformat())]
    history = made.stage_history
    rows = history[history["opportunity_id"].isin(kept["opportunity_id"])]
    return Sample(kept.reset_index(drop=True), rows.reset_index(drop=True), made.config, made.truth)


def windows_of(store: Store) -> Windows:
    """Return where leakkit lets the only pipeline begin."""
    return find_windows(Counts.of(store), store.config)[0].windows


@dataclass(frozen=True)
class Truncated:
    """One source cut and whole: where each was found to begin, and shares with and without that.

    `with_rule` and `without_rule` are first window minus last window; `whole` is the
    share over all days minus that of the same data not truncated.
    """

    called: bool
    called_whole: bool
    days_off: int
    with_rule: float
    without_rule: float
    whole_with_rule: float
    whole_without_rule: float


@cache  # rows 4 and 5 read the same sources
def truncate(seed: int) -> Truncated:
    """Simulate one source, take the early closes out, and read it."""
    made = make(DEALS, seed=seed, plan=seller())
    first, end = number_of(FIRST), number_of(AS_OF) + 1
    with load_seller(without_early_closes(made)) as store:
        found = windows_of(store)
        start = found.start_day
        cut = _lost_shares(store, [(start, start + WINDOW_DAYS), (first, first + WINDOW_DAYS),
                            (end - WINDOW_DAYS, end), (start, end), (first, end)])  # fmt: skip
    with load_seller(made) as store:
        called_whole = windows_of(store).history_origin == "detected"
        (whole,) = _lost_shares(store, [(first, end)])
    return Truncated(
        called=found.history_origin == "detected",
        called_whole=called_whole,
        days_off=start - number_of(BEGINS),
        with_rule=cut[0] - cut[2],
        without_rule=cut[1] - cut[2],
        whole_with_rule=cut[3] - whole,
        whole_without_rule=cut[4] - whole,
    )


def _lost_shares(store: Store, spans: list[tuple[int, int]], stage: int = 0) -> list[float]:
    """Return the lost share of a stage in each window."""
    stays = first_visits(store, spans)
    return [lost_share(stays[part, stage], SOON) for part in range(len(spans))]


def is_called(seed: int, plan: Plan) -> bool:
    """Say whether a whole history is taken for one that begins late."""
    with load_seller(make(DEALS, seed=seed, plan=plan)) as store:
        return windows_of(store).history_origin == "detected"


def history_start_is_found(seed: int = 0, runs: int = 200, stages_runs: int = 20) -> Record:
    """Row 4: the first close is recorded 90 days after the first entry."""
    found = [truncate(seed + run) for run in range(runs)]
    near = sum(one.called and abs(one.days_off) <= 3 for one in found)
    with_rule = Mean.of(one.with_rule for one in found)
    without = Mean.of(one.without_rule for one in found)
    return Record(
        f"first close recorded {MISSING_DAYS} days after the first entry, constant rates",
        "history_start found within 3 days; first against last window: mean difference within 2 "
        "standard errors of 0; without the rule it is not",
        f"found within 3 days in {near} of {runs}; mean difference {with_rule}; without the rule "
        f"{without}",
        runs,
        near == runs and with_rule.is_zero() and not without.is_zero(),
        (_notes(found), _several_stages(seed, stages_runs)),
    )


def _notes(found: list[Truncated]) -> str:
    """Say how the row was simulated and what the rule does to the whole history."""
    return (
        f"One stage, gamma stays of 40 days, {DEALS / 450:g} deals a day for 450 days; deals "
        f"closed in the first {MISSING_DAYS} days are taken out. Shares lost within {SOON} days, "
        f"windows of {WINDOW_DAYS} days; without the rule the first window begins with the first "
        "entry. Over all days the share differs from that of the data before they were cut by "
        f"{Mean.of(one.whole_with_rule for one in found)} with the rule and "
        f"{Mean.of(one.whole_without_rule for one in found)} without it."
    )


@dataclass(frozen=True)
class SeveralStages:
    """The same cut in a pipeline of three stages: is it seen, and what does it do?"""

    called: bool
    first_against_last: float
    whole: float


def truncate_stages(seed: int) -> SeveralStages:
    """Cut a source of three stages and read the last of them, as leakkit does."""
    made = make(DEALS, seed=seed, plan=seller(stages=3))
    end = number_of(AS_OF) + 1
    with load_seller(without_early_closes(made)) as store:
        found = windows_of(store)
        start = found.start_day
        spans = [(start, start + WINDOW_DAYS), (end - WINDOW_DAYS, end), (start, end)]
        cut = _lost_shares(store, spans, 2)
    with load_seller(made) as store:
        (whole,) = _lost_shares(store, [(start, end)], 2)
    called = found.history_origin == "detected"
    return SeveralStages(called, cut[0] - cut[1], cut[2] - whole)


def _several_stages(seed: int, runs: int) -> str:
    """Say how often the rule sees the same in a pipeline of three stages."""
    found = [truncate_stages(seed + run) for run in range(runs)]
    return (
        "The same cut in a pipeline of three stages, whose kept deals bring their early moves "
        f"along: called in {sum(one.called for one in found)} of {runs}; lost share of the last "
        f"stage, first against last window {Mean.of(one.first_against_last for one in found)}, "
        f"over all days {Mean.of(one.whole for one in found)} against the data before they were "
        "cut."
    )


def whole_history_is_left_alone(seed: int = 0, runs: int = 200) -> Record:
    """Row 5: the same data, not truncated, are not called."""
    called = sum(truncate(seed + run).called_whole for run in range(runs))
    late = seller(dwell_days=120.0, shape=20.0)
    few = max(runs // 4, 1)
    called_late = sum(is_called(seed + run, late) for run in range(few))
    called_stages = sum(is_called(seed + run, seller(stages=3)) for run in range(few))
    note = (
        "Also with stays of which none is short (gamma, mean 120 days, shape 20, so that the "
        f"first close is truly about two months after the first entry): called in "
        f"{called_late} of {few}; and in a pipeline of three stages: called in {called_stages} of "
        f"{few}."
    )
    return Record(
        "the same data, not truncated",
        "history_start not called in any run",
        f"called in {called} of {runs}",
        runs + 2 * few,
        called == called_late == called_stages == 0,
        (note,),
    )
