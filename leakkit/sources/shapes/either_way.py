"""Stages such as `Closed` that hold won and lost deals: each row is the close of its deal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit.config import fold_name
from leakkit.sources.formats.rows import rewritten
from leakkit.sources.headings.heading_words import declared_names
from leakkit.sources.shapes.outcomes import cases_of_outcome
from leakkit.store import schema
from leakkit.store.closes import closes_either_way
from leakkit.store.database import literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.sources.headings.reading import Reading, Table
    from leakkit.sources.shapes.shapes import Found

ENDS = "ends_either_way"
"""The deals that end in such a stage: their outcome, and whether the stage is read as a close."""
EMPTY = f"""
CREATE OR REPLACE TEMP TABLE {ENDS}
(opportunity_id VARCHAR, stage VARCHAR, outcome VARCHAR, closes BOOLEAN)
"""
SURE = 0.9
"""In a close so many of the deals that end in it are won or lost, and none is said to be open."""
PASSED = 0.5
"""A stage that more than this share of its visits leave for another one is passed through."""


def closes_of_deals(reading: Reading, found: Found) -> Found:
    """Let the rows of a stage that closes either way say won or lost, as their deal does.

    Such a stage would count every win and every loss as its own, and none in the stage
    before. It is a close where nearly all deals that end in it are closed by their outcome.
    """
    names = _names(reading, found)
    _keep_ends(reading, found, names)
    rows = reading.store.rows(
        f"SELECT stage FROM {ENDS} GROUP BY stage "  # noqa: S608 - a name of this module
        f"HAVING count(*) FILTER (outcome IN ('won', 'lost')) >= {SURE} * count(*) "
        "AND count(*) FILTER (outcome = 'open') = 0 ORDER BY stage"
    )
    closes = [str(row[0]) for row in rows]
    if not closes:
        return found
    listed = ", ".join(map(literal, closes))
    reading.store.run(f"UPDATE {ENDS} SET closes = TRUE WHERE stage IN ({listed})")  # noqa: S608 - quoted
    deals = found.opportunities
    for name in closes:
        reading.say((deals or found.history).file, "either_way", name)
    if deals is not None:
        outcome = cases_of_outcome(reading, deals)
        deals = _write_closes(reading, deals, listed, outcome)
    outcome = (
        f"COALESCE((SELECT max(outcome) FROM {ENDS} e "  # noqa: S608 - a name of this module
        f"WHERE e.opportunity_id = {found.history.text('opportunity_id')}), '')"
    )
    history = _write_closes(reading, found.history, listed, outcome)
    return replace(found, history=history, opportunities=deals)


def _write_closes(reading: Reading, table: Table, listed: str, outcome: str) -> Table:
    """Write the closes into the stages of a table, where the deal says which it is."""
    heading = table.heading("stage")
    if heading is None:
        return table
    text = table.text_under(heading)
    told = f"{text} IN ({listed}) AND {outcome} IN ('won', 'lost')"
    return rewritten(
        reading,
        table,
        {heading: f"CASE WHEN {told} THEN '(' || {outcome} || ')' ELSE {text} END"},
        "closes",
    )


def _names(reading: Reading, found: Found) -> list[str]:
    """Return the stages that close either way by their name, unless somebody says what they are."""
    config, store = reading.config, reading.store
    own = config.source.outcomes
    said = [*own.won, *own.lost, *own.open, *declared_names(config.pipelines)]
    said += [word for pipeline in config.pipelines for word in (*pipeline.won, *pipeline.lost)]
    listed = store.rows(f"SELECT name FROM {schema.LISTED_STAGES} WHERE ends <> ''")  # noqa: S608 - a name of this program
    known = {*map(fold_name, said), *(fold_name(str(row[0])) for row in listed)}
    said_here = set[str]()
    for table in (found.history, found.opportunities):
        if table is not None and table.heading("stage"):
            rows = store.rows(f"SELECT DISTINCT {table.text('stage')} FROM {table.relation}")  # noqa: S608 - quoted
            said_here |= {str(row[0]) for row in rows}
    return sorted(
        name for name in said_here if closes_either_way(name) and fold_name(name) not in known
    )


def _keep_ends(reading: Reading, found: Found, names: Sequence[str]) -> None:
    """Keep the deals that end in one of the stages, but for stages that are passed through."""
    history, deals = found.history, found.opportunities
    if not names:
        reading.store.run(EMPTY)
        return
    listed = ", ".join(map(literal, names))
    present = "SELECT '' AS opportunity_id, '' AS stage LIMIT 0"
    if deals is not None:
        present = (
            f"SELECT {deals.text('opportunity_id')} AS opportunity_id, "  # noqa: S608 - quoted
            f"{deals.text('stage')} AS stage FROM {deals.relation}"
        )
    reading.store.run(
        f"""
        CREATE OR REPLACE TEMP TABLE {ENDS} AS
        WITH visits AS (
            SELECT {history.text("opportunity_id")} AS opportunity_id,
                   {history.text("stage")} AS stage,
                   {history.text("entered_at")} AS moment, {history.line} AS line
            FROM {history.relation}
        ), followed AS (
            SELECT opportunity_id, stage,
                   lead(stage) OVER (PARTITION BY opportunity_id ORDER BY moment, line) AS after
            FROM visits WHERE opportunity_id <> '' AND stage <> '' AND moment <> ''
        ), passed AS (
            SELECT stage FROM followed GROUP BY stage
            HAVING count(*) FILTER (after <> stage) > {PASSED} * count(*)
        ), ends AS (
            SELECT opportunity_id, stage FROM followed WHERE after IS NULL
            UNION ({present})
        ), said AS ({_outcomes(reading, found)})
        SELECT e.opportunity_id, e.stage, COALESCE(s.outcome, '') AS outcome, FALSE AS closes
        FROM ends e LEFT JOIN said s USING (opportunity_id)
        WHERE e.stage IN ({listed}) AND e.stage NOT IN (SELECT stage FROM passed)
          AND e.opportunity_id <> ''
        """  # noqa: S608 - as above
    )


def _outcomes(reading: Reading, found: Found) -> str:
    """Return SQL for the outcome of every deal: in an event file its last entry counts."""
    table = found.opportunities or found.history
    return (
        f"SELECT opportunity_id, arg_max(said, line) AS outcome "  # noqa: S608 - quoted
        f"FROM (SELECT {table.text('opportunity_id')} AS opportunity_id, "
        f"{cases_of_outcome(reading, table)} AS said, {table.line} AS line FROM {table.relation}) "
        "WHERE said <> '' GROUP BY opportunity_id"
    )
