"""Before anything is read: where histories begin, what is compared, what the ages are."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from leakkit.errors import LeakkitError
from leakkit.measures import age_counts as taken
from leakkit.measures import horizons, stage_results, survival
from leakkit.measures.horizons import Horizon, Windows
from leakkit.store import queries, schema
from leakkit.store.counts import Counts, Window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.config import Config, Pipeline
    from leakkit.measures.age_counts import StayCounts
    from leakkit.measures.stage_results import Learnt

EPOCH = dt.date(1970, 1, 1)
ALL, BASELINE, PROBE, ENTERED = range(4)
"""The windows that are counted; `ENTERED` are the visits that begin in the current one."""
LEARNING, ANY_VISIT, BY_VALUE = range(3)
"""The parts that are counted per bootstrap cluster."""
FIRST, AGAIN = 1, 2
NO_VISITS = taken.StayCounts()
LONG_AGO = -1_000_000
SNAPSHOT = "snapshot"
"""The shape of a source that says how deals stand."""


def day_of(number: int) -> dt.date:
    """Return the date of a local day number."""
    return EPOCH + dt.timedelta(days=number)


def number_of(day: dt.date) -> int:
    """Return the local day number of a date."""
    return (day - EPOCH).days


@dataclass(frozen=True)
class Asked:
    """One pipeline on its way: its number, its declaration, its days.

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


def find_windows(counts: Counts, config: Config) -> list[Asked]:
    """Find where each history begins, and which days are compared (METHOD section 2)."""
    extent = {key[0]: rows.iloc[0] for key, rows in taken.groups(counts.extent(), ["pipeline"])}
    entered = dict(taken.groups(counts.entries(), ["pipeline"]))
    starts = _history_starts(counts, config, extent)
    earliest = min((int(span["first_day"]) for span in extent.values()), default=counts.last_day)
    rules, end = config.comparison, counts.last_day + 1
    asked = []
    standing = _present(counts, extent)
    for number, span in sorted(_with_unfollowed(counts, extent).items()):
        first = int(span["first_day"]) if pd.notna(span["first_day"]) else counts.last_day
        start, origin = starts.get(number, (None, ""))
        days = entered.get((number,))
        inflow = (days["day"].to_numpy(), days["n"].to_numpy()) if days is not None else taken.NONE
        baseline, current = horizons.choose_windows(
            first if start is None else start, end, inflow, rules.current_days, rules.baseline_days
        )
        days_of = Windows(first, end, start, origin, baseline, current)
        present = number in standing or number not in extent
        asked.append(Asked(number, config.pipelines[number], days_of, earliest, present))
    return asked


def _with_unfollowed(
    counts: Counts, extent: Mapping[int, pd.Series[float]]
) -> dict[int, pd.Series[float]]:
    """Return the days of all pipelines that have deals, also where none has a history."""
    rows = counts.find_unfollowed()
    return {**extent, **{key[0]: each.iloc[0] for key, each in taken.groups(rows, ["pipeline"])}}


def _present(counts: Counts, extent: Mapping[int, pd.Series[float]]) -> set[int]:
    """Return the pipelines of a snapshot in which nothing was seen before its moment."""
    if counts.store.meta("shape") != SNAPSHOT:
        return set()
    cut = int(counts.store.meta("cut"))
    return {number for number, span in extent.items() if span["first_at"] == cut}


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
    groups = taken.stays_by_group(counts.stays(probes), ["pipeline", "stage", "visits"])
    for probe in probes:
        each = [stay for (number, _, _), stay in groups.items() if number == probe.pipeline]
        if horizons.is_truncated(each):
            found[probe.pipeline] = (probe.first_day, "detected")
    return found


def find_stays(counts: Counts, asked: list[Asked]) -> dict[tuple[int, ...], StayCounts]:
    """Count arrivals and departures by age: (window, pipeline, stage, visits) -> counts."""
    parts = []
    for pipeline in asked:
        days = pipeline.windows
        chosen = {ALL: (days.start_day, days.end_day), BASELINE: days.baseline}
        parts += [Window(pipeline.number, part, *span) for part, span in chosen.items() if span]
        if days.current:
            parts.append(Window(pipeline.number, ENTERED, *days.current, entered=True))
    return taken.stays_by_group(counts.stays(parts), ["part", "pipeline", "stage", "visits"])


def learn(
    counts: Counts,
    config: Config,
    asked: list[Asked],
    stays: dict[tuple[int, ...], StayCounts],
    earlier: Mapping[tuple[str, str], float],
) -> dict[tuple[int, int], Learnt]:
    """Learn horizon and expected stay of every stage (METHOD section 5)."""
    begin(counts, asked)
    policy = "strict" if config.comparison.skip_policy == "strict" else "observed"
    clicked = _find_clicked(counts)
    clusters = find_clusters(counts, asked, _learning_parts(asked, stays, clicked, policy))
    found = {}
    for pipeline in asked:
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
            last = position == len(pipeline.rules.stages) - 1
            found[pipeline.number, position] = stage_results.learn_stage(
                sample.curve(policy, last_stage=last),
                clusters.get((LEARNING, pipeline.number, position)),
                declared,
                clicked.get((pipeline.number, position), 0.0),
                taken.censored_kinds(policy, last_stage=last),
            )
    return found


def _find_clicked(counts: Counts) -> dict[tuple[int, int], float]:
    """Return the share of each stage's passages that stand in click-through chains."""
    chained = dict(taken.groups(counts.ask(queries.CLICKED_THROUGH), ["pipeline", "stage"]))
    entered = dict(taken.groups(counts.ask(queries.TOTALS), ["pipeline", "stage"]))
    found = {
        key: int(rows["n"].sum()) / int(entered[key]["n"].sum()) for key, rows in chained.items()
    }
    return {(number, stage): share for (number, stage), share in found.items()}


def _learning_parts(
    asked: list[Asked],
    stays: dict[tuple[int, ...], StayCounts],
    clicked: dict[tuple[int, int], float],
    policy: str,
) -> list[dict[str, int]]:
    """Return what to count per cluster so that the sureness of E can be judged."""
    parts = []
    for pipeline in asked:
        for position, stage in enumerate(pipeline.rules.stages):
            sample = stays.get((pipeline.sample, pipeline.number, position, FIRST))
            if stage.expected_days is not None or sample is None:
                continue
            if clicked.get((pipeline.number, position), 0.0) > stage_results.CLICKED_THROUGH_SHARE:
                continue
            last = position == len(pipeline.rules.stages) - 1
            curve = sample.curve(policy, last_stage=last)
            if horizons.learn_expected(curve, taken.ADVANCED).age is None:
                continue
            cap = survival.final_age(curve) + 1
            parts.append(_part(pipeline, LEARNING, position, int(cap)))
    return parts


def _part(
    pipeline: Asked, part: int, stage: int, cap: int, days: horizons.Days | None = None
) -> dict[str, int]:
    """Return one row of what is counted per cluster."""
    windows = pipeline.windows
    first, end = days or (windows.start_day, windows.end_day)
    if part == LEARNING and windows.baseline:
        first, end = windows.baseline
    return {
        "part": part, "pipeline": pipeline.number, "stage": stage, "first_day": first,
        "end_day": end, "cap": cap, "first_only": int(part != ANY_VISIT),
    }  # fmt: skip


def find_clusters(
    counts: Counts, asked: list[Asked], parts: list[dict[str, int]]
) -> dict[tuple[int, ...], pd.DataFrame]:
    """Count per bootstrap cluster: (part, pipeline, stage) -> counts."""
    if not parts:
        return {}
    sizes = counts.ask(queries.SIZES).set_index("pipeline")["n"]
    small = {p.number: int(sizes.get(p.number, 0) < schema.OWN_BUCKET_BELOW) for p in asked}
    frame = pd.DataFrame(parts)
    frame["own"] = frame["pipeline"].map(small)
    return dict(taken.groups(counts.clusters(frame), ["part", "pipeline", "stage"]))


def bounds(asked: list[Asked], mature: dict[int, int]) -> pd.DataFrame:
    """Return where curves and cohorts begin and end, per pipeline."""
    return pd.DataFrame(
        {
            "pipeline": [p.number for p in asked],
            "start_day": [p.windows.start_day for p in asked],
            "cohort_from": [p.windows.history_start or LONG_AGO for p in asked],
            "mature_before": [mature.get(p.number, LONG_AGO) for p in asked],
            "present": [int(p.present) for p in asked],
            "expected_days": pd.array([p.rules.expected_days for p in asked], dtype="Float64"),
        }
    )


def begin(counts: Counts, asked: list[Asked]) -> None:
    """Tell the counting where curves begin and end."""
    counts.frame_of(bounds(asked, {}))


def set_bounds(counts: Counts, asked: list[Asked]) -> None:
    """Tell the counting how old a deal is when 9 of 10 are decided."""
    mature = {
        number: counts.last_day + 1 - int(decided.settled.age)
        for number, decided in find_decided(counts).items()
        if decided.settled.age is not None
    }
    counts.frame_of(bounds(asked, mature))
    lay_out(counts, asked)


def lay_out(counts: Counts, asked: list[Asked], days: horizons.Days | None = None) -> None:
    """Tell the counting which stages lie between others, and which days make a month.

    Where `days` are chosen, the first period is all that was before them.
    """
    counts.between(_between(asked))
    counts.periods(_calendar(asked, counts.last_day, days))


@dataclass(frozen=True)
class Decided:
    """Days from creation by which deals are decided: q, and q rounded up to a usual number."""

    settled: Horizon
    horizon: Horizon


UNDECIDED = Decided(Horizon(None, "", "few_to_learn"), Horizon(None, "", "few_to_learn"))


def find_decided(counts: Counts) -> dict[int, Decided]:
    """Find, per pipeline, the days from creation by which 9 of 10 deals are decided."""
    found = {}
    for (number,), rows in taken.groups(counts.ask(queries.DECIDED), ["pipeline"]):
        n = rows["n"].to_numpy(np.int64)
        leave, closed = rows["leave_age"].to_numpy(np.int64), rows["closed"].to_numpy() == 1
        table = survival.risk_table(
            (rows["arrive_age"].to_numpy(np.int64), n),
            {"closed": (leave[closed], n[closed]), "censored": (leave[~closed], n[~closed])},
        )
        curve = survival.aalen_johansen(table)
        found[number] = Decided(horizons.settled_age(curve), horizons.learn_horizon(curve))
    return found


def _between(asked: list[Asked]) -> pd.DataFrame:
    """Return which stages a jump, or an early win, passes over."""
    rows = [
        (p.number, first, skipped, stage)
        for p in asked
        for first in range(len(p.rules.stages))
        for skipped in range(1, len(p.rules.stages) - first)
        for stage in range(first + 1, first + 1 + skipped)
    ]
    columns = ["pipeline", "from_stage", "skipped", "stage"]
    return pd.DataFrame(rows, columns=columns).astype("int64")


def _calendar(
    asked: list[Asked], last_day: int, chosen: horizons.Days | None = None
) -> pd.DataFrame:
    """Return the months of the data: day, period."""
    first = min((p.first_calendar_day for p in asked), default=last_day)
    days = np.arange(first, last_day + 2)
    months = np.array(days, "datetime64[D]").astype("datetime64[M]").astype(np.int64)
    if chosen is None:
        return pd.DataFrame({"day": days, "period": months - months[0]})
    begun = np.datetime64(chosen[0], "D").astype("datetime64[M]").astype(np.int64)
    return pd.DataFrame({"day": days, "period": np.where(days < chosen[0], 0, months - begun + 1)})


def expect(counts: Counts, learnt: Mapping[tuple[int, int], Learnt]) -> None:
    """Tell the counting which open deals are late."""
    rows = [
        (number, stage, known.expected.age)
        for (number, stage), known in sorted(learnt.items())
        if known.expected.age is not None
    ]
    expected = pd.DataFrame(rows, columns=["pipeline", "stage", "expected"])
    counts.expect(expected.astype({"expected": "float64"}))


def reading_parts(
    asked: list[Asked],
    learnt: Mapping[tuple[int, int], Learnt],
    days: horizons.Days | None = None,
) -> list[dict[str, int]]:
    """Return what to count per cluster for shares of all visits and of value."""
    return [
        _part(p, part, stage, int(max(age, learnt[p.number, stage].expected.age or 0)) + 1, days)
        for p in asked
        for stage in range(len(p.rules.stages))
        if (age := learnt[p.number, stage].horizon.age) is not None
        for part in (ANY_VISIT, BY_VALUE)
    ]
