"""Notes of an analyst on slides: numbers beside the months, and what they say under the chart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.analysis.noted import notes_of
from leakkit.deck.content import Box, Line, Text
from leakkit.deck.told import short
from leakkit.views.notes import note_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.analysis.noted import Noted
    from leakkit.deck.content import Part
    from leakkit.deck.told import Told

MOST_LINES = 4
"""So many notes stand on a slide; those of the speaker have all."""
UNDER = 0.2
"""The share of a slide that the notes under a chart take."""


def dated(told: Told, stage: str = "") -> tuple[Noted, ...]:
    """Return the notes that have a day; where a stage is named, those on it and on all."""
    return tuple(
        one
        for one in notes_of(told.analysis, told.pipeline)
        if one.number and (not stage or one.stage in {"", stage})
    )


def say(told: Told, notes: Sequence[Noted], *, of_stage: bool = False) -> tuple[str, ...]:
    """Say each note in a line of text."""
    return tuple(short(one) for one in note_lines(notes, told.words, of_stage=of_stage))


def name_months(told: Told, first_days: Sequence[int], notes: Sequence[Noted]) -> tuple[str, ...]:
    """Return the names of some months, each with the numbers of the notes on its days."""
    marks: dict[str, list[str]] = {told.words.month(day): [] for day in first_days}
    for one in notes:
        month = told.words.month(one.day or 0)
        if month in marks:
            marks[month].append(str(one.number))
    return tuple(f"{name} [{', '.join(said)}]" if said else name for name, said in marks.items())


def under(said: Sequence[str], name: str) -> list[tuple[Box, Part]]:
    """Return notes as lines at the foot of the room; nothing where there are none."""
    lines = tuple(Line(one, 11, "muted", before=2) for one in said[:MOST_LINES])
    return [(Box(0, 1.0 - UNDER, 1, UNDER), Text(lines, name))] if lines else []
