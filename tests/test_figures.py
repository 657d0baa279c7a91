"""The figures: the picture adds up, is the same every time, and survives every name."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from leakkit.measures.horizons import Horizon
from leakkit.page.style import stylesheet
from leakkit.views.drawing import figures
from leakkit.views.drawing.palette import PALETTE
from leakkit.views.drawing.pipe_forms import PipeTexts, narrow, small, wide
from leakkit.views.drawing.pipe_path import leaving, worst_stage
from leakkit.views.drawing.sheet import elide, width_of, wrap
from leakkit.views.elements import name_stay, tidy_name
from leakkit.words import Words
from tests import fakes

DRAWN = 0.0151
"""Coordinates are drawn to a hundredth; a width is the difference of two, a sum of three."""
WORDS = Words("en", currency="EUR")
SVG = "{http://www.w3.org/2000/svg}"
ROOT = Path(__file__).parent.parent

TWELVE = tuple(f"Stage {number} with a long name" for number in range(12))
SHAPES = {
    "usual": fakes.pipe(),
    "with back flow": fakes.pipe_with_back(),
    "one stage": fakes.pipe(("Only",), (20,), (3,), (2,), won=5),
    "one stage, millions": fakes.pipe(("Only",), (4_000_000,), (3,), (200_000,), won=799_997),
    "nothing lost": fakes.pipe(("A", "B"), (0, 0), (0, 0), (0, 0), won=50),
    "nothing won": fakes.pipe(won=0),
    "all lost at once": fakes.pipe(lost=(990, 1, 1, 1, 1, 1), won=5),
    "twelve stages": fakes.pipe(TWELVE, (9, *[1] * 11), (0, 1) * 6, (0,) * 12, won=4),
    "twelve stages, millions": fakes.pipe(
        TWELVE, (900_000, *[200_000] * 11), (20_000,) * 12, (11_000,) * 12, won=528_000
    ),
    "all flowed back": fakes.pipe(
        lost=(0,) * 6,
        overdue=(0,) * 6,
        in_time=(0,) * 6,
        back=(0, 0, 0, 0, 0, 100),
        lost_from_later=(100, 0, 0, 0, 0, 0),
        won=0,
    ),
}


def extent_of(svg: str, name: str, *, across: int) -> float:
    """Return how far a shape reaches in one direction: 0 for x, 1 for y."""
    root = ET.fromstring(svg)  # noqa: S314 - our own picture
    (shape,) = [one for one in root.iter(f"{SVG}g") if one.get("data-lk") == name]
    data = next(shape.iter(f"{SVG}path")).get("d", "")
    numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", data)]
    return max(numbers[across::2]) - min(numbers[across::2])


def fall(svg: str, name: str) -> float:
    """Return the thickness of a band where it ends, furthest from the pipe."""
    root = ET.fromstring(svg)  # noqa: S314 - as above
    (shape,) = [one for one in root.iter(f"{SVG}g") if one.get("data-lk") == name]
    data = next(shape.iter(f"{SVG}path")).get("d", "")
    numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", data)]
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    end = max(y for _, y in points)
    ends = [x for x, y in points if abs(y - end) < 1e-6]
    return max(ends) - min(ends)


@pytest.mark.parametrize("name", SHAPES)
def test_the_picture_adds_up(name: str) -> None:
    drawn = SHAPES[name]
    svg = wide(PipeTexts(fakes.analysis(drawn), WORDS))
    scale = 190 / drawn.entered
    afters = [one.width for one in drawn.stages[1:]] + [drawn.won]
    for one, after in zip(drawn.stages, afters, strict=True):
        assert one.width - after == leaving(one)
        width = extent_of(svg, f"width-{one.stage}", across=1)
        assert width == pytest.approx(one.width * scale, abs=DRAWN)
        remaining = extent_of(svg, f"after-{one.stage}", across=1)
        assert width - remaining == pytest.approx(leaving(one) * scale, abs=DRAWN)
        bands = {"lost": one.lost, "overdue": one.overdue, "in_time": one.in_time}
        bands |= {"back": one.back, "lost_later": one.lost_from_later}
        for kind, deals in bands.items():
            gid = f"{kind}-{one.stage}"
            assert (f'data-lk="{gid}"' in svg) == (deals > 0)
            if deals:
                assert fall(svg, gid) == pytest.approx(deals * scale, abs=DRAWN)


def test_the_balance_is_written_out() -> None:
    svg = wide(PipeTexts(fakes.analysis(), WORDS))
    text = "".join(ET.fromstring(svg).itertext())  # noqa: S314 - our own picture
    assert "1,000 deals in = ■ 200 won + ■ 550 lost + ■ 153 overdue + ■ 97 in time" in text
    for said in ("37%", "205 lost", "45 overdue", "20 in time", "200 won", "20% of 1,000"):
        assert said in text


def test_no_column_hangs_over_the_edge() -> None:
    for drawn in SHAPES.values():
        for form in (wide, narrow, small):
            svg = form(PipeTexts(fakes.analysis(drawn), WORDS))
            edge = float(ET.fromstring(svg).get("width", "0"))  # noqa: S314 - as above
            ends = [float(x) for x in re.findall(r"[ML] (-?[\d.]+) ", svg)]
            assert min(ends) >= -0.01
            assert max(ends) <= edge + 0.01


def test_the_worst_stage_loses_the_largest_share() -> None:
    assert worst_stage(fakes.pipe()) == 3
    few = fakes.pipe(("A", "B"), (40, 9), (0, 0), (0, 0), won=1)
    assert worst_stage(few) == 0
    assert worst_stage(SHAPES["nothing lost"]) is None


def test_an_empty_pipe_says_so() -> None:
    nothing = fakes.pipe(lost=(0,) * 6, overdue=(0,) * 6, in_time=(0,) * 6, won=0)
    html = figures.pipe_figure(fakes.analysis().replace(pipe=nothing), WORDS)
    assert html.count("No deals to draw yet.</tspan>") == 3


def all_figures(pipeline_name: str, names: tuple[str, ...]) -> str:
    """Return every figure of a pipeline whose stages are called `names`."""
    pipeline = fakes.analysis(fakes.pipe(names=names), name=pipeline_name)
    parts = (figures.pipe_figure, figures.days_figure, figures.months_figure)
    return "\n".join(part(pipeline, WORDS) for part in parts)


def test_equal_bytes_here_and_in_a_new_process() -> None:
    code = (
        "import sys; from tests.test_figures import all_figures, fakes;"
        "sys.stdout.buffer.write(all_figures('x', fakes.HOSTILE).encode())"
    )
    first = all_figures("x", fakes.HOSTILE)
    assert first == all_figures("x", fakes.HOSTILE)
    new = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert new.stdout.decode() == first


def test_hostile_names_stay_text() -> None:
    html = all_figures("<img src=x onerror=alert(1)>", fakes.HOSTILE)
    root = ET.fromstring(f"<div>{html}</div>")  # noqa: S314 - our own pictures
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    known = {"div", "ul", "li", "svg", "g", "path", "text", "tspan", "title", "defs", "clipPath"}
    assert tags <= known | {"rect", "use", "pattern"}
    said = "".join(root.itertext())
    for name in fakes.HOSTILE:
        assert tidy_name(name) in said
    assert "http" not in html.replace("http://www.w3.org/", "")
    assert not [key for element in root.iter() for key in element.attrib if key.startswith("on")]


def test_colours_are_variables_with_a_fallback() -> None:
    svg = all_figures("x", fakes.NAMES)
    assert "var(--lk-lost, #c6362a)" in svg
    assert re.search(r"(?<!, )#[0-9a-f]{6}", svg) is None
    sheet = stylesheet()
    for role, colour in PALETTE.items():
        assert sheet.count(f"--lk-{role}: ") == 3
        assert f"--lk-{role}: {colour};" in sheet


def test_dark_is_the_same_for_the_system_and_for_jupyter() -> None:
    system = re.search(r"prefers-color-scheme: dark\) \{[^{]*\{([^}]*)\}", stylesheet())
    jupyter = re.search(r'data-jp-theme-light="false"\] \.lk \{([^}]*)\}', stylesheet())
    assert system
    assert jupyter
    assert system[1].split() == jupyter[1].split()


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as WCAG defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("block", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("role", ["ink", "muted", "flow-ink", "lost-ink", "overdue-ink"])
def test_texts_have_contrast(role: str, block: int) -> None:
    def colour(name: str) -> str:
        found: list[str] = re.findall(rf"--lk-{name}: (#[0-9a-f]{{6}});", stylesheet())
        return found[block]

    grounds = ["paper", "wash"] + (["flow"] if role in {"ink", "flow-ink"} else [])
    for ground in grounds:
        pair = sorted((luminance(colour(role)), luminance(colour(ground))))
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5


def test_every_picture_says_what_it_shows() -> None:
    html = all_figures("Equipment", fakes.NAMES)
    assert html.count('role="img" aria-label="') == html.count("<svg ") == 12
    assert (
        "Pipe of Equipment: of 1,000 deals that entered, 200 won, 550 lost, 153 overdue and 97 in "
        "time. At Proforma, 205 of the 560 that reached it were lost, 37%."
    ) in html


def test_a_stage_without_a_curve_says_why() -> None:
    last = figures.stage_days(fakes.analysis().stages[5], WORDS)
    assert "Too few deals so far to learn from." in last
    assert "<path" not in last.replace('<path d="M 0', "")
    odd = fakes.analysis().stages[5].replace(horizon=Horizon(None, "", "a_new_reason"))
    assert "a_new_reason" in figures.stage_days(odd, WORDS)


def test_short_stays_are_said_in_hours() -> None:
    assert name_stay(WORDS, 24, 24) == "24 hours"
    assert name_stay(WORDS, 240, 24) == "10 days"
    assert name_stay(WORDS, 24, 1) == "24 days"
    hours = figures.stage_days(fakes.analysis().stages[0], WORDS, unit_per_day=24)
    assert "counted within 45 hours" in hours


def test_months_that_are_incomplete_are_striped() -> None:
    html = figures.months_figure(fakes.analysis(), WORDS)
    assert "Striped: the month is incomplete." in html
    assert html.count("url(#") > 0
    assert figures.months_figure(fakes.analysis().replace(months=()), WORDS) == ""


def test_the_flow_runs_as_the_reader_reads() -> None:
    words = Words("en")
    words.direction = "rtl"
    left, right = (wide(PipeTexts(fakes.analysis(), w, 3)) for w in (WORDS, words))
    edge = float(ET.fromstring(right).get("width", "0"))  # noqa: S314 - our own picture
    start = re.search(r'data-lk="width-0">\s*<path d="M ([\d.]+)', right)
    assert start
    assert float(start[1]) == pytest.approx(edge - 2, abs=1e-3)
    assert extent_of(left, "width-3", across=1) == extent_of(right, "width-3", across=1)


def test_in_money_the_picture_is_of_money() -> None:
    in_money = fakes.pipe(lost=(10_000, 0, 0, 700_000, 0, 0), won=20_000_000)
    svg = wide(PipeTexts(fakes.analysis().replace(pipe_value=in_money), WORDS, by="value"))
    said = "".join(ET.fromstring(svg).itertext())  # noqa: S314 - our own picture
    assert WORDS.money(in_money.entered) + " in = " in said
    assert WORDS.money(700_000) + " lost" in said
    lost = fall(svg, "lost-3")
    assert lost == pytest.approx(700_000 * 190 / in_money.entered, abs=DRAWN)


def test_names_are_cut_to_their_room() -> None:
    long = fakes.HOSTILE[4]
    assert width_of(elide(long, 90, 12), 12) <= 90
    assert elide("short", 90, 12) == "short"
    lines = wrap(long, 120, 12, lines=3)
    assert len(lines) == 3
    assert all(width_of(line, 12) <= 120 for line in lines)
    assert wrap("", 100, 12) == ("",)
