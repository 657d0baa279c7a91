"""Runs that are killed: is the folder still of one run, and does the next one put it right?

    python -m benchmarks.killing                # 200 random moments, and every write in turn
    python -m benchmarks.killing --moments 10
    python -m benchmarks.killing --write        # and write its section of docs/benchmarks.md

A small source is reported for one day, then a run for another day into the same folder (with
`--store`, and for one pipeline in every other run) is ended by SIGKILL. At random moments the
kill meets the run itself, or else a worker or a kernel, whose notebook gets one more try. For
"before every write" one run is let through, and what stands in the folder and the store is
copied before each step that changes a file there: what a kill at that moment would leave.
A folder is mixed where a file is not of the run that manifest.json names, and neither it nor
the pages beside it say so. At the end a last run is let through: it must give the bytes of a
run that nobody disturbed, and leave no temporary file.

To be done in minutes, the notebooks are of one view, and each run is a copy of this process,
which has loaded what it needs. Workers and kernels are those of any run.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped] # ships no types
from nbformat import v4

from benchmarks import document
from benchmarks.document import Target
from leakkit import cli, sample
from leakkit.report import batch, notebooks
from leakkit.report.manifest import named_files
from leakkit.report.publishing import (
    INDEX,
    MANIFEST,
    PAGE,
    TIMES,
    begin_draft,
    digest_of,
    is_believable,
)
from leakkit.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.process import BaseProcess

DEALS = 60
DAYS = ("2026-05-31", "2026-06-30")
PIPELINE = "Spare parts"
SEED = 13
MARK = 'class="lk-trouble"'
OWN = {MANIFEST, TIMES, ".lock"}
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "open")
LOADED = (batch, cli)
V4: Any = v4
"""nbformat ships no types for its functions."""
PARAMETERS = 'source = ""\npipeline = ""\nlanguage = ""\nresults = ()\npipelines = ()'
ONE_VIEW = """from leakkit.views.view import View
View("provenance", "A short page", f"{pipeline} {language}")"""


def short_book(_: str) -> str:
    """Return a notebook of one view: what a page says does not matter here."""
    first = V4.new_code_cell(PARAMETERS, id="parameters", metadata={"tags": ["parameters"]})
    book = V4.new_notebook(cells=[first, V4.new_code_cell(ONE_VIEW, id="view")])
    book.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    return json.dumps(book)


def find_mixed(folder: Path) -> list[str]:
    """Return the files that are not of the run that the manifest names, and that nothing marks."""
    manifest = folder / MANIFEST
    named = named_files(json.loads(manifest.read_text("utf-8"))) if manifest.exists() else {}
    found = []
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if name in OWN or not file.is_file() or not is_believable(name):
            continue
        if digest_of(file) != named.get(name, "") and not _is_marked(file):
            found.append(name)
    return found


def _is_marked(file: Path) -> bool:
    """Say whether a page says that it is old; of another file, whether those beside it do.

    Where no page of a pipeline has ever been made, its files are those of the index.
    """
    beside = [one for one in sorted(file.parent.glob(f"*{PAGE}")) if is_believable(one.name)]
    pages = [file] if file.suffix == PAGE else beside or list(file.parent.parent.glob(INDEX))
    return bool(pages) and all(MARK in page.read_text("utf-8") for page in pages)


SAID = """A run into a folder with the pages of another day, with `--store`, is ended by SIGKILL:
the run itself, or in one of four a worker or a kernel; every other run is of one pipeline. A folder
is mixed where a file is not of the run that manifest.json names, and the pages beside it do not say
so. After the next run its bytes must be those of a run that nobody disturbed."""
FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Place:
    """A folder for one trial: a source, the pages, a kept store and temporary files."""

    base: Path

    @property
    def out(self) -> Path:
        """Where the pages are."""
        return self.base / "out"

    @property
    def store(self) -> Path:
        """The store that is kept."""
        return self.base / "kept.duckdb"

    def words(self, day: str, *more: str) -> list[str]:
        """Return the words of the command for one day."""
        return [
            *("report", str(self.base / "source"), "--out", str(self.out)),
            *("--store", str(self.store), "--as-of", day, "--jobs", "1", "--quiet", *more),
        ]

    def start(self, words: list[str], kept: Path | None = None) -> BaseProcess:
        """Start the command; with `kept`, copy there what stands before each change."""
        (self.base / "tmp").mkdir(exist_ok=True)
        process = FORK.Process(target=_command, args=(self, words, kept))
        process.start()
        return process

    def run(self, words: list[str], kept: Path | None = None) -> int | None:
        """Run the command to its end, and return its code."""
        process = self.start(words, kept)
        process.join()
        return process.exitcode

    def contents(self) -> dict[str, bytes]:
        """Return what is in the folder of the pages, but for the times."""
        files = (f for f in sorted(self.out.rglob("*")) if f.is_file() and f.name not in OWN)
        return {f.relative_to(self.out).as_posix(): f.read_bytes() for f in files}

    def left(self) -> list[str]:
        """Return the temporary files and half stores that are there."""
        stores = [f.name for f in self.base.glob("kept.duckdb.*") if f.suffix != ".lock"]
        return [*stores, *(f.name for f in (self.base / "tmp").iterdir())]

    def store_is_whole(self) -> bool:
        """Say whether the store can be opened; one that is not there yet is no half one."""
        process = FORK.Process(target=_open, args=(self.store,))
        process.start()
        process.join()
        return process.exitcode == 0


def _open(store: Path) -> None:
    """Open a store, in a process that does nothing else: an engine does not survive a fork."""
    if store.exists():
        Store.open(store).close()


def _command(place: Place, words: list[str], kept: Path | None) -> None:
    """Be the command, silently, and as the leader of a session of its own."""
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    tempfile.tempdir = os.environ["TMPDIR"] = str(place.base / "tmp")
    notebooks.read_notebook = short_book  # type: ignore[assignment] # not the cached one
    if kept:
        _watch(place, kept)
    sys.argv = ["leakkit", *words]
    cli.main()


def _watch(place: Place, kept: Path) -> None:
    """Copy the folder and the store before each step that changes a file there."""
    numbers, watched = count(), (str(place.out), str(place.store))
    copying: list[str] = []

    def hook(event: str, facts: tuple[Any, ...]) -> None:
        if copying or event not in CHANGES or not str(facts[0]).startswith(watched):
            return
        if event == "open" and not (facts[2] or 0) & (os.O_WRONLY | os.O_RDWR):
            return
        copying.append(event)
        copied = Place(kept / f"{next(numbers):04}")
        shutil.copytree(place.out, copied.out)
        if place.store.exists():
            shutil.copyfile(place.store, copied.store)
        copying.clear()

    sys.addaudithook(hook)


@dataclass(frozen=True)
class Tally:
    """What came of the trials."""

    kills: int
    mixed: int
    not_mended: int
    left: int

    def row(self, name: str) -> list[str]:
        """Return a row of the table."""
        numbers = (self.kills, self.mixed, self.not_mended, self.left)
        return [name, *(f"{number}" for number in numbers)]


def prepare(base: Path) -> Place:
    """Make a source and the pages of one day."""
    place = Place(base)
    sample.write(base / "source", DEALS)
    text = (base / "source" / "leakkit.toml").read_text("utf-8")
    parts = text.split("[[pipelines]]")
    kept = [
        parts[0],
        *(part for part in parts[1:] if f'"{PIPELINE}"' in part or "Projects" in part),
    ]
    (base / "source" / "leakkit.toml").write_text("[[pipelines]]".join(kept), "utf-8")
    place.run(place.words(DAYS[0]))
    return place


def at_random(place: Place, moments: int, seed: int = SEED) -> Tally:
    """Kill a run, a worker or a kernel at random moments."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    started = time.perf_counter()
    place.run(place.words(DAYS[1], "--force"))
    whole = time.perf_counter() - started
    counted = 0
    for turn in range(moments):
        more = ("--pipeline", PIPELINE) if turn % 2 else ()
        process = place.start(place.words(DAYS[turn % 3 // 2], "--force", *more))
        process.join(chance.uniform(0, whole))
        _kill(process, chance, alone=turn % 4 != 0)
        counted += bool(find_mixed(place.out)) or not place.store_is_whole()
    return Tally(moments, counted, *_aftermath(place))


def _kill(process: BaseProcess, chance: random.Random, *, alone: bool) -> None:
    """Kill the run, or else one of its workers or kernels; wait until all of them are gone."""
    family: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        run = psutil.Process(process.pid)
        family = run.children(recursive=True)
        victim = run if alone or not family else chance.choice(family)
        victim.send_signal(signal.SIGKILL)
    process.join()
    psutil.wait_procs(family, timeout=30)


def at_every_write(place: Place) -> Tally:
    """Look at the files before each step of a run that changes one, and let a run put it right."""
    kept = place.base / "kept"
    place.run(place.words(DAYS[1], "--pipeline", PIPELINE), kept)
    place.run(place.words(DAYS[0]), kept / "whole")
    moments = [Place(file.parent) for file in sorted(kept.rglob("out")) if file.is_dir()]
    counted = 0
    for moment in moments:
        counted += bool(find_mixed(moment.out)) or not moment.store_is_whole()
        with begin_draft(moment.out):
            counted += bool(find_mixed(moment.out))
    return Tally(len(moments), counted, *_aftermath(place))


def _aftermath(place: Place) -> tuple[int, int]:
    """Let a run through: count the files that are not as they should be, and those left over."""
    place.run(place.words(DAYS[1]))
    found, left = place.contents(), len(place.left())
    shutil.rmtree(place.out)
    place.run(place.words(DAYS[0]))
    place.run(place.words(DAYS[1]))
    expected = place.contents()
    names = found.keys() | expected.keys()
    return sum(found.get(name) != expected.get(name) for name in names), left


def section(found: Mapping[str, Tally], moments: int) -> str:
    """Return the section of docs/benchmarks.md."""
    tallies = found.values()
    counted = {
        "mixed folders": sum(one.mixed for one in tallies),
        "files that are not mended": sum(one.not_mended for one in tallies),
        "temporary files left": sum(one.left for one in tallies),
    }
    heading = ["killed", "times", "mixed folders", "files not mended", "temporary files left"]
    return document.compose(
        "Runs that are killed",
        f"python -m benchmarks.killing --moments {moments} --write",
        SAID,
        [Target(what, "0", f"{n}", met=n == 0) for what, n in counted.items()],
        document.table(heading, [one.row(name) for name, one in found.items()]),
    )


def main() -> int:
    """Kill, count and print; 1 where something was mixed, not mended or left."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.killing", description=__doc__)
    parser.add_argument("--moments", type=int, default=200)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    found: dict[str, Tally] = {}
    with tempfile.TemporaryDirectory(prefix="killing-") as base:
        place = prepare(Path(base))
        found["before every write in turn"] = at_every_write(place)
        print(*found.values(), flush=True)
        found["at random moments"] = at_random(place, asked.moments, asked.seed)
    text = section(found, asked.moments)
    print(text)
    if asked.write:
        document.put(text)
    return int(any(one.mixed or one.not_mended or one.left for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())
