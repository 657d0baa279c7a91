"""When deals came into a stage, of files that say when they left it, or how long they stayed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from leakkit.config import fold_name
from leakkit.errors import Fault, LeakkitError
from leakkit.sources.formats.rows import rewritten
from leakkit.sources.headings.heading_words import heading_of
from leakkit.sources.shapes.deal_ends import cases_of_outcome, closes_as
from leakkit.store.database import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.sources.headings.reading import Reading, Table
    from leakkit.sources.headings.table_parts import DatedStage

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


# ---------------- dates of leaving

ABOUT_A_STAGE = (
    (
        re.compile(r'^(?:date exited|cumulative time in|latest time in) "(.+)"$', re.IGNORECASE),
        'Date entered "{}"',
    ),
    (
        re.compile(
            r"^hs_v2_(?:date_exited|cumulative_time_in|latest_time_in)_(.+)$", re.IGNORECASE
        ),
        "hs_v2_date_entered_{}",
    ),
)
"""Headings that name a stage -> the column that says when deals entered it."""


def refuse_undated(reading: Reading, table: Table, dated: Sequence[DatedStage]) -> None:
    """Raise where a file without a date of a stage has other columns of it that are filled.

    Its visits would be missing, and the stage before it would seem to skip it.
    """
    there = {one.heading.strip().casefold() for one in dated}
    asked: dict[str, str] = {}
    for heading in table.types:
        for pattern, entered in ABOUT_A_STAGE:
            match = pattern.match(heading.strip())
            column = entered.format(match[1]) if match else ""
            if column and column.casefold() not in there and _is_filled(reading, table, heading):
                asked.setdefault(column, heading)
    if not asked:
        return
    faults = tuple(
        Fault(
            table.file,
            None,
            column,
            "",
            "this column is missing",
            f"the file has {heading!r}; export both, or leave out all columns of the stage",
        )
        for column, heading in asked.items()
    )
    message = f"{table.file} does not say when deals entered {len(asked)} of its stages:"
    raise LeakkitError("missing_columns", message, faults)


def refuse_unnamed(reading: Reading, table: Table, dated: Sequence[DatedStage]) -> None:
    """Raise where open deals with dates of stages stand in a stage that has no date.

    A list may name its stages in another way than its columns do; then none of them is known.
    """
    stage = table.text("stage")
    ended = cases_of_outcome(reading, table) if table.heading("outcome") else "''"
    any_date = " OR ".join(f"{table.text_under(one.heading)} <> ''" for one in dated)
    rows = reading.store.rows(
        f"SELECT {stage}, count(*) FROM {table.relation} "  # noqa: S608 - quoted
        f"WHERE {stage} <> '' AND {ended} NOT IN ('won', 'lost') AND ({any_date}) "
        "GROUP BY 1 ORDER BY 1"
    )
    known = {fold_name(name) for one in dated for name in (one.stage, _with_pipeline(one))}
    there = {str(name): int(n) for name, n in rows}
    unknown = {
        name: n
        for name, n in there.items()
        if fold_name(name) not in known and closes_as(reading, name) is None
    }
    if not unknown or len(unknown) == len(there):
        return
    faults = tuple(
        Fault(
            table.file,
            None,
            str(table.heading("stage")),
            name,
            f"{n:,} open deals stand in a stage without a date of its own",
            "export the date on which deals entered it, or say in [source.stage_dates] which "
            "column it is",
        )
        for name, n in unknown.items()
    )
    message = f"{table.file} does not say when deals entered {len(unknown)} of its stages:"
    raise LeakkitError("missing_columns", message, faults)


def _with_pipeline(one: DatedStage) -> str:
    """Return a stage as lists name it beside its pipeline."""
    return f"{one.stage} ({one.pipeline})"


def _is_filled(reading: Reading, table: Table, heading: str) -> bool:
    """Say whether a column holds anything."""
    return bool(reading.store.value(f"SELECT count({quote(heading)}) FROM {table.relation}"))  # noqa: S608 - quoted
