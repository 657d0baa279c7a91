"""Stages of which a file says when deals left them, and not when they came."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from leakkit.config import fold_name
from leakkit.errors import Fault, LeakkitError
from leakkit.sources.shapes.outcomes import cases_of_outcome, closes_as
from leakkit.store.database import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.sources.headings.reading import Reading, Table
    from leakkit.sources.headings.table_parts import DatedStage

ABOUT_A_STAGE = (
    (
        re.compile(r'^(?:date exited|cumulative time in|latest time in) "(.+)"$', re.IGNORECASE),
        'Date entered "{}"',
    ),
    (
        re.compile(
            r"^hs_v2_(?:date_exited|cumulative_time_in|latest_time_in)_(.+)$", re.IGNORECASE
        ),
        "hs_v2_date_entered_{}",
    ),
)
"""Headings that name a stage -> the column that says when deals entered it."""


def refuse_undated(reading: Reading, table: Table, dated: Sequence[DatedStage]) -> None:
    """Raise where a file without a date of a stage has other columns of it that are filled.

    Its visits would be missing, and the stage before it would seem to skip it.
    """
    there = {one.heading.strip().casefold() for one in dated}
    asked: dict[str, str] = {}
    for heading in table.types:
        for pattern, entered in ABOUT_A_STAGE:
            match = pattern.match(heading.strip())
            column = entered.format(match[1]) if match else ""
            if column and column.casefold() not in there and _is_filled(reading, table, heading):
                asked.setdefault(column, heading)
    if not asked:
        return
    faults = tuple(
        Fault(
            table.file,
            None,
            column,
            "",
            "this column is missing",
            f"the file has {heading!r}; export both, or leave out all columns of the stage",
        )
        for column, heading in asked.items()
    )
    message = f"{table.file} does not say when deals entered {len(asked)} of its stages:"
    raise LeakkitError("missing_columns", message, faults)


def refuse_unnamed(reading: Reading, table: Table, dated: Sequence[DatedStage]) -> None:
    """Raise where open deals with dates of stages stand in a stage that has no date.

    A list may name its stages in another way than its columns do; then none of them is known.
    """
    stage = table.text("stage")
    ended = cases_of_outcome(reading, table) if table.heading("outcome") else "''"
    any_date = " OR ".join(f"{table.text_under(one.heading)} <> ''" for one in dated)
    rows = reading.store.rows(
        f"SELECT {stage}, count(*) FROM {table.relation} "  # noqa: S608 - quoted
        f"WHERE {stage} <> '' AND {ended} NOT IN ('won', 'lost') AND ({any_date}) "
        "GROUP BY 1 ORDER BY 1"
    )
    known = {fold_name(name) for one in dated for name in (one.stage, _with_pipeline(one))}
    there = {str(name): int(n) for name, n in rows}
    unknown = {
        name: n
        for name, n in there.items()
        if fold_name(name) not in known and closes_as(reading, name) is None
    }
    if not unknown or len(unknown) == len(there):
        return
    faults = tuple(
        Fault(
            table.file,
            None,
            str(table.heading("stage")),
            name,
            f"{n:,} open deals stand in a stage without a date of its own",
            "export the date on which deals entered it, or say in [source.stage_dates] which "
            "column it is",
        )
        for name, n in unknown.items()
    )
    message = f"{table.file} does not say when deals entered {len(unknown)} of its stages:"
    raise LeakkitError("missing_columns", message, faults)


def _with_pipeline(one: DatedStage) -> str:
    """Return a stage as lists name it beside its pipeline."""
    return f"{one.stage} ({one.pipeline})"


def _is_filled(reading: Reading, table: Table, heading: str) -> bool:
    """Say whether a column holds anything."""
    return bool(reading.store.value(f"SELECT count({quote(heading)}) FROM {table.relation}"))  # noqa: S608 - quoted
