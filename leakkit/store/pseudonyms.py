"""Pseudonyms of people and deals, for pages that travel."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from leakkit.config import folded
from leakkit.errors import LeakkitError
from leakkit.store import account
from leakkit.store.database import quoted
from leakkit.store.resolve import listed, texts

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.store.database import Store

SHORTEST_KEY = 16
DIGITS = 8


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

    Ids of opportunities stay, so that whoever has the source finds them again; so do
    all other columns. The fingerprint changes with them.
    """
    named = {folded(store.config.source.columns.get("owner", "owner")), folded(store.owner)}
    columns = [str(row[0]) for row in store.rows("DESCRIBE opportunities")]
    kinds = {"name": "deal"} | {c: "owner" for c in columns if folded(c) in {*named, "owner"}}
    for column, kind in kinds.items():
        names = texts(store, quoted(column), "opportunities")
        rows = [(name, pseudonym(kind, name, key)) for name in names]
        sql, facts = listed({"said": "VARCHAR", "pseudonym": "VARCHAR"}, rows)
        store.run(
            f"UPDATE opportunities SET {quoted(column)} = p.pseudonym "  # noqa: S608 - quoted
            f"FROM ({sql}) p WHERE p.said = {quoted(column)}",
            facts,
        )
    store.texts.clear()
    # with pseudonyms in it, it is no store to take deals from
    store.run("DELETE FROM settled")
    digest = account.fingerprint(store, store.meta("cut"), store.meta("last_day"))
    store.run("DELETE FROM meta WHERE key = 'fingerprint'")
    store.set_meta("fingerprint", digest)
