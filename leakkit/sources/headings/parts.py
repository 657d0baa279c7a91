"""One table in several numbered files: `Deals_001.csv` and `Deals_002.csv`, a file per deal."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit.sources.formats.rows import LINE
from leakkit.sources.headings.copies import bare_name, drop_repeated, fit_together, without_copies
from leakkit.sources.headings.days import day_of_name, find_day
from leakkit.store.database import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from leakkit.sources.headings.columns import Table
    from leakkit.sources.headings.recognised import Reading

NUMBER = re.compile(r"\d+")


def join_parts(
    reading: Reading, tables: Sequence[Table], key_of: Callable[[Table], Sequence[str]]
) -> list[Table]:
    """Put the parts of a table together: files whose names differ in a number only.

    They need the same headings; of JSON, where a key may be absent, some of them. Files
    that name different days are no parts but snapshots. Rows are numbered through the
    files in the order of their numbers, and each file's share of them is said.

    A name that says that the file is a copy, `deals (1).csv` beside `deals.csv`, may be that of
    a later download: then the two must not tell different things of a row. `key_of` returns
    the columns that make a row one of its own. What holds nothing new is left out.
    """
    groups: dict[str, list[Table]] = {}
    for table in without_copies(reading, tables):
        groups.setdefault(alike(table.file), []).append(table)
    return [one for group in groups.values() for one in _join_group(reading, group, key_of)]


def alike(file: str) -> str:
    """Return what names of parts have in common; those of different days have nothing.

    >>> {alike(name) for name in ("deals.csv", "deals (1).csv", "deals - copy.csv")}
    {'deals.csv'}
    >>> {alike(name) for name in ("deals-2024-06-30.csv", "deals-20240630_2.csv")}
    {'deals-2024-06-30.csv'}
    """
    day = find_day(file)
    if day is None:
        return bare_name(NUMBER.sub("#", file))
    before, after = file[: day.place[0]], file[day.place[1] :]
    name = bare_name(f"{NUMBER.sub('#', before)}<>{NUMBER.sub('#', after)}")
    return name.replace("<>", day.key)


def _join_group(
    reading: Reading, group: list[Table], key_of: Callable[[Table], Sequence[str]]
) -> list[Table]:
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
    keys = [key_of(table) for table in group]
    forms = {NUMBER.sub("#", table.file) for table in group}
    # a number in brackets is that of a download, and a later one may say other things
    numbered = len(forms) == 1 and not day_of_name(group[0].file) and "(#)" not in min(forms)
    if not numbered and (
        any(table.types.keys() != widest.types.keys() for table in group)
        or not fit_together(reading, group, keys)
    ):
        return group
    parts = sorted(group, key=_place)
    file = f"{parts[0].file} to {parts[-1].file}"
    rows, before, ends = [], 0, []
    for part in parts:
        rows.append(_number_part(part, before))
        last = _last_row(reading, part)
        reading.say(file, "part", part.file, f"rows {before + 1} to {before + last}")
        before += last
        ends.append(before)
    under = sum(reading.told.left.get(("", part.file), 0) for part in parts)
    if under:
        reading.leave_out("", file, under)
    reading.merge_copies(file, sum(reading.told.copied.get(part.file, 0) for part in parts))
    name = quote(f"parts of {parts[0].relation.strip(chr(34))}")
    reading.store.run(f"CREATE TEMP TABLE {name} AS {' UNION ALL BY NAME '.join(rows)}")
    whole = replace(
        widest,
        file=file,
        relation=name,
        line=quote(LINE),
        types=dict.fromkeys(widest.types, "VARCHAR"),
        typed={},
        parts=tuple(name for part in parts for name in part.files),
    )
    if all(keys):
        drop_repeated(reading, whole, ends)
    return [whole]


def _place(table: Table) -> tuple[list[int], str]:
    """Return where a part stands: a name without a number goes first."""
    return [int(n) for n in NUMBER.findall(table.file)], table.file


def _number_part(part: Table, before: int) -> str:
    """Return SQL for the rows of a part, numbered on from those of the parts before."""
    columns = ", ".join(f"CAST({quote(h)} AS VARCHAR) AS {quote(h)}" for h in part.types)
    line = f"CAST({part.line} + {before} AS BIGINT) AS {quote(LINE)}"
    return f"SELECT {line}, {columns} FROM {part.relation}"  # noqa: S608 - quoted


def _last_row(reading: Reading, part: Table) -> int:
    """Return the number of the last row of a part."""
    sql = f"SELECT COALESCE(max({part.line}), 0) FROM {part.relation}"  # noqa: S608 - quoted
    return int(reading.store.value(sql))
