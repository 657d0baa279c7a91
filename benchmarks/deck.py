"""What a deck costs above its analysis, and what a night costs on which nothing changed.

    python -m benchmarks.deck                   # 5 rounds in turns
    python -m benchmarks.deck --write           # and write its section of docs/benchmarks.md

Processor seconds of whole processes. The sample has four pipelines.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks import document
from benchmarks.batch import measure_command
from benchmarks.document import Target

MOST_ABOVE = 4.0
"""Processor seconds that a deck of four pipelines may take above the analysis."""
MOST_TIMES = 3.0
"""An unchanged night against `python -c "import duckdb"`."""


@dataclass(frozen=True)
class Round:
    """Processor seconds of four commands, one after another."""

    analysis: float
    deck: float
    bare: float
    night: float


def measure(rounds: int) -> list[Round]:
    """Run every command in turns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, out = str(folder / "sample"), str(folder / "out")
        report = ["-m", "leakkit", "report", source, "--out", out, "--quiet"]
        subprocess.run([sys.executable, "-m", "leakkit", "sample", source], check=True)
        subprocess.run([sys.executable, *report], check=True)
        analysis = f"import leakkit; leakkit.analyze(leakkit.load({source!r}))"
        deck = ["-m", "leakkit", "deck", source, "--out", str(folder / "deck.pptx")]
        commands = (["-c", analysis], deck, ["-c", "import duckdb"], report)
        return [
            Round(*(measure_command([sys.executable, *command]).cpu for command in commands))
            for _ in range(rounds)
        ]


def main() -> int:
    """Measure, and print; 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deck", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write into docs/benchmarks.md")
    asked = parser.parse_args()
    found = measure(asked.rounds)
    above = statistics.median(one.deck - one.analysis for one in found)
    times = statistics.median(one.night / one.bare for one in found)
    targets = [
        Target(
            "a deck of four pipelines above its analysis, processor seconds",
            f"at most {MOST_ABOVE:g}",
            document.spread([one.deck - one.analysis for one in found]),
            above <= MOST_ABOVE,
        ),
        Target(
            'an unchanged night, times `python -c "import duckdb"`',
            f"at most {MOST_TIMES:g}",
            document.spread([one.night / one.bare for one in found]),
            times <= MOST_TIMES,
        ),
    ]
    text = document.compose(
        "The deck, and a night on which nothing changed",
        "python -m benchmarks.deck --write",
        f"Processor seconds of whole processes, on the sample; rounds in turns: {len(found)}.",
        targets,
    )
    print(text)
    if asked.write:
        document.put(text)
    return int(above > MOST_ABOVE or times > MOST_TIMES)


if __name__ == "__main__":
    sys.exit(main())
