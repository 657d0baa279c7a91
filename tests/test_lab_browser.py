"""The notebook in JupyterLab, in a browser: it runs, and its controls answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

import leakkit
from benchmarks.lab import MINUTES, OPTIONS, TOKEN, run, start_lab
from leakkit import sample
from leakkit.sample import Plan
from leakkit.views.picture_widgets import tabbed

sync_api = pytest.importorskip("playwright.sync_api")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from leakkit.store import Store
    from leakkit.views import View


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    sample.write(folder, 1_000, plan=Plan(sample.default_plan().pipelines[:1]))
    return folder


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Iterator[str]:
    """Start `leakkit lab SOURCE`, and return where JupyterLab is."""
    base = tmp_path_factory.mktemp("lab")
    words = ("-m", "leakkit.cli", "lab", str(source), "--no-browser")
    folder = ("--folder", str(base / "notebooks"))
    with start_lab(base, [*words, *folder, "--", *OPTIONS]) as found:
        yield found


@pytest.fixture(scope="module")
def page(address: str, browser_path: str) -> Iterator[Page]:
    """Open the notebook and run all its cells."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1400, "height": 1000})
        opened.set_default_timeout(MINUTES)
        run(opened, f"{address}lab/tree/stage_dropoff.ipynb?token={TOKEN}")
        yield opened
        browser.close()


@pytest.fixture(scope="module")
def data(source: Path) -> Store:
    return leakkit.load(source)


def bar_of(page: Page) -> Locator:
    """Return the output of the bar: its widgets, and the line that chooses the same."""
    return page.locator(".jp-OutputArea").filter(has_text="bar.set(").first


def choose(page: Page, label: str, option: str, code: str) -> None:
    """Move a control of the bar, and wait until it says so and nothing is being computed."""
    bar = bar_of(page)
    bar.get_by_label(label, exact=True).select_option(label=option)
    bar.locator("code").filter(has_text=code).first.wait_for()
    bar.get_by_text("Computing:").wait_for(state="detached")


def read_shown(page: Page, name: str) -> tuple[list[str], list[str]]:
    """Return what the pictures and the tables of a view say."""
    section = page.locator(f"section#{name}").first
    pictures = section.locator("svg[aria-label]").evaluate_all(
        "all => all.map(one => one.getAttribute('aria-label'))"
    )
    return pictures, section.locator("td").all_text_contents()


def read_from_api(page: Page, view: View) -> tuple[list[str], list[str]]:
    """Return the same of what the API returns, as the browser reads it."""
    reader = "html => { const box = document.createElement('template'); box.innerHTML = html;"
    pictures = page.evaluate(
        reader + "return [...box.content.querySelectorAll('svg[aria-label]')]"
        ".map(one => one.getAttribute('aria-label')) }",
        str(view.section()),
    )
    cells = page.evaluate(
        reader + "return [...box.content.querySelectorAll('td')].map(one => one.textContent) }",
        str(view.section()),
    )
    return pictures, cells


def test_every_picture_follows_the_bar(page: Page, data: Store) -> None:
    analysis = leakkit.analyze(data, "Equipment")
    assert read_shown(page, "days") == read_from_api(page, leakkit.views.days(analysis))
    choose(page, "Days", "the current window", "window='current'")
    choose(page, "In", "money", "by='value'")
    bar = bar_of(page)
    bar.get_by_label("Filter by", exact=True).select_option(label="region")
    names = bar.locator("select[multiple] option")
    names.filter(has_text="(").nth(1).wait_for(state="attached")
    texts = [(names.nth(at).text_content() or "").replace("\xa0", " ") for at in (0, 1)]
    wanted = [text.rpartition(" (")[0] for text in texts]
    bar.locator("select[multiple]").select_option(index=[0, 1])
    bar.locator("code").filter(has_text="segment=").first.wait_for()
    bar.get_by_text("Computing:").wait_for(state="detached")
    part = leakkit.analyze(data, "Equipment", segment={"region": wanted}, window="current")
    for name, drawn in (("days", {}), ("stages", {"by": "value"}), ("pipe", {"by": "value"})):
        view = getattr(leakkit.views, name)(part, **drawn)
        page.locator(f"section#{name}").filter(has_text="the current window").first.wait_for()
        assert read_shown(page, name) == read_from_api(page, view)
    assert f"{part['Equipment'].opportunities:,} of" in (bar.text_content() or "")


def test_the_deals_that_are_saved_are_those_that_are_counted(
    page: Page, data: Store, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bar_of(page).get_by_role("button", name="Reset").click()
    bar_of(page).locator("code").filter(has_text="bar.set()").first.wait_for()
    choose(page, "Stage", "Proforma", "stage='Proforma'")
    row = page.locator(".widget-hbox").filter(has_text="How it left").last
    row.get_by_label("How it left", exact=True).select_option(label="Lost")
    lost = leakkit.analyze(data, "Equipment")["Equipment"]["Proforma"].exits.lost
    page.locator("section#deals").filter(has_text=f"{lost:,} visits to stages").first.wait_for()
    row.get_by_role("button", name="Save as CSV").click()
    row.get_by_text("Saved beside the notebook: deals.csv").wait_for()
    (file,) = tmp_path_factory.getbasetemp().glob("lab[0-9]*/notebooks/deals.csv")
    rows = pd.read_csv(file)
    assert len(rows) == lost
    assert set(rows["How it left"]) == {"Lost"}
    assert set(rows["Stage"]) == {"Proforma"}


def save_as(page: Page, title: str, form: str) -> Locator:
    """Save a picture from the bar; return the row that says where it is."""
    row = page.locator(".widget-hbox").filter(has_text="on the clipboard").last
    row.get_by_label("Save", exact=True).select_option(label=title)
    row.get_by_label("as", exact=True).select_option(label=form)
    row.get_by_role("button", name="Save").click()
    return row


def test_tables_and_pictures_reach_the_clipboard(page: Page, data: Store) -> None:
    bar_of(page).get_by_role("button", name="Reset").click()
    bar_of(page).locator("code").filter(has_text="bar.set()").first.wait_for()
    bar_of(page).get_by_text("Computing:").wait_for(state="detached")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    row = save_as(page, "Stage by stage", "its tables, on the clipboard")
    row.get_by_text("On the clipboard: Stage by stage").wait_for()
    view = leakkit.views.stages(leakkit.analyze(data, "Equipment"))
    assert page.evaluate("navigator.clipboard.readText()") == tabbed(view)
    row = save_as(page, "The pipe", "a picture, on the clipboard")
    row.get_by_text("On the clipboard: The pipe").wait_for()
    (kinds,) = page.evaluate("navigator.clipboard.read().then(all => all.map(one => one.types))")
    assert kinds == ["image/png"]
    row.get_by_text("On the clipboard: The pipe").wait_for(state="detached")


def test_two_parts_are_compared_in_two_clicks(page: Page, data: Store) -> None:
    row = page.locator(".widget-hbox").filter(has_text="Compare").last
    row.get_by_label("Compare", exact=True).select_option(label="every value of region")
    page.locator("section#compare").filter(has_text="Side by side: region").first.wait_for()
    view = leakkit.compare(leakkit.analyze(data, "Equipment"), column="region")
    assert read_shown(page, "compare") == read_from_api(page, view)


CLIPPED = "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.textContent)"


def test_no_label_is_clipped_at_any_width(page: Page) -> None:
    labels = page.locator(".jp-OutputArea-output .widget-label")
    for width in (1100, 1500):
        page.set_viewport_size({"width": width, "height": 1000})
        assert labels.count() > 8
        assert labels.evaluate_all(CLIPPED) == []


CONTRASTS = """outputs => {
  const pen = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const colour = said => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = said;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const over = (top, below) => [0, 1, 2].map(i => below[i] + (top[i] - below[i]) * top[3] / 255);
  const paper = one => {
    const layers = [];
    for (let at = one; at; at = at.parentElement)
      layers.unshift(colour(getComputedStyle(at).backgroundColor));
    return layers.reduce((below, top) => over(top, below), [255, 255, 255]);
  };
  const under = one => {  // what a text in a picture stands on: a shape, or the paper
    one.scrollIntoView({block: "center"});
    const {x, y, width, height} = one.getBoundingClientRect();
    const shape = document.elementsFromPoint(x + width / 2, y + height / 2)
      .find(each => each.matches("path, rect") && getComputedStyle(each).fill !== "none");
    return shape ? over(colour(getComputedStyle(shape).fill), paper(one)) : paper(one);
  };
  const contrast = (one, other) => {
    const [low, high] = [one, other].map(rgb => rgb.map(value => value / 255)
      .map(value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
      .map(([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b).sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const said = one => one.matches("select, input")
    || [...one.childNodes].some(node => node.nodeType === 3 && /[\\p{L}\\p{N}]/u.test(node.data));
  return outputs.flatMap(output => [...output.querySelectorAll("*")])
    .filter(one => said(one) && one.checkVisibility({checkVisibilityCSS: true})
      && one.getBoundingClientRect().width && !one.closest("title, style, option"))
    .map(one => {
      const style = getComputedStyle(one), drawn = one.closest("svg");
      const ink = colour(drawn ? style.fill : style.color);
      let ground = paper(one), found = contrast(over(ink, ground), ground);
      if (drawn && found < LEAST) {
        ground = under(one);
        found = contrast(over(ink, ground), ground);
      }
      const text = one.textContent.trim();
      return [found, `${one.tagName} ${text.slice(0, 40)}`];
    });
}"""
"""The contrast of every text, and of every field, with what it stands on, by its styles."""
LEAST = 4.5
"""The contrast that WCAG 2.2 (AA) asks of text."""


def test_in_the_dark_nothing_is_white_on_white(page: Page) -> None:
    outputs = page.locator(".jp-OutputArea-output")
    read = CONTRASTS.replace("LEAST", str(LEAST))
    for theme, light in (("JupyterLab Dark", False), ("JupyterLab Light", True)):
        page.get_by_role("menuitem", name="Settings", exact=True).click()
        page.locator(".lm-Menu-item").get_by_text("Theme", exact=True).hover()
        page.get_by_role("menuitem", name=theme, exact=True).click()
        page.wait_for_function(LOADED, arg=light)
        found = outputs.evaluate_all(read)
        assert len(found) > 300, "the bar, the pictures and the tables"
        assert [text for contrast, text in found if contrast < LEAST] == []
    painted = page.add_style_tag(content=".lk td { color: white !important }")
    assert any(contrast < LEAST for contrast, _ in outputs.evaluate_all(read)), "white on white"
    painted.evaluate("style => style.remove()")


LOADED = """light => {
  const shade = getComputedStyle(document.body).getPropertyValue("--jp-layout-color0").trim();
  const named = document.body.dataset.jpThemeLight === String(light);
  return named && ["white", "#fff", "#ffffff"].includes(shade) === light;
}"""
"""The colours of a theme are there some moments after its name is."""


def test_a_saved_notebook_shows_its_pictures_without_a_kernel(page: Page, address: str) -> None:
    choose(page, "Stage", "Proforma", "stage='Proforma'")
    page.locator("section#days").filter(has_text="Proforma").first.wait_for()
    page.locator(".jp-Notebook").first.press("Control+s")
    page.get_by_text("Saving completed").wait_for(state="attached")
    token = {"Authorization": f"token {TOKEN}"}
    for session in page.request.get(f"{address}api/sessions", headers=token).json():
        place = f"{address}api/sessions/{session['id']}"
        xsrf = next(c["value"] for c in page.context.cookies() if c.get("name") == "_xsrf")
        page.request.delete(place, headers={**token, "X-XSRFToken": xsrf})
    page.reload()
    kept = page.locator(".jp-OutputArea-output code").filter(has_text="bar.set(stage='Proforma')")
    kept.first.wait_for(state="attached")
    for name in ("pipe", "days", "months", "compare"):
        page.locator(f"section#{name} svg").first.wait_for(state="attached")
