"""The present state: what a list without a history says of where deals stand, and stood.

Such a list names one stage per deal. So it can be counted where deals are lost, and not
which share of those that entered a stage was lost there, nor after how many days.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from leakkit.measures.age_counts import groups
from leakkit.measures.survival import Share, wilson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd


OUTCOMES = ("won", "lost", "open")
CLOSED = ("won", "lost")
ALPHA = 0.05
PARTS = (0.1, 0.5, 0.9)
NO_STAGE = -1
EPOCH = dt.date(1970, 1, 1)


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


# ---------------------------------------------------------------- from counts to a present state


def count_last_stages(rows: pd.DataFrame, names: Sequence[str]) -> tuple[LastStage, ...]:
    """Add up deals by the `stage` that their row names and by `outcome`; no stage comes last."""
    by_stage = {key[0]: _tally(each) for key, each in groups(rows, ["stage"])}
    found = [
        LastStage(stage, name, by_stage.get(stage, Tally())) for stage, name in enumerate(names)
    ]
    nowhere = by_stage.get(NO_STAGE, Tally())
    return (*found, LastStage(None, "", nowhere)) if nowhere.deals else tuple(found)


def collect_present(  # noqa: PLR0913 - a table for each thing that is known
    stages: tuple[LastStage, ...],
    *,
    aged: pd.DataFrame,
    standing: pd.DataFrame,
    closed: pd.DataFrame,
    said: pd.DataFrame,
    owned: pd.DataFrame,
) -> Present:
    """Put a present state together from counts of deals.

    `aged` by outcome and age, `standing` by stage and days in it, `closed` by day, `said` by
    reason and stage, `owned` by owner.
    """
    ages = _ages(aged)
    return Present(
        stages=stages,
        total=sum((one.tally for one in stages), start=Tally()),
        ages=ages,
        older=_older(aged, ages),
        standing=_standing(standing),
        months=_months(closed),
        reasons={
            (str(reason), int(stage)): int(n)
            for reason, stage, n in _columns(said, "lost_reason", "stage", "n")
        },
        owners=_owners(owned),
    )


def _columns(rows: pd.DataFrame, *names: str) -> Iterable[tuple[Any, ...]]:
    """Return the rows of some columns."""
    return zip(*(rows[name].tolist() for name in names), strict=True)


def _tally(rows: pd.DataFrame) -> Tally:
    """Add up deals and their value by outcome."""
    found = dict.fromkeys(vars(Tally()), 0)
    for outcome, n, total in _columns(rows, "outcome", "n", "total"):
        found[str(outcome)] += int(n)
        found[f"value_{outcome}"] += int(total)
    return Tally(**found)


def _ages(rows: pd.DataFrame) -> dict[str, Ages]:
    """Return the ages of deals by outcome."""
    own = {outcome: rows[rows["outcome"] == outcome] for outcome in OUTCOMES}
    found = {o: ages_of(each["age"].tolist(), each["n"].tolist()) for o, each in own.items()}
    return {outcome: ages for outcome, ages in found.items() if ages}


def _standing(rows: pd.DataFrame) -> dict[int, Ages]:
    """Return for how many days open deals have stood in their stage, by its position."""
    found = {
        int(key[0]): ages_of(each["age"].tolist(), each["n"].tolist())
        for key, each in groups(rows, ["stage"])
    }
    return {stage: ages for stage, ages in found.items() if ages}


def _older(rows: pd.DataFrame, ages: Mapping[str, Ages]) -> int | None:
    """Count the open deals that are older than 9 of 10 won ones were; None without won ones."""
    if "won" not in ages or "open" not in ages:
        return None
    late = rows[(rows["outcome"] == "open") & (rows["age"] > ages["won"].p90)]
    return sum(int(n) for n in late["n"])


def _months(rows: pd.DataFrame) -> tuple[tuple[int, Tally], ...]:
    """Return the closes of every month from the first close to the last."""
    if rows.empty:
        return ()
    days = [EPOCH + dt.timedelta(days=int(day)) for day in rows["day"]]
    places = [12 * day.year + day.month - 1 for day in days]
    by_month = {key[0]: _tally(e) for key, e in groups(rows.assign(at=places), ["at"])}
    return tuple(
        ((dt.date(at // 12, at % 12 + 1, 1) - EPOCH).days, by_month.get(at, Tally()))
        for at in range(min(places), max(places) + 1)
    )


def _owners(rows: pd.DataFrame) -> dict[str, Tally] | None:
    """Return the deals of every owner; None where the source names none."""
    named = {str(owner): _tally(each) for owner, each in rows.groupby("owner")}
    return named if any(named) else None
