"""Files of rows, recognised by what they hold: CSV, Parquet, Excel, JSON lines, event logs."""

from __future__ import annotations

import re
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit.errors import LeakkitError
from leakkit.sources.formats.csv_files import read_csv
from leakkit.sources.formats.event_logs import read_xes
from leakkit.sources.formats.headers_and_footers import say_footer
from leakkit.sources.formats.json_files import read_json
from leakkit.sources.formats.rows import LINE, describe_table, path_sql
from leakkit.sources.formats.unpacking import open_zip, unpack_gzip
from leakkit.sources.formats.workbooks import read_workbook
from leakkit.store.database import quote
from leakkit.store.engines import ENGINE

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.sources.headings.reading import Reading, Table

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".xls": "xlsx",
    ".xlsb": "xlsx",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".xes": "xes",
}
"""The format that a file's ending names; what the file holds beats it."""


def form_of_name(path: Path) -> str:
    """Return the format that a file's name says; '' where none is known."""
    return FORMATS.get(_inner(path.name), "")


def _inner(name: str) -> str:
    """Return the ending of a name, in small letters, without .gz."""
    plain = name.lower().removesuffix(".gz")
    return plain[plain.rfind(".") :] if "." in plain else ""


def form_of_content(path: Path) -> str:
    """Return the format that the first bytes of a file show; '' where they show none."""
    with path.open("rb") as stream:
        start = stream.read(512)
    if start[:4] == b"PAR1":
        return "parquet"
    if start[:4] == b"PK\x03\x04":
        return "xlsx" if _is_workbook(path) else "zip"
    if start[:4] == b"\xd0\xcf\x11\xe0":
        return "xlsx"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] == b"<":
        return "html" if re.search(rb"<(!doctype html|html|table|head|meta)", text.lower()) else ""
    return "jsonl" if re.match(rb'(\[\s*)?\{\s*("|\})', text) else ""


def _is_workbook(path: Path) -> bool:
    """Say whether a zip file is a workbook of Excel."""
    try:
        with open_zip(path, path.name) as packed:
            return any(name.startswith("xl/workbook.") for name in packed.namelist())
    except zipfile.BadZipFile:
        return path.suffix.lower().startswith(".xls")


def read_file(reading: Reading, path: Path, name: str) -> list[Table]:
    """Read one file as tables whose columns still have the file's names.

    One table, but for workbooks with a sheet for the history and one for the opportunities.
    `name` keeps the tables of several files apart.
    """
    form = form_of_name(path)
    if form == "xes":
        return [read_xes(reading.store, path, reading.config.source.columns)]
    inside = unpack_gzip(reading, path)
    said, shown = reading.config.source.format, form_of_content(inside)
    if said != "auto":
        form = said
    elif shown and shown != form:
        reading.say(path.name, "format", shown, "content")
        form = shown
    elif not shown and form == "xlsx" and inside.stat().st_size:
        reading.say(path.name, "format", "csv", "content")
        form = "csv"
    if form == "html":
        message = (
            f"{path.name} is a web page, whatever its name says. "
            "Open it in a spreadsheet and save it as .xlsx or .csv."
        )
        raise LeakkitError("unreadable_file", message)
    if form == "zip":
        message = f"{path.name} holds a .zip in which there is no table."
        raise LeakkitError("unreadable_file", message)
    if form == "xlsx":
        return _sheets(reading, inside, path.name)
    if form == "jsonl":
        return read_json(reading, inside, path.name, name)
    readers = {"parquet": _read_parquet, "csv": read_csv}
    if form not in readers:
        raise unknown_format(path)
    return [describe_table(reading, path.name, *readers[form](reading, inside, path.name, name))]


def unknown_format(path: Path) -> LeakkitError:
    """Return the error of a file that no reader is for."""
    known = (
        "folders, .csv, .tsv, .txt, .parquet, .xlsx, .xls, .xlsb, .jsonl, .json, .xes, "
        ".gz and .zip of these, and .duckdb"
    )
    message = f"{path.name}: leakkit reads {known}."
    return LeakkitError("unknown_format", message)


def _sheets(reading: Reading, path: Path, name: str) -> list[Table]:
    """Read the chosen sheets of a workbook."""
    found = read_workbook(reading, path, name)
    several = len(found) > 1
    tables = []
    for sheet in found:
        file = f"{name}, {sheet.name}" if several else name
        table = describe_table(reading, file, sheet.relation, quote(LINE))
        if sheet.footer:
            say_footer(reading, file, sheet.footer)
        tables.append(replace(table, typed=sheet.typed))
    return tables


def _read_parquet(reading: Reading, path: Path, file: str, name: str) -> tuple[str, str]:
    """Give a Parquet file a name; nothing is copied. Making the view reads what is in it."""
    view = quote(f"file_{name}")
    try:
        reading.store.run(
            f"CREATE TEMP VIEW {view} AS SELECT * FROM read_parquet({path_sql(path)}, "  # noqa: S608 - quoted
            "file_row_number = TRUE, hive_partitioning = FALSE)",
        )
    except ENGINE:
        message = f"{file} cannot be read as a Parquet file."
        raise LeakkitError("unreadable_file", message) from None
    return view, "file_row_number + 1"
