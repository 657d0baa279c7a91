"""A connection that only reads: what there is, its rows batch by batch, and what it refuses.

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
from leakkit.sources.databases.dialects import DIALECTS, Column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leakkit.sources.databases.addresses import Address
    from leakkit.sources.databases.dialects import Dialect

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


def _connect(driver: Any, address: Address) -> Any:  # noqa: ANN401 - modules of drivers
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
