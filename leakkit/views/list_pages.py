"""Pages of a list without a history: where deals stand and stood, and why they were lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.analysis.noted import notes_of
from leakkit.analysis.present import said_reasons
from leakkit.measures.present_state import most_frequent, share_of
from leakkit.sources.propose.proposal import are_numbered
from leakkit.views import tables
from leakkit.views.causes import cause_lines
from leakkit.views.drawing.small_pictures import outcome_bars
from leakkit.views.elements import heading, note_lines, paragraphs
from leakkit.views.sentences import NAMED, present_state
from leakkit.views.tables import DASH, HtmlTable, ReasonTexts, TableColumn, bar_cell, bdi

if TYPE_CHECKING:
    from leakkit.analysis import Analysis, PipelineAnalysis
    from leakkit.analysis.present import SaidReason
    from leakkit.measures.present_state import Ages, LastStage, Present, Tally
    from leakkit.words import Words


# ---------------- causes
# Why are deals lost, as far as a list without a history can say: reasons and owners.

SHOWN_REASONS, SHOWN_OWNERS = 12, 30


@dataclass(frozen=True)
class _Read:
    """The reasons of a list, and of how many lost deals there are any."""

    reasons: tuple[SaidReason, ...]
    lost: int

    @property
    def known(self) -> int:
        """Return how many lost deals name a reason."""
        return sum(one.n for one in self.reasons)


def reasons_headline(analysis: Analysis, chosen: PipelineAnalysis, words: Words) -> Markup:
    """Say which reason most lost deals name."""
    read = _read(analysis, chosen)
    if not read.known:
        return words.html("present.no_reasons" if read.lost else "present.no_losses")
    first, rivals = most_frequent([one.n for one in read.reasons])
    share = share_of(read.reasons[first].n, read.known)
    said = words.html(
        "present.reason_most",
        reason=bdi(read.reasons[first].reason),
        n=read.reasons[first].n,
        of=read.known,
        share=share.share,
        low=share.low,
        high=share.high,
    )
    if not rivals:
        return said
    names = words.list_values([bdi(read.reasons[at].reason) for at in rivals])
    key = "present.reason_many_rivals" if len(rivals) > NAMED else "present.reason_rivals"
    return said + " " + words.html(key, n=len(rivals), names=names)


def reasons(analysis: Analysis, chosen: PipelineAnalysis, words: Words) -> Markup:
    """Tabulate the reasons with their shares, what they mean, and where they stand most often."""
    read, dashes = _read(analysis, chosen), ReasonTexts(words)
    if not read.known:
        return Markup("")
    shares = [share_of(one.n, read.known) for one in read.reasons]
    most = max(share.high or 0.0 for share in shares)
    columns: tuple[TableColumn[SaidReason], ...] = (
        TableColumn("losses", lambda one: words.count(one.n)),
        TableColumn(
            "of_reasons", lambda one: bar_cell(words, share_of(one.n, read.known), dashes, most)
        ),
        TableColumn("family", lambda one: _family(one.family, words), "lk-name"),
        TableColumn("most_in", lambda one: _most_in(one, chosen), "lk-name"),
    )
    rows = [(bdi(one.reason), one) for one in read.reasons[:SHOWN_REASONS]]
    caption = words.say("table.present_reasons")
    shown = HtmlTable(caption, columns, rows, head="reason").html(words)
    known = {"n": read.known, "of": read.lost, "share": read.known / read.lost}
    return (
        shown + paragraphs([words.html("present.known_reasons", **known)]) + _families(read, words)
    )


def _families(read: _Read, words: Words) -> Markup:
    """Tabulate what the reasons mean."""
    by_family: dict[str, int] = {}
    for one in read.reasons:
        by_family[one.family] = by_family.get(one.family, 0) + one.n
    columns: tuple[TableColumn[int], ...] = (
        TableColumn("losses", words.count),
        TableColumn("of_reasons", lambda n: _say_range(n, read.known, words)),
    )
    ranked = sorted(by_family.items(), key=lambda one: (-one[1], one[0]))
    rows = [(_family(family, words), n) for family, n in ranked]
    said = words.say("present.families")
    return heading(said) + HtmlTable(said, columns, rows, head="family").html(words)


def _say_range(n: int, whole: int, words: Words) -> str:
    """Say a share with its interval."""
    share = share_of(n, whole)
    return cause_lines.share_between(words, share.share, share.low, share.high)


def _family(family: str, words: Words) -> str:
    """Say what a reason means; a dash where the dictionary does not know it."""
    return words.say(f"causes.family_{family}") if family else DASH


def _most_in(one: SaidReason, chosen: PipelineAnalysis) -> str:
    """Name the stage where a reason stands most often; a dash where none is named."""
    named = {stage: n for stage, n in one.by_stage.items() if stage >= 0}
    if not named:
        return DASH
    return bdi(chosen.stages[min(named, key=lambda stage: (-named[stage], stage))].name)


def owners(chosen: PipelineAnalysis, words: Words) -> Markup:
    """Tabulate won, lost and open deals by owner, and the share of the closed that is won."""
    found = present_state(chosen).owners
    if not found:
        return paragraphs([words.html("present.no_owners")])
    columns: tuple[TableColumn[Tally], ...] = (
        TableColumn("owner_lost", lambda one: words.count(one.lost), "lk-lost"),
        TableColumn("owner_won", lambda one: words.count(one.won)),
        TableColumn("of_closed", lambda one: _say_range(one.won, one.closed, words)),
        TableColumn("owner_open", lambda one: words.count(one.open)),
        TableColumn("value_lost", lambda one: words.money(one.value_lost)),
        TableColumn("value_open", lambda one: words.money(one.value_open)),
    )
    ranked = sorted(found.items(), key=lambda one: (-one[1].lost, -one[1].deals, one[0]))
    rows = [(bdi(name) if name else DASH, tally) for name, tally in ranked[:SHOWN_OWNERS]]
    shown = HtmlTable(words.say("table.present_owners"), columns, rows, head="owner").html(words)
    return shown + paragraphs([words.html("present.owners_note")])


def _read(analysis: Analysis, chosen: PipelineAnalysis) -> _Read:
    """Return the reasons of the lost deals, the most frequent first."""
    return _Read(said_reasons(analysis, chosen), present_state(chosen).total.lost)


# ---------------- stages
# Where do deals stand, where did they stand when they closed, and how old were they?

MOST_MONTHS = 12


def in_order(analysis: Analysis, present: Present) -> tuple[LastStage, ...]:
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


def picture(analysis: Analysis, chosen: PipelineAnalysis, words: Words, by: str) -> Markup:
    """Draw the deals of every stage by outcome."""
    present = present_state(chosen)
    rows = [(_name(one, words), one.tally) for one in in_order(analysis, present)]
    return outcome_bars(rows, words, f"present {chosen.name}", by=by)


def table(analysis: Analysis, chosen: PipelineAnalysis, words: Words) -> Markup:
    """Tabulate the deals of every stage by outcome, with the shares of the losses."""
    present, reasons = present_state(chosen), tables.ReasonTexts(words)
    losses = present.lost_somewhere
    shares = {one.name: share_of(one.tally.lost, losses) for one in present.named}
    most = max([0.02, *(share.high or 0.0 for share in shares.values())])

    def share(one: LastStage) -> Markup:
        if one.stage is None:
            return reasons.dash("stage_not_named")
        return tables.bar_cell(words, shares[one.name], reasons, most)

    columns: tuple[TableColumn[LastStage], ...] = (
        TableColumn("present_lost", lambda one: words.count(one.tally.lost), "lk-lost"),
        TableColumn("of_losses", share),
        TableColumn("present_won", lambda one: words.count(one.tally.won)),
        TableColumn("present_open", lambda one: words.count(one.tally.open)),
        TableColumn("value_lost", lambda one: words.money(one.tally.value_lost)),
        TableColumn("value_open", lambda one: words.money(one.tally.value_open)),
    )
    rows = [(_heading(one, words), one) for one in in_order(analysis, present)]
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


def notes(analysis: Analysis, chosen: PipelineAnalysis, words: Words) -> Markup:
    """Say how the table is to be read, and what its order is."""
    present = present_state(chosen)
    order = Markup("") if order_known(analysis, present) else words.html("present.no_order")
    noted = note_lines(notes_of(analysis, chosen), words)
    return paragraphs([words.html("present.note"), order, *noted])


def equation(chosen: PipelineAnalysis, words: Words, by: str) -> Markup:
    """Say how many deals there are, and how many of them are won, lost and open."""
    total, value = present_state(chosen).total, by == "value"
    prefix = "value_" if value else ""
    won, lost, still = (getattr(total, f"{prefix}{kind}") for kind in ("won", "lost", "open"))
    key = "present.equation_value" if value else "present.equation"
    return words.html(key, n=won + lost + still, won=won, lost=lost, open=still)


def ages(analysis: Analysis, chosen: PipelineAnalysis, words: Words) -> Markup:
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


def standing_ages(analysis: Analysis, chosen: PipelineAnalysis, words: Words) -> Markup:
    """Tabulate for how long the open deals of each stage have stood there, where it is said."""
    present = present_state(chosen)
    rows = [
        (_heading(one, words), present.standing[one.stage])
        for one in in_order(analysis, present)
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


def months(chosen: PipelineAnalysis, words: Words, by: str) -> Markup:
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
