"""A session of Spark: the only module that knows pyspark, and that only when it is asked.

A session that is begun here is one of its own, and ends with what is made in it; one that
frames are of, or that another process began, goes on. What is made has names of its own, so
nothing of the user's is replaced. No setting of a session is changed: the SQL that runs there
does not depend on its time zone, nor on whether it follows ANSI.
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import sys
import warnings
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from leakkit.errors import LeakkitError, shorten_text, visible

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator, Mapping

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
SERVER = "LEAKKIT_SPARK"
"""Says, to a process that was begun to join a session, how its server is reached."""
_SERVERS: dict[str, dict[str, Any]] = {}
"""How the servers of the sessions of this process are reached."""
ATTEMPT_MS = 10_000
"""So long one attempt to reach a server may take, in milliseconds."""
RETRIES = 5
"""So often an answer is asked for again that a lost connection kept back: some 20 seconds."""
UNTOLD = "of RPC that terminated with"
"""What stands in the text of an error of gRPC, and says nothing."""
SAYS = {
    "no_database": "{shown} cannot be reached: {said} Is a server of Spark Connect running there "
    "(in Spark's folder: sbin/start-connect-server.sh), and is the address right? Its "
    "usual port is 15002 (docs/sources/spark.md).",
    "database_refuses": "{shown} did not answer a question. {said}",
}
"""What is said of an error, by its code."""


def _tick(name: str) -> str:
    """Return a name as an identifier of Spark."""
    return "`" + name.replace("`", "``") + "`"


def is_spark_frame(given: object) -> bool:
    """Say whether something is a frame of Spark, without loading pyspark."""
    kind = type(given)
    return kind.__module__.startswith("pyspark.sql.") and kind.__name__ == "DataFrame"


class SparkConnection:
    """A session, the names of what is made in it, and what it is asked to keep at hand."""

    def __init__(
        self,
        spark: Any,  # noqa: ANN401 - its types would load it
        shown: str = "Spark",
        secrets: tuple[str, ...] = (),
        *,
        own: bool = False,
        end: Callable[[], None] | None = None,
    ) -> None:
        """Take over a session of Spark, and what is to be done at its `end`.

        With one that is our `own` all goes that was made in it; another one goes on.
        """
        self.spark = spark
        self.shown = shown
        self.secrets = secrets
        self.own = own
        self.end = end
        # other processes may make something in the same session
        self.prefix = f"leakkit_{os.getpid()}_{next(_TURN)}"
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
        """Connect to a server of Spark Connect, in a session of its own."""
        with explaining(shown, secrets, "no_database"):
            spark = _begin(address)
        made = cls(spark, shown, secrets, own=True, end=partial(_end, spark))
        _SERVERS[str(spark.session_id)] = {"address": address, "shown": shown, "secrets": secrets}
        return made

    @classmethod
    def join(cls, session: str) -> SparkConnection:
        """Join a session that this process began, or the one that began this process."""
        known = find_server(session)
        shown, secrets = known["shown"], tuple(known["secrets"])
        more = "" if "/;" in known["address"] else "/"
        address = f"{known['address'].rstrip('/')}{more};session_id={session}"
        with explaining(shown, secrets, "no_database"):
            spark = _begin(address)
        return cls(spark, shown, secrets, end=partial(_close, spark.client))

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
        with self.explaining(), _active(self.spark):
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
        with self.explaining():
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
        """Let go of all that was made here; a session of others goes on, if it has not ended."""
        # whatever a session that was ended meanwhile raises, there is nothing left to let go of
        with suppress(Exception):
            for name in () if self.own else sorted(self.made):
                self.spark.catalog.dropTempView(name)
        if self.end:
            self.end()
        self.kept.clear()
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


def _begin(address: str) -> Any:  # noqa: ANN401 - as above
    """Begin a session on a server, and nowhere else; raise what pyspark raises."""
    try:
        from pyspark.sql.connect.client import DefaultChannelBuilder  # noqa: PLC0415 - of the extra `spark`
        from pyspark.sql.connect.client.retries import DefaultPolicy  # noqa: PLC0415 - as above
        from pyspark.sql.connect.session import SparkSession  # noqa: PLC0415 - as above
    except ImportError:
        message = "To read Spark leakkit needs pyspark. Type: pip install 'leakkit[spark]'"
        raise LeakkitError("no_driver", message) from None
    waiting = [("grpc.min_reconnect_backoff_ms", ATTEMPT_MS)]
    spark = SparkSession(connection=DefaultChannelBuilder(address, waiting))
    # as it is, pyspark tries for ten minutes to reach a server, and then again at its exit
    spark.client.set_retry_policies([])
    atexit.register(spark.client.close)
    try:
        _ = spark.version  # the first thing that a server is asked for
    except BaseException:
        _close(spark.client)
        raise
    spark.client.set_retry_policies([DefaultPolicy(max_retries=RETRIES)])
    return spark


def _end(spark: Any) -> None:  # noqa: ANN401 - as above
    """End a session that was begun here, with all that runs in it, if its server hears it."""
    _SERVERS.pop(str(spark.session_id), None)
    spark.client.set_retry_policies([])
    with suppress(Exception):
        spark.client.release_session()
    _close(spark.client)


def _close(client: Any) -> None:  # noqa: ANN401 - as above
    """Let go of a connection, so that nothing is asked through it any more."""
    atexit.unregister(client.close)
    with suppress(Exception):
        client.close()


def find_server(session: str) -> dict[str, Any]:
    """Return how the server of a session is reached, for a process that is to join it."""
    known = _SERVERS.get(session) or json.loads(os.environ.get(SERVER, "null"))
    if known is None:
        message = (
            "The deals of this store are in Spark, in a session that only the run that made it "
            "knows. Load its source again."
        )
        raise LeakkitError("deals_in_spark", message)
    return dict(known)


@contextmanager
def _active(spark: Any) -> Iterator[None]:  # noqa: ANN401 - as above
    """Let a session of Spark Connect be the active one: a checkpoint becomes one of that."""
    place = getattr(type(spark), "_active_session", None)
    if place is None:  # a session of this process's own Java
        yield
        return
    before = getattr(place, "session", None)
    place.session = spark
    try:
        yield
    finally:
        place.session = before


@contextmanager
def explaining(shown: str, secrets: tuple[str, ...], code: str) -> Iterator[None]:
    """Raise an error of Spark in our own words, with what it says itself in one line."""
    try:
        with _quiet():
            yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in DRIVERS:
            raise
        said = _find_words(error)
        said = "" if any(secret in said for secret in secrets) else shorten_text(visible(said))
        said = said if not said or said.endswith((".", "?")) else f"{said}."
        raise LeakkitError(code, SAYS[code].format(shown=shown, said=said).strip()) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep pyspark from writing to the terminal what an error tells as well."""
    loggers = _loggers()
    before = [one.disabled for one in loggers]
    for one in loggers:
        one.disabled = True
    try:
        with warnings.catch_warnings():
            # of versions of pandas, which concern none of what is used here, and of retries
            warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
            warnings.filterwarnings("ignore", message=r"\[RETRIES_EXCEEDED\]")
            yield
    finally:
        for one, was in zip(loggers, before, strict=True):
            one.disabled = was


def _loggers() -> list[logging.Logger]:
    """Return what pyspark writes pages of JSON with where a statement is refused."""
    if "pyspark.logger" not in sys.modules:
        return []
    from pyspark.logger import PySparkLogger  # noqa: PLC0415 - of the extra `spark`

    return [PySparkLogger.getLogger(f"{of}QueryContextLogger") for of in ("SQL", "DataFrame")]


def _find_words(error: BaseException) -> str:
    """Return the line in which an error of Spark says what happened."""
    told: BaseException | None = error
    while told is not None:
        details = getattr(told, "details", None)
        if callable(details) and (said := details()):
            return str(said).strip().partition("\n")[0]
        line = str(told).strip().partition("\n")[0]
        if line and UNTOLD not in line and not told.__cause__:
            return line
        told = told.__cause__ or told.__context__
    return ""


__all__ = ["SERVER", "SparkConnection", "find_server", "is_spark_frame", "without_zones"]
