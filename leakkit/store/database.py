"""The store of one source: its tables on an engine, and what is known about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast
from weakref import ref

from leakkit.config import Config, fold_name
from leakkit.errors import LeakkitError
from leakkit.store import schema
from leakkit.store.engines import ENGINE, MEMORY, SPILL, Duck, relation_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from leakkit.store.engines import Engine, Facts
    from leakkit.store.relations import Relations
    from leakkit.store.source_facts import SourceFacts

IN_SPARK = "spark"
"""The fact about a store that was handed over: where in Spark its deals are."""
OFFERED = ("close", "columns", "config", "owner", "pipelines")
"""What tab completion offers of a source."""


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


def literals(texts: Iterable[str]) -> str:
    """Return texts as SQL, for what stands in a list.

    >>> literals(["a", "b"])
    "'a', 'b'"
    """
    return ", ".join(map(literal, texts))


class Store:
    """The canonical tables of one source (docs/contracts.md), open for reading.

    Made by `leakkit.load`. Closes with `close()` or at the end of a `with`.
    """

    def __init__(self, engine: Engine) -> None:
        """Take over an engine; `Store.open` and `Store.new` make one."""
        self.engine = engine
        self.branches: list[ref[Store]] = []
        """The same store with other temporary tables; they are closed with this one."""
        self.counted: list[ref[Relations]] = []
        """The scopes whose temporary tables stand, the one that was counted last at the end."""
        self.texts: dict[str, tuple[str, ...]] = {}
        """The texts by column that stand on the engine as tables of codes, in that order."""
        self.designs: dict[tuple[int, int], Any] = {}
        """The passages of the stages that were looked into last, by pipeline and stage."""

    @classmethod
    def new(cls, path: str = MEMORY, threads: int | None = None) -> Store:
        """Make an empty database in memory or in a new file."""
        return cls(Duck.open(path, threads))

    @classmethod
    def open(cls, path: str | Path) -> Store:
        """Open a store for reading; many processes may do so at once."""
        try:
            store = cls(Duck.open(str(path), read_only=True))
            version = store.meta("schema_version")
        except (ENGINE, KeyError) as error:
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
        return _join(store)

    @classmethod
    def change(cls, path: str | Path) -> Store:
        """Open a store that nobody else has open, to add facts to it."""
        cls.open(path).close()
        return _join(cls(Duck.open(str(path))))

    def hand_over(self, path: Path) -> None:
        """Keep in a file what other processes need to open this store, while it is open."""
        from leakkit.store.spark_engine import SparkEngine  # noqa: PLC0415 - it needs this module

        here = self.engine
        if isinstance(here, SparkEngine):
            self.set_meta(IN_SPARK, here.whereabouts)
            here = here.here
        cast("Duck", here).copy_to(str(path))

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
        except (KeyError, ENGINE):
            return "<Source, being read>"

    def _repr_html_(self) -> str:
        """Return its rows, what was recognised and its faults, for a notebook."""
        from leakkit.store.source_facts import source_html  # noqa: PLC0415 - it needs this class

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
        """Let go of the engine; a store in memory is gone."""
        for branch in self._held():
            branch.close()
        self.engine.close()

    def branch(self) -> Store:
        """Return the same store with temporary tables of its own, gone when nobody holds it."""
        made = Store(self.engine.branch())
        self.branches = [ref(held) for held in (*self._held(), made)]
        return made

    def _held(self) -> list[Store]:
        """Return the branches that somebody still holds."""
        return [branch for known in self.branches if (branch := known()) is not None]

    def run(self, sql: str, facts: Facts = None) -> None:
        """Carry out a statement."""
        self.engine.run(sql, facts)

    def rows(self, sql: str, facts: Facts = None) -> list[tuple[Any, ...]]:
        """Return the rows of a query; give it an ORDER BY where there may be several."""
        return self.engine.rows(sql, facts)

    def value(self, sql: str, facts: Facts = None) -> Any:  # noqa: ANN401 - any column type
        """Return the only value of a query of one row and one column."""
        return self.rows(sql, facts)[0][0]

    def frame(self, sql: str, facts: Facts = None) -> pd.DataFrame:
        """Return the rows of a query as a frame; the query must order them by all its keys."""
        return self.engine.frame(sql, facts)

    def arrays(self, sql: str, facts: Facts = None) -> dict[str, NDArray[Any]]:
        """Return the columns of a query that has no NULL, in whatever order the rows come."""
        return self.engine.arrays(sql, facts)

    def append(self, sql: str, columns: Mapping[str, NDArray[Any]]) -> None:
        """Carry out a statement that reads `given_columns`, which are arrays of one length."""
        self.engine.run_on(sql, "given_columns", relation_of(columns))

    def insert(self, sql: str, frame: object) -> None:
        """Carry out a statement that reads `given_frame`, a frame of whatever library."""
        self.engine.run_on(sql, "given_frame", frame)

    def put(self, table: str, frame: object) -> None:
        """Make a temporary table of a small frame, in place of an earlier one."""
        self.engine.put(quote(table), frame)

    def put_values(self, table: str, sql: str, facts: Facts) -> None:
        """Make a temporary table of a query that reads only its own facts, in place of another.

        For a few rows it takes a fraction of what a frame of them takes.
        """
        self.engine.put_values(quote(table), sql, facts)

    def meta(self, key: str) -> Any:  # noqa: ANN401 - JSON of any shape
        """Return one fact about the store; KeyError where it has none."""
        found = self.rows("SELECT value FROM meta WHERE key = $key", {"key": key})
        if not found:
            raise KeyError(key)
        return json.loads(found[0][0])

    def meta_or(self, key: str, other: object) -> Any:  # noqa: ANN401 - as above
        """Return one fact about the store, or `other` where it has none."""
        found = self.rows("SELECT value FROM meta WHERE key = $key", {"key": key})
        return json.loads(found[0][0]) if found else other

    def several_meta(self, keys: Sequence[str]) -> dict[str, Any]:
        """Return several facts about the store in one question; KeyError where it lacks one."""
        sql = "SELECT key, value FROM meta WHERE key IN (SELECT unnest($keys))"
        found = dict(self.rows(sql, {"keys": list(keys)}))
        return {key: json.loads(found[key]) for key in keys}

    def set_meta(self, key: str, value: object) -> None:
        """Keep one fact about the store."""
        self.set_all_meta({key: value})

    def set_all_meta(self, facts: Mapping[str, object]) -> None:
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
    def source_facts(self) -> SourceFacts:
        """What is known of the source beside its deals."""
        from leakkit.store.source_facts import SourceFacts  # noqa: PLC0415 - it needs this class

        return SourceFacts.read(self)

    @property
    def owner(self) -> str:
        """The column of the deals that names who owns them; '' where there is none."""
        try:
            return str(self.meta("owner"))
        except KeyError:  # a store that was made before it was kept
            return ""


def _join(store: Store) -> Store:
    """Return a store that was opened; where its deals are in Spark, joined to them there."""
    if known := store.meta_or(IN_SPARK, None):
        from leakkit.store.spark_engine import SparkEngine  # noqa: PLC0415 - it needs this module

        store.engine = SparkEngine.join(cast("Duck", store.engine), known)
    return store


__all__ = ["IN_SPARK", "MEMORY", "SPILL", "Store", "literal", "literals", "quote"]
