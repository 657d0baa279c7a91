"""Notebooks in JupyterLab, in use: for the pictures in docs/gallery.md."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import leakkit
from leakkit.report import notebooks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playwright.sync_api import Browser, Locator, Page

TOKEN = "only-on-this-machine"  # noqa: S105 - the server hears this machine only
OPTIONS = ("--allow-root", "--ServerApp.port=0", f"--IdentityProvider.token={TOKEN}")
SETTINGS = {
    # every cell stands on the page, also those far below
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
MINUTES = 3 * 60 * 1000
"""What the slowest machine may take for a step, in milliseconds."""
NOTES = """
[[notes]]
day = 2026-02-10
text = "Trade fair: many inquiries that came to nothing"
pipeline = "Equipment"
[[notes]]
day = 2026-04-01
stage = "Proforma"
text = "New price list"
pipeline = "Equipment"
"""


def shoot(browser: Browser) -> Iterator[tuple[str, bytes]]:
    """Use the notebook of one pipeline as an analyst does, and yield what is seen, by name."""
    with tempfile.TemporaryDirectory() as temporary, server(Path(temporary)) as address:
        fill_in(Path(temporary))
        page = browser.new_page(viewport={"width": 1500, "height": 900})
        page.set_default_timeout(MINUTES)
        run(page, f"{address}lab/tree/stage_dropoff.ipynb?token={TOKEN}")
        yield "notebook_note", cell(page, "months")
        bar = page.locator(".jp-OutputArea").filter(has_text="bar.set(").first
        choose(page, bar, "Stage", "Proforma")
        row = page.locator(".widget-hbox").filter(has_text="How it left").last
        row.get_by_label("How it left", exact=True).select_option(label="Lost")
        page.locator("section#deals").get_by_text("Visits to each stage").wait_for(state="detached")
        yield "notebook_drill", cell(page, "deals")
        choice = page.locator(".widget-hbox").filter(has_text="Compare").last
        choice.get_by_label("Compare", exact=True).select_option(label="every value of region")
        page.locator("section#compare").filter(has_text="Side by side: region").first.wait_for()
        yield "notebook_compare", cell(page, "compare")
        bar.get_by_label("Filter by", exact=True).select_option(label="region")
        bar.locator("select[multiple] option").first.wait_for(state="attached")
        bar.locator("select[multiple]").select_option(index=[0, 1])
        choose(page, bar, "Days", "the current window")
        yield "notebook", cell(page, "headline", bar)
        page.set_viewport_size({"width": 1100, "height": 900})
        darken(page)
        yield "notebook_1100_dark", cell(page, "headline", bar)


def fill_in(base: Path) -> None:
    """Have the notebooks read a sample on which an analyst made notes."""
    leakkit.sample.write(base / "source")
    with (base / "source" / "leakkit.toml").open("a", encoding="utf-8") as file:
        file.write(NOTES)
    given = notebooks.find_parameters(str(base / "source"), "")
    notebooks.fill_in(base / "notebooks", given)


def run(page: Page, address: str) -> None:
    """Open a notebook, and run all of it."""
    page.goto(address)
    page.locator(".jp-Notebook").first.wait_for()
    page.get_by_text("Python 3 (ipykernel) | Idle").first.wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.locator("section#provenance").wait_for()


def choose(page: Page, bar: Locator, label: str, option: str) -> None:
    """Move a control of the bar, and wait until everything is shown."""
    before = bar.locator("code").first.text_content() or ""
    bar.get_by_label(label, exact=True).select_option(label=option)
    bar.locator("code").filter(has_not_text=before).first.wait_for()
    page.get_by_text("Computing:").first.wait_for(state="detached")


def cell(page: Page, name: str, top: Locator | None = None) -> bytes:
    """Return the window with the cell of a view, or what is named, at its top."""
    shown = top or page.locator(f".jp-CodeCell:has(section#{name})").first
    shown.evaluate("one => one.scrollIntoView({block: 'start'})")
    page.locator(f"section#{name}").first.wait_for()
    return page.screenshot()


def darken(page: Page) -> None:
    """Choose the dark theme."""
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.locator(".lm-Menu-item").get_by_text("Theme", exact=True).hover()
    page.get_by_role("menuitem", name="JupyterLab Dark", exact=True).click()
    page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    page.wait_for_load_state("networkidle")


@contextmanager
def server(base: Path) -> Iterator[str]:
    """Start JupyterLab on a copy of the notebooks, and return where it is."""
    notebooks.copy_notebooks(base / "notebooks")
    folder = f"--ServerApp.root_dir={base / 'notebooks'}"
    with start_lab(base, ["-m", "jupyterlab", "--no-browser", *OPTIONS, folder]) as address:
        yield address


@contextmanager
def start_lab(base: Path, words: Sequence[str]) -> Iterator[str]:
    """Run Python with words that start JupyterLab, with settings of its own; say where it is."""
    for name, choices in SETTINGS.items():
        file = base / f"settings/@jupyterlab/{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(choices), "utf-8")
    environment = {**os.environ, "JUPYTERLAB_SETTINGS_DIR": str(base / "settings")}
    for kind in ("CONFIG_DIR", "RUNTIME_DIR", "DATA_DIR"):
        environment[f"JUPYTER_{kind}"] = str(base / kind)
    command = [sys.executable, *words]
    started = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        lines = started.stderr or ()
        found = filter(None, (re.search(r"http://(127\.0\.0\.1|localhost):\d+/", x) for x in lines))
        yield next(found)[0]
    finally:
        started.terminate()
        started.communicate(timeout=60)
