"""The frame behind every view has the numbers that the view is made of, in one unit."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import numpy as np
import pytest

import leakkit
from leakkit.frames.questions import BEHIND
from leakkit.views import View
from tests.running import sample_analysis

if TYPE_CHECKING:
    import pandas as pd

    from leakkit.analysis import Analysis, Diagnosis

NO_ANSWERS = {"View", "headline_sentence", "explain"}
NAMES = sorted(set(leakkit.views.__all__) - NO_ANSWERS)


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    return sample_analysis()


@pytest.fixture(scope="module")
def diagnosis(analysis: Analysis) -> Diagnosis:
    return leakkit.diagnose(analysis, "Equipment")


def frame_of(name: str, analysis: Analysis, diagnosis: Diagnosis) -> pd.DataFrame:
    view = getattr(leakkit.views, name)
    first = next(iter(inspect.signature(view).parameters))
    found: pd.DataFrame = view(analysis if first == "analysis" else diagnosis).frame()
    return found


def test_every_view_has_a_frame_and_every_frame_a_view() -> None:
    assert set(BEHIND) == set(NAMES) - {"compare"}, "which brings its own"


@pytest.mark.parametrize("name", NAMES)
def test_frames_are_tidy(name: str, analysis: Analysis, diagnosis: Diagnosis) -> None:
    rows = frame_of(name, analysis, diagnosis)
    assert len(rows)
    assert not [column for column in rows if rows[column].dtype == object]
    assert "currency" in rows or not rows.filter(regex="^value_|(?<![pq])_value$").columns.size


def test_the_pipe_divides(analysis: Analysis) -> None:
    rows, pipe = leakkit.views.pipe(analysis).frame(), analysis["Equipment"].pipe
    for unit in ("", "_value"):
        lost = rows[[f"lost{unit}", f"overdue{unit}", f"in_time{unit}"]].to_numpy().sum()
        total = rows[f"won{unit}"].iloc[0] + lost
        assert total == pytest.approx(rows[f"entered{unit}"].iloc[0])
    assert rows["entered"].iloc[0] == pipe.entered


def test_balances_close(analysis: Analysis) -> None:
    rows = leakkit.views.balance(analysis, "Projects").frame()
    came = ["opening", "new", "from_previous", "jumped_in", "returned_in", "reopened"]
    went = ["next", "jumped", "won_here", "returned", "lost", "moved", "closing"]
    assert (rows[came].sum(axis=1) == rows[went].sum(axis=1)).all()
    values = [[f"{name}_value" for name in side] for side in (came, went)]
    assert np.allclose(rows[values[0]].sum(axis=1), rows[values[1]].sum(axis=1))
    lost = sum(stage.value_lost for stage in analysis["Projects"]) / 100
    assert rows["lost_value"].sum() == pytest.approx(lost)


def test_curves_end_in_the_shares_of_the_stages(analysis: Analysis) -> None:
    rows = leakkit.views.days(analysis, "Equipment", stage="Proforma").frame()
    last = rows[rows["exit"] == "lost"].iloc[-1]
    assert last["share"] == pytest.approx(analysis["Equipment"]["Proforma"].lost.share)
    assert set(rows["stage"]) == {"Proforma"}


def test_fifths_of_money_are_named_in_major_units(analysis: Analysis, diagnosis: Diagnosis) -> None:
    named = leakkit.views.drivers(diagnosis).frame()["segment"].tolist()
    ends = [float(one.partition("value <= ")[2]) for one in named if "value <= " in one]
    assert ends
    largest = analysis.deals("Equipment")["value"].max()
    assert 0 < min(ends) <= max(ends) <= largest


def test_frames_follow_the_choices_of_their_view(analysis: Analysis, diagnosis: Diagnosis) -> None:
    assert set(leakkit.views.months(analysis, "Projects").frame()["pipeline"]) == {"Projects"}
    lost = leakkit.views.deals(analysis, "Projects", stage="Contract", left="lost").frame()
    assert len(lost) == analysis["Projects"]["Contract"].exits.lost
    assert len(leakkit.views.worklist(diagnosis).frame()) == len(diagnosis.worklist)
    evidence = leakkit.views.evidence(diagnosis, stage="proforma").frame()
    stated = evidence[evidence["source"] == "reasons"]
    assert stated["losses"].sum() == diagnosis.stages[0].cause.stated.known


def test_a_view_of_words_alone_has_no_frame() -> None:
    with pytest.raises(leakkit.LeakkitError, match="no frame behind"):
        View("note", "A note").frame()
