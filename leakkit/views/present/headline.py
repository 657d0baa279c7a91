"""In which stage do deals die, as far as a list without a history can say?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.measures.present import most_lost, share_of
from leakkit.views.coverage import say_left_out, what_to_export
from leakkit.views.tables import bdi

if TYPE_CHECKING:
    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.measures.present import Present
    from leakkit.words import Words

NAMED = 3
"""So many further stages are named; of more it is said how many."""
MAKERS = ("salesforce", "hubspot", "pipedrive", "zoho", "odoo", "dynamics", "business_central")
"""Makers of whom it is known how they export a history."""


def say_most_lost(present: Present, words: Words) -> Markup:
    """Say in which stage most deals were lost; where none is named, how many were lost."""
    first, rivals = most_lost(present.stages)
    if first is None:
        return _nowhere(present, words)
    share = share_of(first.tally.lost, present.lost_somewhere)
    facts: dict[str, object] = {"share": share.share, "low": share.low, "high": share.high}
    facts |= {"stage": bdi(first.name), "n": first.tally.lost, "of": present.lost_somewhere}
    if not rivals:
        return words.html("present.most", **facts)
    tied = [one for one in rivals if one.tally.lost == first.tally.lost]
    if tied and len(tied) < NAMED:
        names = words.list_values([bdi(one.name) for one in (first, *tied)])
        return words.html("present.tied", **facts, names=names)
    if len(rivals) > NAMED:
        return words.html("present.most_of_many", **facts, rivals=len(rivals))
    names = words.list_values([bdi(one.name) for one in rivals])
    return words.html("present.most_of_several", **facts, names=names)


def _nowhere(present: Present, words: Words) -> Markup:
    """Say how many deals were lost where no stage is named, or that no row says so."""
    total = present.total
    if total.lost:
        share = share_of(total.lost, total.closed)
        facts = {"share": share.share, "low": share.low, "high": share.high}
        return words.html("present.nowhere", n=total.lost, of=total.closed, **facts)
    key = "present.none_lost" if total.won else "present.none_closed"
    return words.html(key, n=total.deals, won=total.won, open=total.open)


def lines(analysis: Analysis, chosen: PipelineNumbers, words: Words) -> list[Markup]:
    """Say how many are won, what a list like this cannot tell, and what to export instead."""
    present = present_state(chosen)
    total, found = present.total, _say_left_out(chosen, present, words)
    if 0 < present.lost_somewhere < total.lost:
        found.append(words.html("present.no_stage_named", n=total.lost - present.lost_somewhere))
    if total.lost and total.won:
        share = share_of(total.won, total.closed)
        facts = {"share": share.share, "low": share.low, "high": share.high}
        found.append(words.html("present.won_share", n=total.won, of=total.closed, **facts))
    return [*found, words.html("present.cannot", as_of=analysis.last_day), _export(analysis, words)]


def _say_left_out(chosen: PipelineNumbers, present: Present, words: Words) -> list[Markup]:
    """Say which deals the list seems to leave out, and what to export instead."""
    total = present.total
    if chosen.notes.coverage:
        said = say_left_out(chosen, words) if total.lost else Markup("")
        return [said, what_to_export(chosen, words)]
    if total.closed and not total.open:
        return [words.html("present.closed_only")]
    if total.open and not total.closed:
        return [words.html("present.open_only")]
    return []


def present_state(chosen: PipelineNumbers) -> Present:
    """Return the present state, which whoever asks has looked for."""
    if chosen.present is None:  # pragma: no cover - the views ask only where there is one
        raise AssertionError
    return chosen.present


def _export(analysis: Analysis, words: Words) -> Markup:
    """Say what to export for a history, with the maker's own name of it where it is known."""
    makers = [one["as_what"] for one in analysis.recognised if one["what"] == "maker"]
    known = [maker for maker in MAKERS if any(name.startswith(maker) for name in makers)]
    return words.html(f"present.export_{known[0]}" if known else "present.export")
