"""Two shares against each other, and many such contrasts at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

from leakkit.measures.survival import Z95, wilson

if TYPE_CHECKING:
    from leakkit.measures.survival import Floats

Interval = tuple[float, float]


@dataclass(frozen=True)
class Excess:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


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
    p: Floats = np.where(np.isnan(z), 1.0, 2.0 * norm.sf(np.abs(z)))
    return p


def false_discovery(p: Floats) -> Floats:
    """Return the q-values of Benjamini and Hochberg (1995)."""
    q: Floats = multipletests(p, method="fdr_bh")[1] if len(p) else np.zeros(0)
    return q


@dataclass(frozen=True)
class Shrunken:
    """Gaps pulled towards their centre; `spread` is the standard error of what is left."""

    gap: Floats
    spread: Floats
    centre: float
    tau2: float


def shrink(gaps: Floats, variances: Floats, centre: float | None = None) -> Shrunken:
    """How large is a gap once the luck of being the largest is taken off?

    The largest of ten equal segments "loses" more than the others by chance. Each gap is
    pulled to the centre (given, or the precision-weighted mean) by
    `tau2 / (tau2 + v)`, where tau2 is the variance between the members beyond v.

    Reference: DerSimonian and Laird (1986), Control. Clin. Trials 7, 177-188.
    """
    weight = 1.0 / variances
    mean = float(np.average(gaps, weights=weight)) if centre is None else centre
    spare = len(gaps) - (1 if centre is None else 0)
    scale = weight.sum() - (np.sum(weight**2) / weight.sum() if centre is None else 0.0)
    beyond = float(np.sum(weight * (gaps - mean) ** 2)) - spare
    tau2 = max(beyond / scale, 0.0) if scale > 0 else 0.0
    kept = tau2 / (tau2 + variances)
    return Shrunken(mean + kept * (gaps - mean), np.sqrt(kept * variances), mean, tau2)


def lower(value: Floats, spread: Floats) -> Floats:
    """Return the lower end of a 95 % interval."""
    bound: Floats = value - Z95 * spread
    return bound
