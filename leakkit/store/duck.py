"""DuckDB as the engine: offline, within its memory, in a file or in memory."""

from __future__ import annotations

import importlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb

from leakkit.errors import LeakkitError
from leakkit.scratch import spill

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from leakkit.store.engines import Facts

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


__all__ = ["MEMORY", "SPILL", "VERSION", "Duck", "relation_of"]
