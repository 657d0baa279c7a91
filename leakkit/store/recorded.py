"""What moments a source records: the last one of what has happened, and since when deals stand.

What is planned is never one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit.config import fold_name
from leakkit.store.moments import DAY
from leakkit.store.name_codes import stage_names, texts

if TYPE_CHECKING:
    from leakkit.config import Config
    from leakkit.store.database import Store
    from leakkit.store.moments import Zone

QUARTER = 92 * DAY
"""A close so long after all else, with nothing between, is a plan that nobody changed."""

ENTRIES = """
SELECT entered_at AS moment, line, 'entered_at' AS name FROM given_history
WHERE entered_at IS NOT NULL
"""
CREATIONS = """
SELECT created_at, created_line, 'created_at' FROM given_opportunities WHERE created_at IS NOT NULL
"""
STANDS = """
SELECT moment, line, 'stage_since' FROM stands_since
"""
CLOSES = """
SELECT closed_at AS moment, closed_line AS line, 'closed_at' AS name FROM given_opportunities
WHERE closed_at IS NOT NULL AND outcome IN (SELECT unnest($closed))
"""
OF_CLOSED = """
SELECT count(*), count(*) FILTER (opportunity_id IN (
    SELECT opportunity_id FROM given_history WHERE stage IN (SELECT unnest($closes))))
FROM given_opportunities WHERE outcome IN (SELECT unnest($closed))
"""


@dataclass(frozen=True)
class Recorded:
    """The last recorded moment, and the row and column where it stands."""

    moment: int
    line: int | None
    column: str


def last_recorded(
    store: Store, config: Config, closed: list[str], *, standing: bool = False
) -> Recorded | None:
    """Return what was recorded last; None where a source has no date at all.

    Entries and creations count. A closing date of a deal that is closed counts up to their
    last day where the history has the closes itself: it may be a plan that was never
    changed. Where nothing else records the closes it counts, unless it lies in the future
    of all else. `closed` are the outcomes that close a deal. With `standing` it counts since
    when the deals of a list stand in their stages.
    """
    further = f"UNION ALL {STANDS}" if standing else ""
    rows = store.rows(
        f"SELECT * FROM ({ENTRIES} UNION ALL {CREATIONS} {further}) "  # noqa: S608 - of this module
        "ORDER BY moment DESC, name DESC, line LIMIT 1"
    )
    base = Recorded(int(rows[0][0]), rows[0][1], str(rows[0][2])) if rows else None
    closes = store.rows(
        f"SELECT moment, min(line), any_value(name) FROM ({CLOSES}) "  # noqa: S608 - of this module
        "WHERE moment > $base GROUP BY moment ORDER BY moment",
        {"closed": closed, "base": base.moment if base else -(2**62)},
    )
    gap = 0 if base and _closes_in_history(store, config, closed) else QUARTER
    last = base
    for moment, line, name in closes:
        if last and moment - last.moment > gap and moment // DAY > last.moment // DAY:
            break
        last = Recorded(int(moment), line, str(name))
    return last


def _closes_in_history(store: Store, config: Config, closed: list[str]) -> bool:
    """Say whether the history records the closes of most deals that are closed."""
    words = {w for p in config.pipelines for w, code in stage_names(p).items() if code < 0}
    said = [text for text in texts(store, "stage", "given_history") if fold_name(text) in words]
    deals, matching = store.rows(OF_CLOSED, {"closes": said, "closed": closed})[0]
    return bool(deals and matching * 2 > deals)


def forget_plans(store: Store, cut: int, closed: list[str]) -> int:
    """Empty the closing dates of closed deals that are after the last recorded moment.

    They were plans; that the deal is closed stands. Returns how many there are.
    """
    plan = f"closed_at > {cut} AND outcome IN (SELECT unnest($closed))"
    plans = int(
        store.value(
            f"SELECT count(*) FROM given_opportunities WHERE {plan}",  # noqa: S608 - numbers
            {"closed": closed},
        )
    )
    if plans:
        store.run(
            f"""
            CREATE TEMP TABLE without_plans AS
            SELECT * REPLACE (CASE WHEN {plan} THEN NULL ELSE closed_at END AS closed_at)
            FROM given_opportunities
            """,  # noqa: S608 - numbers
            {"closed": closed},
        )
        store.run("DROP VIEW given_opportunities")
        store.run("ALTER TABLE without_plans RENAME TO given_opportunities")
    return plans


# ---------------- since when open deals stand

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
