"""One deal explained: every fate of the contract's table, and where its visits are counted."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import pytest

import leakkit
from leakkit import explaining
from leakkit.errors import LeakkitError
from leakkit.explaining import Explanation, as_text, explain
from leakkit.sources import load
from leakkit.store.settled_deals import LoadOptions
from leakkit.store.trace import trace, visits_of
from tests import reference as ref
from tests.generated import raw_source, write_source
from tests.test_deals import CONFIG, IGNORE, ONE_DEAL, OTHER, write, write_lines
from tests.thoroughness import seeds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Told = Callable[..., Explanation]

KEPT = ("used", 6, "kept")
OWN = ("used", 11, "kept")


@pytest.fixture
def tell(tmp_path: Path) -> Told:
    """Explain the deal `d` of a source given by its lines; dates are month and day of 2024."""

    def explain_lines(
        history: str, opportunities: str | None = ONE_DEAL, deal: str = "d", **more: str
    ) -> Explanation:
        write_lines(tmp_path, history, opportunities, **more)
        return explain(tmp_path, deal)

    return explain_lines


def fates(found: Explanation, file: str) -> list[tuple[str, int, str]]:
    return [
        (row.fate.what, row.fate.step, row.fate.reason)
        for row in found.rows
        if row.file == f"{file}.csv"
    ]


def history(found: Explanation) -> list[tuple[str, int, str]]:
    return fates(found, "stage_history")


def deals(found: Explanation) -> list[tuple[str, int, str]]:
    return fates(found, "opportunities")


def implied_rows(found: Explanation) -> list[tuple[str, int, str]]:
    return [(name, row.step, row.reason) for name, row in found.implied]


def exits(found: Explanation) -> list[tuple[str, str, str]]:
    return [(v.passage.name, v.passage.entry, v.passage.exit) for v in found.visits]


# ---------------------------------------------------------------------------------------------
# Rows
# ---------------------------------------------------------------------------------------------


def test_rows_are_as_given_with_file_and_line(tell: Told) -> None:
    found = tell(
        "other,A,01-01\nd,Alpha,01-02\nother,B,01-03\nd,B,01-05", "x,01-01,,,\nd,01-01,,,12"
    )
    assert [(row.file, row.fate.line) for row in found.rows] == [
        ("opportunities.csv", 2),
        ("stage_history.csv", 2),
        ("stage_history.csv", 4),
    ]
    assert dict(found.rows[1].texts) == {
        "opportunity_id": "d",
        "stage": "Alpha",
        "entered_at": "2024-01-02",
    }
    assert dict(found.rows[0].texts)["value"] == "12"
    assert deals(found) == [OWN]
    assert history(found) == [KEPT, KEPT]


def test_equal_neighbours_and_an_undone_close_are_merged(tell: Told) -> None:
    found = tell("d,A,01-01\nd,A,01-02\nd,Lost,01-05\nd,B,01-06")
    assert history(found) == [
        KEPT,
        ("merged", 8, "equal_neighbours"),
        ("merged", 9, "close_undone"),
        KEPT,
    ]
    assert exits(found) == [("A", "new", "next"), ("B", "from_previous", "open")]


def test_a_later_reopening_keeps_its_close(tell: Told) -> None:
    found = tell("d,A,01-01\nd,Lost,01-05\nd,A,01-20")
    assert history(found) == [KEPT] * 3
    assert exits(found) == [("A", "new", "lost"), ("A", "reopened", "open")]
    assert [visit.counted[0].first_visit for visit in found.visits] == [True, False]


def test_a_win_after_a_loss_implies_a_visit(tell: Told) -> None:
    found = tell("d,A,01-01\nd,Lost,01-05\nd,Won,01-20")
    assert history(found) == [KEPT] * 3
    assert implied_rows(found) == [("A", 9, "reopened_by_close")]
    assert found.implied[0][1].day == 19742
    assert exits(found) == [("A", "new", "lost"), ("A", "reopened", "won_here")]


def test_rows_after_a_win_are_not_asked_for(tell: Told) -> None:
    found = tell("d,A,01-01\nd,Won,01-05\nd,Activation,01-09\nd,Lost,02-01")
    assert history(found) == [
        KEPT,
        KEPT,
        ("not_asked", 5, "after_win"),
        ("not_asked", 9, "closed_after_win"),
    ]
    assert found.standing is not None
    assert found.standing.outcome == "won"


def test_rows_after_as_of_and_of_other_pipelines_are_not_asked_for(tell: Told) -> None:
    found = tell(
        "d,A,01-01,Sales\nd,X,01-03,Elsewhere\nd,B,07-05,Sales",
        heading="opportunity_id,stage,entered_at,pipeline",
    )
    assert history(found) == [
        KEPT,
        ("not_asked", 3, "undeclared_pipeline"),
        ("not_asked", 4, "after_as_of"),
    ]


def test_an_ignored_stage_is_not_asked_for(tell: Told) -> None:
    found = tell("d,A,01-01\nd,Wat,01-03\nd,B,01-05", more=IGNORE)
    assert history(found) == [KEPT, ("not_asked", 5, "unknown_stage"), KEPT]


def test_a_close_before_any_stage_says_the_outcome_only(tell: Told) -> None:
    found = tell("d,Lost,01-01\nd,A,02-01")
    assert history(found) == [("used", 14, "close_without_stage"), KEPT]
    assert "close_without_stage" in found.why
    assert exits(found) == [("A", "new", "open")]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [("d,A,01-01\nd,Wat,01-03", "unknown_stage"), ("d,A,01-01\nd,B,soon", "missing_moment")],
)
def test_a_deal_that_cannot_be_read_is_set_aside_whole(tell: Told, lines: str, reason: str) -> None:
    found = tell(lines)
    assert history(found) == [("set_aside", 5, reason)] * 2
    assert deals(found) == [("set_aside", 5, reason)]
    assert (found.set_aside, found.standing, found.visits) == (reason, None, ())
    assert "set aside" in as_text(found)


def test_conflicting_rows_set_the_deal_aside_and_equal_ones_merge(tell: Told) -> None:
    conflict = tell("d,A,01-01\nd,B,07-09", "d,01-01,,,1\nd,01-01,,,2")
    assert deals(conflict) == [("set_aside", 2, "conflicting_rows")] * 2
    assert history(conflict) == [("set_aside", 2, "conflicting_rows")] * 2
    equal = tell("d,A,01-01", "d,01-01,,,1\nd,01-01,,,1")
    assert deals(equal) == [OWN, ("merged", 2, "equal_rows")]


def test_several_pipelines_and_none_named_set_the_deal_aside(tell: Told) -> None:
    found = tell("d,A,01-01", pipelines=OTHER)
    assert found.set_aside == "missing_pipeline"
    assert history(found) == [("set_aside", 3, "missing_pipeline")]


def test_deals_that_are_not_asked_for(tell: Told) -> None:
    late = tell("x,A,01-01", "x,01-01,,,\nd,07-05,,,")
    assert deals(late) == [("not_asked", 4, "after_as_of")]
    undeclared = tell("x,A,01-01", "x,01-01,,,,Sales\nd,01-02,,,,Elsewhere")
    assert deals(undeclared) == [("not_asked", 3, "undeclared_pipeline")]
    assert late.standing is None
    assert "not asked for" in as_text(late)


def test_the_first_change_may_imply_a_visit(tell: Told) -> None:
    heading = "opportunity_id,stage,entered_at,from_stage"
    found = tell("d,B,01-05,A", heading=heading)
    assert implied_rows(found) == [("A", 7, "from_stage_used")]
    assert exits(found) == [("A", "new", "next"), ("B", "from_previous", "open")]
    without = tell("d,B,01-05,A", "d,,,,", heading=heading)
    assert implied_rows(without) == []
    assert "from_stage_without_start" in without.why


def test_a_move_to_another_pipeline(tell: Told) -> None:
    found = tell(
        "d,A,01-01,Sales\nd,X,01-09,Other",
        pipelines=OTHER,
        heading="opportunity_id,stage,entered_at,pipeline",
    )
    assert exits(found) == [("A", "new", "moved"), ("X", "new", "open")]
    assert [visit.counted[0].exit for visit in found.visits] == ["", ""], "both are censored"


# ---------------------------------------------------------------------------------------------
# Outcomes
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "row", "outcome", "why"),
    [
        ("d,A,01-01\nd,Lost,01-05", "d,01-01,01-05,Lost,", "lost", {"history"}),
        ("d,A,01-01\nd,Lost,01-05", "d,01-01,,,", "lost", {"history"}),
        ("d,A,01-01", "d,01-01,01-05,Won,", "won", {"outcome_column"}),
        ("d,A,01-01", "d,01-01,,Won,", "won", {"outcome_column", "closed_without_moment"}),
        ("d,A,01-09", "d,01-01,01-05,Won,", "won", {"outcome_column", "closed_before_entry"}),
        (
            "d,A,01-01\nd,Lost,01-05",
            "d,01-01,01-09,Won,",
            "won",
            {"outcome_column", "outcome_disagrees"},
        ),
        ("d,A,01-01\nd,Lost,01-05", "d,01-01,01-03,Won,", "lost", {"history", "outcome_disagrees"}),
        ("d,A,01-01", "d,01-01,01-05,Open,", "open", {"history", "open_with_closed_at"}),
        ("d,A,01-01", "d,01-01,07-05,Won,", "open", {"history", "closes_after_as_of"}),
        ("x,A,01-01", "d,01-01,01-05,Won,", "won", {"without_history"}),
        ("d,A,01-01", "x,01-01,,,", "open", {"history", "history_without_opportunity"}),
    ],
)
def test_the_outcome_and_why(tell: Told, lines: str, row: str, outcome: str, why: set[str]) -> None:
    found = tell(lines, row)
    assert found.standing is not None
    assert found.standing.outcome == outcome
    assert set(found.why) == why
    closes = [name for name, _, reason in implied_rows(found) if reason == "outcome_column"]
    assert closes == ([""] if "outcome_column" in why else [])


def test_a_deal_without_history_has_its_current_stage(tell: Told) -> None:
    found = tell("x,A,01-01", "d,01-01,,,,Sales,B")
    assert found.standing is not None
    assert found.standing.current_stage == "B"
    assert found.visits == ()
    assert "current stage is given as B" in as_text(found)


def test_an_open_deal_that_is_late_says_which_of_the_two(tell: Told) -> None:
    found = tell("d,A,01-01")
    assert found.overdue == ()
    declared = CONFIG.replace('{{ name = "B" }}', '{{ name = "B", expected_days = 3 }}')
    with mock.patch("tests.test_deals.CONFIG", declared):
        found = tell("d,A,01-01\nd,B,01-05")
    assert found.overdue == ("visit_late",)
    assert found.visits[1].counted[0].late
    with mock.patch("tests.test_deals.CONFIG", CONFIG + "expected_days = 90\n"):
        found = tell("d,A,01-01\nd,B,01-05")
    assert found.overdue == ("deal_late",)
    assert "the deal is older" in as_text(found)


# ---------------------------------------------------------------------------------------------
# Second routes
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", seeds(12, 40))
def test_every_row_has_the_fate_of_the_reference_and_they_add_up(seed: int, tmp_path: Path) -> None:
    source = raw_source(seed)
    write_source(source, tmp_path)
    counted: list[dict[int, str]] = []

    def keep(rows: Any, of_deals: list[dict[int, str]]) -> ref.RowCount:  # noqa: ANN401 - as in ref
        counted.append({line: fate for each in of_deals for line, fate in each.items()})
        return count(rows, of_deals)

    count = ref.count_rows
    with mock.patch.object(ref, "count_rows", keep):
        ref.resolve(*source)
    ours: list[dict[int, str]] = [{}, {}]

    def watch(store: Any, _: Any, rules: Any) -> None:  # noqa: ANN401 - as load calls it
        for (deal,) in store.rows("SELECT opportunity_id FROM ids ORDER BY 1"):
            traced = trace(store, rules, deal)
            for into, given in zip(ours, (traced.opportunities, traced.history), strict=True):
                into |= {fate.line: fate.what for fate in given}

    with load(tmp_path, watch=watch, options=LoadOptions(plain=False)) as store:
        rows = store.meta("rows")
    assert ours == [{at + 1: fate for at, fate in each.items()} for each in counted]
    for total in rows:
        mine = ours[("opportunities", "history").index(total["table"])]
        found = Counter(mine.values())
        found["set_aside"] += total["read"] - len(mine)  # rows without an id: step 1
        assert all(found[what] == total[what] for what in ("used", "merged", "not_asked"))
        assert found["set_aside"] == total["set_aside"]


@cache
def sample_visits() -> tuple[Any, tuple[Any, ...]]:
    """Return the store of a small seller, and the passages of every deal of its first pipeline."""
    made = leakkit.sample.make(300, seed=3)
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    store = leakkit.load(frames, leakkit.Config.from_text(made.config))
    ids = store.rows("SELECT opportunity_id FROM opportunities ORDER BY opportunity_id")
    return store, tuple(
        passage
        for (deal,) in ids
        for passage in visits_of(store, deal)
        if passage.pipeline == store.pipelines[0]
    )


@pytest.mark.parametrize("window", ["all", "current", "baseline"])
def test_visits_are_counted_where_the_curves_count_them(window: str) -> None:
    """Every explained visit of the window, added up, is the risk table of the analysis."""
    store, passages = sample_visits()
    name = store.pipelines[0]
    part = leakkit.analyze(store, name, window=window)[name]
    found = [
        (passage.stage, counted)
        for passage in passages
        for counted in explaining._visit(part, passage).counted
        if counted.window == window and counted.first_visit
    ]
    assert found
    for stage in part.stages:
        mine = [counted for at, counted in found if at == stage.stage]
        table = stage.curve.table
        assert len(mine) == table.entrants
        for age, at_risk in zip(table.ages, table.at_risk, strict=True):
            assert at_risk == sum(c.from_age <= age <= c.to_age for c in mine)
        for kind, n in table.exits.items():
            ages = np.array([c.to_age for c in mine if c.exit == kind], dtype=int)
            assert n.tolist() == [int((ages == age).sum()) for age in table.ages]
        if stage.horizon.age is not None:
            inside = [c for c in mine if c.inside]
            assert all(c.to_age <= stage.horizon.age for c in inside)


# ---------------------------------------------------------------------------------------------
# What is refused, and what is shown
# ---------------------------------------------------------------------------------------------


def test_an_unknown_id_names_the_nearest(tell: Told) -> None:
    with pytest.raises(LeakkitError) as caught:
        tell("deal-1,A,01-01\nzzz,A,01-01", None, deal="deal-2")
    assert caught.value.code == "no_opportunity"
    assert str(caught.value) == ("No row has the opportunity_id 'deal-2'. The nearest: 'deal-1'.")


def test_a_store_keeps_no_rows(tmp_path: Path) -> None:
    write(tmp_path / "events.csv", "opportunity_id,stage,entered_at", "d,A,01-01")
    leakkit.load(tmp_path / "events.csv", store=str(tmp_path / "kept.duckdb")).close()
    with pytest.raises(LeakkitError) as caught:
        explain(tmp_path / "kept.duckdb", "d")
    assert caught.value.code == "no_rows_as_given"


def test_an_event_file_has_rows_of_one_kind(tmp_path: Path) -> None:
    write(tmp_path / "events.csv", "opportunity_id,stage,entered_at", "d,A,01-01\nd,B,01-04")
    found = explain(tmp_path / "events.csv", "d")
    assert fates(found, "events") == [KEPT, KEPT]


def test_hostile_texts_are_texts(tmp_path: Path) -> None:
    name = "<script>alert(1)</script>\x1b[31m"
    rows = f'"{name}","{name}",2024-01-01\n'
    (tmp_path / "events.csv").write_text("opportunity_id,stage,entered_at\n" + rows, "utf-8")
    found = explain(tmp_path / "events.csv", name)
    section = leakkit.views.explain(found).section()
    assert "<script" not in section
    assert "&lt;script&gt;" in section
    assert "\x1b" not in as_text(found)


def test_the_view_says_what_the_text_says(tell: Told) -> None:
    found = tell("d,A,01-01\nd,Lost,01-05\nd,Won,01-20")
    section = leakkit.views.explain(found).section().striptags()
    for line in ("re-opened where it was lost", "Rows that stand in no file", "visit 2: re-opened"):
        assert line in section
        assert line in as_text(found)
