"""What was found, as tables: rows of plain cells, and frames of pandas made of them.

Files, pages and notebooks take their cells from here, so a unit is decided once: money is
in major units beside its currency, stays are in days, days are dates, shares are 0 to 1.
"""

from leakkit.frames.cause_frames import drivers_frame
from leakkit.frames.data_frames import worklist_frame
from leakkit.frames.stage_frames import findings_frame, months_frame, stages_frame

__all__ = [
    "drivers_frame",
    "findings_frame",
    "months_frame",
    "stages_frame",
    "worklist_frame",
]
