"""Pictures of the deck and of the summary, for docs/deck.md.

    python -m benchmarks.gallery_deck

It needs a Chromium, LibreOffice (`soffice`) and `pdftoppm`, and `dev` of pyproject.toml.
"""

from __future__ import annotations

import io
import subprocess
import tempfile
from pathlib import Path

from PIL import Image
from pptx import Presentation
from pptx.dml.color import RGBColor
from pptx.opc.constants import RELATIONSHIP_TYPE
from pptx.util import Inches

import leakkit
from benchmarks.gallery import DOCS, chromium, small
from leakkit.deck import Look, deck
from leakkit.report.writing import SUMMARY, files_of

COLUMNS, WIDTH, DPI = 2, 1_240, 64
THEIRS = {"Calibri": "DejaVu Serif", "4F81BD": "7A2E5A", "C0504D": "C46A1B"}
"""What the theme of the client has in place of PowerPoint's own."""


def client(path: Path) -> Path:
    """Write the template of a client: other fonts and colours, and a master from right to left."""
    made = Presentation()
    for layout in list(made.slide_layouts):
        if layout.name not in {"Title Slide", "Title Only"}:
            made.slide_layouts.remove(layout)
    made.slide_width, made.slide_height = Inches(13.333), Inches(7.5)
    theme = made.slide_master.part.part_related_by(RELATIONSHIP_TYPE.THEME)
    text = theme.blob.decode()
    for before, after in THEIRS.items():
        text = text.replace(before, after)
    theme._blob = text.encode()
    for level in made.slide_master.element.iter():
        if level.tag.endswith("lvl1pPr"):
            level.set("rtl", "1")
    fill = made.slide_master.background.fill
    fill.solid()
    fill.fore_color.rgb = RGBColor(0xFB, 0xF6, 0xEE)
    made.save(str(path))
    return path


def draw_slides(content: bytes, folder: Path) -> list[Image.Image]:
    """Return the slides of a deck as LibreOffice shows them."""
    file = folder / "deck.pptx"
    file.write_bytes(content)
    office = ["soffice", "--headless", "--convert-to", "pdf", "--outdir", str(folder), str(file)]
    subprocess.run(office, check=True, capture_output=True)
    ppm = ["pdftoppm", "-r", str(DPI), "-png", str(folder / "deck.pdf"), str(folder / "slide")]
    subprocess.run(ppm, check=True)
    return [Image.open(one).convert("RGB") for one in sorted(folder.glob("slide*.png"))]


def lay_out(slides: list[Image.Image]) -> bytes:
    """Return the slides beside each other, on grey."""
    width, height = slides[0].size
    rows = -(-len(slides) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (width + 8) + 8, rows * (height + 8) + 8), "#c9ced1")
    for at, slide in enumerate(slides):
        row, column = divmod(at, COLUMNS)
        sheet.paste(slide, (8 + column * (width + 8), 8 + row * (height + 8)))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return small(buffer.getvalue(), WIDTH)


def main() -> None:
    """Make all pictures anew."""
    data = leakkit.load("sample")
    one = leakkit.analyze(data, "Equipment")
    folder = DOCS / "gallery"
    for name, master in (("deck", False), ("deck_of_a_client", True)):
        with tempfile.TemporaryDirectory() as temporary:
            place = Path(temporary)
            look = Look(client(place / "client.pptx") if master else None)
            slides = draw_slides(deck(one, look), place)
            kept = slides[:4] if master else slides
            (folder / f"{name}.png").write_bytes(lay_out(kept))
    with chromium() as browser, tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "summary.html"
        file.write_bytes(files_of(data, one, one.pipelines[0])[SUMMARY])
        page = browser.new_page(viewport={"width": 800, "height": 1_130})
        page.goto(file.as_uri())
        (folder / "summary.png").write_bytes(small(page.screenshot(), 800))


if __name__ == "__main__":
    main()
