"""Pseudonyms of people and deals, for pages that travel."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from typing import TYPE_CHECKING

from leakkit.config import folded
from leakkit.errors import LeakkitError
from leakkit.store import account
from leakkit.store.database import Store, literal, quoted
from leakkit.store.resolve import listed, texts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SHORTEST_KEY = 16
DIGITS = 8
HIDDEN = "anonymised"
"""The fact about a store that it has pseudonyms in place of names."""


def read_key(path: Path) -> bytes:
    """Return the key in a file; where there is no file, a new one is made.

    Whoever has the key can find out whether a name they guess is behind a pseudonym:
    it stays where the names are, and does not travel with the pages.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="ascii") as stream:
            path.chmod(0o600)
            stream.write(secrets.token_hex(32) + "\n")
    key = path.read_bytes().strip()
    if len(key) < SHORTEST_KEY:
        message = f"The key in {path} has fewer than {SHORTEST_KEY} characters."
        raise LeakkitError("short_key", message)
    return key


def pseudonym(kind: str, name: str, key: bytes) -> str:
    """Return what stands for a name: the same for the same name and key.

    >>> pseudonym("owner", "Ada", b"a key that nobody knows")
    'owner 308cbd35'
    """
    digest = hmac.new(key, f"{kind}\0{name}".encode(), hashlib.sha256).hexdigest()
    return f"{kind} {digest[:DIGITS]}"


def anonymise(store: Store, key: bytes) -> None:
    """Replace owners and names of deals by pseudonyms, in the store's own tables.

    Owners are all columns that name people, whatever they are called, and their names in any
    further column. Ids of opportunities stay, so that whoever has the source finds them
    again; so do all other texts. The fingerprint changes with them.
    """
    people = people_in(store)
    owners = sorted({name for column in people for name in _names(store, column)})
    for column in _kept(store):
        _replace(store, column, "owner", owners, key)
    _replace(store, "name", "deal", _names(store, "name"), key)
    store.texts.clear()
    # with pseudonyms in it, it is no store to take deals from
    store.run("DELETE FROM settled")
    digest = account.fingerprint(store, store.meta("cut"), store.meta("last_day"))
    store.run(f"DELETE FROM meta WHERE key IN ('fingerprint', '{HIDDEN}')")  # noqa: S608 - a constant
    store.set_meta("fingerprint", digest)
    store.set_meta(HIDDEN, value=True)


def are_in(path: Path) -> bool:
    """Say whether a store has pseudonyms in place of names."""
    with Store.open(path) as store:
        return bool(store.rows("SELECT 1 FROM meta WHERE key = $key", {"key": HIDDEN}))


def people_in(store: Store) -> list[str]:
    """Return the columns of the deals that name who works on them."""
    found = store.rows("SELECT value FROM meta WHERE key = 'people'")
    known = json.loads(found[0][0]) if found else []
    called = {"owner", folded(store.config.source.columns.get("owner", "owner"))}
    return [c for c in _kept(store) if c in known or folded(c) in called]


def _kept(store: Store) -> list[str]:
    """Return the columns of the deals that came with the source: texts that any name may be in."""
    columns = store.rows("DESCRIBE opportunities")
    texts_of = [str(name) for name, kind, *_ in columns if kind == "VARCHAR"]
    segments = set(store.meta("segments"))
    return [column for column in texts_of if column in segments]


def _names(store: Store, column: str) -> list[str]:
    """Return the different texts of a column."""
    return list(texts(store, quoted(column), "opportunities"))


def _replace(store: Store, column: str, kind: str, names: Sequence[str], key: bytes) -> None:
    """Put pseudonyms in place of names, where a cell is one."""
    rows = [(name, pseudonym(kind, name, key)) for name in names]
    sql, facts = listed({"said": "VARCHAR", "pseudonym": "VARCHAR"}, rows)
    store.run(
        f"UPDATE opportunities SET {quoted(column)} = p.pseudonym "  # noqa: S608 - quoted
        f"FROM ({sql}) p WHERE p.said = {quoted(column)}",
        facts,
    )


def copy_without_traces(path: Path, target: Path) -> None:
    """Copy a store, and of its file only what its tables hold now.

    A database file keeps what was overwritten until the place is needed.
    """
    with Store.new() as store:
        store.run(f"ATTACH {literal(str(path))} AS hidden (READ_ONLY)")
        store.run(f"ATTACH {literal(str(target))} AS copied")
        store.run("COPY FROM DATABASE hidden TO copied")
