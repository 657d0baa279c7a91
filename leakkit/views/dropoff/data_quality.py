"""What could the data say, how were they read, and how are the numbers made?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.analysis import headline_bounds
from leakkit.analysis.scope import EVERYTHING
from leakkit.errors import Fault, shorten_text
from leakkit.measures.stage_results import CLICKED_THROUGH_SHARE
from leakkit.sources.headings.heading_words import declared_names, nearest
from leakkit.version import __version__
from leakkit.views.elements import bullets, fold_content, heading, paragraphs, reason_text
from leakkit.views.html_tables import HtmlTable, TableColumn, bdi, of_days
from leakkit.views.sentences import losses_line, say_left_out, what_to_export
from leakkit.views.view import CURVES, answer, of_analysis, part_line, pipeline_of, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.views.view import View
    from leakkit.words import Words


# ---------------- reading
# How a source was read: what was recognised, which rows were faulty, what is in doubt.

SHOWN_OF_EACH = 3


def recognised_lines(analysis: Analysis, words: Words) -> list[Markup]:
    """Say everything that was recognised in the source, and by what."""
    return [_say_recognised(one, words) for one in analysis.recognised]


def _say_recognised(one: Mapping[str, str], words: Words) -> Markup:
    """Say one thing that was recognised; a code in words, a text of the file as it is."""
    what, _, name = one["what"].partition(":")
    said = {fact: _say_code(one[fact], words) for fact in ("as_what", "why")}
    return words.html(f"recognised.{what}", where=one["where"], name=name, **said)


def _say_code(text: str, words: Words) -> Markup | str:
    """Return a code in words; any other text stays one of the user."""
    return Markup(words.say(f"readings.{text}")) if words.knows(f"readings.{text}") else text  # noqa: S704 - our own text


def fault_table(analysis: Analysis, words: Words) -> Markup:
    """Show the first rows that break each rule: what was done, where, and what they say."""
    table = HtmlTable(
        words.say("table.faults"),
        (
            TableColumn[Fault](
                "row", lambda fault: "" if fault.row is None else words.count(fault.row)
            ),
            TableColumn[Fault]("file", lambda fault: bdi(fault.where), "lk-name"),
            TableColumn[Fault]("column", lambda fault: bdi(fault.column), "lk-name"),
            TableColumn[Fault]("content", lambda fault: bdi(shorten_text(fault.value)), "lk-name"),
        ),
        [(_rule(analysis, fault, words), fault) for fault in _first_of_each(analysis.faults)],
        head="happens",
    )
    return heading(words.say("data.faults")) + table.html(words)


def _first_of_each(faults: Sequence[Fault]) -> list[Fault]:
    """Return the first rows that break each rule in each column, rule by rule."""
    groups: dict[tuple[str, str, str], list[Fault]] = {}
    for fault in faults:
        groups.setdefault((fault.rule, fault.where, fault.column), []).append(fault)
    return [fault for group in groups.values() for fault in group[:SHOWN_OF_EACH]]


def _rule(analysis: Analysis, fault: Fault, words: Words) -> Markup:
    """Say which rule a row breaks, and what was done; of a stage, the nearest name."""
    if fault.rule == "unknown_stage":
        near = nearest(fault.value, declared_names(analysis.config.pipelines))
        if near:
            return words.html("rules.unknown_stage_near", near=near)
    return words.html(f"rules.{fault.rule}")


def stage_lines(chosen: PipelineNumbers, words: Words) -> list[Markup]:
    """Say which stages deals only pass by, and which they come into no more."""
    names = [s.name for s in chosen.stages if s.clicked_through_share > CLICKED_THROUGH_SHARE]
    passed = [words.html("data.clicked_through", stages=", ".join(names))] if names else []
    old = [one for one in chosen.notes.retired if not one.renamed]
    gone = [words.html("data.retired", stage=one.name, last=one.last) for one in old]
    return [*passed, *gone, *renamed_lines(chosen, words)]


def renamed_lines(chosen: PipelineNumbers, words: Words) -> list[Markup]:
    """Name the stages that seem to have a new name, with the line that makes them one."""
    return [
        words.html(
            "data.renamed",
            stage=one.name,
            last=one.last,
            new=one.renamed,
            aliases=bdi(f"aliases = [{json.dumps(one.name, ensure_ascii=False)}]"),
        )
        for one in chosen.notes.retired
        if one.renamed
    ]


LEFT_OPEN = ("outcome_unknown", "closed_without_outcome", "stage_may_be_lost")
"""Doubts that may have left closed deals open."""


def left_open_lines(facts: Mapping[str, int], words: Words) -> list[Markup]:
    """Say of deals that count as open that they may be closed, however few they are."""
    found = [words.html(f"facts.{code}", n=n) for code in LEFT_OPEN if (n := facts.get(code, 0))]
    return [words.html("headline.left_open", said=said) for said in found]


def bounds_lines(analysis: Analysis, pipeline: str, words: Words) -> list[Markup]:
    """Say how far the headline could move if the rows in doubt were wrong."""
    found = headline_bounds(analysis, pipeline)
    if found is None:
        lost = any(stage.exits.lost for stage in analysis[pipeline].stages)
        asked = lost and analysis.doubtful is not None and analysis.selection == EVERYTHING
        return [words.html("data.bounds_no_share")] if asked else []
    stage = found.stage.name
    if not found.visits and not found.missing:
        return [words.html("data.bounds_none", stage=stage)]
    facts = {"share": found.stage.lost.share, "visits": found.visits, "missing": found.missing}
    same = words.share(found.low) == words.share(found.high)
    key = "data.bounds_same" if same else "data.bounds"
    lines = [words.html(key, stage=stage, low=found.low, high=found.high, **facts)]
    if found.overtaken_by:
        other = found.overtaken_by.name
        lines.append(words.html("data.bounds_overtaken", stage=other, leader=stage))
    return lines


# ---------------- data
# What could the data say, and what could they not?

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
        fault_table(analysis, words) if analysis.faults else "",
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
    found = bullets(recognised_lines(analysis, words))
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
        *stage_lines(chosen, words),
        *bounds_lines(analysis, chosen.name, words),
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
    outcomes = {kind: count_outcome(chosen, kind) for kind in ("won", "lost", "open")}
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


def count_outcome(chosen: PipelineNumbers, outcome: str) -> int:
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


# ---------------- method
# How are these numbers made, and from what?


@of_analysis
def method(analysis: Analysis, pipeline: str = "") -> View:
    """How are these numbers made, in plain words?"""
    words = words_of(analysis)
    if pipeline_of(analysis, pipeline).present is not None:
        lines = [words.html(f"present.method_{key}") for key in ("stage", "range", "first", "days")]
        return answer(words, "method", note=paragraphs(lines))
    keys = ("leak", "share", "range", "horizon", "expected", "visits", "cohort", "overlap")
    return answer(words, "method", note=paragraphs(words.html(f"method.{key}") for key in keys))


@of_analysis
def provenance(analysis: Analysis, pipeline: str = "") -> View:  # noqa: ARG001 - every view takes the same choices
    """From which data and with which settings was this page made?"""
    words, rules = words_of(analysis), analysis.config.comparison
    lines = [
        words.html("provenance.as_of", as_of=analysis.last_day, zone=analysis.config.timezone),
        words.html(
            "provenance.settings",
            current=rules.current_days,
            baseline=rules.baseline_days,
            policy=rules.skip_policy,
            change=rules.min_change,
        ),
        words.html("provenance.fingerprint", fingerprint=analysis.fingerprint),
        words.html("provenance.versions", leakkit=__version__),
        words.html("provenance.files"),
    ]
    return answer(words, "provenance", note=paragraphs(lines))
