"""`make truth` in short: every row with few runs, and tolerances that could still fail."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.truth import __main__ as command
from benchmarks.truth import (
    ages,
    causes,
    costs,
    coverage,
    endings,
    interventions,
    lateness,
    nights,
    power,
    reopened,
    repairs,
    segments,
    shifts,
    sides,
    truncation,
    windows,
    wins,
)
from benchmarks.truth.page import page
from benchmarks.truth.record import Mean, Record, keep, read_last
from leakkit.sample import make

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count small sources by one thread, as `make truth` does: it is the fastest."""
    monkeypatch.setenv("LEAKKIT_THREADS", "1")


def test_windows_add_up_and_lose_no_exit() -> None:
    record = windows.windows_add_up(runs=1)
    assert record.holds, record.found


@pytest.mark.parametrize(("deals", "reason"), [(15, "few_followed"), (30, ""), (300, "")])
def test_stage_that_all_leave_early_has_an_estimate(deals: int, reason: str) -> None:
    found = windows.read_late(1, deals)
    assert found.at_risk == 0
    assert (found.known, found.reason) == (not reason, reason)


@pytest.mark.parametrize("open_deals", [True, False])
def test_interval_covers(open_deals: bool) -> None:  # noqa: FBT001 - pytest hands it over
    cells = [
        coverage.measure(lost, deals, 400, 7, open_deals=open_deals)
        for lost, deals in ((0.05, 100), (0.2, 50), (0.4, 200))
    ]
    # standard error of one cell .011, of the mean .006
    assert all(abs(cell.coverage - cell.exact) < 0.045 for cell in cells)
    assert 0.925 < np.mean([cell.coverage for cell in cells]) < 0.975
    assert all(0.1 < cell.still_open < 0.2 for cell in cells) == open_deals


def test_exact_coverage_of_wilson_is_the_published_one() -> None:
    # Brown, Cai and DasGupta (2001): n = 50, p = .02; and docs/method.md
    assert coverage.exact_coverage(0.02, 50) == pytest.approx(0.922, abs=5e-4)


def test_truth_of_the_coverage_grid_is_what_is_simulated() -> None:
    rng = np.random.default_rng(5)
    table, _ = coverage._table(rng, coverage.in_the_end(0.2), 200_000, 0)
    lost = table.exits["lost"][table.ages <= coverage.HORIZON].sum() / table.entrants
    assert lost == pytest.approx(0.2, abs=0.004)


def test_history_that_begins_late_is_found_and_a_whole_one_is_not() -> None:
    found = [truncation.truncate(seed) for seed in range(1000, 1003)]
    assert all(one.called and 0 <= one.days_off <= 3 for one in found)
    assert not any(one.called_whole for one in found)
    with_rule = [one.whole_with_rule for one in found]
    without = [one.whole_without_rule for one in found]
    assert abs(np.mean(with_rule)) < 0.008
    assert np.mean(without) < np.mean(with_rule) - 0.004
    assert Mean.of(one.with_rule for one in found).is_zero(4)


def test_reopened_losses_balance() -> None:
    found = [reopened.reopen(seed) for seed in (2000, 2001)]
    assert all(one.not_closed == 0 and one.closes_agree for one in found)
    assert all(0.08 < one.came_back / one.lost < 0.17 for one in found)
    # erasing the re-opened losses flatters the past, in the same lives
    assert sum(one.erased - one.as_kept for one in found) < 0


def test_slow_quarter_moves_no_age() -> None:
    found = ages.slow_down(3000, deals=2_400)
    assert all(one.same for one in found)
    known = [one.all_days for one in found if one.all_days[0] and one.all_days[1]]
    assert len(known) > len(found) / 2
    assert np.mean([after / before for before, after in known if before and after]) > 1.02


def test_chance_to_win_is_near_the_truth() -> None:
    real, counted = wins.exact(), wins.count(40_000)
    for stage, chance in enumerate(real.first_close):
        assert counted.by(stage, np.inf) == pytest.approx(chance, abs=0.012)
    assert counted.by(4, np.inf) == pytest.approx(real.route, abs=0.008)
    errors = wins.errors_of([wins.find(seed, counted, real) for seed in range(4000, 4002)])
    assert all(abs(mean.value) < 0.05 for mean in (*errors.printed, *errors.late))
    assert errors.of_entered[2].value < errors.printed[2].value - 0.02


def test_exact_chance_of_the_route_agrees_with_the_sample() -> None:
    line = wins.seller()
    arrive = np.zeros((2, line.max_returns + 1, len(line.stages)))
    arrive[0, 0] = [1 - line.middle_start_share, *[line.middle_start_share / 2] * 2, 0]
    chance = float((arrive * wins._chances(line, reopens=True)).sum())
    truth = make(1, plan=wins.plan()).truth["pipelines"][0]["after"]
    assert chance == pytest.approx(truth["won_share"])


def test_horizons_stay_from_week_to_week() -> None:
    stages = ages.weekly(5000, deals=2_400, weeks=2)
    moves = {
        name: sum(ages.changes([getattr(week, name) for week in weeks]) for weeks in stages)
        for name in ("kept", "raw")
    }
    assert len(stages) == 24
    assert moves["kept"] <= 2
    assert moves["raw"] >= 4 * max(moves["kept"], 1)


def test_size_of_the_test_between_windows() -> None:
    found = [nights.size(lost, deals, 200, 7) for lost, deals in ((0.1, 100), (0.2, 200))]
    rejected, tested = (sum(counts) for counts in zip(*found, strict=True))
    assert tested > 380
    assert 0.015 < rejected / tested < 0.085


def test_wobble_of_months_is_known_to_the_test() -> None:
    plain, with_phi, tests = nights.sizes(nights.World(wobble=0.3), 7, 50)
    assert tests == 200
    assert with_phi < 0.115
    assert plain > with_phi + 0.04


def test_quiet_years_have_hardly_an_alarm() -> None:
    found = [nights.year(seed, every=28) for seed in range(7, 11)]
    assert sum(one.looks for one in found) == 52
    assert sum(one.alarms for one in found) <= 1
    assert sum(one.naive for one in found) >= 4


def test_slow_quarter_is_an_alarm_and_moves_no_age() -> None:
    record = nights.slow_quarter(seed=7, runs=3)
    assert record.holds, record.found


def test_look_counts_as_the_engine_does() -> None:
    """Two stays by hand: one that began before the window, one that is still there."""
    visits = nights.Visits(np.array([5, 12]), np.array([15, 40]), np.array([nights.LOST] * 2))
    frame = visits.counted(0, [(10, 20)])
    rows = frame[["arrives", "age", "exit"]].to_numpy().tolist()
    assert rows == [[1, 5, -1], [1, 0, -1], [0, 10, nights.LOST], [0, 7, 0]]


def test_equal_stages_and_segments_are_nothing_to_see() -> None:
    record = costs.equal_ones(seed=7, runs=200)
    assert record.holds, record.found


def test_what_if_is_near_the_plan_in_which_it_comes_true() -> None:
    found = costs.promise(7)
    assert found.gain == pytest.approx(found.truth, abs=0.008)
    assert found.new_deals.low <= found.deals * found.gain <= found.new_deals.high
    assert not found.rough


def test_going_back_brings_what_the_leak_took() -> None:
    """From 5 to 35 % lost: points that a chain of the whole history does not have."""
    (found,) = repairs.repairs([2], 60_000, deals=1_200)
    assert found.more == pytest.approx(0.3)
    assert found.holds
    assert found.new_deals.value == pytest.approx(found.truth, rel=0.5)
    assert abs(found.now_error) < 0.06
    assert abs(found.then_error) < 0.06


def test_the_chance_to_win_is_that_of_the_final_outcome() -> None:
    found = endings.cells(range(3), 61_000)
    assert {cell.stays for cell in found} == set(endings.STAYS)
    assert np.mean([cell.holds for cell in found]) >= 0.75
    assert np.mean([cell.error for cell in found]) == pytest.approx(0.0, abs=0.03)


def test_late_deals_to_call_are_won_as_often_as_said() -> None:
    found = endings.late_deals(range(3), 62_000)
    call = [late for late in found if late.block == "call"]
    said = np.mean([late.chance for late in call])
    assert len(call) > 50
    assert said == pytest.approx(np.mean([late.won for late in call]), abs=0.12)
    assert sum(late.won for late in found if late.block == "decide") <= 1


@pytest.mark.parametrize("late", [0, lateness.LATE])
def test_losses_that_are_entered_late_are_measured(late: int) -> None:
    found = lateness.run_twice(range(2), 68_000, late, deals=1_200)
    assert all(one.new > 0 for one in found)
    assert [one.many for one in found] == [late > 0] * 2
    assert not late or not sum(one.better for one in found)
    assert all(0 < one.days <= late if late else one.late == 0 for one in found)


@pytest.mark.parametrize("scenario", causes.SCENARIOS, ids=lambda one: one.name)
def test_planted_causes_are_found(scenario: causes.Scenario) -> None:
    found = causes.observe(scenario, 25, 1)
    assert found.right + found.wrong + found.undetermined == pytest.approx(1)
    if scenario.with_signs:
        # with reasons that are wrong in a third about .9 of many are right, the rest is open
        assert found.right >= (0.7 if "wrong in a third" in scenario.name else 0.8)
    # of 25: two wrong verdicts pass where both causes are there, none elsewhere
    assert found.wrong <= (0.08 if scenario.name == "half and half" else 0.0)


@pytest.mark.parametrize("scenario", causes.SILENT, ids=lambda one: one.name)
def test_reasons_that_do_not_say_why(scenario: causes.Scenario) -> None:
    found = causes.observe(scenario, 12, 2, here_only=scenario.planted.always == causes.GAVE_UP)
    assert found.wrong == 0.0
    if scenario.with_signs:
        assert found.right >= 0.7
    else:
        assert found.undetermined >= 0.9
    if scenario.planted.slower > 1.0:
        assert found.long == 0.0


def test_planted_pair_is_first() -> None:
    record = segments.planted_pair_is_first(runs=5)
    assert record.holds, record.found


def test_mix_is_no_rate_leak() -> None:
    found = [segments.call(seed, 600) for seed in range(24)]
    assert sum(one.both for one in found) <= 2
    assert np.mean([one.total for one in found]) == pytest.approx(0.07, abs=0.012)
    assert Mean.of(one.total - one.mix for one in found).is_zero(3)


def test_a_planted_rise_is_found_nearly_as_often_as_can_be() -> None:
    found = power.detect(0.2, 300, 0.1, 60, 7)
    assert 0.6 < found.power < 0.98
    assert found.is_enough


def test_the_whole_engine_tests_as_the_counts_do() -> None:
    found = power.agree(7)
    assert found.largest < 1e-9
    assert found.same


def test_page_says_plainly_what_does_not_hold() -> None:
    records = {
        "m.two": Record("two", "c", "d", 1, holds=False, notes=("why",)),
        "m.one": Record("one", "a", "b", 1_000, holds=True),
    }
    text = page(records, ["m.one", "m.two", "m.three"])
    assert "| 1 | one | a | b | 1,000 | yes |" in text
    assert "| 2 | two | c | d | 1 | **no** |" in text
    assert "## 2. Two\n\n`m.two`\n\nwhy" in text
    assert "| 3 | `m.three` |  | not run yet | 0 |  |" in text


def test_what_was_measured_is_kept_by_row(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    first, second = (Record("one", "a", said, 1, holds=True, notes=("n",)) for said in "bc")
    for name, record in (("m.one", first), ("m.two", first), ("m.one", second)):
        keep(path, name, record)
    assert read_last(path) == {"m.one": second, "m.two": first}


def test_rows_can_be_asked_for_by_name() -> None:
    assert command.read_arguments(["windows.windows_add_up", "--runs", "3"]).runs == 3
    with pytest.raises(SystemExit):
        command.read_arguments(["windows.no_such_row"])
    names = [command.name_of(row) for row in command.ROWS]
    assert len(set(names)) == len(names)
    assert set(read_last(command.RECORDS)) <= set(names)


def test_shift_of_owners_is_no_alarm_and_no_rate() -> None:
    found = [shifts.judge_owners(seed) for seed in range(6)]
    assert {one.severity for one in found} == {"watch"}
    assert {one.says for one in found} == {"mix", "unclear"}


def test_leaking_segment_is_named_first_and_none_without() -> None:
    named = [shifts.screen(seed, 0.3).drivers for seed in range(12)]
    first = [(one[0].column, one[0].value) for one in named if one]
    assert first.count(("region", "South")) >= 9
    assert sum(bool(shifts.screen(seed, 0.0).drivers) for seed in range(12)) <= 1


def test_halved_loss_is_better_and_a_season_is_no_alarm() -> None:
    halved = [shifts.find_named(shifts.halve(seed).findings).severity for seed in range(6)]
    assert sum(one in {"better", "perhaps better"} for one in halved) >= 4
    found = [one for seed in range(6) for one in shifts.season(seed)]
    assert not any(one.severity == "alarm" for one in found)
    watched = [one.as_last_year for one in found if one.severity == "watch"]
    assert len(watched) >= 6
    assert np.mean(watched) > 0.8


def test_everybody_slower_is_no_lower_loss() -> None:
    record = shifts.everybody_slower(runs=5)
    assert record.holds, record.found


def test_interventions_are_judged() -> None:
    record = interventions.interventions_are_judged(runs=40)
    called, covered = (float(word) for word in re.findall(r"in (1\.000|\.\d+)", record.found))
    assert called <= 0.15
    assert covered >= 0.85


def test_parts_are_compared() -> None:
    record = sides.sides_are_compared(runs=12)
    worst, found, covered = (float(word) for word in re.findall(r"(1\.000|\.\d+)", record.found))
    assert worst <= 0.25
    assert min(found, covered) >= 0.8
