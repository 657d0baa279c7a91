"""Balances: whole numbers that close, and the cohort behind the picture of the pipe."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from leakkit.errors import LeakkitError

if TYPE_CHECKING:
    import pandas as pd

    from leakkit.measures.survival import Bools, Ints


ENTRY_TERMS = ("new", "from_previous", "jumped_in", "returned_in", "reopened")
EXIT_TERMS = ("open", "next", "jumped", "won_here", "returned", "lost", "moved")
OPEN_EXIT, NEXT_EXIT, WON_EXIT, LOST_EXIT, MOVED_EXIT = 0, 1, 3, 5, 6
FROM_PREVIOUS = 1
OTHER_EXITS, OTHER_ENTRIES = (2, 4), (2, 3)
"""The doors between other stages: jumped and jumped_in, returned and returned_in."""
NO_HISTORY = -1
"""In the counts behind the pipe: the exit of deals without any passage."""


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

    In deals, or in money: then every number is the value of those deals, in minor units.
    `entered = won + lost + overdue + in_time`, where the last three are the sums over
    the stages. `mature` says whether the cohort holds only deals old enough to be
    nearly decided; `created_before_day` is the first local day that is left out, and
    `created_from_day` the first that is not, where days were chosen.
    """

    stages: tuple[PipeStage, ...]
    entered: int
    won: int
    mature: bool
    mature_days: float | None
    created_before_day: int
    moved_aside: int
    without_history_aside: int
    created_from_day: int | None = None

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


@dataclass(frozen=True)
class Flows:
    """Entries and exits of one pipeline: arrays [stage, door, period], in deals or in money."""

    entries: Ints
    exits: Ints
    open_now: Ints

    @property
    def stages(self) -> int:
        """How many stages there are."""
        return len(self.entries)


def collect_flows(rows: pd.DataFrame, stages: int, periods: int, column: str) -> Flows:
    """Arrange counted flows (stage, comes, door, period, `column`) by stage, door and period.

    Exits without a period are the passages that are still open.
    """
    entries = np.zeros((stages, len(ENTRY_TERMS), periods), np.int64)
    exits = np.zeros((stages, len(EXIT_TERMS), periods), np.int64)
    open_now = np.zeros(stages, np.int64)
    stage, door = rows["stage"].to_numpy(), rows["door"].to_numpy()
    period = rows["period"].to_numpy()
    amount = rows[column].to_numpy(np.int64)
    comes = rows["comes"].to_numpy() == 1
    leaves = ~comes & (door != OPEN_EXIT)
    np.add.at(entries, (stage[comes], door[comes], period[comes]), amount[comes])
    np.add.at(exits, (stage[leaves], door[leaves], period[leaves]), amount[leaves])
    still = ~comes & (door == OPEN_EXIT)
    np.add.at(open_now, stage[still], amount[still])
    return Flows(entries, exits, open_now)


def stage_balances(
    flows: Flows, first: int = 0, end: int | None = None
) -> tuple[StageBalance, ...]:
    """Return what came into each stage in the periods [first, end), and what became of it."""
    before, inside = slice(0, first), slice(first, end)
    opening = flows.entries[..., before].sum((1, 2)) - flows.exits[..., before].sum((1, 2))
    came, went = (each[..., inside].sum(axis=2).tolist() for each in (flows.entries, flows.exits))
    balances = []
    for stage, stood in enumerate(opening.tolist()):
        entered = dict(zip(ENTRY_TERMS, came[stage], strict=True))
        left = dict(zip(EXIT_TERMS, went[stage], strict=True))
        del left["open"]
        closing = stood + sum(entered.values()) - sum(left.values())
        balances.append(
            StageBalance(stage=stage, opening=stood, closing=closing, **entered, **left)
        )
    return tuple(balances)


def pipeline_balance(stages: tuple[StageBalance, ...]) -> PipelineBalance:
    """Add the stage balances up: moves between stages cancel out."""
    return PipelineBalance(
        opening=sum(stage.opening for stage in stages),
        new=sum(stage.new for stage in stages),
        reopened=sum(stage.reopened for stage in stages),
        won=sum(stage.won_here for stage in stages),
        lost=sum(stage.lost for stage in stages),
        moved=sum(stage.moved for stage in stages),
        closing=sum(stage.closing for stage in stages),
    )


def period_balances(flows: Flows) -> list[PipelineBalance]:
    """Return the balance of the pipeline in every period: what its stages add up to."""
    came = dict(zip(ENTRY_TERMS, flows.entries.sum(axis=0).tolist(), strict=True))
    went = dict(zip(EXIT_TERMS, flows.exits.sum(axis=0).tolist(), strict=True))
    change = flows.entries.sum(axis=(0, 1)) - flows.exits.sum(axis=(0, 1))
    closing = change.cumsum()
    names = ("opening", "new", "reopened", "won", "lost", "moved", "closing")
    columns = (
        (closing - change).tolist(),
        *(came[name] for name in ("new", "reopened")),
        *(went[name] for name in ("won_here", "lost", "moved")),
        closing.tolist(),
    )
    rows = zip(*columns, strict=True)
    return [PipelineBalance(**dict(zip(names, row, strict=True))) for row in rows]


def with_overdue(balance: PipelineBalance, overdue: int) -> PipelineBalance:
    """Split the deals open at as_of into those past their time and the others."""
    return replace(balance, overdue=overdue, in_time=balance.closing - overdue)


def check_balance(name: str, flows: Flows) -> None:
    """Raise where the counts do not close.

    Counts made apart must agree: what leaves stages for others by one kind of door is
    what comes in by the door opposite, in every period, and from each stage to its next;
    no stage is ever left by more than entered it; and what flowed in and not out is what
    stands there at as_of.
    """
    moved_on = flows.exits[:, [NEXT_EXIT, *OTHER_EXITS]].sum(axis=0)
    came_over = flows.entries[:, [FROM_PREVIOUS, *OTHER_ENTRIES]].sum(axis=0)
    steps = flows.exits[:-1, NEXT_EXIT] == flows.entries[1:, FROM_PREVIOUS]
    stock = flows.entries.sum(axis=1).cumsum(axis=1) - flows.exits.sum(axis=1).cumsum(axis=1)
    closes = (
        (moved_on == came_over).all() and steps.all() and (stock[:, -1] == flows.open_now).all()
    )
    if not closes or (stock < 0).any():
        message = (
            f"{name}: the balance does not close. This is a fault of leakkit, please report it."
        )
        raise LeakkitError("balance", message)


def collect_pipe(  # noqa: PLR0913 - the days that say which deals are drawn
    rows: pd.DataFrame,
    names: tuple[str, ...],
    mature_days: float | None,
    created_before_day: int,
    last_day: int,
    *,
    column: str = "n",
) -> Pipe:
    """Assemble the picture of the pipe from the deals as they stand.

    `rows` has deals by furthest stage, last_stage, exit of the last passage (-1: the
    deal has none), overdue and mature; `column` is n (how many) or total (their value).
    The cohort is the mature deals, or all where there are none.
    """
    deals = _Deals.read(rows, column)
    old = deals.only(deals.mature)
    mature = mature_days is not None and bool(old.standing.any())
    used = old if mature else deals
    standing = used.only(used.standing)
    pipe = Pipe(
        stages=tuple(_pipe_stage(standing, stage, name) for stage, name in enumerate(names)),
        entered=int(standing.n.sum()),
        won=standing.count(standing.exit == WON_EXIT),
        mature=mature,
        mature_days=mature_days,
        created_before_day=created_before_day if mature else last_day + 1,
        moved_aside=used.count(used.exit == MOVED_EXIT),
        without_history_aside=used.count(used.exit == NO_HISTORY),
    )
    if pipe.entered != pipe.won + pipe.lost + pipe.overdue + pipe.in_time:
        message = "The pipe does not add up. This is a fault of leakkit, please report it."
        raise LeakkitError("balance", message)
    return pipe


@dataclass(frozen=True)
class _Deals:
    """Counts of deals by where they stand: columns of one length."""

    furthest: Ints
    last: Ints
    exit: Ints
    overdue: Bools
    mature: Bools
    n: Ints

    @classmethod
    def read(cls, rows: pd.DataFrame, column: str) -> _Deals:
        """Take the columns of a frame, and of the amounts the one that is asked for."""
        furthest, last, exit_, n = (
            rows[name].to_numpy(np.int64) for name in ("furthest", "last_stage", "exit", column)
        )
        overdue, mature = (rows[name].to_numpy() == 1 for name in ("overdue", "mature"))
        return cls(furthest, last, exit_, overdue, mature, n)

    @property
    def standing(self) -> Bools:
        """Say which the picture counts: those with a history, and not moved away."""
        counted: Bools = (self.exit != MOVED_EXIT) & (self.exit != NO_HISTORY)
        return counted

    def only(self, which: Bools) -> _Deals:
        """Return some of them."""
        return _Deals(*(getattr(self, field.name)[which] for field in fields(self)))

    def count(self, which: Bools) -> int:
        """Add up some of them."""
        return int(self.n[which].sum())


def _pipe_stage(deals: _Deals, stage: int, name: str) -> PipeStage:
    """Count one stage of the pipe."""
    lost, still = deals.exit == LOST_EXIT, deals.exit == OPEN_EXIT
    won, late, furthest = deals.exit == WON_EXIT, deals.overdue, deals.furthest
    here = deals.last == stage
    stays, later = here & (furthest == stage), here & (furthest > stage)
    return PipeStage(
        stage=stage,
        name=name,
        width=deals.count(won | (furthest >= stage)),
        lost=deals.count(stays & lost),
        overdue=deals.count(stays & still & late),
        in_time=deals.count(stays & still & ~late),
        back=deals.count((furthest == stage) & ~here & ~won),
        lost_from_later=deals.count(later & lost),
        overdue_from_later=deals.count(later & still & late),
        in_time_from_later=deals.count(later & still & ~late),
    )
