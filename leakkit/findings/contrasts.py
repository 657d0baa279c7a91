"""Two shares against each other, and many such contrasts at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from leakkit.measures.survival import wilson

if TYPE_CHECKING:
    from leakkit.measures.survival import Floats

Interval = tuple[float, float]
NORMAL_975 = 1.959963984540054
ONE_OF_TWO = 2.241402727604947 / NORMAL_975
"""How much wider the intervals of two sources are if together they may err in .05 of the cases."""


@dataclass(frozen=True)
class Excess:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def is_sure(self) -> bool:
        """Say whether the 97.5 % interval excludes 0: what one of two sources must show alone."""
        distance = self.value - self.low if self.value > 0.0 else self.high - self.value
        return abs(self.value) > ONE_OF_TWO * distance


def excess_share(cases: int, n: int, reference_cases: int, reference_n: int) -> Excess:
    """Which share of the `n` shows a sign beyond what the reference shows anyhow?

    `e = (p - r) / (1 - r) = 1 - (1 - p) / (1 - r)`: if the sign has nothing to do with
    being lost, p = r and e = 0; if every loss shows it, e = 1. The interval is MOVER's
    for a ratio, from Wilson's intervals of the two shares without the sign.

    >>> found = excess_share(60, 100, 100, 500)
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
    (0.5, 0.374, 0.614)

    Reference: Donner and Zou (2012), Stat. Methods Med. Res. 21, 347-359.
    """
    p, r = cases / n, reference_cases / reference_n
    if r >= 1.0:
        return Excess(0.0, 0.0, 0.0)
    low, high = ratio_interval(1.0 - p, _without(p, n), 1.0 - r, _without(r, reference_n))
    return Excess((p - r) / (1.0 - r), 1.0 - high, 1.0 - low)


def _without(share: float, n: int) -> Interval:
    """Return the interval of the share that does not show a sign."""
    low, high = wilson(share, n)
    return 1.0 - high, 1.0 - low


def ratio_interval(one: float, of_one: Interval, two: float, of_two: Interval) -> Interval:
    """Return MOVER's interval of `one / two` from the intervals of both (above 0)."""
    (low1, high1), (low2, high2) = of_one, of_two
    both = one * two
    lower = both**2 - low1 * high2 * (2.0 * one - low1) * (2.0 * two - high2)
    upper = both**2 - high1 * low2 * (2.0 * one - high1) * (2.0 * two - low2)
    return (
        float((both - max(lower, 0.0) ** 0.5) / (high2 * (2.0 * two - high2))),
        float((both + max(upper, 0.0) ** 0.5) / (low2 * (2.0 * two - low2))),
    )


def difference(one: Excess, two: Excess, correlation: float = 0.0) -> Excess:
    """Return `one - two` with MOVER's interval, for estimates correlated so much.

    Reference: Zou and Donner (2008), Stat. Med. 27, 1693-1702.
    """
    value = one.value - two.value
    below = _distance(one.value - one.low, two.high - two.value, correlation)
    above = _distance(one.high - one.value, two.value - two.low, correlation)
    return Excess(value, value - below, value + above)


def _distance(one: float, two: float, correlation: float) -> float:
    """Combine the distances of two limits from their estimates."""
    return float(max(one**2 + two**2 - 2.0 * correlation * one * two, 0.0) ** 0.5)


def share_difference(cases: int, others: int, n: int) -> Excess:
    """Return the difference of two shares of the same `n`, which exclude each other."""
    p, r = cases / n, others / n
    spread = (p * (1.0 - p) * r * (1.0 - r)) ** 0.5
    one, two = (Excess(share, *wilson(share, n)) for share in (p, r))
    return difference(one, two, -p * r / spread if spread > 0 else 0.0)


def pooled_z(share: Floats, n: Floats, reference: Floats, reference_n: Floats) -> Floats:
    """Return z of `share - reference` with the pooled share; NaN where nobody differs.

    The numbers of deals are n_eff, which need not be whole.
    """
    pooled = (n * share + reference_n * reference) / (n + reference_n)
    variance = pooled * (1.0 - pooled) * (1.0 / n + 1.0 / reference_n)
    spread = np.sqrt(variance, out=np.full_like(variance, np.nan), where=variance > 0)
    z: Floats = (share - reference) / spread
    return z


def two_sided(z: Floats) -> Floats:
    """Return the two-sided p of a z; 1 where there is none."""
    p: Floats = np.where(np.isnan(z), 1.0, 2.0 * scipy.special.ndtr(-np.abs(z)))
    return p


def one_sided(t: Floats, freedom: Floats) -> Floats:
    """Return the p of a t that only counts above 0, of so many degrees of freedom (or inf).

    >>> one_sided(np.array([1.96, 1.96]), np.array([np.inf, 10.0])).round(3).tolist()
    [0.025, 0.039]
    """
    p: Floats = scipy.special.stdtr(freedom, -t)
    return p


def false_discovery(p: Floats) -> Floats:
    """Return q for every p of a family: the smallest false discovery rate that takes it in.

    Reference: Benjamini and Hochberg (1995), J. R. Stat. Soc. B 57, 289-300.
    """
    order = np.argsort(p)
    q = np.empty(len(p))
    raw = np.asarray(p)[order] * len(p) / np.arange(1, len(p) + 1)
    q[order] = np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1.0)
    return q
