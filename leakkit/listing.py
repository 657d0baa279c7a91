"""The rows behind a number: one per visit of a deal to a stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.analysis.learning import find_windows
from leakkit.analysis.scope import (
    ANY,
    OPEN_DAYS,
    VISITS,
    WINDOWS,
    Selection,
    choose_deals,
    find_days,
    one_of,
    select,
    spell_selection,
)
from leakkit.config import fold_name
from leakkit.errors import LeakkitError
from leakkit.frames.units import majors
from leakkit.guards import require_kind, require_text
from leakkit.store import visits as stored
from leakkit.store.count_requests import Counts
from leakkit.store.database import Store
from leakkit.store.relations import Scope
from leakkit.store.schema import ENTRIES, EXITS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import pandas as pd

    from leakkit.analysis.scope import Segment, Values


def passages(  # noqa: PLR0913 - one filter per column
    store: Store,
    *,
    pipeline: str = "",
    stage: str = "",
    exit: str = "",  # noqa: A002 - the field's word for how a passage ends
    opportunity: str = "",
    segment: Segment = "",
    value: Values = "",
    worth: Sequence[float | None] = ANY,
    days: Sequence[object] = OPEN_DAYS,
    window: str = "all",
    visits: str = "all",
) -> pd.DataFrame:
    """Which visits to stages stand behind a number?

    One row per passage: the deal (opportunity_id, name, owner, outcome, lost_reason, value
    in major units beside its currency), pipeline, step, stage, visit (1 = first), entry and
    exit in words, `entered` and `left` as moments in UTC, the same in seconds (_at) and as
    local days since 1970-01-01 (_day), `stay` in the pipeline's unit (missing while open),
    to_stage, skipped stages.
    `exit` is one of open, next, jumped, won_here, returned, lost, moved. An empty choice
    means all. `segment`, `value` and `worth` choose deals, as in `analyze`; `days` (first,
    last) or a `window` (all, current, baseline) the visits that were under way then, with
    the exits that they have today; `visits` first leaves out those of deals that came back.
    What there is not raises LeakkitError.

    >>> import leakkit
    >>> lost = passages(leakkit.load("sample"), pipeline="Equipment", stage="Proforma", exit="lost")
    >>> set(lost["exit"])
    {'lost'}
    """
    require_kind("passages", store, Store)
    one_of("window", window, WINDOWS)
    one_of("visits", visits, VISITS)
    require_text("opportunity", opportunity)
    of = _find_spellings("pipeline", pipeline, stored.pipeline_names(store))
    # pipelines may spell a stage of one name each in its own way
    named = _find_spellings("stage", stage, stored.read_stage_names(store, of))
    choices: dict[str, Any] = {
        "pipeline": of[0] if of else "",
        "stage": stage,
        "stages": named,
        "opportunity": opportunity,
        "exit": _exit(exit),
        "visits": visits,
    }
    numbers = stored.pipeline_numbers(store, choices["pipeline"])
    wanted = select(segment, value, worth=worth, days=days, window=window)
    deals = choose_deals(spell_selection(store, numbers, wanted))
    at_risk = _find_days(store, numbers, wanted) if wanted.limits_days else None
    choices["currency"] = store.config.currency
    frame = stored.read_passages(store, choices, deals if wanted.limits_deals else None, at_risk)
    frame["value"] = majors(frame["value"])
    frame["entry"] = frame["entry"].map(dict(enumerate(ENTRIES)))
    frame["exit"] = frame["exit"].map(dict(enumerate(EXITS)))
    return frame


def _find_days(store: Store, numbers: list[int], wanted: Selection) -> list[tuple[int, int, int]]:
    """Return the days of a selection by pipeline, in its unit of stay: [first, end)."""
    counts = Counts.of(store, Scope(tuple(numbers)))
    rows = []
    for asked in find_windows(counts, store.config):
        windows, per_day = asked.windows, asked.per_day
        if wanted.window == "all" or getattr(windows, wanted.window) is not None:
            first, end = find_days(wanted, asked.rules.name, windows)
            rows.append((asked.number, first * per_day, end * per_day))
    if not rows:
        message = f"There is no {wanted.window} window: the history is too short."
        raise LeakkitError("no_window", message)
    return rows


def _find_spellings(what: str, name: str, names: list[str]) -> list[str]:
    """Return the declared spellings of a name, none of an empty one; raise where there are none."""
    require_text(what, name)
    spelt = [known for known in names if fold_name(known) == fold_name(name)]
    if name and not spelt:
        message = f"There is no {what} {name!r}. There are: {', '.join(names)}."
        code = f"no_{what}"
        raise LeakkitError(code, message)
    return spelt if name else []


def _exit(name: str) -> int:
    """Return the number of an exit; -1 for all."""
    require_text("exit", name)
    if name and name not in EXITS:
        message = f"There is no exit {name!r}. There are: {', '.join(EXITS)}."
        raise LeakkitError("no_exit", message)
    return EXITS.index(name) if name else -1
