"""The notebook in JupyterLab, in a browser: it runs, and its controls answer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import leakkit
from leakkit import sample
from leakkit.report import books
from leakkit.sample import Plan

sync_api = pytest.importorskip("playwright.sync_api")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from leakkit.store import Store
    from leakkit.views import View

TOKEN = "only-for-this-test"  # noqa: S105 - the server hears this machine only
SETTINGS = {
    # every cell stands on the page, also those far below
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
MINUTES = 3 * 60 * 1000
"""What the slowest machine may take for a step, in milliseconds."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    sample.write(folder, 1_000, plan=Plan(sample.default_plan().pipelines[:1]))
    return folder


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Iterator[str]:
    """Start JupyterLab on a copy of the notebooks, and return where it is."""
    base = tmp_path_factory.mktemp("lab")
    books.copy(base / "notebooks")
    book = base / "notebooks/stage_dropoff.ipynb"
    given = book.read_text("utf-8").replace('source = \\"sample\\"', f'source = \\"{source}\\"')
    book.write_text(given, "utf-8")
    for name, choices in SETTINGS.items():
        file: Path = base / f"settings/@jupyterlab/{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(choices), "utf-8")
    environment = {**os.environ, "JUPYTERLAB_SETTINGS_DIR": str(base / "settings")}
    for kind in ("CONFIG_DIR", "RUNTIME_DIR", "DATA_DIR"):
        environment[f"JUPYTER_{kind}"] = str(base / kind)
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *("--ServerApp.port=0", f"--IdentityProvider.token={TOKEN}"),
        f"--ServerApp.root_dir={base / 'notebooks'}",
    ]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    found = None
    for line in server.stderr or ():
        if found := re.search(r"http://(127\.0\.0\.1|localhost):\d+/", line):
            break
    assert found is not None
    yield found[0]
    server.terminate()
    server.communicate(timeout=60)


@pytest.fixture(scope="module")
def page(address: str, browser_path: str) -> Iterator[Page]:
    """Open the notebook and run all its cells."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1400, "height": 1000})
        opened.set_default_timeout(MINUTES)
        opened.goto(f"{address}lab/tree/stage_dropoff.ipynb?token={TOKEN}")
        opened.locator(".jp-Notebook").first.wait_for()
        opened.get_by_text("Python 3 (ipykernel) | Idle").first.wait_for()
        opened.get_by_role("menuitem", name="Run", exact=True).click()
        opened.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        opened.locator("section#provenance").wait_for()
        yield opened
        browser.close()


@pytest.fixture(scope="module")
def data(source: Path) -> Store:
    return leakkit.load(source)


def explorer(page: Page, view: str) -> Locator:
    """Return the widgets that explore a view."""
    boxes = page.locator(".jp-OutputArea-output .widget-vbox")
    return boxes.filter(has_text=f"leakkit.views.{view}(")


def choose(box: Locator, label: str, option: str, code: str) -> None:
    """Move a control, and wait until the line with the call says so."""
    box.get_by_label(label, exact=True).select_option(label=option)
    box.locator("code").filter(has_text=code).first.wait_for()


def shown(box: Locator) -> tuple[list[str], list[str]]:
    """Return what the pictures and the tables of a view say."""
    section = box.locator("section.lk").first
    pictures = section.locator("svg[aria-label]").evaluate_all(
        "all => all.map(one => one.getAttribute('aria-label'))"
    )
    return pictures, section.locator("td").all_text_contents()


def said(page: Page, view: View) -> tuple[list[str], list[str]]:
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


def test_three_controls_change_number_and_picture(page: Page, data: Store) -> None:
    box = explorer(page, "days")
    analysis = leakkit.analyze(data, "Equipment")
    assert shown(box) == said(page, leakkit.views.days(analysis, "Equipment"))
    choose(box, "Stage", "Proforma", "stage='Proforma'")
    one = leakkit.views.days(analysis, "Equipment", stage="Proforma")
    assert shown(box) == said(page, one)
    choose(box, "Days", "the current window", "window='current'")
    now = leakkit.analyze(data, "Equipment", window="current")
    later = leakkit.views.days(now, "Equipment", stage="Proforma")
    assert shown(box) == said(page, later)
    assert shown(box) != said(page, one)
    table = explorer(page, "stages")
    before = shown(table)
    choose(table, "Visits", "all visits", "visits='all'")
    every = leakkit.analyze(data, "Equipment", visits="all")
    assert shown(table) == said(page, leakkit.views.stages(every, "Equipment"))
    assert shown(table) != before


def test_the_deals_behind_a_view_open(page: Page, data: Store) -> None:
    box = explorer(page, "days")
    box.get_by_role("button").click()
    box.locator("code").filter(has_text="leakkit.passages(data").wait_for()
    call = box.locator("code").filter(has_text="leakkit.passages(data").text_content() or ""
    rows = eval(call, {"leakkit": leakkit, "data": data})  # noqa: S307 - the call on the screen
    first = box.locator("section.lk").nth(1).locator("tbody tr").first.locator("td").first
    assert first.text_content() == rows["opportunity_id"].iloc[0]
