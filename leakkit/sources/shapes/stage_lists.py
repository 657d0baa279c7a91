"""The order of stages and their ends, where a list of stages or a column of the deals says them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.sources.headings.heading_words import heading_of
from leakkit.sources.shapes.changes import key_and_label, labels_of
from leakkit.sources.shapes.flags import find_flags
from leakkit.sources.shapes.outcomes import cases_of_outcome
from leakkit.store.schema import LISTED_STAGES

if TYPE_CHECKING:
    from leakkit.sources.headings.reading import Reading, Table

PLACES = (
    *("stage order", "stage sequence", "stage sort order", "stage position", "sort order"),
    *("stage number", "display order", "probability", "probability (%)", "closeprobability"),
    *("deal - probability", "deal probability", "win probability", "stage probability"),
    *("hs_deal_stage_probability", "wahrscheinlichkeit", "probabilité", "probabilidad"),
)
"""Headings of deals whose cells follow the order of the stages."""
SURE = 0.9
"""So large a share of the open deals of a stage has the same place."""


def keep_list(reading: Reading, stages: Table | None) -> None:
    """Keep what a list of stages says of their order, and of those that close deals."""
    reading.store.run(
        f"CREATE OR REPLACE TEMP TABLE {LISTED_STAGES} (name VARCHAR, place DOUBLE, ends VARCHAR)"
    )
    if stages is not None:
        _from_list(reading, stages)


def _from_list(reading: Reading, stages: Table) -> None:
    """Take the order and the ends of a list of stages."""
    key, label = key_and_label(stages)
    columns = stages.export.columns if stages.export else {}
    order = heading_of(stages, columns.get("order", ()))
    if not key or not label:
        return
    ends = find_flags(reading, stages).sql(stages, "''")
    if stages.heading("outcome"):
        ends = cases_of_outcome(reading, stages)
    place = f"TRY_CAST({stages.text_under(order)} AS DOUBLE)" if order else "NULL"
    reading.store.run(
        f"""
        INSERT INTO {LISTED_STAGES}
        SELECT l.label, min(s.place), CASE WHEN min(s.ends) = max(s.ends) THEN min(s.ends) ELSE ''
                                      END
        FROM (SELECT {stages.text_under(key)} AS key, {place} AS place, {ends} AS ends
              FROM {stages.relation}) s
        JOIN ({labels_of(stages, key, label)}) l(key, label) ON l.key = s.key
        WHERE l.label <> '' GROUP BY l.label ORDER BY l.label
        """  # noqa: S608 - quoted
    )
    if order and _is_order(reading):
        reading.say(stages.file, "stage_order", "listed", order)


def _is_order(reading: Reading) -> bool:
    """Say whether every stage has a place of its own."""
    every, different = reading.store.rows(
        f"SELECT count(*), count(DISTINCT place) FROM {LISTED_STAGES}"  # noqa: S608 - a name of this program
    )[0]
    return bool(every > 1 and every == different)


def keep_order(reading: Reading, deals: Table) -> None:
    """Keep the order that a column of deals without a history follows.

    It is the probability that a maker gives to each stage, or the number of the stage. Where
    open deals of one stage differ in it, a person wrote it, and it says nothing of the stage.
    """
    heading = heading_of(deals, PLACES)
    if not heading or not deals.heading("stage"):
        return
    outcome = cases_of_outcome(reading, deals) if deals.heading("outcome") else "''"
    number = f"TRY_CAST(rtrim({deals.text_under(heading)}, ' %') AS DOUBLE)"
    reading.store.run(
        f"""
        INSERT INTO {LISTED_STAGES}
        SELECT stage, place, ''
        FROM (SELECT stage, place, count(*) AS n, sum(count(*)) OVER (PARTITION BY stage) AS of_all
              FROM (SELECT {deals.text("stage")} AS stage, {number} AS place, {outcome} AS ends
                    FROM {deals.relation})
              WHERE stage <> '' AND ends NOT IN ('won', 'lost') GROUP BY stage, place)
        WHERE place IS NOT NULL AND n >= {SURE} * of_all ORDER BY stage
        """  # noqa: S608 - quoted
    )
    if _is_order(reading):
        reading.say(deals.file, "stage_order", "listed", heading)
