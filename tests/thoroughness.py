"""How much a test looks at: a part at every run, all in `make fuzz`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

ALL = bool(os.environ.get("LEAKKIT_THOROUGH"))


def every(step: int, whole: Sequence[T]) -> Sequence[T]:
    """Return one in `step` of a list, or the whole where thoroughness is asked for."""
    return whole if ALL else whole[::step]


def seeds(few: int, whole: int) -> range:
    """Return the seeds of a test: the first `few`, or the whole where thoroughness is asked for."""
    return range(whole if ALL else few)
