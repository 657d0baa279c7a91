"""One family of errors: a code for programs, facts, and plain words for people."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

SHOWN_LETTERS = 200
HALF_EXPORT = "half_export"
"""The code of an export that has fewer deals, or rows, than is believed."""


def shorten_text(text: str, letters: int = SHOWN_LETTERS) -> str:
    """Return a text that may be of any length, as much of it as anybody reads.

    >>> len(shorten_text("x" * 10_000))
    201
    """
    return text if len(text) <= letters else f"{text[:letters]}\u2026"


def show(value: object) -> str:
    """Return a value as a fault shows it, whatever it is.

    >>> show(3), show([True]), show(16**5_000)
    ('3', '[True]', 'a number of very many digits')
    """
    try:
        return shorten_text(str(value))
    except ValueError:
        return "a number of very many digits"


KEPT = "\n\u200c\u200d"
"""What is no letter and stays: ends of lines, and the signs that join and part letters."""


def visible(text: str) -> str:
    r"""Return a text without characters that a terminal would obey; its lines stay lines.

    >>> visible("a\x1b[31mb\nc")
    'a [31mb\nc'

    Persian joins and parts its letters by signs that have no width; those stay as well.

    >>> visible("a\u200cb") == "a\u200cb"
    True
    """
    return "".join(char if char.isprintable() or char in KEPT else " " for char in text)


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong in a file: where it stands, what it says, which rule it breaks.

    `row` counts data rows from 1, the heading not included; None where the fault is
    not in one row.
    """

    where: str
    row: int | None
    column: str
    value: str
    rule: str
    hint: str = ""

    def __str__(self) -> str:
        """Return the fault as one line."""
        place = self.where + (f" row {self.row}" if self.row else "")
        column = f" [{self.column}]" if self.column else ""
        value = f" {shorten_text(self.value)!r}" if self.value else ""
        hint = f" Hint: {self.hint}" if self.hint else ""
        return f"{place}{column}{value}: {self.rule}.{hint}"


@dataclass(frozen=True)
class Ask:
    """A line of leakkit.toml that settles a fault: its table, its key, and what it may say.

    `options` are values, the likeliest first; `others` are the others of a list that the
    value is one of. A line that is not needed is one way of several.
    """

    table: str
    key: str
    options: tuple[str, ...] = ()
    why: str = ""
    needed: bool = True
    others: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the line to write, by the likeliest value.

        >>> str(Ask("source", "stage", ("Phase", "State")))
        "in [source]: stage = 'Phase' or 'State'"
        """
        place = f"in [{self.table}]: " if self.table else ""
        return f"{place}{self.key} = {' or '.join(map(repr, self.options)) or repr('...')}"


class LeakkitError(Exception):
    """What leakkit raises: `code` for programs, `faults` as facts, the message for people.

    `asks` are the lines of leakkit.toml that settle it, where there are any.

    >>> error = LeakkitError("no_rows", "deals.csv has a heading but no rows.")
    >>> error.code, str(error), error.faults
    ('no_rows', 'deals.csv has a heading but no rows.', ())
    """

    def __init__(
        self,
        code: str,
        message: str,
        faults: tuple[Fault, ...] = (),
        asks: tuple[Ask, ...] = (),
    ) -> None:
        """Keep the facts, and say all of them in the message."""
        self.code = code
        self.message = message
        self.faults = faults
        self.asks = asks
        super().__init__("\n".join([message, *(f"  {fault}" for fault in faults)]))


def import_needed(module: str, asked: str) -> ModuleType:
    """Import a module; where a core install has no package that it needs, say which."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        message = (
            f"{asked} needs {error.name}, which a core install leaves out. "
            "Install the rest: pip install leakkit"
        )
        raise LeakkitError("not_installed", message) from error
