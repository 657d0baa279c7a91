"""Further tables beside deals and history: columns taken by a key, and activities.

Prices, teams and regions are joined by a key; calls, mails and meetings are events of deals.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from leakkit.errors import Fault, LeakkitError
from leakkit.sources.cells.dates import plain_dates
from leakkit.sources.configuration import named_file
from leakkit.sources.databases.addresses import Address
from leakkit.sources.formats.files import read_file
from leakkit.sources.formats.rows import LINE
from leakkit.sources.headings.heading_words import near_pairs, nearest
from leakkit.store.account import SHOWN_ROWS
from leakkit.store.database import quote
from leakkit.store.moments import EARLIEST, SENTINEL
from leakkit.store.name_codes import write_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.config import Join
    from leakkit.sources.headings.reading import Reading, Table
    from leakkit.sources.headings.source_files import Files
    from leakkit.store.database import Store
    from leakkit.store.moments import Zone

SHOWN = 20


def join_columns(reading: Reading, files: Files, source: object) -> Files:
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


# ---------------- activities

ACTIVITIES = "activities"
FATES = ("used", "merged", "not_asked", "set_aside")

FAULTS = {
    (
        ACTIVITIES,
        "missing_id",
    ): "SELECT line, 'opportunity_id', '' FROM told_activities WHERE said = ''",
    (ACTIVITIES, "activity_moment"): """SELECT line, 'at', at_text FROM told_activities
        WHERE said <> '' AND moment IS NULL""",
}


def read_activities(
    reading: Reading, table: Table | None, hours: Zone, cut: int
) -> list[dict[str, int | str]]:
    """Keep the activities of the deals that are used, and count what became of every row.

    A row without a deal or without a moment that can be read, and one of a deal that is
    set aside, is set aside; one after `cut`, or of a deal that the source does not have
    or that is not asked for, is not asked for; equal rows merge. Called after the deals
    are resolved.
    """
    table = table and _read_moments(reading, table)
    if table is None:
        return []
    store = reading.store
    _tell(store, table, hours, cut)
    store.run(
        """
        CREATE TABLE activities AS
        SELECT opportunity, moment AS "at", kind FROM told_activities
        WHERE fate = 'used' ORDER BY opportunity, moment, kind
        """,
    )
    _keep_faults(store, table.file)
    reading.count("activities_without_deal", _count(store, "fate = 'not_asked' AND unknown"))
    return [{"table": ACTIVITIES, "file": table.file, **_count_rows(store, table)}]


def _read_moments(reading: Reading, table: Table) -> Table | None:
    """Bring the moments into plain form; None, and said, where they cannot be told for sure."""
    heading = table.heading("at")
    try:
        plain = plain_dates(reading, table, [heading] if heading else [])
        plain.clock("at")
    except LeakkitError as error:
        reading.say(table.file, "unfit", str(error).partition("\n")[0])
        return None
    return plain


def _tell(store: Store, table: Table, hours: Zone, cut: int) -> None:
    """Make `told_activities`: every row with its deal, its moment, and what becomes of it."""
    local = f"clock - {hours.offset_sql('clock', local=True)}"
    store.run(
        f"""
        CREATE TEMP TABLE told_activities AS
        WITH given AS (
            SELECT {table.line} AS line, {table.text("opportunity_id")} AS said,
                   {table.text("kind")} AS kind, {table.text("at")} AS at_text,
                   {table.clock("at")} AS clock, {table.offset("at")} AS shift
            FROM {table.relation}
        ),
        timed AS (SELECT *, COALESCE(clock - shift, {local}) AS seconds FROM given),
        placed AS (
            SELECT t.line, t.said, t.kind, t.at_text, o.opportunity,
                   CASE WHEN t.seconds BETWEEN {EARLIEST} AND {SENTINEL - 1}
                        THEN t.seconds END AS moment,
                   i.opportunity IN (SELECT opportunity FROM aside) AS is_aside,
                   i.opportunity IS NULL AS unknown
            FROM timed t
            LEFT JOIN ids i ON i.opportunity_id = t.said
            LEFT JOIN opportunities o ON o.opportunity = i.opportunity
        ),
        numbered AS (
            SELECT *, row_number() OVER (PARTITION BY opportunity, moment, kind ORDER BY line)
                   AS copy
            FROM placed
        )
        SELECT *, CASE WHEN said = '' OR moment IS NULL THEN 'set_aside'
                       WHEN moment > {cut} THEN 'not_asked'
                       WHEN is_aside THEN 'set_aside'
                       WHEN opportunity IS NULL THEN 'not_asked'
                       WHEN copy > 1 THEN 'merged' ELSE 'used' END AS fate
        FROM numbered
        """,  # noqa: S608 - quoted headings, and numbers
    )


def _keep_faults(store: Store, file: str) -> None:
    """Keep the first rows that are no activity of any deal or of any moment."""
    for (_, rule), query in FAULTS.items():
        store.run(
            f"INSERT INTO faults SELECT $file, f.*, '{rule}' "  # noqa: S608 - queries of this module
            f"FROM ({query} ORDER BY line LIMIT {SHOWN_ROWS}) f",
            {"file": file},
        )


def _count_rows(store: Store, table: Table) -> dict[str, int]:
    """Count the rows by what became of them; they add up to those of the file."""
    read = int(store.value(f"SELECT count(*) FROM {table.relation}"))  # noqa: S608 - quoted
    counts = {"read": read, **{fate: _count(store, f"fate = '{fate}'") for fate in FATES}}
    if read != sum(counts[fate] for fate in FATES):
        message = (
            f"{table.file}: the rows do not add up: {counts}. "
            "This is a fault of leakkit, please report it."
        )
        raise LeakkitError("rows_lost", message)
    return counts


def _count(store: Store, condition: str) -> int:
    """Count the rows of activities that are so."""
    return int(store.value(f"SELECT count(*) FROM told_activities WHERE {condition}"))  # noqa: S608 - conditions of this module
