"""What a repair would bring, what the last one brought, whom to call, and which deals to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.analysis.coverage import CLOSED_ONLY, WON_ONLY
from leakkit.findings.intervention_effects import EARLY
from leakkit.findings.worklist import BLOCKS, DECIDE
from leakkit.page.style import REPEATED, SECTION
from leakkit.views.causes import cause_lines
from leakkit.views.causes.cause_lines import diagnosed_stages, loses, no_stages
from leakkit.views.elements import add_range, heading, name_stay, paragraphs
from leakkit.views.html_tables import DASH, HtmlTable, TableColumn, bdi
from leakkit.views.sentences import what_to_export
from leakkit.views.view import answer, of_diagnosis, words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.analysis import Diagnosis, PipelineNumbers
    from leakkit.analysis.diagnosis import Intervened, Repair, StageDiagnosis
    from leakkit.findings.intervention_effects import Effect, EffectGroup
    from leakkit.findings.worklist import DealToRead, WorkItem
    from leakkit.views.view import View
    from leakkit.words import Words


# ---------------- repairs
# How many more deals would be won if a stage lost fewer?


@of_diagnosis
def repairs(diagnosis: Diagnosis) -> View:
    """How many more deals would be won if a stage lost fewer?"""
    words = words_of(diagnosis.analysis)
    if not diagnosis.repairs:
        return _no_repairs(diagnosis, words)
    rows = [(_say_repaired(repair, words), repair) for repair in diagnosis.repairs]
    table = HtmlTable(
        words.say("causes.repairs_table"), _repair_columns(words), rows, head="repair"
    )
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


def _repair_columns(words: Words) -> tuple[TableColumn[Repair], ...]:
    """Return the columns: what new deals and open ones would bring, and the chance to win."""
    return (
        TableColumn("new_deals", lambda r: cause_lines.say_deals(words, r.result.new_deals)),
        TableColumn("new_deals_half", lambda r: words.number(r.result.new_deals.value / 2)),
        TableColumn("open_deals", lambda r: cause_lines.say_deals(words, r.result.open_deals)),
        TableColumn("chance_then", lambda r: _chances(words, r)),
    )


def _chances(words: Words, repair: Repair) -> str:
    """Say the chance to win, before and after."""
    return words.say("causes.from_to", before=repair.result.chance, then=repair.result.chance_then)


# ---------------- interventions
# Did what we changed work?


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
    headline = _effect_headline(found, words)
    parts = [_intervention(diagnosis, one, words, headline) for one in found]
    note = paragraphs([words.html("interventions.note")])
    return answer(
        words,
        "before_and_since",
        headline=headline,
        table=Markup("\n").join(parts),
        note=note,
    )


def _effect_headline(found: tuple[Intervened, ...], words: Words) -> Markup:
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
    table = HtmlTable(words.say("interventions.table"), _effect_columns(words, unit), rows).html(
        words
    )
    said = [_sentence(one, effect, words) for effect in one.effects]
    lines = paragraphs([line for line in said if line != headline])
    return Markup("\n").join([heading(head), table, lines])


def _effect_columns(words: Words, unit: int) -> tuple[TableColumn[Effect], ...]:
    """Return the columns: both sides, the change, and what is beyond that of the untouched."""
    return (
        TableColumn("lost_before", lambda e: _group(words, e.change.before if e.change else None)),
        TableColumn("lost_since", lambda e: _group(words, e.change.since if e.change else None)),
        TableColumn("lost_within", lambda e: name_stay(words, e.horizon, unit)),
        TableColumn(
            "changed_like",
            lambda e: cause_lines.excess(words, e.change.change if e.change else None),
        ),
        TableColumn("changed_anyhow", lambda e: cause_lines.excess(words, e.untouched)),
        TableColumn("changed_beyond", lambda e: cause_lines.excess(words, e.effect)),
    )


def _group(words: Words, group: EffectGroup | None) -> Markup | str:
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


# ---------------- worklist
# Which late deals should somebody call first, and which should be decided?

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
    table = HtmlTable(caption, _work_columns(words, unit), rows, head="deal")
    return heading(words.say(f"causes.{block}")) + table.html(words)


def _work_columns(words: Words, unit: int) -> tuple[TableColumn[WorkItem], ...]:
    """Return the columns: whose deal it is, how late, and what could be saved."""
    return (
        TableColumn("deal_name", lambda i: bdi(i.name or DASH), "lk-name"),
        TableColumn("owner", lambda i: bdi(i.owner or DASH), "lk-name"),
        TableColumn("stage", lambda i: bdi(i.stage), "lk-name"),
        TableColumn("in_stage", lambda i: name_stay(words, i.age, unit)),
        TableColumn("over", lambda i: DASH if i.over is None else name_stay(words, i.over, unit)),
        TableColumn("chance", lambda i: cause_lines.share_between(words, i.chance, i.low, i.high)),
        TableColumn("value", lambda i: cause_lines.money(words, i.value)),
        TableColumn("can_save", lambda i: cause_lines.money(words, i.saved)),
    )


# ---------------- deals
# Which ten deals of each leaking stage should somebody read?


@of_diagnosis
def deals_to_read(diagnosis: Diagnosis, *, stage: str = "") -> View:
    """Which ten deals of each leaking stage should somebody read?"""
    words, stages = words_of(diagnosis.analysis), diagnosed_stages(diagnosis, stage)
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
    columns = (TableColumn("advanced_like_it", said, "lk-name"),)
    table = HtmlTable(words.say("causes.deals_table"), columns, rows, head="lost_deal")
    return heading(bdi(one.stage.name)) + table.html(words)


def _deal(one: StageDiagnosis, deal: DealToRead, words: Words, unit: int) -> Markup:
    """Return a deal with its stay and its value."""
    name = bdi(one.ids.get(deal.opportunity, str(deal.opportunity)))
    stayed, value = name_stay(words, deal.stay, unit), cause_lines.money(words, deal.value)
    return add_range(name, f"{stayed}, {value}")
