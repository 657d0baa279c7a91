"""Notebooks -> HTML: `run` makes the pages of all pipelines of a source."""

from leakkit.report.batch import run
from leakkit.report.results import Event, PageResult, RunResult

__all__ = ["Event", "PageResult", "RunResult", "run"]
