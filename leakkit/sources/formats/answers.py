"""Answers of web interfaces in JSON: a list of records within an object, with histories inside."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

LISTS = ("results", "data", "value", "items", "records", "deals", "opportunities")
"""What the list of records is called in the answers of makers."""
LIST = re.compile(rb'"(' + "|".join(LISTS).encode() + rb')"\s*:\s*\[\s*\{')
LOOKED_AT = 4096
INSIDE = ("properties", "data", "attributes", "fields")
"""What the object is called in which a record keeps its columns."""
HISTORIES = "propertiesWithHistory"


@dataclass(frozen=True)
class Answer:
    """The records of an answer as (number, columns), and the changes of fields in them."""

    records: list[tuple[int, dict[str, object]]]
    changes: list[tuple[int, dict[str, object]]]


def is_answer(path: Path) -> bool:
    """Say whether a file starts as an object that holds a list of records."""
    with path.open("rb") as stream:
        start = stream.read(LOOKED_AT)
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and bool(LIST.search(start))


def read_answer(text: str) -> Answer | None:
    """Return the records of an answer; None where the text is none.

    >>> read_answer('{"results": [{"id": "7", "properties": {"dealname": "A"}}]}').records
    [(1, {'id': '7', 'dealname': 'A'})]
    """
    try:
        found = json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return None
    rows = _list_in(found)
    if rows is None:
        return None
    records = [(place, _flat(row)) for place, row in enumerate(rows, start=1)]
    changes = [(place, one) for place, row in enumerate(rows, start=1) for one in _changes(row)]
    return Answer(records, changes)


def _list_in(found: Any) -> list[dict[str, Any]] | None:  # noqa: ANN401 - whatever JSON may hold
    """Return the list of objects that an object holds; None where it holds none."""
    if not isinstance(found, dict):
        return None
    lists = [found[name] for name in LISTS if isinstance(found.get(name), list)]
    return next((one for one in lists if one and all(isinstance(x, dict) for x in one)), None)


def _flat(row: dict[str, Any]) -> dict[str, object]:
    """Return the columns of a record, those that it keeps inside among them."""
    flat = {key: value for key, value in row.items() if key not in {*INSIDE, HISTORIES}}
    for name in INSIDE:
        inner = row.get(name, {})
        columns = inner.items() if isinstance(inner, dict) else [(name, inner)]
        flat |= {f"{name}.{key}" if key in flat else key: value for key, value in columns}
    return flat


def _changes(row: dict[str, Any]) -> list[dict[str, object]]:
    """Return the changes of the fields of a record, with its id."""
    histories = row.get(HISTORIES, {})
    if not isinstance(histories, dict):
        return []
    return [
        {"dealId": row.get("id"), "property": name, **_moment(one)}
        for name, changes in histories.items()
        for one in (changes if isinstance(changes, list) else [])
        if isinstance(one, dict)
    ]


def _moment(change: dict[str, Any]) -> dict[str, object]:
    """Return what a change says: the value, and when it came."""
    return {"value": change.get("value"), "timestamp": change.get("timestamp")}
