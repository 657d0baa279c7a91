"""Statements of ours in Spark's dialect, with the names that relations have there.

sqlglot passes on in silence what it does not know. So only statements come here that keep to
the list of tests/test_sql.py, and what sqlglot knows that Spark cannot is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from leakkit.errors import LeakkitError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlglot import exp

    from leakkit.store.engines import Facts

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


def _convert(value: Any) -> exp.Expr:  # noqa: ANN401 - any fact
    """Return a value as SQL."""
    from sqlglot import exp  # noqa: PLC0415 - of the extra `spark`

    return exp.convert(value.item() if hasattr(value, "item") else value)
