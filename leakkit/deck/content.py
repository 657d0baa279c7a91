"""What a slide holds, before it is PowerPoint: texts, tables, charts and drawings in boxes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leakkit.views.grids import Grid

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
