"""Who is named in a source: the columns of owners and customers, for pages that travel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leakkit.config import COLUMNS, fold_name
from leakkit.sources.given import stored_name
from leakkit.sources.headings.heading_words import find_customers, find_named
from leakkit.store.database import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leakkit.sources.rules import Given
    from leakkit.sources.shapes.shaping import Found
    from leakkit.store.database import Store

KEEP_PEOPLE = "CREATE TABLE people (kind VARCHAR, name VARCHAR)"


def note_people(found: Found, given: Given) -> dict[str, Any]:
    """Return the columns of the store that name people or customers, or hold amounts as texts.

    With them go the `headings` that the source has, and which of them are columns of ours.
    """
    table = found.opportunities or found.history
    kept = given.rules.segments
    price = table.heading(given.config.roles.price) if given.config.roles.price else None
    owners = [owner] if (owner := find_owner(found, kept)) else []
    return {
        "people": _list_kept([*owners, *find_named(table.types, "owner")], kept),
        "customers": _list_kept(find_customers(table.types), kept),
        "amounts": _list_kept(
            [*find_named(table.types, "value"), *([price] if price else [])], kept
        ),
        "headings": list(table.types),
        "called": {name: heading for name in COLUMNS if (heading := table.heading(name))},
    }


def find_owner(found: Found, kept: tuple[str, ...]) -> str:
    """Return the column of the store that names who owns a deal; '' where there is none."""
    heading = (found.opportunities or found.history).heading("owner")
    return stored_name(heading) if heading and stored_name(heading) in kept else ""


def _list_kept(headings: Iterable[str], kept: tuple[str, ...]) -> list[str]:
    """Return the columns under some headings that the store has."""
    return [column for column in dict.fromkeys(map(stored_name, headings)) if column in kept]


def keep_people(store: Store, found: Found, given: Given) -> None:
    """Keep every name that the source has, of columns too that the store does not have.

    They are needed to find names in sentences, and are dropped once they are hidden.
    """
    chosen = set(map(fold_name, given.config.anonymise.columns))
    store.run(KEEP_PEOPLE)
    for table in filter(None, (found.opportunities, found.history)):
        ours = {table.heading(name) for name in COLUMNS}
        named = [h for h in table.types if fold_name(h) in chosen and h not in ours]
        kinds = dict.fromkeys(named, "")
        kinds |= dict.fromkeys(find_customers(table.types), "customer")
        kinds |= dict.fromkeys(find_named(table.types, "owner"), "owner")
        for heading, kind in kinds.items():
            cell = f"trim(CAST({quote(heading)} AS VARCHAR))"
            sql = f"INSERT INTO people SELECT DISTINCT $kind, {cell} FROM {table.relation} "  # noqa: S608 - quoted
            store.run(f"{sql} WHERE {cell} <> ''", {"kind": kind or fold_name(heading)})
