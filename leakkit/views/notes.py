"""What an analyst noted: marks in pictures over time, and lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.views.texts import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from markupsafe import Markup

    from leakkit.analysis.results import DayNote
    from leakkit.words import Words

APART = 18
"""Marks that are nearer than so many pixels share one place for their numbers."""


def note_lines(notes: Iterable[DayNote], words: Words, *, of_stage: bool = False) -> list[Markup]:
    """Say each note in a line; with `of_stage` the stage is said already where they stand."""
    return [words.html(_key(one, of_stage=of_stage), **_facts(one)) for one in notes]


def note_texts(notes: Iterable[DayNote], words: Words) -> list[str]:
    """Say each note in a line of plain text."""
    return [words.say(_key(one), **_facts(one)) for one in notes]


def places(notes: Iterable[tuple[DayNote, float]]) -> list[tuple[float, str]]:
    """Return where the numbers of marks stand, those of near marks together.

    >>> from leakkit.analysis.results import DayNote
    >>> marks = [(DayNote(n, "", 0, ""), x) for n, x in ((1, 10.0), (2, 20.0), (3, 90.0))]
    >>> places(marks)
    [(10.0, '1, 2'), (90.0, '3')]
    """
    found: list[tuple[float, float, str]] = []
    for one, x in notes:
        if found and abs(x - found[-1][1]) < APART:
            first, _, said = found[-1]
            found[-1] = (first, x, f"{said}, {one.number}")
        else:
            found.append((x, x, str(one.number)))
    return [(first, said) for first, _, said in found]


def _key(one: DayNote, *, of_stage: bool = False) -> str:
    """Return the key of the sentence of a note."""
    day, stage = "day" if one.number else "any", "_stage" if one.stage and not of_stage else ""
    return f"notes.{day}{stage}"


def _facts(one: DayNote) -> dict[str, object]:
    """Return what is said of a note, its texts without line breaks or signs of direction."""
    text, stage = (" ".join(plain(said).split()) for said in (one.text, one.stage))
    return {"number": str(one.number), "day": one.day, "text": text, "stage": stage}
