"""A small table of facts, as a notebook shows a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


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
