"""The worklist: by what can still be saved, and in files that run nothing."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from leakkit import analyze, passages
from leakkit.analysis import find_worklist
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.findings.worklist import (
    LateDeal,
    StageOdds,
    as_old_as,
    chance_in_the_end,
    make_worklist,
)
from leakkit.frames.data_frames import WORK_COLUMNS
from leakkit.measures.survival import aalen_johansen, leaves_later, risk_table, wilson
from leakkit.report.data_files import worklist_csv, worklist_xlsx
from leakkit.sample import make
from leakkit.sources import load
from tests.measuring import approx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leakkit.analysis import Analysis
    from leakkit.findings.worklist import WorkItem
    from leakkit.measures.survival import Curve
    from leakkit.store import Store

HOSTILE = [
    '=HYPERLINK("http://x")',
    "+1",
    "-1",
    "@SUM(A1)",
    "\tx",
    "<b>&amp;",
    "a\x07b",
    "http://x.y",
]


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    made = make(2_500, seed=7)
    deals = made.opportunities.copy()
    deals["name"] = [HOSTILE[n % len(HOSTILE)] for n in range(len(deals))]
    deals.loc[deals.index % 9 == 0, "value"] = np.nan
    frames = {"opportunities": deals, "stage_history": made.stage_history}
    with load(frames, Config.from_text(made.config)) as found:
        yield found


@pytest.fixture(scope="module")
def whole(store: Store) -> Analysis:
    return analyze(store)


@pytest.fixture(scope="module")
def items(store: Store, whole: Analysis) -> tuple[WorkItem, ...]:
    return find_worklist(store, whole, "Equipment")


# ---------------------------------------------------------------- the odds


def curve_of(next_ages: list[int], lost_ages: list[int], inside: int) -> Curve:
    """Return the curve of stays that end on these days; `inside` are open for 90 days."""

    def left(ages: list[int]) -> tuple[np.ndarray, np.ndarray]:
        return np.array(ages, np.int64), np.ones(len(ages), np.int64)

    total = len(next_ages) + len(lost_ages) + inside
    none = left([])
    return aalen_johansen(
        risk_table(
            (np.array([0]), np.array([total])),
            {
                "next": left(next_ages),
                "lost": left(lost_ages),
                "censored": left([90] * inside),
                **dict.fromkeys(("jumped", "won_here", "returned"), none),
            },
        )
    )


ODDS = StageOdds(
    "A",
    curve_of([5] * 40 + [20] * 30 + [50] * 10, [10] * 20 + [40] * 10, 60),
    {"next": 0.5, "won_here": 1.0},
    14.0,
    0.4,
)


def test_chance_is_that_of_a_count_without_censoring() -> None:
    """After day 15 there are 110: 30 go on by day 20, 10 by day 50, and none later."""
    chance, ahead = chance_in_the_end(ODDS, 15)
    # of 80 inside after day 33 ten are lost and ten go on; 60 are open at the end
    later = 60 / 110 * rest(15, 75, 60 / 80)
    assert ahead == 75
    assert chance.share == approx(0.5 * 40 / 110 * (1 + later / (50 / 110)))
    low, high = wilson(0.5 * 40 / 110, 110)
    # more are open than have left: all who leave may go on
    assert (chance.low, chance.high) == (approx(low), approx(high + 0.5 * later))
    assert as_old_as(ODDS.curve, 15) == (110, 40)
    assert as_old_as(ODDS.curve, 60) == (60, 0)
    assert as_old_as(ODDS.curve, 500) == (0, 0)


def test_chance_wants_twenty_deals_as_old() -> None:
    few = replace(ODDS, curve=curve_of([5] * 40 + [20] * 9, [10] * 20, 10))
    assert chance_in_the_end(few, 15)[0].share is None
    assert chance_in_the_end(ODDS, 90)[0].reason == "few_followed"


def rest(begun: float, age: float, stayed: float) -> float:
    """Return who leaves until ten times the age, if `stayed` remain of three quarters of it."""
    return float(1.0 - stayed ** (np.log(10) / np.log((begun + age) / (begun + age / 4))))


def test_who_is_open_is_shared_out_as_those_who_left() -> None:
    """Of 60 inside after day 15, 20 leave by day 52 and 20 of the other 40 by day 89."""
    odds = replace(ODDS, curve=curve_of([52] * 20 + [89] * 20, [10] * 40, 20))
    chance, ahead = chance_in_the_end(odds, 15)
    later = 20 / 60 * rest(15, 75, 20 / 60)
    assert ahead == 75
    assert chance.share == approx(0.5 * (40 / 60 + later))
    # none of the rest wins; or those who leave win as often as the 40 who left may
    assert chance.low == approx(wilson(0.5 * 40 / 60, 60)[0])
    assert chance.high == approx(wilson(0.5, 40)[1] * (40 / 60 + later))


def test_where_most_are_open_all_of_them_may_win() -> None:
    """Of 60 inside after day 15, 6 leave late in the 75 days."""
    odds = replace(ODDS, curve=curve_of([80] * 6, [10] * 40, 54))
    chance, _ = chance_in_the_end(odds, 15)
    later = 54 / 60 * rest(15, 75, 54 / 60)
    assert chance.share == approx(0.5 * (6 / 60 + later))
    assert chance.high == approx(wilson(0.5 * 6 / 60, 60)[1] + 0.5 * later)
    assert leaves_later(odds.curve, 0, 0.0) == 0.0


@pytest.mark.parametrize("sigma", [0.8, 1.4])
def test_heavy_tails_hide_no_wins(sigma: float) -> None:
    """Doors that do not depend on the stay: half win, however long the tail is that is open."""
    rng = np.random.default_rng(5)
    stays = np.ceil(20 * rng.lognormal(0, sigma, 4_000)).astype(np.int64)
    followed = rng.integers(1, 540, 4_000)
    won = rng.uniform(size=4_000) < 0.5

    def by_age(ages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return ages, np.ones(len(ages), np.int64)

    seen, none = stays <= followed, by_age(np.zeros(0, np.int64))
    kinds = {
        "next": by_age(stays[seen & won]),
        "lost": by_age(stays[seen & ~won]),
        "censored": by_age(followed[~seen]),
        **dict.fromkeys(("jumped", "won_here", "returned"), none),
    }
    curve = aalen_johansen(risk_table((np.array([0]), np.array([4_000])), kinds))
    chance, _ = chance_in_the_end(StageOdds("A", curve, {"next": 1.0}, 14.0, 0.5), 80)
    assert chance.share == pytest.approx(0.5, abs=0.06)
    assert (chance.low or 1.0) < 0.5 < (chance.high or 0.0)


def late(number: int, age: int, value: int | None = 1_000) -> LateDeal:
    return LateDeal(
        f"D{number}", "", "", 0, age, age + 5, visit_late=True, deal_late=False, value=value
    )


def test_calls_come_first_by_what_can_be_saved() -> None:
    deals = [late(1, 15), late(2, 15, 5_000), late(3, 400), late(4, 15, None), late(5, 60, 90_000)]
    found = make_worklist(deals, [ODDS])
    assert [i.opportunity_id for i in found] == ["D2", "D1", "D4", "D5", "D3"]
    assert [i.block for i in found] == ["call", "call", "call", "decide", "unknown"]
    first, _, unknown, dead, old = found
    assert first.saved == approx(5_000 * (first.chance or 0.0))
    assert (first.over, first.ahead) == (1, 75)
    assert unknown.saved is None
    # nobody who stayed that long went on: a chance of 0 among 60
    assert (dead.chance, dead.as_old, dead.as_old_advanced) == (0.0, 60, 0)
    assert (old.chance, old.ahead, old.saved) == (None, None, None)


def test_order_of_equal_deals_is_that_of_their_ids() -> None:
    deals = [late(number, 15) for number in (3, 1, 2)]
    assert [i.opportunity_id for i in make_worklist(deals, [ODDS])] == ["D1", "D2", "D3"]
    assert make_worklist([], [ODDS]) == ()


def test_only_what_is_known_to_be_small_is_to_be_decided() -> None:
    (found,) = make_worklist([late(1, 15)], [replace(ODDS, fresh=1.0)])
    assert found.block == "call"
    poor = replace(ODDS, landing={"next": 0.05}, fresh=0.5)
    (found,) = make_worklist([late(1, 15)], [poor])
    assert (found.block, found.chance is None) == ("decide", False)
    # a new deal has hardly a better chance: then this one is as good as any
    (found,) = make_worklist([late(1, 15)], [replace(poor, fresh=0.1)])
    assert found.block == "call"


# ---------------------------------------------------------------- of a source


def test_worklist_holds_the_overdue_deals_of_the_balance(store: Store, whole: Analysis) -> None:
    for result in whole.pipelines:
        found = find_worklist(store, whole, result.name)
        assert len(found) == result.balance.overdue
        assert sum(i.value or 0 for i in found) == result.balance_value.overdue
        by_stage = {s.name: s.overdue for s in result.stages if s.overdue}
        assert {n: sum(i.stage == n for i in found) for n in by_stage} == by_stage


def test_ages_are_those_of_the_visits(
    store: Store, whole: Analysis, items: tuple[WorkItem, ...]
) -> None:
    visits = passages(store, pipeline="Equipment", exit="open")
    entered = dict(zip(visits["opportunity_id"], visits["entered_day"], strict=True))
    expected = {s.name: s.expected.age for s in whole["Equipment"].stages}
    for item in items:
        assert item.age == whole.last_day - int(entered[item.opportunity_id])
        assert item.over == item.age - (expected[item.stage] or 0) > 0
        assert item.owner


def test_deal_that_is_late_as_a_whole() -> None:
    made = make(1_000, seed=7)
    text = made.config.replace('won = ["Won"]', 'expected_days = 60\nwon = ["Won"]')
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    with load(frames, Config.from_text(text)) as store:
        analysis = analyze(store, "Projects")
        found = find_worklist(store, analysis, "Projects")
    assert len(found) == analysis["Projects"].balance.overdue
    only_deal = [item for item in found if item.over is None]
    assert only_deal
    assert all(item.deal_age_days > 60 for item in only_deal)


def test_unknown_pipeline_is_an_error(store: Store, whole: Analysis) -> None:
    with pytest.raises(LeakkitError, match="no pipeline"):
        find_worklist(store, whole, "Nowhere")


# ---------------------------------------------------------------- files


def test_csv_is_whole_and_runs_nothing(whole: Analysis, items: tuple[WorkItem, ...]) -> None:
    text = worklist_csv(items, whole["Equipment"])
    assert text == worklist_csv(items, whole["Equipment"])
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(items)
    assert tuple(rows[0]) == WORK_COLUMNS
    assert not [c for row in rows for c in row.values() if c and c[0] in "=+-@\t\r"]
    first, item = rows[0], items[0]
    assert float(first["value"]) == approx((item.value or 0) / 100)
    assert float(first["chance"]) == pytest.approx(item.chance, abs=1e-9)
    assert {row["value"] for row, i in zip(rows, items, strict=True) if i.value is None} == {""}


SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def test_excel_holds_texts_and_no_formula(whole: Analysis, items: tuple[WorkItem, ...]) -> None:
    content = worklist_xlsx(items, whole["Equipment"])
    assert content == worklist_xlsx(items, whole["Equipment"])
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    assert not [name for name in parts if "rels" in name and b"http://x" in parts[name]]
    for block, sheet in (("call", 1), ("decide", 2), ("unknown", 3)):
        tree = ET.fromstring(parts[f"xl/worksheets/sheet{sheet}.xml"])  # noqa: S314 - our own
        assert not list(tree.iter(f"{SHEET}f"))
        assert not list(tree.iter(f"{SHEET}hyperlink"))
        rows = list(tree.iter(f"{SHEET}row"))
        assert len(rows) == 1 + sum(item.block == block for item in items)
    texts = parts["xl/sharedStrings.xml"].decode()
    assert "=HYPERLINK" in texts
    assert "&lt;b&gt;" in texts
    assert b"2000-01-01T00:00:00Z" in parts["docProps/core.xml"]


def test_empty_worklist_has_its_headings(whole: Analysis) -> None:
    assert worklist_csv((), whole["Equipment"]) == ",".join(WORK_COLUMNS) + "\n"
    assert worklist_xlsx((), whole["Equipment"])[:2] == b"PK"
