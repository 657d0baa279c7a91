"""The one stage to name first: a fact, not a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leakkit.analysis.results import PipelineAnalysis
    from leakkit.measures.stages import StageResult


@dataclass(frozen=True)
class Headline:
    """Where a pipeline loses most.

    `by` is share where the share could be estimated, else count, else none where
    nothing was lost. `rival` is a second stage whose interval overlaps, if there is one.
    """

    by: str
    stage: StageResult | None = None
    rival: StageResult | None = None


def headline(pipeline: PipelineAnalysis) -> Headline:
    """Which stage loses the largest share of what enters it?

    Losses of a stage of kind `qualify` may be healthy: it is named only where no other
    stage leaks. Where the interval of the next stage overlaps, both are named; where
    no share could be estimated, the largest count is.
    """
    leaking = [stage for stage in pipeline.stages if stage.exits.lost]
    candidates = [stage for stage in leaking if stage.kind != "qualify"] or leaking
    known = sorted((s for s in candidates if s.lost.share), key=_by_share)
    if known:
        second = known[1] if len(known) > 1 and _overlap(known[0], known[1]) else None
        return Headline("share", known[0], second)
    if candidates:
        return Headline("count", min(candidates, key=lambda s: (-s.exits.lost, s.stage)))
    return Headline("none")


def _by_share(stage: StageResult) -> tuple[float, int]:
    """Order by lost share, the largest first, then by position."""
    return -(stage.lost.share or 0.0), stage.stage


def _overlap(first: StageResult, second: StageResult) -> bool:
    """Say whether the intervals of two lost shares overlap."""
    return (second.lost.high or 0.0) >= (first.lost.low or 0.0)
