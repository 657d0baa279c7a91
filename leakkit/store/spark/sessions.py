"""A session of Spark: the only module that knows pyspark, and that only when it is asked.

What is made in it has names of its own, so nothing of the user's is replaced. No setting of
the session is changed: the SQL that runs there does not depend on its time zone, nor on
whether it follows ANSI.
"""

from __future__ import annotations

import itertools
import warnings
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from leakkit.errors import LeakkitError, shorten_text, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KINDS = {
    "int8": "TINYINT",
    "int16": "SMALLINT",
    "int32": "INT",
    "int64": "BIGINT",
    "bool": "BOOLEAN",
    "float": "FLOAT",
    "double": "DOUBLE",
    "string": "STRING",
    "large_string": "STRING",
    "null": "STRING",
}
"""The types of small tables, as Arrow and as Spark call them."""
_TURN = itertools.count(1)
DRIVERS = frozenset({"pyspark", "py4j", "grpc"})
"""The packages whose errors are those of Spark."""


def _tick(name: str) -> str:
    """Return a name as an identifier of Spark."""
    return "`" + name.replace("`", "``") + "`"


def is_spark_frame(given: object) -> bool:
    """Say whether something is a frame of Spark, without loading pyspark."""
    kind = type(given)
    return kind.__module__.startswith("pyspark.sql.") and kind.__name__ == "DataFrame"


class SparkConnection:
    """A session, the names of what is made in it, and what it is asked to keep at hand."""

    def __init__(self, spark: Any, shown: str = "Spark", secrets: tuple[str, ...] = ()) -> None:  # noqa: ANN401 - its types would load it
        """Take over a session of Spark; whoever began it ends it."""
        self.spark = spark
        self.shown = shown
        self.secrets = secrets
        self.prefix = f"leakkit_{next(_TURN)}"
        self.kept: dict[str, Any] = {}
        self.made: set[str] = set()

    @classmethod
    def of_frames(cls, frames: Mapping[str, Any]) -> SparkConnection:
        """Return the session that all frames are of."""
        sessions = [frame.sparkSession for frame in frames.values()]
        if any(one is not sessions[0] for one in sessions):
            message = "The frames are of different sessions of Spark. Give frames of one session."
            raise LeakkitError("two_sessions", message)
        return cls(sessions[0])

    @classmethod
    def connect(cls, address: str, shown: str, secrets: tuple[str, ...] = ()) -> SparkConnection:
        """Connect to a server of Spark Connect."""
        try:
            with warnings.catch_warnings():
                # what it says of versions of pandas concerns none of what is used here
                warnings.simplefilter("ignore", FutureWarning)
                from pyspark.sql import SparkSession  # noqa: PLC0415 - of the extra `spark`
        except ImportError:
            message = "To read Spark leakkit needs pyspark. Type: pip install 'leakkit[spark]'"
            raise LeakkitError("no_driver", message) from None
        with explaining(shown, secrets, "no_database"):
            found = cls(SparkSession.builder.remote(address).getOrCreate(), shown, secrets)
            found.spark.sql("SELECT 1").collect()
        return found

    def name(self, relation: str) -> str:
        """Return what a relation of ours is called in the session."""
        return f"{self.prefix}_{relation}"

    def give(self, relation: str, frame: Any) -> str:  # noqa: ANN401 - a frame of Spark
        """Let a frame stand under a name of ours, which is returned."""
        name = self.name(relation)
        frame.createOrReplaceTempView(name)
        self.made.add(name)
        return name

    def view(self, relation: str, query: str) -> str:
        """Let a query stand as a view, which reads what its names mean when it is asked."""
        name = self.name(relation)
        self.kept.pop(name, None)
        with self.explaining():
            self.spark.sql(f"CREATE OR REPLACE TEMPORARY VIEW {name} AS {query}")
        self.made.add(name)
        return name

    def keep(self, relation: str, query: str) -> str:
        """Let the answer of a query stand as a relation, computed once and for all.

        It is a checkpoint and no cache: with the plans of what it was made of in it, a
        query of ours would take minutes to be planned.
        """
        name = self.name(relation)
        with self.explaining():
            # in memory, and on the disks of Spark where there is no more of it
            frame = self.spark.sql(query).localCheckpoint(eager=True)
        self.kept[name] = frame
        return self.give(relation, frame)

    def put(self, relation: str, table: Any) -> str:  # noqa: ANN401 - of Arrow
        """Bring a small table of Arrow into the session."""
        self.kept.pop(self.name(relation), None)
        if not table.num_rows:
            # Spark Connect takes no table without rows
            columns = [
                f"CAST(NULL AS {KINDS[str(f.type)]}) AS {_tick(f.name)}" for f in table.schema
            ]
            return self.view(relation, f"SELECT {', '.join(columns)} WHERE FALSE")
        with self.explaining(), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # as above
            return self.give(relation, self.spark.createDataFrame(table))

    def let_go(self, *relations: str) -> None:
        """Let go of what was kept: Spark drops it once nothing refers to it."""
        for name in map(self.name, relations):
            self.kept.pop(name, None)
            self.spark.catalog.dropTempView(name)
            self.made.discard(name)

    def answer(self, query: str) -> Any:  # noqa: ANN401 - of Arrow
        """Return the rows of a query as a table of Arrow."""
        with self.explaining():
            return self.spark.sql(query).toArrow()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a short answer."""
        found = self.answer(query)
        columns = [found.column(at).to_pylist() for at in range(found.num_columns)]
        return list(zip(*columns, strict=True))

    def types(self, query: str) -> dict[str, str]:
        """Return the columns of a query with their types, as Spark calls them."""
        with self.explaining():
            return {str(name): str(kind) for name, kind in self.spark.sql(query).dtypes}

    def schema(self, query: str) -> list[tuple[str, str]]:
        """Return the columns of a query with their types, as Arrow calls them."""
        return [(one.name, str(one.type)) for one in self.answer(f"{query} LIMIT 0").schema]

    def tables(self) -> list[str]:
        """Return the names of the tables of the present database of its catalogue."""
        with self.explaining():
            return sorted(one.name for one in self.spark.catalog.listTables())

    def branch(self) -> SparkConnection:
        """Return the same session with other names for what is made in it."""
        return SparkConnection(self.spark, self.shown, self.secrets)

    def close(self) -> None:
        """Let go of all that was made here; the session goes on, if it has not ended."""
        self.kept.clear()
        # whatever a session that was ended meanwhile raises, there is nothing left to let go of
        with suppress(Exception):
            for name in sorted(self.made):
                self.spark.catalog.dropTempView(name)
        self.made.clear()

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Say in our own words what went wrong in Spark."""
        with explaining(self.shown, self.secrets, "database_refuses"):
            yield


def without_zones(table: Any) -> Any:  # noqa: ANN401 - of Arrow
    """Return a table whose moments are in UTC without saying so, as DuckDB's are."""
    import pyarrow as pa  # noqa: PLC0415 - of the extra `spark`

    for at, one in enumerate(table.schema):
        if pa.types.is_timestamp(one.type) and one.type.tz:
            plain = table.column(at).cast(pa.timestamp("us"))
            table = table.set_column(at, one.name, plain)
    return table


@contextmanager
def explaining(shown: str, secrets: tuple[str, ...], code: str) -> Iterator[None]:
    """Raise an error of Spark in our own words, with what it says itself in one line."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in DRIVERS:
            raise
        text = str(error).strip().partition("\n")[0]
        said = "" if any(secret in text for secret in secrets) else shorten_text(visible(text))
        what = "cannot be reached" if code == "no_database" else "did not answer a question"
        raise LeakkitError(code, f"{shown} {what}. {said}".strip()) from None


__all__ = ["SparkConnection", "is_spark_frame", "without_zones"]
