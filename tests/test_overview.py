"""The overview: all pipelines side by side, with what became of their pages."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from bs4 import BeautifulSoup

import leakkit
from leakkit import views
from leakkit.analysis import DataNotes
from leakkit.config import Config
from leakkit.findings import Finding
from leakkit.findings.finding import Value
from leakkit.report.publishing import slug
from leakkit.report.run_results import FAILED, MADE, NOT_ASKED, PageResult
from leakkit.views.comparing import MANY, MOST_LEAKS, PIPES_OF_MANY
from leakkit.words import Words
from tests import fakes

if TYPE_CHECKING:
    from leakkit.analysis import Analysis, PipelineNumbers

VIEWS = (
    "overview",
    "overview_warnings",
    "overview_pages",
    "overview_pipes",
    "overview_leaks",
    "overview_quality",
)
WORDS = Words("en", currency="EUR")
NAMES = ("Equipment", "Parts", "Service")
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=y>',
    "javascript:alert(1)",
    "../../etc",
    "//evil.example",
    "a\u202eevil {said}",
    "long " * 100,
    "پیش\u200cفاکتور",  # noqa: RUF001 - Persian has an alef
)
MOST_BYTES = 350_000


@cache
def frame() -> Analysis:
    """Return the analysis that made-up pipelines are put into."""
    rows = [("d", "A", "2026-01-01")]
    history = pd.DataFrame(rows, columns=["opportunity_id", "stage", "entered_at"])
    store = leakkit.load({"stage_history": history}, Config.from_text('currency = "EUR"'))
    return leakkit.analyze(store)


def pipeline(name: str, times: int = 1) -> PipelineNumbers:
    """Return a pipeline that loses `times` as much as the fake one."""
    made = fakes.analysis(name=name)
    stages = tuple(one.replace(value_lost=one.value_lost * times) for one in made.stages)
    outcomes = {("won", True): 200, ("lost", True): 500, ("lost", False): 50, ("open", True): 250}
    notes = DataNotes(outcomes, 7, 0, 110, 0, 0, 0)
    return made.replace(stages=stages, notes=notes)


def analysis(names: tuple[str, ...] = NAMES) -> Analysis:
    made = tuple(pipeline(name, 1 + at) for at, name in enumerate(names))
    worse = tuple(warning(one) for one in made)
    return replace(frame(), pipelines=made, last_day=fakes.LAST_DAY, all_findings=worse)


def warning(one: PipelineNumbers) -> Finding:
    """Return the alarm of the fourth stage of a pipeline."""
    cause = fakes.likely_cause("unconvincing")
    kept = Value(123_456_700.0, 1e8, 2e8)
    return Finding(
        one.name, one.stages[3].name, "lost", "alarm", share=0.37, reference=0.2, change=0.17,
        p_value=0.001, recoverable=kept, cause=cause,
    )  # fmt: skip


def result(name: str, state: str = MADE, **parts: Any) -> dict[str, Any]:  # noqa: ANN401 - facts
    """Return what a run says of the page of a pipeline."""
    folder = slug(name)
    usual: dict[str, Any] = {
        "page": f"{folder}/stage_dropoff.html",
        "causes": f"{folder}/root_causes.html",
        "headline": f"Proforma loses most of {name}.",
        "last_day": fakes.LAST_DAY,
    }
    return PageResult(pipeline=name, slug=folder, state=state, **{**usual, **parts}).facts()


def html(found: Analysis, pages: list[dict[str, Any]] | None = None) -> str:
    made = (getattr(views, name)(found, pages or ()).section() for name in VIEWS)
    return "\n".join(map(str, made))


def soup(text: str) -> BeautifulSoup:
    return BeautifulSoup(text, "html.parser")


def test_alone_it_links_nothing_and_says_everything() -> None:
    made = html(analysis())
    assert "href" not in made
    page = soup(made)
    names = [head.get_text() for head in page.select("#overview_pages h3")]
    assert names == list(NAMES)
    said = page.select_one("#overview_pages li p")
    assert said is not None
    assert said.get_text().startswith("Proforma now loses 37% of its deals")


def test_the_costliest_leak_is_that_of_the_largest_value() -> None:
    found = replace(analysis(), all_findings=())
    every = [(one.name, s) for one in found.pipelines for s in one.stages]
    name, worst = max(every, key=lambda pair: pair[1].value_lost)
    share = worst.value_lost / sum(stage.value_lost for _, stage in every)
    said = soup(str(views.overview(found).section())).get_text(" ", strip=True)
    assert name == "Service"
    assert f"{worst.name} in {name}" in " ".join(said.split())
    assert f"{worst.exits.lost} deals worth {WORDS.money(worst.value_lost)}" in said
    assert f"{WORDS.share(share)} of all value lost" in said
    assert "3 pipelines with 3,000 deals, as of Jun 30, 2026." in said


def test_what_got_worse_goes_before_what_costs_most() -> None:
    made = soup(html(analysis(), [result(name) for name in NAMES]))
    said = made.select_one("#overview .lk-headline")
    assert said is not None
    assert "Proforma now loses 37% of its deals" in said.get_text()
    rows = made.select("#overview_warnings tbody tr")
    assert [row.select_one("th bdi").get_text() for row in rows] == list(NAMES)  # type: ignore[union-attr] # every row has one
    for row in rows:
        assert "Our answer did not convince" in row.get_text()
        assert WORDS.money(123_456_700) in row.get_text()
        assert str(row.find_all("a")[0]["href"]).endswith("/root_causes.html")


def test_a_steady_finding_is_no_warning() -> None:
    found = analysis()
    calm = tuple(replace(one, severity="ok") for one in found.all_findings)
    view = views.overview_warnings(replace(found, all_findings=calm))
    assert not view.table
    assert str(view.headline).startswith(WORDS.say("causes.quiet"))
    assert "could have shown a rise of 10 points" in str(view.headline)
    # where nothing could be compared, nobody can say that nothing got worse
    young = tuple(replace(one, p_value=None) for one in calm)
    view = views.overview_warnings(replace(found, all_findings=young))
    assert view.headline == WORDS.say("overview.no_comparison")


def test_the_costliest_of_what_got_worse_is_said_first() -> None:
    found = analysis()
    worth = (5e6, 9e8, None)
    values = [None if value is None else Value(value, value / 2, value * 2) for value in worth]
    told = [replace(f, recoverable=v) for f, v in zip(found.all_findings, values, strict=True)]
    view = views.overview(replace(found, all_findings=tuple(told)))
    said = view.section().striptags()
    assert "In Parts: Proforma now loses 37%" in said
    assert f"about {WORDS.money(9e8)} would be kept in" in said
    named = f"2 more stages got worse: Proforma in Equipment (about {WORDS.money(5e6)})"
    assert f"{named} and Proforma in Service." in said
    # a watch may be chance, other deals or the season
    perhaps = [*told[:2], replace(told[2], severity="watch", q_value=0.1)]
    said = views.overview(replace(found, all_findings=tuple(perhaps))).section().striptags()
    assert "2 more stages got worse, or may have: " in said


def test_a_lone_pipeline_has_a_large_pipe() -> None:
    assert "lk-wide" in views.overview_pipes(analysis(("Equipment",))).figure


def test_with_results_everything_that_was_made_is_linked() -> None:
    pages = [result(name) for name in NAMES]
    page = soup(html(analysis(), pages))
    for name, item in zip(NAMES, page.select("#overview_pages li"), strict=True):
        links = [link["href"] for link in item.find_all("a")]
        folder = slug(name)
        assert links == [
            f"{folder}/stage_dropoff.html",
            f"{folder}/root_causes.html",
            f"{folder}/stages.csv",
            f"{folder}/worklist.xlsx",
        ]
        assert f"Proforma loses most of {name}." in item.get_text()
    for table in ("overview_pipes", "overview_leaks", "overview_quality"):
        assert page.select_one(f"#{table} a[href='{slug('Parts')}/stage_dropoff.html']")


def test_a_sentence_that_begins_with_a_name_from_right_to_left_runs_as_its_page() -> None:
    name = "\u067e\u06cc\u0634 now loses 52% of its deals"
    said = soup(html(analysis(), [{**result(one), "headline": name} for one in NAMES]))
    found = said.select("#overview_pages .lk-said bdi")
    assert {(one["dir"], one.get_text()) for one in found} == {("ltr", name)}


def test_a_failed_page_says_why_and_is_counted() -> None:
    pages = [
        result("Equipment"),
        result("Parts", FAILED, page="", causes="", failed="cell 3: <b>ValueError</b>"),
        result("Service", FAILED, failed="no time", stale="no time"),
    ]
    page = soup(html(analysis(), pages))
    assert "2 pages could not be made" in page.select_one("#overview").get_text()  # type: ignore[union-attr] # it is there
    equipment, parts, service = page.select("#overview_pages li")
    assert not equipment.select(".lk-failed")
    assert not parts.find_all("a"), "there is no page to link"
    assert "cell 3: <b>ValueError</b>" in parts.get_text()
    assert service.find_all("a"), "the old page is still there"
    assert "The page is old: it shows the data up to Jun 30, 2026." in service.get_text()


def test_a_page_that_was_not_asked_for_says_of_when_it_is() -> None:
    pages = [result("Equipment"), result("Gone", NOT_ASKED)]
    page = soup(html(analysis(("Equipment",)), pages))
    gone = page.select("#overview_pages li")[1]
    assert "Not part of the last run: data up to Jun 30, 2026." in gone.get_text()


def test_the_largest_losses_are_in_order_of_value() -> None:
    rows = soup(views.overview_leaks(analysis()).table).select("tbody tr")
    assert len(rows) == MOST_LEAKS
    lost = {(one.name, s.name): s.value_lost for one in analysis().pipelines for s in one.stages}
    heads = [head.get_text() for head in (row.select_one("th") for row in rows) if head]
    stages = [cell.get_text() for cell in (row.select_one("td") for row in rows) if cell]
    shown = [lost[place] for place in zip(heads, stages, strict=True)]
    assert shown == sorted(lost.values(), reverse=True)[:MOST_LEAKS]


def test_the_quality_is_counted_from_the_deals() -> None:
    (row, *_) = soup(views.overview_quality(analysis()).table).select("tbody tr")
    cells = [cell.get_text() for cell in row.find_all("td")]
    assert cells[:5] == ["1,000", "25%", "50", "20%", "7"]


def test_many_pipelines_stay_small() -> None:
    names = tuple(f"Pipeline {at} of the northern region" for at in range(500))
    found, pages = analysis(names), [result(name) for name in names]
    made = html(found, pages)
    assert len(made.encode()) < MOST_BYTES
    page = soup(made)
    assert len(page.select("#overview_pages li")) == 500
    assert all(item.select("h3 a") for item in page.select("#overview_pages li"))
    warned = page.select_one("#overview_warnings")
    assert warned is not None
    assert len(warned.select("tbody tr")) == MANY
    assert f"{500 - MANY} more stages" in warned.get_text()
    for view, most in (("overview_pipes", PIPES_OF_MANY), ("overview_quality", MANY)):
        section = page.select_one(f"#{view}")
        assert section is not None
        shown = [one.get_text() for one in section.select("h3, tbody th")]
        assert shown == list(names[-most:]), "those that lost most"
        assert f"{500 - most} more pipelines" in section.get_text()


@pytest.mark.parametrize("linked", [True, False])
def test_hostile_names_stay_names(linked: bool) -> None:  # noqa: FBT001 - pytest hands it over
    pages = [result(name, headline=f"{name} leaks", failed=name) for name in HOSTILE]
    found = analysis(HOSTILE)
    stages = fakes.analysis(fakes.pipe(names=fakes.HOSTILE)).stages
    evil = tuple(p.replace(stages=stages) for p in found.pipelines)
    found = replace(found, pipelines=evil, all_findings=tuple(map(warning, evil)))
    made = html(found, pages if linked else None)
    page = soup(made)
    assert not page.find_all(["script", "img"])
    assert not [tag for tag in page.find_all() for key in tag.attrs if key.startswith("on")]
    assert not re.search("[\u202a-\u202e\x00]", made)
    links = {str(link["href"]) for link in page.find_all("a")}
    assert bool(links) == linked
    for link in links:
        assert re.fullmatch(r"[^/:#?][^:#?]*", link), "relative, and in a folder below"
        assert ".." not in link.split("/")


@pytest.mark.parametrize("name", VIEWS)
def test_no_view_shows_a_hole(name: str) -> None:
    text = soup(str(getattr(views, name)(analysis()).section())).get_text(" ")
    assert "None" not in text
    assert "nan" not in text.split()


def test_without_a_loss_there_is_no_leak() -> None:
    said = soup(str(views.overview(frame()).section())).get_text(" ", strip=True)
    assert "No deal was lost in any stage." in said
    for name in VIEWS:
        assert getattr(views, name)(frame()).section()
