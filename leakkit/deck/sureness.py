"""How sure is all of this, and from which data?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit import views
from leakkit.deck.content import Box, Line, Text
from leakkit.deck.told import as_of, body, label, lines_of, short
from leakkit.views.dropoff.data import data_lines
from leakkit.views.reading import bounds_lines

if TYPE_CHECKING:
    from leakkit.deck.content import Slide
    from leakkit.deck.told import Told

LEFT, RIGHT = Box(0, 0.02, 0.47, 0.96), Box(0.53, 0.02, 0.47, 0.96)
SHOWN = 7


def sure(told: Told) -> Slide:
    """Say what the deals are, how far doubts move the headline, and from what all was made."""
    analysis, words = told.analysis, told.words
    view = views.data(analysis, told.pipeline.name)
    said = [short(line) for line in data_lines(analysis, told.pipeline, words)]
    doubts = [] if told.pipeline.present else bounds_lines(analysis, told.pipeline.name, words)
    doubt = [short(line) for line in doubts]
    rest = [line for line in said if line not in doubt]
    read = [line for line in lines_of(view) if line not in said]
    finger = words.say("provenance.fingerprint", fingerprint=analysis.fingerprint)
    days = {"first": words.say("deck.doubt"), "second": words.say("deck.rows")}
    left = (*_lines(days["first"], [*doubt, *rest[1:SHOWN]]),)
    right = (*_lines(days["second"], [*read[:SHOWN], finger]),)
    notes = (*said, *read, finger, told.analysis_call("data"))
    return told.slide(
        rest[0] if rest else as_of(told),
        "deck.sure",
        (LEFT, Text(left, days["first"])),
        (RIGHT, Text(right, days["second"])),
        foot=as_of(told),
        notes=notes,
    )


def _lines(head: str, said: list[str]) -> list[Line]:
    """Return lines under a heading."""
    return [label(head, 0), *(Line(text, body(text).size - 1.5, before=7) for text in said)]
