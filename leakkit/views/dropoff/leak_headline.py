"""Where does this pipeline lose most, and how much? The first words of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from leakkit.analysis.headline import find_headline
from leakkit.analysis.scope import EVERYTHING
from leakkit.findings.finding import (
    ALARM,
    BETTER,
    NOT_ENOUGH,
    OK,
    PERHAPS_BETTER,
    SMALL,
    WATCH,
    improvements,
    leading,
)
from leakkit.page.style import FIRST
from leakkit.views import sentences as present
from leakkit.views.causes.cause_lines import plain_points
from leakkit.views.dropoff.data_quality import left_open_lines, renamed_lines
from leakkit.views.elements import name_stay, paragraphs
from leakkit.views.html_tables import bdi, of_days, span
from leakkit.views.sentences import (
    first_of,
    losses_line,
    mend_first,
    quiet,
    say_judged,
    say_left_out,
    since_then,
    what_to_export,
)
from leakkit.views.view import CURVES, answer, of_analysis, part_line, pipeline_of, words_of

if TYPE_CHECKING:
    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.analysis.headline import Headline
    from leakkit.analysis.numbers import StageNumbers
    from leakkit.findings import Finding
    from leakkit.views.view import View
    from leakkit.words import Words


QUALIFY = "qualify"
MANY_UNFOLLOWED = 0.05
"""From this share of the losses on, those without a history are said under the headline."""
MENDED = {
    ALARM: "worse_too",
    WATCH: "perhaps_worse",
    BETTER: "better",
    PERHAPS_BETTER: "perhaps_better",
    SMALL: "little",
    OK: "steady",
    NOT_ENOUGH: "unsure",
}
"""What is said of the stage that loses most, where another one got worse, by its judgement."""


@of_analysis
def headline(analysis: Analysis, pipeline: str = "") -> View:
    """Where does this pipeline lose most, and how much?"""
    words, chosen = words_of(analysis), pipeline_of(analysis, pipeline)
    lines = [
        since_then(analysis, (chosen,), words),
        losses_line(analysis, chosen, words, only_many=True),
        _as_of(analysis, chosen, words),
    ]
    if chosen.opportunities and chosen.notes.without_value == chosen.opportunities:
        lines.insert(0, words.html("headline.no_values"))
    if apart := analysis.facts.get("none_in_both"):
        lines.insert(0, words.html("facts.none_in_both", n=apart))
    lines[:0] = [*left_open_lines(analysis.facts, words), *renamed_lines(chosen, words)]
    if analysis.provisional_order and chosen.present is None:
        lines.insert(0, words.html("headline.provisional"))
    return answer(
        words,
        "headline",
        title=words.html("question.headline", name=chosen.name),
        headline=_headline(analysis, chosen, words),
        note=paragraphs(
            [
                *_beside_headline(analysis, chosen, words),
                _apart(chosen, words) if chosen.present is None else "",
                _say_unfollowed(chosen, words),
                *lines,
            ]
        ),
        kind=FIRST,
        selection=Markup(" ").join(
            part
            for part in (
                first_of(analysis, pipeline, words),
                part_line(analysis, chosen, words, *CURVES),
            )
            if part
        ),
    )


def _as_of(analysis: Analysis, chosen: PipelineNumbers, words: Words) -> Markup:
    """Say how many deals there are, and when."""
    facts = {"as_of": analysis.last_day, "deals": chosen.opportunities}
    return words.html(f"headline.as_of{of_days(chosen)}", **facts, **span(chosen))


def headline_sentence(analysis: Analysis, pipeline: str = "") -> str:
    """Return the headline as plain text, for lists of pages."""
    return _headline(analysis, pipeline_of(analysis, pipeline), words_of(analysis)).striptags()


def _gravest(analysis: Analysis, chosen: PipelineNumbers) -> Finding | None:
    """Return the finding that leads the page; None for a part, which has none."""
    if analysis.selection != EVERYTHING:
        return None
    led = leading(f for f in analysis.all_findings if f.pipeline == chosen.name)
    return led[0][0] if led else None


def _headline(analysis: Analysis, chosen: PipelineNumbers, words: Words) -> Markup:
    """Say which deals are left out; else what got worse, or what loses most and got better.

    Where only the present state is known, in which stage most deals were lost.
    """
    if chosen.present is not None and (chosen.present.total.lost or not chosen.notes.coverage):
        return present.say_most_lost(chosen.present, words)
    if chosen.notes.coverage:
        return say_left_out(chosen, words)
    gravest = _gravest(analysis, chosen)
    if gravest is not None:
        return say_judged(chosen, gravest, words)
    return Markup(" ").join(
        [largest_sentence(chosen, words), *_better(analysis, chosen, words)[:1]]
    )


def _better(analysis: Analysis, chosen: PipelineNumbers, words: Words) -> list[Markup]:
    """Say what got better, the surest first; nothing of a part."""
    if analysis.selection != EVERYTHING:
        return []
    own = improvements(f for f in analysis.all_findings if f.pipeline == chosen.name)
    return [say_judged(chosen, finding, words) for finding in own if finding.leads]


def _beside_headline(
    analysis: Analysis, chosen: PipelineNumbers, words: Words
) -> tuple[Markup, ...]:
    """Say what to look at first, and where most is lost, where those are two stages."""
    if chosen.present is not None:
        return tuple(present.present_lines(analysis, chosen, words))
    if chosen.notes.coverage:
        return _of_a_list(chosen, words)
    gravest, better = _gravest(analysis, chosen), _better(analysis, chosen, words)
    if gravest is None:
        first = (_headline_cost(chosen, words), _no_warning(analysis, chosen, words))
        return (*first, *better[1:])
    return (mend_first(gravest, words), _largest(analysis, chosen, gravest, words), *better)


def _say_unfollowed(chosen: PipelineNumbers, words: Words) -> Markup:
    """Say of the lost deals without a history where they stood; nothing where they are few."""
    if chosen.present is not None:
        return Markup("")
    lost = sum(one.tally.lost for one in chosen.unfollowed)
    every = sum(n for (outcome, _), n in chosen.notes.outcomes.items() if outcome == "lost")
    if not lost or lost < MANY_UNFOLLOWED * every:
        return Markup("")
    found = sorted(chosen.unfollowed, key=lambda one: -one.tally.lost)
    named = [
        words.html("present.of_stage", stage=bdi(one.name), n=one.tally.lost)
        for one in found
        if one.tally.lost and one.stage is not None
    ]
    key = "present.unfollowed" if named else "present.unfollowed_nowhere"
    facts = {"n": lost, "share": lost / every}
    return words.html(key, **facts, named=words.list_values(named))


def _of_a_list(chosen: PipelineNumbers, words: Words) -> tuple[Markup, ...]:
    """Say what to export instead, and where the deals that are there were lost."""
    instead = what_to_export(chosen, words)
    if find_headline(chosen).stage is None:
        return (instead,)
    return (instead, largest_sentence(chosen, words), _headline_cost(chosen, words))


def _no_warning(analysis: Analysis, chosen: PipelineNumbers, words: Words) -> Markup:
    """Say that nothing got worse, or that nothing could be compared; of a part, nothing."""
    if analysis.selection != EVERYTHING:
        return Markup("")
    return quiet((f for f in analysis.all_findings if f.pipeline == chosen.name), words)


def _largest(analysis: Analysis, chosen: PipelineNumbers, gravest: Finding, words: Words) -> Markup:
    """Say which stage loses the largest share of the whole history, and whether it got worse."""
    found = find_headline(chosen)
    if found.stage is None or found.by != "share":
        return Markup("")
    stage = found.stage
    facts: dict[str, Any] = {
        "share": stage.lost.share,
        "low": stage.lost.low,
        "high": stage.lost.high,
        "days": _days(chosen, stage, words),
        "n": stage.exits.lost,
        "value": stage.value_lost,
    }
    if stage.name == gravest.stage:
        return words.html("mend.same", **facts) + _how_sure(found, words)
    key = (chosen.name, stage.name, "lost")
    own = next((f for f in analysis.all_findings if f.key == key), None)
    said = MENDED[NOT_ENOUGH if own is None else own.severity]
    size = plain_points(words, own.margin) if own else ""
    said_of = words.html(f"mend.{said}", stage=bdi(stage.name), size=size, **facts)
    return said_of + _how_sure(found, words)


def _apart(chosen: PipelineNumbers, words: Words) -> Markup:
    """Name the qualifying stages that lose a larger share than the stage that is named."""
    found = find_headline(chosen)
    if found.by != "share" or found.stage is None or found.stage.kind == QUALIFY:
        return Markup("")
    most = found.stage.lost.share or 0.0
    names = [bdi(s.name) for s in chosen.stages
             if s.kind == QUALIFY and (s.lost.share or 0.0) > most]  # fmt: skip
    return (
        words.html("headline.apart", n=len(names), names=words.list_values(names))
        if names
        else Markup("")
    )


def _how_sure(found: Headline, words: Words) -> Markup:
    """Say that another stage may lose the largest share; nothing where that is sure."""
    if found.sureness == "surely":
        return Markup("")
    names = words.list_values([bdi(rival.name) for rival in found.rivals])
    return Markup(" ") + words.html(f"mend.{found.sureness}", n=len(found.rivals), names=names)


def _days(chosen: PipelineNumbers, stage: StageNumbers, words: Words) -> Markup | str:
    """Say within how many days the shares of a stage count."""
    return name_stay(words, stage.horizon.age or 0, chosen.unit_per_day)


def largest_sentence(chosen: PipelineNumbers, words: Words) -> Markup:
    """Say which stage loses most."""
    found = find_headline(chosen)
    if found.stage is None:
        lost = chosen.notes.outcomes.get(("lost", False), 0)
        if lost:
            return words.html("headline.elsewhere", n=lost)
        return words.html(f"headline.none{of_days(chosen)}", **span(chosen))
    if found.by == "count":
        return words.html("headline.count", stage=found.stage.name)
    first, rivals = found.stage, found.rivals
    facts: dict[str, Any] = {
        "stage": first.name,
        "share": first.lost.share,
        "low": first.lost.low,
        "high": first.lost.high,
        "days": _days(chosen, first, words),
    }
    if not rivals:
        return words.html(f"headline.{found.sureness}", **facts)
    if len(rivals) > 1:
        names = words.list_values([bdi(rival.name) for rival in rivals])
        return words.html("headline.several", **facts, names=names)
    return words.html(
        "headline.two",
        **facts,
        rival=rivals[0].name,
        rival_share=rivals[0].lost.share,
        rival_days=_days(chosen, rivals[0], words),
        rival_low=rivals[0].lost.low,
        rival_high=rivals[0].lost.high,
    )


def _headline_cost(chosen: PipelineNumbers, words: Words) -> Markup:
    """Say how many deals the named stages have lost, and their value."""
    found = find_headline(chosen)
    if found.stage is None:
        return Markup("")
    first, rivals = found.stage, found.rivals
    facts = {"n": first.exits.lost, "stage": first.name, "value": first.value_lost} | span(chosen)
    end = of_days(chosen)
    if len(rivals) != 1:
        return words.html(f"headline.lost{'_in' if rivals else ''}{end}", **facts)
    return words.html(
        f"headline.lost_both{end}",
        **facts,
        rival_n=rivals[0].exits.lost,
        rival=rivals[0].name,
        rival_value=rivals[0].value_lost,
    )
