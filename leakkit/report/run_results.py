"""What a run made: one value per pipeline, and one for all."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from leakkit.analysis import Analysis
    from leakkit.findings import Finding
    from leakkit.report.news import News


MADE, UNCHANGED, FAILED, NOT_ASKED = "made", "unchanged", "failed", "not_asked"
GOOD = "good"
"""A page is new, as it was, not there or old because it failed, or old because nobody asked."""


@dataclass(frozen=True)
class PageResult:
    """What became of the page of one pipeline.

    `failed` is the reason why a page could not be made. `page` (where deals are lost) and
    `causes` (why) are paths in the run's folder, empty where there is none. Where one is
    older than the run it is `stale`, and shows the data up to the local day number
    `last_day`. `failed_books` are the notebooks that failed.
    """

    pipeline: str
    slug: str
    state: str
    page: str = ""
    causes: str = ""
    headline: str = ""
    last_day: int = 0
    failed: str = ""
    stale: bool = False
    failed_books: tuple[str, ...] = ()
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def facts(self) -> dict[str, Any]:
        """Return what the overview needs to know, as plain values.

        To its reader a page that was made and one that did not change are the same.
        """
        return {
            "pipeline": self.pipeline,
            "state": GOOD if self.state in {MADE, UNCHANGED} else self.state,
            "page": self.page,
            "causes": self.causes,
            "folder": self.slug,
            "headline": self.headline,
            "last_day": self.last_day,
            "failed": self.failed,
            "stale": self.stale,
        }


@dataclass(frozen=True)
class RunResult:
    """What a run made. `rows` counts what became of the rows of each file, `facts` what was odd.

    `removed` names the pipelines whose pages went because the source no longer has them;
    `trouble` says why the overview is a plain list, if it is. `findings` are those of all
    pipelines of the source; `said` is what of [brand] could not be used; `news` is what the
    last run into the folder did not say, `not_printed` says why a PDF file is not there, if one
    is not, and `analysis` is what all of it was made from.
    """

    index: Path
    pages: tuple[PageResult, ...]
    rows: tuple[Mapping[str, int | str], ...]
    facts: Mapping[str, int]
    ignored_files: tuple[str, ...]
    removed: tuple[str, ...] = ()
    trouble: str = ""
    findings: tuple[Finding, ...] = ()
    said: tuple[str, ...] = ()
    news: tuple[News, ...] = ()
    not_printed: str = ""
    analysis: Analysis | None = field(default=None, repr=False, compare=False)

    @property
    def failed(self) -> tuple[PageResult, ...]:
        """The pipelines whose page could not be made."""
        return tuple(page for page in self.pages if page.state == FAILED)

    def count(self, state: str) -> int:
        """Count the pages in a state."""
        return sum(page.state == state for page in self.pages)


@dataclass(frozen=True)
class Event:
    """What a run is doing.

    `doing` is reading, analysing, page, overview, printing or done. With `page` comes what
    became of it; `done` of `total` pages are through.
    """

    doing: str
    done: int = 0
    total: int = 0
    page: PageResult | None = None


def new_run() -> str:
    """Return an id that no other run has."""
    return uuid.uuid4().hex[:12]


def log_line(facts: Mapping[str, object], run: str) -> str:
    """Return one line of a log for programs: what happened, with its moment and the run's id."""
    moment = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    return json.dumps({"time": moment, "run": run, **facts}, ensure_ascii=False)
