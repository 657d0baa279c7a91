"""Histories of changes: fields that went from one value to another, made into entries of stages.

Some rows of a log switch something on or off: archived deals, and those taken out again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit.errors import LeakkitError
from leakkit.sources.formats.event_logs import one_transition
from leakkit.sources.formats.rows import LINE, rewritten
from leakkit.sources.headings.heading_words import heading_of
from leakkit.sources.shapes.deal_ends import cases_of_outcome
from leakkit.sources.shapes.end_columns import NO, YES, find_flags, is_yes
from leakkit.sources.shapes.stage_names import (
    key_and_label,
    kind_of_change,
    label_by_own,
    label_stages,
    labels_of,
    moves_of,
    refuse_other_names,
)
from leakkit.store.database import literal, literals, quote
from leakkit.store.name_codes import close_of
from leakkit.store.schema import LOST, WON

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leakkit.config import Changes
    from leakkit.sources.headings.reading import Reading, Table
    from leakkit.sources.headings.source_files import Files
    from leakkit.store.database import Store

FEWEST = 20
"""Of fewer deals it is not said where all of them began."""
CLOSES = {WON: "(won)", LOST: "(lost)"}


def prepare_changes(reading: Reading, files: Files) -> Files:
    """Say whose each row is, and give stages their names."""
    history, deals = files.history, files.opportunities
    if history is not None:
        history = _look_up(reading, history, files.lookup)
        history = _fill_down(reading, history)
        history = one_transition(reading, history)
        history = _close_stages(reading, history)
    if history is not None and files.stages is None:
        history = label_by_own(reading, history)
    if files.stages is not None:
        history = history and label_stages(reading, history, files.stages)
        deals = deals and label_stages(reading, deals, files.stages)
    deals = deals and _split(reading, deals)
    return replace(files, history=history, opportunities=deals)


def _look_up(reading: Reading, table: Table, other: Table | None) -> Table:
    """Take the deal of each row from the table that has it."""
    wanted = table.export.lookup if table.export else None
    if wanted is None or other is None:
        return table
    key, taken = heading_of(table, wanted.key), heading_of(other, wanted.take)
    its, name = heading_of(other, wanted.signs[:1]), quote(f"whose {table.file}")
    columns = ", ".join(f"t.{quote(heading)}" for heading in table.types)
    tests = [
        f"{other.text_under(heading)} IN ({literals(texts)})"
        for word, texts in wanted.only.items()
        if (heading := heading_of(other, (word,)))
    ]
    reading.store.run(
        f"""
        CREATE TEMP TABLE {name} AS
        SELECT t.line AS {quote(LINE)}, {columns}, o.taken AS {quote(taken)}
        FROM (SELECT {table.line} AS line, * FROM {table.relation}) t
        LEFT JOIN (SELECT {other.text_under(its)} AS key, min({other.text_under(taken)}) AS taken,
                          bool_or({" AND ".join(tests) or "TRUE"}) AS ours
                   FROM {other.relation} GROUP BY key) o ON o.key = t.{quote(key)}
        WHERE COALESCE(o.ours, TRUE)
        """  # noqa: S608 - quoted
    )
    rows = f"SELECT (SELECT count(*) FROM {table.relation}) - (SELECT count(*) FROM {name})"  # noqa: S608 - quoted
    others = int(reading.store.value(rows))
    reading.count("changes_of_other_fields", others)
    reading.leave_out("history", table.file, others)
    types, known = {**table.types, taken: "VARCHAR"}, {**table.known, "opportunity_id": taken}
    return replace(table, relation=name, line=quote(LINE), types=types, known=known)


def _fill_down(reading: Reading, table: Table) -> Table:
    """Fill what stands on the first row of a deal only."""
    fill = [heading_of(table, (word,)) for word in (table.export.fill if table.export else ())]
    columns = {
        heading: f"COALESCE(last_value(NULLIF({table.text_under(heading)}, '') IGNORE NULLS) "
        f"OVER (ORDER BY {table.line}), '')"
        for heading in fill
        if heading
    }
    if columns and not table.ordered:
        message = (
            f"{table.file} leaves cells empty that the row above fills, and a database keeps its "
            "rows in no order. Read the file that it was made of, or fill them in a SELECT."
        )
        raise LeakkitError("no_order", message)
    return rewritten(reading, table, columns, "filled") if columns else table


def _split(reading: Reading, table: Table) -> Table:
    """Take stage and pipeline from texts that say both, if all do.

    Where a column names the pipeline, the texts have to say the same.
    """
    pattern, stage = table.export.pattern if table.export else "", table.heading("stage")
    if not pattern or stage is None:
        return table
    text, shape = table.text_under(stage), literal(pattern)
    same = f"regexp_extract({text}, {shape}, 2) = {table.text('pipeline')}"
    both = same if table.heading("pipeline") else f"regexp_matches({text}, {shape})"
    others = reading.store.value(
        f"SELECT count(*) FROM {table.relation} WHERE {text} <> '' AND NOT {both}"  # noqa: S608 - quoted
    )
    if others:
        return table
    parts = [f"regexp_extract({text}, {shape}, {place})" for place in (1, 2)]
    more = {} if table.heading("pipeline") else {"pipeline": parts[1]}
    return rewritten(reading, table, {stage: parts[0]}, "split", more)


def _close_stages(reading: Reading, table: Table) -> Table:
    """Let the stage of a row that says won or lost be that."""
    changes, stage = table.export and table.export.changes, table.heading("stage")
    said = heading_of(table, changes.closing) if changes else ""
    if not said or stage is None:
        return table
    text = table.text_under(said)
    rows = reading.store.rows(f"SELECT DISTINCT {text} FROM {table.relation} ORDER BY 1")  # noqa: S608 - quoted
    cases = _closing_cases(text, [str(row[0]) for row in rows])
    sql = f"CASE {cases} ELSE {table.text_under(stage)} END"
    return rewritten(reading, table, {stage: sql}, "closed")


def _closing_cases(text: str, said: Iterable[str]) -> str:
    """Return the cases of SQL that say which texts close a deal."""
    closes = {one: close_of(one) for one in said}
    cases = [
        f"WHEN {text} = {literal(one)} THEN '{CLOSES[code]}'"
        for one, code in closes.items()
        if code is not None
    ]
    return " ".join(cases) or "WHEN FALSE THEN ''"


def is_changes(table: Table) -> bool:
    """Say whether a history has rows of changes."""
    return bool(table.export and table.export.changes and not table.export.changes.closing)


def entries(
    reading: Reading, history: Table, others: tuple[Table | None, Table | None], relation: str
) -> None:
    """Make the relation of the entries of stages that a history of changes tells of.

    Its `own` rows stand for rows of the file; the other ones are beginnings.
    `others` are the deals and the list of stages, where they are there.
    """
    deals, stages = others
    changes = history.export.changes if history.export else None
    if changes is None:  # pragma: no cover - asked of such histories only
        raise AssertionError
    store = reading.store
    _keep_changes(store, history, kind_of_change(history, changes))
    if stages is not None:
        _without_other_fields(reading, stages)
    if deals is not None:
        find_switches(reading, history, changes, deals)
        refuse_other_names(reading, history, deals, moves_of(history))
    _count_others(reading)
    store.run(
        f"CREATE OR REPLACE TEMP TABLE starts AS SELECT id, min(moment) AS moment, "  # noqa: S608 - quoted
        f"min(stage) AS stage, min(line) AS line FROM ({_starts(deals)}) GROUP BY id"
    )
    file, heading = literal(history.file), literal(history.heading("stage") or "stage")
    usual = _usual_start(reading)
    store.run(
        f"""
        CREATE TEMP TABLE {relation} AS
        SELECT row_number() OVER (ORDER BY line, place) AS made, *,
               {file} AS file, {heading} AS heading
        FROM ({_first_stages(usual)} UNION ALL {_moves(_outcomes(reading), usual)})
        ORDER BY made
        """  # noqa: S608 - quoted
    )
    rows, own, made = store.rows(
        f"SELECT (SELECT count(*) FROM changes), count(*) FILTER (own), count(*) FROM {relation}"  # noqa: S608 - quoted
    )[0]
    reading.count("beginnings", int(made - own))
    # rows of other fields, and those that say no more than another
    reading.leave_out("history", history.file, int(rows - own))
    store.run("DROP TABLE changes; DROP TABLE starts")


def _keep_changes(store: Store, history: Table, kind: str) -> None:
    """Make `changes`: the rows of a history, each with what it is a change of."""
    store.run(
        f"""
        CREATE OR REPLACE TEMP TABLE changes AS
        SELECT {history.line} AS line, {history.text("opportunity_id")} AS id,
               {history.text("from_stage")} AS old, {history.text("stage")} AS new,
               {history.text("entered_at")} AS moment, {history.text("pipeline")} AS pipeline,
               {kind} AS kind
        FROM {history.relation}
        """  # noqa: S608 - quoted
    )
    store.run(
        "UPDATE changes SET kind = 'stage' WHERE kind = 'status' "
        "AND NOT EXISTS (SELECT 1 FROM changes WHERE kind = 'stage')"
    )


def _without_other_fields(reading: Reading, stages: Table) -> None:
    """Leave out the moves to what is no stage of the list: another field of the same log."""
    key, label = key_and_label(stages)
    if key and label:
        reading.store.run(
            f"UPDATE changes SET kind = '' WHERE kind = 'stage' AND new NOT IN "  # noqa: S608 - quoted
            f"(SELECT unnest([l.a, l.b]) FROM ({labels_of(stages, key, label)}) l(a, b))"
        )


def _usual_start(reading: Reading) -> str:
    """Return the stage that every known deal began with, as SQL; NULL where they differ.

    A deal that was created and never moved stands where all the others began.
    """
    rows = reading.store.rows(
        "SELECT arg_min(old, (moment, line)) AS began FROM changes "
        "WHERE kind = 'stage' AND moment <> '' GROUP BY id"
    )
    began = {str(row[0]) for row in rows}
    if len(rows) < FEWEST or len(began) != 1 or began == {""}:
        return "NULL"
    unmoved = (
        "SELECT count(*) FROM starts WHERE stage IS NULL AND moment <> '' "
        "AND id NOT IN (SELECT id FROM changes WHERE kind = 'stage')"
    )
    reading.count("starts_assumed", int(reading.store.value(unmoved)))
    return literal(began.pop())


def _count_others(reading: Reading) -> None:
    """Count the rows of other fields, which are not asked for."""
    others = reading.store.value("SELECT count(*) FROM changes WHERE kind = ''")
    reading.count("changes_of_other_fields", int(others))


def _starts(deals: Table | None) -> str:
    """Return SQL for when each deal was created, and where it stands if that is known."""
    rows = "SELECT id, moment, NULL AS stage, line FROM changes WHERE kind = 'created'"
    if deals is None:
        return rows
    return (
        f"{rows} UNION ALL SELECT {deals.text('opportunity_id')}, "  # noqa: S608 - quoted
        f"NULLIF({deals.text('created_at')}, ''), NULLIF({deals.text('stage')}, ''), NULL "
        f"FROM {deals.relation}"
    )


def _first_stages(usual: str) -> str:
    """Return SQL for the first stage of every deal: the first `from`, else where it stands."""
    return f"""
        SELECT COALESCE(s.line, m.line, 0) AS line, 0 AS place, COALESCE(m.id, s.id) AS
               opportunity_id, COALESCE(m.old, s.stage, {usual}) AS stage, s.moment AS entered_at,
               COALESCE(m.pipeline, '') AS pipeline, '' AS from_stage, s.line IS NOT NULL AS own
        FROM (SELECT id, arg_min(old, (moment, line)) AS old, min(line) AS line,
                     arg_min(pipeline, (moment, line)) AS pipeline
              FROM changes WHERE kind = 'stage' AND moment <> '' GROUP BY id) m
        FULL JOIN starts s ON s.id = m.id
        WHERE s.moment <> '' AND COALESCE(m.old, s.stage, {usual}, '') <> ''
    """  # noqa: S608 - of this module


def _moves(outcomes: str, usual: str) -> str:
    """Return SQL for the moves and the outcomes; a deal that is opened again stands as before."""
    return f"""
        SELECT line, 1 AS place, c.id AS opportunity_id,
               CASE kind WHEN 'stage' THEN new ELSE
                   CASE {outcomes} ELSE COALESCE(stood, began, s.stage, {usual}) END END AS stage,
               c.moment AS entered_at, pipeline,
               CASE WHEN kind = 'stage' THEN old ELSE '' END AS from_stage, TRUE AS own
        FROM (SELECT *, last_value(CASE WHEN kind = 'stage' THEN new END IGNORE NULLS) OVER w
                     AS stood,
                     first_value(CASE WHEN kind = 'stage' THEN old END IGNORE NULLS) OVER
                     (PARTITION BY id ORDER BY moment, line
                      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS began
              FROM changes WHERE kind IN ('stage', 'status')
              WINDOW w AS (PARTITION BY id ORDER BY moment, line)) c
        LEFT JOIN (SELECT id, stage FROM starts) s ON s.id = c.id
        WHERE NOT (kind = 'status' AND new = '')
    """  # noqa: S608 - of this module


def _outcomes(reading: Reading) -> str:
    """Return the cases of SQL that say which new values of a status close a deal."""
    said = reading.store.rows("SELECT DISTINCT new FROM changes WHERE kind = 'status' ORDER BY new")
    return _closing_cases("new", [str(row[0]) for row in said])


# ---------------- deals that are archived and taken out again

AGREE = 0.9
"""The field that says whether a deal is kept ends as the deal itself says for so many of them."""


def find_switches(reading: Reading, history: Table, changes: Changes, deals: Table) -> None:
    """Let the rows that archive a deal lose it, and those that take it out open it again.

    Which field of the log it is, no row says by a name. It is the one whose last new value
    is, deal by deal, what the list of deals says. A deal that is archived today is lost only
    where the list says so; one that was taken out again had been lost before.
    """
    value, field = heading_of(history, changes.switch), heading_of(history, changes.switch_field)
    active = find_flags(reading, deals).headings.get("active", "")
    if not value or not field:
        return
    store = reading.store
    store.run(
        f"""
        CREATE OR REPLACE TEMP TABLE switches AS
        SELECT {history.line} AS line, {history.text_under(field)} AS field,
               lower({history.text_under(value)}) AS said
        FROM {history.relation}
        WHERE {history.text("stage")} = '' AND {history.text("from_stage")} = '';
        UPDATE changes SET kind = '' WHERE line IN (SELECT line FROM switches)
        """  # noqa: S608 - quoted
    )
    found = _field_of(reading, deals, active) if active else ""
    if found:
        reading.say(history.file, "switch", "archived", found)
        _close_and_open(reading, deals, found)
    store.run("DROP TABLE switches")


def _field_of(reading: Reading, deals: Table, active: str) -> str:
    """Return the field whose rows end as the flag of the deals says; '' where none does."""
    rows = reading.store.rows(
        f"""
        SELECT field FROM (
            SELECT field, c.id, arg_max(said IN {YES}, (c.moment, c.line)) AS kept,
                   bool_and(said IN {(*YES, *NO)}) AS plain
            FROM switches JOIN changes c USING (line) WHERE c.moment <> '' GROUP BY ALL) f
        JOIN (SELECT {deals.text("opportunity_id")} AS id, {is_yes(deals, active)} AS active
              FROM {deals.relation}) d ON d.id = f.id
        GROUP BY field
        HAVING bool_and(plain) AND bool_or(NOT kept)
           AND count(*) FILTER (kept = active) >= {AGREE} * count(*)
        ORDER BY count(*) DESC, field LIMIT 1
        """  # noqa: S608 - quoted
    )
    return str(rows[0][0]) if rows else ""


def _close_and_open(reading: Reading, deals: Table, field: str) -> None:
    """Make outcomes of the rows of one field."""
    reading.store.run(
        f"""
        UPDATE changes SET kind = CASE WHEN kept OR again OR lost THEN 'status' ELSE '' END,
               new = CASE WHEN kept THEN 'open' ELSE 'lost' END
        FROM (SELECT line AS at_line, said IN {YES} AS kept,
                     COALESCE(lead(said IN {YES}) OVER (PARTITION BY c.id
                                                        ORDER BY c.moment, line), FALSE) AS again,
                     COALESCE(d.lost, FALSE) AS lost
              FROM switches JOIN changes c USING (line)
              LEFT JOIN (SELECT {deals.text("opportunity_id")} AS id,
                                bool_or({cases_of_outcome(reading, deals)} = 'lost') AS lost
                         FROM {deals.relation} GROUP BY id) d ON d.id = c.id
              WHERE field = $field) found
        WHERE changes.line = found.at_line
        """,  # noqa: S608 - quoted
        {"field": field},
    )
