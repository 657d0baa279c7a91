"""A part of what was analysed: some deals, some days, other visits, another skip policy.

Nothing is learnt anew: horizons and expected days are those of the whole pipeline, so
that parts can be compared with it and with each other. Of some days is what was under way on
them, as it stood at their end; the pipe has the deals that were created on them, as they stand
today, and the chance to win and the route follow deals through the whole history.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from leakkit.analysis import learning
from leakkit.analysis.counts import Batch
from leakkit.analysis.numbers import PipelineNumbers
from leakkit.analysis.scope import (
    choose_days,
    choose_deals,
    known_column,
    one_of,
    spell_selection,
)
from leakkit.errors import LeakkitError
from leakkit.frames import stages_frame
from leakkit.frames.deals import LEFT, WON, deals_frame
from leakkit.store import queries, schema
from leakkit.store.counts import Counts
from leakkit.store.relations import Scope
from leakkit.store.terms import LONG_AGO

if TYPE_CHECKING:
    from leakkit.analysis.counts import PipelineCounts
    from leakkit.analysis.results import Analysis
    from leakkit.analysis.scope import Selection
    from leakkit.measures.windows import Days
    from leakkit.store.relations import Deals

ADVANCED = (schema.NEXT, schema.JUMPED, schema.WON_HERE)


class Selector:
    """Answers one selection of an analysis after the other.

    What two selections have in common is counted once. The numbers of an answer are
    found when they are read, so the store must be open then.
    """

    def __init__(self, analysis: Analysis, name: str = "") -> None:
        """Take the analysis of everything; `name` is the only pipeline to answer for."""
        wholes = (analysis[name],) if name else analysis.pipelines
        if analysis.store is None or any(one.counts is None for one in wholes):
            message = "Only the analysis of everything can be selected from: call leakkit.analyze."
            raise LeakkitError("selected_already", message)
        self.analysis, self.store, self.wholes = analysis, analysis.store, wholes
        self._batches: dict[_Asked, Batch] = {}
        self._known: dict[Selection, Selection] = {}
        self._answers: dict[Selection, Analysis] = {}

    @property
    def numbers(self) -> list[int]:
        """The numbers of the pipelines that are answered for."""
        return [_counts_of(one).number for one in self.wholes]

    def select(self, selection: Selection) -> Analysis:
        """Return the analysis of a part."""
        wanted = self.spell(selection)
        if wanted not in self._answers:
            self._answers[wanted] = replace(
                self.analysis,
                pipelines=tuple(self._select(one, wanted) for one in self.wholes),
                selection=wanted,
                all_findings=(),  # they are of everything
                origin=self.analysis,
            )
        return self._answers[wanted]

    def split(self, selection: Selection, column: str) -> tuple[Split, ...]:
        """Return the deals of every value of a column apart, all counted together."""
        wanted = self.spell(selection)
        return tuple(found for one in self.wholes for found in self._split(one, wanted, column))

    def counts_for(self, name: str, selection: Selection, query: str) -> Counts:
        """Return what counts a query for one pipeline of a part."""
        whole = next(one for one in self.wholes if one.name == name)
        known = self.spell(selection)
        asked = _Asked(_counts_of(whole).number, choose_deals(known), choose_days(known, whole))
        return self._batch(whole, asked).counts_for(query)

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

    def _select(self, whole: PipelineNumbers, selection: Selection) -> PipelineNumbers:
        """Return one pipeline of a part."""
        counts = _read_as(whole, selection)
        days, deals = choose_days(selection, whole), choose_deals(selection)
        if selection.limits_deals or days:
            batch = self._batch(whole, _Asked(counts.number, deals, days))
            counts = replace(counts, batch=batch)
        return PipelineNumbers.count(counts)

    def _split(
        self, whole: PipelineNumbers, selection: Selection, column: str
    ) -> tuple[Split, ...]:
        """Return one pipeline by the values of a column."""
        counts = _read_as(whole, selection)
        deals, days = choose_deals(selection), choose_days(selection, whole)
        batch = self._batch(whole, _Asked(counts.number, deals, days, column))
        return tuple(
            Split(part.value, PipelineNumbers.count(replace(counts, batch=batch, pipeline=one)))
            for part, one in zip(batch.counts.parts, batch.pipelines, strict=True)
        )

    def _batch(self, whole: PipelineNumbers, asked: _Asked) -> Batch:
        """Return the counts of the chosen deals of one pipeline, on the chosen days."""
        if asked not in self._batches:
            self._batches[asked] = self._make_batch(whole, asked)
        return self._batches[asked]

    def _make_batch(self, whole: PipelineNumbers, asked: _Asked) -> Batch:
        """Count the chosen deals; what does not depend on the days once for all days."""
        days = asked.days
        if days is not None:
            lives = self._batch(whole, replace(asked, days=None)).lives
            counts, created, flows = (
                self._under(whole, asked, scope, scope.seen)
                for scope in (
                    asked.scope(days),
                    replace(asked, deals=replace(asked.deals, created=days)).scope(),
                    asked.scope((LONG_AGO, days[1])),
                )
            )
        else:
            lives = self._under(whole, asked, asked.scope())
            counts = created = flows = lives
        own = _counts_of(whole)
        pipelines = _parts_of(own, lives)
        ages = {
            (one.number, stage): known for one in pipelines for stage, known in enumerate(own.ages)
        }
        return Batch(pipelines, ages, counts, lives, created, flows, days)

    def _under(
        self, whole: PipelineNumbers, asked: _Asked, scope: Scope, seen: Days | None = None
    ) -> Counts:
        """Count a scope under the terms of the whole pipeline."""
        own, counts = _counts_of(whole), Counts.of(self.store, scope)
        pipelines = _parts_of(own, counts)
        age = whole.pipe.mature_days
        before = None if age is None else counts.last_day + 1 - int(age)
        ages = {
            (one.number, stage): known for one in pipelines for stage, known in enumerate(own.ages)
        }
        return counts.under(
            bounds=learning.bounds(pipelines),
            mature=() if before is None else tuple((one.number, before) for one in pipelines),
            expected=learning.expected_stays(ages),
            calendar=learning.calendar(pipelines, counts.last_day, asked.days if seen else None),
        )


@dataclass(frozen=True)
class Split:
    """The numbers of the deals of one pipeline of which a column says `value`."""

    value: str
    numbers: PipelineNumbers


@dataclass(frozen=True)
class _Asked:
    """Some deals of one pipeline on some days, the values of a `column` apart."""

    number: int
    deals: Deals
    days: Days | None = None
    column: str = ""

    def scope(self, seen: Days | None = None) -> Scope:
        """Return which visits are counted."""
        return Scope((self.number,), self.deals, seen, self.column)


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


def _parts_of(own: PipelineCounts, counts: Counts) -> tuple[learning.PipelineDays, ...]:
    """Return the pipeline, or each of its parts as one."""
    if not counts.parts:
        return (own.pipeline,)
    return tuple(replace(own.pipeline, number=part.number) for part in counts.parts)


def compare_values_frame(analysis: Analysis, column: str, pipeline: str = "") -> pd.DataFrame:
    """Return the stages of the deals of every value of a column, one value after the other."""
    segment = known_column(analysis.opened(), column)
    chosen = dict(analysis.selection.columns)
    among = chosen.pop(segment, None)
    others = replace(analysis.selection, columns=tuple(chosen.items()))
    found = [
        split
        for one in analysis.chosen(pipeline)
        for split in Selector(analysis.origin or analysis, one.name).split(others, segment)
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
    query = queries.LISTED_DEALS if once else queries.LISTED_VISITS
    rows = selector.counts_for(part.name, analysis.selection, query).read(query)
    if once:
        rows = rows[rows["exit"] != schema.MOVED]
        if part.pipe.mature:
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
