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

import nh3
from markupsafe import Markup

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
SVG = frozenset(
    [
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
)
NAMES = frozenset(
    [
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
)
NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
KNOWN = frozenset(name.lower() for name in HTML | SVG)
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
    return Markup(CLEANER.clean(html))  # noqa: S704 - what is left is on the lists above


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
        if name.lower() not in KNOWN or not (_allowed if len(attributes) < SHORT else _look)(
            attributes
        ):
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


def _keep_attribute(_: str, name: str, value: str) -> str | None:
    """Return the value of an attribute that may stand; None where it goes."""
    return value if _safe_value(name.lower(), value) else None


CLEANER = nh3.Cleaner(
    tags=set(HTML | SVG),
    clean_content_tags=set(DROPPED_WITH_CONTENT),
    attributes={"*": set(NAMES)},
    attribute_filter=_keep_attribute,
    generic_attribute_prefixes={"aria-", "data-"},
    url_schemes={"data"},
    link_rel=None,
)
"""Reads HTML as a browser does, and writes what is on the lists."""
