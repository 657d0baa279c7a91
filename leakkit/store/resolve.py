"""From rows as given to the canonical tables: what becomes of every deal and every row.

The steps are those of docs/contracts.md, "The order in which a source is resolved";
each function below names its step. Sources hand over two relations,

- `given_opportunities` (line, content, opportunity_id, pipeline, name, created_at,
  closed_at, outcome, stage, value, currency, lost_reason, and segment columns), where
  `content` is equal for equal rows, and
- `given_history` (line, opportunity_id, pipeline, stage, entered_at, from_stage, seq, part),

with texts trimmed and '' where empty, moments in UTC seconds (`part`: the microseconds after
them), money in minor units of its own currency. This room runs on the local engine only,
so it may use DuckDB's own functions; the counting in `queries.py` may not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from leakkit import vocabulary
from leakkit.config import Config, Pipeline, fold_name
from leakkit.store import numbers, queries, schema
from leakkit.store.closes import LOST_WORDS, WON_WORDS, close_of
from leakkit.store.database import Store, literal, quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leakkit.store.moments import Zone

CLOSED = {"(won)": schema.WON, "(lost)": schema.LOST}
"""What a row of a history that is made here says where a deal closes; every pipeline knows it."""

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


@dataclass(frozen=True)
class Spoken:
    """What the history says at all: rows may name no pipeline, or whence a deal came."""

    unnamed_pipeline: bool
    from_stage: bool


def resolve(store: Store, rules: Rules, *, plain: bool = True) -> None:
    """Write the canonical tables, and what became of every row, into `store`.

    Deals in which nothing is odd go the straight way, unless `plain` forbids it: then the
    tables of resolving hold every deal.
    """
    spoken = _names(store, rules.config)
    from leakkit.store import straight  # noqa: PLC0415 - it loads numpy, a refusal does not

    store.run(
        """
        CREATE TEMP TABLE nameless AS
        SELECT line, pipeline, stage FROM given_history WHERE opportunity_id = ''
        """
    )
    by_line = numbers.number(store)
    taken = straight.take(store, rules, spoken, plain=plain, by_line=by_line)
    _number(store, rules, spoken)
    _forget_after_wins(store, rules)
    _set_aside(store, rules)
    _order(store, rules)
    _tell(store, rules)
    _reopen(store)
    _touches(store)
    _outcomes(store, rules)
    _opportunities(store, rules, join=taken)
    _history(store, rules.zone)


BEHIND = re.compile(
    r"\s*[-:(,;/\u2013\u2014]\s*|\s+(?:by|from|due|because|as|since|von|vom|durch|wegen|par|pour"
    r"|por|da|dal|per|door|przez|od|из-за|по|توسط|بدلیل|به دلیل|بسبب|من)\s+"
)
"""What parts a word for a loss from who caused it, or why."""


def outcome_words(config: Config) -> dict[str, int]:
    """Return the words of an outcome column -> 0 open, WON or LOST.

    What closes a row of the history closes a deal as well; the words for the column go first.
    """
    own = config.source.outcomes
    rows = {
        schema.WON: [word for pipeline in config.pipelines for word in pipeline.won],
        schema.LOST: [word for pipeline in config.pipelines for word in pipeline.lost],
    }
    column = {0: own.open, schema.WON: own.won, schema.LOST: own.lost}
    return _usual_outcomes() | {
        fold_name(word): code
        for words in (rows, column)
        for code, said in words.items()
        for word in said
    }


@cache
def _usual_outcomes() -> dict[str, int]:
    """Return the words of all languages for an outcome."""
    kinds = {0: "open", schema.WON: "won", schema.LOST: "lost"}
    return {
        fold_name(word): code
        for code, kind in kinds.items()
        for word in (*vocabulary.words("closes", kind), *vocabulary.words("outcomes", kind))
    }


def outcome_of(said: str, words: Mapping[str, int]) -> int | None:
    """Return what an outcome says, 0 open, WON or LOST; None where its words are not known."""
    code = words.get(fold_name(said))
    if code is None:
        code = close_of(said)
    return _lost_by(said, words) if code is None else code


def _lost_by(said: str, words: Mapping[str, int]) -> int | None:
    """Return LOST where an outcome is a word for a loss and says behind it by whom, or why.

    >>> words = {"cancelled": schema.LOST, "sold": schema.WON}
    >>> [_lost_by(said, words) for said in ("Cancelled by us", "Cancelled: price", "Sold out")]
    [-2, -2, None]
    """
    parts = BEHIND.split(fold_name(said), maxsplit=1)
    known = len(parts) > 1 and words.get(parts[0].strip()) == schema.LOST
    return schema.LOST if known else None


def closed_outcomes(store: Store, config: Config) -> list[str]:
    """Return the texts of the outcome column that say that a deal is won or lost."""
    words = outcome_words(config)
    said = texts(store, "outcome", "given_opportunities")
    return [text for text in said if (outcome_of(text, words) or 0) < 0]


def stage_names(pipeline: Pipeline) -> dict[str, int]:
    """Return what a history row of this pipeline may say -> position, WON or LOST."""
    built_in = (
        (schema.WON, () if pipeline.won else WON_WORDS),
        (schema.LOST, () if pipeline.lost else LOST_WORDS),
    )
    own = ((schema.WON, pipeline.won), (schema.LOST, pipeline.lost))
    closes = {fold_name(word): code for code, words in (*built_in, *own) for word in words}
    stages = {
        fold_name(name): position
        for position, stage in enumerate(pipeline.stages)
        for name in (stage.name, *stage.aliases)
    }
    return CLOSED | closes | stages


def texts(store: Store, column: str, *tables: str) -> list[str]:
    """Return the different texts of a column of one table or more, in code-point order."""
    each = " UNION ".join(f"SELECT {column} AS said FROM {table}" for table in tables)  # noqa: S608 - names of this program
    rows = store.rows(f"SELECT said FROM ({each}) WHERE said <> '' GROUP BY said ORDER BY said")  # noqa: S608 - as above
    return [str(row[0]) for row in rows]


def _names(store: Store, config: Config) -> Spoken:
    """Map the texts of pipelines, stages and outcomes that occur to their numbers."""
    store.run(
        """
        CREATE TEMP TABLE spoken AS
        SELECT pipeline, stage, from_stage FROM given_history GROUP BY ALL
        """
    )
    said = _read_texts(store)
    numbers = {fold_name(pipeline.name): i for i, pipeline in enumerate(config.pipelines)}
    pipelines = [(text, numbers.get(fold_name(text), -1)) for text in said["pipeline"]]
    words = outcome_words(config)
    known = [(s, code) for s in said["outcome"] if (code := outcome_of(s, words)) is not None]
    came_from = said["from_stage"]
    stages = {*said["stage"], *came_from}
    for table, columns, found in (
        ("pipeline_names", ("said", "pipeline"), pipelines),
        ("outcome_names", ("said", "code"), known),
        ("stage_names", ("said", "pipeline", "code"), _stage_codes(config, sorted(stages))),
    ):
        kinds = {name: "VARCHAR" if name == "said" else "SMALLINT" for name in columns}
        sql, facts = write_rows(kinds, found)
        store.run(f"CREATE TEMP TABLE {table} AS {sql}", facts)
    unnamed = store.value("SELECT count(*) FROM spoken WHERE pipeline = ''")
    return Spoken(unnamed > 0, bool(came_from))


def _read_texts(store: Store) -> dict[str, list[str]]:
    """Return the different texts of pipelines, stages and outcomes, in code-point order."""
    found: dict[str, list[str]] = {"pipeline": [], "stage": [], "from_stage": [], "outcome": []}
    rows = store.rows(
        """
        SELECT kind, said FROM (
            SELECT unnest(['pipeline', 'stage', 'outcome']) AS kind,
                   unnest([pipeline, stage, outcome]) AS said
            FROM (SELECT pipeline, stage, outcome FROM given_opportunities GROUP BY ALL)
            UNION
            SELECT unnest(['pipeline', 'stage', 'from_stage']),
                   unnest([pipeline, stage, from_stage])
            FROM spoken)
        WHERE said <> '' ORDER BY kind, said
        """
    )
    for kind, text in rows:
        found[str(kind)].append(str(text))
    return found


def write_rows(kinds: dict[str, str], rows: Sequence[Sequence[Any]]) -> tuple[str, dict[str, Any]]:
    """Return SQL and its facts for a few rows; `kinds` are the types by column.

    >>> write_rows({"n": "SMALLINT"}, [(1,), (2,)])
    ('SELECT unnest(CAST($n AS SMALLINT[])) AS n', {'n': [1, 2]})
    """
    columns = [f"unnest(CAST(${name} AS {kind}[])) AS {name}" for name, kind in kinds.items()]
    values = {name: [row[i] for row in rows] for i, name in enumerate(kinds)}
    return f"SELECT {', '.join(columns)}", values


def _stage_codes(config: Config, said: list[str]) -> list[tuple[str, int, int]]:
    """Return (text, pipeline, position or close) for every text that a pipeline knows."""
    by_form: dict[str, list[str]] = {}
    for text in said:
        by_form.setdefault(fold_name(text), []).append(text)
    closing = {text: code for text in said if (code := close_of(text)) is not None}
    found = []
    for number, pipeline in enumerate(config.pipelines):
        own = {schema.WON: pipeline.won, schema.LOST: pipeline.lost}
        # a close that a text names counts where the pipeline has no words of its own for it
        codes = {text: code for text, code in closing.items() if not own[code]}
        names = stage_names(pipeline).items()
        codes |= {text: code for form, code in names for text in by_form.get(form, ())}
        found += [(text, number, code) for text, code in sorted(codes.items())]
    return found


def _number(store: Store, rules: Rules, spoken: Spoken) -> None:
    """Steps 1 to 5: the deals, and every row with its deal.

    The history seldom knows a deal that the opportunities do not, and to look for one
    first takes longer than to begin anew when one is found.
    """
    _deals(store)
    _events(store, rules, spoken)
    if store.value("SELECT count(*) FROM events WHERE opportunity IS NULL"):
        for table in ("deals", "aside", "events"):
            store.run(f"DROP TABLE {table}")
        numbers.number(store, with_history=True)
        _deals(store)
        _events(store, rules, spoken)


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


def _events(store: Store, rules: Rules, spoken: Spoken) -> None:
    """Steps 3 to 5: the pipeline and stage of every history row, and what is not asked for.

    A row keeps its first fate. So a deal that step 2 sets aside has no row that is not
    asked for, and one that step 3 sets aside only those of undeclared pipelines.
    """
    ignored = "s.code IS NULL" if rules.config.source.ignore_unknown_stages else "FALSE"
    own, deal = rules.no_pipeline, ""
    if spoken.unnamed_pipeline:
        own = f"d.own_pipeline, {own}"
        deal = "LEFT JOIN deals d ON d.opportunity = i.opportunity AND h.pipeline = ''"
        if len(rules.config.pipelines) > 1:
            own, deal = f"m.pipeline, {own}", f"{deal} {MOVED_FROM}"
    from_code, whence = "CAST(NULL AS SMALLINT)", ""
    if spoken.from_stage:
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
          AND NOT COALESCE(d.differ, FALSE) AND NOT i.settled AND {spoken.unnamed_pipeline};
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


def in_order(rules: Rules) -> str:
    """Step 6: return SQL for the order of the rows of a deal."""
    by_stage = f"""CASE code WHEN {schema.UNKNOWN} THEN 31000 WHEN {schema.WON} THEN 32000
                   WHEN {schema.LOST} THEN 32000 ELSE code END, line"""
    tied = {False: "line", True: "-line", None: by_stage}[rules.newest_first]
    return f"PARTITION BY opportunity ORDER BY entered_at, part, seq NULLS LAST, {tied}"


def _forget_after_wins(store: Store, rules: Rules) -> None:
    """Step 5: rows without a stage that stand after a win are not asked for."""
    store.run(
        f"""
        UPDATE events SET not_asked = TRUE FROM (
            SELECT line AS at_line FROM (
                SELECT line, code, bool_or(code = {schema.WON}) OVER (
                           {in_order(rules)} ROWS UNBOUNDED PRECEDING) AS won
                FROM events
                WHERE NOT not_asked AND entered_at IS NOT NULL AND opportunity IN (
                    SELECT opportunity FROM events WHERE code = {schema.UNKNOWN} AND NOT not_asked
                    EXCEPT SELECT opportunity FROM aside))
            WHERE code = {schema.UNKNOWN} AND won) found
        WHERE events.line = found.at_line
        """,  # noqa: S608 - numbers and names of this module
    )


def _set_aside(store: Store, rules: Rules) -> None:
    """Steps 3 and 5: the other deals that cannot be read without guessing, each with its reason."""
    store.run(
        f"""
        CREATE TEMP TABLE without_pipeline AS
        SELECT opportunity FROM deals
        WHERE own_pipeline IS NULL AND {rules.no_pipeline} IS NULL AND NOT {rules.one_file}
          AND COALESCE(created_at <= {rules.cut}, TRUE);
        INSERT INTO aside
        SELECT opportunity, 5, min(reason) FROM (
            SELECT opportunity, 'missing_moment' AS reason FROM events
                WHERE NOT not_asked AND entered_at IS NULL
            UNION ALL SELECT opportunity, 'unknown_stage' FROM events
                WHERE NOT not_asked AND code = {schema.UNKNOWN}
            UNION ALL SELECT opportunity, 'missing_pipeline' FROM without_pipeline
                WHERE opportunity NOT IN (SELECT opportunity FROM events
                                          SEMI JOIN without_pipeline USING (opportunity)
                                          WHERE NOT not_asked)
        ) WHERE opportunity NOT IN (SELECT opportunity FROM aside)
        GROUP BY opportunity
        """,  # noqa: S608 - numbers of this module
    )


def _order(store: Store, rules: Rules) -> None:
    """Steps 6 and 7: put the rows of each deal in order; the first may say whence the deal came.

    Places are even numbers, so that rows that stand in no file find room between them.
    """
    store.run(
        f"""
        CREATE TEMP TABLE ordered AS
        SELECT opportunity, pipeline, code, entered_at, from_code,
               2 * row_number() OVER w AS place,
               lag(code) OVER w AS before_code, lag(pipeline) OVER w AS before_pipeline,
               COALESCE(entered_at = lag(entered_at) OVER w AND part = lag(part) OVER w
                        AND (seq IS NULL OR seq = lag(seq) OVER w), FALSE) AS tie
        FROM events
        WHERE NOT not_asked AND opportunity NOT IN (SELECT opportunity FROM aside)
        WINDOW w AS ({in_order(rules)});
        CREATE TEMP TABLE first_moves AS
        SELECT o.opportunity, o.pipeline, o.from_code AS code, d.created_at AS entered_at,
               0 AS place,
               COALESCE(d.created_at <= o.entered_at, FALSE) AS known
        FROM ordered o
        LEFT JOIN deals d ON d.opportunity = o.opportunity
        WHERE o.before_code IS NULL AND o.from_code >= 0 AND o.from_code <> o.code;
        """,  # noqa: S608 - names of this module
    )


def _fates(rules: Rules) -> tuple[tuple[str, str], ...]:
    """Return the rules of steps 8, 9 and 14 in order: the fate of a row, and when it is that."""
    day = rules.zone.day_sql
    equal = "code = lag(code) OVER w AND pipeline = lag(pipeline) OVER w"
    days = f"{day('lead(entered_at) OVER w')} - {day('entered_at')}"
    lost = f"""opportunity IN (SELECT opportunity FROM deals WHERE outcome_code = {schema.LOST}
                               AND COALESCE(closed_at <= {rules.cut}, TRUE))"""  # noqa: S608 - numbers
    return (
        ("merged", equal),
        ("close_undone", f"code < 0 AND {days} <= 1"),
        ("merged", equal),
        ("win_taken_back", f"code = {schema.WON} AND lead(code) OVER w = {schema.LOST} AND {lost}"),
        ("closed_after_win", f"code = {schema.LOST} AND lag(code) OVER w = {schema.WON}"),
        # what the last rule took out stood between wins; before any stage, pipelines may differ
        ("merged", "code < 0 AND code = lag(code) OVER w"),
        ("close_without_stage", "max(code) OVER w < 0"),
    )


def _tell_by_rule(rules: Rules) -> str:
    """Return the query that tells rule by rule; each sees only the rows that are kept by then."""
    sql = """
        SELECT opportunity, place, code, entered_at, fate,
               CASE WHEN code < 0 THEN COALESCE(
                   last_value(CASE WHEN code >= 0 THEN pipeline END IGNORE NULLS) OVER w, pipeline)
               ELSE pipeline END AS pipeline
        FROM (SELECT opportunity, place, code, entered_at, pipeline, 'kept' AS fate FROM ordered
              UNION ALL
              SELECT opportunity, place, code, entered_at, pipeline, 'kept'
              FROM first_moves WHERE known)
        WHERE opportunity IN (SELECT opportunity FROM often_closed)
        WINDOW w AS (PARTITION BY opportunity ORDER BY place)
        """
    for fate, condition in _fates(rules):
        sql = f"""
        SELECT * REPLACE (CASE WHEN fate = 'kept' AND {condition} THEN '{fate}'
                          ELSE fate END AS fate)
        FROM ({sql}) WINDOW w AS (PARTITION BY opportunity, fate ORDER BY place)
        """  # noqa: S608 - names and numbers of this module
    return sql


def _tell(store: Store, rules: Rules) -> None:
    """Steps 8, 9 and 14: give every row in order its fate.

    Most deals close once, at their end, and need one look at the row before. The others
    are told rule by rule.
    """
    store.run(
        f"""
        CREATE TEMP TABLE often_closed AS
        SELECT DISTINCT opportunity FROM ordered
        WHERE before_code < 0 OR (before_code IS NULL AND code < 0);
        CREATE TEMP TABLE told_by_rule AS
        SELECT opportunity, place, code, entered_at, fate, pipeline FROM ({_tell_by_rule(rules)});
        CREATE TEMP VIEW told AS
        SELECT * FROM told_by_rule
        UNION ALL
        SELECT opportunity, place, code, entered_at,
               CASE WHEN code = before_code AND pipeline = before_pipeline THEN 'merged'
               ELSE 'kept' END,
               CASE WHEN code < 0 THEN before_pipeline ELSE pipeline END
        FROM ordered WHERE opportunity NOT IN (SELECT opportunity FROM often_closed)
        UNION ALL
        SELECT opportunity, place, code, entered_at, 'kept', pipeline FROM first_moves
        WHERE known AND opportunity NOT IN (SELECT opportunity FROM often_closed);
        """,  # noqa: S608 - as above
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


def write_passages(store: Store, zone: Zone) -> None:
    """Write `moves` and `passages`, which every count stands on, from the canonical tables."""
    from leakkit.store import straight  # noqa: PLC0415 - it loads numpy, a refusal does not

    store.run(f"CREATE TABLE moves AS {queries.MOVES}")
    store.run(f"CREATE TABLE passages AS {queries.PASSAGES}")
    if straight.is_taken(store):
        straight.join(store, zone)
