"""The diagnosis: planted leaks come back with their cause, and small sources never raise."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import leakkit
from benchmarks import pages
from leakkit import views
from leakkit.analysis import find_worklist
from leakkit.analysis.headline import find_headline
from leakkit.analysis.root_causes import drivers_of, root_cause, split_change
from leakkit.analysis.stage_findings import causes_of, places_of
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.findings.finding import ALARM, WATCH
from tests.running import sample_analysis

if TYPE_CHECKING:
    from leakkit.analysis import Analysis, Diagnosis

VIEWS = (
    "causes_headline",
    "warnings",
    "cause_and_effect",
    "evidence",
    "when_lost",
    "rate_and_mix",
    "drivers",
    "repairs",
    "worklist",
    "deals_to_read",
    "causes_terms",
    "causes_provenance",
)
PIPELINES = ("Equipment", "Spare parts", "Service contracts", "Projects")


def analysis() -> Analysis:
    return sample_analysis()


@cache
def diagnosis(pipeline: str) -> Diagnosis:
    return leakkit.diagnose(analysis(), pipeline)


# ---------------------------------------------------------------- the sample


def test_planted_losses_warn_and_have_their_planted_cause() -> None:
    planted = [one for one in leakkit.sample.make(50).truth["leaks"] if one["kind"] == "lost"]
    assert planted
    for leak in planted:
        found = diagnosis(leak["pipeline"])
        (card,) = [card for card in found.warnings if card[0].stage == leak["stage"]]
        assert (card[0].kind, card[0].severity) == ("lost", ALARM)
        (one,) = [one for one in found.stages if one.stage.name == leak["stage"]]
        assert one.cause.verdict.family == leak["cause"]
        assert one.findings == card


def test_every_planted_change_of_the_last_quarter_leads_its_card() -> None:
    planted = [one for one in leakkit.sample.make(50).truth["leaks"] if one["from_date"]]
    alarms = {
        (name, card[0].stage): card[0].kind
        for name in PIPELINES
        for card in diagnosis(name).warnings
        if card[0].severity == ALARM
    }
    wanted = {(one["pipeline"], one["stage"]): one["kind"] for one in planted}
    assert wanted.items() <= alarms.items()


def test_without_a_planted_change_of_losses_nothing_is_blamed() -> None:
    planted = {(one["pipeline"], one["stage"]) for one in leakkit.sample.make(50).truth["leaks"]}
    blamed = {
        (name, one.stage.name)
        for name in PIPELINES
        for one in diagnosis(name).stages
        if one.cause.verdict.family in {"complexity", "unconvincing"}
    }
    assert blamed <= planted


@pytest.mark.parametrize("name", PIPELINES)
def test_stages_that_warn_or_could_give_back_most_are_looked_into(name: str) -> None:
    found = diagnosis(name)
    stages = [one.stage.name for one in found.stages]
    assert len(set(stages)) == len(stages) > 0
    assert {card[0].stage for card in found.warnings} <= set(stages)
    places = [stage for pipeline, stage in places_of(analysis()) if pipeline == name]
    if found.warnings:
        order = [card[0].stage for card in found.cards]
        assert stages == sorted(places, key=order.index)
    else:
        assert stages == places
        first = find_headline(found.pipeline).stage
        assert first is not None
        assert stages[0] == first.name


def test_a_calm_pipeline_is_among_those_of_the_sample() -> None:
    assert [name for name in PIPELINES if not diagnosis(name).warnings] == ["Projects"]


@pytest.mark.parametrize("name", PIPELINES)
def test_what_is_shown_of_a_stage_is_what_the_analysis_finds(name: str) -> None:
    found, store = diagnosis(name), analysis().store
    assert store is not None
    for one in found.stages[:1]:
        place = (store, analysis(), name, one.stage.name)
        assert one.cause == root_cause(*place)
        assert one.screen == drivers_of(*place)
        for kind, mix in one.mixes.items():
            assert mix == split_change(*place, kind)
        assert set(one.ids) == {deal.opportunity for deal in one.cause.deals}
    assert found.worklist == find_worklist(store, analysis(), name)


def test_places_are_those_of_which_causes_are_found() -> None:
    store = analysis().store
    assert store is not None
    assert list(causes_of(store, analysis())) == places_of(analysis())


def test_mixes_are_of_the_kinds_that_warn() -> None:
    for name in PIPELINES:
        for one in diagnosis(name).stages:
            warned = [f.kind for f in one.findings if f.severity in {ALARM, WATCH}]
            assert list(one.mixes) == (warned or ["lost"])


@pytest.mark.parametrize("name", PIPELINES)
def test_repairs_are_of_stages_that_lose_enough_and_gain_something(name: str) -> None:
    found = diagnosis(name)
    single = [one for one in found.repairs if one.points is not None]
    shares = {stage.name: stage.lost.share or 0.0 for stage in found.pipeline.stages}
    assert [one.stages for one in single] == [(s,) for s, share in shares.items() if share >= 0.05]
    for one in found.repairs:
        assert one.result.new_deals.low <= one.result.new_deals.value <= one.result.new_deals.high
        assert one.result.chance_then > one.result.chance
    joint = [one for one in found.repairs if one.points is None]
    worse = [
        f.stage
        for card in found.warnings
        for f in card
        if f.kind == "lost" and f.severity in {ALARM, WATCH} and (f.rate_change or 0.0) > 0.0
    ]
    assert [one.stages for one in joint] == ([tuple(worse)] if worse else [])


def test_a_joint_repair_is_the_repair_of_its_stage_where_it_is_one() -> None:
    found = diagnosis("Equipment")
    (joint,) = [one for one in found.repairs if one.points is None]
    assert joint.stages == ("Proforma",)
    finding = found.warnings[0][0]
    costs = found.pipeline.costs
    assert costs is not None
    assert finding.rate_change is not None
    changes = costs.changes([finding], [stage.name for stage in found.pipeline.stages])
    assert joint.result == costs.what_if(changes, changes)
    # the change was measured: a wider interval than if it were known
    known = costs.what_if({2: changes[2].points}, changes).new_deals
    drawn = joint.result.new_deals
    assert drawn.value == known.value
    assert drawn.low < known.low < known.high < drawn.high


def test_repairs_begin_from_the_pipeline_as_it_is_now() -> None:
    found = diagnosis("Equipment")
    assert found.pipeline.costs is not None
    (now,) = {one.result.chance for one in found.repairs}
    # Proforma loses more than it did: fewer are won than over the whole history
    assert now < found.pipeline.costs.chain.chance - 0.03
    (joint,) = [one for one in found.repairs if one.points is None]
    assert joint.result.chance_then > found.pipeline.costs.chain.chance


def test_names_of_deals_to_read_are_those_of_the_source() -> None:
    store = analysis().store
    assert store is not None
    known = set(leakkit.passages(store, pipeline="Equipment")["opportunity_id"])
    for one in diagnosis("Equipment").stages:
        assert set(one.ids.values()) <= known


def test_the_same_again_is_the_same() -> None:
    again = leakkit.diagnose(analysis(), "Equipment")
    for name in VIEWS:
        view = getattr(views, name)
        assert view(again).section() == view(diagnosis("Equipment")).section()


def test_a_pipeline_alone_is_diagnosed_like_among_others() -> None:
    store = analysis().store
    assert store is not None
    alone = leakkit.diagnose(leakkit.analyze(store, "Equipment"))
    among = diagnosis("Equipment")
    assert [one.cause for one in alone.stages] == [one.cause for one in among.stages]
    assert [one.screen for one in alone.stages] == [one.screen for one in among.stages]
    assert (alone.cards, alone.repairs) == (among.cards, among.repairs)


# ---------------------------------------------------------------- what cannot be diagnosed


def test_a_pipeline_that_is_not_there_is_refused() -> None:
    with pytest.raises(LeakkitError) as caught:
        leakkit.diagnose(analysis(), "Rentals")
    assert caught.value.code == "no_pipeline"


def test_a_part_of_the_data_is_refused() -> None:
    store = analysis().store
    assert store is not None
    part = leakkit.analyze(store, "Projects", window="current")
    with pytest.raises(LeakkitError) as caught:
        leakkit.diagnose(part)
    assert caught.value.code == "selected_already"


def test_an_analysis_without_its_store_is_refused() -> None:
    with pytest.raises(LeakkitError) as caught:
        leakkit.diagnose(replace(analysis(), store=None))
    assert caught.value.code == "no_store"


# ---------------------------------------------------------------- small sources

Moves = list[tuple[str, str, str]]
DECLARED = """
[[pipelines]]
name = "P"
stages = [{ name = "A", kind = "offer" }, { name = "B" }]
"""


def day(number: int) -> str:
    return str((pd.Timestamp("2025-01-01") + pd.Timedelta(days=number)).date())


def moves(deals: int, *, lost_every: int = 3, stages: int = 2, apart: int = 1) -> Moves:
    """Deals that go on or are lost, one after the other; the last are open."""
    rows: Moves = []
    for at in range(deals):
        rows.append((f"d{at}", "A", day(at * apart)))
        if at > deals - 3:
            continue
        if lost_every and at % lost_every == 0:
            rows.append((f"d{at}", "Lost", day(at * apart + 4 + at % 7)))
        elif stages > 1:
            rows.append((f"d{at}", "B", day(at * apart + 2 + at % 5)))
            if at % 2:
                rows.append((f"d{at}", "Won", day(at * apart + 9)))
    return rows


def source(rows: Moves, config: str = DECLARED, **columns: Any) -> Analysis:  # noqa: ANN401 - whatever a frame takes
    history = pd.DataFrame(rows, columns=["opportunity_id", "stage", "entered_at"])
    frames = {"stage_history": history}
    if columns:
        deals = history[["opportunity_id"]].drop_duplicates().assign(**columns)
        frames["opportunities"] = deals
    return leakkit.analyze(leakkit.load(frames, Config.from_text(config)))


ONE_STAGE = '[[pipelines]]\nname = "P"\nstages = [{ name = "A" }]\n'
HOURS = DECLARED.replace('name = "P"', 'name = "P"\nunit = "hour"')
SMALL: dict[str, tuple[Moves, str, dict[str, Any]]] = {
    "thirty deals": (moves(30), DECLARED, {}),
    "thirty deals, a value and a reason": (
        moves(30),
        DECLARED + '[source]\naccept = ["open_with_reason"]\n',
        {"value": 1000, "lost_reason": "too dear <b>", "region": "North"},
    ),
    "one stage": (moves(40, stages=1), ONE_STAGE, {}),
    "no losses": (moves(40, lost_every=0), DECLARED, {"value": 10}),
    "only losses": (moves(60, lost_every=1), DECLARED, {"value": 10}),
    "one deal": ([("d", "A", "2025-01-01")], DECLARED, {}),
    "one lost deal": ([("d", "A", "2025-01-01"), ("d", "Lost", "2025-01-02")], DECLARED, {}),
    "provisional order": (moves(80), "", {}),
    "no value, no reason, no columns": (moves(200, apart=2), DECLARED, {}),
    "by the hour": (moves(120), HOURS, {"value": 10, "owner": "x"}),
    "long enough to compare": (moves(400), DECLARED, {"value": 10, "lost_reason": ""}),
    "long, with a target": (
        moves(400),
        DECLARED.replace('name = "A",', 'name = "A", target_lost = 0.05,'),
        {"value": 10, "region": "North"},
    ),
}


@pytest.mark.parametrize("name", SMALL)
def test_small_sources_have_a_diagnosis_and_every_view(name: str) -> None:
    rows, config, columns = SMALL[name]
    found = leakkit.diagnose(source(rows, config, **columns))
    for view in VIEWS:
        text = getattr(views, view)(found).section().striptags()
        assert len(text) > len(getattr(views, view)(found).title)
        assert "None" not in text, view
        assert "nan" not in text.split(), view


def test_without_a_time_before_it_says_so() -> None:
    found = leakkit.diagnose(source(moves(30)))
    assert found.pipeline.windows.baseline is None
    assert not found.warnings
    text = str(views.causes_headline(found))
    assert "not enough days or deals to compare" in text
    note = views.causes_headline(found).note
    assert "too few days or deals to compare with" in note
    assert "Nothing could be compared." in str(views.warnings(found).section())


def test_without_losses_there_is_nothing_to_explain() -> None:
    found = leakkit.diagnose(source(moves(40, lost_every=0)))
    assert found.stages == ()
    for name in ("cause_and_effect", "evidence", "when_lost", "rate_and_mix", "drivers"):
        said = getattr(views, name)(found).headline
        assert said.startswith("No deal in this export is lost: 19 are won and 21 open.")


def test_a_long_history_without_losses_has_no_chains_of_nothing() -> None:
    """Such an export leaves losses out: nothing is compared, and no cause is looked for."""
    found = leakkit.diagnose(source(moves(400, lost_every=0), DECLARED, value=10))
    assert found.stages == ()
    assert found.repairs == ()
    for name in ("cause_and_effect", "repairs"):
        text = getattr(views, name)(found).section().striptags()
        assert "0% of the deals" not in text
        assert "No deal was lost" not in text
    page = pages.root_causes(found)
    assert "No deal in this export is lost" in page
    assert "No deal was lost in any stage." not in page
    assert 'href="#evidence"' not in page


def test_small_losses_are_no_lack_of_deals() -> None:
    found = leakkit.diagnose(source(moves(400, lost_every=40)))
    assert found.repairs == ()
    assert views.repairs(found).headline == "No stage loses as many as 5 in 100 deals."


def test_what_is_over_its_target_warns() -> None:
    rows, config, columns = SMALL["long, with a target"]
    found = leakkit.diagnose(source(rows, config, **columns))
    (card,) = found.warnings
    assert (card[0].stage, card[0].reference_kind, card[0].reference) == ("A", "target", 0.05)
    assert "the target is 5%" in views.causes_headline(found).headline


def test_an_order_that_is_provisional_gives_no_alarm() -> None:
    found = leakkit.diagnose(source(moves(400), ""))
    assert found.analysis.provisional_order
    assert all(card[0].severity != ALARM for card in found.cards)


def test_deals_without_a_history_are_no_reason_to_fail() -> None:
    deals = pd.DataFrame(
        {
            "opportunity_id": [f"d{at}" for at in range(40)],
            "created_at": [day(at) for at in range(40)],
            "closed_at": [day(at + 5) if at % 2 else "" for at in range(40)],
            "outcome": ["Lost" if at % 2 else "" for at in range(40)],
            "current_stage": ["A"] * 40,
        }
    )
    history = pd.DataFrame([("d0", "A", day(0))], columns=["opportunity_id", "stage", "entered_at"])
    frames = {"opportunities": deals, "stage_history": history}
    config = DECLARED + '[source]\naccept = ["history_older_than_deals"]\n'
    found = leakkit.diagnose(leakkit.analyze(leakkit.load(frames, Config.from_text(config))))
    for view in VIEWS:
        assert getattr(views, view)(found).section()
