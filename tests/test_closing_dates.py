"""A date of the win beside a date of the loss: each deal closes on that of its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from leakkit.sources import load

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.store import Store

CLOSED = "SELECT opportunity_id, outcome, closed_day - 19722 FROM opportunities ORDER BY 1"
RIGHT: list[tuple[str, str, int | None]] = [
    ("a", "won", 5),
    ("b", "lost", 17),
    ("c", "won", 19),
    ("d", "lost", 20),
]
RIGHT += [("e", "open", None)]
ROWS = """a,Offer,2024-01-01,Won,2024-01-05,
b,Offer,2024-01-01,Lost,,2024-01-17
c,Offer,2024-01-01,Won,2024-01-19,2024-01-18
d,Talk,2024-01-01,Lost,2024-01-13,2024-01-20
e,Talk,2024-01-01,Open,,
"""
MOVES = "deal_id,stage,entered_at\n" + "".join(f"{d},Talk,2024-01-01\n" for d in "abcde")


def load_files(folder: Path, **files: str) -> Store:
    """Load a folder of these files."""
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, "utf-8")
    return load(folder)


@pytest.mark.parametrize("dates", ["date_won,date_lost", "Gewonnen am,Verloren am"])
def test_of_two_dates_that_of_the_outcome_counts(tmp_path: Path, dates: str) -> None:
    with load_files(
        tmp_path, deals=f"deal_id,deal_stage,created_at,status,{dates}\n{ROWS}"
    ) as store:
        assert store.rows(CLOSED) == RIGHT


def test_without_an_outcome_the_dates_say_it(tmp_path: Path) -> None:
    rows = "\n".join(",".join(line.split(",")[:3] + line.split(",")[4:]) for line in ROWS.split())
    heads = "deal_id,deal_stage,created_at,won_on,lost_on"
    with load_files(tmp_path, deals=f"{heads}\n{rows}\n") as store:
        assert store.rows(CLOSED) == RIGHT


def test_a_list_of_nothing_but_these_dates_closes_a_history(tmp_path: Path) -> None:
    days = "a,5.1.2024,\nb,,17.1.2024\nc,19.1.2024,18.1.2024\nd,13.1.2024,20.1.2024\ne,,\n"
    with load_files(tmp_path, moves=MOVES, deals=f"deal_id,Won on,Lost on\n{days}") as store:
        assert store.rows(CLOSED) == RIGHT
        ends = store.rows("SELECT exit, count(*) FROM passages GROUP BY 1 ORDER BY 1")
        assert ends == [(0, 1), (3, 2), (5, 2)]


def test_a_column_of_its_own_goes_before_where_it_is_filled(tmp_path: Path) -> None:
    text = f"deal_id,deal_stage,created_at,status,date_won,date_lost\n{ROWS}"
    lines = [f"{line}," for line in text.splitlines()]
    lines[0] += "closed on"
    lines[1] += "2024-01-06"
    with load_files(tmp_path, deals="\n".join(lines) + "\n") as store:
        assert store.rows(CLOSED) == [("a", "won", 6), *RIGHT[1:]]
