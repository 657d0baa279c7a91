"""A database as a folder: its tables by what they are called, or as the configuration says.

Only what is asked for travels, batch by batch, into an order that is always the same.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from leakkit import vocabulary
from leakkit.config import COLUMNS
from leakkit.errors import LeakkitError
from leakkit.sources.databases.connections import open_session
from leakkit.sources.formats.event_logs import HEADINGS
from leakkit.sources.formats.rows import describe_table, free_rowid, refuse_wide
from leakkit.sources.headings.evidence import CHANGED, COPIED, SINCE
from leakkit.sources.headings.folders import Folder, Member
from leakkit.sources.headings.heading_words import (
    DATED_STAGE,
    DATED_STEP,
    DEALS,
    TIME_IN_STAGE,
    exports_of,
    known_exports,
    loose,
    nearest,
    once,
)
from leakkit.sources.headings.reading import Table
from leakkit.sources.headings.source_files import has_stage_dates, in_folder
from leakkit.sources.headings.table_parts import part_of
from leakkit.sources.shapes.deal_ids import may_be_deals
from leakkit.sources.shapes.end_columns import NAMES
from leakkit.store.database import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from leakkit.config import Config
    from leakkit.sources.databases.addresses import Address
    from leakkit.sources.databases.connections import CellQuery, Listed, Session
    from leakkit.sources.headings.reading import Reading
    from leakkit.sources.headings.source_files import Files
    from leakkit.sources.spark.tables import Travelling
    from leakkit.store.database import Store

SHAPES = (*DATED_STAGE, *DATED_STEP, *(shape for shapes in TIME_IN_STAGE for shape in shapes))
WORDS = ("headings", "moments", "left_out", "ended_at", "ids")
"""The tables of the vocabulary whose words are headings."""


def is_asked_for(config: Config) -> Callable[[str], bool]:
    """Return what says of a heading whether its column is asked for.

    Any column may be one of the segments, unless the configuration says which these are.
    Then only those travel that it names, or that are recognised by their headings.
    """
    if config.roles.segments is None:
        return lambda _: True
    said = config.model_dump(include={"source", "roles", "interventions", "makers"})
    known = _list_headings() | {loose(text) for text in _texts(said)}
    return lambda heading: loose(heading) in known or any(shape.match(heading) for shape in SHAPES)


@cache
def _list_headings() -> frozenset[str]:
    """Return every heading by which something is recognised, as headings are compared."""
    said = [COLUMNS, SINCE, COPIED, CHANGED, HEADINGS, NAMES, "at", "kind"]
    exports = [export.model_dump(exclude={"name", "table"}) for export in known_exports()]
    words = [vocabulary.words(table, key) for table in WORDS for key in vocabulary.keys(table)]
    return frozenset(map(loose, _texts([said, exports, words])))


def _texts(said: object) -> Iterator[str]:
    """Yield every text in lists and tables, keys as well."""
    if isinstance(said, str):
        yield said
    elif isinstance(said, dict):
        yield from _texts([*said.keys(), *said.values()])
    elif isinstance(said, list | tuple):
        for one in said:
            yield from _texts(one)


def may_play_a_part(reading: Reading, headings: Sequence[str]) -> bool:
    """Say by its headings whether a table may be one of the source, and is to be fetched."""
    config = reading.config
    exports = exports_of(config)
    part = part_of(headings, config.source.columns, exports)
    forms = set(map(loose, headings))
    if any(one.lookup and set(map(loose, one.lookup.signs)) <= forms for one in exports):
        return True
    table = Table("", "", "", dict.fromkeys(headings, "VARCHAR"), config.source.columns)
    known = Table("", "", "", table.types, table.renamed, known=dict(part.known))
    if part.table not in {DEALS, ""}:
        return True
    telling = any(known.heading(name) for name in ("stage", "outcome")) or _ends(forms)
    if part.table == DEALS:
        return telling or has_stage_dates(reading, known)
    return may_be_deals(known, asked=config.source.each_row_is_a_deal)


def _ends(forms: set[str]) -> bool:
    """Say whether there is a date of the win, and one of the loss."""
    return all(
        forms & set(map(loose, vocabulary.words("ended_at", kind))) for kind in ("won", "lost")
    )


# ---------------- rows

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


def _cells(
    reading: Reading, session: Session | Travelling, relation: Relation
) -> dict[str, CellQuery]:
    """Return how each column that is asked for is fetched, by its heading."""
    file, columns = relation.name, session.columns(relation.sql)
    refuse_wide(file, len(columns))
    found: dict[str, CellQuery] = {}
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


def _as_read(store: Store, raw: str, column: str, cell: CellQuery) -> str:
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


# ---------------- tables

COMMENT = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*"
SELECT = re.compile(rf"{COMMENT}(select|with)\b", re.IGNORECASE | re.DOTALL)
STATEMENT = re.compile(
    rf"{COMMENT}(alter|attach|begin|call|commit|copy|create|delete|do|drop|execute|explain|grant|"
    r"insert|merge|pragma|revoke|set|truncate|update|vacuum|values|table)\s",
    re.IGNORECASE | re.DOTALL,
)
QUOTED = re.compile(r"""'[^']*'|"[^"]*"|--[^\n]*|/\*.*?\*/""", re.DOTALL)
"""Where a semicolon ends no statement."""
NAME_IN_QUOTES = re.compile(r'"((?:[^"]|"")+)"|`([^`]+)`')
"""A part of a name as SQL writes it, where it has other signs or capital letters."""
LOOKED_AT = 2_000
"""So many rows are looked at of tables that play no part."""
SHOWN = 20


def _member(session: Session, relation: Relation, *, data: bool = True) -> Member:
    """Return a relation as what a folder holds; it is stated as it was read."""
    kept: dict[str, str] = {}

    def read(reading: Reading, name: str) -> list[Table]:
        table, stated = fetch(reading, session, relation, name)
        kept.update(stated)
        return [replace(table, parts=(relation.name,))]

    return Member(
        relation.name,
        relation.part,
        named=True,
        data=data,
        read=read,
        stated=lambda: kept,
        # what failed in a transaction may be all that follows, or the connection
        needed=True,
    )


def refuse_tables(config: Config) -> None:
    """Raise where the configuration names tables, and the source is no database."""
    if config.source.tables:
        message = (
            "[source.tables] names tables of a database, and this source is none. Take it out, "
            "or give the address of the database."
        )
        raise LeakkitError("no_database", message)


def in_database(reading: Reading, address: Address) -> Files:
    """Read the tables of a database that play a part, as those of a folder."""
    with open_session(address) as session:
        return in_folder(reading, folder_in(reading, session))


def folder_in(reading: Reading, session: Session, limit: int = 0) -> Folder:
    """Return a database as a folder; `limit` is how many rows are read of each table.

    Where no table is recognised, some rows of all are looked at, to say what they could be.
    """
    listed = session.list_tables()
    address = session.address
    said = reading.config.source.tables
    if said:
        relations = [_read_declared(session, listed, part, text) for part, text in said.items()]
        members = [_member(session, replace(one, limit=limit)) for one in relations]
        return Folder(address.label, tuple(members), "database", "table")
    if not listed:
        message = f"{address} has no table that its user may read."
        raise LeakkitError("no_table", message)
    parts = [may_play_a_part(reading, one.columns) for one in listed]
    few = limit or (0 if any(parts) else LOOKED_AT)
    members = [
        _member(
            session,
            Relation(one.name, one.table, _from(session, one), few),
            data=part or not any(parts),
        )
        for one, part in zip(listed, parts, strict=True)
    ]
    return Folder(address.label, tuple(members), "database", "table")


def _from(session: Session, one: Listed) -> str:
    """Return what stands after FROM for a table: the columns that its user may read."""
    columns = ", ".join(map(session.dialect.name_sql, one.columns))
    return f"(SELECT {columns} FROM {session.place(one)}) AS t"  # noqa: S608 - quoted


def _read_declared(session: Session, listed: tuple[Listed, ...], part: str, text: str) -> Relation:
    """Return what the configuration says that a part is: a SELECT, or a table by its name."""
    found = [one for one in listed if text in one.names]
    if not found and (select := read_select(part, text)):
        # on a line of its own, for a comment at its end
        return Relation(part, part, f"({select}\n) AS t")
    name = NAME_IN_QUOTES.sub(lambda said: (said[1] or said[2]).replace('""', '"'), text.strip())
    folded = name.casefold()
    found = found or [one for one in listed if name in one.names]
    found = found or [one for one in listed if folded in map(str.casefold, one.names)]
    if len(found) == 1:
        return Relation(found[0].name, part, _from(session, found[0]))
    raise _no_table(session, listed, part, name)


def read_select(part: str, text: str) -> str:
    """Return the SELECT that a part is said to be, '' for a name; raise for what may write."""
    one = text.strip().rstrip(";")
    several = ";" in QUOTED.sub("", one)
    if SELECT.match(text) and not several:
        return one
    if several or STATEMENT.match(text):
        message = (
            f"[source.tables] {part} is {text!r}. leakkit only reads: it takes the name of a "
            "table or a view, or one SELECT."
        )
        raise LeakkitError("select_writes", message)
    return ""


def _no_table(session: Session, listed: tuple[Listed, ...], part: str, text: str) -> LeakkitError:
    """Return the error of a table that is not there, or that may not be read."""
    try:
        place = ".".join(map(session.dialect.name_sql, text.split(".")))
        session.rows(f"SELECT 1 FROM {place} LIMIT 0")  # noqa: S608 - quoted
    except LeakkitError as error:
        if error.code in {"no_right", "connection_lost"}:
            return error
    names = [one.name for one in listed]
    near = nearest(text, names)
    there = ", ".join(names[:SHOWN]) or "none"
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    guess = f"Did you mean {near!r}? " if near else ""
    message = (
        f"{session.address} has no table {text!r}, which [source.tables] names for {part}. "
        f"{guess}It has: {there}{more}."
    )
    return LeakkitError("no_table", message)
