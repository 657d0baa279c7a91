"""One row per calendar month: what was open, what came in, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.frames.cells import date, frame_of, major

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from leakkit.analysis.numbers import PipelineNumbers
    from leakkit.frames.cells import Cell
    from leakkit.measures.balance import Month

TERMS = ("opening", "new", "reopened", "won", "lost", "moved", "closing")
ENDS = ("won", "lost")
VALUES = tuple(f"{term}_value" for term in TERMS)
COLUMNS = ("pipeline", "month", "complete", *TERMS, *VALUES, "currency")
TYPES = (
    dict.fromkeys(TERMS, "Int64")
    | dict.fromkeys(VALUES, "float64")
    | {"month": "datetime64[s]", "complete": "boolean"}
)
KINDS = {name: TYPES.get(name, "str") for name in COLUMNS}


def months_frame(pipelines: Iterable[PipelineNumbers]) -> pd.DataFrame:
    """Return the months of pipelines: opening + new + reopened = won + lost + moved + closing.

    `month` is its first day; `complete` is false where the data begin or end within it. Of a
    list without a history only what was won and lost is known.
    """
    rows = [row for pipeline in pipelines for row in _rows(pipeline)]
    return frame_of(rows, KINDS)


def _rows(pipeline: PipelineNumbers) -> list[dict[str, Cell]]:
    """Return the cells of a pipeline; of a list without a history, what was won and lost."""
    if pipeline.present is None:
        return [_row(month, pipeline) for month in pipeline.months]
    missing: dict[str, Cell] = dict.fromkeys((*TERMS, *VALUES))
    return [
        {
            "pipeline": pipeline.name,
            "month": date(first),
            "complete": None,
            **missing,
            **{end: getattr(tally, end) for end in ENDS},
            **{f"{end}_value": major(getattr(tally, f"value_{end}")) for end in ENDS},
            "currency": pipeline.currency,
        }
        for first, tally in pipeline.present.months
    ]


def _row(month: Month, pipeline: PipelineNumbers) -> dict[str, Cell]:
    """Return the cells of one month."""
    return {
        "pipeline": pipeline.name,
        "month": date(month.first_day),
        "complete": month.complete,
        **{term: getattr(month.count, term) for term in TERMS},
        **{f"{term}_value": major(getattr(month.value, term)) for term in TERMS},
        "currency": pipeline.currency,
    }
