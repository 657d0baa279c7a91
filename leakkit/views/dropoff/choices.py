"""What a view is asked for: a pipeline, a stage, a part of the data, deals or money."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.config import folded
from leakkit.errors import LeakkitError

if TYPE_CHECKING:
    from leakkit.analysis import Analysis, PipelineAnalysis
    from leakkit.measures.stages import StageResult
    from leakkit.words import Words

BY = ("count", "value")
CURVES = ("window", "visits", "policy")
"""The choices that change what is read off curves, and nothing that is counted."""


def pipeline_of(analysis: Analysis, pipeline: str) -> PipelineAnalysis:
    """Return the pipeline that is asked for; the first where none is."""
    return analysis[pipeline] if pipeline else analysis.pipelines[0]


def stages_of(chosen: PipelineAnalysis, stage: str) -> tuple[StageResult, ...]:
    """Return the stage that is asked for; all where none is."""
    if not stage:
        return chosen.stages
    found = tuple(each for each in chosen.stages if folded(each.name) == folded(stage))
    if not found:
        names = ", ".join(each.name for each in chosen.stages)
        message = f"There is no stage {stage!r}. There are: {names}."
        raise LeakkitError("no_stage", message)
    return found


def amount_of(by: str) -> str:
    """Return by what a view counts: count or value."""
    if by not in BY:
        message = f"A view counts by {' or by '.join(BY)}, not by {by!r}."
        raise LeakkitError("no_amount", message)
    return by


def part_line(analysis: Analysis, chosen: PipelineAnalysis, words: Words, *curves: str) -> Markup:
    """Say in one line which part of the data a view is of; empty where it is all.

    `curves` are the choices beside the deals that this view depends on.
    """
    part, said = analysis.selection, []
    if part.segment:
        key = "selection.deals" if part.value else "selection.deals_without"
        said.append(words.html(key, segment=part.segment, value=part.value))
    days_of = {"current": chosen.windows.current, "baseline": chosen.windows.baseline}
    if "window" in curves and (days := days_of.get(part.window)):
        key = f"selection.{part.window}"
        said.append(words.html(key, first=days[0], last=days[1] - 1))
    if "visits" in curves and part.visits == "all":
        said.append(words.html("selection.visits"))
    if "policy" in curves and part.policy:
        said.append(words.html(f"selection.{part.policy}"))
    return Markup(" ").join(said)
