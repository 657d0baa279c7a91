"""The tables of a view as files: CSV and Excel, in which no text runs."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import xlsxwriter

from leakkit.frames.spreadsheets import CREATED, LONGEST_CELL, OPTIONS
from leakkit.sources.check import safe_text
from leakkit.views.grids import Cell, Grid, grids, sentences, text_of

if TYPE_CHECKING:
    from leakkit.views.view import View

Rows = list[list[str]]


def tables_of(view: View) -> tuple[Grid, ...]:
    """Return the tables of a view; of one without any, what it says, line by line."""
    found = grids(f"{view.figure}{view.table}{view.note}")
    if found:
        return found
    parts = (view.headline, view.figure, view.table, view.note)
    said = [line for part in parts for line in (sentences(part) or [text_of(part)]) if line]
    rows = tuple((Cell(line),) for line in [*said, view.alt] if line)
    return (Grid(text_of(view.title), (text_of(view.title),), rows),)


def rows_of(grid: Grid) -> Rows:
    """Return a table as rows of texts; what stands small beside a number has a column."""
    small = [any(row[at].small for row in grid.rows) for at in range(len(grid.heads))]
    heads = [Cell(name, f"{name} (+)") for name in grid.heads]
    return [
        [text for cell, more in zip(row, small, strict=True) for text in _texts(cell, more=more)]
        for row in (heads, *grid.rows)
    ]


def _texts(cell: Cell, *, more: bool) -> list[str]:
    """Return a cell as one text, or as two."""
    return [cell.text, cell.small] if more else [cell.text]


def csv_of(view: View) -> str:
    r"""Return all tables of a view as CSV text, each under its caption, an empty line between."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for at, grid in enumerate(tables_of(view)):
        if at:
            writer.writerow([])
        writer.writerow([safe_text(grid.caption)])
        writer.writerows([safe_text(cell) for cell in row] for row in rows_of(grid))
    return text.getvalue()


def xlsx_of(view: View) -> bytes:
    """Return all tables of a view as an Excel file, a sheet each; texts are texts."""
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, OPTIONS)
    book.set_properties({"created": CREATED, "author": "", "comments": ""})
    bold = book.add_format({"bold": True, "bottom": 1})
    for at, grid in enumerate(tables_of(view), 1):
        sheet = book.add_worksheet(str(at))
        sheet.write_string(0, 0, grid.caption[:LONGEST_CELL])
        for down, row in enumerate(rows_of(grid), 1):
            for across, cell in enumerate(row):
                sheet.write_string(down, across, cell[:LONGEST_CELL], bold if down == 1 else None)
        sheet.freeze_panes(2, 1)
    book.close()
    return stream.getvalue()
