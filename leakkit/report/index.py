"""The index of a run: one line per pipeline, also when something failed.

It needs no notebook, no figure and no data, so that it can be written after any
failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from leakkit.page.inert import POLICY
from leakkit.page.style import stylesheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Template

    from leakkit.words import Words

TEMPLATES = Path(__file__).parent / "template" / "leakkit"


@dataclass(frozen=True)
class IndexRow:
    """One pipeline of a run: its page, and what the page says or why there is none.

    `page` and the second halves of `links` are paths relative to the index; `links`
    are further pages as (label, path). `failed` is the reason of a failure.
    """

    name: str
    page: str = ""
    headline: str = ""
    failed: str = ""
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Line:
    """A row with its paths as addresses."""

    name: str
    href: str
    headline: str
    failed: str
    links: tuple[tuple[str, str], ...]


def index_page(
    rows: Sequence[IndexRow],
    words: Words,
    *,
    title: str = "",
    headline: str = "",
    trouble: str = "",
) -> str:
    """Return the offline page that lists the pipelines of a run.

    `title` and `headline` default to plain words about how many pipelines there are and
    how many failed. `trouble` is said on top: why the overview itself is missing.
    """
    failed = sum(1 for row in rows if row.failed)
    said = words.say("page.pipelines", n=len(rows))
    if failed:
        said += " " + words.say("page.failures", n=failed)
    return _template().render(
        rows=[_line(row) for row in rows],
        words=words,
        title=title or words.say("page.index"),
        headline=headline or said,
        trouble=trouble,
        lang=words.language,
        dir=words.direction,
        policy=POLICY,
        style=Markup(stylesheet()),  # noqa: S704 - our own file
    )


def _line(row: IndexRow) -> _Line:
    """Make addresses of a row's paths."""
    links = tuple((label, _address(path)) for label, path in row.links)
    return _Line(row.name, _address(row.page), row.headline, row.failed, links)


def _address(path: str) -> str:
    """Return a path relative to the index as an address that can name no other place."""
    return quote(path.lstrip("/"), safe="/.-_~#")


@cache
def _template() -> Template:
    """Read the template once."""
    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(loader=loader, autoescape=True, keep_trailing_newline=True)
    return environment.get_template("list.html.j2")
