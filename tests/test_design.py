"""The design table against a count by hand, and what leaves the engine in it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from leakkit import analyze, passages
from leakkit.analysis.root_causes import drivers_of, read_design, root_cause, split_change
from leakkit.config import Config
from leakkit.findings.stage_readings import FAR, UNKNOWN, at_risk
from leakkit.sample import make
from leakkit.sources import load
from leakkit.store import design as tables
from leakkit.store.count_requests import Counts, Window
from leakkit.store.design import design_rows
from leakkit.store.relations import Scope
from tests.test_sql import constants, faults

if TYPE_CHECKING:
    from leakkit.analysis import Analysis
    from leakkit.findings.stage_readings import Design
    from leakkit.store.database import Store


@pytest.fixture(scope="module")
def store() -> Store:
    made = make(900, seed=11)
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    return load(frames, Config.from_text(made.config))


QUERIES = {name: sql for name, sql in constants(tables).items() if "SELECT" in sql}
QUERIES["CODED"] = tables.CODED.format(
    codes="t.code AS code_0", texts='LEFT JOIN design_texts_0 t ON t.said = o."region"'
)


@pytest.mark.parametrize("name", QUERIES)
def test_query_is_within_the_list(name: str) -> None:
    assert faults(QUERIES[name]) == []


@cache
def analysed(store: Store, pipeline: str) -> Analysis:
    return analyze(store, pipeline)


def read(store: Store, pipeline: str, stage: int) -> Design:
    analysis = analysed(store, pipeline)
    return read_design(store, analysis, analysis[pipeline], analysis[pipeline].stages[stage])


def by_hand(store: Store, pipeline: str, stage: str) -> pd.DataFrame:
    """Count returns and passages before, deal by deal, from the list of passages."""
    rows = passages(store, pipeline=pipeline)
    found = []
    for _, deal in rows.groupby("opportunity_id", sort=False):
        returns = 0
        for place, (_, row) in enumerate(deal.iterrows()):
            if row["stage"] == stage:
                found.append({**row.to_dict(), "returns": returns, "before": place})
            returns += row["exit"] == "returned"
    return pd.DataFrame(found)


@pytest.mark.parametrize(("pipeline", "stage"), [("Projects", 2), ("Equipment", 0)])
def test_design_is_what_a_count_by_hand_gives(store: Store, pipeline: str, stage: int) -> None:
    found = read(store, pipeline, stage)
    name = analysed(store, pipeline)[pipeline].stages[stage].name
    hand = by_hand(store, pipeline, name)
    assert len(found) == found.passages == len(hand) > 50
    assert found.returns.tolist() == hand["returns"].tolist()
    assert found.passages_before.tolist() == hand["before"].tolist()
    assert found.visit.tolist() == hand["visit"].tolist()
    left = hand["left_day"].astype("Int64").fillna(FAR)
    assert found.left_day.tolist() == left.tolist()
    closed = hand["stay"].notna()
    assert found.stay[closed].tolist() == hand["stay"][closed].tolist()
    minor = (hand["value"] * 100).round().astype("Int64")
    assert found.value.tolist() == minor.fillna(UNKNOWN).tolist()


def test_texts_are_codes_in_the_order_of_code_points(store: Store) -> None:
    found = read(store, "Equipment", 2)
    given = store.frame(
        """SELECT o.opportunity, o.owner, o.lost_reason, o.outcome FROM opportunities o
        JOIN passages p ON p.opportunity = o.opportunity
        WHERE p.pipeline = 0 AND p.stage = 2 ORDER BY o.opportunity, p.step"""
    )
    assert (found.owner, found.product, found.competitor) == ("owner", "product", "competitor")
    assert list(found.labels["owner"]) == sorted(found.labels["owner"])
    owners = [found.labels["owner"][code] for code in found.segments["owner"]]
    assert owners == given["owner"].tolist()
    reasons = [found.reasons[code] for code in found.reason]
    assert reasons == given["lost_reason"].tolist()
    words = {"open": 0, "won": 1, "lost": 2}
    assert found.outcome.tolist() == given["outcome"].map(words).tolist()


def test_only_whole_numbers_leave_the_engine(store: Store) -> None:
    frame = design_rows(store, 0, 2, ("owner",)).frame
    assert all(pd.api.types.is_integer_dtype(kind) for kind in frame.dtypes)


def test_a_large_stage_is_sampled_the_same_way_every_time(store: Store) -> None:
    whole = design_rows(store, 0, 0, ("owner",))
    some = design_rows(store, 0, 0, ("owner",), cap=100)
    again = design_rows(store, 0, 0, ("owner",), cap=100)
    assert some.frame.equals(again.frame)
    assert (len(some.frame), some.passages) == (100, len(whole.frame))
    keys = ["opportunity", "step"]
    joined = some.frame.merge(whole.frame[keys], on=keys)
    assert len(joined) == 100
    # drawn over the whole pipeline: the first half of the deals gives about half of them
    middle = whole.frame["opportunity"].median()
    assert 35 <= (some.frame["opportunity"] <= middle).sum() <= 65


def test_hostile_headings_and_texts_are_only_names() -> None:
    heading, text = 'x"; DROP TABLE passages; --', "'); DROP TABLE opportunities; --"
    history = pd.DataFrame(
        {
            "opportunity_id": ["1", "1", "2"],
            "stage": ["A", "B", "A"],
            "entered_at": ["2025-01-01", "2025-01-05", "2025-01-02"],
        }
    )
    deals = pd.DataFrame(
        {
            "opportunity_id": ["1", "2"],
            heading: [text, "plain"],
            "lost_reason": [text, "x"],
        }
    )
    config = Config.from_text(
        "[roles]\nsegments = ['x\"; DROP TABLE passages; --']\n"
        '[[pipelines]]\nname = "P"\nstages = [{ name = "A" }, { name = "B" }]'
    )
    store = load({"opportunities": deals, "stage_history": history}, config)
    rows = design_rows(store, 0, 0, tuple(store.meta("segments")))
    assert rows.labels == {heading: ("", text, "plain")}
    assert rows.frame["segment_0"].tolist() == [1, 2]
    assert rows.reasons == ("", text, "x")
    assert store.value("SELECT count(*) FROM passages") == 3


def test_days_of_silence_are_read_where_there_are_activities(store: Store) -> None:
    path = store.frame(
        """SELECT opportunity, step, entered_at, left_at FROM passages
        WHERE pipeline = 0 AND stage = 2 AND left_at - entered_at > 20 * 86400
        ORDER BY opportunity, step"""
    )
    first, second = path.iloc[0], path.iloc[1]
    day = 86_400
    moments = [first["entered_at"] + 3 * day, first["entered_at"] + 11 * day]
    acts = pd.DataFrame(
        {"opportunity": [first["opportunity"]] * 2, "at": moments, "kind": ["call", "mail"]}
    )
    store.put("activities", acts)
    try:
        found = design_rows(store, 0, 2, ()).frame
    finally:
        store.run("DROP TABLE activities")
    rows = found.set_index(["opportunity", "step"])
    one = rows.loc[(first["opportunity"], first["step"])]
    rest = (first["left_at"] - moments[1]) // day
    assert (one["silent_days"], one["longest_gap_days"]) == (rest, max(8, rest))
    silent = rows.loc[(second["opportunity"], second["step"])]
    whole = (second["left_at"] - second["entered_at"]) // day
    assert (silent["silent_days"], silent["longest_gap_days"]) == (whole, whole)
    still = rows[rows["left_day"].isna()]
    assert still["silent_days"].isna().all()
    assert "silent_days" not in design_rows(store, 0, 2, ()).frame


@pytest.mark.parametrize("unit", ["day", "hour"])
def test_risk_set_of_a_window_is_that_of_the_counts(unit: str) -> None:
    """The same arrivals and departures by age as the counting SQL gives."""
    made = make(700, seed=12)
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    named = '[[pipelines]]\nname = "Equipment"'
    config = made.config.replace(named, f'{named}\nunit = "{unit}"')
    store = load(frames, Config.from_text(config))
    found = read(store, "Equipment", 2)
    assert found.per_day == {"day": 1, "hour": 24}[unit]
    last = int(store.meta("last_day"))
    days = (last - 200, last - 30)
    risk = at_risk(found, days)
    counted = Counts.of(store, Scope((0,))).stays([Window(0, 1, *days)])
    mine = counted[(counted["stage"] == 2) & (counted["visits"] == 1)]
    arrived = mine[mine["arrives"] == 1]
    ages, n = np.unique(risk.arrive, return_counts=True)
    assert (ages.tolist(), n.tolist()) == (arrived["age"].tolist(), arrived["n"].tolist())
    left = mine[mine["arrives"] == 0]
    assert set(left["exit"]) >= {0, 1, 2, 5}
    for exit_ in set(left["exit"]) - {6}:
        # who moved away is censored
        same = left[left["exit"].isin([0, 6] if exit_ == 0 else [exit_])]
        summed = same.groupby("age")["n"].sum()
        ages, n = np.unique(risk.leave[risk.exit == exit_], return_counts=True)
        assert (ages.tolist(), n.tolist()) == (summed.index.tolist(), summed.tolist())


def test_order_of_the_rows_of_a_source_does_not_matter() -> None:
    made = make(1_500, seed=13)
    found = []
    for deals, history in (
        (made.opportunities, made.stage_history),
        tuple(
            frame.sample(frac=1.0, random_state=1).reset_index(drop=True)
            for frame in (made.opportunities, made.stage_history)
        ),
    ):
        frames = {"opportunities": deals, "stage_history": history}
        store = load(frames, Config.from_text(made.config))
        analysis = analyze(store, "Equipment")
        found.append(
            (
                root_cause(store, analysis, "Equipment", "Proforma"),
                drivers_of(store, analysis, "Equipment", "Proforma"),
                split_change(store, analysis, "Equipment", "Proforma"),
            )
        )
    assert found[0] == found[1]
