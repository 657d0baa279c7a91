"""Figures: each takes what was measured and the words to say it in, and returns inline SVG.

A figure that would be too small on a phone comes in two forms; the stylesheet shows
the one that fits. All texts and numbers come from `Words`.
"""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.patches import Rectangle
from matplotlib.path import Path

from leakkit.views.drawing import pipe_forms
from leakkit.views.drawing.palette import hue
from leakkit.views.drawing.pipe_forms import PipeTexts
from leakkit.views.drawing.sheet import (
    Run,
    Sheet,
    elide,
    name_run,
    responsive,
    theme,
    width_of,
    wrap,
)
from leakkit.views.elements import name_stay, note_texts, places, reason_text, tidy_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from leakkit.analysis import PipelineNumbers
    from leakkit.analysis.numbers import StageNumbers
    from leakkit.analysis.results import DayNote
    from leakkit.measures.balance import Month, PipelineBalance
    from leakkit.measures.survival import Floats
    from leakkit.views.drawing.small_pictures import Shift
    from leakkit.words import Words


EXITS = (
    ("advanced", ("next", "jumped", "won_here"), "advanced", "flow-ink"),
    ("returned", ("returned",), "returned", "returned-ink"),
    ("lost", ("lost",), "lost", "lost-ink"),
)
"""The doors of a stage, from the bottom of the stack: name, exits of the curve, colours."""
PANEL = (320.0, 190.0)
REASON_HEIGHT = 76.0
"""Height of a panel that has no curve to show."""
FLOWS = {"came": "open-edge", "won": "won", "lost": "lost"}
"""The colours of what comes and goes in a month."""
MOST_MONTHS = 36
NOTE_TOP, NOTE_LINES = 38.0, 12
"""Where the numbers of notes stand, and so many lines a long one may have."""
EPOCH = dt.date(1970, 1, 1)


def pipe_figure(
    pipeline: PipelineNumbers,
    words: Words,
    *,
    worst: int | None = None,
    by: str = "count",
    shifts: tuple[Shift, ...] = (),
) -> Markup:
    """Where does the pipe leak? To scale, in deals or `by` value, for a wide page and a phone.

    `worst` is the stage to emphasise; by default the one that loses the largest share
    of what reached it. `shifts` are the shares of its stages, now and before.
    """
    texts = PipeTexts(pipeline, words, worst, by, shifts)
    printed = pipe_forms.wide(texts, pipe_forms.SHEET)
    return responsive(pipe_forms.wide(texts), pipe_forms.narrow(texts), printed)


def small_pipe_figure(
    pipeline: PipelineNumbers,
    words: Words,
    worst: int | None = None,
    shifts: tuple[Shift, ...] = (),
) -> Markup:
    """Return the small form of `pipe_figure`, to stand beside others."""
    return pipe_forms.small(PipeTexts(pipeline, words, worst, "count", shifts))


# By which door, after how many days


def days_figure(
    pipeline: PipelineNumbers, words: Words, stages: tuple[StageNumbers, ...] = ()
) -> Markup:
    """After how many days do deals leave each stage, and by which door? One panel a stage.

    `stages` are those to draw; all where empty.
    """
    panels = Markup("").join(
        Markup("<li>{}</li>").format(stage_days(stage, words, pipeline.unit_per_day))
        for stage in stages or pipeline.stages
    )
    return Markup('<ul class="lk-panels">{}</ul>').format(panels)


def stage_days(stage: StageNumbers, words: Words, unit_per_day: int = 1) -> Markup:
    """Draw by day in stage which share has advanced, went back, was lost, is still there."""
    with mpl.rc_context(theme()):
        horizon, name = stage.horizon.age, tidy_name(stage.name)
        height = PANEL[1] if horizon is not None else REASON_HEIGHT
        sheet = Sheet(PANEL[0], height, direction=words.direction)
        shown = elide(name, PANEL[0] - 8, 14, bold=True)
        sheet.line(16, name_run(shown, bold=True), size=14, title=name)
        if horizon is None:
            alt = words.say("days.alt_none", stage=name)
            _panel_reason(sheet, words, stage.horizon.reason)
        else:
            panel = _Panel(stage, horizon, words, unit_per_day)
            alt = _panel_alt(panel)
            _panel_curve(sheet, panel)
        return sheet.svg(alt, f"days {stage.stage} {stage.name}")


def _panel_reason(sheet: Sheet, words: Words, reason: str) -> None:
    """Say in the panel why there is no curve."""
    for row, line in enumerate(wrap(reason_text(words, reason), PANEL[0] - 8, 12.5, lines=3)):
        sheet.line(38 + 18 * row, Run(line, "muted"), size=12.5)


@dataclass(frozen=True)
class _Panel:
    """What one panel shows, and the words for it."""

    stage: StageNumbers
    horizon: float
    words: Words
    unit_per_day: int

    @property
    def end(self) -> float:
        """How far the panel looks: a bit beyond the horizon and the expected days."""
        return max(self.horizon, self.stage.expected.age or 0.0, 1.0) * 1.15

    @property
    def shares(self) -> dict[str, float]:
        """The share of every door at the horizon, from the bottom of the stack."""
        found = door_shares(self.stage, np.array([self.horizon]))
        return {name: float(share[0]) for name, share in found.items()}

    def say_stay(self, age: float) -> str:
        """Say an age."""
        return name_stay(self.words, age, self.unit_per_day)


def door_shares(stage: StageNumbers, ages: Floats) -> dict[str, Floats]:
    """Return the share that has left by each door at some ages, from the bottom of the stack."""
    at = np.maximum(np.searchsorted(stage.curve.ages, ages, side="right") - 1, 0)
    return {name: _door(stage, kinds)[at] for name, kinds, _, _ in EXITS}


def _door(stage: StageNumbers, kinds: tuple[str, ...]) -> Floats:
    """Return the share that has left by a door, by age."""
    curve = stage.curve
    found = [curve.leaving[kind] for kind in kinds if kind in curve.leaving]
    share: Floats = np.sum([np.zeros(len(curve.ages)), *found], axis=0)
    return share


def _panel_curve(sheet: Sheet, panel: _Panel) -> None:
    """Draw the stacked shares, and mark the horizon and the expected days."""
    axes = sheet.axes(2, 44, PANEL[0] - _key_room(panel.words), 124)
    axes.set_xlim(0, panel.end)
    axes.set_ylim(0, 1)
    inside = panel.stage.curve.ages <= panel.end
    ages = np.append(np.repeat(panel.stage.curve.ages[inside], 2)[1:], panel.end).astype(float)
    floor = np.zeros_like(ages)
    for name, kinds, colour, _ in EXITS:
        top = floor + np.repeat(_door(panel.stage, kinds)[inside], 2)
        axes.fill_between(ages, floor, top, color=hue(colour), linewidth=0, gid=f"door-{name}")
        floor = top
    axes.fill_between(ages, floor, 1.0, color=hue("open"), linewidth=0, gid="door-staying")
    for level in (0.25, 0.5, 0.75):
        axes.axhline(level, color=hue("paper"), linewidth=0.7, alpha=0.45)
    _panel_shares(sheet, axes, panel)
    _panel_marks(sheet, axes, panel)


def _key_room(words: Words) -> float:
    """Return the room that the names of the doors take beside a panel."""
    names = [words.say(f"days.{name}") for name in ("advanced", "returned", "lost", "staying")]
    return 10 + max(width_of(f" {name}", 11) for name in names) + width_of("88.8%", 11, bold=True)


def _panel_shares(sheet: Sheet, axes: Axes, panel: _Panel) -> None:
    """Write the shares at the horizon beside the areas that they name."""
    shares = panel.shares
    shares["staying"] = max(1.0 - sum(shares.values()), 0.0)
    tops = np.cumsum(list(shares.values()))
    middles = tops - np.array(list(shares.values())) / 2
    spots = [sheet.place(axes, panel.end, height)[1] + 4 for height in middles]
    right, top = sheet.place(axes, panel.end, 1)
    roles = [*(role for _, _, _, role in EXITS), "muted"]
    lines = zip(_apart(spots, top + 8), shares.items(), roles, strict=True)
    for y, (name, share), role in lines:
        number = Run(panel.words.share(share), role, bold=True)
        runs = (number, Run(" " + panel.words.say(f"days.{name}"), role))
        sheet.text(right + 6, y, runs, size=11)


def _apart(spots: list[float], top: float, gap: float = 14.0) -> list[float]:
    """Move lines of text apart: first upwards, then down again where the top is reached."""
    placed, last = [], float("inf")
    for spot in spots:
        last = min(spot, last - gap)
        placed.append(last)
    last = top - gap
    for at in reversed(range(len(placed))):
        placed[at] = last = max(placed[at], last + gap)
    return placed


def _panel_marks(sheet: Sheet, axes: Axes, panel: _Panel) -> None:
    """Mark day 0, the day at which the shares are read, and the expected days."""
    axes.axvline(panel.horizon, color=hue("ink"), linewidth=1.3)
    x, foot = sheet.place(axes, panel.horizon, 0)
    read = panel.words.say("days.read", at=panel.say_stay(panel.horizon))
    _centre_text(sheet, x, foot + 16, Run(read))
    _centre_text(sheet, 7, foot + 16, Run(panel.words.count(0), "muted"))
    expected = panel.stage.expected.age
    if expected is not None:
        axes.axvline(expected, color=hue("overdue-ink"), linewidth=1.3, dashes=(3, 2))
        x, head = sheet.place(axes, expected, 1)
        said = panel.words.say("days.expected", at=panel.say_stay(expected))
        _centre_text(sheet, x, head - 6, Run(said, "overdue-ink"))


def _centre_text(sheet: Sheet, x: float, y: float, run: Run) -> None:
    """Write a text centred on a point, or as near as the sheet is wide."""
    half = width_of(run.text, 11) / 2 + 2
    middle = min(max(x, half), sheet.width - half)
    sheet.text(middle, y, run, size=11, anchor="middle")


def _panel_alt(panel: _Panel) -> str:
    """Say what a panel shows."""
    facts, name = panel.shares, tidy_name(panel.stage.name)
    staying = max(1.0 - sum(facts.values()), 0.0)
    when = panel.say_stay(panel.horizon)
    return panel.words.say("days.alt", stage=name, at=when, staying=staying, **facts)


# Month by month


@dataclass(frozen=True)
class _Months:
    """The months that are drawn, and how large they are drawn."""

    shown: tuple[Month, ...]
    terms: tuple[PipelineBalance, ...]
    by: str
    width: float

    @classmethod
    def of(cls, shown: tuple[Month, ...], width: float, by: str) -> _Months:
        """Take the months in deals or in money."""
        terms = tuple(month.value if by == "value" else month.count for month in shown)
        return cls(shown, terms, by, width)

    @property
    def flows(self) -> int:
        """The most that came in, or went out, in a month."""
        return max([1, *(max(_came(term), term.won + term.lost) for term in self.terms)])

    @property
    def stock(self) -> int:
        """The most that was open at the end of a month."""
        return max(term.closing for term in self.terms) or 1

    def say(self, words: Words, amount: int) -> str:
        """Say an amount."""
        return words.money(amount) if self.by == "value" else words.count(amount)

    def key(self, name: str) -> str:
        """Return the key of a message that names amounts."""
        return f"months.{name}_value" if self.by == "value" else f"months.{name}"


def months_figure(
    pipeline: PipelineNumbers, words: Words, *, by: str = "count", notes: Sequence[DayNote] = ()
) -> Markup:
    """What came in, what went out, and what was open at the end, month by month.

    In deals, or `by` value in money; `notes` are marked on their days, and written below.
    """
    shown = shown_months(pipeline)
    if not shown:
        return Markup("")
    return responsive(
        _months(pipeline, words, _Months.of(shown, 1000.0, by), notes),
        _months(pipeline, words, _Months.of(shown[-12:], 360.0, by), notes),
        _months(pipeline, words, _Months.of(shown, pipe_forms.SHEET, by), notes),
    )


def shown_months(pipeline: PipelineNumbers) -> tuple[Month, ...]:
    """Return the months that are drawn."""
    return pipeline.months[-MOST_MONTHS:]


def _months(
    pipeline: PipelineNumbers, words: Words, plan: _Months, notes: Sequence[DayNote]
) -> Markup:
    """Draw months on a sheet of their width."""
    with mpl.rc_context(theme()):
        width = plan.width
        said = [
            line
            for text in note_texts(notes, words)
            for line in wrap(text, width - 8, 12, lines=NOTE_LINES)
        ]
        sheet = Sheet(width, 336 + (6 + 16 * len(said) if said else 0), direction=words.direction)
        _month_key(sheet, words)
        flows = sheet.axes(2, 46, width - 4, 150)
        stock = sheet.axes(2, 240, width - 4, 60)
        _draw_flows(flows, plan)
        _draw_stock(stock, plan)
        _write_months(sheet, flows, stock, plan, words)
        _mark_notes(sheet, flows, plan, notes)
        for at, line in enumerate(said):
            sheet.line(350 + 16 * at, Run(line, "ink"), size=12)
        alt = " ".join([_months_alt(plan, words), *note_texts(notes, words)])
        return sheet.svg(alt, f"months {width:g} {pipeline.name}")


def _came(terms: PipelineBalance) -> int:
    """Return what came in, the re-opened deals included."""
    return terms.new + terms.reopened


def _months_alt(plan: _Months, words: Words) -> str:
    """Say what the months show."""
    return words.say(
        plan.key("alt"),
        first=plan.shown[0].first_day,
        last=plan.shown[-1].first_day,
        came=sum(_came(terms) for terms in plan.terms),
        won=sum(terms.won for terms in plan.terms),
        lost=sum(terms.lost for terms in plan.terms),
        closing=plan.terms[-1].closing,
    )


def _month_key(sheet: Sheet, words: Words) -> None:
    """Write the key to colours as one line."""
    runs: list[Run] = []
    for colour, role, key in (
        ("open-edge", "muted", "came"),
        ("won", "flow-ink", "won"),
        ("lost", "lost-ink", "lost"),
    ):
        runs += [Run("\u25a0 ", colour), Run(words.say(f"months.{key}") + "   ", role, bold=True)]
    sheet.line(16, runs, size=13)


def _draw_flows(axes: Axes, plan: _Months) -> None:
    """Draw what came in upwards, what went out downwards, and an incomplete month striped."""
    axes.set_xlim(-0.5, len(plan.shown) - 0.5)
    axes.set_ylim(-plan.flows, plan.flows)
    for at, (month, terms) in enumerate(zip(plan.shown, plan.terms, strict=True)):
        won, lost = terms.won, terms.lost
        bars = (("came", _came(terms), 0), ("won", -won, 0), ("lost", -lost, -won))
        for key, height, bottom in bars:
            bar = Rectangle((at - 0.34, bottom), 0.68, height, linewidth=0.8, gid=f"{key}-{at}")
            bar.set_edgecolor(hue(FLOWS[key]))
            bar.set_facecolor(hue(FLOWS[key]) if month.complete else "none")
            bar.set_hatch("" if month.complete else "////")
            axes.add_artist(bar)
    axes.axhline(0, color=hue("ink"), linewidth=1)


def _draw_stock(axes: Axes, plan: _Months) -> None:
    """Draw what was open at the end of each month."""
    axes.set_xlim(-0.5, len(plan.shown) - 0.5)
    axes.set_ylim(0, plan.stock * 1.05)
    closing = [terms.closing for terms in plan.terms]
    at = np.arange(len(closing))
    axes.fill_between(at, 0, closing, color=hue("flow"), linewidth=0)
    axes.plot(at, closing, color=hue("flow-edge"), linewidth=2, clip_on=False)
    axes.plot(at[-1:], closing[-1:], "o", color=hue("flow-edge"), markersize=6, clip_on=False)


def _write_months(sheet: Sheet, flows: Axes, stock: Axes, plan: _Months, words: Words) -> None:
    """Write the months under the bars, and the numbers that carry the picture."""
    _write_names(sheet, flows, plan, [words.month(month.first_day) for month in plan.shown])
    came = [_came(terms) for terms in plan.terms]
    gone = [terms.won + terms.lost for terms in plan.terms]
    for counts, side, role in ((came, 1, "muted"), (gone, -1, "paper")):
        x, y = sheet.place(flows, counts.index(max(counts)), side * max(counts))
        most = Run(plan.say(words, max(counts)) if max(counts) else "", role, bold=True)
        sheet.text(x, y - 5, most, size=11, anchor="middle")
    closing = plan.terms[-1].closing
    open_now = Run(words.say(plan.key("closing"), n=closing), "flow-ink", bold=True)
    _, y = sheet.place(stock, len(came) - 1, closing)
    sheet.text(plan.width - 2, y - 10, open_now, size=12.5, anchor="end")
    if not all(month.complete for month in plan.shown):
        sheet.line(326, Run(words.say("months.incomplete"), "muted"), size=11)


def _mark_notes(sheet: Sheet, flows: Axes, plan: _Months, notes: Sequence[DayNote]) -> None:
    """Draw a line on the day of each note that is in these months, with its number on top."""
    found = [(one, at) for one in notes if (at := _place_of(one.day or 0, plan.shown)) is not None]
    marks = [(one, sheet.place(flows, at, 0)[0]) for one, at in found]
    for _, x in marks:
        # in two parts: between them stand the names of the months
        line = Path([(x, NOTE_TOP + 4), (x, 196), (x, 240), (x, 300)], [1, 2, 1, 2])
        sheet.shape(line, edge="muted", width=1.0, dashes=(2, 3), order=3.0)
    for x, numbers in places(marks):
        run = Run(numbers, "ink", bold=True)
        sheet.text(x, NOTE_TOP, run, size=11.5, anchor="middle", halo=True)


def _place_of(day: int, shown: tuple[Month, ...]) -> float | None:
    """Return where a day stands among months, a month being as wide as 1; None outside."""
    for at, month in enumerate(shown):
        begin = EPOCH + dt.timedelta(days=month.first_day)
        length = calendar.monthrange(begin.year, begin.month)[1]
        if 0 <= day - month.first_day < length:
            return at - 0.5 + (day - month.first_day + 0.5) / length
    return None


def _write_names(sheet: Sheet, flows: Axes, plan: _Months, said: list[str]) -> None:
    """Write as many names of months as there is room for, the last one always."""
    wide = max(width_of(text, 11) for text in said) + 12
    step = max(1, int(np.ceil(wide * len(said) / (plan.width - 4))))
    for at, text in list(enumerate(said))[::-step]:
        x, y = sheet.place(flows, at, -plan.flows)
        _centre_text(sheet, x, y + 16, Run(text, "muted"))
