"""One question to a source that says something twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit.errors import Ask
from leakkit.store.account import SHOWN_ROWS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.config import Config
    from leakkit.store.database import Store

FEWEST, SMALL = 3, 0.05
"""A disagreement of fewer deals, or of no larger share, is said and does not stop a run."""
SHOWN = 3


@dataclass(frozen=True)
class Contradiction:
    """Deals of which a source says two things.

    `list_deals` are their ids, `of` is how many deals were asked, 0 where there are none. `lines`
    are what decides in leakkit.toml, or in the export; `grave` doubts stop a run however few
    deals they touch, others from `fewest` on. `asks` are those of the lines that a proposed
    configuration holds.
    """

    code: str
    says: str
    deals: tuple[str, ...]
    of: int
    lines: tuple[str, ...]
    grave: bool = False
    fewest: int = FEWEST
    asks: tuple[Ask, ...] = ()

    @property
    def n(self) -> int:
        """The number of deals in doubt."""
        return len(self.deals)

    @property
    def stops(self) -> bool:
        """Say whether so many are touched that no page can be right."""
        if self.grave:
            return self.n > 0
        return self.n >= self.fewest and self.n > SMALL * self.of

    @property
    def examples(self) -> str:
        """Name the first deals."""
        more = " ..." if self.n > SHOWN else ""
        return ", ".join(self.deals[:SHOWN]) + more


def ids(store: Store, sql: str) -> tuple[str, ...]:
    """Return the ids that a query gives, in code-point order."""
    return tuple(str(row[0]) for row in store.rows(f"SELECT DISTINCT * FROM ({sql}) ORDER BY 1"))  # noqa: S608 - of this room


def ids_of(store: Store, sql: str) -> tuple[str, ...]:
    """Return the ids of the deals whose numbers a query gives, in code-point order."""
    named = f"SELECT opportunity_id FROM opportunities WHERE opportunity IN ({sql})"  # noqa: S608 - of this room
    return ids(store, named)


def list_deals(store: Store, found: Sequence[str]) -> int:
    """Count the deals that are used, those that an earlier store settled included.

    Only what is `found` has a part in them.
    """
    if not found:
        return 0
    return int(
        store.value(
            "SELECT (SELECT count(*) FROM opportunities) + (SELECT count(*) FROM unchanged)"
        )
    )


def list_words(store: Store, column: str, of: str) -> list[tuple[str, int]]:
    """Return the texts of a column of the deals that a query gives, the most frequent first."""
    rows = store.rows(
        f"SELECT {column}, count(*) AS n FROM deals WHERE opportunity IN ({of}) "  # noqa: S608 - of this room
        f"AND {column} <> '' GROUP BY {column} ORDER BY n DESC, {column} LIMIT {SHOWN_ROWS}"
    )
    return [(str(text), int(n)) for text, n in rows]


def words_to_sort(said: Sequence[tuple[str, str]], *, needed: bool = True) -> tuple[Ask, ...]:
    """Return a line for each word, which says whether it is won, lost or open; `said` has why."""
    kinds = ("won", "lost", "open")
    return tuple(Ask("source.outcomes", word, kinds, why, needed) for word, why in said)


def unlike(config: Config, code: str) -> str:
    """Return the line that lets a source stand as it is."""
    said = ", ".join(f'"{one}"' for one in (*config.source.accept, code))
    return f"accept = [{said}]   # in [source]: they stand as they are"
