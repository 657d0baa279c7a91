"""Which part of the data is meant, and how the source itself spells it: deals, days, visits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from leakkit.config import fold_name
from leakkit.errors import LeakkitError
from leakkit.guards import find_spelling, is_left_out, require_text
from leakkit.store.relations import Deals
from leakkit.store.visits import segment_values

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leakkit.analysis.numbers import PipelineNumbers
    from leakkit.measures.horizons import Days, Windows
    from leakkit.store.database import Store

Columns = tuple[tuple[str, tuple[str, ...]], ...]
"""Columns of the deals, each with the values that are meant."""
Worth = tuple[float | None, float | None]
"""From this value on and below that one, in major units; None is no limit."""
Values = str | Sequence[str | Sequence[str]]
"""One value, several, or for each of several columns one or several."""
Segment = str | Sequence[str] | Mapping[str, str | Sequence[str]]
CHOICES = ("worth", "days", "window", "visits", "policy")
"""What can be chosen beside the values of columns."""
WINDOWS = ("all", "current", "baseline")
VISITS = ("first", "all")
POLICIES = ("observed", "reached", "strict")
SHOWN_VALUES = 20
EPOCH = dt.date(1970, 1, 1)
OWNER = "owner"
"""Whoever owns a deal may be asked for by this name, whatever the column is called."""
ANY: Worth = (None, None)
OPEN_DAYS = ("", "")
LARGEST = 1e15
"""Values beyond it cannot be told apart to the cent."""


@dataclass(frozen=True)
class Selection:
    """Which part of the data the numbers are of; every default means all of it.

    The deals of which every one of the `columns` says one of its values (an empty value
    where it says nothing) and whose value is within `worth`; the days, first and last, as
    texts (an empty one is no limit) or as the `window` that warnings compare (all, current,
    baseline); the `visits` of the curves (first, all); the skip `policy` (empty: the
    configured one).
    """

    columns: Columns = ()
    worth: Worth = ANY
    days: tuple[str, str] = OPEN_DAYS
    window: str = "all"
    visits: str = "first"
    policy: str = ""

    @property
    def limits_deals(self) -> bool:
        """Say whether it leaves out deals by what their columns or values say."""
        return bool(self.columns) or self.worth != ANY

    @property
    def limits_days(self) -> bool:
        """Say whether it is of some days only."""
        return self.window != "all" or self.days != OPEN_DAYS

    def keywords(self) -> dict[str, Any]:
        """Return it as the keywords of `analyze`; what is not limited is left out.

        >>> Selection((("region", ("North",)),), window="current").keywords()
        {'segment': 'region', 'value': 'North', 'window': 'current'}
        """
        said: dict[str, Any] = {}
        column, values = self.columns[0] if len(self.columns) == 1 else ("", ())
        if len(values) == 1 and values[0]:
            said = {"segment": column, "value": values[0]}
        elif self.columns:
            said = {"segment": {name: _one_or_list(values) for name, values in self.columns}}
        for name in CHOICES:
            if (chosen := getattr(self, name)) != getattr(EVERYTHING, name):
                said[name] = chosen
        return said


EVERYTHING = Selection()


def select(  # noqa: PLR0913 - a part of the data has as many sides as it has
    segment: Segment = "",
    value: Values = "",
    *,
    worth: Sequence[float | None] = ANY,
    days: Sequence[object] = OPEN_DAYS,
    window: str = "all",
    visits: str = "first",
    policy: str = "",
) -> Selection:
    """Return what was asked for as one value; raise where it cannot be meant.

    >>> select({"owner": ["B", "A"], "region": "North"}).columns
    (('owner', ('B', 'A')), ('region', ('North',)))
    """
    for name, given in (("window", window), ("visits", visits), ("policy", policy)):
        require_text(name, given)
    found = Selection(_columns(segment, value), _worth(worth), _days(days), window, visits, policy)
    if found.window != "all" and found.days != OPEN_DAYS:
        message = f"Give either window={window!r} or days={found.days!r}: both choose days."
        raise LeakkitError("two_ranges", message)
    return found


def _one_or_list(values: tuple[str, ...]) -> str | list[str]:
    """Return one value as it is, and several as a list."""
    return values[0] if len(values) == 1 else list(values)


def _columns(segment: object, value: object) -> Columns:
    """Return the values that are meant, by column."""
    if isinstance(segment, Mapping):
        if value:
            message = f"The values stand in the mapping already: leave value={value!r} out."
            raise LeakkitError("no_segment", message)
        return tuple((_text("segment", name), _texts(said)) for name, said in segment.items())
    if isinstance(segment, str):
        if not segment and value:
            message = (
                f"There is no segment ''. The value {value!r} needs its column: segment='...'."
            )
            raise LeakkitError("no_segment", message)
        if segment and is_left_out(value):
            message = (
                f"segment={segment!r} needs its value: value='...'. For all of them at once: "
                f"analysis.by({segment!r}). For deals without one: segment={{{segment!r}: ''}}."
            )
            raise LeakkitError("no_value", message)
        return ((segment, _texts(value)),) if segment else ()
    return _pairs(segment, value)


def _pairs(segment: object, value: object) -> Columns:
    """Return a list of columns with a list of as many values."""
    names = list(segment) if isinstance(segment, Sequence) else [segment]
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    if len(names) != len(values):
        message = (
            f"{len(names)} columns need as many values, not {len(values)}. "
            'Write them together: segment={"region": ["North", "South"], "owner": "A"}.'
        )
        raise LeakkitError("one_value", message)
    pairs = zip(names, values, strict=True)
    return tuple((_text("segment", name), _texts(said)) for name, said in pairs)


def _texts(given: object) -> tuple[str, ...]:
    """Return one value or a list of them as texts; each once, in their order."""
    values = [given] if isinstance(given, str) or not isinstance(given, Sequence) else given
    if not values:
        message = "An empty list of values leaves no deal. Leave the column out to have all."
        raise LeakkitError("no_value", message)
    return tuple(dict.fromkeys(_text("value", each) for each in values))


def _text(what: str, given: object) -> str:
    """Return a text; raise for anything else."""
    if not isinstance(given, str):
        message = f"{what} is a text or a list of texts, not {given!r}."
        code = f"one_{what}"
        raise LeakkitError(code, message)
    return given


def _worth(given: object) -> Worth:
    """Return the limits of a value; raise where they leave nothing, or are no numbers."""
    pair = tuple(given) if isinstance(given, (list, tuple)) else ()
    known = [x for x in pair if x is not None]
    plain = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in known)
    if plain and len(known) == 2 and known[0] >= known[1]:  # noqa: PLR2004 - a pair
        message = f"No value is {known[0]:,} or more and below {known[1]:,}."
        raise LeakkitError("no_worth", message)
    if (
        len(pair) != 2  # noqa: PLR2004 - a pair
        or not plain
        or not all(abs(x) < LARGEST for x in known)
        or sorted(set(known)) != known
    ):
        message = (
            f"worth is a pair, from and below, not {given!r}. "
            "Write for example: worth=(10_000, 50_000), worth=(10_000, None)."
        )
        raise LeakkitError("no_worth", message)
    return (pair[0], pair[1])


def _days(given: object) -> tuple[str, str]:
    """Return first and last day as texts; raise where they are none, or in the wrong order."""
    said = tuple(map(_day, given)) if isinstance(given, (list, tuple)) else ()
    if len(said) == 2 and all(said) and str(said[0]) > str(said[1]):  # noqa: PLR2004 - a pair
        message = f"The first day, {said[0]}, is after the last, {said[1]}."
        raise LeakkitError("no_days", message)
    if len(said) != 2 or None in said:  # noqa: PLR2004 - a pair
        message = (
            f"days is a pair, the first day and the last, not {given!r}. "
            'Write for example: days=("2026-01-01", "2026-03-31"), days=("2026-01-01", "").'
        )
        raise LeakkitError("no_days", message)
    return (str(said[0]), str(said[1]))


def _day(given: object) -> str | None:
    """Return a day as text, an empty one for no limit; None where it is no day."""
    if given is None or given == "":
        return ""
    if isinstance(given, dt.date):
        return given.strftime("%Y-%m-%d")
    try:
        return dt.date.fromisoformat(str(given)).isoformat()
    except ValueError:
        return None


# ---------------------------------------------------------------- as the source spells it


def one_of(what: str, given: str, known: tuple[str, ...]) -> None:
    """Raise where a choice is none of those that there are."""
    require_text(what, given)
    if given not in known:
        there = ", ".join(choice for choice in known if choice)
        message = f"There is no {what} {given!r}. There are: {there}."
        code = f"no_{what}"
        raise LeakkitError(code, message)


def spell_selection(store: Store, pipelines: Iterable[int], selection: Selection) -> Selection:
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
        column = find_column(store, name)
        found.setdefault(column, set()).update(_known_values(store, numbers, column, values))
    order = list(store.columns)
    columns = tuple((name, tuple(sorted(found[name]))) for name in sorted(found, key=order.index))
    return replace(selection, columns=columns)


def choose_deals(selection: Selection, created: Days | None = None) -> Deals:
    """Return the deals of a selection as the store is asked for them; values in minor units."""
    least, below = (None if limit is None else round(limit * 100) for limit in selection.worth)
    return Deals(selection.columns, (least, below), created)


def choose_days(selection: Selection, whole: PipelineNumbers) -> Days | None:
    """Return the days [first, end) of a selection in a pipeline; None for the whole history.

    Raises LeakkitError where the pipeline has no such days.
    """
    if not selection.limits_days:
        return None
    if whole.present is not None:
        message = f"{whole.name} has no history, so no days can be chosen: leave them out."
        raise LeakkitError("no_history", message)
    return find_days(selection, whole.name, whole.windows)


def find_days(selection: Selection, name: str, windows: Windows) -> Days:
    """Return the days of a selection that limits days, within those of the curves."""
    if selection.window != "all":
        found: Days | None = getattr(windows, selection.window)
        if found is None:
            there = [w for w in WINDOWS if w == "all" or getattr(windows, w) is not None]
            message = f"{name} has no {selection.window} window. There are: {', '.join(there)}."
            raise LeakkitError("no_window", message)
        return found
    first, last = selection.days
    begin = max(number_of_day(first), windows.start_day) if first else windows.start_day
    end = min(number_of_day(last) + 1, windows.end_day) if last else windows.end_day
    if begin >= end:
        message = (
            f"{name} has no day from {first or 'its beginning'} to {last or 'its end'}. Its days "
            f"are {text_of_day(windows.start_day)} to {text_of_day(windows.end_day - 1)}."
        )
        raise LeakkitError("no_days", message)
    return begin, end


def number_of_day(day: str) -> int:
    """Return the local day number of a day."""
    return (dt.date.fromisoformat(day) - EPOCH).days


def text_of_day(number: int) -> str:
    """Return a local day number as a day."""
    return (EPOCH + dt.timedelta(days=number)).isoformat()


def find_column(store: Store, name: str) -> str:
    """Return a column of the deals in the store's spelling; raise where there is none."""
    columns = list(store.columns)
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
