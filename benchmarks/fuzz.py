"""Does any file break the reading? Random tables and raw bytes, for a number of minutes.

Every input is read as `leakkit check` reads it, and one in ten is analysed as well. It
must be read or refused with a LeakkitError, lose no row, and have no day that no date of
its rows can mean (tests/fuzzing.py). Prints how many inputs were tried and what became of
them; of a failure the smallest input that shows it, as Python. Exits with 1 after one.

    python -m benchmarks.fuzz [--minutes 10] [--seed 0]
"""

from __future__ import annotations

import argparse
import time
import traceback
import warnings
from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import HypothesisWarning

from tests.fuzzing import Source, judge, raw, reproducer, tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

PER_ROUND = 200
ANALYSED = 10
KINDS = {"tables": tables, "raw bytes": raw}


def rounds(
    strategy: SearchStrategy[Source], number: int, outcomes: Counter[str], end: float
) -> Source | None:
    """Try one round of inputs; return the smallest one that fails, if any does."""
    last: list[Source] = []

    @seed(number)
    @settings(
        max_examples=PER_ROUND, database=None, deadline=None, report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(source=strategy)
    def attempt(source: Source) -> None:
        if time.monotonic() > end:
            return
        last[:] = [source]
        outcomes[judge(source, analysed=sum(outcomes.values()) % ANALYSED == 0)] += 1

    try:
        attempt()
    except Exception:  # noqa: BLE001 - whatever it is, it is a failure
        traceback.print_exc(limit=-3)
        return last[0]
    return None


def run(minutes: float, first_seed: int, say: Callable[[str], None] = print) -> int:
    """Try inputs until the time is over; return how many of the rounds failed."""
    end = time.monotonic() + 60 * minutes
    outcomes: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    number, failed = first_seed, 0
    while time.monotonic() < end:
        for kind, strategy in KINDS.items():
            broken = rounds(strategy(), number, outcomes[kind], end)
            if broken is not None:
                failed += 1
                say(f"FAILED ({kind}, seed {number}). To see it again:\n{reproducer(broken)}\n")
        number += 1
    for kind, counts in outcomes.items():
        total, codes = sum(counts.values()), len(counts.keys() - {"read"})
        say(
            f"{kind}: {total:,} inputs, {counts['read']:,} read, the others refused ({codes} codes)"
        )
        say("  " + ", ".join(f"{code} {n:,}" for code, n in counts.most_common()))
    tried = sum(sum(counts.values()) for counts in outcomes.values())
    say(f"{tried:,} inputs tried in {minutes:g} minutes, seeds {first_seed} to {number - 1}.")
    return failed


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    warnings.simplefilter("ignore", HypothesisWarning)
    raise SystemExit(1 if run(asked.minutes, asked.seed) else 0)


if __name__ == "__main__":
    main()
