"""A database as a folder: its tables by what they are called, or as the configuration says."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit.errors import LeakkitError
from leakkit.sources.databases.asked import may_play_a_part
from leakkit.sources.databases.fetching import Relation, fetch
from leakkit.sources.databases.sessions import open_session
from leakkit.sources.headings.folders import Folder, Member
from leakkit.sources.headings.heading_words import nearest
from leakkit.sources.headings.source_files import in_folder

if TYPE_CHECKING:
    from leakkit.config import Config
    from leakkit.sources.databases.addresses import Address
    from leakkit.sources.databases.sessions import Listed, Session
    from leakkit.sources.headings.reading import Reading, Table
    from leakkit.sources.headings.source_files import Files

COMMENT = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*"
SELECT = re.compile(rf"{COMMENT}(select|with)\b", re.IGNORECASE | re.DOTALL)
STATEMENT = re.compile(
    rf"{COMMENT}(alter|attach|begin|call|commit|copy|create|delete|do|drop|execute|explain|grant|"
    r"insert|merge|pragma|revoke|set|truncate|update|vacuum|values|table)\s",
    re.IGNORECASE | re.DOTALL,
)
QUOTED = re.compile(r"""'[^']*'|"[^"]*"|--[^\n]*|/\*.*?\*/""", re.DOTALL)
"""Where a semicolon ends no statement."""
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
    if select := read_select(part, text):
        # on a line of its own, for a comment at its end
        return Relation(part, part, f"({select}\n) AS t")
    folded = text.strip().casefold()
    found = [one for one in listed if text in one.names] or [
        one for one in listed if folded in map(str.casefold, one.names)
    ]
    if len(found) == 1:
        return Relation(found[0].name, part, _from(session, found[0]))
    raise _no_table(session, listed, part, text)


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
