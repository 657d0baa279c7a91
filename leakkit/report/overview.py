"""index.html: the overview of all pages, or a plain list of them where there can be none."""

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
from leakkit.report import manifest, notebooks
from leakkit.report.planning import stands
from leakkit.report.publishing import INDEX
from leakkit.report.writing import broken_name
from leakkit.views.view import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Template

    from leakkit.report.manifest import Facts
    from leakkit.report.planning import PagePlanner, Tasks
    from leakkit.report.pool import Pool
    from leakkit.report.publishing import Draft
    from leakkit.report.run_results import PageResult
    from leakkit.words import Words


# ---------------- index
# The index of a run: one line per pipeline, also when something failed.
#
# It needs no notebook, no figure and no data, so that it can be written after any
# failure.

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


# ---------------- overview
# index.html: the overview of all pages, or a plain list of them where there can be none.

BROKEN = broken_name(notebooks.OVERVIEW)


@dataclass(frozen=True)
class Overview:
    """The first page of a run's folder."""

    draft: Draft
    planning: PagePlanner
    tasks: Tasks
    force: bool

    def write(self, pages: Sequence[PageResult], pool: Pool | None) -> Facts:
        """Write the overview, where it does not stand there; return what the manifest says of it.

        `failed` is why it is a plain list, if it is. Without a `pool` nothing can be run.
        """
        facts, asked = [page.facts() for page in pages], list(self.planning.plans)
        fingerprint = manifest.fingerprint_page(
            self.planning.analysis, notebooks.OVERVIEW, [facts, asked]
        )
        if pool and self._stands(fingerprint):
            html, trouble = self.draft.find(INDEX).read_text("utf-8"), ""
        else:
            html, trouble = self._render(facts, asked, pool)
        if trouble:
            html, fingerprint = self._plain_list(pages, trouble), ""
        self.draft.write_text(INDEX, html)
        return {"fingerprint": fingerprint, "sha256": manifest.digest_text(html), "failed": trouble}

    def _stands(self, fingerprint: str) -> bool:
        """Say whether it stands there as this run would make it."""
        last = self.planning.last.overview
        return not self.force and stands(last, self.draft.folder / INDEX, fingerprint)

    def _render(self, facts: list[Facts], asked: list[str], pool: Pool | None) -> tuple[str, str]:
        """Return the page that the notebook makes, or why there is none."""
        if pool is None:
            return "", "the run was interrupted"
        ((_, rendered),) = pool.render([self.tasks.overview(facts, asked)])
        if rendered.broken:
            self.draft.write_text(BROKEN, rendered.broken)
        return rendered.html, rendered.failed

    def _plain_list(self, pages: Sequence[PageResult], trouble: str) -> str:
        """Return a list of the pages, which needs no notebook."""
        words = words_of(self.planning.analysis)
        said = words.say("page.no_overview", reason=trouble)
        return index_page([_row(page, words) for page in pages], words, trouble=said)


def _row(page: PageResult, words: Words) -> IndexRow:
    """Return what the list says of a pipeline."""
    said = words.say("page.stale_short", as_of=page.last_day) if page.stale else page.headline
    return IndexRow(page.pipeline, page.page, said, page.failed, _links(page, words))


def _links(page: PageResult, words: Words) -> tuple[tuple[str, str], ...]:
    """Return the further pages and files of a pipeline, as (label, path)."""
    causes = ((words.say("page.to_root_causes"), page.causes),) if page.causes else ()
    return (*causes, ("stages.csv", f"{page.slug}/stages.csv")) if page.page else causes
