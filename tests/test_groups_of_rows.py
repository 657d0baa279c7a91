"""Reports whose rows stand in groups, with a line over each group and a total under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from leakkit.errors import LeakkitError
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
