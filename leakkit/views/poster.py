"""A whole view as one picture: its sentences, its pictures beside each other, its tables.

For views that are no single figure. What is too long for a picture is cut, and a line
says so; the file of its tables has everything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.path import Path

from leakkit.views.grids import parts_of, sentences, text_of
from leakkit.views.ink import ELLIPSIS, Run, Sheet, elide, theme, width_of, wrap
from leakkit.views.picture import NARROW, PICTURE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leakkit.views.grids import Cell, Grid
    from leakkit.views.view import View

ROOM, EDGE, GAP = 1040.0, 28.0, 20.0
"""Pixels: the room of a line, the edge of the paper, and between two pictures."""
TITLE, HEADLINE, BODY, SMALL = 20.0, 17.0, 13.0, 11.0
MOST_ROWS, MOST_LINES, LONGEST_NAME = 40, 40, 60
CELL = 14.0
"""Between two columns."""
SPACE = 'xmlns="http://www.w3.org/2000/svg"'
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
            _draw(sheet, piece, top)
        drawn = str(sheet.svg(str(view), f"poster {view.name}"))
    inside = "".join(
        f'<g transform="translate({EDGE + piece.left:g} {top:g})">{piece.svg}</g>'
        for piece, top in zip(pieces, places, strict=True)
        if piece.svg
    )
    if "xlink:" in inside and "xmlns:xlink" not in drawn:
        drawn = drawn.replace(SPACE, f'{SPACE} xmlns:xlink="http://www.w3.org/1999/xlink"', 1)
    return Markup(drawn.removesuffix("</svg>") + inside + "</svg>")  # noqa: S704 - our own drawings


def _draw(sheet: Sheet, piece: Piece, top: float) -> None:
    """Write the texts of a piece, and its line."""
    for left, run, size in piece.runs:
        sheet.text(EDGE + left, top + size + 2, run, size=size)
    if piece.rule:
        y = top + piece.high - 2
        sheet.shape(Path([(EDGE, y), (EDGE + ROOM, y)]), edge="line", width=1.0, order=1.0)


def _text(text: str, size: float, role: str = "ink", *, bold: bool = False) -> Iterator[Piece]:
    """Yield a text line by line."""
    for line in wrap(text, ROOM, size, lines=6, bold=bold):
        yield Piece(size * 1.45, ((0.0, Run(line, role, bold), size),))


def _head(view: View) -> Iterator[Piece]:
    """Yield title, selection and headline."""
    yield from _text(text_of(view.title, LONGEST_NAME), TITLE, bold=True)
    for html, role in ((view.selection, "muted"), (view.headline, "ink")):
        if html:
            yield from _text(text_of(html, LONGEST_NAME), HEADLINE, role)
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
        yield from _text(line, BODY)


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
            yield from _text(part, BODY)
        else:
            yield Piece(10.0)
            yield from _text(part.caption, BODY, "muted")
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
    lines = sentences(view.note, LONGEST_NAME) or (text_of(view.note, LONGEST_NAME),)
    yield Piece(8.0)
    for text in lines[:MOST_LINES]:
        yield from _text(text, BODY, "muted")
    if len(lines) > MOST_LINES:
        yield Piece(BODY * 1.5, ((0.0, Run(ELLIPSIS, "muted"), BODY),))
