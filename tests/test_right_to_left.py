"""A page in a language that is read from right to left: mirrored, and nothing else."""

from __future__ import annotations

import string
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import pages
from leakkit.report import exporter
from leakkit.words import Words, catalogue
from tests.test_accessibility import company

sync_api = pytest.importorskip("playwright.sync_api")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

LETTERS = dict(zip(string.ascii_lowercase, "אבגדהוזחטיכלמנסעפצקרשתךםןף", strict=True))
ENGLISH = catalogue._catalogue("en")
"""The catalogue of a language that nobody speaks: English in Hebrew letters, for tests only."""


def spelt(message: str) -> str:
    """Write a message in other letters; what stands in braces stays."""
    said = ""
    for text, name, spec, _ in string.Formatter().parse(message):
        said += "".join(LETTERS.get(char, char) for char in text.lower())
        said += f"{{{name}:{spec}}}" if spec else f"{{{name}}}" if name is not None else ""
    return said


def other(table: Any) -> Any:  # noqa: ANN401 - a table of tables of messages
    """Write a whole catalogue in other letters."""
    if isinstance(table, str):
        return spelt(table)
    return {key: other(value) for key, value in table.items()}


@pytest.fixture(scope="module")
def hebrew() -> Iterator[None]:
    """Give leakkit the language of this test."""
    table = other(ENGLISH)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "_catalogue", lambda _: table)
        patch.setattr(exporter, "LANGUAGES", ("en", "he"))
        yield


@pytest.fixture(scope="module")
def open_pages(
    hebrew: None,  # noqa: ARG001 - the pages are made in it
    browser_path: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Page]]:
    """Open the three pages in a browser."""
    made = company()
    diagnosis = replace(made.diagnosis, analysis=replace(made.one, language="he"))
    texts = {
        "overview": pages.overview(replace(made.whole, language="he")),
        "stage_dropoff": pages.stage_dropoff(replace(made.one, language="he")),
        "root_causes": pages.root_causes(diagnosis),
    }
    folder: Path = tmp_path_factory.mktemp("pages")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        found = {}
        for name, text in texts.items():
            (folder / f"{name}.html").write_text(text, "utf-8")
            found[name] = browser.new_page(viewport={"width": 1200, "height": 800})
            found[name].goto((folder / f"{name}.html").as_uri())
        yield found
        browser.close()


def test_the_language_is_read_from_right_to_left() -> None:
    assert Words("he").direction == "rtl"
    assert spelt("{n:count} deals, {x}") == "{n:count} דהאלק, {x}"


def test_every_part_of_every_page_says_its_direction(open_pages: dict[str, Page]) -> None:
    for page in open_pages.values():
        assert page.get_attribute("html", "dir") == "rtl"
        assert page.get_attribute("html", "lang") == "he"
        assert page.locator("section.lk:not([dir=rtl])").count() == 0


def test_no_page_scrolls_sideways(open_pages: dict[str, Page]) -> None:
    for page in open_pages.values():
        for width in (360, 1200):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_tables_begin_at_the_right(open_pages: dict[str, Page]) -> None:
    boxes = open_pages["stage_dropoff"].evaluate(
        "Array.from(document.querySelectorAll('#stages > .lk-scroll tbody tr'), row =>"
        " [row.cells[0], row.cells[2]].map(cell => cell.getBoundingClientRect().left))"
    )
    assert boxes
    assert all(name > number for name, number in boxes)


def test_the_pipe_flows_to_the_left(open_pages: dict[str, Page]) -> None:
    place = "document.querySelector('#pipe .lk-wide [data-lk={}]').getBoundingClientRect().left"
    page = open_pages["stage_dropoff"]
    page.set_viewport_size({"width": 1200, "height": 800})
    first, last, won = (page.evaluate(place.format(name)) for name in ("width-0", "width-3", "won"))
    assert first > last > won


def test_texts_stay_inside_their_picture(open_pages: dict[str, Page]) -> None:
    outside = """
    Array.from(document.querySelectorAll('svg.lk-svg text')).filter(t => {
      const box = t.getBoundingClientRect(), edge = t.ownerSVGElement.getBoundingClientRect();
      return box.width && (box.left < edge.left - 2 || box.right > edge.right + 2);
    }).map(t => t.textContent)
    """
    for page in open_pages.values():
        assert page.evaluate(outside) == []


def test_the_chain_runs_to_the_left(open_pages: dict[str, Page]) -> None:
    page = open_pages["root_causes"]
    page.set_viewport_size({"width": 1200, "height": 800})
    lefts = page.evaluate(
        "Array.from(document.querySelector('ol.lk-chain').children,"
        " box => box.getBoundingClientRect().left)"
    )
    assert lefts == sorted(lefts, reverse=True)
    last = "getComputedStyle(document.querySelector('.lk-box-review'), '::after')"
    assert page.evaluate(f"{last}.left") == "0px"  # the head of the arrow is at the left end
