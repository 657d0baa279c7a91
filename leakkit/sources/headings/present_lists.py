"""Lists of deals that say since when each stands in its stage, and look like a history."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit.sources.headings.exports import DEALS, HISTORY

if TYPE_CHECKING:
    from leakkit.sources.headings.columns import Table
    from leakkit.sources.headings.names import Part
    from leakkit.sources.headings.recognised import Reading

OF_DEALS = ("created_at", "closed_at", "outcome")
"""What is told of a deal, and seldom of a move."""
ENOUGH = 20
"""Of fewer deals it may well be that none has moved yet."""
FEW_TWICE = 0.02
LOOKED_AT = 20_000


def recognise_list(reading: Reading, table: Table, part: Part) -> Part:
    """Return the part of a table with a moment for each stage, but only one row for each deal.

    In a history, deals that reached a later stage have a row for each stage before it. Where
    each deal has one row, in whatever stage, the moment says since when it stands there.
    """
    known = replace(table, known=dict(part.known))
    if part.table != HISTORY or part.export or not _may_be_list(known):
        return part
    since = str(known.heading("entered_at"))
    if not _is_list(reading, known):
        return part
    found = {**part.known, "entered_at": "", "stage_since": since}
    if not known.heading("closed_at") and not known.heading("outcome"):
        # a deal whose stage is a close stands in it since it was closed
        found["closed_at"] = since
    reading.say(table.file, "list_not_history", DEALS, since)
    return replace(part, table=DEALS, known=found)


def _may_be_list(table: Table) -> bool:
    """Say whether the headings are those of a list of deals as well, and nobody said otherwise."""
    declared = "entered_at" in table.renamed and table.find(table.renamed["entered_at"])
    of_deals = any(table.heading(name) for name in OF_DEALS)
    moves = table.heading("from_stage") or table.heading("seq")
    return bool(of_deals and not moves and not declared and table.heading("stage"))


def _is_list(reading: Reading, table: Table) -> bool:
    """Say whether hardly a deal has a second row, and the deals stand in several stages."""
    deal, stage = table.text("opportunity_id"), table.text("stage")
    for rows in (f"(SELECT * FROM {table.relation} LIMIT {LOOKED_AT})", table.relation):  # noqa: S608 - quoted
        told, deals, stages = reading.store.rows(
            f"SELECT count(*), count(DISTINCT {deal}), count(DISTINCT {stage}) "  # noqa: S608 - quoted
            f"FROM {rows} WHERE {deal} <> ''"
        )[0]
        if deals < ENOUGH or stages < 2 or told - deals > FEW_TWICE * told:  # noqa: PLR2004 - several
            return False
    return True
