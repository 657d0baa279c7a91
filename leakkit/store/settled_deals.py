"""What an earlier store of the same source has settled already.

A nightly export repeats nearly all that it said the night before. A deal whose rows are
the same, under the same rules, in which nothing was odd and no moment is later than
either `as_of`, comes out of the resolving as it did: so it is taken over, and only the
others are resolved. What an odd deal adds to the account of rows, facts and faults is
not kept by deal, so odd deals are resolved anew.

A store that is kept has the table `settled`: opportunity, digest (of all its rows as
given), rows (of the history).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leakkit.store import account, schema
from leakkit.store.database import literal, quote
from leakkit.store.engines import VERSION
from leakkit.version import code_digest

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.store.database import Store
    from leakkit.store.resolve import Rules

KEY = "settled_under"
"""The fact about a store that says under which rules its deals were settled."""

ASKED_OF_ROWS = ("several_beginnings", "shortened_ids", "ids_under_several_names")
"""Doubts that are asked of the rows as given, so of every deal at every load."""


@dataclass(frozen=True)
class LoadOptions:
    """How a store is kept: what it takes over, and whether a later one may do so from it.

    `plain`: deals in which nothing is odd take the straight way, on which nothing is told of
    their single rows. `people`: all names are kept that the source has, for a run that
    hides them. Of tables in Spark, the rows of `deal` are told of, and `some` is for a load
    of a few deals only, from which a configuration is proposed.
    """

    earlier: Path | None = None
    settle: bool = False
    plain: bool = True
    people: bool = False
    deal: str = ""
    some: bool = False


def find_unchanged(store: Store, rules: Rules, options: LoadOptions) -> None:
    """Find the deals that are the same as in the earlier store, before resolving.

    Makes `unchanged` (opportunity_id, its number in the earlier store, rows of its history),
    which resolving leaves out; empty where there is no earlier store, or its rules differ.
    """
    store.run("CREATE TEMP TABLE unchanged (opportunity_id VARCHAR, earlier INTEGER, rows INTEGER)")
    if options.settle or options.earlier:
        _digest(store)
    if options.earlier is None or not _same_rules(store, rules, options.earlier):
        return
    store.run(
        """
        INSERT INTO unchanged
        SELECT d.opportunity_id, s.opportunity, d.rows
        FROM digests d
        JOIN earlier.opportunities o ON o.opportunity_id = d.opportunity_id
        JOIN earlier.settled s ON s.opportunity = o.opportunity AND s.digest = d.digest
        WHERE d.last_moment <= $cut
        """,
        {"cut": min(rules.cut, _fact(store, "cut"))},
    )


def take_over(store: Store) -> None:
    """Put the deals that are the same beside those that were resolved."""
    taken = store.value("SELECT count(*) FROM unchanged")
    for table in ("opportunities", "stage_history") if taken else ():
        store.run(
            f"""
            INSERT INTO {table} BY NAME
            SELECT i.opportunity, e.* EXCLUDE (opportunity)
            FROM unchanged u
            JOIN ids i ON i.opportunity_id = u.opportunity_id
            JOIN earlier.{table} e ON e.opportunity = u.earlier
            """  # noqa: S608 - names of this module
        )
    if store.value("SELECT count(*) FROM duckdb_databases() WHERE database_name = 'earlier'"):
        store.run("DETACH earlier")


def keep_settled(store: Store, rules: Rules) -> None:
    """Write down which deals need not be resolved again while their rows stay the same."""
    store.run(
        f"""
        INSERT INTO settled
        SELECT i.opportunity, d.digest, d.rows
        FROM digests d
        JOIN ids i ON i.opportunity_id = d.opportunity_id
        SEMI JOIN opportunities o ON o.opportunity = i.opportunity
        WHERE d.content IS NOT NULL
          AND (i.settled OR i.opportunity NOT IN ({account.odd_deals(rules.cut)}))
          AND i.opportunity NOT IN (SELECT opportunity FROM doubted
                                    WHERE reason NOT IN {ASKED_OF_ROWS})
        """  # noqa: S608 - a query of the room
    )
    store.set_meta(KEY, _rules_key(rules))


def _digest(store: Store) -> None:
    """Make `digests`: a number per deal that any change of its rows changes; its last moment."""
    columns = [row[0] for row in store.rows("DESCRIBE given_opportunities") if row[0] != "line"]
    said = ", ".join(map(quote, columns))
    store.run(
        f"""
        CREATE TEMP TABLE digests AS
        SELECT h.opportunity_id, hash(h.rows, h.mixed, h.summed, o.content) AS digest, h.rows,
               o.content, GREATEST(h.last_at, o.last_at) AS last_moment
        FROM (SELECT opportunity_id, CAST(count(*) AS INTEGER) AS rows, bit_xor(row) AS mixed,
                     sum(row % 4294967296) AS summed, max(entered_at) AS last_at
              FROM (SELECT opportunity_id, entered_at,
                           hash(pipeline, stage, entered_at, from_stage, seq, part) AS row
                    FROM given_history WHERE opportunity_id <> '')
              GROUP BY opportunity_id) h
        LEFT JOIN (SELECT opportunity_id, min(hash({said})) AS content,
                          max(GREATEST(created_at, closed_at)) AS last_at
                   FROM given_opportunities GROUP BY opportunity_id HAVING count(*) = 1) o
            ON o.opportunity_id = h.opportunity_id
        """  # noqa: S608 - quoted headings
    )


def _same_rules(store: Store, rules: Rules, earlier: Path) -> bool:
    """Open the earlier store beside this one, and say whether its rules were the same."""
    store.run(f"ATTACH {literal(str(earlier))} AS earlier (READ_ONLY)")
    return bool(_fact(store, KEY) == _rules_key(rules))


def _fact(store: Store, key: str) -> Any:  # noqa: ANN401 - JSON of any shape
    """Return a fact about the earlier store; None where it has none."""
    rows = store.rows("SELECT value FROM earlier.meta WHERE key = $key", {"key": key})
    return json.loads(rows[0][0]) if rows else None


def _rules_key(rules: Rules) -> str:
    """Return a digest of all that decides what becomes of a deal, but for `as_of`."""
    config = rules.config.model_dump(mode="json") | {"as_of": None}
    parts = [
        (code_digest(), schema.SCHEMA_VERSION, VERSION),
        (config, rules.newest_first, rules.segments, rules.default_pipeline, rules.one_file),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
