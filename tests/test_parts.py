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

LIST = "deal id,stage,status,created,closed"
DEALS = [
    f"{100 + n},{'AB'[n % 2]},{'Won' if n % 2 else 'Lost'},2024-01-{n + 10},2024-02-{n + 10}"
    for n in range(12)
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
    rows = ROWS[:-1] if "old" in other else [f"{row},x" for row in ROWS]
    (tmp_path / other).write_text("\n".join([heading, *rows]), "utf-8")
    with pytest.raises(LeakkitError, match="several files that may be read"):
        load(tmp_path)


COPIES = ("moves (1).csv", "Copy of moves.csv", "moves - Kopie.csv", "last month.csv")


@pytest.mark.parametrize("other", COPIES)
def test_a_file_downloaded_twice_is_read_once(tmp_path: Path, other: str) -> None:
    for name in ("moves.csv", other):
        (tmp_path / name).write_text("\n".join([HEADING, *ROWS]), "utf-8")
    with load(tmp_path) as store:
        assert store.value("SELECT count(*) FROM opportunities") == 12
        assert [one["name"] for one in store.meta("inputs")] == sorted(["moves.csv", other])
        (counted,) = store.meta("rows")
        assert (counted["read"], counted["merged"]) == (2 * len(ROWS), len(ROWS))
        assert store.meta("facts")["copied_rows"] == len(ROWS)
        assert ("copy", f"{len(ROWS)}") in {
            (one["what"], one["why"]) for one in store.meta("recognised")
        }


HALVES = (
    ("deals.csv", "deals (1).csv"),
    ("deals.csv", "deals_2.csv"),
    ("deals-2026-06-30.csv", "deals-2026-06-30 (1).csv"),
    ("deals 20260630_1.csv", "deals 20260630_2.csv"),
)


@pytest.mark.parametrize("names", HALVES)
@pytest.mark.parametrize("again", [0, 3])
def test_halves_of_a_list_are_one(tmp_path: Path, names: tuple[str, str], again: int) -> None:
    """Rows that stand in both halves merge."""
    for name, rows in zip(names, (DEALS[: 6 + again], DEALS[6:]), strict=True):
        (tmp_path / name).write_text("\n".join([LIST, *rows]), "utf-8")
    with load(tmp_path) as store:
        assert store.rows("SELECT outcome, count(*) FROM opportunities GROUP BY 1 ORDER BY 1") == [
            ("lost", 6),
            ("won", 6),
        ]
        counted = store.meta("rows")[0]
        assert (counted["read"], counted["merged"]) == (12 + again, again)


@pytest.mark.parametrize("first", ["deals.csv", "deals (2).csv"])
def test_a_later_download_is_no_half(tmp_path: Path, first: str) -> None:
    """A deal that stands elsewhere since then has two rows, and only one is right."""
    later = [*DEALS[:5], DEALS[5].replace("Won", "Open")]
    for name, rows in ((first, DEALS), ("deals (1).csv", later)):
        (tmp_path / name).write_text("\n".join([LIST, *rows]), "utf-8")
    with pytest.raises(LeakkitError, match="several files that may be read"):
        load(tmp_path)


def test_rows_that_say_the_same_are_two_deals_where_no_id_parts_them(tmp_path: Path) -> None:
    for name in ("deals.csv", "deals (1).csv"):
        half = DEALS[:6] if "1" in name else DEALS[6:]
        rows = [row.partition(",")[2] for row in half]
        (tmp_path / name).write_text("\n".join([LIST.partition(",")[2], *rows]), "utf-8")
    with pytest.raises(LeakkitError, match=r"it holds deals \(1\).csv, deals.csv"):
        load(tmp_path)


def test_files_of_two_days_are_no_copies(tmp_path: Path) -> None:
    for day in ("2024-06-01", "2024-06-08"):
        (tmp_path / f"deals {day}.csv").write_text("\n".join([LIST, *DEALS]), "utf-8")
    with load(tmp_path) as store:
        assert "copied_rows" not in store.meta("facts")


def test_a_second_file_of_a_named_history_is_not_left_aside(tmp_path: Path) -> None:
    for name, rows in (("stage_history.csv", ROWS[:17]), ("stage_history (1).csv", ROWS[17:])):
        (tmp_path / name).write_text("\n".join([HEADING, *rows]), "utf-8")
    assert totals(tmp_path) == [("lost", 6), ("won", 6)]
