"""The way through the whole pipeline: clock from the first entry, all stages at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leakkit.measures.survival import Floats, Ints


@dataclass(frozen=True)
class Route:
    """Where deals are, u days after they entered the pipeline.

    `occupancy[i, s]` is the share in stage s at the end of `ages[i]`; the last two
    columns are won and lost. `lost_from[s]` is the expected number of losses from
    stage s per deal that enters (gross: a deal lost, re-opened and lost again counts
    twice), read at `limit`; `came_back` is the share of deals that came back from a
    loss. `days_in[s]` is the mean number of days spent in s up to `limit`.
    """

    ages: Ints
    occupancy: Floats
    variance: Floats
    lost_from: Floats
    came_back: float
    days_in: Floats
    limit: float
    entrants: int

    @property
    def won_share(self) -> float:
        """P(won by `limit`)."""
        return float(self.occupancy[-1, -2])
