"""Which visits to stages stand on rows that may be wrong, and which deals are missing there.

While a source is being resolved the deals in doubt are kept (`find_doubtful`); once the passages
are there, their visits are counted into the table `doubts` (`keep_doubtful`), which bounds of
shares are made of (docs/method.md, section 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit.store import schema
from leakkit.store.account import FACTS

if TYPE_CHECKING:
    from leakkit.store.database import Store
    from leakkit.store.passing import Ints
    from leakkit.store.resolve import Rules

BURST = 30
"""So many moves within one minute, and ten times as many as in the middle one, are a burst."""
MOST_MINUTES = 10_000_000
"""Of nineteen years every minute has a place of its own, which is counted fastest."""
SET_ASIDE, BURSTS = "set_aside", "moves_in_bursts"
OF_ENDS = ("outcome_disagrees", "closed_without_moment")
"""Facts of the end of a deal that put its last visit in doubt; see also `find_doubtful`."""
NONE = 2**62
"""The moment of a row without one: after every other, or as far before them."""

# of the rows as given: those of deals that an earlier store has settled are not resolved again
MOMENTS = f"SELECT COALESCE(entered_at, {NONE}) AS moment FROM given_history"  # noqa: S608 - a number
DECLARED = " WHERE pipeline NOT IN (SELECT said FROM pipeline_names WHERE pipeline < 0)"

LEFT_OUT = """
SELECT (SELECT count(*) FROM pipeline_names WHERE pipeline < 0), (SELECT count(*) FROM nameless)
"""

MISSING = f"""
CREATE TABLE missing_entrants AS
SELECT s.pipeline, s.stage, count(DISTINCT k.who) AS n
FROM (SELECT DISTINCT opportunity AS who, pipeline, code FROM events
      WHERE NOT not_asked AND opportunity IN (SELECT opportunity FROM aside)
      UNION ALL
      SELECT -h.line, n.pipeline, n.code
      FROM nameless h
      LEFT JOIN pipeline_names p ON p.said = h.pipeline
      JOIN stage_names n ON n.said = h.stage AND n.pipeline = COALESCE(p.pipeline, {{default}})) k
JOIN stages s ON s.pipeline = COALESCE(k.pipeline, s.pipeline)
             AND k.code IN (s.stage, {schema.UNKNOWN})
GROUP BY s.pipeline, s.stage
"""  # noqa: S608 - numbers
"""Per stage: deals set aside that name it, or name one that nobody knows; rows without a deal."""

DOUBTS = f"""
CREATE TABLE doubts AS
SELECT pipeline, stage, reason, entered_tick, left_tick, exit, count(*) AS n
FROM (SELECT p.*, COALESCE(d.reason, '{BURSTS}') AS reason
      FROM passages p
      LEFT JOIN (SELECT opportunity, min(d.reason) AS reason, max(p.step) AS step
                 FROM doubted d JOIN passages p USING (opportunity)
                 GROUP BY opportunity) d ON d.opportunity = p.opportunity AND d.step = p.step
      WHERE p.visit = 1
        AND (d.reason IS NOT NULL OR p.left_at // 60 IN (SELECT minute FROM burst_minutes)))
GROUP BY ALL
UNION ALL
SELECT pipeline, stage, '{SET_ASIDE}', NULL, NULL, NULL, n FROM missing_entrants;
DROP TABLE doubted; DROP TABLE burst_minutes; DROP TABLE missing_entrants;
"""  # noqa: S608 - names of this module


@dataclass(frozen=True)
class DoubtfulVisits:
    """So many first visits of a stage that stand on rows that may be wrong, and why.

    `pipeline` and `stage` are positions, ticks days or hours as in `passages`, `left`
    None where the visit is open, `exit` in words. Of deals that were set aside, and of rows
    without a deal, there is no visit: `entered` is None.
    """

    pipeline: int
    stage: int
    reason: str
    entered: int | None
    left: int | None
    exit: str
    n: int


def find_doubtful(store: Store, rules: Rules, moments: Ints | None = None) -> int:
    """Keep what is in doubt, before the tables of resolving go; return the moves in bursts.

    `moments` are those of the rows with an id, where they are known.
    """
    minutes, moves = _bursts(store, rules, moments)
    judged = next(source for source in FACTS if source.startswith("judged"))
    conditions = {
        **{fact: (judged, FACTS[judged][fact]) for fact in OF_ENDS},
        "closed_before_entry": ("new_closes", "before_entry AND NOT instead"),
        "outcome_unknown": ("deals", "outcome <> '' AND outcome_code IS NULL"),
    }
    each = [
        f"SELECT opportunity, '{fact}' AS reason FROM {table} WHERE {condition}"  # noqa: S608 - of this room
        for fact, (table, condition) in conditions.items()
    ]
    store.run(f"CREATE TABLE doubted AS {' UNION ALL '.join(each)}")
    store.run(
        "CREATE TABLE burst_minutes AS SELECT unnest(CAST($minutes AS BIGINT[])) AS minute",
        {"minutes": minutes},
    )
    store.run(MISSING.format(default=rules.no_pipeline))
    return moves


def _bursts(store: Store, rules: Rules, known: Ints | None) -> tuple[list[int], int]:
    """Return the minutes with a burst, and how many moves are in them."""
    if not rules.timed:
        return [], 0
    import numpy as np  # noqa: PLC0415 - a refusal needs none

    undeclared, nameless = store.rows(LEFT_OUT)[0]
    if known is None or undeclared or nameless:
        known = store.arrays(f"{MOMENTS}{DECLARED if undeclared else ''}")["moment"]
    minutes = known[(known > -NONE) & (known <= rules.cut)] // 60
    if not len(minutes):
        return [], 0
    first = int(minutes.min())
    if int(minutes.max()) - first < MOST_MINUTES:
        counts = np.bincount(minutes - first)
        at = np.flatnonzero(counts)
        n, at = counts[at], at + first
    else:
        at, n = np.unique(minutes, return_counts=True)
    found = (n >= BURST) & (n >= 10 * np.median(n))
    return at[found].tolist(), int(n[found].sum())


def keep_doubtful(store: Store) -> None:
    """Count the visits in doubt, once the passages are there."""
    store.run(DOUBTS)


def read_doubtful(store: Store) -> tuple[DoubtfulVisits, ...] | None:
    """Return what is in doubt in all pipelines; None where an older store does not say it."""
    if not store.value("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'doubts'"):
        return None
    rows = store.rows(
        "SELECT pipeline, stage, reason, entered_tick, left_tick, exit, n FROM doubts ORDER BY ALL"
    )
    return tuple(
        DoubtfulVisits(p, s, reason, entered, left, "" if exit_ is None else schema.EXITS[exit_], n)
        for p, s, reason, entered, left, exit_, n in rows
    )
