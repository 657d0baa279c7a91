"""Fill a store: resolve every deal, hold the source against itself, keep what became of rows.

A store keeps what was read and who is named in it: owners and customers, for pages that travel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leakkit.config import COLUMNS, fold_name
from leakkit.sources.checks import cross_check
from leakkit.sources.given import give_rows, stored_name
from leakkit.sources.headings.heading_words import find_customers, find_named
from leakkit.sources.shapes.deal_states import earlier_rows
from leakkit.sources.shapes.further_tables import read_activities
from leakkit.sources.shapes.shaping import SNAPSHOT, Found
from leakkit.store import account, doubtful_visits, schema, settled_deals
from leakkit.store.database import quote
from leakkit.store.moments import keep_standing
from leakkit.store.name_codes import CLOSED
from leakkit.store.resolve import Rules, resolve, write_passages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from leakkit.sources.given import Given
    from leakkit.sources.headings.reading import Reading
    from leakkit.store.database import Store
    from leakkit.store.settled_deals import LoadOptions

    Watch = Callable[[Store, Found, Rules], None]


def fill(reading: Reading, found: Found, watch: Watch | None, options: LoadOptions) -> None:
    """Give the rows their canonical form, resolve them, and write down what was found."""
    given = give_rows(reading, found)
    store, rules = reading.store, given.rules
    settled_deals.find_unchanged(store, rules, options)
    resolution = resolve(store, rules, plain=options.plain)
    resolved = resolution.any_odd
    reading.count(
        doubtful_visits.BURSTS, doubtful_visits.find_doubtful(store, rules, resolution.moments)
    )
    cross_check(reading, found, rules.config, listed_after=watch is not None, resolved=resolved)
    files = (found.opportunities.file if found.opportunities else "", found.history.file)
    facts = account.facts(store, rules.cut, resolved=resolved)
    account.faults(store, *files, found.origins, resolved=resolved)
    settled_deals.take_over(store)
    if found.shape == SNAPSHOT and not found.days:
        keep_standing(store, rules.zone, rules.cut)
    account.refuse_amounts(store, files[0] or files[1], "" if files[0] else found.origins)
    acted = read_activities(reading, found.activities, rules.zone, rules.cut)
    if watch:
        watch(store, found, rules)
    place_faults(store, found)
    counted = account.rows(store, files, reading.log.left, reading.log.copied)
    rows = [*counted, *earlier_rows(reading, found.days), *acted]
    notes = write_notes(reading, found, given) | {"rows": rows}
    if options.people:
        keep_people(store, found, given)
    if options.settle:
        settled_deals.keep_settled(store, rules)
    # the widest tables come last, when nothing else is held any more
    account.clear(store)
    write_passages(store, rules.zone, resolved=resolved)
    notes["fingerprint"] = account.fingerprint(store, rules.cut, given.last_day)
    doubtful_visits.keep_doubtful(store)
    notes["facts"] = facts | reading.log.counted
    if found.shape != SNAPSHOT or found.days:
        # of deals that only stand somewhere it is not known where they began
        notes["facts"] |= account.facts_of_passages(store)
    store.set_all_meta(notes)


# ---------------- what a store says of itself


def place_faults(store: Store, found: Found) -> None:
    """Say of each fault what its row is in the file that the user has."""
    for file, row, rule in found.stray_rows:
        store.run(
            "UPDATE faults SET rule = $rule WHERE file = $file AND line = $row "
            "AND rule = 'missing_id'",
            {"rule": rule, "file": file, "row": row},
        )


def write_notes(reading: Reading, found: Found, given: Given) -> dict[str, Any]:
    """Return the facts about the store that are known once the deals are resolved."""
    return {
        "schema_version": schema.SCHEMA_VERSION,
        "config": given.config.model_dump(mode="json"),
        "provisional_order": given.provisional,
        "label": found.label,
        "inputs": list(found.inputs),
        "ignored_files": list(found.ignored),
        "shape": found.shape,
        "recognised": reading.log.as_records(),
        "outcome_words": _words_found(reading.store, "outcome_names"),
        "closing_rows": _words_found(reading.store, "stage_names"),
        "cut": given.rules.cut,
        "last_day": given.last_day,
        "segments": list(given.rules.segments),
        "owner": find_owner(found, given.rules.segments),
        **note_people(found, given),
    }


def _words_found(store: Store, table: str) -> dict[str, list[str]]:
    """Return the texts that were understood as outcomes or as closing rows, by what they mean.

    `table` is one of those that resolving makes: `outcome_names` or `stage_names`.
    """
    kinds = {"won": schema.WON, "lost": schema.LOST, "open": 0}
    rows = store.rows(f"SELECT DISTINCT said, code FROM {table} ORDER BY said")  # noqa: S608 - names of this program
    closing = table == "stage_names"
    return {
        kind: [str(said) for said, found in rows if found == code and said not in CLOSED]
        for kind, code in kinds.items()
        if code or not closing
    }


# ---------------- who is named

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
