"""A fault planted into a right export must be seen: said, or refused with the lines that decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources import load

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.store import Store

DEALS = "deal_id,stage,created_at,status,lost_reason\n"
HISTORY = "deal_id,from_stage,stage,entered_at\n"


def files(folder: Path, deals: list[str], history: list[str] | None = None) -> Path:
    """Write a list of deals, and a history of them, into a folder."""
    (folder / "deals.csv").write_text(DEALS + "\n".join(deals), "utf-8")
    if history:
        (folder / "moves.csv").write_text(HISTORY + "\n".join(history), "utf-8")
    return folder


def right(n: int = 10) -> list[str]:
    """Return deals that are right: open ones, lost ones with a reason, and a win each."""
    return [
        f"{kind}{i},{stage},2024-01-{i + 1:02},{status},{reason}"
        for i in range(n)
        for kind, stage, status, reason in (
            ("o", "Offer", "Open", ""),
            ("l", "Talks", "Lost", "Price"),
            ("w", "Offer", "Won", ""),
        )
    ]


def refuse(folder: Path) -> str:
    """Return what is said of a source that disagrees with itself."""
    with pytest.raises(LeakkitError) as caught:
        load(folder)
    assert caught.value.code == "cross_checks"
    return str(caught.value)


def facts(store: Store) -> dict[str, int]:
    """Return the facts of a store, and close it."""
    with store:
        found: dict[str, int] = store.meta("facts")
        return found


def test_a_right_source_is_asked_and_nothing_is_found(tmp_path: Path) -> None:
    with load(files(tmp_path, right())) as store:
        assert store.meta("cross_checks") == []


def test_open_deals_with_reasons_stop_a_run_and_name_the_line(tmp_path: Path) -> None:
    deals = [row.replace("Open,", "Paused,Budget") for row in right()]
    said = refuse(files(tmp_path, deals))
    assert "10 of 30 deals are open and have a reason for their loss" in said
    assert 'lost = ["Paused"]' in said
    own = Config.from_text('[source.outcomes]\nlost = ["Paused"]')
    with load(tmp_path, own) as store:
        assert store.value("SELECT count(*) FROM opportunities WHERE outcome = 'lost'") == 20


def test_one_open_deal_with_a_reason_is_said_and_stands_in_doubt(tmp_path: Path) -> None:
    deals = [*right(), "x,Offer,2024-01-05,Open,Budget"]
    assert facts(load(files(tmp_path, deals)))["open_with_reason"] == 1


def test_unknown_outcomes_are_asked_by_word_and_count(tmp_path: Path) -> None:
    deals = [row.replace("Lost,Price", "Loose,") for row in right()]
    said = refuse(files(tmp_path, deals))
    assert "10 of 30 deals have an outcome in words that are not known" in said
    assert '["Loose"]' in said
    assert "10 deals" in said
    assert "is it 'lose'?" in said


def test_a_source_in_which_nothing_closes_is_asked_for_its_words(tmp_path: Path) -> None:
    days = [f"{i:02}" for i in range(1, 21)]
    rows = [f"{day},,Work,2024-01-{day}\n{day},Work,Closed,2024-02-{day}" for day in days]
    (tmp_path / "moves.csv").write_text(HISTORY + "\n".join(rows), "utf-8")
    assert "Closed (20)" in refuse(tmp_path)
    own = Config.from_text('[source.outcomes]\nwon = ["Closed"]')
    with load(tmp_path, own) as store:
        assert store.value("SELECT count(*) FROM opportunities WHERE outcome = 'won'") == 20


def test_flags_that_say_otherwise_stop_a_run(tmp_path: Path) -> None:
    rows = [
        f"{i}{n},{stage},2024-01-0{n + 1},{won},{closed}"
        for n in range(4)
        for i, stage, won, closed in (
            ("a", "Offer", "false", "false"),
            ("b", "Closed Won", "false", "true"),
            ("c", "Closed Lost", "false", "true"),
        )
    ]
    text = "deal_id,stage,created_at,is_won,is_closed\n" + "\n".join(rows)
    (tmp_path / "deals.csv").write_text(text, "utf-8")
    assert "flags_against_outcome" in refuse(tmp_path)


def test_an_open_deal_stands_where_it_says_and_not_where_its_history_ends(tmp_path: Path) -> None:
    history = [f"{k}{i},,{s},2024-01-{i + 1:02}" for i in range(10) for k, s in (("o", "Talks"),)]
    history += [f"l{i},,Talks,2024-01-{i + 1:02}" for i in range(10)]
    history += [f"w{i},,Offer,2024-01-{i + 1:02}" for i in range(10)]
    with load(files(tmp_path, right(), history)) as store:
        open_at = "SELECT s.name, count(*) FROM passages p JOIN stages s USING (pipeline, stage) "
        assert store.rows(f"{open_at} WHERE exit = 0 GROUP BY s.name") == [("Offer", 10)]
        assert store.meta("facts")["present_stage_ahead"] == 10
    kept = Config.from_text('[source]\npresent_stage = "history"')
    with load(tmp_path, kept) as store:
        assert store.rows(f"{open_at} WHERE exit = 0 GROUP BY s.name") == [("Talks", 10)]


def test_moves_from_elsewhere_stop_a_run_unless_accepted(tmp_path: Path) -> None:
    rows = [f"{i},,A,2024-01-01\n{i},A,B,2024-01-05\n{i},A,Won,2024-01-0{i}" for i in range(6, 10)]
    (tmp_path / "moves.csv").write_text(HISTORY + "\n".join(rows), "utf-8")
    assert "breaks_in_history" in refuse(tmp_path)
    own = Config.from_text('[source]\naccept = ["breaks_in_history"]')
    assert facts(load(tmp_path, own))["breaks_in_history"] == 4


def test_names_that_begin_twice_are_no_ids(tmp_path: Path) -> None:
    rows = [f"Deal {i},,Offer,2024-01-0{i}\nDeal {i},Offer,Won,2024-02-0{i}" for i in range(1, 9)]
    rows += ["Deal 1,,Offer,2024-03-01"]
    text = "Opportunity Name,From Stage,To Stage,Last Modified\n" + "\n".join(rows)
    (tmp_path / "report.csv").write_text(text, "utf-8")
    assert "several_beginnings" in refuse(tmp_path)


def test_ids_that_a_spreadsheet_shortened_are_refused(tmp_path: Path) -> None:
    rows = ["4.12340E+11,,A,2024-01-01", "4.12340E+11,A,Won,2024-01-05", "77,,A,2024-01-02"]
    (tmp_path / "moves.csv").write_text(HISTORY + "\n".join(rows), "utf-8")
    assert "shortened_ids" in refuse(tmp_path)


def test_ids_of_15_and_18_letters_are_one(tmp_path: Path) -> None:
    deals = [row.replace(row[:2], f"0065g0000000{row[:2]}AAAQ", 1) for row in right(3)]
    history = [f"{row[:15]},,Talks,2024-01-01" for row in deals]
    assert all(len(row.partition(",")[0]) == 18 for row in deals)
    with load(files(tmp_path, deals, history)) as store:
        assert store.value("SELECT count(*) FROM opportunities") == 9
        assert store.meta("facts")["ids_of_15_letters"] == 9


@pytest.mark.parametrize("history", [True, False])
@pytest.mark.parametrize("form", ["#{}", "zcrm_{}", "OPP-24-{}", "D{}", "000{}", "{}.0"])
def test_ids_in_another_form_are_matched(tmp_path: Path, form: str, *, history: bool) -> None:
    deals = [f"701{n}{row[2:]}" for n, row in enumerate(right(3), start=10)]
    moves = [f"{row[:5]},,Talks,2024-01-01" for row in deals]
    theirs = moves if history else deals
    theirs[:] = [form.format(row[:5]) + row[5:] for row in theirs]
    named = Config.from_text("[source]\nopportunity_id = 'deal_id'") if not history else None
    with load(files(tmp_path, deals, moves), named) as store:
        assert store.value("SELECT count(*) FROM opportunities") == 9
        assert store.meta("facts")["ids_in_another_form"] == 9
        ids = {row[0] for row in store.rows("SELECT opportunity_id FROM opportunities")}
        assert ids == {row.partition(",")[0] for row in deals}


@pytest.mark.parametrize("form", ["9{}", "AB{}C", "{}7"])
def test_ids_that_are_others_are_not_matched(tmp_path: Path, form: str) -> None:
    deals = [f"701{n}{row[2:]}" for n, row in enumerate(right(3), start=10)]
    moves = [f"{form.format(row[:5])},,Talks,2024-01-01" for row in deals]
    assert "none_in_both" in refuse(files(tmp_path, deals, moves))


def test_one_id_without_the_prefix_is_no_match(tmp_path: Path) -> None:
    deals = [f"701{n}{row[2:]}" for n, row in enumerate(right(3), start=10)]
    moves = [f"#{row[:5]},,Talks,2024-01-01" for row in deals] + ["99,,Talks,2024-01-01"]
    assert "none_in_both" in refuse(files(tmp_path, deals, moves))


def test_a_planned_close_of_a_lost_deal_sets_no_last_day(tmp_path: Path) -> None:
    (tmp_path / "opportunities.csv").write_text(
        "deal_id,created_at,closed_at,status\n"
        "1,2024-01-01,2024-12-31,Lost\n2,2024-01-02,2024-02-01,Won\n3,2024-01-03,,Open\n",
        "utf-8",
    )
    (tmp_path / "stage_history.csv").write_text(
        "opportunity_id,stage,entered_at\n"
        "1,Offer,2024-01-01\n1,Lost,2024-01-20\n2,Offer,2024-01-02\n2,Won,2024-02-01\n3,Offer,2024-01-03\n",
        "utf-8",
    )
    with load(tmp_path) as store:
        assert store.meta("last_day") == 19_754
        assert store.meta("as_of_row") == "stage_history.csv row 4 [entered_at]"
        assert store.meta("facts")["planned_closes"] == 1
        lost = "SELECT closed_day FROM opportunities WHERE opportunity_id = '1'"
        assert store.value(lost) == 19_742


def test_a_close_without_a_time_is_any_time_of_its_day(tmp_path: Path) -> None:
    (tmp_path / "opportunities.csv").write_text(
        "deal_id,created_at,closed_at,status\n1,2024-01-01 08:00,2024-01-05,Lost\n"
        "2,2024-01-01 08:00,2024-01-01,Won\n",
        "utf-8",
    )
    (tmp_path / "stage_history.csv").write_text(
        "opportunity_id,stage,entered_at\n1,Offer,2024-01-05 15:00\n", "utf-8"
    )
    found = facts(load(tmp_path))
    assert "closed_before_entry" not in found
    assert "closed_before_created" not in found


def test_lost_deals_that_stand_elsewhere_stop_a_run(tmp_path: Path) -> None:
    history = [f"{k}{i},,Talks,2024-01-{i + 1:02}" for i in range(10) for k in "ow"]
    history += [f"{k}{i},Talks,Offer,2024-01-{i + 2:02}" for i in range(10) for k in "ow"]
    history += [f"l{i},,Offer,2024-01-{i + 1:02}" for i in range(10)]
    assert "10 of 30 deals were lost in another stage" in refuse(files(tmp_path, right(), history))
    lost_at = (
        "SELECT s.name, count(*) FROM passages p JOIN stages s USING (pipeline, stage) "
        "WHERE exit = 5 GROUP BY ALL"
    )
    kept = Config.from_text('[source]\npresent_stage = "history"')
    with load(tmp_path, kept) as store:
        assert store.rows(lost_at) == [("Offer", 10)]


def test_losses_from_a_stage_without_a_start_stop_a_run(tmp_path: Path) -> None:
    rows = [f"{i},Talks,Closed Lost,2024-01-0{i}" for i in range(1, 5)]
    rows += [f"{i},Talks,Offer,2024-01-0{i}\n{i},Offer,Closed Won,2024-02-01" for i in range(5, 9)]
    (tmp_path / "moves.csv").write_text(HISTORY + "\n".join(rows), "utf-8")
    said = refuse(tmp_path)
    assert "4 of 8 deals were closed from a first stage" in said
    assert "created_at = '...'" in said
    # with a list of deals that says when they were created, the stage is there
    deals = [f"{i},,2024-01-01,Won," for i in range(5, 9)]
    deals += [f"{i},,2024-01-01,Lost," for i in range(1, 5)]
    with load(files(tmp_path, deals)) as store:
        found = "SELECT s.name, exit, count(*) FROM passages JOIN stages s USING (pipeline, stage) "
        assert store.rows(found + "GROUP BY ALL ORDER BY 1 DESC, 2") == [
            ("Talks", 1, 4),
            ("Talks", 5, 4),
            ("Offer", 3, 4),
        ]
