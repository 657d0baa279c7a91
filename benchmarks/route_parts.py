"""What the routes of pandas and of polars share: names by number, and shares of a small table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.config import Config

WON, LOST = -1, -2
OPEN, NEXT, JUMPED, WON_HERE, RETURNED, LOST_HERE = range(6)
NEW, FROM_PREVIOUS, JUMPED_IN, RETURNED_IN, REOPENED = range(5)
KINDS = {"advance": (NEXT, JUMPED, WON_HERE), "returned": (RETURNED,), "lost": (LOST_HERE,)}


def place_names(config: Config) -> dict[str, dict[str, int]]:
    """Return the position of every stage by pipeline and name; those of closes are negative."""
    return {
        pipeline.name: {stage.name: position for position, stage in enumerate(pipeline.stages)}
        | dict.fromkeys(pipeline.won, WON)
        | dict.fromkeys(pipeline.lost, LOST)
        for pipeline in config.pipelines
    }


def find_shares(stays: pd.DataFrame, horizons: Mapping[tuple[int, int], float]) -> pd.DataFrame:
    """Return the Aalen-Johansen share of every way out at the horizon of each stage."""
    rows = []
    for (pipeline, stage), horizon in sorted(horizons.items()):
        chosen = stays[(stays["pipeline"] == pipeline) & (stays["stage"] == stage)]
        rows.append((pipeline, stage, *_aalen_johansen(chosen, horizon)))
    return pd.DataFrame(rows, columns=["pipeline", "stage", *KINDS])


def _aalen_johansen(stays: pd.DataFrame, horizon: float) -> list[float]:
    """Return F(horizon) of every way out; all first visits are at risk from day 0."""
    table = stays.pivot_table(index="age", columns="exit", values="n", aggfunc="sum", fill_value=0)
    leaving = table.sum(axis=1).to_numpy()
    at_risk = leaving[::-1].cumsum()[::-1]
    exits = table.drop(columns=OPEN, errors="ignore")
    staying = np.cumprod(1 - exits.sum(axis=1).to_numpy() / at_risk)
    before = np.append(1.0, staying[:-1])
    until = table.index.to_numpy() <= horizon
    shares = []
    for kinds in KINDS.values():
        left = exits.reindex(columns=list(kinds), fill_value=0).sum(axis=1).to_numpy()
        shares.append(float((before * left / at_risk)[until].sum()))
    return shares
