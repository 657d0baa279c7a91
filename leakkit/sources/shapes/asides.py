"""Rows of a file that are no rows of the data: headings in the middle, totals at the end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from leakkit.sources.formats.footers import GROUP
from leakkit.sources.formats.rows import rewritten
from leakkit.sources.headings.columns import simplified
from leakkit.store.database import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from leakkit.sources.headings.columns import Table
    from leakkit.sources.headings.recognised import Reading

AT_THE_END = 5
"""Totals stand in the last rows; under them may be a count, or who printed it."""
TOTALS = (
    *("total", "totals", "grand total", "grand totals", "sum", "subtotal", "summe", "gesamt"),
    *("gesamtsumme", "total général", "totaux", "total general", "total geral", "totale"),
    *("number of deals", "number of opportunities", "count", "anzahl", "eindtotaal"),
    *("جمع", "جمع کل", "مجموع"),
)
BETWEEN_ROWS = r"(?i)^\W*(sub|total|sum|gesamt|eindt|\x{062C}\x{0645}\x{0639})"
"""How a total between the rows begins, for a first look."""
NAMES = ("opportunity_id", "pipeline", "stage", "from_stage", "outcome")
RULES = {
    "repeated_heading": "repeated_headings",
    "total_row": "total_rows",
    "lone_cell": "lone_cells",
}
"""The rule that a row breaks -> the fact that counts such rows."""
COUNTED = re.compile(r"\W*\([^()]*\)\W*$|\W+$")
"""What may stand behind the word for a total: how many rows there are."""
FEWEST_HEADINGS = 2
"""A row in which so many cells hold the name of their own column repeats the headings."""


def without_asides(reading: Reading, table: Table) -> Table:
    """Take the opportunity from rows that repeat the heading or sum up, so that nobody has them.

    A row without an opportunity is set aside and counted; so are these, by their own rule.
    """
    heading = table.heading("opportunity_id")
    if heading is None or table.types[heading] != "VARCHAR":
        return table
    found = dict.fromkeys(_footers(reading, table, heading), "lone_cell")
    found |= dict.fromkeys(_totals(reading, table, heading), "total_row")
    found |= dict.fromkeys(repeated_headings(reading, table, heading), "repeated_heading")
    found |= dict.fromkeys(_groups(reading, table, heading), "lone_cell")
    if not found:
        return table
    set_aside(reading, table, found)
    return rewritten(reading, table, emptied(table, found), "rows")


def _groups(reading: Reading, table: Table, heading: str) -> list[int]:
    """Return the rows with nothing but the heading of a group in the place of an id."""
    own, others = table.text_under(heading), _others(table, heading)
    if not others:
        return []
    alone = f"CASE WHEN ends_with({own}, ')') THEN {others} = '' END"
    rows = reading.store.rows(
        f"SELECT {table.line}, {own} FROM {table.relation} WHERE {alone} ORDER BY 1"  # noqa: S608 - quoted
    )
    return [int(row) for row, said in rows if GROUP.match(str(said))]


def _footers(reading: Reading, table: Table, heading: str) -> list[int]:
    """Return which of the last rows hold words alone in the place of an id: "60 records".

    Words are no id where no row that says more has an id of several words.
    """
    own, others = table.text_under(heading), _others(table, heading)
    if not others:
        return []
    last = reading.store.value(f"SELECT max({table.line}) FROM {table.relation}")  # noqa: S608 - quoted
    words = f"regexp_matches({own}, '\\S\\s+\\S')"
    ends = f"{table.line} > {int(last or 0) - AT_THE_END} AND {words} AND {others} = ''"
    rows = reading.store.rows(
        f"SELECT {table.line} FROM {table.relation} WHERE {ends} ORDER BY 1"  # noqa: S608 - quoted
    )
    ids = f"SELECT count(*) FROM {table.relation} WHERE {words} AND {others} <> ''"  # noqa: S608 - quoted
    return [int(row) for (row,) in rows] if rows and not reading.store.value(ids) else []


def _others(table: Table, heading: str) -> str:
    """Return SQL for the texts of all other columns in one; '' where there are none.

    One text, not one test each: the time for tests grows with the square of their number.
    """
    texts = [table.text_under(other) for other in table.types if other != heading]
    return f"concat({', '.join(texts)})" if texts else ""


def emptied(table: Table, rows: Iterable[int]) -> dict[str, str]:
    """Return SQL by heading that empties what could be taken for a deal or a stage in rows."""
    named = {table.heading(name): None for name in NAMES}
    listed = f"({', '.join(map(str, sorted(rows)))})"
    return {
        heading: f"CASE WHEN {table.line} IN {listed} THEN '' ELSE {table.text_under(heading)} END"
        for heading in named
        if heading
    }


def set_aside(reading: Reading, table: Table, found: Mapping[int, str]) -> None:
    """Keep which rows are no rows of the data, and count them by their rule, each once."""
    known = {(file, row) for file, row, _ in reading.told.asides}
    for row, rule in sorted(found.items()):
        if (table.file, row) in known:
            continue
        reading.count(RULES[rule], 1)
        reading.put_aside(table.file, row, rule)


def repeated_headings(reading: Reading, table: Table, id_heading: str = "") -> list[int]:
    """Return the rows in which cells hold the names of their own columns.

    The name of the column of ids is enough; of other columns two are, as where the heading
    of a group of a board is filled in part.
    """
    texts = [heading for heading, kind in table.types.items() if kind == "VARCHAR"]
    same = [f"CAST({_is_heading(heading)} AS INTEGER)" for heading in texts]
    # a list, not a sum: the time for a sum grows with the square of its terms
    counted = f"list_sum([{', '.join(same)}]) >= {FEWEST_HEADINGS}"
    tests = [counted] if len(texts) >= FEWEST_HEADINGS else []
    tests += [_is_heading(id_heading)] if id_heading else []
    if not tests:
        return []
    rows = reading.store.rows(
        f"SELECT {table.line} FROM {table.relation} WHERE {' OR '.join(tests)} ORDER BY 1"  # noqa: S608 - quoted
    )
    return [int(row[0]) for row in rows]


def _is_heading(heading: str) -> str:
    """Return SQL that says whether a cell is the name of its column, in the usual cases.

    A list of texts is compared many times faster than what a function makes of each cell.
    """
    name = heading.strip()
    forms = {heading, name, name.upper(), name.lower(), name.title(), name.capitalize()}
    return f"COALESCE({quoted(heading)} IN ({', '.join(map(literal, sorted(forms)))}), FALSE)"


def _totals(reading: Reading, table: Table, heading: str) -> list[int]:
    """Return which rows have a word for a total in the place of an id.

    They are of the last rows, or rows between others that name no stage.
    """
    last = reading.store.value(f"SELECT max({table.line}) FROM {table.relation}")  # noqa: S608 - quoted
    said, between = table.text_under(heading), "FALSE"
    if table.heading("stage"):
        between = f"{table.text('stage')} = '' AND regexp_matches({said}, '{BETWEEN_ROWS}')"
    rows = reading.store.rows(
        f"SELECT {table.line}, {said} FROM {table.relation} "  # noqa: S608 - quoted
        f"WHERE {table.line} > {int(last or 0) - AT_THE_END} OR ({between}) ORDER BY 1"
    )
    words = {simplified(word) for word in TOTALS}
    return [int(row) for row, said in rows if simplified(COUNTED.sub("", str(said))) in words]
