"""Pages of a list without a history: where deals stand, and where they stood when they closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.analysis.results import find_notes
from leakkit.measures.present_state import share_of
from leakkit.sources.propose.proposal import are_numbered
from leakkit.views import html_tables
from leakkit.views.drawing.small_pictures import outcome_bars
from leakkit.views.elements import note_lines, paragraphs
from leakkit.views.html_tables import DASH, HtmlTable, TableColumn, bdi
from leakkit.views.sentences import present_state

if TYPE_CHECKING:
    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.measures.present_state import Ages, LastStage, Present, Tally
    from leakkit.words import Words


MOST_MONTHS = 12


def order_stages(analysis: Analysis, present: Present) -> tuple[LastStage, ...]:
    """Return the stages in their order where one is known, else by their losses.

    Deals that name no stage come last.
    """
    if order_known(analysis, present):
        return present.stages
    named = sorted(present.named, key=lambda one: (-one.tally.lost, -one.tally.deals, one.name))
    return (*named, *(one for one in present.stages if one.stage is None))


def order_known(analysis: Analysis, present: Present) -> bool:
    """Say whether the stages are declared, or numbers or letters before their names order them."""
    return not analysis.provisional_order or are_numbered([one.name for one in present.named])


def list_figure(analysis: Analysis, chosen: PipelineNumbers, words: Words, by: str) -> Markup:
    """Draw the deals of every stage by outcome."""
    present = present_state(chosen)
    rows = [(_name(one, words), one.tally) for one in order_stages(analysis, present)]
    return outcome_bars(rows, words, f"present {chosen.name}", by=by)


def list_table(analysis: Analysis, chosen: PipelineNumbers, words: Words) -> Markup:
    """Tabulate the deals of every stage by outcome, with the shares of the losses."""
    present, reasons = present_state(chosen), html_tables.ReasonTexts(words)
    losses = present.lost_somewhere
    shares = {one.name: share_of(one.tally.lost, losses) for one in present.named}
    most = max([0.02, *(share.high or 0.0 for share in shares.values())])

    def share(one: LastStage) -> Markup:
        if one.stage is None:
            return reasons.dash("stage_not_named")
        return html_tables.bar_cell(words, shares[one.name], reasons, most)

    columns: tuple[TableColumn[LastStage], ...] = (
        TableColumn("present_lost", lambda one: words.count(one.tally.lost), "lk-lost"),
        TableColumn("of_losses", share),
        TableColumn("present_won", lambda one: words.count(one.tally.won)),
        TableColumn("present_open", lambda one: words.count(one.tally.open)),
        TableColumn("value_lost", lambda one: words.money(one.tally.value_lost)),
        TableColumn("value_open", lambda one: words.money(one.tally.value_open)),
    )
    rows = [(_heading(one, words), one) for one in order_stages(analysis, present)]
    foot = (words.say("table.pipeline"), _total(present.total, words))
    return (
        HtmlTable(words.say("table.present"), columns, rows, foot=foot).html(words) + reasons.html()
    )


def _total(total: Tally, words: Words) -> list[str]:
    """Return the last row."""
    return [
        words.count(total.lost),
        "",
        words.count(total.won),
        words.count(total.open),
        words.money(total.value_lost),
        words.money(total.value_open),
    ]


def list_notes(analysis: Analysis, chosen: PipelineNumbers, words: Words) -> Markup:
    """Say how the table is to be read, and what its order is."""
    present = present_state(chosen)
    order = Markup("") if order_known(analysis, present) else words.html("present.no_order")
    noted = note_lines(find_notes(analysis, chosen), words)
    return paragraphs([words.html("present.note"), order, *noted])


def list_equation(chosen: PipelineNumbers, words: Words, by: str) -> Markup:
    """Say how many deals there are, and how many of them are won, lost and open."""
    total, value = present_state(chosen).total, by == "value"
    prefix = "value_" if value else ""
    won, lost, still = (getattr(total, f"{prefix}{kind}") for kind in ("won", "lost", "open"))
    key = "present.equation_value" if value else "present.equation"
    return words.html(key, n=won + lost + still, won=won, lost=lost, open=still)


def list_ages(analysis: Analysis, chosen: PipelineNumbers, words: Words) -> Markup:
    """Tabulate how old deals were when they closed, and are that are open."""
    present = present_state(chosen)
    standing = standing_ages(analysis, chosen, words)
    if not present.ages:
        return paragraphs([words.html("present.no_ages")]) + standing
    columns: tuple[TableColumn[Ages], ...] = (
        TableColumn("deals", lambda one: words.count(one.n)),
        TableColumn("middle_age", lambda one: words.days(one.median)),
        TableColumn("most_ages", lambda one: _between(one, words)),
    )
    rows = [(words.say(f"present.age_{kind}"), one) for kind, one in present.ages.items()]
    shown = HtmlTable(words.say("table.present_ages"), columns, rows, head="outcome").html(words)
    return shown + paragraphs(_age_notes(present, words)) + standing


def standing_ages(analysis: Analysis, chosen: PipelineNumbers, words: Words) -> Markup:
    """Tabulate for how long the open deals of each stage have stood there, where it is said."""
    present = present_state(chosen)
    rows = [
        (_heading(one, words), present.standing[one.stage])
        for one in order_stages(analysis, present)
        if one.stage is not None and one.stage in present.standing
    ]
    if not rows:
        return Markup("")
    columns: tuple[TableColumn[Ages], ...] = (
        TableColumn("open_here", lambda one: words.count(one.n)),
        TableColumn("half_stand", lambda one: words.days(one.median)),
        TableColumn("tenth_stands", lambda one: words.days(one.p90) if one.n >= 10 else DASH),  # noqa: PLR2004 - of fewer there is no tenth
    )
    shown = HtmlTable(words.say("table.present_standing"), columns, rows).html(words)
    return shown + paragraphs([words.html("present.standing_note")])


def _between(one: Ages, words: Words) -> str:
    """Say between which ages 8 of 10 deals are; of a few deals nothing."""
    if one.n < 10:  # noqa: PLR2004 - 8 of fewer are no 8 of 10
        return DASH
    return words.say("present.between", low=one.p10, high=words.days(one.p90))


def _age_notes(present: Present, words: Words) -> list[Markup]:
    """Say what these days are, and which open deals are older than won ones became."""
    lines = [words.html("present.ages_note")]
    won = present.ages.get("won")
    if present.older is not None and won and won.n >= 10:  # noqa: PLR2004 - as above
        days = words.days(won.p90)
        key = "older" if present.older else "older_none"
        lines.append(words.html(f"present.{key}", n=present.older, days=days))
    return lines


def list_months(chosen: PipelineNumbers, words: Words, by: str) -> Markup:
    """Draw what was won and lost in each of the last months."""
    shown = present_state(chosen).months[-MOST_MONTHS:]
    rows = [(words.month(day), tally) for day, tally in shown]
    return outcome_bars(rows, words, f"closes {chosen.name}", by=by) if rows else Markup("")


def _name(one: LastStage, words: Words) -> str:
    """Return the name of a stage as text."""
    return one.name if one.stage is not None else words.say("present.not_named")


def _heading(one: LastStage, words: Words) -> Markup:
    """Return the name of a stage as the heading of a row."""
    return bdi(one.name) if one.stage is not None else words.html("present.not_named")
