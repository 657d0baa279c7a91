"""Two parts of a pipeline side by side, or every value of a column against the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from leakkit.analysis.results import Analysis
from leakkit.analysis.scope import (
    EVERYTHING,
    WINDOWS,
    Selection,
    choose_days,
    choose_deals,
    find_column,
    number_of_day,
    select,
    spell_selection,
    text_of_day,
)
from leakkit.config import fold_name
from leakkit.errors import LeakkitError
from leakkit.findings.part_comparison import Gap, Visits, compare_stage, judge_gaps, wobble_of
from leakkit.findings.stage_readings import FAR
from leakkit.findings.warnings import plan_windows
from leakkit.measures.age_counts import EXITS, censored_kinds
from leakkit.store import visits as stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.analysis.numbers import PipelineNumbers
    from leakkit.findings.comparison import Wobble
    from leakkit.measures.horizons import Days
    from leakkit.measures.survival import Ints
    from leakkit.store.database import Store

    Given = Mapping[str, str | Sequence[str]] | Sequence[object] | str | Analysis | Selection

MOST_VALUES = 24
"""So many values of a column are compared, those with most deals."""


@dataclass(frozen=True)
class ChosenPart:
    """One side: the deals and days that were chosen; with `rest` the other deals of those days.

    `days` are [first, end) in the pipeline.
    """

    selection: Selection
    days: Days
    rest: bool = False


@dataclass(frozen=True)
class Compared:
    """Two parts of a pipeline: how they differ at every stage, and whether beyond chance.

    `q` is the false discovery rate over all comparisons that were made together. `owner`
    names the column by which errors are clustered, where they are. Of the values of a column
    `left_out` have fewer deals, and were not compared.
    """

    pipeline: PipelineNumbers
    one: ChosenPart
    other: ChosenPart
    gaps: tuple[Gap, ...]
    q: float
    owner: str = ""
    left_out: int = 0


def compare_parts(
    analysis: Analysis,
    one: Given | None = None,
    other: Given | None = None,
    pipeline: str = "",
    *,
    day: object = "",
) -> Compared:
    """How do two parts of a pipeline differ, and is that more than chance?

    A part is a mapping of columns to values, a pair of days (first, last), the name of a
    window (current, baseline), or an analysis of a part. Without `other`, one is compared
    with the rest of the deals; with a `day`, what was since with what was before. Without
    anything the current window is compared with the baseline. Raises LeakkitError for what
    there is not, and for parts that share deals on the same days.
    """
    comparison = _Comparison.of(analysis, pipeline)
    parts = _parts(comparison, one, other, _day(day))
    return comparison.judge([comparison.compare_parts(*parts)])[0]


def compare_values(analysis: Analysis, column: str, pipeline: str = "") -> tuple[Compared, ...]:
    """How does each value of a column differ from the rest, and is that more than chance?

    The values with most deals, in their order, with one false discovery rate over all of
    their comparisons.
    """
    comparison = _Comparison.of(analysis, pipeline)
    name = find_column(comparison.store, column)
    among = dict(comparison.base.columns).get(name)
    every = stored.segment_values(comparison.store, [comparison.number], name)
    known = [pair for pair in every if among is None or pair[0] in among]
    most = sorted(known, key=lambda pair: (-pair[1], pair[0]))[:MOST_VALUES]
    if len(most) < 2:  # noqa: PLR2004 - one value has no rest
        message = f"All deals have the same value in {name}: there is nothing to compare."
        raise LeakkitError("one_value", message)
    found = []
    for value, _ in most:
        part = comparison.part(Selection(((name, (value,)),)))
        compared = comparison.compare_parts(part, replace(part, rest=True))
        found.append(replace(compared, left_out=len(known) - len(most)))
    return comparison.judge(found)


@dataclass(frozen=True)
class _Comparison:
    """The pipeline in which parts are compared, and what the analysis itself is of."""

    analysis: Analysis
    whole: PipelineNumbers
    number: int
    store: Store
    base: Selection
    days: Days
    visits: tuple[Visits, ...]

    @classmethod
    def of(cls, analysis: Analysis, pipeline: str) -> _Comparison:
        """Read the first visits to every stage, with who owns them."""
        origin, store = analysis.origin or analysis, analysis.opened()
        whole = origin[pipeline or analysis.pipelines[0].name]
        if whole.present is not None:
            message = (
                f"{whole.name} has no history: only the present state of its deals is known, "
                "and no share of what entered a stage can be compared."
            )
            raise LeakkitError("no_history", message)
        names = [fold_name(rules.name) for rules in origin.config.pipelines]
        number = names.index(fold_name(whole.name))
        days = (whole.windows.start_day, whole.windows.end_day)
        base = replace(analysis.selection, visits="first")
        visits = _visits(store, whole, number, base.policy or whole.skip_policy)
        return cls(origin, whole, number, store, base, choose_days(base, whole) or days, visits)

    def part(self, given: Given | Selection) -> ChosenPart:
        """Return a part as it was asked for, on the days that both it and the analysis are of."""
        wanted = spell_selection(self.store, [self.number], _selection(self.analysis, given))
        days = choose_days(wanted, self.whole) or self.days
        both = max(days[0], self.days[0]), min(days[1], self.days[1])
        if both[0] >= both[1]:
            first, last = (
                pd.Timestamp(day, unit="D").date() for day in (self.days[0], self.days[1] - 1)
            )
            said = f"the {given} window" if isinstance(given, str) else repr(given)
            message = (
                f"The analysis is of {first} to {last}, and {said} has none of these days. "
                "Compare other parts, or choose all days."
            )
            raise LeakkitError("no_days", message)
        return ChosenPart(wanted, both)

    def compare_parts(self, one: ChosenPart, other: ChosenPart) -> Compared:
        """Compare two parts at every stage; the verdicts come later."""
        deals, others = self._deals(one), self._deals(other)
        _refuse_shared(deals, others, one, other)
        owner = self._choose_cluster(one, other)
        gaps = tuple(
            compare_stage(
                stage.stage,
                (visits.only(np.isin(visits.opportunity, deals)), one.days),
                (visits.only(np.isin(visits.opportunity, others)), other.days),
                stage.horizon.age,
                self._wobbling,
                by_owner=bool(owner),
            )
            for stage, visits in zip(self.whole.stages, self.visits, strict=True)
        )
        return Compared(self.whole, one, other, gaps, self.analysis.config.comparison.q, owner)

    def judge(self, found: Sequence[Compared]) -> tuple[Compared, ...]:
        """Give all comparisons their verdicts together."""
        q, each = self.analysis.config.comparison.q, len(self.whole.stages)
        gaps = judge_gaps([gap for one in found for gap in one.gaps], q)
        return tuple(
            replace(one, gaps=gaps[at * each : (at + 1) * each]) for at, one in enumerate(found)
        )

    def _deals(self, part: ChosenPart) -> Ints:
        """Return the numbers of the deals of a part."""
        own = self._choose_deals(part.selection)
        return self._every[np.isin(self._every, own, invert=part.rest)]

    @cached_property
    def _every(self) -> Ints:
        """Return the numbers of the deals that the analysis is of."""
        return self._choose_deals(self.base)

    def _choose_deals(self, selection: Selection) -> Ints:
        """Return the numbers of the deals that a selection is of."""
        return _whole(stored.read_deals(self.store, choose_deals(selection)), "opportunity")

    @cached_property
    def _wobbling(self) -> Wobble | None:
        """Return how much the months of the whole pipeline differ beyond chance."""
        plan = plan_windows(self.whole.windows, self.analysis.config.comparison.confirm_days)
        if plan is None:
            return None
        ages = (stage.horizon.age for stage in self.whole.stages)
        months = plan.months[: plan.baseline_months]
        return wobble_of(zip(self.visits, ages, strict=True), months)

    def _choose_cluster(self, one: ChosenPart, other: ChosenPart) -> str:
        """Return the column of owners; '' where owners themselves are compared."""
        owner = self.store.owner
        said = {name for part in (one, other) for name, _ in part.selection.columns}
        return "" if owner in said else owner


def _parts(
    comparison: _Comparison, one: Given | None, other: Given | None, day: int | None
) -> tuple[ChosenPart, ChosenPart]:
    """Return the two parts that were asked for."""
    if day is not None:
        if other is not None:
            message = "A day parts the deals of one selection: leave the second part out."
            raise LeakkitError("two_parts", message)
        return _since_and_before(comparison.part(EVERYTHING if one is None else one), day)
    if one is None and other is None:
        return comparison.part("current"), comparison.part("baseline")
    if one is None:
        message = "Name the first part: what stands alone is compared with the rest."
        raise LeakkitError("two_parts", message)
    first = comparison.part(one)
    return first, comparison.part(other) if other is not None else replace(first, rest=True)


def _since_and_before(part: ChosenPart, day: int) -> tuple[ChosenPart, ChosenPart]:
    """Part the days of a part at a day, with which the second begins."""
    first, end = part.days
    if not first < day < end:
        between = f"{text_of_day(first + 1)} to {text_of_day(end - 1)}"
        message = f"{text_of_day(day)} parts no days: choose one from {between}."
        raise LeakkitError("no_days", message)
    return replace(part, days=(day, end)), replace(part, days=(first, day))


def _selection(analysis: Analysis, given: Given | Selection) -> Selection:
    """Return what was asked for as a selection of deals and days; raise for anything else."""
    if isinstance(given, Analysis):
        if given.fingerprint != analysis.fingerprint:
            message = f"{given!r} is of other data: both parts are of one source."
            raise LeakkitError("other_data", message)
        found = given.selection
    elif isinstance(given, Selection):
        found = given
    elif isinstance(given, Mapping):
        found = select(given)
    elif isinstance(given, str) and given in WINDOWS:
        found = select(window=given)
    elif isinstance(given, (list, tuple)):
        found = select(days=given)
    else:
        message = (
            f"A part is columns with values, two days, a window or an analysis, not {given!r}. "
            'Write for example: {"owner": "A"}, ("2026-01-01", "2026-03-31"), "current".'
        )
        raise LeakkitError("no_part", message)
    if found.visits != "first" or found.policy:
        message = "Parts are compared by first visits, under the policy of the analysis."
        raise LeakkitError("first_visits", message)
    return found


def _refuse_shared(deals: Ints, others: Ints, one: ChosenPart, other: ChosenPart) -> None:
    """Raise where both parts have the same deals on the same days."""
    shared = len(np.intersect1d(deals, others))
    if shared and max(one.days[0], other.days[0]) < min(one.days[1], other.days[1]):
        message = (
            f"{shared} deals are in both parts on the same days, and would be compared with "
            "themselves. Choose other values or days, or leave the second part out to "
            "compare the first with the rest."
        )
        raise LeakkitError("shared_deals", message)


def _visits(store: Store, whole: PipelineNumbers, number: int, policy: str) -> tuple[Visits, ...]:
    """Read the first visits to every stage of a pipeline; under `strict`, skips are not seen."""
    rows = stored.read_first_visits(store, number, FAR)
    owners = _owners(store)
    found = []
    for stage in whole.stages:
        here = rows[rows["stage"] == stage.stage]
        deals = _whole(here, "opportunity")
        visits = Visits(
            per_day=whole.unit_per_day,
            opportunity=deals,
            visit=_whole(here, "visit"),
            exit=_whole(here, "exit"),
            entered_tick=_whole(here, "entered_tick"),
            left_tick=_whole(here, "left_tick"),
            owner=owners[deals],
        )
        last = stage.stage == len(whole.stages) - 1
        unseen = censored_kinds("strict" if policy == "strict" else "observed", last_stage=last)
        found.append(visits.censor(tuple(map(EXITS.index, unseen))))
    return tuple(found)


def _owners(store: Store) -> Ints:
    """Return the code of the owner of every deal, by its number; 0 where nobody is named."""
    rows = stored.read_owners(store)
    codes, names = pd.factorize(rows["owner"], sort=True)
    found = np.zeros(int(rows["opportunity"].max()) + 1 if len(rows) else 0, np.int64)
    found[_whole(rows, "opportunity")] = codes + 1 - ("" in names)
    return found


def _whole(frame: pd.DataFrame, column: str) -> Ints:
    """Return a column as whole numbers."""
    return frame[column].to_numpy(np.int64)


def _day(given: object) -> int | None:
    """Return a day as a local day number; None where none was given."""
    if not given:
        return None
    first, _ = select(days=(given, "")).days
    return number_of_day(first)
