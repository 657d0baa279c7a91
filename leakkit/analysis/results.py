"""What an analysis holds: frozen values, one per pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from leakkit.config import folded
from leakkit.errors import LeakkitError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.analysis.material import Material
    from leakkit.analysis.retiring import Retired
    from leakkit.config import Config
    from leakkit.errors import Fault
    from leakkit.findings import Finding
    from leakkit.findings.costs import Costs
    from leakkit.measures.balance import Month, Pipe, PipelineBalance, StageBalance
    from leakkit.measures.present import LastStage, Present
    from leakkit.measures.route import Route
    from leakkit.measures.stages import StageResult
    from leakkit.measures.windows import Windows
    from leakkit.store.database import Store
    from leakkit.store.doubts import Doubt


@dataclass(frozen=True)
class Selection:
    """Which part of the data the numbers are of; every default means all of it.

    The deals whose column `segment` says `value`; the days that curves are read on
    (`window`: all, current, baseline); the `visits` of the curves (first, all); the skip
    `policy` (empty: the configured one).
    """

    segment: str = ""
    value: str = ""
    window: str = "all"
    visits: str = "first"
    policy: str = ""


EVERYTHING = Selection()


LOSSES_KEPT = 180
"""Days for which is kept how many deals were lost on each."""


@dataclass(frozen=True)
class DataNotes:
    """What the data could and could not say about one pipeline.

    `outcomes` counts deals by (outcome, has history); the other counts are of deals.
    `coverage` says which deals the export seems to leave out; empty for a whole one.
    `retired` are the stages that no deal has come into for long, `losses` the (day, losses)
    of the last half year.
    """

    outcomes: Mapping[tuple[str, bool], int]
    without_value: int
    zero_value_lost: int
    without_reason_lost: int
    started_in_middle: int
    closes: int
    reopened: int
    coverage: str = ""
    retired: tuple[Retired, ...] = ()
    losses: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class PipelineAnalysis:
    """All that is known of one pipeline. Ages are in its unit of stay, money in minor units.

    `unfollowed` are the deals without a history by the stage that their row names. Where
    only the present state of all deals is known, it is `present`, and the other numbers,
    which rest on passages, say nothing.
    """

    name: str
    unit: str
    unit_per_day: int
    currency: str
    windows: Windows
    stages: tuple[StageResult, ...]
    balances: tuple[StageBalance, ...]
    balance: PipelineBalance
    balance_value: PipelineBalance
    months: tuple[Month, ...]
    pipe: Pipe
    route: Route
    opportunities: int
    losing_order: Mapping[str, tuple[int, ...]]
    skip_policy: str
    notes: DataNotes
    # factories: a default would be an attribute of the class, and hide what is found when read
    balances_value: tuple[StageBalance, ...] = field(default_factory=tuple, kw_only=True)
    pipe_value: Pipe | None = field(default_factory=lambda: None, kw_only=True)
    costs: Costs | None = field(default_factory=lambda: None, kw_only=True)
    unfollowed: tuple[LastStage, ...] = field(default_factory=tuple, kw_only=True)
    present: Present | None = field(default_factory=lambda: None, kw_only=True)


@dataclass(frozen=True)
class Analysis:
    """The analysis of a source: its pipelines, and what was read.

    `findings` are those of all pipelines of the source, also where only some were asked for.
    `faults` are the first hundred that break each rule (`leakkit check` has all), and
    `doubts` the visits that stand on rows which may be wrong.
    `selection` says which deals, days and visits it is of; by default all. `last_run` has
    what the last run on other data saw, by pipeline. `store` and `materials` are where it
    came from, for further questions.

    >>> import leakkit
    >>> analysis = leakkit.analyze(leakkit.load("sample"))
    >>> [pipeline.name for pipeline in analysis.pipelines]
    ['Equipment', 'Spare parts', 'Service contracts', 'Projects']
    >>> analysis["Projects"].stages[0].lost.reason
    ''
    """

    pipelines: tuple[PipelineAnalysis, ...]
    config: Config
    language: str
    label: str
    last_day: int
    shape: str
    provisional_order: bool
    rows: tuple[Mapping[str, int | str], ...]
    facts: Mapping[str, int]
    inputs: tuple[Mapping[str, str], ...]
    ignored_files: tuple[str, ...]
    fingerprint: str
    findings: tuple[Finding, ...] = ()
    selection: Selection = field(default=EVERYTHING, kw_only=True)
    doubts: tuple[Doubt, ...] | None = field(default=(), kw_only=True)
    recognised: tuple[Mapping[str, str], ...] = field(default=(), kw_only=True)
    faults: tuple[Fault, ...] = field(default=(), kw_only=True)
    last_run: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    store: Store | None = field(default=None, compare=False, repr=False, kw_only=True)
    materials: tuple[Material, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __repr__(self) -> str:
        """Return what it is of, in one line: all numbers would fill screens."""
        names = ", ".join(pipeline.name for pipeline in self.pipelines)
        return f"<Analysis of {self.label!r}: {names}; {len(self.findings)} findings>"

    def __getitem__(self, name: str) -> PipelineAnalysis:
        """Return one pipeline by its name."""
        for pipeline in self.pipelines:
            if folded(pipeline.name) == folded(name):
                return pipeline
        known = ", ".join(pipeline.name for pipeline in self.pipelines)
        message = f"There is no pipeline {name!r}. There are: {known}."
        raise LeakkitError("no_pipeline", message)
