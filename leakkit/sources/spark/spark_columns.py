"""Cells of Spark as moments, money and texts: Spark's SQL, and whether it may be another thing.

What is read here is only what has one meaning: columns of dates and times, texts in ISO 8601,
whole and exact numbers, texts without outer space. Of any other cell the row is `unsure`, so
its deal is odd, and is read where all other sources are. Nothing depends on the time zone of
the session, nor on whether it follows ANSI.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit import limits
from leakkit.errors import Fault, LeakkitError
from leakkit.sources.cells.no_data import BLANK, NOTHING
from leakkit.store.moments import DAY, EARLIEST, SENTINEL
from leakkit.store.schema import LOST, WON

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from leakkit.store.moments import Zone

WHOLE = ("tinyint", "smallint", "int", "bigint")
FLOATING = ("float", "double")
OUTER = r"^[\\p{Z}\\p{C}]+|[\\p{Z}\\p{C}]+$"
"""What may stand around a text and mean nothing, as a pattern within a text of Spark's SQL."""
SHORT_ID = r"^\\d([.,]\\d+)?[eE]\\+\\d+$"
ISO = (
    r"^\\d{4}-\\d{2}-\\d{2}([ T]([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d([.]\\d{1,6})?)?"
    r"(Z|[+-]\\d{2}:?\\d{2})?)?$"
)
SEQ = r"^-?\\d{1,18}$"
LONG, SHORT = 18, 15
"""Ids of Salesforce: the same deal in both lengths is told by neither alone."""


def tick(name: str) -> str:
    """Return a name as an identifier of Spark.

    >>> tick("a`b")
    '`a``b`'
    """
    return "`" + name.replace("`", "``") + "`"


def text_literal(said: str) -> str:
    """Return a text as a literal of Spark, in which a backslash begins something else."""
    return "'" + said.replace("\\", "\\\\").replace("'", "\\'") + "'"


def in_texts(sql: str, said: Iterable[str]) -> str:
    """Return SQL for "it is one of these texts"."""
    listed = ", ".join(map(text_literal, said))
    return f"{sql} IN ({listed})" if listed else "FALSE"


@dataclass(frozen=True)
class SparkColumns:
    """The columns of a table of Spark: their types, and which heading each of our names has.

    `name` is that of the relation, `part` what a user calls the table.
    """

    name: str
    types: Mapping[str, str]
    headings: Mapping[str, str]
    part: str

    def kind(self, name: str) -> str:
        """Return the type of a column by our name for it; '' where there is none."""
        return self.types[self.headings[name]] if name in self.headings else ""

    def column(self, name: str) -> str:
        """Return SQL for a column by our name for it."""
        return tick(self.headings[name])

    def faults(self) -> list[Fault]:
        """Return the columns whose types are not read for sure, with what to write."""
        wanted = {
            **dict.fromkeys(("created_at", "closed_at", "entered_at"), self._moment_fault),
            "value": self._value_fault,
            "seq": self._whole_fault,
        }
        found = []
        for name, heading in self.headings.items():
            hint = wanted.get(name, self._text_fault)(self.types[heading], tick(heading))
            if hint:
                rule = f"a column of {self.types[heading]} is not read for sure on Spark"
                found.append(Fault(self.part, None, heading, "", rule, hint))
        return found

    def _moment_fault(self, kind: str, column: str) -> str:
        """Say what to write where a column holds no moments."""
        if kind in {"date", "timestamp", "timestamp_ntz", "string"}:
            return ""
        return f"write in a SELECT: CAST(... AS TIMESTAMP) AS {column}"

    def _value_fault(self, kind: str, column: str) -> str:
        """Say what to write where a column holds no exact amounts."""
        if kind in {*WHOLE, *FLOATING} or kind.startswith("decimal("):
            return ""
        return f"write in a SELECT: CAST({column} AS DECIMAL(18, 2)) AS {column}"

    def _whole_fault(self, kind: str, column: str) -> str:
        """Say what to write where a column holds no whole numbers."""
        if kind in {*WHOLE, "string"}:
            return ""
        return f"write in a SELECT: CAST({column} AS BIGINT) AS {column}"

    def _text_fault(self, kind: str, column: str) -> str:
        """Say what to write where a column holds no texts; a collation compares otherwise."""
        if kind in {*WHOLE, "string"}:
            return ""
        return f"write in a SELECT: CAST({column} AS STRING) AS {column}"

    def key(self) -> str:
        """Return SQL for the id of a deal without outer space, '' where there is none."""
        return f"regexp_replace({self.text('opportunity_id')}, '{OUTER}', '')"

    def text(self, name: str) -> str:
        """Return SQL for a column as text, '' where it is empty or not there."""
        return self.text_under(self.headings[name]) if name in self.headings else "''"

    def text_under(self, heading: str) -> str:
        """Return SQL for a column as text by its heading."""
        return f"COALESCE(CAST({tick(heading)} AS STRING), '')"

    def unsure_texts(self, headings: Iterable[str]) -> list[str]:
        """Return SQL for "outer space stands around a text", which each reader trims in its way."""
        return [
            f"{self.text_under(heading)} RLIKE '{OUTER}'"
            for heading in headings
            if self.types[heading] == "string"
        ]

    def unsure_key(self) -> list[str]:
        """Return SQL for "this id may be none, or be cut"."""
        key = self.text("opportunity_id")
        return [
            f"{key} RLIKE '{OUTER}'",
            in_texts(f"lower({key})", BLANK),
            f"{key} RLIKE '{SHORT_ID}'",
        ]

    def unsure_reason(self) -> list[str]:
        """Return SQL for "this reason may say that there is none"."""
        if "lost_reason" not in self.headings:
            return []
        return [in_texts(f"lower({self.text('lost_reason')})", NOTHING)]

    def micros(self, name: str) -> str:
        """Return SQL for the microseconds since 1970 that the clock of a column shows."""
        column, kind = self.column(name), self.kind(name)
        if kind == "date":
            return f"CAST(unix_date({column}) AS BIGINT) * {DAY * 1_000_000}"
        if kind == "timestamp":
            return f"unix_micros({column})"
        if kind == "timestamp_ntz":
            start = "TIMESTAMP_NTZ '1970-01-01 00:00:00'"
            return f"timestampdiff(MICROSECOND, {start}, {column})"
        text = self.text(name)
        day = f"unix_date(TRY_CAST(substr({text}, 1, 10) AS DATE))"
        clock = " + ".join(
            f"COALESCE(TRY_CAST(substr({text}, {at}, 2) AS INT), 0) * {size}"
            for at, size in ((12, 3600), (15, 60), (18, 1))
        )
        # without seconds an offset may stand in their place
        short = f"CASE WHEN substr({text}, 17, 1) = ':' THEN {text} ELSE substr({text}, 1, 16) END"
        clock = clock.replace(f"substr({text}, 18, 2)", f"substr({short}, 18, 2)")
        part = f"regexp_extract({text}, '[.](\\\\d{{1,6}})', 1)"
        after = f"COALESCE(TRY_CAST(rpad({part}, 6, '0') AS INT), 0)"
        whole = f"(CAST({day} AS BIGINT) * {DAY} + {clock}) * 1000000 + {after}"
        return f"CASE WHEN {text} RLIKE '{ISO}' THEN {whole} END"

    def offset(self, name: str) -> str:
        """Return SQL for the offset that stands with a clock, in seconds; NULL: none."""
        kind = self.kind(name)
        if kind == "timestamp":
            return "0"
        if kind != "string":
            return "CAST(NULL AS INT)"
        text = self.text(name)
        pattern = r"(Z|[+-]\\d{2}:?\\d{2})$"
        zone = f"replace(regexp_extract(substr({text}, 17), '{pattern}', 1), ':', '')"
        sign = f"CASE WHEN substr({zone}, 1, 1) = '-' THEN -1 ELSE 1 END"
        hours = f"COALESCE(TRY_CAST(substr({zone}, 2, 2) AS INT), 0) * 3600"
        minutes = f"COALESCE(TRY_CAST(substr({zone}, 4, 2) AS INT), 0) * 60"
        return f"CASE WHEN {zone} <> '' THEN {sign} * ({hours} + {minutes}) END"

    def clocks(self, name: str) -> list[str]:
        """Return SQL for what is read of a moment: its microseconds and its offset."""
        if name not in self.headings:
            return [f"CAST(NULL AS BIGINT) AS {name}_us", f"CAST(NULL AS INT) AS {name}_offset"]
        return [f"{self.micros(name)} AS {name}_us", f"{self.offset(name)} AS {name}_offset"]

    def is_there(self, name: str) -> str:
        """Return SQL for "something stands in this column"."""
        if name not in self.headings:
            return "FALSE"
        if self.kind(name) == "string":
            return f"{self.text(name)} <> ''"
        return f"{self.column(name)} IS NOT NULL"

    def value(self) -> tuple[str, str]:
        """Return SQL for a value in hundredths, and for "it may be another one"."""
        if "value" not in self.headings:
            return "CAST(NULL AS BIGINT)", "FALSE"
        column = self.column("value")
        exact = f"TRY_CAST({column} AS DECIMAL(24, 6))"
        minor = f"TRY_CAST({exact} * 100 AS BIGINT)"
        fits = f"{exact} >= 0 AND {exact} <= {limits.VALUE} AND {exact} * 100 = {minor}"
        return (
            f"CASE WHEN {fits} THEN {minor} END",
            f"({column} IS NOT NULL AND NOT COALESCE({fits}, FALSE))",
        )

    def seq(self) -> tuple[str, str]:
        """Return SQL for the place of a row within its moment, and for "it may be another one"."""
        if "seq" not in self.headings:
            return "CAST(NULL AS BIGINT)", "FALSE"
        if self.kind("seq") in WHOLE:
            return f"CAST({self.column('seq')} AS BIGINT)", "FALSE"
        text = self.text("seq")
        return (
            f"TRY_CAST({text} AS BIGINT)",
            f"({text} <> '' AND NOT {text} RLIKE '{SEQ}')",
        )


def bucket(key: str) -> str:
    """Return Spark's SQL for the bootstrap bucket of a deal, as schema.bucket_sql is DuckDB's."""
    return f"CAST(CAST(conv(substr(sha2({key}, 256), 1, 8), 16, 10) AS BIGINT) % 200 AS INT)"


def refuse_types(*tables: SparkColumns) -> None:
    """Raise where a column has a type that means different things to different readers."""
    faults = tuple(fault for table in tables for fault in table.faults())
    if faults:
        message = "Some columns of Spark have types that are not read for sure:"
        raise LeakkitError("column_types", message, faults)


def flag(conditions: Iterable[str]) -> str:
    """Return SQL for 1 where one of these holds, or nobody knows whether it does."""
    holds = " OR ".join(f"COALESCE({one}, TRUE)" for one in conditions) or "FALSE"
    return f"CASE WHEN {holds} THEN 1 ELSE 0 END"


# ---------------------------------------------------------------- what the tables tell

SECONDS = "_us DIV 1000000"
TEXTS_OF_DEALS = ("pipeline", "stage", "outcome", "currency", "lost_reason", "name")


def _seconds(name: str, zone: Zone) -> str:
    """Return SQL for UTC seconds of a clock that was read, with the offset that stands with it."""
    clock = f"({name}{SECONDS})"
    local = f"{clock} - {zone.offset_sql(clock, local=True)}"
    return f"COALESCE({clock} - {name}_offset, {local}) AS {name}_seconds"


def _moment(name: str) -> str:
    """Return SQL for a moment of the years that are read, NULL for any other."""
    return f"CASE WHEN {name}_seconds BETWEEN 0 AND {SENTINEL - 1} THEN {name}_seconds END"


def _unsure_moment(name: str, *, never: bool) -> str:
    """Return SQL for "it may be another moment"; a far one means `never` beside a deal."""
    gone = f"COALESCE({name}_seconds >= {SENTINEL}, FALSE)" if never else "FALSE"
    return f"({name}_there AND {_moment(name)} IS NULL AND NOT {gone})"


def _timed(name: str) -> str:
    """Return SQL for 1 where a clock shows a time of its day."""
    clock = f"({name}{SECONDS})"
    return (
        f"CASE WHEN {clock} BETWEEN {EARLIEST} AND {SENTINEL} AND {clock} % {DAY} <> 0 "
        "THEN 1 ELSE 0 END"
    )


def _local(sql: str) -> str:
    """Return SQL of whole numbers in Spark's words."""
    return sql.replace("//", "DIV")


def select_clocks(cells: SparkColumns, moments: Sequence[str], columns: Sequence[str]) -> str:
    """Return a query of all rows: the columns that are asked for, and the clocks of moments."""
    clocks = [one for name in moments for one in cells.clocks(name)]
    there = [f"{cells.is_there(name)} AS {name}_there" for name in moments]
    return f"SELECT {', '.join([*columns, *clocks, *there])} FROM {cells.name}"  # noqa: S608 - quoted


def span_sql(cells: SparkColumns, moments: Sequence[str]) -> str:
    """Return a query of the first and the last clock of a table."""
    each = " UNION ALL ".join(
        f"SELECT {name}{SECONDS} AS clock FROM ({select_clocks(cells, [name], [])})"  # noqa: S608 - quoted
        for name in moments
    )
    known = f"clock BETWEEN {EARLIEST} AND {SENTINEL}"
    return f"SELECT min(clock), max(clock) FROM ({each}) WHERE {known}"  # noqa: S608 - as above


def moves_sql(cells: SparkColumns, zone: Zone) -> str:
    """Return the query of `told_moves`."""
    seq, odd_seq = cells.seq()
    texts = ("pipeline", "stage", "from_stage")
    headings = [cells.headings[name] for name in texts if name in cells.headings]
    unsure = flag([*cells.unsure_key(), *cells.unsure_texts(headings), odd_seq])
    columns = [f"{cells.key()} AS opportunity_id", f"{seq} AS seq", f"{unsure} AS unsure_cells"]
    columns += [f"{cells.text(name)} AS {name}" for name in texts]
    read = select_clocks(cells, ["entered_at"], columns)
    rows = f"SELECT *, {_seconds('entered_at', zone)} FROM ({read})"  # noqa: S608 - quoted
    at = _moment("entered_at")
    odd = flag([_unsure_moment("entered_at", never=False), "unsure_cells = 1"])
    return (
        f"SELECT opportunity_id, pipeline, stage, from_stage, {at} AS entered_at, "  # noqa: S608 - as above
        f"{_local(zone.day_sql('entered_at_seconds'))} AS entered_day, "
        f"{_local(zone.hour_sql('entered_at_seconds'))} AS entered_hour, "
        f"COALESCE(CAST(entered_at_us % 1000000 AS INT), 0) AS part, seq, {odd} AS unsure, "
        f"{_timed('entered_at')} AS timed FROM ({rows})"
    )


def deals_sql(
    cells: SparkColumns,
    zone: Zone,
    segments: Sequence[str],
    currency: str,
    closing: Mapping[int, tuple[Sequence[str], Sequence[str]]],
) -> str:
    """Return the query of `told_deals`.

    `segments` are the headings of further columns. `closing` are the stages that close a deal
    and the outcomes that say the same, by WON and LOST: a deal that stands in such a stage
    beside another outcome is odd.
    """
    value, odd_value = cells.value()
    unsure = _unsure_deals(cells, segments, currency, closing, odd_value)
    columns = [f"{cells.key()} AS opportunity_id", f"{value} AS value", f"{unsure} AS unsure_cells"]
    columns += [f"{cells.text(name)} AS {name}" for name in TEXTS_OF_DEALS]
    columns += [f"{cells.text_under(one)} AS segment_{at}" for at, one in enumerate(segments)]
    moments = ("created_at", "closed_at")
    read = select_clocks(cells, moments, columns)
    rows = f"SELECT *, {', '.join(_seconds(name, zone) for name in moments)} FROM ({read})"  # noqa: S608 - as above
    odd = flag([*(_unsure_moment(name, never=True) for name in moments), "unsure_cells = 1"])
    further = "".join(f", segment_{at}" for at in range(len(segments)))
    days = ", ".join(
        f"CASE WHEN {_moment(name)} IS NOT NULL THEN {_local(zone.day_sql(f'{name}_seconds'))} END "
        f"AS {name.removesuffix('_at')}_day"
        for name in moments
    )
    return (
        f"SELECT opportunity_id, pipeline, stage, outcome, {_moment('created_at')} AS created_at, "  # noqa: S608 - as above
        f"{_moment('closed_at')} AS closed_at, {days}, "
        f"{_local(zone.hour_sql('closed_at_seconds'))} AS closed_hour, value, "
        f"{bucket('opportunity_id')} AS bucket, currency, lost_reason, name, "
        "CASE WHEN lost_reason <> '' THEN 1 ELSE 0 END AS reasoned, "
        f"{odd} AS unsure, {_timed('closed_at')} AS timed{further} FROM ({rows})"
    )


def _unsure_deals(
    cells: SparkColumns,
    segments: Sequence[str],
    currency: str,
    closing: Mapping[int, tuple[Sequence[str], Sequence[str]]],
    odd_value: str,
) -> str:
    """Return SQL for "a cell of this deal may be another thing", but for its moments."""
    headings = [cells.headings[name] for name in TEXTS_OF_DEALS if name in cells.headings]
    ends = [
        f"({in_texts(cells.text('stage'), stages)} AND NOT {in_texts(cells.text('outcome'), said)})"
        for stages, said in (closing[WON], closing[LOST])
    ]
    other = f"{cells.text('currency')} NOT IN ('', {text_literal(currency)})"
    foreign = (
        f"({cells.is_there('value')} AND {other})" if "currency" in cells.headings else "FALSE"
    )
    return flag(
        [
            *cells.unsure_key(),
            *cells.unsure_texts([*headings, *segments]),
            *cells.unsure_reason(),
            *ends,
            odd_value,
            foreign,
        ]
    )


__all__ = [
    "SparkColumns",
    "bucket",
    "deals_sql",
    "flag",
    "in_texts",
    "moves_sql",
    "refuse_types",
    "select_clocks",
    "span_sql",
    "text_literal",
    "tick",
]
