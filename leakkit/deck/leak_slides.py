"""The slides on where deals are lost: the answer, the pipe, the stages, the lists, how sure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit import views
from leakkit.analysis.headline import find_headline
from leakkit.deck import charts
from leakkit.deck.cause_slides import call_title, list_savable, repair_title
from leakkit.deck.content import (
    Box,
    Drawing,
    Line,
    Tabled,
    Text,
    as_of,
    between_tables,
    body,
    label_of,
    lines_of,
    name_of,
    read_headline,
    shorten,
    slide_tables,
)
from leakkit.views.drawing import pipe_forms
from leakkit.views.drawing.small_pictures import ROLES, Shift
from leakkit.views.dropoff.data_quality import bounds_lines, data_lines
from leakkit.views.dropoff.leak_headline import largest_sentence

if TYPE_CHECKING:
    from leakkit.deck.content import Part, Slide, Subject
    from leakkit.views.grids import Grid


# ---------------- answers
# The answer on one page: what, why, what it is worth, and what to do first.

STATEMENTS, PICTURE, ANSWER = (
    Box(0, 0.02, 0.36, 0.96),
    Box(0.41, 0.0, 0.59, 1.0),
    Box(0, 0.02, 0.8, 0.96),
)
BIG = 40.0


def answer_slide(subject: Subject) -> Slide:
    """Answer on one page, with one picture."""
    head = views.headline(subject.analysis, subject.pipeline.name)
    causes = views.causes_headline(subject.diagnosis)
    picture = _picture(subject)
    lines = Text((*_number(subject), *_statements(subject)), subject.words.say("deck.answer"))
    parts: list[tuple[Box, Part]] = [(STATEMENTS if picture else ANSWER, lines)]
    if picture:
        parts.append((PICTURE, picture))
    notes = (
        *lines_of(head),
        *lines_of(causes),
        subject.note("how", subject.words.say("method.share")),
        subject.call("causes_headline"),
    )
    return subject.slide(
        read_headline(head), "deck.answer", *parts, foot=as_of(subject), notes=notes
    )


def _number(subject: Subject) -> tuple[Line, ...]:
    """Return the number of the finding that leads, large; nothing where none leads."""
    if subject.leading is None:
        return ()
    shift, words = Shift.of(subject.leading), subject.words
    role = f"{ROLES[shift.kind][0]}-ink" if shift.warns else "ink"
    name = words.say(f"causes.kind_{shift.kind}")
    return (label_of(name, 0), Line(shift.say(words), BIG, role, bold=True, before=0))


def _statements(subject: Subject) -> list[Line]:
    """Return what to look at first, why, and what it is worth."""
    head = lines_of(views.headline(subject.analysis, subject.pipeline.name))
    if subject.pipeline.present is not None or subject.pipeline.notes.coverage:
        return [body(text, 8) for text in head]
    said = {"first": head[0] if head else "", "why": _why(subject), "worth": _worth(subject)}
    lines: list[Line] = []
    for key, text in said.items():
        if text:
            lines += [label_of(subject.words.say(f"deck.{key}")), body(text)]
    return lines


def _why(subject: Subject) -> str:
    """Say what the losses of the first stage look like, or what to review."""
    said = lines_of(views.causes_headline(subject.diagnosis))
    return said[0] if subject.diagnosis.stages and said else ""


def _worth(subject: Subject) -> str:
    """Say what it would bring to put right what got worse, and which deals can be saved."""
    joint = any(one.points is None for one in subject.diagnosis.repairs)
    said = [repair_title(subject)] if joint else []
    if list_savable(subject):
        said.append(call_title(subject))
    return " ".join(said)


def _picture(subject: Subject) -> Part | None:
    """Return the course of what got worse, else the losses of all stages."""
    if subject.pipeline.present is not None:
        return None
    course = charts.monthly_chart(subject, subject.leading) if subject.leading else None
    return course or charts.losses_chart(subject, subject.stage)


# ---------------- losses
# Where deals are lost: the pipe, the stages, the days and the months.

WHOLE = Box()
SHOWN_STAGES = 12


def pipe_slide(subject: Subject) -> Slide | None:
    """Show the pipe to scale, as shapes."""
    one, words = subject.pipeline, subject.words
    if not one.pipe.entered:
        return None
    worst = subject.stage.stage if subject.stage else None
    shown = pipe_forms.PipeTexts(one, words, worst, "count", ())
    alt = pipe_forms.alt_text(shown)
    names = tuple(name_of(stage.name) for stage in one.stages)
    drawing = Drawing(words.say("question.pipe"), alt, pipe_forms.wide(shown), names)
    notes = (
        alt,
        subject.note("out_of", pipe_forms.caption(shown)),
        subject.note("how", words.say("method.cohort")),
        subject.analysis_call("pipe"),
    )
    return subject.slide(_pipe_title(subject, alt), "question.pipe", (WHOLE, drawing), notes=notes)


def _pipe_title(subject: Subject, alt: str) -> str:
    """Say what the pipe shows: where most of those that came are lost."""
    worst = subject.stage.stage if subject.stage else None
    for one in subject.pipeline.pipe.stages:
        if one.stage == worst and one.width:
            count = subject.words.count
            facts = {"lost": count(one.all_lost), "reached": count(one.width)}
            share = one.all_lost / one.width
            return subject.words.say("deck.pipe", stage=one.name, share=share, **facts)
    return alt


def leaks_slide(subject: Subject) -> Slide | None:
    """Show which share of what enters each stage is lost, with its range."""
    largest = find_headline(subject.pipeline).stage
    chart = charts.losses_chart(subject, largest)
    if chart is None:
        return None
    say = subject.words.say
    view = views.stages(subject.analysis, subject.pipeline.name)
    columns = [say(f"table.{key}") for key in ("deals_in", "lost", "overdue", "value_lost")]
    grid = slide_tables(view)[0].only(columns, SHOWN_STAGES)
    notes = (
        subject.note("between", say("deck.range_wilson")),
        subject.note("how", say("method.share")),
        say("method.horizon"),
        *lines_of(view),
        subject.analysis_call("stages"),
    )
    return subject.slide(
        shorten(largest_sentence(subject.pipeline, subject.words)),
        "deck.leaks",
        (Box(0, 0, 0.44, 1), chart),
        (Box(0.48, 0.04, 0.52, 0.96), Tabled(grid, (1.5, 0.8, 1.3, 0.9, 1.1), 12)),
        foot=say("table.stages"),
        notes=notes,
    )


def stays_slide(subject: Subject) -> Slide | None:
    """Show after how many days the deals of the first stage leave, and by which door."""
    chart = charts.days_chart(subject, subject.stage) if subject.stage else None
    if chart is None:
        return None
    notes = (
        subject.words.say("days.note"),
        subject.note("how", subject.words.say("method.horizon")),
        subject.analysis_call("days"),
    )
    foot = subject.words.say("days.note")
    return subject.slide(chart.alt, "question.days", (WHOLE, chart), foot=foot, notes=notes)


def flow_slide(subject: Subject) -> Slide | None:
    """Show what came in and went out, month by month, and what an analyst noted."""
    chart = charts.months_chart(subject)
    if chart is None:
        return None
    said = charts.say_notes(subject, charts.dated_notes(subject))
    below = charts.notes_under(said, subject.words.say("deck.noted"))
    room = Box(height=1.0 - charts.UNDER) if below else WHOLE
    notes = (subject.note("out_of", as_of(subject)), *said, subject.analysis_call("months"))
    parts = ((room, chart), *below)
    return subject.slide(chart.alt, "question.months", *parts, foot=as_of(subject), notes=notes)


# ---------------- lists
# The slides of a list without a history: where deals stand, and what was written down.

LIST = Box(0, 0.02, 1, 0.96)
SHOWN_ROWS = 9


def standing_slide(subject: Subject) -> Slide | None:
    """Show where deals stand, and where they were lost."""
    view = views.pipe(subject.analysis, subject.pipeline.name)
    if not view.figure:
        return None
    names = tuple(name_of(stage.name) for stage in subject.pipeline.stages)
    drawing = Drawing(str(view.title), str(view.title), view.figure, names)
    title = read_headline(views.headline(subject.analysis, subject.pipeline.name))
    notes = (subject.words.say("present.note"), subject.analysis_call("pipe"))
    foot = as_of(subject)
    return subject.slide(title, "question.present", (LIST, drawing), foot=foot, notes=notes)


def reasons_slide(subject: Subject) -> Slide | None:
    """Show which reasons were written down."""
    view = views.evidence(subject.diagnosis)
    found, said = slide_tables(view), between_tables(view)
    if not found:
        return None
    title = read_headline(views.causes_headline(subject.diagnosis))
    notes = (*said, subject.call("evidence"))
    foot = " ".join(said[:1])
    table = _table(found[0])
    return subject.slide(title, "question.present_reasons", (LIST, table), foot=foot, notes=notes)


def owners_slide(subject: Subject) -> Slide | None:
    """Show won, lost and open deals by owner."""
    view = views.drivers(subject.diagnosis)
    found = slide_tables(view)
    if not found:
        return None
    foot, notes = subject.words.say("present.owners_note"), (subject.call("drivers"),)
    table = _table(found[0])
    title = found[0].caption
    return subject.slide(title, "question.present_owners", (LIST, table), foot=foot, notes=notes)


def _table(grid: Grid) -> Tabled:
    """Return the first rows of a table, with room for its names."""
    return Tabled(grid.only(grid.heads[1:], SHOWN_ROWS), (2.4, *[1.1] * (len(grid.heads) - 1)))


# ---------------- sureness
# How sure is all of this, and from which data?

RELIABILITY, SOURCES = Box(0, 0.02, 0.47, 0.96), Box(0.53, 0.02, 0.47, 0.96)
SHOWN_FILES = 7


def reliability_slide(subject: Subject) -> Slide:
    """Say what the deals are, how far doubts move the headline, and from what all was made."""
    analysis, words = subject.analysis, subject.words
    view = views.data(analysis, subject.pipeline.name)
    said = [shorten(line) for line in data_lines(analysis, subject.pipeline, words)]
    doubts = (
        [] if subject.pipeline.present else bounds_lines(analysis, subject.pipeline.name, words)
    )
    doubt = [shorten(line) for line in doubts]
    rest = [line for line in said if line not in doubt]
    read = [line for line in lines_of(view) if line not in said]
    finger = words.say("provenance.fingerprint", fingerprint=analysis.fingerprint)
    days = {"first": words.say("deck.doubt"), "second": words.say("deck.rows")}
    left = (*_lines(days["first"], [*doubt, *rest[1:SHOWN_FILES]]),)
    right = (*_lines(days["second"], [*read[:SHOWN_FILES], finger]),)
    notes = (*said, *read, finger, subject.analysis_call("data"))
    return subject.slide(
        rest[0] if rest else as_of(subject),
        "deck.sure",
        (RELIABILITY, Text(left, days["first"])),
        (SOURCES, Text(right, days["second"])),
        foot=as_of(subject),
        notes=notes,
    )


def _lines(head: str, said: list[str]) -> list[Line]:
    """Return lines under a heading."""
    return [label_of(head, 0), *(Line(text, body(text).size - 1.5, before=7) for text in said)]
