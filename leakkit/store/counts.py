"""Runs the counting queries for some pipelines, and hands over small frames."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from leakkit.store import arrays, plain_visits, queries
from leakkit.store.database import quote

if TYPE_CHECKING:
    from leakkit.store.database import Store
    from leakkit.store.plain_visits import Plain

ASKED_TWICE = (queries.CLICKED_THROUGH, queries.DECIDED, queries.WINS, queries.STARTED)
"""Of what is set in between they use the starts only; while these stay, one answer serves twice."""
DERIVED = {"deal_ends": queries.DEAL_ENDS, "late": queries.LATE}
"""Answers that further queries read, kept as tables."""
SEEN = {"passages": queries.SEEN_PASSAGES, "opportunities": queries.SEEN_OPPORTUNITIES}
"""What is left of the tables on some days; the passages before the deals, which rest on them."""
RELATIONS = re.compile(
    r"\b(FROM|JOIN) (asked_passages|asked_moves|asked_opportunities|deal_ends|late)\b"
)
"""What a query reads of the deals that are asked for."""
REST = """
CREATE OR REPLACE TEMP TABLE rest_asked_passages AS
SELECT p.* FROM asked_passages p
WHERE p.opportunity IN (SELECT opportunity FROM unplain_deals);
CREATE OR REPLACE TEMP TABLE rest_asked_moves AS
SELECT m.* FROM asked_moves m
WHERE m.opportunity IN (SELECT opportunity FROM unplain_deals);
CREATE OR REPLACE TEMP TABLE rest_asked_opportunities AS
SELECT o.* FROM asked_opportunities o
WHERE o.opportunity IN (SELECT opportunity FROM other_deals)
"""
"""Of all deals those that are not counted in arrays."""


@dataclass(frozen=True)
class Window:
    """Days [first_day, end_day) of one pipeline, under the name `part`.

    With `entered` only the visits that begin in these days are counted.
    """

    pipeline: int
    part: int
    first_day: int
    end_day: int
    entered: bool = False


@dataclass(frozen=True)
class Deals:
    """Some of the deals: of which every column says one of its values, worth so much.

    `columns` are pairs of a column and values (an empty one where it says nothing), `worth`
    the least value and the one that is too much, `created` the days [first, end) of their
    creation; None is no limit.
    """

    columns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    worth: tuple[int | None, int | None] = (None, None)
    created: tuple[int, int] | None = None

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


class Counts:
    """The counts of some pipelines, given by number (all where None), read from an open store.

    Where `deals` are given, of these only. Where days [first, end) are `seen`, of the visits
    under way on these days, as they stood at their end. Several may be in use by turns: each has
    temporary tables of its own.
    """

    def __init__(
        self,
        store: Store,
        pipelines: tuple[int, ...] | None = None,
        deals: Deals = ALL_DEALS,
        seen: tuple[int, int] | None = None,
    ) -> None:
        """Prepare the counting; writes only temporary tables."""
        self.store = store.branch()
        self.deals = None if deals == ALL_DEALS else deals
        self.seen = seen
        self.whole = pipelines is None
        self.units: dict[int, int] = dict(
            store.rows("SELECT pipeline, unit_per_day FROM pipelines ORDER BY pipeline")
        )
        self.asked = tuple(self.units) if pipelines is None else pipelines
        self.last_day = int(store.meta("last_day")) if seen is None else seen[1] - 1
        self.starts: dict[int, int] = {}
        self.kept: dict[str, pd.DataFrame] = {}
        self.tables = {"asked": pd.DataFrame({"pipeline": self.asked}).astype("int16")}
        self.made: set[str] = set()
        self.stands = False

    def _stand(self) -> None:
        """Put the temporary tables up, once."""
        if self.stands:
            return
        self.stands = True
        for name, frame in self.tables.items():
            self.store.put(name, frame)
        if self.deals:
            sql, facts = self.deals.select()
            self.store.run(f"CREATE OR REPLACE TEMP TABLE chosen_deals AS {sql}", facts)
        for table in ("passages", "moves", "opportunities"):
            only = "" if self.whole else "JOIN asked a ON a.pipeline = p.pipeline"
            if self.deals:
                only += " JOIN chosen_deals d ON d.opportunity = p.opportunity"
            rows = f"SELECT p.* FROM {table} p {only}"  # noqa: S608 - names of this module
            if self.deals and table == "passages":
                # nearly every query reads them
                self.store.run(f"CREATE OR REPLACE TEMP TABLE chosen_passages AS {rows}")
                rows = "SELECT * FROM chosen_passages"
            if self.seen and table in SEEN:
                days = {"first": self.seen[0], "end": self.seen[1]}
                self.store.run(f"CREATE OR REPLACE TEMP VIEW unseen_{table} AS {rows}")
                self.store.run(f"CREATE OR REPLACE TEMP TABLE seen_{table} AS {SEEN[table]}", days)
                rows = f"SELECT * FROM seen_{table}"  # noqa: S608 - as above
            self.store.run(f"CREATE OR REPLACE TEMP VIEW asked_{table} AS {rows}")

    def _set(self, name: str, frame: pd.DataFrame) -> None:
        """Set one of the tables that the queries need."""
        self.tables[name] = frame
        self._stand()
        self.store.put(name, frame)

    @cached_property
    def plain(self) -> Plain | None:
        """The plainest of all deals in arrays; None where a part is asked for, or hours."""
        if self.deals or self.seen or set(self.units.values()) != {1}:
            return None
        if not self.store.engine.counts_in_arrays:
            return None
        return plain_visits.read(self.store, self.asked)

    def _frame(self, query: str) -> pd.DataFrame:
        """Answer a query: the plainest deals in arrays where it can be, all others in SQL."""
        if query in arrays.COUNTS and self.plain:
            return arrays.add(query, self.plain, self.tables, self._of_rest(query, self.plain))
        if (
            query == queries.LAST_STAGES
            and self.plain
            and not self.tables["asked"]["present"].any()
        ):
            # then it asks for deals without a history, of which none is plain
            return self._of_rest(query, self.plain)
        return self._ask(query)

    def _of_rest(self, query: str, plain: Plain) -> pd.DataFrame:
        """Run a query over the deals that are not plain."""
        self._stand()
        if "rest" not in self.made:
            self.store.run(plain_visits.UNPLAIN)
            self.store.put("other_deals", pd.DataFrame({"opportunity": plain.others}))
            self.store.run(REST)
            self.made.add("rest")
        for name in DERIVED if " late " in query else ("deal_ends",):
            if f"rest_{name}" not in self.made and RELATIONS.search(query):
                self._derive(f"rest_{name}", RELATIONS.sub(r"\1 rest_\2", DERIVED[name]))
        return self.store.frame(RELATIONS.sub(r"\1 rest_\2", query))

    def _ask(self, query: str) -> pd.DataFrame:
        """Run a query, and before it those whose answers it reads."""
        self._stand()
        for name, sql in DERIVED.items():
            if name not in self.made and f" {name} " in query:
                if name == "late":
                    self._derive("deal_ends", queries.DEAL_ENDS)
                self._derive(name, sql)
        return self.store.frame(
            query.replace("{owner}", self.owner) if "{owner}" in query else query
        )

    @cached_property
    def owner(self) -> str:
        """SQL for the owner of a deal of `opportunities o`; '' where the source names none."""
        column = self.store.owner
        return f"o.{quote(column)}" if column else "''"

    def _derive(self, name: str, sql: str) -> None:
        """Keep the answer of a query as a table, once."""
        if name not in self.made:
            self.store.run(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
            self.made.add(name)

    def extent(self) -> pd.DataFrame:
        """Return first and last days of entries and exits per pipeline."""
        return self._frame(queries.EXTENT)

    def find_unfollowed(self) -> pd.DataFrame:
        """Return the pipelines that have deals and none with a history, with their first day."""
        return self._frame(queries.UNFOLLOWED)

    def entries(self) -> pd.DataFrame:
        """Return how many deals entered each pipeline on each day."""
        return self._frame(queries.ENTERED)

    def stays(self, windows: list[Window]) -> pd.DataFrame:
        """Return arrivals at risk and departures by age, per window and stage."""
        self._set("parts", self._ticks(windows))
        return self._frame(queries.STAYS)

    def entrants(self, windows: list[Window]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the first entries in one window per pipeline, and the value of the largest 1 %."""
        self._set("parts", self._ticks(windows))
        return self._frame(queries.ENTRANTS), self._frame(queries.LARGEST)

    def late_deals(self) -> pd.DataFrame:
        """Return the open deals that are late, of the pipelines asked for (see `expect`)."""
        return self._frame(queries.LATE_DEALS)

    def clusters(self, parts: pd.DataFrame) -> pd.DataFrame:
        """Return the same per bootstrap cluster.

        `parts` has a row per part, pipeline and stage: first_day, end_day, cap (an
        age), own (1: every deal is a cluster), first_only (1: first visits only).
        """
        same = ["pipeline", "stage", "first_day", "end_day", "cap", "own"]
        given = parts.assign(sample=parts.groupby(same).ngroup())
        samples = given.groupby(["sample", *same], as_index=False)["first_only"].min()
        per_day = samples["pipeline"].map(self.units)
        ticks = samples.assign(
            first_tick=samples["first_day"] * per_day, end_tick=samples["end_day"] * per_day
        )
        self._set("cluster_parts", ticks)
        # parts that differ in their visits only are counted once
        frame = self._frame(queries.CLUSTERS)
        counted = given[["part", "sample", "first_only"]].merge(frame, on="sample")
        return counted[(counted["first_only"] == 0) | (counted["visits"] == 1)]

    def _ticks(self, windows: list[Window]) -> pd.DataFrame:
        """Return the windows in units of stay."""
        rows = [
            (
                w.pipeline,
                w.part,
                w.first_day * self.units[w.pipeline],
                w.end_day * self.units[w.pipeline],
                int(w.entered),
            )
            for w in windows
        ]
        columns = ["pipeline", "part", "first_tick", "end_tick", "entered"]
        return pd.DataFrame(rows, columns=columns)

    def frame_of(self, bounds: pd.DataFrame) -> None:
        """Set where each pipeline's curves begin and end, and what its cohort is.

        `bounds` has pipeline, start_day, cohort_from, mature_before (days), expected_days (NA
        where none is declared) and present (1: only the present state is known).
        """
        per_day = bounds["pipeline"].map(self.units)
        table = bounds.assign(
            last_day=self.last_day,
            start_tick=bounds["start_day"] * per_day,
            end_tick=(self.last_day + 1) * per_day,
        )
        self._set("asked", table)
        starts = dict(zip(bounds["pipeline"], bounds["start_day"], strict=True))
        if starts != self.starts:
            self.starts = starts
            self.kept.clear()

    def expect(self, expected: pd.DataFrame) -> None:
        """Set the expected stay per pipeline and stage; which open deals are late follows."""
        self._set("expected", expected)
        self.made -= {"late", "rest_late"}

    def between(self, rows: pd.DataFrame) -> None:
        """Set which stages lie between: pipeline, from_stage, skipped, stage."""
        self._set("between_stages", rows)

    def periods(self, rows: pd.DataFrame) -> None:
        """Set the calendar of the flows: day, period."""
        self._set("periods", rows)

    def ask(self, query: str) -> pd.DataFrame:
        """Run one of the queries that need the tables set above."""
        if query not in ASKED_TWICE:
            return self._frame(query)
        if query not in self.kept:
            self.kept[query] = self._frame(query)
        return self.kept[query].copy()
