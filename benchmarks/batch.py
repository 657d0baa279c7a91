"""What a batch costs: against the commands a user would type, and with very many pipelines.

    python -m benchmarks.batch                  # 20 pipelines, three routes; 500 in one run
    python -m benchmarks.batch --many 0         # the routes only
    python -m benchmarks.batch --pipelines 0    # the large run only
    python -m benchmarks.batch --write          # and write its sections of docs/benchmarks.md

Three routes make the pages of both notebooks for the same pipelines from the same store:
`leakkit report` (one worker), the loop of `papermill` and `jupyter nbconvert` commands, and the
bare cells, run one after the other in one warm process. The findings stand in the store that the
last two read, as they do for the notebooks of a batch, which has to find them itself.
Processor seconds are those of all processes of a route, from its first to its last. The last part
runs a source of many pipelines and says how large and how long it gets, and whether every page is
there.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped] # ships no types

from benchmarks import document
from benchmarks.document import Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).parents[1]

MOST_OVER_CELLS = 1.2
"""Processor seconds per page that a batch may take above its bare cells."""
BOOKS = ("stage_dropoff", "root_causes")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""As the kernels of a batch have it."""
ANALYSED = "analysed.duckdb"
"""The store that the routes without a batch read."""
DEALS = 1_200
"""Deals of one block of four pipelines."""


@dataclass(frozen=True)
class Spent:
    """What some processes took: clock and processor seconds, and their largest memory together."""

    seconds: float
    cpu: float
    peak_mb: float


def make(folder: Path, pipelines: int) -> None:
    """Write a source of so many pipelines of the sample's kind, and a store of it."""
    import pandas as pd  # noqa: PLC0415 - the parent must stay small

    import leakkit  # noqa: PLC0415 - as above
    from leakkit import sample  # noqa: PLC0415 - as above

    made = sample.make(DEALS)
    head, *blocks = made.config.split("[[pipelines]]")
    frames: dict[str, list[pd.DataFrame]] = {"opportunities": [], "stage_history": []}
    text, names = head, []
    for at in range(-(-pipelines // len(blocks))):
        for name, frame in (
            ("opportunities", made.opportunities),
            ("stage_history", made.stage_history),
        ):
            own = frame.copy()
            own["opportunity_id"] += f"-{at:03}"
            own["pipeline"] += f" {at:03}"
            frames[name].append(own)
        for block in blocks:
            name = block.split('name = "')[1].split('"')[0]
            names.append(f"{name} {at:03}")
            text += "[[pipelines]]" + block.replace(f'name = "{name}"', f'name = "{names[-1]}"', 1)
    folder.mkdir(parents=True)
    for name, parts in frames.items():
        pd.concat(parts).to_parquet(folder / f"{name}.parquet", index=False)
    (folder / "leakkit.toml").write_text(text, "utf-8")
    leakkit.load(folder, store=str(folder / "store.duckdb")).close()
    _with_findings(folder)
    (folder / "names.json").write_text(json.dumps(names[:pipelines]), "utf-8")


def _with_findings(folder: Path) -> None:
    """Keep a second store with its findings, as the notebooks of a batch get it.

    Else every page of the other routes would find those of all pipelines anew.
    """
    import leakkit  # noqa: PLC0415 - as above
    from leakkit.findings import to_records  # noqa: PLC0415 - as above
    from leakkit.store import Store  # noqa: PLC0415 - as above

    shutil.copyfile(folder / "store.duckdb", folder / ANALYSED)
    with Store.change(folder / ANALYSED) as store:
        store.set_meta("findings", to_records(leakkit.analyze(store).all_findings))


def measure_command(command: Sequence[str]) -> Spent:
    """Run a command; measure it and everything that it starts."""
    before, started = _children(), time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak, over = [0.0], threading.Event()
    watch = threading.Thread(target=_watch, args=(process.pid, peak, over))
    watch.start()
    code = process.wait()
    over.set()
    watch.join()
    if code:
        message = f"{' '.join(command)} ended with {code}"
        raise RuntimeError(message)
    return Spent(time.perf_counter() - started, _children() - before, peak[0])


def _children() -> float:
    """Return the processor seconds of all that has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _watch(pid: int, peak: list[float], over: threading.Event) -> None:
    """Keep the largest memory of a process and all that it starts; shared pages count once."""
    while not over.wait(0.5):
        total = 0.0
        try:
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
        for one in family:
            try:
                total += one.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        peak[0] = max(peak[0], total / 1e6)


def code(book: str) -> list[str]:
    """Return the code of a notebook that a batch runs, without its parameters."""
    path = ROOT / "notebooks" / f"{book}.ipynb"
    all_cells = json.loads(path.read_text("utf-8"))["cells"]
    found = [cell for cell in all_cells if cell["cell_type"] == "code"]
    return ["".join(cell["source"]) for cell in found if not cell["metadata"].get("tags")]


def cells(folder: Path) -> None:
    """Run the cells of every page in this process, after a first pipeline to warm up."""
    names = json.loads((folder / "names.json").read_text("utf-8"))
    spent = []
    for name in (names[0], *names):
        started = time.process_time()
        for book in BOOKS:
            _run_cells(book, str(folder / ANALYSED), name)
        spent.append(time.process_time() - started)
    print(sum(spent[1:]) / len(names) / len(BOOKS))


def _run_cells(book: str, source: str, pipeline: str) -> None:
    """Run the cells of one page, and have every view say what a notebook shows."""
    facts: dict[str, Any] = {"source": source, "config": "", "pipeline": pipeline}
    facts |= {"as_of": "", "language": "en"}
    for cell in code(book):
        if cell.startswith("leakkit.views."):
            eval(cell, facts)._repr_mimebundle_()  # noqa: S307 - our own notebook
        else:
            exec(cell, facts)  # noqa: S102 - as above
    facts["data"].close()


def by_hand(folder: Path) -> None:
    """Make every page as a user would, command by command."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    for name in json.loads((folder / "names.json").read_text("utf-8")):
        for book in BOOKS:
            out = str(folder / "out.ipynb")
            store = ["-p", "source", str(folder / ANALYSED), "-p", "pipeline", name]
            run = [sys.executable, "-m", "papermill", f"notebooks/{book}.ipynb", out, *store]
            html = [sys.executable, "-m", "nbconvert", "--to", "leakkit", out]
            for command in (run, html):
                subprocess.run(command, check=True, capture_output=True, env=environment, cwd=ROOT)


@dataclass(frozen=True)
class Routes:
    """Processor seconds per page, by route; of the last page of a batch, its worker's alone."""

    pipelines: int
    per_page: Mapping[str, float]
    worker: Mapping[str, float]

    @property
    def over(self) -> float:
        """What a batch takes above its bare cells, all of it counted."""
        return self.per_page["leakkit report"] - self.per_page["bare cells"]


def routes(folder: Path, pipelines: int) -> Routes:
    """Take every route."""
    report = [sys.executable, "-m", "leakkit.cli", "report", str(folder / "store.duckdb")]
    this = [sys.executable, "-m", "benchmarks.batch", "--folder", str(folder), "--route"]
    environment = {**os.environ, **ONE_THREAD}
    done = subprocess.run(
        [*this, "cells"], check=True, capture_output=True, text=True, env=environment
    )
    per_page, worker = {"bare cells": float(done.stdout)}, {}
    for engine, name in (("fork", "leakkit report"), ("stock", "leakkit report --engine stock")):
        out = folder / engine
        choices = ["--jobs", "1", "--quiet", "--out", str(out), "--engine", engine]
        whole = measure_command([*report, *choices])
        pages = json.loads((out / "run.json").read_text("utf-8"))["pages"].values()
        each = sorted(page["cpu_seconds"] for page in pages)
        per_page[name] = whole.cpu / pipelines / len(BOOKS)
        # half of the pipelines take less than this; the first loads the libraries for all
        worker[name] = each[len(each) // 2] / len(BOOKS)
    hand = measure_command([*this, "by-hand"])
    per_page["papermill and jupyter nbconvert"] = hand.cpu / pipelines / len(BOOKS)
    return Routes(pipelines, per_page, worker)


def routes_text(found: Routes) -> str:
    """Return the section on the routes."""
    rows = [
        [name, f"{spent:.2f}", f"{found.worker[name]:.2f}" if name in found.worker else ""]
        for name, spent in found.per_page.items()
    ]
    said = f"""{found.pipelines} pipelines, two pages each, one worker. "All" is every process of
the route from its first to its last, divided by the pages: of a batch, also the analysis of the
whole source, the lists of deals and the overview."""
    heading = ["route", "processor seconds a page, all", "of them, the worker's"]
    target = Target(
        "processor seconds a page above the bare cells",
        f"at most {MOST_OVER_CELLS:g}",
        f"{found.over:.2f}",
        found.over <= MOST_OVER_CELLS,
    )
    return document.compose(
        "The batch: processor seconds",
        "python -m benchmarks.batch --many 0 --write",
        said,
        [target],
        document.table(heading, rows),
    )


@dataclass(frozen=True)
class Many:
    """One run of very many pipelines."""

    pipelines: int
    pages: int
    spent: Spent
    index_kb: float

    @property
    def whole(self) -> bool:
        """Say whether every page is there."""
        return self.pages == self.pipelines * len(BOOKS)


def many(folder: Path) -> Many:
    """Run very many pipelines at once."""
    out = folder / "out"
    command = [sys.executable, "-m", "leakkit.cli", "report", str(folder), "--quiet"]
    spent = measure_command([*command, "--out", str(out)])
    pages = [page for book in BOOKS for page in out.glob(f"*/{book}.html")]
    index_kb = (out / "index.html").stat().st_size / 1000
    return Many(len(list(out.glob("*/stages.csv"))), len(pages), spent, index_kb)


def many_text(found: Many) -> str:
    """Return the section on the large run."""
    spent, wanted = found.spent, found.pipelines * len(BOOKS)
    said = f"""{found.pipelines} pipelines of the sample's kind in one run, which ended by itself:
{spent.seconds:,.0f} s ({spent.cpu:,.0f} processor seconds), at most {spent.peak_mb:,.0f} MB in all
processes together, an index of {found.index_kb:,.0f} KB."""
    command = "python -m benchmarks.batch --pipelines 0 --write"
    target = Target("pages that are there", f"{wanted:,}", f"{found.pages:,}", found.whole)
    return document.compose("The batch: very many pipelines", command, said, [target])


@contextmanager
def make_source(pipelines: int) -> Iterator[Path]:
    """Make a source in a process of its own; it goes at the end."""
    with tempfile.TemporaryDirectory(prefix="leakkit-bench-") as base:
        folder = Path(base) / str(pipelines)
        this = [sys.executable, "-m", "benchmarks.batch", "--route", "make"]
        subprocess.run([*this, "--pipelines", str(pipelines), "--folder", str(folder)], check=True)
        yield folder


def tell(section: str, *, write: bool) -> None:
    """Print a section, and write it into docs/benchmarks.md if asked to."""
    print(section, flush=True)
    if write:
        document.put(section)


def measure(pipelines: int, at_once: int, *, write: bool) -> bool:
    """Measure both parts, those of no pipelines left out; say whether the targets are met."""
    met = True
    if pipelines:
        with make_source(pipelines) as folder:
            found = routes(folder, pipelines)
        tell(routes_text(found), write=write)
        met = found.over <= MOST_OVER_CELLS
    if at_once:
        with make_source(at_once) as folder:
            large = many(folder)
        tell(many_text(large), write=write)
        met = met and large.whole
    return met


def main() -> int:
    """Measure, and print; 1 where the target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    parser.add_argument("--pipelines", type=int, default=20, help="for the three routes")
    parser.add_argument("--many", type=int, default=500, help="pipelines of the large run")
    parser.add_argument("--write", action="store_true", help="write into docs/benchmarks.md")
    parser.add_argument("--route", choices=("cells", "by-hand", "make"))
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    if asked.route == "make":
        make(asked.folder, asked.pipelines)
    elif asked.route:
        {"cells": cells, "by-hand": by_hand}[asked.route](asked.folder)
    if asked.route:
        return 0
    met = measure(asked.pipelines, asked.many, write=asked.write)
    print("Targets met." if met else "Targets missed.")
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
