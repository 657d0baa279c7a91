"""What an engine does for a store, in a few verbs; DuckDB and Spark do it, each in its own way.

Errors of engines have names by what they mean: no other room needs to know which one it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import duckdb

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    Facts = Mapping[str, Any] | None

    """The values of a statement, by their names behind the `$`."""


class Engine(Protocol):
    """Where the SQL of a store runs. Statements are in DuckDB's dialect, whichever engine it is.

    What runs over the deals on another engine keeps to the list of tests/test_sql.py.
    """

    @property
    def counts_in_arrays(self) -> bool:
        """Whether plain deals may be read into arrays, and counted there."""
        ...

    def run(self, sql: str, facts: Facts = None) -> None:
        """Carry out a statement."""
        ...

    def rows(self, sql: str, facts: Facts = None) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        ...

    def frame(self, sql: str, facts: Facts = None) -> pd.DataFrame:
        """Return the rows of a query as a frame."""
        ...

    def arrays(self, sql: str, facts: Facts = None) -> dict[str, NDArray[Any]]:
        """Return the columns of a query that has no NULL."""
        ...

    def arrow(self, sql: str) -> Any:  # noqa: ANN401 - pyarrow ships no types
        """Return the rows of a query as a table of Arrow."""
        ...

    def put(self, table: str, frame: object) -> None:
        """Make a temporary table of a frame, in place of an earlier one; the name is quoted."""
        ...

    def put_values(self, table: str, sql: str, facts: Facts) -> None:
        """Make a temporary table of a query that reads only its own facts; as above."""
        ...

    def run_on(self, sql: str, name: str, frame: object) -> None:
        """Carry out a statement that reads a frame under a name."""
        ...

    def branch(self) -> Engine:
        """Return the same tables with temporary ones of its own."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


# ---------------- errors

ENGINE = duckdb.Error
"""Any error of the engine."""
FULL = duckdb.OutOfMemoryException
"""There is no room, in memory or on a disk."""
DAMAGED = (duckdb.Error, duckdb.IOException, duckdb.InvalidInputException)
"""What the engine raises, and none of its own kinds of errors, for damaged pages of a file."""
