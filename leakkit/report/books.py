"""The notebooks that come with leakkit."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path


def folder() -> Path:
    """Return where the notebooks are: in the package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent / "notebooks"
    return checkout if checkout.is_dir() else package / "notebooks"


@cache
def text(name: str) -> str:
    """Return the text of a notebook."""
    return (folder() / f"{name}.ipynb").read_text("utf-8")


def digest(name: str) -> str:
    """Return the SHA-256 of a notebook's text."""
    return hashlib.sha256(text(name).encode()).hexdigest()
