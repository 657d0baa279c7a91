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


STANDING = """
SELECT COALESCE(nullif(pipeline, ''), $label) AS pipeline, stage,
       -COALESCE(avg(created_at), 0) AS rank
FROM given_opportunities
WHERE stage <> '' AND stage NOT IN (SELECT unnest($closes))
GROUP BY ALL
ORDER BY pipeline, rank, stage
"""
"""Where deals stand: deals of later stages were created earlier, on the whole."""
AFTER_ALL = 1_000_000


def propose(store: Store, label: str, *, snapshot: bool = False) -> tuple[Pipeline, ...]:
    """Propose the pipelines of a source: stages by the mean rank of their first visits.

    Of a snapshot, stages without a visit follow by the mean age of the deals that stand
    there. Closing rows are recognised by common words (won, lost, cancelled, ...). It is a
    proposal: every page that rests on it says so.
    """
    words = {folded(word) for word in (*WON_WORDS, *LOST_WORDS)}
    tables = ("given_history", "given_opportunities") if snapshot else ("given_history",)
    closes = [said for said in texts(store, "stage", *tables) if folded(said) in words]
    ranked: dict[str, list[tuple[float, str]]] = {}
    names: dict[str, str] = {}
    for pipeline, stage, places, deals in store.rows(
        FIRST_VISITS, {"label": label, "closes": closes}
    ):
        name = names.setdefault(folded(pipeline), pipeline)
        ranked.setdefault(name, []).append((places / deals, stage))
    given = {"label": label, "closes": closes}
    for rank, (pipeline, stage, _) in enumerate(store.rows(STANDING, given) if snapshot else ()):
        name = names.setdefault(folded(pipeline), pipeline)
        ranked.setdefault(name, []).append((AFTER_ALL + rank, stage))
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
