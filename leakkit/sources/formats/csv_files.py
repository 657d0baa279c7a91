r"""CSV files: the separator, the heading, and every row that does not fit it.

Databases write tables with `\N` for nothing and a backslash before special signs; these
are brought into the form of all others first.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from leakkit.errors import Fault, LeakkitError
from leakkit.sources.formats.headers_and_footers import (
    given_headings,
    without_footer,
    without_groups,
)
from leakkit.sources.formats.rows import LINE, SHOWN_FAULTS, free_rowid, path_sql
from leakkit.sources.formats.unpacking import TextSurvey, as_utf8, refuse_long_lines
from leakkit.sources.formats.workbooks import LOOKED_AT, heading_row
from leakkit.sources.headings.heading_words import once
from leakkit.store.database import literal, literals, quote
from leakkit.store.engines import ENGINE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from leakkit.sources.headings.reading import Reading

NULL = r"\N"

NOTHING = ("", NULL, "NULL", "(null)", "#N/A")
"""Cells in which databases and spreadsheets write that nothing stands there."""
SEPARATORS = ",;\t|"
BROKEN = {
    "MISSING COLUMNS": "the row has fewer columns than the heading",
    "TOO MANY COLUMNS": "the row has more columns than the heading",
    "UNQUOTED VALUE": "a quote opens or closes in the middle of a value",
    "INVALID ENCODING": "the text is not UTF-8",
    "LINE SIZE OVER MAXIMUM": "the row is longer than 2 MB",
}
"""What can be wrong with a row, by the engine's name for it."""
CHECK_ROW = "check quotes and separators in this row"
TOO_LONG = "a cell so long is no part of a deal: shorten it, or leave its column out"


def read_csv(reading: Reading, path: Path, file: str, name: str) -> tuple[str, str]:
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
    reading: Reading, plain: tuple[Path, TextSurvey], file: str, name: str, top: Top
) -> tuple[str, str]:
    """Copy the rows of a CSV file; lines over groups of rows are left out, and it is read again."""
    (text, seen), store, table = plain, reading.store, quote(f"file_{name}")
    columns = ", ".join(f"{literal(heading)}: 'VARCHAR'" for heading in top.headings)
    try:
        store.run(
            f"CREATE TEMP TABLE {table} AS SELECT * FROM read_csv({path_sql(text)}, "  # noqa: S608 - quoted
            f"auto_detect = FALSE, header = {top.written}, columns = {{{columns}}}, "
            f"delim = {literal(top.separator)}, quote = '\"', skip = {top.skipped}, "
            f"escape = '\"', nullstr = [{literals(NOTHING)}], comment = '', "
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
        return _copy_rows(reading, (parted, TextSurvey(seen.encoding)), file, name, top)
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


def _plain(
    reading: Reading, text: Path, seen: TextSurvey, file: str, top: Top
) -> tuple[Path, TextSurvey]:
    """Return the text without what stands under the rows, and as CSV is usually written."""
    text, cut = without_footer(reading, text, file, top.separator, len(top.headings))
    plain = without_backslashes(reading, text, file, top.separator)
    return plain, TextSurvey(seen.encoding) if cut or plain != text else seen


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


# ---------------- tables as databases write them

CHUNK = 1 << 20
SIGNS = {"t": "\t", "n": "\n", "r": "\r", "b": "", "f": "", "v": "", "0": ""}
"""What a letter behind a backslash means in a cell without quotes; any other sign is itself."""
ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def holds(text: Path) -> tuple[bool, bool]:
    r"""Say whether a file has `\N` anywhere, and whether it has `\"`."""
    null = quote = False
    before = b""
    with text.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            # a single byte is found many times faster than two
            if b"\\" in chunk or before == b"\\":
                null = null or rb"\N" in before + chunk
                quote = quote or rb"\"" in before + chunk
            before = chunk[-1:]
    return null, quote


def without_backslashes(reading: Reading, text: Path, file: str, separator: str) -> Path:
    r"""Return a CSV file written in the usual way, where it was written as databases do.

    A quote within a cell is usually written twice. `\"` is one where every row has as many
    cells as the heading when it is read so, and not all of them have when it is not. Text of
    a database between tabs has no quotes at all.
    """
    null, quote = holds(text)
    if not null and not quote:
        return text
    if separator == "\t" and null and not _has_quotes(text, separator):
        return _rewritten(reading, text, file, _bare(text, separator), separator)
    if quote and not _fits(_standard(text, separator)) and _fits(_read_quoted(text, separator)):
        return _rewritten(reading, text, file, _read_quoted(text, separator), separator)
    return text


def _has_quotes(text: Path, separator: str) -> bool:
    """Say whether a cell of the first lines begins with a quote."""
    with text.open(encoding="utf-8-sig", newline="") as lines:
        return any(
            line.startswith('"') or f'{separator}"' in line
            for line, _ in zip(lines, range(1000), strict=False)
        )


def _fits(rows: Iterable[list[str]]) -> bool:
    """Say whether every row has as many cells as the first."""
    width = 0
    try:
        for row in rows:
            width = width or len(row)
            if row and len(row) != width:
                return False
    except csv.Error:
        return False
    return width > 1


def _standard(text: Path, separator: str) -> Iterator[list[str]]:
    """Read a file in the usual way."""
    with text.open(encoding="utf-8-sig", newline="") as lines:
        yield from csv.reader(lines, delimiter=separator, strict=True)


def _read_quoted(text: Path, separator: str) -> Iterator[list[str]]:
    """Read a file in which a backslash stands before quotes within a cell."""
    sign = re.escape(separator)
    nothing = re.compile(rf"(?:^|(?<={sign}))\\N(?={sign}|\r?\n?$)")
    with text.open(encoding="utf-8-sig", newline="") as lines:
        plain = (nothing.sub("", line) for line in lines)
        yield from csv.reader(plain, delimiter=separator, escapechar="\\", strict=True)


def _bare(text: Path, separator: str) -> Iterator[list[str]]:
    """Read a file without quotes, in which a backslash stands before special signs."""
    cell = re.compile(rf"((?:[^\\{separator}]|\\.)*)(?:{separator}|$)", re.DOTALL)
    with text.open(encoding="utf-8-sig", newline="") as lines:
        whole = ""
        for line in lines:
            whole += line.rstrip("\r\n")
            if (len(whole) - len(whole.rstrip("\\"))) % 2:
                whole += "\n"
                continue
            yield [
                _without_escapes(one)
                for one in cell.findall(whole)[: _count_cells(whole, separator)]
            ]
            whole = ""


def _count_cells(line: str, separator: str) -> int:
    """Count the cells of a line, whose separators within cells have a backslash before them."""
    return ESCAPED.sub("", line).count(separator) + 1 if line else 0


def _without_escapes(cell: str) -> str:
    r"""Return a cell without its backslashes; nothing for `\N`.

    >>> _without_escapes(r"C:\\x\ty"), _without_escapes(r"\N")
    ('C:\\x\ty', '')
    """
    if cell == NULL:
        return ""
    return ESCAPED.sub(lambda found: SIGNS.get(found[1], found[1]), cell)


def _rewritten(
    reading: Reading, text: Path, file: str, rows: Iterable[list[str]], separator: str
) -> Path:
    """Write rows as CSV in the usual way."""
    again = reading.scratch / f"plain-{text.name}"
    with again.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter=separator, lineterminator="\n")
        writer.writerows(rows)
    reading.say(file, "writing", "backslashes")
    return again
