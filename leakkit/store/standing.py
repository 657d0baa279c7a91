"""Since when the open deals of a list stand in their stages, where its rows say so.

Deals that moved on are not among them. So this is how long those stand that are there, and
never how long a stage takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leakkit.store.database import Store
    from leakkit.store.moments import Zone

KEEP = """
INSERT INTO standing
SELECT o.opportunity, {day} AS since_day
FROM (SELECT opportunity_id, min(moment) AS moment FROM stands_since
      GROUP BY opportunity_id HAVING count(DISTINCT moment) = 1) s
JOIN opportunities o ON o.opportunity_id = s.opportunity_id
WHERE o.outcome = 'open' AND s.moment <= $cut
ORDER BY o.opportunity
"""
FORGET_BEGINNINGS = """
UPDATE opportunities SET created_at = NULL, created_day = NULL
WHERE outcome = 'open' AND opportunity_id NOT IN (
    SELECT opportunity_id FROM given_opportunities
    WHERE created_at IS NOT NULL AND opportunity_id IS NOT NULL)
"""
"""An open deal of a list was first seen on its last day; that is no creation."""


def keep_standing(store: Store, zone: Zone, cut: int) -> None:
    """Keep since when the open deals stand; forget creations that no row tells."""
    store.run(KEEP.format(day=zone.day_sql("s.moment")), {"cut": cut})
    store.run(FORGET_BEGINNINGS)
