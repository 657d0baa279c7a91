"""`analyze`, which reads like a table of contents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from leakkit.analysis import comparing, costing, explaining, learning, pipeline, selecting
from leakkit.analysis.deferred import Later
from leakkit.analysis.earlier import without_late_losses
from leakkit.analysis.material import collect
from leakkit.analysis.results import Analysis
from leakkit.analysis.selection import ANY, EVERYTHING, OPEN_DAYS, select
from leakkit.config import LANGUAGES
from leakkit.errors import LeakkitError
from leakkit.findings import Finding, from_records
from leakkit.guards import find_spelling, is_left_out, require_kind, require_text
from leakkit.store import account, doubts
from leakkit.store.counts import Counts
from leakkit.store.database import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.analysis.learning import Asked
    from leakkit.analysis.material import Material
    from leakkit.analysis.results import PipelineAnalysis
    from leakkit.analysis.selection import Segment, Values
    from leakkit.config import Config
    from leakkit.findings.whatif import Costs
    from leakkit.measures.age_counts import StayCounts
    from leakkit.measures.stage_results import Learnt


def analyze(  # noqa: PLR0913 - a part of the data has as many sides as it has
    store: Store,
    pipelines: str | Sequence[str] | None = None,
    *,
    language: str = "",
    earlier: Mapping[tuple[str, str], float] | None = None,
    segment: Segment = "",
    value: Values = "",
    worth: Sequence[float | None] = ANY,
    days: Sequence[object] = OPEN_DAYS,
    window: str = "all",
    visits: str = "first",
    policy: str = "",
) -> Analysis:
    """What becomes of the deals in every stage of every pipeline?

    `pipelines` names those to analyse (all where empty): each is analysed by itself,
    so a part gives the same numbers as the whole. `language` beats the configured one.
    `earlier` are the horizons in days of the last run into the same folder, by
    (pipeline, stage), which stay while they fit; by default those kept in the store.

    A part of the data: the deals whose column `segment` says `value`, or one of a list of
    values; of several columns, `segment={"region": ["North", "South"], "owner": "A"}`; the
    deals `worth` (from, below) in major units; what was under way on some `days` (first,
    last), or in a `window` (all, current, baseline), as it stood at their end; `visits`
    (first, all); the skip `policy` (observed, reached, strict; the configured one where
    empty). Horizons and expected days stay those of the whole pipeline, so that parts can be
    compared. Raises LeakkitError for a pipeline, segment, value or day that is not there.

    >>> from leakkit import sample
    >>> from leakkit.config import Config
    >>> from leakkit.sources import load
    >>> made = sample.make(400)
    >>> frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    >>> analysis = analyze(load(frames, Config.from_text(made.config)))
    >>> analysis["Equipment"].stages[2].name
    'Proforma'
    """
    _refuse_other(store, language)
    config = store.config
    wanted = select(
        segment, value, worth=worth, days=days, window=window, visits=visits, policy=policy
    )
    # a part of the data has no findings: they are of everything
    findings = () if wanted != EVERYTHING else _kept_findings(store)
    numbers = _numbers(config, pipelines)
    # the false discovery rate is over all pipelines, whichever are asked for
    counts = Counts(store, numbers if findings is not None else None)
    asked, stays, learnt = _learnt(counts, config, earlier)
    costs = costing.find_costs(counts, asked, stays, learnt)
    learning.set_bounds(counts, asked)
    learning.expect(counts, learnt)
    materials = collect(counts, config, asked, stays, learnt, costs)
    built = tuple(map(pipeline.build, materials))
    whole = _whole(counts, materials, built, language, findings or ())
    if findings is None:
        whole = _part(_with_findings(whole, counts, asked, learnt, costs), numbers)
    if wanted == EVERYTHING:
        return whole
    return selecting.settle(selecting.Selector(whole).select(wanted))


def outline(store: Store) -> Analysis:
    """Return the analysis of all deals without findings, for who reads little of it.

    Its numbers are found when they are read, so the store must be open then.
    """
    counts, config = Counts(store), store.config
    asked, stays, learnt = _learnt(counts, config, None)
    costs = Later(lambda: costing.find_costs(counts, asked, stays, learnt))
    learning.set_bounds(counts, asked)
    learning.expect(counts, learnt)
    materials = collect(counts, config, asked, stays, learnt, costs)
    return _whole(counts, materials, tuple(map(pipeline.defer_pipeline, materials)), "", ())


def _learnt(
    counts: Counts, config: Config, earlier: Mapping[tuple[str, str], float] | None
) -> tuple[list[Asked], dict[tuple[int, ...], StayCounts], dict[tuple[int, int], Learnt]]:
    """Find the days that are compared, count the stays, and learn at which ages to read."""
    asked = learning.find_windows(counts, config)
    stays = learning.find_stays(counts, asked)
    kept = _earlier(counts.store) if earlier is None else earlier
    return asked, stays, learning.learn(counts, config, asked, stays, kept)


def _whole(
    counts: Counts,
    materials: tuple[Material, ...],
    built: tuple[PipelineAnalysis, ...],
    language: str,
    findings: tuple[Finding, ...],
) -> Analysis:
    """Return the analysis of all deals, with the findings that are known so far."""
    store, config = counts.store, counts.store.config
    return Analysis(
        pipelines=built,
        config=config,
        language=language or config.language,
        label=store.meta("label"),
        last_day=counts.last_day,
        shape=store.meta("shape"),
        provisional_order=store.meta("provisional_order"),
        rows=tuple(store.meta("rows")),
        facts=store.meta("facts"),
        inputs=tuple(store.meta("inputs")),
        ignored_files=tuple(store.meta("ignored_files")),
        fingerprint=store.meta("fingerprint"),
        all_findings=findings,
        doubts=doubts.read(store),
        recognised=tuple(store.meta("recognised")),
        faults=account.kept_faults(store),
        last_run=_last_run(store),
        logo=store.meta_or("logo", {}),
        store=store,
        materials=materials,
    )


def _with_findings(
    whole: Analysis,
    counts: Counts,
    asked: list[Asked],
    learnt: dict[tuple[int, int], Learnt],
    costs: dict[int, Costs],
) -> Analysis:
    """Compare what has changed in every pipeline that the export holds as a whole."""
    store = whole.opened()
    pairs = zip(asked, whole.pipelines, strict=True)
    compared = [one for one, built in pairs if not built.notes.coverage]
    found = comparing.find_findings(
        counts,
        whole.config,
        compared,
        learnt,
        costs,
        provisional=whole.provisional_order,
        split=partial(explaining.splits_of, store, whole),
    )
    return explaining.explain_findings(store, whole, without_late_losses(whole, found))


def _refuse_other(store: object, language: str) -> None:
    """Raise where what is given cannot be meant, with the call that can."""
    require_kind("analyze", store, Store)
    require_text("language", language)
    if language and language not in LANGUAGES:
        message = f"There is no language {language!r}. There are: {', '.join(LANGUAGES)}."
        raise LeakkitError("no_language", message)


def _part(whole: Analysis, numbers: tuple[int, ...] | None) -> Analysis:
    """Return the analysis of the pipelines that are asked for."""
    if numbers is None:
        return whole
    chosen = [at for at, one in enumerate(whole.materials) if one.asked.number in numbers]
    return replace(
        whole,
        pipelines=tuple(whole.pipelines[at] for at in chosen),
        materials=tuple(whole.materials[at] for at in chosen),
    )


def _numbers(config: Config, names: object) -> tuple[int, ...] | None:
    """Return the numbers of the named pipelines."""
    if is_left_out(names):
        return None
    asked = names if isinstance(names, Sequence) and not isinstance(names, str) else [names]
    known = [declared.name for declared in config.pipelines]
    return tuple(sorted({known.index(find_spelling("pipeline", name, known)) for name in asked}))


def _earlier(store: Store) -> dict[tuple[str, str], float]:
    """Return the horizons of the last run that the store was given, if any."""
    try:
        kept = store.meta("earlier_horizons")
    except KeyError:
        return {}
    return {(pipeline, stage): float(days) for pipeline, stage, days in kept}


def _last_run(store: Store) -> dict[str, Any]:
    """Return what the last run on other data saw, if the store was told."""
    try:
        return dict(store.meta("last_run"))
    except KeyError:
        return {}


def _kept_findings(store: Store) -> tuple[Finding, ...] | None:
    """Return the findings that an earlier analysis of all pipelines kept in the store, if any."""
    try:
        return from_records(store.meta("findings"))
    except KeyError:
        return None
