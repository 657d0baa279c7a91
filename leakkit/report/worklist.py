"""The worklist as files that people sort and send around: CSV and Excel."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import xlsxwriter

from leakkit.findings.worklist import BLOCKS
from leakkit.frames.spreadsheets import CREATED, LONGEST_CELL, OPTIONS, decimal
from leakkit.frames.worklist import CHANCES, COLUMNS, MONEY, worklist_row
from leakkit.sources.check import safe_text
from leakkit.views.brand import Mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xlsxwriter.worksheet import Worksheet

    from leakkit.analysis import PipelineNumbers
    from leakkit.findings.worklist import WorkItem
    from leakkit.frames.cells import Cell

LONGEST_HEAD, A4 = 50, 9
"""Letters of a text in the head of a printed page, and the number of A4 in Excel."""
UNBRANDED = Mark()
WIDTHS = {"opportunity_id": 16, "name": 36, "owner": 20, "stage": 22}
FORMATS = {
    "chance": "0%",
    "chance_low": "0%",
    "chance_high": "0%",
    "value": "#,##0.00",
    "saved_value": "#,##0.00",
    "days_in_stage": "0.##",
    "days_over": "0.##",
    "look_ahead_days": "0.##",
}


def worklist_csv(items: Sequence[WorkItem], pipeline: PipelineNumbers) -> str:
    r"""Return the worklist as CSV text, with `\n` line ends and no cell that runs as a formula.

    Money is in major units with two decimals, chances have 10 decimals, an unknown number
    is an empty cell.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for item in items:
        row = worklist_row(item, pipeline)
        writer.writerow([_text(name, row[name]) for name in COLUMNS])
    return text.getvalue()


def worklist_xlsx(
    items: Sequence[WorkItem], pipeline: PipelineNumbers, brand: Mark = UNBRANDED
) -> bytes:
    """Return the worklist as an Excel file: one sheet a block, printed with its head on each page.

    Texts are written as texts, so no cell is a formula or a link. Equal lists give equal
    bytes: no clock, no path.
    """
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, OPTIONS)
    whose = {"author": brand.author, "company": brand.client}
    book.set_properties({"created": CREATED, "comments": "", **whose})
    for block in BLOCKS:
        rows = [worklist_row(item, pipeline) for item in items if item.block == block]
        _print_setup(_sheet(book, block, rows, brand), pipeline, brand)
    book.close()
    return stream.getvalue()


def _sheet(
    book: xlsxwriter.Workbook, block: str, rows: list[dict[str, Cell]], brand: Mark
) -> Worksheet:
    """Write one block."""
    sheet = book.add_worksheet(block)
    colour = {"bg_color": brand.colour, "font_color": "#FFFFFF"} if brand.colour else {}
    head = book.add_format({"bold": True, "bottom": 1, **colour})
    for place, name in enumerate(COLUMNS):
        number = book.add_format({"num_format": FORMATS[name]}) if name in FORMATS else None
        sheet.set_column(place, place, WIDTHS.get(name, 13), number)
        sheet.write_string(0, place, name, head)
        for line, row in enumerate(rows, 1):
            cell = row[name]
            if isinstance(cell, str):
                sheet.write_string(line, place, cell[:LONGEST_CELL])
            elif cell is not None:
                sheet.write_number(line, place, cell)
    sheet.freeze_panes(1, 2)
    sheet.autofilter(0, 0, max(len(rows), 1), len(COLUMNS) - 1)
    return sheet


def _print_setup(sheet: Worksheet, pipeline: PipelineNumbers, brand: Mark) -> None:
    """Say how a sheet is printed: across, one page wide, whose it is and which page."""
    sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.set_header(f"&L{_escape_head(brand.client)}&R{_escape_head(pipeline.name)}")
    sheet.set_footer(f"&L{_escape_head(brand.foot)}&R&P / &N")


def _escape_head(text: str) -> str:
    """Return a text as a head or foot of Excel holds it: an ampersand would be an order.

    >>> _escape_head("Pumps & valves")
    'Pumps && valves'
    """
    return text[:LONGEST_HEAD].replace("&", "&&")


def _text(name: str, cell: Cell) -> str:
    """Return a cell as CSV text."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return safe_text(cell)
    if not isinstance(cell, int | float):
        raise TypeError(name)
    return decimal(cell, money=name in MONEY, days=name not in CHANCES)
