"""One row per segment of a stage that leaks more than its rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.findings.columns import end_of
from leakkit.frames.cells import frame_of, major

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from leakkit.analysis.diagnosis import Diagnosis
    from leakkit.findings.drivers import Driver
    from leakkit.frames.cells import Cell

RANGED = ("share", "rest", "gap")
ENDS = tuple(f"{name}{end}" for name in RANGED for end in ("", "_low", "_high"))
COLUMNS = (
    *("pipeline", "stage", "segment", "entered", "exits", "followed", *ENDS),
    *("p_value", "q_value", "recoverable", "recoverable_value", "currency"),
)
TYPES = dict.fromkeys(
    (*ENDS, "followed", "p_value", "q_value", "recoverable", "recoverable_value"), "float64"
) | dict.fromkeys(("entered", "exits"), "int64")
KINDS = {name: TYPES.get(name, "str") for name in COLUMNS}


def drivers_frame(diagnoses: Iterable[Diagnosis]) -> pd.DataFrame:
    """Return the segments that leak more than the rest of their stage, dearest first.

    `segment` names columns and values, as `region = North`, of numbers in fifths where the
    fifth ends, as `value <= 12500` in major units; `gap` is the share of the
    segment minus that of the rest, as read; money is in major units.
    """
    rows = [
        {
            "pipeline": diagnosis.pipeline.name,
            "stage": one.stage.name,
            **_row(driver, one.screen.binned),
            "currency": diagnosis.pipeline.currency,
        }
        for diagnosis in diagnoses
        for one in diagnosis.stages
        for driver in one.screen.drivers
    ]
    return frame_of(rows, KINDS)


def name_segment(columns: Sequence[str], values: Sequence[str], binned: Sequence[str]) -> str:
    """Name a segment by its columns and values; of a fifth of numbers, by where it ends.

    >>> name_segment(["region", "value"], ["North", "1250000"], ["value"])
    'region = North, value <= 12500'
    """
    return ", ".join(
        f"{column} <= {end_of(column, value)}"
        if column in binned and value
        else f"{column} = {value}"
        for column, value in zip(columns, values, strict=True)
    )


def _row(driver: Driver, binned: Sequence[str]) -> dict[str, Cell]:
    """Return the cells of one segment."""
    money = driver.recoverable_value
    row: dict[str, Cell] = {
        "segment": name_segment(driver.columns, driver.values, binned),
        "entered": driver.n,
        "exits": driver.exits,
        "followed": driver.followed,
        "p_value": driver.p_value,
        "q_value": driver.q_value,
        "recoverable": driver.recoverable.value,
        "recoverable_value": None if money is None else major(money.value),
    }
    for name in RANGED:
        read = getattr(driver, name)
        row |= {name: read.value, f"{name}_low": read.low, f"{name}_high": read.high}
    return row
