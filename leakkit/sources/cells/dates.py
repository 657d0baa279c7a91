"""Dates in texts and numbers: how a column writes them, told from all of its cells.

Every column of dates is brought into one plain form, ISO 8601, before anything else
reads it. What can be read in two ways is refused with both readings, and the key that
decides; nothing is guessed from one cell.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from leakkit.config import DIGITS
from leakkit.errors import Ask, Fault, LeakkitError
from leakkit.sources.cells.jalali import MONTHS, day_number, day_number_sql
from leakkit.sources.cells.swapped import settle
from leakkit.sources.formats.rows import rewritten
from leakkit.sources.headings.columns import CLOCK_TYPES, Table
from leakkit.store.database import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.sources.headings.recognised import Reading

SHOWN = 3
UNSEEN = r"[\x{200b}-\x{200f}\x{202a}-\x{202e}\x{feff}]"
"""Signs that nobody sees, as a pattern of the engine."""
MOST_SHAPES = 5_000
WHOLE_NUMBERS = ("BIGINT", "INTEGER", "UBIGINT", "UINTEGER", "HUGEINT", "SMALLINT", "DOUBLE")
NUMBERS = (*WHOLE_NUMBERS, "FLOAT")

SEP = r"[-/.]"
TIME = (
    r"(?:,?(?:[ T]+| +- +)(?P<hour>\d{1,2}):(?P<minute>\d{2})"
    r"(?::(?P<second>\d{2})(?:[.,]\d{1,9})?)?"
    r" ?(?P<half>[AaPp]\.?[Mm]\.?)?)?"
)
ZONE = r" ?(?P<zone>Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?"
FORMS = {
    "ymd": rf"(?P<a>\d{{4}}){SEP}(?P<b>\d{{1,2}}){SEP}(?P<c>\d{{1,2}}){TIME}{ZONE}",
    "parts": rf"(?P<a>\d{{1,2}}){SEP}(?P<b>\d{{1,2}}){SEP}(?P<c>\d{{4}}){TIME}{ZONE}",
    "short": rf"(?P<a>\d{{1,2}}){SEP}(?P<b>\d{{1,2}}){SEP}(?P<c>\d{{2}}){TIME}{ZONE}",
    "day_name": (
        rf"(?P<a>\d{{1,2}})[. -]+(?P<b>[^\W\d_]{{2,9}})\.?,?[ -](?P<c>\d{{4}}|\d{{2}}){TIME}{ZONE}"
    ),
    "name_day": rf"(?P<b>[^\W\d_]{{2,9}})\.? (?P<a>\d{{1,2}}),? (?P<c>\d{{4}}){TIME}{ZONE}",
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
ALWAYS = {
    "ymd": "ymd",
    "compact": "ymd",
    "day_name": "dmy",
    "name_day": "dmy",
    **dict.fromkeys(COUNTED, "-"),
}
"""The forms that have one order only."""
SERIAL_FROM, SERIAL_TO = 20_000, 80_000
ORDERS = {"ymd": "abc", "dmy": "cba", "mdy": "cab"}
"""Which of the three parts is year, month and day."""
DAY_PARTS = ("year", "month", "day")
NAMES = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)


@dataclass(frozen=True)
class Written:
    """How the cells of some columns are written: form -> cells, rows that show it."""

    counts: dict[str, int]
    cells: int
    samples: dict[str, list[tuple[int, str]]]


def plain_dates(reading: Reading, table: Table, headings: Sequence[str]) -> Table:
    """Return a table whose columns of dates are dates of the engine, or ISO texts.

    Columns that are so already are left alone. All columns of a file are written in the
    same order of day and month, so they decide together. A cell that no form fits, or
    that is no day, stays as it is and is a fault later.
    """
    settle(reading, table, headings)
    odd = [h for h in headings if not _is_plain(reading, table, h)]
    if not odd:
        return table
    given = {heading: _clean_text(table, heading) for heading in odd}
    written = {heading: _count_forms(reading, table, said) for heading, said in given.items()}
    order = _order(reading, table, given, written)
    short = _short_order(reading, table, given, written)
    forms = {
        heading: _read_forms(reading, (table.file, heading), written[heading], order, short)
        for heading in odd
    }
    return _rewritten(reading, table, {h: given[h] for h in odd if forms[h]}, forms)


def _rewritten(
    reading: Reading, table: Table, given: dict[str, str], forms: dict[str, dict[str, str]]
) -> Table:
    """Return the table with some columns in plain form.

    Step by step, each in a relation of its own: the text, its parts in every form, year,
    month and day. One expression would repeat each of them wherever it is used.
    """
    if not given:
        return table
    said = {heading: f"said_{i}" for i, heading in enumerate(given)}
    texts, parts, days, columns = [], [], [], {}
    for heading, sql in given.items():
        texts.append(f"{sql} AS {_own(said[heading])}")
        for form, how in forms[heading].items():
            if form not in COUNTED:
                place, name = _own(said[heading]), _own(said[heading], form)
                parts.append(f"{_parts(place, FORMS[form])} AS {name}")
                days += _day_sql(said[heading], form, *how.split(":"))
        columns[heading] = _plain_sql(said[heading], _text(heading, table), forms[heading])
    steps = f"(SELECT *, {table.line} AS {_own('line')} FROM {table.relation})"  # noqa: S608 - quoted
    for added in (texts, parts, days):
        steps = f"(SELECT {', '.join(['*', *added])} FROM {steps})"  # noqa: S608 - quoted
    name = quote(f"parts of {table.relation.strip(chr(34))}")
    reading.store.run(f"CREATE TEMP VIEW {name} AS FROM {steps}")
    taken = rewritten(reading, replace(table, relation=name, line=_own("line")), columns, "dates")
    reading.store.run(f"DROP VIEW {name}")
    return taken


def _own(*names: str) -> str:
    """Return the name of a column of ours, as SQL."""
    return quote(f"leakkit: {' '.join(names)}")


def _is_plain(reading: Reading, table: Table, heading: str) -> bool:
    """Say whether a column holds moments of the engine, or ISO texts of usual years only."""
    kind = table.types[heading]
    if kind.startswith(CLOCK_TYPES) or kind in {'"NULL"', "NULL"}:
        return True
    if kind != "VARCHAR":
        return not kind.startswith((*NUMBERS, "DECIMAL"))
    # LIKE is far cheaper than a pattern, and this looks at every cell of every file
    usual = "said >= '1900' AND said < '2200' AND (said LIKE '____-__-__'" + "".join(
        f" OR said LIKE '____-__-__{sign}__:__%'" for sign in " T"
    )
    named = "".join(f" AND said NOT LIKE '%{letter}'" for letter in "MmCT")
    odd = (
        f"SELECT count(*) FILTER (said <> '' AND NOT ({usual}){named})) "  # noqa: S608 - quoted
        f"FROM (SELECT {table.text_under(heading)} AS said FROM {table.relation})"
    )
    return not reading.store.value(odd)


def _text(heading: str, table: Table) -> str:
    """Return SQL for a column as text."""
    return table.text_under(heading)


def _clean_text(table: Table, heading: str) -> str:
    """Return SQL for a text with Latin digits and without signs that nobody sees."""
    text = f"regexp_replace({table.text_under(heading)}, '{UNSEEN}', '', 'g')"
    plain = f"translate({text}, '{DIGITS}\u066b\u00a0', '01234567890123456789. ')"
    if not table.types[heading].startswith("VARCHAR"):
        # a number as a float: 45000.0 is 45000
        plain = f"regexp_replace({plain}, '\\.0+$', '')"
    return plain


def _count_forms(reading: Reading, table: Table, said: str) -> Written:
    """Count the forms of the cells of a column, by their shapes: every digit a 9."""
    rows = reading.store.rows(
        f"""
        SELECT regexp_replace(said, '[0-9]', '9', 'g') AS shape, count(*),
               list([CAST(line AS VARCHAR), said] ORDER BY line)[1:{SHOWN}]
        FROM (SELECT {table.line} AS line, {said} AS said FROM {table.relation})
        WHERE said <> '' GROUP BY shape ORDER BY count(*) DESC, shape LIMIT {MOST_SHAPES}
        """,  # noqa: S608 - quoted
    )
    counts: dict[str, int] = {}
    samples: dict[str, list[tuple[int, str]]] = {}
    for shape, n, shown in rows:
        form = next((f for f, pattern in FORMS.items() if re.fullmatch(pattern, shape)), "")
        counts[form] = counts.get(form, 0) + n
        samples.setdefault(form, []).extend((int(line), text) for line, text in shown)
    ordered = {form: sorted(found)[: 10 * SHOWN] for form, found in samples.items()}
    return Written(counts, sum(counts.values()), ordered)


def _order(
    reading: Reading, table: Table, given: dict[str, str], written: dict[str, Written]
) -> str:
    """Decide day-first or month-first for dates that end with the year; '' where there are none.

    The part that is over 12 somewhere is the day. Raises where no cell shows it, or where
    cells contradict each other.
    """
    columns = [h for h in given if written[h].counts.get("parts", 0)]
    if not columns:
        return ""
    said = reading.config.source.date_order
    if said != "auto":
        return said
    # beside dates that are clear, a few that are not are faults: their rows are named
    main = [
        h for h in columns if 2 * written[h].counts["parts"] >= written[h].cells or h in table.typed
    ]
    if not main:
        return ""
    first, second, row, text = _over_12(reading, table, {h: given[h] for h in main}, FORMS["parts"])
    if first and not second:
        reading.say(table.file, "date_order", "dmy", f"row {row}: {text}")
        return "dmy"
    if second and not first:
        reading.say(table.file, "date_order", "mdy", f"row {row}: {text}")
        return "mdy"
    shown = [(h, *one) for h in main for one in written[h].samples["parts"]]
    raise _ambiguous(table.file, shown, ("dmy", "mdy"), contradict=first > 0)


def _over_12(
    reading: Reading, table: Table, given: dict[str, str], pattern: str
) -> tuple[int, int, int, str]:
    """Count the cells whose first part only, and whose second only is over 12; show one."""
    each = " UNION ALL ".join(
        f"SELECT {table.line} AS line, {said} AS said, {_parts(said, pattern)} AS p "  # noqa: S608 - quoted
        f"FROM {table.relation} WHERE {_fits(said, pattern)}"
        for said in given.values()
    )
    row = reading.store.rows(
        f"""
        SELECT count(*) FILTER (a > 12 AND b <= 12), count(*) FILTER (b > 12 AND a <= 12),
               min(line) FILTER ((a > 12) <> (b > 12)),
               arg_min(said, line) FILTER ((a > 12) <> (b > 12))
        FROM (SELECT line, said, CAST(p.a AS INTEGER) AS a, CAST(p.b AS INTEGER) AS b FROM ({each}))
        """,  # noqa: S608 - quoted
    )[0]
    return int(row[0]), int(row[1]), int(row[2] or 0), str(row[3] or "")


def _ambiguous(
    file: str,
    shown: list[tuple[str, int, str]],
    orders: tuple[str, ...],
    *,
    contradict: bool = False,
) -> LeakkitError:
    """Return the error that shows the readings of three rows, and the key that decides."""
    faults = []
    for heading, row, text in shown:
        readings = [f"{order}: {day}" for order in orders if (day := _as_day(text, order))]
        different = len({reading.partition(": ")[2] for reading in readings}) > 1
        if different or contradict:
            rule = " or ".join(readings) or "no day"
            faults.append(Fault(file, row, heading, text, rule))
    hint = " or ".join(f"date_order = '{order}'" for order in orders)
    text = shown[0][2] if shown else ""
    ask = Ask("source", "date_order", orders, f"the order of day and month in {text!r}")
    if contradict:
        message = (
            f"{file}: some dates can only be day-first and others only month-first. "
            f"Say which in [source]: {hint}; the others are then faults:"
        )
        return LeakkitError("mixed_dates", message, tuple(faults[: 2 * SHOWN]), (ask,))
    message = f"{file}: the order of day and month is not clear. Say which in [source]: {hint}:"
    return LeakkitError("ambiguous_dates", message, tuple(faults[:SHOWN]), (ask,))


def _as_day(text: str, order: str) -> str:
    """Return the day that a text is in an order, ISO; '' where it is none."""
    parts = re.match(rf"(\d{{1,4}}){SEP}(\d{{1,2}}){SEP}(\d{{1,4}})", text)
    if not parts:
        return ""
    by_place = dict(zip("abc", map(int, parts.groups()), strict=True))
    year, month, day = (by_place[place] for place in ORDERS[order])
    if year < 100:  # noqa: PLR2004 - two digits
        year += 2000
    number = day_number(year, month, day)
    if number is not None:
        return (dt.date(1970, 1, 1) + dt.timedelta(days=number)).isoformat()
    try:
        return dt.date(year, month, day).isoformat()
    except ValueError:
        return ""


def _short_order(
    reading: Reading, table: Table, given: dict[str, str], written: dict[str, Written]
) -> str:
    """Return the order of dates with years of two digits.

    03/05/12 is a day in three orders and two calendars, so it must be declared, unless all
    cells are days in one order only: of 02/23/26 the second part is no month. With points
    between the parts, 23.02.26, the year does not go first.
    """
    columns = [h for h in given if written[h].counts.get("short", 0)]
    if not columns:
        return ""
    source = reading.config.source
    main = [h for h in columns if 2 * written[h].counts["short"] >= written[h].cells]
    if source.date_order == "auto":
        if not main:
            return ""
        only = _only_order(reading, table, {h: given[h] for h in main})
        if not only:
            shown = [(h, *one) for h in main for one in written[h].samples["short"]]
            raise _ambiguous(table.file, shown, ("dmy", "mdy", "ymd"))
    persian = not "".join(table.types).isascii()
    if source.calendar == "auto" and persian and main:
        shown = [(h, *one) for h in main for one in written[h].samples["short"]][:SHOWN]
        faults = tuple(
            Fault(table.file, row, h, text, "a year of two digits in one of two calendars")
            for h, row, text in shown
        )
        message = (
            f"{table.file}: the calendar of years of two digits is not clear. Say which in "
            "[source]: calendar = 'jalali' or calendar = 'gregorian':"
        )
        ask = Ask("source", "calendar", ("jalali", "gregorian"), "of years of two digits")
        raise LeakkitError("ambiguous_calendar", message, faults, (ask,))
    return source.date_order if source.date_order != "auto" else only


def _only_order(reading: Reading, table: Table, given: dict[str, str]) -> str:
    """Return the one order in which all dates with years of two digits are days; '' of more."""
    pattern = FORMS["short"]
    each = " UNION ALL ".join(
        f"SELECT {table.line} AS line, {said} AS said, {_parts(said, pattern)} AS p "  # noqa: S608 - quoted
        f"FROM {table.relation} WHERE {_fits(said, pattern)}"
        for said in given.values()
    )
    line, text, points, *days = reading.store.rows(
        f"""
        SELECT min(line), arg_min(said, line), bool_and(said LIKE '%.%.%'),
               bool_and(b <= 12 AND a <= 31), bool_and(a <= 12 AND b <= 31),
               bool_and(b <= 12 AND c <= 31)
        FROM (SELECT line, said, CAST(p.a AS INTEGER) AS a, CAST(p.b AS INTEGER) AS b,
                     CAST(p.c AS INTEGER) AS c FROM ({each}))
        """  # noqa: S608 - quoted
    )[0]
    fit = [order for order, holds in zip(("dmy", "mdy", "ymd"), days, strict=True) if holds]
    fit = [order for order in fit if order != "ymd" or not points]
    if len(fit) != 1:
        return ""
    reading.say(table.file, "date_order", fit[0], f"row {line}: {text}")
    return fit[0]


def _read_forms(
    reading: Reading, place: tuple[str, str], written: Written, order: str, short: str
) -> dict[str, str]:
    """Return the forms to read in a column -> their order; say what was recognised.

    `place` is the file and the heading.
    """
    # dates that end with the year have no reading in the order that begins with it
    orders = {**ALWAYS, "parts": "" if order == "ymd" else order, "short": short}
    counting = [form for form in COUNTED if written.counts.get(form)]
    if counting and sum(written.counts[form] for form in counting) * 2 < written.cells:
        orders |= dict.fromkeys(counting, "")
    found = {f: orders[f] for f in written.counts if f and orders[f]}
    file, heading = place
    for form, said in found.items():
        shown = written.samples[form][0][1]
        reading.say(file, f"dates:{heading}", _style(form, said, shown), shown)
    calendar = reading.config.source.calendar
    return {form: f"{said}:{calendar}" for form, said in found.items()}


def _style(form: str, order: str, text: str) -> str:
    """Return the code of how a form of dates was read."""
    if form in {*COUNTED, "compact"}:
        return form
    jalali = any("1300" <= year <= "1499" for year in re.findall(r"\d{4}", text)[:2])
    return ("jalali_" if jalali else "") + {"day_name": "named", "name_day": "named"}.get(
        form, order
    )


def _fits(said: str, pattern: str) -> str:
    """Return SQL for whether a text has a form."""
    return f"regexp_full_match({said}, '{_drop_names(pattern)}')"


def _parts(said: str, pattern: str) -> str:
    """Return SQL for the parts of a text by name."""
    names = re.findall(r"\(\?P<(\w+)>", pattern)
    listed = ", ".join(f"'{name}'" for name in names)
    return f"regexp_extract({said}, '^{_drop_names(pattern)}$', [{listed}])"


def _drop_names(pattern: str) -> str:
    """Return a pattern as the engine takes it: groups without names, letters of any script."""
    plain = re.sub(r"\(\?P<\w+>", "(", pattern).replace(r"[^\W\d_]", r"\p{L}")
    return plain.replace("'", "''")


def _plain_sql(said: str, text: str, forms: dict[str, str]) -> str:
    """Return SQL for a cell as an ISO text; the cell itself where it is no date."""
    cases = " ".join(
        f"WHEN {_fits(_own(said), FORMS[form])} THEN {_moment(said, form, how.partition(':')[2])}"
        for form, how in forms.items()
    )
    return f"COALESCE(CASE {cases} END, {text})"


def _day_sql(said: str, form: str, order: str, calendar: str) -> list[str]:
    """Return SQL for the year, month and day of a text in one form, each with its name."""
    parts = _own(said, form)
    year, month, day = (f"TRY_CAST({parts}.{place} AS INTEGER)" for place in ORDERS[order])
    if form in {"day_name", "name_day"}:
        month = _month_sql(f"{parts}.b")
        year = f"({year} + CASE WHEN {year} < 70 THEN 2000 WHEN {year} < 100 THEN 1900 ELSE 0 END)"
    if form == "short":
        # 70 to 99 are of the last century; of Jalali years 0 to 49 are of the present one
        later = 1300 if calendar == "jalali" else 1900
        turn = 50 if calendar == "jalali" else 70
        year = f"({year} + {later} + CASE WHEN {year} < {turn} THEN 100 ELSE 0 END)"
    named = zip((year, month, day), DAY_PARTS, strict=True)
    return [f"{sql} AS {_own(said, form, name)}" for sql, name in named]


def _moment(said: str, form: str, calendar: str) -> str:
    """Return SQL for the ISO text of a cell in one form; NULL where it is no moment."""
    if form in COUNTED:
        return _convert_serial(_own(said), form)
    year, month, day = (_own(said, form, name) for name in DAY_PARTS)
    date, parts = _date(year, month, day, calendar), _own(said, form)
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


def _month_sql(name: str) -> str:
    """Return SQL for the number of a month by its English or Persian name."""
    english = " ".join(
        f"WHEN starts_with('{month}', lower({name})) THEN {number}"
        for number, month in enumerate(NAMES, start=1)
    )
    letters = f"translate({name}, '\u064a\u0643', '\u06cc\u06a9')"
    persian = " ".join(
        f"WHEN {letters} = '{month}' THEN {number}" for number, month in enumerate(MONTHS, start=1)
    )
    return f"CASE {english} {persian} END"


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
