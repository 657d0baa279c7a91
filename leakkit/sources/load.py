"""Load: find the files, read them, resolve every deal, and keep what became of every row."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from leakkit.config import COLUMNS, Config, folded
from leakkit.errors import LeakkitError
from leakkit.sources.columns import Table
from leakkit.sources.files import ROW_FORMATS, read_file
from leakkit.sources.proposal import propose
from leakkit.sources.xes import read_xes
from leakkit.store import account, schema
from leakkit.store.database import Store, quoted
from leakkit.store.moments import DAY, EARLIEST, SENTINEL, Zone, parse_as_of, zone
from leakkit.store.resolve import (
    OWN_COLUMNS,
    Rules,
    listed,
    outcome_words,
    resolve,
    texts,
    write_passages,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

CONFIG_FILE = "leakkit.toml"
HISTORY = "stage_history"
OPPORTUNITIES = "opportunities"
STORE_SUFFIX = ".duckdb"


@dataclass(frozen=True)
class Found:
    """The files of a source: `opportunities` is None for one event file."""

    label: str
    history: Table
    opportunities: Table | None
    inputs: tuple[dict[str, str], ...] = ()
    ignored: tuple[str, ...] = ()


def load(
    source: str | Path | Mapping[str, pd.DataFrame],
    config: Config | str | Path | None = None,
    *,
    as_of: str = "",
    store: str = ":memory:",
    watch: Callable[[Store, Found, Rules], None] | None = None,
) -> Store:
    """Read a source into a store: a folder, an event file, a store, or frames.

    `source` is a folder with `opportunities` and `stage_history` (CSV or Parquet), one
    event file (CSV, Parquet, XES, XES.gz), a store written by an earlier run, or the
    frames by these two names. `config` defaults to the leakkit.toml beside the files;
    `as_of` beats the configured one. `store` names a file to keep the result in.
    `watch` is called once the rows are resolved, while it can still be read what became
    of each. Raises LeakkitError with all the faults of a file or a configuration at once.
    """
    if isinstance(source, str | Path):
        path = Path(source)
        if path.suffix == STORE_SUFFIX and path.is_file():
            return Store.open(path)
        if not path.exists():
            message = f"There is no file or folder {path}."
            raise LeakkitError("no_source", message)
        config = config or _beside(path)
    rules = config if isinstance(config, Config) else Config.read(config) if config else Config()
    if as_of:
        rules = _as_of_beats(rules, as_of)
    _refuse_later(rules)
    if Path(store).exists():
        message = f"There is a file {store} already. Name another store, or remove it first."
        raise LeakkitError("store_exists", message)
    database = Store.new(store)
    try:
        database.run(schema.TABLES)
        found = _find(database, source, rules)
        _fill(database, found, rules, watch)
    except BaseException:
        database.close()
        Path(store).unlink(missing_ok=True)
        raise
    return database


def _as_of_beats(config: Config, as_of: str) -> Config:
    """Return the configuration with another `as_of`."""
    try:
        return Config.model_validate({**config.model_dump(), "as_of": as_of})
    except ValidationError:
        message = (
            f"{as_of!r} is no date or time: as_of should look like 2026-06-30 or 2026-06-30T14:05."
        )
        raise LeakkitError("as_of", message) from None


def _beside(path: Path) -> Path | None:
    """Return the leakkit.toml in the folder, or beside the file, if there is one."""
    file = (path if path.is_dir() else path.parent) / CONFIG_FILE
    return file if file.is_file() else None


def _refuse_later(config: Config) -> None:
    """Raise where the configuration asks for what this version does not do: never in silence."""
    rules = config.source
    asked = {
        "source.joins": bool(rules.joins),
        "source.calendar": rules.calendar == "jalali",
        "source.date_order": rules.date_order in {"dmy", "mdy"},
        "source.format": rules.format in {"xlsx", "jsonl"},
    }
    names = [name for name, is_set in asked.items() if is_set]
    if names:
        message = f"This version of leakkit does not read {', '.join(names)} yet."
        raise LeakkitError("not_yet", message)


def _find(store: Store, source: str | Path | Mapping[str, pd.DataFrame], config: Config) -> Found:
    """Recognise the source and read its files."""
    renamed = config.source.columns
    if not isinstance(source, str | Path):
        tables = {name: _framed(store, name, frame, renamed) for name, frame in source.items()}
        if HISTORY not in tables:
            message = f"Frames need the name {HISTORY!r}; got {sorted(tables)}."
            raise LeakkitError("no_history", message)
        return Found("frames", tables[HISTORY], tables.get(OPPORTUNITIES))
    path = Path(source)
    if path.is_dir():
        return _find_in_folder(store, path, renamed)
    return Found(
        _stem(path),
        _read(store, path, HISTORY, renamed, config.source.format),
        None,
        (_input(path),),
    )


def _framed(store: Store, name: str, frame: pd.DataFrame, renamed: dict[str, str]) -> Table:
    """Take a frame as if it were a file."""
    table = f"file_{name}"
    store.put(table, frame)
    types = {row[0]: row[1] for row in store.rows(f"DESCRIBE {quoted(table)}")}
    return Table(name, quoted(table), "rowid + 1", types, renamed)


def _find_in_folder(store: Store, folder: Path, renamed: dict[str, str]) -> Found:
    """Read `opportunities` and `stage_history` of a folder; name every other file."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    named = {
        wanted: [f for f in files if f.stem.lower() == wanted and f.suffix.lower() in ROW_FORMATS]
        for wanted in (HISTORY, OPPORTUNITIES)
    }
    for wanted, matches in named.items():
        if len(matches) > 1:
            names = ", ".join(file.name for file in matches)
            message = f"{folder.name} holds {wanted} twice: {names}. Keep one."
            raise LeakkitError("two_files", message)
    if not named[HISTORY]:
        there = ", ".join(f.name for f in files[:20]) or "no files"
        message = (
            f"The folder {folder.name} has no stage_history.csv or stage_history.parquet; "
            f"it holds {there}. Put opportunities and stage_history there, or name one event file."
        )
        raise LeakkitError("no_history", message)
    used = [matches[0] for matches in named.values() if matches]
    ignored = tuple(f.name for f in files if f not in used and f.name != CONFIG_FILE)
    tables = {
        wanted: read_file(
            store, matches[0], wanted, renamed, ROW_FORMATS[matches[0].suffix.lower()]
        )
        for wanted, matches in named.items()
        if matches
    }
    inputs = tuple(_input(file) for file in sorted(used))
    return Found(folder.resolve().name, tables[HISTORY], tables.get(OPPORTUNITIES), inputs, ignored)


def _read(store: Store, path: Path, name: str, renamed: dict[str, str], form: str) -> Table:
    """Read one event file by its format."""
    found = _format(path) if form == "auto" else form
    if found == "xes":
        return read_xes(store, path, renamed)
    if found in ROW_FORMATS.values():
        return read_file(store, path, name, renamed, found)
    known = f".csv, .parquet, .xes, .xes.gz and {STORE_SUFFIX}"
    message = f"{path.name}: this version reads folders, {known}."
    raise LeakkitError("unknown_format", message)


def _stem(path: Path) -> str:
    """Return a file's name without its endings."""
    return path.name.partition(".")[0] or path.name


def _input(path: Path) -> dict[str, str]:
    """Return name, format and SHA-256 of an input file."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"name": path.name, "format": _format(path), "sha256": digest}


def _format(path: Path) -> str:
    """Return the format that a file's name says."""
    return (
        "xes"
        if path.name.lower().endswith((".xes", ".xes.gz"))
        else path.suffix.lower().lstrip(".")
    )


def _fill(
    store: Store,
    found: Found,
    config: Config,
    watch: Callable[[Store, Found, Rules], None] | None,
) -> None:
    """Give the rows their canonical form, resolve them, and write down what was found."""
    _require(found)
    segments = _segments(store, found, config)
    _read_rows(store, found, segments)
    hours = _zone_of(store, config)
    _give(store, found, hours)
    account.refuse_unreadable(store, found.history.file)
    provisional = not config.pipelines
    if provisional:
        config = config.model_copy(update={"pipelines": propose(store, found.label)})
    cut, last_day = _as_of(store, config, hours)
    segments = tuple(map(_stored, segments))
    _write_names(store, config)
    default = _default_pipeline(config, found.label if provisional else "")
    one_file = found.opportunities is None
    rules = Rules(config, hours, cut, _newest_first(store), segments, default, one_file)
    resolve(store, rules)
    if watch:
        watch(store, found, rules)
    files = (found.opportunities.file if found.opportunities else "", found.history.file)
    facts = account.facts(store, cut)
    account.faults(store, *files)
    notes = {
        "schema_version": schema.SCHEMA_VERSION,
        "config": config.model_dump(mode="json"),
        "provisional_order": provisional,
        "label": found.label,
        "inputs": list(found.inputs),
        "ignored_files": list(found.ignored),
        "shape": "events",
        "cut": cut,
        "last_day": last_day,
        "segments": list(segments),
        "rows": account.rows(store, files),
        "fingerprint": account.fingerprint(store, cut, last_day),
    }
    # the widest tables come last, when nothing else is held any more
    account.clear(store)
    write_passages(store)
    notes["facts"] = facts | account.facts_of_passages(store)
    for key, value in notes.items():
        store.set_meta(key, value)


def _require(found: Found) -> None:
    """Raise where a needed column is missing, or a configured one is in none of the files."""
    tables = [table for table in (found.history, found.opportunities) if table]
    nowhere = tuple(
        name
        for name, heading in found.history.renamed.items()
        if all(table.find(heading) is None for table in tables)
    )
    found.history.require(("opportunity_id", "stage", "entered_at"), nowhere)
    if found.opportunities:
        found.opportunities.require(("opportunity_id",))


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
    counts = ", ".join(f"count(DISTINCT nullif({quoted(heading)}, ''))" for heading in texts)
    found_counts = store.rows(f"SELECT {counts} FROM {table.relation}")[0] if texts else ()  # noqa: S608 - quoted
    return tuple(h for h, n in zip(texts, found_counts, strict=True) if 2 <= n <= 200)  # noqa: PLR2004 - the rule of the contract


def _stored(heading: str) -> str:
    """Return the name of a further column in the store, which has columns of its own."""
    return f"{heading} (given)" if heading.casefold() in OWN_COLUMNS else heading


def _read_rows(store: Store, found: Found, segments: tuple[str, ...]) -> None:
    """Make `read_history` and `read_opportunities`: texts, and the clocks that they show."""
    history = found.history
    store.run(
        f"""
        CREATE TEMP {_kept(history, "entered_at")} read_history AS
        SELECT {history.line} AS line, {history.text("opportunity_id")} AS opportunity_id,
               {history.text("pipeline")} AS pipeline, {history.text("stage")} AS stage,
               {_unread(history, "entered_at")} AS entered_text,
               {history.clock("entered_at")} AS entered_clock,
               {history.offset("entered_at")} AS entered_offset,
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

    deals = found.opportunities
    for table, names, kept in (
        ("history", ["entered"], _kept(found.history, "entered_at")),
        ("opportunities", ["created", "closed"], deals and _kept(deals, "created_at", "closed_at")),
    ):
        read, made, unread = (", ".join(parts) for parts in zip(*map(moments, names), strict=True))
        store.run(
            f"""
            CREATE TEMP {kept or "TABLE"} given_{table} AS
            SELECT * EXCLUDE ({read}), {made}, {unread} FROM read_{table};
            """,  # noqa: S608 - names of this module
        )
        if kept != "VIEW":
            store.run(f"DROP TABLE read_{table}")


def _as_of(store: Store, config: Config, hours: Zone) -> tuple[int, int]:
    """Return the last used moment and the last used local day."""
    if config.as_of:
        return parse_as_of(config.as_of, config.timezone)
    words = outcome_words(config)
    closed = [
        w for w in texts(store, "outcome", "given_opportunities") if words.get(folded(w), 0) < 0
    ]
    cut = store.value(
        """
        SELECT GREATEST((SELECT max(entered_at) FROM given_history),
                        max(created_at),
                        max(closed_at) FILTER (outcome IN (SELECT unnest($closed))))
        FROM given_opportunities
        """,
        {"closed": closed},
    )
    day = hours.day(cut)
    # dates, and exports that write every date as a midnight, describe whole days
    midnight = f"(entered_at + {hours.offset_sql('entered_at')}) % {DAY}"
    timed = store.value(f"SELECT bool_or({midnight} <> 0) FROM given_history")  # noqa: S608 - numbers
    return (cut, day - 1) if timed else (hours.end_of_day(day), day)


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
