"""The deals behind a number as a view and as files: whole, safe, and the same as counted."""

from __future__ import annotations

import csv
import io
from functools import cache
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

import leakkit
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.views.exploring import Follower
from leakkit.views.picture_widgets import DealWidgets

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.analysis import Analysis

HOSTILE = ("=1+1", "<script>alert(1)</script>", "@SUM(A1)", "a/b?c=\"d\"&e='f'", "plain")
CONFIG = """
[source]
link = "https://crm.example/deals/{opportunity_id}"
[[pipelines]]
name = "P"
stages = [{ name = "A" }, { name = "B" }]
"""


@cache
def analysis() -> Analysis:
    rows, moves = [], []
    for at in range(60):
        deal, day = f"{HOSTILE[at % 5]}{at}", pd.Timestamp("2026-01-01") + pd.Timedelta(days=at)
        rows.append(
            (deal, HOSTILE[(at + 1) % 5], "" if at % 3 else HOSTILE[at % 5], 100.25 * at or None)
        )
        moves.append((deal, "A", day))
        moves.append((deal, "B" if at % 3 else "Lost", day + pd.Timedelta(days=3 + at % 5)))
    names = ["opportunity_id", "name", "lost_reason", "value"]
    frames = {
        "opportunities": pd.DataFrame(rows, columns=names),
        "stage_history": pd.DataFrame(moves, columns=["opportunity_id", "stage", "entered_at"]),
    }
    return leakkit.analyze(leakkit.load(frames, Config.from_text(CONFIG)))


def test_files_hold_every_row_and_nothing_runs(tmp_path: Path) -> None:
    view = leakkit.views.deals(analysis(), stage="A", left="lost")
    lost = analysis()["P"]["A"].exits.lost
    text = view.save(tmp_path / "deals.csv").read_bytes().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == lost == 20
    assert not any(cell.startswith(("=", "@", "+", "-")) for row in rows for cell in row.values())
    total = sum(float(row["Value"] or 0) for row in rows)
    assert round(total * 100) == analysis()["P"]["A"].value_lost
    assert {row["How it left"] for row in rows} == {"Lost"}
    book = CalamineWorkbook.from_path(str(view.save(tmp_path / "deals.xlsx")))
    sheet = book.get_sheet_by_index(0).to_python()
    assert len(sheet) == lost + 1
    assert sheet[0][:4] == ["Pipeline", "Stage", "How it left", "Deal"]
    assert all(isinstance(row[6], float) or row[6] == "" for row in sheet[1:])
    assert view.save(tmp_path / "again.xlsx").read_bytes() == (tmp_path / "deals.xlsx").read_bytes()


def test_texts_are_escaped_and_links_lead_to_the_deal_only() -> None:
    html = leakkit.views.deals(analysis()).section()
    assert "<script" not in html
    assert "https://crm.example/deals/%3Cscript%3Ealert%281%29%3C%2Fscript%3E" in html
    assert "https://crm.example/deals/a%2Fb%3Fc%3D%22d%22%26e%3D%27f%27" in html
    plain = leakkit.views.deals(leakkit.analyze(leakkit.load("sample"), "Projects"))
    assert "<a " not in plain.section()


@pytest.mark.parametrize("link", ["javascript:alert(1)//{opportunity_id}", "https://crm.example/"])
def test_a_link_is_an_address_with_a_place_for_the_id(link: str) -> None:
    with pytest.raises(LeakkitError, match="it should look like https"):
        Config.from_text(f'[source]\nlink = "{link}"\n')


@pytest.mark.parametrize(
    "sort", ["-value", "value", "-days", "entered", "-left_on", "owner", "name"]
)
def test_deals_are_sorted_by_a_column_and_nothing_is_lost(sort: str) -> None:
    plain, rows = (leakkit.views.deals(analysis(), sort=by).rows for by in ("", sort))
    name = {"left_on": "Left on", "entered": "Came in on", "days": "Days in stage"}.get(
        sort.lstrip("-"), sort.lstrip("-").title()
    )
    known = rows[name][rows[name].notna() & (rows[name] != "")]
    cells = [one.casefold() if isinstance(one, str) else one for one in known]
    assert cells == sorted(cells, reverse=sort.startswith("-"))
    assert known.index.tolist() == list(range(len(known))), "unknown ones come last"
    assert sorted(map(str, rows.to_numpy().tolist())) == sorted(map(str, plain.to_numpy().tolist()))


def test_lost_ones_come_first_in_every_stage() -> None:
    rows = leakkit.views.deals(analysis()).rows
    for _, here in rows.groupby("Stage"):
        lost = (here["How it left"] == "Lost").tolist()
        assert lost == sorted(lost, reverse=True)
    with pytest.raises(LeakkitError, match="They are by: value, days"):
        leakkit.views.deals(analysis(), sort="colour")


def test_the_list_is_sorted_and_searched_by_its_own_choices() -> None:
    shown = leakkit.explore(leakkit.views.deals, leakkit.filters(analysis()))
    assert isinstance(shown, Follower)
    choices = DealWidgets(shown)
    choices.left.value, choices.sort.value = "lost", "-value"
    choices.search.value = " PLAIN "
    wanted = leakkit.views.deals(analysis(), left="lost", search="plain", sort="-value")
    assert shown.view.section() == wanted.section()
    assert shown.code.endswith(", left='lost', sort='-value', search='PLAIN')")
    assert {value for _, value in choices.sort.options} >= {"", "-value", "owner", "-left_on"}
    assert 0 < len(wanted.rows) < len(leakkit.views.deals(analysis(), left="lost").rows)


def test_a_way_to_leave_that_is_not_there_is_named() -> None:
    with pytest.raises(LeakkitError, match="There are: lost, overdue, returned, advanced"):
        analysis().deals("P", left="gone")
