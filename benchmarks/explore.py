"""How long does an answer take, and does a batch run of the notebook ever hang?

From the change of a control to the new HTML, on the sample and on a larger source; and
stock papermill over the notebook, many times, each with a limit of time.

    python -m benchmarks.explore [--runs 200] [--large FOLDER]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import leakkit
from leakkit.views.explore import CHOICES, Explorer

BOOK = Path(__file__).parents[1] / "notebooks" / "stage_dropoff.ipynb"
LIMIT_SECONDS = 300
MOST_OPTIONS = 4


def answers(explorer: Explorer) -> list[float]:
    """Change every control in turn, and return the seconds of each answer."""
    seconds = []
    for name, control in explorer.controls.items():
        for _, value in list(control.options)[1:MOST_OPTIONS]:
            if control.disabled or value == control.value:
                continue
            before, start = explorer.shown.value, time.perf_counter()
            control.value = value
            seconds.append(time.perf_counter() - start)
            assert explorer.shown.value != before or name != "segment"
    return seconds


def measure(source: str) -> None:
    """Print, per view, the median and the slowest answer."""
    data = leakkit.load(source)
    name = data.rows("SELECT name FROM pipelines ORDER BY pipeline LIMIT 1")[0][0]
    analysis = leakkit.analyze(data, name)
    deals = data.value("SELECT count(*) FROM opportunities")
    print(f"{source}: {deals:,} deals, pipeline {name}")
    for view in CHOICES:
        seconds = answers(leakkit.explore(getattr(leakkit.views, view), analysis))
        middle, most = statistics.median(seconds), max(seconds)
        print(f"  {view:9} {len(seconds):3} answers, median {middle:.3f} s, slowest {most:.3f} s")


def stuck(runs: int) -> int:
    """Run the notebook with stock papermill, and count the runs that do not come to an end."""
    hung = 0
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "papermill", str(BOOK), str(Path(folder) / "out.ipynb")]
        for _ in range(runs):
            try:
                subprocess.run(
                    [*command, "--no-progress-bar"],
                    check=True,
                    capture_output=True,
                    timeout=LIMIT_SECONDS,
                )
            except subprocess.TimeoutExpired:
                hung += 1
    return hung


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--large", default="", help="a folder with a larger source")
    given = parser.parse_args()
    for source in filter(None, ("sample", given.large)):
        measure(source)
    start = time.perf_counter()
    hung = stuck(given.runs)
    each = (time.perf_counter() - start) / max(given.runs, 1)
    print(f"stock papermill: {given.runs} runs, {hung} stuck, {each:.1f} s each")


if __name__ == "__main__":
    main()
