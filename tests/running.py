"""What takes long, done once or small: the sample, runs of the batch, commands."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from benchmarks.killing import short_book
from benchmarks.pages import SHOWN
from leakkit import cli, sample
from leakkit.analysis import analyze
from leakkit.config import Config
from leakkit.loading import load
from leakkit.report import notebooks
from leakkit.sample import PipelinePlan, Plan, StagePlan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from leakkit.analysis import Analysis
    from leakkit.sample import Sample
    from leakkit.store import Store

STAGES = (StagePlan("Inquiry"), StagePlan("Proforma", kind="offer", lost_share=0.3))
SMALL = Plan((PipelinePlan("Equipment", stages=STAGES), PipelinePlan("Spare parts", stages=STAGES)))
"""Two pipelines of two stages: an analysis takes as long as it has stages, not deals."""


@cache
def sample_store() -> Store:
    """Return the sample, which takes seconds to load, for all tests that only read it."""
    return load("sample")


def load_made(made: Sample) -> Store:
    """Return what a simulation made, loaded as frames with its own configuration."""
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    return load(frames, Config.from_text(made.config))


@cache
def sample_analysis() -> Analysis:
    """Return the analysis of the sample, for all tests that only read it."""
    return analyze(sample_store())


@cache
def few_deals() -> Store:
    """Return a sample of 900 deals, for all tests that only choose among them."""
    return load_made(sample.make(900))


@cache
def few_analysed() -> Analysis:
    """Return the analysis of two of their pipelines."""
    return analyze(few_deals(), ["Equipment", "Projects"])


def write_small(folder: Path, deals: int = 120) -> Path:
    """Write a source of two small pipelines."""
    sample.write(folder, deals, plan=SMALL)
    return folder


def opening(name: str, whole: Callable[[str], str] = notebooks.read_notebook) -> str:
    """Return a notebook with the first and the last of its views, and the list of pages."""
    book = json.loads(whole(name))
    views = [cell for cell in book["cells"] if "".join(cell["source"]).startswith(SHOWN)]
    less = [cell for cell in views[1:-1] if "overview_pages" not in "".join(cell["source"])]
    book["cells"] = [cell for cell in book["cells"] if cell not in less]
    return json.dumps(book)


def short(name: str) -> str:
    """Return a notebook of one view, but for the overview: it says what became of the pages."""
    return opening(name) if name == notebooks.OVERVIEW else short_book(name)


@contextmanager
def short_pages(text: Callable[[str], str] = short) -> Iterator[None]:
    """Make one page per pipeline, of notebooks that take no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notebooks, "PER_PIPELINE", notebooks.PER_PIPELINE[:1])
        patch.setattr(notebooks, "read_notebook", text)
        yield


def here(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command in this process, which has the libraries loaded."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), mock.patch.object(sys, "argv", ["", *words]):
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())
