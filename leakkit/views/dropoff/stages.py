"""What becomes of the deals that enter each stage, and after how many days?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.analysis.headline import headline as find_headline
from leakkit.analysis.noted import notes_of
from leakkit.views import figures, tables
from leakkit.views.dropoff.choices import CURVES, amount_of, part_line, pipeline_of, stages_of
from leakkit.views.elements import heading, paragraphs
from leakkit.views.notes import note_lines
from leakkit.views.present import stages as present
from leakkit.views.texts import stay
from leakkit.views.view import answer, of_analysis, words_of

if TYPE_CHECKING:
    from leakkit.analysis import Analysis, PipelineAnalysis
    from leakkit.views.view import View
    from leakkit.words import Words


@of_analysis
def stages(analysis: Analysis, pipeline: str = "", *, by: str = "count") -> View:
    """What becomes of the deals that enter each stage, and how sure is that?

    `by` value, the share of the value that is lost stands first.
    """
    words, chosen = words_of(analysis), pipeline_of(analysis, pipeline)
    if chosen.present is not None:
        shown = present.table(analysis, chosen, words) + present.notes(analysis, chosen, words)
        return answer(words, "stages", table=shown, selection=part_line(analysis, chosen, words))
    worst = find_headline(chosen).stage
    marked = worst.stage if worst else None
    main = tables.stage_table(chosen, words, worst=marked, by=amount_of(by))
    notes = paragraphs(_notes(analysis, chosen, words))
    said = part_line(analysis, chosen, words, *CURVES)
    return answer(words, "stages", table=main + notes + _end(chosen, words), selection=said)


def _notes(analysis: Analysis, chosen: PipelineAnalysis, words: Words) -> list[Markup]:
    """Say how the table is to be read; of a part, that the days it is read at are the whole's."""
    part = analysis.selection
    whole = "selection.whole_days" if chosen.days else "selection.whole"
    return [
        words.html(whole) if chosen.days or part.visits != "first" or part.policy else Markup(""),
        words.html("stages.note"),
        words.html("stages.crm"),
        _policy_note(chosen, words),
        _value_order(chosen, words),
        *note_lines((one for one in notes_of(analysis, chosen) if not one.number), words),
    ]


def _end(chosen: PipelineAnalysis, words: Words) -> Markup:
    """Show what becomes of the deals in the end, and where they are lost."""
    return Markup("").join(
        (
            heading(words.say("stages.in_the_end_days" if chosen.days else "stages.in_the_end")),
            tables.in_the_end_table(chosen, words),
            heading(words.say("stages.where_lost")),
            tables.where_lost_table(chosen, words),
            paragraphs([_route_note(chosen, words)]),
        )
    )


def _route_note(chosen: PipelineAnalysis, words: Words) -> Markup:
    """Say what becomes of all deals within the days of the route."""
    route = chosen.route
    said = words.html(
        "stages.where_lost_note",
        won=route.won_share,
        lost=route.lost_share,
        limit=stay(words, route.limit, chosen.unit_per_day),
    )
    if not route.came_back:
        return said
    return said + Markup(" ") + words.html("stages.where_lost_back", back=route.came_back)


def _policy_note(chosen: PipelineAnalysis, words: Words) -> Markup:
    """Say whether the order of the leaks depends on how skipped stages are counted."""
    if not any(stage.exits.lost for stage in chosen.stages):
        return Markup("")
    orders = chosen.losing_order
    if len(set(orders.values())) == 1:
        return words.html("stages.policy_same")
    named = {
        policy: ", ".join(chosen.stages[stage].name for stage in order)
        for policy, order in orders.items()
    }
    return words.html("stages.policy_changes", **named)


def _value_order(chosen: PipelineAnalysis, words: Words) -> Markup:
    """Say the order of the stages by value lost, beside the order by count."""
    lost = [stage for stage in chosen.stages if stage.value_lost > 0]
    if not lost:
        return Markup("")
    order = sorted(lost, key=lambda s: (-s.value_lost, s.stage))
    said = words.html("stages.worst_by_value", names=", ".join(s.name for s in order))
    first = order[0]
    came = chosen.costs.worths[first.stage].entrants if chosen.costs else None
    if came is None or came.largest_share is None:
        return said
    key = f"stages.{came.largest_called}"
    return said + Markup(" ") + words.html(key, stage=first.name, share=came.largest_share)


@of_analysis
def days(analysis: Analysis, pipeline: str = "", *, stage: str = "") -> View:
    """After how many days do deals leave each stage (or one `stage`), and by which door?"""
    words, chosen = words_of(analysis), pipeline_of(analysis, pipeline)
    if chosen.present is not None:
        title, said = words.say("question.present_ages"), part_line(analysis, chosen, words)
        ages = present.ages(analysis, chosen, words)
        return answer(words, "days", title=title, table=ages, selection=said)
    note = paragraphs([words.html("days.note")])
    shown = figures.days_by_exit(chosen, words, stages_of(chosen, stage))
    said = part_line(analysis, chosen, words, *CURVES)
    return answer(words, "days", figure=shown, note=note, selection=said)
