"""How the losses behaved: do they look different from deals that advanced from this stage?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leakkit.findings.comparison import NORMAL_975, Excess, excess_share

if TYPE_CHECKING:
    from leakkit.findings.stage_readings import Bools, Design
    from leakkit.measures.horizons import Days
    from leakkit.measures.survival import Floats, Ints

COMPLEXITY, UNCONVINCING, MIXED = "complexity", "unconvincing", "mixed"
OFFER = "offer"
MIN_LOSSES = 30
MIN_ADVANCED = 50
MIN_PEERS = 10
"""Advanced deals of a product whose value is known, below which none is dear or cheap."""
MIN_EXCESS = 0.10
SIMILAR = 0.5
"""How large the smaller of two families is, of the larger, where neither is the cause."""
LONG, SHORT = 0.9, 0.25

OWNER_DAY = 10
OWNER_DAY_TIMES = 3
ONE_DAY_SHARE, ONE_DAY_LOSSES, BLOCK_DAYS = 0.2, 5, 90
ONE_AGE_SHARE, ONE_AGE_ADVANCED = 0.2, 0.05
BULK_SHARE = 0.3


@dataclass(frozen=True)
class Administrative:
    """Losses that look like paperwork and are set apart; one may break several rules.

    `owner_day`: closed by one owner on one day (None without an owner column);
    `one_day`: on a day with many of the stage's losses; `one_age`: at one exact age, which
    is `age` (the most frequent one, in the pipeline's unit; None where there is none).
    """

    losses: int
    n: int
    owner_day: int | None
    one_day: int
    one_age: int
    age: float | None = None

    @property
    def in_bulk(self) -> bool:
        """Say whether so many were closed in bulk that no cause can be read."""
        return self.n > BULK_SHARE * self.losses


def administrative(losses: Design, advanced: Design, end_day: int) -> tuple[Bools, Administrative]:
    """Find the losses that were closed in bulk, and count them by rule.

    By one owner on a day: at least 10, and three times that owner's median day with
    losses (where ten a day are usual they are no clean-up). On one day: more than 20 %,
    and at least 5, of the losses of its 90 days, counted back from `end_day`. At one
    exact age: more than 20 %, and at least 5, of the losses, where less than 5 % of those
    who advanced left.
    """
    owner = losses.segments.get(losses.owner)
    by_owner = None if owner is None else _by_owner(owner, losses.left_day)
    by_day = _by_day(losses.left_day, end_day)
    by_age = _by_age(losses.stay, advanced.stay)
    found = by_day | by_age if by_owner is None else by_owner | by_day | by_age
    return found, Administrative(
        losses=len(losses),
        n=int(found.sum()),
        owner_day=None if by_owner is None else int(by_owner.sum()),
        one_day=int(by_day.sum()),
        one_age=int(by_age.sum()),
        age=_most_frequent(losses.stay[by_age]),
    )


def _by_owner(owner: Ints, day: Ints) -> Bools:
    """Say which losses one owner closed with many others on the same day."""
    pairs, place, n = np.unique(
        np.stack([owner, day]), axis=1, return_inverse=True, return_counts=True
    )
    owners, whose, days = np.unique(pairs[0], return_inverse=True, return_counts=True)
    usual = np.array([float(np.median(n[whose == i])) for i in range(len(owners))])
    # an owner whose only day this is has no usual day
    enough = np.where(days > 1, np.maximum(OWNER_DAY, OWNER_DAY_TIMES * usual), OWNER_DAY)
    many = (n >= enough[whose]) & (pairs[0] > 0)
    found: Bools = many[place.ravel()]
    return found


def _by_day(day: Ints, end_day: int) -> Bools:
    """Say which losses stand on a day with many of the losses of its 90 days."""
    block = (end_day - 1 - day) // BLOCK_DAYS
    _, of_block, in_block = np.unique(block, return_inverse=True, return_counts=True)
    _, of_day, on_day = np.unique(day, return_inverse=True, return_counts=True)
    n = on_day[of_day]
    found: Bools = (n >= ONE_DAY_LOSSES) & (n > ONE_DAY_SHARE * in_block[of_block])
    return found


def _by_age(lost: Ints, advanced: Ints) -> Bools:
    """Say which losses stand at an age at which many are lost and few advance."""
    ages, place, n = np.unique(lost, return_inverse=True, return_counts=True)
    ranked = np.sort(advanced)
    going = np.searchsorted(ranked, ages, side="right") - np.searchsorted(ranked, ages)
    many = (n >= ONE_DAY_LOSSES) & (n > ONE_AGE_SHARE * len(lost))
    odd = many & (going < ONE_AGE_ADVANCED * max(len(advanced), 1))
    found: Bools = odd[place]
    return found


def _most_frequent(ages: Ints) -> float | None:
    """Return the age that most have, the youngest of equals."""
    found, n = np.unique(ages, return_counts=True)
    return float(found[np.argmax(n)]) if len(found) else None


@dataclass(frozen=True)
class Limits:
    """Where a sign begins, by the quantiles of those who advanced; None: it cannot be seen."""

    long: float
    returns: float
    passages: float
    silent: float | None
    early: float | None
    dear: float | None
    usual_value: dict[int, float]


def limits(advanced: Design) -> Limits:
    """Read the limits of the signs off the deals that advanced."""
    after_offer = OFFER in advanced.kinds[max(advanced.stage - 1, 0) : advanced.stage + 1]
    usual = _usual_values(advanced)
    times = _times_usual(advanced, usual)
    known = times[~np.isnan(times)]
    gaps = advanced.longest_gap_days
    return Limits(
        long=_quantile(advanced.stay, LONG),
        returns=_quantile(advanced.returns, LONG),
        passages=_quantile(advanced.passages_before, LONG),
        silent=None if gaps is None else _quantile(gaps, LONG),
        early=_quantile(advanced.stay, SHORT) if after_offer else None,
        dear=_quantile(known, LONG) if len(known) >= MIN_ADVANCED else None,
        usual_value=usual,
    )


def _quantile(values: Ints | Floats, part: float) -> float:
    """Return a quantile that is one of the values."""
    return float(np.quantile(values, part, method="inverted_cdf"))


def _usual_values(advanced: Design) -> dict[int, float]:
    """Return the median value of each product among the deals that advanced."""
    product = advanced.segments.get(advanced.product)
    if product is None:
        return {}
    known = advanced.value >= 0
    medians = {}
    for code in np.unique(product[known & (product > 0)]):
        values = advanced.value[known & (product == code)]
        if len(values) >= MIN_PEERS and np.median(values) > 0:
            medians[int(code)] = float(np.median(values))
    return medians


def _times_usual(design: Design, usual: dict[int, float]) -> Floats:
    """Return how many times its product's usual value each deal has; NaN where not known."""
    times = np.full(len(design), np.nan)
    product = design.segments.get(design.product)
    if product is None:
        return times
    for code, value in usual.items():
        peers = (product == code) & (design.value >= 0)
        times[peers] = design.value[peers] / value
    return times


SIGNS = {
    "long": COMPLEXITY, "loops": COMPLEXITY, "silent": COMPLEXITY,
    "early": UNCONVINCING, "dear": UNCONVINCING,
}  # fmt: skip
"""The signs by what they point to: c1, c2, c3, u1, u2 of the method."""
LENGTH = frozenset(("long", "silent"))
"""Signs that a loss shows as well when it was decided early and written down late."""


def signs(design: Design, bounds: Limits) -> dict[str, Bools]:
    """Say which passages show which sign; a sign that cannot be seen is left out."""
    found = {
        "long": design.stay > bounds.long,
        "loops": (design.returns > bounds.returns) | (design.passages_before > bounds.passages),
    }
    if bounds.silent is not None and design.silent_days is not None:
        found["silent"] = design.silent_days > bounds.silent
    if bounds.early is not None:
        found["early"] = design.stay <= bounds.early
    if bounds.dear is not None:
        # NaN is not dear
        found["dear"] = _times_usual(design, bounds.usual_value) > bounds.dear
    return found


def pointing(found: dict[str, Bools], n: int) -> Ints:
    """Return 1 where more signs point to complexity, -1 where fewer do, else 0."""
    total = np.zeros(n, np.int64)
    for name, shown in found.items():
        total += np.where(shown, 1 if SIGNS[name] == COMPLEXITY else -1, 0)
    return np.sign(total)


@dataclass(frozen=True)
class SignCount:
    """How often a sign is seen among the losses and among those who advanced.

    `limit` is where it begins: days, returns, or times the usual value.
    """

    code: str
    family: str
    limit: float
    lost: int
    advanced: int


@dataclass(frozen=True)
class Looks:
    """How many look like complexity, like unconvincing, and like neither."""

    n: int
    complexity: int
    unconvincing: int

    @property
    def neither(self) -> int:
        """Passages that show no sign, or as many of both."""
        return self.n - self.complexity - self.unconvincing


@dataclass(frozen=True)
class Together:
    """The shares of the losses that look like each family, where both may be among them.

    `contrast` is complexity minus unconvincing.
    """

    complexity: Excess
    unconvincing: Excess
    contrast: Excess

    def of(self, family: str) -> Excess:
        """Return the share of one family."""
        return self.complexity if family == COMPLEXITY else self.unconvincing

    @property
    def similar(self) -> bool:
        """Say whether both are surely there, and the smaller is half of the larger or more."""
        both = (self.complexity, self.unconvincing)
        smaller, larger = sorted(one.value for one in both)
        return min(one.low for one in both) >= MIN_EXCESS and smaller >= SIMILAR * larger


def together(lost: Looks, usual: Looks) -> Together | None:
    """Which part of the losses looks like which family, beyond those who advanced?

    A loss that looks like one family cannot look like the other, so where both are there
    each hides a part of the other's excess share, the more common sign a larger part. So
    the losses are a mixture of some that show the sign of their family and others that
    look like those who advanced: `m_f = p_f - r_f p_0 / r_0`, with p the shares among the
    losses, r among those who advanced, and 0 for no sign. The intervals are by the delta
    method. None where everybody who advanced shows a sign.

    >>> found = together(Looks(100, 40, 40), Looks(500, 50, 150))
    >>> round(found.complexity.value, 3), round(found.unconvincing.value, 3)
    (0.367, 0.3)
    """
    if not usual.neither:
        return None
    return Together(
        *(_weigh_mixture(lost, usual, *weights) for weights in ((1, 0), (0, 1), (1, -1)))
    )


def _weigh_mixture(lost: Looks, usual: Looks, complexity: int, unconvincing: int) -> Excess:
    """Return a weighted sum of the two shares of the mixture, with its interval."""
    none, anyhow = lost.neither / lost.n, usual.neither / usual.n
    own = (complexity * lost.complexity + unconvincing * lost.unconvincing) / lost.n
    as_usual = (complexity * usual.complexity + unconvincing * usual.unconvincing) / usual.n
    value = own - as_usual * none / anyhow

    def squares(looks: Looks) -> float:
        return (complexity**2 * looks.complexity + unconvincing**2 * looks.unconvincing) / looks.n

    of_lost = squares(lost) + (as_usual / anyhow) ** 2 * none - value**2
    of_usual = (none / anyhow) ** 2 * (squares(usual) + as_usual**2 / anyhow)
    distance = NORMAL_975 * (max(of_lost, 0.0) / lost.n + of_usual / usual.n) ** 0.5
    return Excess(value, value - distance, value + distance)


@dataclass(frozen=True)
class Behaviour:
    """Behavioural evidence of one stage.

    `family` is complexity, unconvincing, mixed, or empty for `reason`: few_losses,
    few_advanced, no_excess (the losses look like those who advanced), no_contrast.
    The excess shares are beyond what the same rule finds among those who advanced.
    `length_only`: complexity, and without long stays and silence it would not be.
    """

    family: str
    reason: str
    length_only: bool
    lost: Looks
    advanced: Looks
    complexity: Excess | None
    unconvincing: Excess | None
    shared: Together | None
    without_length: Excess | None
    signs: tuple[SignCount, ...]

    @property
    def contrast(self) -> Excess | None:
        """The share that looks like complexity minus the other, where both may be there."""
        return None if self.shared is None else self.shared.contrast

    def shows(self, family: str, compared: str) -> bool:
        """Say whether a family is surely there, and half as large as the one beside it or more."""
        if self.shared is None:
            return False
        own, other = self.shared.of(family), self.shared.of(compared)
        longer = self.without_length
        by_length = family == COMPLEXITY and (longer is None or longer.low <= 0.0)
        return own.low > 0.0 and own.value >= SIMILAR * other.value and not by_length

    def strongest(self, family: str) -> str:
        """Return the sign of a family that the losses show most beyond the others; '' for none."""
        own = [one for one in self.signs if one.family == family]
        more = {
            one.code: one.lost / max(self.lost.n, 1) - one.advanced / max(self.advanced.n, 1)
            for one in own
        }
        return max(more, key=lambda code: (more[code], code)) if more else ""


def read_behaviour(losses: Design, advanced: Design) -> tuple[Behaviour, Ints]:
    """Compare the losses with those who advanced; also return where each loss points.

    The same rule runs on those who advanced, so that what it finds anyhow is taken off.
    """
    none = np.zeros(len(losses), np.int64)
    if len(advanced) < MIN_ADVANCED:
        plain = Looks(len(losses), 0, 0), Looks(len(advanced), 0, 0)
        return _nothing("few_advanced", *plain), none
    bounds = limits(advanced)
    of_lost, of_advanced = signs(losses, bounds), signs(advanced, bounds)
    of_lost = {name: shown for name, shown in of_lost.items() if name in of_advanced}
    points, anyhow = pointing(of_lost, len(losses)), pointing(of_advanced, len(advanced))
    counted = _sign_counts(of_lost, of_advanced, bounds)
    lost, usual = looks(points), looks(anyhow)
    if len(losses) < MIN_LOSSES:
        return _nothing("few_losses", lost, usual, counted), points
    complexity = excess_share(lost.complexity, lost.n, usual.complexity, usual.n)
    unconvincing = excess_share(lost.unconvincing, lost.n, usual.unconvincing, usual.n)
    shared = together(lost, usual)
    shorter = _without_length(of_lost, of_advanced, lost.n, usual.n)
    family, reason = _judge_family(complexity, unconvincing, shared, shorter)
    return Behaviour(
        family=family,
        reason=reason,
        length_only=family == COMPLEXITY and shorter.low < MIN_EXCESS,
        lost=lost,
        advanced=usual,
        complexity=complexity,
        unconvincing=unconvincing,
        shared=shared,
        without_length=shorter,
        signs=counted,
    ), points


def _nothing(
    reason: str, lost: Looks, usual: Looks, counted: tuple[SignCount, ...] = ()
) -> Behaviour:
    """Return the behaviour of which nothing can be said."""
    return Behaviour(
        family="", reason=reason, length_only=False, lost=lost, advanced=usual, complexity=None,
        unconvincing=None, shared=None, without_length=None, signs=counted,
    )  # fmt: skip


def looks(points: Ints) -> Looks:
    """Count what passages look like."""
    return Looks(len(points), int((points > 0).sum()), int((points < 0).sum()))


def _judge_family(
    complexity: Excess, unconvincing: Excess, shared: Together | None, shorter: Excess
) -> tuple[str, str]:
    """Return the family that the losses look like, or why they look like none.

    Both at once only where something is left of complexity without long stays (`shorter`).
    """
    if max(complexity.low, unconvincing.low) < MIN_EXCESS:
        return "", "no_excess"
    if shared is None:
        return "", "no_contrast"
    if shared.similar and shorter.low > 0.0:
        return MIXED, ""
    if complexity.low >= MIN_EXCESS and shared.contrast.low > 0.0:
        return COMPLEXITY, ""
    if unconvincing.low >= MIN_EXCESS and shared.contrast.high < 0.0:
        return UNCONVINCING, ""
    return "", "no_contrast"


def _without_length(
    of_lost: dict[str, Bools], of_advanced: dict[str, Bools], lost: int, usual: int
) -> Excess:
    """Return the excess share of complexity when long stays and silence are no sign of it."""
    counts = []
    for found, n in ((of_lost, lost), (of_advanced, usual)):
        rest = {name: shown for name, shown in found.items() if name not in LENGTH}
        counts.append(int((pointing(rest, n) > 0).sum()))
    return excess_share(counts[0], lost, counts[1], usual)


def _sign_counts(
    of_lost: dict[str, Bools], of_advanced: dict[str, Bools], bounds: Limits
) -> tuple[SignCount, ...]:
    """Count every sign that can be seen."""
    begins = {
        "long": bounds.long,
        "loops": bounds.returns,
        "silent": bounds.silent,
        "early": bounds.early,
        "dear": bounds.dear,
    }
    return tuple(
        SignCount(
            name, SIGNS[name], float(begins[name] or 0.0), int(shown.sum()),
            int(of_advanced[name].sum()),
        )
        for name, shown in of_lost.items()
    )  # fmt: skip


@dataclass(frozen=True)
class DaysByExit:
    """After how many units of stay passages left by one door: lost, advanced, returned.

    `ages` and `counts` are the whole distribution; the quantiles are None without any.
    """

    kind: str
    n: int
    q10: float | None
    q25: float | None
    median: float | None
    q75: float | None
    q90: float | None
    ages: tuple[int, ...]
    counts: tuple[int, ...]


def days_by_exit(kind: str, stay: Ints) -> DaysByExit:
    """Return when in the stage passages left by one door."""
    ages, counts = np.unique(stay, return_counts=True)
    parts = (0.1, 0.25, 0.5, 0.75, 0.9)
    q10, q25, median, q75, q90 = (_quantile(stay, part) if len(stay) else None for part in parts)
    return DaysByExit(
        kind, len(stay), q10, q25, median, q75, q90, tuple(ages.tolist()), tuple(counts.tolist())
    )


def join_days(days: Days | None, current: Days) -> Days:
    """Return both windows as one; they touch."""
    return current if days is None else (days[0], current[1])
