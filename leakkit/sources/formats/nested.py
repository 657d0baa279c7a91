"""JSON as the interfaces of makers give it: envelopes, nested objects, and histories in them.

A page of results (`{"results": [...]}`, `{"success": true, "data": [...]}`) is its list. An
object in a row gives its own columns: those of an envelope (`properties`, `data`) under
their own names, all others as `owner.name`. A history within a row is a table of its own.
"""

from __future__ import annotations

import json
from typing import Any

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
DEEPEST = 8
"""So many objects may stand within one another; deeper ones stay texts."""
IDS = ("id", "opportunity_id", "deal_id", "dealid", "hs_object_id")


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


def flatten(row: Row) -> tuple[Row, list[Row]]:
    """Return a row with plain columns, and the entries of the histories that stand in it.

    An entry has the columns `dealId`, `property`, `value` and `timestamp`, and whatever
    else it says.

    >>> flatten({"id": "7", "properties": {"stage": "A"}, "owner": {"name": "B"}})
    ({'id': '7', 'stage': 'A', 'owner.name': 'B'}, [])
    >>> flatten({"id": "7", "propertiesWithHistory": {"stage": [{"value": "A"}]}})
    ({'id': '7'}, [{'dealId': '7', 'property': 'stage', 'value': 'A'}])
    """
    columns: Row = {}
    entries: list[Row] = []
    _spread(row, "", columns, entries, 0)
    named = next((columns[key] for key in columns if key.casefold() in IDS), "")
    return columns, [{"dealId": named, **entry} for entry in entries]


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


def _unpack_envelope(key: str, value: Any) -> Any:  # noqa: ANN401 - a value of JSON
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
