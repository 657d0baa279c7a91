"""The signature picture: a pipe, to scale, and everything that leaves it.

All is laid out in two directions that know no screen: `along` the flow and `across`
it. The wide form lets the flow run along the line of reading, the narrow form (for
phones) from top to bottom; both are the same geometry. One deal is `scale` pixels
everywhere: in the pipe, in a leak, and in the channel of what flowed back.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from leakkit.views.ink import (
    ROUND,
    Run,
    Sheet,
    elide,
    name_run,
    plain,
    theme,
    width_of,
    wrap,
)

if TYPE_CHECKING:
    from markupsafe import Markup

    from leakkit.analysis import PipelineAnalysis
    from leakkit.measures.balance import Pipe, PipeStage
    from leakkit.words import Words

Points = list[tuple[float, float]]

MOVE, LINE, CURVE = int(Path.MOVETO), int(Path.LINETO), int(Path.CURVE4)
RADIUS = 9.0
"""Inner radius of a bend."""
SMALL = 12.0
"""Size of the small print."""
ROOMY = 25.0
"""A pipe this thick has room for a number."""
STUB = 17.0
"""How far deals that are still open hang out of the pipe."""
ENOUGH = 30
"""Deals that must have reached a stage before its share of losses can be the worst."""
CAPS = {"overdue": "overdue-ink", "in_time": "open-edge"}
"""The colour of the cap that closes a band of deals that are still open."""


@dataclass(frozen=True)
class Frame:
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
class Column:
    """One stage: where it starts, where its leaks bend off, and what leaves it, in deals."""

    stage: PipeStage
    start: float
    bend: float
    end: float


@dataclass(frozen=True)
class Plan:
    """The pipe laid out in a frame."""

    pipe: Pipe
    frame: Frame
    worst: int | None

    @cached_property
    def scale(self) -> float:
        """Pixels for one deal."""
        return self.frame.thickness / self.pipe.entered

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Columns as wide as what leaves them, plus equal room for words."""
        columns, at = [], self.frame.before
        for stage in self.pipe.stages:
            aside = self.scale * from_later(stage)
            bend = at + 0.56 * self.words_room - RADIUS + aside
            end = at + self.words_room + aside + self.scale * leaving(stage)
            columns.append(Column(stage, at, bend, end))
            at = end
        return tuple(columns)

    @cached_property
    def words_room(self) -> float:
        """Room along the flow for words, in every column."""
        stages = self.pipe.stages
        gone = self.scale * sum(leaving(stage) + from_later(stage) for stage in stages)
        return (self.frame.length - gone) / len(stages)

    @cached_property
    def back_top(self) -> float:
        """Where the channel of what flowed back begins, across."""
        return self.frame.top + self.frame.thickness + RADIUS + self.frame.label_depth

    @cached_property
    def back_bottom(self) -> float:
        """Where that channel ends, across."""
        total = self.scale * sum(stage.back for stage in self.pipe.stages)
        return self.back_top + total

    @cached_property
    def floor(self) -> float:
        """Where what is lost falls to, across."""
        room = RADIUS + STUB + 8 if self.back_bottom > self.back_top else 0
        return self.back_bottom + room

    def under(self, stage: PipeStage) -> float:
        """Return the lower wall of the pipe where a stage begins."""
        return self.frame.top + self.scale * stage.width

    def lost_edge(self, column: Column) -> float:
        """Return where the lost of a column fall, along."""
        return column.bend + RADIUS


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


def _path(frame: Frame, points: Points, codes: list[int]) -> Path:
    """Return a closed shape on the paper."""
    closed = [*points, points[0]]
    return Path([frame.point(*point) for point in closed], [*codes, int(Path.CLOSEPOLY)])


def _box(frame: Frame, start: float, end: float, top: float, bottom: float) -> Path:
    """Return a box."""
    points = [(start, top), (end, top), (end, bottom), (start, bottom)]
    return _path(frame, points, [MOVE, *[LINE] * 3])


def _line(frame: Frame, *points: tuple[float, float]) -> Path:
    """Return an open line."""
    return Path([frame.point(*point) for point in points])


@dataclass(frozen=True)
class Bend:
    """A band that leaves a wall in a bend at `at`, and falls to `end`.

    The centre of the bend lies RADIUS under `wall`; `turn` is 1 for a flow that runs
    forward, -1 for one that runs back.
    """

    at: float
    wall: float
    inner: float
    thick: float
    end: float
    turn: int = 1


def _bend(frame: Frame, bend: Bend) -> Path:
    """Return the shape of a band in a bend."""
    at, inner, turn, end = bend.at, bend.inner, bend.turn, bend.end
    outer, centre, curve = inner + bend.thick, bend.wall + RADIUS, [CURVE] * 3
    near = [
        (at, centre - inner),
        (at + turn * ROUND * inner, centre - inner),
        (at + turn * inner, centre - ROUND * inner),
        (at + turn * inner, centre),
        (at + turn * inner, end),
    ]
    far = [
        (at + turn * outer, end),
        (at + turn * outer, centre),
        (at + turn * outer, centre - ROUND * outer),
        (at + turn * ROUND * outer, centre - outer),
        (at, centre - outer),
    ]
    codes = [MOVE, *curve, LINE, LINE, LINE, *curve]
    return _path(frame, near + far, codes)


def _join(frame: Frame, right: float, thick: float, start: float, top: float) -> Path:
    """Return a band that falls from `start` and bends backward into a channel under it."""
    outer, inner = RADIUS + thick, RADIUS
    centre = (right - outer, top - RADIUS)
    curve = [CURVE] * 3
    near = [
        (right - thick, start),
        (right - thick, centre[1]),
        (right - thick, centre[1] + ROUND * inner),
        (centre[0] + ROUND * inner, top),
        (centre[0], top),
    ]
    far = [
        (centre[0], top + thick),
        (centre[0] + ROUND * outer, top + thick),
        (right, centre[1] + ROUND * outer),
        (right, centre[1]),
        (right, start),
    ]
    codes = [MOVE, LINE, *curve, LINE, *curve, LINE]
    return _path(frame, near + far, codes)


# The parts of the picture, from back to front


def _draw_flow(sheet: Sheet, plan: Plan) -> None:
    """Draw the pipe: what is inside it, its walls, and its mouth."""
    frame, scale, columns = plan.frame, plan.scale, plan.columns
    widths = [column.stage.width for column in columns] + [plan.pipe.won]
    for column, after in zip(columns, widths[1:], strict=True):
        stage = column.stage.stage
        box = _box(frame, column.start, column.bend, frame.top, plan.under(column.stage))
        sheet.shape(box, "flow", gid=f"width-{stage}")
        rest = _box(frame, column.bend - 1, column.end, frame.top, frame.top + scale * after)
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


def _draw_mouth(sheet: Sheet, plan: Plan) -> None:
    """Draw the arrow in which the won deals leave."""
    frame, end, won = plan.frame, plan.columns[-1].end, plan.scale * plan.pipe.won
    if not won:
        return
    bottom, tip = frame.top + won, (end + _tip(plan), frame.top + won / 2)
    points = [(end - 5, frame.top), (end, frame.top), tip]
    points += [(end, bottom), (end - 5, bottom)]
    sheet.shape(_path(frame, points, [MOVE, *[LINE] * 4]), "won", gid="won", order=3)


def _tip(plan: Plan) -> float:
    """Return how far the arrow at the mouth reaches."""
    return min(max(plan.scale * plan.pipe.won * 0.5, 5.0), 26.0)


def _draw_leaks(sheet: Sheet, plan: Plan, column: Column) -> None:
    """Draw what leaves the pipe at one stage, each band as thick as its deals."""
    stage, frame, wall = column.stage, plan.frame, plan.under(column.stage)
    red = "lost" if stage.stage == plan.worst else "lost-soft"
    stub = wall + RADIUS + STUB
    inner = RADIUS
    bands = (
        ("lost", stage.lost, red, plan.floor, 3.0),
        ("back", stage.back, "returned", 0.0, 2.5),
        ("overdue", stage.overdue, "overdue", stub, 3.0),
        ("in_time", stage.in_time, "open", stub, 3.0),
    )
    for kind, deals, role, end, order in bands:
        thick = plan.scale * deals
        if deals:
            end = end or _joint(plan, column) - RADIUS  # noqa: PLW2901 - the channel's own end
            band = _bend(frame, Bend(column.bend, wall, inner, thick, end))
            gid = f"{kind}-{stage.stage}"
            sheet.shape(band, role, edge=role, width=0.5, gid=gid, order=order)
        if deals and kind in CAPS:
            cap = _line(frame, (column.bend + inner, stub), (column.bend + inner + thick, stub))
            sheet.shape(cap, edge=CAPS[kind], width=2.2, order=4)
        inner += thick


def _joint(plan: Plan, column: Column) -> float:
    """Return where what flows back at a stage meets the channel, across."""
    later = [other.stage for other in plan.columns if other.stage.stage > column.stage.stage]
    arrived = sum(stage.back for stage in later) + column.stage.back
    return plan.back_bottom - plan.scale * arrived


def _draw_back(sheet: Sheet, plan: Plan) -> None:
    """Draw the channel in which deals flowed back, and where they left it."""
    arrived = left = 0
    columns = plan.columns
    for column, earlier in zip(columns[::-1], (*columns[-2::-1], None), strict=True):
        stage, frame, scale = column.stage, plan.frame, plan.scale
        edge = plan.lost_edge(column) + scale * stage.lost
        arrived += stage.back
        top = plan.back_bottom - scale * arrived
        if stage.back:
            right = edge + scale * stage.back
            start = plan.under(stage) + RADIUS
            join = _join(frame, right, scale * stage.back, max(start, top - 3 * RADIUS), top)
            sheet.shape(join, "returned", order=2.4)
        turn = plan.lost_edge(column) + RADIUS
        corner = edge - RADIUS
        bottom = plan.back_bottom - scale * left
        if arrived - left and corner > turn:
            sheet.shape(_box(frame, turn, corner, top, bottom), "returned", order=2.2)
        _draw_from_later(sheet, plan, column, turn, bottom)
        left += from_later(stage)
        if arrived - left and earlier is not None:
            bottom = plan.back_bottom - scale * left
            other = plan.lost_edge(earlier) + scale * earlier.stage.lost
            box = _box(frame, other - RADIUS, max(turn, corner), top, bottom)
            sheet.shape(box, "returned", gid=f"channel-{stage.stage}", order=2.2)
            _draw_arrow(sheet, plan, (other + turn) / 2, (top + bottom) / 2)


def _draw_arrow(sheet: Sheet, plan: Plan, at: float, middle: float) -> None:
    """Mark the way that deals flowed back."""
    points = [(at - 6, middle), (at + 3, middle - 5), (at + 3, middle + 5)]
    path = _path(plan.frame, points, [MOVE, LINE, LINE])
    sheet.shape(path, "returned", edge="paper", width=1.2, order=2.6)


def _draw_from_later(sheet: Sheet, plan: Plan, column: Column, turn: float, bottom: float) -> None:
    """Draw what leaves the channel at one stage."""
    stage, inner = column.stage, RADIUS
    red = "lost" if stage.stage == plan.worst else "lost-soft"
    bands = (
        ("lost", stage.lost_from_later, red, plan.floor),
        ("overdue", stage.overdue_from_later, "overdue", bottom + RADIUS + STUB),
        ("in_time", stage.in_time_from_later, "open", bottom + RADIUS + STUB),
    )
    for kind, deals, role, end in bands:
        thick = plan.scale * deals
        if deals:
            band = _bend(plan.frame, Bend(turn, bottom, inner, thick, end, turn=-1))
            gid = f"{kind}_later-{stage.stage}"
            sheet.shape(band, role, edge=role, width=0.5, gid=gid, order=2.8)
        if deals and kind in CAPS:
            cap = _line(plan.frame, (turn - inner, end), (turn - inner - thick, end))
            sheet.shape(cap, edge=CAPS[kind], width=2.2, order=4)
        inner += thick


def _draw_end(sheet: Sheet, plan: Plan, column: Column) -> None:
    """Draw where the lost deals of one stage end: a puddle on the floor, or an arrow."""
    if not column.stage.all_lost:
        return
    start, end = _fall(plan, column)
    role = "lost" if column.stage.stage == plan.worst else "lost-soft"
    middle, half = (start + end) / 2, (end - start) / 2
    if plan.frame.turned:
        tip = (middle, plan.floor + min(5 + half * 0.6, 12))
        points = [(middle - half - 3, plan.floor), (middle + half + 3, plan.floor), tip]
        path = _path(plan.frame, points, [MOVE, LINE, LINE])
    else:
        path = Path.unit_circle().transformed(
            Affine2D().scale(half + 12, 4).translate(middle, plan.floor)
        )
    sheet.shape(path, role, order=3.2)


def _fall(plan: Plan, column: Column) -> tuple[float, float]:
    """Return between where the lost of a stage fall, along."""
    edge, stage = plan.lost_edge(column), column.stage
    return edge - plan.scale * stage.lost_from_later, edge + plan.scale * stage.lost


# Words


def caption(pipeline: PipelineAnalysis, words: Words) -> str:
    """Say which deals the picture counts."""
    key = "pipe.cohort" if pipeline.pipe.mature else "pipe.cohort_all"
    return words.say(
        key, created=pipeline.pipe.created_before_day, as_of=pipeline.windows.end_day - 1
    )


def cohort(pipeline: PipelineAnalysis, words: Words) -> str:
    """Say in a few words which deals the picture counts."""
    key = "pipe.since" if pipeline.pipe.mature else "pipe.since_all"
    return words.say(key, created=pipeline.pipe.created_before_day)


def alt_text(pipeline: PipelineAnalysis, words: Words, worst: int | None) -> str:
    """Say in one or two sentences what the picture shows."""
    pipe = pipeline.pipe
    alt = words.say(
        "pipe.alt",
        name=plain(pipeline.name),
        n=pipe.entered,
        won=pipe.won,
        lost=pipe.lost,
        overdue=pipe.overdue,
        in_time=pipe.in_time,
    )
    for stage in pipe.stages:
        if stage.stage == worst:
            share = stage.all_lost / stage.width
            facts = {"stage": plain(stage.name), "lost": stage.all_lost, "reached": stage.width}
            alt += " " + words.say("pipe.alt_worst", share=share, **facts)
    return alt


def equation(pipe: Pipe, words: Words) -> tuple[Run, ...]:
    """Return the balance of the cohort, which is the picture's key to colours too."""
    terms = (
        ("lost", "lost-ink", "lost", pipe.lost),
        ("overdue", "overdue-ink", "overdue", pipe.overdue),
        ("open-edge", "muted", "in_time", pipe.in_time),
    )
    runs = [
        Run(words.say("pipe.entered", n=pipe.entered), "ink", bold=True),
        Run(" = ", "muted"),
        Run("\u25a0 ", "won"),
        Run(words.say("pipe.won", n=pipe.won), "flow-ink", bold=True),
    ]
    for swatch, role, key, deals in terms:
        runs += [Run(" + ", "muted"), Run("\u25a0 ", swatch)]
        runs.append(Run(words.say(f"pipe.{key}", n=deals), role, bold=True))
    return tuple(runs)


@dataclass(frozen=True)
class Label:
    """A line under the stubs of a stage: its long form, its short form, and its colour."""

    long: str
    short: str
    role: str


def stub_labels(stage: PipeStage, words: Words) -> tuple[Label, ...]:
    """Return what is still in a stage, and what flowed back from it."""
    terms = (
        ("overdue", stage.all_overdue, "overdue-ink"),
        ("in_time", stage.all_in_time, "muted"),
        ("back", stage.back, "returned-ink"),
    )
    return tuple(
        Label(words.say(f"pipe.{key}", n=deals), words.count(deals), role)
        for key, deals, role in terms
        if deals
    )


def _aside(pipe: Pipe, words: Words) -> str:
    """Say which deals stand beside the picture."""
    terms = (
        ("pipe.moved_aside", pipe.moved_aside),
        ("pipe.without_history_aside", pipe.without_history_aside),
    )
    return " ".join(words.say(key, n=deals) for key, deals in terms if deals)


# The two forms


def _empty(pipeline: PipelineAnalysis, words: Words, width: float) -> Markup:
    """Return the picture of a pipe that nothing has entered."""
    sheet = Sheet(width, 118, direction=words.direction, mirrored=words.direction == "rtl")
    frame = Frame(width, 40, 2, 46, 0, turned=False)
    sheet.text(2, 16, Run(elide(caption(pipeline, words), width, 12.5), "muted"), size=12.5)
    box = _box(frame, 2, width - 2, 46, 86)
    sheet.shape(box, edge="line", width=2, dashes=(4, 4))
    text = Run(words.say("pipe.nothing"), "muted")
    sheet.text(width / 2, 70, text, size=13, anchor="middle")
    return sheet.svg(words.say("pipe.nothing"), f"pipe {pipeline.name}")


def _draw(sheet: Sheet, plan: Plan) -> None:
    """Draw all that is no text."""
    if not plan.frame.turned and plan.pipe.lost:
        ends = (plan.frame.before, plan.floor), (plan.columns[-1].end, plan.floor)
        sheet.shape(_line(plan.frame, *ends), edge="line", width=1, order=1)
    _draw_back(sheet, plan)
    _draw_flow(sheet, plan)
    for column in plan.columns:
        _draw_leaks(sheet, plan, column)
        _draw_end(sheet, plan, column)


def _finish(
    sheet: Sheet, plan: Plan, pipeline: PipelineAnalysis, words: Words, form: str
) -> Markup:
    """Return the sheet as SVG."""
    alt = alt_text(pipeline, words, plan.worst)
    return sheet.svg(alt, f"pipe {form} {pipeline.name}", [("scale", f"{plan.scale:.9g}")])


def wide(pipeline: PipelineAnalysis, words: Words, worst: int | None) -> Markup:
    """Return the picture for a desk or for paper: the flow runs along the line of reading."""
    pipe = pipeline.pipe
    with mpl.rc_context(theme()):
        if not pipe.entered or not pipe.stages:
            return _empty(pipeline, words, 1040)
        outlet = 46 + max(_outlet_room(pipe, words), 60)
        length = min(1040.0 - outlet, 300.0 * len(pipe.stages) + 190)
        plan = _fitted(pipeline, words, length, worst)
        aside = _aside(pipe, words)
        height = plan.floor + (52 if pipe.lost else 4) + (22 if aside else 0)
        mirrored = words.direction == "rtl"
        width = _wide_room(pipe, words, length + outlet)
        sheet = Sheet(width, height, direction=words.direction, mirrored=mirrored)
        _draw(sheet, plan)
        _write_wide(sheet, plan, pipeline, words)
        if aside:
            sheet.text(2, height - 6, Run(aside, "muted"), size=SMALL)
        return _finish(sheet, plan, pipeline, words, "wide")


def _wide_room(pipe: Pipe, words: Words, width: float) -> float:
    """Return the width of the wide form: its balance must fit on one line."""
    said = sum(width_of(run.text, 15, bold=run.bold) for run in equation(pipe, words))
    return max(width, said + 8)


def _fitted(pipeline: PipelineAnalysis, words: Words, length: float, worst: int | None) -> Plan:
    """Return the plan whose top leaves room for the words over it, and no more."""
    pipe = pipeline.pipe
    lines = max(len(stub_labels(stage, words)) for stage in pipe.stages)
    depth = STUB + 16 * lines + (14 if pipe.lost else 0)
    plan = Plan(pipe, Frame(length, 190, 2, 0, depth, turned=False), worst)
    rows = max(len(_name_lines(plan, column)) for column in plan.columns)
    top = 54 + 15 * rows + (0 if _numbers_inside(plan) else 20)
    top += 18 * len(_caption_lines(pipeline, words, length))
    return Plan(pipe, Frame(length, 190, 2, top, depth, turned=False), worst)


def _caption_lines(pipeline: PipelineAnalysis, words: Words, room: float) -> tuple[str, ...]:
    """Break the caption into lines."""
    return wrap(caption(pipeline, words), room, 12.5, lines=4)


def _name_lines(plan: Plan, column: Column) -> tuple[str, ...]:
    """Break the name of a stage into the lines over its column."""
    bold = column.stage.stage == plan.worst
    return wrap(plain(column.stage.name), column.end - column.start - 10, 12.5, lines=3, bold=bold)


def _numbers_inside(plan: Plan) -> bool:
    """Say whether the pipe is thick enough everywhere to hold its numbers."""
    return all(plan.scale * column.stage.width >= ROOMY for column in plan.columns)


def _outlet_room(pipe: Pipe, words: Words) -> float:
    """Return how much room the words at the mouth take."""
    texts = (words.say("pipe.won", n=pipe.won), _won_share(pipe, words))
    return max(width_of(texts[0], 19, bold=True), width_of(texts[1], 12))


def _won_share(pipe: Pipe, words: Words) -> str:
    """Say which share of what came in was won."""
    return words.say("pipe.won_share", share=pipe.won / pipe.entered, n=pipe.entered)


def _write_wide(sheet: Sheet, plan: Plan, pipeline: PipelineAnalysis, words: Words) -> None:
    """Write all words of the wide form."""
    pipe, top = plan.pipe, plan.frame.top
    said = _caption_lines(pipeline, words, plan.frame.length)
    for row, line in enumerate(said):
        sheet.text(2, 14 + 18 * row, Run(line, "muted"), size=12.5)
    sheet.text(2, 22 + 18 * len(said), equation(pipe, words), size=15)
    for column in plan.columns:
        _write_name(sheet, plan, column, words)
    _write_stubs(sheet, plan, words)
    _write_losses(sheet, plan, words)
    x, middle = plan.columns[-1].end + 34, top + plan.scale * pipe.won / 2
    middle = max(middle, top + 8)
    won = Run(words.say("pipe.won", n=pipe.won), "flow-ink", bold=True)
    sheet.text(x, middle + 2, won, size=19)
    sheet.text(x, middle + 19, Run(_won_share(pipe, words), "muted"), size=12)


def _write_name(sheet: Sheet, plan: Plan, column: Column, words: Words) -> None:
    """Write the name of a stage over the pipe, and how many deals reached it."""
    top, inside = plan.frame.top, _numbers_inside(plan)
    bold = column.stage.stage == plan.worst
    base = top - 10 - (0 if inside else 20)
    for row, line in enumerate(_name_lines(plan, column)[::-1]):
        run, title = name_run(line, bold=bold), plain(column.stage.name)
        sheet.text(column.start + 2, base - 15 * row, run, size=12.5, title=title)
    y = top + 21 if inside else top - 9
    number = Run(words.count(column.stage.width), "flow-ink", bold=True)
    room = (column.end - column.start - 12) / max(width_of(number.text, 15, bold=True), 1)
    x = column.start + (8 if inside else 2)
    sheet.text(x, y, number, size=min(15.0, 15.0 * room))


def _write_stubs(sheet: Sheet, plan: Plan, words: Words) -> None:
    """Write what hangs out of the pipe; all in the long form, or all in the short one."""
    placed = [
        (plan.lost_edge(column) + plan.scale * (column.stage.lost + column.stage.back), column)
        for column in plan.columns
    ]
    limits = [plan.lost_edge(column) for column in plan.columns[1:]] + [sheet.width]
    long = all(
        width_of(label.long, SMALL) <= limit - edge - 8
        for (edge, column), limit in zip(placed, limits, strict=True)
        for label in stub_labels(column.stage, words)
    )
    for edge, column in placed:
        y = plan.under(column.stage) + RADIUS + STUB + 14
        for row, label in enumerate(stub_labels(column.stage, words)):
            run = Run(label.long if long else label.short, label.role)
            sheet.text(edge + 2, y + 15 * row, run, size=SMALL)


def _write_losses(sheet: Sheet, plan: Plan, words: Words) -> None:
    """Write the losses under the floor: the share of what reached the stage, and the deals."""
    said = [words.say("pipe.lost", n=column.stage.all_lost) for column in plan.columns]
    long = all(width_of(text, SMALL) <= plan.words_room for text in said)
    for column, text in zip(plan.columns, said, strict=True):
        stage = column.stage
        start, end = _fall(plan, column)
        middle = (start + end) / 2
        if not stage.all_lost:
            continue
        worst = stage.stage == plan.worst
        share = words.share(stage.all_lost / stage.width)
        size = 20 if worst else 14
        run = Run(share, "lost-ink", bold=True)
        sheet.text(middle, plan.floor + 26, run, size=size, anchor="middle")
        count = Run(text if long else words.count(stage.all_lost), "lost-ink")
        sheet.text(middle, plan.floor + 43, count, size=SMALL, anchor="middle")


@dataclass(frozen=True)
class Tall:
    """How large the tall form is: on a phone, or beside others of its kind.

    `words` is the room between the pipe and where what is lost ends, `aside` that beyond.
    """

    width: float
    thickness: float
    words: float
    aside: float
    size: float
    lone: bool


ON_A_PHONE = Tall(360.0, 120.0, 98.0, 120.0, 13.5, lone=True)
BESIDE_OTHERS = Tall(252.0, 76.0, 62.0, 74.0, 12.5, lone=False)


def narrow(pipeline: PipelineAnalysis, words: Words, worst: int | None) -> Markup:
    """Return the picture for a phone: the flow runs from top to bottom."""
    return _tall(pipeline, words, worst, ON_A_PHONE)


def small(pipeline: PipelineAnalysis, words: Words, worst: int | None) -> Markup:
    """Return the picture that stands beside others: what all have in common is not said."""
    return _tall(pipeline, words, worst, BESIDE_OTHERS)


def _tall(pipeline: PipelineAnalysis, words: Words, worst: int | None, form: Tall) -> Markup:
    """Return the picture in a form in which the flow runs from top to bottom."""
    pipe = pipeline.pipe
    with mpl.rc_context(theme()):
        if not pipe.entered or not pipe.stages:
            return _empty(pipeline, words, form.width)
        again = sum(from_later(stage) for stage in pipe.stages)
        gone = form.thickness * (pipe.entered - pipe.won + again) / pipe.entered
        head = _head_tall(pipeline, words, form)
        before = 30.0 + 20 * len(head)
        lines = max(len(stub_labels(stage, words)) for stage in pipe.stages)
        length = (54.0 + 14 * max(lines, 1)) * len(pipe.stages) + gone
        frame = Frame(length, form.thickness, before, 2, form.words, turned=True)
        plan = Plan(pipe, frame, worst)
        height = before + length + _tip(plan) + 46
        mirrored = words.direction == "rtl"
        width = max(form.width, plan.floor + form.aside)
        sheet = Sheet(width, height, direction=words.direction, mirrored=mirrored)
        _draw(sheet, plan)
        for row, runs in enumerate(head):
            drop, size = (0, 12.5) if isinstance(runs, Run) else (6, 14)
            sheet.text(2, 14 + 20 * row + drop, runs, size=size if form.lone else 12)
        _write_tall(sheet, plan, words, form)
        return _finish(sheet, plan, pipeline, words, "narrow" if form.lone else "small")


def _head_tall(pipeline: PipelineAnalysis, words: Words, form: Tall) -> list[Run | tuple[Run, ...]]:
    """Return the lines over the tall picture."""
    room, size = form.width - 4, 14 if form.lone else 12
    if form.lone:
        said = wrap(caption(pipeline, words), room - 4, 12.5, lines=4)
    else:
        said = wrap(cohort(pipeline, words), room, 12, lines=2)
    lines: list[Run | tuple[Run, ...]] = [Run(line, "muted") for line in said]
    runs = equation(pipeline.pipe, words)
    terms = [runs[:1], *(runs[at : at + 3] for at in range(1, len(runs), 3))]
    line: tuple[Run, ...] = ()
    for term in terms:
        if line and sum(width_of(run.text, size, bold=run.bold) for run in line + term) > room:
            lines.append(line)
            line = ()
        line += term
    return [*lines, line]


def _write_tall(sheet: Sheet, plan: Plan, words: Words, form: Tall) -> None:
    """Write all words of the tall form."""
    size = form.size
    for column in plan.columns:
        stage = column.stage
        bold, name = stage.stage == plan.worst, plain(stage.name)
        x = plan.under(stage) + 8
        number = Run(words.count(stage.width) + "  ", "flow-ink", bold=True)
        room = sheet.width - 8 - x - width_of(number.text, size, bold=True)
        runs = [number, name_run(elide(name, room, size, bold=bold), bold=bold)]
        sheet.text(x, column.start + 17, runs, size=size, title=name, halo=True)
        _write_row(sheet, plan, column, words)
    end = plan.columns[-1].end + _tip(plan) + 14
    won = Run(words.say("pipe.won", n=plan.pipe.won), "flow-ink", bold=True)
    sheet.text(2, end + 6, won, size=18)
    sheet.text(2, end + 24, Run(_won_share(plan.pipe, words), "muted"), size=12.5)


def _write_row(sheet: Sheet, plan: Plan, column: Column, words: Words) -> None:
    """Write what leaves one stage beside its bands."""
    stage = column.stage
    edge = plan.lost_edge(column) + plan.scale * (stage.lost + stage.back)
    x = plan.under(stage) + RADIUS + STUB + 6
    for row, label in enumerate(stub_labels(stage, words)):
        sheet.text(x, edge + 14 + 14 * row, Run(label.long, label.role), size=SMALL, halo=True)
    if stage.all_lost:
        start, end = _fall(plan, column)
        middle = (start + end) / 2
        share = Run(words.share(stage.all_lost / stage.width), "lost-ink", bold=True)
        size = 19 if stage.stage == plan.worst else 14
        sheet.text(plan.floor + 17, middle - 1, share, size=size)
        lost = Run(words.say("pipe.lost", n=stage.all_lost), "lost-ink")
        sheet.text(plan.floor + 17, middle + 13, lost, size=SMALL)
