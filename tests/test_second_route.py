"""Two routes to the same deals: the SQL of the engine and the loops of tests/reference.py."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

from leakkit.sources import load
from leakkit.store import schema
from tests.generated import Source, raw_source, sources, write_source
from tests.reference import Deal, Passage, Resolved, resolve

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from leakkit.store.database import Store

SEEDS = range(200)
NAMES_OF_FACTS = {
    "negative_value": "value_negative",
    "without_opportunity": "history_without_opportunity",
}
"""Facts that the engine calls otherwise than the reference."""
ENGINE_ONLY = {
    "deals_set_aside",
    "from_stage_used",
    "outcome_unknown",
    "date_unreadable",
    "value_missing",
    "value_unreadable",
    "value_without_rate",
    "value_zero",
}
"""Facts that the reference does not count."""

PASSAGES = """
SELECT o.opportunity_id, n.name AS pipeline,
       row_number() OVER (PARTITION BY p.opportunity ORDER BY p.step) AS step,
       p.stage, p.visit, p.entry, p.entered_at, p.entered_day, p.entered_tick,
       p.left_at, p.left_day, p.left_tick, p.exit, p.to_stage, p.skipped
FROM passages p
JOIN opportunities o ON o.opportunity = p.opportunity
JOIN pipelines n ON n.pipeline = p.pipeline
ORDER BY p.opportunity, p.step
"""
DEALS = """
SELECT o.opportunity_id, n.name AS pipeline, o.outcome, o.created_at, o.created_day,
       o.closed_at, o.value, o.current_stage, o.has_history
FROM opportunities o LEFT JOIN pipelines n ON n.pipeline = o.pipeline
ORDER BY o.opportunity
"""


def engine_passages(store: Store) -> list[Passage]:
    """Return the passages of the store in the reference's words."""
    columns = [row[0] for row in store.rows(f"DESCRIBE {PASSAGES}")]
    found = []
    for row in store.rows(PASSAGES):
        values: dict[str, Any] = dict(zip(columns, row, strict=True))
        values["entry"] = schema.ENTRIES[values["entry"]]
        values["exit"] = schema.EXITS[values["exit"]]
        found.append(Passage(**values))
    return found


def engine_deals(store: Store) -> list[Deal]:
    """Return the deals of the store in the reference's words."""
    return [Deal(*row) for row in store.rows(DEALS)]


def stated_stage_only(deals: Iterable[Deal]) -> list[Deal]:
    """Leave out where an open deal stands: the engine keeps what was stated, without history."""
    return [
        Deal(**{**vars(deal), "current_stage": None if deal.has_history else deal.current_stage})
        for deal in deals
    ]


def differences(store: Store, found: Resolved) -> list[str]:
    """Say in what the two routes differ."""
    pairs: list[tuple[str, Iterable[Any], Iterable[Any]]] = [
        ("passages", engine_passages(store), found.passages),
        ("deals", engine_deals(store), stated_stage_only(found.deals)),
        ("rows", engine_rows(store), reference_rows(found)),
        ("facts", engine_facts(store), reference_facts(found)),
    ]
    return [
        f"{what}: {sign} {part}"
        for what, engine, reference in pairs
        for sign, part in (
            *(("engine", one) for one in set(engine) - set(reference)),
            *(("reference", one) for one in set(reference) - set(engine)),
        )
    ]


def engine_rows(store: Store) -> set[tuple[Any, ...]]:
    """Return what became of the rows of each file."""
    return {
        (count["file"].partition(".")[0], *(count[name] for name in ROW_FATES))
        for count in store.meta("rows")
    }


ROW_FATES = ("read", "used", "merged", "not_asked", "set_aside")


def reference_rows(found: Resolved) -> set[tuple[Any, ...]]:
    """Return the same of the reference; a file that is not there has no rows."""
    return {
        (file, *(getattr(count, name) for name in ROW_FATES))
        for file, count in found.rows.items()
        if count.read
    }


def engine_facts(store: Store) -> set[tuple[str, int]]:
    """Return the facts that both routes count."""
    return {(code, n) for code, n in store.meta("facts").items() if code not in ENGINE_ONLY}


def reference_facts(found: Resolved) -> set[tuple[str, int]]:
    """Return the reference's facts by the engine's names."""
    return {(NAMES_OF_FACTS.get(code, code), n) for code, n in found.facts.items() if n}


def compare(source: Source, folder: Path) -> list[str]:
    """Write the source, take both routes, and say where they part."""
    write_source(source, folder)
    with load(folder) as store:
        return differences(store, resolve(*source))
