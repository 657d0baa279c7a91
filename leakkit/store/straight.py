"""The straight way: deals in which nothing is odd, from one pass over their rows in order.

Most deals need no resolving: their rows stand in order, name one pipeline, and close once, at
the end. Of each of their rows it is enough to know the neighbours. `ODD_DEALS` and `ODD_ROWS`
say what makes a deal odd (docs/straight-way.md gives the reasons); the odd ones, and only
these, are left to `resolve`. Both ways give the same tables, which a property test holds them to.

The rows of straight deals stand in the table `wide`; `moves`, `passages` and `stage_history`
are views over it, once the odd deals have joined it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.store import numbers, schema
from leakkit.store.database import quoted

if TYPE_CHECKING:
    from leakkit.store.database import Store
    from leakkit.store.moments import Zone
    from leakkit.store.resolve import Rules, Spoken

MOST_ODD = 0.5
"""Where more of the deals are odd, all of them take the long way: two ways take longer."""
STRAIGHT, ODD, CLOSED_BY_COLUMN, APART = range(4)
"""The kinds of a row in `wide` while it is made; APART stands before rows of an earlier deal."""

ODD_DEALS = {
    "no row of its own, or several": "o.content IS NULL",
    "value_negative": "o.value < 0",
    "value_unreadable": "o.value IS NULL AND o.value_text <> ''",
    "value_without_rate": "o.value >= 0 AND {value} IS NULL",
    "created_unreadable": "o.created_unread <> ''",
    "closed_unreadable": "o.closed_unread <> ''",
    "outcome_unknown": "o.outcome <> '' AND n.code IS NULL",
    "closes_after_as_of": "n.code < 0 AND o.closed_at > {cut}",
}
"""What makes a deal odd by its own row; what is not said (NULL) makes none odd."""

ODD_ROWS = {
    "no pipeline": "COALESCE(pipeline < 0, TRUE)",
    "unknown_stage": f"code = {schema.UNKNOWN}",
    "missing or after as_of": "COALESCE(entered_at > {cut}, TRUE)",
    "odd deal": "odd",
    "close first": "NOT follows AND code < 0",
    "from_stage_used": "NOT follows AND from_code >= 0 AND from_code <> code",
    "after a close": "follows AND before_code < 0",
    "moved": "follows AND COALESCE(before_pipeline <> pipeline, TRUE)",
    "equal neighbour": "follows AND before_code = code",
    "out of order": "follows AND COALESCE(before_at > entered_at, TRUE)",
    "tie": """follows AND before_at = entered_at AND (before_part > part
              OR (before_part = part AND COALESCE(before_seq >= seq, TRUE)))""",
    "break": "follows AND from_code <> before_code",
    "outcome_disagrees": "is_last AND code < 0 AND said <> code",
    "open_with_closed_at": "is_last AND code >= 0 AND said = 0 AND closed_at <= {cut}",
    "closed without moment, or before": """is_last AND code >= 0 AND said < 0
                                           AND COALESCE(closed_at < entered_at, TRUE)""",
    "present_stage_ahead": "is_last AND code >= 0 AND present >= 0 AND present <> code",
    "lost_elsewhere": f"""is_last AND code = {schema.LOST}
                          AND present >= 0 AND present <> before_code""",
}
"""What makes a row, and so its deal, odd; `before_` is of the row before, `said` of the column."""

CLOSING = "is_last AND code >= 0 AND COALESCE(said < 0, FALSE)"
"""A row after which its deal is closed by the column only."""

NOTHING = """
DROP TABLE IF EXISTS wide;
CREATE TEMP VIEW left_history AS SELECT * FROM given_history;
CREATE TEMP VIEW left_opportunities AS SELECT * FROM given_opportunities;
CREATE TEMP TABLE straight_rows AS SELECT 0 AS deals, 0 AS rows;
CREATE TEMP TABLE straight_deals (opportunity INTEGER, created_at BIGINT);
CREATE TEMP TABLE straight_ends (opportunity INTEGER, end_code SMALLINT);
"""
"""Without a straight deal all of them are left to `resolve`."""

IN_ORDER = """
SELECT COALESCE(bool_and(before <= opportunity), TRUE)
       AND 100 * count(*) FILTER (before = opportunity AND before_at > entered_at) <= count(*)
FROM (SELECT opportunity, entered_at, lag(opportunity) OVER () AS before,
             lag(entered_at) OVER () AS before_at FROM steps)
"""
"""Whether the rows of each deal stand together, and nearly all of them in order."""

IN_PLACE = f"""
SELECT count(*) FILTER (kind = {APART}) = 0
       AND count(*) FILTER (seq > 2) = count(*) FILTER (NOT is_last)
       AND COALESCE(sum(entered_at) FILTER (seq > 2), 0)
           = COALESCE(sum(left_at) FILTER (NOT is_last), 0)
       AND COALESCE(sum(stage) FILTER (seq > 2), 0)
           = COALESCE(sum(after_stage) FILTER (NOT is_last), 0)
FROM wide
"""  # noqa: S608 - numbers of this module
"""Whether one pass saw the deals one after the other, and each row from both its neighbours."""


def take(store: Store, rules: Rules, spoken: Spoken, *, plain: bool) -> None:
    """Take the straight deals, and leave all others to be resolved.

    Makes `left_history` and `left_opportunities`, the rows that are left; `straight_rows`, how
    many deals and rows of the history are used already; `straight_deals` with what they say of
    their creation, and `straight_ends` with their last stages. Writes `wide` and `opportunities`
    where there is a straight deal; there is none with `plain` being False, and where an earlier
    store has settled deals.
    """
    asked = plain and not store.value("SELECT count(*) FROM unchanged")
    if asked and _look(store, rules, spoken):
        _part(store, rules)
        _write_opportunities(store, rules)
    else:
        store.run(NOTHING)
    store.run("; ".join(f"DROP TABLE IF EXISTS {name}" for name in ("steps", "known", "odd")))


def taken(store: Store) -> bool:
    """Say whether any deal went the straight way."""
    return bool(store.value("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'wide'"))


def _look(store: Store, rules: Rules, spoken: Spoken) -> bool:
    """Make `wide` and `odd`; False where the straight way does not pay, or cannot be trusted."""
    _know(store, rules)
    _step(store, rules, spoken)
    if store.value("SELECT count(*) FROM steps WHERE opportunity IS NULL"):
        numbers.number(store, with_history=True)
        _know(store, rules)
        _step(store, rules, spoken)
    _put_in_order(store)
    _widen(store, rules)
    if not store.value(IN_PLACE):
        return False
    store.run(
        f"""
        CREATE TEMP TABLE odd AS
        SELECT opportunity FROM wide WHERE kind = {ODD} GROUP BY opportunity
        UNION ALL
        SELECT opportunity FROM known
        WHERE opportunity NOT IN (SELECT opportunity FROM wide WHERE seq = 2)
        """  # noqa: S608 - numbers of this module
    )
    odd, deals = store.rows("SELECT (SELECT count(*) FROM odd), (SELECT count(*) FROM ids)")[0]
    return bool(deals and odd <= MOST_ODD * deals)


def _know(store: Store, rules: Rules) -> None:
    """Make `known`: what the row of each deal says, and whether that alone makes it odd."""
    value = rules.value_sql("o")
    odd = " OR ".join(f"COALESCE({one}, FALSE)" for one in ODD_DEALS.values())
    store.run(
        f"""
        CREATE OR REPLACE TEMP TABLE known AS
        SELECT i.opportunity, i.opportunity_id, o.line, p.pipeline AS own_pipeline,
               CAST(n.code AS TINYINT) AS said, o.created_at, o.closed_at, {value} AS value,
               {schema.bucket_sql("i.opportunity_id")} AS bucket, NULLIF(o.stage, '') AS stage,
               {odd.format(value=value, cut=rules.cut)} AS odd
        FROM ids i
        LEFT JOIN (SELECT * FROM given_opportunities WHERE opportunity_id NOT IN (
                       SELECT opportunity_id FROM repeated)) o
            ON o.opportunity_id = i.opportunity_id
        LEFT JOIN pipeline_names p ON p.said = o.pipeline
        LEFT JOIN outcome_names n ON n.said = o.outcome
        """  # noqa: S608 - numbers and names of this program
    )


def _step(store: Store, rules: Rules, spoken: Spoken) -> None:
    """Make `steps`: every row with its deal, in numbers; rows without an id have none."""
    own = rules.no_pipeline
    if spoken.unnamed_pipeline:
        own = f"d.own_pipeline, {own}"
    further, joins = "", ""
    for name, text, is_said in (
        ("from_code", "h.from_stage", spoken.from_stage),
        ("present", "d.stage", _says_where_it_stands(store, rules)),
    ):
        further += f", {f'{name}.code' if is_said else 'CAST(NULL AS SMALLINT)'} AS {name}"
        if is_said:
            joins += (
                f"LEFT JOIN stage_names {name} ON {name}.said = {text} "
                f"AND {name}.pipeline = COALESCE(p.pipeline, {own})\n"
            )
    store.run(
        f"""
        CREATE OR REPLACE TEMP TABLE steps AS
        SELECT d.opportunity, CAST(COALESCE(p.pipeline, {own}) AS SMALLINT) AS pipeline,
               COALESCE(s.code, CAST({schema.UNKNOWN} AS SMALLINT)) AS code,
               h.entered_at, h.part, h.seq, {rules.zone.day_sql("h.entered_at")} AS entered_day,
               d.said, d.closed_at, d.value, d.bucket, d.odd{further}
        FROM given_history h
        LEFT JOIN known d ON d.opportunity_id = h.opportunity_id
        LEFT JOIN pipeline_names p ON p.said = h.pipeline
        LEFT JOIN stage_names s ON s.pipeline = COALESCE(p.pipeline, {own}) AND s.said = h.stage
        {joins}
        WHERE h.opportunity_id <> ''
        """  # noqa: S608 - numbers and names of this program
    )


def _says_where_it_stands(store: Store, rules: Rules) -> bool:
    """Say whether the deals say where they stand, and it is asked."""
    asked = rules.config.source.present_stage == "counts"
    return asked and bool(store.value("SELECT count(stage) FROM known"))


def _put_in_order(store: Store) -> None:
    """Put `steps` in order, unless they stand so already; `IN_PLACE` looks at it again."""
    if not store.value(IN_ORDER):
        store.run(
            """
            CREATE TEMP TABLE sorted_steps AS
            SELECT * FROM steps ORDER BY opportunity, entered_at, part, seq NULLS LAST;
            DROP TABLE steps;
            ALTER TABLE sorted_steps RENAME TO steps
            """
        )


NEIGHBOURS = """
SELECT *, place - max(CASE WHEN NOT follows THEN place END) OVER (
              ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) + 1 AS turn
FROM (SELECT *, COALESCE(before = opportunity, FALSE) AS follows,
             COALESCE(after <> opportunity, TRUE) AS is_last
      FROM (SELECT *, row_number() OVER () AS place, lag(opportunity) OVER () AS before,
                   lag(code) OVER () AS before_code, lag(pipeline) OVER () AS before_pipeline,
                   lag(entered_at) OVER () AS before_at, lag(part) OVER () AS before_part,
                   lag(seq) OVER () AS before_seq, lead(opportunity) OVER () AS after,
                   lead(code) OVER () AS after_code, lead(entered_at) OVER () AS after_at,
                   lead(entered_day) OVER () AS after_day
            FROM steps))
"""


def _widen(store: Store, rules: Rules) -> None:
    """Make `wide`: every row with its neighbours, from one pass over `steps`."""
    odd = " OR ".join(f"COALESCE({one}, FALSE)" for one in ODD_ROWS.values())
    zone = rules.zone
    ticks = ""
    if by_hour := _pipelines_by_hour(store):
        ticks = ", ".join(
            f"CASE WHEN pipeline IN ({by_hour}) THEN {zone.hour_sql(f'{name}_at')} "
            f"ELSE {name}_day END AS {name}_tick"
            for name in ("entered", "left")
        )
        ticks = f", {ticks}"
    store.run(
        f"""
        CREATE TABLE wide AS
        SELECT *{ticks} FROM (
            SELECT opportunity, pipeline, code AS stage, CAST(2 * turn AS INTEGER) AS seq,
                   CASE WHEN follows THEN before_code END AS before_stage,
                   CAST(CASE WHEN NOT is_last THEN after_code WHEN {CLOSING} THEN said END
                        AS SMALLINT) AS after_stage,
                   entered_at, entered_day,
                   CASE WHEN NOT is_last THEN after_at WHEN {CLOSING} THEN closed_at END AS left_at,
                   CASE WHEN NOT is_last THEN after_day
                        WHEN {CLOSING} THEN {zone.day_sql("closed_at")} END AS left_day,
                   CAST(CASE WHEN code < 0 THEN 1 ELSE 0 END AS SMALLINT) AS closes,
                   CAST(CASE WHEN NOT follows THEN {schema.NEW}
                             WHEN before_code = code - 1 THEN {schema.FROM_PREVIOUS}
                             WHEN before_code < code THEN {schema.JUMPED_IN}
                             ELSE {schema.RETURNED_IN} END AS TINYINT) AS entry,
                   CAST(CASE CASE WHEN NOT is_last THEN after_code WHEN {CLOSING} THEN said END
                             WHEN {schema.WON} THEN {schema.WON_HERE}
                             WHEN {schema.LOST} THEN {schema.LOST_HERE}
                             ELSE CASE WHEN is_last THEN {schema.OPEN}
                                       WHEN after_code = code + 1 THEN {schema.NEXT}
                                       WHEN after_code > code THEN {schema.JUMPED}
                                       ELSE {schema.RETURNED} END END AS TINYINT) AS exit,
                   1 AS visit, value, bucket, CAST(NULL AS BIGINT) AS last_touch, is_last,
                   CAST(CASE WHEN before > opportunity THEN {APART}
                             WHEN {odd.format(cut=rules.cut)} THEN {ODD}
                             WHEN {CLOSING} THEN {CLOSED_BY_COLUMN}
                             ELSE {STRAIGHT} END AS TINYINT) AS kind
            FROM ({NEIGHBOURS}))
        """  # noqa: S608 - numbers and names of this program
    )


def _pipelines_by_hour(store: Store) -> str:
    """Return the numbers of the pipelines whose stays are counted in hours, as SQL."""
    rows = store.rows("SELECT pipeline FROM pipelines WHERE unit_per_day = 24 ORDER BY pipeline")
    return ", ".join(str(row[0]) for row in rows)


def _part(store: Store, rules: Rules) -> None:
    """Part the odd deals from the others, whose rows are then complete."""
    if store.value("SELECT count(*) FROM odd"):
        store.run("DELETE FROM wide WHERE opportunity IN (SELECT opportunity FROM odd)")
    store.run(
        f"""
        CREATE TEMP TABLE straight_rows AS
        SELECT count(*) FILTER (seq = 2) AS deals, count(*) AS rows FROM wide;
        INSERT INTO wide BY NAME
        SELECT * EXCLUDE (left_at, left_day) REPLACE (
                   after_stage AS stage, seq + 2 AS seq, stage AS before_stage,
                   NULL AS after_stage, left_at AS entered_at, left_day AS entered_day,
                   1 AS closes, {schema.RETURNED_IN} AS entry, {schema.OPEN} AS exit)
        FROM wide WHERE kind = {CLOSED_BY_COLUMN};
        UPDATE wide SET visit = v.visit FROM (
            SELECT rowid AS row, row_number() OVER (
                       PARTITION BY opportunity, stage ORDER BY seq) AS visit
            FROM wide WHERE stage >= 0 AND opportunity IN (
                SELECT opportunity FROM wide WHERE stage >= 0 AND entry = {schema.RETURNED_IN})) v
        WHERE wide.rowid = v.row AND v.visit > 1;
        CREATE TEMP TABLE left_ids AS
        SELECT opportunity_id FROM ids WHERE opportunity IN (SELECT opportunity FROM odd);
        CREATE TEMP TABLE straight_deals AS
        SELECT opportunity, created_at FROM known
        WHERE opportunity NOT IN (SELECT opportunity FROM odd);
        CREATE TEMP VIEW straight_ends AS
        SELECT opportunity, stage AS end_code FROM wide WHERE left_at IS NULL;
        """  # noqa: S608 - numbers of this program
    )
    left = "" if store.value("SELECT count(*) FROM left_ids") else "LIMIT 0"
    for table in ("history", "opportunities"):
        store.run(
            f"""
            CREATE TEMP TABLE left_{table} AS
            SELECT * FROM given_{table}
            WHERE opportunity_id IN (SELECT opportunity_id FROM left_ids) {left}
            """  # noqa: S608 - names of this module
        )


def _write_opportunities(store: Store, rules: Rules) -> None:
    """Write the opportunities of the straight deals."""
    day = rules.zone.day_sql
    columns = "".join(
        f", o.segment_{i} AS {quoted(name)}" for i, name in enumerate(rules.segments)
    )
    # an event file has no row of its own for a deal
    same = "opportunity_id" if rules.one_file else "line"
    store.run(
        f"""
        CREATE TABLE opportunities AS
        SELECT * REPLACE ({day("created_at")} AS created_day, {day("closed_at")} AS closed_day)
        FROM (
            SELECT d.opportunity, d.opportunity_id, e.pipeline, d.bucket,
                   CASE WHEN d.created_at <= f.entered_at THEN d.created_at
                        ELSE f.entered_at END AS created_at, NULL AS created_day,
                   CASE WHEN e.stage < 0 THEN e.entered_at END AS closed_at, NULL AS closed_day,
                   CASE e.stage WHEN {schema.WON} THEN 'won' WHEN {schema.LOST} THEN 'lost'
                        ELSE 'open' END AS outcome,
                   d.value, o.currency, COALESCE(o.lost_reason, '') AS lost_reason,
                   COALESCE(o.name, '') AS name, CAST(NULL AS SMALLINT) AS current_stage,
                   TRUE AS has_history, TRUE AS given{columns}
            FROM (SELECT opportunity, pipeline, stage, entered_at FROM wide
                  WHERE left_at IS NULL) e
            JOIN (SELECT opportunity, entered_at FROM wide WHERE seq = 2) f
                ON f.opportunity = e.opportunity
            JOIN known d ON d.opportunity = e.opportunity
            JOIN given_opportunities o ON o.{same} = d.{same})
        """  # noqa: S608 - quoted headings, and names of this program
    )


def join(store: Store, zone: Zone) -> None:
    """Let the odd deals join the others, and make the tables of both, as views.

    Called when `stage_history`, `moves` and `passages` hold the odd deals.
    """
    by_hour = _pipelines_by_hour(store)
    ticks = ", m.entered_tick, m.left_tick" if by_hour else ""
    store.run(
        f"""
        ALTER TABLE wide DROP COLUMN kind;
        ALTER TABLE wide DROP COLUMN is_last;
        INSERT INTO wide BY NAME
        SELECT m.opportunity, m.pipeline, m.stage, m.seq, m.before_stage, m.after_stage,
               m.entered_at, m.entered_day, m.left_at, m.left_day, m.closes, m.entry, m.exit,
               COALESCE(p.visit, 1) AS visit, o.value, o.bucket, h.last_touch{ticks}
        FROM moves m
        JOIN stage_history h ON h.opportunity = m.opportunity AND h.seq = m.seq
        JOIN opportunities o ON o.opportunity = m.opportunity
        LEFT JOIN passages p ON p.opportunity = m.opportunity AND p.step = m.seq;
        DROP TABLE passages; DROP TABLE moves; DROP TABLE stage_history;
        """  # noqa: S608 - names of this module
    )
    tick = "{0}_tick" if by_hour else "{0}_day AS {0}_tick"
    ticks = f"{tick.format('entered')}, {tick.format('left')}"
    moved = f"exit = {schema.MOVED} OR after_stage < 0"
    skipped = f"""CASE exit WHEN {schema.JUMPED} THEN after_stage - stage - 1
                  WHEN {schema.WON_HERE} THEN {_stages_sql(store)} - stage - 1 ELSE 0 END"""
    store.run(
        f"""
        CREATE VIEW stage_history AS
        SELECT opportunity, pipeline, stage, entered_at, entered_day,
               {zone.hour_sql("entered_at")} AS entered_hour, seq,
               COALESCE(last_touch, entered_at) AS last_touch
        FROM wide;
        CREATE VIEW moves AS
        SELECT opportunity, pipeline, stage, seq, before_stage, after_stage, entered_at,
               entered_day, left_at, left_day, {ticks}, closes, entry, exit
        FROM wide;
        CREATE VIEW passages AS
        SELECT opportunity, pipeline, seq AS step, stage, visit, entry, entered_at, entered_day,
               {tick.format("entered")}, left_at, left_day, {tick.format("left")}, exit,
               CASE WHEN {moved} THEN NULL ELSE after_stage END AS to_stage,
               CAST({skipped} AS SMALLINT) AS skipped, closes, value, bucket
        FROM wide WHERE stage >= 0
        """  # noqa: S608 - numbers and names of this program
    )


def _stages_sql(store: Store) -> str:
    """Return SQL for the number of stages of a pipeline."""
    rows = store.rows("SELECT pipeline, count(*) FROM stages GROUP BY pipeline ORDER BY pipeline")
    return f"CASE pipeline {' '.join(f'WHEN {p} THEN {n}' for p, n in rows)} END"
