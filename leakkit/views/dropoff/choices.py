"""What a view is asked for: a pipeline, a stage, a part of the data, deals or money."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.errors import LeakkitError
from leakkit.views.tables import bdi

if TYPE_CHECKING:
    from leakkit.analysis import Analysis, PipelineNumbers, Selection
    from leakkit.analysis.numbers import StageNumbers
    from leakkit.words import Words

BY = ("count", "value")
CURVES = ("visits", "policy")
"""The choices that change what is read off curves, and nothing that is counted."""
NAMED = 5
"""So many values of a column are named; of more it is said how many."""


def pipeline_of(analysis: Analysis, pipeline: str) -> PipelineNumbers:
    """Return the pipeline that is asked for; the first where none is."""
    return analysis.chosen(pipeline)[0]


def stages_of(chosen: PipelineNumbers, stage: str) -> tuple[StageNumbers, ...]:
    """Return the stage that is asked for; all where none is."""
    return (chosen[stage],) if stage else chosen.stages


def amount_of(by: str) -> str:
    """Return by what a view counts: count or value."""
    if by not in BY:
        message = f"A view counts by {' or by '.join(BY)}, not by {by!r}."
        raise LeakkitError("no_amount", message)
    return by


def part_line(
    analysis: Analysis,
    chosen: PipelineNumbers,
    words: Words,
    *curves: str,
    days: str = "days",
) -> Markup:
    """Say in one line which part of the data a view is of; empty where it is all.

    `curves` are the choices beside deals and days that this view depends on, `days` is the
    key of how it depends on days.
    """
    part = analysis.selection
    said = [*deals_lines(part, words), *_days_line(analysis, chosen, words, days)]
    if "visits" in curves and part.visits == "all":
        said.append(words.html("selection.visits"))
    if "policy" in curves and part.policy:
        said.append(words.html(f"selection.{part.policy}"))
    return Markup(" ").join(said)


def deals_lines(part: Selection, words: Words) -> list[Markup]:
    """Say which deals are chosen, a sentence for each column and one for the value."""
    said = [_column_line(name, values, words) for name, values in part.columns]
    least, below = (None if limit is None else limit * 100 for limit in part.worth)
    facts = {"least": least, "below": below}
    if least is not None and below is not None:
        said.append(words.html("selection.worth_between", **facts))
    elif least is not None or below is not None:
        key = "selection.worth_below" if least is None else "selection.worth_from"
        said.append(words.html(key, **facts))
    return said


def _column_line(name: str, values: tuple[str, ...], words: Words) -> Markup:
    """Say which values of a column are chosen; of many, the first ones."""
    if values == ("",):
        return words.html("selection.deals_without", segment=name)
    none = Markup("{}").format(words.say("bar.none"))
    named = [bdi(value) if value else none for value in values]
    if (more := len(named) - NAMED) > 1:
        first = Markup(", ").join(named[:NAMED])
        return words.html("selection.deals_more", segment=name, value=first, more=more)
    return words.html("selection.deals", segment=name, value=words.list_values(named))


def _days_line(analysis: Analysis, chosen: PipelineNumbers, words: Words, key: str) -> list[Markup]:
    """Say of which days a view is; nothing of the whole history."""
    if chosen.days is None:
        return []
    window = analysis.selection.window
    name = words.html(f"selection.{window}") if window != "all" else Markup("")
    facts = {"first": chosen.days[0], "last": chosen.days[1] - 1, "as_of": analysis.last_day}
    return [words.html(f"selection.{key}", window=name, **facts)]
