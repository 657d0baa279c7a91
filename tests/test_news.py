"""The night watch: what is new, who is told, and exports that are too small to be believed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from leakkit import cli
from leakkit.analysis import Seen
from leakkit.errors import HALF_EXPORT, LeakkitError
from leakkit.report.manifest import Last
from leakkit.report.news import find_news, is_new, news_json, refuse_half_export
from leakkit.report.run_results import FAILED, MADE, PageResult
from tests.running import sample_analysis, write_small

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.analysis import Analysis

LATE = ("Proforma", "lost")
"""What Equipment warns of in the sample."""


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    return sample_analysis()


def pages(analysis: Analysis, broken: str = "") -> list[PageResult]:
    return [
        PageResult(one.name, one.name, FAILED if one.name == broken else MADE,
                   failed="a cell failed" if one.name == broken else "")
        for one in analysis.pipelines
    ]  # fmt: skip


def last(analysis: Analysis, **changes: Any) -> Last:  # noqa: ANN401 - fields of Seen
    """What the same data looked like last time, but for Equipment."""
    entries = []
    for one in analysis.pipelines:
        seen = Seen.of(analysis, one)
        seen = replace(seen, **changes) if one.name == "Equipment" else seen
        entries.append({"name": one.name, "slug": one.name, "seen": seen.facts()})
    return Last({"pipelines": entries})


def test_nothing_is_new_where_nothing_changed(analysis: Analysis) -> None:
    news = find_news(analysis, last(analysis), pages(analysis))
    assert not any(one.is_news for one in news)
    assert not is_new(news, "watch")
    assert [one.deals for one in news] == [one.deals_before for one in news]


def test_a_new_alarm_is_told_to_those_of_its_pipeline(analysis: Analysis) -> None:
    news = find_news(analysis, last(analysis, warned=()), pages(analysis))
    told = {one.pipeline: one for one in news if one.is_news}
    assert list(told) == ["Equipment"]
    (one,) = told["Equipment"].appeared
    assert (one.stage, one.kind, one.severity) == (*LATE, "alarm")
    assert one.sentence.startswith("Proforma now loses 31%")
    assert is_new(news, "alarm")


def test_what_went_and_what_broke_is_told_too(analysis: Analysis) -> None:
    then = last(analysis, warned=(LATE, ("Contract", "lost")))
    news = find_news(analysis, then, pages(analysis, broken="Projects"))
    told = {one.pipeline: one for one in news if one.is_news}
    assert told["Equipment"].gone == (("Contract", "lost"),)
    assert told["Projects"].failed == "a cell failed"
    assert set(told) == {"Equipment", "Projects"}
    assert not is_new(news, "watch")


def test_without_an_earlier_run_all_that_warns_is_new(analysis: Analysis) -> None:
    news = find_news(analysis, Last(), pages(analysis))
    assert {one.deals_before for one in news} == {None}
    warned = sum(len(Seen.of(analysis, one).warned) for one in analysis.pipelines)
    assert sum(len(one.appeared) for one in news) == warned > 1


def test_the_file_for_programs_says_it_once(analysis: Analysis) -> None:
    news = find_news(analysis, last(analysis, warned=()), pages(analysis))
    facts = json.loads(news_json(analysis, news, ["Rentals"]))
    assert facts["news"] is True
    assert facts["removed"] == ["Rentals"]
    assert [one["pipeline"] for one in facts["pipelines"] if one["news"]] == ["Equipment"]
    assert facts["as_of"] == "2026-06-30"


@pytest.mark.parametrize(
    ("max_drop", "min_rows", "says"),
    [
        (0.3, 0, "4,800 deals, and the last run had 7,000"),
        (None, 10**6, "fewer than --min-rows 1,000,000"),
    ],
)
def test_half_an_export_is_refused(
    analysis: Analysis, max_drop: float | None, min_rows: int, says: str
) -> None:
    with pytest.raises(LeakkitError, match=says) as error:
        refuse_half_export(
            analysis, last(analysis, deals=7_000), max_drop=max_drop, min_rows=min_rows
        )
    assert error.value.code == HALF_EXPORT


def test_a_drop_that_is_allowed_is_none(analysis: Analysis) -> None:
    refuse_half_export(analysis, last(analysis, deals=6_000), max_drop=0.3, min_rows=1_000)
    refuse_half_export(analysis, Last(), max_drop=0.0, min_rows=0)


@pytest.mark.usefixtures("shared_workers", "_short_pages")
def test_a_run_that_is_refused_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    source, out, told = tmp_path / "source", tmp_path / "out", tmp_path / "news.json"
    write_small(source)
    given = ["report", str(source), "--out", str(out), "--pipeline", "Equipment", "--quiet"]
    given += ["--summary", str(told), "--max-drop", "0.3"]
    assert CliRunner().invoke(cli.app, given).exit_code == 0
    (only,) = json.loads(told.read_text("utf-8"))["pipelines"]
    assert (only["pipeline"], only["deals_before"]) == ("Equipment", None)
    before = {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    write_small(source, 40)
    result = CliRunner().invoke(cli.app, given)
    assert isinstance(result.exception, LeakkitError)
    assert result.exception.code == HALF_EXPORT
    after = {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert after == before
    refused = json.loads(told.read_text("utf-8"))
    assert refused["news"]
    assert "Equipment" in refused["failed"]
    assert "smaller than is believed" in refused["failed"]
