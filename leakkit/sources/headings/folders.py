"""What a folder holds: files with tables in them, of which several may be one table.

A database is a folder whose files are tables. Copies of a download are taken once; a table
in numbered files, `Deals_001.csv` and `Deals_002.csv`, or in a file per day is joined.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from leakkit.errors import Ask, LeakkitError
from leakkit.sources.cells import date_forms
from leakkit.sources.formats.files import form_of_name, read_file
from leakkit.sources.formats.rows import LINE
from leakkit.store.database import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from leakkit.sources.headings.reading import Reading, Table

CONFIG_FILE = "leakkit.toml"


@dataclass(frozen=True)
class Member:
    """A file of a folder, or a table of a database.

    `stem` is its name without what is no name: the part it plays, where it is one of ours.
    `named` says whether that counts, `data` whether it may be looked into for one. `read`
    returns its tables under a name that keeps them apart, `stated` what is kept of it.
    Where one cannot be read, others may be read without it, unless it is `needed`.
    """

    name: str
    stem: str
    named: bool
    data: bool
    read: Callable[[Reading, str], list[Table]]
    stated: Callable[[], dict[str, str]]
    needed: bool = False


@dataclass(frozen=True)
class Folder:
    """A source of several tables: what it and they are called, and what it holds."""

    label: str
    members: tuple[Member, ...]
    kind: str = "folder"
    noun: str = "file"

    def asked_for(self, reading: Reading) -> list[Member]:
        """Return what is to be read: all is, unless `read` names some, or patterns of names."""
        asked = reading.config.source.read
        return [
            one
            for one in self.members
            if not asked or any(fnmatchcase(one.name, name) for name in asked)
        ]


def folder_of(path: Path) -> Folder:
    """Return a folder of files."""
    files = sorted(one for one in path.iterdir() if one.is_file())
    return Folder(path.resolve().name, tuple(map(member_of, files)))


def member_of(file: Path) -> Member:
    """Return a file as a member of its folder."""
    return Member(
        file.name,
        stem_of(file),
        named=form_of_name(file) != "",
        data=may_be_data(file),
        read=lambda reading, name: read_file(reading, file, name),
        stated=lambda: input_of(file),
    )


def which_member(found: Sequence[Member], every: Sequence[Member]) -> tuple[Ask, ...]:
    """Ask which of several is read, beside those that play another part."""
    names = tuple(one.name for one in found)
    others = tuple(one.name for one in every if one.name not in {*names, CONFIG_FILE} and one.data)
    return (
        Ask("source", "read", names, "which file is read; others are left aside", others=others),
    )


def explain_several(folder: Folder, found: Sequence[Table]) -> LeakkitError:
    """Return the error of several tables of which one is to be read."""
    if len({table.files[0] for table in found}) < len(found):
        return explain_two_within(folder.label, found)
    there = ", ".join(table.file for table in found)
    message = (
        f"{folder.label} holds several {folder.noun}s that may be read: {there}. Name one "
        "of them, or call them opportunities and stage_history; or say in [source] which "
        f"{folder.noun}s are read: read = ['{found[0].files[0]}']."
    )
    if len({tuple(sorted(table.types)) for table in found}) == 1:
        message += (
            f" They have the same columns: one {folder.noun} of them may be a part of all deals. "
            "Parts of one table are read together where their names differ in a number only: "
            "deals_1.csv, deals_2.csv."
        )
    by_name = {member.name: member for member in folder.members}
    asked = [by_name[table.files[0]] for table in found]
    return LeakkitError("two_files", message, asks=which_member(asked, folder.members))


def explain_two_within(label: str, found: Sequence[Table]) -> LeakkitError:
    """Return the error of one file that holds several tables of which one is to be read."""
    there = " and ".join(table.file for table in found)
    message = (
        f"{label} holds several tables that may be read: {there}. Leave all but the one of the "
        "stages of deals out of the file."
    )
    return LeakkitError("two_tables", message)


def may_be_data(file: Path) -> bool:
    """Say whether a file may be one of the source: notes in .txt are not."""
    return form_of_name(file) != "" and file.suffix.lower() != ".txt"


def stem_of(path: Path) -> str:
    """Return a file's name without its endings."""
    return path.name.partition(".")[0] or path.name


def input_of(path: Path) -> dict[str, str]:
    """Return name, format and SHA-256 of an input file."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    form = form_of_name(path) or path.suffix.lower().lstrip(".")
    return {"name": path.name, "format": form, "sha256": digest}


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


# ---------------- days in names of files

YEAR_FIRST = re.compile(r"(?<!\d)(?P<year>\d{4})[-_. ]?(?P<one>\d{2})[-_. ]?(?P<two>\d{2})(?!\d)")
YEAR_LAST = re.compile(r"(?<!\d)(?P<one>\d{2})[-_. ](?P<two>\d{2})[-_. ](?P<year>\d{4})(?!\d)")
GREGORIAN, JALALI = range(1990, 2100), range(1370, 1480)
"""Years in which a list of deals is saved; of other numbers a name may be made as well."""


@dataclass(frozen=True)
class NamedDay:
    """The day in a file's name: its year, its other numbers as they stand, and its place.

    `days` are what it can be, with the month first or the day first: one or two.
    """

    days: tuple[str, ...]
    day_first: tuple[bool, ...]
    place: tuple[int, int]

    @property
    def key(self) -> str:
        """Return a text that differs from that of every other day."""
        return " or ".join(self.days)


def find_day(file: str) -> NamedDay | None:
    """Find the day that a file's name holds; None where it holds none.

    >>> find_day("deals-20240630.csv").days, find_day("pipeline 01.03.2026.csv").days
    (('2024-06-30',), ('2026-03-01', '2026-01-03'))
    >>> find_day("deals_1405-03-15.csv").days, find_day("deals-1234567-89.csv")
    (('2026-06-05',), None)
    """
    for form, orders in ((YEAR_FIRST, (False,)), (YEAR_LAST, (True, False))):
        for found in form.finditer(file):
            one, two = int(found["one"]), int(found["two"])
            days_by_order = {
                day: order
                for order in orders
                if (day := _day_of(int(found["year"]), *((two, one) if order else (one, two))))
            }
            if days_by_order:
                return NamedDay(tuple(days_by_order), tuple(days_by_order.values()), found.span())
    return None


def _day_of(year: int, month: int, day: int) -> str:
    """Return a day of either calendar as YYYY-MM-DD; '' where there is none."""
    try:
        if year in JALALI:
            number = date_forms.day_number(year, month, day)
            return "" if number is None else str(dt.date(1970, 1, 1) + dt.timedelta(number))
        return dt.date(year, month, day).isoformat() if year in GREGORIAN else ""
    except ValueError:
        return ""


def day_of_name(file: str) -> str:
    """Return a text that names the day in a file's name; '' where it holds none.

    >>> day_of_name("deals-20240630.csv"), day_of_name("deals.csv")
    ('2024-06-30', '')
    """
    found = find_day(file)
    return found.key if found else ""


def read_days(files: Sequence[str]) -> tuple[str, ...]:
    """Return the day in each of several names, as YYYY-MM-DD; none where not all hold one.

    The day goes first in all of them, or the month does: a name in which only one is possible
    decides for the others. Raises where none decides.

    >>> read_days(["a 01-03-2026.csv", "a 15-03-2026.csv"])
    ('2026-03-01', '2026-03-15')
    """
    named = [find_day(file) for file in files]
    known = [one for one in named if one]
    if len(known) < len(files):
        return ()
    decided = {one.day_first[0] for one in known if len(one.days) == 1}
    open_ones = [one for one in known if len(one.days) > 1]
    if open_ones and len(decided) != 1:
        message = (
            f"The day in the name of a file can be {open_ones[0].key}. Write the year first in "
            "the names of all these files, such as deals 2026-03-31.csv."
        )
        raise LeakkitError("ambiguous_file_days", message)
    return tuple(
        one.days[one.day_first.index(next(iter(decided)))] if len(one.days) > 1 else one.days[0]
        for one in known
    )


# ---------------- one table in several files

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
