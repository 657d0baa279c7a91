"""The slides of one pipeline, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.deck.answers import answer
from leakkit.deck.causes import changes, people, why
from leakkit.deck.interventions import actions
from leakkit.deck.lists import owners, reasons, standing
from leakkit.deck.losses import flow, leaks, pipe, stay
from leakkit.deck.repairs import calls, repairs
from leakkit.deck.sureness import sure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from leakkit.deck.content import Slide
    from leakkit.deck.told import Told

OF_A_HISTORY: tuple[Callable[[Told], Slide | None], ...] = (
    answer, pipe, leaks, changes, why, people, repairs, calls, actions, stay,
    flow, sure,
)  # fmt: skip
OF_A_LIST: tuple[Callable[[Told], Slide | None], ...] = (answer, standing, reasons, owners, sure)


def slides_of(told: Told) -> Iterator[Slide]:
    """Yield the slides of a pipeline; one whose question has no answer in the data is left out."""
    for make in OF_A_HISTORY if told.pipeline.present is None else OF_A_LIST:
        slide = make(told)
        if slide is not None:
            yield slide
