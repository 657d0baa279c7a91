"""What is to be made: did anything change, which pages stand there, and how are the rest run?"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tomllib
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leakkit.config import fold_name
from leakkit.findings import to_records
from leakkit.report import manifest, notebooks
from leakkit.report.publishing import (
    DRAFT,
    INDEX,
    MANIFEST,
    READY,
    TIMES,
    digest_of,
    slug,
    write_text,
)
from leakkit.report.results import MADE, PageResult
from leakkit.report.worker import Task
from leakkit.version import code_digest
from leakkit.views import headline_sentence
from leakkit.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from leakkit.analysis import Analysis, PipelineAnalysis
    from leakkit.report.manifest import Facts, Last


# ---------------- unchanged
# A night on which nothing changed: known by hashes, before a source is read.
#
# A run leaves a note in its run.json: what it was asked for, the hash of every file that it may
# have read, of leakkit's own code and of the libraries, and what it has to say where nothing
# changed. The next run that is asked for the same, finds the same files and the same pages,
# says that and ends. Whatever cannot be known by a hash (a database, frames) is read.

NOTE = "unchanged"
CONFIG_FILE = "leakkit.toml"
MOST_FILES = 1_000
"""A folder with more files than this is no export that is read every night."""


@dataclass(frozen=True)
class Request:
    """What a run was asked for: its source and files, and `choices`, all else as texts."""

    source: str
    out: str
    config: str
    store: str
    key: str
    allow: tuple[str, ...]
    choices: tuple[str, ...]

    def digest(self) -> str:
        """Return the SHA-256 of what the run depends on; '' where that is not known by files."""
        try:
            files = self._files()
        except (OSError, RecursionError):
            # whoever reads the source or the configuration says what is wrong with it
            return ""
        if files is None:
            return ""
        settings = {name: text for name, text in os.environ.items() if name.startswith("LEAKKIT_")}
        places = map(Path, sys.path)
        libraries = sorted(one.name for place in places for one in place.glob("*.dist-info"))
        pages = [digest_of(book) for book in sorted(notebooks.notebook_folder().glob("*.ipynb"))]
        known = [asdict(self), settings, code_digest(), pages, libraries]
        whole = hashlib.sha256(json.dumps(known, sort_keys=True).encode())
        for file in files:
            whole.update(f"\0{file}\0{digest_of(file)}".encode())
        return whole.hexdigest()

    def _files(self) -> list[Path] | None:
        """Return every file that the run may read, or None where that cannot be said."""
        source = Path(self.source)
        if not source.exists() or (self.key and not Path(self.key).is_file()):
            return None
        beside = source if source.is_dir() else source.parent
        config = Path(self.config) if self.config else beside / CONFIG_FILE
        found = {*_list_contents(source), config, *([Path(self.key)] if self.key else ())}
        for folder in (beside, config.parent, *map(Path, self.allow)):
            found |= {folder / name for name in _named_files(config)}
        files = sorted(file for file in found if os.path.isfile(file))  # noqa: PTH113 - it takes any text
        return files if len(files) <= MOST_FILES else None

    def note(self, said: Mapping[str, Any], digest: str) -> None:
        """Leave a note in run.json; `said` is what a run that changes nothing has to say.

        Where it cannot be written, the next run is a whole one.
        """
        folder = Path(self.out)
        made = {"manifest": digest_of(folder / MANIFEST), "store": self._store()}
        with suppress(OSError, ValueError):
            times = json.loads((folder / TIMES).read_text("utf-8"))
            times[NOTE] = {"asked": digest, **made, "said": said}
            write_text(folder / TIMES, json.dumps(times, ensure_ascii=False, indent=2) + "\n")

    def find_unchanged(self, digest: str) -> dict[str, Any] | None:
        """Return what there is to say where the folder holds what this run would make."""
        folder = Path(self.out)
        try:
            note = json.loads((folder / TIMES).read_text("utf-8"))[NOTE]
            stands = note["asked"] == digest != "" and note["store"] == self._store()
            stands = stands and note["manifest"] == digest_of(folder / MANIFEST)
            stands = stands and not any((folder / name).exists() for name in (DRAFT, READY))
            made = json.loads((folder / MANIFEST).read_text("utf-8"))
            if stands and all(digest_of(folder / name) == sha for name, sha in _made_files(made)):
                return dict(note["said"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass
        return None

    def _store(self) -> str:
        """Return the SHA-256 of the store that is kept; '' where none is."""
        return digest_of(Path(self.store)) if self.store else ""


def _list_contents(source: Path) -> list[Path]:
    """Return the files of a source; a database of one file may have others that begin like it."""
    if source.is_dir():
        return list(source.iterdir())
    return [file for file in source.parent.iterdir() if file.name.startswith(source.name)]


def _named_files(config: Path) -> set[str]:
    """Return all texts of a configuration: any of them may name a file."""
    try:
        return set(_texts(tomllib.loads(config.read_text("utf-8"))))
    except (OSError, ValueError):
        return set()


def _texts(given: object) -> Iterator[str]:
    """Yield the texts in tables and lists, however deep; none that no file is called."""
    if isinstance(given, str) and given and "\0" not in given:
        yield given
    elif isinstance(given, dict | list):
        for one in given.values() if isinstance(given, dict) else given:
            yield from _texts(one)


def _made_files(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the files that a manifest names, each with its SHA-256."""
    yield INDEX, facts["overview"]["sha256"]
    for name, one in facts["files"].items():
        yield name, one["sha256"]
    for entry in facts["pipelines"]:
        for name, page in entry["pages"].items():
            yield f"{entry['slug']}/{name}", page["sha256"]


# ---------------- planning
# What is to be made: the pages that are asked for, and which of them stand there already?


@dataclass(frozen=True)
class PagePlan:
    """The pages of one pipeline: their fingerprints, and what the last run says of them."""

    pipeline: PipelineAnalysis
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

    def _plan(self, pipeline: PipelineAnalysis) -> PagePlan:
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

    `shown` says what the store was made from: source, config and as_of.
    """

    store: Path
    language: str
    timeout_seconds: int
    engine: str
    shown: Mapping[str, str]
    brand: Mapping[str, str]

    def page(self, book: str, pipeline: str) -> Task:
        """Say how to make a page of a pipeline."""
        return self._task(book, {"pipeline": pipeline}, self._links(book))

    def overview(self, results: Sequence[Mapping[str, Any]], pipelines: Sequence[str]) -> Task:
        """Say how to make the overview of what became of each page."""
        return self._task(notebooks.OVERVIEW, {"results": results, "pipelines": pipelines}, ())

    def _task(
        self, book: str, parameters: Mapping[str, Any], links: tuple[tuple[str, str], ...]
    ) -> Task:
        """Say how to run a notebook on the store."""
        given = {**parameters, "source": str(self.store), "language": self.language}
        text = notebooks.read_notebook(book)
        return Task(text, given, self.timeout_seconds, self.shown, links, self.engine, self.brand)

    def _links(self, book: str) -> tuple[tuple[str, str], ...]:
        """Return the links of a page to the others, as (label, path)."""
        others = [other for other in notebooks.PER_PIPELINE if other != book]
        paths = {"to_index": "../index.html"} | {f"to_{o}": f"{o}.html" for o in others}
        words = Words(self.language)
        return tuple((words.say(f"page.{key}"), path) for key, path in paths.items())
