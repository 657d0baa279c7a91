"""What could the data say, and what could they not?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.views import reading
from leakkit.views.coverage import say_left_out, what_to_export
from leakkit.views.dropoff.choices import CURVES, part_line, pipeline_of
from leakkit.views.elements import bullets, fold_content, heading, paragraphs
from leakkit.views.sentences import losses_line
from leakkit.views.tables import of_days
from leakkit.views.texts import reason_text
from leakkit.views.view import answer, of_analysis, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.views.view import View
    from leakkit.words import Words

EVENTS, SNAPSHOT = "events", "snapshot"


@of_analysis
def data(analysis: Analysis, pipeline: str = "") -> View:
    """What could the data say, and what could they not?"""
    words, chosen = words_of(analysis), pipeline_of(analysis, pipeline)
    shape = f"data.shape_{analysis.shape}" if chosen.present is None else "present.shape"
    read = [words.html(shape), *_rows(analysis, words)]
    parts = [
        paragraphs([*read, *data_lines(analysis, chosen, words)]),
        _list_not_estimated(chosen, words),
        _odd(analysis, words),
        reading.fault_table(analysis, words) if analysis.faults else "",
        _list_recognised(analysis, words),
    ]
    said = part_line(analysis, chosen, words, *CURVES)
    return answer(words, "data", note=Markup("\n").join(filter(None, parts)), selection=said)


def _list_not_estimated(chosen: PipelineNumbers, words: Words) -> Markup:
    """List the numbers that could not be estimated, or say that there are none."""
    if chosen.present is not None:
        return paragraphs([words.html("present.missing")])
    missing = _missing(chosen, words)
    if not missing:
        said = "coverage.estimated" if chosen.notes.coverage else "data.nothing_missing"
        return paragraphs([words.html(said)])
    return heading(words.say("data.missing")) + bullets(missing)


def _odd(analysis: Analysis, words: Words) -> Markup:
    """List what was odd in the source; nothing where nothing was."""
    odd = [
        words.html("data.fact", what=Markup(words.say(f"facts.{code}", n=n)))  # noqa: S704 - our own text
        for code, n in sorted(analysis.facts.items())
    ]
    return heading(words.say("data.odd")) + bullets(odd) if odd else Markup("")


def _list_recognised(analysis: Analysis, words: Words) -> Markup:
    """List what was recognised in the source; nothing where nothing had to be."""
    if not analysis.recognised:
        return Markup("")
    found = bullets(reading.recognised_lines(analysis, words))
    return fold_content(words.say("data.recognised"), found)


def data_lines(analysis: Analysis, chosen: PipelineNumbers, words: Words) -> list[Markup]:
    """Say what the data of a pipeline are, and how far they bear its headline."""
    doubt = [say_left_out(chosen, words), what_to_export(chosen, words)]
    return [
        *filter(None, doubt),
        *_deals(analysis, chosen, words),
        *(_followed_lines(analysis, chosen, words) if chosen.present is None else ()),
    ]


def _followed_lines(analysis: Analysis, chosen: PipelineNumbers, words: Words) -> list[Markup]:
    """Say what is known of a history: its days, its stages, its headline."""
    return [
        # of snapshots too little is followed
        *(_days_used(chosen, words) if analysis.shape != SNAPSHOT else ()),
        *reading.stage_lines(chosen, words),
        *reading.bounds_lines(analysis, chosen.name, words),
    ]


def _rows(analysis: Analysis, words: Words) -> list[Markup]:
    """Say what became of the rows of each file."""
    names = ("read", "used", "merged", "not_asked", "set_aside")
    of_present = all(one.present is not None for one in analysis.pipelines)
    made = {"history": "made"} if analysis.shape != EVENTS else {}
    lines = [
        words.html(
            f"data.rows_{made.get(str(counted['table']), counted['table'])}",
            **{name: counted[name] for name in names},
        )
        for counted in analysis.rows
        if not (counted["table"] == "history" and of_present)
    ]
    return [*lines, words.html("data.rows_all")]


def _deals(analysis: Analysis, chosen: PipelineNumbers, words: Words) -> list[Markup]:
    """Say what deals there are, how they ended, and what is missing in them."""
    outcomes = {kind: with_outcome(chosen, kind) for kind in ("won", "lost", "open")}
    return [*_say_ends(chosen, outcomes, words), *_gaps(analysis, chosen, outcomes["lost"], words)]


def _say_ends(
    chosen: PipelineNumbers, outcomes: Mapping[str, int], words: Words
) -> Iterator[Markup]:
    """Say how many deals are won, lost and open, and how many of them only by their outcome."""
    notes, total = chosen.notes, max(chosen.opportunities, 1)
    deals = {"n": chosen.opportunities, **outcomes}
    yield words.html(f"data.deals{of_days(chosen)}", **deals, share=outcomes["open"] / total)
    if closed := outcomes["won"] + outcomes["lost"]:
        shares = {"of_all": outcomes["won"] / total, "of_closed": outcomes["won"] / closed}
        yield words.html("data.won", n=chosen.opportunities, **shares, closed=closed)
    if chosen.present is not None:
        return
    none = {kind: notes.outcomes.get((kind, False), 0) for kind in outcomes}
    if sum(none.values()):
        yield words.html("data.without_history", n=sum(none.values()), **none)
    if chosen.days:
        return
    closes, reopened = notes.closes, notes.reopened
    yield words.html("data.closes", n=closes, final=closes - reopened, reopened=reopened)


def _gaps(analysis: Analysis, chosen: PipelineNumbers, lost: int, words: Words) -> Iterator[Markup]:
    """Say of how many deals reason, value, beginning or end are not known."""
    notes = chosen.notes
    if lost:
        yield words.html("data.reasons", share=notes.without_reason_lost / lost)
        yield losses_line(analysis, chosen, words) or words.html("data.losses_unknown")
    if zero := notes.zero_value_lost:
        yield words.html("data.zero_value", n=zero, share=zero / lost)
    if notes.started_in_middle and chosen.present is None:
        yield words.html("data.middle", n=notes.started_in_middle)
    if outside := sum(stage.left_after_curves for stage in chosen.stages):
        yield words.html("data.outside", n=outside)


def with_outcome(chosen: PipelineNumbers, outcome: str) -> int:
    """Count the deals with an outcome, with or without a history."""
    return sum(n for (found, _), n in chosen.notes.outcomes.items() if found == outcome)


def _days_used(chosen: PipelineNumbers, words: Words) -> list[Markup]:
    """Say where the history begins, and which days taught the horizons."""
    days_of = chosen.windows
    lines = []
    if days_of.history_start is None:
        lines.append(words.html("data.history_whole", start=days_of.first_day))
    else:
        key = f"data.history_{days_of.history_origin}"
        lines.append(words.html(key, start=days_of.history_start))
    if days_of.baseline is None:
        return [*lines, words.html("data.no_baseline")]
    first, end = days_of.baseline
    return [*lines, words.html("data.windows", first=first, last=end - 1)]


def _missing(chosen: PipelineNumbers, words: Words) -> list[Markup]:
    """List every number that could not be estimated, with its reason, stages together."""
    found: dict[tuple[str, str], list[str]] = {}
    for stage in chosen.stages:
        for what in ("lost", "went_overdue", "won_from_here", "expected", "median", "p90"):
            reason = getattr(stage, what).reason
            if reason:
                found.setdefault((what, reason), []).append(stage.name)
    return [
        words.html(
            "data.missing_line",
            what=Markup(words.say(f"data.what.{what}")),  # noqa: S704 - our own text
            stages=", ".join(names),
            why=Markup(reason_text(words, reason)),  # noqa: S704 - our own text
        )
        for (what, reason), names in found.items()
    ]
