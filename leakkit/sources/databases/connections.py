"""A connection that only reads: what each kind of database wants, and its rows."""

from __future__ import annotations

import getpass
import importlib
import os
import re
import sys
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from leakkit.errors import LeakkitError
from leakkit.sources.databases.addresses import (
    explain_driver_error,
    is_of_driver,
    wants_password,
)
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
    names: str = ""
    one: str = ""
    """What is asked, table by table, where a broken view spoils the catalogue."""
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
        names="SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name",
        one="""
        SELECT 'main', {0}, name, TRUE FROM pragma_table_xinfo({0})
        WHERE {0} NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY cid
        """,
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


# ---------------------------------------------------------------- one who waits for a driver

TICK_SECONDS, PATIENCE_SECONDS = 0.2, 5
"""So often one who waits looks up; so long a driver may take to give up what it does."""


class Asking:
    """A thread of its own in which a driver does one thing after the other.

    A driver that waits hears no signal. Who asked it waits here instead, and hears Ctrl-C, or
    the wish of a service manager. Nothing is done to a connection while it is still at work.
    """

    def __init__(self) -> None:
        """Begin the thread, which ends with the process, whatever it waits for."""
        self._asked: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        self._given_up = False
        Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        """Do what is asked until there is no more."""
        while asked := self._asked.get():
            call, done = asked
            try:
                done.set_result(call())
            except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
                done.set_exception(error)
            del call, done, asked

    def do(self, call: Callable[[], Any], cancel: Callable[[], object] | None = None) -> Any:  # noqa: ANN401 - what the call returns
        """Return what a call returns; where nobody waits any more, cancel it, and go."""
        done: Future[Any] = Future()
        self._asked.put((call, done))
        if self._given_up:
            return None
        try:
            # a wait without an end may not be broken off, where a library took over the signal
            while not wait((done,), TICK_SECONDS).done:
                pass
        except KeyboardInterrupt:
            self._given_up = True
            if cancel:
                # a server that is silent does not hear this either
                Thread(target=_try, args=(cancel,), daemon=True).start()
                wait((done,), PATIENCE_SECONDS)
                self._given_up = not done.done()
            raise
        return done.result()

    def end(self) -> None:
        """Let the thread end when all is done."""
        self._asked.put(None)


def _try(call: Callable[[], object]) -> None:
    """Call what may fail."""
    with suppress(Exception):
        call()


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
class Batches:
    """A long answer: its columns, and its rows, batch by batch."""

    schema: Any
    batches: Iterator[Any]

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches."""
        return self.batches


@dataclass(frozen=True)
class Session:
    """A connection to a database, within a transaction that only reads.

    A statement of a user stands within one of our own, where nothing that writes may stand.
    """

    address: Address
    dialect: Dialect
    connection: Any
    asking: Asking

    def list_tables(self) -> tuple[Listed, ...]:
        """Return all tables and views that may be read."""
        found: dict[tuple[str, str, bool], list[str]] = {}
        for schema, table, column, near in self._list_columns():
            found.setdefault((str(schema), str(table), bool(near)), []).append(str(column))
        return tuple(Listed(s, t, tuple(c), near) for (s, t, near), c in found.items())

    def _list_columns(self) -> list[tuple[Any, ...]]:
        """Return the columns of all tables and views but those that nobody can read."""
        try:
            return self.rows(self.dialect.catalogue)
        except LeakkitError:
            if not self.dialect.one:
                raise
        found: list[tuple[Any, ...]] = []
        for (name,) in self.rows(self.dialect.names):
            said = str(name).replace("'", "''")
            with suppress(LeakkitError):
                found += self.rows(self.dialect.one.format(f"'{said}'"))
        return found

    def place(self, one: Listed) -> str:
        """Return SQL for a table."""
        return f"{self.dialect.name_sql(one.schema)}.{self.dialect.name_sql(one.table)}"

    def columns(self, relation: str) -> list[Column]:
        """Return the columns of what stands after FROM."""
        with self.reader(f"SELECT * FROM {relation} LIMIT 0") as reader:  # noqa: S608 - as the user says
            fields = list(reader.schema)
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
            found = self.asking.do(cursor.fetchall, cursor.adbc_cancel)
            return [tuple(row) for row in found]

    @contextmanager
    def reader(self, sql: str) -> Iterator[Batches]:
        """Yield a reader of the batches of a long answer."""
        with self._run(sql) as cursor:
            reader = self.asking.do(cursor.fetch_record_batch, cursor.adbc_cancel)
            yield Batches(reader.schema, self._each(iter(reader), cursor))

    def _each(self, batches: Iterator[Any], cursor: Any) -> Iterator[Any]:  # noqa: ANN401 - of a driver
        """Yield one batch after the other."""
        while (
            batch := self.asking.do(partial(next, batches, None), cursor.adbc_cancel)
        ) is not None:
            yield batch

    @contextmanager
    def _run(self, sql: str) -> Iterator[Any]:
        """Carry out a statement; say what went wrong in our own words."""
        cursor = self.connection.cursor()
        try:
            if self.dialect.options:
                cursor.adbc_statement.set_options(**dict(self.dialect.options))
            self.asking.do(partial(cursor.execute, sql), cursor.adbc_cancel)
            yield cursor
        except Exception as error:
            if not is_of_driver(error):
                raise
            raise explain_driver_error(self.address, error) from None
        finally:
            self.asking.do(cursor.close)


@contextmanager
def open_session(address: Address) -> Iterator[Session]:
    """Connect to a database, only to read, and let go of it at the end."""
    dialect = DIALECTS[address.kind]
    try:
        driver = importlib.import_module(f"{dialect.module}.dbapi")
        importlib.import_module("pyarrow")
    except ImportError:
        raise no_driver(address.kind, dialect) from None
    asking = Asking()
    try:
        connection = _connect(driver, address, asking)
        try:
            session = Session(address, dialect, connection, asking)
            for statement in dialect.begin:
                session.rows(statement)
            yield session
        finally:
            asking.do(connection.close)
    finally:
        asking.end()


def _connect(driver: object, address: Address, asking: Asking) -> Any:  # noqa: ANN401 - modules of drivers
    """Connect; ask for a password once where the database wants one and there is a terminal."""
    try:
        given = _TYPED.get(address.shown, "")
        return asking.do(partial(_open_connection, driver, address, given))
    except Exception as error:  # noqa: BLE001 - drivers share no class of errors; ours are raised
        terminal = sys.stdin is not None and sys.stdin.isatty()
        if not (is_of_driver(error) and terminal and wants_password(error)):
            raise _explain_failure(address, error) from None
    _TYPED[address.shown] = getpass.getpass(f"Password for {address}: ")
    try:
        return asking.do(partial(_open_connection, driver, address, _TYPED[address.shown]))
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


def no_driver(kind: str, dialect: Dialect) -> LeakkitError:
    """Return the error of a database whose driver is not installed."""
    message = (
        f"To read {dialect.name} leakkit needs its driver, which is not installed. "
        f"Type: pip install 'leakkit[{kind}]'"
    )
    return LeakkitError("no_driver", message)
