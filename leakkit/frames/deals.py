"""One row per visit, or per deal: whose it is, how long it stayed, and how it left."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pandas as pd

from leakkit.config import fold_name
from leakkit.errors import LeakkitError
from leakkit.frames.cells import majors

if TYPE_CHECKING:
    from leakkit.analysis.results import PipelineAnalysis

LEFT = ("lost", "overdue", "returned", "advanced", "moved", "open")
"""How a visit left, or that it is still there: past its time (overdue) or in time (open)."""
WON = "won"
"""How a deal of the pipe ended, beside these."""
ORDER = (LEFT[0], LEFT[1], *LEFT[2:4], WON, *LEFT[4:])
COLUMNS = (
    *("pipeline", "stage", "left", "opportunity_id", "name", "owner"),
    *("value", "currency", "days", "entered", "left_on", "reason", "link"),
)
SORTED = {
    "value": "number",
    "days": "number",
    "entered": "date",
    "left_on": "date",
    "name": "text",
    "owner": "text",
    "reason": "text",
}
"""By which columns deals can be sorted, and of which kind each is."""
SEARCHED = ("opportunity_id", "name", "owner", "reason")
ID = "{opportunity_id}"
"""Where the id of a deal stands in the address of a deal."""


def deals_frame(rows: pd.DataFrame, pipeline: PipelineAnalysis, link: str) -> pd.DataFrame:
    """Return the rows behind a pipeline's numbers: stage by stage, lost ones first, dear first.

    `rows` has stage, left, opportunity_id, name, owner, value (minor units), stay, entered_day
    and left_day (missing while open) and lost_reason. Money is in major units, stays are in
    days. `link` is the address of a deal, in which its id stands in braces; it is only written.
    """
    said = rows["left"].map(ORDER.index)
    order = (
        rows.assign(place=said, dear=-rows["value"].astype("float64"))
        .sort_values(["stage", "place", "dear", "opportunity_id", "entered_day"])
        .index
    )
    rows = rows.loc[order].reset_index(drop=True)
    names = {stage.stage: stage.name for stage in pipeline.stages}
    stay = rows["stay"].clip(lower=0).astype("float64")
    columns = {
        "pipeline": pd.Series([pipeline.name] * len(rows), dtype="str"),
        "stage": rows["stage"].map(names).astype("str"),
        "left": rows["left"].astype("str"),
        "opportunity_id": rows["opportunity_id"].astype("str"),
        "name": rows["name"].fillna("").astype("str"),
        "owner": rows["owner"].fillna("").astype("str"),
        "value": majors(rows["value"]),
        "currency": pd.Series([pipeline.currency] * len(rows), dtype="str"),
        "days": stay / pipeline.unit_per_day,
        "entered": _dates(rows["entered_day"]),
        "left_on": _dates(rows["left_day"]),
        "reason": rows["lost_reason"].fillna("").where(rows["left"] == "lost", "").astype("str"),
        "link": _links(rows["opportunity_id"], link),
    }
    return pd.DataFrame(columns, columns=list(COLUMNS))


def find_texts(rows: pd.DataFrame, search: str) -> pd.DataFrame:
    """Return the deals in whose texts a text stands, in whatever case."""
    if not search:
        return rows
    wanted = fold_name(search)
    hits = [rows[name].map(fold_name).str.contains(wanted, regex=False) for name in SEARCHED]
    return rows[pd.concat(hits, axis=1).any(axis=1)]


def sort_deals(rows: pd.DataFrame, sort: str) -> pd.DataFrame:
    """Return the deals by one column; a minus before its name: falling. Unknown cells come last.

    Raises LeakkitError for a column by which they are not sorted.

    >>> rows = pd.DataFrame({"value": [5.0, None, 7.0], "name": ["b", "", "A"]})
    >>> list(sort_deals(rows, "-value")["name"]), list(sort_deals(rows, "name")["name"])
    (['A', 'b', ''], ['A', 'b', ''])
    """
    if not sort:
        return rows
    name, rising = sort.removeprefix("-"), not sort.startswith("-")
    if name not in SORTED:
        message = (
            f"Deals are not sorted by {sort!r}. They are by: {', '.join(SORTED)}; "
            'a minus before it is falling, as in sort="-value".'
        )
        raise LeakkitError("no_column", message)
    key = rows[name].map(fold_name).replace("", None) if SORTED[name] == "text" else rows[name]
    order = key.sort_values(ascending=rising, kind="stable", na_position="last").index
    return rows.loc[order].reset_index(drop=True)


def _dates(days: pd.Series[int]) -> pd.Series[pd.Timestamp]:
    """Return day numbers since 1970-01-01 as dates."""
    return pd.to_datetime(days.astype("float64"), unit="D").astype("datetime64[s]")


def _links(ids: pd.Series[str], link: str) -> pd.Series[str]:
    """Return the address of each deal; none where the configuration has none."""
    if not link:
        return pd.Series([""] * len(ids), dtype="str")
    return pd.Series([link.replace(ID, quote(str(one), safe="")) for one in ids], dtype="str")
