"""The run's folder: names that any file system takes, and files that are whole or not there."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from pathlib import Path

LONGEST = 48


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
    r"""Write a file in one step: a reader sees the old one or the new one, never a part.

    UTF-8 with `\n` line ends on every system.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    Path(partial).replace(path)
