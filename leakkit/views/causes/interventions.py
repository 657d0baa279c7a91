"""Did what we changed work?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.findings.interventions import EARLY
from leakkit.page.kinds import REPEATED
from leakkit.views.causes import cells
from leakkit.views.coverage import what_to_export
from leakkit.views.elements import add_range, heading, paragraphs
from leakkit.views.tables import DASH, Column, Table, bdi
from leakkit.views.texts import stay
from leakkit.views.view import answer, of_diagnosis, words_of

if TYPE_CHECKING:
    from leakkit.analysis import Diagnosis
    from leakkit.analysis.diagnosis import Intervened
    from leakkit.findings.interventions import Effect, Group
    from leakkit.views.view import View
    from leakkit.words import Words


@of_diagnosis
def before_and_since(diagnosis: Diagnosis) -> View:
    """Did what we changed work?"""
    words, found = words_of(diagnosis.analysis), diagnosis.interventions
    if diagnosis.pipeline.notes.coverage:
        instead = what_to_export(diagnosis.pipeline, words)
        return answer(words, "before_and_since", headline=instead, kind=REPEATED)
    if not found:
        said = words.say("interventions.none")
        return answer(words, "before_and_since", headline=said, kind=REPEATED)
    headline = _headline(found, words)
    parts = [_intervention(diagnosis, one, words, headline) for one in found]
    note = paragraphs([words.html("interventions.note")])
    return answer(
        words,
        "before_and_since",
        headline=headline,
        table=Markup("\n").join(parts),
        note=note,
    )


def _headline(found: tuple[Intervened, ...], words: Words) -> Markup:
    """Say what is known of the first intervention whose effect can be told, or of the first."""
    pairs = [(one, effect) for one in found for effect in one.effects]
    known = [pair for pair in pairs if pair[1].effect is not None]
    if not pairs:
        return words.html("interventions.no_losses", name=bdi(found[0].intervention.name))
    return _sentence(*(known or pairs)[0], words)


def _intervention(diagnosis: Diagnosis, one: Intervened, words: Words, headline: Markup) -> Markup:
    """Return one intervention: its days, its stages, and what the headline does not say yet."""
    unit = diagnosis.pipeline.unit_per_day
    head = words.html(
        "interventions.days",
        name=bdi(one.intervention.name),
        day=one.since[0],
        first=one.before[0],
        last=one.before[1] - 1,
    )
    rows = [(bdi(effect.stage), effect) for effect in one.effects]
    table = Table(words.say("interventions.table"), _columns(words, unit), rows).html(words)
    said = [_sentence(one, effect, words) for effect in one.effects]
    lines = paragraphs([line for line in said if line != headline])
    return Markup("\n").join([heading(head), table, lines])


def _columns(words: Words, unit: int) -> tuple[Column[Effect], ...]:
    """Return the columns: both sides, the change, and what is beyond that of the untouched."""
    return (
        Column("lost_before", lambda e: _group(words, e.change.before if e.change else None)),
        Column("lost_since", lambda e: _group(words, e.change.since if e.change else None)),
        Column("lost_within", lambda e: stay(words, e.horizon, unit)),
        Column(
            "changed_like", lambda e: cells.excess(words, e.change.change if e.change else None)
        ),
        Column("changed_anyhow", lambda e: cells.excess(words, e.untouched)),
        Column("changed_beyond", lambda e: cells.excess(words, e.effect)),
    )


def _group(words: Words, group: Group | None) -> Markup | str:
    """Say the share lost of one side, and of how many."""
    if group is None:
        return DASH
    return add_range(words.share(group.share), words.say("interventions.of", n=group.entered))


def _sentence(one: Intervened, effect: Effect, words: Words) -> Markup:
    """Say what is known of one stage."""
    facts = {
        "name": bdi(one.intervention.name),
        "stage": bdi(effect.stage),
        "day": one.since[0],
        "earliest": effect.earliest,
    }
    if effect.effect is None:
        unknown = effect.verdict == EARLY and effect.earliest is None
        return words.html(f"interventions.{effect.verdict}{'_unknown' * unknown}", **facts)
    facts |= {"change": effect.effect.value, "low": effect.effect.low, "high": effect.effect.high}
    beyond = "beyond" if effect.untouched is not None else "alone"
    return words.html(f"interventions.{effect.verdict}_{beyond}", **facts)
