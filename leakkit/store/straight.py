"""The straight way: deals in which nothing is odd, from one pass over their rows in order.

Most deals need no resolving: their rows stand in order, name one pipeline, and close once, at
the end. Of each of their rows it is enough to know the neighbours (`passing`). `ODD_DEALS`
here and the functions `_odd...` there say what makes a deal odd, docs/straight-way.md why; the
odd ones, and only these, are left to `resolve`. Both ways give the same tables, which a
property test holds them to.

The rows of straight deals stand in the table `wide`; `moves`, `passages` and `stage_history`
are views over it, once the odd deals have joined it.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from leakkit.store import passing, schema
from leakkit.store.database import quote
from leakkit.store.moments import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from leakkit.store.database import Store
    from leakkit.store.moments import Zone
    from leakkit.store.name_codes import HistoryFacts
    from leakkit.store.resolve import Rules

Given = TypeVar("Given")
Found = TypeVar("Found")
WORKERS = 2
"""So many parts are looked at beside each other, while the engine writes those before."""
MOST_ODD = 0.5
"""Where more of the deals are odd, all of them take the long way: two ways take longer."""
AT_ONCE = 100_000
"""So many deals are looked at in one go: about half a million rows."""

ODD_DEALS = {
    "no row of its own, or several": "o.opportunity_id IS NULL",
    "value_negative": "o.value < 0",
    "value_unreadable": "o.value IS NULL AND o.value_said",
    "value_without_rate": "o.value >= 0 AND {value} IS NULL",
    "created_unreadable": "o.created_unread <> ''",
    "closed_unreadable": "o.closed_unread <> ''",
    "outcome_unknown": "o.outcome <> '' AND n.code IS NULL",
    "closes_after_as_of": "n.code < 0 AND o.closed_at > {cut}",
}
"""What makes a deal odd by its own row; what is not said (NULL) makes none odd."""

KNOWN = f"""
SELECT opportunity, COALESCE(said, {passing.NO_CODE}) AS said,
       COALESCE(closed_at, {passing.NO_MOMENT}) AS closed_at,
       COALESCE(created_at, {passing.NO_MOMENT}) AS created_at,
       COALESCE(value, {passing.NO_MOMENT}) AS value, bucket, stands, odd
FROM known
"""  # noqa: S608 - numbers
WIDE = """
CREATE TABLE wide (
    opportunity INTEGER, pipeline SMALLINT, stage SMALLINT, seq INTEGER,
    before_stage SMALLINT, after_stage SMALLINT, entered_at BIGINT, entered_day INTEGER,
    left_at BIGINT, left_day INTEGER, closes SMALLINT, entry TINYINT, exit TINYINT,
    visit INTEGER, value BIGINT, bucket SMALLINT, last_touch BIGINT{ticks})
"""
LEFT_TICK = f", NULLIF(left_tick, {passing.NO_DAY}) AS left_tick"
INTO_WIDE = f"""
INSERT INTO wide BY NAME
SELECT * REPLACE (NULLIF(before_stage, {passing.NO_CODE}) AS before_stage,
                  NULLIF(after_stage, {passing.NO_CODE}) AS after_stage,
                  NULLIF(left_at, {passing.NO_MOMENT}) AS left_at,
                  NULLIF(left_day, {passing.NO_DAY}) AS left_day,
                  NULLIF(value, {passing.NO_MOMENT}) AS value{{left_tick}})
FROM given_columns
"""  # noqa: S608 - numbers
STRAIGHT_DEALS = """
CREATE TEMP TABLE straight_deals (
    opportunity INTEGER, pipeline SMALLINT, end_code SMALLINT, first_at BIGINT,
    closed_at BIGINT, created_at BIGINT, value BIGINT, bucket SMALLINT, rows INTEGER)
"""
INTO_DEALS = f"""
INSERT INTO straight_deals BY NAME
SELECT * REPLACE (NULLIF(closed_at, {passing.NO_MOMENT}) AS closed_at,
                  NULLIF(created_at, {passing.NO_MOMENT}) AS created_at,
                  NULLIF(value, {passing.NO_MOMENT}) AS value)
FROM given_columns
"""  # noqa: S608 - numbers
NOTHING = f"""
DROP TABLE IF EXISTS wide;
DROP TABLE IF EXISTS straight_deals;
{STRAIGHT_DEALS};
CREATE TEMP VIEW left_history AS SELECT * FROM given_history;
CREATE TEMP VIEW left_opportunities AS SELECT * EXCLUDE (content) FROM given_opportunities;
"""  # noqa: S608 - a statement of this module
"""Without a straight deal all of them are left to `resolve`."""


def take(
    store: Store, rules: Rules, history: HistoryFacts, *, plain: bool, by_line: bool
) -> Looked | None:
    """Take the straight deals, and leave all others to be resolved; None where there are none.

    Makes `left_history` and `left_opportunities`, the rows that are left, and `straight_deals`;
    where there are such, also `wide` and `opportunities`. There are none with `plain` being
    False, and where an earlier store has settled deals. `by_line`: the number of each deal is
    the line of its row.
    """
    asked = plain and not store.value("SELECT count(*) FROM unchanged")
    found = _look(store, rules, history, by_line=by_line) if asked else None
    if found:
        if not found.all_straight:
            _leave_others(store)
        _write_opportunities(store, rules, by_line=found.by_line)
    else:
        store.run(NOTHING)
    _forget(store)
    return found


def has_straight_deals(store: Store) -> bool:
    """Say whether any deal went the straight way."""
    # an earlier store may stand beside this one
    sql = """
        SELECT count(*) FROM duckdb_tables()
        WHERE table_name = 'wide' AND database_name = current_database()
        """
    return bool(store.value(sql))


@dataclass(frozen=True)
class Looked:
    """What looking at all deals found: whether no deal is odd, and the number of each its line.

    `moments` are those of all rows that have an id, in any order.
    """

    all_straight: bool
    by_line: bool
    moments: passing.Ints


def _look(store: Store, rules: Rules, history: HistoryFacts, *, by_line: bool) -> Looked | None:
    """Take the straight deals into `wide`; None where that does not pay."""
    _know(store, rules, history, by_line=by_line)
    steps = store.arrays(_steps_sql(store, rules, history))
    if (steps["opportunity"] == passing.NO_DEAL).any():
        _forget(store)
        by_line = schema.number(store, with_history=True)
        _know(store, rules, history, by_line=by_line)
        steps = store.arrays(_steps_sql(store, rules, history))
    by_hour = _pipelines_by_hour(store)
    ticks = ("entered_tick", "left_tick") if by_hour else ()
    store.run(WIDE.format(ticks="".join(f", {tick} INTEGER" for tick in ticks)))
    store.run(STRAIGHT_DEALS)
    spots = _codes_of_spots(store)
    deals = passing.DealRows(**store.arrays(KNOWN), spots=spots).in_order()
    into = INTO_WIDE.format(left_tick=LEFT_TICK if ticks else "")

    def passed(some: tuple[dict[str, passing.Ints], passing.DealRows]) -> passing.Straight | None:
        days = rules.zone.units(some[0]["entered_at"], DAY)
        rows = passing.Rows(**_with_codes(some[0], spots), day=days)
        return passing.straight_rows(rows, some[1], rules.zone, rules.cut, by_hour)

    given = []
    alone = int(store.value("SELECT current_setting('threads')")) == 1
    parts = passing.in_parts(steps, deals, AT_ONCE)
    for found in map(passed, parts) if alone else _ahead(passed, parts):
        if found:
            store.append(into, found.rows)
            given.append(found.deals)
    straight = sum(len(one["opportunity"]) for one in given)
    if straight:
        store.append(INTO_DEALS, {n: np.concatenate([one[n] for one in given]) for n in given[0]})
    n = len(deals.opportunity)
    if not straight or straight < (1 - MOST_ODD) * n:
        return None
    return Looked(straight == n, by_line, steps["entered_at"])


def _ahead(
    function: Callable[[Given], Found], parts: Iterable[Given], workers: int = WORKERS
) -> Iterator[Found]:
    """Yield what a function makes of each part, which it makes while the one before is used."""
    waiting: deque[Future[Found]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for part in parts:
            waiting.append(pool.submit(function, part))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _forget(store: Store) -> None:
    """Drop what was known of the deals by their own rows."""
    store.run(
        "DROP VIEW IF EXISTS known; DROP TABLE IF EXISTS known_deals; DROP TABLE IF EXISTS spots"
    )


def _know(store: Store, rules: Rules, history: HistoryFacts, *, by_line: bool) -> None:
    """Make `known`: what the row of each deal says, and whether that alone makes it odd.

    Where a deal stands is a number of `spots`, the different names of stages. What is asked
    once is not kept: where the number of a deal is its line, and rows name their pipelines.
    """
    once = by_line and not history.unnamed_pipeline
    kept = "VIEW known" if once else "TABLE known_deals"
    value = rules.value_sql("o")
    odd = " OR ".join(f"COALESCE({one}, FALSE)" for one in ODD_DEALS.values())
    own_rows = "SELECT * FROM given_opportunities"
    if store.value("SELECT count(*) FROM repeated"):
        own_rows += " WHERE opportunity_id NOT IN (SELECT opportunity_id FROM repeated)"
    number, rows = "i.opportunity", f"ids i LEFT JOIN ({own_rows}) o USING (opportunity_id)"
    if by_line:
        number, rows = "CAST(o.line AS INTEGER)", f"({own_rows}) o"
    spot, spots = "-1", ""
    if rules.config.source.present_stage == "counts":
        spot, spots = "COALESCE(t.spot, -1)", "LEFT JOIN spots t ON t.said = o.stage"
    store.run(
        f"""
        CREATE TEMP TABLE spots AS
        SELECT said, CAST(row_number() OVER (ORDER BY said) - 1 AS SMALLINT) AS spot
        FROM (SELECT DISTINCT said FROM stage_names);
        CREATE TEMP {kept} AS
        SELECT {number} AS opportunity, opportunity_id, o.line, p.pipeline AS own_pipeline,
               CAST(n.code AS TINYINT) AS said, o.created_at, o.closed_at, {value} AS value,
               {schema.bucket_sql("opportunity_id")} AS bucket,
               CAST({spot} AS SMALLINT) AS stands,
               {odd.format(value=value, cut=rules.cut)} AS odd
        FROM {rows}
        LEFT JOIN pipeline_names p ON p.said = o.pipeline
        LEFT JOIN outcome_names n ON n.said = o.outcome
        {spots}
        """  # noqa: S608 - numbers and names of this program
    )
    if not once:
        store.run("CREATE TEMP VIEW known AS SELECT * FROM known_deals")


def _codes_of_spots(store: Store) -> passing.Ints:
    """Return the code of each of `spots` by pipeline; of what is none of its stages NO_CODE.

    The last row and column are of no pipeline and no spot.
    """
    rows = store.arrays(
        """
        SELECT n.pipeline, t.spot, n.code FROM stage_names n JOIN spots t ON t.said = n.said
        """
    )
    pipelines = int(store.value("SELECT count(*) FROM pipelines"))
    spots = int(store.value("SELECT count(*) FROM spots"))
    found = np.full((pipelines + 1, spots + 1), passing.NO_CODE, np.int16)
    found[rows["pipeline"], rows["spot"]] = rows["code"]
    return found


def _steps_sql(store: Store, rules: Rules, history: HistoryFacts) -> str:
    """Return SQL for every row that has an id with its deal, in numbers, for `_with_codes`.

    Where the name of a stage is looked up alone, the engine does so once for each name of a
    part of its file, and not for each row.
    """
    own, row, before, source = rules.no_pipeline, "", "", ""
    if history.unnamed_pipeline:
        own = f"k.own_pipeline, {own}"
        row = "LEFT JOIN known k ON k.opportunity = d.opportunity"
    if history.from_stage:
        before = "COALESCE(f.spot, -1) AS from_spot,"
        source = "LEFT JOIN spots f ON f.said = h.from_stage"
    nameless = bool(store.value("SELECT count(*) FROM nameless"))
    return f"""
        SELECT COALESCE(d.opportunity, {passing.NO_DEAL}) AS opportunity,
               CAST(COALESCE(p.pipeline, {own}, {passing.NO_PIPELINE}) AS SMALLINT) AS pipeline,
               COALESCE(s.spot, -1) AS spot, {before}
               COALESCE(h.entered_at, {passing.NO_MOMENT}) AS entered_at,
               COALESCE(h.part, 0) AS part, COALESCE(h.seq, {passing.NO_SEQ}) AS seq
        FROM given_history h
        LEFT JOIN ids d ON d.opportunity_id = h.opportunity_id
        LEFT JOIN pipeline_names p ON p.said = h.pipeline
        {row}
        LEFT JOIN spots s ON s.said = h.stage
        {source}
        {"WHERE h.opportunity_id <> ''" if nameless else ""}
        """  # noqa: S608 - numbers and names of this program


def _with_codes(steps: dict[str, passing.Ints], spots: passing.Ints) -> dict[str, passing.Ints]:
    """Return rows with the codes of what they say instead of numbers of `spots`."""
    code = spots[steps["pipeline"], steps["spot"]]
    before = np.broadcast_to(np.int16(passing.NO_CODE), len(code))
    if "from_spot" in steps:
        before = spots[steps["pipeline"], steps["from_spot"]]
    told = {name: column for name, column in steps.items() if name not in {"spot", "from_spot"}}
    return told | {"code": code, "from_code": before}


def _pipelines_by_hour(store: Store) -> tuple[int, ...]:
    """Return the pipelines whose stays are counted in hours."""
    rows = store.rows("SELECT pipeline FROM pipelines WHERE unit_per_day = 24 ORDER BY pipeline")
    return tuple(int(row[0]) for row in rows)


def _leave_others(store: Store) -> None:
    """Leave the rows of all other deals to be resolved."""
    store.run(
        """
        CREATE TEMP TABLE left_ids AS
        SELECT opportunity_id FROM ids
        WHERE opportunity NOT IN (SELECT opportunity FROM straight_deals)
        """
    )
    for table, but in (("history", ""), ("opportunities", "EXCLUDE (content)")):
        store.run(
            f"""
            CREATE TEMP TABLE left_{table} AS
            SELECT * {but} FROM given_{table}
            WHERE opportunity_id IN (SELECT opportunity_id FROM left_ids)
            """  # noqa: S608 - names of this module
        )


def _write_opportunities(store: Store, rules: Rules, *, by_line: bool) -> None:
    """Write the opportunities of the straight deals."""
    day = rules.zone.day_sql
    columns = "".join(f", o.segment_{i} AS {quote(name)}" for i, name in enumerate(rules.segments))
    # an event file has no row of its own for a deal
    same = "opportunity_id" if rules.one_file else "line"
    rows = f"""
        straight_deals e
        JOIN known d ON d.opportunity = e.opportunity
        JOIN given_opportunities o ON o.{same} = d.{same}
        """
    if by_line:
        rows = "straight_deals e JOIN given_opportunities o ON o.line = e.opportunity"
    store.run(
        f"""
        CREATE TABLE opportunities AS
        SELECT * REPLACE ({day("created_at")} AS created_day, {day("closed_at")} AS closed_day)
        FROM (
            SELECT e.opportunity, o.opportunity_id, e.pipeline, e.bucket,
                   CASE WHEN e.created_at <= e.first_at THEN e.created_at
                        ELSE e.first_at END AS created_at, NULL AS created_day,
                   e.closed_at, NULL AS closed_day,
                   CASE e.end_code WHEN {schema.WON} THEN 'won' WHEN {schema.LOST} THEN 'lost'
                        ELSE 'open' END AS outcome,
                   e.value, o.currency, COALESCE(o.lost_reason, '') AS lost_reason,
                   COALESCE(o.name, '') AS name, CAST(NULL AS SMALLINT) AS current_stage,
                   TRUE AS has_history, TRUE AS given{columns}
            FROM {rows})
        """  # noqa: S608 - quoted headings, and names of this program
    )


def join(store: Store, zone: Zone, *, resolved: bool) -> None:
    """Let the odd deals join the others, and make the tables of both, as views.

    Called when `stage_history`, `moves` and `passages` hold the odd deals, if any was `resolved`.
    """
    by_hour = _pipelines_by_hour(store)
    if resolved:
        _add_resolved(store, ", m.entered_tick, m.left_tick" if by_hour else "")
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


def _add_resolved(store: Store, ticks: str) -> None:
    """Write the rows of the odd deals to those of the others."""
    store.run(
        f"""
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


def _stages_sql(store: Store) -> str:
    """Return SQL for the number of stages of a pipeline."""
    rows = store.rows("SELECT pipeline, count(*) FROM stages GROUP BY pipeline ORDER BY pipeline")
    return f"CASE pipeline {' '.join(f'WHEN {p} THEN {n}' for p, n in rows)} END"
