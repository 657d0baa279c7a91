"""Activities: which rows are used, that they add up, and the sign that they carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

import leakkit
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources.check import check
from leakkit.store.design import design_rows

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
as_of = "2026-03-31"
[[pipelines]]
name = "P"
won = ["Won"]
lost = ["Lost"]
stages = [{ name = "A" }, { name = "B", kind = "offer" }]
"""
HISTORY = """opportunity_id,stage,entered_at
1,A,2026-01-01
1,B,2026-01-11
1,Lost,2026-02-10
2,A,2026-01-05
2,Won,2026-01-25
3,A,2026-01-05
3,Nowhere,2026-01-06
"""
ACTIVITIES = """opportunity_id,at,kind
1,2026-01-03,call
1,2026-01-03,call
1,2026-01-03,mail
1,2026-01-20,call
2,2026-05-01,call
3,2026-01-06,call
4,2026-01-06,call
,2026-01-06,call
2,soon,call
"""


def folder(path: Path, activities: str = ACTIVITIES) -> Path:
    (path / "stage_history.csv").write_text(HISTORY, "utf-8")
    (path / "activities.csv").write_text(activities, "utf-8")
    (path / "leakkit.toml").write_text(CONFIG, "utf-8")
    return path


def test_every_row_is_accounted_for(tmp_path: Path) -> None:
    with leakkit.load(folder(tmp_path)) as store:
        (counted,) = [one for one in store.meta("rows") if one["table"] == "activities"]
        kept = store.rows('SELECT opportunity, "at" // 86400, kind FROM activities')
        assert store.meta("facts")["activities_without_deal"] == 1
        assert [one["name"] for one in store.meta("inputs")] == [
            "activities.csv",
            "stage_history.csv",
        ]
        assert store.meta("ignored_files") == []
    # used: three; merged: the equal one; not asked for: after as_of, and a deal unknown;
    # set aside: of a deal set aside, without a deal, without a moment
    parts = {"used": 3, "merged": 1, "not_asked": 2, "set_aside": 3}
    assert {name: counted[name] for name in parts} == parts
    assert counted["read"] == sum(parts.values())
    assert [kind for _, _, kind in kept] == ["call", "mail", "call"]
    assert [day - kept[0][1] for _, day, _ in kept] == [0, 0, 17]


def test_faults_name_the_row(tmp_path: Path) -> None:
    found = check(folder(tmp_path))
    faults = {(one.where, one.row, one.column) for one in found.faults}
    assert ("activities.csv", 8, "opportunity_id") in faults
    assert ("activities.csv", 9, "at") in faults


def test_silence_is_read_off_them(tmp_path: Path) -> None:
    """The offer was lost on day 40, 21 days after the last call; the first 9 were silent."""
    with leakkit.load(folder(tmp_path)) as store:
        rows = design_rows(store, 0, 1, ()).frame
        assert rows[["silent_days", "longest_gap_days"]].to_numpy().tolist() == [[21, 21]]
        rows = design_rows(store, 0, 0, ()).frame
        # deal 1: 2 days to the first call, then 8 to the exit; deal 2: silent all along
        assert rows[["silent_days", "longest_gap_days"]].to_numpy().tolist() == [[8, 8], [20, 20]]


def test_without_them_nothing_is_said_of_silence(tmp_path: Path) -> None:
    folder(tmp_path)
    with leakkit.load(tmp_path) as store:
        with_them = store.meta("fingerprint")
    (tmp_path / "activities.csv").unlink()
    with leakkit.load(tmp_path) as store:
        assert "silent_days" not in design_rows(store, 0, 1, ()).frame
        assert [one["table"] for one in store.meta("rows")] == ["history"]
        assert store.meta("fingerprint") != with_them


def test_frames_and_parquet_say_the_same(tmp_path: Path) -> None:
    acts = pd.read_csv(folder(tmp_path) / "activities.csv", dtype="str", keep_default_na=False)
    frames = {"stage_history": pd.read_csv(tmp_path / "stage_history.csv"), "activities": acts}
    frames["stage_history"]["opportunity_id"] = frames["stage_history"]["opportunity_id"].astype(
        "str"
    )
    kept = 'SELECT opportunity, "at", kind FROM activities ORDER BY ALL'
    with leakkit.load(tmp_path) as store, leakkit.load(frames, Config.from_text(CONFIG)) as other:
        rows = store.rows(kept)
        assert other.rows(kept) == rows
    (tmp_path / "activities.csv").unlink()
    acts.to_parquet(tmp_path / "activities.parquet")
    with leakkit.load(tmp_path) as store:
        assert store.rows(kept) == rows


def test_a_zone_and_other_dates_are_read_as_everywhere(tmp_path: Path) -> None:
    text = "opportunity_id,at,kind\n1,31.01.2026 00:30,call\n"
    zoned = CONFIG.replace('as_of = "2026-03-31"', 'as_of = "2026-03-31"\ntimezone = "Asia/Tehran"')
    (folder(tmp_path, text) / "leakkit.toml").write_text(zoned, "utf-8")
    with leakkit.load(tmp_path) as store:
        (at,) = store.rows('SELECT "at" FROM activities')[0]
    assert pd.Timestamp(at, unit="s") == pd.Timestamp("2026-01-30 21:00")


def test_a_file_without_its_columns_is_named_and_left_out(tmp_path: Path) -> None:
    folder(tmp_path, "opportunity_id,when\n1,2026-01-03\n")
    with leakkit.load(tmp_path) as store:
        assert store.meta("ignored_files") == ["activities.csv"]
        assert [one["table"] for one in store.meta("rows")] == ["history"]


def test_the_file_twice_is_refused(tmp_path: Path) -> None:
    (folder(tmp_path) / "activities.jsonl").write_text('{"opportunity_id": "1"}\n', "utf-8")
    with pytest.raises(LeakkitError, match="holds activities twice"):
        leakkit.load(tmp_path)
