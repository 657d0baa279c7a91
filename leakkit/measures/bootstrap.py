"""Resampling by opportunity, where Greenwood does not reach."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from leakkit.measures.counts import EXITS, censored_kinds

if TYPE_CHECKING:
    import pandas as pd

    from leakkit.measures.survival import Floats, Ints

REPLICATES = 500
SEED = 20_250_101
PLATEAU = 0.9
CENSORED = tuple(EXITS.index(kind) for kind in censored_kinds())


@dataclass(frozen=True)
class ClusterCounts:
    """Arrivals at risk and exits by cluster (rows) and age (columns), in deals or in money.

    Nearly all of them are 0 where every deal is a cluster, so they are kept sparse.
    """

    ages: Ints
    arrivals: sparse.csr_array
    departures: sparse.csr_array
    wanted: sparse.csr_array
    every: sparse.csr_array

    def until(self, age: float) -> ClusterCounts:
        """Return the counts up to an age: what comes later changes no share before it."""
        end = int(np.searchsorted(self.ages, age, side="right"))
        parts = (self.arrivals, self.departures, self.wanted, self.every)
        return ClusterCounts(self.ages[:end], *(part[:, :end] for part in parts))

    @property
    def at_risk(self) -> Floats:
        """Return the numbers at risk by cluster and age."""
        return _at_risk(self.arrivals.toarray().T, self.departures.toarray().T).T


def _at_risk(arrivals: Floats, departures: Floats) -> Floats:
    """Return the numbers at risk by age (rows): who leaves at an age is still at risk there."""
    return np.cumsum(arrivals, axis=0) - np.cumsum(departures, axis=0) + departures


def cluster_counts(
    rows: pd.DataFrame,
    wanted: tuple[int, ...],
    column: str = "n",
    censored: tuple[int, ...] = CENSORED,
) -> ClusterCounts:
    """Arrange counts (cluster, arrives, age, exit, `column`) as matrices.

    `wanted` are the exit numbers of interest; `censored` end a stay without an exit.
    """
    clusters, place = np.unique(rows["cluster"].to_numpy(), return_inverse=True)
    ages, spot = np.unique(rows["age"].to_numpy(np.int64), return_inverse=True)
    amount = rows[column].to_numpy(np.float64)
    arrives = rows["arrives"].to_numpy() == 1
    exits = rows["exit"].to_numpy()

    def spread(chosen: Ints) -> sparse.csr_array:
        where = (place[chosen], spot[chosen])
        return sparse.csr_array((amount[chosen], where), shape=(len(clusters), len(ages)))

    return ClusterCounts(
        ages,
        spread(arrives),
        spread(~arrives),
        spread(~arrives & np.isin(exits, wanted) & ~np.isin(exits, censored)),
        spread(~arrives & ~np.isin(exits, censored)),
    )


def replicated_shares(counts: ClusterCounts) -> Floats:
    """Return F of the wanted exits, by replicate (rows) and age (columns).

    Each replicate draws as many clusters as there are, with replacement; seeded.
    """
    draws = _draws(counts.arrivals.shape[0])
    # by age (rows) and replicate, so that running along the ages adds whole rows
    arrivals, departures, own, every = (
        part.T @ draws for part in (counts.arrivals, counts.departures, counts.wanted, counts.every)
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
