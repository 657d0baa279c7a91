"""Load: find the files, read them, resolve every deal, and keep what became of every row."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from pydantic import ValidationError

from leakkit import limits
from leakkit.config import COLUMNS, Config, folded
from leakkit.errors import Ask, LeakkitError
from leakkit.scratch import scratch
from leakkit.sources.cells.ids import match_long_ids
from leakkit.sources.cells.money import count_toman, with_toman
from leakkit.sources.checks import cross_check
from leakkit.sources.formats.files import form_of_content, form_of_name
from leakkit.sources.formats.rows import distinct
from leakkit.sources.formats.unpacking import lack_of_room, text_inside
from leakkit.sources.headings.columns import Table, refuse_lacking
from leakkit.sources.headings.missing import lacking
from leakkit.sources.headings.names import NEEDED, people
from leakkit.sources.headings.recognised import Reading
from leakkit.sources.headings.tables import CONFIG_FILE, find
from leakkit.sources.logo import keep_logo, read_logo
from leakkit.sources.places import folders_of, named_file
from leakkit.sources.propose.proposal import propose
from leakkit.sources.shapes import told_twice
from leakkit.sources.shapes.activities import read_activities
from leakkit.sources.shapes.joins import joined
from leakkit.sources.shapes.left_out import without_histories
from leakkit.sources.shapes.shapes import EVENTS, SNAPSHOT, Found, days_of, shaped
from leakkit.sources.shapes.snapshots import earlier_rows
from leakkit.store import account, doubts, schema
from leakkit.store import upkeep as settled
from leakkit.store.database import MEMORY, SPILL, Store, literal, quoted
from leakkit.store.holding import held
from leakkit.store.moments import DAY, EARLIEST, SENTINEL, Zone, parse_as_of, zone
from leakkit.store.recorded import Recorded, forget_plans, last_recorded
from leakkit.store.resolve import (
    CLOSED,
    OWN_COLUMNS,
    Rules,
    closed_outcomes,
    listed,
    resolve,
    write_passages,
)
from leakkit.store.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Watch = Callable[[Store, Found, Rules], None]

MOST_VALUES = 200
"""So many different texts may a column of segments have."""
STORE_SUFFIX = ".duckdb"
CODE = re.compile(r"[A-Z]{3}")
PARTIAL = ".partial"
DAMAGED = (duckdb.Error, duckdb.IOException, duckdb.InvalidInputException)
"""What the engine raises, and none of its own kinds of errors, for damaged pages of a file."""


def load(  # noqa: PLR0913 - every choice of a load has a name
    source: Any,  # noqa: ANN401 - a path, or frames of pandas, polars or pyarrow
    config: Config | str | Path | None = None,
    *,
    as_of: str = "",
    store: str = MEMORY,
    watch: Watch | None = None,
    upkeep: Upkeep = Upkeep(settle=True),  # noqa: B008 - frozen
    allow: Sequence[str | Path] = (),
) -> Store:
    """Read a source into a store: a folder, a file, a store, or frames (docs/formats.md).

    `config` defaults to the leakkit.toml beside the files; `as_of` beats the configured
    one. `store` names a file to keep the result in; one that is there is brought up to
    date, for which only the deals that are new or changed are resolved. `watch` is called
    once the rows are resolved, while it can still be read what became of each. `upkeep`
    says how a file is kept. A file that the configuration names must be in its folder, in
    that of the source, or in one of those that `allow` names. Raises LeakkitError with
    all the faults of a file or a configuration at once.
    """
    if isinstance(source, str | Path):
        path = Path(source)
        if path.suffix == STORE_SUFFIX and path.is_file():
            return _opened(path, as_of)
        if not path.exists():
            message = f"There is no file or folder {path}."
            raise LeakkitError("no_source", message)
        config = config or _beside(path)
    if store != MEMORY and not store.endswith(PARTIAL):
        return _into_file(source, config, as_of, Path(store), watch, upkeep, allow)
    rules = config if isinstance(config, Config) else Config.read(config) if config else Config()
    if as_of:
        rules = _as_of_beats(rules, as_of)
    places = (folders_of(source, config), tuple(map(Path, allow)))
    reasons = _reasons_file(rules, *places)
    logo = read_logo(rules.brand.logo, *places)
    database = _made(store)
    try:
        database.run(schema.TABLES)
        with scratch() as folder:
            reading = Reading(database, rules, folder, [], {}, places=places)
            _read(reading, source, watch, reasons, upkeep if store != MEMORY else Upkeep())
            keep_logo(database, logo)
    except BaseException as error:
        database.close()
        if store != MEMORY:
            Path(store).unlink(missing_ok=True)
        if type(error) in DAMAGED and (files := _parquet_files(source)):
            message = f"{', '.join(files)} cannot be read as a Parquet file: it is damaged."
            raise LeakkitError("unreadable_file", message) from None
        if full := lack_of_room(error):
            raise full from None
        raise
    return database


def _made(store: str) -> Store:
    """Make an empty store; where there is no room for it, say that."""
    try:
        return Store.new(store)
    except duckdb.Error as error:
        if store != MEMORY:
            Path(store).unlink(missing_ok=True)
        raise lack_of_room(error) or error from None


def _opened(file: Path, as_of: str) -> Store:
    """Open a store that is a source; it was settled on one day, and cannot be on another."""
    store = Store.open(file)
    last_day = int(store.meta("last_day"))
    if as_of and parse_as_of(as_of, store.config.timezone)[1] != last_day:
        store.close()
        day = dt.date(1970, 1, 1) + dt.timedelta(days=last_day)
        message = (
            f"{file.name} was loaded as of {day}, and a store keeps that. For another day load "
            "its source again."
        )
        raise LeakkitError("store_is_settled", message)
    return store


def _into_file(  # noqa: PLR0913, PLR0917 - those of load
    source: Any,  # noqa: ANN401 - as above
    config: Config | str | Path | None,
    as_of: str,
    file: Path,
    watch: Watch | None,
    upkeep: Upkeep,
    allow: Sequence[str | Path],
) -> Store:
    """Load into a new file beside the one that is to be kept, which then takes its place.

    So a run that is ended, or two at once, leave no half store behind.
    """
    with replace_store(file) as (kept, partial):
        known = replace(upkeep, earlier=_earlier(kept)) if kept.exists() else upkeep
        load(
            source, config, as_of=as_of, store=str(partial), watch=watch, upkeep=known, allow=allow
        ).close()
    return Store.change(file)


@contextmanager
def replace_store(file: Path) -> Iterator[tuple[Path, Path]]:
    """Hold the place of a store, and put what was written beside it in its place at the end.

    Yields the store's own path, which is where a link leads to, and that to write to.
    """
    if file.suffix != STORE_SUFFIX:
        message = f"{file} is no name for a store: it needs the ending {STORE_SUFFIX}."
        raise LeakkitError("store_name", message)
    file = file.resolve()
    said = f"Another run is writing {file}. Wait for it, or keep another store."
    with ExitStack() as stack:
        try:
            stack.enter_context(held(Path(f"{file}.lock"), LeakkitError("store_in_use", said)))
        except OSError as error:
            message = f"Cannot write the store {file}: {error.strerror or error}."
            raise LeakkitError("store_not_writable", message) from None
        partial = Path(f"{file}{PARTIAL}")
        for left in (partial, Path(f"{partial}.wal")):
            left.unlink(missing_ok=True)
        shutil.rmtree(f"{partial}{SPILL}", ignore_errors=True)
        yield file, partial
        partial.replace(file)


def _earlier(file: Path) -> Path | None:
    """Return the store that is there; None for one of another version, which is made anew."""
    try:
        Store.open(file).close()
    except LeakkitError as error:
        if error.code != "store_version":
            raise
        return None
    return file


def _as_of_beats(config: Config, as_of: str) -> Config:
    """Return the configuration with another `as_of`."""
    try:
        return Config.model_validate({**config.model_dump(), "as_of": as_of})
    except ValidationError:
        message = (
            f"{as_of!r} is no date or time: as_of should look like 2026-06-30 or 2026-06-30T14:05."
        )
        raise LeakkitError("as_of", message) from None


def _parquet_files(source: Any) -> list[str]:  # noqa: ANN401 - as above
    """Return the names of the Parquet files of a source, which are read when asked only."""
    if not isinstance(source, str | Path):
        return []
    path = Path(source)
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return [file.name for file in files if form_of_name(file) == "parquet"]


def _beside(path: Path) -> Config | Path | None:
    """Return the leakkit.toml in the folder, beside the file or inside a .zip, if there is one."""
    file = (path if path.is_dir() else path.parent) / CONFIG_FILE
    packed = path.is_file() and form_of_content(path) == "zip"
    text = text_inside(path, CONFIG_FILE) if packed else None
    if text is None:
        return file if file.is_file() else None
    if file.is_file():
        message = (
            f"There is a {CONFIG_FILE} inside {path.name} and one beside it. Say which to use: "
            "--config FILE."
        )
        raise LeakkitError("two_files", message)
    return Config.from_text(text, f"{CONFIG_FILE} in {path.name}")


def _reasons_file(rules: Config, folders: Sequence[Path], allowed: Sequence[Path]) -> Path | None:
    """Return the user's dictionary of reasons: beside leakkit.toml, else beside the source."""
    name = rules.reasons.file
    try:
        return named_file(name, folders, allowed, "[reasons] file") if name else None
    except LeakkitError as error:
        raise LeakkitError("no_reasons", str(error)) from None


def _with_reasons(store: Store, found: Found, file: Path) -> Found:
    """Keep the text of the user's dictionary in the store, and count it as an input."""
    with file.open("rb") as stream:
        content = stream.read(limits.CONFIG_BYTES + 1)
    try:
        store.set_meta("reasons", content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        message = f"The dictionary of reasons {file.name} is not UTF-8 text."
        raise LeakkitError("reasons_syntax", message) from None
    digest = hashlib.sha256(content).hexdigest()
    one = {"name": file.name, "format": "toml", "sha256": digest}
    ignored = tuple(name for name in found.ignored if name != file.name)
    return replace(found, inputs=(*found.inputs, one), ignored=ignored)


def _read(
    reading: Reading,
    source: Any,  # noqa: ANN401 - as above
    watch: Watch | None,
    reasons: Path | None,
    upkeep: Upkeep,
) -> None:
    """Find the files, take what is joined, bring them into shape, and fill the store."""
    files = joined(reading, find(reading, source), source)
    found = shaped(reading, files)
    if reasons is not None:
        found = _with_reasons(reading.store, found, reasons)
    _fill(_within(reading, *days_of(files)), found, watch, upkeep)


def _within(reading: Reading, first: str, last: str) -> Reading:
    """Let the history begin with the first snapshot and end with the last, unless declared."""
    if not first:
        return reading
    config, rules = reading.config, reading.config.source
    started = rules.history_start or dt.date.fromisoformat(first)
    source = rules.model_copy(update={"history_start": started})
    config = config.model_copy(update={"source": source, "as_of": config.as_of or last})
    return replace(reading, config=config)


@dataclass(frozen=True)
class _Given:
    """What is to be resolved, and how: the rules, and what the rows said of themselves."""

    rules: Rules
    last_day: int
    provisional: bool

    @property
    def config(self) -> Config:
        """The configuration, proposed parts included."""
        return self.rules.config


def _fill(reading: Reading, found: Found, watch: Watch | None, upkeep: Upkeep) -> None:
    """Give the rows their canonical form, resolve them, and write down what was found."""
    given = _give_rows(reading, found)
    store, rules = reading.store, given.rules
    settled.compare(store, rules, upkeep)
    resolve(store, rules)
    reading.count(doubts.BURSTS, doubts.find(store, rules))
    cross_check(reading, found, rules.config)
    files = (found.opportunities.file if found.opportunities else "", found.history.file)
    facts = account.facts(store, rules.cut)
    account.faults(store, *files, found.origins)
    settled.take_over(store)
    account.refuse_amounts(store, files[0] or files[1])
    acted = read_activities(reading, found.activities, rules.zone, rules.cut)
    if watch:
        watch(store, found, rules)
    _place_faults(store, found)
    counted = account.rows(store, files, reading.left)
    rows = [*counted, *earlier_rows(reading, found.days), *acted]
    notes = _notes(reading, found, given) | {"rows": rows}
    notes["fingerprint"] = account.fingerprint(store, rules.cut, given.last_day)
    if upkeep.settle:
        settled.settle(store, rules)
    # the widest tables come last, when nothing else is held any more
    account.clear(store)
    write_passages(store)
    doubts.keep(store)
    notes["facts"] = facts | reading.counted
    if found.shape != SNAPSHOT or found.days:
        # of deals that only stand somewhere it is not known where they began
        notes["facts"] |= account.facts_of_passages(store)
    for key, value in notes.items():
        store.set_meta(key, value)


def _give_rows(reading: Reading, found: Found) -> _Given:
    """Make the two relations that resolving reads, and the rules by which it does."""
    store, config = reading.store, reading.config
    _require(store, found)
    segments = _segments(store, found, config)
    _read_rows(store, found, segments, config.source.unnamed_stage)
    without_histories(reading, found.history.file)
    if found.opportunities:
        match_long_ids(reading)
    hours = _zone_of(store, config)
    _give(store, found, hours)
    newest_first = _newest_first(store)
    if found.shape != SNAPSHOT and told_twice.part_hours(reading, hours, newest_first=newest_first):
        newest_first = _newest_first(store)
    snapshot = found.shape == SNAPSHOT
    account.refuse_unreadable(store, found.history.file, snapshot=snapshot)
    config = with_toman(_with_currency(store, config))
    count_toman(reading, config)
    provisional = not config.pipelines
    if provisional:
        config = config.model_copy(
            update={
                "pipelines": propose(store, found.label, config, _names(found), snapshot=snapshot)
            }
        )
    timed = _is_timed(store)
    cut, last_day = _as_of(reading, found, config, hours)
    if snapshot:
        _stand(store, config, cut)
    _write_names(store, config)
    rules = Rules(
        config=config,
        zone=hours,
        cut=cut,
        newest_first=newest_first,
        segments=tuple(distinct(list(map(_stored, segments)))),
        default_pipeline=_default_pipeline(config, found.label if provisional else ""),
        one_file=found.opportunities is None,
        timed=timed,
        close_days=_closes_are_days(store),
    )
    return _Given(rules, last_day, provisional)


def _names(found: Found) -> Mapping[str, str]:
    """Return what the columns of pipelines and stages are called in the file."""
    tables = [table for table in (found.opportunities, found.history) if table]
    return {
        name: heading
        for table in tables
        for name in ("pipeline", "stage")
        if (heading := table.heading(name))
    }


def _place_faults(store: Store, found: Found) -> None:
    """Say of each fault what its row is in the file that the user has."""
    for file, row, rule in found.asides:
        store.run(
            "UPDATE faults SET rule = $rule WHERE file = $file AND line = $row "
            "AND rule = 'missing_id'",
            {"rule": rule, "file": file, "row": row},
        )


def _notes(reading: Reading, found: Found, given: _Given) -> dict[str, Any]:
    """Return the facts about the store that are known once the deals are resolved."""
    return {
        "schema_version": schema.SCHEMA_VERSION,
        "config": given.config.model_dump(mode="json"),
        "provisional_order": given.provisional,
        "label": found.label,
        "inputs": list(found.inputs),
        "ignored_files": list(found.ignored),
        "shape": found.shape,
        "recognised": reading.spoken(),
        "outcome_words": _words_found(reading.store, "outcome_names"),
        "closing_rows": _words_found(reading.store, "stage_names"),
        "cut": given.rules.cut,
        "last_day": given.last_day,
        "segments": list(given.rules.segments),
        "owner": _owner(found, given.rules.segments),
        "people": _people(found, given.rules.segments),
    }


def _owner(found: Found, segments: tuple[str, ...]) -> str:
    """Return the column of the store that names who owns a deal; '' where there is none."""
    heading = (found.opportunities or found.history).heading("owner")
    return _stored(heading) if heading and _stored(heading) in segments else ""


def _people(found: Found, segments: tuple[str, ...]) -> list[str]:
    """Return the columns of the store that name who works on a deal, the owner among them."""
    table = found.opportunities or found.history
    named = [_owner(found, segments), *map(_stored, people(table.types))]
    return [column for column in dict.fromkeys(named) if column in segments]


def _require(store: Store, found: Found) -> None:
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


def _segments(store: Store, found: Found, config: Config) -> tuple[str, ...]:
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
    column = quoted(heading)
    some = (
        f"SELECT DISTINCT {column} FROM {table.relation} WHERE {column} <> '' "  # noqa: S608 - quoted
        f"LIMIT {MOST_VALUES + 1}"
    )
    return int(store.value(f"SELECT count(*) FROM ({some})"))  # noqa: S608 - as above


def _stored(heading: str) -> str:
    """Return the name of a further column in the store, which has columns of its own."""
    return f"{heading} (given)" if heading.casefold() in OWN_COLUMNS else heading


def _read_rows(store: Store, found: Found, segments: tuple[str, ...], unnamed: str = "") -> None:
    """Make `read_history` and `read_opportunities`: texts, and the clocks that they show.

    `unnamed` is what a row of the history without a stage is in.
    """
    history, stage = found.history, found.history.text("stage")
    if unnamed:
        stage = f"COALESCE(NULLIF({stage}, ''), {literal(unnamed)})"
    store.run(
        f"""
        CREATE TEMP {_kept(history, "entered_at")} read_history AS
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
    table = found.opportunities or history
    names = ["opportunity_id", "pipeline", "stage", "name", "outcome", "currency", "lost_reason"]
    columns = [f"{table.text(name)} AS {name}" for name in names]
    # under names of our own: a heading may be any text, and any of our names
    columns += [f"{table.text_under(name)} AS segment_{i}" for i, name in enumerate(segments)]
    for name in ("created", "closed"):
        moment = f"{name}_at"
        columns += [
            f"{(_unread if found.opportunities else Table.text)(table, moment)} AS {name}_text",
            f"{table.clock(moment)} AS {name}_clock",
            f"{table.offset(moment)} AS {name}_offset",
        ]
    columns += [f"{table.money('value')} AS value", f"{table.text('value')} AS value_text"]
    if found.opportunities:
        columns.append(f"{table.content()} AS content")
    each = f"SELECT {table.line} AS line, {', '.join(columns)} FROM {table.relation}"  # noqa: S608 - quoted headings
    if found.opportunities:
        kept = _kept(table, "created_at", "closed_at")
        store.run(f"CREATE TEMP {kept} read_opportunities AS {each}")
    else:
        _gather(store, each, len(segments))


def _unread(table: Table, moment: str) -> str:
    """Return SQL for the text of a moment that may be a fault, far enough inside to be none."""
    return table.odd_text(moment, EARLIEST + 2 * DAY, SENTINEL - 2 * DAY)


def _kept(table: Table, *moments: str) -> str:
    """Say how to keep what is read: dates in texts are parsed once, all else is read when asked."""
    return "TABLE" if any(table.is_text(name) for name in moments) else "VIEW"


def _gather(store: Store, each: str, segments: int) -> None:
    """Make one opportunity of the rows of an event file: the last non-empty entry counts."""
    names = ["name", "outcome", "currency", "lost_reason"]
    names += [f"segment_{i}" for i in range(segments)]
    columns = [f"COALESCE(arg_max({n}, line) FILTER ({n} <> ''), '') AS {n}" for n in names]
    # an entry counts as a whole: a clock without an offset must not keep an earlier one's
    columns += [
        f"(arg_max(struct_pack(last := {name}), line) FILTER ({text} <> '')).last AS {name}"
        for text, name in (
            ("created_text", "created_text"),
            ("created_text", "created_clock"),
            ("created_text", "created_offset"),
            ("closed_text", "closed_text"),
            ("closed_text", "closed_clock"),
            ("closed_text", "closed_offset"),
            ("value_text", "value_text"),
            ("value_text", "value"),
        )
    ]
    store.run(
        f"""
        CREATE TEMP TABLE read_opportunities AS
        SELECT CAST(NULL AS BIGINT) AS line, 0 AS content, opportunity_id,
               '' AS pipeline, '' AS stage, {", ".join(columns)}
        FROM ({each}) WHERE opportunity_id <> '' GROUP BY opportunity_id
        """,  # noqa: S608 - quoted headings
    )


def _zone_of(store: Store, config: Config) -> Zone:
    """Find the offsets of the configured zone over the days that the data span."""
    if config.timezone == "UTC":
        return Zone((), (0,))
    first, last = store.rows(
        f"""
        SELECT min(clock), max(clock)
        FROM (SELECT entered_clock AS clock FROM read_history
              UNION ALL SELECT created_clock FROM read_opportunities
              UNION ALL SELECT closed_clock FROM read_opportunities)
        WHERE clock BETWEEN {EARLIEST} AND {SENTINEL}
        """,  # noqa: S608 - numbers
    )[0]
    if config.as_of and first is not None:
        last = max(last, parse_as_of(config.as_of, config.timezone)[0])
    return zone(config.timezone, (first or 0) - 2 * DAY, (last or 0) + 2 * DAY)


def _give(store: Store, found: Found, hours: Zone) -> None:
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
        # one snapshot adds rows of its own
        kept = "TABLE" if found.shape == SNAPSHOT and table == "history" else "VIEW"
        store.run(
            f"""
            CREATE TEMP {kept} given_{table} AS
            SELECT * EXCLUDE ({read}), {made}, {unread} FROM read_{table};
            """,  # noqa: S608 - names of this module
        )


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


def _is_timed(store: Store) -> bool:
    """Say whether the history has times: dates, and dates all at midnight, are whole days.

    The clocks are taken as they are written: where a zone skips a midnight, no moment has it.
    """
    sql = f"""
        SELECT bool_or(entered_clock % {DAY} <> 0) FROM read_history
        WHERE entered_clock BETWEEN {EARLIEST} AND {SENTINEL}
        """  # noqa: S608 - numbers
    return bool(store.value(sql))


def _closes_are_days(store: Store) -> bool:
    """Say whether the closing dates have no time: each is then any time of its day."""
    sql = f"SELECT bool_and(closed_clock % {DAY} = 0) FROM read_opportunities"  # noqa: S608 - a number
    return bool(store.value(sql))


def _as_of(reading: Reading, found: Found, config: Config, hours: Zone) -> tuple[int, int]:
    """Return the last used moment and the last used local day, and say which row set them."""
    if config.as_of:
        return parse_as_of(config.as_of, config.timezone)
    store = reading.store
    closed = closed_outcomes(store, config)
    last = last_recorded(store, config, closed)
    if last is None:
        message = (
            "No date in the source says when its deals stood so. Say it: as_of = '2026-06-30'. "
            "Or, if its rows are a history, which column has the dates of the moves: "
            "entered_at = '...' in [source]."
        )
        moved = lacking(store, found.opportunities or found.history, ("entered_at",)).asks
        asks = (
            Ask("", "as_of", (), "the day of which the source is, such as 2026-06-30"),
            *(replace(ask, needed=False) for ask in moved),
        )
        raise LeakkitError("no_as_of", message, asks=asks)
    day = hours.day(last.moment)
    cut, last_day = (last.moment, day - 1) if _is_timed(store) else (hours.end_of_day(day), day)
    store.set_meta("as_of_row", _place_of(store, found, last))
    reading.count("planned_closes", forget_plans(store, cut, closed))
    return cut, last_day


def _place_of(store: Store, found: Found, last: Recorded) -> str:
    """Say where the last recorded moment stands: file, row and heading."""
    if last.column == "entered_at" and found.origins:
        made = f"SELECT file, line, heading FROM {found.origins} WHERE made = $line"  # noqa: S608 - quoted
        file, row, heading = store.rows(made, {"line": last.line})[0]
        return f"{file} row {row} [{heading}]"
    table = found.history if last.column == "entered_at" else found.opportunities or found.history
    row = "" if last.line is None else f" row {last.line}"
    return f"{table.file}{row} [{table.heading(last.column) or last.column}]"


def _default_pipeline(config: Config, label: str) -> int | None:
    """Step 3: return the pipeline of what names none: the only one, or that of the source."""
    names = [folded(pipeline.name) for pipeline in config.pipelines]
    if len(names) == 1:
        return 0
    return names.index(folded(label)) if folded(label) in names else None


def _newest_first(store: Store) -> bool | None:
    """Say whether the history runs from new to old; None where it shows no direction."""
    later, earlier = store.rows(
        """
        SELECT count(*) FILTER (entered_at > before_at), count(*) FILTER (entered_at < before_at)
        FROM (SELECT entered_at, lag(entered_at) OVER (PARTITION BY opportunity_id ORDER BY line)
                     AS before_at
              FROM (SELECT * FROM given_history LIMIT 200000)
              WHERE line <= 200000 AND entered_at IS NOT NULL AND opportunity_id <> '')
        """,
    )[0]
    if later + earlier == 0:
        return None
    share = later / (later + earlier)
    return False if share >= 0.9 else True if share <= 0.1 else None  # noqa: PLR2004 - the rule of the contract


def _words_found(store: Store, table: str) -> dict[str, list[str]]:
    """Return the texts that were understood as outcomes or as closing rows, by what they mean.

    `table` is one of those that resolving makes: `outcome_names` or `stage_names`.
    """
    kinds = {"won": schema.WON, "lost": schema.LOST, "open": 0}
    rows = store.rows(f"SELECT DISTINCT said, code FROM {table} ORDER BY said")  # noqa: S608 - names of this program
    closing = table == "stage_names"
    return {
        kind: [str(said) for said, found in rows if found == code and said not in CLOSED]
        for kind, code in kinds.items()
        if code or not closing
    }


def _stand(store: Store, config: Config, cut: int) -> None:
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
        sql, facts = listed(named, rows)
        store.run(f"INSERT INTO {table} {sql}", facts)
