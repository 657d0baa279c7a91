"""The way through the whole pipeline: clock from the first entry, all stages at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
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
    walk = _Walk.read(rows, stages + 2, limit)
    first = walk.first_shares if start is None else start
    spread = np.zeros((stages + 2, stages + 2))
    if start is None and walk.entrants:
        spread = (np.diag(first) - np.outer(first, first)) / walk.entrants
    steps = _steps(walk.moved, walk.at_risk)
    shares = _follow_steps(first, steps)
    variance = _variance(spread, steps, _noise(shares[:-1], steps, walk.at_risk))
    before, now = shares[:-1], np.concatenate([[0], walk.ages])
    lost = before[:, :stages] * steps[:, :stages, stages + 1]
    came_back = before[:, stages + 1] * steps[:, stages + 1, :stages].sum(axis=1)
    last_of_day = np.append(np.diff(now) > 0, True)
    return Route(
        now[last_of_day],
        shares[last_of_day],
        variance[last_of_day],
        _add_up(lost),
        float(_add_up(came_back)),
        _add_up(before * np.diff(now)[:, None]) + shares[-1] * (limit - now[-1]),
        limit,
        walk.entrants,
        first,
    )


def _add_up(terms: Floats) -> Floats:
    """Add up one row after the other, as they come."""
    nothing = np.zeros((1, *terms.shape[1:]))
    total: Floats = np.concatenate([nothing, terms]).cumsum(axis=0)[-1]
    return total


def _follow_steps(first: Floats, steps: Floats) -> Floats:
    """Return the shares in every state at first, and after each step."""
    shares = np.empty((len(steps) + 1, len(first)))
    shares[0] = first
    for at, step in enumerate(steps):
        shares[at + 1] = shares[at] @ step
    return shares


def _variance(spread: Floats, steps: Floats, noise: Floats) -> Floats:
    """Return the variances of the shares at first, and after each step."""
    found = [np.diag(spread)]
    for step, more in zip(steps, noise, strict=True):
        spread = step.T @ spread @ step + more
        found.append(np.diag(spread))
    return np.array(found)


def _steps(moved: Floats, at_risk: Floats) -> Floats:
    """Return I + dA: the shares that move, with nobody moving where nobody is at risk."""
    risk = at_risk[:, :, None]
    steps = np.divide(moved, risk, out=np.zeros_like(moved), where=risk > 0)
    states = np.arange(steps.shape[1])
    steps[:, states, states] += 1.0 - steps.sum(axis=2)
    return steps


def _noise(shares: Floats, steps: Floats, at_risk: Floats) -> Floats:
    """Return the variance that each step adds: multinomial rows, weighted by p squared."""
    total, states = np.zeros_like(steps), np.arange(steps.shape[1])
    for state in states:
        p, risk = shares[:, state], at_risk[:, state]
        some = (risk > 0) & (p > 0) & (steps[:, state, state] < 1.0)
        rows = steps[some, state]
        noise = -rows[:, :, None] * rows[:, None, :]
        noise[:, states, states] += rows
        # a product may differ from the power in its last bit
        noise *= np.float_power(p[some], 2)[:, None, None]
        noise /= risk[some][:, None, None]
        total[some] += noise
    return total


@dataclass(frozen=True)
class _Walk:
    """The sub-steps in which somebody moves: their ages, numbers at risk before each, moves."""

    ages: Ints
    at_risk: Floats
    moved: Floats
    entrants: int
    first_shares: Floats

    @classmethod
    def read(cls, rows: pd.DataFrame, states: int, limit: float) -> _Walk:
        """Arrange counts up to a limit; states -2 and -1 are the last ones."""
        columns = {name: rows[name].to_numpy(np.int64) for name in rows}
        used = columns["age"] <= limit
        kind, stage, target, age, turn, n = (
            columns[name][used] for name in ("kind", "stage", "target", "age", "turn", "n")
        )
        origin, target = _place(stage, states), _place(target, states)
        moves = np.flatnonzero(kind == MOVES)
        moves = moves[np.lexsort((turn[moves], age[moves]))]
        begins = (np.diff(age[moves], prepend=-1) != 0) | (np.diff(turn[moves], prepend=-1) != 0)
        ages, step = age[moves][begins], np.cumsum(begins) - 1
        moved = np.zeros((len(ages), states, states))
        np.add.at(moved, (step, origin[moves], target[moves]), n[moves])

        # who comes is at risk on that day, and who is censored until its end
        comes, leaves = kind == COMES, kind == CENSORED
        change = np.zeros((len(ages) + 1, states))
        np.add.at(change, (np.searchsorted(ages, age[comes]), origin[comes]), n[comes])
        after = np.searchsorted(ages, age[leaves], side="right")
        np.subtract.at(change, (after, origin[leaves]), n[leaves])
        change[1:] += moved.sum(axis=1) - moved.sum(axis=2)

        begun = comes & (age == 0)
        first = np.bincount(origin[begun], n[begun], states)
        entrants = int(n[begun].sum())
        return cls(ages, change.cumsum(axis=0)[:-1], moved, entrants, first / max(entrants, 1))


def _place(stage: Ints, states: int) -> Ints:
    """Return the states of stages: behind them stand won (-1) and lost (-2)."""
    return np.where(stage < 0, states - 3 - stage, stage)
