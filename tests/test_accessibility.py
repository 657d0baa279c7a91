"""The three pages of a report for those who do not look at them, or not as others do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from bs4 import BeautifulSoup

import leakkit
from benchmarks import pages
from leakkit.page.style import stylesheet
from leakkit.views.drawing.palette import PALETTE
from tests.running import sample_analysis, sample_store

sync_api = pytest.importorskip("playwright.sync_api")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from leakkit.analysis import Analysis, Diagnosis

NAMES = ("overview", "stage_dropoff", "root_causes")
OPEN = "document.querySelectorAll('details').forEach(one => one.open = true)"
RULES = "axe.run(document, {resultTypes: ['violations', 'incomplete']})"
INKS = ("ink", "muted", "flow-ink", "lost-ink", "overdue-ink", "returned-ink")
"""The roles in which text is written."""
GROUNDS = ("paper", "wash")
TEXT, SHAPE = 4.5, 3.0
"""The contrast that WCAG 2.2 (AA) asks of text, and of what carries meaning without text."""


@dataclass(frozen=True)
class Company:
    """A simulated company: all its pipelines, one of them, and why that one leaks."""

    whole: Analysis
    one: Analysis
    diagnosis: Diagnosis


@cache
def company() -> Company:
    """Analyse a simulated company."""
    one = leakkit.analyze(sample_store(), "Equipment")
    return Company(sample_analysis(), one, leakkit.diagnose(one))


@cache
def make_pages() -> dict[str, str]:
    """Make its three pages."""
    return {
        "overview": pages.overview(company().whole),
        "stage_dropoff": pages.stage_dropoff(company().one),
        "root_causes": pages.root_causes(company().diagnosis),
    }


@pytest.fixture(scope="module")
def browser(browser_path: str) -> Iterator[Browser]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(params=NAMES)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of one of the pages."""
    file = tmp_path / f"{request.param}.html"
    file.write_text(make_pages()[request.param], "utf-8")
    return file.as_uri()


def open_page(browser: Browser, address: str, width: int = 1200, scheme: str = "light") -> Page:
    """Open a page with all that folds unfolded."""
    chosen: Any = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    page = browser.new_page(reduced_motion="reduce", **chosen)
    page.goto(address)
    page.evaluate(OPEN)
    return page


def violations(page: Page) -> list[str]:
    """Return what axe-core finds serious or critical, as it says it."""
    engine = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
    page.evaluate(engine)
    found = page.evaluate(RULES)["violations"]
    return [
        f"{one['id']}: {node['html']}: {node['failureSummary']}"
        for one in found
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (360, "dark")])
def test_axe_finds_nothing_serious(browser: Browser, address: str, width: int, scheme: str) -> None:
    assert violations(open_page(browser, address, width, scheme)) == []


def test_axe_sees_what_is_wrong(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<html lang=en><title>x</title><p style='color:#ccc'>pale</p><img src='x'>")
    found = violations(page)
    assert {one.partition(":")[0] for one in found} == {"color-contrast", "image-alt"}


def test_no_page_scrolls_sideways(browser: Browser, address: str) -> None:
    page = open_page(browser, address)
    for width in (320, 360, 700):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", NAMES)
def test_headings_go_down_one_step_at_a_time(name: str) -> None:
    soup = BeautifulSoup(make_pages()[name], "html.parser")
    levels = [int(tag.name[1]) for tag in soup.find_all(re.compile("^h[1-6]$"))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", NAMES)
def test_every_heading_of_a_table_says_what_it_heads(name: str) -> None:
    soup = BeautifulSoup(make_pages()[name], "html.parser")
    heads = soup.find_all("th")
    assert heads
    for head in heads:
        assert head.get("scope") in {"col", "row", "colgroup", "rowgroup"}, head
        assert head.get_text(strip=True), head
    for table in soup.find_all("table"):
        assert table.find("caption"), table


@pytest.mark.parametrize("name", NAMES)
def test_every_picture_is_said_in_words(name: str) -> None:
    soup = BeautifulSoup(make_pages()[name], "html.parser")
    pictures = soup.find_all("svg")
    assert pictures
    for picture in pictures:
        hidden = picture.get("aria-hidden") == "true"
        assert hidden or len(str(picture.get("aria-label", ""))) > 20, str(picture)[:200]


def test_all_that_can_be_used_is_reached_by_keyboard(browser: Browser, address: str) -> None:
    page = open_page(browser, address, 360)
    wanted = page.evaluate(
        "Array.from(document.querySelectorAll('a[href], summary, .lk-scroll, pre'))"
        ".filter(one => one.offsetParent).length"
    )
    page.evaluate("seen = new Set(); addEventListener('focusin', on => seen.add(on.target))")
    for _ in range(wanted):
        page.keyboard.press("Tab")
    assert page.evaluate("seen.size") == wanted


def test_what_is_in_focus_is_seen(browser: Browser, address: str) -> None:
    page = open_page(browser, address)
    page.keyboard.press("Tab")
    style = "getComputedStyle(document.activeElement)"
    assert page.evaluate(f"{style}.outlineStyle") == "solid"
    assert page.evaluate(f"{style}.outlineWidth") == "3px"


def test_nothing_moves() -> None:
    assert not re.search(r"animation|transition|@keyframes|scroll-behavior", stylesheet())


# Colours: axe does not look into pictures


def palettes() -> dict[str, dict[str, str]]:
    """Return the colours of the stylesheet, by where they hold."""
    blocks = re.findall(r"\{\s*((?:--lk-[\w-]+: [^;]+;\s*){5,})", stylesheet())
    read = [dict(re.findall(r"--lk-([\w-]+): (#\w{6});", block)) for block in blocks]
    return dict(zip(("light", "dark", "dark of JupyterLab"), read, strict=True))


def luminance(colour: str) -> float:
    """Return the relative luminance that WCAG 2.2 defines."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_definition() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("kind", ["light", "dark", "dark of JupyterLab"])
def test_every_ink_is_read_on_every_ground(kind: str) -> None:
    colours = palettes()[kind]
    for ink in INKS:
        for ground in GROUNDS:
            assert contrast(colours[ink], colours[ground]) >= TEXT, (ink, ground)
    assert contrast(colours["flow-ink"], colours["flow"]) >= TEXT
    for shape in ("lost", "flow-edge", "won", "returned", "open-edge"):
        assert contrast(colours[shape], colours["paper"]) >= SHAPE, shape


def test_the_pictures_have_the_colours_of_the_page() -> None:
    colours = palettes()["light"]
    assert {role: colours[role] for role in PALETTE} == PALETTE
