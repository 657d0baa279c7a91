"""Rows on the data themselves: files, settings, the quality of each pipeline, one deal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.frames.cells import date, frame_of, major
from leakkit.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from leakkit.analysis.numbers import PipelineNumbers
    from leakkit.analysis.results import Analysis
    from leakkit.frames.cells import Cell

FATES = ("read", "used", "merged", "not_asked", "set_aside")
FILES = {"file": "str", "table": "str"} | dict.fromkeys(FATES, "int64")
SETTINGS = {"setting": "str", "value": "str"}
ENDS = ("won", "lost", "open")
PIPELINES = {
    "pipeline": "str",
    **dict.fromkeys(("opportunities", *ENDS), "int64"),
    **dict.fromkeys(("without_history", "without_value", "lost_without_reason"), "int64"),
    "value_lost": "float64",
    "currency": "str",
    "warns_at": "str",
}


def files_frame(analysis: Analysis) -> pd.DataFrame:
    """Return what became of the rows of each file: read = used + merged + not_asked + set_aside."""
    rows: list[dict[str, Cell]] = [{name: row[name] for name in FILES} for row in analysis.rows]
    return frame_of(rows, FILES)


def settings_frame(analysis: Analysis) -> pd.DataFrame:
    """Return what an analysis was made with and from."""
    rules = analysis.config.comparison.model_dump()
    said = {
        "as_of": date(analysis.last_day),
        "timezone": analysis.config.timezone,
        "currency": analysis.config.currency,
        **rules,
        "fingerprint": analysis.fingerprint,
        "leakkit": __version__,
    }
    return frame_of(({"setting": k, "value": str(v)} for k, v in said.items()), SETTINGS)


def pipelines_frame(analysis: Analysis) -> pd.DataFrame:
    """Return how the deals of each pipeline ended, what is not known of them, and what warns."""
    rows = [_pipeline(one, (f.stage for f in analysis.warnings(one.name))) for one in analysis]
    return frame_of(rows, PIPELINES)


def _pipeline(one: PipelineNumbers, warned: Iterable[str]) -> dict[str, Cell]:
    """Return the cells of one pipeline."""
    followed = sum(n for (_, history), n in one.notes.outcomes.items() if history)
    lost = sum(stage.value_lost for stage in one.stages)
    return {
        "pipeline": one.name,
        "opportunities": one.opportunities,
        **{end: one.deals(end) for end in ENDS},
        "without_history": one.opportunities - (0 if one.present else followed),
        "without_value": one.notes.without_value,
        "lost_without_reason": one.notes.without_reason_lost,
        "value_lost": major(one.present.total.value_lost if one.present else lost),
        "currency": one.currency,
        "warns_at": ", ".join(dict.fromkeys(warned)),
    }
