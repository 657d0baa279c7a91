"""The notebook as others run it: stock papermill, stock nbconvert."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import papermill
import pytest
from nbconvert.nbconvertapp import NbConvertApp
from papermill.exceptions import PapermillExecutionError

from tests.running import write_small

BOOK = Path("notebooks/stage_dropoff.ipynb")


@pytest.fixture(autouse=True)
def _converts_alone() -> Iterator[None]:
    """Leave no nbconvert that the next one would be."""
    yield
    NbConvertApp.clear_instance()


def test_stock_papermill_and_nbconvert_make_the_page(tmp_path: Path) -> None:
    """The command of schedulers; nbconvert is called here, and started in test_exporter.py."""
    out = tmp_path / "out.ipynb"
    run = ["-m", "papermill", str(BOOK), str(out), "-p", "pipeline", "Spare parts"]
    run += ["-p", "source", str(write_small(tmp_path / "source")), "--no-progress-bar"]
    subprocess.run([sys.executable, *run], check=True, capture_output=True)
    book = nbformat.read(out, 4)  # type: ignore[no-untyped-call] # nbformat ships no types
    parameters = [c for c in book.cells if "injected-parameters" in c.metadata.get("tags", ())]
    assert "Spare parts" in parameters[0].source
    NbConvertApp.launch_instance(["--to", "leakkit", str(out)])
    page = (tmp_path / "out.html").read_text("utf-8")
    assert "<title>Spare parts: where deals are lost</title>" in page
    assert 'id="pipe"' in page
    assert "<script" not in page
    assert "injected" not in page
    assert "pipeline = &#34;Spare parts&#34;" in page


def test_an_unknown_parameter_ends_the_run_and_makes_no_page(tmp_path: Path) -> None:
    out, given = tmp_path / "out.ipynb", {"pipline": "Spare parts"}
    said = r"This notebook has no parameter pipline\. Did you mean pipeline\?"
    with pytest.raises(PapermillExecutionError, match=said):
        papermill.execute_notebook(BOOK, out, parameters=given, progress_bar=False)
    with pytest.raises(SystemExit, match="1"):
        NbConvertApp.launch_instance(["--to", "leakkit", str(out)])
    assert not (tmp_path / "out.html").exists()


def test_the_notebook_has_the_parameters_that_are_promised() -> None:
    book = nbformat.read(BOOK, 4)  # type: ignore[no-untyped-call] # nbformat ships no types
    cell = next(c for c in book.cells if "parameters" in c.metadata.get("tags", ()))
    values: dict[str, str] = {}
    exec(cell.source, values)  # noqa: S102 - our own notebook
    values.pop("__builtins__")
    assert values == {
        "source": "sample",
        "config": "",
        "pipeline": "",
        "as_of": "",
        "language": "en",
    }
