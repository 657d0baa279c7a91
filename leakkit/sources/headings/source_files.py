"""Find the files of a source, read them, and say which part each plays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from leakkit.config import COLUMNS
from leakkit.errors import LeakkitError
from leakkit.sources.formats.files import form_of_content, form_of_name, read_file, unknown_format
from leakkit.sources.formats.rows import free_rowid, types_of
from leakkit.sources.formats.unpacking import unpack_zip
from leakkit.sources.headings.column_guesses import nothing_to_read
from leakkit.sources.headings.evidence import by_cells, by_versions, recognise_list
from leakkit.sources.headings.folders import (
    CONFIG_FILE,
    Folder,
    Member,
    explain_several,
    explain_two_within,
    folder_of,
    input_of,
    read_days,
    stem_of,
    which_member,
)
from leakkit.sources.headings.heading_words import (
    DEALS,
    HISTORY,
    MERGED,
    REFUSED,
    STAGES,
    STANDING,
    VERSIONS,
    declared_names,
    exports_of,
    loose,
    used_headings,
)
from leakkit.sources.headings.joined_files import alike, join_parts
from leakkit.sources.headings.reading import Table
from leakkit.sources.headings.table_parts import TablePart, dated_stages, part_of
from leakkit.sources.shapes.deal_ids import may_be_deals
from leakkit.sources.shapes.end_columns import ending_dates
from leakkit.sources.shapes.further_tables import ACTIVITIES
from leakkit.store.database import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leakkit.sources.headings.reading import Reading

    Placed = tuple[Table, TablePart]

KEYS = {
    DEALS: ("opportunity_id",),
    HISTORY: ("opportunity_id", "entered_at"),
    VERSIONS: ("opportunity_id", "entered_at"),
}
"""What makes a row of a table one of its own; the stage does as well, where a row names it."""


@dataclass(frozen=True)
class Files:
    """The tables of a source by the part they play, and the files they came from.

    `snapshots` are (day, table) of the same deals on different days, in order of days;
    `activities` is what happened to the deals beside moving, `stages` a list of stages,
    `lookup` says of the rows of the history whose they are, and `merged` which deals were
    merged into others. `standing` says of deals since when they stand where they do.
    `versions`: the history has a row for every change of a deal, or for
    every day.
    """

    label: str
    history: Table | None
    opportunities: Table | None
    snapshots: tuple[tuple[str, Table], ...] = ()
    inputs: tuple[dict[str, str], ...] = ()
    ignored: tuple[str, ...] = ()
    activities: Table | None = None
    stages: Table | None = None
    lookup: Table | None = None
    merged: Table | None = None
    standing: Table | None = None
    versions: bool = False


def find_files(reading: Reading, source: object) -> Files:
    """Recognise a source and read its files."""
    if isinstance(source, str | Path):
        path = Path(source)
        return in_folder(reading, folder_of(path)) if path.is_dir() else _one_file(reading, path)
    if not isinstance(source, dict):
        return _assign_parts(
            reading,
            "frame",
            (),
            [_recognise_columns(reading, _take_frame(reading, "frame", source))],
        )
    tables = {name: _take_frame(reading, name, frame) for name, frame in source.items()}
    activities = _fitting(reading, tables.pop(ACTIVITIES, None))
    if len(tables) == 1 and DEALS in tables:
        parted = _assign_parts(reading, "frames", (), [_recognise_columns(reading, tables[DEALS])])
        return replace(parted, activities=activities)
    if HISTORY not in tables:
        message = f"Frames need the name {HISTORY!r}; got {sorted(tables)}."
        raise LeakkitError("no_history", message)
    return Files(
        "frames",
        _recognise_named(reading, tables[HISTORY], HISTORY),
        tables.get(DEALS) and _recognise_named(reading, tables[DEALS], DEALS),
        activities=activities,
    )


def _take_frame(reading: Reading, name: str, frame: object) -> Table:
    """Take a frame as if it were a file."""
    table = f"file_{name}"
    try:
        reading.store.put(table, frame)
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in {"duckdb", "_duckdb"}:
            raise
        message = (
            f"{name}: leakkit reads frames of pandas, polars and pyarrow, "
            f"not {type(frame).__name__}."
        )
        raise LeakkitError("unknown_frame", message) from None
    given = types_of(reading, quote(table))
    for heading in (heading for heading, kind in given.items() if kind.startswith("ENUM")):
        # a column of categories holds texts
        reading.store.run(f"ALTER TABLE {quote(table)} ALTER {quote(heading)} TYPE VARCHAR")
    free_rowid(reading.store, quote(table), given)
    types = types_of(reading, quote(table))
    return Table(name, quote(table), "rowid + 1", types, reading.config.source.columns)


def _one_file(reading: Reading, path: Path) -> Files:
    """Read one file: its headings say which part it plays; a .zip of several is a folder."""
    inputs = (input_of(path),)
    if form_of_content(path) == "zip" and form_of_name(path) != "parquet":
        inside = [file for file in unpack_zip(reading, path) if file.name != CONFIG_FILE]
        if len(inside) != 1:
            files = in_folder(reading, folder_of(reading.scratch / "zip"))
            return replace(files, label=stem_of(path), inputs=inputs)
        tables = read_file(reading, inside[0], HISTORY)
    elif not form_of_name(path) and reading.config.source.format == "auto":
        raise unknown_format(path)
    else:
        tables = read_file(reading, path, HISTORY)
    if len(reading.config.source.sheet) > 1:
        tables = _join_parts(reading, tables)
    return _assign_parts(
        reading, stem_of(path), inputs, [_recognise_columns(reading, table) for table in tables]
    )


def _assign_parts(
    reading: Reading, label: str, inputs: tuple[dict[str, str], ...], tables: list[Table]
) -> Files:
    """Say which part each table of one file plays."""
    by_part: dict[str, Table] = {}
    for table in tables:
        other = by_part.setdefault(_part_of(reading, table), table)
        if other is not table and _part_of(reading, table) in {DEALS, HISTORY}:
            raise explain_two_within(label, [other, table])
    if REFUSED in by_part:
        raise _explain_refusal(by_part[REFUSED])
    deals = by_part.get(DEALS)
    alone = tables[0] if len(tables) == 1 else None
    if alone and not alone.heading("entered_at") and has_stage_dates(reading, alone):
        return Files(label, None, alone, inputs=inputs)
    if alone and deals and deals.heading("stage") is None:
        deals = None
    versions = None if HISTORY in by_part else by_part.get(VERSIONS)
    history = by_part.get(HISTORY) or versions or (None if deals else tables[0])
    return Files(label, history, deals, inputs=inputs, versions=versions is not None)


def has_stage_dates(reading: Reading, table: Table) -> bool:
    """Say whether a table has a date per stage."""
    source, declared = reading.config.source, reading.config.pipelines
    names = declared_names(declared)
    taken = used_headings(table)
    return bool(dated_stages(list(table.types), source.stage_dates, names, taken))


def _explain_refusal(table: Table) -> LeakkitError:
    """Return the error of a table that looks like a history and is none."""
    message = (
        f"{table.file} is the synchronisation history of a connector: its times say when a row "
        "was copied, not when a deal changed its stage. Use the history of the CRM itself."
    )
    return LeakkitError("no_history", message)


def _recognise_columns(reading: Reading, table: Table) -> Table:
    """Let a table know its columns by the headings of makers."""
    return _with(reading, table, _part(reading, table))


def _part(reading: Reading, table: Table) -> TablePart:
    """Say which part a table plays."""
    return recognise_list(reading, table, _part_by_headings(reading, table))


def _part_by_headings(reading: Reading, table: Table) -> TablePart:
    """Say which part a table plays, where its rows are not to be doubted."""
    part = part_of(list(table.types), table.renamed, exports_of(reading.config))
    return by_versions(reading, table, part)


def _part_of(reading: Reading, table: Table) -> str:
    """Say which part a table of one file plays; rows without ids may be deals."""
    played = _part(reading, table)
    known = replace(table, known=dict(played.known))
    asked = reading.config.source.each_row_is_a_deal
    return DEALS if not played.table and may_be_deals(known, asked=asked) else played.table


def _with(reading: Reading, table: Table, part: TablePart) -> Table:
    """Give a table the headings that its part knows, and say so."""
    part = by_cells(reading, table, part)
    if part.maker:
        reading.say(table.file, "maker", part.maker, "headings")
    for name, heading in part.known.items():
        if heading:
            reading.say(table.file, "column", name, heading)
    return replace(table, known=dict(part.known), export=part.export)


def _recognise_named(reading: Reading, table: Table, wanted: str) -> Table:
    """Let a table that is named by its part know its columns."""
    part = _part_by_headings(reading, table)
    return _with(reading, table, part) if part.table in {wanted, HISTORY} else table


def in_folder(reading: Reading, folder: Folder) -> Files:
    """Read `opportunities`, `stage_history` and `activities` of a folder; name all else."""
    files = folder.asked_for(reading)
    named = {
        wanted: [one for one in files if one.stem.lower() == wanted and one.named]
        for wanted in (HISTORY, DEALS, ACTIVITIES)
    }
    for wanted, matches in named.items():
        if len(matches) > 1:
            names = ", ".join(one.name for one in matches)
            message = (
                f"{folder.label} holds {wanted} twice: {names}. Keep one, or say in [source] "
                f"which: read = ['{matches[0].name}']."
            )
            raise LeakkitError("two_files", message, asks=which_member(matches, files))
    joined = {join.file for join in reading.config.source.joins}
    acts = named.pop(ACTIVITIES)
    activities = _activities(reading, acts[0]) if acts else None
    passed_over = {one.name for one in acts}
    if not named[HISTORY]:
        candidates = [one for one in files if one.data and one.name not in joined | passed_over]
        tables = _tables(reading, candidates)
        if named[DEALS]:
            tables = [t for t in tables if _is_of(t, named[DEALS][0]) or _is_history(reading, t)]
        placed = _place_files(reading, tables, replace(folder, members=tuple(files)))
        used = {name for table in _all(placed) for name in table.files}
    else:
        read = {
            wanted: _whole(reading, wanted, matches[0], folder)
            for wanted, matches in named.items()
            if matches
        }
        used = {name for table in read.values() for name in table.files}
        rest = [one for one in files if one.data and one.name not in joined | passed_over | used]
        further = _beside_history(reading, rest, folder) if DEALS not in read else None
        deals = read.get(DEALS)
        placed = Files(
            folder.label,
            _recognise_named(reading, read[HISTORY], HISTORY),
            _recognise_named(reading, deals, DEALS) if deals else further,
        )
        used |= set(further.files) if further else set()
    used |= joined | (passed_over if activities else set())
    ignored = tuple(one.name for one in folder.members if one.name not in {*used, CONFIG_FILE})
    inputs = tuple(one.stated() for one in files if one.name in used)
    label = folder.label
    return replace(placed, label=label, inputs=inputs, ignored=ignored, activities=activities)


def _beside_history(reading: Reading, rest: list[Member], folder: Folder) -> Table | None:
    """Return the list of deals beside a history that is called so; None where there is none."""
    found = [
        (table, part)
        for table in (_tables(reading, rest) if rest else [])
        if (part := _part(reading, table)).table == DEALS
        and _names(table, part) & {"outcome", "stage", "value", "closed_at"}
    ]
    deals = _prefer_makers(found)
    if len(deals) > 1:
        raise explain_several(folder, [table for table, _ in deals])
    return _with(reading, *deals[0]) if deals else None


def _whole(reading: Reading, wanted: str, one: Member, folder: Folder) -> Table:
    """Read a table that is named by its part, and what else its name says is of it."""
    others = [
        other
        for other in folder.asked_for(reading)
        if other is not one and other.data and alike(other.name) == alike(one.name)
    ]
    tables = one.read(reading, wanted)[:1]
    for number, other in enumerate(others):
        tables += other.read(reading, f"{wanted}_{number}")[:1]
    found = _join_parts(reading, tables)
    if len(found) > 1:
        raise explain_several(folder, found)
    return found[0]


def _activities(reading: Reading, file: Member) -> Table | None:
    """Read the activities; None of a file that cannot be read, or is of another kind."""
    try:
        return _fitting(reading, file.read(reading, ACTIVITIES)[0])
    except LeakkitError as error:
        if file.needed:
            raise
        reading.say(file.name, "unreadable", error.code, str(error).partition("\n")[0])
        return None


def _fitting(reading: Reading, table: Table | None) -> Table | None:
    """Return activities that name a deal and a moment; others are said, and left out."""
    missing = [name for name in ("opportunity_id", "at") if table and not table.heading(name)]
    if table and missing:
        reading.say(table.file, "unfit", f"it has no column {' and no column '.join(missing)}.")
        return None
    return table


def _is_of(table: Table, one: Member) -> bool:
    """Say whether a table stands in this file, alone or as one of its sheets."""
    return one.name in table.files or table.file.startswith(f"{one.name}, ")


def _is_history(reading: Reading, table: Table) -> bool:
    """Say whether a table has what a history needs."""
    return _part(reading, table).table in {HISTORY, VERSIONS}


def _all(files: Files) -> list[Table]:
    """Return every table that is used."""
    days = [table for _, table in files.snapshots]
    used = (
        *(files.history, files.opportunities, files.stages, files.lookup, files.merged),
        *(files.standing, *days),
    )
    return [table for table in used if table]


def _tables(reading: Reading, files: list[Member]) -> list[Table]:
    """Read every file that may hold a table; raise where none of them can be read.

    One that cannot be read beside others that can is named, and ignored.
    """
    tables: list[Table] = []
    errors = []
    for number, file in enumerate(files):
        try:
            tables += file.read(reading, f"{number}_{file.stem}")
        except LeakkitError as error:
            if file.needed:
                raise
            errors.append(error)
            reading.say(file.name, "unreadable", error.code, str(error).partition("\n")[0])
    if errors and not tables:
        raise errors[0]
    return _join_parts(reading, tables)


def _join_parts(reading: Reading, tables: list[Table]) -> list[Table]:
    """Put parts of a table together, and leave out its copies."""

    def key_of(table: Table) -> list[str]:
        part = _part(reading, table)
        known = replace(table, known=dict(part.known))
        further = part.table in {STAGES, MERGED, STANDING, ""} and _part_of(reading, table) != DEALS
        if further or (part.table == HISTORY and part.export and part.export.changes):
            # every row of a log, and of a list beside the deals, is one of its own
            return [known.text_under(heading) for heading in sorted(known.types)]
        needed = KEYS.get(part.table, ())
        if not needed or any(known.heading(name) is None for name in needed):
            return []
        more = ("stage",) if part.table != DEALS and known.heading("stage") else ()
        return [known.text(name) for name in (*needed, *more)]

    return join_parts(reading, tables, key_of)


def _place_files(reading: Reading, tables: list[Table], folder: Folder) -> Files:
    """Say which part each file of a folder plays, by its headings."""
    parts: dict[str, list[Placed]] = {}
    for table in tables:
        part = _part(reading, table)
        parts.setdefault(part.table, []).append((table, part))
    history, deals, snapshots = _choose_files(reading, parts)
    for found in ([] if snapshots else deals, history):
        if len(found) > 1:
            raise explain_several(folder, [table for table, _ in found])
    if not history and not deals:
        if parts.get(REFUSED):
            raise _explain_refusal(parts[REFUSED][0][0])
        raise nothing_to_read(reading.store, tables, folder)
    for table, _ in parts.get(REFUSED, []):
        reading.say(table.file, "refused", "synchronisation_history", "_fivetran_start")
    gone = [_with(reading, *found) for found in parts.get(MERGED, [])[:1]]
    merged = gone[0] if gone else None
    if snapshots:
        return Files(folder.label, None, snapshots[-1][1], snapshots, merged=merged)
    one = [_with(reading, *found[0]) if found else None for found in (history, deals)]
    lists = [_with(reading, *found) for found in parts.get(STAGES, [])[:1]]
    stages = lists[0] if lists else None
    lookup = _lookup(tables, one[0])
    further = [_with(reading, *found) for found in parts.get(STANDING, [])[:1]]
    placed = Files(
        folder.label,
        one[0],
        one[1],
        stages=stages,
        lookup=lookup,
        merged=merged,
        standing=further[0] if further and not one[0] else None,
    )
    return replace(placed, versions=bool(history) and HISTORY not in parts)


def _choose_files(
    reading: Reading, parts: Mapping[str, list[Placed]]
) -> tuple[list[Placed], list[Placed], tuple[tuple[str, Table], ...]]:
    """Return the files that may be the history, those that may list deals, and the snapshots."""
    deals = [
        (table, part)
        for table, part in parts.get(DEALS, [])
        if (known := replace(table, known=dict(part.known))).heading("stage")
        or has_stage_dates(reading, known)
    ]
    history = parts.get(HISTORY) or parts.get(VERSIONS, [])
    if not history and not deals:
        deals = [(t, part) for t, part in parts.get("", []) if _part_of(reading, t) == DEALS]
    if history and not deals:
        deals = [
            (t, part)
            for t, part in parts.get(DEALS, [])
            if "outcome" in _names(t, part) or ending_dates(reading, t)
        ]
    snapshots = _snapshots(reading, deals) if not history else ()
    history = _prefer_makers(history)
    return history, deals if snapshots else _prefer_makers(deals), snapshots


def _prefer_makers(found: list[tuple[Table, TablePart]]) -> list[tuple[Table, TablePart]]:
    """Return what a maker's headings name before what words do, and entries before changes."""
    sure = [one for one in found if not one[1].plain_id] or found
    by_maker = [one for one in sure if one[1].export] or sure
    plain = [one for one in by_maker if not (one[1].export and one[1].export.changes)]
    return plain or by_maker


def _lookup(tables: Sequence[Table], history: Table | None) -> Table | None:
    """Return the table that says whose rows of a history are, where its export needs one."""
    wanted = history.export.lookup if history and history.export else None
    if wanted is None:
        return None
    signs = {loose(sign) for sign in wanted.signs}
    return next((t for t in tables if signs <= {loose(h) for h in t.types}), None)


def _names(table: Table, part: TablePart) -> set[str]:
    """Return the names of ours that a table has a column for."""
    known = replace(table, known=dict(part.known))
    return {name for name in COLUMNS if known.heading(name)}


def _snapshots(
    reading: Reading, deals: list[tuple[Table, TablePart]]
) -> tuple[tuple[str, Table], ...]:
    """Return the files of deals that name different days, in order; () where they do not."""
    if len(deals) < 2:  # noqa: PLR2004 - one is no sequence
        return ()
    if len({tuple(sorted(table.types)) for table, _ in deals}) > 1:
        return ()
    days = read_days([table.file for table, _ in deals])
    if len(set(days)) < len(deals):
        return ()
    found = sorted(zip(days, deals, strict=True), key=lambda one: one[0])
    return tuple((day, _with(reading, *one)) for day, one in found)
