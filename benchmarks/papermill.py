"""Does a batch run of a notebook ever hang, and can what it leaves be read?

    python -m benchmarks.papermill            # run, and print
    python -m benchmarks.papermill --write    # and write its section of docs/benchmarks.md

The three notebooks in turn, each run by the stock papermill command in a process of its own, with
a limit of time. What each run leaves is turned into HTML and into Markdown by nbconvert, and every
view must stand there as it stands in the notebook, and no widget in its place.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING

import mistune
import nbformat
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter, MarkdownExporter

import leakkit
from benchmarks import document
from benchmarks.document import Target
from leakkit.report import notebooks as books

if TYPE_CHECKING:
    from nbformat import NotebookNode

NAMES = (books.OVERVIEW, books.DROPOFF, books.CAUSES)
LIMIT_SECONDS = 1_800
FEW = 600
"""Opportunities of the source: a run that hangs does so on few as well."""
WIDGET = "application/vnd.jupyter.widget-view+json"
STUCK = "stuck"


@dataclass(frozen=True)
class Run:
    """One run: how long it took, and what was wrong with it."""

    name: str
    seconds: float
    faults: tuple[str, ...]


def find_faults(book: NotebookNode) -> list[str]:
    """Say what in a notebook that was run cannot be read."""
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    shown = [output.data for output in outputs if "data" in output]
    faults = [f"an error: {each.ename}" for each in outputs if each.output_type == "error"]
    faults += ["a widget" for data in shown if WIDGET in data]
    faults += ["no text" for data in shown if not data.get("text/plain", "").strip()]
    wanted = [said for data in shown for said in find_views(data.get("text/html", ""))]
    faults += [] if wanted else ["no view"]
    for kind, page in convert(book).items():
        if find_views(page) != wanted:
            faults.append(f"other views in the {kind}")
        # an indented line of a picture must not become a block of code
        if kind == "Markdown" and page.count("<pre>") != len(cells):
            faults.append("code that is none, in the Markdown")
    return faults


def find_views(page: str) -> list[tuple[str, int]]:
    """Return what every view in a page says, and how many shapes are drawn in it."""
    found = BeautifulSoup(page, "html.parser").select("section.lk")
    return [(one.get_text(), len(one.select("path, rect, text, td"))) for one in found]


def convert(book: NotebookNode) -> dict[str, str]:
    """Return a notebook as HTML: by nbconvert, and as a reader of its Markdown makes it."""
    html, _ = HTMLExporter().from_notebook_node(book)  # type: ignore[no-untyped-call] # it ships no types
    text, _ = MarkdownExporter().from_notebook_node(book)  # type: ignore[no-untyped-call] # as above
    return {"HTML": html, "Markdown": str(mistune.create_markdown(escape=False)(text))}


def run(name: str, source: Path, out: Path) -> Run:
    """Run a notebook once, and read what it left."""
    book = books.notebook_folder() / f"{name}.ipynb"
    command = [sys.executable, "-m", "papermill", str(book), str(out), "-p", "source", str(source)]
    start = time.perf_counter()
    try:
        done = subprocess.run(
            [*command, "--no-progress-bar"], check=False, capture_output=True, timeout=LIMIT_SECONDS
        )
    except subprocess.TimeoutExpired:
        return Run(name, time.perf_counter() - start, (STUCK,))
    seconds = time.perf_counter() - start
    faults = [f"exit code {done.returncode}"] if done.returncode else []
    if out.exists():
        faults += find_faults(nbformat.read(out, as_version=4))  # type: ignore[no-untyped-call] # it ships no types
        out.unlink()
    return Run(name, seconds, tuple(faults))


def run_all(runs: int, at_once: int) -> list[Run]:
    """Run the notebooks in turn, some at once."""
    with tempfile.TemporaryDirectory(prefix="leakkit-bench-") as folder:
        leakkit.sample.write(Path(folder) / "source", FEW)
        outs = (Path(folder) / f"{at}.ipynb" for at in range(runs))
        sources = [Path(folder) / "source"] * runs
        with ThreadPoolExecutor(at_once) as threads:
            found = threads.map(run, islice(cycle(NAMES), runs), sources, outs)
            return [_say(one) for one in found]


def _say(one: Run) -> Run:
    """Say that a run has ended, for who waits."""
    print(f"{one.name} {one.seconds:.0f} s {'; '.join(one.faults)}", file=sys.stderr, flush=True)
    return one


def section(found: list[Run], at_once: int) -> str:
    """Return the section of docs/benchmarks.md."""
    by_name: dict[str, list[Run]] = defaultdict(list)
    for one in found:
        by_name[one.name].append(one)
    rows = [
        [
            name,
            f"{len(runs)}",
            f"{sum(one.faults == (STUCK,) for one in runs)}",
            f"{sum(bool(one.faults) and one.faults != (STUCK,) for one in runs)}",
            f"{statistics.median(one.seconds for one in runs):.1f}",
            f"{max(one.seconds for one in runs):.1f}",
        ]
        for name, runs in by_name.items()
    ]
    heading = ["notebook", "runs", "stuck", "with a fault", "seconds, median", "longest"]
    faults = sorted({fault for one in found for fault in one.faults})
    said = f"""The stock papermill command over each notebook in turn, {FEW} opportunities of the
built-in sample, {at_once} at once. Stuck is what has not ended after {LIMIT_SECONDS:,} s. A
fault is an exit code, an error in a cell, a widget in the place of a picture, a view without text,
or one that is not there, word for word and shape for shape, in what nbconvert makes of it as HTML
and as Markdown."""
    wrong = sum(bool(one.faults) for one in found)
    what = f"of {len(found)} runs, stuck or with a fault"
    return document.compose(
        "Notebooks that nobody watches",
        f"python -m benchmarks.papermill --runs {len(found)} --write",
        said,
        [Target(what, "0", f"{wrong}", met=not wrong)],
        document.table(heading, rows),
        *([f"Faults: {'; '.join(faults)}."] if faults else []),
    )


def main() -> int:
    """Run, and print; 1 where a run hangs or cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.papermill", description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    given = parser.parse_args()
    found = run_all(given.runs, given.at_once)
    text = section(found, given.at_once)
    print(text)
    if given.write:
        document.put(text)
    return int(any(one.faults for one in found))


if __name__ == "__main__":
    sys.exit(main())
