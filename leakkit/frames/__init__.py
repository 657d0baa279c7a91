"""What was found, as tables: rows of plain cells, and frames of pandas made of them.

Files, pages and notebooks take their cells from here, so a unit is decided once: money is
in major units beside its currency, stays are in days, days are dates, shares are 0 to 1.
"""

from leakkit.frames.findings import findings_frame
from leakkit.frames.months import months_frame
from leakkit.frames.segments import drivers_frame
from leakkit.frames.stages import stages_frame
from leakkit.frames.worklist import worklist_frame

__all__ = [
    "drivers_frame",
    "findings_frame",
    "months_frame",
    "stages_frame",
    "worklist_frame",
]
