"""Rows of a log that switch something on or off: archived deals, and those taken out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.sources.headings.heading_words import heading_of
from leakkit.sources.shapes.flags import NO, YES, find_flags, is_yes
from leakkit.sources.shapes.outcomes import cases_of_outcome

if TYPE_CHECKING:
    from leakkit.config import Changes
    from leakkit.sources.headings.reading import Reading, Table

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
