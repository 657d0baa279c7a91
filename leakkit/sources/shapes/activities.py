"""Activities: calls, mails and meetings of the deals, beside their history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.errors import LeakkitError
from leakkit.sources.cells.dates import plain_dates
from leakkit.store.account import SHOWN_ROWS
from leakkit.store.moments import EARLIEST, SENTINEL

if TYPE_CHECKING:
    from leakkit.sources.headings.reading import Reading, Table
    from leakkit.store.database import Store
    from leakkit.store.moments import Zone

ACTIVITIES = "activities"
FATES = ("used", "merged", "not_asked", "set_aside")

FAULTS = {
    (
        ACTIVITIES,
        "missing_id",
    ): "SELECT line, 'opportunity_id', '' FROM told_activities WHERE said = ''",
    (ACTIVITIES, "activity_moment"): """SELECT line, 'at', at_text FROM told_activities
        WHERE said <> '' AND moment IS NULL""",
}


def read_activities(
    reading: Reading, table: Table | None, hours: Zone, cut: int
) -> list[dict[str, int | str]]:
    """Keep the activities of the deals that are used, and count what became of every row.

    A row without a deal or without a moment that can be read, and one of a deal that is
    set aside, is set aside; one after `cut`, or of a deal that the source does not have
    or that is not asked for, is not asked for; equal rows merge. Called after the deals
    are resolved.
    """
    table = table and _read_moments(reading, table)
    if table is None:
        return []
    store = reading.store
    _tell(store, table, hours, cut)
    store.run(
        """
        CREATE TABLE activities AS
        SELECT opportunity, moment AS "at", kind FROM told_activities
        WHERE fate = 'used' ORDER BY opportunity, moment, kind
        """,
    )
    _keep_faults(store, table.file)
    reading.count("activities_without_deal", _count(store, "fate = 'not_asked' AND unknown"))
    return [{"table": ACTIVITIES, "file": table.file, **_count_rows(store, table)}]


def _read_moments(reading: Reading, table: Table) -> Table | None:
    """Bring the moments into plain form; None, and said, where they cannot be told for sure."""
    heading = table.heading("at")
    try:
        plain = plain_dates(reading, table, [heading] if heading else [])
        plain.clock("at")
    except LeakkitError as error:
        reading.say(table.file, "unfit", str(error).partition("\n")[0])
        return None
    return plain


def _tell(store: Store, table: Table, hours: Zone, cut: int) -> None:
    """Make `told_activities`: every row with its deal, its moment, and what becomes of it."""
    local = f"clock - {hours.offset_sql('clock', local=True)}"
    store.run(
        f"""
        CREATE TEMP TABLE told_activities AS
        WITH given AS (
            SELECT {table.line} AS line, {table.text("opportunity_id")} AS said,
                   {table.text("kind")} AS kind, {table.text("at")} AS at_text,
                   {table.clock("at")} AS clock, {table.offset("at")} AS shift
            FROM {table.relation}
        ),
        timed AS (SELECT *, COALESCE(clock - shift, {local}) AS seconds FROM given),
        placed AS (
            SELECT t.line, t.said, t.kind, t.at_text, o.opportunity,
                   CASE WHEN t.seconds BETWEEN {EARLIEST} AND {SENTINEL - 1}
                        THEN t.seconds END AS moment,
                   i.opportunity IN (SELECT opportunity FROM aside) AS is_aside,
                   i.opportunity IS NULL AS unknown
            FROM timed t
            LEFT JOIN ids i ON i.opportunity_id = t.said
            LEFT JOIN opportunities o ON o.opportunity = i.opportunity
        ),
        numbered AS (
            SELECT *, row_number() OVER (PARTITION BY opportunity, moment, kind ORDER BY line)
                   AS copy
            FROM placed
        )
        SELECT *, CASE WHEN said = '' OR moment IS NULL THEN 'set_aside'
                       WHEN moment > {cut} THEN 'not_asked'
                       WHEN is_aside THEN 'set_aside'
                       WHEN opportunity IS NULL THEN 'not_asked'
                       WHEN copy > 1 THEN 'merged' ELSE 'used' END AS fate
        FROM numbered
        """,  # noqa: S608 - quoted headings, and numbers
    )


def _keep_faults(store: Store, file: str) -> None:
    """Keep the first rows that are no activity of any deal or of any moment."""
    for (_, rule), query in FAULTS.items():
        store.run(
            f"INSERT INTO faults SELECT $file, f.*, '{rule}' "  # noqa: S608 - queries of this module
            f"FROM ({query} ORDER BY line LIMIT {SHOWN_ROWS}) f",
            {"file": file},
        )


def _count_rows(store: Store, table: Table) -> dict[str, int]:
    """Count the rows by what became of them; they add up to those of the file."""
    read = int(store.value(f"SELECT count(*) FROM {table.relation}"))  # noqa: S608 - quoted
    counts = {"read": read, **{fate: _count(store, f"fate = '{fate}'") for fate in FATES}}
    if read != sum(counts[fate] for fate in FATES):
        message = (
            f"{table.file}: the rows do not add up: {counts}. "
            "This is a fault of leakkit, please report it."
        )
        raise LeakkitError("rows_lost", message)
    return counts


def _count(store: Store, condition: str) -> int:
    """Count the rows of activities that are so."""
    return int(store.value(f"SELECT count(*) FROM told_activities WHERE {condition}"))  # noqa: S608 - conditions of this module


__all__ = ["ACTIVITIES", "read_activities"]
