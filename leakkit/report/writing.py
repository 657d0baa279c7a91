"""What is written into the folder of a pipeline: its pages, and the files beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from leakkit.analysis import find_worklist
from leakkit.report import notebooks, summary
from leakkit.report.data_files import findings_json, stages_csv, worklist_csv, worklist_xlsx
from leakkit.report.publishing import mark_stale, slug
from leakkit.report.run_results import FAILED, MADE, NOT_ASKED, UNCHANGED, PageResult
from leakkit.views.brand import brand_of
from leakkit.words import Words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.report.manifest import Last
    from leakkit.report.planning import PagePlan
    from leakkit.report.publishing import Draft
    from leakkit.report.worker import Rendered
    from leakkit.store import Store


# ---------------- files
# The files beside the pages of a pipeline, for programs and people.

Files = dict[str, bytes]
DECK = "deck.pptx"
SUMMARY = "summary.html"
RUN = ""
"""Stands for the run among the names of pipelines, which are never empty."""


def files_of(store: Store, analysis: Analysis, pipeline: PipelineNumbers) -> Files:
    """Return the files of a pipeline: name -> content."""
    items = find_worklist(store, analysis, pipeline.name)
    return {
        "stages.csv": stages_csv(pipeline).encode(),
        "findings.json": findings_json(analysis, pipeline.name).encode(),
        "worklist.csv": worklist_csv(items, pipeline).encode(),
        "worklist.xlsx": worklist_xlsx(items, pipeline, brand_of(analysis)),
        **summary.of_pipeline(analysis, pipeline, items),
    }


def files_of_run(analysis: Analysis) -> Files:
    """Return the files of all pipelines that a run was asked for: name -> content."""
    return summary.of_run(analysis) if analysis.pipelines else {}


def with_decks(analysis: Analysis, files: dict[str, Files]) -> dict[str, Files]:
    """Add the decks: one of each pipeline, and one of all in the run's own folder."""
    from leakkit.deck import decks  # noqa: PLC0415 - python-pptx is needed where decks are

    made = decks(analysis)
    return {name: {**own, DECK: made[name]} if name in made else own for name, own in files.items()}


# ---------------- fallback
# What stands where a page could not be made or was not asked for: that of an earlier run.


@dataclass(frozen=True)
class Fallback:
    """The pages of the last run into a folder; what is said of them is in `language`."""

    draft: Draft
    language: str
    last: Last

    def fail(self, result: PageResult, reason: str) -> PageResult:
        """Return the result of a pipeline none of whose pages could be made."""
        return self.old(_with_both(result), dict.fromkeys(notebooks.PER_PIPELINE, reason))

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
        headline = str(last.get("headline", "")) if notebooks.DROPOFF in failed else result.headline
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
        for book in notebooks.PER_PIPELINE:
            if not self.draft.find(f"{slug(name)}/{book}.html").is_file():
                result = _without(result, book)
        return result


def _with_both(result: PageResult) -> PageResult:
    """Return the result of a pipeline that has both pages."""
    page, causes = (f"{result.slug}/{book}.html" for book in (notebooks.DROPOFF, notebooks.CAUSES))
    return replace(result, page=page, causes=causes)


def _without(result: PageResult, book: str) -> PageResult:
    """Return the result of a pipeline that has no page of one notebook."""
    return replace(result, page="") if book == notebooks.DROPOFF else replace(result, causes="")


# ---------------- writing
# What came of the notebooks of a pipeline, written into its folder.


@dataclass(frozen=True)
class Writing:
    """The draft of a run, the files beside each page, and what to do where a page failed."""

    draft: Draft
    files: Mapping[str, Files]
    fallback: Fallback

    def write(self, plan: PagePlan, rendered: Mapping[str, Rendered]) -> PageResult:
        """Write what came of the pages of a pipeline; those not named stand there already."""
        self._write(plan, rendered)
        result = _result(plan, rendered)
        failed = {book: done.failed for book, done in rendered.items() if done.failed}
        return self.fallback.old(result, failed) if failed else result

    def _write(self, plan: PagePlan, rendered: Mapping[str, Rendered]) -> None:
        """Write the files of a pipeline and its pages; of a broken notebook, how it stood."""
        place = plan.result.slug
        for name, content in self.files[plan.result.pipeline].items():
            self.draft.write_bytes(f"{place}/{name}", content)
        for book, done in rendered.items():
            if not done.broken and not done.failed:
                self.draft.write_text(f"{place}/{book}.html", done.html)
            if done.broken:
                self.draft.write_text(f"{place}/{broken_name(book)}", done.broken)


def _result(plan: PagePlan, rendered: Mapping[str, Rendered]) -> PageResult:
    """Return the result of a pipeline whose pages all stand there."""
    return replace(
        plan.result,
        state=MADE if rendered else UNCHANGED,
        page=plan.path(notebooks.DROPOFF),
        causes=plan.path(notebooks.CAUSES),
        seconds=sum(done.seconds for done in rendered.values()),
        cpu_seconds=sum(done.cpu_seconds for done in rendered.values()),
    )


def broken_name(book: str) -> str:
    """Return what a notebook that broke is called; it is there until a run of it succeeds."""
    return f"{book}.failed.ipynb"
