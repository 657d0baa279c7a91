"""Row 6: losses that were re-opened stay losses on their day, and every balance closes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.truth.record import Mean, Record, share
from benchmarks.truth.worlds import SOON, first_visits, load_seller, lost_share
from leakkit.analysis import analyze
from leakkit.analysis.learning import number_of
from leakkit.sample import PipelinePlan, Plan, Sample, StagePlan, make

if TYPE_CHECKING:
    from leakkit.analysis import PipelineNumbers
    from leakkit.store import Store


FIRST, AS_OF = dt.date(2025, 1, 1), dt.date(2026, 6, 30)
WINDOW_DAYS = 180
DEALS = 1_600
SHARE = 0.15


def seller() -> Plan:
    """Plan constant rates; every loss is re-opened with the same chance."""
    stages = tuple(
        StagePlan(name, lost_share=0.25, returned_share=0.04, dwell_days=12)
        for name in ("Inquiry", "Offer", "Contract")
    )
    line = PipelinePlan("Deals", stages=stages, reopen_share=SHARE, reopen_wait_days=60)
    return Plan(
        pipelines=(line,), start=FIRST.isoformat(), as_of=AS_OF.isoformat(), timezone="UTC",
        work_days_per_week=7,
    )  # fmt: skip


@dataclass(frozen=True)
class Reopened:
    """One source: its balances, and first minus last window, mean over the stages."""

    balances: int
    not_closed: int
    closes_agree: bool
    came_back: int
    lost: int
    as_kept: float
    erased: float


def reopen(seed: int) -> Reopened:
    """Simulate one source through the loader and analyze."""
    made = make(DEALS, seed=seed, plan=seller())
    stage = made.stage_history["stage"]
    with load_seller(made) as store:
        found = analyze(store).pipelines[0]
        as_kept = _first_against_last(store)
    with load_seller(_erase_reopened(made)) as store:
        erased = _first_against_last(store)
    residuals = _residuals(found)
    return Reopened(
        balances=len(residuals),
        not_closed=int(np.count_nonzero(residuals)),
        closes_agree=(found.balance.won, found.balance.lost)
        == (int((stage == "Won").sum()), int((stage == "Lost").sum())),
        came_back=found.balance.reopened,
        lost=found.balance.lost,
        as_kept=as_kept,
        erased=erased,
    )


def _residuals(found: PipelineNumbers) -> list[int]:
    """Return in minus out of every balance: stages, pipeline, months, in deals and in money."""
    lines = [found.balance, found.balance_value]
    lines += [line for month in found.months for line in (month.count, month.value)]
    return [stage.residual for stage in found.balances] + [line.residual for line in lines]


def _first_against_last(store: Store) -> float:
    """Return the lost share of the first window minus that of the last."""
    first, end = number_of(FIRST), number_of(AS_OF) + 1
    stays = first_visits(store, [(first, first + WINDOW_DAYS), (end - WINDOW_DAYS, end)])
    gaps = [lost_share(stays[0, s], SOON) - lost_share(stays[1, s], SOON) for s in range(3)]
    return float(np.mean(gaps))


def _erase_reopened(made: Sample) -> Sample:
    """Leave out the losses that were re-opened, as a CRM does that keeps the last close."""
    history = made.stage_history
    goes_on = history["opportunity_id"].shift(-1) == history["opportunity_id"]
    kept = history[~((history["stage"] == "Lost") & goes_on)].reset_index(drop=True)
    return Sample(made.opportunities, kept, made.config, made.truth)


def reopened_losses_balance(seed: int = 0, runs: int = 200) -> Record:
    """Row 6: 15 % of the losses are re-opened."""
    found = [reopen(seed + run) for run in range(runs)]
    kept, erased = Mean.of(one.as_kept for one in found), Mean.of(one.erased for one in found)
    open_again = sum(one.came_back for one in found) / sum(one.lost for one in found)
    not_closed = sum(one.not_closed for one in found)
    agree = sum(one.closes_agree for one in found)
    note = (
        "Three stages at constant rates, re-opened 60 days later on average (by as_of "
        f"{share(open_again)} of the losses had been), windows of {WINDOW_DAYS} days, shares "
        f"lost within {SOON} days, mean over the stages. Balances of stages, pipeline and "
        "months, in deals and in money; wins and losses agree with a count of the closing "
        f"rows of the source in {agree} of {runs}. Erasing the losses that were re-opened "
        "makes the past look better, because more of its losses had the time to come back."
    )
    return Record(
        "15 % of losses re-opened",
        "equal windows (mean difference within 2 standard errors of 0); every balance closes",
        f"{not_closed} of {sum(one.balances for one in found):,} balances do not close; first "
        f"against last window {kept}; with re-opened losses erased {erased}",
        runs,
        not_closed == 0 and agree == runs and kept.is_zero() and not erased.is_zero(),
        (note,),
    )
