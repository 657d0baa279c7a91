"""docs/benchmarks.md: every benchmark writes its own section, and the summary above follows.

A section is its command, what was measured, a table of what is wanted, and the numbers.
"""

from __future__ import annotations

import re
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEFORE_HEADING = re.compile(r"^(?=##? )", re.MULTILINE)
MET, MISSED = "met", "**missed**"
WANTED = ("", "wanted", "measured", "")
TARGET = re.compile(rf"^\| (.+) \| (.+) \| (.+) \| ({MET}|{re.escape(MISSED)}) \|$", re.MULTILINE)
TITLE = "# How fast, and how large"
OPENING = f"""{TITLE}

    make bench    # measures all of this, and prints it

Each section has its command, which measures and writes that section alone; what is wanted, and
whether it is met; and the numbers. What is compared takes turns, each measurement in a process of
its own, and ratios are of one round, so that a machine that is slow for a minute is slow for all
of it. A number stands for its median, with the least and the most behind it. Seconds depend on the
machine; processor time does so less, and hardly on what else runs there. Memory is the largest
that the process ever held, Python included."""


@dataclass(frozen=True)
class Target:
    """What is wanted of a number, and what it was."""

    what: str
    wanted: str
    measured: str
    met: bool

    @property
    def row(self) -> list[str]:
        """Its row in the table of a section."""
        return [self.what, self.wanted, self.measured, MET if self.met else MISSED]

    @property
    def short(self) -> str:
        """The same in a few words, without what stands in brackets."""
        return f"{self.what}: {self.measured.partition(' (')[0]} ({self.wanted})"


def compose(heading: str, command: str, said: str, targets: Iterable[Target], *parts: str) -> str:
    """Write a section: a heading, its command, what was measured, what is wanted, and the rest."""
    rows = [target.row for target in targets]
    wanted = [table(WANTED, rows)] if rows else []
    first = f"## {heading}\n\n    {command}"
    return "\n\n".join([first, said.strip(), *wanted, *(part.strip() for part in parts)]) + "\n"


def put(section: str, page: Path = PAGE) -> None:
    """Write a section in the place of the one with its heading, or at the end; sum up above."""
    text = page.read_text("utf-8") if page.exists() else ""
    parts = [part for part in BEFORE_HEADING.split(text) if part.startswith("## ")]
    headings = [_heading(part) for part in parts]
    if _heading(section) in headings:
        parts[headings.index(_heading(section))] = section
    else:
        parts.append(section)
    page.write_text("\n\n".join([sum_up(parts), *(part.strip() for part in parts)]) + "\n", "utf-8")


def sum_up(sections: Iterable[str]) -> str:
    """Write the beginning of the page: how it is read, and what each section missed."""
    rows = []
    for section in sections:
        found = [
            Target(what, wanted, measured, word == MET)
            for what, wanted, measured, word in TARGET.findall(section)
        ]
        missed = [one.short for one in found if not one.met]
        name = _heading(section).removeprefix("## ")
        link = f"[{name}](#{_anchor(name)})"
        met = f"{len(found) - len(missed)} of {len(found)}" if found else ""
        rows.append([link, met, "; ".join(missed)])
    lines = [["section", MET, "missed"], ["---", "---:", "---"], *rows]
    return f"{OPENING}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _heading(part: str) -> str:
    """Return the first line."""
    return part.strip().partition("\n")[0]


def _anchor(name: str) -> str:
    """Return what a link to a heading ends with."""
    return re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-")


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table as Markdown, the first column to the left and the others to the right."""
    lines = [heading, ["---", *["---:"] * (len(heading) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Write the median and, of several values, the least and the most."""
    middle = f"{statistics.median(values):,.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"
