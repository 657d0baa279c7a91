"""How values look on a page: the stylesheet, the kinds of views, a table of facts."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


# ---------------- style
# The style of every page, and of views in a notebook.


@cache
def stylesheet() -> str:
    """Return the one stylesheet, as text."""
    return resources.files("leakkit.page").joinpath("style.css").read_text("utf-8")


def style_element() -> str:
    """Return what stands before a view in a notebook, and once in the head of a page."""
    return f"<style>\n{stylesheet()}</style>\n"


# ---------------- kinds
# Kinds of views, which a view says and a page reads.

SECTION, FIRST = "section", "first"
"""A section of the page, or its beginning."""
REPEATED = "repeated"
"""A view that says only what another says: a notebook shows it, a page leaves it out."""


# ---------------- facts
# A small table of facts, as a notebook shows a value.


def facts_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return an HTML table; whole numbers with commas, all texts escaped.

    >>> facts_table(["deals"], [[1200]])
    '<table><thead><tr><th>deals</th></tr></thead><tbody><tr><td>1,200</td></tr></tbody></table>'
    """
    head = Markup("").join(Markup("<th>{}</th>").format(heading) for heading in headings)
    lines = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(Markup("<td>{}</td>").format(_text(cell)) for cell in row)
        )
        for row in rows
    )
    return str(
        Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(head, lines)
    )


def _text(cell: object) -> str:
    """Return a cell as text."""
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
