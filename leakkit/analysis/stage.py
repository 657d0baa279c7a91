"""One stage of a pipeline from its counts: every number of its row, found when it is read."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from leakkit.analysis import learning
from leakkit.analysis.deferred import DeferredStage
from leakkit.analysis.material import late, whole_sum
from leakkit.measures import age_counts as taken
from leakkit.measures import horizons, stage_results, survival
from leakkit.store import schema

if TYPE_CHECKING:
    import pandas as pd

    from leakkit.analysis.deferred import Parts
    from leakkit.analysis.material import Material
    from leakkit.measures.horizons import Horizon
    from leakkit.measures.stage_results import StageResult
    from leakkit.measures.survival import Curve, Share


def stage_of(material: Material, stage: int) -> StageResult:
    """Build the row of one stage, whose numbers are found when they are read."""
    return DeferredStage(
        _declare_parts(material, stage)
        | _from_passages(material, stage)
        | _from_deals(material, stage)
        | _from_curve(material, stage)
        | _from_other_curves(material, stage)
        | _from_wins(material, stage)
    )


def _declare_parts(material: Material, stage: int) -> Parts:
    """What the stage is, and at which ages it is read."""
    learnt = material.learnt[stage]
    return {
        "stage": lambda: stage,
        "name": lambda: material.names[stage],
        "kind": lambda: material.asked.rules.stages[stage].kind,
        "horizon": lambda: learnt.horizon,
        "expected": lambda: learnt.expected,
    }


# What is counted


def _from_passages(material: Material, stage: int) -> Parts:
    """How did the passages of the stage end, and what were they worth?"""
    totals = partial(material.of_stage, "totals", stage)
    clicked = partial(material.of_stage, "clicked", stage)

    def deals() -> int:
        return whole_sum(totals()["first_visits"])

    @cache
    def exits() -> stage_results.Exits:
        return _exits(totals())

    return {
        "opportunities": deals,
        "first_visits": deals,
        "exits": exits,
        "clicked_through_share": lambda: whole_sum(clicked()["n"]) / max(exits().entered, 1),
        "left_after_curves": lambda: whole_sum(totals()["after_curves"]),
        "value_entered": lambda: whole_sum(totals()["total"]),
        "value_lost": lambda: whole_sum(totals()["total"][totals()["exit"] == schema.LOST_HERE]),
    }


def _exits(totals: pd.DataFrame) -> stage_results.Exits:
    """Return how all passages of a stage ended."""
    found = {int(e): int(n) for e, n in zip(totals["exit"], totals["n"], strict=True)}
    return stage_results.Exits(**{name: found.get(e, 0) for e, name in enumerate(schema.EXITS)})


def _from_deals(material: Material, stage: int) -> Parts:
    """How many deals are late in the stage, skipped it, came back, and how did all end?"""
    return {
        "overdue": lambda: _overdue(material, stage),
        "value_overdue": lambda: whole_sum(late(material.of_stage("standing", stage))["total"]),
        "jumped_over": lambda: whole_sum(material.of_stage("skipped", stage)["n"]),
        "reopened_in": lambda: whole_sum(material.of_stage("reopened", stage)["n"]),
        "in_the_end": lambda: _in_the_end(material.of_stage("ends", stage)),
    }


def _overdue(material: Material, stage: int) -> int | None:
    """Count the open deals past their time; None where nothing says what their time is."""
    judged = material.learnt[stage].expected.age is not None
    if not judged and material.asked.rules.expected_days is None:
        return None
    return whole_sum(late(material.of_stage("standing", stage))["n"])


def _in_the_end(rows: pd.DataFrame) -> stage_results.InTheEnd:
    """Return what became of the deals that were ever in a stage."""
    exit_, here, n = rows["exit"].to_numpy(), rows["here"].to_numpy() == 1, rows["n"].to_numpy()
    lost = exit_ == schema.LOST_HERE
    return stage_results.InTheEnd(
        won=int(n[exit_ == schema.WON_HERE].sum()),
        lost_here=int(n[lost & here].sum()),
        lost_elsewhere=int(n[lost & ~here].sum()),
        open=int(n[exit_ == schema.OPEN].sum()),
        moved=int(n[exit_ == schema.MOVED].sum()),
    )


# What is read off curves


def _from_curve(material: Material, stage: int) -> Parts:
    """Which share has left by each door at the horizon, and after how many days?"""

    @cache
    def curve() -> Curve:
        return curve_of(material, stage)

    @cache
    def readings() -> stage_results.StageReadings:
        return _readings(material, stage, curve())

    return {
        "curve": curve,
        "followed": lambda: readings().followed,
        "advance": lambda: readings().advance,
        "lost": lambda: readings().lost,
        "returned": lambda: readings().returned,
        "stalled": lambda: readings().stalled,
        "went_overdue": lambda: readings().went_overdue,
        "median": lambda: horizons.quantile_age(curve(), 0.5),
        "p90": lambda: horizons.quantile_age(curve(), 0.9),
        "mean": lambda: _mean(curve(), material.learnt[stage].horizon),
    }


def curve_of(material: Material, stage: int) -> Curve:
    """Return the curve of first visits, or of all, under the skip policy of the analysis."""
    last = stage == len(material.names) - 1
    stay = material.count_seen(stage)
    if material.policy == "reached":
        first, end = (day * material.asked.per_day for day in material.read_days)
        stay = stage_results.reached_counts(stay, material.of_stage("reached", stage), first, end)
    return stay.curve(material.policy, last_stage=last)


def _readings(material: Material, stage: int, curve: Curve) -> stage_results.StageReadings:
    """Read the shares of a stage off its curve."""
    learnt = material.learnt[stage]
    has_baseline = material.asked.windows.baseline is not None
    readings = stage_results.read_stage(curve, learnt, has_baseline=has_baseline)
    if material.visits == "first":
        return readings
    clusters = material.clusters.get((learning.ANY_VISIT, stage))
    return stage_results.read_all_visits(readings, learnt, clusters)


def _mean(curve: Curve, horizon: Horizon) -> tuple[float, float] | None:
    """Return the mean stay up to the horizon and its standard error."""
    if horizon.age is None or survival.count_followed(curve, horizon.age) < survival.MIN_FOLLOWED:
        return None
    return survival.restricted_mean(curve, horizon.age)


def _from_other_curves(material: Material, stage: int) -> Parts:
    """Which share of all visits is lost, and which share of the value?"""
    first, again = material.stay, partial(material.stay, visits=learning.AGAIN)
    horizon = material.learnt[stage].horizon

    def clusters(part: int) -> pd.DataFrame | None:
        return material.clusters.get((part, stage))

    return {
        "lost_any_visit": lambda: stage_results.lost_any_visit(
            first(stage) + again(stage), clusters(learning.ANY_VISIT), horizon
        ),
        "lost_by_value": lambda: stage_results.lost_by_value(
            first(stage), clusters(learning.BY_VALUE), horizon
        ),
    }


def _from_wins(material: Material, stage: int) -> Parts:
    """How likely is a win from here, and how many wins came after a loss?"""

    @cache
    def chance() -> tuple[Share, Horizon, int]:
        return _chance_to_win(material, stage)

    return {
        "won_from_here": lambda: chance()[0],
        "won_horizon": lambda: chance()[1],
        "wins_after_loss": lambda: chance()[2],
    }


def _chance_to_win(material: Material, stage: int) -> tuple[Share, Horizon, int]:
    """Return the chance to win from a stage, the age of it, and the wins that came after a loss."""
    rows = material.of_stage("wins", stage)
    left = rows["arrives"].to_numpy() != 1
    later = whole_sum(rows["won_later"].to_numpy()[left])
    counted = taken.stays_by_group(rows, ["stage"]).get((stage,), learning.NO_VISITS)
    return *stage_results.chance_to_win(counted), later
