"""Which days are compared, and whether a history is whole."""

from __future__ import annotations

import numpy as np
import pytest

from leakkit.measures.age_counts import StayCounts
from leakkit.measures.horizons import (
    Days,
    Windows,
    choose_windows,
    expected_closes_before,
    is_truncated,
)
from tests.measuring import approx

CURRENT, BASELINE = 90, 270


def entries(*days_and_counts: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    days, counts = zip(*days_and_counts, strict=True)
    return np.array(days), np.array(counts)


EVEN = entries(*((day, 1) for day in range(1000)))


@pytest.mark.parametrize(
    ("start", "baseline", "current"),
    [
        (0, (640, 910), (910, 1000)),  # long enough for both
        (700, (700, 910), (910, 1000)),  # what is left of it
        (865, (865, 910), (910, 1000)),  # 45 days: just half of 90
        (866, (866, 955), (955, 1000)),  # 44: the current days are halved
        (927, (927, 955), (955, 1000)),  # 28 days, of 45: just enough
        (928, None, (928, 1000)),  # 27: no baseline
        (990, None, (990, 1000)),
    ],
)
def test_shorter_histories(start: int, baseline: Days | None, current: Days) -> None:
    assert choose_windows(start, 1000, EVEN, CURRENT, BASELINE) == (baseline, current)


def test_a_baseline_needs_twenty_entries() -> None:
    enough = entries((700, 19), (909, 1), (910, 500))
    few = entries((700, 18), (909, 1), (910, 500))  # the entry on day 910 is in the current days
    assert choose_windows(0, 1000, enough, CURRENT, BASELINE)[0] == (640, 910)
    assert choose_windows(0, 1000, few, CURRENT, BASELINE) == ((685, 955), (955, 1000))
    late = entries((700, 18), (909, 1), (960, 500))
    assert choose_windows(0, 1000, late, CURRENT, BASELINE) == (None, (910, 1000))
    early = entries((639, 500), (909, 19))  # entered before the baseline begins
    assert choose_windows(0, 1000, early, CURRENT, BASELINE)[0] is None


def test_nobody_entered() -> None:
    nobody = (np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert choose_windows(0, 1000, nobody, CURRENT, BASELINE) == (None, (910, 1000))


def test_short_current_days_still_need_28_before() -> None:
    assert choose_windows(962, 1000, EVEN, 10, BASELINE) == ((962, 990), (990, 1000))
    assert choose_windows(963, 1000, EVEN, 10, BASELINE) == ((963, 995), (995, 1000))
    assert choose_windows(968, 1000, EVEN, 10, BASELINE) == (None, (990, 1000))
    assert choose_windows(0, 1000, EVEN, 10, 27) == (None, (990, 1000))


def test_curves_begin_with_the_history() -> None:
    whole = Windows(100, 500, None, "", None, (410, 500))
    assert whole.start_day == 100
    assert Windows(100, 500, 200, "declared", None, (410, 500)).start_day == 200


# -------------------------------------------------------------------- is the history whole?


def stage(
    arrivals: dict[int, int], left: dict[int, int], still: dict[int, int] | None = None
) -> StayCounts:
    """Count arrivals at risk, exits and open passages by age."""

    def ages(counts: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
        return np.array(list(counts), np.int64), np.array(list(counts.values()), np.int64)

    return StayCounts(ages(arrivals), {"lost": ages(left), "open": ages(still or {})})


def test_closes_that_should_have_been() -> None:
    """Half close on day 2: of those who came 2 days before the first close, nobody yet."""
    halves = stage({0: 40, 2: 6, 3: 12, 9: 8}, {2: 23, 9: 40}, {10: 3})
    passages, exits = expected_closes_before(halves)
    assert passages == 26
    assert exits == approx(0.0 * 6 + 0.5 * 12 + 0.5 * 8, 0.8)
    moved_on = StayCounts(halves.arrivals, {"next": halves.departures["lost"]})
    assert expected_closes_before(moved_on) == (26, 0.0)  # moves are no closes
    nobody_old = stage({0: 40}, {2: 40})
    assert expected_closes_before(nobody_old) == (0, 0)


@pytest.mark.parametrize(
    ("old", "leave", "truncated"), [(20, 10, True), (19, 10, False), (20, 9, False), (40, 5, True)]
)
def test_a_history_is_cut_with_twenty_passages_and_ten_closes(
    old: int, leave: int, *, truncated: bool
) -> None:
    """Of 20 who come later `leave` go on day 1; those who are 5 days old should have gone so."""
    new = stage({0: 20, 5: old}, {1: leave}, {3: 20 - leave, 6: old})
    assert expected_closes_before(new) == (old, approx(old * leave / 20))
    assert is_truncated([new]) == truncated
    halves = [
        stage({0: 20, 5: part}, {1: leave}, {3: 20 - leave, 6: part})
        for part in (old // 2, old - old // 2)
    ]
    assert is_truncated(halves) == truncated  # the stages are taken together
