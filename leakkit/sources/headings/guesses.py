"""What a column could be, by what its cells hold, and by what it is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit import limits
from leakkit.errors import visible
from leakkit.likeness import compare_names
from leakkit.sources.headings.columns import CLOCK_TYPES
from leakkit.sources.headings.exports import USUAL
from leakkit.sources.headings.names import loose
from leakkit.sources.shapes.flags import NO, YES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leakkit.sources.headings.columns import Table
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
class Column:
    """One column of a file: what kind of cells it holds, and the first different ones."""

    heading: str
    kind: str
    cells: tuple[str, ...]

    @property
    def could_be(self) -> str:
        """Say which of our columns the cells could be."""
        return COULD_BE[self.kind]


def columns_of(store: Store, table: Table) -> list[Column]:
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


def _column(store: Store, table: Table, at: int, heading: str) -> Column:
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
    return Column(heading, _kind(*counts), shown)


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


def candidates(name: str, columns: Iterable[Column], most: int = 3) -> list[Column]:
    """Return the columns that could be ours of this name, the likeliest first.

    The cells must fit. Those whose heading is like a usual one come first; others follow
    only where the cells say much, which dates do, and keys.

    >>> one = Column("Deal key", "key", ("a", "b"))
    >>> [found.heading for found in candidates("opportunity_id", [one])]
    ['Deal key']
    """
    cells = FITS.get(name, ())
    fit = [(one, likeness(name, one)) for one in columns if one.kind in cells]
    kept = [(one, like) for one, like in fit if like >= LIKE or one.kind in cells[:1]]
    ranked = sorted(kept, key=lambda found: -found[1])
    near = [one for one, like in ranked if like >= RATHER]
    return (near or [one for one, _ in ranked])[:most]


def likeness(name: str, column: Column) -> float:
    """Return how like the heading of a column is to one of the usual ones, 1 where it is one."""
    heading = loose(column.heading)
    return _alike(heading, [loose(word) for word in (name, *USUAL.get(name, ()))])


def _alike(heading: str, forms: Sequence[str]) -> float:
    """Return how like a heading is to one of the forms; one inside of the other is rather like."""
    inside = any(len(form) > SHORT and (form in heading or heading in form) for form in forms)
    alike = max((compare_names(heading, form) for form in forms), default=0)
    return max(RATHER if inside else 0, alike)
