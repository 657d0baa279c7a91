"""What a run needs for itself while it lasts: folders, and locks on what only one may write.

The system lets go of both: the folders of killed processes are removed by the next one.
"""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import BaseFileLock, FileLock, Timeout

if TYPE_CHECKING:
    from collections.abc import Iterator


PREFIX, LOCK = "leakkit-", ".lock"
_SPILLS: dict[int, tuple[Path, BaseFileLock]] = {}
"""The folder of each process, and what says that it is in use; a copy of a process has its own."""


@contextmanager
def scratch() -> Iterator[Path]:
    """Make an empty folder that only this user can read, and remove it at the end.

    A lock file beside it is held meanwhile. The system lets go of it however the process
    ends, so the next one can tell what was left behind.
    """
    sweep()
    handle, name = tempfile.mkstemp(prefix=PREFIX, suffix=LOCK)
    os.close(handle)
    lock = FileLock(name)
    folder = Path(name.removesuffix(LOCK))
    with lock:
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            remove(folder)


def spill() -> Path:
    """Return a folder for what memory cannot hold: one for each process, which it ends with."""
    if os.getpid() not in _SPILLS:
        sweep()
        handle, name = tempfile.mkstemp(prefix=PREFIX, suffix=LOCK)
        os.close(handle)
        lock, folder = FileLock(name), Path(name.removesuffix(LOCK))
        lock.acquire()
        _SPILLS[os.getpid()] = folder, lock
        atexit.register(_end_spill)
    return _SPILLS[os.getpid()][0]


def _end_spill() -> None:
    """Remove the folder of this process."""
    if os.getpid() in _SPILLS:
        folder, lock = _SPILLS.pop(os.getpid())
        lock.release()
        remove(folder)


def remove(folder: Path) -> None:
    """Remove a folder of `scratch`, and its lock file."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        _lock_of(folder).unlink()


def sweep() -> None:
    """Remove the folders whose processes are gone."""
    for file in Path(tempfile.gettempdir()).glob(f"{PREFIX}*{LOCK}"):
        if not _is_own(file):
            continue
        with suppress(OSError, Timeout), FileLock(file, timeout=0):
            remove(file.with_name(file.name.removesuffix(LOCK)))


def _lock_of(folder: Path) -> Path:
    """Return the lock file of a folder."""
    return folder.with_name(folder.name + LOCK)


def _is_own(file: Path) -> bool:
    """Say whether a file is a plain one of this user: to lock a link could empty its target."""
    try:
        found = file.lstat()
    except OSError:
        return False
    mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return mine and stat.S_ISREG(found.st_mode)


# ---------------------------------------------------------------- what only one run may write


@contextmanager
def hold_lock(lock_file: Path, in_use: Exception) -> Iterator[None]:
    """Hold a lock file, however this process ends; raise `in_use` where another run holds it.

    The file stays: to remove one that another run has just taken would let in a third.
    """
    lock = FileLock(lock_file, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise in_use from None
    try:
        yield
    finally:
        lock.release()
