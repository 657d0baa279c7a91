"""Balances: whole numbers that close, and the cohort behind the picture of the pipe."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StageBalance:
    """What came into a stage in a period and what became of it; each term in deals or money."""

    stage: int
    opening: int
    new: int
    from_previous: int
    jumped_in: int
    returned_in: int
    reopened: int
    next: int
    jumped: int
    won_here: int
    returned: int
    lost: int
    moved: int
    closing: int

    @property
    def residual(self) -> int:
        """In minus out; 0, or the run fails."""
        came = self.opening + self.new + self.from_previous + self.jumped_in
        came += self.returned_in + self.reopened
        went = self.next + self.jumped + self.won_here + self.returned + self.lost + self.moved
        return came - went - self.closing


@dataclass(frozen=True)
class PipelineBalance:
    """The sum of the stage balances: open at start + new + re-opened = what became of them.

    `overdue` and `in_time` split the deals open at the end of a period that ends at
    as_of; they are None for any other.
    """

    opening: int
    new: int
    reopened: int
    won: int
    lost: int
    moved: int
    closing: int
    overdue: int | None = None
    in_time: int | None = None

    @property
    def residual(self) -> int:
        """In minus out; 0, or the run fails."""
        came = self.opening + self.new + self.reopened
        return came - self.won - self.lost - self.moved - self.closing


@dataclass(frozen=True)
class Month:
    """One calendar month: `first_day` is its first local day number since 1970-01-01.

    `complete` is false for the month in which the data begin or end early.
    """

    first_day: int
    count: PipelineBalance
    value: PipelineBalance
    complete: bool


@dataclass(frozen=True)
class PipeStage:
    """One stage of the pipe: how wide it is, and what leaves it.

    `width` deals had this stage, or a later one, as their furthest point. Of those
    that came no further than here: `lost` were lost here, `overdue` and `in_time` are
    open here, `back` flowed back to an earlier stage and left, or are open, there.
    `lost_from_later` are the deals lost here that had been further before (drawn as
    flowing back to here); `overdue_from_later` and `in_time_from_later` are open here
    likewise. `width(s) - width(s+1) = lost + overdue + in_time + back` holds exactly.
    """

    stage: int
    name: str
    width: int
    lost: int
    overdue: int
    in_time: int
    back: int
    lost_from_later: int
    overdue_from_later: int
    in_time_from_later: int

    @property
    def all_lost(self) -> int:
        """Deals of the cohort lost while in this stage."""
        return self.lost + self.lost_from_later

    @property
    def all_overdue(self) -> int:
        """Deals of the cohort open in this stage past their time."""
        return self.overdue + self.overdue_from_later

    @property
    def all_in_time(self) -> int:
        """Deals of the cohort open in this stage and in time."""
        return self.in_time + self.in_time_from_later


@dataclass(frozen=True)
class Pipe:
    """A cohort: the deals created in a window, each counted once where it stands at as_of.

    `entered = won + lost + overdue + in_time`, where the last three are the sums over
    the stages. `mature` says whether the cohort holds only deals old enough to be
    nearly decided; `created_before_day` is the first local day that is left out.
    """

    stages: tuple[PipeStage, ...]
    entered: int
    won: int
    mature: bool
    mature_days: float | None
    created_before_day: int
    moved_aside: int
    without_history_aside: int

    @property
    def lost(self) -> int:
        """Deals of the cohort that were lost."""
        return sum(stage.all_lost for stage in self.stages)

    @property
    def overdue(self) -> int:
        """Deals of the cohort that are open past their time."""
        return sum(stage.all_overdue for stage in self.stages)

    @property
    def in_time(self) -> int:
        """Deals of the cohort that are open and in time."""
        return sum(stage.all_in_time for stage in self.stages)
