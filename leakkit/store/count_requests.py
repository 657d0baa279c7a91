"""A request -> a frame of counts. What was counted once is not counted again.

Beside the deals, queries read a few facts of each pipeline, as small tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from leakkit.store import deal_queries, queries
from leakkit.store.relations import EVERYTHING, Relations, Scope, SmallTable, small_tables_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    import pandas as pd

    from leakkit.store.database import Store
    from leakkit.store.relations import PartDeals

    Units = Mapping[int, int]
    """Units of stay in a day, by pipeline."""
    Sample = tuple[int, int, int, int, int]
    """Pipeline, stage, days [first, end) and cap of a part."""

WHOLE = "int64"
LONG_AGO = -1_000_000
"""A day before all days."""
Known = TypeVar("Known")


@dataclass(frozen=True)
class CurveStarts:
    """Where the curves and the cohort of one pipeline begin, and what is declared of it.

    `present`: of its deals only the present state is known.
    """

    pipeline: int
    stages: int
    start_day: int
    cohort_from: int
    expected_days: float | None
    present: bool


@dataclass(frozen=True)
class Calendar:
    """The months of the flows, from a day on; all before `since` is the first period."""

    first_day: int
    since: int | None = None


@dataclass(frozen=True)
class Terms:
    """What queries are told; None is not known yet.

    `mature` has by pipeline the day before which deals are old enough to be decided,
    `expected` the expected stay by pipeline and stage.
    """

    bounds: tuple[CurveStarts, ...] | None = None
    mature: tuple[tuple[int, int], ...] | None = None
    expected: tuple[tuple[int, int, float], ...] | None = None
    calendar: Calendar | None = None


NOTHING_KNOWN = Terms()


def tables_for(query: str, terms: Terms, last_day: int, units: Units) -> dict[str, SmallTable]:
    """Return the tables that a query is told; ValueError where their terms are not known yet.

    `last_day` is the last one that is counted.
    """
    read = small_tables_of(query)
    return {name: make(terms, last_day, units) for name, make in MAKERS.items() if name in read}


def whole_numbers(names: tuple[str, ...], rows: tuple[tuple[int, ...], ...]) -> SmallTable:
    """Return a table of whole numbers."""
    return SmallTable(tuple((name, WHOLE) for name in names), rows)


def _spans_of_curves(terms: Terms, last_day: int, units: Units) -> SmallTable:
    """Where the curves of each pipeline begin and end."""
    rows = tuple(
        (
            one.pipeline,
            one.start_day,
            int(one.present),
            last_day,
            one.start_day * units[one.pipeline],
            (last_day + 1) * units[one.pipeline],
            one.expected_days,
        )
        for one in _known(terms.bounds)
    )
    names = ("pipeline", "start_day", "present", "last_day", "start_tick", "end_tick")
    return SmallTable((*((name, WHOLE) for name in names), ("expected_days", "Float64")), rows)


def _cohorts(terms: Terms, _: int, __: Units) -> SmallTable:
    """Which deals of each pipeline are those of its pipe, and which of them are decided."""
    mature = dict(_known(terms.mature))
    rows = tuple(
        (one.pipeline, one.cohort_from, mature.get(one.pipeline, LONG_AGO))
        for one in _known(terms.bounds)
    )
    return whole_numbers(("pipeline", "cohort_from", "mature_before"), rows)


def _expected(terms: Terms, _: int, __: Units) -> SmallTable:
    """The stay in each stage after which an open deal is late."""
    types = (("pipeline", WHOLE), ("stage", WHOLE), ("expected", "float64"))
    return SmallTable(types, _known(terms.expected))


def _between_stages(terms: Terms, _: int, __: Units) -> SmallTable:
    """Which stages a jump, or an early win, passes over."""
    rows = tuple(
        (one.pipeline, first, skipped, stage)
        for one in _known(terms.bounds)
        for first in range(one.stages)
        for skipped in range(1, one.stages - first)
        for stage in range(first + 1, first + 1 + skipped)
    )
    return whole_numbers(("pipeline", "from_stage", "skipped", "stage"), rows)


def _periods(terms: Terms, last_day: int, _: Units) -> SmallTable:
    """Which days make a month."""
    calendar = _known(terms.calendar)
    days = np.arange(calendar.first_day, last_day + 2)
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    if calendar.since is None:
        periods = months - months[0]
    else:
        begun = np.datetime64(calendar.since, "D").astype("datetime64[M]").astype(np.int64)
        periods = np.where(days < calendar.since, 0, months - begun + 1)
    rows = tuple(zip(days.tolist(), periods.tolist(), strict=True))
    return whole_numbers(("day", "period"), rows)


def _known(term: Known | None) -> Known:
    """Return a term; raise where it is not known yet."""
    if term is None:
        message = "A query was asked under terms that are not known yet."
        raise ValueError(message)
    return term


MAKERS: dict[str, Callable[[Terms, int, Units], SmallTable]] = {
    "asked": _spans_of_curves,
    "cohorts": _cohorts,
    "expected": _expected,
    "between_stages": _between_stages,
    "periods": _periods,
}
"""How each table that a query may be told is made."""


# ---------------- requests


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
    def sample(self) -> Sample:
        """What its clusters are of; parts that differ in their visits only are counted once."""
        return self.pipeline, self.stage, self.first_day, self.end_day, self.cap


def samples_of(parts: Iterable[ClusterPart]) -> dict[Sample, int]:
    """Return what the clusters of some parts are of, under the number that it is counted by."""
    return {sample: at for at, sample in enumerate(dict.fromkeys(part.sample for part in parts))}


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
    def parts(self) -> tuple[PartDeals, ...]:
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
        entered = self.relations.count(deal_queries.ENTRANTS, tables)
        return entered, self.relations.count(deal_queries.LARGEST, tables)

    def clusters(self, parts: Sequence[ClusterPart], small: Collection[int]) -> pd.DataFrame:
        """Return the stays per bootstrap cluster of the samples of some parts, by `samples_of`.

        In a `small` pipeline every deal is a cluster of its own. Later visits are counted
        where a part of the sample asks for them.
        """
        with_all = {part.sample for part in parts if not part.first_only}
        rows = []
        for sample, at in samples_of(parts).items():
            pipeline, stage, first, end, cap = sample
            first_only, own = int(sample not in with_all), int(pipeline in small)
            span = self._span(pipeline, first, end)
            rows.append((at, pipeline, stage, cap, own, first_only, *span))
        names = ("sample", "pipeline", "stage", "cap", "own", "first_only")
        facts = whole_numbers((*names, "first_tick", "end_tick"), tuple(rows))
        return self.relations.count(queries.CLUSTERS, {"cluster_parts": facts})

    def read(self, query: str) -> pd.DataFrame:
        """Return the rows of a query that lists deals; they are not kept."""
        tables = tables_for(query, self.terms, self.last_day, self.relations.units)
        return self.relations.count(query, tables)

    def _ticks(self, windows: Sequence[Window]) -> SmallTable:
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
