"""Which ten deals of each leaking stage should somebody read?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.page.style import REPEATED, SECTION
from leakkit.views.causes import cells
from leakkit.views.causes.stages import no_stages, stages_of
from leakkit.views.elements import add_range, heading
from leakkit.views.tables import DASH, Column, Table, bdi
from leakkit.views.texts import stay
from leakkit.views.view import answer, of_diagnosis, words_of

if TYPE_CHECKING:
    from leakkit.analysis import Diagnosis
    from leakkit.analysis.diagnosis import StageDiagnosis
    from leakkit.findings.worklist import DealToRead
    from leakkit.views.view import View
    from leakkit.words import Words


@of_diagnosis
def deals_to_read(diagnosis: Diagnosis, *, stage: str = "") -> View:
    """Which ten deals of each leaking stage should somebody read?"""
    words, stages = words_of(diagnosis.analysis), stages_of(diagnosis, stage)
    if diagnosis.pipeline.present is not None:
        return no_stages(diagnosis, words, "deals_to_read")
    unit = diagnosis.pipeline.unit_per_day
    parts = Markup("\n").join(filter(None, (_deals(one, words, unit) for one in stages)))
    if not parts:
        kind, said = SECTION if stages else REPEATED, words.say("causes.no_deals_to_read")
        return answer(words, "deals_to_read", headline=said, kind=kind)
    return answer(words, "deals_to_read", table=parts, note=words.html("causes.deals_note"))


def _deals(one: StageDiagnosis, words: Words, unit: int) -> Markup:
    """Return the deals of one stage: each lost one beside one like it that advanced."""
    matched = {deal.matched_to: deal for deal in one.cause.deals if deal.matched_to is not None}
    lost = [deal for deal in one.cause.deals if deal.kind == "lost"]
    if not lost:
        return Markup("")

    def said(deal: DealToRead | None) -> Markup | str:
        return DASH if deal is None else _deal(one, deal, words, unit)

    rows = [(said(deal), matched.get(deal.opportunity)) for deal in lost]
    columns = (Column("advanced_like_it", said, "lk-name"),)
    table = Table(words.say("causes.deals_table"), columns, rows, head="lost_deal")
    return heading(bdi(one.stage.name)) + table.html(words)


def _deal(one: StageDiagnosis, deal: DealToRead, words: Words, unit: int) -> Markup:
    """Return a deal with its stay and its value."""
    name = bdi(one.ids.get(deal.opportunity, str(deal.opportunity)))
    stayed, value = stay(words, deal.stay, unit), cells.money(words, deal.value)
    return add_range(name, f"{stayed}, {value}")
