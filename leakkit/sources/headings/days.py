"""The days that names of files hold."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit.errors import LeakkitError
from leakkit.sources.cells import jalali

if TYPE_CHECKING:
    from collections.abc import Sequence

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
            told = {
                day: order
                for order in orders
                if (day := _day_of(int(found["year"]), *((two, one) if order else (one, two))))
            }
            if told:
                return NamedDay(tuple(told), tuple(told.values()), found.span())
    return None


def _day_of(year: int, month: int, day: int) -> str:
    """Return a day of either calendar as YYYY-MM-DD; '' where there is none."""
    try:
        if year in JALALI:
            number = jalali.day_number(year, month, day)
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
