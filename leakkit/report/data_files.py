"""The files for programs and spreadsheets: findings.json, stages.csv and the worklist."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from typing import TYPE_CHECKING, Any

import xlsxwriter

from leakkit.findings import count_tests, to_records
from leakkit.findings.worklist import BLOCKS
from leakkit.frames.data_frames import CHANCES, WORK_COLUMNS, WORK_MONEY, worklist_row
from leakkit.frames.spreadsheets import CREATED, LONGEST_CELL, OPTIONS, decimal
from leakkit.frames.stage_frames import STAGE_COLUMNS, STAGE_DAYS, STAGE_MONEY, stage_rows
from leakkit.frames.units import major
from leakkit.sources.check import safe_text
from leakkit.views.brand import Mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xlsxwriter.worksheet import Worksheet

    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.findings.worklist import WorkItem
    from leakkit.frames.units import Cell


# ---------------- findings json
# findings.json: what was found, for programs. Its fields are a contract.

SCHEMA_VERSION = 1
DIGITS = 10


def findings_json(analysis: Analysis, pipeline: str = "") -> str:
    r"""Return the findings as JSON text: of one pipeline, or of all where none is named.

    `tests` counts the tests of the whole run, over which the false discovery rate is.
    Numbers have at most 10 digits, money is in major units; NA is null.

    >>> import leakkit
    >>> text = findings_json(leakkit.analyze(leakkit.load("sample"), "Equipment"), "Equipment")
    >>> json.loads(text)["findings"][0]["stage"]
    'Proforma'
    """
    chosen = [f for f in analysis.all_findings if not pipeline or f.pipeline == pipeline]
    content = {
        "schema_version": SCHEMA_VERSION,
        "as_of": iso_day(analysis.last_day),
        "tests": count_tests(analysis.all_findings),
        "findings": [round_numbers(in_major_units(record)) for record in to_records(chosen)],
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def in_major_units(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with its money in major units."""
    value, recoverable = record["value_at_stake"], record["recoverable"]
    return record | {
        "value_at_stake": major(value),
        "recoverable": recoverable and {k: major(v) for k, v in recoverable.items()},
    }


def round_numbers(content: object) -> object:
    """Round every number: the last digits of a sum differ between machines."""
    if isinstance(content, float):
        return float(f"{content:.{DIGITS}g}")
    if isinstance(content, dict):
        return {key: round_numbers(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [round_numbers(value) for value in content]
    return content


def iso_day(day: int) -> str:
    """Return a local day number as a date.

    >>> iso_day(20634)
    '2026-06-30'
    """
    return (dt.date(1970, 1, 1) + dt.timedelta(days=day)).isoformat()


# ---------------- stages csv
# stages.csv: one row per stage, for programs. Its columns are a contract.


def stages_csv(pipeline: PipelineNumbers) -> str:
    r"""Return the stage table of one pipeline as CSV text, with `\n` line ends.

    Shares have 10 decimals, days are days (with fractions in pipelines by the hour),
    money is in major units with two decimals. NA is an empty cell with its reason code
    in `notes`.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(STAGE_COLUMNS)
    for row in stage_rows(pipeline):
        writer.writerow([_stage_text(name, row[name]) for name in STAGE_COLUMNS])
    return text.getvalue()


def _stage_text(name: str, cell: Cell) -> str:
    """Return a cell as CSV text; the name of a stage is user text, and runs as no formula."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return decimal(cell, money=name in STAGE_MONEY, days=name in STAGE_DAYS)
    return safe_text(str(cell)) if name == "stage" else str(cell)


# ---------------- worklist
# The worklist as files that people sort and send around: CSV and Excel.

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
    writer.writerow(WORK_COLUMNS)
    for item in items:
        row = worklist_row(item, pipeline)
        writer.writerow([_work_text(name, row[name]) for name in WORK_COLUMNS])
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
    for place, name in enumerate(WORK_COLUMNS):
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
    sheet.autofilter(0, 0, max(len(rows), 1), len(WORK_COLUMNS) - 1)
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


def _work_text(name: str, cell: Cell) -> str:
    """Return a cell as CSV text."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return safe_text(cell)
    if not isinstance(cell, int | float):
        raise TypeError(name)
    return decimal(cell, money=name in WORK_MONEY, days=name not in CHANCES)
