"""The shapes of a source: a history of events, a date per stage, or how deals stand on a day.

Each shape is brought into the one that is resolved: opportunities, and a history of
rows that say "this deal entered this stage at this moment".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from leakkit.config import COLUMNS, fold_name
from leakkit.errors import Fault, LeakkitError
from leakkit.sources.cells.dates import plain_dates
from leakkit.sources.cells.money import plain_money
from leakkit.sources.cells.no_data import NOTHING, without_stray_rows, without_words_for_nothing
from leakkit.sources.formats.rows import rewritten
from leakkit.sources.headings.evidence import holds_dates
from leakkit.sources.headings.heading_words import (
    TIME_IN_STAGE,
    declared_names,
    heading_of,
    used_headings,
)
from leakkit.sources.headings.reading import Table
from leakkit.sources.headings.table_parts import DatedStage, dated_stages
from leakkit.sources.shapes.changes import entries, is_changes, prepare_changes
from leakkit.sources.shapes.deal_ends import (
    cases_of_outcome,
    closes_as,
    closes_of_deals,
    reasons_of_losses,
    reasons_of_rows,
    with_outcome,
    write_ends,
)
from leakkit.sources.shapes.deal_ids import with_ids
from leakkit.sources.shapes.deal_states import Snapshot, find_moves, history_of, latest
from leakkit.sources.shapes.end_columns import close_by_dates, ending_dates
from leakkit.sources.shapes.left_out import leave_out_rows
from leakkit.sources.shapes.stage_names import keep_list, keep_order, moves_of, name_by_deals
from leakkit.store.database import literal, quote
from leakkit.store.schema import LOST, WON

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.sources.headings.reading import Reading
    from leakkit.sources.headings.source_files import Files

EVENTS, WIDE, SNAPSHOT = "events", "wide", "snapshot"
MOMENTS = ("entered_at", "created_at", "closed_at")
SINCE = "stage_since"
"""Counts where the present state is all that is known: else a history says it."""
TEXT_COLUMNS = (
    *("opportunity_id", "pipeline", "stage", "from_stage", "last_stage", "outcome", "value"),
    *("currency", "lost_reason"),
)
"""What of a row is told by a word or a number, and may be said to be nothing."""
HISTORY_COLUMNS = ("opportunity_id", "stage", "entered_at", "pipeline", "from_stage")
MOST_STAGES, FEWEST_DATED = 100, 2
TOLERANCE = 1.001
"""Two times of a stage that differ by less are one visit, rounded twice."""


@dataclass(frozen=True)
class Found:
    """A source in the shape that is resolved; `opportunities` is None for one event file.

    `origins` is the relation of a history that was made here: `file`, `line` and `heading`
    say where the cell stands that its line `made` was made of; '' where the history was
    read. `stray_rows` are the (file, row, rule) of rows that are no rows of the data, `days` the
    snapshots where there are several. `standing` says since when the deals of one snapshot
    stand in their stages. `given` are the tables as they were read.
    """

    label: str
    shape: str
    history: Table
    opportunities: Table | None
    inputs: tuple[dict[str, str], ...] = ()
    ignored: tuple[str, ...] = ()
    origins: str = ""
    stray_rows: tuple[tuple[str, int, str], ...] = ()
    activities: Table | None = None
    days: tuple[Snapshot, ...] = ()
    standing: Table | None = None
    given: tuple[Table, ...] = ()


def shape_files(reading: Reading, files: Files) -> Found:
    """Bring the files into the shape that is resolved, every cell in its plain form."""
    found = _shape_history(reading, leave_out_rows(reading, with_ids(reading, files)))
    found = closes_of_deals(reading, found)
    if found.opportunities is not None:
        deals = found.opportunities
        deals = close_by_dates(reading, deals, cases_of_outcome(reading, deals))
        found = replace(found, opportunities=deals)
    used = (
        *(files.history, files.opportunities, files.stages, files.lookup, files.activities),
        files.standing,
    )
    return replace(
        found,
        stray_rows=tuple(reading.log.stray_rows),
        activities=files.activities,
        given=(*(table for table in used if table), *(table for _, table in files.snapshots)),
    )


def _shape_history(reading: Reading, files: Files) -> Found:
    """Recognise the shape, and bring the files into that of a history."""
    if files.snapshots:
        keep_list(reading, files.stages)
        return _from_snapshots(reading, files)
    files = prepare_changes(reading, files)
    history, deals = files.history, files.opportunities
    keep_list(reading, files.stages)
    if history is not None and files.versions:
        return _from_versions(reading, files, history)
    if history is not None:
        return _from_history(reading, files, history)
    if deals is None:  # pragma: no cover - finding raises before
        raise AssertionError
    dated = _find_dated_stages(reading, deals)
    if dated:
        return _from_wide(reading, files, deals, dated)
    reading.say(deals.file, "shape", SNAPSHOT, "no_history")
    plain = write_ends(reading, _plain(reading, deals, moments=(*MOMENTS, SINCE)))
    if files.stages is None:
        keep_order(reading, plain)
    found = _put_together(files, SNAPSHOT, _no_history(reading, deals), plain)
    return replace(found, standing=_find_standing(reading, files, plain))


def _find_standing(reading: Reading, files: Files, deals: Table) -> Table | None:
    """Return the table that says since when the deals stand in their stages: theirs, or beside."""
    if deals.heading(SINCE):
        return deals
    standing = files.standing
    return standing and plain_dates(reading, standing, [str(standing.heading(SINCE))])


def _from_history(reading: Reading, files: Files, history: Table) -> Found:
    """Bring a history of entries or changes, and the deals beside it, into plain form."""
    deals = files.opportunities
    plain = _plain(reading, history, with_money=deals is None)
    listed = deals and _plain(reading, deals)
    if listed and (listed.heading("stage") or ending_dates(reading, listed)):
        # a deal whose present stage is a closing word has ended, whatever its history shows
        listed = write_ends(reading, listed)
    if listed:
        listed = reasons_of_rows(reading, listed, plain)
        plain = name_by_deals(reading, plain, listed, moves_of(plain))
    if is_changes(history):
        return _from_changes(reading, files, plain, listed)
    if listed is None:
        plain = with_starts(reading, plain)
    return _put_together(files, EVENTS, plain, listed)


def _from_versions(reading: Reading, files: Files, table: Table) -> Found:
    """Make a history of a table with several rows of a deal; its last row says how it is now."""
    plain = with_outcome(reading, _plain(reading, table))
    name = history_of(reading, plain)
    deals = files.opportunities and write_ends(reading, _plain(reading, files.opportunities))
    deals = deals or write_ends(reading, latest(reading, plain))
    reading.say(table.file, "shape", EVENTS, "versions")
    return _put_together(files, EVENTS, _history_table(reading, table.file, name), deals, name)


def _from_changes(reading: Reading, files: Files, history: Table, deals: Table | None) -> Found:
    """Make the entries of stages that a history of changes tells of."""
    name = quote("entries of changes")
    entries(reading, history, (deals, files.stages), name)
    reading.say(history.file, "shape", EVENTS, "changes")
    return _put_together(files, EVENTS, _history_table(reading, history.file, name), deals, name)


def _put_together(
    files: Files, shape: str, history: Table, deals: Table | None, origins: str = ""
) -> Found:
    """Put the parts together."""
    return Found(files.label, shape, history, deals, files.inputs, files.ignored, origins)


def _plain(
    reading: Reading,
    table: Table,
    dated: Sequence[DatedStage] = (),
    *,
    with_money: bool = True,
    moments: Sequence[str] = MOMENTS,
) -> Table:
    """Bring the dates, and where asked the money, of a table into plain form."""
    table = without_stray_rows(reading, table)
    named = [heading for name in moments if (heading := table.heading(name))]
    named += ending_dates(reading, table).values()
    headings = list(dict.fromkeys([*named, *(one.heading for one in dated)]))
    listed = [heading for name in TEXT_COLUMNS if (heading := table.heading(name))]
    table = without_words_for_nothing(reading, table, list(dict.fromkeys([*headings, *listed])))
    plain = plain_dates(reading, table, headings)
    return plain_money(reading, plain) if with_money else plain


def _find_dated_stages(reading: Reading, table: Table) -> tuple[DatedStage, ...]:
    """Return the columns of a table that hold the date of one stage."""
    names = declared_names(reading.config.pipelines)
    said = reading.config.source.stage_dates
    dated = dated_stages(list(table.types), said, names, used_headings(table))
    if dated or said or names or not table.heading("stage"):
        return dated
    return dated_stages(list(table.types), said, _stages_above_dates(reading, table))


def _stages_above_dates(reading: Reading, table: Table) -> tuple[str, ...]:
    """Return the stages of a list that are the headings of dates as well, of all but its ends."""
    taken = {table.heading(name) for name in COLUMNS}
    free = {fold_name(h): h for h in table.types if h not in taken}
    stage = table.text("stage")
    rows = reading.store.rows(
        f"SELECT DISTINCT {stage} FROM {table.relation} WHERE {stage} <> '' "  # noqa: S608 - quoted
        f"ORDER BY 1 LIMIT {MOST_STAGES + 1}"
    )
    names = [str(row[0]) for row in rows]
    if len(names) > MOST_STAGES:
        return ()
    found = [
        (name, free[fold_name(name)])
        for name in names
        if fold_name(name) in free and holds_dates(reading, table, free[fold_name(name)])
    ]
    open_ones = [name for name in names if closes_as(reading, name) is None]
    enough = len(found) >= FEWEST_DATED and len(found) >= len(open_ones)
    return tuple(name for name, _ in found) if enough else ()


def _from_wide(
    reading: Reading, files: Files, deals: Table, dated: tuple[DatedStage, ...]
) -> Found:
    """Make a history of a table with a date per stage: a row per date."""
    deals.require(("opportunity_id",))
    if not reading.config.source.stage_dates:
        refuse_undated(reading, deals, dated)
    plain = _plain(reading, deals, dated)
    reading.say(deals.file, "shape", WIDE, f"{len(dated)} columns")
    for one in dated:
        reading.say(deals.file, "stage_date", one.stage, one.heading)
    closes = {closes_as(reading, one.stage) for one in dated}
    if plain.heading("stage") and not closes >= {WON, LOST}:
        # a close without a date of its own is told by where the deal stands
        plain = with_outcome(reading, plain)
    if plain.heading("stage") and not reading.config.source.stage_dates:
        refuse_unnamed(reading, plain, dated)
    plain = reasons_of_losses(reading, plain)
    _count_hidden(reading, plain)
    each = len(dated)
    pipeline = plain.text("pipeline")
    blank = ("", *NOTHING)
    rows = " UNION ALL ".join(
        f"SELECT ({plain.line} - 1) * {each} + {place} AS made, "  # noqa: S608 - quoted
        f"{plain.text('opportunity_id')} AS opportunity_id, {literal(one.stage)} AS stage, "
        f"{quote(one.heading)} AS entered_at, "
        f"{literal(one.pipeline) if one.pipeline else pipeline} AS pipeline, '' AS from_stage, "
        f"{literal(deals.file)} AS file, {plain.line} AS line, "
        f"{literal(one.heading)} AS heading "
        f"FROM {plain.relation} WHERE lower({plain.text_under(one.heading)}) NOT IN {blank}"
        for place, one in enumerate(dated, start=1)
    )
    name = quote("wide history")
    reading.store.run(f"CREATE TEMP TABLE {name} AS {rows} ORDER BY 1")
    history = _history_table(reading, deals.file, name)
    # the stage where a deal stands is that of its dates, and no segment
    return _put_together(files, WIDE, history, plain, name)


def _history_table(reading: Reading, file: str, relation: str) -> Table:
    """Describe a history that was made here."""
    rows = reading.store.rows(f"DESCRIBE SELECT * FROM {relation}")  # noqa: S608 - quoted
    types = {row[0]: row[1] for row in rows if row[0] in HISTORY_COLUMNS}
    return Table(file, relation, "made", types)


def _no_history(reading: Reading, deals: Table) -> Table:
    """Return the empty history of deals of which only the present is known."""
    columns = ", ".join(f"CAST('' AS VARCHAR) AS {name}" for name in HISTORY_COLUMNS)
    name = quote("no history")
    reading.store.run(
        f"CREATE TEMP TABLE {name} AS SELECT CAST(0 AS BIGINT) AS made, {columns} LIMIT 0"
    )
    return _history_table(reading, deals.file, name)


def _count_hidden(reading: Reading, table: Table) -> None:
    """Count the visits that one date per stage hides: more time in all than at the latest visit."""
    pairs = []
    for all_visits, last_visit, entered in TIME_IN_STAGE:
        by_stage: dict[str, dict[int, str]] = {}
        for heading in table.types:
            for place, pattern in enumerate((all_visits, last_visit, entered)):
                if match := pattern.match(heading.strip()):
                    by_stage.setdefault(fold_name(match[1]), {})[place] = heading
        pairs += [found for found in by_stage.values() if 0 in found and 1 in found]
    if not pairs:
        return
    counts = " + ".join(
        f"count(*) FILTER ({_number(one[0])} > {TOLERANCE} * {_number(one[1])})" for one in pairs
    )
    reading.count(
        "hidden_visits",
        int(reading.store.value(f"SELECT {counts} FROM {table.relation}")),  # noqa: S608 - quoted
    )


def _number(heading: str) -> str:
    """Return SQL for a time in a stage: a number, or hours, minutes and seconds."""
    text = f"trim(CAST({quote(heading)} AS VARCHAR))"
    clock = f"regexp_extract({text}, '^(\\d+):(\\d\\d):(\\d\\d)$', ['h', 'm', 's'])"
    seconds = " + ".join(
        f"TRY_CAST({clock}.{part} AS DOUBLE) * {size}"
        for part, size in (("h", 3600), ("m", 60), ("s", 1))
    )
    return f"COALESCE(TRY_CAST(replace({text}, ',', '') AS DOUBLE), {seconds})"


def _from_snapshots(reading: Reading, files: Files) -> Found:
    """Make events of files that say how the same deals stood on different days."""
    days = [
        Snapshot(day, write_ends(reading, _plain(reading, table))) for day, table in files.snapshots
    ]
    for one in days:
        one.table.require(("opportunity_id", "stage"))
        reading.say(one.table.file, "snapshot", one.day)
    last = days[-1]
    moves = find_moves(reading, days)
    reading.say(last.table.file, "shape", SNAPSHOT, f"{len(days)} days to {last.day}")
    history = _history_table(reading, last.table.file, moves)
    found = _put_together(files, SNAPSHOT, history, last.table, moves)
    return replace(found, days=tuple(days))


def days_of(files: Files) -> tuple[str, str]:
    """Return the days of the first and the last snapshot; empty where there are not several."""
    return (files.snapshots[0][0], files.snapshots[-1][0]) if files.snapshots else ("", "")


# ---------------------------------------------------------------- when deals came into a stage

DAYS_BEFORE = (
    *("days in from stage", "days in previous stage", "days in old stage", "days in prior stage"),
    *("days in last stage", "from stage days", "previous stage days", "days in from status"),
    *("tage in vorheriger phase", "tage in alter phase", "d\u00edas en etapa anterior"),
    *("jours dans l'\u00e9tape pr\u00e9c\u00e9dente", "dias na etapa anterior"),
)
"""Headings of the days that a deal was in the stage that it comes from."""
MOMENT = r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d([.,]\d+)?)?)?"


def with_starts(reading: Reading, history: Table) -> Table:
    """Say when each deal was created, where only its first row says how long ago that was.

    A first move says from which stage, and the days in it: so the deal entered that stage so
    many days before. Without such a column nothing is said.
    """
    heading = heading_of(history, DAYS_BEFORE)
    if not heading or history.heading("created_at") or not history.heading("from_stage"):
        return history
    moment = history.text("entered_at")
    days = f"TRY_CAST({history.text_under(heading)} AS DOUBLE)"
    plain = f"CASE WHEN regexp_full_match({moment}, '{MOMENT}') THEN {moment} END"
    order = f"PARTITION BY {history.text('opportunity_id')} ORDER BY {moment}, {history.line}"
    known = f"{history.text('from_stage')} <> '' AND {days} >= 0"
    known += f" AND row_number() OVER ({order}) = 1"
    start = f"TRY_CAST({plain} AS TIMESTAMP) - to_seconds({days} * 86400)"
    sql = f"CASE WHEN {known} THEN COALESCE(CAST({start} AS VARCHAR), '') ELSE '' END"
    reading.say(history.file, "starts", "created_at", heading)
    return rewritten(reading, history, {}, "starts", {"created_at": sql})


# ---------------- dates of leaving

ABOUT_A_STAGE = (
    (
        re.compile(r'^(?:date exited|cumulative time in|latest time in) "(.+)"$', re.IGNORECASE),
        'Date entered "{}"',
    ),
    (
        re.compile(
            r"^hs_v2_(?:date_exited|cumulative_time_in|latest_time_in)_(.+)$", re.IGNORECASE
        ),
        "hs_v2_date_entered_{}",
    ),
)
"""Headings that name a stage -> the column that says when deals entered it."""


def refuse_undated(reading: Reading, table: Table, dated: Sequence[DatedStage]) -> None:
    """Raise where a file without a date of a stage has other columns of it that are filled.

    Its visits would be missing, and the stage before it would seem to skip it.
    """
    there = {one.heading.strip().casefold() for one in dated}
    asked: dict[str, str] = {}
    for heading in table.types:
        for pattern, entered in ABOUT_A_STAGE:
            match = pattern.match(heading.strip())
            column = entered.format(match[1]) if match else ""
            if column and column.casefold() not in there and _is_filled(reading, table, heading):
                asked.setdefault(column, heading)
    if not asked:
        return
    faults = tuple(
        Fault(
            table.file,
            None,
            column,
            "",
            "this column is missing",
            f"the file has {heading!r}; export both, or leave out all columns of the stage",
        )
        for column, heading in asked.items()
    )
    message = f"{table.file} does not say when deals entered {len(asked)} of its stages:"
    raise LeakkitError("missing_columns", message, faults)


def refuse_unnamed(reading: Reading, table: Table, dated: Sequence[DatedStage]) -> None:
    """Raise where open deals with dates of stages stand in a stage that has no date.

    A list may name its stages in another way than its columns do; then none of them is known.
    """
    stage = table.text("stage")
    ended = cases_of_outcome(reading, table) if table.heading("outcome") else "''"
    any_date = " OR ".join(f"{table.text_under(one.heading)} <> ''" for one in dated)
    rows = reading.store.rows(
        f"SELECT {stage}, count(*) FROM {table.relation} "  # noqa: S608 - quoted
        f"WHERE {stage} <> '' AND {ended} NOT IN ('won', 'lost') AND ({any_date}) "
        "GROUP BY 1 ORDER BY 1"
    )
    known = {fold_name(name) for one in dated for name in (one.stage, _with_pipeline(one))}
    there = {str(name): int(n) for name, n in rows}
    unknown = {
        name: n
        for name, n in there.items()
        if fold_name(name) not in known and closes_as(reading, name) is None
    }
    if not unknown or len(unknown) == len(there):
        return
    faults = tuple(
        Fault(
            table.file,
            None,
            str(table.heading("stage")),
            name,
            f"{n:,} open deals stand in a stage without a date of its own",
            "export the date on which deals entered it, or say in [source.stage_dates] which "
            "column it is",
        )
        for name, n in unknown.items()
    )
    message = f"{table.file} does not say when deals entered {len(unknown)} of its stages:"
    raise LeakkitError("missing_columns", message, faults)


def _with_pipeline(one: DatedStage) -> str:
    """Return a stage as lists name it beside its pipeline."""
    return f"{one.stage} ({one.pipeline})"


def _is_filled(reading: Reading, table: Table, heading: str) -> bool:
    """Say whether a column holds anything."""
    return bool(reading.store.value(f"SELECT count({quote(heading)}) FROM {table.relation}"))  # noqa: S608 - quoted
