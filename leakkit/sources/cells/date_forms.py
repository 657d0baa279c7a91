"""The forms in which a date is written, and SQL that reads each: digits, names, two calendars.

The calendar of Iran (Solar Hijri, Jalali) has years of 12 months: six of 31 days, five of
30, and Esfand of 29 or 30. The first day is that of the March equinox in Tehran. Within
the years 1210 to 1633 the equinox keeps to a cycle of 33 years with 8 leap years, so the
calendar is arithmetic there: a year is leap iff (25 y + 11) mod 33 < 8 (Borkowski 1996,
"The Persian calendar for 3000 years"). The often quoted cycle of 2820 years is wrong in
1404 (2025).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from leakkit import vocabulary
from leakkit.config import DIGITS
from leakkit.errors import Fault, LeakkitError
from leakkit.store.database import literals, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.sources.headings.reading import Reading, Table

UNSEEN = r"[\x{200b}-\x{200f}\x{202a}-\x{202e}\x{feff}]"
"""Signs that nobody sees, as a pattern of the engine."""

SEP = r"[-/.]"
TIME = (
    r"(?:,?(?:[ T]+| +- +)(?P<hour>\d{1,2}):(?P<minute>\d{2})"
    r"(?::(?P<second>\d{2})(?:[.,]\d{1,9})?)?"
    r" ?(?P<half>[AaPp]\.? ?[Mm]\.?)?)?"
)
AT = r"(?: (?:at|um|à|a las|alle|às|om))?"
"""What stands between a day with the name of its month and a time, as people write it."""
ZONE = r" ?(?P<zone>Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?"
FORMS = {
    "ymd": rf"(?P<a>\d{{4}}){SEP}(?P<b>\d{{1,2}}){SEP}(?P<c>\d{{1,2}}){TIME}{ZONE}",
    "parts": rf"(?P<a>\d{{1,2}}){SEP}(?P<b>\d{{1,2}}){SEP}(?P<c>\d{{4}}){TIME}{ZONE}",
    "short": rf"(?P<a>\d{{1,2}}){SEP}(?P<b>\d{{1,2}}){SEP}(?P<c>\d{{2}}){TIME}{ZONE}",
    "day_name": (
        r"(?P<a>\d{1,2})(?:er|º)?[. /-]+(?:de )?(?P<b>[^\W\d_]{2,12})\.?,?[ /-]"
        rf"(?:del? )?(?P<c>\d{{4}}|\d{{2}})(?: ?г\.?)?{AT}{TIME}{ZONE}"  # noqa: RUF001 - of a year
    ),
    "name_day": (rf"(?P<b>[^\W\d_]{{2,12}})\.? (?P<a>\d{{1,2}}),? (?P<c>\d{{4}}){AT}{TIME}{ZONE}"),
    "compact": r"(?P<a>\d{4})(?P<b>\d{2})(?P<c>\d{2})",
    "serial": r"(?P<a>\d{5}(?:\.\d+)?)",
    "seconds": r"(?P<a>\d{9,10}(?:\.\d+)?)",
    "milliseconds": r"(?P<a>\d{12,13})",
    "microseconds": r"(?P<a>\d{16})",
    "ticks": r"(?P<a>\d{17})",
}
"""The ways to write a date, as patterns of what is left when digits are Latin."""
COUNTED = {
    "serial": "(x - 25569) * 86400",
    "seconds": "x",
    "milliseconds": "x / 1000",
    "microseconds": "x / 1000000",
    "ticks": "x / 10000000",
}
"""Dates that count: the seconds since 1970 in each. Excel counts days, 25569 in 1970."""
OF_A_SECOND = {
    "milliseconds": (1, 1_000, 3),
    "microseconds": (1, 1_000_000, 6),
    "ticks": (10, 1_000_000, 6),
}
"""Of those that count parts of a second: what is too fine, the parts, and their digits."""
FAR, MANY_FAR = "2049", 3
"""From this year on dates are plans at best; on fewer days they mean never."""
SERIAL_FROM, SERIAL_TO = 20_000, 80_000
ORDERS = {"ymd": "abc", "dmy": "cba", "mdy": "cab"}
"""Which of the three parts is year, month and day."""
DAY_PARTS = ("year", "month", "day")
NAMES = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)


TWELVE = range(1, 13)
FEW_UNKNOWN = 0.05
"""A larger share of the names of months that nobody knows is another language, and no slip."""
EXAMPLES = 3
FEWEST_LETTERS = 3
"""So many first letters of the name of a month are enough, where they are those of one only."""


def own_column(*names: str) -> str:
    """Return the name of a column of ours, as SQL."""
    return quote(f"leakkit: {' '.join(names)}")


def latin_text(table: Table, heading: str) -> str:
    """Return SQL for a text with Latin digits and without signs that nobody sees."""
    text = f"regexp_replace({table.text_under(heading)}, '{UNSEEN}', '', 'g')"
    plain = f"translate({text}, '{DIGITS}\u066b\u00a0', '01234567890123456789. ')"
    if not table.types[heading].startswith("VARCHAR"):
        # a number as a float: 45000.0 is 45000
        plain = f"regexp_replace({plain}, '\\.0+$', '')"
    return plain


def fits_form(said: str, pattern: str) -> str:
    """Return SQL for whether a text has a form."""
    return f"regexp_full_match({said}, '{_drop_names(pattern)}')"


def named_parts(said: str, pattern: str) -> str:
    """Return SQL for the parts of a text by name."""
    names = re.findall(r"\(\?P<(\w+)>", pattern)
    listed = ", ".join(f"'{name}'" for name in names)
    return f"regexp_extract({said}, '^{_drop_names(pattern)}$', [{listed}])"


def _drop_names(pattern: str) -> str:
    """Return a pattern as the engine takes it: groups without names, letters of any script."""
    plain = re.sub(r"\(\?P<\w+>", "(", pattern).replace(r"[^\W\d_]", r"\p{L}")
    return plain.replace("'", "''")


def iso_sql(said: str, text: str, forms: dict[str, str]) -> str:
    """Return SQL for a cell as an ISO text; the cell itself where it is no date."""
    own = own_column(said)
    cases = " ".join(
        f"WHEN {fits_form(own, FORMS[form])} THEN {_moment(said, form, how.partition(':')[2])}"
        for form, how in forms.items()
    )
    return f"COALESCE(CASE {cases} END, {text})"


def day_columns(said: str, form: str, order: str, calendar: str) -> list[str]:
    """Return SQL for the year, month and day of a text in one form, each with its name."""
    parts = own_column(said, form)
    year, month, day = (f"TRY_CAST({parts}.{place} AS INTEGER)" for place in ORDERS[order])
    if form in {"day_name", "name_day"}:
        month = month_sql(f"{parts}.b")
        year = f"({year} + CASE WHEN {year} < 70 THEN 2000 WHEN {year} < 100 THEN 1900 ELSE 0 END)"
    if form == "short":
        # 70 to 99 are of the last century; of Jalali years 0 to 49 are of the present one
        later = 1300 if calendar == "jalali" else 1900
        turn = 50 if calendar == "jalali" else 70
        year = f"({year} + {later} + CASE WHEN {year} < {turn} THEN 100 ELSE 0 END)"
    named = zip((year, month, day), DAY_PARTS, strict=True)
    return [f"{sql} AS {own_column(said, form, name)}" for sql, name in named]


def _moment(said: str, form: str, calendar: str) -> str:
    """Return SQL for the ISO text of a cell in one form; NULL where it is no moment."""
    if form in COUNTED:
        return _convert_serial(own_column(said), form)
    year, month, day = (own_column(said, form, name) for name in DAY_PARTS)
    date, parts = _date(year, month, day, calendar), own_column(said, form)
    return date if form == "compact" else f"{date} || {_clock(parts)} || {_zone(parts)}"


def _date(year: str, month: str, day: str, calendar: str) -> str:
    """Return SQL for an ISO date; NULL where there is no such day. The year tells the calendar."""
    written = (
        f"lpad(CAST({year} AS VARCHAR), 4, '0') || '-' || lpad(CAST({month} AS VARCHAR), 2, '0') "
        f"|| '-' || lpad(CAST({day} AS VARCHAR), 2, '0')"
    )
    gregorian = f"CAST(TRY_CAST({written} AS DATE) AS VARCHAR)"
    if calendar == "gregorian":
        return gregorian
    number = day_number_sql(year, month, day)
    jalali = f"CAST(DATE '1970-01-01' + CAST({number} AS INTEGER) AS VARCHAR)"
    return f"CASE WHEN {year} < 1700 THEN {jalali} ELSE {gregorian} END"


@cache
def _months() -> dict[int, tuple[str, ...]]:
    """Return how the months are written in every language: names, and first letters of one only.

    >>> [n for n, said in _months().items() if {"mai", "juil", "okt", "kas"} & set(said)]
    [5, 7, 10, 11]
    """
    whole = {n: {name.lower() for name in vocabulary.words("months", str(n))} for n in TWELVE}
    whole = {n: {*names, *map(_plain_letters, names)} for n, names in whole.items()}
    begun = {
        n: {name[:length] for name in names for length in range(FEWEST_LETTERS, len(name))}
        for n, names in whole.items()
    }
    told = Counter(letters for found in begun.values() for letters in found)
    told.update(name for names in whole.values() for name in names)
    return {
        n: tuple(sorted(whole[n] | {one for one in begun[n] if told[one] == (one in whole[n]) + 1}))
        for n in TWELVE
    }


def _plain_letters(name: str) -> str:
    """Return a name in Latin letters without their accents; in others as it is."""
    parts = unicodedata.normalize("NFD", name)
    plain = "".join(sign for sign in parts if not unicodedata.combining(sign))
    return plain if plain.isascii() else name


def refuse_unknown_months(
    reading: Reading, table: Table, heading: str, said: str, forms: dict[str, str]
) -> None:
    """Raise where a share of the dates has months in words of a language that is not known."""
    named = [FORMS[form] for form in ("day_name", "name_day") if form in forms]
    for pattern in named:
        parts = (
            f"SELECT {table.line} AS line, {said} AS said, {named_parts(said, pattern)}.b AS month "  # noqa: S608 - quoted
            f"FROM {table.relation} WHERE {fits_form(said, pattern)}"
        )
        rows = reading.store.rows(
            f"SELECT min(line) AS line, arg_min(said, line), count(*) FROM ({parts}) "  # noqa: S608 - quoted
            f"WHERE {month_sql('month')} IS NULL GROUP BY lower(month) ORDER BY line"
        )
        every = int(reading.store.value(f"SELECT count(*) FROM ({parts})"))  # noqa: S608 - quoted
        if sum(int(n) for *_, n in rows) <= FEW_UNKNOWN * every:
            continue
        faults = [
            Fault(table.file, int(row), heading, str(text), "a month that is not known")
            for row, text, _ in rows[:EXAMPLES]
        ]
        message = (
            f"{table.file}: the dates of {heading!r} name months in words that are not known. "
            "Export them as numbers, such as 2026-03-31, or in English:"
        )
        raise LeakkitError("unknown_months", message, tuple(faults))


def refuse_far_years(reading: Reading, table: Table, headings: Sequence[str]) -> None:
    """Raise where most dates of a column, on many days, are of a year that nobody can have yet.

    Years of the calendars of Thailand (2569) and of Arabia (1447, here taken for that of Iran)
    are such; one day that means never, 9999-12-31, is not.
    """
    for heading in headings:
        said = table.text_under(heading)
        filled, far, days, row, shown = reading.store.rows(
            f"SELECT count(*), count(*) FILTER (far), count(DISTINCT said[1:10]) FILTER (far), "  # noqa: S608 - quoted
            f"min(line) FILTER (far), arg_min(said, line) FILTER (far) FROM (SELECT {table.line} "
            f"AS line, {said} AS said, {said} >= '{FAR}' AND {said} LIKE '____-__-__%' AS far "
            f"FROM {table.relation}) WHERE said <> ''"
        )[0]
        if days < MANY_FAR or 2 * far < filled:
            continue
        fault = Fault(table.file, int(row), heading, str(shown), "a year that is not there yet")
        message = (
            f"{table.file}: most dates of {heading!r} would be after {FAR}. They may be of another "
            "calendar, of Thailand or of Arabia, which leakkit does not read. Export them in that "
            "of Gregory, such as 2026-03-31:"
        )
        raise LeakkitError("far_years", message, (fault,))


def month_sql(name: str) -> str:
    """Return SQL for the number of a month by its name; NULL where nobody knows it."""
    english = " ".join(
        f"WHEN starts_with('{month}', lower({name})) THEN {number}"
        for number, month in enumerate(NAMES, start=1)
    )
    others = " ".join(
        f"WHEN lower({name}) IN ({literals(said)}) THEN {number}"
        for number, said in _months().items()
    )
    letters = f"translate({name}, '\u064a\u0643', '\u06cc\u06a9')"
    persian = " ".join(
        f"WHEN {letters} = '{month}' THEN {number}" for number, month in enumerate(MONTHS, start=1)
    )
    return f"CASE {english} {others} {persian} END"


def _clock(parts: str) -> str:
    """Return SQL for ' HH:MM:SS'; '' without a time, NULL where the clock shows no such one."""
    given = f"TRY_CAST({parts}.hour AS INTEGER)"
    half = f"lower({parts}.half)[1]"
    hour = (
        f"CASE WHEN {half} = '' THEN {given} WHEN {given} NOT BETWEEN 1 AND 12 THEN NULL "
        f"WHEN {half} = 'p' THEN {given} % 12 + 12 ELSE {given} % 12 END"
    )
    second = f"CASE WHEN {parts}.second = '' THEN '00' ELSE {parts}.second END"
    written = f"lpad(CAST({hour} AS VARCHAR), 2, '0') || ':' || {parts}.minute || ':' || {second}"
    shown = f"' ' || CAST(TRY_CAST({written} AS TIME) AS VARCHAR)"
    return f"CASE WHEN {parts}.hour = '' THEN '' ELSE {shown} END"


def _zone(parts: str) -> str:
    """Return SQL for the offset of a time, in ISO form; '' where it has none."""
    zone = f"{parts}.zone"
    return (
        f"CASE WHEN {zone} = '' OR {parts}.hour = '' THEN '' "
        f"WHEN upper({zone}) IN ('Z', 'UTC', 'GMT') THEN 'Z' ELSE {zone} END"
    )


def _convert_serial(said: str, form: str) -> str:
    """Return SQL for the ISO text of a number that counts days or seconds."""
    number = f"TRY_CAST({said} AS DOUBLE)"
    # days of a workbook are floats, whose nearest second was meant; all others are cut
    cut = "round" if form == "serial" else "floor"
    seconds = f"CAST({cut}({COUNTED[form].replace('x', number)}) AS BIGINT)"
    written = f"CAST(make_timestamp({seconds} * 1000000) AS VARCHAR)"
    if form in OF_A_SECOND:
        beyond, whole, digits = OF_A_SECOND[form]
        parts = f"TRY_CAST({said} AS BIGINT) // {beyond} % {whole}"
        rest = f"lpad(CAST({parts} AS VARCHAR), {digits}, '0')"
        return f"{written} || '.' || {rest} || 'Z'"
    if form != "serial":
        return f"{written} || 'Z'"
    day = f"CASE WHEN {seconds} % 86400 = 0 THEN substr({written}, 1, 10) ELSE {written} END"
    return f"CASE WHEN {number} BETWEEN {SERIAL_FROM} AND {SERIAL_TO} THEN {day} END"


# ---------------- the calendar of Iran

FIRST_YEAR, LAST_YEAR = 1210, 1633
"""The years between which the rule holds."""
MONTHS = (
    *("فروردین", "اردیبهشت", "خرداد", "تیر", "مرداد", "شهریور"),
    *("مهر", "آبان", "آذر", "دی", "بهمن", "اسفند"),
)
_NEW_YEAR_1403 = 19_802
"""1403/01/01 was 2024-03-20: that many days after 1970-01-01."""


def is_leap(year: int) -> bool:
    """Say whether Esfand has 30 days.

    >>> [year for year in range(1395, 1410) if is_leap(year)]
    [1395, 1399, 1403, 1408]
    """
    return (25 * year + 11) % 33 < 8  # noqa: PLR2004 - the rule


def day_number(year: int, month: int, day: int) -> int | None:
    """Return the days since 1970-01-01 of a date; None where there is no such day.

    >>> day_number(1348, 10, 11), day_number(1403, 12, 30), day_number(1404, 12, 30)
    (0, 20167, None)
    """
    if not (FIRST_YEAR <= year <= LAST_YEAR and 1 <= month <= 12):  # noqa: PLR2004 - months
        return None
    length = 31 if month <= 6 else 30 if month <= 11 or is_leap(year) else 29  # noqa: PLR2004 - months
    if not 1 <= day <= length:
        return None
    months = 31 * (month - 1) - max(month - 7, 0)
    return _NEW_YEAR_1403 + _days_before(year) - _days_before(1403) + months + day - 1


def _days_before(year: int) -> int:
    """Return the days of all years before `year`, from a year that does not matter."""
    return 365 * year + (8 * year + 21) // 33


def day_number_sql(year: str, month: str, day: str) -> str:
    """Return SQL for `day_number` of three whole numbers; NULL where there is no such day."""
    leap = f"(25 * {year} + 11) % 33 < 8"
    length = f"CASE WHEN {month} <= 6 THEN 31 WHEN {month} <= 11 OR {leap} THEN 30 ELSE 29 END"
    start = _NEW_YEAR_1403 - _days_before(1403)
    return (
        f"CASE WHEN {year} BETWEEN {FIRST_YEAR} AND {LAST_YEAR} AND {month} BETWEEN 1 AND 12 "
        f"AND {day} BETWEEN 1 AND {length} "
        f"THEN {start} + 365 * {year} + (8 * {year} + 21) // 33 "
        f"+ 31 * ({month} - 1) - GREATEST({month} - 7, 0) + {day} - 1 END"
    )
