"""Histories of changes: fields that went from one value to another, made into entries of stages.

A row of such a history says that a stage was left for another, that an outcome was set, or
that a deal was created. What a deal began with stands in the first `from`, and is entered
when the deal was created; without a moment for that, it is left out and counted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit import vocabulary
from leakkit.config import folded
from leakkit.errors import Fault, LeakkitError
from leakkit.sources.formats.rows import LINE, rewritten
from leakkit.sources.headings.names import loose
from leakkit.store.closes import close_of
from leakkit.store.database import literal, quoted
from leakkit.store.schema import LOST, WON

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leakkit.config import Changes
    from leakkit.sources.headings.columns import Table
    from leakkit.sources.headings.recognised import Reading
    from leakkit.sources.headings.tables import Files

CLOSES = {WON: "(won)", LOST: "(lost)"}
LABEL = r'^\{\s*"[^"]*"\s*:\s*"([^"]*)"'
"""A label in several languages, as databases keep it: the first is taken."""


def prepared(reading: Reading, files: Files) -> Files:
    """Keep the rows that count, say whose each is, and give stages their names."""
    history = files.history and _kept(reading, files.history)
    deals = files.opportunities and _kept(reading, files.opportunities)
    if history is not None:
        history = _looked_up(reading, history, files.lookup)
        history = _filled(reading, history)
        history = _closed(reading, history)
    if files.stages is not None:
        history = history and _labelled(reading, history, files.stages)
        deals = deals and _labelled(reading, deals, files.stages)
    return replace(files, history=history, opportunities=deals)


def _kept(reading: Reading, table: Table) -> Table:
    """Keep the rows that `where` asks for."""
    if not table.where:
        return table
    missing = [name for name in table.where if table.find(name) is None]
    if missing:
        fault = Fault(table.file, None, missing[0], "", "this column of `where` is missing")
        message = f"{table.file} lacks a column that `where` names:"
        raise LeakkitError("missing_columns", message, (fault,))
    tests = [
        f"{table.text_under(str(table.find(name)))} IN ({_listed(values)})"
        for name, values in table.where.items()
    ]
    name, columns = quoted(f"kept of {table.file}"), ", ".join(map(quoted, table.types))
    reading.store.run(
        f"CREATE TEMP TABLE {name} AS SELECT {table.line} AS {quoted(LINE)}, {columns} "  # noqa: S608 - quoted
        f"FROM {table.relation} WHERE {' AND '.join(tests)}"
    )
    return replace(table, relation=name, line=quoted(LINE), where={})


def _listed(words: Iterable[str]) -> str:
    """Return texts as SQL."""
    return ", ".join(literal(word) for word in words)


def _heading(table: Table, words: Iterable[str]) -> str:
    """Return the heading that is one of these words; '' without one."""
    forms = {loose(heading): heading for heading in table.types}
    return next((forms[form] for form in map(loose, words) if form in forms), "")


def _looked_up(reading: Reading, table: Table, other: Table | None) -> Table:
    """Take the deal of each row from the table that has it."""
    wanted = table.export.lookup if table.export else None
    if wanted is None or other is None:
        return table
    key, taken = _heading(table, wanted.key), _heading(other, wanted.take)
    its, name = _heading(other, wanted.signs[:1]), quoted(f"whose {table.file}")
    columns = ", ".join(f"t.{quoted(heading)}" for heading in table.types)
    reading.store.run(
        f"""
        CREATE TEMP TABLE {name} AS
        SELECT t.line AS {quoted(LINE)}, {columns}, o.taken AS {quoted(taken)}
        FROM (SELECT {table.line} AS line, * FROM {table.relation}) t
        LEFT JOIN (SELECT {other.text_under(its)} AS key, min({other.text_under(taken)}) AS taken
                   FROM {other.relation} GROUP BY key) o ON o.key = t.{quoted(key)}
        """  # noqa: S608 - quoted
    )
    types, known = {**table.types, taken: "VARCHAR"}, {**table.known, "opportunity_id": taken}
    return replace(table, relation=name, line=quoted(LINE), types=types, known=known)


def _filled(reading: Reading, table: Table) -> Table:
    """Fill what stands on the first row of a deal only."""
    fill = [_heading(table, (word,)) for word in (table.export.fill if table.export else ())]
    columns = {
        heading: f"COALESCE(last_value(NULLIF({table.text_under(heading)}, '') IGNORE NULLS) "
        f"OVER (ORDER BY {table.line}), '')"
        for heading in fill
        if heading
    }
    return rewritten(reading, table, columns, "filled") if columns else table


def _closed(reading: Reading, table: Table) -> Table:
    """Let the stage of a row that says won or lost be that."""
    changes, stage = table.export and table.export.changes, table.heading("stage")
    said = _heading(table, changes.closing) if changes else ""
    if not said or stage is None:
        return table
    text = f"lower({table.text_under(said)})"
    cases = " ".join(
        f"WHEN {text} IN ({_listed(map(str.lower, vocabulary.words('outcomes', kind)))}) "
        f"THEN '({kind})'"
        for kind in ("won", "lost")
    )
    sql = f"CASE {cases} ELSE {table.text_under(stage)} END"
    return rewritten(reading, table, {stage: sql}, "closed")


def _labelled(reading: Reading, table: Table, stages: Table) -> Table:
    """Give the stages that a list of stages knows by a number or a code their labels."""
    export = stages.export
    if export is None:
        return table
    key, label = (_heading(stages, export.columns.get(name, ())) for name in ("id", "label"))
    places = [h for name in ("stage", "from_stage") if (h := table.heading(name))]
    if not key or not label or not places:
        return table
    text = stages.text_under(label)
    rows = reading.store.rows(
        f"SELECT {stages.text_under(key)}, min(CASE WHEN regexp_matches({text}, '{LABEL}') "  # noqa: S608 - quoted
        f"THEN regexp_extract({text}, '{LABEL}', 1) ELSE {text} END) "
        f"FROM {stages.relation} GROUP BY 1 ORDER BY 1"
    )
    cases = " ".join(f"WHEN {literal(str(k))} THEN {literal(str(said))}" for k, said in rows if k)
    if not cases:
        return table
    columns = {
        heading: f"CASE {table.text_under(heading)} {cases} ELSE {table.text_under(heading)} END"
        for heading in places
    }
    reading.say(table.file, "labels", stages.file, f"{len(rows)}")
    return rewritten(reading, table, columns, "labelled")


def is_changes(table: Table) -> bool:
    """Say whether a history has rows of changes."""
    return bool(table.export and table.export.changes and not table.export.changes.closing)


def entries(reading: Reading, history: Table, deals: Table | None, relation: str) -> None:
    """Make the relation of the entries of stages that a history of changes tells of."""
    changes = history.export.changes if history.export else None
    if changes is None:  # pragma: no cover - asked of such histories only
        raise AssertionError
    store = reading.store
    kind = _kind(history, changes)
    store.run(
        f"""
        CREATE OR REPLACE TEMP TABLE changes AS
        SELECT {history.line} AS line, {history.text("opportunity_id")} AS id,
               {history.text("from_stage")} AS old, {history.text("stage")} AS new,
               {history.text("entered_at")} AS at, {history.text("pipeline")} AS pipeline,
               {kind} AS kind
        FROM {history.relation}
        """  # noqa: S608 - quoted
    )
    _count_others(reading)
    store.run(
        f"CREATE OR REPLACE TEMP TABLE starts AS SELECT id, min(at) AS at, min(stage) AS stage, "  # noqa: S608 - quoted
        f"min(line) AS line FROM ({_starts(deals)}) GROUP BY id"
    )
    file, heading = literal(history.file), literal(history.heading("stage") or "stage")
    store.run(
        f"""
        CREATE TEMP TABLE {relation} AS
        SELECT row_number() OVER (ORDER BY line, place) AS made, *,
               {file} AS file, {heading} AS heading
        FROM ({_first_stages()} UNION ALL {_moves(_outcomes(reading))})
        ORDER BY made
        """  # noqa: S608 - quoted
    )
    store.run("DROP TABLE changes; DROP TABLE starts")


def _kind(history: Table, changes: Changes) -> str:
    """Return SQL for what a row is: a move, an outcome, a creation, or another field."""
    field = _heading(history, changes.field)
    if not field:
        return "'stage'"
    text = f"lower({history.text_under(field)})"
    kinds = (("stage", changes.stage), ("status", changes.status), ("created", changes.created))
    cases = [
        f"WHEN {text} IN ({_listed(map(folded, words))}) THEN '{kind}'"
        for kind, words in kinds
        if words
    ]
    return f"CASE {' '.join(cases)} ELSE '' END"


def _count_others(reading: Reading) -> None:
    """Count the rows of other fields, which are not asked for."""
    others = reading.store.value("SELECT count(*) FROM changes WHERE kind = ''")
    reading.count("changes_of_other_fields", int(others))


def _starts(deals: Table | None) -> str:
    """Return SQL for when each deal was created, and where it stands if that is known."""
    rows = "SELECT id, at, NULL AS stage, line FROM changes WHERE kind = 'created'"
    if deals is None:
        return rows
    return (
        f"{rows} UNION ALL SELECT {deals.text('opportunity_id')}, "  # noqa: S608 - quoted
        f"NULLIF({deals.text('created_at')}, ''), NULLIF({deals.text('stage')}, ''), NULL "
        f"FROM {deals.relation}"
    )


def _first_stages() -> str:
    """Return SQL for the first stage of every deal: the first `from`, else where it stands."""
    return """
        SELECT COALESCE(s.line, m.line, 0) AS line, 0 AS place, COALESCE(m.id, s.id) AS
               opportunity_id, COALESCE(m.old, s.stage) AS stage, s.at AS entered_at,
               COALESCE(m.pipeline, '') AS pipeline, '' AS from_stage
        FROM (SELECT id, arg_min(old, (at, line)) AS old, min(line) AS line,
                     arg_min(pipeline, (at, line)) AS pipeline
              FROM changes WHERE kind = 'stage' AND at <> '' GROUP BY id) m
        FULL JOIN starts s ON s.id = m.id
        WHERE s.at <> '' AND COALESCE(m.old, s.stage, '') <> ''
    """


def _moves(outcomes: str) -> str:
    """Return SQL for the moves and the outcomes; a deal that is opened again stands as before."""
    return f"""
        SELECT line, 1 AS place, id AS opportunity_id,
               CASE kind WHEN 'stage' THEN new ELSE
                   CASE {outcomes} ELSE COALESCE(stood, began) END END AS stage,
               at AS entered_at, pipeline, '' AS from_stage
        FROM (SELECT *, last_value(CASE WHEN kind = 'stage' THEN new END IGNORE NULLS) OVER w
                     AS stood,
                     first_value(CASE WHEN kind = 'stage' THEN old END IGNORE NULLS) OVER
                     (PARTITION BY id ORDER BY at, line
                      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS began
              FROM changes WHERE kind IN ('stage', 'status')
              WINDOW w AS (PARTITION BY id ORDER BY at, line))
        WHERE NOT (kind = 'status' AND new = '')
    """  # noqa: S608 - of this module


def _outcomes(reading: Reading) -> str:
    """Return the cases of SQL that say which new values of a status close a deal."""
    said = reading.store.rows("SELECT DISTINCT new FROM changes WHERE kind = 'status' ORDER BY new")
    closes = {str(row[0]): close_of(str(row[0])) for row in said}
    cases = [
        f"WHEN new = {literal(text)} THEN '{CLOSES[code]}'"
        for text, code in closes.items()
        if code is not None
    ]
    return " ".join(cases) or "WHEN FALSE THEN ''"
