"""Stores on disk: opened, made, and put in the place of an earlier one.

Errors of the engine are said in leakkit's own words: a damaged file, or no room.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from leakkit.errors import LeakkitError
from leakkit.scratch import hold_lock
from leakkit.sources.formats.files import form_of_content, form_of_name
from leakkit.sources.formats.unpacking import lack_of_room
from leakkit.store.database import MEMORY, SPILL, Store
from leakkit.store.engines import DAMAGED, ENGINE
from leakkit.store.moments import parse_as_of

if TYPE_CHECKING:
    from collections.abc import Iterator

STORE_SUFFIX = ".duckdb"
PARTIAL = ".partial"
SMALL, PACKED = 8_000_000, 8
"""So many bytes of text are small; packed ones are so many times as long."""
PACKED_SUFFIXES = (".parquet", ".zip", ".gz", ".xlsx")


def make_store(store: str, source: object) -> Store:
    """Make an empty store; where there is no room for it, say that.

    A small source is worked on by one thread: to hand such small work over takes longer.
    """
    alone = not os.environ.get("LEAKKIT_THREADS") and _is_small(source)
    try:
        return Store.new(store, 1 if alone else None)
    except ENGINE as error:
        if store != MEMORY:
            Path(store).unlink(missing_ok=True)
        raise lack_of_room(error) or error from None


def _is_small(source: object) -> bool:
    """Say whether the files of a source are small in all."""
    if not isinstance(source, str | Path):
        return False
    try:
        files = list(Path(source).iterdir()) if Path(source).is_dir() else [Path(source)]
        sizes = [_size_as_text(file) for file in files]
    except OSError:
        # reading says better what is wrong
        return False
    return sum(sizes) <= SMALL


def _size_as_text(file: Path) -> int:
    """Return about how many bytes of text a file holds."""
    packed = file.suffix.lower() in PACKED_SUFFIXES
    return file.stat().st_size * (PACKED if packed else 1)


def is_store(source: object) -> bool:
    """Say whether a source is a store that was kept."""
    return isinstance(source, str | Path) and (
        Path(source).suffix == STORE_SUFFIX and Path(source).is_file()
    )


def open_store(file: Path, as_of: str) -> Store:
    """Open a store that is a source; it was settled on one day, and cannot be on another."""
    store = Store.open(file)
    last_day = int(store.meta("last_day"))
    if as_of and parse_as_of(as_of, store.config.timezone)[1] != last_day:
        store.close()
        day = dt.date(1970, 1, 1) + dt.timedelta(days=last_day)
        message = (
            f"{file.name} was loaded as of {day}, and a store keeps that. For another day load "
            "its source again."
        )
        raise LeakkitError("store_is_settled", message)
    return store


@contextmanager
def replace_store(file: Path) -> Iterator[tuple[Path, Path]]:
    """Hold the place of a store, and put what was written beside it in its place at the end.

    Yields the store's own path, which is where a link leads to, and that to write to.
    """
    if file.suffix != STORE_SUFFIX:
        message = f"{file} is no name for a store: it needs the ending {STORE_SUFFIX}."
        raise LeakkitError("store_name", message)
    file = file.resolve()
    said = f"Another run is writing {file}. Wait for it, or keep another store."
    with ExitStack() as stack:
        try:
            stack.enter_context(hold_lock(Path(f"{file}.lock"), LeakkitError("store_in_use", said)))
        except OSError as error:
            message = f"Cannot write the store {file}: {error.strerror or error}."
            raise LeakkitError("store_not_writable", message) from None
        partial = Path(f"{file}{PARTIAL}")
        for left in (partial, Path(f"{partial}.wal")):
            left.unlink(missing_ok=True)
        shutil.rmtree(f"{partial}{SPILL}", ignore_errors=True)
        yield file, partial
        partial.replace(file)


def find_earlier(file: Path) -> Path | None:
    """Return the store that is there; None for one of another version, which is made anew."""
    try:
        Store.open(file).close()
    except LeakkitError as error:
        if error.code != "store_version":
            raise
        return None
    return file


# ---------------- errors of the engine


def explain_error(error: BaseException, source: object) -> LeakkitError | None:
    """Return what an error means to whoever gave the source; None where it says so itself."""
    if type(error) in DAMAGED and (files := _parquet_files(source)):
        message = f"{', '.join(files)} cannot be read as a Parquet file: it is damaged."
        return LeakkitError("unreadable_file", message)
    return lack_of_room(error)


def _parquet_files(source: object) -> list[str]:
    """Return the names of the Parquet files of a source, which are read when asked only."""
    if not isinstance(source, str | Path):
        return []
    path = Path(source)
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return [file.name for file in files if file.is_file() and _is_parquet(file)]


def _is_parquet(file: Path) -> bool:
    """Say whether a file is one by its name, or by its content under another name."""
    return "parquet" in {form_of_name(file), form_of_content(file)}
