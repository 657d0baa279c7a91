"""Lists without a history: what is counted, what is said, and what is left empty."""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import leakkit
from leakkit import views
from leakkit.config import Config
from leakkit.frames.stage_frames import STAGE_COLUMNS
from leakkit.measures.present_state import Tally, ages_of, most_frequent, share_of
from leakkit.measures.survival import wilson
from leakkit.report.data_files import stages_csv
from leakkit.sources.propose.proposal import are_numbered

if TYPE_CHECKING:
    from leakkit.analysis import Analysis

ROWS = (
    *(("Offer", "lost", "price", "Ann") for _ in range(12)),
    *(("Demo", "lost", "", "Bob") for _ in range(2)),
    *(("Offer", "won", "", "Bob") for _ in range(5)),
    *(("Demo", "open", "", "Ann") for _ in range(3)),
    ("Closed Lost", "lost", "no budget", "Bob"),
)
EVENT_VIEWS = ("headline", "pipe", "stages", "balance", "days", "months", "data", "method")
CAUSE_VIEWS = (
    *("causes_headline", "warnings", "cause_and_effect", "evidence", "when_lost", "rate_and_mix"),
    *("drivers", "repairs", "worklist", "deals_to_read", "causes_terms"),
)


def deals(rows: tuple[tuple[str, str, str, str], ...] = ROWS, **columns: list[str]) -> pd.DataFrame:
    """Return a list: created on one day of January, closed ten days later."""
    ids = range(len(rows))
    given = {
        "opportunity_id": [f"d{at:02}" for at in ids],
        "stage": [stage for stage, *_ in rows],
        "status": [status for _, status, *_ in rows],
        "lost_reason": [reason for *_, reason, _ in rows],
        "owner": [owner for *_, owner in rows],
        "value": ["100"] * len(rows),
        "created_at": [f"2024-01-{1 + at % 28:02}" for at in ids],
        "closed_at": [
            "" if row[1] == "open" else f"2024-03-{1 + at:02}" for at, row in enumerate(rows)
        ],
    }
    return pd.DataFrame(given | columns)


def read(frame: pd.DataFrame, config: str = "") -> Analysis:
    """Analyse a list."""
    return leakkit.analyze(leakkit.load({"opportunities": frame}, Config.from_text(config)))


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    """The list above, analysed."""
    return read(deals())


def test_every_deal_counts_once_in_the_stage_of_its_row(analysis: Analysis) -> None:
    present = analysis.pipelines[0].present
    assert present is not None
    assert {one.name: one.tally for one in present.stages} == {
        "Demo": Tally(lost=2, open=3, value_lost=20000, value_open=30000),
        "Offer": Tally(won=5, lost=12, value_won=50000, value_lost=120000),
        "": Tally(lost=1, value_lost=10000),
    }
    assert present.total.deals == len(ROWS)


def test_reasons_owners_and_months_are_counted(analysis: Analysis) -> None:
    present = analysis.pipelines[0].present
    assert present is not None
    reasons: Counter[str] = Counter()
    for (reason, _), n in present.reasons.items():
        reasons[reason] += n
    assert reasons == {"price": 12, "": 2, "no budget": 1}
    assert present.owners is not None
    assert {name: (t.won, t.lost, t.open) for name, t in present.owners.items()} == {
        "Ann": (0, 12, 3),
        "Bob": (5, 3, 0),
    }
    assert [(t.won, t.lost) for _, t in present.months] == [(5, 15)]


def test_the_first_sentence_says_where_and_how_sure(analysis: Analysis) -> None:
    low, high = wilson(12 / 14, 14)
    said = str(views.headline(analysis).headline)
    assert "Offer" in said
    assert "12 of the 14 lost deals that name a stage" in said
    assert f"{low:.0%} to {high:.0%}" in said
    assert "may have as many" not in said
    text = views.headline(analysis).section().striptags()
    assert "1 more lost deal names no stage." in text
    assert "a list without a history" in text
    assert "export the history of stages" in text


def test_a_small_difference_is_not_sold_as_a_finding() -> None:
    rows = tuple((stage, "lost", "", "Ann") for stage in ("A", "A", "A", "B", "B"))
    assert "B may have as many" in views.headline(read(deals(rows))).section().striptags()
    tied = views.headline(read(deals(rows[1:]))).section().striptags()
    assert "have the most losses: 2 each, of the 4" in tied


@pytest.mark.parametrize("view", EVENT_VIEWS)
def test_nothing_is_said_of_flow(analysis: Analysis, view: str) -> None:
    text = getattr(views, view)(analysis).section().striptags()
    for word in ("in time", "overdue", "came in", "Provisional order", "middle of the pipeline"):
        assert word not in text


@pytest.mark.parametrize("view", CAUSE_VIEWS)
def test_every_view_of_causes_answers(analysis: Analysis, view: str) -> None:
    text = getattr(views, view)(leakkit.diagnose(analysis)).section().striptags()
    assert "No deal was lost" not in text
    assert "No deal is late" not in text


def test_causes_are_the_reasons_that_are_written_down(analysis: Analysis) -> None:
    diagnosis = leakkit.diagnose(analysis)
    assert "price is named most: by 12 of the 13" in str(
        views.causes_headline(diagnosis).headline
    ).replace("<bdi>", "").replace("</bdi>", "")
    assert "13 of 15 lost deals name a reason" in views.evidence(diagnosis).section().striptags()


def test_the_table_has_counts_and_its_reasons_for_all_else(analysis: Analysis) -> None:
    rows = list(csv.DictReader(io.StringIO(stages_csv(analysis.pipelines[0]))))
    assert [(r["stage"], r["lost"], r["open"], r["won_here"]) for r in rows] == [
        ("Demo", "2", "3", "0"),
        ("Offer", "12", "0", "5"),
    ]
    assert {r["entered"] + r["next"] + r["lost_share"] + r["overdue"] for r in rows} == {""}
    assert "lost_share=no_history" in rows[0]["notes"]
    assert set(rows[0]) == set(STAGE_COLUMNS)


def test_a_column_that_says_where_it_closed_counts_for_closed_deals_only() -> None:
    rows = (("Closed Lost", "", "", ""), ("Closed Won", "", "", ""), ("Demo", "", "", ""))
    frame = deals(rows, lost_at_stage=["Offer", "", "Offer"]).drop(columns="status")
    present = read(frame).pipelines[0].present
    assert present is not None
    assert {one.name: (one.tally.lost, one.tally.open) for one in present.named} == {
        "Demo": (0, 1),
        "Offer": (1, 0),
    }


def test_a_list_of_closes_alone_makes_a_page() -> None:
    rows = (("Closed Won", "", "", ""), ("Closed Lost", "", "", ""), ("Closed Lost", "", "", ""))
    analysis = read(deals(rows).drop(columns="status"))
    assert "2 of 3 closed deals were lost" in str(views.headline(analysis).headline)
    assert "does not say in which stage" in str(views.headline(analysis).headline)
    assert stages_csv(analysis.pipelines[0]) == ",".join(STAGE_COLUMNS) + "\n"
    for view in EVENT_VIEWS:
        assert getattr(views, view)(analysis).section()


@pytest.mark.parametrize("status", ["won", "open"])
def test_that_no_row_says_lost_is_no_news_of_the_pipeline(status: str) -> None:
    analysis = read(deals((("A", status, "", ""), ("B", "open", "", ""))))
    text = views.headline(analysis).section().striptags()
    assert "No deal in this list is marked as" in text
    assert "No deal has been lost" not in text


def test_closed_deals_without_a_history_are_said_beside_those_with_one() -> None:
    ids = [f"d{at}" for at in range(6)]
    frame = pd.DataFrame(
        {
            "opportunity_id": ids,
            "stage": ["A"] * 6,
            "status": ["lost"] * 6,
            "closed_at": ["2024-02-01"] * 6,
        }
    )
    history = pd.DataFrame(
        [(one, "A", "2024-01-01") for one in ids[:2]],
        columns=["opportunity_id", "stage", "entered_at"],
    )
    rules = leakkit.Config.from_text('[source]\naccept = ["history_older_than_deals"]')
    source = {"opportunities": frame, "stage_history": history}
    analysis = leakkit.analyze(leakkit.load(source, rules))
    (one,) = analysis.pipelines
    assert one.present is None
    assert one.stages[0].exits.lost == 2
    text = views.headline(analysis).section().striptags()
    assert "4 lost deals without a history (67% of all). By their rows: 4 in A." in text


def test_a_part_of_a_list_is_a_list(analysis: Analysis) -> None:
    part = leakkit.analyze(analysis.store, segment="owner", value="Bob") if analysis.store else None
    assert part is not None
    assert part.pipelines[0].present is not None
    assert part.pipelines[0].present.total == Tally(
        won=5, lost=3, value_won=50000, value_lost=30000
    )


def test_numbers_before_names_are_an_order() -> None:
    rows = tuple((stage, "lost", "", "") for stage in ("2 - Offer", "1 - Demo", "2 - Offer"))
    analysis = read(deals(rows))
    assert [one.name for one in analysis.pipelines[0].stages] == ["1 - Demo", "2 - Offer"]
    assert "no order" not in views.stages(analysis).section().striptags()
    unordered = views.stages(read(deals())).section().striptags()
    assert "The list shows no order of its stages" in unordered


@pytest.mark.parametrize(
    ("names", "ordered"),
    [
        (("a) Lead", "b) Offer"), True),
        (("[1] Lead", "[2] Offer"), True),
        (("10% Lead", "50% Offer"), True),
        (("01 Lead", "02 Offer"), True),
        (("1 - Lead", "1 - Offer"), False),
        (("E-Mail", "A-Kunde"), False),
        (("2nd visit", "3rd visit"), False),
        (("Lead",), False),
    ],
)
def test_what_counts_as_a_number_before_a_name(names: tuple[str, ...], *, ordered: bool) -> None:
    assert are_numbered(names) is ordered


def test_rivals_are_those_that_chance_may_have_put_behind() -> None:
    assert most_frequent([40, 12]) == (0, ())
    assert most_frequent([4, 12, 11]) == (1, (2, 0))
    assert most_frequent([5]) == (0, ())


def test_ages_are_reached_by_their_part_of_the_deals() -> None:
    ages = ages_of([30, 1, 5], [1, 5, 4])
    assert ages is not None
    assert (ages.n, ages.p10, ages.median, ages.p90) == (10, 1.0, 1.0, 5.0)
    assert ages_of([], []) is None
    assert share_of(1, 0).reason == "no_deals"


def test_a_number_is_written_in_two_ways_and_is_one_stage() -> None:
    rows = [
        (f"d{at}", stage, f"2026-01-{day:02}")
        for at in range(30)
        for stage, day in (
            (("1. Inquiry", "1 - inquiry", "1) Inquiry")[at % 3], 1),
            (("2. Offer", "2 - Offer")[at % 2], 9),
            ("Won" if at % 3 else "Lost", 20),
        )
    ]
    frame = pd.DataFrame(rows, columns=["opportunity_id", "stage", "entered_at"])
    (pipeline,) = leakkit.analyze(leakkit.load({"stage_history": frame}))
    assert [stage.exits.entered for stage in pipeline.stages] == [30, 30]
    assert [stage.exits.next for stage in pipeline.stages][:1] == [30]


@pytest.mark.parametrize("chosen", [{}, {"segment": {"owner": "Ann"}}])
def test_the_deals_listed_are_those_that_are_counted(chosen: dict[str, object]) -> None:
    store = leakkit.load({"opportunities": deals()})
    analysis = leakkit.analyze(store, **chosen)  # type: ignore[arg-type] # a part
    pipeline, rows = analysis.pipelines[0], analysis.deals()
    assert pipeline.present is not None
    assert len(rows) == rows["opportunity_id"].nunique() == pipeline.present.total.deals
    for stage in pipeline.present.stages:
        here = rows["left"][rows["stage"] == stage.name].value_counts().to_dict()
        for outcome in ("won", "lost", "open"):
            assert here.get(outcome, 0) == getattr(stage.tally, outcome)
    assert rows["days"].isna().all(), "nobody knows how long they stood there"
    assert rows["entered"].isna().all()
    said = str(views.deals(analysis).section())
    assert f"{len(rows)} deals, worth" in said
    assert "in time" not in said
    assert "visit" not in said
