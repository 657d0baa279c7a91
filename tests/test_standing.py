"""Lists that say since when a deal stands in its stage: no history, and no creation."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import leakkit
from leakkit import views
from leakkit.config import Config

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.analysis import Analysis, PipelineNumbers

STAGES = ("Inquiry", "Offer", "Contract")
AS_OF = dt.date(2026, 6, 30)
LIST = "deals.csv"


def make_list(heading: str = "Stage entered at", n: int = 60) -> pd.DataFrame:
    """Return a list of deals: one row each, in several stages, with the day of the last move."""
    random = np.random.default_rng(7)
    created = [
        dt.date(2026, 1, 5) + dt.timedelta(days=int(day)) for day in random.integers(90, size=n)
    ]
    since = [
        day + dt.timedelta(days=int(later))
        for day, later in zip(created, random.integers(40, size=n), strict=True)
    ]
    status = random.choice(["open", "won", "lost"], n)
    closed = [
        "" if how == "open" else str(day + dt.timedelta(days=5))
        for day, how in zip(since, status, strict=True)
    ]
    return pd.DataFrame(
        {
            "Deal ID": [f"K{at}" for at in range(n)],
            "Stage": random.choice(STAGES, n),
            "Status": status,
            "Created": list(map(str, created)),
            "Closed": closed,
            heading: list(map(str, since)),
        }
    )


def analyze(folder: Path, config: str = "") -> Analysis:
    """Analyse the files of a folder as they stood on a day."""
    given = f"as_of = {AS_OF}\n{config}"
    return leakkit.analyze(leakkit.load(folder, Config.from_text(given)))


def only(found: Analysis) -> PipelineNumbers:
    """Return the one pipeline of an analysis."""
    (pipeline,) = found
    return pipeline


def write(folder: Path, table: pd.DataFrame, name: str = LIST) -> Path:
    """Write a table as a file."""
    table.to_csv(folder / name, index=False)
    return folder


def days_standing(table: pd.DataFrame, since: str) -> dict[str, list[int]]:
    """Count by pandas for how many days the open deals of each stage have stood there."""
    still = table[table["Status"] == "open"]
    days = (pd.Timestamp(AS_OF) - pd.to_datetime(still[since])).dt.days
    return {str(stage): sorted(each) for stage, each in days.groupby(still["Stage"])}


@pytest.mark.parametrize(
    "heading",
    [
        *("Stage entered at", "Date entered", "Moved on", "Last Stage Change Date"),
        *("Deal stage updated at", "Date entered current stage", "Letzter Phasenwechsel"),
        *("Dernier changement d'étape", "Дата последней смены этапа", "تاریخ آخرین تغییر مرحله"),
    ],
)
def test_a_list_with_the_last_move_is_no_history(tmp_path: Path, heading: str) -> None:
    table = make_list(heading)
    found = analyze(write(tmp_path, table))
    present = only(found).present
    assert present is not None
    counted = table["Status"].value_counts()
    total = present.total
    assert [total.won, total.lost, total.open] == [counted["won"], counted["lost"], counted["open"]]
    names = {one.stage: one.name for one in present.named}
    expected = days_standing(table, heading)
    standing = {names[at]: ages for at, ages in present.standing.items()}
    assert {stage: ages.n for stage, ages in standing.items()} == {
        stage: len(days) for stage, days in expected.items()
    }
    for stage, days in expected.items():
        assert standing[stage].median == days[(len(days) + 1) // 2 - 1]
    page = str(views.days(found, only(found).name).section())
    assert "How long open deals have stood in their stage" in page


def test_who_says_that_the_rows_are_moves_is_believed(tmp_path: Path) -> None:
    write(tmp_path, make_list())
    found = analyze(tmp_path, "[source]\nentered_at = 'Stage entered at'\n")
    assert only(found).present is None


def test_a_log_of_moves_stays_a_history(tmp_path: Path) -> None:
    table = make_list()
    first = table.assign(Stage=STAGES[0], **{"Stage entered at": table["Created"]})
    moved = table[table["Stage"] != STAGES[0]]
    write(tmp_path, pd.concat([first, moved]))
    assert only(analyze(tmp_path)).present is None


def test_columns_may_be_called_as_any_name_of_ours(tmp_path: Path) -> None:
    table = make_list("Last Stage Change Date").assign(deal="", stood="", id=range(60), at="")
    table = table.rename(columns={"Deal ID": "opportunity_id"})
    assert only(analyze(write(tmp_path, table))).present is not None


def test_a_young_log_in_which_nobody_has_moved_stays_a_history(tmp_path: Path) -> None:
    write(tmp_path, make_list().assign(Stage=STAGES[0]))
    assert only(analyze(tmp_path)).present is None


def test_several_rows_of_a_deal_with_their_last_move_are_its_versions(tmp_path: Path) -> None:
    since = "Last Stage Change Date"
    table = make_list(since)
    still = table.assign(Status="open", Closed="")
    first = still.assign(Stage=STAGES[0], **{since: table["Created"]})
    closed = table[table["Status"] != "open"]
    closed = closed.assign(**{since: closed["Closed"]})
    moved = table["Stage"] != STAGES[0]
    write(tmp_path, pd.concat([first, still[moved], closed]))
    found = only(analyze(tmp_path))
    assert found.present is None
    entered = {stage.name: stage.exits.entered for stage in found.stages}
    assert entered[STAGES[1]] == (table["Stage"] == STAGES[1]).sum()


def test_open_deals_without_a_creation_have_no_age(tmp_path: Path) -> None:
    table = make_list().drop(columns="Created")
    present = only(analyze(write(tmp_path, table))).present
    assert present is not None
    assert "open" not in present.ages
    assert sum(ages.n for ages in present.standing.values()) == (table["Status"] == "open").sum()


def test_the_last_move_sets_the_last_day(tmp_path: Path) -> None:
    table = make_list("Last Stage Change Date")
    table.loc[table["Status"] == "open", "Last Stage Change Date"] = "2026-06-20"
    source = leakkit.load(write(tmp_path, table))
    assert source.meta("as_of_row").endswith("[Last Stage Change Date]")
    assert leakkit.analyze(source).last_day == (dt.date(2026, 6, 20) - dt.date(1970, 1, 1)).days


def test_moves_after_the_last_day_and_days_that_are_none_are_not_counted(tmp_path: Path) -> None:
    table = make_list("Last Stage Change Date")
    still = table.index[table["Status"] == "open"]
    table.loc[still[0], "Last Stage Change Date"] = "2026-12-24"
    table.loc[still[1], "Last Stage Change Date"] = "-"
    table.loc[still[2], "Last Stage Change Date"] = ""
    present = only(analyze(write(tmp_path, table))).present
    assert present is not None
    assert sum(ages.n for ages in present.standing.values()) == len(still) - 3


def test_the_process_flow_of_dynamics_says_since_when(tmp_path: Path) -> None:
    table = make_list()
    write(
        tmp_path,
        pd.DataFrame(
            {
                "opportunityid": table["Deal ID"],
                "estimatedvalue": 100,
                "createdon": table["Created"],
                "actualclosedate": table["Closed"],
                "statecode": table["Status"].map({"open": 0, "won": 1, "lost": 2}),
                "stageid": table["Stage"],
            }
        ),
        "opportunity.csv",
    )
    flow = pd.DataFrame(
        {
            "businessprocessflowinstanceid": [f"F{at}" for at in range(len(table))],
            "opportunityid": table["Deal ID"],
            "activestageid": table["Stage"],
            "activestagestartedon": table["Stage entered at"],
            "traversedpath": "",
        }
    )
    # two flows that disagree on a deal say nothing of it
    still = table[table["Status"] == "open"]
    other = flow[flow["opportunityid"] == still["Deal ID"].iloc[0]].assign(
        businessprocessflowinstanceid="F999", activestagestartedon="2026-06-01"
    )
    write(tmp_path, pd.concat([flow, other]), "opportunitysalesprocess.csv")
    source = leakkit.load(tmp_path, Config.from_text(f"as_of = {AS_OF}"))
    present = only(leakkit.analyze(source)).present
    assert present is not None
    expected = days_standing(table.drop(index=still.index[0]), "Stage entered at")
    names = {one.stage: one.name for one in present.named}
    assert {names[at]: ages.n for at, ages in present.standing.items()} == {
        stage: len(days) for stage, days in expected.items()
    }
    assert "opportunitysalesprocess.csv" not in source.meta("ignored_files")


def test_the_frame_says_from_when_days_are_counted(tmp_path: Path) -> None:
    table = make_list()
    found = analyze(write(tmp_path, table))
    frame = views.days(found, only(found).name).frame()
    of_stages = frame[frame["since"] == "stage"].set_index("stage")["deals"]
    expected = days_standing(table, "Stage entered at")
    assert of_stages.to_dict() == {stage: len(days) for stage, days in expected.items()}
    assert set(frame.loc[frame["since"] == "created", "outcome"]) == {"won", "lost", "open"}
