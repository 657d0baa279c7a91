"""Exploring: every picture is of what the bar says, and the call says the same."""

from __future__ import annotations

import functools
import gc
import weakref
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from bs4 import BeautifulSoup

import leakkit
from leakkit import views
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.views.bar_widgets import BarWidgets
from leakkit.views.dropoff.deal_lists import SHOWN_ROWS
from leakkit.views.exploring import FOLLOWING, OF_ALL, Follower
from tests.running import few_analysed as analysis
from tests.running import few_deals as data

if TYPE_CHECKING:
    from leakkit.analysis import Analysis
    from leakkit.store import Store
    from leakkit.views.bar import Filters

NAMES = sorted(FOLLOWING)
HOSTILE = (
    "<script>alert(1)</script>",
    "'; DROP TABLE opportunities; --",
    'a "quoted" name',
    "{value}\\n",
    "=1+1",
)
CONFIG = """
[roles]
segments = ["re\\"gion <b>", "alone"]
[[pipelines]]
name = "O'Brien"
stages = [{ name = "A" }, { name = "B's <i>" }, { name = "Never" }]
"""


@cache
def bar() -> Filters:
    """One bar of many pictures: what it has counted once is counted for all of them."""
    return leakkit.filters(analysis())


def follow(of: Filters, name: str) -> Follower:
    found = leakkit.explore(getattr(views, name), of)
    assert isinstance(found, Follower)
    return found


def run(code: str, store: Store) -> Any:  # noqa: ANN401 - whatever the call returns
    return eval(code, {"leakkit": leakkit, "data": store})  # noqa: S307 - the call on the screen must run


@cache
def hostile() -> tuple[Store, Analysis]:
    rows, moves = [], []
    for at in range(60):
        deal, day = f"d{at}", pd.Timestamp("2026-01-01") + pd.Timedelta(days=at)
        rows.append((deal, (*HOSTILE, "")[at % 6], "same"))
        moves.append((deal, "A", day))
        moves.append((deal, "B's <i>" if at % 3 else "Lost", day + pd.Timedelta(days=3 + at % 5)))
    deals = pd.DataFrame(rows, columns=["opportunity_id", 're"gion <b>', "alone"])
    history = pd.DataFrame(moves, columns=["opportunity_id", "stage", "entered_at"])
    store = leakkit.load(
        {"opportunities": deals, "stage_history": history}, Config.from_text(CONFIG)
    )
    return store, leakkit.analyze(store)


@pytest.mark.parametrize("name", NAMES)
def test_it_begins_as_the_static_view(name: str) -> None:
    shown = follow(leakkit.filters(analysis(), "projects"), name)
    assert shown.view == getattr(views, name)(analysis(), pipeline="Projects")


CHANGES: dict[str, dict[str, Any]] = {
    "segment": {"segment": {"region": ["South", "North"]}},
    "worth": {"worth": (5_000, None)},
    "window": {"window": "current"},
    "days": {"days": ("", "2026-03-31")},
    "visits": {"visits": "all"},
    "policy": {"policy": "strict"},
    "by": {"by": "value"},
    "stage": {"stage": "Proforma"},
}
EVERY = ("segment", "worth", "window", "days")
"""What each view is limited by."""
MOVED_BY = {
    "headline": ("visits", "policy"),
    "stages": ("visits", "policy", "by"),
    "days": ("visits", "policy", "stage"),
    "data": ("visits", "policy"),
    "balance": ("by",),
    "pipe": ("visits", "policy", "by"),  # its strip of now and before is of all deals
    "months": ("by",),
    "deals": ("stage",),
    "compare": ("policy",),
}
"""By which further choices each view moves."""


@pytest.mark.parametrize("name", NAMES)
def test_each_choice_moves_what_it_is_of(name: str) -> None:
    shown = follow(bar(), name)
    bar().set()
    first = shown.view.section()
    for choice, said in CHANGES.items():
        bar().set(**said)
        moved = choice in (*EVERY, *MOVED_BY[name])
        assert (shown.view.section() != first) == moved, choice
    bar().set()
    assert shown.view.section() == first, "back at the beginning is the beginning"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "compare"])
def test_choices_go_together(name: str) -> None:
    shown = follow(bar(), name)
    both = {"region": ["South", "North"]}
    bar().set(segment=both, window="current", policy="strict", by="value", stage="Proforma")
    assert "<bdi>North</bdi> and <bdi>South</bdi>" in shown.view.selection
    assert run(shown.code, data()).section() == shown.view.section()
    said, metadata = shown.bundle()
    assert said["text/plain"].startswith(shown.code)
    assert metadata["text/html"]["leakkit"]["name"] == name


def test_bars_of_one_store_do_not_disturb_each_other() -> None:
    one, other = leakkit.filters(analysis()), leakkit.filters(analysis(), "Projects")
    shown = follow(one, "pipe"), follow(other, "stages")
    one.set(segment="region", value="North")
    other.set(segment="product", value="Cooling plant")
    assert shown[0].view.section() != shown[1].view.section()
    other.set(window="current")
    one.set(segment="region", value="East")
    other.set(window="current", by="value")
    for found in shown:
        assert run(found.code, data()).section() == found.view.section()


def test_only_what_makes_sense_can_be_chosen() -> None:
    store, found = hostile()
    widgets = BarWidgets(leakkit.filters(found))
    assert [value for _, value in widgets.add.options] == ["", 're"gion <b>']
    assert [value for _, value in widgets.choices["stage"].options] == ["", "A", "B's <i>"]
    assert "baseline" not in {value[0] for _, value in widgets.choices["days"].options}
    assert "visits" not in widgets.choices, "no deal came back"
    assert "policy" not in widgets.choices, "no deal skipped a stage"
    assert "worth" not in widgets.choices, "no deal has a value"
    assert store.meta("segments") == ['re"gion <b>', "alone"]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_values_are_texts_everywhere(name: str) -> None:
    store, found = hostile()
    filters = leakkit.filters(found)
    filters.widgets = widgets = BarWidgets(filters)
    shown = follow(filters, name)
    widgets.add.value = 're"gion <b>'
    (panel,) = widgets.panels
    assert sorted(value for _, value in panel.list.options) == sorted((*HOSTILE, ""))
    # every value in one view, and in the others some of them, in turns
    values = sorted((*HOSTILE, ""))
    for value in values if name == "stages" else values[NAMES.index(name) % 3 :: 3]:
        panel.list.value = (value,)
        assert repr(value) in filters.code
        if value in HOSTILE[1:4]:
            assert run(shown.code, store).section() == shown.view.section()
        head = panel.box.children[0].children[0].value
        for text in (shown.bundle()[0]["text/html"], filters.bundle()["text/html"], head):
            assert "<script" not in text.lower()
            assert "gion <b>" not in text
            assert "b's <i>" not in text.lower()
        listed = filters.part.deals()
        assert set(listed["opportunity_id"]) == {
            f"d{at}" for at in range(60) if (*HOSTILE, "")[at % 6] == value
        }
    assert store.value("SELECT count(*) FROM opportunities") == 60


def test_the_deals_behind_it_are_those_of_the_selection() -> None:
    filters = leakkit.filters(analysis())
    shown = follow(filters, "deals")
    filters.set(segment="region", value="North", window="current", stage="Proforma")
    behind = leakkit.passages(
        data(),
        pipeline="Equipment",
        stage="Proforma",
        segment="region",
        value="North",
        window="current",
    )
    text = shown.view.section()
    assert f"{len(behind)} visits to stages" in text
    assert all(deal in text for deal in behind["opportunity_id"])
    part = leakkit.analyze(data(), "Equipment", segment="region", value="North", window="current")
    assert part["Equipment"]["Proforma"].exits.entered == len(behind)


def test_a_long_list_is_cut_and_says_so() -> None:
    shown = follow(leakkit.filters(analysis()), "deals")
    rows = len(leakkit.passages(data(), pipeline="Equipment"))
    assert f"{rows:,} visits to stages" in shown.view.section()
    table = BeautifulSoup(shown.view.table, "html.parser").select("table")[-1]
    assert len(table.select("tbody tr")) == SHOWN_ROWS
    assert table.caption is not None
    assert f"{SHOWN_ROWS} " in table.caption.get_text()
    assert f"{rows:,}" in table.caption.get_text()


@pytest.mark.parametrize("name", sorted(OF_ALL))
def test_the_overview_follows_a_bar_of_all(name: str) -> None:
    filters = leakkit.filters(analysis(), every=True)
    shown = follow(filters, name)
    assert shown.view == getattr(views, name)(analysis())
    filters.set(segment="region", value="North", window="current")
    part = leakkit.analyze(
        data(), ["Equipment", "Projects"], segment="region", value="North", window="current"
    )
    assert shown.view.table == getattr(views, name)(part).table
    assert "Only deals with" in shown.view.selection
    assert "Of the current window of each pipeline." in shown.view.selection


@pytest.mark.parametrize("name", ["overview_pages", "provenance"])
def test_what_the_bar_does_not_limit_says_so(name: str) -> None:
    filters = leakkit.filters(analysis(), every=name.startswith("overview"))
    shown = follow(filters, name)
    assert shown.view == getattr(views, name)(analysis())
    filters.set(segment="region", value="North", window="current")
    assert "the filters do not limit this" in shown.view.selection


def test_a_view_of_something_else_is_refused_with_those_that_can_follow() -> None:
    filters = leakkit.filters(analysis(), every=True)
    with pytest.raises(
        LeakkitError, match=r"cannot follow this bar\. These can: .*stages"
    ) as caught:
        leakkit.explore(views.warnings, filters)
    assert caught.value.code == "no_choices"


def test_of_a_diagnosis_a_stage_can_be_chosen() -> None:
    diagnosis = leakkit.diagnose(analysis(), "Equipment")
    filters = leakkit.filters(diagnosis)
    card = follow(filters, "evidence")
    assert card.view == views.evidence(diagnosis)
    filters.set(stage=diagnosis.stages[0].stage.name)
    assert card.view == views.evidence(diagnosis, stage=diagnosis.stages[0].stage.name)
    with pytest.raises(LeakkitError, match="Causes are looked for in all deals"):
        filters.set(window="current")


def test_python_collects_between_pictures_and_not_while_one_is_made() -> None:
    collecting: list[bool] = []

    @functools.wraps(views.pipe)
    def pipe(*of: Any, **drawn: Any) -> views.View:  # noqa: ANN401 - as `pipe` takes them
        collecting.append(gc.isenabled())
        return views.pipe(*of, **drawn)

    shown = Follower(pipe, leakkit.filters(analysis()))
    shown.bundle()
    assert (collecting, gc.isenabled()) == ([False], True)


def test_only_the_latest_pictures_are_kept() -> None:
    bar = leakkit.filters(analysis())
    shown = follow(bar, "headline")
    first = weakref.ref(shown.view)
    regions = ("North", "South", "West", "East")
    for window in ("all", "current", "baseline"):
        for region in regions:
            bar.set(segment="region", value=region, window=window)
            assert shown.view is shown.view
    gc.collect()
    assert first() is None, "a session of a day would fill the memory"
