"""What a batch costs: against the commands a user would type, and with very many pipelines.

    python -m benchmarks.batch                  # 20 pipelines, three routes; 500 in one run
    python -m benchmarks.batch --many 0         # the routes only

Three routes make the page of `stage_dropoff.ipynb` for the same pipelines from the same store:
`leakkit report` (one worker), the loop of `papermill` and `jupyter nbconvert` commands, and the
bare cells, run one after the other in one warm process. Processor seconds are those of all
processes of a route. The last part runs a source of many pipelines and says how large and how
long it gets, and whether anything is stuck.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped] # ships no types

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_OVER_CELLS = 1.2
VIEWS = ("headline", "balance", "pipe", "stages", "days", "months", "data", "method", "provenance")
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
    (folder / "names.json").write_text(json.dumps(names[:pipelines]), "utf-8")


def measured(command: Sequence[str]) -> Spent:
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


def cells(folder: Path) -> None:
    """Run the cells of every pipeline in this process, after a first one to warm up."""
    import leakkit  # noqa: PLC0415 - counted in no run

    names = json.loads((folder / "names.json").read_text("utf-8"))
    spent = []
    for name in (names[0], *names):
        started = time.process_time()
        with leakkit.load(folder / "store.duckdb") as data:
            analysis = leakkit.analyze(data, name)
            for view in VIEWS:
                getattr(leakkit.views, view)(analysis)._repr_mimebundle_()
        spent.append(time.process_time() - started)
    print(sum(spent[1:]) / len(names))


def by_hand(folder: Path) -> None:
    """Make every page as a user would, command by command."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    for name in json.loads((folder / "names.json").read_text("utf-8")):
        out = str(folder / "out.ipynb")
        store = ["-p", "source", str(folder / "store.duckdb"), "-p", "pipeline", name]
        run = [sys.executable, "-m", "papermill", "notebooks/stage_dropoff.ipynb", out, *store]
        html = [sys.executable, "-m", "nbconvert", "--to", "leakkit", out]
        for command in (run, html):
            subprocess.run(command, check=True, capture_output=True, env=environment)


def routes(folder: Path, pipelines: int) -> bool:
    """Compare the three routes; say whether the target is met."""
    source = str(folder / "store.duckdb")
    report = [sys.executable, "-m", "leakkit.cli", "report", source, "--jobs", "1", "--quiet"]
    this = [sys.executable, "-m", "benchmarks.batch", "--folder", str(folder), "--route"]
    done = subprocess.run([*this, "cells"], check=True, capture_output=True, text=True)
    bare = float(done.stdout)
    print(f"bare cells, warm: {bare:.2f} processor s a page")
    over = {}
    for engine in ("fork", "stock"):
        whole = measured([*report, "--out", str(folder / engine), "--engine", engine])
        pages = json.loads((folder / engine / "run.json").read_text("utf-8"))["pages"]
        # two pages per pipeline; the first of a worker loads the libraries for all
        each = sorted(page["cpu_seconds"] for page in pages.values())[len(pages) // 2] / 2
        over[engine] = each
        print(f"leakkit report, {engine}: {each:.2f} processor s a page, all {whole.cpu:.0f} s")
    hand = measured([*this, "by-hand"])
    print(f"papermill and nbconvert by hand: {hand.cpu / pipelines:.2f} processor s a page")
    return bool(over["fork"] - bare <= MOST_OVER_CELLS)


def many(folder: Path, pipelines: int) -> None:
    """Run very many pipelines at once."""
    command = [sys.executable, "-m", "leakkit.cli", "report", str(folder), "--quiet"]
    spent = measured([*command, "--out", str(folder / "out")])
    pages = len(list((folder / "out").glob("*/*.html")))
    print(
        f"{pipelines} pipelines: {pages} pages in {spent.seconds:.0f} s, {spent.cpu:.0f} processor "
        f"s, at most {spent.peak_mb:,.0f} MB; index of "
        f"{(folder / 'out/index.html').stat().st_size / 1000:.0f} KB"
    )


def main() -> int:
    """Measure, and print; 1 where the target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    parser.add_argument("--pipelines", type=int, default=20, help="for the three routes")
    parser.add_argument("--many", type=int, default=500, help="pipelines of the large run")
    parser.add_argument("--route", choices=("cells", "by-hand", "make"))
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    if asked.route == "make":
        make(asked.folder, asked.pipelines)
    elif asked.route:
        {"cells": cells, "by-hand": by_hand}[asked.route](asked.folder)
    if asked.route:
        return 0
    this = [sys.executable, "-m", "benchmarks.batch", "--route", "make", "--pipelines"]
    with tempfile.TemporaryDirectory(prefix="leakkit-bench-") as base:
        met = True
        for pipelines, run in ((asked.pipelines, routes), (asked.many, many)):
            if pipelines:
                folder = Path(base) / str(pipelines)
                subprocess.run([*this, str(pipelines), "--folder", str(folder)], check=True)
                met = run(folder, pipelines) is not False and met
    print("Targets met." if met else "Targets missed.")
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
