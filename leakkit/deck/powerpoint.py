"""Slides into PowerPoint: every part where it stands, with its alt text and its notes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from pptx.enum.shapes import PP_PLACEHOLDER as KIND
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.oxml import parse_xml
from pptx.util import Emu, Inches, Pt

from leakkit.deck import vectors
from leakkit.deck.charting import add_chart
from leakkit.deck.content import Chart, Drawing, Tabled, Text
from leakkit.deck.masters import TITLES
from leakkit.errors import LeakkitError
from leakkit.views.drawing.sheet import elide, width_of, wrap
from leakkit.views.grids import writable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.deck.content import Placed, Slide
    from leakkit.deck.masters import Master
    from leakkit.views.grids import Cell


POINT = 12_700
SPACES = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
TITLE_SIZES = (24.0, 22.0, 20.0, 18.0)
LINES, LONE = 2, 0.22
"""Lines of a title; the part of the room under which its last line is a lone word."""
ARIAL = 0.87
"""How wide Arial is, of the font that words are measured in."""
UNKNOWN = 1.05
"""How wide the font of a template may be, of the same."""
SCALES = (1.0, 0.94, 0.88, 0.82, 0.76, 0.7, 0.64, 0.58)
"""How much smaller letters get where a template leaves less room."""
LEADING = 1.2
SMALLEST = 8.0
"""Points of the letters of a table, at least."""
LONGEST_NOTE = 6000
SMALL_RUN = '<a:rPr lang="en-GB" sz="900"><a:latin typeface="+mn-lt"/></a:rPr>'
NUMBER = (
    '<a:fld id="{B6F15528-21DE-4FAA-801E-634DDDAF4B2B}" type="slidenum"><a:rPr lang="en-GB"/>'
    "<a:t>#</a:t></a:fld>"
)
"""The number of a slide; PowerPoint fills it in."""
FOOT_SIZE = 9.5
LONGEST_LOGO = 5
"""How wide a logo is, of its height, before it is made smaller."""
DASH, LONGEST_NUMBER = "\u2013", 20
PADDING = 0.055
"""Margin of a cell, in inches."""

Place = tuple[int, int, int, int]


@dataclass(frozen=True)
class Foot:
    """What stands on every slide: a line under it, and a logo with what it is."""

    text: str = ""
    logo: bytes = b""
    client: str = ""


def write_slides(master: Master, slides: Sequence[Slide], foot: Foot) -> None:
    """Write all slides of a deck."""
    for slide in slides:
        if slide.opening:
            _open(master, slide, foot)
        else:
            _find(master, slide, foot)


def _open(master: Master, slide: Slide, foot: Foot) -> None:
    """Write the slide that opens a deck."""
    made = master.deck.slides.add_slide(master.opening)
    for shape in list(made.placeholders):
        kind = shape.placeholder_format.type
        if kind in TITLES:
            shape.text_frame.text = writable(slide.title)
            _direct(shape.text_frame.paragraphs[0], master)
        elif kind == KIND.SUBTITLE:
            shape.text_frame.text = writable(slide.subtitle)
            for paragraph in shape.text_frame.paragraphs:
                _direct(paragraph, master)
        else:
            shape._element.getparent().remove(shape._element)
    _small_print(made, master.opening, foot)
    _logo(made, foot, (int(master.room.body[0]), Inches(0.6), Inches(0.9)), ends=False)
    _note(made, slide)


def _find(master: Master, slide: Slide, foot: Foot) -> None:
    """Write a slide of a finding."""
    made = master.deck.slides.add_slide(master.finding)
    for shape in list(made.placeholders):
        if shape.placeholder_format.type in TITLES:
            _title(shape, slide.title, master)
        else:
            shape._element.getparent().remove(shape._element)
    hand = Hand(made, master)
    room = master.room
    if slide.kicker and room.kicker[3]:
        hand.line(room.kicker, slide.kicker, 11, "flow-ink", "Kicker", bold=True)
    for placed in slide.parts:
        hand.put(placed, room.body)
    if slide.foot:
        hand.foot(room.foot, slide.foot)
    _small_print(made, master.finding, foot)
    right = room.kicker[0] + room.kicker[2]
    _logo(made, foot, (right, Inches(0.22), Inches(0.42)), ends=True)
    _note(made, slide)


def _title(shape: Any, title: str, master: Master) -> None:
    """Write a title as large as two lines of it fit."""
    shape.text_frame.text = writable(title)
    _direct(shape.text_frame.paragraphs[0], master)
    size = title_size(title, shape.width / POINT)
    shape.text_frame.paragraphs[0].runs[0].font.size = Pt(size)


def _direct(paragraph: Any, master: Master) -> None:
    """Let a paragraph run as the language of the deck does, whatever its master says."""
    paragraph._p.get_or_add_pPr().set("rtl", "1" if master.direction == "rtl" else "0")


def title_size(title: str, room: float) -> float:
    """Return the largest size in which a title has two lines at most, and no lone word in one."""
    for size in TITLE_SIZES:
        wide = room / ARIAL
        lines = wrap(title, wide, size, lines=9, bold=True)
        lone = len(lines) > 1 and width_of(lines[-1], size, bold=True) < LONE * wide
        if len(wrap(title, room, size, lines=9, bold=True)) <= LINES and not lone:
            return size
    return TITLE_SIZES[-1]


def _small_print(made: Any, layout: Any, foot: Foot) -> None:
    """Put footer and slide number where the layout has them."""
    for shape in layout.placeholders:
        about = shape.placeholder_format
        if about.type == KIND.SLIDE_NUMBER:
            said, name = NUMBER, "sldNum"
        elif about.type == KIND.FOOTER and foot.text:
            text = escape(writable(foot.text), quote=False)
            said, name = f"<a:r>{SMALL_RUN}<a:t>{text}</a:t></a:r>", "ftr"
        else:
            continue
        tree = made.shapes._spTree
        tree.append(
            parse_xml(
                f'<p:sp {SPACES}><p:nvSpPr><p:cNvPr id="{_next_id(tree)}" name="{shape.name}"/>'
                '<p:cNvSpPr><a:spLocks noGrp="1"/></p:cNvSpPr><p:nvPr>'
                f'<p:ph type="{name}" sz="quarter" idx="{about.idx}"/></p:nvPr></p:nvSpPr><p:spPr/>'
                f"<p:txBody><a:bodyPr/><a:lstStyle/><a:p>{said}</a:p></p:txBody></p:sp>"
            )
        )


def _logo(made: Any, foot: Foot, place: tuple[int, int, int], *, ends: bool) -> None:
    """Put the logo where it begins, or where it `ends`: (across, down, its height)."""
    if not foot.logo:
        return
    across, down, high = place
    try:
        picture = made.shapes.add_picture(
            io.BytesIO(foot.logo), Emu(across), Emu(down), height=Emu(high)
        )
    except (OSError, ValueError, SyntaxError):
        message = "The logo that [brand] names cannot be read as a picture. Save it again."
        raise LeakkitError("bad_logo", message) from None
    picture.name = "Logo"
    picture._element.nvPicPr.cNvPr.set("descr", writable(foot.client) or "Logo")
    if picture.width > LONGEST_LOGO * high:
        picture.height = Emu(round(high * LONGEST_LOGO * high / picture.width))
        picture.width = Emu(LONGEST_LOGO * high)
    if ends:
        picture.left = Emu(across - picture.width)


def _next_id(tree: Any) -> int:
    """Return the next id of a slide's shapes."""
    return max(int(one) for one in tree.xpath("//p:cNvPr/@id")) + 1


def _note(made: Any, slide: Slide) -> None:
    """Write the notes of the speaker."""
    said = "\n".join(line for line in slide.notes if line)
    if said:
        made.notes_slide.notes_text_frame.text = writable(said)[:LONGEST_NOTE]


@dataclass(frozen=True)
class Hand:
    """Puts parts onto one slide."""

    made: Any
    master: Master

    def put(self, placed: Placed, room: Place) -> None:
        """Put a part where it stands in the room."""
        box, (left, top, wide, high) = placed.box, room
        place = (
            round(left + box.left * wide),
            round(top + box.top * high),
            round(box.width * wide),
            round(box.height * high),
        )
        part = placed.part
        if isinstance(part, Text):
            self._text(place, part)
        elif isinstance(part, Tabled):
            self._table(place, part)
        elif isinstance(part, Chart):
            add_chart(self.made.shapes, part, place, self.master.colours)
        elif isinstance(part, Drawing):
            self._drawing(place, part)

    def line(  # noqa: PLR0913 - a line of small print has as many sides
        self, place: Place, text: str, size: float, role: str, name: str, *, bold: bool = False
    ) -> None:
        """Write one line of small print; what does not fit is left out."""
        fits = elide(writable(text), place[2] / POINT, size, bold=bold)
        box = self._box(place, name)
        box.vertical_anchor = MSO_ANCHOR.MIDDLE
        self._run(box.paragraphs[0], fits, size, role, bold=bold)

    def foot(self, place: Place, text: str) -> None:
        """Write of what a slide is, in two lines at most, the last one always at the same place."""
        lines = wrap(writable(text), place[2] / POINT, FOOT_SIZE, lines=2)
        box = self._box(place, "Of what")
        box.vertical_anchor = MSO_ANCHOR.BOTTOM
        self._run(box.paragraphs[0], " ".join(lines), FOOT_SIZE, "muted")

    def _box(self, place: Place, name: str) -> Any:
        """Return the frame of a new text box without margins."""
        shape = self.made.shapes.add_textbox(*map(Emu, place))
        shape.name = name
        frame = shape.text_frame
        frame.word_wrap = True
        frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0
        return frame

    def _run(
        self,
        paragraph: Any,
        text: str,
        size: float,
        role: str,
        *,
        bold: bool = False,
    ) -> None:
        """Write a run of text in a colour of the house."""
        _direct(paragraph, self.master)
        run = paragraph.add_run()
        run.text = writable(text)
        run.font.size, run.font.bold = Pt(size), bold
        look = run._r.get_or_add_rPr()
        fill = self.master.colours.fill(role).replace("<a:solidFill>", f"<a:solidFill {SPACES}>")
        look.insert(0, parse_xml(fill))

    def _text(self, place: Place, part: Text) -> None:
        """Write lines under each other."""
        frame = self._box(place, part.name)
        wide = place[2] / POINT / self._breadth
        scale = next((s for s in SCALES if _height(part, wide, s) <= place[3] / POINT), SCALES[-1])
        for at, line in enumerate(part.lines):
            paragraph = frame.paragraphs[0] if at == 0 else frame.add_paragraph()
            paragraph.space_before = Pt(line.before * scale if at else 0)
            size = round(line.size * scale, 1)
            self._run(paragraph, line.text, size, line.role, bold=line.bold)

    @property
    def _breadth(self) -> float:
        """How wide letters are, of the font that words are measured in."""
        return ARIAL if self.master.colours.own else UNKNOWN

    def _table(self, place: Place, part: Tabled) -> None:
        """Write a table that can be edited: lines between rows, no boxes."""
        left, top, wide, high = place
        grid, size = part.grid, part.size
        tall = any(cell.small for row in grid.rows for cell in row[1:])
        row_high = min(round(size * POINT * (2.75 if tall else 2.0)), high // (len(grid.rows) + 1))
        rows, columns = len(grid.rows) + 1, len(grid.heads)
        frame = self.made.shapes.add_table(
            rows, columns, *map(Emu, (left, top, wide, row_high * rows))
        )
        frame.name = writable(grid.caption)[:80] or "Table"
        frame._element.nvGraphicFramePr.cNvPr.set("descr", writable(grid.caption))
        table = frame.table
        look = table._tbl.tblPr
        for flag in ("firstRow", "bandRow"):
            look.set(flag, "1" if flag == "firstRow" else "0")
        for style in list(look):
            look.remove(style)
        shares = [share / sum(part.widths) for share in part.widths]
        for column, share in zip(table.columns, shares, strict=True):
            column.width = Emu(round(wide * share))
        for row in table.rows:
            row.height = Emu(row_high)
        rooms = [wide * share / POINT - 2 * PADDING * 72 for share in shares]
        size = self._table_size(part, rooms)
        for column, head in enumerate(grid.heads):
            numbers = column > 0 and _numeric(grid.rows, column)
            self._head(table.cell(0, column), head, rooms[column], size, numbers=numbers)
        for at, row in enumerate(grid.rows, 1):
            for column, cell in enumerate(row):
                strong = grid.worst == at - 1
                words = column == 0 or not _numeric(grid.rows, column)
                self._cell(
                    table.cell(at, column), cell, rooms[column], size, words=words, strong=strong
                )

    def _table_size(self, part: Tabled, rooms: Sequence[float]) -> float:
        """Return the largest size in which no first cell loses a letter."""
        wide = rooms[0] / self._breadth
        size = part.size
        while size > SMALLEST and any(
            " ".join(wrap(row[0].text, wide, size, lines=2, bold=True)) != row[0].text
            for row in part.grid.rows
        ):
            size -= 0.5
        return size

    def _head(self, cell: Any, text: str, room: float, size: float, *, numbers: bool) -> None:
        """Write a heading, in two lines at most."""
        self._frame(cell, "open-edge")
        lines = wrap(text, room / self._breadth, size - 1.5, lines=3)
        paragraph = cell.text_frame.paragraphs[0]
        paragraph.alignment = PP_ALIGN.RIGHT if numbers else PP_ALIGN.LEFT
        self._run(paragraph, " ".join(lines), size - 1.5, "muted")

    def _cell(  # noqa: PLR0913 - as above
        self,
        cell: Any,
        content: Cell,
        room: float,
        size: float,
        *,
        words: bool,
        strong: bool,
    ) -> None:
        """Write a cell, and small under it what stands beside."""
        self._frame(cell, "line")
        role = "lost-ink" if strong else "ink"
        paragraph = cell.text_frame.paragraphs[0]
        wide = room / self._breadth
        lines = wrap(content.text, wide, size, lines=2, bold=strong) if words else (content.text,)
        side = PP_ALIGN.LEFT if words else PP_ALIGN.RIGHT
        paragraph.alignment = side
        self._run(paragraph, " ".join(lines), size, role, bold=strong)
        if content.small:
            under = cell.text_frame.add_paragraph()
            under.alignment = side
            self._run(under, elide(content.small, room, size - 2), size - 2, "muted")

    def _frame(self, cell: Any, role: str) -> None:
        """Give a cell a line under it and nothing else."""
        cell.margin_left = cell.margin_right = Emu(round(PADDING * 914_400))
        cell.margin_top = cell.margin_bottom = Emu(round(0.02 * 914_400))
        cell.vertical_anchor = MSO_ANCHOR.MIDDLE
        look = cell._tc.get_or_add_tcPr()
        none = "".join(f'<a:{side} w="0"><a:noFill/></a:{side}>' for side in ("lnL", "lnR", "lnT"))
        line = f'<a:lnB w="9525">{self.master.colours.fill(role)}</a:lnB>'
        for element in parse_xml(f"<a:x {SPACES}>{none}{line}<a:noFill/></a:x>"):
            look.append(element)

    def _drawing(self, place: Place, part: Drawing) -> None:
        """Put a figure as shapes in one group."""
        root = vectors.read_svg(part)
        wide, high = vectors.size_of(root)
        scale = min(place[2] / wide, place[3] / high)
        left = place[0] + (place[2] - wide * scale) / 2
        top = place[1] + (place[3] - high * scale) / 2
        tree = self.made.shapes._spTree
        number = _next_id(tree)
        known = {one.get("id", ""): one for one in root.iter()}
        copy = vectors.Copy(
            vectors.VectorFrame(left, top, scale), self.master.colours, part, known, number
        )
        shapes = "".join(copy.shapes(root))
        area = (
            f'x="{round(left)}" y="{round(top)}"/>',
            f'cx="{round(wide * scale)}" cy="{round(high * scale)}"/>',
        )
        alt = escape(writable(part.alt), quote=True)
        tree.append(
            parse_xml(
                f'<p:grpSp {SPACES}><p:nvGrpSpPr><p:cNvPr id="{number}" name="{escape(part.name)}" '
                f'descr="{alt}"/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr><a:xfrm>'
                f"<a:off {area[0]}<a:ext {area[1]}<a:chOff {area[0]}<a:chExt {area[1]}"
                f"</a:xfrm></p:grpSpPr>{shapes}</p:grpSp>"
            )
        )


def _numeric(rows: Sequence[Sequence[Cell]], column: int) -> bool:
    """Say whether a column holds numbers: short, and each with a digit, or a dash."""
    texts = [row[column].text for row in rows]
    return all(
        not text or (len(text) <= LONGEST_NUMBER and any(c.isdigit() or c == DASH for c in text))
        for text in texts
    )


def _height(part: Text, wide: float, scale: float) -> float:
    """Return how high lines stand, in points, in letters that are so much smaller."""
    heights = [
        line.before * scale * (at > 0)
        + LEADING * line.size * scale
        * len(wrap(line.text, wide, line.size * scale, lines=99, bold=line.bold))
        for at, line in enumerate(part.lines)
    ]  # fmt: skip
    return sum(heights)
