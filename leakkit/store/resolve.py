"""From rows as given to the canonical tables: what becomes of every deal and every row.

The steps are those of docs/contracts.md, "The order in which a source is resolved";
each function below names its step. Sources hand over two relations,

- `given_opportunities` (line, content, opportunity_id, pipeline, name, created_at,
  closed_at, outcome, stage, value, currency, lost_reason, and segment columns), where
  `content` is equal for equal rows, and
- `given_history` (line, opportunity_id, pipeline, stage, entered_at, from_stage, seq, part),

with texts trimmed and '' where empty, moments in UTC seconds (`part`: the microseconds after
them), money in minor units of its own currency. This room runs on the local engine only,
so it may use DuckDB's own functions; the counting in `queries.py` and `deal_queries.py` may not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit.store import queries, schema
from leakkit.store.account import decide_fates, forget_after_wins, order_rows, set_deals_aside
from leakkit.store.database import Store, literal, quote
from leakkit.store.name_codes import HistoryFacts, number_names

if TYPE_CHECKING:
    from leakkit.config import Config
    from leakkit.store.moments import Zone
    from leakkit.store.passing import Ints

MOVED_FROM = """
LEFT JOIN stage_names w ON w.pipeline = d.own_pipeline AND w.said = h.stage
LEFT JOIN (SELECT said, min(pipeline) AS pipeline FROM stage_names WHERE code >= 0
           GROUP BY said HAVING count(*) = 1) m
    ON m.said = h.stage AND w.code IS NULL AND d.own_pipeline >= 0
"""
"""The one pipeline with a stage that the pipeline of its deal does not have: it was moved."""

STANDING = "fate IN ('kept', 'implied', 'close_without_stage')"
"""Rows of `told` that say how a deal stands."""


OWN_COLUMNS = (
    *("opportunity", "opportunity_id", "pipeline", "bucket", "created_at", "created_day"),
    *("closed_at", "closed_day", "outcome", "value", "currency", "lost_reason", "name"),
    *("current_stage", "has_history", "given"),
)
"""The columns of `opportunities`; those that a source adds follow."""


@dataclass(frozen=True)
class Rules:
    """What the resolving needs to know beside the rows.

    `cut` is the last used moment, `newest_first` the direction of the history file (None
    where it shows none). `segments` names the further columns to keep, which are
    `segment_0`, `segment_1`, ... in what is given. `default_pipeline` is that of rows and
    deals that name none (None: they are set aside). In `one_file`, an event file, a deal
    is only what its rows are. `timed`: the history has times, and not only days.
    `close_days`: the closing dates have none, so a close is any time of its day.
    """

    config: Config
    zone: Zone
    cut: int
    newest_first: bool | None
    segments: tuple[str, ...]
    default_pipeline: int | None
    one_file: bool
    timed: bool = True
    close_days: bool = False

    @property
    def no_pipeline(self) -> str:
        """Return SQL for the pipeline of what names none."""
        return "NULL" if self.default_pipeline is None else str(self.default_pipeline)

    def value_sql(self, deals: str) -> str:
        """Return SQL for a deal's value in minor units of the one currency; NULL without a rate."""
        own = self.config.currency.replace("'", "")
        rates = " ".join(
            f"WHEN {deals}.currency = {literal(code)} "
            f"THEN TRY_CAST(round({deals}.value * {rate!r}) AS BIGINT)"
            for code, rate in sorted(self.config.rates.items())
        )
        return (
            f"CASE WHEN {deals}.value < 0 THEN NULL WHEN {deals}.currency IN ('', '{own}') "
            f"OR {deals}.currency IS NULL THEN {deals}.value {rates} END"
        )


NOTHING_ODD = """
CREATE TEMP TABLE deals (
    opportunity INTEGER, own_pipeline SMALLINT, differ BOOLEAN, outcome_code SMALLINT, line BIGINT,
    stage VARCHAR, name VARCHAR, outcome VARCHAR, currency VARCHAR, lost_reason VARCHAR,
    value BIGINT, value_text VARCHAR, value_said BOOLEAN, created_at BIGINT, closed_at BIGINT,
    created_unread VARCHAR, closed_unread VARCHAR, outcome_line BIGINT, created_line BIGINT,
    closed_line BIGINT, value_line BIGINT);
CREATE TEMP TABLE aside (opportunity INTEGER, step INTEGER, reason VARCHAR);
CREATE TEMP TABLE events (
    opportunity INTEGER, pipeline SMALLINT, entered_at BIGINT, part INTEGER, seq BIGINT,
    line BIGINT, code SMALLINT, from_code SMALLINT, not_asked BOOLEAN);
CREATE TEMP TABLE ordered (
    opportunity INTEGER, pipeline SMALLINT, code SMALLINT, entered_at BIGINT, from_code SMALLINT,
    place BIGINT, before_code SMALLINT, before_pipeline SMALLINT, tie BOOLEAN);
CREATE TEMP TABLE first_moves (
    opportunity INTEGER, pipeline SMALLINT, code SMALLINT, entered_at BIGINT, place INTEGER,
    known BOOLEAN);
CREATE TEMP TABLE told (
    opportunity INTEGER, place BIGINT, code SMALLINT, entered_at BIGINT, fate VARCHAR,
    pipeline SMALLINT);
CREATE TEMP TABLE judged (
    opportunity INTEGER, end_code SMALLINT, end_place BIGINT, end_at BIGINT, pipeline SMALLINT,
    first_at BIGINT, stageless BOOLEAN, closed_at BIGINT, said SMALLINT, later_close BOOLEAN);
CREATE TEMP TABLE ends (opportunity INTEGER, end_code SMALLINT);
CREATE TEMP TABLE new_closes (
    opportunity INTEGER, pipeline SMALLINT, code SMALLINT, stageless BOOLEAN, instead BOOLEAN,
    place BIGINT, entered_at BIGINT, before_entry BOOLEAN);
"""
"""The tables of resolving, of no deal: to plan how each is made takes as long as with deals."""


@dataclass(frozen=True)
class Resolution:
    """Whether any deal did not go the straight way, and the moments of the rows with an id.

    `moments` are None where the rows were not read into arrays.
    """

    any_odd: bool
    moments: Ints | None = None


def resolve(store: Store, rules: Rules, *, plain: bool = True) -> Resolution:
    """Write the canonical tables, and what became of every row, into `store`.

    Deals in which nothing is odd go the straight way, unless `plain` forbids it: then the
    tables of resolving hold every deal.
    """
    history = number_names(store, rules.config)
    from leakkit.store import straight  # noqa: PLC0415 - it loads numpy, a refusal does not

    store.run(
        """
        CREATE TEMP TABLE nameless AS
        SELECT line, pipeline, stage FROM given_history WHERE opportunity_id = ''
        """
    )
    by_line = schema.number(store)
    taken = straight.take(store, rules, history, plain=plain, by_line=by_line)
    if taken and taken.all_straight:
        store.run(NOTHING_ODD)
        return Resolution(any_odd=False, moments=taken.moments)
    _number(store, rules, history)
    forget_after_wins(store, rules)
    set_deals_aside(store, rules)
    order_rows(store, rules)
    decide_fates(store, rules)
    _reopen(store)
    _touches(store)
    _outcomes(store, rules)
    _opportunities(store, rules, join=taken is not None)
    _history(store, rules.zone)
    return Resolution(any_odd=True, moments=taken.moments if taken else None)


def _number(store: Store, rules: Rules, history: HistoryFacts) -> None:
    """Steps 1 to 5: the deals, and every row with its deal.

    The history seldom knows a deal that the opportunities do not, and to look for one
    first takes longer than to begin anew when one is found.
    """
    _deals(store)
    _events(store, rules, history)
    if store.value("SELECT count(*) FROM events WHERE opportunity IS NULL"):
        for table in ("deals", "aside", "events"):
            store.run(f"DROP TABLE {table}")
        schema.number(store, with_history=True)
        _deals(store)
        _events(store, rules, history)


def _deals(store: Store) -> None:
    """Step 2: one row per deal that is to be resolved, the first of its equal rows."""
    store.run(
        """
        CREATE TEMP TABLE deals AS
        SELECT i.opportunity, p.pipeline AS own_pipeline, COALESCE(r.differ, FALSE) AS differ,
               n.code AS outcome_code, o.* EXCLUDE (opportunity_id, pipeline)
        FROM left_opportunities o
        JOIN ids i ON i.opportunity_id = o.opportunity_id
        LEFT JOIN pipeline_names p ON p.said = o.pipeline
        LEFT JOIN outcome_names n ON n.said = o.outcome
        LEFT JOIN repeated r ON r.opportunity_id = o.opportunity_id
        WHERE NOT i.settled AND (r.first_line IS NULL OR r.first_line = o.line)
        """
    )


def _events(store: Store, rules: Rules, history: HistoryFacts) -> None:
    """Steps 3 to 5: the pipeline and stage of every history row, and what is not asked for.

    A row keeps its first fate. So a deal that step 2 sets aside has no row that is not
    asked for, and one that step 3 sets aside only those of undeclared pipelines.
    """
    ignored = "s.code IS NULL" if rules.config.source.ignore_unknown_stages else "FALSE"
    own, deal = rules.no_pipeline, ""
    if history.unnamed_pipeline:
        own = f"d.own_pipeline, {own}"
        deal = "LEFT JOIN deals d ON d.opportunity = i.opportunity AND h.pipeline = ''"
        if len(rules.config.pipelines) > 1:
            own, deal = f"m.pipeline, {own}", f"{deal} {MOVED_FROM}"
    from_code, whence = "CAST(NULL AS SMALLINT)", ""
    if history.from_stage:
        from_code = "f.code"
        whence = "LEFT JOIN stage_names f ON f.pipeline = h.pipeline AND f.said = h.from_stage"
    store.run(
        f"""
        CREATE TEMP TABLE aside AS
        SELECT opportunity, 2 AS step, 'conflicting_rows' AS reason FROM deals WHERE differ
        UNION ALL
        SELECT DISTINCT i.opportunity, 3, 'missing_pipeline'
        FROM left_history h
        JOIN ids i ON i.opportunity_id = h.opportunity_id
        LEFT JOIN deals d ON d.opportunity = i.opportunity
        WHERE h.pipeline = '' AND d.own_pipeline IS NULL AND {rules.no_pipeline} IS NULL
          AND NOT COALESCE(d.differ, FALSE) AND NOT i.settled AND {history.unnamed_pipeline};
        CREATE TEMP TABLE events AS
        SELECT h.opportunity, CAST(h.pipeline AS SMALLINT) AS pipeline,
               h.entered_at, h.part, h.seq, h.line,
               COALESCE(s.code, {schema.UNKNOWN}) AS code, {from_code} AS from_code,
               COALESCE(CASE WHEN a.step = 2 THEN FALSE WHEN h.pipeline = -1 THEN TRUE
                             WHEN a.step = 3 THEN FALSE
                             ELSE h.entered_at > {rules.cut} OR {ignored} END, FALSE) AS not_asked
        FROM (SELECT i.opportunity, h.entered_at, h.part, h.seq, h.line, h.stage, h.from_stage,
                     COALESCE(p.pipeline, {own}) AS pipeline
              FROM left_history h
              LEFT JOIN ids i ON i.opportunity_id = h.opportunity_id
              LEFT JOIN pipeline_names p ON p.said = h.pipeline
              {deal}
              WHERE h.opportunity_id <> '' AND NOT COALESCE(i.settled, FALSE)) h
        LEFT JOIN aside a ON a.opportunity = h.opportunity
        LEFT JOIN stage_names s ON s.pipeline = h.pipeline AND s.said = h.stage
        {whence};
        """,  # noqa: S608 - numbers and names of this module
    )


def _reopen(store: Store) -> None:
    """Step 9: a win after a loss comes back into the stage of the loss, and leaves it at once."""
    store.run(
        f"""
        INSERT INTO told_by_rule
        SELECT opportunity, place - 1, lost_code, entered_at, 'implied', lost_pipeline
        FROM (SELECT *, lag(code) OVER w AS before_code, lag(code, 2) OVER w AS lost_code,
                     lag(pipeline, 2) OVER w AS lost_pipeline
              FROM told_by_rule WHERE fate = 'kept'
              WINDOW w AS (PARTITION BY opportunity ORDER BY place))
        WHERE code = {schema.WON} AND before_code = {schema.LOST} AND lost_code >= 0
        """,  # noqa: S608 - names of this module
    )


def _touches(store: Store) -> None:
    """Step 8: the last edit of each passage that absorbed later rows."""
    store.run(
        """
        CREATE TEMP TABLE edited AS
        SELECT DISTINCT opportunity FROM told WHERE fate = 'merged';
        CREATE TEMP TABLE touches AS
        SELECT opportunity, first_place AS place, max(entered_at) AS last_touch
        FROM (SELECT opportunity, code, entered_at, fate,
                     last_value(CASE WHEN fate = 'kept' THEN place END IGNORE NULLS) OVER w
                         AS first_place,
                     last_value(CASE WHEN fate = 'kept' THEN code END IGNORE NULLS) OVER w
                         AS first_code
              FROM told
              WHERE fate IN ('kept', 'merged')
                AND opportunity IN (SELECT opportunity FROM edited)
              WINDOW w AS (PARTITION BY opportunity ORDER BY place))
        WHERE fate = 'merged' AND code = first_code
        GROUP BY opportunity, first_place
        """,
    )


def _outcomes(store: Store, rules: Rules) -> None:
    """Step 10: hold the outcome column against the end of the history."""
    cut, day = rules.cut, rules.zone.day_sql
    early = "j.closed_at < j.end_at"
    if rules.close_days:
        early = f"{day('j.closed_at')} < {day('j.end_at')}"
    store.run(
        f"""
        CREATE TEMP TABLE ends AS
        SELECT opportunity, arg_max(code, place) AS end_code, max(place) AS end_place,
               max(entered_at) AS end_at, arg_max(pipeline, place) AS pipeline,
               min(entered_at) AS first_at, max(code) < 0 AS stageless
        FROM told WHERE {STANDING} GROUP BY opportunity;
        CREATE TEMP TABLE judged AS
        SELECT d.opportunity, e.* EXCLUDE (opportunity), d.closed_at,
               CASE WHEN d.closed_at > {cut} AND d.outcome_code < 0 THEN 0
               ELSE d.outcome_code END AS said,
               d.closed_at > {cut} AND d.outcome_code < 0 AS later_close
        FROM deals d
        LEFT JOIN ends e ON e.opportunity = d.opportunity;
        CREATE TEMP TABLE new_closes AS
        SELECT j.opportunity, j.pipeline, j.said AS code, j.stageless, j.end_code < 0 AS instead,
               CASE WHEN j.end_code < 0 THEN j.end_place ELSE j.end_place + 2 END AS place,
               GREATEST(j.end_at, COALESCE(j.closed_at, t.last_change, j.end_at)) AS entered_at,
               {early} AS before_entry
        FROM judged j
        LEFT JOIN (SELECT opportunity, max(last_touch) AS last_change FROM touches
                   GROUP BY opportunity) t ON t.opportunity = j.opportunity
        WHERE j.said < 0 AND (j.end_code >= 0 OR (j.end_code <> j.said AND j.closed_at > j.end_at));
        """,  # noqa: S608 - numbers and names of this module
    )
    if rules.config.source.present_stage == "counts" and store.value("SELECT count(*) FROM judged"):
        _move_to_present(store, rules)


def _move_to_present(store: Store, rules: Rules) -> None:
    """Step 10: an open deal that stands elsewhere than its history ends has moved there since.

    When, nobody wrote down: at the last used moment at the latest. Where `as_of` leaves
    rows of the history out, the present stage is a later one, and says nothing.
    """
    store.run(
        f"""
        INSERT INTO new_closes
        SELECT j.opportunity, j.pipeline, s.code, FALSE, FALSE, j.end_place + 2, {rules.cut}, FALSE
        FROM judged j
        JOIN deals d ON d.opportunity = j.opportunity
        JOIN stage_names s ON s.pipeline = j.pipeline AND s.said = d.stage
        WHERE j.end_code >= 0 AND s.code >= 0 AND s.code <> j.end_code
          AND COALESCE(j.said, 0) = 0 AND NOT COALESCE(j.later_close, FALSE)
          AND NOT EXISTS (SELECT 1 FROM given_history WHERE entered_at > {rules.cut})
        """,  # noqa: S608 - numbers
    )


def _opportunities(store: Store, rules: Rules, *, join: bool) -> None:
    """Steps 11 and 12: one row per deal that is asked for and not set aside.

    They `join` those of the straight deals, where there are any.
    """
    segments = "".join(f", d.segment_{i}" for i in range(len(rules.segments)))
    named = "".join(f", segment_{i} AS {quote(name)}" for i, name in enumerate(rules.segments))
    day, cut, own = rules.zone.day_sql, rules.cut, f"COALESCE(d.own_pipeline, {rules.no_pipeline})"
    close = "d.closed_at"
    if rules.close_days:
        same = f"{day('d.closed_at')} = {day('d.created_at')}"
        close = f"CASE WHEN {same} THEN GREATEST({close}, d.created_at) ELSE {close} END"
    store.run(
        f"""
        {"INSERT INTO opportunities BY NAME" if join else "CREATE TABLE opportunities AS"}
        SELECT opportunity, opportunity_id, CAST(pipeline AS SMALLINT) AS pipeline, bucket,
               created_at, {day("created_at")} AS created_day,
               closed_at, {day("closed_at")} AS closed_day,
               CASE code WHEN {schema.WON} THEN 'won' WHEN {schema.LOST} THEN 'lost' ELSE 'open' END
                   AS outcome,
               value, currency, lost_reason, name, CAST(current_stage AS SMALLINT) AS current_stage,
               has_history, given{named}
        FROM (
            SELECT i.opportunity, i.opportunity_id, COALESCE(e.pipeline, {own}) AS pipeline,
                   {schema.bucket_sql("i.opportunity_id")} AS bucket,
                   CASE WHEN d.created_at <= e.first_at OR e.first_at IS NULL THEN d.created_at
                        ELSE e.first_at END AS created_at,
                   CASE WHEN COALESCE(n.code, e.end_code) < 0 THEN COALESCE(n.entered_at, e.end_at)
                        WHEN e.opportunity IS NULL AND d.outcome_code < 0 AND d.closed_at <= {cut}
                        THEN {close} END AS closed_at,
                   COALESCE(n.code, e.end_code,
                            CASE WHEN d.closed_at > {cut} THEN 0 ELSE d.outcome_code END) AS code,
                   {rules.value_sql("d")} AS value, d.currency,
                   COALESCE(d.lost_reason, '') AS lost_reason, COALESCE(d.name, '') AS name,
                   CASE WHEN e.opportunity IS NULL AND s.code >= 0 THEN s.code END AS current_stage,
                   e.opportunity IS NOT NULL AS has_history,
                   d.opportunity IS NOT NULL AS given{segments}
            FROM (SELECT opportunity_id, opportunity FROM ids WHERE opportunity IN (
                      SELECT opportunity FROM deals UNION ALL SELECT opportunity FROM ends)) i
            LEFT JOIN deals d ON d.opportunity = i.opportunity
            LEFT JOIN ends e ON e.opportunity = i.opportunity
            LEFT JOIN new_closes n ON n.opportunity = i.opportunity
            LEFT JOIN stage_names s ON s.pipeline = {own} AND s.said = d.stage
            WHERE i.opportunity NOT IN (SELECT opportunity FROM aside)
              AND (e.opportunity IS NOT NULL OR (
                   d.opportunity IS NOT NULL AND NOT {rules.one_file} AND {own} >= 0
                   AND COALESCE(d.created_at <= {cut}, TRUE)))
        );
        """,  # noqa: S608 - quoted headings and names of this module
    )


def _history(store: Store, zone: Zone) -> None:
    """Write `stage_history`: one row per passage and per close that ends one, in its order."""
    store.run(
        f"""
        CREATE TABLE stage_history AS
        SELECT r.opportunity, CAST(r.pipeline AS SMALLINT) AS pipeline,
               CAST(r.code AS SMALLINT) AS stage, r.entered_at,
               {zone.day_sql("r.entered_at")} AS entered_day,
               {zone.hour_sql("r.entered_at")} AS entered_hour,
               CAST(r.place AS INTEGER) AS seq, COALESCE(r.last_touch, r.entered_at) AS last_touch
        FROM (
            SELECT t.opportunity, t.place, t.pipeline, COALESCE(n.code, t.code) AS code,
                   COALESCE(n.entered_at, t.entered_at) AS entered_at,
                   CASE WHEN n.code IS NULL THEN c.last_touch END AS last_touch
            FROM told t
            LEFT JOIN new_closes n ON n.opportunity = t.opportunity AND n.place = t.place
            LEFT JOIN touches c ON c.opportunity = t.opportunity AND c.place = t.place
            WHERE t.fate IN ('kept', 'implied')
            UNION ALL
            SELECT opportunity, place, pipeline, code, entered_at, NULL
            FROM new_closes WHERE NOT instead
        ) r
        """,  # noqa: S608 - names of this module
    )


def write_passages(store: Store, zone: Zone, *, resolved: bool = True) -> None:
    """Write `moves` and `passages`, which every count stands on, from the canonical tables.

    `resolved`: some deal did not go the straight way.
    """
    from leakkit.store import straight  # noqa: PLC0415 - it loads numpy, a refusal does not

    if resolved:
        store.run(f"CREATE TABLE moves AS {queries.MOVES}")
        store.run(f"CREATE TABLE passages AS {queries.PASSAGES}")
    if straight.has_straight_deals(store):
        straight.join(store, zone, resolved=resolved)
