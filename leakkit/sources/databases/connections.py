"""A connection that only reads: what each kind of database wants, its rows, and what it refuses.

What a database refuses is said in leakkit's own words, and without a secret.
"""

from __future__ import annotations

import getpass
import importlib
import os
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from leakkit.errors import LeakkitError, shorten_text, visible
from leakkit.store.database import quote as quote_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from leakkit.sources.databases.addresses import Address

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
    name_sql: Callable[[str], str] = quote_name
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


# ---------------------------------------------------------------- what databases do not share

_TYPED: dict[str, str] = {}
"""The passwords that were typed in this process, by address: one is asked for once."""


@dataclass(frozen=True)
class Listed:
    """A table or a view that may be read, and its columns; `near` needs no name of a schema."""

    schema: str
    table: str
    columns: tuple[str, ...]
    near: bool

    @property
    def name(self) -> str:
        """What it is called here: with its schema, where that is not the usual one."""
        return self.table if self.near else f"{self.schema}.{self.table}"

    @property
    def names(self) -> tuple[str, ...]:
        """All that it may be called."""
        return tuple(dict.fromkeys((self.name, f"{self.schema}.{self.table}")))


@dataclass(frozen=True)
class Session:
    """A connection to a database, within a transaction that only reads.

    A statement of a user stands within one of our own, where nothing that writes may stand.
    """

    address: Address
    dialect: Dialect
    connection: Any

    def list_tables(self) -> tuple[Listed, ...]:
        """Return all tables and views that may be read."""
        found: dict[tuple[str, str, bool], list[str]] = {}
        for schema, table, column, near in self.rows(self.dialect.catalogue):
            found.setdefault((str(schema), str(table), bool(near)), []).append(str(column))
        return tuple(Listed(s, t, tuple(c), near) for (s, t, near), c in found.items())

    def place(self, one: Listed) -> str:
        """Return SQL for a table."""
        return f"{self.dialect.name_sql(one.schema)}.{self.dialect.name_sql(one.table)}"

    def columns(self, relation: str) -> list[Column]:
        """Return the columns of what stands after FROM."""
        with self._run(f"SELECT * FROM {relation} LIMIT 0") as cursor:  # noqa: S608 - as the user says
            fields = list(cursor.fetch_record_batch().schema)
        found = [Column(one.name, str(one.type), _own(one.metadata)) for one in fields]
        return self._with_numbers(found, relation) if self.dialect.exact else found

    def _with_numbers(self, columns: list[Column], relation: str) -> list[Column]:
        """Say which columns hold numbers only, where columns may hold anything."""
        asked = ", ".join(
            self.dialect.exact.format(self.dialect.name_sql(one.heading)) for one in columns
        )
        ((*said,),) = self.rows(f"SELECT {asked} FROM {relation}")  # noqa: S608 - as above
        return [
            Column(one.heading, one.kind, one.own, exact=bool(number))
            for one, number in zip(columns, said, strict=True)
        ]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a short answer."""
        with self._run(sql) as cursor:
            return [tuple(row) for row in cursor.fetchall()]

    @contextmanager
    def reader(self, sql: str) -> Iterator[Any]:
        """Yield a reader of the batches of a long answer."""
        with self._run(sql) as cursor:
            yield cursor.fetch_record_batch()

    @contextmanager
    def _run(self, sql: str) -> Iterator[Any]:
        """Carry out a statement; say what went wrong in our own words."""
        try:
            with self.connection.cursor() as cursor:
                if self.dialect.options:
                    cursor.adbc_statement.set_options(**dict(self.dialect.options))
                cursor.execute(sql)
                yield cursor
        except Exception as error:
            if not is_of_driver(error):
                raise
            raise explain_driver_error(self.address, error) from None


@contextmanager
def open_session(address: Address) -> Iterator[Session]:
    """Connect to a database, only to read, and let go of it at the end."""
    dialect = DIALECTS[address.kind]
    try:
        driver = importlib.import_module(f"{dialect.module}.dbapi")
        importlib.import_module("pyarrow")
    except ImportError:
        raise no_driver(address.kind, dialect) from None
    connection = _connect(driver, address)
    try:
        session = Session(address, dialect, connection)
        for statement in dialect.begin:
            session.rows(statement)
        yield session
    finally:
        connection.close()


def _connect(driver: object, address: Address) -> Any:  # noqa: ANN401 - modules of drivers
    """Connect; ask for a password once where the database wants one and there is a terminal."""
    try:
        return _open_connection(driver, address, _TYPED.get(address.shown, ""))
    except Exception as error:  # noqa: BLE001 - drivers share no class of errors; ours are raised
        terminal = sys.stdin is not None and sys.stdin.isatty()
        if not (is_of_driver(error) and terminal and wants_password(error)):
            raise _explain_failure(address, error) from None
    _TYPED[address.shown] = getpass.getpass(f"Password for {address}: ")
    try:
        return _open_connection(driver, address, _TYPED[address.shown])
    except Exception as error:  # noqa: BLE001 - as above
        del _TYPED[address.shown]
        raise _explain_failure(address, error) from None


def _explain_failure(address: Address, error: Exception) -> Exception:
    """Return what is raised where no connection is made."""
    return explain_driver_error(address, error, connecting=True) if is_of_driver(error) else error


def _open_connection(driver: Any, address: Address, password: str) -> Any:  # noqa: ANN401 - as above
    """Open a connection as the driver of a kind of database wants it to be asked."""
    rest = address.uri.partition("://")[2]
    if address.kind == "snowflake":
        password = password or os.environ.get("SNOWFLAKE_PASSWORD", "")
        telemetry = {"adbc.snowflake.sql.client_option.disable_telemetry": "true"}
        return driver.connect(rest, telemetry | ({"password": password} if password else {}))
    if address.kind == "bigquery":
        project, _, dataset = rest.partition("?")[0].partition("/")
        names = ("project_id", project), ("dataset_id", dataset)
        given = {f"adbc.bigquery.sql.{name}": unquote(value) for name, value in names if value}
        return driver.connect(given)
    return driver.connect(_with_password(address, password) if password else address.uri)


def _with_password(address: Address, password: str) -> str:
    """Return an address of PostgreSQL with a password that was typed."""
    sign = "&" if urlsplit(address.uri).query else "?"
    return f"{address.uri.rstrip('?')}{sign}password={quote(password, safe='')}"


def _own(metadata: dict[bytes, bytes] | None) -> str:
    """Return what a database itself calls the kind of a column, where its driver says so."""
    said = (metadata or {}).get(b"POSTGRESQL:type", b"").decode("utf-8", "replace")
    return re.sub(r"^'|'$", "", said)


# ---------------- refusals

KINDS = {
    "select_writes": re.compile(r"read-?only (transaction|database)|readonly|data-modifying"),
    "no_right": re.compile(
        "permission denied|insufficient privilege|not authorized", re.IGNORECASE
    ),
    "no_table": re.compile(r"relation .* does not exist|no such table|table .* not found"),
    "connection_lost": re.compile(
        "terminating connection|server closed the connection|connection (reset|to server was lost)"
        "|no connection to the server|SSL (connection|SYSCALL)|could not receive data"
    ),
}
"""The code of an error, by what drivers say."""
SAYS = {
    "select_writes": "{address}: a SELECT of [source.tables] writes; leakkit only reads: {said}",
    "no_right": "{address} does not let its user read this: {said} "
    "Whoever owns it can say: GRANT SELECT ON table TO user.",
    "no_table": "{address}: {said}",
    "connection_lost": "The connection to {address} was lost while it was read: {said} "
    "Nothing was written; run it again.",
    "database_login": "{address} does not let you in: {said} A password comes from PGPASSWORD, "
    "~/.pgpass or a service file, or is typed on a terminal.",
    "no_database": "There is no way to {address}: {said}",
    "database_refuses": "{address} cannot do what it is asked: {said}",
}
LOGIN = re.compile(
    "password|authenticat|pg_hba|role .* does not exist|incorrect username", re.IGNORECASE
)
NO_PASSWORD = re.compile("no password supplied|password is empty|password authentication failed")
TELLING = re.compile(r"(?:ERROR|FATAL|PANIC):\s+(?P<said>[^\n]+)")
AHEAD = re.compile(r"^([A-Z_]+: )?(\[\w+\] )?(Failed to (connect|prepare query|step query): )?")


def is_of_driver(error: BaseException) -> bool:
    """Say whether an error came from a driver: of Arrow's, those of the system have no number."""
    if isinstance(error, OSError):
        return error.errno is None
    return type(error).__module__.partition(".")[0] in {"adbc_driver_manager", "pyarrow"}


def explain_driver_error(
    address: Address, error: BaseException, *, connecting: bool = False
) -> LeakkitError:
    """Return what an error of a driver means; where a secret may be in it, without its words."""
    said = _find_telling_line(address, str(error))
    found = [code for code, words in KINDS.items() if words.search(str(error))]
    code = found[0] if found else "database_refuses"
    if connecting:
        code = "database_login" if LOGIN.search(str(error)) else "no_database"
    return LeakkitError(code, SAYS[code].format(address=address, said=said).strip())


def _find_telling_line(address: Address, text: str) -> str:
    """Return the telling line of a driver, as a sentence."""
    found = TELLING.search(text)
    line = found["said"] if found else AHEAD.sub("", text).strip().partition("\n")[0]
    line = shorten_text(visible(address.without_secrets(line).strip()))
    return line if not line or line.endswith((".", "?")) else f"{line}."


def wants_password(error: BaseException) -> bool:
    """Say whether a database asks for a password that it was not given, or for another one."""
    return NO_PASSWORD.search(str(error)) is not None


def no_driver(kind: str, dialect: Dialect) -> LeakkitError:
    """Return the error of a database whose driver is not installed."""
    message = (
        f"To read {dialect.name} leakkit needs its driver, which is not installed. "
        f"Type: pip install 'leakkit[{kind}]'"
    )
    return LeakkitError("no_driver", message)
