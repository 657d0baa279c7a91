"""The visits and deals behind a number, read row by row, and the values that columns have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from leakkit.store.database import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leakkit.store.database import Store
    from leakkit.store.relations import Deals

    Ticks = tuple[int, int, int]
    """A pipeline, and the first and the last but one tick of some days."""

PASSAGES = """
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
AT_RISK = """
JOIN listed_days w ON w.pipeline = p.pipeline AND p.entered_tick < w.end_tick
    AND (p.exit = 0 OR p.left_tick >= w.first_tick)
"""
"""The passages that are at risk on some days of a window (docs/method.md, section 2)."""

PIPELINES = "SELECT name FROM pipelines ORDER BY pipeline"
NUMBERS = "SELECT pipeline FROM pipelines WHERE $name = '' OR name = $name ORDER BY pipeline"
STAGES = """
SELECT DISTINCT s.name
FROM stages s
JOIN pipelines n ON n.pipeline = s.pipeline
WHERE len($pipelines) = 0 OR n.name IN (SELECT unnest($pipelines))
ORDER BY s.name
"""

FIRST_VISITS = """
SELECT p.stage, p.opportunity, p.visit, p.exit, p.entered_tick,
       COALESCE(CAST(p.left_tick AS BIGINT), $far) AS left_tick
FROM passages p
WHERE p.pipeline = $pipeline AND p.visit = 1
ORDER BY p.stage, p.opportunity, p.step
"""

VALUES = """
SELECT COALESCE(o.{segment}, '') AS said, count(*) AS n
FROM opportunities o
WHERE o.opportunity IN (
    SELECT opportunity FROM passages WHERE pipeline IN (SELECT unnest($pipelines))
    UNION SELECT opportunity FROM opportunities WHERE pipeline IN (SELECT unnest($pipelines)))
GROUP BY said
ORDER BY said
"""

WORTHS = """
SELECT o.value
FROM opportunities o
WHERE o.value IS NOT NULL AND o.pipeline IN (SELECT unnest($pipelines))
ORDER BY o.value
"""

REASONS_ELSEWHERE = """
SELECT p.left_day, o.lost_reason, CASE WHEN {rival} <> '' THEN 1 ELSE 0 END AS named,
       count(*) AS n
FROM passages p
JOIN opportunities o ON o.opportunity = p.opportunity
WHERE p.pipeline = $pipeline AND p.stage <> $stage AND p.exit = $lost AND o.lost_reason <> ''
GROUP BY p.left_day, o.lost_reason, CASE WHEN {rival} <> '' THEN 1 ELSE 0 END
ORDER BY p.left_day, o.lost_reason, named
"""

IDS = """
SELECT opportunity, opportunity_id FROM opportunities
WHERE opportunity IN (SELECT unnest($numbers)) ORDER BY opportunity
"""


def read_passages(
    store: Store,
    choices: dict[str, Any],
    deals: Deals | None = None,
    days: Sequence[Ticks] | None = None,
) -> pd.DataFrame:
    """Return a row per passage, with whose deal it is; `entry` and `exit` are numbers.

    `choices` are the facts of `PASSAGES`. Where `deals` are given, of these only; where
    `days` are, those that are at risk on some days of their pipeline.
    """
    chosen, facts = deals.select() if deals else ("", {})
    if days is not None:
        columns = ["pipeline", "first_tick", "end_tick"]
        store.put("listed_days", pd.DataFrame(days, columns=columns))
    sql = PASSAGES.format(
        owner=owner_sql(store),
        days="" if days is None else AT_RISK,
        deals=f" AND p.opportunity IN ({chosen})" if chosen else "",
    )
    return store.frame(sql, choices | facts)


def owner_sql(store: Store) -> str:
    """Return SQL for the owner of a deal of `opportunities o`; '' where the source names none."""
    return f"o.{quote(store.owner)}" if store.owner else "''"


def pipeline_numbers(store: Store, name: str) -> list[int]:
    """Return the number of a pipeline in its own spelling, or of all where the name is empty."""
    return [int(number) for (number,) in store.rows(NUMBERS, {"name": name})]


def pipeline_names(store: Store) -> list[str]:
    """Return the names of the pipelines, in their order."""
    return [str(name) for (name,) in store.rows(PIPELINES)]


def read_stage_names(store: Store, pipelines: Sequence[str]) -> list[str]:
    """Return the names of the stages of some pipelines, of all where none is named."""
    return [str(name) for (name,) in store.rows(STAGES, {"pipelines": list(pipelines)})]


def read_first_visits(store: Store, pipeline: int, far: int) -> pd.DataFrame:
    """Return the first visits to every stage of a pipeline; open ones are left at `far`."""
    return store.frame(FIRST_VISITS, {"pipeline": pipeline, "far": far})


def read_deals(store: Store, deals: Deals) -> pd.DataFrame:
    """Return the numbers of some deals."""
    sql, facts = deals.select()
    return store.frame(f"{sql} ORDER BY opportunity", facts)


def read_owners(store: Store) -> pd.DataFrame:
    """Return the owner of every deal by its number; '' where nobody is named."""
    sql = f"SELECT o.opportunity, COALESCE({owner_sql(store)}, '') AS owner FROM opportunities o"  # noqa: S608 - quoted
    return store.frame(f"{sql} ORDER BY o.opportunity")


def segment_values(store: Store, pipelines: Iterable[int], segment: str) -> list[tuple[str, int]]:
    """Return the values of a segment among the deals of some pipelines, with their numbers."""
    sql = VALUES.format(segment=quote(segment))
    return [(str(said), int(n)) for said, n in store.rows(sql, {"pipelines": list(pipelines)})]


def read_worths(store: Store, pipelines: Iterable[int]) -> list[int]:
    """Return the known values of the deals of some pipelines, the smallest first."""
    return [int(value) for (value,) in store.rows(WORTHS, {"pipelines": list(pipelines)})]


def reasons_elsewhere(
    store: Store, pipeline: int, stage: int, lost: int, rival: str
) -> list[tuple[int, str, int, int]]:
    """Return what the other stages of a pipeline lost: (day, reason, names a rival, deals).

    `rival` is the column of competitors, '' where there is none.
    """
    column = f"o.{quote(rival)}" if rival else "''"
    facts = {"pipeline": pipeline, "stage": stage, "lost": lost}
    return [
        (int(day), str(said), int(named), int(n))
        for day, said, named, n in store.rows(REASONS_ELSEWHERE.format(rival=column), facts)
    ]


def opportunity_ids(store: Store, numbers: Sequence[int]) -> dict[int, str]:
    """Return the ids that the source gave some deals, by their numbers."""
    rows = store.rows(IDS, {"numbers": list(numbers)})
    return {int(number): str(said) for number, said in rows}
