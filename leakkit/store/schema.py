"""The canonical tables, and the numbers that stand for words in them."""

from __future__ import annotations

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
