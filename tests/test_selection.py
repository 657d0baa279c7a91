"""A part of the data: its numbers are those of the rows that `passages` lists for it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import leakkit
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.measures.balance import ENTRY_TERMS, EXIT_TERMS
from leakkit.sample import PipelinePlan, Plan, StagePlan, make
from tests.test_analysis import plain

if TYPE_CHECKING:
    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.store import Store

ADVANCED = ("next", "jumped", "won_here")

PLAN = Plan(
    (
        PipelinePlan(
            "Rentals",
            stages=(
                StagePlan("Inquiry", dwell_days=4),
                StagePlan("Proforma", returned_share=0.15, dwell_days=8),
                StagePlan("Order", returned_share=0.1, dwell_days=3),
            ),
            skip_share=0.15,
            reopen_share=0.2,
        ),
        PipelinePlan("Service", stages=(StagePlan("Call"), StagePlan("Visit", dwell_days=12))),
    ),
    start="2025-01-01",
    as_of="2026-03-31",
    timezone="UTC",
)


@cache
def store() -> Store:
    """A sample, with a column that says the same of every deal, and one of a single pipeline."""
    made = make(1200, seed=7, plan=PLAN)
    deals = made.opportunities.assign(
        same="all", own=made.opportunities["pipeline"].map(lambda name: f"of {name}")
    )
    text = made.config.replace("segments = [", 'segments = ["same", "own", ')
    frames = {"opportunities": deals, "stage_history": made.stage_history}
    return leakkit.load(frames, Config.from_text(text))


@cache
def whole() -> Analysis:
    return leakkit.analyze(store())


@cache
def rows(pipeline: str) -> pd.DataFrame:
    """Every passage of a pipeline, with the region of its deal."""
    deals = store().frame(
        "SELECT opportunity_id, region FROM opportunities ORDER BY opportunity_id"
    )
    return leakkit.passages(store(), pipeline=pipeline).merge(deals, on="opportunity_id")


def count_pipeline(pipeline: PipelineNumbers) -> PipelineNumbers:
    """A pipeline without what a change costs, which is said of everything only."""
    return pipeline.replace(costs=None)


def regions() -> list[str]:
    return sorted(set(rows("Rentals")["region"]))


def naive_share(
    passages: pd.DataFrame, kinds: tuple[str, ...], age: float, days: tuple[int, int]
) -> float:
    """Aalen-Johansen as METHOD section 2 and 5 write it, passage by passage and day by day."""
    first, end = days
    entered, stay = passages["entered_day"], passages["stay"]
    last = stay.fillna(10**6).astype(int)
    staying, share = 1.0, 0.0
    for u in range(int(age) + 1):
        inside = (entered + u >= first) & (entered + u < end)
        at_risk = int((inside & (last >= u)).sum())
        leaving = passages[inside & (last == u) & ~passages["exit"].isin(["open", "moved"])]
        if at_risk:
            share += staying * leaving["exit"].isin(kinds).sum() / at_risk
            staying *= 1 - len(leaving) / at_risk
    return share


@pytest.mark.parametrize("name", ["Rentals", "Service"])
def test_a_segment_that_holds_every_deal_changes_nothing(name: str) -> None:
    part = leakkit.analyze(store(), name, segment="same", value="all")
    assert plain(part.pipelines) == [plain(count_pipeline(whole()[name]))]
    assert part.all_findings == (), "they are of everything"
    assert part.selection.columns == (("same", ("all",)),)


def test_the_counts_of_a_segment_are_those_of_its_rows() -> None:
    for region in regions():
        part = leakkit.analyze(store(), "Rentals", segment="REGION", value=region)["Rentals"]
        mine = rows("Rentals").query("region == @region")
        for stage, balance in zip(part.stages, part.balances, strict=True):
            here = mine[mine["stage"] == stage.name]
            assert stage.exits.entered == len(here)
            assert stage.first_visits == (here["visit"] == 1).sum()
            lost = here["value"][here["exit"] == "lost"].sum()
            assert stage.value_lost == round(lost * 100)
            for term in EXIT_TERMS:
                assert getattr(stage.exits, term) == (here["exit"] == term).sum()
            for term in ENTRY_TERMS:
                assert getattr(balance, term) == (here["entry"] == term).sum()


def test_segments_add_up_to_the_whole() -> None:
    for name in ("Rentals", "Service"):
        parts = [
            leakkit.analyze(store(), name, segment="region", value=region)[name]
            for region in regions()
        ]
        all_of_it = whole()[name]
        for term in ("new", "reopened", "won", "lost", "moved", "overdue", "in_time"):
            for of in ("balance", "balance_value"):
                total = sum(getattr(getattr(part, of), term) for part in parts)
                assert total == getattr(getattr(all_of_it, of), term), term
        assert sum(part.pipe.entered for part in parts) == all_of_it.pipe.entered
        assert sum(part.pipe.lost for part in parts) == all_of_it.pipe.lost
        assert sum(part.opportunities for part in parts) == all_of_it.opportunities
        assert sum(part.route.entrants for part in parts) == all_of_it.route.entrants


@pytest.mark.parametrize("window", ["all", "current", "baseline"])
@pytest.mark.parametrize("visits", ["first", "all"])
def test_shares_are_those_of_the_listed_rows(window: str, visits: str) -> None:
    region = regions()[0]
    part = leakkit.analyze(
        store(), "Rentals", segment="region", value=region, window=window, visits=visits
    )["Rentals"]
    days = {
        "all": (part.windows.start_day, part.windows.end_day),
        "current": part.windows.current,
        "baseline": part.windows.baseline,
    }[window]
    assert days is not None
    seen = 0
    for stage in part.stages:
        listed = leakkit.passages(
            store(),
            pipeline="Rentals",
            stage=stage.name,
            segment="region",
            value=region,
            window=window,
            visits=visits,
        )
        assert stage.curve.table.entrants == len(listed)
        if stage.horizon.age is None or stage.lost.share is None:
            continue
        seen += 1
        for found, kinds in (
            (stage.lost, ("lost",)),
            (stage.advance, ADVANCED),
            (stage.returned, ("returned",)),
        ):
            expected = naive_share(listed, kinds, stage.horizon.age, days)
            assert found.share is not None
            assert found.low is not None
            assert found.high is not None
            assert found.share == pytest.approx(expected, abs=1e-9)
            assert found.low <= found.share <= found.high
        gone = naive_share(listed, (*ADVANCED, "lost", "returned"), stage.horizon.age, days)
        assert stage.stalled.share == pytest.approx(1 - gone, abs=1e-9)
    assert seen


@pytest.mark.parametrize("window", ["all", "current", "baseline"])
def test_windows_are_whole_days_in_a_pipeline_by_the_hour(window: str) -> None:
    start = pd.Timestamp("2026-01-01")
    rows_of = []
    for at in range(400):
        deal, came = f"d{at:03}", start + pd.Timedelta(hours=7 * at)
        rows_of.append((deal, "A", came))
        rows_of.append((deal, "Lost" if at % 4 == 0 else "B", came + pd.Timedelta(hours=at % 50)))
    history = pd.DataFrame(rows_of, columns=["opportunity_id", "stage", "entered_at"])
    text = """
    [comparison]
    current_days = 30
    [[pipelines]]
    name = "P"
    unit = "hour"
    stages = [{ name = "A" }, { name = "B" }]
    """
    hours = leakkit.load({"stage_history": history}, Config.from_text(text))
    part = leakkit.analyze(hours, window=window)["P"]
    days = {
        "all": (part.windows.start_day, part.windows.end_day),
        "current": part.windows.current,
        "baseline": part.windows.baseline,
    }[window]
    assert days is not None
    stage = part.stages[0]
    listed = leakkit.passages(hours, stage="A", window=window)
    listed["entered_day"] = listed["entered_at"] // 3600  # the hour, in which stays are
    assert stage.horizon.age is not None
    expected = naive_share(listed, ("lost",), stage.horizon.age, (days[0] * 24, days[1] * 24))
    used = listed["entered_day"] < part.windows.end_day * 24
    assert stage.curve.table.entrants == used.sum()
    assert stage.lost.share == pytest.approx(expected, abs=1e-9)


def test_a_part_is_read_at_the_ages_of_the_whole() -> None:
    part = leakkit.analyze(
        store(), "Rentals", segment="region", value=regions()[0], window="current"
    )["Rentals"]
    all_of_it = whole()["Rentals"]
    for mine, theirs in zip(part.stages, all_of_it.stages, strict=True):
        assert (mine.horizon, mine.expected) == (theirs.horizon, theirs.expected)
        assert (mine.won_horizon.age or 0.0) <= (theirs.won_horizon.age or 0.0)
    every_day = leakkit.analyze(store(), "Rentals", segment="region", value=regions()[0])
    assert every_day["Rentals"].pipe.mature_days == all_of_it.pipe.mature_days
    assert part.route.limit == all_of_it.route.limit


def test_a_window_changes_all_but_what_follows_a_deal_through_its_life() -> None:
    part, all_of_it = leakkit.analyze(store(), "Rentals", window="current"), whole()
    mine, theirs = part["Rentals"], all_of_it["Rentals"]
    assert mine.balance.opening > 0
    assert mine.balance.lost < theirs.balance.lost
    assert [stage.exits for stage in mine.stages] != [stage.exits for stage in theirs.stages]
    assert [stage.lost for stage in mine.stages] != [stage.lost for stage in theirs.stages]
    assert mine.pipe.created_from_day == mine.days[0] if mine.days else False
    assert plain(mine.route) == plain(theirs.route)
    assert [stage.won_from_here for stage in mine.stages] == [
        stage.won_from_here for stage in theirs.stages
    ]


def test_the_bootstrap_of_all_visits_is_the_one_of_the_stage_table() -> None:
    part = leakkit.analyze(store(), "Rentals", visits="all")["Rentals"]
    for mine, theirs in zip(part.stages, whole()["Rentals"].stages, strict=True):
        assert mine.lost == theirs.lost_any_visit


@pytest.mark.parametrize("policy", ["observed", "reached", "strict"])
def test_a_policy_is_that_of_the_configuration(policy: str) -> None:
    chosen = leakkit.analyze(store(), "Rentals", policy=policy)["Rentals"]
    shares = [stage.lost.share for stage in chosen.stages]
    assert losing_order(chosen, shares) == chosen.losing_order[policy]
    assert chosen.skip_policy == policy
    if policy == "observed":
        assert plain(chosen) == plain(count_pipeline(whole()["Rentals"]))
    else:
        assert shares != [stage.lost.share for stage in whole()["Rentals"].stages]


def losing_order(pipeline: PipelineNumbers, shares: list[float | None]) -> tuple[int, ...]:
    """Order the stages by their share."""
    known = [(share, stage.stage) for share, stage in zip(shares, pipeline.stages, strict=True)]
    return tuple(at for share, at in sorted((-s, at) for s, at in known if s is not None))


def test_a_value_of_another_pipeline_leaves_nothing() -> None:
    part = leakkit.analyze(store(), segment="own", value="of Service")
    empty = part["Rentals"]
    assert empty.opportunities == 0
    assert empty.pipe.entered == 0
    assert all(stage.exits.entered == 0 for stage in empty.stages)
    assert plain(part["Service"]) == plain(count_pipeline(whole()["Service"]))
    for view in ("headline", "balance", "pipe", "stages", "days", "months", "data"):
        assert getattr(leakkit.views, view)(part, "Rentals").section()


@pytest.mark.parametrize(
    ("part", "code", "said"),
    [
        ({"segment": "colour", "value": "red"}, "no_segment", "There is no segment 'colour'."),
        ({"value": "red"}, "no_segment", "There is no segment ''."),
        ({"segment": "own", "value": "red"}, "no_value", "'of Rentals', 'of Service'."),
        ({"segment": "own"}, "no_value", "segment='own' needs its value"),
        ({"window": "last"}, "no_window", "There are: all, current, baseline."),
        ({"visits": "last"}, "no_visits", "There are: first, all."),
        ({"policy": "lax"}, "no_policy", "There are: observed, reached, strict."),
        ({"visits": "all", "policy": "strict"}, "all_visits_observed", "as observed"),
    ],
)
def test_what_is_not_there_is_named(part: dict[str, Any], code: str, said: str) -> None:
    with pytest.raises(LeakkitError) as caught:
        leakkit.analyze(store(), **part)
    assert caught.value.code == code
    assert said in str(caught.value)


def test_a_window_that_a_short_history_has_not() -> None:
    rows_of = [("d", "A", "2026-01-01"), ("d", "B", "2026-01-03")]
    history = pd.DataFrame(rows_of, columns=["opportunity_id", "stage", "entered_at"])
    short = leakkit.load({"stage_history": history})
    for ask in (leakkit.analyze, leakkit.passages):
        with pytest.raises(LeakkitError) as caught:
            ask(short, window="baseline")
        assert caught.value.code == "no_window"
