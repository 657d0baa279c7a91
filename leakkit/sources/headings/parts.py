"""One table in several numbered files: `Deals_001.csv` and `Deals_002.csv`, a file per deal."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit.sources.formats.rows import LINE
from leakkit.store.database import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.sources.headings.columns import Table
    from leakkit.sources.headings.recognised import Reading

NUMBER = re.compile(r"\d+")
DATED = re.compile(r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})(?!\d)")
"""The day of a snapshot in the name of its file."""


def day_of_name(file: str) -> str:
    """Return the day that a file's name holds, as YYYY-MM-DD; '' where it holds none.

    >>> day_of_name("deals-20240630.csv"), day_of_name("deals-1234567-89.csv")
    ('2024-06-30', '')
    """
    found = DATED.search(file)
    try:
        return dt.date(*map(int, found.groups())).isoformat() if found else ""
    except ValueError:
        return ""


def join_parts(reading: Reading, tables: Sequence[Table]) -> list[Table]:
    """Put the parts of a table together: files whose names differ in a number only.

    They need the same headings; of JSON, where a key may be absent, some of them. Files
    that name different days are no parts but snapshots. Rows are numbered through the
    files in the order of their numbers, and each file's share of them is said.
    """
    groups: dict[str, list[Table]] = {}
    for table in tables:
        groups.setdefault(_form_of_name(table.file), []).append(table)
    return [one for group in groups.values() for one in _joined(reading, group)]


def _form_of_name(file: str) -> str:
    """Return a name without its numbers; that of a day stays apart from all others."""
    return file if day_of_name(file) else NUMBER.sub("#", file)


def _joined(reading: Reading, group: list[Table]) -> list[Table]:
    """Return one table for the parts of a group, or the group where it is none."""
    widest = max(group, key=lambda table: len(table.types))
    loose = all(".json" in table.file or ".ndjson" in table.file for table in group)
    same = all(
        table.types.keys() <= widest.types.keys()
        and (loose or len(table.types) == len(widest.types))
        for table in group
    )
    if len(group) == 1 or not same:
        return group
    parts = sorted(group, key=lambda table: [int(n) for n in NUMBER.findall(table.file)])
    file = f"{parts[0].file} to {parts[-1].file}"
    rows, before = [], 0
    for part in parts:
        rows.append(_numbered(part, before))
        last = _last_row(reading, part)
        reading.say(file, "part", part.file, f"rows {before + 1} to {before + last}")
        before += last
    under = sum(reading.told.left.get(("", part.file), 0) for part in parts)
    if under:
        reading.leave_out("", file, under)
    name = quoted(f"parts of {parts[0].relation.strip(chr(34))}")
    reading.store.run(f"CREATE TEMP TABLE {name} AS {' UNION ALL BY NAME '.join(rows)}")
    whole = replace(
        widest,
        file=file,
        relation=name,
        line=quoted(LINE),
        types=dict.fromkeys(widest.types, "VARCHAR"),
        typed={},
        parts=tuple(name for part in parts for name in part.files),
    )
    return [whole]


def _numbered(part: Table, before: int) -> str:
    """Return SQL for the rows of a part, numbered on from those of the parts before."""
    columns = ", ".join(f"CAST({quoted(h)} AS VARCHAR) AS {quoted(h)}" for h in part.types)
    line = f"CAST({part.line} + {before} AS BIGINT) AS {quoted(LINE)}"
    return f"SELECT {line}, {columns} FROM {part.relation}"  # noqa: S608 - quoted


def _last_row(reading: Reading, part: Table) -> int:
    """Return the number of the last row of a part."""
    sql = f"SELECT COALESCE(max({part.line}), 0) FROM {part.relation}"  # noqa: S608 - quoted
    return int(reading.store.value(sql))
