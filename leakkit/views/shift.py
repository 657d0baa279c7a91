"""A share now and before: the small pictures of one comparison, in a card and in a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.path import Path

from leakkit.findings.finding import WARNING
from leakkit.views.ink import Run, Sheet, theme, width_of
from leakkit.views.notes import places
from leakkit.views.palette import variable
from leakkit.views.texts import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leakkit.analysis import PipelineNumbers
    from leakkit.analysis.results import DayNote
    from leakkit.findings import Finding
    from leakkit.words import Words

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
        return sheet.svg(_alt(shift, words), f"shift {finding.stage} {finding.kind}")


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


def _alt(shift: Shift, words: Words) -> str:
    """Say the picture in words."""
    facts = {"before": shift.before, "now": shift.now, "low": shift.low, "high": shift.high}
    return words.say(f"shift.alt_{shift.kind}", stage=plain(shift.name), **facts)
