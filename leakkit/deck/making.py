"""A deck from an analysis: its opening, and the slides of every pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit import views
from leakkit.analysis import diagnose
from leakkit.deck.answers import answer
from leakkit.deck.content import LONGEST_NAME, Box, Placed, Slide, Tabled
from leakkit.deck.masters import client, house
from leakkit.deck.package import packed
from leakkit.deck.slides import slides_of
from leakkit.deck.told import Told, lines_of, name_of
from leakkit.deck.writing import Foot, write
from leakkit.views.grids import Cell, Grid, text_of
from leakkit.views.view import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from leakkit.analysis import Analysis
    from leakkit.words import Words

MANY = 6
"""Of more pipelines than this each has one slide: what it loses, and what to do."""
MOST = 30
LISTED = 10


@dataclass(frozen=True)
class Look:
    """What makes a deck a client's: its template, and what its author says on it."""

    template: Path | None = None
    author: str = ""


def deck(analysis: Analysis, look: Look | None = None) -> bytes:
    """Return a deck of all pipelines of an analysis, as the bytes of a .pptx file.

    Equal analyses give equal bytes. Raises LeakkitError for a template that cannot be used.
    """
    look = look or Look()
    words = words_of(analysis)
    master = client(look.template) if look.template else house()
    slides = tuple(_slides(analysis, words))
    write(master, slides, Foot())
    return packed(master.deck, slides[0].title, look.author or "leakkit")


def _slides(analysis: Analysis, words: Words) -> Iterator[Slide]:
    """Yield the opening, all pipelines at a glance, and the slides of each."""
    yield _opening(analysis, words)
    shown = analysis.pipelines[:MOST]
    if len(analysis.pipelines) > 1:
        yield _all(analysis, words)
    for one in shown:
        told = Told(diagnose(analysis, one.name), words)
        if len(analysis.pipelines) > MANY:
            yield answer(told)
        else:
            yield from slides_of(told)


def _opening(analysis: Analysis, words: Words) -> Slide:
    """Return the slide that opens a deck."""
    lone = len(analysis.pipelines) == 1
    title = (
        words.say("deck.opening_one", name=name_of(analysis.pipelines[0].name))
        if lone
        else words.say("deck.opening")
    )
    deals = sum(one.opportunities for one in analysis.pipelines)
    said = words.say("deck.subtitle", as_of=analysis.last_day, deals=deals)
    finger = words.say("provenance.fingerprint", fingerprint=analysis.fingerprint)
    return Slide(title, subtitle=said, opening=True, notes=(finger,))


def _all(analysis: Analysis, words: Words) -> Slide:
    """Return the slide of all pipelines: what leaks most, and what each says."""
    view = views.overview(analysis)
    rows = tuple(
        (
            Cell(name_of(one.name)),
            Cell(words.count(one.opportunities)),
            Cell(text_of(views.headline(analysis, one.name).headline, LONGEST_NAME)),
        )
        for one in analysis.pipelines[:LISTED]
    )
    heads = ("pipeline_name", "deals", "what_happened")
    grid = Grid(
        words.say("question.overview_pages"), tuple(words.say(f"table.{h}") for h in heads), rows
    )
    said = lines_of(view)
    left_out = len(analysis.pipelines) - MOST
    notes = [*said, words.say("deck.python", text="leakkit.views.overview(analysis)")]
    if left_out > 0:
        notes.append(words.say("deck.others", n=left_out))
    foot = words.say(
        "overview.as_of",
        n=len(analysis.pipelines),
        deals=sum(one.opportunities for one in analysis.pipelines),
        as_of=analysis.last_day,
    )
    part = Placed(Box(0, 0.02, 1, 0.96), Tabled(grid, (1.6, 0.8, 7), 13))
    title = text_of(view.headline, LONGEST_NAME)
    return Slide(title, words.say("deck.all"), (part,), foot, tuple(notes))
