"""Frames as files: CSV and Excel, in which no text runs, and equal rows give equal bytes."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any

import pandas as pd
import xlsxwriter

from leakkit.sources.check import safe_text

CREATED = dt.datetime(2000, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)
"""Of every Excel file: the same numbers, the same bytes."""
LONGEST_CELL = 32_767
OPTIONS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
"""Of every Excel file: a text is a text."""


def decimal(number: float, *, money: bool = False, days: bool = False) -> str:
    """Return a number as text: money with two decimals, days without needless ones.

    >>> decimal(1234.5, money=True), decimal(21.0, days=True), decimal(0.25)
    ('1234.50', '21', '0.2500000000')
    """
    if money:
        return f"{number:.2f}"
    text = f"{number:.10f}"
    return text.rstrip("0").rstrip(".") if days else text


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
    book = xlsxwriter.Workbook(stream, OPTIONS)
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
