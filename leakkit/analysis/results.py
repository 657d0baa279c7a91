"""What an analysis holds: the numbers of each pipeline, the findings, and what was read."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from leakkit.analysis.numbers import PipelineNumbers
from leakkit.analysis.scope import EVERYTHING, Selection
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

    from leakkit.analysis.snapshot import Seen
    from leakkit.config import Config
    from leakkit.errors import Fault
    from leakkit.findings import Finding
    from leakkit.store.database import Store
    from leakkit.store.doubtful_visits import DoubtfulVisits


EPOCH = dt.date(1970, 1, 1)
OFFERED = (
    *("all_findings", "by", "config", "deals", "drivers", "facts", "faults", "findings"),
    *("fingerprint", "months", "pipelines", "rows", "selection", "stages", "store"),
    *("warnings", "worklist"),
)
"""What tab completion offers of an analysis: the names of docs/api.md."""


@dataclass(frozen=True, eq=False, repr=False)
class Analysis(PlainData):
    """The analysis of a source: its pipelines, and what was read.

    `all_findings` are those of all pipelines of the source, also where only some were asked
    for; `findings()` has them as a frame.
    `faults` are the first hundred that break each rule (`leakkit check` has all), and
    `doubtful` are the visits that stand on rows which may be wrong.
    `selection` says which deals, days and visits it is of; by default all. `last_run` has
    what the last run on other data saw, by pipeline. `store` is where it
    came from, for further questions; of a part, `origin` is the whole.

    >>> import leakkit
    >>> analysis = leakkit.analyze(leakkit.load("sample"))
    >>> [pipeline.name for pipeline in analysis.pipelines]
    ['Equipment', 'Spare parts', 'Service contracts', 'Projects']
    >>> analysis["Projects"].stages[0].lost.reason
    ''
    """

    pipelines: tuple[PipelineNumbers, ...]
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
    doubtful: tuple[DoubtfulVisits, ...] | None = field(default=(), kw_only=True)
    recognised: tuple[Mapping[str, str], ...] = field(default=(), kw_only=True)
    faults: tuple[Fault, ...] = field(default=(), kw_only=True)
    last_run: Mapping[str, Seen] = field(default_factory=dict, kw_only=True)
    logo: Mapping[str, str] = field(default_factory=dict, repr=False, kw_only=True)
    store: Store | None = field(default=None, compare=False, repr=False, kw_only=True)
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
        return {**vars(self), "store": None, "origin": None}

    def __len__(self) -> int:
        """Return how many pipelines there are."""
        return len(self.pipelines)

    def __iter__(self) -> Iterator[PipelineNumbers]:
        """Yield the pipelines."""
        return iter(self.pipelines)

    def __contains__(self, name: object) -> bool:
        """Say whether there is a pipeline of a name, in whatever case."""
        if isinstance(name, PipelineNumbers):
            return any(name is one for one in self.pipelines)
        return isinstance(name, str) and fold_name(name) in {
            fold_name(p.name) for p in self.pipelines
        }

    def __getitem__(self, name: str) -> PipelineNumbers:
        """Return one pipeline by its name; LeakkitError `no_pipeline` where there is none."""
        found = find_spelling("pipeline", name, [one.name for one in self.pipelines])
        return next(one for one in self.pipelines if one.name == found)

    def __dir__(self) -> list[str]:
        """Return what a user may ask for; the rest is for further questions of leakkit itself."""
        return sorted(OFFERED)

    def chosen(self, pipeline: str = "") -> tuple[PipelineNumbers, ...]:
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
        from leakkit.analysis.diagnosis import find_worklist  # noqa: PLC0415 - it needs this class

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
        from leakkit.analysis.parts import find_deals  # noqa: PLC0415 - it needs this class

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
        from leakkit.analysis.parts import compare_values_frame  # noqa: PLC0415 - it needs this class

        return compare_values_frame(self, column, pipeline)

    def opened(self) -> Store:
        """Return the store for further questions; LeakkitError `no_store` where it is gone."""
        if self.store is None:
            message = "This analysis has lost its store; load the source and analyze it again."
            raise LeakkitError("no_store", message)
        return self.store


# ---------------------------------------------------------------- notes of an analyst


@dataclass(frozen=True)
class DayNote:
    """One note; `number` marks its day in pictures (0: of no day), `stage` is empty for all."""

    number: int
    text: str
    day: int | None
    stage: str


def find_notes(analysis: Analysis, pipeline: PipelineNumbers) -> tuple[DayNote, ...]:
    """Return the notes on a pipeline: by day, those of no day last."""
    config = analysis.config
    rules = next(one for one in config.pipelines if one.name == pipeline.name)
    own = [(note, stage) for note in config.notes if (stage := note.stage_of(rules)) is not None]
    dated = sorted(
        (((note.day - EPOCH).days, note.text, stage) for note, stage in own if note.day),
        key=lambda each: each[0],
    )
    found = [DayNote(at, text, day, stage) for at, (day, text, stage) in enumerate(dated, start=1)]
    return (*found, *(DayNote(0, note.text, None, stage) for note, stage in own if not note.day))
