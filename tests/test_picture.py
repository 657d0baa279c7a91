"""A picture alone, for a slide: it stands without a page, and PNG and SVG say the same."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.path import Path
from PIL import Image

from leakkit.errors import LeakkitError
from leakkit.views.drawing import figures
from leakkit.views.drawing.palette import PALETTE
from leakkit.views.drawing.sheet import Sheet, theme
from leakkit.views.view import View
from leakkit.words import Words
from tests import fakes

if TYPE_CHECKING:
    import pathlib

    import numpy.typing as npt

WORDS = Words("en", currency="EUR")
TEXT = "{http://www.w3.org/2000/svg}text"


def pipe(names: tuple[str, ...] = fakes.NAMES) -> View:
    return View(
        "pipe", "Pipe", figure=figures.pipe_figure(fakes.analysis(fakes.pipe(names=names)), WORDS)
    )


def pixels(file: pathlib.Path) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(file.read_bytes())).convert("RGB"))


def alike(seen: npt.NDArray[np.uint8], role: str) -> npt.NDArray[np.bool_]:
    """Return which pixels have the colour of a role."""
    colour = [int(PALETTE[role][at : at + 2], 16) for at in (1, 3, 5)]
    return np.asarray((seen == np.array(colour, dtype=np.uint8)).all(axis=-1))


def test_the_svg_needs_no_page(tmp_path: pathlib.Path) -> None:
    file = pipe(fakes.HOSTILE).save(tmp_path / "pipe.svg")
    text = file.read_text("utf-8")
    root = ET.fromstring(text)  # noqa: S314 - our own
    assert "var(" not in text
    assert set(re.findall(r"#[0-9a-f]{6}", text)) <= set(PALETTE.values())
    assert "DejaVu Sans" in root.get("style", "")
    said = ["".join(one.itertext()) for one in root.iter(TEXT)]
    assert any("37%" in one for one in said)
    assert root[1].get("fill") == "#ffffff"


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_shapes_alone_have_the_bytes_of_shapes_in_a_figure(direction: str) -> None:
    drawn = []
    for alone in (True, False):
        with mpl.rc_context(theme()):
            sheet = Sheet(503.1, 211.7, direction=direction, mirrored=direction == "rtl")
            if not alone:
                assert sheet.paper
            random = np.random.default_rng(7)
            for at, order in enumerate((3.0, 1.0, 2.8, 2.8, 4.0)):
                points = random.uniform(-20, 520, (5, 2))
                roles = random.choice(["", "lost", "won", "line"], 2)
                dashes = (4.0, 3.0) if at % 2 else ()
                alpha = 0.4 if at == 2 else None
                sheet.shape(
                    Path(points),
                    roles[0],
                    edge=roles[1],
                    width=random.choice([0.0, 1.4, 2.0]),
                    gid=f"lost-{at}" if at % 2 else "",
                    order=order,
                    dashes=dashes,
                    alpha=alpha,
                )
            drawn.append(sheet.svg("alt", "salt"))
    assert drawn[0] == drawn[1]
    assert drawn[0].count("<path") == 5


def test_the_png_draws_the_pipe_to_scale(tmp_path: pathlib.Path) -> None:
    seen = pixels(pipe().save(tmp_path / "pipe.png"))
    svg = ET.parse(pipe().save(tmp_path / "pipe.svg")).getroot()  # noqa: S314 - our own
    assert seen.shape[1] == 2 * int(float(svg.get("width", "0")))
    scale = float(svg.get("data-scale", "0"))
    # where nothing but the pipe is: 1,000 deals in, of which 190 pixels high
    mouth = alike(seen[:, 12], "flow").sum() / 2
    assert mouth == pytest.approx(1000 * scale, abs=4)
    # a row 12 pixels over the floor, which is 52 over the end, cuts only what was lost
    cut = alike(seen[-2 * (52 + 12)], "lost").sum() / 2
    assert cut == pytest.approx(205 * scale, abs=2)


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_the_same_view_gives_the_same_bytes(tmp_path: pathlib.Path, kind: str) -> None:
    files = [pipe(fakes.HOSTILE).save(tmp_path / f"{at}.{kind}") for at in range(2)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_stripes_curves_and_marks_are_drawn_too(tmp_path: pathlib.Path) -> None:
    analysis = fakes.analysis()
    months = View("months", "M", figure=figures.months_figure(analysis, WORDS))
    seen = pixels(months.save(tmp_path / "months.png"))
    assert alike(seen, "lost").sum() > 10_000
    assert alike(seen, "flow").sum() > 10_000
    days = View("days", "D", figure=figures.stage_days(analysis.stages[3], WORDS))
    seen = pixels(days.save(tmp_path / "days.png"))
    shown = {role: alike(seen, role).sum() for role in ("advanced", "lost", "open")}
    assert min(shown.values()) > 20_000
    assert shown["advanced"] > shown["lost"]


@pytest.mark.parametrize(
    ("figure", "name", "code"),
    [
        (figures.pipe_figure(fakes.analysis(), WORDS), "a.pdf", "no_format"),
    ],
)
def test_what_cannot_be_saved_is_said(
    tmp_path: pathlib.Path, figure: str, name: str, code: str
) -> None:
    with pytest.raises(LeakkitError) as caught:
        View("a", "A", figure=figure).save(tmp_path / name)
    assert caught.value.code == code
    assert not (tmp_path / name).exists()


TABLE = (
    "<h3>First</h3><table><caption>Of it</caption>"
    "<thead><tr><th>Stage</th><th>Lost</th></tr></thead><tbody><tr><th>=1+1</th>"
    '<td>20%<span class="lk-range">19% to 21%</span></td></tr></tbody></table>'
)


def test_every_view_is_saved_in_every_form(tmp_path: pathlib.Path) -> None:
    days = figures.days_figure(fakes.analysis(), WORDS)
    kinds = (
        View("a", "A sentence", "It says so."),
        View("b", "A table", table=TABLE),
        View("c", "Pictures", figure=days, note="<p>A note.</p>"),
    )
    for view in kinds:
        for ending in ("png", "svg", "csv", "xlsx"):
            file = view.save(tmp_path / f"{view.name}.{ending}")
            assert file.stat().st_size > 20
            assert file.read_bytes() == view.save(tmp_path / f"again.{ending}").read_bytes()
    text = (tmp_path / "b.csv").read_text("utf-8-sig")
    assert text.splitlines() == ["Of it", "Stage,Lost,Lost (+)", "'=1+1,20%,19% to 21%"]
    assert "It says so." in (tmp_path / "a.csv").read_text("utf-8-sig")
    lost = (tmp_path / "c.svg").read_text("utf-8")
    assert lost.count('data-lk="door-lost"') == days.count('data-lk="door-lost"') > 2
    assert alike(pixels(tmp_path / "c.png"), "advanced").sum() > 20_000
