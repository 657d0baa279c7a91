"""The curves of many groups of one stage at once, from counts by group and age."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leakkit.findings.design import LOST
from leakkit.measures.counts import EXITS

if TYPE_CHECKING:
    from leakkit.findings.design import AtRisk, Bools
    from leakkit.measures.survival import Floats, Ints

KINDS = {"lost": (LOST,), "returned": (EXITS.index("returned"),), "overdue": ()}
"""The exits that a kind of leak counts; overdue counts who is still there."""
MOST_AGES = 512
"""Ages told apart; more (stays by the hour) are joined where few exits are."""


@dataclass(frozen=True)
class Spells:
    """The risk set of a window on a grid of ages up to the horizon, one entry per passage.

    `arrive` and `leave` are positions on the grid of `width` ages, `leave` being `width`
    for who stays past it; `own` says who left by the wanted exit, `gone` who left at all.
    """

    rows: Ints
    arrive: Ints
    leave: Ints
    own: Bools
    gone: Bools
    entered: Bools
    width: int
    staying: bool

    def __len__(self) -> int:
        """Return the number of passages."""
        return len(self.rows)


def spells(risk: AtRisk, horizon: float, kind: str) -> Spells:
    """Cut a risk set at the horizon, and put its ages onto a grid."""
    inside = risk.arrive <= horizon
    arrive, leave = risk.arrive[inside], risk.leave[inside]
    within = leave <= horizon
    gone = (risk.exit[inside] > 0) & within
    grid = _grid(arrive, leave[within], leave[gone])
    return Spells(
        rows=risk.rows[inside],
        arrive=np.searchsorted(grid, arrive, side="right") - 1,
        leave=np.where(within, np.searchsorted(grid, leave, side="right") - 1, len(grid)),
        own=gone & np.isin(risk.exit[inside], KINDS[kind]),
        gone=gone,
        entered=risk.entered[inside],
        width=len(grid),
        staying=kind == "overdue",
    )


def _grid(arrive: Ints, leave: Ints, exits: Ints) -> Ints:
    """Return the ages at which the number at risk changes, joined where there are too many."""
    ages = np.unique(np.concatenate([[0], arrive, leave, leave + 1]))
    if len(ages) <= MOST_AGES:
        return ages
    parts = np.linspace(0.0, 1.0, MOST_AGES)
    kept = np.quantile(exits, parts, method="inverted_cdf") if len(exits) else ages[:1]
    return np.unique(np.concatenate([[0], kept])).astype(np.int64)


@dataclass(frozen=True)
class Counts:
    """Numbers at risk, wanted exits and all exits: arrays [group, age].

    Counts of disjoint groups add up, and those of a part can be taken off the whole.
    """

    at_risk: Floats
    own: Floats
    gone: Floats
    staying: bool

    def __sub__(self, part: Counts) -> Counts:
        """Return the counts of the rest."""
        return Counts(
            self.at_risk - part.at_risk, self.own - part.own, self.gone - part.gone, self.staying
        )

    def take(self, groups: Ints | slice) -> Counts:
        """Return some of the groups."""
        return Counts(self.at_risk[groups], self.own[groups], self.gone[groups], self.staying)


def count(spans: Spells, group: Ints, groups: int, weight: Floats | None = None) -> Counts:
    """Count by group and age; passages of a group below 0 are left out."""
    chosen = group >= 0
    width = spans.width + 1

    def spread(age: Ints, which: Bools) -> Floats:
        rows = chosen & which
        key = group[rows] * width + age[rows]
        by = None if weight is None else weight[rows]
        total = np.bincount(key, by, groups * width).reshape(groups, width)
        counted: Floats = total[:, :-1].astype(np.float64)
        return counted

    everyone = np.ones(len(spans), dtype=bool)
    left = spread(spans.leave, everyone)
    came = np.cumsum(spread(spans.arrive, everyone), axis=1)
    at_risk = came - np.cumsum(left, axis=1) + left
    return Counts(at_risk, spread(spans.leave, spans.own), spread(spans.leave, spans.gone),
                  spans.staying)  # fmt: skip


@dataclass(frozen=True)
class Readings:
    """What is read at the horizon, by group: the share, its variance, who was followed.

    `n_eff = F (1 - F) / Var(F)`, or those followed where the share is 0 or 1; `exits` are
    the wanted ones (those still there, for overdue: the ones that left).
    """

    share: Floats
    variance: Floats
    followed: Floats
    n_eff: Floats
    exits: Floats


def read(counts: Counts) -> Readings:
    """Estimate every group: Aalen-Johansen with Greenwood's variance, as for one stage.

    Reference: docs/method.md, section 5; a test holds it against `measures.survival`.
    """
    y = np.maximum(counts.at_risk, 0.0)
    gone = counts.gone
    hazard = _ratio(gone, y)
    staying: Floats = np.cumprod(1.0 - hazard, axis=1, dtype=np.float64)
    before = np.concatenate([np.ones((len(y), 1)), staying[:, :-1]], axis=1)
    if counts.staying:
        share: Floats = staying[:, -1]
        variance: Floats = share**2 * _ratio(gone, y * (y - gone)).sum(axis=1)
    else:
        share, variance = _leaving(counts.own, gone, y, before)
    still = before > 1e-12  # noqa: PLR2004 - the dust of a product that should be 0
    every = np.where(still, _ratio(y, np.where(still, before, 1.0)), np.inf)
    followed: Floats = every.min(axis=1).round(9)
    inside = (share > 1e-12) & (share < 1.0 - 1e-12) & (variance > 0.0)  # noqa: PLR2004 - as above
    n_eff = np.where(inside, _ratio(share * (1.0 - share), variance), followed)
    exits = gone.sum(axis=1) if counts.staying else counts.own.sum(axis=1)
    return Readings(share, variance, followed, n_eff, exits)


def _leaving(own: Floats, gone: Floats, y: Floats, before: Floats) -> tuple[Floats, Floats]:
    """Return F of the wanted exit at the end of the grid, and its variance."""
    curve = np.cumsum(before * _ratio(own, y), axis=1)
    share = curve[:, -1]
    left = share[:, None] - curve
    rest = y > gone
    b = np.where(rest, left * _ratio(y, y - gone), 0.0)
    terms = before**2 * _ratio(own * (y - own), y**3)
    terms += -2.0 * before * b * _ratio(own * (y - gone), y**3)
    terms += b**2 * _ratio(gone * (y - gone), y**3)
    variance: Floats = terms.sum(axis=1).clip(min=0.0)
    return share, variance


def _ratio(over: Floats, under: Floats) -> Floats:
    """Divide, with 0 where there is nothing to divide by."""
    found: Floats = np.divide(over, under, out=np.zeros_like(under, float), where=under > 0)
    return found
