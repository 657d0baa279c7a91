"""What is counted of a part of the deals: of pipelines that have the same days together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from leakkit.analysis import learning
from leakkit.analysis.deferred import Later
from leakkit.analysis.material import FRAMES
from leakkit.measures import age_counts as taken
from leakkit.store.counts import Counts, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from leakkit.analysis.learning import Asked
    from leakkit.analysis.material import Material
    from leakkit.analysis.results import PipelineAnalysis
    from leakkit.measures.horizons import Days
    from leakkit.measures.stage_results import Learnt
    from leakkit.store.counts import Deals
    from leakkit.store.database import Store

LIVES = frozenset({"wins", "journey", "reached", "ages", "spans", "stays", "clusters"})
"""What follows deals, or visits, through the whole history, also where days are chosen."""


@dataclass(frozen=True)
class Group:
    """Pipelines whose numbers are counted together, each of everything and as it was counted."""

    pairs: tuple[tuple[PipelineAnalysis, Material], ...]

    @property
    def asked(self) -> list[Asked]:
        """The pipelines, as the counting is asked for them."""
        return [material.asked for _, material in self.pairs]

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the pipelines."""
        return tuple(one.number for one in self.asked)

    @property
    def learnt(self) -> Mapping[tuple[int, int], Learnt]:
        """Horizon and expected stay of every stage of everything."""
        return {
            (material.asked.number, at): learnt
            for _, material in self.pairs
            for at, learnt in enumerate(material.learnt)
        }

    def mature_before(self, last_day: int) -> dict[int, int]:
        """Return, by pipeline, the day before which a deal was created that is decided by now."""
        return {
            material.asked.number: last_day + 1 - int(age)
            for whole, material in self.pairs
            if (age := whole.pipe.mature_days) is not None
        }


def begin(store: Store, group: Group, deals: Deals, seen: Days | None, days: Days | None) -> Counts:
    """Prepare the counting of some deals of a group; months begin with `days`."""
    counts = Counts(store, group.numbers, deals, seen)
    counts.frame_of(learning.bounds(group.asked, group.mature_before(counts.last_day)))
    learning.lay_out(counts, group.asked, days)
    learning.expect(counts, group.learnt)
    return counts


class Counted:
    """The counts of a part of the deals of a group, each asked for when it is first looked at."""

    def __init__(self, group: Group, days: Days | None, counting: Callable[[str], Counts]) -> None:
        """Ask for nothing yet; `counting` returns what counts a frame."""
        self.group, self.days, self.counting = group, days, counting
        self._split: dict[str, dict[tuple[int, ...], pd.DataFrame]] = {}
        self._empty: dict[str, pd.DataFrame] = {}

    def rows(self, number: int, name: str) -> pd.DataFrame:
        """Return the counts of a name of one pipeline."""
        if name not in self._split:
            frame = self.counting(name).ask(FRAMES[name])
            self._empty[name] = frame.iloc[:0]
            self._split[name] = dict(taken.groups(frame, ["pipeline"]))
        return self._split[name].get((number,), self._empty[name])

    def stays(self, number: int) -> Mapping[tuple[int, int, int], taken.StayCounts]:
        """Return arrivals and departures of one pipeline: (window, stage, visits) -> counts."""
        return Later(
            lambda: {(k[0], k[2], k[3]): v for k, v in self._stays.items() if k[1] == number}
        )

    def clusters(self, number: int) -> Mapping[tuple[int, int], pd.DataFrame]:
        """Return the same per bootstrap cluster: (part, stage) -> counts."""
        return Later(lambda: {(k[0], k[2]): v for k, v in self._clusters.items() if k[1] == number})

    @cached_property
    def _stays(self) -> dict[tuple[int, ...], taken.StayCounts]:
        """Arrivals and departures: (window, pipeline, stage, visits) -> counts."""
        windows = [
            Window(one.number, learning.ALL, *(self.days or _whole_days(one)))
            for one in self.group.asked
        ]
        rows = self.counting("stays").stays(windows)
        return taken.stays_by_group(rows, ["part", "pipeline", "stage", "visits"])

    @cached_property
    def _clusters(self) -> dict[tuple[int, ...], pd.DataFrame]:
        """The same per bootstrap cluster: (part, pipeline, stage) -> counts."""
        parts = learning.reading_parts(self.group.asked, self.group.learnt, self.days)
        return learning.find_clusters(self.counting("clusters"), self.group.asked, parts)


def _whole_days(asked: Asked) -> Days:
    """Return the days of the curves of everything."""
    return asked.windows.start_day, asked.windows.end_day
