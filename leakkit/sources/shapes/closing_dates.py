"""A date of the win and a date of the loss side by side: each deal has the one of its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit import vocabulary
from leakkit.sources.formats.rows import rewritten
from leakkit.sources.headings.evidence import holds_dates
from leakkit.sources.headings.heading_words import heading_of

if TYPE_CHECKING:
    from leakkit.sources.headings.reading import Reading, Table


def ending_dates(reading: Reading, table: Table) -> dict[str, str]:
    """Return the headings of the dates of wins and of losses, by kind; none unless both are there.

    One date alone is another name for the close, or says nothing of half of the closes.
    """
    if table.find(table.renamed.get("closed_at", "")):
        return {}
    found = {k: heading_of(table, vocabulary.words("ended_at", k)) for k in ("won", "lost")}
    own = {table.heading(name) for name in ("created_at", "entered_at")}
    fit = all(h and h not in own and holds_dates(reading, table, h) for h in found.values())
    return found if fit else {}


def outcome_by_dates(reading: Reading, table: Table) -> str:
    """Return SQL for what the two dates say: won, lost, or ''; of both the later one counts."""
    dates = ending_dates(reading, table)
    if not dates:
        return "''"
    won, lost = table.text_under(dates["won"]), table.text_under(dates["lost"])
    return (
        f"CASE WHEN {won} = '' AND {lost} = '' THEN '' WHEN {won} >= {lost} THEN 'won' "
        "ELSE 'lost' END"
    )


def close_by_dates(reading: Reading, table: Table, outcome: str) -> Table:
    """Let each deal close on the date of its end; `outcome` is SQL for won, lost, open or ''.

    A column of its own for the close goes before, where it is filled.
    """
    dates = ending_dates(reading, table)
    if not dates:
        return table
    closed, (won, lost) = table.heading("closed_at"), map(table.text_under, dates.values())
    own = "''" if closed is None or closed in dates.values() else table.text_under(closed)
    either = f"COALESCE(NULLIF({won}, ''), {lost})"
    of_loss = f"COALESCE(NULLIF({lost}, ''), {won})"
    each = (
        f"CASE WHEN {own} <> '' THEN {own} WHEN {outcome} = 'lost' THEN {of_loss} ELSE {either} END"
    )
    for kind, heading in dates.items():
        reading.say(table.file, "ended_at", kind, heading)
    return rewritten(reading, table, {}, "closing dates", {"closed_at": each})
