"""The pipe in its forms, with all that is written into it: for a desk, a phone, and a list."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import matplotlib as mpl

from leakkit.views.drawing import pipe_path
from leakkit.views.drawing.pipe_path import (
    RADIUS,
    STUB,
    PipeFrame,
    PipePlan,
    box,
    draw_pipe,
    fall,
    from_later,
    tip,
    worst_stage,
)
from leakkit.views.drawing.sheet import Run, Sheet, elide, name_run, theme, width_of, wrap
from leakkit.views.elements import tidy_name

if TYPE_CHECKING:
    from markupsafe import Markup

    from leakkit.analysis import PipelineNumbers
    from leakkit.measures.balance import Pipe, PipeStage
    from leakkit.views.drawing.pipe_path import PipeColumn
    from leakkit.views.drawing.small_pictures import Shift
    from leakkit.words import Words


SMALL = 12.0
"""Size of the small print."""
ROOMY = 25.0
"""A pipe this thick has room for a number."""


@dataclass(frozen=True)
class PipeTexts:
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
        """Return the shares of one stage that are texts: of losses, and what warns."""
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


def caption(texts: PipeTexts) -> str:
    """Say which deals the picture counts."""
    pipe, last_day = texts.pipe, texts.pipeline.windows.end_day - 1
    said = texts.words.say(f"pipe.cohort{_which(texts)}", as_of=last_day, **_find_created(texts))
    if any(stage.back for stage in pipe.stages):
        said += " " + texts.words.say("pipe.back_note")
    return said


def say_cohort(texts: PipeTexts) -> str:
    """Say in a few words which deals the picture counts."""
    return texts.words.say(f"pipe.since{_which(texts)}", **_find_created(texts))


def _which(texts: PipeTexts) -> str:
    """Return which deals are counted, as the end of a key."""
    if texts.pipe.created_from_day is not None:
        return "_days"
    return "" if texts.pipe.mature else "_all"


def _find_created(texts: PipeTexts) -> dict[str, int | None]:
    """Return the days on which the deals were created."""
    before = texts.pipe.created_before_day
    return {"created": before, "first": texts.pipe.created_from_day, "last": before - 1}


def alt_text(texts: PipeTexts) -> str:
    """Say in some sentences what the picture shows."""
    pipe, words = texts.pipe, texts.words
    parts = ("entered", "won", "lost", "overdue", "in_time")
    amounts = {name: texts.amount(getattr(pipe, name)) for name in parts}
    key = "pipe.alt_value" if texts.by == "value" else "pipe.alt"
    alt = [words.say(key, name=tidy_name(texts.pipeline.name), **amounts)]
    for stage in pipe.stages:
        if stage.stage == texts.first and stage.width:
            facts = {"stage": tidy_name(stage.name), "share": stage.all_lost / stage.width}
            amounts = {"lost": texts.amount(stage.all_lost), "reached": texts.amount(stage.width)}
            alt.append(words.say("pipe.alt_worst", **facts, **amounts))
    for one in texts.shifts:
        if one.warns and one.before is not None:
            facts = {"stage": tidy_name(one.name), "before": one.before, "now": one.now}
            alt.append(words.say(f"pipe.alt_{one.kind}", **facts))
    return " ".join(alt)


def pipe_equation(texts: PipeTexts) -> tuple[Run, ...]:
    """Return the balance of the cohort, which is the picture's key to colours too."""
    pipe = texts.pipe
    terms = (
        ("lost", "lost-ink", "lost", pipe.lost),
        ("overdue", "overdue-ink", "overdue", pipe.overdue),
        ("open-edge", "muted", "in_time", pipe.in_time),
    )
    runs = [
        Run(texts.say("entered", pipe.entered), "ink", bold=True),
        Run(" = ", "muted"),
        Run("\u25a0 ", "won"),
        Run(texts.say("won", pipe.won), "flow-ink", bold=True),
    ]
    for swatch, role, key, deals in terms:
        runs += [Run(" + ", "muted"), Run("\u25a0 ", swatch)]
        runs.append(Run(texts.say(key, deals), role, bold=True))
    return tuple(runs)


@dataclass(frozen=True)
class Label:
    """A line under the stubs of a stage: its long form, its short form, and its colour."""

    long: str
    short: str
    role: str


def stub_labels(stage: PipeStage, texts: PipeTexts) -> tuple[Label, ...]:
    """Return what is still in a stage, and what flowed back from it."""
    terms = (
        ("overdue", stage.all_overdue, "overdue-ink"),
        ("in_time", stage.all_in_time, "muted"),
        ("back", stage.back, "returned-ink"),
    )
    return tuple(
        Label(texts.say(key, deals), texts.amount(deals), role)
        for key, deals, role in terms
        if deals
    )


def _say_left_out(texts: PipeTexts) -> str:
    """Say which deals stand beside the picture."""
    terms = (
        ("moved_aside", texts.pipe.moved_aside),
        ("without_history_aside", texts.pipe.without_history_aside),
    )
    return " ".join(texts.say(key, deals) for key, deals in terms if deals)


# The two forms


def _empty(texts: PipeTexts, width: float) -> Markup:
    """Return the picture of a pipe that nothing has entered."""
    sheet, frame = texts.sheet(width, 118), PipeFrame(width, 40, 2, 46, 0, turned=False)
    sheet.text(2, 16, Run(elide(caption(texts), width, 12.5), "muted"), size=12.5)
    sheet.shape(box(frame, 2, width - 2, 46, 86), edge="line", width=2, dashes=(4, 4))
    text = Run(texts.words.say("pipe.nothing"), "muted")
    sheet.text(width / 2, 70, text, size=13, anchor="middle")
    return sheet.svg(texts.words.say("pipe.nothing"), f"pipe {texts.pipeline.name}")


def _finish(sheet: Sheet, plan: PipePlan, texts: PipeTexts, form: str) -> Markup:
    """Return the sheet as SVG."""
    salt = f"pipe {form} {texts.by} {texts.pipeline.name}"
    return sheet.svg(alt_text(texts), salt, [("scale", f"{plan.scale:.9g}")])


DESK, SHEET = 1040.0, 850.0
"""How wide the picture is on a desk, and on a sheet: there its smallest letters have 7 points."""


def wide(texts: PipeTexts, room: float = DESK) -> Markup:
    """Return the picture for a desk or for paper: the flow runs along the line of reading."""
    pipe = texts.pipe
    with mpl.rc_context(theme()):
        if not pipe.entered or not pipe.stages:
            return _empty(texts, room)
        outlet = 46 + max(_outlet_room(texts), 60)
        length = min(room - outlet, 300.0 * len(pipe.stages) + 190)
        plan = _fit_plan(texts, length)
        left_out, end = _say_left_out(texts), plan.floor + (52 if pipe.lost else 4)
        depth = pipe_path.bars_depth(texts.shifts)
        height = end + depth + (22 if left_out else 0)
        sheet = texts.sheet(_wide_room(texts, length + outlet), height)
        draw_pipe(sheet, plan)
        _write_wide(sheet, plan, texts)
        if depth:
            pipe_path.draw_bars(sheet, _loss_bars(plan, texts, end), texts.words)
        if left_out:
            sheet.text(2, height - 6, Run(left_out, "muted"), size=SMALL)
        return _finish(sheet, plan, texts, "wide" if room == DESK else "sheet")


def _loss_bars(plan: PipePlan, texts: PipeTexts, top: float) -> pipe_path.LossBars:
    """Return the bars of losses under the picture."""
    spots = {column.stage.stage: _spot(plan, column) for column in plan.columns}
    grown = tidy_name(plan.pipe.stages[plan.grown[0]].name) if plan.grown else ""
    windows = texts.pipeline.windows
    return pipe_path.LossBars(top, spots, plan.words_room, texts.shifts, windows, grown)


def _spot(plan: PipePlan, column: PipeColumn) -> float:
    """Return the middle of where the lost of a stage fall, along."""
    start, end = fall(plan, column)
    return (start + end) / 2


def _wide_room(texts: PipeTexts, width: float) -> float:
    """Return the width of the wide form: its balance must fit on one line."""
    said = sum(width_of(run.text, 15, bold=run.bold) for run in pipe_equation(texts))
    return max(width, said + 8)


def _fit_plan(texts: PipeTexts, length: float) -> PipePlan:
    """Return the plan whose top leaves room for the words over it, and no more."""
    pipe = texts.pipe
    lines = max(len(stub_labels(stage, texts)) for stage in pipe.stages)
    depth = STUB + 16 * lines + (14 if pipe.lost else 0)
    plan = PipePlan(
        pipe, PipeFrame(length, 190, 2, 0, depth, turned=False), texts.first, texts.grown
    )
    rows = max(len(_name_lines(plan, column)) for column in plan.columns)
    top = 54 + 15 * rows + (0 if _numbers_inside(plan) else 20)
    top += 18 * len(_caption_lines(texts, length))
    frame = PipeFrame(length, 190, 2, top, depth, turned=False)
    return PipePlan(pipe, frame, texts.first, texts.grown)


def _caption_lines(texts: PipeTexts, room: float) -> tuple[str, ...]:
    """Break the caption into lines."""
    return wrap(caption(texts), room, 12.5, lines=4)


def _name_lines(plan: PipePlan, column: PipeColumn) -> tuple[str, ...]:
    """Break the name of a stage into the lines over its column."""
    bold = column.stage.stage == plan.worst
    return wrap(
        tidy_name(column.stage.name), column.end - column.start - 10, 12.5, lines=3, bold=bold
    )


def _numbers_inside(plan: PipePlan) -> bool:
    """Say whether the pipe is thick enough everywhere to hold its numbers."""
    return all(plan.scale * column.stage.width >= ROOMY for column in plan.columns)


def _outlet_room(texts: PipeTexts) -> float:
    """Return how much room the words at the mouth take."""
    won = width_of(texts.say("won", texts.pipe.won), 19, bold=True)
    return max(won, width_of(_won_share(texts), 12))


def _won_share(texts: PipeTexts) -> str:
    """Say which share of what came in was won."""
    share, whole = texts.pipe.won / texts.pipe.entered, texts.amount(texts.pipe.entered)
    return texts.words.say("pipe.won_share", share=share, whole=whole)


def _write_wide(sheet: Sheet, plan: PipePlan, texts: PipeTexts) -> None:
    """Write all words of the wide form."""
    pipe, top = plan.pipe, plan.frame.top
    said = _caption_lines(texts, plan.frame.length)
    for row, line in enumerate(said):
        sheet.text(2, 14 + 18 * row, Run(line, "muted"), size=12.5)
    sheet.text(2, 22 + 18 * len(said), pipe_equation(texts), size=15)
    for column in plan.columns:
        _write_name(sheet, plan, column, texts)
    _write_stubs(sheet, plan, texts)
    _write_losses(sheet, plan, texts)
    x, middle = plan.columns[-1].end + 34, top + plan.scale * pipe.won / 2
    middle = max(middle, top + 8)
    won = Run(texts.say("won", pipe.won), "flow-ink", bold=True)
    sheet.text(x, middle + 2, won, size=19)
    sheet.text(x, middle + 19, Run(_won_share(texts), "muted"), size=12)


def _write_name(sheet: Sheet, plan: PipePlan, column: PipeColumn, texts: PipeTexts) -> None:
    """Write the name of a stage over the pipe, and how many deals reached it."""
    top, inside = plan.frame.top, _numbers_inside(plan)
    bold = column.stage.stage == plan.worst
    base = top - 10 - (0 if inside else 20)
    for row, line in enumerate(_name_lines(plan, column)[::-1]):
        run, title = name_run(line, bold=bold), tidy_name(column.stage.name)
        sheet.text(column.start + 2, base - 15 * row, run, size=12.5, title=title)
    y = top + 21 if inside else top - 9
    number = Run(texts.amount(column.stage.width), "flow-ink", bold=True)
    room = (column.end - column.start - 12) / max(width_of(number.text, 15, bold=True), 1)
    x = column.start + (8 if inside else 2)
    sheet.text(x, y, number, size=min(15.0, 15.0 * room))


def _write_stubs(sheet: Sheet, plan: PipePlan, texts: PipeTexts) -> None:
    """Write what hangs out of the pipe; all in the long form, or all in the short one."""
    placed = [(plan.last_edge(column), column) for column in plan.columns]
    limits = [plan.lost_edge(column) for column in plan.columns[1:]] + [sheet.width]
    long = all(
        width_of(label.long, SMALL) <= limit - edge - 8
        for (edge, column), limit in zip(placed, limits, strict=True)
        for label in stub_labels(column.stage, texts)
    )
    for edge, column in placed:
        y = plan.under(column.stage) + RADIUS + STUB + 14
        for row, label in enumerate(stub_labels(column.stage, texts)):
            run = Run(label.long if long else label.short, label.role)
            sheet.text(edge + 5, y + 15 * row, run, size=SMALL)


def _write_losses(sheet: Sheet, plan: PipePlan, texts: PipeTexts) -> None:
    """Write the losses under the floor: the share of what reached the stage, and the deals."""
    said = [texts.say("lost", column.stage.all_lost) for column in plan.columns]
    long = all(width_of(text, SMALL) <= plan.words_room for text in said)
    for column, text in zip(plan.columns, said, strict=True):
        stage, middle = column.stage, _spot(plan, column)
        if not stage.all_lost:
            continue
        share = texts.words.share(stage.all_lost / stage.width)
        size = 20 if stage.stage == plan.worst else 14
        run = Run(share, "lost-ink", bold=True)
        sheet.text(middle, plan.floor + 26, run, size=size, anchor="middle")
        count = Run(text if long else texts.amount(stage.all_lost), "lost-ink")
        sheet.text(middle, plan.floor + 43, count, size=SMALL, anchor="middle")


@dataclass(frozen=True)
class Tall:
    """How large the tall form is: on a phone, or beside others of its kind.

    `words` is the room between the pipe and where what is lost ends, `beyond` that beyond it.
    """

    width: float
    thickness: float
    words: float
    beyond: float
    size: float
    lone: bool


ON_A_PHONE = Tall(360.0, 108.0, 116.0, 122.0, 13.5, lone=True)
BESIDE_OTHERS = Tall(252.0, 72.0, 96.0, 74.0, 12.5, lone=False)


def narrow(texts: PipeTexts) -> Markup:
    """Return the picture for a phone: the flow runs from top to bottom."""
    return _tall(texts, ON_A_PHONE)


def small(texts: PipeTexts) -> Markup:
    """Return the picture that stands beside others: what all have in common is not said."""
    return _tall(texts, BESIDE_OTHERS)


def _tall(texts: PipeTexts, form: Tall) -> Markup:
    """Return the picture in a form in which the flow runs from top to bottom."""
    pipe = texts.pipe
    with mpl.rc_context(theme()):
        if not pipe.entered or not pipe.stages:
            return _empty(texts, form.width)
        head, plan = _head_tall(texts, form), _plan_tall(texts, form)
        height = plan.frame.before + plan.frame.length + tip(plan) + 46
        sheet = texts.sheet(max(form.width, plan.floor + form.beyond), height)
        draw_pipe(sheet, plan)
        for row, runs in enumerate(head):
            drop, size = (0, 12.5) if isinstance(runs, Run) else (6, 14)
            sheet.text(2, 14 + 20 * row + drop, runs, size=size if form.lone else 12)
        _write_tall(sheet, plan, texts, form)
        return _finish(sheet, plan, texts, "narrow" if form.lone else "small")


def _plan_tall(texts: PipeTexts, form: Tall) -> PipePlan:
    """Return the plan of the tall form: as long as its words and what leaves it need."""
    pipe, before = texts.pipe, 30.0 + 20 * len(_head_tall(texts, form))
    frame = PipeFrame(0.0, form.thickness, before, 2, form.words, turned=True)
    bare = PipePlan(pipe, frame, texts.first, texts.grown)
    gone = sum(bare.room(stage) + from_later(stage) for stage in pipe.stages)
    lines = max(len(_stub_rows(texts, stage, form)) for stage in pipe.stages)
    side_lines = max(len(_side_lines(texts, stage, form)) for stage in pipe.stages)
    rows = max(lines, side_lines, 1)
    length = (54.0 + 14 * rows) * len(pipe.stages) + bare.scale * gone
    frame = PipeFrame(length, form.thickness, before, 2, form.words, turned=True)
    return PipePlan(pipe, frame, texts.first, texts.grown)


def _head_tall(texts: PipeTexts, form: Tall) -> list[Run | tuple[Run, ...]]:
    """Return the lines over the tall picture."""
    room, size = form.width - 4, 14 if form.lone else 12
    if form.lone:
        said = wrap(caption(texts), room - 4, 12.5, lines=6)
    else:
        said = wrap(say_cohort(texts), room, 12, lines=2)
    lines: list[Run | tuple[Run, ...]] = [Run(line, "muted") for line in said]
    runs = pipe_equation(texts)
    terms = [runs[:1], *(runs[at : at + 3] for at in range(1, len(runs), 3))]
    line: tuple[Run, ...] = ()
    for term in terms:
        if line and sum(width_of(run.text, size, bold=run.bold) for run in line + term) > room:
            lines.append(line)
            line = ()
        line += term
    return [*lines, line]


def _write_tall(sheet: Sheet, plan: PipePlan, texts: PipeTexts, form: Tall) -> None:
    """Write all words of the tall form."""
    size = form.size
    for column in plan.columns:
        stage = column.stage
        bold, name = stage.stage == plan.worst, tidy_name(stage.name)
        x = plan.under(stage) + 8
        number = Run(texts.amount(stage.width) + "  ", "flow-ink", bold=True)
        room = sheet.width - 8 - x - width_of(number.text, size, bold=True)
        runs = [number, name_run(elide(name, room, size, bold=bold), bold=bold)]
        sheet.text(x, column.start + 17, runs, size=size, title=name, halo=True)
        _write_row(sheet, plan, column, texts, form)
    end = plan.columns[-1].end + tip(plan) + 14
    won = Run(texts.say("won", plan.pipe.won), "flow-ink", bold=True)
    sheet.text(2, end + 6, won, size=18)
    sheet.text(2, end + 24, Run(_won_share(texts), "muted"), size=12.5)


def _stub_rows(texts: PipeTexts, stage: PipeStage, form: Tall) -> list[Run]:
    """Return what is written under the stubs of a stage: what is in them, and what warns."""
    runs = [Run(label.long, label.role) for label in stub_labels(stage, texts)]
    warned = (one for one in texts.at(stage.stage) if one.warns and one.known)
    named = (one for one in warned if one.kind != "lost" or not form.lone)
    return runs + [
        pipe_path.label_bars(one, texts.words, short=one.kind == "lost") for one in named
    ]


def _side_lines(texts: PipeTexts, stage: PipeStage, form: Tall) -> list[Run]:
    """Return what is written beside the losses of a stage: how many, and now and before."""
    runs = [Run(texts.say("lost", stage.all_lost), "lost-ink")] if stage.all_lost else []
    written_here = (one for one in texts.at(stage.stage) if one.kind == "lost" and one.known)
    return runs + [pipe_path.label_bars(one, texts.words) for one in written_here if form.lone]


def _write_row(
    sheet: Sheet, plan: PipePlan, column: PipeColumn, texts: PipeTexts, form: Tall
) -> None:
    """Write what leaves one stage beside its bands."""
    stage, edge = column.stage, plan.last_edge(column)
    x = plan.under(stage) + RADIUS + STUB + 6
    for row, run in enumerate(_stub_rows(texts, stage, form)):
        sheet.text(x, edge + 14 + 14 * row, run, size=SMALL, halo=True)
    middle, x = _spot(plan, column), plan.floor + 17
    if stage.all_lost:
        share = Run(texts.words.share(stage.all_lost / stage.width), "lost-ink", bold=True)
        sheet.text(x, middle - 1, share, size=19 if stage.stage == plan.worst else 14)
    for row, run in enumerate(_side_lines(texts, stage, form)):
        sheet.text(x, middle + 13 + 14 * row, run, size=SMALL, halo=True)
