"""What a command costs before it counts much: processor seconds beside the bare imports.

    python -m benchmarks.fixed            # measure, and print
    python -m benchmarks.fixed --write    # and write the section into docs/benchmarks.md

The sample, 12,000 opportunities as CSV. Each measurement is a process of its own, in turns:
the imports that leakkit rests on, `leakkit check`, and an analysis with its findings. Of the
last, what the first and the second in one process take by themselves is kept as well.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import document
from benchmarks.document import Target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[1]
RUNS = 5
BARE = "import duckdb, pandas, numpy"
CHECK = (
    "import sys; sys.argv = ['leakkit', 'check', {folder!r}]; from leakkit.cli import main; main()"
)
ANALYZE = """
import time
from leakkit.analysis import analyze
from leakkit.sources import load
store = load({folder!r})
took = [time.process_time()]
for _ in range(2):
    analyze(store)
    store.designs.clear()
    took.append(time.process_time())
print("seconds", took[1] - took[0], took[2] - took[1])
"""
WANTED = {"check": 4.0, "analyze": 3.0}
"""At most so many times the bare imports."""

Found = dict[str, list[float]]
"""Processor seconds of each round: bare, check, analyze (the first one) and again."""


def measure_code(code: str) -> tuple[float, str]:
    """Run code in a process of its own; return its processor seconds and what it prints."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def measure(folder: Path, runs: int) -> Found:
    """Measure everything in turns, after one round that nobody counts."""
    found: Found = defaultdict(list)
    for run in range(runs + 1):
        bare, _ = measure_code(BARE)
        checked, _ = measure_code(CHECK.format(folder=str(folder)))
        _, said = measure_code(ANALYZE.format(folder=str(folder)))
        first, again = map(float, said.split()[-2:])
        for name, seconds in zip(
            ("bare", "check", "analyze", "again"), (bare, checked, first, again), strict=True
        ):
            if run:
                found[name].append(seconds)
    return dict(found)


def times(found: Mapping[str, Sequence[float]], name: str) -> list[float]:
    """Return how many times the bare imports of its round each one took, sorted."""
    return sorted(one / bare for one, bare in zip(found[name], found["bare"], strict=True))


TITLES = {
    "check": "`leakkit check`, the whole process",
    "analyze": "`analyze` in a process that has loaded, the first time",
    "again": "`analyze`, again",
}


def find_targets(found: Mapping[str, Sequence[float]]) -> list[Target]:
    """Hold what is wanted against what was measured."""
    targets = []
    for name, most in WANTED.items():
        each = times(found, name)
        met = statistics.median(each) <= most
        targets.append(Target(TITLES[name], f"at most {most:g}", document.spread(each), met))
    return targets


def section(found: Mapping[str, Sequence[float]], opportunities: int) -> str:
    """Return the section of docs/benchmarks.md."""
    rows = [
        [title, f"{statistics.median(found[name]):.2f}", document.spread(times(found, name))]
        for name, title in {"bare": f"`{BARE}`", **TITLES}.items()
    ]
    said = f"""Processor seconds of what a command costs before it counts much, in times the bare
`{BARE}`: {opportunities:,} opportunities of `leakkit.sample` as CSV,
rounds in turns: {len(found["bare"])}."""
    return document.compose(
        "Fixed costs",
        "python -m benchmarks.fixed --write",
        said,
        find_targets(found),
        document.table(["", "processor seconds", "times the bare imports"], rows),
    )


def main(given: Sequence[str] | None = None) -> int:
    """Run from the command line; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--opportunities", type=int, default=12_000)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args(given)
    from leakkit import sample  # noqa: PLC0415 - the parent must stay small

    with tempfile.TemporaryDirectory(prefix="leakkit-fixed-") as scratch:
        sample.write(scratch, asked.opportunities)
        found = measure(Path(scratch), asked.runs)
    text = section(found, asked.opportunities)
    print(text)
    if asked.write:
        document.put(text)
    return int(not all(target.met for target in find_targets(found)))


if __name__ == "__main__":
    sys.exit(main())
