"""Columns that a source cannot do without: which of those that are there each could be."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit.config import COLUMNS
from leakkit.errors import Ask, Fault, LeakkitError
from leakkit.sources import toml
from leakkit.sources.headings.columns import PARTS
from leakkit.sources.headings.guesses import COUNTED, DATE, KEY, candidates, columns_of, likeness
from leakkit.sources.headings.names import NEEDED, called_steps, taken_headings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leakkit.sources.headings.columns import Lacking, Table
    from leakkit.sources.headings.folders import Folder
    from leakkit.sources.headings.guesses import Column
    from leakkit.store.database import Store

KEYED = "opportunity_id"
FEWEST_STEPS = 2
SHOWN_FILES = 20
SHOWN_HEADINGS = 20


def lacking(
    store: Store, table: Table, names: tuple[str, ...], nowhere: tuple[str, ...] = ()
) -> Lacking:
    """Return the columns that a table lacks, with those that each could be by its cells."""
    missing = [*(name for name in names if table.heading(name) is None), *nowhere]
    free = _free(store, table) if missing else []
    could_be = {name: _headings(candidates(name, free)) for name in missing}
    found = table.lacks(names, nowhere, could_be)
    return _with_steps(found, table, free) if "stage" in missing else found


def _with_steps(found: Lacking, table: Table, free: Sequence[Column]) -> Lacking:
    """Say what to write where columns that are called the date of something are those of steps.

    Three or more are taken for steps without a question; two may be anything.
    """
    dates = {one.heading for one in free if one.kind == DATE}
    taken = [heading for heading in taken_headings(table) or () if heading not in dates]
    steps = called_steps(list(table.types), taken)
    if len(steps) < FEWEST_STEPS:
        return found
    lines = ", ".join(f"{toml.key(one.stage)} = {toml.quote_toml(one.heading)}" for one in steps)
    hint = f"; or, where each is the date of a step: in [source.stage_dates]: {lines}"
    stage = table.renamed.get("stage", "stage")
    faults = tuple(
        replace(fault, hint=fault.hint + hint) if fault.column == stage else fault
        for fault in found.faults
    )
    asks = tuple(
        Ask("source.stage_dates", one.stage, (one.heading,), "the date of a step", needed=False)
        for one in steps
    )
    return replace(found, faults=faults, asks=(*found.asks, *asks))


def _free(store: Store, table: Table) -> list[Column]:
    """Return the columns of a table that are none of ours yet."""
    taken = {table.heading(name) for name in COLUMNS}
    return [one for one in columns_of(store, table) if one.heading not in taken]


def _headings(columns: Sequence[Column]) -> tuple[str, ...]:
    """Return what columns are called."""
    return tuple(column.heading for column in columns)


def nothing_to_read(store: Store, tables: Sequence[Table], folder: Folder) -> LeakkitError:
    """Return the error of a folder in which no file has what is needed.

    It names the headings of every file, and for each needed column those that it could be.
    """
    names = [one.name for one in folder.members]
    there = ", ".join(names[:SHOWN_FILES]) or f"no {folder.noun}s"
    headings = Counter(heading for table in tables for heading in table.types)
    shared = {heading for heading, n in headings.items() if n > 1}
    looked = [(table, _could_be(store, table, shared)) for table in tables[:SHOWN_FILES]]
    faults = tuple(
        Fault(
            table.file,
            None,
            "",
            ", ".join(list(table.types)[:SHOWN_HEADINGS]),
            "its headings",
            _hint(found),
        )
        for table, found in looked
    )
    best = max((found for _, found in looked), key=_count_known, default={})
    message = (
        f"The {folder.kind} {folder.label} has no {folder.noun} with the columns opportunity_id, "
        "stage and entered_at (a history), or opportunity_id, stage and dates (deals); it holds "
        f"{there}."
    )
    return LeakkitError("no_history", message, faults, _asks(best) if tables else ())


def _could_be(store: Store, table: Table, shared: set[str]) -> dict[str, list[Column]]:
    """Return the columns that each needed one could be; one that is known could be itself only.

    A key that stands in several files is likelier than one of a single file.
    """
    columns = columns_of(store, table)
    taken = {heading: name for name in COLUMNS if (heading := table.heading(name))}
    free = [one for one in columns if one.heading not in taken]
    found = {name: [c for c in columns if taken.get(c.heading) == name] for name in NEEDED}
    for name, known in found.items():
        found[name] = known or candidates(name, free)
        found[name].sort(key=lambda column: name == KEYED and column.heading not in shared)
        free = [one for one in free if one not in found[name][:1]]
    return found


def _count_known(found: Mapping[str, Sequence[Column]]) -> tuple[int, float]:
    """Return how many needed columns a file may have, and how like their headings are."""
    first = [(name, columns[0]) for name, columns in found.items() if columns]
    return len(first), sum(likeness(name, column) for name, column in first)


def _hint(found: Mapping[str, Sequence[Column]]) -> str:
    """Say what to write, as far as the cells show it."""
    lines = [str(Ask("", name, _headings(columns))) for name, columns in found.items() if columns]
    said = f": {', '.join(lines)}" if lines else " what they are called"
    return f"say in [source] of a leakkit.toml{said}"


def _asks(found: Mapping[str, Sequence[Column]]) -> tuple[Ask, ...]:
    """Return the lines to fill in; a list, in which an id stands once, has no entries."""
    ids = found.get("opportunity_id", ())
    listed = bool(ids) and ids[0].kind in {KEY, COUNTED}
    return tuple(
        Ask("source", name, _headings(found.get(name, ())), PARTS[name], needed=not no_history)
        for name in NEEDED
        for no_history in (name == "entered_at" and (listed or not found.get(name)),)
    )
