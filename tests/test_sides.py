"""Two parts side by side: planted differences are found, none is called where there is none."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import leakkit
from benchmarks.truth.sides import END, compare_at_stages, is_called
from leakkit import views
from leakkit.analysis.gaps import compare_parts, compare_values
from leakkit.errors import LeakkitError
from leakkit.findings.part_comparison import CHANCE, FEW, FEWER, MORE
from leakkit.sample import PipelinePlan, Plan, StagePlan, make
from leakkit.views import View, exploring
from leakkit.views.exploring import Follower
from leakkit.views.picture_widgets import CompareWidgets
from tests.running import load_made

if TYPE_CHECKING:
    from leakkit.analysis import Analysis

NAME = "Rentals"
PLAN = Plan(
    (
        PipelinePlan(
            NAME,
            stages=(
                StagePlan("Inquiry", dwell_days=9),
                StagePlan("Proforma", lost_share=0.3, returned_share=0.1, dwell_days=20),
            ),
            skip_share=0.1,
        ),
    ),
    start="2025-01-01",
    as_of="2026-03-31",
    timezone="UTC",
)


@cache
def analysis() -> Analysis:
    return leakkit.analyze(load_made(make(900, seed=5, plan=PLAN)))


@cache
def visits() -> pd.DataFrame:
    store = analysis().opened()
    rows = leakkit.passages(store, visits="first").drop(columns=["owner", "value"])
    deals = store.frame("SELECT * FROM opportunities ORDER BY opportunity")
    kept = ["opportunity_id", "region", "owner", "value"]
    return rows.merge(deals[kept], on="opportunity_id")


def lost_by(rows: pd.DataFrame, first: int, end: int, horizon: float) -> tuple[int, int, float]:
    """Count again, age by age: who was there on these days, who was lost, and which share is."""
    gone = rows["left_day"].fillna(10**6)
    seen = rows[(rows["entered_day"] < end) & (gone >= first)]
    left = seen["left_day"].fillna(10**6)
    inside = (left < end) & ~seen["exit"].isin(["open", "moved"])
    come = (first - seen["entered_day"]).clip(lower=0)
    go = left.clip(upper=end - 1) - seen["entered_day"]
    staying, lost = 1.0, 0.0
    for age in range(int(horizon) + 1):
        there = ((come <= age) & (go >= age)).sum()
        leaving = inside & (go == age)
        if there:
            lost += staying * (leaving & (seen["exit"] == "lost")).sum() / there
            staying *= 1.0 - leaving.sum() / there
    return len(seen), int((inside & (seen["exit"] == "lost")).sum()), lost


@pytest.mark.parametrize(
    "given",
    [
        {"one": {"region": "North"}, "other": {"region": ["South", "East"]}},
        {"one": {"region": "North"}},
        {},
        {"day": "2025-11-20"},
        {"one": {"region": ["North", "South"]}, "day": "2025-11-20"},
        {"one": ("2025-02-01", "2025-06-30"), "other": ("2025-07-01", "")},
    ],
)
def test_both_parts_are_those_that_pandas_counts(given: dict[str, Any]) -> None:
    found = compare_parts(analysis(), **given)
    for part, rest in ((found.one, False), (found.other, found.other.rest)):
        meant = pd.Series(data=True, index=visits().index)
        for column, values in part.selection.columns:
            meant &= visits()[column].isin(values)
        rows = visits()[~meant if rest else meant]
        for gap in found.gaps:
            side = gap.other if part is found.other else gap.one
            stage = found.pipeline.stages[gap.stage]
            assert gap.horizon == stage.horizon.age
            here = rows[rows["stage"] == stage.name]
            entered, lost, share = lost_by(here, *part.days, stage.horizon.age or 0.0)
            assert (side.visits, side.lost) == (entered, lost)
            assert side.share.share == pytest.approx(share, abs=1e-9)


def test_a_part_is_what_its_own_analysis_says() -> None:
    part = leakkit.analyze(analysis().opened(), NAME, segment="region", value="North")
    gaps = compare_parts(analysis(), part, {"region": "South"}).gaps
    for gap, stage in zip(gaps, part[NAME].stages, strict=True):
        assert gap.one.share.share == stage.lost.share
        assert (gap.one.share.low, gap.one.share.high) == pytest.approx(
            (stage.lost.low, stage.lost.high)
        )
    within = compare_parts(part, day="2025-11-20")
    assert sum(gap.one.visits + gap.other.visits for gap in within.gaps) >= sum(
        stage.first_visits for stage in part[NAME].stages
    )


def test_turning_the_parts_round_turns_the_difference_round() -> None:
    parts = {"region": "North"}, {"region": "South"}
    one, other = compare_parts(analysis(), *parts), compare_parts(analysis(), *parts[::-1])
    turned = {MORE: FEWER, FEWER: MORE, CHANCE: CHANCE, FEW: FEW}
    for here, there in zip(one.gaps, other.gaps, strict=True):
        assert here.comparison is not None
        assert there.comparison is not None
        assert here.comparison.change == pytest.approx(-there.comparison.change)
        assert here.comparison.low == pytest.approx(-there.comparison.high)
        assert here.q_value == pytest.approx(there.q_value)
        assert turned.get(here.verdict, "perhaps") == turned.get(there.verdict, "perhaps") or (
            turned[here.verdict] == there.verdict
        )


def test_what_is_planted_is_found_and_covered_and_nothing_else_is_called() -> None:
    looks = 60
    found, covered, null = 0, 0, 0
    for seed in range(looks):
        (gap, *_) = compare_at_stages(seed, planted=0.15)
        assert gap.comparison is not None
        found += gap.verdict == MORE
        covered += gap.comparison.low <= 0.15 <= gap.comparison.high
        null += is_called(compare_at_stages(seed + 500, owners=8, nested=True, owner_sd=0.5))
    assert found >= 0.9 * looks
    assert covered >= 0.9 * looks
    assert null <= 0.1 * looks


def test_owners_who_differ_each_by_himself_are_no_difference_of_regions() -> None:
    seeds = range(80)
    with_owners = [compare_at_stages(s, owners=6, nested=True, owner_sd=0.6) for s in seeds]
    without = [
        compare_at_stages(s, owners=6, nested=True, owner_sd=0.6, by_owner=False) for s in seeds
    ]
    assert sum(map(is_called, without)) > 3 * sum(map(is_called, with_owners))


def test_few_deals_are_said_to_be_few() -> None:
    small = compare_at_stages(1, deals=40, day=END - 10)
    assert {gap.verdict for gap in small} == {FEW}
    assert all(gap.comparison is None for gap in small)


def test_every_value_is_held_against_the_rest() -> None:
    found = compare_values(analysis(), "REGION")
    assert {one.one.selection.columns[0][0] for one in found} == {"region"}
    for one in found:
        for gap in one.gaps:
            rows = visits()[visits()["stage"] == one.pipeline.stages[gap.stage].name]
            n = (rows["region"] == one.one.selection.columns[0][1][0]).sum()
            assert (gap.one.visits, gap.other.visits) == (n, len(rows) - n)
    q = [gap.q_value for one in found for gap in one.gaps if gap.q_value is not None]
    p = [gap.comparison.p_value for one in found for gap in one.gaps if gap.comparison]
    assert min(q) >= min(p)
    assert found[0].owner == "owner"
    assert compare_values(analysis(), "owner")[0].owner == "", "owners are what is compared"


NORTH, SOUTH = {"region": "North"}, {"region": "South"}


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ({"one": NORTH, "other": {"owner": "Jonas Feld"}}, "shared_deals", "on the same days"),
        ({"one": NORTH, "other": NORTH}, "shared_deals", "leave the second part out"),
        ({"one": ("", "2025-06-30"), "other": ("2025-06-30", "")}, "shared_deals", "same days"),
        ({"other": NORTH}, "two_parts", "Name the first part"),
        ({"one": NORTH, "other": SOUTH, "day": "2025-06-01"}, "two_parts", "leave the second"),
        ({"day": "2031-01-01"}, "no_days", "choose one from 2025-01-0"),
        ({"day": "soon"}, "no_days", "the first day and the last"),
        ({"one": 7}, "no_part", 'Write for example: {"owner": "A"}'),
        ({"one": {"region": "Nowhere"}}, "no_value", "'Nowhere' in region"),
    ],
)
def test_what_cannot_be_compared_is_said(given: dict[str, Any], code: str, said: str) -> None:
    with pytest.raises(LeakkitError) as caught:
        leakkit.compare(analysis(), **given)
    assert caught.value.code == code
    assert said in str(caught.value)


def test_the_view_says_what_was_found(tmp_path: Any) -> None:  # noqa: ANN401 - a path
    found = compare_parts(analysis(), {"region": "North"}, {"region": "South"})
    view = leakkit.compare(analysis(), {"region": "North"}, {"region": "South"})
    assert isinstance(view, View)
    rows = pd.read_csv(view.save(tmp_path / "sides.csv"), skiprows=1)
    assert rows["First visits"].astype(str).tolist() == [f"{g.one.visits:,}" for g in found.gaps]
    frame = view.frame()
    assert frame["difference"].tolist() == [g.comparison.change for g in found.gaps if g.comparison]
    assert frame["one"][0].startswith("region = North, 2025-01-0")
    assert view.save(tmp_path / "sides.png").stat().st_size > 1_000
    assert str(view.section()).count('<th scope="row">') == len(found.gaps)
    every = leakkit.compare(analysis(), column="region")
    assert str(every.section()).count("<svg") == len(compare_values(analysis(), "region"))


def test_it_follows_the_bar_and_its_own_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    filters = leakkit.filters(analysis())
    shown = leakkit.explore(views.compare, filters)
    assert isinstance(shown, Follower)
    assert shown.view == leakkit.compare(analysis())
    choices = CompareWidgets(shown)
    choices.what.value = ("every", "owner")
    assert shown.view == leakkit.compare(analysis(), column="owner")
    choices.what.value = ("two", "region")
    choices.second.value = next(
        v for _, v in choices.second.options[1:] if v != choices.first.value
    )
    pair = {"region": choices.first.value}, {"region": choices.second.value}
    assert shown.view == leakkit.compare(analysis(), *pair)
    owner = visits()["owner"].iloc[0]
    filters.set(segment="owner", value=owner)
    part = leakkit.analyze(analysis().opened(), NAME, segment="owner", value=owner)
    assert shown.view == leakkit.compare(part, *pair)
    code = eval(shown.code, {"leakkit": leakkit, "data": analysis().opened()})  # noqa: S307 - the call on the screen must run
    assert code.section() == shown.view.section()
    choices.second.value = choices.first.value
    assert "Nothing is compared" in shown.view.headline
    choices.what.value = ("now", "")
    filters.set(window="current")
    assert "Nothing is compared" in shown.view.headline
    monkeypatch.setattr(exploring, "runs_alone", lambda: True)
    assert leakkit.explore(views.compare, leakkit.filters(analysis())) == leakkit.compare(
        analysis()
    )


def test_only_values_of_the_chosen_deals_are_compared() -> None:
    part = leakkit.analyze(analysis().opened(), segment={"region": ["North", "South"]})
    names = {each.one.selection.columns[-1][1] for each in compare_values(part, "region")}
    assert names == {("North",), ("South",)}
    with pytest.raises(LeakkitError) as caught:
        compare_values(leakkit.analyze(analysis().opened(), segment={"region": "North"}), "region")
    assert caught.value.code == "one_value"
