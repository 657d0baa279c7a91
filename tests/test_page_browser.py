"""The page in a browser: it opens offline, fits a phone, has a dark form, and prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from leakkit.report.exporter import export_page
from leakkit.report.overview import IndexRow, index_page
from leakkit.views import html_tables
from leakkit.views.drawing import figures
from leakkit.views.view import View
from leakkit.words import Words
from tests import fakes

sync_api = pytest.importorskip("playwright.sync_api")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

WORDS = Words("en", currency="EUR")
BOXES = "Array.from(document.querySelectorAll({}), e => [e.scrollWidth, e.clientWidth])"


@pytest.fixture(scope="module")
def browser(browser_path: str) -> Iterator[Browser]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of a page with every figure and table, and hostile names."""
    pipeline = fakes.analysis(fakes.pipe(names=fakes.HOSTILE))
    views = (
        View(
            "pipe",
            "Equipment",
            "Proforma loses 37%",
            figures.pipe_figure(pipeline, WORDS),
            kind="first",
        ),
        View("stages", "Stages", table=html_tables.stage_table(pipeline, WORDS, worst=3)),
        View("days", "Days", "", figures.days_figure(pipeline, WORDS)),
        View("months", "Months", "", figures.months_figure(pipeline, WORDS)),
        View("end", "In the end", table=html_tables.in_the_end_table(pipeline, WORDS)),
        View("balance", "Balance", table=html_tables.balance_table(pipeline, WORDS)),
        View("where", "Where", table=html_tables.where_lost_table(pipeline, WORDS)),
    )
    file: Path = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(export_page(fakes.notebook(*views)), "utf-8")
    return file.as_uri()


def open_page(browser: Browser, address: str, width: int = 1200, *, dark: bool = False) -> Page:
    """Open the page; fail on anything that the browser complains of or asks for."""
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if dark else "light",
        offline=True,
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    assert complaints == []
    assert asked == [address]
    return page


def test_it_opens_offline_without_complaint(browser: Browser, address: str) -> None:
    page = open_page(browser, address)
    assert page.title() == "Equipment"
    page.click("nav a[href='#stages']")
    assert page.url.endswith("#stages")
    page.click("summary >> nth=0")
    assert page.locator("details[open] table").count() == 2


@pytest.mark.parametrize("width", [320, 390, 700, 1200])
def test_it_never_scrolls_sideways(browser: Browser, address: str, width: int) -> None:
    page = open_page(browser, address, width)
    page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_phone_gets_the_narrow_pictures(browser: Browser, address: str) -> None:
    for width, shown, hidden in ((390, ".lk-narrow", ".lk-wide"), (1200, ".lk-wide", ".lk-narrow")):
        page = open_page(browser, address, width)
        assert page.locator(shown).first.is_visible()
        assert not page.locator(hidden).first.is_visible()


def test_texts_stay_inside_their_picture(browser: Browser, address: str) -> None:
    outside = """
    Array.from(document.querySelectorAll('svg.lk-svg text')).filter(t => {
      const box = t.getBoundingClientRect(), edge = t.ownerSVGElement.getBoundingClientRect();
      return box.width && (box.left < edge.left - 2 || box.right > edge.right + 2);
    }).map(t => t.textContent)
    """
    for width in (390, 1200):
        assert open_page(browser, address, width).evaluate(outside) == []


def test_tables_scroll_in_their_own_box(browser: Browser, address: str) -> None:
    page = open_page(browser, address, 390)
    boxes = page.evaluate(BOXES.format("'main > section > .lk-scroll'"))
    assert any(inner > outer for inner, outer in boxes)
    page.locator(".lk-scroll").first.focus()
    page.keyboard.press("ArrowRight")


def test_dark_changes_every_colour_that_matters(browser: Browser, address: str) -> None:
    style = "getComputedStyle(document.querySelector({})).{}"
    probes = [
        style.format("'body'", "backgroundColor"),
        style.format("'body'", "color"),
        style.format("'[data-lk=width-0] path'", "fill"),
        style.format("'.lk-svg tspan'", "fill"),
        style.format("'.lk-bar rect'", "fill"),
    ]
    light, dark = open_page(browser, address), open_page(browser, address, dark=True)
    for probe in probes:
        assert light.evaluate(probe) != dark.evaluate(probe)
    assert light.evaluate(probes[0]) == "rgb(255, 255, 255)"


def test_it_prints_light_and_whole(browser: Browser, address: str) -> None:
    page = open_page(browser, address, 688, dark=True)
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    boxes = page.evaluate(BOXES.format("'main > section > .lk-scroll'"))
    assert all(inner <= outer for inner, outer in boxes)
    assert page.locator(".lk-print").first.is_visible()
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF-")


def test_jupyter_themes_beat_the_system(browser: Browser) -> None:
    html = View("a", "A", figure="<p>x</p>")._repr_mimebundle_()[0]["text/html"]
    colour = "getComputedStyle(document.querySelector('section')).color"
    seen = {}
    for theme in ("true", "false"):
        for scheme in ("light", "dark"):
            page = browser.new_page(color_scheme=scheme)
            page.set_content(f'<body data-jp-theme-light="{theme}">{html}')
            seen[theme, scheme] = page.evaluate(colour)
    assert seen["true", "light"] == seen["true", "dark"] != seen["false", "light"]
    assert seen["false", "light"] == seen["false", "dark"]


def test_the_index_opens_too(browser: Browser, tmp_path: Path) -> None:
    rows = (IndexRow("A" * 200, "a/b.html", "A leaks"), IndexRow("B", failed="x" * 300))
    file = tmp_path / "index.html"
    file.write_text(index_page(rows, WORDS), "utf-8")
    page = open_page(browser, file.as_uri(), 390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
