"""Rows of a file that are no rows of the data: headings in the middle, totals at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.sources.formats.rows import rewritten
from leakkit.sources.headings.columns import simplified
from leakkit.store.database import literal, quoted

if TYPE_CHECKING:
    from leakkit.sources.headings.columns import Table
    from leakkit.sources.headings.recognised import Reading

AT_THE_END = 5
"""Totals stand in the last rows; under them may be a count, or who printed it."""
TOTALS = (
    *("total", "totals", "grand total", "sum", "subtotal", "summe", "gesamt", "total général"),
    *("number of deals", "number of opportunities", "count", "anzahl"),
    *("جمع", "جمع کل", "مجموع"),
)
RULES = {"repeated_heading": "repeated_headings", "total_row": "total_rows"}
"""The rule that a row breaks -> the fact that counts such rows."""


def without_asides(reading: Reading, table: Table) -> Table:
    """Take the opportunity from rows that repeat the heading or sum up, so that nobody has them.

    A row without an opportunity is set aside and counted; so are these, by their own rule.
    """
    heading = table.heading("opportunity_id")
    if heading is None or table.types[heading] != "VARCHAR":
        return table
    text = table.text_under(heading)
    words = {heading, heading.strip(), *TOTALS, *map(str.upper, TOTALS), *map(str.title, TOTALS)}
    words |= {word.capitalize() for word in TOTALS}
    listed = ", ".join(map(literal, sorted(words)))
    rows = reading.store.rows(
        f"SELECT {table.line} AS line, {text} AS said FROM {table.relation} "  # noqa: S608 - quoted
        f"WHERE {quoted(heading)} IN ({listed}) ORDER BY line"
    )
    if not rows:
        return table
    last = int(reading.store.value(f"SELECT max({table.line}) FROM {table.relation}"))  # noqa: S608 - quoted
    found = []
    for row, said in rows:
        if simplified(str(said)) == simplified(heading):
            found.append((table.file, int(row), "repeated_heading"))
        elif last - int(row) < AT_THE_END:
            found.append((table.file, int(row), "total_row"))
    if not found:
        return table
    for _, _, rule in found:
        reading.count(RULES[rule], 1)
    reading.asides.extend(found)
    lines = ", ".join(str(row) for _, row, _ in found)
    columns = {heading: f"CASE WHEN {table.line} IN ({lines}) THEN '' ELSE {text} END"}
    return rewritten(reading, table, columns, "rows")
