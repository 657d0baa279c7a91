"""The app in a browser: the notebooks without code, with a bar that every picture follows."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import leakkit
from leakkit import sample
from leakkit.sample import Plan
from leakkit.views.picture_widgets import tabbed

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.usefixtures("voila")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MINUTES = 3 * 60 * 1000
"""What the slowest machine may take for a step, in milliseconds."""
BOOKS = {"stage_dropoff": "pipe", "root_causes": "warnings", "overview": "overview_pipes"}
"""The notebooks, each with a view that stands in it."""
BELOW = {"deals": "the current window", "compare": "Nothing is compared"}
"""What pictures with choices of their own say of the current window."""
TABLES = "its tables, on the clipboard"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    sample.write(folder, 800, plan=Plan(sample.default_plan().pipelines[:1]))
    return folder


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Iterator[str]:
    """Start `leakkit app SOURCE` on a free port."""
    base = tmp_path_factory.mktemp("app")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "leakkit.cli", "app", str(source), "--no-browser"),
        *("--folder", str(base / "notebooks"), "--port", str(port)),
    ]
    environment = {**os.environ, "JUPYTER_RUNTIME_DIR": str(base / "runtime")}
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    for line in server.stderr or ():
        if f":{port}/" in line:
            break
    yield f"http://127.0.0.1:{port}/voila/render"
    server.terminate()
    server.communicate(timeout=60)


def test_every_notebook_is_served_without_code_and_follows_its_bar(
    address: str, source: Path, browser_path: str
) -> None:
    part = leakkit.analyze(leakkit.load(source), window="current")
    lost = f"{part['Equipment'].opportunities:,} of"
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        for name, view in BOOKS.items():
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            page.set_default_timeout(MINUTES)
            page.goto(f"{address}/{name}.ipynb")
            page.locator(f"section#{view}").first.wait_for()
            assert page.get_by_text("import leakkit").count() == 0
            page.locator(".widget-vbox").first.wait_for()
            if name == "stage_dropoff":
                days = page.get_by_label("Days", exact=True)
                days.select_option(label="the current window")
                page.locator("section#stages").filter(has_text="the current window").wait_for()
                page.get_by_text(lost).first.wait_for()
                for below in ("deals", "compare"):
                    said = page.locator(f"section#{below}").filter(has_text=BELOW[below])
                    said.first.wait_for()
                assert page.get_by_text("bar.set(").count() == 0, "a line of code"
                page.context.grant_permissions(["clipboard-read", "clipboard-write"])
                page.get_by_label("as", exact=True).select_option(label=TABLES)
                page.get_by_role("button", name="Save", exact=True).click()
                page.get_by_text("On the clipboard: ").last.wait_for()
                copied = page.evaluate("navigator.clipboard.readText()")
                assert copied == tabbed(leakkit.views.headline(part))
            page.close()
        browser.close()
