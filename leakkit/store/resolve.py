"""From rows as given to the canonical tables: what becomes of every deal and every row.

The steps are those of docs/contracts.md, "The order in which a source is resolved";
each function below names its step. Sources hand over two relations,

- `given_opportunities` (line, opportunity_id, pipeline, name, created_at, closed_at,
  outcome, stage, value, currency, lost_reason, and segment columns), and
- `given_history` (line, opportunity_id, pipeline, stage, entered_at, from_stage, seq),

with texts trimmed and '' where empty, moments in UTC seconds, money in minor units of
its own currency. This room runs on the local engine only, so it may use DuckDB's own
functions; the counting in `queries.py` may not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from leakkit.config import Config, Pipeline, folded
from leakkit.store import queries, schema
from leakkit.store.database import Store, quoted

if TYPE_CHECKING:
    from leakkit.store.moments import Zone

WON_WORDS = ("won", "win", "closed won", "closedwon", "success", "successful", "موفق")
LOST_WORDS = (
    "lost",
    "loss",
    "closed lost",
    "closedlost",
    "cancelled",
    "canceled",
    "declined",
    "rejected",
    "disqualified",
    "ناموفق",
)
OPEN_WORDS = ("open", "in progress", "active", "ongoing", "جاری")


@dataclass(frozen=True)
class Rules:
    """What the resolving needs to know beside the rows.

    `cut` is the last used moment, `newest_first` the direction of the history file
    (None where it shows none), `segments` the further columns to keep.
    """

    config: Config
    zone: Zone
    cut: int
    newest_first: bool | None
    segments: tuple[str, ...]


def resolve(store: Store, rules: Rules) -> None:
    """Write the canonical tables, and what became of every row, into `store`."""
    _names(store, rules.config)
    _ids(store)
    _events(store, rules)
    _set_aside(store, rules)
    _order(store, rules)
    _undo_closes(store, rules.zone)
    _touches(store)
    _starts(store)
    _outcomes(store, rules)
    _opportunities(store, rules)
    _history(store, rules.zone)
    _passages(store)


def outcome_words(config: Config) -> dict[str, int]:
    """Return the words of an outcome column -> 0 open, WON or LOST."""
    own = config.source.outcomes
    words = {0: (own.open, OPEN_WORDS), schema.WON: (own.won, WON_WORDS)}
    words[schema.LOST] = (own.lost, LOST_WORDS)
    built_in = {folded(word): code for code, (_, known) in words.items() for word in known}
    return built_in | {folded(word): code for code, (said, _) in words.items() for word in said}


def stage_names(pipeline: Pipeline) -> dict[str, int]:
    """Return what a history row of this pipeline may say -> position, WON or LOST."""
    closes = {folded(word): schema.WON for word in pipeline.won or WON_WORDS}
    closes |= {folded(word): schema.LOST for word in pipeline.lost or LOST_WORDS}
    stages = {
        folded(name): position
        for position, stage in enumerate(pipeline.stages)
        for name in (stage.name, *stage.aliases)
    }
    return closes | stages


def _names(store: Store, config: Config) -> None:
    """Map the texts of pipelines, stages and outcomes that occur to their numbers."""
    numbers = {folded(pipeline.name): i for i, pipeline in enumerate(config.pipelines)}
    texts = _texts(store, "pipeline", "given_opportunities", "given_history")
    store.put(
        "pipeline_names",
        pd.DataFrame(
            {"said": texts, "pipeline": [numbers.get(folded(text), -1) for text in texts]},
        ).astype({"said": "str", "pipeline": "int16"}),
    )
    said = _texts(store, "stage", "given_opportunities", "given_history")
    said = sorted({*said, *_texts(store, "from_stage", "given_history")})
    found = [
        (number, text, names[folded(text)])
        for number, pipeline in enumerate(config.pipelines)
        for names in [stage_names(pipeline)]
        for text in said
        if folded(text) in names
    ]
    store.put(
        "stage_names",
        pd.DataFrame(found, columns=["pipeline", "said", "code"]).astype(
            {"pipeline": "int16", "said": "str", "code": "int16"},
        ),
    )
    words = outcome_words(config)
    outcomes = _texts(store, "outcome", "given_opportunities")
    known = [(text, words[folded(text)]) for text in outcomes if folded(text) in words]
    store.put(
        "outcome_names",
        pd.DataFrame(known, columns=["said", "code"]).astype({"said": "str", "code": "int16"}),
    )


def _texts(store: Store, column: str, *tables: str) -> list[str]:
    """Return the different texts of a column, in code-point order."""
    each = " UNION ".join(f"SELECT {column} AS said FROM {table}" for table in tables)  # noqa: S608 - names of this module
    rows = store.rows(f"SELECT DISTINCT said FROM ({each}) WHERE said <> '' ORDER BY said")  # noqa: S608 - as above
    return [str(row[0]) for row in rows]


def _ids(store: Store) -> None:
    """Steps 1 to 3: number the opportunities in code-point order; merge equal rows."""
    columns = store.rows("DESCRIBE given_opportunities")
    content = ", ".join(quoted(row[0]) for row in columns if row[0] != "line")
    store.run(
        f"""
        CREATE TEMP TABLE ids AS
        SELECT opportunity_id,
               CAST(row_number() OVER (ORDER BY opportunity_id) AS INTEGER) AS opportunity
        FROM (SELECT opportunity_id FROM given_opportunities
              UNION SELECT opportunity_id FROM given_history)
        WHERE opportunity_id <> '';
        CREATE TEMP TABLE repeated AS
        SELECT opportunity_id, count(*) AS lines, min(line) AS first_line,
               count(DISTINCT hash({content})) AS versions
        FROM given_opportunities WHERE opportunity_id <> ''
        GROUP BY opportunity_id HAVING count(*) > 1;
        CREATE TEMP TABLE deals AS
        SELECT i.opportunity, p.pipeline AS own_pipeline, o.*,
               COALESCE(r.versions, 1) AS versions
        FROM given_opportunities o
        JOIN ids i ON i.opportunity_id = o.opportunity_id
        LEFT JOIN pipeline_names p ON p.said = o.pipeline
        LEFT JOIN repeated r ON r.opportunity_id = o.opportunity_id
        WHERE r.first_line IS NULL OR r.first_line = o.line;
        """,  # noqa: S608 - quoted headings
    )


def _events(store: Store, rules: Rules) -> None:
    """Steps 2 to 5: find pipeline and stage of every history row, and what is not asked for."""
    only = 0 if len(rules.config.pipelines) == 1 else "NULL"
    ignore = "s.code IS NULL" if rules.config.source.ignore_unknown_stages else "FALSE"
    store.run(
        f"""
        CREATE TEMP TABLE events AS
        SELECT i.opportunity, CAST(h.pipeline AS SMALLINT) AS pipeline, h.entered_at, h.seq, h.line,
               COALESCE(s.code, {schema.UNKNOWN}) AS code, h.from_stage,
               COALESCE(h.pipeline = -1 OR h.entered_at > {rules.cut}
                        OR (h.pipeline IS NOT NULL AND {ignore}), FALSE)
               AND h.pipeline IS NOT NULL AND r.opportunity_id IS NULL AS not_asked
        FROM (SELECT h.* REPLACE (COALESCE(p.pipeline, d.own_pipeline, {only}) AS pipeline)
              FROM given_history h
              LEFT JOIN pipeline_names p ON p.said = h.pipeline
              LEFT JOIN (SELECT opportunity_id, min(own_pipeline) AS own_pipeline FROM deals
                         WHERE own_pipeline IS NOT NULL GROUP BY opportunity_id) d
                ON d.opportunity_id = h.opportunity_id AND h.pipeline = ''
              WHERE h.opportunity_id <> '') h
        JOIN ids i ON i.opportunity_id = h.opportunity_id
        LEFT JOIN repeated r ON r.opportunity_id = h.opportunity_id AND r.versions > 1
        LEFT JOIN stage_names s ON s.pipeline = h.pipeline AND s.said = h.stage;
        """,  # noqa: S608 - numbers and names of this module
    )
    _forget_after_wins(store, rules)


def _in_file_order(rules: Rules) -> str:
    """Step 6: return SQL that orders rows of a deal with the same moment and no `seq`."""
    declared = f"CASE code WHEN {schema.UNKNOWN} THEN 31000 WHEN {schema.WON} THEN 32000 WHEN {schema.LOST} THEN 32000 ELSE code END, line"
    return {False: "line", True: "-line", None: declared}[rules.newest_first]


def _forget_after_wins(store: Store, rules: Rules) -> None:
    """Step 5: rows without a stage that stand after a win are not asked for."""
    store.run(
        f"""
        UPDATE events SET not_asked = TRUE FROM (
            SELECT line AS at_line FROM (
                SELECT line, code, max(CASE WHEN code = {schema.WON} THEN 1 ELSE 0 END) OVER (
                           PARTITION BY opportunity
                           ORDER BY entered_at, seq NULLS LAST, {_in_file_order(rules)}
                           ROWS UNBOUNDED PRECEDING) AS won
                FROM events
                WHERE NOT not_asked AND entered_at IS NOT NULL AND opportunity IN (
                    SELECT opportunity FROM events WHERE code = {schema.UNKNOWN} AND NOT not_asked))
            WHERE code = {schema.UNKNOWN} AND won = 1) found
        WHERE events.line = found.at_line
        """,  # noqa: S608 - numbers and names of this module
    )


def _set_aside(store: Store, rules: Rules) -> None:
    """Steps 2, 3 and 5: the deals that cannot be read without guessing, each with its reason."""
    store.run(
        f"""
        CREATE TEMP TABLE aside AS
        SELECT opportunity, min(reason) AS reason FROM (
            SELECT opportunity, 'conflicting_rows' AS reason FROM deals WHERE versions > 1
            UNION ALL SELECT opportunity, 'missing_moment' FROM events
                WHERE NOT not_asked AND entered_at IS NULL
            UNION ALL SELECT opportunity, 'missing_pipeline' FROM events
                WHERE NOT not_asked AND pipeline IS NULL
            UNION ALL SELECT opportunity, 'unknown_stage' FROM events
                WHERE NOT not_asked AND code = {schema.UNKNOWN} AND pipeline IS NOT NULL
            UNION ALL SELECT opportunity, 'missing_pipeline' FROM deals
                WHERE own_pipeline IS NULL AND {len(rules.config.pipelines)} > 1
                  AND COALESCE(created_at <= {rules.cut}, TRUE) AND opportunity NOT IN (SELECT opportunity FROM events WHERE NOT not_asked)
        ) GROUP BY opportunity;
        CREATE TEMP VIEW used_events AS
        SELECT * FROM events
        WHERE NOT not_asked AND opportunity NOT IN (SELECT opportunity FROM aside);
        """,  # noqa: S608 - numbers of this module
    )


def _order(store: Store, rules: Rules) -> None:
    """Steps 6 and 8: put the rows of each deal in order, and mark equal neighbours."""
    store.run(
        f"""
        CREATE TEMP TABLE ordered AS
        SELECT opportunity, pipeline, code, entered_at, line, place, from_stage,
               CAST(before_pipeline AS SMALLINT) AS before_pipeline, before_code,
               tie, before_code IS NULL OR code <> before_code
                    OR (code >= 0 AND pipeline <> before_pipeline) AS kept
        FROM (SELECT *, 2 * row_number() OVER w AS place, lag(code) OVER w AS before_code,
                     lag(pipeline) OVER w AS before_pipeline,
                     COALESCE(entered_at = lag(entered_at) OVER w
                              AND (seq IS NULL OR seq = lag(seq) OVER w), FALSE) AS tie
              FROM used_events
              WINDOW w AS (PARTITION BY opportunity
                           ORDER BY entered_at, seq NULLS LAST, {_in_file_order(rules)}));
        """,  # noqa: S608 - names of this module
    )


def _undo_closes(store: Store, zone: Zone) -> None:
    """Step 9: what follows a close, for the deals in which something does.

    Equal neighbours may appear each time a row goes, so they are merged again.
    """
    day = zone.day_sql("entered_at")
    same = "code = before_code AND (code < 0 OR pipeline = before_pipeline)"
    undone = f"code < 0 AND later_code IS NOT NULL AND later_day - {day} <= 1"
    store.run(
        f"""
        CREATE TEMP TABLE after_close AS
        SELECT opportunity, CASE WHEN code < 0 THEN before_pipeline ELSE pipeline END AS pipeline,
               code, entered_at, place, 'kept' AS fate
        FROM ordered
        WHERE kept AND opportunity IN (SELECT opportunity FROM ordered WHERE kept AND before_code < 0)
        """,  # noqa: S608 - names of this module
    )
    for fate, condition in (
        ("close_undone", undone),
        ("merged", same),
        ("closed_after_win", f"code = {schema.LOST} AND before_code = {schema.WON}"),
        ("merged", same),
        ("close_without_stage", "top_code < 0 AND best_code >= 0"),
    ):
        store.run(
            f"""
            UPDATE after_close SET fate = '{fate}' FROM (
                SELECT opportunity AS deal, place AS at_place FROM (
                    SELECT *, lag(code) OVER w AS before_code, lag(pipeline) OVER w AS before_pipeline,
                           lead(code) OVER w AS later_code, max(code) OVER w AS top_code,
                           max(code) OVER (PARTITION BY opportunity) AS best_code,
                           {zone.day_sql("lead(entered_at) OVER w")} AS later_day
                    FROM after_close WHERE fate = 'kept'
                    WINDOW w AS (PARTITION BY opportunity ORDER BY place))
                WHERE {condition}) found
            WHERE opportunity = deal AND place = at_place
            """,  # noqa: S608 - names of this module
        )


def _touches(store: Store) -> None:
    """Step 8: the last edit of each passage that absorbed later rows."""
    store.run(
        """
        CREATE TEMP TABLE absorbed AS
        SELECT opportunity FROM ordered WHERE NOT kept
        UNION SELECT opportunity FROM after_close WHERE fate <> 'kept';
        CREATE TEMP TABLE touches AS
        SELECT opportunity, place, max(entered_at) AS last_touch
        FROM (SELECT o.opportunity, o.entered_at,
                     max(CASE WHEN o.kept AND COALESCE(a.fate = 'kept', TRUE) THEN o.place END)
                     OVER (PARTITION BY o.opportunity ORDER BY o.place) AS place
              FROM ordered o
              JOIN absorbed b ON b.opportunity = o.opportunity
              LEFT JOIN after_close a ON a.opportunity = o.opportunity AND a.place = o.place
              WHERE COALESCE(a.fate <> 'closed_after_win', TRUE))
        WHERE place IS NOT NULL
        GROUP BY opportunity, place;
        """,
    )


def _starts(store: Store) -> None:
    """Step 7: collect the rows that stay, and the stages that `from_stage` or a second close imply."""
    store.run(
        f"""
        CREATE TEMP TABLE resolved AS
        SELECT o.opportunity, CASE WHEN o.code < 0 THEN COALESCE(o.before_pipeline, o.pipeline)
                              ELSE o.pipeline END AS pipeline, o.code, o.entered_at, o.place
        FROM ordered o WHERE o.kept
          AND o.opportunity NOT IN (SELECT opportunity FROM after_close)
        UNION ALL
        SELECT opportunity, pipeline, code, entered_at, place FROM after_close WHERE fate = 'kept';
        CREATE TEMP TABLE implied AS
        SELECT opportunity, back_pipeline AS pipeline, back_code AS code, entered_at, place - 1 AS place,
               'reopened_by_close' AS reason
        FROM (SELECT *, lag(code) OVER w AS before_code, lag(code, 2) OVER w AS back_code,
                     lag(pipeline, 2) OVER w AS back_pipeline
              FROM after_close WHERE fate = 'kept'
              WINDOW w AS (PARTITION BY opportunity ORDER BY place))
        WHERE code = {schema.WON} AND before_code = {schema.LOST} AND back_code >= 0;
        CREATE TEMP TABLE first_moves AS
        SELECT o.opportunity, o.pipeline, s.code, d.created_at AS entered_at, 0 AS place,
               d.created_at IS NOT NULL AND d.created_at <= o.entered_at AS known
        FROM ordered o JOIN stage_names s ON s.pipeline = o.pipeline AND s.said = o.from_stage
        LEFT JOIN deals d ON d.opportunity = o.opportunity
        WHERE o.place = 2 AND o.from_stage <> '' AND s.code >= 0 AND s.code <> o.code;
        INSERT INTO resolved SELECT opportunity, pipeline, code, entered_at, place FROM implied;
        INSERT INTO resolved SELECT opportunity, pipeline, code, entered_at, place
        FROM first_moves WHERE known;
        """,  # noqa: S608 - names of this module
    )


def _outcomes(store: Store, rules: Rules) -> None:
    """Step 10: hold the outcome column against the end of the history."""
    cut = rules.cut
    store.run(
        f"""
        CREATE TEMP TABLE ends AS
        SELECT r.opportunity, arg_max(r.code, r.place) AS end_code, max(r.place) AS end_place,
               max(r.entered_at) AS end_at, arg_max(r.pipeline, r.place) AS pipeline,
               min(r.entered_at) AS first_at
        FROM resolved r GROUP BY r.opportunity;
        CREATE TEMP TABLE judged AS
        SELECT d.opportunity, e.end_code, e.end_place, e.end_at, e.pipeline, d.closed_at,
               CASE WHEN d.closed_at > {cut} AND n.code < 0 THEN 0 ELSE n.code END AS said,
               d.closed_at > {cut} AND n.code < 0 AS later_close,
               GREATEST(e.end_at, COALESCE(t.last_change, e.end_at)) AS last_change
        FROM deals d
        LEFT JOIN ends e ON e.opportunity = d.opportunity
        LEFT JOIN outcome_names n ON n.said = d.outcome
        LEFT JOIN (SELECT opportunity, max(last_touch) AS last_change FROM touches
                   GROUP BY opportunity) t ON t.opportunity = d.opportunity
        WHERE d.opportunity NOT IN (SELECT opportunity FROM aside);
        CREATE TEMP TABLE new_closes AS
        SELECT opportunity, pipeline, said AS code, end_place + 2 AS place,
               COALESCE(GREATEST(closed_at, end_at), last_change) AS entered_at,
               end_code < 0 AS instead,
               CASE WHEN end_code < 0 THEN 'outcome_disagrees'
                    WHEN closed_at IS NULL THEN 'closed_without_moment'
                    WHEN closed_at < end_at THEN 'closed_before_entry' ELSE '' END AS reason
        FROM judged
        WHERE said < 0 AND (end_code >= 0 OR (end_code <> said AND closed_at > end_at));
        DELETE FROM resolved USING new_closes n
        WHERE n.instead AND resolved.opportunity = n.opportunity AND resolved.place = n.place - 2;
        INSERT INTO resolved SELECT opportunity, pipeline, code, entered_at, place FROM new_closes;
        """,  # noqa: S608 - numbers of this module
    )


def _opportunities(store: Store, rules: Rules) -> None:
    """Steps 11 to 13: one row per deal that is asked for and not set aside."""
    segments = "".join(f", d.{quoted(name)}" for name in rules.segments)
    only = 0 if len(rules.config.pipelines) == 1 else "NULL"
    day = rules.zone.day_sql
    created = "CASE WHEN d.created_at <= e.first_at OR e.first_at IS NULL THEN d.created_at ELSE e.first_at END"
    closed = f"CASE WHEN e.opportunity IS NULL AND d.closed_at <= {rules.cut} AND o.code < 0 THEN d.closed_at ELSE f.closed_at END"
    store.run(
        f"""
        CREATE TEMP TABLE finals AS
        SELECT opportunity, arg_max(code, place) AS code, arg_max(pipeline, place) AS pipeline,
               CASE WHEN arg_max(code, place) < 0 THEN arg_max(entered_at, place) END AS closed_at,
               min(CASE WHEN code >= 0 THEN place END) AS first_place
        FROM resolved GROUP BY opportunity;
        CREATE TABLE opportunities AS
        SELECT opportunity, opportunity_id, CAST(pipeline AS SMALLINT) AS pipeline, bucket,
               created_at, {day("created_at")} AS created_day,
               closed_at, {day("closed_at")} AS closed_day, outcome,
               value, currency, lost_reason, name, CAST(current_stage AS SMALLINT) AS current_stage,
               has_history, given{"".join(f", {quoted(name)}" for name in rules.segments)}
        FROM (
            SELECT i.opportunity, i.opportunity_id,
                   COALESCE(f.pipeline, d.own_pipeline, {only}) AS pipeline,
                   CAST(CAST('0x' || substr(sha256(i.opportunity_id), 1, 8) AS UBIGINT)
                        % {schema.BUCKETS} AS SMALLINT) AS bucket,
                   {created} AS created_at, {closed} AS closed_at,
                   CASE COALESCE(f.code, CASE WHEN d.closed_at > {rules.cut} THEN 0 ELSE o.code END, 0)
                       WHEN {schema.WON} THEN 'won' WHEN {schema.LOST} THEN 'lost' ELSE 'open' END AS outcome,
                   {_value_sql(rules.config)} AS value, d.currency, COALESCE(d.lost_reason, '') AS lost_reason,
                   COALESCE(d.name, '') AS name,
                   CASE WHEN f.first_place IS NULL AND s.code >= 0 THEN s.code END AS current_stage,
                   f.first_place IS NOT NULL AS has_history, d.opportunity IS NOT NULL AS given{segments}
            FROM ids i
            LEFT JOIN deals d ON d.opportunity = i.opportunity
            LEFT JOIN finals f ON f.opportunity = i.opportunity
            LEFT JOIN ends e ON e.opportunity = i.opportunity
            LEFT JOIN outcome_names o ON o.said = d.outcome
            LEFT JOIN stage_names s ON s.pipeline = COALESCE(d.own_pipeline, {only}) AND s.said = d.stage
            WHERE i.opportunity NOT IN (SELECT opportunity FROM aside)
              AND (f.opportunity IS NOT NULL OR (
                   COALESCE(d.own_pipeline, {only}) >= 0
                   AND (d.created_at IS NULL OR d.created_at <= {rules.cut})))
        ) ORDER BY opportunity;
        """,  # noqa: S608 - quoted headings and names of this module
    )


def _value_sql(config: Config) -> str:
    """Return SQL for a deal's value in minor units of the one currency; NULL without a rate."""
    own = config.currency.replace("'", "")
    rates = " ".join(
        f"WHEN d.currency = {_text(code)} THEN CAST(round(d.value * {rate!r}) AS BIGINT)"
        for code, rate in sorted(config.rates.items())
    )
    return (
        "CASE WHEN d.value < 0 THEN NULL "
        f"WHEN d.currency IN ('', '{own}') OR d.currency IS NULL THEN d.value {rates} END"
    )


def _text(value: str) -> str:
    """Return a text as SQL."""
    return "'" + value.replace("'", "''") + "'"


def _history(store: Store, zone: Zone) -> None:
    """Write `stage_history`: one row per passage or close, in its order."""
    store.run(
        f"""
        CREATE TABLE stage_history AS
        SELECT r.opportunity, CAST(r.pipeline AS SMALLINT) AS pipeline, CAST(r.code AS SMALLINT) AS stage,
               r.entered_at, {zone.day_sql("r.entered_at")} AS entered_day,
               {zone.hour_sql("r.entered_at")} AS entered_hour,
               CAST(r.place AS INTEGER) AS seq, COALESCE(t.last_touch, r.entered_at) AS last_touch
        FROM resolved r
        LEFT JOIN touches t ON t.opportunity = r.opportunity AND t.place = r.place;
        """,  # noqa: S608 - names of this module
    )


def _passages(store: Store) -> None:
    """Write `passages`, which every count stands on."""
    store.run(f"CREATE TABLE moves AS {queries.MOVES}")
    store.run(f"CREATE TABLE passages AS {queries.PASSAGES}")
