"""Columns of yes and no that say how deals ended, and those that say only half of it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import leakkit
from leakkit.config import Config
from leakkit.errors import LeakkitError

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("won", "lost", "lost", "open", "lost")
N = 60
ENDS = [KINDS[at % len(KINDS)] for at in range(N)]
TOLD = Counter(ENDS)


def make_list(**columns: list[str]) -> pd.DataFrame:
    """Return a list of deals of which no column says plainly how they ended."""
    return pd.DataFrame(
        {
            "Deal ID": [f"K{at}" for at in range(N)],
            "Stage": [("Inquiry", "Offer", "Contract")[at % 3] for at in range(N)],
            "Opened": [str(dt.date(2026, 1, 1) + dt.timedelta(days=at)) for at in range(N)],
        }
        | columns
    )


def say(won: str, lost: str, still_open: str) -> list[str]:
    """Return a word for each deal, by how it ended."""
    words = {"won": won, "lost": lost, "open": still_open}
    return [words[end] for end in ENDS]


def closes(of_open: str = "") -> list[str]:
    """Return the closing date of each deal; that of the open ones is the same."""
    days = [str(dt.date(2026, 4, 1) + dt.timedelta(days=at)) for at in range(N)]
    return [of_open if end == "open" else day for end, day in zip(ENDS, days, strict=True)]


def count_ends(folder: Path, table: pd.DataFrame, config: str = "") -> Counter[str]:
    """Return how many deals are won, lost and open, as leakkit reads a list."""
    table.to_csv(folder / "deals.csv", index=False)
    source = leakkit.load(folder, Config.from_text(config))
    rows = source.rows("SELECT outcome, count(*) FROM opportunities GROUP BY outcome")
    return Counter({str(outcome): int(n) for outcome, n in rows})


@pytest.mark.parametrize(
    "columns",
    [
        {"Won?": say("Y", "N", ""), "Closed": closes()},
        {"Won?": say("Y", "N", "N"), "Closed": closes()},
        {"Won": say("Yes", "No", "No"), "Close date": closes()},
        {"Won": say("1", "0", "")},
        {"Lost": say("FALSE", "TRUE", "FALSE"), "Closed on": closes()},
        {"State": say("Closed", "Closed", "Open"), "Won?": say("Y", "N", ""), "Closed": closes()},
        {"Status": say("Closed", "Closed", "Open"), "Won?": say("Y", "N", "")},
        {"Status": say("Closed", "Closed", "Open"), "Won?": say("Y", "N", "N")},
        {"Closed?": say("Y", "Y", "N"), "Won?": say("Y", "N", "N")},
        {"Won": say("x", "", ""), "Lost": say("", "x", "")},
        {"Won": say("✓", "", ""), "Lost": say("", "✓", "")},
    ],
    ids=", ".join,
)
def test_flags_say_how_deals_ended(tmp_path: Path, columns: dict[str, list[str]]) -> None:
    assert count_ends(tmp_path, make_list(**columns)) == TOLD


@pytest.mark.parametrize(
    "columns",
    [
        {"Won": say("Yes", "No", "No")},
        {"Won": say("Yes", "No", "No"), "Close date": closes("2026-12-01")},
        {"Lost": say("No", "Yes", "No")},
    ],
    ids=["alone", "planned closes", "lost alone"],
)
def test_half_of_the_ends_is_asked_for(tmp_path: Path, columns: dict[str, list[str]]) -> None:
    """A no of an open deal is that of a lost one: a page would call both open."""
    table = make_list(**columns)
    with pytest.raises(LeakkitError, match="ends_half_told") as raised:
        count_ends(tmp_path, table)
    assert "closed_at = '...'" in str(raised.value)
    accepted = count_ends(tmp_path, table, '[source]\naccept = ["ends_half_told"]\n')
    told, other = ("lost", "won") if "Lost" in columns else ("won", "lost")
    assert accepted == {told: TOLD[told], "open": TOLD["open"] + TOLD[other]}


def test_what_a_no_means_can_be_said(tmp_path: Path) -> None:
    table = make_list(Won=say("Yes", "No", ""), Status=say("a", "b", "c")).drop(columns="Status")
    config = '[source]\noutcome = "Won"\n[source.outcomes]\nwon = ["Yes"]\nlost = ["No"]\n'
    assert count_ends(tmp_path, table, config) == TOLD


@pytest.mark.parametrize(
    ("names", "days"),
    [
        (("deals 01-03-2026", "deals 15-03-2026"), ("2026-03-01", "2026-03-15")),
        (("deals 03.01.2026", "deals 03.15.2026"), ("2026-03-01", "2026-03-15")),
        (("deals 2026_03_01", "deals 2026_03_15"), ("2026-03-01", "2026-03-15")),
        (("deals 1404-12-10", "deals 1404-12-24"), ("2026-03-01", "2026-03-15")),
    ],
)
def test_days_in_names_of_files(
    tmp_path: Path, names: tuple[str, str], days: tuple[str, str]
) -> None:
    first = make_list(Status=["open"] * N)
    later = make_list(Status=say("won", "lost", "open"))
    for name, table in zip(names, (first, later), strict=True):
        table.assign(Opened="2026-02-01", Stage="Inquiry").to_csv(
            tmp_path / f"{name}.csv", index=False
        )
    source = leakkit.load(tmp_path)
    said = [one["as_what"] for one in source.meta("recognised") if one["what"] == "snapshot"]
    assert tuple(said) == days
    rows = source.rows("SELECT outcome, count(*) FROM opportunities GROUP BY outcome")
    assert {str(outcome): int(n) for outcome, n in rows} == TOLD


def test_days_in_names_that_can_be_two_are_asked_for(tmp_path: Path) -> None:
    table = make_list(Status=say("won", "lost", "open"))
    for name in ("deals 02.03.2026.csv", "deals 09.03.2026.csv"):
        table.to_csv(tmp_path / name, index=False)
    with pytest.raises(LeakkitError, match="Write the year first") as raised:
        leakkit.load(tmp_path)
    assert raised.value.code == "ambiguous_file_days"
