"""The lane under the pipe: what each stage loses now, and lost before, on one scale."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from matplotlib.path import Path

from leakkit.views.ink import Run, width_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.measures.horizons import Windows
    from leakkit.views.ink import Sheet
    from leakkit.views.shift import Shift
    from leakkit.words import Words

HEAD, RISE, ROW, SIZE = 50.0, 58.0, 16.0, 12.5
"""Height of the heading, of the scale and of a line of text; size of the text."""
HALF = 26.0
"""How far a slope reaches to both sides of its stage."""
UP = "\u25b2 "


@dataclass(frozen=True)
class Lane:
    """Where the lane begins, where each stage stands, how much room each has, and its shares.

    `windows` has the days before and now; `grown` is the stage that is drawn dashed.
    """

    top: float
    spots: Mapping[int, float]
    room: float
    shifts: tuple[Shift, ...]
    windows: Windows
    grown: str = ""

    @cached_property
    def losses(self) -> tuple[Shift, ...]:
        """The shares that are drawn: of losses, before and now."""
        return tuple(one for one in self.shifts if one.kind == "lost" and one.known)

    @cached_property
    def most(self) -> float:
        """The share at the top of the scale."""
        ends = [share for one in self.losses for share in (one.before, one.now, one.high) if share]
        return min(max([0.02, *ends]), 1.0)

    @property
    def base(self) -> float:
        """Where a share of nothing stands, across."""
        return self.top + HEAD + RISE

    def y(self, share: float) -> float:
        """Return where a share stands, across."""
        return self.base - RISE * min(share / self.most, 1.0)


def depth(shifts: tuple[Shift, ...]) -> float:
    """Return the height of the lane; none where nothing can be compared."""
    if not any(one.known for one in shifts):
        return 0.0
    return HEAD + RISE + 22 + ROW * max(_others(shifts).values(), default=0)


def _others(shifts: tuple[Shift, ...]) -> dict[int, int]:
    """Count what warns besides the losses, by stage."""
    found: dict[int, int] = {}
    for one in shifts:
        if one.warns and one.kind != "lost":
            found[one.stage] = found.get(one.stage, 0) + 1
    return found


def label(one: Shift, words: Words, *, short: bool = True) -> Run:
    """Say the share before and now; one that warns with a mark, other than losses by name."""
    said = one.say(words)
    text = said if short else words.say(f"pipe.shift_{one.kind}", said=said)
    return Run((UP if one.warns else "") + text, one.roles[1], bold=one.warns)


def draw(sheet: Sheet, lane: Lane, words: Words) -> None:
    """Draw a slope per stage, from before (ring) to now (dot with its range), and say it."""
    sheet.text(2, lane.top + 16, _key(lane, words), size=SIZE)
    if lane.grown:
        said = Run(words.say("pipe.grown", stage=lane.grown), "muted")
        sheet.text(2, lane.top + 33, said, size=SIZE)
    ends = min(lane.spots.values()) - HALF, max(lane.spots.values()) + HALF
    sheet.shape(Path([(end, lane.base) for end in ends]), edge="line", width=1.0, order=1.0)
    for one in lane.losses:
        _slope(sheet, lane, one)
    for stage in lane.spots:
        _write(sheet, lane, stage, words)


def _key(lane: Lane, words: Words) -> tuple[Run, ...]:
    """Return what the lane shows, of which days."""
    runs = [Run(words.say("pipe.lane"), "ink", bold=True)]
    days_of = {"before": lane.windows.baseline, "now": lane.windows.current}
    for (name, days), mark in zip(days_of.items(), ("\u25cb", "\u25cf"), strict=True):
        if days is not None:
            said = words.say(f"pipe.lane_{name}", first=days[0], last=days[1] - 1)
            runs.append(Run(f"   {mark} {said}", "muted"))
    return tuple(runs)


def _slope(sheet: Sheet, lane: Lane, one: Shift) -> None:
    """Draw one stage: a line from the share before to the share now, with its range."""
    role, spot = one.roles[0], lane.spots[one.stage]
    before, now = lane.y(one.before or 0.0), lane.y(one.now or 0.0)
    if one.low is not None and one.high is not None:
        ends = [(spot + HALF, lane.y(one.low)), (spot + HALF, lane.y(one.high))]
        sheet.shape(Path(ends), edge=role, width=5.0, order=1.6, alpha=0.4)
    line = Path([(spot - HALF, before), (spot + HALF, now)])
    sheet.shape(line, edge=role, width=2.6 if one.warns else 1.6, order=2.0)
    ring, dot = Path.circle((spot - HALF, before), 3.6), Path.circle((spot + HALF, now), 4.2)
    sheet.shape(ring, "paper", edge=role, width=1.6, order=2.4)
    sheet.shape(dot, role, order=2.4)


def _write(sheet: Sheet, lane: Lane, stage: int, words: Words) -> None:
    """Write the shares of one stage under its slope, and what else warns there."""
    own = [one for one in lane.shifts if one.stage == stage]
    told = [one for one in own if one.kind == "lost" or one.warns]
    for row, one in enumerate(sorted(told, key=lambda one: one.kind != "lost")):
        run = label(one, words, short=one.kind == "lost")
        if width_of(run.text, SIZE, bold=run.bold) > lane.room and one.now is not None:
            mark = UP if one.warns else ""  # too narrow for both: the ring shows what was before
            run = Run(mark + words.share(one.now), run.role, run.bold)
        room = lane.room / max(width_of(run.text, SIZE, bold=run.bold), 1)
        y = lane.base + 20 + ROW * row
        sheet.text(lane.spots[stage], y, run, size=min(SIZE, SIZE * room), anchor="middle")
