"""Files that a command was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.errors import LeakkitError

if TYPE_CHECKING:
    from pathlib import Path


def save(path: Path, text: str) -> None:
    """Write a file that a command was asked for."""
    from leakkit.report.folder import write_text

    try:
        write_text(path, text)
    except OSError as error:
        message = f"Cannot write {path}: {error.strerror or error}."
        raise LeakkitError("file_not_writable", message) from None
