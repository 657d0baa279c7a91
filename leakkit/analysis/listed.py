"""The deals behind a picture: the same visits, or deals, that its numbers count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from leakkit.analysis.selecting import Selector
from leakkit.analysis.spelling import one_of
from leakkit.frames.data_frames import LEFT, WON, deals_frame
from leakkit.store import queries, schema

if TYPE_CHECKING:
    from leakkit.analysis.results import Analysis, PipelineAnalysis

LISTED = {False: ("totals", queries.LISTED_VISITS), True: ("cohort", queries.LISTED_DEALS)}
"""Of the visits, and of the deals each once: whose counting is asked, and how."""
ADVANCED = (schema.NEXT, schema.JUMPED, schema.WON_HERE)


def find_deals(
    analysis: Analysis,
    pipeline: str = "",
    *,
    stage: str = "",
    left: str = "",
    once: bool = False,
) -> pd.DataFrame:
    """Which deals stand behind the numbers of an analysis?

    See `Analysis.deals`. Raises LeakkitError for a stage or a way to leave that is not there.
    """
    one_of("left", left, ("", *LEFT, WON))
    origin = analysis.origin or analysis
    selector = Selector(origin)
    found = []
    for part in analysis.chosen(pipeline):
        number = part[stage].stage if stage else None
        rows = _rows(selector, part, analysis, once=once)
        if number is not None:
            rows = rows[rows["stage"] == number]
        if left:
            rows = rows[rows["left"] == left]
        found.append(deals_frame(rows, part, origin.config.source.link))
    return pd.concat(found, ignore_index=True)


def _rows(
    selector: Selector, part: PipelineAnalysis, analysis: Analysis, *, once: bool
) -> pd.DataFrame:
    """Return the visits of a pipeline, or its deals each once, with how they left."""
    frame, query = LISTED[once]
    if part.present is not None:
        frame, query, once = "last_stages", queries.LISTED_PRESENT, True
    rows = selector.counting(part.name, analysis.selection, frame).ask(query)
    if once:
        rows = rows[rows["exit"] != schema.MOVED]
        if part.pipe.mature and "mature" in rows:
            rows = rows[rows["mature"] == 1]
    return rows.assign(left=_say_how_left(rows, once=once))


def _say_how_left(rows: pd.DataFrame, *, once: bool) -> pd.Series[str]:
    """Say of each row how it left, or that it is still there."""
    kinds = {schema.LOST_HERE: "lost", schema.RETURNED: "returned", schema.MOVED: "moved"}
    kinds |= dict.fromkeys(ADVANCED, "advanced") | {schema.OPEN: "open"}
    if once:
        kinds[schema.WON_HERE] = WON
    said = rows["exit"].astype(int).map(kinds).astype("str")
    return said.mask((rows["exit"] == schema.OPEN) & (rows["late"] == 1), "overdue")
