"""A drawing: its font and theme, the width of its texts, and how it becomes inline SVG."""

from __future__ import annotations

import io
import re
import unicodedata
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG, RendererSVG
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import PathPatch
from matplotlib.transforms import Bbox, BboxTransformFrom, BboxTransformTo

from leakkit.views.drawing.palette import PALETTE, hue, variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.path import Path
    from matplotlib.transforms import Transform


FONT = Markup(
    "var(--lk-font, system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', "
    "Vazirmatn, Tahoma, sans-serif)"
)
FRACTION = re.compile(r"-?\d+\.\d{3,}")
ISOLATE, POP = "\u2068", "\u2069"
ELLIPSIS = "\u2026"
GROUPS = ("figure", "axes")
"""What a drawing of matplotlib stands in."""
ROUND = 0.5523
"""How far the handles of a Bezier curve reach for a quarter of a circle."""


@cache
def _advance(char: str, weight: str) -> float:
    """Return the width of one character in ems; 1 where the font has none."""
    if unicodedata.combining(char) or unicodedata.category(char) == "Cf":
        return 0.0
    font = get_font(findfont(FontProperties(family="DejaVu Sans", weight=weight)))
    if not font.get_char_index(ord(char)):
        return 1.0
    font.set_size(100, 72)
    return float(font.load_char(ord(char)).linearHoriAdvance) / 65536 / 100


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """Return about how wide `text` will be: in a wide font, so rather too much."""
    weight = "bold" if bold else "normal"
    return size * sum(_advance(char, weight) for char in text)


def elide(text: str, room: float, size: float, *, bold: bool = False) -> str:
    """Shorten `text` to `room`, with an ellipsis where something is left out."""
    if width_of(text, size, bold=bold) <= room:
        return text
    while text and width_of(text + ELLIPSIS, size, bold=bold) > room:
        text = text[:-1]
    while text and (unicodedata.combining(text[-1]) or unicodedata.category(text[-1]) == "Cf"):
        text = text[:-1]
    return text.rstrip() + ELLIPSIS


def wrap(
    text: str, room: float, size: float, *, lines: int = 2, bold: bool = False
) -> tuple[str, ...]:
    """Break `text` at spaces into at most `lines` lines of `room`; the last one is elided."""
    done: list[str] = []
    rest = text.split(" ")
    while rest and len(done) < lines - 1:
        take = 1
        while take < len(rest) and width_of(" ".join(rest[: take + 1]), size, bold=bold) <= room:
            take += 1
        done.append(elide(" ".join(rest[:take]), room, size, bold=bold))
        rest = rest[take:]
    if rest:
        done.append(elide(" ".join(rest), room, size, bold=bold))
    return tuple(done)


@dataclass(frozen=True)
class Run:
    """A piece of a line of text: what it says, and in which colour."""

    text: str
    role: str = "ink"
    bold: bool = False


def name_run(name: str, role: str = "ink", *, bold: bool = False) -> Run:
    """Return a user's name as a run that keeps its own direction."""
    return Run(f"{ISOLATE}{name}{POP}", role, bold)


def theme() -> dict[Any, Any]:
    """Return the settings of matplotlib under which everything is drawn."""
    own = {
        "svg.fonttype": "none",
        "path.simplify": False,
        "hatch.linewidth": 1.2,
        "axes.edgecolor": hue("line"),
        "axes.facecolor": "none",
        "axes.linewidth": 1.0,
        "figure.facecolor": "none",
        "savefig.facecolor": "none",
        "lines.solid_capstyle": "round",
    }
    import seaborn as sns

    return {**sns.axes_style("white"), **own}


@dataclass(frozen=True)
class Shape:
    """A shape in the colours of the roles `fill` and `edge`; one of a higher `order` is over it."""

    path: Path
    fill: str
    edge: str
    width: float
    gid: str
    order: float
    dashes: tuple[float, ...]
    alpha: float | None

    def patch(self) -> PathPatch:
        """Return it as what a coordinate system shows."""
        made = PathPatch(
            self.path,
            facecolor=hue(self.fill) if self.fill else "none",
            edgecolor=hue(self.edge) if self.edge else "none",
            linewidth=self.width,
            linestyle=(0, self.dashes) if self.dashes else "-",
            zorder=self.order,
            alpha=self.alpha,
            clip_on=False,
        )
        made.set_gid(self.gid or None)
        return made

    def draw(self, renderer: Any, pixels: Transform) -> None:  # noqa: ANN401 - it has no types
        """Draw it as its patch is drawn."""
        line = renderer.new_gc()
        if self.edge:
            line.set_foreground(to_rgba(hue(self.edge), self.alpha), isRGBA=True)
        width = self.width if self.edge else 0
        line.set_linewidth(width)
        line.set_joinstyle("miter")
        line.set_alpha(self.alpha)
        if width and self.dashes:
            line.set_dashes(0, [length * width for length in self.dashes])
        renderer.open_group("patch", self.gid or None)
        face = to_rgba(hue(self.fill), self.alpha) if self.fill else None
        renderer.draw_path(line, self.path, pixels, face)
        renderer.close_group("patch")


class Sheet:
    """A sheet of drawing paper in pixels, the y axis downwards.

    On a mirrored sheet x runs from right to left, as the reader does. Use it inside
    `rc_context(theme())`.
    """

    def __init__(
        self, width: float, height: float, *, direction: str = "ltr", mirrored: bool = False
    ) -> None:
        """Lay out empty paper."""
        self.width, self.height = width, height
        self.direction, self.mirrored = direction, mirrored
        self._shapes: list[Shape] = []
        self._texts: list[Markup] = []
        self._has_axes = False

    @cached_property
    def figure(self) -> Figure:
        """The figure of the coordinate systems; shapes alone need none."""
        made = Figure(figsize=(self.width / 72, self.height / 72), dpi=72)
        FigureCanvasSVG(made)
        self._has_axes = True
        return made

    @cached_property
    def paper(self) -> Axes:
        """The pixels themselves, as a coordinate system among others."""
        paper = self.figure.add_axes((0, 0, 1, 1))
        paper.set_xlim(*self._across)
        paper.set_ylim(self.height, 0)
        paper.axis("off")
        return paper

    @property
    def _across(self) -> tuple[float, float]:
        """Where x begins and ends, from left to right."""
        return (self.width, 0) if self.mirrored else (0, self.width)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Put a coordinate system on the paper, without any text of its own."""
        import seaborn as sns

        self._hand_over()
        box = (left / self.width, 1 - (top + height) / self.height)
        axes = self.figure.add_axes((*box, width / self.width, height / self.height))
        axes.tick_params(labelbottom=False, labelleft=False, left=False, bottom=False)
        sns.despine(ax=axes, left=True, bottom=True)
        return axes

    def _hand_over(self) -> None:
        """Put the shapes among the coordinate systems, in the order in which they were drawn."""
        for shape in self._shapes:
            self.paper.add_artist(shape.patch())  # the limits stand: nothing to measure
        self._shapes.clear()

    def shape(  # noqa: PLR0913 - a shape has as many sides as it has
        self,
        path: Path,
        fill: str = "",
        *,
        edge: str = "",
        width: float = 0.0,
        gid: str = "",
        order: float = 2.0,
        dashes: tuple[float, ...] = (),
        alpha: float | None = None,
    ) -> None:
        """Draw a shape in the colours of the roles `fill` and `edge`."""
        self._shapes.append(Shape(path, fill, edge, width, gid, order, dashes, alpha))
        if self._has_axes:
            self._hand_over()

    def text(  # noqa: PLR0913 - so has a line of text
        self,
        x: float,
        y: float,
        runs: Run | Sequence[Run],
        *,
        size: float = 12.0,
        anchor: str = "start",
        title: str = "",
        halo: bool = False,
    ) -> None:
        """Write one line at `x` and the base line `y`; `title` is what it says in full.

        `anchor` is start, middle or end: on a mirrored sheet as a reader of its language
        sees it, on any other sheet from left to right.
        """
        parts = (runs,) if isinstance(runs, Run) else tuple(runs)
        x = self.width - x if self.mirrored else x
        if self.direction == "rtl" and not self.mirrored:
            anchor = {"start": "end", "end": "start"}.get(anchor, anchor)
        spans = Markup("").join(
            Markup('<tspan style="fill: {}; font-weight: {}">{}</tspan>').format(
                variable(run.role), 650 if run.bold else 400, run.text
            )
            for run in parts
        )
        full = Markup("<title>{}</title>").format(title) if title else ""
        self._texts.append(
            Markup(
                '<text x="{:.2f}" y="{:.2f}" direction="{}" text-anchor="{}"'
                ' style="font-size: {:g}px{}">{}{}</text>'
            ).format(x, y, self.direction, anchor, size, _halo() if halo else "", full, spans)
        )

    def line(self, y: float, runs: Run | Sequence[Run], *, size: float, title: str = "") -> None:
        """Write one line where a line of reading begins."""
        flipped = self.direction == "rtl" and not self.mirrored
        x, anchor = (self.width - 2, "end") if flipped else (2, "start")
        self.text(x, y, runs, size=size, anchor=anchor, title=title)

    def place(self, axes: Axes, x: float, y: float) -> tuple[float, float]:
        """Return the position on the paper of a point of `axes`."""
        right, up = axes.transData.transform((x, y))
        return float(right), self.height - float(up)

    def svg(self, alt: str, salt: str, facts: Iterable[tuple[str, str]] = ()) -> Markup:
        """Return the sheet as inline SVG that says `alt` to those who do not see it."""
        drawn = _geometry(self._draw_shapes() if self._shapes else self._draw_figure(salt))
        data = Markup("").join(Markup(' data-{}="{}"').format(key, value) for key, value in facts)
        link = Markup(' xmlns:xlink="http://www.w3.org/1999/xlink"') if "xlink:" in drawn else ""
        return Markup(
            '<svg class="lk-svg" xmlns="http://www.w3.org/2000/svg"{} role="img" aria-label="{}"'
            ' viewBox="0 0 {:g} {:g}" width="{:g}" height="{:g}" preserveAspectRatio="{}"{}'
            ' style="font-family: {}">'
            "<title>{}</title>{}{}</svg>"
        ).format(
            link,
            alt,
            self.width,
            self.height,
            self.width,
            self.height,
            "xMaxYMin" if self.direction == "rtl" else "xMinYMin",
            data,
            FONT,
            alt,
            Markup(drawn),  # noqa: S704 - geometry only: no text reaches matplotlib
            Markup("\n").join(self._texts),
        )

    def _draw_figure(self, salt: str) -> str:
        """Return what matplotlib makes of the coordinate systems."""
        buffer = io.StringIO()
        with mpl.rc_context({"svg.hashsalt": f"leakkit {salt}"}):
            self.figure.savefig(buffer, format="svg", metadata={"Date": None})
        return buffer.getvalue()

    def _draw_shapes(self) -> str:
        """Return the same of shapes alone, without the figure, whose making takes longer."""
        # inches and back, as a figure rounds them
        width, height = self.width / 72 * 72, self.height / 72 * 72
        left, right = self._across
        given = BboxTransformFrom(Bbox([(left, self.height), (right, 0.0)]))
        pixels = given + BboxTransformTo(Bbox([(0.0, 0.0), (width, height)]))
        buffer = io.StringIO()
        renderer: Any = RendererSVG(width, height, buffer)  # type: ignore[no-untyped-call] # it has none
        for group in GROUPS:
            renderer.open_group(group)
        for shape in sorted(self._shapes, key=lambda shape: shape.order):
            shape.draw(renderer, pixels)
        for group in reversed(GROUPS):
            renderer.close_group(group)
        renderer.finalize()
        return buffer.getvalue()


def _halo() -> Markup:
    """Return the style of a text that stands on lines."""
    style = Markup("; paint-order: stroke; stroke-width: 4px; stroke-linejoin: round; stroke: ")
    return style + variable("paper")


def _geometry(svg: str) -> str:
    """Keep the shapes of a drawing; drop its prolog, metadata and page-wide style."""
    body = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, flags=re.DOTALL)
    body = re.sub(r' id="([A-Za-z0-9]+_\d+)"', "", body)
    body = re.sub(r'<g id="([a-z_]+-[a-z0-9-]+|won|entered)"', r'<g data-lk="\1"', body)
    body = re.sub(r"<g>\s*<path d=\"\" style=\"[^\"]*\"/>\s*</g>", "", body)
    body = re.sub(r"<g>\s*<path d=\"[^\"]*\" style=\"fill: none\"/>\s*</g>", "", body)
    body = re.sub(r' d="[^"]*"', lambda path: FRACTION.sub(_round_coordinate, path[0]), body)
    for role, colour in PALETTE.items():
        body = body.replace(colour, f"var(--lk-{role}, {colour})")
    return re.sub(r"\s*\n\s*", "\n", body).strip()


def _round_coordinate(number: re.Match[str]) -> str:
    """Return a coordinate to a hundredth: no screen or printer shows less."""
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def responsive(wide: Markup, narrow: Markup, printed: Markup | None = None) -> Markup:
    """Return a figure that is `wide` on a desk and `narrow` on a phone; on paper `printed`."""
    forms = {"wide": wide, "narrow": narrow, "print": printed}
    shown = Markup("").join(
        Markup('<div class="lk-{}">{}</div>').format(name, form)
        for name, form in forms.items()
        if form
    )
    return Markup('<div class="lk-fit">{}</div>').format(shown)
