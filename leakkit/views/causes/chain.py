"""From the stage to the leak, to what the losses look like, to what should be reviewed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.findings.behaviour import MIXED
from leakkit.findings.finding import WARNING
from leakkit.views.causes import verdict
from leakkit.views.causes.bulk import say_set_apart
from leakkit.views.causes.stages import no_stages, stages_of
from leakkit.views.elements import paragraphs
from leakkit.views.sentences import say_change
from leakkit.views.shift import shift_cell, top_of
from leakkit.views.tables import bdi
from leakkit.views.texts import stay
from leakkit.views.view import answer, of_diagnosis, words_of

if TYPE_CHECKING:
    from leakkit.analysis import Diagnosis
    from leakkit.analysis.diagnosis import StageDiagnosis
    from leakkit.findings.behaviour import Behaviour
    from leakkit.findings.stated_reasons import Stated
    from leakkit.findings.verdicts import Cause
    from leakkit.views.view import View
    from leakkit.words import Words


@of_diagnosis
def cause_and_effect(diagnosis: Diagnosis, *, stage: str = "") -> View:
    """From the stage to the leak, to what the losses look like, to what should be reviewed.

    Of all stages that were looked into, or of one `stage`.
    """
    words, stages = words_of(diagnosis.analysis), stages_of(diagnosis, stage)
    if not stages:
        return no_stages(diagnosis, words, "cause_and_effect")
    chains = Markup("\n").join(_chain(diagnosis, one, words) for one in stages)
    behaves = any(one.cause.behaviour.family for one in stages)
    notes = [words.html("causes.chain_note")] if behaves else []
    if any(one.cause.deals for one in stages):
        notes.append(words.html("causes.chain_read"))
    return answer(words, "cause_and_effect", figure=chains, note=Markup(" ").join(notes))


def _chain(diagnosis: Diagnosis, one: StageDiagnosis, words: Words) -> Markup:
    """Return the chain of one stage as a list that is read from left to right."""
    cause, family = one.cause, one.cause.verdict.family or "undetermined"
    boxes = {
        "stage": bdi(one.stage.name),
        "leak": _leak(diagnosis, one, words),
        "family": verdict.short(cause, words),
        "evidence": _evidence(diagnosis, cause, words),
        "review": verdict.operation(cause.review, words),
    }
    items = Markup("").join(
        Markup(
            '<li class="lk-box lk-box-{}"><span class="lk-step">{}</span><div>{}</div></li>'
        ).format(name, words.say(f"causes.box_{name}"), content)
        for name, content in boxes.items()
    )
    return Markup('<ol class="lk-chain lk-family-{}">{}</ol>').format(family, items)


def _leak(diagnosis: Diagnosis, one: StageDiagnosis, words: Words) -> Markup:
    """Say what leaks: what got worse where something did, else what is lost."""
    warned = [f for f in one.findings if f.severity in WARNING]
    if warned:
        said = say_change(diagnosis.pipeline, warned[0], words)
        return said + shift_cell(warned[0], 1.1 * top_of(warned[0]))
    lost, age = one.stage.lost, one.stage.horizon.age
    if lost.share is None or age is None:
        return words.html("causes.lost_now", n=one.stage.exits.lost)
    days = stay(words, age, diagnosis.pipeline.unit_per_day)
    return words.html(
        "causes.lost_share", share=lost.share, low=lost.low, high=lost.high, days=days
    )


def _evidence(diagnosis: Diagnosis, cause: Cause, words: Words) -> Markup:
    """Say the two pieces of evidence in two lines; of what was closed in bulk, how."""
    lines = say_set_apart(diagnosis, cause, words) if cause.administrative.in_bulk else []
    if cause.losses or not lines:
        lines += [_say_stated(cause.stated, words), _behaves_line(cause.behaviour, words)]
    return paragraphs(lines)


def _say_stated(stated: Stated, words: Words) -> Markup:
    """Say what the reasons say, or why they say nothing."""
    if stated.family:
        share = next(f.share for f in stated.families if f.family == stated.family)
        return words.html(f"causes.stated_{stated.family}", share=share, n=stated.known)
    if not stated.known:
        return words.html(
            "causes.stated_none_matched" if stated.unmatched else "causes.stated_none",
            n=stated.unmatched,
        )
    return words.html(f"causes.stated_none_{stated.reason}", n=stated.known)


def _behaves_line(behaviour: Behaviour, words: Words) -> Markup:
    """Say what the losses did that others did not: the sign that sets them apart most."""
    if not behaviour.family:
        return words.html(f"causes.behaves_none_{behaviour.reason}")
    if behaviour.family == MIXED:
        return words.html("causes.behaves_mixed")
    said = words.html(f"causes.behaves_{behaviour.strongest(behaviour.family)}")
    return said + (" " + words.html("causes.length_only") if behaviour.length_only else "")
