"""Notebooks -> HTML: `run` makes the pages of all pipelines of a source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leakkit.report.batch import run
    from leakkit.report.run_results import Event, PageResult, RunResult

__all__ = ["Event", "PageResult", "RunResult", "run"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    """Import a public name when it is first used: a worker needs no batch, nor does `lab`."""
    from leakkit.errors import import_needed  # noqa: PLC0415 - as said

    if name not in __all__:
        message = f"module 'leakkit.report' has no attribute {name!r}"
        raise AttributeError(message)
    room = "batch" if name == "run" else "run_results"
    return getattr(import_needed(f"leakkit.report.{room}", f"leakkit.report.{name}"), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
