"""A page on its way to paper: numbered sheets with a running head, and nothing folded away.

A browser prints the page as it stands; what is added is a size, a head and a number on every
sheet. What readers unfold on a screen is printed as an appendix, and a link that leads to
another file of the folder becomes plain text: on paper it leads nowhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from markupsafe import Markup

from leakkit.words import Words

SIZES = {"a4": "A4", "letter": "letter"}
FOLDED = re.compile(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL)
LINK = re.compile(r'(<a\b[^>]*?) href="(?!#|https?:)[^"]*"')
END_OF_HEAD, END_OF_PAGE = "</head>", "</main>"
LANGUAGE = re.compile(r'<html lang="([a-z]+)" dir="([a-z]+)">')
SHEETS = """<style>
@media print {{
  .lk-appendix {{ break-before: page; }}
  @page {{
    size: {size};
    margin: 20mm 14mm 17mm;
    font: 7.5pt system-ui, "Segoe UI", Roboto, "Noto Sans", Vazirmatn, Tahoma, sans-serif;
    color: #55656f;
    @{start} {{ content: {head}; vertical-align: bottom; padding-block-end: 4mm; }}
    @{end} {{ content: {day}; vertical-align: bottom; padding-block-end: 4mm; }}
    @bottom-center {{ content: counter(page) " / " counter(pages); }}
  }}
  @page :first {{
    margin-block-start: 14mm;
    @{start} {{ content: none; }}
    @{end} {{ content: none; }}
  }}
}}
</style>
"""


@dataclass(frozen=True)
class Sheets:
    """What every sheet says: whose it is and of which day; `size` is a4 or letter."""

    whose: str
    day: str
    size: str = "a4"

    def lay_out(self, html: str) -> str:
        """Return a page as it is printed."""
        language, direction = found.groups() if (found := LANGUAGE.search(html)) else ("en", "ltr")
        start, end = ("top-left", "top-right")
        if direction == "rtl":
            start, end = end, start
        style = SHEETS.format(
            size=SIZES[self.size], start=start, end=end, head=write_string(self._head(html)),
            day=write_string(self.day),
        )  # fmt: skip
        laid = _unfold(LINK.sub(r"\1", html), Words(language))
        return laid.replace(END_OF_HEAD, style + END_OF_HEAD, 1)

    def _head(self, html: str) -> str:
        """Return the running head: the client, where there is one, and the title of the page."""
        title = re.search(r"<title>(.*?)</title>", html, re.DOTALL)
        said = Markup(title[1]).unescape() if title else ""  # noqa: S704 - only to be read
        return " \u00b7 ".join(part for part in (self.whose, said) if part)


def write_string(text: str) -> str:
    r"""Return a text as a string of a stylesheet, whatever it holds.

    >>> print(write_string('5" pipes </style>'))
    "5\000022  pipes \00003c \00002f style\00003e "
    """
    plain = "".join(c if c.isalnum() or c in " .,:-()\u00b7" else f"\\{ord(c):06x} " for c in text)
    return f'"{plain}"'


def _unfold(html: str, words: Words) -> str:
    """Move what is folded to an appendix at the end, and say where it went."""
    folded = FOLDED.findall(html)
    if not folded:
        return html
    pointed = FOLDED.sub(lambda m: _pointer(m[1], words), html)
    parts = "".join(
        f'<div class="lk-appended"><h3>{title}</h3>{body}</div>' for title, body in folded
    )
    title = words.html("paper.appendix")
    appendix = f'<section class="lk lk-appendix"><h2>{title}</h2>{parts}</section>'
    before, end, after = pointed.rpartition(END_OF_PAGE)
    return before + appendix + end + after


def _pointer(title: str, words: Words) -> str:
    """Say that a folded part stands in the appendix; its title is markup already."""
    said = words.html("paper.in_appendix", what=Markup(title))  # noqa: S704 - of our own page
    return f'<p class="lk-note">{said}</p>'
