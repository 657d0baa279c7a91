"""The passages of one stage, one entry each: what causes and drivers look at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from leakkit.measures.counts import ADVANCED, EXITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from leakkit.measures.survival import Ints
    from leakkit.measures.windows import Days

    Bools = NDArray[np.bool_]

FAR = 1 << 40
"""The tick and day of leaving of a passage that is still open."""
UNKNOWN = -1
"""A value, or a number of days, that is not known."""
LOST = EXITS.index("lost")
ADVANCED_EXITS = tuple(EXITS.index(kind) for kind in ADVANCED)
CENSORED_EXITS = (EXITS.index("open"), EXITS.index("moved"))


class Stays(Protocol):
    """When passages of one stage began and ended, and how: what a risk set is made of."""

    @property
    def per_day(self) -> int:
        """Units of stay in a day."""

    @property
    def visit(self) -> Ints:
        """Which visit of its deal each is, from 1 on."""

    @property
    def exit(self) -> Ints:
        """How each ended."""

    @property
    def entered_tick(self) -> Ints:
        """When each began."""

    @property
    def left_tick(self) -> Ints:
        """When each ended; `FAR` while open."""


@dataclass(frozen=True)
class Design:
    """One entry per passage of one stage.

    `stage` and `kinds` say where in the pipeline: the kind of every stage, in order.
    Ticks are units of stay, `per_day` of them make a day; days are local day numbers.
    `returns` counts how often the deal went back before this passage ended,
    `passages_before` its passages before this one, `outcome` is 0 open, 1 won, 2 lost
    as of today, `value` whole minor units. `silent_days` and `longest_gap_days` are None
    without activities. `segments` are codes by column and `labels` their texts, code 0
    being the missing one; `reason` is a code of `reasons` likewise. `owner`, `product` and
    `competitor` name columns of `segments`, or are empty. `passages` counts all of the
    stage: more than there are entries where these are a sample.
    """

    stage: int
    kinds: tuple[str, ...]
    per_day: int
    opportunity: Ints
    visit: Ints
    exit: Ints
    entered_day: Ints
    left_day: Ints
    entered_tick: Ints
    left_tick: Ints
    returns: Ints
    passages_before: Ints
    value: Ints
    outcome: Ints
    reason: Ints
    reasons: tuple[str, ...]
    segments: Mapping[str, Ints]
    labels: Mapping[str, tuple[str, ...]]
    passages: int
    owner: str = ""
    product: str = ""
    competitor: str = ""
    known_at_entry: tuple[str, ...] = ()
    silent_days: Ints | None = None
    longest_gap_days: Ints | None = None

    def __len__(self) -> int:
        """Return the number of passages."""
        return len(self.opportunity)

    @property
    def stay(self) -> Ints:
        """Return the whole units of stay; `FAR` and more while open."""
        return self.left_tick - self.entered_tick

    @property
    def advanced(self) -> Bools:
        """Say which passages left by the right door."""
        return np.isin(self.exit, ADVANCED_EXITS)

    @property
    def lost(self) -> Bools:
        """Say which passages ended with a loss."""
        found: Bools = self.exit == LOST
        return found

    def left_in(self, days: Days) -> Bools:
        """Say which passages ended within [first, end) of these days."""
        return (self.left_day >= days[0]) & (self.left_day < days[1])

    def only(self, chosen: Bools | Ints) -> Design:
        """Return some of the passages."""
        columns = {
            name: getattr(self, name)[chosen]
            for name in _COLUMNS
            if getattr(self, name) is not None
        }
        segments = {name: codes[chosen] for name, codes in self.segments.items()}
        return replace(self, **columns, segments=segments)


_COLUMNS = (
    "opportunity", "visit", "exit", "entered_day", "left_day", "entered_tick", "left_tick",
    "returns", "passages_before", "value", "outcome", "reason", "silent_days", "longest_gap_days",
)  # fmt: skip


@dataclass(frozen=True)
class AtRisk:
    """The risk set of a window: when each passage comes under observation, and how it ends.

    `rows` are positions in the design; `arrive` and `leave` are ages, `exit` is 0 where
    the passage is censored (method, section 2). `entered` says who entered in the window.
    """

    rows: Ints
    arrive: Ints
    leave: Ints
    exit: Ints
    entered: Bools


def at_risk(design: Stays, days: Days, *, first_only: bool = True) -> AtRisk:
    """Return the risk set of a window of days, which ends with `days[1] - 1`."""
    first, end = (day * design.per_day for day in days)
    inside = (design.entered_tick < end) & (design.left_tick >= first)
    if first_only:
        inside &= design.visit == 1
    rows = np.flatnonzero(inside)
    came, left = design.entered_tick[rows], design.left_tick[rows]
    done = (left < end) & ~np.isin(design.exit[rows], CENSORED_EXITS)
    return AtRisk(
        rows=rows,
        arrive=np.maximum(first - came, 0),
        leave=np.minimum(left, end - 1) - came,
        exit=np.where(done, design.exit[rows], 0),
        entered=came >= first,
    )
