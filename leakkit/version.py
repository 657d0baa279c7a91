"""Which leakkit this is: its version, and its very code."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

__version__ = "0.1.0"
NOT_CODE = ("__pycache__", "notebooks")


@cache
def code_digest() -> str:
    """Return the SHA-256 of the package's own files: what an older one made may be out of date.

    The notebooks are not among them: they are in the package or beside it.
    """
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*")):
        name = file.relative_to(package)
        if file.is_file() and not set(NOT_CODE).intersection(name.parts):
            digest.update(f"{name.as_posix()}\0{file.stat().st_size}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()
