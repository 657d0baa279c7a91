"""Sources to simulate with, and the ways into leakkit that several rows share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from leakkit.analysis import learning
from leakkit.config import Config
from leakkit.measures.age_counts import StayCounts, stays_by_group
from leakkit.measures.survival import aalen_johansen, share_at
from leakkit.sources import load
from leakkit.store.count_requests import Counts, Window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from leakkit.measures.stage_results import Learnt
    from leakkit.sample import Sample
    from leakkit.store import Store

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

DAY_SECONDS = 86_400
SOON = 45
"""The horizon of rows that declare one, in days."""


def load_seller(made: Sample, rules: str = "", as_of: str = "") -> Store:
    """Load a simulated seller; `rules` is further text for its leakkit.toml."""
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    return load(frames, Config.from_text(f"{made.config}\n{rules}"), as_of=as_of)


@dataclass(frozen=True)
class Visits:
    """Visits to one stage, in days since 1970 with fractions; `left` is NaN where open."""

    entered: Floats
    left: Floats
    lost: Bools

    def load(self, as_of: str, horizon_days: int = 0) -> Store:
        """Load them as an event file: one row for the entry, one for the close."""
        closed = np.flatnonzero(~np.isnan(self.left))
        close = np.where(self.lost[closed], "Lost", "Won")
        deals = np.concatenate([np.arange(self.entered.size), closed])
        seconds = np.concatenate([self.entered, self.left[closed]]) * DAY_SECONDS
        history = pd.DataFrame(
            {
                "opportunity_id": pd.Series(deals).map("D-{:06d}".format),
                "stage": np.concatenate([np.full(self.entered.size, "Work"), close]),
                "entered_at": np.floor(seconds).astype("datetime64[s]"),
            }
        )
        text = (
            f'as_of = "{as_of}"\n[comparison]\nhorizon_days = {horizon_days}\n'
            '[[pipelines]]\nname = "Deals"\nwon = ["Won"]\nlost = ["Lost"]\n'
            'stages = [{ name = "Work" }]\n'
        )
        return load({"stage_history": history}, Config.from_text(text))

    def known_at(self, moment: float) -> Visits:
        """Return what is known at a moment: nothing after it."""
        entered = self.entered <= moment
        left = np.where(self.left <= moment, self.left, np.nan)
        return Visits(self.entered[entered], left[entered], self.lost[entered])


@dataclass(frozen=True)
class Ages:
    """What leakkit learnt of one stage, and the counts that taught it and those of all days."""

    pipeline: str
    stage: str
    learnt: Learnt
    sample: StayCounts
    all_days: StayCounts


def learnt_ages(store: Store, earlier: Mapping[tuple[str, str], float] | None = None) -> list[Ages]:
    """Learn E and h of every stage, as `analyze` does."""
    counts, config = Counts.of(store), store.config
    known = learning.learn(counts, config, earlier or {})
    return [
        Ages(
            one.rules.name,
            stage.name,
            known.ages[one.number, place],
            known.stays[one.sample, one.number, place, learning.FIRST],
            known.stays[learning.ALL, one.number, place, learning.FIRST],
        )
        for one in known.pipelines
        for place, stage in enumerate(one.rules.stages)
    ]


Stays = dict[tuple[int, int], StayCounts]


def first_visits(store: Store, spans: Sequence[tuple[int, int]], pipeline: int = 0) -> Stays:
    """Count arrivals and departures of first visits: (position of the span, stage) -> counts."""
    windows = [Window(pipeline, part, *span) for part, span in enumerate(spans)]
    counted = Counts.of(store).stays(windows)
    groups = stays_by_group(counted[counted["visits"] == 1], ["part", "stage"])
    return {(key[0], key[1]): stays for key, stays in groups.items()}


def lost_share(stays: StayCounts, age: float) -> float:
    """Return the lost share at an age; NaN where it cannot be estimated."""
    found = share_at(aalen_johansen(stays.table()), ("lost",), age).share
    return np.nan if found is None else found
