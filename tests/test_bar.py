"""The bar of a notebook: what it says, every picture says, and the line of Python as well."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

import leakkit
from leakkit import views
from leakkit.errors import LeakkitError
from leakkit.views import View, bar
from leakkit.views.bar import Filters, Follower
from leakkit.views.bar_widgets import BarWidgets
from tests.running import load_made

if TYPE_CHECKING:
    from leakkit.analysis import Analysis
    from leakkit.store import Store

NAMES = ("headline", "pipe", "stages", "balance", "days", "months", "data", "deals")


@cache
def data() -> Store:
    return load_made(leakkit.sample.make(900))


@cache
def analysis() -> Analysis:
    return leakkit.analyze(data(), ["Equipment", "Projects"])


def followed(of: Filters, name: str) -> Follower:
    found = leakkit.explore(getattr(views, name), of)
    assert isinstance(found, Follower)
    return found


def run(code: str, **names: Any) -> Any:  # noqa: ANN401 - whatever the line returns
    return eval(code, {"leakkit": leakkit, "data": data(), **names})  # noqa: S307 - the line on the screen must run


@pytest.mark.parametrize("name", NAMES)
def test_the_call_makes_what_is_shown(name: str) -> None:
    filters = leakkit.filters(analysis())
    picture = followed(filters, name)
    if name != "deals":
        assert picture.view == getattr(views, name)(analysis())
    filters.set(segment={"region": ["South", "North"]}, window="current", by="value")
    shown = picture.view
    assert "<bdi>North</bdi> and <bdi>South</bdi>" in shown.selection
    assert run(picture.code).section() == shown.section()
    said, metadata = picture.bundle()
    assert said["text/plain"].startswith(picture.code)
    assert metadata["text/html"]["leakkit"]["name"] == name


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
    assert filters.code.replace("'", "&#39;") in widgets.said.value
    part = leakkit.analyze(data(), "Equipment", segment="region", value="North", window="current")
    assert f"{part['Equipment'].opportunities:,} of" in widgets.counted.value
    filters.set(segment="region", value="South", worth=(12.5, 10_000))
    assert widgets.panels[0].chosen == ("South",)
    assert (widgets.least.value, widgets.below.value) == (12.5, 10_000)
    widgets.panels[0].search.value = "nor"
    assert {value for _, value in widgets.panels[0].list.options} == {"North", "South"}
    widgets.choices["visits"].value = "all"
    assert widgets.choices["policy"].disabled
    widgets.reset.click()
    assert filters.code == "bar.set()"


def test_a_refusal_is_said_beside_the_pictures() -> None:
    filters = leakkit.filters(analysis())
    filters.widgets = widgets = BarWidgets(filters)
    widgets.show()
    widgets.choices["worth"].value = "own"
    widgets.least.value, widgets.below.value = 50.0, 20.0
    assert "Not changed: worth is a pair" in widgets.status.value
    assert filters.selection.worth == (50.0, None)


def test_changes_that_follow_each_other_are_answered_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    filters, answers = leakkit.filters(analysis()), list[str]()
    heard = asyncio.Event()

    def answer() -> None:
        answers.append(filters.code)
        heard.set()

    monkeypatch.setattr(filters, "answer", answer)
    monkeypatch.setattr(bar, "PAUSE_SECONDS", 0.0)

    async def change() -> None:
        for _ in range(5):
            filters.answer_soon()
        assert not answers
        await asyncio.wait_for(heard.wait(), 60)

    asyncio.run(change())
    assert len(answers) == 1


def test_where_nobody_is_there_a_cell_has_its_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bar, "runs_alone", lambda: True)
    filters = leakkit.filters(analysis())
    shown = leakkit.explore(views.pipe, filters)
    assert isinstance(shown, View)
    assert shown == views.pipe(analysis())
    filters._ipython_display_()
    assert filters.widgets is None


def test_what_the_bar_does_not_limit_says_so() -> None:
    filters = leakkit.filters(analysis(), every=True)
    pages, pipes = followed(filters, "overview_pages"), followed(filters, "overview_pipes")
    assert pages.view == views.overview_pages(analysis())
    filters.set(segment="region", value="North", window="current")
    assert "the filters do not limit this" in pages.view.selection
    assert "Only deals with" in pipes.view.selection
    assert "Of the current window of each pipeline." in pipes.view.selection
    with pytest.raises(LeakkitError, match="cannot follow this bar"):
        leakkit.explore(views.warnings, filters)


def test_of_a_diagnosis_a_stage_can_be_chosen() -> None:
    diagnosis = leakkit.diagnose(analysis(), "Equipment")
    filters = leakkit.filters(diagnosis)
    card = followed(filters, "evidence")
    assert card.view == views.evidence(diagnosis)
    filters.set(stage=diagnosis.stages[0].stage.name)
    assert card.view == views.evidence(diagnosis, stage=diagnosis.stages[0].stage.name)
    with pytest.raises(LeakkitError, match="Causes are looked for in all deals"):
        filters.set(window="current")
