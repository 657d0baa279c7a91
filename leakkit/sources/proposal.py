"""A proposal for a source without configuration: pipelines as found, stages as deals took them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.config import Pipeline, Stage, folded
from leakkit.errors import LeakkitError
from leakkit.store.resolve import LOST_WORDS, WON_WORDS, texts

if TYPE_CHECKING:
    from leakkit.store.database import Store

FIRST_VISITS = """
WITH firsts AS (
    SELECT COALESCE(nullif(h.pipeline, ''), nullif(o.pipeline, ''), $label) AS pipeline,
           h.opportunity_id, h.stage, min(h.entered_at) AS first_at, min(h.line) AS first_line
    FROM given_history h
    LEFT JOIN (SELECT opportunity_id, min(pipeline) AS pipeline FROM given_opportunities
               GROUP BY opportunity_id) o ON o.opportunity_id = h.opportunity_id
    WHERE h.stage <> '' AND h.entered_at IS NOT NULL AND h.stage NOT IN (SELECT unnest($closes))
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
    words = {folded(word) for word in (*WON_WORDS, *LOST_WORDS)}
    closes = [said for said in texts(store, "stage", "given_history") if folded(said) in words]
    ranked: dict[str, list[tuple[float, str]]] = {}
    names: dict[str, str] = {}
    for pipeline, stage, places, deals in store.rows(
        FIRST_VISITS, {"label": label, "closes": closes}
    ):
        name = names.setdefault(folded(pipeline), pipeline)
        ranked.setdefault(name, []).append((places / deals, stage))
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
