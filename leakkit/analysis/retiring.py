"""Stages that no deal comes into any more, and what they may be called now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

MIN_DAYS = 30
"""Days without an entry that say nothing where the stage's horizon is not known."""
MISSED = 5
"""Entries that would have come at the old pace; by chance none comes in under 1 of 100 cases."""
SAME_DAYS = 30
"""Days between the last entry to the old name and the first to the new one."""


@dataclass(frozen=True)
class Retired:
    """A stage without entries since the day `last`; `renamed` is its likely new name, or empty."""

    stage: int
    name: str
    last: int
    renamed: str


def find_retired(
    spans: pd.DataFrame, names: Sequence[str], horizons: Mapping[int, float | None], last_day: int
) -> tuple[Retired, ...]:
    """Which stages has no deal come into for long, while deals still come into the pipeline?

    `spans` has stage, first and last (days of entry), n (entries) and came_after (new deals
    of the pipeline after `last`); `horizons` are in days. A stage is retired after twice its
    horizon without an entry where at its old pace 5 would have come; a stage that began so
    within 30 days of it is its likely new name (docs/method.md, section 12).
    """
    start = int(spans["first"].min()) if len(spans) else 0
    rows = [{key: int(row[key]) for key in spans.columns} for _, row in spans.iterrows()]
    old = [row for row in rows if _has_stopped(row, horizons, last_day)]
    new = [row for row in rows if row not in old and _began(row, horizons, start, last_day)]
    return tuple(
        Retired(row["stage"], names[row["stage"]], row["last"], _find_new_name(row, new, names))
        for row in old
    )


def _has_stopped(
    row: Mapping[str, int], horizons: Mapping[int, float | None], last_day: int
) -> bool:
    """Say whether entries have stopped, and not by chance or with the pipeline."""
    silent = last_day - row["last"]
    missed = silent * row["n"] / (row["last"] - row["first"] + 1)
    return (
        silent > _long(row["stage"], horizons) and missed >= MISSED and row["came_after"] >= MISSED
    )


def _began(
    row: Mapping[str, int], horizons: Mapping[int, float | None], start: int, last_day: int
) -> bool:
    """Say whether entries began late, and not by chance."""
    before = row["first"] - start
    missed = before * row["n"] / max(last_day - row["first"] + 1, 1)
    return before > _long(row["stage"], horizons) and missed >= MISSED


def _long(stage: int, horizons: Mapping[int, float | None]) -> float:
    """Return the days without an entry that say nothing."""
    horizon = horizons.get(stage)
    return MIN_DAYS if horizon is None else max(2.0 * horizon, MIN_DAYS)


def _find_new_name(row: Mapping[str, int], new: list[dict[str, int]], names: Sequence[str]) -> str:
    """Return the name that began when this one stopped; empty where there is none."""
    near = [(abs(one["first"] - row["last"]), one["stage"]) for one in new]
    close = sorted(pair for pair in near if pair[0] <= SAME_DAYS)
    return names[close[0][1]] if close else ""
