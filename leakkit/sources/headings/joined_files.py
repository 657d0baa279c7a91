"""Several files, or sheets, that are one table: copies of a download, and parts.

Copies are taken once. Parts are `Deals_001.csv` and `Deals_002.csv`, and whatever has the same
headings where the configuration names what is read.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit.errors import LeakkitError, shorten_text
from leakkit.sources.formats.rows import LINE
from leakkit.sources.headings.folders import day_of_name, find_day
from leakkit.store.database import literal, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from leakkit.sources.headings.reading import Reading, Table

# ---------------- copies

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


TOLD = "{'told': told, 'part': part}"
"""SQL for what a part tells of a row, and which it is, in an order."""


def fit_together(reading: Reading, parts: Sequence[Table], keys: Sequence[Sequence[str]]) -> bool:
    """Say whether tables can be parts of one: what several of them tell of a row is the same.

    `keys` is the SQL of the columns that make a row one of its own. Without them nobody can tell.
    """
    return all(keys) and _find_clash(reading, parts, keys) is None


def _find_clash(
    reading: Reading, parts: Sequence[Table], keys: Sequence[Sequence[str]]
) -> tuple[str, Table, Table] | None:
    """Find a row that two parts tell differently: its first key and these; None: there is none."""
    rows = " UNION ALL ".join(
        f"SELECT {number} AS part, {own[0]} AS id, hash({', '.join(own)}) AS one, "  # noqa: S608 - quoted
        f"hash({', '.join(map(table.text_under, sorted(table.types)))}) AS told "
        f"FROM {table.relation}"
        for number, (table, own) in enumerate(zip(parts, keys, strict=True))
    )
    clash = f"""
        SELECT min(id), min({TOLD}).part, max({TOLD}).part FROM (
            SELECT part, one, min(id) AS id, sum(DISTINCT told) AS told
            FROM ({rows}) GROUP BY part, one)
        GROUP BY one HAVING min(told) <> max(told) ORDER BY ALL LIMIT 1
        """  # noqa: S608 - quoted
    found = reading.store.rows(clash)
    if not found:
        return None
    id_, *numbers = found[0]
    one, other = sorted(numbers)
    return str(id_), parts[one], parts[other]


def drop_repeated(
    reading: Reading, whole: Table, headings: Sequence[str], ends: Sequence[int]
) -> None:
    """Drop rows of later parts that stand in an earlier one; they merge with those.

    Rows are the same if they are under these `headings`; `ends` are the numbers of the last
    rows of the parts.
    """
    part = " + ".join(f"CAST({whole.line} > {end} AS INTEGER)" for end in ends)
    cells = ", ".join(map(whole.text_under, headings))
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


# ---------------- parts

NUMBER = re.compile(r"\d+")


def join_parts(
    reading: Reading, tables: Sequence[Table], key_of: Callable[[Table], Sequence[str]]
) -> list[Table]:
    """Put the parts of a table together: files whose names differ in a number only.

    They need the same headings; of JSON, where a key may be absent, some of them. Files
    that name different days are no parts but snapshots. Rows are numbered through the
    files in the order of their numbers, and each file's share of them is said.
    Where the configuration names what is read, tables with the same headings are parts,
    whatever they are called.

    A name that says that the file is a copy, `deals (1).csv` beside `deals.csv`, may be that of
    a later download: then the two must not tell different things of a row. `key_of` returns
    the columns that make a row one of its own. What holds nothing new is left out.
    """
    groups: dict[str, list[Table]] = {}
    for table in without_copies(reading, tables):
        groups.setdefault(alike(table.file), []).append(table)
    found = [one for group in groups.values() for one in _join_group(reading, group, key_of)]
    return _join_named(reading, found, key_of) if _names_parts(reading) else found


def _names_parts(reading: Reading) -> bool:
    """Say whether the configuration names the files, or the sheets, that are read."""
    source = reading.config.source
    return bool(source.read) or len(source.sheet) > 1


def _join_named(
    reading: Reading, tables: Sequence[Table], key_of: Callable[[Table], Sequence[str]]
) -> list[Table]:
    """Put tables with the same headings together; raise where they tell of one row differently."""
    groups: dict[tuple[str, ...], list[Table]] = {}
    for table in tables:
        groups.setdefault((day_of_name(table.file), *sorted(table.types)), []).append(table)
    found = []
    for group in groups.values():
        keys = [key_of(table) for table in group]
        if any(keys) and not all(keys):
            found += group  # they play different parts by what is in their cells
            continue
        clash = _find_clash(reading, group, keys) if len(group) > 1 and all(keys) else None
        if clash:
            raise _explain_clash(*clash)
        found.append(_put_together(reading, group, keys, _name_of_parts(group), PART))
    return found


def _name_of_parts(parts: Sequence[Table]) -> str:
    """Return what parts with names of their own are called together."""
    more = len(parts) - 2
    names = " + ".join(part.file for part in parts[:2])
    return f"{names} + {more} more" if more > 0 else names


def _explain_clash(id_: str, one: Table, other: Table) -> LeakkitError:
    """Return the error of parts that tell different things of the same row."""
    message = (
        f"{one.file} and {other.file} are read as parts of one table, and tell different things "
        f"of {shorten_text(repr(id_))}. If each counts its ids from 1, put its name before them. "
        "If one is a later export of the same, read only that one: [source] read or sheet says "
        "which."
    )
    return LeakkitError("parts_differ", message)


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
    order = sorted(range(len(group)), key=lambda at: _place(group[at]))
    parts = [group[at] for at in order]
    file = f"{parts[0].file} to {parts[-1].file}"
    return [_put_together(reading, parts, [keys[at] for at in order], file)]


PART = "file"
"""The column that says from which file, or sheet, a row is, where parts have names of their own."""


def _put_together(
    reading: Reading,
    parts: Sequence[Table],
    keys: Sequence[Sequence[str]],
    file: str,
    column: str = "",
) -> Table:
    """Return the rows of all parts as one table; a `column` says which part each is of."""
    if len(parts) == 1:
        return parts[0]
    widest = max(parts, key=lambda table: len(table.types))
    column = "" if column in widest.types else column
    rows, before, ends = [], 0, []
    for part in parts:
        own = f", {literal(_bare(part.file))} AS {quote(column)}" if column else ""
        rows.append(_number_part(part, before, own))
        last = _last_row(reading, part)
        reading.say(file, "part", part.file, f"rows {before + 1} to {before + last}")
        before += last
        ends.append(before)
    under = sum(reading.log.left.get(("", part.file), 0) for part in parts)
    if under:
        reading.leave_out("", file, under)
    reading.merge_copies(file, sum(reading.log.copied.get(part.file, 0) for part in parts))
    name = quote(f"parts of {parts[0].relation.strip(chr(34))}")
    reading.store.run(f"CREATE TEMP TABLE {name} AS {' UNION ALL BY NAME '.join(rows)}")
    whole = replace(
        widest,
        file=file,
        relation=name,
        line=quote(LINE),
        types=dict.fromkeys((*widest.types, *filter(None, (column,))), "VARCHAR"),
        typed={},
        parts=tuple(name for part in parts for name in part.files),
    )
    if all(keys):
        drop_repeated(reading, whole, sorted(widest.types), ends)
    return whole


OF_A_SHEET = re.compile(r"\.\w{2,5}, (?P<name>.+)$")
ENDINGS = re.compile(r"(\.\w{2,5}){1,2}$")


def _bare(file: str) -> str:
    """Return the name of a sheet, or that of a file without its endings.

    >>> _bare("deals_north.csv.gz"), _bare("deals, v1.2 north.csv"), _bare("a.xlsx, North, EU")
    ('deals_north', 'deals, v1.2 north', 'North, EU')
    """
    sheet = OF_A_SHEET.search(file)
    return sheet["name"] if sheet else ENDINGS.sub("", file) or file


def _place(table: Table) -> tuple[list[int], str]:
    """Return where a part stands: a name without a number goes first."""
    return [int(n) for n in NUMBER.findall(table.file)], table.file


def _number_part(part: Table, before: int, more: str) -> str:
    """Return SQL for the rows of a part, numbered on from those before, with `more` columns."""
    columns = ", ".join(f"CAST({quote(h)} AS VARCHAR) AS {quote(h)}" for h in part.types)
    line = f"CAST({part.line} + {before} AS BIGINT) AS {quote(LINE)}"
    return f"SELECT {line}, {columns}{more} FROM {part.relation}"  # noqa: S608 - quoted


def _last_row(reading: Reading, part: Table) -> int:
    """Return the number of the last row of a part."""
    sql = f"SELECT COALESCE(max({part.line}), 0) FROM {part.relation}"  # noqa: S608 - quoted
    return int(reading.store.value(sql))
