"""Where the pipe leaks, what becomes of the deals of each stage, and what the balance says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.analysis.headline import find_headline
from leakkit.analysis.results import find_notes
from leakkit.analysis.scope import EVERYTHING
from leakkit.findings.finding import leading
from leakkit.page.style import REPEATED, SECTION
from leakkit.views import html_tables
from leakkit.views import list_pages as present
from leakkit.views.drawing import figures
from leakkit.views.drawing.small_pictures import shifts
from leakkit.views.dropoff.data_quality import count_outcome
from leakkit.views.elements import fold_content, heading, name_stay, note_lines, paragraphs
from leakkit.views.view import (
    CURVES,
    amount_of,
    answer,
    of_analysis,
    part_line,
    pipeline_of,
    stages_of,
    words_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.findings import Finding
    from leakkit.measures.balance import PipelineBalance
    from leakkit.views.view import View
    from leakkit.words import Words


# ---------------- pipe
# Where does the pipe leak, and which leak is to be looked at first?


@of_analysis
def pipe(analysis: Analysis, pipeline: str = "", *, by: str = "count") -> View:
    """Where does the pipe leak? A cohort, each deal once, to scale; in deals or `by` value.

    The strong red is the leak to look at first: the one that got worse, else the largest.
    """
    words, chosen = words_of(analysis), pipeline_of(analysis, pipeline)
    if chosen.present is not None:
        shown = present.list_figure(analysis, chosen, words, amount_of(by))
        title, said = words.say("question.present"), part_line(analysis, chosen, words)
        return answer(words, "pipe", title=title, figure=shown, selection=said)
    found = () if analysis.selection != EVERYTHING else analysis.all_findings
    worst = choose_emphasis(chosen, found)
    shown_shifts = shifts(chosen, found) if amount_of(by) == "count" else ()
    shown = figures.pipe_figure(chosen, words, worst=worst, by=by, shifts=shown_shifts)
    said = part_line(analysis, chosen, words, days="created")
    if analysis.selection != EVERYTHING and by == "count":
        said = Markup(" ").join(filter(None, [said, words.html("selection.no_strip")]))
    return answer(words, "pipe", figure=shown, selection=said)


def choose_emphasis(chosen: PipelineNumbers, findings: Iterable[Finding]) -> int | None:
    """Return the stage whose leak to look at first: what got worse, else what loses most."""
    own = (f for f in findings if f.pipeline == chosen.name)
    led = [f for card in leading(own) for f in card if f.kind == "lost"]
    names = {stage.name: stage.stage for stage in chosen.stages}
    largest = find_headline(chosen).stage
    if led and led[0].stage in names:
        return names[led[0].stage]
    return largest.stage if largest else None


# ---------------- stages
# What becomes of the deals that enter each stage, and after how many days?


@of_analysis
def stages(analysis: Analysis, pipeline: str = "", *, by: str = "count") -> View:
    """What becomes of the deals that enter each stage, and how sure is that?

    `by` value, the share of the value that is lost stands first.
    """
    words, chosen = words_of(analysis), pipeline_of(analysis, pipeline)
    if chosen.present is not None:
        shown = present.list_table(analysis, chosen, words) + present.list_notes(
            analysis, chosen, words
        )
        return answer(words, "stages", table=shown, selection=part_line(analysis, chosen, words))
    worst = find_headline(chosen).stage
    marked = worst.stage if worst else None
    main = html_tables.stage_table(chosen, words, worst=marked, by=amount_of(by))
    notes = paragraphs(_stage_notes(analysis, chosen, words))
    said = part_line(analysis, chosen, words, *CURVES)
    return answer(words, "stages", table=main + notes + _end(chosen, words), selection=said)


def _stage_notes(analysis: Analysis, chosen: PipelineNumbers, words: Words) -> list[Markup]:
    """Say how the table is to be read; of a part, that the days it is read at are the whole's."""
    part = analysis.selection
    whole = "selection.whole_days" if chosen.days else "selection.whole"
    return [
        words.html(whole) if chosen.days or part.visits != "first" or part.policy else Markup(""),
        words.html("stages.note"),
        words.html("stages.crm"),
        _policy_note(chosen, words),
        _value_order(chosen, words),
        *note_lines((one for one in find_notes(analysis, chosen) if not one.number), words),
    ]


def _end(chosen: PipelineNumbers, words: Words) -> Markup:
    """Show what becomes of the deals in the end, and where they are lost."""
    return Markup("").join(
        (
            heading(words.say("stages.in_the_end_days" if chosen.days else "stages.in_the_end")),
            html_tables.in_the_end_table(chosen, words),
            heading(words.say("stages.where_lost")),
            html_tables.where_lost_table(chosen, words),
            paragraphs([_route_note(chosen, words)]),
        )
    )


def _route_note(chosen: PipelineNumbers, words: Words) -> Markup:
    """Say what becomes of all deals within the days of the route."""
    route = chosen.route
    said = words.html(
        "stages.where_lost_note",
        won=route.won_share,
        lost=route.lost_share,
        limit=name_stay(words, route.limit, chosen.unit_per_day),
    )
    if not route.came_back:
        return said
    return said + Markup(" ") + words.html("stages.where_lost_back", back=route.came_back)


def _policy_note(chosen: PipelineNumbers, words: Words) -> Markup:
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


def _value_order(chosen: PipelineNumbers, words: Words) -> Markup:
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
        ages = present.list_ages(analysis, chosen, words)
        return answer(words, "days", title=title, table=ages, selection=said)
    note = paragraphs([words.html("days.note")])
    shown = figures.days_figure(chosen, words, stages_of(chosen, stage))
    said = part_line(analysis, chosen, words, *CURVES)
    return answer(words, "days", figure=shown, note=note, selection=said)


# ---------------- balance
# What came in, and what became of it? Of the whole history, and of each month.

MANY_ZERO_VALUES = 0.2


@of_analysis
def balance(analysis: Analysis, pipeline: str = "", *, by: str = "count") -> View:
    """What came in, and what became of it? Whole numbers that add up.

    `by` value, the sums of money stand first, and the table of the stages has money.
    """
    words, chosen = words_of(analysis), pipeline_of(analysis, pipeline)
    if chosen.present is not None:
        return _of_present(analysis, chosen, words, amount_of(by))
    now = "overdue_then" if chosen.days else "overdue_now"
    count = _equation(chosen.balance, words, "balance.equation", words.count, now)
    value = _equation(chosen.balance_value, words, "balance.value", words.money, now)
    first, second = (value, count) if amount_of(by) == "value" else (count, value)
    table = fold_content(words.say("balance.more"), html_tables.balance_table(chosen, words, by=by))
    return answer(
        words,
        "balance",
        headline=first,
        table=paragraphs([second]) + table,
        note=paragraphs(_balance_notes(chosen, words)),
        selection=part_line(analysis, chosen, words),
    )


def _of_present(analysis: Analysis, chosen: PipelineNumbers, words: Words, by: str) -> View:
    """Say how the deals of a list divide: it shows no flow that could be balanced."""
    other = "count" if by == "value" else "value"
    return answer(
        words,
        "balance",
        title=words.say("question.present_balance"),
        headline=present.list_equation(chosen, words, by),
        table=paragraphs([present.list_equation(chosen, words, other)]),
        note=paragraphs(_value_notes(chosen, words)),
        selection=part_line(analysis, chosen, words),
    )


def _balance_notes(chosen: PipelineNumbers, words: Words) -> list[Markup]:
    """Say what overdue is, and of which deals time or value are not known."""
    lines = [words.html("balance.overdue")]
    unjudged = [stage.name for stage in chosen.stages if stage.overdue is None]
    if unjudged:
        lines.append(words.html("balance.unjudged", n=len(unjudged), names=", ".join(unjudged)))
    return [*lines, *_value_notes(chosen, words)]


def _value_notes(chosen: PipelineNumbers, words: Words) -> list[Markup]:
    """Say of which deals the value is not known, or 0."""
    lines = []
    if chosen.notes.without_value:
        lines.append(words.html("balance.without_value", n=chosen.notes.without_value))
    zero = chosen.notes.zero_value_lost / max(count_outcome(chosen, "lost"), 1)
    if zero > MANY_ZERO_VALUES:
        lines.append(words.html("balance.zero_value", share=zero))
    return lines


def _equation(
    terms: PipelineBalance, words: Words, key: str, say: Callable[[float], str], overdue: str
) -> Markup:
    """Say a balance as an equation; what never happens is left out."""
    parts: dict[str, dict[str, int | None]] = {
        "came": {"opening": terms.opening, "new": terms.new, "reopened": terms.reopened},
        "went": {
            "won": terms.won,
            "lost": terms.lost,
            "moved": terms.moved,
            overdue: terms.overdue,
            "in_time": terms.in_time,
        },
    }
    rare = ("opening", "reopened", "moved")
    sides = {
        side: " + ".join(
            words.say(f"balance.{name}", amount=say(amount or 0))
            for name, amount in named.items()
            if amount or name not in rare
        )
        for side, named in parts.items()
    }
    return Markup("{}").format(words.say(key, **sides))


@of_analysis
def months(analysis: Analysis, pipeline: str = "", *, by: str = "count") -> View:
    """How much came in and went out each month, and what was left? In deals or `by` value."""
    words, chosen = words_of(analysis), pipeline_of(analysis, pipeline)
    if chosen.present is not None:
        closes = present.list_months(chosen, words, amount_of(by))
        title, said = words.say("question.present_months"), part_line(analysis, chosen, words)
        kind = SECTION if closes else REPEATED
        return answer(words, "months", title=title, figure=closes, selection=said, kind=kind)
    noted = [one for one in find_notes(analysis, chosen) if one.number]
    shown = figures.months_figure(chosen, words, by=amount_of(by), notes=noted)
    said = part_line(analysis, chosen, words)
    # without a picture they are said all the same
    instead = paragraphs(note_lines(noted, words)) if noted and not shown else Markup("")
    return answer(words, "months", figure=shown, selection=said, note=instead)
