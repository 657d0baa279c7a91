"""Summaries: one page to mail, that says what the pages say, in three forms."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from leakkit import analyze, views
from leakkit.analysis import find_worklist
from leakkit.config import Config
from leakkit.report import summary
from leakkit.report.manifest import named_files
from leakkit.sample import make
from leakkit.sources import load
from leakkit.views.grids import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leakkit.analysis import Analysis
    from leakkit.store import Store

PIPELINE = "Equipment"
Made = tuple["Store", "Analysis"]


@pytest.fixture(scope="module")
def made() -> Iterator[Made]:
    found = make(900, seed=2)
    frames = {"opportunities": found.opportunities, "stage_history": found.stage_history}
    with load(frames, Config.from_text(found.config)) as store:
        yield store, analyze(store)


@pytest.fixture(scope="module")
def files(made: Made) -> dict[str, bytes]:
    store, analysis = made
    items = find_worklist(store, analysis, PIPELINE)
    return summary.of_pipeline(analysis, analysis[PIPELINE], items)


def test_all_forms_begin_with_the_headline_of_the_page(made: Made, files: dict[str, bytes]) -> None:
    said = views.headline_sentence(made[1], PIPELINE)
    assert json.loads(files["summary.json"])["headline"] == said
    text = " ".join(files["summary.txt"].decode().split())
    assert said in text
    assert said in text_of(files["summary.html"].decode())


def test_numbers_are_those_of_the_worklist(made: Made, files: dict[str, bytes]) -> None:
    items = find_worklist(*made, PIPELINE)
    called = [item for item in items if item.block == "call"]
    late = json.loads(files["summary.json"])["late"]
    assert late["to_call"] == len(called) > 0
    assert late["saved_value"] == pytest.approx(sum(item.saved or 0 for item in called) / 100)


def test_the_page_runs_nothing_and_asks_nobody(files: dict[str, bytes]) -> None:
    html = files["summary.html"].decode()
    assert "<script" not in html
    assert "Content-Security-Policy" in html
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert "https://" not in html


def test_a_run_names_every_pipeline(made: Made) -> None:
    _, analysis = made
    files = summary.of_run(analysis)
    names = [one.name for one in analysis.pipelines]
    assert [one["pipeline"] for one in json.loads(files["summary.json"])["pipelines"]] == names
    text = files["summary.txt"].decode()
    assert all(f"\n{name} | " in text for name in names)
    assert files == summary.of_run(analysis)


def test_a_manifest_may_name_summaries_and_decks() -> None:
    pages = {name: {"sha256": "0"} for name in ("summary.txt", "deck.pptx", "../deck.pptx")}
    facts = {"files": {"deck.pptx": {}}, "pipelines": [{"slug": "a-123456", "pages": pages}]}
    named = set(named_files(facts)) - {"index.html"}
    assert named == {"deck.pptx", "a-123456/summary.txt", "a-123456/deck.pptx"}
