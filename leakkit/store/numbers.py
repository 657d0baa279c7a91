"""The numbers of the deals: the places of their ids in code-point order."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leakkit.store.database import Store

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
