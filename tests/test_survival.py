"""Curves, intervals, horizons: against hand-made numbers, R's printed output, and themselves."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.duration.api import CumIncidenceRight

from benchmarks.truth.coverage import loglog_interval
from leakkit.measures import stage_results
from leakkit.measures.age_counts import ADVANCED, StayCounts
from leakkit.measures.horizons import (
    DAY_RUNGS,
    HOUR_RUNGS,
    Horizon,
    learn_expected,
    learn_horizon,
    quantile_age,
    settled_age,
    share_in_the_end,
)
from leakkit.measures.survival import (
    Curve,
    Share,
    aalen_johansen,
    count_followed,
    final_age,
    greenwood,
    index_at,
    longest_followed,
    merge_doors,
    restart_curve,
    restricted_mean,
    risk_table,
    share_at,
    staying_at,
    staying_variance,
    still_to_come,
    wilson,
)
from tests import reference as ref
from tests.measuring import approx

GOLDEN = Path(__file__).parent / "golden"
EXPECTED: dict[str, Any] = json.loads((GOLDEN / "expected.json").read_text("utf-8"))
few = settings(max_examples=40)
KINDS = ("next", "jumped", "won_here", "returned", "lost")


@dataclass(frozen=True)
class Spell:
    """`n` passages under observation from age `since` to age `until`."""

    until: int
    kind: str = "censored"
    n: int = 1
    since: int = 0


def curve_of(spells: list[Spell], kinds: tuple[str, ...] = KINDS) -> Curve:
    """Return the curve of some passages."""
    left = {kind: [s for s in spells if s.kind == kind] for kind in (*kinds, "censored")}
    return aalen_johansen(
        risk_table(
            (ints(s.since for s in spells), ints(s.n for s in spells)),
            {k: (ints(s.until for s in ss), ints(s.n for s in ss)) for k, ss in left.items()},
        )
    )


def ints(values: Any) -> Any:  # noqa: ANN401 - numpy's array
    """Return an array of whole numbers."""
    return np.fromiter(values, np.int64)


def read(curve: Curve, values: Any, age: float) -> float:  # noqa: ANN401 - numpy's array
    """Return a step function at an age."""
    return float(values[index_at(curve, age)])


def reference_curve(spells: list[Spell], merge: dict[str, tuple[str, ...]]) -> ref.Curve:
    """Return the curve of the second implementation."""
    at_risk: Counter[int] = Counter()
    exits: dict[str, Counter[int]] = {}
    for spell in spells:
        for age in range(spell.since, spell.until + 1):
            at_risk[age] += spell.n
        if spell.kind != "censored":
            exits.setdefault(spell.kind, Counter())[spell.until] += spell.n
    return ref.aalen_johansen(at_risk, ref.merge_kinds(exits, merge))


@st.composite
def some_spells(
    draw: st.DrawFn, *, censored: bool = True, delayed: bool = True, most: int = 6
) -> list[Spell]:
    """Passages of all kinds, with ties."""
    kinds = (*KINDS, "censored") if censored else KINDS
    spells = []
    for _ in range(draw(st.integers(1, 25))):
        until = draw(st.integers(0, 30))
        since = draw(st.integers(0, until)) if delayed and draw(st.booleans()) else 0
        kind, n = draw(st.sampled_from(kinds)), draw(st.integers(1, most))
        spells.append(Spell(until, kind, n, since))
    return spells


# -------------------------------------------------------------------- numbers of others


def test_six_subjects() -> None:
    events = ("censored", "next", "next", "lost", "lost", "censored")
    curve = curve_of([Spell(age, kind) for age, kind in enumerate(events, 1)])
    ages = range(1, 7)
    oracle = EXPECTED["lifelines6"]
    shares = merge_doors(curve, ADVANCED), merge_doors(curve, ("lost",)), curve.staying
    for name, values in zip(("F1", "F2", "S"), shares, strict=True):
        assert [read(curve, values, age) for age in ages] == approx(oracle[name])
    variance = greenwood(curve, ("lost",))
    assert [read(curve, variance, age) for age in ages] == approx(oracle["varF2_greenwood"])
    for age, interval in oracle["F2_loglog95"].items():
        share, spread = (read(curve, v, float(age)) for v in (shares[1], variance))
        assert loglog_interval(share, spread) == approx(tuple(interval))


def golden_spells(*, delayed: bool) -> list[Spell]:
    """The 120 spells; (entry, time] is at risk from the day after the entry."""
    with (GOLDEN / "cr120.csv").open(encoding="utf-8") as file:
        rows = [{k: v for k, v in row.items() if k != "grp"} for row in csv.DictReader(file)]
    kinds = ("censored", "next", "lost")
    return [
        Spell(
            int(row["time"]),
            kinds[int(row["event"])],
            since=int(row["entry"]) + 1 if delayed and row["entry"] != "0" else 0,
        )
        for row in rows
    ]


@pytest.mark.parametrize(("name", "delayed"), [("cr120", False), ("cr120_entry", True)])
def test_120_spells(name: str, *, delayed: bool) -> None:
    curve = curve_of(golden_spells(delayed=delayed))
    oracle = EXPECTED[name]
    for key, values, variance in (
        ("F1", merge_doors(curve, ADVANCED), greenwood(curve, ADVANCED)),
        ("F2", merge_doors(curve, ("lost",)), greenwood(curve, ("lost",))),
        ("S", curve.staying, staying_variance(curve)),
    ):
        assert [read(curve, values, age) for age in oracle["at"]] == approx(oracle[key])
        spread = np.array([read(curve, variance, age) for age in oracle["at"]])
        if delayed:
            assert spread == approx(np.array(oracle[f"var_{key}"]), 1e-12)
        else:
            assert np.sqrt(spread) == approx(np.array(oracle[f"se_{key}"]), 1e-9)
    at_risk = [int(read(curve, curve.table.at_risk, age)) for age in oracle["at"]]
    assert at_risk[: 2 if delayed else 4] == oracle["n_risk_5_10" if delayed else "n_risk"]


def test_120_spells_quantiles_mean_and_naive_ratios() -> None:
    curve = curve_of(golden_spells(delayed=False))
    oracle = EXPECTED["cr120"]
    for part, (age, _, _) in oracle["km_q"].items():
        assert quantile_age(curve, float(part)).age == age
    assert restricted_mean(curve, 30) == approx(tuple(oracle["rmst30"]))
    advanced = int(sum(curve.table.exits[kind].sum() for kind in ADVANCED))
    lost = int(curve.table.exits["lost"].sum())
    naive = oracle["naive"]
    assert advanced / (advanced + lost) == approx(naive["closed_only"])
    assert advanced / 120 == approx(naive["entered"])
    alone = curve_of([s if s.kind == "next" else replace(s, kind="censored")
                      for s in golden_spells(delayed=False)])  # fmt: skip
    assert 1 - read(alone, alone.staying, 30) == approx(naive["1-KM@30"])
    assert read(curve, merge_doors(curve, ADVANCED), 30) < naive["1-KM@30"] - 0.1


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(81, 263, 0.2552885199, 0.3662095770), (0, 20, 0, 0.1611251581),
     (15, 148, 0.06238639953, 0.16048724172)],
)  # fmt: skip
def test_wilson_as_r_prints_it(k: int, n: int, low: float, high: float) -> None:
    assert wilson(k / n, n) == approx((low, high), 1e-9)


@few
@given(some_spells(delayed=False))
def test_statsmodels_finds_the_same_without_delayed_entry(spells: list[Spell]) -> None:
    kinds = ("lost", "returned")
    number = {"lost": 1, "returned": 2}
    spells = [s if s.kind in (*kinds, "censored") else replace(s, kind="lost") for s in spells]
    spells += [Spell(3, "lost"), Spell(4, "returned")]  # it wants both
    each = [spell for spell in spells for _ in range(spell.n)]
    events = [number.get(spell.kind, 0) for spell in each]
    with np.errstate(divide="ignore", invalid="ignore"):  # in its variance
        theirs = CumIncidenceRight([spell.until for spell in each], events)
    curve = curve_of(spells)
    for kind in kinds:
        ours = [read(curve, curve.leaving[kind], age) for age in theirs.times]
        assert ours == approx(theirs.cinc[number[kind] - 1].tolist())


# -------------------------------------------------------------------- against the reference

MERGE: dict[str, tuple[str, ...]] = {"advanced": ADVANCED}


@few
@given(some_spells(most=40))
def test_every_estimate_is_that_of_the_reference(spells: list[Spell]) -> None:
    curve, other = curve_of(spells), reference_curve(spells, MERGE)
    assert longest_followed(curve) == (-1 if (t := ref.age_followed_until(other)) is None else t)
    for age in (0, 3, 10, 10.5, 31, 40):
        assert count_followed(curve, age) == approx(float(ref.count_followed(other, age)))
        for kinds, kind in ((ADVANCED, "advanced"), (("lost",), "lost")):
            same_share(share_at(curve, kinds, age), ref.share_of(other, kind, age))
        same_share(staying_at(curve, age), ref.still_there(other, age))


def same_share(ours: Share, theirs: ref.Share) -> None:
    """Compare share and interval, or that there is none."""
    if not theirs.estimable:
        assert ours == Share.missing("few_followed")
        return
    assert ours.share == approx(theirs.share)
    low, high = min(theirs.low, theirs.share), max(theirs.high, theirs.share)
    assert (ours.low, ours.high) == approx((low, high))


@few
@given(some_spells(most=40), st.sampled_from([None, 0.0, 2.5, 9.0, 40.0]))
def test_horizon_and_expected_days_are_those_of_the_reference(
    spells: list[Spell], expected: float | None
) -> None:
    curve, other = curve_of(spells), reference_curve(spells, MERGE)
    for rungs, unit in ((DAY_RUNGS, "day"), (HOUR_RUNGS, "hour")):
        theirs = ref.horizon(other, expected, "hour" if unit == "hour" else "day")
        assert learn_horizon(curve, expected, rungs).age == theirs.h
        assert settled_age(curve).age == theirs.q
    ours, age = learn_expected(curve, ADVANCED), ref.expected_age(other).age
    assert ours.age == age
    assert (ours.reason == "") == (age is not None) == (ours.origin == "learnt")


# -------------------------------------------------------------------- properties


@few
@given(some_spells())
def test_shares_and_staying_sum_to_one(spells: list[Spell]) -> None:
    curve = curve_of(spells)
    assert merge_doors(curve, KINDS) + curve.staying == approx(np.ones(len(curve.ages)), 1e-12)
    assert greenwood(curve, KINDS) == approx(staying_variance(curve), 1e-12)


@few
@given(some_spells(censored=False, delayed=False))
def test_without_censoring_it_is_k_of_n_and_wilson(spells: list[Spell]) -> None:
    curve = curve_of(spells)
    n = sum(s.n for s in spells)
    for age in (0, 7, 30):
        k = sum(s.n for s in spells if s.kind == "lost" and s.until <= age)
        assert read(curve, curve.leaving["lost"], age) == approx(k / n, 1e-12)
        found = share_at(curve, ("lost",), age)
        if n < 20:
            assert found == Share.missing("few_followed")
        else:
            assert (found.low, found.high) == approx(wilson(k / n, n))
    assert count_followed(curve, 30) == n


@pytest.mark.parametrize("n", range(20, 60))
def test_exactly_enough_are_enough(n: int) -> None:
    """Rounding must not make 19.999... of 20 entrants, nor an interval of its own out of 1."""
    stays = [Spell(age, "next") for age in range(n)]
    curve = curve_of(stays)
    assert count_followed(curve, n) == n
    found = share_at(curve, ADVANCED, n)
    assert (found.share, found.low) == (1.0, approx(wilson(1.0, n)[0]))
    assert longest_followed(curve) == (float("inf") if n >= 30 else -1)
    assert curve_of(stays[1:]).table.entrants == n - 1


@few
@given(some_spells(), st.permutations(KINDS))
def test_relabelling_kinds_permutes_shares(spells: list[Spell], names: list[str]) -> None:
    new = dict(zip(KINDS, names, strict=True)) | {"censored": "censored"}
    curve, other = curve_of(spells), curve_of([replace(s, kind=new[s.kind]) for s in spells])
    for kind in KINDS:
        assert curve.leaving[kind] == approx(other.leaving[new[kind]], 1e-14)
        assert greenwood(curve, (kind,)) == approx(greenwood(other, (new[kind],)), 1e-14)


@few
@given(some_spells())
def test_merging_kinds_adds(spells: list[Spell]) -> None:
    curve = curve_of(spells)
    one = curve_of([replace(s, kind="next") if s.kind in ADVANCED else s for s in spells])
    assert one.leaving["next"] == approx(sum(curve.leaving[k] for k in ADVANCED), 1e-12)
    assert greenwood(one, ("next",)) == approx(greenwood(curve, ADVANCED), 1e-12)


@few
@given(some_spells())
def test_a_share_is_at_most_one_minus_kaplan_meier(spells: list[Spell]) -> None:
    curve = curve_of(spells)
    alone = curve_of([s if s.kind == "lost" else replace(s, kind="censored") for s in spells])
    assert (curve.leaving["lost"] <= 1 - alone.staying + 1e-12).all()


@few
@given(some_spells())
def test_every_row_twice_halves_the_variance(spells: list[Spell]) -> None:
    curve, twice = curve_of(spells), curve_of(spells * 2)
    for kind in KINDS:
        assert twice.leaving[kind] == approx(curve.leaving[kind], 1e-12)
        assert 2 * greenwood(twice, (kind,)) == approx(greenwood(curve, (kind,)), 1e-12)
    assert 2 * staying_variance(twice) == approx(staying_variance(curve), 1e-12)


@few
@given(some_spells(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(spells: list[Spell], random: Any) -> None:  # noqa: ANN401
    shuffled = random.sample(spells, len(spells))
    curve, other = curve_of(spells), curve_of(shuffled)
    assert (curve.staying == other.staying).all()
    assert all((curve.leaving[kind] == other.leaving[kind]).all() for kind in KINDS)


@few
@given(some_spells(), st.integers(2, 24))
def test_other_units_of_time_change_nothing(spells: list[Spell], factor: int) -> None:
    curve = curve_of(spells)
    other = curve_of([replace(s, since=s.since * factor, until=s.until * factor) for s in spells])
    for age in range(32):
        for kind in KINDS:
            slow = read(other, other.leaving[kind], age * factor)
            assert slow == approx(read(curve, curve.leaving[kind], age), 1e-12)
        slow = read(other, greenwood(other, ("lost",)), age * factor)
        assert slow == approx(read(curve, greenwood(curve, ("lost",)), age), 1e-12)


@few
@given(some_spells(most=60), st.integers(0, 20))
def test_the_restarted_curve_is_that_of_those_still_there(spells: list[Spell], age: int) -> None:
    found = restart_curve(curve_of(spells), age)
    later = [
        replace(s, since=max(s.since - age, 1), until=s.until - age)
        for s in spells
        if s.until > age
    ]
    if not later:
        assert found.table.at_risk.sum() == 0
        return
    counted = curve_of(later)
    for after in range(13):
        for kind in KINDS:
            expected = read(counted, counted.leaving[kind], after)
            assert read(found, found.leaving[kind], after) == approx(expected, 1e-12)


def test_the_age_in_the_end_is_where_the_curve_ends() -> None:
    assert final_age(curve_of([Spell(age, "lost") for age in range(1, 41)])) == 40
    assert final_age(curve_of([Spell(5, "next")] * 29)) == -1


def test_what_is_still_to_come_goes_on_as_before() -> None:
    """Of 100, 40 win by day 10, and 20 of the other 60 by day 20: 20/60 of 40 are to come."""
    spells = [Spell(10, "won_here")] * 40 + [Spell(20, "won_here")] * 20 + [Spell(21, "")] * 40
    curve = curve_of(spells)
    assert still_to_come(curve, ("won_here",), 20) == approx(0.4 * 0.2 / 0.6)
    share, horizon = share_in_the_end(curve, ("won_here",))
    assert (share.share, horizon.age) == (approx(0.6), 21)
    assert share.high == approx(wilson(0.6, 100)[1] + 0.4 * 0.2 / 0.6)


# -------------------------------------------------------------------- horizons by hand

SLOW = [Spell(age, "next", 10) for age in range(1, 11)]  # ten a day leave, days 1 to 10


def test_horizon_is_the_rung_above_nine_of_ten() -> None:
    assert settled_age(curve_of(SLOW)) == Horizon(9.0, "learnt")
    assert learn_horizon(curve_of(SLOW)) == Horizon(10.0, "learnt")
    assert learn_horizon(curve_of(SLOW), expected=10.5) == Horizon(14.0, "learnt")
    assert learn_horizon(curve_of(SLOW), rungs=HOUR_RUNGS) == Horizon(12.0, "learnt")


def test_all_leave_in_three_days_is_an_estimate() -> None:
    curve = curve_of([Spell(day, kind, 7) for day, kind in product((0, 1, 3), ("next", "lost"))])
    found = share_at(curve, ("lost",), 7)
    assert found.share == approx(0.5)
    assert (found.low, found.high) == approx(wilson(0.5, 42))
    assert staying_at(curve, 7).share == 0.0
    assert learn_horizon(curve) == Horizon(3.0, "learnt")


def test_horizon_is_cut_where_too_few_are_followed() -> None:
    some = [Spell(1, "next", 10), Spell(2, "lost", 10), Spell(11, "next", 8)]
    curve = curve_of([*some, Spell(11, n=2), Spell(30, n=20)])
    assert longest_followed(curve) == 30
    assert settled_age(curve).age == 11
    assert learn_horizon(curve).age == 14
    early = curve_of([*some, Spell(12, n=22)])
    assert longest_followed(early) == 12
    assert learn_horizon(early) == Horizon(12.0, "learnt")  # cut at t*
    assert learn_horizon(early, expected=500.0).age == 12


def test_above_the_last_rung_nothing_is_rounded() -> None:
    curve = curve_of([Spell(800, "lost", 40)])
    assert learn_horizon(curve) == Horizon(800.0, "learnt")
    assert learn_horizon(curve, expected=900.0) == Horizon(900.0, "learnt")
    cut = curve_of([Spell(800, "lost", 40), Spell(850, n=60)])
    assert learn_horizon(cut, expected=900.0) == Horizon(850.0, "learnt")


def test_too_little_to_learn_from() -> None:
    few = Horizon(None, "", "few_to_learn")
    assert learn_horizon(curve_of([Spell(1, "next", 29)])) == few
    assert learn_horizon(curve_of([Spell(1, "next", 14), Spell(9, n=80)])) == few
    assert learn_horizon(curve_of([Spell(1, "next", 15), Spell(9, n=80)])).age == 1
    late = [Spell(9, "next", 40, since=5)]
    assert learn_horizon(curve_of(late)) == Horizon(None, "", "few_followed")


KEPT = [Spell(age, "next", 10) for age in range(11, 21)]  # q = 19, the rung is 21


@pytest.mark.parametrize(
    ("earlier", "expected", "stays"),
    [
        (30.0, None, True),  # a rung too long, and q = 19 > .72 of 21
        (45.0, None, False),  # q = 19 <= .72 of 30
        (18.0, None, True),  # q = 19 <= 1.1 times 18
        (17.0, None, False),  # q = 19 > 1.1 times 17
        (20.0, 20.0, True),
        (20.0, 20.5, False),  # E has grown beyond it
    ],
)
def test_the_horizon_of_the_last_run_is_kept_while_it_fits(
    earlier: float, expected: float | None, *, stays: bool
) -> None:
    curve = curve_of(KEPT)
    fresh = learn_horizon(curve, expected)
    assert fresh == Horizon(21.0, "learnt")
    again = learn_horizon(curve, expected, earlier=earlier)
    assert again == (Horizon(earlier, "kept") if stays else fresh)


def test_a_horizon_beyond_what_is_followed_is_not_kept() -> None:
    spells = [Spell(age, "next", 9) for age in range(11, 21)]
    curve = curve_of([*spells, Spell(25, n=50)])
    assert longest_followed(curve) == 25
    assert learn_horizon(curve, earlier=30.0) == Horizon(21.0, "learnt")
    assert learn_horizon(curve, earlier=25.0) == Horizon(25.0, "kept")


def test_below_the_first_rung_any_quantile_keeps_it() -> None:
    curve = curve_of([Spell(1, "next", 40)])
    assert learn_horizon(curve, earlier=1.5) == Horizon(1.5, "kept")
    assert learn_horizon(curve, earlier=1.0) == Horizon(1.0, "learnt")  # nothing to keep
    half = curve_of([Spell(0, "next", 20), Spell(1, "next", 20)])
    assert learn_horizon(half, earlier=0.95) == Horizon(0.95, "kept")


# -------------------------------------------------------------------- expected days by hand


def test_expected_days_by_hand() -> None:
    assert learn_expected(curve_of(SLOW), ADVANCED) == Horizon(9.0, "learnt")
    lost = [Spell(20, "lost", 100)]
    assert learn_expected(curve_of([*SLOW, *lost]), ADVANCED) == Horizon(9.0, "learnt")


def test_expected_days_need_fifty_advances() -> None:
    few = Horizon(None, "", "few_advances")
    assert learn_expected(curve_of([Spell(1, "next", 49)]), ADVANCED) == few
    assert learn_expected(curve_of([Spell(1, "next", 50)]), ADVANCED).age == 1
    after = [Spell(5, n=170), Spell(8, "next", 50, since=6)]  # all of them after t*
    assert longest_followed(curve_of([*after, Spell(3, n=1)])) >= 5
    none_yet = curve_of([Spell(5, "lost", 150), Spell(6, n=40), Spell(9, "next", 60, since=8)])
    found = learn_expected(none_yet, ADVANCED)
    assert found.age is not None or found.reason == "few_advances"


def test_advances_after_the_last_followed_age_teach_nothing() -> None:
    """Nobody is at risk from 7 on until others come: t* is 6, and no one has advanced by then."""
    curve = curve_of([Spell(6, n=40), Spell(20, "next", 60, since=9)])
    assert longest_followed(curve) == 6
    assert learn_expected(curve, ADVANCED) == Horizon(None, "", "few_advances")


def test_expected_days_need_a_plateau() -> None:
    rising = [Spell(age, "next", 10) for age in range(1, 9)]
    still = [Spell(8, n=60)]
    curve = curve_of([*rising, *still])
    assert longest_followed(curve) == 8
    assert learn_expected(curve, ADVANCED) == Horizon(None, "", "no_plateau")
    flat = curve_of([*rising, Spell(16, n=60)])
    assert learn_expected(flat, ADVANCED) == Horizon(8.0, "learnt")


def test_exactly_one_in_twenty_is_a_plateau() -> None:
    curve = curve_of([Spell(1, "next", 57), Spell(19, "next", 3), Spell(20, n=40)])
    assert longest_followed(curve) == 20
    assert learn_expected(curve, ADVANCED).age == 1
    more = curve_of([Spell(1, "next", 56), Spell(19, "next", 4), Spell(20, n=40)])
    assert learn_expected(more, ADVANCED).reason == "no_plateau"


def declare(**values: Any) -> stage_results.Declared:  # noqa: ANN401 - fields of Declared
    return stage_results.Declared(**values)


def test_what_is_declared_beats_all() -> None:
    curve = curve_of(SLOW)
    learnt = stage_results.learn_stage(curve, None, declare(expected=2.5), clicked_through=0.9)
    assert learnt.expected == Horizon(2.5, "declared")
    both = stage_results.learn_stage(
        curve, None, declare(expected=60.0, horizon=4.0), clicked_through=0.9
    )
    assert both.horizon == Horizon(4.0, "declared")  # even under E
    assert both.expected.age == 60
    zero = stage_results.learn_stage(curve, None, declare(expected=0.0), clicked_through=0.0)
    assert zero.expected == Horizon(0.0, "declared")


def test_clicking_through_leaves_no_expected_days() -> None:
    curve = curve_of(SLOW)
    learnt = stage_results.learn_stage(curve, None, declare(), clicked_through=0.31)
    assert learnt.expected == Horizon(None, "", "clicked_through")
    assert learnt.horizon.age == 10
    assert stage_results.learn_stage(curve, None, declare(), clicked_through=0.3).expected.age == 9


def test_expected_days_too_unsure() -> None:
    """Half advance on day 1 and the rest late: the age of 9 in 10 hangs on a few deals."""
    stays = [Spell(1, "next", 46), *(Spell(age, "next") for age in range(6, 60, 9))]
    rows = [
        (i, arrives, 0 if arrives else age, -1 if arrives else 1, 1)
        for i, (age, n) in enumerate(each(stays))
        for arrives in (1, 0)
    ]
    names = ("cluster", "arrives", "age", "exit", "n")
    clusters = dict(zip(names, np.array(rows).T, strict=True))
    learnt = stage_results.learn_stage(curve_of(stays), clusters, declare(), clicked_through=0.0)
    assert learnt.expected == Horizon(None, "", "too_unsure")
    assert stage_results.learn_stage(
        curve_of(stays), None, declare(), clicked_through=0.0
    ).expected.age


def each(spells: list[Spell]) -> list[tuple[int, int]]:
    """Return every passage by itself."""
    return [(s.until, 1) for s in spells for _ in range(s.n)]


def test_went_overdue_needs_a_baseline_or_a_declaration() -> None:
    curve = curve_of(SLOW)
    learnt = stage_results.Learnt(Horizon(10.0, "learnt"), Horizon(9.0, "learnt"))
    assert stage_results.read_stage(curve, learnt, has_baseline=True).went_overdue.share == approx(
        0.1
    )
    missing = stage_results.read_stage(curve, learnt, has_baseline=False).went_overdue
    assert missing == Share.missing("no_baseline")
    said = replace(learnt, expected=Horizon(5.0, "declared"))
    assert stage_results.read_stage(curve, said, has_baseline=False).went_overdue.share == approx(
        0.5
    )
    no_h = stage_results.Learnt(Horizon(None, "", "few_to_learn"), Horizon(None, "", "no_plateau"))
    readings = stage_results.read_stage(curve, no_h, has_baseline=True)
    assert readings.lost == Share.missing("few_to_learn")
    assert readings.went_overdue == Share.missing("no_plateau")


def test_four_shares_sum_to_one() -> None:
    curve = curve_of(golden_spells(delayed=False))
    learnt = stage_results.Learnt(Horizon(10.0, "declared"), Horizon(None, "", "few_advances"))
    got = stage_results.read_stage(curve, learnt, has_baseline=True)
    shares = [s.share or 0.0 for s in (got.advance, got.lost, got.returned, got.stalled)]
    assert sum(shares) == approx(1.0, 1e-12)


def test_quantiles_are_missing_where_they_are_not_known() -> None:
    half = curve_of([Spell(4, "next", 50), Spell(9, n=50)])
    assert quantile_age(half, 0.5) == Horizon(4.0, "learnt")
    assert quantile_age(half, 0.51) == Horizon(None, "", "not_reached")
    few = curve_of([Spell(4, "next", 10), Spell(9, n=9)])
    assert quantile_age(few, 0.5) == Horizon(None, "", "few_followed")


def test_money_weighs_as_deals_would() -> None:
    """A deal of 3 counts as three of 1."""
    ages, n = ints([0]), ints([25])
    lost = (ints([2, 5]), ints([5, 5]))
    counts = StayCounts(
        (ages, n),
        {"lost": lost, "next": (ints([3]), ints([15]))},
        (ages, ints([15 + 10 + 5 * 9_007_199_254_740_993])),
        {
            "lost": (ints([2, 5]), ints([10, 5 * 9_007_199_254_740_993])),
            "next": (ints([3]), n - 10),
        },
    )
    assert counts.value_table().at_risk[0] == 25 + 5 * 9_007_199_254_740_993
    found = stage_results.lost_by_value(counts, None, Horizon(5.0, "declared"))
    assert found.share == approx(1.0)
    by_count = stage_results.lost_any_visit(counts, None, Horizon(5.0, "declared"))
    assert by_count.share == approx(float(Fraction(10, 25)))
