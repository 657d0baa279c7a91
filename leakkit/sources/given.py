"""What is to be resolved, and by which rules: every row with its texts, moments and money."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit.config import COLUMNS, Config, fold_name, refuse_unknown_notes
from leakkit.errors import LeakkitError
from leakkit.sources.cells.money import count_toman, with_toman
from leakkit.sources.clocks import (
    PLANNED,
    find_direction,
    find_last_day,
    find_zone,
    part_hours,
    read_clocks,
)
from leakkit.sources.formats.rows import distinct
from leakkit.sources.headings.column_guesses import lacking
from leakkit.sources.headings.reading import Table, refuse_lacking
from leakkit.sources.headings.table_parts import NEEDED
from leakkit.sources.propose.proposal import propose
from leakkit.sources.shapes.deal_ids import match_long_ids, match_other_forms
from leakkit.sources.shapes.left_out import without_histories
from leakkit.sources.shapes.shaping import EVENTS, SNAPSHOT, Found
from leakkit.store import account
from leakkit.store.database import Store, literal, quote
from leakkit.store.moments import DAY, EARLIEST, SENTINEL, Zone
from leakkit.store.name_codes import closed_outcomes, write_rows
from leakkit.store.resolve import OWN_COLUMNS, Rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leakkit.sources.headings.reading import Reading

MOST_LINES = 10**12
MOST_VALUES = 200
"""So many different texts may a column of segments have."""
CELLS = {
    "outcome": ("outcome",),
    "created": ("created_text", "created_clock", "created_offset"),
    "closed": ("closed_text", "closed_clock", "closed_offset"),
    "value": ("value_text", "value"),
}
"""The cells of a deal that may be faults, each with a line of its own, and what is read of them."""
FEW_ROWS = 100_000
AT_ONCE = 50
"""So many further columns of an event file are gathered by one query."""


def require_columns(store: Store, found: Found) -> None:
    """Raise where a needed column is missing, or a configured one is in none of the files.

    One error names all of them, of both files, with the columns that each could be.
    """
    nowhere = tuple(
        name
        for name, heading in (found.opportunities or found.history).renamed.items()
        if all(table.find(heading) is None for table in found.given)
    )
    needed: tuple[str, ...] = NEEDED if found.shape == EVENTS else ()
    wanted = [(found.history, needed, nowhere if needed else ())]
    if found.opportunities:
        wanted.append((found.opportunities, NEEDED[:1], () if needed else nowhere))
    refuse_lacking([lacking(store, *one) for one in wanted])


def choose_segments(store: Store, found: Found, config: Config) -> tuple[str, ...]:
    """Return the headings to keep: those configured, else text columns with 2 to 200 values."""
    table = found.opportunities or found.history
    roles = config.roles
    parts = (roles.product, roles.price, roles.discount, roles.competitor, roles.last_activity)
    if roles.segments is not None:
        wanted = [*roles.segments, *parts, *roles.known_at_entry]
        named = {name: table.heading(name) for name in dict.fromkeys(wanted) if name}
        missing = [name for name, heading in named.items() if heading is None]
        if missing:
            message = (
                f"[roles] names columns that {table.file} does not have: {', '.join(missing)}."
            )
            raise LeakkitError("missing_columns", message)
        return tuple(dict.fromkeys(heading for heading in named.values() if heading))
    taken = {table.heading(name) for name in COLUMNS if name != "owner"}
    texts = [h for h, kind in table.types.items() if kind == "VARCHAR" and h not in taken]
    return tuple(h for h in texts if 2 <= _different(store, table, h) <= MOST_VALUES)  # noqa: PLR2004 - the rule of the contract


def _different(store: Store, table: Table, heading: str) -> int:
    """Count the different texts of a column, of more than `MOST_VALUES` only one."""
    column = quote(heading)
    some = (
        f"SELECT DISTINCT {column} FROM {table.relation} WHERE {column} <> '' "  # noqa: S608 - quoted
        f"LIMIT {MOST_VALUES + 1}"
    )
    return int(store.value(f"SELECT count(*) FROM ({some})"))  # noqa: S608 - as above


def stored_name(heading: str) -> str:
    """Return the name of a further column in the store, which has columns of its own."""
    return f"{heading} (given)" if heading.casefold() in OWN_COLUMNS else heading


def read_rows(store: Store, found: Found, segments: tuple[str, ...], unnamed: str = "") -> None:
    """Make `read_history` and `read_opportunities`: texts, and the clocks that they show.

    `unnamed` is what a row of the history without a stage is in.
    """
    history = found.history.trim()
    stage = history.text("stage")
    if unnamed:
        stage = f"COALESCE(NULLIF({stage}, ''), {literal(unnamed)})"
    store.run(
        f"""
        CREATE TEMP {_say_how_kept(store, found.history, "entered_at")} read_history AS
        SELECT {history.line} AS line, {history.text("opportunity_id")} AS opportunity_id,
               {history.text("pipeline")} AS pipeline, {stage} AS stage,
               {_unread(history, "entered_at")} AS entered_text,
               {history.clock("entered_at")} AS entered_clock,
               {history.offset("entered_at")} AS entered_offset,
               CAST({history.part("entered_at")} AS INTEGER) AS part,
               {history.text("from_stage")} AS from_stage, {history.integer("seq")} AS seq
        FROM {history.relation}
        """,  # noqa: S608 - quoted headings
    )
    table = found.opportunities.trim() if found.opportunities else history
    names = ["opportunity_id", "pipeline", "stage", "name", "outcome", "currency", "lost_reason"]
    columns = [f"{table.text(name)} AS {name}" for name in names]
    # under names of our own: a heading may be any text, and any of our names
    further = [f"{table.text_under(name)} AS segment_{i}" for i, name in enumerate(segments)]
    for name in ("created", "closed"):
        moment = f"{name}_at"
        columns += [
            f"{(_unread if found.opportunities else Table.text)(table, moment)} AS {name}_text",
            f"{table.clock(moment)} AS {name}_clock",
            f"{table.offset(moment)} AS {name}_offset",
        ]
    columns += [f"{table.money('value')} AS value", f"{table.text('value')} AS value_text"]
    if found.opportunities:
        kept = _say_how_kept(store, found.opportunities, "created_at", "closed_at")
        columns += [f"{table.is_said('value')} AS value_said"]
        each = _select_columns(table, [*columns, *further, f"{table.content()} AS content"])
        store.run(f"CREATE TEMP {kept} read_opportunities AS {each}")
    else:
        _gather(store, table, [*columns, f"{_place_of(table)} AS place"], further)


def _select_columns(table: Table, columns: Sequence[str]) -> str:
    """Return SQL for columns of a file, with its lines."""
    return f"SELECT {table.line} AS line, {', '.join(columns)} FROM {table.relation}"  # noqa: S608 - quoted headings


def _place_of(table: Table) -> str:
    """Return SQL for which of a deal's rows is the last: as in the file, or by its moment."""
    if table.ordered:
        return table.line
    return (
        f"CAST(COALESCE({table.clock('entered_at')}, 0) AS HUGEINT) * {MOST_LINES} + {table.line}"
    )


def _unread(table: Table, moment: str) -> str:
    """Return SQL for the text of a moment that may be a fault, far enough inside to be none."""
    return table.odd_text(moment, EARLIEST + 2 * DAY, SENTINEL - 2 * DAY)


def _say_how_kept(store: Store, table: Table, *moments: str) -> str:
    """Say how to keep what is read: dates in texts are parsed once, all else is read when asked.

    Of few rows all is read once: to plan the reading again takes longer than to keep them.
    """
    if any(table.is_text(name) for name in moments):
        return "TABLE"
    rows = store.value(f"SELECT count(*) FROM {table.relation}")  # noqa: S608 - quoted
    return "TABLE" if rows < FEW_ROWS else "VIEW"


def _keep_few(store: Store, views: Sequence[str]) -> None:
    """Keep what is given as tables where it is little, for the questions that follow."""
    rows = store.value(
        "SELECT (SELECT count(*) FROM read_history) + (SELECT count(*) FROM read_opportunities)"
    )
    for name in views if rows < FEW_ROWS else ():
        store.run(
            f"""
            CREATE TEMP TABLE kept_rows AS SELECT * FROM {name};
            DROP VIEW {name}; ALTER TABLE kept_rows RENAME TO {name}
            """  # noqa: S608 - names of this module
        )


def _gather(store: Store, table: Table, columns: Sequence[str], further: Sequence[str]) -> None:
    """Make one opportunity of the rows of an event file: the last non-empty entry counts.

    Further columns are gathered some at a time: the time for all at once grows with the
    square of their number.
    """
    tables = ["gathered"]
    for first in range(0, len(further), AT_ONCE):
        some = further[first : first + AT_ONCE]
        each = _select_columns(table, [*columns[:1], f"{_place_of(table)} AS place", *some])
        names = [f"segment_{at}" for at in range(first, first + len(some))]
        tables.append(f"gathered_{first}")
        _gather_some(store, tables[-1], each, [_last_said(name) for name in names])
    gathered = [_last_said(name) for name in ("name", "currency", "lost_reason")]
    gathered += [_last_cell(cell, names) for cell, names in CELLS.items()]
    _gather_some(store, tables[0], _select_columns(table, columns), gathered)
    parts = [
        f"last_{cell}.{name} AS {name}"
        for cell, names in CELLS.items()
        for name in names
        if name != "outcome"
    ]
    parts += ["COALESCE(last_outcome.outcome, '') AS outcome"]
    parts += ["last_value.value_text <> '' AS value_said"]
    parts += [f"last_{cell}.line AS {cell}_line" for cell in CELLS]
    cells = ", ".join(f"last_{cell}" for cell in CELLS)
    store.run(
        f"""
        CREATE TEMP TABLE read_opportunities AS
        SELECT CAST(NULL AS BIGINT) AS line, 0 AS content, '' AS pipeline, '' AS stage,
               * EXCLUDE ({cells}), {", ".join(parts)}
        FROM {tables[0]} {" ".join(f"JOIN {name} USING (opportunity_id)" for name in tables[1:])}
        """,  # noqa: S608 - names of this module
    )
    store.run("; ".join(f"DROP TABLE {name}" for name in tables))


def _last_said(name: str) -> str:
    """Return SQL for the last text that is not empty."""
    return f"COALESCE(arg_max({name}, place) FILTER ({name} <> ''), '') AS {name}"


def _last_cell(cell: str, names: Sequence[str]) -> str:
    """Return SQL for the last row in which a cell is not empty: what it says, and its line.

    A cell counts as a whole: a clock without an offset must not keep an earlier one's.
    """
    parts = ", ".join(f"{name} := {name}" for name in ("line", *names))
    return f"arg_max(struct_pack({parts}), place) FILTER ({names[0]} <> '') AS last_{cell}"


def _gather_some(store: Store, table: str, each: str, columns: list[str]) -> None:
    """Make a table of some columns of the opportunities of an event file."""
    store.run(
        f"""
        CREATE TEMP TABLE {table} AS SELECT opportunity_id, {", ".join(columns)}
        FROM ({each}) WHERE opportunity_id <> '' GROUP BY opportunity_id
        """,  # noqa: S608 - quoted headings
    )


def give_moments(store: Store, found: Found, hours: Zone) -> None:
    """Make `given_history` and `given_opportunities`, the two relations that resolving reads.

    A moment is NULL where it is empty, unreadable or a sentinel. Its text is kept in
    `_unread`, but for a sentinel outside the history, which says "never" and is no fault.
    """

    def moments(name: str) -> tuple[str, str, str]:
        local = f"{name}_clock - {hours.offset_sql(f'{name}_clock', local=True)}"
        seconds = f"COALESCE({name}_clock - {name}_offset, {local})"
        moment = f"CASE WHEN {seconds} BETWEEN {EARLIEST} AND {SENTINEL - 1} THEN {seconds} END"
        never = f"{seconds} >= {SENTINEL}" if name != "entered" else "FALSE"
        unread = f"CASE WHEN {moment} IS NULL AND NOT COALESCE({never}, FALSE) THEN {name}_text END"
        read = f"{name}_text, {name}_clock, {name}_offset"
        return read, f"{moment} AS {name}_at", f"COALESCE({unread}, '') AS {name}_unread"

    for table, names in (("history", ["entered"]), ("opportunities", ["created", "closed"])):
        read, made, unread = (", ".join(parts) for parts in zip(*map(moments, names), strict=True))
        lines = ""
        if table == "opportunities" and found.opportunities:
            lines = "".join(f", line AS {cell}_line" for cell in CELLS)
        # one snapshot adds rows of its own
        kept = "TABLE" if found.shape == SNAPSHOT and table == "history" else "VIEW"
        store.run(
            f"""
            CREATE TEMP {kept} given_{table} AS
            SELECT * EXCLUDE ({read}), {made}, {unread}{lines} FROM read_{table};
            """,  # noqa: S608 - names of this module
        )


def read_standing(store: Store, table: Table | None, hours: Zone) -> None:
    """Make `stands_since`: the moment since when a deal stands in its stage, where one is said."""
    if table is None:
        empty = "CAST('' AS VARCHAR) AS opportunity_id, CAST(0 AS BIGINT) AS moment"
        store.run(f"CREATE TEMP TABLE stands_since AS SELECT {empty}, moment AS line LIMIT 0")
        return
    table = table.trim()
    local = f"clock - {hours.offset_sql('clock', local=True)}"
    store.run(
        f"""
        CREATE TEMP TABLE stands_since AS
        SELECT opportunity_id, COALESCE(clock - shift, {local}) AS moment, line
        FROM (SELECT {table.text("opportunity_id")} AS opportunity_id, {table.line} AS line,
                     {table.clock("stage_since")} AS clock, {table.offset("stage_since")} AS shift
              FROM {table.relation})
        WHERE COALESCE(clock - shift, {local}) BETWEEN {EARLIEST} AND {SENTINEL - 1}
        """,  # noqa: S608 - quoted headings
    )


def let_stand(store: Store, config: Config, cut: int) -> None:
    """Let the open deals of one snapshot stand where they are, seen first at its moment.

    When they came there is not known; so no stay is claimed, and no curve follows.
    """
    closed = closed_outcomes(store, config)
    store.run(
        """
        INSERT INTO given_history BY NAME
        SELECT line, opportunity_id, pipeline, stage, CAST($cut AS BIGINT) AS entered_at,
               '' AS entered_unread, '' AS from_stage, 0 AS part
        FROM given_opportunities
        WHERE stage <> '' AND opportunity_id <> '' AND COALESCE(created_at <= $cut, TRUE)
          AND outcome NOT IN (SELECT unnest($closed))
          AND opportunity_id NOT IN (SELECT opportunity_id FROM given_history)
        """,
        {"cut": cut, "closed": closed},
    )


# ---------------- rules

CODE = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True)
class Given:
    """What is to be resolved, and how: the rules, and what the rows said of themselves."""

    rules: Rules
    last_day: int
    provisional: bool

    @property
    def config(self) -> Config:
        """The configuration, proposed parts included."""
        return self.rules.config


def give_rows(reading: Reading, found: Found) -> Given:
    """Make the two relations that resolving reads, and the rules by which it does."""
    store, config = reading.store, reading.config
    require_columns(store, found)
    segments = choose_segments(store, found, config)
    read_rows(store, found, segments, config.source.unnamed_stage)
    without_histories(reading, found.history.file)
    if found.opportunities:
        match_long_ids(reading)
        match_other_forms(reading)
    clocks = read_clocks(store)
    hours = find_zone(clocks, config)
    give_moments(store, found, hours)
    newest_first = find_direction(store, found.history)
    snapshot = found.shape == SNAPSHOT
    if not snapshot and part_hours(reading, hours, clocks.moves, newest_first=newest_first):
        newest_first = find_direction(store, found.history)
    if snapshot:
        read_standing(store, found.standing, hours)
    if not clocks.are_read:
        account.refuse_unreadable(store, found.history.file, snapshot=snapshot)
    config = with_toman(_with_currency(store, config))
    count_toman(reading, config)
    provisional = not config.pipelines
    if provisional:
        how = {"snapshot": snapshot, "newest_first": newest_first is True}
        found_there = propose(store, found.label, config, _names(found), **how)
        config = config.model_copy(update={"pipelines": found_there})
        refuse_unknown_notes(config)
    cut, last_day = find_last_day(reading, found, config, hours, timed=clocks.timed)
    if snapshot:
        let_stand(store, config, cut)
    # what was changed row by row is a table already
    views = [] if snapshot else ["given_history"]
    views += [] if reading.log.counted.get(PLANNED) else ["given_opportunities"]
    _keep_few(store, views)
    _write_names(store, config)
    rules = Rules(
        config=config,
        zone=hours,
        cut=cut,
        newest_first=newest_first,
        segments=tuple(distinct(list(map(stored_name, segments)))),
        default_pipeline=_default_pipeline(config, found.label if provisional else ""),
        one_file=found.opportunities is None,
        timed=clocks.timed,
        close_days=clocks.close_days,
    )
    return Given(rules, last_day, provisional)


def _names(found: Found) -> Mapping[str, str]:
    """Return what the columns of pipelines and stages are called in the file."""
    tables = [table for table in (found.opportunities, found.history) if table]
    return {
        name: heading
        for table in tables
        for name in ("pipeline", "stage")
        if (heading := table.heading(name))
    }


def _with_currency(store: Store, config: Config) -> Config:
    """Take the one currency that every value names, where the configuration names none."""
    if "currency" in config.model_fields_set:
        return config
    named = store.rows(
        "SELECT DISTINCT currency FROM given_opportunities WHERE value IS NOT NULL ORDER BY 1"
    )
    if len(named) != 1 or not CODE.fullmatch(str(named[0][0])):
        return config
    return config.model_copy(update={"currency": str(named[0][0])})


def _default_pipeline(config: Config, label: str) -> int | None:
    """Step 3: return the pipeline of what names none: the only one, or that of the source."""
    names = [fold_name(pipeline.name) for pipeline in config.pipelines]
    if len(names) == 1:
        return 0
    return names.index(fold_name(label)) if fold_name(label) in names else None


def _write_names(store: Store, config: Config) -> None:
    """Write the pipelines and stages of the configuration."""
    pipelines = [(i, p.name, p.unit_per_day) for i, p in enumerate(config.pipelines)]
    stages = [
        (i, position, stage.name, stage.kind)
        for i, pipeline in enumerate(config.pipelines)
        for position, stage in enumerate(pipeline.stages)
    ]
    for table, kinds, rows in (
        ("pipelines", ("SMALLINT", "VARCHAR", "SMALLINT"), pipelines),
        ("stages", ("SMALLINT", "SMALLINT", "VARCHAR", "VARCHAR"), stages),
    ):
        named = {f"column_{i}": kind for i, kind in enumerate(kinds)}
        sql, facts = write_rows(named, rows)
        store.run(f"INSERT INTO {table} {sql}", facts)
