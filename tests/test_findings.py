"""Findings of whole sources: the planted leaks, and a second route from raw visits."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from dataclasses import replace
from math import inf, log, sqrt
from typing import TYPE_CHECKING, Any

import pytest
from scipy.stats import t as student

from leakkit import Finding, analyze, passages
from leakkit.analysis.learning import number_of
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.findings import (
    Split,
    Value,
    cards,
    count_tests,
    from_records,
    improvements,
    reaches_severity,
    to_records,
)
from leakkit.report.data_files import findings_json
from leakkit.sample import Leak, PipelinePlan, Plan, StagePlan, default_plan, make
from leakkit.sources import load
from tests.fakes import likely_cause
from tests.measuring import approx
from tests.running import sample_analysis, sample_store

if TYPE_CHECKING:
    import pandas as pd

    from leakkit.analysis import Analysis
    from leakkit.sample import Sample
    from leakkit.store import Store


def open_sample(made: Sample, rules: str = "", store: str = ":memory:") -> Store:
    """Load a simulated seller."""
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    return load(frames, Config.from_text(f"{made.config}\n{rules}"), store=store)


@pytest.fixture(scope="module")
def store() -> Store:
    return sample_store()


@pytest.fixture(scope="module")
def whole() -> Analysis:
    return sample_analysis()


def of(analysis: Analysis, *key: str) -> Finding:
    """Return the finding of one pipeline, stage and kind."""
    return next(f for f in analysis.all_findings if f.key == key)


# ---------------------------------------------------------------- the planted leaks


def test_planted_leaks_are_alarms(whole: Analysis) -> None:
    planted = [leak for leak in default_plan().leaks if leak.from_date]
    assert len(planted) == 2
    for leak in planted:
        found = of(whole, leak.pipeline, leak.stage, leak.kind)
        assert (found.severity, found.confirmed) == ("alarm", True)
        assert found.change is not None
        assert found.since is not None
        first = number_of(dt.date.fromisoformat(leak.from_date or ""))
        assert abs(found.since - first) <= 31
    lost = of(whole, "Equipment", "Proforma", "lost")
    assert lost.low is not None
    assert lost.high is not None
    assert lost.low - 0.01 < 0.12 < lost.change < lost.high  # type: ignore[operator]


def test_a_leak_that_was_always_there_is_no_change(whole: Analysis) -> None:
    found = of(whole, "Projects", "Technical approval", "returned")
    assert found.severity in {"ok", "not enough data"}
    assert found.reference is not None
    assert found.reference > 0.1


def test_every_share_has_one_finding(whole: Analysis) -> None:
    keys = Counter(f.key for f in whole.all_findings)
    expected = {
        (p.name, s.name, kind)
        for p in whole.pipelines
        for s in p.stages
        for kind in ("lost", "overdue", "returned")
        if not (kind == "returned" and s.stage == 0)
    }
    assert keys == Counter(expected)
    assert count_tests(whole.all_findings) == sum(f.q_value is not None for f in whole.all_findings)


def test_value_at_stake_is_plausible(whole: Analysis) -> None:
    found = of(whole, "Equipment", "Proforma", "lost")
    assert found.value_at_stake is not None
    assert found.recoverable is not None
    assert 0 < found.recoverable.low < found.recoverable.value < found.recoverable.high
    assert found.recoverable.value < found.value_at_stake
    assert (found.currency, found.days) == ("EUR", 90)


def test_total_of_a_pipeline_is_one_joint_what_if(whole: Analysis) -> None:
    result = whole["Equipment"]
    assert result.costs is not None
    findings = [f for f in whole.all_findings if f.pipeline == "Equipment"]
    lost = of(whole, "Equipment", "Proforma", "lost")
    joint = result.costs.joint(findings, [s.name for s in result.stages])
    changes = result.costs.changes([lost], [s.name for s in result.stages])
    assert joint == result.costs.what_if(changes, changes)
    assert joint.new_deals.low > 0


def test_null_data_stay_silent() -> None:
    stages = tuple(StagePlan(name, lost_share=0.2, returned_share=0.05) for name in "ABCD")
    lines = tuple(PipelinePlan(name, stages=stages) for name in ("One", "Two", "Three"))
    alarms = 0
    for seed in (11, 12, 13):
        with open_sample(make(3_000, seed=seed, plan=Plan(lines, start="2025-01-01"))) as store:
            findings = analyze(store).all_findings
        alarms += reaches_severity(findings, "alarm")
        assert sum(f.severity == "watch" for f in findings) <= 3
        assert count_tests(findings) > 20
    assert alarms == 0


def test_recovery_is_an_improvement() -> None:
    line = PipelinePlan("One", stages=tuple(StagePlan(name, lost_share=0.3) for name in "AB"))
    leaks = (Leak("One", "A", "lost", size=-0.2, from_date="2026-03-01"),)
    plan = Plan((line,), leaks=leaks, start="2025-01-01")
    with open_sample(make(2_000, seed=3, plan=plan)) as store:
        findings = analyze(store).all_findings
    better = improvements(findings)
    assert ("One", "A", "lost") in [f.key for f in better]
    assert not reaches_severity(findings, "alarm")


# ---------------------------------------------------------------- the second route


def by_hand(
    visits: pd.DataFrame, first: int, end: int, age: int, kind: str
) -> tuple[float, float, float]:
    """Return (F, n_eff, followed) of one window, visit by visit; S where kind is overdue."""
    spells = []
    for visit in visits.itertuples():
        entered = int(visit.entered_day)  # type: ignore[arg-type]
        left = None if visit.exit == "open" else int(visit.left_day)  # type: ignore[arg-type]
        if entered >= end or (left is not None and left < first):
            continue
        seen = left is not None and left < end and visit.exit != "moved"
        stop = left if left is not None and left < end else end - 1
        spells.append((max(first - entered, 0), stop - entered, str(visit.exit) if seen else ""))
    staying, share, followed, steps = 1.0, 0.0, float("inf"), []
    for u in range(age + 1):
        y = sum(come <= u <= stop for come, stop, _ in spells)
        gone = [ended for _, stop, ended in spells if ended and stop == u]
        if staying > 0:
            followed = min(followed, y / staying)
        own = sum(ended == kind for ended in gone)
        if y:
            steps.append((staying, y, own, len(gone), share + staying * own / y))
            share += staying * own / y
            staying *= 1 - len(gone) / y
    if kind == "overdue":
        variance = staying**2 * sum(d / (y * (y - d)) for _, y, _, d, _ in steps if y > d)
        return staying, staying * (1 - staying) / variance, followed
    variance = 0.0
    for before, y, own, d, f in steps:
        b = (share - f) * y / (y - d) if y > d else 0.0
        variance += before**2 * own * (y - own) / y**3 - 2 * before * b * own * (y - d) / y**3
        variance += b**2 * d * (y - d) / y**3
    return share, share * (1 - share) / variance, followed


@pytest.mark.parametrize(
    ("stage", "kind"), [("Proforma", "lost"), ("Negotiation", "returned"), ("Contract", "overdue")]
)
def test_numbers_are_those_of_a_count_by_hand(
    store: Store, whole: Analysis, stage: str, kind: str
) -> None:
    found = of(whole, "Equipment", stage, kind)
    result = next(s for s in whole["Equipment"].stages if s.name == stage)
    age = result.expected.age if kind == "overdue" else result.horizon.age
    visits = passages(store, pipeline="Equipment", stage=stage)
    visits = visits[visits["visit"] == 1]
    assert age is not None
    (f1, e1, n1), (f0, e0, n0) = (
        by_hand(visits, *found.windows[name], int(age), kind) for name in ("current", "baseline")
    )
    assert (found.share, found.reference) == approx((f1, f0))
    assert (found.followed, found.followed_reference) == pytest.approx((n1, n0), rel=1e-6)
    assert found.phi is not None
    pooled = (e1 * f1 + e0 * f0) / (e1 + e0)
    deviance = 2 * sum(
        e * (f * log(f / pooled) + (1 - f) * log((1 - f) / (1 - pooled)))
        for e, f in ((e1, f1), (e0, f0))
    )
    assert found.phi is not None
    root = sqrt(deviance / found.phi)
    # nine months of each stage but those in which nothing happened, less one each
    freedoms = [8 * n for n in range(1, 8)] if found.phi > 1 else [inf]
    near = min(freedoms, key=lambda n: abs(2 * student.sf(root, n) - (found.p_value or 0)))
    assert found.p_value == pytest.approx(2 * student.sf(root, near), rel=1e-6)


def test_phi_is_that_of_months_by_hand(store: Store, whole: Analysis) -> None:
    total, freedom = 0.0, 0
    name = "Service contracts"
    for stage in whole[name].stages:
        visits = passages(store, pipeline=name, stage=stage.name)
        visits = visits[visits["visit"] == 1]
        first, end = of(whole, name, stage.name, "lost").windows["baseline"]
        months = [
            by_hand(visits, day, day + 30, int(stage.horizon.age or 0), "lost")
            for day in range(first, end, 30)
            if is_lost_in(visits, day, stage.horizon.age or 0)
        ]
        if len(months) < 9:
            return  # a month without losses has no variance: the rule is tested elsewhere
        mean = sum(f * e for f, e, _ in months) / sum(e for _, e, _ in months)
        total += sum(e * (f - mean) ** 2 for f, e, _ in months) / (mean * (1 - mean))
        freedom += len(months) - 1
    assert of(whole, name, "Lead", "lost").phi == approx(max(1.0, total / freedom))


def is_lost_in(visits: pd.DataFrame, first: int, age: float) -> bool:
    """Say whether some visit was lost in a month within an age."""
    lost = visits[visits["exit"] == "lost"]
    inside = (lost["left_day"] >= first) & (lost["left_day"] < first + 30) & (lost["stay"] <= age)
    return bool(inside.any())


# ---------------------------------------------------------------- what must not matter


@pytest.mark.parametrize("part", ["Projects", "Equipment"])
def test_a_part_has_the_findings_of_the_whole(store: Store, whole: Analysis, part: str) -> None:
    found = analyze(store, part)
    assert found.all_findings == whole.all_findings
    assert [p.name for p in found.pipelines] == [part]
    one, other = found[part].costs, whole[part].costs
    assert one is not None
    assert other is not None
    assert one.what_if({2: 0.05}) == other.what_if({2: 0.05})


def test_order_of_rows_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    made = make(1_500, seed=2)
    monkeypatch.setenv("LEAKKIT_THREADS", "2")
    with open_sample(made) as store:
        whole = analyze(store)
    shuffled = replace(
        made,
        opportunities=made.opportunities.sample(frac=1, random_state=1),
        stage_history=made.stage_history.sample(frac=1, random_state=2),
    )
    monkeypatch.setenv("LEAKKIT_THREADS", "1")
    with open_sample(shuffled) as store:
        assert findings_json(analyze(store)) == findings_json(whole)


def test_findings_that_a_store_keeps_are_read_and_not_computed(whole: Analysis) -> None:
    with open_sample(make(300)) as store:
        store.set_meta("findings", to_records(whole.all_findings[:3]))
        assert analyze(store, "Equipment").all_findings == whole.all_findings[:3]


def test_source_without_a_baseline_has_findings_without_tests() -> None:
    with open_sample(make(200, plan=Plan(default_plan().pipelines, start="2026-06-01"))) as store:
        found = analyze(store)
    assert {f.severity for f in found.all_findings} == {"not enough data"}
    assert count_tests(found.all_findings) == 0
    assert json.loads(findings_json(found))["tests"] == 0


def test_pipelines_with_hardly_a_deal_have_findings_that_say_so() -> None:
    with open_sample(make(3)) as store:
        found = analyze(store).all_findings
    assert {f.severity for f in found} == {"not enough data"}


@pytest.mark.parametrize("policy", ["strict", "reached"])
def test_policies_keep_the_planted_leaks(policy: str) -> None:
    with open_sample(make(8_000), f'[comparison]\nskip_policy = "{policy}"') as store:
        found = analyze(store)
    assert of(found, "Equipment", "Proforma", "lost").severity == "alarm"


def test_target_and_hours() -> None:
    made = make(2_500, seed=5, plan=replace(default_plan(), leaks=()))
    text = made.config.replace(
        '{ name = "Proforma", kind = "offer" }',
        '{ name = "Proforma", kind = "offer", target_lost = 0.02 }',
        1,
    ).replace('won = ["Won"]', 'unit = "hour"\nwon = ["Won"]', 1)
    with open_sample(replace(made, config=text)) as store:
        found = analyze(store)
    proforma = of(found, "Equipment", "Proforma", "lost")
    assert (proforma.reference, proforma.reference_kind) == (0.02, "target")
    assert proforma.severity == "alarm"
    assert proforma.windows["current"][1] - proforma.windows["current"][0] == 90


# ---------------------------------------------------------------- records and files

FULL = Finding(
    "P", "A", "lost", "alarm", 0.3, 0.1, change=0.2, p_value=1e-20, windows={"current": (10, 20)},
    recoverable=Value(200.0, 100.0, 300.5), split=Split(0.1, 0.1, "x"), since=12,
    months=((0, 0.1), (12, None)),
    cause=likely_cause("complexity"), review="offer", evidence={"pipeline": "P"},
)  # fmt: skip


def test_records_come_back_as_they_were(whole: Analysis) -> None:
    through = json.loads(json.dumps(to_records([FULL, *whole.all_findings])))
    assert from_records(through) == (FULL, *whole.all_findings)


def test_file_has_the_fields_of_the_contract(whole: Analysis) -> None:
    content = json.loads(findings_json(whole, "Projects"))
    assert list(content) == ["schema_version", "as_of", "tests", "findings"]
    assert (content["as_of"], content["tests"]) == ("2026-06-30", count_tests(whole.all_findings))
    assert {f["pipeline"] for f in content["findings"]} == {"Projects"}
    fields = (
        "pipeline stage kind severity share reference reference_kind change low high p_value "
        "q_value smallest_visible phi followed followed_reference windows confirmed days "
        "value_at_stake recoverable currency split since months cause review evidence "
        "last_year decided"
    )
    assert list(content["findings"][0]) == fields.split()


def test_file_has_money_in_major_units_and_dates(whole: Analysis) -> None:
    text = findings_json(replace(whole, all_findings=(FULL,)))
    (found,) = json.loads(text)["findings"]
    assert found["recoverable"] == {"value": 2.0, "low": 1.0, "high": 3.0}
    assert found["windows"] == {"current": ["1970-01-11", "1970-01-20"]}
    assert (found["since"], found["p_value"]) == ("1970-01-13", 1e-20)


def test_evidence_opens_the_deals(store: Store, whole: Analysis) -> None:
    found = of(whole, "Equipment", "Proforma", "lost")
    evidence: dict[str, Any] = dict(found.evidence)
    rows = passages(store, **evidence)
    assert set(rows["exit"]) == {"lost"}
    assert set(rows["stage"]) == {"Proforma"}


def test_a_warning_has_its_months(whole: Analysis) -> None:
    found = of(whole, "Equipment", "Proforma", "lost")
    assert [first for first, _ in found.months] == list(range(20275, 20635, 30))
    late = [share for first, share in found.months if first >= (found.since or 0)]
    early = [share for first, share in found.months if first < (found.since or 0)]
    assert min(share or 0 for share in late) > max(share or 0 for share in early)
    assert not any(f.months for f in whole.all_findings if f.severity not in {"alarm", "watch"})


def test_reached_looks_at_the_gravest(whole: Analysis) -> None:
    assert reaches_severity(whole.all_findings, "alarm")
    calm = [f for f in whole.all_findings if f.severity not in {"alarm", "watch"}]
    assert not reaches_severity(calm, "watch")
    with pytest.raises(ValueError, match="panic"):
        reaches_severity(calm, "panic")


def test_one_card_per_stage_led_by_the_gravest(whole: Analysis) -> None:
    found = cards(whole.all_findings)
    assert len(found) == sum(len(p.stages) for p in whole.pipelines)
    first = found[0][0]
    assert first.severity == "alarm"
    led = {(card[0].pipeline, card[0].stage): card[0].kind for card in found}
    assert led["Equipment", "Proforma"] == "lost"
    assert led["Spare parts", "Order confirmation"] == "overdue"


def test_unknown_pipeline_is_an_error(store: Store) -> None:
    with pytest.raises(LeakkitError, match="no pipeline"):
        analyze(store, "Nowhere")
