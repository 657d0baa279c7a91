"""Event logs: files in XES (IEEE 1849), plain or gzipped, and logs that tell of a stage twice.

XES is read as a stream. Of a stage that was started and completed one event is kept.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO
from xml.parsers import expat

from leakkit import limits
from leakkit.errors import LeakkitError
from leakkit.sources.formats.rows import LINE, free_rowid
from leakkit.sources.formats.unpacking import Bound, refuse_full
from leakkit.sources.headings.heading_words import heading_of
from leakkit.sources.headings.reading import Table
from leakkit.store.database import quote

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from leakkit.sources.headings.reading import Reading
    from leakkit.store.database import Store

CHUNK = 50_000
NAMES = {"concept:name": "stage", "time:timestamp": "entered_at", "org:resource": "owner"}
"""Event attributes with a canonical name; all others keep their own."""
TRACE_ID = "concept:name"
ATTRIBUTE = 50
"""Letters that an attribute counts for beside those of its value."""


def read_xes(store: Store, path: Path, renamed: dict[str, str]) -> Table:
    """Read an event log as one table of events, with the attributes of the trace on each.

    The trace's concept:name is the opportunity_id, the event's concept:name the stage,
    time:timestamp entered_at, and the order in the file `seq`.
    """
    table = quote("file_events")
    known: dict[str, None] = {}
    log = _Log(path.name, lambda events: _append(store, table, events, known))
    try:
        with _open_log(path) as stream:
            log.read(stream, Bound(path))
    except (expat.ExpatError, EOFError, OSError, zlib.error) as error:
        refuse_full(error)
        message = f"{path.name} cannot be read as XES: {error}."
        raise LeakkitError("unreadable_file", message) from None
    log.flush()
    if not known:
        message = f"{path.name} holds no events."
        raise LeakkitError("empty_file", message)
    free_rowid(store, table, known)
    names = (f"{name} (given)" if name.casefold() == "rowid" else name for name in known)
    return Table(path.name, table, "rowid + 1", dict.fromkeys(names, "VARCHAR"), renamed)


def _open_log(path: Path) -> BinaryIO:
    """Open the log, unpacking it on the way where it is gzipped."""
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value] # GzipFile reads bytes as BinaryIO does


class _Log:
    """Collects the events of a log while the parser goes through it.

    Memory holds one trace and at most `CHUNK` events. An attribute is a direct child of
    a trace or an event; what is nested deeper belongs to that attribute and is left out.
    """

    def __init__(self, name: str, take: Callable[[list[dict[str, str]]], None]) -> None:
        """Make the parser; `take` is handed the events, chunk by chunk; `name` is the file's."""
        self.name, self.take = name, take
        self.events: list[dict[str, str]] = []
        self.keys: set[str] = set()
        self.trace: dict[str, str] = {}
        self.of_trace: list[dict[str, str]] = []
        self.current: dict[str, str] | None = None
        self.depth = self.seq = self.inside = self.letters = self.waiting = 0
        self.spelled = {name: name for name in (*NAMES.values(), "opportunity_id", "seq")}
        self.parser = expat.ParserCreate(namespace_separator="}")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.EntityDeclHandler = self._refuse

    def read(self, stream: BinaryIO | gzip.GzipFile, bound: Bound) -> None:
        """Parse a log chunk by chunk, unpacking no more than its bound allows."""
        fed = 0
        while chunk := bound.read(stream):
            self.parser.Parse(chunk)
            fed += len(chunk)
            if fed - self.parser.CurrentByteIndex > limits.LINE_BYTES:
                self._refuse_large(f"a tag of more than {limits.LINE_BYTES:,} bytes")
        self.parser.Parse(b"", True)  # noqa: FBT003 - expat's word for the end

    def _refuse_large(self, what: str) -> None:
        """Raise the error of a log that has more of something than it may."""
        message = f"{self.name} has {what}: it is no log of events that leakkit can read."
        raise LeakkitError("too_large", message)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        """Open a trace or an event, or take an attribute of the one that is open."""
        self.inside += 1
        if self.inside > limits.XES_DEPTH:
            self._refuse_large(f"more than {limits.XES_DEPTH} elements within each other")
        kind = tag.rpartition("}")[2]
        if kind == "trace":
            self.current, self.depth = self.trace, 0
        elif kind == "event":
            self.current, self.depth = {}, 0
            self.of_trace.append(self.current)
        elif self.current is not None:
            self.depth += 1
            if self.depth == 1 and "value" in attributes and "key" in attributes:
                self._take(attributes["key"], attributes["value"])

    def _take(self, key: str, value: str) -> None:
        """Take an attribute of the case or the event that is open."""
        self.current[key] = value  # type: ignore[index] # one is open
        self.letters += len(value) + ATTRIBUTE
        self.keys.add(key)
        if len(self.keys) > limits.XES_ATTRIBUTES:
            self._refuse_large(f"more than {limits.XES_ATTRIBUTES:,} different attributes")
        if self.letters > limits.XES_CASE:
            self._refuse_large(f"a case of more than {limits.XES_CASE:,} letters")

    def _end(self, tag: str) -> None:
        """Close what was opened; a closed trace hands its events over."""
        self.inside -= 1
        kind = tag.rpartition("}")[2]
        if kind == "event":
            self.current, self.depth = self.trace, 0
        elif kind == "trace":
            self._hand_over()
        elif self.current is not None:
            self.depth -= 1

    def _hand_over(self) -> None:
        """Put the attributes of the trace on each of its events."""
        shared = {self._name(key): value for key, value in self.trace.items() if key != TRACE_ID}
        identity = self.trace.get(TRACE_ID, "")
        for event in self.of_trace:
            self.seq += 1
            own = {self._name(key): value for key, value in event.items() if key not in NAMES}
            named = {NAMES[key]: value for key, value in event.items() if key in NAMES}
            row = {**shared, **own, **named, "opportunity_id": identity, "seq": str(self.seq)}
            self.events.append(row)
        self.trace, self.of_trace, self.current = {}, [], None
        self.waiting, self.letters = self.waiting + self.letters, 0
        if len(self.events) >= CHUNK or self.waiting > limits.XES_CASE:
            self.flush()

    def _name(self, key: str) -> str:
        """Return an attribute as it was spelled first: columns are the same in any case."""
        return self.spelled.setdefault(key.casefold(), key)

    def flush(self) -> None:
        """Hand over the events that were collected."""
        self.take(self.events)
        self.events, self.waiting = [], 0

    def _refuse(self, name: str, *_: object) -> None:
        """Refuse a log that defines entities: XES needs none, and some are bombs."""
        message = f"The log defines the entity {name!r}; XES files have none."
        raise LeakkitError("unreadable_file", message)


def _append(store: Store, table: str, chunk: list[dict[str, str]], known: dict[str, None]) -> None:
    """Add events to the table, with a column for every attribute that has occurred."""
    if not chunk:
        return
    import pandas as pd

    first = not known
    for event in chunk:
        known.update(dict.fromkeys(event))
    frame = pd.DataFrame(chunk, columns=list(known), dtype="str")
    if first:
        store.insert(f"CREATE TEMP TABLE {table} AS SELECT * FROM given_frame LIMIT 0", frame)  # noqa: S608 - quoted
    have = {row[0] for row in store.rows(f"DESCRIBE {table}")}
    for name in known:
        if name not in have:
            store.run(f"ALTER TABLE {table} ADD COLUMN {quote(name)} VARCHAR")
    store.insert(f"INSERT INTO {table} BY NAME SELECT * FROM given_frame", frame)  # noqa: S608 - quoted


# ---------------- stages that are started and completed

HEADINGS = ("lifecycle:transition", "lifecycle transition", "lifecycle")
OTHERS = "other_transitions"
"""The fact that counts the rows that are not read."""
ALWAYS = 0.9
"""Started by so large a share of the deals that it is told of at all, a stage is always started."""


def one_transition(reading: Reading, table: Table) -> Table:
    """Keep one row per visit of a stage: that of its start, where it is told.

    A deal enters a stage when it is started, and the next may start before the last is
    completed. A stage that is not always started is read by its completion, one without
    either by what most deals have. The other rows are counted, and not asked for.
    """
    said, stage = heading_of(table, HEADINGS), table.heading("stage")
    if not said or stage is None:
        return table
    which = f"lower({table.text_under(said)})"
    reading.store.run(
        f"""
        CREATE OR REPLACE TEMP TABLE transitions AS
        SELECT stage, COALESCE(
            min(way) FILTER (way = 'start' AND deals >= {ALWAYS} * most),
            min(way) FILTER (way = 'complete'), arg_max(way, (deals, way))) AS way,
            count(*) > 1 AS several
        FROM (SELECT *, max(deals) OVER (PARTITION BY stage) AS most
              FROM (SELECT {table.text("stage")} AS stage, {which} AS way,
                           count(DISTINCT {table.text("opportunity_id")}) AS deals
                    FROM {table.relation} WHERE {which} <> '' GROUP BY 1, 2))
        GROUP BY stage
        """  # noqa: S608 - quoted
    )
    if not reading.store.value("SELECT count(*) FROM transitions WHERE several"):
        return table
    ways = reading.store.rows(
        "SELECT way, string_agg(stage, ', ' ORDER BY stage) FROM transitions WHERE several "
        "GROUP BY way ORDER BY way"
    )
    for way, stages in ways:
        reading.say(table.file, "transition", str(way), str(stages))
    return _keep_transition(reading, table, which)


def _keep_transition(reading: Reading, table: Table, which: str) -> Table:
    """Keep the rows of the transition that is read of each stage."""
    name, columns = quote(f"transitions of {table.file}"), ", ".join(map(quote, table.types))
    reading.store.run(
        f"""
        CREATE TEMP TABLE {name} AS
        SELECT {table.line} AS {quote(LINE)}, {columns} FROM {table.relation}
        WHERE {which} = ''
           OR ({table.text("stage")}, {which}) IN (SELECT (stage, way) FROM transitions)
        """  # noqa: S608 - quoted
    )
    rows = f"SELECT (SELECT count(*) FROM {table.relation}) - (SELECT count(*) FROM {name})"  # noqa: S608 - quoted
    others = int(reading.store.value(rows))
    reading.count(OTHERS, others)
    reading.leave_out("history", table.file, others)
    return replace(table, relation=name, line=quote(LINE))
