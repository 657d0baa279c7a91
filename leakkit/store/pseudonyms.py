"""Pseudonyms of people, customers and deals, for pages that travel."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from leakkit.config import COLUMNS, Anonymise, fold_name
from leakkit.errors import LeakkitError
from leakkit.store import account
from leakkit.store.database import Store, literal, quote
from leakkit.store.name_codes import texts, write_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

SHORTEST_KEY = 16
DIGITS = 8
SHORTEST_NAME = 4
"""A name of one word is looked for in sentences from so many letters on, and as it is written."""
WORD = re.compile(r"\w+")
SCALED = "amounts_scaled"
ID = "opportunity_id"
FREE = ("lost_reason",)
"""Texts of a deal that anything may stand in, beside the columns that came with the source."""
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
    """Replace names of people, customers and deals by pseudonyms, in the store's own tables.

    Owners and customers are all columns that name them, whatever they are called; `[anonymise]`
    names further columns. What stands in them is found in any other text of the deals, of the
    faults, of the interventions and of the notes, as a whole cell or as words in a sentence. Ids of
    opportunities stay, so that whoever has the source finds them again, unless `[anonymise]`
    names their column. Amounts are multiplied by its factor. The fingerprint changes with them.

    Raises LeakkitError where `[anonymise]` names a column that no deal has.
    """
    rules = store.config.anonymise
    hidden = _hidden_columns(store, rules.columns)
    names = _meet_people(store, key)
    for column, kind in hidden.items():
        _replace(store, "opportunities", column, partial(names.of, kind))
    for table, column in _other_texts(store, hidden):
        _replace(store, table, column, names.hide)
    if rules.money != 1:
        _scale_money(store, rules.money)
    _hide_in_notes(store, hidden, names)
    _seal(store)


@dataclass
class Pseudonyms:
    """The pseudonyms of one key: given to names, and found again in other texts.

    >>> names = Pseudonyms(b"a key that nobody knows")
    >>> names.of("owner", "Ada Byron")
    'owner b32de419'
    >>> names.hide("ADA BYRON said: too dear"), names.hide("Adam Byron")
    ('owner b32de419 said: too dear', 'Adam Byron')
    """

    key: bytes
    given: dict[str, str] = field(default_factory=dict)
    by_word: dict[str, list[tuple[list[str], str]]] = field(default_factory=dict)
    """The words of names, by the first one in small letters."""

    def of(self, kind: str, name: str) -> str:
        """Return what stands for a name: the first kind that it is met as counts."""
        if name not in self.given:
            self.given[name] = pseudonym(kind, name, self.key)
            words = WORD.findall(name)
            if len(words) > 1 or (words and len(words[0]) >= SHORTEST_NAME):
                self.by_word.setdefault(words[0].casefold(), []).append((words, name))
        return self.given[name]

    def hide(self, text: str) -> str:
        """Return a text with every name in it replaced, the longer ones first."""
        if text in self.given:
            return self.given[text]
        found = list(WORD.finditer(text))
        words = [match.group() for match in found]
        parts, at, i = [], 0, 0
        while i < len(words):
            name, n = self._longest(words, i)
            if n:
                parts += [text[at : found[i].start()], self.given[name]]
                at = found[i + n - 1].end()
            i += max(n, 1)
        return "".join([*parts, text[at:]])

    def _longest(self, words: list[str], i: int) -> tuple[str, int]:
        """Return the longest name that begins at a word, and its number of words; or ('', 0)."""
        known = self.by_word.get(words[i].casefold(), ())
        met = [(name, len(said)) for said, name in known if _are_same(said, words[i:])]
        return max(met, key=lambda one: one[1], default=("", 0))


def _are_same(name: list[str], words: list[str]) -> bool:
    """Say whether a text begins with the words of a name; one word alone is met as it is written.

    >>> _are_same(["Mark"], ["mark", "it"]), _are_same(["Ada", "Byron"], ["ADA", "BYRON", "said"])
    (False, True)
    """
    if len(name) == 1:
        return name == words[:1]
    return [w.casefold() for w in name] == [w.casefold() for w in words[: len(name)]]


def _meet_people(store: Store, key: bytes) -> Pseudonyms:
    """Give a pseudonym to every name that was kept while loading, owners first, and drop them."""
    names = Pseudonyms(key)
    if store.rows("SELECT 1 FROM duckdb_tables() WHERE table_name = 'people'"):
        met = (
            "SELECT kind, name FROM people GROUP BY kind, name ORDER BY kind <> 'owner', kind, name"
        )
        for kind, name in store.rows(met):
            names.of(kind, name)
        store.run("DROP TABLE people")
    return names


def _hidden_columns(store: Store, named: Sequence[str]) -> dict[str, str]:
    """Return the columns of the deals that are hidden whole, and what their cells are called."""
    kept, chosen = _list_texts(store), _choose(store, named)
    found = dict.fromkeys(people_in(store), "owner")
    found |= {c: "customer" for c in _read_note(store, "customers", []) if c not in found}
    more = [
        c for c in (*FREE, *kept) if {fold_name(c), fold_name(c.removesuffix(" (given)"))} & chosen
    ]
    found |= {column: fold_name(column) for column in more if column not in found}
    if ID in chosen or _are_names(store):
        found[ID] = "deal"
    return {**found, "name": "deal"}


def _choose(store: Store, named: Sequence[str]) -> set[str]:
    """Return the columns that `[anonymise]` names, those of ours by our names.

    Raises LeakkitError where the source has no such column, or pages are made of it.
    """
    ours = {fold_name(heading): name for name, heading in _read_note(store, "called", {}).items()}
    chosen = {ours.get(fold_name(name), fold_name(name)) for name in named}
    known = [ID, *FREE, *_list_texts(store), *_read_note(store, "headings", [])]
    missing = sorted(chosen - set(map(fold_name, known)) - set(COLUMNS))
    if missing:
        message = (
            f"[anonymise] columns names what the deals do not have: {', '.join(missing)}. "
            f"They have: {', '.join(dict.fromkeys(known))}."
        )
        raise LeakkitError("missing_columns", message)
    if shown := sorted(chosen & set(COLUMNS) - {ID, *FREE, "owner", "name"}):
        message = (
            f"[anonymise] columns names what every page is made of: {', '.join(shown)}. "
            "Rename stages and pipelines by aliases, and scale amounts by [anonymise] money."
        )
        raise LeakkitError("shown_columns", message)
    return chosen


def _are_names(store: Store) -> bool:
    """Say whether an id is the name of its deal."""
    return bool(store.rows("SELECT 1 FROM opportunities WHERE opportunity_id = name LIMIT 1"))


def _other_texts(store: Store, hidden: Collection[str]) -> list[tuple[str, str]]:
    """Return the (table, column) of all texts in which a name may stand."""
    free = [column for column in (*FREE, *_list_texts(store)) if column not in hidden]
    acted = "SELECT 1 FROM duckdb_tables() WHERE table_name = 'activities'"
    more = [("activities", "kind")] if store.rows(acted) else []
    return [("faults", "content"), *(("opportunities", column) for column in free), *more]


def _replace(store: Store, table: str, column: str, said: Callable[[str], str]) -> None:
    """Put what is said in place of each different text of a column."""
    before = texts(store, quote(column), table)
    rows = [(text, new) for text in before if (new := said(text)) != text]
    sql, facts = write_rows({"said": "VARCHAR", "pseudonym": "VARCHAR"}, rows)
    store.run(
        f"UPDATE {table} SET {quote(column)} = p.pseudonym "  # noqa: S608 - quoted
        f"FROM ({sql}) p WHERE p.said = {quote(column)}",
        facts,
    )


def _scale_money(store: Store, factor: float) -> None:
    """Multiply all amounts; those that stand in texts become empty."""
    tables = store.rows(
        "SELECT table_name FROM duckdb_columns() SEMI JOIN duckdb_tables() USING (table_name) "
        "WHERE column_name = 'value' AND data_type = 'BIGINT' ORDER BY 1"
    )
    for (table,) in tables:
        sql = f"UPDATE {quote(table)} SET value = CAST(round(value * $factor) AS BIGINT)"  # noqa: S608 - as above
        store.run(sql, {"factor": factor})
    for column in set(_read_note(store, "amounts", [])) & set(_list_texts(store)):
        store.run(f"UPDATE opportunities SET {quote(column)} = ''")  # noqa: S608 - quoted
    store.run("UPDATE faults SET content = '' WHERE field = 'value'")
    (deals,) = store.rows("SELECT count(value) FROM opportunities")[0]
    _set(store, "facts", {**store.meta("facts"), SCALED: deals})


def _hide_in_notes(store: Store, hidden: Mapping[str, str], names: Pseudonyms) -> None:
    """Hide names in interventions, notes and examples of doubts; forget what is hidden, and how."""
    config = store.meta("config")
    for one in config["interventions"]:
        one["name"] = names.hide(one["name"])
        for column, values in one["segment"].items():
            kind = next((hidden[h] for h in hidden if fold_name(h) == fold_name(column)), "")
            one["segment"][column] = [names.of(kind, v) if kind else names.hide(v) for v in values]
    for note in config["notes"]:
        note["text"] = names.hide(note["text"])
    if ID in hidden:
        config["source"]["link"] = ""
    config["anonymise"] = Anonymise().model_dump(mode="json")
    _set(store, "config", config)
    checks = store.meta("cross_checks")
    for one in checks:
        one["examples"] = [names.hide(example) for example in one["examples"]]
    _set(store, "cross_checks", checks)


def _seal(store: Store) -> None:
    """Forget what was kept of the names, and give the tables their new fingerprint."""
    store.texts.clear()
    # with pseudonyms in it, it is no store to take deals from
    store.run("DELETE FROM settled")
    _set(
        store, "fingerprint", account.fingerprint(store, store.meta("cut"), store.meta("last_day"))
    )
    _set(store, HIDDEN, value=True)


def _set(store: Store, key: str, value: object) -> None:
    """Keep a fact in place of the one that was there."""
    store.run("DELETE FROM meta WHERE key = $key", {"key": key})
    store.set_meta(key, value)


def _read_note(store: Store, key: str, default: object) -> Any:  # noqa: ANN401 - as above
    """Return what the store notes; one of an earlier version may lack it."""
    found = store.rows("SELECT value FROM meta WHERE key = $key", {"key": key})
    return json.loads(found[0][0]) if found else default


def are_in(path: Path) -> bool:
    """Say whether a store has pseudonyms in place of names."""
    with Store.open(path) as store:
        return bool(store.rows("SELECT 1 FROM meta WHERE key = $key", {"key": HIDDEN}))


def people_in(store: Store) -> list[str]:
    """Return the columns of the deals that name who works on them."""
    known = _read_note(store, "people", [])
    called = {"owner", fold_name(store.config.source.columns.get("owner", "owner"))}
    return [c for c in _list_texts(store) if c in known or fold_name(c) in called]


def _list_texts(store: Store) -> list[str]:
    """Return the columns of the deals that came with the source: texts that any name may be in."""
    columns = store.rows("DESCRIBE opportunities")
    texts_of = [str(name) for name, kind, *_ in columns if kind == "VARCHAR"]
    segments = set(store.meta("segments"))
    return [column for column in texts_of if column in segments]


def copy_without_traces(path: Path, target: Path) -> None:
    """Copy a store, and of its file only what its tables hold now.

    A database file keeps what was overwritten until the place is needed.
    """
    with Store.new() as store:
        store.run(f"ATTACH {literal(str(path))} AS hidden (READ_ONLY)")
        store.run(f"ATTACH {literal(str(target))} AS copied")
        store.run("COPY FROM DATABASE hidden TO copied")
