"""From a plan to a sample: lives are drawn, cut at the last day, and told as tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from leakkit.errors import LeakkitError
from leakkit.sample.arrays import make_arrays
from leakkit.sample.births import draw_births
from leakkit.sample.built_in import default_plan
from leakkit.sample.clock import count_work_seconds
from leakkit.sample.config import compose_config
from leakkit.sample.labels import draw_labels
from leakkit.sample.lives import draw_lives
from leakkit.sample.rows import cut, put_in_order
from leakkit.sample.tables import make_opportunities, make_stage_history
from leakkit.sample.truth import make_truth

if TYPE_CHECKING:
    import pandas as pd

    from leakkit.sample.plan import Plan


@dataclass(frozen=True, slots=True)
class Sample:
    """The two files as tables, the leakkit.toml to read them with, and the answers.

    Moments are local and without a zone; a missing text is NA. `truth` holds the plan,
    the leaks, counts of what is in the data, and per pipeline the exact shares under the
    leaks in force on the first day (`before`) and on the last (`after`).
    """

    opportunities: pd.DataFrame
    stage_history: pd.DataFrame
    config: str
    truth: dict[str, Any]


def make(opportunities: int = 12_000, *, seed: int = 20260630, plan: Plan | None = None) -> Sample:
    """What would the export of such a seller look like, and what is the truth behind it?

    The same arguments give the same sample. Lives and labels (names, values, reasons)
    have their own streams of random numbers, so a new label never changes a life.

    >>> sample = make(300, seed=1)
    >>> sample.opportunities["opportunity_id"].iloc[0]
    'EQ-000001'
    >>> sample.truth["leaks"][0]["stage"], sample.truth["leaks"][0]["size"]
    ('Proforma', 0.12)

    Raises LeakkitError for a negative number of opportunities.
    """
    if opportunities < 0:
        message = f"opportunities is {opportunities}; it must be 0 or more"
        raise LeakkitError("no_deals", message)
    plan = default_plan() if plan is None else plan
    life_rng, label_rng = _streams(seed)
    births = draw_births(plan, opportunities, life_rng)
    whole = put_in_order(draw_lives(make_arrays(plan), births, life_rng))
    rows = cut(whole, count_work_seconds(plan.as_of, plan, days_later=1))
    labels = draw_labels(plan, births, whole, rows, label_rng)
    return Sample(
        opportunities=make_opportunities(plan, births, rows, labels),
        stage_history=make_stage_history(plan, births, rows, labels),
        config=compose_config(plan),
        truth=make_truth(plan, seed, births, rows),
    )


def _streams(seed: int) -> tuple[np.random.Generator, np.random.Generator]:
    life, label = np.random.SeedSequence(seed).spawn(2)
    return np.random.Generator(np.random.PCG64(life)), np.random.Generator(np.random.PCG64(label))
