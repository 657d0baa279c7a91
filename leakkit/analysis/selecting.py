"""A part of what was analysed: some deals, some days, other visits, another skip policy.

Nothing is learnt anew: horizons and expected days are those of the whole pipeline, so
that parts can be compared with it and with each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

import pandas as pd

from leakkit.analysis import learning, pipeline
from leakkit.analysis.deferred import settled
from leakkit.analysis.material import FRAMES
from leakkit.config import folded
from leakkit.errors import LeakkitError
from leakkit.frames import stages_frame
from leakkit.measures import counts as taken
from leakkit.store.counts import Counts, Deals, Window
from leakkit.store.database import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from leakkit.analysis.material import Material
    from leakkit.analysis.results import Analysis, PipelineAnalysis, Selection
    from leakkit.measures.stages import Learnt
    from leakkit.measures.windows import Days
    from leakkit.store.database import Store

WINDOWS = ("all", "current", "baseline")
VISITS = ("first", "all")
SHOWN_VALUES = 20

VALUES = """
SELECT COALESCE(o.{segment}, '') AS said, count(*) AS n
FROM opportunities o
WHERE o.opportunity IN (
    SELECT opportunity FROM passages WHERE pipeline IN (SELECT unnest($pipelines))
    UNION SELECT opportunity FROM opportunities WHERE pipeline IN (SELECT unnest($pipelines)))
GROUP BY said
ORDER BY said
"""

Key = TypeVar("Key")
Value = TypeVar("Value")


class Later(Mapping[Key, Value], Generic[Key, Value]):
    """A mapping that is made when it is first looked into."""

    def __init__(self, make: Callable[[], Mapping[Key, Value]]) -> None:
        """Keep how it is made."""
        self._make = make

    @cached_property
    def made(self) -> Mapping[Key, Value]:
        """The mapping itself."""
        return self._make()

    def __getitem__(self, key: Key) -> Value:
        """Return the value of a key."""
        return self.made[key]

    def __iter__(self) -> Iterator[Key]:
        """Yield the keys."""
        return iter(self.made)

    def __len__(self) -> int:
        """Return how many keys there are."""
        return len(self.made)


class Frames(Mapping[str, "pd.DataFrame"]):
    """The counts of a pipeline by name, each asked for when it is first looked at."""

    def __init__(self, counts: Counts) -> None:
        """Ask for nothing yet."""
        self._counts = counts
        self._found: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return the counts of a name."""
        if name not in self._found:
            self._found[name] = self._counts.ask(FRAMES[name])
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(FRAMES)

    def __len__(self) -> int:
        """Return how many names there are."""
        return len(FRAMES)


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
        self._counts: dict[tuple[int, str, str], Counts] = {}
        self._frames: dict[tuple[int, str, str], Frames] = {}
        self._deals: dict[tuple[str, str], tuple[str, str]] = {}
        self._answers: dict[Selection, Analysis] = {}

    def select(self, selection: Selection) -> Analysis:
        """Return the analysis of a part."""
        wanted = self._known(selection)
        if wanted not in self._answers:
            self._answers[wanted] = replace(
                self.analysis,
                pipelines=tuple(self._pipeline(*pair, wanted) for pair in self.pairs),
                selection=wanted,
                materials=(),
                all_findings=(),  # they are of everything
            )
        return self._answers[wanted]

    def _known(self, selection: Selection) -> Selection:
        """Return the selection in the spelling of the store; raise where there is no such part."""
        one_of("window", selection.window, WINDOWS)
        one_of("visits", selection.visits, VISITS)
        one_of("policy", selection.policy, ("", *pipeline.POLICIES))
        configured = self.analysis.config.comparison.skip_policy
        if selection.visits == "all" and (selection.policy or configured) != "observed":
            message = "All visits are counted as observed: give visits='all' policy='observed'."
            raise LeakkitError("all_visits_observed", message)
        for whole, _ in self.pairs:
            if selection.window != "all" and getattr(whole.windows, selection.window) is None:
                message = f"{whole.name} has no {selection.window} window. There are: " + ", ".join(
                    w for w in WINDOWS if w == "all" or getattr(whole.windows, w) is not None
                )
                raise LeakkitError("no_window", f"{message}.")
        numbers = [material.asked.number for _, material in self.pairs]
        deals = (selection.segment, selection.value)
        if deals not in self._deals:
            self._deals[deals] = known_deals(self.store, numbers, *deals)
        segment, value = self._deals[deals]
        policy = "" if selection.policy == configured else selection.policy
        return replace(selection, segment=segment, value=value, policy=policy)

    def _pipeline(
        self, whole: PipelineAnalysis, material: Material, selection: Selection
    ) -> PipelineAnalysis:
        """Return one pipeline of a part."""
        days = None if selection.window == "all" else getattr(whole.windows, selection.window)
        counts = self._counting(whole, material, selection)
        asked = material.asked
        part = replace(
            material,
            whole=whole,
            days=days,
            visits=selection.visits,
            policy=selection.policy or material.policy,
        )
        if selection.segment:
            key = (asked.number, selection.segment, selection.value)
            part = replace(part, frames=self._frames.setdefault(key, Frames(counts)))
        if selection.segment or days:
            span = days or (asked.windows.start_day, asked.windows.end_day)
            learnt = {(asked.number, at): each for at, each in enumerate(material.learnt)}
            part = replace(
                part,
                stays=Later(lambda: _stays(counts, asked.number, span)),
                clusters=Later(lambda: _clusters(counts, asked, learnt, days)),
            )
        return pipeline.deferred(part)

    def _counting(
        self, whole: PipelineAnalysis, material: Material, selection: Selection
    ) -> Counts:
        """Return the counting of the chosen deals of one pipeline."""
        asked = material.asked
        key = (asked.number, selection.segment, selection.value)
        if key not in self._counts:
            deals = Deals(selection.segment, selection.value) if selection.segment else None
            counts = Counts(self.store, (asked.number,), deals)
            age = whole.pipe.mature_days
            mature = {} if age is None else {asked.number: counts.last_day + 1 - int(age)}
            counts.frame_of(learning.bounds([asked], mature))
            learning.lay_out(counts, [asked])
            learnt = {(asked.number, at): each for at, each in enumerate(material.learnt)}
            learning.expect(counts, learnt)
            self._counts[key] = counts
        return self._counts[key]


def frame_by(analysis: Analysis, column: str, pipeline: str = "") -> pd.DataFrame:
    """Return the stages of the deals of every value of a column, one value after the other."""
    found = []
    for one in analysis.chosen(pipeline):
        number = [rules.name for rules in analysis.config.pipelines].index(one.name)
        segment = known_column(analysis.opened(), column)
        selector = Selector(analysis, one.name)
        for value, _ in segment_values(analysis.opened(), [number], segment):
            part = selector.select(replace(analysis.selection, segment=segment, value=value))
            frame = stages_frame(part.pipelines)
            frame.insert(1, segment, pd.Series([value] * len(frame), dtype="str"))
            found.append(frame)
    return pd.concat(found, ignore_index=True) if found else stages_frame(())


def settle(analysis: Analysis) -> Analysis:
    """Return an analysis with every number found."""
    return replace(analysis, pipelines=tuple(map(settled, analysis.pipelines)))


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


def one_of(what: str, given: str, known: tuple[str, ...]) -> None:
    """Raise where a choice is none of those that there are."""
    if given not in known:
        there = ", ".join(choice for choice in known if choice)
        message = f"There is no {what} {given!r}. There are: {there}."
        code = f"no_{what}"
        raise LeakkitError(code, message)


def known_deals(
    store: Store, pipelines: Iterable[int], segment: str, value: str
) -> tuple[str, str]:
    """Return segment and value in the store's spelling; raise where there are none."""
    if not segment and not value:
        return "", ""
    column = known_column(store, segment)
    values = [said for said, _ in segment_values(store, pipelines, column)]
    found = _spelt(value, values)
    if found is None:
        more = f", and {len(values) - SHOWN_VALUES} more" if len(values) > SHOWN_VALUES else ""
        there = ", ".join(map(repr, values[:SHOWN_VALUES])) + more
        message = f"No deal has the value {value!r} in {column}. There are: {there}."
        raise LeakkitError("no_value", message)
    return column, found


def known_column(store: Store, name: str) -> str:
    """Return a column of the deals in the store's spelling; raise where there is none."""
    columns = list(store.meta("segments"))
    column = _spelt(name, columns)
    if column is None:
        there = ", ".join(columns) or "none"
        message = f"There is no segment {name!r}. There are: {there}."
        raise LeakkitError("no_segment", message)
    return column


def _spelt(given: str, known: list[str]) -> str | None:
    """Return how a name is spelt, which may be given without regard to case and outer space."""
    if given in known:
        return given
    return next((name for name in known if folded(name) == folded(given)), None)


def segment_values(store: Store, pipelines: Iterable[int], segment: str) -> list[tuple[str, int]]:
    """Return the values of a segment among the deals of some pipelines, with their numbers."""
    sql = VALUES.format(segment=quoted(segment))
    return [(str(said), int(n)) for said, n in store.rows(sql, {"pipelines": list(pipelines)})]
