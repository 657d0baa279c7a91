"""What is asked of a source, in the source's own spelling: columns, values, days."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit.config import fold_name
from leakkit.errors import LeakkitError
from leakkit.guards import find_spelling, require_text
from leakkit.store.counts import Deals
from leakkit.store.visits import segment_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leakkit.analysis.results import PipelineAnalysis
    from leakkit.analysis.selection import Selection
    from leakkit.measures.horizons import Days, Windows
    from leakkit.store.database import Store

WINDOWS = ("all", "current", "baseline")
VISITS = ("first", "all")
POLICIES = ("observed", "reached", "strict")
SHOWN_VALUES = 20
EPOCH = dt.date(1970, 1, 1)
OWNER = "owner"
"""Whoever owns a deal may be asked for by this name, whatever the column is called."""


def one_of(what: str, given: str, known: tuple[str, ...]) -> None:
    """Raise where a choice is none of those that there are."""
    require_text(what, given)
    if given not in known:
        there = ", ".join(choice for choice in known if choice)
        message = f"There is no {what} {given!r}. There are: {there}."
        code = f"no_{what}"
        raise LeakkitError(code, message)


def spelt(store: Store, pipelines: Iterable[int], selection: Selection) -> Selection:
    """Return a selection with columns and values as the store has them, in its order.

    Raises LeakkitError for a column or a value that is not there, and for a choice that is
    none.
    """
    one_of("window", selection.window, WINDOWS)
    one_of("visits", selection.visits, VISITS)
    one_of("policy", selection.policy, ("", *POLICIES))
    found: dict[str, set[str]] = {}
    numbers = list(pipelines)
    for name, values in selection.columns:
        column = known_column(store, name)
        found.setdefault(column, set()).update(_known_values(store, numbers, column, values))
    order = list(store.meta("segments"))
    columns = tuple((name, tuple(sorted(found[name]))) for name in sorted(found, key=order.index))
    return replace(selection, columns=columns)


def deals_of(selection: Selection, created: Days | None = None) -> Deals:
    """Return the deals of a selection as the store is asked for them; values in minor units."""
    least, below = (None if limit is None else round(limit * 100) for limit in selection.worth)
    return Deals(selection.columns, (least, below), created)


def days_of(selection: Selection, whole: PipelineAnalysis) -> Days | None:
    """Return the days [first, end) of a selection in a pipeline; None for the whole history.

    Raises LeakkitError where the pipeline has no such days.
    """
    if not selection.limits_days:
        return None
    if whole.present is not None:
        message = f"{whole.name} has no history, so no days can be chosen: leave them out."
        raise LeakkitError("no_history", message)
    return days_within(selection, whole.name, whole.windows)


def days_within(selection: Selection, name: str, windows: Windows) -> Days:
    """Return the days of a selection that limits days, within those of the curves."""
    if selection.window != "all":
        found: Days | None = getattr(windows, selection.window)
        if found is None:
            there = [w for w in WINDOWS if w == "all" or getattr(windows, w) is not None]
            message = f"{name} has no {selection.window} window. There are: {', '.join(there)}."
            raise LeakkitError("no_window", message)
        return found
    first, last = selection.days
    begin = max(_number(first), windows.start_day) if first else windows.start_day
    end = min(_number(last) + 1, windows.end_day) if last else windows.end_day
    if begin >= end:
        message = (
            f"{name} has no day from {first or 'its beginning'} to {last or 'its end'}. Its days "
            f"are {_text(windows.start_day)} to {_text(windows.end_day - 1)}."
        )
        raise LeakkitError("no_days", message)
    return begin, end


def _number(day: str) -> int:
    """Return the local day number of a day."""
    return (dt.date.fromisoformat(day) - EPOCH).days


def _text(number: int) -> str:
    """Return a local day number as a day."""
    return (EPOCH + dt.timedelta(days=number)).isoformat()


def known_column(store: Store, name: str) -> str:
    """Return a column of the deals in the store's spelling; raise where there is none."""
    columns = list(store.meta("segments"))
    require_text("segment", name)
    if fold_name(name) == OWNER and store.owner in columns and _spelling(name, columns) is None:
        return store.owner
    return find_spelling("segment", name, columns)


def _known_values(
    store: Store, pipelines: Sequence[int], column: str, wanted: Sequence[str]
) -> list[str]:
    """Return values in the store's spelling; raise where no deal has one of them."""
    values = [said for said, _ in segment_values(store, pipelines, column)]
    found = []
    for value in wanted:
        if (known := _spelling(value, values)) is None:
            more = f", and {len(values) - SHOWN_VALUES} more" if len(values) > SHOWN_VALUES else ""
            there = ", ".join(map(repr, values[:SHOWN_VALUES])) + more
            message = f"No deal has the value {value!r} in {column}. There are: {there}."
            raise LeakkitError("no_value", message)
        found.append(known)
    return found


def _spelling(given: str, known: list[str]) -> str | None:
    """Return how a name is spelt, which may be given without regard to case and outer space."""
    if given in known:
        return given
    return next((name for name in known if fold_name(name) == fold_name(given)), None)
