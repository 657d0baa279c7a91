"""Ids of Salesforce: 15 letters in which case counts, or 18 that need no case."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leakkit.sources.headings.reading import Reading
    from leakkit.store.database import Store

SHORT, LONG = 15, 18
PAIRS = f"""
CREATE OR REPLACE TEMP TABLE id_pairs AS
SELECT h.id AS said, min(o.id) AS id
FROM (SELECT DISTINCT opportunity_id AS id FROM read_history
      WHERE length(opportunity_id) IN ({SHORT}, {LONG})) h
JOIN (SELECT DISTINCT opportunity_id AS id FROM read_opportunities
      WHERE length(opportunity_id) IN ({SHORT}, {LONG})) o
  ON left(o.id, {SHORT}) = left(h.id, {SHORT}) AND length(o.id) <> length(h.id)
GROUP BY h.id HAVING count(*) = 1
"""  # noqa: S608 - numbers


def match_long_ids(reading: Reading) -> None:
    """Give history rows the id that the deals have, where one of both is cut to 15 letters."""
    store = reading.store
    store.run(PAIRS)
    rows = int(
        store.value(
            "SELECT count(*) FROM read_history h JOIN id_pairs p ON p.said = h.opportunity_id"
        )
    )
    if not rows:
        return
    reading.count("ids_of_15_letters", rows)
    replace_history(
        store,
        """
        SELECT h.* REPLACE (COALESCE(p.id, h.opportunity_id) AS opportunity_id)
        FROM read_history h LEFT JOIN id_pairs p ON p.said = h.opportunity_id
        """,
    )


def replace_history(store: Store, sql: str) -> None:
    """Put the rows of a query in the place of the history as it was read."""
    store.run(f"CREATE TEMP TABLE other_history AS {sql}")
    kind = store.value(
        "SELECT count(*) FROM duckdb_views() WHERE view_name = 'read_history' AND NOT internal"
    )
    store.run(f"DROP {'VIEW' if kind else 'TABLE'} read_history")
    store.run("ALTER TABLE other_history RENAME TO read_history")
