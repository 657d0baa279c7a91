"""What is to be made: which pages are asked for, which stand there, and how are the rest run?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from leakkit.config import fold_name
from leakkit.findings import to_records
from leakkit.report import manifest, notebooks
from leakkit.report.publishing import digest_of, slug
from leakkit.report.run_results import MADE, PageResult
from leakkit.report.worker import Task
from leakkit.views import headline_sentence
from leakkit.words import Words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.report.manifest import Facts, Last


# ---------------- planning
# What is to be made: the pages that are asked for, and which of them stand there already?


@dataclass(frozen=True)
class PagePlan:
    """The pages of one pipeline: their fingerprints, and what the last run says of them."""

    pipeline: PipelineNumbers
    result: PageResult
    fingerprints: Mapping[str, str]
    last: Facts

    def path(self, book: str) -> str:
        """Return where a page stands in the run's folder."""
        return f"{self.result.slug}/{book}.html"

    def due(self, folder: Path, *, force: bool) -> list[str]:
        """Return the notebooks to run: those whose pages do not stand there yet, or all."""
        return [book for book in notebooks.PER_PIPELINE if force or not self._stands(folder, book)]

    def _stands(self, folder: Path, book: str) -> bool:
        """Say whether a page stands there as this run would make it."""
        page = self.last.get("pages", {}).get(f"{book}.html", {})
        return stands(page, folder / self.path(book), self.fingerprints[book])


@dataclass(frozen=True)
class PagePlanner:
    """What a run is asked for; `asked` are names, all pipelines where there are none."""

    analysis: Analysis
    asked: frozenset[str]
    last: Last

    @cached_property
    def plans(self) -> dict[str, PagePlan]:
        """What is asked for, by pipeline."""
        return {pipeline.name: self._plan(pipeline) for pipeline in self.analysis.pipelines}

    @cached_property
    def without_deals(self) -> tuple[str, ...]:
        """The declared pipelines that are asked for, and that no deal is in."""
        asked = [name for name in self.declared if not self.asked or fold_name(name) in self.asked]
        return tuple(name for name in asked if name not in self.plans)

    @property
    def declared(self) -> tuple[str, ...]:
        """The names of all pipelines, in their order."""
        return tuple(pipeline.name for pipeline in self.analysis.config.pipelines)

    @property
    def vanished(self) -> tuple[str, ...]:
        """The names of pipelines of the last run that are no longer declared."""
        return tuple(name for name in self.last.pipelines if name not in self.declared)

    def begin(self, name: str) -> PageResult:
        """Return what a pipeline's result begins as."""
        return PageResult(name, slug(name), MADE, last_day=self.analysis.last_day)

    def _plan(self, pipeline: PipelineNumbers) -> PagePlan:
        """Say what the pages of a pipeline are made from."""
        headline = headline_sentence(self.analysis, pipeline.name)
        result = replace(self.begin(pipeline.name), headline=headline)
        found = [f for f in self.analysis.all_findings if f.pipeline == pipeline.name]
        learnt = manifest.learnt_facts(pipeline)
        about = [pipeline.name, self.analysis.language, learnt, to_records(found)]
        fingerprints = {
            book: manifest.fingerprint_page(self.analysis, book, about)
            for book in notebooks.PER_PIPELINE
        }
        return PagePlan(pipeline, result, fingerprints, self.last.pipelines.get(pipeline.name, {}))


def stands(page: Facts, file: Path, fingerprint: str) -> bool:
    """Say whether a file is whole, and what this run would make."""
    if page.get("fingerprint") != fingerprint:
        return False
    return bool(page.get("sha256")) and digest_of(file) == page["sha256"]


# ---------------- tasks
# How the notebooks of a run are to be run: on which store, in which language, how long?


@dataclass(frozen=True)
class Tasks:
    """What the tasks of a run have in common.

    `shown` says what the store was made from: source, config and as_of. `settings` are those
    of the environment that a kernel needs to open it.
    """

    store: Path
    language: str
    timeout_seconds: int
    engine: str
    shown: Mapping[str, str]
    brand: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)

    def page(self, book: str, pipeline: str) -> Task:
        """Say how to make a page of a pipeline."""
        return self._task(book, {"pipeline": pipeline}, self._links(book))

    def overview(self, results: Sequence[Mapping[str, Any]], pipelines: Sequence[str]) -> Task:
        """Say how to make the overview of what became of each page."""
        return self._task(notebooks.OVERVIEW, {"results": results, "pipelines": pipelines}, ())

    def _task(
        self, book: str, parameters: Mapping[str, object], links: tuple[tuple[str, str], ...]
    ) -> Task:
        """Say how to run a notebook on the store."""
        given = {**parameters, "source": str(self.store), "language": self.language}
        text = notebooks.read_notebook(book)
        return Task(
            text, given, self.timeout_seconds, self.shown, links, self.engine, self.brand,
            self.settings,
        )  # fmt: skip

    def _links(self, book: str) -> tuple[tuple[str, str], ...]:
        """Return the links of a page to the others, as (label, path)."""
        others = [other for other in notebooks.PER_PIPELINE if other != book]
        paths = {"to_index": "../index.html"} | {f"to_{o}": f"{o}.html" for o in others}
        words = Words(self.language)
        return tuple((words.say(f"page.{key}"), path) for key, path in paths.items())
