"""Workbooks of Excel (xlsx, xls, xlsb): the sheet is chosen by its headings.

Sheets are read by a process of its own, which may end over a damaged file.
"""

from __future__ import annotations

import datetime as dt
import html
import importlib.util
import json
import re
import subprocess
import sys
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leakkit import limits
from leakkit.errors import Ask, Fault, LeakkitError, shorten_text
from leakkit.sources.cells.dates import swap_columns, typed_columns
from leakkit.sources.formats.headers_and_footers import footer_of, given_headings
from leakkit.sources.formats.rows import put_rows
from leakkit.sources.formats.unpacking import open_zip
from leakkit.sources.headings.heading_words import exports_of, once, score
from leakkit.sources.headings.reading import OR_ALL, SwappedDates, Table
from leakkit.sources.headings.table_parts import part_of
from leakkit.store.database import quote

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from leakkit.sources.headings.reading import Reading

LOOKED_AT = 20
"""Rows at the top of a sheet among which the headings are looked for."""


@dataclass(frozen=True)
class WorkbookSheet:
    """A sheet in the database: its relation, its headings, and dates that may be swapped.

    `footer` are the rows of a report that stand under those of the data.
    """

    name: str
    relation: str
    headings: list[str]
    typed: dict[str, SwappedDates]
    footer: list[list[str]]


def read_workbook(reading: Reading, path: Path, name: str) -> list[WorkbookSheet]:
    """Read the sheets of a workbook that play a part.

    `[source] sheet` names one, or several that are read together. Else: the sheets whose headings
    play a part (a history, opportunities); where none does, the first that is not empty. Hidden
    sheets are not read.
    """
    found = [
        _copy_sheet(reading, _compact(sheet), f"{sheet.name} of {name}")
        for sheet in read_cells(path, name, reading.config.source.sheet)
        if any(_is_filled(cells) for cells in sheet.rows)
    ]
    chosen = _choose_sheets(reading, name, found)
    refuse_uncounted(path, name, [sheet.name for sheet in chosen])
    return chosen


def _is_filled(cells: Sequence[object]) -> bool:
    """Say whether a row has a cell that is not empty."""
    return any(cell not in {"", None} for cell in cells)


def _text(cell: object) -> str:
    """Return a cell as text: dates in ISO form, whole numbers without a point."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, dt.datetime):
        # a serial number is a float: the nearest second is what was typed
        # of the last second that there is, a "never" of some databases, there is no next one
        half = dt.timedelta(microseconds=0 if cell.year == dt.MAXYEAR else 500_000)
        whole = (cell + half).replace(microsecond=0)
        return (
            whole.isoformat(" ")
            if (whole.hour, whole.minute, whole.second) != (0, 0, 0)
            else (whole.date().isoformat())
        )
    return str(cell)


def _copy_sheet(reading: Reading, cells: Cells, relation: str) -> WorkbookSheet:
    """Copy a sheet into the database."""
    sheet, renamed = cells.name, reading.config.source.columns
    tops = [[_text(cell) for cell in row] for row in cells.rows[:LOOKED_AT]]
    top = heading_row(tops, renamed)
    headings = given_headings(reading, sheet, tops[top:])
    if headings:
        top = -1
    elif top:
        reading.say(sheet, "heading_row", str(top + 1))
    headings = headings or once(reading, sheet, [_text(cell) for cell in cells.rows[top]])
    rest = _fill_down(reading, cells, top, _place_of_id(headings, renamed))
    footer = _footer(rest, len(headings))
    rest = rest[: len(rest) - len(footer)]
    typed = typed_columns(rest, headings)
    if reading.config.source.typed_dates == "swapped":
        rest = swap_columns(rest, headings, typed)
    table = quote(relation)
    put_rows(reading.store, table, headings, _pad_rows(rest, len(headings)))
    return WorkbookSheet(sheet, table, headings, typed, footer)


def _footer(rows: list[list[Any]], columns: int) -> list[list[str]]:
    """Return the rows at the end that are the footer of a report."""
    tail = [[_text(cell) for cell in row] for row in rows[-LOOKED_AT:]]
    n = footer_of(tail, columns)
    return tail[-n:] if 0 < n < len(rows) else []


def _compact(cells: Cells) -> Cells:
    """Return a sheet that reaches very far without the columns in which nothing stands."""
    if max(map(len, cells.rows), default=0) <= limits.COLUMNS:
        return cells
    used = {at for row in cells.rows for at, cell in enumerate(row) if cell not in {"", None}}
    kept = sorted(used)
    return Cells(cells.name, (), [[row[at] for at in kept if at < len(row)] for row in cells.rows])


def _place_of_id(headings: list[str], renamed: dict[str, str]) -> int:
    """Return which column has the ids of deals; -1 where none has."""
    known = dict(part_of(headings, renamed).known)
    table = Table("", "", "", dict.fromkeys(headings, "VARCHAR"), renamed, known)
    heading = table.heading("opportunity_id")
    return headings.index(heading) if heading in headings else -1


def _fill_down(reading: Reading, cells: Cells, top: int, place: int) -> list[list[Any]]:
    """Return the rows below the headings, with an id in every row that its merged cell covers."""
    rest = cells.rows[top + 1 :]
    filled = 0
    for first, left, last, right in cells.merged:
        at = first - top - 1
        if not left <= place <= right or not 0 <= at < len(rest) or len(rest[at]) <= left:
            continue
        for row in rest[at + 1 : last - top]:
            if _is_filled(row):
                row.extend([""] * (place + 1 - len(row)))
                row[place] = rest[at][left]
                filled += 1
    if filled:
        reading.say(cells.name, "merged_ids", str(filled), "merged cells")
    return rest


def _pad_rows(rows: Sequence[Sequence[Any]], width: int) -> Iterator[tuple[int, Sequence[str]]]:
    """Return the rows that are not empty as texts, each as wide as the heading."""
    for row, cells in enumerate(rows, start=1):
        texts = [_text(cell) for cell in cells[:width]]
        if any(texts) or _is_filled(cells[width:]):
            yield row, [*texts, *[""] * (width - len(texts))]


def heading_row(rows: Sequence[Sequence[str]], renamed: dict[str, str]) -> int:
    """Return which row holds the headings: the first, unless a later one is better known.

    Reports have titles above their headings; a row of units or groups is no heading.
    """
    scores = [score(cells, renamed) for cells in rows[:LOOKED_AT]]
    best = max(scores, default=0)
    first = next((row for row, cells in enumerate(rows[:LOOKED_AT]) if any(cells)), 0)
    return scores.index(best) if best >= 2 and scores[first] < best else first  # noqa: PLR2004 - one word may be chance


def _choose_sheets(reading: Reading, name: str, found: list[WorkbookSheet]) -> list[WorkbookSheet]:
    """Choose the sheets that play a part, each part once."""
    if not found:
        message = f"{name} is empty: it needs a heading and rows."
        raise LeakkitError("empty_file", message)
    renamed, exports = reading.config.source.columns, exports_of(reading.config)
    parts: dict[str, list[WorkbookSheet]] = {}
    for one in found:
        parts.setdefault(part_of(one.headings, renamed, exports).table, []).append(one)
    played = {part: sheets for part, sheets in parts.items() if part}
    if len(reading.config.source.sheet) > 1:
        return found
    for sheets in played.values():
        if len(sheets) > 1:
            names = ", ".join(sheet.name for sheet in sheets)
            message = (
                f"{name} has {len(sheets)} sheets that may be read: {names}. "
                "Say which: [source] sheet = '...'."
            )
            named = tuple(sheet.name for sheet in sheets)
            same = len({tuple(sorted(sheet.headings)) for sheet in sheets}) == 1
            if same:
                message += (
                    " They have the same columns: one of them may be a part of all deals. If so, "
                    f"name them all and they are read together: sheet = {list(named)}."
                )
            ask = Ask("source", "sheet", named, f"the sheet to read{OR_ALL if same else ''}")
            raise LeakkitError("two_sheets", message, asks=(ask,))
    chosen = [sheets[0] for sheets in played.values()] or found[:1]
    if len(found) > len(chosen) or len(chosen) > 1:
        for sheet in chosen:
            reading.say(name, "sheet", sheet.name, "headings" if played else "first")
    return chosen


# ---------------- formulas without results

UNCOUNTED = re.compile(
    rb'<c r="([A-Z]+)(\d+)"((?![^>]*t="str")[^>]*)>'
    rb"<f[^>]*(?:/>|>[^<]*</f>)(?:<v>\s*</v>|<v ?/>)?</c>"
)
"""A cell with a formula and no result; a text that is empty is a result."""
SHEET_NAMES = re.compile(rb'<sheet [^>]*?name="([^"]*)"[^>]*?r:id="([^"]*)"')
RELATIONS = re.compile(rb"<Relationship [^>]*>")
MOST_SCANNED, SHOWN_CELLS = 1 << 26, 5
FEWEST_FORMULAS = 3
"""Fewer in a column may be a sum under the rows."""


def refuse_uncounted(path: Path, name: str, sheets: Sequence[str]) -> None:
    """Raise where a sheet that is read has formulas that nobody has computed.

    Programs that write workbooks leave the results to the one that opens them.
    """
    try:
        with open_zip(path, name) as packed:
            parts = {one.filename: one for one in packed.infolist()}
            for sheet, part in _parts_of_sheets(packed, parts).items():
                if sheet not in sheets or parts[part].file_size > MOST_SCANNED:
                    continue
                found = UNCOUNTED.findall(packed.read(part))
                most = Counter(column for column, *_ in found).most_common(1)
                if most and most[0][1] >= FEWEST_FORMULAS:
                    raise _explain_uncounted(name, sheet, found)
    except (zipfile.BadZipFile, OSError, ValueError, KeyError, NotImplementedError, zlib.error):
        return  # an older format, or damaged: the parser has said so


def _parts_of_sheets(packed: zipfile.ZipFile, parts: Collection[str]) -> dict[str, str]:
    """Return which part of a workbook holds each of its sheets."""
    if "xl/workbook.xml" not in parts:
        return {}
    targets = {}
    for one in RELATIONS.findall(packed.read("xl/_rels/workbook.xml.rels")):
        key, target = re.search(rb' Id="([^"]*)"', one), re.search(rb' Target="([^"]*)"', one)
        if key and target:
            targets[key[1]] = target[1].decode().lstrip("/").removeprefix("xl/")
    named = SHEET_NAMES.findall(packed.read("xl/workbook.xml"))
    found = {html.unescape(name.decode()): f"xl/{targets.get(key, '')}" for name, key in named}
    return {name: part for name, part in found.items() if part in parts}


def _explain_uncounted(
    name: str, sheet: str, found: Sequence[tuple[bytes, bytes, bytes]]
) -> LeakkitError:
    """Return the error of formulas without results, with the first of them."""
    cells = [f"{column.decode()}{row.decode()}" for column, row, _ in found]
    fault = Fault(
        f"{name}, {sheet}", None, "", ", ".join(cells[:SHOWN_CELLS]), "a formula without result"
    )
    message = (
        f"{name} has {len(cells):,} formulas without results: the program that wrote it does not "
        "compute. Open it in Excel or LibreOffice, save it, and read that file:"
    )
    return LeakkitError("formulas_without_results", message, (fault,))


# ---------------- the process that reads

PROGRAM = Path(__file__).with_name("sheet_process.py")
PARSER = "python_calamine"
INSTEAD = "Save the sheet as .csv, which may be of any size."


@dataclass(frozen=True)
class Cells:
    """The cells of a sheet: `rows[0]` is row 1. `merged` are (top, left, bottom, right)."""

    name: str
    merged: tuple[tuple[int, int, int, int], ...] = ()
    rows: list[list[Any]] = field(default_factory=list)


def read_cells(path: Path, name: str, wanted: Sequence[str]) -> list[Cells]:
    """Read the sheets that are shown, or those that are wanted; `name` is the file's in errors.

    Cells are texts, numbers, booleans, dates and datetimes. Raises LeakkitError where the
    file is damaged, protected or larger than docs/limits.md allows.
    """
    refuse_bomb(path, name)
    packages = Path(str(importlib.util.find_spec(PARSER).origin)).parent.parent  # type: ignore[union-attr] # it is required
    command: list[str | Path] = [sys.executable, "-I", PROGRAM, packages, path.absolute()]
    command += [json.dumps(wanted), str(limits.WORKBOOK_MEMORY), str(limits.WORKBOOK_SECONDS)]
    with subprocess.Popen(  # noqa: S603 - our own program; the path is one argument
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            return _collect_cells(process.stdout or (), name, wanted)
        finally:
            process.kill()


def refuse_bomb(path: Path, name: str) -> None:
    """Raise where the parts of a workbook are said to unpack to more than may be read."""
    try:
        with open_zip(path, name) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return  # an older format, or damaged: the parser says so
    small = path.stat().st_size * limits.UNPACKED_RATIO
    if size > limits.WORKBOOK_BYTES or size > max(small, limits.UNPACKED_FREELY):
        message = (
            f"{name} unpacks to {size:,} bytes, and a workbook may to "
            f"{limits.WORKBOOK_BYTES:,}, or {limits.UNPACKED_RATIO} times its size. {INSTEAD}"
        )
        raise LeakkitError("too_large", message)


def _collect_cells(lines: Iterable[bytes], name: str, wanted: Sequence[str]) -> list[Cells]:
    """Collect what the process says; its end without a last word is that of a damaged file."""
    found: list[Cells] = []
    count = 0
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            break  # it ended in the middle of a line
        if isinstance(said, list):
            count += len(said)
            if count > limits.WORKBOOK_CELLS:
                message = f"{name} has more than {limits.WORKBOOK_CELLS:,} cells. {INSTEAD}"
                raise LeakkitError("too_large", message)
            found[-1].rows.append([_cell(cell) for cell in said])
        elif "sheet" in said:
            merged = tuple((*first, *last) for first, last in said["merged"])
            found.append(Cells(said["sheet"], merged))
        elif "end" in said:
            return found
        else:
            raise _explain_refusal(said, name, wanted)
    message = (
        f"{name} cannot be read as an Excel workbook: it is damaged, or takes more than "
        f"{limits.WORKBOOK_MEMORY:,} bytes or {limits.WORKBOOK_SECONDS} seconds. Are there cells "
        f"far from the data? Delete the rows and columns beyond it. {INSTEAD}"
    )
    raise LeakkitError("unreadable_file", message)


def _cell(cell: object) -> object:
    """Return a cell as it was: a date stands in a list."""
    if not isinstance(cell, list):
        return cell
    text = cell[0]
    return dt.datetime.fromisoformat(text) if "T" in text else dt.date.fromisoformat(text)


def _explain_refusal(said: dict[str, Any], name: str, wanted: Sequence[str]) -> LeakkitError:
    """Return the error of what the process says is wrong."""
    if "no_sheet" in said:
        missing = next((one for one in wanted if one not in said["no_sheet"]), "")
        message = f"There is no sheet {missing!r}. There are: {', '.join(said['no_sheet'])}."
        return LeakkitError("no_sheet", message)
    if "password" in said:
        message = f"{name} is protected by a password. Save it without one."
        return LeakkitError("unreadable_file", message)
    message = f"{name} cannot be read as an Excel workbook: {shorten_text(said['error'])}."
    return LeakkitError("unreadable_file", message)
