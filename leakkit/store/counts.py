"""A request -> a frame of counts. What was counted once is not counted again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from leakkit.store import queries
from leakkit.store.relations import EVERYTHING, Relations, Scope
from leakkit.store.terms import NOTHING_KNOWN, Terms, tables_for, whole_numbers

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from leakkit.store.database import Store
    from leakkit.store.relations import Part, Table


@dataclass(frozen=True)
class Window:
    """Days [first_day, end_day) of one pipeline, under the name `part`.

    With `entered` only the visits that begin in these days are counted.
    """

    pipeline: int
    part: int
    first_day: int
    end_day: int
    entered: bool = False


@dataclass(frozen=True)
class ClusterPart:
    """What is counted per bootstrap cluster of one stage, under the name `part`.

    On the days [first_day, end_day), up to an age `cap`; `first_only`: of first visits only.
    """

    part: int
    pipeline: int
    stage: int
    first_day: int
    end_day: int
    cap: int
    first_only: bool

    @property
    def sample(self) -> tuple[int, int, int, int, int]:
        """What its clusters are of; parts that differ in their visits only are counted once."""
        return self.pipeline, self.stage, self.first_day, self.end_day, self.cap


@dataclass(frozen=True)
class Counts:
    """The counts of a scope of deals under some terms.

    It is a value: under other terms there are other counts, and both may be asked by turns.
    A query that needs terms which are not known yet is refused.
    """

    relations: Relations = field(compare=False, repr=False)
    terms: Terms = NOTHING_KNOWN

    @classmethod
    def of(cls, store: Store, scope: Scope = EVERYTHING) -> Counts:
        """Count a scope of an open store; writes only temporary tables."""
        return cls(Relations(store, scope))

    @property
    def store(self) -> Store:
        """The store that is counted."""
        return self.relations.source

    @property
    def last_day(self) -> int:
        """The last day that is counted."""
        return self.relations.last_day

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the pipelines, where each value of a column is counted apart."""
        return self.relations.parts

    def under(self, **terms: Any) -> Counts:  # noqa: ANN401 - the fields of Terms
        """Return the counts under further terms."""
        return replace(self, terms=replace(self.terms, **terms))

    def ask(self, query: str) -> pd.DataFrame:
        """Answer a query, once; nobody may change the frame."""
        tables = tables_for(query, self.terms, self.last_day, self.relations.units)
        return self.relations.answer(query, tables)

    def rows(self, query: str, pipeline: int) -> pd.DataFrame:
        """Return what a query says of one pipeline; it must be in the order of pipelines."""
        frame = self.ask(query)
        first, end = np.searchsorted(frame["pipeline"].to_numpy(), [pipeline, pipeline + 1])
        return frame.iloc[first:end]

    def stays(self, windows: Sequence[Window]) -> pd.DataFrame:
        """Return arrivals at risk and departures by age, per window and stage."""
        return self.relations.count(queries.STAYS, {"parts": self._ticks(windows)})

    def entrants(self, windows: Sequence[Window]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the first entries in one window per pipeline, and the value of the largest 1 %."""
        tables = {"parts": self._ticks(windows)}
        entered = self.relations.count(queries.ENTRANTS, tables)
        return entered, self.relations.count(queries.LARGEST, tables)

    def clusters(self, parts: Sequence[ClusterPart], small: Collection[int]) -> pd.DataFrame:
        """Return the stays per bootstrap cluster of some stages, under the name of each part.

        In a `small` pipeline every deal is a cluster of its own.
        """
        samples = {one: at for at, one in enumerate(dict.fromkeys(part.sample for part in parts))}
        with_all = {part.sample for part in parts if not part.first_only}
        rows = []
        for sample, at in samples.items():
            pipeline, stage, first, end, cap = sample
            first_only, own = int(sample not in with_all), int(pipeline in small)
            span = self._span(pipeline, first, end)
            rows.append((at, pipeline, stage, cap, own, first_only, *span))
        names = ("sample", "pipeline", "stage", "cap", "own", "first_only")
        told = whole_numbers((*names, "first_tick", "end_tick"), tuple(rows))
        frame = self.relations.count(queries.CLUSTERS, {"cluster_parts": told})
        given = pd.DataFrame(
            [(part.part, samples[part.sample], part.first_only) for part in parts],
            columns=["part", "sample", "first_only"],
        )
        counted = given.merge(frame, on="sample")
        return counted[~counted["first_only"] | (counted["visits"] == 1)]

    def read(self, query: str) -> pd.DataFrame:
        """Return the rows of a query that lists deals; they are not kept."""
        tables = tables_for(query, self.terms, self.last_day, self.relations.units)
        return self.relations.count(query, tables)

    def _ticks(self, windows: Sequence[Window]) -> Table:
        """Return windows in units of stay."""
        rows = tuple(
            (
                one.pipeline,
                one.part,
                *self._span(one.pipeline, one.first_day, one.end_day),
                int(one.entered),
            )
            for one in windows
        )
        return whole_numbers(("pipeline", "part", "first_tick", "end_tick", "entered"), rows)

    def _span(self, pipeline: int, first_day: int, end_day: int) -> tuple[int, int]:
        """Return days in units of stay."""
        units = self.relations.units[pipeline]
        return first_day * units, end_day * units
