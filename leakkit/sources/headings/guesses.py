"""What a column could be, by what its cells hold, and by what it is called."""

from __future__ import annotations

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
SHOWN_CELLS, SHOWN_LETTERS, SHOWN_AMONG = 3, 30, 200
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
    DATE: "dates: created_at, closed_at or entered_at",
    COUNTED: "another number in every row: opportunity_id, value or seq",
    NUMBER: "numbers: value or seq",
    KEY: "another text in every row: opportunity_id or name",
    WORDS: "few words: stage, outcome, pipeline, lost_reason or a segment",
    TEXTS: "many texts: name, lost_reason or owner",
}
"""What the cells of a column hold, and which of our columns that could be."""
FITS = {
    "opportunity_id": (KEY, COUNTED, NUMBER, TEXTS, WORDS),
    **dict.fromkeys(("created_at", "closed_at", "entered_at", "at"), (DATE,)),
    **dict.fromkeys(("value", "seq"), (NUMBER, COUNTED)),
    **dict.fromkeys(("stage", "from_stage", "last_stage", "pipeline", "currency"), (WORDS, ONE)),
    "outcome": (WORDS, FLAG, ONE),
    "lost_reason": (WORDS, TEXTS, ONE),
    **dict.fromkeys(("name", "owner"), (KEY, TEXTS, WORDS)),
}
"""Which cells one of our columns may have."""

DAY = (
    r"^[\p{Nd}]{1,4}[-/.][\p{Nd}]{1,2}[-/.][\p{Nd}]{1,4}"
    r"|^[\p{Nd}]{1,2}[ .-]+[\p{L}]{3,}\.?[ .,-]+[\p{Nd}]{2,4}"
    r"|^[\p{L}]{3,}\.? [\p{Nd}]{1,2},? [\p{Nd}]{4}"
)
AMOUNT = (
    r"^[^\p{L}\p{Nd}]{0,3}([\p{L}]{1,3}[^\p{L}\p{Nd}]{1,2})?[-(]?"
    r"[\p{Nd}][\p{Nd}.,'\x{066C}\x{066B} ]*\)?"
    r"( ?[\p{L}]{1,3}\.?| ?[^\p{L}\p{Nd}]{0,3}| ?(toman|تومان|ریال))$"
)
NO_CELLS = (0, 0, 0, 0, 0)


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
    cells = ", ".join(map(table.text_under, some))
    # once for all columns: a view of a file is read anew by every question
    store.run(
        "CREATE OR REPLACE TEMP TABLE looked_at AS "  # noqa: S608 - quoted
        "SELECT * FROM (SELECT row, unnest(range(len(cells))) AS place, unnest(cells) AS said "
        "FROM (SELECT row_number() OVER () AS row, cells "
        f"FROM (SELECT [{cells}] AS cells FROM {table.relation} LIMIT {LOOKED_AT}))) "
        "WHERE said <> ''"
    )
    counts, shown = _counts(store), _shown(store)
    store.run("DROP TABLE looked_at")
    return [
        Column(
            heading,
            _kind(*_of_type(table.types[heading], counts.get(at, NO_CELLS))),
            shown.get(at, ()),
        )
        for at, heading in enumerate(some)
    ]


def _of_type(kind: str, counts: tuple[int, ...]) -> tuple[int, ...]:
    """Return the counts of a column; of one that is typed so, all cells are dates."""
    filled, different, flag, date, number = counts
    return filled, different, flag, filled if kind.startswith(CLOCK_TYPES) else date, number


def _counts(store: Store) -> dict[int, tuple[int, ...]]:
    """Count by column: cells, different ones, flags, dates, numbers."""
    flags = ", ".join(f"'{word}'" for word in (*YES, *NO))
    foreign = store.value("SELECT count(*) FROM looked_at WHERE strlen(said) > length(said)")
    day, amount = (DAY, AMOUNT) if foreign else (_in_ascii(DAY), _in_ascii(AMOUNT))
    rows = store.rows(
        f"""
        SELECT place, count(*), count(DISTINCT said),
               count(*) FILTER (lower(said) IN ({flags})),
               count(*) FILTER (regexp_matches(said, $day)),
               count(*) FILTER (regexp_matches(said, $amount))
        FROM looked_at GROUP BY place ORDER BY place
        """,  # noqa: S608 - our own words
        {"day": day, "amount": amount},
    )
    return {int(at): tuple(map(int, counts)) for at, *counts in rows}


def _in_ascii(pattern: str) -> str:
    """Return the same pattern for texts of ASCII: every letter there is takes long to compile."""
    return pattern.replace(r"\p{L}", "A-Za-z").replace(r"\p{Nd}", "0-9")


def _shown(store: Store) -> dict[int, tuple[str, ...]]:
    """Return by column the first different cells, the short ones in front."""
    rows = store.rows(
        f"""
        SELECT place, said FROM (
            SELECT DISTINCT place, said FROM (
                SELECT place, said FROM looked_at
                QUALIFY row_number() OVER (PARTITION BY place ORDER BY row) <= {SHOWN_AMONG}))
        QUALIFY row_number() OVER (
            PARTITION BY place ORDER BY length(said) > {SHOWN_LETTERS}, said) <= {SHOWN_CELLS}
        ORDER BY place, length(said) > {SHOWN_LETTERS}, said
        """  # noqa: S608 - numbers
    )
    found: dict[int, tuple[str, ...]] = {}
    for at, said in rows:
        cell = visible(str(said)).replace("\n", " ")[:SHOWN_LETTERS]
        found[int(at)] = (*found.get(int(at), ()), cell)
    return found


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
