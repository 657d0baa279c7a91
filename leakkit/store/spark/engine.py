"""Spark as the engine of a store: what runs over the deals runs there, all else on DuckDB here.

DuckDB holds what is small: what is known about the source, the names of stages, and the odd
deals as any store has them. Each relation of the deals stands in Spark too, whole, and a
statement that reads one is carried out there. The types of an answer are those that DuckDB
gives the same statement over the odd deals, so frames are of one kind, wherever they come from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import finalize

from leakkit.errors import LeakkitError
from leakkit.store.database import quote
from leakkit.store.spark.sessions import SparkConnection, without_zones
from leakkit.store.spark.translating import in_spark, read_statements

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from leakkit.store.duck import Duck
    from leakkit.store.engines import Facts
    from leakkit.store.spark.translating import Statement


class SparkEngine:
    """The deals in Spark, and the odd ones and all else in DuckDB beside it."""

    counts_in_arrays = False

    def __init__(self, here: Duck, session: SparkConnection, names: dict[str, str]) -> None:
        """Take over a store's DuckDB and a session; `names` are what relations are called there."""
        self.here = here
        self.session = session
        self.names = names
        self.small: set[str] = set()
        """Relations that are whole on both sides."""

    @classmethod
    def join(cls, here: Duck, known: Mapping[str, Any]) -> SparkEngine:
        """Return the engine of a store that was handed over, in the session of its deals."""
        made = cls(here, SparkConnection.join(known["session"]), dict(known["names"]))
        made.small.update(known["small"])
        return made

    @property
    def whereabouts(self) -> dict[str, Any]:
        """Where the deals are, for a process that is to join; it holds no secret."""
        session = str(self.session.spark.session_id)
        return {"session": session, "names": self.names, "small": sorted(self.small)}

    def run(self, sql: str, facts: Facts = None) -> None:
        """Carry out statements, each where the deals are that it reads."""
        statements = read_statements(sql)
        if not any(self._is_there(one) for one in statements):
            self.here.run(sql, facts)
            return
        for one in statements:
            own = {key: value for key, value in (facts or {}).items() if f"${key}" in one.sql}
            if one.changes and self._is_there(one):
                message = "The deals of this source are in Spark, and are only read there."
                raise LeakkitError("deals_in_spark", message)
            # here too: it says of which types what is read of it is
            self.here.run(one.sql, own)
            if one.made and self._is_there(one):
                make = self.session.view if one.kind == "VIEW" else self.session.keep
                self.names[one.made] = make(one.made, in_spark(one.query, self.names, own))

    def _is_there(self, one: Statement) -> bool:
        """Say whether a statement reads what is in Spark; what describes one does not."""
        asks = one.sql.partition(" ")[0].upper() != "DESCRIBE"
        return asks and not one.reads.isdisjoint(self.names.keys() - self.small)

    def _asks_there(self, sql: str) -> bool:
        """Say whether a query is to be answered by Spark."""
        return any(self._is_there(one) for one in read_statements(sql))

    def rows(self, sql: str, facts: Facts = None) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        if not self._asks_there(sql):
            return self.here.rows(sql, facts)
        table, typed = self._answer(sql, facts)
        with self.here.standing("spark_answer", table):
            return self.here.rows(typed)

    def frame(self, sql: str, facts: Facts = None) -> pd.DataFrame:
        """Return the rows of a query as a frame."""
        if not self._asks_there(sql):
            return self.here.frame(sql, facts)
        table, typed = self._answer(sql, facts)
        with self.here.standing("spark_answer", table):
            return self.here.frame(typed)

    def arrays(self, sql: str, facts: Facts = None) -> dict[str, NDArray[Any]]:
        """Return the columns of a query that has no NULL."""
        if not self._asks_there(sql):
            return self.here.arrays(sql, facts)
        table, typed = self._answer(sql, facts)
        with self.here.standing("spark_answer", table):
            return self.here.arrays(typed)

    def arrow(self, sql: str) -> Any:  # noqa: ANN401 - pyarrow ships no types
        """Return the rows of a query as a table of Arrow."""
        if not self._asks_there(sql):
            return self.here.arrow(sql)
        table, typed = self._answer(sql, None)
        with self.here.standing("spark_answer", table):
            return self.here.arrow(typed)

    def _answer(self, sql: str, facts: Facts) -> tuple[Any, str]:
        """Ask Spark; return its table of Arrow, and SQL that gives it DuckDB's types."""
        kinds = self.here.kinds(sql, facts)
        found = without_zones(self.session.answer(in_spark(sql, self.names, facts)))
        found = found.rename_columns([f"c{at}" for at in range(len(kinds))])
        columns = ", ".join(
            f"CAST(c{at} AS {kind}) AS {quote(name)}" for at, (name, kind) in enumerate(kinds)
        )
        return found, f"SELECT {columns} FROM spark_answer"  # noqa: S608 - quoted

    def put(self, table: str, frame: object) -> None:
        """Make a temporary table of a small frame, here and in Spark; the name is quoted."""
        self.here.put(table, frame)
        self.share(table[1:-1].replace('""', '"'))

    def put_values(self, table: str, sql: str, facts: Facts) -> None:
        """Make a temporary table of a query that reads only its own facts; as above."""
        self.here.put_values(table, sql, facts)
        self.share(table[1:-1].replace('""', '"'))

    def share(self, table: str) -> None:
        """Let a small table of DuckDB stand in Spark too."""
        found = self.here.arrow(f"SELECT * FROM {quote(table)}")  # noqa: S608 - quoted
        self.small.add(table)
        self.names[table] = self.session.put(table, found)

    def run_on(self, sql: str, name: str, frame: object) -> None:
        """Carry out a statement of DuckDB's that reads a frame under a name."""
        self.here.run_on(sql, name, frame)

    def branch(self) -> SparkEngine:
        """Return the same tables with temporary ones of its own, gone when nobody holds it."""
        session = self.session.branch()
        made = SparkEngine(self.here.branch(), session, dict(self.names))
        made.small.update(self.small)
        finalize(made, session.close).atexit = False
        return made

    def close(self) -> None:
        """Let go of everything; the session goes on."""
        self.session.close()
        self.here.close()


__all__ = ["SparkEngine"]
