"""Two shares compared: the test, the interval, many tests at once, and what they could show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import scipy

from leakkit.measures.survival import wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.findings.stage_readings import Readings, WindowReading
    from leakkit.measures.survival import Floats


# ---------------- contrasts
# Two shares against each other, and many such contrasts at once.

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


# ---------------- comparison
# Two shares compared: the test, the interval, the wobble of months, and since when.

MIN_EXPECTED = 3.0
"""Expected events below which the exact test is used."""
VISIBLE = 4.03
"""Standard errors that a change must have to be found in 8 of 10 cases after correction."""
MONTHS_FOR_PHI = 4
MONTHS_FOR_SINCE = 8
MIN_MONTH_FOLLOWED = 5.0
"""Equivalent entrants below which a month says nothing about the wobble."""
PERMUTATIONS = 999
SEED = 20_250_101
SURE = 0.05
ALIKE = 1.0 + 1e-7
RULE_OF_THREE = 3.0
"""Events that may still be there where none was seen: the 95 % bound is 3 of n."""
NORMAL_UPPER = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Comparison:
    """A share against another one: `z` is signed, positive where the share is larger."""

    change: float
    low: float
    high: float
    z: float
    p_value: float
    smallest_visible: float


@dataclass(frozen=True)
class Wobble:
    """How much more the months of a pipeline differ than chance lets them.

    `phi` is the factor of the variance, 1 where they differ by chance only; `freedom` are
    the degrees of freedom that it was estimated with: without end where `phi` is 1,
    which is no estimate but the least that it may be.
    """

    phi: float = 1.0
    freedom: float = math.inf

    @property
    def widening(self) -> float:
        """How many times wider an interval is than chance alone makes it."""
        return (
            math.sqrt(self.phi) * float(scipy.special.stdtrit(self.freedom, 0.975)) / NORMAL_UPPER
        )

    def p_value(self, root: float) -> float:
        """Return the two-sided p of a signed root of a deviance."""
        return 2.0 * float(scipy.special.stdtr(self.freedom, -abs(root) / math.sqrt(self.phi)))


STEADY = Wobble()


def compare_shares(
    now: WindowReading, before: WindowReading, wobbling: Wobble = STEADY
) -> Comparison:
    """Is the share of one window another one than that of the window before?

    Two plain ratios compared as binomials forget that deals are censored, and that
    months differ by themselves. And the usual `(F1 - F0) / sqrt(pbar (1 - pbar) (1/e1 +
    1/e0))` is skewed where the windows differ in size: three in a hundred rises of a small
    share are beyond 1.96, and far out, where alarms are decided, it errs by a factor of
    two to four. So: the signed root of the deviance,
    `r = sign(F1 - F0) sqrt(2 (e1 K(F1, pbar) + e0 K(F0, pbar)) / phi)`, with e = n_eff,
    `pbar = (e1 F1 + e0 F0) / (e1 + e0)` and `K(a, b) = a ln(a/b) + (1-a) ln((1-a)/(1-b))`;
    p from Student's t with the degrees of freedom of phi. Where fewer than 3 events are
    expected on a side, Fisher's exact test on rounded counts. The interval is Newcombe's
    (MOVER, from the two Wilson intervals), widened by the wobble.

    Reference: McCullagh and Nelder (1989), Generalized Linear Models, sections 4.5 and
    9.2; Newcombe (1998), Stat. Med. 17, 873-890, method 10.
    """
    e1, e0 = now.entrants, before.entrants
    pooled = (e1 * now.share + e0 * before.share) / (e1 + e0)
    possible = _possible(pooled, e1 + e0)
    spread = wobbling.phi * possible * (1.0 - possible) * (1.0 / e1 + 1.0 / e0)
    change = now.share - before.share
    if min(e1, e0) * min(pooled, 1.0 - pooled) >= MIN_EXPECTED:
        deviance = _deviance(now, pooled) + _deviance(before, pooled)
        p_value = wobbling.p_value(math.sqrt(deviance))
    else:
        p_value = _fisher(now, before)
    low, high = difference_interval(now, before, wobbling)
    z = _deviate(p_value, change)
    return Comparison(change, low, high, z, p_value, VISIBLE * math.sqrt(spread))


def _possible(share: float, entrants: float) -> float:
    """Return the share, or the nearest that is possible where (nearly) nothing was seen.

    Of no event in n the 95 % bound is about 3 / n: what is not seen is not known to be 0.

    Reference: Hanley and Lippman-Hand (1983), JAMA 249, 1743-1745.
    """
    least = min(RULE_OF_THREE / entrants, 0.5)
    return min(max(share, least), 1.0 - least)


def against_target(now: WindowReading, target: float, wobbling: Wobble = STEADY) -> Comparison:
    """Is the share another one than the target?

    The signed root of the deviance from the target, p as between windows; the exact
    binomial test where fewer than 3 events are expected. The interval is Wilson's, less
    the target, widened by the wobble.
    """
    entrants, change = now.entrants, now.share - target
    possible = _possible(target, entrants)
    spread = wobbling.phi * possible * (1.0 - possible) / entrants
    if entrants * min(target, 1.0 - target) >= MIN_EXPECTED:
        p_value = wobbling.p_value(math.sqrt(_deviance(now, target)))
    else:
        from scipy.stats import binomtest

        trials = max(round(entrants), 1)
        p_value = float(binomtest(round(now.share * entrants), trials, target).pvalue)
    low, high = wilson(now.share, entrants)
    wide = wobbling.widening
    return Comparison(
        change,
        max(change - wide * (now.share - low), -1.0),
        min(change + wide * (high - now.share), 1.0),
        _deviate(p_value, change),
        p_value,
        VISIBLE * math.sqrt(spread),
    )


def _deviance(read: WindowReading, expected: float) -> float:
    """Return twice the log likelihood ratio of a share against an expected one (0 < it < 1)."""
    share = read.share
    rel_entr = scipy.special.rel_entr
    found = rel_entr(share, expected) + rel_entr(1.0 - share, 1.0 - expected)
    return max(2.0 * read.entrants * float(found), 0.0)


def _fisher(now: WindowReading, before: WindowReading) -> float:
    """Return Fisher's two-sided p on rounded counts."""
    counts = []
    for one in (now, before):
        entrants = max(round(one.entrants), 1)
        counts.append((min(round(one.share * one.entrants), entrants), entrants))
    return fisher(*counts[0], *counts[1])


def fisher(events: int, n: int, events_before: int, n_before: int) -> float:
    """How likely is a table of two shares as far apart, both sides together, if they are one?

    The sum of the hypergeometric chances that are no larger than that of the table found.
    Chances within a part in ten million count as equal, as R's fisher.test has it.

    Source: Fisher, R. A. (1922), Journal of the Royal Statistical Society 85, 87-94.

    >>> round(fisher(3, 30, 0, 25), 4)
    0.2424
    """
    both = events + events_before
    fewest = max(0, both - n_before)
    could = np.arange(fewest, min(n, both) + 1, dtype=float)
    logs = _log_ways(n, could) + _log_ways(n_before, both - could)
    chances = np.exp(logs - logs.max())
    found = chances[events - fewest]
    return float(chances[chances <= found * ALIKE].sum() / chances.sum())


def _log_ways(n: int, chosen: Floats) -> Floats:
    """Return the logarithm of the number of ways to choose so many of n."""
    gammaln = scipy.special.gammaln
    ways: Floats = gammaln(n + 1) - gammaln(chosen + 1) - gammaln(n - chosen + 1)
    return ways


def _deviate(p_value: float, change: float) -> float:
    """Return the normal deviate that would have this two-sided p, with the sign of the change."""
    size = 0.0 if p_value >= 1.0 else -NormalDist().inv_cdf(max(p_value / 2.0, 1e-300))
    return math.copysign(size, change)


def difference_interval(
    now: WindowReading, before: WindowReading, wobbling: Wobble = STEADY
) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two shares, widened by the wobble."""
    low1, high1 = wilson(now.share, now.entrants)
    low0, high0 = wilson(before.share, before.entrants)
    change, wide = now.share - before.share, wobbling.widening
    below = wide * math.hypot(now.share - low1, high0 - before.share)
    above = wide * math.hypot(high1 - now.share, before.share - low0)
    return max(change - below, -1.0), min(change + above, 1.0)


def wobble(months: Sequence[Readings]) -> Wobble | None:
    """How much more do the months of this pipeline differ than chance lets them?

    `months` holds, per stage, the share in every month of the baseline.
    `phi = max(1, sum_s sum_j e_sj (F_sj - F_s)^2 / (F_s (1 - F_s)) / sum_s (J_s - 1))`, with
    F_s the mean of the months weighted by e_sj, and `sum_s (J_s - 1)` the degrees of
    freedom. Months with fewer than 5 equivalent entrants, stages with fewer than 4 other
    months, and stages in which nothing (or everything) happened are left out; None where
    no stage is left.
    """
    total, freedom = 0.0, 0
    for stage in months:
        counts = stage.followed >= MIN_MONTH_FOLLOWED
        share, entrants = stage.share[counts], stage.entrants[counts]
        if len(share) < MONTHS_FOR_PHI:
            continue
        mean = float(np.average(share, weights=entrants))
        if 0.0 < mean < 1.0:
            total += float((entrants * (share - mean) ** 2).sum()) / (mean * (1.0 - mean))
            freedom += len(share) - 1
    if not freedom:
        return None
    return Wobble(total / freedom, freedom) if total > freedom else STEADY


def since_month(months: Readings) -> int | None:
    """Since which month does the share differ from before?

    The split with the largest pooled z between the months before it and from it on; its
    p is the part of 999 seeded permutations of the months that have one as large. None
    under 8 months, or where p is above .05: the change has no clear beginning.
    """
    counts = np.flatnonzero(months.followed >= MIN_MONTH_FOLLOWED)
    if len(counts) < MONTHS_FOR_SINCE:
        return None
    share, entrants = months.share[counts], months.entrants[counts]
    shuffled = np.random.default_rng(SEED).permuted(
        np.tile(np.arange(len(counts)), (PERMUTATIONS, 1)), axis=1
    )
    orders = np.vstack([np.arange(len(counts)), shuffled])
    size = _splits(share[orders], entrants[orders])
    largest = size.max(axis=1)
    if not largest[0] > 0.0 or float((largest >= largest[0] - 1e-12).mean()) > SURE:
        return None
    return int(counts[int(size[0].argmax()) + 1])


def _splits(share: Floats, entrants: Floats) -> Floats:
    """Return |z| of every split of the months (columns) into before and after, per order."""
    events = np.cumsum(share * entrants, axis=1)
    people = np.cumsum(entrants, axis=1)
    before, after = people[:, :-1], people[:, -1:] - people[:, :-1]
    mean0, mean1 = events[:, :-1] / before, (events[:, -1:] - events[:, :-1]) / after
    pooled = events[:, -1:] / people[:, -1:]
    spread = pooled * (1.0 - pooled) * (1.0 / before + 1.0 / after)
    size: Floats = np.divide(
        np.abs(mean1 - mean0), np.sqrt(spread), out=np.zeros_like(mean0), where=spread > 0
    )
    return size
