"""The native charts of a deck: what the figures of the pages show, as numbers of a series."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from leakkit.analysis.results import find_notes
from leakkit.deck.content import COUNTS, Box, Chart, Line, Series, Text, name_of, shorten
from leakkit.views.causes.cause_lines import segment
from leakkit.views.drawing.figures import EXITS, door_shares
from leakkit.views.drawing.small_pictures import ROLES, Shift
from leakkit.views.elements import note_lines
from leakkit.views.grids import html_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.analysis.diagnosis import StageDiagnosis
    from leakkit.analysis.numbers import StageNumbers
    from leakkit.analysis.results import DayNote
    from leakkit.deck.content import Part, Subject
    from leakkit.findings import Finding


MOST_MONTHS = 18
MOST_DAYS = 60
"""Points of an area chart; a longer stay is read at every so many days."""
MOST_SEGMENTS, SEGMENT_LETTERS = 5, 26


def losses_chart(subject: Subject, strong: StageNumbers | None) -> Chart | None:
    """Return the share lost of what enters each stage, with its range; None where none is known."""
    stages = [stage for stage in subject.pipeline.stages if stage.lost.share is not None]
    if not stages:
        return None
    chosen = [at for at, stage in enumerate(stages) if strong and stage.stage == strong.stage]
    ranges = tuple(
        None if one.lost.low is None or one.lost.high is None else (one.lost.low, one.lost.high)
        for one in stages
    )
    title = subject.words.say("deck.lost_range")
    series = Series(
        subject.words.say("table.lost"),
        tuple(stage.lost.share for stage in stages),
        "lost-soft",
        ranges,
        chosen[0] if chosen else None,
    )
    said = "; ".join(
        f"{name_of(s.name)} {subject.words.share(s.lost.share or 0.0)}" for s in stages
    )
    names = tuple(name_of(stage.name) for stage in stages)
    return Chart("bars", title, f"{title}: {said}.", names, (series,), legend=False, title=title)


def changes_chart(subject: Subject) -> Chart | None:
    """Return the share lost before and now of every stage that can be compared."""
    found = [one for one in subject.shifts if one.kind == "lost" and one.known]
    if not found:
        return None
    words, title = subject.words, subject.words.say("deck.lost_now")
    warned = [at for at, one in enumerate(found) if one.warns]
    before = Series(words.say("deck.before"), tuple(one.before for one in found), "open", said=True)
    now = Series(
        words.say("deck.now"),
        tuple(one.now for one in found),
        "open-edge",
        strong=warned[0] if warned else None,
        said=True,
    )
    said = "; ".join(f"{name_of(one.name)} {one.say(words)}" for one in found)
    names = tuple(name_of(one.name) for one in found)
    return Chart("columns", title, f"{title}: {said}.", names, (before, now), title=title)


def monthly_chart(subject: Subject, finding: Finding) -> Chart | None:
    """Return the share of a finding month by month, beside what it was before."""
    months = finding.months[-MOST_MONTHS:]
    if sum(share is not None for _, share in months) < 3 or finding.reference is None:  # noqa: PLR2004 - fewer are no line
        return None
    words, shift = subject.words, Shift.of(finding)
    role = ROLES[finding.kind][0]
    name = f"{name_of(finding.stage)}: {words.say(f'shift.{finding.kind}')}"
    line = Series(words.say("deck.month"), tuple(share for _, share in months), role)
    level = Series(
        f"{words.say('deck.before_level')}: {words.share(finding.reference)}",
        (finding.reference,) * len(months),
        "open-edge",
    )
    facts = {"stage": name_of(shift.name), "now": shift.now, "before": shift.before}
    alt = words.say(f"shift.alt_{finding.kind}", low=shift.low or 0, high=shift.high or 0, **facts)
    days = [day for day, _ in months]
    names = name_months(subject, days, dated_notes(subject, finding.stage))
    return Chart("lines", name, alt, names, (level, line), title=name)


def months_chart(subject: Subject) -> Chart | None:
    """Return what came in, was won and was lost, month by month."""
    shown = [month for month in subject.pipeline.months if month.complete][-MOST_MONTHS:]
    if len(shown) < 3:  # noqa: PLR2004 - fewer are no course
        return None
    words, terms = subject.words, [month.count for month in shown]
    flows = {
        "came": ("open", [one.new + one.reopened for one in terms]),
        "won": ("won", [one.won for one in terms]),
        "lost": ("lost", [one.lost for one in terms]),
    }
    series = tuple(
        Series(words.say(f"months.{key}"), tuple(map(float, amounts)), role)
        for key, (role, amounts) in flows.items()
    )
    facts = {key: sum(amounts) for key, (_, amounts) in flows.items()}
    alt = words.say(
        "months.alt", first=shown[0].first_day, last=shown[-1].first_day,
        closing=terms[-1].closing, **facts,
    )  # fmt: skip
    names = name_months(subject, [month.first_day for month in shown], dated_notes(subject))
    return Chart("columns", words.say("question.months"), alt, names, series, COUNTS)


def days_chart(subject: Subject, stage: StageNumbers) -> Chart | None:
    """Return which share of a stage has left by which door, day by day; None without a curve."""
    horizon = stage.horizon.age
    if horizon is None:
        return None
    words, unit = subject.words, subject.pipeline.unit_per_day
    step = max(1, int(np.ceil(horizon / MOST_DAYS)))
    ages = np.arange(0, int(horizon) + 1, step, dtype=np.float64)
    found = door_shares(stage, ages)
    staying = 1.0 - sum(found.values())
    colours = {name: colour for name, _, colour, _ in EXITS} | {"staying": "open"}
    series = tuple(
        Series(words.say(f"days.{name}"), tuple(float(share) for share in shares), colours[name])
        for name, shares in {**found, "staying": np.maximum(staying, 0.0)}.items()
    )
    names = tuple(words.number(age / unit) for age in ages)
    title = subject.say("deck.days_axis", stage=stage.name)
    return Chart("areas", title, say_days(subject, stage), names, series, title=title)


def say_days(subject: Subject, stage: StageNumbers) -> str:
    """Say which share of a stage has left by which door at its horizon."""
    horizon = stage.horizon.age or 0.0
    at = {name: float(share[0]) for name, share in door_shares(stage, np.array([horizon])).items()}
    staying = max(1.0 - sum(at.values()), 0.0)
    facts = {"stage": stage.name, "at": subject.stay(horizon), "staying": staying}
    return subject.say("deck.days", **facts, lost=at["lost"], advanced=at["advanced"])


def repairs_chart(subject: Subject) -> Chart | None:
    """Return what each repair would bring, with its range."""
    found = subject.diagnosis.repairs
    if not found:
        return None
    words = subject.words
    title = words.say("deck.extra_wins")
    names = tuple(say_repair(subject, at) for at in range(len(found)))
    worth = [repair.result.new_deals for repair in found]
    strong = [at for at, repair in enumerate(found) if repair.points is None]
    series = Series(
        words.say("table.new_deals"),
        tuple(one.value for one in worth),
        "advanced",
        tuple((one.low, one.high) for one in worth),
        strong[0] if strong else None,
        "won",
    )
    said = "; ".join(
        f"{name}: {words.number(one.value)}" for name, one in zip(names, worth, strict=True)
    )
    return Chart(
        "bars", title, f"{title}: {said}.", names, (series,), COUNTS, legend=False, title=title
    )


def segments_chart(subject: Subject, one: StageDiagnosis) -> Chart | None:
    """Return what the segments that lose more lose, beside the rest of their stage."""
    found = one.screen.drivers[:MOST_SEGMENTS]
    if not found:
        return None
    words = subject.words
    names = tuple(
        html_text(segment(each.columns, each.values, one.screen.binned, words), SEGMENT_LETTERS)
        for each in found
    )
    here = Series(
        words.say("deck.here"),
        tuple(each.share.value for each in found),
        "lost",
        tuple((each.share.low, each.share.high) for each in found),
    )
    rest = Series(words.say("deck.rest"), tuple(each.rest.value for each in found), "open")
    title = words.say("causes.drivers_table")
    said = "; ".join(
        f"{name}: {words.share(each.share.value)}, {words.share(each.rest.value)}"
        for name, each in zip(names, found, strict=True)
    )
    return Chart("bars", title, f"{title}: {said}.", names, (here, rest), title=title)


def say_repair(subject: Subject, at: int) -> str:
    """Say what is repaired."""
    repair = subject.diagnosis.repairs[at]
    names = ", ".join(name_of(name) for name in repair.stages)
    if repair.points is None:
        return subject.say("causes.repair_back", names=names)
    return subject.say("causes.repair_points", names=names, n=round(100 * repair.points))


# ---------------- notes
# Notes of an analyst on slides: numbers beside the months, and what they say under the chart.

MOST_LINES = 4
"""So many notes stand on a slide; those of the speaker have all."""
UNDER = 0.2
"""The share of a slide that the notes under a chart take."""


def dated_notes(subject: Subject, stage: str = "") -> tuple[DayNote, ...]:
    """Return the notes that have a day; where a stage is named, those on it and on all."""
    return tuple(
        one
        for one in find_notes(subject.analysis, subject.pipeline)
        if one.number and (not stage or one.stage in {"", stage})
    )


def say_notes(
    subject: Subject, notes: Sequence[DayNote], *, of_stage: bool = False
) -> tuple[str, ...]:
    """Say each note in a line of text."""
    return tuple(shorten(one) for one in note_lines(notes, subject.words, of_stage=of_stage))


def name_months(
    subject: Subject, first_days: Sequence[int], notes: Sequence[DayNote]
) -> tuple[str, ...]:
    """Return the names of some months, each with the numbers of the notes on its days."""
    marks: dict[str, list[str]] = {subject.words.month(day): [] for day in first_days}
    for one in notes:
        month = subject.words.month(one.day or 0)
        if month in marks:
            marks[month].append(str(one.number))
    return tuple(f"{name} [{', '.join(said)}]" if said else name for name, said in marks.items())


def notes_under(said: Sequence[str], name: str) -> list[tuple[Box, Part]]:
    """Return notes as lines at the foot of the room; nothing where there are none."""
    lines = tuple(Line(one, 11, "muted", before=2) for one in said[:MOST_LINES])
    return [(Box(0, 1.0 - UNDER, 1, UNDER), Text(lines, name))] if lines else []
