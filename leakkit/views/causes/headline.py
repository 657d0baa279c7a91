"""What got worse, why, and what would a repair bring? The first words of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.page.kinds import FIRST
from leakkit.views.causes import mix, verdict
from leakkit.views.causes.comparisons import compared
from leakkit.views.coverage import left_out, what_to_export
from leakkit.views.elements import paragraphs
from leakkit.views.sentences import since_then, what_changed
from leakkit.views.tables import bdi
from leakkit.views.view import answer, words_of

if TYPE_CHECKING:
    from leakkit.analysis import Diagnosis
    from leakkit.views.view import View
    from leakkit.words import Words


def causes_headline(diagnosis: Diagnosis) -> View:
    """What got worse, why, and what would a repair bring? In three sentences."""
    words, pipeline = words_of(diagnosis.analysis), diagnosis.pipeline
    lines = [
        _first_mix(diagnosis, words),
        _first_verdict(diagnosis, words),
        _joint_line(diagnosis, words),
        since_then(diagnosis.analysis, (pipeline,), words),
        _tested(diagnosis, words),
    ]
    return answer(
        words,
        "causes_headline",
        title=words.html("question.causes_headline", name=bdi(pipeline.name)),
        headline=_worst(diagnosis, words),
        note=paragraphs(lines),
        kind=FIRST,
    )


def _worst(diagnosis: Diagnosis, words: Words) -> Markup:
    """Say which deals are left out; else what the gravest finding found, or that there is none."""
    if diagnosis.pipeline.notes.coverage:
        return left_out(diagnosis.pipeline, words)
    if diagnosis.warnings:
        return what_changed(diagnosis.pipeline, diagnosis.warnings[0][0], words)
    return words.html("causes.quiet" if compared(diagnosis) else "causes.no_comparison")


def _first_mix(diagnosis: Diagnosis, words: Words) -> Markup:
    """Say of the gravest finding that other deals came in, where that is most of it."""
    for card in diagnosis.warnings[:1]:
        for found in mix.mixes_of(diagnosis, card[0]):
            if found.mostly_mix:
                return mix.mix_line(found, words)
    return Markup("")


def _first_verdict(diagnosis: Diagnosis, words: Words) -> Markup:
    """Say what the losses of the gravest stage look like; of no losses, what to review."""
    if not diagnosis.stages:
        return Markup("")
    first, warned = diagnosis.stages[0], diagnosis.warnings
    if warned and warned[0][0].kind != "lost":
        return verdict.review_line(diagnosis, warned[0][0], words)
    name, family = bdi(first.stage.name), first.cause.verdict.family
    said = words.html(f"causes.verdict_{family or 'undetermined'}", stage=name)
    return said + " " + verdict.strength(first.cause, words)


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
        half=worth.value / 2,
        days=words.days(_current_days(diagnosis)),
    )


def _current_days(diagnosis: Diagnosis) -> int:
    """Return the length of the current window."""
    first, end = diagnosis.pipeline.windows.current or (0, 0)
    return end - first


def _tested(diagnosis: Diagnosis, words: Words) -> Markup:
    """Say how many comparisons were made, of which days."""
    windows = diagnosis.pipeline.windows
    if diagnosis.pipeline.notes.coverage:
        return what_to_export(diagnosis.pipeline, words)
    tests = sum(f.p_value is not None for f in diagnosis.analysis.findings)
    if windows.current is None or windows.baseline is None:
        return words.html("causes.one_window")
    (first, end), (before, before_end) = windows.current, windows.baseline
    return words.html(
        "causes.tested", n=tests, first=first, last=end - 1, before=before, until=before_end - 1
    )
