"""What a file has around its rows: no headings at all, the names of groups, a footer."""

from __future__ import annotations

import csv
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from leakkit import vocabulary
from leakkit.config import fold_name
from leakkit.errors import Ask, LeakkitError
from leakkit.sources.formats.rows import rewritten
from leakkit.sources.headings.heading_words import once, score
from leakkit.sources.toml import quote_toml

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from leakkit.sources.headings.reading import Reading, Table

DATE = re.compile(
    r"\W*(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})(?:[ T].*)?\W*"
)
SHOWN = 12


def given_headings(reading: Reading, file: str, rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the headings that the configuration gives to a file without any; [] of others.

    Raises with the line to write where the first row is data: none of its cells is a heading
    that is known, and a column has a date in it as in the row below.
    """
    source = reading.config.source
    given = source.headings
    for pattern, rules in source.files.items():
        if rules.headings and fnmatchcase(file, pattern):
            given = rules.headings
    first = list(rows[0])
    if given:
        if len(given) != len(first):
            message = (
                f"{file} has {len(first)} columns, and headings in [source] names {len(given)}."
            )
            raise LeakkitError("headings_given", message)
        reading.say(file, "headings", str(len(given)), "[source]")
        return once(reading, file, given)
    if score(first, source.columns) or not _is_data(rows):
        return []
    names = [f"column {at}" for at in range(1, min(len(first), SHOWN) + 1)]
    more = ", ..." if len(first) > SHOWN else ""
    message = (
        f"{file} has no headings: its first row looks like data "
        f"({', '.join(first[:SHOWN])}{more}). "
        f"Name its {len(first)} columns in [source], with opportunity_id, stage and entered_at "
        f"among them: headings = [{', '.join(map(quote_toml, names))}]."
    )
    why = (
        f"the names of its {len(first)} columns in their order, with commas between them, such as "
        f"opportunity_id, stage, entered_at; its first row is {', '.join(first[:SHOWN])}{more}"
    )
    raise LeakkitError("no_headings", message, asks=(Ask("source", "headings", (), why),))


def _is_data(rows: Sequence[Sequence[str]]) -> bool:
    """Say whether a column has a date in the first row, and in the next one."""
    nexts = next((row for row in rows[1:] if any(row)), rows[0])
    return any(
        DATE.fullmatch(cell) and DATE.fullmatch(below)
        for cell, below in zip(rows[0], nexts, strict=False)
    )


# ---------------- footers

TAIL = 16_384
"""So many bytes at the end of a file are looked at."""
FEWEST_COLUMNS = 3
"""In a file of fewer columns a row with one cell is no footer."""
GROUP = re.compile(r"^[^,;\t|]{1,200}\(\d[\d.,]*\s+\w+\)\W*$")
"""A line over a group of rows, such as `Stage: Proposal (12 records)`."""
COUNT = re.compile(r"\W*\d[\d.,]*\s+[^\W\d_]{3,}\W*|[^\W\d_][^\d:]{2,40}:\s*\d[\d.,]*")
"""A line that counts the rows: `60 records`, `Total deals: 60`."""


def footer_of(rows: Sequence[Sequence[str]], columns: int) -> int:
    """Return how many rows at the end are a footer: one cell each, in the words of a report.

    So is a line that counts the rows. A footer begins with a blank row, else with the first
    row in such words: what stands above may be a row of data with one cell.

    >>> footer_of([["d1", "A", "10"], [], ["Copyright (c) 2026"], ["Acme"]], 3)
    3
    >>> footer_of([["d1", "A", "10"], ["60 records"]], 3)
    1
    """
    if columns < FEWEST_COLUMNS:
        return 0
    n = 0
    while n < len(rows) and _count_filled(rows[-1 - n]) <= 1:
        n += 1
    last = rows[len(rows) - n :]
    words = tuple(map(fold_name, vocabulary.words("footers", "begin")))
    marks = [any(_ends_a_report(cell, words) for cell in row if cell.strip()) for row in last]
    blank = [not _count_filled(row) for row in last]
    if not any(marks):
        return 0
    return n - (blank.index(True) if any(blank[: marks.index(True)]) else marks.index(True))


def _ends_a_report(cell: str, words: tuple[str, ...]) -> bool:
    """Say whether a cell stands below the rows of a report."""
    return fold_name(cell).startswith(words) or COUNT.fullmatch(cell.strip()) is not None


def _count_filled(row: Sequence[str]) -> int:
    """Count the cells in which something stands."""
    return sum(bool(cell.strip()) for cell in row)


def without_footer(
    reading: Reading, text: Path, file: str, separator: str, columns: int
) -> tuple[Path, int]:
    """Return a CSV file without the footer of a report, and how many lines were cut off."""
    size = text.stat().st_size
    with text.open("rb") as stream:
        stream.seek(max(size - TAIL, 0))
        lines = stream.read().splitlines(keepends=True)[1 if size > TAIL else 0 :]
    rows = [_cells(line, separator) for line in lines]
    n = footer_of(rows, columns)
    if not n or n == len(rows):
        return text, 0
    left = size - sum(map(len, lines[-n:]))
    again = reading.scratch / f"whole-{text.name}"
    with text.open("rb") as stream, again.open("wb") as out:
        while left and (chunk := stream.read(min(left, 1 << 20))):
            out.write(chunk)
            left -= len(chunk)
    say_footer(reading, file, rows[-n:])
    return again, n


def without_groups(reading: Reading, text: Path, file: str, broken: Sequence[str]) -> Path | None:
    """Return a CSV file with blank lines in place of the lines over groups of its rows.

    None where a line that does not fit the heading is no such line.
    """
    groups = {line.strip() for line in broken}
    if not all(map(GROUP.match, groups)):
        return None
    again, n = reading.scratch / f"ungrouped-{text.name}", 0
    with (
        text.open(encoding="utf-8-sig", newline="") as lines,
        again.open("w", encoding="utf-8", newline="") as out,
    ):
        for line in lines:
            is_group = line.strip() in groups
            n += is_group
            out.write("\n" if is_group else line)
    reading.say(file, "groups", str(n), min(groups))
    reading.count("group_rows", n)
    reading.leave_out("", file, n)
    return again


def say_footer(reading: Reading, file: str, rows: Sequence[Sequence[str]]) -> None:
    """Say and count the rows of a footer, which nobody asks for."""
    marks = [cell.strip() for row in rows for cell in row if cell.strip()]
    filled = sum(_count_filled(row) > 0 for row in rows)
    reading.say(file, "footer", str(filled), marks[0])
    reading.count("footer_rows", filled)
    reading.leave_out("", file, filled)


def _cells(line: bytes, separator: str) -> list[str]:
    """Return the cells of a line; one that is no line of CSV is one of many cells."""
    said = line.decode("utf-8", "replace").strip("\r\n")
    try:
        return next(csv.reader([said], delimiter=separator), [])
    except csv.Error:
        return [said] * FEWEST_COLUMNS


# ---------------- groups that are named on their first row

GROUPED = ("opportunity_id", "pipeline", "stage", "outcome", "owner")
"""What may be written on the first row of a group only."""
MOST_GROUPED, MOST_LEVELS = 20_000, 3
"""So many rows show whether a column names groups; so many columns may."""
ARROWS = ("\u2191", "\u2193")
"""What stands behind the heading of a column by which a report is grouped."""
FEWEST_CELLS = 2


def fill_groups(reading: Reading, table: Table) -> Table:
    """Say the group of every row that names it on its first row only.

    A report that is grouped marks the heading with an arrow, or has its groups in the first
    columns. A row of one cell, or there of two, is none.
    """
    groups = _leading_groups(reading, table) if table.ordered else []
    each = (f"CAST({said} <> '' AS INTEGER)" for said in map(table.text_under, table.types))
    filled = f"list_sum([{', '.join(each)}])"
    columns = {
        heading: f"CASE WHEN {said} <> '' OR {filled} < {least} THEN {said} ELSE "
        f"COALESCE(last_value(NULLIF({said}, '') IGNORE NULLS) OVER (ORDER BY {table.line} "
        "ROWS UNBOUNDED PRECEDING), '') END"
        for heading, kind in table.types.items()
        if kind == "VARCHAR" and (heading.strip().endswith(ARROWS) or heading in groups)
        for said in [table.text_under(heading)]
        for least in [FEWEST_CELLS if heading in groups else FEWEST_CELLS + 1]
    }
    for heading in groups:
        reading.say(table.file, "group_column", heading)
    return rewritten(reading, table, columns, "groups") if columns else table


def _leading_groups(reading: Reading, table: Table) -> list[str]:
    """Return the first columns where they name groups of rows, each on its first row only.

    So a pivot table and a matrix of a BI tool write them: the first row is filled, no name
    stands twice (within the group of the column before), and most rows are empty. One of them
    has to say what a row is: a comment in a few rows is no group.
    """
    parts = {heading for name in GROUPED if (heading := table.heading(name))}
    found: list[str] = []
    for heading in list(table.types)[:MOST_LEVELS]:
        if table.types[heading] != "VARCHAR" or not _names_groups(reading, table, heading, found):
            break
        found.append(heading)
    return found if parts & set(found) else []


def _names_groups(reading: Reading, table: Table, heading: str, outer: Sequence[str]) -> bool:
    """Say whether a column names each group on its first row only, within those of `outer`."""
    said = table.text_under(heading)
    # most columns are filled, which is seen without putting rows in order
    sql = f"SELECT count(*) >= 2 * count(*) FILTER ({said} <> '') FROM {table.relation} "  # noqa: S608 - quoted
    if not reading.store.value(f"{sql} WHERE {table.line} <= {MOST_GROUPED}"):
        return False
    before = table.text_under(outer[-1]) if outer else "''"
    rows, filled, names, first, over = reading.store.rows(
        f"""
        SELECT count(*), count(*) FILTER (said <> ''),
               count(DISTINCT (said, number)) FILTER (said <> ''),
               arg_min(said, line), count(*) FILTER (said = '' AND before <> '')
        FROM (SELECT line, said, before,
                     count(*) FILTER (before <> '') OVER (ORDER BY line) AS number
              FROM (SELECT {table.line} AS line, {said} AS said, {before} AS before
                    FROM {table.relation} WHERE {table.line} <= {MOST_GROUPED}))
        """  # noqa: S608 - quoted
    )[0]
    return bool(first) and not over and 1 < filled == names and 2 * filled <= rows
