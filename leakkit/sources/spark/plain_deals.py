"""The plain deals of Spark: found there, numbered there, and kept there as canonical rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from leakkit.errors import LeakkitError
from leakkit.sources.spark.spark_columns import deals_sql, moves_sql, span_sql, text_literal, tick
from leakkit.sources.spark.tables import DEALS, MOVES
from leakkit.store import straight_queries as straight
from leakkit.store.moments import DAY, Zone, parse_as_of, zone
from leakkit.store.name_codes import closes_either_way, name_codes, outcome_of, outcome_words
from leakkit.store.schema import LOST, WON
from leakkit.store.spark_engine import in_spark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leakkit.config import Config
    from leakkit.sources.spark.spark_columns import SparkColumns
    from leakkit.sources.spark.tables import Tables
    from leakkit.store.engines import Facts

MOST_TEXTS = 20_000
"""So many different texts may columns of pipelines, stages and outcomes have together."""
RANGES = 64
"""Deals are numbered in so many ranges of ids, one beside the other."""
OF_DEALS = ("created_at", "closed_at")
TEXTS = ("pipeline", "stage", "from_stage", "outcome")


@dataclass(frozen=True)
class PlainDeals:
    """What is known of a source in Spark, and the names that our relations have there.

    `segments` are the headings of the further columns that are kept.
    """

    tables: Tables
    config: Config
    segments: tuple[str, ...]
    names: dict[str, str]

    @cached_property
    def deals(self) -> SparkColumns:
        """The columns of the deals."""
        return self.tables.cells(DEALS, self.config)

    @cached_property
    def moves(self) -> SparkColumns:
        """The columns of the history."""
        return self.tables.cells(MOVES, self.config)

    def ask(self, query: str, facts: Facts = None, **other: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query in our dialect; `other` relations stand for ours."""
        return self.tables.session.rows(in_spark(query, self._named(other), facts))

    def _named(self, other: Mapping[str, str]) -> dict[str, str]:
        """Return the names of relations, where others stand for some."""
        return self.names | {name: self.names[one] for name, one in other.items()}

    def sql(self, query: str, facts: Facts = None, **other: str) -> str:
        """Return a query in our dialect in Spark's."""
        return in_spark(query, self._named(other), facts)

    def keep(self, relation: str, query: str) -> None:
        """Let the answer of a query of Spark stand as a relation, computed once."""
        self.names[relation] = self.tables.session.keep(relation, query)

    def put(self, relation: str, table: object) -> None:
        """Bring a small table into Spark."""
        self.names[relation] = self.tables.session.put(relation, table)

    # ---------------------------------------------------------------- what is told

    def tell(self) -> bool:
        """Make `told_deals` and `told_moves`, and the numbers of the words in them.

        Returns whether any move says whence its deal came.
        """
        hours = self._zone()
        session = self.tables.session
        said = self._texts()
        own = self._closing(said)
        deals = deals_sql(self.deals, hours, self.segments, self.config.currency, own)
        self.keep("told_deals", deals)
        self.names["told_moves"] = session.view("told_moves", moves_sql(self.moves, hours))
        self._put_names(said)
        return bool(said.get(f"{MOVES} from_stage"))

    def _zone(self) -> Zone:
        """Return the offsets of the configured zone over the days that the rows span."""
        if self.config.timezone == "UTC":
            return Zone((), (0,))
        spans = [
            self.tables.session.rows(span_sql(cells, moments))[0]
            for cells, names in ((self.deals, OF_DEALS), (self.moves, ("entered_at",)))
            if (moments := [name for name in names if name in cells.headings])
        ]
        known = [int(one) for span in spans for one in span if one is not None]
        last = parse_as_of(str(self.config.as_of), self.config.timezone)[0]
        return zone(
            self.config.timezone, min([*known, last]) - 2 * DAY, max([*known, last]) + 2 * DAY
        )

    def _texts(self) -> dict[str, list[str]]:
        """Return the different texts of pipelines, stages and outcomes, in code-point order."""
        each = [
            f"SELECT {text_literal(f'{cells.part} {name}')} AS kind, {cells.text(name)} AS said "  # noqa: S608 - quoted
            f"FROM {cells.name}"
            for cells in (self.deals, self.moves)
            for name in TEXTS
            if name in cells.headings
        ]
        rows = self.tables.session.rows(
            f"SELECT DISTINCT kind, said FROM ({' UNION ALL '.join(each)}) WHERE said <> '' "  # noqa: S608 - as above
            f"LIMIT {MOST_TEXTS + 1}"
        )
        if len(rows) > MOST_TEXTS:
            message = (
                f"Pipelines, stages and outcomes have more than {MOST_TEXTS:,} different texts. "
                "Are they the right columns? Say in [source]: stage = '...', outcome = '...'."
            )
            raise LeakkitError("too_many_stages", message)
        found: dict[str, list[str]] = {}
        for kind, said in sorted((str(kind), str(said)) for kind, said in rows):
            found.setdefault(kind, []).append(said)
        return found

    def _closing(
        self, said: Mapping[str, Sequence[str]]
    ) -> dict[int, tuple[Sequence[str], Sequence[str]]]:
        """Return the stages of deals that close them, and the outcomes that say so."""
        words = outcome_words(self.config)
        stages, outcomes = said.get(f"{DEALS} stage", ()), said.get(f"{DEALS} outcome", ())
        either = [one for one in stages if closes_either_way(one)]
        return {
            code: (
                [one for one in stages if outcome_of(one, words) == code] + either,
                [one for one in outcomes if outcome_of(one, words) == code],
            )
            for code in (WON, LOST)
        }

    def _put_names(self, said: Mapping[str, Sequence[str]]) -> None:
        """Bring the numbers of the words into Spark; a stage that may be any end has none."""
        import pyarrow as pa  # noqa: PLC0415 - of the extra `spark`

        texts = {
            name: sorted({*said.get(f"{DEALS} {name}", ()), *said.get(f"{MOVES} {name}", ())})
            for name in TEXTS
        }
        texts["stage"] = [one for one in texts["stage"] if not closes_either_way(one)]
        for table, (columns, rows) in name_codes(self.config, texts).items():
            kinds = [(name, pa.string() if name == "said" else pa.int16()) for name in columns]
            arrays = [
                pa.array([row[at] for row in rows], kind) for at, (_, kind) in enumerate(kinds)
            ]
            self.put(table, pa.Table.from_arrays(arrays, schema=pa.schema(kinds)))

    # ---------------------------------------------------------------- the straight way

    def go_straight(self, cut: int, default: int | None, *, whence: bool) -> None:
        """Find the plain deals: make `flagged` and `straight`."""
        present = int(self.config.source.present_stage == "counts")
        session = self.tables.session
        self.keep("known_deals", self.sql(straight.KNOWN_DEALS, {"cut": cut}))
        steps = {"cut": cut, "default": -1 if default is None else default, "present": present}
        self.names["steps"] = session.view("steps", self.sql(straight.STEPS, steps))
        self.keep("flagged", self.sql(straight.FLAGGED, {"cut": cut}))
        self.keep("straight", self.sql(straight.STRAIGHT, {"whence": int(whence)}))

    def choose_travellers(self, every: int, deal: str) -> None:
        """Part the plain deals: some of them travel, all others are kept in Spark.

        One of so many travels, by its id, and the one that is asked for. So do those without
        which what is read here would look as if no deal had a close, or a time of the day.
        """
        timed = "min(CASE WHEN {0}.timed = {1} THEN s.opportunity_id END)"
        of_deals = ", ".join(timed.format("d", at) for at in (0, 1))
        of_all = (
            f"SELECT min(s.opportunity_id), min(CASE WHEN d.closed_at IS NOT NULL THEN "  # noqa: S608 - names of ours
            f"s.opportunity_id END), {of_deals} FROM {self.names['straight']} s "
            f"JOIN {self.names['told_deals']} d ON d.opportunity_id = s.opportunity_id"
        )
        of_moves = (
            f"SELECT {timed.format('f', 1)} FROM {self.names['straight']} s "  # noqa: S608 - as above
            f"JOIN {self.names['flagged']} f ON f.opportunity_id = s.opportunity_id"
        )
        session = self.tables.session
        found = [*session.rows(of_all)[0], *session.rows(of_moves)[0]]
        some = sorted({*found, deal} - {None, ""})
        named = ", ".join(text_literal(str(one)) for one in some)
        travels = f"pmod(xxhash64(opportunity_id), {every}) = 0"
        if named:
            travels += f" OR opportunity_id IN ({named})"
        view = self.names["straight"]
        self.keep("straight_here", f"SELECT * FROM {view} WHERE {travels}")  # noqa: S608 - as above
        self.keep("straight_there", f"SELECT * FROM {view} WHERE NOT ({travels})")  # noqa: S608 - as above

    def sampled(self, every: int) -> dict[str, str]:
        """Return queries of the raw rows of one deal of so many."""
        return {
            part: f"SELECT * FROM {cells.name} WHERE pmod(xxhash64({cells.key()}), {every}) = 0"  # noqa: S608 - names of ours
            for part, cells in ((DEALS, self.deals), (MOVES, self.moves))
        }

    def travelling(self) -> dict[str, str]:
        """Return queries of the raw rows of all deals but those that are kept in Spark."""
        kept = self.names["straight_there"]
        return {
            part: (
                f"SELECT r.* FROM {cells.name} r LEFT ANTI JOIN {kept} k "  # noqa: S608 - as above
                f"ON k.opportunity_id = {self._of('r', cells)}"
            )
            for part, cells in ((DEALS, self.deals), (MOVES, self.moves))
        }

    def _of(self, alias: str, cells: SparkColumns) -> str:
        """Return SQL for the id of a deal of a relation that has an alias."""
        column = tick(cells.headings["opportunity_id"])
        return cells.key().replace(column, f"{alias}.{column}")

    # ---------------------------------------------------------------- numbers and rows

    def number(self) -> None:
        """Make `numbers`: the places of all ids in code-point order, a range beside the other.

        `ids_here` are those of the deals that have travelled.
        """
        session = self.tables.session
        there, here = self.names["straight_there"], self.names["ids_here"]
        ids = f"SELECT opportunity_id FROM {there} UNION ALL SELECT opportunity_id FROM {here}"  # noqa: S608 - names of ours
        self.keep("ids", ids)
        view = self.names["ids"]
        some = session.rows(
            f"SELECT opportunity_id FROM {view} ORDER BY xxhash64(opportunity_id), opportunity_id "  # noqa: S608 - as above
            f"LIMIT {RANGES * 16}"
        )
        known = sorted((str(row[0]) for row in some), key=lambda one: one.encode())
        limits = sorted({*known[16::16]}, key=lambda one: one.encode())
        cases = " ".join(
            f"WHEN opportunity_id < {text_literal(one)} THEN {at}" for at, one in enumerate(limits)
        )
        place = f"CASE {cases} ELSE {len(limits)} END" if cases else "0"
        ranged = f"SELECT opportunity_id, {place} AS range FROM {view}"  # noqa: S608 - as above
        each = f"SELECT range, count(*) FROM ({ranged}) GROUP BY range ORDER BY range"  # noqa: S608 - as above
        counted = session.rows(each)
        before, starts = 0, []
        for at, n in counted:
            starts.append(f"WHEN {at} THEN {before}")
            before += int(n)
        start = f"CASE range {' '.join(starts)} END" if starts else "0"
        turn = "row_number() OVER (PARTITION BY range ORDER BY opportunity_id)"
        number = f"CAST({turn} + {start} AS INT) AS opportunity"
        self.keep("numbers", f"SELECT opportunity_id, {number} FROM ({ranged})")  # noqa: S608 - as above

    def rows_of(self, which: str, own: Sequence[str]) -> tuple[str, str]:
        """Return Spark's SQL for the history and the deals of some plain deals.

        `own` is what the further columns are called in the store.
        """
        further = "".join(f", o.segment_{at} AS {quote}" for at, quote in enumerate(own))
        return (
            self.sql(straight.HISTORY, straight=which),
            self.sql(straight.OPPORTUNITIES.replace("{segments}", further), straight=which),
        )

    def with_config(self, config: Config) -> PlainDeals:
        """Return the same under another configuration."""
        return replace(self, config=config)


__all__ = ["PlainDeals"]
