"""What an analyst asks first: each in a line or two, and a clear answer to what cannot be meant."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import leakkit
from leakkit.errors import LeakkitError
from leakkit.report.data_files import stages_csv
from tests.running import sample_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from leakkit.analysis import Analysis
    from leakkit.store import Store


@pytest.fixture(scope="module")
def data() -> Store:
    made = leakkit.sample.make(2_000, seed=5)
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    return leakkit.load(frames, leakkit.Config.from_text(made.config))


@pytest.fixture(scope="module")
def analysis(data: Store) -> Analysis:
    return leakkit.analyze(data)


def test_a_source_says_what_was_loaded(data: Store) -> None:
    assert repr(data).startswith("<Source 'frames': 2,000 deals; Equipment, Spare parts")
    assert len(data) == 2_000
    assert "equipment" in data
    assert "owner" in data.columns
    assert "<td>2,000</td>" in data._repr_html_()


def test_pipelines_and_stages_are_found_by_name(analysis: Analysis) -> None:
    assert next(pipeline.name for pipeline in analysis) == "Equipment"
    assert "EQUIPMENT" in analysis
    assert "Nowhere" not in analysis
    assert analysis["equipment"]["proforma"].name == "Proforma"
    assert "Proforma" in analysis["Equipment"]
    assert len(analysis) == 4
    assert len(analysis["Equipment"]) == 6


def test_what_is_shown_fits_a_line(analysis: Analysis) -> None:
    assert len(repr(analysis)) < 200
    assert len(repr(analysis["Equipment"])) < 200
    assert "Equipment" in analysis._repr_html_()
    assert not [name for name in dir(analysis) if name.startswith("_")]


def test_equal_analyses_are_equal_and_can_be_kept(data: Store, analysis: Analysis) -> None:
    kept = pickle.loads(pickle.dumps(analysis))  # noqa: S301 - made here
    assert kept == analysis == leakkit.analyze(data)
    assert kept != leakkit.analyze(data, "Projects")
    with pytest.raises(LeakkitError, match="lost its store"):
        kept.worklist()


def test_what_a_user_holds_is_equal_where_its_numbers_are(data: Store, analysis: Analysis) -> None:
    again = leakkit.analyze(data)
    assert analysis["Projects"] == again["Projects"] != analysis["Equipment"]
    assert analysis["Projects"]["Contract"] == again["Projects"]["Contract"]
    found = leakkit.diagnose(analysis, "Projects")
    kept = pickle.loads(pickle.dumps(found))  # noqa: S301 - made here
    assert kept == found == leakkit.diagnose(again, "Projects")
    assert len(repr(found)) < 200
    assert all(len(repr(stage)) < 200 for stage in analysis["Projects"])
    assert all(len(repr(finding)) < 200 for finding in analysis.all_findings)


def test_two_sources_are_equal_where_their_deals_are(data: Store) -> None:
    made = leakkit.sample.make(2_000, seed=5)
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    with leakkit.load(frames, leakkit.Config.from_text(made.config)) as again:
        assert again == data
        assert hash(again) == hash(data)
    with leakkit.load(frames, {"currency": "EUR"}) as other:
        assert other != data


def test_completion_offers_what_may_be_used_and_is_written_down(
    data: Store, analysis: Analysis
) -> None:
    page = (Path(__file__).parents[1] / "docs" / "api.md").read_text(encoding="utf-8")
    for name in (*dir(data), *dir(analysis)):
        assert re.search(rf"\.{name}\b", page), name
        assert not name.startswith("_")
    held = (analysis["Projects"], analysis["Projects"]["Contract"], leakkit.views.pipe(analysis))
    assert not [name for one in (*held, data.config) for name in dir(one) if name.startswith("_")]
    assert set(dir(leakkit.report)) == set(leakkit.report.__all__)
    assert set(dir(leakkit.sample)) == set(leakkit.sample.__all__)


def test_what_a_notebook_shows_is_escaped() -> None:
    made = leakkit.sample.make(60, seed=5)
    history = made.stage_history.replace({"pipeline": {"Projects": "<b>Projects</b>"}})
    deals = made.opportunities.replace({"pipeline": {"Projects": "<b>Projects</b>"}})
    config = made.config.replace('"Projects"', '"<b>Projects</b>"')
    frames = {"opportunities": deals, "stage_history": history}
    with leakkit.load(frames, leakkit.Config.from_text(config)) as hostile:
        analysis = leakkit.analyze(hostile)
        for shown in (hostile, analysis, leakkit.diagnose(analysis, "<b>Projects</b>")):
            assert "<b>" not in shown._repr_html_()


def test_the_stages_are_those_of_the_file(analysis: Analysis) -> None:
    frame = analysis.stages("Equipment")
    one = analysis["Equipment"]
    assert frame["lost"].tolist() == [stage.exits.lost for stage in one.stages]
    assert frame["value_lost"].tolist() == [stage.value_lost / 100 for stage in one.stages]
    assert frame["median_days"].tolist() == [stage.median.age for stage in one.stages]
    heading, *rows = stages_csv(one).splitlines()
    assert heading.split(",") == list(frame.columns[1:])
    assert len(rows) == len(frame)


def test_frames_have_one_type_a_column_also_where_they_are_empty(analysis: Analysis) -> None:
    empty = leakkit.analyze(sample_store(), "Projects").findings().iloc[:0]
    assert dict(empty.dtypes) == dict(analysis.findings().dtypes)


def test_findings_are_tidy(analysis: Analysis) -> None:
    frame = analysis.findings()
    assert len(frame) == len(analysis.all_findings)
    alarms = frame[frame["severity"] == "alarm"]
    assert alarms["stage"].tolist() == [
        f.stage for f in analysis.all_findings if f.severity == "alarm"
    ]
    assert frame["since"].dtype.kind == "M"


def test_months_close(analysis: Analysis) -> None:
    months = analysis.months("Equipment")
    came = months["opening"] + months["new"] + months["reopened"]
    assert (came == months["won"] + months["lost"] + months["moved"] + months["closing"]).all()
    assert months["month"].is_monotonic_increasing


def test_the_worklist_has_names_and_money(analysis: Analysis) -> None:
    frame = analysis.worklist("Equipment")
    assert len(frame) == analysis["Equipment"].balance.overdue
    assert frame["owner"].ne("").all()
    assert set(frame["currency"]) == {analysis["Equipment"].currency}


def test_all_values_of_a_column_at_once(data: Store, analysis: Analysis) -> None:
    frame = analysis.by("Region", "Projects")
    whole = analysis.stages("Projects").set_index("stage")["entered"]
    assert frame.groupby("stage")["entered"].sum().to_dict() == whole.to_dict()
    north = leakkit.analyze(data, "Projects", segment="region", value="North").stages()
    found = frame[frame["region"] == "North"].drop(columns="region").reset_index(drop=True)
    pd.testing.assert_frame_equal(found, north)


def test_visits_have_money_in_major_units(data: Store, analysis: Analysis) -> None:
    lost = leakkit.passages(data, pipeline="Equipment", stage="Proforma", exit="lost")
    assert round(lost["value"].sum() * 100) == analysis["Equipment"]["Proforma"].value_lost
    assert {"name", "owner", "lost_reason", "currency"} <= set(lost.columns)
    assert (lost["left"] > lost["entered"]).all()


def test_a_mapping_is_a_configuration() -> None:
    made = leakkit.sample.make(60, seed=5)
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    with leakkit.load(frames, {"currency": "CHF", "timezone": "Europe/Zurich"}) as store:
        assert store.config.currency == "CHF"
    with pytest.raises(LeakkitError, match="1 fault"):
        leakkit.load(frames, {"currency": 7})


def test_a_closed_source_says_so() -> None:
    made = leakkit.sample.make(60, seed=5)
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    store = leakkit.load(frames, leakkit.Config.from_text(made.config))
    store.close()
    assert repr(store) == "<Source, closed>"
    with pytest.raises(LeakkitError, match="closed"):
        leakkit.analyze(store)


def test_a_part_is_compared_by_another_column(data: Store, analysis: Analysis) -> None:
    part = leakkit.analyze(data, "Projects", segment="region", value="North")
    owners, whole = part.by("owner"), part.stages()
    assert owners.groupby("stage")["lost"].sum().to_dict() == dict(
        zip(whole["stage"], whole["lost"], strict=True)
    )
    assert set(part.by("region")["region"]) == {"North"}
    assert len(analysis.by("region", "Projects")) > len(part.by("region"))


REFUSED: dict[str, tuple[Callable[[Any, Any], object], str]] = {
    "a number for a name": (lambda d, _: leakkit.analyze(d, 2024), 'pipeline="2024"'),  # type: ignore[arg-type]
    "nought for a name": (lambda _, a: leakkit.views.pipe(a, 0), "not 0"),  # type: ignore[arg-type]
    "a list for a name": (lambda _, a: a.stages(["Projects"]), 'pipeline="Projects"'),
    "a list for a window": (lambda d, _: leakkit.analyze(d, window=["all"]), 'window="all"'),  # type: ignore[arg-type]
    "a column without its value": (
        lambda d, _: leakkit.analyze(d, segment="owner"),
        r"analysis\.by\('owner'\)",
    ),
    "a diagnosis of a source": (
        lambda d, _: leakkit.diagnose(d),
        r"diagnose\(leakkit\.analyze\(data",
    ),
    "visits of an analysis": (lambda _, a: leakkit.passages(a), r"passages\(analysis\.store\)"),
    "visits of two pipelines": (
        lambda d, _: leakkit.passages(d, pipeline=["A", "B"]),  # type: ignore[arg-type]
        "pipeline is one text",
    ),
    "a view by its name": (lambda d, _: leakkit.views.pipe(analysis=d), r"analyze\(data\)"),
    "one pipeline of all": (
        lambda _, a: leakkit.views.overview(a, "Projects"),  # type: ignore[arg-type]
        r"overview\(leakkit\.analyze\(data, 'Projects'\)\)",
    ),
    "a view of a pipeline": (lambda _, a: leakkit.views.pipe(a["Projects"]), "analysis, name"),
    "exploring a source": (
        lambda d, _: leakkit.explore(leakkit.views.pipe, d),
        r"explore takes a bar, .*explore\(view, leakkit\.filters\(leakkit\.analyze\(data\)\)\)",
    ),
    "exploring an analysis": (
        lambda _, a: leakkit.explore(leakkit.views.pipe, a),
        r"explore\(view, leakkit\.filters\(analysis\)\)",
    ),
    "a bar of a source": (lambda d, _: leakkit.filters(d), r"filters\(leakkit\.analyze\(data"),
    "a source that is loaded": (lambda d, _: leakkit.load(d), "loaded already"),
    "nothing to load": (lambda _, __: leakkit.load(None), "not None"),
    "a list to load": (lambda _, __: leakkit.load(["a.csv"]), "a list"),
    "a configuration": (lambda _, __: leakkit.load("sample", 7), "not a int"),  # type: ignore[arg-type]
    "a source to pickle": (lambda d, _: pickle.dumps(d), "keep it in a file"),
    "deals fewer than none": (lambda _, __: leakkit.sample.make(-1), "0 or more"),
    "a path": (lambda _, __: leakkit.analyze("sample"), r"leakkit\.analyze\(leakkit\.load"),  # type: ignore[arg-type]
    "a language": (lambda data, _: leakkit.analyze(data, language="xx"), "no language 'xx'"),
    "a value": (lambda d, _: leakkit.analyze(d, segment="owner", value=["?"]), r"There are: '"),
    "no column": (lambda d, _: leakkit.analyze(d, value="A"), "segment="),
    "no stage": (lambda _, a: a["Equipment"]["Prforma"], "There are: Inquiry"),
    "no column of that name": (lambda _, a: a.by("colour"), "There are: owner"),
    "an analysis": (lambda _, a: leakkit.views.warnings(a), r"leakkit\.diagnose\(analysis\)"),
    "a source": (lambda d, _: leakkit.views.pipe(d), r"leakkit\.analyze\("),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_meant_is_refused_with_the_call_to_write(
    what: str, data: Store, analysis: Analysis
) -> None:
    call, says = REFUSED[what]
    with pytest.raises(LeakkitError, match=says):
        call(data, analysis)
