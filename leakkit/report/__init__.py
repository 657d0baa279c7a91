"""Notebooks -> HTML: `run` makes the pages of all pipelines of a source."""

from leakkit.report.batch import PageResult, RunResult, run

__all__ = ["PageResult", "RunResult", "run"]
