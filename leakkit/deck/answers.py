"""The answer on one page: what, why, what it is worth, and what to do first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit import views
from leakkit.deck import charts
from leakkit.deck.content import Box, Line, Text
from leakkit.deck.repairs import call_title, list_savable, repair_title
from leakkit.deck.told import as_of, body, label, lines_of, read_headline
from leakkit.views.shift import ROLES, Shift

if TYPE_CHECKING:
    from leakkit.deck.content import Part, Slide
    from leakkit.deck.told import Told

LEFT, RIGHT, WHOLE = Box(0, 0.02, 0.36, 0.96), Box(0.41, 0.0, 0.59, 1.0), Box(0, 0.02, 0.8, 0.96)
BIG = 40.0


def answer(told: Told) -> Slide:
    """Answer on one page, with one picture."""
    head = views.headline(told.analysis, told.pipeline.name)
    causes = views.causes_headline(told.diagnosis)
    picture = _picture(told)
    lines = Text((*_number(told), *_statements(told)), told.words.say("deck.answer"))
    parts: list[tuple[Box, Part]] = [(LEFT if picture else WHOLE, lines)]
    if picture:
        parts.append((RIGHT, picture))
    notes = (
        *lines_of(head),
        *lines_of(causes),
        told.note("how", told.words.say("method.share")),
        told.call("causes_headline"),
    )
    return told.slide(read_headline(head), "deck.answer", *parts, foot=as_of(told), notes=notes)


def _number(told: Told) -> tuple[Line, ...]:
    """Return the number of the finding that leads, large; nothing where none leads."""
    if told.leading is None:
        return ()
    shift, words = Shift.of(told.leading), told.words
    role = f"{ROLES[shift.kind][0]}-ink" if shift.warns else "ink"
    name = words.say(f"causes.kind_{shift.kind}")
    return (label(name, 0), Line(shift.say(words), BIG, role, bold=True, before=0))


def _statements(told: Told) -> list[Line]:
    """Return what to look at first, why, and what it is worth."""
    head = lines_of(views.headline(told.analysis, told.pipeline.name))
    if told.pipeline.present is not None or told.pipeline.notes.coverage:
        return [body(text, 8) for text in head]
    said = {"first": head[0] if head else "", "why": _why(told), "worth": _worth(told)}
    lines: list[Line] = []
    for key, text in said.items():
        if text:
            lines += [label(told.words.say(f"deck.{key}")), body(text)]
    return lines


def _why(told: Told) -> str:
    """Say what the losses of the first stage look like, or what to review."""
    said = lines_of(views.causes_headline(told.diagnosis))
    return said[0] if told.diagnosis.stages and said else ""


def _worth(told: Told) -> str:
    """Say what it would bring to put right what got worse, and which deals can be saved."""
    joint = any(one.points is None for one in told.diagnosis.repairs)
    said = [repair_title(told)] if joint else []
    if list_savable(told):
        said.append(call_title(told))
    return " ".join(said)


def _picture(told: Told) -> Part | None:
    """Return the course of what got worse, else the losses of all stages."""
    if told.pipeline.present is not None:
        return None
    course = charts.by_month(told, told.leading) if told.leading else None
    return course or charts.lost_by_stage(told, told.stage)
