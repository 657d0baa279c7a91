"""The files beside the pages of a pipeline, for programs and people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.analysis import find_worklist
from leakkit.report.findings_json import findings_json
from leakkit.report.stages_csv import stages_csv
from leakkit.report.worklist import worklist_csv, worklist_xlsx

if TYPE_CHECKING:
    from leakkit.analysis import Analysis, PipelineAnalysis
    from leakkit.store import Store

    Files = dict[str, bytes]


def files_of(store: Store, analysis: Analysis, pipeline: PipelineAnalysis) -> Files:
    """Return the files of a pipeline: name -> content."""
    items = find_worklist(store, analysis, pipeline.name)
    return {
        "stages.csv": stages_csv(pipeline).encode(),
        "findings.json": findings_json(analysis, pipeline.name).encode(),
        "worklist.csv": worklist_csv(items, pipeline).encode(),
        "worklist.xlsx": worklist_xlsx(items, pipeline),
    }
