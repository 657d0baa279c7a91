"""Files of rows: CSV and Parquet, one event file or a folder with two."""

from __future__ import annotations

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


def read_file(store: Store, path: Path, name: str, renamed: dict[str, str]) -> Table:
    """Read one CSV or Parquet file as a table whose columns still have the file's names."""
    read = _read_csv if path.suffix.lower() == ".csv" else _read_parquet
    relation, line = read(store, path, name)
    types = {row[0]: row[1] for row in store.rows(f"DESCRIBE SELECT * FROM {relation}")}  # noqa: S608 - quoted
    types.pop("file_row_number", None)
    return Table(path.name, relation, line, types, renamed)


def _text(path: Path) -> str:
    """Return a path as SQL text."""
    return "'" + str(path).replace("'", "''") + "'"


def _read_parquet(store: Store, path: Path, name: str) -> tuple[str, str]:
    """Give a Parquet file a name; nothing is copied."""
    view = quoted(f"file_{name}")
    try:
        store.run(
            f"CREATE TEMP VIEW {view} AS "
            f"SELECT * FROM read_parquet({_text(path)}, file_row_number = TRUE)",  # noqa: S608 - quoted
        )
        store.rows(f"SELECT * FROM {view} LIMIT 1")  # noqa: S608 - quoted
    except duckdb.Error:
        message = f"{path.name} cannot be read as a Parquet file."
        raise LeakkitError("unreadable_file", message) from None
    return view, "file_row_number + 1"


def _read_csv(store: Store, path: Path, name: str) -> tuple[str, str]:
    """Copy a CSV file as texts; raise one error with every row that does not fit the heading."""
    table = quoted(f"file_{name}")
    try:
        store.run(
            f"CREATE TEMP TABLE {table} AS SELECT * FROM read_csv({_text(path)}, header = TRUE, "
            f"all_varchar = TRUE, delim = {_separator(path)!r}, quote = '\"', escape = '\"', "
            "nullstr = '', comment = '', store_rejects = TRUE, rejects_limit = 0)",  # noqa: S608 - quoted
        )
    except duckdb.Error as error:
        message = f"{path.name} cannot be read as CSV: {str(error).splitlines()[0]}"
        raise LeakkitError("unreadable_file", message) from None
    rejects = store.rows(
        "SELECT line, column_name, csv_line, error_type FROM reject_errors ORDER BY line, column_name"
    )
    if rejects:
        _refuse(path.name, rejects)
    return table, "rowid + 1"


def _separator(path: Path) -> str:
    """Return the separator that the heading uses most."""
    try:
        with path.open(encoding="utf-8-sig") as lines:
            heading = lines.readline()
    except UnicodeDecodeError:
        message = f"{path.name} is not UTF-8 text. Save it as 'CSV UTF-8'."
        raise LeakkitError("encoding", message) from None
    except OSError as error:
        message = f"Cannot read {path.name}: {error.strerror}."
        raise LeakkitError("unreadable_file", message) from None
    if not heading.strip():
        message = f"{path.name} is empty: it needs a heading and rows."
        raise LeakkitError("empty_file", message)
    return max(SEPARATORS, key=heading.count)


def _refuse(file: str, rejects: list[tuple[int, str | None, str, str]]) -> None:
    """Raise the error that lists the rows of a CSV file that cannot be read."""
    faults = tuple(
        Fault(file, int(line) - 1, column or "", text[:80], kind.lower(), "check quotes and separators in this row")
        for line, column, text, kind in rejects[:SHOWN_FAULTS]
    )
    message = f"{file} has {len(rejects)} row(s) that do not fit its heading:"
    raise LeakkitError("broken_rows", message, faults)
