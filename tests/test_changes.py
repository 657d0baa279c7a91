"""Which segment drove a change: the difference of two differences, and its error by owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.truth.stage import BASELINE, CURRENT, LOST, NEXT, design_of
from leakkit.findings.change_drivers import _ChangingOwners, screen_changes
from leakkit.findings.columns import find_candidates

if TYPE_CHECKING:
    from leakkit.findings.stage_readings import Design

HORIZON = 20


def stage(seed: int = 1, deals: int = 2_000, leak: float = 0.4, by: str = "owner") -> Design:
    """Return a stage whose region A loses more by `leak` of late: all owners of it, or one."""
    rng = np.random.default_rng(seed)
    entered, region = rng.integers(0, 360, deals), rng.integers(0, 4, deals)
    owner = region * 3 + rng.integers(0, 3, deals)
    worse = region == 0 if by == "region" else owner == 0
    lost = rng.random(deals) < 0.2 + leak * (worse & (entered >= CURRENT[0]))
    return design_of(
        entered,
        rng.integers(0, 15, deals),
        np.where(lost, LOST, NEXT),
        segments={
            "region": ["ABCD"[one] for one in region],
            "owner": [f"O{one:02}" for one in owner],
        },
        owner="owner",
    )


def test_gap_is_the_difference_of_two_differences() -> None:
    design = stage(by="region")
    found = screen_changes(design, CURRENT, BASELINE, HORIZON)
    first = found.drivers[0]
    assert (first.column, first.value, found.owner) == ("region", "A", "owner")
    assert first.gap.value == pytest.approx(
        (first.now - first.before) - (first.rest_now - first.rest_before)
    )
    assert first.gap.low < first.gap.value < first.gap.high
    assert first.gap.value == pytest.approx(0.4, abs=0.15)
    assert first.n == int(((design.segments["region"] == 1) & (design.entered_day >= 270)).sum())


def test_what_got_better_is_asked_for_by_itself() -> None:
    fell = stage(2, leak=-0.2, by="region")
    assert not screen_changes(fell, CURRENT, BASELINE, HORIZON).drivers
    first = screen_changes(fell, CURRENT, BASELINE, HORIZON, falls=True).drivers[0]
    assert (first.column, first.value) == ("region", "A")
    assert first.gap.high < 0.0


def test_a_change_of_one_owner_makes_no_sure_region() -> None:
    """The owner is named; the region, whose other owners did not change, is less sure of it."""
    design = stage(by="owner")
    named = {(one.column, one.value) for one in screen_changes(
        design, CURRENT, BASELINE, HORIZON).drivers}  # fmt: skip
    assert ("owner", "O00") in named
    assert ("region", "A") not in named


def test_always_worse_is_no_change() -> None:
    rng = np.random.default_rng(4)
    region = rng.integers(0, 4, 2_000)
    lost = rng.random(2_000) < 0.15 + 0.4 * (region == 0)
    design = design_of(
        rng.integers(0, 360, 2_000), rng.integers(0, 15, 2_000), np.where(lost, LOST, NEXT),
        segments={"region": ["ABCD"[one] for one in region]},
    )  # fmt: skip
    found = screen_changes(design, CURRENT, BASELINE, HORIZON)
    assert (found.drivers, found.owner, found.tested >= 4) == ((), "", True)


def test_owners_who_change_each_by_himself_add_to_the_error_where_they_differ() -> None:
    """By hand: parts 0, 0, 1, 1; within each, changes .2 apart, of a variance of .0001."""
    change, codes = np.array([0.0, 0.2, 0.5, 0.7]), np.repeat([0, 1, 2, 3], 10)
    owners = _ChangingOwners("owner", codes, change, np.full(4, 10_000.0))
    # Q - 2 = 10,000 x 4 x .01 - 2 = 398, over 40,000 - 20,000; each owner is half of a side
    assert owners.error(codes >= 2) == pytest.approx((398 / 20_000 * 4 * 0.25) ** 0.5)
    # a region that all owners have alike takes nothing from them
    assert owners.error(np.tile([True, False], 20)) == pytest.approx(0.0, abs=1e-12)
    alike = _ChangingOwners("owner", codes, np.array([0.1, 0.1, 0.5, 0.5]), np.full(4, 10_000.0))
    assert alike.error(codes >= 2) == pytest.approx(0.0, abs=1e-12)


def test_a_value_that_went_out_of_use_does_not_know_the_outcome() -> None:
    """No deal of an owner who left is open; of a column that is filled in at the close, neither."""
    rng = np.random.default_rng(5)
    entered = np.sort(rng.integers(0, 360, 1_500))
    left = np.where(entered < 200, "Old owner", "New owner")
    stay = rng.integers(5, 60, 1_500)
    closed = entered + stay < 360
    filled = np.where(closed & (rng.random(1_500) < 0.3), "late", "early")
    design = design_of(
        entered, stay, np.where(rng.random(1_500) < 0.3, LOST, NEXT),
        segments={"owner": left.tolist(), "filled": filled.tolist()},
    )  # fmt: skip
    found = find_candidates(design, with_value=False)
    assert set(found.codes) == {"owner"}
    assert [(one.column, one.reason) for one in found.set_aside] == [("filled", "closed_only")]
