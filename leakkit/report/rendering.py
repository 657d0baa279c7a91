"""What goes to a worker and what comes back: one notebook run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Task:
    """One notebook to run: its text, its parameters, and the seconds that a cell may take.

    `shown` are the parameters that the page says it was made with, where they are not
    those that the notebook is given. `links` are those to other pages, as (label, path).
    `engine` says how its kernel starts: fork (where that is possible) or stock. `brand` says
    whose page it is.
    """

    book: str
    parameters: Mapping[str, Any]
    timeout_seconds: int
    shown: Mapping[str, Any]
    links: tuple[tuple[str, str], ...] = ()
    engine: str = "fork"
    brand: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Rendered:
    """A page, or the reason why there is none.

    `broken` is the text of the notebook as it stood when a cell failed. `passing` says
    that not the notebook but what runs it failed (a dead kernel or worker), so that one
    more try may help.
    """

    html: str = ""
    failed: str = ""
    broken: str = ""
    passing: bool = False
    seconds: float = 0.0
    cpu_seconds: float = 0.0
