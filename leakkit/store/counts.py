"""Runs the counting queries for some pipelines, and hands over small frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from leakkit.store import queries
from leakkit.store.database import quoted

if TYPE_CHECKING:
    from leakkit.store.database import Store

ASKED_TWICE = (queries.CLICKED_THROUGH, queries.DECIDED, queries.WINS, queries.STARTED)
"""Of what is set in between they use the starts only; while these stay, one answer serves twice."""
OWNER = "owner"
"""The column of the deals that names who works on them, where there is one."""
MONTHS_BACK = 400
"""Months before as_of that can be told apart; what is older shares the first one."""


@dataclass(frozen=True)
class Window:
    """Days [first_day, end_day) of one pipeline, under the name `part`."""

    pipeline: int
    part: int
    first_day: int
    end_day: int


class Counts:
    """The counts of some pipelines, given by number (all where None), read from an open store."""

    def __init__(self, store: Store, pipelines: tuple[int, ...] | None = None) -> None:
        """Prepare the counting; writes only temporary tables."""
        self.store = store
        self.units: dict[int, int] = dict(
            store.rows("SELECT pipeline, unit_per_day FROM pipelines ORDER BY pipeline")
        )
        self.asked = tuple(self.units) if pipelines is None else pipelines
        self.last_day = int(store.meta("last_day"))
        self.starts: dict[int, int] = {}
        self.kept: dict[str, pd.DataFrame] = {}
        store.put("asked", pd.DataFrame({"pipeline": self.asked}).astype("int16"))
        for table in ("passages", "moves"):
            only = "" if pipelines is None else "JOIN asked a ON a.pipeline = p.pipeline"
            rows = f"SELECT p.* FROM {table} p {only}"  # noqa: S608 - names of this module
            store.run(f"CREATE OR REPLACE TEMP VIEW asked_{table} AS {rows}")
        store.run(f"CREATE OR REPLACE TEMP TABLE deal_ends AS {queries.DEAL_ENDS}")

    def extent(self) -> pd.DataFrame:
        """Return first and last days of entries and exits per pipeline."""
        return self.store.frame(queries.EXTENT)

    def entries(self) -> pd.DataFrame:
        """Return how many deals entered each pipeline on each day."""
        return self.store.frame(queries.ENTERED)

    def stays(self, windows: list[Window]) -> pd.DataFrame:
        """Return arrivals at risk and departures by age, per window and stage."""
        self.store.put("parts", self._ticks(windows))
        return self.store.frame(queries.STAYS)

    def entrants(self, windows: list[Window]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the first entries in one window per pipeline, and the value of the largest 1 %."""
        self.store.put("parts", self._ticks(windows))
        return self.store.frame(queries.ENTRANTS), self.store.frame(queries.LARGEST)

    def late_deals(self) -> pd.DataFrame:
        """Return the open deals that are late, of the pipelines asked for (see `expect`)."""
        columns = {row[0] for row in self.store.rows("DESCRIBE opportunities")}
        owner = quoted(OWNER) if OWNER in columns else "''"
        return self.store.frame(queries.LATE_DEALS.replace("{owner}", owner))

    def clusters(self, parts: pd.DataFrame) -> pd.DataFrame:
        """Return the same per bootstrap cluster.

        `parts` has a row per part, pipeline and stage: first_day, end_day, cap (an
        age), own (1: every deal is a cluster), first_only (1: first visits only).
        """
        same = ["pipeline", "stage", "first_day", "end_day", "cap", "own"]
        given = parts.assign(sample=parts.groupby(same).ngroup())
        samples = given.groupby(["sample", *same], as_index=False)["first_only"].min()
        per_day = samples["pipeline"].map(self.units)
        ticks = samples.assign(
            first_tick=samples["first_day"] * per_day, end_tick=samples["end_day"] * per_day
        )
        self.store.put("cluster_parts", ticks)
        # parts that differ in their visits only are counted once
        frame = self.store.frame(queries.CLUSTERS)
        counted = given[["part", "sample", "first_only"]].merge(frame, on="sample")
        return counted[(counted["first_only"] == 0) | (counted["visits"] == 1)]

    def _ticks(self, windows: list[Window]) -> pd.DataFrame:
        """Return the windows in units of stay."""
        rows = [
            (
                w.pipeline,
                w.part,
                w.first_day * self.units[w.pipeline],
                w.end_day * self.units[w.pipeline],
            )
            for w in windows
        ]
        return pd.DataFrame(rows, columns=["pipeline", "part", "first_tick", "end_tick"])

    def frame_of(self, bounds: pd.DataFrame) -> None:
        """Set where each pipeline's curves begin and end, and what its cohort is.

        `bounds` has pipeline, start_day, cohort_from, mature_before (days) and
        expected_days (NA where none is declared).
        """
        per_day = bounds["pipeline"].map(self.units)
        table = bounds.assign(
            last_day=self.last_day,
            start_tick=bounds["start_day"] * per_day,
            end_tick=(self.last_day + 1) * per_day,
        )
        self.store.put("asked", table)
        starts = dict(zip(bounds["pipeline"], bounds["start_day"], strict=True))
        if starts != self.starts:
            self.starts = starts
            self.kept.clear()

    def expect(self, expected: pd.DataFrame) -> None:
        """Set the expected stay per pipeline and stage; finds the open deals that are late."""
        self.store.put("expected", expected)
        self.store.run(f"CREATE OR REPLACE TEMP TABLE late AS {queries.LATE}")

    def between(self, rows: pd.DataFrame) -> None:
        """Set which stages lie between: pipeline, from_stage, skipped, stage."""
        self.store.put("between_stages", rows)

    def periods(self, rows: pd.DataFrame) -> None:
        """Set the calendar of the flows: day, period."""
        self.store.put("periods", rows)

    def ask(self, query: str) -> pd.DataFrame:
        """Run one of the queries that need the tables set above."""
        if query not in ASKED_TWICE:
            return self.store.frame(query)
        if query not in self.kept:
            self.kept[query] = self.store.frame(query)
        return self.kept[query].copy()
