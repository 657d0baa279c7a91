"""Where SQL runs: a DuckDB file, or memory."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from weakref import ref

import duckdb

from leakkit.config import Config, fold_name
from leakkit.errors import LeakkitError
from leakkit.scratch import spill
from leakkit.store import schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd
    from numpy.typing import NDArray

MEMORY_LIMIT = "700MB"
"""What DuckDB may hold before it goes to disk: less than a plain read of a large export takes."""

MEMORY, SPILL = ":memory:", ".spill"


OFFERED = ("close", "columns", "config", "owner", "pipelines")
"""What tab completion offers of a source."""
INTERRUPTED = "query interrupted"


def quote(name: str) -> str:
    """Return an identifier as SQL; the only way in which a user's name enters a query.

    >>> quote('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL, for what cannot be handed over as a value.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


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


class Store:
    """The canonical tables of one source (docs/contracts.md), open for reading.

    Made by `leakkit.load`. Closes with `close()` or at the end of a `with`.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Take over a connection; `Store.open` and `Store.new` make one."""
        self.connection = connection
        self.branches: list[ref[Store]] = []
        """The same store with other temporary tables; they are closed with this one."""
        self.texts: dict[str, tuple[str, ...]] = {}
        """The texts by column that stand on the connection as tables of codes, in that order."""
        self.designs: dict[tuple[int, int], Any] = {}
        """The passages of the stages that were looked into last, by pipeline and stage."""

    @classmethod
    def new(cls, path: str = MEMORY, threads: int | None = None) -> Store:
        """Make an empty database in memory or in a new file."""
        return cls(_connect(path, threads, read_only=False))

    @classmethod
    def open(cls, path: str | Path) -> Store:
        """Open a store for reading; many processes may do so at once."""
        try:
            store = cls(_connect(str(path), None, read_only=True))
            version = store.meta("schema_version")
        except (duckdb.Error, KeyError) as error:
            if "lock" in str(error):
                message = f"Another process has {Path(path).name} open for writing. Wait for it."
                raise LeakkitError("store_in_use", message) from None
            message = f"{Path(path).name} is not a leakkit store."
            raise LeakkitError("not_a_store", message) from None
        if version != schema.SCHEMA_VERSION:
            message = (
                f"{Path(path).name} has schema version {version}, this leakkit reads "
                f"{schema.SCHEMA_VERSION}. Load the source again."
            )
            raise LeakkitError("store_version", message)
        return store

    @classmethod
    def change(cls, path: str | Path) -> Store:
        """Open a store that nobody else has open, to add facts to it."""
        cls.open(path).close()
        return cls(_connect(str(path), None, read_only=False))

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()

    def __repr__(self) -> str:
        """Return what was read, in one line."""
        try:
            names = ", ".join(self.pipelines)
            return f"<Source {self.meta('label')!r}: {len(self):,} deals; {names}>"
        except LeakkitError:
            return "<Source, closed>"
        except (KeyError, duckdb.Error):
            return "<Source, being read>"

    def _repr_html_(self) -> str:
        """Return its rows, what was recognised and its faults, for a notebook."""
        from leakkit.store.shown import source_html  # noqa: PLC0415 - it needs this class

        return source_html(self)

    def __dir__(self) -> list[str]:
        """Return what a user may ask for; the rest is for leakkit itself."""
        return list(OFFERED)

    def __eq__(self, other: object) -> bool:
        """Say whether two sources hold the same deals and visits, read in the same way."""
        if self is other or not isinstance(other, Store):
            return self is other
        same = self.meta("fingerprint") == other.meta("fingerprint")
        return same and self.config == other.config

    def __hash__(self) -> int:
        """Return the hash of what was read."""
        return hash(self.meta("fingerprint"))

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Refuse to be pickled or copied, which would take all deals along."""
        message = (
            "A source is not pickled: keep it in a file and open that where it is needed. "
            'Write: leakkit.load(..., store="deals.duckdb"), leakkit.load("deals.duckdb")'
        )
        raise LeakkitError("source_not_pickled", message)

    def __len__(self) -> int:
        """Return how many deals there are."""
        return int(self.value("SELECT count(*) FROM opportunities"))

    def __bool__(self) -> bool:
        """Say that it is there, also where it holds no deal."""
        return True

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the pipelines."""
        return iter(self.pipelines)

    def __contains__(self, name: object) -> bool:
        """Say whether there is a pipeline of a name, in whatever case."""
        known = {fold_name(one) for one in self.pipelines}
        return isinstance(name, str) and fold_name(name) in known

    @property
    def pipelines(self) -> tuple[str, ...]:
        """The names of the pipelines, in their order."""
        return tuple(rules.name for rules in self.config.pipelines)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the deals by which a part can be chosen."""
        return tuple(self.meta("segments"))

    def close(self) -> None:
        """Close the connection; a store in memory is gone."""
        for branch in self._held():
            branch.close()
        self.connection.close()

    def branch(self) -> Store:
        """Return the same store with temporary tables of its own, gone when nobody holds it."""
        with _interruptible():
            made = Store(self.connection.cursor())
        self.branches = [ref(held) for held in (*self._held(), made)]
        return made

    def _held(self) -> list[Store]:
        """Return the branches that somebody still holds."""
        return [branch for known in self.branches if (branch := known()) is not None]

    def run(self, sql: str, facts: Mapping[str, Any] | None = None) -> None:
        """Carry out a statement."""
        with _interruptible():
            self.connection.execute(sql, dict(facts) if facts else None)

    def rows(self, sql: str, facts: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a query; give it an ORDER BY where there may be several."""
        with _interruptible():
            return self.connection.execute(sql, dict(facts) if facts else None).fetchall()

    def value(self, sql: str, facts: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - any column type
        """Return the only value of a query of one row and one column."""
        return self.rows(sql, facts)[0][0]

    def frame(self, sql: str, facts: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Return the rows of a query as a frame; the query must order them by all its keys."""
        with _interruptible():
            return self.connection.execute(sql, dict(facts) if facts else None).df()

    def arrays(self, sql: str, facts: Mapping[str, Any] | None = None) -> dict[str, NDArray[Any]]:
        """Return the columns of a query that has no NULL, in whatever order the rows come."""
        import numpy as np  # noqa: PLC0415 - a refusal needs none

        with _interruptible():
            found = self.connection.execute(sql, dict(facts) if facts else None).fetchnumpy()
        return {name: np.asarray(column) for name, column in found.items()}

    def append(self, sql: str, columns: Mapping[str, NDArray[Any]]) -> None:
        """Carry out a statement that reads `given_columns`, which are arrays of one length."""
        import pandas as pd  # noqa: PLC0415 - a refusal needs none

        with _interruptible():
            self.connection.register("given_columns", pd.DataFrame(columns, copy=False))
        self.run(sql)
        self.connection.unregister("given_columns")

    def put(self, table: str, frame: pd.DataFrame) -> None:
        """Make a temporary table of a small frame, in place of an earlier one."""
        with _interruptible():
            self.connection.register("given_frame", frame)
        self.run(f"CREATE OR REPLACE TEMP TABLE {quote(table)} AS SELECT * FROM given_frame")  # noqa: S608 - quoted
        self.connection.unregister("given_frame")

    def meta(self, key: str) -> Any:  # noqa: ANN401 - JSON of any shape
        """Return one fact about the store; KeyError where it has none."""
        found = self.rows("SELECT value FROM meta WHERE key = $key", {"key": key})
        if not found:
            raise KeyError(key)
        return json.loads(found[0][0])

    def meta_or(self, key: str, other: Any) -> Any:  # noqa: ANN401 - as above
        """Return one fact about the store, or `other` where it has none."""
        found = self.rows("SELECT value FROM meta WHERE key = $key", {"key": key})
        return json.loads(found[0][0]) if found else other

    def set_meta(self, key: str, value: Any) -> None:  # noqa: ANN401 - JSON of any shape
        """Keep one fact about the store."""
        self.set_all_meta({key: value})

    def set_all_meta(self, facts: Mapping[str, Any]) -> None:
        """Keep several facts about the store."""
        values = [json.dumps(one, sort_keys=True, ensure_ascii=False) for one in facts.values()]
        self.run(
            "INSERT INTO meta SELECT unnest($keys), unnest($values)",
            {"keys": list(facts), "values": values},
        )

    @property
    def config(self) -> Config:
        """The configuration that the source was read with, proposed parts included."""
        return Config.model_validate(self.meta("config"))

    @property
    def owner(self) -> str:
        """The column of the deals that names who owns them; '' where there is none."""
        try:
            return str(self.meta("owner"))
        except KeyError:  # a store that was made before it was kept
            return ""


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
