"""The way through a whole pipeline: against R, fractions by hand, and plain counting."""

from __future__ import annotations

import csv
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leakkit.measures.route import CENSORED, COMES, MOVES, Route, follow
from tests.measuring import approx

GOLDEN = Path(__file__).parent / "golden"
WON, LOST = -1, -2
Step = tuple[int, ...]  # kind, stage, target, age, turn, and how many (1 where it is left out)


def rows(*steps: Step) -> pd.DataFrame:
    """Count steps as the journey query does."""
    counted: Counter[Step] = Counter()
    for kind, stage, target, age, turn, *n in steps:
        counted[kind, stage, target, age, turn] += sum(n or [1])
    return pd.DataFrame(
        [(*step, n) for step, n in counted.items()],
        columns=["kind", "stage", "target", "age", "turn", "n"],
    )


def comes(stage: int, age: int, n: int = 1) -> Step:
    return COMES, stage, stage, age, 0, n


def moves(stage: int, target: int, age: int, turn: int = 0, n: int = 1) -> Step:
    return MOVES, stage, target, age, turn, n


def leaves(stage: int, age: int, n: int = 1) -> Step:
    return CENSORED, stage, stage, age, 0, n


def at(route: Route, age: int, values: Any = None) -> Any:  # noqa: ANN401 - numpy's array
    """Return the occupancy, or another step function, at an age."""
    where = int(np.searchsorted(route.ages, age, side="right")) - 1
    return (route.occupancy if values is None else values)[where]


# -------------------------------------------------------------------- numbers of others

MS80 = {"1": 0, "2": 1, "3": 2, "4": WON, "5": LOST}


def golden_rows() -> pd.DataFrame:
    """The 80 deals: everybody starts in the first stage."""
    steps: list[Step] = []
    with (GOLDEN / "ms80.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            stage, age = MS80[row["from"]], int(row["exit"])
            if row["entry"] == "0":
                steps.append(comes(stage, 0))
            if row["to"] == "cens":
                steps.append(leaves(stage, age))
            else:
                steps.append(moves(stage, MS80[row["to"]], age))
    return rows(*steps)


@pytest.fixture(scope="module")
def oracle() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GOLDEN / "expected.json").read_text("utf-8"))
    part: dict[str, Any] = found["ms80_from_state1"]
    return part


def test_80_deals_as_etm_follows_them(oracle: dict[str, Any]) -> None:
    route = follow(golden_rows(), 3, limit=60.0)
    assert route.entrants == 80
    for age, shares in zip(oracle["at"], oracle["P"], strict=True):
        assert at(route, age) == approx(np.array(shares))
    assert route.days_in == approx(np.array(oracle["days_in_state_tau60"]))
    assert (route.won_share, route.lost_share) == approx(tuple(oracle["P"][-1][3:]))


def test_80_deals_their_variance(oracle: dict[str, Any]) -> None:
    route = follow(golden_rows(), 3, limit=60.0)
    for name, state in (("var_won_20_30_40_60", 3), ("var_lost_20_30_40_60", 4)):
        found = [at(route, age, route.variance)[state] for age in (20, 30, 40, 60)]
        assert found == approx(oracle[name], 1e-12)


def test_80_deals_losses_by_stage_sum_to_the_lost() -> None:
    for limit in (10.0, 25.0, 60.0):
        route = follow(golden_rows(), 3, limit)
        assert route.lost_from.sum() == approx(route.lost_share, 1e-12)
        assert route.came_back == 0


def test_80_deals_a_limit_ends_all() -> None:
    whole, half = follow(golden_rows(), 3, 60.0), follow(golden_rows(), 3, 30.0)
    assert half.ages[-1] <= 30
    assert half.occupancy[-1] == approx(at(whole, 30), 1e-14)
    assert half.days_in.sum() == approx(30.0)


def test_five_subjects_in_fractions() -> None:
    """They come late, leave early, and come back; states: entry, a, b, c."""
    steps = [
        *(comes(0, 0), moves(0, 1, 4), moves(1, 2, 9), moves(2, 1, 10), leaves(1, 10)),
        *(comes(0, 0), moves(0, 2, 5), leaves(2, 5)),
        *(comes(0, 3), moves(0, 3, 9), leaves(3, 9)),
        *(comes(0, 0), moves(0, 1, 2), moves(1, 3, 8), leaves(3, 9)),
        *(comes(0, 2), moves(0, 2, 3), leaves(2, 11)),
    ]
    route = follow(rows(*steps), 4, limit=11.0, start=np.eye(6)[0])
    for age, shares in {
        2: (24, 8, 0, 0),
        3: (18, 8, 6, 0),
        4: (12, 14, 6, 0),
        5: (6, 14, 12, 0),
        8: (6, 7, 12, 7),
        9: (0, 0, 19, 13),
        10: (0, 9.5, 9.5, 13),
        11: (0, 9.5, 9.5, 13),
    }.items():
        assert (at(route, age)[:4] * 32).tolist() == approx(list(shares), 1e-13)


# -------------------------------------------------------------------- by hand


def test_moves_of_one_day_are_steps_in_their_order() -> None:
    """All three go A, B, C on the day that they come; at once, B would have nobody to move."""
    route = follow(rows(comes(0, 0, 3), moves(0, 1, 0, 1, 3), moves(1, 2, 0, 2, 3)), 3, 5.0)
    assert at(route, 0).tolist() == [0, 0, 1, 0, 0]
    assert route.start.tolist() == [1, 0, 0, 0, 0]
    assert route.days_in.tolist() == [0, 0, 5, 0, 0]


def test_who_leaves_on_a_day_is_counted_on_it() -> None:
    steps = (comes(0, 0, 4), moves(0, LOST, 3, 0, 1), leaves(0, 3, 2))
    route = follow(rows(*steps, moves(0, WON, 4)), 1, 9.0)
    assert at(route, 3).tolist() == [0.75, 0, 0.25]
    assert at(route, 4).tolist() == [0, 0.75, 0.25]  # the only one left is won


def test_a_loss_that_comes_back_is_counted_twice_and_named() -> None:
    steps = (comes(0, 0, 2), moves(0, LOST, 1, 0, 2), moves(LOST, 0, 4), moves(0, LOST, 6))
    route = follow(rows(*steps), 1, 10.0)
    assert route.lost_from.tolist() == [1.5]
    assert route.came_back == 0.5
    assert route.lost_share == 1.0
    assert route.lost_from.sum() - route.came_back == route.lost_share
    assert route.days_in.tolist() == [1 + 0.5 * 2, 0, 9 - 0.5 * 2]


def test_the_start_is_what_is_seen_on_day_0() -> None:
    late = comes(0, 5, 10)  # comes under observation later: teaches moves, not the start
    route = follow(rows(comes(0, 0, 3), comes(1, 0, 1), late, moves(0, 1, 6, 0, 13)), 2, 9.0)
    assert route.start.tolist() == [0.75, 0.25, 0, 0]
    assert route.entrants == 4
    assert at(route, 6).tolist() == [0, 1, 0, 0]


def test_nobody_at_all() -> None:
    route = follow(rows().astype("int64"), 2, 0.0)
    assert (route.entrants, route.won_share, route.lost_from.tolist()) == (0, 0, [0, 0])


# -------------------------------------------------------------------- properties


@st.composite
def some_paths(draw: st.DrawFn) -> list[list[tuple[int, int]]]:
    """Ways of deals: (state, age at which it is entered), ages may repeat."""
    paths = []
    for _ in range(draw(st.integers(1, 25))):
        state, age = draw(st.integers(0, 2)), 0
        path = [(state, age)]
        for _ in range(draw(st.integers(0, 5))):
            age += draw(st.integers(0, 6))
            state = draw(st.sampled_from([s for s in (0, 1, 2, WON, LOST) if s != state]))
            path.append((state, age))
        paths.append(path)
    return paths


def rows_of(paths: list[list[tuple[int, int]]]) -> pd.DataFrame:
    """Count paths; the moves of a deal on one day follow each other."""
    steps: list[Step] = []
    for path in paths:
        steps.append(comes(path[0][0], 0))
        turns: Counter[int] = Counter()
        for (stage, _), (target, age) in pairwise(path):
            steps.append(moves(stage, target, age, turns[age]))
            turns[age] += 1
    return rows(*steps)


@settings(max_examples=40)
@given(some_paths())
def test_without_censoring_it_is_what_is_seen(paths: list[list[tuple[int, int]]]) -> None:
    route = follow(rows_of(paths), 3, 40.0)
    for age in (0, 2, 7, 30):
        there = [next(s for s, since in reversed(path) if since <= age) for path in paths]
        counted = Counter(there)
        seen = [counted[state] / len(paths) for state in (0, 1, 2, WON, LOST)]
        assert at(route, age) == approx(np.array(seen), 1e-12)
    lost = [sum((s, t) == (stage, LOST) for path in paths for (s, _), (t, _) in pairwise(path))
            for stage in range(3)]  # fmt: skip
    assert route.lost_from * len(paths) == approx(np.array(lost), 1e-9)
    final = route.occupancy[-1]
    plain = final * (1 - final) / len(paths)
    assert route.variance[-1] == approx(plain, 1e-12)  # multinomial


@settings(max_examples=40)
@given(some_paths(), st.integers(0, 20), st.integers(2, 24))
def test_shares_sum_to_one_twice_halves_and_units_do_not_matter(
    paths: list[list[tuple[int, int]]], cut: int, factor: int
) -> None:
    counted = rows_of(paths)
    censored = counted[counted["age"] <= cut]
    route = follow(censored, 3, 30.0)
    assert route.occupancy.sum(axis=1) == approx(np.ones(len(route.ages)), 1e-12)
    assert route.days_in.sum() == approx(30.0, 1e-9)
    twice = follow(pd.concat([censored, censored]), 3, 30.0)
    assert twice.occupancy == approx(route.occupancy, 1e-12)
    assert 2 * twice.variance == approx(route.variance, 1e-12)
    slow = follow(censored.assign(age=censored["age"] * factor), 3, 30.0 * factor)
    assert slow.occupancy == approx(route.occupancy, 1e-14)
    assert slow.days_in == approx(route.days_in * factor, 1e-9)
