"""Tables with a row for every change, or every day, of a deal: its versions, one after another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit.sources.headings.exports import DEALS, REFUSED, VERSIONS, exports_of
from leakkit.sources.headings.names import Part, heading_of, part_of

if TYPE_CHECKING:
    from leakkit.sources.headings.columns import Table
    from leakkit.sources.headings.recognised import Reading

SINCE = (
    *("_fivetran_start", "_dlt_valid_from", "dbt_valid_from", "_airbyte_start_at"),
    *("valid_from", "effective_from", "row_effective_from", "date_day", "snapshot_date"),
    *("snapshot_day", "snapshot_at", "as_of_date", "report_date"),
)
"""Since when a row holds, or the day of which it says how a deal stood."""
COPIED = (
    *("_sdc_batched_at", "_sdc_extracted_at", "_sdc_received_at", "_sdc_sequence"),
    *("_airbyte_extracted_at", "_airbyte_emitted_at"),
)
"""Signs that rows were added and none was written over; when they were copied is no moment."""
CHANGED = (
    *("systemmodstamp", "last_modified_date", "lastmodifieddate", "hs_lastmodifieddate"),
    *("property_hs_lastmodifieddate", "update_time", "updated_at", "modified_time", "write_date"),
)
"""When a row was changed in the CRM itself."""


def by_versions(reading: Reading, table: Table, part: Part) -> Part:
    """Return the part of a table that has several rows of one deal, in several stages.

    The heading alone does not say so: a table of present rows may have such a column.
    """
    since = heading_of(table, SINCE)
    if not since and heading_of(table, COPIED):
        since = heading_of(table, CHANGED)
    since = since or replace(table, known=dict(part.known)).heading("stage_since") or ""
    if not since or part.table not in {DEALS, REFUSED, ""}:
        return part
    found = part
    if part.table == REFUSED:
        kinds = [one for one in exports_of(reading.config) if one.table != REFUSED]
        found = part_of(list(table.types), table.renamed, kinds)
    known = replace(table, known=dict(found.known))
    if known.heading("opportunity_id") is None or known.heading("stage") is None:
        return part
    moved = reading.store.rows(
        f"SELECT deal FROM (SELECT {known.text('opportunity_id')} AS deal, "  # noqa: S608 - quoted
        f"{known.text('stage')} AS stood FROM {table.relation}) "
        "WHERE deal <> '' GROUP BY deal HAVING count(DISTINCT stood) > 1 LIMIT 1"
    )
    if not moved:
        return part
    reading.say(table.file, "versions", VERSIONS, since)
    return replace(found, table=VERSIONS, known={**found.known, "entered_at": since})
