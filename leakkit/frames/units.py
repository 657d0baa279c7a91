"""Cells of tables: one unit for each kind of number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


Cell = str | float | int | bool | np.datetime64 | None
"""A text, a number, a day, or None for what is not available."""


MINOR = 100
"""Minor units of money in a major one."""


def major(minor: float | None) -> float | None:
    """Return money in major units.

    >>> major(12345), major(None)
    (123.45, None)
    """
    return None if minor is None else round(minor) / MINOR


def date(day: int | None) -> np.datetime64 | None:
    """Return the date of a day number since 1970-01-01.

    >>> str(date(19_723))
    '2024-01-01'
    """
    return None if day is None else np.datetime64(day, "D")


def majors(minor: pd.Series[Any]) -> pd.Series[float]:
    """Return a column of money in major units; what is missing stays so."""
    return minor.astype("float64") / MINOR


def frame_of(rows: Iterable[Mapping[str, Cell]], kinds: Mapping[str, str]) -> pd.DataFrame:
    """Return rows as a frame whose columns have one type each, also where it is empty.

    `kinds` names the columns in their order, each with its pandas type (`Int64` and
    `boolean` know what is missing).
    """
    found = list(rows)
    return pd.DataFrame(
        {name: pd.Series([row[name] for row in found], dtype=kind) for name, kind in kinds.items()}
    )
