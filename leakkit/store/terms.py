"""What the queries are told beside the deals: a few facts of each pipeline, as small tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from leakkit.store.relations import Table, tables_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Units = Mapping[int, int]
    """Units of stay in a day, by pipeline."""

WHOLE = "int64"
LONG_AGO = -1_000_000
"""A day before all days."""
Known = TypeVar("Known")


@dataclass(frozen=True)
class Bounds:
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

    bounds: tuple[Bounds, ...] | None = None
    mature: tuple[tuple[int, int], ...] | None = None
    expected: tuple[tuple[int, int, float], ...] | None = None
    calendar: Calendar | None = None


NOTHING_KNOWN = Terms()


def tables_for(query: str, terms: Terms, last_day: int, units: Units) -> dict[str, Table]:
    """Return the tables that a query is told; ValueError where their terms are not known yet.

    `last_day` is the last one that is counted.
    """
    read = tables_of(query)
    return {name: make(terms, last_day, units) for name, make in MAKERS.items() if name in read}


def whole_numbers(names: tuple[str, ...], rows: tuple[tuple[int, ...], ...]) -> Table:
    """Return a table of whole numbers."""
    return Table(tuple((name, WHOLE) for name in names), rows)


def _asked(terms: Terms, last_day: int, units: Units) -> Table:
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
    return Table((*((name, WHOLE) for name in names), ("expected_days", "Float64")), rows)


def _cohorts(terms: Terms, _: int, __: Units) -> Table:
    """Which deals of each pipeline are those of its pipe, and which of them are decided."""
    mature = dict(_known(terms.mature))
    rows = tuple(
        (one.pipeline, one.cohort_from, mature.get(one.pipeline, LONG_AGO))
        for one in _known(terms.bounds)
    )
    return whole_numbers(("pipeline", "cohort_from", "mature_before"), rows)


def _expected(terms: Terms, _: int, __: Units) -> Table:
    """The stay in each stage after which an open deal is late."""
    types = (("pipeline", WHOLE), ("stage", WHOLE), ("expected", "float64"))
    return Table(types, _known(terms.expected))


def _between_stages(terms: Terms, _: int, __: Units) -> Table:
    """Which stages a jump, or an early win, passes over."""
    rows = tuple(
        (one.pipeline, first, skipped, stage)
        for one in _known(terms.bounds)
        for first in range(one.stages)
        for skipped in range(1, one.stages - first)
        for stage in range(first + 1, first + 1 + skipped)
    )
    return whole_numbers(("pipeline", "from_stage", "skipped", "stage"), rows)


def _periods(terms: Terms, last_day: int, _: Units) -> Table:
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


MAKERS: dict[str, Callable[[Terms, int, Units], Table]] = {
    "asked": _asked,
    "cohorts": _cohorts,
    "expected": _expected,
    "between_stages": _between_stages,
    "periods": _periods,
}
"""How each table that a query may be told is made."""
