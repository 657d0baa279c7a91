"""Ten deals to read: numbers do not say why, a look into the deals may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from leakkit.findings.design import Bools, Design
    from leakkit.measures.survival import Floats, Ints

DEALS = 5
"""Losses to read, and as many deals that advanced."""
OTHER_PRODUCT = 1e6
"""How far away a deal of another product is: further than any difference of values."""


@dataclass(frozen=True)
class DealToRead:
    """One deal to look into: its number, its stay in the stage, and its value (None unknown).

    `matched_to` is the lost deal that an advanced one is the counterpart of; None for a
    lost one.
    """

    opportunity: int
    kind: str
    stay: int
    value: int | None
    matched_to: int | None


def choose(losses: Design, advanced: Design, typical: Bools, seed: int) -> tuple[DealToRead, ...]:
    """Choose five losses nearest their median pattern, each with one that advanced.

    The pattern: stay, returns, passages before, value; each in interquartile ranges. The
    counterpart has the same product where there is one, then the nearest value. Equals
    are drawn by the seed.
    """
    rng = np.random.default_rng(seed)
    rows = rng.permutation(np.flatnonzero(typical))
    order = rows[np.argsort(_from_pattern(losses.only(rows)), kind="stable")]
    chosen = _first_of_each_deal(losses.opportunity[order], order)[:DEALS]
    taken = set(losses.opportunity[chosen].tolist())
    others = rng.permutation(np.flatnonzero(~np.isin(advanced.opportunity, list(taken))))
    deals = [_deal(losses, row, "lost", None) for row in chosen]
    matched = []
    for row in chosen:
        free = others[~np.isin(advanced.opportunity[others], list(taken))]
        if not len(free):
            break
        near = free[int(np.argmin(_apart(losses, row, advanced.only(free))))]
        taken.add(int(advanced.opportunity[near]))
        matched.append(_deal(advanced, near, "advanced", int(losses.opportunity[row])))
    return (*deals, *matched)


def _from_pattern(design: Design) -> Floats:
    """Return how far each passage is from the median of all."""
    away = np.zeros(len(design))
    if not len(design):
        return away
    value = np.where(design.value >= 0, design.value, 0)
    for column in (design.stay, design.returns, design.passages_before, np.log1p(value)):
        middle = np.median(column)
        spread = float(np.subtract(*np.quantile(column, [0.75, 0.25])))
        away += np.abs(column - middle) / (spread if spread > 0 else 1.0)
    return away


def _first_of_each_deal(opportunity: Ints, order: Ints) -> Ints:
    """Return the rows in order, the first of each deal only."""
    _, first = np.unique(opportunity, return_index=True)
    kept: Ints = order[np.sort(first)]
    return kept


def _apart(losses: Design, row: int, others: Design) -> Floats:
    """Return how far each of the others is from a loss, in product and value."""
    away = np.zeros(len(others))
    product = losses.segments.get(losses.product)
    if product is not None:
        away += np.where(others.segments[losses.product] == product[row], 0.0, OTHER_PRODUCT)
    value = max(int(losses.value[row]), 0)
    away += np.abs(np.log1p(np.maximum(others.value, 0)) - np.log1p(value))
    return away


def _deal(design: Design, row: int, kind: str, matched_to: int | None) -> DealToRead:
    """Return one passage as a deal to read."""
    value = int(design.value[row])
    return DealToRead(
        int(design.opportunity[row]),
        kind,
        int(design.stay[row]),
        value if value >= 0 else None,
        matched_to,
    )
