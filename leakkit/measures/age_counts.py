"""Counts by age: from one long table to the risk tables of single stages, and resampled deals."""

from __future__ import annotations

import functools
import itertools
import sys
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from leakkit.measures.survival import RiskTable, aalen_johansen, risk_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from numpy.typing import NDArray

    from leakkit.measures.survival import Bools, Curve, Floats, Ints


# ---------------- counts
# Counts by age, taken apart: from one long table to the risk tables of single stages.

EXITS = ("open", "next", "jumped", "won_here", "returned", "lost", "moved")
"""Names of the exit numbers 0 to 6; `open` and `moved` are censored in every curve."""
ADVANCED = ("next", "jumped", "won_here")
CURVE_KINDS = (*ADVANCED, "returned", "lost")
AgeCounts = tuple["Ints", "Ints"]
Columns = dict[str, "NDArray[Any]"]
"""The columns of a few rows, by name."""
NONE: AgeCounts = (np.zeros(0, np.int64), np.zeros(0, np.int64))


def censored_kinds(policy: str = "observed", *, last_stage: bool = False) -> tuple[str, ...]:
    """Return the exits that end a stay without an exit; under `strict`, also those that skip.

    >>> censored_kinds("strict", last_stage=True)
    ('open', 'moved', 'jumped')
    """
    if policy != "strict":
        return ("open", "moved")
    return ("open", "moved", "jumped") if last_stage else ("open", "moved", "jumped", "won_here")


@dataclass(frozen=True)
class StayCounts:
    """Arrivals at risk, and departures by exit, of one stage in one window.

    Every entry is (ages, counts). `values` holds the same with sums of money.
    """

    arrivals: AgeCounts = NONE
    departures: dict[str, AgeCounts] = field(default_factory=dict)
    arrived_value: AgeCounts = NONE
    departed_value: dict[str, AgeCounts] = field(default_factory=dict)

    def __add__(self, other: StayCounts) -> StayCounts:
        """Join the counts of disjoint groups or windows: counts add up."""
        return StayCounts(
            _join_counts(self.arrivals, other.arrivals),
            _join_all(self.departures, other.departures),
            _join_counts(self.arrived_value, other.arrived_value),
            _join_all(self.departed_value, other.departed_value),
        )

    def table(self, policy: str = "observed", *, last_stage: bool = False) -> RiskTable:
        """Return the risk table; under `strict`, passages that skip end as censored."""
        censored = censored_kinds(policy, last_stage=last_stage)
        kept = {
            kind: self.departures.get(kind, NONE) for kind in CURVE_KINDS if kind not in censored
        }
        gone = [self.departures[kind] for kind in censored if kind in self.departures]
        skipped = {kind: NONE for kind in CURVE_KINDS if kind in censored}
        together = _join_counts(*gone) if gone else NONE
        return risk_table(self.arrivals, {**kept, **skipped, "censored": together})

    def curve(self, policy: str = "observed", *, last_stage: bool = False) -> Curve:
        """Return the curve of the risk table, which is made once for all who read it."""
        censored = censored_kinds(policy, last_stage=last_stage)
        if censored not in self._curves:
            table = self.table(policy, last_stage=last_stage)
            self._curves[censored] = aalen_johansen(table)
        return self._curves[censored]

    @cached_property
    def _curves(self) -> dict[tuple[str, ...], Curve]:
        """The curves that were asked for, by the exits that they censor."""
        return {}

    def table_of(self, kinds: tuple[str, ...]) -> RiskTable:
        """Return the risk table in which only the exits `kinds` count; the others are censored."""
        gone = [ages for kind, ages in self.departures.items() if kind not in kinds]
        kept = {kind: self.departures.get(kind, NONE) for kind in kinds}
        return risk_table(
            self.arrivals, {**kept, "censored": _join_counts(*gone) if gone else NONE}
        )

    def value_table(self) -> RiskTable:
        """Return the risk table in which every deal weighs its value."""
        kept = {kind: self.departed_value.get(kind, NONE) for kind in CURVE_KINDS}
        gone = [self.departed_value[k] for k in ("moved", "open") if k in self.departed_value]
        return risk_table(
            self.arrived_value, {**kept, "censored": _join_counts(*gone) if gone else NONE}
        )


def _join_counts(*parts: AgeCounts) -> AgeCounts:
    """Put several (ages, counts) behind each other; the risk table sums equal ages."""
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _join_all(one: dict[str, AgeCounts], other: dict[str, AgeCounts]) -> dict[str, AgeCounts]:
    """Join (ages, counts) kind by kind."""
    return {
        kind: _join_counts(one.get(kind, NONE), other.get(kind, NONE))
        for kind in sorted({*one, *other})
    }


def stays_by_group(frame: pd.DataFrame, keys: list[str]) -> dict[tuple[int, ...], StayCounts]:
    """Take a frame of counts (keys, arrives, age, exit, n, total) apart by its keys.

    `arrives` is 1 on rows that count arrivals; `exit` is the exit number on others. Where no
    `total` is counted, there is no money.
    """
    order, found = _places(frame, keys)
    arrives = frame["arrives"].to_numpy()[order] == 1
    exits = frame["exit"].to_numpy()[order]
    ages, n = (frame[name].to_numpy(np.int64)[order] for name in ("age", "n"))
    total = frame["total"].to_numpy(np.int64)[order] if "total" in frame else np.zeros_like(n)
    return {
        key: _stay_counts(arrives[of], exits[of], ages[of], n[of], total[of]) for key, of in found
    }


def groups(frame: pd.DataFrame, keys: list[str]) -> Iterator[tuple[tuple[int, ...], pd.DataFrame]]:
    """Yield the rows of each group, in the order of the keys."""
    order, found = _places(frame, keys)
    ordered = frame.take(order)
    for key, of in found:
        yield key, ordered.iloc[of]


def split_columns(frame: pd.DataFrame, key: str) -> tuple[dict[int, Columns], Columns]:
    """Take a frame apart by the numbers of a column, as plain arrays; beside them those of none.

    A small frame takes longer to ask for a column than the column takes to read.
    """
    parts = {number: part for (number,), part in split_by(frame, [key]).items()}
    return parts, {str(name): frame[name].to_numpy()[:0] for name in frame}


def split_by(frame: pd.DataFrame, keys: list[str]) -> dict[tuple[int, ...], Columns]:
    """Take a frame apart by the numbers of some columns, in their order, as plain arrays."""
    order, found = _places(frame, keys)
    columns = {str(name): frame[name].to_numpy()[order] for name in frame}
    return {key: {name: column[of] for name, column in columns.items()} for key, of in found}


def _places(
    frame: pd.DataFrame, keys: list[str]
) -> tuple[Ints, list[tuple[tuple[int, ...], slice]]]:
    """Return an order of the rows by some keys, and where each group then stands."""
    columns = np.array([frame[key].to_numpy(np.int64) for key in keys])
    order = np.lexsort(columns[::-1])
    ordered = columns[:, order]
    begins = np.flatnonzero(np.diff(ordered, axis=1).any(axis=0)) + 1
    ends = [*begins.tolist(), len(frame)]
    firsts = [0, *begins.tolist()] if len(frame) else []
    return order, [
        (tuple(ordered[:, first].tolist()), slice(first, end))
        for first, end in zip(firsts, ends, strict=False)
    ]


def _stay_counts(arrives: Bools, exits: Ints, ages: Ints, n: Ints, total: Ints) -> StayCounts:
    """Collect the counts of one group."""
    kinds = {EXITS[e]: ~arrives & (exits == e) for e in np.unique(exits[~arrives])}
    return StayCounts(
        (ages[arrives], n[arrives]),
        {kind: (ages[of], n[of]) for kind, of in kinds.items()},
        (ages[arrives], total[arrives]),
        {kind: (ages[of], total[of]) for kind, of in kinds.items()},
    )


# ---------------- bootstrap
# Resampling by opportunity, where Greenwood does not reach.

REPLICATES = 500
SEED = 20_250_101
PLATEAU = 0.9
FEW_AMOUNTS = 2_500
"""Up to so many a library for sparse matrices takes longer to load than it saves."""
CENSORED = tuple(EXITS.index(kind) for kind in censored_kinds())
OWN, OTHERS, GONE, CAME = range(4)
"""What is drawn apart: who left by the wanted exits, by others and by none, and who came."""


@dataclass(frozen=True)
class ClusterCounts:
    """Arrivals at risk and departures by cluster and age, in deals or in money: columns.

    `age` and `cluster` are places, that of an age in `ages`. `exit` is -1 where `amount` came;
    the exits of the numbers `censored` are none.
    """

    ages: Ints
    clusters: int
    age: Ints
    cluster: Ints
    exit: Ints
    amount: Floats
    censored: tuple[int, ...]

    def until(self, age: float) -> ClusterCounts:
        """Return the counts up to an age: what comes later changes no share before it."""
        end = int(np.searchsorted(self.ages, age, side="right"))
        early = self.age < end
        return replace(
            self,
            ages=self.ages[:end],
            age=self.age[early],
            cluster=self.cluster[early],
            exit=self.exit[early],
            amount=self.amount[early],
        )

    def replicate(self, wanted: tuple[int, ...], draws: Floats | None = None) -> Replicated:
        """Resample who left by some exits, who by any, and who was at risk.

        `draws` are how often each cluster (rows) is drawn by replicate; by default as many as
        there are, with replacement; seeded.
        """
        kinds = np.full(len(EXITS) + 1, OTHERS)
        kinds[list(wanted)], kinds[list(self.censored)], kinds[-1] = OWN, GONE, CAME
        size = len(self.ages)
        rows = self.age + size * kinds[self.exit]
        used = _draws(self.clusters) if draws is None else draws
        drawn = _draw_sums(rows, self.cluster, self.amount, used, 4 * size)
        own, others, gone, came = drawn.reshape(4, size, -1)
        every = own + others
        return Replicated(own, every, _at_risk(came, every + gone))


@dataclass(frozen=True)
class Replicated:
    """Who left by some exits, who by any, and who was at risk: by age (rows) and replicate.

    Running along the ages adds whole rows.
    """

    own: Floats
    every: Floats
    at_risk: Floats

    @property
    def steps(self) -> Floats:
        """By how much F of the exits grows at each age."""
        staying = np.ones_like(self.every)
        np.cumprod(1.0 - _divide(self.every, self.at_risk)[:-1], axis=0, out=staying[1:])
        own = _divide(self.own, self.at_risk)
        return np.multiply(staying, own, out=own)


def _draw_sums(rows: Ints, clusters: Ints, amounts: Floats, draws: Floats, size: int) -> Floats:
    """Return the sums by row and replicate, each cluster as often as it is drawn.

    A library for sparse matrices takes longer to load than it saves a few amounts; where
    something else has loaded it, it takes a third. Whole numbers have the same sums either way.
    """
    if len(amounts) > FEW_AMOUNTS or "scipy.sparse" in sys.modules:
        shape = (size, len(draws))
        many: Floats = scipy.sparse.csr_array((amounts, (rows, clusters)), shape=shape) @ draws
        return many
    found = np.zeros((size, draws.shape[1]))
    order = np.argsort(rows, kind="stable")
    starts = np.flatnonzero(np.diff(rows[order], prepend=-1)).tolist()
    for start, end in itertools.pairwise([*starts, len(order)]):
        same = order[start:end]
        found[rows[same[0]]] = amounts[same] @ draws[clusters[same]]
    return found


def _divide(some: Floats, of: Floats) -> Floats:
    """Return shares, and 0 where there is nobody to be a share of."""
    return np.divide(some, of, out=np.zeros_like(some), where=of > 0)


def _at_risk(arrivals: Floats, departures: Floats) -> Floats:
    """Return the numbers at risk by age (rows): who leaves at an age is still at risk there."""
    change = arrivals.copy()
    change[1:] -= departures[:-1]
    return np.cumsum(change, axis=0)


def cluster_counts(
    rows: Columns, column: str = "n", censored: tuple[int, ...] = CENSORED
) -> ClusterCounts:
    """Arrange counts (cluster, arrives, age, exit, `column`) by cluster and age.

    `censored` are the numbers of the exits that end a stay without being one.
    """
    clusters, cluster = np.unique(rows["cluster"], return_inverse=True)
    ages, age = np.unique(rows["age"], return_inverse=True)
    exits = np.where(rows["arrives"] == 1, -1, rows["exit"])
    amount = rows[column].astype(np.float64)
    return ClusterCounts(ages, len(clusters), age, cluster, exits, amount, censored)


def replicated_shares(counts: ClusterCounts, wanted: tuple[int, ...]) -> Floats:
    """Return F of the wanted exits, by their numbers: replicate (rows) by age (columns)."""
    return np.cumsum(counts.replicate(wanted).steps, axis=0).T


@functools.lru_cache(maxsize=8)
def _draws(clusters: int) -> Floats:
    """Return how often each cluster (rows) is drawn by replicate: the same for every stage."""
    return _narrow_draws(clusters).astype(np.float64)


@functools.lru_cache(maxsize=64)
def _narrow_draws(clusters: int) -> NDArray[np.uint8]:
    """Return the same in an eighth of the room, so that those of many stages are kept.

    A cluster is drawn once a replicate on average, and never 256 times.
    """
    picked = np.random.default_rng(SEED).integers(0, clusters, size=(REPLICATES, clusters))
    # one bin per replicate and cluster: ten times as fast as a multinomial draw
    picked += clusters * np.arange(REPLICATES)[:, None]
    draws = np.bincount(picked.ravel(), minlength=REPLICATES * clusters).astype(np.uint8)
    return np.ascontiguousarray(draws.reshape(REPLICATES, clusters).T)


def share_interval(
    counts: ClusterCounts, wanted: tuple[int, ...], age: float
) -> tuple[float, float]:
    """Return the 95 % interval of F(age) of the wanted exits, by resampling."""
    end = int(np.searchsorted(counts.ages, age, side="right"))
    if not end:
        return 0.0, 0.0
    # whole rows are added one after the other, as they are for F at every age
    shares = np.add.reduce(counts.replicate(wanted).steps[:end], axis=0)
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)


def expected_interval(
    counts: ClusterCounts, wanted: tuple[int, ...], limit: float
) -> tuple[float, float]:
    """Return the 80 % interval of the age at which F reaches 0.9 of its value at `limit`."""
    shares = replicated_shares(counts.until(limit), wanted)
    reached = shares >= PLATEAU * shares[:, [-1]] - 1e-12
    ages = counts.ages[np.argmax(reached, axis=1)]
    low, high = np.quantile(ages, [0.1, 0.9])
    return float(low), float(high)
