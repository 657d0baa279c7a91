"""What a leak costs: by hand, by second routes, and where noise must not be worth money."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from leakkit.findings.stage_readings import WindowReading
from leakkit.findings.value import (
    Chances,
    Entrants,
    Worth,
    add_values,
    chances,
    entrants,
    shrink,
    worst,
    worst_share,
)
from leakkit.findings.warnings import Watched, find_warnings, plan_windows
from leakkit.measures.horizons import Windows
from leakkit.measures.survival import Share, aalen_johansen, risk_table
from tests.measuring import approx

if TYPE_CHECKING:
    from leakkit.findings.finding import Finding

# ---------------------------------------------------------------- shrinkage


def test_gaps_shrink_towards_zero_by_hand() -> None:
    gaps, variances = np.array([0.1, 0.0, 0.0, 0.0, -0.02]), np.full(5, 0.0004)
    excess = (0.01 + 0.0004) / 0.0004 - 5
    spread = excess / (5 / 0.0004)
    found = shrink(gaps, variances)
    assert found.spread == approx(spread)
    assert found.gaps.tolist() == approx((gaps * spread / (spread + 0.0004)).tolist())


def test_gaps_shrink_towards_their_mean_as_dersimonian_and_laird_say() -> None:
    gaps = np.array([0.10, 0.02, 0.05, -0.01, 0.20, 0.08])
    variances = np.array([0.001, 0.002, 0.0005, 0.001, 0.003, 0.001])
    w = 1 / variances
    mean = (w * gaps).sum() / w.sum()
    q = (w * (gaps - mean) ** 2).sum()
    tau2 = (q - 5) / (w.sum() - (w**2).sum() / w.sum())
    centre = np.average(gaps, weights=1 / (variances + tau2))
    found = shrink(gaps, variances, around_mean=True)
    assert found.spread == approx(tau2)
    kept = tau2 / (tau2 + variances)
    assert found.gaps.tolist() == approx((centre + kept * (gaps - centre)).tolist())


def test_families_of_four_stay_as_they_are() -> None:
    gaps = np.array([0.3, 0.0, 0.0, 0.1])
    assert shrink(gaps, np.full(4, 1.0)).gaps.tolist() == gaps.tolist()


@given(
    st.lists(st.floats(-0.5, 0.5), min_size=5, max_size=12),
    st.floats(1e-6, 0.1),
    st.booleans(),
)
@settings(max_examples=50)
def test_no_gap_grows_by_shrinking(gaps: list[float], variance: float, around: bool) -> None:  # noqa: FBT001 - hypothesis hands it over
    raw = np.array(gaps)
    found = shrink(raw, np.full(len(raw), variance), around_mean=around).gaps
    centre = raw.mean() if around else 0.0
    assert (np.abs(found - centre) <= np.abs(raw - centre) + 1e-9).all()


def test_equal_stages_recover_next_to_nothing() -> None:
    rng = np.random.default_rng(6)
    raw, left = 0.0, 0.0
    for _ in range(200):
        now, before = rng.binomial(100, 0.2, 10) / 100, rng.binomial(300, 0.2, 10) / 300
        gaps = now - before
        variances = np.full(10, 0.16 * (1 / 100 + 1 / 300))
        raw += np.maximum(gaps, 0).sum() * 100
        left += np.maximum(shrink(gaps, variances).gaps, 0).sum() * 100
    assert raw / 200 > 15
    assert left < 0.25 * raw


# ---------------------------------------------------------------- the worst stage


def test_worst_of_two_is_what_normals_say() -> None:
    found = worst([0.30, 0.25], [0.02, 0.02])
    assert found is not None
    assert found.members == (0,)
    assert found.chance == pytest.approx(norm.cdf(0.05 / np.hypot(0.02, 0.02)), abs=0.02)
    assert found.sureness == "surely"
    assert worst([], []) is None


def test_stages_alike_are_named_together() -> None:
    found = worst([0.2, 0.2, 0.2, 0.05], [0.02] * 4)
    assert found is not None
    assert found.sureness == "together"
    assert sorted(found.members) == [0, 1, 2]
    assert found.chance >= 0.9


def test_worst_share_leaves_out_what_is_not_known() -> None:
    shares = [Share.missing("few_followed"), Share(0.1, 0.08, 0.12), Share(0.3, 0.26, 0.34)]
    found = worst_share(shares)
    assert found is not None
    assert (found.members, found.sureness) == ((2,), "surely")
    assert worst_share(shares[:1]) is None


def test_equal_stages_have_no_sure_worst() -> None:
    rng = np.random.default_rng(8)
    found = [worst(list(rng.normal(0.2, 0.02, 6)), [0.02] * 6) for _ in range(200)]
    sure = [one.sureness for one in found if one is not None]
    assert sure.count("surely") <= 20
    # of two, "probably" or more comes in 4 of 10 runs
    pairs = [worst(list(rng.normal(0.2, 0.02, 2)), [0.02] * 2) for _ in range(300)]
    named = sum(one is not None and one.sureness != "together" for one in pairs)
    assert 0.3 < named / 300 < 0.5


# ---------------------------------------------------------------- chances and value


def stays_left(ages: list[int]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(ages, np.int64), np.ones(len(ages), np.int64)


def test_chances_are_plain_ratios_where_nothing_is_censored() -> None:
    """10 go on in 2 days and 5 in 8 days, won at .6; 4 come back, won at .3; 21 are lost."""
    curve = aalen_johansen(
        risk_table(
            (np.array([0]), np.array([40])),
            {
                "next": stays_left([2] * 10 + [8] * 5),
                "returned": stays_left([3] * 4),
                "lost": stays_left([1] * 11 + [9] * 10),
                "jumped": stays_left([]),
                "won_here": stays_left([]),
                "censored": stays_left([]),
            },
        )
    )
    found = chances(curve, {"next": 0.6, "returned": 0.3, "won_here": 1.0}, 5.0)
    won = 15 * 0.6 + 4 * 0.3
    assert found.kept == approx(won / (40 - 21))
    assert found.in_time == approx((10 * 0.6 + 4 * 0.3) / 25)
    assert found.late == approx(5 * 0.6 / 15)
    assert found.gain("overdue") == approx(7.2 / 25 - 3 / 15)
    assert chances(curve, {}, None).in_time is None


def test_late_deals_that_win_as_often_cost_nothing() -> None:
    assert Chances(0.5, 0.3, 0.4).gain("overdue") == 0.0
    assert Chances(0.5, 0.3, None).gain("overdue") is None


def test_value_of_entrants() -> None:
    rng = np.random.default_rng(1)
    values = rng.lognormal(8, 1, 2_000)
    bucket = rng.integers(0, 200, 2_000)
    n = np.bincount(bucket, minlength=200).astype(float)
    total = np.bincount(bucket, values, 200).astype(np.float64)
    found = entrants(n, n, total, 5_000.0)
    assert found.mean_value == approx(values.mean())
    assert found.mean_error == pytest.approx(values.std() / np.sqrt(2_000), rel=0.2)
    assert found.largest_share == approx(5_000 / values.sum())


def test_value_known_for_under_half_is_not_available() -> None:
    found = entrants(np.array([10.0]), np.array([4.0]), np.array([400.0]), 100.0)
    assert found == Entrants(10, None, 0.0, None)
    assert entrants(np.zeros(0), np.zeros(0), np.zeros(0), None).deals == 0


def cost(now: float, **how: object) -> tuple[Finding, ...]:
    """Return the findings of one stage with entries worth 1,000 each, half of them won."""
    plan = plan_windows(Windows(0, 1000, None, "", (640, 910), (910, 1000)), 0)
    assert plan is not None
    shares = [
        Watched(
            "P",
            "A",
            kind,
            plan,
            now=WindowReading(now, 200, 200),
            before=WindowReading(0.2, 800, 800),
        )
        for kind in ("lost", "overdue", "returned")
    ]
    given: dict[str, object] = {"mean_value": 1_000.0, "mean_error": 0.0, "largest_share": None}
    worth = Worth(Entrants(300, **(given | how)), Chances(0.5, 0.4, 0.1))  # type: ignore[arg-type]
    return add_values(find_warnings(shares), {("P", "A"): worth}, "EUR")


def test_recoverable_is_the_gap_times_what_the_deals_are_worth() -> None:
    found = {f.kind: f for f in cost(0.3)}
    lost, overdue = found["lost"].recoverable, found["overdue"].recoverable
    assert lost is not None
    assert overdue is not None
    assert lost.value == approx(300 * 0.1 * 0.5 * 1_000)
    assert overdue.value == approx(300 * 0.1 * 0.3 * 1_000)
    assert found["lost"].value_at_stake == approx(300 * 0.3 * 1_000)
    assert found["returned"].recoverable is None
    error = np.sqrt(0.22 * 0.78 * (1 / 200 + 1 / 800))
    low, high = (300 * 500 * (0.1 + z * error) for z in (-1.96, 1.96))
    assert (2 * lost.low, lost.high) == pytest.approx((low, high), rel=0.08)


def test_unsure_values_widen_the_interval() -> None:
    plain, wide = cost(0.3)[0].recoverable, cost(0.3, mean_error=400.0)[0].recoverable
    assert plain is not None
    assert wide is not None
    assert wide.value == plain.value
    assert wide.high - wide.low > 1.2 * (plain.high - plain.low)


def test_nothing_is_recoverable_from_a_share_that_fell() -> None:
    lost = cost(0.1)[0]
    assert lost.change == approx(-0.1)
    assert lost.recoverable is not None
    assert lost.recoverable.value == 0.0
    assert cost(0.3, mean_value=None)[0].recoverable is None
