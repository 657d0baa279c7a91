"""Loading from CSV and from Parquet, against the floor, and beside plain reads.

    python -m benchmarks.loading            # measure, and print
    python -m benchmarks.loading --write    # and write the section into docs/benchmarks.md

The same simulated export is written as CSV and as Parquet. `leakkit.load` reads the files
into its tables and settles every deal. The floor is that of `benchmarks.routes`, asked of the
Parquet files in the same round. pandas and polars read both files into frames and do nothing
else (dates of CSV stay texts). Each measurement is a process of its own, in turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import document
from benchmarks.document import Target
from benchmarks.routes import Clock, Measured, take_floor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[1]
OPPORTUNITIES, RUNS = 1_000_000, 5
FORMATS = {"csv": "CSV", "parquet": "Parquet"}
NAMES = ("opportunities", "stage_history")
FLOOR = ("parquet", "floor")
MEASURED = (
    FLOOR,
    *((form, route) for form in FORMATS for route in ("leakkit", "pandas", "polars")),
)
PARTS = {"cpu": "processor time", "clock": "the clock"}
MOST_FLOORS = {"csv": 5.0}
"""Times the floor, by processor time and by the clock (Parquet: `benchmarks.river`)."""


@dataclass(frozen=True)
class Took:
    """What one process took, and how many rows it read."""

    measured: Measured
    rows: int


Found = dict[tuple[str, str], list[Took]]
"""What was measured by format and route, in the order of the rounds."""


def make(folder: Path, opportunities: int) -> None:
    """Write a simulated export in both formats, each with its configuration."""
    from leakkit import sample  # noqa: PLC0415 - the parent must stay small

    made = sample.make(opportunities)
    for form in FORMATS:
        (folder / form).mkdir(parents=True)
        (folder / form / "leakkit.toml").write_text(made.config, encoding="utf-8")
    for name in NAMES:
        frame = getattr(made, name)
        frame.to_csv(folder / "csv" / f"{name}.csv", index=False)
        frame.to_parquet(folder / "parquet" / f"{name}.parquet", index=False)


def read_by_leakkit(folder: Path, clock: Clock) -> int:
    """Load a folder; return the rows that were read."""
    from leakkit.sources import load  # noqa: PLC0415 - as above

    with clock.timing("load"):
        store = load(folder)
    with store:
        return sum(int(counted["read"]) for counted in store.meta("rows"))


def read_by_pandas(folder: Path, clock: Clock) -> int:
    """Read both files into frames; return the rows."""
    import pandas as pd  # noqa: PLC0415 - as above

    read = pd.read_csv if folder.name == "csv" else pd.read_parquet
    with clock.timing("load"):
        frames = [read(folder / f"{name}.{folder.name}") for name in NAMES]
    return sum(len(frame) for frame in frames)


def read_by_polars(folder: Path, clock: Clock) -> int:
    """Read both files into frames; return the rows."""
    import polars as pl  # noqa: PLC0415 - as above

    read = pl.read_csv if folder.name == "csv" else pl.read_parquet
    with clock.timing("load"):
        frames = [read(folder / f"{name}.{folder.name}") for name in NAMES]
    return sum(frame.height for frame in frames)


READERS = {"leakkit": read_by_leakkit, "pandas": read_by_pandas, "polars": read_by_polars}


def measure(route: str, folder: Path) -> Took:
    """Carry out one route in this process; imports are not counted."""
    import pandas as pd  # noqa: F401, PLC0415 - so that no route pays for it

    import leakkit  # noqa: F401, PLC0415 - as above

    if route == "floor":
        return Took(take_floor(folder), 0)
    clock = Clock()
    rows = READERS[route](folder, clock)
    return Took(clock.read(), rows)


def measure_routes(opportunities: int, runs: int) -> Found:
    """Measure every route on every format, in turns, each time another one first."""
    found: Found = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="leakkit-loading-") as scratch:
        _in_process("make", Path(scratch), str(opportunities))
        for run in range(runs):
            first = run % len(MEASURED)
            for form, route in MEASURED[first:] + MEASURED[:first]:
                said = json.loads(_in_process(route, Path(scratch) / form))
                found[form, route].append(Took(Measured(**said["measured"]), said["rows"]))
    return {each: found[each] for each in MEASURED}


def _in_process(*words: object) -> str:
    """Run one step of this module in a process of its own, and return what it prints."""
    command = [sys.executable, "-m", "benchmarks.loading", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def count_floors(
    found: Mapping[tuple[str, str], Sequence[Took]], form: str, route: str, part: str
) -> list[float]:
    """Return how many times the floor of the same round a route took, in rising order."""
    pairs = zip(found[form, route], found[FLOOR], strict=True)
    return sorted(one.measured.took(part) / floor.measured.took(part) for one, floor in pairs)


def megabytes(took: Sequence[Took]) -> float:
    """Return the largest memory of all rounds."""
    return max(one.measured.peak_kb for one in took) / 1000


def find_targets(found: Mapping[tuple[str, str], Sequence[Took]]) -> list[Target]:
    """Hold what is wanted against what was measured."""
    targets = []
    for form, most in MOST_FLOORS.items():
        for part, name in PARTS.items():
            times = count_floors(found, form, "leakkit", part)
            met = statistics.median(times) <= most
            what = f"from {FORMATS[form]}: times the floor, by {name}"
            targets.append(Target(what, f"at most {most:g}", document.spread(times), met))
    for form, name in FORMATS.items():
        ours, theirs = (megabytes(found[form, route]) for route in ("leakkit", "pandas"))
        what, wanted = f"from {name}: memory, MB", f"at most {theirs:,.0f}, as pandas"
        targets.append(Target(what, wanted, f"{ours:,.0f}", ours <= theirs))
    return targets


def faults(found: Mapping[tuple[str, str], Sequence[Took]]) -> list[str]:
    """Return what makes the comparison worthless."""
    rows = {took.rows for each, all_took in found.items() if each != FLOOR for took in all_took}
    return [] if len(rows) == 1 else ["the routes did not read as many rows"]


SAID = """{opportunities:,} opportunities and {rows:,} history rows of `leakkit.sample`, as CSV and
as Parquet; rounds in turns: {runs}. leakkit reads them, settles every deal, and makes its tables
and the account of the rows. The floor is the one above, asked of the Parquet files. pandas and
polars read both files and do nothing else; the dates of CSV stay texts."""


def section(found: Mapping[tuple[str, str], Sequence[Took]], opportunities: int) -> str:
    """Return the section of docs/benchmarks.md."""
    said = SAID.format(
        opportunities=opportunities,
        rows=found["csv", "leakkit"][0].rows - opportunities,
        runs=len(found[FLOOR]),
    )
    rows = [_row(found, *each) for each in MEASURED]
    heading = ["files", "route", "floors, by processor time", "by the clock"]
    heading += ["processor seconds", "by the clock", "memory, MB"]
    return document.compose(
        "Loading",
        "python -m benchmarks.loading --write",
        said,
        find_targets(found),
        document.table(heading, rows),
    )


def _row(found: Mapping[tuple[str, str], Sequence[Took]], form: str, route: str) -> list[str]:
    """Write what one route took of one format."""
    took = found[form, route]
    floors = (document.spread(count_floors(found, form, route, part)) for part in PARTS)
    seconds = (statistics.median(one.measured.took(part) for one in took) for part in PARTS)
    shown = (f"{number:.2f}" for number in seconds)
    return [FORMATS[form], route, *floors, *shown, f"{megabytes(took):,.0f}"]


def main() -> int:
    """Run from the command line, or as one of the processes."""
    if len(sys.argv) > 2 and sys.argv[1] == "make":
        make(Path(sys.argv[2]), int(sys.argv[3]))
        return 0
    if len(sys.argv) > 2 and sys.argv[1] in (*READERS, "floor"):
        print(json.dumps(asdict(measure(sys.argv[1], Path(sys.argv[2])))))
        return 0
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loading", description=__doc__)
    parser.add_argument("--opportunities", type=int, default=OPPORTUNITIES)
    parser.add_argument("--runs", type=int, default=RUNS, help="rounds")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    asked = parser.parse_args()
    found = measure_routes(asked.opportunities, asked.runs)
    text, wrong = section(found, asked.opportunities), faults(found)
    print(text, *wrong, sep="\n")
    if asked.write and not wrong:
        document.put(text)
    return int(bool(wrong) or not all(target.met for target in find_targets(found)))


if __name__ == "__main__":
    sys.exit(main())
