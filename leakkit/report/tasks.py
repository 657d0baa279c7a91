"""How the notebooks of a run are to be run: on which store, in which language, how long?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leakkit.report import books
from leakkit.report.rendering import Task
from leakkit.words import Words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


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
        return self._task(books.OVERVIEW, {"results": results, "pipelines": pipelines}, ())

    def _task(
        self, book: str, parameters: Mapping[str, Any], links: tuple[tuple[str, str], ...]
    ) -> Task:
        """Say how to run a notebook on the store."""
        given = {**parameters, "source": str(self.store), "language": self.language}
        text = books.text(book)
        return Task(text, given, self.timeout_seconds, self.shown, links, self.engine, self.brand)

    def _links(self, book: str) -> tuple[tuple[str, str], ...]:
        """Return the links of a page to the others, as (label, path)."""
        others = [other for other in books.PER_PIPELINE if other != book]
        paths = {"to_index": "../index.html"} | {f"to_{o}": f"{o}.html" for o in others}
        words = Words(self.language)
        return tuple((words.say(f"page.{key}"), path) for key, path in paths.items())
