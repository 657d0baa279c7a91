"""The tables: every number is said, every gap has its reason, every name stays a name."""

from __future__ import annotations

import re

import pytest
from bs4 import BeautifulSoup, Tag

from leakkit.measures.horizons import Horizon
from leakkit.measures.stage_results import Exits
from leakkit.measures.survival import Share
from leakkit.views import html_tables
from leakkit.views.elements import tidy_name
from leakkit.words import Words
from tests import fakes

WORDS = Words("en", currency="EUR")
ALL = (
    html_tables.stage_table,
    html_tables.in_the_end_table,
    html_tables.balance_table,
    html_tables.where_lost_table,
)


def parse(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


def rows(table: Tag) -> list[list[str]]:
    """Return the texts of a table's rows."""
    return [
        [cell.get_text(" ", strip=True) for cell in row.find_all(["th", "td"])]
        for row in table.find_all("tr")
    ]


def test_a_manager_sees_few_columns_first() -> None:
    page = parse(html_tables.stage_table(fakes.analysis(), WORDS, worst=3))
    first = page.find_all("table")[0]
    assert rows(first)[0] == [
        "Stage",
        "Deals in",
        "Lost",
        "CRM: lost of closed",
        "Advanced",
        "Overdue now",
        "Half have left after",
        "Chance to win from here",
        "Value lost",
    ]
    assert first.find_parent("details") is None
    assert all(table.find_parent("details") for table in page.find_all("table")[1:])
    worst = first.find("tr", class_="lk-worst")
    assert worst is not None
    assert worst.get_text(" ", strip=True).startswith("Proforma 560 ")


def test_a_share_stands_with_its_range() -> None:
    pipeline = fakes.analysis()
    lost = pipeline.stages[3].lost
    assert lost.share is not None
    assert lost.low is not None
    assert lost.high is not None
    line = rows(parse(html_tables.stage_table(pipeline, WORDS)).find_all("table")[0])[4]
    said = f"{WORDS.share(lost.share)} {WORDS.share(lost.low)} to {WORDS.share(lost.high)}"
    assert line[2] == said


def test_the_bars_of_a_column_share_one_scale() -> None:
    html = html_tables.stage_table(fakes.analysis(), WORDS)
    ends = [float(end) for end in re.findall(r'd="M [\d.]+ 6 H ([\d.]+)', html)]
    assert len(ends) == 5
    assert max(ends) == pytest.approx(100.0)


def test_a_gap_is_explained_under_its_table() -> None:
    page = parse(html_tables.stage_table(fakes.analysis(), WORDS))
    last = rows(page.find_all("table")[0])[6]
    assert last[2] == f"{html_tables.DASH} a"
    reasons = page.find_all("ol", class_="lk-reasons")
    assert reasons[0].get_text(" ", strip=True) == (
        f"{html_tables.DASH} a {WORDS.say('reasons.no_horizon')}"
    )
    for table, explained in ((0, reasons[0]), (1, reasons[1]), (2, reasons[1])):
        used = {mark.get_text() for mark in page.find_all("table")[table].find_all("sup")}
        assert used <= {mark.get_text() for mark in explained.find_all("sup")}


def test_an_unknown_reason_shows_its_code() -> None:
    stages = fakes.analysis().stages
    odd = stages[0].replace(lost=Share.missing("a_new_reason"))
    html = html_tables.stage_table(fakes.analysis().replace(stages=(odd, *stages[1:])), WORDS)
    assert "Not estimable (a_new_reason)." in html


def test_balances_close_and_end_with_the_pipeline() -> None:
    pipeline = fakes.analysis()
    (table,) = parse(html_tables.balance_table(pipeline, WORDS)).find_all("table")
    assert rows(table)[-1][0] == "Whole pipeline"
    total = dict(zip(rows(table)[0], rows(table)[-1], strict=True))
    assert (total["New"], total["Won"], total["Lost"]) == ("1,000", "200", "550")
    assert "Jumped in" not in total


def test_where_the_losses_are() -> None:
    (table,) = parse(html_tables.where_lost_table(fakes.analysis(), WORDS)).find_all("table")
    assert rows(table)[1] == ["Inquiry", "5%", "4 days"]
    hours = fakes.analysis().replace(unit_per_day=24)
    (table,) = parse(html_tables.where_lost_table(hours, WORDS)).find_all("table")
    assert rows(table)[1] == ["Inquiry", "5%", "4 hours"]


@pytest.mark.parametrize("make", ALL)
def test_tables_can_be_heard_and_reached(make: object) -> None:
    assert callable(make)
    page = parse(make(fakes.analysis(), WORDS))
    for table in page.find_all("table"):
        assert table.caption is not None
        assert table.caption.get_text()
        box = table.parent
        assert box is not None
        assert (box["tabindex"], box["role"]) == ("0", "group")
        assert all(head["scope"] == "col" for head in table.select("thead th"))
        assert all(head["scope"] == "row" for head in table.select("tbody th"))
        widths = {len(row) for row in rows(table)}
        assert len(widths) == 1


@pytest.mark.parametrize("make", ALL)
def test_hostile_names_stay_names(make: object) -> None:
    assert callable(make)
    page = parse(make(fakes.analysis(fakes.pipe(names=fakes.HOSTILE)), WORDS))
    assert page.find("script") is None
    names = [name.get_text() for name in page.find_all("tbody")[0].select("th > bdi")]
    assert names == [tidy_name(name) for name in fakes.HOSTILE]


def test_an_empty_stage_has_no_ratio() -> None:
    stages = fakes.analysis().stages
    empty = stages[0].replace(exits=Exits(0, 0, 0, 0, 0, 0, 0))
    html = html_tables.stage_table(fakes.analysis().replace(stages=(empty, *stages[1:])), WORDS)
    assert "No deals." in html


def test_what_cannot_be_overdue_says_why() -> None:
    stages = fakes.analysis().stages
    odd = stages[0].replace(overdue=None, expected=Horizon(None, "", "no_plateau"))
    html = html_tables.stage_table(fakes.analysis().replace(stages=(odd, *stages[1:])), WORDS)
    page = parse(html)
    assert rows(page.find_all("table")[0])[1][5] == f"{html_tables.DASH} a"
    assert "Deals are still advancing after the days that were followed" in html


def test_rare_counts_stand_only_where_there_are_any() -> None:
    page = parse(html_tables.stage_table(fakes.analysis(), WORDS))
    heads = rows(page.find_all("table")[2])[0]
    assert "Won after a loss, not in the chance" in heads
    assert "Left today, not in the shares" not in heads
