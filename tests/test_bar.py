"""The bar of a notebook: what it says, every picture says, and the line of Python as well."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

import leakkit
from leakkit import views
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.views import View, bar, exploring
from leakkit.views.bar_widgets import MOST_SHOWN, BarWidgets
from tests.running import few_analysed as analysis
from tests.running import few_deals as data

if TYPE_CHECKING:
    from collections.abc import Callable


def run(code: str, **names: Any) -> Any:  # noqa: ANN401 - whatever the line returns
    return eval(code, {"leakkit": leakkit, "data": data(), **names})  # noqa: S307 - the line on the screen must run


def test_the_line_of_the_bar_sets_it_again() -> None:
    one, other = leakkit.filters(analysis(), "projects"), leakkit.filters(analysis(), "Projects")
    chosen = {
        "segment": {"owner": "Greta Wöhler"},
        "worth": (1_000, None),
        "days": ("", "2026-05-31"),
    }
    one.set(**chosen, by="value", stage=analysis()["Projects"].stages[0].name)
    run(one.code, bar=other)
    assert (other.code, other.selection, other.counted) == (one.code, one.selection, one.counted)
    before = one.code
    with pytest.raises(LeakkitError, match="No deal has the value"):
        one.set(segment={"owner": "Nobody"})
    assert one.code == before, "what is refused changes nothing"
    one.set()
    assert one.code == "bar.set()"


def test_widgets_and_bar_say_the_same() -> None:
    filters = leakkit.filters(analysis())
    filters.widgets = widgets = BarWidgets(filters)
    widgets.show()
    widgets.add.value = "region"
    widgets.panels[0].list.value = ("North",)
    widgets.choices["days"].value = ("current", "", "")
    assert filters.code == "bar.set(segment='region', value='North', window='current')"
    assert widgets.status.value == "", "all is computed"
    assert filters.code.replace("'", "&#39;") in filters.bundle()["text/html"]
    part = leakkit.analyze(data(), "Equipment", segment="region", value="North", window="current")
    assert f"{part['Equipment'].opportunities:,} of" in filters.bundle()["text/html"]
    filters.set(segment="region", value="South", worth=(12.5, 10_000))
    assert widgets.panels[0].chosen == ("South",)
    assert (widgets.least.value, widgets.below.value) == (12.5, 10_000)
    widgets.panels[0].search.value = "nor"
    assert [value for _, value in widgets.panels[0].list.options] == ["North"]
    assert "Chosen: South" in widgets.panels[0].more.value
    widgets.choices["visits"].value = "all"
    assert widgets.choices["policy"].disabled
    widgets.reset.click()
    assert filters.code == "bar.set()"


def test_a_column_of_very_many_values_is_searched_and_nothing_chosen_is_lost() -> None:
    made = leakkit.sample.make(1_700)
    names = [f"Customer {at % 800:03}" for at in range(len(made.opportunities))]
    deals = made.opportunities.assign(customer=names)
    text = made.config.replace('segments = ["owner"', 'segments = ["customer", "owner"')
    source = {"opportunities": deals, "stage_history": made.stage_history}
    store = leakkit.load(source, Config.from_text(text))
    filters = leakkit.filters(leakkit.analyze(store), every=True)
    filters.widgets = widgets = BarWidgets(filters)
    panel = widgets.open("customer")
    assert len(panel.list.options) == MOST_SHOWN
    assert "500 of 800 values" in panel.more.value.replace("\xa0", " ")
    for name in ("Customer 777", "Customer 123", "Customer 798"):
        panel.search.value = name.upper()
        assert [value for _, value in panel.list.options] == [name]
        panel.list.value = (name,)
    wanted = ("Customer 123", "Customer 777", "Customer 798")
    assert dict(filters.selection.columns) == {"customer": wanted}
    panel.search.value = "nobody"
    assert "No value has this text" in panel.more.value
    panel.search.value = ""
    assert {value for _, value in panel.list.options[:3]} == set(wanted), "the chosen ones first"
    assert set(panel.list.value) == set(wanted)
    panel.list.value = ("Customer 777",)
    assert dict(filters.selection.columns) == {"customer": ("Customer 777",)}


def test_own_fields_stay_open_on_what_a_list_offers_too() -> None:
    filters = leakkit.filters(analysis())
    filters.widgets = widgets = BarWidgets(filters)
    own = ("own", "", "")
    _, quarter = next(option for option in widgets.choices["days"].options if "Q" in option[0])
    widgets.choices["days"].value = own
    widgets.first.value, widgets.last.value = (dt.date.fromisoformat(day) for day in quarter[1:])
    assert filters.selection.days == quarter[1:]
    assert widgets.choices["days"].value == own
    assert widgets.own_days.layout.display == ""
    _, band = widgets.choices["worth"].options[2]
    widgets.choices["worth"].value = "own"
    widgets.least.value, widgets.below.value = band
    assert filters.selection.worth == band
    assert widgets.choices["worth"].value == "own"
    widgets.choices["days"].value = ("current", "", "")
    assert widgets.own_days.layout.display == "none"
    widgets.reset.click()
    assert (filters.code, widgets.choices["worth"].value) == ("bar.set()", (None, None))


def test_a_refusal_is_said_beside_the_pictures() -> None:
    filters = leakkit.filters(analysis())
    filters.widgets = widgets = BarWidgets(filters)
    widgets.show()
    widgets.choices["worth"].value = "own"
    widgets.least.value, widgets.below.value = 50.0, 20.0
    assert "Not changed: No value is 50.0 or more and below 20.0." in widgets.status.value
    assert filters.selection.worth == (50.0, None)
    filters.answer()
    assert "Not changed: No value is 50.0 or more and below 20.0." in widgets.status.value, (
        "what is computed hides no refusal"
    )
    widgets.below.value = 90.0
    assert widgets.status.value == ""


class Picture(exploring.Follower):
    """A picture that keeps which choices it was shown of, and may do something then."""

    def __init__(self, filters: bar.Filters, then: Callable[[], None] = lambda: None) -> None:
        """Follow the bar."""
        super().__init__(views.pipe, filters)
        self.then, self.shown = then, list[str]()

    def show(self) -> None:
        self.shown.append(self.bar.code)
        self.then()


def test_changes_that_follow_each_other_are_answered_together() -> None:
    filters = leakkit.filters(analysis())
    filters.widgets = widgets = BarWidgets(filters)

    async def change() -> None:
        done = asyncio.Event()
        first, last = Picture(filters), Picture(filters, done.set)
        filters.followers = {"first": first, "last": last}
        for window in ("current", "baseline", "current"):
            widgets.choices["days"].value = (window, "", "")
        assert "the earlier choice" in widgets.status.value
        assert not first.shown
        await asyncio.wait_for(done.wait(), 60)
        assert first.shown == last.shown == ["bar.set(window='current')"]

    asyncio.run(change())
    assert widgets.status.value == ""


def test_a_change_between_two_pictures_drops_the_rest_of_the_earlier_answer() -> None:
    filters = leakkit.filters(analysis())
    filters.widgets = widgets = BarWidgets(filters)

    async def change() -> None:
        done, said = asyncio.Event(), list[str]()

        def choose_more() -> None:
            said.append(widgets.status.value)
            if len(said) == 1:
                widgets.choices["by"].value = "value"

        filters.followers = {
            "first": Picture(filters, choose_more),
            "second": (second := Picture(filters, lambda: said.append(widgets.status.value))),
            "last": (last := Picture(filters, done.set)),
        }
        widgets.choices["days"].value = ("current", "", "")
        await asyncio.wait_for(done.wait(), 60)
        assert second.shown == last.shown == ["bar.set(window='current', by='value')"]
        assert "1 of 3 pictures below are new" in said[-1]

    asyncio.run(change())


@pytest.mark.parametrize("moment", ["before the first picture", "between two pictures"])
def test_a_change_heard_in_another_thread_is_kept_and_answered_in_that_of_the_bar(
    moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: set[int] = set()

    async def change() -> tuple[str, object]:
        filters = leakkit.filters(analysis())
        filters.widgets = widgets = BarWidgets(filters)
        done, show = asyncio.Event(), widgets.show

        def choose_days() -> None:
            answered.add(threading.get_ident())
            if filters.selection.window == "all":
                days = partial(setattr, widgets.choices["days"], "value", ("current", "", ""))
                beside = threading.Thread(target=days)
                beside.start()
                beside.join()

        def show_later() -> None:
            choose_days()
            show()

        def finish() -> None:
            if "window" in last.shown[-1]:
                done.set()

        between = moment == "between two pictures"
        first = Picture(filters, choose_days if between else lambda: None)
        last = Picture(filters, finish)
        filters.followers = {"first": first, "last": last}
        if not between:
            monkeypatch.setattr(widgets, "show", show_later)
        widgets.choices["by"].value = "value"
        await asyncio.wait_for(done.wait(), 60)
        return filters.code, widgets.choices["days"].value

    said = asyncio.run(change())
    assert said == ("bar.set(window='current', by='value')", ("current", "", ""))
    assert answered == {threading.get_ident()}


def test_pictures_that_cannot_follow_are_said() -> None:
    def fail() -> None:
        message = "no memory"
        raise MemoryError(message)

    filters = leakkit.filters(analysis())
    filters.widgets = widgets = BarWidgets(filters)
    filters.followers = {"first": Picture(filters), "last": Picture(filters, fail)}
    with pytest.raises(MemoryError):
        filters.set(window="current")
    assert "Stopped after 1 of 2 pictures" in widgets.status.value
    assert "no memory" in widgets.status.value


def test_where_nobody_is_there_a_cell_has_its_view(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (bar, exploring):
        monkeypatch.setattr(module, "runs_alone", lambda: True)
    filters = leakkit.filters(analysis())
    shown = leakkit.explore(views.pipe, filters)
    assert isinstance(shown, View)
    assert shown == views.pipe(analysis())
    filters._ipython_display_()
    assert filters.widgets is None


def test_a_part_is_no_beginning() -> None:
    with pytest.raises(LeakkitError) as caught:
        leakkit.filters(leakkit.analyze(data(), "Projects", window="current"))
    assert caught.value.code == "selected_already"


def test_all_visits_go_with_no_other_policy() -> None:
    filters = leakkit.filters(analysis())
    filters.widgets = widgets = BarWidgets(filters)
    widgets.choices["policy"].value = "strict"
    assert filters.code == "bar.set(policy='strict')"
    widgets.choices["visits"].value = "all"
    assert widgets.choices["policy"].disabled
    assert widgets.choices["policy"].value == ""
    assert filters.code == "bar.set(visits='all')"
    widgets.choices["visits"].value = "first"
    assert not widgets.choices["policy"].disabled


def test_the_stylesheet_stands_once_where_the_bar_is_shown() -> None:
    filters = leakkit.filters(analysis())
    shown = leakkit.explore(views.balance, filters)
    assert isinstance(shown, exploring.Follower)
    whole = shown.bundle()[0]["text/html"]
    assert whole.startswith("<style")
    filters.line = object()
    assert shown.bundle()[0]["text/html"] == whole[whole.index("<section") :]
    assert "<style" not in filters.bundle()["text/html"]
