"""Fill a store: resolve every deal, hold the source against itself, keep what became of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.sources.checks import cross_check
from leakkit.sources.notes import place_faults, write_notes
from leakkit.sources.people import keep_people
from leakkit.sources.rules import give_rows
from leakkit.sources.shapes.deal_states import earlier_rows
from leakkit.sources.shapes.further_tables import read_activities
from leakkit.sources.shapes.shaping import SNAPSHOT, Found
from leakkit.store import account, doubts
from leakkit.store import upkeep as settled
from leakkit.store.resolve import Rules, resolve, write_passages
from leakkit.store.standing import keep_standing

if TYPE_CHECKING:
    from collections.abc import Callable

    from leakkit.sources.headings.reading import Reading
    from leakkit.store.database import Store
    from leakkit.store.upkeep import Upkeep

    Watch = Callable[[Store, Found, Rules], None]


def fill(reading: Reading, found: Found, watch: Watch | None, upkeep: Upkeep) -> None:
    """Give the rows their canonical form, resolve them, and write down what was found."""
    given = give_rows(reading, found)
    store, rules = reading.store, given.rules
    settled.compare(store, rules, upkeep)
    resolve(store, rules, plain=upkeep.plain)
    reading.count(doubts.BURSTS, doubts.find(store, rules))
    cross_check(reading, found, rules.config, listed_after=watch is not None)
    files = (found.opportunities.file if found.opportunities else "", found.history.file)
    facts = account.facts(store, rules.cut)
    account.faults(store, *files, found.origins)
    settled.take_over(store)
    if found.shape == SNAPSHOT and not found.days:
        keep_standing(store, rules.zone, rules.cut)
    account.refuse_amounts(store, files[0] or files[1], "" if files[0] else found.origins)
    acted = read_activities(reading, found.activities, rules.zone, rules.cut)
    if watch:
        watch(store, found, rules)
    place_faults(store, found)
    counted = account.rows(store, files, reading.told.left, reading.told.copied)
    rows = [*counted, *earlier_rows(reading, found.days), *acted]
    notes = write_notes(reading, found, given) | {"rows": rows}
    if upkeep.people:
        keep_people(store, found, given)
    if upkeep.settle:
        settled.settle(store, rules)
    # the widest tables come last, when nothing else is held any more
    account.clear(store)
    write_passages(store, rules.zone)
    notes["fingerprint"] = account.fingerprint(store, rules.cut, given.last_day)
    doubts.keep(store)
    notes["facts"] = facts | reading.told.counted
    if found.shape != SNAPSHOT or found.days:
        # of deals that only stand somewhere it is not known where they began
        notes["facts"] |= account.facts_of_passages(store)
    store.set_all_meta(notes)
