"""Frozen values whose parts are worked out when they are first read.

A change of a choice on the screen asks for one view, and a view reads a few of the
numbers of a pipeline. The value is the same as if all had been worked out at once.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from leakkit.analysis.results import PipelineAnalysis
from leakkit.measures.stages import StageResult

if TYPE_CHECKING:
    from collections.abc import Callable

    Parts = dict[str, Callable[[], object]]
    """How each number is found, by its name."""


class Deferred:
    """Takes, for every field, how its value is found."""

    def __init__(self, parts: Parts) -> None:
        """Keep how each part is found; find none yet."""
        vars(self)["_parts"] = parts

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a part may be of any type
        """Find a part that is read for the first time; it is an attribute from then on."""
        known = vars(self)
        if name not in known.get("_parts", ()):
            message = f"{type(self).__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        known[name] = known["_parts"][name]()
        return known[name]


class DeferredStage(Deferred, StageResult):
    """A stage whose numbers are found when they are read."""


class DeferredPipeline(Deferred, PipelineAnalysis):
    """A pipeline whose numbers are found when they are read."""


def settled_stage(stage: StageResult) -> StageResult:
    """Return a stage with every number found."""
    return StageResult(**{field.name: getattr(stage, field.name) for field in fields(StageResult)})


def settled(pipeline: PipelineAnalysis) -> PipelineAnalysis:
    """Return a pipeline with every number found."""
    found = {field.name: getattr(pipeline, field.name) for field in fields(PipelineAnalysis)}
    found["stages"] = tuple(settled_stage(stage) for stage in pipeline.stages)
    return PipelineAnalysis(**found)
