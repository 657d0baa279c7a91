"""From files to all counts and estimates: seconds and memory, against a floor and against pandas.

    python -m benchmarks.river            # measure, and print
    python -m benchmarks.river --write    # and write its section of docs/benchmarks.md

Three routes read the same Parquet files: leakkit, a floor below which no engine of this kind
comes (FLOOR), and pandas (pandas_route.py). Each measurement is a process of its own, and the
routes take turns, so that a machine that is slow for a minute is slow for all of them. The
counts of leakkit and pandas must be equal, or the run fails.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from benchmarks import document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType

    import pandas as pd

    from leakkit.analysis import Analysis

ROOT = Path(__file__).parents[1]
SIZES = (10_000, 100_000, 1_000_000)
RUNS = 3
ROUTES = ("floor", "leakkit", "pandas")
STEPS = ("read", "resolve", "passages", "account", "count", "estimate")
MOST_TIMES_FLOOR = 4.0
MOST_KB = 2_000_000

FLOOR = """
SELECT h.pipeline, h.stage, o.outcome,
       date_diff('day', h.entered_at, h.left_at) AS stay,
       count(*) AS n, sum(CAST(o.value AS DECIMAL(18, 2))) AS total
FROM (SELECT opportunity_id, pipeline, stage, entered_at,
             lead(entered_at) OVER (PARTITION BY opportunity_id ORDER BY entered_at, seq) AS left_at
      FROM read_parquet($history)) h
JOIN read_parquet($opportunities) o ON o.opportunity_id = h.opportunity_id
GROUP BY h.pipeline, h.stage, o.outcome, date_diff('day', h.entered_at, h.left_at)
ORDER BY h.pipeline, h.stage, o.outcome, stay
"""
"""The least that any answer needs: read, sort by deal and moment, one lead, one join, one count."""


@dataclass(frozen=True)
class Measured:
    """What one process took: seconds by step, processor seconds, and its largest memory."""

    steps: Mapping[str, float]
    cpu: float
    peak_kb: int

    @property
    def seconds(self) -> float:
        """All steps together."""
        return sum(self.steps.values())


class Clock:
    """Adds up the seconds that are spent in some functions of leakkit."""

    def __init__(self) -> None:
        """Start with nothing spent."""
        self.spent: dict[str, float] = defaultdict(float)

    def watch(self, owner: object, name: str, step: str) -> None:
        """Put the seconds of every call of `owner.name` down to `step`."""
        function: Callable[..., Any] = getattr(owner, name)

        def timed(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - of any function
            started = time.perf_counter()
            try:
                return function(*given, **named)
            finally:
                self.spent[step] += time.perf_counter() - started

        mock.patch.object(owner, name, timed).start()

    def took(self, step: str) -> float:
        """Return what a step took, and start it anew."""
        return self.spent.pop(step, 0.0)


# ---------------------------------------------------------------- one process


def make(folder: Path, opportunities: int) -> None:
    """Write a simulated export as Parquet, with the configuration beside it."""
    from leakkit import sample  # noqa: PLC0415 - the parent must stay small

    made = sample.make(opportunities)
    folder.mkdir(parents=True)
    made.opportunities.to_parquet(folder / "opportunities.parquet", index=False)
    made.stage_history.to_parquet(folder / "stage_history.parquet", index=False)
    (folder / "leakkit.toml").write_text(made.config, encoding="utf-8")


Spent = tuple[dict[str, float], float]
"""Seconds by step, and processor seconds of all of them; imports are in neither."""


def run_floor(folder: Path) -> Spent:
    """Ask FLOOR with the settings that leakkit has."""
    from leakkit.store import Store  # noqa: PLC0415 - counted in no step

    started, cpu = time.perf_counter(), time.process_time()
    files = {name: str(folder / f"{file}.parquet") for name, file in FILES.items()}
    with Store.new() as store:
        store.frame(FLOOR, files)
    return {"count": time.perf_counter() - started}, time.process_time() - cpu


FILES = {"history": "stage_history", "opportunities": "opportunities"}


def run_leakkit(folder: Path) -> Spent:
    """Load and analyse, step by step; keeps its counts in the folder."""
    from leakkit.analysis import analyze  # noqa: PLC0415 - counted in no step

    clock, frames = Clock(), dict[str, Any]()
    sources = _watch_load(clock)
    cpu = time.process_time()
    with sources.load(folder) as store:
        steps = _load_steps(clock)
        _watch_queries(clock, frames)
        # counts and estimates, as the notebooks of a batch make them: findings are there already
        store.set_meta("findings", [])
        started = time.perf_counter()
        analysis = analyze(store)
        steps["estimate"] = time.perf_counter() - started
        cpu = time.process_time() - cpu
    steps["count"] = clock.took("count")
    steps["estimate"] -= steps["count"]
    mock.patch.stopall()
    _keep_counts(folder / "leakkit", _counts_of(analysis, frames))
    (folder / "horizons.json").write_text(json.dumps(_horizons(analysis)), encoding="utf-8")
    return steps, cpu


def _watch_load(clock: Clock) -> ModuleType:
    """Watch the parts of `load`, and return the module that holds it."""
    from leakkit.sources import filling  # noqa: PLC0415 - as above
    from leakkit.store import account  # noqa: PLC0415 - as above

    # a module whose name is also that of the function which its folder exports
    sources = importlib.import_module("leakkit.sources.load")
    clock.watch(sources, "load", "load")
    clock.watch(filling, "resolve", "resolve")
    clock.watch(filling, "write_passages", "passages")
    for name in ("facts", "facts_of_passages", "faults", "rows", "fingerprint", "clear"):
        clock.watch(account, name, "account")
    return sources


def _load_steps(clock: Clock) -> dict[str, float]:
    """Take `load` apart; what is in none of its parts is reading."""
    spent = {step: clock.took(step) for step in ("load", "resolve", "passages", "account")}
    whole = spent.pop("load")
    return {"read": whole - sum(spent.values()), **spent}


def _watch_queries(clock: Clock, frames: dict[str, Any]) -> None:
    """Watch the counting of `analyze`, and keep the answers by their query."""
    from leakkit.analysis import learning  # noqa: PLC0415 - as above
    from leakkit.store import queries  # noqa: PLC0415 - as above
    from leakkit.store.relations import Relations, SmallTable  # noqa: PLC0415 - as above

    ask = Relations.count

    def kept(relations: Relations, query: str, tables: Mapping[str, SmallTable]) -> pd.DataFrame:
        frame = ask(relations, query, tables)
        # findings ask for further windows by the same query: those of the curves are wanted
        if query != queries.STAYS or frame["part"].max() <= learning.ENTERED:
            frames[query] = frame
        return frame

    mock.patch.object(Relations, "count", kept).start()
    clock.watch(Relations, "count", "count")


def _horizons(analysis: Analysis) -> list[tuple[int, int, float]]:
    """Return (pipeline, stage, age) of every horizon."""
    return [
        (number, stage.stage, stage.horizon.age)
        for number, pipeline in enumerate(analysis.pipelines)
        for stage in pipeline.stages
        if stage.horizon.age is not None
    ]


def _counts_of(analysis: Analysis, frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the counts that pandas makes as well, in its columns."""
    import pandas as pd  # noqa: PLC0415 - as above

    from leakkit.analysis import learning  # noqa: PLC0415
    from leakkit.store import queries  # noqa: PLC0415

    stays = frames[queries.STAYS]
    wanted = (stays["part"] == learning.ALL) & (stays["visits"] == learning.FIRST)
    stays = stays[wanted & (stays["arrives"] == 0)]
    flows = frames[queries.FLOWS]
    first = int(frames[queries.EXTENT]["first_day"].min())
    month = int(pd.Timestamp(first, unit="D").to_period("M").ordinal)
    flows = flows[flows["period"] >= 0].assign(month=flows["period"] + month)
    shares = [
        (number, one.stage, one.advance.share, one.returned.share, one.lost.share)
        for number, pipeline in enumerate(analysis.pipelines)
        for one in pipeline.stages
        if one.advance.share is not None
    ]
    columns = ["pipeline", "stage", "advance", "returned", "lost"]
    return {
        "totals": frames[queries.TOTALS],
        "stays": stays,
        "flows": flows,
        "shares": pd.DataFrame(shares, columns=columns),
    }


def run_pandas(folder: Path) -> Spent:
    """Take the route of pandas; keeps its counts in the folder."""
    from benchmarks import pandas_route  # noqa: PLC0415 - counted in no step
    from leakkit.config import Config  # noqa: PLC0415
    from leakkit.store.moments import parse_as_of  # noqa: PLC0415

    config = Config.read(folder / "leakkit.toml")
    horizons = {
        (pipeline, stage): age
        for pipeline, stage, age in json.loads((folder / "horizons.json").read_text("utf-8"))
    }
    last_day = parse_as_of(config.as_of or "", config.timezone)[1]
    started, cpu = time.perf_counter(), time.process_time()
    counts = pandas_route.count(folder, config, last_day, horizons)
    spent = {"count": time.perf_counter() - started}, time.process_time() - cpu
    _keep_counts(folder / "pandas", counts)
    return spent


KEYS = {
    "totals": ("pipeline", "stage", "exit"),
    "stays": ("pipeline", "stage", "age", "exit"),
    "flows": ("pipeline", "stage", "comes", "door", "month"),
    "shares": ("pipeline", "stage"),
}
COUNTED = {
    "totals": ("n", "total", "first_visits"),
    "stays": ("n",),
    "flows": ("n", "total"),
    "shares": ("advance", "returned", "lost"),
}


def _keep_counts(folder: Path, counts: Mapping[str, pd.DataFrame]) -> None:
    """Write counts down in one order."""
    folder.mkdir(exist_ok=True)
    for name, frame in counts.items():
        kept = frame[[*KEYS[name], *COUNTED[name]]].astype("float64")
        kept = kept.sort_values(list(KEYS[name]), ignore_index=True)
        kept.to_parquet(folder / f"{name}.parquet")


def unequal(folder: Path) -> list[str]:
    """Name the counts in which leakkit and pandas differ; shares may by their last digits."""
    import pandas as pd  # noqa: PLC0415 - as above

    found = []
    for name in KEYS:
        files = (folder / route / f"{name}.parquet" for route in ("leakkit", "pandas"))
        one, other = map(pd.read_parquet, files)
        exact = name != "shares"
        try:
            pd.testing.assert_frame_equal(one, other, check_exact=exact, rtol=0, atol=1e-9)
        except AssertionError as error:
            found.append(f"{name}: {str(error).splitlines()[0]}")
        if one.empty:
            found.append(f"{name}: nothing was counted")
    return found


def work(route: str, folder: Path) -> Measured:
    """Take one route in this process."""
    import pandas as pd  # noqa: F401, PLC0415 - all routes need it; counted in none

    routes = {"floor": run_floor, "leakkit": run_leakkit, "pandas": run_pandas}
    steps, cpu = routes[route](folder)
    return Measured(steps, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


# ---------------------------------------------------------------- all processes


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
            for route in _turn(run):
                line = fresh("--route", route, "--folder", str(folder / str(size)))
                measured = Measured(**json.loads(line))
                print(f"{size:>9,} {route:<8} {measured.seconds:7.2f} s {measured.peak_kb:>9,} KB")
                yield size, route, measured


def _turn(run: int) -> tuple[str, ...]:
    """Change who follows whom; pandas needs the horizons that leakkit has learnt."""
    return ROUTES if run % 2 == 0 else ("leakkit", "pandas", "floor")


@dataclass(frozen=True)
class Result:
    """All measurements, by size and route, in the order of the rounds."""

    by_route: Mapping[tuple[int, str], Sequence[Measured]]
    sizes: Sequence[int]

    def seconds(self, size: int, route: str) -> float:
        """Return the median of the seconds."""
        return statistics.median(one.seconds for one in self.by_route[size, route])

    def step(self, size: int, step: str) -> float:
        """Return the median of one step of leakkit."""
        return statistics.median(one.steps[step] for one in self.by_route[size, "leakkit"])

    def peak_kb(self, size: int, route: str) -> int:
        """Return the largest memory of all rounds."""
        return max(one.peak_kb for one in self.by_route[size, route])

    def times(self, size: int, route: str, part: str = "seconds") -> list[float]:
        """Return how many times the floor of the same round a route took, in rising order."""
        pairs = zip(self.by_route[size, route], self.by_route[size, "floor"], strict=True)
        return sorted(getattr(one, part) / getattr(floor, part) for one, floor in pairs)

    def growth(self, size: int, larger: int, route: str) -> float:
        """Return the exponent b of seconds ~ opportunities^b between two sizes."""
        ratio = self.seconds(larger, route) / self.seconds(size, route)
        return math.log(ratio) / math.log(larger / size)

    @property
    def meets_targets(self) -> bool:
        """Say whether the largest size stays within four floors and 2 GB."""
        size = self.sizes[-1]
        times = statistics.median(self.times(size, "leakkit"))
        return times <= MOST_TIMES_FLOOR and self.peak_kb(size, "leakkit") <= MOST_KB


def report(result: Result) -> str:
    """Write the tables down as Markdown."""
    parts = [
        "Times the floor, by clock and by processor time: median of the rounds (all of them):",
        _ratio_table(result),
        "The largest memory of any round, in MB:",
        _memory_table(result),
        "Growth: the exponent b of seconds ~ opportunities^b; 1 is proportional:",
        _growth_table(result),
        "Seconds as seen, medians; they depend on the machine:",
        _seconds_table(result),
    ]
    return "\n\n".join(parts)


def _ratio_table(result: Result) -> str:
    """Tabulate the ratios to the floor."""
    rows = []
    for size in result.sizes:
        cells = [f"{size:,}"]
        for route in ("leakkit", "pandas"):
            cells += [_spread(result.times(size, route)), _spread(result.times(size, route, "cpu"))]
        rows.append(cells)
    return _table(["opportunities", "leakkit", "its processor", "pandas", "its processor"], rows)


def _spread(values: Sequence[float]) -> str:
    """Write a median and its range."""
    return f"{statistics.median(values):.1f} ({values[0]:.1f} to {values[-1]:.1f})"


def _memory_table(result: Result) -> str:
    """Tabulate the peaks."""
    rows = [
        [f"{size:,}", *(f"{result.peak_kb(size, route) / 1000:,.0f}" for route in ROUTES)]
        for size in result.sizes
    ]
    return _table(["opportunities", *ROUTES], rows)


def _growth_table(result: Result) -> str:
    """Tabulate the exponents between neighbouring sizes."""
    rows = [
        [f"{a:,} to {b:,}", *(f"{result.growth(a, b, route):.2f}" for route in ROUTES)]
        for a, b in zip(result.sizes, result.sizes[1:], strict=False)
    ]
    return _table(["opportunities", *ROUTES], rows)


def _seconds_table(result: Result) -> str:
    """Tabulate the seconds of every step."""
    rows = [
        [
            f"{size:,}",
            *(f"{result.step(size, step):.2f}" for step in STEPS),
            *(f"{result.seconds(size, route):.2f}" for route in ("leakkit", "floor", "pandas")),
        ]
        for size in result.sizes
    ]
    return _table(["opportunities", *STEPS, "leakkit", "floor", "pandas"], rows)


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table as Markdown, numbers to the right."""
    lines = [heading, ["---:"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(result: Result, runs: int) -> str:
    """Return the first section of docs/benchmarks.md."""
    verdict = "met" if result.meets_targets else "missed"
    return f"""# How fast, and how large

    make bench                              # measures and prints
    python -m benchmarks.river --write      # and writes the first section of this page,
    python -m benchmarks.explore --write    # the one on exploring,
    python -m benchmarks.batch --write      # and the one on the batch

`leakkit.sample` simulates an export (about 4.6 history rows per opportunity, ids as texts),
which is written once as Parquet. Three routes read the same files, each in a fresh process,
{runs} rounds, in turns:

- **leakkit**: `load` (read, resolve, passages, account of every row) and `analyze` of all
  pipelines (count, estimate), in memory.
- **floor**: read the files, sort by opportunity and moment, one `lead`, one join with the
  opportunities, one `GROUP BY`, with the same DuckDB settings. The SQL stands in
  `benchmarks/river.py`. It answers nothing; nothing that answers can be much faster.
- **pandas**: stages, exits, stays by age of first visits, Aalen-Johansen at the horizon and the
  flows by month, in `benchmarks/pandas_route.py`. It settles no odd deal, keeps no account of
  the rows, and has no bootstrap. Its counts must equal leakkit's, or the
  benchmark fails.

Target at {result.sizes[-1]:,} opportunities: at most {MOST_TIMES_FLOOR:g} times the floor and at
most {MOST_KB / 1e6:g} GB of memory. In the run below it is {verdict}.

{report(result)}

Ratios compare routes of the same round. Memory is `ru_maxrss` of the whole process, Python
included. Other work on the machine lengthens what uses several processors more than what uses one:
the ratios of processor time are the steadier ones.
"""


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
        print(json.dumps(asdict(work(asked.route, asked.folder))))
        return 0
    with tempfile.TemporaryDirectory(prefix="leakkit-bench-") as folder:
        result, faults = measure(asked.sizes, asked.runs, Path(folder))
    print(f"\n{report(result)}\n", *faults, sep="\n")
    if asked.write and not faults:
        document.put(page(result, asked.runs))
    print("Targets met." if result.meets_targets else "Targets missed.")
    return int(bool(faults) or not result.meets_targets)


if __name__ == "__main__":
    sys.exit(main())
