"""How the same deals stood at several times: in files of different days, or row for row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from leakkit.errors import LeakkitError
from leakkit.sources.formats.rows import LINE
from leakkit.sources.shapes.deal_ends import cases_of_outcome
from leakkit.store.account import SHOWN_ROWS
from leakkit.store.database import literal, literals, quote
from leakkit.store.name_codes import CLOSED, outcome_of, outcome_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.sources.headings.reading import Reading, Table

STOOD, MOVES = quote("how deals stood"), quote("moves between snapshots")

FEWEST = 5
"""Of fewer deals none may well be left on the next day."""
FAULTS = {
    "missing_id": "said = ''",
    "conflicting_rows": "said <> '' AND differ",
}
"""The rows of a snapshot that cannot be used."""


@dataclass(frozen=True)
class Snapshot:
    """How deals stood on one day, such as 2024-02-01: a row per deal."""

    day: str
    table: Table


def find_moves(reading: Reading, snapshots: Sequence[Snapshot]) -> str:
    """Make a history of snapshots in the order of their days, and return its relation.

    A deal that stands elsewhere than in the file before it moved on the day of the file.
    One that is new there entered on its creation day if that lies between the two days,
    else on the day of the file: when it was first seen. A deal that is closed when it is
    first seen has no history. `file`, `line` and `heading` say where a move was read.
    """
    _stand(reading, snapshots)
    _refuse_parts(reading, snapshots)
    days = " ".join(f"WHEN {i} THEN DATE '{one.day}'" for i, one in enumerate(snapshots))
    new = f"before IS NULL AND number > 0 AND created > CASE number - 1 {days} END"
    closed = f"stage IN ({literals(CLOSED)})"
    reading.store.run(
        f"""
        CREATE TEMP TABLE {MOVES} AS
        SELECT row_number() OVER (ORDER BY number, line) AS made,
               said AS opportunity_id, stage,
               CAST(CASE WHEN {new} THEN LEAST(created, day) ELSE day END AS VARCHAR) AS entered_at,
               pipeline, '' AS from_stage, file, line, heading
        FROM (SELECT *, lag(stage) OVER w AS before, lag(pipeline) OVER w AS before_pipeline
              FROM {STOOD} WHERE said <> '' AND copy = 1 AND NOT differ
              WINDOW w AS (PARTITION BY said ORDER BY number))
        WHERE before <> stage OR (before IS NULL AND NOT {closed})
           OR (before_pipeline <> pipeline AND before_pipeline <> '' AND pipeline <> '')
        ORDER BY 1
        """,  # noqa: S608 - quoted
    )
    return MOVES


def _stand(reading: Reading, snapshots: Sequence[Snapshot]) -> None:
    """Make the table of where every deal stood on every day, with the rows that say it again.

    A deal stands in its stage, or is won or lost where its outcome says so. Rows of one
    deal and day that `differ` in that say nothing.
    """
    each = " UNION ALL ".join(
        f"SELECT {number} AS number, DATE '{one.day}' AS day, {literal(table.file)} AS file, "  # noqa: S608 - quoted
        f"{table.line} AS line, {table.text('opportunity_id')} AS said, "
        f"{_where(reading, table)} AS stage, {table.text('pipeline')} AS pipeline, "
        f"TRY_CAST(substr({table.text('created_at')}, 1, 10) AS DATE) AS created, "
        f"{literal(table.heading('stage') or '')} AS heading "
        f"FROM {table.relation}"
        for number, one in enumerate(snapshots)
        for table in [one.table]
    )
    reading.store.run(
        f"""
        CREATE TEMP TABLE {STOOD} AS
        SELECT *, row_number() OVER (same ORDER BY line) AS copy,
               min(lower(stage)) OVER same <> max(lower(stage)) OVER same
                   OR min(lower(pipeline)) OVER same <> max(lower(pipeline)) OVER same AS differ
        FROM ({each})
        WINDOW same AS (PARTITION BY number, said)
        """,  # noqa: S608 - quoted
    )


def _refuse_parts(reading: Reading, snapshots: Sequence[Snapshot]) -> None:
    """Raise where no deal stands in two of the files: each has deals of its own day.

    Of deals that are listed on several days some are there on the next one as well.
    """
    places, deals = reading.store.rows(
        f"SELECT count(DISTINCT (number, said)), count(DISTINCT said) FROM {STOOD} WHERE said <> ''"  # noqa: S608 - of this module
    )[0]
    if places > deals or deals < FEWEST:
        return
    names = [one.table.file for one in snapshots]
    message = (
        f"{names[0]} to {names[-1]} name days, and none of their {deals:,} deals stands in two of "
        "them: they are parts of one list, and not the same deals on several days. Give them names "
        f"without a day (deals 1.csv, deals 2.csv), or put their rows into one file."
    )
    raise LeakkitError("days_are_parts", message)


def _where(reading: Reading, table: Table) -> str:
    """Return SQL for where a deal stands: its stage, or its close where its outcome says so."""
    said = table.text("outcome")
    words = outcome_words(reading.config)
    rows = reading.store.rows(f"SELECT DISTINCT {said} FROM {table.relation}")  # noqa: S608 - quoted
    code = {str(row[0]): outcome_of(str(row[0]), words) for row in rows}
    cases = [
        f"WHEN {said} IN ({literals(found)}) THEN {literal(close)}"
        for close, wanted in CLOSED.items()
        if (found := sorted(text for text, number in code.items() if number == wanted))
    ]
    stage = table.text("stage")
    return f"CASE {' '.join(cases)} ELSE {stage} END" if cases else stage


def earlier_rows(
    reading: Reading, snapshots: Sequence[Snapshot]
) -> tuple[dict[str, int | str], ...]:
    """Count what became of the rows of all files but the last, whose deals are the present ones.

    Keeps the first of them that cannot be used as faults.
    """
    counted: list[dict[str, int | str]] = []
    store = reading.store
    for number, one in enumerate(snapshots[:-1]):
        counts = store.rows(
            f"""
            SELECT count(*), count(*) FILTER (used AND copy = 1),
                   count(*) FILTER (used AND copy > 1), count(*) FILTER (NOT used)
            FROM (SELECT copy, said <> '' AND NOT differ AS used
                  FROM {STOOD} WHERE number = $number)
            """,  # noqa: S608 - quoted
            {"number": number},
        )[0]
        parts = dict(zip(("read", "used", "merged", "set_aside"), map(int, counts), strict=True))
        left = sum(reading.log.left.get((table, one.table.file), 0) for table in ("snapshot", ""))
        again = reading.log.copied.get(one.table.file, 0)
        parts["read"] += left + again
        parts["merged"] += again
        counted.append({"table": "snapshot", "file": one.table.file, **parts, "not_asked": left})
        for rule, condition in FAULTS.items():
            store.run(
                f"INSERT INTO faults SELECT file, line, 'opportunity_id', said, $rule "  # noqa: S608 - of this module
                f"FROM {STOOD} WHERE number = $number AND {condition} "
                f"ORDER BY line LIMIT {SHOWN_ROWS}",
                {"rule": rule, "number": number},
            )
    return tuple(counted)


def earlier_faults(snapshots: Sequence[Snapshot]) -> dict[str, str]:
    """Return SQL for all rows of all files but the last that cannot be used, by rule."""
    return {
        rule: f"SELECT file, line, 'opportunity_id', said FROM {STOOD} "  # noqa: S608 - of this module
        f"WHERE number < {len(snapshots) - 1} AND {condition}"
        for rule, condition in FAULTS.items()
    }


# ---------------- versions: a row for every change, or for every day

HISTORY = quote("history of versions")


def latest(reading: Reading, table: Table) -> Table:
    """Return the last version of every deal."""
    name, columns = quote(f"last of {table.file}"), ", ".join(map(quote, table.types))
    order = f"{table.clock('entered_at')} DESC NULLS LAST, {table.part('entered_at')} DESC"
    reading.store.run(
        f"""
        CREATE TEMP TABLE {name} AS
        SELECT line AS {quote(LINE)}, {columns}
        FROM (SELECT {table.line} AS line, {columns}, row_number() OVER (
                  PARTITION BY {table.text("opportunity_id")}
                  ORDER BY {order}, {table.line} DESC) AS place
              FROM {table.relation} WHERE {table.text("opportunity_id")} <> '')
        WHERE place = 1 ORDER BY line
        """  # noqa: S608 - quoted
    )
    known = {**table.known, "entered_at": ""}
    return replace(table, relation=name, line=quote(LINE), known=known)


def history_of(reading: Reading, table: Table) -> str:
    """Make a history of versions: where a deal stood, or that it was closed, since when.

    Rows that say of stage and outcome what the row before said merge when they are resolved.
    """
    outcome, stage = "''", table.text("stage")
    if table.heading("outcome"):
        outcome = cases_of_outcome(reading, table)
    reading.store.run(
        f"""
        CREATE TEMP TABLE {HISTORY} AS
        SELECT CAST({table.line} AS BIGINT) AS made, {table.text("opportunity_id")} AS
               opportunity_id, CASE {outcome} WHEN 'won' THEN '(won)' WHEN 'lost' THEN '(lost)'
                                              ELSE {stage} END AS stage,
               {quote(str(table.heading("entered_at")))} AS entered_at,
               {table.text("pipeline")} AS pipeline, '' AS from_stage,
               {literal(table.file)} AS file, {table.line} AS line,
               {literal(table.heading("stage") or "stage")} AS heading
        FROM {table.relation} ORDER BY made
        """  # noqa: S608 - quoted
    )
    return HISTORY
