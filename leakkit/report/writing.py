"""What came of the notebooks of a pipeline, written into its folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from leakkit.report import books
from leakkit.report.results import MADE, UNCHANGED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.report.draft import Draft
    from leakkit.report.fallback import Fallback
    from leakkit.report.files import Files
    from leakkit.report.planning import Plan
    from leakkit.report.rendering import Rendered
    from leakkit.report.results import PageResult


@dataclass(frozen=True)
class Writing:
    """The draft of a run, the files beside each page, and what to do where a page failed."""

    draft: Draft
    files: Mapping[str, Files]
    fallback: Fallback

    def write(self, plan: Plan, rendered: Mapping[str, Rendered]) -> PageResult:
        """Write what came of the pages of a pipeline; those not named stand there already."""
        self._write(plan, rendered)
        result = _result(plan, rendered)
        failed = {book: done.failed for book, done in rendered.items() if done.failed}
        return self.fallback.old(result, failed) if failed else result

    def _write(self, plan: Plan, rendered: Mapping[str, Rendered]) -> None:
        """Write the files of a pipeline and its pages; of a broken notebook, how it stood."""
        place = plan.result.slug
        for name, content in self.files[plan.result.pipeline].items():
            self.draft.write_bytes(f"{place}/{name}", content)
        for book, done in rendered.items():
            if not done.broken and not done.failed:
                self.draft.write_text(f"{place}/{book}.html", done.html)
            if done.broken:
                self.draft.write_text(f"{place}/{broken_name(book)}", done.broken)


def _result(plan: Plan, rendered: Mapping[str, Rendered]) -> PageResult:
    """Return the result of a pipeline whose pages all stand there."""
    return replace(
        plan.result,
        state=MADE if rendered else UNCHANGED,
        page=plan.path(books.DROPOFF),
        causes=plan.path(books.CAUSES),
        seconds=sum(done.seconds for done in rendered.values()),
        cpu_seconds=sum(done.cpu_seconds for done in rendered.values()),
    )


def broken_name(book: str) -> str:
    """Return what a notebook that broke is called; it is there until a run of it succeeds."""
    return f"{book}.failed.ipynb"
