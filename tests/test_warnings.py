"""Warnings: golden numbers, second routes, and what must not raise one."""

from __future__ import annotations

from dataclasses import replace
from math import inf, log, sqrt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, chi2_contingency, fisher_exact, norm
from scipy.stats import t as student
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from leakkit.findings.comparison import (
    STEADY,
    Wobble,
    against_target,
    compare_shares,
    difference_interval,
    fisher,
    since_month,
    wobble,
)
from leakkit.findings.finding import Split
from leakkit.findings.stage_readings import (
    Readings,
    WindowReading,
    curves_by_stage,
    read_left_by,
    still_inside,
)
from leakkit.findings.warnings import (
    Stakes,
    WarningRules,
    Watched,
    WindowPlan,
    control_false_discovery,
    find_warnings,
    plan_windows,
)
from leakkit.measures.age_counts import EXITS, stays_by_group
from leakkit.measures.horizons import Windows
from leakkit.measures.survival import aalen_johansen, count_followed, share_at, staying_at
from tests.measuring import approx

if TYPE_CHECKING:
    from leakkit.findings.finding import Finding


def ratio(events: float, entrants: float) -> WindowReading:
    """Return the reading of a plain ratio, without censoring."""
    return WindowReading(events / entrants, entrants, entrants)


# ---------------------------------------------------------------- one comparison

NEWCOMBE = {
    (56, 70, 48, 80): (0.0524, 0.3339),
    (9, 10, 3, 10): (0.1705, 0.8090),
    (6, 7, 2, 7): (0.0582, 0.8062),
    (5, 56, 0, 29): (-0.0381, 0.1926),
    (0, 10, 0, 20): (-0.1611, 0.2775),
    (10, 10, 0, 10): (0.6075, 1.0),
}
"""Newcombe (1998), Stat. Med. 17, table II, method 10."""


@pytest.mark.parametrize(("counts", "interval"), NEWCOMBE.items())
def test_interval_is_newcombes(
    counts: tuple[int, int, int, int], interval: tuple[float, float]
) -> None:
    found = difference_interval(ratio(*counts[:2]), ratio(*counts[2:]))
    assert found == pytest.approx(interval, abs=6e-5)


@given(st.integers(1, 400), st.integers(1, 400), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=40)
def test_interval_is_that_of_statsmodels(n1: int, n0: int, f1: float, f0: float) -> None:
    k1, k0 = round(f1 * n1), round(f0 * n0)
    found = difference_interval(ratio(k1, n1), ratio(k0, n0))
    there = confint_proportions_2indep(k1, n1, k0, n0, method="newcomb", compare="diff")
    assert found == pytest.approx(there, abs=1e-9)
    assert found[0] <= k1 / n1 - k0 / n0 <= found[1]


def test_test_is_the_likelihood_ratio_of_the_two_by_two_table() -> None:
    found = compare_shares(ratio(48, 160), ratio(90, 450))
    ratio_test = chi2_contingency([[48, 112], [90, 360]], correction=False, lambda_=0)
    assert found.p_value == approx(ratio_test.pvalue)
    assert found.z == approx(sqrt(ratio_test.statistic))
    assert compare_shares(ratio(16, 160), ratio(90, 450)).z < 0
    z, _ = proportions_ztest([48, 90], [160, 450])
    assert found.smallest_visible == approx(4.03 * (0.3 - 0.2) / z)


@pytest.mark.parametrize("share", [0.05, 0.12, 0.3])
def test_rises_are_as_rare_as_p_says_far_out(share: float) -> None:
    """All tables of 200 and 600; the pooled z of a small share is beyond 4 three times as often."""
    now, before = binom.pmf(np.arange(201), 200, share), binom.pmf(np.arange(601), 600, share)
    likely = [np.flatnonzero(part > 1e-9) for part in (now, before)]
    for bound, most in ((2.865, 1.05), (4.0, 1.2)):
        beyond = sum(
            now[a] * before[b]
            for a in likely[0]
            for b in likely[1][likely[1] < 3 * a]
            if compare_shares(ratio(float(a), 200), ratio(float(b), 600)).z >= bound
        )
        assert 0.5 < beyond / norm.sf(bound) < most


def test_wobble_widens_the_test_and_the_interval() -> None:
    plain, wide = (
        compare_shares(ratio(48, 160), ratio(90, 450), Wobble(phi)) for phi in (1.0, 4.0)
    )
    assert wide.z == approx(plain.z / 2)
    assert wide.change - wide.low == approx(2 * (plain.change - plain.low))
    assert wide.smallest_visible == approx(2 * plain.smallest_visible)


def test_a_wobble_from_few_months_is_less_sure() -> None:
    known, learnt = (
        compare_shares(ratio(48, 160), ratio(90, 450), Wobble(2.0, n)) for n in (inf, 8)
    )
    assert learnt.p_value == approx(2 * student.sf(sqrt(known.z**2), 8))
    wider = student.ppf(0.975, 8) / norm.ppf(0.975)
    assert learnt.high - learnt.change == approx(wider * (known.high - known.change))


def test_fishers_test_is_that_of_scipy() -> None:
    chance = np.random.default_rng(5)
    for n, n_before in [*chance.integers(1, 400, (200, 2)).tolist(), [90_000, 120_000], [1, 1]]:
        events, before = int(chance.integers(0, min(n, 9) + 1)), int(chance.integers(0, 2))
        table = [[events, n - events], [before, n_before - before]]
        wanted = approx(fisher_exact(table)[1])
        assert fisher(events, n, before, n_before) == wanted
        assert fisher(n - events, n, n_before - before, n_before) == wanted


def test_few_events_take_fishers_test() -> None:
    found = compare_shares(WindowReading(0.1, 30.4, 30), WindowReading(0.0, 25.0, 25))
    assert found.p_value == approx(fisher_exact([[3, 27], [0, 25]])[1])
    assert found.z > 0
    # as many as 3 expected on both sides: the likelihood ratio
    table = [[9, 21], [0, 30]]
    assert compare_shares(ratio(9, 30), ratio(0, 30)).p_value == approx(
        chi2_contingency(table, correction=False, lambda_=0).pvalue
    )


def test_nothing_ever_is_no_change() -> None:
    found = compare_shares(ratio(0, 40), ratio(0, 90))
    assert (found.change, found.p_value, found.z) == (0, 1, 0)


@pytest.mark.parametrize("events", [0, 40])
def test_smallest_visible_change_is_never_zero(events: int) -> None:
    """Of no event in n, 3 of n may still be there: and no fewer could be seen."""
    everybody = ratio(events, 40), ratio(3 * events, 120)
    assert compare_shares(*everybody).smallest_visible > 3 / 40
    assert against_target(everybody[0], float(events > 0)).smallest_visible > 3 / 40


def test_target_is_a_one_sample_test() -> None:
    found = against_target(ratio(40, 200), 0.1)
    assert found.z == approx(sqrt(2 * (40 * log(0.2 / 0.1) + 160 * log(0.8 / 0.9))))
    assert found.change == approx(0.1)
    assert against_target(ratio(2, 200), 0.0).p_value == 0.0
    assert against_target(ratio(0, 200), 0.0).p_value == 1.0


# ---------------------------------------------------------------- months


def months(shares: list[float], entrants: float = 100.0) -> Readings:
    """Return readings of months, all equally sure."""
    sure = np.full(len(shares), entrants)
    return Readings(np.array(shares), sure, sure)


def test_wobble_is_the_chi_square_of_the_months() -> None:
    one, other = months([0.1, 0.3, 0.1, 0.3]), months([0.5, 0.5, 0.5, 0.5, 0.5])
    chi = 4 * 100 * 0.1**2 / (0.2 * 0.8)
    assert wobble([one, other]) == Wobble(approx(chi / (3 + 4)), 3 + 4)
    assert wobble([other]) == STEADY
    assert wobble([months([0.1, 0.9, 0.5])]) is None
    assert wobble([months([0.0] * 9)]) is None
    assert wobble([months([0.1, 0.3, 0.1, 0.3], entrants=4.0)]) is None


def test_wobble_of_equal_months_is_near_one() -> None:
    rng = np.random.default_rng(3)
    found = [wobble([months(list(rng.binomial(80, 0.2, 9) / 80), 80.0)] * 6) for _ in range(200)]
    assert 1.0 <= np.mean([one.phi for one in found if one is not None]) < 1.35


def test_since_is_the_month_of_the_step() -> None:
    stepped = months([0.1, 0.12, 0.09, 0.11, 0.1, 0.1, 0.12, 0.08, 0.11, 0.3, 0.28, 0.31])
    assert since_month(stepped) == 9
    assert since_month(months([0.1] * 5 + [0.3] * 2)) is None
    assert since_month(months([0.1] * 12)) is None
    assert since_month(months([0.1, 0.2] * 6)) is None


def test_since_in_unchanged_months_is_rare() -> None:
    rng = np.random.default_rng(4)
    found = [since_month(months(list(rng.binomial(100, 0.2, 12) / 100))) for _ in range(200)]
    assert sum(month is not None for month in found) <= 20


# ---------------------------------------------------------------- windows


def windows(first: int = 0, baseline: tuple[int, int] | None = (640, 910)) -> Windows:
    return Windows(first, 1000, None, "", baseline, (910, 1000))


def test_windows_of_a_long_history() -> None:
    plan = plan_windows(windows(), 28)
    assert plan is not None
    assert (plan.current_then, plan.baseline_then) == ((882, 972), (612, 882))
    assert plan.last_year == (545, 635)
    assert plan.months == tuple((day, day + 30) for day in range(640, 1000, 30))
    assert plan.baseline_months == 9


def test_windows_of_a_short_history() -> None:
    plan = plan_windows(windows(850, (850, 910)), 28)
    assert plan is not None
    assert plan.baseline_then is None  # 32 days would be left, 45 are wanted
    assert plan.last_year is None
    assert plan.months[:2] == ((850, 880), (880, 910))
    plan = plan_windows(windows(600, (640, 910)), 0)
    assert plan is not None
    assert plan.current_then is None
    plan = plan_windows(windows(900, None), 28)
    assert plan is not None
    assert plan.months == ()


# ---------------------------------------------------------------- verdicts

PLAN = plan_windows(windows(), 28)
assert PLAN is not None
WORSE, SAME = ratio(60, 200), ratio(120, 800)


def watch(
    stage: str = "A", kind: str = "lost", now: WindowReading | None = WORSE, **how: object
) -> Watched:
    """Watch a share that doubled, now and at the second look, in steady months."""
    assert isinstance(PLAN, WindowPlan)
    given: dict[str, object] = {
        "before": SAME,
        "now_then": now,
        "before_then": SAME,
        "months": months([0.15] * 9 + [0.3] * 3),
    }
    return Watched("P", stage, kind, PLAN, now=now, **(given | how))  # type: ignore[arg-type]


def verdict(*shares: Watched, **how: object) -> Finding:
    """Return the finding of the first share."""
    rules = WarningRules(**{k: v for k, v in how.items() if k in WarningRules.__dataclass_fields__})  # type: ignore[arg-type]
    found = find_warnings(shares, rules, how.get("splits"), how.get("stakes"))  # type: ignore[arg-type]
    return next(f for f in found if f.key == shares[0].key)


def test_a_rise_found_twice_is_an_alarm() -> None:
    found = verdict(watch())
    assert (found.severity, found.confirmed) == ("alarm", True)
    assert found.change == approx(0.15)
    assert found.since == 910
    assert found.evidence == {"pipeline": "P", "stage": "A", "exit": "lost"}
    assert (found.followed, found.followed_reference, found.phi) == (200, 800, 1.0)


MILD = ratio(44, 200)  # z = 2.4 against SAME


def test_a_rise_that_the_second_look_did_not_see_is_watched() -> None:
    assert verdict(watch(now=MILD)).severity == "alarm"
    found = verdict(watch(now=MILD, now_then=SAME))
    assert (found.severity, found.confirmed) == ("watch", False)
    assert verdict(watch(now=MILD, now_then=None)).severity == "watch"
    # so large that it needs no second look; and where the second look is turned off
    assert verdict(watch(now_then=SAME)).severity == "alarm"
    alone = verdict(watch(now=MILD, now_then=None), confirm_days=0)
    assert (alone.severity, alone.confirmed) == ("alarm", False)


def test_many_tests_make_one_less_sure() -> None:
    others = [watch(f"S{n}", now=ratio(30, 200)) for n in range(30)]
    assert verdict(watch(now=MILD), *others).severity == "watch"


def test_unknown_wobble_provisional_order_and_last_year_hold_an_alarm_back() -> None:
    assert verdict(watch(months=months([0.15] * 3))).severity == "watch"
    assert verdict(watch(), provisional=True).severity == "watch"
    assert verdict(watch(last_year=ratio(70, 200))).severity == "watch"
    assert verdict(watch(last_year=ratio(20, 200))).severity == "alarm"
    assert verdict(watch(last_year=ratio(4, 10))).severity == "alarm"  # too few to tell


def test_mix_explains_an_alarm_away_but_not_out_of_sight() -> None:
    key = watch().key
    found = verdict(watch(), splits={key: Split(0.01, 0.14, "region: North")})
    assert (found.severity, found.split) == ("watch", Split(0.01, 0.14, "region: North"))
    assert found.rate_change == 0.01
    assert verdict(watch(), splits={key: Split(0.14, 0.01)}).severity == "alarm"
    assert verdict(watch(), splits={key: Split(None, None)}).severity == "alarm"


def test_small_change_counts_where_it_is_much_money() -> None:
    rare = watch(now=ratio(400, 10_000), before=ratio(600, 30_000))
    rare = replace(rare, now_then=rare.now, before_then=rare.before)
    assert verdict(rare).severity == "small change"
    stakes = {rare.key: Stakes(per_share=50.0, won_value=20.0)}
    assert verdict(rare, stakes=stakes).severity == "alarm"
    assert verdict(rare, stakes={rare.key: Stakes(50.0, 21.0)}).severity == "small change"


def test_ok_rules_a_change_of_five_points_out_both_ways() -> None:
    assert verdict(watch(now=ratio(150, 1000))).severity == "ok"
    found = verdict(watch(now=ratio(15, 100)))
    assert found.severity == "not enough data"
    assert found.high is not None
    assert found.high > 0.05
    falling = verdict(watch(now=ratio(28, 250), now_then=SAME))
    assert (falling.severity, falling.p_value is not None) == ("not enough data", True)
    assert falling.low is not None
    assert falling.high is not None
    assert falling.low < -0.05 < falling.high < 0.05


def test_what_chance_does_not_make_is_not_called_steady() -> None:
    """Surely 2 points more or fewer: neither worth a warning nor steady."""
    many = ratio(4500, 30_000)
    for events in (1300, 1700):
        found = verdict(watch(now=ratio(events, 10_000), before=many, now_then=None))
        assert found.severity == "small change"
        assert found.p_value is not None
        assert found.p_value < 0.05


def test_margin_of_a_large_share_is_a_third_of_it() -> None:
    large = watch(now=ratio(90, 200), before=ratio(360, 800), now_then=None)
    found = verdict(large)
    assert (found.severity, found.margin) == ("ok", approx(0.15))
    assert found.high is not None
    assert found.high > 0.05


def test_what_cannot_be_read_is_not_tested() -> None:
    for share in (watch(now=None), watch(now=ratio(9, 19)), watch(before=None)):
        found = verdict(share)
        assert (found.severity, found.p_value, found.change) == ("not enough data", None, None)


def test_a_fall_is_judged_as_a_rise_is() -> None:
    """The complement of every share: what was an alarm is better, what was a watch perhaps."""

    def other(read: WindowReading | None) -> WindowReading | None:
        return None if read is None else replace(read, share=1.0 - read.share)

    judged = {"alarm": "better", "watch": "perhaps better"}
    for now, then in ((WORSE, WORSE), (MILD, MILD), (MILD, SAME), (MILD, None), (WORSE, SAME)):
        worse = watch(now=now, now_then=then)
        found = verdict(
            replace(
                worse,
                now=other(worse.now),
                before=other(worse.before),
                now_then=other(worse.now_then),
                before_then=other(worse.before_then),
            )
        )
        assert found.severity == judged[verdict(worse).severity]
        assert found.improved


def test_mix_and_season_hold_better_back_too() -> None:
    fell = watch(now=ratio(5, 200))
    assert verdict(fell).severity == "better"
    mixed = {fell.key: Split(-0.005, -0.12, low=-0.05, high=0.04)}
    assert verdict(fell, splits=mixed).severity == "perhaps better"
    assert verdict(replace(fell, last_year=ratio(6, 200))).severity == "perhaps better"
    assert verdict(replace(fell, last_year=ratio(30, 200))).severity == "better"


def test_what_cannot_be_split_is_no_alarm() -> None:
    key = watch().key
    for reason in ("not_comparable", "few_followed"):
        found = verdict(watch(), splits={key: Split(None, None, reason=reason)})
        assert (found.severity, found.says, found.rate_change) == ("watch", "unclear", None)
    # without a column there is nothing that a mix could be of
    assert verdict(watch(), splits={key: Split(None, None, reason="no_columns")}).says == "rate"


def test_a_rate_that_may_be_nothing_is_no_alarm() -> None:
    key = watch().key
    unsure = Split(0.06, 0.09, "region=North", -0.01, 0.13)
    assert verdict(watch(), splits={key: unsure}).severity == "watch"
    assert verdict(watch(), splits={key: replace(unsure, low=0.01)}).severity == "alarm"


def test_as_last_year_is_no_alarm() -> None:
    found = verdict(watch(last_year=ratio(50, 200)))
    assert (found.severity, found.as_last_year) == ("watch", True)
    assert found.last_year is not None
    assert (found.last_year.share, found.last_year.change) == (0.25, approx(0.05))


@pytest.mark.parametrize(("sign", "speed"), [(-1, "slower"), (1, "faster")])
def test_another_speed_is_not_another_loss(sign: int, speed: str) -> None:
    """Of those who left as many are lost: only fewer (or more) had left by then."""
    kept = 0.30 if sign < 0 else 0.02
    share = 0.2 * (1 - kept) / 0.9
    moved = watch(
        now=ratio(1000 * share, 1000), before=ratio(600, 3000),
        inside_now=ratio(1000 * kept, 1000), inside_before=ratio(300, 3000),
        now_then=None,
    )  # fmt: skip
    found = verdict(moved)
    assert found.severity in {"small change", "ok", "not enough data"}
    assert found.decided is not None
    assert (found.decided.speed, found.decided.share) == (speed, approx(0.2 / 0.9))
    assert found.decided.change == approx(0.0)
    # and where the share among the decided went the same way, it is said
    lost = 0.10 * (1 - kept) / 0.9 if sign < 0 else 0.3 * (1 - kept) / 0.9
    said = verdict(replace(moved, now=ratio(1000 * lost, 1000))).severity
    assert said == ("better" if sign < 0 else "alarm")


def test_a_watch_that_is_probably_chance_leads_no_page() -> None:
    others = [watch(f"S{n}", now=SAME) for n in range(30)]
    found = verdict(watch(now=MILD, now_then=SAME), *others)
    assert found.severity == "watch"
    assert (found.q_value or 0) > 0.2
    assert not found.leads
    assert verdict(watch(now=MILD, now_then=SAME)).leads


def test_target_beats_the_baseline() -> None:
    found = verdict(watch(now=SAME, now_then=SAME, target=0.05))
    assert (found.severity, found.reference, found.reference_kind) == ("alarm", 0.05, "target")
    assert verdict(watch(target=0.4)).severity == "ok"
    assert verdict(watch(target=0.05, before=None)).reference == 0.05


def test_second_look_must_agree_in_direction() -> None:
    found = verdict(watch(now=MILD, now_then=ratio(2, 200)))
    assert not found.confirmed


def test_findings_are_ordered_by_severity_then_evidence() -> None:
    shares = [watch("calm", now=SAME), watch("mild", now=MILD), watch("worse")]
    found = find_warnings([*shares, watch("unknown", now=None)])
    assert [f.stage for f in found] == ["worse", "mild", "calm", "unknown"]


def test_false_discovery_is_that_of_the_oracle() -> None:
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240]
    p += [0.4262, 0.5719, 0.6528, 0.7590, 1]
    q = [0.0015, 0.003, 0.0095, 0.035625, 0.0603, 0.0638571, 0.0638571, 0.0645, 0.0765, 0.486]
    q += [0.5811818, 0.714875, 0.7532308, 0.8132143, 1]
    keys = [("P", str(n), "lost") for n in range(len(p))]
    assert list(control_false_discovery(dict(zip(keys, p, strict=True))).values()) == pytest.approx(
        q, abs=1e-6
    )
    assert control_false_discovery({}) == {}


def test_false_discovery_by_hand() -> None:
    shares = [watch(f"S{n}", now=ratio(30 + 2 * n, 200)) for n in range(12)]
    found = sorted(find_warnings(shares), key=lambda f: f.p_value or 0)
    p = [f.p_value for f in found]
    best, by_hand = inf, []
    for rank in range(len(p), 0, -1):
        best = min(best, (p[rank - 1] or 0) * len(p) / rank)
        by_hand.append(best)
    assert [f.q_value for f in found] == approx(by_hand[::-1])
    assert [f.q_value for f in found] == approx(multipletests(p, method="fdr_bh")[1].tolist())


# ---------------------------------------------------------------- readings of many windows


def count_stays(seed: int, parts: int = 3) -> pd.DataFrame:
    """Count made-up stays of two stages in some windows."""
    rng = np.random.default_rng(seed)
    rows = []
    for part in range(parts):
        for stage in (0, 1):
            n = int(rng.integers(5, 60))
            come = rng.integers(0, 6, n) * rng.integers(0, 2, n)
            leave = come + rng.integers(0, 9, n)
            exits = rng.choice([0, 1, 3, 4, 5, 6], n)
            rows += [(part, 0, stage, 1, 1, int(age), -1) for age in come]
            rows += [
                (part, 0, stage, 1, 0, int(a), int(e)) for a, e in zip(leave, exits, strict=True)
            ]
    columns = ["part", "pipeline", "stage", "visits", "arrives", "age", "exit"]
    frame = pd.DataFrame(rows, columns=columns).assign(n=1, total=0)
    return frame.groupby(columns, as_index=False).sum()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("age", [0.0, 4.0, 9.0])
def test_readings_are_those_of_single_curves(seed: int, age: float) -> None:
    frame = count_stays(seed)
    single = stays_by_group(frame, ["stage", "part"])
    for (_, stage), curve in curves_by_stage(frame, 3):
        lost, inside = read_left_by(curve, ("lost",), age), still_inside(curve, age)
        for part in range(3):
            own = aalen_johansen(single[stage, part].table())
            assert lost.followed[part] == approx(count_followed(own, age))
            for reading, share in (
                (lost.at(part), share_at(own, ("lost",), age)),
                (inside.at(part), staying_at(own, age)),
            ):
                assert reading.known == (share.share is not None)
                if share.share is None or share.low is None or share.high is None:
                    continue
                assert reading.share == approx(share.share)
                interval = difference_interval(reading, WindowReading(0.0, 1e12, 1e12))
                assert interval == pytest.approx((share.low, share.high), abs=1e-5)


def test_censored_kinds_leave_the_curve() -> None:
    frame = count_stays(1)
    ((_, curve), _) = curves_by_stage(frame, 3, ("won_here",))
    assert "won_here" not in curve.leaving
    changed = frame.assign(exit=frame["exit"].replace(EXITS.index("won_here"), 0))
    ((_, other), _) = curves_by_stage(changed, 3)
    assert np.array_equal(curve.leaving["lost"], other.leaving["lost"])
