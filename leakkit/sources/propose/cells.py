"""Every heading of every file of a source, with some of its cells and what it could be."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from leakkit.errors import LeakkitError, visible
from leakkit.scratch import scratch
from leakkit.sources.databases.addresses import Address
from leakkit.sources.databases.sessions import open_session
from leakkit.sources.databases.tables import LOOKED_AT, folder_in
from leakkit.sources.formats.files import form_of_content, form_of_name
from leakkit.sources.formats.unpacking import unpack_zip
from leakkit.sources.headings.column_guesses import columns_of
from leakkit.sources.headings.folders import Member, folder_of, may_be_data, member_of
from leakkit.sources.headings.reading import Reading
from leakkit.store.database import Store

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.config import Config
    from leakkit.sources.headings.column_guesses import Column

SHOWN_COLUMNS, SHOWN_FILES = 200, 50


def heading_lines(source: Path | Address, config: Config) -> list[str]:
    """Return a line for every column of a source: its heading, three cells, what it could be.

    A file that cannot be read is named with the reason.
    """
    with ExitStack() as stack:
        place, store = stack.enter_context(scratch()), stack.enter_context(Store.new())
        reading = Reading(store, config, place)
        if isinstance(source, Address):
            session = stack.enter_context(open_session(source))
            files = list(folder_in(reading, session, LOOKED_AT).members)
        else:
            files = _files(reading, source)
        lines = [
            line
            for number, file in enumerate(files[:SHOWN_FILES])
            for line in _of_file(reading, file, f"looked_at_{number}")
        ]
    more = len(files) - SHOWN_FILES
    return [*lines, *([f"and {more:,} more files"] if more > 0 else [])]


def _files(reading: Reading, source: Path) -> list[Member]:
    """Return the files that may hold tables."""
    if source.is_dir():
        return [one for one in folder_of(source).members if one.data]
    if form_of_content(source) == "zip" and form_of_name(source) != "parquet":
        try:
            return [member_of(file) for file in unpack_zip(reading, source) if may_be_data(file)]
        except LeakkitError:
            return []
    return [member_of(source)]


def _of_file(reading: Reading, file: Member, name: str) -> list[str]:
    """Return the lines of one file."""
    try:
        tables = file.read(reading, name)
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
