"""What the tables of Spark tell of deals and moves: `told_deals` and `told_moves`, in its SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.sources.spark.cells import bucket, flag, in_texts, text_literal
from leakkit.store.moments import DAY, EARLIEST, SENTINEL
from leakkit.store.schema import LOST, WON

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leakkit.sources.spark.cells import SparkColumns
    from leakkit.store.moments import Zone

SECONDS = "_us DIV 1000000"


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


def read_clocks(cells: SparkColumns, moments: Sequence[str], columns: Sequence[str]) -> str:
    """Return a query of all rows: the columns that are asked for, and the clocks of moments."""
    clocks = [one for name in moments for one in cells.clocks(name)]
    there = [f"{cells.is_there(name)} AS {name}_there" for name in moments]
    return f"SELECT {', '.join([*columns, *clocks, *there])} FROM {cells.name}"  # noqa: S608 - quoted


def span_sql(cells: SparkColumns, moments: Sequence[str]) -> str:
    """Return a query of the first and the last clock of a table."""
    each = " UNION ALL ".join(
        f"SELECT {name}{SECONDS} AS clock FROM ({read_clocks(cells, [name], [])})"  # noqa: S608 - quoted
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
    read = read_clocks(cells, ["entered_at"], columns)
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
    texts = ("pipeline", "stage", "outcome", "currency", "lost_reason", "name")
    headings = [cells.headings[name] for name in texts if name in cells.headings]
    ends = [
        f"({in_texts(cells.text('stage'), stages)} AND NOT {in_texts(cells.text('outcome'), said)})"
        for stages, said in (closing[WON], closing[LOST])
    ]
    other = f"{cells.text('currency')} NOT IN ('', {text_literal(currency)})"
    foreign = (
        f"({cells.is_there('value')} AND {other})" if "currency" in cells.headings else "FALSE"
    )
    unsure = flag(
        [
            *cells.unsure_key(),
            *cells.unsure_texts([*headings, *segments]),
            *cells.unsure_reason(),
            *ends,
            odd_value,
            foreign,
        ]
    )
    columns = [f"{cells.key()} AS opportunity_id", f"{value} AS value", f"{unsure} AS unsure_cells"]
    columns += [f"{cells.text(name)} AS {name}" for name in texts]
    columns += [f"{cells.text_under(one)} AS segment_{at}" for at, one in enumerate(segments)]
    moments = ("created_at", "closed_at")
    read = read_clocks(cells, moments, columns)
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


__all__ = ["deals_sql", "moves_sql", "read_clocks", "span_sql"]
