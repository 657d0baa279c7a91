"""Dates in texts and numbers: how a column writes them, told from all of its cells.

Every column of dates is brought into one plain form, ISO 8601, before anything else
reads it. What can be read in two ways is refused with both readings, and the key that
decides; nothing is guessed from one cell.

A spreadsheet of one country that opens a text file of another takes 05/03/2024 for the
3rd of May, and leaves 13/05/2024 as it is, a text. What it took is a date like any other
afterwards; only the days tell, of which none is over 12.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from leakkit.errors import Ask, Fault, LeakkitError
from leakkit.sources.cells.date_forms import (
    COUNTED,
    FORMS,
    ORDERS,
    SEP,
    day_columns,
    day_number,
    fits_form,
    iso_sql,
    latin_text,
    named_parts,
    own_column,
    refuse_far_years,
    refuse_unknown_months,
)
from leakkit.sources.formats.rows import rewritten
from leakkit.sources.headings.reading import CLOCK_TYPES, SwappedDates, Table
from leakkit.store.database import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.sources.headings.reading import Reading

SHOWN = 3
MOST_SHAPES = 5_000
WHOLE_NUMBERS = ("BIGINT", "INTEGER", "UBIGINT", "UINTEGER", "HUGEINT", "SMALLINT", "DOUBLE")
NUMBERS = (*WHOLE_NUMBERS, "FLOAT")
ALWAYS = {
    "ymd": "ymd",
    "compact": "ymd",
    "day_name": "dmy",
    "name_day": "dmy",
    **dict.fromkeys(COUNTED, "-"),
}
"""The forms that have one order only."""


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
    settle_swapped(reading, table, headings)
    odd = [h for h in headings if not _is_plain(reading, table, h)]
    if not odd:
        return table
    given = {heading: latin_text(table, heading) for heading in odd}
    written = {heading: _count_forms(reading, table, said) for heading, said in given.items()}
    order = _order(reading, table, given, written)
    short = _short_order(reading, table, given, written)
    forms = {
        heading: _read_forms(reading, (table.file, heading), written[heading], order, short)
        for heading in odd
    }
    for heading in odd:
        refuse_unknown_months(reading, table, heading, given[heading], forms[heading])
    plain = _rewritten(reading, table, {h: given[h] for h in odd if forms[h]}, forms)
    refuse_far_years(reading, plain, odd)
    return plain


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
        texts.append(f"{sql} AS {own_column(said[heading])}")
        for form, how in forms[heading].items():
            if form not in COUNTED:
                place, name = own_column(said[heading]), own_column(said[heading], form)
                parts.append(f"{named_parts(place, FORMS[form])} AS {name}")
                days += day_columns(said[heading], form, *how.split(":"))
        columns[heading] = iso_sql(said[heading], _text(heading, table), forms[heading])
    steps = f"(SELECT *, {table.line} AS {own_column('line')} FROM {table.relation})"  # noqa: S608 - quoted
    for added in (texts, parts, days):
        steps = f"(SELECT {', '.join(['*', *added])} FROM {steps})"  # noqa: S608 - quoted
    name = quote(f"parts of {table.relation.strip(chr(34))}")
    reading.store.run(f"CREATE TEMP VIEW {name} AS FROM {steps}")
    taken = rewritten(
        reading, replace(table, relation=name, line=own_column("line")), columns, "dates"
    )
    reading.store.run(f"DROP VIEW {name}")
    return taken


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
        f"SELECT {table.line} AS line, {said} AS said, {named_parts(said, pattern)} AS p "  # noqa: S608 - quoted
        f"FROM {table.relation} WHERE {fits_form(said, pattern)}"
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
        f"SELECT {table.line} AS line, {said} AS said, {named_parts(said, pattern)} AS p "  # noqa: S608 - quoted
        f"FROM {table.relation} WHERE {fits_form(said, pattern)}"
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


# ---------------- dates with day and month swapped

LAST_MONTH = 12
MANY_DATES, MANY_DAYS = 20, 4
"""So many dates, on so many days of the month, are not all up to the 12th by chance."""
SERIALS = (20_000, 80_000)
"""Days as Excel counts them; the first is in 1954, the last in 2119."""
SLASHED = re.compile(r"\s*(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?!\d)")
Dated = tuple[int, dt.datetime | dt.date]


def typed_columns(
    rows: Sequence[Sequence[Any]], headings: Sequence[str]
) -> dict[str, SwappedDates]:
    """Return the columns of a sheet whose dates may be swapped; `rows` are those of the data."""
    found = {}
    for place, heading in enumerate(headings):
        cells = [(at, row[place]) for at, row in enumerate(rows, start=1) if place < len(row)]
        typed = _look_at_cells(cells)
        if typed:
            found[heading] = typed
    return found


def _look_at_cells(cells: Sequence[tuple[int, Any]]) -> SwappedDates | None:
    """Look at the cells of one column, each with its row."""
    texts = [(at, cell) for at, cell in cells if isinstance(cell, str) and SLASHED.match(cell)]
    dates = [(at, cell) for at, cell in cells if isinstance(cell, dt.date)]
    if texts and not dates:
        # where a format has no dates, Excel's numbers beside texts are dates all the same
        dates = [(at, date) for at, cell in cells if (date := _read_serial(cell))]
    two = [(at, date) for at, date in dates if date.day != date.month]
    if not two or any(date.day > LAST_MONTH for _, date in dates):
        return None
    rows = tuple((at, _iso(date), _iso(swap_date(date))) for at, date in two[:SHOWN])
    if texts:
        kind = "mixed" if all(_is_left(text) for _, text in texts) else ""
        return SwappedDates(kind, rows, tuple(texts[:SHOWN])) if kind else None
    return SwappedDates("many" if _are_many(dates) else "few", rows)


def _is_left(text: str) -> bool:
    """Say whether one part of a text is over 12, so that it has one order only."""
    parts = SLASHED.match(text)
    return parts is not None and any(int(part) > LAST_MONTH for part in parts.groups()[:2])


def _are_many(dates: Sequence[Dated]) -> bool:
    """Say whether these are too many dates to be all up to the 12th by chance."""
    different = {(date.year, date.month, date.day) for _, date in dates}
    return len(different) >= MANY_DATES and len({day for _, _, day in different}) >= MANY_DAYS


def _read_serial(cell: object) -> dt.datetime | None:
    """Return the date that a number of Excel counts, if it is one."""
    if not isinstance(cell, float) or not SERIALS[0] <= cell <= SERIALS[1]:
        return None
    return dt.datetime(1899, 12, 30) + dt.timedelta(days=cell)  # noqa: DTZ001 - a cell has no zone


def swap_date(date: dt.date) -> dt.date:
    """Return a date with its day and month swapped; the day is up to 12.

    >>> swap_date(dt.date(2024, 5, 3)).isoformat()
    '2024-03-05'
    """
    return date.replace(month=date.day, day=date.month)


def _iso(date: dt.date) -> str:
    """Return the day of a date or moment."""
    return f"{date.year:04}-{date.month:02}-{date.day:02}"


def swap_columns(
    rows: Sequence[Sequence[Any]], headings: Sequence[str], typed: dict[str, SwappedDates]
) -> list[list[Any]]:
    """Return the rows with the dates of the columns in doubt swapped."""
    places = [at for at, heading in enumerate(headings) if heading in typed]
    changed = [list(row) for row in rows]
    for row in changed:
        for place in places:
            date = _date_of(row[place]) if place < len(row) else None
            if date is not None:
                row[place] = swap_date(date)
    return changed


def _date_of(cell: object) -> dt.date | None:
    """Return the date of a cell that holds one."""
    return cell if isinstance(cell, dt.date) else _read_serial(cell)


def settle_swapped(reading: Reading, table: Table, headings: Sequence[str]) -> None:
    """Raise where dates of a table may be swapped and nobody says whether they are.

    A few dates up to the 12th are no proof: both readings are said, and they stay.
    """
    doubts = [(heading, table.typed[heading]) for heading in headings if heading in table.typed]
    decided = reading.config.source.typed_dates
    if decided == "auto" and any(typed.kind != "few" for _, typed in doubts):
        raise _either_reading(table.file, [(h, t) for h, t in doubts if t.kind != "few"])
    for heading, typed in doubts:
        row, kept, other = typed.rows[0]
        how = "swapped" if decided == "swapped" else f"typed_{typed.kind}"
        reading.say(table.file, f"{how}:{heading}", kept, f"row {row}: {kept} / {other}")


def _either_reading(file: str, doubts: Sequence[tuple[str, SwappedDates]]) -> LeakkitError:
    """Return the error with both readings of some rows, and the key that decides."""
    faults = [
        Fault(file, row, heading, kept, f"typed_dates = 'kept': {kept} or 'swapped': {other}")
        for heading, typed in doubts
        for row, kept, other in typed.rows
    ]
    texts = [text for _, typed in doubts for _, text in typed.texts]
    why = (
        f"no date of Excel has a day over 12, and what could not be read stayed a text, "
        f"such as {texts[0]!r}"
        if texts
        else "no date of Excel has a day over 12, which does not happen by chance"
    )
    message = (
        f"{file}: day and month of the dates that Excel holds may be swapped: {why}. Say in "
        "[source] which: typed_dates = 'kept' or typed_dates = 'swapped':"
    )
    ask = Ask("source", "typed_dates", ("kept", "swapped"), "did Excel swap day and month?")
    return LeakkitError("swapped_dates", message, tuple(faults[:SHOWN]), (ask,))
