"""The batch: one notebook run and one page per pipeline, and what ties them together."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from leakkit.config import fold_name
from leakkit.errors import LeakkitError
from leakkit.report import manifest
from leakkit.report.data_files import findings_json
from leakkit.report.manifest import Last, entry_of
from leakkit.report.news import find_news, refuse_half_export
from leakkit.report.overview import BROKEN, Overview
from leakkit.report.planning import PagePlanner, Tasks
from leakkit.report.pool import Pool
from leakkit.report.preparation import (
    RunSource,
    analyse_pipelines,
    kernel_settings,
    require_language,
    shown_brand,
    shown_parameters,
    store_source,
)
from leakkit.report.presenting import require_pptx
from leakkit.report.printing import Printing, Sheets, find_browser
from leakkit.report.publishing import (
    INDEX,
    MANIFEST,
    PAGE,
    TIMES,
    Draft,
    begin_draft,
    claim_folder,
    digest_of,
)
from leakkit.report.run_results import Event, PageResult, RunResult
from leakkit.report.writing import RUN, SUMMARY, Fallback, Writing
from leakkit.store import pseudonyms
from leakkit.views.brand import brand_of, pale
from leakkit.views.view import words_of
from leakkit.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd

    from leakkit.config import Config
    from leakkit.report.manifest import Facts
    from leakkit.report.worker import Rendered
    from leakkit.report.writing import Files

MOST_JOBS = 4
"""More workers than this only where they are asked for: each takes some hundred MB."""
INTERRUPTED = "interrupted before its turn"
FINDINGS = "findings.json"
NO_DEALS = "the source has no deal of this pipeline up to as_of"


def run(  # noqa: PLR0913 - every choice of a run has a name
    source: str | Path | Mapping[str, pd.DataFrame],
    out: str | Path,
    config: Config | str | Path | None = None,
    *,
    pipelines: str | Sequence[str] = (),
    as_of: str = "",
    language: str = "",
    store: str | Path = "",
    jobs: int = 0,
    force: bool = False,
    timeout_seconds: int = 600,
    engine: str = "fork",
    anonymise: str | Path = "",
    allow: Sequence[str | Path] = (),
    deck: bool = False,
    pdf: bool = False,
    paper: str = "a4",
    max_drop: float | None = None,
    min_rows: int = 0,
    progress: Callable[[Event], None] = lambda _: None,
) -> RunResult:
    """Make one offline page per pipeline of a source, and an overview of them.

    `source`, `config` and `as_of` are those of `leakkit.load`. `pipelines` chooses what
    is rendered; `store` names a file to keep the tables in. `jobs` notebooks run at once
    (0: as many as there are processors and pipelines, at most 4); a cell that takes longer than
    `timeout_seconds` fails its page. `engine` is how kernels start: "fork" from a warm
    process, which takes a fraction of the time (Linux; elsewhere it is "stock"), or
    "stock"; both make the same pages. `anonymise` names the file of a key (it is made where
    there is none): owners, customers and names of deals become pseudonyms of it.

    `allow` names folders, beside those of the source and of the configuration, in which
    files may be that the configuration names. With `deck` there is a PowerPoint deck of each
    pipeline, and one of all. With `pdf` every page is a PDF file too, printed on a4 or letter
    `paper` by a Chromium, Chrome or Edge of this machine; LeakkitError `no_browser` where
    there is none.

    With `max_drop`, a part of 1, a run that finds so many fewer deals in a pipeline than
    the last one, or with `min_rows` fewer rows in all, raises LeakkitError `half_export`, and
    the folder stays as it is.

    A page that would not change is not made again, unless `force` is set. `progress` is
    called with every step.

    A page that fails never stops the others, and leaves the page of an earlier run where
    it was, marked as old. So does a declared pipeline that no deal is in. Pages of pipelines
    that are no longer declared are removed. Until all of that is done, the folder stays as it
    was.

    Raises LeakkitError where the source or the configuration cannot be read, where
    nothing can be written, or where another run writes into the same folder.
    """
    asked = (pipelines,) if isinstance(pipelines, str) and pipelines else tuple(pipelines)
    if language:
        require_language(language)
    if deck:
        require_pptx()
    if pdf:
        find_browser()
    folder = Path(out)
    started = time.perf_counter()
    with claim_folder(folder), begin_draft(folder) as draft:
        progress(Event("reading"))
        with store_source(RunSource(source, config, as_of, store, anonymise, allow)) as kept:
            progress(Event("analysing"))
            standing = Last.read(folder)
            last = standing.alike(asked, anonymised=pseudonyms.are_in(kept))
            analysis, files = analyse_pipelines(kept, asked, language, last, deck=deck)
            refuse_half_export(analysis, standing, max_drop=max_drop, min_rows=min_rows)
            times = Times(started, time.perf_counter() - started)
            planning = PagePlanner(analysis, frozenset(map(fold_name, asked)), last)
            brand = shown_brand(analysis)
            shown = shown_parameters(kept, source, config, analysis)
            settings = kernel_settings(kept)
            tasks = Tasks(kept, analysis.language, timeout_seconds, engine, shown, brand, settings)
            printed_on = paper if pdf else ""
            batch = Batch(
                draft, planning, tasks, files, force, progress, times, standing, printed_on
            )
            with _explain_unwritten(folder), Pool(jobs or _jobs(len(analysis.pipelines))) as pool:
                result = batch.make(pool)
    progress(Event("done", len(result.pages), len(result.pages)))
    return result


def _jobs(pipelines: int) -> int:
    """Return how many notebooks run at once where nobody says it.

    A worker takes longer to start than the pages of one pipeline take, so no two share one.
    """
    return max(1, min(MOST_JOBS, os.cpu_count() or 1, pipelines))


@contextmanager
def _explain_unwritten(folder: Path) -> Iterator[None]:
    """Say in one line why the files of a run could not be written; nothing is changed by then."""
    try:
        yield
    except OSError as error:
        message = f"Cannot write into {folder}: {error.strerror or error}. Nothing was changed."
        raise LeakkitError("folder_not_writable", message) from None


@dataclass(frozen=True)
class Times:
    """When a run began, and how many seconds it had loaded and analysed."""

    started: float
    loaded: float

    def text(self, pages: Sequence[PageResult]) -> str:
        """Return run.json."""
        return manifest.timings(pages, self.loaded, time.perf_counter() - self.started)


@dataclass(frozen=True)
class Batch:
    """One run, from what is to be made to the folder; `files` are those beside each page.

    `standing` is what the manifest of the folder says, also where this run starts anew;
    `paper` is what pages are printed on, empty where they are not.
    """

    draft: Draft
    planning: PagePlanner
    tasks: Tasks
    files: Mapping[str, Files]
    force: bool
    progress: Callable[[Event], None]
    times: Times
    standing: Last
    paper: str

    def make(self, pool: Pool) -> RunResult:
        """Make every page, then the overview, then the manifest, and publish them."""
        analysis = self.planning.analysis
        results: dict[str, PageResult] = {}
        total = len(self.planning.plans) + len(self.planning.without_deals)
        try:
            for result in self._pages(pool):
                results[result.pipeline] = result
                self.progress(Event("page", len(results), total, result))
        except KeyboardInterrupt:
            self._finish(self._all(results, INTERRUPTED), None)
            raise
        pages = self._all(results, "")
        self.progress(Event("overview", total, total))
        trouble, not_printed = self._finish(pages, pool)
        return RunResult(
            self.draft.folder / INDEX,
            pages,
            analysis.rows,
            analysis.facts,
            analysis.ignored_files,
            self.planning.vanished,
            trouble,
            analysis.all_findings,
            tuple(pale(analysis.config.brand, words_of(analysis))),
            find_news(analysis, self.standing, pages),
            not_printed,
            analysis,
        )

    @cached_property
    def fallback(self) -> Fallback:
        """What stands where a page cannot be made."""
        return Fallback(self.draft, self.planning.analysis.language, self.planning.last)

    def _pages(self, pool: Pool) -> Iterator[PageResult]:
        """Yield what becomes of each pipeline that is asked for, as its pages are done."""
        for name in self.planning.without_deals:
            yield self.fallback.fail(self.planning.begin(name), NO_DEALS)
        writing = Writing(self.draft, self.files, self.fallback)
        due: dict[str, list[str]] = {}
        for name, plan in self.planning.plans.items():
            due[name] = plan.due(self.draft.folder, force=self.force)
            if not due[name]:
                yield writing.write(plan, {})
        for name, rendered in self._render_pages(pool, due):
            yield writing.write(self.planning.plans[name], rendered)

    def _render_pages(
        self, pool: Pool, due: Mapping[str, Sequence[str]]
    ) -> Iterator[tuple[str, dict[str, Rendered]]]:
        """Yield pipelines with what came of their notebooks, as the last of each is done."""
        asked = [(name, book) for name, books in due.items() for book in books]
        done: dict[str, dict[str, Rendered]] = {name: {} for name in due}
        for at, rendered in pool.render([self.tasks.page(book, name) for name, book in asked]):
            name, book = asked[at]
            done[name][book] = rendered
            if len(done[name]) == len(due[name]):
                # in the order of the notebooks, whichever was done first
                yield name, {book: done[name][book] for book in due[name]}

    def _all(self, results: Mapping[str, PageResult], missing: str) -> tuple[PageResult, ...]:
        """Return what became of every declared pipeline, in their order.

        Those that were asked for and have no result failed for the reason `missing`;
        those that nobody asked for are as the last run left them.
        """
        pages = []
        for name in self.planning.declared:
            if name in results:
                pages.append(results[name])
            elif name in self.planning.plans:
                pages.append(self.fallback.fail(self.planning.plans[name].result, missing))
            elif name in self.planning.last.pipelines:
                pages.append(self.fallback.not_asked(name))
        return tuple(pages)

    def _finish(self, pages: tuple[PageResult, ...], pool: Pool | None) -> tuple[str, str]:
        """Draft what ties the pages together, and publish.

        Return why there is no overview, and why a page was not printed; mostly two empty texts.
        """
        analysis, draft = self.planning.analysis, self.draft
        overview = Overview(draft, self.planning, self.tasks, self.force).write(pages, pool)
        draft.write_text(FINDINGS, findings_json(analysis))
        for name, content in self.files[RUN].items():
            draft.write_bytes(name, content)
        entries = [entry_of(page, self.planning, draft, self.files) for page in pages]
        names = [FINDINGS, *self.files[RUN], *([BROKEN] if overview["failed"] else ())]
        found = {name: digest_of(draft.find(name)) for name in names}
        files = {name: {"sha256": sha} for name, sha in found.items() if sha}
        hidden = pseudonyms.are_in(self.tasks.store)
        not_printed = self._print(pages, entries, files) if self.paper and pool else ""
        facts = manifest.manifest(analysis, entries, overview, files, anonymised=hidden)
        draft.write_text(MANIFEST, manifest.format_json(facts))
        draft.write_text(TIMES, self.times.text(pages))
        self._publish(facts)
        return str(overview["failed"]), not_printed

    def _print(
        self, pages: Sequence[PageResult], entries: Sequence[Facts], files: dict[str, Facts]
    ) -> str:
        """Print what this run made, and add it to what the manifest will say."""
        analysis = self.planning.analysis
        client, words = brand_of(analysis).client, words_of(analysis)
        self.progress(Event("printing", len(pages), len(pages)))
        sheets = {
            day: Sheets(client, words.say("paper.as_of", as_of=day), self.paper)
            for day in {analysis.last_day, *(page.last_day for page in pages)}
        }
        asked = dict.fromkeys((INDEX, SUMMARY), sheets[analysis.last_day])
        for page, entry in zip(pages, entries, strict=True):
            if page.pipeline in self.planning.plans:
                named = [name for name in entry["pages"] if name.endswith(PAGE)]
                asked |= {f"{page.slug}/{name}": sheets[page.last_day] for name in named}
        printed, trouble = Printing(self.draft, manifest.files_in(self.standing.facts)).print_all(
            asked
        )
        files |= {name: facts for name, facts in printed.items() if "/" not in name}
        for entry in entries:
            place = f"{entry['slug']}/"
            own = {
                n.removeprefix(place): facts for n, facts in printed.items() if n.startswith(place)
            }
            entry["pages"] |= own
        return trouble

    def _publish(self, facts: manifest.Facts) -> None:
        """Put the files of this run in place of the last one's."""
        before = manifest.named_files(self.standing.facts)
        gone = {name: before[name] for name in before.keys() - manifest.named_files(facts).keys()}
        self.draft.publish(gone, Words(self.planning.analysis.language).say("page.replacing"))
