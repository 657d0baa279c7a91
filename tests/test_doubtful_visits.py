"""How far a headline could move: the bounds, against the same deals with their doubts decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

import leakkit
from leakkit import views
from leakkit.analysis import headline_bounds
from leakkit.config import Config
from leakkit.sources.check import check

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leakkit.store import Store

Row = tuple[str, str, str]
CONFIG = """
as_of = "2026-03-31"
[source]
history_start = "2026-01-01"
accept = ["outcome_words_unknown", "outcome_against_history"]
[comparison]
horizon_days = 20
[[pipelines]]
name = "P"
won = ["Won"]
lost = ["Lost"]
stages = [{ name = "A" }, { name = "B" }]
"""
DEALS = ("opportunity_id", "outcome", "closed_at")


def plain_rows() -> list[Row]:
    """30 deals are lost in A after 5 days, 30 go on to B after 9, 18 are open."""
    rows = []
    for i in range(30):
        rows += [(f"l{i}", "A", f"2026-01-{i % 28 + 1:02}"), (f"l{i}", "Lost", later(i % 28, 5))]
        rows += [(f"n{i}", "A", f"2026-01-{i % 28 + 1:02}"), (f"n{i}", "B", later(i % 28, 9))]
    return rows + [(f"o{i}", "A", f"2026-0{2 + i % 2}-{i + 10:02}") for i in range(18)]


def later(day: int, days: int) -> str:
    """Return the day so many days after one of January 2026."""
    return (pd.Timestamp("2026-01-01") + pd.Timedelta(days=day + days)).date().isoformat()


def load_history(rows: list[Row], deals: Iterable[tuple[str, str, str]] = ()) -> Store:
    """Load a history, and what the column of outcomes says of some deals."""
    named = {row[0] for row in rows}
    said = {deal[0]: deal for deal in deals}
    listed = [said.get(name, (name, "", "")) for name in sorted(named)]
    frames = {
        "opportunities": pd.DataFrame(listed, columns=list(DEALS)),
        "stage_history": pd.DataFrame(rows, columns=["opportunity_id", "stage", "entered_at"]),
    }
    return leakkit.load(frames, Config.from_text(CONFIG))


def share_of_a(rows: list[Row], deals: Iterable[tuple[str, str, str]] = ()) -> float:
    """Return the lost share of the first stage."""
    with load_history(rows, deals) as store:
        share = leakkit.analyze(store)["P"].stages[0].lost.share
    assert share is not None
    return share


def test_without_doubts_the_bounds_are_the_share() -> None:
    with load_history(plain_rows()) as store:
        analysis = leakkit.analyze(store)
    found = headline_bounds(analysis)
    assert found is not None
    assert (found.stage.name, found.visits, found.missing) == ("A", 0, 0)
    assert found.low == found.high == found.stage.lost.share
    assert "rests on a row in doubt" in views.data(analysis).note


def test_bounds_are_the_shares_of_the_deals_with_their_doubts_decided() -> None:
    """Four kinds of doubt; the other two readings are made by hand, and read as any source."""
    sure = plain_rows()
    doubted = [
        # lost says the history, won the outcome: the later moment wins, here that of the loss
        *[
            (f"x{i}", *row)
            for i in range(4)
            for row in (("A", "2026-01-10"), ("Lost", "2026-01-15"))
        ],
        # lost, and nothing says when: closed at the last known change, the entry
        *[(f"y{i}", "A", "2026-01-11") for i in range(3)],
        # an outcome that nobody knows: open
        *[(f"z{i}", "A", "2026-02-20") for i in range(5)],
        # a stage that nobody knows, and a moment that cannot be read: set aside
        *[(f"u{i}", stage, "2026-01-12") for i in range(2) for stage in ("A", "Qualified")],
        ("v0", "A", "2026-01-12"),
        ("v0", "B", "soon"),
        # no deal: the row names the stage
        ("", "A", "2026-01-12"),
    ]
    deals = [(f"x{i}", "won", "2026-01-12") for i in range(4)]
    deals += [(f"y{i}", "lost", "") for i in range(3)]
    deals += [(f"z{i}", "perhaps", "") for i in range(5)]
    with load_history(sure + doubted, deals) as store:
        analysis = leakkit.analyze(store)
    found = headline_bounds(analysis)
    assert found is not None
    assert (found.visits, found.missing) == (4 + 3 + 5, 2 + 1 + 1)
    decided = (
        ("x", 4, "2026-01-10", "2026-01-15"),
        ("y", 3, "2026-01-11", "2026-01-11"),
        ("z", 5, "2026-02-20", "2026-03-31"),
        ("w", 4, "2026-01-12", "2026-01-12"),
    )
    ends = {}
    for end in ("Lost", "B"):
        rows = [
            (f"{kind}{i}", stage, day)
            for kind, n, came, went in decided
            for i in range(n)
            for stage, day in (("A", came), (end, went))
        ]
        ends[end] = share_of_a(sure + rows)
    assert found.high == pytest.approx(ends["Lost"], abs=1e-9)
    assert found.low == pytest.approx(ends["B"], abs=1e-9)
    assert found.low < (found.stage.lost.share or 0) < found.high
    note = views.data(analysis).note
    assert "12 of its first visits rest on such rows, and 4 deals that were set aside" in note


def test_moves_of_a_burst_are_in_doubt() -> None:
    """40 deals leave A within one minute: they may have left it in any way."""
    rows = [(f"d{i}", "A", f"2026-01-{i % 28 + 1:02} 09:{i:02}") for i in range(50)]
    rows += [(f"d{i}", "Lost" if i < 20 else "B", "2026-02-02 12:00:30") for i in range(40)]
    with load_history(rows) as store:
        found = headline_bounds(leakkit.analyze(store))
        assert store.meta("facts")["moves_in_bursts"] == 40
    assert found is not None
    assert (found.visits, found.missing) == (40, 0)
    assert found.low == 0.0
    assert found.high > (found.stage.lost.share or 0)


def test_another_stage_may_then_lose_more() -> None:
    rows = [
        row
        for i in range(40)
        for row in (
            (f"a{i}", "A", "2026-01-05"),
            (f"a{i}", "B" if i < 26 else "Lost", "2026-01-08"),
        )
    ]
    rows += [(f"a{i}", "Lost" if i < 8 else "Won", "2026-01-12") for i in range(26)]
    rows += [(f"q{i}", "B", "Q") for i in range(10)]
    with load_history(rows) as store:
        found = headline_bounds(leakkit.analyze(store))
        note = views.data(leakkit.analyze(store)).note
    assert found is not None
    assert found.stage.name == "A"
    assert found.overtaken_by is None  # nothing of A is in doubt: its share does not move
    with load_history([*rows, ("p", "A", "Q")]) as store:
        found = headline_bounds(leakkit.analyze(store))
        note = views.data(leakkit.analyze(store)).note
    assert found is not None
    assert found.overtaken_by is not None
    assert found.overtaken_by.name == "B"
    assert "could then lose a larger share than" in note


def test_a_part_of_the_data_has_no_bounds() -> None:
    with load_history(plain_rows()) as store:
        assert headline_bounds(leakkit.analyze(store, visits="all")) is None


def test_the_page_shows_faults_and_what_was_recognised() -> None:
    rows = [*plain_rows(), ("=<b>x", "Bb", "2026-01-12"), ("m", "A", "<script>")]
    with load_history(rows) as store:
        note = views.data(leakkit.analyze(store)).note
    assert "Did you mean <bdi>B</bdi>?" in note
    assert "<script" not in note
    assert "&lt;script&gt;" in note
    frames = {
        "stage_history": pd.DataFrame(rows, columns=["opportunity_id", "Stage", "Entered At"])
    }
    assert [fault.column for fault in check(frames, Config.from_text(CONFIG)).faults] == [
        "Stage",
        "Entered At",
    ]
