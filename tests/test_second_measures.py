"""Two routes to the same numbers: `analyze`, and the loops of tests/reference.py."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from leakkit.measures import stage_results
from leakkit.sample import PipelinePlan, Plan, StagePlan, make
from leakkit.sources import load
from tests import reference as ref
from tests.generated import raw_source, write_source
from tests.measuring import Measured, bundle, compare, disagreements, measure, source_of
from tests.thoroughness import seeds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.generated import Source

SEEDS = seeds(16, 152)
AT_ONCE = 8
DAY = ref.SECONDS_PER_DAY
LAST_DAY = 20_543  # 2026-03-31


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small sources are counted faster without handing work around."""
    with mock.patch.dict(os.environ, LEAKKIT_THREADS="1"):
        yield


@pytest.mark.parametrize("first", SEEDS[::AT_ONCE])
def test_generated_sources_measure_the_same(first: int, tmp_path: Path) -> None:
    """Several are loaded together: what takes long is to load."""
    assert disagreements(bundle(SEEDS[first : first + AT_ONCE]), tmp_path) == []


@pytest.mark.parametrize("seed", seeds(4, 8))
def test_a_generated_source_by_itself_measures_the_same(seed: int, tmp_path: Path) -> None:
    assert disagreements(raw_source(seed, 1 + 5 * seed), tmp_path) == []


# -------------------------------------------------------------------- large enough for the rules

STAGES = (
    StagePlan("Inquiry", lost_share=0.2, dwell_days=3),
    StagePlan("Visit", lost_share=0.1, returned_share=0.15, dwell_days=6),
    StagePlan("Proforma", lost_share=0.25, returned_share=0.05, dwell_days=12),
    StagePlan("Order", lost_share=0.05, returned_share=0.1, dwell_days=4),
)
PLAN = PipelinePlan("Rentals", stages=STAGES, skip_share=0.12, reopen_share=0.3, stuck_share=0.03)
QUICK = replace(PLAN, stages=tuple(replace(s, dwell_days=s.dwell_days / 8) for s in STAGES))
SLOW = replace(PLAN, stages=tuple(replace(s, dwell_days=s.dwell_days * 5) for s in STAGES))
HUGE = 40_000_000_000_000


def rules(
    unit: ref.Unit = "day", expected_days: float | None = None, *, midday: bool = False
) -> ref.Rules:
    """Return what the configuration says; at midday the last day is not complete."""
    declared = ref.PipelineRules(
        "Rentals", tuple(s.name for s in STAGES), unit=unit, expected_days=expected_days
    )
    end = (LAST_DAY + 1) * DAY
    if midday:
        return ref.Rules((declared,), as_of=end - DAY // 2, last_day=LAST_DAY - 1)
    return ref.Rules((declared,), as_of=end - 1, last_day=LAST_DAY)


def seller(
    deals: int, seed: int, declared: ref.Rules, start: str, pipeline: PipelinePlan = PLAN
) -> Source:
    """Return a simulated seller of one pipeline as raw rows."""
    plan = Plan((pipeline,), start=start, as_of="2026-03-31", timezone="UTC")
    return source_of(make(deals, seed=seed, plan=plan), declared)


def both(source: Source, folder: Path, **how: Any) -> tuple[Measured, list[str]]:  # noqa: ANN401
    """Analyse a source, and compare."""
    write_source(source, folder)
    with load(folder) as store:
        measured = measure(store, **how)
    return measured, compare(measured, ref.resolve(*source), source[2])


def test_a_seller_of_900_deals(tmp_path: Path) -> None:
    measured, faults = both(seller(900, 1, rules(), "2024-10-01"), tmp_path)
    assert faults == []
    (result,) = measured.analysis.pipelines
    assert result.windows.baseline is not None
    assert result.pipe.mature
    assert result.route.came_back > 0.01
    for stage in result.stages:  # the rules speak: nothing here is compared as missing
        assert stage.lost.share is not None
        assert stage.horizon.origin == "learnt"
        assert stage.won_from_here.share is not None
        assert stage.exits.returned or stage.stage == 0
    assert sum(s.expected.age is not None for s in result.stages) >= 3
    assert sum(s.went_overdue.share is not None for s in result.stages) >= 3
    assert sum(s.reopened_in for s in result.stages) > 20
    assert sum(s.jumped_over for s in result.stages) > 20


def test_a_short_history_at_midday(tmp_path: Path) -> None:
    source = seller(500, 2, rules(expected_days=40, midday=True), "2026-01-10")
    measured, faults = both(source, tmp_path)
    assert faults == []
    (result,) = measured.analysis.pipelines
    assert any(stage.left_after_curves for stage in result.stages)
    assert result.balance.overdue


def test_hours(tmp_path: Path) -> None:
    source = seller(400, 3, rules("hour", 2.5, midday=True), "2026-02-20", QUICK)
    measured, faults = both(source, tmp_path)
    assert faults == []
    (result,) = measured.analysis.pipelines
    assert all(stage.lost.share is not None for stage in result.stages)
    assert result.stages[0].horizon.age in {24.0, 48.0, 72.0, 120.0}
    assert result.balance.overdue


def test_no_baseline(tmp_path: Path) -> None:
    """E then serves `overdue now` only."""
    measured, faults = both(seller(400, 4, rules(), "2026-02-20", QUICK), tmp_path)
    assert faults == []
    (result,) = measured.analysis.pipelines
    assert result.windows.baseline is None
    learnt = [stage for stage in result.stages if stage.expected.age is not None]
    assert len(learnt) >= 2
    assert {stage.went_overdue.reason for stage in learnt} == {"no_baseline"}
    assert sum(stage.overdue or 0 for stage in learnt) > 0


def test_a_history_that_begins_late(tmp_path: Path) -> None:
    """The export lacks the deals that were closed before `start`; the others keep their moves."""
    start = LAST_DAY - 300
    deals, history, declared = seller(900, 5, rules(), "2024-10-01", SLOW)
    assert deals is not None
    gone = {
        row["opportunity_id"]
        for row in history
        if row["stage"] in {"Won", "Lost"} and row["entered_at"] < start * DAY
    }
    kept = [row for row in history if row["opportunity_id"] not in gone]
    source = [d for d in deals if d["opportunity_id"] not in gone], kept, declared
    measured, faults = both(source, tmp_path)
    assert faults == []
    (result,) = measured.analysis.pipelines
    assert result.windows.history_origin == "detected"
    assert abs((result.windows.history_start or 0) - start) <= 4
    assert result.windows.first_day < start - 60


def test_money_beyond_what_floats_hold(tmp_path: Path) -> None:
    """Prices in a currency of small units: sums are exact, so the balances close."""
    deals, history, declared = seller(300, 6, rules(), "2025-10-01")
    assert deals is not None
    dear = [{**deal, "value": HUGE + number} for number, deal in enumerate(deals)]
    measured, faults = both((dear, history, declared), tmp_path)
    assert faults == []
    (result,) = measured.analysis.pipelines
    assert result.stages[0].value_entered > 2**53
    assert result.stages[0].lost_by_value.share == pytest.approx(
        result.stages[0].lost.share, abs=1e-3
    )


def test_skip_policy_of_the_configuration(tmp_path: Path) -> None:
    """The curves that the stages hold are those of the configured policy."""
    source = seller(400, 7, rules(), "2025-06-01")
    found = ref.resolve(*source)
    configuration = write_source(source, tmp_path)
    plain = configuration.read_text("utf-8")
    shares = {}
    for policy in ("observed", "reached", "strict"):
        text = plain + f'\n[comparison]\nskip_policy = "{policy}"\n'
        configuration.write_text(text, encoding="utf-8")
        with load(tmp_path) as store:
            (result,) = measure(store).analysis.pipelines
        seen = ref.policy(found.passages, policy, source[2])
        for row in result.stages:
            first = [p for p in seen if p.stage == row.stage and p.visit == 1]
            risk = ref.risk_set(first, None, LAST_DAY, "day")
            curve = ref.aalen_johansen(risk.at_risk, risk.exits)
            h = row.horizon.age
            assert h is not None
            assert row.lost.share == pytest.approx(ref.share_of(curve, "lost", h).share, abs=1e-11)
            assert row.exits == exits_of([p for p in found.passages if p.stage == row.stage])
        shares[policy] = result.stages[1].lost.share or 0.0
        order = sorted(range(4), key=lambda s: -(result.stages[s].lost.share or 0))
        assert result.losing_order[policy] == tuple(order)
    assert shares["reached"] < shares["observed"] < shares["strict"]


def exits_of(visits: list[ref.Passage]) -> stage_results.Exits:
    """Count how visits ended."""
    ended = [p.exit for p in visits]
    names = ("next", "jumped", "won_here", "returned", "lost", "moved", "open")
    return stage_results.Exits(**{name: ended.count(name) for name in names})
