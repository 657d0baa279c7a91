"""One row per calendar month: what was open, what came in, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.frames.cells import date, frame_of, major

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from leakkit.analysis.results import PipelineAnalysis
    from leakkit.frames.cells import Cell
    from leakkit.measures.balance import Month

TERMS = ("opening", "new", "reopened", "won", "lost", "moved", "closing")
VALUES = tuple(f"{term}_value" for term in TERMS)
COLUMNS = ("pipeline", "month", "complete", *TERMS, *VALUES, "currency")
KINDS = (
    dict.fromkeys(TERMS, "int64")
    | dict.fromkeys(VALUES, "float64")
    | {"month": "datetime64[s]", "complete": "bool"}
)


def months_frame(pipelines: Iterable[PipelineAnalysis]) -> pd.DataFrame:
    """Return the months of pipelines: opening + new + reopened = won + lost + moved + closing.

    `month` is its first day; `complete` is false where the data begin or end within it.
    """
    rows = [_row(month, pipeline) for pipeline in pipelines for month in pipeline.months]
    return frame_of(rows, COLUMNS, KINDS)


def _row(month: Month, pipeline: PipelineAnalysis) -> dict[str, Cell]:
    """Return the cells of one month."""
    return {
        "pipeline": pipeline.name,
        "month": date(month.first_day),
        "complete": month.complete,
        **{term: getattr(month.count, term) for term in TERMS},
        **{f"{term}_value": major(getattr(month.value, term)) for term in TERMS},
        "currency": pipeline.currency,
    }
