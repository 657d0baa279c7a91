"""Rows that nobody asks for: deleted deals, merged ones, test deals, and foreign files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.explaining import explain
from leakkit.sources import load

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.store import Store

DEALS = """deal id,stage,created,closed,amount{more}
d1,Offer,2024-01-01,,10{d1}
d2,Won,2024-01-02,2024-02-01,20{d2}
d3,Lost,2024-01-03,2024-02-02,30{d3}
d4,Offer,2024-01-04,,40{d4}
"""
HISTORY = """deal id,stage,changed on
d1,Offer,2024-01-01
d2,Offer,2024-01-02
d2,Won,2024-02-01
d3,Offer,2024-01-03
d3,Lost,2024-02-02
d4,Offer,2024-01-04
"""


def write_files(folder: Path, **texts: str) -> Path:
    """Write files of a folder: `deals=...` becomes deals.csv."""
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text, "utf-8")
    return folder


def deals(more: str, d1: str = "", d2: str = "", d3: str = "", d4: str = "") -> str:
    """Return the four deals with a further column."""
    return DEALS.format(more=f",{more}", d1=f",{d1}", d2=f",{d2}", d3=f",{d3}", d4=f",{d4}")


def used_ids(store: Store) -> list[str]:
    """Return the ids of the deals that are used."""
    rows = store.rows("SELECT opportunity_id FROM opportunities ORDER BY 1")
    return [str(row[0]) for row in rows]


def count_rows(store: Store) -> list[tuple[int, ...]]:
    """Return read, used, merged, not asked for and set aside of every file; they add up."""
    names = ("read", "used", "merged", "not_asked", "set_aside")
    found = [tuple(int(one[name]) for name in names) for one in store.meta("rows")]
    assert all(one[0] == sum(one[1:]) for one in found)
    return found


@pytest.mark.parametrize(
    ("heading", "yes", "no"),
    [
        ("IsDeleted", "true", "false"),
        ("is_deleted", "1", "0"),
        ("_ab_cdc_deleted_at", "2024-03-01T10:00:00Z", ""),
        ("Deleted Date", "1709287200000", "0"),
        ("Gelöscht", "Ja", "Nein"),
        ("Status", "deleted", "open"),
    ],
)
def test_deleted_deals_take_their_history_along(
    tmp_path: Path, heading: str, yes: str, no: str
) -> None:
    write_files(tmp_path, deals=deals(heading, yes, no, no, no), log=HISTORY)
    with load(tmp_path) as store:
        assert used_ids(store) == ["d2", "d3", "d4"]
        assert store.meta("facts")["deals_deleted"] == 1
        assert count_rows(store) == [(4, 3, 0, 1, 0), (6, 5, 0, 1, 0)]


def test_a_deal_that_is_left_out_is_explained(tmp_path: Path) -> None:
    write_files(tmp_path, deals=deals("is_deleted", "1", "0", "0", "0"), log=HISTORY)
    with pytest.raises(LeakkitError, match="'d1' is not asked for: it is deleted"):
        explain(tmp_path, "d1")


def test_a_heading_of_deletions_needs_cells_that_say_so(tmp_path: Path) -> None:
    write_files(tmp_path, deals=deals("deleted", "the offer", "", "a line", ""), log=HISTORY)
    with load(tmp_path) as store:
        assert len(used_ids(store)) == 4


def test_a_day_of_deletion_may_be_a_plan(tmp_path: Path) -> None:
    write_files(
        tmp_path, deals=deals("Deletion date", "2031-01-01", "2031-01-01", "", ""), log=HISTORY
    )
    with load(tmp_path) as store:
        assert len(used_ids(store)) == 4


def test_a_dash_is_no_deal_that_another_was_merged_into(tmp_path: Path) -> None:
    write_files(tmp_path, deals=deals("merged into", "-", "n/a", "", "-"), log=HISTORY)
    with load(tmp_path) as store:
        assert len(used_ids(store)) == 4


def test_what_is_called_deleted_may_be_kept(tmp_path: Path) -> None:
    write_files(tmp_path, deals=deals("is_deleted", "1", "0", "0", "0"), log=HISTORY)
    with load(tmp_path, Config.from_text("[source]\ndeleted = 'kept'")) as store:
        assert len(used_ids(store)) == 4


def test_a_list_of_deleted_deals_only_is_refused_with_the_line(tmp_path: Path) -> None:
    write_files(tmp_path, deals=deals("is_deleted", "1", "1", "1", "1"))
    with pytest.raises(LeakkitError, match="deleted = 'kept'") as caught:
        load(tmp_path / "deals.csv")
    assert caught.value.code == "nothing_left"


def test_an_outcome_that_is_declared_is_no_deletion(tmp_path: Path) -> None:
    write_files(tmp_path, deals=deals("status", "deleted", "won", "lost", "open"))
    config = Config.from_text("[source.outcomes]\nlost = ['deleted']")
    with load(tmp_path / "deals.csv", config) as store:
        assert store.value("SELECT count(*) FROM opportunities WHERE outcome = 'lost'") == 2


def test_deleted_rows_of_a_history_are_no_moves(tmp_path: Path) -> None:
    rows = HISTORY.replace("\n", ",false\n").replace("on,false", "on,IsDeleted")
    write_files(tmp_path, log=rows + "d1,Lost,2024-01-05,true\n")
    with load(tmp_path / "log.csv") as store:
        assert store.value("SELECT outcome FROM opportunities WHERE opportunity_id = 'd1'") == (
            "open"
        )
        assert store.meta("facts")["rows_deleted"] == 1
        assert count_rows(store) == [(7, 6, 0, 1, 0)]


def test_a_deal_that_was_put_back_stays(tmp_path: Path) -> None:
    text = deals("is_deleted", "0", "0", "0", "0") + "d1,Lost,2024-01-01,,10,1\n"
    text = text.replace("deal id", "opportunity_id")
    write_files(tmp_path, deals=text, log=HISTORY)
    with load(tmp_path) as store:
        assert len(used_ids(store)) == 4
        assert "deals_deleted" not in store.meta("facts")
        assert count_rows(store) == [(5, 4, 0, 1, 0), (6, 6, 0, 0, 0)]


def test_ids_of_salesforce_may_be_cut_in_the_history(tmp_path: Path) -> None:
    ids = {f"d{n}": f"0065g000000000{n}" for n in range(1, 5)}
    listed, log = deals("IsDeleted", "true", "false", "false", "false"), HISTORY
    for short, long in ids.items():
        listed, log = listed.replace(f"{short},", f"{long}AAA,"), log.replace(short, long)
    write_files(tmp_path, deals=listed, log=log)
    with load(tmp_path) as store:
        assert [one[:14] for one in used_ids(store)] == ["0065g000000000"] * 3
        assert count_rows(store)[1] == (6, 5, 0, 1, 0)


@pytest.mark.parametrize(
    "more",
    [
        ("merged into", "d2", "", "", ""),
        ("merged", "yes", "no", "no", "no"),
        ("Merged record IDs", "", "d1;d9", "", ""),
    ],
)
def test_a_deal_that_was_merged_into_another_is_gone(
    tmp_path: Path, more: tuple[str, str, str, str, str]
) -> None:
    write_files(tmp_path, deals=deals(*more), log=HISTORY)
    with load(tmp_path) as store:
        assert used_ids(store) == ["d2", "d3", "d4"]
        assert store.meta("facts")["deals_merged_away"] == 1
        assert count_rows(store) == [(4, 3, 0, 1, 0), (6, 5, 0, 1, 0)]


def test_a_file_may_say_which_deals_were_merged(tmp_path: Path) -> None:
    heading = "deal_id,deal_pipeline_stage_id,property_createdate\n"
    rows = "d1,Offer,2024-01-01\nd2,Won,2024-01-02\n"
    write_files(tmp_path, deal=heading + rows, merged_deal="deal_id,merged_deal_id\nd2,d1\n")
    with load(tmp_path) as store:
        assert used_ids(store) == ["d2"]
        assert store.meta("ignored_files") == []


def test_leave_out_names_deals_by_a_column(tmp_path: Path) -> None:
    write_files(
        tmp_path, deals=deals("Account", "Test GmbH", "Acme", "a [demo]", "Testing"), log=HISTORY
    )
    config = Config.from_text("[source.leave_out]\naccount = ['test gmbh', '* [demo]']")
    with load(tmp_path, config) as store:
        assert used_ids(store) == ["d2", "d4"]
        assert store.meta("facts")["deals_left_out"] == 2
        assert count_rows(store) == [(4, 2, 0, 2, 0), (6, 3, 0, 3, 0)]


def test_leave_out_takes_whole_deals_of_one_file(tmp_path: Path) -> None:
    write_files(tmp_path, log=HISTORY)
    config = Config.from_text("[source.leave_out]\nopportunity_id = 'd2'")
    with load(tmp_path / "log.csv", config) as store:
        assert used_ids(store) == ["d1", "d3", "d4"]
        assert count_rows(store) == [(6, 4, 0, 2, 0)]


def test_leave_out_needs_a_column_that_is_there(tmp_path: Path) -> None:
    write_files(tmp_path, deals=deals("Account", "a", "b", "c", "d"))
    config = Config.from_text("[source.leave_out]\nAcount = 'a'")
    with pytest.raises(LeakkitError, match="did you mean 'Account'"):
        load(tmp_path / "deals.csv", config)


def test_rows_that_where_drops_are_counted(tmp_path: Path) -> None:
    log = "deal id,kind,stage,changed on\nd1,stage,Offer,2024-01-01\nd1,note,x,2024-01-02\n"
    write_files(tmp_path, log=log)
    config = Config.from_text('[source."log.csv"]\nwhere = { kind = "stage" }')
    with load(tmp_path / "log.csv", config) as store:
        assert count_rows(store) == [(2, 1, 0, 1, 0)]
        assert store.meta("facts")["rows_left_out"] == 1


def test_a_history_of_fields_is_counted_from_its_first_row(tmp_path: Path) -> None:
    rows = (
        "Id,OpportunityId,Field,OldValue,NewValue,CreatedDate\n"
        "1,d1,created,,,2024-01-01\n2,d1,Amount,1,2,2024-01-02\n"
        "3,d1,StageName,Offer,Won,2024-01-05\n4,d2,StageName,Offer,Lost,2024-01-06\n"
    )
    listed = "Id,StageName,CloseDate,CreatedDate\nd1,Won,2024-01-05,2024-01-01\n"
    listed += "d2,Lost,2024-01-06,2024-01-02\n"
    write_files(tmp_path, Opportunity=listed, OpportunityFieldHistory=rows)
    with load(tmp_path) as store:
        # the beginning of d2 stands in no row of the history
        assert store.meta("facts")["beginnings"] == 1
        assert count_rows(store) == [(2, 2, 0, 0, 0), (5, 4, 0, 1, 0)]


def test_deals_that_are_deleted_later_do_not_move(tmp_path: Path) -> None:
    text = "deal id,stage,created,is_deleted\n"
    first = text + "d1,Offer,2024-01-01,0\nd2,Offer,2024-01-01,1\nd3,Offer,2024-01-01,0\n"
    last = text + "d1,Order,2024-01-01,0\nd2,Order,2024-01-01,0\nd3,Order,2024-01-01,1\n"
    (tmp_path / "deals 2024-02-01.csv").write_text(first, "utf-8")
    (tmp_path / "deals 2024-03-01.csv").write_text(last, "utf-8")
    with load(tmp_path) as store:
        assert used_ids(store) == ["d1", "d2"]
        assert store.meta("facts")["deals_deleted"] == 1
        by_file = {str(one["file"]): one for one in store.meta("rows") if one["table"] != "history"}
        assert [one["not_asked"] for one in by_file.values()] == [1, 1]
        count_rows(store)


@pytest.mark.parametrize(
    "text",
    [
        "activity_id,customer_id,activity_date\n1,c1,2024-01-08\n",
        "",
        "opportunity_id,at\nd1,01/02/2024\nd2,03/04/2024\n",
    ],
)
def test_activities_of_another_kind_are_named_and_left_out(tmp_path: Path, text: str) -> None:
    write_files(tmp_path, deals=deals("region", "N", "S", "N", "S"), log=HISTORY, activities=text)
    with load(tmp_path) as store:
        assert len(used_ids(store)) == 4
        said = {one["what"] for one in store.meta("recognised") if one["where"] == "activities.csv"}
        assert said & {"unfit", "unreadable"}
