"""Decks: what stands on a slide is what the analysis says, in files that strict readers open."""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from pptx import Presentation
from pptx.enum.shapes import MSO_SHAPE_TYPE
from pptx.opc.constants import RELATIONSHIP_TYPE
from pptx.util import Inches

from leakkit import analyze, diagnose, views
from leakkit.config import Config
from leakkit.deck import Look, deck
from leakkit.deck.charting import pack_deck
from leakkit.deck.content import LONGEST_NAME, Box, Line, Placed, Slide, Subject, Text, name_of
from leakkit.deck.leak_slides import leaks_slide
from leakkit.deck.masters import client
from leakkit.deck.powerpoint import Foot, write_slides
from leakkit.errors import LeakkitError
from leakkit.sample import make
from leakkit.sources import load
from leakkit.views.grids import html_text
from leakkit.views.view import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from leakkit.analysis import Analysis, Diagnosis

PIPELINE = "Equipment"
THEME = RELATIONSHIP_TYPE.THEME
CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
NAMES = {
    "Inquiry": "=HYPERLINK(1)\x07<b>\ufffe",
    "Proforma": "پیش‌فاکتور " * 40,
    "Contract": "x" * 500,
}
"""Names that an XML file, a sheet and a slide must survive."""


@pytest.fixture(scope="module")
def analysis() -> Iterator[Analysis]:
    made = make(1_200, seed=1)
    made.stage_history["stage"] = made.stage_history["stage"].replace(NAMES)
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    with load(frames, _with_hostile_names(Config.from_text(made.config))) as store:
        yield analyze(store, PIPELINE)


def _with_hostile_names(config: Config) -> Config:
    """Return a configuration whose stages have the hostile names."""
    pipelines = []
    for one in config.pipelines:
        stages = [s.model_copy(update={"name": NAMES.get(s.name, s.name)}) for s in one.stages]
        pipelines.append(one.model_copy(update={"stages": tuple(stages)}))
    return config.model_copy(update={"pipelines": tuple(pipelines), "interventions": ()})


@pytest.fixture(scope="module")
def diagnosis(analysis: Analysis) -> Diagnosis:
    return diagnose(analysis)


@pytest.fixture(scope="module")
def content(analysis: Analysis) -> bytes:
    return deck(analysis)


@pytest.fixture(scope="module")
def slides(content: bytes) -> list[Any]:
    return list(Presentation(io.BytesIO(content)).slides)


def _slide_about(slides: list[Any], about: str) -> Any:  # noqa: ANN401 - python-pptx has partial types
    """Return the slide whose kicker says what it is about."""
    for slide in slides:
        texts = [s.text_frame.text for s in slide.shapes if s.name == "Kicker"]
        if texts and texts[0].endswith(about):
            return slide
    raise AssertionError(about)


def _chart_values(slide: Any, series: int = 0) -> list[float]:  # noqa: ANN401 - as above
    """Return what the first chart of a slide shows."""
    charts = [shape.chart for shape in slide.shapes if shape.has_chart]
    return [value for value in charts[0].plots[0].series[series].values if value is not None]


def test_equal_analyses_give_equal_bytes(analysis: Analysis, content: bytes) -> None:
    assert deck(analysis) == content
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        assert {entry.date_time[0] for entry in package.infolist()} == {1980}
        assert b"2000-01-01" in package.read("docProps/core.xml")


def test_titles_are_the_findings_of_the_pages(
    analysis: Analysis, diagnosis: Diagnosis, slides: list[Any]
) -> None:
    titles = [slide.shapes.title.text_frame.text for slide in slides]
    assert html_text(views.headline(analysis).headline, LONGEST_NAME) == titles[1]
    assert html_text(views.causes_headline(diagnosis).headline, LONGEST_NAME) in titles
    assert 9 <= len(titles) <= 13
    assert all(titles)


def test_charts_show_the_numbers_of_the_analysis(
    analysis: Analysis, diagnosis: Diagnosis, slides: list[Any]
) -> None:
    stages = analysis[PIPELINE].stages
    shown = _chart_values(_slide_about(slides, "Where it leaks"))
    assert shown == pytest.approx([s.lost.share for s in stages if s.lost.share is not None])
    lost = {
        f.stage: f for f in analysis.all_findings if f.pipeline == PIPELINE and f.kind == "lost"
    }
    found = [one for stage in stages if (one := lost.get(stage.name)) and one.change is not None]
    changes = _slide_about(slides, "What got worse")
    assert _chart_values(changes, 0) == pytest.approx([f.reference for f in found])
    assert _chart_values(changes, 1) == pytest.approx([f.share for f in found])
    worth = [repair.result.new_deals.value for repair in diagnosis.repairs]
    assert _chart_values(_slide_about(slides, "What a repair is worth")) == pytest.approx(worth)


def test_tables_say_what_the_pages_say(analysis: Analysis, slides: list[Any]) -> None:
    table = next(s.table for s in _slide_about(slides, "Where it leaks").shapes if s.has_table)
    rows = [[cell.text_frame.text for cell in row.cells] for row in table.rows]
    for row, stage in zip(rows[1:], analysis[PIPELINE].stages, strict=True):
        assert row[0].rstrip("\u2026") in name_of(stage.name)
        assert row[1] == f"{stage.opportunities:,}"


def test_the_pipe_is_one_group_of_shapes_with_the_names_of_its_stages(
    analysis: Analysis, slides: list[Any]
) -> None:
    shapes = _slide_about(slides, "The pipe").shapes
    (group,) = [shape for shape in shapes if shape.shape_type == MSO_SHAPE_TYPE.GROUP]
    lost = {shape.name: shape for shape in group.shapes if shape.name.startswith("lost: ")}
    pipe = analysis[PIPELINE].pipe
    assert set(lost) == {f"lost: {name_of(stage.name)}" for stage in pipe.stages if stage.lost}
    scale = {
        shape.height
        for shape in group.shapes
        if shape.name == f"width: {name_of(pipe.stages[0].name)}"
    }
    (whole,) = scale
    for before, after in zip(pipe.stages, pipe.stages[1:], strict=False):
        (inside,) = [s for s in group.shapes if s.name == f"after: {name_of(before.name)}"]
        assert inside.height / whole == pytest.approx(after.width / pipe.entered, abs=0.002)


def test_what_is_no_text_says_what_it_shows(slides: list[Any]) -> None:
    kinds = set()
    for slide in slides:
        for shape in slide.shapes:
            if shape.has_chart or shape.has_table or shape.shape_type == MSO_SHAPE_TYPE.GROUP:
                kinds.add(shape.shape_type)
                assert len(shape._element.xpath("./*/p:cNvPr/@descr")[0]) > 12
    assert len(kinds) == 3


def test_notes_say_out_of_what_and_by_which_call(slides: list[Any]) -> None:
    notes = [slide.notes_slide.notes_text_frame.text for slide in slides[1:]]
    assert all("leakkit.views." in note for note in notes)
    calls = {re.findall(r"leakkit\.views\.(\w+)\(", note)[-1] for note in notes}
    assert all(callable(getattr(views, call)) for call in calls)


def test_nothing_stands_outside_of_its_slide_and_ids_are_unique(content: bytes) -> None:
    made = Presentation(io.BytesIO(content))
    assert made.slide_width / made.slide_height == pytest.approx(16 / 9, abs=0.001)
    for slide in made.slides:
        ids = slide.shapes._spTree.xpath("//p:cNvPr/@id")
        assert len(ids) == len(set(ids))
        for shape in slide.shapes:
            assert shape.left >= 0
            assert shape.top >= 0
            assert shape.left + shape.width <= made.slide_width
            assert shape.top + shape.height <= made.slide_height


def test_the_parts_of_a_chart_stand_in_the_order_of_the_schema(content: bytes) -> None:
    order = (
        *("idx", "order", "tx", "spPr", "invertIfNegative", "marker", "dPt", "dLbls"),
        *("errBars", "cat", "val", "smooth"),
    )
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        names = [name for name in package.namelist() if "/charts/" in name and "rels" not in name]
        assert len(names) > 5
        for name in names:
            root = ET.fromstring(package.read(name))  # noqa: S314 - our own file
            for series in root.iter(f"{CHART}ser"):
                found = [child.tag.removeprefix(CHART) for child in series]
                assert found == sorted(found, key=order.index)


def test_hostile_names_run_nothing_and_break_nothing(content: bytes, slides: list[Any]) -> None:
    texts = []
    for slide in slides:
        texts.append(slide.shapes.title.text_frame.text)
        texts += [cell.text_frame.text for s in slide.shapes if s.has_table
                  for row in s.table.rows for cell in row.cells]  # fmt: skip
    assert any("=HYPERLINK(1)<b>" in text for text in texts)
    assert not any("x" * (LONGEST_NAME + 1) in text for text in texts)
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        sheets = [name for name in package.namelist() if name.endswith(".xlsx")]
        for name in sheets:
            with zipfile.ZipFile(io.BytesIO(package.read(name))) as book:
                sheet = book.read("xl/worksheets/sheet1.xml")
                assert b"<f>" not in sheet
                assert b"hyperlink" not in sheet


def _template(path: Path, *keep: str) -> Path:
    """Write a template with some layouts only, in colours and fonts of its own."""
    made = Presentation()
    for layout in list(made.slide_layouts):
        if layout.name not in keep:
            made.slide_layouts.remove(layout)
    made.slide_width, made.slide_height = Inches(13.333), Inches(7.5)
    made.save(str(path))
    return path


def test_a_template_gives_its_master_and_its_colours(diagnosis: Diagnosis, tmp_path: Path) -> None:
    file = _template(tmp_path / "client.pptx", "Title Slide", "Title Only", "Title and Content")
    master = client(file)
    found = leaks_slide(Subject(diagnosis, words_of(diagnosis.analysis)))
    assert found is not None
    write_slides(master, [found], Foot("For Acme only"))
    made = Presentation(io.BytesIO(pack_deck(master.deck, "Title", "Author")))
    (slide,) = made.slides
    assert slide.slide_layout.name == "Title Only"
    assert "For Acme only" in [s.text_frame.text for s in slide.shapes if s.has_text_frame]
    theme = made.slide_master.part.part_related_by(THEME).blob
    assert b"Calibri" in theme
    assert b"leakkit" not in theme


def test_letters_get_smaller_until_the_text_fits_a_narrow_template(tmp_path: Path) -> None:
    """The same lines in a box of half the width: smaller, and none of them lost."""
    master = client(_template(tmp_path / "client.pptx", "Title Slide", "Title Only"))
    lines = tuple(Line(f"Statement {at} " + "of what it is worth " * 6) for at in range(4))
    sizes = {}
    for wide in (1.0, 0.4):
        part = Placed(Box(0, 0, wide, 0.6), Text(lines, name="Answer"))
        slide = Slide("A title", "kicker", (part,))
        write_slides(master, [slide], Foot(""))
        made = master.deck.slides[len(master.deck.slides) - 1]
        (box,) = (shape for shape in made.shapes if shape.name == "Answer")
        assert [p.text for p in box.text_frame.paragraphs] == [line.text for line in lines]
        sizes[wide] = box.text_frame.paragraphs[0].runs[0].font.size.pt
    assert sizes[0.4] < sizes[1.0] == Line("").size


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        (("Title Only",), "a layout with title and subtitle placeholders"),
        (("Title Slide", "Blank"), "a layout with a title placeholder ('Title Only')"),
    ],
)
def test_a_template_without_placeholders_is_refused_with_their_names(
    analysis: Analysis, tmp_path: Path, keep: tuple[str, ...], said: str
) -> None:
    file = _template(tmp_path / "client.pptx", *keep)
    with pytest.raises(LeakkitError, match=re.escape(said)) as caught:
        deck(analysis, Look(file))
    assert caught.value.code == "template_placeholders"


def test_what_is_no_template_is_refused(analysis: Analysis, tmp_path: Path) -> None:
    file = tmp_path / "client.pptx"
    file.write_bytes(b"no zip")
    with pytest.raises(LeakkitError, match="cannot be read as a PowerPoint file"):
        deck(analysis, Look(file))
    with pytest.raises(LeakkitError, match="There is no file"):
        deck(analysis, Look(tmp_path / "nowhere.pptx"))
