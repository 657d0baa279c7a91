"""Before anything is read: where histories begin, what is compared, what the ages are."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from leakkit.errors import LeakkitError
from leakkit.measures import age_counts, horizons, stage_results, survival
from leakkit.measures.horizons import Horizon, Windows
from leakkit.store import deal_queries, queries, schema
from leakkit.store.count_requests import (
    LONG_AGO,
    Calendar,
    ClusterPart,
    Counts,
    CurveStarts,
    Window,
    samples_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from leakkit.config import Config, Pipeline
    from leakkit.measures.age_counts import Columns, StayCounts
    from leakkit.measures.stage_results import Learnt

    Stays = Mapping[tuple[int, int, int, int], StayCounts]
    """Counts by (window, pipeline, stage, visits)."""
    Clusters = Mapping[tuple[int, int, int], Columns]
    """Counts per bootstrap cluster by (part, pipeline, stage)."""
    Ages = Mapping[tuple[int, int], Learnt]
    """The ages of every stage by (pipeline, stage)."""
    Horizons = Mapping[tuple[str, str], float]
    """Horizons in days by the names of (pipeline, stage)."""

EPOCH = dt.date(1970, 1, 1)
ALL, BASELINE, PROBE, ENTERED = range(4)
"""The windows that are counted; `ENTERED` are the visits that begin in the current one."""
LEARNING, ANY_VISIT, BY_VALUE = range(3)
"""The parts that are counted per bootstrap cluster."""
FIRST, AGAIN = 1, 2
NO_VISITS = age_counts.StayCounts()
SNAPSHOT = "snapshot"
"""The shape of a source that says how deals stand."""


def day_of(number: int) -> dt.date:
    """Return the date of a local day number."""
    return EPOCH + dt.timedelta(days=number)


def number_of(day: dt.date) -> int:
    """Return the local day number of a date."""
    return (day - EPOCH).days


@dataclass(frozen=True)
class PipelineDays:
    """One pipeline, or a part of one: its number, its declaration, the days that are compared.

    `present`: of its deals only the present state is known.
    """

    number: int
    rules: Pipeline
    windows: Windows
    first_calendar_day: int
    present: bool = False

    @property
    def per_day(self) -> int:
        """Units of stay in a day."""
        return self.rules.unit_per_day

    @property
    def sample(self) -> int:
        """The window that teaches horizons and expected days."""
        return BASELINE if self.windows.baseline else ALL

    @property
    def places(self) -> range:
        """The positions of its stages."""
        return range(len(self.rules.stages))

    def is_last(self, stage: int) -> bool:
        """Say whether a stage is its last."""
        return stage == len(self.rules.stages) - 1


@dataclass(frozen=True)
class Decided:
    """Days from creation by which deals are decided: q, and q rounded up to a usual number."""

    settled: Horizon
    horizon: Horizon


UNDECIDED = Decided(Horizon(None, "", "few_to_learn"), Horizon(None, "", "few_to_learn"))


@dataclass(frozen=True)
class Learning:
    """What is known before anything is read; `counts` are under all the terms that follow."""

    counts: Counts
    config: Config
    pipelines: tuple[PipelineDays, ...]
    stays: Stays
    ages: Ages
    decided: Mapping[int, Decided]

    def ages_of(self, pipeline: PipelineDays) -> tuple[Learnt, ...]:
        """Return the ages of the stages of one pipeline, in their order."""
        return tuple(self.ages[pipeline.number, stage] for stage in pipeline.places)


def learn(counts: Counts, config: Config, earlier: Horizons) -> Learning:
    """Learn what the numbers are read by: days, stays, ages, and when deals are decided.

    `earlier` are the horizons of the last run, which stay while they fit.
    """
    pipelines = find_windows(counts, config)
    bounded = counts.under(bounds=bounds(pipelines))
    stays = find_stays(bounded, pipelines)
    ages = learn_ages(bounded, config, pipelines, stays, earlier)
    decided = find_decided(bounded)
    mature = {
        number: counts.last_day + 1 - int(one.settled.age)
        for number, one in decided.items()
        if one.settled.age is not None
    }
    known = bounded.under(
        mature=tuple(sorted(mature.items())),
        expected=expected_stays(ages),
        calendar=calendar(pipelines, counts.last_day),
    )
    return Learning(known, config, pipelines, stays, ages, decided)


# ---------------------------------------------------------------- days


def find_windows(counts: Counts, config: Config) -> tuple[PipelineDays, ...]:
    """Find where each history begins, and which days are compared (METHOD section 2)."""
    seen = counts.ask(queries.EXTENT)
    extent = {key[0]: rows.iloc[0] for key, rows in age_counts.groups(seen, ["pipeline"])}
    entered = dict(age_counts.groups(counts.ask(queries.ENTERED), ["pipeline"]))
    starts = _history_starts(counts, config, extent)
    earliest = min((int(span["first_day"]) for span in extent.values()), default=counts.last_day)
    rules, end = config.comparison, counts.last_day + 1
    found = []
    standing = _find_present(counts, extent)
    for number, span in sorted(_with_unfollowed(counts, extent).items()):
        first = int(span["first_day"]) if pd.notna(span["first_day"]) else counts.last_day
        start, origin = starts.get(number, (None, ""))
        days = entered.get((number,))
        inflow = (
            (days["day"].to_numpy(), days["n"].to_numpy()) if days is not None else age_counts.NONE
        )
        baseline, current = horizons.choose_windows(
            first if start is None else start, end, inflow, rules.current_days, rules.baseline_days
        )
        chosen = Windows(first, end, start, origin, baseline, current)
        present = number in standing or number not in extent
        found.append(PipelineDays(number, config.pipelines[number], chosen, earliest, present))
    return tuple(found)


def _with_unfollowed(
    counts: Counts, extent: Mapping[int, pd.Series[float]]
) -> dict[int, pd.Series[float]]:
    """Return the days of all pipelines that have deals, also where none has a history."""
    rows = counts.ask(queries.UNFOLLOWED)
    return {
        **extent,
        **{key[0]: each.iloc[0] for key, each in age_counts.groups(rows, ["pipeline"])},
    }


def _find_present(counts: Counts, extent: Mapping[int, pd.Series[float]]) -> set[int]:
    """Return the pipelines of a snapshot in which nothing was seen before its moment."""
    source = counts.store.source_facts
    if source.shape != SNAPSHOT:
        return set()
    return {number for number, span in extent.items() if span["first_at"] == source.cut}


def _history_starts(
    counts: Counts, config: Config, extent: Mapping[int, pd.Series[float]]
) -> dict[int, tuple[int | None, str]]:
    """Return (first day, origin) of each history; (None, "") where it is whole."""
    declared = config.source.history_start
    if declared is not None:
        if number_of(declared) > counts.last_day:
            message = (
                f"[source] history_start is {declared}, after the last day of the data, "
                f"{day_of(counts.last_day)}. Give an earlier day, or leave it out."
            )
            raise LeakkitError("history_start_after_end", message)
        return dict.fromkeys(extent, (number_of(declared), "declared"))
    probes = [
        Window(number, PROBE, int(span["first_close_day"]), counts.last_day + 1)
        for number, span in extent.items()
        if pd.notna(span["first_close_day"]) and span["first_close_day"] > span["first_day"]
    ]
    found: dict[int, tuple[int | None, str]] = dict.fromkeys(extent, (None, ""))
    if not probes:
        return found
    groups = age_counts.stays_by_group(counts.stays(probes), ["pipeline", "stage", "visits"])
    for probe in probes:
        each = [stay for (number, _, _), stay in groups.items() if number == probe.pipeline]
        if horizons.is_truncated(each):
            found[probe.pipeline] = (probe.first_day, "detected")
    return found


# ---------------------------------------------------------------- what the counts are told


def bounds(pipelines: Iterable[PipelineDays]) -> tuple[CurveStarts, ...]:
    """Return where curves and cohorts begin, per pipeline."""
    return tuple(
        CurveStarts(
            pipeline=one.number,
            stages=len(one.rules.stages),
            start_day=one.windows.start_day,
            cohort_from=one.windows.history_start or LONG_AGO,
            expected_days=one.rules.expected_days,
            present=one.present,
        )
        for one in pipelines
    )


def expected_stays(ages: Ages) -> tuple[tuple[int, int, float], ...]:
    """Return after which stay in each stage an open deal is late."""
    return tuple(
        (number, stage, float(known.expected.age))
        for (number, stage), known in sorted(ages.items())
        if known.expected.age is not None
    )


def calendar(
    pipelines: Sequence[PipelineDays], last_day: int, days: horizons.Days | None = None
) -> Calendar:
    """Return which days make a month; all before the chosen `days` are the first period."""
    first = min((one.first_calendar_day for one in pipelines), default=last_day)
    return Calendar(first, None if days is None else days[0])


# ---------------------------------------------------------------- stays and ages


def find_stays(counts: Counts, pipelines: Sequence[PipelineDays]) -> Stays:
    """Count arrivals and departures by age, in the windows that are read and learnt from."""
    parts = []
    for one in pipelines:
        days = one.windows
        chosen = {ALL: (days.start_day, days.end_day), BASELINE: days.baseline}
        parts += [Window(one.number, part, *span) for part, span in chosen.items() if span]
        if days.current:
            parts.append(Window(one.number, ENTERED, *days.current, entered=True))
    return group_stays(counts.stays(parts))


def group_stays(rows: pd.DataFrame) -> Stays:
    """Take stays apart by window, pipeline, stage and visits."""
    found = age_counts.stays_by_group(rows, ["part", "pipeline", "stage", "visits"])
    return {(key[0], key[1], key[2], key[3]): stays for key, stays in found.items()}


def learn_ages(
    counts: Counts,
    config: Config,
    pipelines: Sequence[PipelineDays],
    stays: Stays,
    earlier: Horizons,
) -> Ages:
    """Learn horizon and expected stay of every stage (METHOD section 5)."""
    policy = "strict" if config.comparison.skip_policy == "strict" else "observed"
    clicked = _find_clicked(counts)
    clusters = find_clusters(counts, pipelines, _learning_parts(pipelines, stays, clicked, policy))
    found = {}
    for pipeline in pipelines:
        for position, stage in enumerate(pipeline.rules.stages):
            per_day = pipeline.per_day
            kept = earlier.get((pipeline.rules.name, stage.name))
            horizon = config.comparison.horizon_days * per_day
            declared = stage_results.Declared(
                None if stage.expected_days is None else stage.expected_days * per_day,
                horizon or None,
                None if kept is None else kept * per_day,
                per_day > 1,
            )
            sample = stays.get((pipeline.sample, pipeline.number, position, FIRST), NO_VISITS)
            last = pipeline.is_last(position)
            found[pipeline.number, position] = stage_results.learn_stage(
                sample.curve(policy, last_stage=last),
                clusters.get((LEARNING, pipeline.number, position)),
                declared,
                clicked.get((pipeline.number, position), 0.0),
                age_counts.censored_kinds(policy, last_stage=last),
            )
    return found


def _find_clicked(counts: Counts) -> dict[tuple[int, int], float]:
    """Return the share of each stage's passages that stand in click-through chains."""
    chained = dict(age_counts.groups(counts.ask(queries.CLICKED_THROUGH), ["pipeline", "stage"]))
    entered = dict(age_counts.groups(counts.ask(queries.TOTALS), ["pipeline", "stage"]))
    found = {
        key: int(rows["n"].sum()) / int(entered[key]["n"].sum()) for key, rows in chained.items()
    }
    return {(number, stage): share for (number, stage), share in found.items()}


def _learning_parts(
    pipelines: Sequence[PipelineDays],
    stays: Stays,
    clicked: Mapping[tuple[int, int], float],
    policy: str,
) -> list[ClusterPart]:
    """Return what to count per cluster so that the sureness of E can be judged."""
    parts = []
    for pipeline in pipelines:
        for position, stage in enumerate(pipeline.rules.stages):
            sample = stays.get((pipeline.sample, pipeline.number, position, FIRST))
            if stage.expected_days is not None or sample is None:
                continue
            if clicked.get((pipeline.number, position), 0.0) > stage_results.CLICKED_THROUGH_SHARE:
                continue
            curve = sample.curve(policy, last_stage=pipeline.is_last(position))
            if horizons.learn_expected(curve, age_counts.ADVANCED).age is None:
                continue
            cap = survival.final_age(curve) + 1
            parts.append(_cluster_part(pipeline, LEARNING, position, int(cap)))
    return parts


def reading_parts(
    pipelines: Iterable[PipelineDays], ages: Ages, days: horizons.Days | None = None
) -> list[ClusterPart]:
    """Return what to count per cluster for shares of all visits and of value."""
    return [
        _cluster_part(one, part, stage, int(max(age, known.expected.age or 0)) + 1, days)
        for one in pipelines
        for stage in one.places
        for known in [ages[one.number, stage]]
        if (age := known.horizon.age) is not None
        for part in (ANY_VISIT, BY_VALUE)
    ]


def _cluster_part(
    pipeline: PipelineDays, part: int, stage: int, cap: int, days: horizons.Days | None = None
) -> ClusterPart:
    """Return what is counted per cluster of one stage."""
    known = pipeline.windows
    span = days or (known.start_day, known.end_day)
    if part == LEARNING and known.baseline:
        span = known.baseline
    return ClusterPart(part, pipeline.number, stage, *span, cap, first_only=part != ANY_VISIT)


def find_clusters(
    counts: Counts, pipelines: Iterable[PipelineDays], parts: Sequence[ClusterPart]
) -> Clusters:
    """Count per bootstrap cluster; every deal of a small pipeline is one."""
    if not parts:
        return {}
    sizes = counts.ask(queries.SIZES).set_index("pipeline")["n"]
    small = [p.number for p in pipelines if sizes.get(p.number, 0) < schema.OWN_BUCKET_BELOW]
    by_sample, none = age_counts.split_columns(counts.clusters(parts, small), "sample")
    samples = samples_of(parts)
    found = {
        (part.part, part.pipeline, part.stage): _visits_of(part, rows)
        for part in parts
        for rows in [by_sample.get(samples[part.sample], none)]
    }
    return {key: rows for key, rows in found.items() if len(rows["cluster"])}


def _visits_of(part: ClusterPart, rows: Columns) -> Columns:
    """Return the rows of the visits that a part counts."""
    if not part.first_only:
        return rows
    first = rows["visits"] == FIRST
    return {name: column[first] for name, column in rows.items()}


# ---------------------------------------------------------------- when deals are decided


def find_decided(counts: Counts) -> dict[int, Decided]:
    """Find, per pipeline, the days from creation by which 9 of 10 deals are decided."""
    found = {}
    for (number,), rows in age_counts.groups(counts.ask(deal_queries.DECIDED), ["pipeline"]):
        n = rows["n"].to_numpy(np.int64)
        leave, closed = rows["leave_age"].to_numpy(np.int64), rows["closed"].to_numpy() == 1
        table = survival.risk_table(
            (rows["arrive_age"].to_numpy(np.int64), n),
            {"closed": (leave[closed], n[closed]), "censored": (leave[~closed], n[~closed])},
        )
        curve = survival.aalen_johansen(table)
        found[number] = Decided(horizons.settled_age(curve), horizons.learn_horizon(curve))
    return found
