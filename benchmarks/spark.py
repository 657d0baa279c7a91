"""Load and analyse where the deals lie, in Spark of this machine, against DuckDB.

    python -m benchmarks.spark            # measure, and print
    python -m benchmarks.spark --write    # and write its section of docs/benchmarks.md

Both routes read the same Parquet files, each in a process of its own, in turns. What they find
must be equal, or the run fails.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped] # ships no types

from benchmarks import document
from benchmarks.document import Target, spread
from benchmarks.river import ROOT, fresh

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leakkit.store import Store

SIZES = (100_000, 1_000_000)
ROUTES = ("duckdb", "spark")
MEMORY = "4g"
TABLES = ("opportunities", "stage_history")


@dataclass(frozen=True)
class Measured:
    """What one process took: seconds, those of processors, MB of Python, and what it found.

    `travelled` of `deals` came from Spark to this process. Java's seconds are among those of
    processors; to start it is in none.
    """

    load: float
    analyze: float
    cpu: float
    peak_mb: int
    deals: int
    travelled: int
    found: str

    @property
    def seconds(self) -> float:
        """Both steps together."""
        return self.load + self.analyze


# ---------------------------------------------------------------- one process


def work(route: str, folder: Path) -> Measured:
    """Load and analyse by one route."""
    import leakkit  # noqa: PLC0415 - the parent must stay small
    from leakkit.findings import to_records  # noqa: PLC0415 - as above

    source = open_tables(folder) if route == "spark" else folder
    started, spent = time.perf_counter(), cpu_seconds()
    with leakkit.load(source, folder / "leakkit.toml") as store:
        loaded = time.perf_counter()
        analysis = leakkit.analyze(store)
        found = json.dumps([to_records(analysis.all_findings), len(store)], sort_keys=True)
        ended, cpu = time.perf_counter(), cpu_seconds()
        return Measured(
            loaded - started,
            ended - loaded,
            cpu - spent,
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            len(store),
            count_travelled(store),
            hashlib.sha256(found.encode()).hexdigest(),
        )


def open_tables(folder: Path) -> Mapping[str, Any]:
    """Begin a session of Spark, and return the files as its frames."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - of the extra `spark`

    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": MEMORY,
        # as many parts as a machine of few processors has use for
        "spark.sql.shuffle.partitions": "8",
        # moments without a zone, as DuckDB reads them
        "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
        "spark.local.dir": str(folder),
    }
    builder = SparkSession.builder.master("local[*]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    return {name: session.read.parquet(str(folder / f"{name}.parquet")) for name in TABLES}


def cpu_seconds() -> float:
    """Return the processor seconds of this process and of all that it started."""
    me = psutil.Process()
    return float(sum(sum(one.cpu_times()[:2]) for one in (me, *me.children(recursive=True))))


def count_travelled(store: Store) -> int:
    """Count the deals that came from Spark; all of another source."""
    from leakkit.store.spark_engine import SparkEngine  # noqa: PLC0415 - as above

    engine = store.engine.here if isinstance(store.engine, SparkEngine) else store.engine
    return int(engine.rows("SELECT count(*) FROM opportunities")[0][0])


# ---------------------------------------------------------------- all processes


def measure(folder: Path, sizes: Sequence[int], runs: int) -> dict[tuple[int, str], list[Measured]]:
    """Measure both routes at every size, in turns."""
    found: dict[tuple[int, str], list[Measured]] = {}
    for size in sizes:
        place = folder / str(size)
        fresh("--make", str(size), "--folder", str(place))
        for run in range(runs):
            for route in ROUTES if run % 2 == 0 else ROUTES[::-1]:
                one = _ask(route, place)
                print(
                    f"{size:>9,} {route:<7} {one.seconds:7.1f} s {one.peak_mb:>6,} MB", flush=True
                )
                found.setdefault((size, route), []).append(one)
    return found


def _ask(route: str, folder: Path) -> Measured:
    """Measure one route in a process of its own."""
    words = ["--route", route, "--folder", str(folder)]
    command = [sys.executable, "-m", "benchmarks.spark", *words]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def report(found: Mapping[tuple[int, str], Sequence[Measured]]) -> str:
    """Say what was measured, as Markdown."""
    rows, sizes = [], list(dict.fromkeys(size for size, _ in found))
    for size in sizes:
        here, there = (found[size, route] for route in ROUTES)
        pairs = list(zip(here, there, strict=True))
        last = there[-1]
        rows.append(
            [
                f"{size:,}",
                spread([b.load / a.load for a, b in pairs]),
                spread([b.analyze / a.analyze for a, b in pairs]),
                spread([b.seconds / a.seconds for a, b in pairs]),
                spread([b.cpu / a.cpu for a, b in pairs]),
                spread([one.seconds for one in there], 0),
                f"{max(one.peak_mb for one in here):,}",
                f"{max(one.peak_mb for one in there):,}",
                f"{last.travelled:,} ({last.travelled / last.deals:.1%})",
            ]
        )
    heading = ["deals", "load", "analyze", "both", "processor", "seconds"]
    return document.table([*heading, "MB of DuckDB", "MB of the driver", "travelled"], rows)


def find_targets(found: Mapping[tuple[int, str], Sequence[Measured]]) -> list[Target]:
    """Hold the memory of the driver against that of DuckDB, which holds all deals.

    Of few deals so many travel that the driver holds as much.
    """
    size = max(size for size, _ in found)
    if size < SIZES[-1]:
        return []
    here, there = (max(one.peak_mb for one in found[size, route]) for route in ROUTES)
    what, wanted = f"{size:,}: memory of the driver, MB", f"at most {here:,}, as DuckDB"
    return [Target(what, wanted, f"{there:,}", there <= here)]


SAID = """The same Parquet files through Spark of this machine (`local[*]`, {memory}) and through
DuckDB, `load` and `analyze`; rounds in turns: {runs}. What both find is equal, or the benchmark
fails. Below: times DuckDB, by the clock and by processor time (Java's included); seconds of Spark
by the clock; memory of the Python processes; and how many deals travelled."""
MEANT = """One machine has no use for Spark: what it shows is that the driver holds what travelled,
and not the deals."""


def section(found: Mapping[tuple[int, str], Sequence[Measured]], runs: int) -> str:
    """Return the section of docs/benchmarks.md."""
    said = SAID.format(memory=MEMORY, runs=runs)
    return document.compose(
        "Spark on one machine",
        "python -m benchmarks.spark --write",
        said,
        find_targets(found),
        report(found),
        MEANT,
    )


def unequal(found: Mapping[tuple[int, str], Sequence[Measured]]) -> list[str]:
    """Name the sizes at which both routes did not find the same."""
    sizes = dict.fromkeys(size for size, _ in found)
    told = {size: {one.found for route in ROUTES for one in found[size, route]} for size in sizes}
    return [f"{size:,}: the routes find different things" for size in sizes if len(told[size]) > 1]


def main(given: Sequence[str] | None = None) -> int:
    """Measure, print, write the page if asked to; 1 where routes differ or too much is held."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spark", description=__doc__)
    sizes = [int(size) for size in SIZES]
    parser.add_argument(
        "--sizes", type=lambda text: [int(n) for n in text.split(",")], default=sizes
    )
    parser.add_argument("--runs", type=int, default=1, help="rounds")
    parser.add_argument("--write", action="store_true", help="write the section of the page")
    inner = parser.add_argument_group("used by itself, for its processes")
    inner.add_argument("--route", choices=ROUTES)
    inner.add_argument("--folder", type=Path)
    asked = parser.parse_args(given)
    if asked.route:
        print(json.dumps(asdict(work(asked.route, asked.folder))))
        return 0
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        print("There is no Java, so Spark is not measured.")
        return 0
    with tempfile.TemporaryDirectory(prefix="leakkit-bench-") as folder:
        found = measure(Path(folder), asked.sizes, asked.runs)
    faults = unequal(found)
    text = section(found, asked.runs)
    print(f"\n{text}", *faults, sep="\n")
    if asked.write and not faults:
        document.put(text)
    return int(bool(faults) or not all(target.met for target in find_targets(found)))


if __name__ == "__main__":
    sys.exit(main())
