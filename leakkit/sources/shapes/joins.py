"""Further files of the folder whose columns are taken by a key: prices, teams, regions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leakkit.errors import Fault, LeakkitError
from leakkit.sources.databases.addresses import Address
from leakkit.sources.formats.files import read_file
from leakkit.sources.formats.rows import LINE
from leakkit.sources.headings.heading_words import near_pairs, nearest
from leakkit.sources.places import named_file
from leakkit.store.database import quote
from leakkit.store.resolve import write_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.config import Join
    from leakkit.sources.headings.reading import Reading, Table
    from leakkit.sources.headings.source_files import Files

SHOWN = 20


def join_columns(reading: Reading, files: Files, source: Any) -> Files:  # noqa: ANN401 - a path, or frames
    """Take the columns that `[[source.joins]]` names into the table of the opportunities."""
    joins = reading.config.source.joins
    if not joins:
        return files
    if not isinstance(source, str | Path | Address):
        message = "[[source.joins]] names files, and frames have none. Join the frames first."
        raise LeakkitError("join_file", message)
    inside = reading.scratch / "zip"
    near, allowed = reading.places
    folders = (inside, *near) if inside.is_dir() else near
    table = files.opportunities or files.history
    for number, join in enumerate(joins):
        if table is not None:
            table = _join(reading, table, _file_of(join, folders, allowed), join, number)
    if files.opportunities is None or table is None:
        return replace(files, history=table)
    days = [*files.snapshots[:-1], *((day, table) for day, _ in files.snapshots[-1:])]
    return replace(files, opportunities=table, snapshots=tuple(days))


def _file_of(join: Join, folders: Sequence[Path], allowed: Sequence[Path]) -> Path:
    """Return the file that a join names; raise with the nearest where it is not there."""
    try:
        return named_file(join.file, folders, allowed, "[[source.joins]]")
    except LeakkitError as error:
        there = [one.name for folder in folders for one in sorted(folder.iterdir())]
        near = nearest(join.file, there) if error.code == "no_file" else ""
        hint = f" Did you mean {near!r}?" if near else ""
        raise LeakkitError("join_file", f"{error}{hint}") from None


def _join(reading: Reading, table: Table, file: Path, join: Join, number: int) -> Table:
    """Take the columns of one file by its key."""
    other = read_file(reading, file, f"join_{number}")[0]
    taken = {name: _column(other, heading) for name, heading in join.take.items()}
    here, there_key = _column(table, join.key), _column(other, join.key)
    twice = [name for name in taken if table.find(name)]
    if twice:
        message = f"{table.file} has a column {twice[0]!r} already. Take it under another name."
        raise LeakkitError("join_column", message)
    key = other.text_under(there_key)
    _refuse_repeated(reading, other, key, list(taken.values()))
    sql, facts = write_rows({"said": "VARCHAR", "meant": "VARCHAR"}, list(join.same.items()))
    new, repairs = quote(f"joined {number}"), quote(f"same {number}")
    reading.store.run(f"CREATE TEMP TABLE {repairs} AS {sql}", facts)
    mine = table.text_under(here)
    columns = ", ".join(f"o.{quote(f'taken {i}')} AS {quote(name)}" for i, name in enumerate(taken))
    # rows of one key say the same, but for spaces: a key has one row, and nothing is none
    inner = ", ".join(
        f"arg_min({quote(h)}, {other.line}) AS {quote(f'taken {i}')}"
        for i, h in enumerate(taken.values())
    )
    reading.store.run(
        f"""
        CREATE TEMP TABLE {new} AS
        SELECT t.*, {columns}
        FROM (SELECT {table.line} AS {quote(LINE)}, {", ".join(map(quote, table.types))},
                     {mine} AS {quote("my key")}
              FROM {table.relation}) t
        LEFT JOIN {repairs} s ON s.said = t.{quote("my key")}
        LEFT JOIN (SELECT {key} AS {quote("its key")}, {inner} FROM {other.relation}
                   WHERE {key} <> '' GROUP BY {quote("its key")}) o
            ON o.{quote("its key")} = COALESCE(s.meant, t.{quote("my key")})
        """,  # noqa: S608 - quoted
    )
    _say_keys(reading, (table.file, join.key), (new, repairs), (key, other.relation))
    types = {**table.types, **{name: other.types[heading] for name, heading in taken.items()}}
    return replace(table, relation=new, line=quote(LINE), types=types)


def _column(table: Table, name: str) -> str:
    """Return the heading of a column; raise with the nearest where it is not there."""
    heading = table.heading(name)
    if heading is None:
        near = nearest(name, table.types)
        hint = f"did you mean {near!r}?" if near else f"there are: {', '.join(table.types)}"
        fault = Fault(table.file, None, name, "", "this column is missing", hint)
        message = f"{table.file} lacks a column that [[source.joins]] names:"
        raise LeakkitError("missing_columns", message, (fault,))
    return heading


def _refuse_repeated(reading: Reading, other: Table, key: str, taken: list[str]) -> None:
    """Raise where a key stands twice with different values: which is meant, nobody knows."""
    columns = ", ".join(other.text_under(heading) for heading in taken) or "''"
    rows = reading.store.rows(
        f"SELECT {key} AS k, min({other.line}) FROM {other.relation} WHERE k <> '' GROUP BY k "  # noqa: S608 - quoted
        f"HAVING count(DISTINCT concat_ws(chr(1), {columns})) > 1 ORDER BY k LIMIT {SHOWN}"
    )
    if rows:
        faults = tuple(
            Fault(other.file, int(row), "", str(said), "the key stands twice, with other values")
            for said, row in rows
        )
        message = f"{other.file}: {len(rows)} key(s) stand twice with different values:"
        raise LeakkitError("join_key_twice", message, faults)


def _say_keys(
    reading: Reading, place: tuple[str, str], made: tuple[str, str], other: tuple[str, str]
) -> None:
    """Count repaired keys and keys without a match; propose for these what is nearly the same.

    `place` is the file and its key, `made` the joined table and the repairs, `other` the
    key of the other file and the file.
    """
    mine = quote("my key")
    (new, repairs), (key, relation) = made, other
    repaired = f"SELECT count(*) FROM {new} SEMI JOIN {repairs} s ON s.said = {mine}"  # noqa: S608 - quoted
    reading.count("join_keys_repaired", int(reading.store.value(repaired)))
    alone = (
        f"FROM {new} WHERE {mine} <> '' AND {mine} NOT IN (SELECT said FROM {repairs}) "  # noqa: S608 - quoted
        f"AND {mine} NOT IN (SELECT {key} FROM {relation})"
    )
    reading.count("join_keys_unknown", int(reading.store.value(f"SELECT count(*) {alone}")))
    unknown = [
        row[0] for row in reading.store.rows(f"SELECT DISTINCT {mine} AS k {alone} ORDER BY k")
    ]
    known = [
        row[0]
        for row in reading.store.rows(
            f"SELECT DISTINCT {key} AS k FROM {relation} WHERE k <> '' ORDER BY k"  # noqa: S608 - quoted
        )
    ]
    for said, meant in near_pairs(unknown, known).items():
        reading.say(place[0], f"near_key:{place[1]}", meant, said)
    reading.store.run(f"ALTER TABLE {new} DROP COLUMN {mine}")
