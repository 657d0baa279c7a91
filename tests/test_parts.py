"""One table in several numbered files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from leakkit.errors import LeakkitError
from leakkit.sources import load

if TYPE_CHECKING:
    from pathlib import Path

HEADING = "opportunity_id,stage,entered_at"
ROWS = [
    f"{deal},{stage},2024-0{month}-{deal + 10}"
    for deal in range(12)
    for month, stage in enumerate(("Inquiry", "Proposal", "Won" if deal % 2 else "Lost"), start=1)
]


def totals(folder: Path) -> list[tuple[object, ...]]:
    with load(folder) as store:
        sql = "SELECT outcome, count(*) FROM opportunities GROUP BY 1 ORDER BY 1"
        assert sum(each["read"] for each in store.meta("rows")) == len(ROWS)
        return store.rows(sql)


def test_parts_are_read_as_one(tmp_path: Path) -> None:
    """A deal may begin in one file and end in the next; the order is that of the numbers."""
    for number, start in ((2, 0), (10, 17)):
        rows = ROWS[start : start + 17] if number == 2 else ROWS[start:]
        (tmp_path / f"moves_{number}.csv").write_text("\n".join([HEADING, *rows]), "utf-8")
    assert totals(tmp_path) == [("lost", 6), ("won", 6)]
    with load(tmp_path) as store:
        said = [(one["as_what"], one["why"]) for one in store.meta("recognised")]
        assert ("moves_2.csv", "rows 1 to 17") in said
        assert ("moves_10.csv", "rows 18 to 36") in said
        assert [one["name"] for one in store.meta("inputs")] == ["moves_10.csv", "moves_2.csv"]


def test_a_json_file_per_deal(tmp_path: Path) -> None:
    """Where a key may be absent, a part may lack a column."""
    for deal in range(12):
        rows = [
            dict(zip(HEADING.split(","), row.split(","), strict=True))
            | ({"note": "x"} if deal else {})
            for row in ROWS
            if row.startswith(f"{deal},")
        ]
        page = {"success": True, "data": rows}
        (tmp_path / f"flow_{deal}.json").write_text(json.dumps(page), "utf-8")
    assert totals(tmp_path) == [("lost", 6), ("won", 6)]


@pytest.mark.parametrize("other", ["moves_old_1.csv", "moves_2.csv"])
def test_other_names_or_headings_are_no_parts(tmp_path: Path, other: str) -> None:
    """They are refused as two histories, never put together."""
    (tmp_path / "moves_1.csv").write_text("\n".join([HEADING, *ROWS]), "utf-8")
    heading = HEADING if "old" in other else f"{HEADING},note"
    rows = ROWS if "old" in other else [f"{row},x" for row in ROWS]
    (tmp_path / other).write_text("\n".join([heading, *rows]), "utf-8")
    with pytest.raises(LeakkitError, match="several files that may be read"):
        load(tmp_path)
