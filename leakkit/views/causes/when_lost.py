"""After how many days are deals lost, and after how many do others advance?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.path import Path

from leakkit.views.causes.stages import no_stages, stages_of
from leakkit.views.elements import panels
from leakkit.views.ink import Run, Sheet, theme
from leakkit.views.tables import bdi
from leakkit.views.texts import plain, stay
from leakkit.views.view import answer, of_diagnosis, words_of

if TYPE_CHECKING:
    from markupsafe import Markup

    from leakkit.analysis import Diagnosis
    from leakkit.analysis.diagnosis import StageDiagnosis
    from leakkit.findings.behaviour import DaysByExit
    from leakkit.views.view import View
    from leakkit.words import Words

ROWS = {
    "lost": ("lost", "lost-ink"),
    "advanced": ("advanced", "flow-ink"),
    "returned": ("returned", "returned-ink"),
}
WIDTH, LEFT, RIGHT, STEP, TOP = 340.0, 92.0, 12.0, 44.0, 14.0


@of_diagnosis
def when_lost(diagnosis: Diagnosis, *, stage: str = "") -> View:
    """After how many days are deals lost, and after how many do others advance?"""
    words, stages = words_of(diagnosis.analysis), stages_of(diagnosis, stage)
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
            said = stay(words, days.median or 0.0, unit_per_day)
            _strip(sheet, days, (TOP + STEP * at, most), words, said)
        _scale(sheet, height, most, words, unit_per_day)
        return sheet.svg(_alt(one, rows, words, unit_per_day), f"when {one.stage.stage}")


def _x(days: float, most: float) -> float:
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
        _x(value or 0.0, most) for value in (days.q10, days.q25, days.median, days.q75, days.q90)
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
        run = Run(stay(words, at, unit_per_day), "muted")
        sheet.text(_x(at, most), height - 4, run, size=11, anchor=anchor)


def _alt(one: StageDiagnosis, rows: list[DaysByExit], words: Words, unit_per_day: int) -> str:
    """Say the picture in words."""
    said = ", ".join(
        words.say(
            "causes.door_alt",
            door=words.say(f"causes.door_{days.kind}"),
            stay=stay(words, days.median or 0.0, unit_per_day),
        )
        for days in rows
    )
    return words.say("causes.when_alt", stage=plain(one.stage.name), said=said)
