"""The tables that one scope of deals is counted from, and the answers that were found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any
from weakref import ref

import pandas as pd

from leakkit.store import arrays, deal_queries, queries, visit_arrays
from leakkit.store.database import quote
from leakkit.store.visits import owner_sql, segment_values

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from leakkit.store.database import Store
    from leakkit.store.visit_arrays import DealVisits

    Days = tuple[int, int]

MOST_COUNTED = 8
"""So many scopes of a store keep their temporary tables, those that were counted last."""
DERIVED = {"deal_ends": queries.DEAL_ENDS, "late": queries.LATE}
"""Answers that further queries read, kept as tables."""
NEVER_PLAIN = frozenset({queries.REOPENED, deal_queries.LAST_STAGES})
"""Queries of deals that are opened again, or have no history: of these none is plain."""
SEEN = {"passages": queries.SEEN_PASSAGES, "opportunities": queries.SEEN_OPPORTUNITIES}
"""What is left of the tables on some days; the passages before the deals, which rest on them."""
SQL_TYPES = {"int64": "BIGINT", "float64": "DOUBLE", "Float64": "DOUBLE", "str": "VARCHAR"}
"""The types of a small table, and what they are called in SQL."""
READS = re.compile(r"\b(?:FROM|JOIN) (\w+)")
OF_DEALS = re.compile(
    r"\b(FROM|JOIN) (asked_passages|asked_moves|asked_opportunities|deal_ends|late)\b"
)
"""What a query reads of the deals that are asked for."""
MOVES = """
CREATE OR REPLACE TEMP TABLE chosen_moves AS SELECT * FROM asked_moves;
CREATE OR REPLACE TEMP VIEW asked_moves AS SELECT * FROM chosen_moves
"""
"""The queries that read the moves of chosen deals read them several times."""
REST = """
CREATE OR REPLACE TEMP TABLE rest_asked_passages AS
SELECT p.* FROM asked_passages p
WHERE p.opportunity IN (SELECT opportunity FROM other_deals);
CREATE OR REPLACE TEMP TABLE rest_asked_moves AS
SELECT m.* FROM asked_moves m
WHERE m.opportunity IN (SELECT opportunity FROM other_deals);
CREATE OR REPLACE TEMP TABLE rest_asked_opportunities AS
SELECT o.* FROM asked_opportunities o
WHERE o.opportunity IN (SELECT opportunity FROM other_deals)
"""
"""Of all deals those that are not counted in arrays."""


@dataclass(frozen=True)
class Deals:
    """Some of the deals: of which every column says one of its values, worth so much.

    `columns` are pairs of a column and values (an empty one where it says nothing), `worth`
    the least value and the one that is too much, `created` the days [first, end) of their
    creation; None is no limit.
    """

    columns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    worth: tuple[int | None, int | None] = (None, None)
    created: Days | None = None

    def select(self) -> tuple[str, dict[str, Any]]:
        """Return SQL for them, with its facts: all texts are somebody's."""
        says, facts = ["TRUE"], dict[str, Any]()
        for at, (column, values) in enumerate(self.columns):
            says.append(f"COALESCE({quote(column)}, '') IN (SELECT unnest($values_{at}))")
            facts[f"values_{at}"] = list(values)
        for sign, name, limit in zip((">=", "<"), ("least", "below"), self.worth, strict=True):
            if limit is not None:
                says.append(f"value {sign} ${name}")
                facts[name] = limit
        if self.created:
            says.append("created_day >= $first AND created_day < $end")
            facts |= {"first": self.created[0], "end": self.created[1]}
        where = " AND ".join(says)
        return f"SELECT opportunity FROM opportunities WHERE {where}", facts  # noqa: S608 - quoted


ALL_DEALS = Deals()


@dataclass(frozen=True)
class Scope:
    """Which visits are counted: of some pipelines (all where None), and of these some deals.

    Of `seen` days [first, end) those under way on them, as they stood at their end. Where a
    `column` is named, the deals of each of its values stand for a pipeline of their own.
    """

    pipelines: tuple[int, ...] | None = None
    deals: Deals = ALL_DEALS
    seen: Days | None = None
    column: str = ""


EVERYTHING = Scope()


@dataclass(frozen=True)
class PartDeals:
    """The deals of one pipeline of which a column says `value`, under a number of their own."""

    number: int
    pipeline: int
    value: str


@dataclass(frozen=True)
class SmallTable:
    """A small table as a value: the types of its columns by name, and its rows."""

    types: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Any, ...], ...]

    def frame(self) -> pd.DataFrame:
        """Return it as a frame."""
        types = dict(self.types)
        return pd.DataFrame(self.rows, columns=list(types)).astype(types)

    def select(self) -> tuple[str, dict[str, Any]]:
        """Return SQL for it, with its facts: a list for each column."""
        columns = [
            f"unnest(CAST(${name} AS {SQL_TYPES[kind]}[])) AS {quote(name)}"
            for name, kind in self.types
        ]
        values = zip(*self.rows, strict=True) if self.rows else ([] for _ in self.types)
        facts = {name: list(each) for (name, _), each in zip(self.types, values, strict=True)}
        return f"SELECT {', '.join(columns)}", facts


class Relations:
    """The temporary tables of one scope, on a connection of their own, and what they answered.

    A table that is told stays as long as the same is told, so no query reads what was
    meant for another. Of many scopes the tables of those that were counted last stay; those
    of the others are made again where they are asked for.
    """

    def __init__(self, store: Store, scope: Scope) -> None:
        """Make no table yet."""
        self.source, self.scope = store, scope
        self._contents: dict[str, Hashable] = {}
        self._answers: dict[Hashable, pd.DataFrame] = {}

    @cached_property
    def store(self) -> Store:
        """The store on a connection of its own, which the temporary tables go with."""
        return self.source.branch()

    def let_go(self) -> None:
        """Let go of the temporary tables."""
        self._contents.clear()
        vars(self).pop("store", None)

    @property
    def answers(self) -> tuple[pd.DataFrame, ...]:
        """What was found so far."""
        return tuple(self._answers.values())

    @cached_property
    def units(self) -> dict[int, int]:
        """Units of stay in a day, of every pipeline of the source, or of every part."""
        of = self._units_of_pipelines
        return {part.number: of[part.pipeline] for part in self.parts} if self.scope.column else of

    @cached_property
    def _units_of_pipelines(self) -> dict[int, int]:
        """Units of stay in a day, of every pipeline of the source."""
        known = self.store.rows("SELECT pipeline, unit_per_day FROM pipelines ORDER BY pipeline")
        return {int(number): int(units) for number, units in known}

    @cached_property
    def pipelines(self) -> tuple[int, ...]:
        """The pipelines of the scope."""
        asked = self.scope.pipelines
        return tuple(self._units_of_pipelines) if asked is None else asked

    @cached_property
    def last_day(self) -> int:
        """The last day that is counted."""
        return self.scope.seen[1] - 1 if self.scope.seen else int(self.store.meta("last_day"))

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The values of the column that are counted apart, of all pipelines."""
        if not self.scope.column:
            return ()
        found = segment_values(self.store, self.pipelines, self.scope.column)
        return tuple(value for value, _ in found)

    @cached_property
    def parts(self) -> tuple[PartDeals, ...]:
        """The parts of each pipeline: the values that its deals have."""
        place = {value: at for at, value in enumerate(self.values)}
        return tuple(
            PartDeals(number * len(place) + place[value], number, value)
            for number in (self.pipelines if place else ())
            for value, _ in segment_values(self.store, [number], self.scope.column)
        )

    @cached_property
    def visits(self) -> DealVisits | None:
        """The visits of all deals in arrays; None where a part is asked for, or hours."""
        whole = self.scope == Scope(self.scope.pipelines)
        by_the_day = set(self.units.values()) == {1}
        if not (whole and by_the_day and self.store.engine.counts_in_arrays):
            return None
        return visit_arrays.read_visits(self.store, self.pipelines)

    @cached_property
    def _owner(self) -> str:
        """SQL for the owner of a deal of `opportunities o`."""
        return owner_sql(self.source)

    def answer(self, query: str, tables: Mapping[str, SmallTable]) -> pd.DataFrame:
        """Answer a query that was told some tables, once; nobody may change the frame."""
        key = (query, *tables.values())
        if key not in self._answers:
            self._answers[key] = self.count(query, tables)
        return self._answers[key]

    def count(self, query: str, tables: Mapping[str, SmallTable]) -> pd.DataFrame:
        """Count: the plainest deals in arrays where it can be, all others in SQL."""
        _keep_latest(self)
        if query in arrays.COUNTS and self.visits:
            frames = {name: table.frame() for name, table in tables.items()}
            counted = query in arrays.OF_ALL_DEALS
            ask = self._count_none if counted else self._count_rest
            return arrays.add(query, self.visits, frames, ask(query, tables, self.visits))
        if query in NEVER_PLAIN and not _any_present(tables["asked"]) and self.visits:
            return self._count_rest(query, tables, self.visits)
        return self.count_in_sql(query, tables)

    def count_in_sql(self, query: str, tables: Mapping[str, SmallTable]) -> pd.DataFrame:
        """Run a query, and before it those whose answers it reads."""
        self._tell(tables)
        read = small_tables_of(query)
        if "asked_moves" in read and self._chooses:
            self._stand("moves", "", lambda: self.store.run(MOVES))
        for name in DERIVED:
            if name in read:
                self._derive(name, tables)
        named = "{owner}" in query
        return self.store.frame(query.replace("{owner}", self._owner) if named else query)

    def _count_rest(
        self, query: str, tables: Mapping[str, SmallTable], visits: DealVisits
    ) -> pd.DataFrame:
        """Run a query over the deals that are not plain."""
        self._tell(tables)
        self._stand("rest", "", lambda: self._part_plain(visits))
        for name in DERIVED:
            if name in small_tables_of(query):
                self._derive(name, tables, "rest_")
        return self.store.frame(OF_DEALS.sub(r"\1 rest_\2", query))

    def _count_none(
        self, query: str, tables: Mapping[str, SmallTable], _: DealVisits
    ) -> pd.DataFrame:
        """Return the answer of a query without a row: its columns, and their types."""
        return self.count_in_sql(f"SELECT * FROM ({query}) LIMIT 0", tables)  # noqa: S608 - of this house

    def _part_plain(self, visits: DealVisits) -> None:
        """Part the deals that are counted in arrays from all others."""
        self.store.put("other_deals", pd.DataFrame({"opportunity": visits.others}))
        self.store.run(REST)

    def _derive(self, name: str, tables: Mapping[str, SmallTable], rest: str = "") -> None:
        """Keep the answer of a query as a table, while what it reads stands."""
        sql = OF_DEALS.sub(rf"\1 {rest}\2", DERIVED[name])
        made = f"CREATE OR REPLACE TEMP TABLE {rest}{name} AS {sql}"
        read = tuple(
            tables[table] for table in sorted(small_tables_of(DERIVED[name])) if table in tables
        )
        self._stand(f"{rest}{name}", read, lambda: self.store.run(made))

    def _tell(self, tables: Mapping[str, SmallTable]) -> None:
        """Put up the tables of the scope, and those that a query is told."""
        self._stand("scope", "", self._choose)
        for name, table in tables.items():
            self._put(name, table)

    def _put(self, name: str, table: SmallTable) -> None:
        """Put up a table that a query is told."""
        self._stand(name, table, lambda: self.store.put_values(name, *table.select()))

    def _stand(self, name: str, content: Hashable, make: Callable[[], None]) -> None:
        """Make what has a name, where it has not this content yet."""
        if self._contents.get(name) != content:
            self._contents.pop(name, None)
            make()
            self._contents[name] = content

    def _choose(self) -> None:
        """Choose the deals of the scope, and their rows."""
        scope, within = self.scope, ", ".join(map(str, self.pipelines)) or "NULL"
        chosen = self._chooses
        if chosen:
            self._choose_deals()
        for table in ("passages", "moves", "opportunities"):
            rows = f"SELECT {self._columns_of(table)} FROM {table} p"  # noqa: S608 - names of this module
            rows += " JOIN chosen_deals d ON d.opportunity = p.opportunity" if chosen else ""
            rows += "" if scope.pipelines is None else f" WHERE p.pipeline IN ({within})"
            if chosen and table == "passages":
                # nearly every query reads them
                self.store.run(f"CREATE OR REPLACE TEMP TABLE chosen_passages AS {rows}")
                rows = "SELECT * FROM chosen_passages"
            if scope.seen and table in SEEN:
                days = {"first": scope.seen[0], "end": scope.seen[1]}
                self.store.run(f"CREATE OR REPLACE TEMP VIEW unseen_{table} AS {rows}")
                self.store.run(f"CREATE OR REPLACE TEMP TABLE seen_{table} AS {SEEN[table]}", days)
                rows = f"SELECT * FROM seen_{table}"  # noqa: S608 - as above
            self.store.run(f"CREATE OR REPLACE TEMP VIEW asked_{table} AS {rows}")

    @property
    def _chooses(self) -> bool:
        """Whether some deals are chosen, or each by a value of its own."""
        return self.scope.deals != ALL_DEALS or bool(self.scope.column)

    def _columns_of(self, table: str) -> str:
        """SQL for the columns of a row; the part of its deal stands in place of the pipeline."""
        if not self.scope.column:
            return "p.*"
        part = f"CAST(p.pipeline * {len(self.values)} + d.place AS INTEGER) AS pipeline"
        names = [str(row[0]) for row in self.store.rows(f"DESCRIBE {table}")]
        return ", ".join(part if name == "pipeline" else f"p.{quote(name)}" for name in names)

    def _choose_deals(self) -> None:
        """Choose the deals, and of each the place of its value."""
        sql, facts = self.scope.deals.select()
        if self.scope.column:
            places = [(value, at) for at, value in enumerate(self.values)]
            self._put(
                "column_values", SmallTable((("said", "str"), ("place", "int64")), tuple(places))
            )
            said = f"COALESCE(o.{quote(self.scope.column)}, '')"
            sql = f"""
                SELECT o.opportunity, v.place
                FROM opportunities o
                JOIN column_values v ON v.said = {said}
                WHERE o.opportunity IN ({sql})
                """  # noqa: S608 - quoted
        self.store.run(f"CREATE OR REPLACE TEMP TABLE chosen_deals AS {sql}", facts)


def _keep_latest(latest: Relations) -> None:
    """Note which scope of a store was counted last, and let go of the tables of the earliest."""
    held = [one for known in latest.source.counted if (one := known()) not in {None, latest}]
    for earliest in held[: -(MOST_COUNTED - 1)]:
        earliest.let_go()
    latest.source.counted = [*map(ref, held[-(MOST_COUNTED - 1) :]), ref(latest)]


@cache
def small_tables_of(query: str) -> frozenset[str]:
    """Return the names of all tables that a query reads, also by those that it rests on."""
    named = set(READS.findall(query))
    return frozenset(
        named.union(*(small_tables_of(DERIVED[name]) for name in named & set(DERIVED)))
    )


def _any_present(asked: SmallTable) -> bool:
    """Say whether of some pipeline only the present state is known."""
    return bool(asked.frame()["present"].any())
