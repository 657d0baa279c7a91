"""The made-up seller keeps its word: same bytes, honest features, leaks where the plan says."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from leakkit.errors import LeakkitError
from leakkit.sample import (
    REASONS,
    Leak,
    PipelinePlan,
    Plan,
    Sample,
    StagePlan,
    default_plan,
    make,
    write,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("error")

FILES = ("opportunities.csv", "stage_history.csv", "leakkit.toml", "truth.json")
CHANGED_ON = pd.Timestamp("2026-03-23")


@pytest.fixture(scope="module")
def built_in() -> Sample:
    return make()


@pytest.fixture(scope="module")
def visits(built_in: Sample) -> pd.DataFrame:
    return passages(built_in)


def passages(sample: Sample) -> pd.DataFrame:
    """One row per visit, written the slow and plain way: `exit` and `stay_days`."""
    table = sample.stage_history.copy()
    following = table.groupby("opportunity_id", sort=False)
    table["to"] = following["stage"].shift(-1)
    stay = following["entered_at"].shift(-1) - table["entered_at"]
    table["stay_days"] = stay.dt.total_seconds() / 86_400
    position = {
        (pipeline["name"], stage["name"]): number
        for pipeline in tomllib.loads(sample.config)["pipelines"]
        for number, stage in enumerate(pipeline["stages"])
    }
    at = [position.get(key, -1) for key in zip(table["pipeline"], table["stage"], strict=True)]
    to = [position.get(key, -1) for key in zip(table["pipeline"], table["to"], strict=True)]
    table["position"], table["to_position"] = at, to
    back = (table["to_position"] >= 0) & (table["to_position"] < table["position"])
    table["exit"] = np.select(
        [table["to"].isna(), table["to"] == "Lost", back], ["open", "lost", "returned"], "advanced"
    )
    return table[table["position"] >= 0]


def one_pipeline(*stages: StagePlan, leaks: tuple[Leak, ...] = (), **options: Any) -> Plan:  # noqa: ANN401
    """Nearly all deals are decided: none is created in the last year and a half."""
    pipeline = PipelinePlan("Rentals", stages=stages, **options)
    return Plan((pipeline,), leaks=leaks, created_until="2024-12-31")


def errors_off(events: float, trials: float, share: float) -> float:
    """By how many standard errors does the observed share miss the true one?"""
    return float((events / trials - share) / np.sqrt(share * (1 - share) / trials))


# ---------------------------------------------------------------- the same bytes


def test_same_arguments_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write(tmp_path / folder / "deeper", 400, seed=7)
    for name in FILES:
        one, two = ((tmp_path / folder / "deeper" / name).read_bytes() for folder in ("one", "two"))
        assert one == two
        assert b"\r" not in one
        assert one.endswith(b"\n")


def test_another_seed_gives_other_deals() -> None:
    assert not make(50, seed=1).stage_history.equals(make(50, seed=2).stage_history)


def test_labels_do_not_touch_lives() -> None:
    plan = default_plan()
    other = replace(plan, missing_reason_share=0.9, handover_share=0.5)
    columns = ["opportunity_id", "stage", "entered_at", "seq"]
    pd.testing.assert_frame_equal(
        make(300, plan=plan).stage_history[columns], make(300, plan=other).stage_history[columns]
    )


def test_later_as_of_only_adds_rows() -> None:
    plan = one_pipeline(StagePlan("Request"), StagePlan("Proforma", dwell_days=60))
    early = make(500, plan=replace(plan, as_of="2025-01-31")).stage_history
    late = make(500, plan=plan).stage_history
    known = late[late["entered_at"] < "2025-02-01"].reset_index(drop=True)
    columns = ["opportunity_id", "stage", "entered_at", "seq", "owner"]
    pd.testing.assert_frame_equal(early[columns], known[columns])
    assert len(late) > len(early)


def test_files_say_what_the_tables_say(tmp_path: Path) -> None:
    sample = write(tmp_path, 300, seed=3)
    deals = pd.read_csv(tmp_path / "opportunities.csv", parse_dates=["created_at", "closed_at"])
    rows = pd.read_csv(tmp_path / "stage_history.csv", parse_dates=["entered_at"])
    pd.testing.assert_frame_equal(deals, sample.opportunities)
    pd.testing.assert_frame_equal(rows, sample.stage_history)
    assert (tmp_path / "leakkit.toml").read_text(encoding="utf-8") == sample.config
    assert json.loads((tmp_path / "truth.json").read_text(encoding="utf-8")) == sample.truth
    text = (tmp_path / "opportunities.csv").read_text(encoding="utf-8")
    assert all(len(line.split(",")[7].split(".")[1]) == 2 for line in text.splitlines()[1:])


# ---------------------------------------------------------------- the shape of the data


def test_columns(built_in: Sample) -> None:
    assert list(built_in.opportunities) == [
        "opportunity_id", "pipeline", "name", "created_at", "closed_at", "outcome", "stage",
        "value", "currency", "lost_reason", "competitor", "source", "region", "product", "owner",
    ]  # fmt: skip
    assert list(built_in.stage_history) == [
        "opportunity_id", "pipeline", "stage", "entered_at", "seq", "owner",
    ]  # fmt: skip


def test_config_is_what_the_contract_asks_for(built_in: Sample) -> None:
    config = tomllib.loads(built_in.config)
    assert (config["as_of"], config["timezone"], config["currency"]) == (
        "2026-06-30", "Europe/Berlin", "EUR",
    )  # fmt: skip
    assert config["roles"]["segments"] == ["owner", "source", "region", "product"]
    assert config["roles"]["known_at_entry"] == ["source", "region", "product"]
    names = [pipeline["name"] for pipeline in config["pipelines"]]
    assert names == ["Equipment", "Spare parts", "Service contracts", "Projects"]
    for pipeline in config["pipelines"]:
        assert (pipeline["won"], pipeline["lost"]) == (["Won"], ["Lost"])
        assert {"name": "Proforma", "kind": "offer"} in pipeline["stages"]


def test_awkward_names_survive_the_config() -> None:
    name = 'Räder "groß" \\ klein'
    plan = Plan((PipelinePlan(name, stages=(StagePlan("Prüfung, 1"),)),))
    sample = make(5, plan=plan)
    assert tomllib.loads(sample.config)["pipelines"][0]["name"] == name
    assert set(sample.stage_history["pipeline"]) == {name}


def test_rows_are_sorted_and_in_time_order(built_in: Sample) -> None:
    rows = built_in.stage_history
    keys = list(zip(rows["opportunity_id"], rows["seq"], strict=True))
    assert keys == sorted(keys)
    same = rows["opportunity_id"].eq(rows["opportunity_id"].shift())
    assert (rows["entered_at"].diff()[same] > pd.Timedelta(0)).all()
    assert (rows["seq"].diff()[same] == 1).all()
    assert (rows["seq"][~same] == 1).all()


def test_nothing_after_as_of_and_all_in_working_hours(built_in: Sample) -> None:
    moments = built_in.stage_history["entered_at"]
    assert moments.min() >= pd.Timestamp("2024-07-01 08:00")
    assert moments.max() < pd.Timestamp("2026-07-01")
    assert moments.dt.hour.between(8, 17).all()
    assert moments.dt.day_of_week.lt(5).all()
    assert moments.dt.date.nunique() == len(pd.bdate_range("2024-07-01", "2026-06-30"))


def test_opportunities_agree_with_their_last_row(built_in: Sample) -> None:
    deals = built_in.opportunities.set_index("opportunity_id")
    by_deal = built_in.stage_history.groupby("opportunity_id", sort=False)
    last = by_deal.last()
    assert deals.index.is_unique
    assert deals.index.equals(last.index)
    outcome = last["stage"].where(last["stage"].isin(["Won", "Lost"]), "Open")
    assert (outcome == deals["outcome"]).all()
    closed = deals["outcome"] != "Open"
    assert (last["entered_at"] == deals["closed_at"])[closed].all()
    assert deals["closed_at"][~closed].isna().all()
    assert (by_deal["entered_at"].first() == deals["created_at"]).all()
    assert (last["owner"] == deals["owner"]).all()
    stages = built_in.stage_history[~built_in.stage_history["stage"].isin(["Won", "Lost"])]
    assert (stages.groupby("opportunity_id")["stage"].last() == deals["stage"]).all()


def test_reopened_deals_come_back_after_more_than_a_day(built_in: Sample) -> None:
    rows = built_in.stage_history
    after_close = rows["stage"].shift().isin(["Won", "Lost"]) & (rows["seq"] > 1)
    assert (rows["stage"].shift()[after_close] == "Lost").all()
    assert (rows["entered_at"].diff()[after_close] > pd.Timedelta(1, "D")).all()
    assert after_close.sum() == built_in.truth["counts"]["reopened"]
    assert (rows["stage"] == rows["stage"].shift(2))[after_close].all()


def test_every_feature_occurs_in_small_shares(built_in: Sample, visits: pd.DataFrame) -> None:
    counts = built_in.truth["counts"]
    assert counts["opportunities"] == 12_000
    for feature in ("reopened", "returned", "jumped", "started_in_the_middle", "open"):
        assert 0.01 < counts[feature] / counts["opportunities"] < 0.15, feature
    zero_days = visits.groupby("stage")["stay_days"].apply(lambda days: (days < 0.4).mean())
    assert zero_days["Request"] > 0.2
    assert zero_days["Technical approval"] < 0.05
    assert visits.groupby(["opportunity_id", "stage"]).size().max() <= 5
    assert built_in.stage_history.groupby("opportunity_id")["owner"].nunique().eq(2).mean() > 0.01


def test_realistic_orders_of_magnitude(built_in: Sample) -> None:
    deals = built_in.opportunities
    closed = deals[deals["outcome"] != "Open"]
    win_share = (closed["outcome"] == "Won").groupby(closed["pipeline"]).mean()
    assert win_share.between(0.15, 0.45).all()
    assert (deals["value"] > 0).all()
    median = deals.groupby("pipeline")["value"].median()
    assert median["Spare parts"] < median["Service contracts"] < median["Projects"]
    assert deals["name"].str.contains("[äöüÖ]").mean() > 0.2


def test_reasons(built_in: Sample) -> None:
    deals = built_in.opportunities
    lost = deals["outcome"] == "Lost"
    assert deals["lost_reason"][~lost].isna().all()
    assert abs(errors_off(deals["lost_reason"][lost].isna().sum(), lost.sum(), 1 / 3)) < 4
    known = {text for texts in REASONS.values() for text in texts}
    assert set(deals["lost_reason"].dropna()) == known
    assert deals["competitor"].notna().mean() < 0.3


def test_counts_by_brute_force(built_in: Sample) -> None:
    order = {
        pipeline["name"]: [stage["name"] for stage in pipeline["stages"]]
        for pipeline in tomllib.loads(built_in.config)["pipelines"]
    }
    found = {"jumped": 0, "returned": 0, "reopened": 0, "started_in_the_middle": 0}
    for (_, name), rows in built_in.stage_history.groupby(["opportunity_id", "pipeline"]):
        places = [*order[name], "Won"]
        path = [places.index(stage) if stage != "Lost" else None for stage in rows["stage"]]
        steps = [(a, b) for a, b in pairwise(path) if a is not None and b is not None]
        found["jumped"] += any(b > a + 1 for a, b in steps)
        found["returned"] += any(b < a for a, b in steps)
        found["reopened"] += None in path[:-1]
        found["started_in_the_middle"] += path[0] != 0
    counts = built_in.truth["counts"]
    assert found == {key: counts[key] for key in found}
    assert counts["rows"] == len(built_in.stage_history)
    outcomes = built_in.opportunities["outcome"].value_counts()
    assert [counts[k] for k in ("won", "lost", "open")] == list(outcomes[["Won", "Lost", "Open"]])
    parts = [pipeline["counts"] for pipeline in built_in.truth["pipelines"]]
    assert counts == {key: sum(part[key] for part in parts) for key in counts}


# ---------------------------------------------------------------- the leaks are there


def before_and_after(
    visits: pd.DataFrame, pipeline: str, stage: str, exit_kind: str
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Events and visits before and after the change, of visits at least 45 days old."""
    here = visits[(visits["pipeline"] == pipeline) & (visits["stage"] == stage)]
    here = here[here["entered_at"] < pd.Timestamp("2026-05-16")]
    late = here["entered_at"] >= CHANGED_ON
    events = here["exit"] == exit_kind
    return (
        (int(events[~late].sum()), int((~late).sum())),
        (int(events[late].sum()), int(late.sum())),
    )


def test_equipment_loses_more_proformas(visits: pd.DataFrame) -> None:
    before, after = before_and_after(visits, "Equipment", "Proforma", "lost")
    assert abs(errors_off(*before, 0.17)) < 4
    assert abs(errors_off(*after, 0.29)) < 4
    assert errors_off(*after, 0.17) > 3


def test_the_losses_of_equipment_look_unconvinced(built_in: Sample, visits: pd.DataFrame) -> None:
    deals = built_in.opportunities.set_index("opportunity_id")
    here = visits[(visits["pipeline"] == "Equipment") & (visits["stage"] == "Proforma")]
    lost = here[(here["exit"] == "lost") & (here["entered_at"] >= CHANGED_ON)]
    won = here[here["exit"] == "advanced"]
    assert lost["stay_days"].median() < 0.6 * won["stay_days"].median()
    relative = deals["value"] / deals.groupby("product")["value"].transform("median")
    assert relative[lost["opportunity_id"]].median() > 1.5
    stated = deals["lost_reason"][lost["opportunity_id"]].dropna()
    assert stated.isin(REASONS["unconvincing"]).mean() > 0.6


def test_spare_parts_confirms_orders_half_as_fast(visits: pd.DataFrame) -> None:
    here = visits[
        (visits["pipeline"] == "Spare parts")
        & (visits["stage"] == "Order confirmation")
        & (visits["entered_at"] < "2026-05-16")
        & (visits["exit"] == "advanced")
    ]
    stay = here["stay_days"].groupby(here["entered_at"] >= CHANGED_ON).mean()
    assert stay[False] == pytest.approx(4, rel=0.15)
    assert stay[True] == pytest.approx(8, rel=0.25)


def test_projects_has_always_gone_in_loops(built_in: Sample, visits: pd.DataFrame) -> None:
    before, after = before_and_after(visits, "Projects", "Technical approval", "returned")
    for events, trials in (before, after):
        assert abs(errors_off(events, trials, 0.14)) < 4
    deals = built_in.opportunities.set_index("opportunity_id")
    here = visits[(visits["pipeline"] == "Projects") & (visits["stage"] == "Technical approval")]
    lost = here[here["exit"] == "lost"]
    stated = deals["lost_reason"][lost["opportunity_id"]].dropna()
    assert stated.isin(REASONS["complexity"]).mean() > 0.5
    later_visit = here.groupby("opportunity_id").cumcount() > 0
    is_lost = here["exit"] == "lost"
    assert is_lost[later_visit].mean() > 2 * is_lost[~later_visit].mean()
    advanced = here[here["exit"] == "advanced"]
    assert lost["stay_days"].median() > 1.5 * advanced["stay_days"].median()


@pytest.mark.parametrize("exit_kind", ["lost", "returned"])
def test_service_contracts_has_no_change(visits: pd.DataFrame, exit_kind: str) -> None:
    for stage in ("Lead", "Needs analysis", "Proforma", "Negotiation"):
        (k0, n0), (k1, n1) = before_and_after(visits, "Service contracts", stage, exit_kind)
        pooled = (k0 + k1) / (n0 + n1)
        error = np.sqrt(pooled * (1 - pooled) * (1 / n0 + 1 / n1))
        assert abs(k1 / n1 - k0 / n0) <= 4 * error


def test_service_contracts_has_no_change_in_truth(built_in: Sample) -> None:
    truth = {pipeline["pipeline"]: pipeline for pipeline in built_in.truth["pipelines"]}
    assert truth["Service contracts"]["before"] == truth["Service contracts"]["after"]
    assert truth["Projects"]["before"] == truth["Projects"]["after"]
    assert truth["Equipment"]["before"] != truth["Equipment"]["after"]


def test_no_leak_moves_another_share() -> None:
    plan = one_pipeline(StagePlan("Request"), StagePlan("Proforma", returned_share=0.1))
    leak = Leak("Rentals", "Proforma", "lost", size=0.2)
    calm, leaky = (
        make(0, plan=replace(plan, leaks=leaks)).truth["pipelines"][0]["before"]["stages"][1]
        for leaks in ((), (leak,))
    )
    assert leaky["lost_share"] == pytest.approx(calm["lost_share"] + 0.2)
    assert leaky["advanced_share"] == pytest.approx(calm["advanced_share"] - 0.2, abs=1e-3)
    assert leaky["returned_share"] == pytest.approx(calm["returned_share"], abs=1e-3)


def test_leaks_add_up_and_end() -> None:
    leaks = tuple(
        Leak("Rentals", "Proforma", "lost", size=size, from_date=f"2024-{month}-01",
             until_date=f"2024-{month}-28")
        for month, size in (("09", 0.5), ("09", 0.2), ("11", -0.1))
    )  # fmt: skip
    plan = one_pipeline(StagePlan("Proforma", lost_share=0.2), leaks=leaks, reopen_share=0)
    visits = passages(make(20_000, plan=plan))
    lost = visits["exit"] == "lost"
    day, month = visits["entered_at"].dt.day, visits["entered_at"].dt.month
    for chosen, share in (((month == 9) & (day <= 28), 0.9), (month == 10, 0.2),
                          ((month == 11) & (day <= 28), 0.1)):  # fmt: skip
        assert abs(errors_off(lost[chosen].sum(), chosen.sum(), share)) < 4


def test_signs_can_be_left_out() -> None:
    def medians(sign_share: float) -> list[float]:
        leak = Leak("Rentals", "Proforma", "lost", size=0.2, cause="unconvincing", cause_share=1,
                    sign_share=sign_share)  # fmt: skip
        stage = StagePlan("Proforma", kind="offer", lost_dwell_ratio=1, dwell_days=20)
        sample = make(4000, plan=one_pipeline(stage, leaks=(leak,)))
        visits = passages(sample).merge(sample.opportunities[["opportunity_id", "value"]])
        by_exit = visits.groupby("exit")
        stays, values = by_exit["stay_days"].median(), by_exit["value"].median()
        return [stays["lost"] / stays["advanced"], values["lost"] / values["advanced"]]

    assert medians(0) == pytest.approx([1, 1], abs=0.12)
    assert medians(1) == pytest.approx([0.2, 3], rel=0.15)


# ---------------------------------------------------------------- the truth is true


TANGLED = one_pipeline(
    StagePlan("Request", lost_share=0.2, dwell_days=1),
    StagePlan("Check", lost_share=0.1, returned_share=0.2, lost_per_return_share=0.1, dwell_days=3),
    StagePlan("Proforma", lost_share=0.3, returned_share=0.15, dwell_days=5),
    StagePlan("Payment", lost_share=0.05, returned_share=0.1, dwell_days=2),
    skip_share=0.1,
    middle_start_share=0.2,
    reopen_share=0.3,
    stuck_share=0.03,
    max_returns=2,
)


def test_truth_matches_what_happens() -> None:
    sample = make(40_000, plan=TANGLED)
    truth = sample.truth["pipelines"][0]["before"]
    visits = passages(sample)
    for stage in truth["stages"]:
        here = visits[visits["stage"] == stage["stage"]]["exit"]
        # The number of visits of a deal varies little beside a Poisson number.
        assert abs(len(here) - 40_000 * stage["visits_per_deal"]) < 4 * np.sqrt(len(here))
        for exit_kind in ("advanced", "lost", "returned"):
            share = stage[f"{exit_kind}_share"]
            if share:
                assert abs(errors_off((here == exit_kind).sum(), len(here), share)) < 4
    won = (sample.opportunities["outcome"] == "Won").sum()
    assert abs(errors_off(won, 40_000, truth["won_share"])) < 4
    open_deals = (sample.opportunities["outcome"] == "Open").sum()
    assert abs(errors_off(open_deals, 40_000, truth["never_decided_share"])) < 4
    closes = sample.stage_history[sample.stage_history["stage"].isin(["Won", "Lost"])]
    first_won = (closes.groupby("opportunity_id")["stage"].first() == "Won").sum()
    assert abs(errors_off(first_won, 40_000, truth["won_at_first_close_share"])) < 4


def test_truth_in_fractions() -> None:
    """Two stages by hand: advance .7 and .6, no returns, a tenth of the losses come back once."""
    plan = one_pipeline(
        StagePlan("A", lost_share=0.3, returned_share=0),
        StagePlan("B", lost_share=0.4, returned_share=0),
        skip_share=0, middle_start_share=0, reopen_share=0.1, stuck_share=0,
    )  # fmt: skip
    truth = make(0, plan=plan).truth["pipelines"][0]["before"]
    once = 0.7 * 0.6
    again = 0.3 * 0.1 * once + 0.7 * 0.4 * 0.1 * 0.6
    assert truth["won_at_first_close_share"] == pytest.approx(once)
    assert truth["won_share"] == pytest.approx(once + again)
    assert truth["lost_share"] == pytest.approx(1 - once - again)
    visits = [stage["visits_per_deal"] for stage in truth["stages"]]
    assert visits == pytest.approx([1.03, 1.03 * 0.7 + 0.7 * 0.4 * 0.1])


def test_shares_of_a_visit_sum_to_one(built_in: Sample) -> None:
    for pipeline in built_in.truth["pipelines"]:
        for when in ("before", "after"):
            for stage in pipeline[when]["stages"]:
                keys = [key for key in stage if key.endswith("_share")]
                assert sum(stage[key] for key in keys) == pytest.approx(1)


def test_truth_tells_the_plan(built_in: Sample) -> None:
    truth = built_in.truth
    assert truth["seed"] == 20260630
    assert [(leak["pipeline"], leak["stage"], leak["kind"]) for leak in truth["leaks"]] == [
        ("Equipment", "Proforma", "lost"),
        ("Spare parts", "Order confirmation", "overdue"),
        ("Projects", "Technical approval", "returned"),
    ]
    equipment = truth["pipelines"][0]
    shares = [equipment[when]["stages"][2]["lost_share"] for when in ("before", "after")]
    assert shares == pytest.approx([0.17, 0.29])
    days = [
        truth["pipelines"][1][when]["stages"][3]["advance_days"] for when in ("before", "after")
    ]
    assert days == pytest.approx([4, 8])
    assert truth["plan"]["pipelines"][0]["stages"][2]["kind"] == "offer"


@pytest.mark.parametrize("days_per_week", [5, 7])
def test_stays_have_the_planned_mean(days_per_week: int) -> None:
    stage = StagePlan("Proforma", lost_share=0, dwell_days=9, dwell_shape=2)
    plan = replace(one_pipeline(stage), work_days_per_week=days_per_week)
    rows = make(20_000, plan=plan).stage_history
    day = rows["entered_at"].dt.normalize()
    stay = (day.diff() / pd.Timedelta(1, "D"))[rows["stage"] == "Won"]
    assert stay.mean() == pytest.approx(9, abs=4 * stay.std() / np.sqrt(len(stay)))


def test_losses_can_be_entered_late() -> None:
    stage = StagePlan("Proforma", lost_share=0.5, dwell_days=5, lost_dwell_ratio=1)
    plan = one_pipeline(stage, late_close_share=1, late_close_days=40)
    stays = passages(make(5000, plan=plan)).groupby("exit")["stay_days"].mean()
    assert stays["advanced"] == pytest.approx(5, rel=0.1)
    assert stays["lost"] == pytest.approx(45, rel=0.1)


# ---------------------------------------------------------------- odd plans


@pytest.mark.parametrize("deals", [0, 1, 30])
def test_one_pipeline_with_one_stage(deals: int, tmp_path: Path) -> None:
    plan = one_pipeline(StagePlan("Offer", kind="offer"))
    sample = write(tmp_path, deals, plan=plan)
    assert len(sample.opportunities) == deals
    assert sample.opportunities["opportunity_id"].is_unique
    assert sample.truth["counts"]["returned"] == 0
    assert set(sample.stage_history["stage"]) <= {"Offer", "Won", "Lost"}


def test_empty_sample_keeps_its_columns() -> None:
    empty, full = make(0), make(20)
    assert list(empty.opportunities) == list(full.opportunities)
    assert empty.stage_history.dtypes.equals(full.stage_history.dtypes)


def test_pipeline_without_deals() -> None:
    stages = (StagePlan("Request"), StagePlan("Proforma"))
    plan = Plan(
        (PipelinePlan("Full", stages=stages), PipelinePlan("Empty", stages=stages, weight=0))
    )
    sample = make(40, plan=plan)
    assert set(sample.opportunities["pipeline"]) == {"Full"}
    assert sample.truth["pipelines"][1]["counts"]["opportunities"] == 0
    assert len(tomllib.loads(sample.config)["pipelines"]) == 2


def test_ids_sort_by_code_point_whatever_the_order_of_the_plan() -> None:
    stages = (StagePlan("Request"),)
    names = ("Zeta", "Alpha", "Alps", "Über uns", "7")
    sample = make(60, plan=Plan(tuple(PipelinePlan(name, stages=stages) for name in names)))
    ids = list(sample.opportunities["opportunity_id"])
    assert ids == sorted(set(ids))
    assert ids == list(sample.stage_history["opportunity_id"].unique())
    prefix = sample.opportunities["opportunity_id"].str.split("-").str[0]
    assert dict(zip(sample.opportunities["pipeline"], prefix, strict=True)) == {
        "Zeta": "ZE", "Alpha": "AL", "Alps": "AL2", "Über uns": "U", "7": "7",
    }  # fmt: skip


def test_everybody_is_lost_or_nobody_is() -> None:
    first = StagePlan("A", lost_share=1, returned_share=0)
    plan = one_pipeline(first, StagePlan("B"), stuck_share=0, middle_start_share=0)
    lost = make(50, plan=plan)
    assert set(lost.opportunities["outcome"]) == {"Lost"}
    assert lost.truth["pipelines"][0]["before"]["stages"][1]["lost_share"] is None
    kept = StagePlan("A", lost_share=0, returned_share=0)
    won = make(50, plan=one_pipeline(kept, stuck_share=0))
    assert set(won.opportunities["outcome"]) == {"Won"}
    stuck = make(50, plan=one_pipeline(kept, stuck_share=1))
    assert set(stuck.opportunities["outcome"]) == {"Open"}


STAGE_FAULTS = """\
- stage "Proforma" of "Rentals": kind is 'quote'; allowed are '', 'qualify', 'offer'
- stage "Proforma" of "Rentals": lost_share is 1.4; allowed is 0 to 1
- stage "Proforma" of "Rentals": lost, returned and stuck shares sum to 1.43; at most 1 is possible
""".splitlines()
LEAK_FAULT = """\
- leak at "Invoice" of "Rentals": kind is 'late'; allowed are 'lost', 'overdue', 'returned'"""


def test_all_faults_of_a_plan_at_once() -> None:
    stage = StagePlan("Proforma", kind="quote", lost_share=1.4)
    with pytest.raises(LeakkitError, match="the plan") as caught:
        Plan(
            (PipelinePlan("Rentals", stages=(stage, stage)),),
            leaks=(Leak("Rentals", "Invoice", "late", size=2),),
            start="2026-13-01",
            work_days_per_week=8,
        )
    assert str(caught.value).splitlines() == [
        "the plan cannot be simulated:",
        "- work_days_per_week is 8; allowed is 1 to 7",
        "- start is '2026-13-01'; write YYYY-MM-DD",
        '- pipeline "Rentals": stage "Proforma" is there twice',
        *STAGE_FAULTS,
        *STAGE_FAULTS,
        '- leak at "Invoice" of "Rentals": the plan has no such stage',
        LEAK_FAULT,
        '- leak at "Invoice" of "Rentals": size is 2; added points are between -1 and 1',
    ]


def test_no_working_day_is_a_fault() -> None:
    with pytest.raises(LeakkitError, match="no working day from 2026-06-27 to 2026-06-28"):
        Plan((PipelinePlan("A", stages=(StagePlan("S"),)),), start="2026-06-27", as_of="2026-06-28")


def test_negative_number_of_opportunities() -> None:
    with pytest.raises(LeakkitError, match="opportunities is -1; it must be 0 or more"):
        make(-1)


def test_a_file_is_no_folder_to_write_into(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine", encoding="utf-8")
    with pytest.raises(LeakkitError, match="is a file"):
        write(tmp_path / "there", 10)
    assert (tmp_path / "there").read_text(encoding="utf-8") == "mine"
