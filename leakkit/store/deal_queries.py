"""The SQL that counts deals, and lists them: how they end, where they stand, and whose they are.

It keeps to what `queries` keeps to, and has the same numbers for words.
"""

from __future__ import annotations

DECIDED = """
WITH first_end AS (
    SELECT p.opportunity, p.pipeline, min(p.step) AS step
    FROM asked_passages p
    WHERE p.exit IN (3, 5, 6)
    GROUP BY p.opportunity, p.pipeline
),
ends AS (
    SELECT d.pipeline, d.created_day, q.start_day, q.last_day, p.exit,
           CASE WHEN p.left_day <= q.last_day THEN p.left_day ELSE NULL END AS left_day
    FROM deal_ends d
    JOIN asked q ON q.pipeline = d.pipeline
    LEFT JOIN first_end f ON f.opportunity = d.opportunity AND f.pipeline = d.pipeline
    LEFT JOIN asked_passages p ON p.opportunity = f.opportunity AND p.step = f.step
    WHERE d.created_day <= q.last_day
),
spans AS (
    SELECT e.pipeline, COALESCE(e.left_day, e.last_day) - e.created_day AS leave_age,
           CASE WHEN e.start_day > e.created_day THEN e.start_day - e.created_day ELSE 0 END
               AS arrive_age,
           CASE WHEN e.left_day IS NULL OR e.exit = 6 THEN 0 ELSE 1 END AS closed
    FROM ends e
    WHERE COALESCE(e.left_day, e.last_day) >= e.start_day
)
SELECT s.pipeline, s.arrive_age, s.leave_age, s.closed, count(*) AS n
FROM spans s
GROUP BY s.pipeline, s.arrive_age, s.leave_age, s.closed
ORDER BY s.pipeline, s.arrive_age, s.leave_age, s.closed
"""
"""Days from creation to the first close, or until the deal moves: how long it is undecided."""

WINS = """
WITH moved AS (
    SELECT p.opportunity, p.pipeline, p.step,
           min(CASE WHEN x.step >= p.step THEN x.step END) AS moved_step,
           min(CASE WHEN x.step >= p.step THEN x.left_tick END) AS moved_tick
    FROM asked_passages p
    JOIN asked_passages x ON x.opportunity = p.opportunity AND x.pipeline = p.pipeline
        AND x.exit = 6
    WHERE p.visit = 1
    GROUP BY p.opportunity, p.pipeline, p.step
),
nearest AS (
    SELECT p.pipeline, p.stage, p.entered_tick, q.start_tick, q.end_tick,
           CASE WHEN d.won_step >= p.step THEN 1 ELSE 0 END AS wins,
           CASE WHEN m.moved_step IS NOT NULL AND (c.seq IS NULL OR m.moved_step < c.seq)
                THEN m.moved_tick ELSE c.entered_tick END AS left_tick,
           CASE WHEN m.moved_step IS NOT NULL AND (c.seq IS NULL OR m.moved_step < c.seq)
                THEN 6 WHEN c.stage = -1 THEN 3 WHEN c.stage = -2 THEN 5 ELSE 0 END AS exit
    FROM asked_passages p
    JOIN asked q ON q.pipeline = p.pipeline
    JOIN deal_ends d ON d.opportunity = p.opportunity AND d.pipeline = p.pipeline
    LEFT JOIN asked_moves c ON c.opportunity = p.opportunity AND c.closes = p.closes + 1
        AND c.stage < 0
    LEFT JOIN moved m ON m.opportunity = p.opportunity AND m.pipeline = p.pipeline
        AND m.step = p.step
    WHERE p.visit = 1 AND p.entered_tick < q.end_tick
),
inside AS (
    SELECT n.pipeline, n.stage,
           CASE WHEN n.start_tick > n.entered_tick THEN n.start_tick - n.entered_tick ELSE 0 END
               AS arrive_age,
           CASE WHEN n.left_tick < n.end_tick THEN n.left_tick ELSE n.end_tick - 1 END
               - n.entered_tick AS leave_age,
           CASE WHEN n.left_tick < n.end_tick THEN n.exit ELSE 0 END AS exit,
           CASE WHEN n.exit = 5 THEN n.wins ELSE 0 END AS won_later
    FROM nearest n
    WHERE n.exit = 0 OR n.left_tick >= n.start_tick
)
SELECT i.pipeline, i.stage, grouping(i.exit) AS arrives,
       COALESCE(i.arrive_age, i.leave_age) AS age, COALESCE(i.exit, -1) AS exit,
       count(*) AS n, sum(i.won_later) AS won_later
FROM inside i
GROUP BY GROUPING SETS ((i.pipeline, i.stage, i.arrive_age),
                        (i.pipeline, i.stage, i.leave_age, i.exit))
ORDER BY i.pipeline, i.stage, arrives, age, exit
"""
"""From the first entry into a stage to the deal's first close after it."""

JOURNEY = """
WITH same_day AS (
    SELECT m.opportunity, m.seq,
           row_number() OVER (PARTITION BY m.opportunity, m.pipeline, m.entered_tick ORDER BY m.seq)
               - 1 AS turn
    FROM asked_moves m
    JOIN (SELECT opportunity, pipeline, entered_tick FROM asked_moves
          WHERE left_tick = entered_tick
          GROUP BY opportunity, pipeline, entered_tick) z
        ON z.opportunity = m.opportunity AND z.pipeline = m.pipeline
        AND z.entered_tick = m.entered_tick
),
moved AS (
    SELECT opportunity, pipeline, min(seq) AS seq
    FROM asked_moves
    WHERE exit = 6
    GROUP BY opportunity, pipeline
),
changes AS (
    SELECT m.pipeline, 0 AS kind, m.stage AS stage, m.stage AS target,
           CASE WHEN m.entry = 0 THEN m.entered_tick ELSE q.start_tick END - e.first_tick AS age,
           0 AS turn
    FROM asked_moves m
    JOIN asked q ON q.pipeline = m.pipeline
    JOIN deal_ends e ON e.opportunity = m.opportunity AND e.pipeline = m.pipeline
    LEFT JOIN moved x ON x.opportunity = m.opportunity AND x.pipeline = m.pipeline
    WHERE m.entered_tick < q.end_tick AND (x.seq IS NULL OR m.seq <= x.seq)
        AND ((m.entry = 0 AND m.entered_tick >= q.start_tick)
             OR (m.entered_tick < q.start_tick
                 AND (m.left_tick IS NULL OR m.left_tick >= q.start_tick)))
    UNION ALL
    SELECT m.pipeline, 1 AS kind, m.before_stage AS stage, m.stage AS target,
           m.entered_tick - e.first_tick AS age, COALESCE(d.turn, 0) AS turn
    FROM asked_moves m
    JOIN asked q ON q.pipeline = m.pipeline
    JOIN deal_ends e ON e.opportunity = m.opportunity AND e.pipeline = m.pipeline
    LEFT JOIN same_day d ON d.opportunity = m.opportunity AND d.seq = m.seq
    LEFT JOIN moved x ON x.opportunity = m.opportunity AND x.pipeline = m.pipeline
    WHERE m.entry <> 0 AND m.entered_tick >= q.start_tick AND m.entered_tick < q.end_tick
        AND (x.seq IS NULL OR m.seq <= x.seq)
    UNION ALL
    SELECT m.pipeline, 2 AS kind, m.stage AS stage, m.stage AS target,
           CASE WHEN m.left_tick < q.end_tick THEN m.left_tick ELSE q.end_tick - 1 END
               - e.first_tick AS age, 0 AS turn
    FROM asked_moves m
    JOIN asked q ON q.pipeline = m.pipeline
    JOIN deal_ends e ON e.opportunity = m.opportunity AND e.pipeline = m.pipeline
    LEFT JOIN moved x ON x.opportunity = m.opportunity AND x.pipeline = m.pipeline
    WHERE m.entered_tick < q.end_tick AND (x.seq IS NULL OR m.seq <= x.seq)
        AND (m.left_tick IS NULL OR m.left_tick >= q.end_tick OR m.exit = 6)
        AND (m.left_tick IS NULL OR m.left_tick >= q.start_tick)
)
SELECT c.pipeline, c.kind, c.stage, c.target, c.age, c.turn, count(*) AS n
FROM changes c
GROUP BY c.pipeline, c.kind, c.stage, c.target, c.age, c.turn
ORDER BY c.pipeline, c.age, c.turn, c.kind, c.stage, c.target
"""
"""The whole way, clock from the first entry: 0 comes under observation, 1 moves, 2 is censored.

A deal is followed until it first moves to another pipeline, or comes back in another.
"""

OUTCOMES = """
SELECT o.pipeline, o.outcome, CASE WHEN o.has_history THEN 1 ELSE 0 END AS has_history,
       count(*) AS n, sum(CASE WHEN o.value IS NULL THEN 1 ELSE 0 END) AS without_value,
       sum(CASE WHEN o.value = 0 THEN 1 ELSE 0 END) AS zero_value,
       sum(CASE WHEN o.lost_reason = '' THEN 1 ELSE 0 END) AS without_reason,
       CAST(sum(COALESCE(o.value, 0)) AS BIGINT) AS total
FROM asked_opportunities o
JOIN asked q ON q.pipeline = o.pipeline
GROUP BY o.pipeline, o.outcome, CASE WHEN o.has_history THEN 1 ELSE 0 END
ORDER BY o.pipeline, o.outcome, has_history
"""
"""Deals by outcome, and what is missing in them."""

SPANS = """
WITH spans AS (
    SELECT p.pipeline, p.stage, min(p.entered_day) AS first, max(p.entered_day) AS last,
           count(*) AS n
    FROM asked_passages p
    GROUP BY p.pipeline, p.stage
),
arrivals AS (
    SELECT p.pipeline, p.entered_day AS day, count(*) AS n
    FROM asked_passages p
    WHERE p.entry = 0
    GROUP BY p.pipeline, p.entered_day
)
SELECT s.pipeline, s.stage, s.first, s.last, s.n,
       CAST(sum(CASE WHEN a.day > s.last THEN a.n ELSE 0 END) AS BIGINT) AS came_after
FROM spans s
LEFT JOIN arrivals a ON a.pipeline = s.pipeline
GROUP BY s.pipeline, s.stage, s.first, s.last, s.n
ORDER BY s.pipeline, s.stage
"""
"""When deals came into each stage, and how many new ones came into the pipeline since."""

LAST_STAGES = """
SELECT o.pipeline,
       COALESCE(o.current_stage, CASE WHEN d.last_exit = 0 THEN d.last_stage ELSE -1 END, -1)
           AS stage,
       o.outcome, count(*) AS n, CAST(sum(COALESCE(o.value, 0)) AS BIGINT) AS total
FROM asked_opportunities o
JOIN asked q ON q.pipeline = o.pipeline
LEFT JOIN deal_ends d ON d.opportunity = o.opportunity AND d.pipeline = o.pipeline
WHERE q.present = 1 OR NOT o.has_history
GROUP BY o.pipeline,
         COALESCE(o.current_stage, CASE WHEN d.last_exit = 0 THEN d.last_stage ELSE -1 END, -1),
         o.outcome
ORDER BY o.pipeline, stage, o.outcome
"""
"""Deals of which only the present state is known, by the stage that their row names (-1: none)."""

STOOD_FOR = """
SELECT o.pipeline, o.outcome,
       CASE WHEN o.outcome = 'open' THEN q.last_day ELSE o.closed_day END - o.created_day AS age,
       count(*) AS n
FROM asked_opportunities o
JOIN asked q ON q.pipeline = o.pipeline
WHERE q.present = 1 AND o.created_day IS NOT NULL
    AND CASE WHEN o.outcome = 'open' THEN q.last_day ELSE o.closed_day END >= o.created_day
GROUP BY o.pipeline, o.outcome,
         CASE WHEN o.outcome = 'open' THEN q.last_day ELSE o.closed_day END - o.created_day
ORDER BY o.pipeline, o.outcome, age
"""
"""Days from creation to the close, or of open deals until now, where no history is known."""

STANDS_SINCE = """
SELECT o.pipeline,
       COALESCE(o.current_stage, CASE WHEN d.last_exit = 0 THEN d.last_stage ELSE -1 END, -1)
           AS stage,
       q.last_day - s.since_day AS age, count(*) AS n
FROM asked_opportunities o
JOIN asked q ON q.pipeline = o.pipeline
JOIN standing s ON s.opportunity = o.opportunity
LEFT JOIN deal_ends d ON d.opportunity = o.opportunity AND d.pipeline = o.pipeline
WHERE q.present = 1 AND o.outcome = 'open' AND q.last_day >= s.since_day
GROUP BY o.pipeline,
         COALESCE(o.current_stage, CASE WHEN d.last_exit = 0 THEN d.last_stage ELSE -1 END, -1),
         q.last_day - s.since_day
ORDER BY o.pipeline, stage, age
"""
"""Days for which open deals have stood in their stage, where only the present state is known."""

CLOSES = """
SELECT o.pipeline, o.closed_day AS day, o.outcome, count(*) AS n,
       CAST(sum(COALESCE(o.value, 0)) AS BIGINT) AS total
FROM asked_opportunities o
JOIN asked q ON q.pipeline = o.pipeline
WHERE q.present = 1 AND o.outcome <> 'open' AND o.closed_day IS NOT NULL
GROUP BY o.pipeline, o.closed_day, o.outcome
ORDER BY o.pipeline, day, o.outcome
"""
"""Closes by day, where no history is known."""

LOSSES = """
SELECT o.pipeline, o.closed_day AS day, count(*) AS n
FROM asked_opportunities o
JOIN asked q ON q.pipeline = o.pipeline
WHERE o.outcome = 'lost' AND o.closed_day IS NOT NULL
GROUP BY o.pipeline, o.closed_day
ORDER BY o.pipeline, day
"""
"""Lost deals by the day of their close."""

LOST_REASONS = """
SELECT o.pipeline, COALESCE(o.current_stage, -1) AS stage, o.lost_reason, count(*) AS n
FROM asked_opportunities o
JOIN asked q ON q.pipeline = o.pipeline
WHERE q.present = 1 AND o.outcome = 'lost'
GROUP BY o.pipeline, COALESCE(o.current_stage, -1), o.lost_reason
ORDER BY o.pipeline, stage, n
"""
"""Lost deals by stage and reason, where no history is known; texts in no order."""

OWNED = """
SELECT o.pipeline, {owner} AS owner, o.outcome, count(*) AS n,
       CAST(sum(COALESCE(o.value, 0)) AS BIGINT) AS total
FROM asked_opportunities o
JOIN asked q ON q.pipeline = o.pipeline
WHERE q.present = 1
GROUP BY o.pipeline, {owner}, o.outcome
ORDER BY o.pipeline, o.outcome, n
"""
"""Deals by owner and outcome, where no history is known; texts in no order."""

AGES = """
WITH begun AS (
    SELECT o.pipeline, o.outcome, o.closed_day, COALESCE(o.created_day, e.day) AS day
    FROM asked_opportunities o
    LEFT JOIN (
        SELECT u.opportunity, min(p.entered_day) AS day
        FROM asked_opportunities u
        JOIN asked_passages p ON p.opportunity = u.opportunity
        WHERE u.created_day IS NULL
        GROUP BY u.opportunity
    ) e ON e.opportunity = o.opportunity
),
closed AS (
    SELECT pipeline, closed_day - day AS days, count(*) AS n
    FROM begun
    WHERE outcome <> 'open' AND closed_day IS NOT NULL AND day IS NOT NULL
    GROUP BY pipeline, closed_day - day
),
ranked AS (
    SELECT pipeline, days,
           sum(n) OVER (PARTITION BY pipeline ORDER BY days NULLS FIRST
                        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS place
    FROM closed
),
sizes AS (SELECT pipeline, sum(n) AS n FROM closed GROUP BY pipeline),
usual AS (
    SELECT r.pipeline, min(r.days) AS days
    FROM ranked r
    JOIN sizes s ON s.pipeline = r.pipeline
    WHERE r.place * 10 >= s.n * 9
    GROUP BY r.pipeline
)
SELECT b.pipeline, max(q.last_day) - max(b.day) AS since_entry, max(u.days) AS usual,
       CAST(sum(CASE WHEN b.outcome = 'open' AND q.last_day - b.day > u.days THEN 1 ELSE 0 END)
            AS BIGINT) AS overripe
FROM begun b
JOIN asked q ON q.pipeline = b.pipeline
LEFT JOIN usual u ON u.pipeline = b.pipeline
GROUP BY b.pipeline
ORDER BY b.pipeline
"""
"""How old deals are, against how long those that are closed took."""

ENTRANTS = """
SELECT p.pipeline, p.stage, p.bucket, count(*) AS n,
       sum(CASE WHEN p.value IS NULL THEN 0 ELSE 1 END) AS known,
       CAST(sum(COALESCE(p.value, 0)) AS BIGINT) AS total
FROM asked_passages p
JOIN parts w ON w.pipeline = p.pipeline
WHERE p.visit = 1 AND p.entered_tick >= w.first_tick AND p.entered_tick < w.end_tick
GROUP BY p.pipeline, p.stage, p.bucket
ORDER BY p.pipeline, p.stage, p.bucket
"""
"""The first entries to each stage in a window, by bucket, with their value where it is known."""

LARGEST = """
WITH placed AS (
    SELECT p.pipeline, p.stage, p.value,
           row_number() OVER (PARTITION BY p.pipeline, p.stage
                              ORDER BY p.value DESC NULLS LAST, p.opportunity NULLS LAST) AS place
    FROM asked_passages p
    JOIN parts w ON w.pipeline = p.pipeline
    WHERE p.visit = 1 AND p.value IS NOT NULL
        AND p.entered_tick >= w.first_tick AND p.entered_tick < w.end_tick
),
sizes AS (
    SELECT pipeline, stage, count(*) AS n
    FROM placed
    GROUP BY pipeline, stage
)
SELECT p.pipeline, p.stage, CAST(sum(p.value) AS BIGINT) AS total
FROM placed p
JOIN sizes s ON s.pipeline = p.pipeline AND s.stage = p.stage
WHERE p.place <= (s.n + 99) // 100
GROUP BY p.pipeline, p.stage
ORDER BY p.pipeline, p.stage
"""
"""The value of the largest 1 % of these entries, at least one of them."""

FOLLOWING = """
WITH again AS (
    SELECT opportunity FROM asked_passages WHERE visit > 1 GROUP BY opportunity
),
later AS (
    SELECT p.opportunity, p.step,
           lead(p.visit) OVER (PARTITION BY p.opportunity ORDER BY p.step NULLS FIRST) AS to_visit
    FROM asked_passages p
    JOIN again a ON a.opportunity = p.opportunity
)
SELECT p.pipeline, p.stage, CASE WHEN p.visit = 1 THEN 1 ELSE 2 END AS visits, p.exit, p.to_stage,
       CASE WHEN l.to_visit > 1 THEN 2 ELSE 1 END AS to_visits, count(*) AS n
FROM asked_passages p
LEFT JOIN later l ON l.opportunity = p.opportunity AND l.step = p.step
WHERE p.exit IN (1, 2, 4)
GROUP BY p.pipeline, p.stage, CASE WHEN p.visit = 1 THEN 1 ELSE 2 END, p.exit, p.to_stage,
         CASE WHEN l.to_visit > 1 THEN 2 ELSE 1 END
ORDER BY p.pipeline, p.stage, visits, p.exit, p.to_stage, to_visits
"""
"""Where deals went from each stage, first visits and later ones apart."""

LISTED_VISITS = """
SELECT p.opportunity, p.step, o.opportunity_id, o.name, {owner} AS owner, p.stage, p.exit,
       p.entered_day, p.left_day,
       CASE WHEN p.left_tick IS NULL THEN q.end_tick - 1 ELSE p.left_tick END - p.entered_tick
           AS stay,
       CASE WHEN p.exit = 0 AND (l.visit_late = 1 OR l.deal_late = 1) THEN 1 ELSE 0 END AS late,
       o.lost_reason, o.value
FROM asked_passages p
JOIN asked q ON q.pipeline = p.pipeline
JOIN opportunities o ON o.opportunity = p.opportunity
LEFT JOIN late l ON l.opportunity = p.opportunity AND l.pipeline = p.pipeline
ORDER BY p.opportunity, p.step
"""
"""The visits that the stages count, each with whose deal it is."""

LISTED_DEALS = """
SELECT d.opportunity, o.opportunity_id, o.name, {owner} AS owner, d.last_stage AS stage,
       d.last_exit AS exit, p.entered_day, p.left_day,
       CASE WHEN p.left_tick IS NULL THEN q.end_tick - 1 ELSE p.left_tick END - p.entered_tick
           AS stay,
       CASE WHEN d.last_exit = 0 AND (l.visit_late = 1 OR l.deal_late = 1) THEN 1 ELSE 0 END
           AS late,
       CASE WHEN d.created_day < c.mature_before THEN 1 ELSE 0 END AS mature,
       o.lost_reason, o.value
FROM deal_ends d
JOIN asked q ON q.pipeline = d.pipeline
JOIN cohorts c ON c.pipeline = d.pipeline
JOIN opportunities o ON o.opportunity = d.opportunity
JOIN asked_passages p ON p.opportunity = d.opportunity AND p.pipeline = d.pipeline
    AND p.step = d.last_step
LEFT JOIN late l ON l.opportunity = d.opportunity AND l.pipeline = d.pipeline
WHERE d.created_day >= c.cohort_from
ORDER BY d.opportunity
"""
"""The deals of the pipe, each once, in the visit that was its last."""

LISTED_PRESENT = """
SELECT o.opportunity, o.opportunity_id, o.name, {owner} AS owner,
       COALESCE(o.current_stage, CASE WHEN d.last_exit = 0 THEN d.last_stage ELSE -1 END, -1)
           AS stage,
       CASE WHEN o.outcome = 'won' THEN 3 WHEN o.outcome = 'lost' THEN 5 ELSE 0 END AS exit,
       s.since_day AS entered_day, o.closed_day AS left_day,
       (q.last_day - s.since_day) * n.unit_per_day AS stay, 0 AS late, o.lost_reason, o.value
FROM asked_opportunities o
JOIN asked q ON q.pipeline = o.pipeline
JOIN pipelines n ON n.pipeline = o.pipeline
LEFT JOIN deal_ends d ON d.opportunity = o.opportunity AND d.pipeline = o.pipeline
LEFT JOIN standing s ON s.opportunity = o.opportunity AND o.outcome = 'open'
ORDER BY o.opportunity
"""
"""The deals of a present state, each in the stage that its row names (-1: none)."""

LATE_DEALS = """
SELECT d.opportunity, o.opportunity_id, o.name, {owner} AS owner, d.last_stage AS stage,
       CASE WHEN q.end_tick - 1 > d.last_tick THEN q.end_tick - 1 - d.last_tick ELSE 0 END AS age,
       CASE WHEN q.last_day > d.created_day THEN q.last_day - d.created_day ELSE 0 END AS deal_age,
       l.visit_late, l.deal_late, d.value
FROM late l
JOIN asked q ON q.pipeline = l.pipeline
JOIN deal_ends d ON d.opportunity = l.opportunity AND d.pipeline = l.pipeline
JOIN opportunities o ON o.opportunity = l.opportunity
WHERE l.visit_late = 1 OR l.deal_late = 1
ORDER BY d.opportunity
"""
"""The open deals that are late, each with what a worklist says of it."""
