"""What the numbers of a pipeline are made from: its counts, asked for once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING

from leakkit.analysis import learning
from leakkit.analysis.deferred import Later
from leakkit.measures import age_counts as taken
from leakkit.store import queries

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from leakkit.analysis.learning import Asked
    from leakkit.analysis.results import PipelineAnalysis
    from leakkit.config import Config
    from leakkit.findings.whatif import Costs
    from leakkit.measures.age_counts import StayCounts
    from leakkit.measures.horizons import Days
    from leakkit.measures.stage_results import Learnt
    from leakkit.store.counts import Counts

FRAMES = {
    "totals": queries.TOTALS,
    "ends": queries.ENDS_BY_STAGE,
    "standing": queries.STANDING,
    "cohort": queries.COHORT,
    "wins": queries.WINS,
    "journey": queries.JOURNEY,
    "reopened": queries.REOPENED,
    "skipped": queries.SKIPPED,
    "clicked": queries.CLICKED_THROUGH,
    "reached": queries.REACHED,
    "started": queries.STARTED,
    "outcomes": queries.OUTCOMES,
    "ages": queries.AGES,
    "spans": queries.SPANS,
    "flows": queries.FLOWS,
    "last_stages": queries.LAST_STAGES,
    "stood_for": queries.STOOD_FOR,
    "stands_since": queries.STANDS_SINCE,
    "closes": queries.CLOSES,
    "losses": queries.LOSSES,
    "lost_reasons": queries.LOST_REASONS,
    "owned": queries.OWNED,
}


class Frames(Mapping[str, "pd.DataFrame"]):
    """Counts by name, each asked for when it is first looked at."""

    def __init__(self, ask: Callable[[str], pd.DataFrame]) -> None:
        """Ask for nothing yet; `ask` counts what has a name."""
        self._ask = ask
        self._found: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return the counts of a name."""
        if name not in self._found:
            self._found[name] = self._ask(name)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(FRAMES)

    def __len__(self) -> int:
        """Return how many names there are."""
        return len(FRAMES)


@dataclass(frozen=True)
class Material:
    """The counts of one pipeline, or of some of its deals.

    `stays` by (window, stage, visits), `clusters` by (part, stage). What is counted of a
    part is read at the ages of the `whole` pipeline. `days` are those that are
    counted, and that the curves are read on, [first, end), where they are not the whole history.
    """

    asked: Asked
    config: Config
    last_day: int
    stays: Mapping[tuple[int, int, int], StayCounts]
    learnt: tuple[Learnt, ...]
    clusters: Mapping[tuple[int, int], pd.DataFrame]
    frames: Mapping[str, pd.DataFrame]
    decided: learning.Decided
    costs_of: Mapping[int, Costs] = field(default_factory=dict)
    policy: str = "observed"
    whole: PipelineAnalysis | None = None
    days: Days | None = None
    visits: str = "first"

    @property
    def costs(self) -> Costs | None:
        """What the costs of the pipeline are made of."""
        return self.costs_of.get(self.asked.number)

    @property
    def read_days(self) -> Days:
        """The days on which the curves are read."""
        return self.days or (self.asked.windows.start_day, self.asked.windows.end_day)

    @property
    def end_day(self) -> int:
        """The day after the last one that is counted."""
        return self.days[1] if self.days else self.last_day + 1

    @property
    def opening_periods(self) -> int:
        """How many periods of the flows lie before what is counted."""
        return 1 if self.days else 0

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the stages, in order."""
        return tuple(stage.name for stage in self.asked.rules.stages)

    def stay(self, stage: int, visits: int = learning.FIRST) -> StayCounts:
        """Return the counts of one stage over the whole history."""
        return self.stays.get((learning.ALL, stage, visits), learning.NO_VISITS)

    def count_seen(self, stage: int) -> StayCounts:
        """Return the counts of the visits that the curve of a stage is made of."""
        first = self.stay(stage)
        return first if self.visits == "first" else first + self.stay(stage, learning.AGAIN)

    @cached_property
    def _split(self) -> dict[str, dict[tuple[int, ...], pd.DataFrame]]:
        """The rows of each stage, by the name of the counts; those that were looked at."""
        return {}

    def of_stage(self, frame: str, stage: int) -> pd.DataFrame:
        """Return the rows of one stage."""
        rows = self.frames[frame]
        if frame not in self._split:
            self._split[frame] = dict(taken.groups(rows, ["stage"]))
        return self._split[frame].get((stage,), rows.iloc[:0])


def collect(  # noqa: PLR0913, PLR0917 - the steps before it
    counts: Counts,
    config: Config,
    asked: list[Asked],
    stays: Mapping[tuple[int, ...], StayCounts],
    learnt: Mapping[tuple[int, int], Learnt],
    costs: Mapping[int, Costs],
) -> tuple[Material, ...]:
    """Count what is left of every pipeline, each when it is first read."""

    @cache
    def split(name: str) -> tuple[pd.DataFrame, dict[tuple[int, ...], pd.DataFrame]]:
        frame = counts.ask(FRAMES[name])
        return frame, dict(taken.groups(frame, ["pipeline"]))

    def rows(number: int, name: str) -> pd.DataFrame:
        frame, by_pipeline = split(name)
        return by_pipeline.get((number,), frame.iloc[:0])

    @cache
    def clusters() -> dict[tuple[int, ...], pd.DataFrame]:
        return learning.find_clusters(counts, asked, learning.reading_parts(asked, learnt))

    def clusters_of(number: int) -> dict[tuple[int, int], pd.DataFrame]:
        return {(k[0], k[2]): rows for k, rows in clusters().items() if k[1] == number}

    decided = learning.find_decided(counts)
    return tuple(
        Material(
            asked=one,
            config=config,
            last_day=counts.last_day,
            stays={(k[0], k[2], k[3]): v for k, v in stays.items() if k[1] == one.number},
            learnt=tuple(learnt[one.number, s] for s in range(len(one.rules.stages))),
            clusters=Later(partial(clusters_of, one.number)),
            frames=Frames(partial(rows, one.number)),
            decided=decided.get(one.number, learning.UNDECIDED),
            policy=config.comparison.skip_policy,
            costs_of=costs,
        )
        for one in asked
    )


def whole_sum(column: pd.Series[float]) -> int:
    """Add up whole numbers that a frame may hold as floats."""
    return sum(int(value) for value in column)


def late(standing: pd.DataFrame) -> pd.DataFrame:
    """Return the open deals that are late, by the visit or by the whole deal."""
    return standing[(standing["visit_late"] == 1) | (standing["deal_late"] == 1)]
