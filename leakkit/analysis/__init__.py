"""The spine: from a store to all that leakkit knows of its pipelines."""

from leakkit.analysis.diagnosis import Diagnosis, diagnose
from leakkit.analysis.doubting import Bounds, headline_bounds
from leakkit.analysis.earlier import (
    Appeared,
    Seen,
    SinceThen,
    losses_appeared,
    since_last_run,
)
from leakkit.analysis.results import Analysis, DataNotes, PipelineAnalysis
from leakkit.analysis.selection import Selection
from leakkit.analysis.spine import analyze, outline
from leakkit.analysis.working import find_worklist

__all__ = [
    "Analysis",
    "Appeared",
    "Bounds",
    "DataNotes",
    "Diagnosis",
    "PipelineAnalysis",
    "Seen",
    "Selection",
    "SinceThen",
    "analyze",
    "diagnose",
    "find_worklist",
    "headline_bounds",
    "losses_appeared",
    "outline",
    "since_last_run",
]
