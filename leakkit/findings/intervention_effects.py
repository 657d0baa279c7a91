"""Did what was changed on a day change what becomes of deals?

"Since", never "because of": what else changed on that day is not known (docs/method.md,
section 14).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from leakkit.findings.comparison import Excess, difference
from leakkit.findings.mix import split
from leakkit.findings.stage_readings import at_risk, count_groups, read_groups, spells
from leakkit.measures.survival import MIN_FOLLOWED, Z95, wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.findings.stage_readings import Bools, Design
    from leakkit.measures.horizons import Days


OPEN = 0
FEWER, MORE, UNCLEAR = "fewer", "more", "unclear"
EARLY, FEW, NO_PAST = "early", "few", "no_past"


@dataclass(frozen=True)
class EffectGroup:
    """The share lost within the horizon of the deals that entered in some days.

    `entered` deals came in, `followed` is how many equivalent ones the share stands on;
    `variance` is Greenwood's, without the wobble of months.
    """

    share: float
    low: float
    high: float
    variance: float
    entered: int
    followed: float


@dataclass(frozen=True)
class GroupChange:
    """A share before and since a day; `like` is the change among like deals.

    `like` is None where there are no columns, or where the deals of both sides have too
    little in common; then the change is that of all deals.
    """

    before: EffectGroup
    since: EffectGroup
    like: Excess | None
    phi: float

    @property
    def change(self) -> Excess:
        """The change of the share: among like deals where that can be said."""
        if self.like is not None:
            return self.like
        spread = Z95 * (self.phi * (self.before.variance + self.since.variance)) ** 0.5
        value = self.since.share - self.before.share
        return Excess(value, value - spread, value + spread)


@dataclass(frozen=True)
class Effect:
    """What changed at one stage since the day of an intervention.

    `change` is before against since, `untouched` what the change would have been had the
    stage gone the way of what was not touched, `effect` the difference, or the change
    where everything was touched. `verdict` is fewer, more, unclear, early (too few deals
    were followed so far; `earliest` is the first day on which it may be said), few (too few
    came while it lasted) or no_past (too few were followed before).
    """

    stage: str
    horizon: float
    verdict: str
    change: GroupChange | None = None
    untouched: Excess | None = None
    effect: Excess | None = None
    earliest: int | None = None


def days_before(day: int, first_day: int, *, length: int) -> Days:
    """Return the `length` days before `day`, from the first day of the history on.

    `length` is that of both windows that an alarm compares. Whoever acts on an alarm acts
    after days that were bad by chance as well, and the days after those are better by
    themselves (regression to the mean). The bad days alone would make the action look as
    if it had worked, the good ones before them as if it had done harm; the share of both
    together does not depend on which of them was worse.
    """
    return max(day - length, first_day), day


def compare_since(  # noqa: PLR0913 - the parts of one question
    design: Design,
    before: Days,
    since: Days,
    horizon: float,
    *,
    columns: tuple[str, ...] | None = None,
    phi: float = 1.0,
) -> GroupChange | None:
    """Did the share lost change since a day? None where too few were followed.

    Deals that were inside on the day belong to neither side: those of before are read up
    to the day, and only entrants count since. Both sides are Aalen-Johansen estimates at
    the horizon, so open deals are neither kept nor lost; the change is that among like
    deals (method, section 9), with the wobble of months in its interval.
    """
    parted = _part(design, since[0])
    sides = [_group(parted, days, horizon) for days in (before, since)]
    if sides[0] is None or sides[1] is None:
        return None
    found = split(parted, since, before, horizon, columns=columns, phi=phi)
    return GroupChange(sides[0], sides[1], found.rate, phi)


def judge(
    stage: str, horizon: float, change: GroupChange, others: Sequence[GroupChange] = ()
) -> Effect:
    """Hold a change against that of what was not touched (difference in differences).

    What was not touched says by which factor shares changed anyhow: the mean of the logs of
    `since / before`, weighted by their precision. The stage would have changed by that
    factor, too; `effect` is what it changed beyond.

    Reference: Card and Krueger (1994), Am. Econ. Rev. 84, 772-793; on the scale of
    ratios, because the shares of stages differ.
    """
    untouched = _expect_excess(change.before.share, others)
    effect = change.change if untouched is None else difference(change.change, untouched)
    verdict = FEWER if effect.high < 0.0 else MORE if effect.low > 0.0 else UNCLEAR
    return Effect(stage, horizon, verdict, change, untouched, effect)


def earliest_day(design: Design, since: Days, horizon: float) -> int | None:
    """On which day will enough deals have been followed, at the pace of entries since the day?

    None where nobody entered yet.
    """
    came = _entrants(design, since)
    length = since[1] - since[0]
    if not came or length < 1:
        return None
    needed = int(np.ceil(MIN_FOLLOWED * length / came))
    return since[0] + max(needed, 1) + int(np.ceil(horizon / design.per_day))


def is_enough(design: Design, days: Days, horizon: float) -> bool:
    """Say whether enough entrants of some days were followed to the horizon."""
    return _group(design, days, horizon) is not None


def _part(design: Design, day: int) -> Design:
    """Return the design in which deals that were inside on a day are seen up to its eve."""
    inside = (design.entered_day < day) & (design.left_day >= day)
    return replace(
        design,
        left_day=np.where(inside, day - 1, design.left_day),
        left_tick=np.where(inside, day * design.per_day - 1, design.left_tick),
        exit=np.where(inside, OPEN, design.exit),
    )


def _entrants(design: Design, days: Days) -> int:
    """Count the first visits that began within some days."""
    came = (design.entered_day >= days[0]) & (design.entered_day < days[1])
    return int((came & (design.visit == 1)).sum())


def _group(design: Design, days: Days, horizon: float) -> EffectGroup | None:
    """Read the share lost of those at risk in some days; None where too few were followed."""
    if days[1] <= days[0]:
        return None
    spans = spells(at_risk(design, days), horizon, "lost")
    if not len(spans):
        return None
    found = read_groups(count_groups(spans, np.zeros(len(spans), np.int64), 1))
    if found.followed[0] < MIN_FOLLOWED:
        return None
    share, followed = float(found.share[0]), float(found.followed[0])
    low, high = wilson(share, float(found.n_eff[0]))
    variance = max(float(found.variance[0]), _least_variance(followed, share))
    return EffectGroup(share, low, high, variance, _entrants(design, days), followed)


def _least_variance(followed: float, share: float) -> float:
    """Return the variance of a share at its bounds: nothing seen is not known to be nothing."""
    possible = min(max(share, 1.0 / (followed + 2.0)), 1.0 - 1.0 / (followed + 2.0))
    return 0.0 if 0.0 < share < 1.0 else possible * (1.0 - possible) / followed


def _expect_excess(share: float, others: Sequence[GroupChange]) -> Excess | None:
    """Return by how much a share would have changed at the factor of the others."""
    logs = [_log_factor(one) for one in others if one.before.share > 0.0]
    known = [(value, spread) for value, spread in logs if np.isfinite(value) and spread > 0.0]
    if not known:
        return None
    weights = np.array([1.0 / spread for _, spread in known])
    mean = float(np.average([value for value, _ in known], weights=weights))
    error = Z95 * float(weights.sum()) ** -0.5
    low, value, high = (share * float(np.expm1(mean + at)) for at in (-error, 0.0, error))
    return Excess(value, low, high)


def _log_factor(change: GroupChange) -> tuple[float, float]:
    """Return the log of since / before among like deals, and its variance."""
    before, since = change.before, change.before.share + change.change.value
    if since <= 0.0:
        return float("-inf"), 0.0
    spread = change.phi * (change.since.variance / since**2 + before.variance / before.share**2)
    return float(np.log(since / before.share)), spread


def chosen_rows(design: Design, segment: dict[str, tuple[str, ...]]) -> Bools:
    """Say which passages have one of the values of every column of a segment."""
    found = np.ones(len(design), dtype=bool)
    for column, values in segment.items():
        codes = [design.labels[column].index(v) for v in values if v in design.labels[column]]
        found &= np.isin(design.segments[column], codes)
    return found
