"""Spark as the engine of a store: statements over the deals run there, all others in DuckDB here.

DuckDB holds what is small: what is known about the source, the names of stages, and the odd
deals as any store has them. Each relation of the deals stands in Spark too, whole, and a
statement that reads one is carried out there. The types of an answer are those that DuckDB
gives the same statement over the odd deals, so frames are of one kind, wherever they come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from weakref import finalize

from leakkit.errors import LeakkitError
from leakkit.store.database import quote
from leakkit.store.spark_sessions import SparkConnection, without_zones

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray
    from sqlglot import exp

    from leakkit.store.engines import Duck, Facts


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


# ---------------------------------------------------------------- statements in Spark's dialect

FROM, TO = "duckdb", "spark"


@dataclass(frozen=True)
class Statement:
    """One statement: its text in our dialect, what it reads, and what it makes or drops.

    `made` is the name of the relation that it makes, `kind` TABLE or VIEW then, and `query`
    what it is made of; of a query, `made` is empty. `changes`: it is neither.
    """

    sql: str
    reads: frozenset[str]
    made: str = ""
    kind: str = ""
    query: str = ""
    changes: bool = False


def require_sqlglot() -> None:
    """Raise where the extra is not installed."""
    try:
        import sqlglot  # noqa: F401, PLC0415 - of the extra `spark`
    except ImportError:
        message = "To read Spark leakkit needs sqlglot. Type: pip install 'leakkit[spark]'"
        raise LeakkitError("no_driver", message) from None


@lru_cache(maxsize=1_000)
def read_statements(sql: str) -> tuple[Statement, ...]:
    """Return the statements of a text, each with the relations that it reads."""
    import sqlglot  # noqa: PLC0415 - of the extra `spark`

    return tuple(_read(one) for one in sqlglot.parse(sql, read=FROM) if one is not None)


def _read(tree: exp.Expr) -> Statement:
    """Return what one statement does."""
    from sqlglot import exp  # noqa: PLC0415 - of the extra `spark`

    sql, reads = tree.sql(FROM), frozenset(one.name for one in _relations(tree))
    if isinstance(tree, exp.Query):
        return Statement(sql, reads)
    query = tree.args.get("expression")
    if isinstance(tree, exp.Create) and isinstance(query, exp.Query):
        reads = frozenset(one.name for one in _relations(query))
        return Statement(sql, reads, tree.this.name, str(tree.args["kind"]), query.sql(FROM))
    return Statement(sql, reads, changes=not isinstance(tree, exp.Describe))


def _relations(tree: exp.Expr) -> list[exp.Table]:
    """Return the tables that are named in a statement, but for those of its own WITH."""
    from sqlglot import exp  # noqa: PLC0415 - of the extra `spark`

    own = {one.alias for one in tree.find_all(exp.CTE)}
    return [
        one
        for one in tree.find_all(exp.Table)
        if isinstance(one.this, exp.Identifier) and one.name not in own and not one.db
    ]


def in_spark(sql: str, names: Mapping[str, str], facts: Facts) -> str:
    """Return a query in Spark's dialect: with the names of its relations, and its facts.

    The trap: sqlglot passes on in silence what it does not know. So only statements come here
    that keep to the list of tests/test_sql.py, but for the few that it names, and what sqlglot
    knows that Spark cannot is an error.

    >>> in_spark("SELECT d // 7 AS week FROM p WHERE s = $stage", {"p": "p_1"}, {"stage": "A"})
    "SELECT d DIV 7 AS week FROM p_1 AS p WHERE s = 'A'"
    """
    import sqlglot  # noqa: PLC0415 - of the extra `spark`
    from sqlglot import ErrorLevel, exp  # noqa: PLC0415 - as above

    tree = sqlglot.parse_one(sql, read=FROM)
    for table in _relations(tree):
        if table.name in names:
            alias = table.alias or table.name
            table.set("this", exp.to_identifier(names[table.name]))
            table.set("alias", exp.TableAlias(this=exp.to_identifier(alias)))
    given = dict(facts or {})
    for one in list(tree.find_all(exp.In)):
        if (listed := _listed(one, given)) is not None:
            one.replace(listed)
    for place in list(tree.find_all(exp.Placeholder)):
        place.replace(_convert(given[place.name]))
    return tree.sql(TO, unsupported_level=ErrorLevel.RAISE)


def _listed(test: exp.In, given: Mapping[str, Any]) -> exp.Expr | None:
    """Return `x IN (SELECT unnest($list))` as a list of values; None of any other test."""
    from sqlglot import exp  # noqa: PLC0415 - of the extra `spark`

    query = test.args.get("query")
    inner = query.this if isinstance(query, exp.Subquery) else query
    if not isinstance(inner, exp.Select) or inner.args.get("from_") is not None:
        return None
    (one,) = inner.expressions
    if not isinstance(one, exp.Explode | exp.Unnest) or not isinstance(one.this, exp.Placeholder):
        return None
    values = [_convert(value) for value in given[one.this.name]]
    return exp.In(this=test.this, expressions=values) if values else exp.false()


def _convert(value: object) -> exp.Expr:
    """Return a value as SQL."""
    from sqlglot import exp  # noqa: PLC0415 - of the extra `spark`

    return exp.convert(value.item() if hasattr(value, "item") else value)


__all__ = ["SparkEngine", "in_spark", "read_statements", "require_sqlglot"]
