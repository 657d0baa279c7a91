"""Names that are formulas, markup, SQL and paths, through a whole report: texts, everywhere."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from typing import TYPE_CHECKING

import pytest

from leakkit import report
from leakkit.config import Config
from leakkit.sources.check import check, faults_csv
from tests.test_gallery import GALLERY, HOSTILE

if TYPE_CHECKING:
    from pathlib import Path

PIPELINE = """
as_of = "2024-06-30"
[[pipelines]]
name = "../<b>=1+1</b>'; DROP TABLE opportunities; --"
expected_days = 10
stages = [{ name = "<script>alert(1)</script>" }"""
CONFIG = PIPELINE + ', { name = "=1+1" }]'
RUNS = ("=", "+", "@", "\t", "\r", "-2+3")


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the report of the hostile source."""
    out = tmp_path_factory.mktemp("hostile") / "out"
    config = out.parent / "leakkit.toml"
    config.write_text(CONFIG, "utf-8")
    result = report.run(GALLERY / HOSTILE, out, config, jobs=1)
    assert not result.failed
    assert not result.trouble
    return out


def test_every_file_is_in_the_folder_under_a_plain_name(hostile_report: Path) -> None:
    names = [
        path.relative_to(hostile_report).as_posix()
        for path in hostile_report.rglob("*")
        if path.is_file()
    ]
    assert len(names) > 8
    assert all(re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name) for name in names), names
    assert {path.name for path in hostile_report.parent.iterdir()} == {"out", "leakkit.toml"}


def test_no_markup_of_a_name_reaches_a_page(hostile_report: Path) -> None:
    pages = [path.read_text("utf-8") for path in hostile_report.rglob("*.html")]
    assert len(pages) == 5
    for page in pages:
        assert not re.search(r"<script[^>]*>\s*alert|<img[^>]*onerror|<b>=1", page)
    assert any("&lt;script&gt;alert(1)" in page for page in pages)


def test_no_cell_of_a_csv_file_runs(hostile_report: Path) -> None:
    for name in ("stages.csv", "worklist.csv"):
        text = next(hostile_report.glob(f"*/{name}")).read_text("utf-8-sig")
        cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
        assert any("SUM(A1)" in cell or "alert(1)" in cell for cell in cells), name
        assert not [cell for cell in cells if cell.startswith(RUNS)], name


def test_no_cell_of_the_workbook_runs(hostile_report: Path) -> None:
    with zipfile.ZipFile(next(hostile_report.glob("*/worklist.xlsx"))) as book:
        parts = {name: book.read(name).decode() for name in book.namelist()}
    assert "HYPERLINK" in parts["xl/sharedStrings.xml"]
    assert not [name for name, part in parts.items() if "<f>" in part or "<hyperlink" in part]


def test_faults_with_hostile_names_run_nowhere() -> None:
    config = Config.from_text(PIPELINE + "]")
    found = check(GALLERY / HOSTILE, config)
    assert {fault.value for fault in found.faults} == {"=1+1"}
    rows = list(csv.reader(faults_csv(found.faults).splitlines()))
    assert not [cell for row in rows for cell in row if cell.startswith(RUNS)]
