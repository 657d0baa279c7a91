"""From a plan to a sample: lives are drawn, cut at the last day, and written as files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from leakkit.errors import LeakkitError
from leakkit.sample.lives import (
    LOST,
    WON,
    cut_after,
    draw_births,
    draw_labels,
    draw_lives,
    find_ends,
    put_in_order,
)
from leakkit.sample.plan import convert_to_moments, count_work_seconds, default_plan, list_stages
from leakkit.sample.plan_arrays import make_arrays, take_texts
from leakkit.sample.truth import make_truth

if TYPE_CHECKING:
    from leakkit.sample.lives import Births, HistoryRows, Labels
    from leakkit.sample.plan import Leak, Plan, StagePlan


# ---------------- tables
# The two tables of an export: opportunities and their history.


def make_opportunities(
    plan: Plan, births: Births, rows: HistoryRows, labels: Labels
) -> pd.DataFrame:
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


def make_stage_history(
    plan: Plan, births: Births, rows: HistoryRows, labels: Labels
) -> pd.DataFrame:
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


# ---------------- config
# The leakkit.toml with which the two tables are read.


def compose_config(plan: Plan) -> str:
    """Write what a user would: roles, stages, closes, and what people did on which day."""
    head = {"as_of": plan.as_of, "timezone": plan.timezone, "currency": plan.currency}
    roles = {
        "segments": ["owner", "source", "region", "product"],
        "product": "product",
        "competitor": "competitor",
        "known_at_entry": ["source", "region", "product"],
    }
    lines = [*_toml_pairs(head), "", "[roles]", *_toml_pairs(roles)]
    for pipeline in plan.pipelines:
        closes = {"name": pipeline.name, "won": ["Won"], "lost": ["Lost"]}
        lines += ["", "[[pipelines]]", *_toml_pairs(closes), "stages = ["]
        lines += [f"  {_stage_line(stage)}," for stage in pipeline.stages]
        lines += ["]"]
    for leak in plan.leaks:
        lines += _intervention(leak) if leak.action and leak.from_date else []
    return "\n".join(lines) + "\n"


def _toml_pairs(values: dict[str, Any]) -> list[str]:
    return [f"{key} = {_quote(value)}" for key, value in values.items()]


def _intervention(leak: Leak) -> list[str]:
    where = {"pipelines": [leak.pipeline], "stages": [leak.stage]}
    facts = {"name": leak.action, "day": str(leak.from_date), **where}
    return ["", "[[interventions]]", *_toml_pairs(facts)]


def _stage_line(stage: StagePlan) -> str:
    kind = f", kind = {_quote(stage.kind)}" if stage.kind else ""
    return f"{{ name = {_quote(stage.name)}{kind} }}"


def _quote(value: str | list[str]) -> str:
    # A JSON text, or a list of them, is one in TOML as well.
    return json.dumps(value, ensure_ascii=False)


# ---------------- making
# From a plan to a sample: lives are drawn, cut at the last day, and told as tables.


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
    rows = cut_after(whole, count_work_seconds(plan.as_of, plan, days_later=1))
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


# ---------------- writing
# A sample as four files in a folder.


def write(
    directory: str | Path,
    opportunities: int = 12_000,
    *,
    seed: int = 20260630,
    plan: Plan | None = None,
) -> Sample:
    """Write opportunities.csv, stage_history.csv, leakkit.toml and truth.json.

    Makes the directory if need be and overwrites the four files. UTF-8, lines end
    with a line feed; the same arguments give the same bytes. Raises LeakkitError where
    `directory` is a file.
    """
    folder = Path(directory)
    if folder.exists() and not folder.is_dir():
        message = f"{folder} is a file; the sample needs a folder to write its four files into."
        raise LeakkitError("no_folder", message)
    sample = make(opportunities, seed=seed, plan=plan)
    folder.mkdir(parents=True, exist_ok=True)
    _write_csv(folder / "opportunities.csv", sample.opportunities)
    _write_csv(folder / "stage_history.csv", sample.stage_history)
    _write_text(folder / "leakkit.toml", sample.config)
    truth = json.dumps(sample.truth, ensure_ascii=False, indent=2)
    _write_text(folder / "truth.json", truth + "\n")
    return sample


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    table.to_csv(
        path,
        index=False,
        encoding="utf-8",
        lineterminator="\n",
        float_format="%.2f",
        date_format="%Y-%m-%d %H:%M:%S",
    )


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
