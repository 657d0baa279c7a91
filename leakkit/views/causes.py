"""Why a pipeline leaks: the questions of whoever has to repair it.

Every function takes a `Diagnosis` and says its texts in its analysis' language.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.config import folded
from leakkit.errors import LeakkitError
from leakkit.findings.behaviour import MIXED
from leakkit.findings.finding import improvements
from leakkit.page.kinds import REPEATED, SECTION
from leakkit.views import cause_figures, figures, tables
from leakkit.views.ink import plain
from leakkit.views.sentences import since_then, what_changed
from leakkit.views.shift import shift_cell, shift_figure, top_of
from leakkit.views.view import View
from leakkit.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leakkit.analysis import Diagnosis
    from leakkit.analysis.diagnosis import Repair, StageDiagnosis
    from leakkit.findings import Finding
    from leakkit.findings.behaviour import Behaviour, SignCount
    from leakkit.findings.causes import Cause
    from leakkit.findings.drivers import Driver
    from leakkit.findings.mix import RateAndMix, Shift
    from leakkit.findings.stated import Stated
    from leakkit.findings.worklist import WorkItem

SHOWN_DEALS = 12
SHOWN_REASONS = 8
SHOWN_CARDS = 3
SHOWN_UNMATCHED = 5
HARDLY_EVER = 0.0005
"""Chances under this would be said as 0%."""
MIN_MIX = 0.01
"""So large must the part of other deals be for a note on what shifted."""


def _words(diagnosis: Diagnosis) -> Words:
    """Return the words of the diagnosis' language and currency."""
    return Words(diagnosis.analysis.language, diagnosis.analysis.config.currency)


def _view(words: Words, name: str, **parts: str) -> View:
    """Make a view of one question."""
    title = words.say(f"question.{name}")
    return View(name, title, language=words.language, direction=words.direction, **parts)


def _paragraphs(texts: Iterable[str]) -> Markup:
    """Return texts as paragraphs; empty ones are left out."""
    return Markup("\n").join(Markup("<p>{}</p>").format(text) for text in texts if text)


def _stay(diagnosis: Diagnosis, words: Words, age: float) -> str:
    """Say a stay in the pipeline's unit."""
    return figures.stay(words, age, diagnosis.pipeline.unit_per_day)


def causes_headline(diagnosis: Diagnosis) -> View:
    """What got worse, why, and what would a repair bring? In three sentences."""
    words, pipeline = _words(diagnosis), diagnosis.pipeline
    warned = diagnosis.warnings
    if warned:
        said = _what(diagnosis, warned[0][0], words)
    elif _compared(diagnosis):
        said = words.html("causes.quiet")
    else:
        said = words.html("causes.no_comparison")
    lines = [_first_mix(diagnosis, words), _first_verdict(diagnosis, words)]
    lines += [_joint_line(diagnosis, words), since_then(diagnosis.analysis, (pipeline,), words)]
    lines += [_tested(diagnosis, words)]
    return View(
        "causes_headline",
        words.html("question.causes_headline", name=tables.bdi(pipeline.name)),
        said,
        note=_paragraphs(lines),
        language=words.language,
        direction=words.direction,
        kind="first",
    )


def _compared(diagnosis: Diagnosis) -> bool:
    """Say whether any share of the pipeline could be compared with another."""
    return any(finding.p_value is not None for card in diagnosis.cards for finding in card)


def _what(diagnosis: Diagnosis, finding: Finding, words: Words) -> Markup:
    """Say what a finding found."""
    return what_changed(diagnosis.pipeline, finding, words)


def _first_mix(diagnosis: Diagnosis, words: Words) -> Markup:
    """Say of the gravest finding that other deals came in, where that is most of it."""
    for card in diagnosis.warnings[:1]:
        for mix in _mixes(diagnosis, card[0]):
            if mix.mostly_mix:
                return _mix_line(mix, words)
    return Markup("")


def _mixes(diagnosis: Diagnosis, finding: Finding) -> list[RateAndMix]:
    """Return the change of a finding taken apart, where it was."""
    return [
        one.mixes[finding.kind]
        for one in diagnosis.stages
        if one.stage.name == finding.stage and finding.kind in one.mixes
    ]


def _first_verdict(diagnosis: Diagnosis, words: Words) -> Markup:
    """Say what the losses of the gravest stage look like; of no losses, what to review."""
    if not diagnosis.stages:
        return Markup("")
    first, warned = diagnosis.stages[0], diagnosis.warnings
    if warned and warned[0][0].kind != "lost":
        review = _operation(_review(diagnosis, warned[0][0]), words)
        return words.html("causes.review", what=review)
    name, family = tables.bdi(first.stage.name), first.cause.verdict.family
    said = words.html(f"causes.verdict_{family or 'undetermined'}", stage=name)
    return said + " " + _strength(first.cause, words)


def _strength(cause: Cause, words: Words) -> Markup:
    """Say what a verdict names most, and how strong it is, or why there is none."""
    verdict, parts = cause.verdict, []
    if not verdict.family:
        return words.html(f"causes.why_{verdict.why}")
    if cause.sub_reason:
        most = _reason(cause.sub_reason, words)
        parts.append(words.html("causes.above_all", reason=most))
    parts.append(words.html(f"causes.strength_{verdict.strength}"))
    if verdict.lost_long_after:
        parts.append(words.html("causes.lost_long_after"))
    return Markup(" ").join(parts)


def _reason(code: str, words: Words) -> Markup:
    """Say a sub-reason; one of the user's own as it is written in the user's file."""
    return _known(f"causes.reason.{code}", code.partition(".")[2], words)


def _operation(code: str, words: Words) -> Markup:
    """Say an operation to review; one of the user's own as it is written in the user's file."""
    return _known(f"causes.reviews.{code}", code, words)


def _known(key: str, written: str, words: Words) -> Markup:
    """Say the message `key`, or what the user wrote where there is none."""
    return words.html(key) if words.knows(key) else tables.bdi(written)


def _joint_line(diagnosis: Diagnosis, words: Words) -> Markup:
    """Say what it would bring if all that got worse went back."""
    joint = [repair for repair in diagnosis.repairs if repair.points is None]
    if not joint:
        return Markup("")
    worth = joint[0].result.new_deals
    return words.html(
        "causes.joint",
        n=worth.value,
        low=worth.low,
        high=worth.high,
        half=worth.value / 2,
        days=words.days(_current_days(diagnosis)),
    )


def _current_days(diagnosis: Diagnosis) -> int:
    """Return the length of the current window."""
    first, end = diagnosis.pipeline.windows.current or (0, 0)
    return end - first


def _tested(diagnosis: Diagnosis, words: Words) -> Markup:
    """Say how many comparisons were made, of which days."""
    windows = diagnosis.pipeline.windows
    tests = sum(f.p_value is not None for f in diagnosis.analysis.findings)
    if windows.current is None or windows.baseline is None:
        return words.html("causes.one_window")
    (first, end), (before, before_end) = windows.current, windows.baseline
    return words.html(
        "causes.tested", n=tests, first=first, last=end - 1, before=before, until=before_end - 1
    )


def warnings(diagnosis: Diagnosis) -> View:
    """Which stages got worse, by how much, since when, and how sure is that?"""
    words = _words(diagnosis)
    cards = _cards(diagnosis, diagnosis.warnings[:SHOWN_CARDS], words)
    rest = _cards(diagnosis, diagnosis.warnings[SHOWN_CARDS:], words)
    if rest:
        said = words.say("causes.more_cards", n=len(diagnosis.warnings) - SHOWN_CARDS)
        rest = Markup("<details><summary>{}</summary>{}</details>").format(said, rest)
    better = improvements(f for card in diagnosis.cards for f in card)
    quiet = words.html("causes.none_warns" if _compared(diagnosis) else "causes.not_compared")
    lines = [quiet if not cards else ""]
    lines += [words.html("causes.improved", what=_what(diagnosis, f, words)) for f in better]
    folded = Markup("<details><summary>{}</summary>{}</details>").format(
        words.say("causes.all_comparisons"), _comparisons(diagnosis, words)
    )
    return _view(words, "warnings", table=cards + rest + _paragraphs(lines) + folded)


def _cards(diagnosis: Diagnosis, cards: Sequence[tuple[Finding, ...]], words: Words) -> Markup:
    """Return the cards of some stages; nothing where there are none."""
    made = Markup("\n").join(_card(diagnosis, card, words) for card in cards)
    return Markup('<ul class="lk-cards">{}</ul>').format(made) if made else Markup("")


def _card(diagnosis: Diagnosis, card: tuple[Finding, ...], words: Words) -> Markup:
    """Return the card of one stage, led by its gravest finding."""
    finding = card[0]
    lines = [
        _since(finding, words),
        _sure(diagnosis, finding, words),
        _rate(diagnosis, finding, words),
        _worth(finding, words),
    ]
    also = [_what(diagnosis, f, words) for f in card[1:] if f.severity in {"alarm", "watch"}]
    review = words.html("causes.review", what=_operation(_review(diagnosis, finding), words))
    return Markup(
        '<li class="lk-card lk-{}"><div><p class="lk-badge">{}</p><h3>{}</h3>'
        '<p class="lk-what">{}</p>{}</div><div>{}</div><p class="lk-review">{}</p></li>'
    ).format(
        finding.severity,
        words.say(f"causes.severity_{finding.severity}"),
        tables.bdi(finding.stage),
        _what(diagnosis, finding, words),
        _paragraphs([*lines, *also]),
        shift_figure(finding, words),
        review,
    )


def _review(diagnosis: Diagnosis, finding: Finding) -> str:
    """Return the code of the operation to review for a finding."""
    if finding.kind == "overdue":
        return "time_to_answer"
    if finding.kind == "returned":
        return "steps_back"
    found = [one.cause.review for one in diagnosis.stages if one.stage.name == finding.stage]
    return found[0] if found else "reading_deals"


def _since(finding: Finding, words: Words) -> Markup:
    """Say since when."""
    if finding.since is None:
        return Markup("")
    return words.html("causes.since", month=Markup(words.month(finding.since)))  # noqa: S704 - a date


def _sure(diagnosis: Diagnosis, finding: Finding, words: Words) -> Markup:
    """Say how sure a change is, and whether an earlier look said the same."""
    if finding.change is None or finding.low is None or finding.high is None:
        return Markup("")
    said = words.html("causes.change", change=finding.change, low=finding.low, high=finding.high)
    chance = finding.q_value if finding.q_value is not None else finding.p_value
    if chance is not None:
        key = "causes.chance_hardly" if chance < HARDLY_EVER else "causes.chance"
        said += " " + words.html(key, chance=chance)
    if finding.confirmed:
        days = words.days(diagnosis.analysis.config.comparison.confirm_days)
        said += " " + words.html("causes.confirmed", days=days)
    return said


def _rate(diagnosis: Diagnosis, finding: Finding, words: Words) -> Markup:
    """Say whether the deals changed, or what becomes of them."""
    found = _mixes(diagnosis, finding)
    return _mix_line(found[0], words) if found else Markup("")


def _mix_line(mix: RateAndMix, words: Words) -> Markup:
    """Say rate and mix in one sentence."""
    if mix.rate is None or mix.mix is None:
        return words.html(f"causes.mix_{mix.reason}")
    key = "mix_mostly" if mix.mostly_mix else "mix"
    return words.html(f"causes.{key}", rate=mix.rate.value, mix=mix.mix)


def _worth(finding: Finding, words: Words) -> Markup:
    """Say what could be kept."""
    value = finding.recoverable
    if value is None or not value.value:
        return Markup("")
    return words.html(
        "causes.worth",
        value=value.value,
        low=value.low,
        high=value.high,
        half=value.value / 2,
        days=words.days(finding.days or 0),
    )


def _comparisons(diagnosis: Diagnosis, words: Words) -> Markup:
    """Tabulate every comparison of the pipeline."""
    order = {stage.name: stage.stage for stage in diagnosis.pipeline.stages}
    found = sorted(
        (f for card in diagnosis.cards for f in card), key=lambda f: (order[f.stage], f.kind)
    )
    rows = [(tables.bdi(finding.stage), finding) for finding in found]
    table = tables.Table(
        words.say("causes.comparisons"),
        (
            tables.Column("kind", lambda f: words.say(f"causes.kind_{f.kind}"), "lk-name"),
            tables.Column(
                "severity", lambda f: words.say(f"causes.severity_{_code(f)}"), "lk-name"
            ),
            tables.Column("share_now", lambda f: _or_dash(words, f.share)),
            tables.Column("share_before", lambda f: _or_dash(words, f.reference)),
            tables.Column("change", lambda f: _change_cell(words, f)),
            tables.Column("visible", lambda f: _visible(words, f.smallest_visible)),
            tables.Column("followed_now", lambda f: _count_or_dash(words, f.followed)),
        ),
        rows,
    )
    return table.html(words) + _paragraphs([words.html("causes.visible_note")])


def _code(finding: Finding) -> str:
    """Return a severity as part of a key."""
    return finding.severity.replace(" ", "_")


def _or_dash(words: Words, share: float | None) -> str:
    """Say a share, or nothing."""
    return tables.DASH if share is None else words.share(share)


def _visible(words: Words, change: float | None) -> str:
    """Say the smallest visible change, or nothing."""
    if change is None:
        return tables.DASH
    return words.say("causes.plain_points", n=round(100 * change, 1))


def _count_or_dash(words: Words, n: float | None) -> str:
    """Say a count, or nothing."""
    return tables.DASH if n is None else words.count(n)


def _change_cell(words: Words, finding: Finding) -> Markup | str:
    """Return a change with its interval."""
    if finding.change is None or finding.low is None or finding.high is None:
        return tables.DASH
    return Markup('{}<span class="lk-range">{}</span>').format(
        words.points(finding.change),
        words.say("causes.points_range", low=finding.low, high=finding.high),
    )


def _stages(diagnosis: Diagnosis, stage: str) -> tuple[StageDiagnosis, ...]:
    """Return the stages that were looked into, or the one that is asked for."""
    found = tuple(
        one for one in diagnosis.stages if not stage or folded(one.stage.name) == folded(stage)
    )
    if stage and not found:
        known = ", ".join(one.stage.name for one in diagnosis.stages)
        message = f"{stage!r} was not looked into. These were: {known}."
        raise LeakkitError("no_stage", message)
    return found


def _nothing(diagnosis: Diagnosis, words: Words, name: str) -> View:
    """Say why no stage was looked into."""
    code = "no_days" if _loses(diagnosis) else "no_stage"
    kind = SECTION if name == "cause_and_effect" else REPEATED
    return _view(words, name, headline=words.say(f"causes.{code}"), kind=kind)


def _loses(diagnosis: Diagnosis) -> bool:
    """Say whether the pipeline has lost any deal in a stage."""
    return any(stage.exits.lost for stage in diagnosis.pipeline.stages)


def cause_and_effect(diagnosis: Diagnosis, *, stage: str = "") -> View:
    """From the stage to the leak, to what the losses look like, to what should be reviewed.

    Of all stages that were looked into, or of one `stage`.
    """
    words, stages = _words(diagnosis), _stages(diagnosis, stage)
    if not stages:
        return _nothing(diagnosis, words, "cause_and_effect")
    chains = Markup("\n").join(_chain(diagnosis, one, words) for one in stages)
    notes = [words.html("causes.chain_note")]
    if any(one.cause.deals for one in stages):
        notes.append(words.html("causes.chain_read"))
    note = Markup(" ").join(notes)
    return _view(words, "cause_and_effect", figure=chains, note=note)


def _chain(diagnosis: Diagnosis, one: StageDiagnosis, words: Words) -> Markup:
    """Return the chain of one stage as a list that is read from left to right."""
    cause, family = one.cause, one.cause.verdict.family or "undetermined"
    boxes = [
        ("stage", tables.bdi(one.stage.name)),
        ("leak", _leak(diagnosis, one, words)),
        ("family", _short(cause, words)),
        ("evidence", _evidence_lines(diagnosis, cause, words)),
        ("review", _operation(cause.review, words)),
    ]
    items = Markup("").join(
        Markup(
            '<li class="lk-box lk-box-{}"><span class="lk-step">{}</span><div>{}</div></li>'
        ).format(name, words.say(f"causes.box_{name}"), content)
        for name, content in boxes
    )
    return Markup('<ol class="lk-chain lk-family-{}">{}</ol>').format(family, items)


def _short(cause: Cause, words: Words) -> Markup:
    """Say a verdict as a heading and a line."""
    heading = words.say(f"causes.short_{cause.verdict.family or 'undetermined'}")
    return Markup("<strong>{}</strong><p>{}</p>").format(heading, _strength(cause, words))


def _leak(diagnosis: Diagnosis, one: StageDiagnosis, words: Words) -> Markup:
    """Say what leaks: what got worse where something did, else what is lost."""
    warned = [f for f in one.findings if f.severity in {"alarm", "watch"}]
    if warned:
        return _what(diagnosis, warned[0], words) + shift_cell(warned[0], 1.1 * top_of(warned[0]))
    lost, age = one.stage.lost, one.stage.horizon.age
    if lost.share is None or age is None:
        return words.html("causes.lost_now", n=one.stage.exits.lost)
    days = _stay(diagnosis, words, age)
    return words.html(
        "causes.lost_share", share=lost.share, low=lost.low, high=lost.high, days=days
    )


def _evidence_lines(diagnosis: Diagnosis, cause: Cause, words: Words) -> Markup:
    """Say the two pieces of evidence in two lines; of what was closed in bulk, how."""
    lines = _apart(diagnosis, cause, words) if cause.administrative.in_bulk else []
    if cause.losses or not lines:
        lines += [_said_line(cause.stated, words), _behaves_line(cause.behaviour, words)]
    return _paragraphs(lines)


def _said_line(stated: Stated, words: Words) -> Markup:
    """Say what the reasons say, or why they say nothing."""
    if stated.family:
        share = next(f.share for f in stated.families if f.family == stated.family)
        return words.html(f"causes.stated_{stated.family}", share=share, n=stated.known)
    if not stated.known:
        return words.html("causes.stated_none")
    return words.html(f"causes.stated_none_{stated.reason}", n=stated.known)


def _behaves_line(behaviour: Behaviour, words: Words) -> Markup:
    """Say what the losses did that others did not: the sign that sets them apart most."""
    if not behaviour.family:
        return words.html(f"causes.behaves_none_{behaviour.reason}")
    if behaviour.family == MIXED:
        return words.html("causes.behaves_mixed")
    said = words.html(f"causes.behaves_{behaviour.strongest(behaviour.family)}")
    return said + (" " + words.html("causes.length_only") if behaviour.length_only else "")


def _apart(diagnosis: Diagnosis, cause: Cause, words: Words) -> list[Markup]:
    """Say how many losses were set apart as closed in bulk, and by which rule."""
    apart = cause.administrative
    if not apart.n:
        return []
    said = [words.html("causes.administrative", n=apart.n, of=apart.losses)]
    if apart.owner_day:
        said.append(words.html("causes.apart_owner", n=apart.owner_day))
    if apart.one_day:
        said.append(words.html("causes.apart_day", n=apart.one_day))
    if apart.one_age and apart.age is not None:
        age = _stay(diagnosis, words, apart.age)
        said.append(words.html("causes.apart_age", n=apart.one_age, age=age))
    return [Markup(" ").join(said)]


def evidence(diagnosis: Diagnosis, *, stage: str = "") -> View:
    """What do the reasons say, what does behaviour say, and do they agree?"""
    words, stages = _words(diagnosis), _stages(diagnosis, stage)
    if not stages:
        return _nothing(diagnosis, words, "evidence")
    parts = Markup("\n").join(_evidence(diagnosis, one, words) for one in stages)
    return _view(words, "evidence", table=parts)


def _evidence(diagnosis: Diagnosis, one: StageDiagnosis, words: Words) -> Markup:
    """Return the evidence of one stage: both sources beside each other."""
    cause = one.cause
    heading = Markup("<h3>{}</h3>").format(tables.bdi(one.stage.name))
    if not cause.losses:
        lines = _apart(diagnosis, cause, words)
        return heading + _paragraphs([*lines, words.html("causes.read_none")])
    read = words.html(f"causes.read_{cause.window}", n=cause.losses)
    return heading + Markup('<p>{}</p><div class="lk-two"><div>{}</div><div>{}</div></div>').format(
        read, _stated(cause, words), _behaviour(diagnosis, cause, words)
    )


def _stated(cause: Cause, words: Words) -> Markup:
    """Return what the reasons say."""
    stated = cause.stated
    missing = stated.missing / max(stated.losses, 1)
    rows = [(words.say(f"causes.family_{f.family}"), f) for f in stated.families]
    table = tables.Table(
        words.say("causes.stated_table"),
        (
            tables.Column("losses", lambda f: words.count(f.n)),
            tables.Column(
                "of_known",
                lambda f: _with_range(words, f.share, f.low, f.high),
            ),
            tables.Column(
                "bounds", lambda f: words.say("table.range", low=f.at_least, high=f.at_most)
            ),
        ),
        rows,
        head="family",
    )
    reasons = Markup("; ").join(
        Markup("<bdi>{}</bdi> ({})").format(plain(r.term), words.count(r.n))
        for r in stated.reasons[:SHOWN_REASONS]
        if r.term
    )
    lines = [
        words.html("causes.missing", share=missing),
        words.html("causes.reasons", reasons=reasons) if reasons else "",
        words.html("causes.unmatched", n=stated.unmatched) if stated.unmatched else "",
    ]
    unmatched = Markup("; ").join(
        tables.bdi(each.reason) for each in stated.unmatched_reasons[:SHOWN_UNMATCHED]
    )
    return table.html(words) + _paragraphs([*lines, unmatched])


def _with_range(
    words: Words, share: float | None, low: float | None, high: float | None
) -> Markup | str:
    """Say a share with its interval, or nothing."""
    if share is None or low is None or high is None:
        return tables.DASH
    return Markup('{}<span class="lk-range">{}</span>').format(
        words.share(share), words.say("table.range", low=low, high=high)
    )


def _sign(diagnosis: Diagnosis, sign: SignCount, words: Words) -> str:
    """Say a sign with where it begins; stays are in the pipeline's unit, silence is in days."""
    if not sign.limit and words.knows(f"causes.sign_{sign.code}_at_once"):
        return words.say(f"causes.sign_{sign.code}_at_once")
    said = words.days(sign.limit) if sign.code == "silent" else _stay(diagnosis, words, sign.limit)
    return words.say(
        f"causes.sign_{sign.code}", limit=said, times=sign.limit, n=int(sign.limit) + 1
    )


def _behaviour(diagnosis: Diagnosis, cause: Cause, words: Words) -> Markup:
    """Return what behaviour says, or why it says nothing."""
    found = cause.behaviour
    rows = [(_sign(diagnosis, sign, words), sign) for sign in found.signs]
    table = tables.Table(
        words.say("causes.behaviour_table"),
        (
            tables.Column("points_to", lambda s: words.say(f"causes.family_{s.family}"), "lk-name"),
            tables.Column("of_lost", lambda s: words.share(s.lost / max(found.lost.n, 1))),
            tables.Column(
                "of_advanced", lambda s: words.share(s.advanced / max(found.advanced.n, 1))
            ),
        ),
        rows,
        head="sign",
    )
    shown = table.html(words) if rows else Markup("")
    lines = []
    if not found.family and found.complexity is None:
        lines.append(words.html(f"causes.behaves_none_{found.reason}"))
    for family in ("complexity", "unconvincing"):
        excess = getattr(found, family)
        if excess is not None:
            facts = {"share": excess.value, "low": excess.low, "high": excess.high}
            key = (
                "excess" if excess.low > 0 else "excess_fewer" if excess.high < 0 else "excess_none"
            )
            lines.append(words.html(f"causes.{key}_{family}", **facts))
    if found.length_only:
        lines.append(words.html("causes.length_only"))
    lines += _apart(diagnosis, cause, words)
    agreement = cause.agreement
    if agreement.share is not None:
        lines.append(words.html("causes.agreement", share=agreement.share, n=agreement.n))
    return shown + _paragraphs(lines)


def when_lost(diagnosis: Diagnosis, *, stage: str = "") -> View:
    """After how many days are deals lost, and after how many do others advance?"""
    words, stages = _words(diagnosis), _stages(diagnosis, stage)
    if not stages:
        return _nothing(diagnosis, words, "when_lost")
    panels = Markup("\n").join(
        Markup("<li><h3>{}</h3>{}</li>").format(
            tables.bdi(one.stage.name),
            cause_figures.days_strips(one, words, diagnosis.pipeline.unit_per_day),
        )
        for one in stages
    )
    figure = Markup('<ul class="lk-panels">{}</ul>').format(panels)
    return _view(words, "when_lost", figure=figure, note=words.html("causes.when_note"))


def rate_and_mix(diagnosis: Diagnosis) -> View:
    """Did what becomes of deals change, or did other deals come?"""
    words = _words(diagnosis)
    rows = [
        (tables.bdi(one.stage.name), mix) for one in diagnosis.stages for mix in one.mixes.values()
    ]
    table = tables.Table(
        words.say("causes.mix_table"),
        (
            tables.Column("kind", lambda m: words.say(f"causes.kind_{m.kind}"), "lk-name"),
            tables.Column("total", lambda m: _points_or_dash(words, m.total)),
            tables.Column("rate", lambda m: _rate_cell(words, m)),
            tables.Column("mix", lambda m: _points_or_dash(words, m.mix)),
        ),
        rows,
    )
    if not rows:
        return _nothing(diagnosis, words, "rate_and_mix")
    lines = [_mix_note(name, mix, words) for name, mix in rows]
    return _view(words, "rate_and_mix", table=table.html(words), note=_paragraphs(lines))


def _points_or_dash(words: Words, share: float | None) -> str:
    """Say a difference of shares, or nothing."""
    return tables.DASH if share is None else words.points(share)


def _rate_cell(words: Words, mix: RateAndMix) -> Markup | str:
    """Return the rate part with its interval."""
    if mix.rate is None:
        return tables.DASH
    return Markup('{}<span class="lk-range">{}</span>').format(
        words.points(mix.rate.value),
        words.say("causes.points_range", low=mix.rate.low, high=mix.rate.high),
    )


def _mix_note(stage: Markup, mix: RateAndMix, words: Words) -> Markup:
    """Say what shifted most, or why it cannot be said."""
    if mix.rate is None:
        return Markup("{}: {}").format(stage, words.html(f"causes.mix_{mix.reason}"))
    if abs(mix.mix or 0.0) < MIN_MIX:
        return Markup("")
    lines = []
    if mix.simpson:
        lines.append(words.html("causes.simpson", stage=stage))
    if mix.shift:
        lines.append(
            words.html(
                "causes.shift",
                stage=stage,
                segment=_shifted(mix.shift, words),
                before=mix.shift.baseline_share,
                now=mix.shift.current_share,
            )
        )
    return Markup(" ").join(lines)


def _shifted(shift: Shift, words: Words) -> Markup:
    """Say the segment that shifted."""
    binned = (shift.column,) if shift.binned else ()
    return _segment((shift.column,), (shift.value,), binned, words)


def _value(written: str, words: Words) -> Markup:
    """Say a value of a column; an empty one is a value, too."""
    return tables.bdi(written) if plain(written) else words.html("explore.none")


def _columns(names: Iterable[str]) -> Markup:
    """Return names of columns, one behind the other."""
    return Markup(", ").join(map(tables.bdi, names))


def drivers(diagnosis: Diagnosis, *, stage: str = "") -> View:
    """Which segments of the leaking stages leak more than the rest?"""
    words, stages = _words(diagnosis), _stages(diagnosis, stage)
    if not stages:
        return _nothing(diagnosis, words, "drivers")
    parts = Markup("\n").join(_screen(one, words) for one in stages)
    return _view(words, "drivers", table=parts, note=words.html("causes.associated"))


def _screen(one: StageDiagnosis, words: Words) -> Markup:
    """Return the screen of one stage."""
    screen, heading = one.screen, Markup("<h3>{}</h3>").format(tables.bdi(one.stage.name))
    if screen.reason:
        why = words.html(f"causes.screen_{screen.reason}")
        return heading + Markup("<p>{}</p>").format(why)
    lines = [words.html("causes.screened", n=screen.tested, columns=_columns(screen.columns))]
    if not screen.tested:
        lines = [words.html("causes.screened_none")]
    lines += [
        words.html(
            f"causes.set_aside_{each.reason}",
            column=tables.bdi(each.column),
            value=_value(each.value, words),
            n=each.measure,
        )
        for each in screen.set_aside
    ]
    if not screen.drivers:
        said = words.html("causes.no_driver") if screen.tested else Markup("")
        return heading + _paragraphs([said, *lines])
    rows = [
        (_segment(driver.columns, driver.values, screen.binned, words), driver)
        for driver in screen.drivers
    ]
    table = tables.Table(
        words.say("causes.drivers_table"),
        (
            tables.Column("deals_in", lambda d: words.count(d.n)),
            tables.Column("share_here", lambda d: words.share(d.share.value)),
            tables.Column("share_rest", lambda d: words.share(d.rest.value)),
            tables.Column("gap", lambda d: _excess_cell(words, d.gap)),
            tables.Column("adjusted", lambda d: _adjusted_cell(words, d)),
            tables.Column("could_keep", lambda d: words.number(d.recoverable.value)),
            tables.Column(
                "could_keep_value",
                lambda d: (
                    tables.DASH
                    if d.recoverable_value is None
                    else words.money(d.recoverable_value.value)
                ),
            ),
        ),
        rows,
        head="segment",
    )
    today = sorted({name for driver in screen.drivers for name in driver.as_of_today})
    if today:
        lines.append(words.html("causes.as_of_today", n=len(today), columns=_columns(today)))
    return heading + table.html(words) + _paragraphs(lines)


def _segment(
    columns: tuple[str, ...], values: tuple[str, ...], binned: tuple[str, ...], words: Words
) -> Markup:
    """Say a segment by its columns and values; of numbers, up to where its fifth goes."""
    parts = []
    for column, value in zip(columns, values, strict=True):
        name = tables.bdi(column)
        if column not in binned or not value:
            parts.append(words.html("causes.segment", column=name, value=_value(value, words)))
        else:
            key = "segment_money" if column == "value" else "segment_number"
            parts.append(words.html(f"causes.{key}", column=name, value=float(value)))
    return Markup(", ").join(parts)


def _excess_cell(words: Words, excess: object) -> Markup:
    """Return a difference of shares with its interval."""
    value, low, high = (getattr(excess, name) for name in ("value", "low", "high"))
    return Markup('{}<span class="lk-range">{}</span>').format(
        words.points(value), words.say("causes.points_range", low=low, high=high)
    )


def _adjusted_cell(words: Words, driver: Driver) -> Markup | str:
    """Return the adjusted difference, where it could be estimated."""
    adjusted = driver.adjusted
    if adjusted is None or adjusted.difference is None:
        return tables.DASH
    return _excess_cell(words, adjusted.difference)


def repairs(diagnosis: Diagnosis) -> View:
    """How many more deals would be won if a stage lost fewer?"""
    words = _words(diagnosis)
    if not diagnosis.repairs:
        kind = SECTION if _loses(diagnosis) else REPEATED
        said = words.say(f"causes.{_no_repair(diagnosis)}")
        return _view(words, "repairs", headline=said, kind=kind)
    rows = [(_repaired(repair, words), repair) for repair in diagnosis.repairs]
    table = tables.Table(
        words.say("causes.repairs_table"),
        (
            tables.Column("new_deals", lambda r: _wins_cell(words, r.result.new_deals)),
            tables.Column("new_deals_half", lambda r: words.number(r.result.new_deals.value / 2)),
            tables.Column("open_deals", lambda r: _wins_cell(words, r.result.open_deals)),
            tables.Column("chance_then", lambda r: _chances(words, r)),
        ),
        rows,
        head="repair",
    )
    rough = any(repair.result.rough for repair in diagnosis.repairs)
    lines = [words.html("causes.repair_note"), words.html("causes.rough") if rough else ""]
    return _view(words, "repairs", table=table.html(words), note=_paragraphs(lines))


def _no_repair(diagnosis: Diagnosis) -> str:
    """Return the code of why no repair is reckoned."""
    if not _loses(diagnosis):
        return "no_stage"
    shares = [stage.lost.share for stage in diagnosis.pipeline.stages]
    known = diagnosis.pipeline.costs is not None and None not in shares
    return "small_losses" if known else "no_repair"


def _repaired(repair: Repair, words: Words) -> Markup:
    """Say what is repaired."""
    names = Markup(", ").join(tables.bdi(name) for name in repair.stages)
    if repair.points is None:
        return words.html("causes.repair_back", names=names)
    return words.html("causes.repair_points", names=names, n=round(100 * repair.points))


def _wins_cell(words: Words, value: object) -> Markup:
    """Return extra wins with their interval."""
    found, low, high = (getattr(value, name) for name in ("value", "low", "high"))
    return Markup('{}<span class="lk-range">{}</span>').format(
        words.number(found), words.say("causes.number_range", low=low, high=high)
    )


def _chances(words: Words, repair: Repair) -> str:
    """Say the chance to win, before and after."""
    return words.say("causes.from_to", before=repair.result.chance, then=repair.result.chance_then)


def worklist(diagnosis: Diagnosis) -> View:
    """Which late deals should somebody call first, and which should be decided?"""
    words, items = _words(diagnosis), diagnosis.worklist
    if not items:
        return _view(words, "worklist", headline=words.say("causes.no_late"))
    parts = Markup("")
    for block in ("call", "decide"):
        own = [item for item in items if item.block == block]
        if own:
            parts += _block(diagnosis, block, own, words)
    return _view(words, "worklist", table=parts, note=words.html("causes.worklist_note"))


def _block(diagnosis: Diagnosis, block: str, items: Sequence[WorkItem], words: Words) -> Markup:
    """Return one block of the worklist: its first deals."""
    unit = diagnosis.pipeline.unit_per_day
    rows = [(tables.bdi(item.opportunity_id), item) for item in items[:SHOWN_DEALS]]
    table = tables.Table(
        words.say(f"causes.{block}_table", n=len(items), shown=len(rows)),
        (
            tables.Column("deal_name", lambda i: tables.bdi(i.name or tables.DASH), "lk-name"),
            tables.Column("owner", lambda i: tables.bdi(i.owner or tables.DASH), "lk-name"),
            tables.Column("stage", lambda i: tables.bdi(i.stage), "lk-name"),
            tables.Column("in_stage", lambda i: figures.stay(words, i.age, unit)),
            tables.Column(
                "over",
                lambda i: tables.DASH if i.over is None else figures.stay(words, i.over, unit),
            ),
            tables.Column("chance", lambda i: _or_dash(words, i.chance)),
            tables.Column(
                "value", lambda i: tables.DASH if i.value is None else words.money(i.value)
            ),
            tables.Column(
                "can_save", lambda i: tables.DASH if i.saved is None else words.money(i.saved)
            ),
        ),
        rows,
        head="deal",
    )
    heading = Markup("<h3>{}</h3>").format(words.say(f"causes.{block}"))
    return heading + table.html(words)


def deals_to_read(diagnosis: Diagnosis, *, stage: str = "") -> View:
    """Which ten deals of each leaking stage should somebody read?"""
    words, stages = _words(diagnosis), _stages(diagnosis, stage)
    parts = Markup("\n").join(filter(None, (_deals(diagnosis, one, words) for one in stages)))
    if not parts:
        kind, said = SECTION if stages else REPEATED, words.say("causes.no_deals_to_read")
        return _view(words, "deals_to_read", headline=said, kind=kind)
    return _view(words, "deals_to_read", table=parts, note=words.html("causes.deals_note"))


def _deals(diagnosis: Diagnosis, one: StageDiagnosis, words: Words) -> Markup:
    """Return the deals of one stage: each lost one beside one like it that advanced."""
    matched = {deal.matched_to: deal for deal in one.cause.deals if deal.matched_to is not None}
    lost = [deal for deal in one.cause.deals if deal.kind == "lost"]
    if not lost:
        return Markup("")

    def said(deal: object) -> Markup:
        if deal is None:
            return Markup(tables.DASH)  # noqa: S704 - a constant
        number, stay, value = (getattr(deal, name) for name in ("opportunity", "stay", "value"))
        amount = tables.DASH if value is None else words.money(value)
        return Markup('{}<span class="lk-range">{}, {}</span>').format(
            tables.bdi(one.ids.get(number, str(number))), _stay(diagnosis, words, stay), amount
        )

    rows = [(said(deal), matched.get(deal.opportunity)) for deal in lost]
    table = tables.Table(
        words.say("causes.deals_table"),
        (tables.Column("advanced_like_it", said, "lk-name"),),
        rows,
        head="lost_deal",
    )
    return Markup("<h3>{}</h3>").format(tables.bdi(one.stage.name)) + table.html(words)


def causes_terms(diagnosis: Diagnosis) -> View:
    """What do the words of this page mean? Each once."""
    words = _words(diagnosis)
    confirm = diagnosis.analysis.config.comparison.confirm_days
    days, alarm = words.days(confirm), "alarm" if confirm else "alarm_once"
    keys = (alarm, "windows", "look_like", "excess", "rate", "adjusted", "keep", "late")
    said = (words.html(f"causes.term_{key}", days=days) for key in keys)
    return _view(words, "causes_terms", note=_paragraphs(said))


def causes_provenance(diagnosis: Diagnosis) -> View:
    """From which data and with which settings was this page made?"""
    from leakkit.views.dropoff.method import provenance  # noqa: PLC0415 - the same view, of its analysis

    return provenance(diagnosis.analysis)
