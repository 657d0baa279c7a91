"""The tables of a view as files: CSV and Excel, in which no text runs."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import TYPE_CHECKING, Any

import pandas as pd
import xlsxwriter

from leakkit.sources.check import safe_text
from leakkit.views.grids import Cell, Grid, grids, sentences, text_of

if TYPE_CHECKING:
    from leakkit.views.view import View

CREATED = dt.datetime(2000, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)
"""Of every Excel file: the same numbers, the same bytes."""
LONGEST_CELL = 32_767
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
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(stream, options)
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


def frame_csv(rows: pd.DataFrame) -> bytes:
    """Return rows as a CSV file that Excel reads as UTF-8; a text that would run is quoted."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([safe_text(str(name)) for name in rows])
    for row in rows.itertuples(index=False):
        writer.writerow([_plain_cell(cell) for cell in row])
    return text.getvalue().encode("utf-8-sig")


def _plain_cell(cell: Any) -> str | float:  # noqa: ANN401 - whatever a frame holds
    """Return a cell of a CSV file: texts made safe, dates without a time, nothing for unknown."""
    if pd.isna(cell):
        return ""
    if isinstance(cell, pd.Timestamp):
        return cell.strftime("%Y-%m-%d")
    return safe_text(cell) if isinstance(cell, str) else round(float(cell), 4)


def frame_xlsx(rows: pd.DataFrame) -> bytes:
    """Return rows as an Excel file with filters over its heads; texts are texts."""
    stream = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(stream, options)
    book.set_properties({"created": CREATED, "author": "", "comments": ""})
    bold, day = book.add_format({"bold": True}), book.add_format({"num_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet("1")
    for across, name in enumerate(rows):
        sheet.write_string(0, across, str(name), bold)
        for down, cell in enumerate(rows[name], 1):
            if isinstance(cell, str):
                sheet.write_string(down, across, cell[:LONGEST_CELL])
            elif isinstance(cell, pd.Timestamp):
                sheet.write_datetime(down, across, cell.to_pydatetime(), day)
            elif not pd.isna(cell):
                sheet.write_number(down, across, float(cell))
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, max(len(rows), 1), max(len(rows.columns) - 1, 0))
    sheet.set_column(0, max(len(rows.columns) - 1, 0), 18)
    book.close()
    return stream.getvalue()
