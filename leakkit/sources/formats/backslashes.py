r"""Tables as databases write them: `\N` for nothing, and a backslash before special signs."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from leakkit.sources.headings.reading import Reading

CHUNK = 1 << 20
NULL = r"\N"
SIGNS = {"t": "\t", "n": "\n", "r": "\r", "b": "", "f": "", "v": "", "0": ""}
"""What a letter behind a backslash means in a cell without quotes; any other sign is itself."""
ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def holds(text: Path) -> tuple[bool, bool]:
    r"""Say whether a file has `\N` anywhere, and whether it has `\"`."""
    null = quote = False
    before = b""
    with text.open("rb") as stream:
        while chunk := stream.read(CHUNK):
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
            yield [_plain(one) for one in cell.findall(whole)[: _cells(whole, separator)]]
            whole = ""


def _cells(line: str, separator: str) -> int:
    """Count the cells of a line, whose separators within cells have a backslash before them."""
    return ESCAPED.sub("", line).count(separator) + 1 if line else 0


def _plain(cell: str) -> str:
    r"""Return a cell without its backslashes; nothing for `\N`.

    >>> _plain(r"C:\\x\ty"), _plain(r"\N")
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
