"""Files of rows, recognised by what they hold: CSV, Parquet, Excel, JSON lines, event logs."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import islice
from typing import TYPE_CHECKING

from leakkit import limits
from leakkit.errors import Fault, LeakkitError
from leakkit.sources.formats.backslashes import NULL, without_backslashes
from leakkit.sources.formats.encodings import Text, as_utf8, refuse_long_lines
from leakkit.sources.formats.footers import say_footer, without_footer, without_groups
from leakkit.sources.formats.headless import given_headings
from leakkit.sources.formats.nested import flatten, rows_of_page
from leakkit.sources.formats.rows import LINE, distinct, free_rowid, put_rows, refuse_wide
from leakkit.sources.formats.unpacking import open_zip, unpack_gzip
from leakkit.sources.formats.workbooks import LOOKED_AT, heading_row, read_workbook
from leakkit.sources.formats.xes import read_xes
from leakkit.sources.headings.heading_words import once
from leakkit.sources.headings.reading import Table
from leakkit.store.database import literal, quote
from leakkit.store.troubles import ENGINE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from leakkit.sources.headings.reading import Reading

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".xls": "xlsx",
    ".xlsb": "xlsx",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".xes": "xes",
}
"""The format that a file's ending names; what the file holds beats it."""
NOTHING = ("", NULL, "NULL", "(null)", "#N/A")
"""Cells in which databases and spreadsheets write that nothing stands there."""
SEPARATORS = ",;\t|"
SHOWN_FAULTS = 100
BROKEN = {
    "MISSING COLUMNS": "the row has fewer columns than the heading",
    "TOO MANY COLUMNS": "the row has more columns than the heading",
    "UNQUOTED VALUE": "a quote opens or closes in the middle of a value",
    "INVALID ENCODING": "the text is not UTF-8",
    "LINE SIZE OVER MAXIMUM": "the row is longer than 2 MB",
}
"""What can be wrong with a row, by the engine's name for it."""
HALF = re.compile("[\ud800-\udfff]")
CHECK_ROW = "check quotes and separators in this row"
TOO_LONG = "a cell so long is no part of a deal: shorten it, or leave its column out"


def form_of_name(path: Path) -> str:
    """Return the format that a file's name says; '' where none is known."""
    return FORMATS.get(_inner(path.name), "")


def _inner(name: str) -> str:
    """Return the ending of a name, in small letters, without .gz."""
    plain = name.lower().removesuffix(".gz")
    return plain[plain.rfind(".") :] if "." in plain else ""


def form_of_content(path: Path) -> str:
    """Return the format that the first bytes of a file show; '' where they show none."""
    with path.open("rb") as stream:
        start = stream.read(512)
    if start[:4] == b"PAR1":
        return "parquet"
    if start[:4] == b"PK\x03\x04":
        return "xlsx" if _is_workbook(path) else "zip"
    if start[:4] == b"\xd0\xcf\x11\xe0":
        return "xlsx"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] == b"<":
        return "html" if re.search(rb"<(!doctype html|html|table|head|meta)", text.lower()) else ""
    return "jsonl" if re.match(rb'(\[\s*)?\{\s*("|\})', text) else ""


def _is_workbook(path: Path) -> bool:
    """Say whether a zip file is a workbook of Excel."""
    try:
        with open_zip(path, path.name) as packed:
            return any(name.startswith("xl/workbook.") for name in packed.namelist())
    except zipfile.BadZipFile:
        return path.suffix.lower().startswith(".xls")


def read_file(reading: Reading, path: Path, name: str) -> list[Table]:
    """Read one file as tables whose columns still have the file's names.

    One table, but for workbooks with a sheet for the history and one for the opportunities.
    `name` keeps the tables of several files apart.
    """
    form = form_of_name(path)
    if form == "xes":
        return [read_xes(reading.store, path, reading.config.source.columns)]
    inside = unpack_gzip(reading, path)
    said, shown = reading.config.source.format, form_of_content(inside)
    if said != "auto":
        form = said
    elif shown and shown != form:
        reading.say(path.name, "format", shown, "content")
        form = shown
    elif not shown and form == "xlsx" and inside.stat().st_size:
        reading.say(path.name, "format", "csv", "content")
        form = "csv"
    if form == "html":
        message = (
            f"{path.name} is a web page, whatever its name says. "
            "Open it in a spreadsheet and save it as .xlsx or .csv."
        )
        raise LeakkitError("unreadable_file", message)
    if form == "zip":
        message = f"{path.name} holds a .zip in which there is no table."
        raise LeakkitError("unreadable_file", message)
    if form == "xlsx":
        return _sheets(reading, inside, path.name)
    if form == "jsonl":
        return _read_json(reading, inside, path.name, name)
    readers = {"parquet": _read_parquet, "csv": _read_csv}
    if form not in readers:
        raise unknown_format(path)
    return [describe_table(reading, path.name, *readers[form](reading, inside, path.name, name))]


def unknown_format(path: Path) -> LeakkitError:
    """Return the error of a file that no reader is for."""
    known = (
        "folders, .csv, .tsv, .txt, .parquet, .xlsx, .xls, .xlsb, .jsonl, .json, .xes, "
        ".gz and .zip of these, and .duckdb"
    )
    message = f"{path.name}: leakkit reads {known}."
    return LeakkitError("unknown_format", message)


def describe_table(
    reading: Reading, file: str, relation: str, line: str, *, ordered: bool = True
) -> Table:
    """Describe a relation as the table of a file."""
    types = types_of(reading, relation)
    refuse_wide(file, len(types))
    source = reading.config.source
    rules = [rules for pattern, rules in source.files.items() if fnmatchcase(file, pattern)]
    renamed = {**source.columns, **{k: v for one in rules for k, v in one.columns.items()}}
    where = {key: values for one in rules for key, values in one.where.items()}
    return Table(file, relation, line, types, renamed, where=where, ordered=ordered)


def types_of(reading: Reading, relation: str) -> dict[str, str]:
    """Return the engine's types of the columns of a file, by heading."""
    rows = reading.store.rows(f"DESCRIBE SELECT * FROM {relation}")  # noqa: S608 - quoted
    return {row[0]: row[1] for row in rows if row[0] not in {"file_row_number", LINE}}


def _sheets(reading: Reading, path: Path, name: str) -> list[Table]:
    """Read the chosen sheets of a workbook."""
    found = read_workbook(reading, path, name)
    several = len(found) > 1
    tables = []
    for sheet in found:
        file = f"{name}, {sheet.name}" if several else name
        table = describe_table(reading, file, sheet.relation, quote(LINE))
        if sheet.footer:
            say_footer(reading, file, sheet.footer)
        tables.append(replace(table, typed=sheet.typed))
    return tables


def _place(path: Path) -> str:
    """Return a path as SQL; signs that would stand for other files are taken as they are."""
    return literal(re.sub(r"([*?\[])", r"[\1]", str(path.absolute())))


def _read_parquet(reading: Reading, path: Path, file: str, name: str) -> tuple[str, str]:
    """Give a Parquet file a name; nothing is copied. Making the view reads what is in it."""
    view = quote(f"file_{name}")
    try:
        reading.store.run(
            f"CREATE TEMP VIEW {view} AS SELECT * FROM read_parquet({_place(path)}, "  # noqa: S608 - quoted
            "file_row_number = TRUE, hive_partitioning = FALSE)",
        )
    except ENGINE:
        message = f"{file} cannot be read as a Parquet file."
        raise LeakkitError("unreadable_file", message) from None
    return view, "file_row_number + 1"


def _read_json(reading: Reading, path: Path, file: str, name: str) -> list[Table]:
    """Read a file with an object per line, or one array or page of objects; keys are headings.

    Histories within the rows are a second table.
    """
    whole = _is_whole(path)
    if not whole:
        refuse_long_lines(path, file)
    elif path.stat().st_size > limits.JSON_BYTES:
        message = (
            f"{file} is one JSON array or object of more than {limits.JSON_BYTES:,} bytes, which "
            "has to be read whole. Write an object per line instead: of these there may be any "
            "number."
        )
        raise LeakkitError("too_large", message)
    text, _ = as_utf8(reading, path, file)
    headings: tuple[dict[str, None], dict[str, None]] = ({}, {})
    for _, row in _json_rows(text, file, whole=whole):
        columns, entries = flatten(row)
        headings[0].update(dict.fromkeys(columns))
        headings[1].update(dict.fromkeys(key for entry in entries for key in entry))
        refuse_wide(file, len(headings[0]))
    if not headings[0]:
        message = f"{file} is empty: it needs a heading and rows."
        raise LeakkitError("empty_file", message)
    flat = ((number, flatten(row)) for number, row in _json_rows(text, file, whole=whole))
    rows = ((number, columns) for number, (columns, _) in flat)
    tables = [_json_table(reading, file, quote(f"file_{name}"), headings[0], rows)]
    if headings[1]:
        every = (one for _, row in _json_rows(text, file, whole=whole) for one in flatten(row)[1])
        inner, place = f"{file}, history", quote(f"file_{name}_history")
        tables += [_json_table(reading, inner, place, headings[1], enumerate(every, start=1))]
    return tables


def _json_table(
    reading: Reading,
    file: str,
    place: str,
    headings: dict[str, None],
    rows: Iterable[tuple[int, dict[str, object]]],
) -> Table:
    """Copy rows of JSON as texts."""
    halves = Halves(reading)
    cells = ((n, [halves.mend(_say_cell(row.get(key))) for key in headings]) for n, row in rows)
    put_rows(reading.store, place, distinct([halves.mend(key) for key in headings]), cells)
    return describe_table(reading, file, place, quote(LINE))


def _is_whole(path: Path) -> bool:
    """Say whether a JSON file is one value, an array or an object over several lines."""
    with path.open("rb") as stream:
        start = stream.read(512).strip(b"\xff\xfe\xef\xbb\xbf\0 \t\r\n")
    return (
        start.startswith(b"[") or re.match(rb"\{\s*[\r\n]", start.replace(b"\0", b"")) is not None
    )


def _json_rows(text: Path, file: str, *, whole: bool) -> Iterator[tuple[int, dict[str, object]]]:
    """Return (row, object) of a JSON file; the lines of a long one are never all in memory."""
    with text.open(encoding="utf-8-sig") as stream:
        yield from _whole(stream.read(), file) if whole else _objects(stream, file)


@dataclass(frozen=True)
class Halves:
    """Mends texts with half of a sign of two halves, which no text of Unicode may have."""

    reading: Reading

    def mend(self, text: str) -> str:
        """Return a text with a mark where half a sign stands alone, and count it."""
        if text.isascii() or not HALF.search(text):
            return text
        self.reading.count("half_signs", 1)
        return HALF.sub("\ufffd", text)


def _objects(lines: Iterator[str], file: str) -> Iterator[tuple[int, dict[str, object]]]:
    """Return (row, object) of every line that is not empty; raise with all that are none.

    A line may be a page of results; its rows are then numbered from one to the next.
    """
    faults, number = [], 0
    for row, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line, parse_float=str, parse_int=str)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            faults.append(Fault(file, row, "", line.strip()[:80], "the line is no JSON object"))
            continue
        page = rows_of_page(found)
        for one in [found] if page is None else page:
            number = max(number + 1, row)
            yield number, one
    if faults:
        message = f"{file} has {len(faults)} row(s) that are no JSON objects:"
        raise LeakkitError("broken_rows", message, tuple(faults[:SHOWN_FAULTS]))


def _whole(text: str, file: str) -> list[tuple[int, dict[str, object]]]:
    """Return (number, object) of one JSON value: an array of objects, a page, or one object."""
    try:
        found = json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        found = None
    rows = rows_of_page(found)
    if rows is None and isinstance(found, dict):
        rows = [found]
    if rows is None:
        message = f"{file} is no JSON array of objects."
        raise LeakkitError("unreadable_file", message)
    return list(enumerate(rows, start=1))


def _say_cell(value: object) -> str:
    """Return a JSON value as the text of a cell."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read_csv(reading: Reading, path: Path, file: str, name: str) -> tuple[str, str]:
    """Copy a CSV file as texts; raise one error with every row that does not fit the heading.

    The heading is read here and nothing is guessed: a first row that is broken would
    else change what the engine takes for the heading.
    """
    refuse_long_lines(path, file)
    text, seen = as_utf8(reading, path, file)
    top = _heading(reading, text, file)
    text, seen = _plain(reading, text, seen, file, top)
    return _copy_rows(reading, (text, seen), file, name, top)


def _copy_rows(
    reading: Reading, plain: tuple[Path, Text], file: str, name: str, top: Top
) -> tuple[str, str]:
    """Copy the rows of a CSV file; lines over groups of rows are left out, and it is read again."""
    (text, seen), store, table = plain, reading.store, quote(f"file_{name}")
    columns = ", ".join(f"{literal(heading)}: 'VARCHAR'" for heading in top.headings)
    try:
        store.run(
            f"CREATE TEMP TABLE {table} AS SELECT * FROM read_csv({_place(text)}, "  # noqa: S608 - quoted
            f"auto_detect = FALSE, header = {top.written}, columns = {{{columns}}}, "
            f"delim = {literal(top.separator)}, quote = '\"', skip = {top.skipped}, "
            f"escape = '\"', nullstr = [{', '.join(map(literal, NOTHING))}], comment = '', "
            "hive_partitioning = FALSE, store_rejects = TRUE, rejects_limit = 0)",
        )
    except ENGINE:
        message = (
            f"{file} cannot be read as CSV: its quotes do not match, "
            "or it mixes two kinds of line ends."
        )
        raise LeakkitError("unreadable_file", message) from None
    free_rowid(store, table, top.headings)
    rows = int(store.value(f"SELECT count(*) FROM {table}"))  # noqa: S608 - quoted
    # more ends of lines than rows: within quotes, or between rows
    skipped = top.skipped if top.written else -1
    uneven = seen.ends is None or seen.ends > rows + 1 + skipped
    blank = _blank_rows(text, skipped) if uneven else []
    rejects = store.rows(
        "SELECT line, min(error_type), min(csv_line) FROM reject_errors GROUP BY line ORDER BY line"
    )
    store.run("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
    if rejects and (parted := without_groups(reading, text, file, [said for *_, said in rejects])):
        store.run(f"DROP TABLE {table}")
        return _copy_rows(reading, (parted, Text(seen.encoding)), file, name, top)
    if rejects:
        _refuse(file, [(int(line) - 1, kind, said) for line, kind, said in rejects])
    return _number_rows(reading, table, blank) if blank else (table, "rowid + 1")


@dataclass(frozen=True)
class Top:
    """What the first lines of a CSV file show: its separator, and its headings, each once.

    `skipped` lines stand before the headings; `written`: they stand in the file, and not in
    the configuration only.
    """

    separator: str
    skipped: int
    headings: list[str]
    written: bool = True


def _plain(reading: Reading, text: Path, seen: Text, file: str, top: Top) -> tuple[Path, Text]:
    """Return the text without what stands under the rows, and as CSV is usually written."""
    text, cut = without_footer(reading, text, file, top.separator, len(top.headings))
    plain = without_backslashes(reading, text, file, top.separator)
    return plain, Text(seen.encoding) if cut or plain != text else seen


def _heading(reading: Reading, path: Path, file: str) -> Top:
    """Return what the first lines show; raise where they are rows of data without headings.

    The separator is what the heading uses most. A line `sep=;` says it, as Excel does.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            top = list(islice(lines, LOOKED_AT))
    except OSError as error:
        message = f"Cannot read {file}: {error.strerror}."
        raise LeakkitError("unreadable_file", message) from None
    cells = [_cells(line) for line in top]
    skipped = heading_row(cells, reading.config.source.columns)
    if top and (said := re.fullmatch(r"sep=(.)\s*", top[0], re.IGNORECASE)):
        skipped = max(skipped, 1)
        separator = said[1]
    else:
        separator = max(SEPARATORS, key=top[skipped].count) if top else ","
    try:
        headings = next(csv.reader(top[skipped:], delimiter=separator), [])
    except csv.Error:
        message = f"The heading of {file} cannot be read as CSV."
        raise LeakkitError("unreadable_file", message) from None
    if not any(heading.strip() for heading in headings):
        message = f"{file} is empty: it needs a heading and rows."
        raise LeakkitError("empty_file", message)
    given = given_headings(reading, file, [headings, *_next_rows(top[skipped + 1 :], separator)])
    if given:
        return Top(separator, 0, given, written=False)
    if skipped:
        reading.say(file, "heading_row", str(skipped + 1))
    if separator != ",":
        reading.say(file, "separator", {"\t": "tab"}.get(separator, separator), "heading")
    return Top(separator, skipped, once(reading, file, headings))


def _next_rows(lines: list[str], separator: str) -> list[list[str]]:
    """Return the cells of the rows under the heading, as far as they can be told."""
    try:
        return list(csv.reader(lines, delimiter=separator))
    except csv.Error:
        return []


def _cells(line: str) -> list[str]:
    """Return the cells of one line, by the separator that it uses most."""
    try:
        return next(csv.reader([line], delimiter=max(SEPARATORS, key=line.count)), [])
    except csv.Error:
        return [line]


def _blank_rows(path: Path, skipped: int) -> list[int]:
    """Return how many data rows stand before each blank line between the rows of a CSV file.

    The engine leaves blank lines out; the numbers of rows must not. A line within quotes
    is part of a cell.
    """
    found, rows, inside = [], -1, False
    with path.open(encoding="utf-8-sig", newline="") as lines:
        for line in islice(lines, skipped, None):
            if not inside and not line.strip("\r\n"):
                found.append(rows)
                continue
            rows += not inside
            inside ^= line.count('"') % 2 == 1
    return [before for before in found if 0 <= before < rows]


def _number_rows(reading: Reading, table: str, blank: list[int]) -> tuple[str, str]:
    """Give every row of a table its number in the file, blank lines counted."""
    numbered = quote("numbered " + table.strip('"'))
    reading.store.run(
        f"""
        CREATE TEMP TABLE {numbered} AS
        SELECT t.rowid + 1 + COALESCE(b.blanks, 0) AS {quote(LINE)}, t.*
        FROM {table} t
        ASOF LEFT JOIN (SELECT before, max(n) AS blanks
                        FROM (SELECT unnest($rows) AS before,
                                     unnest(range(1, len($rows) + 1)) AS n)
                        GROUP BY before) b
        ON t.rowid >= b.before
        ORDER BY t.rowid
        """,  # noqa: S608 - quoted
        {"rows": blank},
    )
    reading.store.run(f"DROP TABLE {table}")
    return numbered, quote(LINE)


def _refuse(file: str, rejects: list[tuple[int, str, str]]) -> None:
    """Raise the error that lists the rows of a CSV file that cannot be read."""
    faults = tuple(
        Fault(
            file,
            row,
            "",
            said.strip()[:80],
            BROKEN.get(kind, kind.lower()),
            TOO_LONG if kind == "LINE SIZE OVER MAXIMUM" else CHECK_ROW,
        )
        for row, kind, said in rejects[:SHOWN_FAULTS]
    )
    message = f"{file} has {len(rejects)} row(s) that do not fit its heading:"
    raise LeakkitError("broken_rows", message, faults)
