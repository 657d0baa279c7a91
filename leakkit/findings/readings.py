"""Shares of one stage in many windows at once: what the tests compare."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from leakkit.measures.counts import CURVE_KINDS, EXITS
from leakkit.measures.survival import (
    MIN_FOLLOWED,
    Curve,
    RiskTable,
    aalen_johansen,
    greenwood,
    index_at,
    merge_doors,
    staying_variance,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from leakkit.measures.survival import Floats, Ints

FIRST_VISIT = 1


@dataclass(frozen=True)
class Reading:
    """A share, read at one age of one window.

    `entrants` is n_eff, how many entrants without censoring would make it as sure;
    `followed` the equivalent entrants followed to the age.
    """

    share: float
    entrants: float
    followed: float

    @property
    def known(self) -> bool:
        """Say whether enough were followed."""
        return self.followed >= MIN_FOLLOWED


@dataclass(frozen=True)
class Readings:
    """The same share in several windows: arrays over the windows (see `Reading`)."""

    share: Floats
    entrants: Floats
    followed: Floats

    def at(self, window: int) -> Reading:
        """Return one of them."""
        return Reading(
            float(self.share[window]), float(self.entrants[window]), float(self.followed[window])
        )

    def of(self, windows: slice) -> Readings:
        """Return some of them, as many as there are."""
        return Readings(self.share[windows], self.entrants[windows], self.followed[windows])


NOTHING = Readings(np.zeros(0), np.zeros(0), np.zeros(0))


def curves_by_stage(
    frame: pd.DataFrame, windows: int, censored: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[int, int], Curve]]:
    """Yield ((pipeline, stage), curves of first visits), one curve per window in one.

    `frame` counts arrivals and departures by age (part, pipeline, stage, visits,
    arrives, age, exit, n), with parts from 0 to `windows` - 1. Exits of the kinds
    `censored` end a stay without an exit.
    """
    rows = frame[frame["visits"] == FIRST_VISIT]
    names = ("pipeline", "stage", "part", "arrives", "age", "exit", "n")
    columns = [rows[name].to_numpy(np.int64) for name in names]
    order = np.lexsort((columns[1], columns[0]))
    pipeline, stage, *rest = (column[order] for column in columns)
    breaks = np.flatnonzero((np.diff(pipeline) != 0) | (np.diff(stage) != 0)) + 1
    bounds = [0, *breaks.tolist(), len(order)] if len(order) else []
    for first, end in pairwise(bounds):
        counted = [column[first:end] for column in rest]
        table = _tables(counted, windows, censored)
        yield (int(pipeline[first]), int(stage[first])), aalen_johansen(table)


def _tables(columns: list[Ints], windows: int, censored: tuple[str, ...]) -> RiskTable:
    """Arrange the counts of one stage as risk tables of the same ages."""
    part, arrives, age, exits, n = columns
    left = age[arrives == 0]
    ages = np.unique(np.concatenate([[0], age, left + 1])).astype(np.int64)
    place = np.searchsorted(ages, age)

    def spread(chosen: Ints) -> Ints:
        grid = np.zeros((windows, len(ages)), np.int64)
        np.add.at(grid, (part[chosen], place[chosen]), n[chosen])
        return grid

    come, gone = spread(arrives == 1), spread(arrives == 0)
    kept = [kind for kind in CURVE_KINDS if kind not in censored]
    leave = {kind: spread((arrives == 0) & (exits == EXITS.index(kind))) for kind in kept}
    at_risk = np.cumsum(come, axis=1) - np.cumsum(gone, axis=1) + gone
    return RiskTable(ages, at_risk, leave, int(come.sum()))


def count_followed_to(curve: Curve, age: float) -> Floats:
    """Return how many equivalent entrants each window followed to `age`."""
    upto = slice(0, index_at(curve, age) + 1)
    inside = curve.staying_before[..., upto] > 0
    found: Floats = np.where(inside, curve.equivalent[..., upto], np.inf).min(axis=-1)
    return found


def read_left_by(curve: Curve, kinds: tuple[str, ...], age: float) -> Readings:
    """Read the share that left by the doors `kinds` within `age` in every window."""
    where = index_at(curve, age)
    share = merge_doors(curve, kinds)[..., where].clip(0.0, 1.0).round(12)
    return _readings(curve, share, greenwood(curve, kinds)[..., where], age)


def still_inside(curve: Curve, age: float) -> Readings:
    """Read the share that is still inside after `age` in every window."""
    where = index_at(curve, age)
    return _readings(curve, curve.staying[..., where], staying_variance(curve)[..., where], age)


def _readings(curve: Curve, share: Floats, variance: Floats, age: float) -> Readings:
    """Attach to each share how sure it is."""
    followed = count_followed_to(curve, age)
    sure = (share > 0.0) & (share < 1.0) & (variance > 0.0)
    entrants = np.divide(share * (1.0 - share), variance, out=followed.copy(), where=sure)
    return Readings(share, entrants, followed)
