"""What became of every row: counts that add up, facts, faults, and the fingerprint."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from leakkit import limits
from leakkit.errors import Fault, LeakkitError
from leakkit.store import schema
from leakkit.store.database import Store, literal, quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.store.resolve import Rules

SHOWN_ROWS = 100

HISTORY_ROWS = """
SELECT (SELECT count(*) FROM given_history) AS read,
       t.used + (SELECT COALESCE(sum(rows), 0) FROM unchanged)
           + (SELECT COALESCE(sum(rows), 0) FROM straight_deals) AS used, t.merged,
       e.not_asked + t.closed_after_win AS not_asked,
       e.set_aside + (SELECT count(*) FROM nameless) AS set_aside
FROM (SELECT count(*) FILTER (fate IN ('kept', 'close_without_stage')) AS used,
             count(*) FILTER (fate IN ('merged', 'close_undone', 'win_taken_back')) AS merged,
             count(*) FILTER (fate = 'closed_after_win') AS closed_after_win
      FROM told WHERE place > 0) t,
     (SELECT count(*) FILTER (not_asked) AS not_asked,
             count(*) FILTER (NOT not_asked AND opportunity IN (SELECT opportunity FROM aside))
                 AS set_aside
      FROM events) e
"""

OPPORTUNITY_ROWS = """
SELECT (SELECT count(*) FROM given_opportunities) AS read,
       d.used + (SELECT count(*) FROM unchanged) + (SELECT count(*) FROM straight_deals) AS used,
       r.merged, d.not_asked,
       d.set_aside + r.set_aside
           + (SELECT count(*) FROM given_opportunities WHERE opportunity_id = '') AS set_aside
FROM (SELECT count(o.opportunity) AS used, count(a.opportunity) AS set_aside,
             count(*) - count(o.opportunity) - count(a.opportunity) AS not_asked
      FROM deals
      LEFT JOIN opportunities o ON o.opportunity = deals.opportunity
      LEFT JOIN aside a ON a.opportunity = deals.opportunity) d,
     (SELECT COALESCE(sum(lines - 1) FILTER (NOT differ), 0) AS merged,
             COALESCE(sum(lines - 1) FILTER (differ), 0) AS set_aside
      FROM repeated) r
"""

FACTS = {
    "ordered": {"ties": "tie"},
    "told": {
        "close_undone": "fate = 'close_undone'",
        "closed_after_win": "fate = 'closed_after_win'",
        "win_taken_back": "fate = 'win_taken_back'",
        "close_without_stage": "fate = 'close_without_stage'",
        "reopened_by_close": "fate = 'implied'",
    },
    "passages": {"started_at_stage": "entry = 0 AND stage > 0"},
    "first_moves": {"from_stage_without_start": "NOT known", "from_stage_used": "known"},
    "new_closes": {
        "closed_before_entry": "before_entry AND NOT instead",
        "present_stage_ahead": "code >= 0",
    },
    "judged SEMI JOIN opportunities USING (opportunity)": {
        "outcome_disagrees": "end_code < 0 AND said <> end_code",
        "closed_without_moment": "said < 0 AND closed_at IS NULL AND COALESCE(end_code, 0) >= 0",
        "open_with_closed_at": "said = 0 AND closed_at <= $cut AND COALESCE(end_code, 0) >= 0",
        "closes_after_as_of": "later_close",
    },
    """opportunities o LEFT JOIN (SELECT opportunity, created_at FROM deals UNION ALL
                                  SELECT opportunity, created_at FROM straight_deals) d
       ON d.opportunity = o.opportunity""": {
        "created_after_entry": "o.has_history AND d.created_at > o.created_at",
        "created_missing": "o.has_history AND d.created_at IS NULL",
    },
    "opportunities o LEFT JOIN deals d ON d.opportunity = o.opportunity": {
        "without_history": "NOT o.has_history",
        "history_without_opportunity": "NOT o.given",
        "closed_before_created": "NOT o.has_history AND o.closed_at < o.created_at",
        "value_missing": "o.value IS NULL",
        "value_zero": "o.value = 0",
        "value_negative": "d.value < 0",
        "value_unreadable": "d.value IS NULL AND d.value_text <> ''",
        "value_without_rate": "o.value IS NULL AND d.value >= 0",
        "created_unreadable": "d.created_unread <> ''",
        "closed_unreadable": "d.closed_unread <> ''",
        "outcome_unknown": "d.outcome <> '' AND d.outcome_code IS NULL",
    },
    "aside": {"deals_set_aside": "TRUE"},
}
"""What is counted over which rows; facts of deals set aside or not asked for are not."""

NONE_IN_BOTH = """
SELECT opportunity_id FROM opportunities
WHERE has_history AND NOT given
  AND EXISTS (SELECT 1 FROM opportunities WHERE given)
  AND NOT EXISTS (SELECT 1 FROM opportunities WHERE has_history AND given)
  AND NOT EXISTS (SELECT 1 FROM unchanged)
"""
"""The histories where the two files have no deal in common."""

FAULTS = {
    ("history", "missing_id"): "SELECT line, 'opportunity_id', '' FROM nameless",
    ("opportunities", "missing_id"): """SELECT line, 'opportunity_id', '' FROM given_opportunities
        WHERE opportunity_id = ''""",
    ("opportunities", "conflicting_rows"): """SELECT line, 'opportunity_id', g.opportunity_id
        FROM given_opportunities g JOIN repeated r ON r.opportunity_id = g.opportunity_id
        WHERE r.differ""",
    ("history", "missing_moment"): """SELECT e.line, 'entered_at', g.entered_unread
        FROM events e JOIN given_history g ON g.line = e.line
        WHERE NOT e.not_asked AND e.entered_at IS NULL""",
    ("history", "unknown_stage"): """SELECT e.line, 'stage', g.stage
        FROM events e JOIN given_history g ON g.line = e.line
        WHERE NOT e.not_asked AND e.code = -9 AND e.pipeline IS NOT NULL""",
    ("history", "missing_pipeline"): """SELECT line, 'pipeline', '' FROM events
        WHERE NOT not_asked AND pipeline IS NULL""",
    ("opportunities", "outcome_unknown"): """SELECT outcome_line, 'outcome', outcome FROM deals
        WHERE outcome <> '' AND outcome_code IS NULL""",
    ("opportunities", "outcome_disagrees"): """SELECT d.outcome_line, 'outcome', d.outcome
        FROM judged j JOIN deals d ON d.opportunity = j.opportunity
        WHERE j.end_code < 0 AND j.said <> j.end_code""",
    ("opportunities", "value_negative"): """SELECT value_line, 'value', value_text FROM deals
        WHERE value < 0""",
    ("opportunities", "value_unreadable"): """SELECT value_line, 'value', value_text FROM deals
        WHERE value IS NULL AND value_text <> ''""",
    ("opportunities", "closed_before_created"): """SELECT d.closed_line, 'closed_at',
            strftime(make_timestamp(d.closed_at * 1000000), '%Y-%m-%d')
        FROM deals d JOIN opportunities o ON o.opportunity = d.opportunity
        WHERE NOT o.has_history AND o.closed_at < o.created_at""",
    ("opportunities", "date_unreadable"): """SELECT created_line, 'created_at', created_unread
        FROM deals WHERE created_unread <> ''
        UNION ALL SELECT closed_line, 'closed_at', closed_unread
        FROM deals WHERE closed_unread <> ''""",
}

LARGEST = """
SELECT g.value_line, 'value', g.value_text
FROM (SELECT opportunity_id, value, opportunity FROM opportunities WHERE value IS NOT NULL
      ORDER BY value DESC, opportunity LIMIT 5) o
JOIN given_opportunities g ON g.opportunity_id = o.opportunity_id
WHERE g.value_text <> ''
"""
"""The cells of the largest amounts."""


def rows(
    store: Store,
    files: tuple[str, str],
    left: Mapping[tuple[str, str], int],
    copied: Mapping[str, int],
) -> list[dict[str, Any]]:
    """Count the rows of each file: read = used + merged + not asked for + set aside.

    `left` counts by table and file the rows that were left out before all else, and `copied`
    by file those of its copies.
    """
    names = ("read", "used", "merged", "not_asked", "set_aside")
    counted: list[dict[str, Any]] = []
    tables = ("opportunities", "history")
    for table, file, query in zip(tables, files, (OPPORTUNITY_ROWS, HISTORY_ROWS), strict=True):
        if not file:
            continue
        counts = dict(zip(names, map(int, store.rows(query)[0]), strict=True))
        more, again = left.get((table, file), 0), 0
        if file not in {one["file"] for one in counted}:
            # what stands under the rows of a file is of no table: the first one counts it
            more, again = more + left.get(("", file), 0), copied.get(file, 0)
        counts["read"] += more + again
        counts["not_asked"] += more
        counts["merged"] += again
        if counts["read"] != sum(counts[name] for name in names[1:]):
            message = (
                f"{file}: the rows do not add up: {counts}. "
                "This is a fault of leakkit, please report it."
            )
            raise LeakkitError("rows_lost", message)
        counted.append({"table": table, "file": file, **counts})
    return counted


def facts(store: Store, cut: int, *, resolved: bool = True) -> dict[str, int]:
    """Count what was found odd, by code; codes that did not occur are left out.

    Where no deal was `resolved`, only what straight deals may have is counted.
    """
    sql = f"SELECT count(*) FROM ({NONE_IN_BOTH})"  # noqa: S608 - of this module
    apart = int(store.value(sql)) if resolved else 0
    found = {"none_in_both": apart} if apart else {}
    for source in FACTS:
        if source != "passages" and (resolved or " o " in source):
            found |= _count_facts(store, source, cut)
    unreadable = found.pop("created_unreadable", 0) + found.pop("closed_unreadable", 0)
    return found | ({"date_unreadable": unreadable} if unreadable else {})


def odd_deals(cut: int) -> str:
    """Return SQL for the deals that a fact counts, or of whose rows one is not used."""
    parts = [
        f"SELECT {'o.opportunity' if ' o ' in source else 'opportunity'} FROM {source} "  # noqa: S608 - queries of this module
        f"WHERE {' OR '.join(conditions.values())}"
        for source, conditions in FACTS.items()
        if source != "passages"
    ]
    parts += [
        "SELECT opportunity FROM events WHERE not_asked",
        "SELECT opportunity FROM told WHERE fate <> 'kept'",
    ]
    return " UNION ALL ".join(parts).replace("$cut", str(cut))


def facts_of_passages(store: Store) -> dict[str, int]:
    """Count what is odd in the passages, which come last."""
    return _count_facts(store, "passages")


def _count_facts(store: Store, source: str, cut: int = 0) -> dict[str, int]:
    """Count the facts of one source of FACTS."""
    conditions = FACTS[source]
    counts = ", ".join(f"count(*) FILTER ({condition})" for condition in conditions.values())
    given = {"cut": cut} if "$cut" in counts else None
    row = store.rows(f"SELECT {counts} FROM {source}", given)[0]  # noqa: S608 - queries of this module
    return {code: int(n) for code, n in zip(conditions, row, strict=True) if n}


def faults(
    store: Store, opportunities_file: str, history_file: str, origins: str, *, resolved: bool = True
) -> None:
    """Keep the first rows that break each rule, with file, row, column and value.

    Where no deal was `resolved`, only rows without a deal can.
    """
    places = {
        "history": (history_file, origins),
        "opportunities": (opportunities_file, "")
        if opportunities_file
        else (history_file, origins),
    }
    each = " UNION ALL ".join(
        f"SELECT * FROM (SELECT *, '{rule}' AS rule "  # noqa: S608 - queries of this module
        f"FROM ({locate_faults(query, *places[table])}) "
        f"ORDER BY file, line, field LIMIT {SHOWN_ROWS})"
        for (table, rule), query in FAULTS.items()
        if resolved or rule == "missing_id"
    )
    store.run(f"INSERT INTO faults SELECT DISTINCT * FROM ({each}) ORDER BY ALL")  # noqa: S608 - queries of this module


def locate_faults(query: str, file: str, origins: str) -> str:
    """Return SQL for (file, line, field, content) of a query of faults.

    The rows of a history that was made of others stand where `origins` says: its `made`
    is the line of the history; `file`, `line` and `heading` those of the cell it was made of.
    '' for the rows of a file that was read as it is.
    """
    if not origins:
        return f"SELECT {literal(file)} AS file, f.* FROM ({query}) f(line, field, content)"  # noqa: S608 - of this room
    return (
        f"SELECT o.file, o.line, "  # noqa: S608 - as above
        "CASE WHEN f.field IN ('stage', 'entered_at') THEN o.heading ELSE f.field END AS field, "
        f"f.content FROM ({query}) f(made, field, content) "
        f"JOIN {origins} o ON o.made = f.made"
    )


def kept_faults(store: Store) -> tuple[Fault, ...]:
    """Return the faults that a store keeps, in order of file, row and column."""
    rows = store.rows("SELECT file, line, field, content, rule FROM faults ORDER BY ALL")
    return tuple(Fault(*row) for row in rows)


def refuse_unreadable(store: Store, file: str, *, snapshot: bool = False) -> None:
    """Raise where there are no rows at all, or not one date of the history can be read.

    A snapshot may have no history: its rows are the opportunities.
    """
    read, readable = store.rows("SELECT count(*), count(entered_at) FROM given_history")[0]
    if snapshot and not read:
        read = readable = store.value("SELECT count(*) FROM given_opportunities")
    if not read:
        message = f"{file} has a heading but no rows."
        raise LeakkitError("no_rows", message)
    if readable:
        return
    first = store.rows("SELECT line, entered_unread FROM given_history ORDER BY line LIMIT 3")
    rule = "not a date that leakkit reads, such as 2026-06-30 or 30.06.2026 14:05"
    shown = tuple(Fault(file, int(line), "entered_at", str(text), rule) for line, text in first)
    message = f"{file}: not one date of the column entered_at can be read."
    raise LeakkitError("no_dates", message, shown)


def refuse_amounts(store: Store, file: str, origins: str) -> None:
    """Raise where the values are so large that their sums cannot be trusted."""
    total = store.value("SELECT sum(abs(CAST(value AS DOUBLE))) FROM opportunities")
    if not total or total <= limits.TOTAL * 100:
        return
    largest = store.rows(locate_faults(LARGEST, file, origins) + " ORDER BY ALL")
    rule = "one of the largest amounts: is the currency right, and its rate?"
    shown = tuple(Fault(file, line, column, text, rule) for file, line, column, text in largest)
    message = f"The amounts of {file} are more than {limits.TOTAL:,} in all."
    raise LeakkitError("too_large", message, shown)


def fingerprint(store: Store, cut: int, last_day: int) -> str:
    """Return a digest of the canonical tables that no order of rows, columns or threads changes."""
    columns = [row[0] for row in store.rows("DESCRIBE opportunities")]
    acted = "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'activities'"
    more = (("activities", 'opportunity, "at", kind'),) if store.value(acted) else ()
    kept = ", ".join(quote(c) for c in sorted(columns) if c != "given")
    parts: list[Any] = [schema.SCHEMA_VERSION, cut, last_day, sorted(columns)]
    for table, content in (
        ("opportunities", kept),
        (
            "stage_history",
            "opportunity, pipeline, stage, entered_at, entered_day, entered_hour, seq, last_touch",
        ),
        ("pipelines", "pipeline, name, unit_per_day"),
        ("stages", "pipeline, stage, name, kind"),
        *more,
    ):
        hashes = f"SELECT hash({content}) AS h FROM {table}"  # noqa: S608 - quoted
        digest = f"SELECT count(*), bit_xor(h), sum(h % 4294967296) FROM ({hashes})"  # noqa: S608 - as above
        parts.append([str(value) for value in store.rows(digest)[0]])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def clear(store: Store) -> None:
    """Drop what was only needed on the way."""
    left = store.rows(
        "SELECT 'TABLE', table_name FROM duckdb_tables() WHERE temporary "
        "UNION ALL SELECT 'VIEW', view_name FROM duckdb_views() WHERE temporary AND NOT internal",
    )
    store.run("; ".join(f"DROP {kind} {quote(name)}" for kind, name in left))


# ---------------- the fate of a row


def in_order(rules: Rules) -> str:
    """Step 6: return SQL for the order of the rows of a deal."""
    by_stage = f"""CASE code WHEN {schema.UNKNOWN} THEN 31000 WHEN {schema.WON} THEN 32000
                   WHEN {schema.LOST} THEN 32000 ELSE code END, line"""
    tied = {False: "line", True: "-line", None: by_stage}[rules.newest_first]
    return f"PARTITION BY opportunity ORDER BY entered_at, part, seq NULLS LAST, {tied}"


def forget_after_wins(store: Store, rules: Rules) -> None:
    """Step 5: rows without a stage that stand after a win are not asked for."""
    store.run(
        f"""
        UPDATE events SET not_asked = TRUE FROM (
            SELECT line AS at_line FROM (
                SELECT line, code, bool_or(code = {schema.WON}) OVER (
                           {in_order(rules)} ROWS UNBOUNDED PRECEDING) AS won
                FROM events
                WHERE NOT not_asked AND entered_at IS NOT NULL AND opportunity IN (
                    SELECT opportunity FROM events WHERE code = {schema.UNKNOWN} AND NOT not_asked
                    EXCEPT SELECT opportunity FROM aside))
            WHERE code = {schema.UNKNOWN} AND won) found
        WHERE events.line = found.at_line
        """,  # noqa: S608 - numbers and names of this module
    )


def set_deals_aside(store: Store, rules: Rules) -> None:
    """Steps 3 and 5: the other deals that cannot be read without guessing, each with its reason."""
    store.run(
        f"""
        CREATE TEMP TABLE without_pipeline AS
        SELECT opportunity FROM deals
        WHERE own_pipeline IS NULL AND {rules.no_pipeline} IS NULL AND NOT {rules.one_file}
          AND COALESCE(created_at <= {rules.cut}, TRUE);
        INSERT INTO aside
        SELECT opportunity, 5, min(reason) FROM (
            SELECT opportunity, 'missing_moment' AS reason FROM events
                WHERE NOT not_asked AND entered_at IS NULL
            UNION ALL SELECT opportunity, 'unknown_stage' FROM events
                WHERE NOT not_asked AND code = {schema.UNKNOWN}
            UNION ALL SELECT opportunity, 'missing_pipeline' FROM without_pipeline
                WHERE opportunity NOT IN (SELECT opportunity FROM events
                                          SEMI JOIN without_pipeline USING (opportunity)
                                          WHERE NOT not_asked)
        ) WHERE opportunity NOT IN (SELECT opportunity FROM aside)
        GROUP BY opportunity
        """,  # noqa: S608 - numbers of this module
    )


def order_rows(store: Store, rules: Rules) -> None:
    """Steps 6 and 7: put the rows of each deal in order; the first may say whence the deal came.

    Places are even numbers, so that rows that stand in no file find room between them.
    """
    store.run(
        f"""
        CREATE TEMP TABLE ordered AS
        SELECT opportunity, pipeline, code, entered_at, from_code,
               2 * row_number() OVER w AS place,
               lag(code) OVER w AS before_code, lag(pipeline) OVER w AS before_pipeline,
               COALESCE(entered_at = lag(entered_at) OVER w AND part = lag(part) OVER w
                        AND (seq IS NULL OR seq = lag(seq) OVER w), FALSE) AS tie
        FROM events
        WHERE NOT not_asked AND opportunity NOT IN (SELECT opportunity FROM aside)
        WINDOW w AS ({in_order(rules)});
        CREATE TEMP TABLE first_moves AS
        SELECT o.opportunity, o.pipeline, o.from_code AS code, d.created_at AS entered_at,
               0 AS place,
               COALESCE(d.created_at <= o.entered_at, FALSE) AS known
        FROM ordered o
        LEFT JOIN deals d ON d.opportunity = o.opportunity
        WHERE o.before_code IS NULL AND o.from_code >= 0 AND o.from_code <> o.code;
        """,  # noqa: S608 - names of this module
    )


def _rules_of_fates(rules: Rules) -> tuple[tuple[str, str], ...]:
    """Return the rules of steps 8, 9 and 14 in order: the fate of a row, and when it is that."""
    day = rules.zone.day_sql
    equal = "code = lag(code) OVER w AND pipeline = lag(pipeline) OVER w"
    days = f"{day('lead(entered_at) OVER w')} - {day('entered_at')}"
    lost = f"""opportunity IN (SELECT opportunity FROM deals WHERE outcome_code = {schema.LOST}
                               AND COALESCE(closed_at <= {rules.cut}, TRUE))"""  # noqa: S608 - numbers
    return (
        ("merged", equal),
        ("close_undone", f"code < 0 AND {days} <= 1"),
        ("merged", equal),
        ("win_taken_back", f"code = {schema.WON} AND lead(code) OVER w = {schema.LOST} AND {lost}"),
        ("closed_after_win", f"code = {schema.LOST} AND lag(code) OVER w = {schema.WON}"),
        # what the last rule took out stood between wins; before any stage, pipelines may differ
        ("merged", "code < 0 AND code = lag(code) OVER w"),
        ("close_without_stage", "max(code) OVER w < 0"),
    )


def _decide_by_rule(rules: Rules) -> str:
    """Return the query that tells rule by rule; each sees only the rows that are kept by then."""
    sql = """
        SELECT opportunity, place, code, entered_at, fate,
               CASE WHEN code < 0 THEN COALESCE(
                   last_value(CASE WHEN code >= 0 THEN pipeline END IGNORE NULLS) OVER w, pipeline)
               ELSE pipeline END AS pipeline
        FROM (SELECT opportunity, place, code, entered_at, pipeline, 'kept' AS fate FROM ordered
              UNION ALL
              SELECT opportunity, place, code, entered_at, pipeline, 'kept'
              FROM first_moves WHERE known)
        WHERE opportunity IN (SELECT opportunity FROM often_closed)
        WINDOW w AS (PARTITION BY opportunity ORDER BY place)
        """
    for fate, condition in _rules_of_fates(rules):
        sql = f"""
        SELECT * REPLACE (CASE WHEN fate = 'kept' AND {condition} THEN '{fate}'
                          ELSE fate END AS fate)
        FROM ({sql}) WINDOW w AS (PARTITION BY opportunity, fate ORDER BY place)
        """  # noqa: S608 - names and numbers of this module
    return sql


def decide_fates(store: Store, rules: Rules) -> None:
    """Steps 8, 9 and 14: give every row in order its fate.

    Most deals close once, at their end, and need one look at the row before. The others
    are told rule by rule.
    """
    store.run(
        f"""
        CREATE TEMP TABLE often_closed AS
        SELECT DISTINCT opportunity FROM ordered
        WHERE before_code < 0 OR (before_code IS NULL AND code < 0);
        CREATE TEMP TABLE told_by_rule AS
        SELECT opportunity, place, code, entered_at, fate, pipeline FROM ({_decide_by_rule(rules)});
        CREATE TEMP VIEW told AS
        SELECT * FROM told_by_rule
        UNION ALL
        SELECT opportunity, place, code, entered_at,
               CASE WHEN code = before_code AND pipeline = before_pipeline THEN 'merged'
               ELSE 'kept' END,
               CASE WHEN code < 0 THEN before_pipeline ELSE pipeline END
        FROM ordered WHERE opportunity NOT IN (SELECT opportunity FROM often_closed)
        UNION ALL
        SELECT opportunity, place, code, entered_at, 'kept', pipeline FROM first_moves
        WHERE known AND opportunity NOT IN (SELECT opportunity FROM often_closed);
        """,  # noqa: S608 - as above
    )
