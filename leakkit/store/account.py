"""What became of every row: counts that add up, facts, faults, and the fingerprint."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from leakkit.errors import Fault, LeakkitError
from leakkit.store import schema

if TYPE_CHECKING:
    from leakkit.store.database import Store

SHOWN_ROWS = 100
TEMPORARY_TABLES = (
    "ids repeated deals events aside ordered after_close absorbed touches resolved implied "
    "first_moves ends judged new_closes finals pipeline_names stage_names outcome_names "
    "named_pipelines named_stages"
).split()

HISTORY_ROWS = """
SELECT (SELECT count(*) FROM given_history) AS read,
       (SELECT count(*) FROM ordered WHERE kept)
           - (SELECT count(*) FROM after_close WHERE fate IN ('close_undone', 'merged', 'closed_after_win'))
           AS used,
       (SELECT count(*) FROM ordered WHERE NOT kept)
           + (SELECT count(*) FROM after_close WHERE fate IN ('close_undone', 'merged')) AS merged,
       (SELECT count(*) FROM events WHERE not_asked)
           + (SELECT count(*) FROM after_close WHERE fate = 'closed_after_win') AS not_asked,
       (SELECT count(*) FROM given_history WHERE opportunity_id = '')
           + (SELECT count(*) FROM events WHERE NOT not_asked
              AND opportunity IN (SELECT opportunity FROM aside)) AS set_aside
"""

OPPORTUNITY_ROWS = """
SELECT (SELECT count(*) FROM given_opportunities) AS read,
       (SELECT count(*) FROM deals WHERE opportunity IN (SELECT opportunity FROM opportunities)) AS used,
       (SELECT COALESCE(sum(lines - 1), 0) FROM repeated WHERE versions = 1) AS merged,
       (SELECT count(*) FROM deals WHERE opportunity NOT IN (SELECT opportunity FROM opportunities)
            AND opportunity NOT IN (SELECT opportunity FROM aside)) AS not_asked,
       (SELECT count(*) FROM given_opportunities WHERE opportunity_id = '')
           + (SELECT count(*) FROM deals WHERE opportunity IN (SELECT opportunity FROM aside))
           + (SELECT COALESCE(sum(lines - 1), 0) FROM repeated WHERE versions > 1) AS set_aside
"""

FACTS = {
    "ties": "SELECT count(*) FROM ordered WHERE tie",
    "close_undone": "SELECT count(*) FROM after_close WHERE fate = 'close_undone'",
    "closed_after_win": "SELECT count(*) FROM after_close WHERE fate = 'closed_after_win'",
    "close_without_stage": """SELECT (SELECT count(*) FROM after_close WHERE fate = 'close_without_stage')
        + (SELECT count(*) FROM resolved r JOIN finals f USING (opportunity) WHERE f.first_place IS NULL)""",
    "reopened_by_close": "SELECT count(*) FROM implied",
    "outcome_disagrees": "SELECT count(*) FROM judged WHERE end_code < 0 AND said <> end_code",
    "closed_without_moment": """SELECT count(*) FROM judged WHERE said < 0 AND closed_at IS NULL
        AND COALESCE(end_code, 0) >= 0""",
    "closed_before_entry": "SELECT count(*) FROM new_closes WHERE reason = 'closed_before_entry'",
    "open_with_closed_at": """SELECT count(*) FROM judged WHERE said = 0 AND closed_at <= $cut
        AND COALESCE(end_code, 0) >= 0""",
    "closes_after_as_of": "SELECT count(*) FROM judged WHERE later_close",
    "created_after_entry": """SELECT count(*) FROM opportunities o JOIN deals d USING (opportunity)
        WHERE o.has_history AND d.created_at > o.created_at""",
    "created_missing": """SELECT count(*) FROM opportunities o LEFT JOIN deals d USING (opportunity)
        WHERE o.has_history AND d.created_at IS NULL""",
    "without_history": "SELECT count(*) FROM opportunities WHERE NOT has_history",
    "history_without_opportunity": "SELECT count(*) FROM opportunities WHERE NOT given",
    "from_stage_without_start": "SELECT count(*) FROM first_moves WHERE NOT known",
    "from_stage_used": "SELECT count(*) FROM first_moves WHERE known",
    "value_missing": "SELECT count(*) FROM opportunities WHERE value IS NULL",
    "value_zero": "SELECT count(*) FROM opportunities WHERE value = 0",
    "value_negative": "SELECT count(*) FROM deals JOIN opportunities o USING (opportunity) WHERE deals.value < 0",
    "value_unreadable": """SELECT count(*) FROM deals d JOIN opportunities o USING (opportunity)
        WHERE d.value IS NULL AND d.value_text <> ''""",
    "value_without_rate": """SELECT count(*) FROM opportunities o JOIN deals d USING (opportunity)
        WHERE o.value IS NULL AND d.value >= 0""",
    "date_unreadable": """SELECT count(*) FILTER (created_at IS NULL AND created_text <> '')
        + count(*) FILTER (closed_at IS NULL AND closed_text <> '')
        FROM deals WHERE opportunity IN (SELECT opportunity FROM opportunities)""",
    "outcome_unknown": """SELECT count(*) FROM deals d JOIN opportunities USING (opportunity)
        LEFT JOIN outcome_names n ON n.said = d.outcome
        WHERE d.outcome <> '' AND n.code IS NULL""",
    "deals_set_aside": "SELECT count(*) FROM aside",
}

FAULTS = {
    ("history", "missing_id"): """SELECT line, 'opportunity_id', '' FROM given_history
        WHERE opportunity_id = ''""",
    ("opportunities", "missing_id"): """SELECT line, 'opportunity_id', '' FROM given_opportunities
        WHERE opportunity_id = ''""",
    ("opportunities", "conflicting_rows"): """SELECT line, 'opportunity_id', g.opportunity_id
        FROM given_opportunities g JOIN repeated r ON r.opportunity_id = g.opportunity_id
        WHERE r.versions > 1""",
    ("history", "missing_moment"): """SELECT e.line, 'entered_at', g.entered_text
        FROM events e JOIN given_history g ON g.line = e.line
        WHERE NOT e.not_asked AND e.entered_at IS NULL""",
    ("history", "unknown_stage"): """SELECT e.line, 'stage', g.stage
        FROM events e JOIN given_history g ON g.line = e.line
        WHERE NOT e.not_asked AND e.code = -9 AND e.pipeline IS NOT NULL""",
    ("history", "missing_pipeline"): """SELECT line, 'pipeline', '' FROM events
        WHERE NOT not_asked AND pipeline IS NULL""",
    ("opportunities", "outcome_unknown"): """SELECT d.line, 'outcome', d.outcome FROM deals d
        LEFT JOIN outcome_names n ON n.said = d.outcome WHERE d.outcome <> '' AND n.code IS NULL""",
    ("opportunities", "outcome_disagrees"): """SELECT d.line, 'outcome', d.outcome
        FROM judged j JOIN deals d USING (opportunity) WHERE j.end_code < 0 AND j.said <> j.end_code""",
    ("opportunities", "value_negative"): """SELECT line, 'value', value_text FROM deals
        WHERE value < 0""",
    ("opportunities", "value_unreadable"): """SELECT line, 'value', value_text FROM deals
        WHERE value IS NULL AND value_text <> ''""",
    ("opportunities", "date_unreadable"): """SELECT line, 'created_at', created_text FROM deals
        WHERE created_at IS NULL AND created_text <> ''
        UNION ALL SELECT line, 'closed_at', closed_text FROM deals
        WHERE closed_at IS NULL AND closed_text <> ''""",
}


def rows(store: Store, files: tuple[str, str]) -> list[dict[str, Any]]:
    """Count the rows of each file: read = used + merged + not asked for + set aside."""
    names = ("read", "used", "merged", "not_asked", "set_aside")
    counted = []
    for file, query in zip(files, (OPPORTUNITY_ROWS, HISTORY_ROWS), strict=True):
        if not file:
            continue
        counts = dict(zip(names, map(int, store.rows(query)[0]), strict=True))
        if counts["read"] != sum(counts[name] for name in names[1:]):
            message = f"{file}: the rows do not add up: {counts}. This is a fault of leakkit, please report it."
            raise LeakkitError("rows_lost", message)
        counted.append({"file": file, **counts})
    return counted


def facts(store: Store, cut: int) -> dict[str, int]:
    """Count what was found odd, by code; codes that did not occur are left out."""
    found = {
        code: int(store.value(query, {"cut": cut} if "$cut" in query else None) or 0)
        for code, query in FACTS.items()
    }
    return {code: count for code, count in found.items() if count}


def faults(store: Store, opportunities_file: str, history_file: str) -> None:
    """Keep the first rows that break each rule, with file, row, column and value."""
    files = {"history": history_file, "opportunities": opportunities_file or history_file}
    for (file, rule), query in FAULTS.items():
        store.run(
            f"INSERT INTO faults SELECT $file, f.*, $rule FROM ({query}) f(line, field, content) "
            f"ORDER BY line, field LIMIT {SHOWN_ROWS}",  # noqa: S608 - queries of this module
            {"file": files[file], "rule": rule},
        )


def refuse_unreadable(store: Store, file: str) -> None:
    """Raise where there are no rows at all, or not one date of the history can be read."""
    read, readable = store.rows("SELECT count(*), count(entered_at) FROM given_history")[0]
    if not read:
        message = f"{file} has a heading but no rows."
        raise LeakkitError("no_rows", message)
    if readable:
        return
    first = store.rows("SELECT line, entered_text FROM given_history ORDER BY line LIMIT 3")
    rule = "not an ISO date such as 2026-06-30 or 2026-06-30 14:05:00"
    shown = tuple(Fault(file, int(line), "entered_at", str(text), rule) for line, text in first)
    message = f"{file}: not one date of the column entered_at can be read."
    raise LeakkitError("no_dates", message, shown)


def fingerprint(store: Store, cut: int, last_day: int) -> str:
    """Return a digest of the canonical tables that no order of rows, columns or threads changes."""
    columns = [row[0] for row in store.rows("DESCRIBE opportunities")]
    kept = ", ".join('"' + c.replace('"', '""') + '"' for c in sorted(columns) if c != "given")
    parts: list[Any] = [schema.SCHEMA_VERSION, cut, last_day, sorted(columns)]
    for table, content in (
        ("opportunities", kept),
        ("stage_history", "opportunity, pipeline, stage, entered_at, entered_day, entered_hour, seq, last_touch"),
        ("pipelines", "pipeline, name, unit_per_day"),
        ("stages", "pipeline, stage, name, kind"),
    ):
        digest = f"SELECT count(*), bit_xor(h), sum(h % 4294967296) FROM (SELECT hash({content}) AS h FROM {table})"  # noqa: S608 - quoted
        parts.append([str(value) for value in store.rows(digest)[0]])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def clear(store: Store) -> None:
    """Drop what was only needed on the way."""
    store.run("DROP VIEW used_events")
    for table in TEMPORARY_TABLES:
        store.run(f"DROP TABLE IF EXISTS {table}")
    kinds = {"BASE TABLE": "TABLE", "VIEW": "VIEW"}
    temporary = store.rows(
        "SELECT table_name, table_type FROM information_schema.tables "
        "WHERE table_name LIKE 'given_%' OR table_name LIKE 'file_%' ORDER BY table_name DESC",
    )
    for name, kind in temporary:
        store.run(f'DROP {kinds.get(kind, "TABLE")} IF EXISTS "{name}"')
