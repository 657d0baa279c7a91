"""The way through the whole pipeline: clock from the first entry, all stages at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from leakkit.measures.survival import Floats, Ints

COMES, MOVES, CENSORED = 0, 1, 2
"""Kinds of rows in the counts of the route."""


@dataclass(frozen=True)
class Route:
    """Where deals are, u days after they entered the pipeline.

    `occupancy[i, s]` is the share in stage s at the end of `ages[i]`; the last two
    columns are won and lost. `lost_from[s]` is the expected number of losses from
    stage s per deal that enters (gross: a deal lost, re-opened and lost again counts
    twice), read at `limit`; `came_back` is the share of deals that came back from a
    loss. `days_in[s]` is the mean number of days spent in s up to `limit`.
    """

    ages: Ints
    occupancy: Floats
    variance: Floats
    lost_from: Floats
    came_back: float
    days_in: Floats
    limit: float
    entrants: int
    start: Floats

    @property
    def won_share(self) -> float:
        """P(won by `limit`)."""
        return float(self.occupancy[-1, -2])

    @property
    def lost_share(self) -> float:
        """P(lost by `limit`)."""
        return float(self.occupancy[-1, -1])


def follow(rows: pd.DataFrame, stages: int, limit: float, start: Floats | None = None) -> Route:
    """Where are the deals, u days after they came in, and from which stage are they lost?

    Dividing the losses of a stage by the deals created mixes young deals with old ones.
    The product integral `P(0, t) = prod(I + dA(u))` does not, and needs no Markov
    assumption for occupancy from the common start, under independent censoring.
    Several moves of a deal on one day are sub-steps of that day, in their order; who
    is censored on a day leaves after the last of them.

    `rows` has the columns kind (0 comes under observation in `stage`, 1 moves from
    `stage` to `target`, 2 is censored in `stage`), stage, target, age, turn, n, with
    -1 for won and -2 for lost. `start` overrules the observed shares of first stages.

    References: Datta and Satten (2001), Stat. Probab. Lett. 55, 403-411; Aalen and
    Johansen (1978).
    """
    states = stages + 2
    place = {-1: stages, -2: stages + 1}
    counts = _Walk(rows, states, place, limit)
    first = counts.first_shares() if start is None else start
    p, spread = first, np.zeros((states, states))
    if start is None and counts.entrants:
        spread = (np.diag(p) - np.outer(p, p)) / counts.entrants
    ages, occupancy, variance = [0], [p], [np.diag(spread)]
    lost, came_back, days, now = np.zeros(stages), 0.0, np.zeros(states), 0
    for age, at_risk, moved in counts:
        days += p * (age - now)
        now = age
        step = _step(moved, at_risk)
        lost += p[:stages] * step[:stages, stages + 1]
        came_back += float(p[stages + 1] * step[stages + 1, :stages].sum())
        spread = step.T @ spread @ step + _noise(p, step, at_risk)
        p = p @ step
        if ages[-1] == age:
            occupancy[-1], variance[-1] = p, np.diag(spread)
        else:
            ages.append(age)
            occupancy.append(p)
            variance.append(np.diag(spread))
    days += p * (limit - now)
    return Route(
        np.array(ages, np.int64),
        np.array(occupancy),
        np.array(variance),
        lost,
        came_back,
        days,
        limit,
        counts.entrants,
        first,
    )


def _step(moved: Floats, at_risk: Floats) -> Floats:
    """Return I + dA: the shares that move, with nobody moving where nobody is at risk."""
    shares = np.divide(
        moved, at_risk[:, None], out=np.zeros_like(moved), where=at_risk[:, None] > 0
    )
    np.fill_diagonal(shares, shares.diagonal() + (1.0 - shares.sum(axis=1)))
    return shares


def _noise(p: Floats, step: Floats, at_risk: Floats) -> Floats:
    """Return the variance that one step adds: multinomial rows, weighted by p squared."""
    some = np.flatnonzero((at_risk > 0) & (p > 0) & (step.diagonal() < 1.0))
    rows = step[some]
    noise = -rows[:, :, None] * rows[:, None, :]
    states = np.arange(len(step))
    noise[:, states, states] += rows
    # a product may differ from the power in its last bit
    noise *= np.float_power(p[some], 2)[:, None, None]
    noise /= at_risk[some][:, None, None]
    total: Floats = noise.sum(axis=0)
    return total


def _turns(kind: Ints, turn: Ints) -> list[Ints]:
    """Return the places of the moves of each turn, in order of turns."""
    moves = np.flatnonzero(kind == MOVES)
    moves = moves[np.argsort(turn[moves], kind="stable")]
    begins = np.flatnonzero(np.diff(turn[moves])) + 1
    return np.split(moves, begins) if len(begins) else [moves] if len(moves) else []


class _Walk:
    """Iterates over the sub-steps of the route with the numbers at risk before each."""

    def __init__(
        self, rows: pd.DataFrame, states: int, place: dict[int, int], limit: float
    ) -> None:
        used = rows[rows["age"] <= limit].sort_values("age", kind="stable")
        self.states = states
        self.kind = used["kind"].to_numpy()
        self.origin = np.array([place.get(s, s) for s in used["stage"].to_numpy()], np.int64)
        self.target = np.array([place.get(s, s) for s in used["target"].to_numpy()], np.int64)
        self.age = used["age"].to_numpy(np.int64)
        self.turn = used["turn"].to_numpy(np.int64)
        self.n = used["n"].to_numpy(np.float64)
        self.entrants = int(self.n[(self.kind == COMES) & (self.age == 0)].sum())

    def first_shares(self) -> Floats:
        """Return the observed shares of first stages."""
        comes = (self.kind == COMES) & (self.age == 0)
        shares = np.zeros(self.states)
        np.add.at(shares, self.origin[comes], self.n[comes])
        return shares / max(float(shares.sum()), 1.0)

    def __iter__(self) -> Iterator[tuple[int, Floats, Floats]]:
        """Yield every sub-step in which somebody moves: its age, numbers at risk, moves."""
        at_risk = np.zeros(self.states)
        for age in np.unique(self.age):
            first, end = np.searchsorted(self.age, [age, age + 1])
            kind, turn = self.kind[first:end], self.turn[first:end]
            origin, target = self.origin[first:end], self.target[first:end]
            n = self.n[first:end]
            at_risk += np.bincount(origin[kind == COMES], n[kind == COMES], self.states)
            for chosen in _turns(kind, turn):
                moved = np.zeros((self.states, self.states))
                np.add.at(moved, (origin[chosen], target[chosen]), n[chosen])
                yield int(age), at_risk.copy(), moved
                at_risk += moved.sum(axis=0) - moved.sum(axis=1)
            at_risk -= np.bincount(origin[kind == CENSORED], n[kind == CENSORED], self.states)
