"""Reports whose rows stand in groups, with a line over each group and a total under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from leakkit.errors import LeakkitError
from leakkit.sources import load
from leakkit.sources.check import check

if TYPE_CHECKING:
    from pathlib import Path

HEADS = "Deal ID,Deal stage,Created on,Status,Amount\n"
ALONE = f"""{HEADS}Stage: Offer (2 records)
1,Offer,2024-01-14,Open,10
2,Offer,2024-01-15,Won,20
Subtotal,,,,30

Stage: Talks (1 record)
3,Talks,2024-01-16,Lost,much
Subtotal,,,,5
4,Talks,2024-01-17,Open,
5,Talks,2024-01-17,Open,
6,Talks,2024-01-17,Open,
7,Talks,2024-01-17,Open,
8,Talks,2024-01-17,Open,
"""
FILLED = ALONE.replace("records)", "records),,,,").replace("1 record)", "1 record),,,,")


@pytest.mark.parametrize(("text", "left", "aside"), [(ALONE, 2, 2), (FILLED, 0, 4)])
def test_what_stands_over_and_under_groups_is_no_deal(
    tmp_path: Path, text: str, left: int, aside: int
) -> None:
    (tmp_path / "deals.csv").write_text(text, "utf-8")
    found = check(tmp_path / "deals.csv")
    rows = found.rows[0]
    counted = {name: rows[name] for name in ("read", "used", "merged", "not_asked", "set_aside")}
    right = {"read": 12, "used": 8, "merged": 0, "not_asked": left, "set_aside": aside}
    assert counted == right
    assert found.facts.get("group_rows", 0) == left
    assert found.facts["total_rows"] == 2
    # the row of a fault is that of the file, lines over groups counted
    bad = [fault for fault in found.faults if fault.value == "much"]
    assert [fault.row for fault in bad] == [7]


def test_another_broken_row_is_refused_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_text(f"{ALONE}9,Talks\n", "utf-8")
    with pytest.raises(LeakkitError, match="do not fit its heading"):
        check(tmp_path / "deals.csv")


ROWS = "".join(
    f"10{n},Deal {n},{stage},{status},{amount},2026-01-0{n},{closed}\n"
    for n, stage, status, amount, closed in (
        (1, "Lead", "Won", 10, "2026-02-01"),
        (2, "Lead", "Lost", 20, "2026-02-02"),
        (3, "Offer", "Open", 30, ""),
        (4, "Offer", "Open", 40, ""),
    )
)
LIST = f"Deal ID,Deal name,Stage,Status,Amount,Created,Closed\n{ROWS}"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (f"{LIST}4,,,,100,,\n", "total_row"),
        (f"{LIST},,Subtotal,Sum,100,,\n,Count,,,4,,\n", "total_row"),
        (f"{LIST}107,Suma,,,100,,\n", "total_row"),
        (
            LIST.replace(
                "Closed\n", "Closed\nNumber,Title,Phase,Result,Worth in euros,Made,Ended\n", 1
            ),
            "repeated_heading",
        ),
    ],
    ids=["count", "subtotals", "word", "labels"],
)
def test_rows_that_sum_up_or_name_the_columns_again_are_no_deals(
    tmp_path: Path, text: str, rule: str
) -> None:
    (tmp_path / "deals.csv").write_text(text, "utf-8")
    found = check(tmp_path / "deals.csv")
    assert found.rows[0]["used"] == 4
    assert {fault.rule for fault in found.faults} == {rule}


def test_a_deal_of_a_customer_called_total_is_a_deal(tmp_path: Path) -> None:
    text = f"{LIST}105,Total,Offer,Open,50,2026-01-09,\n"
    (tmp_path / "deals.csv").write_text(text, "utf-8")
    assert check(tmp_path / "deals.csv").rows[0]["used"] == 5


def test_a_group_that_is_named_on_its_first_row_is_that_of_all_its_rows(tmp_path: Path) -> None:
    text = (
        "Stage \u2191,Opportunity Name,Opportunity ID,Amount,Close Date,Created Date,"
        "Opportunity Owner\n"
        "Offer,One,1,10,2026-03-01,2026-01-01,A\n,Two,2,20,2026-03-01,2026-01-02,A\n"
        "Subtotal,Sum,,30,,,\n,Count,2,,,,\n"
        "Closed Won,Three,3,30,2026-02-01,2026-01-03,A\n,Four,4,40,2026-02-01,2026-01-04,A\n"
        "Subtotal,Sum,,70,,,\n,Count,2,,,,\n"
        "Closed Lost,Five,5,50,2026-02-01,2026-01-05,A\n,Six,6,60,2026-02-01,2026-01-06,A\n"
        "Subtotal,Sum,,110,,,\n,Count,2,,,,\nTotal,Sum,,210,,,\n,Count,6,,,,\n"
    )
    (tmp_path / "report.csv").write_text(text, "utf-8")
    with load(tmp_path / "report.csv") as store:
        ends = dict(store.rows("SELECT outcome, count(*) FROM opportunities GROUP BY 1"))
        assert ends == {"won": 2, "lost": 2, "open": 2}
        assert store.value("SELECT sum(value) FROM opportunities") == 21_000
