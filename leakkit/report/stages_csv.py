"""stages.csv: one row per stage, for programs. Its columns are a contract."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from leakkit.frames.spreadsheets import decimal
from leakkit.frames.stages import COLUMNS, DAYS, MONEY, stage_rows
from leakkit.sources.check import safe_text

if TYPE_CHECKING:
    from leakkit.analysis import PipelineNumbers
    from leakkit.frames.cells import Cell


def stages_csv(pipeline: PipelineNumbers) -> str:
    r"""Return the stage table of one pipeline as CSV text, with `\n` line ends.

    Shares have 10 decimals, days are days (with fractions in pipelines by the hour),
    money is in major units with two decimals. NA is an empty cell with its reason code
    in `notes`.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in stage_rows(pipeline):
        writer.writerow([_text(name, row[name]) for name in COLUMNS])
    return text.getvalue()


def _text(name: str, cell: Cell) -> str:
    """Return a cell as CSV text; the name of a stage is user text, and runs as no formula."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return decimal(cell, money=name in MONEY, days=name in DAYS)
    return safe_text(str(cell)) if name == "stage" else str(cell)
