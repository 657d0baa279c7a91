"""What an export does not say: deals that are left out, stages out of use, histories."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from leakkit.analysis.counts import whole_sum
from leakkit.measures import present_state
from leakkit.store import deal_queries, queries, schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leakkit.analysis.counts import PipelineCounts
    from leakkit.measures.present_state import LastStage, Present

WHOLE, CLOSED_ONLY, WON_ONLY, NO_LOSSES = "", "closed_only", "won_only", "no_losses"
"""Which deals an export holds; see `judge_coverage`."""
MIN_CLOSED = 3
"""Closed deals from which on it is odd that none is open."""
MIN_ENDED = 10
"""Deals that had the time to be lost, from which on it is odd that none was."""
MIN_DAYS = 30
"""Days without an entry that say nothing where the stage's horizon is not known."""
MISSED = 5
"""Entries that would have come at the old pace; by chance none comes in under 1 of 100 cases."""
SAME_DAYS = 30
"""Days between the last entry to the old name and the first to the new one."""
LOSSES_KEPT = 180
"""Days for which is kept how many deals were lost on each."""


@dataclass(frozen=True)
class DataNotes:
    """What the data could and could not say about one pipeline.

    `outcomes` counts deals by (outcome, has history); the other counts are of deals.
    `coverage` says which deals the export seems to leave out; empty for a whole one.
    `retired` are the stages that no deal has come into for long, `losses` the (day, losses)
    of the last half year.
    """

    outcomes: Mapping[tuple[str, bool], int]
    without_value: int
    zero_value_lost: int
    without_reason_lost: int
    started_in_middle: int
    closes: int
    reopened: int
    coverage: str = ""
    retired: tuple[Retired, ...] = ()
    losses: tuple[tuple[int, int], ...] = ()


def find_data_notes(counts: PipelineCounts) -> DataNotes:
    """Collect what the data of a pipeline could not say."""
    rows, started = counts.rows(deal_queries.OUTCOMES), counts.rows(queries.STARTED)
    lost = rows["outcome"].to_numpy() == "lost"
    entry, stage, begun = (started[name].to_numpy() for name in ("entry", "stage", "n"))
    totals = counts.rows(queries.TOTALS)
    closes = np.isin(totals["exit"].to_numpy(), [schema.WON_HERE, schema.LOST_HERE])
    return DataNotes(
        outcomes={
            (str(o), bool(h)): int(n)
            for o, h, n in zip(rows["outcome"], rows["has_history"], rows["n"], strict=True)
        },
        without_value=whole_sum(rows["without_value"]),
        zero_value_lost=whole_sum(rows["zero_value"].to_numpy()[lost]),
        without_reason_lost=whole_sum(rows["without_reason"].to_numpy()[lost]),
        started_in_middle=whole_sum(begun[(entry == schema.NEW) & (stage > 0)]),
        closes=whole_sum(totals["n"].to_numpy()[closes]),
        reopened=whole_sum(begun[entry == schema.REOPENED]),
        coverage=_coverage(counts),
        retired=_retired_stages(counts),
        losses=_recent_losses(counts),
    )


def _recent_losses(counts: PipelineCounts) -> tuple[tuple[int, int], ...]:
    """Return the days of the last half year on which deals were lost, and how many."""
    rows = counts.rows(deal_queries.LOSSES)
    day, n = (rows[name].to_numpy(np.int64) for name in ("day", "n"))
    recent = day >= counts.end_day - LOSSES_KEPT
    return tuple(zip(day[recent].tolist(), n[recent].tolist(), strict=True))


# ---------------------------------------------------------------- deals that are left out


def _coverage(counts: PipelineCounts) -> str:
    """Say which deals the export leaves out; a part of the deals is judged by the whole."""
    if counts.whole:
        return counts.whole.notes.coverage
    rows, deals = counts.rows(deal_queries.OUTCOMES), Counter[str]()
    for outcome, n in zip(rows["outcome"], rows["n"], strict=True):
        deals[str(outcome)] += int(n)
    return judge_coverage(deals, counts.rows(deal_queries.AGES))


def judge_coverage(outcomes: Mapping[str, int], ages: pd.DataFrame) -> str:
    """Say whether open or lost deals seem to be left out of the export.

    The trap: a list shows won deals only, or hides what is archived. What is left looks
    like a pipeline that loses nothing, or like one that got worse, as the slow deals that
    will be won are missing. `outcomes` counts deals by outcome. `ages` has one row: `since_entry`,
    days from the last deal that came in to the last day of the data; `usual`, days within
    which nine of ten closed deals closed; `overripe`, open deals that are older than that;
    missing where no day is known. The codes: closed_only (none is open, though deals came
    in until lately), won_only, no_losses; empty for a whole export (docs/method.md,
    section 11).

    >>> import pandas as pd
    >>> judge_coverage({"won": 24, "lost": 0, "open": 8}, pd.DataFrame())
    'no_losses'
    """
    won, lost, still_open = (outcomes.get(kind, 0) for kind in ("won", "lost", "open"))
    if won + lost < MIN_CLOSED:
        return WHOLE
    if not lost and won + int(_read_number(ages, "overripe", 0.0)) >= MIN_ENDED:
        return NO_LOSSES if still_open else WON_ONLY
    if still_open or _read_number(ages, "since_entry", 0.0) > _read_number(
        ages, "usual", float("inf")
    ):
        return WHOLE
    return CLOSED_ONLY


def _read_number(ages: pd.DataFrame, name: str, otherwise: float) -> float:
    """Return a number of the ages, or another one where it is missing."""
    found = ages[name].dropna() if name in ages else pd.Series(dtype=float)
    return otherwise if found.empty else float(found.iloc[0])


# ---------------------------------------------------------------- stages out of use


@dataclass(frozen=True)
class Retired:
    """A stage without entries since the day `last`; `renamed` is its likely new name, or empty."""

    stage: int
    name: str
    last: int
    renamed: str


def _retired_stages(counts: PipelineCounts) -> tuple[Retired, ...]:
    """Find the retired stages; those of the whole for a part of the deals."""
    if counts.whole:
        return counts.whole.notes.retired
    per_day = counts.pipeline.per_day
    ages = (learnt.horizon.age for learnt in counts.ages)
    horizons = {at: None if age is None else age / per_day for at, age in enumerate(ages)}
    return find_retired(counts.rows(deal_queries.SPANS), counts.names, horizons, counts.last_day)


def find_retired(
    spans: pd.DataFrame, names: Sequence[str], horizons: Mapping[int, float | None], last_day: int
) -> tuple[Retired, ...]:
    """Which stages has no deal come into for long, while deals still come into the pipeline?

    `spans` has stage, first and last (days of entry), n (entries) and came_after (new deals
    of the pipeline after `last`); `horizons` are in days. A stage is retired after twice its
    horizon without an entry where at its old pace 5 would have come; a stage that began so
    within 30 days of it is its likely new name (docs/method.md, section 12).
    """
    facts = ("stage", "first", "last", "n", "came_after")
    columns = (spans[name].to_numpy(np.int64).tolist() for name in facts)
    rows = [dict(zip(facts, row, strict=True)) for row in zip(*columns, strict=True)]
    start = min((row["first"] for row in rows), default=0)
    old = [row for row in rows if _has_stopped(row, horizons, last_day)]
    new = [row for row in rows if row not in old and _began(row, horizons, start, last_day)]
    return tuple(
        Retired(row["stage"], names[row["stage"]], row["last"], _find_new_name(row, new, names))
        for row in old
    )


def _has_stopped(
    row: Mapping[str, int], horizons: Mapping[int, float | None], last_day: int
) -> bool:
    """Say whether entries have stopped, and not by chance or with the pipeline."""
    silent = last_day - row["last"]
    missed = silent * row["n"] / (row["last"] - row["first"] + 1)
    return (
        silent > _long(row["stage"], horizons) and missed >= MISSED and row["came_after"] >= MISSED
    )


def _began(
    row: Mapping[str, int], horizons: Mapping[int, float | None], start: int, last_day: int
) -> bool:
    """Say whether entries began late, and not by chance."""
    before = row["first"] - start
    missed = before * row["n"] / max(last_day - row["first"] + 1, 1)
    return before > _long(row["stage"], horizons) and missed >= MISSED


def _long(stage: int, horizons: Mapping[int, float | None]) -> float:
    """Return the days without an entry that say nothing."""
    horizon = horizons.get(stage)
    return MIN_DAYS if horizon is None else max(2.0 * horizon, MIN_DAYS)


def _find_new_name(row: Mapping[str, int], new: list[dict[str, int]], names: Sequence[str]) -> str:
    """Return the name that began when this one stopped; empty where there is none."""
    near = [(abs(one["first"] - row["last"]), one["stage"]) for one in new]
    close = sorted(pair for pair in near if pair[0] <= SAME_DAYS)
    return names[close[0][1]] if close else ""


# ---------------------------------------------------------------- where no history is known


def find_last_stages(counts: PipelineCounts) -> tuple[LastStage, ...]:
    """How many deals without a history name each stage, by outcome? Those that name none last.

    In a pipeline of which only the present state is known: how many of all deals.
    """
    return present_state.count_last_stages(counts.rows(deal_queries.LAST_STAGES), counts.names)


def find_present(counts: PipelineCounts) -> Present | None:
    """Put the present state of a pipeline together; None where a history is known."""
    if not counts.pipeline.present:
        return None
    return present_state.collect_present(
        find_last_stages(counts),
        aged=counts.rows(deal_queries.STOOD_FOR),
        standing=counts.rows(deal_queries.STANDS_SINCE),
        closed=counts.rows(deal_queries.CLOSES),
        said=counts.rows(deal_queries.LOST_REASONS),
        owned=counts.rows(deal_queries.OWNED),
    )
