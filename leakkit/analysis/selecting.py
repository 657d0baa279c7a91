"""A part of what was analysed: some deals, some days, other visits, another skip policy.

Nothing is learnt anew: horizons and expected days are those of the whole pipeline, so
that parts can be compared with it and with each other. Of some days is what was under way on
them, as it stood at their end; the pipe has the deals that were created on them, as they stand
today, and the chance to win and the route follow deals through the whole history.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from leakkit.analysis import learning, pipeline
from leakkit.analysis.deferred import Later, settle_pipeline
from leakkit.analysis.material import FRAMES, Frames
from leakkit.analysis.spelling import days_of, deals_of, known_column, spelt
from leakkit.errors import LeakkitError
from leakkit.frames import stages_frame
from leakkit.measures import counts as taken
from leakkit.store.counts import Counts, Deals, Window
from leakkit.store.visits import segment_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.analysis.material import Material
    from leakkit.analysis.results import Analysis, PipelineAnalysis
    from leakkit.analysis.selection import Selection
    from leakkit.measures.stages import Learnt
    from leakkit.measures.windows import Days

LIVES = frozenset({"wins", "journey", "reached", "ages", "spans"})
"""What follows deals, or visits, through the whole history, also where days are chosen."""


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
        self._counts: dict[tuple[int, Deals, tuple[int, ...] | None], Counts] = {}
        self._frames: dict[tuple[int, Deals, Days | None], Frames] = {}
        self._known: dict[Selection, Selection] = {}
        self._answers: dict[Selection, Analysis] = {}

    def select(self, selection: Selection) -> Analysis:
        """Return the analysis of a part."""
        wanted = self.spell(selection)
        if wanted not in self._answers:
            self._answers[wanted] = replace(
                self.analysis,
                pipelines=tuple(self._pipeline(*pair, wanted) for pair in self.pairs),
                selection=wanted,
                materials=(),
                all_findings=(),  # they are of everything
                origin=self.analysis,
            )
        return self._answers[wanted]

    def counting(self, name: str, selection: Selection, frame: str) -> Counts:
        """Return what counts a frame of one pipeline of a part."""
        whole, material = next(pair for pair in self.pairs if pair[0].name == name)
        known = self.spell(selection)
        days, deals = days_of(known, whole), deals_of(known)
        return self._which(whole, material, deals, days, frame)

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

    def _pipeline(
        self, whole: PipelineAnalysis, material: Material, selection: Selection
    ) -> PipelineAnalysis:
        """Return one pipeline of a part."""
        days, deals = days_of(selection, whole), deals_of(selection)
        part = replace(
            material,
            whole=whole,
            days=days,
            visits=selection.visits,
            policy=selection.policy or material.policy,
        )
        if selection.limits_deals or days:
            asked = material.asked
            part = replace(part, frames=self._framing(whole, material, deals, days))
            counts = self._counting(whole, material, deals)
            span = days or (asked.windows.start_day, asked.windows.end_day)
            learnt = {(asked.number, at): each for at, each in enumerate(material.learnt)}
            part = replace(
                part,
                stays=Later(lambda: _stays(counts, asked.number, span)),
                clusters=Later(lambda: _clusters(counts, asked, learnt, days)),
            )
        return pipeline.defer_pipeline(part)

    def _framing(
        self, whole: PipelineAnalysis, material: Material, deals: Deals, days: Days | None
    ) -> Frames:
        """Return the counts of the chosen deals, each under its name, on the chosen days."""
        counting = partial(self._which, whole, material, deals, days)
        frames = Frames(lambda name: counting(name).ask(FRAMES[name]))
        return self._frames.setdefault((material.asked.number, deals, days), frames)

    def _which(
        self,
        whole: PipelineAnalysis,
        material: Material,
        deals: Deals,
        days: Days | None,
        frame: str,
    ) -> Counts:
        """Return what counts a frame of the chosen deals, on the chosen days."""
        if days is None or frame in LIVES:
            return self._counting(whole, material, deals)
        if frame == "cohort":
            return self._counting(whole, material, replace(deals, created=days))
        since = learning.LONG_AGO if frame == "flows" else days[0]
        return self._counting(whole, material, deals, (since, days[1]), days)

    def _counting(
        self,
        whole: PipelineAnalysis,
        material: Material,
        deals: Deals,
        seen: Days | None = None,
        days: Days | None = None,
    ) -> Counts:
        """Return the counting of the chosen deals of one pipeline; months begin with `days`."""
        asked = material.asked
        key = (asked.number, deals, seen if seen is None or days is None else (seen[0], *days))
        if key not in self._counts:
            counts = Counts(self.store, (asked.number,), deals, seen)
            age = whole.pipe.mature_days
            mature = {} if age is None else {asked.number: counts.last_day + 1 - int(age)}
            counts.frame_of(learning.bounds([asked], mature))
            learning.lay_out(counts, [asked], days)
            learnt = {(asked.number, at): each for at, each in enumerate(material.learnt)}
            learning.expect(counts, learnt)
            self._counts[key] = counts
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


def _stays(counts: Counts, number: int, days: Days) -> dict[tuple[int, int, int], taken.StayCounts]:
    """Count arrivals and departures on some days: (window, stage, visits) -> counts."""
    rows = counts.stays([Window(number, learning.ALL, *days)])
    found = taken.stays_by_group(rows, ["part", "stage", "visits"])
    return {(part, stage, visits): each for (part, stage, visits), each in found.items()}


def _clusters(
    counts: Counts,
    asked: learning.Asked,
    learnt: Mapping[tuple[int, int], Learnt],
    days: Days | None,
) -> dict[tuple[int, int], pd.DataFrame]:
    """Count the same per bootstrap cluster: (part, stage) -> counts."""
    parts = learning.reading_parts([asked], learnt, days)
    found = learning.find_clusters(counts, [asked], parts)
    return {(part, stage): each for (part, _, stage), each in found.items()}
