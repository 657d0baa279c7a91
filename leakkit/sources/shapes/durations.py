"""Histories that say how long a deal had been in the stage that a row leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.sources.formats.rows import rewritten
from leakkit.sources.headings.heading_words import heading_of

if TYPE_CHECKING:
    from leakkit.sources.headings.reading import Reading, Table

DAYS_BEFORE = (
    *("days in from stage", "days in previous stage", "days in old stage", "days in prior stage"),
    *("days in last stage", "from stage days", "previous stage days", "days in from status"),
    *("tage in vorheriger phase", "tage in alter phase", "d\u00edas en etapa anterior"),
    *("jours dans l'\u00e9tape pr\u00e9c\u00e9dente", "dias na etapa anterior"),
)
"""Headings of the days that a deal was in the stage that it comes from."""
MOMENT = r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d([.,]\d+)?)?)?"


def with_starts(reading: Reading, history: Table) -> Table:
    """Say when each deal was created, where only its first row says how long ago that was.

    A first move says from which stage, and the days in it: so the deal entered that stage so
    many days before. Without such a column nothing is said.
    """
    heading = heading_of(history, DAYS_BEFORE)
    if not heading or history.heading("created_at") or not history.heading("from_stage"):
        return history
    moment = history.text("entered_at")
    days = f"TRY_CAST({history.text_under(heading)} AS DOUBLE)"
    plain = f"CASE WHEN regexp_full_match({moment}, '{MOMENT}') THEN {moment} END"
    order = f"PARTITION BY {history.text('opportunity_id')} ORDER BY {moment}, {history.line}"
    known = f"{history.text('from_stage')} <> '' AND {days} >= 0"
    known += f" AND row_number() OVER ({order}) = 1"
    start = f"TRY_CAST({plain} AS TIMESTAMP) - to_seconds({days} * 86400)"
    sql = f"CASE WHEN {known} THEN COALESCE(CAST({start} AS VARCHAR), '') ELSE '' END"
    reading.say(history.file, "starts", "created_at", heading)
    return rewritten(reading, history, {}, "starts", {"created_at": sql})
