"""Damaged files: whatever happens to the bytes of a file, it is read or refused in one sentence."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leakkit.errors import LeakkitError
from leakkit.sources import load

GALLERY = Path(__file__).parent / "gallery"
FILES = (
    "formats/comma.csv",
    "formats/workbook.xlsx",
    "formats/workbook.xls",
    "formats/packed.csv.gz",
    "formats/lines.jsonl",
    "formats/rows.parquet",
    "dates/jalali_persian_digits.csv",
    "numbers/toman.csv",
    "shapes/hubspot_wide.csv",
)
PIECES = (
    b'"',
    b"\n",
    b"\r",
    b",",
    b";",
    b"\xff\xfe",
    b"\0",
    b"'; DROP",
    "\u06f1".encode(),
    b"1e999",
)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(name: str, data: st.DataObject) -> None:
    content = (GALLERY / name).read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    piece = data.draw(st.sampled_from(PIECES))
    damaged = data.draw(
        st.sampled_from(
            (content[:at], content[:at] + piece + content[at:], content[:at] + content[at + 1 :])
        )
    )
    with TemporaryDirectory() as folder:
        file = Path(folder) / Path(name).name
        file.write_bytes(damaged)
        # any other error fails the test
        with suppress(LeakkitError):
            load(file).close()
