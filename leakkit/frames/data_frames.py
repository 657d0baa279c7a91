"""Frames of the data: files and settings, deals and their visits, and the worklist."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pandas as pd

from leakkit.config import fold_name
from leakkit.errors import LeakkitError
from leakkit.frames.units import date, frame_of, major, majors
from leakkit.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leakkit.analysis.numbers import PipelineNumbers
    from leakkit.analysis.results import Analysis
    from leakkit.findings.worklist import WorkItem
    from leakkit.frames.units import Cell


# ---------------- sources
# Rows on the data themselves: files, settings, the quality of each pipeline, one deal.

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


# ---------------- deals
# One row per visit, or per deal: whose it is, how long it stayed, and how it left.

LEFT = ("lost", "overdue", "returned", "advanced", "moved", "open")
"""How a visit left, or that it is still there: past its time (overdue) or in time (open)."""
WON = "won"
"""How a deal of the pipe ended, beside these."""
ORDER = (LEFT[0], LEFT[1], *LEFT[2:4], WON, *LEFT[4:])
DEAL_COLUMNS = (
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
LAST = 1_000
"""More than any number of a stage: -1, no stage, comes behind all."""
ID = "{opportunity_id}"
"""Where the id of a deal stands in the address of a deal."""


def deals_frame(rows: pd.DataFrame, pipeline: PipelineNumbers, link: str) -> pd.DataFrame:
    """Return the rows behind a pipeline's numbers: stage by stage, lost ones first, dear first.

    `rows` has stage, left, opportunity_id, name, owner, value (minor units), stay, entered_day
    and left_day (missing while open) and lost_reason. Money is in major units, stays are in
    days. `link` is the address of a deal, in which its id stands in braces; it is only written.
    """
    said = rows["left"].map(ORDER.index)
    order = (
        rows.assign(place=said, dear=-rows["value"].astype("float64"), at=rows["stage"] % LAST)
        .sort_values(["at", "place", "dear", "opportunity_id", "entered_day"])
        .index
    )
    rows = rows.loc[order].reset_index(drop=True)
    names = {stage.stage: stage.name for stage in pipeline.stages}
    stay = rows["stay"].clip(lower=0).astype("float64")
    columns = {
        "pipeline": pd.Series([pipeline.name] * len(rows), dtype="str"),
        "stage": rows["stage"].map(names).fillna("").astype("str"),
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
    return pd.DataFrame(columns, columns=list(DEAL_COLUMNS))


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


# ---------------- worklist
# One row per late deal: where it stands, for how long, and what chance it still has.

WORK_COLUMNS = (
    *("block", "opportunity_id", "name", "owner", "stage"),
    *("days_in_stage", "days_over", "deal_age_days", "value"),
    *("chance", "chance_low", "chance_high", "saved_value", "currency"),
    *("look_ahead_days", "as_old", "as_old_advanced"),
)
CHANCES = ("chance", "chance_low", "chance_high")
WORK_MONEY = ("value", "saved_value")
WORK_TYPES = dict.fromkeys(
    (*CHANCES, *WORK_MONEY, "days_in_stage", "days_over", "look_ahead_days"), "float64"
) | dict.fromkeys(("deal_age_days", "as_old", "as_old_advanced"), "int64")
WORK_KINDS = {name: WORK_TYPES.get(name, "str") for name in ("pipeline", *WORK_COLUMNS)}


def worklist_frame(lists: Iterable[tuple[PipelineNumbers, Sequence[WorkItem]]]) -> pd.DataFrame:
    """Return the late deals of pipelines, those to call first in front."""
    rows = [
        {"pipeline": pipeline.name, **worklist_row(item, pipeline)}
        for pipeline, items in lists
        for item in items
    ]
    return frame_of(rows, WORK_KINDS)


def worklist_row(item: WorkItem, pipeline: PipelineNumbers) -> dict[str, Cell]:
    """Return the cells of one late deal; money in major units, stays in days."""
    per_day = pipeline.unit_per_day
    return {
        "block": item.block,
        "opportunity_id": item.opportunity_id,
        "name": item.name,
        "owner": item.owner,
        "stage": item.stage,
        "days_in_stage": item.age / per_day,
        "days_over": None if item.over is None else item.over / per_day,
        "deal_age_days": item.deal_age_days,
        "value": major(item.value),
        "chance": item.chance,
        "chance_low": item.low,
        "chance_high": item.high,
        "saved_value": major(item.saved),
        "currency": pipeline.currency,
        "look_ahead_days": None if item.ahead is None else item.ahead / per_day,
        "as_old": item.as_old,
        "as_old_advanced": item.as_old_advanced,
    }
