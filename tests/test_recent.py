"""A stage that changed: read in one window, carried on to the end, and drawn again."""

from __future__ import annotations

import numpy as np
import pytest

from leakkit.findings.comparison import VISIBLE
from leakkit.findings.finding import Finding, Split
from leakkit.findings.value import LostShare, Recent, change_of, doors_in_the_end, find_changed
from leakkit.measures.survival import Curve, aalen_johansen, risk_table
from tests.measuring import approx


def curve_of(lost: dict[int, int], on: dict[int, int], still: dict[int, int]) -> Curve:
    """Return the curve of so many that are lost, go on, or are last seen on these days."""

    def counted(days: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
        return np.array(list(days), np.int64), np.array(list(days.values()), np.int64)

    total = sum(sum(part.values()) for part in (lost, on, still))
    exits = {"lost": counted(lost), "next": counted(on), "censored": counted(still)}
    return aalen_johansen(risk_table((np.array([0]), np.array([total])), exits))


WHOLE = curve_of({5: 50, 20: 50}, {5: 300, 20: 500}, {30: 100})
"""Of 1,000: 5 % are lost by day 5 and 10 % in all; 10 % stay."""


def test_a_window_that_is_long_enough_is_read_as_it_is() -> None:
    window = curve_of({5: 20}, {5: 30, 20: 50}, {})
    found = doors_in_the_end(window, WHOLE, 30)
    assert found is not None
    leaving, lost = found
    assert leaving == {"lost": approx(0.2), "next": approx(0.8)}
    assert (lost.share, lost.entrants) == (approx(0.2), approx(100.0))


def test_a_short_window_goes_on_with_as_much_more_losses() -> None:
    """15 % instead of 5 % are lost by day 5: later three times as many as ever, too."""
    window = curve_of({5: 30}, {5: 50}, {6: 120})
    found = doors_in_the_end(window, WHOLE, 30)
    assert found is not None
    leaving, lost = found
    rest = 3 * 50 / 650
    assert leaving["lost"] == approx(0.15 + 0.6 * rest)
    assert leaving["next"] == approx(0.25 + 0.6 * (500 / 650) * (1 - rest) / (600 / 650))
    assert sum(leaving.values()) < 1.0
    # the standard error grows as the share does
    relative = [np.sqrt((1 - s) / (s * n)) for s, n in ((0.15, 200.0), (lost.share, lost.entrants))]
    assert relative[0] == approx(relative[1])


def test_twenty_are_wanted() -> None:
    assert doors_in_the_end(curve_of({5: 9}, {5: 10}, {}), WHOLE, 30) is None
    assert doors_in_the_end(curve_of({5: 10}, {5: 10}, {}), WHOLE, 30) is not None


ROW = np.array([0.0, 0.0, 0.0, 0.0, 0.6, 0.35, 0.05])
RECENT = Recent(ROW, LostShare(0.35, 200.0), LostShare(0.05, 800.0))


def finding(**how: object) -> Finding:
    """Return an alarm on losses."""
    plain = {"share": 0.3, "reference": 0.05, "change": 0.25, "smallest_visible": 0.035 * VISIBLE}
    return Finding("P", "A", "lost", **({"severity": "alarm"} | plain | how))  # type: ignore[arg-type]


def test_a_change_goes_back_to_what_it_was_in_the_end() -> None:
    found = change_of(finding(), RECENT)
    assert found is not None
    assert found.points == approx(0.30)
    rows, points = found.draw()
    assert rows.sum(axis=1) == approx(np.ones(len(rows)))
    error = np.sqrt(0.35 * 0.65 / 200 + 0.05 * 0.95 / 800)
    assert points.std() == pytest.approx(max(error, 0.035), rel=0.1)
    # both chains are drawn together: where more are lost now, more goes back
    assert np.corrcoef(rows[:, -2], points)[0, 1] > 0.9


def test_what_the_mix_explains_stays() -> None:
    found = change_of(finding(split=Split(0.2, 0.05)), RECENT)
    assert found is not None
    assert found.points == approx(0.25)


def test_a_target_is_known() -> None:
    found = change_of(finding(reference=0.1, reference_kind="target"), RECENT)
    assert found is not None
    assert (found.points, found.back_entrants) == (approx(0.25), None)


def test_an_unsure_test_makes_the_shares_unsure() -> None:
    plain, wobbling = (
        change_of(finding(smallest_visible=s * VISIBLE), RECENT) for s in (0.01, 0.1)
    )
    assert plain is not None
    assert wobbling is not None
    assert plain.entrants == approx(200.0)
    assert wobbling.draw()[1].std() == pytest.approx(0.1, rel=0.1)


def test_only_what_changed_counts_as_it_is_now() -> None:
    better = finding(severity="better", change=-0.1)
    calm = finding(severity="ok")
    for one, places in ((finding(), [0]), (better, [0]), (calm, [])):
        assert list(find_changed([one], ["A"], [RECENT])) == places
    assert find_changed([finding()], ["A"], [None]) == {}
