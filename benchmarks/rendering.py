"""Size and time of the pages: `python -m benchmarks.rendering`.

A page has at most 350 KB, and takes at most 1.5 processor seconds more than its numbers.
Exits 1 where one does not hold.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import leakkit
from benchmarks import hard, pages
from leakkit.analysis.spine import find_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from leakkit.analysis import Analysis

MOST_BYTES, MOST_SECONDS, ROUNDS = 350_000, 1.5, 3


def sources() -> dict[str, Analysis]:
    """Return what the pages are made of: the sample, and twelve stages with long names."""
    return {"sample": leakkit.analyze(leakkit.load("sample")), "twelve": hard.twelve_stages()}


def ready(analysis: Analysis) -> Analysis:
    """Return the analysis with every number found, so that only the showing is left."""
    return find_all(analysis)


def measure(make: Callable[[], str]) -> tuple[int, float]:
    """Return the bytes of a page, and the most processor seconds of some rounds."""
    spent, text = [], ""
    for _ in range(ROUNDS):
        started = time.process_time()
        text = make()
        spent.append(time.process_time() - started)
    return len(text.encode()), max(spent)


def main() -> None:
    """Measure all pages."""
    good = True
    print(f"{'source':10}{'page':16}{'KB':>6}{'processor s':>14}")
    for name, analysis in sources().items():
        whole = ready(analysis)
        diagnosis = leakkit.diagnose(whole)
        made = {
            "overview": lambda whole=whole: pages.overview(whole),
            "stage_dropoff": lambda whole=whole: pages.stage_dropoff(whole),
            "root_causes": lambda diagnosis=diagnosis: pages.root_causes(diagnosis),
        }
        for page, make in made.items():
            size, seconds = measure(make)
            good = good and size <= MOST_BYTES and seconds <= MOST_SECONDS
            print(f"{name:10}{page:16}{size / 1000:6.0f}{seconds:14.2f}")
    print(f"At most {MOST_BYTES / 1000:.0f} KB and {MOST_SECONDS} s: {'met' if good else 'missed'}")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
