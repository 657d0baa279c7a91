"""Run every simulation and write docs/truth.md: `python -m benchmarks.truth`."""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
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
    nights,
    power,
    reopened,
    repairs,
    segments,
    shifts,
    truncation,
    windows,
    wins,
)
from benchmarks.truth.page import page

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.truth.record import Record

TARGET = Path(__file__).parents[2] / "docs" / "truth.md"
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
)


def timed(number: int) -> tuple[Record, float]:
    """Run one row, and say how many seconds it took."""
    begin = time.perf_counter()
    return ROWS[number](), time.perf_counter() - begin


def main() -> int:
    """Simulate, one row per processor, print progress, write the page; 1 where a row fails."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        # a year of weeks takes longest, and must not be left alone at the end
        first = sorted(range(len(ROWS)), key=lambda number: ROWS[number] is not ages.ages_stay)
        begun = {number: pool.submit(timed, number) for number in first}
        runs = [begun[number] for number in range(len(ROWS))]
        for number, run in enumerate(runs, 1):
            record, seconds = run.result()
            verdict = "holds" if record.holds else "DOES NOT HOLD"
            print(f"{number}/{len(ROWS)} {record.row}: {verdict} ({seconds:.0f} s)", flush=True)
            print(f"    wanted: {record.wanted}\n    found:  {record.found}", flush=True)
        records = [run.result()[0] for run in runs]
    TARGET.write_text(page(records), encoding="utf-8", newline="\n")
    print(f"Written: {TARGET.relative_to(TARGET.parents[1])}")
    return 0 if all(record.holds for record in records) else 1


if __name__ == "__main__":
    sys.exit(main())
