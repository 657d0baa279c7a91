"""The small pictures: a share now and before, two parts stage by stage, bars of outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.path import Path

from leakkit.findings.finding import WARNING
from leakkit.findings.part_comparison import FEWER, MORE
from leakkit.views.drawing.palette import variable
from leakkit.views.drawing.sheet import Run, Sheet, elide, name_run, responsive, theme, width_of
from leakkit.views.elements import places, tidy_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leakkit.analysis import PipelineNumbers
    from leakkit.analysis.gaps import Compared
    from leakkit.analysis.results import DayNote
    from leakkit.findings import Finding
    from leakkit.findings.part_comparison import Gap, Side
    from leakkit.measures.present_state import Tally
    from leakkit.words import Words


# ---------------- shift
# A share now and before: the small pictures of one comparison, in a card and in a table.

ROLES = {
    "lost": ("lost", "lost-ink"),
    "overdue": ("overdue", "overdue-ink"),
    "returned": ("returned", "returned-ink"),
}
"""The colours of what got worse: of shapes, and of words."""
ARROWS = {"ltr": "\u2192", "rtl": "\u2190"}
"""An arrow between two numbers points as the reader reads; letters turn it round nowhere."""
QUIET = ("open-edge", "muted")
WIDTH, HEIGHT, TOP, FOOT = 400.0, 190.0, 34.0, 34.0


@dataclass(frozen=True)
class Shift:
    """One share of one stage, now and before; `low` and `high` bound what it is now.

    The interval is that of the change, laid at the share before: what the test is of.
    """

    stage: int
    name: str
    kind: str
    warns: bool
    before: float | None
    now: float | None
    low: float | None
    high: float | None
    months: tuple[tuple[int, float | None], ...] = ()
    since: int | None = None
    target: bool = False

    @classmethod
    def of(cls, finding: Finding, stage: int = 0) -> Shift:
        """Take it from a finding."""
        before, bounds = finding.reference, (finding.low, finding.high)
        low, high = (
            None if bound is None or before is None else min(max(before + bound, 0.0), 1.0)
            for bound in bounds
        )
        warns = finding.severity in WARNING
        return cls(
            stage, finding.stage, finding.kind, warns, before, finding.share, low, high,
            finding.months, finding.since, finding.reference_kind == "target",
        )  # fmt: skip

    @property
    def known(self) -> bool:
        """Say whether there is a share now and one before."""
        return self.before is not None and self.now is not None

    @property
    def roles(self) -> tuple[str, str]:
        """The colours of its shapes and of its words."""
        return ROLES[self.kind] if self.warns else QUIET

    def say(self, words: Words) -> str:
        """Say both shares."""
        if self.before is None or self.now is None:
            return words.say("pipe.few")
        if self.target:
            return words.say("pipe.against_target", before=self.before, now=self.now)
        arrow = ARROWS[words.direction]
        return words.say("pipe.before_now", before=self.before, now=self.now, arrow=arrow)


def shifts(pipeline: PipelineNumbers, findings: Iterable[Finding]) -> tuple[Shift, ...]:
    """Return the shares of one pipeline, in the order of its stages."""
    place = {stage.name: stage.stage for stage in pipeline.stages}
    own = [f for f in findings if f.pipeline == pipeline.name and f.stage in place]
    return tuple(sorted((Shift.of(f, place[f.stage]) for f in own), key=lambda s: s.stage))


def top_of(finding: Finding) -> float:
    """Return the largest share that a picture of a finding has to show."""
    shift = Shift.of(finding)
    return max(0.02, *(share or 0.0 for share in (shift.before, shift.now, shift.high)))


def shift_cell(finding: Finding, most: float) -> Markup:
    """Return both shares drawn to the scale of a column: a ring, a dot and its range.

    Nothing where one is not known; the sentence beside it says both.
    """
    shift = Shift.of(finding)
    if shift.before is None or shift.now is None or shift.low is None or shift.high is None:
        return Markup("")
    before, now, low, high = (
        4 + 132 * min(share / most, 1.0)
        for share in (shift.before, shift.now, shift.low, shift.high)
    )
    role = variable(shift.roles[0])
    return Markup(
        '<svg class="lk-shift" viewBox="0 0 140 16" aria-hidden="true">'
        '<path d="M 0 8 H 140" style="stroke: {}; stroke-width: 1"/>'
        '<path d="M {:.1f} 8 H {:.1f}" style="stroke: {}; stroke-width: 7; opacity: 0.35"/>'
        '<path d="M {:.1f} 8 H {:.1f}" style="stroke: {}; stroke-width: 2"/>'
        '<circle cx="{:.1f}" cy="8" r="3.6" style="fill: {}; stroke: {}; stroke-width: 1.6"/>'
        '<circle cx="{:.1f}" cy="8" r="4.4" style="fill: {}"/></svg>'
    ).format(
        variable("line"), low, high, role, before, now, role, before, variable("paper"), role,
        now, role,
    )  # fmt: skip


# The picture of a card


@dataclass(frozen=True)
class _Scale:
    """Where months and shares stand on the paper."""

    first: int
    end: int
    most: float

    def x(self, day: float) -> float:
        """Return where a day stands."""
        return 8 + (WIDTH - 62) * (day - self.first) / (self.end - self.first)

    def y(self, share: float) -> float:
        """Return where a share stands."""
        return TOP + (HEIGHT - TOP - FOOT) * (1 - share / self.most)


def shift_figure(finding: Finding, words: Words, notes: Sequence[DayNote] = ()) -> Markup:
    """How did the share run, month by month, and how sure is what it is now?

    A dot per month; the line of the time before; now, with its interval as a band; `notes`
    marked on their days. Nothing where there is no comparison with the time before.
    """
    shift, windows = Shift.of(finding), finding.windows
    if shift.now is None or shift.low is None or shift.before is None:
        return Markup("")
    first = min(windows.get("baseline", windows["current"])[0], windows["current"][0])
    shares = [share for _, share in shift.months if share is not None]
    most = 1.08 * max([top_of(finding), *shares])
    scale = _Scale(first, windows["current"][1], min(most, 1.0))
    with mpl.rc_context(theme()):
        mirrored = words.direction == "rtl"
        sheet = Sheet(WIDTH, HEIGHT, direction=words.direction, mirrored=mirrored)
        _draw_levels(sheet, shift, scale, windows["current"][0])
        _draw_months(sheet, shift, scale)
        _write_levels(sheet, shift, scale, words)
        _mark_notes(sheet, scale, notes)
        return sheet.svg(_shift_alt(shift, words), f"shift {finding.stage} {finding.kind}")


def _draw_levels(sheet: Sheet, shift: Shift, scale: _Scale, turn: int) -> None:
    """Draw what the share was before, and what it is now with its interval."""
    start, middle, end = scale.x(scale.first), scale.x(turn), scale.x(scale.end)
    fill, _ = shift.roles
    low, now, high = (scale.y(share or 0.0) for share in (shift.low, shift.now, shift.high))
    band = [(middle, low), (end, low), (end, high), (middle, high), (middle, low)]
    sheet.shape(Path(band), fill, order=1.0, alpha=0.22)
    before = scale.y(shift.before or 0.0)
    base = scale.y(0.0)
    sheet.shape(Path([(start, base), (end, base)]), edge="line", width=1.0, order=1.2)
    sheet.shape(Path([(start, before), (middle, before)]), edge="open-edge", width=2.0, order=1.6)
    ahead = Path([(middle, before), (end, before)])
    sheet.shape(ahead, edge="open-edge", width=1.4, order=1.6, dashes=(3, 3))
    sheet.shape(Path([(middle, now), (end, now)]), edge=fill, width=2.4, order=1.8)


def _draw_months(sheet: Sheet, shift: Shift, scale: _Scale) -> None:
    """Draw a dot for every month."""
    days = [day for day, _ in shift.months] + [scale.end]
    for at, (day, share) in enumerate(shift.months):
        if share is not None:
            x, y = scale.x((day + days[at + 1]) / 2), scale.y(min(share, scale.most))
            changed = shift.since is not None and day >= shift.since
            dot = Path.circle((x, y), 3.4)
            sheet.shape(dot, shift.roles[0] if changed else "open-edge", edge="paper", width=1.2)


def _write_levels(sheet: Sheet, shift: Shift, scale: _Scale, words: Words) -> None:
    """Write both shares at their levels, the first and last month, and since when."""
    end, foot = scale.x(scale.end) + 6, HEIGHT - FOOT + 17
    now, before = scale.y(shift.now or 0.0), scale.y(shift.before or 0.0)
    apart = max(before, now + 17) if before >= now else min(before, now - 17)
    now_run = Run(words.share(shift.now or 0.0), shift.roles[1], bold=True)
    sheet.text(end, now + 5, now_run, size=15)
    sheet.text(end, apart + 5, Run(words.share(shift.before or 0.0), "muted"), size=13)
    said = words.month(scale.first), words.month(scale.end - 1)
    for day, text, anchor in zip((scale.first, scale.end), said, ("start", "end"), strict=True):
        sheet.text(scale.x(day), foot, Run(text, "muted"), size=11.5, anchor=anchor)
    kind = Run(words.say(f"shift.{shift.kind}"), "muted")
    sheet.text(8, 13, kind, size=11.5)
    if shift.since is None:
        return
    x = scale.x(shift.since)
    line = Path([(x, TOP - 6), (x, scale.y(0.0))])
    sheet.shape(line, edge="muted", width=1.0, dashes=(2, 3), order=1.1)
    since = words.say("shift.since", month=Markup(words.month(shift.since)))  # noqa: S704 - a date
    fits = x - 8 > width_of(since, 11.5)
    sheet.text(
        x + (-5 if fits else 5), TOP + 4, Run(since, shift.roles[1]), size=11.5,
        anchor="end" if fits else "start", halo=True,
    )  # fmt: skip


def _mark_notes(sheet: Sheet, scale: _Scale, notes: Sequence[DayNote]) -> None:
    """Draw a line on the day of each note that is in these days, with its number at its foot."""
    own = [(one, one.day) for one in notes if one.day is not None]
    marks = [(one, scale.x(day)) for one, day in own if scale.first <= day < scale.end]
    for _, x in marks:
        line = Path([(x, TOP - 6), (x, scale.y(0.0))])
        sheet.shape(line, edge="muted", width=1.0, dashes=(2, 3), order=1.1)
    for x, numbers in places(marks):
        run = Run(numbers, "ink", bold=True)
        sheet.text(x, scale.y(0.0) + 13, run, size=11.5, anchor="middle", halo=True)


def _shift_alt(shift: Shift, words: Words) -> str:
    """Say the picture in words."""
    facts = {"before": shift.before, "now": shift.now, "low": shift.low, "high": shift.high}
    return words.say(f"shift.alt_{shift.kind}", stage=tidy_name(shift.name), **facts)


# ---------------- sides
# Two parts of a pipeline drawn stage by stage: a dot with its range, and a ring beside it.

SIDES_WIDE, SIDES_NARROW, PANEL = 760.0, 340.0, 320.0
ROW, HEAD, SIDES_FOOT = 42.0, 46.0, 26.0
NUMBERS = 104.0
"""Room for both shares beside their marks."""
SURE = {MORE: ("lost", "lost-ink"), FEWER: ("won", "flow-ink")}


def sides_figure(found: Compared, names: tuple[Markup, Markup], words: Words) -> Markup:
    """Draw two parts, for a wide page and for a phone."""
    scale = most_in_sides(found.gaps)
    return responsive(
        *(_draw_stages(found, names, words, scale, width) for width in (SIDES_WIDE, SIDES_NARROW))
    )


def sides_panel(
    found: Compared, names: tuple[Markup, Markup], words: Words, scale: float
) -> Markup:
    """Draw one of several comparisons on their common scale."""
    return _draw_stages(found, names, words, scale, PANEL)


def most_in_sides(gaps: Sequence[Gap]) -> float:
    """Return the largest share that has to be shown."""
    shares = [side.share.high or 0.0 for gap in gaps for side in (gap.one, gap.other)]
    return min(max(0.05, *(1.05 * share for share in shares)), 1.0)


def _draw_stages(
    found: Compared, names: tuple[Markup, Markup], words: Words, scale: float, width: float
) -> Markup:
    """Draw every stage as a row: its name, both shares as marks, and as numbers."""
    with mpl.rc_context(theme()):
        height = HEAD + ROW * len(found.gaps) + SIDES_FOOT
        mirrored = words.direction == "rtl"
        sheet = Sheet(width, height, direction=words.direction, mirrored=mirrored)
        _write_key(sheet, [tidy_name(name.striptags()) for name in names], words)
        for at, gap in enumerate(found.gaps):
            name = tidy_name(found.pipeline.stages[gap.stage].name)
            _draw_row(sheet, HEAD + ROW * at, gap, scale, name, words)
        foot = HEAD + ROW * len(found.gaps) + 14
        for share, anchor in ((0.0, "start"), (scale, "end")):
            x = _place(sheet, share, scale)
            sheet.text(x, foot, Run(words.share(share), "muted"), size=11, anchor=anchor)
        said = " ".join(_sides_alt(found, gap, words) for gap in found.gaps)
        title = f"{words.say('compare.key_of')}. {said}"
        return sheet.svg(title, f"compare {width:g} {found.pipeline.name} {names[0]} {names[1]}")


def _write_key(sheet: Sheet, names: list[str], words: Words) -> None:
    """Write what the marks stand for."""
    sheet.line(13, Run(words.say("compare.key_of"), "muted"), size=11.5)
    room = sheet.width / 2 - 30
    one, other = (elide(name, room, 12.5, bold=True) for name in names)
    runs = [
        Run("\u25cf ", "ink"), name_run(one, bold=True),
        Run("   \u25cb ", "muted"), name_run(other, "muted"),
    ]  # fmt: skip
    sheet.line(32, runs, size=12.5)


def _draw_row(  # noqa: PLR0913, PLR0917 - what one row is made of
    sheet: Sheet, top: float, gap: Gap, scale: float, name: str, words: Words
) -> None:
    """Draw one stage."""
    fill, ink = SURE.get(gap.verdict, QUIET)
    line = top + 28
    sheet.line(top + 14, name_run(elide(name, sheet.width - NUMBERS, 12.5)), size=12.5)
    ends = [(_place(sheet, share, scale), line) for share in (0.0, scale)]
    sheet.shape(Path(ends), edge="line", width=1.0, order=1.0)
    _draw_side(sheet, gap.other, line + 4, scale, "open-edge", filled=False)
    _draw_side(sheet, gap.one, line - 4, scale, fill if gap.verdict in SURE else "ink", filled=True)
    if gap.comparison is None:
        few = Run(words.say("compare.verdict_few"), "muted")
        sheet.text(sheet.width - NUMBERS + 8, line + 5, few, size=12)
        return
    numbers = (
        Run(
            words.share(gap.one.share.share or 0.0),
            ink if gap.verdict in SURE else "ink",
            bold=True,
        ),
        Run("  " + words.share(gap.other.share.share or 0.0), "muted"),
    )
    sheet.text(sheet.width - NUMBERS + 8, line + 5, numbers, size=13)


def _draw_side(  # noqa: PLR0913 - what one mark is made of
    sheet: Sheet, side: Side, y: float, scale: float, role: str, *, filled: bool
) -> None:
    """Draw the share of one part with its range; nothing where it is not known."""
    share = side.share
    if share.share is None or share.low is None or share.high is None:
        return
    low, at, high = (_place(sheet, each, scale) for each in (share.low, share.share, share.high))
    sheet.shape(Path([(low, y), (high, y)]), edge=role, width=1.8, order=1.4)
    mark = Path.circle((at, y), 4.2)
    sheet.shape(mark, role if filled else "paper", edge=role, width=1.6, order=1.8)


def _place(sheet: Sheet, share: float, scale: float) -> float:
    """Return where a share stands on the paper."""
    return 6 + (sheet.width - NUMBERS - 12) * min(share / scale, 1.0)


def _sides_alt(found: Compared, gap: Gap, words: Words) -> str:
    """Say one stage in words."""
    name = tidy_name(found.pipeline.stages[gap.stage].name)
    if gap.comparison is None:
        return words.say("compare.alt_few", stage=name)
    return words.say("compare.alt", stage=name, a=gap.one.share.share, b=gap.other.share.share)


# ---------------- bars
# Bars of deals by outcome, one below the other: lost first, as all bars begin on one line.

if TYPE_CHECKING:
    Rows = Sequence[tuple[str, Tally]]


OUTCOMES = (("lost", "lost", "lost-ink"), ("won", "won", "flow-ink"), ("open", "open", "muted"))
"""Outcome, colour of its bar, colour of its words."""
BARS_WIDE, BARS_NARROW = 760.0, 340.0
STEP, THICK, BARS_TOP = 46.0, 15.0, 34.0


def outcome_bars(rows: Rows, words: Words, salt: str, *, by: str = "count") -> Markup:
    """Draw a bar per row, to one scale, in deals or `by` value, for a wide page and a phone."""
    wide, narrow = (_draw_bars(rows, words, salt, by, width) for width in (BARS_WIDE, BARS_NARROW))
    return responsive(wide, narrow)


def outcome_amounts(tally: Tally, by: str) -> dict[str, int]:
    """Return what is drawn of a tally, by outcome."""
    prefix = "value_" if by == "value" else ""
    return {outcome: getattr(tally, f"{prefix}{outcome}") for outcome, *_ in OUTCOMES}


def _draw_bars(rows: Rows, words: Words, salt: str, by: str, width: float) -> Markup:
    """Draw all rows on a sheet of one width."""
    most = max([1, *(sum(outcome_amounts(tally, by).values()) for _, tally in rows)])
    with mpl.rc_context(theme()):
        mirrored = words.direction == "rtl"
        height = BARS_TOP + STEP * len(rows)
        sheet = Sheet(width, height, direction=words.direction, mirrored=mirrored)
        _bars_key(sheet, rows, words)
        for at, (name, tally) in enumerate(rows):
            _bar_row(sheet, BARS_TOP + STEP * at, name, tally, (words, by, most))
        return sheet.svg(_bars_alt(rows, words, by), f"{salt} {width:g} {by}")


def _bars_key(sheet: Sheet, rows: Rows, words: Words) -> None:
    """Write the key to the colours that occur."""
    runs: list[Run] = []
    for outcome, colour, role in OUTCOMES:
        if any(getattr(tally, outcome) for _, tally in rows):
            said = words.say(f"present.key_{outcome}")
            runs += [Run("\u25a0 ", colour), Run(f"{said}   ", role, bold=True)]
    sheet.text(2, 15, runs, size=13)


def _bar_row(
    sheet: Sheet, top: float, name: str, tally: Tally, scale: tuple[Words, str, int]
) -> None:
    """Draw one row: its name and numbers, and under them its bar."""
    words, by, most = scale
    numbers = _numbers(tally, words, by)
    room = sheet.width - 6.5 * sum(len(run.text) for run in numbers) - 16
    sheet.text(
        2,
        top + 12,
        name_run(elide(name, room, 13, bold=True), bold=True),
        size=13,
        title=tidy_name(name),
    )
    sheet.text(sheet.width - 2, top + 12, numbers, size=12.5, anchor="end")
    left = 2.0
    for outcome, colour, _ in OUTCOMES:
        long = (sheet.width - 4) * outcome_amounts(tally, by)[outcome] / most
        if long:
            sheet.shape(_box(left, left + long, top + 18), colour, gid=f"{outcome}-{top:g}")
        left += long


def _box(left: float, right: float, top: float) -> Path:
    """Return a bar."""
    bottom = top + THICK
    return Path([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)])


def _numbers(tally: Tally, words: Words, by: str) -> list[Run]:
    """Say the numbers of a row, those that are there."""
    value = "_value" if by == "value" else ""
    found = [(o, ink, n) for o, _, ink in OUTCOMES if (n := outcome_amounts(tally, by)[o])]
    runs: list[Run] = []
    for at, (outcome, ink, n) in enumerate(found):
        if at:
            runs.append(Run(" \u00b7 ", "muted"))
        runs.append(Run(words.say(f"present.{outcome}{value}", n=n), ink, bold=True))
    return runs or [Run(words.say("present.none_here"), "muted")]


def _bars_alt(rows: Rows, words: Words, by: str) -> str:
    """Say the picture in words."""
    value = "_value" if by == "value" else ""
    said = "; ".join(
        f"{tidy_name(name)}: "
        + ", ".join(
            words.say(f"present.{o}{value}", n=n) for o, n in outcome_amounts(tally, by).items()
        )
        for name, tally in rows
    )
    return words.say("present.alt", said=said)
