"""What got worse, why, and whom it concerns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit import views
from leakkit.deck import charts, noted
from leakkit.deck.content import Box, Line, Tabled, Text
from leakkit.deck.told import (
    BODY,
    between_tables,
    body,
    lines_of,
    read_headline,
    short,
    tables_of,
)
from leakkit.views.causes import verdict
from leakkit.views.causes.segments import segment
from leakkit.views.causes.warnings import card_lines

if TYPE_CHECKING:
    from leakkit.analysis.diagnosis import StageDiagnosis
    from leakkit.deck.content import Chart, Part, Slide
    from leakkit.deck.told import Told

SHOWN_SEGMENTS, SHOWN_SIGNS, SHOWN_LINES, SHOWN_NOTES = 5, 6, 5, 2


# What got worse


def changes(told: Told) -> Slide | None:
    """Show what got worse, since when, and how sure that is."""
    finding = told.warned
    bars = charts.before_and_now(told)
    line = charts.by_month(told, finding) if finding else None
    if told.pipeline.notes.coverage or (bars is None and line is None):
        return None
    found = card_lines(told.diagnosis, finding, told.words) if finding else []
    own = noted.dated(told, finding.stage) if finding else ()
    marked = noted.say(told, own, of_stage=True)
    said = [*map(short, found), *marked]
    causes = views.causes_headline(told.diagnosis)
    tested = " ".join(lines_of(causes)[-1:])
    days = told.words.days(told.analysis.config.comparison.confirm_days)
    notes = (
        *said,
        told.note("out_of", _say_followed(told)),
        told.note("how", told.say("causes.term_alarm", days=days)),
        tested,
        told.call("warnings"),
    )
    parts = _side_by_side(bars, line, 0.67 if said else 1.0)
    if said:
        shown = [*said[: SHOWN_LINES - len(marked[:SHOWN_NOTES])], *marked[:SHOWN_NOTES]]
        lines = tuple(Line(one, 11, "muted", before=2) for one in dict.fromkeys(shown))
        parts.append((Box(0, 0.7, 1, 0.27), Text(lines, told.words.say("deck.doubt"))))
    foot = f"{tested} {_say_followed(told)}".strip()
    return told.slide(read_headline(causes), "question.warnings", *parts, foot=foot, notes=notes)


def _side_by_side(bars: Chart | None, line: Chart | None, high: float) -> list[tuple[Box, Part]]:
    """Put one or two charts beside each other."""
    both = bars is not None and line is not None
    parts: list[tuple[Box, Part]] = []
    if bars is not None:
        parts.append((Box(0, 0, 0.5 if both else 1, high), bars))
    if line is not None:
        parts.append((Box(0.53 if both else 0, 0, 0.47 if both else 1, high), line))
    return parts


def _say_followed(told: Told) -> str:
    """Say how many deals stand behind the finding that is shown."""
    finding = told.warned
    if finding is None or finding.followed is None or finding.followed_reference is None:
        return ""
    return told.words.say("deck.followed", now=finding.followed, before=finding.followed_reference)


# Why


def why(told: Told) -> Slide | None:
    """Show what the reasons say beside what the deals did."""
    if not told.diagnosis.stages:
        return None
    one = told.diagnosis.stages[0]
    view = views.evidence(told.diagnosis, stage=one.stage.name)
    found = tables_of(view)
    if not found:
        return None
    title, *said = _verdict(told, one)
    parts: list[tuple[Box, Part]] = [
        (Box(0, 0.0, 1, 0.26), Text(tuple(split_verdict(said)), "Verdict"))
    ]
    sides = {"stated": (0.0, found[0], (1.6, 0.8, 1.1, 1.2))}
    if len(found) > 1:
        sides["behaves"] = (0.52, found[-1], (2.0, 1.2, 0.8, 0.9))
    for key, (left, grid, widths) in sides.items():
        head = Line(told.words.say(f"deck.{key}"), BODY, bold=True)
        parts.append((Box(left, 0.29, 0.48, 0.08), Text((head,), key)))
        table = Tabled(grid.only(grid.heads[1:], SHOWN_SIGNS), widths, 12)
        parts.append((Box(left, 0.38, 0.48, 0.6), table))
    read = told.words.say(f"causes.read_{one.cause.window}", n=one.cause.losses)
    notes = (
        title,
        *said,
        *between_tables(view),
        told.note("how", told.words.say("causes.term_look_like")),
        told.call("evidence"),
    )
    foot = f"{read} {told.words.say('causes.chain_note')}" if one.cause.losses else ""
    return told.slide(title, "question.evidence", *parts, foot=foot, notes=notes)


def split_verdict(said: list[str]) -> list[Line]:
    """Return the verdict: the first sentence plainly, the others after it."""
    return [body(text, 4) for text in said]


def _verdict(told: Told, one: StageDiagnosis) -> list[str]:
    """Say what the losses look like, how strong that is, and what to review."""
    family, words = one.cause.verdict.family or "undetermined", told.words
    review = words.html("causes.review", what=verdict.operation(one.cause.review, words))
    return [
        told.say(f"causes.verdict_{family}", stage=one.stage.name),
        short(verdict.strength(one.cause, words)),
        short(review),
    ]


# Who and what


def people(told: Told) -> Slide | None:
    """Show which segments of the first stage that has any lose more than the rest."""
    for one in told.diagnosis.stages:
        if one.screen.drivers or one.changes.drivers:
            return _segments(told, one)
    return None


def _segments(told: Told, one: StageDiagnosis) -> Slide:
    """Show the segments of one stage: those that lose more, and those that changed more."""
    view = views.drivers(told.diagnosis, stage=one.stage.name)
    chart, found = charts.segments(told, one), tables_of(view)
    parts: list[tuple[Box, Part]] = [(Box(0, 0, 1, 0.52), chart)] if chart else []
    top = 0.56 if chart else 0.02
    grid = found[-1] if chart else found[0]
    table = Tabled(grid.only(grid.heads[1:], SHOWN_SEGMENTS), (3.4, *[1.1] * (len(grid.heads) - 1)))
    parts.append((Box(0, top, 1, 0.98 - top), table))
    notes = (
        *between_tables(view),
        told.note("how", told.words.say("causes.term_adjusted")),
        told.call("drivers"),
    )
    title, foot = _segment_title(told, one), told.words.say("causes.associated")
    return told.slide(title, "question.drivers", *parts, foot=foot, notes=notes)


def _segment_title(told: Told, one: StageDiagnosis) -> str:
    """Say which segment loses most beyond the rest, or changed most."""
    words, stage = told.words, Markup("<bdi>{}</bdi>").format(one.stage.name)
    if one.screen.drivers:
        first = one.screen.drivers[0]
        named = segment(first.columns, first.values, one.screen.binned, words)
        facts = {"share": first.share.value, "rest": first.rest.value, "n": round(first.followed)}
        return short(words.html("deck.who", stage=stage, segment=named, **facts))
    changed = one.changes.drivers[0]
    named = segment((changed.column,), (changed.value,), one.changes.binned, words)
    names = ("before", "now", "rest_before", "rest_now")
    facts = {name: getattr(changed, name) for name in names}
    return short(words.html("deck.change_who", stage=stage, segment=named, **facts))
