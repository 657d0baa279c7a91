"""How long does the screen for segments take, and is the planted pair its first finding?

    python -m benchmarks.screen             # measure, and print
    python -m benchmarks.screen --write     # and write its section of docs/benchmarks.md

One stage with six columns of eight values each and the deals' values; one pair of segments
loses 10 points more. Seconds are those of the processor, with the counting of all segments and
pairs, and of the adjusted effects of what was found.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import document
from benchmarks.document import Target
from benchmarks.truth.segments import HORIZON, PAIR, six_columns
from benchmarks.truth.stage import DAYS
from leakkit.findings import drivers

if TYPE_CHECKING:
    from leakkit.findings.stage_readings import Design

OPPORTUNITIES, RUNS = 100_000, 5
EFFECT = 0.1
MOST_SECONDS = 1.0
"""Of the processor, for the screen, at the median."""


@dataclass(frozen=True)
class Screened:
    """What the screens of some simulated stages took, and how often the pair came first."""

    opportunities: int
    tested: int
    screens: tuple[float, ...]
    adjusted: tuple[float, ...]
    first: int

    @property
    def met(self) -> bool:
        """Say whether it was fast enough, and always right."""
        return statistics.median(self.screens) < MOST_SECONDS and self.first == len(self.screens)


def measure(opportunities: int, runs: int) -> Screened:
    """Screen some simulated stages."""
    screens, adjusted, first, tested = [], [], 0, 0
    for run in range(runs):
        design = six_columns(np.random.default_rng([100, run]), opportunities, EFFECT)
        start = time.process_time()
        found = drivers.screen(design, (0, DAYS), HORIZON)
        screens.append(time.process_time() - start)
        adjusted.append(_time_adjusting(found, design))
        one = found.drivers[0] if found.drivers else None
        first += one is not None and (one.columns, one.values) == PAIR
        tested = found.tested
    return Screened(opportunities, tested, tuple(screens), tuple(adjusted), first)


def _time_adjusting(found: drivers.Screen, design: Design) -> float:
    """Return what the adjusted effects of a screen take."""
    start = time.process_time()
    drivers.adjust_drivers(found, design)
    return time.process_time() - start


def section(found: Screened) -> str:
    """Return the section of docs/benchmarks.md."""
    runs = len(found.screens)
    rows = [
        [name, f"{statistics.median(times):.2f}", f"{max(times):.2f}"]
        for name, times in (("screen", found.screens), ("adjusted effects", found.adjusted))
    ]
    table = document.table(["step", "processor seconds", "slowest"], rows)
    said = f"""{found.opportunities:,} opportunities in one stage, six columns of eight values and
the deals' values in quintiles: {found.tested:,} segments and pairs are compared. One pair loses
{EFFECT * 100:.0f} points more. Medians of {runs} simulated stages."""
    screen = statistics.median(found.screens)
    targets = [
        Target(
            "the planted pair comes first",
            f"{runs} of {runs}",
            f"{found.first} of {runs}",
            found.first == runs,
        ),
        Target(
            "the screen, processor seconds",
            f"under {MOST_SECONDS:g}",
            f"{screen:.2f}",
            screen < MOST_SECONDS,
        ),
    ]
    command = "python -m benchmarks.screen --write"
    return document.compose("Screening", command, said, targets, table)


def main() -> int:
    """Measure, and print; 1 where it is too slow or does not find the pair."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.screen", description=__doc__)
    parser.add_argument("--opportunities", type=int, default=OPPORTUNITIES)
    parser.add_argument("--runs", type=int, default=RUNS, help="simulated stages")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    asked = parser.parse_args()
    found = measure(asked.opportunities, asked.runs)
    text = section(found)
    print(text)
    if asked.write:
        document.put(text)
    return int(not found.met)


if __name__ == "__main__":
    sys.exit(main())
