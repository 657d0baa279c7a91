"""The visits of all deals in arrays, which of them are plain, and how rows are counted.

A deal is plain here that stays in one pipeline and closes at most once, at its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from leakkit.store import schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from leakkit.store.database import Store

    Ints = NDArray[np.signedinteger[Any]]
    Flags = NDArray[np.bool_]
    Dimension = tuple[str, Any]
    Counted = dict[str, NDArray[Any]]

FAR = 2**31 - 1
"""The tick of what has not happened."""
AT_ONCE = 200_000
FEWEST = 200_000
"""Of fewer visits the queries alone are faster: the two ways are more statements."""
EXACT = 2**53
"""Up to here doubles are exact whole numbers, in which the values are added up."""

UNPLAIN = "SELECT opportunity FROM passages WHERE closes > 0 OR exit = 6 GROUP BY opportunity"
RANGE = "SELECT COALESCE(min(opportunity), 1), COALESCE(max(opportunity), 0) FROM opportunities"
ROWS = f"""
SELECT opportunity, pipeline, stage, step, entry, exit, entered_tick AS entered,
       COALESCE(left_tick, {FAR}) AS gone,
       CAST(CASE WHEN visit = 1 THEN 1 ELSE 2 END AS TINYINT) AS visits,
       CAST(COALESCE(to_stage, -1) AS SMALLINT) AS to_stage, skipped
FROM passages WHERE opportunity BETWEEN $first AND $last
"""  # noqa: S608 - a number
DEALS = f"""
SELECT opportunity, COALESCE(value, 0) AS value, CAST(value IS NOT NULL AS TINYINT) AS valued,
       bucket, COALESCE(created_day, {FAR}) AS created
FROM opportunities WHERE opportunity BETWEEN $first AND $last
"""  # noqa: S608 - a number


@dataclass(frozen=True)
class DealVisits:
    """The visits of deals in their order, and the deals; an array per column.

    `deal` is the place of a row's deal. `first` and `last` are the places of a deal's rows,
    `valued` is 1 where its value is known, `is_plain` says whether it is plain. `others` are
    all opportunities that are not plain, also those that have no visit.
    """

    deal: Ints
    pipeline: Ints
    stage: Ints
    entry: Ints
    exit: Ints
    entered: Ints
    gone: Ints
    visits: Ints
    to_stage: Ints
    skipped: Ints
    first: Ints
    last: Ints
    opportunity: Ints
    value: Ints
    valued: Ints
    bucket: Ints
    created: Ints
    is_plain: Flags
    others: Ints

    @cached_property
    def worth(self) -> NDArray[np.float64]:
        """The value of the deal of each row."""
        return self.value.astype(np.float64)[self.deal]

    @cached_property
    def last_stage(self) -> Ints:
        """The stage of the last visit of each deal."""
        return self.stage[self.last]

    @cached_property
    def last_exit(self) -> Ints:
        """How the last visit of each deal ended."""
        return self.exit[self.last]

    @cached_property
    def end(self) -> Ints:
        """The tick at which each deal ended, FAR where it is open."""
        return self.gone[self.last]

    def stages_of(self, pipelines: Any) -> Iterator[tuple[dict[str, int], StageVisits]]:  # noqa: ANN401 - a column
        """Yield the stages of some pipelines that have visits, with these."""
        asked = set(pipelines)
        for (pipeline, stage), visits in self.by_stage.items():
            if pipeline in asked:
                yield {"pipeline": pipeline, "stage": stage}, visits

    def first_visits(self, keys: Ints) -> tuple[Ints, Flags]:
        """Return the rows of the first visits, by 256 times the deal and the stage.

        Beside them whether there is one.
        """
        deals = np.zeros(len(self.first), bool)
        deals[keys // 256] = True
        first = np.flatnonzero((self.visits == 1) & deals[self.deal])
        own = self.deal[first].astype(np.int64) * 256 + self.stage[first]
        order = np.argsort(own)
        at = np.minimum(np.searchsorted(own[order], keys), len(own) - 1)
        return first[order][at], own[order][at] == keys

    @cached_property
    def by_stage(self) -> dict[tuple[int, int], StageVisits]:
        """The visits to each stage, by its pipeline and position."""
        key = self.pipeline.astype(np.int32) * 256 + self.stage
        if int(key.max(initial=0)) < 2**15:
            key = key.astype(np.int16)  # numbers so narrow are sorted many times faster
        order = np.argsort(key, kind="stable")
        whole = StageVisits(
            entered=self.entered[order],
            gone=self.gone[order],
            entry=self.entry[order],
            exit=self.exit[order],
            visits=self.visits[order],
            worth=self.worth[order],
            deal=self.deal[order],
        )
        key = key[order]
        starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
        ends = np.append(starts[1:], len(key))
        return {
            divmod(int(key[start]), 256): whole.at(slice(start, end))
            for start, end in zip(starts, ends, strict=True)
        }


@dataclass(frozen=True)
class StageVisits:
    """The visits to one stage: what is counted of them in many windows."""

    entered: Ints
    gone: Ints
    entry: Ints
    exit: Ints
    visits: Ints
    worth: NDArray[np.float64]
    deal: Ints

    def at(self, some: object) -> StageVisits:
        """Return some of them."""
        return StageVisits(**{name: column[some] for name, column in vars(self).items()})

    def between(self, first: int, end: int, *, begun: bool, first_only: bool) -> StageVisits:
        """Return those under way in [first, end); where `begun`, only those that begin in it."""
        # what is still open is gone far in the future
        inside = (self.entered < end) & (self.gone >= first)
        if begun:
            inside &= self.entered >= first
        if first_only:
            inside &= self.visits == 1
        return self if inside.all() else self.at(np.flatnonzero(inside))

    def ages(self, first: int, end: int, cap: int | None = None) -> tuple[Ints, Ints, Ints]:
        """Return the ages at which they arrive and leave between two ticks, and their exits."""
        arrive = np.maximum(first - self.entered, 0)
        left = self.gone < end
        leave = np.where(left, self.gone, end - 1) - self.entered
        exits = np.where(left, self.exit, np.int8(schema.OPEN))
        if cap is not None:
            exits = np.where(leave >= cap, np.int8(schema.OPEN), exits)
            arrive, leave = np.minimum(arrive, cap), np.minimum(leave, cap)
        return arrive, leave, exits


def read_visits(store: Store, pipelines: Sequence[int]) -> DealVisits | None:
    """Read the visits of some pipelines.

    None where there are few, no deal is plain, or sums of values may not be exact.
    """
    if store.value("SELECT count(*) FROM passages") < FEWEST:
        return None
    unplain = store.arrays(UNPLAIN)["opportunity"]
    first, last = store.rows(RANGE)[0]
    rows, deals, others = [], [], []
    is_plain = ~_named(unplain, last)
    for low in range(first, last + 1, AT_ONCE):
        some = {"first": low, "last": low + AT_ONCE - 1}
        found = _of_pipelines(_in_order(store.arrays(ROWS, some)), pipelines)
        given = store.arrays(DEALS, some)
        own = _named(found["opportunity"], last)[given["opportunity"]]
        order = np.flatnonzero(own)[np.argsort(given["opportunity"][own])]
        others.append(given["opportunity"][~own | ~is_plain[given["opportunity"]]])
        rows.append(found)
        deals.append({name: column[order] for name, column in given.items()})
    if not any(len(some["stage"]) for some in rows):
        return None
    visits = _together(_join_ranges(rows), _join_ranges(deals), is_plain, np.concatenate(others))
    return visits if visits.is_plain.any() and _is_exact(visits) else None


def _of_pipelines(rows: dict[str, Ints], pipelines: Sequence[int]) -> dict[str, Ints]:
    """Return the rows of some pipelines."""
    kept = np.isin(rows["pipeline"], pipelines)
    return rows if kept.all() else {name: column[kept] for name, column in rows.items()}


def _named(opportunities: Ints, last: int) -> Flags:
    """Say of every number up to the last one whether it is among some opportunities."""
    found = np.zeros(last + 1, bool)
    found[opportunities] = True
    return found


def _in_order(rows: dict[str, Ints]) -> dict[str, Ints]:
    """Put rows in the order of their deals and steps, where they do not stand so."""
    step, deal = rows["step"], rows["opportunity"]
    later = (deal[1:] > deal[:-1]) | ((deal[1:] == deal[:-1]) & (step[1:] > step[:-1]))
    if later.all():
        return rows
    order = np.lexsort((step, deal))
    return {name: column[order] for name, column in rows.items()}


def _join_ranges(some: list[dict[str, Ints]]) -> dict[str, Ints]:
    """Return the columns of several ranges as one."""
    return {name: np.concatenate([one.pop(name) for one in some]) for name in list(some[0])}


def _together(
    rows: dict[str, Ints], deals: dict[str, Ints], is_plain: Flags, others: Ints
) -> DealVisits:
    """Return rows with the places of their deals; `is_plain` is said of every opportunity."""
    own = rows.pop("opportunity")
    del rows["step"]
    is_first = np.concatenate([[True], own[1:] != own[:-1]])
    first = np.flatnonzero(is_first)
    last = np.append(first[1:], len(own)) - 1
    deal = np.cumsum(is_first, dtype=np.int32) - 1
    if not np.array_equal(own[first], deals["opportunity"]):
        message = "The visits and the deals are not of the same opportunities."
        raise ValueError(message)
    plain = is_plain[own[first]]
    return DealVisits(
        deal=deal, first=first, last=last, is_plain=plain, others=others, **rows, **deals
    )


def _is_exact(visits: DealVisits) -> bool:
    """Say whether any sum of the values of the deals is exact."""
    return float(np.abs(visits.worth).sum()) < EXACT


# ---------------- counting rows by their numbers

MOST_PLACES = 4_000_000
"""So many groups are counted in places of their own, where the rows are no fewer by far."""


def group_rows(
    dimensions: Sequence[Dimension],
    total: NDArray[np.float64] | Ints | None = None,
    /,
    **same: int,
) -> Counted:
    """Count rows by their numbers, and add up `total`; `same` are columns of one number.

    >>> found = group_rows([("stage", np.array([3, 1, 3]))], kind=2)
    >>> {name: column.tolist() for name, column in found.items()}
    {'stage': [1, 3], 'n': [1, 2], 'kind': [2, 2]}
    """
    columns = [(name, np.asarray(column)) for name, column in dimensions]
    spans = [
        (int(column.min()), int(column.max()) - int(column.min()) + 1) if len(column) else (0, 1)
        for _, column in columns
    ]
    key = join_numbers([column for _, column in columns], spans)
    found, sums = _count_keys(key, int(np.prod([size for _, size in spans])), total)
    made: Counted = {}
    left = found
    for (name, _), (low, size) in reversed(list(zip(columns, spans, strict=True))):
        made[name] = left % size + low
        left = left // size
    alike = {name: np.full(len(found), number, np.int64) for name, number in same.items()}
    return {name: made[name] for name, _ in columns} | sums | alike


def join_numbers(columns: Sequence[Ints], spans: Sequence[tuple[int, int]]) -> Ints:
    """Return several columns as one: each by its lowest number and how many there may be."""
    varied = [(each, *span) for each, span in zip(columns, spans, strict=True) if span[1] > 1]
    least = most = 0
    for _, low, size in varied:
        least = least * size + low
        most = most * size + max(abs(low), abs(low + size))
    # numbers of half the width are made in half the time
    key: Ints = np.zeros(len(columns[0]), np.int32 if most < 2**31 else np.int64)
    for at, (column, _, size) in enumerate(varied):
        if at:
            key *= size
        key += column
    key -= least
    return key


def _count_keys(key: Ints, places: int, total: Any) -> tuple[Ints, dict[str, Ints]]:  # noqa: ANN401 - an array
    """Return the different keys, and how often each is there and how much it adds up to."""
    if places <= max(MOST_PLACES, 2 * len(key)):
        n = np.bincount(key)
        found = np.flatnonzero(n)
        sums = {"n": n[found]}
        if total is not None:
            sums["total"] = np.bincount(key, total)[found].astype(np.int64)
        return found, sums
    order = np.argsort(key)
    sorted_key = key[order]
    at = np.flatnonzero(np.concatenate([[True], sorted_key[1:] != sorted_key[:-1]]))
    sums = {"n": np.diff(at, append=len(key))}
    if total is not None:
        sums["total"] = np.add.reduceat(np.asarray(total)[order], at).astype(np.int64)
    return sorted_key[at], sums
