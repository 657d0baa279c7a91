"""The present state of a pipeline from its counts, where no history is known."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leakkit.analysis import learning
from leakkit.analysis.reasons import dictionary_of
from leakkit.measures import age_counts as taken
from leakkit.measures.present_state import OUTCOMES, LastStage, Present, Tally, ages_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from leakkit.analysis.material import Material
    from leakkit.analysis.results import Analysis, PipelineAnalysis
    from leakkit.measures.present_state import Ages

NO_STAGE = -1


@dataclass(frozen=True)
class SaidReason:
    """A reason as it is written, how many lost deals name it, and its family ('' unknown).

    `by_stage` counts them by the position of their stage, -1 where none is named.
    """

    reason: str
    n: int
    family: str
    by_stage: Mapping[int, int]


def said_reasons(analysis: Analysis, chosen: PipelineAnalysis) -> tuple[SaidReason, ...]:
    """Which reasons do the lost deals of a present state name? The most frequent first."""
    if chosen.present is None or analysis.store is None:
        return ()
    terms = dictionary_of(analysis.store)
    found: dict[str, dict[int, int]] = {}
    for (reason, stage), n in chosen.present.reasons.items():
        if reason:
            found.setdefault(reason, {})[stage] = n
    said = [
        SaidReason(reason, sum(each.values()), meant.family if meant else "", each)
        for reason, each in found.items()
        for meant in [terms.meaning(reason)]
    ]
    return tuple(sorted(said, key=lambda one: (-one.n, one.reason)))


def last_stages(material: Material) -> tuple[LastStage, ...]:
    """How many deals without a history name each stage, by outcome? Those that name none last.

    In a pipeline of which only the present state is known: how many of all deals.
    """
    rows = material.frames["last_stages"]
    by_stage = {key[0]: _tally(each) for key, each in taken.groups(rows, ["stage"])}
    found = [
        LastStage(stage, name, by_stage.get(stage, Tally()))
        for stage, name in enumerate(material.names)
    ]
    nowhere = by_stage.get(NO_STAGE, Tally())
    return (*found, LastStage(None, "", nowhere)) if nowhere.deals else tuple(found)


def present_of(material: Material) -> Present | None:
    """Put the present state of a pipeline together; None where a history is known."""
    if not material.asked.present:
        return None
    stages, frames = last_stages(material), material.frames
    ages = _ages(frames["stood_for"])
    return Present(
        stages=stages,
        total=sum((one.tally for one in stages), start=Tally()),
        ages=ages,
        older=_older(frames["stood_for"], ages),
        standing=_standing(frames["stands_since"]),
        months=_months(frames["closes"]),
        reasons={
            (str(reason), int(stage)): int(n)
            for reason, stage, n in _columns(frames["lost_reasons"], "lost_reason", "stage", "n")
        },
        owners=_owners(frames["owned"]),
    )


def _columns(rows: pd.DataFrame, *names: str) -> Iterable[tuple[Any, ...]]:
    """Return the rows of some columns."""
    return zip(*(rows[name].tolist() for name in names), strict=True)


def _tally(rows: pd.DataFrame) -> Tally:
    """Add up deals and their value by outcome."""
    found = dict.fromkeys(vars(Tally()), 0)
    for outcome, n, total in _columns(rows, "outcome", "n", "total"):
        found[str(outcome)] += int(n)
        found[f"value_{outcome}"] += int(total)
    return Tally(**found)


def _ages(rows: pd.DataFrame) -> dict[str, Ages]:
    """Return the ages of deals by outcome."""
    own = {outcome: rows[rows["outcome"] == outcome] for outcome in OUTCOMES}
    found = {o: ages_of(each["age"].tolist(), each["n"].tolist()) for o, each in own.items()}
    return {outcome: ages for outcome, ages in found.items() if ages}


def _standing(rows: pd.DataFrame) -> dict[int, Ages]:
    """Return for how many days open deals have stood in their stage, by its position."""
    found = {
        int(key[0]): ages_of(each["age"].tolist(), each["n"].tolist())
        for key, each in taken.groups(rows, ["stage"])
    }
    return {stage: ages for stage, ages in found.items() if ages}


def _older(rows: pd.DataFrame, ages: Mapping[str, Ages]) -> int | None:
    """Count the open deals that are older than 9 of 10 won ones were; None without won ones."""
    if "won" not in ages or "open" not in ages:
        return None
    late = rows[(rows["outcome"] == "open") & (rows["age"] > ages["won"].p90)]
    return sum(int(n) for n in late["n"])


def _months(rows: pd.DataFrame) -> tuple[tuple[int, Tally], ...]:
    """Return the closes of every month from the first close to the last."""
    if rows.empty:
        return ()
    days = [learning.day_of(int(day)) for day in rows["day"]]
    places = [12 * day.year + day.month - 1 for day in days]
    by_month = {key[0]: _tally(e) for key, e in taken.groups(rows.assign(at=places), ["at"])}
    return tuple(
        (learning.number_of(dt.date(at // 12, at % 12 + 1, 1)), by_month.get(at, Tally()))
        for at in range(min(places), max(places) + 1)
    )


def _owners(rows: pd.DataFrame) -> dict[str, Tally] | None:
    """Return the deals of every owner; None where the source names none."""
    named = {str(owner): _tally(each) for owner, each in rows.groupby("owner")}
    return named if any(named) else None
