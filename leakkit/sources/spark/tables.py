"""The tables of Spark as they are given: frames, or names and SELECTs of a catalogue."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from leakkit.config import COLUMNS
from leakkit.errors import LeakkitError, visible
from leakkit.sources.configuration import choose_configuration, read_rules
from leakkit.sources.databases.addresses import Address, address_of
from leakkit.sources.databases.connections import Column, Dialect, spark_cell
from leakkit.sources.databases.database_tables import Relation, fetch, read_select
from leakkit.sources.headings.folders import Folder, Member
from leakkit.sources.headings.heading_words import exports_of, nearest
from leakkit.sources.headings.reading import Table
from leakkit.sources.headings.table_parts import part_of
from leakkit.sources.spark.spark_columns import SparkColumns, tick
from leakkit.sources.stores import is_store
from leakkit.store.spark_sessions import SparkConnection, is_spark_frame

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from leakkit.config import Config
    from leakkit.sources.configuration import Given
    from leakkit.sources.headings.reading import Reading

DEALS, MOVES = "opportunities", "stage_history"
PARTS = (DEALS, MOVES)
RAW = {DEALS: "raw_deals", MOVES: "raw_moves"}
FRAMES = Address("spark", "frames of Spark", "frames", "")


@dataclass(frozen=True)
class Tables:
    """The two tables of a source in a session of Spark, each under a name of ours."""

    session: SparkConnection
    address: Address
    views: Mapping[str, str]

    @property
    def label(self) -> str:
        """What the source is called."""
        return self.address.label

    def named_in(self, config: Config) -> Config:
        """Return the configuration without a secret in what it says of the server."""
        if not config.source.spark:
            return config
        source = config.source.model_copy(update={"spark": str(self.address)})
        return config.model_copy(update={"source": source})

    def cells(self, part: str, config: Config) -> SparkColumns:
        """Return the columns of a table, and which heading each of our names has."""
        view = self.views[part]
        types = self.session.types(f"SELECT * FROM {view}")  # noqa: S608 - a name of ours
        renamed = config.source.columns
        known = part_of(list(types), renamed, exports_of(config)).known
        table = Table(part, "", "", dict.fromkeys(types, ""), renamed, known=dict(known))
        headings = {name: heading for name in COLUMNS if (heading := table.heading(name))}
        return SparkColumns(view, types, headings, part)


def tables_of(source: object, config: Config) -> Tables | None:
    """Return the tables of a source that is Spark; None of any other."""
    if isinstance(source, dict) and any(map(is_spark_frame, source.values())):
        return _of_frames(source)
    if is_spark_frame(source):
        message = (
            "A frame of Spark alone is no source: leakkit needs the deals and their history. "
            'Write: leakkit.load({"opportunities": deals, "stage_history": moves})'
        )
        raise LeakkitError("no_history", message)
    address = _server_of(source, config)
    return _of_catalogue(address, config) if address else None


def is_server(source: object, config: Given) -> bool:
    """Say whether a source is a server of Spark Connect, by its address or a configuration."""
    source = address_of(source)
    if not isinstance(source, str | Path | Address) or is_store(source):
        return False
    return _server_of(source, read_rules(choose_configuration(source, config), "")) is not None


def list_columns(source: object, config: Config) -> list[str]:
    """Return a line for every column of the tables of a server, with its type there."""
    tables = tables_of(address_of(source), config)
    if tables is None:
        return []
    try:
        found = {
            part: tables.session.types(f"SELECT * FROM {view}")  # noqa: S608 - a name of ours
            for part, view in tables.views.items()
        }
    finally:
        tables.session.close()
    return [
        line
        for part, types in found.items()
        for line in (f"{part}:", *(f"  {visible(h)!r}: {kind}" for h, kind in types.items()), "")
    ]


def _server_of(source: object, config: Config) -> Address | None:
    """Return the server that a source is; None where it is another one."""
    address = _address_in(config) if isinstance(source, str | Path) else source
    return address if isinstance(address, Address) and address.kind == "spark" else None


def _address_in(config: Config) -> Address | None:
    """Return the server that a leakkit.toml names, in whose folder it stands as the source."""
    said = config.source.spark
    if not said:
        return None
    address = address_of(said) if said.startswith("sc://") else None
    if address is None:
        # what is said may hold a token
        message = (
            "[source] spark should be the address of a server of Spark Connect, such as "
            '"sc://host:15002".'
        )
        raise LeakkitError("database_address", message)
    return cast("Address", address)


def _of_frames(frames: Mapping[str, object]) -> Tables:
    """Take frames under names of ours."""
    others = sorted(set(frames) - set(PARTS))
    missing = [part for part in PARTS if part not in frames]
    if others or missing:
        message = (
            f"Frames of Spark need the names {DEALS!r} and {MOVES!r}; got {sorted(frames)}. "
            "Activities are read from files and databases only."
        )
        raise LeakkitError("no_history", message)
    mixed = [name for name, frame in frames.items() if not is_spark_frame(frame)]
    if mixed:
        message = f"{mixed[0]} is no frame of Spark, and the other one is. Give two of one kind."
        raise LeakkitError("unknown_frame", message)
    session = SparkConnection.of_frames(frames)
    return Tables(session, FRAMES, {part: session.give(RAW[part], frames[part]) for part in PARTS})


def _of_catalogue(address: Address, config: Config) -> Tables:
    """Take the tables of a catalogue that the configuration names, or that are called as ours."""
    if "activities" in config.source.tables:
        message = "[source.tables] activities: on Spark these are not read. Take the line out."
        raise LeakkitError("no_activities", message)
    session = SparkConnection.connect(address.uri, str(address), address.secrets)
    try:
        return Tables(session, address, _views(session, config.source.tables))
    except BaseException:
        session.close()
        raise


def _views(session: SparkConnection, tables: Mapping[Any, str]) -> dict[str, str]:
    """Let the tables that a configuration names stand under names of ours."""
    said = {str(part): text for part, text in tables.items()}
    views = {}
    for part in PARTS:
        text = said.get(part, "").strip() or part
        select = read_select(part, text)
        relation = f"({select}\n) AS t" if select else _named(session, part, text)
        views[part] = session.view(RAW[part], f"SELECT * FROM {relation}")  # noqa: S608 - as the user says
    return views


def _named(session: SparkConnection, part: str, text: str) -> str:
    """Return a table of the catalogue as SQL; raise with the nearest where it is not there."""
    place = ".".join(map(tick, text.split(".")))
    try:
        session.types(f"SELECT * FROM {place}")  # noqa: S608 - quoted
    except LeakkitError:
        names = session.tables()
        near = nearest(text, names)
        guess = f"Did you mean {near!r}? " if near else ""
        message = (
            f"{session.shown} has no table {text!r} for {part}. {guess}Say in [source.tables] "
            f"which it is, or write a SELECT. It has: {', '.join(names[:20]) or 'none'}."
        )
        raise LeakkitError("no_table", message) from None
    return place


@dataclass(frozen=True)
class Travelling:
    """The rows that are read on this machine, as a source: each table as a query of Spark."""

    tables: Tables
    queries: Mapping[str, str]

    dialect = Dialect("Spark", "", (), "", spark_cell, tick)

    @property
    def address(self) -> Address:
        """Where the rows are from."""
        return self.tables.address

    def folder(self) -> Folder:
        """Return the tables as those of a database are."""
        return Folder(self.tables.label, tuple(map(self._member, PARTS)), "source", "table")

    def _member(self, part: str) -> Member:
        """Return a table as a member of a folder."""
        kept: dict[str, str] = {}

        def read(reading: Reading, name: str) -> list[Table]:
            relation = Relation(part, part, f"({self.queries[part]}) AS t")
            table, stated = fetch(reading, self, relation, name)
            kept.update(stated)
            return [table]

        return Member(
            part, part, named=True, data=True, read=read, stated=lambda: kept, needed=True
        )

    def columns(self, relation: str) -> list[Column]:
        """Return the columns of what stands after FROM."""
        found = self.tables.session.schema(f"SELECT * FROM {relation}")  # noqa: S608 - ours
        return [Column(name, kind) for name, kind in found]

    @contextmanager
    def reader(self, sql: str) -> Iterator[Any]:
        """Yield a reader of the batches of an answer."""
        yield self.tables.session.answer(sql).to_reader()


__all__ = [
    "DEALS",
    "MOVES",
    "PARTS",
    "Tables",
    "Travelling",
    "is_server",
    "list_columns",
    "tables_of",
]
