"""Numbers as plain data: equal, pickled and kept, and compared with those of the last run."""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from leakkit.analysis.coverage import LOSSES_KEPT
from leakkit.analysis.scope import EVERYTHING
from leakkit.findings.finding import KINDS, NOT_ENOUGH, RATE, WARNING, leading
from leakkit.plain import PlainData, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from leakkit.analysis.numbers import PipelineNumbers
    from leakkit.analysis.results import Analysis
    from leakkit.findings import Finding


MANY_LATE, PART_LATE = 5, 0.2
"""So many losses, and such a part of the new ones: then a page says so at its head."""
MANY_MISSING = 8.0


class Numbers(PlainData):
    """Numbers of which each is found when it is first read, by a property of its name.

    They do not change. Two are equal where their snapshots are, and what is pickled is the
    snapshot: it says the same without what it was made of.
    """

    @classmethod
    def of(cls, **known: object) -> Self:
        """Return numbers of which some are known."""
        made = cls()
        vars(made).update(known)
        return made

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the numbers."""
        own = (name for name, each in vars(cls).items() if isinstance(each, cached_property))
        return tuple(name for name in own if not name.startswith("_"))

    def snapshot(self) -> dict[str, object]:
        """Find every number, and return all by name."""
        return {name: getattr(self, name) for name in self.names()}

    def replace(self, **changes: object) -> Self:
        """Return the same numbers but for some."""
        return self.of(**{**self.snapshot(), **changes})

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse to change a number."""
        message = f"{name} of {type(self).__name__} cannot be changed."
        raise AttributeError(message)

    def __getstate__(self) -> dict[str, object]:
        """Keep all numbers; what they were made of stays behind."""
        return self.snapshot()

    def __dir__(self) -> list[str]:
        """Return what a user may ask for."""
        return sorted(set(super().__dir__()) - INNER)


INNER = frozenset({"count", "counts", "names", "of", "replace"})
"""What is for leakkit itself."""


@plain.register
def _(value: Numbers) -> dict[str, Any]:
    return {name: plain(each) for name, each in value.snapshot().items()}


@dataclass(frozen=True)
class Seen:
    """What one run saw of one pipeline, for the next run to compare with.

    `fingerprint` is that of the data; `last_day` the last local day that was used. `warned`
    holds (stage, kind) of what got worse and may be a headline; `shares` the share now by
    (stage, kind); `losses` the losses by day, None where an earlier version did not say.
    """

    fingerprint: str
    last_day: int
    deals: int
    won: int
    lost: int
    warned: tuple[tuple[str, str], ...]
    shares: tuple[tuple[str, str, float], ...]
    losses: tuple[tuple[int, int], ...] | None = None

    @classmethod
    def of(cls, analysis: Analysis, pipeline: PipelineNumbers) -> Seen:
        """Say what this run sees."""
        own = [f for f in analysis.all_findings if f.pipeline == pipeline.name]
        outcomes = pipeline.notes.outcomes.items()
        return cls(
            analysis.fingerprint,
            analysis.last_day,
            pipeline.opportunities,
            sum(n for (outcome, _), n in outcomes if outcome == "won"),
            sum(n for (outcome, _), n in outcomes if outcome == "lost"),
            tuple(sorted((f.stage, f.kind) for f in own if _is_worse(f))),
            tuple(sorted((f.stage, f.kind, round(f.share, 6)) for f in own if f.share is not None)),
            pipeline.notes.losses,
        )

    @classmethod
    def read(cls, facts: Any) -> Seen | None:  # noqa: ANN401 - a file that anybody may have written
        """Take it from a manifest; None where that does not hold it."""
        try:
            return cls(
                str(facts["fingerprint"]),
                int(facts["last_day"]),
                int(facts["deals"]),
                int(facts["won"]),
                int(facts["lost"]),
                tuple((str(stage), _kind(kind)) for stage, kind in facts["warned"]),
                tuple((str(stage), _kind(kind), float(x)) for stage, kind, x in facts["shares"]),
                _by_day(facts.get("losses")),
            )
        except (KeyError, TypeError, ValueError):
            return None

    def facts(self) -> dict[str, Any]:
        """Return it as plain values, as a JSON file gives them back."""
        return {
            **asdict(self),
            "warned": [list(one) for one in self.warned],
            "shares": [list(one) for one in self.shares],
            "losses": None if self.losses is None else [list(one) for one in self.losses],
        }


def _by_day(losses: Any) -> tuple[tuple[int, int], ...] | None:  # noqa: ANN401 - as in `read`
    """Return losses by day from a file; None where it says nothing of them."""
    return None if losses is None else tuple((int(day), int(n)) for day, n in losses)


def _is_worse(finding: Finding) -> bool:
    """Say whether a page says that a share got worse: not likely chance, nor other deals."""
    return finding.severity in WARNING and finding.leads and finding.says == RATE


def _kind(kind: object) -> str:
    """Return a kind of finding; ValueError for anything else."""
    return KINDS[KINDS.index(str(kind))]


@dataclass(frozen=True)
class SinceThen:
    """What changed in a pipeline since the last run on other data: differences, now minus then.

    `appeared` and `gone` name the stages that warn now and not then, and the other way
    round; a stage that warns of something else than then is in neither. `share` is (stage, kind,
    then, now) of the gravest finding, where both runs could say it.
    """

    last_day: int
    deals: int
    won: int
    lost: int
    appeared: tuple[str, ...]
    gone: tuple[str, ...]
    share: tuple[str, str, float, float] | None


def since_last_run(analysis: Analysis, pipeline: PipelineNumbers) -> SinceThen | None:
    """What has changed since the last run on other data? None where there was none.

    Of a part of the deals there is nothing to say: the last run counted all.

    >>> import leakkit
    >>> analysis = leakkit.analyze(leakkit.load("sample"), "Equipment")
    >>> since_last_run(analysis, analysis.pipelines[0]) is None
    True
    """
    then, now = analysis.last_run.get(pipeline.name), Seen.of(analysis, pipeline)
    if then is None or analysis.selection != EVERYTHING:
        return None
    return SinceThen(
        then.last_day,
        now.deals - then.deals,
        now.won - then.won,
        now.lost - then.lost,
        _only(now, then),
        _only(then, now),
        _share(analysis, pipeline, then),
    )


@dataclass(frozen=True)
class Appeared:
    """The losses that have appeared since the last run, and how many of them were entered late.

    `late` of the `losses` bear a day before `last_day`, the last one of the last run's data:
    half of them by `days` or more.
    """

    last_day: int
    losses: int
    late: int
    days: float

    @property
    def many(self) -> bool:
        """Whether so many are late that recent shares are too low."""
        return self.late >= MANY_LATE and self.late >= self.losses * PART_LATE


def losses_appeared(analysis: Analysis, pipeline: PipelineNumbers) -> Appeared | None:
    """How many of the losses that are new since the last run were entered late?

    One export cannot tell: a loss that is entered late is not in it, and its deal looks open.
    The last run can: what bears a day before the end of its data, and was not in them, is late.
    None without a last run on data of the last quarter, for a part of the deals, and where no
    loss is new.

    >>> import leakkit
    >>> analysis = leakkit.analyze(leakkit.load("sample"), "Equipment")
    >>> losses_appeared(analysis, analysis.pipelines[0]) is None
    True
    """
    then = analysis.last_run.get(pipeline.name)
    if then is None or then.losses is None or analysis.selection != EVERYTHING:
        return None
    if not 0 < analysis.last_day - then.last_day <= LOSSES_KEPT / 2:
        return None
    before = dict(then.losses)
    # of days that the last run did not keep nothing is known
    first = then.last_day - LOSSES_KEPT
    new = {d: n - before.get(d, 0) for d, n in pipeline.notes.losses if d > first}
    late = {day: n for day, n in new.items() if n > 0 and day < then.last_day}
    total = sum(n for n in new.values() if n > 0)
    if not total:
        return None
    delays = np.repeat([then.last_day - day for day in late], list(late.values()))
    days = float(np.median(delays)) if late else 0.0
    return Appeared(then.last_day, total, sum(late.values()), days)


@dataclass(frozen=True)
class Missing:
    """No loss is dated after the day `since`, where `usual` losses would be."""

    since: int
    usual: float


def losses_missing(pipeline: PipelineNumbers, last_day: int) -> Missing | None:
    """Are the latest losses not entered yet, as far as one export can tell?

    So it seems where none is dated after some day, though at the pace of the time before at
    least 8 would be (none comes by chance in 1 of 3,000), and no earlier pause was as long:
    who closes lost deals once a month has pauses.
    """
    days = [day for day, _ in pipeline.notes.losses if day <= last_day]
    if len(days) < 2:  # noqa: PLR2004 - no pause
        return None
    pause, before = last_day - days[-1], days[-1] - days[0]
    usual = pause * sum(n for _, n in pipeline.notes.losses) / (before + 1)
    longest = max(b - a for a, b in itertools.pairwise(days))
    return Missing(days[-1], usual) if usual >= MANY_MISSING and pause > longest else None


def without_late_losses(analysis: Analysis, found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Take back what nobody can know where the latest losses are not all entered.

    There a stage looks better than it is: that it loses less, or as much as before, is not
    enough data. What got worse in spite of it did.
    """
    late = {
        one.name
        for one in analysis.pipelines
        if losses_missing(one, analysis.last_day)
        or ((new := losses_appeared(analysis, one)) and new.many)
    }
    return tuple(
        replace(one, severity=NOT_ENOUGH)
        if one.pipeline in late and one.kind == "lost" and one.severity not in WARNING
        else one
        for one in found
    )


def find_vanished(analysis: Analysis) -> tuple[str, ...]:
    """Which pipelines had deals in the last run and are not in the source any more?"""
    there = {pipeline.name for pipeline in analysis.config.pipelines}
    return tuple(name for name in sorted(analysis.last_run) if name not in there)


def _only(one: Seen, other: Seen) -> tuple[str, ...]:
    """Return the stages of which only one of two runs warned."""
    known = {stage for stage, _ in other.warned}
    return tuple(dict.fromkeys(stage for stage, _ in one.warned if stage not in known))


def _share(
    analysis: Analysis, pipeline: PipelineNumbers, then: Seen
) -> tuple[str, str, float, float] | None:
    """Return the share of the gravest finding, then and now."""
    own = (f for f in analysis.all_findings if f.pipeline == pipeline.name)
    first = next((card[0] for card in leading(own)), None)
    known: Mapping[tuple[str, str], float] = {(s, k): share for s, k, share in then.shares}
    if first is None or first.share is None or (first.stage, first.kind) not in known:
        return None
    return first.stage, first.kind, known[first.stage, first.kind], first.share
