"""Rows of a database, fetched batch by batch into an order that is always the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leakkit.errors import LeakkitError
from leakkit.sources.databases.asked import is_asked_for
from leakkit.sources.formats.rows import describe_table, free_rowid, refuse_wide
from leakkit.sources.headings.exports import exports_of
from leakkit.sources.headings.heading_words import once
from leakkit.sources.headings.reading import Table
from leakkit.sources.headings.table_parts import part_of
from leakkit.store.database import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.sources.databases.dialects import Cell
    from leakkit.sources.databases.sessions import Session
    from leakkit.sources.headings.reading import Reading
    from leakkit.sources.spark.tables import Travelling
    from leakkit.store.database import Store

FIRST = ("opportunity_id", "entered_at", "created_at", "seq")
"""By what rows are put in order before all else."""
DIGITS, WHOLE = 12, 10**18
"""So many digits after the point may an exact number have; below this one it is an integer."""


@dataclass(frozen=True)
class Relation:
    """What stands after FROM: a table, or the SELECT of a user.

    `name` is what it is called, `part` what part that may name; `limit`: so many rows are
    looked at, or all.
    """

    name: str
    part: str
    sql: str
    limit: int = 0


def fetch(
    reading: Reading, session: Session | Travelling, relation: Relation, name: str
) -> tuple[Table, dict[str, str]]:
    """Fetch the columns of a relation that are asked for; also return what is kept of it.

    A database keeps its rows in no order. Here they are in that of deal, moment and all else,
    so that the same rows are the same table, whatever was written, moved or restored since.
    """
    cells = _cells(reading, session, relation)
    store, raw = reading.store, quote(f"fetched_{name}")
    asked = ", ".join(f"{cell.sql} AS {_at(i)}" for i, cell in enumerate(cells.values()))
    limit = f" LIMIT {relation.limit}" if relation.limit else ""
    with session.reader(f"SELECT {asked} FROM {relation.sql}{limit}") as reader:  # noqa: S608 - quoted
        made = f"CREATE TEMP TABLE {raw} AS SELECT * FROM given_frame"  # noqa: S608 - quoted
        store.insert(made, reader.schema.empty_table())
        for batch in reader:
            _refuse_other_letters(relation.name, list(cells), batch)
            store.insert(f"INSERT INTO {raw} SELECT * FROM given_frame", batch)  # noqa: S608 - as above
    columns = {h: _as_read(store, raw, _at(i), c) for i, (h, c) in enumerate(cells.items())}
    table = quote(f"file_{name}")
    mine = ", ".join(f"{sql} AS {quote(heading)}" for heading, sql in columns.items())
    store.run(
        f"CREATE TEMP TABLE {table} AS SELECT {mine} FROM {raw} "  # noqa: S608 - quoted
        f"ORDER BY {', '.join(_order(reading, list(columns)))}"
    )
    store.run(f"DROP TABLE {raw}")
    address = session.address
    called = f"{address} {relation.name}" if address.file else f"{address}: {relation.name}"
    digest = _digest(store, table, columns)
    free_rowid(store, table, columns)
    found = describe_table(reading, relation.name, table, "rowid + 1", ordered=False)
    return found, {"name": called, "format": address.kind, "sha256": digest}


def _at(number: int) -> str:
    """Return the name of a column while it travels: a heading may be any text."""
    return f"c{number}"


def _cells(reading: Reading, session: Session | Travelling, relation: Relation) -> dict[str, Cell]:
    """Return how each column that is asked for is fetched, by its heading."""
    file, columns = relation.name, session.columns(relation.sql)
    refuse_wide(file, len(columns))
    found: dict[str, Cell] = {}
    asked = is_asked_for(reading.config)
    for column, heading in zip(
        columns, once(reading, file, [one.heading for one in columns]), strict=True
    ):
        cell = session.dialect.cell(column, session.dialect.name_sql(column.heading))
        if cell is None:
            reading.say(file, "no_cells", heading, column.own or column.kind)
        elif asked(heading):
            found[heading] = cell
    if not found:
        message = f"{file} has no column that can be read."
        raise LeakkitError("empty_file", message)
    return found


def _refuse_other_letters(file: str, headings: list[str], batch: Any) -> None:  # noqa: ANN401 - of Arrow
    """Raise where a text is none of Unicode: SQLite, and some servers, keep any bytes as text."""
    for heading, column in zip(headings, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except ValueError:
            message = (
                f"{file}: the column {heading!r} holds a text that is not UTF-8. Mend it in the "
                "database, or leave the column out, by a view or a SELECT in [source.tables]."
            )
            raise LeakkitError("broken_text", message) from None


def _as_read(store: Store, raw: str, column: str, cell: Cell) -> str:
    """Return SQL for a column as it is kept: '' is nothing, and exact numbers are numbers."""
    kind = store.value(f"SELECT column_type FROM (DESCRIBE {raw}) WHERE column_name = '{column}'")  # noqa: S608 - names of this module
    if kind != "VARCHAR":
        return column
    text = f"NULLIF({column}, '')"
    return f"CAST({text} AS {_number(store, raw, text)})" if cell.number else text


def _number(store: Store, raw: str, text: str) -> str:
    """Return the narrowest type that holds all numbers of a column of texts as they are."""
    number = f"TRY_CAST({text} AS DECIMAL(38, {DIGITS}))"
    after = f"length(rtrim(split_part(CAST({number} AS VARCHAR), '.', 2), '0'))"
    odd, digits, most = store.rows(
        f"SELECT count(*) FILTER ({text} IS NOT NULL AND {number} IS NULL), max({after}), "  # noqa: S608 - names of this module
        f"max(abs({number})) FROM {raw}"
    )[0]
    if odd or most is None:
        return "VARCHAR"
    return "BIGINT" if not digits and most < WHOLE else f"DECIMAL(38, {digits})"


def _order(reading: Reading, headings: list[str]) -> list[str]:
    """Return the columns by which rows are put in order."""
    renamed = reading.config.source.columns
    known = part_of(headings, renamed, exports_of(reading.config)).known
    table = Table("", "", "", dict.fromkeys(headings, ""), renamed, known=dict(known))
    first = [heading for name in FIRST if (heading := table.heading(name))]
    return [quote(heading) for heading in dict.fromkeys((*first, *headings))]


def _digest(store: Store, table: str, columns: Mapping[str, str]) -> str:
    """Return what is the same for the same headings and rows."""
    hashes = ", ".join(map(quote, columns))
    rows, total = store.rows(f"SELECT count(*), sum(hash({hashes})) FROM {table}")[0]  # noqa: S608 - quoted
    return hashlib.sha256(f"{list(columns)}:{rows}:{total}".encode()).hexdigest()
