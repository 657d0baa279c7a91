"""Where a database is: an address with its secrets, and what may be shown of it.

What a database refuses is said in leakkit's own words, and without a secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from leakkit.errors import LeakkitError, shorten_text, visible

SCHEMES = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "sqlite": "sqlite",
    "snowflake": "snowflake",
    "bigquery": "bigquery",
    "sc": "spark",
}
"""The kind of database that the first word of an address names."""
ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
SQLITE_FIRST = b"SQLite format 3\0"
SQLITE_NAMES = (".db", ".sqlite", ".sqlite3", ".db3")
SHOWN = ("service", "host", "port", "dbname", "user")
"""What may be shown of what stands behind the question mark; anything else may be a secret."""
SECRET = re.compile("pass|secret|token|key|credential", re.IGNORECASE)
SPARK = re.compile(r"sc://(?P<place>[^/;?#@\s]+)(?:/(?:;(?P<more>[^?#\s]*))?)?")
PLACE = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[^:\[\],]*)(:\d*)?(,[^:\[\],]*(:\d*)?)*")
"""One host or several, each with its port or without."""


@dataclass(frozen=True)
class Address:
    """A database as a source: which kind, where, and what may be shown of that.

    `uri` is what its driver is given, `secrets` are the texts that must stand nowhere. `str`
    gives the address without them. `file` is that of SQLite.

    >>> str(address_of("postgresql://ann:s3cret@db.example/crm?sslmode=require"))
    'postgresql://ann@db.example/crm'
    """

    kind: str
    shown: str
    label: str
    uri: str = field(repr=False)
    user: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    file: Path | None = None

    def __str__(self) -> str:
        """Return the address without its secrets."""
        return self.shown

    @property
    def folder(self) -> Path:
        """The folder in which its leakkit.toml stands: that of the file, else the present one."""
        return self.file.parent if self.file else Path()

    def without_secrets(self, text: str) -> str:
        """Return a text; nothing of one in which a secret stands."""
        return "" if any(secret in text for secret in self.secrets) else text


def address_of(source: object) -> Any:  # noqa: ANN401 - a path, or frames
    """Return the address that a source is; what is no database is given back as it is."""
    if isinstance(source, str) and (said := ADDRESS.match(source)):
        scheme = said[1].lower()
        return _parse_address(source, SCHEMES.get(scheme, ""), scheme)
    if isinstance(source, str | Path) and is_sqlite(Path(source)):
        return _of_file(Path(source))
    return source


def is_sqlite(path: Path) -> bool:
    """Say whether a file is a database of SQLite; an empty one has its name only."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        start = stream.read(len(SQLITE_FIRST))
    return start == SQLITE_FIRST or (not start and path.suffix.lower() in SQLITE_NAMES)


def _of_file(path: Path) -> Address:
    """Return the address of a file of SQLite, opened for reading only."""
    place = quote(str(path.absolute()))
    return Address("sqlite", path.name, path.stem, f"file:{place}?mode=ro", file=path)


def _parse_address(text: str, kind: str, scheme: str) -> Address:
    """Return the address that a text is; raise where it cannot be read for sure."""
    if not kind:
        known = ", ".join(f"{name}://" for name in SCHEMES if name != "postgres")
        message = f"leakkit knows no database {scheme}://. There are: {known}, files and folders."
        raise LeakkitError("unknown_database", message)
    if kind == "sqlite":
        return _sqlite(text)
    if kind == "spark":
        return _parse_spark(text)
    rest = text.partition("://")[2]
    try:
        parts = urlsplit(f"//{rest}")
    except ValueError:
        raise _unreadable(scheme) from None
    login, _, place = parts.netloc.rpartition("@")
    if "#" in rest or "@" in f"{parts.path}{parts.query}" or not PLACE.fullmatch(place):
        raise _unreadable(scheme)
    user, _, password = login.partition(":")
    options = parse_qsl(parts.query, keep_blank_values=True)
    kept = "&".join(f"{quote(k)}={quote(v)}" for k, v in options if k in SHOWN)
    name = f"{user}@" if user else ""
    shown = f"{scheme}://{name}{place}{parts.path}{f'?{kept}' if kept else ''}"
    hidden = [password, *(value for key, value in options if SECRET.search(key))]
    said = dict(options)
    user = unquote(user) or said.get("user", "")
    label = unquote(parts.path).rpartition("/")[2] or said.get("dbname", "")
    label = label or said.get("service", "") or user or kind
    return Address(kind, shown, label, text, user, _forms(hidden))


def _parse_spark(text: str) -> Address:
    """Return a server of Spark Connect; what stands behind its place may be a token."""
    found = SPARK.fullmatch(text)
    pairs = [one.split("=") for one in ((found and found["more"]) or "").split(";") if one]
    if not found or any(len(pair) != 2 for pair in pairs):  # noqa: PLR2004 - a key and a value
        message = (
            "This address of Spark Connect cannot be read. It should look like "
            "sc://host:15002, or sc://host:15002/;token=... with %3D for each = of a token "
            "(docs/sources/spark.md)."
        )
        raise LeakkitError("database_address", message)
    hidden = [value for key, value in pairs if SECRET.search(key)]
    place = found["place"]
    return Address("spark", f"sc://{place}", place, text, secrets=_forms(hidden))


def _forms(secrets: list[str]) -> tuple[str, ...]:
    """Return texts that must stand nowhere, as they are written and as they are meant."""
    return tuple(dict.fromkeys(form for one in secrets if one for form in (one, unquote(one))))


def _sqlite(text: str) -> Address:
    """Return the file that an address of SQLite names: sqlite:///here.db, sqlite:////there.db."""
    path = Path(unquote(text.partition("://")[2].partition("?")[0].removeprefix("/")))
    if not path.is_file():
        message = f"There is no file {path}. An address of SQLite is sqlite:///FOLDER/FILE.db."
        raise LeakkitError("no_source", message)
    if not is_sqlite(path):
        message = f"{path.name} is no database of SQLite."
        raise LeakkitError("unreadable_file", message)
    return _of_file(path)


def _unreadable(scheme: str) -> LeakkitError:
    """Return the error of an address that cannot be read; it shows nothing of it."""
    message = (
        f"This address of a database cannot be read. It should look like "
        f"{scheme}://user@host:5432/database. In a password, write signs such as @ / ? # : % as "
        "%40 %2F %3F %23 %3A %25; better, leave it out (docs/sources/databases.md)."
    )
    return LeakkitError("database_address", message)


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
