"""The files beside the pages of a pipeline, for programs and people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.analysis import find_worklist
from leakkit.report import summary
from leakkit.report.findings_json import findings_json
from leakkit.report.stages_csv import stages_csv
from leakkit.report.worklist import worklist_csv, worklist_xlsx
from leakkit.views.brand import brand_of

if TYPE_CHECKING:
    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.store import Store

    Files = dict[str, bytes]


DECK = "deck.pptx"
SUMMARY = "summary.html"
RUN = ""
"""Stands for the run among the names of pipelines, which are never empty."""


def files_of(store: Store, analysis: Analysis, pipeline: PipelineNumbers) -> Files:
    """Return the files of a pipeline: name -> content."""
    items = find_worklist(store, analysis, pipeline.name)
    return {
        "stages.csv": stages_csv(pipeline).encode(),
        "findings.json": findings_json(analysis, pipeline.name).encode(),
        "worklist.csv": worklist_csv(items, pipeline).encode(),
        "worklist.xlsx": worklist_xlsx(items, pipeline, brand_of(analysis)),
        **summary.of_pipeline(analysis, pipeline, items),
    }


def files_of_run(analysis: Analysis) -> Files:
    """Return the files of all pipelines that a run was asked for: name -> content."""
    return summary.of_run(analysis) if analysis.pipelines else {}


def with_decks(analysis: Analysis, files: dict[str, Files]) -> dict[str, Files]:
    """Add the decks: one of each pipeline, and one of all in the run's own folder."""
    from leakkit.deck import decks  # noqa: PLC0415 - python-pptx is needed where decks are

    made = decks(analysis)
    return {name: {**own, DECK: made[name]} if name in made else own for name, own in files.items()}
