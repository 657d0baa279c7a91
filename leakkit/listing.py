"""The rows behind a number: one per visit of a deal to a stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from leakkit.analysis.learning import find_windows
from leakkit.analysis.selection import ANY, OPEN_DAYS, Selection, select
from leakkit.analysis.spelling import VISITS, WINDOWS, days_within, deals_of, one_of, spelt
from leakkit.config import fold_name
from leakkit.errors import LeakkitError
from leakkit.frames.cells import majors
from leakkit.guards import require_kind, require_text
from leakkit.store.counts import Counts
from leakkit.store.database import Store, quote
from leakkit.store.schema import ENTRIES, EXITS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from leakkit.analysis.selection import Segment, Values

ROWS = """
SELECT o.opportunity_id, o.name, {owner} AS owner, n.name AS pipeline, p.step,
       s.name AS stage, p.visit, p.entry, make_timestamp(p.entered_at * 1000000) AS entered,
       make_timestamp(p.left_at * 1000000) AS "left", p.entered_at, p.entered_day, p.left_at,
       p.left_day, p.left_tick - p.entered_tick AS stay, p.exit, t.name AS to_stage, p.skipped,
       o.outcome, o.lost_reason, p.value, $currency AS currency
FROM passages p
JOIN opportunities o ON o.opportunity = p.opportunity
JOIN pipelines n ON n.pipeline = p.pipeline
JOIN stages s ON s.pipeline = p.pipeline AND s.stage = p.stage
LEFT JOIN stages t ON t.pipeline = p.pipeline AND t.stage = p.to_stage
{days}
WHERE ($pipeline = '' OR n.name = $pipeline)
    AND ($stage = '' OR s.name IN (SELECT unnest($stages)))
    AND ($exit = -1 OR p.exit = $exit) AND ($opportunity = '' OR o.opportunity_id = $opportunity)
    AND ($visits = 'all' OR p.visit = 1){deals}
ORDER BY p.opportunity, p.step
"""
PIPELINES = "SELECT name FROM pipelines ORDER BY pipeline"
STAGES = """
SELECT DISTINCT s.name
FROM stages s
JOIN pipelines n ON n.pipeline = s.pipeline
WHERE len($pipelines) = 0 OR n.name IN (SELECT unnest($pipelines))
ORDER BY s.name
"""
AT_RISK = """
JOIN listed_days w ON w.pipeline = p.pipeline AND p.entered_tick < w.end_tick
    AND (p.exit = 0 OR p.left_tick >= w.first_tick)
"""
"""The passages that are at risk on some days of a window (docs/method.md, section 2)."""


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
    of = _find_spellings(store, "pipeline", pipeline, PIPELINES)
    # pipelines may spell a stage of one name each in its own way
    named = _find_spellings(store, "stage", stage, STAGES, {"pipelines": of})
    choices: dict[str, Any] = {
        "pipeline": of[0] if of else "",
        "stage": stage,
        "stages": named,
        "opportunity": opportunity,
        "exit": _exit(exit),
        "visits": visits,
    }
    numbers = [
        int(row[0])
        for row in store.rows(
            "SELECT pipeline FROM pipelines WHERE $name = '' OR name = $name ORDER BY pipeline",
            {"name": choices["pipeline"]},
        )
    ]
    wanted = select(segment, value, worth=worth, days=days, window=window)
    chosen, facts = deals_of(spelt(store, numbers, wanted)).select()
    deals = f" AND p.opportunity IN ({chosen})" if wanted.limits_deals else ""
    risk = _at_risk(store, numbers, wanted) if wanted.limits_days else ""
    owner = f"o.{quote(store.owner)}" if store.owner else "''"
    choices |= {"currency": store.config.currency, **(facts if deals else {})}
    frame = store.frame(ROWS.format(days=risk, deals=deals, owner=owner), choices)
    frame["value"] = majors(frame["value"])
    frame["entry"] = frame["entry"].map(dict(enumerate(ENTRIES)))
    frame["exit"] = frame["exit"].map(dict(enumerate(EXITS)))
    return frame


def _at_risk(store: Store, numbers: list[int], wanted: Selection) -> str:
    """Set the days of a selection, per pipeline, and return SQL that keeps what was there then."""
    counts = Counts(store, tuple(numbers))
    rows = []
    for asked in find_windows(counts, store.config):
        windows, per_day = asked.windows, asked.per_day
        if wanted.window == "all" or getattr(windows, wanted.window) is not None:
            first, end = days_within(wanted, asked.rules.name, windows)
            rows.append((asked.number, first * per_day, end * per_day))
    if not rows:
        message = f"There is no {wanted.window} window: the history is too short."
        raise LeakkitError("no_window", message)
    store.put("listed_days", pd.DataFrame(rows, columns=["pipeline", "first_tick", "end_tick"]))
    return AT_RISK


def _find_spellings(
    store: Store, what: str, name: str, query: str, facts: dict[str, list[str]] | None = None
) -> list[str]:
    """Return the declared spellings of a name, none of an empty one; raise where there are none."""
    require_text(what, name)
    names = [str(row[0]) for row in store.rows(query, facts)]
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
