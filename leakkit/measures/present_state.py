"""The present state: what a list without a history says of where deals stand, and stood.

Such a list names one stage per deal. So it can be counted where deals are lost, and not
which share of those that entered a stage was lost there, nor after how many days.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import scipy

from leakkit.measures.survival import Share, wilson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


OUTCOMES = ("won", "lost", "open")
CLOSED = ("won", "lost")
ALPHA = 0.05
PARTS = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Tally:
    """Deals by outcome, and their value in minor units."""

    won: int = 0
    lost: int = 0
    open: int = 0
    value_won: int = 0
    value_lost: int = 0
    value_open: int = 0

    def __add__(self, other: Tally) -> Tally:
        """Return both together.

        >>> (Tally(won=1) + Tally(won=2, lost=3)).closed
        6
        """
        return Tally(**{name: n + getattr(other, name) for name, n in vars(self).items()})

    @property
    def closed(self) -> int:
        """Return the deals that are won or lost."""
        return self.won + self.lost

    @property
    def deals(self) -> int:
        """Return all deals."""
        return self.closed + self.open


@dataclass(frozen=True)
class LastStage:
    """The deals whose row names one stage; `stage` is None where it names none."""

    stage: int | None
    name: str
    tally: Tally


@dataclass(frozen=True)
class Ages:
    """How old deals of one outcome were when they closed, or are; in days."""

    n: int
    p10: float
    median: float
    p90: float


@dataclass(frozen=True)
class Present:
    """A pipeline of which only the present state is known.

    `stages` are those of the pipeline in its order, the deals that name none last. `ages`
    by outcome, of the deals whose days are known; `older` open deals are older than 9 of
    10 won ones were. `standing`: for how many days the open deals of a stage have stood there,
    by its position, of those whose row says since when. `months` are (first day, tally),
    `reasons` the lost deals as (reason, stage) -> count, `owners` by name; None where the
    source names no owner.
    """

    stages: tuple[LastStage, ...]
    total: Tally
    ages: Mapping[str, Ages] = field(default_factory=dict)
    older: int | None = None
    standing: Mapping[int, Ages] = field(default_factory=dict)
    months: tuple[tuple[int, Tally], ...] = ()
    reasons: Mapping[tuple[str, int], int] = field(default_factory=dict)
    owners: Mapping[str, Tally] | None = None

    @property
    def named(self) -> tuple[LastStage, ...]:
        """Return the stages of the pipeline, without the deals that name none."""
        return tuple(one for one in self.stages if one.stage is not None)

    @property
    def lost_somewhere(self) -> int:
        """Return how many lost deals name their stage."""
        return sum(one.tally.lost for one in self.named)


def share_of(part: int, whole: int) -> Share:
    """Which share is `part` of `whole`, with Wilson's interval?

    >>> share_of(8, 28).share, share_of(0, 0).reason
    (0.2857142857142857, 'no_deals')
    """
    if not whole:
        return Share.missing("no_deals")
    return Share(part / whole, *wilson(part / whole, whole))


def most_lost(stages: Sequence[LastStage]) -> tuple[LastStage | None, tuple[LastStage, ...]]:
    """In which stage are most deals lost, and which others may be it as well?

    >>> stages = [LastStage(i, n, Tally(lost=k)) for i, (n, k) in enumerate([("A", 9), ("B", 1)])]
    >>> [one.name for one in most_lost(stages)[1]]
    []
    """
    losing = [one for one in stages if one.stage is not None and one.tally.lost]
    if not losing:
        return None, ()
    first, rivals = most_frequent([one.tally.lost for one in losing])
    return losing[first], tuple(losing[at] for at in rivals)


def most_frequent(counts: Sequence[int]) -> tuple[int, tuple[int, ...]]:
    """Return the place of the largest count, and those of counts that may be as large.

    Of two kinds that are equally frequent in the long run, each deal is of either with
    probability 1/2. One stays a rival unless an exact one-sided binomial test at 5 %,
    divided by the number of rivals, says that it is rarer.

    Reference: Gupta and Nagel (1967), Sankhya B 29, 1-34, on selecting the largest cell.

    >>> most_frequent([9, 1, 8])
    (0, (2,))
    """
    ranked = sorted(range(len(counts)), key=lambda at: (-counts[at], at))
    first, others = ranked[0], ranked[1:]
    largest = counts[first]
    level = ALPHA / max(len(others), 1)
    rivals = [
        at for at in others if scipy.special.bdtrc(largest - 1, largest + counts[at], 0.5) > level
    ]
    return first, tuple(rivals)


def ages_of(days: Sequence[int], counts: Sequence[int]) -> Ages | None:
    """Return how old deals are; the age that a part of them has not passed. None without any.

    >>> ages_of([1, 5, 30], [2, 2, 1]).median
    5.0
    """
    n = int(sum(counts))
    if not n:
        return None
    order = np.argsort(np.asarray(days, np.int64), kind="stable")
    ages = np.asarray(days, np.int64)[order]
    so_far = np.cumsum(np.asarray(counts, np.int64)[order])
    found = [float(ages[np.searchsorted(so_far, part * n - 1e-9)]) for part in PARTS]
    return Ages(n, *found)
