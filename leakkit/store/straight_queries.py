"""The straight way in SQL, for engines that hold the deals: which are plain, and their rows.

What `passing` does in arrays on this machine; docs/straight-way.md has the rules, and a
property test holds both against each other. Within the list of tests/test_sql.py. Read are

- `told_deals` (opportunity_id, pipeline, stage, outcome, created_at, created_day, closed_at,
  closed_day, closed_hour, value, bucket, currency, lost_reason, name, reasoned, unsure, timed, and
  segment_0, ...),
- `told_moves` (opportunity_id, pipeline, stage, from_stage, entered_at, entered_day,
  entered_hour, part, seq, unsure, timed),
- the words in numbers: `pipeline_names`, `outcome_names`, `stage_names`, and
- `numbers`, the number of each id,

with texts trimmed and '' where empty, moments in UTC seconds, days and hours local. `unsure`
is 1 where a cell of the row may mean something else than it was read as, `timed` where its
moment (of a deal: its close) has a time of the day. What is not provably
plain is odd: a condition of which nobody knows whether it holds (NULL) makes a deal odd.
"""

from __future__ import annotations

KNOWN_DEALS = """
SELECT o.opportunity_id, o.stage, o.created_at, o.closed_at, o.closed_day, o.closed_hour,
       o.reasoned, COALESCE(n.code, -9) AS said, p.pipeline AS own_pipeline,
       CASE WHEN r.copies <> 1 THEN 1
            WHEN o.unsure <> 0 THEN 2
            WHEN o.outcome <> '' AND n.code IS NULL THEN 3
            WHEN n.code < 0 AND o.closed_at > $cut THEN 4
            ELSE 0 END AS odd
FROM told_deals o
JOIN (SELECT d.opportunity_id, count(*) AS copies FROM told_deals d GROUP BY d.opportunity_id) r
    ON r.opportunity_id = o.opportunity_id
LEFT JOIN pipeline_names p ON p.said = o.pipeline
LEFT JOIN outcome_names n ON n.said = o.outcome
WHERE o.opportunity_id <> ''
"""
"""What the row of each deal says, and why that alone makes it odd (0: it does not)."""

STEPS = """
WITH placed AS (
    SELECT h.opportunity_id, h.stage, h.from_stage, h.entered_at, h.entered_day, h.entered_hour,
           h.part, h.seq, h.unsure, h.timed, k.stage AS present, k.odd,
           COALESCE(p.pipeline, k.own_pipeline, $default) AS pipeline
    FROM told_moves h
    LEFT JOIN pipeline_names p ON p.said = h.pipeline
    LEFT JOIN known_deals k ON k.opportunity_id = h.opportunity_id
    WHERE h.opportunity_id <> ''
)
SELECT a.opportunity_id, a.pipeline, COALESCE(s.code, -9) AS code,
       COALESCE(f.code, -9) AS from_code, a.entered_at, a.entered_day, a.entered_hour, a.part,
       a.timed, COALESCE(a.seq, 9223372036854775807) AS seq,
       CASE WHEN $present = 1 THEN COALESCE(q.code, -9) ELSE -9 END AS present,
       CASE WHEN a.from_stage = '' THEN 1 ELSE 0 END AS unsaid,
       CASE WHEN a.odd <> 0 THEN a.odd
            WHEN a.odd IS NULL THEN 5
            WHEN a.unsure <> 0 THEN 6
            WHEN a.pipeline < 0 THEN 7
            WHEN s.code IS NULL THEN 8
            WHEN a.entered_at IS NULL THEN 9
            WHEN a.entered_at > $cut THEN 10
            ELSE 0 END AS odd
FROM placed a
LEFT JOIN stage_names s ON s.pipeline = a.pipeline AND s.said = a.stage
LEFT JOIN stage_names f ON f.pipeline = a.pipeline AND f.said = a.from_stage
LEFT JOIN stage_names q ON q.pipeline = a.pipeline AND q.said = a.present
"""
"""Every row that has an id, in numbers, and why it makes its deal odd by itself."""

FLAGGED = """
WITH beside AS (
    SELECT s.opportunity_id, s.pipeline, s.code, s.from_code, s.entered_at, s.entered_day,
           s.entered_hour, s.part, s.seq, s.timed, s.present, s.unsaid, s.odd,
           row_number() OVER w AS place,
           lag(s.code) OVER w AS before_code, lag(s.pipeline) OVER w AS before_pipeline,
           lag(s.entered_at) OVER w AS before_at, lag(s.entered_day) OVER w AS before_day,
           lag(s.part) OVER w AS before_part, lag(s.seq) OVER w AS before_seq,
           lead(s.code) OVER w AS after_code
    FROM steps s
    WINDOW w AS (PARTITION BY s.opportunity_id ORDER BY s.entered_at, s.part, s.seq)
)
SELECT b.opportunity_id, b.pipeline, b.code, b.entered_at, b.entered_day, b.entered_hour, b.place,
       b.after_code, b.unsaid, b.timed,
       CASE WHEN b.odd <> 0 THEN b.odd
            WHEN b.entered_at IS NULL OR b.entered_day IS NULL OR b.part IS NULL
                 OR b.pipeline IS NULL OR k.said IS NULL THEN 22
            WHEN b.before_code IS NULL AND (b.code < 0
                 OR (b.from_code >= 0 AND b.from_code <> b.code)) THEN 11
            WHEN b.before_pipeline <> b.pipeline THEN 12
            WHEN b.before_code = b.code THEN 13
            WHEN b.before_at = b.entered_at AND b.before_part = b.part
                 AND (b.before_seq >= b.seq OR b.seq = 9223372036854775807) THEN 14
            WHEN b.before_code < 0 AND (b.code < 0 OR b.entered_day - b.before_day <= 1) THEN 15
            WHEN b.before_code >= 0 AND b.from_code <> -9 AND b.from_code <> b.before_code THEN 16
            WHEN b.after_code IS NOT NULL THEN 0
            WHEN b.code < 0 AND k.said <> -9 AND k.said <> b.code THEN 17
            WHEN b.code >= 0 AND k.said = 0 AND k.closed_at <= $cut THEN 18
            WHEN b.code >= 0 AND k.said IN (-1, -2)
                 AND COALESCE(k.closed_at, b.entered_at - 1) < b.entered_at THEN 19
            WHEN b.present >= 0 AND b.code <> -1
                 AND b.present <> CASE WHEN b.code >= 0 THEN b.code ELSE b.before_code END THEN 20
            WHEN b.code >= 0 AND k.said NOT IN (-1, -2) AND k.reasoned = 1 THEN 21
            ELSE 0 END AS odd
FROM beside b
LEFT JOIN known_deals k ON k.opportunity_id = b.opportunity_id
"""
"""The same rows in order with their places, and why each makes its deal odd, neighbours seen."""

REASONS = {
    1: "several rows among the opportunities",
    2: "a cell of its row that cannot be read for sure",
    3: "an outcome in words that are not known",
    4: "an outcome that closes it after as_of",
    5: "no row among the opportunities",
    6: "a row of its history with a cell that cannot be read for sure",
    7: "a pipeline that is not declared, or none",
    8: "a stage that is not declared",
    9: "a move without a moment",
    10: "a move after as_of",
    11: "a history that begins with a close, or with another stage",
    12: "moves in two pipelines",
    13: "the same stage twice in a row",
    14: "two moves of one moment without a seq",
    15: "a close that is followed by another move within a day",
    16: "a move from another stage than the one before",
    17: "an outcome and a history that disagree",
    18: "an open outcome with a closing date",
    19: "a close of which nobody knows when",
    20: "another stage than the last of its history",
    21: "a reason for a loss, while it is open",
    22: "a move of which something is not known",
    23: "several beginnings",
}
"""Why a deal is odd, by the numbers of the queries; a deal without a history has none."""

STRAIGHT = """
SELECT f.opportunity_id, max(f.place) AS moves
FROM flagged f
GROUP BY f.opportunity_id
HAVING max(f.odd) = 0 AND (sum(f.unsaid) <= 1 OR $whence = 0)
"""
"""The plain deals; where rows say whence deals came, only one row of each may not."""

ODD = """
SELECT d.odd, count(*) AS deals
FROM (SELECT f.opportunity_id,
             CASE WHEN max(f.odd) = 0 THEN 23 ELSE min(CASE WHEN f.odd <> 0 THEN f.odd END) END
                 AS odd
      FROM flagged f
      GROUP BY f.opportunity_id) d
LEFT JOIN straight s ON s.opportunity_id = d.opportunity_id
WHERE s.opportunity_id IS NULL
GROUP BY d.odd
ORDER BY deals DESC, d.odd
"""
"""How many deals with a history are odd, by the first reason of each."""

HISTORY = """
WITH complete AS (
    SELECT f.opportunity_id, f.pipeline, f.code, f.entered_at, f.entered_day, f.entered_hour,
           f.place
    FROM flagged f
    UNION ALL
    SELECT f.opportunity_id, f.pipeline, k.said AS code, k.closed_at AS entered_at,
           k.closed_day AS entered_day, k.closed_hour AS entered_hour, f.place + 1 AS place
    FROM flagged f
    JOIN known_deals k ON k.opportunity_id = f.opportunity_id
    WHERE f.after_code IS NULL AND f.code >= 0 AND k.said IN (-1, -2)
)
SELECT n.opportunity, CAST(c.pipeline AS SMALLINT) AS pipeline, CAST(c.code AS SMALLINT) AS stage,
       c.entered_at, c.entered_day, c.entered_hour, CAST(2 * c.place AS INTEGER) AS seq,
       c.entered_at AS last_touch
FROM complete c
JOIN straight s ON s.opportunity_id = c.opportunity_id
JOIN numbers n ON n.opportunity_id = c.opportunity_id
"""
"""`stage_history` of the plain deals: their rows, and the closes that only their own row says."""

OPPORTUNITIES = """
SELECT n.opportunity, o.opportunity_id, CAST(l.pipeline AS SMALLINT) AS pipeline,
       CAST(o.bucket AS SMALLINT) AS bucket,
       CASE WHEN o.created_at <= f.entered_at THEN o.created_at ELSE f.entered_at END
           AS created_at,
       CASE WHEN o.created_at <= f.entered_at THEN o.created_day ELSE f.entered_day END
           AS created_day,
       CASE WHEN l.code < 0 THEN l.entered_at WHEN k.said IN (-1, -2) THEN o.closed_at END
           AS closed_at,
       CASE WHEN l.code < 0 THEN l.entered_day WHEN k.said IN (-1, -2) THEN o.closed_day END
           AS closed_day,
       CASE WHEN l.code = -1 OR (l.code >= 0 AND k.said = -1) THEN 'won'
            WHEN l.code = -2 OR (l.code >= 0 AND k.said = -2) THEN 'lost'
            ELSE 'open' END AS outcome,
       o.value, o.currency, o.lost_reason, o.name, CAST(NULL AS SMALLINT) AS current_stage,
       TRUE AS has_history, TRUE AS given{segments}
FROM told_deals o
JOIN straight s ON s.opportunity_id = o.opportunity_id
JOIN known_deals k ON k.opportunity_id = o.opportunity_id
JOIN flagged f ON f.opportunity_id = o.opportunity_id AND f.place = 1
JOIN flagged l ON l.opportunity_id = o.opportunity_id AND l.after_code IS NULL
JOIN numbers n ON n.opportunity_id = o.opportunity_id
"""
"""`opportunities` of the plain deals."""

FACTS = """
SELECT count(*) AS deals, COALESCE(sum(s.moves), 0) AS moves,
       COALESCE(sum(CASE WHEN k.created_at IS NULL THEN 1 ELSE 0 END), 0) AS created_missing,
       COALESCE(sum(CASE WHEN k.created_at > f.entered_at THEN 1 ELSE 0 END), 0)
           AS created_after_entry
FROM straight s
JOIN known_deals k ON k.opportunity_id = s.opportunity_id
JOIN flagged f ON f.opportunity_id = s.opportunity_id AND f.place = 1
"""
"""What is told of the plain deals beside their tables."""

BUSY = """
SELECT b.n, count(*) AS minutes
FROM (SELECT m.minute, sum(m.n) AS n
      FROM (SELECT f.entered_at // 60 AS minute, 1 AS n
            FROM flagged f
            JOIN straight s ON s.opportunity_id = f.opportunity_id
            UNION ALL
            SELECT o.minute, o.n FROM odd_minutes o) m
      GROUP BY m.minute) b
GROUP BY b.n
ORDER BY b.n
"""
"""How many minutes have so many moves; `odd_minutes` are those of the rows that travelled."""

BURSTS = """
SELECT m.minute, sum(m.n) AS n
FROM (SELECT f.entered_at // 60 AS minute, 1 AS n
      FROM flagged f
      JOIN straight s ON s.opportunity_id = f.opportunity_id
      UNION ALL
      SELECT o.minute, o.n FROM odd_minutes o) m
GROUP BY m.minute
HAVING sum(m.n) >= $least
ORDER BY m.minute
"""
"""The minutes with so many moves at least."""

IN_BURSTS = """
SELECT p.pipeline, p.stage, p.entered_tick, p.left_tick, p.exit, count(*) AS n
FROM passages p
JOIN burst_minutes b ON b.minute = p.left_at // 60
JOIN numbers n ON n.opportunity = p.opportunity
JOIN straight s ON s.opportunity_id = n.opportunity_id
WHERE p.visit = 1
GROUP BY p.pipeline, p.stage, p.entered_tick, p.left_tick, p.exit
ORDER BY p.pipeline, p.stage, p.entered_tick, p.left_tick, p.exit
"""
"""The first visits of plain deals that ended in a burst."""
