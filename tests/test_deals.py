"""What becomes of a deal: each row of the contract's table, on the real loader, by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from leakkit.sources import load
from leakkit.store import schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ONE_DEAL = "d,01-01,,,"
CONFIG = """
as_of = "2024-06-30"
{more}
[[pipelines]]
name = "Sales"
won = ["Won"]
lost = ["Lost", "Cancelled"]
stages = [
  {{ name = "A", aliases = ["Alpha"] }},
  {{ name = "B" }},
  {{ name = "C" }},
  {{ name = "D" }},
]
"""
OTHER = """
[[pipelines]]
name = "Other"
won = ["Won"]
lost = ["Lost"]
stages = [{ name = "X" }, { name = "Y" }]
"""
IGNORE = "[source]\nignore_unknown_stages = true\n"

PASSAGES = """
SELECT p.stage, p.entry, p.exit, p.left_tick - p.entered_tick, p.skipped
FROM passages p ORDER BY p.opportunity, p.step
"""
DEALS = """
SELECT opportunity_id, outcome, strftime(make_timestamp(created_at * 1000000), '%m-%d'),
       strftime(make_timestamp(closed_at * 1000000), '%m-%d'), value
FROM opportunities ORDER BY opportunity
"""


@dataclass(frozen=True)
class Told:
    """What the loader made of a source.

    A passage is (stage, entry, exit, days stayed), with `skipped` in a list of its own; a
    deal is (id, outcome, month and day of creation and of the close, value in cents); the
    rows of a file are (used, merged, not asked for, set aside).
    """

    passages: list[tuple[str, str, str, int | None]]
    skipped: list[int]
    deals: list[tuple[str, str, str | None, str | None, int | None]]
    facts: dict[str, int]
    rows: dict[str, tuple[int, int, int, int]]
    faults: list[tuple[Any, ...]]


@pytest.fixture
def tell(tmp_path: Path) -> Callable[..., Told]:
    """Load a source from its lines; dates are month and day of 2024."""

    def load_lines(history: str, opportunities: str | None = ONE_DEAL, **more: str) -> Told:
        write_lines(tmp_path, history, opportunities, **more)
        with load(tmp_path) as store:
            return read(store)

    return load_lines


def write_lines(
    folder: Path,
    history: str,
    opportunities: str | None,
    *,
    more: str = "",
    pipelines: str = "",
    heading: str = "opportunity_id,stage,entered_at",
) -> None:
    """Write a source from its lines."""
    write(folder / "stage_history.csv", heading, history)
    if opportunities is not None:
        head = "opportunity_id,created_at,closed_at,outcome,value"
        head += ",pipeline,stage"[: 9 * (opportunities.split("\n")[0].count(",") - 4)]
        write(folder / "opportunities.csv", head, opportunities)
    config = CONFIG.format(more=more) + pipelines
    (folder / "leakkit.toml").write_text(config, "utf-8")


def write(path: Path, heading: str, lines: str) -> None:
    """Write a file; `01-05` and `01-05 14:00` become moments of 2024."""
    cells = [
        ",".join(f"2024-{cell}" if cell[2:3] == "-" else cell for cell in line.strip().split(","))
        for line in lines.strip().splitlines()
    ]
    path.write_text("\n".join([heading, *cells, ""]), "utf-8")


def read(store: Any) -> Told:  # noqa: ANN401 - a Store
    """Read what the tests ask about."""
    names = {row[:2]: row[2] for row in store.rows("SELECT pipeline, stage, name FROM stages")}
    pipelines = [row[0] for row in store.rows(
        "SELECT p.pipeline FROM passages p ORDER BY p.opportunity, p.step"
    )]  # fmt: skip
    rows = store.rows(PASSAGES)
    return Told(
        passages=[
            (names[pipeline, stage], schema.ENTRIES[entry], schema.EXITS[exit_], days)
            for pipeline, (stage, entry, exit_, days, _) in zip(pipelines, rows, strict=True)
        ],
        skipped=[row[4] for row in rows],
        deals=store.rows(DEALS),
        facts={
            code: n
            for code, n in store.meta("facts").items()
            if code not in {"value_missing", "from_stage_used"}
        },
        rows={
            count["file"].removesuffix(".csv"): (
                count["used"],
                count["merged"],
                count["not_asked"],
                count["set_aside"],
            )
            for count in store.meta("rows")
        },
        faults=store.rows("SELECT file, line, field, content, rule FROM faults ORDER BY ALL"),
    )


# ---------------------------------------------------------------------------------------------
# Outcome column and closing moments
# ---------------------------------------------------------------------------------------------

LOST_IN_HISTORY = "d,A,01-01\nd,Lost,01-05"


def test_outcome_and_closed_row_disagree_the_later_moment_wins(tell: Callable[..., Told]) -> None:
    found = tell(LOST_IN_HISTORY, "d,01-01,01-08,Won,")
    assert found.passages == [("A", "new", "won_here", 7)]
    assert found.deals == [("d", "won", "01-01", "01-08", None)]
    assert found.facts == {"outcome_disagrees": 1}
    assert found.faults == [("opportunities.csv", 1, "outcome", "Won", "outcome_disagrees")]


@pytest.mark.parametrize("closed_at", ["01-03", "01-05", ""])
def test_outcome_and_closed_row_disagree_the_history_wins_a_tie(
    closed_at: str, tell: Callable[..., Told]
) -> None:
    found = tell(LOST_IN_HISTORY, f"d,01-01,{closed_at},Won,")
    assert found.passages == [("A", "new", "lost", 4)]
    assert found.deals == [("d", "lost", "01-01", "01-05", None)]
    assert found.facts == {"outcome_disagrees": 1}


def test_outcome_open_and_closed_row_disagree(tell: Callable[..., Told]) -> None:
    found = tell(LOST_IN_HISTORY, "d,01-01,01-05,Open,")
    assert found.deals == [("d", "lost", "01-01", "01-05", None)]
    assert found.facts == {"outcome_disagrees": 1}


def test_closed_without_a_closing_moment_at_the_last_known_change(
    tell: Callable[..., Told],
) -> None:
    found = tell("d,A,01-01\nd,B,01-04\nd,B,01-07", "d,01-01,,Lost,")
    assert found.passages == [("A", "new", "next", 3), ("B", "from_previous", "lost", 3)]
    assert found.facts == {"closed_without_moment": 1}


def test_closed_without_a_closing_moment_and_without_history(tell: Callable[..., Told]) -> None:
    found = tell("e,A,01-01", "d,01-01,,Lost,\ne,01-01,,,")
    assert found.deals[0] == ("d", "lost", "01-01", None, None)
    assert found.facts == {"closed_without_moment": 1, "without_history": 1}


def test_closed_before_its_last_stage_entry(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-01\nd,B,01-04", "d,01-01,01-02,Lost,")
    assert found.passages[-1] == ("B", "from_previous", "lost", 0)
    assert found.deals[0][3] == "01-04"
    assert found.facts == {"closed_before_entry": 1}


def test_open_with_a_closing_moment_in_the_past(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-01", "d,01-01,01-02,Open,")
    assert found.passages == [("A", "new", "open", None)]
    assert found.deals == [("d", "open", "01-01", None, None)]
    assert found.facts == {"open_with_closed_at": 1}


def test_open_with_a_closing_moment_in_the_past_without_history(tell: Callable[..., Told]) -> None:
    found = tell("e,A,01-01", "d,01-01,01-02,Open,\ne,01-01,,,")
    assert found.deals[0] == ("d", "open", "01-01", None, None)
    assert found.facts == {"open_with_closed_at": 1, "without_history": 1}


def test_an_outcome_after_as_of_is_not_known_yet(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-01", "d,01-01,07-01,Won,")
    assert found.deals == [("d", "open", "01-01", None, None)]
    assert found.facts == {"closes_after_as_of": 1}


def test_an_outcome_after_as_of_and_a_history_that_closed(tell: Callable[..., Told]) -> None:
    found = tell(LOST_IN_HISTORY, "d,01-01,07-01,Won,")
    assert found.deals == [("d", "lost", "01-01", "01-05", None)]
    assert found.facts == {"closes_after_as_of": 1, "outcome_disagrees": 1}


def test_an_outcome_that_is_no_known_word_says_nothing(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-01", "d,01-01,01-02,Perhaps,")
    assert found.deals == [("d", "open", "01-01", None, None)]
    assert found.facts == {"outcome_unknown": 1}
    assert found.faults == [("opportunities.csv", 1, "outcome", "Perhaps", "outcome_unknown")]


# ---------------------------------------------------------------------------------------------
# One of the two files only
# ---------------------------------------------------------------------------------------------


def test_opportunity_without_history(tell: Callable[..., Told]) -> None:
    found = tell("e,A,01-01", "d,01-01,01-03,Lost,5,,b\ne,01-01,,,,,")
    assert found.passages == [("A", "new", "open", None)]
    assert found.deals[0] == ("d", "lost", "01-01", "01-03", 500)
    assert found.facts == {"without_history": 1, "history_older_than_deals": 1}


@pytest.mark.parametrize(("stage", "kept"), [("b", 1), ("Alpha", 0), ("Elsewhere", None)])
def test_opportunity_without_history_keeps_its_current_stage(
    stage: str, kept: int | None, tmp_path: Path
) -> None:
    write(tmp_path / "stage_history.csv", "opportunity_id,stage,entered_at", "e,C,01-01")
    write(tmp_path / "opportunities.csv", "opportunity_id,stage", f"d,{stage}\ne,{stage}")
    (tmp_path / "leakkit.toml").write_text(CONFIG.format(more=""), "utf-8")
    with load(tmp_path) as store:
        stages = store.rows("SELECT current_stage FROM opportunities ORDER BY opportunity")
    assert stages == [(kept,), (None,)]


def test_history_without_an_opportunity(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-02\ne,A,01-03", "e,01-03,,,7")
    assert found.deals == [
        ("d", "open", "01-02", None, None),
        ("e", "open", "01-03", None, 700),
    ]
    assert found.facts == {"history_without_opportunity": 1, "created_missing": 1}


def test_files_that_have_no_deal_in_common_are_said_to(tell: Callable[..., Told]) -> None:
    found = tell("A1,A,01-02\nA2,A,01-03", "1,01-02,,,7\n2,01-03,,,8")
    assert found.facts["none_in_both"] == 2
    assert "none_in_both" not in tell("A1,A,01-02\n2,A,01-03", "1,01-02,,,7\n2,01-03,,,8").facts


def test_history_only_is_no_fault(tell: Callable[..., Told]) -> None:
    assert tell("d,A,01-02", None).facts == {"created_missing": 1}


# ---------------------------------------------------------------------------------------------
# Where a history starts
# ---------------------------------------------------------------------------------------------

CHANGES = "opportunity_id,stage,entered_at,from_stage"


def test_first_row_is_a_change_from_a_to_b(tell: Callable[..., Told]) -> None:
    found = tell("d,C,01-04,A\nd,D,01-06,B", "d,01-01,,,", heading=CHANGES)
    assert found.passages == [
        ("A", "new", "jumped", 3),
        ("C", "jumped_in", "next", 2),
        ("D", "from_previous", "open", None),
    ]
    assert found.rows["stage_history"] == (2, 0, 0, 0)
    # the second row comes from B, and the deal was in C
    assert found.facts == {"breaks_in_history": 1}


@pytest.mark.parametrize("created_at", ["", "01-05"])
def test_first_row_is_a_change_without_a_start(created_at: str, tell: Callable[..., Told]) -> None:
    found = tell("d,C,01-04,A", f"d,{created_at},,,", heading=CHANGES)
    assert found.passages == [("C", "new", "open", None)]
    assert found.facts["from_stage_without_start"] == 1
    assert found.deals[0][2] == "01-04"


def test_first_row_is_a_change_that_closes(tell: Callable[..., Told]) -> None:
    found = tell("d,Lost,01-04,B\nd,B,01-05,", "d,01-01,,,", heading=CHANGES)
    assert found.passages == [("B", "new", "open", None)]
    assert found.facts == {"close_undone": 1, "started_at_stage": 1}
    assert found.rows["stage_history"] == (0, 2, 0, 0)


def test_starts_in_the_middle(tell: Callable[..., Told]) -> None:
    found = tell("d,C,01-04")
    assert found.passages == [("C", "new", "open", None)]
    assert found.facts == {"started_at_stage": 1}


def test_created_after_its_first_stage_entry(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-04", "d,01-06,,,")
    assert found.deals[0][2] == "01-04"
    assert found.facts == {"created_after_entry": 1}


# ---------------------------------------------------------------------------------------------
# The way through the stages
# ---------------------------------------------------------------------------------------------


def test_won_from_the_middle(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-01\nd,B,01-02\nd,Won,01-06")
    assert found.passages[-1] == ("B", "from_previous", "won_here", 4)
    assert found.skipped == [0, 2]


def test_moves_two_stages_forward(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-01\nd,C,01-05")
    assert found.passages == [("A", "new", "jumped", 4), ("C", "jumped_in", "open", None)]
    assert found.skipped == [1, 0]


def test_moves_back(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-01\nd,C,01-02\nd,B,01-04\nd,C,01-07")
    assert [row[:3] for row in found.passages] == [
        ("A", "new", "jumped"),
        ("C", "jumped_in", "returned"),
        ("B", "returned_in", "next"),
        ("C", "from_previous", "open"),
    ]


def test_equal_neighbours_merge(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-01\nd, alpha ,01-03\nd,B,01-04\nd,Lost,01-05\nd,Cancelled,01-20")
    assert [row[0] for row in found.passages] == ["A", "B"]
    assert found.deals[0][3] == "01-05"
    assert found.rows["stage_history"] == (3, 2, 0, 0)


def test_two_stages_at_the_same_moment_by_seq(tell: Callable[..., Told]) -> None:
    heading = "opportunity_id,stage,entered_at,seq"
    found = tell("d,B,01-01,2\nd,A,01-01,1", heading=heading)
    assert [row[0] for row in found.passages] == ["A", "B"]
    assert found.facts == {}
    first = tell("d,A,01-01,\nd,B,01-01,7", heading=heading)
    assert [row[0] for row in first.passages] == ["B", "A"]
    assert first.facts == {"ties": 1, "started_at_stage": 1}


@pytest.mark.parametrize(
    ("others", "order"),
    [
        ("e,A,01-01\ne,B,01-02", ["B", "A"]),  # the file runs forward: as it stands
        ("e,B,01-02\ne,A,01-01", ["A", "B"]),  # newest first: the other way round
        ("e,A,01-01\ne,B,01-02\ne,C,01-01", ["A", "B"]),  # neither: the declared order
    ],
)
def test_two_stages_at_the_same_moment_by_the_direction_of_the_file(
    others: str, order: list[str], tell: Callable[..., Told]
) -> None:
    found = tell(f"d,B,03-01\n{others}\nd,A,03-01")
    assert [row[0] for row in found.passages][:2] == order
    assert found.facts["ties"] >= 1


def test_two_stages_at_the_same_moment_closes_stand_last(tell: Callable[..., Told]) -> None:
    found = tell("d,Lost,03-01\nd,B,03-01\nd,A,03-01")
    assert found.passages == [("A", "new", "next", 0), ("B", "from_previous", "lost", 0)]
    assert found.facts == {"ties": 2}


# ---------------------------------------------------------------------------------------------
# After a close
# ---------------------------------------------------------------------------------------------


def test_reopened_within_a_day_is_an_edit(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-01\nd,Lost,01-05 00:01\nd,A,01-06 23:59\nd,B,01-09")
    assert found.passages == [("A", "new", "next", 8), ("B", "from_previous", "open", None)]
    assert found.facts == {"close_undone": 1}
    assert found.rows["stage_history"] == (2, 2, 0, 0)


def test_reopened_later_the_close_stays_an_exit(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-01\nd,Lost,01-05 23:59\nd,B,01-07 00:01\nd,Won,01-09")
    assert found.passages == [("A", "new", "lost", 4), ("B", "reopened", "won_here", 2)]
    assert found.deals[0][1] == "won"


def test_several_closes_within_a_day_the_last_one_stands(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-01\nd,Lost,01-05\nd,Won,01-06\nd,Lost,01-07")
    assert found.passages == [("A", "new", "lost", 6)]
    assert found.facts == {"close_undone": 2}


def test_a_win_after_a_loss_reopens_for_no_time(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-01\nd,B,01-02\nd,Lost,01-05\nd,Won,01-09")
    assert found.passages[1:] == [
        ("B", "from_previous", "lost", 3),
        ("B", "reopened", "won_here", 0),
    ]
    assert found.facts == {"reopened_by_close": 1}


def test_a_loss_after_a_win_is_not_asked_for(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-01\nd,Won,01-05\nd,Lost,01-09\nd,Won,02-09")
    assert found.passages == [("A", "new", "won_here", 4)]
    assert found.facts == {"closed_after_win": 1}
    assert found.rows["stage_history"] == (2, 1, 1, 0)


def test_rows_after_a_win_are_not_asked_for(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-01\nd,Won,01-05\nd,Activation,01-09\nd,Handover,01-10")
    assert found.passages == [("A", "new", "won_here", 4)]
    assert found.rows["stage_history"] == (2, 0, 2, 0)


def test_rows_before_a_win_set_the_deal_aside(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-01\nd,Activation,01-04\nd,Won,01-05")
    assert found.deals == []
    assert found.rows == {"opportunities": (0, 0, 0, 1), "stage_history": (0, 0, 0, 3)}


def test_a_close_before_any_stage_says_the_outcome_only(tell: Callable[..., Told]) -> None:
    found = tell("d,Lost,01-01\nd,B,01-09")
    assert found.passages == [("B", "new", "open", None)]
    assert found.facts == {"close_without_stage": 1, "started_at_stage": 1}
    only = tell("d,Lost,01-02\nd,Won,01-09")
    assert (only.passages, only.deals) == ([], [("d", "won", "01-01", "01-09", None)])
    assert only.facts == {"close_without_stage": 2}


# ---------------------------------------------------------------------------------------------
# Pipelines
# ---------------------------------------------------------------------------------------------

IN_PIPELINES = "opportunity_id,pipeline,stage,entered_at"


def test_moves_to_another_pipeline(tell: Callable[..., Told]) -> None:
    found = tell(
        "d,Sales,A,01-01\nd,Other,Y,01-05\nd,Other,Lost,01-07",
        pipelines=OTHER,
        heading=IN_PIPELINES,
    )
    assert found.passages == [("A", "new", "moved", 4), ("Y", "new", "lost", 2)]


def test_moves_to_another_pipeline_after_a_close(tell: Callable[..., Told]) -> None:
    found = tell(
        "d,Sales,A,01-01\nd,Sales,Lost,01-05\nd, other ,X,01-09",
        pipelines=OTHER,
        heading=IN_PIPELINES,
    )
    assert found.passages == [("A", "new", "lost", 4), ("X", "new", "open", None)]


def test_a_close_belongs_to_the_pipeline_of_the_passage_that_it_ends(
    tell: Callable[..., Told],
) -> None:
    found = tell(
        "d,Sales,A,01-01\nd,Other,Lost,01-05\nd,Sales,Lost,01-20",
        pipelines=OTHER,
        heading=IN_PIPELINES,
    )
    assert found.passages == [("A", "new", "lost", 4)]
    assert found.rows["stage_history"] == (2, 1, 0, 0)


def test_a_pipeline_that_is_not_declared_is_not_asked_for(tell: Callable[..., Told]) -> None:
    found = tell("d,sales,A,01-01\nd,Old,Z,01-05\ne,Old,Z,", heading=IN_PIPELINES)
    assert found.passages == [("A", "new", "open", None)]
    assert found.rows == {"opportunities": (1, 0, 0, 0), "stage_history": (1, 0, 2, 0)}
    own = tell("d,,A,01-01", "d,01-01,,,,Old", heading=IN_PIPELINES)
    assert own.rows == {"opportunities": (0, 0, 1, 0), "stage_history": (0, 0, 1, 0)}


def test_no_pipeline_of_several(tell: Callable[..., Told]) -> None:
    found = tell(
        "d,,A,01-01\nd,Old,Z,01-05\ne,Sales,A,01-01",
        "d,01-01,,,\nf,01-01,,,\ng,07-01,,,",
        pipelines=OTHER,
        heading=IN_PIPELINES,
    )
    assert [deal[0] for deal in found.deals] == ["e"]
    assert found.rows == {"opportunities": (0, 0, 1, 2), "stage_history": (1, 0, 1, 1)}


# ---------------------------------------------------------------------------------------------
# What cannot be read, or is not asked for
# ---------------------------------------------------------------------------------------------


def test_unknown_stage_sets_the_whole_deal_aside(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-01\nd,Elsewhere,01-03\ne,A,01-01", "d,01-01,,,\ne,01-01,,,")
    assert [deal[0] for deal in found.deals] == ["e"]
    assert found.rows == {"opportunities": (1, 0, 0, 1), "stage_history": (1, 0, 0, 2)}
    assert found.faults == [("stage_history.csv", 2, "stage", "Elsewhere", "unknown_stage")]


def test_unknown_stage_that_is_ignored(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-01\nd,Elsewhere,01-03\nd,Elsewhere,\nd,B,01-05", more=IGNORE)
    assert found.passages == [("A", "new", "next", 4), ("B", "from_previous", "open", None)]
    assert found.rows["stage_history"] == (2, 0, 2, 0)


@pytest.mark.parametrize(
    ("value", "cents", "fact"),
    [
        ("", None, "value_missing"),
        ("0", 0, "value_zero"),
        ("-5", None, "value_negative"),
        ("12.3451", 1235, None),
        ("many", None, "value_unreadable"),
    ],
)
def test_value_zero_missing_negative(
    value: str, cents: int | None, fact: str | None, tmp_path: Path
) -> None:
    write(tmp_path / "stage_history.csv", "opportunity_id,stage,entered_at", "d,A,01-01")
    write(tmp_path / "opportunities.csv", "opportunity_id,created_at,value", f"d,01-01,{value}")
    (tmp_path / "leakkit.toml").write_text(CONFIG.format(more=""), "utf-8")
    with load(tmp_path) as store:
        assert store.rows("SELECT value FROM opportunities") == [(cents,)]
        expected = {"value_missing"} if cents is None else set()
        assert set(store.meta("facts")) == expected | ({fact} if fact else set())


def test_value_in_another_currency(tmp_path: Path) -> None:
    lines = "d,100,EUR\ne,100,GBP\nf,100,USD\ng,100,"
    write(tmp_path / "opportunities.csv", "opportunity_id,value,currency", lines)
    history = "\n".join(f"{name},A,01-01" for name in "defg")
    write(tmp_path / "stage_history.csv", "opportunity_id,stage,entered_at", history)
    rates = "rates = { EUR = 1.08 }"
    (tmp_path / "leakkit.toml").write_text(CONFIG.format(more=rates), "utf-8")
    with load(tmp_path) as store:
        values = store.rows("SELECT value FROM opportunities ORDER BY opportunity")
        assert values == [(10800,), (None,), (10000,), (10000,)]
        assert store.meta("facts")["value_without_rate"] == 1


def test_the_same_opportunity_twice_equal_rows_merge(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-01", "d,01-01,,,5\nd,01-01,,,5 ")
    assert len(found.deals) == 1
    assert found.rows["opportunities"] == (1, 1, 0, 0)


def test_the_same_opportunity_twice_different_rows(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-01\nd,A,09-01", "d,01-01,,,5\nd,01-01,,,6")
    assert found.deals == []
    assert found.rows == {"opportunities": (0, 0, 0, 2), "stage_history": (0, 0, 0, 2)}
    assert [fault[1:] for fault in found.faults] == [
        (1, "opportunity_id", "d", "conflicting_rows"),
        (2, "opportunity_id", "d", "conflicting_rows"),
    ]


def test_the_same_opportunity_twice_different_in_a_column_that_is_not_kept(
    tmp_path: Path,
) -> None:
    write(tmp_path / "stage_history.csv", "opportunity_id,stage,entered_at", "d,A,01-01")
    write(tmp_path / "opportunities.csv", "opportunity_id,note", "d,x\nd,y")
    (tmp_path / "leakkit.toml").write_text(CONFIG.format(more="[roles]\nsegments = []"), "utf-8")
    with load(tmp_path) as store:
        assert store.meta("facts")["deals_set_aside"] == 1


@pytest.mark.parametrize("moment", ["", "soon", "2050-01-01", "2024-02-30"])
def test_a_moment_missing_in_the_history(moment: str, tell: Callable[..., Told]) -> None:
    found = tell(f"d,A,01-01\nd,B,{moment}\ne,A,01-01", "d,01-01,,,\ne,01-01,,,")
    assert [deal[0] for deal in found.deals] == ["e"]
    assert found.rows["stage_history"] == (1, 0, 0, 2)
    assert found.faults == [("stage_history.csv", 2, "entered_at", moment, "missing_moment")]


def test_a_moment_unreadable_elsewhere_is_empty_and_counted(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-02", "d,yesterday,in January,Lost,")
    assert found.deals == [("d", "lost", "01-02", "01-02", None)]
    asked = {"dates_unreadable": 1}  # it is the only deal
    told = {"date_unreadable": 2, "created_missing": 1, "closed_without_moment": 1}
    assert found.facts == told | asked
    assert [fault[2:] for fault in found.faults] == [
        ("closed_at", "in January", "date_unreadable"),
        ("created_at", "yesterday", "date_unreadable"),
    ]


def test_a_sentinel_is_empty_and_no_fault(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-02", "d,01-01,2099-12-31,Open,")
    assert (found.facts, found.faults) == ({}, [])


def test_rows_after_as_of_are_not_asked_for(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-01\nd,B,06-30 23:59:59\nd,C,07-01", "d,01-01,,,\ne,07-01,,,")
    assert [row[0] for row in found.passages] == ["A", "B"]
    assert found.rows == {"opportunities": (1, 0, 1, 0), "stage_history": (2, 0, 1, 0)}


def test_rows_without_an_id_are_set_aside(tell: Callable[..., Told]) -> None:
    found = tell("d,A,01-01\n ,A,01-01", "d,01-01,,,\n,01-01,,,")
    assert len(found.deals) == 1
    assert found.rows == {"opportunities": (1, 0, 0, 1), "stage_history": (1, 0, 0, 1)}
    assert [fault[:2] for fault in found.faults] == [
        ("opportunities.csv", 2),
        ("stage_history.csv", 2),
    ]


def test_facts_of_deals_that_are_set_aside_are_not_counted(tell: Callable[..., Told]) -> None:
    found = tell("d,B,01-01\nd,B,01-01\nd,Elsewhere,01-02", "d,02-01,01-01,Open,-5")
    assert found.facts == {"deals_set_aside": 1, "most_set_aside": 1}
