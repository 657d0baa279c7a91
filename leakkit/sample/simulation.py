"""From a plan to a sample: lives are drawn, cut at the last day, and written with their truth."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from leakkit.errors import LeakkitError
from leakkit.sample.lives import (
    LOST,
    WON,
    Live,
    cut_after,
    draw_births,
    draw_labels,
    draw_lives,
    find_ends,
    put_in_order,
)
from leakkit.sample.plan import convert_to_moments, count_work_seconds, default_plan, list_stages
from leakkit.sample.plan_arrays import (
    collect_floats,
    find_effects,
    find_shares,
    locate_lists,
    make_arrays,
    take_texts,
)

if TYPE_CHECKING:
    from leakkit.sample.lives import Births, HistoryRows, Labels
    from leakkit.sample.plan import Leak, PipelinePlan, Plan, StagePlan
    from leakkit.sample.plan_arrays import Bools, Effects, Floats, Ints, StageArrays

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


# ---------------------------------------------------------------- the planted truth

# ---------------- outlook
# The exact shares of deals and visits under the leaks of a moment, computed, not drawn.


def compute_outlooks(plan: Plan, at: int) -> list[dict[str, Any]]:
    """What becomes of the deals of each pipeline under the shares in force at a moment?"""
    arrays = make_arrays(plan)
    most = max(pipeline.max_returns for pipeline in plan.pipelines)
    shares = np.stack([_shares_at(arrays, at, returns) for returns in range(most + 1)])
    days = (
        collect_floats(stage.dwell_days for _, stage in list_stages(plan))
        * _here_at(arrays, at)[1].slower
    )
    starts = locate_lists(plan, "stages")[0][1:]
    parts = zip(np.split(shares, starts, axis=2), np.split(days, starts), strict=True)
    return [
        _outlook(pipeline, part[: pipeline.max_returns + 1], part_days)
        for pipeline, (part, part_days) in zip(plan.pipelines, parts, strict=True)
    ]


def _here_at(arrays: StageArrays, at: int, returns: int = 0) -> tuple[Live, Effects]:
    """One visit to every stage at the same moment."""
    stages = np.arange(arrays.lost.size)
    live = Live(stages, stages, np.full_like(stages, at), np.full_like(stages, returns),
                 np.zeros(stages.size, dtype=np.bool_))  # fmt: skip
    return live, find_effects(arrays.leaks, live, *np.ones((2, stages.size)))


def _shares_at(arrays: StageArrays, at: int, returns: int) -> Floats:
    return np.stack(find_shares(arrays, *_here_at(arrays, at, returns)))


def _outlook(pipeline: PipelinePlan, shares: Floats, days: Floats) -> dict[str, Any]:
    """Shares of all deals, and of all visits to each stage, however often a deal comes.

    shares: (returns so far, lost / returned / never decided, stage).
    """
    visits, won = _flow(pipeline, shares)
    ends = np.einsum("krs,rxs->xs", visits, shares)
    never = ends[2].sum()
    return {
        "won_share": _round(sum(won)),
        "won_at_first_close_share": _round(won[0]),
        "lost_share": _round(1 - sum(won) - never),
        "never_decided_share": _round(never),
        "stages": [
            {"stage": stage.name, **_visit_truth(entered, end), "advance_days": _round(mean)}
            for stage, entered, end, mean in zip(
                pipeline.stages, visits.sum(axis=(0, 1)), ends.T, days.tolist(), strict=True
            )
        ],
    }


def _visit_truth(entered: float, ends: Floats) -> dict[str, float | None]:
    lost, returned, never = ends.tolist()
    counts = {
        "advanced_share": entered - lost - returned - never,
        "lost_share": lost,
        "returned_share": returned,
        "never_decided_share": never,
    }
    visits: dict[str, float | None] = {"visits_per_deal": _round(entered)}
    shares = {k: _round(n / entered) if entered else None for k, n in counts.items()}
    return visits | shares


def _round(number: float) -> float:
    # The last digits of a sum differ between machines; adding 0 takes the sign off -0.
    return round(float(number), 10) + 0.0


def _flow(pipeline: PipelinePlan, shares: Floats) -> tuple[Floats, tuple[float, float]]:
    """Expected visits by (re-opened, returns so far, stage), and the won deals of both.

    The chain never comes back to a state, so one pass in this order is exact: a return
    raises `returns`, a re-opening raises `re-opened`, all else goes up the stages.
    """
    returns, _, stages = shares.shape
    visits = np.zeros((2, returns + 1, stages + 2))
    visits[0, 0, :stages] = _start_shares(pipeline)
    for again, loops, stage in np.ndindex(2, returns, stages):
        here = visits[again, loops, stage]
        lost, returned, stuck = here * shares[loops, :, stage]
        advanced = here - lost - returned - stuck
        visits[again, loops, stage + 1] += advanced * (1 - pipeline.skip_share)
        visits[again, loops, stage + 2] += advanced * pipeline.skip_share
        visits[again, loops + 1, stage - 1] += returned
        if not again:
            visits[1, loops, stage] += lost * pipeline.reopen_share
    won = visits[:, :returns, stages:].sum(axis=(1, 2))
    return visits[:, :returns, :stages], (float(won[0]), float(won[1]))


def _start_shares(pipeline: PipelinePlan) -> Floats:
    """Chance to start in each stage: the first, or evenly one of those up to the middle."""
    stages = len(pipeline.stages)
    shares = np.zeros(stages)
    middle = stages // 2
    shares[0] = 1.0
    if middle:
        shares[0] -= pipeline.middle_start_share
        shares[1 : middle + 1] = pipeline.middle_start_share / middle
    return shares


# ---------------- truth
# The planted truth: the plan, its leaks, and what is in the data.


def make_truth(plan: Plan, seed: int, births: Births, rows: HistoryRows) -> dict[str, Any]:
    """Write down what was planted, what is in the data, and the exact shares."""
    counts = _counts_of(plan, births, rows)
    truth = {
        "schema_version": 1,
        "seed": seed,
        "as_of": plan.as_of,
        "leaks": [asdict(leak) for leak in plan.leaks],
        "counts": {key: int(column.sum()) for key, column in counts.items()},
        "pipelines": _pipelines_truth(plan, counts),
        "plan": asdict(plan),
    }
    # As it is read back: lists, no tuples.
    read_back: dict[str, Any] = json.loads(json.dumps(truth))
    return read_back


def _pipelines_truth(plan: Plan, counts: dict[str, Ints]) -> list[dict[str, Any]]:
    at_start = compute_outlooks(plan, count_work_seconds(plan.start, plan))
    at_end = compute_outlooks(plan, count_work_seconds(plan.as_of, plan, days_later=1) - 1)
    return [
        {
            "pipeline": pipeline.name,
            "counts": {key: int(column[number]) for key, column in counts.items()},
            "before": at_start[number],
            "after": at_end[number],
        }
        for number, pipeline in enumerate(plan.pipelines)
    ]


def _counts_of(plan: Plan, births: Births, rows: HistoryRows) -> dict[str, Ints]:
    """What is in the data, per pipeline: rows, and deals to which something happened."""
    ends = find_ends(rows, births.second.size)
    flags = {
        "opportunities": np.ones(births.second.size),
        "rows": np.bincount(rows.deal, minlength=births.second.size),
        "won": ends.code == WON,
        "lost": ends.code == LOST,
        "open": ends.code >= 0,
        **_happenings(plan, births, rows),
    }
    length = len(plan.pipelines)
    return {
        key: np.bincount(births.pipeline, weights=flag, minlength=length).astype(np.int64)
        for key, flag in flags.items()
    }


def _happenings(plan: Plan, births: Births, rows: HistoryRows) -> dict[str, Bools]:
    arrays = make_arrays(plan)
    same = rows.deal[1:] == rows.deal[:-1]
    stage, then = rows.stage[:-1], rows.stage[1:]
    # A win counts as the position past the last stage, so that an early one is a jump.
    open_stage = np.maximum(stage, 0)
    end = arrays.first[open_stage] + arrays.count[open_stage]
    jumped = (stage >= 0) & (np.where(then == WON, end, then) > stage + 1)
    first = arrays.first[births.stage]
    return {
        "reopened": _any_row(births, rows, same & (stage == LOST)),
        "returned": _any_row(births, rows, same & (then >= 0) & (then < stage)),
        "jumped": _any_row(births, rows, same & jumped),
        "started_in_the_middle": births.stage > first,
    }


def _any_row(births: Births, rows: HistoryRows, moves: Bools) -> Bools:
    deals = np.zeros(births.second.size, dtype=np.bool_)
    deals[rows.deal[1:][moves]] = True
    return deals
