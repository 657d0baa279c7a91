"""Which shares were compared, and what came of each, also where nothing warns?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.findings.finding import CHANGED
from leakkit.views.causes import beside, cells
from leakkit.views.elements import add_range, paragraphs
from leakkit.views.tables import Column, Table, bdi

if TYPE_CHECKING:
    from leakkit.analysis import Diagnosis
    from leakkit.findings import Finding
    from leakkit.words import Words


def has_comparisons(diagnosis: Diagnosis) -> bool:
    """Say whether any share of the pipeline could be compared with another."""
    return any(finding.p_value is not None for card in diagnosis.cards for finding in card)


def comparisons(diagnosis: Diagnosis, words: Words) -> Markup:
    """Tabulate every comparison of the pipeline."""
    order = {stage.name: stage.stage for stage in diagnosis.pipeline.stages}
    found = sorted(
        (f for card in diagnosis.cards for f in card), key=lambda f: (order[f.stage], f.kind)
    )
    rows = [(bdi(finding.stage), finding) for finding in found]
    table = Table(words.say("causes.comparisons"), _columns(words), rows)
    return table.html(words) + paragraphs([words.html("causes.visible_note")])


def _columns(words: Words) -> tuple[Column[Finding], ...]:
    """Return the columns: what is compared, then and now, and what could have been seen."""
    return (
        Column("kind", lambda f: words.say(f"causes.kind_{f.kind}"), "lk-name"),
        Column("severity", lambda f: _judgement(words, f), "lk-name"),
        Column("share_now", lambda f: cells.share(words, f.share)),
        Column("share_before", lambda f: cells.share(words, f.reference)),
        Column("change", lambda f: cells.points_between(words, f.change, f.low, f.high)),
        Column("visible", lambda f: cells.plain_points(words, f.smallest_visible)),
        Column("followed_now", lambda f: cells.count(words, f.followed)),
    )


def _judgement(words: Words, finding: Finding) -> Markup:
    """Say the judgement, and small beside it what it rests on."""
    notes = (
        beside.say_ruled_out(finding, words),
        beside.speed(finding, words),
        beside.last_year(finding, words) if finding.severity in CHANGED else Markup(""),
    )
    said = words.say(f"causes.severity_{_code(finding)}")
    return add_range(said, Markup(" ").join(note for note in notes if note))


def _code(finding: Finding) -> str:
    """Return a severity as part of a key."""
    return finding.severity.replace(" ", "_")
