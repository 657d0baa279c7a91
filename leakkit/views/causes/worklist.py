"""Which late deals should somebody call first, and which should be decided?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.analysis.coverage import CLOSED_ONLY, WON_ONLY
from leakkit.findings.worklist import BLOCKS, DECIDE
from leakkit.views.causes import cells
from leakkit.views.elements import heading
from leakkit.views.tables import DASH, Column, Table, bdi
from leakkit.views.texts import stay
from leakkit.views.view import answer, of_diagnosis, words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.analysis import Diagnosis, PipelineNumbers
    from leakkit.findings.worklist import WorkItem
    from leakkit.views.view import View
    from leakkit.words import Words

SHOWN_DEALS = 12
NOBODY_OPEN = frozenset((CLOSED_ONLY, WON_ONLY))
"""Exports without open deals, as if none were late."""


@of_diagnosis
def worklist(diagnosis: Diagnosis) -> View:
    """Which late deals should somebody call first, and which should be decided?"""
    words, items = words_of(diagnosis.analysis), diagnosis.worklist
    if not items:
        return answer(words, "worklist", headline=words.say(_none_late(diagnosis.pipeline)))
    unit = diagnosis.pipeline.unit_per_day
    parts = Markup("").join(
        _block(block, own, words, unit)
        for block in BLOCKS
        if (own := [item for item in items if item.block == block])
    )
    return answer(words, "worklist", table=parts, note=words.html("causes.worklist_note"))


def _none_late(pipeline: PipelineNumbers) -> str:
    """Return the key of why no deal is late."""
    if pipeline.present is not None:
        return "present.no_late"
    if pipeline.notes.coverage in NOBODY_OPEN:
        return "coverage.no_late"
    unjudged = pipeline.stages and all(stage.overdue is None for stage in pipeline.stages)
    return "causes.no_late_unjudged" if unjudged else "causes.no_late"


def _block(block: str, items: Sequence[WorkItem], words: Words, unit: int) -> Markup:
    """Return one block of the worklist: its first deals."""
    rows = [(bdi(item.opportunity_id), item) for item in items[:SHOWN_DEALS]]
    facts: dict[str, float] = {"n": len(items)}
    if block == DECIDE:
        facts["share"] = sum(item.chance or 0.0 for item in items) / len(items)
    caption = words.say(f"causes.{block}_table", **facts)
    if len(rows) < len(items):
        caption = words.say("causes.first_shown", what=caption, shown=len(rows))
    table = Table(caption, _columns(words, unit), rows, head="deal")
    return heading(words.say(f"causes.{block}")) + table.html(words)


def _columns(words: Words, unit: int) -> tuple[Column[WorkItem], ...]:
    """Return the columns: whose deal it is, how late, and what could be saved."""
    return (
        Column("deal_name", lambda i: bdi(i.name or DASH), "lk-name"),
        Column("owner", lambda i: bdi(i.owner or DASH), "lk-name"),
        Column("stage", lambda i: bdi(i.stage), "lk-name"),
        Column("in_stage", lambda i: stay(words, i.age, unit)),
        Column("over", lambda i: DASH if i.over is None else stay(words, i.over, unit)),
        Column("chance", lambda i: cells.share_between(words, i.chance, i.low, i.high)),
        Column("value", lambda i: cells.money(words, i.value)),
        Column("can_save", lambda i: cells.money(words, i.saved)),
    )
