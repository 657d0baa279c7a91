"""How many more deals would be won if a stage lost fewer?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.page.style import REPEATED, SECTION
from leakkit.views.causes import cells
from leakkit.views.causes.stages import loses, no_stages
from leakkit.views.coverage import what_to_export
from leakkit.views.elements import paragraphs
from leakkit.views.tables import Column, Table, bdi
from leakkit.views.view import answer, of_diagnosis, words_of

if TYPE_CHECKING:
    from leakkit.analysis import Diagnosis
    from leakkit.analysis.diagnosis import Repair
    from leakkit.views.view import View
    from leakkit.words import Words


@of_diagnosis
def repairs(diagnosis: Diagnosis) -> View:
    """How many more deals would be won if a stage lost fewer?"""
    words = words_of(diagnosis.analysis)
    if not diagnosis.repairs:
        return _no_repairs(diagnosis, words)
    rows = [(_say_repaired(repair, words), repair) for repair in diagnosis.repairs]
    table = Table(words.say("causes.repairs_table"), _columns(words), rows, head="repair")
    rough = any(repair.result.rough for repair in diagnosis.repairs)
    lines = [words.html("causes.repair_note"), words.html("causes.rough") if rough else ""]
    return answer(words, "repairs", table=table.html(words), note=paragraphs(lines))


def _no_repairs(diagnosis: Diagnosis, words: Words) -> View:
    """Say why no repair is reckoned."""
    if diagnosis.pipeline.present is not None:
        return no_stages(diagnosis, words, "repairs")
    kind = SECTION if loses(diagnosis) else REPEATED
    if diagnosis.pipeline.notes.coverage:
        said = what_to_export(diagnosis.pipeline, words)
        return answer(words, "repairs", headline=said, kind=REPEATED)
    code = _no_repair(diagnosis)
    return answer(words, "repairs", headline=words.say(f"causes.{code}"), kind=kind)


def _no_repair(diagnosis: Diagnosis) -> str:
    """Return the code of why no repair is reckoned."""
    if not loses(diagnosis):
        return "no_stage"
    shares = [stage.lost.share for stage in diagnosis.pipeline.stages]
    known = diagnosis.pipeline.costs is not None and None not in shares
    return "small_losses" if known else "no_repair"


def _say_repaired(repair: Repair, words: Words) -> Markup:
    """Say what is repaired."""
    names = Markup(", ").join(map(bdi, repair.stages))
    if repair.points is None:
        return words.html("causes.repair_back", names=names)
    return words.html("causes.repair_points", names=names, n=round(100 * repair.points))


def _columns(words: Words) -> tuple[Column[Repair], ...]:
    """Return the columns: what new deals and open ones would bring, and the chance to win."""
    return (
        Column("new_deals", lambda r: cells.deals(words, r.result.new_deals)),
        Column("new_deals_half", lambda r: words.number(r.result.new_deals.value / 2)),
        Column("open_deals", lambda r: cells.deals(words, r.result.open_deals)),
        Column("chance_then", lambda r: _chances(words, r)),
    )


def _chances(words: Words, repair: Repair) -> str:
    """Say the chance to win, before and after."""
    return words.say("causes.from_to", before=repair.result.chance, then=repair.result.chance_then)
