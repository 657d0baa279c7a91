"""The spine: from a store to all that leakkit knows of its pipelines."""

from leakkit.analysis.coverage import DataNotes
from leakkit.analysis.diagnosis import Diagnosis, diagnose, find_worklist
from leakkit.analysis.headline import Bounds, headline_bounds
from leakkit.analysis.numbers import PipelineNumbers, StageNumbers
from leakkit.analysis.results import Analysis
from leakkit.analysis.scope import Selection
from leakkit.analysis.snapshot import (
    Appeared,
    Seen,
    SinceThen,
    losses_appeared,
    since_last_run,
)
from leakkit.analysis.spine import analyze, outline

__all__ = [
    "Analysis",
    "Appeared",
    "Bounds",
    "DataNotes",
    "Diagnosis",
    "PipelineNumbers",
    "Seen",
    "Selection",
    "SinceThen",
    "StageNumbers",
    "analyze",
    "diagnose",
    "find_worklist",
    "headline_bounds",
    "losses_appeared",
    "outline",
    "since_last_run",
]
