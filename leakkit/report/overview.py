"""index.html: the overview of all pages, or a plain list of them where there can be none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit.report import books, manifest
from leakkit.report.draft import INDEX
from leakkit.report.index import IndexRow, index_page
from leakkit.report.planning import stands
from leakkit.report.writing import broken_name
from leakkit.views.view import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.report.draft import Draft
    from leakkit.report.manifest import Facts
    from leakkit.report.planning import Planning
    from leakkit.report.pool import Pool
    from leakkit.report.results import PageResult
    from leakkit.report.tasks import Tasks
    from leakkit.words import Words

BROKEN = broken_name(books.OVERVIEW)


@dataclass(frozen=True)
class Overview:
    """The first page of a run's folder."""

    draft: Draft
    planning: Planning
    tasks: Tasks
    force: bool

    def write(self, pages: Sequence[PageResult], pool: Pool | None) -> Facts:
        """Write the overview, where it does not stand there; return what the manifest says of it.

        `failed` is why it is a plain list, if it is. Without a `pool` nothing can be run.
        """
        facts, asked = [page.facts() for page in pages], list(self.planning.plans)
        fingerprint = manifest.fingerprint(self.planning.analysis, books.OVERVIEW, [facts, asked])
        if pool and self._stands(fingerprint):
            html, trouble = self.draft.find(INDEX).read_text("utf-8"), ""
        else:
            html, trouble = self._render(facts, asked, pool)
        if trouble:
            html, fingerprint = self._plain_list(pages, trouble), ""
        self.draft.write_text(INDEX, html)
        return {"fingerprint": fingerprint, "sha256": manifest.digest(html), "failed": trouble}

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
