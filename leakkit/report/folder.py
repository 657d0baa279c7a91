"""The run's folder: names that any file system takes, whole files, and one run at a time."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from leakkit.errors import LeakkitError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST = 48
LOCK = ".lock"
PARTIAL = ".partial"
"""Behind the name of a file while it is written."""
SLUG = re.compile(r"[a-z0-9-]{1,55}")


def slug(name: str) -> str:
    """Return a folder name for a pipeline: its readable part and 6 digits of its SHA-256.

    >>> slug("Spare parts")
    'spare-parts-177b75'
    >>> slug("../../etc/passwd").count("/")
    0
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    readable = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST].strip("-") or "pipeline"
    return f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def write_text(path: Path, text: str) -> None:
    r"""Write a text in one step, as UTF-8 with `\n` line ends on every system."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one step: a reader sees the old one or the new one, never a part.

    Raises OSError where it cannot be written, and leaves the old file as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + PARTIAL)
    try:
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file; an empty text where there is none."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


@contextmanager
def claim_folder(folder: Path) -> Iterator[None]:
    """Hold the folder, so that two runs never write into it at once.

    The system lets go of it when this process ends, however it ends. Raises LeakkitError
    where another run holds it, or where nothing can be written.
    """
    from leakkit.store.holding import hold_lock  # noqa: PLC0415 - it loads the engine, which a quick end does not need

    said = f"Another run is writing into {folder}. Wait for it, or choose another --out."
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(hold_lock(folder / LOCK, LeakkitError("folder_in_use", said)))
        except OSError as error:
            message = f"Cannot write into {folder}: {error.strerror or error}."
            raise LeakkitError("folder_not_writable", message) from None
        yield
