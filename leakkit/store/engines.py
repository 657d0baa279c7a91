"""What an engine does for a store, in a few verbs; DuckDB and Spark do it, each in its own way.

Errors of engines have names by what they mean: no other room needs to know which one it is.
"""

from __future__ import annotations

import importlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import duckdb

from leakkit.errors import LeakkitError
from leakkit.scratch import spill

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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


# ---------------------------------------------------------------- DuckDB

MEMORY_LIMIT = "700MB"
"""What DuckDB may hold before it goes to disk: less than a plain read of a large export takes."""

MEMORY, SPILL = ":memory:", ".spill"
INTERRUPTED = "query interrupted"
VERSION = duckdb.__version__


@contextmanager
def _interruptible() -> Iterator[None]:
    """Raise what interrupted a query, or that the store is closed, in leakkit's own words."""
    try:
        yield
    except duckdb.ConnectionException as error:
        if "closed" not in str(error):
            raise
        message = "This source is closed. Load it again: leakkit.load(...)."
        raise LeakkitError("source_closed", message) from None
    except RuntimeError as error:
        if INTERRUPTED not in str(error).lower():
            raise
        raise KeyboardInterrupt from None


class Duck:
    """A connection to DuckDB, with the verbs of an engine."""

    counts_in_arrays = True

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Take over a connection; `Duck.open` makes one."""
        self.connection = connection

    @classmethod
    def open(cls, path: str, threads: int | None = None, *, read_only: bool = False) -> Duck:
        """Open a file, or memory."""
        return cls(_connect(path, threads, read_only=read_only))

    def run(self, sql: str, facts: Facts = None) -> None:
        """Carry out a statement."""
        with _interruptible():
            self.connection.execute(sql, dict(facts) if facts else None)

    def rows(self, sql: str, facts: Facts = None) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with _interruptible():
            return self.connection.execute(sql, dict(facts) if facts else None).fetchall()

    def frame(self, sql: str, facts: Facts = None) -> pd.DataFrame:
        """Return the rows of a query as a frame."""
        with _interruptible():
            return self.connection.execute(sql, dict(facts) if facts else None).df()

    def arrays(self, sql: str, facts: Facts = None) -> dict[str, NDArray[Any]]:
        """Return the columns of a query that has no NULL."""
        import numpy as np  # noqa: PLC0415 - a refusal needs none

        with _interruptible():
            # as a relation its columns are made several times faster than row by row
            found = self.connection.sql(sql, params=dict(facts) if facts else None).fetchnumpy()
        return {name: np.asarray(column) for name, column in found.items()}

    def put(self, table: str, frame: object) -> None:
        """Make a temporary table of a frame, in place of an earlier one; the name is quoted."""
        sql = f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM given_frame"  # noqa: S608 - quoted
        self.run_on(sql, "given_frame", frame)

    def put_values(self, table: str, sql: str, facts: Facts) -> None:
        """Make a temporary table of a query that reads only its own facts; as above."""
        self.run(f"CREATE OR REPLACE TEMP TABLE {table} AS {sql}", facts)

    def run_on(self, sql: str, name: str, frame: object) -> None:
        """Carry out a statement that reads a frame under a name."""
        with self.standing(name, frame):
            self.run(sql)

    @contextmanager
    def standing(self, name: str, frame: object) -> Iterator[None]:
        """Let a frame stand as a relation."""
        with _interruptible():
            self.connection.register(name, frame)
        try:
            yield
        finally:
            self.connection.unregister(name)

    def kinds(self, sql: str, facts: Facts = None) -> list[tuple[str, str]]:
        """Return the names and types of the columns of a query."""
        none = f"SELECT * FROM ({sql}) LIMIT 0"  # noqa: S608 - as it was given
        with _interruptible():
            found = self.connection.execute(none, dict(facts) if facts else None).description
        return [(str(name), str(kind)) for name, kind, *_ in found or ()]

    def arrow(self, sql: str) -> Any:  # noqa: ANN401 - pyarrow ships no types
        """Return the rows of a query as a table of Arrow."""
        with _interruptible():
            return self.connection.sql(sql).to_arrow_table()

    def copy_to(self, path: str) -> None:
        """Copy all that is in memory, but for temporary tables, into a new file."""
        name = path.replace("'", "''")
        self.run(f"ATTACH '{name}' AS copied; COPY FROM DATABASE memory TO copied; DETACH copied")

    def branch(self) -> Duck:
        """Return another connection to the same database."""
        with _interruptible():
            return Duck(self.connection.cursor())

    def close(self) -> None:
        """Close the connection; what was in memory is gone."""
        self.connection.close()


def relation_of(columns: Mapping[str, NDArray[Any]]) -> object:
    """Return arrays of one length as what DuckDB reads them from.

    Where pyarrow is there, which is no dependency, they are one part, which is stored once;
    those of pandas are many small ones, which are put together again.
    """
    try:
        arrow = importlib.import_module("pyarrow")
    except ImportError:
        import pandas as pd  # noqa: PLC0415 - a refusal needs none

        return pd.DataFrame(columns, copy=False)
    found: object = arrow.table(dict(columns))
    return found


def _threads(said: str) -> int:
    """Return how many threads LEAKKIT_THREADS asks for."""
    if not said.isdecimal() or not int(said):
        message = f"LEAKKIT_THREADS is {said!r}; it should be a number of threads, such as 2."
        raise LeakkitError("threads", message)
    return int(said)


def _spill(path: str, *, read_only: bool) -> str:
    """Return where DuckDB puts what memory cannot hold.

    The next process removes what a killed one left: of a file that only this one writes, the
    next that writes there, else any.
    """
    if path == MEMORY or read_only:
        return str(spill())
    return f"{path}{SPILL}"


def _connect(path: str, threads: int | None, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Open DuckDB offline, within its memory, with text in code-point order."""
    settings: dict[str, Any] = {
        "memory_limit": MEMORY_LIMIT,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "temp_directory": _spill(path, read_only=read_only),
    }
    if threads or os.environ.get("LEAKKIT_THREADS"):
        settings["threads"] = threads or _threads(os.environ["LEAKKIT_THREADS"])
    connection = duckdb.connect(path, read_only=read_only, config=settings)
    # it would write into notebooks and pipes
    connection.execute("SET enable_progress_bar = FALSE")
    return connection
