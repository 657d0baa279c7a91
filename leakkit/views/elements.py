"""The pieces of HTML that views are put together from; what is no `Markup` yet is escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable


def paragraphs(texts: Iterable[str]) -> Markup:
    """Return texts as paragraphs; empty ones are left out.

    >>> print(paragraphs(["5 < 6", "", "7"]))
    <p>5 &lt; 6</p>
    <p>7</p>
    """
    return Markup("\n").join(Markup("<p>{}</p>").format(text) for text in texts if text)


def bullets(texts: Iterable[str]) -> Markup:
    """Return texts as a list; nothing where there are none."""
    items = Markup("\n").join(Markup("<li>{}</li>").format(text) for text in texts)
    return Markup("<ul>\n{}\n</ul>").format(items) if items else Markup("")


def heading(text: str) -> Markup:
    """Return the heading of a part of a view."""
    return Markup("<h3>{}</h3>").format(text)


def fold_content(summary: str, content: str) -> Markup:
    """Return content that is shown when somebody opens its summary."""
    return Markup("<details><summary>{}</summary>{}</details>").format(summary, content)


def add_range(said: str, between: str) -> Markup:
    """Return what is said with its interval, or what else stands small beside it."""
    return Markup('{}<span class="lk-range">{}</span>').format(said, between)


def panels(parts: Iterable[tuple[str, str]], *, kind: str = "") -> Markup:
    """Return pictures beside each other, each under its heading."""
    items = Markup("\n").join(Markup("<li>{}{}</li>").format(heading(h), p) for h, p in parts)
    return Markup('<ul class="{}">{}</ul>').format(f"lk-panels {kind}".strip(), items)
