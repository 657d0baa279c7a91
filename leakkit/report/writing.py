"""What came of the notebooks of a pipeline, written into its folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from leakkit.report import books
from leakkit.report.folder import write_bytes, write_text
from leakkit.report.results import MADE, UNCHANGED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from leakkit.report.fallback import Fallback
    from leakkit.report.files import Files
    from leakkit.report.planning import Plan
    from leakkit.report.rendering import Rendered
    from leakkit.report.results import PageResult


@dataclass(frozen=True)
class Writing:
    """The folder of a run, the files beside each page, and what to do where a page failed."""

    folder: Path
    files: Mapping[str, Files]
    fallback: Fallback

    def write(self, plan: Plan, rendered: Mapping[str, Rendered]) -> PageResult:
        """Write what came of the pages of a pipeline; those not named stand there already."""
        failed = {book: done.failed for book, done in rendered.items() if done.failed}
        try:
            self._write(plan, rendered)
        except OSError as error:
            reason = f"cannot write the page: {error.strerror or error}"
            failed = dict.fromkeys(books.PER_PIPELINE, reason)
        result = _result(plan, rendered)
        return self.fallback.old(result, failed) if failed else result

    def _write(self, plan: Plan, rendered: Mapping[str, Rendered]) -> None:
        """Write the files of a pipeline and its pages; of a broken notebook, how it stood."""
        folder = self.folder / plan.result.slug
        for name, content in self.files[plan.result.pipeline].items():
            write_bytes(folder / name, content)
        for book, done in rendered.items():
            if not done.broken and not done.failed:
                write_text(folder / f"{book}.html", done.html)
            keep_broken(folder, book, done)


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


def keep_broken(folder: Path, book: str, done: Rendered) -> None:
    """Keep a notebook as it broke, until a run of it succeeds."""
    broken = folder / f"{book}.failed.ipynb"
    if done.broken:
        write_text(broken, done.broken)
    elif not done.failed:
        broken.unlink(missing_ok=True)
