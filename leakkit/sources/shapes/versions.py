"""A history out of the versions of deals: a row for every change, or for every day."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit.sources.formats.rows import LINE
from leakkit.sources.shapes.outcomes import cases_of_outcome
from leakkit.store.database import literal, quote

if TYPE_CHECKING:
    from leakkit.sources.headings.reading import Reading, Table

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
