"""The one stage to name first: a fact, not a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit.findings.value import worst_share

if TYPE_CHECKING:
    from leakkit.analysis.results import PipelineAnalysis
    from leakkit.measures.stage_results import StageResult


@dataclass(frozen=True)
class Headline:
    """Where a pipeline loses most.

    `by` is share where the share could be estimated, else count, else none where
    nothing was lost. `sureness` says how sure it is that `stage` has the largest share:
    surely, probably, or together, where one of the `rivals` may as well.
    """

    by: str
    stage: StageResult | None = None
    sureness: str = ""
    rivals: tuple[StageResult, ...] = ()


def headline(pipeline: PipelineAnalysis) -> Headline:
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


def _by_estimate(known: list[StageResult]) -> Headline:
    """Name the first of the stages, which are in the order of their shares, and its rivals."""
    worst = worst_share([stage.lost for stage in known])
    if worst is None or worst.members == (0,):
        return Headline("share", known[0], worst.sureness if worst else "surely")
    rivals = tuple(known[place] for place in sorted(worst.members) if place)
    return Headline("share", known[0], "together", rivals)


def _by_share(stage: StageResult) -> tuple[float, int]:
    """Order by lost share, the largest first, then by position."""
    return -(stage.lost.share or 0.0), stage.stage
