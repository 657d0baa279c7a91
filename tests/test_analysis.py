"""`analyze` as a whole: days, windows, parts of a source, and what must not matter."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from leakkit import analyze
from leakkit.analysis import learning
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.measures import age_counts
from leakkit.measures.survival import Share, aalen_johansen
from leakkit.sample import PipelinePlan, Plan, Sample, StagePlan, make
from leakkit.sources import load
from leakkit.store.count_requests import Counts, Window
from tests import reference as ref
from tests.generated import raw_source, write_source
from tests.measuring import approx, compare, measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from leakkit.analysis import Analysis
    from leakkit.store.database import Store

Event = tuple[str, str, str]  # opportunity_id, stage, moment
FIRST_DAY = pd.Timestamp("2025-01-06")

TWO = Plan(
    (
        PipelinePlan(
            "Rentals",
            stages=(
                StagePlan("Inquiry", dwell_days=4),
                StagePlan("Proforma", returned_share=0.1, dwell_days=8),
                StagePlan("Order", returned_share=0.1, dwell_days=3),
            ),
            skip_share=0.1,
            reopen_share=0.2,
        ),
        PipelinePlan("Service", stages=(StagePlan("Call"), StagePlan("Visit", dwell_days=12))),
    ),
    start="2025-01-01",
    as_of="2025-12-31",
    timezone="UTC",
)


@pytest.fixture(scope="module")
def sample() -> Sample:
    return make(500, seed=4, plan=TWO)


def frames(made: Sample) -> dict[str, pd.DataFrame]:
    return {"opportunities": made.opportunities, "stage_history": made.stage_history}


@pytest.fixture(scope="module")
def store(sample: Sample) -> Iterator[Store]:
    with load_sample(sample) as opened:
        yield opened


@pytest.fixture(scope="module")
def whole(store: Store) -> Analysis:
    return analyze(store)


def load_sample(made: Sample, **how: Any) -> Store:  # noqa: ANN401 - what load takes
    return load(frames(made), Config.from_text(made.config), **how)


def store_of(events: list[Event], config: str, stages: str) -> Store:
    """Load one event file; `stages` are those of the only pipeline, as TOML."""
    text = f'{config}\n[[pipelines]]\nname = "P"\nwon = ["Won"]\nlost = ["Lost"]\n{stages}'
    history = pd.DataFrame(events, columns=["opportunity_id", "stage", "entered_at"])
    return load({"stage_history": history}, Config.from_text(text))


def when(days: float) -> str:
    """Return a moment so many days after the first."""
    return (FIRST_DAY + pd.Timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S")


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever an analysis holds
    """Return something that can be compared with ==."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return value


# -------------------------------------------------------------------- windows add up

Tables = dict[tuple[int, int, int], age_counts.StayCounts]


def stays(store: Store, windows: list[tuple[int, int]], per_pipeline: int) -> list[Tables]:
    """Count the stays in some windows of days: by pipeline, stage and visits."""
    asked = [
        Window(number, part, *days)
        for part, days in enumerate(windows)
        for number in range(per_pipeline)
    ]
    found = age_counts.stays_by_group(
        Counts.of(store).stays(asked), ["part", "pipeline", "stage", "visits"]
    )
    return [
        {(p, s, v): stay for (n, p, s, v), stay in found.items() if n == part}
        for part in range(len(windows))
    ]


def by_age(stay: age_counts.StayCounts, ages: int) -> dict[str, list[int]]:
    """Return y and d at every age."""
    table = stay.table()
    place = np.searchsorted(table.ages, np.arange(ages), side="right") - 1
    exact = table.ages[place] == np.arange(ages)
    found = {kind: (np.where(exact, n[place], 0)).tolist() for kind, n in table.exits.items()}
    return found | {"y": table.at_risk[place].tolist()}


def check_windows_add_up(store: Store, cuts: list[int], pipelines: int, ages: int) -> None:
    """Compare disjoint windows with their union."""
    union, *parts = stays(store, [(cuts[0], cuts[-1]), *pairwise(cuts)], pipelines)
    for key, whole in union.items():
        expected = by_age(whole, ages)
        each = [by_age(part[key], ages) for part in parts if key in part]
        for name, counts in expected.items():
            assert np.sum([part[name] for part in each], axis=0).tolist() == counts, (key, name)
    assert all(key in union for part in parts for key in part)


@pytest.mark.parametrize("seed", range(10))
def test_windows_of_generated_sources_add_up(seed: int, tmp_path: Path) -> None:
    source = raw_source(seed, 60)
    write_source(source, tmp_path)
    with load(tmp_path) as store:
        last = source[2].last_day
        cuts = sorted({last - 300, last - 90 + seed, last - 60, last - 59, last - seed, last + 1})
        check_windows_add_up(store, cuts, len(source[2].pipelines), ages=24 * 300)


def short_stays() -> list[Event]:
    """A deal every 7 hours for 90 days, with stays of half a day to two days."""
    random = np.random.default_rng(2)
    events = []
    for number in range(309):
        moment = number * 7 / 24
        for stage in ("A", "B", str(random.choice(["Won", "Lost"]))):
            events.append((f"d{number:03}", stage, moment))
            moment += random.uniform(0.5, 2)
    return [(deal, stage, when(moment)) for deal, stage, moment in events if moment <= 90.5]


STAGES_AB = 'stages = [{ name = "A" }, { name = "B" }]'


def test_short_stays_at_midday_windows_add_up_and_no_exit_is_lost() -> None:
    with store_of(short_stays(), f'as_of = "{when(90.5)[:16]}"', STAGES_AB) as store:
        counts = Counts.of(store)
        first = int((FIRST_DAY - pd.Timestamp(0)).days)
        assert counts.last_day == first + 89
        check_windows_add_up(store, [first + day for day in (0, 30, 60, 90)], 1, ages=100)
        (every,) = stays(store, [(first, first + 90)], 1)
        (result,) = measure(store).analysis.pipelines
    for stage in result.stages:
        in_curve = sum(int(n.sum()) for n in every[0, stage.stage, 1].table().exits.values())
        assert in_curve + stage.left_after_curves == stage.exits.entered - stage.exits.open
        assert stage.left_after_curves > 0
        assert in_curve > 290
        assert stage.horizon.age in {2.0, 3.0}
        assert stage.lost.share is not None
    assert result.balance.closing == sum(stage.exits.open for stage in result.stages)


def test_all_leave_in_three_days_and_seven_are_asked() -> None:
    events = []
    for number in range(40):
        events += [
            (f"d{number}", "A", when(number)),
            (f"d{number}", "B", when(number + number % 4)),
        ]
    config = f'as_of = "{when(60)[:10]}"\n[comparison]\nhorizon_days = 7'
    with store_of(events, config, STAGES_AB) as store:
        (result,) = analyze(store).pipelines
    first, second = result.stages
    assert (first.advance.share, first.lost.share, first.stalled.share) == (1.0, 0.0, 0.0)
    assert first.followed == 40
    assert second.stalled.share == 1.0


# -------------------------------------------------------------------- where the history begins


def test_declared_start_of_the_history(tmp_path: Path) -> None:
    """Who came before it is at risk from its age on that day; the numbers are the reference's."""
    source = raw_source(5, 90)
    configuration = write_source(source, tmp_path)
    start = source[2].last_day - 70
    text = configuration.read_text("utf-8")
    declared = f"[source]\nhistory_start = {learning.day_of(start)}\n"
    configuration.write_text(text.replace("[source]\n", declared), encoding="utf-8")
    with load(tmp_path) as store:
        measured = measure(store)
    assert compare(measured, ref.resolve(*source), source[2]) == []
    windows = [result.windows for result in measured.analysis.pipelines]
    assert {(w.history_start, w.history_origin) for w in windows} == {(start, "declared")}
    assert any(w.first_day < start for w in windows)
    tables = [stage.curve.table for p in measured.analysis.pipelines for stage in p.stages]
    assert any(table.entrants > table.at_risk[0] for table in tables)  # some came late


def test_a_whole_history_is_left_whole(whole: Analysis) -> None:
    for result in whole.pipelines:
        assert (result.windows.history_start, result.windows.history_origin) == (None, "")
        assert result.windows.start_day == result.windows.first_day


# -------------------------------------------------------------------- the snapshot


def test_an_earlier_snapshot_changes_only_what_is_later(
    sample: Sample, store: Store, whole: Analysis
) -> None:
    cut = pd.Timestamp("2025-09-30")
    last = int((cut - pd.Timestamp(0)).days)
    with load_sample(sample, as_of="2025-09-30") as then:
        (now_cut,), (before,) = (
            stays(one, [(last - 400, last + 1)], per_pipeline=2) for one in (store, then)
        )
        earlier = analyze(then)
    assert earlier.last_day == last
    assert set(now_cut) == set(before)
    for key, stay in before.items():
        ours, theirs = aalen_johansen(stay.table()), aalen_johansen(now_cut[key].table())
        assert plain(ours) == plain(theirs)
    for this, that in zip(whole.pipelines, earlier.pipelines, strict=True):
        done = [month for month in that.months if month.complete]
        assert len(done) >= 8
        assert done == [m for m in this.months if m.first_day <= done[-1].first_day][-len(done) :]


# -------------------------------------------------------------------- what must not matter


def test_a_part_gives_the_same_numbers_as_the_whole(store: Store, whole: Analysis) -> None:
    for result in whole.pipelines:
        (alone,) = analyze(store, result.name).pipelines
        assert plain(alone) == plain(result)
    assert plain(analyze(store, ["service", "RENTALS"]).pipelines) == plain(whole.pipelines)
    with pytest.raises(LeakkitError) as caught:
        analyze(store, "Repairs")
    assert caught.value.code == "no_pipeline"


@pytest.mark.parametrize("seed", [8, 27])
def test_a_part_of_a_hostile_source_gives_the_same_numbers(seed: int, tmp_path: Path) -> None:
    write_source(raw_source(seed, 40), tmp_path)
    with load(tmp_path) as store:
        for result in analyze(store).pipelines:
            assert plain(analyze(store, result.name).pipelines) == [plain(result)]


def test_threads_and_the_order_of_rows_change_nothing(
    sample: Sample, whole: Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    shuffled = {k: v.sample(frac=1, random_state=1) for k, v in frames(sample).items()}
    for threads, given in (("1", frames(sample)), ("4", shuffled)):
        monkeypatch.setenv("LEAKKIT_THREADS", threads)
        with load(given, Config.from_text(sample.config)) as store:
            assert plain(analyze(store).pipelines) == plain(whole.pipelines)


def test_a_doctored_store_is_refused(sample: Sample) -> None:
    with load_sample(sample) as store:
        # plain deals stand in one table, of which the passages are a view
        store.run("CREATE TABLE doctored AS SELECT * FROM passages; DROP VIEW passages")
        store.run("ALTER TABLE doctored RENAME TO passages")
        store.run(
            "DELETE FROM passages WHERE opportunity = (SELECT min(opportunity) FROM passages "
            "WHERE exit = 1 AND entry = 1)"
            " AND entry = 1"
        )
        with pytest.raises(LeakkitError, match="does not close"):
            analyze(store)


# -------------------------------------------------------------------- expected days, horizons


def clicking(deals: int, through: int) -> list[Event]:
    """Deals of which the first `through` pass A, B and C on one day; all stay in D for 3."""
    events = []
    for number in range(deals):
        moment, step = number / 4, 0.001 if number < through else 1
        for stage in ("A", "B", "C", "D"):
            events.append((f"d{number:03}", stage, when(moment)))
            moment += 3 if stage == "D" else step
        events.append((f"d{number:03}", "Won", when(moment)))
    return events


ABCD = (
    'stages = [{ name = "A" }, { name = "B" }, { name = "C", expected_days = 2 }, { name = "D" }]'
)


@pytest.mark.parametrize(("through", "clicked"), [(30, False), (31, True)])
def test_chains_of_clicks_leave_no_expected_days(through: int, *, clicked: bool) -> None:
    with store_of(clicking(100, through), f'as_of = "{when(60)[:10]}"', ABCD) as store:
        (result,) = analyze(store).pipelines
    first, second, third, last = result.stages
    for stage in (first, second):
        assert stage.clicked_through_share == approx(through / 100)
        assert (stage.expected.reason == "clicked_through") == clicked
        assert stage.lost.share == 0
        assert stage.median.age is not None
        assert (stage.overdue is None) == (stage.expected.age is None)
    assert (third.expected.age, third.expected.origin) == (2.0, "declared")
    assert third.went_overdue.share == 0.0  # declared: no baseline is needed
    assert last.clicked_through_share == 0
    assert last.expected.age == 3


def test_hours_are_asked_in_days() -> None:
    events = []
    for number in range(60):
        moment = number / 2
        for stage in ("A", "B", "Won"):
            events.append((f"d{number}", stage, when(moment)))
            moment += 5 / 24
    stages = 'unit = "hour"\nstages = [{ name = "A", expected_days = 0.5 }, { name = "B" }]'
    with store_of(events, f'as_of = "{when(60)[:10]}"', stages) as store:
        (learnt,) = analyze(store).pipelines
        (kept,) = analyze(store, earlier={("P", "B"): 8 / 24, ("P", "A"): 8 / 24}).pipelines
    first, second = learnt.stages
    assert (first.expected.age, first.horizon.age) == (12.0, 12.0)
    assert (second.expected.age, second.horizon.age) == (5.0, 6.0)
    assert second.median.age == 5
    assert learnt.windows.current == (learnt.windows.first_day, learnt.windows.first_day + 61)
    assert learnt.route.limit == 24.0
    assert (kept.stages[1].horizon.age, kept.stages[1].horizon.origin) == (8.0, "kept")
    assert kept.stages[0].horizon.origin == "learnt"  # 8 hours are less than E
    asked = f'as_of = "{when(60)[:10]}"\n[comparison]\nhorizon_days = 1.5'
    with store_of(events, asked, stages) as store:
        (declared,) = analyze(store).pipelines
    assert [stage.horizon.age for stage in declared.stages] == [36.0, 36.0]


def test_the_horizon_of_the_last_run(store: Store, whole: Analysis) -> None:
    fresh = whole["Service"].stages[1].horizon
    assert fresh.age is not None
    longer = next(step for step in (30.0, 45.0, 60.0) if step > fresh.age)
    kept = horizon_after(store, {("Service", "Visit"): longer, ("Rentals", "Inquiry"): longer})
    assert (kept.age, kept.origin) == (longer, "kept")
    assert horizon_after(store, {("Service", "Visit"): 365.0, ("Rentals", "Visit"): 1.0}) == fresh


def horizon_after(store: Store, earlier: Mapping[tuple[str, str], float]) -> Any:  # noqa: ANN401
    """Return the horizon of a stage after a run with others."""
    return analyze(store, "Service", earlier=earlier)["Service"].stages[1].horizon


# -------------------------------------------------------------------- very little


def test_one_deal() -> None:
    with store_of([("d", "A", when(0))], f'as_of = "{when(9)[:10]}"', STAGES_AB) as store:
        (result,) = analyze(store).pipelines
    assert result.stages[0].exits.open == 1
    assert result.stages[0].lost == Share.missing("few_to_learn")
    assert result.balance.closing == result.pipe.entered == 1
    assert result.route.won_share == 0
    assert result.route.occupancy[-1].tolist() == [1, 0, 0, 0]


def test_a_deal_that_came_after_the_last_complete_day() -> None:
    """Counts know it, curves do not."""
    with store_of([("d", "A", when(0.4))], f'as_of = "{when(0.5)[:16]}"', STAGES_AB) as store:
        (result,) = analyze(store).pipelines
    assert result.stages[0].exits.open == 1
    assert result.stages[0].curve.table.entrants == 0
    assert result.route.entrants == 0
    assert np.isfinite(result.route.days_in).all()


def test_quiet_months_are_months() -> None:
    """Nothing happens for the last three: the balance still goes to as_of."""
    events = [("d", "A", "2025-01-10"), ("d", "B", "2025-02-03")]
    with store_of(events, 'as_of = "2025-05-20"', STAGES_AB) as store:
        (result,) = analyze(store).pipelines
    days = [learning.day_of(month.first_day).isoformat()[:7] for month in result.months]
    assert days == ["2025-01", "2025-02", "2025-03", "2025-04", "2025-05"]
    assert [month.count.closing for month in result.months] == [1] * 5
    assert [month.complete for month in result.months] == [False, True, True, True, False]


def test_overdue_means_older_than_expected() -> None:
    """As old as expected is in time: the whole deal at 10 days, the visit at 3."""
    whole = 'expected_days = 10\nstages = [{ name = "A" }, { name = "B" }]'
    events = [("d1", "A", when(0)), ("d2", "A", when(1)), ("d2", "B", when(9))]
    with store_of(events, f'as_of = "{when(11)[:10]}"', whole) as store:
        (result,) = analyze(store).pipelines
    assert [stage.overdue for stage in result.stages] == [1, 0]
    assert (result.balance.overdue, result.balance.in_time) == (1, 1)
    visit = 'stages = [{ name = "A", expected_days = 3 }, { name = "B" }]'
    events = [("d1", "A", when(7)), ("d2", "A", when(8))]
    with store_of(events, f'as_of = "{when(11)[:10]}"', visit) as store:
        (result,) = analyze(store).pipelines
    assert result.stages[0].overdue == 1
