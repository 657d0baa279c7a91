"""Columns of a file: which is which, and how their texts become moments, money and numbers."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

from leakkit.errors import Fault, LeakkitError
from leakkit.store.database import quoted
from leakkit.store.moments import EARLIEST, SENTINEL, Zone

ISO = (
    r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?( ?(Z|z|[+-]\d{2}(:?\d{2})?))?)?"
)
"""The dates that this version reads in texts: ISO 8601, with or without time, fraction and zone."""
CLOCK_TYPES = ("TIMESTAMP", "DATE")
SPACES = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"
"""What is cut off at both ends of a text: as SQL, the spaces that exports hold."""


@dataclass(frozen=True)
class Table:
    """One file as it was read: a relation whose columns still have the file's names.

    `relation` is SQL that stands after FROM; `line` is SQL for the number of the data
    row; `types` are the engine's types by heading.
    """

    file: str
    relation: str
    line: str
    types: dict[str, str]
    renamed: dict[str, str] = field(default_factory=dict)

    def heading(self, name: str) -> str | None:
        """Return the heading of the column with the canonical name `name`, or None.

        The configured name goes first; a file of the folder that does not have it may
        still have the canonical one.
        """
        return self.find(self.renamed.get(name, name)) or self.find(name)

    def find(self, wanted: str) -> str | None:
        """Return the heading that is `wanted`, or is it without case and spaces."""
        if wanted in self.types:
            return wanted
        by_form = {simplified(heading): heading for heading in self.types}
        return by_form.get(simplified(wanted))

    def require(self, names: tuple[str, ...]) -> None:
        """Raise one error that names every column that is needed and not there."""
        missing = [name for name in names if self.find(self.renamed.get(name, name)) is None]
        faults = tuple(
            Fault(self.file, None, self.renamed.get(name, name), "", "this column is missing", self._near(name))
            for name in dict.fromkeys(missing)
        )
        if faults:
            message = f"{self.file} lacks {len(faults)} column(s) that are needed or configured:"
            raise LeakkitError("missing_columns", message, faults)

    def _near(self, name: str) -> str:
        """Return a hint that names the nearest heading."""
        near = difflib.get_close_matches(self.renamed.get(name, name), list(self.types), 1, 0.4)
        is_there = ", ".join(list(self.types)[:20])
        guess = f"did you mean {near[0]!r}? Say so in [source]: {name} = {near[0]!r}; " if near else ""
        return f"{guess}the file has: {is_there}"

    def text(self, name: str) -> str:
        """Return SQL for a column as trimmed text, '' where empty or absent."""
        heading = self.heading(name)
        return "''" if heading is None else _text(quoted(heading))

    def content(self) -> str:
        """Return SQL for a number that is equal for equal rows."""
        return f"hash({', '.join(_text(quoted(heading)) for heading in self.types)})"

    def moment(self, name: str, zone: Zone) -> str:
        """Return SQL for a column as UTC seconds; NULL where empty, unreadable or a sentinel."""
        seconds = self._seconds(name, zone)
        return f"CASE WHEN {seconds} BETWEEN {EARLIEST} AND {SENTINEL - 1} THEN {seconds} END"

    def unread(self, name: str, zone: Zone) -> str:
        """Return SQL for the text of a moment that cannot be read: no sentinel; '' where it can."""
        seconds = self._seconds(name, zone)
        return f"CASE WHEN COALESCE({seconds}, {EARLIEST} - 1) < {EARLIEST} THEN {self.text(name)} ELSE '' END"

    def clock(self, name: str) -> str:
        """Return SQL for a column's clock seconds, zone left out: for the range of the data."""
        heading = self.heading(name)
        return "CAST(NULL AS BIGINT)" if heading is None else _clock(quoted(heading), self.types[heading])

    def _seconds(self, name: str, zone: Zone) -> str:
        """Return SQL for UTC seconds by the column's type."""
        heading = self.heading(name)
        if heading is None:
            return "CAST(NULL AS BIGINT)"
        column, kind = quoted(heading), self.types[heading]
        if kind != "VARCHAR" and not kind.startswith(CLOCK_TYPES):
            message = (
                f"{self.file}: column {heading!r} holds {kind}, not dates. This version reads dates "
                "as ISO texts (2026-06-30 14:05) or as date and timestamp columns."
            )
            raise LeakkitError("date_type", message)
        clock = _clock(column, kind)
        if kind == "TIMESTAMP WITH TIME ZONE":
            return clock
        local = f"({clock} - {zone.offset_sql(clock, local=True)})"
        if kind != "VARCHAR":
            return local
        text = _text(column)
        zoned = f"regexp_extract({text}, '(Z|z|[+-]\\d{{2}}(:?\\d{{2}})?)$', 1)"
        # a text of 10 letters is a date, whose end looks like an offset
        has_zone = f"(length({text}) > 16 AND {zoned} <> '')"
        return f"(CASE WHEN {has_zone} THEN {clock} - {_offset(zoned)} ELSE {local} END)"

    def money(self, name: str) -> str:
        """Return SQL for a column as whole minor units (hundredths); NULL where empty or no number."""
        heading = self.heading(name)
        if heading is None:
            return "CAST(NULL AS BIGINT)"
        number = f"TRY_CAST({quoted(heading)} AS DECIMAL(24, 6))"
        return f"TRY_CAST(round({number} * 100) AS BIGINT)"

    def integer(self, name: str) -> str:
        """Return SQL for a column as a whole number; NULL where empty or no number."""
        heading = self.heading(name)
        return f"TRY_CAST({quoted(heading)} AS BIGINT)" if heading else "CAST(NULL AS BIGINT)"


def simplified(heading: str) -> str:
    """Return the form in which headings are compared.

    >>> simplified(" Opportunity ID")
    'opportunity_id'
    """
    return heading.strip().lstrip("\ufeff").casefold().replace(" ", "_")


def _text(column: str) -> str:
    """Return SQL for a column as trimmed text, '' where empty."""
    return f"COALESCE(trim(CAST({column} AS VARCHAR), {SPACES}), '')"


def _clock(column: str, kind: str) -> str:
    """Return SQL for clock seconds since 1970."""
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"(epoch_us({column}) // 1000000)"
    if kind != "VARCHAR":
        return f"(epoch_us(CAST({column} AS TIMESTAMP)) // 1000000)"
    text = _text(column)
    # without fraction and zone, so that what an engine makes of them does not matter
    clock = f"substr({text}, 1, CASE WHEN substr({text}, 17, 1) = ':' THEN 19 ELSE 16 END)"
    return (
        f"(CASE WHEN regexp_full_match({text}, '{ISO}') "
        f"THEN epoch_us(TRY_CAST({clock} AS TIMESTAMP)) // 1000000 END)"
    )


def _offset(zoned: str) -> str:
    """Return SQL for the seconds of an offset such as Z, +01, +0330 or -03:30."""
    digits = f"replace({zoned}, ':', '')"
    hours = f"CAST(substr({digits}, 2, 2) AS INTEGER)"
    minutes = f"COALESCE(TRY_CAST(substr({digits}, 4, 2) AS INTEGER), 0)"
    sign = f"CASE WHEN {digits}[1] = '-' THEN -1 ELSE 1 END"
    return f"CASE WHEN lower({zoned}) = 'z' THEN 0 ELSE {sign} * ({hours} * 3600 + {minutes} * 60) END"
