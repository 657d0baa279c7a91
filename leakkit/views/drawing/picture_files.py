"""A figure, or a whole view, as a file of its own: SVG and PNG, with fixed colours and one font."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Affine2D

from leakkit.errors import LeakkitError
from leakkit.views.drawing.palette import PALETTE
from leakkit.views.drawing.sheet import ELLIPSIS, Run, Sheet, elide, theme, width_of, wrap
from leakkit.views.elements import BIDI_CONTROLS
from leakkit.views.grids import html_text, parts_of, sentences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

    from leakkit.views.grids import Cell, Grid
    from leakkit.views.view import View


# ---------------- picture
# A figure as a file of its own, for slides: SVG and PNG, with fixed colours and one font.
#
# On a page a figure takes its colours and its font from the stylesheet. A slide has none,
# so both are written into the file, on white paper. The PNG is drawn by matplotlib from the
# same SVG, in the font that comes with matplotlib: the same bytes on every machine. It
# reads what `ink.Sheet` writes, and no other SVG.

FONT = "DejaVu Sans"
FONTS = f"'{FONT}', Verdana, Tahoma, sans-serif"
"""As wide as what the pictures were measured with, or narrower."""
DOTS_PER_PIXEL = 2
BOLD_FROM = 600
BOX = "\u25a1"
"""Stands for a letter that the font does not have."""
NARROW = re.compile(r'<div class="lk-(?:narrow|print)">.*?</div>', re.DOTALL)
PICTURE = re.compile(r'<svg class="lk-svg".*?</svg>', re.DOTALL)
VARIABLE = re.compile(r"var\(--lk-[a-z-]+, (#[0-9a-f]{6})\)")
MOVED = re.compile(r"translate\(([\d.]+) ([\d.]+)\)")
CODES = {"M": (Path.MOVETO, 1), "L": (Path.LINETO, 1), "C": (Path.CURVE4, 3), "Q": (Path.CURVE3, 2)}
SPACE = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"


def is_one(figure: str) -> bool:
    """Say whether a figure is one picture, of which there may be a narrow form."""
    return len(PICTURE.findall(NARROW.sub("", figure))) == 1


def only_picture(figure: str) -> str:
    """Return the one picture of a figure: of two forms of it, the wide one."""
    found = PICTURE.findall(NARROW.sub("", figure))
    if not found:
        message = "This view has no picture to save."
        raise LeakkitError("no_picture", message)
    if len(found) > 1:
        message = f"This view has {len(found)} pictures. Save one of them, as days(stage=...)."
        raise LeakkitError("many_pictures", message)
    return str(found[0])


def svg(figure: str) -> str:
    """Return the picture of a figure as the text of an SVG file."""
    drawn = VARIABLE.sub(r"\1", only_picture(figure))
    drawn = re.sub(r"font-family: var\(--lk-font, [^)]*\)", f"font-family: {FONTS}", drawn)
    paper = f'</title><rect width="100%" height="100%" fill="{PALETTE["paper"]}"/>'
    return drawn.replace("</title>", paper, 1) + "\n"


def png(figure: str) -> bytes:
    """Return the picture of a figure as a PNG file, with two dots for a pixel."""
    root = ET.fromstring(VARIABLE.sub(r"\1", only_picture(figure)))  # noqa: S314 - our own drawing
    width, height = float(root.get("width", "0")), float(root.get("height", "0"))
    with mpl.rc_context({"hatch.linewidth": 1.2, "path.simplify": False}):
        sheet = Figure(figsize=(width / 72, height / 72), dpi=72 * DOTS_PER_PIXEL)
        canvas = FigureCanvasAgg(sheet)
        axes = sheet.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        axes.axis("off")
        _Copy(axes, {one.get("id", ""): one for one in root.iter()}).draw(root, "")
        buffer = io.BytesIO()
        canvas.print_figure(buffer, format="png", dpi=sheet.dpi, metadata={"Software": None})
    return buffer.getvalue()


def style_of(element: ET.Element) -> dict[str, str]:
    """Return the style of an element."""
    parts = (part.partition(":") for part in element.get("style", "").split(";"))
    return {name.strip(): value.strip() for name, _, value in parts if name.strip()}


def _path(text: str) -> Path:
    """Return the path that an SVG describes in absolute terms."""
    points: list[tuple[float, float]] = []
    codes: list[int] = []
    for letter, numbers in re.findall(r"([A-Za-z])([^A-Za-z]*)", text):
        if letter == "z":
            points.append(points[-1])
            codes.append(int(Path.CLOSEPOLY))
            continue
        code, count = CODES[letter]
        at = [float(number) for number in numbers.split()]
        points += list(zip(at[::2], at[1::2], strict=True))
        codes += [int(code)] * count
    return Path(points, codes)


@dataclass
class _Copy:
    """Draws an SVG of ours again, on the axes of another canvas."""

    axes: Axes
    known: dict[str, ET.Element]
    order: list[int] = field(default_factory=lambda: [0])
    left: float = 0.0
    top: float = 0.0
    """How far what is drawn now is moved: groups that are moved stand last in a picture."""

    def draw(self, element: ET.Element, clip: str) -> None:
        """Draw an element and what is in it."""
        kind = element.tag.removeprefix(SPACE)
        clip = element.get("clip-path", clip)
        if moved := MOVED.fullmatch(element.get("transform", "")):
            self.left, self.top = float(moved[1]), float(moved[2])
        if kind == "path":
            self._shape(_path(element.get("d", "")), style_of(element), clip)
        elif kind == "use":
            self._use(element, clip)
        elif kind == "text":
            self._text(element)
        elif kind not in {"defs", "title"}:
            for child in element:
                self.draw(child, clip)

    def _next(self) -> int:
        """Return the place of what is drawn next: over all that is there."""
        self.order[0] += 1
        return self.order[0]

    def _use(self, element: ET.Element, clip: str) -> None:
        """Draw a shape that was described before."""
        shape = self.known[element.get(LINK, "").removeprefix("#")]
        move = Affine2D().translate(float(element.get("x", "0")), float(element.get("y", "0")))
        style = {**style_of(shape), **style_of(element)}
        self._shape(_path(shape.get("d", "")).transformed(move), style, clip)

    def _shape(self, path: Path, style: dict[str, str], clip: str) -> None:
        """Draw a shape."""
        if not np.size(path.vertices):
            return
        fill, edge = style.get("fill", "#000000"), style.get("stroke", "none")
        striped = fill.startswith("url")
        dashes = [float(part) for part in style.get("stroke-dasharray", "").split(",") if part]
        patch = PathPatch(
            path.transformed(Affine2D().translate(self.left, self.top)),
            facecolor="none" if striped else fill,
            edgecolor=edge,
            hatch="////" if striped else None,
            linewidth=float(style.get("stroke-width", "1")) if edge != "none" else 0,
            linestyle=(0, dashes) if dashes else "-",
            joinstyle=style.get("stroke-linejoin", "miter"),
            capstyle="round" if style.get("stroke-linecap") == "round" else "butt",
            alpha=float(style.get("opacity", style.get("stroke-opacity", "1"))),
            zorder=self._next(),
            clip_on=False,
        )
        self.axes.add_artist(patch)
        if clip:
            (box,) = self.known[clip.removeprefix("url(#").removesuffix(")")]
            x, y, wide, high = (float(box.get(key, "0")) for key in ("x", "y", "width", "height"))
            patch.set_clip_on(True)
            patch.set_clip_path(
                Rectangle((x + self.left, y + self.top), wide, high, transform=self.axes.transData)
            )

    def _text(self, element: ET.Element) -> None:
        """Write one line, run by run."""
        style, rtl = style_of(element), element.get("direction") == "rtl"
        size = float(style["font-size"].removesuffix("px"))
        runs = [(_spelt(one.text or ""), style_of(one)) for one in element.iter(f"{SPACE}tspan")]
        widths = [width_of(said, size, bold=_bold(own)) for said, own in runs]
        anchor = element.get("text-anchor", "start")
        before = {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
        left = (
            self.left + float(element.get("x", "0")) - sum(widths) * (1 - before if rtl else before)
        )
        places = list(_places(left, widths[::-1]))[::-1] if rtl else list(_places(left, widths))
        for (said, own), x in zip(runs, places, strict=True):
            line = self.axes.text(
                x,
                self.top + float(element.get("y", "0")),
                said,
                color=own["fill"],
                family=FONT,
                fontsize=size,
                weight="bold" if _bold(own) else "normal",
                parse_math=False,
                zorder=self._next(),
                clip_on=False,
            )
            if "stroke" in style:
                line.set_path_effects([withStroke(linewidth=4, foreground=style["stroke"])])


def _bold(style: dict[str, str]) -> bool:
    """Say whether a run is bold."""
    return int(style.get("font-weight", "400")) >= BOLD_FROM


def _places(left: float, widths: list[float]) -> Iterator[float]:
    """Return where each run begins, from the left."""
    for width in widths:
        yield left
        left += width


def _spelt(text: str) -> str:
    """Return a text in letters that the font has; spaces at its ends stay."""
    known = get_font(findfont(FontProperties(family=FONT))).get_char_index
    seen = "".join(char for char in text if char not in BIDI_CONTROLS)
    return "".join(char if char.isspace() or known(ord(char)) else BOX for char in seen)


# ---------------- poster
# A whole view as one picture: its sentences, its pictures beside each other, its tables.
#
# For views that are no single figure. What is too long for a picture is cut, and a line
# says so; the file of its tables has everything.

ROOM, EDGE, GAP = 1040.0, 28.0, 20.0
"""Pixels: the room of a line, the edge of the paper, and between two pictures."""
TITLE, HEADLINE, BODY, SMALL = 20.0, 17.0, 13.0, 11.0
MOST_ROWS, MOST_LINES, LONGEST_NAME = 40, 40, 60
CELL = 14.0
"""Between two columns."""
NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'
START = re.compile(r"^<svg[^>]*>(<title>.*?</title>)?", re.DOTALL)
SIZE = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')


@dataclass(frozen=True)
class Piece:
    """A line of text, a row of a table, or a picture: how high it is, and what it holds.

    `runs` are (where it begins, what it says, how large); `svg` is the inside of a picture,
    which is `across` wide.
    """

    high: float
    runs: tuple[tuple[float, Run, float], ...] = ()
    svg: str = ""
    left: float = 0.0
    across: float = 0.0
    rule: bool = False
    stays: bool = False
    """The next piece stands beside this one, and not under it."""


def poster(view: View) -> Markup:
    """Return a view as the HTML of one figure."""
    pieces = [*_head(view), *_pictures(view.figure), *_tables(view), *_notes(view)]
    places, down = [], EDGE
    for piece in pieces:
        places.append(down)
        down += 0.0 if piece.stays else piece.high
    wide = max([ROOM, *(piece.left + piece.across for piece in pieces)]) + 2 * EDGE
    with mpl.rc_context(theme()):
        sheet = Sheet(wide, down + EDGE, direction="ltr")
        for piece, top in zip(pieces, places, strict=True):
            _draw_poster(sheet, piece, top)
        drawn = str(sheet.svg(str(view), f"poster {view.name}"))
    inside = "".join(
        f'<g transform="translate({EDGE + piece.left:g} {top:g})">{piece.svg}</g>'
        for piece, top in zip(pieces, places, strict=True)
        if piece.svg
    )
    if "xlink:" in inside and "xmlns:xlink" not in drawn:
        drawn = drawn.replace(
            NAMESPACE, f'{NAMESPACE} xmlns:xlink="http://www.w3.org/1999/xlink"', 1
        )
    return Markup(drawn.removesuffix("</svg>") + inside + "</svg>")  # noqa: S704 - our own drawings


def _draw_poster(sheet: Sheet, piece: Piece, top: float) -> None:
    """Write the texts of a piece, and its line."""
    for left, run, size in piece.runs:
        sheet.text(EDGE + left, top + size + 2, run, size=size)
    if piece.rule:
        y = top + piece.high - 2
        sheet.shape(Path([(EDGE, y), (EDGE + ROOM, y)]), edge="line", width=1.0, order=1.0)


def _poster_text(
    text: str, size: float, role: str = "ink", *, bold: bool = False
) -> Iterator[Piece]:
    """Yield a text line by line."""
    for line in wrap(text, ROOM, size, lines=6, bold=bold):
        yield Piece(size * 1.45, ((0.0, Run(line, role, bold), size),))


def _head(view: View) -> Iterator[Piece]:
    """Yield title, selection and headline."""
    yield from _poster_text(html_text(view.title, LONGEST_NAME), TITLE, bold=True)
    for html, role in ((view.selection, "muted"), (view.headline, "ink")):
        if html:
            yield from _poster_text(html_text(html, LONGEST_NAME), HEADLINE, role)
    yield Piece(8.0)


def _pictures(figure: str) -> Iterator[Piece]:
    """Yield the pictures of a figure beside each other, each under what is said before it."""
    found, wide = NARROW.sub("", figure), 0.0
    texts, pictures = PICTURE.split(found), PICTURE.findall(found)
    row: list[tuple[str, str, float, float]] = []
    for text, svg in zip(texts, pictures, strict=False):
        size = SIZE.search(svg)
        across, down = (float(part) for part in size.groups()) if size else (0.0, 0.0)
        if row and wide + GAP + across > ROOM:
            yield from _row(row)
            row, wide = [], 0.0
        row.append((" ".join(sentences(text, LONGEST_NAME)), svg, across, down))
        wide += across + GAP
    yield from _row(row)
    for line in sentences(texts[-1], LONGEST_NAME):
        yield from _poster_text(line, BODY)


def _row(row: list[tuple[str, str, float, float]]) -> Iterator[Piece]:
    """Yield a row of pictures with their headings over them."""
    if not row:
        return
    left, heads = 0.0, []
    for head, _, across, _ in row:
        if head:
            run = Run(elide(head, across, BODY, bold=True), "ink", bold=True)
            heads.append((left, run, BODY))
        left += across + GAP
    if heads:
        yield Piece(BODY * 1.6, tuple(heads))
    left, high = 0.0, max(down for *_, down in row) + GAP
    for at, (_, svg, across, _) in enumerate(row):
        inside = START.sub("", svg).removesuffix("</svg>")
        last = at == len(row) - 1
        yield Piece(high, svg=inside, left=left, across=across, stays=not last)
        left += across + GAP


def _tables(view: View) -> Iterator[Piece]:
    """Yield the tables and the lines beside them, in their order."""
    for part in parts_of(view.table, LONGEST_NAME)[:MOST_LINES]:
        if isinstance(part, str):
            yield from _poster_text(part, BODY)
        else:
            yield Piece(10.0)
            yield from _poster_text(part.caption, BODY, "muted")
            yield from _grid(part)
            yield Piece(8.0)


def _grid(grid: Grid) -> Iterator[Piece]:
    """Yield the rows of a table, columns as wide as they need."""
    rows = grid.rows[:MOST_ROWS]
    wants = [
        max([width_of(head, SMALL), *(width_of(str(row[at]), BODY) for row in rows)]) + CELL
        for at, head in enumerate(grid.heads)
    ]
    shrink = min(1.0, ROOM / max(sum(wants), 1.0))
    wide = [want * shrink for want in wants]
    starts = [sum(wide[:at]) for at in range(len(wide))]

    def line(cells: tuple[str, ...], size: float, role: str, *, bold: bool = False) -> Piece:
        runs = tuple(
            (start, Run(elide(cell, room - CELL, size, bold=bold), role, bold), size)
            for start, room, cell in zip(starts, wide, cells, strict=True)
        )
        return Piece(size * 1.75, runs, rule=True)

    yield line(grid.heads, SMALL, "muted")
    for at, row in enumerate(rows):
        worst = at == grid.worst
        yield line(_flatten_cells(row), BODY, "lost-ink" if worst else "ink", bold=worst)
    if len(grid.rows) > len(rows):
        yield Piece(BODY * 1.5, ((0.0, Run(ELLIPSIS, "muted"), BODY),))


def _flatten_cells(row: tuple[Cell, ...]) -> tuple[str, ...]:
    """Return the cells of a row in one line each."""
    return tuple(map(str, row))


def _notes(view: View) -> Iterator[Piece]:
    """Yield the note line by line."""
    lines = sentences(view.note, LONGEST_NAME) or (html_text(view.note, LONGEST_NAME),)
    yield Piece(8.0)
    for text in lines[:MOST_LINES]:
        yield from _poster_text(text, BODY, "muted")
    if len(lines) > MOST_LINES:
        yield Piece(BODY * 1.5, ((0.0, Run(ELLIPSIS, "muted"), BODY),))
