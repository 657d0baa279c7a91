"""The slides of a list without a history: where deals stand, and what was written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit import views
from leakkit.deck.content import Box, Drawing, Tabled
from leakkit.deck.told import as_of, between_tables, name_of, read_headline, tables_of

if TYPE_CHECKING:
    from leakkit.deck.content import Slide
    from leakkit.deck.told import Told
    from leakkit.views.grids import Grid

WHOLE = Box(0, 0.02, 1, 0.96)
SHOWN = 9


def standing(told: Told) -> Slide | None:
    """Show where deals stand, and where they were lost."""
    view = views.pipe(told.analysis, told.pipeline.name)
    if not view.figure:
        return None
    names = tuple(name_of(stage.name) for stage in told.pipeline.stages)
    drawing = Drawing(str(view.title), str(view.title), view.figure, names)
    title = read_headline(views.headline(told.analysis, told.pipeline.name))
    notes = (told.words.say("present.note"), told.analysis_call("pipe"))
    foot = as_of(told)
    return told.slide(title, "question.present", (WHOLE, drawing), foot=foot, notes=notes)


def reasons(told: Told) -> Slide | None:
    """Show which reasons were written down."""
    view = views.evidence(told.diagnosis)
    found, said = tables_of(view), between_tables(view)
    if not found:
        return None
    title = read_headline(views.causes_headline(told.diagnosis))
    notes = (*said, told.call("evidence"))
    foot = " ".join(said[:1])
    table = _table(found[0])
    return told.slide(title, "question.present_reasons", (WHOLE, table), foot=foot, notes=notes)


def owners(told: Told) -> Slide | None:
    """Show won, lost and open deals by owner."""
    view = views.drivers(told.diagnosis)
    found = tables_of(view)
    if not found:
        return None
    foot, notes = told.words.say("present.owners_note"), (told.call("drivers"),)
    table = _table(found[0])
    title = found[0].caption
    return told.slide(title, "question.present_owners", (WHOLE, table), foot=foot, notes=notes)


def _table(grid: Grid) -> Tabled:
    """Return the first rows of a table, with room for its names."""
    return Tabled(grid.only(grid.heads[1:], SHOWN), (2.4, *[1.1] * (len(grid.heads) - 1)))
