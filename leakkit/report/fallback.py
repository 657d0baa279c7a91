"""What stands where a page could not be made or was not asked for: that of an earlier run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from leakkit.report import books
from leakkit.report.folder import slug
from leakkit.report.results import FAILED, NOT_ASKED, PageResult
from leakkit.report.stale import mark_stale
from leakkit.words import Words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.report.draft import Draft
    from leakkit.report.manifest import Last


@dataclass(frozen=True)
class Fallback:
    """The pages of the last run into a folder; what is said of them is in `language`."""

    draft: Draft
    language: str
    last: Last

    def fail(self, result: PageResult, reason: str) -> PageResult:
        """Return the result of a pipeline none of whose pages could be made."""
        return self.old(_with_both(result), dict.fromkeys(books.PER_PIPELINE, reason))

    def old(self, result: PageResult, failed: Mapping[str, str]) -> PageResult:
        """Fall back to the pages of an earlier run, where there are any, and mark them as old.

        `failed` has the notebooks that failed, and why.
        """
        last = self.last.pipelines.get(result.pipeline, {})
        last_day = int(last.get("last_day", 0))
        reasons = "; ".join(dict.fromkeys(failed.values()))
        result = replace(result, state=FAILED, failed=reasons, failed_books=tuple(failed))
        for book, reason in failed.items():
            name = f"{result.slug}/{book}.html"
            known = f"{book}.html" in last.get("pages", {})
            if not known or not self.draft.find(name).is_file():
                result = _without(result, book)
                continue
            self._mark(name, last_day, reason)
            result = replace(result, stale=True, last_day=last_day)
        headline = str(last.get("headline", "")) if books.DROPOFF in failed else result.headline
        return replace(result, headline=headline if result.page else "")

    def _mark(self, name: str, last_day: int, reason: str) -> None:
        """Say on a page that it is old, and why."""
        text = Words(self.language).say("page.stale", as_of=last_day, reason=reason)
        page = self.draft.find(name).read_text("utf-8", errors="replace")
        self.draft.write_text(name, mark_stale(page, text))

    def not_asked(self, name: str) -> PageResult:
        """Return the result of a pipeline that this run was not asked for."""
        last = self.last.pipelines[name]
        result = PageResult(
            name,
            slug(name),
            NOT_ASKED,
            headline=str(last.get("headline", "")),
            last_day=int(last.get("last_day", 0)),
            failed=str(last.get("failed", "")),
            stale=bool(last.get("stale")),
        )
        result = _with_both(result)
        for book in books.PER_PIPELINE:
            if not self.draft.find(f"{slug(name)}/{book}.html").is_file():
                result = _without(result, book)
        return result


def _with_both(result: PageResult) -> PageResult:
    """Return the result of a pipeline that has both pages."""
    page, causes = (f"{result.slug}/{book}.html" for book in (books.DROPOFF, books.CAUSES))
    return replace(result, page=page, causes=causes)


def _without(result: PageResult, book: str) -> PageResult:
    """Return the result of a pipeline that has no page of one notebook."""
    return replace(result, page="") if book == books.DROPOFF else replace(result, causes="")
