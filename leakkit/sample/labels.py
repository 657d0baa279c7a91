"""Columns that no life depends on: names, values, reasons, competitors and owners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from leakkit.sample.arrays import NEVER, locate_lists
from leakkit.sample.columns import collect_floats, collect_ints, take_texts
from leakkit.sample.plan import CAUSES, list_stages
from leakkit.sample.rows import LOST, find_ends

if TYPE_CHECKING:
    from leakkit.sample.births import Births
    from leakkit.sample.columns import Bools, Floats, Ints, Texts
    from leakkit.sample.plan import Plan
    from leakkit.sample.rows import Ends, Rows

REASONS: Final = {
    "other": ("Budget cancelled", "No answer", "Duplicate", "No longer needed"),
    "unconvincing": ("Price too high", "Competitor cheaper", "Offer not convincing"),
    "complexity": ("Approval took too long", "Process too complicated", "Too many documents"),
}
COMPETITORS: Final = ("Vandrelle", "Korvath", "Tumblerow")

# What an unconvincing offer does to the value, as lives.py does to the stay.
_DEAR_FACTOR: Final = 3.0
_PRODUCT_STEP: Final = 1.8

# Families of reasons where no leak names the cause: other, unconvincing, complexity.
_USUAL_REASONS: Final = {
    "": (0.55, 0.28, 0.17),
    "qualify": (0.80, 0.12, 0.08),
    "offer": (0.45, 0.40, 0.15),
}
_NAMED_SHARE: Final = 0.45
_NAMED_ANYWAY_SHARE: Final = 0.08

_COMPANY_HEADS: Final = (
    "Almbrück", "Brunderholt", "Caldrovia", "Drömmen", "Eskelvang", "Fjallgard", "Grünfels",
    "Holvarin", "Istrovar", "Jorvendal", "Kesselmoor", "Lünwald", "Mirabrück", "Nordquill",
    "Östermühl", "Pellworth", "Quastrow", "Rövenhall", "Silbertann", "Tölkendorf",
    "Underbach", "Vexmoor", "Wöhrenfeld", "Zandermark",
)  # fmt: skip
_COMPANY_TAILS: Final = (
    "Paper", "Dairy", "Steel", "Foods", "Chemicals", "Textiles", "Glass", "Cement", "Plastics",
    "Brewery", "Logistics", "Timber",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Labels:
    """Columns that no life depends on, one entry per deal but for `row_owner`."""

    name: Texts
    value: Floats
    lost_reason: Texts
    competitor: Texts
    source: Texts
    region: Texts
    product: Texts
    owner: Texts
    row_owner: Texts


def draw_labels(
    plan: Plan, births: Births, whole: Rows, rows: Rows, rng: np.random.Generator
) -> Labels:
    """Draw every label from the stream that no life uses."""
    ends = find_ends(rows, births.second.size)
    product = _choices(plan, "products", births.pipeline, rng)
    dear = np.zeros(births.second.size, dtype=np.bool_)
    # From the whole life: a deal is dear from its first day, not since it was lost for it.
    dear[whole.deal[whole.dear]] = True
    family, reason = _reasons(plan, rows, ends, rng)
    owner, row_owner = _owners(plan, births, rows, ends, rng)
    products = take_texts(_flat(plan, "products"), product)
    return Labels(
        name=_names(products, rng),
        value=_values(plan, births.pipeline, product, dear, rng),
        lost_reason=take_texts([text for texts in REASONS.values() for text in texts], reason),
        competitor=take_texts(COMPETITORS, _competitors(family, rng)),
        source=take_texts(_flat(plan, "sources"), _choices(plan, "sources", births.pipeline, rng)),
        region=take_texts(_flat(plan, "regions"), _choices(plan, "regions", births.pipeline, rng)),
        product=products,
        owner=owner,
        row_owner=row_owner,
    )


def _flat(plan: Plan, column: str) -> list[str]:
    return [text for pipeline in plan.pipelines for text in getattr(pipeline, column)]


def _choices(plan: Plan, column: str, pipeline: Ints, rng: np.random.Generator) -> Ints:
    starts, lengths = locate_lists(plan, column)
    return starts[pipeline] + _uneven(rng.random(pipeline.size), lengths[pipeline])


def _uneven(draws: Floats, length: Ints) -> Ints:
    """Positions in a list of which the first are taken more often.

    >>> _uneven(np.array([0.0, 0.5, 0.99]), np.array([4, 4, 4])).tolist()
    [0, 1, 3]
    """
    return (draws * np.sqrt(draws) * length).astype(np.int64)


def _names(products: Texts, rng: np.random.Generator) -> Texts:
    companies = [f"{head} {tail}" for head in _COMPANY_HEADS for tail in _COMPANY_TAILS]
    company = take_texts(companies, rng.integers(len(companies), size=len(products)))
    return (pd.Series(products) + " for " + pd.Series(company)).array


def _values(
    plan: Plan, pipeline: Ints, product: Ints, dear: Bools, rng: np.random.Generator
) -> Floats:
    starts, lengths = locate_lists(plan, "products")
    rung = product - starts[pipeline] - (lengths[pipeline] - 1) / 2
    median = collect_floats(p.median_value for p in plan.pipelines)[pipeline] * _PRODUCT_STEP**rung
    spread = collect_floats(p.value_log_sd for p in plan.pipelines)[pipeline]
    value = median * np.exp(spread * rng.standard_normal(pipeline.size))
    return np.round(value * np.where(dear, _DEAR_FACTOR, 1.0), 2)


def _reasons(plan: Plan, rows: Rows, ends: Ends, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Family behind each loss, and the text that stands in the file; -1 is none."""
    usual, wrong, instead, text, missing = rng.random((5, ends.code.size))
    lost = ends.code == LOST
    cause = rows.cause[ends.last_row]
    bounds = np.cumsum([_USUAL_REASONS[stage.kind] for _, stage in list_stages(plan)], axis=1)
    by_stage = (usual[:, None] >= bounds[ends.last_stage, :-1]).sum(axis=1)
    family = np.where(cause > 0, cause, by_stage)
    mistaken = wrong < plan.wrong_reason_share
    stated = np.where(mistaken, (instead * len(REASONS)).astype(np.int64), family)
    lengths = collect_ints(len(texts) for texts in REASONS.values())
    code = (np.cumsum(lengths) - lengths)[stated] + _uneven(text, lengths[stated])
    known = lost & (missing >= plan.missing_reason_share)
    return np.where(lost, family, -1), np.where(known, code, -1)


def _competitors(family: Ints, rng: np.random.Generator) -> Ints:
    named, which = rng.random((2, family.size))
    compared = family == CAUSES.index("unconvincing")
    hit = named < np.where(compared, _NAMED_SHARE, _NAMED_ANYWAY_SHARE)
    return np.where(hit, (which * len(COMPETITORS)).astype(np.int64), -1)


def _owners(
    plan: Plan, births: Births, rows: Rows, ends: Ends, rng: np.random.Generator
) -> tuple[Texts, Texts]:
    """Owner of each deal today, and of each row at its time."""
    deals = births.second.size
    first, second = (_choices(plan, "owners", births.pipeline, rng) for _ in range(2))
    changes = rng.random(deals) < plan.handover_share
    change_row = ends.first_row + np.where(changes, rng.integers(1, 5, size=deals), NEVER // 2)
    late = np.arange(rows.deal.size) >= change_row[rows.deal]
    of_row = np.where(late, second[rows.deal], first[rows.deal])
    names = _flat(plan, "owners")
    return take_texts(names, of_row[ends.last_row]), take_texts(names, of_row)
