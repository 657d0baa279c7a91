"""Stages that hold wins and losses: the outcome of the deal says which a row is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources import load

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.store import Store

LOST, WON = 5, 3
EXITS = """
SELECT s.name, p.exit, count(*) FROM passages p JOIN stages s USING (pipeline, stage)
WHERE p.exit IN (3, 5) GROUP BY ALL ORDER BY ALL
"""
STAND = "SELECT outcome, count(*) FROM opportunities GROUP BY 1 ORDER BY 1"
RIGHT = [("Offer", WON, 4), ("Offer", LOST, 6)]


def moves(closed: str) -> str:
    """Return a history of 4 wins, 6 losses and 5 open deals, closed in a stage of this name."""
    each = [(f"w{i}", True) for i in range(4)] + [(f"l{i}", True) for i in range(6)]
    each += [(f"o{i}", False) for i in range(5)]
    rows = [f"{deal},{s},2024-0{m}-01" for deal, _ in each for s, m in (("Talks", 1), ("Offer", 2))]
    rows += [f"{deal},{closed},2024-03-01" for deal, ended in each if ended]
    return "deal_id,stage,entered_at\n" + "\n".join(rows) + "\n"


def deals(said: dict[str, str], heading: str = "status") -> str:
    """Return a list of these deals, with what it says of each kind."""
    rows = [
        f"{kind}{i},2024-01-01,{said[kind]}" for kind, n in (("w", 4), ("l", 6), ("o", 5))
        for i in range(n)
    ]  # fmt: skip
    return f"deal_id,created_at,{heading}\n" + "\n".join(rows) + "\n"


def load_files(folder: Path, files: dict[str, str], config: str = "") -> Store:
    """Write the files of a source, and load them."""
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    return load(folder, Config.from_text(config))


@pytest.mark.parametrize("closed", ["Closed", "6 - Abgeschlossen", "Won/Lost", "بسته شده"])
@pytest.mark.parametrize(
    ("heading", "said"),
    [
        ("status", {"w": "Won", "l": "Lost", "o": "Open"}),
        ("is_won,is_closed", {"w": "true,true", "l": "false,true", "o": "false,false"}),
    ],
)
def test_a_row_of_such_a_stage_is_the_close_that_its_deal_says(
    tmp_path: Path, closed: str, heading: str, said: dict[str, str]
) -> None:
    files = {"moves.csv": moves(closed), "deals.csv": deals(said, heading)}
    if "," in heading:
        # flags are read where the list says in which stage a deal stands
        files["deals.csv"] = files["deals.csv"].replace("created_at", "deal_stage,created_at")
        for kind, stage in (("w", closed), ("l", closed), ("o", "Offer")):
            files["deals.csv"] = re.sub(f"({kind}\\d),", rf"\1,{stage},", files["deals.csv"])
    with load_files(tmp_path, files) as store:
        assert store.rows("SELECT name FROM stages ORDER BY stage") == [("Talks",), ("Offer",)]
        assert sorted(store.rows(EXITS)) == sorted(RIGHT)
        assert store.rows(STAND) == [("lost", 6), ("open", 5), ("won", 4)]


def test_without_an_outcome_the_stage_is_asked_for(tmp_path: Path) -> None:
    files = {"moves.csv": moves("Closed") + "x,Talks,2024-01-01\nx,Won,2024-02-01\n"}
    with pytest.raises(LeakkitError) as caught:
        load_files(tmp_path, files)
    assert "10 of 16 deals end in a stage" in str(caught.value)
    assert "\"Closed\" = 'won', 'lost' or 'open'" in str(caught.value)
    with load_files(tmp_path, files, '[source.outcomes]\n"Closed" = "lost"') as store:
        assert store.rows(STAND) == [("lost", 10), ("open", 5), ("won", 1)]
    with load_files(tmp_path, files, '[source.outcomes]\n"Closed" = "open"') as store:
        assert "Closed" in [row[0] for row in store.rows("SELECT name FROM stages")]


def test_a_stage_in_which_open_deals_stand_stays_one(tmp_path: Path) -> None:
    said = {"w": "Won", "l": "Open", "o": "Open"}
    with load_files(tmp_path, {"moves.csv": moves("Closed"), "deals.csv": deals(said)}) as store:
        assert "Closed" in [row[0] for row in store.rows("SELECT name FROM stages")]
        assert store.rows(STAND) == [("open", 11), ("won", 4)]


def test_a_list_without_a_history_counts_no_loss_in_such_a_stage(tmp_path: Path) -> None:
    rows = [
        f"{said[0]}{i},{stage},2024-01-0{i},{said}" for i in range(1, 7)
        for stage, said in (("Closed", "Won"), ("Closed", "Lost"), ("Offer", "Open"))
    ]  # fmt: skip
    text = "deal_id,deal_stage,created_at,status\n" + "\n".join(rows)
    with load_files(tmp_path, {"deals.csv": text}) as store:
        assert store.rows("SELECT name FROM stages") == [("Offer",)]
        assert store.rows(STAND) == [("lost", 6), ("open", 6), ("won", 6)]
        assert not store.value("SELECT count(*) FROM opportunities WHERE current_stage IS NOT NULL")
