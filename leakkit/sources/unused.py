"""The columns of a source that nothing uses, and what each could be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit.config import COLUMNS
from leakkit.sources.headings.guesses import DATE, EMPTY, ONE, columns_of
from leakkit.sources.headings.names import loose

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leakkit.config import Config
    from leakkit.sources.headings.columns import Table
    from leakkit.sources.headings.guesses import Column
    from leakkit.sources.headings.recognised import Recognised
    from leakkit.store.database import Store

OF_ACTIVITIES = ("at", "kind")
READ_BY_HEADING = ("stage_date", "outcome", "last_stage", "left_out", "switch", "ended_at")
"""What is recognised in columns that have no name of ours."""


@dataclass(frozen=True)
class Unused:
    """The columns of one file that nothing uses; `silent` ones are empty or say one thing."""

    file: str
    columns: tuple[Column, ...]
    silent: tuple[str, ...]


def look_at_columns(store: Store, tables: Iterable[Table]) -> list[tuple[Table, list[Column]]]:
    """Look at the columns of the files while they can be read."""
    return [(table, columns_of(store, table)) for table in tables]


def find_unused(
    looked: Sequence[tuple[Table, list[Column]]],
    config: Config,
    segments: Iterable[str],
    recognised: Iterable[Recognised],
) -> tuple[Unused, ...]:
    """Return the columns that are neither one of ours, nor a segment, nor recognised as more.

    Dates that are read as a segment only, because nobody said more, count as unused.
    """
    declared = {*(config.roles.segments or ()), *config.roles.known_at_entry}
    declared.add(config.roles.last_activity)
    said = [one.why for one in recognised if one.what in READ_BY_HEADING]
    keys = {join.key for join in config.source.joins}
    makers, found = _of_makers(looked), []
    for table, columns in looked:
        mine = {table.heading(name) for name in (*COLUMNS, *OF_ACTIVITIES)}
        dates = {c.heading for c in columns if c.kind == DATE} - declared
        mine |= {*(set(segments) - dates), *keys, *table.where}
        mine |= {heading for heading in table.types if loose(heading) in makers}
        rest = [c for c in columns if c.heading not in mine and not _is_said(c.heading, said)]
        telling = tuple(column for column in rest if column.kind not in {EMPTY, ONE})
        silent = tuple(column.heading for column in rest if column.kind in {EMPTY, ONE})
        if rest:
            found.append(Unused(table.file, telling, silent))
    return tuple(found)


def _of_makers(looked: Sequence[tuple[Table, list[Column]]]) -> set[str]:
    """Return the headings, in the form in which they are compared, that makers' exports name."""
    words: list[str] = []
    for export in {table.file: table.export for table, _ in looked if table.export}.values():
        words += [*export.signs, *export.fill]
        words += [word for columns in export.columns.values() for word in columns]
        if export.lookup:
            words += [*export.lookup.key, *export.lookup.signs, *export.lookup.take]
        if export.changes:
            words += export.changes.closing
    return set(map(loose, words))


def _is_said(heading: str, said: Iterable[str]) -> bool:
    """Say whether a heading is one of those that something was recognised by."""
    return any(heading in why.split(", ") or heading == why for why in said)
