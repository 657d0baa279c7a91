"""Summaries: one page to mail, that says what the pages say, in three forms."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from leakkit import analyze, views
from leakkit.analysis import find_worklist
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.report import summary
from leakkit.report.manifest import named_files
from leakkit.sample import make, write
from leakkit.sources import load
from leakkit.views.brand import pale
from leakkit.views.grids import html_text
from leakkit.views.view import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from leakkit.analysis import Analysis
    from leakkit.store import Store

PIPELINE = "Equipment"
Made = tuple["Store", "Analysis"]


@pytest.fixture(scope="module")
def report() -> Iterator[Made]:
    found = make(1_200, seed=1)
    frames = {"opportunities": found.opportunities, "stage_history": found.stage_history}
    with load(frames, Config.from_text(found.config)) as store:
        yield store, analyze(store)


@pytest.fixture(scope="module")
def files(report: Made) -> dict[str, bytes]:
    store, analysis = report
    items = find_worklist(store, analysis, PIPELINE)
    return summary.of_pipeline(analysis, analysis[PIPELINE], items)


def test_all_forms_begin_with_the_headline_of_the_page(
    report: Made, files: dict[str, bytes]
) -> None:
    said = views.headline_sentence(report[1], PIPELINE)
    assert json.loads(files["summary.json"])["headline"] == said
    text = " ".join(files["summary.txt"].decode().split())
    assert said in text
    assert said in html_text(files["summary.html"].decode())


def test_numbers_are_those_of_the_worklist(report: Made, files: dict[str, bytes]) -> None:
    items = find_worklist(*report, PIPELINE)
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


def test_a_run_names_every_pipeline(report: Made) -> None:
    _, analysis = report
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


BRAND = """
[brand]
client = "Acme <b>"
author = "Doe"
logo = "logo.png"
colour = "#7a1f5c"
accent = "#ffee00"
confidential = "For Acme only"
"""
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def _write_branded(folder: Path, logo: bytes = DOT) -> Path:
    """Write a small source whose configuration names a brand."""
    write(folder, 60, seed=4)
    file = folder / "leakkit.toml"
    text = file.read_text("utf-8")
    at = text.index("[")
    file.write_text(text[:at] + BRAND + text[at:], "utf-8")
    (folder / "logo.png").write_bytes(logo)
    return folder


def test_a_brand_stands_on_the_summary_and_a_pale_colour_does_not(tmp_path: Path) -> None:
    with load(_write_branded(tmp_path)) as store:
        analysis = analyze(store)
        html = summary.of_run(analysis)["summary.html"].decode()
        said = pale(analysis.config.brand, words_of(analysis))
    assert "Acme &lt;b&gt;" in html
    assert "For Acme only" in html
    assert base64.b64encode(DOT).decode() in html
    assert "#7a1f5c" in html
    assert "#ffee00" not in html
    assert len(said) == 1
    assert "accent #ffee00" in said[0]


def test_a_logo_is_a_picture_in_an_allowed_place(tmp_path: Path) -> None:
    source = _write_branded(tmp_path / "source", b"<svg onload='alert(1)'/>")
    with pytest.raises(LeakkitError, match="neither a PNG nor a JPEG"):
        load(source)
    text = (source / "leakkit.toml").read_text("utf-8")
    (tmp_path / "logo.png").write_bytes(DOT)
    (source / "leakkit.toml").write_text(text.replace('"logo.png"', '"../logo.png"'), "utf-8")
    with pytest.raises(LeakkitError, match=r"\[brand\] logo names '../logo.png', which is outside"):
        load(source)
    load(source, allow=(tmp_path,)).close()
