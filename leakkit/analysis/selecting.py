"""A part of what was analysed: some deals, some days, other visits, another skip policy.

Nothing is learnt anew: horizons and expected days are those of the whole pipeline, so
that parts can be compared with it and with each other. Of some days is what was under way on
them, as it stood at their end; the pipe has the deals that were created on them, as they stand
today, and the chance to win and the route follow deals through the whole history.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from leakkit.analysis import counted, learning, pipeline
from leakkit.analysis.counted import LIVES, Counted, Group
from leakkit.analysis.deferred import settle_pipeline
from leakkit.analysis.material import Frames
from leakkit.analysis.spelling import days_of, deals_of, known_column, spelt
from leakkit.errors import LeakkitError
from leakkit.frames import stages_frame
from leakkit.store.visits import segment_values

if TYPE_CHECKING:
    from leakkit.analysis.material import Material
    from leakkit.analysis.results import Analysis, PipelineAnalysis
    from leakkit.analysis.selection import Selection
    from leakkit.measures.horizons import Days
    from leakkit.store.counts import Counts, Deals

    Key = tuple[tuple[int, ...], Deals, Days | None, Days | None]

MOST_COUNTED = 8
"""So many countings keep their temporary tables, those that were used last."""


class Selector:
    """Answers one selection of an analysis after the other.

    What two selections have in common is counted once. The numbers of an answer are
    found when they are read, so the store must be open then; `settle` finds them all.
    """

    def __init__(self, analysis: Analysis, name: str = "") -> None:
        """Take the analysis of everything; `name` is the only pipeline to answer for."""
        if analysis.store is None or not analysis.materials:
            message = "Only the analysis of everything can be selected from: call leakkit.analyze."
            raise LeakkitError("selected_already", message)
        self.analysis, self.store = analysis, analysis.store
        pairs = zip(analysis.pipelines, analysis.materials, strict=True)
        only = analysis[name].name if name else ""
        self.pairs = [(whole, material) for whole, material in pairs if only in {"", whole.name}]
        self._counts: OrderedDict[Key, Counts] = OrderedDict()
        self._counted: dict[tuple[tuple[int, ...], Deals, Days | None], Counted] = {}
        self._known: dict[Selection, Selection] = {}
        self._answers: dict[Selection, Analysis] = {}

    def select(self, selection: Selection) -> Analysis:
        """Return the analysis of a part."""
        wanted = self.spell(selection)
        if wanted not in self._answers:
            self._answers[wanted] = replace(
                self.analysis,
                pipelines=self._answer(wanted),
                selection=wanted,
                materials=(),
                all_findings=(),  # they are of everything
                origin=self.analysis,
            )
        return self._answers[wanted]

    def counting(self, name: str, selection: Selection, frame: str) -> Counts:
        """Return what counts a frame of one pipeline of a part."""
        known = self.spell(selection)
        pair = next(pair for pair in self.pairs if pair[0].name == name)
        return self._which(Group((pair,)), deals_of(known), days_of(known, pair[0]), frame)

    def spell(self, selection: Selection) -> Selection:
        """Return the selection in the spelling of the store; raise where there is no such part."""
        if selection not in self._known:
            numbers = [material.asked.number for _, material in self.pairs]
            self._known[selection] = self._check(spelt(self.store, numbers, selection))
        return self._known[selection]

    def _check(self, selection: Selection) -> Selection:
        """Return the selection with the usual policy left out; raise where choices do not fit."""
        configured = self.analysis.config.comparison.skip_policy
        if selection.visits == "all" and (selection.policy or configured) != "observed":
            message = "All visits are counted as observed: give visits='all' policy='observed'."
            raise LeakkitError("all_visits_observed", message)
        for whole, _ in self.pairs:
            days_of(selection, whole)
        policy = "" if selection.policy == configured else selection.policy
        return replace(selection, policy=policy)

    def _answer(self, selection: Selection) -> tuple[PipelineAnalysis, ...]:
        """Return the pipelines of a part; those that have the same days are counted together."""
        days = [days_of(selection, whole) for whole, _ in self.pairs]
        groups = {
            each: Group(tuple(p for p, d in zip(self.pairs, days, strict=True) if d == each))
            for each in dict.fromkeys(days)
        }
        return tuple(
            self._pipeline(groups[each], pair, each, selection)
            for pair, each in zip(self.pairs, days, strict=True)
        )

    def _pipeline(
        self,
        group: Group,
        pair: tuple[PipelineAnalysis, Material],
        days: Days | None,
        selection: Selection,
    ) -> PipelineAnalysis:
        """Return one pipeline of a part."""
        whole, material = pair
        part = replace(
            material,
            whole=whole,
            days=days,
            visits=selection.visits,
            policy=selection.policy or material.policy,
        )
        if selection.limits_deals or days:
            found, number = self._count(group, deals_of(selection), days), material.asked.number
            part = replace(
                part,
                frames=Frames(partial(found.rows, number)),
                stays=found.stays(number),
                clusters=found.clusters(number),
            )
        return pipeline.defer_pipeline(part)

    def _count(self, group: Group, deals: Deals, days: Days | None) -> Counted:
        """Return what is counted of the chosen deals on the chosen days."""
        found = Counted(group, days, partial(self._which, group, deals, days))
        return self._counted.setdefault((group.numbers, deals, days), found)

    def _which(self, group: Group, deals: Deals, days: Days | None, frame: str) -> Counts:
        """Return what counts a frame of the chosen deals, on the chosen days."""
        if days is None or frame in LIVES:
            return self._counting(group, deals)
        if frame == "cohort":
            return self._counting(group, replace(deals, created=days))
        since = learning.LONG_AGO if frame == "flows" else days[0]
        return self._counting(group, deals, (since, days[1]), days)

    def _counting(
        self, group: Group, deals: Deals, seen: Days | None = None, days: Days | None = None
    ) -> Counts:
        """Return the counting of the chosen deals; months begin with `days`."""
        key = group.numbers, deals, seen, days
        if key not in self._counts:
            self._counts[key] = counted.begin(self.store, group, deals, seen, days)
        self._counts.move_to_end(key)
        if len(self._counts) > MOST_COUNTED:
            self._counts.popitem(last=False)
        return self._counts[key]


def frame_by(analysis: Analysis, column: str, pipeline: str = "") -> pd.DataFrame:
    """Return the stages of the deals of every value of a column, one value after the other."""
    segment = known_column(analysis.opened(), column)
    chosen = dict(analysis.selection.columns)
    among = chosen.pop(segment, None)
    found = []
    for one in analysis.chosen(pipeline):
        number = [rules.name for rules in analysis.config.pipelines].index(one.name)
        selector = Selector(analysis.origin or analysis, one.name)
        for value, _ in segment_values(analysis.opened(), [number], segment):
            if among is not None and value not in among:
                continue
            columns = (*chosen.items(), (segment, (value,)))
            part = selector.select(replace(analysis.selection, columns=columns))
            frame = stages_frame(part.pipelines)
            frame.insert(1, segment, pd.Series([value] * len(frame), dtype="str"))
            found.append(frame)
    return pd.concat(found, ignore_index=True) if found else stages_frame(())


def settle(analysis: Analysis) -> Analysis:
    """Return an analysis with every number found."""
    return replace(analysis, pipelines=tuple(map(settle_pipeline, analysis.pipelines)))
