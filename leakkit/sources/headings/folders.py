"""What a folder holds: files with tables in them, and the days in their names.

A database is a folder whose files are tables.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from leakkit.errors import Ask, LeakkitError
from leakkit.sources.cells import date_forms
from leakkit.sources.formats.files import form_of_name, read_file
from leakkit.sources.headings.reading import OR_ALL

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


def which_member(
    found: Sequence[Member], every: Sequence[Member], more: str = ""
) -> tuple[Ask, ...]:
    """Ask which of several is read, beside those that play another part."""
    names = tuple(one.name for one in found)
    others = tuple(one.name for one in every if one.name not in {*names, CONFIG_FILE} and one.data)
    why = f"which file is read{more}; the rest is left aside"
    return (Ask("source", "read", names, why, others=others),)


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
    by_name = {member.name: member for member in folder.members}
    same = len({tuple(sorted(table.types)) for table in found}) == 1
    asked = [by_name[table.files[0]] for table in found]
    asks = which_member(asked, folder.members, OR_ALL if same else "")
    if same:
        every = [*asks[0].options, *asks[0].others]
        message += (
            f" They have the same columns: one {folder.noun} of them may be a part of all deals. "
            f"If so, name them all and they are read together: read = {every}."
        )
    return LeakkitError("two_files", message, asks=asks)


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
