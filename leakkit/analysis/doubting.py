"""How far the lost share of a stage could move if the rows in doubt were wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from leakkit.analysis import learning
from leakkit.analysis.headline import headline
from leakkit.analysis.selection import EVERYTHING
from leakkit.analysis.stage import curve_of
from leakkit.measures import survival
from leakkit.measures.age_counts import StayCounts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leakkit.analysis.material import Material
    from leakkit.analysis.results import Analysis
    from leakkit.measures.age_counts import AgeCounts
    from leakkit.measures.stage_results import StageResult
    from leakkit.store.doubts import Doubt

LOST, ADVANCED, OPEN = "lost", "next", "open"
Move = tuple[str, int, int]
"""An exit, the age at which it counts, and how many visits more (or less) leave by it."""


@dataclass(frozen=True)
class Bounds:
    """Between which values the lost share of a stage lies, whatever the rows in doubt were.

    `visits` are those in doubt, `missing` the deals (and rows without a deal) that may
    have been in the stage and are not counted. `overtaken_by` is a stage that could then
    lose a larger share than this one; None where there is none.
    """

    stage: StageResult
    low: float
    high: float
    visits: int
    missing: int
    overtaken_by: StageResult | None = None


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
    names = [one.name for one in analysis.pipelines]
    at = names.index(analysis.chosen(pipeline)[0].name)
    first = headline(analysis.pipelines[at])
    if analysis.doubts is None or analysis.selection != EVERYTHING or first.by != "share":
        return None
    material = analysis.materials[at]
    mine = [doubt for doubt in analysis.doubts if doubt.pipeline == material.asked.number]
    found = {
        stage.stage: _bounds(material, stage, [d for d in mine if d.stage == stage.stage])
        for stage in analysis.pipelines[at].stages
        if stage.lost.share is not None
    }
    chosen = found.pop(first.stage.stage) if first.stage else None
    if chosen is None:
        return None
    others = [one for one in found.values() if _comparable(one.stage, chosen.stage)]
    worst = max(others, key=lambda one: (one.high, -one.stage.stage), default=None)
    overtaken = worst is not None and chosen.low < chosen.high and worst.high > chosen.low
    return replace(chosen, overtaken_by=worst.stage if worst and overtaken else None)


def _comparable(stage: StageResult, leader: StageResult) -> bool:
    """Say whether a stage could be the headline in place of the leader; `qualify` yields."""
    return stage.kind != "qualify" or leader.kind == "qualify"


def _bounds(material: Material, stage: StageResult, doubts: list[Doubt]) -> Bounds:
    """Read the lost share of a stage with all doubts decided the one way, and the other."""
    missing = sum(doubt.n for doubt in doubts if doubt.entered is None)
    seen = [move for doubt in doubts if (move := _count_doubt(material, doubt))]
    kept = _share(material, stage, _move_counts(seen, missing, (LOST, OPEN), ADVANCED))
    lost = _share(material, stage, _move_counts(seen, missing, (), LOST))
    known = stage.lost.share or 0.0
    visits = sum(n for _, _, n in seen)
    # the known share is rounded, and where nothing is in doubt all three are one
    return Bounds(stage, min(kept, known), max(lost, known), visits, missing)


def _count_doubt(material: Material, doubt: Doubt) -> Move | None:
    """Return how a visit in doubt counts in the curve; None where it does not."""
    if doubt.entered is None:
        return None
    start, end = (day * material.asked.per_day for day in material.read_days)
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


def _share(material: Material, stage: StageResult, more: StayCounts) -> float:
    """Read the lost share of a stage with other counts, at the same horizon."""
    key = (learning.ALL, stage.stage, learning.FIRST)
    stays = {**material.stays, key: material.stay(stage.stage) + more}
    curve = curve_of(replace(material, stays=stays), stage.stage)
    at = survival.index_at(curve, float(stage.horizon.age or 0))
    return round(float(survival.merge_doors(curve, (LOST,))[at]), 12)
