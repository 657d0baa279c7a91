"""Why a stage loses deals: its causes, its drivers, and whether its rate or its mix changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leakkit.config import fold_name
from leakkit.errors import LeakkitError
from leakkit.findings import drivers, mix, verdicts
from leakkit.findings.behaviour import join_days
from leakkit.findings.change_drivers import ChangeScreen, screen_changes
from leakkit.findings.drivers import Screen
from leakkit.findings.finding import WARNING
from leakkit.findings.mix import RateAndMix
from leakkit.findings.reason_dictionary import dictionary
from leakkit.findings.stage_readings import FAR, LOST, UNKNOWN, Design
from leakkit.findings.stated_reasons import Elsewhere
from leakkit.sources.headings.reading import simplify_heading
from leakkit.store import visits as stored
from leakkit.store.design import design_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from leakkit.analysis.numbers import PipelineNumbers, StageNumbers
    from leakkit.analysis.results import Analysis
    from leakkit.config import Config
    from leakkit.findings.finding import Key
    from leakkit.findings.reason_dictionary import Dictionary
    from leakkit.findings.verdicts import Cause
    from leakkit.measures.horizons import Days
    from leakkit.measures.survival import Ints
    from leakkit.store.database import Store


def root_cause(store: Store, analysis: Analysis, pipeline: str, stage: str) -> Cause:
    """Why are deals lost at this stage?

    Raises LeakkitError where there is no such pipeline or stage.

    >>> import leakkit
    >>> store = leakkit.load("sample")
    >>> analysis = leakkit.analyze(store, "Equipment")
    >>> found = root_cause(store, analysis, "Equipment", "Proforma")
    >>> found.verdict.family, found.stated.family, found.behaviour.family
    ('unconvincing', 'unconvincing', 'unconvincing')
    """
    one, at = _stage(analysis, pipeline, stage)
    design = read_design(store, analysis, one, at)
    return verdicts.find_cause(
        design,
        _current(one),
        one.windows.baseline,
        dictionary_of(store),
        elsewhere=_elsewhere(store, analysis, one, at),
        got_worse=_got_worse(analysis, one, at),
    )


def _got_worse(analysis: Analysis, pipeline: PipelineNumbers, stage: StageNumbers) -> bool:
    """Say whether the stage warns because it loses more than before."""
    key = (pipeline.name, stage.name, "lost")
    return any(
        one.key == key and one.severity in WARNING and (one.change or 0.0) > 0.0
        for one in analysis.all_findings
    )


def _elsewhere(
    store: Store, analysis: Analysis, pipeline: PipelineNumbers, stage: StageNumbers
) -> Elsewhere:
    """Read the reasons of the losses of the other stages of a pipeline."""
    config = analysis.config
    rival = column_of(config, store.columns, config.roles.competitor)
    number = _number(config, pipeline)
    rows = stored.reasons_elsewhere(store, number, stage.stage, LOST, rival)
    day, said, rivals, n = zip(*rows, strict=True) if rows else ((), (), (), ())
    days, rivals_named, counts = (np.array(part, np.int64) for part in (day, rivals, n))
    return Elsewhere(days, said, rivals_named, counts)


def drivers_of(
    store: Store, analysis: Analysis, pipeline: str, stage: str, value_of_loss: float | None = None
) -> Screen:
    """Which segments of a stage lose more than its rest, and what could they give back?

    Read at the stage's horizon over both windows; deals and money are those of the
    current window. `value_of_loss`, in minor units, defaults to the chance that a deal
    which is not lost here is won, times the mean value at entry; None under half known.

    >>> import leakkit
    >>> store = leakkit.load("sample")
    >>> found = drivers_of(store, leakkit.analyze(store, "Equipment"), "Equipment", "Inquiry")
    >>> found.columns, found.drivers
    (('owner', 'source', 'region', 'product', 'value'), ())
    """
    one, at = _stage(analysis, pipeline, stage)
    current = _current(one)
    days = join_days(one.windows.baseline, current)
    if at.horizon.age is None:
        return Screen.missing("lost", days, "no_horizon")
    design = read_design(store, analysis, one, at)
    columns = segments_of(analysis.config, design)
    value = _value_of_loss(design, at, current) if value_of_loss is None else value_of_loss
    found = drivers.screen(
        design,
        days,
        at.horizon.age,
        value_of_loss=value,
        valued_days=current,
        columns=columns,
        q=analysis.config.comparison.q,
    )
    return drivers.adjust_drivers(found, design, columns)


def split_change(  # noqa: PLR0913, PLR0917 - the parts of one question
    store: Store,
    analysis: Analysis,
    pipeline: str,
    stage: str,
    kind: str = "lost",
    phi: float | None = None,
) -> RateAndMix:
    """Did the rate of a stage change against its baseline, or only who came?

    `kind` is lost, returned (both read at the horizon) or overdue (read at E). `phi`, which
    widens the interval of the rate, is that of the finding where it is not given.

    >>> import leakkit
    >>> store = leakkit.load("sample")
    >>> analysis = leakkit.analyze(store, "Equipment")
    >>> found = split_change(store, analysis, "Equipment", "Proforma")
    >>> found.rate.low > 0.0, abs(found.mix) < 0.01
    (True, True)
    """
    one, at = _stage(analysis, pipeline, stage)
    age = at.expected.age if kind == "overdue" else at.horizon.age
    if one.windows.baseline is None:
        return RateAndMix.missing(kind, 0.0, "no_baseline")
    if age is None:
        return RateAndMix.missing(
            kind, 0.0, "no_expected_days" if kind == "overdue" else "no_horizon"
        )
    design = read_design(store, analysis, one, at)
    columns = segments_of(analysis.config, design)
    baseline = one.windows.baseline
    wobble = phi_of(analysis, (one.name, at.name, kind)) if phi is None else phi
    return mix.split(design, _current(one), baseline, age, kind=kind, columns=columns, phi=wobble)


def changes_of(
    store: Store, analysis: Analysis, pipeline: str, stage: str, kind: str = "lost"
) -> ChangeScreen:
    """Which segments drove a change of a stage: whose share moved more than that of the rest?

    Of what got better, those that got better more. `kind` as in `split_change`.

    >>> import leakkit
    >>> store = leakkit.load("sample")
    >>> found = changes_of(store, leakkit.analyze(store, "Equipment"), "Equipment", "Inquiry")
    >>> found.tested > 20, found.drivers
    (True, ())
    """
    one, at = _stage(analysis, pipeline, stage)
    age = at.expected.age if kind == "overdue" else at.horizon.age
    if one.windows.baseline is None:
        return ChangeScreen.missing(kind, "no_baseline")
    if age is None:
        return ChangeScreen.missing(kind, "no_expected_days" if kind == "overdue" else "no_horizon")
    design = read_design(store, analysis, one, at)
    own = next((f for f in analysis.all_findings if f.key == (one.name, at.name, kind)), None)
    return screen_changes(
        design,
        _current(one),
        one.windows.baseline,
        age,
        kind=kind,
        columns=segments_of(analysis.config, design),
        phi=phi_of(analysis, (one.name, at.name, kind)),
        q=analysis.config.comparison.q,
        falls=own is not None and own.improved,
    )


def phi_of(analysis: Analysis, key: Key) -> float:
    """Return the wobble of the months that a finding was judged with; 1 where it is not known."""
    return next((f.phi for f in analysis.all_findings if f.key == key and f.phi is not None), 1.0)


def segments_of(config: Config, design: Design) -> tuple[str, ...] | None:
    """Return the columns that the configuration calls segments; None for all that are kept."""
    if config.roles.segments is None:
        return None
    named = (column_of(config, tuple(design.segments), name) for name in config.roles.segments)
    return tuple(name for name in named if name)


def _value_of_loss(design: Design, stage: StageNumbers, current: Days) -> float | None:
    """Return `W+ V`: what a deal that is not lost here is worth on average (method, section 6)."""
    came = (design.visit == 1) & (design.entered_day >= current[0])
    came &= design.entered_day < current[1]
    value = design.value[came]
    won, lost = stage.won_from_here.share, stage.lost.share
    known = value[value >= 0]
    if won is None or lost is None or lost >= 1.0 or 2 * len(known) < max(len(value), 1):
        return None
    return won / (1.0 - lost) * float(known.mean())


def _current(pipeline: PipelineNumbers) -> Days:
    """Return the current window; raise where there are no days."""
    if pipeline.windows.current is None:
        message = f"{pipeline.name} has no days to read."
        raise LeakkitError("no_window", message)
    return pipeline.windows.current


def dictionary_of(store: Store) -> Dictionary:
    """Return the dictionary of reasons, with the user's file where the source had one."""
    try:
        return dictionary(store.meta("reasons"), store.config.reasons.file)
    except KeyError:
        return dictionary()


KEPT_PASSAGES = 200_000
"""So many passages of stages that were looked into are kept for the next question: 50 MB."""


def read_design(
    store: Store, analysis: Analysis, pipeline: PipelineNumbers, stage: StageNumbers
) -> Design:
    """Read the passages of one stage, with the columns that the configuration names.

    Several questions are asked of one stage, so the last ones stay with the store.
    """
    kept, place = store.designs, (_number(analysis.config, pipeline), stage.stage)
    if place not in kept:
        kept[place] = _read_design(store, analysis.config, *place, pipeline.unit_per_day)
        while sum(len(one.opportunity) for one in kept.values()) > KEPT_PASSAGES and len(kept) > 1:
            del kept[next(iter(kept))]
    found: Design = kept[place]
    return found


def _read_design(store: Store, config: Config, number: int, stage: int, per_day: int) -> Design:
    """Read the passages of one stage from the store."""
    segments = store.columns
    rows = design_rows(store, number, stage, segments)
    frame = rows.frame
    return Design(
        stage=stage,
        kinds=tuple(declared.kind for declared in config.pipelines[number].stages),
        per_day=per_day,
        opportunity=_whole(frame, "opportunity"),
        visit=_whole(frame, "visit"),
        exit=_whole(frame, "exit"),
        entered_day=_whole(frame, "entered_day"),
        left_day=_whole(frame, "left_day", FAR),
        entered_tick=_whole(frame, "entered_tick"),
        left_tick=_whole(frame, "left_tick", FAR),
        returns=_whole(frame, "returns"),
        passages_before=_whole(frame, "passages_before"),
        value=_whole(frame, "value", UNKNOWN),
        outcome=_whole(frame, "outcome"),
        reason=_whole(frame, "reason"),
        reasons=rows.reasons,
        segments={name: _whole(frame, f"segment_{i}") for i, name in enumerate(segments)},
        labels=rows.labels,
        passages=rows.passages,
        owner=store.owner,
        product=column_of(config, segments, config.roles.product),
        competitor=column_of(config, segments, config.roles.competitor),
        known_at_entry=tuple(
            column_of(config, segments, name) for name in config.roles.known_at_entry
        ),
        silent_days=_take_column(frame, "silent_days"),
        longest_gap_days=_take_column(frame, "longest_gap_days"),
    )


def _number(config: Config, pipeline: PipelineNumbers) -> int:
    """Return the number of a pipeline in the store."""
    return [fold_name(declared.name) for declared in config.pipelines].index(
        fold_name(pipeline.name)
    )


def _whole(frame: pd.DataFrame, column: str, missing: int = 0) -> Ints:
    """Return a column as whole numbers."""
    values = frame[column].to_numpy()
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    filled = frame[column].astype("Int64").fillna(missing)
    return np.asarray(filled.to_numpy(), dtype=np.int64)


def _take_column(frame: pd.DataFrame, column: str) -> Ints | None:
    """Return a column that only some sources have."""
    return _whole(frame, column, UNKNOWN) if column in frame else None


def column_of(config: Config, segments: tuple[str, ...], name: str) -> str:
    """Return the stored name of a column; '' where it is not kept."""
    if not name:
        return ""
    wanted = (config.source.columns.get(name, name), name)
    forms = {simplify_heading(kept.removesuffix(" (given)")): kept for kept in reversed(segments)}
    return next((forms[form] for form in map(simplify_heading, wanted) if form in forms), "")


def _stage(analysis: Analysis, pipeline: str, stage: str) -> tuple[PipelineNumbers, StageNumbers]:
    """Return a pipeline and one of its stages by their names."""
    one = analysis[pipeline]
    return one, one[stage]


# ---------------------------------------------------------------- where no history is known


@dataclass(frozen=True)
class SaidReason:
    """A reason as it is written, how many lost deals name it, and its family ('' unknown).

    `by_stage` counts them by the position of their stage, -1 where none is named.
    """

    reason: str
    n: int
    family: str
    by_stage: Mapping[int, int]


def find_reasons(analysis: Analysis, chosen: PipelineNumbers) -> tuple[SaidReason, ...]:
    """Which reasons do the lost deals of a present state name? The most frequent first."""
    if chosen.present is None or analysis.store is None:
        return ()
    terms = dictionary_of(analysis.store)
    found: dict[str, dict[int, int]] = {}
    for (reason, stage), n in chosen.present.reasons.items():
        if reason:
            found.setdefault(reason, {})[stage] = n
    said = [
        SaidReason(reason, sum(each.values()), meant.family if meant else "", each)
        for reason, each in found.items()
        for meant in [terms.meaning(reason)]
    ]
    return tuple(sorted(said, key=lambda one: (-one.n, one.reason)))
