"""Footers, groups, lists without ids or headings, and tables as databases write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources import load
from leakkit.sources.check import check
from leakkit.sources.formats.headers_and_footers import footer_of
from tests.test_left_out import count_rows, used_ids

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.store import Store

REPORT = (
    '"Opportunity Owner","Opportunity Name","From Stage","To Stage","Last Modified"\n'
    '"Ann","d1","","Offer","2024-01-13"\n"Ann","d1","Offer","Closed Won","2024-01-20"\n'
    '"Ann","d2","","Offer","2024-01-14"\n'
)
FOOTER = ("", "Opportunity History", "Copyright (c) 2000-2026 Acme", "Confidential", "Acme GmbH")
BOARD = (
    "Name,Deal stage,Deal status,Created,Deal value\n"
    "Alpha,Offer,Open,2024-01-01,10\nAlpha,Closing,Won,2024-01-02,20\n"
    "Renewals,,,,\nBeta,Deal Stage,,Created,\n"
    "Gamma,Offer,Lost,2024-01-03,30\n,,,,60\n"
)


def write_file(folder: Path, text: str | bytes, name: str = "deals.csv") -> Path:
    """Write a file, and return its path."""
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def cells(store: Store, columns: str) -> list[tuple[object, ...]]:
    """Return columns of the deals that are used."""
    return store.rows(f"SELECT {columns} FROM opportunities ORDER BY opportunity_id")


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("padded", [False, True])
def test_the_footer_of_a_report_is_no_row(tmp_path: Path, ends: str, *, padded: bool) -> None:
    lines = [f'"{line}"' + ",,,," * padded if line else "" for line in FOOTER]
    file = write_file(tmp_path, REPORT + ends.join(lines) + ends)
    with load(file) as store:
        assert used_ids(store) == ["d1", "d2"]
        assert count_rows(store) == [(7, 3, 0, 4, 0)]
        assert store.meta("facts")["footer_rows"] == 4


def test_the_footer_of_a_sheet_is_no_row(tmp_path: Path) -> None:
    rows = [[cell.strip('"') for cell in line.split(",")] for line in REPORT.splitlines()]
    rows += [[line, "", "", "", ""] for line in FOOTER]
    file = tmp_path / "report.xlsx"
    pd.DataFrame(rows).to_excel(file, header=False, index=False)
    with load(file) as store:
        assert used_ids(store) == ["d1", "d2"]
        assert count_rows(store) == [(7, 3, 0, 4, 0)]


def test_a_row_that_is_cut_off_is_no_footer(tmp_path: Path) -> None:
    with pytest.raises(LeakkitError) as caught:
        load(write_file(tmp_path, REPORT + '"Ann"\n'))
    assert caught.value.code == "broken_rows"


@pytest.mark.parametrize(
    ("rows", "cut"),
    [
        (["a,b,c", "d9,,", "Copyright 2026,,"], 1),
        (["a,b,c", "d9,,", ",,", "History", "Copyright 2026"], 3),
        (["a,b,c", "d9,,", ",,", "d10,,"], 0),
        (["a,b,c", "Copyright 2026,x,"], 0),
    ],
)
def test_a_footer_begins_with_a_blank_row_or_its_words(rows: list[str], cut: int) -> None:
    assert footer_of([row.split(",") for row in rows], 3) == cut


def test_totals_with_a_number_of_rows_are_totals(tmp_path: Path) -> None:
    text = "deal id,stage,created,amount\nd1,Won,2024-01-01,1\nd2,Lost,2024-01-02,2\n"
    file = write_file(tmp_path, text + "Grand Totals (2 records),,,3\n")
    with load(file) as store:
        assert used_ids(store) == ["d1", "d2"]
        assert count_rows(store)[0] == (3, 2, 0, 0, 1)


def test_a_board_without_ids_has_a_deal_in_each_row(tmp_path: Path) -> None:
    with load(write_file(tmp_path, BOARD.replace("Name", "Deal name", 1))) as store:
        assert used_ids(store) == ["row 1", "row 2", "row 5"]
        assert [row[0] for row in cells(store, "name")] == ["Alpha", "Alpha", "Gamma"]
        assert [row[0] for row in cells(store, "outcome")] == ["open", "won", "lost"]
        assert count_rows(store)[0] == (6, 3, 0, 0, 3)
        facts = store.meta("facts")
        assert (facts["lone_cells"], facts["repeated_headings"]) == (2, 1)
        assert ("row_deals", "row") in {(o["what"], o["as_what"]) for o in store.meta("recognised")}
        assert "Deal Stage" not in {str(row[0]) for row in store.rows("SELECT name FROM stages")}


def test_names_that_stand_often_are_no_deals(tmp_path: Path) -> None:
    text = "deal name,stage,created\n" + "Alpha,Offer,2024-01-01\nAlpha,Won,2024-01-01\n" * 3
    file = write_file(tmp_path, text)
    with pytest.raises(LeakkitError, match="each_row_is_a_deal = true") as caught:
        load(file)
    assert caught.value.code == "no_ids"
    asked = Config.from_text("[source]\neach_row_is_a_deal = true")
    with load(file, asked) as store:
        assert len(used_ids(store)) == 6


def test_deals_that_are_known_by_name_only_are_rows(tmp_path: Path) -> None:
    text = "Opportunity Name,Stage,Close Date,Opportunity Owner,Created Date\n"
    rows = "Renewal,Closed Won,2024-02-01,Ann,2024-01-01\nRenewal,Offer,2024-02-03,Ann,2024-01-02\n"
    file = write_file(tmp_path, text + rows + "New,Closed Lost,2024-02-03,Bo,2024-01-02\n")
    with load(file) as store:
        assert used_ids(store) == ["row 1", "row 2", "row 3"]


def test_a_file_without_headings_is_refused_with_the_line(tmp_path: Path) -> None:
    rows = "d1,Offer,2024-01-13\nd1,Won,2024-01-20\nd2,Offer,2024-01-14\n"
    file = write_file(tmp_path, rows, "log.csv")
    with pytest.raises(LeakkitError) as caught:
        load(file)
    assert caught.value.code == "no_headings"
    line = 'headings = ["column 1", "column 2", "column 3"]'
    assert line in str(caught.value)
    named = '["opportunity_id", "stage", "entered_at"]'
    for table in ("[source]", '[source."log.csv"]'):
        with load(file, Config.from_text(f"{table}\nheadings = {named}")) as store:
            assert used_ids(store) == ["d1", "d2"]
            assert count_rows(store) == [(3, 3, 0, 0, 0)]
    with pytest.raises(LeakkitError, match="has 3 columns"):
        load(file, Config.from_text("[source]\nheadings = ['a', 'b']"))


def test_headings_that_are_days_of_a_plan_are_headings(tmp_path: Path) -> None:
    file = write_file(tmp_path, "deal,2024-01-01,2024-02-01\nd1,Offer,Won\n")
    with pytest.raises(LeakkitError) as caught:
        load(file)
    assert caught.value.code != "no_headings"


def test_rows_without_a_stage_may_be_in_one_of_their_own(tmp_path: Path) -> None:
    text = "opportunity_id,stage,entered_at\nd1,Offer,2024-01-01\nd1,,2024-01-02\n"
    file = write_file(tmp_path, text + "d1,Won,2024-01-03\nd2,Offer,2024-01-04\n", "log.csv")
    found = check(file)
    assert [(fault.row, fault.rule) for fault in found.faults] == [(2, "unknown_stage")]
    assert "unnamed_stage = '...'" in found.faults[0].hint
    with load(file, Config.from_text("[source]\nunnamed_stage = 'Gone'")) as store:
        assert used_ids(store) == ["d1", "d2"]
        assert "Gone" in {str(row[0]) for row in store.rows("SELECT name FROM stages")}


OUTFILE = (
    "opportunity_id,name,stage,created_at,amount\n"
    '"d1","Screen 32\\"","Won","2024-01-01",10\n'
    '"d2","A \\"B\\", C\\\\","Lost","2024-01-02",\\N\n"d3",\\N,"Offer","2024-01-03",30\n'
)
COPY = (
    "opportunity_id\tname\tstage\tcreated_at\n"
    'd1\tA 3" pipe\\tlong\tWon\t2024-01-01\nd2\tC:\\\\temp\tLost\t2024-01-02\n'
    "d3\t\\N\tOffer\t2024-01-03\n"
)


def test_tables_are_read_as_databases_write_them(tmp_path: Path) -> None:
    with load(write_file(tmp_path, OUTFILE)) as store:
        names = [row[0] for row in cells(store, "name")]
        assert names == ['Screen 32"', 'A "B", C\\', ""]
        assert cells(store, "value")[1][0] is None
        assert count_rows(store)[0] == (3, 3, 0, 0, 0)
    with load(write_file(tmp_path, COPY, "deals.tsv")) as store:
        assert [row[0] for row in cells(store, "name")] == ['A 3" pipe\tlong', "C:\\temp", ""]


def test_backslashes_of_people_stay(tmp_path: Path) -> None:
    text = 'opportunity_id,name,stage,created_at\nd1,"C:\\new\\",Won,2024-01-01\n'
    with load(
        write_file(tmp_path, text + 'd2,"a ""b""",Lost,2024-01-02\nd3,\\N,A,2024-01-03\n')
    ) as s:
        assert [row[0] for row in cells(s, "name")] == ["C:\\new\\", 'a "b"', ""]


def test_single_nuls_before_rich_text_are_dropped(tmp_path: Path) -> None:
    text = b'opportunity_id,note,stage,created_at\nd1,"\0<p>x","Won",2024-01-01\n'
    with load(write_file(tmp_path, text)) as store:
        assert used_ids(store) == ["d1"]
        assert store.meta("facts")["nul_bytes_dropped"] == 1
    for broken in (text.replace(b"\0", b"\0\0"), text.replace(b"Won", b"W\0n")):
        with pytest.raises(LeakkitError) as caught:
            load(write_file(tmp_path, broken))
        assert caught.value.code == "nul_bytes"
