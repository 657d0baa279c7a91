"""What changed since the last run: what it is compared with, and how it is said."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import leakkit
from leakkit import views
from leakkit.analysis import Appeared, Seen, analyze, losses_appeared, since_last_run
from leakkit.analysis.snapshot import losses_missing, without_late_losses
from leakkit.findings import Finding
from leakkit.report.manifest import Last
from leakkit.report.publishing import MANIFEST
from leakkit.store.schema import SCHEMA_VERSION
from tests.running import sample_store

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.analysis import Analysis

THEN = Seen(
    "data of then", 20604, 4700, 1480, 2800, (("Contract", "lost"),), (("Proforma", "lost", 0.29),)
)


@pytest.fixture(scope="module")
def now() -> Analysis:
    return analyze(sample_store(), ["Equipment", "Projects"])


def text(view: views.View) -> str:
    """Return the words of a view's note."""
    return view.section().striptags()


def manifest(folder: Path, **entry: Any) -> Last:  # noqa: ANN401 - JSON of any shape
    """Return what the last run left, if its manifest says so of one pipeline."""
    one = {"name": "Equipment", "slug": "e", "pages": {}, "stages": [], **entry}
    facts = {"schema_version": SCHEMA_VERSION, "pipelines": [one]}
    (folder / MANIFEST).write_text(json.dumps(facts), "utf-8")
    return Last.read(folder)


def test_the_same_data_twice_are_no_news(tmp_path: Path) -> None:
    other = replace(THEN, fingerprint="older still", deals=4000)
    last = manifest(tmp_path, seen=THEN.facts(), before=other.facts())
    assert last.before("data of now") == {"Equipment": THEN.facts()}
    assert last.before("data of then") == {"Equipment": other.facts()}
    first = manifest(tmp_path, seen=THEN.facts(), before=None)
    assert first.before("data of then") == {}


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        {},
        THEN.facts() | {"deals": "many"},
        THEN.facts() | {"warned": [["A"]]},
        THEN.facts() | {"warned": [["A", "<script>"]]},
        THEN.facts() | {"shares": 3},
    ],
)
def test_a_manifest_that_somebody_changed_says_nothing(tmp_path: Path, broken: Any) -> None:  # noqa: ANN401 - as it says
    assert Seen.read(broken) is None
    assert manifest(tmp_path, seen=broken).before("x") == {}


def with_losses(now: Analysis, *days: int) -> Analysis:
    """Return an analysis whose first pipeline lost a deal on each of these days."""
    first = now.pipelines[0]
    counted = tuple((day, days.count(day)) for day in sorted(set(days)))
    first = first.replace(notes=replace(first.notes, losses=counted))
    return replace(now, pipelines=(first, *now.pipelines[1:]))


def test_losses_that_were_entered_late_are_counted_and_said(now: Analysis) -> None:
    last = THEN.last_day
    then = replace(THEN, losses=((last - 40, 2), (last - 20, 1), (last, 3)))
    late = (last - 40, last - 20, last - 20, last - 10, last - 9, last - 8)
    days = (last - 40, last - 40, *late, *[last] * 5, *[last + 3] * 4)
    told = replace(with_losses(now, *days), last_run={"Equipment": then})
    found = losses_appeared(told, told.pipelines[0])
    # of the day 20 days before one was known; those of the last day itself are not late
    assert found == Appeared(last, 11, 5, 10.0)
    said = "Of 11 losses that are new since the last run, 5 are dated before May 31, 2026"
    for view in (views.headline(told), views.data(told)):
        assert said in text(view)
        assert "half of them by 10 days or more" in text(view)
    prompt = replace(with_losses(now, *[last + 2] * 3), last_run={"Equipment": then})
    assert "none is dated before May 31, 2026" in text(views.data(prompt))
    assert "losses that are new" not in text(views.headline(prompt))


def test_without_an_earlier_run_losses_may_be_missing(now: Analysis) -> None:
    assert "the most recent losses may be missing" in text(views.data(now))
    old = replace(THEN, last_day=now.last_day - 91, losses=((1, 1),))
    for seen in (THEN, old, replace(old, last_day=now.last_day)):
        told = replace(now, last_run={"Equipment": seen})
        assert losses_appeared(told, told.pipelines[0]) is None
        assert "the most recent losses may be missing" in text(views.data(told))


def test_losses_that_end_before_the_data_are_missing(now: Analysis) -> None:
    daily = [now.last_day - ago for ago in range(20, 120)]
    told = with_losses(now, *daily)
    found = losses_missing(told.pipelines[0], now.last_day)
    assert found is not None
    assert found.since == now.last_day - 20
    assert found.usual == pytest.approx(20.0)
    for view in (views.headline(told), views.data(told)):
        assert "where about 20 would be usual" in text(view)
    better, worse, late = (
        Finding("Equipment", "A", kind, severity)
        for kind, severity in (("lost", "better"), ("lost", "alarm"), ("overdue", "better"))
    )
    kept = without_late_losses(told, (better, worse, late))
    assert [one.severity for one in kept] == ["not enough data", "alarm", "better"]
    # a pause as long as an earlier one, a short one, and losses to the last day are usual
    usual = (*daily[:40], *daily[65:]), daily[:1], [day + 14 for day in daily]
    for days in usual:
        assert losses_missing(with_losses(now, *days).pipelines[0], now.last_day) is None
    same = with_losses(now, *usual[2])
    assert without_late_losses(same, (better, worse)) == (better, worse)


def test_what_a_run_saw_comes_back_as_it_was(now: Analysis) -> None:
    seen = Seen.of(now, now.pipelines[0])
    assert Seen.read(json.loads(json.dumps(seen.facts()))) == seen
    assert (seen.deals, seen.warned) == (4800, (("Proforma", "lost"),))


def test_differences_are_counted_and_said(now: Analysis) -> None:
    told = replace(now, last_run={"Equipment": THEN})
    since = since_last_run(told, told.pipelines[0])
    assert since is not None
    assert (since.deals, since.last_day) == (100, 20604)
    assert (since.appeared, since.gone) == (("Proforma",), ("Contract",))
    page = text(views.headline(told))
    assert "Since the last run, on data up to May 31, 2026: 100 more deals; " in page
    assert "Proforma from 29% to 31%; newly worse: Proforma; no longer worse: Contract." in page
    over = text(views.overview(told))
    assert "newly worse: Proforma in Equipment; no longer worse: Contract in Equipment." in over


def test_the_page_of_causes_says_it_in_the_same_words(now: Analysis) -> None:
    told = replace(now, last_run={"Equipment": THEN})
    wanted = text(views.headline(told)).partition("Since the last run")[2].partition("Contract.")[0]
    assert "newly worse: Proforma" in wanted
    assert wanted in text(views.causes_headline(leakkit.diagnose(told, "Equipment")))
    assert "Since the last run" not in text(views.causes_headline(leakkit.diagnose(now)))


def test_nothing_new_is_said_too(now: Analysis) -> None:
    seen = replace(Seen.of(now, now.pipelines[0]), deals=4801)
    told = replace(now, last_run={"Equipment": seen})
    page = text(views.headline(told))
    assert "1 fewer deal; Proforma from 31% to 31%; no stage newly worse, none better" in page


def test_a_stage_that_warns_of_something_else_is_no_news(now: Analysis) -> None:
    seen = replace(THEN, warned=(("Proforma", "overdue"),))
    told = replace(now, last_run={"Equipment": seen})
    since = since_last_run(told, told.pipelines[0])
    assert since is not None
    assert (since.appeared, since.gone) == ((), ())


def test_without_an_earlier_run_nothing_is_said(now: Analysis) -> None:
    assert "Since the last run" not in text(views.headline(now))
    told = replace(now, last_run={"Equipment": THEN})
    assert "Since the last run" not in text(views.headline(told, "Projects"))
    part = replace(told, selection=replace(told.selection, columns=(("owner", ("x",)),)))
    assert since_last_run(part, part.pipelines[0]) is None


def test_names_of_a_manifest_stay_names(now: Analysis) -> None:
    seen = replace(THEN, warned=(("<script>alert(1)</script>", "lost"),))
    told = replace(now, last_run={"Equipment": seen})
    for view in (views.headline(told), views.overview(told)):
        assert "<script" not in view.section()
        assert "&lt;script&gt;" in view.section()
