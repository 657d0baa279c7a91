"""Event logs in XES (IEEE 1849), plain or gzipped, read as a stream."""

from __future__ import annotations

import gzip
import xml.etree.ElementTree as ET
import zlib
from typing import TYPE_CHECKING, BinaryIO

import pandas as pd

from leakkit.errors import LeakkitError
from leakkit.sources.columns import Table
from leakkit.store.database import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from leakkit.store.database import Store

CHUNK = 50_000
NAMES = {"concept:name": "stage", "time:timestamp": "entered_at", "org:resource": "owner"}
"""Event attributes with a canonical name; all others keep their own."""
TRACE_ID = "concept:name"


def read_xes(store: Store, path: Path, renamed: dict[str, str]) -> Table:
    """Read an event log as one table of events, with the attributes of the trace on each.

    The trace's concept:name is the opportunity_id, the event's concept:name the stage,
    time:timestamp entered_at, and the order in the file `seq`.
    """
    table = quoted("file_events")
    chunk: list[dict[str, str]] = []
    known: dict[str, None] = {}
    try:
        with _opened(path) as stream:
            for event in _events(stream):
                chunk.append(event)
                if len(chunk) == CHUNK:
                    _append(store, table, chunk, known)
                    chunk = []
    except (ET.ParseError, EOFError, OSError, zlib.error) as error:
        message = f"{path.name} cannot be read as XES: {error}."
        raise LeakkitError("unreadable_file", message) from None
    _append(store, table, chunk, known)
    if not known:
        message = f"{path.name} holds no events."
        raise LeakkitError("empty_file", message)
    types = dict.fromkeys(known, "VARCHAR")
    return Table(path.name, table, "rowid + 1", types, renamed)


def _opened(path: Path) -> BinaryIO:
    """Open the log, unpacking it on the way where it is gzipped."""
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value] # GzipFile reads bytes as BinaryIO does


def _events(stream: BinaryIO) -> Iterator[dict[str, str]]:
    """Yield every event with the attributes of its trace; memory holds one trace at a time."""
    parser = ET.iterparse(stream, events=("start", "end"))  # noqa: S314 - expat >= 2.4.1 refuses entity bombs, and XES needs no entities
    _, root = next(parser)
    events: list[dict[str, str]] = []
    seq = 0
    for moment, element in parser:
        tag = element.tag.rpartition("}")[2]
        if moment == "end" and tag == "event":
            events.append(_attributes(element))
        elif moment == "end" and tag == "trace":
            trace = _attributes(element)
            identity = trace.pop(TRACE_ID, "")
            for event in events:
                seq += 1
                yield {**trace, **event, "opportunity_id": identity, "seq": str(seq)}
            events = []
            root.clear()


def _attributes(element: ET.Element) -> dict[str, str]:
    """Return the attributes of an event or a trace as texts, by their canonical names."""
    events = element.tag.rpartition("}")[2] == "event"
    return {
        NAMES.get(key, key) if events else key: child.attrib["value"]
        for child in element
        if (key := child.attrib.get("key")) and "value" in child.attrib
    }


def _append(store: Store, table: str, chunk: list[dict[str, str]], known: dict[str, None]) -> None:
    """Add events to the table, with a column for every attribute that has occurred."""
    if not chunk:
        return
    first = not known
    for event in chunk:
        known.update(dict.fromkeys(event))
    frame = pd.DataFrame(chunk, columns=list(known), dtype="str")
    store.connection.register("given_frame", frame)
    if first:
        store.run(f"CREATE TEMP TABLE {table} AS SELECT * FROM given_frame LIMIT 0")  # noqa: S608 - quoted
    have = {row[0] for row in store.rows(f"DESCRIBE {table}")}
    for name in known:
        if name not in have:
            store.run(f"ALTER TABLE {table} ADD COLUMN {quoted(name)} VARCHAR")
    store.run(f"INSERT INTO {table} BY NAME SELECT * FROM given_frame")  # noqa: S608 - quoted
    store.connection.unregister("given_frame")
