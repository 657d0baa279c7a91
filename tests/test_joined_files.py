"""Files and sheets that the configuration names are read together, as the one table they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import leakkit
from leakkit import sample
from leakkit.cli.endings import TO_FILL
from leakkit.errors import LeakkitError
from tests.running import SMALL, here

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REGIONS = ("north", "south", "west")
PARTS = '[source]\nread = ["deals*.csv", "moves*.csv"]\n'


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the sample into a folder."""
    folder = tmp_path_factory.mktemp("whole")
    sample.write(folder, 300, plan=SMALL)
    return folder


def split(whole: Path, folder: Path, more: str = PARTS) -> dict[str, pd.DataFrame]:
    """Write the sample as a file of deals and one of moves per region; return the deals of each."""
    deals = pd.read_csv(whole / "opportunities.csv", dtype=str)
    moves = pd.read_csv(whole / "stage_history.csv", dtype=str)
    turn = deals["opportunity_id"].map(lambda id_: sum(map(ord, id_)) % len(REGIONS))
    given = {name: deals[turn == at] for at, name in enumerate(REGIONS)}
    for name, own in given.items():
        own.to_csv(folder / f"deals {name}.csv", index=False)
        of_it = moves["opportunity_id"].isin(own["opportunity_id"])
        moves[of_it].to_csv(folder / f"moves {name}.csv", index=False)
    (folder / "leakkit.toml").write_text(f"{(whole / 'leakkit.toml').read_text()}\n{more}")
    return given


def contents(source: Path, config: Path | None = None) -> dict[str, Any]:
    """Return the deals and visits of a source, and the sums of its rows."""
    with leakkit.load(source, config) as store:
        columns = "opportunity, step, pipeline, stage, entered_tick, left_tick, exit, value"
        rows = store.meta("rows")
        return {
            "deals": store.rows(
                "SELECT opportunity_id, outcome, value FROM opportunities ORDER BY ALL"
            ),
            "visits": store.rows(f"SELECT {columns} FROM passages ORDER BY ALL"),
            "rows": [{k: v for k, v in one.items() if k != "file"} for one in rows],
        }


def test_files_named_by_region_are_the_table_they_were_cut_from(
    whole: Path, tmp_path: Path
) -> None:
    given = split(whole, tmp_path)
    assert contents(tmp_path) == contents(whole)
    asked = (tmp_path / "leakkit.toml").read_text()
    named = asked.replace('segments = ["owner"', 'segments = ["file", "owner"')
    assert named != asked
    (tmp_path / "leakkit.toml").write_text(named)
    with leakkit.load(tmp_path) as store:
        found = store.rows("SELECT file, count(*) FROM opportunities GROUP BY file ORDER BY file")
    assert found == [(f"deals {name}", len(own)) for name, own in given.items()]
    said = here("check", str(tmp_path)).stdout
    assert "deals north.csv + deals south.csv + 1 more: 300 rows read = 300 used" in said
    assert "Columns that nothing uses" not in said


def test_without_a_word_none_is_chosen_and_the_line_is_said(whole: Path, tmp_path: Path) -> None:
    split(whole, tmp_path, "")
    with pytest.raises(LeakkitError, match="may be a part of all deals") as caught:
        leakkit.load(tmp_path)
    line = str(caught.value).rpartition("read together: ")[2].rstrip(".")
    config = tmp_path / "leakkit.toml"
    config.write_text(f"{config.read_text()}\n[source]\n{line}\n")
    assert contents(tmp_path) == contents(whole)


def test_sheets_that_are_named_are_one_table(whole: Path, tmp_path: Path) -> None:
    moves = pd.read_csv(whole / "stage_history.csv", dtype=str)
    turn = moves["opportunity_id"].map(lambda id_: sum(map(ord, id_)) % len(REGIONS))
    book, config = tmp_path / "book.xlsx", tmp_path / "own.toml"
    with pd.ExcelWriter(book) as sheets:
        for at, name in enumerate(REGIONS):
            moves[turn == at].to_excel(sheets, sheet_name=name.title(), index=False)
        pd.DataFrame({"made": ["by hand"]}).to_excel(sheets, sheet_name="About", index=False)
    (tmp_path / "moves").mkdir()
    moves.to_csv(tmp_path / "moves" / "stage_history.csv", index=False)
    plain = (whole / "leakkit.toml").read_text().partition("[roles]")
    pipelines = plain[2][plain[2].index("[[pipelines]]") :]
    config.write_text(f"{plain[0]}\n{pipelines}")
    with pytest.raises(LeakkitError, match="has 3 sheets that may be read") as caught:
        leakkit.load(book, config)
    line = str(caught.value).rpartition("read together: ")[2].rstrip(".")
    known = contents(tmp_path / "moves", config)
    config.write_text(f"{plain[0]}\n[source]\n{line}\n{pipelines}")
    assert contents(book, config) == known
    config.write_text(config.read_text().replace("'West'", "'East'"))
    with pytest.raises(LeakkitError, match=r"no sheet 'East'\. There are: North, South"):
        leakkit.load(book, config)


def change(given: Mapping[str, pd.DataFrame], folder: Path, **cells: str) -> str:
    """Write a deal of the north into the file of the south as well; return its id."""
    row = given["north"].iloc[[0]].assign(**cells)
    pd.concat([given["south"], row]).to_csv(folder / "deals south.csv", index=False)
    return str(row["opportunity_id"].iloc[0])


def test_a_row_that_stands_in_two_parts_is_merged(whole: Path, tmp_path: Path) -> None:
    change(split(whole, tmp_path), tmp_path)
    found, known = contents(tmp_path), contents(whole)
    assert (found["deals"], found["visits"]) == (known["deals"], known["visits"])
    assert next((one["read"], one["merged"]) for one in found["rows"]) == (301, 1)


def test_a_row_that_stands_twice_in_one_part_and_once_in_another_is_no_contradiction(
    whole: Path, tmp_path: Path
) -> None:
    given = split(whole, tmp_path)
    given["south"] = pd.concat([given["south"], given["south"].iloc[[0]]])
    given["south"].to_csv(tmp_path / "deals south.csv", index=False)
    pd.concat([given["west"], given["south"].iloc[[0]]]).to_csv(
        tmp_path / "deals west.csv", index=False
    )
    found, known = contents(tmp_path), contents(whole)
    assert (found["deals"], found["visits"]) == (known["deals"], known["visits"])


def test_parts_that_contradict_each_other_are_refused_with_the_deal(
    whole: Path, tmp_path: Path
) -> None:
    deal = change(split(whole, tmp_path), tmp_path, value="1")
    with pytest.raises(
        LeakkitError, match=f"deals north.csv and deals south.csv .*'{deal}'"
    ) as got:
        leakkit.load(tmp_path)
    assert got.value.code == "parts_differ"


def test_files_of_different_days_stay_states_of_the_same_deals(tmp_path: Path) -> None:
    for day, stage in (("2026-03-01", "Offer"), ("2026-03-08", "Won")):
        rows = (
            f"deal_id,stage,created_at,status\n1,{stage},2026-02-01,{stage}\n2,Offer,2026-02-02,x\n"
        )
        (tmp_path / f"deals {day}.csv").write_text(rows)
    assert len(contents(tmp_path)["deals"]) == 2
    (tmp_path / "leakkit.toml").write_text('[source]\nread = ["deals*.csv"]\n')
    assert len(contents(tmp_path)["deals"]) == 2


def test_a_proposal_that_is_not_filled_in_asks_again_which_files_are_read(
    whole: Path, tmp_path: Path
) -> None:
    split(whole, tmp_path, "")
    (tmp_path / "leakkit.toml").unlink()
    out = tmp_path / "proposed.toml"
    said = []
    for _ in range(2):
        assert here("init", str(tmp_path), "--out", str(out)).returncode == TO_FILL
        said.append(out.read_text())
    line = '"deals north.csv" or "deals south.csv" or "deals west.csv": which file is read; or all'
    assert said[0] == said[1]
    assert f'"FILL IN",   # {line}' in said[0]
