"""Did what becomes of deals change, or did other deals come?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.page.style import REPEATED
from leakkit.views.causes import cells
from leakkit.views.causes.segments import segment
from leakkit.views.causes.stages import no_stages
from leakkit.views.coverage import what_to_export
from leakkit.views.elements import paragraphs
from leakkit.views.tables import Column, Table, bdi
from leakkit.views.view import answer, of_diagnosis, words_of

if TYPE_CHECKING:
    from leakkit.analysis import Diagnosis
    from leakkit.findings import Finding
    from leakkit.findings.mix import MixShift, RateAndMix
    from leakkit.views.view import View
    from leakkit.words import Words

MIN_MIX = 0.01
"""So large must the part of other deals be for a note on what shifted."""


@of_diagnosis
def rate_and_mix(diagnosis: Diagnosis) -> View:
    """Did what becomes of deals change, or did other deals come?"""
    words = words_of(diagnosis.analysis)
    rows = [(bdi(one.stage.name), mix) for one in diagnosis.stages for mix in one.mixes.values()]
    if diagnosis.pipeline.notes.coverage and diagnosis.stages:
        said = what_to_export(diagnosis.pipeline, words)
        return answer(words, "rate_and_mix", headline=said, kind=REPEATED)
    if not rows:
        return no_stages(diagnosis, words, "rate_and_mix")
    table = Table(words.say("causes.mix_table"), _columns(words), rows)
    lines = [_note(name, mix, words) for name, mix in rows]
    return answer(words, "rate_and_mix", table=table.html(words), note=paragraphs(lines))


def _columns(words: Words) -> tuple[Column[RateAndMix], ...]:
    """Return the columns: the change, and its two parts."""
    return (
        Column("kind", lambda m: words.say(f"causes.kind_{m.kind}"), "lk-name"),
        Column("total", lambda m: cells.points(words, m.total)),
        Column("rate", lambda m: cells.excess(words, m.rate)),
        Column("mix", lambda m: cells.points(words, m.mix)),
    )


def _note(stage: Markup, mix: RateAndMix, words: Words) -> Markup:
    """Say what shifted most, or why it cannot be said."""
    if mix.rate is None:
        return Markup("{}: {}").format(stage, words.html(f"causes.mix_{mix.reason}"))
    if abs(mix.mix or 0.0) < MIN_MIX:
        return Markup("")
    lines = []
    if mix.simpson:
        lines.append(words.html("causes.simpson", stage=stage))
    if mix.shift:
        lines.append(_shift_line(stage, mix.shift, words))
    return Markup(" ").join(lines)


def _shift_line(stage: Markup, shift: MixShift, words: Words) -> Markup:
    """Say the segment that shifted, from which share to which."""
    binned = (shift.column,) if shift.binned else ()
    return words.html(
        "causes.shift",
        stage=stage,
        segment=segment((shift.column,), (shift.value,), binned, words),
        before=shift.baseline_share,
        now=shift.current_share,
    )


def mixes_of(diagnosis: Diagnosis, finding: Finding) -> list[RateAndMix]:
    """Return the change of a finding taken apart, where it was."""
    return [
        one.mixes[finding.kind]
        for one in diagnosis.stages
        if one.stage.name == finding.stage and finding.kind in one.mixes
    ]


def mix_of(diagnosis: Diagnosis, finding: Finding, words: Words) -> Markup:
    """Say whether the deals of a finding changed, or what becomes of them."""
    found = mixes_of(diagnosis, finding)
    if not found:
        return Markup("")
    said = mix_line(found[0], words)
    if not found[0].alone:
        return said
    return said + Markup(" ") + words.html("causes.mix_alone", column=bdi(found[0].columns[0]))


def mix_line(mix: RateAndMix, words: Words) -> Markup:
    """Say rate and mix in one sentence."""
    if mix.rate is None or mix.mix is None:
        return words.html(f"causes.mix_{mix.reason}")
    key = "mix_mostly" if mix.mostly_mix else "mix"
    return words.html(f"causes.{key}", rate=mix.rate.value, mix=mix.mix)
