"""A leakkit.toml is proposed for any source, also for one that cannot be read yet.

A source is read with the likeliest answers, to learn of all that it asks at once.
"""

from __future__ import annotations

import datetime as dt
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from leakkit import limits
from leakkit.config import COLUMNS, FILL_IN, Config, Join, find_unfilled, parse_toml, text_of
from leakkit.errors import Ask, Fault, LeakkitError, visible
from leakkit.scratch import scratch
from leakkit.sources.databases.addresses import Address
from leakkit.sources.databases.connections import open_session
from leakkit.sources.databases.database_tables import LOOKED_AT, folder_in
from leakkit.sources.formats.files import form_of_content, form_of_name, read_file
from leakkit.sources.formats.unpacking import unpack_zip
from leakkit.sources.headings.column_guesses import columns_of
from leakkit.sources.headings.folders import Member, folder_of, may_be_data, member_of
from leakkit.sources.headings.heading_words import near_pairs
from leakkit.sources.headings.reading import Reading, simplify_heading
from leakkit.sources.load import load
from leakkit.sources.propose.proposed_text import configuration_text, unread_text
from leakkit.sources.spark.tables import is_server, list_columns
from leakkit.store.database import Store, quote
from leakkit.store.settled_deals import LoadOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leakkit.sources.headings.column_guesses import ColumnGuess
    from leakkit.sources.headings.reading import Table

MOST_TRIES = 12


@dataclass(frozen=True)
class Trial:
    """What a source asks before it can be read, and what it is with the likeliest answers.

    `store` is None where reading stops all the same, and `stopped` says why.
    """

    asks: tuple[Ask, ...]
    store: Store | None
    stopped: LeakkitError | None

    @property
    def guessed(self) -> bool:
        """Say whether the store rests on an answer that nobody has given.

        A doubt that is accepted changes nothing; the words and columns that a doubt asks for
        may change all.
        """
        accepted = any(ask.key == "accept" for ask in self.asks)
        return any(ask.key != "accept" and (ask.needed or not accepted) for ask in self.asks)


def try_source(source: Path | Address, config: Config, allow: Sequence[str | Path] = ()) -> Trial:
    """Read a source; where it asks, give the likeliest answer and read on.

    So one pass over it says all that is missing, and not one thing per try. The caller
    closes the store. The dictionary of reasons is left out: it changes no deal.
    """
    asks: dict[tuple[str, ...], Ask] = {}
    trial = config.model_copy(update={"reasons": Config().reasons})
    for _ in range(MOST_TRIES):
        try:
            found = load(source, trial, allow=allow, options=LoadOptions(some=True))
            return Trial(tuple(asks.values()), found, None)
        except LeakkitError as error:
            stopped = error
        sure = not any(ask.key in (*COLUMNS, "read") for ask in asks.values())
        new: dict[tuple[str, ...], Ask] = {}
        for ask in stopped.asks:
            if _name(ask) not in asks:
                new.setdefault(_name(ask), ask if sure else _by_the_way(ask))
        answered = _answer_likeliest(trial, list(new.values()))
        asks |= new
        if answered is None or answered == trial:
            break
        trial = answered
    return Trial(tuple(asks.values()), None, stopped)


def all_at_once(
    error: LeakkitError, source: Path, config: Config, allow: Sequence[str | Path] = ()
) -> LeakkitError:
    """Return an error that also names the lines that would be asked for next, each once.

    A stop names what is missing of one kind. What follows it is learnt by reading on with
    the likeliest answers; a large source is not read again for that.
    """
    if not error.asks or _size(source) > limits.READ_AGAIN:
        return error
    trial = try_source(source, config, allow)
    if trial.store is not None:
        trial.store.close()
    known = {_name(ask) for ask in error.asks}
    further = tuple(ask for ask in trial.asks if ask.needed and _name(ask) not in known)
    faults = tuple(
        Fault(source.name, None, "", "", "it is asked next", f"{ask}{_why(ask)}") for ask in further
    )
    return LeakkitError(
        error.code, error.message, (*error.faults, *faults), (*error.asks, *further)
    )


def _why(ask: Ask) -> str:
    """Return why a line is asked for, as the comment behind it."""
    return f"   # {ask.why}" if ask.why else ""


def _size(source: Path) -> int:
    """Return how many bytes a source has."""
    files = [source] if source.is_file() else [one for one in source.iterdir() if one.is_file()]
    return sum(file.stat().st_size for file in files)


def _by_the_way(ask: Ask) -> Ask:
    """Return a line as one that nothing waits for, where it may be no question at all.

    Words and doubts of a source whose columns are guessed are those of the guess.
    """
    of_the_guess = ask.table == "source.outcomes" or ask.key == "accept"
    return replace(ask, needed=False) if of_the_guess else ask


def _name(ask: Ask) -> tuple[str, ...]:
    """Return what tells one line from others; what is accepted has a line for each."""
    return (ask.table, ask.key, *(ask.options if ask.key == "accept" else ()))


def _answer_likeliest(config: Config, asks: Sequence[Ask]) -> Config | None:
    """Return the configuration with the likeliest answers; None where they cannot be given.

    Where a doubt can be accepted, that changes nothing else, and goes before all others.
    """
    accepting = [ask for ask in asks if ask.key == "accept"]
    given: dict[str, Any] = config.model_dump(mode="json", exclude_defaults=True)
    for ask in accepting or asks:
        if ask.options:
            _set(given, ask)
    try:
        return Config.model_validate(given)
    except ValidationError:
        return None


def _set(given: dict[str, Any], ask: Ask) -> None:
    """Set one line of a configuration."""
    here = given
    for name in ask.table.split(".") if ask.table else ():
        here = here.setdefault(name, {})
    columns = here.get("columns", {}) if ask.table == "source" else {}
    if ask.key in {"accept", "read"}:
        here[ask.key] = [*here.get(ask.key, ()), ask.options[0], *ask.others]
    elif ask.key in columns:
        columns[ask.key] = ask.options[0]
    else:
        here[ask.key] = ask.options[0]


# ---------------- the proposal


@dataclass(frozen=True)
class Proposed:
    """The text of a leakkit.toml; `to_fill` are the lines that wait for a person.

    `stopped` says why the source cannot be read, where no line changes that.
    """

    text: str
    to_fill: tuple[int, ...]
    stopped: str = ""


def propose_config(
    source: Path | Address, declared: Mapping[str, object], allow: Sequence[str | Path] = ()
) -> Proposed:
    """Propose a leakkit.toml for a source, by what a file declares of it already.

    Where loading stops, the lines that decide are there to fill in, and below them stands
    every heading of every file with some of its cells.
    """
    config = Config.from_tables(dict(declared))
    trial = try_source(source, config, allow)
    text = _text(source, trial, declared, is_server(source, config))
    if trial.asks or trial.stopped:
        headings = "\n".join(f"# {line}".rstrip() for line in heading_lines(source, config))
        head = "# The columns of the source, some of their cells, and what they could be:"
        text += f"\n{head}\n#\n{headings.rstrip('# ' + chr(10))}\n"
    lines = tuple(number for number, _, _ in find_unfilled(text))
    final = str(trial.stopped) if trial.stopped and not trial.stopped.asks else ""
    return Proposed(text, lines, final)


def _text(
    source: Path | Address,
    trial: Trial,
    declared: Mapping[str, object],
    on_server: bool,  # noqa: FBT001 - of one call
) -> str:
    """Return the text of what was found by trying."""
    if trial.store is None:
        if trial.stopped is None:  # pragma: no cover - a trial ends with the one or the other
            raise AssertionError
        return unread_text(trial.stopped, declared, trial.asks)
    with trial.store as store:
        joins = find_joins(store, source) if isinstance(source, Path) else ()
        said = _and_as_read(declared, store)
        asks = (*trial.asks, *(_ask_last_day(store) if on_server and not said.get("as_of") else ()))
        return configuration_text(store, joins, said, asks, guessed=trial.guessed)


def _ask_last_day(store: Store) -> tuple[Ask, ...]:
    """Ask for the last day of tables of which some deals only were read."""
    last = dt.date(1970, 1, 1) + dt.timedelta(days=int(store.meta("last_day")))
    why = f"the last day of the tables; of the {len(store):,} deals that were looked at"
    return (Ask("", "as_of", (last.isoformat(),), why),)


def _and_as_read(declared: Mapping[str, object], store: Store) -> Mapping[str, Any]:
    """Return what was declared; of a store, which may be a source, what it was loaded with."""
    if declared or store.meta("provisional_order"):
        return declared
    return store.config.model_dump(mode="json", exclude_defaults=True)


# ---------------- what is declared already


def read_declared(file: Path) -> dict[str, Any]:
    """Return what a file says, without what it leaves to be filled in.

    Raises LeakkitError where it is no configuration: no other file is written over.
    """
    given = parse_toml(text_of(file), file.name)
    kept = _drop_unfilled(given)
    Config.from_tables(kept, file.name)
    return kept


def _drop_unfilled(given: dict[str, Any]) -> dict[str, Any]:
    """Return a table without the values that are to be filled in, and lists without them.

    Of the files that are read all are asked for again: the rest alone would leave some out.
    """
    kept = {
        key: _part(said)
        for key, said in given.items()
        if said != FILL_IN and not (key == "read" and FILL_IN in said)
    }
    return {key: said for key, said in kept.items() if said or not given[key]}


def _part(said: object) -> object:
    """Return one value without what is to be filled in."""
    if isinstance(said, dict):
        return _drop_unfilled(said)
    return [_part(one) for one in said if one != FILL_IN] if isinstance(said, list) else said


# ---------------------------------------------------------------- what was not read

SHOWN_COLUMNS, SHOWN_FILES = 200, 50


def heading_lines(source: Path | Address, config: Config) -> list[str]:
    """Return a line for every column of a source: its heading, three cells, what it could be.

    A file that cannot be read is named with the reason. Of tables in Spark no cell is read.
    """
    if is_server(source, config):
        return list_columns(source, config)
    with ExitStack() as stack:
        place, store = stack.enter_context(scratch()), stack.enter_context(Store.new())
        reading = Reading(store, config, place)
        if isinstance(source, Address):
            session = stack.enter_context(open_session(source))
            files = list(folder_in(reading, session, LOOKED_AT).members)
        else:
            files = _files(reading, source)
        lines = [
            line
            for number, file in enumerate(files[:SHOWN_FILES])
            for line in _of_file(reading, file, f"looked_at_{number}")
        ]
    more = len(files) - SHOWN_FILES
    return [*lines, *([f"and {more:,} more files"] if more > 0 else [])]


def _files(reading: Reading, source: Path) -> list[Member]:
    """Return the files that may hold tables."""
    if source.is_dir():
        return [one for one in folder_of(source).members if one.data]
    if form_of_content(source) == "zip" and form_of_name(source) != "parquet":
        try:
            return [member_of(file) for file in unpack_zip(reading, source) if may_be_data(file)]
        except LeakkitError:
            return []
    return [member_of(source)]


def _of_file(reading: Reading, file: Member, name: str) -> list[str]:
    """Return the lines of one file."""
    try:
        tables = file.read(reading, name)
    except LeakkitError as error:
        return [f"{visible(file.name)}: {visible(str(error)).splitlines()[0]}", ""]
    lines = []
    for table in tables:
        columns = columns_of(reading.store, table)
        lines += [f"{visible(table.file)}:", *map(_line, columns[:SHOWN_COLUMNS])]
        more = len(columns) - SHOWN_COLUMNS
        lines += [f"  and {more:,} more columns"] if more > 0 else []
        lines.append("")
    return lines


def _line(column: ColumnGuess) -> str:
    """Return the line of one column."""
    cells = "; ".join(column.cells) or "no cells"
    return f"  {visible(column.heading)!r}: {cells}   ({column.could_be})"


# ---------------- files that a key could join

ENOUGH = 0.5
"""At least this share of the values of the deals must be keys of the other file."""


def find_joins(store: Store, folder: Path) -> tuple[Join, ...]:
    """Which files of the folder have one row per value of a column of the deals?

    `store` is a source that was loaded; its files that were not read are looked at. A
    value that is nearly a key is proposed as `same`, never merged in silence.
    """
    if not folder.is_dir():
        return ()
    names = [name for name in store.meta("ignored_files") if may_be_data(Path(name))]
    with scratch() as place, Store.new() as unread:
        reading = Reading(unread, Config(), place)
        found = [_propose_join(store, reading, folder / name, i) for i, name in enumerate(names)]
    return tuple(join for join in found if join)


def _propose_join(store: Store, reading: Reading, file: Path, number: int) -> Join | None:
    """Return how one file could be joined; None where no column of it is a key of the deals."""
    try:
        table = read_file(reading, file, f"beside_{number}")[0]
    except LeakkitError:
        return None
    segments = store.meta("segments")
    here = {simplify_heading(heading): heading for heading in segments}
    for heading in table.types:
        mine = here.get(simplify_heading(heading))
        keys = _keys(reading.store, table, heading) if mine else set[str]()
        if mine and keys and (same := _spellings(store, mine, keys)) is not None:
            taken = {h: h for h in table.types if h != heading and simplify_heading(h) not in here}
            return Join(file=file.name, key=mine, take=taken, same=same) if taken else None
    return None


def _keys(store: Store, table: Table, heading: str) -> set[str]:
    """Return the values of a column that stands for its row; none where one stands twice."""
    said = table.text_under(heading)
    rows = store.rows(
        f"SELECT {said} AS k, count(*) FROM {table.relation} WHERE k <> '' GROUP BY k ORDER BY k"  # noqa: S608 - quoted
    )
    return {str(key) for key, n in rows} if all(n == 1 for _, n in rows) else set()


def _spellings(store: Store, column: str, keys: set[str]) -> dict[str, str] | None:
    """Return what may be other spellings of keys; None where few values of the deals are keys."""
    rows = store.rows(
        f"SELECT {quote(column)} AS said FROM opportunities WHERE said <> '' "  # noqa: S608 - quoted
        "GROUP BY said ORDER BY said"
    )
    said = [str(row[0]) for row in rows]
    unknown = [value for value in said if value not in keys]
    if len(unknown) > (1 - ENOUGH) * len(said):
        return None
    return near_pairs(unknown, sorted(keys))
