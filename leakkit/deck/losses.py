"""Where deals are lost: the pipe, the stages, the days and the months."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit import views
from leakkit.analysis.headline import headline as find_headline
from leakkit.deck import charts, noted
from leakkit.deck.content import Box, Drawing, Tabled
from leakkit.deck.told import as_of, lines_of, name_of, short, tables_of
from leakkit.views import pipe_forms
from leakkit.views.dropoff.headline import largest_sentence

if TYPE_CHECKING:
    from leakkit.deck.content import Slide
    from leakkit.deck.told import Told

WHOLE = Box()
SHOWN_STAGES = 12


def pipe(told: Told) -> Slide | None:
    """Show the pipe to scale, as shapes."""
    one, words = told.pipeline, told.words
    if not one.pipe.entered:
        return None
    worst = told.stage.stage if told.stage else None
    shown = pipe_forms.Told(one, words, worst, "count", ())
    alt = pipe_forms.alt_text(shown)
    names = tuple(name_of(stage.name) for stage in one.stages)
    drawing = Drawing(words.say("question.pipe"), alt, pipe_forms.wide(shown), names)
    notes = (
        alt,
        told.note("out_of", pipe_forms.caption(shown)),
        told.note("how", words.say("method.cohort")),
        told.analysis_call("pipe"),
    )
    return told.slide(_pipe_title(told, alt), "question.pipe", (WHOLE, drawing), notes=notes)


def _pipe_title(told: Told, alt: str) -> str:
    """Say what the pipe shows: where most of those that came are lost."""
    worst = told.stage.stage if told.stage else None
    for one in told.pipeline.pipe.stages:
        if one.stage == worst and one.width:
            count = told.words.count
            facts = {"lost": count(one.all_lost), "reached": count(one.width)}
            share = one.all_lost / one.width
            return told.words.say("deck.pipe", stage=one.name, share=share, **facts)
    return alt


def leaks(told: Told) -> Slide | None:
    """Show which share of what enters each stage is lost, with its range."""
    largest = find_headline(told.pipeline).stage
    chart = charts.lost_by_stage(told, largest)
    if chart is None:
        return None
    say = told.words.say
    view = views.stages(told.analysis, told.pipeline.name)
    columns = [say(f"table.{key}") for key in ("deals_in", "lost", "overdue", "value_lost")]
    grid = tables_of(view)[0].only(columns, SHOWN_STAGES)
    notes = (
        told.note("between", say("deck.range_wilson")),
        told.note("how", say("method.share")),
        say("method.horizon"),
        *lines_of(view),
        told.analysis_call("stages"),
    )
    return told.slide(
        short(largest_sentence(told.pipeline, told.words)),
        "deck.leaks",
        (Box(0, 0, 0.44, 1), chart),
        (Box(0.48, 0.04, 0.52, 0.96), Tabled(grid, (1.5, 0.8, 1.3, 0.9, 1.1), 12)),
        foot=say("table.stages"),
        notes=notes,
    )


def stay(told: Told) -> Slide | None:
    """Show after how many days the deals of the first stage leave, and by which door."""
    chart = charts.days(told, told.stage) if told.stage else None
    if chart is None:
        return None
    notes = (
        told.words.say("days.note"),
        told.note("how", told.words.say("method.horizon")),
        told.analysis_call("days"),
    )
    foot = told.words.say("days.note")
    return told.slide(chart.alt, "question.days", (WHOLE, chart), foot=foot, notes=notes)


def flow(told: Told) -> Slide | None:
    """Show what came in and went out, month by month, and what an analyst noted."""
    chart = charts.months(told)
    if chart is None:
        return None
    said = noted.say(told, noted.dated(told))
    below = noted.under(said, told.words.say("deck.noted"))
    room = Box(height=1.0 - noted.UNDER) if below else WHOLE
    notes = (told.note("out_of", as_of(told)), *said, told.analysis_call("months"))
    parts = ((room, chart), *below)
    return told.slide(chart.alt, "question.months", *parts, foot=as_of(told), notes=notes)
