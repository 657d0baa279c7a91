"""A part of what was analysed: some deals, some days, other visits, another skip policy.

Nothing is learnt anew: horizons and expected days are those of the whole pipeline, so
that parts can be compared with it and with each other. Of some days is what was under way on
them, as it stood at their end; the pipe has the deals that were created on them, as they stand
today, and the chance to win and the route follow deals through the whole history.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

from leakkit.analysis import learning
from leakkit.analysis.counts import PipelineBatch
from leakkit.analysis.numbers import PipelineNumbers, StageNumbers
from leakkit.analysis.scope import (
    choose_days,
    choose_deals,
    find_column,
    one_of,
    spell_selection,
)
from leakkit.errors import LeakkitError
from leakkit.frames import stages_frame
from leakkit.frames.data_frames import LEFT, WON, deals_frame
from leakkit.store import deal_queries, schema
from leakkit.store.count_requests import LONG_AGO, Counts
from leakkit.store.relations import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from leakkit.analysis.counts import PipelineCounts
    from leakkit.analysis.learning import Ages, PipelineDays
    from leakkit.analysis.results import Analysis
    from leakkit.analysis.scope import Selection
    from leakkit.analysis.snapshot import Numbers
    from leakkit.measures.horizons import Days
    from leakkit.store.relations import Deals

MOST_ANSWERS, MOST_BATCHES = 8, 16
"""So many parts are kept, and so many tables of their deals: who explores asks for many."""
OFF_CURVES = frozenset(
    {
        *("curve", "followed", "advance", "lost", "returned", "stalled", "went_overdue"),
        *("median", "p90", "mean"),
    }
)
"""The numbers of a stage that are read off its curve."""
OF_READING = frozenset({"stages", "skip_policy", "costs"})
"""The numbers of a pipeline that depend on how curves are read, or are of the whole only."""
K = TypeVar("K")
V = TypeVar("V")
ADVANCED = (schema.NEXT, schema.JUMPED, schema.WON_HERE)


def keep_latest(kept: dict[K, V], key: K, make: Callable[[K], V], most: int) -> V:
    """Return what is kept under a key, or is made now; of more than `most` the oldest goes."""
    found = kept.pop(key) if key in kept else make(key)
    kept[key] = found
    while len(kept) > most:
        del kept[next(iter(kept))]
    return found


class Selector:
    """Answers one selection of an analysis after the other.

    What two selections have in common is counted once. The numbers of an answer are
    found when they are read, so the store must be open then.
    """

    def __init__(self, analysis: Analysis, name: str = "") -> None:
        """Take the analysis of everything; `name` is the only pipeline to answer for."""
        wholes = (analysis[name],) if name else analysis.pipelines
        whole = analysis.origin is None and all(one.counts is not None for one in wholes)
        if analysis.store is None or not whole:
            message = "Only the analysis of everything can be selected from: call leakkit.analyze."
            raise LeakkitError("selected_already", message)
        self.analysis, self.store, self.wholes = analysis, analysis.store, wholes
        self._batches: dict[_PartRequest, PipelineBatch] = {}
        self._known: dict[Selection, Selection] = {}
        self._answers: dict[Selection, Analysis] = {}

    @property
    def numbers(self) -> list[int]:
        """The numbers of the pipelines that are answered for."""
        return [_counts_of(one).number for one in self.wholes]

    def select(self, selection: Selection) -> Analysis:
        """Return the analysis of a part."""
        wanted = self.spell(selection)
        return keep_latest(self._answers, wanted, self._answer, MOST_ANSWERS)

    def _answer(self, wanted: Selection) -> Analysis:
        """Make the analysis of a part."""
        return replace(
            self.analysis,
            pipelines=self._select(wanted),
            selection=wanted,
            all_findings=(),  # they are of everything
            origin=self.analysis,
        )

    def split(self, selection: Selection, column: str) -> tuple[PartNumbers, ...]:
        """Return the deals of every value of a column apart, all counted together."""
        wanted = self.spell(selection)
        return tuple(
            PartNumbers(part.value, PipelineNumbers.count(replace(own, batch=batch, pipeline=one)))
            for whole, batch in self._count(wanted, column)
            for own in [_read_as(whole, wanted)]
            for part, one in zip(batch.counts.parts, batch.pipelines, strict=True)
            if part.pipeline == own.number
        )

    def counts_for(self, name: str, selection: Selection, query: str) -> Counts:
        """Return what counts a query for one pipeline of a part."""
        whole = next(one for one in self.wholes if one.name == name)
        known = self.spell(selection)
        asked = _PartRequest((whole.name,), choose_deals(known), choose_days(known, whole))
        return self._batch(asked).counts_for(query)

    def spell(self, selection: Selection) -> Selection:
        """Return the selection in the spelling of the store; raise where there is no such part."""
        if selection not in self._known:
            known = spell_selection(self.store, self.numbers, selection)
            self._known[selection] = self._check(known)
        return self._known[selection]

    def _check(self, selection: Selection) -> Selection:
        """Return the selection with the usual policy left out; raise where choices do not fit."""
        configured = self.analysis.config.comparison.skip_policy
        if selection.visits == "all" and (selection.policy or configured) != "observed":
            message = "All visits are counted as observed: give visits='all' policy='observed'."
            raise LeakkitError("all_visits_observed", message)
        for whole in self.wholes:
            choose_days(selection, whole)
        policy = "" if selection.policy == configured else selection.policy
        return replace(selection, policy=policy)

    def _select(self, selection: Selection) -> tuple[PipelineNumbers, ...]:
        """Return the numbers of every pipeline of a part."""
        if not (selection.limits_deals or selection.limits_days):
            return tuple(_read_anew(whole, _read_as(whole, selection)) for whole in self.wholes)
        return tuple(
            PipelineNumbers.count(replace(_read_as(whole, selection), batch=batch))
            for whole, batch in self._count(selection)
        )

    def _count(
        self, selection: Selection, column: str = ""
    ) -> Iterator[tuple[PipelineNumbers, PipelineBatch]]:
        """Yield each pipeline with its counts; those of the same days are counted together."""
        days = {whole.name: choose_days(selection, whole) for whole in self.wholes}
        for whole in self.wholes:
            own = days[whole.name]
            names = tuple(name for name, each in days.items() if each == own)
            yield whole, self._batch(_PartRequest(names, choose_deals(selection), own, column))

    def _batch(self, asked: _PartRequest) -> PipelineBatch:
        """Return the counts of the chosen deals of some pipelines, on the chosen days."""
        return keep_latest(self._batches, asked, self._make_batch, MOST_BATCHES)

    def _make_batch(self, asked: _PartRequest) -> PipelineBatch:
        """Count the chosen deals; what does not depend on the days once for all days."""
        days, owns = asked.days, self._owns(asked)
        if days is None:
            lives = self._under_terms(asked, asked.deals)
            counts = created = flows = lives
        else:
            lives = self._batch(replace(asked, days=None)).lives
            counts = self._under_terms(asked, asked.deals, days)
            created = self._under_terms(asked, replace(asked.deals, created=days))
            flows = self._under_terms(asked, asked.deals, (LONG_AGO, days[1]))
        pipelines = tuple(one for one, _ in _parts_of(owns, lives))
        return PipelineBatch(pipelines, _ages_of(owns, lives), counts, lives, created, flows, days)

    def _under_terms(self, asked: _PartRequest, deals: Deals, seen: Days | None = None) -> Counts:
        """Count some deals, and visits, under the terms of the whole pipelines."""
        owns = self._owns(asked)
        scope = Scope(tuple(own.number for own in owns), deals, seen, asked.column)
        counts = Counts.of(self.store, scope)
        parts = _parts_of(owns, counts)
        mature = {own.number: _mature_day(self.analysis, own) for own in owns}
        after = counts.last_day + 1
        return counts.under(
            bounds=learning.bounds(one for one, _ in parts),
            mature=tuple(
                (one.number, after - age)
                for one, own in parts
                if (age := mature[own.number]) is not None
            ),
            expected=learning.expected_stays(_ages_of(owns, counts)),
            calendar=learning.calendar(
                [own.pipeline for own in owns], counts.last_day, asked.days if seen else None
            ),
        )

    def _owns(self, asked: _PartRequest) -> tuple[PipelineCounts, ...]:
        """Return what the whole pipelines were counted from."""
        return tuple(_counts_of(whole) for whole in self.wholes if whole.name in asked.names)


@dataclass(frozen=True)
class PartNumbers:
    """The numbers of the deals of one pipeline of which a column says `value`."""

    value: str
    numbers: PipelineNumbers


@dataclass(frozen=True)
class _PartRequest:
    """Some deals of some pipelines on some days, the values of a `column` apart."""

    names: tuple[str, ...]
    deals: Deals
    days: Days | None = None
    column: str = ""


def _counts_of(whole: PipelineNumbers) -> PipelineCounts:
    """Return what a whole pipeline was counted from."""
    if whole.counts is None:
        message = f"{whole.name} has lost its counts."
        raise ValueError(message)
    return whole.counts


def _read_as(whole: PipelineNumbers, selection: Selection) -> PipelineCounts:
    """Return the counts of a whole pipeline, to be read as a selection says."""
    own = _counts_of(whole)
    policy = selection.policy or own.policy
    return replace(own, whole=whole, visits=selection.visits, policy=policy)


def _read_anew(whole: PipelineNumbers, counts: PipelineCounts) -> PipelineNumbers:
    """Return a whole pipeline whose curves are read otherwise; all else is as it was found."""
    stages = tuple(
        StageNumbers.of(_counts=counts, _stage=stage.stage, **_without(stage, OFF_CURVES))
        for stage in whole.stages
    )
    known = _without(whole, OF_READING)
    return PipelineNumbers.of(counts=counts, stages=stages, **known)


def _without(numbers: Numbers, names: frozenset[str]) -> dict[str, object]:
    """Return the numbers by name, without some."""
    return {name: getattr(numbers, name) for name in numbers.names() if name not in names}


def _parts_of(
    owns: Sequence[PipelineCounts], counts: Counts
) -> tuple[tuple[PipelineDays, PipelineCounts], ...]:
    """Return the pipelines, or each of their parts as one, with the whole that it is of."""
    if not counts.relations.scope.column:
        return tuple((own.pipeline, own) for own in owns)
    whole = {own.number: own for own in owns}
    return tuple(
        (replace(whole[part.pipeline].pipeline, number=part.number), whole[part.pipeline])
        for part in counts.parts
    )


def _ages_of(owns: Sequence[PipelineCounts], counts: Counts) -> Ages:
    """Return the ages of the stages of every part: those of the whole."""
    return {
        (one.number, stage): known
        for one, own in _parts_of(owns, counts)
        for stage, known in enumerate(own.ages)
    }


def _mature_day(analysis: Analysis, own: PipelineCounts) -> int | None:
    """Return the age from which on the deals of a whole pipeline are decided."""
    age = analysis[own.pipeline.rules.name].pipe.mature_days
    return None if age is None else int(age)


def compare_values_frame(analysis: Analysis, column: str, pipeline: str = "") -> pd.DataFrame:
    """Return the stages of the deals of every value of a column, one value after the other."""
    segment = find_column(analysis.opened(), column)
    chosen = dict(analysis.selection.columns)
    among = chosen.pop(segment, None)
    others = replace(analysis.selection, columns=tuple(chosen.items()))
    found = [
        split
        for split in Selector(analysis.origin or analysis, pipeline).split(others, segment)
        if among is None or split.value in among
    ]
    frame = stages_frame(split.numbers for split in found)
    if found:
        said = [split.value for split in found for _ in split.numbers.stages]
        frame.insert(1, segment, pd.Series(said, dtype="str"))
    return frame


# ---------------------------------------------------------------- the deals behind a picture


def find_deals(
    analysis: Analysis,
    pipeline: str = "",
    *,
    stage: str = "",
    left: str = "",
    once: bool = False,
) -> pd.DataFrame:
    """Which deals stand behind the numbers of an analysis?

    See `Analysis.deals`. Raises LeakkitError for a stage or a way to leave that is not there.
    """
    one_of("left", left, ("", *LEFT, WON))
    origin = analysis.origin or analysis
    selector = Selector(origin)
    found = []
    for part in analysis.chosen(pipeline):
        number = part[stage].stage if stage else None
        rows = _rows(selector, part, analysis, once=once)
        if number is not None:
            rows = rows[rows["stage"] == number]
        if left:
            rows = rows[rows["left"] == left]
        found.append(deals_frame(rows, part, origin.config.source.link))
    return pd.concat(found, ignore_index=True)


def _rows(
    selector: Selector, part: PipelineNumbers, analysis: Analysis, *, once: bool
) -> pd.DataFrame:
    """Return the visits of a pipeline, or its deals each once, with how they left."""
    query = deal_queries.LISTED_DEALS if once else deal_queries.LISTED_VISITS
    if part.present is not None:
        query, once = deal_queries.LISTED_PRESENT, True
    rows = selector.counts_for(part.name, analysis.selection, query).read(query)
    if once:
        rows = rows[rows["exit"] != schema.MOVED]
        if part.pipe.mature and "mature" in rows:
            rows = rows[rows["mature"] == 1]
    return rows.assign(left=_say_how_left(rows, once=once))


def _say_how_left(rows: pd.DataFrame, *, once: bool) -> pd.Series[str]:
    """Say of each row how it left, or that it is still there."""
    kinds = {schema.LOST_HERE: "lost", schema.RETURNED: "returned", schema.MOVED: "moved"}
    kinds |= dict.fromkeys(ADVANCED, "advanced") | {schema.OPEN: "open"}
    if once:
        kinds[schema.WON_HERE] = WON
    said = rows["exit"].astype(int).map(kinds).astype("str")
    return said.mask((rows["exit"] == schema.OPEN) & (rows["late"] == 1), "overdue")
