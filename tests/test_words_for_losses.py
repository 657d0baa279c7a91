"""Stages called by a word for a loss: closes where the deals show it, else asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from leakkit.analysis import analyze
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources import load
from leakkit.sources.check import check_source
from leakkit.terminal import say_check as checked_lines
from leakkit.views.dropoff.leak_headline import headline

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.store import Store

STAND = "SELECT outcome, count(*) FROM opportunities GROUP BY 1 ORDER BY 1"
NAMES = "SELECT name FROM stages ORDER BY name"
WORDS = ("Descartada", "9 - Dead", "Kein Interesse", "Sans suite", "Rezygnacja", "منتفی")


def load_file(folder: Path, text: str, config: str = "") -> Store:
    """Load one file."""
    (folder / "deals.csv").write_text(text, "utf-8")
    return load(folder, Config.from_text(config))


def moves(word: str, *more: str) -> str:
    """Return a history of 4 won deals, 3 that end in a stage of this name, and 3 open ones."""
    each = {"w": "Won", "l": word, "o": ""}
    rows = [
        f"{kind}{i},{stage},2024-01-{day:02}"
        for kind, end in each.items() for i in range(4 if kind == "w" else 3)
        for day, stage in ((2, "Talks"), (9, "Offer"), (20 + i, end)) if stage
    ]  # fmt: skip
    return "deal_id,stage,entered_at\n" + "\n".join([*rows, *more]) + "\n"


def stand(word: str, said: str) -> str:
    """Return a list of 4 deals in each of 4 stages; `said` is the outcome of those in `word`."""
    each = ((word, said), ("Won", "Won"), ("Offer", "Open"), ("Talks", "Open"))
    rows = [f"{s}{i},{s},2024-01-0{i},{end}" for s, end in each for i in range(1, 5)]
    return "deal_id,deal_stage,created_at,status\n" + "\n".join(rows) + "\n"


@pytest.mark.parametrize("word", WORDS)
def test_what_no_deal_leaves_is_a_loss(tmp_path: Path, word: str) -> None:
    with load_file(tmp_path, moves(word)) as store:
        assert store.rows(NAMES) == [("Offer",), ("Talks",)]
        assert store.rows(STAND) == [("lost", 3), ("open", 3), ("won", 4)]


def test_where_lost_deals_stand_only_it_is_a_loss(tmp_path: Path) -> None:
    with load_file(tmp_path, stand("Abandoned", "Lost")) as store:
        assert store.rows(NAMES) == [("Offer",), ("Talks",)]
        assert store.rows(STAND) == [("lost", 4), ("open", 8), ("won", 4)]


@pytest.mark.parametrize(
    "text", [stand("Dead", ""), moves("Dead", "l1,Talks,2024-03-01")], ids=["stand", "moves"]
)
def test_where_deals_do_not_show_it_the_line_is_asked_for(tmp_path: Path, text: str) -> None:
    with pytest.raises(LeakkitError, match="stage_may_be_lost") as caught:
        load_file(tmp_path, text)
    assert "\"Dead\" = 'lost' or 'open'" in str(caught.value)
    with load_file(tmp_path, text, '[source.outcomes]\n"Dead" = "open"') as store:
        assert ("Dead",) in store.rows(NAMES)
    with load_file(tmp_path, text, '[source.outcomes]\n"Dead" = "lost"') as store:
        assert ("Dead",) not in store.rows(NAMES)


def test_a_stage_that_deals_pass_through_is_no_loss(tmp_path: Path) -> None:
    back = [f"l{i},Talks,2024-03-01" for i in range(3)]
    with load_file(tmp_path, moves("Dropped", *back)) as store:
        assert ("Dropped",) in store.rows(NAMES)


def test_one_deal_with_an_unknown_outcome_is_said_first_and_on_the_page(tmp_path: Path) -> None:
    rows = [f"d{i},Offer,2024-01-{i + 1:02},{('Won', 'Lost', 'Open')[i % 3]}" for i in range(24)]
    rows.append("x,Offer,2024-01-09,Verschoben")
    text = "deal_id,deal_stage,created_at,status\n" + "\n".join(rows) + "\n"
    (tmp_path / "deals.csv").write_text(text, "utf-8")
    store, found = check_source(tmp_path / "deals.csv")
    with store:
        analysis = analyze(store)
        said = "In doubt, and counted as open: 1 outcome in words that are not known"
        assert checked_lines(found, analysis)[0].strip().startswith(said)
        assert said in str(headline(analysis).note)
