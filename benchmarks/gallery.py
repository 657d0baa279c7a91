"""Pictures of the pages and of the pipe, for docs/gallery.md and the README.

    python -m benchmarks.gallery

It needs a Chromium, and `dev` of pyproject.toml. `--notebook` adds the picture of the
notebook in JupyterLab, which takes a minute more. `--hard FOLDER` makes, instead, pages of
sources that are hard to lay out, with their pictures: to look at, on screens and on A4 and
letter paper. That of real loan applications needs the folder that LEAKKIT_DATA names.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import sync_playwright

import leakkit
from benchmarks import hard, pages
from leakkit.views.drawing import figures
from leakkit.views.view import View
from leakkit.words import Words
from tests import fakes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from leakkit.measures.balance import Pipe

DOCS = Path(__file__).parents[1] / "docs"
COLOURS = 200
WORDS = Words("en", currency="EUR")
MANY = tuple(f"Step {at} of the way" for at in range(1, 13))
SHOTS = (
    ("overview", 1100, 1500, "light"),
    ("overview", 1100, 900, "dark"),
    ("stage_dropoff", 1100, 1500, "light"),
    ("stage_dropoff", 1100, 900, "dark"),
    ("stage_dropoff", 360, 1300, "light"),
    ("root_causes", 1100, 1500, "light"),
    ("root_causes", 1100, 900, "dark"),
    ("root_causes", 360, 1300, "light"),
)
"""Page, width and height of the window, and colours."""


def small(png: bytes, width: int) -> bytes:
    """Return a picture in fewer pixels and colours."""
    seen = Image.open(io.BytesIO(png)).convert("RGB")
    if seen.width > width:
        size = (width, round(seen.height * width / seen.width))
        seen = seen.resize(size, Image.Resampling.LANCZOS)
    few = seen.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    few.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def hard_pipes() -> dict[str, Pipe]:
    """Return the pipes that are hard to draw, by what is hard about them."""
    long = tuple(f"{name}, with all that belongs to it in our house" for name in fakes.NAMES)
    no_one = (0,) * 6
    by_twelve = (60, 40, 30, 25, 90, 20, 15, 12, 10, 8, 6, 4)
    few = fakes.pipe(("A", "B", "C"), (6, 8, 2), (1, 0, 1), (1, 1, 0), won=10)
    return {
        "went_back": fakes.pipe_with_back(),
        "twelve_stages": fakes.pipe(MANY, by_twelve, by_twelve[::-1], (5,) * 12),
        "long_names": fakes.pipe(long),
        "one_stage": fakes.pipe(("Offer",), (120,), (30,), (15,), won=80),
        "no_losses": fakes.pipe(lost=no_one, overdue=no_one, in_time=no_one),
        "thirty_deals": replace(few, mature=False),
        "hostile_names": fakes.pipe(fakes.HOSTILE),
    }


def draw_pipes(folder: Path) -> None:
    """Save the pipe of the sample, in deals and in money, and the pipes that are hard to draw."""
    one = leakkit.analyze(leakkit.load("sample"), "Equipment")
    shown = {"usual": leakkit.views.pipe(one), "in_money": leakkit.views.pipe(one, by="value")}
    for name, drawn in hard_pipes().items():
        shown[name] = View(name, name, figure=figures.pipe_figure(fakes.analysis(drawn), WORDS))
    for name, view in shown.items():
        file = view.save(folder / f"pipe_{name}.png")
        file.write_bytes(small(file.read_bytes(), 760))


def draw_sides(folder: Path) -> None:
    """Save what was since a day beside what was before, and every region beside the rest."""
    one = leakkit.analyze(leakkit.load("sample"), "Equipment")
    shown = {
        "sides_of_a_day": leakkit.compare(one, day="2026-04-01"),
        "sides_by_region": leakkit.compare(one, column="region"),
    }
    for name, view in shown.items():
        file = view.save(folder / f"{name}.png")
        file.write_bytes(small(file.read_bytes(), 760))


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser."""
    path = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def make_pages() -> dict[str, str]:
    """Make the three pages of the sample."""
    data = leakkit.load("sample")
    one = leakkit.analyze(data, "Equipment")
    return {
        "overview": pages.overview(leakkit.analyze(data)),
        "stage_dropoff": pages.stage_dropoff(one),
        "root_causes": pages.root_causes(leakkit.diagnose(one)),
    }


def shoot(browser: Browser, folder: Path, texts: dict[str, str]) -> None:
    """Take pictures of the pages on screens, and as they print."""
    with tempfile.TemporaryDirectory() as temporary:
        files = {name: Path(temporary) / f"{name}.html" for name in texts}
        for name, file in files.items():
            file.write_text(texts[name], "utf-8")
        for name, width, height, scheme in SHOTS:
            page = browser.new_page(viewport={"width": width, "height": height})
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            page.goto(files[name].as_uri())
            seen = page.screenshot()
            target = folder / f"{name}_{width}_{scheme}.png"
            target.write_bytes(small(seen, 760 if width > 500 else 300))
            if (name, width, scheme) == ("stage_dropoff", 1100, "light"):
                page.set_viewport_size({"width": 1100, "height": 1345})
                (DOCS / "report.png").write_bytes(small(page.screenshot(), 1100))
            page.close()
        for name, file in files.items():
            page = browser.new_page(viewport={"width": 695, "height": 1020})
            page.emulate_media(media="print")
            page.goto(file.as_uri())
            (folder / f"{name}_paper.png").write_bytes(small(page.screenshot(), 480))
            page.close()


def shoot_notebook(browser: Browser, folder: Path) -> None:
    """Take pictures of the notebook in JupyterLab, in use."""
    from benchmarks import lab  # noqa: PLC0415 - starts a server, and only when asked

    for name, png in lab.shoot(browser):
        (folder / f"{name}.png").write_bytes(small(png, 1100))


def shoot_hard(browser: Browser, folder: Path) -> None:
    """Make the pages that are hard to lay out, and pictures and prints of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for case in hard.CASES:
        if case == "loans" and "LEAKKIT_DATA" not in os.environ:
            print("loans: left out, LEAKKIT_DATA names no folder")
            continue
        for file in hard.write(folder, case):
            look(browser, file)
        print(case)


def look(browser: Browser, file: Path) -> None:
    """Take pictures of a page on two screens, in both colours, and print it on two papers."""
    for width, scheme in ((1100, "light"), (1100, "dark"), (360, "light")):
        page = browser.new_page(viewport={"width": width, "height": 1800})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.goto(file.resolve().as_uri())
        page.screenshot(path=file.with_name(f"{file.stem}_{width}_{scheme}.png"))
        page.close()
    page = browser.new_page()
    page.goto(file.resolve().as_uri())
    for paper in ("A4", "Letter"):
        page.pdf(path=file.with_name(f"{file.stem}_{paper}.pdf"), format=paper)
    page.close()


def main() -> None:
    """Make all pictures anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notebook", action="store_true", help="with JupyterLab, a minute more")
    parser.add_argument("--hard", type=Path, help="pages that are hard to lay out, into a folder")
    asked = parser.parse_args()
    if asked.hard:
        with chromium() as browser:
            shoot_hard(browser, asked.hard)
        return
    folder = DOCS / "gallery"
    folder.mkdir(exist_ok=True)
    draw_pipes(folder)
    draw_sides(folder)
    with chromium() as browser:
        shoot(browser, folder, make_pages())
        if asked.notebook:
            shoot_notebook(browser, folder)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{size / 1e6:.2f} MB in {folder}")


if __name__ == "__main__":
    main()
