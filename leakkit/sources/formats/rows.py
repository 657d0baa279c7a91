"""Rows that Python has read, handed to the database chunk by chunk, and described as a table."""

from __future__ import annotations

import re
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import islice
from typing import TYPE_CHECKING

from leakkit import limits
from leakkit.errors import LeakkitError
from leakkit.sources.headings.reading import Table
from leakkit.store.database import literal, quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from leakkit.sources.headings.reading import Reading
    from leakkit.store.database import Store

CHUNK = 50_000
LINE = "leakkit: row of the file"
"""The column that says in which data row of its file a row stands."""


def distinct(headings: Sequence[str]) -> list[str]:
    """Return the headings with numbers where one is empty or stands twice (without case).

    >>> distinct(["stage", "", "Stage"])
    ['stage', 'column 2', 'Stage 2']
    """
    seen: dict[str, str] = {LINE: LINE}
    for position, given in enumerate(headings, start=1):
        heading = name = given.strip() or f"column {position}"
        number = 1
        while name.casefold() in seen:
            number += 1
            name = f"{heading} {number}"
        seen[name.casefold()] = name
    return list(seen.values())[1:]


def refuse_wide(file: str, columns: int) -> None:
    """Raise where a file has more columns than can be worked on."""
    if columns > limits.COLUMNS:
        message = (
            f"{file} has more than {limits.COLUMNS:,} columns. Leave out those that say nothing "
            "of a deal, its stages or its dates."
        )
        raise LeakkitError("too_large", message)


def free_rowid(store: Store, table: str, headings: Iterable[str]) -> None:
    """Give a column that is called `rowid`, the engine's own word for the row, another name."""
    for heading in headings:
        if heading.casefold() == "rowid":
            new = quote(f"{heading} (given)")
            store.run(f"ALTER TABLE {table} RENAME COLUMN {quote(heading)} TO {new}")


def put_rows(
    store: Store, table: str, headings: Sequence[str], rows: Iterable[tuple[int, Sequence[str]]]
) -> int:
    """Make a temporary table of texts from (data row, cells), and count its rows."""
    import pandas as pd

    columns = ", ".join(f"{quote(name)} VARCHAR" for name in headings)
    store.run(f"CREATE OR REPLACE TEMP TABLE {table} ({quote(LINE)} BIGINT, {columns})")
    count = 0
    for chunk in _chunks(rows):
        frame = pd.DataFrame([cells for _, cells in chunk], columns=list(headings), dtype="str")
        frame.insert(0, LINE, [row for row, _ in chunk])
        store.insert(f"INSERT INTO {table} SELECT * FROM given_frame", frame)  # noqa: S608 - quoted
        count += len(chunk)
    return count


def _chunks(
    rows: Iterable[tuple[int, Sequence[str]]],
) -> Iterator[list[tuple[int, Sequence[str]]]]:
    """Cut rows into chunks that fit into memory."""
    waiting = iter(rows)
    while chunk := list(islice(waiting, CHUNK)):
        yield chunk


def rewritten(
    reading: Reading,
    table: Table,
    columns: dict[str, str],
    what: str,
    more: dict[str, str] | None = None,
) -> Table:
    """Copy a table with some columns written anew and some added, as texts.

    `columns` is heading -> SQL over the columns of the table, `more` canonical name -> SQL:
    such a column is the one of its name, whatever else the file calls so.
    """
    added = {name: _choose_heading(table, name) for name in more or {}}
    kept = [
        f"CAST({columns[h]} AS VARCHAR) AS {quote(h)}" if h in columns else quote(h)
        for h in table.types
    ]
    kept += [f"CAST({sql} AS VARCHAR) AS {quote(added[n])}" for n, sql in (more or {}).items()]
    name = quote(f"{what} of {table.relation.strip(chr(34))}")
    reading.store.run(
        f"CREATE TEMP TABLE {name} AS SELECT {table.line} AS {quote(LINE)}, {', '.join(kept)} "  # noqa: S608 - quoted
        f"FROM {table.relation}"
    )
    types = {h: "VARCHAR" if h in columns else kind for h, kind in table.types.items()}
    types |= dict.fromkeys(added.values(), "VARCHAR")
    known = {**table.known, **{n: h for n, h in added.items() if n in table.known or n != h}}
    tidy = table.tidy[1] - set(columns) if table.tidy[0] == table.relation else ()
    made = replace(table, relation=name, line=quote(LINE), types=types, known=known)
    return made.with_tidy(tidy)


def _choose_heading(table: Table, name: str) -> str:
    """Return a heading for a new column that no column of the table has."""
    while table.find(name):
        name += " (of the file)"
    return name


# ---------------- tables

SHOWN_FAULTS = 100


def describe_table(
    reading: Reading, file: str, relation: str, line: str, *, ordered: bool = True
) -> Table:
    """Describe a relation as the table of a file."""
    types = types_of(reading, relation)
    refuse_wide(file, len(types))
    source = reading.config.source
    rules = [rules for pattern, rules in source.files.items() if fnmatchcase(file, pattern)]
    renamed = {**source.columns, **{k: v for one in rules for k, v in one.columns.items()}}
    where = {key: values for one in rules for key, values in one.where.items()}
    return Table(file, relation, line, types, renamed, where=where, ordered=ordered)


def types_of(reading: Reading, relation: str) -> dict[str, str]:
    """Return the engine's types of the columns of a file, by heading."""
    rows = reading.store.rows(f"DESCRIBE SELECT * FROM {relation}")  # noqa: S608 - quoted
    return {row[0]: row[1] for row in rows if row[0] not in {"file_row_number", LINE}}


def path_sql(path: Path) -> str:
    """Return a path as SQL; signs that would stand for other files are taken as they are."""
    return literal(re.sub(r"([*?\[])", r"[\1]", str(path.absolute())))
