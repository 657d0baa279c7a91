"""The questions that people ask, each a pure function from an analysis to a view.

Every function takes the analysis and the name of a pipeline (the first where empty),
and says its texts in the analysis' language.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.analysis.headline import headline as find_headline
from leakkit.analysis.results import EVERYTHING
from leakkit.config import folded
from leakkit.errors import LeakkitError
from leakkit.findings.finding import NOT_ENOUGH, OK, WARNING, cards, count_tests
from leakkit.version import __version__
from leakkit.views import figures, reading, tables
from leakkit.views.sentences import mend_first, since_then, what_changed
from leakkit.views.shift import shifts
from leakkit.views.view import View
from leakkit.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from leakkit.analysis import Analysis, PipelineAnalysis
    from leakkit.findings import Finding
    from leakkit.measures.balance import PipelineBalance
    from leakkit.measures.stages import StageResult

EVENTS, SNAPSHOT = "events", "snapshot"
MANY_ZERO_VALUES = 0.2
BY = ("count", "value")
CURVES = ("window", "visits", "policy")
"""The choices that change what is read off curves, and nothing that is counted."""


def _words(analysis: Analysis) -> Words:
    """Return the words of the analysis' language and currency."""
    return Words(analysis.language, analysis.config.currency)


def _chosen(analysis: Analysis, pipeline: str) -> PipelineAnalysis:
    """Return the pipeline that is asked for; the first where none is."""
    return analysis[pipeline] if pipeline else analysis.pipelines[0]


def _view(words: Words, name: str, **parts: str) -> View:
    """Make a view of one question."""
    title = parts.pop("title", "") or words.say(f"question.{name}")
    return View(name, title, language=words.language, direction=words.direction, **parts)


def _selection(analysis: Analysis, chosen: PipelineAnalysis, words: Words, *curves: str) -> Markup:
    """Say in one line which part of the data a view is of; empty where it is all.

    `curves` are the choices beside the deals that this view depends on.
    """
    part, said = analysis.selection, []
    if part.segment:
        key = "selection.deals" if part.value else "selection.deals_without"
        said.append(words.html(key, segment=part.segment, value=part.value))
    days_of = {"current": chosen.windows.current, "baseline": chosen.windows.baseline}
    if "window" in curves and (days := days_of.get(part.window)):
        key = f"selection.{part.window}"
        said.append(words.html(key, first=days[0], last=days[1] - 1))
    if "visits" in curves and part.visits == "all":
        said.append(words.html("selection.visits"))
    if "policy" in curves and part.policy:
        said.append(words.html(f"selection.{part.policy}"))
    return Markup(" ").join(said)


def _amount(by: str) -> str:
    """Return by what a view counts: count or value."""
    if by not in BY:
        message = f"A view counts by {' or by '.join(BY)}, not by {by!r}."
        raise LeakkitError("no_amount", message)
    return by


def _stages(chosen: PipelineAnalysis, stage: str) -> tuple[StageResult, ...]:
    """Return the stage that is asked for; all where none is."""
    if not stage:
        return chosen.stages
    found = tuple(each for each in chosen.stages if folded(each.name) == folded(stage))
    if not found:
        names = ", ".join(each.name for each in chosen.stages)
        message = f"There is no stage {stage!r}. There are: {names}."
        raise LeakkitError("no_stage", message)
    return found


def _paragraphs(texts: Iterable[str]) -> Markup:
    """Return texts as paragraphs; empty ones are left out."""
    return Markup("\n").join(Markup("<p>{}</p>").format(text) for text in texts if text)


def _items(texts: Iterable[str]) -> Markup:
    """Return texts as a list."""
    items = Markup("\n").join(Markup("<li>{}</li>").format(text) for text in texts)
    return Markup("<ul>\n{}\n</ul>").format(items) if items else Markup("")


def headline(analysis: Analysis, pipeline: str = "") -> View:
    """Where does this pipeline lose most, and how much?"""
    words, chosen = _words(analysis), _chosen(analysis, pipeline)
    lines = [
        since_then(analysis, (chosen,), words),
        words.html("headline.as_of", as_of=analysis.last_day, deals=chosen.opportunities),
    ]
    if analysis.provisional_order:
        lines.insert(0, words.html("headline.provisional"))
    return _view(
        words,
        "headline",
        title=words.html("question.headline", name=chosen.name),
        headline=_headline(analysis, chosen, words),
        note=_paragraphs([*_beside_headline(analysis, chosen, words), *lines]),
        kind="first",
        selection=_selection(analysis, chosen, words, *CURVES),
    )


def headline_sentence(analysis: Analysis, pipeline: str = "") -> str:
    """Return the headline as plain text, for lists of pages."""
    return _headline(analysis, _chosen(analysis, pipeline), _words(analysis)).striptags()


def _gravest(analysis: Analysis, chosen: PipelineAnalysis) -> Finding | None:
    """Return the finding that warns most gravely; None for a part, which has none."""
    if analysis.selection != EVERYTHING:
        return None
    own = [f for f in analysis.findings if f.pipeline == chosen.name and f.severity in WARNING]
    return cards(own)[0][0] if own else None


def _headline(analysis: Analysis, chosen: PipelineAnalysis, words: Words) -> Markup:
    """Say what got worse; where nothing did, which stage loses most."""
    gravest = _gravest(analysis, chosen)
    if gravest is None:
        return _headline_text(chosen, words)
    return what_changed(chosen, gravest, words)


def _beside_headline(
    analysis: Analysis, chosen: PipelineAnalysis, words: Words
) -> tuple[Markup, ...]:
    """Say what to look at first, and where most is lost, where those are two stages."""
    gravest = _gravest(analysis, chosen)
    if gravest is None:
        return (_headline_cost(chosen, words), _no_warning(analysis, chosen, words))
    return (mend_first(gravest, words), _largest(analysis, chosen, gravest, words))


def _no_warning(analysis: Analysis, chosen: PipelineAnalysis, words: Words) -> Markup:
    """Say that nothing got worse, or that nothing could be compared; of a part, nothing."""
    if analysis.selection != EVERYTHING:
        return Markup("")
    tested = count_tests(f for f in analysis.findings if f.pipeline == chosen.name)
    return words.html("causes.quiet" if tested else "causes.no_comparison")


def _largest(
    analysis: Analysis, chosen: PipelineAnalysis, gravest: Finding, words: Words
) -> Markup:
    """Say which stage loses the largest share of the whole history, and whether it got worse."""
    found = find_headline(chosen)
    if found.stage is None or found.by != "share":
        return Markup("")
    stage = found.stage
    facts = {"share": stage.lost.share, "low": stage.lost.low, "high": stage.lost.high}
    facts |= {"n": stage.exits.lost, "value": stage.value_lost}
    if stage.name == gravest.stage:
        return words.html("mend.same", **facts)
    key = (chosen.name, stage.name, "lost")
    judged = next((f.severity for f in analysis.findings if f.key == key), NOT_ENOUGH)
    said = {OK: "steady", NOT_ENOUGH: "unsure"}.get(judged, "worse_too")
    return words.html(f"mend.{said}", stage=tables.bdi(stage.name), **facts)


def _headline_text(chosen: PipelineAnalysis, words: Words) -> Markup:
    """Say which stage loses most."""
    found = find_headline(chosen)
    if found.stage is None:
        lost = chosen.notes.outcomes.get(("lost", False), 0)
        return words.html("headline.elsewhere" if lost else "headline.none", n=lost)
    if found.by == "count":
        return words.html("headline.count", stage=found.stage.name)
    first, second = found.stage, found.rival
    facts = {
        "stage": first.name,
        "share": first.lost.share,
        "low": first.lost.low,
        "high": first.lost.high,
    }
    if second is None:
        days = figures.stay(words, first.horizon.age or 0, chosen.unit_per_day)
        return words.html("headline.share", **facts, days=days)
    return words.html(
        "headline.share_two",
        **facts,
        rival=second.name,
        rival_share=second.lost.share,
        rival_low=second.lost.low,
        rival_high=second.lost.high,
    )


def _headline_cost(chosen: PipelineAnalysis, words: Words) -> Markup:
    """Say how many deals the named stages have lost, and their value."""
    found = find_headline(chosen)
    if found.stage is None:
        return Markup("")
    first, second = found.stage, found.rival
    if second is None:
        return words.html("headline.lost", n=first.exits.lost, value=first.value_lost)
    return words.html(
        "headline.lost_both",
        n=first.exits.lost,
        stage=first.name,
        value=first.value_lost,
        rival_n=second.exits.lost,
        rival=second.name,
        rival_value=second.value_lost,
    )


def balance(analysis: Analysis, pipeline: str = "", *, by: str = "count") -> View:
    """What came in, and what became of it? Whole numbers that add up.

    `by` value, the sums of money stand first, and the table of the stages has money.
    """
    words, chosen = _words(analysis), _chosen(analysis, pipeline)
    money = _amount(by) == "value"
    notes = chosen.notes
    unjudged = [stage.name for stage in chosen.stages if stage.overdue is None]
    lines = [words.html("balance.overdue")]
    if unjudged:
        lines.append(words.html("balance.unjudged", n=len(unjudged), names=", ".join(unjudged)))
    if notes.without_value:
        lines.append(words.html("balance.without_value", n=notes.without_value))
    zero = notes.zero_value_lost / max(_outcome(chosen, "lost"), 1)
    if zero > MANY_ZERO_VALUES:
        lines.append(words.html("balance.zero_value", share=zero))
    unfolded = Markup("<details><summary>{}</summary>{}</details>").format(
        words.say("balance.more"), tables.balance_table(chosen, words, by=by)
    )
    count = _equation(chosen.balance, words, "balance.equation", words.count)
    value = _equation(chosen.balance_value, words, "balance.value", words.money)
    return _view(
        words,
        "balance",
        headline=value if money else count,
        table=_paragraphs([count if money else value]) + unfolded,
        note=_paragraphs(lines),
        selection=_selection(analysis, chosen, words),
    )


def _equation(
    terms: PipelineBalance, words: Words, key: str, say: Callable[[float], str]
) -> Markup:
    """Say a balance as an equation; what never happens is left out."""
    parts: dict[str, dict[str, int | None]] = {
        "came": {"new": terms.new, "reopened": terms.reopened},
        "went": {
            "won": terms.won,
            "lost": terms.lost,
            "moved": terms.moved,
            "overdue_now": terms.overdue,
            "in_time": terms.in_time,
        },
    }
    rare = ("reopened", "moved")
    sides = {
        side: " + ".join(
            words.say(f"balance.{name}", amount=say(amount or 0))
            for name, amount in named.items()
            if amount or name not in rare
        )
        for side, named in parts.items()
    }
    return Markup("{}").format(words.say(key, **sides))


def _outcome(chosen: PipelineAnalysis, outcome: str) -> int:
    """Count the deals with an outcome, with or without a history."""
    return sum(n for (found, _), n in chosen.notes.outcomes.items() if found == outcome)


def pipe(analysis: Analysis, pipeline: str = "", *, by: str = "count") -> View:
    """Where does the pipe leak? A cohort, each deal once, to scale; in deals or `by` value.

    The strong red is the leak to look at first: the one that got worse, else the largest.
    """
    words, chosen = _words(analysis), _chosen(analysis, pipeline)
    found = () if analysis.selection != EVERYTHING else analysis.findings
    worst = emphasised(chosen, found)
    told = shifts(chosen, found) if _amount(by) == "count" else ()
    shown = figures.pipe(chosen, words, worst=worst, by=by, shifts=told)
    said = _selection(analysis, chosen, words)
    return _view(words, "pipe", figure=shown, selection=said)


def emphasised(chosen: PipelineAnalysis, findings: Iterable[Finding]) -> int | None:
    """Return the stage whose leak to look at first: what got worse, else what loses most."""
    worse = [f for f in findings if f.pipeline == chosen.name and f.severity in WARNING]
    led = [f for card in cards(worse) for f in card if f.kind == "lost"]
    names = {stage.name: stage.stage for stage in chosen.stages}
    largest = find_headline(chosen).stage
    if led and led[0].stage in names:
        return names[led[0].stage]
    return largest.stage if largest else None


def stages(analysis: Analysis, pipeline: str = "", *, by: str = "count") -> View:
    """What becomes of the deals that enter each stage, and how sure is that?

    `by` value, the share of the value that is lost stands first.
    """
    words, chosen = _words(analysis), _chosen(analysis, pipeline)
    worst = find_headline(chosen).stage
    marked = worst.stage if worst else None
    main = tables.stage_table(chosen, words, worst=marked, by=_amount(by))
    end = Markup("<h3>{}</h3>{}<h3>{}</h3>{}{}").format(
        words.say("stages.in_the_end"),
        tables.in_the_end_table(chosen, words),
        words.say("stages.where_lost"),
        tables.where_lost_table(chosen, words),
        _paragraphs([_route_note(chosen, words)]),
    )
    notes = [
        words.html("stages.note"),
        words.html("stages.crm"),
        _policy_note(chosen, words),
        _value_order(chosen, words),
    ]
    part = analysis.selection
    if part.window != "all" or part.visits != "first" or part.policy:
        notes.insert(0, words.html("selection.whole"))
    said = _selection(analysis, chosen, words, *CURVES)
    return _view(words, "stages", table=main + _paragraphs(notes) + end, selection=said)


def _route_note(chosen: PipelineAnalysis, words: Words) -> Markup:
    """Say what becomes of all deals within the days of the route."""
    route = chosen.route
    return words.html(
        "stages.where_lost_note",
        won=route.won_share,
        lost=route.lost_share,
        limit=figures.stay(words, route.limit, chosen.unit_per_day),
        back=route.came_back,
    )


def _policy_note(chosen: PipelineAnalysis, words: Words) -> Markup:
    """Say whether the order of the leaks depends on how skipped stages are counted."""
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
    names = ", ".join(s.name for s in sorted(lost, key=lambda s: (-s.value_lost, s.stage)))
    return words.html("stages.worst_by_value", names=names)


def days(analysis: Analysis, pipeline: str = "", *, stage: str = "") -> View:
    """After how many days do deals leave each stage (or one `stage`), and by which door?"""
    words, chosen = _words(analysis), _chosen(analysis, pipeline)
    note = _paragraphs([words.html("days.note")])
    shown = figures.days_by_exit(chosen, words, _stages(chosen, stage))
    said = _selection(analysis, chosen, words, *CURVES)
    return _view(words, "days", figure=shown, note=note, selection=said)


def months(analysis: Analysis, pipeline: str = "", *, by: str = "count") -> View:
    """How much came in and went out each month, and what was left? In deals or `by` value."""
    words, chosen = _words(analysis), _chosen(analysis, pipeline)
    shown = figures.months(chosen, words, by=_amount(by))
    return _view(words, "months", figure=shown, selection=_selection(analysis, chosen, words))


def data(analysis: Analysis, pipeline: str = "") -> View:
    """What could the data say, and what could they not?"""
    words, chosen = _words(analysis), _chosen(analysis, pipeline)
    odd = [
        words.html("data.fact", what=Markup(words.say(f"facts.{code}", n=n)))  # noqa: S704 - our own text
        for code, n in sorted(analysis.facts.items())
    ]
    missing = _missing(chosen, words)
    parts = [
        _paragraphs(
            [
                words.html(f"data.shape_{analysis.shape}"),
                *_rows(analysis, words),
                *data_lines(analysis, chosen, words),
            ]
        ),
        Markup("<h3>{}</h3>{}").format(words.say("data.missing"), _items(missing))
        if missing
        else _paragraphs([words.html("data.nothing_missing")]),
    ]
    if odd:
        parts.append(Markup("<h3>{}</h3>{}").format(words.say("data.odd"), _items(odd)))
    if analysis.faults:
        parts.append(reading.fault_table(analysis, words))
    if analysis.recognised:
        found = _items(reading.recognised_lines(analysis, words))
        parts.append(
            Markup("<details><summary>{}</summary>{}</details>").format(
                words.say("data.recognised"), found
            )
        )
    said = _selection(analysis, chosen, words, *CURVES)
    return _view(words, "data", note=Markup("\n").join(parts), selection=said)


def data_lines(analysis: Analysis, chosen: PipelineAnalysis, words: Words) -> list[Markup]:
    """Say what the data of a pipeline are, and how far they bear its headline."""
    return [
        *_deals(chosen, words),
        # a snapshot has no days on which anything is followed
        *(_days_used(chosen, words) if analysis.shape != SNAPSHOT else ()),
        *reading.stage_lines(chosen, words),
        *reading.bounds_lines(analysis, chosen.name, words),
    ]


def _rows(analysis: Analysis, words: Words) -> list[Markup]:
    """Say what became of the rows of each file."""
    names = ("read", "used", "merged", "not_asked", "set_aside")
    made = {"history": "made"} if analysis.shape != EVENTS else {}
    lines = [
        words.html(
            f"data.rows_{made.get(str(counted['table']), counted['table'])}",
            **{name: counted[name] for name in names},
        )
        for counted in analysis.rows
    ]
    return [*lines, words.html("data.rows_all")]


def _deals(chosen: PipelineAnalysis, words: Words) -> list[Markup]:
    """Say what deals there are, and what is missing in them."""
    notes = chosen.notes
    total = max(chosen.opportunities, 1)
    outcomes = {kind: _outcome(chosen, kind) for kind in ("won", "lost", "open")}
    lines = [
        words.html("data.deals", n=chosen.opportunities, **outcomes, share=outcomes["open"] / total)
    ]
    if closed := outcomes["won"] + outcomes["lost"]:
        of_all, of_closed = outcomes["won"] / total, outcomes["won"] / closed
        shares = {"of_all": of_all, "of_closed": of_closed, "closed": closed}
        lines.append(words.html("data.won", n=chosen.opportunities, **shares))
    none = {kind: notes.outcomes.get((kind, False), 0) for kind in outcomes}
    if sum(none.values()):
        lines.append(words.html("data.without_history", n=sum(none.values()), **none))
    lines.append(
        words.html(
            "data.closes",
            n=notes.closes,
            final=notes.closes - notes.reopened,
            reopened=notes.reopened,
        )
    )
    if outcomes["lost"]:
        lines.append(words.html("data.reasons", share=notes.without_reason_lost / outcomes["lost"]))
    if zero := notes.zero_value_lost:
        lines.append(words.html("data.zero_value", n=zero, share=zero / outcomes["lost"]))
    if notes.started_in_middle:
        lines.append(words.html("data.middle", n=notes.started_in_middle))
    outside = sum(stage.left_after_curves for stage in chosen.stages)
    if outside:
        lines.append(words.html("data.outside", n=outside))
    return lines


def _days_used(chosen: PipelineAnalysis, words: Words) -> list[Markup]:
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


def _missing(chosen: PipelineAnalysis, words: Words) -> list[Markup]:
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
            why=Markup(figures.reason_text(words, reason)),  # noqa: S704 - our own text
        )
        for (what, reason), names in found.items()
    ]


def method(analysis: Analysis, pipeline: str = "") -> View:  # noqa: ARG001 - every view takes the same choices
    """How are these numbers made, in plain words?"""
    words = _words(analysis)
    keys = ("leak", "share", "range", "horizon", "expected", "visits", "cohort", "overlap")
    return _view(words, "method", note=_paragraphs(words.html(f"method.{key}") for key in keys))


def provenance(analysis: Analysis, pipeline: str = "") -> View:  # noqa: ARG001 - as above
    """From which data and with which settings was this page made?"""
    words, rules = _words(analysis), analysis.config.comparison
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
    return _view(words, "provenance", note=_paragraphs(lines))
