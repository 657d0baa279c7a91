"""What is not read from Spark, each with the line to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit import limits, vocabulary
from leakkit.config import Config
from leakkit.errors import Fault, LeakkitError
from leakkit.sources.headings.evidence import CHANGED, COPIED, SINCE
from leakkit.sources.headings.heading_words import loose
from leakkit.sources.shapes.end_columns import NAMES
from leakkit.sources.spark.cells import refuse_types
from leakkit.sources.spark.tables import DEALS, MOVES
from leakkit.store.database import MEMORY
from leakkit.store.straight_queries import REASONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leakkit.sources.spark.cells import SparkColumns
    from leakkit.sources.spark.plain import PlainDeals

NEEDED = {DEALS: ("opportunity_id",), MOVES: ("opportunity_id", "stage", "entered_at")}
ROLES = {
    DEALS: frozenset(
        {"opportunity_id", "pipeline", "name", "created_at", "closed_at", "outcome", "stage"}
        | {"value", "currency", "lost_reason", "owner"}
    ),
    MOVES: frozenset(
        {"opportunity_id", "pipeline", "stage", "from_stage", "entered_at", "seq", "owner", "name"}
    ),
}
"""The columns of ours that a table may have; another one would be acted upon elsewhere."""
CHANGING = ("leave_out", "joins", "headings", "files", "stage_dates", "each_row_is_a_deal")
"""What of `[source]` changes rows before they are read."""


def refuse_configuration(config: Config, *, proposing: bool = False) -> None:
    """Raise for what Spark cannot be asked for, and for what it needs to be told."""
    if not config.as_of and not proposing:
        message = (
            "On Spark leakkit does not look for the last day of all tables. Say it: "
            'as_of = "2026-06-30", or --as-of 2026-06-30.'
        )
        raise LeakkitError("no_as_of", message)
    default = Config().source
    said = [name for name in CHANGING if getattr(config.source, name) != getattr(default, name)]
    said += ["reason_means_loss"] if config.source.reason_means_loss else []
    said += ["value_times"] if config.source.value_times else []
    if said:
        message = (
            f"[source] {said[0]} is not for tables of Spark. Say it in a SELECT in "
            "[source.tables], or in the frames that are given, and take the line out."
        )
        raise LeakkitError("not_on_spark", message)


def refuse_store(store: str) -> None:
    """Raise where the deals should be kept in a file of this machine."""
    if store != MEMORY:
        message = (
            "The deals of Spark stay there, so no file can hold them, with their names or with "
            "pseudonyms, and pages need an address: sc://host:15002. Without one, or for a store "
            "or a key, take the tables to this machine first: frame.toArrow()."
        )
        raise LeakkitError("deals_in_spark", message)


def refuse_undeclared(config: Config, *, provisional: bool) -> None:
    """Raise where the stages were proposed from some deals only."""
    if not provisional:
        return
    lines = "\n".join(
        f"[[pipelines]]\nname = {_toml(one.name)}\n"
        f"stages = [{', '.join(f'{{ name = {_toml(stage.name)} }}' for stage in one.stages)}]"
        for one in config.pipelines
    )
    message = (
        "On Spark the stages of each pipeline have to be declared: those of some deals only were "
        f"looked at. Write into leakkit.toml, in their order:\n{lines}"
    )
    raise LeakkitError("no_pipelines", message)


def _toml(text: str) -> str:
    """Return a text as TOML."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def refuse_columns(deals: SparkColumns, moves: SparkColumns) -> None:
    """Raise for columns that are missing, that act on rows, or whose types are not read surely."""
    faults = [fault for one in (deals, moves) for fault in _column_faults(one)]
    if faults:
        message = "leakkit cannot read these tables of Spark as they are:"
        raise LeakkitError("missing_columns", message, tuple(faults))
    refuse_types(deals, moves)


def _column_faults(cells: SparkColumns) -> Iterable[Fault]:
    """Yield what is wrong with the columns of one table."""
    for name in NEEDED[cells.part]:
        if name not in cells.headings:
            there = ", ".join(list(cells.types)[:20])
            hint = f"say in [source] which it is: {name} = '...'; the table has: {there}"
            yield Fault(cells.part, None, name, "", "this column is missing", hint)
    ours = set(cells.headings.values())
    acting = [h for h in cells.types if loose(h) in _acting() and h not in ours]
    acting += [h for name, h in cells.headings.items() if name not in ROLES[cells.part]]
    for heading in dict.fromkeys(acting):
        rule = "this column would change which rows count, or how deals ended"
        hint = "let a SELECT do what it says, and leave the column out"
        yield Fault(cells.part, None, heading, "", rule, hint)


def _acting() -> frozenset[str]:
    """Return the headings, as they are compared, upon which the reader of files acts."""
    words = [
        word
        for table in ("left_out", "ended_at")
        for key in vocabulary.keys(table)
        if not key.startswith("outcome_")
        for word in vocabulary.words(table, key)
    ]
    flags = [heading for headings in NAMES.values() for heading in headings]
    return frozenset(map(loose, [*words, *flags, *SINCE, *COPIED, *CHANGED]))


def refuse_currencies(plain: PlainDeals, config: Config, given: Config) -> None:
    """Raise where the currency was taken from some deals, and others name another one."""
    if "currency" in given.model_fields_set or "currency" not in plain.deals.headings:
        return
    text = plain.deals.text("currency")
    rows = plain.tables.session.rows(
        f"SELECT {text} AS said, count(*) AS n FROM {plain.deals.name} "  # noqa: S608 - quoted
        f"WHERE {plain.deals.is_there('value')} GROUP BY {text} ORDER BY n DESC, said LIMIT 5"
    )
    if {str(said) for said, _ in rows} <= {config.currency}:
        return
    there = ", ".join(f"{said or 'none'} ({n:,})" for said, n in rows)
    message = (
        f"The deals name several currencies, or none: {there}. Say the one of the pages: "
        f'currency = "{rows[0][0] or "EUR"}", and in [rates] what the others are worth.'
    )
    raise LeakkitError("no_currency", message)


def refuse_many(odd: Sequence[tuple[int, int]], rows: int, deals: int, plain: int) -> None:
    """Raise where too many rows would have to travel, with what is odd and by how much."""
    if rows <= limits.TRAVELLING_ROWS:
        return
    why = "; ".join(f"{REASONS[int(code)]}: {n:,} deals" for code, n in odd[:5])
    message = (
        f"Of {deals:,} deals only {plain:,} are plain, and the {rows:,} rows of the others are "
        f"more than the {limits.TRAVELLING_ROWS:,} that leakkit takes to this machine. {why}. "
        "Mend it in a SELECT, or in leakkit.toml (docs/sources/spark.md)."
    )
    raise LeakkitError("too_odd", message)


__all__ = [
    "refuse_columns",
    "refuse_configuration",
    "refuse_currencies",
    "refuse_many",
    "refuse_store",
    "refuse_undeclared",
]
