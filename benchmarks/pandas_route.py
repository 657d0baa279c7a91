"""The counts of leakkit a second time, in careful pandas: what a skilled analyst would write.

Vectorised, texts as categories, days as whole numbers, no Python per row. It knows only what
the sample needs: histories whose closes are rows, times on the clock of the pipeline, whole
days. leakkit settles the odd deals as well, and is measured with that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pyarrow import parquet

from benchmarks.route_parts import (
    FROM_PREVIOUS,
    JUMPED,
    JUMPED_IN,
    LOST,
    LOST_HERE,
    NEW,
    NEXT,
    OPEN,
    REOPENED,
    RETURNED,
    RETURNED_IN,
    WON,
    WON_HERE,
    find_shares,
    place_names,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from leakkit.config import Config

    Ints = NDArray[np.int64]


def count(
    folder: Path, config: Config, last_day: int, horizons: Mapping[tuple[int, int], float]
) -> dict[str, pd.DataFrame]:
    """Return the counts and estimates by name: totals, stays, flows and shares at `horizons`."""
    passages = _with_values(_passages(_in_order(_read(folder), config)), folder)
    stays = _stays(passages, last_day)
    return {
        "totals": _totals(passages),
        "stays": stays,
        "flows": _flows(passages),
        "shares": find_shares(stays, horizons),
    }


def _read(folder: Path) -> pd.DataFrame:
    """Read the history with its texts as categories and its moments as whole numbers."""
    names = ["opportunity_id", "pipeline", "stage", "entered_at", "seq"]
    table = parquet.read_table(
        folder / "stage_history.parquet", columns=names, read_dictionary=["pipeline", "stage"]
    )
    rows: pd.DataFrame = table.to_pandas()
    return rows


def _in_order(rows: pd.DataFrame, config: Config) -> pd.DataFrame:
    """Put the rows of every deal in order, with numbers for texts; equal neighbours merge."""
    opportunity = pd.factorize(rows["opportunity_id"])[0]
    second = rows["entered_at"].to_numpy("datetime64[s]").astype(np.int64)
    order = np.lexsort((rows["seq"].to_numpy(), second, opportunity))
    pipeline, stage = _codes(rows, config)
    frame = pd.DataFrame(
        {
            "opportunity": opportunity[order].astype(np.int32),
            "pipeline": pipeline[order],
            "stage": stage[order],
            "day": (second[order] // 86_400).astype(np.int32),
        }
    )
    frame["opportunity_id"] = rows["opportunity_id"].take(order).array
    same = (frame[["opportunity", "stage"]] == frame[["opportunity", "stage"]].shift()).all(axis=1)
    return frame[~same].reset_index(drop=True)


def _codes(rows: pd.DataFrame, config: Config) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Return the number of the pipeline and the position of the stage of every row."""
    places = place_names(config)
    said = [list(places).index(name) for name in rows["pipeline"].cat.categories]
    pipeline = np.array(said, np.int16)[rows["pipeline"].cat.codes]
    names = rows["stage"].cat.categories
    positions = np.array(
        [[one.get(name, 0) for name in names] for one in places.values()], np.int16
    )
    return pipeline, positions[pipeline, rows["stage"].cat.codes]


def _passages(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per visit of a deal to a stage: how it came, when it left, and how."""
    opportunity, stage, day = (rows[name].to_numpy() for name in ("opportunity", "stage", "day"))
    first = np.append(True, opportunity[1:] != opportunity[:-1])
    last = np.append(first[1:], True)
    before, after = np.roll(stage, 1), np.roll(stage, -1)
    entry = np.select(
        [first, before < 0, before == stage - 1, before < stage],
        [NEW, REOPENED, FROM_PREVIOUS, JUMPED_IN],
        RETURNED_IN,
    )
    exits = np.select(
        [last, after == WON, after == LOST, after == stage + 1, after > stage],
        [OPEN, WON_HERE, LOST_HERE, NEXT, JUMPED],
        RETURNED,
    )
    passages = rows.assign(
        entry=entry.astype(np.int8), exit=exits.astype(np.int8), left_day=np.roll(day, -1)
    )
    passages = passages[stage >= 0]
    again = passages.duplicated(["opportunity", "stage"])
    return passages.assign(first_visit=~again)


def _with_values(passages: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Add the value of the deal, in whole minor units."""
    names = ["opportunity_id", "value"]
    deals = parquet.read_table(folder / "opportunities.parquet", columns=names).to_pandas()
    minor = np.round(deals["value"].fillna(0.0) * 100).astype(np.int64)
    values = pd.Series(minor.to_numpy(), index=deals["opportunity_id"])
    ids = passages["opportunity_id"][~passages["opportunity"].duplicated()]
    per_deal = values.reindex(ids).to_numpy()
    codes = pd.factorize(passages["opportunity"])[0]
    return passages.drop(columns="opportunity_id").assign(total=per_deal[codes])


def _totals(passages: pd.DataFrame) -> pd.DataFrame:
    """Count the passages of every stage by how they ended."""
    groups = passages.groupby(["pipeline", "stage", "exit"])
    columns: dict[str, Any] = {
        "n": ("total", "size"),
        "total": ("total", "sum"),
        "first_visits": ("first_visit", "sum"),
    }
    totals: pd.DataFrame = groups.agg(**columns).reset_index().astype(np.int64)
    return totals


def _stays(passages: pd.DataFrame, last_day: int) -> pd.DataFrame:
    """Count the first visits by age at the exit, or at the end of the last used day."""
    first = passages[passages["first_visit"]]
    first = first[first["day"] <= last_day]
    done = (first["exit"] != OPEN) & (first["left_day"] <= last_day)
    last = first["left_day"].where(done, last_day)
    ends = first.assign(age=last - first["day"], exit=first["exit"].where(done, OPEN))
    counted = ends.groupby(["pipeline", "stage", "age", "exit"]).size()
    return counted.reset_index(name="n").astype(np.int64)


def _flows(passages: pd.DataFrame) -> pd.DataFrame:
    """Count entries and exits of every stage by month and door, in deals and in value."""
    entries = _by_month(passages, "day", "entry").assign(comes=1)
    left = passages[passages["exit"] != OPEN]
    exits = _by_month(left, "left_day", "exit").assign(comes=0)
    return pd.concat([entries, exits], ignore_index=True).astype(np.int64)


def _by_month(passages: pd.DataFrame, day: str, door: str) -> pd.DataFrame:
    """Count passages by the month of a day and by a door; months since 1970."""
    days = np.arange(int(passages[day].max()) + 1).astype("datetime64[D]")
    month = days.astype("datetime64[M]").astype(np.int16)
    told = passages.assign(month=month[passages[day].to_numpy()], door=passages[door])
    columns: dict[str, Any] = {"n": ("total", "size"), "total": ("total", "sum")}
    months: pd.DataFrame = told.groupby(["pipeline", "stage", "door", "month"]).agg(**columns)
    return months.reset_index()
