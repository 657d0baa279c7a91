"""What becomes of the deals that enter a stage: the rows of the stage table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from leakkit.measures.age_counts import (
    ADVANCED,
    CURVE_KINDS,
    EXITS,
    ClusterCounts,
    StayCounts,
    censored_kinds,
    cluster_counts,
    expected_interval,
    share_interval,
)
from leakkit.measures.horizons import (
    DAY_RUNGS,
    HOUR_RUNGS,
    Horizon,
    learn_expected,
    learn_horizon,
    share_in_the_end,
)
from leakkit.measures.survival import (
    Share,
    aalen_johansen,
    count_followed,
    final_age,
    index_at,
    leaves_later,
    merge_doors,
    share_alone,
    share_at,
    staying_at,
    with_the_rest,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.measures.age_counts import Columns
    from leakkit.measures.survival import Curve


CLICKED_THROUGH_SHARE = 0.3
EXPECTED_WIDTH = 0.6
ADVANCED_EXITS = tuple(EXITS.index(kind) for kind in ADVANCED)
CURVE_EXITS = tuple(EXITS.index(kind) for kind in CURVE_KINDS)
LOST, RETURNED = (EXITS.index("lost"),), (EXITS.index("returned"),)


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

    @classmethod
    def of(cls, rows: Columns) -> Exits:
        """Add up the counts `n` of rows by their `exit`."""
        found = {int(e): int(n) for e, n in zip(rows["exit"], rows["n"], strict=True)}
        return cls(**{name: found.get(e, 0) for e, name in enumerate(EXITS)})

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
    """What became, up to as_of, of the deals that were ever in a stage; the five sum to all."""

    won: int
    lost_here: int
    lost_elsewhere: int
    open: int
    moved: int

    @classmethod
    def of(cls, rows: Columns) -> InTheEnd:
        """Add up the deals `n` of rows by their last `exit`, lost ones by whether `here`."""
        kind, here, n = (rows[name] for name in ("exit", "here", "n"))
        lost = kind == EXITS.index("lost")
        return cls(
            won=int(n[kind == EXITS.index("won_here")].sum()),
            lost_here=int(n[lost & (here == 1)].sum()),
            lost_elsewhere=int(n[lost & (here != 1)].sum()),
            open=int(n[kind == EXITS.index("open")].sum()),
            moved=int(n[kind == EXITS.index("moved")].sum()),
        )


@dataclass(frozen=True)
class Learnt:
    """The two ages of a stage that everything else is read at."""

    horizon: Horizon
    expected: Horizon


@dataclass(frozen=True)
class Declared:
    """What the user says of a stage, in units of stay; None where nothing is said.

    `earlier_horizon` is the one of the last run into the same folder.
    """

    expected: float | None = None
    horizon: float | None = None
    earlier_horizon: float | None = None
    hours: bool = False


def learn_stage(
    curve: Curve,
    clusters: Columns | None,
    declared: Declared,
    clicked_through: float,
    censored: tuple[str, ...] = censored_kinds(),
) -> Learnt:
    """Learn the expected stay and the horizon of one stage from its learning sample.

    `curve` is that of first visits in the baseline window (never the window that is
    judged: a slow-down would move E and hide itself), or of all history where there is no
    baseline. `clusters` are the same counts per bootstrap cluster; None leaves the
    last condition of E unchecked. `censored` are the exits that `curve` censors.
    """
    expected = _expect_horizon(curve, clusters, declared, clicked_through, censored)
    if declared.horizon:
        return Learnt(Horizon(declared.horizon, "declared"), expected)
    rungs = HOUR_RUNGS if declared.hours else DAY_RUNGS
    horizon = learn_horizon(curve, expected.age, rungs, declared.earlier_horizon)
    return Learnt(horizon, expected)


def _expect_horizon(
    curve: Curve,
    clusters: Columns | None,
    declared: Declared,
    clicked_through: float,
    censored: tuple[str, ...],
) -> Horizon:
    """Return E: declared, or learnt where all its conditions hold."""
    if declared.expected is not None:
        return Horizon(declared.expected, "declared")
    if clicked_through > CLICKED_THROUGH_SHARE:
        return Horizon(None, "", "clicked_through")
    found = learn_expected(curve, ADVANCED)
    if found.age is None or clusters is None:
        return found
    limit = final_age(curve)
    left_out = tuple(EXITS.index(kind) for kind in censored)
    again = cluster_counts(clusters, censored=left_out)
    low, high = expected_interval(again, ADVANCED_EXITS, limit)
    if high - low > EXPECTED_WIDTH * found.age:
        return Horizon(None, "", "too_unsure")
    return found


def lost_any_visit(counts: StayCounts, clusters: Columns | None, horizon: Horizon) -> Share:
    """Which share of all visits is lost within the horizon? Interval by resampling deals."""
    curve = counts.curve()
    share = share_at(curve, ("lost",), horizon.age)
    if share.share is None or clusters is None or horizon.age is None:
        return share
    counted = cluster_counts(clusters).until(horizon.age)
    low, high = share_interval(counted, LOST, horizon.age)
    return Share(share.share, min(low, share.share), max(high, share.share))


def lost_by_value(counts: StayCounts, clusters: Columns | None, horizon: Horizon) -> Share:
    """Which share of the value of first visits is lost within the horizon?

    A few large deals can carry it, so its interval comes from resampling deals.
    """
    by_count = share_at(counts.curve(), ("lost",), horizon.age)
    if by_count.share is None or horizon.age is None:
        return by_count
    curve = aalen_johansen(counts.value_table())
    if curve.table.entrants == 0:
        return Share.missing("no_value")
    share = float(merge_doors(curve, ("lost",))[index_at(curve, horizon.age)])
    if clusters is None:
        return Share(share, None, None)
    counted = cluster_counts(clusters, "total").until(horizon.age)
    low, high = share_interval(counted, LOST, horizon.age)
    return Share(share, min(low, share), max(high, share))


def chance_to_win(counts: StayCounts) -> tuple[Share, Horizon]:
    """What is the chance that a deal which enters this stage is won in the end?

    The clock starts at the first entry into the stage. The clock-forward product of
    stage shares would condition on being in the stage on day 0 (.864 for a true .804).
    The age that it is read at is returned, too (see `share_in_the_end`).
    """
    return share_in_the_end(counts.curve(), ("won_here",))


def chance_with_the_rest(curve: Curve, chance: Share, read: Horizon) -> float | None:
    """What is the same chance, with those who are open at its end shared out?

    As the chances of late deals are. None where there is no chance.
    """
    if chance.share is None or read.age is None:
        return None
    staying = float(curve.staying[index_at(curve, read.age)])
    return with_the_rest(chance.share, staying, staying * leaves_later(curve, read.age, 0.0))


@dataclass(frozen=True)
class StageReadings:
    """What is read off the curve of first visits of one stage."""

    curve: Curve
    followed: float | None
    advance: Share
    lost: Share
    returned: Share
    stalled: Share
    went_overdue: Share


def read_stage(curve: Curve, learnt: Learnt, *, has_baseline: bool) -> StageReadings:
    """Read the shares of a stage at its horizon, and the share that went overdue at E."""
    age, expected = learnt.horizon.age, learnt.expected
    reason = learnt.horizon.reason
    missing = Share.missing(reason)

    def left(*kinds: str) -> Share:
        return missing if age is None else share_at(curve, kinds, age)

    overdue = staying_at(curve, expected.age)
    if expected.age is None:
        overdue = Share.missing(expected.reason)
    elif expected.origin != "declared" and not has_baseline:
        overdue = Share.missing("no_baseline")
    return StageReadings(
        curve=curve,
        followed=None if age is None else count_followed(curve, age),
        advance=left(*ADVANCED),
        lost=left("lost"),
        returned=left("returned"),
        stalled=missing if age is None else staying_at(curve, age),
        went_overdue=overdue,
    )


OF_SHARES = {
    "advance": ADVANCED_EXITS,
    "lost": LOST,
    "returned": RETURNED,
    "stalled": CURVE_EXITS,
    "went_overdue": CURVE_EXITS,
}
"""The exits that each share of a stage is of, or the rest of."""


@dataclass(frozen=True)
class AllVisits:
    """Gives what is read off a curve of all visits the intervals of all visits.

    A deal that comes back makes its visits alike, so Greenwood's variance is too small:
    the intervals come from resampling deals.
    """

    learnt: Learnt
    clusters: Columns | None

    @cached_property
    def _counted(self) -> ClusterCounts | None:
        """The counts by cluster, as far as a share is read."""
        known = (self.learnt.horizon.age, self.learnt.expected.age)
        ages = [age for age in known if age is not None]
        if self.clusters is None or not ages:
            return None
        return cluster_counts(self.clusters).until(max(ages))

    def redraw(self, name: str, share: Share) -> Share:
        """Return a share of `StageReadings`, by its name, with its interval."""
        known, counted = self.learnt, self._counted
        age = known.expected.age if name == "went_overdue" else known.horizon.age
        if share.share is None or age is None or counted is None:
            return share
        low, high = share_interval(counted, OF_SHARES[name], age)
        if name in {"stalled", "went_overdue"}:
            low, high = 1.0 - high, 1.0 - low
        return Share(share.share, min(low, share.share), max(high, share.share))


def losing_order(curves: Sequence[Curve], ages: Sequence[float | None]) -> tuple[int, ...]:
    """Return the stages by their lost share at an age, the largest first; those that have one."""
    read = [share_alone(one, ("lost",), age) for one, age in zip(curves, ages, strict=True)]
    known = [(stage, share) for stage, share in enumerate(read) if share is not None]
    return tuple(stage for stage, _ in sorted(known, key=lambda pair: (-pair[1], pair[0])))


def reached_counts(observed: StayCounts, implied: Columns, start: int, end: int) -> StayCounts:
    """Return the first visits under `reached`: skipped stages get a zero-day passage.

    `implied` has a row per tick on which deals jumped over this stage: tick, n, and the
    observed first visit that this one comes before, if any (visited, entered_tick,
    exit, left_tick). Counts of visits that are no longer the first are taken off.
    """
    ticks, n = (implied[name].astype(np.int64) for name in ("tick", "n"))
    inside = (ticks >= start) & (ticks < end)
    zero = np.zeros(int(inside.sum()), np.int64)
    added = StayCounts((zero, n[inside]), {"next": (zero, n[inside])})
    seen = implied["visited"] == 1
    later = {name: column[seen] for name, column in implied.items()}
    return observed + added + _no_longer_first(later, start, end)


def _no_longer_first(rows: Columns, start: int, end: int) -> StayCounts:
    """Return, as negative counts, the observed first visits that now come second."""
    names = ("entered_tick", "left_tick", "exit")
    entered, left, exits = (rows[name].astype(np.int64) for name in names)
    inside = (entered < end) & ((exits == 0) | (left >= start))
    entered, left, exits = entered[inside], left[inside], exits[inside]
    n = -rows["n"].astype(np.int64)[inside]
    done = (exits != 0) & (left < end)
    age = np.where(done, left, end - 1) - entered
    kind = np.where(done, exits, 0)
    return StayCounts(
        (np.maximum(start - entered, 0), n),
        {EXITS[k]: (age[kind == k], n[kind == k]) for k in np.unique(kind)},
    )
