"""The slides on why deals are lost, and what to do: causes, repairs, calls, interventions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit import views
from leakkit.deck import charts
from leakkit.deck.content import (
    BODY,
    Box,
    Chart,
    Line,
    Series,
    Tabled,
    Text,
    between_tables,
    body,
    label_of,
    lines_of,
    name_of,
    read_headline,
    shorten,
    slide_tables,
)
from leakkit.findings.worklist import CALL, saved_in_all
from leakkit.views.causes import cause_lines
from leakkit.views.causes.cause_lines import segment
from leakkit.views.causes.warning_cards import card_lines

if TYPE_CHECKING:
    from leakkit.analysis.diagnosis import StageDiagnosis
    from leakkit.deck.content import Part, Slide, Subject
    from leakkit.findings.intervention_effects import EffectGroup, GroupChange
    from leakkit.findings.worklist import WorkItem


# ---------------- causes
# What got worse, why, and whom it concerns.

SHOWN_SEGMENTS, SHOWN_SIGNS, SHOWN_LINES, SHOWN_NOTES = 5, 6, 5, 2


# What got worse


def changes_slide(subject: Subject) -> Slide | None:
    """Show what got worse, since when, and how sure that is."""
    finding = subject.warned
    bars = charts.changes_chart(subject)
    line = charts.monthly_chart(subject, finding) if finding else None
    if subject.pipeline.notes.coverage or (bars is None and line is None):
        return None
    found = card_lines(subject.diagnosis, finding, subject.words) if finding else []
    own = charts.dated_notes(subject, finding.stage) if finding else ()
    marked = charts.say_notes(subject, own, of_stage=True)
    said = [*map(shorten, found), *marked]
    causes = views.causes_headline(subject.diagnosis)
    tested = " ".join(lines_of(causes)[-1:])
    days = subject.words.days(subject.analysis.config.comparison.confirm_days)
    notes = (
        *said,
        subject.note("out_of", _say_followed(subject)),
        subject.note("how", subject.say("causes.term_alarm", days=days)),
        tested,
        subject.call("warnings"),
    )
    parts = _side_by_side(bars, line, 0.67 if said else 1.0)
    if said:
        shown = [*said[: SHOWN_LINES - len(marked[:SHOWN_NOTES])], *marked[:SHOWN_NOTES]]
        lines = tuple(Line(one, 11, "muted", before=2) for one in dict.fromkeys(shown))
        parts.append((Box(0, 0.7, 1, 0.27), Text(lines, subject.words.say("deck.doubt"))))
    foot = f"{tested} {_say_followed(subject)}".strip()
    return subject.slide(read_headline(causes), "question.warnings", *parts, foot=foot, notes=notes)


def _side_by_side(bars: Chart | None, line: Chart | None, high: float) -> list[tuple[Box, Part]]:
    """Put one or two charts beside each other."""
    both = bars is not None and line is not None
    parts: list[tuple[Box, Part]] = []
    if bars is not None:
        parts.append((Box(0, 0, 0.5 if both else 1, high), bars))
    if line is not None:
        parts.append((Box(0.53 if both else 0, 0, 0.47 if both else 1, high), line))
    return parts


def _say_followed(subject: Subject) -> str:
    """Say how many deals stand behind the finding that is shown."""
    finding = subject.warned
    if finding is None or finding.followed is None or finding.followed_reference is None:
        return ""
    return subject.words.say(
        "deck.followed", now=finding.followed, before=finding.followed_reference
    )


# Why


def causes_slide(subject: Subject) -> Slide | None:
    """Show what the reasons say beside what the deals did."""
    if not subject.diagnosis.stages:
        return None
    one = subject.diagnosis.stages[0]
    view = views.evidence(subject.diagnosis, stage=one.stage.name)
    found = slide_tables(view)
    if not found:
        return None
    title, *said = _verdict(subject, one)
    parts: list[tuple[Box, Part]] = [
        (Box(0, 0.0, 1, 0.26), Text(tuple(split_verdict(said)), "Verdict"))
    ]
    sides = {"stated": (0.0, found[0], (1.6, 0.8, 1.1, 1.2))}
    if len(found) > 1:
        sides["behaves"] = (0.52, found[-1], (2.0, 1.2, 0.8, 0.9))
    for key, (left, grid, widths) in sides.items():
        head = Line(subject.words.say(f"deck.{key}"), BODY, bold=True)
        parts.append((Box(left, 0.29, 0.48, 0.08), Text((head,), key)))
        table = Tabled(grid.only(grid.heads[1:], SHOWN_SIGNS), widths, 12)
        parts.append((Box(left, 0.38, 0.48, 0.6), table))
    read = subject.words.say(f"causes.read_{one.cause.window}", n=one.cause.losses)
    notes = (
        title,
        *said,
        *between_tables(view),
        subject.note("how", subject.words.say("causes.term_look_like")),
        subject.call("evidence"),
    )
    foot = f"{read} {subject.words.say('causes.chain_note')}" if one.cause.losses else ""
    return subject.slide(title, "question.evidence", *parts, foot=foot, notes=notes)


def split_verdict(said: list[str]) -> list[Line]:
    """Return the verdict: the first sentence plainly, the others after it."""
    return [body(text, 4) for text in said]


def _verdict(subject: Subject, one: StageDiagnosis) -> list[str]:
    """Say what the losses look like, how strong that is, and what to review."""
    family, words = one.cause.verdict.family or "undetermined", subject.words
    review = words.html("causes.review", what=cause_lines.operation(one.cause.review, words))
    return [
        subject.say(f"causes.verdict_{family}", stage=one.stage.name),
        shorten(cause_lines.strength(one.cause, words)),
        shorten(review),
    ]


# Who and what


def segments_slide(subject: Subject) -> Slide | None:
    """Show which segments of the first stage that has any lose more than the rest."""
    for one in subject.diagnosis.stages:
        if one.screen.drivers or one.changes.drivers:
            return _segments(subject, one)
    return None


def _segments(subject: Subject, one: StageDiagnosis) -> Slide:
    """Show the segments of one stage: those that lose more, and those that changed more."""
    view = views.drivers(subject.diagnosis, stage=one.stage.name)
    chart, found = charts.segments_chart(subject, one), slide_tables(view)
    parts: list[tuple[Box, Part]] = [(Box(0, 0, 1, 0.52), chart)] if chart else []
    top = 0.56 if chart else 0.02
    grid = found[-1] if chart else found[0]
    table = Tabled(grid.only(grid.heads[1:], SHOWN_SEGMENTS), (3.4, *[1.1] * (len(grid.heads) - 1)))
    parts.append((Box(0, top, 1, 0.98 - top), table))
    notes = (
        *between_tables(view),
        subject.note("how", subject.words.say("causes.term_adjusted")),
        subject.call("drivers"),
    )
    title, foot = _segment_title(subject, one), subject.words.say("causes.associated")
    return subject.slide(title, "question.drivers", *parts, foot=foot, notes=notes)


def _segment_title(subject: Subject, one: StageDiagnosis) -> str:
    """Say which segment loses most beyond the rest, or changed most."""
    words, stage = subject.words, Markup("<bdi>{}</bdi>").format(one.stage.name)
    if one.screen.drivers:
        first = one.screen.drivers[0]
        named = segment(first.columns, first.values, one.screen.binned, words)
        facts = {"share": first.share.value, "rest": first.rest.value, "n": round(first.followed)}
        return shorten(words.html("deck.who", stage=stage, segment=named, **facts))
    changed = one.changes.drivers[0]
    named = segment((changed.column,), (changed.value,), one.changes.binned, words)
    names = ("before", "now", "rest_before", "rest_now")
    facts = {name: getattr(changed, name) for name in names}
    return shorten(words.html("deck.change_who", stage=stage, segment=named, **facts))


# ---------------- repairs
# What a repair is worth, and which late deals to call first.

SHOWN_CALLS = 8
CALL_COLUMNS = ("deal_name", "owner", "stage", "in_stage", "chance", "value", "can_save")


def repairs_slide(subject: Subject) -> Slide | None:
    """Show what fewer losses would bring."""
    chart = charts.repairs_chart(subject)
    if chart is None:
        return None
    view = views.repairs(subject.diagnosis)
    table = Tabled(slide_tables(view)[0], (2.0, 1.0, 1.2, 1.1, 1.1))
    notes = (
        *lines_of(view),
        subject.note("how", subject.words.say("causes.term_keep")),
        subject.call("repairs"),
    )
    return subject.slide(
        repair_title(subject),
        "question.repairs",
        (Box(0, 0, 0.46, 1), chart),
        (Box(0.49, 0.04, 0.51, 0.94), table),
        foot=" ".join(lines_of(view)[:1]),
        notes=notes,
    )


def repair_title(subject: Subject) -> str:
    """Say what the best repair would bring: that of what got worse, else the largest."""
    found = list(enumerate(subject.diagnosis.repairs))
    joint = [(at, one) for at, one in found if one.points is None]
    largest = sorted(found, key=lambda one: -one[1].result.new_deals.value)
    at, best = (joint or largest)[0]
    worth, days = best.result.new_deals, subject.pipeline.windows.current or (0, 0)
    return subject.words.say(
        "deck.repair",
        what=charts.say_repair(subject, at),
        n=worth.value,
        low=worth.low,
        high=worth.high,
        days=subject.words.days(days[1] - days[0]),
    )


def list_savable(subject: Subject) -> list[WorkItem]:
    """Return the late deals that can still be saved."""
    return [item for item in subject.diagnosis.worklist if item.block == CALL]


def calls_slide(subject: Subject) -> Slide | None:
    """Show which late deals to call first."""
    if not subject.diagnosis.worklist:
        return None
    view, say = views.worklist(subject.diagnosis), subject.words.say
    found = slide_tables(view)[0]
    grid = found.only([say(f"table.{key}") for key in CALL_COLUMNS], SHOWN_CALLS)
    n = len(list_savable(subject))
    foot = say("deck.of_call", n=n, shown=len(grid.rows)) if n else found.caption
    notes = (
        *lines_of(view),
        subject.note("how", say("causes.term_late")),
        subject.call("worklist"),
    )
    table = Tabled(grid, (1.2, 2.3, 1.4, 1.4, 1, 1.2, 1, 1.1))
    return subject.slide(
        call_title(subject), "question.worklist", (Box(0, 0.02), table), foot=foot, notes=notes
    )


def call_title(subject: Subject) -> str:
    """Say how many late deals can still be saved, and what they are worth."""
    n = len(list_savable(subject))
    if not n:
        return subject.words.say("deck.call_none")
    value = saved_in_all(subject.diagnosis.worklist)
    return subject.words.say("deck.call", n=n, value=value)


# ---------------- interventions
# Did what we changed work?

SHOWN_ROWS, SHOWN_ACTIONS = 5, 3


def actions_slide(subject: Subject) -> Slide | None:
    """Show what became of the declared interventions; None where none is declared."""
    if not subject.diagnosis.interventions:
        return None
    view = views.before_and_since(subject.diagnosis)
    chart, found, said = _shares(subject), slide_tables(view), between_tables(view)
    parts: list[tuple[Box, Part]] = [(Box(0, 0, 0.34, 0.96), chart)] if chart else []
    left, top = 0.37 if chart else 0.0, 0.02
    if found:
        grid = found[0]
        widths = (1.7, *[1.5] * (len(grid.heads) - 1))
        table = Tabled(grid.only(grid.heads[1:], SHOWN_ROWS), widths)
        parts.append((Box(left, top, 1 - left, 0.5), table))
        top += 0.16 + 0.08 * min(len(grid.rows), SHOWN_ROWS)
    lines = tuple(Line(one, 12, "muted", before=3) for one in said[:SHOWN_ACTIONS])
    if lines:
        head = label_of(subject.words.say("deck.compared"), 0)
        parts.append((Box(left, top, 1 - left, 0.97 - top), Text((head, *lines), head.text)))
    notes = (*said, *lines_of(view), subject.call("before_and_since"))
    foot = subject.words.say("deck.since")
    return subject.slide(
        read_headline(view), "question.before_and_since", *parts, foot=foot, notes=notes
    )


def _shares(subject: Subject) -> Chart | None:
    """Return the share lost before and since of every stage that can be compared."""
    found = [
        (f"{name_of(one.intervention.name)}: {name_of(effect.stage)}", effect.change)
        for one in subject.diagnosis.interventions
        for effect in one.effects
        if effect.change is not None
    ][:SHOWN_ROWS]
    if not found:
        return None
    words, title = subject.words, subject.words.say("interventions.table")
    names = tuple(name for name, _ in found)
    series = (
        _series(words.say("table.lost_before"), [change.before for _, change in found], "open"),
        _series(words.say("table.lost_since"), [change.since for _, change in found], "open-edge"),
    )
    said = "; ".join(f"{name}: {_say_shares(subject, change)}" for name, change in found)
    return Chart("columns", title, f"{title}: {said}.", names, series, title=title)


def _series(name: str, groups: list[EffectGroup], role: str) -> Series:
    """Return one side of the day."""
    shares = tuple(group.share for group in groups)
    return Series(name, shares, role, tuple((group.low, group.high) for group in groups))


def _say_shares(subject: Subject, change: GroupChange) -> str:
    """Say both shares."""
    words = subject.words
    return f"{words.share(change.before.share)} \u2192 {words.share(change.since.share)}"
