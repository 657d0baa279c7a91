"""What a column could be, by its cells and its heading: of those that lack, and those unused."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from leakkit import limits
from leakkit.config import COLUMNS
from leakkit.errors import Ask, Fault, LeakkitError, visible
from leakkit.likeness import compare_names
from leakkit.sources import toml
from leakkit.sources.headings.heading_words import USUAL, loose, used_headings
from leakkit.sources.headings.joined_files import PART
from leakkit.sources.headings.reading import CLOCK_TYPES, PARTS
from leakkit.sources.headings.table_parts import NEEDED, called_steps
from leakkit.sources.shapes.end_columns import NO, YES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from leakkit.config import Config
    from leakkit.sources.headings.folders import Folder
    from leakkit.sources.headings.reading import Lacking, Recognised, Table
    from leakkit.store.database import Store

LOOKED_AT = 2_000
"""So many rows of a file are looked at."""
SHOWN_CELLS, SHOWN_LETTERS = 3, 30
FLAGS = frozenset((*YES, *NO))
SHORT = 4
"""A form of no more letters may stand in any word."""
FEW, UNIQUE, MOST = 50, 0.9, 0.8
"""Few words; an id of nearly every row; most of the cells."""
LIKE, RATHER = 0.55, 0.75
"""Names at least so similar may mean the same, and rather do."""

EMPTY, ONE, FLAG, DATE, COUNTED, NUMBER, KEY, WORDS, TEXTS = (
    *("empty", "one", "flag", "date", "counted", "number", "key", "words", "texts"),
)
COULD_BE = {
    EMPTY: "empty",
    ONE: "the same in every row",
    FLAG: "two values",
    DATE: "dates: created_at, closed_at, entered_at or stage_since",
    COUNTED: "another number in every row: opportunity_id, value or seq",
    NUMBER: "numbers: value or seq",
    KEY: "another text in every row: opportunity_id or name",
    WORDS: "few words: stage, outcome, pipeline, lost_reason or a segment",
    TEXTS: "many texts: name, lost_reason or owner",
}
"""What the cells of a column hold, and which of our columns that could be."""
FITS = {
    "opportunity_id": (KEY, COUNTED, NUMBER, TEXTS, WORDS),
    **dict.fromkeys(("created_at", "closed_at", "entered_at", "stage_since", "at"), (DATE,)),
    **dict.fromkeys(("value", "seq"), (NUMBER, COUNTED)),
    **dict.fromkeys(("stage", "from_stage", "last_stage", "pipeline", "currency"), (WORDS, ONE)),
    "outcome": (WORDS, FLAG, ONE),
    "lost_reason": (WORDS, TEXTS, ONE),
    **dict.fromkeys(("name", "owner"), (KEY, TEXTS, WORDS)),
}
"""Which cells one of our columns may have."""

LETTER, NEITHER = r"[^\W\d_]", r"[\W_]"
"""A letter of any script; what is neither a letter nor a digit."""
DAY = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}"
    rf"|\d{{1,2}}[ .-]+{LETTER}{{3,}}\.?[ .,-]+\d{{2,4}}|{LETTER}{{3,}}\.? \d{{1,2}},? \d{{4}}"
)
"""How a date begins."""
AMOUNT = re.compile(
    rf"{NEITHER}{{0,3}}({LETTER}{{1,3}}{NEITHER}{{1,2}})?[-(]?\d[\d.,'\u066c\u066b ]*\)?"
    rf"( ?{LETTER}{{1,3}}\.?| ?{NEITHER}{{0,3}}| ?(toman|تومان|ریال))"
)
"""The whole of an amount; patterns of the engine take longer to be made than cells to be read."""


@dataclass(frozen=True)
class ColumnGuess:
    """One column of a file: what kind of cells it holds, and the first different ones."""

    heading: str
    kind: str
    cells: tuple[str, ...]

    @property
    def could_be(self) -> str:
        """Say which of our columns the cells could be."""
        return COULD_BE[self.kind]


def columns_of(store: Store, table: Table) -> list[ColumnGuess]:
    """Look at the first rows of a table: what does each of its columns hold?"""
    some = list(table.types)[: limits.COLUMNS]
    if not some:
        return []
    cells = ", ".join(f"{table.text_under(some[at])} AS said{at}" for at in range(len(some)))
    # once for all columns: a view of a file is read anew by every question
    store.run(
        f"CREATE OR REPLACE TEMP TABLE looked_at AS "  # noqa: S608 - quoted
        f"SELECT {cells} FROM {table.relation} LIMIT {LOOKED_AT}"
    )
    found = [_column(store, table, at, heading) for at, heading in enumerate(some)]
    store.run("DROP TABLE looked_at")
    return found


def _column(store: Store, table: Table, at: int, heading: str) -> ColumnGuess:
    """Say what one column holds, of those that are looked at."""
    rows = store.rows(
        f"SELECT said{at}, count(*) FROM looked_at WHERE said{at} <> '' GROUP BY 1 ORDER BY 1"  # noqa: S608 - a number
    )
    cells = {str(said): int(n) for said, n in rows}
    filled, different = sum(cells.values()), len(cells)
    flag = sum(n for said, n in cells.items() if said.lower() in FLAGS)
    date = sum(n for said, n in cells.items() if DAY.match(said))
    number = sum(n for said, n in cells.items() if AMOUNT.fullmatch(said))
    first = sorted(cells, key=lambda said: (len(said) > SHOWN_LETTERS, said))[:SHOWN_CELLS]
    typed = table.types[heading].startswith(CLOCK_TYPES)
    counts = (filled, different, flag, filled if typed else date, number)
    shown = tuple(visible(said).replace("\n", " ")[:SHOWN_LETTERS] for said in first)
    return ColumnGuess(heading, _kind(*counts), shown)


def _kind(filled: int, different: int, flag: int, date: int, number: int) -> str:
    """Return the kind of a column by the counts of its cells.

    >>> _kind(100, 90, 0, 100, 100), _kind(100, 5, 0, 0, 0), _kind(100, 100, 0, 0, 2)
    ('date', 'words', 'key')
    """
    kinds = (
        (EMPTY, not filled),
        (ONE, different == 1),
        (FLAG, flag == filled and different <= 2),  # noqa: PLR2004 - yes and no
        (DATE, date >= MOST * filled),
        (COUNTED, number == filled == different and filled >= SHOWN_CELLS),
        (NUMBER, number >= MOST * filled),
        (KEY, different >= UNIQUE * filled and filled >= SHOWN_CELLS),
        (WORDS, different <= FEW),
    )
    return next((kind for kind, holds in kinds if holds), TEXTS)


def candidates(name: str, columns: Iterable[ColumnGuess], most: int = 3) -> list[ColumnGuess]:
    """Return the columns that could be ours of this name, the likeliest first.

    The cells must fit. Those whose heading is like a usual one come first; others follow
    only where the cells say much, which dates do, and keys.

    >>> one = ColumnGuess("Deal key", "key", ("a", "b"))
    >>> [found.heading for found in candidates("opportunity_id", [one])]
    ['Deal key']
    """
    cells = FITS.get(name, ())
    fit = [(one, likeness(name, one)) for one in columns if one.kind in cells]
    kept = [(one, like) for one, like in fit if like >= LIKE or one.kind in cells[:1]]
    ranked = sorted(kept, key=lambda found: -found[1])
    near = [one for one, like in ranked if like >= RATHER]
    return (near or [one for one, _ in ranked])[:most]


def likeness(name: str, column: ColumnGuess) -> float:
    """Return how like the heading of a column is to one of the usual ones, 1 where it is one."""
    heading = loose(column.heading)
    return _alike(heading, [loose(word) for word in (name, *USUAL.get(name, ()))])


def _alike(heading: str, forms: Sequence[str]) -> float:
    """Return how like a heading is to one of the forms; one inside of the other is rather like."""
    inside = any(len(form) > SHORT and (form in heading or heading in form) for form in forms)
    alike = max((compare_names(heading, form) for form in forms), default=0)
    return max(RATHER if inside else 0, alike)


# ---------------- columns that a source cannot do without

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


def _with_steps(found: Lacking, table: Table, free: Sequence[ColumnGuess]) -> Lacking:
    """Say what to write where columns that are called the date of something are those of steps.

    Three or more are taken for steps without a question; two may be anything.
    """
    dates = {one.heading for one in free if one.kind == DATE}
    taken = [heading for heading in used_headings(table) or () if heading not in dates]
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


def _free(store: Store, table: Table) -> list[ColumnGuess]:
    """Return the columns of a table that are none of ours yet."""
    taken = {table.heading(name) for name in COLUMNS}
    return [one for one in columns_of(store, table) if one.heading not in taken]


def _headings(columns: Sequence[ColumnGuess]) -> tuple[str, ...]:
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


def _could_be(store: Store, table: Table, shared: set[str]) -> dict[str, list[ColumnGuess]]:
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


def _count_known(found: Mapping[str, Sequence[ColumnGuess]]) -> tuple[int, float]:
    """Return how many needed columns a file may have, and how like their headings are."""
    first = [(name, columns[0]) for name, columns in found.items() if columns]
    return len(first), sum(likeness(name, column) for name, column in first)


def _hint(found: Mapping[str, Sequence[ColumnGuess]]) -> str:
    """Say what to write, as far as the cells show it."""
    lines = [str(Ask("", name, _headings(columns))) for name, columns in found.items() if columns]
    said = f": {', '.join(lines)}" if lines else " what they are called"
    return f"say in [source] of a leakkit.toml{said}"


def _asks(found: Mapping[str, Sequence[ColumnGuess]]) -> tuple[Ask, ...]:
    """Return the lines to fill in; a list, in which an id stands once, has no entries."""
    ids = found.get("opportunity_id", ())
    listed = bool(ids) and ids[0].kind in {KEY, COUNTED}
    return tuple(
        Ask("source", name, _headings(found.get(name, ())), PARTS[name], needed=not no_history)
        for name in NEEDED
        for no_history in (name == "entered_at" and (listed or not found.get(name)),)
    )


# ---------------- columns that nothing uses

OF_ACTIVITIES = ("at", "kind")
READ_BY_HEADING = ("stage_date", "outcome", "last_stage", "left_out", "switch", "ended_at")
"""What is recognised in columns that have no name of ours."""


@dataclass(frozen=True)
class Unused:
    """The columns of one file that nothing uses; `silent` ones are empty or say one thing."""

    file: str
    columns: tuple[ColumnGuess, ...]
    silent: tuple[str, ...]


def look_at_columns(store: Store, tables: Iterable[Table]) -> list[tuple[Table, list[ColumnGuess]]]:
    """Look at the columns of the files while they can be read."""
    return [(table, columns_of(store, table)) for table in tables]


def find_unused(
    looked: Sequence[tuple[Table, list[ColumnGuess]]],
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
        mine |= {PART} if len(table.parts) > 1 else set()
        rest = [c for c in columns if c.heading not in mine and not _is_said(c.heading, said)]
        telling = tuple(column for column in rest if column.kind not in {EMPTY, ONE})
        silent = tuple(column.heading for column in rest if column.kind in {EMPTY, ONE})
        if rest:
            found.append(Unused(table.file, telling, silent))
    return tuple(found)


def _of_makers(looked: Sequence[tuple[Table, list[ColumnGuess]]]) -> set[str]:
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
