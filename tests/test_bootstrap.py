"""Resampling by opportunity: seeded, and as wide as theory says."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from leakkit.measures import age_counts, stage_results
from leakkit.measures.age_counts import (
    EXITS,
    REPLICATES,
    ClusterCounts,
    StayCounts,
    cluster_counts,
    expected_interval,
    replicated_shares,
    share_interval,
)
from leakkit.measures.horizons import Horizon
from leakkit.measures.survival import aalen_johansen, greenwood, index_at, merge_doors
from tests.measuring import approx

if TYPE_CHECKING:
    from leakkit.measures.age_counts import Columns
    from leakkit.measures.survival import Floats

LOST, NEXT, OPEN = (EXITS.index(name) for name in ("lost", "next", "open"))
Visit = tuple[int, int, int, int]  # cluster, age of arrival, age of leaving, exit


def count_visits(visits: list[Visit], value: int = 1) -> Columns:
    """Count visits per cluster as the query does."""
    rows = [(c, 1, come, -1, 1, value) for c, come, _, _ in visits]
    rows += [(c, 0, leave, exit_, 1, value) for c, _, leave, exit_ in visits]
    frame = pd.DataFrame(rows, columns=["cluster", "arrives", "age", "exit", "n", "total"])
    counted = frame.groupby(["cluster", "arrives", "age", "exit"], as_index=False).sum()
    return {str(name): counted[name].to_numpy() for name in counted}


def together(visits: list[Visit]) -> StayCounts:
    """Count the same visits without clusters."""
    left: dict[str, list[int]] = {}
    for _, _, leave, exit_ in visits:
        left.setdefault(EXITS[exit_], []).append(leave)
    ages = np.array([come for _, come, _, _ in visits])
    return StayCounts(
        (ages, np.ones_like(ages)),
        {kind: (np.array(ages), np.ones(len(ages), np.int64)) for kind, ages in left.items()},
    )


def some_visits(deals: int, visits_each: int = 1) -> list[Visit]:
    """Deals whose visits, if there are several, are all alike."""
    random = np.random.default_rng(1)
    found = []
    for deal in range(deals):
        exit_ = int(random.choice([LOST, NEXT, OPEN], p=[0.3, 0.5, 0.2]))
        found += [(deal, 0, int(random.integers(0, 20)), exit_)] * visits_each
    return found


def originals_at_risk(counts: ClusterCounts) -> Floats:
    """Return the numbers at risk by age, with every cluster drawn once."""
    risk: Floats = counts.replicate((LOST,), np.ones((counts.clusters, 1))).at_risk[:, 0]
    return risk


def test_the_original_sample_gives_the_curve() -> None:
    visits = some_visits(300)
    counts = cluster_counts(count_visits(visits))
    curve = aalen_johansen(together(visits).table())
    assert originals_at_risk(counts) == approx(
        np.array([curve.table.at_risk[index_at(curve, float(age))] for age in counts.ages])
    )
    left = {number: counts.amount[counts.exit == number].sum() for number in (LOST, NEXT)}
    assert left[LOST] == sum(v[3] == LOST for v in visits)
    assert sum(left.values()) == sum(v[3] in (LOST, NEXT) for v in visits)
    mean = replicated_shares(counts, (LOST,)).mean(axis=0)
    ours = [merge_doors(curve, ("lost",))[index_at(curve, float(age))] for age in counts.ages]
    assert mean == approx(np.array(ours), 0.01)


def test_of_single_visits_it_is_as_wide_as_greenwood() -> None:
    visits = some_visits(400)
    spread = replicated_shares(cluster_counts(count_visits(visits)), (LOST,))[:, -1].std()
    curve = aalen_johansen(together(visits).table())
    assert spread == pytest.approx(greenwood(curve, ("lost",))[-1] ** 0.5, rel=0.1)


def test_of_visits_alike_it_is_wider_as_it_must_be() -> None:
    """Four equal visits a deal are worth one: twice the standard error of Greenwood's."""
    visits = some_visits(200, visits_each=4)
    spread = replicated_shares(cluster_counts(count_visits(visits)), (LOST,))[:, -1].std()
    curve = aalen_johansen(together(visits).table())
    assert spread == pytest.approx(2 * greenwood(curve, ("lost",))[-1] ** 0.5, rel=0.12)


def test_the_same_counts_give_the_same_interval() -> None:
    frame = count_visits(some_visits(100))
    first, again = (share_interval(cluster_counts(frame), (LOST,), 12.0) for _ in range(2))
    order = np.random.default_rng(3).permutation(len(frame["n"]))
    shuffled = {name: column[order] for name, column in frame.items()}
    assert first == again == share_interval(cluster_counts(shuffled), (LOST,), 12.0)
    assert first[0] < first[1]
    assert len(replicated_shares(cluster_counts(frame), (LOST,))) == REPLICATES


def test_delayed_arrivals_are_at_risk_from_their_age() -> None:
    visits = [(0, 0, 2, LOST), (1, 3, 5, NEXT), (2, 0, 9, OPEN)]
    counts = cluster_counts(count_visits(visits))
    assert counts.ages.tolist() == [0, 2, 3, 5, 9]
    assert originals_at_risk(counts).tolist() == [2, 2, 2, 2, 1]


def test_expected_days_that_all_share_are_sure() -> None:
    visits = [(deal, 0, 4, NEXT) for deal in range(60)]
    assert expected_interval(cluster_counts(count_visits(visits)), (NEXT,), 4.0) == (4.0, 4.0)


def test_expected_days_near_a_gap_are_unsure() -> None:
    visits = [(deal, 0, 1 if deal < 54 else 40, NEXT) for deal in range(60)]
    low, high = expected_interval(cluster_counts(count_visits(visits)), (NEXT,), 40.0)
    assert (low, high) == (1.0, 40.0)


def test_the_share_of_all_visits_lies_in_its_interval() -> None:
    visits = some_visits(150, visits_each=2)
    share = stage_results.lost_any_visit(
        together(visits), count_visits(visits), Horizon(15.0, "learnt")
    )
    assert share.share is not None
    assert share.low is not None
    assert share.high is not None
    assert share.low < share.share < share.high
    alone = stage_results.lost_any_visit(together(visits), None, Horizon(15.0, "learnt"))
    assert alone.share == share.share
    assert share.high - share.low > (alone.high or 0) - (alone.low or 0)


def test_value_weighs() -> None:
    """One lost deal in ten, worth as much as all others together: half of the value is lost."""
    visits = [(deal, 0, 3, LOST if deal % 10 == 0 else NEXT) for deal in range(100)]
    frame = count_visits(visits)
    frame["total"] = np.where(frame["cluster"] % 10 == 0, 9, frame["total"])
    ages = np.zeros(1, np.int64)
    left = ages + 3
    money = StayCounts(
        (ages, np.array([100])),
        {"lost": (left, np.array([10])), "next": (left, np.array([90]))},
        (ages, np.array([180])),
        {"lost": (left, np.array([90])), "next": (left, np.array([90]))},
    )
    share = stage_results.lost_by_value(money, frame, Horizon(5.0, "learnt"))
    assert share.share == approx(0.5)
    assert (share.low or 0) < 0.45
    assert (share.high or 1) > 0.55
    assert (
        stage_results.lost_by_value(together(visits), None, Horizon(5.0, "learnt")).reason
        == "no_value"
    )


def test_censored_exits_count_in_no_share() -> None:
    jumped = EXITS.index("jumped")
    visits = [(deal, 0, deal % 5, jumped if deal % 2 else NEXT) for deal in range(60)]
    strict = cluster_counts(count_visits(visits), censored=(OPEN, jumped))
    assert strict.amount[strict.exit >= 0].sum() == 60
    next_alone = replicated_shares(strict, (NEXT,))
    assert np.array_equal(replicated_shares(strict, (NEXT, jumped)), next_alone)
    assert not replicated_shares(strict, (jumped,)).any()


def test_what_comes_later_changes_no_share_before_it() -> None:
    counts = cluster_counts(count_visits(some_visits(300)))
    whole = [share_interval(counts, (LOST,), age) for age in (-1.0, 0.0, 4.5, 12.0)]
    assert whole == [
        share_interval(counts.until(12.0), (LOST,), age) for age in (-1.0, 0.0, 4.5, 12.0)
    ]
    assert len(set(whole)) == 4


def test_a_share_at_an_age_has_the_bits_of_the_share_at_every_age() -> None:
    counts = cluster_counts(count_visits(some_visits(300)))
    at = int(np.searchsorted(counts.ages, 12.0, side="right")) - 1
    every = np.quantile(replicated_shares(counts, (LOST, NEXT))[:, at], [0.025, 0.975])
    assert share_interval(counts, (LOST, NEXT), 12.0) == tuple(every.tolist())


def test_many_amounts_are_drawn_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = count_visits(some_visits(300))
    monkeypatch.delitem(sys.modules, "scipy.sparse", raising=False)
    few = replicated_shares(cluster_counts(frame), (LOST,))
    monkeypatch.setattr(age_counts, "FEW_AMOUNTS", 0)
    assert np.array_equal(replicated_shares(cluster_counts(frame), (LOST,)), few)
