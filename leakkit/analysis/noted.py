"""The notes of an analyst on one pipeline (`[[notes]]` of leakkit.toml)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leakkit.analysis.results import Analysis, PipelineAnalysis

EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True)
class Noted:
    """One note; `number` marks its day in pictures (0: of no day), `stage` is empty for all."""

    number: int
    text: str
    day: int | None
    stage: str


def notes_of(analysis: Analysis, pipeline: PipelineAnalysis) -> tuple[Noted, ...]:
    """Return the notes on a pipeline: by day, those of no day last."""
    config = analysis.config
    rules = next(one for one in config.pipelines if one.name == pipeline.name)
    own = [(note, stage) for note in config.notes if (stage := note.stage_of(rules)) is not None]
    dated = sorted(
        (((note.day - EPOCH).days, note.text, stage) for note, stage in own if note.day),
        key=lambda each: each[0],
    )
    found = [Noted(at, text, day, stage) for at, (day, text, stage) in enumerate(dated, start=1)]
    return (*found, *(Noted(0, note.text, None, stage) for note, stage in own if not note.day))
