"""A configuration for a source that has none: pipelines as found, stages in the order deals took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.config import Pipeline, Stage, folded
from leakkit.errors import LeakkitError
from leakkit.store.resolve import LOST_WORDS, WON_WORDS

if TYPE_CHECKING:
    from leakkit.store.database import Store

FIRST_VISITS = """
WITH firsts AS (
    SELECT CASE WHEN pipeline = '' THEN $label ELSE pipeline END AS pipeline,
           opportunity_id, stage, min(entered_at) AS first_at, min(line) AS first_line
    FROM given_history
    WHERE stage <> '' AND entered_at IS NOT NULL
      AND lower(trim(stage)) NOT IN (SELECT unnest($closes))
    GROUP BY ALL
)
SELECT pipeline, stage, sum(place) AS places, count(*) AS deals
FROM (SELECT *, row_number() OVER (PARTITION BY pipeline, opportunity_id
                                   ORDER BY first_at, first_line) AS place FROM firsts)
GROUP BY pipeline, stage
ORDER BY pipeline, stage
"""


def propose(store: Store, label: str) -> tuple[Pipeline, ...]:
    """Propose the pipelines of a source: stages by the mean rank of their first visits.

    Closing rows are recognised by common words (won, lost, cancelled, ...). It is a
    proposal: every page that rests on it says so.
    """
    closes = [folded(word) for word in (*WON_WORDS, *LOST_WORDS)]
    rows = store.rows(FIRST_VISITS, {"label": label, "closes": closes})
    ranked: dict[str, list[tuple[float, str]]] = {}
    for pipeline, stage, places, deals in rows:
        ranked.setdefault(pipeline, []).append((places / deals, stage))
    if not ranked:
        message = "The history has no stages: every row is empty or a close."
        raise LeakkitError("no_stages", message)
    return tuple(
        Pipeline(name=name, stages=_distinct(stages)) for name, stages in sorted(ranked.items())
    )


def _distinct(ranked: list[tuple[float, str]]) -> tuple[Stage, ...]:
    """Return the stages in order; spellings that differ in case only are one stage."""
    seen: dict[str, Stage] = {}
    for _, name in sorted(ranked):
        seen.setdefault(folded(name), Stage(name=name))
    return tuple(seen.values())
