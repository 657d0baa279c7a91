"""Resampling by opportunity, where Greenwood does not reach."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from leakkit.measures.counts import EXITS, censored_kinds

if TYPE_CHECKING:
    import pandas as pd

    from leakkit.measures.survival import Bools, Floats, Ints

REPLICATES = 500
SEED = 20_250_101
PLATEAU = 0.9
FEW_AMOUNTS = 2_500
"""Up to so many a library for sparse matrices takes longer to load than it saves."""
CENSORED = tuple(EXITS.index(kind) for kind in censored_kinds())


@dataclass(frozen=True)
class Spread:
    """Amounts by cluster and age, in the order of the ages; nearly all are 0, and not here.

    `age` and `cluster` are the places of each amount.
    """

    age: Ints
    cluster: Ints
    amount: Floats

    def until(self, end: int) -> Spread:
        """Return the amounts before a place of the ages."""
        last = int(np.searchsorted(self.age, end))
        return Spread(self.age[:last], self.cluster[:last], self.amount[:last])

    def drawn(self, draws: Floats, ages: int) -> Floats:
        """Return the sums by age (rows) and replicate, each cluster as often as it is drawn."""
        if len(self.amount) > FEW_AMOUNTS:
            where, shape = (self.age, self.cluster), (ages, len(draws))
            many: Floats = scipy.sparse.csr_array((self.amount, where), shape=shape) @ draws
            return many
        found = np.zeros((ages, draws.shape[1]))
        starts = np.flatnonzero(np.diff(self.age, prepend=-1)).tolist()
        for start, end in itertools.pairwise([*starts, len(self.age)]):
            found[self.age[start]] = self.amount[start:end] @ draws[self.cluster[start:end]]
        return found

    def matrix(self, clusters: int, ages: int) -> Floats:
        """Return the amounts by cluster (rows) and age (columns)."""
        found = np.zeros((clusters, ages))
        np.add.at(found, (self.cluster, self.age), self.amount)
        return found


@dataclass(frozen=True)
class ClusterCounts:
    """Arrivals at risk and exits by cluster and age, in deals or in money."""

    ages: Ints
    clusters: int
    arrivals: Spread
    departures: Spread
    wanted: Spread
    every: Spread

    def until(self, age: float) -> ClusterCounts:
        """Return the counts up to an age: what comes later changes no share before it."""
        end = int(np.searchsorted(self.ages, age, side="right"))
        parts = (self.arrivals, self.departures, self.wanted, self.every)
        return ClusterCounts(self.ages[:end], self.clusters, *(part.until(end) for part in parts))

    @property
    def at_risk(self) -> Floats:
        """Return the numbers at risk by cluster and age."""
        size = (self.clusters, len(self.ages))
        return _at_risk(self.arrivals.matrix(*size).T, self.departures.matrix(*size).T).T


def _at_risk(arrivals: Floats, departures: Floats) -> Floats:
    """Return the numbers at risk by age (rows): who leaves at an age is still at risk there."""
    return np.cumsum(arrivals, axis=0) - np.cumsum(departures, axis=0) + departures


def cluster_counts(
    rows: pd.DataFrame,
    wanted: tuple[int, ...],
    column: str = "n",
    censored: tuple[int, ...] = CENSORED,
) -> ClusterCounts:
    """Arrange counts (cluster, arrives, age, exit, `column`) by cluster and age.

    `wanted` are the exit numbers of interest; `censored` end a stay without an exit.
    """
    clusters, place = np.unique(rows["cluster"].to_numpy(), return_inverse=True)
    ages, spot = np.unique(rows["age"].to_numpy(np.int64), return_inverse=True)
    amount = rows[column].to_numpy(np.float64)
    arrives = rows["arrives"].to_numpy() == 1
    exits = rows["exit"].to_numpy()

    order = np.argsort(spot, kind="stable")

    def spread(chosen: Bools) -> Spread:
        at = order[chosen[order]]
        return Spread(spot[at], place[at], amount[at])

    return ClusterCounts(
        ages,
        len(clusters),
        spread(arrives),
        spread(~arrives),
        spread(~arrives & np.isin(exits, wanted) & ~np.isin(exits, censored)),
        spread(~arrives & ~np.isin(exits, censored)),
    )


def replicated_shares(counts: ClusterCounts) -> Floats:
    """Return F of the wanted exits, by replicate (rows) and age (columns).

    Each replicate draws as many clusters as there are, with replacement; seeded.
    """
    draws = _draws(counts.clusters)
    # by age (rows) and replicate, so that running along the ages adds whole rows
    arrivals, departures, own, every = (
        part.drawn(draws, len(counts.ages))
        for part in (counts.arrivals, counts.departures, counts.wanted, counts.every)
    )
    at_risk = _at_risk(arrivals, departures)
    hazard = np.divide(every, at_risk, out=np.zeros_like(every), where=at_risk > 0)
    staying = np.cumprod(1.0 - hazard, axis=0)
    before = np.concatenate([np.ones((1, REPLICATES)), staying[:-1]])
    steps = np.divide(own, at_risk, out=np.zeros_like(own), where=at_risk > 0)
    shares: Floats = np.cumsum(before * steps, axis=0).T
    return shares


@functools.lru_cache(maxsize=8)
def _draws(clusters: int) -> Floats:
    """Return how often each cluster (rows) is drawn by replicate: the same for every stage."""
    picked = np.random.default_rng(SEED).integers(0, clusters, size=(REPLICATES, clusters))
    # one bin per replicate and cluster: ten times as fast as a multinomial draw
    places = (picked + clusters * np.arange(REPLICATES)[:, None]).ravel()
    draws = np.bincount(places, minlength=REPLICATES * clusters).astype(np.float64)
    return np.ascontiguousarray(draws.reshape(REPLICATES, clusters).T)


def share_interval(counts: ClusterCounts, age: float) -> tuple[float, float]:
    """Return the 95 % interval of F(age) by resampling."""
    known = counts.until(age)
    if not len(known.ages):
        return 0.0, 0.0
    shares = replicated_shares(known)[:, -1]
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)


def expected_interval(counts: ClusterCounts, limit: float) -> tuple[float, float]:
    """Return the 80 % interval of the age at which F reaches 0.9 of its value at `limit`."""
    shares = replicated_shares(counts.until(limit))
    reached = shares >= PLATEAU * shares[:, [-1]] - 1e-12
    ages = counts.ages[np.argmax(reached, axis=1)]
    low, high = np.quantile(ages, [0.1, 0.9])
    return float(low), float(high)
