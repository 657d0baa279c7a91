"""Random sources, and what must hold of every one: what the fuzzing and its short test share.

Whatever is in a file, it is read or refused with a LeakkitError. Where it is read, no row
is lost, and no deal is in a stage on a day that no date of its rows can mean.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
import re
import tempfile
import zipfile
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import xlsxwriter
from hypothesis import strategies as st

from leakkit.analysis import analyze
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources.cells.date_forms import MONTHS, day_number
from leakkit.sources.check import check_source, faults_csv

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from leakkit.store import Store

    Writer = Callable[[Sequence[str], Sequence[tuple[str, ...]]], bytes]

GALLERY = Path(__file__).parent / "gallery"
EPOCH = dt.date(1970, 1, 1)
STAGES = '[[pipelines]]\nname = "P"\nstages = [{ name = "A" }, { name = "B" }, { name = "C" }]\n'
SETTINGS = (
    'as_of = "2024-06-30"',
    'timezone = "Asia/Tehran"',
    'currency = "IRR"',
    '[source]\ndate_order = "dmy"',
    '[source]\ndate_order = "mdy"\ncalendar = "gregorian"\ndecimal = ","',
    '[source]\ndate_order = "ymd"\ncalendar = "jalali"\ndecimal = "."',
    '[source]\nignore_unknown_stages = true\ntyped_dates = "swapped"',
)
HEADINGS = (
    *("opportunity_id", "stage", "entered_at", "pipeline", "from_stage", "seq", "value", "owner"),
    *("created_at", "closed_at", "outcome", "currency", "lost_reason", "name", "Deal - ID"),
    *(
        "Deal - Stage",
        "Deal - Status",
        "A",
        "B",
        "Stage",
        "مرحله",
        "",
        'a"b',
        "'; DROP TABLE x; --",
    ),
    *("=1+1", "<script>", "leakkit: row of the file", "line", "opportunity"),
)
TEXTS = (
    *("A", "B", "C", "a ", "Won", "Lost", "lost", "open", "won", "نا\u200cموفق", "Total", "جمع کل"),
    *("", " ", "0", "-1", "1,234.56", "1.234,56", "1.234", "12 EUR", "€5", "۱۲۳", "1e999", "NaN"),
    *("opportunity_id", "stage", '"', "a\nb", "a;b", "=1+1", "<b>", "\u202e", "\\", "null", "true"),
    *("9" * 40, "x" * 60, "é", "پیش‌فاکتور"),
)
IDS = ("d1", "d2", "d3", "D1", " d1 ", "", "=d4", "opportunity_id", "Total")
STYLES = (
    *("{y:04}-{m:02}-{d:02}", "{d:02}/{m:02}/{y:04}", "{m}/{d}/{y}", "{d}.{m}.{y} 9:05"),
    *("{d:02}/{m:02}/{s:02}", "{y:04}{m:02}{d:02}", "{y}/{m}/{d}", "{name} {d}, {y}"),
    *("{d}-{name}-{s:02}", "{y:04}-{m:02}-{d:02}T14:05:00+03:30", "{y:04}-{m:02}-{d:02} 23:59:59Z"),
    *("{serial}", "{serial}.5", "{seconds}", "{seconds}000", "{jy}/{jm:02}/{jd:02}"),
    *("{jd} {jname} {jy}", "{m}/{d}/{y} 2:05 PM", "{y:04}-{m:02}-{d:02}T00:00:00.000"),
)
NOT_DATES = (
    "",
    "soon",
    "2024-02-30",
    "1403/12/31",
    "0000-00-00",
    "9999-12-31",
    "31/31/2024",
    "1/2",
)


@dataclass(frozen=True)
class Source:
    """A file, the configuration to read it with, and its cells where they are known.

    `rows` are those of the data, with headings; None where the bytes may be anything.
    """

    name: str
    content: bytes
    config: str
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] | None = None


# ------------------------------------------------------------------------- making them


@st.composite
def dates(draw: st.DrawFn) -> str:
    """Return a date in one of many styles, or a text that is none."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(NOT_DATES))
    day = draw(st.dates(dt.date(2023, 1, 1), dt.date(2024, 6, 30)))
    return write_day(day, draw(st.sampled_from(STYLES)))


def write_day(day: dt.date, style: str) -> str:
    """Write a day in a style."""
    number = (day - EPOCH).days
    jy = day.year - 621 if (day.month, day.day) >= (3, 21) else day.year - 622
    jm, jd = next(
        (m, d)
        for y in (jy, jy - 1, jy + 1)
        for m in range(1, 13)
        for d in range(1, 32)
        if day_number(y, m, d) == number
    )
    jy = next(y for y in (jy, jy - 1, jy + 1) if day_number(y, jm, jd) == number)
    return style.format(
        y=day.year, m=day.month, d=day.day, s=day.year % 100, name=day.strftime("%b"),
        serial=number + 25569, seconds=number * 86_400 + 33_000,
        jy=jy, jm=jm, jd=jd, jname=MONTHS[jm - 1],
    )  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> Source:
    """Return a table of a few rows in one of the formats, mostly with what a history needs."""
    more = draw(st.lists(st.sampled_from(HEADINGS), max_size=5, unique=True))
    needed = ["opportunity_id", "stage", "entered_at"]
    headings = draw(st.permutations([*needed, *(h for h in more if h not in needed)]))
    if draw(st.integers(0, 9)) == 0:
        headings = headings[1:]
    style = draw(st.sampled_from(STYLES))
    rows = draw(st.lists(st.builds(tuple, row(headings, style)), max_size=8))
    form = draw(st.sampled_from(tuple(FORMS)))
    rows = [tuple(map(FORMS[form].text, cells)) for cells in rows]
    config = draw(st.sampled_from(("", *SETTINGS)))
    config += "\n" + STAGES if draw(st.booleans()) else ""
    content = FORMS[form].write(headings, rows)
    return Source(f"file.{form}", content, config, tuple(headings), tuple(rows))


def row(headings: list[str], style: str) -> st.SearchStrategy[tuple[str, ...]]:
    """Return cells for these headings; most dates of a table are in one style."""
    alike = st.dates(dt.date(2023, 1, 1), dt.date(2024, 6, 30)).map(lambda d: write_day(d, style))
    kinds = {
        "opportunity_id": st.sampled_from(IDS),
        "stage": st.sampled_from((*"ABCABC", *TEXTS)),
        **dict.fromkeys(("entered_at", "created_at", "closed_at", "A", "B"), alike | dates()),
    }
    return st.tuples(*(kinds.get(heading, st.sampled_from(TEXTS)) for heading in headings))


@dataclass(frozen=True)
class Form:
    """A format: how it is written, and which texts it can hold."""

    write: Writer
    unheld: str = ""

    def text(self, cell: str) -> str:
        """Return a text without the signs that the format cannot hold."""
        return cell.translate(dict.fromkeys(map(ord, self.unheld)))


def _csv(separator: str, encoding: str) -> Writer:
    """Return the writer of texts with a separator."""

    def write(headings: Sequence[str], rows: Sequence[tuple[str, ...]]) -> bytes:
        out = io.StringIO()
        writer = csv.writer(out, delimiter=separator)
        writer.writerows([headings, *rows])
        return out.getvalue().encode(encoding)

    return write


def _gz(headings: Sequence[str], rows: Sequence[tuple[str, ...]]) -> bytes:
    """Return packed text."""
    return gzip.compress(_csv(",", "utf-8")(headings, rows), mtime=0)


def _zip(headings: Sequence[str], rows: Sequence[tuple[str, ...]]) -> bytes:
    """Return a .zip with one file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("inside.csv", _csv(",", "utf-8")(headings, rows))
    return out.getvalue()


def _lines(headings: Sequence[str], rows: Sequence[tuple[str, ...]]) -> bytes:
    """Return an object per line."""
    objects = [dict(zip(headings, cells, strict=True)) for cells in rows]
    return "\n".join(json.dumps(one) for one in objects).encode()


def _parquet(headings: Sequence[str], rows: Sequence[tuple[str, ...]]) -> bytes:
    """Return a Parquet file of texts."""
    out = io.BytesIO()
    pd.DataFrame(list(rows), columns=list(headings), dtype="str").to_parquet(out)
    return out.getvalue()


def _xlsx(headings: Sequence[str], rows: Sequence[tuple[str, ...]]) -> bytes:
    """Return a workbook; ISO dates are dates of Excel, and numbers are numbers."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"default_date_format": "yyyy-mm-dd"}) as book:
        sheet = book.add_worksheet()
        for at, cells in enumerate([tuple(headings), *rows]):
            for place, cell in enumerate(cells):
                if re.fullmatch(r"20\d\d-\d\d-\d\d", cell) and cell != "2024-02-30":
                    sheet.write_datetime(at, place, dt.datetime.fromisoformat(cell))
                elif re.fullmatch(r"\d{5}(\.5)?", cell):
                    sheet.write_number(at, place, float(cell))
                else:
                    sheet.write_string(at, place, cell)
    return out.getvalue()


FORMS = {
    "csv": Form(_csv(",", "utf-8")),
    "tsv": Form(_csv("\t", "utf-16")),
    "txt": Form(_csv(";", "utf-8-sig")),
    "csv.gz": Form(_gz),
    "zip": Form(_zip),
    "jsonl": Form(_lines),
    "parquet": Form(_parquet),
    "xlsx": Form(_xlsx),
}
PIECES = (
    *(b'"', b"\n", b"\r", b",", b";", b"\xff\xfe", b"\0", b"'; DROP", b"1e999", b"\t", b"<html>"),
    *("\u06f1".encode(), b"PK\x03\x04", b"\x1f\x8b", b"PAR1", b"{", b"]", b"\xe9", b"\xef\xbb\xbf"),
)
FILES = tuple(sorted(f for f in GALLERY.rglob("*") if f.is_file() and f.stat().st_size < 20_000))


@st.composite
def raw(draw: st.DrawFn) -> Source:
    """Return bytes that may be anything, or a file of the gallery with some of them changed."""
    config = draw(st.sampled_from(("", *SETTINGS, STAGES)))
    if draw(st.integers(0, 3)) == 0:
        pieces = draw(st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), max_size=20))
        name = draw(st.sampled_from(tuple(FORMS)))
        return Source(f"file.{name}", b"".join(pieces), config)
    file = draw(st.sampled_from(FILES))
    content = file.read_bytes()
    for _ in range(draw(st.integers(1, 3))):
        # a broken heading is refused at once: half of the changes are behind it
        at = draw(st.integers(draw(st.sampled_from((0, len(content) // 3))), len(content)))
        gone = draw(st.sampled_from((0, 0, 1, 2, 30)))
        content = content[:at] + draw(st.sampled_from(PIECES)) + content[at + gone :]
    return Source(draw(st.sampled_from((file.name, file.name, "file.csv"))), content, config)


# ------------------------------------------------------------------------- judging them


def judge(source: Source, *, analysed: bool = False) -> str:
    """Read a source as `leakkit check` does, and return the code of the error, or "read".

    Fails where it is neither read nor refused, where a row is lost, or where a date is.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / source.name
        file.write_bytes(source.content)
        try:
            store, found = check_source(file, Config.from_text(source.config))
        except LeakkitError as error:
            return _refusal_code(error)
        with store:
            for counted in found.rows:
                parts = ("used", "merged", "not_asked", "set_aside")
                assert counted["read"] == sum(int(counted[part]) for part in parts), counted
            faults_csv(found.faults)
            if source.rows is not None:
                judge_rows(source, store)
            if analysed:
                analyze(store)
    return "read"


def _refusal_code(error: LeakkitError) -> str:
    """Return the code of an error that says what is wrong, and is no fault of leakkit."""
    assert error.code != "rows_lost", str(error)
    assert str(error), "an error without a word"
    return error.code


def judge_rows(source: Source, store: Store) -> None:
    """Hold what was read against the cells that were written."""
    rows = [cells for cells in source.rows or () if any(cell.strip() for cell in cells)]
    read = {str(counted["table"]): int(counted["read"]) for counted in store.meta("rows")}
    if store.meta("shape") == "events":
        # a line that is one empty text is no row in a format of lines
        assert read["history"] == len(rows), (read, rows)
    days = {day for cells in rows for cell in cells for day in meanings(cell)}
    if store.config.source.typed_dates == "swapped":
        days |= {other for day in days if (other := swap_day_and_month(day)) is not None}
    days |= {int(store.meta("last_day")) + off for off in (0, 1)}
    found = store.rows(
        "SELECT entered_day FROM stage_history UNION SELECT created_day FROM opportunities "
        "UNION SELECT closed_day FROM opportunities"
    )
    strange = {day for (day,) in found if day is not None} - days
    assert not strange, [(EPOCH + dt.timedelta(days=day)).isoformat() for day in strange]


def swap_day_and_month(day: int) -> int | None:
    """Return the day whose day and month stand the other way round."""
    try:
        date = EPOCH + dt.timedelta(days=day)
        return (date.replace(month=date.day, day=date.month) - EPOCH).days
    except (ValueError, OverflowError):
        return None


def meanings(text: str) -> set[int]:
    """Return every day, since 1970, that a text may mean: all orders, calendars and clocks.

    >>> sorted((EPOCH + dt.timedelta(days=day)).isoformat() for day in meanings("03/04/2024"))
    ['2024-03-04', '2024-04-03']
    """
    text = "".join(str(int(sign)) if sign.isdecimal() else sign for sign in text)
    numbers = [int(part) for part in re.findall(r"\d+", text)]
    found: set[int] = set()
    for parts in permutations(numbers[:3], 3):
        found |= _days(*parts)
    named = [at % 12 + 1 for at, name in enumerate((*ENGLISH, *MONTHS)) if name in text.lower()]
    found |= {
        day
        for month in named
        for a, b in permutations(numbers[:2], 2)
        for day in _days(a, month, b)
    }
    if re.fullmatch(r"\s*\d{8}\s*", text):
        found |= _days(numbers[0] // 10_000, numbers[0] // 100 % 100, numbers[0] % 100)
    if numbers and re.fullmatch(r"\s*\d{5}(\.\d+)?\s*", text):
        found.add(numbers[0] - 25569)
    if numbers and re.fullmatch(r"\s*\d{9,13}(\.\d+)?\s*", text):
        found |= {numbers[0] // 86_400, numbers[0] // 86_400_000}
    # a time with a zone, or one in a zone that is not that of the data, may be the next day
    near = (-1, 0, 1) if re.search(r"\d:\d\d|^\s*\d{9,13}", text) else (0,)
    return {day + off for day in found for off in near}


ENGLISH = (
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)


def _days(year: int, month: int, day: int) -> set[int]:
    """Return the days that three numbers are, in either calendar; two digits are a year, too."""
    years = {year, year + 1900, year + 2000, year + 1300, year + 1400} if year < 100 else {year}
    found = {number for y in years if (number := day_number(y, month, day)) is not None}
    for y in years:
        try:
            found.add((dt.date(y, month, day) - EPOCH).days)
        except ValueError:
            continue
    return found


def reproducer(source: Source) -> str:
    """Return lines of Python that read the source once more."""
    return (
        "from tests.fuzzing import Source, judge\n"
        f"judge(Source({source.name!r}, {source.content!r}, {source.config!r}, "
        f"{source.headings!r}, {source.rows!r}), analysed=True)"
    )
