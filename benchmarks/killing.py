"""Runs that are killed: is the folder still of one run, and does the next one put it right?

    python -m benchmarks.killing                # 200 random moments, and every write in turn
    python -m benchmarks.killing --moments 10 --writes 0
    python -m benchmarks.killing --write        # and write its section of docs/benchmarks.md

A small source is reported for one day, then a run for another day into the same folder (with
`--store`, and for one pipeline in every other run) is ended by SIGKILL. At random moments the
kill meets the run itself, a worker or a kernel, which get one more try. In the part "every
write" the run ends itself before each step that changes a file under the folder or the store.
A folder is mixed where a file is not of the run that manifest.json names, and neither it nor
the pages beside it say so. At the end a last run is let through: it must give the bytes of a
run that nobody disturbed, and leave no temporary file.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped] # ships no types

from benchmarks import document
from leakkit import sample
from leakkit.report.draft import MANIFEST, PAGE, TIMES, believed
from leakkit.report.folder import digest_of
from leakkit.report.manifest import named_files
from leakkit.store import Store

DEALS = 60
DAYS = ("2026-05-31", "2026-06-30")
PIPELINE = "Spare parts"
SEED = 13
HEADING = "## Runs that are killed"
MARK = 'class="lk-trouble"'
OWN = {MANIFEST, TIMES}
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "open")
DYING = """
import os, signal, sys
left, places = [int(sys.argv.pop(1))], sys.argv.pop(1).split(os.pathsep)
def hook(event, facts):
    if event not in {changes!r} or not str(facts[0]).startswith(tuple(places)):
        return
    if event == "open" and not (facts[2] or 0) & (os.O_WRONLY | os.O_RDWR):
        return
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
from leakkit import cli
cli.main()
"""


def mixed(folder: Path) -> list[str]:
    """Return the files that are not of the run that the manifest names, and that nothing marks."""
    manifest = folder / MANIFEST
    named = named_files(json.loads(manifest.read_text("utf-8"))) if manifest.exists() else {}
    found = []
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if name in OWN or not file.is_file() or not believed(name):
            continue
        if digest_of(file) != named.get(name, "") and not _is_marked(file):
            found.append(name)
    return found


def _is_marked(file: Path) -> bool:
    """Say whether a page says that it is old; of another file, whether all pages beside it do."""
    beside = [one for one in sorted(file.parent.glob(f"*{PAGE}")) if believed(one.name)]
    pages = [file] if file.suffix == PAGE else beside
    return bool(pages) and all(MARK in page.read_text("utf-8") for page in pages)


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

    @property
    def environment(self) -> dict[str, str]:
        """An environment whose temporary files can be counted."""
        (self.base / "tmp").mkdir(exist_ok=True)
        return {**os.environ, "TMPDIR": str(self.base / "tmp")}

    def start(self, words: list[str], *python: str) -> subprocess.Popen[bytes]:
        """Start the command."""
        command = [sys.executable, *(python or ("-m", "leakkit.cli")), *words]
        return subprocess.Popen(
            command,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def run(self, words: list[str]) -> int:
        """Run the command to its end, and return its code."""
        return self.start(words).wait()

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
        if self.store.exists():
            Store.open(self.store).close()
        return True


@dataclass(frozen=True)
class Tally:
    """What came of the trials."""

    kills: int
    mixed: int
    not_mended: int
    left: int

    def line(self, name: str) -> str:
        """Return a row of the table."""
        return f"| {name} | {self.kills} | {self.mixed} | {self.not_mended} | {self.left} |"


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


def at_random(place: Place, moments: int) -> Tally:
    """Kill a run, a worker or a kernel at random moments."""
    chance = random.Random(SEED)  # noqa: S311 - no secret
    started = time.perf_counter()
    place.run(place.words(DAYS[1], "--force"))
    whole = time.perf_counter() - started
    counted = 0
    for turn in range(moments):
        more = ("--pipeline", PIPELINE) if turn % 2 else ()
        process = place.start(place.words(DAYS[turn % 3 // 2], "--force", *more))
        with suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0, whole))
        _kill(process, chance, alone=turn % 4 != 0)
        counted += bool(mixed(place.out)) or not place.store_is_whole()
    return Tally(moments, counted, *_aftermath(place))


def _kill(process: subprocess.Popen[bytes], chance: random.Random, *, alone: bool) -> None:
    """Kill the run, or else one of its workers or kernels; wait until all of them are gone."""
    family: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
        victim = psutil.Process(process.pid) if alone or not family else chance.choice(family)
        victim.kill()
    process.wait()
    psutil.wait_procs(family, timeout=30)


def at_every_write(place: Place, most: int) -> Tally:
    """End a run before each step that changes a file, in turn."""
    code = DYING.replace("{changes!r}", repr(CHANGES))
    watched = os.pathsep.join([str(place.out), str(place.store)])
    counted = kills = 0
    while kills < most:
        words = [str(kills + 1), watched, *place.words(DAYS[kills % 2])]
        if place.start(words, "-c", code).wait() != -signal.SIGKILL:
            break
        kills += 1
        counted += bool(mixed(place.out)) or not place.store_is_whole()
    return Tally(kills, counted, *_aftermath(place))


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


def main() -> None:
    """Kill, count and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=200)
    parser.add_argument("--writes", type=int, default=1_000, help="most writes to end at")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    lines = ["| killed | times | mixed folders | files not mended | temporary files left |"]
    lines.append("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="killing-") as base:
        place = prepare(Path(base))
        if asked.moments:
            lines.append(at_random(place, asked.moments).line("at random moments"))
        if asked.writes:
            lines.append(at_every_write(place, asked.writes).line("before every write in turn"))
    print("\n".join(lines))
    if asked.write:
        document.put(
            "\n".join([HEADING, "", "`make killing` kills runs (200 moments).", "", *lines])
        )


if __name__ == "__main__":
    main()
