"""One row per stage: what came in and what became of it, in the balance and in the pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.frames.cells import frame_of, major

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from leakkit.analysis.numbers import PipelineNumbers
    from leakkit.frames.cells import Cell
    from leakkit.measures.balance import Pipe

TERMS = (
    *("opening", "new", "from_previous", "jumped_in", "returned_in", "reopened"),
    *("next", "jumped", "won_here", "returned", "lost", "moved", "closing"),
)
DOORS = ("lost", "overdue", "in_time")
AMOUNTS = ("entered", "won", "reached", *DOORS)
TEXT = {"pipeline": "str", "stage": "str"}
BALANCE = (
    TEXT
    | dict.fromkeys(TERMS, "int64")
    | dict.fromkeys((f"{term}_value" for term in TERMS), "float64")
    | {"currency": "str"}
)
PIPE = (
    TEXT
    | dict.fromkeys(AMOUNTS, "int64")
    | dict.fromkeys((f"{name}_value" for name in AMOUNTS), "float64")
    | {"currency": "str"}
)


def balances_frame(pipelines: Iterable[PipelineNumbers]) -> pd.DataFrame:
    """Return the balance of every stage.

    opening + new + from_previous + jumped_in + returned_in + reopened
    = next + jumped + won_here + returned + lost + moved + closing.
    """
    rows: list[dict[str, Cell]] = [
        {
            "pipeline": one.name,
            "stage": one.stages[count.stage].name,
            **{term: getattr(count, term) for term in TERMS},
            **{f"{term}_value": major(getattr(value, term)) for term in TERMS},
            "currency": one.currency,
        }
        for one in pipelines
        for count, value in zip(one.balances, one.balances_value, strict=True)
    ]
    return frame_of(rows, BALANCE)


def pipe_frame(pipelines: Iterable[PipelineNumbers]) -> pd.DataFrame:
    """Return what the picture of the pipe shows of every stage: a cohort, each deal once.

    Of the `entered` deals of the cohort `won` were won in the end; `reached` came to the
    stage or beyond it, and `lost`, `overdue` or `in_time` is where they stand in it.
    """
    rows = [row for one in pipelines for row in _pipe_rows(one)]
    return frame_of(rows, PIPE)


def _pipe_rows(pipeline: PipelineNumbers) -> list[dict[str, Cell]]:
    """Return the cells of one pipeline, in deals and in money."""
    value = pipeline.pipe_value
    return [
        {
            "pipeline": pipeline.name,
            "stage": stage.name,
            **_amounts(pipeline.pipe, at),
            **{
                f"{name}_value": None if value is None else major(_amounts(value, at)[name])
                for name in AMOUNTS
            },
            "currency": pipeline.currency,
        }
        for at, stage in enumerate(pipeline.pipe.stages)
    ]


def _amounts(pipe: Pipe, at: int) -> dict[str, int]:
    """Return the amounts of one stage of a pipe."""
    stage = pipe.stages[at]
    doors = {name: getattr(stage, f"all_{name}") for name in DOORS}
    return {"entered": pipe.entered, "won": pipe.won, "reached": stage.width, **doors}
