"""How long does an answer take where it is seen: in JupyterLab, in a browser?

    python -m benchmarks.browser             # measure, and print
    python -m benchmarks.browser --write     # and write its section of docs/benchmarks.md

Each notebook is run in a real JupyterLab and a real Chromium; then one control of the bar after
the other is moved, and the time is taken until the new picture is in the page. Every change leads
to a choice that was not there before. A picture alone under its bar first, then all of a notebook.
It needs a Chromium, and `dev` of pyproject.toml.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import tempfile
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

import leakkit
from benchmarks import document, lab
from benchmarks.document import Target
from benchmarks.explore import MOST_SECONDS
from benchmarks.gallery import chromium
from leakkit.report import notebooks as books
from leakkit.views.exploring import BY_STAGE, FOLLOWING, OF_ALL
from leakkit.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from nbformat import NotebookNode
    from playwright.sync_api import Browser, Page

WORDS = Words("en")
VIEWS = {books.DROPOFF: FOLLOWING, books.CAUSES: BY_STAGE, books.OVERVIEW: OF_ALL}
KINDS = ("add", "days", "worth", "visits", "policy", "by", "stage")
"""The controls of a bar, by the keys of their labels."""
OWN = {"deals": ("left", "sort"), "compare": ("what",)}
"""The controls that a picture has of its own."""
TIMED = """async ({label, option, many, names}) => {
  const shown = name => document.querySelector(`.jp-OutputArea-output section#${name}`);
  const before = Object.fromEntries(names.map(name => [name, shown(name)]));
  const field = many ? document.querySelector("select[multiple]")
    : [...document.querySelectorAll(".widget-label")].filter(one => one.textContent === label)
      .map(one => one.parentElement.querySelector("select")).at(-1);
  [...field.options].forEach((one, at) => { one.selected = at === option; });
  const found = {}, start = performance.now();
  const end = new Promise(resolve => {
    const watch = new MutationObserver(() => {
      for (const name of names)
        if (!(name in found) && shown(name) && shown(name) !== before[name])
          found[name] = performance.now() - start;
      if (Object.keys(found).length === names.length) { watch.disconnect(); resolve(found); }
    });
    watch.observe(document.querySelector(".jp-Notebook"), {childList: true, subtree: true});
  });
  field.dispatchEvent(new Event("change", {bubbles: true}));
  return await end;
}"""
"""Move a control, and return after how many milliseconds each picture was new."""
OPTIONS = """label => [...document.querySelectorAll(".widget-label")]
  .filter(one => one.textContent === label)
  .map(one => one.parentElement.querySelector("select")).at(-1)?.options.length ?? 0"""

Times = dict[tuple[str, str], list[float]]
"""Milliseconds by view and control."""


@dataclass(frozen=True)
class Seen:
    """What was measured on one source: pictures alone, and the first and the last of many."""

    opportunities: int
    alone: Mapping[tuple[str, str], list[float]]
    first: Mapping[tuple[str, str], list[float]]
    last: Mapping[tuple[str, str], list[float]]

    @property
    def slowest(self) -> float:
        """The seconds of the slowest first answer, at the median of its rounds."""
        return (
            max(statistics.median(ms) for of in (self.alone, self.first) for ms in of.values())
            / 1e3
        )

    @property
    def wanted(self) -> float:
        """The seconds that a first answer may take."""
        return MOST_SECONDS.get(self.opportunities, 1.0)

    @property
    def tables(self) -> tuple[tuple[Mapping[tuple[str, str], list[float]], str], ...]:
        """All that was measured, and what its rows are."""
        size = f"{self.opportunities:,}"
        return (
            (self.alone, f"{size}: view"),
            (self.first, f"{size}: first picture"),
            (self.last, f"{size}: last picture"),
        )


def with_one_view(book: NotebookNode, name: str) -> NotebookNode:
    """Return a notebook with its bar, and of the views that follow it one."""
    kept = copy.deepcopy(book)
    kept.cells = [
        cell
        for cell in kept.cells
        if cell.cell_type == "code"
        and ("leakkit.views" not in cell.source or f"views.{name}, bar" in cell.source)
    ]
    return kept


def notebooks(source: Path) -> Iterator[tuple[str, tuple[str, ...], NotebookNode]]:
    """Yield what is opened: a name, the views that follow in it, and the notebook."""
    for name, views in VIEWS.items():
        book = nbformat.reads(books.read_notebook(name), as_version=4)  # type: ignore[no-untyped-call] # it ships no types
        for cell in book.cells:
            cell.source = cell.source.replace('source = "sample"', f"source = {str(source)!r}")
        there = [
            view
            for view in sorted(views)
            if any(f"views.{view}, bar" in c.source for c in book.cells)
        ]
        for view in there:
            yield f"{name}_{view}", (view,), with_one_view(book, view)
        yield name, tuple(there), book


@contextmanager
def open_notebook(
    browser: Browser, address: str, name: str, views: Iterable[str]
) -> Iterator[Page]:
    """Open a notebook, run it, and end its kernel."""
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    page.set_default_timeout(lab.MINUTES)
    page.goto(f"{address}lab/workspaces/{name}/tree/{name}.ipynb?token={lab.TOKEN}")
    page.locator(".jp-Notebook").first.wait_for()
    page.get_by_text("Python 3 (ipykernel) | Idle").first.wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    for view in views:
        page.locator(f"section#{view}").first.wait_for(state="attached")
    page.get_by_text("Python 3 (ipykernel) | Idle").first.wait_for()
    yield page
    token = {"Authorization": f"token {lab.TOKEN}"}
    for session in page.request.get(f"{address}api/sessions", headers=token).json():
        xsrf = next(c["value"] for c in page.context.cookies() if c.get("name") == "_xsrf")
        place = f"{address}api/sessions/{session['id']}"
        page.request.delete(place, headers={**token, "X-XSRFToken": xsrf})
    page.close()


def move(
    page: Page, label: str, option: int, names: tuple[str, ...], *, many: bool = False
) -> dict[str, float]:
    """Move a control, and return after how many milliseconds each picture was new."""
    asked: dict[str, Any] = {"label": label, "option": option, "many": many, "names": list(names)}
    found: dict[str, float] = page.evaluate(TIMED, asked)
    page.get_by_text("Computing:").first.wait_for(state="detached")
    return found


def changes(
    page: Page, views: tuple[str, ...], rounds: int
) -> Iterator[tuple[str, dict[str, float]]]:
    """Move every control in every round, each time under values of a column not seen before."""
    columns = page.evaluate(OPTIONS, WORDS.say("bar.add"))
    if columns:
        region = page.get_by_label(WORDS.say("bar.add"), exact=True).first
        region.select_option(label="region")
        page.locator("select[multiple] option").first.wait_for(state="attached")
    for at in range(rounds):
        if columns:
            yield "add", move(page, "", at, views, many=True)
        for kind in KINDS[1:]:
            label = WORDS.say(f"bar.{kind}")
            there = page.evaluate(OPTIONS, label)
            if there:
                yield kind, move(page, label, 1 + at % (there - 1), views)
                move(page, label, 0, views)
        for view in views:
            for kind in OWN.get(view, ()):
                label = WORDS.say(f"compare.{kind}" if view == "compare" else f"bar.{kind}")
                yield kind, move(page, label, 2 + at, (view,))
                move(page, label, 0, (view,))


def measure(browser: Browser, opportunities: int, rounds: int) -> Seen:
    """Measure every view on a source of one size."""
    alone: Times = defaultdict(list)
    first: Times = defaultdict(list)
    last: Times = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="leakkit-bench-") as folder:
        base = Path(folder)
        leakkit.sample.write(base / "source", opportunities)
        with lab.server(base) as address:
            for name, views, book in notebooks(base / "source"):
                nbformat.write(book, base / "notebooks" / f"{name}.ipynb")  # type: ignore[no-untyped-call] # as above
                with open_notebook(browser, address, name, views) as page:
                    for kind, found in changes(page, views, rounds):
                        if len(views) == 1:
                            alone[views[0], kind].append(found[views[0]])
                        elif len(found) > 1:
                            first[name, kind].append(min(found.values()))
                            last[name, kind].append(max(found.values()))
                print(name, "measured", file=sys.stderr, flush=True)
    return Seen(opportunities, alone, first, last)


def table(times: Mapping[tuple[str, str], list[float]], what: str) -> str:
    """Return a table of medians in seconds, a row for each view and a column for each control."""
    kinds = [kind for kind in (*KINDS, "left", "sort", "what") if any(k == kind for _, k in times)]
    heads = [_control(kind) for kind in kinds]
    rows = [
        [name, *(_say(times.get((name, kind), [])) for kind in kinds)]
        for name in dict.fromkeys(name for name, _ in times)
    ]
    return document.table([what, *heads], rows)


def _control(kind: str) -> str:
    """Return what a control is called on the screen."""
    return WORDS.say("compare.what" if kind == "what" else f"bar.{kind}")


def _say(ms: list[float]) -> str:
    """Say a median in seconds; nothing where there is none."""
    return f"{statistics.median(ms) / 1e3:.2f}" if ms else ""


SAID = """Seconds from the change of a control to the new picture in the page, JupyterLab and
Chromium on one machine with the kernel. Of each control the median of {rounds} choices that were
not there before counts. Of each row: the control in the middle, the slowest one, and its name."""


def find_targets(found: Sequence[Seen]) -> list[Target]:
    """Hold the slowest first answer of each source against what is wanted."""
    return [
        Target(
            f"{one.opportunities:,}: the slowest first answer, s",
            f"at most {one.wanted:g}",
            f"{one.slowest:.2f}",
            one.slowest <= one.wanted,
        )
        for one in found
    ]


def sum_up(one: Seen) -> list[list[str]]:
    """Return a row for each picture alone, and for the first and last of each notebook."""
    times = dict(one.alone)
    for place, of in (("first", one.first), ("last", one.last)):
        times |= {(f"{name}, its {place} picture", kind): ms for (name, kind), ms in of.items()}
    rows = []
    for name in dict.fromkeys(name for name, _ in times):
        medians = {kind: statistics.median(ms) for (n, kind), ms in times.items() if n == name}
        slowest = max(medians, key=lambda kind: medians[kind])
        middle = statistics.median(medians.values())
        rows.append([name, *(f"{ms / 1e3:.2f}" for ms in (middle, medians[slowest]))])
        rows[-1].append(_control(slowest))
    return rows


def section(found: Sequence[Seen], rounds: int) -> str:
    """Return the section of docs/benchmarks.md."""
    parts = []
    for one in found:
        heading = [f"{one.opportunities:,} opportunities", "middle", "slowest", "of"]
        parts.append(document.table(heading, sum_up(one)))
    command, said = "python -m benchmarks.browser --write", SAID.format(rounds=rounds)
    return document.compose("Exploring in a browser", command, said, find_targets(found), *parts)


def detail(found: Sequence[Seen]) -> str:
    """Return all medians, by view and control."""
    tables = ((of, what) for one in found for of, what in one.tables)
    return "\n\n".join(table(of, what) for of, what in tables)


def main() -> int:
    """Measure, and print; 1 where a first answer takes too long."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.browser", description=__doc__)
    parser.add_argument("--sizes", type=lambda text: [int(n) for n in text.split(",")])
    parser.add_argument("--rounds", type=int, default=3, help="of every control")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    given = parser.parse_args()
    with chromium() as browser:
        found = [measure(browser, size, given.rounds) for size in given.sizes or MOST_SECONDS]
    text = section(found, given.rounds)
    print(detail(found), text, sep="\n\n")
    if given.write:
        document.put(text)
    return int(any(one.slowest > one.wanted for one in found))


if __name__ == "__main__":
    sys.exit(main())
