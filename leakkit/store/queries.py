"""The SQL that counts visits to stages, written once; `deal_queries` counts deals.

In DuckDB's dialect, and within what every warehouse has: see docs/decisions. Whole
numbers only: sums of floats would differ from run to run. A check holds every query
of both modules against that list.

Numbers for words (schema.py): stage -1 won, -2 lost; exits 0 open, 1 next, 2 jumped,
3 won_here, 4 returned, 5 lost, 6 moved; entries 0 new, 1 from_previous, 2 jumped_in,
3 returned_in, 4 reopened.
"""

from __future__ import annotations

MOVES = """
WITH rows_in_order AS (
    SELECT h.opportunity, h.pipeline, h.stage, h.seq, h.entered_at, h.entered_day, h.entered_hour,
           lag(h.stage) OVER w AS before_stage,
           lag(h.pipeline) OVER w AS before_pipeline,
           lead(h.stage) OVER w AS after_stage,
           lead(h.pipeline) OVER w AS after_pipeline,
           lead(h.entered_at) OVER w AS left_at,
           lead(h.entered_day) OVER w AS left_day,
           lead(h.entered_hour) OVER w AS left_hour,
           sum(CASE WHEN h.stage < 0 THEN 1 ELSE 0 END) OVER so_far AS closes
    FROM stage_history h
    -- seq is never NULL; NULLS FIRST is the one order that every warehouse can say with a frame
    WINDOW w AS (PARTITION BY h.opportunity ORDER BY h.seq NULLS FIRST),
           so_far AS (PARTITION BY h.opportunity ORDER BY h.seq NULLS FIRST
                      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT r.opportunity, r.pipeline, r.stage, r.seq, r.before_stage, r.after_stage,
       r.entered_at, r.entered_day, r.left_at, r.left_day,
       CASE WHEN p.unit_per_day = 24 THEN r.entered_hour ELSE r.entered_day END AS entered_tick,
       CASE WHEN p.unit_per_day = 24 THEN r.left_hour ELSE r.left_day END AS left_tick,
       CAST(r.closes AS SMALLINT) AS closes,
       CAST(CASE WHEN r.before_pipeline IS NULL OR r.before_pipeline <> r.pipeline THEN 0
            WHEN r.before_stage < 0 THEN 4
            WHEN r.before_stage = r.stage - 1 THEN 1
            WHEN r.before_stage < r.stage THEN 2
            ELSE 3 END AS TINYINT) AS entry,
       CAST(CASE WHEN r.after_stage IS NULL THEN 0
            WHEN r.after_pipeline <> r.pipeline THEN 6
            WHEN r.after_stage = -1 THEN 3
            WHEN r.after_stage = -2 THEN 5
            WHEN r.after_stage = r.stage + 1 THEN 1
            WHEN r.after_stage > r.stage THEN 2
            ELSE 4 END AS TINYINT) AS exit
FROM rows_in_order r
JOIN pipelines p ON p.pipeline = r.pipeline
"""
"""Every row of the history with its neighbours; closes included."""

PASSAGES = """
WITH again AS (
    SELECT opportunity FROM moves
    WHERE stage >= 0 AND (entry = 3 OR entry = 4 OR (entry = 0 AND before_stage IS NOT NULL))
    GROUP BY opportunity
),
visits AS (
    SELECT m.opportunity, m.seq,
           row_number() OVER (PARTITION BY m.opportunity, m.pipeline, m.stage ORDER BY m.seq)
               AS visit
    FROM moves m
    JOIN again a ON a.opportunity = m.opportunity
    WHERE m.stage >= 0
)
SELECT m.opportunity, m.pipeline, m.seq AS step, m.stage,
       CAST(COALESCE(v.visit, 1) AS INTEGER) AS visit, m.entry,
       m.entered_at, m.entered_day, m.entered_tick, m.left_at, m.left_day, m.left_tick, m.exit,
       CASE WHEN m.exit = 6 OR m.after_stage < 0 THEN NULL ELSE m.after_stage END AS to_stage,
       CAST(CASE WHEN m.exit = 2 THEN m.after_stage - m.stage - 1
            WHEN m.exit = 3 THEN n.stages - m.stage - 1 ELSE 0 END AS SMALLINT) AS skipped,
       m.closes, o.value, o.bucket
FROM moves m
JOIN (SELECT pipeline, CAST(count(*) AS SMALLINT) AS stages FROM stages GROUP BY pipeline) n
    ON n.pipeline = m.pipeline
JOIN opportunities o ON o.opportunity = m.opportunity
LEFT JOIN visits v ON v.opportunity = m.opportunity AND v.seq = m.seq
WHERE m.stage >= 0
"""
"""One row per visit of a deal to a stage."""

SEEN_PASSAGES = """
SELECT p.opportunity, p.pipeline, p.step, p.stage,
       CAST(row_number() OVER (PARTITION BY p.opportunity, p.pipeline, p.stage ORDER BY p.step)
            AS INTEGER) AS visit,
       CAST(CASE WHEN p.entered_day < $first THEN -1 ELSE p.entry END AS TINYINT) AS entry,
       p.entered_at, p.entered_day, p.entered_tick,
       CASE WHEN p.left_day < $end THEN p.left_at ELSE NULL END AS left_at,
       CASE WHEN p.left_day < $end THEN p.left_day ELSE NULL END AS left_day,
       CASE WHEN p.left_day < $end THEN p.left_tick ELSE NULL END AS left_tick,
       CAST(CASE WHEN p.left_day < $end THEN p.exit ELSE 0 END AS TINYINT) AS exit,
       CASE WHEN p.left_day < $end THEN p.to_stage ELSE NULL END AS to_stage,
       CAST(CASE WHEN p.left_day < $end THEN p.skipped ELSE 0 END AS SMALLINT) AS skipped,
       p.closes, p.value, p.bucket
FROM unseen_passages p
WHERE p.entered_day < $end AND (p.exit = 0 OR p.left_day >= $first)
"""
"""The passages under way on some days, as they stood at their end; entry -1: before them."""

SEEN_OPPORTUNITIES = """
WITH latest AS (
    SELECT p.opportunity, p.pipeline, max(p.step) AS step
    FROM asked_passages p
    GROUP BY p.opportunity, p.pipeline
),
stood AS (
    SELECT l.opportunity, l.pipeline, p.exit
    FROM latest l
    JOIN asked_passages p ON p.opportunity = l.opportunity AND p.step = l.step
)
SELECT o.opportunity, o.pipeline, o.has_history, o.value, o.lost_reason, o.current_stage,
       o.created_day, o.closed_day,
       CASE WHEN s.exit = 3 THEN 'won' WHEN s.exit = 5 THEN 'lost'
            WHEN s.exit IS NOT NULL OR o.closed_day >= $end THEN 'open'
            ELSE o.outcome END AS outcome
FROM unseen_opportunities o
LEFT JOIN stood s ON s.opportunity = o.opportunity AND s.pipeline = o.pipeline
WHERE s.opportunity IS NOT NULL
    OR (NOT o.has_history AND COALESCE(o.created_day, $first) < $end
        AND (o.outcome = 'open' OR COALESCE(o.closed_day, $first) >= $first))
"""
"""The deals that have such a passage, or that without a history were there on these days."""

EXTENT = """
SELECT p.pipeline, count(*) AS passages,
       min(p.entered_at) AS first_at, min(p.entered_day) AS first_day,
       max(p.entered_day) AS last_entry_day,
       min(CASE WHEN p.exit = 3 OR p.exit = 5 THEN p.left_day END) AS first_close_day
FROM asked_passages p
GROUP BY p.pipeline
ORDER BY p.pipeline
"""

UNFOLLOWED = """
SELECT o.pipeline, min(COALESCE(o.created_day, o.closed_day)) AS first_day
FROM asked_opportunities o
LEFT JOIN (SELECT p.pipeline FROM asked_passages p GROUP BY p.pipeline) f
    ON f.pipeline = o.pipeline
WHERE f.pipeline IS NULL
GROUP BY o.pipeline
ORDER BY o.pipeline
"""
"""Pipelines that have deals, and none with a history."""

DEAL_ENDS = """
WITH spans AS (
    SELECT p.opportunity, p.pipeline, max(p.step) AS last_step, max(p.stage) AS furthest,
           min(p.entered_tick) AS first_tick, max(CASE WHEN p.exit = 3 THEN p.step END) AS won_step
    FROM asked_passages p
    GROUP BY p.opportunity, p.pipeline
)
SELECT s.opportunity, s.pipeline, s.furthest, s.first_tick, s.won_step, s.last_step,
       p.stage AS last_stage,
       p.exit AS last_exit, p.entered_tick AS last_tick, p.left_day AS last_left_day,
       o.created_day, o.value
FROM spans s
JOIN asked_passages p ON p.opportunity = s.opportunity AND p.step = s.last_step
JOIN opportunities o ON o.opportunity = s.opportunity
"""
"""One row per deal and pipeline that it was in: how it stands there."""

ENTERED = """
SELECT p.pipeline, p.entered_day AS day, count(*) AS n
FROM asked_passages p
WHERE p.entry = 0
GROUP BY p.pipeline, p.entered_day
ORDER BY p.pipeline, day
"""
"""Deals that came into each pipeline, by day."""

SIZES = """
SELECT d.pipeline, count(*) AS n
FROM deal_ends d
GROUP BY d.pipeline
ORDER BY d.pipeline
"""
"""Deals per pipeline."""

STAYS = """
WITH inside AS (
    SELECT w.part, p.pipeline, p.stage, CASE WHEN p.visit = 1 THEN 1 ELSE 2 END AS visits,
           CASE WHEN w.first_tick > p.entered_tick THEN w.first_tick - p.entered_tick ELSE 0 END
               AS arrive_age,
           CASE WHEN p.left_tick < w.end_tick THEN p.left_tick ELSE w.end_tick - 1 END
               - p.entered_tick AS leave_age,
           CASE WHEN p.left_tick < w.end_tick THEN p.exit ELSE 0 END AS exit,
           COALESCE(p.value, 0) AS value
    FROM asked_passages p
    JOIN parts w ON w.pipeline = p.pipeline
    WHERE p.entered_tick < w.end_tick AND (p.exit = 0 OR p.left_tick >= w.first_tick)
        AND (w.entered = 0 OR p.entered_tick >= w.first_tick)
)
SELECT i.part, i.pipeline, i.stage, i.visits, grouping(i.exit) AS arrives,
       COALESCE(i.arrive_age, i.leave_age) AS age, COALESCE(i.exit, -1) AS exit,
       count(*) AS n, CAST(sum(i.value) AS BIGINT) AS total
FROM inside i
GROUP BY GROUPING SETS ((i.part, i.pipeline, i.stage, i.visits, i.arrive_age),
                        (i.part, i.pipeline, i.stage, i.visits, i.leave_age, i.exit))
ORDER BY i.part, i.pipeline, i.stage, i.visits, arrives, age, exit
"""
"""Arrivals at risk and departures by age, per window: all that the curves need."""

CLUSTERS = """
WITH inside AS (
    SELECT w.sample, p.pipeline, p.stage, CASE WHEN p.visit = 1 THEN 1 ELSE 2 END AS visits,
           CASE WHEN w.own = 1 THEN p.opportunity ELSE p.bucket END AS cluster,
           CASE WHEN w.first_tick > p.entered_tick THEN w.first_tick - p.entered_tick ELSE 0 END
               AS arrive_age,
           CASE WHEN p.left_tick < w.end_tick THEN p.left_tick ELSE w.end_tick - 1 END
               - p.entered_tick AS leave_age,
           CASE WHEN p.left_tick < w.end_tick THEN p.exit ELSE 0 END AS exit,
           w.cap, COALESCE(p.value, 0) AS value
    FROM asked_passages p
    JOIN cluster_parts w ON w.pipeline = p.pipeline AND w.stage = p.stage
    WHERE p.entered_tick < w.end_tick AND (p.exit = 0 OR p.left_tick >= w.first_tick)
        AND (w.first_only = 0 OR p.visit = 1)
),
capped AS (
    SELECT i.sample, i.pipeline, i.stage, i.visits, i.cluster, i.value,
           CASE WHEN i.arrive_age > i.cap THEN i.cap ELSE i.arrive_age END AS arrive_age,
           CASE WHEN i.leave_age > i.cap THEN i.cap ELSE i.leave_age END AS leave_age,
           CASE WHEN i.leave_age >= i.cap THEN 0 ELSE i.exit END AS exit
    FROM inside i
)
SELECT i.sample, i.pipeline, i.stage, i.visits, i.cluster, grouping(i.exit) AS arrives,
       COALESCE(i.arrive_age, i.leave_age) AS age, COALESCE(i.exit, -1) AS exit,
       count(*) AS n, CAST(sum(i.value) AS BIGINT) AS total
FROM capped i
GROUP BY GROUPING SETS ((i.sample, i.pipeline, i.stage, i.visits, i.cluster, i.arrive_age),
                        (i.sample, i.pipeline, i.stage, i.visits, i.cluster, i.leave_age, i.exit))
ORDER BY i.sample, i.pipeline, i.stage, i.visits, i.cluster, arrives, age, exit
"""
"""The same per bootstrap cluster, for the stages and ages that are asked; beyond `cap` as one."""

FLOWS = """
SELECT p.pipeline, p.stage, grouping(p.exit) AS comes, COALESCE(p.entry, p.exit) AS door,
       COALESCE(p.come_period, p.leave_period) AS period, count(*) AS n,
       CAST(sum(p.value) AS BIGINT) AS total
FROM (
    SELECT a.pipeline, a.stage, a.entry, a.exit, COALESCE(a.value, 0) AS value,
           c.period AS come_period, COALESCE(l.period, -1) AS leave_period
    FROM asked_passages a
    JOIN asked q ON q.pipeline = a.pipeline
    JOIN periods c ON c.day = a.entered_day
    LEFT JOIN periods l ON l.day = a.left_day
) p
GROUP BY GROUPING SETS ((p.pipeline, p.stage, p.entry, p.come_period),
                        (p.pipeline, p.stage, p.exit, p.leave_period))
ORDER BY p.pipeline, p.stage, comes, door, period
"""
"""Entries and exits of every stage by month and door, in deals and in value."""

ENDS_BY_STAGE = """
SELECT p.pipeline, p.stage, d.last_exit AS exit,
       CASE WHEN d.last_stage = p.stage THEN 1 ELSE 0 END AS here, count(*) AS n
FROM asked_passages p
JOIN asked q ON q.pipeline = p.pipeline
JOIN deal_ends d ON d.opportunity = p.opportunity AND d.pipeline = p.pipeline
WHERE p.visit = 1
GROUP BY p.pipeline, p.stage, d.last_exit, CASE WHEN d.last_stage = p.stage THEN 1 ELSE 0 END
ORDER BY p.pipeline, p.stage, exit, here
"""
"""What became in the end of the deals that were ever in a stage."""

STANDING = """
SELECT d.pipeline, d.last_stage AS stage, l.visit_late, l.deal_late, count(*) AS n,
       CAST(sum(COALESCE(d.value, 0)) AS BIGINT) AS total
FROM deal_ends d
JOIN asked q ON q.pipeline = d.pipeline
JOIN late l ON l.opportunity = d.opportunity AND l.pipeline = d.pipeline
GROUP BY d.pipeline, d.last_stage, l.visit_late, l.deal_late
ORDER BY d.pipeline, stage, l.visit_late, l.deal_late
"""
"""The open deals by stage, and whether their visit or the whole deal is past its time."""

LATE = """
SELECT d.opportunity, d.pipeline,
       CASE WHEN e.expected IS NOT NULL AND b.end_tick - 1 - d.last_tick > e.expected
            THEN 1 ELSE 0 END AS visit_late,
       CASE WHEN b.expected_days IS NOT NULL AND b.last_day - d.created_day > b.expected_days
            THEN 1 ELSE 0 END AS deal_late
FROM deal_ends d
JOIN asked b ON b.pipeline = d.pipeline
LEFT JOIN expected e ON e.pipeline = d.pipeline AND e.stage = d.last_stage
WHERE d.last_exit = 0
"""
"""The open deals, each with whether it is overdue and why."""

COHORT = """
SELECT d.pipeline, d.furthest, d.last_stage, d.last_exit AS exit,
       CASE WHEN l.visit_late = 1 OR l.deal_late = 1 THEN 1 ELSE 0 END AS overdue,
       CASE WHEN d.created_day < q.mature_before THEN 1 ELSE 0 END AS mature, count(*) AS n,
       CAST(sum(COALESCE(d.value, 0)) AS BIGINT) AS total
FROM deal_ends d
JOIN cohorts q ON q.pipeline = d.pipeline
LEFT JOIN late l ON l.opportunity = d.opportunity AND l.pipeline = d.pipeline
WHERE d.created_day >= q.cohort_from
GROUP BY d.pipeline, d.furthest, d.last_stage, d.last_exit,
         CASE WHEN l.visit_late = 1 OR l.deal_late = 1 THEN 1 ELSE 0 END,
         CASE WHEN d.created_day < q.mature_before THEN 1 ELSE 0 END
UNION ALL
SELECT o.pipeline, -1 AS furthest, -1 AS last_stage, -1 AS exit, 0 AS overdue,
       CASE WHEN o.created_day < q.mature_before THEN 1 ELSE 0 END AS mature, count(*) AS n,
       CAST(sum(COALESCE(o.value, 0)) AS BIGINT) AS total
FROM asked_opportunities o
JOIN cohorts q ON q.pipeline = o.pipeline
LEFT JOIN deal_ends d ON d.opportunity = o.opportunity AND d.pipeline = o.pipeline
WHERE d.opportunity IS NULL AND (o.created_day IS NULL OR o.created_day >= q.cohort_from)
GROUP BY o.pipeline, CASE WHEN o.created_day < q.mature_before THEN 1 ELSE 0 END
ORDER BY pipeline, furthest, last_stage, exit, overdue, mature
"""
"""Each deal once, where it stands (exit -1: without a passage): the picture of the pipe."""

TOTALS = """
SELECT p.pipeline, p.stage, p.exit, count(*) AS n,
       CAST(sum(COALESCE(p.value, 0)) AS BIGINT) AS total,
       sum(CASE WHEN p.visit = 1 THEN 1 ELSE 0 END) AS first_visits,
       sum(CASE WHEN p.left_tick >= q.end_tick THEN 1 ELSE 0 END) AS after_curves
FROM asked_passages p
JOIN asked q ON q.pipeline = p.pipeline
GROUP BY p.pipeline, p.stage, p.exit
ORDER BY p.pipeline, p.stage, p.exit
"""
"""All passages of a stage by how they ended."""

REOPENED = """
SELECT d.pipeline, d.stage, count(*) AS n
FROM (SELECT p.pipeline, p.stage, p.opportunity
      FROM asked_passages p
      JOIN asked q ON q.pipeline = p.pipeline
      WHERE p.entry = 4
      GROUP BY p.pipeline, p.stage, p.opportunity) d
GROUP BY d.pipeline, d.stage
ORDER BY d.pipeline, d.stage
"""
"""Deals that came back into a stage after a close."""

SKIPPED = """
SELECT d.pipeline, d.stage, count(*) AS n
FROM (SELECT p.pipeline, b.stage, p.opportunity
      FROM asked_passages p
      JOIN between_stages b ON b.pipeline = p.pipeline AND b.from_stage = p.stage
          AND b.skipped = p.skipped
      GROUP BY p.pipeline, b.stage, p.opportunity) d
GROUP BY d.pipeline, d.stage
ORDER BY d.pipeline, d.stage
"""
"""Deals that jumped over a stage, or were won before it."""

CLICKED_THROUGH = """
WITH zero_days AS (
    SELECT m.opportunity, m.pipeline, m.stage,
           CASE WHEN m.left_tick = m.entered_tick THEN 1 ELSE 0 END AS zero,
           lag(CASE WHEN m.left_tick = m.entered_tick THEN 1 ELSE 0 END) OVER w AS before_zero,
           lead(CASE WHEN m.left_tick = m.entered_tick THEN 1 ELSE 0 END) OVER w AS after_zero
    FROM asked_passages m
    JOIN (SELECT opportunity FROM asked_passages WHERE left_tick = entered_tick
          GROUP BY opportunity) z ON z.opportunity = m.opportunity
    WINDOW w AS (PARTITION BY m.opportunity, m.pipeline ORDER BY m.step)
)
SELECT z.pipeline, z.stage, count(*) AS n
FROM zero_days z
JOIN asked q ON q.pipeline = z.pipeline
WHERE z.zero = 1 AND (z.before_zero = 1 OR z.after_zero = 1)
GROUP BY z.pipeline, z.stage
ORDER BY z.pipeline, z.stage
"""
"""Passages in chains of two or more zero-day passages in a row."""

REACHED = """
WITH implied AS (
    SELECT p.opportunity, p.pipeline, b.stage, p.left_tick AS tick, min(p.step) AS step
    FROM asked_passages p
    JOIN between_stages b ON b.pipeline = p.pipeline AND b.from_stage = p.stage
        AND b.skipped = p.skipped
    GROUP BY p.opportunity, p.pipeline, b.stage, p.left_tick
),
earliest AS (
    SELECT i.opportunity, i.pipeline, i.stage, min(i.step) AS step, min(i.tick) AS tick
    FROM implied i
    GROUP BY i.opportunity, i.pipeline, i.stage
)
SELECT e.pipeline, e.stage, e.tick, COALESCE(f.entered_tick, 0) AS entered_tick,
       COALESCE(f.exit, 0) AS exit, COALESCE(f.left_tick, -1) AS left_tick,
       CASE WHEN f.step IS NULL THEN 0 ELSE 1 END AS visited, count(*) AS n
FROM earliest e
LEFT JOIN asked_passages f ON f.opportunity = e.opportunity AND f.pipeline = e.pipeline
    AND f.stage = e.stage AND f.visit = 1
WHERE f.step IS NULL OR f.step > e.step
GROUP BY e.pipeline, e.stage, e.tick, COALESCE(f.entered_tick, 0), COALESCE(f.exit, 0),
         COALESCE(f.left_tick, -1), CASE WHEN f.step IS NULL THEN 0 ELSE 1 END
ORDER BY e.pipeline, e.stage, e.tick, entered_tick, exit, left_tick, visited
"""
"""First visits that the policy `reached` puts before, or in place of, the observed ones."""

STARTED = """
SELECT p.pipeline, p.stage, p.entry, count(*) AS n
FROM asked_passages p
JOIN asked q ON q.pipeline = p.pipeline
GROUP BY p.pipeline, p.stage, p.entry
ORDER BY p.pipeline, p.stage, p.entry
"""
"""How deals came into a stage."""
