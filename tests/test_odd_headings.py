"""Which column is which is settled by cells where a heading says something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from leakkit.errors import LeakkitError
from leakkit.sources import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STAGES, KINDS = ("Inquiry", "Offer", "Contract"), ("Won", "Lost", "Open")


def stage(i: int) -> str:
    """Return the stage of a deal."""
    return STAGES[i // 3 % 3]


def kind(i: int) -> str:
    """Return the outcome of a deal."""
    return KINDS[i % 3]


def day(i: int, month: int = 1) -> str:
    """Return a day."""
    return f"2024-{month:02}-{i % 28 + 1:02}"


CASES: dict[str, tuple[str, Callable[[int], str], dict[str, int]]] = {
    "amounts under OPPORTUNITY": (
        "ID,OPPORTUNITY,STAGE,STATUS,CREATED",
        lambda i: f"{i},{1000 * (1 + i % 5)},{stage(i)},{kind(i)},{day(i)}",
        {"created_at": 30},
    ),
    "yes and no under CLOSED": (
        "ID,STAGE,STATUS,CREATED,CLOSED,CLOSE DATE",
        lambda i: (
            f"{i},{stage(i)},{kind(i)},{day(i)},{'YYN'[i % 3]},{day(i, 3) if i % 3 < 2 else ''}"
        ),
        {"closed_at": 20},
    ),
    "flags": (
        "ID,STAGE,CREATED,WON,CLOSED",
        lambda i: f"{i},{stage(i)},{day(i)},{'YNN'[i % 3]},{'YYN'[i % 3]}",
        {"created_at": 30},
    ),
    "an empty reason first": (
        "ID,STAGE,STATUS,CREATED,Lost Reason,Loss Reason",
        lambda i: f"{i},{stage(i)},{kind(i)},{day(i)},,{'Price' if i % 3 == 1 else ''}",
        {"lost_reason": 10},
    ),
    "camel case and units": (
        "dealId,dealStage,dealStatus,createdAt,closedAt [UTC],dealAmount (EUR),lossReason",
        lambda i: (
            f"{i},{stage(i)},{kind(i)},{day(i)},{day(i, 3) if i % 3 < 2 else ''},{100 + i},"
            f"{'Price' if i % 3 == 1 else ''}"
        ),
        {"created_at": 30, "closed_at": 20, "value": 30, "lost_reason": 10},
    ),
    "German": (
        "Nr.,Phase,Ergebnis,Erstellt am,Volumen,Absagegrund",
        lambda i: f"{i},{stage(i)},{kind(i)},{day(i)},{100 + i},{'Preis' if i % 3 == 1 else ''}",
        {"value": 30, "lost_reason": 10, "created_at": 30},
    ),
    "Persian": (
        "شناسه,مرحله,وضعیت,تاریخ ایجاد,مبلغ,دلیل شکست",
        lambda i: (
            f"{i},{stage(i)},{('موفق', 'ناموفق', 'جاری')[i % 3]},{day(i)},{100 + i},"
            f"{'قیمت' if i % 3 == 1 else ''}"
        ),
        {"value": 30, "lost_reason": 10, "created_at": 30},
    ),
    "a duration under Stage": (
        "ID,Stage,Phase,Status,Created",
        lambda i: f"{i},{i * 11} days,{stage(i)},{kind(i)},{day(i)}",
        {"created_at": 30},
    ),
    "amounts under Stage": (
        "ID,Stage,Stage Name,Status,Created",
        lambda i: f"{i},{i % 7}.5,{stage(i)},{kind(i)},{day(i)}",
        {"created_at": 30},
    ),
    "a score under Result": (
        "ID,Stage,Result,Status,Created",
        lambda i: f"{i},{stage(i)},{i},{kind(i)},{day(i)}",
        {"created_at": 30},
    ),
    "a person under Created": (
        "ID,Stage,Status,Created,Created on",
        lambda i: f"{i},{stage(i)},{kind(i)},{('Ann', 'Bob')[i % 2]},{day(i)}",
        {"created_at": 30},
    ),
}  # fmt: skip
"""Headings, rows, and how many deals have a cell under each of our names."""


@pytest.mark.parametrize("name", CASES)
def test_cells_say_which_column_is_which(tmp_path: Path, name: str) -> None:
    head, row, filled = CASES[name]
    (tmp_path / "export.csv").write_text("\n".join([head, *map(row, range(30))]), "utf-8")
    with load(tmp_path / "export.csv") as store:
        outcomes = store.rows("SELECT outcome, count(*) FROM opportunities GROUP BY ALL ORDER BY 1")
        assert outcomes == [("lost", 10), ("open", 10), ("won", 10)]
        assert {said for (said,) in store.rows("SELECT name FROM stages")} == set(STAGES)
        for column, n in filled.items():
            empty = "''" if column == "lost_reason" else "NULL"
            sql = f"SELECT count(nullif({column}, {empty})) FROM opportunities"
            assert store.value(sql) == n, column


def test_an_id_that_numbers_the_rows_of_a_history_is_no_deal(tmp_path: Path) -> None:
    """Each row would be a deal of its own; so the key is asked for."""
    rows = [f"{i},{i // 3},{STAGES[i % 3]},{day(i)}" for i in range(30)]
    text = "\n".join(["id,customer,stage,entered_at", *rows])
    (tmp_path / "moves.csv").write_text(text, "utf-8")
    with pytest.raises(LeakkitError, match="this column is missing"):
        load(tmp_path / "moves.csv")
