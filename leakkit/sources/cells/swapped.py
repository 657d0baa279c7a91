"""Dates that a spreadsheet may have read with day and month swapped.

A spreadsheet of one country that opens a text file of another takes 05/03/2024 for the
3rd of May, and leaves 13/05/2024 as it is, a text. What it took is a date like any other
afterwards; only the days tell, of which none is over 12.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leakkit.errors import Ask, Fault, LeakkitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.sources.headings.columns import Table
    from leakkit.sources.headings.recognised import Reading

LAST_MONTH = 12
MANY_DATES, MANY_DAYS = 20, 4
"""So many dates, on so many days of the month, are not all up to the 12th by chance."""
SHOWN = 3
SERIALS = (20_000, 80_000)
"""Days as Excel counts them; the first is in 1954, the last in 2119."""
SLASHED = re.compile(r"\s*(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?!\d)")
Dated = tuple[int, dt.datetime | dt.date]


@dataclass(frozen=True)
class Typed:
    """The dates of a column that may be swapped: none has a day over 12.

    `kind` is `mixed` where texts stand beside them that no date could be made of in that
    order, `many` where there are too many dates for chance, else `few`. `rows` are the
    first that have two readings, as (data row, as they stand, swapped).
    """

    kind: str
    rows: tuple[tuple[int, str, str], ...]
    texts: tuple[tuple[int, str], ...] = ()


def typed_columns(rows: Sequence[Sequence[Any]], headings: Sequence[str]) -> dict[str, Typed]:
    """Return the columns of a sheet whose dates may be swapped; `rows` are those of the data."""
    found = {}
    for place, heading in enumerate(headings):
        cells = [(at, row[place]) for at, row in enumerate(rows, start=1) if place < len(row)]
        typed = _look_at_cells(cells)
        if typed:
            found[heading] = typed
    return found


def _look_at_cells(cells: Sequence[tuple[int, Any]]) -> Typed | None:
    """Look at the cells of one column, each with its row."""
    texts = [(at, cell) for at, cell in cells if isinstance(cell, str) and SLASHED.match(cell)]
    dates = [(at, cell) for at, cell in cells if isinstance(cell, dt.date)]
    if texts and not dates:
        # where a format has no dates, Excel's numbers beside texts are dates all the same
        dates = [(at, date) for at, cell in cells if (date := _read_serial(cell))]
    two = [(at, date) for at, date in dates if date.day != date.month]
    if not two or any(date.day > LAST_MONTH for _, date in dates):
        return None
    rows = tuple((at, _iso(date), _iso(swap_date(date))) for at, date in two[:SHOWN])
    if texts:
        kind = "mixed" if all(_is_left(text) for _, text in texts) else ""
        return Typed(kind, rows, tuple(texts[:SHOWN])) if kind else None
    return Typed("many" if _are_many(dates) else "few", rows)


def _is_left(text: str) -> bool:
    """Say whether one part of a text is over 12, so that it has one order only."""
    parts = SLASHED.match(text)
    return parts is not None and any(int(part) > LAST_MONTH for part in parts.groups()[:2])


def _are_many(dates: Sequence[Dated]) -> bool:
    """Say whether these are too many dates to be all up to the 12th by chance."""
    different = {(date.year, date.month, date.day) for _, date in dates}
    return len(different) >= MANY_DATES and len({day for _, _, day in different}) >= MANY_DAYS


def _read_serial(cell: Any) -> dt.datetime | None:  # noqa: ANN401 - whatever a cell may hold
    """Return the date that a number of Excel counts, if it is one."""
    if not isinstance(cell, float) or not SERIALS[0] <= cell <= SERIALS[1]:
        return None
    return dt.datetime(1899, 12, 30) + dt.timedelta(days=cell)  # noqa: DTZ001 - a cell has no zone


def swap_date(date: dt.date) -> dt.date:
    """Return a date with its day and month swapped; the day is up to 12.

    >>> swap_date(dt.date(2024, 5, 3)).isoformat()
    '2024-03-05'
    """
    return date.replace(month=date.day, day=date.month)


def _iso(date: dt.date) -> str:
    """Return the day of a date or moment."""
    return f"{date.year:04}-{date.month:02}-{date.day:02}"


def swap_columns(
    rows: Sequence[Sequence[Any]], headings: Sequence[str], typed: dict[str, Typed]
) -> list[list[Any]]:
    """Return the rows with the dates of the columns in doubt swapped."""
    places = [at for at, heading in enumerate(headings) if heading in typed]
    changed = [list(row) for row in rows]
    for row in changed:
        for place in places:
            date = _date_of(row[place]) if place < len(row) else None
            if date is not None:
                row[place] = swap_date(date)
    return changed


def _date_of(cell: Any) -> dt.date | None:  # noqa: ANN401 - whatever a cell may hold
    """Return the date of a cell that holds one."""
    return cell if isinstance(cell, dt.date) else _read_serial(cell)


def settle(reading: Reading, table: Table, headings: Sequence[str]) -> None:
    """Raise where dates of a table may be swapped and nobody says whether they are.

    A few dates up to the 12th are no proof: both readings are said, and they stay.
    """
    doubts = [(heading, table.typed[heading]) for heading in headings if heading in table.typed]
    decided = reading.config.source.typed_dates
    if decided == "auto" and any(typed.kind != "few" for _, typed in doubts):
        raise _ambiguous(table.file, [(h, t) for h, t in doubts if t.kind != "few"])
    for heading, typed in doubts:
        row, kept, other = typed.rows[0]
        how = "swapped" if decided == "swapped" else f"typed_{typed.kind}"
        reading.say(table.file, f"{how}:{heading}", kept, f"row {row}: {kept} / {other}")


def _ambiguous(file: str, doubts: Sequence[tuple[str, Typed]]) -> LeakkitError:
    """Return the error with both readings of some rows, and the key that decides."""
    faults = [
        Fault(file, row, heading, kept, f"typed_dates = 'kept': {kept} or 'swapped': {other}")
        for heading, typed in doubts
        for row, kept, other in typed.rows
    ]
    texts = [text for _, typed in doubts for _, text in typed.texts]
    why = (
        f"no date of Excel has a day over 12, and what could not be read stayed a text, "
        f"such as {texts[0]!r}"
        if texts
        else "no date of Excel has a day over 12, which does not happen by chance"
    )
    message = (
        f"{file}: day and month of the dates that Excel holds may be swapped: {why}. Say in "
        "[source] which: typed_dates = 'kept' or typed_dates = 'swapped':"
    )
    ask = Ask("source", "typed_dates", ("kept", "swapped"), "did Excel swap day and month?")
    return LeakkitError("swapped_dates", message, tuple(faults[:SHOWN]), (ask,))
