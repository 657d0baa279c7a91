"""Files of rows: CSV and Parquet, one event file or a folder with two."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

import duckdb

from leakkit.errors import Fault, LeakkitError
from leakkit.sources.columns import Table
from leakkit.store.database import quoted

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.store.database import Store

ROW_FORMATS = {".csv": "csv", ".parquet": "parquet"}
SEPARATORS = ",;\t|"
SHOWN_FAULTS = 100
BROKEN = {
    "MISSING COLUMNS": "the row has fewer columns than the heading",
    "TOO MANY COLUMNS": "the row has more columns than the heading",
    "UNQUOTED VALUE": "a quote opens or closes in the middle of a value",
    "INVALID ENCODING": "the text is not UTF-8",
}
"""What can be wrong with a row, by the engine's name for it."""


def read_file(store: Store, path: Path, name: str, renamed: dict[str, str], form: str) -> Table:
    """Read one CSV or Parquet file as a table whose columns still have the file's names."""
    read = _read_csv if form == "csv" else _read_parquet
    relation, line = read(store, path, name)
    types = {row[0]: row[1] for row in store.rows(f"DESCRIBE SELECT * FROM {relation}")}  # noqa: S608 - quoted
    types.pop("file_row_number", None)
    return Table(path.name, relation, line, types, renamed)


def _text(text: str) -> str:
    """Return a text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def _place(path: Path) -> str:
    """Return a path as SQL; signs that would stand for other files are taken as they are."""
    return _text(re.sub(r"([*?\[])", r"[\1]", str(path.absolute())))


def _read_parquet(store: Store, path: Path, name: str) -> tuple[str, str]:
    """Give a Parquet file a name; nothing is copied. Making the view reads what is in it."""
    view = quoted(f"file_{name}")
    try:
        store.run(
            f"CREATE TEMP VIEW {view} AS SELECT * FROM read_parquet({_place(path)}, "  # noqa: S608 - quoted
            "file_row_number = TRUE, hive_partitioning = FALSE)",
        )
    except duckdb.Error:
        message = f"{path.name} cannot be read as a Parquet file."
        raise LeakkitError("unreadable_file", message) from None
    return view, "file_row_number + 1"


def _read_csv(store: Store, path: Path, name: str) -> tuple[str, str]:
    """Copy a CSV file as texts; raise one error with every row that does not fit the heading.

    The heading is read here and nothing is guessed: a first row that is broken would
    else change what the engine takes for the heading.
    """
    table = quoted(f"file_{name}")
    separator, headings = _heading(path)
    columns = ", ".join(f"{_text(heading)}: 'VARCHAR'" for heading in headings)
    try:
        store.run(
            f"CREATE TEMP TABLE {table} AS SELECT * FROM read_csv({_place(path)}, "  # noqa: S608 - quoted
            f"auto_detect = FALSE, header = TRUE, columns = {{{columns}}}, "
            f"delim = {_text(separator)}, quote = '\"', "
            "escape = '\"', nullstr = '', comment = '', hive_partitioning = FALSE, "
            "store_rejects = TRUE, rejects_limit = 0)",
        )
    except duckdb.Error:
        message = (
            f"{path.name} cannot be read as CSV: its quotes do not match, "
            "or it mixes two kinds of line ends."
        )
        raise LeakkitError("unreadable_file", message) from None
    rejects = store.rows(
        "SELECT line, min(error_type), min(csv_line) FROM reject_errors GROUP BY line ORDER BY line"
    )
    if rejects:
        _refuse(path.name, rejects)
    return table, "rowid + 1"


def _heading(path: Path) -> tuple[str, list[str]]:
    """Return the separator that the heading uses most, and the headings, each once."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            first = lines.readline()
            separator = max(SEPARATORS, key=first.count)
            lines.seek(0)
            headings = next(csv.reader(lines, delimiter=separator), [])
    except UnicodeDecodeError:
        message = f"{path.name} is not UTF-8 text. Save it as 'CSV UTF-8'."
        raise LeakkitError("encoding", message) from None
    except OSError as error:
        message = f"Cannot read {path.name}: {error.strerror}."
        raise LeakkitError("unreadable_file", message) from None
    except csv.Error:
        message = f"The heading of {path.name} cannot be read as CSV."
        raise LeakkitError("unreadable_file", message) from None
    if not any(heading.strip() for heading in headings):
        message = f"{path.name} is empty: it needs a heading and rows."
        raise LeakkitError("empty_file", message)
    return separator, _distinct(headings)


def _distinct(headings: list[str]) -> list[str]:
    """Return the headings with numbers where one is empty or stands twice (without case).

    >>> _distinct(["stage", "", "Stage"])
    ['stage', 'column 2', 'Stage 2']
    """
    seen: dict[str, str] = {}
    for position, given in enumerate(headings, start=1):
        heading = name = given.strip() or f"column {position}"
        number = 1
        while name.casefold() in seen:
            number += 1
            name = f"{heading} {number}"
        seen[name.casefold()] = name
    return list(seen.values())


def _refuse(file: str, rejects: list[tuple[int, str, str]]) -> None:
    """Raise the error that lists the rows of a CSV file that cannot be read."""
    faults = tuple(
        Fault(
            file,
            int(line) - 1,
            "",
            text.strip()[:80],
            BROKEN.get(kind, kind.lower()),
            "check quotes and separators in this row",
        )
        for line, kind, text in rejects[:SHOWN_FAULTS]
    )
    if all(kind == "INVALID ENCODING" for _, kind, _ in rejects):
        message = f"{file} is not UTF-8 text. Save it as 'CSV UTF-8'."
        raise LeakkitError(
            "encoding", message, tuple(Fault(f.where, f.row, "", "", f.rule) for f in faults)
        )
    message = f"{file} has {len(rejects)} row(s) that do not fit its heading:"
    raise LeakkitError("broken_rows", message, faults)
