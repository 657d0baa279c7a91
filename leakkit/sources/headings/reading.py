"""What is being read: a table with its columns, and what was recognised in it, and by what.

A table says which column is which, and how its texts become moments, money and numbers.
What was recognised is the answer to "why did it read it so?".
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from leakkit import limits
from leakkit.config import COLUMNS, fold_name
from leakkit.errors import Ask, Fault, LeakkitError
from leakkit.likeness import find_nearest
from leakkit.store.database import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from leakkit.config import Config, Export
    from leakkit.store.database import Store

ISO = r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?( ?(Z|z|[+-]\d{2}(:?\d{2})?))?)?"
"""The plain form of dates in texts: ISO 8601, with or without time, fraction and zone."""
TO_THE_SECOND = "____-__-_____:__:__"
"""The length and the signs of a date with a time to the second and no zone, as most are."""
CLOCK_TYPES = ("TIMESTAMP", "DATE")
ZONED = "TIMESTAMP WITH TIME ZONE"
NUMBERS = ("INT", "INTEGER", "DOUBLE", "FLOAT")
"""How the names of the engine's types of numbers end."""


PARTS = {
    "opportunity_id": "the key of a deal",
    "stage": "the stage in which a deal stands, or that it enters",
    "entered_at": "when a deal entered the stage",
    "at": "when it happened",
}
"""What the columns are that a source cannot do without."""


OR_ALL = "; or all of them, if they are parts of one table"
"""What is asked beside which of several tables with the same columns is read."""


@dataclass(frozen=True)
class Lacking:
    """The columns that a file lacks, and the lines that say which they are."""

    file: str
    faults: tuple[Fault, ...]
    asks: tuple[Ask, ...]


def refuse_lacking(lacking: Sequence[Lacking]) -> None:
    """Raise one error with all columns that are missing, of every file."""
    short = [one for one in lacking if one.faults]
    if not short:
        return
    faults = tuple(fault for one in short for fault in one.faults)
    files = " and ".join(one.file for one in short)
    verb = "lacks" if len(short) == 1 else "lack"
    message = f"{files} {verb} {len(faults)} column(s) that are needed or configured:"
    asks = {ask.key: ask for one in reversed(short) for ask in reversed(one.asks)}
    raise LeakkitError("missing_columns", message, faults, tuple(reversed(asks.values())))


@dataclass(frozen=True)
class SwappedDates:
    """The dates of a column that may be swapped: none has a day over 12.

    `kind` is `mixed` where texts stand beside them that no date could be made of in that
    order, `many` where there are too many dates for chance, else `few`. `rows` are the
    first that have two readings, as (data row, as they stand, swapped).
    """

    kind: str
    rows: tuple[tuple[int, str, str], ...]
    texts: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Table:
    """One file as it was read: a relation whose columns still have the file's names.

    `relation` is SQL that stands after FROM; `line` is SQL for the number of the data
    row; `types` are the engine's types by heading. `renamed` is what the configuration
    says, `known` what was recognised by the headings of a maker: canonical -> heading, ''
    where a column that bears the name is another. `typed` are the columns of a sheet whose
    dates may have day and month swapped. `export` is the maker's export that it is, and
    `where` says which of its rows count, heading -> values; `parts` are the files, where
    there are several. `ordered`: its rows stand in an order that somebody may have meant.
    `tidy` are a relation and those of its columns of texts of which no cell needs trimming.
    """

    file: str
    relation: str
    line: str
    types: dict[str, str]
    renamed: dict[str, str] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)
    typed: Mapping[str, SwappedDates] = field(default_factory=dict)
    export: Export | None = None
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    ordered: bool = True
    trimmed: frozenset[str] = frozenset()
    tidy: tuple[str, frozenset[str]] = ("", frozenset())

    @property
    def files(self) -> tuple[str, ...]:
        """Return the names of the files that hold the table."""
        return self.parts or (self.file.partition(", ")[0],)

    def heading(self, name: str) -> str | None:
        """Return the heading of the column with the canonical name `name`, or None.

        The configured name goes first; a file of the folder that does not have it may
        still have the canonical one, or a maker's.
        """
        configured = self.find(self.renamed[name]) if name in self.renamed else None
        if configured is None and name in self.known:
            return self.known[name] or None
        return configured or self.find(name)

    def find(self, wanted: str) -> str | None:
        """Return the heading that is `wanted`, or is it without case and spaces."""
        if wanted in self.types:
            return wanted
        by_form = {simplify_heading(heading): heading for heading in self.types}
        return by_form.get(simplify_heading(wanted))

    def require(self, names: tuple[str, ...], nowhere: tuple[str, ...] = ()) -> None:
        """Raise one error with every needed column that is missing; those of `nowhere` are."""
        refuse_lacking([self.lacks(names, nowhere)])

    def lacks(
        self,
        names: tuple[str, ...],
        nowhere: tuple[str, ...] = (),
        by_cells: Mapping[str, tuple[str, ...]] | None = None,
    ) -> Lacking:
        """Return every needed column that is missing, and those of `nowhere`.

        `by_cells` are the headings that a missing one could be by what their cells hold.
        """
        missing = [*(name for name in names if self.heading(name) is None), *nowhere]
        near = {n: self._nearest(n) or (by_cells or {}).get(n, ()) for n in dict.fromkeys(missing)}
        faults = tuple(
            Fault(
                self.file,
                None,
                self.renamed.get(name, name),
                "",
                "this column is missing",
                self._hint(name, headings),
            )
            for name, headings in near.items()
        )
        asks = tuple(
            Ask("source", name, headings, PARTS.get(name, "")) for name, headings in near.items()
        )
        return Lacking(self.file, faults, asks)

    def _nearest(self, name: str) -> tuple[str, ...]:
        """Return the nearest heading, of those that are no other column."""
        taken = {self.heading(other) for other in COLUMNS if other != name}
        forms = {simplify_heading(h): h for h in self.types if h not in taken}
        wanted = simplify_heading(self.renamed.get(name, name))
        found = find_nearest(wanted, forms)
        return (forms[found],) if found else ()

    def _hint(self, name: str, headings: Sequence[str]) -> str:
        """Say which line of leakkit.toml names the column."""
        is_there = ", ".join(list(self.types)[:20])
        asked = " or ".join(map(repr, headings))
        guess = (
            f"did you mean {asked}? Say so in [source]: {name} = {headings[0]!r}; "
            if headings
            else f"say in [source] which it is: {name} = '...'; "
        )
        return f"{guess}the file has: {is_there}"

    def text(self, name: str) -> str:
        """Return SQL for a column as trimmed text, '' where empty or absent."""
        heading = self.heading(name)
        return "''" if heading is None else self.text_under(heading)

    def odd_text(self, name: str, first: int, last: int) -> str:
        """Return SQL for a moment's text, '' where its column is typed and within two moments."""
        if self.heading(name) is None:
            return self.text(name)
        usual = f"{self.clock(name)} BETWEEN {first} AND {last}"
        return f"CASE WHEN {usual} THEN '' ELSE {self.text(name)} END"

    def text_under(self, heading: str) -> str:
        """Return SQL for the column with exactly this heading as trimmed text."""
        said = quote(heading)
        if heading in self.trimmed:
            return said
        if self.types[heading] != "VARCHAR":
            return f"COALESCE(trim(CAST({said} AS VARCHAR)), '')"
        if self.is_tidy(heading):
            return f"COALESCE({said}, '')"
        # plain letters with none of the spaces at an end are the rule, and seen far faster
        bare = f"strlen({said}) = length({said}) AND {said} >= '!' AND NOT ends_with({said}, ' ')"
        return f"COALESCE(CASE WHEN {bare} THEN {said} ELSE trim({said}) END, '')"

    def cell(self, heading: str) -> str:
        """Return SQL for a column of texts, trimmed; NULL where it is. It is planned fast."""
        is_trimmed = heading in self.trimmed or self.is_tidy(heading)
        return quote(heading) if is_trimmed else f"trim({quote(heading)})"

    def is_tidy(self, heading: str) -> bool:
        """Say whether it is known that no cell of a column of texts needs trimming."""
        relation, headings = self.tidy
        return relation == self.relation and heading in headings

    def untidy(self, heading: str) -> str:
        """Return SQL that says whether a cell of a column of texts needs trimming."""
        said = quote(heading)
        odd = f"strlen({said}) <> length({said}) OR {said} < '!' OR ends_with({said}, ' ')"
        return f"({odd}) AND {said} <> trim({said})"

    def trim(self) -> Table:
        """Return the table with the texts of our columns trimmed in its relation.

        An expression that names such a text many times then names a column: to plan the
        trimming at each place takes longer than to read a small file.
        """
        ours = {self.heading(name) for name in COLUMNS}
        texts = [one for one, kind in self.types.items() if one in ours and kind == "VARCHAR"]
        if not texts:
            return self
        known = {fold_name(heading) for heading in self.types}
        line = next(name for n in range(len(known) + 1) if (name := f"line {n}") not in known)
        each = ", ".join(f"{self.text_under(heading)} AS {quote(heading)}" for heading in texts)
        return replace(
            self,
            relation=f"(SELECT {self.line} AS {quote(line)}, * REPLACE ({each}) "  # noqa: S608 - quoted
            f"FROM {self.relation})",
            line=quote(line),
            trimmed=frozenset(texts),
        ).with_tidy(self.tidy[1] if self.tidy[0] == self.relation else ())

    def with_tidy(self, headings: Iterable[str]) -> Table:
        """Return the table with the columns of texts of which no cell needs trimming."""
        return replace(self, tidy=(self.relation, frozenset(headings)))

    def is_text(self, name: str) -> bool:
        """Say whether a column holds texts."""
        heading = self.heading(name)
        return heading is not None and self.types[heading] == "VARCHAR"

    def content(self) -> str:
        """Return SQL for a number that is equal for equal rows."""
        return f"hash({', '.join(self.text_under(heading) for heading in self.types)})"

    def clock(self, name: str) -> str:
        """Return SQL for the seconds since 1970 that a column's clock shows; NULL: unreadable."""
        heading = self.heading(name)
        if heading is None:
            return "CAST(NULL AS BIGINT)"
        column, kind = quote(heading), self.types[heading]
        if kind.startswith(CLOCK_TYPES):
            stamp = column if kind == ZONED else f"CAST({column} AS TIMESTAMP)"
            return f"epoch_us({stamp}) // 1000000"
        if kind != "VARCHAR":
            message = (
                f"{self.file}: column {heading!r} holds {kind}, and not dates: neither days as "
                "Excel counts them, nor seconds or milliseconds since 1970."
            )
            raise LeakkitError("date_type", message)
        text = self.text(name)
        # without fraction and zone, so that it does not matter what an engine makes of them
        cut = f"substr({text}, 1, CASE WHEN substr({text}, 17, 1) = ':' THEN 19 ELSE 16 END)"
        whole = f"CASE WHEN {text} LIKE '{TO_THE_SECOND}' THEN {text} ELSE {cut} END"
        return (
            f"CASE WHEN regexp_full_match({text}, '{ISO}') "
            f"THEN epoch_us(TRY_CAST({whole} AS TIMESTAMP)) // 1000000 END"
        )

    def part(self, name: str) -> str:
        """Return SQL for the microseconds of a column's clock after its second; 0 without any."""
        heading = self.heading(name)
        kind = self.types[heading] if heading else ""
        if kind.startswith("TIMESTAMP"):
            return f"epoch_us({quote(str(heading))}) % 1000000"
        if kind != "VARCHAR":
            return "0"
        text = self.text(name)
        digits = f"regexp_extract(substr({text}, 21), '^[0-9]{{1,6}}')"
        return (
            f"CASE WHEN substr({text}, 20, 1) IN ('.', ',') "
            f"THEN COALESCE(TRY_CAST(rpad({digits}, 6, '0') AS INTEGER), 0) ELSE 0 END"
        )

    def offset(self, name: str) -> str:
        """Return SQL for the offset that stands with a clock, in seconds; NULL: none."""
        heading = self.heading(name)
        kind = self.types[heading] if heading else ""
        if kind != "VARCHAR":
            return "0" if kind == ZONED else "CAST(NULL AS BIGINT)"
        text = self.text(name)
        zone = f"regexp_extract({text}, '(Z|z|[+-]\\d{{2}}(:?\\d{{2}})?)$', 1)"
        # the end of a text of 10 letters, a date, looks like an offset
        none = f"{text} LIKE '{TO_THE_SECOND}' OR length({text}) <= 16"
        return f"CASE WHEN {none} THEN NULL ELSE {_offset(zone)} END"

    def money(self, name: str) -> str:
        """Return SQL for a column as whole minor units (hundredths); NULL: empty or no number."""
        heading = self.heading(name)
        if heading is None:
            return "CAST(NULL AS BIGINT)"
        # up to a billion in numbers of 64 bits, which are many times faster than those of 128
        small = f"round(TRY_CAST({quote(heading)} AS DECIMAL(15, 6)) * 100)"
        number = f"TRY_CAST({quote(heading)} AS DECIMAL(24, 6))"
        minor = f"TRY_CAST(round({number} * 100) AS BIGINT)"
        large = f"CASE WHEN abs({number}) <= {limits.VALUE} THEN {minor} END"
        return f"COALESCE(CAST({small} AS BIGINT), {large})"

    def is_said(self, name: str) -> str:
        """Return SQL that says whether a column says anything; of a number no text is made."""
        heading = self.heading(name)
        if heading is None or not self.types[heading].endswith(NUMBERS):
            return f"{self.text(name)} <> ''"
        return f"{quote(heading)} IS NOT NULL"

    def integer(self, name: str) -> str:
        """Return SQL for a column as a whole number; NULL where empty or no number."""
        heading = self.heading(name)
        return f"TRY_CAST({quote(heading)} AS BIGINT)" if heading else "CAST(NULL AS BIGINT)"


def simplify_heading(heading: str) -> str:
    """Return the form in which headings are compared.

    >>> simplify_heading(" Opportunity ID")
    'opportunity_id'
    """
    return fold_name(heading).replace(" ", "_")


def _offset(zone: str) -> str:
    """Return SQL for the seconds of an offset such as Z, +01, +0330 or -03:30; NULL where empty."""
    digits = f"replace({zone}, ':', '')"
    hours = f"CAST(substr({digits}, 2, 2) AS BIGINT)"
    minutes = f"COALESCE(TRY_CAST(substr({digits}, 4, 2) AS BIGINT), 0)"
    sign = f"CASE WHEN {digits}[1] = '-' THEN -1 ELSE 1 END"
    return (
        f"CASE WHEN {zone} = '' THEN NULL WHEN lower({zone}) = 'z' THEN 0 "
        f"ELSE {sign} * ({hours} * 3600 + {minutes} * 60) END"
    )


# ---------------- what was recognised


@dataclass(frozen=True)
class Recognised:
    """One thing that was recognised: `what` of `where` was taken `as_what`, because of `why`.

    All but the evidence are codes: `Recognised("deals.csv", "encoding", "windows-1256",
    "letters")`. The evidence is a text of the file, a number of rows, or a code.
    """

    where: str
    what: str
    as_what: str
    why: str = ""


@dataclass
class ReadingLog:
    """What the steps of one reading say, count and set aside: the only thing of it that grows.

    `said` is what was recognised, `counted` the facts that the reading itself finds,
    `stray_rows` the (file, row, rule) of rows that are no rows of the data, `left` how many rows
    of a (table, file) nobody asks for, which were left out before all else, and `copied` how
    many rows of copies of a file were merged with its own.
    """

    said: list[Recognised] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)
    stray_rows: list[tuple[str, int, str]] = field(default_factory=list)
    left: dict[tuple[str, str], int] = field(default_factory=dict)
    copied: dict[str, int] = field(default_factory=dict)

    def as_records(self) -> list[dict[str, str]]:
        """Return what was recognised, in the form in which the store keeps it."""
        return [asdict(one) for one in self.said]


@dataclass(frozen=True)
class Reading:
    """One reading of a source: into which store, by which rules, with room for scratch files.

    `log` is what its steps said, which they hand over by `say`, `count`, `put_aside` and
    `leave_out`. `places` are the folders in which files that the configuration names are
    sought, and others they may be in.
    """

    store: Store
    config: Config
    scratch: Path
    log: ReadingLog = field(default_factory=ReadingLog)
    places: tuple[Sequence[Path], Sequence[Path]] = ((), ())

    def say(self, where: str, what: str, as_what: str, why: str = "") -> None:
        """Keep what was recognised; once, however often it is said."""
        found = Recognised(where, what, as_what, why)
        if found not in self.log.said:
            self.log.said.append(found)

    def count(self, code: str, n: int) -> None:
        """Count a fact of the reading."""
        if n:
            self.log.counted[code] = self.log.counted.get(code, 0) + n

    def note_stray_row(self, file: str, row: int, rule: str) -> None:
        """Keep the place of a row that is no row of the data."""
        self.log.stray_rows.append((file, row, rule))

    def leave_out(self, table: str, file: str, n: int) -> None:
        """Count rows of a file that nobody asks for."""
        self.log.left[table, file] = self.log.left.get((table, file), 0) + n

    def merge_copies(self, file: str, n: int) -> None:
        """Count rows of copies of a file, which are its own rows once more."""
        if n:
            self.log.copied[file] = self.log.copied.get(file, 0) + n
