"""The master of a deck: the house's own, or that of a client's template, and its colours."""

from __future__ import annotations

import colorsys
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from pptx import Presentation
from pptx.enum.shapes import PP_PLACEHOLDER as KIND
from pptx.exc import PackageNotFoundError
from pptx.opc.constants import RELATIONSHIP_TYPE as LINKS
from pptx.oxml import parse_xml
from pptx.util import Inches, Pt

from leakkit.errors import LeakkitError
from leakkit.views.drawing.palette import PALETTE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pptx.presentation import Presentation as Deck
    from pptx.slide import SlideLayout, SlideMaster


# ---------------- colours
# The colours of the house as PowerPoint takes them: those of the theme, tinted and shaded.
#
# What is text, line or flow takes the theme's own colours, so a client's master stays one.
# What warns is red, amber or purple in every theme: a leak in a client's green is no leak.

TEXT, PAPER = "tx1", "bg1"
MAIN = "main"
"""Stands for the accent of the theme that the pipe takes."""
THEMED = {
    "ink": (TEXT, 0, 0),
    "muted": (TEXT, 65, 35),
    "line": (TEXT, 18, 82),
    "wash": (TEXT, 5, 95),
    "paper": (PAPER, 0, 0),
    "flow": (MAIN, 25, 75),
    "flow-edge": (MAIN, 0, 0),
    "flow-ink": (MAIN, 75, 0),
    "won": (MAIN, 0, 0),
    "advanced": (MAIN, 60, 40),
    "open": (TEXT, 25, 75),
    "open-edge": (TEXT, 50, 50),
}
"""A role as a colour of the theme, with its modulation and offset of luminance in per cent."""
HOUSE = {
    **THEMED,
    "muted": ("tx2", 0, 0),
    "line": ("bg2", 88, 0),
    "open": ("bg2", 80, 0),
    "open-edge": ("accent5", 0, 0),
}
"""The same under the theme of the house, which has greys of its own."""


@dataclass(frozen=True)
class Colours:
    """How roles become colours of a deck; `main` is the accent that the pipe takes."""

    main: str = "accent1"
    own: bool = True

    def xml(self, role: str, alpha: float = 1.0) -> str:
        """Return the colour of a role in DrawingML, without a namespace of its own.

        >>> Colours().xml("lost")
        '<a:srgbClr val="C6362A"/>'
        """
        seen = "" if alpha >= 1.0 else f'<a:alpha val="{round(100_000 * alpha)}"/>'
        themed = HOUSE if self.own else THEMED
        if role not in themed:
            inside = f">{seen}</a:srgbClr>" if seen else "/>"
            return f'<a:srgbClr val="{PALETTE[role][1:].upper()}"{inside}'
        name, kept, lighter = themed[role]
        scheme = self.main if name == MAIN else name
        tint = f'<a:lumMod val="{kept}000"/>' if kept else ""
        tint += f'<a:lumOff val="{lighter}000"/>' if lighter else ""
        inside = f">{tint}{seen}</a:schemeClr>" if tint or seen else "/>"
        return f'<a:schemeClr val="{scheme}"{inside}'

    def fill(self, role: str, alpha: float = 1.0) -> str:
        """Return a fill in the colour of a role; none where there is no role."""
        if not role or role == "none":
            return "<a:noFill/>"
        return f"<a:solidFill>{self.xml(role, alpha)}</a:solidFill>"

    def stripes(self, role: str) -> str:
        """Return a striped fill."""
        inside = f"<a:fgClr>{self.xml(role)}</a:fgClr><a:bgClr>{self.xml('paper')}</a:bgClr>"
        return f'<a:pattFill prst="wdUpDiag">{inside}</a:pattFill>'


# ---------------- masters
# The master of a deck: the house's own, or that of a client's template.

WIDE, HIGH = Inches(13.333), Inches(7.5)
MARGIN = Inches(0.6)
FONT = "Arial"
"""It is on every machine that shows slides, and has Greek, Cyrillic, Arabic and Hebrew."""
TITLES = (KIND.TITLE, KIND.CENTER_TITLE)
SMALL = (KIND.DATE, KIND.FOOTER, KIND.SLIDE_NUMBER)
NS = "http://schemas.openxmlformats.org/drawingml/2006/main"
PML = "http://schemas.openxmlformats.org/presentationml/2006/main"
LEAST_ROOM = 0.45
"""Of a slide's height, for what stands under the title."""
ROLES = ("flow-edge", "lost", "overdue", "returned", "open-edge", "advanced")
"""The accents of the house's theme, 1 to 6."""
GREY, RED, FAR = 0.15, 0.99, 0.11
"""Saturation of a grey; the hue of red, and how far from it a pipe's colour is, of a turn."""


@dataclass(frozen=True)
class Room:
    """Where things stand on a slide of a finding, in EMU: (left, top, width, height)."""

    kicker: tuple[int, int, int, int]
    body: tuple[int, int, int, int]
    foot: tuple[int, int, int, int]


@dataclass(frozen=True)
class Master:
    """A deck without slides, its two layouts, and its colours."""

    deck: Deck
    opening: SlideLayout
    finding: SlideLayout
    room: Room
    colours: Colours
    direction: str = "ltr"


def house(main: str = "", accent: str = "") -> Master:
    """Return the house's own master: 16:9, quiet, with the colours of the pages.

    `main` and `accent`, as #rrggbb, take the place of the first and the sixth accent.
    """
    deck = Presentation()
    deck.slide_width, deck.slide_height = WIDE, HIGH
    kept = ("Title Slide", "Title Only")
    for layout in list(deck.slide_layouts):
        if layout.name not in kept:
            deck.slide_layouts.remove(layout)
    _drop(deck)
    _theme(deck.slide_master, main, accent)
    _arrange(deck.slide_master, deck.slide_layouts)
    opening, finding = deck.slide_layouts
    _rule(opening)
    return Master(deck, opening, finding, _room(deck, finding), Colours())


def _drop(deck: Deck) -> None:
    """Drop what the empty deck brings along and no slide needs."""
    unwanted = (LINKS.PRINTER_SETTINGS, LINKS.THUMBNAIL)
    for rels in (deck.part.rels, deck.part.package._rels):
        for key in [key for key, rel in rels.items() if rel.reltype in unwanted]:
            rels.pop(key)


def _theme(master: SlideMaster, main: str, accent: str) -> None:
    """Put the colours and the font of the house into the theme."""
    part = master.part.part_related_by(LINKS.THEME)
    theme = part.blob.decode("utf-8")
    accents = [PALETTE[role] for role in ROLES]
    accents[0], accents[5] = main or accents[0], accent or accents[5]
    named = {
        "dk1": PALETTE["ink"],
        "lt1": PALETTE["paper"],
        "dk2": PALETTE["muted"],
        "lt2": "#f0f4f6",
        **{f"accent{at}": colour for at, colour in enumerate(accents, 1)},
        "hlink": PALETTE["flow-edge"],
        "folHlink": PALETTE["returned"],
    }
    for name, colour in named.items():
        said = f'<a:{name}><a:srgbClr val="{colour[1:].upper()}"/></a:{name}>'
        theme = re.sub(rf"<a:{name}>.*?</a:{name}>", said, theme, flags=re.DOTALL)
    theme = re.sub(r'<a:latin typeface="[^"+]+"', f'<a:latin typeface="{FONT}"', theme)
    theme = re.sub(r'(<a:theme [^>]*name=")[^"]*"', r'\1leakkit"', theme)
    part._blob = theme.encode("utf-8")


def _arrange(master: SlideMaster, layouts: Iterable[SlideLayout]) -> None:
    """Put the placeholders of the master where they stand on a wide slide."""
    width, foot = WIDE - 2 * MARGIN, Inches(7.02)
    places = {
        KIND.TITLE: (MARGIN, Inches(0.66), width, Inches(0.98)),
        KIND.BODY: (MARGIN, Inches(1.8), width, Inches(4.8)),
        KIND.DATE: (MARGIN, Inches(7.6), Inches(1), Inches(0.3)),
        KIND.FOOTER: (MARGIN, foot, width - Inches(1.2), Inches(0.3)),
        KIND.SLIDE_NUMBER: (WIDE - MARGIN - Inches(1), foot, Inches(1), Inches(0.3)),
    }
    for shape in list(master.placeholders):
        kind = shape.placeholder_format.type
        if kind == KIND.DATE:
            shape._element.getparent().remove(shape._element)
            continue
        shape.left, shape.top, shape.width, shape.height = places[kind]
        _margins(shape)
    for layout in layouts:
        _arrange_layout(layout)
    _styles(master)


def _margins(shape: Any) -> None:
    """Let texts begin where their boxes do."""
    frame = shape.text_frame
    frame.margin_left = frame.margin_right = 0


def _rule(layout: SlideLayout) -> None:
    """Draw a short line in the main colour over the subtitle of the opening."""
    tree = layout.shapes._spTree
    places = (
        f'<a:off x="{MARGIN}" y="{Inches(4.02)}"/><a:ext cx="{Inches(1.1)}" cy="{Inches(0.06)}"/>'
    )
    tree.append(
        parse_xml(
            f'<p:sp xmlns:p="{PML}" xmlns:a="{NS}"><p:nvSpPr><p:cNvPr id="90" name="Rule"/>'
            f'<p:cNvSpPr/><p:nvPr userDrawn="1"/></p:nvSpPr><p:spPr><a:xfrm>{places}</a:xfrm>'
            '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom><a:solidFill>'
            '<a:schemeClr val="accent1"/></a:solidFill></p:spPr></p:sp>'
        )
    )


def _arrange_layout(layout: SlideLayout) -> None:
    """Let a layout take its places from the master; the opening has places of its own."""
    opening = {
        KIND.CENTER_TITLE: (MARGIN, Inches(2.1), Inches(12.1), Inches(1.9)),
        KIND.SUBTITLE: (MARGIN, Inches(4.15), Inches(10.6), Inches(1.7)),
    }
    for shape in list(layout.placeholders):
        kind = shape.placeholder_format.type
        if kind == KIND.DATE:
            shape._element.getparent().remove(shape._element)
        elif kind in opening:
            shape.left, shape.top, shape.width, shape.height = opening[kind]
            _margins(shape)
            _opening_text(shape, kind)
        elif (places := shape._element.spPr.find(f"{{{NS}}}xfrm")) is not None:
            shape._element.spPr.remove(places)


def _opening_text(shape: Any, kind: KIND) -> None:
    """Set the title of the opening large, over its line; the subtitle small, under it."""
    title = kind == KIND.CENTER_TITLE
    body = shape._element.txBody
    body.bodyPr.set("anchor", "b" if title else "t")
    styles = body.find(f"{{{NS}}}lstStyle")
    for level in list(styles):
        styles.remove(level)
    size, role = (3200, "tx1") if title else (1600, "tx2")
    styles.append(
        parse_xml(
            f'<a:lvl1pPr xmlns:a="{NS}" marL="0" indent="0" algn="l"><a:buNone/>'
            f'<a:defRPr sz="{size}" b="{int(title)}"><a:solidFill><a:schemeClr val="{role}"/>'
            "</a:solidFill></a:defRPr></a:lvl1pPr>"
        )
    )


def _styles(master: SlideMaster) -> None:
    """Set titles to the left, bold and of a size that two lines fit; small print small."""
    styles = master._element.find(f"{{{PML}}}txStyles")
    level = styles.find(f"{{{PML}}}titleStyle/{{{NS}}}lvl1pPr")
    level.set("algn", "l")
    level.find(f"{{{NS}}}defRPr").set("sz", "2600")
    level.find(f"{{{NS}}}defRPr").set("b", "1")
    for shape in master.placeholders:
        if shape.placeholder_format.type == KIND.TITLE:
            shape._element.txBody.bodyPr.set("anchor", "t")
        if shape.placeholder_format.type in SMALL:
            inner = shape._element.txBody.find(f".//{{{NS}}}lvl1pPr")
            ends = shape.placeholder_format.type == KIND.SLIDE_NUMBER
            inner.set("algn", "r" if ends else "l")
            inner.find(f"{{{NS}}}defRPr").set("sz", str(int(Pt(9) / 127)))


# A client's template


def client(path: Path) -> Master:
    """Return the master of a client's template: its layouts, fonts and colours.

    Slides that are in it are left out. Raises LeakkitError where it cannot be read, or
    where placeholders are missing.
    """
    deck = _open_template(path)
    _without_slides(deck)
    layouts = [layout for master in deck.slide_masters for layout in master.slide_layouts]
    opening = _opening(layouts)
    finding = _finding(layouts)
    if opening is None or finding is None:
        raise _missing(path, layouts, opening, finding)
    room = _room(deck, finding)
    if room.body[3] < LEAST_ROOM * (deck.slide_height or 1):
        message = (
            f"In {path.name} the layout {finding.name!r} leaves too little room under its title. "
            "Let its title stand in the upper third of the slide."
        )
        raise LeakkitError("template_room", message)
    return Master(deck, opening, finding, room, Colours(_main(finding), own=False))


def _open_template(path: Path) -> Deck:
    """Open a template."""
    if not path.is_file():
        message = f"There is no file {path}."
        raise LeakkitError("no_template", message)
    try:
        return Presentation(str(path))
    except (PackageNotFoundError, BadZipFile, KeyError, ValueError, SyntaxError):
        message = (
            f"{path.name} cannot be read as a PowerPoint file (.pptx). Save the template as "
            ".pptx: a .potx or .ppt cannot be used."
        )
        raise LeakkitError("bad_template", message) from None


def _without_slides(deck: Deck) -> None:
    """Take the slides out of a template."""
    listed = deck.slides._sldIdLst
    for one in list(listed):
        deck.part.drop_rel(one.rId)
        listed.remove(one)


def _kinds(layout: SlideLayout) -> set[KIND]:
    """Return the kinds of placeholders of a layout."""
    return {shape.placeholder_format.type for shape in layout.placeholders}


def _opening(layouts: Iterable[SlideLayout]) -> SlideLayout | None:
    """Return the layout with a title and a subtitle."""
    fits = [one for one in layouts if KIND.SUBTITLE in _kinds(one) and _title(one) is not None]
    return min(fits, key=lambda one: len(_kinds(one)), default=None)


def _finding(layouts: Iterable[SlideLayout]) -> SlideLayout | None:
    """Return the layout with a title and the least besides it."""
    fits = [
        one for one in layouts if KIND.TITLE in _kinds(one) and KIND.SUBTITLE not in _kinds(one)
    ]
    return min(fits, key=lambda one: len(_kinds(one) - set(SMALL)), default=None)


def _missing(
    path: Path,
    layouts: Iterable[SlideLayout],
    opening: SlideLayout | None,
    finding: SlideLayout | None,
) -> LeakkitError:
    """Return what is wrong with a template that has no layout for a slide."""
    names = ", ".join(repr(layout.name) for layout in layouts) or "none"
    lacks = []
    if finding is None:
        lacks.append("for findings a layout with a title placeholder ('Title Only')")
    if opening is None:
        lacks.append("for the opening a layout with title and subtitle placeholders")
    message = (
        f"{path.name} lacks placeholders: {'; '.join(lacks)}. Its layouts are: {names}. Add "
        "them in PowerPoint (View, Slide Master), or leave --template out."
    )
    return LeakkitError("template_placeholders", message)


def _title(layout: SlideLayout) -> object | None:
    """Return the title placeholder of a layout."""
    found = [one for one in layout.placeholders if one.placeholder_format.type in TITLES]
    return found[0] if found else None


def _room(deck: Deck, layout: SlideLayout) -> Room:
    """Return where things stand under the title of a layout, and over its small print."""
    wide, high = int(deck.slide_width or WIDE), int(deck.slide_height or HIGH)
    title = next(one for one in layout.placeholders if one.placeholder_format.type in TITLES)
    low = [
        int(one.top)
        for one in layout.placeholders
        if one.placeholder_format.type in SMALL and int(one.top) > high / 2
    ]
    line = int(high * 0.042)
    end = min([int(high * 0.955), *low])
    under = int(title.top + title.height) + line // 3
    wide_title = title.width > 0.6 * wide
    left = int(title.left) if wide_title else int(0.05 * wide)
    width = int(title.width) if wide_title else int(0.9 * wide)
    above = max(int(title.top) - line, 0)
    room_above = int(title.top) >= line * 1.2
    return Room(
        (left, above, width, line if room_above else 0),
        (left, under, width, end - line - under),
        (left, end - line, width, line),
    )


def _main(layout: SlideLayout) -> str:
    """Return the accent for the pipe: the first that is neither grey nor red like a leak."""
    master = layout.slide_master
    theme = master.part.part_related_by(LINKS.THEME).blob.decode("utf-8", errors="replace")
    for at in range(1, 7):
        found = re.search(rf"<a:accent{at}>\s*<a:srgbClr val=\"([0-9A-Fa-f]{{6}})\"", theme)
        if found and _calm(found[1]):
            return f"accent{at}"
    return "tx2"


def _calm(colour: str) -> bool:
    """Say whether a colour is no grey, and no red or amber that could be taken for a leak."""
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4))
    hue, light, rich = colorsys.rgb_to_hls(red, green, blue)
    apart = min(abs(hue - RED), 1 - abs(hue - RED))
    return rich > GREY and apart > FAR and 0.1 < light < 0.75  # noqa: PLR2004 - neither black nor pale
