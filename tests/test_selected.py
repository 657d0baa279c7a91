"""Whatever is chosen, every count is that of the same deals counted again by pandas."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import leakkit
from leakkit.analysis.numbers import PipelineNumbers
from leakkit.analysis.parts import Selector
from leakkit.analysis.scope import Selection, select
from leakkit.analysis.spine import find_all
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.measures.age_counts import ADVANCED
from leakkit.measures.balance import ENTRY_TERMS, EXIT_TERMS
from leakkit.plain import plain
from leakkit.sample import PipelinePlan, Plan, StagePlan, make
from leakkit.store.relations import MOST_COUNTED
from leakkit.views.grids import grids
from tests.running import load_made, sample_analysis
from tests.thoroughness import seeds

if TYPE_CHECKING:
    from leakkit.analysis import Analysis
    from leakkit.store import Store

NAME = "Rentals"
FRAMED = ("headline", "stages", "balance", "months", "pipe")
"""The views whose frames are counts."""
PLAN = Plan(
    (
        PipelinePlan(
            NAME,
            stages=(
                StagePlan("Inquiry", dwell_days=9),
                StagePlan("Proforma", returned_share=0.15, dwell_days=20),
                StagePlan("Order", returned_share=0.1, dwell_days=12),
            ),
            skip_share=0.15,
            reopen_share=0.2,
        ),
    ),
    start="2025-01-01",
    as_of="2026-03-31",
    timezone="UTC",
)


@cache
def store() -> Store:
    return load_made(make(500, seed=11, plan=PLAN))


@cache
def whole() -> Analysis:
    return leakkit.analyze(store())


@cache
def selector() -> Selector:
    return Selector(whole(), NAME)


@cache
def deals() -> pd.DataFrame:
    """Every deal with its columns, its value in major units and its days."""
    sql = "SELECT * FROM opportunities ORDER BY opportunity"
    return store().frame(sql).assign(major=lambda d: d["value"] / 100)


@cache
def visits() -> pd.DataFrame:
    """Every visit, with the number of its stage and the columns of its deal."""
    rows = leakkit.passages(store()).drop(columns=["owner", "outcome", "value", "name"])
    names = [stage.name for stage in whole()[NAME].stages]
    rows["at"] = rows["stage"].map(names.index)
    return rows.merge(deals(), on="opportunity_id", suffixes=("", "_of_deal"))


def draw_selection(seed: int) -> Selection:
    """A state of the bar, drawn at random."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    columns = {}
    for name in rng.sample(["region", "owner", "source", "product"], rng.choice([0, 1, 1, 2])):
        values = sorted(set(deals()[name]))
        columns[name] = rng.sample(values, rng.randint(1, len(values)))
    known = sorted(deals()["major"].dropna())
    low, high = sorted(rng.sample(known, 2))
    worth = rng.choice([(None, None), (None, None), (low, None), (None, high), (low, high)])
    windows = whole()[NAME].windows
    first = rng.randint(windows.start_day, windows.end_day - 1)
    last = rng.randint(first, windows.end_day - 1)
    said = [pd.Timestamp(day, unit="D").strftime("%Y-%m-%d") for day in (first, last)]
    days = rng.choice([("", ""), (said[0], ""), ("", said[1]), tuple(said), tuple(said)])
    window = rng.choice(["all", "current", "baseline"]) if days == ("", "") else "all"
    everyone = rng.choice([{}, {}, {"visits": "all"}, {"policy": "strict"}])
    return select(columns, worth=worth, days=days, window=window, **everyone)


def say_of(selection: Selection) -> pd.Series[bool]:
    """Say of every deal whether it is meant, by its columns and its value."""
    found = pd.Series(data=True, index=deals().index)
    for name, values in selection.columns:
        found &= deals()[name].fillna("").isin(values)
    least, below = selection.worth
    if least is not None:
        found &= deals()["major"] >= least
    if below is not None:
        found &= deals()["major"] < below
    return found


def same_lists(part: Analysis) -> None:
    """The deals that are listed are exactly those that the pictures count."""
    chosen, listed, once = part[NAME], part.deals(NAME), part.deals(NAME, once=True)
    for stage, drawn in zip(chosen.stages, chosen.pipe.stages, strict=True):
        here = listed[listed["stage"] == stage.name]
        n = here["left"].value_counts().to_dict()
        late = stage.overdue or 0
        assert n.get("lost", 0) == stage.exits.lost
        assert n.get("returned", 0) == stage.exits.returned
        assert n.get("advanced", 0) == stage.exits.advanced
        assert n.get("moved", 0) == stage.exits.moved
        assert (n.get("overdue", 0), n.get("open", 0)) == (late, stage.exits.open - late)
        assert round(here["value"][here["left"] == "lost"].sum() * 100) == stage.value_lost
        assert len(part.deals(NAME, stage=stage.name, left="lost")) == stage.exits.lost
        n = once["left"][once["stage"] == drawn.name].value_counts().to_dict()
        assert n.get("lost", 0) == drawn.all_lost
        assert n.get("overdue", 0) == drawn.all_overdue
        assert n.get("open", 0) == drawn.all_in_time
    assert (once["left"] == "won").sum() == chosen.pipe.won
    assert len(once) == once["opportunity_id"].nunique() == chosen.pipe.entered


def same_views(answer: Analysis, seen: pd.DataFrame) -> None:
    """The tables that people see have the counts of the same visits."""
    part, names = answer[NAME], [stage.name for stage in whole()[NAME].stages]
    if len(seen):
        counted, *_ = grids(str(leakkit.views.deals(answer, NAME).section()))
        ways = {"Lost": ["lost"], "Went back": ["returned"], "Advanced": list(ADVANCED)}
        for row in counted.rows:
            here = seen[seen["at"] == names.index(row[0].text)]
            for head, cell in zip(counted.heads[1:], row[1:], strict=True):
                if head in ways:
                    assert cell.text == f"{here['exit'].isin(ways[head]).sum():,}"
    frames = {name: getattr(leakkit.views, name)(answer, NAME).frame() for name in FRAMED}
    for at, name in enumerate(names):
        here = seen[seen["at"] == at]
        kinds = {term: int((here["exit"] == term).sum()) for term in EXIT_TERMS}
        for view in ("headline", "stages"):
            row = frames[view].iloc[at]
            assert row["stage"] == name
            assert {term: row[term] for term in EXIT_TERMS} == kinds
            assert (row["entered"], row["opportunities"]) == (
                len(here),
                here["opportunity"].nunique(),
            )
            assert row["first_visits"] == part.stages[at].first_visits
        row = frames["balance"].iloc[at]
        assert {term: row[term] for term in EXIT_TERMS if term != "open"} == {
            term: n for term, n in kinds.items() if term != "open"
        }
        assert row["closing"] == kinds["open"]
        lost = here["major"][here["exit"] == "lost"].sum()
        assert row["lost_value"] == pytest.approx(lost, abs=0.005)
    same_months(frames["months"], seen)
    same_pipe(frames["pipe"], answer.deals(NAME, once=True))


def same_months(frame: pd.DataFrame, seen: pd.DataFrame) -> None:
    """What went out in each month is what left on its days."""
    left = pd.to_datetime(seen["left_day"], unit="D").dt.to_period("M")
    for kind, exits in (("lost", ["lost"]), ("won", ["won_here"])):
        gone = seen[seen["exit"].isin(exits)]
        counted = gone.groupby(left[gone.index])["major"].agg(["size", "sum"])
        months = frame["month"].dt.to_period("M")
        for month, n, value in zip(months, frame[kind], frame[f"{kind}_value"], strict=True):
            known = counted.loc[month] if month in counted.index else {"size": 0, "sum": 0.0}
            assert n == known["size"]
            assert value == pytest.approx(known["sum"], abs=0.005)


def same_pipe(frame: pd.DataFrame, once: pd.DataFrame) -> None:
    """The picture of the pipe has each deal once, where the list has it."""
    for _, row in frame.iterrows():
        here = once[once["stage"] == row["stage"]]
        for kind, left in (("lost", "lost"), ("overdue", "overdue"), ("in_time", "open")):
            deals = here[here["left"] == left]
            assert row[kind] == len(deals)
            assert row[f"{kind}_value"] == pytest.approx(deals["value"].sum(), abs=0.005)
        assert (row["won"], row["entered"]) == ((once["left"] == "won").sum(), len(once))


def under_way(rows: pd.DataFrame, days: tuple[int, int]) -> pd.DataFrame:
    """The visits under way on some days, as they stood at their end."""
    first, end = days
    still = rows["left_day"].isna()
    seen = rows[(rows["entered_day"] < end) & (still | (rows["left_day"] >= first))].copy()
    later = seen["left_day"].isna() | (seen["left_day"] >= end)
    seen.loc[later, "exit"] = "open"
    return seen


def same_counts(part: PipelineNumbers, seen: pd.DataFrame, days: tuple[int, int]) -> None:
    """Compare what the stages and the balances say with the visits that were seen."""
    begun = seen["entered_day"] >= days[0]
    for stage, balance in zip(part.stages, part.balances, strict=True):
        here = seen[seen["at"] == stage.stage]
        kinds = {term: int((here["exit"] == term).sum()) for term in EXIT_TERMS}
        assert {term: getattr(stage.exits, term) for term in EXIT_TERMS} == kinds
        assert stage.exits.entered == len(here)
        assert stage.opportunities == here["opportunity"].nunique()
        assert stage.value_entered == here["value"].sum()
        assert stage.value_lost == here["value"][here["exit"] == "lost"].sum()
        came = here[begun[here.index]]
        for term in ENTRY_TERMS:
            assert getattr(balance, term) == (came["entry"] == term).sum()
        assert balance.opening == len(here) - len(came)
        assert balance.closing == kinds["open"]
        ends = seen[seen["opportunity"].isin(here["opportunity"])].sort_values("step")
        last = ends.groupby("opportunity").tail(1)
        assert stage.in_the_end.won == (last["exit"] == "won_here").sum()
        assert stage.in_the_end.open == (last["exit"] == "open").sum()
        assert (
            stage.in_the_end.lost_here
            == ((last["exit"] == "lost") & (last["at"] == stage.stage)).sum()
        )


def same_late(part: PipelineNumbers, seen: pd.DataFrame, days: tuple[int, int]) -> None:
    """Compare who is overdue at the end."""
    for stage in part.stages:
        if stage.overdue is None:
            continue
        still = seen[(seen["exit"] == "open") & (seen["at"] == stage.stage)]
        age = days[1] - 1 - still["entered_day"]
        late = age > (stage.expected.age or 10**6)
        declared = whole().config.pipelines[0].expected_days
        if declared is not None:
            late |= days[1] - 1 - still["created_day"] > declared
        assert stage.overdue == late.sum()


@pytest.mark.parametrize("seed", seeds(6, 200))
def test_every_count_is_that_of_pandas(seed: int) -> None:
    selection = draw_selection(seed)
    answer = selector().select(selection)
    part = answer[NAME]
    same_lists(answer)
    meant = deals()[say_of(selection)]
    rows = visits()[visits()["opportunity"].isin(meant["opportunity"])]
    windows = whole()[NAME].windows
    days = part.days or (-(10**6), windows.end_day)
    seen = under_way(rows, days) if part.days else rows
    same_counts(part, seen, days)
    same_views(answer, seen)
    same_late(part, seen, days)
    with_history = meant[meant["opportunity"].isin(seen["opportunity"])]
    last = seen.sort_values("step").groupby("opportunity")["exit"].last()
    ended = last.map({"won_here": "won", "lost": "lost"}).fillna("open").value_counts()
    for outcome in ("won", "lost", "open"):
        assert part.notes.outcomes.get((outcome, True), 0) == ended.get(outcome, 0)
    assert sum(n for (_, has), n in part.notes.outcomes.items() if has) == len(with_history)
    terms = part.balance
    assert terms.residual == 0
    assert terms.lost == (seen["exit"] == "lost").sum()
    assert sum(month.count.lost for month in part.months) == terms.lost
    assert sum(month.value.won for month in part.months) == part.balance_value.won
    assert part.months[-1].count.closing == terms.closing
    if part.days:
        created = meant[meant["has_history"] & meant["created_day"].between(days[0], days[1] - 1)]
        assert part.pipe.entered == len(created)
        for outcome in ("won", "lost"):
            assert getattr(part.pipe, outcome) == (created["outcome"] == outcome).sum()
        for view in ("headline", "stages", "balance", "pipe", "months", "days", "data"):
            text = getattr(leakkit.views, view)(selector().select(selection), NAME).selection
            assert "to" in text, "it says of which days it is"


def test_all_days_are_all_days() -> None:
    windows = whole()[NAME].windows
    text = [
        pd.Timestamp(day, unit="D").strftime("%Y-%m-%d")
        for day in (windows.start_day, windows.end_day - 1)
    ]
    part, every = leakkit.analyze(store(), NAME, days=text)[NAME], whole()[NAME]
    assert [stage.exits for stage in part.stages] == [stage.exits for stage in every.stages]
    assert [stage.lost for stage in part.stages] == [stage.lost for stage in every.stages]
    assert part.balances == every.balances
    assert part.months == every.months


@pytest.mark.parametrize("chosen", [{"visits": "all"}, {"policy": "strict"}, {"policy": "reached"}])
def test_what_no_curve_says_is_as_when_it_is_counted_anew(chosen: dict[str, Any]) -> None:
    part = Selector(whole()).select(select(**chosen)).pipelines[0]
    assert part.counts
    assert plain(part) == plain(PipelineNumbers.count(part.counts))


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ({"worth": (5, 3)}, "no_worth", "No value is 5 or more and below 3."),
        ({"worth": (5, 5)}, "no_worth", "No value is 5 or more and below 5."),
        ({"worth": 5}, "no_worth", "worth is a pair, from and below, not 5."),
        ({"worth": "5"}, "no_worth", "worth=(10_000, 50_000)"),
        ({"days": ("2026-02-30", "")}, "no_days", "the first day and the last"),
        ({"days": ("2026-03-01", "2026-01-01")}, "no_days", "2026-03-01, is after the last, 2026"),
        ({"days": ("2031-01-01", "")}, "no_days", "Its days are 2025-01-0"),
        ({"days": ("2026-01-01", ""), "window": "current"}, "two_ranges", "both choose days"),
        ({"segment": {"region": []}}, "no_value", "leaves no deal"),
        ({"segment": ["region", "owner"], "value": ["North"]}, "one_value", "2 columns need"),
        ({"segment": "region", "value": 7}, "one_value", "not 7"),
        ({"segment": {"region": ["North", "Nowhere"]}}, "no_value", "'Nowhere' in region"),
    ],
)
def test_what_cannot_be_meant_is_said(given: dict[str, Any], code: str, said: str) -> None:
    with pytest.raises(LeakkitError) as caught:
        leakkit.analyze(store(), **given)
    assert caught.value.code == code
    assert said in str(caught.value)


def test_lists_are_understood() -> None:
    regions = sorted(set(deals()["region"]))[:2]
    mapped = selector().select(select({"REGION": regions[::-1]}))
    assert mapped is selector().select(select("region", regions))
    assert mapped is selector().select(select(["region"], [regions]))
    assert mapped.selection.columns == (("region", tuple(regions)),)
    alone = [selector().select(select("region", one))[NAME].opportunities for one in regions]
    assert mapped[NAME].opportunities == sum(alone)


def test_the_owner_is_known_by_that_name() -> None:
    made = make(60, seed=3, plan=PLAN)
    renamed = made.opportunities.rename(columns={"owner": "Sales rep"})
    text = made.config.replace('"owner"', '"Sales rep"')
    frames = {"opportunities": renamed, "stage_history": made.stage_history}
    data = leakkit.load(frames, Config.from_text(text))
    assert data.owner == "Sales rep"
    who = next(name for name in data.frame("SELECT * FROM opportunities")[data.owner] if name)
    part = leakkit.analyze(data, segment={"owner": who})
    assert part.selection.columns == ((data.owner, (who,)),)


@pytest.mark.parametrize(
    "chosen",
    [
        {"segment": {"region": ["North", "South"]}},
        {"window": "current"},
        {"days": ("2026-01-01", ""), "worth": (None, 30_000), "policy": "strict"},
        {"visits": "all", "window": "baseline"},
    ],
)
def test_pipelines_are_counted_together_as_each_alone(chosen: dict[str, Any]) -> None:
    every = sample_analysis()
    together = find_all(Selector(every).select(select(**chosen)))
    for part in together.pipelines:
        alone = find_all(Selector(every, part.name).select(select(**chosen)))
        assert plain(alone.pipelines) == plain((part,))


def test_counts_are_asked_for_again_when_their_tables_are_gone() -> None:
    chosen = [select(days=("", f"2026-03-{day:02}")) for day in range(1, MOST_COUNTED + 3)]
    many = Selector(whole(), NAME)
    parts = [many.select(each)[NAME] for each in chosen]
    lost = [part.balance.lost for part in parts]
    assert lost == sorted(lost)
    for each, part in zip(chosen, parts, strict=True):
        alone = Selector(whole(), NAME).select(each)[NAME]
        assert [stage.exits for stage in part.stages] == [stage.exits for stage in alone.stages]


@pytest.mark.parametrize(
    ("column", "chosen"),
    [
        ("owner", {}),
        ("region", {"segment": {"region": ["North", "South"]}}),
        ("source", {"window": "current"}),
        ("product", {"days": ("2026-01-01", ""), "worth": (None, 30_000), "policy": "strict"}),
        ("region", {"visits": "all", "window": "baseline"}),
        ("region", {"policy": "reached"}),
    ],
)
def test_all_values_counted_together_are_as_each_alone(column: str, chosen: dict[str, Any]) -> None:
    every = sample_analysis()
    part = Selector(every).select(select(**chosen))
    frame = part.by(column)
    others = tuple(pair for pair in part.selection.columns if pair[0] != column)
    for pipeline in every:
        values = frame[frame["pipeline"] == pipeline.name]
        for value in values[column].unique():
            one = replace(part.selection, columns=(*others, (column, (value,))))
            alone = Selector(every, pipeline.name).select(one).stages()
            found = values[values[column] == value].drop(columns=column).reset_index(drop=True)
            pd.testing.assert_frame_equal(found, alone)
        assert len(values[column].unique()) > 1


def test_who_asks_for_many_parts_keeps_few_tables() -> None:
    """Each part that is counted has tables of its own in the store, which must not pile up."""
    analysis = sample_analysis()
    selector = Selector(analysis)
    store = analysis.store
    assert store is not None
    kept = []
    for days in range(30):
        end = f"2026-05-{days + 1:02}"
        part = selector.select(Selection(days=("2026-01-01", end)))
        assert part.pipelines[0].stages[0].exits.entered > 0
        kept.append(sum(branch() is not None for branch in store.branches))
    assert kept[-1] == kept[20], kept
