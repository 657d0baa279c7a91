"""Run simulations and write docs/truth.md: all, or `python -m benchmarks.truth ROW ...`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

# before leakkit opens a database: small sources are counted fastest by one thread
os.environ.setdefault("LEAKKIT_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from benchmarks.truth import (
    ages,
    causes,
    costs,
    coverage,
    endings,
    exports,
    interventions,
    lateness,
    nights,
    power,
    reopened,
    repairs,
    segments,
    shifts,
    sides,
    truncation,
    windows,
    wins,
)
from benchmarks.truth.page import page
from benchmarks.truth.record import keep, read_last

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.truth.record import Record

TARGET = Path(__file__).parents[2] / "docs" / "truth.md"
RECORDS = Path(__file__).with_name("records.json")
"""What was measured last, by row."""
ROWS: tuple[Callable[..., Record], ...] = (
    windows.windows_add_up,
    windows.short_stage_is_known,
    coverage.interval_covers,
    truncation.history_start_is_found,
    truncation.whole_history_is_left_alone,
    reopened.reopened_losses_balance,
    ages.slow_quarter_moves_no_age,
    wins.chance_to_win_is_unbiased,
    ages.ages_stay,
    nights.size_is_kept,
    nights.wobbling_months,
    nights.a_year_of_nights,
    nights.slow_quarter,
    costs.equal_ones,
    costs.half_of_the_losses,
    repairs.going_back,
    endings.won_in_the_end,
    endings.late_deals_win_as_said,
    causes.planted_causes_are_found,
    causes.reasons_do_not_tell,
    segments.planted_pair_is_first,
    segments.mix_is_no_rate_leak,
    shifts.owner_mix_is_no_rate,
    shifts.leaking_segment_is_named,
    shifts.halved_loss_is_better,
    shifts.season_is_no_alarm,
    shifts.everybody_slower,
    power.changes_are_found,
    exports.selected_exports_are_recognised,
    exports.renamed_stage_is_named,
    lateness.late_losses_are_measured,
    interventions.interventions_are_judged,
    sides.sides_are_compared,
)


def name_of(row: Callable[..., Record]) -> str:
    """Return the name of a row: its module and function.

    >>> name_of(windows.windows_add_up)
    'windows.windows_add_up'
    """
    return f"{row.__module__.rpartition('.')[2]}.{row.__name__}"


def run_row(number: int, runs: int | None = None) -> tuple[Record, float]:
    """Run one row, with its own number of runs by default; say how many seconds it took."""
    begin = time.perf_counter()
    record = ROWS[number]() if runs is None else ROWS[number](runs=runs)
    return record, time.perf_counter() - begin


def read_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; an unknown row is an error that names all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="all rows by default")
    parser.add_argument("--runs", type=int, help="fewer runs than a row has by itself")
    found = parser.parse_args(arguments)
    names = [name_of(row) for row in ROWS]
    for one in found.rows:
        if one not in names:
            parser.error(f"no row {one}; the rows are {', '.join(names)}")
    return found


def main() -> int:
    """Simulate, one row per processor, print progress, write the page; 1 where a row fails.

    Rows that were not asked for stay as they were measured last.
    """
    wanted, names = read_arguments(), [name_of(row) for row in ROWS]
    numbers = [n for n, name in enumerate(names) if not wanted.rows or name in wanted.rows]
    # a year of weeks takes longest, and must not be left alone at the end
    numbers.sort(key=lambda number: ROWS[number] is not ages.ages_stay)
    fine = True
    with ProcessPoolExecutor(min(os.cpu_count() or 1, len(numbers))) as pool:
        begun = {pool.submit(run_row, number, wanted.runs): number for number in numbers}
        for run in as_completed(begun):
            record, seconds = run.result()
            verdict = "holds" if record.holds else "DOES NOT HOLD"
            print(f"{names[begun[run]]}: {verdict} ({seconds:.0f} s)", flush=True)
            print(f"    wanted: {record.wanted}\n    found:  {record.found}", flush=True)
            fine = fine and record.holds
            keep(RECORDS, names[begun[run]], record)
    TARGET.write_text(page(read_last(RECORDS), names), encoding="utf-8", newline="\n")
    print(f"Written: {TARGET.relative_to(TARGET.parents[1])}")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
