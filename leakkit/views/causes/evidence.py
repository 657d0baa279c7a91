"""What do the reasons say, what does behaviour say, and do they agree?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.page.style import REPEATED, SECTION
from leakkit.views.causes import cells
from leakkit.views.causes.bulk import say_set_apart
from leakkit.views.causes.stages import no_stages, sample_line, stages_of
from leakkit.views.elements import heading, paragraphs
from leakkit.views.present import causes as present
from leakkit.views.tables import Column, Table, bdi
from leakkit.views.texts import plain, stay
from leakkit.views.view import answer, of_diagnosis, words_of

if TYPE_CHECKING:
    from leakkit.analysis import Diagnosis
    from leakkit.analysis.diagnosis import StageDiagnosis
    from leakkit.findings.behaviour import Behaviour, SignCount
    from leakkit.findings.comparison import Excess
    from leakkit.findings.stated_reasons import Stated, StatedFamily
    from leakkit.findings.verdicts import Agreement, Cause
    from leakkit.views.view import View
    from leakkit.words import Words

SHOWN_REASONS = 8
SHOWN_UNMATCHED = 5


@of_diagnosis
def evidence(diagnosis: Diagnosis, *, stage: str = "") -> View:
    """What do the reasons say, what does behaviour say, and do they agree?"""
    words, stages = words_of(diagnosis.analysis), stages_of(diagnosis, stage)
    if diagnosis.pipeline.present is not None:
        return _of_present(diagnosis, words)
    if not stages:
        return no_stages(diagnosis, words, "evidence")
    parts = Markup("\n").join(_evidence(diagnosis, one, words) for one in stages)
    return answer(words, "evidence", table=parts)


def _of_present(diagnosis: Diagnosis, words: Words) -> View:
    """Show the reasons of a list without a history; how its losses behaved is not known."""
    shown = present.reasons(diagnosis.analysis, diagnosis.pipeline, words)
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
    table = Table(words.say("causes.stated_table"), _family_columns(words), rows, head="family")
    return table.html(words) + paragraphs(_reason_lines(stated, words))


def _family_columns(words: Words) -> tuple[Column[StatedFamily], ...]:
    """Return the columns: how many losses, of those known, and of all if all were known."""
    return (
        Column("losses", lambda f: words.count(f.n)),
        Column("of_known", lambda f: cells.share_between(words, f.share, f.low, f.high)),
        Column("bounds", lambda f: words.say("table.range", low=f.at_least, high=f.at_most)),
    )


def _reason_lines(stated: Stated, words: Words) -> list[Markup | str]:
    """Say how many losses have no reason, which ones there are, and which are not known."""
    reasons = Markup("; ").join(
        Markup("<bdi>{}</bdi> ({})").format(plain(r.term), words.count(r.n))
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
    table = Table(
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
        limit=stay(words, sign.limit, unit),
        times=sign.limit,
        n=int(sign.limit) + 1,
    )


def _sign_columns(found: Behaviour, words: Words) -> tuple[Column[SignCount], ...]:
    """Return the columns: what a sign points to, and how many show it."""
    lost, advanced = max(found.lost.n, 1), max(found.advanced.n, 1)
    return (
        Column("points_to", lambda s: words.say(f"causes.family_{s.family}"), "lk-name"),
        Column("of_lost", lambda s: words.share(s.lost / lost)),
        Column("of_advanced", lambda s: words.share(s.advanced / advanced)),
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
