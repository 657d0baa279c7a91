"""What a run made: one value per pipeline, one for all, and what is new since the last run."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from leakkit.analysis import Seen
from leakkit.errors import HALF_EXPORT, Fault, LeakkitError
from leakkit.findings.finding import ALARM, WARNING
from leakkit.views.sentences import say_judged
from leakkit.views.view import words_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from leakkit.analysis import Analysis, PipelineAnalysis
    from leakkit.findings import Finding
    from leakkit.report.manifest import Last


# ---------------- results
# What a run made: one value per pipeline, and one for all.

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


def log_line(facts: Mapping[str, Any], run: str) -> str:
    """Return one line of a log for programs: what happened, with its moment and the run's id."""
    moment = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    return json.dumps({"time": moment, "run": run, **facts}, ensure_ascii=False)


# ---------------- news
# What is new since the last run into the same folder, and exports that lost their deals.

EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True)
class Warned:
    """A share that got worse: of which stage, and the sentence of the page."""

    stage: str
    kind: str
    severity: str
    sentence: str


@dataclass(frozen=True)
class News:
    """What a run says of one pipeline that the last run into the folder did not.

    `appeared` warns now and did not then, `gone` names (stage, kind) that warned then and do
    not now. `deals_before` is None where no run was before. `failed` is why the pages could
    not be made; `stale` ones are older than the run.
    """

    pipeline: str
    appeared: tuple[Warned, ...] = ()
    gone: tuple[tuple[str, str], ...] = ()
    deals: int = 0
    deals_before: int | None = None
    failed: str = ""
    stale: bool = False

    @property
    def is_news(self) -> bool:
        """Say whether anybody needs to be told."""
        return bool(self.appeared or self.gone or self.failed or self.stale)


def find_news(analysis: Analysis, standing: Last, pages: Sequence[PageResult]) -> tuple[News, ...]:
    """What is new of every pipeline that was asked for, against what the folder says?"""
    states = {page.pipeline: page for page in pages}
    found = [
        _news(analysis, one, standing, states[one.name])
        for one in analysis.pipelines
        if one.name in states
    ]
    there = {one.pipeline for one in found}
    lost = [page for page in pages if page.state == FAILED and page.pipeline not in there]
    return (*found, *(News(p.pipeline, failed=p.failed, stale=p.stale) for p in lost))


def is_new(news: Sequence[News], severity: str) -> bool:
    """Say whether a finding as grave as `severity` (alarm or watch) is new."""
    wanted = {ALARM} if severity == ALARM else WARNING
    return any(one.severity in wanted for each in news for one in each.appeared)


def refusal_as_json(error: LeakkitError) -> str:
    """Return what there is to tell of a run that made nothing: why."""
    nothing = {"as_of": "", "fingerprint": "", "pipelines": [], "removed": [], "rows": []}
    content = {"news": True, "failed": str(error), **nothing}
    return json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def as_json(analysis: Analysis, news: Sequence[News], removed: Sequence[str]) -> str:
    """Return the news as JSON text, for programs that mail or post."""
    content = {
        "as_of": (EPOCH + dt.timedelta(days=analysis.last_day)).isoformat(),
        "fingerprint": analysis.fingerprint,
        "failed": "",
        "news": any(one.is_news for one in news) or bool(removed),
        "pipelines": [{**asdict(one), "news": one.is_news} for one in news],
        "removed": list(removed),
        "rows": [dict(row) for row in analysis.rows],
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def refuse_half_export(
    analysis: Analysis, standing: Last, *, max_drop: float | None, min_rows: int
) -> None:
    """Raise where a source has fewer rows than `min_rows`, or lost more deals than is believed.

    `max_drop` is the part of the deals of a pipeline that may be gone since the last run,
    0 to 1; None asks nothing. The error names every pipeline, and nothing is published.
    """
    faults = []
    used = sum(int(row["used"]) for row in analysis.rows)
    if used < min_rows:
        rule = f"{used:,} rows are used, fewer than --min-rows {min_rows:,}"
        faults.append(Fault(analysis.label, None, "", "", rule))
    known = {one.name: one.opportunities for one in analysis.pipelines}
    for name, entry in standing.pipelines.items() if max_drop is not None else ():
        then, now = Seen.read(entry.get("seen")), known.get(name)
        if then is None or now is None or now >= (1.0 - (max_drop or 0.0)) * then.deals:
            continue
        rule = f"{now:,} deals, and the last run had {then.deals:,}"
        faults.append(Fault(name, None, "", "", rule))
    if faults:
        message = "The export is smaller than is believed, so the pages stay as they are:"
        raise LeakkitError(HALF_EXPORT, message, tuple(faults))


def _news(analysis: Analysis, one: PipelineAnalysis, standing: Last, page: PageResult) -> News:
    """Compare one pipeline with what the last run saw of it."""
    then = Seen.read(standing.pipelines.get(one.name, {}).get("seen"))
    known = set() if then is None else set(then.warned)
    now = Seen.of(analysis, one)
    new = [f for f in _warning(analysis, one, now) if (f.stage, f.kind) not in known]
    words = words_of(analysis)
    return News(
        one.name,
        tuple(
            Warned(f.stage, f.kind, f.severity, say_judged(one, f, words).striptags()) for f in new
        ),
        tuple(sorted(known - set(now.warned))),
        now.deals,
        None if then is None else then.deals,
        page.failed,
        page.stale,
    )


def _warning(analysis: Analysis, one: PipelineAnalysis, now: Seen) -> list[Finding]:
    """Return the findings of a pipeline that its page warns of, gravest first."""
    return [f for f in analysis.warnings(one.name) if (f.stage, f.kind) in now.warned]
