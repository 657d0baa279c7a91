"""The counts of leakkit a third time, in polars: what a skilled user of it would write.

Lazy scans, expressions, no Python per row; the visits are planned once and counted four ways,
by the streaming engine, which took no longer than the one in memory and held less. It knows
what the route of pandas knows, and no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

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

    import pandas as pd

    from leakkit.config import Config

SUMS = (pl.len().alias("n"), pl.col.total.sum())


def count(
    folder: Path, config: Config, last_day: int, horizons: Mapping[tuple[int, int], float]
) -> dict[str, pd.DataFrame]:
    """Return the counts and estimates by name: totals, stays, flows and shares at `horizons`."""
    passages = _passages(_rows(folder, config))
    left = passages.filter(pl.col.exit != OPEN)
    asked = {
        "totals": _totals(passages),
        "stays": _stays(passages, last_day),
        "entries": _by_month(passages, pl.col.day, "entry", comes=1),
        "exits": _by_month(left, pl.col.left_day, "exit", comes=0),
    }
    answers = pl.collect_all(asked.values(), engine="streaming")
    counted = dict(zip(asked, answers, strict=True))
    stays = counted["stays"].to_pandas()
    return {
        "totals": counted["totals"].to_pandas(),
        "stays": stays,
        "flows": pl.concat([counted["entries"], counted["exits"]]).to_pandas(),
        "shares": find_shares(stays, horizons),
    }


def _rows(folder: Path, config: Config) -> pl.LazyFrame:
    """Read the history with numbers for texts, and with the number and value of each deal."""
    minor = (pl.col.value.fill_null(0.0) * 100).round().cast(pl.Int64)
    deals = (
        pl.scan_parquet(folder / "opportunities.parquet")
        .select("opportunity_id", total=minor)
        .with_row_index("deal")
    )
    pipeline, stage = _codes(config)
    rows = pl.scan_parquet(folder / "stage_history.parquet").select(
        "opportunity_id",
        "seq",
        pipeline=pipeline,
        stage=stage,
        second=pl.col.entered_at.dt.epoch("s"),
    )
    return rows.join(deals, on="opportunity_id", how="left").drop("opportunity_id")


def _codes(config: Config) -> tuple[pl.Expr, pl.Expr]:
    """Return the number of the pipeline and the position of the stage of every row."""
    places = place_names(config)
    names = list(dict.fromkeys(name for one in places.values() for name in one))
    pipeline = pl.col.pipeline.cast(pl.Enum(list(places))).to_physical().cast(pl.Int32)
    stage = pl.col.stage.cast(pl.Enum(names)).to_physical().cast(pl.Int32)
    positions = [one.get(name, 0) for one in places.values() for name in names]
    both = pipeline * len(names) + stage
    position = both.replace_strict(range(len(positions)), positions, return_dtype=pl.Int8)
    return pipeline.cast(pl.Int8), position


def _passages(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Return one row per visit of a deal to a stage: how it came, when it left, and how."""
    ordered = rows.sort("deal", "second", "seq")
    same = (pl.col.deal == pl.col.deal.shift()) & (pl.col.stage == pl.col.stage.shift())
    moves = ordered.filter(~same.fill_null(value=False)).with_columns(
        day=(pl.col.second // 86_400).cast(pl.Int32)
    )
    passages = moves.with_columns(
        entry=_entry(), exit=_exit(), left_day=pl.col.day.shift(-1)
    ).filter(pl.col.stage >= 0)
    visit = pl.col.deal.cast(pl.Int64) * 128 + pl.col.stage
    return passages.with_columns(first_visit=visit.is_first_distinct())


def _entry() -> pl.Expr:
    """Say how a deal came into its stage."""
    before = pl.col.stage.shift()
    return (
        pl.when((pl.col.deal != pl.col.deal.shift()).fill_null(value=True))
        .then(NEW)
        .when(before < 0)
        .then(REOPENED)
        .when(before == pl.col.stage - 1)
        .then(FROM_PREVIOUS)
        .when(before < pl.col.stage)
        .then(JUMPED_IN)
        .otherwise(RETURNED_IN)
        .cast(pl.Int8)
    )


def _exit() -> pl.Expr:
    """Say how a deal left its stage."""
    after = pl.col.stage.shift(-1)
    return (
        pl.when((pl.col.deal != pl.col.deal.shift(-1)).fill_null(value=True))
        .then(OPEN)
        .when(after == WON)
        .then(WON_HERE)
        .when(after == LOST)
        .then(LOST_HERE)
        .when(after == pl.col.stage + 1)
        .then(NEXT)
        .when(after > pl.col.stage)
        .then(JUMPED)
        .otherwise(RETURNED)
        .cast(pl.Int8)
    )


def _totals(passages: pl.LazyFrame) -> pl.LazyFrame:
    """Count the passages of every stage by how they ended."""
    first = pl.col.first_visit.sum().alias("first_visits")
    return passages.group_by("pipeline", "stage", "exit").agg(*SUMS, first)


def _stays(passages: pl.LazyFrame, last_day: int) -> pl.LazyFrame:
    """Count the first visits by age at the exit, or at the end of the last used day."""
    first = passages.filter("first_visit", pl.col.day <= last_day)
    done = (pl.col.exit != OPEN) & (pl.col.left_day <= last_day)
    return first.group_by(
        "pipeline",
        "stage",
        age=pl.when(done).then(pl.col.left_day).otherwise(last_day) - pl.col.day,
        exit=pl.when(done).then("exit").otherwise(OPEN),
    ).agg(n=pl.len())


def _by_month(passages: pl.LazyFrame, day: pl.Expr, door: str, *, comes: int) -> pl.LazyFrame:
    """Count passages by the month of a day and by a door; months since 1970."""
    date = day.cast(pl.Date)
    month = (date.dt.year() - 1970) * 12 + date.dt.month() - 1
    counted = passages.group_by("pipeline", "stage", door=door, month=month).agg(*SUMS)
    return counted.with_columns(comes=comes)
