"""Did what we changed work?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit import views
from leakkit.deck.content import Box, Chart, Line, Series, Tabled, Text
from leakkit.deck.told import between_tables, label, lines_of, name_of, read_headline, tables_of

if TYPE_CHECKING:
    from leakkit.deck.content import Part, Slide
    from leakkit.deck.told import Told
    from leakkit.findings.interventions import Change, Group

SHOWN_ROWS, SHOWN_LINES = 5, 3


def actions(told: Told) -> Slide | None:
    """Show what became of the declared interventions; None where none is declared."""
    if not told.diagnosis.interventions:
        return None
    view = views.before_and_since(told.diagnosis)
    chart, found, said = _shares(told), tables_of(view), between_tables(view)
    parts: list[tuple[Box, Part]] = [(Box(0, 0, 0.34, 0.96), chart)] if chart else []
    left, top = 0.37 if chart else 0.0, 0.02
    if found:
        grid = found[0]
        widths = (1.7, *[1.5] * (len(grid.heads) - 1))
        table = Tabled(grid.only(grid.heads[1:], SHOWN_ROWS), widths)
        parts.append((Box(left, top, 1 - left, 0.5), table))
        top += 0.16 + 0.08 * min(len(grid.rows), SHOWN_ROWS)
    lines = tuple(Line(one, 12, "muted", before=3) for one in said[:SHOWN_LINES])
    if lines:
        head = label(told.words.say("deck.compared"), 0)
        parts.append((Box(left, top, 1 - left, 0.97 - top), Text((head, *lines), head.text)))
    notes = (*said, *lines_of(view), told.call("before_and_since"))
    foot = told.words.say("deck.since")
    return told.slide(
        read_headline(view), "question.before_and_since", *parts, foot=foot, notes=notes
    )


def _shares(told: Told) -> Chart | None:
    """Return the share lost before and since of every stage that can be compared."""
    found = [
        (f"{name_of(one.intervention.name)}: {name_of(effect.stage)}", effect.change)
        for one in told.diagnosis.interventions
        for effect in one.effects
        if effect.change is not None
    ][:SHOWN_ROWS]
    if not found:
        return None
    words, title = told.words, told.words.say("interventions.table")
    names = tuple(name for name, _ in found)
    series = (
        _series(words.say("table.lost_before"), [change.before for _, change in found], "open"),
        _series(words.say("table.lost_since"), [change.since for _, change in found], "open-edge"),
    )
    said = "; ".join(f"{name}: {_say_shares(told, change)}" for name, change in found)
    return Chart("columns", title, f"{title}: {said}.", names, series, title=title)


def _series(name: str, groups: list[Group], role: str) -> Series:
    """Return one side of the day."""
    shares = tuple(group.share for group in groups)
    return Series(name, shares, role, tuple((group.low, group.high) for group in groups))


def _say_shares(told: Told, change: Change) -> str:
    """Say both shares."""
    words = told.words
    return f"{words.share(change.before.share)} \u2192 {words.share(change.since.share)}"
