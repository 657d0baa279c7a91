"""Workbooks of Excel (xlsx, xls, xlsb): the sheet is chosen by its headings."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import python_calamine as calamine

from leakkit.errors import LeakkitError
from leakkit.sources.cells.swapped import typed_columns, with_swapped
from leakkit.sources.formats.rows import LINE, put_rows
from leakkit.sources.headings.exports import exports_of
from leakkit.sources.headings.names import once, part_of, score
from leakkit.store.database import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from leakkit.sources.cells.swapped import Typed
    from leakkit.sources.headings.recognised import Reading

LOOKED_AT = 20
"""Rows at the top of a sheet among which the headings are looked for."""


@dataclass(frozen=True)
class Sheet:
    """A sheet in the database: its relation, its headings, and dates that may be swapped."""

    name: str
    relation: str
    headings: list[str]
    typed: dict[str, Typed]


def read_workbook(reading: Reading, path: Path, name: str) -> list[Sheet]:
    """Read the sheets of a workbook that play a part.

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
        _taken(reading, sheet, rows, f"{sheet} of {name}")
        for sheet, rows in sheets
        if any(_is_filled(cells) for cells in rows)
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


def _rows(book: calamine.CalamineWorkbook, sheet: str) -> list[list[Any]]:
    """Return the cells of a sheet; row 1 of the list is row 1 of the sheet."""
    return book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)


def _is_filled(cells: Sequence[Any]) -> bool:
    """Say whether a row has a cell that is not empty."""
    return any(cell not in {"", None} for cell in cells)


def _text(cell: Any) -> str:  # noqa: ANN401 - whatever a cell may hold
    """Return a cell as text: dates in ISO form, whole numbers without a point."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, dt.datetime):
        # a serial number is a float: the nearest second is what was typed
        # of the last second that there is, a "never" of some databases, there is no next one
        half = dt.timedelta(microseconds=0 if cell.year == dt.MAXYEAR else 500_000)
        whole = (cell + half).replace(microsecond=0)
        return (
            whole.isoformat(" ")
            if (whole.hour, whole.minute, whole.second) != (0, 0, 0)
            else (whole.date().isoformat())
        )
    return str(cell)


def _taken(reading: Reading, sheet: str, rows: list[list[Any]], relation: str) -> Sheet:
    """Copy a sheet into the database."""
    tops = [[_text(cell) for cell in row] for row in rows[:LOOKED_AT]]
    top = heading_row(tops, reading.config.source.columns)
    if top:
        reading.say(sheet, "heading_row", str(top + 1))
    headings = once(reading, sheet, tops[top])
    rest = rows[top + 1 :]
    typed = typed_columns(rest, headings)
    if reading.config.source.typed_dates == "swapped":
        rest = with_swapped(rest, headings, typed)
    table = quoted(relation)
    put_rows(reading.store, table, headings, _padded(rest, len(headings)))
    return Sheet(sheet, table, headings, typed)


def _padded(rows: Sequence[Sequence[Any]], width: int) -> Iterator[tuple[int, Sequence[str]]]:
    """Return the rows that are not empty as texts, each as wide as the heading."""
    for row, cells in enumerate(rows, start=1):
        texts = [_text(cell) for cell in cells[:width]]
        if any(texts) or _is_filled(cells[width:]):
            yield row, [*texts, *[""] * (width - len(texts))]


def heading_row(rows: Sequence[Sequence[str]], renamed: dict[str, str]) -> int:
    """Return which row holds the headings: the first, unless a later one is better known.

    Reports have titles above their headings; a row of units or groups is no heading.
    """
    scores = [score(cells, renamed) for cells in rows[:LOOKED_AT]]
    best = max(scores, default=0)
    first = next((row for row, cells in enumerate(rows[:LOOKED_AT]) if any(cells)), 0)
    return scores.index(best) if best >= 2 and scores[first] < best else first  # noqa: PLR2004 - one word may be chance


def _chosen(reading: Reading, name: str, found: list[Sheet]) -> list[Sheet]:
    """Choose the sheets that play a part, each part once."""
    if not found:
        message = f"{name} is empty: it needs a heading and rows."
        raise LeakkitError("empty_file", message)
    renamed, exports = reading.config.source.columns, exports_of(reading.config)
    parts: dict[str, list[Sheet]] = {}
    for one in found:
        parts.setdefault(part_of(one.headings, renamed, exports).table, []).append(one)
    played = {part: sheets for part, sheets in parts.items() if part}
    for sheets in played.values():
        if len(sheets) > 1:
            names = ", ".join(sheet.name for sheet in sheets)
            message = (
                f"{name} has {len(sheets)} sheets that may be read: {names}. "
                "Say which: [source] sheet = '...'."
            )
            raise LeakkitError("two_sheets", message)
    chosen = [sheets[0] for sheets in played.values()] or found[:1]
    if len(found) > len(chosen) or len(chosen) > 1:
        for sheet in chosen:
            reading.say(name, "sheet", sheet.name, "headings" if played else "first")
    return chosen


__all__ = ["LINE", "heading_row", "read_workbook"]
