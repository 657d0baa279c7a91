"""The plain deals in Spark and the odd ones from here put together: tables, account, facts."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, cast

from leakkit import limits
from leakkit.errors import LeakkitError
from leakkit.sources.spark.spark_columns import tick
from leakkit.sources.spark.tables import DEALS, MOVES
from leakkit.store import queries, schema
from leakkit.store import straight_queries as straight
from leakkit.store.database import quote
from leakkit.store.doubtful_visits import BURSTS
from leakkit.store.spark_engine import SparkEngine
from leakkit.store.straight_queries import REASONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.sources.spark.plain_deals import PlainDeals
    from leakkit.store.database import Store
    from leakkit.store.engines import Duck

HISTORY = (
    *("opportunity", "pipeline", "stage", "entered_at", "entered_day", "entered_hour"),
    *("seq", "last_touch"),
)
OWN = (
    *("opportunity", "opportunity_id", "pipeline", "bucket", "created_at", "created_day"),
    *("closed_at", "closed_day", "outcome", "value", "currency", "lost_reason", "name"),
    *("current_stage", "has_history", "given"),
)
TABLES = ("stage_history", "opportunities", "moves", "passages")
USED_ONCE = (
    *("told_deals", "told_moves", "known_deals", "steps", "odd_stage_history"),
    *("odd_opportunities", "ids_here", "odd_minutes", "burst_minutes"),
    *("pipeline_names", "outcome_names", "stage_names", "raw_deals", "raw_moves"),
    *("flagged", "straight", "straight_here", "straight_there", "ids", "numbers"),
)


def complete(
    plain: PlainDeals, store: Store, own: Sequence[str], in_bursts: int, odd: list[tuple[int, int]]
) -> None:
    """Let the store count all deals: those that travelled, and those that are kept in Spark."""
    here = cast("Duck", store.engine)
    plain.number()
    _renumber(plain, here)
    columns = {"stage_history": HISTORY, "opportunities": (*OWN, *own)}
    _hold_against(plain, here, columns, own)
    history, deals = plain.rows_of("straight_there", list(map(quote, own)))
    for table, query in (("stage_history", history), ("opportunities", deals)):
        odd_rows = f"odd_{table}"
        plain.put(odd_rows, here.arrow(_numbered(table, columns[table])))
        listed = ", ".join(map(tick, columns[table]))
        plain.keep(
            table,
            f"SELECT {listed} FROM ({query}) UNION ALL "  # noqa: S608 - quoted
            f"SELECT {listed} FROM {plain.names[odd_rows]}",
        )
    engine = SparkEngine(here, plain.tables.session, plain.names)
    for table in ("pipelines", "stages"):
        engine.share(table)
    plain.keep("moves", plain.sql(queries.MOVES))
    plain.keep("passages", plain.sql(queries.PASSAGES))
    _refuse_amounts(plain)
    notes = _notes(plain, store, own, in_bursts, odd)
    _count_doubts(plain, here)
    here.run("DROP TABLE IF EXISTS new_numbers")
    plain.tables.session.let_go(*USED_ONCE)
    for name in [name for name in plain.names if name not in {*TABLES, "pipelines", "stages"}]:
        del plain.names[name]
    store.engine = engine
    _keep_notes(store, notes)


def _renumber(plain: PlainDeals, here: Duck) -> None:
    """Make `new_numbers`: the number of each deal that travelled, among all."""
    found = plain.tables.session.answer(
        f"SELECT n.opportunity_id, n.opportunity FROM {plain.names['numbers']} n "  # noqa: S608 - names of ours
        f"JOIN {plain.names['ids_here']} h ON h.opportunity_id = n.opportunity_id"
    )
    with here.standing("found_numbers", found):
        here.run(
            """
            CREATE OR REPLACE TEMP TABLE new_numbers AS
            SELECT o.opportunity AS old, CAST(f.opportunity AS INTEGER) AS new
            FROM opportunities o JOIN found_numbers f ON f.opportunity_id = o.opportunity_id
            """
        )


def _numbered(table: str, columns: Sequence[str], some: str = "") -> str:
    """Return SQL for rows that travelled, with the numbers that their deals have among all."""
    listed = ", ".join(f"t.{quote(name)}" for name in columns[1:])
    return (
        f"SELECT n.new AS opportunity, {listed} FROM {table} t "  # noqa: S608 - quoted
        f"JOIN new_numbers n ON n.old = t.opportunity {some}"
    )


def _hold_against(
    plain: PlainDeals, here: Duck, columns: dict[str, tuple[str, ...]], own: Sequence[str]
) -> None:
    """Hold the plain deals that travelled against the same deals as they are read here.

    What this machine reads otherwise than Spark does, in whatever column, stops the load.
    """
    history, deals = plain.rows_of("straight_here", list(map(quote, own)))
    for table, query in (("stage_history", history), ("opportunities", deals)):
        listed = ", ".join(map(tick, columns[table]))
        found = plain.tables.session.answer(f"SELECT {listed} FROM ({query})")  # noqa: S608 - quoted
        with here.standing("spark_rows", found):
            here.run("CREATE OR REPLACE TEMP TABLE read_there AS SELECT * FROM spark_rows")
        some = "WHERE n.new IN (SELECT opportunity FROM read_there)"
        read_here = _numbered(table, columns[table], some)
        for one, other in ((read_here, "FROM read_there"), ("FROM read_there", read_here)):
            odd = here.rows(f"SELECT * FROM ({one} EXCEPT ALL {other}) ORDER BY 1 LIMIT 1")  # noqa: S608 - as above
            if odd:
                raise _read_otherwise(here, table, columns[table], odd[0])
        here.run("DROP TABLE read_there")


def _read_otherwise(
    here: Duck, table: str, columns: Sequence[str], odd: tuple[Any, ...]
) -> LeakkitError:
    """Return the error of a deal that Spark and this machine read in two ways."""
    deal = {"deal": odd[0]}
    ids = here.rows(
        "SELECT o.opportunity_id FROM opportunities o JOIN new_numbers n ON n.old = o.opportunity "
        "WHERE n.new = $deal",
        deal,
    )
    there = here.rows("SELECT * FROM read_there WHERE opportunity = $deal ORDER BY ALL", deal)
    here_rows = here.rows(
        f"SELECT * FROM ({_numbered(table, columns)}) WHERE opportunity = $deal ORDER BY ALL",  # noqa: S608 - quoted
        deal,
    )
    differing = [
        name
        for at, name in enumerate(columns)
        if [row[at] for row in there] != [row[at] for row in here_rows]
    ]
    named = ids[0][0] if ids else odd[0]
    part = DEALS if table == "opportunities" else MOVES
    message = (
        f"{part}: the deal {named!r} is read in one way on Spark and in another way from files, by "
        f"{', '.join(differing[:5]) or 'its rows'}. Say in leakkit.toml what its columns mean, or "
        "let a SELECT write their cells in one form (docs/sources/spark.md)."
    )
    return LeakkitError("read_otherwise", message)


def _refuse_amounts(plain: PlainDeals) -> None:
    """Raise where the values are so large that their sums cannot be trusted."""
    most = plain.tables.session.rows(
        f"SELECT sum(CAST(value AS DOUBLE)) FROM {plain.names['opportunities']}"  # noqa: S608 - a name of ours
    )[0][0]
    if most and most > limits.TOTAL * 100:
        message = f"The amounts of {DEALS} are more than {limits.TOTAL:,} in all."
        raise LeakkitError("too_large", message)


def _notes(
    plain: PlainDeals, store: Store, own: Sequence[str], in_bursts: int, odd: list[tuple[int, int]]
) -> dict[str, Any]:
    """Return what is known of all deals, of what the store says of those that travelled."""
    told = dict(
        zip(
            ("deals", "moves", "created_missing", "created_after_entry"),
            map(int, plain.ask(straight.FACTS, straight="straight_there")[0]),
            strict=True,
        )
    )
    missing, zero = map(
        int,
        plain.ask(
            "SELECT COALESCE(sum(CASE WHEN value IS NULL THEN 1 ELSE 0 END), 0), "
            "COALESCE(sum(CASE WHEN value = 0 THEN 1 ELSE 0 END), 0) FROM opportunities"
        )[0],
    )
    begun = plain.ask("SELECT count(*) FROM passages WHERE entry = 0 AND stage > 0")[0][0]
    facts = dict(store.meta("facts"))
    for name in ("created_missing", "created_after_entry"):
        facts[name] = facts.get(name, 0) + told[name]
    facts |= {"value_missing": missing, "value_zero": zero, "started_at_stage": int(begun)}
    facts |= {BURSTS: in_bursts}
    rows = [dict(one) for one in store.meta("rows")]
    for one in rows:
        plus = told["deals"] if one["table"] == "opportunities" else told["moves"]
        one["read"] += plus
        one["used"] += plus
    return {
        "facts": {name: n for name, n in facts.items() if n},
        "rows": rows,
        "config": plain.config.model_dump(mode="json"),
        "fingerprint": _fingerprint(plain, store, own),
        "travelled": {REASONS[int(code)]: int(n) for code, n in odd},
    }


def _fingerprint(plain: PlainDeals, store: Store, own: Sequence[str]) -> str:
    """Return a digest of the canonical tables that no order of rows or partitions changes."""
    kept = sorted({*OWN, *own} - {"given"})
    parts: list[Any] = [schema.SCHEMA_VERSION, store.meta("cut"), store.meta("last_day"), kept]
    for table, columns in (("opportunities", kept), ("stage_history", HISTORY)):
        hashed = f"SELECT xxhash64({', '.join(map(tick, columns))}) AS h FROM {plain.names[table]}"  # noqa: S608 - quoted
        digest = f"SELECT count(*), bit_xor(h), sum(h % 4294967296) FROM ({hashed})"  # noqa: S608 - as above
        parts.append([str(value) for value in plain.tables.session.rows(digest)[0]])
    parts += [
        [list(row) for row in store.rows(f"SELECT * FROM {table} ORDER BY ALL")]  # noqa: S608 - names of this module
        for table in ("pipelines", "stages")
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _count_doubts(plain: PlainDeals, here: Duck) -> None:
    """Count the first visits of plain deals that ended in a burst beside those of the others."""
    if "burst_minutes" not in plain.names:
        return
    rows = plain.ask(straight.IN_BURSTS, straight="straight_there")
    for row in rows:
        names = ("pipeline", "stage", "entered_tick", "left_tick", "exit", "n")
        facts = dict(zip(names, row, strict=True)) | {"reason": BURSTS}
        here.run(
            "INSERT INTO doubts SELECT $pipeline, $stage, $reason, $entered_tick, $left_tick, "
            "$exit, $n",
            facts,
        )
    if rows:
        here.run(
            """
            CREATE OR REPLACE TABLE doubts AS
            SELECT pipeline, stage, reason, entered_tick, left_tick, exit,
                   CAST(sum(n) AS BIGINT) AS n
            FROM doubts GROUP BY ALL
            """
        )


def _keep_notes(store: Store, notes: dict[str, Any]) -> None:
    """Keep what is known of all deals in place of what was known of some."""
    for key in notes:
        store.run("DELETE FROM meta WHERE key = $key", {"key": key})
    store.set_all_meta(notes)


__all__ = ["complete"]
