"""`analyze`, which reads like a table of contents: each step is made of what those before found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from leakkit.analysis import stage_findings
from leakkit.analysis.counts import count_all
from leakkit.analysis.learning import learn
from leakkit.analysis.numbers import PipelineNumbers
from leakkit.analysis.parts import Selector
from leakkit.analysis.results import Analysis
from leakkit.analysis.scope import ANY, EVERYTHING, OPEN_DAYS, select
from leakkit.analysis.snapshot import Seen, without_late_losses
from leakkit.config import LANGUAGES
from leakkit.errors import LeakkitError
from leakkit.findings import from_records
from leakkit.guards import find_spelling, is_left_out, require_kind, require_text
from leakkit.store import account, doubtful_visits
from leakkit.store.count_requests import Counts
from leakkit.store.database import Store
from leakkit.store.relations import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.analysis.learning import Learning
    from leakkit.analysis.scope import Segment, Values
    from leakkit.config import Config
    from leakkit.findings import Finding


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
    wanted = select(
        segment, value, worth=worth, days=days, window=window, visits=visits, policy=policy
    )
    config = store.config
    asked = _numbers(config, pipelines)
    # a part of the data has no findings: they are of everything
    kept = () if wanted != EVERYTHING else _kept_findings(store)
    # the false discovery rate is over all pipelines, whichever are asked for
    scope = Scope(asked if kept is not None else None)
    known = learn(Counts.of(store, scope), config, _earlier(store, earlier))
    whole = _describe(store, known, language)
    found = _find_findings(whole, known) if kept is None else kept
    whole = _choose(replace(whole, all_findings=found), asked)
    chosen = whole if wanted == EVERYTHING else Selector(whole).select(wanted)
    return find_all(chosen)


def outline(store: Store) -> Analysis:
    """Return the analysis of all deals without findings, for who reads little of it.

    Its numbers are found when they are read, so the store must be open then.
    """
    known = learn(Counts.of(store), store.config, _earlier(store, None))
    return _describe(store, known, "")


def find_all(analysis: Analysis) -> Analysis:
    """Find every number of an analysis, so that it needs its store no more; return it."""
    for pipeline in analysis.pipelines:
        pipeline.snapshot()
        for stage in pipeline.stages:
            stage.snapshot()
    return analysis


def _describe(store: Store, known: Learning, language: str) -> Analysis:
    """Return the analysis of all deals, without findings."""
    source = store.source_facts
    return Analysis(
        pipelines=tuple(PipelineNumbers.count(counts) for counts in count_all(known)),
        config=known.config,
        language=language or known.config.language,
        label=source.label,
        last_day=known.counts.last_day,
        shape=source.shape,
        provisional_order=source.provisional_order,
        rows=source.rows,
        facts=source.facts,
        inputs=source.inputs,
        ignored_files=source.ignored_files,
        fingerprint=source.fingerprint,
        doubtful=doubtful_visits.read_doubtful(store),
        recognised=source.recognised,
        faults=account.kept_faults(store),
        last_run=_last_run(store),
        logo=store.meta_or("logo", {}),
        store=store,
    )


def _find_findings(whole: Analysis, known: Learning) -> tuple[Finding, ...]:
    """Compare what has changed in every pipeline that the export holds as a whole."""
    pairs = zip(known.pipelines, whole.pipelines, strict=True)
    found = stage_findings.find_findings(
        known,
        [one for one, numbers in pairs if not numbers.notes.coverage],
        {one.name: one.costs for one in whole.pipelines if one.costs},
        provisional=whole.provisional_order,
        split=partial(stage_findings.splits_of, whole.opened(), whole),
    )
    return stage_findings.explain_findings(whole, without_late_losses(whole, found))


def _refuse_other(store: object, language: str) -> None:
    """Raise where what is given cannot be meant, with the call that can."""
    require_kind("analyze", store, Store)
    require_text("language", language)
    if language and language not in LANGUAGES:
        message = f"There is no language {language!r}. There are: {', '.join(LANGUAGES)}."
        raise LeakkitError("no_language", message)


def _choose(whole: Analysis, numbers: tuple[int, ...] | None) -> Analysis:
    """Return the analysis of the pipelines that are asked for."""
    if numbers is None:
        return whole
    names = {whole.config.pipelines[number].name for number in numbers}
    return replace(whole, pipelines=tuple(one for one in whole.pipelines if one.name in names))


def _numbers(config: Config, names: object) -> tuple[int, ...] | None:
    """Return the numbers of the named pipelines."""
    if is_left_out(names):
        return None
    asked = names if isinstance(names, Sequence) and not isinstance(names, str) else [names]
    known = [declared.name for declared in config.pipelines]
    return tuple(sorted({known.index(find_spelling("pipeline", name, known)) for name in asked}))


def _earlier(
    store: Store, given: Mapping[tuple[str, str], float] | None
) -> Mapping[tuple[str, str], float]:
    """Return the horizons of the last run: those given, else those kept in the store, if any."""
    if given is not None:
        return given
    kept = store.meta_or("earlier_horizons", [])
    return {(pipeline, stage): float(days) for pipeline, stage, days in kept}


def _last_run(store: Store) -> dict[str, Seen]:
    """Return what the last run on other data saw of each pipeline, if the store was told."""
    earlier = {name: Seen.read(facts) for name, facts in store.meta_or("last_run", {}).items()}
    return {name: seen for name, seen in earlier.items() if seen is not None}


def _kept_findings(store: Store) -> tuple[Finding, ...] | None:
    """Return the findings that an earlier analysis of all pipelines kept in the store, if any."""
    records = store.meta_or("findings", None)
    return None if records is None else from_records(records)
