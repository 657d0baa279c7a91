"""Notes of an analyst: drawn where they belong, texts only, and refused where they cannot be."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from bs4 import BeautifulSoup

import leakkit
from leakkit import views
from leakkit.analysis.results import DayNote, find_notes
from leakkit.config import Config
from leakkit.deck import leak_slides
from leakkit.deck.charts import MOST_LINES
from leakkit.deck.content import Chart, Subject, Text
from leakkit.errors import LeakkitError
from leakkit.report.manifest import fingerprint_page
from leakkit.report.notebooks import DROPOFF
from leakkit.views.elements import places
from leakkit.words import Words

if TYPE_CHECKING:
    from leakkit.analysis import Analysis

HOSTILE = "<script>alert(1)</script>\u202e & 'more'"
PIPELINES = """
[[pipelines]]
name = "P"
stages = [{ name = "A", aliases = ["Alpha"] }, { name = "B" }]
[[pipelines]]
name = "Q"
stages = ["C"]
"""
NOTES = f"""
[[notes]]
text = "{HOSTILE}"
day = 2026-02-10
stage = "ALPHA"
[[notes]]
text = "Fair"
day = "2026-01-05"
[[notes]]
text = "Ask Greta"
stage = "b"
[[notes]]
text = "Another one's"
pipeline = "q"
"""


def frames(pipeline: str = "P") -> dict[str, pd.DataFrame]:
    """Return deals of which each third is lost."""
    moves = []
    for at in range(90):
        day = pd.Timestamp("2026-01-01") + pd.Timedelta(days=at)
        moves.append((f"d{at}", "A", day))
        moves.append((f"d{at}", "B" if at % 3 else "Lost", day + pd.Timedelta(days=3 + at % 5)))
    history = pd.DataFrame(moves, columns=["opportunity_id", "stage", "entered_at"])
    return {"stage_history": history.assign(pipeline=pipeline)}


@cache
def analysis(text: str = PIPELINES + NOTES) -> Analysis:
    return leakkit.analyze(leakkit.load(frames(), Config.from_text(text)))


def test_each_note_is_of_its_pipeline_and_stage_in_the_order_of_days() -> None:
    found = find_notes(analysis(), analysis()["P"])
    days = [pd.Timestamp(day) for day in ("2026-01-05", "2026-02-10")]
    numbers = [(day - pd.Timestamp(0)).days for day in days]
    assert [(one.number, one.day, one.stage) for one in found] == [
        (1, numbers[0], ""),
        (2, numbers[1], "A"),
        (0, None, "B"),
    ]
    assert "Another one's" not in [one.text for one in found]


def test_months_have_a_mark_on_each_day_and_the_text() -> None:
    html = views.months(analysis()).section()
    drawn = BeautifulSoup(html, "html.parser")
    svg = drawn.select("svg")[0]
    said = [text.get_text() for text in svg.select("text")]
    assert {"1", "2"} <= set(said)
    assert "Note 1, Jan 5, 2026: Fair" in said
    assert any(line.startswith("Note 2, Feb 10, 2026, A: <script>alert(1)") for line in said)
    assert "Note 1, Jan 5, 2026: Fair" in str(svg["aria-label"])
    x = {text: float(str(one["x"])) for text, one in zip(said, svg.select("text"), strict=True)}
    width = 1000 / 4  # of a month: January to April
    assert 0 < x["1"] < width / 4
    assert width * 1.2 < x["2"] < width * 1.5
    plain = views.months(analysis(PIPELINES)).section()
    assert "Note" not in plain
    assert html != plain


def test_a_note_of_no_day_stands_under_the_stages() -> None:
    html = views.stages(analysis()).section()
    assert "Note on <bdi>B</bdi>: <bdi>Ask Greta</bdi>" in html
    assert "Fair" not in html


@pytest.mark.parametrize("view", [views.months, views.stages])
def test_the_text_of_a_note_is_a_text(view: object) -> None:
    html = view(analysis()).section()  # type: ignore[operator] # a view
    assert "<script" not in html
    assert "\u202e" not in html


def test_a_day_out_of_the_picture_is_said_without_a_mark() -> None:
    text = PIPELINES + '[[notes]]\ntext = "Long ago"\nday = 1999-01-01\n'
    html = views.months(analysis(text)).section()
    svg = BeautifulSoup(html, "html.parser").select("svg")[0]
    said = [text.get_text() for text in svg.select("text")]
    assert "Note 1, Jan 1, 1999: Long ago" in said
    assert "1" not in said


def test_near_marks_share_a_place() -> None:
    marks = [(DayNote(n, "", 0, ""), x) for n, x in ((1, 4.0), (2, 16.0), (3, 30.0), (4, 90.0))]
    assert places(marks) == [(4.0, "1, 2, 3"), (90.0, "4")]


REFUSED = {
    'stage = "Alhpa"': "there is no such stage. Hint: there are: A, B, C",
    'stage = "C"\npipeline = "P"': "there is no such stage. Hint: there are: A, B",
    'pipeline = "R"': "there is no such pipeline. Hint: there are: P, Q",
    "day = 2026-02-01T10:00:00": "it should be a day, such as 2026-06-30",
    'day = "2026-02-31"': "it should be a day, such as 2026-06-30",
    'stag = "A"': "did you mean 'stage'",
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_a_note_cannot_be_of_is_a_fault(line: str) -> None:
    with pytest.raises(LeakkitError) as caught:
        Config.from_text(f'{PIPELINES}[[notes]]\ntext = "x"\n{line}\n')
    assert caught.value.code == "config_faults"
    assert REFUSED[line] in str(caught.value)


def test_where_pipelines_are_found_a_note_is_checked_once_they_are() -> None:
    text = '[[notes]]\ntext = "x"\nstage = "{}"\n'
    assert find_notes(found := analysis_of(text.format("b")), found.pipelines[0])[0].stage == "B"
    with pytest.raises(LeakkitError) as caught:
        analysis_of(text.format("Bb"))
    assert caught.value.code == "config_faults"
    assert "there is no such stage" in str(caught.value)


def analysis_of(text: str) -> Analysis:
    """Analyse deals whose pipelines nobody declared; none of them is won."""
    accept = '[source]\naccept = ["one_end_missing"]\n'
    return leakkit.analyze(leakkit.load(frames(), Config.from_text(f"{text}{accept}")))


def test_a_note_makes_its_pages_anew_and_changes_no_number() -> None:
    noted, plain = analysis(), analysis(PIPELINES)
    assert fingerprint_page(noted, DROPOFF, {}) != fingerprint_page(plain, DROPOFF, {})
    assert noted.stages().equals(plain.stages())


def test_slides_by_month_have_the_numbers_and_the_texts() -> None:
    told = Subject(leakkit.diagnose(analysis(), "P"), Words("en"))
    slide = leak_slides.flow_slide(told)
    assert slide is not None
    (chart,) = [placed.part for placed in slide.parts if isinstance(placed.part, Chart)]
    assert chart.categories[:2] == ("Jan 2026 [1]", "Feb 2026 [2]")
    assert "[" not in "".join(chart.categories[2:])
    (text,) = [placed.part for placed in slide.parts if isinstance(placed.part, Text)]
    said = [line.text for line in text.lines]
    assert said[0] == "Note 1, Jan 5, 2026: Fair"
    assert said[1].startswith("Note 2, Feb 10, 2026, A: <script>alert(1)")
    assert set(said) <= set(slide.notes)
    boxes = [placed.box for placed in slide.parts]
    assert boxes[0].top + boxes[0].height <= boxes[1].top, "the notes stand under the chart"
    bare = leak_slides.flow_slide(Subject(leakkit.diagnose(analysis(PIPELINES), "P"), Words("en")))
    assert bare is not None
    assert [type(placed.part) for placed in bare.parts] == [Chart]


def test_many_notes_leave_the_slide_to_the_speaker() -> None:
    days = "".join(f'[[notes]]\ntext = "N{at}"\nday = 2026-02-{at:02}\n' for at in range(1, 8))
    slide = leak_slides.flow_slide(
        Subject(leakkit.diagnose(analysis(PIPELINES + days), "P"), Words("en"))
    )
    assert slide is not None
    (text,) = [placed.part for placed in slide.parts if isinstance(placed.part, Text)]
    assert len(text.lines) == MOST_LINES
    assert sum(": N" in line for line in slide.notes) == 7
