"""A notebook in JupyterLab, in use: for the picture in docs/gallery.md."""

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

from leakkit.report import notebooks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

TOKEN = "only-for-this-picture"  # noqa: S105 - the server hears this machine only
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
MINUTES = 3 * 60 * 1000


@contextmanager
def notebook(browser: Browser) -> Iterator[Page]:
    """Run the notebook of one pipeline, and choose a stage in it."""
    with tempfile.TemporaryDirectory() as temporary, server(Path(temporary)) as address:
        page = browser.new_page(viewport={"width": 1300, "height": 850})
        page.set_default_timeout(MINUTES)
        page.goto(f"{address}lab/tree/stage_dropoff.ipynb?token={TOKEN}")
        page.locator(".jp-Notebook").first.wait_for()
        page.get_by_text("Python 3 (ipykernel) | Idle").first.wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.locator("section#provenance").wait_for()
        box = page.locator(".jp-OutputArea").filter(has_text="bar.set(").first
        box.get_by_label("Stage", exact=True).select_option(label="Proforma")
        box.locator("code").filter(has_text="stage='Proforma'").first.wait_for()
        box.get_by_text("Computing:").wait_for(state="detached")
        box.scroll_into_view_if_needed()
        yield page


@contextmanager
def server(base: Path) -> Iterator[str]:
    """Start JupyterLab on a copy of the notebooks, and return where it is."""
    notebooks.copy_notebooks(base / "notebooks")
    for name, choices in SETTINGS.items():
        file = base / f"settings/@jupyterlab/{name}.jupyterlab-settings"
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
    started = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        lines = started.stderr or ()
        found = filter(None, (re.search(r"http://(127\.0\.0\.1|localhost):\d+/", x) for x in lines))
        yield next(found)[0]
    finally:
        started.terminate()
        started.communicate(timeout=60)
