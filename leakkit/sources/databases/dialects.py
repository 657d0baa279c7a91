"""What databases do not share: how they list their tables, begin to read, and write a cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit.store.database import quote

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN = ("bool", "int", "uint", "float", "double", "string", "large_string", "decimal")
MOMENTS = ("timestamp", "date")
NO_CELLS = ("binary", "large_binary", "fixed_size_binary", "list", "large_list", "struct", "map")
"""The kinds of columns that arrive as they are, and those that are no cells, by their names."""
FIRST, LAST = "0001-01-01", "9999-12-31"


@dataclass(frozen=True)
class Column:
    """A column of a table or of a SELECT: its heading, its kind, and what its database calls it.

    `kind` is that of Arrow, `own` that of the database where it says one; `exact` says that
    it holds numbers only, in a database whose columns may hold anything.
    """

    heading: str
    kind: str
    own: str = ""
    exact: bool = False


@dataclass(frozen=True)
class CellQuery:
    """How a column is asked for: SQL, and whether it comes as the text of an exact number."""

    sql: str
    number: bool = False


@dataclass(frozen=True)
class Dialect:
    """One kind of database.

    `begin` are the statements before all others, `catalogue` gives (schema, table, column,
    whether the schema needs no name) of all that may be read, in an order that is always the
    same. `exact` is SQL for whether a column holds numbers only, where that has to be asked.
    """

    name: str
    module: str
    begin: tuple[str, ...]
    catalogue: str
    cell: Callable[[Column, str], CellQuery | None]
    name_sql: Callable[[str], str] = quote
    exact: str = ""
    options: tuple[tuple[str, str], ...] = ()
    """Of a statement: how much is fetched at once."""


def _begins(kind: str, kinds: tuple[str, ...]) -> bool:
    """Say whether a kind of Arrow is one of these, whatever its width or unit."""
    word = kind.partition("[")[0].partition("(")[0].partition("<")[0]
    return word.rstrip("0123456789") in kinds


def _postgresql(column: Column, sql: str) -> CellQuery | None:
    """Ask for a column of PostgreSQL.

    Exact numbers and money come as texts: as Arrow they have no scale, or are counted in cents.
    Moments without an end come as the last day that there is.
    """
    if column.own == "money":
        return CellQuery(f"CAST(CAST({sql} AS numeric) AS text)", number=True)
    if column.own == "numeric":
        return CellQuery(f"CAST({sql} AS text)", number=True)
    if _begins(column.kind, MOMENTS):
        return CellQuery(
            f"CASE WHEN {sql} > '{LAST}' THEN '{LAST}' WHEN {sql} < '{FIRST}' THEN '{FIRST}' "
            f"ELSE {sql} END"
        )
    return _cell(column, sql, "text")


def _sqlite(column: Column, sql: str) -> CellQuery | None:
    """Ask for a column of SQLite as text: it may hold anything, whatever is declared."""
    text = f"COALESCE(CAST({sql} AS TEXT), '')"
    return CellQuery(
        f"CASE WHEN typeof({sql}) = 'blob' THEN '' ELSE {text} END", number=column.exact
    )


def _cell(column: Column, sql: str, text: str) -> CellQuery | None:
    """Ask for a column as it is, or as a text; None of what is no cell."""
    if _begins(column.kind, NO_CELLS):
        return None
    plain = _begins(column.kind, (*PLAIN, *MOMENTS))
    return CellQuery(sql if plain else f"CAST({sql} AS {text})")


def _snowflake(column: Column, sql: str) -> CellQuery | None:
    """Ask for a column of Snowflake."""
    return _cell(column, sql, "VARCHAR")


def _bigquery(column: Column, sql: str) -> CellQuery | None:
    """Ask for a column of BigQuery."""
    return _cell(column, sql, "STRING")


def spark_cell(column: Column, sql: str) -> CellQuery | None:
    """Ask for a column of Spark."""
    return _cell(column, sql, "STRING")


def _quote_with_ticks(name: str) -> str:
    """Return an identifier as SQL of BigQuery."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


DIALECTS = {
    "postgresql": Dialect(
        "PostgreSQL",
        "adbc_driver_postgresql",
        (
            # one moment for all tables, and no way to write
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
            "SET LOCAL client_encoding = 'UTF8'",
            "SET LOCAL synchronize_seqscans = off",
        ),
        """
        SELECT n.nspname, c.relname, a.attname, n.nspname = ANY (current_schemas(FALSE))
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND NOT c.relispartition
          AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
          AND has_schema_privilege(n.oid, 'USAGE')
          AND has_column_privilege(c.oid, a.attnum, 'SELECT')
        ORDER BY 1, 2, a.attnum
        """,
        _postgresql,
    ),
    "sqlite": Dialect(
        "SQLite",
        "adbc_driver_sqlite",
        ("PRAGMA query_only = TRUE",),
        """
        SELECT 'main', m.name, c.name, TRUE
        FROM sqlite_schema m JOIN pragma_table_xinfo(m.name) c
        WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
        ORDER BY 2, c.cid
        """,
        _sqlite,
        exact="max(typeof({0}) NOT IN ('integer', 'real', 'null')) = 0 AND count({0}) > 0",
        options=(("adbc.sqlite.query.batch_rows", "50000"),),
    ),
    "snowflake": Dialect(
        "Snowflake",
        "adbc_driver_snowflake",
        (),
        """
        SELECT table_schema, table_name, column_name, table_schema = CURRENT_SCHEMA()
        FROM information_schema.columns WHERE table_schema <> 'INFORMATION_SCHEMA'
        ORDER BY 1, 2, ordinal_position
        """,
        _snowflake,
    ),
    "bigquery": Dialect(
        "BigQuery",
        "adbc_driver_bigquery",
        (),
        """
        SELECT table_schema, table_name, column_name, TRUE
        FROM INFORMATION_SCHEMA.COLUMNS ORDER BY 1, 2, ordinal_position
        """,
        _bigquery,
        _quote_with_ticks,
    ),
}
