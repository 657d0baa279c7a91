"""Workbooks of Excel (xlsx, xls, xlsb): the sheet is chosen by its headings."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import python_calamine as calamine

from leakkit.errors import LeakkitError
from leakkit.sources.names import part_of, score
from leakkit.sources.rows import LINE, distinct, put_rows
from leakkit.store.database import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from leakkit.sources.recognised import Reading

LOOKED_AT = 20
"""Rows at the top of a sheet among which the headings are looked for."""


def read_workbook(reading: Reading, path: Path, name: str) -> list[tuple[str, str, list[str]]]:
    """Read the sheets of a workbook that play a part: (sheet, relation, headings).

    `[source] sheet` names one. Else: the sheets whose headings play a part (a history,
    opportunities); where none does, the first that is not empty. Hidden sheets are not read.
    """
    try:
        book = calamine.load_workbook(str(path))
        sheets = [(sheet, _rows(book, sheet)) for sheet in _visible(book, reading)]
    except calamine.PasswordError:
        message = f"{name} is protected by a password. Save it without one."
        raise LeakkitError("unreadable_file", message) from None
    except (calamine.CalamineError, OSError, ValueError) as error:
        message = f"{name} cannot be read as an Excel workbook: {error}."
        raise LeakkitError("unreadable_file", message) from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        message = f"{name} cannot be read as an Excel workbook: it is damaged."
        raise LeakkitError("unreadable_file", message) from None
    found = [
        (sheet, *_taken(reading, sheet, rows, number))
        for number, (sheet, rows) in enumerate(sheets)
        if any(any(cells) for cells in rows)
    ]
    return _chosen(reading, name, found)


def _visible(book: calamine.CalamineWorkbook, reading: Reading) -> list[str]:
    """Return the names of the sheets to look at."""
    wanted = reading.config.source.sheet
    names = [
        sheet.name
        for sheet in book.sheets_metadata
        if sheet.visible == calamine.SheetVisibleEnum.Visible
        and sheet.typ == calamine.SheetTypeEnum.WorkSheet
    ]
    if not wanted:
        return names
    if wanted not in book.sheet_names:
        message = f"There is no sheet {wanted!r}. There are: {', '.join(book.sheet_names)}."
        raise LeakkitError("no_sheet", message)
    return [wanted]


def _rows(book: calamine.CalamineWorkbook, sheet: str) -> list[list[str]]:
    """Return the cells of a sheet as texts; row 1 of the list is row 1 of the sheet."""
    cells = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    return [[_text(cell) for cell in row] for row in cells]


def _text(cell: Any) -> str:  # noqa: ANN401 - whatever a cell may hold
    """Return a cell as text: dates in ISO form, whole numbers without a point."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, dt.datetime):
        # a serial number is a float: the nearest second is what was typed
        whole = (cell + dt.timedelta(microseconds=500_000)).replace(microsecond=0)
        return (
            whole.isoformat(" ")
            if (whole.hour, whole.minute, whole.second) != (0, 0, 0)
            else (whole.date().isoformat())
        )
    return str(cell)


def _taken(
    reading: Reading, sheet: str, rows: list[list[str]], number: int
) -> tuple[str, list[str]]:
    """Copy a sheet into the database; return its relation and its headings."""
    top = heading_row(rows, reading.config.source.columns)
    if top:
        reading.say(sheet, "heading_row", str(top + 1))
    headings = distinct(rows[top])
    table = quoted(f"sheet_{number}")
    width = len(headings)
    put_rows(reading.store, table, headings, _padded(rows[top + 1 :], width))
    return table, headings


def _padded(rows: Sequence[Sequence[str]], width: int) -> Iterator[tuple[int, Sequence[str]]]:
    """Return the rows that are not empty, each as wide as the heading."""
    for row, cells in enumerate(rows, start=1):
        if any(cells):
            yield row, [*cells[:width], *[""] * (width - len(cells))]


def heading_row(rows: Sequence[Sequence[str]], renamed: dict[str, str]) -> int:
    """Return which row holds the headings: the first, unless a later one is better known.

    Reports have titles above their headings; a row of units or groups is no heading.
    """
    scores = [score(cells, renamed) for cells in rows[:LOOKED_AT]]
    best = max(scores, default=0)
    first = next((row for row, cells in enumerate(rows[:LOOKED_AT]) if any(cells)), 0)
    return scores.index(best) if best >= 2 and scores[first] < best else first  # noqa: PLR2004 - one word may be chance


def _chosen(
    reading: Reading, name: str, found: list[tuple[str, str, list[str]]]
) -> list[tuple[str, str, list[str]]]:
    """Choose the sheets that play a part, each part once."""
    if not found:
        message = f"{name} is empty: it needs a heading and rows."
        raise LeakkitError("empty_file", message)
    renamed = reading.config.source.columns
    parts: dict[str, list[tuple[str, str, list[str]]]] = {}
    for one in found:
        parts.setdefault(part_of(one[2], renamed).table, []).append(one)
    played = {part: sheets for part, sheets in parts.items() if part}
    for sheets in played.values():
        if len(sheets) > 1:
            names = ", ".join(sheet for sheet, _, _ in sheets)
            message = (
                f"{name} has {len(sheets)} sheets that may be read: {names}. "
                "Say which: [source] sheet = '...'."
            )
            raise LeakkitError("two_sheets", message)
    chosen = [sheets[0] for sheets in played.values()] or found[:1]
    if len(found) > len(chosen) or len(chosen) > 1:
        for sheet, _, _ in chosen:
            reading.say(name, "sheet", sheet, "headings" if played else "first")
    return chosen


__all__ = ["LINE", "heading_row", "read_workbook"]
