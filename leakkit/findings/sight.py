"""What the comparisons of a run could have shown, where they show nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leakkit.findings.finding import Finding

RISE = 0.10
"""The rise that a reader is told could have been seen, or not."""


@dataclass(frozen=True)
class Sight:
    """How many of the `tests` could have shown a rise of 10 points, and up to which beginning.

    `blind_from` is the local day from which on even such a rise of losses could not be seen
    yet in any stage; None where none of the tests is able to show one.
    """

    tests: int
    able: int
    blind_from: int | None


def sight(findings: Iterable[Finding]) -> Sight:
    """What could these comparisons have shown?

    Able is a comparison whose smallest visible change is 10 points or less: such a rise,
    all through the current window of D days, is found in 8 of 10 cases. One that began d
    days before its end moves the share of the window by about d/D of it, so it can be seen
    from `d = D * smallest visible change / 10 points` on.

    >>> from leakkit.findings import Finding
    >>> seen = Finding("P", "A", "lost", "ok", p_value=0.4, smallest_visible=0.05,
    ...                windows={"current": (910, 1000)})
    >>> sight([seen])
    Sight(tests=1, able=1, blind_from=955)
    """
    tested = [one for one in findings if one.p_value is not None]
    able = [one for one in tested if (one.smallest_visible or 1.0) <= RISE]
    days = [_blind_from(one) for one in able if one.kind == "lost"]
    return Sight(len(tested), len(able), max(days, default=None))


def _blind_from(finding: Finding) -> int:
    """Return the day from which on a rise of 10 points could not be seen yet."""
    first, end = finding.windows["current"]
    return end - math.ceil((end - first) * (finding.smallest_visible or 0.0) / RISE)
