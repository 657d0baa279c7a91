"""Why are deals lost, as far as a list without a history can say: reasons and owners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.analysis.causes import find_reasons
from leakkit.measures.present import most_frequent, share_of
from leakkit.views.causes import cells
from leakkit.views.elements import heading, paragraphs
from leakkit.views.present.headline import NAMED, present_state
from leakkit.views.tables import DASH, Column, Reasons, Table, bar_cell, bdi

if TYPE_CHECKING:
    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.analysis.causes import SaidReason
    from leakkit.measures.present import Tally
    from leakkit.words import Words

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


def headline(analysis: Analysis, chosen: PipelineNumbers, words: Words) -> Markup:
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


def reasons(analysis: Analysis, chosen: PipelineNumbers, words: Words) -> Markup:
    """Tabulate the reasons with their shares, what they mean, and where they stand most often."""
    read, dashes = _read(analysis, chosen), Reasons(words)
    if not read.known:
        return Markup("")
    shares = [share_of(one.n, read.known) for one in read.reasons]
    most = max(share.high or 0.0 for share in shares)
    columns: tuple[Column[SaidReason], ...] = (
        Column("losses", lambda one: words.count(one.n)),
        Column(
            "of_reasons", lambda one: bar_cell(words, share_of(one.n, read.known), dashes, most)
        ),
        Column("family", lambda one: _family(one.family, words), "lk-name"),
        Column("most_in", lambda one: _most_in(one, chosen), "lk-name"),
    )
    rows = [(bdi(one.reason), one) for one in read.reasons[:SHOWN_REASONS]]
    caption = words.say("table.present_reasons")
    shown = Table(caption, columns, rows, head="reason").html(words)
    known = {"n": read.known, "of": read.lost, "share": read.known / read.lost}
    return (
        shown + paragraphs([words.html("present.known_reasons", **known)]) + _families(read, words)
    )


def _families(read: _Read, words: Words) -> Markup:
    """Tabulate what the reasons mean."""
    by_family: dict[str, int] = {}
    for one in read.reasons:
        by_family[one.family] = by_family.get(one.family, 0) + one.n
    columns: tuple[Column[int], ...] = (
        Column("losses", words.count),
        Column("of_reasons", lambda n: _say_range(n, read.known, words)),
    )
    ranked = sorted(by_family.items(), key=lambda one: (-one[1], one[0]))
    rows = [(_family(family, words), n) for family, n in ranked]
    said = words.say("present.families")
    return heading(said) + Table(said, columns, rows, head="family").html(words)


def _say_range(n: int, whole: int, words: Words) -> str:
    """Say a share with its interval."""
    share = share_of(n, whole)
    return cells.share_between(words, share.share, share.low, share.high)


def _family(family: str, words: Words) -> str:
    """Say what a reason means; a dash where the dictionary does not know it."""
    return words.say(f"causes.family_{family}") if family else DASH


def _most_in(one: SaidReason, chosen: PipelineNumbers) -> str:
    """Name the stage where a reason stands most often; a dash where none is named."""
    named = {stage: n for stage, n in one.by_stage.items() if stage >= 0}
    if not named:
        return DASH
    return bdi(chosen.stages[min(named, key=lambda stage: (-named[stage], stage))].name)


def owners(chosen: PipelineNumbers, words: Words) -> Markup:
    """Tabulate won, lost and open deals by owner, and the share of the closed that is won."""
    found = present_state(chosen).owners
    if not found:
        return paragraphs([words.html("present.no_owners")])
    columns: tuple[Column[Tally], ...] = (
        Column("owner_lost", lambda one: words.count(one.lost), "lk-lost"),
        Column("owner_won", lambda one: words.count(one.won)),
        Column("of_closed", lambda one: _say_range(one.won, one.closed, words)),
        Column("owner_open", lambda one: words.count(one.open)),
        Column("value_lost", lambda one: words.money(one.value_lost)),
        Column("value_open", lambda one: words.money(one.value_open)),
    )
    ranked = sorted(found.items(), key=lambda one: (-one[1].lost, -one[1].deals, one[0]))
    rows = [(bdi(name) if name else DASH, tally) for name, tally in ranked[:SHOWN_OWNERS]]
    shown = Table(words.say("table.present_owners"), columns, rows, head="owner").html(words)
    return shown + paragraphs([words.html("present.owners_note")])


def _read(analysis: Analysis, chosen: PipelineNumbers) -> _Read:
    """Return the reasons of the lost deals, the most frequent first."""
    return _Read(find_reasons(analysis, chosen), present_state(chosen).total.lost)
