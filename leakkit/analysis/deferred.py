"""Frozen values whose parts are worked out when they are first read.

A change of a choice on the screen asks for one view, and a view reads a few of the
numbers of a pipeline. The value is the same as if all had been worked out at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from leakkit.analysis.results import PipelineAnalysis
from leakkit.measures.stage_results import StageResult

if TYPE_CHECKING:
    from collections.abc import Callable

    Parts = dict[str, Callable[[], object]]
    """How each number is found, by its name."""


Key = TypeVar("Key")
Value = TypeVar("Value")


class Later(Mapping[Key, Value], Generic[Key, Value]):
    """A mapping that is made when it is first looked into."""

    def __init__(self, make: Callable[[], Mapping[Key, Value]]) -> None:
        """Keep how it is made."""
        self._make = make

    @cached_property
    def made(self) -> Mapping[Key, Value]:
        """The mapping itself."""
        return self._make()

    def __getitem__(self, key: Key) -> Value:
        """Return the value of a key."""
        return self.made[key]

    def __iter__(self) -> Iterator[Key]:
        """Yield the keys."""
        return iter(self.made)

    def __len__(self) -> int:
        """Return how many keys there are."""
        return len(self.made)


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


def settle_stage(stage: StageResult) -> StageResult:
    """Return a stage with every number found."""
    return StageResult(**{field.name: getattr(stage, field.name) for field in fields(StageResult)})


def settle_pipeline(pipeline: PipelineAnalysis) -> PipelineAnalysis:
    """Return a pipeline with every number found."""
    found = {field.name: getattr(pipeline, field.name) for field in fields(PipelineAnalysis)}
    found["stages"] = tuple(settle_stage(stage) for stage in pipeline.stages)
    return PipelineAnalysis(**found)
