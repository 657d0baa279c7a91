"""The first words of the page of causes, and how it is to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.findings.finding import RATE, improvements, leading
from leakkit.page.style import FIRST
from leakkit.views.causes import cause_lines, segment_tables
from leakkit.views.causes import cause_lines as present
from leakkit.views.dropoff.data_quality import provenance
from leakkit.views.elements import paragraphs
from leakkit.views.html_tables import bdi
from leakkit.views.sentences import (
    first_of,
    losses_line,
    quiet,
    say_judged,
    say_left_out,
    since_then,
    what_to_export,
)
from leakkit.views.view import answer, of_diagnosis, words_of

if TYPE_CHECKING:
    from leakkit.analysis import Diagnosis
    from leakkit.findings import Finding
    from leakkit.views.view import View
    from leakkit.words import Words


# ---------------- headline
# What got worse, why, and what would a repair bring? The first words of the page.


@of_diagnosis
def causes_headline(diagnosis: Diagnosis) -> View:
    """What got worse, why, and what would a repair bring? In three sentences."""
    words, pipeline = words_of(diagnosis.analysis), diagnosis.pipeline
    if pipeline.present is not None:
        return _of_present(diagnosis, words)
    lines = [
        _first_mix(diagnosis, words),
        _first_verdict(diagnosis, words),
        _joint_line(diagnosis, words),
        since_then(diagnosis.analysis, (pipeline,), words),
        losses_line(diagnosis.analysis, pipeline, words, only_many=True),
        _say_tested(diagnosis, words),
    ]
    return answer(
        words,
        "causes_headline",
        title=words.html("question.causes_headline", name=bdi(pipeline.name)),
        headline=_worst(diagnosis, words),
        note=paragraphs(lines),
        kind=FIRST,
        selection=_first_of(diagnosis, words),
    )


def _of_present(diagnosis: Diagnosis, words: Words) -> View:
    """Say which reason is named most, and what a list without a history cannot say."""
    analysis, chosen = diagnosis.analysis, diagnosis.pipeline
    lines = [words.html("present.no_causes"), since_then(analysis, (chosen,), words)]
    return answer(
        words,
        "causes_headline",
        title=words.html("question.causes_headline", name=bdi(chosen.name)),
        headline=present.reasons_headline(analysis, chosen, words),
        note=paragraphs(lines),
        kind=FIRST,
    )


def _first_of(diagnosis: Diagnosis, words: Words) -> Markup:
    """Say that the pipeline is the first of several; nothing of another one."""
    analysis = diagnosis.analysis
    first = diagnosis.pipeline.name == analysis.pipelines[0].name
    return first_of(analysis, "", words) if first else Markup("")


def _worst(diagnosis: Diagnosis, words: Words) -> Markup:
    """Say which deals are left out; else what got worse, what got better, or that none did."""
    if diagnosis.pipeline.notes.coverage:
        return say_left_out(diagnosis.pipeline, words)
    first = _leading(diagnosis)
    if first is not None:
        return say_judged(diagnosis.pipeline, first, words)
    own = [finding for card in diagnosis.cards for finding in card]
    better = [finding for finding in improvements(own) if finding.leads]
    if not better:
        return quiet(own, words)
    return say_judged(diagnosis.pipeline, better[0], words) + Markup(" ") + quiet(own, words)


def _leading(diagnosis: Diagnosis) -> Finding | None:
    """Return the finding that leads the page; None where none does."""
    led = leading(finding for card in diagnosis.cards for finding in card)
    return led[0][0] if led else None


def _first_mix(diagnosis: Diagnosis, words: Words) -> Markup:
    """Say of the leading finding how much of it is other deals coming in, where some may be."""
    first = _leading(diagnosis)
    if first is None or first.says == RATE:
        return Markup("")
    return segment_tables.mix_of(diagnosis, first, words)


def _first_verdict(diagnosis: Diagnosis, words: Words) -> Markup:
    """Say what the losses of the gravest stage look like; of no losses, what to review."""
    if not diagnosis.stages:
        return Markup("")
    first, leads = diagnosis.stages[0], _leading(diagnosis)
    if leads is not None and leads.kind != "lost":
        return cause_lines.review_line(diagnosis, leads, words)
    name, family = bdi(first.stage.name), first.cause.verdict.family
    said = words.html(f"causes.verdict_{family or 'undetermined'}", stage=name)
    return said + " " + cause_lines.strength(first.cause, words)


def _joint_line(diagnosis: Diagnosis, words: Words) -> Markup:
    """Say what it would bring if all that got worse went back."""
    joint = [repair for repair in diagnosis.repairs if repair.points is None]
    if not joint:
        return Markup("")
    worth = joint[0].result.new_deals
    return words.html(
        "causes.joint",
        n=worth.value,
        low=worth.low,
        high=worth.high,
        days=words.days(_current_days(diagnosis)),
    )


def _current_days(diagnosis: Diagnosis) -> int:
    """Return the length of the current window."""
    first, end = diagnosis.pipeline.windows.current or (0, 0)
    return end - first


def _say_tested(diagnosis: Diagnosis, words: Words) -> Markup:
    """Say how many comparisons were made, of which days."""
    windows = diagnosis.pipeline.windows
    if diagnosis.pipeline.notes.coverage:
        return what_to_export(diagnosis.pipeline, words)
    tests = sum(f.p_value is not None for f in diagnosis.analysis.all_findings)
    if windows.current is None or windows.baseline is None:
        return words.html("causes.one_window")
    (first, end), (before, before_end) = windows.current, windows.baseline
    return words.html(
        "causes.tested", n=tests, first=first, last=end - 1, before=before, until=before_end - 1
    )


# ---------------- terms
# How is the page of causes to be read, and what was it made from?


@of_diagnosis
def causes_terms(diagnosis: Diagnosis) -> View:
    """What do the words of this page mean? Each once."""
    words = words_of(diagnosis.analysis)
    confirm = diagnosis.analysis.config.comparison.confirm_days
    days, alarm = words.days(confirm), "alarm" if confirm else "alarm_once"
    keys = (
        alarm,
        "windows",
        "look_like",
        "excess",
        "rate",
        "adjusted",
        "keep",
        "late",
    )
    if diagnosis.pipeline.present is not None:
        return answer(
            words, "causes_terms", note=paragraphs([words.html("present.term_looks_like")])
        )
    said = (words.html(f"causes.term_{key}", days=days) for key in keys)
    return answer(words, "causes_terms", note=paragraphs(said))


@of_diagnosis
def causes_provenance(diagnosis: Diagnosis) -> View:
    """From which data and with which settings was this page made?"""
    return provenance(diagnosis.analysis)
