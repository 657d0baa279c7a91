"""Whole numbers that close, and a check that says so when they do not."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from leakkit.errors import LeakkitError
from leakkit.measures.balance import (
    ENTRY_TERMS,
    EXIT_TERMS,
    Flows,
    Pipe,
    check_balance,
    collect_flows,
    collect_pipe,
    period_balances,
    pipeline_balance,
    stage_balances,
    with_overdue,
)

HUGE = 9_007_199_254_740_993  # the first whole number that a float cannot hold
ENTRY = {name: number for number, name in enumerate(ENTRY_TERMS)}
EXIT = {name: number for number, name in enumerate(EXIT_TERMS)}
Flow = tuple[int, int, int, int, int]  # stage, comes, door, period, n


def entry(stage: int, door: str, period: int, n: int) -> Flow:
    return stage, 1, ENTRY[door], period, n


def exit_(stage: int, door: str, period: int, n: int) -> Flow:
    return stage, 0, EXIT[door], period if door != "open" else -1, n


ROWS = [
    entry(0, "new", 0, 10), exit_(0, "next", 0, 5), exit_(0, "lost", 1, 2),
    exit_(0, "jumped", 1, 1), exit_(0, "open", 1, 4),
    entry(0, "returned_in", 2, 1), entry(0, "reopened", 2, 1),
    entry(1, "from_previous", 0, 5), exit_(1, "next", 1, 3), exit_(1, "returned", 2, 1),
    exit_(1, "moved", 2, 1),
    entry(2, "from_previous", 1, 3), entry(2, "jumped_in", 1, 1), exit_(2, "won_here", 2, 3),
    exit_(2, "open", 2, 1),
]  # fmt: skip


def flows(rows: list[Flow]) -> Flows:
    frame = pd.DataFrame(rows, columns=["stage", "comes", "door", "period", "n"])
    return collect_flows(frame, stages=3, periods=3, column="n")


def test_the_whole_history_and_its_months() -> None:
    counted = flows(ROWS)
    check_balance("all", counted)
    first, second, third = stage_balances(counted)
    assert (first.opening, first.new, first.next, first.lost, first.closing) == (0, 10, 5, 2, 4)
    assert (second.from_previous, second.returned, second.moved, second.closing) == (5, 1, 1, 0)
    assert (third.jumped_in, third.won_here, third.closing) == (1, 3, 1)
    whole = pipeline_balance((first, second, third))
    assert (whole.new, whole.reopened, whole.won, whole.lost, whole.moved) == (10, 1, 3, 2, 1)
    assert (whole.opening, whole.closing, whole.residual) == (0, 5, 0)
    months = [pipeline_balance(stage_balances(counted, m, m + 1)) for m in range(3)]
    assert period_balances(counted) == months
    assert [month.closing for month in months] == [10, 8, 5]
    assert all(month.residual == 0 for month in months)
    assert all(this.closing == following.opening for this, following in pairwise(months))
    assert with_overdue(whole, 2).in_time == 3


@pytest.mark.parametrize("place", range(len(ROWS)))
@pytest.mark.parametrize("by", [1, -1])
def test_a_doctored_count_is_found(place: int, by: int) -> None:
    """Whatever single count is wrong by one: the run fails."""
    stage, comes, door, period, n = ROWS[place]
    rows = [*ROWS[:place], (stage, comes, door, period, n + by), *ROWS[place + 1 :]]
    with pytest.raises(LeakkitError, match="does not close") as caught:
        check_balance("Equipment", flows(rows))
    assert caught.value.code == "balance"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (exit_(1, "next", 1, 3), exit_(0, "next", 1, 3)),  # from another stage
        (exit_(1, "next", 1, 3), exit_(1, "jumped", 1, 3)),  # by another door
        (exit_(0, "jumped", 1, 1), exit_(0, "jumped", 2, 1)),  # in another month
        (entry(0, "new", 0, 10), entry(0, "new", 2, 10)),  # left before they came
    ],
)
def test_a_count_in_a_wrong_place_is_found(old: Flow, new: Flow) -> None:
    rows = [new if row == old else row for row in ROWS]
    assert rows != ROWS
    with pytest.raises(LeakkitError, match="does not close"):
        check_balance("Equipment", flows(rows))


def test_a_step_from_a_wrong_stage_is_found() -> None:
    """Totals and stocks are right, but one deal is said to have come from the stage before."""
    wrong = {
        exit_(0, "next", 0, 5): exit_(0, "next", 0, 6),
        exit_(0, "open", 1, 4): exit_(0, "open", 1, 3),
        exit_(1, "next", 1, 3): exit_(1, "next", 1, 2),
        entry(1, "from_previous", 0, 5): entry(1, "from_previous", 0, 5),
        entry(2, "from_previous", 1, 3): entry(2, "from_previous", 1, 2),
        exit_(2, "open", 2, 1): exit_(2, "open", 2, 0),
    }
    rows = [wrong.get(row, row) for row in ROWS]
    rows += [entry(2, "from_previous", 0, 1), exit_(1, "open", 1, 1), exit_(2, "open", 1, 1)]
    with pytest.raises(LeakkitError, match="does not close"):
        check_balance("Equipment", flows(rows))


def test_money_beyond_what_floats_hold_still_closes() -> None:
    rows = [entry(0, "new", 0, HUGE), exit_(0, "next", 1, HUGE), entry(1, "from_previous", 1, HUGE),
            exit_(1, "open", 1, HUGE)]  # fmt: skip
    counted = flows(rows)
    check_balance("Rial", counted)
    assert pipeline_balance(stage_balances(counted)).new == HUGE


# -------------------------------------------------------------------- the pipe

DEALS = [  # furthest, last stage, exit, overdue, mature, n
    (2, 2, "won_here", 0, 1, 5),
    (0, 0, "won_here", 0, 1, 1),  # won early: through the whole pipe
    (1, 1, "lost", 0, 1, 4),
    (2, 0, "lost", 0, 1, 3),  # flowed back from the last stage
    (1, 1, "open", 1, 1, 2),
    (2, 1, "open", 1, 1, 1),
    (2, 0, "open", 0, 1, 1),
    (0, 0, "open", 0, 0, 7),  # too young
    (1, 1, "moved", 0, 1, 2),
    (1, 1, "moved", 0, 0, 1),
    (-1, -1, "none", 0, 1, 6),  # without a history
    (-1, -1, "none", 0, 0, 1),
]


def pipe(rows: list[tuple[int, int, str, int, int, int]], mature_days: float | None) -> Pipe:
    columns = ["furthest", "last_stage", "exit", "overdue", "mature", "n"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["exit"] = frame["exit"].map(EXIT | {"none": -1})
    return collect_pipe(frame, ("A", "B", "C"), mature_days, 900, 1000)


def test_the_pipe_by_hand() -> None:
    found = pipe(DEALS, 100.0)
    assert found.mature
    assert (found.entered, found.won, found.lost, found.overdue, found.in_time) == (17, 6, 7, 3, 1)
    assert (found.moved_aside, found.without_history_aside) == (2, 6)
    assert found.created_before_day == 900
    first, second, third = found.stages
    assert [stage.width for stage in found.stages] == [17, 17, 11]
    assert (first.lost, first.lost_from_later, first.in_time_from_later) == (0, 3, 1)
    assert (second.lost, second.overdue, second.overdue_from_later) == (4, 2, 1)
    assert (third.back, third.lost) == (5, 0)


def test_widths_differ_by_what_leaves() -> None:
    for found in (pipe(DEALS, 100.0), pipe(DEALS, None)):
        widths = [*(stage.width for stage in found.stages), found.won]
        for stage, (width, following) in zip(found.stages, pairwise(widths), strict=True):
            assert width - following == stage.lost + stage.overdue + stage.in_time + stage.back


def test_without_mature_deals_the_pipe_shows_all() -> None:
    young = [(*row[:4], 0, row[5]) for row in DEALS]
    only_moved = [row if row[2] in ("moved", "none") else (*row[:4], 0, row[5]) for row in DEALS]
    for rows, days in ((DEALS, None), (young, 100.0), (only_moved, 100.0)):
        found = pipe(rows, days)
        assert not found.mature
        assert (found.entered, found.moved_aside, found.without_history_aside) == (24, 3, 7)
        assert found.created_before_day == 1001


def test_a_pipe_that_does_not_add_up_is_refused() -> None:
    beyond = [(0, 7, "lost", 0, 1, 1), *DEALS]  # lost at a stage that is not there
    with pytest.raises(LeakkitError, match="does not add up"):
        pipe(beyond, 100.0)


def test_residuals_see_what_is_wrong() -> None:
    stage = stage_balances(flows(ROWS))[0]
    assert stage.residual == 0
    assert replace(stage, lost=stage.lost + 1).residual == -1
    assert replace(stage, reopened=stage.reopened + 1).residual == 1
    whole = pipeline_balance(stage_balances(flows(ROWS)))
    assert replace(whole, moved=whole.moved + 1).residual == -1
    assert np.sum([b.residual for b in stage_balances(flows(ROWS), 1, 2)]) == 0
