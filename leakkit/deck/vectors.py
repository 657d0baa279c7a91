"""A figure of a view as native shapes: named, grouped, each to be moved and coloured by hand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from leakkit.views.drawing.picture_files import BOLD_FROM, LINK, SPACE, only_picture, style_of
from leakkit.views.drawing.sheet import width_of
from leakkit.views.grids import writable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leakkit.deck.content import Drawing
    from leakkit.deck.masters import Colours


ROLE = re.compile(r"var\(--lk-([a-z-]+), #[0-9a-f]{6}\)")
STEPS = {
    "M": ("moveTo", 1),
    "L": ("lnTo", 1),
    "C": ("cubicBezTo", 3),
    "Q": ("quadBezTo", 2),
}
POINT = 12_700
"""EMU of a point."""
ASCENT = 0.93
"""Where the base line lies under the top of a line of text, in ems."""
ROOMY = 1.08

Xml = str
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class VectorFrame:
    """Where a drawing stands on a slide, in EMU, and how many EMU a pixel of it has."""

    left: float
    top: float
    scale: float

    def x(self, pixels: float) -> float:
        """Return where a pixel stands, across."""
        return self.left + self.scale * pixels

    def y(self, pixels: float) -> float:
        """Return where a pixel stands, down."""
        return self.top + self.scale * pixels


def read_svg(drawing: Drawing) -> ET.Element:
    """Return the picture of a figure with roles in place of colours."""
    return ET.fromstring(ROLE.sub(r"\1", only_picture(drawing.svg)))  # noqa: S314 - our own drawing


def size_of(root: ET.Element) -> tuple[float, float]:
    """Return width and height in pixels."""
    return float(root.get("width", "0")), float(root.get("height", "0"))


@dataclass
class Copy:
    """Writes the shapes of a picture one behind the other; ids are given from `next_id` on."""

    frame: VectorFrame
    colours: Colours
    drawing: Drawing
    known: dict[str, ET.Element]
    next_id: int

    def shapes(self, element: ET.Element, name: str = "") -> Iterator[Xml]:
        """Yield the shapes of an element and of what is in it."""
        kind = element.tag.removeprefix(SPACE)
        name = element.get("data-lk", name)
        if kind == "path":
            yield from self._shape(element.get("d", ""), style_of(element), name)
        elif kind == "use":
            shape = self.known[element.get(LINK, "").removeprefix("#")]
            move = float(element.get("x", "0")), float(element.get("y", "0"))
            style = {**style_of(shape), **style_of(element)}
            yield from self._shape(shape.get("d", ""), style, name, move)
        elif kind == "text":
            yield self._text(element)
        elif kind not in {"defs", "title"}:
            for child in element:
                yield from self.shapes(child, name)

    def _id(self) -> int:
        """Return the next id."""
        self.next_id += 1
        return self.next_id

    def _name_shape(self, name: str) -> str:
        """Return what a shape is called in the list of a slide's shapes."""
        kind, _, number = name.rpartition("-")
        if kind and number.isdigit() and int(number) < len(self.drawing.stages):
            return f"{kind}: {self.drawing.stages[int(number)]}"
        return name or "shape"

    def _shape(
        self, described: str, style: dict[str, str], name: str, move: tuple[float, float] = (0, 0)
    ) -> Iterator[Xml]:
        """Yield a shape with its own outline; nothing where it has no points."""
        steps = _steps(described, move)
        points = [point for _, own in steps for point in own]
        if not points:
            return
        left, top = (min(point[axis] for point in points) for axis in (0, 1))
        right, bottom = (max(point[axis] for point in points) for axis in (0, 1))
        size = tuple(max(round(self.frame.scale * s), 1) for s in (right - left, bottom - top))
        path = "".join(self._step(name, own, left, top) for name, own in steps)
        at = round(self.frame.x(left)), round(self.frame.y(top))
        yield (
            f'<p:sp><p:nvSpPr><p:cNvPr id="{self._id()}" name="{_quote(self._name_shape(name))}"/>'
            "<p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr>"
            f'<a:xfrm><a:off x="{at[0]}" y="{at[1]}"/><a:ext cx="{size[0]}" cy="{size[1]}"/>'
            "</a:xfrm><a:custGeom><a:avLst/><a:gdLst/><a:ahLst/><a:cxnLst/>"
            '<a:rect l="0" t="0" r="r" b="b"/><a:pathLst>'
            f'<a:path w="{size[0]}" h="{size[1]}">{path}</a:path></a:pathLst></a:custGeom>'
            f"{self._fill(style)}{self._line(style)}</p:spPr></p:sp>"
        )

    def _step(self, kind: str, points: Points, left: float, top: float) -> Xml:
        """Write a step of an outline."""
        if kind == "close":
            return "<a:close/>"
        scale = self.frame.scale
        said = "".join(
            f'<a:pt x="{round(scale * (x - left))}" y="{round(scale * (y - top))}"/>'
            for x, y in points
        )
        return f"<a:{kind}>{said}</a:{kind}>"

    def _fill(self, style: dict[str, str]) -> Xml:
        """Write the fill of a shape."""
        fill = style.get("fill", "ink")
        if fill.startswith("url"):
            return self.colours.stripes(style.get("stroke", "ink"))
        return self.colours.fill(fill, float(style.get("opacity", "1")))

    def _line(self, style: dict[str, str]) -> Xml:
        """Write the line of a shape."""
        edge = style.get("stroke", "none")
        if edge == "none":
            return "<a:ln><a:noFill/></a:ln>"
        wide = round(float(style.get("stroke-width", "1")) * self.frame.scale)
        seen = float(style.get("opacity", style.get("stroke-opacity", "1")))
        dashed = '<a:prstDash val="dash"/>' if style.get("stroke-dasharray") else ""
        ends = ' cap="rnd"' if style.get("stroke-linecap") == "round" else ' cap="flat"'
        return f'<a:ln w="{wide}"{ends}>{self.colours.fill(edge, seen)}{dashed}</a:ln>'

    def _text(self, element: ET.Element) -> Xml:
        """Write one line of text as a box without margins."""
        style, rtl = style_of(element), element.get("direction") == "rtl"
        size = float(style["font-size"].removesuffix("px"))
        runs = [(one.text or "", style_of(one)) for one in element.iter(f"{SPACE}tspan")]
        wide = sum(width_of(said, size, bold=_bold(own)) for said, own in runs) * ROOMY + 4
        anchor = element.get("text-anchor", "start")
        if rtl:
            anchor = {"start": "end", "end": "start"}.get(anchor, anchor)
        before = {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * wide
        left = self.frame.x(float(element.get("x", "0")) - before)
        top = self.frame.y(float(element.get("y", "0")) - ASCENT * size)
        extent = round(self.frame.scale * wide), round(self.frame.scale * size * 1.25)
        points = max(round(100 * size * self.frame.scale / POINT), 100)
        side = {"start": "l", "middle": "ctr", "end": "r"}[anchor]
        body = "".join(self._run(said, own, points) for said, own in runs)
        turned = ' rtl="1"' if rtl else ""
        said = writable("".join(said for said, _ in runs)).strip()
        return (
            f'<p:sp><p:nvSpPr><p:cNvPr id="{self._id()}" name="{_quote(said[:60])}"/>'
            '<p:cNvSpPr txBox="1"/><p:nvPr/></p:nvSpPr><p:spPr>'
            f'<a:xfrm><a:off x="{round(left)}" y="{round(top)}"/>'
            f'<a:ext cx="{extent[0]}" cy="{extent[1]}"/></a:xfrm>'
            '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom><a:noFill/></p:spPr><p:txBody>'
            '<a:bodyPr wrap="none" lIns="0" tIns="0" rIns="0" bIns="0" anchor="t"><a:noAutofit/>'
            f'</a:bodyPr><a:lstStyle/><a:p><a:pPr algn="{side}"{turned}/>{body}</a:p>'
            "</p:txBody></p:sp>"
        )

    def _run(self, said: str, style: dict[str, str], points: int) -> Xml:
        """Write a run of a line."""
        bold = ' b="1"' if _bold(style) else ""
        fill = self.colours.fill(style.get("fill", "ink"))
        return (
            f'<a:r><a:rPr lang="en-GB" sz="{points}"{bold} dirty="0">{fill}</a:rPr>'
            f"<a:t>{escape(writable(said), quote=False)}</a:t></a:r>"
        )


def _bold(style: dict[str, str]) -> bool:
    """Say whether a run is bold."""
    return int(style.get("font-weight", "400")) >= BOLD_FROM


def _quote(name: str) -> str:
    """Return a name as the value of an attribute."""
    return escape(" ".join(writable(name).split()), quote=True)


def _steps(described: str, move: tuple[float, float]) -> list[tuple[str, Points]]:
    """Return the outline that an SVG describes in absolute terms, step by step."""
    steps: list[tuple[str, Points]] = []
    for letter, numbers in re.findall(r"([A-Za-z])([^A-Za-z]*)", described):
        if letter == "z":
            steps.append(("close", []))
            continue
        at = [float(number) for number in numbers.split()]
        kind, count = STEPS[letter]
        points = [(x + move[0], y + move[1]) for x, y in zip(at[::2], at[1::2], strict=True)]
        steps += [(kind, points[i : i + count]) for i in range(0, len(points), count)]
    return steps
