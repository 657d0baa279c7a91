"""Event logs that tell of one stage several times: when it was started, and when completed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit.sources.formats.rows import LINE
from leakkit.sources.headings.heading_words import heading_of
from leakkit.store.database import quote

if TYPE_CHECKING:
    from leakkit.sources.headings.reading import Reading, Table

HEADINGS = ("lifecycle:transition", "lifecycle transition", "lifecycle")
OTHERS = "other_transitions"
"""The fact that counts the rows that are not read."""
ALWAYS = 0.9
"""Started by so large a share of the deals that it is told of at all, a stage is always started."""


def one_transition(reading: Reading, table: Table) -> Table:
    """Keep one row per visit of a stage: that of its start, where it is told.

    A deal enters a stage when it is started, and the next may start before the last is
    completed. A stage that is not always started is read by its completion, one without
    either by what most deals have. The other rows are counted, and not asked for.
    """
    said, stage = heading_of(table, HEADINGS), table.heading("stage")
    if not said or stage is None:
        return table
    which = f"lower({table.text_under(said)})"
    reading.store.run(
        f"""
        CREATE OR REPLACE TEMP TABLE transitions AS
        SELECT stage, COALESCE(
            min(way) FILTER (way = 'start' AND deals >= {ALWAYS} * most),
            min(way) FILTER (way = 'complete'), arg_max(way, (deals, way))) AS way,
            count(*) > 1 AS several
        FROM (SELECT *, max(deals) OVER (PARTITION BY stage) AS most
              FROM (SELECT {table.text("stage")} AS stage, {which} AS way,
                           count(DISTINCT {table.text("opportunity_id")}) AS deals
                    FROM {table.relation} WHERE {which} <> '' GROUP BY 1, 2))
        GROUP BY stage
        """  # noqa: S608 - quoted
    )
    if not reading.store.value("SELECT count(*) FROM transitions WHERE several"):
        return table
    ways = reading.store.rows(
        "SELECT way, string_agg(stage, ', ' ORDER BY stage) FROM transitions WHERE several "
        "GROUP BY way ORDER BY way"
    )
    for way, stages in ways:
        reading.say(table.file, "transition", str(way), str(stages))
    return _keep_transition(reading, table, which)


def _keep_transition(reading: Reading, table: Table, which: str) -> Table:
    """Keep the rows of the transition that is read of each stage."""
    name, columns = quote(f"transitions of {table.file}"), ", ".join(map(quote, table.types))
    reading.store.run(
        f"""
        CREATE TEMP TABLE {name} AS
        SELECT {table.line} AS {quote(LINE)}, {columns} FROM {table.relation}
        WHERE {which} = ''
           OR ({table.text("stage")}, {which}) IN (SELECT (stage, way) FROM transitions)
        """  # noqa: S608 - quoted
    )
    rows = f"SELECT (SELECT count(*) FROM {table.relation}) - (SELECT count(*) FROM {name})"  # noqa: S608 - quoted
    others = int(reading.store.value(rows))
    reading.count(OTHERS, others)
    reading.leave_out("history", table.file, others)
    return replace(table, relation=name, line=quote(LINE))
