"""All pipelines of a source side by side: the questions of whoever answers for all of them.

Every function takes the analysis and what became of each page of a run, as the plain
facts of `PageResult.facts()`; without them the overview stands alone, and links nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from leakkit.findings.finding import ALARM, WARNING, cards, count_tests, improvements
from leakkit.page.style import FIRST
from leakkit.views import html_tables
from leakkit.views import list_pages as present
from leakkit.views.drawing import figures
from leakkit.views.drawing.small_pictures import shift_cell, shifts, top_of
from leakkit.views.dropoff.data_quality import count_outcome
from leakkit.views.dropoff.leak_headline import headline_sentence
from leakkit.views.dropoff.stage_flow import choose_emphasis, pipe
from leakkit.views.elements import heading, panels, paragraphs, tidy_name
from leakkit.views.sentences import (
    mend_first,
    month,
    pipelines_left_out,
    quiet,
    say_judged,
    say_left_out,
    since_then,
)
from leakkit.views.view import View, answer, of_analysis, words_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.analysis.numbers import StageNumbers
    from leakkit.findings import Finding
    from leakkit.views.view import View
    from leakkit.words import Words

    Pages = Sequence[Mapping[str, Any]]

MOST_PIPES, PIPES_OF_MANY = 12, 6
"""So many pipelines are drawn, those with the most value lost; all of them are listed."""
MANY = 30
"""Of more pipelines than this, each is told in short: a page of 500 still opens at once."""
MOST_LEAKS = 15
NAMED = 4
"""So many further stages that got worse are named under the headline."""


@dataclass(frozen=True)
class StageLosses:
    """The losses of one stage of one pipeline."""

    pipeline: PipelineNumbers
    stage: StageNumbers
    lost: int
    value_lost: int


def _leaks(analysis: Analysis) -> list[StageLosses]:
    """Return every stage that lost deals, by the value lost, then by the deals."""
    found = [
        leak
        for pipeline in analysis.pipelines
        for stage in pipeline.stages
        if (leak := _leak(pipeline, stage)).lost
    ]
    return sorted(found, key=lambda leak: (-leak.value_lost, -leak.lost))


def _leak(pipeline: PipelineNumbers, stage: StageNumbers) -> StageLosses:
    """Return what a stage lost; of a present state, the lost deals whose row names it."""
    if pipeline.present is None:
        return StageLosses(pipeline, stage, stage.exits.lost, stage.value_lost)
    tally = pipeline.present.stages[stage.stage].tally
    return StageLosses(pipeline, stage, tally.lost, tally.value_lost)


@of_analysis
def overview(analysis: Analysis, pages: Pages = ()) -> View:
    """Where do the pipelines leak most, all together?"""
    words = words_of(analysis)
    warned = [one for one in _warnings(analysis) if one[1].leads]
    compared = count_tests(analysis.all_findings) > 0
    said = _say_warned(warned, words) if warned else _costliest(analysis, _leaks(analysis), words)
    deals = sum(pipeline.opportunities for pipeline in analysis.pipelines)
    lines = [
        mend_first(warned[0][1], words) if warned else Markup(""),
        _more_worse(warned, words),
        quiet(analysis.all_findings, words, several=True)
        if compared and not warned
        else Markup(""),
        _better(analysis, words),
        pipelines_left_out(analysis, words),
        since_then(analysis, analysis.pipelines, words),
        words.html(
            "overview.as_of", n=len(analysis.pipelines), deals=deals, as_of=analysis.last_day
        ),
        _trouble(pages, words),
    ]
    return answer(
        words,
        "overview",
        title=words.say("page.index"),
        headline=said,
        note=paragraphs(lines),
        kind=FIRST,
    )


def _warnings(analysis: Analysis) -> list[tuple[PipelineNumbers, Finding]]:
    """Return the findings that warn, one per stage, the gravest first, with their pipelines."""
    there = {pipeline.name: pipeline for pipeline in analysis.pipelines}
    led = cards(f for f in analysis.all_findings if f.severity in WARNING and f.pipeline in there)
    return [(there[card[0].pipeline], card[0]) for card in led]


def _say_warned(warned: Sequence[tuple[PipelineNumbers, Finding]], words: Words) -> Markup:
    """Say what got worse that costs most."""
    pipeline, finding = warned[0]
    what = say_judged(pipeline, finding, words)
    return words.html("overview.warned", pipeline=html_tables.bdi(pipeline.name), what=what)


def _more_worse(warned: Sequence[tuple[PipelineNumbers, Finding]], words: Words) -> Markup:
    """Name what else got worse, or may have, the costliest first, each with what it costs."""
    if len(warned) < 2:  # noqa: PLR2004 - one is the headline's
        return Markup("")
    named = []
    for pipeline, finding in warned[1 : 1 + NAMED]:
        value = finding.recoverable.value if finding.recoverable else 0.0
        facts = {
            "stage": html_tables.bdi(finding.stage),
            "pipeline": html_tables.bdi(pipeline.name),
        }
        key = "overview.named_worth" if value else "overview.named"
        named.append(words.html(key, **facts, value=value))
    said = Markup("{}").format(words.list_values(named))
    rest = len(warned) - 1
    sure = all(f.severity == ALARM for _, f in warned[1:])
    key = f"{'more' if rest == len(named) else 'many_more'}_{'worse' if sure else 'perhaps'}"
    return words.html(f"overview.{key}", n=rest, named=said)


def _better(analysis: Analysis, words: Words) -> Markup:
    """Say what got better, the surest first, and name the rest."""
    there = {pipeline.name: pipeline for pipeline in analysis.pipelines}
    better = improvements(f for f in analysis.all_findings if f.pipeline in there and f.leads)
    if not better:
        return Markup("")
    first, rest = better[0], better[1 : 1 + NAMED]
    pipeline = there[first.pipeline]
    what = say_judged(pipeline, first, words)
    said = words.html("overview.better", pipeline=html_tables.bdi(pipeline.name), what=what)
    if not rest:
        return said
    named = words.list_values(
        [
            words.html(
                "overview.named",
                stage=html_tables.bdi(f.stage),
                pipeline=html_tables.bdi(f.pipeline),
            )
            for f in rest
        ]
    )
    return said + Markup(" ") + words.html("overview.more_better", n=len(better) - 1, named=named)


def say_nothing_lost(analysis: Analysis, words: Words) -> Markup:
    """Say that no stage lost a deal: none was lost, or it cannot be said, or not where."""
    if said := _say_left_out(analysis, words):
        return said
    lost = sum(one.notes.outcomes.get(("lost", False), 0) for one in analysis.pipelines)
    if not lost and _of_lists(analysis):
        return words.html("overview.none_in_lists")
    return words.html("headline.elsewhere" if lost else "overview.none", n=lost)


def _say_left_out(analysis: Analysis, words: Words) -> Markup:
    """Say what the exports leave out, where each leaves something out."""
    said = [say_left_out(one, words) for one in analysis.pipelines]
    return said[0] if said and all(said) else Markup("")


def _costliest(analysis: Analysis, leaks: Sequence[StageLosses], words: Words) -> Markup:
    """Say where most value is lost; stages whose losses may be healthy only where no other is."""
    if said := _say_left_out(analysis, words):
        return said
    serious = [leak for leak in leaks if leak.stage.kind != "qualify"] or list(leaks)
    if not serious:
        return say_nothing_lost(analysis, words)
    worst = serious[0]
    return words.html(
        "overview.worst",
        stage=html_tables.bdi(worst.stage.name),
        pipeline=html_tables.bdi(worst.pipeline.name),
        n=worst.lost,
        value=worst.value_lost,
        share=worst.value_lost / max(sum(one.value_lost for one in leaks), 1),
    )


@of_analysis
def overview_warnings(analysis: Analysis, pages: Pages = ()) -> View:
    """What got worse in any pipeline, what does it look like, and what could be kept?"""
    words, warned = words_of(analysis), _warnings(analysis)
    if _of_lists(analysis):
        return answer(words, "overview_warnings", headline=words.say("present.no_causes"))
    if not warned:
        tested = count_tests(analysis.all_findings)
        apart = Markup("") if tested else pipelines_left_out(analysis, words)
        quiet_words = quiet(analysis.all_findings, words, several=True) if tested else None
        said = apart or quiet_words or words.html("overview.no_comparison")
        return answer(words, "overview_warnings", headline=said)
    links = {page["pipeline"]: str(page.get("causes", "")) for page in pages}
    rows = [
        (_link(one.name, links.get(one.name, "")) + _severity(finding, words), (one, finding))
        for one, finding in warned[:MANY]
    ]
    most = max(top_of(finding) for _, finding in warned)
    table = html_tables.HtmlTable(
        words.say("overview.warnings"),
        (
            html_tables.TableColumn(
                "what_happened", lambda r: say_judged(r[0], r[1], words), "lk-name"
            ),
            html_tables.TableColumn("before_now", lambda r: shift_cell(r[1], most), "lk-name"),
            html_tables.TableColumn("since", lambda r: _since(r[1], words)),
            html_tables.TableColumn("looks_like", lambda r: _looks_like(r[1], words), "lk-name"),
            html_tables.TableColumn("could_keep_value", lambda r: _say_kept(r[1], words)),
        ),
        rows,
        head="pipeline_name",
    )
    left_out = len(warned) - len(rows)
    note = words.html("overview.left_out_warnings", n=left_out) if left_out else Markup("")
    return answer(words, "overview_warnings", table=table.html(words), note=note)


def _severity(finding: Finding, words: Words) -> Markup:
    """Return the judgement of a finding as a badge."""
    said = words.say(f"causes.severity_{finding.severity}")
    return Markup('<span class="lk-badge lk-{}">{}</span>').format(finding.severity, said)


def _since(finding: Finding, words: Words) -> str:
    """Return the month from which the share differs, where one can be named."""
    return html_tables.DASH if finding.since is None else month(finding.since, words)


def _looks_like(finding: Finding, words: Words) -> str:
    """Say what the losses of the stage look like, where that is known."""
    family = (finding.cause.family if finding.cause else "") or "undetermined"
    return words.say(f"causes.short_{family}")


def _say_kept(finding: Finding, words: Words) -> str:
    """Say what could be kept in a period as long as the current window."""
    value = finding.recoverable
    return words.money(value.value) if value and value.value else html_tables.DASH


def _trouble(pages: Pages, words: Words) -> Markup:
    """Say how many pages could not be made."""
    failed = sum(page["state"] == "failed" for page in pages)
    return words.html("overview.failed", n=failed) if failed else Markup("")


@of_analysis
def overview_pages(analysis: Analysis, pages: Pages = ()) -> View:
    """Which pages are there, what does each say, and which are missing or old?"""
    words = words_of(analysis)
    given = pages or [
        {"pipeline": one.name, "headline": headline_sentence(analysis, one.name)}
        for one in analysis.pipelines
    ]
    short = len(given) > MANY
    gravest = {one.name: _severity(finding, words) for one, finding in _warnings(analysis)[::-1]}
    items = Markup("\n").join(
        _page_item(page, gravest.get(page["pipeline"], Markup("")), words, short=short)
        for page in given
    )
    return answer(
        words, "overview_pages", table=Markup('<ul class="lk-list">{}</ul>').format(items)
    )


def _page_item(page: Mapping[str, Any], badge: Markup, words: Words, *, short: bool) -> Markup:
    """Return one page with its gravest judgement and what it says, or why it is not there.

    In `short` without its files.
    """
    said = Markup("").join(
        Markup('<p class="{}">{}</p>').format(kind, line) for kind, line in _page_lines(page, words)
    )
    name = _link(page["pipeline"], str(page.get("page", "")))
    files = Markup("") if short else _files(page, words)
    shown = Markup("<li><div>{}{}</div><div>{}</div>{}</li>")
    return shown.format(heading(name), badge, said, files)


def _page_lines(page: Mapping[str, object], words: Words) -> list[tuple[str, Markup]]:
    """Return what the list says of one page, as (class, text)."""
    lines = [
        (page.get("failed"), "lk-failed", "overview.not_made"),
        (page.get("stale"), "lk-failed", "page.stale_short"),
        (page.get("state") == "not_asked", "lk-muted", "overview.not_asked"),
        (page.get("headline"), "lk-said", "overview.says"),
    ]
    facts = {
        "reason": html_tables.bdi(str(page.get("failed", ""))),
        "as_of": page.get("last_day", 0),
        "said": _sentence(str(page.get("headline", "")), words),
    }
    return [(kind, words.html(key, **facts)) for shown, kind, key in lines if shown]


def _sentence(text: str, words: Words) -> Markup:
    """Return a sentence of ours that came as text; it runs as ours, whatever it begins with."""
    return Markup('<bdi dir="{}">{}</bdi>').format(words.direction, tidy_name(text))


def _files(page: Mapping[str, object], words: Words) -> Markup:
    """Return links to what else there is of a pipeline; nothing where it has no page."""
    if not page.get("page"):
        return Markup("")
    files = [(f"{page['folder']}/{name}", name) for name in ("stages.csv", "worklist.xlsx")]
    if page.get("causes"):
        files.insert(0, (str(page["causes"]), words.say("page.to_root_causes")))
    shown = Markup("").join(Markup('<a href="{}">{}</a>').format(*file) for file in files)
    return Markup('<p class="lk-links">{}</p>').format(shown)


@of_analysis
def overview_pipes(analysis: Analysis, pages: Pages = ()) -> View:
    """What do the pipes look like beside each other?"""
    words = words_of(analysis)
    links = {page["pipeline"]: str(page.get("page", "")) for page in pages}
    if len(analysis.pipelines) == 1:
        return _lone_pipe(analysis, words)
    many = len(analysis.pipelines) > MANY
    shown = _largest(analysis, PIPES_OF_MANY if many else MOST_PIPES)
    pipes = [
        (_link(one.name, links.get(one.name, "")), _small_pipe(analysis, one, words))
        for one in shown
    ]
    left_out = len(analysis.pipelines) - len(shown)
    lines = [words.html("overview.pipes_read", as_of=analysis.last_day)]
    if left_out:
        lines.append(words.html("overview.left_out", n=left_out))
    figure = panels(pipes, kind="lk-pipes")
    return answer(words, "overview_pipes", figure=figure, note=paragraphs(lines))


def _lone_pipe(analysis: Analysis, words: Words) -> View:
    """Show the one pipe there is in its large form."""
    view = pipe(analysis)
    title = view.title if _of_lists(analysis) else ""
    return answer(words, "overview_pipes", title=title, figure=view.figure)


def _of_lists(analysis: Analysis) -> bool:
    """Say whether of every pipeline only the present state is known."""
    return all(one.present is not None for one in analysis.pipelines)


def _largest(analysis: Analysis, most: int) -> list[PipelineNumbers]:
    """Return the pipelines with the most value lost, in the order of the analysis."""
    lost = {one.name: _value_lost(one) for one in analysis.pipelines}
    names = sorted(lost, key=lambda name: -lost[name])[:most]
    return [one for one in analysis.pipelines if one.name in names]


def _value_lost(one: PipelineNumbers) -> int:
    """Return the value that a pipeline lost, as far as it is known where."""
    if one.present is not None:
        return one.present.total.value_lost
    return sum(stage.value_lost for stage in one.stages)


def _small_pipe(analysis: Analysis, one: PipelineNumbers, words: Words) -> Markup:
    """Return the pipe of one pipeline, with the stage that its own page emphasises."""
    if one.present is not None:
        return present.list_figure(analysis, one, words, "count")
    shown_shifts = shifts(one, analysis.all_findings)
    return figures.small_pipe_figure(
        one, words, choose_emphasis(one, analysis.all_findings), shown_shifts
    )


def _link(name: str, path: str) -> Markup:
    """Return a name, as a link where there is a page."""
    shown = html_tables.bdi(name)
    return Markup('<a href="{}">{}</a>').format(path, shown) if path else shown


@of_analysis
def overview_leaks(analysis: Analysis, pages: Pages = ()) -> View:
    """Where are the largest losses, over all pipelines?"""
    words, leaks = words_of(analysis), _leaks(analysis)
    if not leaks:
        return answer(words, "overview_leaks", headline=say_nothing_lost(analysis, words))
    links = {page["pipeline"]: str(page.get("page", "")) for page in pages}
    whole = sum(leak.value_lost for leak in leaks)
    shown = leaks[:MOST_LEAKS]
    rows = [(_link(leak.pipeline.name, links.get(leak.pipeline.name, "")), leak) for leak in shown]
    reasons = html_tables.ReasonTexts(words)
    most = max([0.02, *(one.stage.lost.high or 0.0 for one in shown)])
    table = html_tables.HtmlTable(
        words.say("overview.leaks"),
        (
            html_tables.TableColumn(
                "stage", lambda one: html_tables.bdi(one.stage.name), "lk-name"
            ),
            html_tables.TableColumn(
                "lost", lambda one: _lost_share(one, words, reasons, most), "lk-lost"
            ),
            html_tables.TableColumn("lost_deals", lambda one: words.count(one.lost)),
            html_tables.TableColumn("value_lost", lambda one: words.money(one.value_lost)),
            html_tables.TableColumn(
                "of_all_lost", lambda one: words.share(one.value_lost / max(whole, 1))
            ),
            html_tables.TableColumn("overdue", lambda one: _overdue(one, words, reasons)),
        ),
        rows,
        head="pipeline_name",
    )
    return answer(words, "overview_leaks", table=table.html(words) + reasons.html())


def _lost_share(
    leak: StageLosses, words: Words, reasons: html_tables.ReasonTexts, most: float
) -> Markup:
    """Return the share that is lost of what enters the stage."""
    if leak.pipeline.present is not None:
        return reasons.dash("no_history")
    return html_tables.bar_cell(words, leak.stage.lost, reasons, most)


def _overdue(leak: StageLosses, words: Words, reasons: html_tables.ReasonTexts) -> Markup:
    """Return how many deals are late in the stage."""
    if leak.pipeline.present is not None:
        return reasons.dash("no_history")
    return html_tables.overdue_cell(words, leak.stage, reasons)


@of_analysis
def overview_quality(analysis: Analysis, pages: Pages = ()) -> View:
    """How good is the data of each pipeline?"""
    words = words_of(analysis)
    links = {page["pipeline"]: str(page.get("page", "")) for page in pages}
    shown = _largest(analysis, MANY)
    rows = [(_link(one.name, links.get(one.name, "")), one) for one in shown]
    table = html_tables.HtmlTable(
        words.say("overview.quality"),
        (
            html_tables.TableColumn("deals", lambda one: words.count(one.opportunities)),
            html_tables.TableColumn(
                "open_share",
                lambda one: words.share(count_outcome(one, "open") / max(one.opportunities, 1)),
            ),
            html_tables.TableColumn("no_history", lambda one: words.count(_without_history(one))),
            html_tables.TableColumn("no_reason", lambda one: _no_reason(words, one)),
            html_tables.TableColumn("no_value", lambda one: words.count(one.notes.without_value)),
            html_tables.TableColumn("missing", lambda one: _missing(one, words)),
        ),
        rows,
        head="pipeline_name",
    )
    left_out = len(analysis.pipelines) - len(shown)
    note = words.html("overview.left_out_quality", n=left_out) if left_out else Markup("")
    return answer(words, "overview_quality", table=table.html(words), note=note)


def _no_reason(words: Words, pipeline: PipelineNumbers) -> str:
    """Say the share of lost deals that have no reason."""
    lost = count_outcome(pipeline, "lost")
    return words.share(pipeline.notes.without_reason_lost / lost) if lost else html_tables.DASH


def _without_history(pipeline: PipelineNumbers) -> int:
    """Count the deals without a stage history."""
    if pipeline.present is not None:
        return pipeline.opportunities
    return sum(n for (_, history), n in pipeline.notes.outcomes.items() if not history)


def _missing(pipeline: PipelineNumbers, words: Words) -> str:
    """Say how many numbers of the stage table could not be estimated; of a list, none is tried."""
    if pipeline.present is not None:
        return html_tables.DASH
    names = ("lost", "advance", "won_from_here", "median")
    missing = sum(bool(getattr(stage, name).reason) for stage in pipeline.stages for name in names)
    return words.count(missing)
