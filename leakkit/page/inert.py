"""Inert HTML: what may stand on a page, and how anything else is taken out.

A report shows what a notebook's cells returned. Names in it come from a CRM, so a
page must be harmless whatever they hold: no script, no handler, no outside address.
What is allowed is a list; all that is not on it is dropped. The page's
Content-Security-Policy says the same a second time, to the browser.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import unescape
from html.parser import HTMLParser

from markupsafe import Markup, escape

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:"
"""The Content-Security-Policy of every page."""
DROPPED_WITH_CONTENT = frozenset(
    [
        "script",
        "style",
        "iframe",
        "object",
        "embed",
        "applet",
        "noscript",
        "template",
        "frameset",
        "frame",
        "noembed",
        "xmp",
        "math",
        "foreignobject",
        "textarea",
        "select",
        "option",
        "audio",
        "video",
        "canvas",
        "portal",
    ]
)
HTML = frozenset(
    [
        "a",
        "abbr",
        "article",
        "aside",
        "b",
        "bdi",
        "bdo",
        "blockquote",
        "br",
        "caption",
        "code",
        "col",
        "colgroup",
        "dd",
        "del",
        "details",
        "dfn",
        "div",
        "dl",
        "dt",
        "em",
        "figcaption",
        "figure",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "ins",
        "kbd",
        "li",
        "main",
        "mark",
        "nav",
        "ol",
        "p",
        "pre",
        "q",
        "s",
        "samp",
        "section",
        "small",
        "span",
        "strong",
        "sub",
        "summary",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "time",
        "tr",
        "u",
        "ul",
        "var",
    ]
)
SVG = {
    name.lower(): name
    for name in [
        "svg",
        "g",
        "path",
        "rect",
        "circle",
        "ellipse",
        "line",
        "polyline",
        "polygon",
        "text",
        "tspan",
        "title",
        "desc",
        "defs",
        "clipPath",
        "pattern",
        "linearGradient",
        "radialGradient",
        "stop",
        "use",
    ]
}
ATTRIBUTES = {
    name.lower(): name
    for name in [
        "abbr",
        "alt",
        "class",
        "clip-path",
        "clip-rule",
        "clipPathUnits",
        "colspan",
        "cx",
        "cy",
        "d",
        "dir",
        "direction",
        "dx",
        "dy",
        "fill",
        "fill-opacity",
        "fill-rule",
        "font-family",
        "font-size",
        "font-weight",
        "height",
        "id",
        "lang",
        "offset",
        "opacity",
        "open",
        "patternUnits",
        "points",
        "preserveAspectRatio",
        "r",
        "role",
        "rowspan",
        "rx",
        "ry",
        "scope",
        "span",
        "start",
        "stop-color",
        "stroke",
        "stroke-dasharray",
        "stroke-linecap",
        "stroke-linejoin",
        "stroke-opacity",
        "stroke-width",
        "style",
        "tabindex",
        "text-anchor",
        "title",
        "transform",
        "type",
        "value",
        "version",
        "viewBox",
        "width",
        "x",
        "x1",
        "x2",
        "y",
        "y1",
        "y2",
        "href",
        "src",
        "xlink:href",
        "xmlns",
        "xmlns:xlink",
        "datetime",
        "gradientUnits",
        "gradientTransform",
        "patternTransform",
    ]
}
NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
NAMES = frozenset(ATTRIBUTES.values())
OWN = re.compile(r"(aria|data)-[a-z0-9-]+")
TAG = re.compile(r"<[^>]*>?")
TIDY = re.compile(r'<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[\w:-]+="[^"<>]*")*)\s*(/?)>')
PAIR = re.compile(r'([\w:-]+)="([^"]*)"')
SHORT = 300
"""Attributes up to this length repeat often enough to be remembered."""
VOID = frozenset(("br", "col", "hr", "img"))
IMAGE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*")
PLACE = re.compile(r"(#[\w.-]*|(?!//)[\w./-]+(#[\w.-]*)?)")
"""A place on this page, or a file beside it: no scheme, no host."""
STYLE_DANGER = re.compile(
    r"\\|@|/\*|expression|javascript|behavior|-moz-binding|image-set|url\((?!\s*['\"]?#)",
    re.IGNORECASE,
)


def inert(html: str) -> Markup:
    """Return `html` with nothing in it that could run, or could call outside.

    >>> print(inert('<p onclick="x()">a<script>b</script> <a href="http://c.d">e</a></p>'))
    <p>a <a>e</a></p>
    """
    if _is_inert(html):
        return Markup(html)  # noqa: S704 - every tag of it was checked
    parser = _Inert()
    parser.feed(html)
    parser.close()
    return parser.result()


def _is_inert(html: str) -> bool:
    """Say whether nothing needs to be taken out; True only for tidily written HTML.

    Most of a page is leakkit's own and tidy: to look at its tags is many times
    faster than to write it again.
    """
    depth = 0
    for found in TAG.finditer(html):
        tag = TIDY.fullmatch(found[0])
        if tag is None:
            return False
        close, name, attributes, empty = tag.groups()
        known = name.lower() in SVG or name.lower() in HTML
        if not known or not (_allowed if len(attributes) < SHORT else _look)(attributes):
            return False
        if not empty and name.lower() not in VOID:
            depth += -1 if close else 1
        if depth < 0:
            return False
    return depth == 0


def _look(attributes: str) -> bool:
    """Say whether all attributes of a tag may stand."""
    return all(
        (name in NAMES or OWN.fullmatch(name)) and _safe_value(name.lower(), unescape(value))
        for name, value in PAIR.findall(attributes)
    )


_allowed = lru_cache(maxsize=4096)(_look)


def _safe_value(name: str, value: str) -> bool:
    """Say whether an attribute may have this value."""
    if name == "style":
        return not STYLE_DANGER.search(value)
    if name == "src":
        return bool(IMAGE.fullmatch(value))
    if name == "href":
        return bool(PLACE.fullmatch(value))
    if name == "xlink:href":
        return value.startswith("#")
    if name.startswith("xmlns"):
        return value in NAMESPACES
    return "url(" not in value.lower() or value.startswith("url(#")


class _Inert(HTMLParser):
    """Write again what is allowed."""

    def __init__(self) -> None:
        """Start with nothing written."""
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._open: list[str] = []
        self._inside_dropped: list[str] = []

    def result(self) -> Markup:
        """Return what was written, all elements closed."""
        self._out.extend(f"</{name}>" for name in reversed(self._open))
        self._open = []
        return Markup("".join(self._out))  # noqa: S704 - built from the lists above

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element, if it may stand here."""
        if self._inside_dropped:
            if tag == self._inside_dropped[0]:
                self._inside_dropped.append(tag)
            return
        if tag in DROPPED_WITH_CONTENT:
            self._inside_dropped.append(tag)
            return
        name = SVG.get(tag) or (tag if tag in HTML else "")
        if not name:
            return
        self._out.append(f"<{name}{self._attributes(attrs)}>")
        if name not in VOID:
            self._open.append(name)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open and close an element; only SVG knows those that close themselves."""
        if tag in DROPPED_WITH_CONTENT:
            return
        if tag in SVG and not self._inside_dropped:
            self._out.append(f"<{SVG[tag]}{self._attributes(attrs)}/>")
        else:
            self.handle_starttag(tag, attrs)

    def _attributes(self, attrs: list[tuple[str, str | None]]) -> str:
        """Return the attributes that may stand."""
        written = []
        for raw, value in attrs:
            name = ATTRIBUTES.get(raw)
            if name is None and OWN.fullmatch(raw):
                name = raw
            if name and _safe_value(raw, value or ""):
                written.append(f' {name}="{escape(value)}"' if value is not None else f" {name}")
        return "".join(written)

    def handle_endtag(self, tag: str) -> None:
        """Close an element that is open, and those left open in it."""
        if self._inside_dropped:
            if tag == self._inside_dropped[-1]:
                self._inside_dropped.pop()
            return
        name = SVG.get(tag, tag)
        if name not in self._open:
            return
        while self._open:
            last = self._open.pop()
            self._out.append(f"</{last}>")
            if last == name:
                return

    def handle_data(self, data: str) -> None:
        """Write text."""
        if not self._inside_dropped:
            self._out.append(str(escape(data)))
