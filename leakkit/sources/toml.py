"""Values and tables as TOML, for files that a person is to confirm, and lines to copy."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BARE = re.compile(r"[A-Za-z0-9_-]+")


def quote_toml(text: str) -> str:
    r"""Return a text as TOML.

    >>> quote_toml('32"')
    '"32\\""'
    """
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def list_texts(counted: Sequence[tuple[str, int]], most: int = 10) -> str:
    """Return the most frequent texts as a list of TOML.

    >>> list_texts([("Dead", 2), ("On hold", 1)])
    '["Dead", "On hold"]'
    """
    return f"[{', '.join(quote_toml(text) for text, _ in counted[:most])}]"


def key(name: str) -> str:
    """Return a key as TOML, in quotes where it needs them.

    >>> key("won"), key("a.csv")
    ('won', '"a.csv"')
    """
    return name if BARE.fullmatch(name) else quote_toml(name)


def value(given: object) -> str:
    """Return a value as TOML, on one line.

    >>> value({"EUR": 1.08, "on": True, "names": ["a"]})
    '{ EUR = 1.08, on = true, names = ["a"] }'
    """
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, str):
        return quote_toml(given)
    if isinstance(given, dict):
        return f"{{ {', '.join(f'{key(k)} = {value(v)}' for k, v in given.items())} }}"
    if isinstance(given, list | tuple):
        return f"[{', '.join(map(value, given))}]"
    return given.isoformat() if isinstance(given, dt.date | dt.time) else repr(given)


def table(path: Sequence[str], given: Mapping[str, Any]) -> list[str]:
    """Return a table with all that is in it; lists of tables follow it, each with its heading.

    >>> table(("roles",), {"product": "Line", "more": {"a b": 1}})
    ['[roles]', 'product = "Line"', 'more = { "a b" = 1 }', '']
    """
    lists = {name: each for name, each in given.items() if _holds_tables(each)}
    lines = [f"{key(k)} = {value(v)}" for k, v in given.items() if k not in lists]
    lines = [f"[{'.'.join(map(key, path))}]", *lines, ""] if lines else []
    for name, each in lists.items():
        lines += tables((*path, name), each)
    return lines


def tables(path: Sequence[str], each: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a list of tables.

    >>> tables(("pipelines",), [{"name": "A", "stages": [{"name": "x"}]}])
    ['[[pipelines]]', 'name = "A"', 'stages = [', '  { name = "x" },', ']', '']
    """
    lines = []
    for one in each:
        lines.append(f"[[{'.'.join(map(key, path))}]]")
        for name, said in one.items():
            if _holds_tables(said):
                lines += [f"{key(name)} = [", *(f"  {value(part)}," for part in said), "]"]
            else:
                lines.append(f"{key(name)} = {value(said)}")
        lines.append("")
    return lines


def _holds_tables(given: object) -> bool:
    """Say whether a value is a list of tables."""
    return isinstance(given, list | tuple) and bool(given) and isinstance(given[0], dict)
