"""What a finding is: facts, no sentences."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from leakkit.findings.comparison import VISIBLE
from leakkit.plain import PlainData

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from leakkit.measures.horizons import Days


KINDS = ("lost", "overdue", "returned")
ALARM, WATCH, BETTER, PERHAPS_BETTER, SMALL, OK, NOT_ENOUGH = SEVERITIES = (
    "alarm",
    "watch",
    "better",
    "perhaps better",
    "small change",
    "ok",
    "not enough data",
)
WARNING = frozenset((ALARM, WATCH))
"""Severities that ask for a review."""
IMPROVED = frozenset((BETTER, PERHAPS_BETTER))
CHANGED = WARNING | IMPROVED
"""Severities of a change that is taken apart, and asked since when."""
CANNOT_SPLIT = frozenset(("few_followed", "not_comparable"))
"""Why other deals coming in cannot be told apart from other chances of the same deals."""
RATE, MIX, UNCLEAR = "rate", "mix", "unclear"
MOST_Q = 0.2
"""A watch with a larger q is no headline: more than one of five such would be chance."""
MIN_MARGIN, MARGIN_SHARE = 0.05, 1 / 3
"""A share is steady where so large a change, or this part of the reference, is ruled out."""
EPOCH = dt.date(1970, 1, 1)
Key = tuple[str, str, str]
"""Pipeline, stage and kind: what a finding is about."""


@dataclass(frozen=True)
class Split:
    """A change taken apart: `rate` and `mix` add up to it; None where it cannot be, for `reason`.

    `segment` names the column and value whose part of the deals changed most; `low` and
    `high` bound the rate.
    """

    rate: float | None
    mix: float | None
    segment: str = ""
    low: float | None = None
    high: float | None = None
    reason: str = ""

    def says(self, change: float) -> str:
        """Say what a change is: of the rate, of the mix, or unclear.

        Of the rate where its interval excludes 0 in the direction of the change; of the mix
        where it does not and the mix is more than half of the change.

        >>> Split(0.08, 0.02, low=0.03, high=0.13).says(0.10)
        'rate'
        >>> Split(0.01, 0.09, low=-0.04, high=0.06).says(0.10)
        'mix'
        >>> Split(None, None, reason="not_comparable").says(0.10)
        'unclear'
        """
        if self.rate is None or self.mix is None:
            return UNCLEAR if self.reason in CANNOT_SPLIT else RATE
        sign = 1.0 if change >= 0.0 else -1.0
        if self.low is None or self.high is None or min(self.low * sign, self.high * sign) > 0.0:
            return RATE
        return MIX if 2.0 * self.mix * sign > abs(change) else UNCLEAR


@dataclass(frozen=True)
class Past:
    """The same share in another reading: what it was then, and the change since, with its bounds.

    >>> Past(0.28, 0.02, -0.05, 0.09).as_now
    True
    """

    share: float
    change: float
    low: float
    high: float

    @property
    def as_now(self) -> bool:
        """Say whether the share may be the same: the interval of the change holds 0."""
        return self.low <= 0.0 <= self.high


@dataclass(frozen=True)
class DecidedShares:
    """The share lost among the deals that had left the stage by the horizon, now and before.

    `speed` is slower or faster where deals surely left later or earlier than before, else
    empty; `p_value` is that of the change of this share.
    """

    share: float
    reference: float
    p_value: float
    speed: str = ""

    @property
    def change(self) -> float:
        """What the share changed by."""
        return self.share - self.reference


@dataclass(frozen=True)
class Value:
    """An amount with its 95 % interval; money in minor units, or deals.

    What a repair would bring has a low end for saved deals that are half as good.
    """

    value: float
    low: float
    high: float

    def times(self, amount: float) -> Value:
        """The same in another unit."""
        return Value(self.value * amount, self.low * amount, self.high * amount)


@dataclass(frozen=True)
class CauseEvidence:
    """What stands behind the cause of a finding, the counter-evidence included.

    `lost_long_after` to `closed_in_bulk` count losses and stays of the `window`; the shares
    are by family, ranges are (value, low, high).
    """

    why: str
    lost_long_after: float | None
    window: str
    losses: int
    advanced: int
    closed_in_bulk: int
    stated: str
    behaviour: str
    length_only: bool
    sub_reason: str
    stated_shares: Mapping[str, float | None]
    beyond_usual: Mapping[str, tuple[float, float, float]]
    excess_shares: Mapping[str, tuple[float, float, float] | None]


@dataclass(frozen=True)
class LikelyCause:
    """What the losses of a stage look like, in short: codes and numbers.

    `stated_share` and `behaviour_share` are those of the family: of the known reasons, and
    the excess share; None where nothing is determined.
    """

    family: str
    strength: str
    stated_share: float | None
    behaviour_share: float | None
    agreement: float | None
    missing_reason_share: float | None
    evidence: CauseEvidence


@dataclass(frozen=True, repr=False)
class Finding(PlainData):
    """What became of one share of one stage: `kind` is lost, overdue or returned.

    `share` is that of the current window, `change` is against `reference` (a share:
    the target of the stage, or the same share in the baseline window), `low` and `high`
    bound the change. `smallest_visible` is the change that would be found in 8 of 10
    cases. `followed` and `followed_reference` are the equivalent entrants behind the two
    shares. `windows` holds the compared days [first, end) by name, `days` is the length of
    the current one: `value_at_stake` and `recoverable` are per so many days, in minor units
    of `currency`. `confirmed`: the second look, some weeks earlier, said the same. `since`
    is the first local day of the month from which the share differs. `last_year` is the same
    share 365 days earlier, and `decided` (of losses) the share among the deals that had left
    by then. `evidence` are the choices with which `passages()` shows the deals. None is NA.

    >>> finding = Finding("Equipment", "Proforma", "lost", "alarm", change=0.17)
    >>> finding.key, finding.rate_change
    (('Equipment', 'Proforma', 'lost'), 0.17)
    """

    pipeline: str
    stage: str
    kind: str
    severity: str
    share: float | None = None
    reference: float | None = None
    reference_kind: str = "baseline"
    change: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    q_value: float | None = None
    smallest_visible: float | None = None
    phi: float | None = None
    followed: float | None = None
    followed_reference: float | None = None
    windows: Mapping[str, Days] = field(default_factory=dict)
    confirmed: bool = False
    days: int | None = None
    value_at_stake: float | None = None
    recoverable: Value | None = None
    currency: str = ""
    split: Split | None = None
    since: int | None = None
    months: tuple[tuple[int, float | None], ...] = ()
    cause: LikelyCause | None = None
    review: str = ""
    evidence: Mapping[str, str] = field(default_factory=dict)
    last_year: Past | None = None
    decided: DecidedShares | None = None

    def __repr__(self) -> str:
        """Return what it says, in one line."""
        shares = [f"{100 * one:.1f} %" for one in (self.reference, self.share) if one is not None]
        said = " to ".join(shares) if len(shares) > 1 else "not compared"
        place = f"{self.kind} at {self.stage} of {self.pipeline}"
        return f"<Finding: {self.severity}, {place}, {said}>"

    @property
    def key(self) -> Key:
        """What the finding is about."""
        return self.pipeline, self.stage, self.kind

    @property
    def says(self) -> str:
        """Say what the change is: rate, mix, or unclear where the two cannot be told apart.

        Against a target it is the rate: the split is of the change from the window before.
        """
        if self.reference_kind == "target" or self.split is None or self.change is None:
            return RATE
        return self.split.says(self.change)

    @property
    def rate_change(self) -> float | None:
        """The part of the change that no shift between segments explains; else all of it.

        None where the two cannot be told apart. Against a target all of it.
        """
        if self.reference_kind == "target" or self.split is None:
            return self.change
        if self.split.rate is None:
            return None if self.split.reason in CANNOT_SPLIT else self.change
        return self.split.rate

    @property
    def margin(self) -> float:
        """The change that `ok` rules out: 5 points, or a third of the reference if that is more."""
        return max(MIN_MARGIN, MARGIN_SHARE * (self.reference or 0.0))

    @property
    def leads(self) -> bool:
        """Say whether it may be a headline: sure, or not likely chance.

        True of an alarm, of what is better, and of a watch or what is perhaps better
        with a q of at most .2.
        """
        if self.severity in {ALARM, BETTER}:
            return True
        sure = self.q_value is not None and self.q_value <= MOST_Q
        return self.severity in CHANGED and sure

    @property
    def as_last_year(self) -> bool:
        """Say whether the share may be that of the same days last year."""
        return self.last_year is not None and self.last_year.as_now

    @property
    def change_error(self) -> float:
        """The standard error of the change; 0 where nothing was compared."""
        return (self.smallest_visible or 0.0) / VISIBLE

    @property
    def improved(self) -> bool:
        """Say whether the share fell, or may have."""
        return self.severity in IMPROVED

    def with_cause(self, cause: LikelyCause | None, review: str = "") -> Finding:
        """Return the finding with its cause and the operation to review."""
        return replace(self, cause=cause, review=review)


def cards(findings: Iterable[Finding]) -> tuple[tuple[Finding, ...], ...]:
    """Return one card per stage: its findings, led by the gravest.

    Graver is an alarm than a watch; of two, what would keep more money if it went back, by the
    low end (of many noisy amounts the largest is too large); then what is surer or larger.

    >>> small = Finding("P", "A", "lost", "alarm", p_value=1e-9, recoverable=Value(5, 4, 6))
    >>> large = Finding("P", "B", "lost", "alarm", p_value=1e-3, recoverable=Value(90, 80, 99))
    >>> [card[0].stage for card in cards([small, large])]
    ['B', 'A']
    """
    stages: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        stages.setdefault((finding.pipeline, finding.stage), []).append(finding)
    led = (tuple(sorted(each, key=_gravest)) for each in stages.values())
    return tuple(sorted(led, key=lambda card: _gravest(card[0])[:4]))


def _gravest(finding: Finding) -> tuple[int, float, float, float, int]:
    """Order findings: severity, then cost, then evidence, then size."""
    p = 1.0 if finding.p_value is None else finding.p_value
    warns, kept = finding.severity in WARNING, finding.recoverable
    return (
        SEVERITIES.index(finding.severity),
        -kept.low if warns and kept else 0.0,
        p,
        -abs(finding.change or 0.0),
        KINDS.index(finding.kind),
    )


def reaches_severity(findings: Iterable[Finding], severity: str) -> bool:
    """Is there a finding as grave as `severity` (alarm or watch)?

    >>> reaches_severity([Finding("P", "A", "lost", "watch")], "alarm")
    False
    """
    if severity not in {ALARM, WATCH}:
        message = f"severity is {severity!r}; allowed are {ALARM}, {WATCH}"
        raise ValueError(message)
    wanted = SEVERITIES[: SEVERITIES.index(severity) + 1]
    return any(finding.severity in wanted for finding in findings)


def improvements(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings that something got better, or may have: the surest first."""
    found = (finding for finding in findings if finding.improved)
    return tuple(sorted(found, key=_gravest))


def leading(findings: Iterable[Finding]) -> tuple[tuple[Finding, ...], ...]:
    """Return the cards of what got worse and may be a headline, each led by its gravest finding.

    >>> unsure = Finding("P", "A", "lost", "watch", q_value=0.4)
    >>> leading([unsure]), len(leading([unsure, Finding("P", "B", "lost", "alarm")]))
    ((), 1)
    """
    return cards(one for one in findings if one.severity in WARNING and one.leads)


def count_tests(findings: Iterable[Finding]) -> int:
    """Return how many tests were made."""
    return sum(finding.p_value is not None for finding in findings)


def to_records(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Return findings as plain values for a JSON file: days as dates, windows with both ends.

    >>> record = to_records([Finding("P", "A", "lost", "ok", windows={"current": (0, 31)})])[0]
    >>> record["windows"], record["since"]
    ({'current': ['1970-01-01', '1970-01-31']}, None)
    """
    return [_record(finding) for finding in findings]


def _record(finding: Finding) -> dict[str, Any]:
    """Return one finding as plain values."""
    record = asdict(finding)
    record["windows"] = {
        name: [_date(first), _date(end - 1)] for name, (first, end) in finding.windows.items()
    }
    record["since"] = None if finding.since is None else _date(finding.since)
    record["months"] = [[_date(first), share] for first, share in finding.months]
    return record


def from_records(records: Iterable[Mapping[str, Any]]) -> tuple[Finding, ...]:
    """Return the findings that `to_records` wrote."""
    return tuple(map(_finding, records))


def _finding(record: Mapping[str, Any]) -> Finding:
    """Return one finding from its plain values."""
    windows = {
        name: (_day(first), _day(last) + 1) for name, (first, last) in record["windows"].items()
    }
    value, split, since = record["recoverable"], record["split"], record["since"]
    last_year, decided, cause = (record.get(name) for name in ("last_year", "decided", "cause"))
    return Finding(
        **{
            **record,
            "windows": windows,
            "recoverable": value and Value(**value),
            "split": split and Split(**split),
            "cause": cause and _likely_cause(cause),
            "last_year": last_year and Past(**last_year),
            "decided": decided and DecidedShares(**decided),
            "since": None if since is None else _day(since),
            "months": tuple((_day(first), share) for first, share in record["months"]),
        }
    )


def _likely_cause(record: Mapping[str, Any]) -> LikelyCause:
    """Return a cause from its plain values."""
    said = record["evidence"]
    ranges = {
        name: {key: each and tuple(each) for key, each in said[name].items()}
        for name in ("beyond_usual", "excess_shares")
    }
    return LikelyCause(**{**record, "evidence": CauseEvidence(**{**said, **ranges})})


def _date(day: int) -> str:
    """Return a local day number as an ISO date."""
    return (EPOCH + dt.timedelta(days=day)).isoformat()


def _day(text: str) -> int:
    """Return an ISO date as a local day number."""
    return (dt.date.fromisoformat(text) - EPOCH).days


# ---------------- sight
# What the comparisons of a run could have shown, where they show nothing.

RISE = 0.10
"""The rise that a reader is told could have been seen, or not."""


@dataclass(frozen=True)
class Sight:
    """How many of the `tests` could have shown a rise of 10 points, and up to which beginning.

    `blind_from` is the local day from which on even such a rise of losses could not be seen
    yet in any stage; None where none of the tests is able to show one.
    """

    tests: int
    able: int
    blind_from: int | None


def find_sight(findings: Iterable[Finding]) -> Sight:
    """What could these comparisons have shown?

    Able is a comparison whose smallest visible change is 10 points or less: such a rise,
    all through the current window of D days, is found in 8 of 10 cases. One that began d
    days before its end moves the share of the window by about d/D of it, so it can be seen
    from `d = D * smallest visible change / 10 points` on.

    >>> from leakkit.findings import Finding
    >>> seen = Finding("P", "A", "lost", "ok", p_value=0.4, smallest_visible=0.05,
    ...                windows={"current": (910, 1000)})
    >>> find_sight([seen])
    Sight(tests=1, able=1, blind_from=955)
    """
    tested = [one for one in findings if one.p_value is not None]
    able = [one for one in tested if (one.smallest_visible or 1.0) <= RISE]
    days = [_blind_from(one) for one in able if one.kind == "lost"]
    return Sight(len(tested), len(able), max(days, default=None))


def _blind_from(finding: Finding) -> int:
    """Return the day from which on a rise of 10 points could not be seen yet."""
    first, end = finding.windows["current"]
    return end - math.ceil((end - first) * (finding.smallest_visible or 0.0) / RISE)
