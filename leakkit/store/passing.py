"""One pass over the rows of plain deals: which deals are odd, and the neighbours of each row.

Whole numbers in arrays, a range of deals at a time. No order is taken on trust: the rows are
put in order here, where they do not stand so already. What is not there has the number NOTHING
of its column (`NO_MOMENT`, `NO_DAY`, `NO_SEQ`, `NO_CODE`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from leakkit.store import schema
from leakkit.store.moments import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from leakkit.store.moments import Zone

    Ints = NDArray[np.signedinteger[Any]]
    Flags = NDArray[np.bool_]

NO_MOMENT = -(2**62)
NO_DAY = -(2**31) + 1
NO_SEQ = 2**63 - 1
NO_CODE = schema.UNKNOWN
NO_PIPELINE = -1
NO_DEAL = 0


@dataclass(frozen=True)
class Rows:
    """Rows of a history in numbers, an array per column.

    `code` is a stage or a close, `from_code` that of the stage whence the row says the deal
    came, `day` the local day of the moment.
    """

    opportunity: Ints
    pipeline: Ints
    code: Ints
    entered_at: Ints
    day: Ints
    part: Ints
    seq: Ints
    from_code: Ints

    def each(self, change: Callable[[Ints], Ints]) -> Rows:
        """Return the rows with every column changed alike."""
        return Rows(**{name: change(column) for name, column in vars(self).items()})

    @property
    def keys(self) -> tuple[Ints, ...]:
        """What the rows are put in order by."""
        return self.opportunity, self.entered_at, self.part, self.seq

    def in_order(self) -> Rows:
        """Return the rows by deal, moment and seq.

        Most often whole parts of the rows stand elsewhere: then few deals are not in order
        once all rows stand by their deals, and only these are sorted by all keys.
        """
        if not _falls(self.keys).any():
            return self
        order = np.argsort(self.opportunity, kind="stable")
        keys = [key[order] for key in self.keys]
        falls = np.flatnonzero(_falls(keys))
        at = np.flatnonzero(np.isin(keys[0], keys[0][falls]))
        order[at] = order[at][np.lexsort([key[at] for key in reversed(keys)])]
        return self.each(lambda column: column[order])


@dataclass(frozen=True)
class DealRows:
    """What the row of each deal says, by its number; `said` is the code of its outcome, 0 open.

    `stands` is the number of the name of the stage in which it stands now, -1 where it says
    none; `spots` has the code of that name by pipeline.
    """

    opportunity: Ints
    said: Ints
    closed_at: Ints
    created_at: Ints
    value: Ints
    bucket: Ints
    stands: Ints
    odd: Flags
    spots: Ints

    def of(self, places: Ints | Flags | slice) -> DealRows:
        """Return what is said at some places."""
        some = {name: column[places] for name, column in vars(self).items() if name != "spots"}
        return DealRows(**some, spots=self.spots)

    @property
    def closes(self) -> Flags:
        """Whether the outcome of each says that it is won or lost."""
        found: Flags = (self.said < 0) & (self.said != NO_CODE)
        return found

    def places(self, rows: Rows) -> Ints:
        """Return at which place the deal of each row is, of deals in order."""
        found: Ints = rows.opportunity - self.opportunity[0]
        return found

    def in_order(self) -> DealRows:
        """Return the deals by their numbers, of which none may be missing."""
        found = self.of(np.argsort(self.opportunity, kind="stable"))
        if (np.diff(found.opportunity) != 1).any():
            message = "The numbers of the deals are not complete."
            raise ValueError(message)
        return found


@dataclass(frozen=True)
class Straight:
    """The complete rows of the straight deals, and the deals themselves; columns by name."""

    rows: dict[str, Ints]
    deals: dict[str, Ints]


def in_parts(
    steps: dict[str, Ints], deals: DealRows, at_once: int
) -> Iterator[tuple[dict[str, Ints], DealRows]]:
    """Yield the rows of so many deals at once, with these; the deals stand in order.

    The rows are taken out of `steps`, and put in order by their deals.
    """
    own = steps["opportunity"]
    if (own[1:] < own[:-1]).any():
        order = np.argsort(own, kind="stable")
        for name in list(steps):
            steps[name] = steps[name][order]
        own = steps["opportunity"]
    for first in range(0, len(deals.opportunity), at_once):
        # the numbers of deals begin at 1
        start, end = np.searchsorted(own, [first + 1, first + at_once + 1])
        some = {name: column[start:end] for name, column in steps.items()}
        yield some, deals.of(slice(first, first + at_once))


def _falls(keys: Sequence[Ints]) -> Flags:
    """Say of each row but the last whether the next one is before it, by their keys in turn."""
    falls, equal = np.zeros(len(keys[0]) - 1, bool), np.ones(len(keys[0]) - 1, bool)
    for key in keys:
        falls |= equal & (key[1:] < key[:-1])
        equal &= key[1:] == key[:-1]
    return falls


def _before(column: Ints) -> Ints:
    """Return of each row what the row before it says; the first row is before itself."""
    return np.concatenate([column[:1], column[:-1]])


def _after(column: Ints) -> Ints:
    """Return of each row what the row after it says; the last row is after itself."""
    return np.concatenate([column[1:], column[-1:]])


def straight_rows(
    rows: Rows, deals: DealRows, zone: Zone, cut: int, by_hour: tuple[int, ...]
) -> Straight | None:
    """Return the rows of the straight deals, complete, and these deals; None where is none.

    The deals stand in order, each with its number.
    `by_hour` are the pipelines whose stays are counted in hours.
    """
    if not len(rows.code):
        return None
    rows = rows.in_order()
    odd_deals = deals.odd.copy()
    odd_deals[deals.places(rows)[_odd(rows, deals, cut)]] = True
    kept = ~odd_deals[deals.places(rows)]
    if not kept.any():
        return None
    rows = rows.each(lambda column: column[kept]) if not kept.all() else rows
    complete = _with_closes(rows, deals, zone)
    counts = np.diff(np.flatnonzero(_first(rows)), append=len(rows.code))
    return Straight(
        _wide(complete, deals, zone, by_hour), _ends(complete, deals) | {"rows": counts}
    )


def _first(rows: Rows) -> Flags:
    """Say of each row whether it is the first of its deal."""
    return np.concatenate([[True], rows.opportunity[1:] != rows.opportunity[:-1]])


def _last(rows: Rows) -> Flags:
    """Say of each row whether it is the last of its deal."""
    return np.concatenate([_first(rows)[1:], [True]])


def _odd(rows: Rows, deals: DealRows, cut: int) -> Flags:
    """Say of each row whether it makes its deal odd."""
    odd = np.where(_first(rows), _odd_at_first(rows), _odd_behind(rows))
    odd |= _odd_alone(rows, cut)
    last = np.flatnonzero(_last(rows))
    odd[last] |= _odd_at_last(rows, last, deals, cut)
    return odd


def _odd_alone(rows: Rows, cut: int) -> Flags:
    """Rows without pipeline, stage or moment, or after the last used moment."""
    placed = (rows.pipeline > NO_PIPELINE) & (rows.code != schema.UNKNOWN)
    odd: Flags = ~placed | (rows.entered_at == NO_MOMENT) | (rows.entered_at > cut)
    return odd


def _odd_at_first(rows: Rows) -> Flags:
    """First rows that close, or say that the deal came from another stage."""
    odd: Flags = (rows.code < 0) | ((rows.from_code >= 0) & (rows.from_code != rows.code))
    return odd


def _odd_behind(rows: Rows) -> Flags:
    """Rows behind one of another pipeline, an equal one, or one that is not earlier.

    Two rows of one moment need a seq that says which is the first. Behind a close a deal is
    opened again only by a stage, and after more than a day. A row that says another stage
    whence the deal came than that of the row before shows that one is missing.
    """
    before = _before(rows.code)
    apart = (_before(rows.seq) < rows.seq) & (rows.seq != NO_SEQ)
    tied = (_before(rows.entered_at) == rows.entered_at) & (_before(rows.part) == rows.part)
    closed = (before < 0) & ((rows.code < 0) | (rows.day - _before(rows.day) <= 1))
    missing = (rows.from_code != NO_CODE) & (before >= 0) & (rows.from_code != before)
    moved = _before(rows.pipeline) != rows.pipeline
    odd: Flags = closed | moved | (before == rows.code) | (tied & ~apart) | missing
    return odd


def _odd_at_last(rows: Rows, last: Ints, deals: DealRows, cut: int) -> Flags:
    """Last rows that end otherwise than the deal says, or of which it is not said when.

    Where the history is open, the deal may only be closed by its own row at a moment that is
    not before the last row. It stands in the stage of its last row, or says nothing of that.
    """
    given = deals.of(deals.places(rows)[last])
    code, present = rows.code[last], deals.spots[rows.pipeline[last], given.stands]
    is_open = code >= 0
    disagrees = ~is_open & (given.said != NO_CODE) & (given.said != code)
    known = given.closed_at != NO_MOMENT
    overdue = is_open & (given.said == 0) & known & (given.closed_at <= cut)
    # NO_MOMENT is before every moment
    no_moment = is_open & given.closes & (given.closed_at < rows.entered_at[last])
    stage = np.where(is_open, code, rows.code[np.maximum(last - 1, 0)])
    elsewhere = (present >= 0) & (present != stage) & (code != schema.WON)
    odd: Flags = disagrees | overdue | no_moment | elsewhere
    return odd


def _with_closes(rows: Rows, deals: DealRows, zone: Zone) -> Rows:
    """Return the rows with those closes that only the row of the deal says, at its end."""
    last = np.flatnonzero(_last(rows) & (rows.code >= 0))
    given = deals.of(deals.places(rows)[last])
    at, given = last[given.closes], given.of(given.closes)
    if not len(at):
        return rows
    more = rows.each(lambda column: column[at])
    day = zone.units(given.closed_at, DAY)
    more = replace(more, code=given.said, entered_at=given.closed_at, day=day)
    return Rows(
        **{
            name: np.insert(column, at + 1, getattr(more, name))
            for name, column in vars(rows).items()
        }
    )


def _wide(rows: Rows, deals: DealRows, zone: Zone, by_hour: tuple[int, ...]) -> dict[str, Ints]:
    """Return the columns of `wide`."""
    is_first, is_last = _first(rows), _last(rows)
    days = rows.day
    turn = _turns(is_first)
    before = np.where(is_first, NO_CODE, _before(rows.code))
    after = np.where(is_last, NO_CODE, _after(rows.code))
    entry = _entries(is_first, before, rows.code)
    places = deals.places(rows)
    found = {
        "opportunity": rows.opportunity,
        "pipeline": rows.pipeline,
        "stage": rows.code,
        "seq": 2 * turn,
        "before_stage": before,
        "after_stage": after,
        "entered_at": rows.entered_at,
        "entered_day": days,
        "left_at": np.where(is_last, NO_MOMENT, _after(rows.entered_at)),
        "left_day": np.where(is_last, NO_DAY, _after(days)),
        "closes": _closes(is_first, rows.code),
        "entry": entry,
        "exit": _exits(is_last, after, rows.code),
        "visit": _visits(rows, entry),
        "value": deals.value[places],
        "bucket": deals.bucket[places],
    }
    if by_hour:
        hours = np.isin(rows.pipeline, by_hour)
        ticks = np.where(hours, zone.units(rows.entered_at, HOUR), days)
        found |= {"entered_tick": ticks, "left_tick": np.where(is_last, NO_DAY, _after(ticks))}
    return found


def _turns(is_first: Flags) -> Ints:
    """Return 1, 2, 3 ... for the rows of each deal."""
    places = np.arange(len(is_first), dtype=np.int32)
    return places - np.maximum.accumulate(np.where(is_first, places, 0)) + 1


def _closes(is_first: Flags, code: Ints) -> Ints:
    """Return how often each deal is closed up to each row."""
    so_far = np.cumsum(code < 0, dtype=np.int32)
    before = (so_far - (code < 0))[is_first]
    found: Ints = so_far - np.repeat(before, np.diff(np.flatnonzero(is_first), append=len(code)))
    return found


def _entries(is_first: Flags, before: Ints, code: Ints) -> Ints:
    """Return how each row came about, as in `queries.MOVES`."""
    # a choice by turns is many times faster than to write where a flag is set
    entry = np.where(before < code, np.int8(schema.JUMPED_IN), np.int8(schema.RETURNED_IN))
    entry = np.where(before == code - 1, np.int8(schema.FROM_PREVIOUS), entry)
    entry = np.where(before < 0, np.int8(schema.REOPENED), entry)
    return np.where(is_first, np.int8(schema.NEW), entry)


def _exits(is_last: Flags, after: Ints, code: Ints) -> Ints:
    """Return how each row ended, as in `queries.MOVES`."""
    exit_ = np.where(after > code, np.int8(schema.JUMPED), np.int8(schema.RETURNED))
    exit_ = np.where(after == code + 1, np.int8(schema.NEXT), exit_)
    exit_ = np.where(after == schema.WON, np.int8(schema.WON_HERE), exit_)
    exit_ = np.where(after == schema.LOST, np.int8(schema.LOST_HERE), exit_)
    return np.where(is_last, np.int8(schema.OPEN), exit_)


def _visits(rows: Rows, entry: Ints) -> Ints:
    """Return which visit of the deal to its stage each row is, as in `queries.PASSAGES`."""
    visits = np.ones(len(entry), np.int32)
    again = (entry >= schema.RETURNED_IN) & (rows.code >= 0)
    if not again.any():
        return visits
    deals = rows.opportunity - rows.opportunity[0]
    returned = np.zeros(deals[-1] + 1, bool)
    returned[deals[again]] = True
    at = np.flatnonzero(returned[deals])
    order = at[np.lexsort((rows.code[at], rows.opportunity[at]))]
    deal, stage = rows.opportunity[order], rows.code[order]
    new = (deal != _before(deal)) | (stage != _before(stage))
    new[:1] = True
    visits[order] = _turns(new)
    return visits


def _ends(rows: Rows, deals: DealRows) -> dict[str, Ints]:
    """Return one row per deal: how it begins and ends."""
    first, last = np.flatnonzero(_first(rows)), np.flatnonzero(_last(rows))
    closed = np.where(rows.code[last] < 0, rows.entered_at[last], NO_MOMENT)
    given = deals.of(deals.places(rows)[last])
    return {
        "opportunity": rows.opportunity[last],
        "pipeline": rows.pipeline[last],
        "end_code": rows.code[last],
        "first_at": rows.entered_at[first],
        "closed_at": closed,
        "created_at": given.created_at,
        "value": given.value,
        "bucket": given.bucket,
    }
