"""What do the losses look like, what do the reasons say, and when are deals lost?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.path import Path

from leakkit.findings.behaviour import MIXED
from leakkit.findings.finding import WARNING
from leakkit.page.style import REPEATED, SECTION
from leakkit.views.causes import cause_lines
from leakkit.views.causes import cause_lines as present
from leakkit.views.causes.cause_lines import diagnosed_stages, no_stages, sample_line, say_set_apart
from leakkit.views.drawing.sheet import Run, Sheet, theme
from leakkit.views.drawing.small_pictures import shift_cell, top_of
from leakkit.views.elements import heading, name_stay, panels, paragraphs, tidy_name
from leakkit.views.html_tables import HtmlTable, TableColumn, bdi
from leakkit.views.sentences import say_change
from leakkit.views.view import answer, of_diagnosis, words_of

if TYPE_CHECKING:
    from leakkit.analysis import Diagnosis
    from leakkit.analysis.diagnosis import StageDiagnosis
    from leakkit.findings.behaviour import Behaviour, DaysByExit, SignCount
    from leakkit.findings.comparison import Excess
    from leakkit.findings.stated_reasons import Stated, StatedFamily
    from leakkit.findings.verdicts import Agreement, Cause
    from leakkit.views.view import View
    from leakkit.words import Words


# ---------------- chain
# From the stage to the leak, to what the losses look like, to what should be reviewed.


@of_diagnosis
def cause_and_effect(diagnosis: Diagnosis, *, stage: str = "") -> View:
    """From the stage to the leak, to what the losses look like, to what should be reviewed.

    Of all stages that were looked into, or of one `stage`.
    """
    words, stages = words_of(diagnosis.analysis), diagnosed_stages(diagnosis, stage)
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
        "family": cause_lines.short_verdict(cause, words),
        "evidence": _chain_evidence(diagnosis, cause, words),
        "review": cause_lines.operation(cause.review, words),
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
    days = name_stay(words, age, diagnosis.pipeline.unit_per_day)
    return words.html(
        "causes.lost_share", share=lost.share, low=lost.low, high=lost.high, days=days
    )


def _chain_evidence(diagnosis: Diagnosis, cause: Cause, words: Words) -> Markup:
    """Say the two pieces of evidence in two lines; of what was closed in bulk, how."""
    lines = say_set_apart(diagnosis, cause, words) if cause.administrative.in_bulk else []
    if cause.losses or not lines:
        lines += [_say_reasons(cause.stated, words), _behaves_line(cause.behaviour, words)]
    return paragraphs(lines)


def _say_reasons(stated: Stated, words: Words) -> Markup:
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


# ---------------- evidence
# What do the reasons say, what does behaviour say, and do they agree?

SHOWN_REASONS = 8
SHOWN_UNMATCHED = 5


@of_diagnosis
def evidence(diagnosis: Diagnosis, *, stage: str = "") -> View:
    """What do the reasons say, what does behaviour say, and do they agree?"""
    words, stages = words_of(diagnosis.analysis), diagnosed_stages(diagnosis, stage)
    if diagnosis.pipeline.present is not None:
        return _of_present(diagnosis, words)
    if not stages:
        return no_stages(diagnosis, words, "evidence")
    parts = Markup("\n").join(_evidence(diagnosis, one, words) for one in stages)
    return answer(words, "evidence", table=parts)


def _of_present(diagnosis: Diagnosis, words: Words) -> View:
    """Show the reasons of a list without a history; how its losses behaved is not known."""
    shown = present.list_reasons(diagnosis.analysis, diagnosis.pipeline, words)
    kind, title = SECTION if shown else REPEATED, words.say("question.present_reasons")
    return answer(words, "evidence", title=title, table=shown, kind=kind)


def _evidence(diagnosis: Diagnosis, one: StageDiagnosis, words: Words) -> Markup:
    """Return the evidence of one stage: both sources beside each other."""
    cause, head = one.cause, heading(bdi(one.stage.name))
    if not cause.losses:
        lines = say_set_apart(diagnosis, cause, words)
        return head + paragraphs([*lines, words.html("causes.read_none")])
    read = words.html(f"causes.read_{cause.window}", n=cause.losses)
    read += sample_line(cause.sampled, cause.passages, words)
    return head + Markup('<p>{}</p><div class="lk-two"><div>{}</div><div>{}</div></div>').format(
        read, _say_stated(cause.stated, words), _behaviour(diagnosis, cause, words)
    )


# The reasons


def _say_stated(stated: Stated, words: Words) -> Markup:
    """Return what the reasons say."""
    rows = [(words.say(f"causes.family_{f.family}"), f) for f in stated.families]
    table = HtmlTable(words.say("causes.stated_table"), _family_columns(words), rows, head="family")
    return table.html(words) + paragraphs(_reason_lines(stated, words))


def _family_columns(words: Words) -> tuple[TableColumn[StatedFamily], ...]:
    """Return the columns: how many losses, of those known, and of all if all were known."""
    return (
        TableColumn("losses", lambda f: words.count(f.n)),
        TableColumn("of_known", lambda f: cause_lines.share_between(words, f.share, f.low, f.high)),
        TableColumn("bounds", lambda f: words.say("table.range", low=f.at_least, high=f.at_most)),
    )


def _reason_lines(stated: Stated, words: Words) -> list[Markup | str]:
    """Say how many losses have no reason, which ones there are, and which are not known."""
    reasons = Markup("; ").join(
        Markup("<bdi>{}</bdi> ({})").format(tidy_name(r.term), words.count(r.n))
        for r in stated.reasons[:SHOWN_REASONS]
        if r.term
    )
    unmatched = Markup("; ").join(
        bdi(each.reason) for each in stated.unmatched_reasons[:SHOWN_UNMATCHED]
    )
    return [
        words.html("causes.missing", share=stated.missing / stated.losses)
        if stated.missing
        else "",
        words.html("causes.reasons", reasons=reasons) if reasons else "",
        words.html("causes.competitor", n=stated.competitor_named)
        if stated.competitor_named
        else "",
        words.html("causes.unmatched", n=stated.unmatched) if stated.unmatched else "",
        unmatched,
    ]


# Behaviour


def _behaviour(diagnosis: Diagnosis, cause: Cause, words: Words) -> Markup:
    """Return what behaviour says, or why it says nothing."""
    found = cause.behaviour
    rows = [(_sign(diagnosis, sign, words), sign) for sign in found.signs]
    table = HtmlTable(
        words.say("causes.behaviour_table"), _sign_columns(found, words), rows, head="sign"
    )
    lines = [*_excess_lines(found, words), *say_set_apart(diagnosis, cause, words)]
    lines += _agreement_lines(cause.agreement, words)
    return (table.html(words) if rows else Markup("")) + paragraphs(lines)


def _agreement_lines(agreement: Agreement, words: Words) -> list[Markup]:
    """Say how far single losses behave as they say, and whether those without a reason differ."""
    if agreement.share is None:
        return []
    facts = {"share": agreement.share, "n": agreement.n, "kappa": agreement.kappa}
    key = "agreement" if agreement.kappa is None else "agreement_kappa"
    lines = [words.html(f"causes.{key}", **facts)]
    said, silent = agreement.with_reason, agreement.without_reason
    if said.n and silent.n:
        shares = {
            "complex": said.complexity / said.n,
            "unconvinced": said.unconvincing / said.n,
            "complex_silent": silent.complexity / silent.n,
            "unconvinced_silent": silent.unconvincing / silent.n,
        }
        lines.append(words.html("causes.with_and_without", n=said.n, silent=silent.n, **shares))
    return lines


def _sign(diagnosis: Diagnosis, sign: SignCount, words: Words) -> str:
    """Say a sign with where it begins; stays are in the pipeline's unit, silence is in days."""
    if not sign.limit and words.knows(f"causes.sign_{sign.code}_at_once"):
        return words.say(f"causes.sign_{sign.code}_at_once")
    unit = 1 if sign.code == "silent" else diagnosis.pipeline.unit_per_day
    return words.say(
        f"causes.sign_{sign.code}",
        limit=name_stay(words, sign.limit, unit),
        times=sign.limit,
        n=int(sign.limit) + 1,
    )


def _sign_columns(found: Behaviour, words: Words) -> tuple[TableColumn[SignCount], ...]:
    """Return the columns: what a sign points to, and how many show it."""
    lost, advanced = max(found.lost.n, 1), max(found.advanced.n, 1)
    return (
        TableColumn("points_to", lambda s: words.say(f"causes.family_{s.family}"), "lk-name"),
        TableColumn("of_lost", lambda s: words.share(s.lost / lost)),
        TableColumn("of_advanced", lambda s: words.share(s.advanced / advanced)),
    )


def _excess_lines(found: Behaviour, words: Words) -> list[Markup]:
    """Say which share of the losses behaves like either family beyond what is usual."""
    lines = []
    if not found.family and found.complexity is None:
        lines.append(words.html(f"causes.behaves_none_{found.reason}"))
    named = {"complexity": found.complexity, "unconvincing": found.unconvincing}
    lines += [_excess_line(family, excess, words) for family, excess in named.items() if excess]
    if found.length_only:
        lines.append(words.html("causes.length_only"))
    return lines


def _excess_line(family: str, excess: Excess, words: Words) -> Markup:
    """Say an excess share: more than usual, fewer, or none that is sure."""
    key = "excess" if excess.low > 0 else "excess_fewer" if excess.high < 0 else "excess_none"
    facts = {"share": excess.value, "low": excess.low, "high": excess.high}
    return words.html(f"causes.{key}_{family}", **facts)


# ---------------- when lost
# After how many days are deals lost, and after how many do others advance?

ROWS = {
    "lost": ("lost", "lost-ink"),
    "advanced": ("advanced", "flow-ink"),
    "returned": ("returned", "returned-ink"),
}
WIDTH, LEFT, RIGHT, STEP, TOP = 340.0, 92.0, 12.0, 44.0, 14.0


@of_diagnosis
def when_lost(diagnosis: Diagnosis, *, stage: str = "") -> View:
    """After how many days are deals lost, and after how many do others advance?"""
    words, stages = words_of(diagnosis.analysis), diagnosed_stages(diagnosis, stage)
    if not stages:
        return no_stages(diagnosis, words, "when_lost")
    unit = diagnosis.pipeline.unit_per_day
    figure = panels((bdi(one.stage.name), days_strips(one, words, unit)) for one in stages)
    return answer(words, "when_lost", figure=figure, note=words.html("causes.when_note"))


def days_strips(one: StageDiagnosis, words: Words, unit_per_day: int) -> Markup:
    """After how many days is the stage left, by door? Boxes of the middle half, and of 8 of 10."""
    rows = [days for days in one.cause.days if days.n and days.kind in ROWS]
    most = max([1.0, *(days.q90 or 0.0 for days in rows)])
    height = TOP + STEP * max(len(rows), 1) + 26
    with mpl.rc_context(theme()):
        mirrored = words.direction == "rtl"
        sheet = Sheet(WIDTH, height, direction=words.direction, mirrored=mirrored)
        for at, days in enumerate(rows):
            said = name_stay(words, days.median or 0.0, unit_per_day)
            _strip(sheet, days, (TOP + STEP * at, most), words, said)
        _scale(sheet, height, most, words, unit_per_day)
        return sheet.svg(_strips_alt(one, rows, words, unit_per_day), f"when {one.stage.stage}")


def _at_day(days: float, most: float) -> float:
    """Return where a stay stands on the paper."""
    return LEFT + (WIDTH - LEFT - RIGHT) * days / most


def _strip(
    sheet: Sheet, days: DaysByExit, place: tuple[float, float], words: Words, median: str
) -> None:
    """Draw one door: a line for 8 of 10, a box for the middle half, a mark at the median.

    `place` is where the row begins, and the stay at which the scale ends.
    """
    (top, most), (fill, ink) = place, ROWS[days.kind]
    q10, q25, q50, q75, q90 = (
        _at_day(value or 0.0, most)
        for value in (days.q10, days.q25, days.median, days.q75, days.q90)
    )
    middle = top + 13
    sheet.shape(Path([(q10, middle), (q90, middle)]), edge=fill, width=2.0)
    sheet.shape(_box(q25, max(q75, q25 + 1.5), top + 4, top + 22), fill)
    sheet.shape(_box(q50 - 1.25, q50 + 1.25, top + 1, top + 25), "ink", order=3.0)
    sheet.text(2, top + 12, Run(words.say(f"causes.door_{days.kind}"), ink, bold=True), size=12.5)
    sheet.text(2, top + 26, Run(words.say("causes.door_n", n=days.n), "muted"), size=11)
    sheet.text(q50, top + 37, Run(median, "muted"), size=11, anchor="middle", halo=True)


def _box(left: float, right: float, top: float, bottom: float) -> Path:
    """Return a rectangle."""
    return Path([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)])


def _scale(sheet: Sheet, height: float, most: float, words: Words, unit_per_day: int) -> None:
    """Write where the scale begins and ends."""
    sheet.shape(Path([(LEFT, height - 18), (WIDTH - RIGHT, height - 18)]), edge="line", width=1.0)
    for at, anchor in ((0.0, "start"), (most, "end")):
        run = Run(name_stay(words, at, unit_per_day), "muted")
        sheet.text(_at_day(at, most), height - 4, run, size=11, anchor=anchor)


def _strips_alt(
    one: StageDiagnosis, rows: list[DaysByExit], words: Words, unit_per_day: int
) -> str:
    """Say the picture in words."""
    said = ", ".join(
        words.say(
            "causes.door_alt",
            door=words.say(f"causes.door_{days.kind}"),
            stay=name_stay(words, days.median or 0.0, unit_per_day),
        )
        for days in rows
    )
    return words.say("causes.when_alt", stage=tidy_name(one.stage.name), said=said)
