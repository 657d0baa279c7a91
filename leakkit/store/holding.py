"""What only one run may write at a time: held by a lock file that the system lets go of."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from leakkit.errors import LeakkitError


@contextmanager
def hold_lock(lock_file: Path, in_use: LeakkitError) -> Iterator[None]:
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
