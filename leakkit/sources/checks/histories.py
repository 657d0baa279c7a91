"""Histories that break off, begin again, or end elsewhere than the deals stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.config import folded
from leakkit.sources.checks.doubt import Doubt, deals, ids, ids_of
from leakkit.store.moments import DAY

if TYPE_CHECKING:
    from leakkit.sources.headings.columns import Table
    from leakkit.store.database import Store

BREAKS = """
SELECT opportunity FROM ordered
WHERE before_code >= 0 AND from_code IS NOT NULL AND from_code <> before_code
"""
AGAIN = """
SELECT opportunity_id FROM given_history
WHERE opportunity_id <> '' AND stage NOT IN ('', '(won)', '(lost)')
  AND (SELECT count(*) FROM given_history WHERE from_stage <> '') > 0
GROUP BY opportunity_id HAVING count(*) FILTER (from_stage = '') > 1
"""
AHEAD = "SELECT opportunity FROM new_closes WHERE code >= 0"
OLDER = f"""
SELECT o.opportunity_id
FROM opportunities o
WHERE o.given AND NOT o.has_history
  AND GREATEST(o.created_at, COALESCE(o.closed_at, o.created_at))
      > (SELECT max(entered_at) + {DAY} FROM given_history)
"""  # noqa: S608 - numbers


def breaks_in_history(store: Store) -> Doubt:
    """Ask of which deals a row came from another stage than that of the row before."""
    found = ids_of(store, BREAKS)
    lines = (
        "aliases = [...]   # of a stage: the name that it had before",
        "seq = '...'   # in [source]",
    )
    says = "have a move from another stage than the one of the row before"
    return Doubt("breaks_in_history", says, found, deals(store), lines)


def several_beginnings(store: Store, history: Table) -> Doubt:
    """Ask which ids begin more than once: several deals of one name are no deal."""
    by_name = "name" in folded(history.heading("opportunity_id") or "")
    found = ids(store, AGAIN)
    lines = (
        "opportunity_id = '...'   # in [source]: the column with a key; export it with the rows",
    )
    says = "begin more than once, so their ids may be names"
    return Doubt("several_beginnings", says, found, deals(store), lines, grave=by_name)


def history_older_than_deals(store: Store) -> Doubt:
    """Ask which deals are from after the last row of the history, and are not in it."""
    found = ids(store, OLDER)
    lines = ("export both files on the same day",)
    says = "were created or closed after the last row of the history and are not in it"
    return Doubt("history_older_than_deals", says, found, deals(store), lines)


def present_stage_ahead(store: Store) -> Doubt:
    """Ask which open deals stand in another stage than the last of their history."""
    lines = ("present_stage = 'history'   # in [source]: deals stand where their history ends",)
    says = "stand in another stage than the last of their history"
    return Doubt("present_stage_ahead", says, ids_of(store, AHEAD), deals(store), lines)
