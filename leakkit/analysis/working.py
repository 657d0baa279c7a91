"""The worklist of one pipeline: its late deals, with the odds that each still has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from leakkit.analysis import learning
from leakkit.analysis.learning import Asked
from leakkit.findings.worklist import LateDeal, StageOdds, WorkItem, make_worklist
from leakkit.measures.stage_results import Learnt
from leakkit.store.counts import Counts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.analysis.results import Analysis, PipelineAnalysis
    from leakkit.store.database import Store


def find_worklist(store: Store, analysis: Analysis, pipeline: str) -> tuple[WorkItem, ...]:
    """Which late deals of a pipeline are worth a call, and which are to be closed or revived?

    `store` is the one that `analysis` was made from. Deals are late as in the balance:
    longer in their stage than its expected days, or older than the pipeline's.
    Raises LeakkitError for a pipeline that is not in the analysis.

    >>> import leakkit
    >>> store = leakkit.load("sample")
    >>> analysis = leakkit.analyze(store, "Equipment")
    >>> items = find_worklist(store, analysis, "Equipment")
    >>> len(items) == analysis["Equipment"].balance.overdue
    True
    """
    result = analysis[pipeline]
    number = [rules.name for rules in analysis.config.pipelines].index(result.name)
    counts = Counts(store, (number,))
    rules = analysis.config.pipelines[number]
    learning.begin(counts, [Asked(number, rules, result.windows, result.windows.first_day)])
    learning.expect(
        counts, {(number, s.stage): Learnt(s.horizon, s.expected) for s in result.stages}
    )
    deals = [_deal(row) for row in counts.late_deals().to_dict("records")]
    return make_worklist(deals, _odds(result))


def _deal(row: Mapping[Any, Any]) -> LateDeal:
    """Return one late deal from its row."""
    value = row["value"]
    return LateDeal(
        opportunity_id=str(row["opportunity_id"]),
        name=str(row["name"]),
        owner="" if pd.isna(row["owner"]) else str(row["owner"]),
        stage=int(row["stage"]),
        age=int(row["age"]),
        deal_age_days=0 if pd.isna(row["deal_age"]) else int(row["deal_age"]),
        visit_late=row["visit_late"] == 1,
        deal_late=row["deal_late"] == 1,
        value=None if pd.isna(value) else int(value),
    )


def _odds(result: PipelineAnalysis) -> list[StageOdds]:
    """Return the odds of every stage."""
    costs = result.costs
    return [
        StageOdds(
            stage.name,
            stage.curve,
            {} if costs is None else costs.landing[stage.stage],
            stage.expected.age,
            None if costs is None else costs.won[stage.stage],
        )
        for stage in result.stages
    ]
