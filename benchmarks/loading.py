"""Loading against a plain read by pandas of the same files: seconds and memory.

    python -m benchmarks.loading            # measure, and print
    python -m benchmarks.loading --write    # and write the section into docs/benchmarks.md

The same simulated export is written as CSV and as Parquet. `leakkit.load` reads the files
into its tables and resolves every deal; pandas reads both files into frames and does
nothing else (dates of CSV stay texts). Each measurement is a process of its own, in turns.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[1]
OPPORTUNITIES, RUNS = 1_000_000, 3
FORMATS, ROUTES = ("csv", "parquet"), ("pandas", "leakkit")
NAMES = ("opportunities", "stage_history")
MOST_TIMES, MOST_MEMORY = 2.0, 1.0


@dataclass(frozen=True)
class Took:
    """What one process took: wall and processor seconds, and its largest memory.

    `resolved` are the seconds until every deal was resolved; what follows are the
    derived tables and the account of the rows.
    """

    seconds: float
    resolved: float
    cpu: float
    peak_kb: int
    rows: int


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


def run_leakkit(folder: Path) -> tuple[float, int]:
    """Load a folder; return when every deal was resolved, and the rows that were read."""
    from leakkit.sources import load  # noqa: PLC0415 - as above

    resolved: list[float] = []
    started = time.perf_counter()
    with load(folder, watch=lambda *_: resolved.append(time.perf_counter() - started)) as store:
        return resolved[0], sum(int(counted["read"]) for counted in store.meta("rows"))


def run_pandas(folder: Path) -> tuple[float, int]:
    """Read both files into frames; return the seconds, and the rows that were read."""
    import pandas as pd  # noqa: PLC0415 - as above

    read = pd.read_csv if folder.name == "csv" else pd.read_parquet
    started = time.perf_counter()
    frames = [read(folder / f"{name}.{folder.name}") for name in NAMES]
    return time.perf_counter() - started, sum(len(frame) for frame in frames)


def measure(route: str, folder: Path) -> Took:
    """Carry out one route in this process; imports are not counted."""
    import pandas as pd  # noqa: F401, PLC0415 - so that no route pays for it

    import leakkit  # noqa: F401, PLC0415 - as above

    started, cpu = time.perf_counter(), time.process_time()
    resolved, rows = {"leakkit": run_leakkit, "pandas": run_pandas}[route](folder)
    took = time.perf_counter() - started, resolved, time.process_time() - cpu
    return Took(*took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, rows)


def measure_routes(opportunities: int, runs: int) -> dict[tuple[str, str], list[Took]]:
    """Measure every route on every format, in turns."""
    found = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="leakkit-loading-") as scratch:
        _in_process("make", Path(scratch), str(opportunities))
        for _ in range(runs):
            for form in FORMATS:
                for route in ROUTES:
                    said = _in_process(route, Path(scratch) / form)
                    found[form, route].append(Took(**json.loads(said)))
    return dict(found)


def _in_process(*words: object) -> str:
    """Run one step of this module in a process of its own, and return what it prints."""
    command = [sys.executable, "-m", "benchmarks.loading", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def ratios(found: Mapping[tuple[str, str], Sequence[Took]], form: str) -> tuple[float, float]:
    """Return how many times the seconds and the memory of pandas leakkit takes (medians)."""
    pairs = list(zip(found[form, "leakkit"], found[form, "pandas"], strict=True))
    seconds = statistics.median(ours.seconds / theirs.seconds for ours, theirs in pairs)
    memory = max(ours.peak_kb for ours, _ in pairs) / max(theirs.peak_kb for _, theirs in pairs)
    return seconds, memory


def faults(found: Mapping[tuple[str, str], Sequence[Took]]) -> list[str]:
    """Return what is over its target, and what makes the comparison worthless."""
    said = []
    for form in FORMATS:
        if len({took.rows for route in ROUTES for took in found[form, route]}) != 1:
            said.append(f"{form}: the routes did not read as many rows")
        seconds, memory = ratios(found, form)
        if seconds > MOST_TIMES:
            said.append(f"{form}: {seconds:.1f} times the seconds of pandas, wanted {MOST_TIMES:g}")
        if memory > MOST_MEMORY:
            said.append(f"{form}: {memory:.2f} times its memory, wanted {MOST_MEMORY:g}")
    return said


def section(found: Mapping[tuple[str, str], Sequence[Took]], opportunities: int) -> str:
    """Return the section of docs/benchmarks.md."""
    rows = next(iter(found.values()))[0].rows - opportunities
    lines, runs = [], len(next(iter(found.values())))
    for form in FORMATS:
        for route in ROUTES:
            took = found[form, route]
            middle = [
                statistics.median(getattr(one, name) for one in took)
                for name in ("seconds", "resolved", "cpu")
            ]
            shown = " | ".join(f"{number:.2f}" for number in middle)
            peak = max(one.peak_kb for one in took) / 1000
            lines.append(f"| {form} | {route} | {shown} | {peak:,.0f} |")
    over = faults(found)
    verdict = "Met." if not over else f"Missed: {'; '.join(over)}."
    table = "\n".join(lines)
    return f"""## Loading
    python -m benchmarks.loading --write    # measures, and writes this section

{opportunities:,} opportunities and {rows:,} history rows of `leakkit.sample`, as CSV and
as Parquet. pandas reads both files and does nothing else; the dates of CSV stay texts. leakkit
reads them, resolves every deal, and makes its derived tables and the account of the rows. Each
measurement is a process of its own; medians of {runs} rounds, the largest memory of any.

| files | route | seconds | of them read and resolved | processor seconds | memory, MB |
| --- | --- | ---: | ---: | ---: | ---: |
{table}

Wanted: at most {MOST_TIMES:g} times the seconds of pandas, and at most its memory. {verdict}
"""


def main() -> int:
    """Run from the command line, or as one of the processes."""
    if len(sys.argv) > 2 and sys.argv[1] == "make":
        make(Path(sys.argv[2]), int(sys.argv[3]))
        return 0
    if len(sys.argv) > 2 and sys.argv[1] in ROUTES:
        print(json.dumps(vars(measure(sys.argv[1], Path(sys.argv[2])))))
        return 0
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--opportunities", type=int, default=OPPORTUNITIES)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    found = measure_routes(asked.opportunities, asked.runs)
    text = section(found, asked.opportunities)
    print(text)
    if asked.write:
        document.put(text)
    return int(bool(faults(found)))


if __name__ == "__main__":
    sys.exit(main())
