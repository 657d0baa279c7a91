"""What if a stage lost fewer: the pipeline as a chain of visits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from leakkit.findings.finding import Value
from leakkit.measures.counts import EXITS, StayCounts
from leakkit.measures.survival import aalen_johansen, final_age, index_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from leakkit.measures.survival import Curve, Floats

FIRST, AGAIN = 1, 2
MIN_AGAIN = 30
"""Entrants under which later visits are not told apart from first ones."""
MOVING = ("next", "jumped", "returned")
ROUGH = 0.02
DRAWS = 500
SEED = 20_250_101


Points: TypeAlias = "float | Floats"
"""By how much a lost share falls: in one way, or in as many as there are draws."""


@dataclass(frozen=True)
class Chain:
    """An embedded semi-Markov chain over (stage, first or later visit).

    State `2 s` is the first visit of stage s, `2 s + 1` any later one. `moves[i, j]` is the
    chance that a visit i is followed by j; `won`, `lost` and `stuck` (still inside at the
    longest age that is followed) are the others: every row sums to 1. `entrants` tells
    how sure a row is. `start` are the shares of first states. `open_now` counts the open
    deals by state, `still_exposed` the same weighted by how much of the loss of their stage
    is still ahead of them.
    """

    moves: Floats
    won: Floats
    lost: Floats
    stuck: Floats
    entrants: Floats
    start: Floats
    open_now: Floats
    still_exposed: Floats

    @property
    def chances(self) -> Floats:
        """The chance to win from every state: `w = (I - Q)^-1 R`."""
        return _solve(self.moves, self.won)

    @property
    def chance(self) -> float:
        """The chance of a new deal to win."""
        return float(self.start @ self.chances)


def embed(
    stays: Mapping[tuple[int, int], StayCounts], moves: pd.DataFrame, started: Floats
) -> Chain:
    """Build the chain of one pipeline.

    `stays` are the counts over the whole history by (stage, visits: 1 first, 2 later);
    `moves` counts (stage, visits, exit, to_stage, to_visits, n); `started` the deals that
    began in each stage. A shares of a state are those of Aalen-Johansen at the longest age
    that 30 equivalent entrants are followed to. Fewer than 30 later visits share the
    numbers of all visits.
    """
    stages = len(started)
    rows = [
        _row(stays, moves, stage, visits, 2 * stages)
        for stage in range(stages)
        for visits in (FIRST, AGAIN)
    ]
    found = np.array([row for row, _, _, _ in rows]).reshape(2 * stages, 2 * stages + 3)
    start = np.zeros(2 * stages)
    start[::2] = started / max(float(started.sum()), 1.0)
    return Chain(
        moves=found[:, :-3],
        won=found[:, -3],
        lost=found[:, -2],
        stuck=found[:, -1],
        entrants=np.array([entrants for _, entrants, _, _ in rows]),
        start=start,
        open_now=np.array([n for _, _, n, _ in rows]),
        still_exposed=np.array([exposed for _, _, _, exposed in rows]),
    )


def _row(
    stays: Mapping[tuple[int, int], StayCounts],
    moves: pd.DataFrame,
    stage: int,
    visits: int,
    states: int,
) -> tuple[Floats, float, float, float]:
    """Return the chances out of one state, how sure they are, and who is open there."""
    own = stays.get((stage, visits), StayCounts())
    counts, chosen = own, moves[(moves["stage"] == stage) & (moves["visits"] == visits)]
    if visits == AGAIN and own.table().entrants < MIN_AGAIN:
        counts = own + stays.get((stage, FIRST), StayCounts())
        chosen = moves[moves["stage"] == stage]
    curve = aalen_johansen(counts.table())
    limit = final_age(curve)
    row = np.zeros(states + 3)
    if limit < 0:
        row[-1] = 1.0
        return row, 0.0, *_open(own, curve, 0.0)
    where = index_at(curve, limit)
    row[-3] = curve.leaving["won_here"][where]
    row[-2] = curve.leaving["lost"][where]
    for kind in MOVING:
        to = chosen[chosen["exit"] == EXITS.index(kind)]
        target = (2 * to["to_stage"] + to["to_visits"] - 1).to_numpy(np.int64)
        n = to["n"].to_numpy(np.float64)
        np.add.at(row, target, curve.leaving[kind][where] * n / max(float(n.sum()), 1.0))
    row[-1] = max(1.0 - float(row[:-1].sum()), 0.0)
    return row, float(curve.table.entrants), *_open(own, curve, limit)


def _open(own: StayCounts, curve: Curve, limit: float) -> tuple[float, float]:
    """Count the open deals of a state, and weigh them by the losses still ahead of them.

    A deal of age g still has `(F(t) - F(g)) / S(g)` of its loss before it, a new one F(t).
    """
    ages, n = own.departures.get("open", (np.zeros(0, np.int64), np.zeros(0, np.int64)))
    whole = float(curve.leaving["lost"][index_at(curve, limit)])
    if not whole:
        return float(n.sum()), 0.0
    place = np.searchsorted(curve.ages, ages, side="right") - 1
    staying = curve.staying[place]
    ahead = np.maximum(whole - curve.leaving["lost"][place], 0.0)
    left = np.divide(ahead, staying, out=np.zeros_like(ahead), where=staying > 0) / whole
    return float(n.sum()), float((n * np.minimum(left, 1.0)).sum())


def _solve(moves: Floats, ends: Floats) -> Floats:
    """Return `(I - Q)^-1 R`, for one chain or for many."""
    states = moves.shape[-1]
    # a loop without a way out must not stop the run
    system: Floats = np.eye(states) - moves * (1.0 - 1e-12)
    solved: Any = np.linalg.solve(system, ends[..., None])
    found: Floats = solved[..., 0]
    return found


@dataclass(frozen=True)
class WhatIf:
    """What fewer losses would bring: extra wins, new deals and open deals apart.

    `chance` and `chance_then` are those of a new deal. `rough` says that the chain's chance
    and the one that was estimated directly (`estimated`) are more than 2 points apart.
    Each amount also stands at half: the saved deals may be half as good (`Value.half`).
    """

    new_deals: Value
    open_deals: Value
    chance: float
    chance_then: float
    estimated: float | None
    rough: bool


def what_if(
    chain: Chain,
    points: Mapping[int, float],
    new_deals: float,
    estimated: float | None = None,
    errors: Mapping[int, float] | None = None,
) -> WhatIf:
    """How many more deals would be won if stages lost fewer?

    `points` says by how much the lost share of each stage falls (0.05 is 5 points); several
    stages at once are one joint what-if, not a sum. The saved deals go the way of the
    others: `P'_lost = P_lost - p`, the other chances times `(1 - P'_lost) / (1 - P_lost)`.
    `new_deals` is how many begin in the time that is asked about. Open deals in a stage
    gain there only by what they still have before them. The intervals are those of 500
    seeded draws of the chain's rows; the draws of both chains are the same. Where the
    points were measured, `errors` are their standard errors, and they are drawn as well.
    """
    rows = np.column_stack([chain.moves, chain.won, chain.lost, chain.stuck])
    plain, draws = rows[None], _draws(rows, chain.entrants)
    drawn_points = _drawn(points, errors or {})
    found = [
        _gains(chain, plain, points, new_deals),
        _gains(chain, draws, drawn_points, new_deals),
    ]
    new, still_open = (
        Value(float(exact[0]), *map(float, np.quantile(drawn, [0.025, 0.975])))
        for exact, drawn in zip(*found, strict=True)
    )
    then = _solve(*_parts(_fewer_lost(plain, points)))[0]
    apart = None if estimated is None else abs(chain.chance - estimated)
    return WhatIf(
        new,
        still_open,
        chain.chance,
        float(chain.start @ then),
        estimated,
        rough=apart is None or apart > ROUGH,
    )


def _draws(rows: Floats, entrants: Floats) -> Floats:
    """Draw the rows again: Dirichlet, as sure as their entrants make them."""
    shape = rows * np.maximum(entrants, 1.0)[:, None]
    drawn: Floats = np.random.default_rng(SEED).standard_gamma(shape, (DRAWS, *rows.shape))
    found: Floats = np.divide(drawn, np.maximum(drawn.sum(axis=-1, keepdims=True), 1e-300))
    return found


def _drawn(points: Mapping[int, float], errors: Mapping[int, float]) -> dict[int, Points]:
    """Draw measured points again, none below 0; others stay as they were asked for."""
    normal = np.random.default_rng(SEED + 1).standard_normal((len(points), DRAWS))
    return {
        stage: np.maximum(fewer + errors[stage] * normal[at], 0.0) if stage in errors else fewer
        for at, (stage, fewer) in enumerate(points.items())
    }


def _gains(
    chain: Chain, rows: Floats, points: Mapping[int, Points], new_deals: float
) -> tuple[Floats, Floats]:
    """Return the extra wins of new deals and of open deals, per draw."""
    before = _solve(*_parts(rows))
    gain = _solve(*_parts(_fewer_lost(rows, points))) - before
    weight = chain.open_now.copy()
    for stage in points:
        weight[2 * stage : 2 * stage + 2] = chain.still_exposed[2 * stage : 2 * stage + 2]
    return new_deals * (gain @ chain.start), gain @ weight


def _parts(rows: Floats) -> tuple[Floats, Floats]:
    """Return moves and wins of rows."""
    return rows[..., :-3], rows[..., -3]


def _fewer_lost(rows: Floats, points: Mapping[int, Points]) -> Floats:
    """Take points off the lost shares of some stages."""
    changed = rows.copy()
    for stage, fewer in points.items():
        for state in (2 * stage, 2 * stage + 1):
            lost = rows[..., state, -2]
            left = np.clip(lost - fewer, 0.0, 1.0)
            scale = np.divide(1.0 - left, 1.0 - lost, out=np.ones_like(lost), where=lost < 1.0)
            changed[..., state, :] *= scale[..., None]
            changed[..., state, -2] = np.where(lost < 1.0, left, lost)
    return changed
