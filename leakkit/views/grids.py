"""What a view says, as plain texts and tables of texts: for files that are no pages."""

from __future__ import annotations

import csv
import io
import unicodedata
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import xlsxwriter

from leakkit.frames.spreadsheets import CREATED, LONGEST_CELL, OPTIONS
from leakkit.sources.check import safe_text
from leakkit.views.elements import BIDI_CONTROLS, is_seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.views.view import View


# ---------------- grids
# What a view says, as plain texts and tables of texts: for files that are no pages.
#
# A table on a page and the same table in a file or on a slide are one: both are read from
# the view, and no number is said twice.

UNLIMITED = 100_000
ISOLATE, POP, ELLIPSIS = "\u2068", "\u2069", "\u2026"
LINES = frozenset(("p", "li", "h3", "summary"))
"""Elements that are a line of their own, where they stand in no table."""
PARTS = frozenset(("th", "td", "caption"))
QUIET = frozenset(("svg", "sup", "style"))
"""Elements whose texts belong to a picture, or point to a note."""


def writable(text: str) -> str:
    r"""Return a text without what XML forbids, nor what no reader can see; lines stay lines.

    >>> writable("a\x00b\ufffe\ud800"), writable("a\tb\nc")
    ('ab', 'a b\nc')
    """
    return "".join(
        " " if char == "\t" else char for char in text if char in "\n\t" or is_seen(char)
    )


def shorten_name(name: str, longest: int) -> str:
    """Return a name with so many letters at most, in its own direction where it has one.

    >>> shorten_name("Proforma", 5)
    'Prof…'
    """
    seen = "".join(char for char in writable(name) if char not in BIDI_CONTROLS)
    short = seen if len(seen) <= longest else seen[: longest - 1].rstrip() + ELLIPSIS
    turned = any(unicodedata.bidirectional(char) in {"R", "AL"} for char in short)
    return f"{ISOLATE}{short}{POP}" if turned else short


@dataclass(frozen=True)
class Cell:
    """What a cell says, and what stands small beside it: a range, or the days."""

    text: str
    small: str = ""

    def __str__(self) -> str:
        """Return both in one line."""
        return f"{self.text} ({self.small})" if self.small else self.text


@dataclass(frozen=True)
class Grid:
    """A table of texts; the first cell of a row is its heading."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    worst: int | None = None

    def only(self, heads: Sequence[str], most: int = UNLIMITED) -> Grid:
        """Return the first rows, with the columns of these headings only, as far as there are."""
        places = [0, *(self.heads.index(head) for head in heads if head in self.heads[1:])]
        rows = tuple(tuple(row[place] for place in places) for row in self.rows[:most])
        worst = self.worst if self.worst is not None and self.worst < most else None
        return Grid(self.caption, tuple(self.heads[place] for place in places), rows, worst)


def grids(html: str, longest: int = UNLIMITED) -> tuple[Grid, ...]:
    """Return the tables that a part of a page holds; names have so many letters at most."""
    return tuple(_read(html, longest).grids)


def sentences(html: str, longest: int = UNLIMITED) -> tuple[str, ...]:
    """Return the lines of text that stand in no table.

    >>> sentences("<p>In <bdi>A</bdi>: 5 &lt; 6.</p><p>Yes.</p>")
    ('In A: 5 < 6.', 'Yes.')
    """
    return tuple(line for line in _read(html, longest).lines if line)


def parts_of(html: str, longest: int = UNLIMITED) -> tuple[str | Grid, ...]:
    """Return lines and tables in the order in which they stand."""
    return tuple(part for part in _read(html, longest).parts if part)


def html_text(html: str, longest: int = UNLIMITED) -> str:
    """Return a sentence of a page as plain text."""
    return " ".join(sentences(f"<p>{html}</p>", longest))


def _read(html: str, longest: int) -> _Reader:
    """Read a part of a page."""
    reader = _Reader(longest)
    reader.feed(html)
    reader.close()
    return reader


@dataclass
class _Row:
    """The cells of a row so far."""

    worst: bool
    cells: list[Cell] = field(default_factory=list)


class _Reader(HTMLParser):
    """Collects tables and lines, in the order in which they stand."""

    def __init__(self, longest: int) -> None:
        """Begin with nothing."""
        super().__init__(convert_charrefs=True)
        self.longest = longest
        self.grids: list[Grid] = []
        self.lines: list[str] = []
        self.parts: list[str | Grid] = []
        self._rows: list[_Row] = []
        self._caption, self._quiet, self._table = "", 0, False
        self._said: list[str] = [""]
        self._small: list[str] | None = None
        self._name: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a table, a row, a cell, a line, a name or a small remark."""
        kind = dict(attrs).get("class") or ""
        if tag in QUIET:
            self._quiet += 1
        elif tag == "table":
            self._table, self._rows, self._caption = True, [], ""
        elif tag == "tr":
            self._rows.append(_Row(kind == "lk-worst"))
        elif tag in PARTS or (tag in LINES and not self._table):
            self._said, self._small = [""], None
        elif tag == "bdi":
            self._name = []
        elif tag == "span" and kind == "lk-range":
            self._small = []

    def handle_endtag(self, tag: str) -> None:
        """End what began."""
        if tag in QUIET:
            self._quiet -= 1
        elif tag == "bdi" and self._name is not None:
            name, self._name = shorten_name("".join(self._name), self.longest), None
            self.handle_data(name)
        elif tag == "caption":
            self._caption = self._text()
        elif tag in {"th", "td"}:
            small = " ".join("".join(self._small or ()).split())
            self._rows[-1].cells.append(Cell(self._text(), small))
        elif tag in LINES and not self._table:
            small = "".join(self._small or ())
            self.lines.append(" ".join(filter(None, (self._text(), small))))
            self.parts.append(self.lines[-1])
            self._said, self._small = [""], None
        elif tag == "table":
            self._end_table()

    def handle_data(self, data: str) -> None:
        """Take a piece of text."""
        if self._quiet:
            return
        if self._name is not None:
            self._name.append(data)
        elif self._small is not None:
            self._small.append(data)
        else:
            self._said.append(data)

    def _text(self) -> str:
        """Return what was said since the last cell or line began."""
        said, self._said = " ".join("".join(self._said).split()), [""]
        return writable(said)

    def _end_table(self) -> None:
        """Keep the table that was read."""
        self._table = False
        if not self._rows:
            return
        head, *rows = self._rows
        worst = next((at for at, row in enumerate(rows) if row.worst), None)
        heads = tuple(cell.text for cell in head.cells)
        cells = tuple(tuple(row.cells) for row in rows)
        self.grids.append(Grid(self._caption, heads, cells, worst))
        self.parts.append(self.grids[-1])


# ---------------- sheets
# The tables of a view as files: CSV and Excel, in which no text runs.

Rows = list[list[str]]


def view_tables(view: View) -> tuple[Grid, ...]:
    """Return the tables of a view; of one without any, what it says, line by line."""
    found = grids(f"{view.figure}{view.table}{view.note}")
    if found:
        return found
    parts = (view.headline, view.figure, view.table, view.note)
    said = [line for part in parts for line in (sentences(part) or [html_text(part)]) if line]
    rows = tuple((Cell(line),) for line in [*said, view.alt] if line)
    return (Grid(html_text(view.title), (html_text(view.title),), rows),)


def rows_of(grid: Grid) -> Rows:
    """Return a table as rows of texts; what stands small beside a number has a column."""
    small = [any(row[at].small for row in grid.rows) for at in range(len(grid.heads))]
    heads = [Cell(name, f"{name} (+)") for name in grid.heads]
    return [
        [text for cell, more in zip(row, small, strict=True) for text in _texts(cell, more=more)]
        for row in (heads, *grid.rows)
    ]


def _texts(cell: Cell, *, more: bool) -> list[str]:
    """Return a cell as one text, or as two."""
    return [cell.text, cell.small] if more else [cell.text]


def csv_of(view: View) -> str:
    r"""Return all tables of a view as CSV text, each under its caption, an empty line between."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for at, grid in enumerate(view_tables(view)):
        if at:
            writer.writerow([])
        writer.writerow([safe_text(grid.caption)])
        writer.writerows([safe_text(cell) for cell in row] for row in rows_of(grid))
    return text.getvalue()


def xlsx_of(view: View) -> bytes:
    """Return all tables of a view as an Excel file, a sheet each; texts are texts."""
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, OPTIONS)
    book.set_properties({"created": CREATED, "author": "", "comments": ""})
    bold = book.add_format({"bold": True, "bottom": 1})
    for at, grid in enumerate(view_tables(view), 1):
        sheet = book.add_worksheet(str(at))
        sheet.write_string(0, 0, grid.caption[:LONGEST_CELL])
        for down, row in enumerate(rows_of(grid), 1):
            for across, cell in enumerate(row):
                sheet.write_string(down, across, cell[:LONGEST_CELL], bold if down == 1 else None)
        sheet.freeze_panes(2, 1)
    book.close()
    return stream.getvalue()
