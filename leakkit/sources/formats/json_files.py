"""JSON files: an object per line, an array, or a page as the interfaces of makers give it.

Envelopes are opened, nested objects become columns, and histories in rows a second table.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from leakkit import limits
from leakkit.errors import Fault, LeakkitError
from leakkit.sources.formats.rows import (
    LINE,
    SHOWN_FAULTS,
    describe_table,
    distinct,
    put_rows,
    refuse_wide,
)
from leakkit.sources.formats.unpacking import as_utf8, refuse_long_lines
from leakkit.sources.headings.heading_words import HISTORY, loose
from leakkit.sources.headings.table_parts import part_of
from leakkit.store.database import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from leakkit.sources.headings.reading import Reading, Table

HALF = re.compile("[\ud800-\udfff]")
BEGUN = re.compile(r"|-|\.|\.?\d*[eE][+-]?|t|tr|tru|f|fa|fal|fals|n|nu|nul|\\?u[0-9a-fA-F]{0,4}")
"""What stands at the end of a JSON text that was cut off within a value."""


def read_json(reading: Reading, path: Path, file: str, name: str) -> list[Table]:
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
    headings, within = _find_keys(
        reading, file, (row for _, row in _json_rows(text, file, whole=whole))
    )
    flat = ((number, flatten(row)) for number, row in _json_rows(text, file, whole=whole))
    rows = ((number, columns) for number, (columns, _) in flat)
    tables = [_json_table(reading, file, quote(f"file_{name}"), headings, rows)]
    for number, (inner, keys) in enumerate(within.items()):
        found_rows = (
            flatten(row)[1].get(inner, ()) for _, row in _json_rows(text, file, whole=whole)
        )
        every = enumerate((one for ones in found_rows for one in ones), start=1)
        place = quote(f"file_{name}_history_{number}")
        tables.append(_json_table(reading, f"{file}, {inner}", place, keys, every))
    return tables


def _find_keys(
    reading: Reading, file: str, rows: Iterable[Row]
) -> tuple[dict[str, None], dict[str, dict[str, None]]]:
    """Return the headings of the rows, and those of each history in them.

    Says how many objects stand in lists that are no history: they stay texts.
    """
    headings: dict[str, None] = {}
    within: dict[str, dict[str, None]] = {}
    left: Counter[str] = Counter()
    for row in rows:
        columns, found = flatten(row)
        headings.update(dict.fromkeys(columns))
        left.update({key: len(value) for key, value in columns.items() if _is_list(value)})
        for inner, entries in found.items():
            within.setdefault(inner, {}).update(dict.fromkeys(k for one in entries for k in one))
        refuse_wide(file, len(headings))
        if len(within) > MOST_HISTORIES:
            message = (
                f"{file} has more than {MOST_HISTORIES} different histories within its rows. "
                "Keep the one that says which stages a deal entered."
            )
            raise LeakkitError("too_large", message)
    if not headings:
        message = f"{file} is empty: it needs a heading and rows."
        raise LeakkitError("empty_file", message)
    for key, objects in left.items():
        reading.say(file, "nested_list", str(objects), key)
    return headings, within


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
        found, broken = _parse(line)
        if not isinstance(found, dict):
            shown, rule = line.strip()[:80], "the line is no JSON object"
            faults.append(Fault(file, row, "", shown, rule, broken))
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
    found, broken = _parse(text)
    rows = rows_of_page(found)
    if rows is None and isinstance(found, dict):
        rows = [found]
    if rows is None:
        message = f"{file} is no JSON array of objects{broken and ': '}{broken}."
        raise LeakkitError("unreadable_file", message)
    return list(enumerate(rows, start=1))


def _parse(text: str) -> tuple[object, str]:
    """Return the value of a JSON text, or None and where the text breaks."""
    try:
        return json.loads(text, parse_float=str, parse_int=str), ""
    except json.JSONDecodeError as error:
        return None, _say_break(text.rstrip(), error)
    except (ValueError, RecursionError):
        return None, ""


def _say_break(text: str, error: json.JSONDecodeError) -> str:
    """Say where a JSON text breaks, and what to do where its end is missing."""
    if error.msg.startswith("Unterminated") or BEGUN.fullmatch(text[error.pos :]):
        line, character = text.count("\n") + 1, len(text) - text.rfind("\n") - 1
        where = f"line {line:,}, character {character:,}"
        return f"it is cut off after {where}, and its end is missing; download it again"
    return f"it breaks at line {error.lineno:,}, character {error.colno:,}"


def _say_cell(value: object) -> str:
    """Return a JSON value as the text of a cell."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# ---------------- pages, nested objects and histories in them

Row = dict[str, Any]

PAGES = ("results", "data", "items", "records", "value", "deals", "opportunities", "result")
"""Keys under which a page of results has its rows."""
ENVELOPES = ("properties", "data", "attributes", "fields")
"""Keys whose object holds the columns of a row."""
HISTORIES = ("propertieswithhistory",)
"""Keys whose object holds the history of each column: a list of values with their times."""
VERSIONS = "versions"
LOGS = "activity_logs"
"""The key under which a board of monday.com has the log of its changes."""
AROUND = {"data", "account_id", "success", "errors", "extensions", "complexity"}
"""What stands beside the object of a page that has the rows within."""
MOST_HISTORIES = 8
"""So many different histories may stand in the rows of a file: it is read once for each."""
DEEPEST = 8
"""So many objects may stand within one another; deeper ones stay texts."""
IDS = ("id", "opportunity_id", "deal_id", "dealid", "hs_object_id")
LOOSE_IDS = frozenset(map(loose, IDS))
OURS = "opportunity_id"
"""The column of the deal's id in a table of its moves."""


EMPTY = ("results", "data")
"""Keys under which a page without results has none."""


def rows_of_page(found: object) -> list[Row] | None:
    """Return the rows of one JSON value; None where it has none.

    >>> rows_of_page({"success": True, "data": [{"id": 1}, {"id": 2}]})
    [{'id': 1}, {'id': 2}]
    >>> rows_of_page([{"results": [{"id": 1}]}, {"results": [{"id": 2}]}])
    [{'id': 1}, {'id': 2}]
    """
    if isinstance(found, list):
        if not all(isinstance(one, dict) for one in found):
            return None
        pages = [_find_list(one) for one in found]
        whole = [page for page in pages if page is not None]
        return [row for page in whole for row in page] if whole == pages and pages else found
    if isinstance(found, dict):
        return _find_list(found)
    return None


def _find_list(page: Row) -> list[Row] | None:
    """Return the list of objects that a page of results holds under one of the usual keys."""
    if any(key.casefold() in IDS for key in page):
        return None
    boards = page.get("boards")
    if isinstance(boards, list) and any(isinstance(b, dict) and LOGS in b for b in boards):
        return [row for one in boards for row in one.get(LOGS) or ()]
    inner = page.get("data")
    if isinstance(inner, dict) and set(page) <= AROUND:
        return _find_list(inner)
    for key in PAGES:
        rows = page.get(key)
        if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
            return rows
    return [] if any(key in page and page[key] in (None, []) for key in EMPTY) else None


def flatten(row: Row) -> tuple[Row, dict[str, list[Row]]]:
    """Return a row with plain columns, and the entries of the histories in it, by their names.

    An entry of the history of columns has the columns `dealId`, `property`, `value` and
    `timestamp`, and one of a list of moves `opportunity_id`; and whatever else each says.

    >>> flatten({"id": "7", "properties": {"stage": "A"}, "owner": {"name": "B"}})
    ({'id': '7', 'stage': 'A', 'owner.name': 'B'}, {})
    >>> flatten({"id": "7", "propertiesWithHistory": {"stage": [{"value": "A"}]}})
    ({'id': '7'}, {'history': [{'dealId': '7', 'property': 'stage', 'value': 'A'}]})
    >>> flatten({"id": "7", "moves": [{"stage": "A", "entered_at": "2024-01-01"}]})[1]
    {'moves': [{'opportunity_id': '7', 'stage': 'A', 'entered_at': '2024-01-01'}]}
    """
    columns: Row = {}
    entries: list[Row] = []
    _spread(row, "", columns, entries, 0)
    named = next((columns[key] for key in columns if key.casefold() in IDS), "")
    found = {"history": [{"dealId": named, **entry} for entry in entries]} if entries else {}
    for key in [key for key, value in columns.items() if named and _are_moves(value)]:
        inner = key.rpartition(".")[0] if key.rpartition(".")[2] in PAGES else key
        found.setdefault(inner or key, []).extend(_moves(named, columns.pop(key)))
    return columns, found


def _is_list(value: object) -> bool:
    """Say whether a value is a list of objects."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _are_moves(value: Any) -> bool:  # noqa: ANN401 - a value of JSON
    """Say whether a value is a list of objects that have a stage and the moment of its entry."""
    return _is_list(value) and _is_history(tuple(dict.fromkeys(k for one in value for k in one)))


@lru_cache(maxsize=1_000)
def _is_history(keys: tuple[str, ...]) -> bool:
    """Say whether entries with these keys are entries of stages; changes of fields are not."""
    part = part_of((OURS, *(key for key in keys if key != OURS)), {})
    return part.table == HISTORY and not (part.export and part.export.changes)


def _moves(named: object, found: list[Row]) -> list[Row]:
    """Return the entries of a list of moves with the id of their deal, and without their own."""
    moves = []
    for one in found:
        columns: Row = {}
        _spread(one, "", columns, [], 1)
        said = {key: value for key, value in columns.items() if loose(key) not in LOOSE_IDS}
        moves.append({OURS: named, **said})
    return moves


def _spread(row: Row, prefix: str, columns: Row, entries: list[Row], depth: int) -> None:
    """Put the columns of a row, and of the objects in it, into `columns`."""
    for key, given in row.items():
        name, value = f"{prefix}{key}", _unpack_envelope(key, given)
        if isinstance(value, dict) and key.casefold() in HISTORIES:
            for column, versions in value.items():
                entries += _entries(column, versions)
        elif isinstance(value, dict) and isinstance(value.get(VERSIONS), list):
            entries += _entries(key, value[VERSIONS])
            columns[name] = value.get("value")
        elif isinstance(value, dict) and depth < DEEPEST:
            inner = prefix if key.casefold() in ENVELOPES else f"{name}."
            _spread(value, inner, columns, entries, depth + 1)
        elif columns.get(name) in (None, ""):
            columns[name] = value


def _unpack_envelope(key: str, value: object) -> Any:  # noqa: ANN401 - a value of JSON
    """Return the object that the text of an envelope holds, or the value as it is."""
    if not isinstance(value, str) or key.casefold() not in ENVELOPES or value[:1] != "{":
        return value
    try:
        found = json.loads(value, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return value
    return found if isinstance(found, dict) else value


def _entries(column: str, versions: object) -> list[Row]:
    """Return the entries of one column's history."""
    found = versions if isinstance(versions, list) else []
    return [{"property": column, **one} for one in found if isinstance(one, dict)]
