"""Exploring: what the controls say, what is shown, and the call that says the same."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import leakkit
from leakkit import views
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.page.style import style_element
from leakkit.views.explore import CHOICES, SHOWN_ROWS, Explorer
from tests.running import load_made

if TYPE_CHECKING:
    from leakkit.analysis import Analysis
    from leakkit.store import Store
    from leakkit.views import View

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
def data() -> Store:
    return load_made(leakkit.sample.make(1_500))


@cache
def analysis() -> Analysis:
    return leakkit.analyze(data(), ["Equipment", "Projects"])


def explorer(name: str, pipeline: str = "") -> Explorer:
    return leakkit.explore(getattr(views, name), analysis(), pipeline)


def html(view: View) -> str:
    return f"{style_element()}{view.section()}"


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


@pytest.mark.parametrize("name", CHOICES)
def test_it_begins_as_the_static_view(name: str) -> None:
    static = getattr(views, name)(analysis(), "Projects")
    assert explorer(name, "projects").shown.value == html(static)


@pytest.mark.parametrize("name", CHOICES)
def test_the_call_makes_what_is_shown(name: str) -> None:
    found = explorer(name)
    for control, value in (
        ("segment", "region"),
        ("value", "South"),
        ("window", "current"),
        ("policy", "strict"),
        ("stage", "Proforma"),
        ("by", "value"),
    ):
        if control in found.controls:
            before = found.shown.value
            found.controls[control].value = value
            assert found.shown.value != before, control
    assert html(run(found.code, data())) == found.shown.value
    assert found.code.replace("'", "&#39;") in found.said.value


def test_all_visits_go_with_no_other_policy() -> None:
    found = explorer("stages")
    found.controls["policy"].value = "strict"
    found.controls["visits"].value = "all"
    assert found.controls["policy"].disabled
    assert found.controls["policy"].value == ""
    assert "strict" not in found.code
    assert html(run(found.code, data())) == found.shown.value
    assert "All visits, not only the first." in found.shown.value


def test_back_at_the_beginning_is_the_beginning() -> None:
    found = explorer("balance")
    first, code = found.shown.value, found.code
    found.controls["segment"].value = "owner"
    assert found.controls["value"].value in found.code
    found.controls["by"].value = "value"
    found.controls["segment"].value = ""
    found.controls["by"].value = "count"
    assert (found.shown.value, found.code) == (first, code)
    assert found.controls["value"].disabled


def test_explorers_of_one_store_do_not_disturb_each_other() -> None:
    one, other = explorer("pipe"), explorer("stages", "Projects")
    one.controls["segment"].value = "region"
    other.controls["segment"].value = "product"
    one.controls["value"].value = "North"
    other.controls["window"].value = "current"
    one.controls["value"].value = "East"
    other.controls["by"].value = "value"
    for found in (one, other):
        assert html(run(found.code, data())) == found.shown.value


def test_only_what_makes_sense_can_be_chosen() -> None:
    store, found = hostile()
    shown = leakkit.explore(views.days, found)
    assert [value for _, value in shown.controls["segment"].options] == ["", 're"gion <b>']
    assert [value for _, value in shown.controls["stage"].options] == ["", "A", "B's <i>"]
    assert "window" not in shown.controls, "there is no baseline"
    assert "visits" not in shown.controls, "no deal came back"
    assert "policy" not in shown.controls, "no deal skipped a stage"
    assert store.meta("segments") == ['re"gion <b>', "alone"]


@pytest.mark.parametrize("name", CHOICES)
def test_hostile_values_are_texts_everywhere(name: str) -> None:
    store, found = hostile()
    shown = leakkit.explore(getattr(views, name), found)
    shown.toggle.value = True
    shown.controls["segment"].value = 're"gion <b>'
    values = [value for _, value in shown.controls["value"].options]
    assert sorted(values) == sorted((*HOSTILE, ""))
    # every value in one view, and in the others some of them, in turns
    for value in values if name == "stages" else values[list(CHOICES).index(name) % 3 :: 3]:
        shown.controls["value"].value = value
        assert repr(value) in shown.code
        if value in HOSTILE[1:4]:
            assert html(run(shown.code, store)) == shown.shown.value
        for widget in (shown.shown, shown.said, shown.rows):
            text = widget.value.lower()
            assert "<script" not in text
            assert "gion <b>" not in text
            assert "b's <i>" not in text
        listed = leakkit.passages(store, segment={'re"gion <b>': value})
        assert set(listed["opportunity_id"]) == {
            f"d{at}" for at in range(60) if (*HOSTILE, "")[at % 6] == value
        }
    assert store.value("SELECT count(*) FROM opportunities") == 60


def test_the_deals_behind_it_are_those_of_the_selection() -> None:
    found = explorer("days")
    assert found.rows.value == ""
    found.toggle.value = True
    found.controls["segment"].value = "region"
    found.controls["value"].value = "North"
    found.controls["window"].value = "current"
    found.controls["stage"].value = "Proforma"
    behind = leakkit.passages(
        data(),
        pipeline="Equipment",
        stage="Proforma",
        segment="region",
        value="North",
        window="current",
        visits="first",
    )
    text = found.rows.value
    assert f"{len(behind)} visits to stages." in text
    assert all(deal in text for deal in behind["opportunity_id"])
    part = leakkit.analyze(data(), "Equipment", segment="region", value="North", window="current")
    assert part["Equipment"].stages[2].curve.table.entrants == len(behind)


def test_a_long_list_is_cut_and_says_so() -> None:
    found = explorer("pipe")
    found.toggle.value = True
    rows = len(leakkit.passages(data(), pipeline="Equipment"))
    assert f"{rows:,} visits to stages, the first {SHOWN_ROWS} of them:" in found.rows.value
    assert found.rows.value.count("<tr>") == SHOWN_ROWS + 1


def test_a_view_without_choices_is_refused() -> None:
    with pytest.raises(LeakkitError) as caught:
        leakkit.explore(views.method, analysis())
    assert caught.value.code == "no_choices"


def test_a_part_is_no_beginning() -> None:
    part = leakkit.analyze(data(), "Projects", window="current")
    with pytest.raises(LeakkitError) as caught:
        leakkit.explore(views.pipe, part)
    assert caught.value.code == "selected_already"


def test_it_shows_itself_as_widgets() -> None:
    shown = explorer("months")._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in shown
