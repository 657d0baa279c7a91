"""Every heading of every file of a source, with some of its cells and what it could be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.errors import LeakkitError, visible
from leakkit.scratch import scratch
from leakkit.sources.formats.files import form_of_content, form_of_name, read_file
from leakkit.sources.formats.unpacking import unzipped
from leakkit.sources.headings.guesses import columns_of
from leakkit.sources.headings.recognised import Reading
from leakkit.sources.headings.tables import may_be_data
from leakkit.store.database import Store

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.config import Config
    from leakkit.sources.headings.guesses import Column

SHOWN_COLUMNS, SHOWN_FILES = 200, 50


def heading_lines(source: Path, config: Config) -> list[str]:
    """Return a line for every column of a source: its heading, three cells, what it could be.

    A file that cannot be read is named with the reason.
    """
    with scratch() as place, Store.new() as store:
        reading = Reading(store, config, place)
        files = _files(reading, source)
        lines = [
            line
            for number, file in enumerate(files[:SHOWN_FILES])
            for line in _of_file(reading, file, f"looked_at_{number}")
        ]
    more = len(files) - SHOWN_FILES
    return [*lines, *([f"and {more:,} more files"] if more > 0 else [])]


def _files(reading: Reading, source: Path) -> list[Path]:
    """Return the files that may hold tables."""
    if source.is_dir():
        return sorted(f for f in source.iterdir() if f.is_file() and may_be_data(f))
    if form_of_content(source) == "zip" and form_of_name(source) != "parquet":
        try:
            return [file for file in unzipped(reading, source) if may_be_data(file)]
        except LeakkitError:
            return []
    return [source]


def _of_file(reading: Reading, file: Path, name: str) -> list[str]:
    """Return the lines of one file."""
    try:
        tables = read_file(reading, file, name)
    except LeakkitError as error:
        return [f"{visible(file.name)}: {visible(str(error)).splitlines()[0]}", ""]
    lines = []
    for table in tables:
        columns = columns_of(reading.store, table)
        lines += [f"{visible(table.file)}:", *map(_line, columns[:SHOWN_COLUMNS])]
        more = len(columns) - SHOWN_COLUMNS
        lines += [f"  and {more:,} more columns"] if more > 0 else []
        lines.append("")
    return lines


def _line(column: Column) -> str:
    """Return the line of one column."""
    cells = "; ".join(column.cells) or "no cells"
    return f"  {visible(column.heading)!r}: {cells}   ({column.could_be})"
