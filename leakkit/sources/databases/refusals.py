"""What a database refuses, in leakkit's own words, and without a secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from leakkit.errors import LeakkitError, shorten_text, visible

if TYPE_CHECKING:
    from leakkit.sources.databases.addresses import Address
    from leakkit.sources.databases.dialects import Dialect

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
