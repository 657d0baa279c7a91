"""A table that was downloaded twice, and halves of one: what makes them safe to read as one."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit.sources.headings.days import day_of_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.sources.headings.columns import Table
    from leakkit.sources.headings.recognised import Reading

OF_A_COPY = re.compile(
    r"(?i)\s*\(#\)|(?:\s*[-\u2013_]\s*|\s+)(?:copy|kopie|copie|copia|c\u00f3pia|kopia|kopya"
    r"|\u043a\u043e\u043f\u0438\u044f|\u06a9\u067e\u06cc|\u0646\u0633\u062e\u0629)(?=\W|$)"
    r"|^(?:copy of|kopie von|copie de|copia de|c\u00f3pia de|copia di|kopie van)\s+"
)
"""What systems add to the name of a file that is there already; # stands for a number."""
LAST_NUMBERS = re.compile(r"(?:[\s_-]*#)+(?=\.|$)")
"""The numbers at the end of a name, which one of the files may lack."""


def bare_name(name: str) -> str:
    """Return a name, whose numbers are #, without what says that it is a copy.

    >>> {bare_name(name) for name in ("deals (#).csv", "deals_#.csv", "Copy of deals.csv")}
    {'deals.csv'}
    """
    return LAST_NUMBERS.sub("", OF_A_COPY.sub("", name), count=1)


def without_copies(reading: Reading, tables: Sequence[Table]) -> list[Table]:
    """Leave out tables that hold nothing but the rows of another; their rows merge with its.

    Files that name different days are no copies: nothing may have changed between them.
    """
    alike: dict[tuple[str, ...], list[Table]] = {}
    for table in tables:
        alike.setdefault((day_of_name(table.file), *sorted(table.types)), []).append(table)
    kept: dict[str, Table] = {table.file: table for table in tables}
    for group in alike.values():
        if len(group) == 1:
            continue
        first: dict[tuple[int, int], Table] = {}
        for table in sorted(group, key=lambda one: (len(one.file), one.file)):
            digest = _digest(reading, table)
            same = first.setdefault(digest, table) if digest[0] else table
            if same is table:
                continue
            del kept[table.file]
            kept[same.file] = replace(kept[same.file], parts=(*kept[same.file].files, *table.files))
            reading.say(table.file, "copy", same.file, f"{digest[0]:,}")
            reading.count("copied_rows", digest[0])
            reading.merge_copies(same.file, digest[0])
    return list(kept.values())


def _digest(reading: Reading, table: Table) -> tuple[int, int]:
    """Return the number of rows, and one that other rows, or another order, would change."""
    cells = ", ".join(table.text_under(heading) for heading in sorted(table.types))
    rows = f"SELECT hash({table.line}, {cells}) AS one FROM {table.relation}"  # noqa: S608 - quoted
    count, total = reading.store.rows(f"SELECT count(*), sum(one) FROM ({rows})")[0]  # noqa: S608 - as above
    return int(count), int(total or 0)


def fit_together(reading: Reading, parts: Sequence[Table], keys: Sequence[Sequence[str]]) -> bool:
    """Say whether tables can be parts of one: what several of them tell of a row is the same.

    `keys` is the SQL of the columns that make a row one of its own. Without them nobody can tell.
    """
    if not all(keys):
        return False
    headings = sorted(parts[0].types)
    rows = " UNION ALL ".join(
        f"SELECT {number} AS part, hash({', '.join(own)}) AS one, "  # noqa: S608 - quoted
        f"hash({', '.join(map(table.text_under, headings))}) AS told FROM {table.relation}"
        for number, (table, own) in enumerate(zip(parts, keys, strict=True))
    )
    differ = f"""
        SELECT count(*) FROM (
            SELECT one FROM (SELECT part, one, sum(told) AS told FROM ({rows}) GROUP BY part, one)
            GROUP BY one HAVING min(told) <> max(told))
        """  # noqa: S608 - quoted
    return not reading.store.value(differ)


def drop_repeated(reading: Reading, whole: Table, ends: Sequence[int]) -> None:
    """Drop rows of later parts that stand in an earlier one; they merge with those.

    `ends` are the numbers of the last rows of the parts.
    """
    part = " + ".join(f"CAST({whole.line} > {end} AS INTEGER)" for end in ends)
    cells = ", ".join(whole.text_under(heading) for heading in sorted(whole.types))
    repeated = f"""
        SELECT line FROM (
            SELECT line, part, min(part) OVER (PARTITION BY told) AS first
            FROM (SELECT {whole.line} AS line, {part} AS part, hash({cells}) AS told
                  FROM {whole.relation}))
        WHERE part > first
        """  # noqa: S608 - quoted
    n = int(reading.store.value(f"SELECT count(*) FROM ({repeated})"))  # noqa: S608 - as above
    if n:
        reading.store.run(f"DELETE FROM {whole.relation} WHERE {whole.line} IN ({repeated})")  # noqa: S608 - as above
        reading.count("copied_rows", n)
        reading.merge_copies(whole.file, n)
