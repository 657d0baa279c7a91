"""What a finding is: facts, no sentences."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from leakkit.findings.comparison import VISIBLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from leakkit.measures.windows import Days

KINDS = ("lost", "overdue", "returned")
ALARM, WATCH, OK, NOT_ENOUGH = SEVERITIES = ("alarm", "watch", "ok", "not enough data")
WARNING = frozenset((ALARM, WATCH))
"""Severities that ask for a review."""
EPOCH = dt.date(1970, 1, 1)
Key = tuple[str, str, str]
"""Pipeline, stage and kind: what a finding is about."""


@dataclass(frozen=True)
class Split:
    """A change taken apart: `rate` and `mix` add up to it; None where it cannot be.

    `segment` names the column and value whose part of the deals changed most.
    """

    rate: float | None
    mix: float | None
    segment: str = ""


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
class Finding:
    """What became of one share of one stage: `kind` is lost, overdue or returned.

    `share` is that of the current window, `change` is against `reference` (a share:
    the target of the stage, or the same share in the baseline window), `low` and `high`
    bound the change. `smallest_visible` is the change that would be found in 8 of 10
    cases. `followed` and `followed_reference` are the equivalent entrants behind the two
    shares. `windows` holds the compared days [first, end) by name, `days` is the length of
    the current one: `value_at_stake` and `recoverable` are per so many days, in minor units
    of `currency`. `confirmed`: the second look, some weeks earlier, said the same. `since`
    is the first local day of the month from which the share differs. `evidence` are the
    choices with which `passages()` shows the deals. None is NA.

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
    cause: Mapping[str, Any] | None = None
    review: str = ""
    evidence: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """What the finding is about."""
        return self.pipeline, self.stage, self.kind

    @property
    def rate_change(self) -> float | None:
        """The part of the change that no shift between segments explains; else all of it.

        Against a target all of it: the split is of the change from the window before.
        """
        if self.reference_kind == "target" or self.split is None or self.split.rate is None:
            return self.change
        return self.split.rate

    @property
    def change_error(self) -> float:
        """The standard error of the change; 0 where nothing was compared."""
        return (self.smallest_visible or 0.0) / VISIBLE

    @property
    def improved(self) -> bool:
        """Say whether the share fell, as surely as an alarm says that one rose."""
        return self.severity in {OK, NOT_ENOUGH} and self.confirmed and (self.change or 0.0) < 0.0

    def with_cause(self, cause: Mapping[str, Any] | None, review: str = "") -> Finding:
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


def reached(findings: Iterable[Finding], severity: str) -> bool:
    """Is there a finding as grave as `severity` (alarm or watch)?

    >>> reached([Finding("P", "A", "lost", "watch")], "alarm")
    False
    """
    if severity not in {ALARM, WATCH}:
        message = f"severity is {severity!r}; allowed are {ALARM}, {WATCH}"
        raise ValueError(message)
    wanted = SEVERITIES[: SEVERITIES.index(severity) + 1]
    return any(finding.severity in wanted for finding in findings)


def improvements(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings that something got better."""
    return tuple(finding for finding in findings if finding.improved)


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
    return Finding(
        **{
            **record,
            "windows": windows,
            "recoverable": value and Value(**value),
            "split": split and Split(**split),
            "since": None if since is None else _day(since),
            "months": tuple((_day(first), share) for first, share in record["months"]),
        }
    )


def _date(day: int) -> str:
    """Return a local day number as an ISO date."""
    return (EPOCH + dt.timedelta(days=day)).isoformat()


def _day(text: str) -> int:
    """Return an ISO date as a local day number."""
    return (dt.date.fromisoformat(text) - EPOCH).days
