"""The canonical tables, and the numbers that stand in them for words and for ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leakkit.store.database import Store

SCHEMA_VERSION = 1

WON, LOST = -1, -2
"""In `stage_history.stage`: the row closes the deal."""
UNKNOWN = -9
"""While loading: the row names no stage and no close of its pipeline."""

OUTCOMES = ("open", "won", "lost")
EXITS = ("open", "next", "jumped", "won_here", "returned", "lost", "moved")
ENTRIES = ("new", "from_previous", "jumped_in", "returned_in", "reopened")
OPEN, NEXT, JUMPED, WON_HERE, RETURNED, LOST_HERE, MOVED = range(7)
NEW, FROM_PREVIOUS, JUMPED_IN, RETURNED_IN, REOPENED = range(5)

BUCKETS = 200
OWN_BUCKET_BELOW = 2_000
"""Pipelines with fewer opportunities are resampled by the opportunity itself."""

LISTED_STAGES = "listed_stages"
"""While loading: (name, place, ends), what a list of stages says of their order and their ends."""

TABLES = """
CREATE TABLE meta (key VARCHAR, value VARCHAR);
CREATE TABLE pipelines (pipeline SMALLINT, name VARCHAR, unit_per_day SMALLINT);
CREATE TABLE stages (pipeline SMALLINT, stage SMALLINT, name VARCHAR, kind VARCHAR);
CREATE TABLE standing (opportunity INTEGER, since_day INTEGER);
CREATE TABLE settled (opportunity INTEGER, digest UBIGINT, rows INTEGER);
CREATE TABLE faults (file VARCHAR, line BIGINT, field VARCHAR, content VARCHAR, rule VARCHAR);
"""


def bucket_sql(opportunity_id: str) -> str:
    """Return SQL for the bootstrap bucket of a deal: of its id, so that it stays the same."""
    digest = f"CAST('0x' || substr(sha256({opportunity_id}), 1, 8) AS UBIGINT)"
    return f"CAST({digest} % {BUCKETS} AS SMALLINT)"


# ---------------- the numbers of deals

OWN = "SELECT opportunity_id FROM given_opportunities"
OF_HISTORY = "UNION ALL SELECT opportunity_id FROM given_history"
AS_THEY_STAND = """
CREATE TEMP TABLE ids AS
SELECT opportunity_id, CAST(row_number() OVER () AS INTEGER) AS opportunity,
       FALSE AS often, FALSE AS settled, line
FROM given_opportunities
"""
# whatever order the rows come in: only numbers that rise by one with ids that rise are right
RIGHT = """
SELECT COALESCE(bool_and(opportunity_id <> '' AND CASE WHEN before IS NULL THEN opportunity = 1
                         ELSE opportunity = before + 1 AND opportunity_id > before_id END), FALSE),
       COALESCE(bool_and(COALESCE(opportunity = line, FALSE)), FALSE)
FROM (SELECT opportunity_id, opportunity, line, lag(opportunity) OVER () AS before,
             lag(opportunity_id) OVER () AS before_id FROM ids)
"""
SORTED = """
CREATE OR REPLACE TEMP TABLE ids AS
SELECT opportunity_id,
       CAST(row_number() OVER (ORDER BY opportunity_id) AS INTEGER) AS opportunity, often,
       opportunity_id IN (SELECT opportunity_id FROM unchanged) AS settled
FROM (SELECT opportunity_id, count(*) > 1 AS often FROM ({known})
      WHERE opportunity_id <> '' GROUP BY opportunity_id)
"""
REPEATED = """
CREATE OR REPLACE TEMP TABLE repeated AS
SELECT opportunity_id, count(*) AS lines, min(line) AS first_line,
       min(content) <> max(content) AS differ
FROM given_opportunities
WHERE opportunity_id IN (SELECT opportunity_id FROM ids WHERE often)
GROUP BY opportunity_id HAVING count(*) > 1
"""


def number(store: Store, *, with_history: bool = False) -> bool:
    """Steps 1 and 2: make `ids`, and `repeated`, the ids of several rows.

    `with_history` numbers the deals that only the history knows as well. Ids that rise from
    row to row need no sorting; whether the numbers are right is checked. Returns whether each
    number is the line of the row that the deal has.
    """
    in_order, by_line = False, False
    if not with_history:
        in_order, by_line = _number_as_they_stand(store)
    if not in_order:
        known = f"{OWN} {OF_HISTORY}" if with_history else OWN
        store.run(SORTED.format(known=known))
    store.run(REPEATED)
    return in_order and by_line


def _number_as_they_stand(store: Store) -> tuple[bool, bool]:
    """Number the deals as they stand; say whether that is right, and each number its line."""
    if store.value("SELECT count(*) FROM unchanged"):
        return False, False
    store.run(AS_THEY_STAND)
    right, by_line = store.rows(RIGHT)[0]
    return bool(right), bool(by_line)
