"""What is new since the last run into the same folder, and exports that lost their deals."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from leakkit.analysis import Seen
from leakkit.errors import HALF_EXPORT, Fault, LeakkitError
from leakkit.findings.finding import ALARM, WARNING
from leakkit.report.run_results import FAILED, PageResult
from leakkit.views.sentences import say_judged
from leakkit.views.view import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.findings import Finding
    from leakkit.report.manifest import Last


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


def news_json(analysis: Analysis, news: Sequence[News], removed: Sequence[str]) -> str:
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


def _news(analysis: Analysis, one: PipelineNumbers, standing: Last, page: PageResult) -> News:
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


def _warning(analysis: Analysis, one: PipelineNumbers, now: Seen) -> list[Finding]:
    """Return the findings of a pipeline that its page warns of, gravest first."""
    return [f for f in analysis.warnings(one.name) if (f.stage, f.kind) in now.warned]
