"""docs/benchmarks.md: every benchmark writes its own section, and leaves the others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEFORE_HEADING = re.compile(r"^(?=##? )", re.MULTILINE)


def put(section: str, page: Path = PAGE) -> None:
    """Write a section in the place of the one with its heading, or at the end."""
    text = page.read_text("utf-8") if page.exists() else ""
    parts = [part for part in BEFORE_HEADING.split(text) if part.strip()]
    headings = [_heading(part) for part in parts]
    if _heading(section) in headings:
        parts[headings.index(_heading(section))] = section
    else:
        parts.append(section)
    page.write_text("\n\n".join(part.strip() for part in parts) + "\n", "utf-8")


def _heading(part: str) -> str:
    """Return the first line."""
    return part.strip().partition("\n")[0]


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table as Markdown, the first column to the left and the others to the right."""
    lines = [heading, ["---", *["---:"] * (len(heading) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
