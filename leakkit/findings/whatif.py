"""What if a stage lost fewer: the pipeline as a chain of visits, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from leakkit.findings.finding import Value
from leakkit.findings.value import (
    HALF_AS_GOOD,
    LOST_DRAWS,
    SEED,
    Change,
    find_changed,
    got_worse,
    read_lost,
)
from leakkit.measures.age_counts import EXITS, StayCounts
from leakkit.measures.survival import final_age, index_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from leakkit.findings.finding import Finding
    from leakkit.findings.value import Worth
    from leakkit.measures.survival import Bools, Curve, Floats, Ints


# ---------------- whatif
# What if a stage lost fewer: the pipeline as a chain of visits.

FIRST, AGAIN = 1, 2
MIN_AGAIN = 30
"""Entrants under which later visits are not told apart from first ones."""
MOVING = ("next", "jumped", "returned")
ROUGH = 0.02


@dataclass(frozen=True)
class Moves:
    """How many visits left a stage by a door, and for which visit of which stage: columns.

    `to` is the state that they went to, as in `Chain`.
    """

    stage: Ints
    visits: Ints
    exit: Ints
    to: Ints
    n: Floats

    @classmethod
    def read(cls, rows: pd.DataFrame) -> Moves:
        """Take the columns of counts (stage, visits, exit, to_stage, to_visits, n)."""
        stage, visits, exit_, to_stage, to_visits = (
            rows[name].to_numpy(np.int64)
            for name in ("stage", "visits", "exit", "to_stage", "to_visits")
        )
        to = 2 * to_stage + to_visits - 1
        return cls(stage, visits, exit_, to, rows["n"].to_numpy(np.float64))

    def out_of(self, stage: int, visits: int | None = None) -> Moves:
        """Return the moves out of a stage, from first or later visits where that is said."""
        here = self.stage == stage
        return self._only(here if visits is None else here & (self.visits == visits))

    def by(self, kind: str) -> Moves:
        """Return the moves by one door."""
        return self._only(self.exit == EXITS.index(kind))

    def _only(self, which: Bools) -> Moves:
        """Return some of the moves."""
        return Moves(
            self.stage[which], self.visits[which], self.exit[which], self.to[which], self.n[which]
        )


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
    def rows(self) -> Floats:
        """All chances out of every state: the moves, won, lost, stuck."""
        return np.column_stack([self.moves, self.won, self.lost, self.stuck])

    @property
    def chances(self) -> Floats:
        """The chance to win from every state: `w = (I - Q)^-1 R`."""
        return _solve(self.moves, self.won)

    @property
    def chance(self) -> float:
        """The chance of a new deal to win."""
        return float(self.start @ self.chances)


def embed(stays: Mapping[tuple[int, int], StayCounts], moves: Moves, started: Floats) -> Chain:
    """Build the chain of one pipeline.

    `stays` are the counts over the whole history by (stage, visits: 1 first, 2 later);
    `started` are the deals that began in each stage. The shares of a state are those of
    Aalen-Johansen at the longest age that 30 equivalent entrants are followed to. Fewer than
    30 later visits share the numbers of all visits.
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
    moves: Moves,
    stage: int,
    visits: int,
    states: int,
) -> tuple[Floats, float, float, float]:
    """Return the chances out of one state, how sure they are, and who is open there."""
    own = stays.get((stage, visits), StayCounts())
    counts, chosen = own, moves.out_of(stage, visits)
    if visits == AGAIN and own.table().entrants < MIN_AGAIN:
        counts = own + stays.get((stage, FIRST), StayCounts())
        chosen = moves.out_of(stage)
    curve = counts.curve()
    limit = final_age(curve)
    if limit < 0:
        return leaving_row({}, chosen, states), 0.0, *_open(own, curve, 0.0)
    where = index_at(curve, limit)
    leaving = {kind: float(share[where]) for kind, share in curve.leaving.items()}
    entrants = read_lost(curve, limit).entrants
    return leaving_row(leaving, chosen, states), entrants, *_open(own, curve, limit)


def leaving_row(leaving: Mapping[str, float], moves: Moves, states: int) -> Floats:
    """Return the chances out of one state: to each state, won, lost, stuck.

    `leaving` are the shares by door, `moves` those out of this state in the whole history.
    """
    row = np.zeros(states + 3)
    row[-3], row[-2] = leaving.get("won_here", 0.0), leaving.get("lost", 0.0)
    for kind in MOVING:
        gone = moves.by(kind)
        np.add.at(row, gone.to, leaving.get(kind, 0.0) * gone.n / max(float(gone.n.sum()), 1.0))
    row[-1] = max(1.0 - float(row[:-1].sum()), 0.0)
    return row


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

    `chance` is that of a new deal as things are now, `chance_then` that after the repair.
    `rough` says that the chain's chance over the whole history and the one that was estimated
    directly (`estimated`) are more than 2 points apart. The low end of each amount is for
    saved deals that are half as good as the others.
    """

    new_deals: Value
    open_deals: Value
    chance: float
    chance_then: float
    estimated: float | None
    rough: bool


Repairs: TypeAlias = "Mapping[int, float | Change]"
"""What is repaired, by stage: so many points fewer lost, or a change that is undone."""


def what_if(
    chain: Chain,
    repairs: Repairs,
    new_deals: float,
    estimated: float | None = None,
    changes: Mapping[int, Change] | None = None,
) -> WhatIf:
    """How many more deals would be won if stages lost fewer?

    Two chains are compared. *Now*: that of the whole history, with the stages that changed
    (`changes`) as they are in the current window. *Then*: the same, in which the lost share of
    each repaired stage falls by points (0.05 is 5 points), or to where it was before the change;
    several stages at once are one joint what-if, not a sum. The saved deals go the way of
    the others: `P'_lost = P_lost - p`, the other chances times `(1 - P'_lost) / (1 - P_lost)`.
    `new_deals` is how many begin in the time that is asked about. Open deals in a stage
    gain there only by what they still have before them. The intervals are those of 500
    seeded draws of the rows of the chain and of the changes, the same for both chains; their
    low ends are halved, for saved deals that are half as good.
    """
    exact = _Draw.expect(chain, changes or {})
    drawn = _Draw.again(chain, changes or {})
    new, still_open = (
        _amount(float(one[0]), many)
        for one, many in zip(
            exact.gains(chain, repairs, new_deals),
            drawn.gains(chain, repairs, new_deals),
            strict=True,
        )
    )
    apart = None if estimated is None else abs(chain.chance - estimated)
    return WhatIf(
        new,
        still_open,
        float(chain.start @ exact.chances()[0]),
        float(chain.start @ exact.chances(repairs)[0]),
        estimated,
        rough=apart is None or apart > ROUGH,
    )


def _amount(found: float, drawn: Floats) -> Value:
    """Return an amount whose low end is for saved deals that are half as good."""
    low, high = map(float, np.quantile(drawn, [0.025, 0.975]))
    return Value(found, min(HALF_AS_GOOD * low, found), max(high, found))


@dataclass(frozen=True)
class _Draw:
    """The rows of the chain as it is now, and how far each change would go back: one or many."""

    rows: Floats
    points: Mapping[int, Floats]

    @classmethod
    def expect(cls, chain: Chain, changes: Mapping[int, Change]) -> _Draw:
        """Return the chain as estimated."""
        found = {stage: (one.row[None], np.array([one.points])) for stage, one in changes.items()}
        return cls._with(chain, chain.rows[None], found)

    @classmethod
    def again(cls, chain: Chain, changes: Mapping[int, Change]) -> _Draw:
        """Draw the rows again: Dirichlet, as sure as their entrants make them."""
        shape = chain.rows * np.maximum(chain.entrants, 1.0)[:, None]
        drawn = np.random.default_rng(SEED).standard_gamma(shape, (LOST_DRAWS, *shape.shape))
        rows = np.divide(drawn, np.maximum(drawn.sum(axis=-1, keepdims=True), 1e-300))
        return cls._with(chain, rows, {stage: one.draw() for stage, one in changes.items()})

    @classmethod
    def _with(
        cls, chain: Chain, rows: Floats, changes: Mapping[int, tuple[Floats, Floats]]
    ) -> _Draw:
        """Put the stages that changed as they are now; later visits lose as many points more."""
        rows = rows.copy()
        for stage, (now, _) in changes.items():
            first, again = 2 * stage, 2 * stage + 1
            more = now[:, -2] - chain.lost[first]
            rows[:, first] = now
            rows[:, again] = _with_lost(rows[:, again], rows[:, again, -2] + more)
        return cls(rows, {stage: points for stage, (_, points) in changes.items()})

    def chances(self, repairs: Repairs | None = None) -> Floats:
        """Return the chance to win from every state, as it is or after repairs."""
        rows = self.rows.copy()
        for stage, repair in (repairs or {}).items():
            fewer = self.points[stage] if isinstance(repair, Change) else repair
            for state in (2 * stage, 2 * stage + 1):
                left = rows[:, state, -2] - np.maximum(fewer, 0.0)
                rows[:, state] = _with_lost(rows[:, state], left)
        return _solve(rows[..., :-3], rows[..., -3])

    def gains(self, chain: Chain, repairs: Repairs, new_deals: float) -> tuple[Floats, Floats]:
        """Return the extra wins of new deals and of open deals."""
        gain = self.chances(repairs) - self.chances()
        weight = chain.open_now.copy()
        for stage in repairs:
            weight[2 * stage : 2 * stage + 2] = chain.still_exposed[2 * stage : 2 * stage + 2]
        return new_deals * (gain @ chain.start), gain @ weight


def _with_lost(rows: Floats, lost: Floats) -> Floats:
    """Set the lost share of rows; the other chances keep their proportions."""
    before, now = rows[:, -2], np.clip(lost, 0.0, 1.0)
    scale = np.divide(1.0 - now, 1.0 - before, out=np.ones_like(before), where=before < 1.0)
    changed = rows * scale[:, None]
    changed[:, -2] = np.where(before < 1.0, now, before)
    return changed


# ---------------- costs
# What the stages of one pipeline cost, and what fewer losses would bring.


@dataclass(frozen=True)
class Costs:
    """The chain of one pipeline, and what its stages' entries are worth in the current window.

    `new_deals` began in this window; `estimated` is their chance to win as estimated
    directly (without the chain), None where it could not be. By stage: `won` is the chance
    to win from its first entry, `landing` that of deals that leave it, by the exit, with those
    that are still open shared out (for late deals).
    """

    chain: Chain
    worths: tuple[Worth, ...]
    new_deals: int
    estimated: float | None
    won: tuple[float, ...]
    landing: tuple[Mapping[str, float], ...]

    @property
    def mean_value(self) -> float | None:
        """The mean value of the deals where they begin, in minor units."""
        shares, total = self.chain.start[::2], 0.0
        for share, worth in zip(shares, self.worths, strict=True):
            if share and worth.entrants.mean_value is not None:
                total += float(share) * worth.entrants.mean_value
            elif share:
                return None
        return total

    def changes(self, findings: Iterable[Finding], stages: Sequence[str]) -> dict[int, Change]:
        """Which stages lose more, or fewer, than before? By position; see `changes_of`."""
        return find_changed(findings, stages, [worth.recent for worth in self.worths])

    def joint(self, findings: Iterable[Finding], stages: Sequence[str]) -> WhatIf:
        """What if all losses that an alarm or a watch is about went back to their reference?

        The total of a pipeline: values of single stages are not to be added. `findings`
        are those of this pipeline, `stages` the names of its stages in order.
        """
        findings = tuple(findings)
        changes = self.changes(findings, stages)
        worse = {stages.index(one.stage) for one in findings if got_worse(one)}
        undone = {stage: change for stage, change in changes.items() if stage in worse}
        return self.what_if(undone, changes)

    def what_if(self, repairs: Repairs, changes: Mapping[int, Change] | None = None) -> WhatIf:
        """What if stages lost so much fewer: extra wins per current window (see `what_if`)."""
        return what_if(self.chain, repairs, self.new_deals, self.estimated, changes)
