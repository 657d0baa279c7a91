"""The two tables of an export: opportunities and their history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from leakkit.sample.clock import convert_to_moments
from leakkit.sample.columns import take_texts
from leakkit.sample.plan import list_stages
from leakkit.sample.rows import LOST, WON, find_ends

if TYPE_CHECKING:
    from leakkit.sample.births import Births
    from leakkit.sample.labels import Labels
    from leakkit.sample.plan import Plan
    from leakkit.sample.rows import Rows


def make_opportunities(plan: Plan, births: Births, rows: Rows, labels: Labels) -> pd.DataFrame:
    """One row a deal, as it stands at the end of `as_of`."""
    ends = find_ends(rows, births.second.size)
    closed_at = convert_to_moments(rows.second[ends.last_row], plan)
    closed_at[ends.code >= 0] = np.datetime64("NaT")
    outcome = np.where(ends.code == WON, 0, np.where(ends.code == LOST, 1, 2))
    columns = {
        "opportunity_id": pd.array(births.opportunity_id.astype(object), dtype="str"),
        "pipeline": take_texts([p.name for p in plan.pipelines], births.pipeline),
        "name": labels.name,
        "created_at": convert_to_moments(births.second, plan),
        "closed_at": closed_at,
        "outcome": take_texts(("Won", "Lost", "Open"), outcome),
        "stage": take_texts([stage.name for _, stage in list_stages(plan)], ends.last_stage),
        "value": labels.value,
        "currency": take_texts([plan.currency], np.zeros_like(births.second)),
        "lost_reason": labels.lost_reason,
        "competitor": labels.competitor,
        "source": labels.source,
        "region": labels.region,
        "product": labels.product,
        "owner": labels.owner,
    }
    return pd.DataFrame(columns)


def make_stage_history(plan: Plan, births: Births, rows: Rows, labels: Labels) -> pd.DataFrame:
    """One row for each entry into a stage and for each close."""
    first_row = find_ends(rows, births.second.size).first_row
    ids = pd.array(births.opportunity_id.astype(object), dtype="str")
    stages = [stage.name for _, stage in list_stages(plan)]
    columns = {
        "opportunity_id": ids.take(rows.deal),
        "pipeline": take_texts([p.name for p in plan.pipelines], births.pipeline[rows.deal]),
        "stage": take_texts(["Lost", "Won", *stages], rows.stage - LOST),
        "entered_at": convert_to_moments(rows.second, plan),
        "seq": np.arange(rows.deal.size) - first_row[rows.deal] + 1,
        "owner": labels.row_owner,
    }
    return pd.DataFrame(columns)
