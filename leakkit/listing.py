"""The rows behind a number: one per visit of a deal to a stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.config import folded
from leakkit.errors import LeakkitError
from leakkit.store.schema import ENTRIES, EXITS

if TYPE_CHECKING:
    import pandas as pd

    from leakkit.store import Store

ROWS = """
SELECT o.opportunity_id, n.name AS pipeline, p.step, s.name AS stage, p.visit, p.entry,
       p.entered_at, p.entered_day, p.left_at, p.left_day, p.left_tick - p.entered_tick AS stay,
       p.exit, t.name AS to_stage, p.skipped, p.value
FROM passages p
JOIN opportunities o ON o.opportunity = p.opportunity
JOIN pipelines n ON n.pipeline = p.pipeline
JOIN stages s ON s.pipeline = p.pipeline AND s.stage = p.stage
LEFT JOIN stages t ON t.pipeline = p.pipeline AND t.stage = p.to_stage
WHERE ($pipeline = '' OR n.name = $pipeline) AND ($stage = '' OR s.name = $stage)
    AND ($exit = -1 OR p.exit = $exit) AND ($opportunity = '' OR o.opportunity_id = $opportunity)
ORDER BY p.opportunity, p.step
"""


def passages(
    store: Store,
    *,
    pipeline: str = "",
    stage: str = "",
    exit: str = "",  # noqa: A002 - the field's word for how a passage ends
    opportunity: str = "",
) -> pd.DataFrame:
    """Which visits to stages stand behind a number?

    One row per passage: opportunity_id, pipeline, step, stage, visit (1 = first), entry
    and exit in words, moments in UTC seconds, local days since 1970-01-01, `stay` in the
    pipeline's unit (missing while open), to_stage, skipped stages, value in minor units.
    `exit` is one of open, next, jumped, won_here, returned, lost, moved. An empty choice
    means all; an unknown pipeline, stage or exit raises LeakkitError.

    >>> import leakkit
    >>> lost = passages(leakkit.load("sample"), pipeline="Equipment", stage="Proforma", exit="lost")
    >>> set(lost["exit"])
    {'lost'}
    """
    choices = {
        "pipeline": _known(
            store, "pipeline", pipeline, "SELECT name FROM pipelines ORDER BY pipeline"
        ),
        "stage": _known(store, "stage", stage, "SELECT DISTINCT name FROM stages ORDER BY name"),
        "opportunity": opportunity,
        "exit": _exit(exit),
    }
    frame = store.frame(ROWS, choices)
    frame["entry"] = frame["entry"].map(dict(enumerate(ENTRIES)))
    frame["exit"] = frame["exit"].map(dict(enumerate(EXITS)))
    return frame


def _known(store: Store, what: str, name: str, query: str) -> str:
    """Return the declared spelling of a name; raise where there is none."""
    names = {folded(str(row[0])): str(row[0]) for row in store.rows(query)}
    if name and folded(name) not in names:
        message = f"There is no {what} {name!r}. There are: {', '.join(names.values())}."
        code = f"no_{what}"
        raise LeakkitError(code, message)
    return names[folded(name)] if name else ""


def _exit(name: str) -> int:
    """Return the number of an exit; -1 for all."""
    if name and name not in EXITS:
        message = f"There is no exit {name!r}. There are: {', '.join(EXITS)}."
        raise LeakkitError("no_exit", message)
    return EXITS.index(name) if name else -1
