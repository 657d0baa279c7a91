"""Which deals does an export hold: all, or those that a list of the CRM showed?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping

WHOLE, CLOSED_ONLY, WON_ONLY, NO_LOSSES = "", "closed_only", "won_only", "no_losses"
MIN_CLOSED = 3
"""Closed deals from which on it is odd that none is open."""
MIN_ENDED = 10
"""Deals that had the time to be lost, from which on it is odd that none was."""


def coverage(outcomes: Mapping[str, int], ages: pd.DataFrame) -> str:
    """Say whether open or lost deals seem to be left out of the export.

    The trap: a list shows won deals only, or hides what is archived. What is left looks
    like a pipeline that loses nothing, or like one that got worse, as the slow deals that
    will be won are missing. `outcomes` counts deals by outcome. `ages` has one row: `since_entry`,
    days from the last deal that came in to the last day of the data; `usual`, days within
    which nine of ten closed deals closed; `overripe`, open deals that are older than that;
    missing where no day is known. The codes: closed_only (none is open, though deals came
    in until lately), won_only, no_losses; empty for a whole export (docs/method.md,
    section 11).

    >>> import pandas as pd
    >>> coverage({"won": 24, "lost": 0, "open": 8}, pd.DataFrame())
    'no_losses'
    """
    won, lost, still_open = (outcomes.get(kind, 0) for kind in ("won", "lost", "open"))
    if won + lost < MIN_CLOSED:
        return WHOLE
    if not lost and won + int(_read_number(ages, "overripe", 0.0)) >= MIN_ENDED:
        return NO_LOSSES if still_open else WON_ONLY
    if still_open or _read_number(ages, "since_entry", 0.0) > _read_number(
        ages, "usual", float("inf")
    ):
        return WHOLE
    return CLOSED_ONLY


def _read_number(ages: pd.DataFrame, name: str, otherwise: float) -> float:
    """Return a number of the ages, or another one where it is missing."""
    found = ages[name].dropna() if name in ages else pd.Series(dtype=float)
    return otherwise if found.empty else float(found.iloc[0])
