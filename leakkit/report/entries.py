"""What the manifest says of each pipeline: its pages as they stand, and what the run saw of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.analysis import Seen
from leakkit.report import books, manifest
from leakkit.report.folder import digest_of
from leakkit.report.writing import broken_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.report.draft import Draft
    from leakkit.report.files import Files
    from leakkit.report.manifest import Facts
    from leakkit.report.planning import Plan, Planning
    from leakkit.report.results import PageResult


def entry_of(
    page: PageResult, planning: Planning, draft: Draft, files: Mapping[str, Files]
) -> Facts:
    """Return what the manifest says of one pipeline; of one not asked for, what it said before."""
    plan = planning.plans.get(page.pipeline)
    if plan is None:
        last = planning.last.pipelines.get(page.pipeline, {})
        kept = last.get("seen"), last.get("before")
        return manifest.entry(page, last.get("stages", []), last.get("pages", {}), *kept)
    pages = _pages(page, plan, draft, files[page.pipeline])
    seen = Seen.of(planning.analysis, plan.pipeline).facts()
    then = planning.analysis.last_run.get(page.pipeline)
    return manifest.entry(
        page, manifest.learnt(plan.pipeline), pages, seen, then.facts() if then else None
    )


def _pages(page: PageResult, plan: Plan, draft: Draft, files: Files) -> dict[str, Facts]:
    """Return fingerprints and hashes of all that stands in the folder of a pipeline.

    Of a page that is old, what the run that made it said.
    """
    made = {f"{b}.html": b for b in books.PER_PIPELINE if b not in page.failed_books}
    old = [f"{book}.html" for book in page.failed_books]
    before = plan.last.get("pages", {})
    pages = {name: before[name] for name in old if name in before}
    for name in (*made, *files, *map(broken_name, page.failed_books)):
        if found := digest_of(draft.find(f"{page.slug}/{name}")):
            pages[name] = {"sha256": found}
    for name, book in made.items():
        pages[name]["fingerprint"] = plan.fingerprints[book]
    return pages
