"""Which segment drove a change: the difference of two differences, and its error by owner."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.truth.stage import BASELINE, CURRENT, LOST, NEXT, design_of
from leakkit.findings.changes import screen_changes
from leakkit.findings.columns import candidates
from leakkit.findings.design import Design, at_risk
from leakkit.findings.groups import count, influence, read, spells

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


@pytest.mark.parametrize("kind", ["lost", "overdue"])
def test_influence_is_what_leaving_a_group_out_changes(kind: str) -> None:
    design = stage(deals=900)
    spans = spells(at_risk(design, BASELINE), 10.0, kind)
    owner = design.segments["owner"][spans.rows]
    counts = count(spans, owner, 13)
    found = influence(counts)
    assert found.sum() == pytest.approx(0.0, abs=1e-12)
    whole = count(spans, np.zeros_like(owner), 1)
    left_out = read(whole - counts).share[1:] - read(whole).share[0]
    assert np.corrcoef(found[1:], -left_out)[0, 1] > 0.99
    assert found[1:] == pytest.approx(-left_out * 11 / 12, abs=0.004)


def test_influence_of_single_deals_is_greenwoods_error() -> None:
    design = stage(deals=800)
    spans = spells(at_risk(design, BASELINE), 10.0, "lost")
    each = influence(count(spans, np.arange(len(spans)), len(spans)))
    variance = read(count(spans, np.zeros(len(spans), np.int64), 1)).variance[0]
    assert (each**2).sum() == pytest.approx(variance, rel=0.02)


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
    found = candidates(design, with_value=False)
    assert set(found.codes) == {"owner"}
    assert [(one.column, one.reason) for one in found.set_aside] == [("filled", "closed_only")]
