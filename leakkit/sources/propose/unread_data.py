"""What a source has that was not read: headings with some of their cells, and further files."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from leakkit.config import Config, Join
from leakkit.errors import LeakkitError, visible
from leakkit.scratch import scratch
from leakkit.sources.databases.addresses import Address
from leakkit.sources.databases.connections import open_session
from leakkit.sources.databases.database_tables import LOOKED_AT, folder_in
from leakkit.sources.formats.files import form_of_content, form_of_name, read_file
from leakkit.sources.formats.unpacking import unpack_zip
from leakkit.sources.headings.column_guesses import columns_of
from leakkit.sources.headings.folders import Member, folder_of, may_be_data, member_of
from leakkit.sources.headings.heading_words import near_pairs
from leakkit.sources.headings.reading import Reading, simplify_heading
from leakkit.sources.spark.tables import is_server, list_columns
from leakkit.store.database import Store, quote

if TYPE_CHECKING:
    from leakkit.sources.headings.column_guesses import ColumnGuess
    from leakkit.sources.headings.reading import Table

SHOWN_COLUMNS, SHOWN_FILES = 200, 50


def heading_lines(source: Path | Address, config: Config) -> list[str]:
    """Return a line for every column of a source: its heading, three cells, what it could be.

    A file that cannot be read is named with the reason. Of tables in Spark no cell is read.
    """
    if is_server(source, config):
        return list_columns(source, config)
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


def _line(column: ColumnGuess) -> str:
    """Return the line of one column."""
    cells = "; ".join(column.cells) or "no cells"
    return f"  {visible(column.heading)!r}: {cells}   ({column.could_be})"


# ---------------- files that a key could join

ENOUGH = 0.5
"""At least this share of the values of the deals must be keys of the other file."""


def proposed_joins(store: Store, folder: Path) -> tuple[Join, ...]:
    """Which files of the folder have one row per value of a column of the deals?

    `store` is a source that was loaded; its files that were not read are looked at. A
    value that is nearly a key is proposed as `same`, never merged in silence.
    """
    if not folder.is_dir():
        return ()
    names = [name for name in store.meta("ignored_files") if may_be_data(Path(name))]
    with scratch() as place, Store.new() as unread:
        reading = Reading(unread, Config(), place)
        found = [_propose_join(store, reading, folder / name, i) for i, name in enumerate(names)]
    return tuple(join for join in found if join)


def _propose_join(store: Store, reading: Reading, file: Path, number: int) -> Join | None:
    """Return how one file could be joined; None where no column of it is a key of the deals."""
    try:
        table = read_file(reading, file, f"beside_{number}")[0]
    except LeakkitError:
        return None
    segments = store.meta("segments")
    here = {simplify_heading(heading): heading for heading in segments}
    for heading in table.types:
        mine = here.get(simplify_heading(heading))
        keys = _keys(reading.store, table, heading) if mine else set[str]()
        if mine and keys and (same := _spellings(store, mine, keys)) is not None:
            taken = {h: h for h in table.types if h != heading and simplify_heading(h) not in here}
            return Join(file=file.name, key=mine, take=taken, same=same) if taken else None
    return None


def _keys(store: Store, table: Table, heading: str) -> set[str]:
    """Return the values of a column that stands for its row; none where one stands twice."""
    said = table.text_under(heading)
    rows = store.rows(
        f"SELECT {said} AS k, count(*) FROM {table.relation} WHERE k <> '' GROUP BY k ORDER BY k"  # noqa: S608 - quoted
    )
    return {str(key) for key, n in rows} if all(n == 1 for _, n in rows) else set()


def _spellings(store: Store, column: str, keys: set[str]) -> dict[str, str] | None:
    """Return what may be other spellings of keys; None where few values of the deals are keys."""
    rows = store.rows(
        f"SELECT {quote(column)} AS said FROM opportunities WHERE said <> '' "  # noqa: S608 - quoted
        "GROUP BY said ORDER BY said"
    )
    said = [str(row[0]) for row in rows]
    unknown = [value for value in said if value not in keys]
    if len(unknown) > (1 - ENOUGH) * len(said):
        return None
    return near_pairs(unknown, sorted(keys))
