"""A share now and before: in the lane under the pipe, in a card, and in a table."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from leakkit.findings import Finding
from leakkit.views.drawing import figures, pipe_path
from leakkit.views.drawing.pipe_forms import PipeTexts, narrow, small, wide
from leakkit.views.drawing.small_pictures import Shift, shift_cell, shift_figure, shifts, top_of
from leakkit.words import Words
from tests import fakes

WORDS = Words("en", currency="EUR")
WORSE = Finding(
    "Equipment", "Proforma", "lost", "alarm", share=0.5, reference=0.2, change=0.3, low=0.25,
    high=0.35, windows={"current": (20545, 20635), "baseline": (20275, 20545)}, since=20545,
    months=tuple((20275 + 30 * at, 0.2 if at < 9 else 0.5) for at in range(12)),
)  # fmt: skip
STEADY = replace(WORSE, stage="Inquiry", severity="ok", share=0.21, change=0.01, months=())
LATE = replace(WORSE, stage="Contract", kind="overdue")
UNKNOWN = replace(WORSE, stage="Negotiation", severity="not enough data", share=None, change=None)
FOUND = (WORSE, STEADY, LATE, UNKNOWN)


def texts_of(*found: Finding) -> PipeTexts:
    """Return what the picture tells of the fake pipeline and some findings."""
    one = fakes.analysis(name="Equipment")
    days = replace(one.windows, baseline=(20275, 20545), current=(20545, 20635))
    one = one.replace(windows=days)
    return PipeTexts(one, WORDS, 3, "count", shifts(one, found))


def words_of(svg: str) -> str:
    """Return all that a picture says, its lines apart."""
    root = ET.fromstring(svg)  # noqa: S314 - our own picture
    return "\n".join("".join(line.itertext()) for line in root.iter() if line.tag.endswith("text"))


def test_the_interval_of_now_is_that_of_the_change() -> None:
    one = Shift.of(WORSE)
    assert (one.low, one.high) == pytest.approx((0.45, 0.55))
    assert Shift.of(replace(WORSE, high=0.9)).high == 1.0
    assert not Shift.of(UNKNOWN).known


def test_the_lane_says_every_stage_and_marks_what_got_worse() -> None:
    said = words_of(wide(texts_of(*FOUND)))
    assert "\u25b2 20% → 50%" in said
    assert "\n20% → 21%" in said
    assert "\u25b2 late 20% → 50%" in said
    assert "too few" in said
    assert "before, Jul 6, 2025 to Apr 1, 2026" in words_of(wide(texts_of(*FOUND)))


def test_without_a_comparison_there_is_no_lane() -> None:
    assert pipe_path.bars_depth(texts_of(UNKNOWN).shifts) == 0
    assert "Lost, of the deals that enter" not in words_of(wide(texts_of(UNKNOWN)))


def test_the_dashed_leak_is_as_thick_as_the_share_of_now() -> None:
    drawn = texts_of(WORSE)
    assert drawn.grown == (3, 280.0)
    (dashed,) = re.findall(r'<path d="([^"]+)" style="[^"]*stroke-dasharray: [^"]*"', wide(drawn))
    numbers = [float(x) for x in re.findall(r"-?[\d.]+", dashed)]
    scale, radius = 190 / 1000, 9
    assert numbers[-2] - numbers[0] == pytest.approx(radius + 280 * scale, abs=1e-4)
    assert texts_of(replace(WORSE, share=0.3)).grown is None  # less than the cohort has lost
    assert texts_of(STEADY).grown is None


@pytest.mark.parametrize("form", [narrow, small])
def test_the_tall_forms_name_what_got_worse(form: object) -> None:
    said = words_of(form(texts_of(*FOUND)))  # type: ignore[operator] # one of two functions
    assert "\u25b2 20% → 50%" in said
    assert "\u25b2 late 20% → 50%" in said
    assert ("20% → 21%" in said) == (form is narrow)


def test_the_alternative_text_says_what_got_worse() -> None:
    svg = figures.pipe_figure(
        fakes.analysis(name="Equipment"), WORDS, shifts=texts_of(*FOUND).shifts
    )
    assert "At Proforma, 50% are lost now; before it was 20%." in svg
    assert "At Contract, 50% stay too long now; before it was 20%." in svg
    assert "At Inquiry, 1" not in svg


def test_the_card_draws_months_levels_and_the_range() -> None:
    svg = shift_figure(WORSE, WORDS)
    assert "Proforma: 50% are lost now (45% to 55%), 20% before." in svg
    assert "since Apr 2026" in words_of(svg)
    dots = re.findall(r"M [^z]*C [^z]*z", svg)
    assert len(dots) == 12
    assert shift_figure(UNKNOWN, WORDS) == ""
    assert "since" not in words_of(shift_figure(replace(WORSE, since=None), WORDS))


def test_the_cell_draws_both_shares_to_the_scale_of_the_column() -> None:
    cell = shift_cell(WORSE, 1.0)
    centres = [float(x) for x in re.findall(r'cx="([\d.]+)"', cell)]
    assert centres == pytest.approx([4 + 132 * 0.2, 4 + 132 * 0.5])
    assert shift_cell(UNKNOWN, 1.0) == ""
    assert top_of(WORSE) == pytest.approx(0.55)


def test_a_target_is_called_a_target() -> None:
    assert Shift.of(replace(WORSE, reference_kind="target")).say(WORDS) == "50%, target 20%"


def test_other_pipelines_are_left_out() -> None:
    one = fakes.analysis(name="Equipment")
    assert shifts(one, (replace(WORSE, pipeline="Parts"),)) == ()
    assert [s.stage for s in shifts(one, FOUND)] == [0, 3, 4, 5]
