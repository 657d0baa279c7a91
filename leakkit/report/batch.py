"""The batch: one notebook run and one page per pipeline, and what ties them together."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leakkit import sources
from leakkit.analysis import Seen, analyze, find_worklist
from leakkit.config import folded
from leakkit.errors import LeakkitError
from leakkit.findings import to_records
from leakkit.loading import found, load
from leakkit.report import books, manifest
from leakkit.report.findings_json import findings_json
from leakkit.report.folder import claimed, digest_of, discard, slug, write_bytes, write_text
from leakkit.report.index import IndexRow, index_page
from leakkit.report.manifest import Last, digest
from leakkit.report.pool import Pool
from leakkit.report.rendering import Rendered, Task
from leakkit.report.results import (
    FAILED,
    MADE,
    NOT_ASKED,
    UNCHANGED,
    Event,
    PageResult,
    RunResult,
)
from leakkit.report.stages_csv import stages_csv
from leakkit.report.stale import marked
from leakkit.report.worklist import worklist_csv, worklist_xlsx
from leakkit.sources.load import STORE_SUFFIX
from leakkit.store import Store, pseudonyms
from leakkit.store.upkeep import Upkeep
from leakkit.views import headline_sentence
from leakkit.words import LANGUAGES, Words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd

    from leakkit.analysis import Analysis, PipelineAnalysis
    from leakkit.config import Config
    from leakkit.report.manifest import Facts

    Tables = dict[str, bytes]

PAGE, CAUSES, OVERVIEW, INDEX = "stage_dropoff", "root_causes", "overview", "index.html"
BOOKS = (PAGE, CAUSES)
"""The notebooks that are run for every pipeline."""
MOST_JOBS = 4
"""More workers than this only where they are asked for: each takes some hundred MB."""
INTERRUPTED = "interrupted before its turn"
NO_DEALS = "the source has no deal of this pipeline up to as_of"


def run(  # noqa: PLR0913 - every choice of a run has a name
    source: str | Path | Mapping[str, pd.DataFrame],
    out: str | Path,
    config: Config | str | Path | None = None,
    *,
    pipelines: Sequence[str] = (),
    as_of: str = "",
    language: str = "",
    store: str | Path = "",
    jobs: int = 0,
    force: bool = False,
    timeout_seconds: int = 600,
    engine: str = "fork",
    anonymise: str | Path = "",
    progress: Callable[[Event], None] = lambda _: None,
) -> RunResult:
    """Make one offline page per pipeline of a source, and an overview of them.

    `source`, `config` and `as_of` are those of `leakkit.load`. `pipelines` chooses what
    is rendered; `store` names a file to keep the tables in. `jobs` notebooks run at once
    (0: as many as there are processors and pipelines, at most 4); a cell that takes longer than
    `timeout_seconds` fails its page. `engine` is how kernels start: "fork" from a warm
    process, which takes a fraction of the time (Linux; elsewhere it is "stock"), or
    "stock"; both make the same pages. `anonymise` names the file of a key (it is made where
    there is none): owners and names of deals become pseudonyms of it.

    A page that would not change is not made again, unless `force` is set. `progress` is
    called with every step.

    A page that fails never stops the others, and leaves the page of an earlier run where
    it was, marked as old. So does a declared pipeline that no deal is in. Pages of pipelines
    that are no longer declared are removed.

    Raises LeakkitError where the source or the configuration cannot be read, where
    nothing can be written, or where another run writes into the same folder.
    """
    folder = Path(out)
    started = time.perf_counter()
    with claimed(folder):
        progress(Event("reading"))
        with _stored(source, config, as_of, store) as kept:
            if anonymise:
                with Store.change(kept) as copied:
                    pseudonyms.anonymise(copied, pseudonyms.read_key(Path(anonymise)))
            progress(Event("analysing"))
            last = Last.read(folder)
            analysis, tables = _analyze(kept, tuple(pipelines), language, last)
            loaded = time.perf_counter() - started
            asked = frozenset(map(folded, pipelines))
            batch = Batch(
                folder, kept, analysis, asked, tables, last, timeout_seconds, engine, force,
                progress,
            )  # fmt: skip
            with _written_to(folder), Pool(jobs or _jobs(len(analysis.pipelines))) as pool:
                result = batch.make(pool)
                took = time.perf_counter() - started
                write_text(folder / "run.json", manifest.timings(result.pages, loaded, took))
    progress(Event("done", len(result.pages), len(result.pages)))
    return result


def _jobs(pipelines: int) -> int:
    """Return how many notebooks run at once where nobody says it.

    A worker takes longer to start than the pages of one pipeline take, so no two share one.
    """
    return max(1, min(MOST_JOBS, os.cpu_count() or 1, pipelines))


@contextmanager
def _written_to(folder: Path) -> Iterator[None]:
    """Say in one line why the index or the manifest could not be written."""
    try:
        yield
    except OSError as error:
        message = f"Cannot write into {folder}: {error.strerror or error}."
        raise LeakkitError("folder_not_writable", message) from None


@contextmanager
def _stored(
    source: str | Path | Mapping[str, pd.DataFrame],
    config: Config | str | Path | None,
    as_of: str,
    store: str | Path,
) -> Iterator[Path]:
    """Load the source into a file that notebooks can open; it goes when the run ends."""
    with tempfile.TemporaryDirectory(prefix="leakkit-") as temporary:
        path = Path(temporary) / f"store{STORE_SUFFIX}"
        if isinstance(source, str | Path) and Path(source).suffix == STORE_SUFFIX:
            load(source).close()
            shutil.copyfile(source, path)
        elif store:
            Path(store).parent.mkdir(parents=True, exist_ok=True)
            load(source, config, as_of=as_of, store=str(store)).close()
            shutil.copyfile(store, path)
        else:
            sources.load(
                *found(source, config), as_of=as_of, store=str(path), upkeep=Upkeep()
            ).close()
        yield path


def _analyze(
    path: Path, pipelines: tuple[str, ...], language: str, last: Last
) -> tuple[Analysis, dict[str, Tables]]:
    """Analyse the pipelines, with the horizons of the last run.

    Horizons, findings and what the last run saw are kept in the store, where notebooks
    find them.
    """
    with Store.change(path) as store:
        store.set_meta("earlier_horizons", last.horizons())
        store.set_meta("last_run", last.before(store.meta("fingerprint")))
        analysis = analyze(store, list(pipelines) or None, language=language)
        store.set_meta("findings", to_records(analysis.findings))
        tables = {one.name: _tables(store, analysis, one) for one in analysis.pipelines}
    if analysis.language not in LANGUAGES:
        message = f"There are no texts in {analysis.language!r}. There are: {', '.join(LANGUAGES)}."
        raise LeakkitError("no_language", message)
    return analysis, tables


def _tables(store: Store, analysis: Analysis, pipeline: PipelineAnalysis) -> Tables:
    """Return the files for programs and people beside a page: name -> content."""
    items = find_worklist(store, analysis, pipeline.name)
    return {
        "stages.csv": stages_csv(pipeline).encode(),
        "findings.json": findings_json(analysis, pipeline.name).encode(),
        "worklist.csv": worklist_csv(items, pipeline).encode(),
        "worklist.xlsx": worklist_xlsx(items, pipeline),
    }


def without(result: PageResult, book: str) -> PageResult:
    """Return the result of a pipeline that has no page of one notebook."""
    return replace(result, page="") if book == PAGE else replace(result, causes="")


@dataclass(frozen=True)
class Plan:
    """The pages of one pipeline: their fingerprints, and what the last run says of them."""

    pipeline: PipelineAnalysis
    result: PageResult
    fingerprints: Mapping[str, str]
    last: Facts

    def path(self, book: str) -> str:
        """Return where a page stands in the run's folder."""
        return f"{self.result.slug}/{book}.html"


@dataclass(frozen=True)
class Batch:
    """One run, from the analysis to the folder."""

    folder: Path
    store: Path
    analysis: Analysis
    asked: frozenset[str]
    tables: Mapping[str, Tables]
    last: Last
    timeout_seconds: int
    engine: str
    force: bool
    progress: Callable[[Event], None]

    def make(self, pool: Pool) -> RunResult:
        """Make every page, then the overview, then the manifest."""
        removed = self._remove_vanished()
        results: dict[str, PageResult] = {}
        total = len(self.plans) + len(self.without_deals)
        try:
            for name, result in self._pages(pool):
                results[name] = result
                self.progress(Event("page", len(results), total, result))
        except KeyboardInterrupt:
            self._finish(self._all(results, INTERRUPTED), None)
            raise
        pages = self._all(results, "")
        self.progress(Event("overview", total, total))
        trouble = self._finish(pages, pool)
        analysis = self.analysis
        return RunResult(
            self.folder / INDEX,
            pages,
            analysis.rows,
            analysis.facts,
            analysis.ignored_files,
            removed,
            trouble,
            analysis.findings,
        )

    @cached_property
    def plans(self) -> dict[str, Plan]:
        """What is asked for, by pipeline."""
        return {pipeline.name: self._plan(pipeline) for pipeline in self.analysis.pipelines}

    @cached_property
    def without_deals(self) -> tuple[str, ...]:
        """The declared pipelines that are asked for, and that no deal is in."""
        declared = [pipeline.name for pipeline in self.analysis.config.pipelines]
        asked = [name for name in declared if not self.asked or folded(name) in self.asked]
        return tuple(name for name in asked if name not in self.plans)

    def _plan(self, pipeline: PipelineAnalysis) -> Plan:
        """Say what the page of a pipeline is made from."""
        headline = headline_sentence(self.analysis, pipeline.name)
        result = replace(self._result(pipeline.name), headline=headline)
        found = [f for f in self.analysis.findings if f.pipeline == pipeline.name]
        learnt = manifest.learnt(pipeline)
        about = [pipeline.name, self.analysis.language, learnt, to_records(found)]
        fingerprints = {book: manifest.fingerprint(self.analysis, book, about) for book in BOOKS}
        return Plan(pipeline, result, fingerprints, self.last.pipelines.get(pipeline.name, {}))

    def _result(self, name: str) -> PageResult:
        """Return what a pipeline's result begins as."""
        return PageResult(name, slug(name), MADE, last_day=self.analysis.last_day)

    def _is_there(self, page: Facts, path: str, fingerprint: str) -> bool:
        """Say whether a file is whole, and what this run would make."""
        if self.force or page.get("fingerprint") != fingerprint:
            return False
        return bool(page.get("sha256")) and digest_of(self.folder / path) == page["sha256"]

    def _pages(self, pool: Pool) -> Iterator[tuple[str, PageResult]]:
        """Yield what becomes of the pages of each pipeline that is asked for, as they are done."""
        for name in self.without_deals:
            yield name, self._failed(self._result(name), NO_DEALS)
        due: list[tuple[Plan, str]] = []
        for name, plan in self.plans.items():
            books = [book for book in BOOKS if not self._is_made(plan, book)]
            if not books:
                yield name, self._written(plan, {})
            due += [(plan, book) for book in books]
        tasks = [self._task(book, {"pipeline": plan.pipeline.name}) for plan, book in due]
        left = Counter(plan.pipeline.name for plan, _ in due)
        done: dict[str, dict[str, Rendered]] = {name: {} for name in left}
        for at, rendered in pool.render(tasks):
            plan, book = due[at]
            name = plan.pipeline.name
            done[name][book] = rendered
            if len(done[name]) == left[name]:
                # in the order of the notebooks, whichever was done first
                yield (
                    name,
                    self._written(plan, {b: done[name][b] for b in BOOKS if b in done[name]}),
                )

    def _is_made(self, plan: Plan, book: str) -> bool:
        """Say whether a page stands there as this run would make it."""
        page = plan.last.get("pages", {}).get(f"{book}.html", {})
        return self._is_there(page, plan.path(book), plan.fingerprints[book])

    def _task(self, book: str, parameters: Mapping[str, Any]) -> Task:
        """Say how to run a notebook on the store."""
        common = {"source": str(self.store), "language": self.analysis.language}
        words = Words(self.analysis.language)
        links = [("../index.html", "to_index")]
        links += [(f"{other}.html", f"to_{other}") for other in BOOKS if other != book]
        labelled = tuple((words.say(f"page.{key}"), path) for path, key in links)
        return Task(
            books.text(book),
            {**common, **parameters},
            self.timeout_seconds,
            labelled if book in BOOKS else (),
            self.engine,
        )

    def _written(self, plan: Plan, rendered: Mapping[str, Rendered]) -> PageResult:
        """Write what came of the pages of a pipeline; those not named stand there already."""
        folder = self.folder / plan.result.slug
        failed = {book: done.failed for book, done in rendered.items() if done.failed}
        result = replace(
            plan.result,
            state=MADE if rendered else UNCHANGED,
            page=plan.path(PAGE),
            causes=plan.path(CAUSES),
            seconds=sum(done.seconds for done in rendered.values()),
            cpu_seconds=sum(done.cpu_seconds for done in rendered.values()),
        )
        try:
            for name, content in self.tables[plan.result.pipeline].items():
                write_bytes(folder / name, content)
            for book, done in rendered.items():
                broken = folder / f"{book}.failed.ipynb"
                if done.broken:
                    write_text(broken, done.broken)
                elif not done.failed:
                    write_text(folder / f"{book}.html", done.html)
                    broken.unlink(missing_ok=True)
        except OSError as error:
            failed = dict.fromkeys(BOOKS, f"cannot write the page: {error.strerror or error}")
        return self._old(result, failed) if failed else result

    def _old(self, result: PageResult, failed: Mapping[str, str]) -> PageResult:
        """Fall back to the pages of an earlier run, where there are any, and mark them as old."""
        last = self.last.pipelines.get(result.pipeline, {})
        last_day, words = int(last.get("last_day", 0)), Words(self.analysis.language)
        reasons = list(dict.fromkeys(failed.values()))
        result = replace(
            result, state=FAILED, failed="; ".join(reasons), failed_books=tuple(failed)
        )
        for book, reason in failed.items():
            path = self.folder / result.slug / f"{book}.html"
            if f"{book}.html" not in last.get("pages", {}) or not path.is_file():
                result = without(result, book)
                continue
            text = words.say("page.stale", as_of=last_day, reason=reason)
            # an old page without its mark is better than none, and the index tells
            with suppress(OSError, UnicodeDecodeError):
                write_text(path, marked(path.read_text("utf-8"), text))
            result = replace(result, stale=True, last_day=last_day)
        headline = str(last.get("headline", "")) if PAGE in failed else result.headline
        return replace(result, headline=headline if result.page else "")

    def _all(self, results: Mapping[str, PageResult], missing: str) -> tuple[PageResult, ...]:
        """Return what became of every declared pipeline, in their order.

        Those that were asked for and have no result failed for the reason `missing`;
        those that nobody asked for are as the last run left them.
        """
        pages = []
        for declared in self.analysis.config.pipelines:
            name = declared.name
            if name in results:
                pages.append(results[name])
            elif name in self.plans:
                pages.append(self._failed(self.plans[name].result, missing))
            elif name in self.last.pipelines:
                pages.append(self._not_asked(name, self.last.pipelines[name]))
        return tuple(pages)

    def _failed(self, result: PageResult, reason: str) -> PageResult:
        """Return the result of a pipeline none of whose pages could be made."""
        pages = {book: f"{result.slug}/{book}.html" for book in BOOKS}
        there = replace(result, page=pages[PAGE], causes=pages.get(CAUSES, ""))
        return self._old(there, dict.fromkeys(BOOKS, reason))

    def _not_asked(self, name: str, last: Facts) -> PageResult:
        """Return the result of a pipeline that this run was not asked for."""
        result = PageResult(
            name,
            slug(name),
            NOT_ASKED,
            page=f"{slug(name)}/{PAGE}.html",
            causes=f"{slug(name)}/{CAUSES}.html",
            headline=str(last.get("headline", "")),
            last_day=int(last.get("last_day", 0)),
            failed=str(last.get("failed", "")),
            stale=bool(last.get("stale")),
        )
        for book in BOOKS:
            if not (self.folder / slug(name) / f"{book}.html").is_file():
                result = without(result, book)
        return result

    def _remove_vanished(self) -> tuple[str, ...]:
        """Remove the pages of pipelines that the source no longer has, and name them."""
        declared = {pipeline.name for pipeline in self.analysis.config.pipelines}
        gone = [name for name in self.last.pipelines if name not in declared]
        for name in gone:
            discard(self.folder, slug(name))
        return tuple(gone)

    def _finish(self, pages: tuple[PageResult, ...], pool: Pool | None) -> str:
        """Write overview and manifest; return why the overview is a plain list, if it is."""
        facts = [page.facts() for page in pages]
        asked = list(self.plans)
        fingerprint = manifest.fingerprint(self.analysis, OVERVIEW, [facts, asked])
        if pool and self._is_there(self.last.overview, INDEX, fingerprint):
            html, trouble = (self.folder / INDEX).read_text("utf-8"), ""
        else:
            html, trouble = self._overview(pool, {"results": facts, "pipelines": asked})
        if trouble:
            html, fingerprint = self._plain_index(pages, trouble), ""
        write_text(self.folder / INDEX, html)
        overview = {"fingerprint": fingerprint, "sha256": digest(html), "failed": trouble}
        entries = [self._entry(page) for page in pages]
        write_text(self.folder / "findings.json", findings_json(self.analysis))
        write_text(self.folder / manifest.NAME, manifest.manifest(self.analysis, entries, overview))
        return trouble

    def _overview(self, pool: Pool | None, parameters: Mapping[str, Any]) -> tuple[str, str]:
        """Return the overview, or why there is none."""
        if pool is None:
            return "", "the run was interrupted"
        ((_, rendered),) = pool.render([self._task(OVERVIEW, parameters)])
        if rendered.broken:
            write_text(self.folder / f"{OVERVIEW}.failed.ipynb", rendered.broken)
        elif not rendered.failed:
            (self.folder / f"{OVERVIEW}.failed.ipynb").unlink(missing_ok=True)
        return rendered.html, rendered.failed

    def _plain_index(self, pages: tuple[PageResult, ...], trouble: str) -> str:
        """Return a list of the pages, which needs no notebook."""
        words = Words(self.analysis.language, self.analysis.config.currency)
        rows = [
            IndexRow(
                page.pipeline,
                page.page,
                words.say("page.stale_short", as_of=page.last_day) if page.stale else page.headline,
                page.failed,
                self._links(page, words),
            )
            for page in pages
        ]
        said = words.say("page.no_overview", reason=trouble)
        return index_page(rows, words, trouble=said)

    def _links(self, page: PageResult, words: Words) -> tuple[tuple[str, str], ...]:
        """Return the further pages and files of a pipeline, as (label, path)."""
        causes = ((words.say("page.to_root_causes"), page.causes),) if page.causes else ()
        return (*causes, ("stages.csv", f"{page.slug}/stages.csv")) if page.page else causes

    def _entry(self, page: PageResult) -> Facts:
        """Return what the manifest says of one pipeline."""
        last = self.last.pipelines.get(page.pipeline, {})
        if page.pipeline not in self.plans:
            kept = last.get("seen"), last.get("before")
            return manifest.entry(page, last.get("stages", []), last.get("pages", {}), *kept)
        plan, folder = self.plans[page.pipeline], self.folder / page.slug
        made = [f"{book}.html" for book in BOOKS if book not in page.failed_books]
        # of a page that is old, what the run that made it said
        before = last.get("pages", {})
        pages = {name: entry for name, entry in before.items() if name not in made}
        for name in (*made, *self.tables[page.pipeline]):
            if found := digest_of(folder / name):
                pages[name] = {"sha256": found}
        for book in BOOKS:
            if book not in page.failed_books:
                pages[f"{book}.html"]["fingerprint"] = plan.fingerprints[book]
        seen = Seen.of(self.analysis, plan.pipeline).facts()
        before = self.analysis.last_run.get(page.pipeline)
        return manifest.entry(page, manifest.learnt(plan.pipeline), pages, seen, before)
