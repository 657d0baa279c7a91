"""Size and time of the pages.

    python -m benchmarks.rendering            # measure, and print
    python -m benchmarks.rendering --write    # and write its section of docs/benchmarks.md

A page has at most 350 KB, and takes at most 1.5 processor seconds more than its numbers.
Exits 1 where one does not hold.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

import leakkit
from benchmarks import document, hard, pages
from benchmarks.document import Target
from leakkit.analysis.spine import find_all

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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


def measure_pages() -> dict[tuple[str, str], tuple[int, float]]:
    """Measure all pages, by source and page."""
    found = {}
    for name, analysis in sources().items():
        whole = ready(analysis)
        diagnosis = leakkit.diagnose(whole)
        made = {
            "overview": lambda whole=whole: pages.overview(whole),
            "stage_dropoff": lambda whole=whole: pages.stage_dropoff(whole),
            "root_causes": lambda diagnosis=diagnosis: pages.root_causes(diagnosis),
        }
        for page, make in made.items():
            found[name, page] = measure(make)
    return found


def section(found: Mapping[tuple[str, str], tuple[int, float]]) -> str:
    """Return the section of docs/benchmarks.md."""
    large = max(size for size, _ in found.values())
    slow = max(seconds for _, seconds in found.values())
    rows = [
        [name, page, f"{size / 1000:.0f}", f"{seconds:.2f}"]
        for (name, page), (size, seconds) in found.items()
    ]
    most = f"at most {MOST_BYTES / 1000:.0f}", f"at most {MOST_SECONDS:g}"
    targets = [
        Target("the largest page, KB", most[0], f"{large / 1000:.0f}", large <= MOST_BYTES),
        Target("the slowest page, processor seconds", most[1], f"{slow:.2f}", slow <= MOST_SECONDS),
    ]
    return document.compose(
        "Pages",
        "python -m benchmarks.rendering --write",
        f"""What a page weighs, and the most processor seconds of {ROUNDS} times that it was made of
numbers that were there: of the sample, and of a pipeline of twelve stages with long names.""",
        targets,
        document.table(["source", "page", "KB", "processor seconds"], rows),
    )


def main() -> int:
    """Measure all pages; 1 where one is too large or too slow."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rendering", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    asked = parser.parse_args()
    found = measure_pages()
    text = section(found)
    print(text)
    if asked.write:
        document.put(text)
    return int(any(size > MOST_BYTES or spent > MOST_SECONDS for size, spent in found.values()))


if __name__ == "__main__":
    sys.exit(main())
