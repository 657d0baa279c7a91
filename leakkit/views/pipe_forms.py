"""The pipe in its forms, with all that is written into it: for a desk, a phone, and a list."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import matplotlib as mpl

from leakkit.views import lane
from leakkit.views.ink import Run, Sheet, elide, name_run, theme, width_of, wrap
from leakkit.views.pipe_path import (
    RADIUS,
    STUB,
    Frame,
    Plan,
    box,
    draw,
    fall,
    from_later,
    tip,
    worst_stage,
)
from leakkit.views.texts import plain

if TYPE_CHECKING:
    from markupsafe import Markup

    from leakkit.analysis import PipelineNumbers
    from leakkit.measures.balance import Pipe, PipeStage
    from leakkit.views.pipe_path import Column
    from leakkit.views.shift import Shift
    from leakkit.words import Words

SMALL = 12.0
"""Size of the small print."""
ROOMY = 25.0
"""A pipe this thick has room for a number."""


@dataclass(frozen=True)
class Told:
    """What a picture tells: of which pipeline, in deals or `by` value, and what first.

    `worst` is the stage whose leak is emphasised; by default the one that loses the
    largest share of what reached it. `shifts` are the shares of its stages, now and before.
    """

    pipeline: PipelineNumbers
    words: Words
    worst: int | None = None
    by: str = "count"
    shifts: tuple[Shift, ...] = ()

    @cached_property
    def pipe(self) -> Pipe:
        """What is drawn, in deals or in money."""
        value = self.pipeline.pipe_value
        return value if self.by == "value" and value is not None else self.pipeline.pipe

    @cached_property
    def first(self) -> int | None:
        """The stage whose leak is emphasised."""
        return worst_stage(self.pipe) if self.worst is None else self.worst

    @cached_property
    def grown(self) -> tuple[int, float] | None:
        """The emphasised stage, with what it would lose at its share of now, if that is more."""
        for one in self.shifts:
            if one.stage == self.first and one.kind == "lost" and one.warns and one.now:
                stage = self.pipe.stages[one.stage]
                more = stage.width * one.now
                return (one.stage, more) if more > stage.all_lost else None
        return None

    def at(self, stage: int) -> tuple[Shift, ...]:
        """Return the shares of one stage that are told: of losses, and what warns."""
        return tuple(s for s in self.shifts if s.stage == stage and (s.warns or s.kind == "lost"))

    def say(self, key: str, n: int) -> str:
        """Say a message about an amount, in deals or in money."""
        return self.words.say(f"pipe.{key}_value" if self.by == "value" else f"pipe.{key}", n=n)

    def amount(self, n: int) -> str:
        """Say an amount alone."""
        return self.words.money(n) if self.by == "value" else self.words.count(n)

    def sheet(self, width: float, height: float) -> Sheet:
        """Return paper on which x runs as the reader reads."""
        direction = self.words.direction
        return Sheet(width, height, direction=direction, mirrored=direction == "rtl")


def caption(told: Told) -> str:
    """Say which deals the picture counts."""
    pipe, last_day = told.pipe, told.pipeline.windows.end_day - 1
    said = told.words.say(f"pipe.cohort{_which(told)}", as_of=last_day, **_find_created(told))
    if any(stage.back for stage in pipe.stages):
        said += " " + told.words.say("pipe.back_note")
    return said


def cohort(told: Told) -> str:
    """Say in a few words which deals the picture counts."""
    return told.words.say(f"pipe.since{_which(told)}", **_find_created(told))


def _which(told: Told) -> str:
    """Return which deals are counted, as the end of a key."""
    if told.pipe.created_from_day is not None:
        return "_days"
    return "" if told.pipe.mature else "_all"


def _find_created(told: Told) -> dict[str, int | None]:
    """Return the days on which the deals were created."""
    before = told.pipe.created_before_day
    return {"created": before, "first": told.pipe.created_from_day, "last": before - 1}


def alt_text(told: Told) -> str:
    """Say in some sentences what the picture shows."""
    pipe, words = told.pipe, told.words
    parts = ("entered", "won", "lost", "overdue", "in_time")
    amounts = {name: told.amount(getattr(pipe, name)) for name in parts}
    key = "pipe.alt_value" if told.by == "value" else "pipe.alt"
    alt = [words.say(key, name=plain(told.pipeline.name), **amounts)]
    for stage in pipe.stages:
        if stage.stage == told.first and stage.width:
            facts = {"stage": plain(stage.name), "share": stage.all_lost / stage.width}
            amounts = {"lost": told.amount(stage.all_lost), "reached": told.amount(stage.width)}
            alt.append(words.say("pipe.alt_worst", **facts, **amounts))
    for one in told.shifts:
        if one.warns and one.before is not None:
            facts = {"stage": plain(one.name), "before": one.before, "now": one.now}
            alt.append(words.say(f"pipe.alt_{one.kind}", **facts))
    return " ".join(alt)


def equation(told: Told) -> tuple[Run, ...]:
    """Return the balance of the cohort, which is the picture's key to colours too."""
    pipe = told.pipe
    terms = (
        ("lost", "lost-ink", "lost", pipe.lost),
        ("overdue", "overdue-ink", "overdue", pipe.overdue),
        ("open-edge", "muted", "in_time", pipe.in_time),
    )
    runs = [
        Run(told.say("entered", pipe.entered), "ink", bold=True),
        Run(" = ", "muted"),
        Run("\u25a0 ", "won"),
        Run(told.say("won", pipe.won), "flow-ink", bold=True),
    ]
    for swatch, role, key, deals in terms:
        runs += [Run(" + ", "muted"), Run("\u25a0 ", swatch)]
        runs.append(Run(told.say(key, deals), role, bold=True))
    return tuple(runs)


@dataclass(frozen=True)
class Label:
    """A line under the stubs of a stage: its long form, its short form, and its colour."""

    long: str
    short: str
    role: str


def stub_labels(stage: PipeStage, told: Told) -> tuple[Label, ...]:
    """Return what is still in a stage, and what flowed back from it."""
    terms = (
        ("overdue", stage.all_overdue, "overdue-ink"),
        ("in_time", stage.all_in_time, "muted"),
        ("back", stage.back, "returned-ink"),
    )
    return tuple(
        Label(told.say(key, deals), told.amount(deals), role) for key, deals, role in terms if deals
    )


def _aside(told: Told) -> str:
    """Say which deals stand beside the picture."""
    terms = (
        ("moved_aside", told.pipe.moved_aside),
        ("without_history_aside", told.pipe.without_history_aside),
    )
    return " ".join(told.say(key, deals) for key, deals in terms if deals)


# The two forms


def _empty(told: Told, width: float) -> Markup:
    """Return the picture of a pipe that nothing has entered."""
    sheet, frame = told.sheet(width, 118), Frame(width, 40, 2, 46, 0, turned=False)
    sheet.text(2, 16, Run(elide(caption(told), width, 12.5), "muted"), size=12.5)
    sheet.shape(box(frame, 2, width - 2, 46, 86), edge="line", width=2, dashes=(4, 4))
    text = Run(told.words.say("pipe.nothing"), "muted")
    sheet.text(width / 2, 70, text, size=13, anchor="middle")
    return sheet.svg(told.words.say("pipe.nothing"), f"pipe {told.pipeline.name}")


def _finish(sheet: Sheet, plan: Plan, told: Told, form: str) -> Markup:
    """Return the sheet as SVG."""
    salt = f"pipe {form} {told.by} {told.pipeline.name}"
    return sheet.svg(alt_text(told), salt, [("scale", f"{plan.scale:.9g}")])


DESK, SHEET = 1040.0, 850.0
"""How wide the picture is on a desk, and on a sheet: there its smallest letters have 7 points."""


def wide(told: Told, room: float = DESK) -> Markup:
    """Return the picture for a desk or for paper: the flow runs along the line of reading."""
    pipe = told.pipe
    with mpl.rc_context(theme()):
        if not pipe.entered or not pipe.stages:
            return _empty(told, room)
        outlet = 46 + max(_outlet_room(told), 60)
        length = min(room - outlet, 300.0 * len(pipe.stages) + 190)
        plan = _fit_plan(told, length)
        aside, end = _aside(told), plan.floor + (52 if pipe.lost else 4)
        depth = lane.depth(told.shifts)
        height = end + depth + (22 if aside else 0)
        sheet = told.sheet(_wide_room(told, length + outlet), height)
        draw(sheet, plan)
        _write_wide(sheet, plan, told)
        if depth:
            lane.draw(sheet, _lane(plan, told, end), told.words)
        if aside:
            sheet.text(2, height - 6, Run(aside, "muted"), size=SMALL)
        return _finish(sheet, plan, told, "wide" if room == DESK else "sheet")


def _lane(plan: Plan, told: Told, top: float) -> lane.Lane:
    """Return the lane under the picture."""
    spots = {column.stage.stage: _spot(plan, column) for column in plan.columns}
    grown = plain(plan.pipe.stages[plan.grown[0]].name) if plan.grown else ""
    windows = told.pipeline.windows
    return lane.Lane(top, spots, plan.words_room, told.shifts, windows, grown)


def _spot(plan: Plan, column: Column) -> float:
    """Return the middle of where the lost of a stage fall, along."""
    start, end = fall(plan, column)
    return (start + end) / 2


def _wide_room(told: Told, width: float) -> float:
    """Return the width of the wide form: its balance must fit on one line."""
    said = sum(width_of(run.text, 15, bold=run.bold) for run in equation(told))
    return max(width, said + 8)


def _fit_plan(told: Told, length: float) -> Plan:
    """Return the plan whose top leaves room for the words over it, and no more."""
    pipe = told.pipe
    lines = max(len(stub_labels(stage, told)) for stage in pipe.stages)
    depth = STUB + 16 * lines + (14 if pipe.lost else 0)
    plan = Plan(pipe, Frame(length, 190, 2, 0, depth, turned=False), told.first, told.grown)
    rows = max(len(_name_lines(plan, column)) for column in plan.columns)
    top = 54 + 15 * rows + (0 if _numbers_inside(plan) else 20)
    top += 18 * len(_caption_lines(told, length))
    frame = Frame(length, 190, 2, top, depth, turned=False)
    return Plan(pipe, frame, told.first, told.grown)


def _caption_lines(told: Told, room: float) -> tuple[str, ...]:
    """Break the caption into lines."""
    return wrap(caption(told), room, 12.5, lines=4)


def _name_lines(plan: Plan, column: Column) -> tuple[str, ...]:
    """Break the name of a stage into the lines over its column."""
    bold = column.stage.stage == plan.worst
    return wrap(plain(column.stage.name), column.end - column.start - 10, 12.5, lines=3, bold=bold)


def _numbers_inside(plan: Plan) -> bool:
    """Say whether the pipe is thick enough everywhere to hold its numbers."""
    return all(plan.scale * column.stage.width >= ROOMY for column in plan.columns)


def _outlet_room(told: Told) -> float:
    """Return how much room the words at the mouth take."""
    won = width_of(told.say("won", told.pipe.won), 19, bold=True)
    return max(won, width_of(_won_share(told), 12))


def _won_share(told: Told) -> str:
    """Say which share of what came in was won."""
    share, whole = told.pipe.won / told.pipe.entered, told.amount(told.pipe.entered)
    return told.words.say("pipe.won_share", share=share, whole=whole)


def _write_wide(sheet: Sheet, plan: Plan, told: Told) -> None:
    """Write all words of the wide form."""
    pipe, top = plan.pipe, plan.frame.top
    said = _caption_lines(told, plan.frame.length)
    for row, line in enumerate(said):
        sheet.text(2, 14 + 18 * row, Run(line, "muted"), size=12.5)
    sheet.text(2, 22 + 18 * len(said), equation(told), size=15)
    for column in plan.columns:
        _write_name(sheet, plan, column, told)
    _write_stubs(sheet, plan, told)
    _write_losses(sheet, plan, told)
    x, middle = plan.columns[-1].end + 34, top + plan.scale * pipe.won / 2
    middle = max(middle, top + 8)
    won = Run(told.say("won", pipe.won), "flow-ink", bold=True)
    sheet.text(x, middle + 2, won, size=19)
    sheet.text(x, middle + 19, Run(_won_share(told), "muted"), size=12)


def _write_name(sheet: Sheet, plan: Plan, column: Column, told: Told) -> None:
    """Write the name of a stage over the pipe, and how many deals reached it."""
    top, inside = plan.frame.top, _numbers_inside(plan)
    bold = column.stage.stage == plan.worst
    base = top - 10 - (0 if inside else 20)
    for row, line in enumerate(_name_lines(plan, column)[::-1]):
        run, title = name_run(line, bold=bold), plain(column.stage.name)
        sheet.text(column.start + 2, base - 15 * row, run, size=12.5, title=title)
    y = top + 21 if inside else top - 9
    number = Run(told.amount(column.stage.width), "flow-ink", bold=True)
    room = (column.end - column.start - 12) / max(width_of(number.text, 15, bold=True), 1)
    x = column.start + (8 if inside else 2)
    sheet.text(x, y, number, size=min(15.0, 15.0 * room))


def _write_stubs(sheet: Sheet, plan: Plan, told: Told) -> None:
    """Write what hangs out of the pipe; all in the long form, or all in the short one."""
    placed = [(plan.last_edge(column), column) for column in plan.columns]
    limits = [plan.lost_edge(column) for column in plan.columns[1:]] + [sheet.width]
    long = all(
        width_of(label.long, SMALL) <= limit - edge - 8
        for (edge, column), limit in zip(placed, limits, strict=True)
        for label in stub_labels(column.stage, told)
    )
    for edge, column in placed:
        y = plan.under(column.stage) + RADIUS + STUB + 14
        for row, label in enumerate(stub_labels(column.stage, told)):
            run = Run(label.long if long else label.short, label.role)
            sheet.text(edge + 5, y + 15 * row, run, size=SMALL)


def _write_losses(sheet: Sheet, plan: Plan, told: Told) -> None:
    """Write the losses under the floor: the share of what reached the stage, and the deals."""
    said = [told.say("lost", column.stage.all_lost) for column in plan.columns]
    long = all(width_of(text, SMALL) <= plan.words_room for text in said)
    for column, text in zip(plan.columns, said, strict=True):
        stage, middle = column.stage, _spot(plan, column)
        if not stage.all_lost:
            continue
        share = told.words.share(stage.all_lost / stage.width)
        size = 20 if stage.stage == plan.worst else 14
        run = Run(share, "lost-ink", bold=True)
        sheet.text(middle, plan.floor + 26, run, size=size, anchor="middle")
        count = Run(text if long else told.amount(stage.all_lost), "lost-ink")
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


ON_A_PHONE = Tall(360.0, 108.0, 116.0, 122.0, 13.5, lone=True)
BESIDE_OTHERS = Tall(252.0, 72.0, 96.0, 74.0, 12.5, lone=False)


def narrow(told: Told) -> Markup:
    """Return the picture for a phone: the flow runs from top to bottom."""
    return _tall(told, ON_A_PHONE)


def small(told: Told) -> Markup:
    """Return the picture that stands beside others: what all have in common is not said."""
    return _tall(told, BESIDE_OTHERS)


def _tall(told: Told, form: Tall) -> Markup:
    """Return the picture in a form in which the flow runs from top to bottom."""
    pipe = told.pipe
    with mpl.rc_context(theme()):
        if not pipe.entered or not pipe.stages:
            return _empty(told, form.width)
        head, plan = _head_tall(told, form), _plan_tall(told, form)
        height = plan.frame.before + plan.frame.length + tip(plan) + 46
        sheet = told.sheet(max(form.width, plan.floor + form.aside), height)
        draw(sheet, plan)
        for row, runs in enumerate(head):
            drop, size = (0, 12.5) if isinstance(runs, Run) else (6, 14)
            sheet.text(2, 14 + 20 * row + drop, runs, size=size if form.lone else 12)
        _write_tall(sheet, plan, told, form)
        return _finish(sheet, plan, told, "narrow" if form.lone else "small")


def _plan_tall(told: Told, form: Tall) -> Plan:
    """Return the plan of the tall form: as long as its words and what leaves it need."""
    pipe, before = told.pipe, 30.0 + 20 * len(_head_tall(told, form))
    frame = Frame(0.0, form.thickness, before, 2, form.words, turned=True)
    bare = Plan(pipe, frame, told.first, told.grown)
    gone = sum(bare.room(stage) + from_later(stage) for stage in pipe.stages)
    lines = max(len(_stub_rows(told, stage, form)) for stage in pipe.stages)
    beside = max(len(_beside(told, stage, form)) for stage in pipe.stages)
    rows = max(lines, beside, 1)
    length = (54.0 + 14 * rows) * len(pipe.stages) + bare.scale * gone
    frame = Frame(length, form.thickness, before, 2, form.words, turned=True)
    return Plan(pipe, frame, told.first, told.grown)


def _head_tall(told: Told, form: Tall) -> list[Run | tuple[Run, ...]]:
    """Return the lines over the tall picture."""
    room, size = form.width - 4, 14 if form.lone else 12
    if form.lone:
        said = wrap(caption(told), room - 4, 12.5, lines=6)
    else:
        said = wrap(cohort(told), room, 12, lines=2)
    lines: list[Run | tuple[Run, ...]] = [Run(line, "muted") for line in said]
    runs = equation(told)
    terms = [runs[:1], *(runs[at : at + 3] for at in range(1, len(runs), 3))]
    line: tuple[Run, ...] = ()
    for term in terms:
        if line and sum(width_of(run.text, size, bold=run.bold) for run in line + term) > room:
            lines.append(line)
            line = ()
        line += term
    return [*lines, line]


def _write_tall(sheet: Sheet, plan: Plan, told: Told, form: Tall) -> None:
    """Write all words of the tall form."""
    size = form.size
    for column in plan.columns:
        stage = column.stage
        bold, name = stage.stage == plan.worst, plain(stage.name)
        x = plan.under(stage) + 8
        number = Run(told.amount(stage.width) + "  ", "flow-ink", bold=True)
        room = sheet.width - 8 - x - width_of(number.text, size, bold=True)
        runs = [number, name_run(elide(name, room, size, bold=bold), bold=bold)]
        sheet.text(x, column.start + 17, runs, size=size, title=name, halo=True)
        _write_row(sheet, plan, column, told, form)
    end = plan.columns[-1].end + tip(plan) + 14
    won = Run(told.say("won", plan.pipe.won), "flow-ink", bold=True)
    sheet.text(2, end + 6, won, size=18)
    sheet.text(2, end + 24, Run(_won_share(told), "muted"), size=12.5)


def _stub_rows(told: Told, stage: PipeStage, form: Tall) -> list[Run]:
    """Return what is written under the stubs of a stage: what is in them, and what warns."""
    runs = [Run(label.long, label.role) for label in stub_labels(stage, told)]
    warned = (one for one in told.at(stage.stage) if one.warns and one.known)
    named = (one for one in warned if one.kind != "lost" or not form.lone)
    return runs + [lane.label(one, told.words, short=one.kind == "lost") for one in named]


def _beside(told: Told, stage: PipeStage, form: Tall) -> list[Run]:
    """Return what is written beside the losses of a stage: how many, and now and before."""
    runs = [Run(told.say("lost", stage.all_lost), "lost-ink")] if stage.all_lost else []
    told_here = (one for one in told.at(stage.stage) if one.kind == "lost" and one.known)
    return runs + [lane.label(one, told.words) for one in told_here if form.lone]


def _write_row(sheet: Sheet, plan: Plan, column: Column, told: Told, form: Tall) -> None:
    """Write what leaves one stage beside its bands."""
    stage, edge = column.stage, plan.last_edge(column)
    x = plan.under(stage) + RADIUS + STUB + 6
    for row, run in enumerate(_stub_rows(told, stage, form)):
        sheet.text(x, edge + 14 + 14 * row, run, size=SMALL, halo=True)
    middle, x = _spot(plan, column), plan.floor + 17
    if stage.all_lost:
        share = Run(told.words.share(stage.all_lost / stage.width), "lost-ink", bold=True)
        sheet.text(x, middle - 1, share, size=19 if stage.stage == plan.worst else 14)
    for row, run in enumerate(_beside(told, stage, form)):
        sheet.text(x, middle + 13 + 14 * row, run, size=SMALL, halo=True)
