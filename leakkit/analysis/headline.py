"""The one stage to name first, and how far its share could move: facts, not sentences."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from leakkit.analysis.counts import curve_of
from leakkit.analysis.scope import EVERYTHING
from leakkit.findings.value import worst_share
from leakkit.measures import survival
from leakkit.measures.age_counts import StayCounts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leakkit.analysis.counts import PipelineCounts
    from leakkit.analysis.numbers import PipelineNumbers, StageNumbers
    from leakkit.analysis.results import Analysis
    from leakkit.measures.age_counts import AgeCounts
    from leakkit.store.doubtful_visits import DoubtfulVisits

LOST, ADVANCED, OPEN = "lost", "next", "open"
Move = tuple[str, int, int]
"""An exit, the age at which it counts, and how many visits more (or less) leave by it."""


@dataclass(frozen=True)
class Headline:
    """Where a pipeline loses most.

    `by` is share where the share could be estimated, else count, else none where
    nothing was lost. `sureness` says how sure it is that `stage` has the largest share:
    surely, probably, or together, where one of the `rivals` may as well.
    """

    by: str
    stage: StageNumbers | None = None
    sureness: str = ""
    rivals: tuple[StageNumbers, ...] = ()


def find_headline(pipeline: PipelineNumbers) -> Headline:
    """Which stage loses the largest share of what enters it?

    Losses of a stage of kind `qualify` may be healthy: it is named only where no other
    stage leaks, and so is one that no deal comes into any more. The largest estimate is
    not always that of the worst stage, so it says how sure that is (docs/method.md,
    section 6). Where no share could be estimated, the largest count is named.
    """
    retired = {one.stage for one in pipeline.notes.retired}
    lost = [stage for stage in pipeline.stages if stage.exits.lost]
    leaking = [stage for stage in lost if stage.stage not in retired] or lost
    candidates = [stage for stage in leaking if stage.kind != "qualify"] or leaking
    known = sorted((s for s in candidates if s.lost.share), key=_by_share)
    if known:
        return _by_estimate(known)
    if candidates:
        return Headline("count", min(candidates, key=lambda s: (-s.exits.lost, s.stage)))
    return Headline("none")


def _by_estimate(known: list[StageNumbers]) -> Headline:
    """Name the first of the stages, which are in the order of their shares, and its rivals."""
    worst = worst_share([stage.lost for stage in known])
    if worst is None or worst.members == (0,):
        return Headline("share", known[0], worst.sureness if worst else "surely")
    rivals = tuple(known[place] for place in sorted(worst.members) if place)
    return Headline("share", known[0], "together", rivals)


def _by_share(stage: StageNumbers) -> tuple[float, int]:
    """Order by lost share, the largest first, then by position."""
    return -(stage.lost.share or 0.0), stage.stage


# ---------------------------------------------------------------- how far it could move


@dataclass(frozen=True)
class Bounds:
    """Between which values the lost share of a stage lies, whatever the rows in doubt were.

    `visits` are those in doubt, `missing` the deals (and rows without a deal) that may
    have been in the stage and are not counted. `overtaken_by` is a stage that could then
    lose a larger share than this one; None where there is none.
    """

    stage: StageNumbers
    low: float
    high: float
    visits: int
    missing: int
    overtaken_by: StageNumbers | None = None


def headline_bounds(analysis: Analysis, pipeline: str = "") -> Bounds | None:
    """How far could the headline of a pipeline move if the rows in doubt were wrong?

    The trap: a share of 12,000 deals looks sure to a point, while 900 deals were set
    aside, or closed in one minute by an import. Each visit in doubt leaves the stage
    at the same age by the door of the losses, or the one to the next stage; each deal
    that was set aside is one entrant more that does so on its first day; and the curve is
    read again at the same horizon (docs/method.md, section 5). The true share lies
    between, if all rows that are not in doubt are right. None where the headline is no
    share, for a part of the data, and where a store does not say what is in doubt.

    >>> import leakkit
    >>> found = headline_bounds(leakkit.analyze(leakkit.load("sample")), "Equipment")
    >>> found.low <= found.stage.lost.share <= found.high
    True
    """
    pipeline_ = analysis.chosen(pipeline)[0]
    first, counts = find_headline(pipeline_), pipeline_.counts
    if analysis.doubtful is None or analysis.selection != EVERYTHING or first.by != "share":
        return None
    if counts is None:
        return None
    mine = [doubt for doubt in analysis.doubtful if doubt.pipeline == counts.number]
    found = {
        stage.stage: _bounds(counts, stage, [d for d in mine if d.stage == stage.stage])
        for stage in pipeline_.stages
        if stage.lost.share is not None
    }
    chosen = found.pop(first.stage.stage) if first.stage else None
    if chosen is None:
        return None
    others = [one for one in found.values() if _comparable(one.stage, chosen.stage)]
    worst = max(others, key=lambda one: (one.high, -one.stage.stage), default=None)
    overtaken = worst is not None and chosen.low < chosen.high and worst.high > chosen.low
    return replace(chosen, overtaken_by=worst.stage if worst and overtaken else None)


def _comparable(stage: StageNumbers, leader: StageNumbers) -> bool:
    """Say whether a stage could be the headline in place of the leader; `qualify` yields."""
    return stage.kind != "qualify" or leader.kind == "qualify"


def _bounds(counts: PipelineCounts, stage: StageNumbers, doubtful: list[DoubtfulVisits]) -> Bounds:
    """Read the lost share of a stage with all doubts decided the one way, and the other."""
    missing = sum(doubt.n for doubt in doubtful if doubt.entered is None)
    seen = [move for doubt in doubtful if (move := _count_doubt(counts, doubt))]
    kept = _share(counts, stage, _move_counts(seen, missing, (LOST, OPEN), ADVANCED))
    lost = _share(counts, stage, _move_counts(seen, missing, (), LOST))
    known = stage.lost.share or 0.0
    visits = sum(n for _, _, n in seen)
    # the known share is rounded, and where nothing is in doubt all three are one
    return Bounds(stage, min(kept, known), max(lost, known), visits, missing)


def _count_doubt(counts: PipelineCounts, doubt: DoubtfulVisits) -> Move | None:
    """Return how a visit in doubt counts in the curve; None where it does not."""
    if doubt.entered is None:
        return None
    start, end = (day * counts.pipeline.per_day for day in counts.read_days)
    if doubt.entered >= end or (doubt.left is not None and doubt.left < start):
        return None
    if doubt.left is None or doubt.left >= end:
        return OPEN, end - 1 - doubt.entered, doubt.n
    return doubt.exit, doubt.left - doubt.entered, doubt.n


def _move_counts(seen: list[Move], missing: int, away: tuple[str, ...], to: str) -> StayCounts:
    """Return what is added to the counts: visits that end otherwise, and those that are missing.

    `away` are the exits that end otherwise; empty: all of them.
    """
    moves = [
        move
        for exit_, age, n in seen
        if exit_ != to and (exit_ in away or not away)
        for move in ((exit_, age, -n), (to, age, n))
    ]
    moves += [(to, 0, missing)] if missing else []
    kinds = sorted({kind for kind, _, _ in moves})
    departures = {kind: _ages(m for m in moves if m[0] == kind) for kind in kinds}
    return StayCounts(_ages([("", 0, missing)] if missing else []), departures)


def _ages(moves: Iterable[Move]) -> AgeCounts:
    """Return moves of one kind as (ages, counts)."""
    listed = list(moves)
    ages, counts = ([move[i] for move in listed] for i in (1, 2))
    return np.array(ages, np.int64), np.array(counts, np.int64)


def _share(counts: PipelineCounts, stage: StageNumbers, more: StayCounts) -> float:
    """Read the lost share of a stage with other counts, at the same horizon."""
    curve = curve_of(counts, stage.stage, more)
    at = survival.index_at(curve, float(stage.horizon.age or 0))
    return round(float(survival.merge_doors(curve, (LOST,))[at]), 12)
