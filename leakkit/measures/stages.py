"""What becomes of the deals that enter a stage: the rows of the stage table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leakkit.measures.survival import Curve, Horizon, Share


@dataclass(frozen=True)
class Exits:
    """How passages of one stage ended; with `open` they sum to `entered`."""

    next: int
    jumped: int
    won_here: int
    returned: int
    lost: int
    moved: int
    open: int

    @property
    def advanced(self) -> int:
        """Passages that left by the right door."""
        return self.next + self.jumped + self.won_here

    @property
    def entered(self) -> int:
        """All passages."""
        return self.advanced + self.returned + self.lost + self.moved + self.open


@dataclass(frozen=True)
class InTheEnd:
    """What became, up to as_of, of the deals that were ever in a stage; the four sum to all."""

    won: int
    lost_here: int
    lost_elsewhere: int
    open: int
    moved: int


@dataclass(frozen=True)
class StageResult:
    """All that is known of one stage over the whole history.

    Ages and days are in the pipeline's unit of stay (see `unit_per_day` of the
    pipeline); values are whole minor units of the currency.
    """

    stage: int
    name: str
    kind: str
    opportunities: int
    first_visits: int
    exits: Exits
    overdue: int
    jumped_over: int
    reopened_in: int
    horizon: Horizon
    expected: Horizon
    followed: float | None
    advance: Share
    lost: Share
    returned: Share
    stalled: Share
    went_overdue: Share
    won_from_here: Share
    won_horizon: Horizon
    lost_any_visit: Share
    lost_by_value: Share
    median: Horizon
    p90: Horizon
    in_the_end: InTheEnd
    value_entered: int
    value_lost: int
    value_overdue: int
    curve: Curve

    @property
    def crm_advance_ratio(self) -> float | None:
        """Advanced per entered, as a CRM shows it: open deals count as failures."""
        return self.exits.advanced / self.exits.entered if self.exits.entered else None

    @property
    def crm_loss_ratio(self) -> float | None:
        """Lost per advanced or lost, as a CRM shows it: open deals are forgotten."""
        closed = self.exits.advanced + self.exits.lost
        return self.exits.lost / closed if closed else None
