"""Errors of the engine in leakkit's own words: a damaged file, or no room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leakkit.errors import LeakkitError
from leakkit.sources.formats.files import form_of_content, form_of_name
from leakkit.sources.formats.unpacking import lack_of_room
from leakkit.store.troubles import DAMAGED


def explain_error(error: BaseException, source: Any) -> LeakkitError | None:  # noqa: ANN401 - a path, or frames
    """Return what an error means to whoever gave the source; None where it says so itself."""
    if type(error) in DAMAGED and (files := _parquet_files(source)):
        message = f"{', '.join(files)} cannot be read as a Parquet file: it is damaged."
        return LeakkitError("unreadable_file", message)
    return lack_of_room(error)


def _parquet_files(source: Any) -> list[str]:  # noqa: ANN401 - as above
    """Return the names of the Parquet files of a source, which are read when asked only."""
    if not isinstance(source, str | Path):
        return []
    path = Path(source)
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return [file.name for file in files if file.is_file() and _is_parquet(file)]


def _is_parquet(file: Path) -> bool:
    """Say whether a file is one by its name, or by its content under another name."""
    return "parquet" in {form_of_name(file), form_of_content(file)}
