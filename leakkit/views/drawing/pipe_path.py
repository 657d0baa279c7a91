"""The signature picture: a pipe, to scale, everything that leaves it, and bars under it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from leakkit.views.drawing.sheet import ROUND, Run, width_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.measures.balance import Pipe, PipeStage
    from leakkit.measures.horizons import Windows
    from leakkit.views.drawing.sheet import Sheet
    from leakkit.views.drawing.small_pictures import Shift
    from leakkit.words import Words


# ---------------- bars of losses
# The bars under the pipe: what each stage loses now, and lost before, on one scale.

HEAD, RISE, ROW, SIZE = 50.0, 58.0, 16.0, 12.5
"""Height of the heading, of the scale and of a line of text; size of the text."""
HALF = 26.0
"""How far a slope reaches to both sides of its stage."""
UP = "\u25b2 "


@dataclass(frozen=True)
class LossBars:
    """Where the bars begin, where each stage stands, how much room each has, and its shares.

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


def bars_depth(shifts: tuple[Shift, ...]) -> float:
    """Return the height of the bars; none where nothing can be compared."""
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


def label_bars(one: Shift, words: Words, *, short: bool = True) -> Run:
    """Say the share before and now; one that warns with a mark, other than losses by name."""
    said = one.say(words)
    text = said if short else words.say(f"pipe.shift_{one.kind}", said=said)
    return Run((UP if one.warns else "") + text, one.roles[1], bold=one.warns)


def draw_bars(sheet: Sheet, bars: LossBars, words: Words) -> None:
    """Draw a slope per stage, from before (ring) to now (dot with its range), and say it."""
    sheet.text(2, bars.top + 16, _bars_key(bars, words), size=SIZE)
    if bars.grown:
        said = Run(words.say("pipe.grown", stage=bars.grown), "muted")
        sheet.text(2, bars.top + 33, said, size=SIZE)
    ends = min(bars.spots.values()) - HALF, max(bars.spots.values()) + HALF
    sheet.shape(Path([(end, bars.base) for end in ends]), edge="line", width=1.0, order=1.0)
    for one in bars.losses:
        _slope(sheet, bars, one)
    for stage in bars.spots:
        _write_bar(sheet, bars, stage, words)


def _bars_key(bars: LossBars, words: Words) -> tuple[Run, ...]:
    """Return what the bars show, of which days."""
    runs = [Run(words.say("pipe.loss_bars"), "ink", bold=True)]
    days_of = {"before": bars.windows.baseline, "now": bars.windows.current}
    for (name, days), mark in zip(days_of.items(), ("\u25cb", "\u25cf"), strict=True):
        if days is not None:
            said = words.say(f"pipe.loss_bars_{name}", first=days[0], last=days[1] - 1)
            runs.append(Run(f"   {mark} {said}", "muted"))
    return tuple(runs)


def _slope(sheet: Sheet, bars: LossBars, one: Shift) -> None:
    """Draw one stage: a line from the share before to the share now, with its range."""
    role, spot = one.roles[0], bars.spots[one.stage]
    before, now = bars.y(one.before or 0.0), bars.y(one.now or 0.0)
    if one.low is not None and one.high is not None:
        ends = [(spot + HALF, bars.y(one.low)), (spot + HALF, bars.y(one.high))]
        sheet.shape(Path(ends), edge=role, width=5.0, order=1.6, alpha=0.4)
    line = Path([(spot - HALF, before), (spot + HALF, now)])
    sheet.shape(line, edge=role, width=2.6 if one.warns else 1.6, order=2.0)
    ring, dot = Path.circle((spot - HALF, before), 3.6), Path.circle((spot + HALF, now), 4.2)
    sheet.shape(ring, "paper", edge=role, width=1.6, order=2.4)
    sheet.shape(dot, role, order=2.4)


def _write_bar(sheet: Sheet, bars: LossBars, stage: int, words: Words) -> None:
    """Write the shares of one stage under its slope, and what else warns there."""
    own = [one for one in bars.shifts if one.stage == stage]
    shown = [one for one in own if one.kind == "lost" or one.warns]
    for row, one in enumerate(sorted(shown, key=lambda one: one.kind != "lost")):
        run = label_bars(one, words, short=one.kind == "lost")
        if width_of(run.text, SIZE, bold=run.bold) > bars.room and one.now is not None:
            mark = UP if one.warns else ""  # too narrow for both: the ring shows what was before
            run = Run(mark + words.share(one.now), run.role, run.bold)
        room = bars.room / max(width_of(run.text, SIZE, bold=run.bold), 1)
        y = bars.base + 20 + ROW * row
        sheet.text(bars.spots[stage], y, run, size=min(SIZE, SIZE * room), anchor="middle")


# ---------------- pipe path
# The signature picture: a pipe, to scale, and everything that leaves it.
#
# All is laid out in two directions that know no screen: `along` the flow and `across`
# it. The wide form lets the flow run along the line of reading, the narrow form (for
# phones) from top to bottom; both are the same geometry. One deal is `scale` pixels
# everywhere: in the pipe and in a leak. Under the pipe stands what its losses are now,
# and were before (see `draw_bars`).

Points = list[tuple[float, float]]

MOVE, LINE, CURVE = int(Path.MOVETO), int(Path.LINETO), int(Path.CURVE4)
RADIUS = 9.0
"""Inner radius of a bend."""
STUB = 17.0
"""How far deals that are still open hang out of the pipe."""
ENOUGH = 30
"""Deals that must have reached a stage before its share of losses can be the worst."""
CAPS = {"overdue": "overdue-ink", "in_time": "open-edge", "back": "returned-ink"}
"""The colour of the cap that closes a band which does not fall to the floor."""


@dataclass(frozen=True)
class PipeFrame:
    """Where things stand: sizes in pixels, along the flow and across it."""

    length: float
    thickness: float
    before: float
    top: float
    label_depth: float
    turned: bool

    def point(self, along: float, across: float) -> tuple[float, float]:
        """Return the point on the paper."""
        return (across, along) if self.turned else (along, across)


@dataclass(frozen=True)
class PipeColumn:
    """One stage: where it starts, where its leaks bend off, and what leaves it, in deals."""

    stage: PipeStage
    start: float
    bend: float
    end: float


@dataclass(frozen=True)
class PipePlan:
    """The pipe laid out in a frame; `grown` is a stage with what it would lose now, in deals."""

    pipe: Pipe
    frame: PipeFrame
    worst: int | None
    grown: tuple[int, float] | None = None

    @cached_property
    def scale(self) -> float:
        """Pixels for one deal."""
        return self.frame.thickness / self.pipe.entered

    @cached_property
    def columns(self) -> tuple[PipeColumn, ...]:
        """Columns as wide as what leaves them, plus equal room for words."""
        columns, at = [], self.frame.before
        for stage in self.pipe.stages:
            slant = self.scale * from_later(stage)
            bend = at + 0.56 * self.words_room - RADIUS + slant
            end = at + self.words_room + slant + self.scale * self.room(stage)
            columns.append(PipeColumn(stage, at, bend, end))
            at = end
        return tuple(columns)

    @cached_property
    def words_room(self) -> float:
        """Room along the flow for words, in every column."""
        stages = self.pipe.stages
        gone = self.scale * sum(self.room(stage) + from_later(stage) for stage in stages)
        return (self.frame.length - gone) / len(stages)

    @cached_property
    def floor(self) -> float:
        """Where what is lost falls to, across."""
        return self.frame.top + self.frame.thickness + RADIUS + self.frame.label_depth

    def room(self, stage: PipeStage) -> float:
        """Return the deals that a stage needs room for: those that leave, and would leave now."""
        grown = self.grown[1] if self.grown and self.grown[0] == stage.stage else 0.0
        return max(leaving(stage), grown)

    def under(self, stage: PipeStage) -> float:
        """Return the lower wall of the pipe where a stage begins."""
        return self.frame.top + self.scale * stage.width

    def lost_edge(self, column: PipeColumn) -> float:
        """Return where the lost of a column fall, along."""
        return column.bend + RADIUS

    def last_edge(self, column: PipeColumn) -> float:
        """Return where the last band of a column ends, along."""
        stage = column.stage
        return self.lost_edge(column) + self.scale * max(stage.lost + stage.back, self.room(stage))


def leaving(stage: PipeStage) -> int:
    """Return the deals that came no further than this stage."""
    return stage.lost + stage.overdue + stage.in_time + stage.back


def from_later(stage: PipeStage) -> int:
    """Return the deals that left here after they had been further."""
    return stage.lost_from_later + stage.overdue_from_later + stage.in_time_from_later


def worst_stage(pipe: Pipe) -> int | None:
    """Which stage loses the largest share of what reached it?

    A share of a handful says nothing, so stages that at least 30 deals reached come
    first; without any, the stage with the most losses. None without a loss.
    """
    losing = [stage for stage in pipe.stages if stage.all_lost]
    solid = [stage for stage in losing if stage.width >= ENOUGH]
    if solid:
        return max(solid, key=lambda stage: (stage.all_lost / stage.width, -stage.stage)).stage
    return max(losing, key=lambda stage: (stage.all_lost, -stage.stage)).stage if losing else None


# Shapes, along and across


def _path(frame: PipeFrame, points: Points, codes: list[int]) -> Path:
    """Return a closed shape on the paper."""
    closed = [*points, points[0]]
    return Path([frame.point(*point) for point in closed], [*codes, int(Path.CLOSEPOLY)])


def box(frame: PipeFrame, start: float, end: float, top: float, bottom: float) -> Path:
    """Return a box."""
    points = [(start, top), (end, top), (end, bottom), (start, bottom)]
    return _path(frame, points, [MOVE, *[LINE] * 3])


def _line(frame: PipeFrame, *points: tuple[float, float]) -> Path:
    """Return an open line."""
    return Path([frame.point(*point) for point in points])


def _bend(frame: PipeFrame, at: float, wall: float, band: tuple[float, float], end: float) -> Path:
    """Return a band that leaves the wall in a bend at `at`, and falls to `end`.

    The centre of the bend lies RADIUS under `wall`; `band` is its inner radius and how
    thick it is.
    """
    inner, outer, centre, curve = band[0], band[0] + band[1], wall + RADIUS, [CURVE] * 3
    near = [*_quarter(at, centre, inner), (at + inner, end)]
    far = [(at + outer, end), *_quarter(at, centre, outer)[::-1]]
    return _path(frame, near + far, [MOVE, *curve, LINE, LINE, LINE, *curve])


def _quarter(at: float, centre: float, radius: float) -> Points:
    """Return the four points of a quarter of a circle, from its top forward."""
    return [
        (at, centre - radius),
        (at + ROUND * radius, centre - radius),
        (at + radius, centre - ROUND * radius),
        (at + radius, centre),
    ]


# The parts of the picture, from back to front


def _draw_flow(sheet: Sheet, plan: PipePlan) -> None:
    """Draw the pipe: what is inside it, its walls, and its mouth."""
    frame, scale, columns = plan.frame, plan.scale, plan.columns
    widths = [column.stage.width for column in columns] + [plan.pipe.won]
    for column, after in zip(columns, widths[1:], strict=True):
        stage = column.stage.stage
        inside = box(frame, column.start, column.bend, frame.top, plan.under(column.stage))
        sheet.shape(inside, "flow", gid=f"width-{stage}")
        rest = box(frame, column.bend - 1, column.end, frame.top, frame.top + scale * after)
        sheet.shape(rest, "flow", gid=f"after-{stage}")
        if after:
            tick = _line(frame, (column.end, frame.top), (column.end, frame.top + scale * after))
            sheet.shape(tick, edge="paper", width=1.4, order=3)
    edges = [frame.before, *(column.bend for column in columns), columns[-1].end]
    for (start, end), width in zip(pairwise(edges), widths, strict=True):
        if width:
            wall = frame.top + scale * width
            sheet.shape(
                _line(frame, (start, wall), (end, wall)), edge="flow-edge", width=2, order=4
            )
    ends = [column.bend for column, after in zip(columns, widths[1:], strict=True) if not after]
    end = min([columns[-1].end, *ends])
    top = _line(frame, (frame.before, frame.top), (end, frame.top))
    sheet.shape(top, edge="flow-edge", width=2.6, order=4)
    _draw_mouth(sheet, plan)


def _draw_mouth(sheet: Sheet, plan: PipePlan) -> None:
    """Draw the arrow in which the won deals leave."""
    frame, end, won = plan.frame, plan.columns[-1].end, plan.scale * plan.pipe.won
    if not won:
        return
    bottom, point = frame.top + won, (end + tip(plan), frame.top + won / 2)
    points = [(end - 5, frame.top), (end, frame.top), point]
    points += [(end, bottom), (end - 5, bottom)]
    sheet.shape(_path(frame, points, [MOVE, *[LINE] * 4]), "won", gid="won", order=3)


def tip(plan: PipePlan) -> float:
    """Return how far the arrow at the mouth reaches."""
    return min(max(plan.scale * plan.pipe.won * 0.5, 5.0), 26.0)


def _draw_leaks(sheet: Sheet, plan: PipePlan, column: PipeColumn) -> None:
    """Draw what leaves the pipe at one stage, each band as thick as its deals."""
    stage, frame, wall = column.stage, plan.frame, plan.under(column.stage)
    stub, inner = wall + RADIUS + STUB, RADIUS
    bands = (
        ("lost", stage.lost, _red(plan, stage), plan.floor),
        ("back", stage.back, "returned", stub),
        ("overdue", stage.overdue, "overdue", stub),
        ("in_time", stage.in_time, "open", stub),
    )
    for kind, deals, role, end in bands:
        thick = plan.scale * deals
        if deals:
            band = _bend(frame, column.bend, wall, (inner, thick), end)
            sheet.shape(band, role, edge=role, width=0.5, gid=f"{kind}-{stage.stage}", order=3.0)
        if deals and kind in CAPS:
            cap = _line(frame, (column.bend + inner, stub), (column.bend + inner + thick, stub))
            sheet.shape(cap, edge=CAPS[kind], width=2.2, order=4)
        inner += thick


def _red(plan: PipePlan, stage: PipeStage) -> str:
    """Return the colour of what a stage loses."""
    return "lost" if stage.stage == plan.worst else "lost-soft"


def _draw_grown(sheet: Sheet, plan: PipePlan, column: PipeColumn) -> None:
    """Draw, dashed, how thick the leak of a stage would be at its share of now."""
    if plan.grown is None or plan.grown[0] != column.stage.stage:
        return
    wall, outer = plan.under(column.stage), RADIUS + plan.scale * plan.grown[1]
    curve = _quarter(column.bend, wall + RADIUS, outer)
    points = [plan.frame.point(*point) for point in [*curve, (column.bend + outer, plan.floor)]]
    path = Path(points, [MOVE, *[CURVE] * 3, LINE])
    sheet.shape(path, edge="lost-ink", width=1.6, order=4.2, dashes=(4, 3))


def _draw_from_later(sheet: Sheet, plan: PipePlan, column: PipeColumn) -> None:
    """Draw what ended at one stage after it had been further: from a cap under the pipe."""
    stage, top = column.stage, plan.under(column.stage) + RADIUS
    bands = (
        ("lost", stage.lost_from_later, _red(plan, stage), plan.floor),
        ("overdue", stage.overdue_from_later, "overdue", top + STUB),
        ("in_time", stage.in_time_from_later, "open", top + STUB),
    )
    right = plan.lost_edge(column)
    for kind, deals, role, end in bands:
        left = right - plan.scale * deals
        if deals:
            band = box(plan.frame, left, right, top, end)
            gid = f"{kind}_later-{stage.stage}"
            sheet.shape(band, role, edge=role, width=0.5, gid=gid, order=2.8)
            cap = _line(plan.frame, (left, top), (right, top))
            sheet.shape(cap, edge=CAPS["back"], width=2.2, order=4)
        right = left


def _draw_end(sheet: Sheet, plan: PipePlan, column: PipeColumn) -> None:
    """Draw where the lost deals of one stage end: a puddle on the floor, or an arrow."""
    if not column.stage.all_lost:
        return
    start, end = fall(plan, column)
    role = _red(plan, column.stage)
    middle, half = (start + end) / 2, (end - start) / 2
    if plan.frame.turned:
        point = (middle, plan.floor + min(5 + half * 0.6, 12))
        points = [(middle - half - 3, plan.floor), (middle + half + 3, plan.floor), point]
        path = _path(plan.frame, points, [MOVE, LINE, LINE])
    else:
        path = Path.unit_circle().transformed(
            Affine2D().scale(half + 12, 4).translate(middle, plan.floor)
        )
    sheet.shape(path, role, order=3.2)


def fall(plan: PipePlan, column: PipeColumn) -> tuple[float, float]:
    """Return between where the lost of a stage fall, along."""
    edge, stage = plan.lost_edge(column), column.stage
    return edge - plan.scale * stage.lost_from_later, edge + plan.scale * stage.lost


def draw_pipe(sheet: Sheet, plan: PipePlan) -> None:
    """Draw all that is no text."""
    if not plan.frame.turned and plan.pipe.lost:
        ends = (plan.frame.before, plan.floor), (plan.columns[-1].end, plan.floor)
        sheet.shape(_line(plan.frame, *ends), edge="line", width=1, order=1)
    _draw_flow(sheet, plan)
    for column in plan.columns:
        _draw_from_later(sheet, plan, column)
        _draw_leaks(sheet, plan, column)
        _draw_grown(sheet, plan, column)
        _draw_end(sheet, plan, column)
