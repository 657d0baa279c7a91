"""Which shares got worse, and is that worth a warning?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from leakkit.findings import comparison
from leakkit.findings.comparison import (
    MIN_MONTH_FOLLOWED,
    STEADY,
    Comparison,
    Wobble,
    against_target,
    compare_shares,
    since_month,
    wobble,
)
from leakkit.findings.finding import (
    ALARM,
    BETTER,
    CHANGED,
    NOT_ENOUGH,
    OK,
    PERHAPS_BETTER,
    RATE,
    SEVERITIES,
    SMALL,
    WATCH,
    DecidedShares,
    Finding,
    Key,
    Past,
    Split,
)
from leakkit.findings.stage_readings import NOTHING, Readings, WindowReading
from leakkit.measures.horizons import MIN_BASELINE_DAYS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leakkit.measures.horizons import Days, Windows


MONTH_DAYS = 30
YEAR_DAYS = 365
BEYOND_DOUBT = 4.0
"""|z| at which an alarm needs no second look."""
RELATIVE_CHANGE = 0.25
WON_VALUE_SHARE = 0.05
WATCH_P = 0.05
NEVER_FOLLOWED = WindowReading(0.0, 0.0, 0.0)
SLOWER, FASTER = "slower", "faster"


@dataclass(frozen=True)
class WarningRules:
    """When a change is worth a warning; `provisional` orders of stages give no alarm."""

    min_change: float = 0.03
    q: float = 0.03
    confirm_days: int = 28
    provisional: bool = False


@dataclass(frozen=True)
class WindowPlan:
    """The days of one pipeline that are looked at, each [first, end); None where there are none.

    `months` are parts of about 30 days of both windows; those of the baseline, of
    exactly 30 days, come first (`baseline_months` of them).
    """

    current: Days
    baseline: Days | None
    current_then: Days | None = None
    baseline_then: Days | None = None
    last_year: Days | None = None
    months: tuple[Days, ...] = ()
    baseline_months: int = 0

    @property
    def days(self) -> int:
        """The length of the current window."""
        return self.current[1] - self.current[0]


def plan_windows(windows: Windows, confirm_days: int) -> WindowPlan | None:
    """Return which days are compared: now, at the second look, last year, and month by month.

    The second look is at both windows so many days earlier, cut at the start of the
    history; it is missing where the baseline would be too short. Last year's window wants
    15 months of history (365 days before a window of 90). None without a current window.
    """
    if windows.current is None:
        return None
    plan = WindowPlan(windows.current, windows.baseline)
    year_ago = _earlier(windows.current, YEAR_DAYS)
    if year_ago[0] >= windows.start_day:
        plan = replace(plan, last_year=year_ago)
    if windows.baseline is None:
        return plan
    then, before = _earlier(windows.current, confirm_days), _earlier(windows.baseline, confirm_days)
    before = (max(before[0], windows.start_day), before[1])
    if confirm_days and before[1] - before[0] >= max(MIN_BASELINE_DAYS, plan.days / 2):
        plan = replace(plan, current_then=then, baseline_then=before)
    early, late = _months_before(windows.baseline), _equal_parts(windows.current)
    return replace(plan, months=early + late, baseline_months=len(early))


def _earlier(days: Days, shift: int) -> Days:
    """Return the same window so many days earlier."""
    return days[0] - shift, days[1] - shift


def _months_before(days: Days) -> tuple[Days, ...]:
    """Return the whole parts of 30 days, counted back from the end."""
    ends = range(days[1], days[0] + MONTH_DAYS - 1, -MONTH_DAYS)
    return tuple((end - MONTH_DAYS, end) for end in reversed(ends))


def _equal_parts(days: Days) -> tuple[Days, ...]:
    """Cut a window into parts of about 30 days."""
    length = days[1] - days[0]
    cuts = np.linspace(days[0], days[1], max(round(length / MONTH_DAYS), 1) + 1).round()
    return tuple((int(a), int(b)) for a, b in pairwise(cuts))


@dataclass(frozen=True)
class Watched:
    """One share of one stage in all the windows: what a finding is made of.

    `months` are the readings of `Plan.months`. Of losses, `inside_now` and `inside_before`
    are the share still in the stage at the age of reading. A share that could not be read
    is None.
    """

    pipeline: str
    stage: str
    kind: str
    plan: WindowPlan
    now: WindowReading | None = None
    before: WindowReading | None = None
    now_then: WindowReading | None = None
    before_then: WindowReading | None = None
    last_year: WindowReading | None = None
    months: Readings = field(default_factory=lambda: NOTHING)
    target: float | None = None
    inside_now: WindowReading | None = None
    inside_before: WindowReading | None = None

    @property
    def key(self) -> Key:
        """What is watched."""
        return self.pipeline, self.stage, self.kind

    @property
    def baseline_months(self) -> Readings:
        """The readings of the months of the baseline."""
        return self.months.of(slice(self.plan.baseline_months))

    def compare(self, wobbling: Wobble = STEADY, *, then: bool = False) -> Comparison | None:
        """Compare now (or then) with the reference; None where too few were followed."""
        now = self.now_then if then else self.now
        before = self.before_then if then else self.before
        if now is None or not now.known:
            return None
        if self.target is not None:
            return against_target(now, self.target, wobbling)
        if before is None or not before.known:
            return None
        return compare_shares(now, before, wobbling)


@dataclass(frozen=True)
class Stakes:
    """What a change of a share is worth: money per whole share, and what was won meanwhile."""

    per_share: float
    won_value: float


def find_wobble(watched: Sequence[Watched]) -> dict[tuple[str, str], Wobble | None]:
    """Return the wobble of the months by (pipeline, kind)."""
    months: dict[tuple[str, str], list[Readings]] = {}
    for one in watched:
        months.setdefault((one.pipeline, one.kind), []).append(one.baseline_months)
    return {key: wobble(stages) for key, stages in months.items()}


def control_false_discovery(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """Return q for every p of a family, by what was tested."""
    adjusted = comparison.false_discovery(np.array(list(p_values.values()), np.float64))
    return dict(zip(p_values, map(float, adjusted), strict=True))


@dataclass(frozen=True)
class Comparisons:
    """All tests of a run at one moment."""

    compared: Mapping[Key, Comparison]
    q_values: Mapping[Key, float]

    @classmethod
    def at(
        cls,
        watched: Sequence[Watched],
        wobbling: Mapping[tuple[str, str], Wobble | None],
        *,
        then: bool = False,
    ) -> Comparisons:
        """Make the tests, and correct for how many they are."""
        made = {
            w.key: w.compare(wobbling[w.pipeline, w.kind] or STEADY, then=then) for w in watched
        }
        compared = {key: found for key, found in made.items() if found is not None}
        p_values = {key: found.p_value for key, found in compared.items()}
        return cls(compared, control_false_discovery(p_values))

    def says(self, key: Key, q: float, change: float) -> bool:
        """Say whether this look found a change in the direction of `change`."""
        if key not in self.compared or self.q_values[key] > q:
            return False
        return self.compared[key].change * change > 0.0


def find_warnings(
    watched: Sequence[Watched],
    rules: WarningRules = WarningRules(),
    splits: Mapping[Key, Split] | None = None,
    stakes: Mapping[Key, Stakes] | None = None,
) -> tuple[Finding, ...]:
    """Which shares got worse than they were, beyond chance and beyond the usual wobble?

    Looking at every stage of every pipeline every night makes a false alarm in half of all
    pipelines a year. So: one false discovery rate over all tests of the run, the wobble
    of the months in every test, and a second look at the same data some weeks earlier,
    which needs no memory. `splits` tells, for some, which part of the change is rate and
    which is mix; without one the whole change counts as rate. `stakes` tell what a change
    is worth: a quarter more is worth a warning where it is a twentieth of the won value.
    Ordered by severity, then by p.
    """
    wobbling = find_wobble(watched)
    now, then = Comparisons.at(watched, wobbling), Comparisons.at(watched, wobbling, then=True)
    judged = [
        _finding(
            one,
            wobbling[one.pipeline, one.kind],
            (now, then),
            rules,
            (splits or {}).get(one.key),
            (stakes or {}).get(one.key),
        )
        for one in watched
    ]
    return tuple(sorted(judged, key=_order))


def _order(finding: Finding) -> tuple[int, float]:
    """Order by severity, then by evidence; equal ones stay in the order of the stages."""
    p = 2.0 if finding.p_value is None else finding.p_value
    return SEVERITIES.index(finding.severity), p


def _finding(  # noqa: PLR0913, PLR0917 - the facts that a verdict rests on
    one: Watched,
    wobbling: Wobble | None,
    looks: tuple[Comparisons, Comparisons],
    rules: WarningRules,
    split: Split | None,
    stakes: Stakes | None,
) -> Finding:
    """Judge one share."""
    now, then = looks
    base = _describe_share(one, None if wobbling is None else wobbling.phi)
    compared = now.compared.get(one.key)
    if compared is None:
        return base
    confirmed = bool(rules.confirm_days) and (
        now.says(one.key, rules.q, compared.change) and then.says(one.key, rules.q, compared.change)
    )
    known = replace(
        base,
        change=compared.change,
        low=compared.low,
        high=compared.high,
        p_value=compared.p_value,
        q_value=now.q_values[one.key],
        smallest_visible=compared.smallest_visible,
        confirmed=confirmed,
        split=split,
        last_year=_last_year(one, wobbling or STEADY),
        decided=_compare_decided(one, wobbling or STEADY),
    )
    severity = _severity(known, compared, rules, stakes)
    if severity not in CHANGED:
        return replace(known, severity=severity)
    return replace(known, severity=severity, since=_since(one), months=_by_month(one))


def _describe_share(one: Watched, phi: float | None) -> Finding:
    """Return what is known of a share before it is tested."""
    windows: dict[str, Days] = {"current": one.plan.current}
    if one.plan.baseline is not None:
        windows["baseline"] = one.plan.baseline
    now = one.now if one.now is not None else NEVER_FOLLOWED
    reference, behind = one.target, None
    if one.target is None and one.before is not None:
        behind = one.before.followed
        reference = one.before.share if one.before.known else None
    return Finding(
        one.pipeline,
        one.stage,
        one.kind,
        NOT_ENOUGH,
        share=now.share if now.known else None,
        reference=reference,
        reference_kind="baseline" if one.target is None else "target",
        phi=phi,
        followed=None if one.now is None else now.followed,
        followed_reference=behind,
        windows=windows,
        days=one.plan.days,
        evidence=_evidence(one),
    )


def _evidence(one: Watched) -> dict[str, str]:
    """Return the choices with which `passages()` shows the deals.

    A stay that went overdue may have ended in any way.
    """
    exits = {"lost": "lost", "returned": "returned"}
    where = {"pipeline": one.pipeline, "stage": one.stage}
    return where | ({"exit": exits[one.kind]} if one.kind in exits else {})


def _last_year(one: Watched, wobbling: Wobble) -> Past | None:
    """Compare with the same days last year; None without them, and against a target.

    What is over the target every year is over the target.
    """
    then, now = one.last_year, one.now
    if one.target is not None or then is None or not then.known or now is None:
        return None
    found = compare_shares(now, then, wobbling)
    return Past(then.share, found.change, found.low, found.high)


def _compare_decided(one: Watched, wobbling: Wobble) -> DecidedShares | None:
    """Compare the share lost among the deals that had left by the age of reading.

    Where deals leave later, fewer of them are lost by a day, and fewer won: the share lost
    within so many days falls by itself. None where nothing can be said of the speed.
    """
    read = (one.now, one.before, one.inside_now, one.inside_before)
    now, before, inside, was_inside = read
    if now is None or before is None or inside is None or was_inside is None or one.target:
        return None
    if not (now.known and before.known):
        return None
    left = [_among_decided(now, inside), _among_decided(before, was_inside)]
    if left[0] is None or left[1] is None:
        return None
    found, stay = (
        compare_shares(left[0], left[1], wobbling),
        compare_shares(inside, was_inside, wobbling),
    )
    speed = "" if stay.p_value > WATCH_P else SLOWER if stay.change > 0.0 else FASTER
    return DecidedShares(left[0].share, left[1].share, found.p_value, speed)


def _among_decided(lost: WindowReading, inside: WindowReading) -> WindowReading | None:
    """Return the share lost of those that left; None where nobody did."""
    left = 1.0 - inside.share
    if left <= 0.0:
        return None
    n = lost.followed * left
    return WindowReading(min(lost.share / left, 1.0), n, n)


def _severity(
    finding: Finding, compared: Comparison, rules: WarningRules, stakes: Stakes | None
) -> str:
    """Return alarm or watch, better or perhaps better, ok, or not enough data."""
    rise = compared.change > 0.0
    sure, unsure = (ALARM, WATCH) if rise else (BETTER, PERHAPS_BETTER)
    evident = _evident(finding, compared, rules)
    # a target is kept or not: to be under it is no change
    asked = rise or finding.reference_kind != "target"
    if asked and not _is_speed(finding, rules):
        sign = 1.0 if rise else -1.0
        big_change = _is_big(sign * compared.change, finding, rules, stakes)
        rate = compared.change if finding.rate_change is None else finding.rate_change
        big_rate = _is_big(sign * rate, finding, rules, stakes)
        if evident and big_rate and _is_unmixed(finding, rules):
            return sure
        # a sure change that the mix explains is said; a mere p only where the rate changed
        if (big_rate and compared.p_value <= WATCH_P) or (big_change and evident):
            return unsure
    return _quiet(finding, compared)


def _quiet(finding: Finding, compared: Comparison) -> str:
    """Say what is known where nothing is worth a word: what can be ruled out."""
    if compared.high >= finding.margin:
        return NOT_ENOUGH
    if finding.reference_kind == "target" and compared.change <= 0.0:
        return OK
    if compared.low <= -finding.margin:
        return NOT_ENOUGH
    return OK if compared.p_value > WATCH_P else SMALL


def _is_speed(finding: Finding, rules: WarningRules) -> bool:
    """Say whether a change of the share lost is what another speed makes by itself.

    So where deals got slower and fewer were lost in time (or faster, and more), unless the
    share lost among the decided changed likewise, by as much and beyond chance.
    """
    decided, change = finding.decided, finding.change or 0.0
    if decided is None or decided.speed != (FASTER if change > 0.0 else SLOWER):
        return False
    same = decided.change * change > 0.0 and abs(decided.change) >= rules.min_change
    return not (same and decided.p_value <= WATCH_P)


def _evident(finding: Finding, compared: Comparison, rules: WarningRules) -> bool:
    """Say whether the change is sure: beyond doubt, or found now and at the second look."""
    if abs(compared.z) >= BEYOND_DOUBT:
        return True
    found = finding.q_value is not None and finding.q_value <= rules.q
    return found and (finding.confirmed or not rules.confirm_days)


def _is_big(change: float, finding: Finding, rules: WarningRules, stakes: Stakes | None) -> bool:
    """Say whether a change is worth a word: 3 points, or a quarter and much money."""
    if change >= rules.min_change:
        return True
    if stakes is None or not finding.reference or change < RELATIVE_CHANGE * finding.reference:
        return False
    return change * stakes.per_share >= WON_VALUE_SHARE * stakes.won_value > 0.0


def _is_unmixed(finding: Finding, rules: WarningRules) -> bool:
    """Say whether nothing holds a sure word back.

    The wobble is known, and the order of the stages; the change is the rate's; and last
    year at this time the share was surely another one, on the same side.
    """
    if finding.phi is None or rules.provisional or finding.says != RATE:
        return False
    past, change = finding.last_year, finding.change or 0.0
    return past is None or (not past.as_now and past.change * change > 0.0)


def _since(one: Watched) -> int | None:
    """Return the first day of the month from which the share differs."""
    month = since_month(one.months)
    return None if month is None else one.plan.months[month][0]


def _by_month(one: Watched) -> tuple[tuple[int, float | None], ...]:
    """Return the first day of every month with its share; None where too few were followed."""
    # a share that was never read has no months
    months = zip(one.plan.months, one.months.share, one.months.followed, strict=False)
    return tuple(
        (first, float(share) if followed >= MIN_MONTH_FOLLOWED else None)
        for (first, _), share, followed in months
    )
