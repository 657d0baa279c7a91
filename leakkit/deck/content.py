"""What a slide holds, before it is PowerPoint, and what a pipeline says on its slides."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from leakkit.findings.finding import WARNING, leading
from leakkit.views.drawing.small_pictures import Shift, shifts
from leakkit.views.dropoff.stage_flow import choose_emphasis
from leakkit.views.elements import name_stay
from leakkit.views.grids import grids, html_text, sentences, shorten_name

if TYPE_CHECKING:
    from markupsafe import Markup

    from leakkit.analysis import Analysis, Diagnosis, PipelineNumbers
    from leakkit.analysis.numbers import StageNumbers
    from leakkit.findings import Finding
    from leakkit.views.grids import Grid
    from leakkit.views.view import View
    from leakkit.words import Words


# ---------------- content
# What a slide holds, before it is PowerPoint: texts, tables, charts and drawings in boxes.

LONGEST_NAME = 48
"""Letters of a name on a slide; its notes have more."""
SHARES, COUNTS = "shares", "counts"


@dataclass(frozen=True)
class Box:
    """Where a part stands in the room under the title, as shares of it."""

    left: float = 0.0
    top: float = 0.0
    width: float = 1.0
    height: float = 1.0


@dataclass(frozen=True)
class Line:
    """A line of text: `role` is a colour of the house, `size` in points."""

    text: str
    size: float = 14.0
    role: str = "ink"
    bold: bool = False
    before: float = 6.0


@dataclass(frozen=True)
class Text:
    """Lines under each other."""

    lines: tuple[Line, ...]
    name: str = "Text"


@dataclass(frozen=True)
class Tabled:
    """A table; `widths` are shares of its width, `size` in points."""

    grid: Grid
    widths: tuple[float, ...]
    size: float = 11.0


@dataclass(frozen=True)
class Series:
    """One series of a chart; `ranges` are (low, high) of each value, `strong` is emphasised."""

    name: str
    values: tuple[float | None, ...]
    role: str
    ranges: tuple[tuple[float, float] | None, ...] = ()
    strong: int | None = None
    strong_role: str = "lost"
    said: bool = False


@dataclass(frozen=True)
class Chart:
    """A native chart: bars, columns, stacked, lines or areas, of shares or counts.

    `legend` says whether the series are named; `alt` says in words what is shown.
    """

    kind: str
    name: str
    alt: str
    categories: tuple[str, ...]
    series: tuple[Series, ...]
    of: str = SHARES
    legend: bool = True
    title: str = ""

    @property
    def most(self) -> float | None:
        """The largest value that a chart with ranges has to show; None for one without."""
        ends = [ends[1] for one in self.series for ends in one.ranges if ends is not None]
        return max(ends) * 1.04 if ends else None


@dataclass(frozen=True)
class Drawing:
    """A figure of a view as shapes that can be edited; `stages` name what is numbered in it."""

    name: str
    alt: str
    svg: str
    stages: tuple[str, ...] = ()


Part = Text | Tabled | Chart | Drawing


@dataclass(frozen=True)
class Placed:
    """A part and where it stands."""

    box: Box
    part: Part


@dataclass(frozen=True)
class Slide:
    """One finding: the sentence, what shows it, of what it is, and what the speaker should know.

    `kicker` says what the slide is about, `foot` of which deals it is. An `opening` slide
    has a title and a subtitle only.
    """

    title: str
    kicker: str = ""
    parts: tuple[Placed, ...] = ()
    foot: str = ""
    notes: tuple[str, ...] = field(default_factory=tuple)
    subtitle: str = ""
    opening: bool = False


# ---------------- subject
# One pipeline as its slides need it: the diagnosis, the words, and what views say in text.

LABEL, BODY = 11.0, 14.0


@dataclass(frozen=True)
class Subject:
    """A diagnosis and the words to say it in."""

    diagnosis: Diagnosis
    words: Words

    @property
    def analysis(self) -> Analysis:
        """The analysis of all pipelines."""
        return self.diagnosis.analysis

    @property
    def pipeline(self) -> PipelineNumbers:
        """The pipeline that the slides are of."""
        return self.diagnosis.pipeline

    @property
    def name(self) -> str:
        """The name of the pipeline, as it stands on a slide."""
        return name_of(self.pipeline.name)

    @cached_property
    def leading(self) -> Finding | None:
        """The finding that leads the pages; None where none does."""
        led = leading(finding for card in self.diagnosis.cards for finding in card)
        return led[0][0] if led else None

    @cached_property
    def warned(self) -> Finding | None:
        """The gravest finding that warns, whether or not it leads."""
        if self.leading is not None:
            return self.leading
        found = [card[0] for card in self.diagnosis.cards if card[0].severity in WARNING]
        return found[0] if found else None

    @cached_property
    def stage(self) -> StageNumbers | None:
        """The stage that the pictures emphasise: what to look at first."""
        at = choose_emphasis(self.pipeline, self.analysis.all_findings)
        return None if at is None else self.pipeline.stages[at]

    @cached_property
    def shifts(self) -> tuple[Shift, ...]:
        """The shares of every stage, now and before."""
        return shifts(self.pipeline, self.analysis.all_findings)

    def say(self, key: str, **facts: object) -> str:
        """Return a sentence as text; names in it are shortened."""
        return html_text(self.words.html(key, **facts), LONGEST_NAME)

    def stay(self, age: float) -> str:
        """Say an age."""
        return name_stay(self.words, age, self.pipeline.unit_per_day)

    def call(self, view: str, *, of: str = "") -> str:
        """Return the line of the notes with the call that shows the same."""
        given = f"leakkit.diagnose(analysis, {self.pipeline.name!r})"
        said = f"leakkit.views.{view}({of or given})"
        return self.words.say("deck.python", text=said)

    def analysis_call(self, view: str) -> str:
        """Return the same line for a view of an analysis."""
        return self.call(view, of=f"analysis, {self.pipeline.name!r}")

    def note(self, key: str, text: str) -> str:
        """Return a line of the notes; nothing where there is nothing to say."""
        return self.words.say(f"deck.{key}", text=text) if text else ""

    def slide(
        self,
        title: str,
        about: str,
        *parts: tuple[Box, Part],
        foot: str = "",
        notes: tuple[str, ...] = (),
    ) -> Slide:
        """Return a slide of this pipeline: its kicker says which, and what it is about."""
        kicker = f"{self.name}  \u00b7  {self.words.say(about)}"
        return Slide(title, kicker, tuple(Placed(*part) for part in parts), foot, notes)


def as_of(subject: Subject) -> str:
    """Say of which day and of how many deals a slide is."""
    deals = subject.pipeline.opportunities
    return subject.words.say("headline.as_of", as_of=subject.analysis.last_day, deals=deals)


def name_of(name: str) -> str:
    """Return a user's name as it stands on a slide."""
    return shorten_name(" ".join(name.split()), LONGEST_NAME)


def read_headline(view: View) -> str:
    """Return the headline of a view as text."""
    return html_text(view.headline, LONGEST_NAME)


def between_tables(view: View) -> tuple[str, ...]:
    """Return the lines that stand beside the tables of a view."""
    return sentences(view.table, LONGEST_NAME)


def shorten(said: Markup) -> str:
    """Return a sentence of the pages as text, its names shortened."""
    return html_text(said, LONGEST_NAME)


def lines_of(view: View) -> tuple[str, ...]:
    """Return what a view says under its headline."""
    return sentences(view.note, LONGEST_NAME)


def slide_tables(view: View) -> tuple[Grid, ...]:
    """Return the tables of a view."""
    return grids(view.table, LONGEST_NAME)


def label_of(text: str, before: float = 14.0) -> Line:
    """Return a small heading over a sentence."""
    return Line(text, LABEL, "flow-ink", bold=True, before=before)


def body(text: str, before: float = 2.0) -> Line:
    """Return a sentence."""
    return Line(text, BODY, before=before)
