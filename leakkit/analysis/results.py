"""What an analysis holds: frozen values, one per pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from leakkit.analysis.selection import EVERYTHING, Selection
from leakkit.config import fold_name
from leakkit.errors import LeakkitError
from leakkit.findings.finding import WARNING
from leakkit.frames import (
    drivers_frame,
    findings_frame,
    months_frame,
    stages_frame,
    worklist_frame,
)
from leakkit.guards import find_spelling, is_left_out
from leakkit.page.style import facts_table
from leakkit.plain import PlainData

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from leakkit.analysis.material import Material
    from leakkit.analysis.retiring import Retired
    from leakkit.config import Config
    from leakkit.errors import Fault
    from leakkit.findings import Finding
    from leakkit.findings.whatif import Costs
    from leakkit.measures.balance import Month, Pipe, PipelineBalance, StageBalance
    from leakkit.measures.horizons import Days, Windows
    from leakkit.measures.present_state import LastStage, Present
    from leakkit.measures.route import Route
    from leakkit.measures.stage_results import StageResult
    from leakkit.store.database import Store
    from leakkit.store.doubts import Doubt


OFFERED = (
    *("all_findings", "by", "config", "deals", "drivers", "facts", "faults", "findings"),
    *("fingerprint", "months", "pipelines", "rows", "selection", "stages", "store"),
    *("warnings", "worklist"),
)
"""What tab completion offers of an analysis: the names of docs/api.md."""
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


@dataclass(frozen=True, eq=False, repr=False)
class PipelineAnalysis(PlainData):
    """All that is known of one pipeline. Ages are in its unit of stay, money in minor units.

    `days` are those [first, end) that it is of, where it is not of the whole history.
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
    days: Days | None = field(default_factory=lambda: None, kw_only=True)

    def __repr__(self) -> str:
        """Return what it is, in one line: all numbers would fill screens."""
        names = ", ".join(stage.name for stage in self.stages)
        return f"<Pipeline {self.name!r}: {self.opportunities:,} deals; {names}>"

    def _repr_html_(self) -> str:
        """Return a line per stage, for a notebook."""
        heads = ("stage", "entered", "lost", "lost share", "overdue", "open")
        rows = [
            (
                one.name,
                one.exits.entered,
                one.exits.lost,
                str(one.lost),
                "" if one.overdue is None else one.overdue,
                one.exits.open,
            )
            for one in self.stages
        ]
        return facts_table(heads, rows)

    def __len__(self) -> int:
        """Return how many stages there are."""
        return len(self.stages)

    def __iter__(self) -> Iterator[StageResult]:
        """Yield the stages, in their order."""
        return iter(self.stages)

    def __contains__(self, name: object) -> bool:
        """Say whether there is a stage of a name, in whatever case."""
        return isinstance(name, str) and fold_name(name) in {fold_name(s.name) for s in self.stages}

    def __getitem__(self, name: str) -> StageResult:
        """Return one stage by its name; LeakkitError `no_stage` where there is none."""
        found = find_spelling("stage", name, [stage.name for stage in self.stages])
        return next(stage for stage in self.stages if stage.name == found)

    def deals(self, outcome: str) -> int:
        """Count the deals that are won, lost or open, with a history or without."""
        return sum(n for (said, _), n in self.notes.outcomes.items() if said == outcome)


@dataclass(frozen=True, eq=False, repr=False)
class Analysis(PlainData):
    """The analysis of a source: its pipelines, and what was read.

    `all_findings` are those of all pipelines of the source, also where only some were asked
    for; `findings()` has them as a frame.
    `faults` are the first hundred that break each rule (`leakkit check` has all), and
    `doubts` the visits that stand on rows which may be wrong.
    `selection` says which deals, days and visits it is of; by default all. `last_run` has
    what the last run on other data saw, by pipeline. `store` and `materials` are where it
    came from, for further questions; of a part, `origin` is the whole.

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
    all_findings: tuple[Finding, ...] = ()
    selection: Selection = field(default=EVERYTHING, kw_only=True)
    doubts: tuple[Doubt, ...] | None = field(default=(), kw_only=True)
    recognised: tuple[Mapping[str, str], ...] = field(default=(), kw_only=True)
    faults: tuple[Fault, ...] = field(default=(), kw_only=True)
    last_run: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    logo: Mapping[str, str] = field(default_factory=dict, repr=False, kw_only=True)
    store: Store | None = field(default=None, compare=False, repr=False, kw_only=True)
    materials: tuple[Material, ...] = field(default=(), compare=False, repr=False, kw_only=True)
    origin: Analysis | None = field(default=None, compare=False, repr=False, kw_only=True)

    def __repr__(self) -> str:
        """Return what it is of, in one line: all numbers would fill screens."""
        names = ", ".join(pipeline.name for pipeline in self.pipelines)
        return f"<Analysis of {self.label!r}: {names}; {len(self.all_findings)} findings>"

    def _repr_html_(self) -> str:
        """Return a line per pipeline, for a notebook."""
        return facts_table(("pipeline", "deals", "won", "lost", "open", "warns at"), self._lines())

    def _lines(self) -> list[tuple[object, ...]]:
        """Return what the table of a notebook says of each pipeline."""
        return [
            (
                one.name,
                one.opportunities,
                *(one.deals(outcome) for outcome in ("won", "lost", "open")),
                ", ".join(dict.fromkeys(f.stage for f in self.warnings(one.name))),
            )
            for one in self.pipelines
        ]

    def __hash__(self) -> int:
        """Return the hash of what was read."""
        return hash((self.fingerprint, self.selection))

    def __getstate__(self) -> dict[str, Any]:
        """Keep all numbers; the store they came from stays behind, and its questions with it."""
        return {**vars(self), "store": None, "materials": (), "origin": None}

    def __len__(self) -> int:
        """Return how many pipelines there are."""
        return len(self.pipelines)

    def __iter__(self) -> Iterator[PipelineAnalysis]:
        """Yield the pipelines."""
        return iter(self.pipelines)

    def __contains__(self, name: object) -> bool:
        """Say whether there is a pipeline of a name, in whatever case."""
        if isinstance(name, PipelineAnalysis):
            return any(name is one for one in self.pipelines)
        return isinstance(name, str) and fold_name(name) in {
            fold_name(p.name) for p in self.pipelines
        }

    def __getitem__(self, name: str) -> PipelineAnalysis:
        """Return one pipeline by its name; LeakkitError `no_pipeline` where there is none."""
        found = find_spelling("pipeline", name, [one.name for one in self.pipelines])
        return next(one for one in self.pipelines if one.name == found)

    def __dir__(self) -> list[str]:
        """Return what a user may ask for; the rest is for further questions of leakkit itself."""
        return sorted(OFFERED)

    def chosen(self, pipeline: str = "") -> tuple[PipelineAnalysis, ...]:
        """Return one pipeline by its name, or all."""
        return self.pipelines if is_left_out(pipeline) else (self[pipeline],)

    def warnings(self, pipeline: str = "") -> tuple[Finding, ...]:
        """Return the findings that ask for a review, gravest first: alarms, then watches."""
        names = {one.name for one in self.chosen(pipeline)}
        return tuple(f for f in self.all_findings if f.severity in WARNING and f.pipeline in names)

    def stages(self, pipeline: str = "") -> pd.DataFrame:
        """Return a row per stage: counts, shares with ranges, days, and money in major units.

        >>> import leakkit
        >>> analysis = leakkit.analyze(leakkit.load("sample"))
        >>> frame = analysis.stages("Equipment").set_index("stage")
        >>> int(frame.loc["Proforma", "lost"]), analysis["Equipment"]["Proforma"].exits.lost
        (587, 587)
        """
        return stages_frame(self.chosen(pipeline))

    def findings(self, pipeline: str = "") -> pd.DataFrame:
        """Return a row per finding, gravest first: a share now and before, and what it costs."""
        names = {one.name for one in self.chosen(pipeline)}
        return findings_frame(one for one in self.all_findings if one.pipeline in names)

    def months(self, pipeline: str = "") -> pd.DataFrame:
        """Return a row per calendar month: what came in, and what became of it."""
        return months_frame(self.chosen(pipeline))

    def worklist(self, pipeline: str = "") -> pd.DataFrame:
        """Return a row per late deal, those to call first in front: its chance, its value."""
        from leakkit.analysis.working import find_worklist  # noqa: PLC0415 - it needs this class

        store = self.opened()
        lists = ((one, find_worklist(store, self, one.name)) for one in self.chosen(pipeline))
        return worklist_frame(lists)

    def deals(
        self, pipeline: str = "", *, stage: str = "", left: str = "", once: bool = False
    ) -> pd.DataFrame:
        """Which deals stand behind the numbers? A row per visit that the stages count.

        `left` is how the visits left: lost, returned, advanced, moved; or still there:
        overdue, open (in time). They add up to the deals that entered the `stage`. With
        `once` a row is a deal of the picture of the pipe, where it stands, and may be won.
        Money is in major units, a stay in days, a missing value unknown.

        >>> import leakkit
        >>> analysis = leakkit.analyze(leakkit.load("sample"))
        >>> lost = analysis.deals("Equipment", stage="Proforma", left="lost")
        >>> len(lost) == analysis["Equipment"]["Proforma"].exits.lost
        True
        """
        from leakkit.analysis.listed import find_deals  # noqa: PLC0415 - it needs this class

        return find_deals(self, pipeline, stage=stage, left=left, once=once)

    def drivers(self, pipeline: str = "") -> pd.DataFrame:
        """Return a row per segment that leaks more than the rest of its stage.

        Looks into the stages that warn, or that could give back most. See `diagnose`.
        """
        from leakkit.analysis.diagnosis import diagnose  # noqa: PLC0415 - it needs this class

        return drivers_frame(diagnose(self, one.name) for one in self.chosen(pipeline))

    def by(self, column: str, pipeline: str = "") -> pd.DataFrame:
        """Return the stages of the deals of every value of a column: `stages()`, value by value.

        `column` is one of those of the deals, such as "owner" or "region"; a deal without
        a value counts under "". Horizons stay those of all deals, so that values compare.

        >>> import leakkit
        >>> analysis = leakkit.analyze(leakkit.load("sample"))
        >>> frame = analysis.by("region", "Projects")
        >>> list(frame.columns[:3]), frame["region"].nunique() > 1
        (['pipeline', 'region', 'stage'], True)
        """
        from leakkit.analysis.selecting import frame_by  # noqa: PLC0415 - it needs this class

        return frame_by(self, column, pipeline)

    def opened(self) -> Store:
        """Return the store for further questions; LeakkitError `no_store` where it is gone."""
        if self.store is None:
            message = "This analysis has lost its store; load the source and analyze it again."
            raise LeakkitError("no_store", message)
        return self.store
