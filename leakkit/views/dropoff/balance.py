"""What came in, and what became of it? Of the whole history, and of each month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.analysis.results import find_notes
from leakkit.page.kinds import REPEATED, SECTION
from leakkit.views import figures, tables
from leakkit.views.dropoff.choices import amount_of, part_line, pipeline_of
from leakkit.views.dropoff.data import with_outcome
from leakkit.views.elements import fold_content, paragraphs
from leakkit.views.notes import note_lines
from leakkit.views.present import stages as present
from leakkit.views.view import answer, of_analysis, words_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.measures.balance import PipelineBalance
    from leakkit.views.view import View
    from leakkit.words import Words

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
    table = fold_content(words.say("balance.more"), tables.balance_table(chosen, words, by=by))
    return answer(
        words,
        "balance",
        headline=first,
        table=paragraphs([second]) + table,
        note=paragraphs(_notes(chosen, words)),
        selection=part_line(analysis, chosen, words),
    )


def _of_present(analysis: Analysis, chosen: PipelineNumbers, words: Words, by: str) -> View:
    """Say how the deals of a list divide: it shows no flow that could be balanced."""
    other = "count" if by == "value" else "value"
    return answer(
        words,
        "balance",
        title=words.say("question.present_balance"),
        headline=present.equation(chosen, words, by),
        table=paragraphs([present.equation(chosen, words, other)]),
        note=paragraphs(_value_notes(chosen, words)),
        selection=part_line(analysis, chosen, words),
    )


def _notes(chosen: PipelineNumbers, words: Words) -> list[Markup]:
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
    zero = chosen.notes.zero_value_lost / max(with_outcome(chosen, "lost"), 1)
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
        closes = present.months(chosen, words, amount_of(by))
        title, said = words.say("question.present_months"), part_line(analysis, chosen, words)
        kind = SECTION if closes else REPEATED
        return answer(words, "months", title=title, figure=closes, selection=said, kind=kind)
    noted = [one for one in find_notes(analysis, chosen) if one.number]
    shown = figures.months(chosen, words, by=amount_of(by), notes=noted)
    said = part_line(analysis, chosen, words)
    # without a picture they are said all the same
    instead = paragraphs(note_lines(noted, words)) if noted and not shown else Markup("")
    return answer(words, "months", figure=shown, selection=said, note=instead)
