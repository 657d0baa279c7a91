"""The notebooks that come with leakkit."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

DROPOFF, CAUSES, OVERVIEW = "stage_dropoff", "root_causes", "overview"
PER_PIPELINE = (DROPOFF, CAUSES)
"""The notebooks that are run for every pipeline, in the order of its pages."""


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


def copy(place: Path) -> list[str]:
    """Copy the notebooks into a user's folder; those that are there stay. Return the new ones."""
    place.mkdir(parents=True, exist_ok=True)
    names = sorted(book.name for book in folder().glob("*.ipynb"))
    new = [name for name in names if not (place / name).exists()]
    for name in new:
        (place / name).write_text((folder() / name).read_text("utf-8"), "utf-8", newline="\n")
    return new
