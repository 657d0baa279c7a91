"""From files to all estimates: time and memory, against a floor, pandas and polars.

    python -m benchmarks.river                                        # measure, and print
    python -m benchmarks.river --write                                # write the section, too
    python -m benchmarks.river --sizes 1000000,5000000 --runs 1       # five million, too

The routes of `benchmarks.routes` take turns, each in a process of its own. The counts of
leakkit, pandas and polars must be equal, or the run fails. With five million the section is
another one, which asks whether the ratio is no worse there than at a million.
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
from benchmarks.routes import ROUTES, STEPS, Measured, make, take, unequal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).parents[1]
MILLION, LARGE = 1_000_000, 5_000_000
SIZES = (10_000, 100_000, MILLION)
RUNS = 5
PARTS = {"cpu": "processor time", "clock": "the clock"}
MOST_FLOORS = {100_000: 6.0, MILLION: 4.5}
"""At most so many times the floor, by processor time and by the clock."""
MOST_GB = {MILLION: 1.5, LARGE: 3.0}


def fresh(*arguments: str) -> str:
    """Run this file in a process of its own and return its last line.

    A process starts with the memory of its parent as its peak: so the parent, which
    asks for it, neither makes samples nor holds frames.
    """
    command = [sys.executable, "-m", "benchmarks.river", *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return (done.stdout.splitlines() or [""])[-1]


def rounds(folder: Path, sizes: Sequence[int], runs: int) -> Iterator[tuple[int, str, Measured]]:
    """Measure every route at every size, in turns."""
    for size in sizes:
        fresh("--make", str(size), "--folder", str(folder / str(size)))
    for run in range(runs):
        for size in sizes:
            for route in rotate(run):
                line = fresh("--route", route, "--folder", str(folder / str(size)))
                measured = Measured(**json.loads(line))
                took = f"{measured.took('cpu'):7.2f} s {measured.took('clock'):7.2f} s"
                print(f"{size:>9,} {route:<8} {took} {measured.peak_kb:>9,} KB", flush=True)
                yield size, route, measured


def rotate(run: int) -> tuple[str, ...]:
    """Let another route begin; in the first round the others need what leakkit has learnt."""
    first = run % len(ROUTES)
    return ROUTES[first:] + ROUTES[:first]


@dataclass(frozen=True)
class Result:
    """All measurements, by size and route, in the order of the rounds."""

    by_route: Mapping[tuple[int, str], Sequence[Measured]]
    sizes: Sequence[int]

    def seconds(self, size: int, route: str, part: str = "clock") -> float:
        """Return the median of the seconds."""
        return statistics.median(one.took(part) for one in self.by_route[size, route])

    def gigabytes(self, size: int, route: str) -> float:
        """Return the largest memory of all rounds."""
        return max(one.peak_kb for one in self.by_route[size, route]) / 1e6

    def floors(self, size: int, route: str, part: str, step: str = "") -> list[float]:
        """Return how many times the floor of the same round a route took, in rising order."""
        pairs = zip(self.by_route[size, route], self.by_route[size, "floor"], strict=True)
        return sorted(one.took(part, step) / floor.took(part) for one, floor in pairs)


# ---------------------------------------------------------------- what is wanted


def find_targets(result: Result) -> list[Target]:
    """Hold the sizes of which something is wanted against it."""
    found: list[Target] = []
    for size in result.sizes:
        if size in MOST_FLOORS and not is_large(result):
            most = MOST_FLOORS[size]
            found += [_floors_target(result, size, part, most, f"{most:g}") for part in PARTS]
        if size == LARGE and MILLION in result.sizes:
            for part in PARTS:
                most = statistics.median(result.floors(MILLION, "leakkit", part))
                wanted = f"{most:.1f}, as at {MILLION:,}"
                found.append(_floors_target(result, size, part, most, wanted))
        if size in MOST_GB and (size == LARGE or not is_large(result)):
            held = result.gigabytes(size, "leakkit")
            what, wanted = f"{size:,}: memory, GB", f"at most {MOST_GB[size]:g}"
            found.append(Target(what, wanted, f"{held:.2f}", held <= MOST_GB[size]))
    return found


def _floors_target(result: Result, size: int, part: str, most: float, wanted: str) -> Target:
    """Hold the ratio of one size against its most."""
    times = result.floors(size, "leakkit", part)
    what = f"{size:,}: times the floor, by {PARTS[part]}"
    return Target(
        what, f"at most {wanted}", document.spread(times), statistics.median(times) <= most
    )


def is_large(result: Result) -> bool:
    """Say whether this is about more than a million."""
    return max(result.sizes) > MILLION


# ---------------------------------------------------------------- what is written


def report(result: Result) -> str:
    """Write the tables down as Markdown."""
    parts = []
    for part, name in PARTS.items():
        parts += [f"Times the floor, by {name}:", _ratio_table(result, part)]
    parts += ["The largest memory of any round, in MB:", _memory_table(result)]
    parts += ["Seconds by the clock and, in brackets, of the processor:", _seconds_table(result)]
    return "\n\n".join(parts)


def _ratio_table(result: Result, part: str) -> str:
    """Tabulate the ratios to the floor, of leakkit also by step."""
    rows = []
    for size in result.sizes:
        steps = (result.floors(size, "leakkit", part, step) for step in STEPS)
        routes = (result.floors(size, route, part) for route in ROUTES[1:])
        shown = (f"{statistics.median(times):.1f}" for times in steps)
        rows.append([f"{size:,}", *shown, *map(document.spread, routes)])
    return document.table(["opportunities", *STEPS, *ROUTES[1:]], rows)


def _memory_table(result: Result) -> str:
    """Tabulate the peaks."""
    rows = [
        [f"{size:,}", *(f"{result.gigabytes(size, route) * 1000:,.0f}" for route in ROUTES)]
        for size in result.sizes
    ]
    return document.table(["opportunities", *ROUTES], rows)


def _seconds_table(result: Result) -> str:
    """Tabulate the seconds of every route."""
    rows = [
        [
            f"{size:,}",
            *(
                f"{result.seconds(size, route):.2f} ({result.seconds(size, route, 'cpu'):.2f})"
                for route in ROUTES
            ),
        ]
        for size in result.sizes
    ]
    return document.table(["opportunities", *ROUTES], rows)


SAID = """`leakkit.sample` simulates an export (about 4.6 history rows per opportunity, ids as
texts), written once as Parquet. Four routes read the same files; rounds in turns: {runs}.

- **leakkit**: `load` (read, settle, account of every row) and `analyze` of all pipelines (count,
  estimate), in memory.
- **floor**: read the files, sort by opportunity and moment, one `lead`, one join with the
  opportunities, one `GROUP BY`, by DuckDB within the same memory as leakkit's. The SQL stands in
  `benchmarks/routes.py`. It answers nothing; what answers within that memory can hardly be faster.
- **pandas** and **polars**: stages, exits, stays by age of first visits, Aalen-Johansen at the
  horizon and the flows by month, as a skilled user would write them
  (`benchmarks/pandas_route.py`, `polars_route.py`). They settle no odd deal, keep no account of
  the rows, and have no bootstrap. Their counts must equal leakkit's, or the benchmark fails."""
SAID_LARGE = """The same routes at a million and at five million opportunities; rounds in turns:
{runs}. In leakkit as in the floor the engine holds at most 700 MB and puts the rest on disk; pandas
and polars hold all of it."""


def section(result: Result, runs: int) -> str:
    """Return the section of docs/benchmarks.md."""
    command = "python -m benchmarks.river"
    heading, said = "From files to all estimates", SAID
    if is_large(result):
        command += f" --sizes {','.join(map(str, result.sizes))} --runs {runs}"
        heading, said = "From a million to five", SAID_LARGE
    command += " --write"
    targets, said = find_targets(result), said.format(runs=runs)
    return document.compose(heading, command, said, targets, report(result))


def measure(sizes: Sequence[int], runs: int, folder: Path) -> tuple[Result, list[str]]:
    """Measure everything; return it, and the counts that differ."""
    found: dict[tuple[int, str], list[Measured]] = defaultdict(list)
    for size, route, measured in rounds(folder, sizes, runs):
        found[size, route].append(measured)
    faults = [f"{size:,}: {fault}" for size in sizes for fault in unequal(folder / str(size))]
    return Result(found, sizes), faults


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.river", description=__doc__)
    parser.add_argument(
        "--sizes", type=lambda text: [int(n) for n in text.split(",")], default=SIZES
    )
    parser.add_argument("--runs", type=int, default=RUNS, help="rounds")
    parser.add_argument(
        "--write", action="store_true", help="write the section of docs/benchmarks.md"
    )
    inner = parser.add_argument_group("used by itself, for its processes")
    inner.add_argument("--make", type=int)
    inner.add_argument("--route", choices=ROUTES)
    inner.add_argument("--folder", type=Path)
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Measure, print, write the page if asked to; 1 where counts differ or a target is missed."""
    asked = _arguments(given)
    if asked.make is not None:
        make(asked.folder, asked.make)
        return 0
    if asked.route:
        print(json.dumps(asdict(take(asked.route, asked.folder))))
        return 0
    with tempfile.TemporaryDirectory(prefix="leakkit-bench-") as folder:
        result, faults = measure(asked.sizes, asked.runs, Path(folder))
    text = section(result, asked.runs)
    print(f"\n{text}", *faults, sep="\n")
    if asked.write and not faults:
        document.put(text)
    return int(bool(faults) or not all(target.met for target in find_targets(result)))


if __name__ == "__main__":
    sys.exit(main())
