"""How many generated sources a test looks at: few at every run, all in `make fuzz`."""

from __future__ import annotations

import os

ALL = bool(os.environ.get("LEAKKIT_THOROUGH"))


def seeds(few: int, whole: int) -> range:
    """Return the seeds of a test: the first `few`, or the whole where thoroughness is asked for."""
    return range(whole if ALL else few)
