"""A made-up industrial seller, with leaks planted on purpose.

Is a finding true? On real data nobody knows. Here the plan says which stage of
which pipeline leaks, since when, how much and why; `make` lets the deals live
through it, and `truth` keeps the answer beside the data.

Three rules keep the answer exact:

* A visit's fate is drawn from the plan at the moment of its *entry*: a leak from
  1 March touches the visits that began on 1 March or later, and no others.
* Whole lives are simulated, then cut at the end of `as_of`. Drawing only what is
  over by then would favour the short stays.
* Points added to `lost` or `returned` come out of the advanced visits, so one
  planted leak never moves another share of the same stage.

Time runs on a clock of working days (08:00 to 18:00, Monday to Friday), which is
turned into dates at the very end: nothing happens at night or at weekends, and
no stay is lengthened by pushing a moment to the next Monday.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import KW_ONLY, asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from leakkit.errors import LeakkitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Leak", "PipelinePlan", "Plan", "Sample", "StagePlan", "default_plan", "make", "write"]


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)


Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Texts: TypeAlias = pd.api.extensions.ExtensionArray

STAGE_KINDS: Final = ("", "qualify", "offer")
LEAK_KINDS: Final = ("lost", "overdue", "returned")
CAUSES: Final = ("", "unconvincing", "complexity")

REASONS: Final = {
    "other": ("Budget cancelled", "No answer", "Duplicate", "No longer needed"),
    "unconvincing": ("Price too high", "Competitor cheaper", "Offer not convincing"),
    "complexity": ("Approval took too long", "Process too complicated", "Too many documents"),
}
COMPETITORS: Final = ("Vandrelle", "Korvath", "Tumblerow")

_WON: Final = -1
_LOST: Final = -2
_NEVER: Final = np.iinfo(np.int64).max
_OPENING_SECOND: Final = 8 * 3600
_WORKDAY_SECONDS: Final = 10 * 3600
_SHORTEST_STAY_SECONDS: Final = 60
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal() - 1

# What the causes do to a lost deal, so that its behaviour can be told from the others.
_EARLY_FACTOR: Final = 0.2
_LONG_FACTOR: Final = 2.5
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


# ---------------------------------------------------------------- the plan


@dataclass(frozen=True, slots=True)
class Leak:
    """What goes wrong on purpose: where, in which way, since when, how much, and why.

    size: for `lost` and `returned` the points added to the share of a visit (0.12 is
    12 points); for `overdue` the factor on every stay (2 is twice as slow).
    from_date, until_date: first and last day of *entry* of the visits touched; without
    a from_date it has always been so. Leaks at one stage add up (a wobble from month to
    month is one leak a month).
    cause: which family the losses of the stage look like while it leaks; `cause_share`
    of them carry it, and `sign_share` of those also behave like it: `unconvincing`
    leaves early and is dear, `complexity` stays long. The others only say so.
    action: what people did on its first day, as leakkit.toml will declare it.

    >>> Leak("Equipment", "Proforma", "lost", size=0.12, from_date="2026-03-23").kind
    'lost'
    """

    pipeline: str
    stage: str
    kind: str
    _: KW_ONLY
    size: float
    from_date: str | None = None
    until_date: str | None = None
    cause: str = ""
    cause_share: float = 0.7
    sign_share: float = 0.9
    action: str = ""


@dataclass(frozen=True, slots=True)
class StagePlan:
    """What happens at one visit to a stage, as long as no leak changes it.

    lost_share, returned_share: chances of a visit; with the pipeline's `stuck_share`
    they leave the rest for advancing. Nothing returns from the first stage.
    lost_per_return_share: points of loss added for each time that the deal has been
    sent back so far, at any stage (loops tire the customer).
    dwell_days, dwell_shape: mean and shape of the gamma distributed stay of a visit
    that advances or returns; a lost one stays `lost_dwell_ratio` times as long.

    >>> StagePlan("Proforma", kind="offer", lost_share=0.2, dwell_days=14).dwell_shape
    1.5
    """

    name: str
    _: KW_ONLY
    kind: str = ""
    lost_share: float = 0.15
    returned_share: float = 0.02
    lost_per_return_share: float = 0.0
    dwell_days: float = 7.0
    dwell_shape: float = 1.5
    lost_dwell_ratio: float = 1.3


@dataclass(frozen=True, slots=True)
class PipelinePlan:
    """An ordered line of stages, the deals that flow through it, and their columns.

    weight: its part of all opportunities, relative to the other pipelines.
    prefix: of the opportunity_id; made from the name where empty.
    skip_share: chance that an advancing deal jumps over the next stage (over the last
    one: an early win). middle_start_share: starts in stage 2 to n // 2 + 1.
    reopen_share: chance that a lost deal comes back, once, into the stage where it was
    lost, two working days plus an exponential wait of mean `reopen_wait_days` later.
    stuck_share: chance of any visit that it is never decided. max_returns: of one deal.
    late_close_share: of the losses that are entered late, by `late_close_days` on average.
    median_value: in the plan's currency; each product is 1.8 times as dear as the one
    before. No column has an effect on what becomes of a deal.

    >>> PipelinePlan("Rentals", stages=(StagePlan("Request"),)).skip_share
    0.03
    """

    name: str
    _: KW_ONLY
    stages: tuple[StagePlan, ...]
    weight: float = 1.0
    prefix: str = ""
    skip_share: float = 0.03
    middle_start_share: float = 0.04
    max_returns: int = 3
    reopen_share: float = 0.05
    reopen_wait_days: float = 20.0
    stuck_share: float = 0.01
    late_close_share: float = 0.0
    late_close_days: float = 30.0
    median_value: float = 10_000.0
    value_log_sd: float = 0.6
    products: tuple[str, ...] = ("Standard", "Plus", "Premium")
    regions: tuple[str, ...] = ("North", "South", "West", "East")
    sources: tuple[str, ...] = ("Website", "Referral", "Trade fair", "Phone")
    owners: tuple[str, ...] = ("Jonas Feld", "Miriam Kühn", "Petra Sölden", "Tom Arden")


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole simulation but for the number of deals and the seed.

    Deals are created evenly over the working time from `start` to `created_until`
    (default: `as_of`). An earlier `created_until` gives deals that are nearly all decided.
    work_days_per_week: 5 leaves the weekends empty, 7 makes all days alike.
    missing_reason_share, wrong_reason_share: of the lost deals; a wrong reason is of a
    family drawn at random. handover_share: of the deals that change their owner once.

    >>> Plan(pipelines=(PipelinePlan("Rentals", stages=()),))
    Traceback (most recent call last):
    ...
    leakkit.errors.LeakkitError: the plan cannot be simulated:
    - pipeline "Rentals": stages is (); give at least one
    """

    pipelines: tuple[PipelinePlan, ...]
    _: KW_ONLY
    leaks: tuple[Leak, ...] = ()
    start: str = "2024-07-01"
    as_of: str = "2026-06-30"
    created_until: str | None = None
    timezone: str = "Europe/Berlin"
    currency: str = "EUR"
    work_days_per_week: int = 5
    missing_reason_share: float = 1 / 3
    wrong_reason_share: float = 0.05
    handover_share: float = 0.06

    def __post_init__(self) -> None:
        """Say everything that is wrong with the plan at once."""
        faults = list(_faults(self))
        if faults:
            message = "the plan cannot be simulated:\n- " + "\n- ".join(faults)
            raise LeakkitError("no_plan", message)


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


# ---------------------------------------------------------------- is the plan possible?


def _faults(plan: Plan) -> Iterator[str]:
    yield from _faults_of_plan(plan)
    for pipeline in plan.pipelines:
        yield from _faults_of_pipeline(pipeline)
    for leak in plan.leaks:
        yield from _faults_of_leak(leak, plan)


def _faults_of_plan(plan: Plan) -> Iterator[str]:
    if not plan.pipelines:
        yield "pipelines is (); give at least one"
    yield from _twice("pipeline", [pipeline.name for pipeline in plan.pipelines])
    yield from _twice("prefix", [p.prefix for p in plan.pipelines if p.prefix])
    if plan.pipelines and not sum(pipeline.weight for pipeline in plan.pipelines) > 0:
        yield "no pipeline has a weight above 0"
    if not 1 <= plan.work_days_per_week <= 7:  # noqa: PLR2004
        yield f"work_days_per_week is {plan.work_days_per_week}; allowed is 1 to 7"
    yield from _not_shares(
        "plan", plan, "missing_reason_share", "wrong_reason_share", "handover_share"
    )
    yield from _faults_of_dates(plan)


def _faults_of_dates(plan: Plan) -> Iterator[str]:
    dates = {"start": plan.start, "created_until": _created_until(plan), "as_of": plan.as_of}
    unreadable = [f"{key} is {text!r}; write YYYY-MM-DD" for key, text in dates.items()
                  if not _is_date(text)]  # fmt: skip
    yield from unreadable
    if unreadable:
        return
    if not plan.start <= _created_until(plan) <= plan.as_of:
        yield f"start <= created_until <= as_of does not hold: {' '.join(dates.values())}"
    elif 1 <= plan.work_days_per_week <= 7 and _span(plan)[0] >= _span(plan)[1]:  # noqa: PLR2004
        yield f"no working day from {plan.start} to {_created_until(plan)}"


def _faults_of_pipeline(pipeline: PipelinePlan) -> Iterator[str]:
    where = f'pipeline "{pipeline.name}"'
    if not pipeline.stages:
        yield f"{where}: stages is (); give at least one"
    yield from _twice(f"{where}: stage", [stage.name for stage in pipeline.stages])
    yield from _not_shares(
        where, pipeline, "skip_share", "middle_start_share", "reopen_share", "stuck_share",
        "late_close_share",
    )  # fmt: skip
    yield from _negative(
        where, pipeline, "weight", "max_returns", "reopen_wait_days", "late_close_days",
        "median_value", "value_log_sd",
    )  # fmt: skip
    for column in ("products", "regions", "sources", "owners"):
        if not getattr(pipeline, column):
            yield f"{where}: {column} is (); give at least one"
    for stage in pipeline.stages:
        yield from _faults_of_stage(stage, pipeline)


def _faults_of_stage(stage: StagePlan, pipeline: PipelinePlan) -> Iterator[str]:
    where = f'stage "{stage.name}" of "{pipeline.name}"'
    if stage.name in {"Won", "Lost"}:
        yield f"{where}: the rows that close a deal have this name"
    if stage.kind not in STAGE_KINDS:
        yield f"{where}: kind is {stage.kind!r}; allowed are {', '.join(map(repr, STAGE_KINDS))}"
    yield from _not_shares(where, stage, "lost_share", "returned_share", "lost_per_return_share")
    yield from _negative(where, stage, "dwell_days", "lost_dwell_ratio")
    if not stage.dwell_shape > 0:
        yield f"{where}: dwell_shape is {stage.dwell_shape}; it must be above 0"
    total = stage.lost_share + stage.returned_share + pipeline.stuck_share
    if total > 1 + 1e-9:
        yield f"{where}: lost, returned and stuck shares sum to {total:g}; at most 1 is possible"


def _faults_of_leak(leak: Leak, plan: Plan) -> Iterator[str]:
    where = f'leak at "{leak.stage}" of "{leak.pipeline}"'
    if (leak.pipeline, leak.stage) not in {(p.name, s.name) for p, s in _stages(plan)}:
        yield f"{where}: the plan has no such stage"
    if leak.kind not in LEAK_KINDS:
        yield f"{where}: kind is {leak.kind!r}; allowed are {', '.join(map(repr, LEAK_KINDS))}"
    if leak.cause not in CAUSES:
        yield f"{where}: cause is {leak.cause!r}; allowed are {', '.join(map(repr, CAUSES))}"
    if leak.kind == "overdue" and not leak.size > 0:
        yield f"{where}: size is {leak.size}; a factor of stays must be above 0"
    if leak.kind != "overdue" and not -1 <= leak.size <= 1:
        yield f"{where}: size is {leak.size}; added points are between -1 and 1"
    yield from _not_shares(where, leak, "cause_share", "sign_share")
    for text in (leak.from_date, leak.until_date):
        if text is not None and not _is_date(text):
            yield f"{where}: {text!r} is no date; write YYYY-MM-DD"


def _twice(what: str, names: Sequence[str]) -> Iterator[str]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f'{what} "{name}" is there twice'


def _not_shares(where: str, of: object, *keys: str) -> Iterator[str]:
    for key in keys:
        if not 0 <= getattr(of, key) <= 1:
            yield f"{where}: {key} is {getattr(of, key)}; allowed is 0 to 1"


def _negative(where: str, of: object, *keys: str) -> Iterator[str]:
    for key in keys:
        if not 0 <= getattr(of, key) < float("inf"):
            yield f"{where}: {key} is {getattr(of, key)}; it must be 0 or more"


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _created_until(plan: Plan) -> str:
    return plan.as_of if plan.created_until is None else plan.created_until


def _stages(plan: Plan) -> Iterator[tuple[PipelinePlan, StagePlan]]:
    return ((pipeline, stage) for pipeline in plan.pipelines for stage in pipeline.stages)


# ---------------------------------------------------------------- the built-in plan


def default_plan() -> Plan:
    """Which leaks are in the built-in sample?

    Equipment loses 12 points more of its proformas since its prices were raised, and Spare
    parts takes twice as long to confirm an order (both since 2026-03-23). Projects has always
    been tangled in its technical approval. In Service contracts nothing happens.

    >>> [leak.pipeline for leak in default_plan().leaks]
    ['Equipment', 'Spare parts', 'Projects']
    """
    return Plan(
        pipelines=(_equipment(), _spare_parts(), _service_contracts(), _projects()),
        leaks=(
            Leak("Equipment", "Proforma", "lost", size=0.12, from_date="2026-03-23",
                 cause="unconvincing", action="New price list"),
            Leak("Spare parts", "Order confirmation", "overdue", size=2.0, from_date="2026-03-23"),
            Leak("Projects", "Technical approval", "returned", size=0.12, cause="complexity"),
        ),
    )  # fmt: skip


def _equipment() -> PipelinePlan:
    return PipelinePlan(
        "Equipment",
        prefix="EQ",
        weight=0.40,
        median_value=48_000,
        stuck_share=0.012,
        products=("Filter unit", "Air dryer", "Pump skid", "Compressor station"),
        owners=("Jonas Feld", "Miriam Kühn", "Petra Sölden", "Tom Arden", "Ivo Lindqvist"),
        stages=(
            StagePlan("Inquiry", kind="qualify", lost_share=0.22, dwell_days=4, dwell_shape=1.2),
            StagePlan("Requirements", lost_share=0.14, dwell_days=8),
            StagePlan("Proforma", kind="offer", lost_share=0.17, returned_share=0.03,
                      dwell_days=13, lost_dwell_ratio=1.2),
            StagePlan("Negotiation", lost_share=0.25, returned_share=0.03, dwell_days=16),
            StagePlan("Contract", lost_share=0.09, dwell_days=9),
            StagePlan("Prepayment", lost_share=0.05, dwell_days=6),
        ),
    )  # fmt: skip


def _spare_parts() -> PipelinePlan:
    return PipelinePlan(
        "Spare parts",
        prefix="SP",
        weight=0.33,
        median_value=1_900,
        skip_share=0.04,
        products=("Seal kit", "Bearing set", "Valve block", "Rotor"),
        sources=("Website", "Phone", "Service visit", "Referral"),
        owners=("Lena Örtel", "Kai Benthin", "Rosa Vidal", "Sven Aldag"),
        stages=(
            StagePlan("Request", lost_share=0.20, dwell_days=0.9, dwell_shape=1.2),
            StagePlan("Availability check", lost_share=0.12, dwell_days=3),
            StagePlan("Proforma", kind="offer", lost_share=0.32, dwell_days=6),
            StagePlan("Order confirmation", lost_share=0.08, dwell_days=4, dwell_shape=2),
            StagePlan("Payment", lost_share=0.08, dwell_days=8),
            StagePlan("Release", lost_share=0.02, dwell_days=1.2, dwell_shape=1.2),
        ),
    )


def _service_contracts() -> PipelinePlan:
    return PipelinePlan(
        "Service contracts",
        prefix="SC",
        weight=0.15,
        median_value=14_500,
        products=("Inspection contract", "Maintenance contract", "Full service contract"),
        sources=("Service visit", "Referral", "Website", "Trade fair"),
        owners=("Anke Brömse", "Dario Melk", "Ulla Tharau"),
        stages=(
            StagePlan("Lead", kind="qualify", lost_share=0.26, dwell_days=6, dwell_shape=1.2),
            StagePlan("Needs analysis", lost_share=0.15, dwell_days=9),
            StagePlan("Proforma", kind="offer", lost_share=0.20, dwell_days=12),
            StagePlan("Negotiation", lost_share=0.20, returned_share=0.03, dwell_days=14),
            StagePlan("Legal review", lost_share=0.08, dwell_days=10, dwell_shape=2),
            StagePlan("Signature", lost_share=0.05, dwell_days=4),
        ),
    )


def _projects() -> PipelinePlan:
    return PipelinePlan(
        "Projects",
        prefix="PR",
        weight=0.12,
        median_value=320_000,
        value_log_sd=0.7,
        skip_share=0.015,
        stuck_share=0.015,
        reopen_share=0.06,
        reopen_wait_days=30,
        products=("Compressed air plant", "Cooling plant", "Nitrogen plant"),
        sources=("Tender", "Referral", "Trade fair", "Engineering office"),
        owners=("Greta Wöhler", "Henrik Paasche", "Nadia Corvin"),
        stages=(
            StagePlan("Lead", kind="qualify", lost_share=0.28, dwell_days=14, dwell_shape=1.2),
            StagePlan("Feasibility", lost_share=0.16, dwell_days=18),
            StagePlan("Technical approval", lost_share=0.08, lost_per_return_share=0.35,
                      dwell_days=22, lost_dwell_ratio=1.5),
            StagePlan("Proforma", kind="offer", lost_share=0.20, dwell_days=20),
            StagePlan("Negotiation", lost_share=0.20, returned_share=0.02, dwell_days=26),
            StagePlan("Contract", lost_share=0.09, dwell_days=16),
        ),
    )  # fmt: skip


# ---------------------------------------------------------------- the public verbs


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
    births = _births(plan, opportunities, life_rng)
    whole = _in_order(_lives(_tables(plan), births, life_rng))
    rows = _cut(whole, _work_second(plan.as_of, plan, days_later=1))
    labels = _labels(plan, births, whole, rows, label_rng)
    return Sample(
        opportunities=_opportunities(plan, births, rows, labels),
        stage_history=_stage_history(plan, births, rows, labels),
        config=_config(plan),
        truth=_truth(plan, seed, births, rows),
    )


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


def _streams(seed: int) -> tuple[np.random.Generator, np.random.Generator]:
    life, label = np.random.SeedSequence(seed).spawn(2)
    return np.random.Generator(np.random.PCG64(life)), np.random.Generator(np.random.PCG64(label))


# ---------------------------------------------------------------- the clock


def _work_second(day: str, plan: Plan, *, days_later: int = 0) -> int:
    """Working seconds from 0001-01-01 (a Monday) to the opening of that day."""
    moment = date.fromisoformat(day) + timedelta(days=days_later)
    weeks, weekday = divmod(moment.toordinal() - 1, 7)
    per_week = plan.work_days_per_week
    return (weeks * per_week + min(weekday, per_week)) * _WORKDAY_SECONDS


def _moments(work_seconds: Ints, plan: Plan) -> npt.NDArray[np.datetime64]:
    """Local date and time of working seconds: the only place where weekends come in."""
    workday, second = np.divmod(work_seconds, _WORKDAY_SECONDS)
    weeks, weekday = np.divmod(workday, plan.work_days_per_week)
    days = weeks * 7 + weekday - _EPOCH_DAY
    seconds = (days * 86_400 + _OPENING_SECOND + second).astype("datetime64[s]")
    return seconds.astype("datetime64[us]")  # the unit in which pandas reads the files back


def _span(plan: Plan) -> tuple[int, int]:
    until = _work_second(_created_until(plan), plan, days_later=1)
    return _work_second(plan.start, plan), until


# ---------------------------------------------------------------- the plan as arrays


@dataclass(frozen=True, slots=True)
class _Leaks:
    """One entry per leak, and a last one that is never in force.

    at: (slots, stages), which leaks touch a stage.
    """

    at: Ints
    starts: Ints
    ends: Ints
    more_lost: Floats
    more_returned: Floats
    slower: Floats
    cause: Ints
    cause_share: Floats
    sign_share: Floats


@dataclass(frozen=True, slots=True)
class _Tables:
    """One entry per stage of all pipelines, in the order of the plan; stays in seconds."""

    first: Ints
    count: Ints
    max_returns: Ints
    lost: Floats
    returned: Floats
    stuck: Floats
    lost_per_return: Floats
    stay: Floats
    shape: Floats
    lost_ratio: Floats
    skip: Floats
    reopen: Floats
    reopen_wait: Floats
    late_close: Floats
    late_wait: Floats
    leaks: _Leaks


def _tables(plan: Plan) -> _Tables:
    first, counts = _lists(plan, "stages")
    pipeline = np.repeat(np.arange(counts.size), counts)
    day_seconds = _WORKDAY_SECONDS * plan.work_days_per_week / 7
    return _Tables(
        first=first[pipeline],
        count=counts[pipeline],
        max_returns=_ints(p.max_returns for p, _ in _stages(plan)),
        lost=_floats(s.lost_share for _, s in _stages(plan)),
        returned=_floats(s.returned_share for _, s in _stages(plan)),
        stuck=_floats(p.stuck_share for p, _ in _stages(plan)),
        lost_per_return=_floats(s.lost_per_return_share for _, s in _stages(plan)),
        stay=_floats(s.dwell_days * day_seconds for _, s in _stages(plan)),
        shape=_floats(s.dwell_shape for _, s in _stages(plan)),
        lost_ratio=_floats(s.lost_dwell_ratio for _, s in _stages(plan)),
        skip=_floats(p.skip_share for p, _ in _stages(plan)),
        reopen=_floats(p.reopen_share for p, _ in _stages(plan)),
        reopen_wait=_floats(p.reopen_wait_days * day_seconds for p, _ in _stages(plan)),
        late_close=_floats(p.late_close_share for p, _ in _stages(plan)),
        late_wait=_floats(p.late_close_days * day_seconds for p, _ in _stages(plan)),
        leaks=_leaks(plan),
    )


def _leaks(plan: Plan) -> _Leaks:
    size = {kind: [leak.size if leak.kind == kind else None for leak in plan.leaks]
            for kind in LEAK_KINDS}  # fmt: skip
    return _Leaks(
        at=_leaks_at(plan),
        starts=_ints([*(_starts(leak, plan) for leak in plan.leaks), _NEVER]),
        ends=_ints([*(_ends(leak, plan) for leak in plan.leaks), _NEVER]),
        more_lost=_floats([*(points or 0 for points in size["lost"]), 0]),
        more_returned=_floats([*(points or 0 for points in size["returned"]), 0]),
        slower=_floats([*(factor or 1 for factor in size["overdue"]), 1]),
        cause=_ints([*(CAUSES.index(leak.cause) for leak in plan.leaks), 0]),
        cause_share=_floats([*(leak.cause_share * bool(leak.cause) for leak in plan.leaks), 0]),
        sign_share=_floats([*(leak.sign_share for leak in plan.leaks), 0]),
    )


def _leaks_at(plan: Plan) -> Ints:
    of_stage: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for number, leak in enumerate(plan.leaks):
        of_stage[leak.pipeline, leak.stage].append(number)
    here = [of_stage[pipeline.name, stage.name] for pipeline, stage in _stages(plan)]
    slots = max(map(len, here), default=0)
    never = len(plan.leaks)
    return np.array([leaks + [never] * (slots - len(leaks)) for leaks in here],
                    dtype=np.int64).reshape(len(here), slots).T  # fmt: skip


def _starts(leak: Leak, plan: Plan) -> int:
    return 0 if leak.from_date is None else _work_second(leak.from_date, plan)


def _ends(leak: Leak, plan: Plan) -> int:
    if leak.until_date is None:
        return _NEVER
    return _work_second(leak.until_date, plan, days_later=1)


def _lists(plan: Plan, column: str) -> tuple[Ints, Ints]:
    """Where each pipeline's list starts in the flat one, and its length."""
    lengths = _ints(len(getattr(pipeline, column)) for pipeline in plan.pipelines)
    return np.cumsum(lengths) - lengths, lengths


def _ints(numbers: Iterable[int]) -> Ints:
    return np.array(list(numbers), dtype=np.int64)


def _floats(numbers: Iterable[float]) -> Floats:
    return np.array(list(numbers), dtype=np.float64)


# ---------------------------------------------------------------- births


@dataclass(frozen=True, slots=True)
class _Births:
    """One entry per deal, in the order of the opportunity_id; `second` of the working clock."""

    pipeline: Ints
    stage: Ints
    second: Ints
    opportunity_id: npt.NDArray[np.str_]


def _births(plan: Plan, deals: int, rng: np.random.Generator) -> _Births:
    prefixes = _prefixes(plan)
    by_prefix = np.array(sorted(range(len(prefixes)), key=lambda number: prefixes[number] + "-"))
    counts = _counts([pipeline.weight for pipeline in plan.pipelines], deals)
    rank = np.repeat(np.arange(len(counts)), counts[by_prefix])
    second = rng.integers(*_span(plan), size=deals)
    second = second[np.lexsort((second, rank))]
    pipeline = by_prefix[rank]
    return _Births(
        pipeline=pipeline,
        stage=_first_stages(plan, pipeline, rng),
        second=second,
        opportunity_id=_opportunity_ids(np.array(prefixes)[pipeline], rank),
    )


def _prefixes(plan: Plan) -> list[str]:
    """Initials of the name, or its first two letters, with a number where taken."""
    taken = {pipeline.prefix for pipeline in plan.pipelines}
    prefixes = []
    for pipeline in plan.pipelines:
        words = pipeline.name.split()
        letters = "".join(word[0] for word in words) if len(words) > 1 else pipeline.name[:2]
        prefix = pipeline.prefix or _free(letters.upper(), taken)
        taken.add(prefix)
        prefixes.append(prefix)
    return prefixes


def _free(stem: str, taken: set[str]) -> str:
    clean = "".join(letter for letter in stem if letter.isascii() and letter.isalnum()) or "OP"
    number = 2
    prefix = clean
    while prefix in taken:
        prefix = f"{clean}{number}"
        number += 1
    return prefix


def _counts(weights: Sequence[float], deals: int) -> Ints:
    """Shares of the deals in whole numbers that sum up, by largest remainder.

    >>> _counts([1, 1, 1], 8).tolist()
    [3, 3, 2]
    """
    exact = np.array(weights, dtype=np.float64) / sum(weights) * deals
    counts = np.floor(exact + 1e-9).astype(np.int64)
    largest = np.argsort(counts - exact, kind="stable")
    counts[largest[: deals - counts.sum()]] += 1
    return counts


def _first_stages(plan: Plan, pipeline: Ints, rng: np.random.Generator) -> Ints:
    first, counts = _lists(plan, "stages")
    share = _floats(p.middle_start_share for p in plan.pipelines)[pipeline]
    furthest = (counts // 2)[pipeline]
    middle, where = rng.random((2, pipeline.size))
    position = np.minimum(1 + (where * furthest).astype(np.int64), furthest)
    return first[pipeline] + np.where(middle < share, position, 0)


def _opportunity_ids(prefix: npt.NDArray[np.str_], rank: Ints) -> npt.NDArray[np.str_]:
    if not rank.size:
        return prefix  # numpy cannot pad an empty array
    numbers = np.arange(rank.size) - np.searchsorted(rank, rank) + 1
    width = max(6, len(str(rank.size)))
    padded = np.strings.zfill(numbers.astype(np.str_), width)
    return np.strings.add(np.strings.add(prefix, "-"), padded)


# ---------------------------------------------------------------- lives, in rounds of one visit


@dataclass(frozen=True, slots=True)
class _Live:
    """Deals that have just entered a stage."""

    deal: Ints
    stage: Ints
    second: Ints
    returns: Ints
    reopened: Bools

    def only(self, mask: Bools) -> _Live:
        return _Live(*(column[mask] for column in _columns(self)))


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of the history: an entry into a stage, or a close (stage below 0).

    cause and dear belong to lost closes: the cause that a leak gave, by position in
    CAUSES, and whether the deal was dear for it.
    """

    deal: Ints
    stage: Ints
    second: Ints
    cause: Ints
    dear: Bools

    def only(self, mask: Bools | Ints) -> _Rows:
        return _Rows(*(column[mask] for column in _columns(self)))


@dataclass(frozen=True, slots=True)
class _Here:
    """What the leaks do to each of these visits."""

    more_lost: Floats
    more_returned: Floats
    slower: Floats
    cause: Ints
    signs: Bools


@dataclass(frozen=True, slots=True)
class _Visits:
    """How each visit ends: `to` is a stage, a close, or where it is (never decided)."""

    to: Ints
    leaves: Ints
    returns: Bools
    stays: Bools
    cause: Ints
    dear: Bools


def _lives(tables: _Tables, births: _Births, rng: np.random.Generator) -> list[_Rows]:
    deals = np.arange(births.second.size)
    nothing = np.zeros(deals.size, dtype=np.int64)
    live = _Live(deals, births.stage, births.second, nothing, nothing.astype(np.bool_))
    rounds = [_entries(live)]
    while live.deal.size:
        visits = _visits(tables, live, rng)
        rounds.append(_closes(live, visits))
        live = _next(tables, live, visits, rng)
        rounds.append(_entries(live))
    return rounds


def _visits(tables: _Tables, live: _Live, rng: np.random.Generator) -> _Visits:
    fate, jump, cause, sign, late = rng.random((5, live.deal.size))
    here = _leaks_here(tables.leaks, live, cause, sign)
    lost_share, returned_share, stuck_share = _shares_here(tables, live, here)
    lost = fate < lost_share
    returned = ~lost & (fate < lost_share + returned_share)
    stuck = ~(lost | returned) & (fate < lost_share + returned_share + stuck_share)
    signs = here.signs & lost
    stay = _stays(tables, live, here, lost, rng)
    stay += np.where(lost & (late < tables.late_close[live.stage]), _wait(tables, live, rng), 0)
    to = np.where(lost, _LOST, np.where(returned, live.stage - 1, _ahead(tables, live, jump)))
    return _Visits(
        to=np.where(stuck, live.stage, to),
        leaves=live.second + np.maximum(np.rint(stay).astype(np.int64), _SHORTEST_STAY_SECONDS),
        returns=returned,
        stays=stuck,
        cause=np.where(lost, here.cause, 0),
        dear=signs & (here.cause == CAUSES.index("unconvincing")),
    )


def _leaks_here(leaks: _Leaks, live: _Live, which: Floats, sign: Floats) -> _Here:
    more_lost, more_returned, used = np.zeros((3, live.deal.size))
    slower = np.ones(live.deal.size)
    cause = np.zeros(live.deal.size, dtype=np.int64)
    signs = np.zeros(live.deal.size, dtype=np.bool_)
    for slot in leaks.at:
        leak = slot[live.stage]
        on = (leaks.starts[leak] <= live.second) & (live.second < leaks.ends[leak])
        leak = np.where(on, leak, leaks.starts.size - 1)
        more_lost += leaks.more_lost[leak]
        more_returned += leaks.more_returned[leak]
        slower *= leaks.slower[leak]
        share = leaks.cause_share[leak]
        hit = (used <= which) & (which < used + share)
        cause = np.where(hit, leaks.cause[leak], cause)
        signs |= hit & (sign < leaks.sign_share[leak])
        used += share
    return _Here(more_lost, more_returned, slower, cause, signs)


def _shares_here(tables: _Tables, live: _Live, here: _Here) -> tuple[Floats, Floats, Floats]:
    stage = live.stage
    may_return = (stage > tables.first[stage]) & (live.returns < tables.max_returns[stage])
    return _shares(
        tables.lost[stage] + here.more_lost + tables.lost_per_return[stage] * live.returns,
        np.where(may_return, tables.returned[stage] + here.more_returned, 0),
        tables.stuck[stage],
    )


def _shares(lost: Floats, returned: Floats, stuck: Floats) -> tuple[Floats, Floats, Floats]:
    """Make them possible; what they leave is the advanced share.

    The one definition that the simulation and the truth share.

    >>> _shares(np.array([0.9]), np.array([0.2]), np.array([0.1]))
    (array([0.9]), array([0.1]), array([0.]))
    """
    lost = np.clip(lost, 0, 1)
    returned = np.clip(returned, 0, 1 - lost)
    return lost, returned, np.minimum(stuck, np.maximum(1 - lost - returned, 0))


def _stays(
    tables: _Tables, live: _Live, here: _Here, lost: Bools, rng: np.random.Generator
) -> Floats:
    shape = tables.shape[live.stage]
    stay = rng.standard_gamma(shape) / shape * tables.stay[live.stage] * here.slower
    early, long = _EARLY_FACTOR, _LONG_FACTOR
    by_cause = np.array([1.0, early, long])[np.where(here.signs, here.cause, 0)]
    return np.where(lost, stay * tables.lost_ratio[live.stage] * by_cause, stay)


def _wait(tables: _Tables, live: _Live, rng: np.random.Generator) -> Floats:
    return rng.standard_exponential(live.deal.size) * tables.late_wait[live.stage]


def _ahead(tables: _Tables, live: _Live, jump: Floats) -> Ints:
    to = live.stage + 1 + (jump < tables.skip[live.stage])
    return np.where(to < tables.first[live.stage] + tables.count[live.stage], to, _WON)


def _next(tables: _Tables, live: _Live, visits: _Visits, rng: np.random.Generator) -> _Live:
    again, wait = rng.random(live.deal.size), rng.standard_exponential(live.deal.size)
    reopens = (visits.to == _LOST) & ~live.reopened & (again < tables.reopen[live.stage])
    pause = 2 * _WORKDAY_SECONDS + np.rint(wait * tables.reopen_wait[live.stage]).astype(np.int64)
    goes_on = ((visits.to >= 0) & ~visits.stays) | reopens
    return _Live(
        deal=live.deal,
        stage=np.where(reopens, live.stage, visits.to),
        second=visits.leaves + np.where(reopens, pause, 0),
        returns=live.returns + visits.returns,
        reopened=live.reopened | reopens,
    ).only(goes_on)


def _entries(live: _Live) -> _Rows:
    no_cause = np.zeros(live.deal.size, dtype=np.int64)
    return _Rows(live.deal, live.stage, live.second, no_cause, no_cause.astype(np.bool_))


def _closes(live: _Live, visits: _Visits) -> _Rows:
    rows = _Rows(live.deal, visits.to, visits.leaves, visits.cause, visits.dear)
    return rows.only(visits.to < 0)


def _in_order(rounds: list[_Rows]) -> _Rows:
    """Rows by deal, and within a deal as they happened: the sort is stable."""
    columns = [np.concatenate(column) for column in zip(*map(_columns, rounds), strict=True)]
    return _Rows(*columns).only(np.argsort(columns[0], kind="stable"))


def _cut(rows: _Rows, end: int) -> _Rows:
    """Nothing after `as_of` is known: a deal is as its last row until then leaves it."""
    return rows.only(rows.second < end)


def _columns(table: _Live | _Rows) -> tuple[npt.NDArray[Any], ...]:
    # Not dataclasses.astuple: that would copy every array.
    return tuple(getattr(table, name) for name in table.__slots__)


# ---------------------------------------------------------------- labels


@dataclass(frozen=True, slots=True)
class _Ends:
    """Where each deal stands after its last known row: positions in the rows."""

    first_row: Ints
    last_row: Ints
    last_stage: Ints
    code: Ints


@dataclass(frozen=True, slots=True)
class _Labels:
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


def _ends_of(rows: _Rows, deals: int) -> _Ends:
    counts = np.bincount(rows.deal, minlength=deals)
    last = np.cumsum(counts) - 1
    code = rows.stage[last]
    return _Ends(
        first_row=last - counts + 1,
        last_row=last,
        last_stage=rows.stage[last - (code < 0)],
        code=code,
    )


def _labels(
    plan: Plan, births: _Births, whole: _Rows, rows: _Rows, rng: np.random.Generator
) -> _Labels:
    ends = _ends_of(rows, births.second.size)
    product = _choices(plan, "products", births.pipeline, rng)
    dear = np.zeros(births.second.size, dtype=np.bool_)
    # From the whole life: a deal is dear from its first day, not since it was lost for it.
    dear[whole.deal[whole.dear]] = True
    family, reason = _reasons(plan, rows, ends, rng)
    owner, row_owner = _owners(plan, births, rows, ends, rng)
    products = _texts(_flat(plan, "products"), product)
    return _Labels(
        name=_names(products, rng),
        value=_values(plan, births.pipeline, product, dear, rng),
        lost_reason=_texts([text for texts in REASONS.values() for text in texts], reason),
        competitor=_texts(COMPETITORS, _competitors(family, rng)),
        source=_texts(_flat(plan, "sources"), _choices(plan, "sources", births.pipeline, rng)),
        region=_texts(_flat(plan, "regions"), _choices(plan, "regions", births.pipeline, rng)),
        product=products,
        owner=owner,
        row_owner=row_owner,
    )


def _flat(plan: Plan, column: str) -> list[str]:
    return [text for pipeline in plan.pipelines for text in getattr(pipeline, column)]


def _choices(plan: Plan, column: str, pipeline: Ints, rng: np.random.Generator) -> Ints:
    starts, lengths = _lists(plan, column)
    return starts[pipeline] + _uneven(rng.random(pipeline.size), lengths[pipeline])


def _uneven(draws: Floats, length: Ints) -> Ints:
    """Positions in a list of which the first are taken more often.

    >>> _uneven(np.array([0.0, 0.5, 0.99]), np.array([4, 4, 4])).tolist()
    [0, 1, 3]
    """
    return (draws * np.sqrt(draws) * length).astype(np.int64)


def _texts(labels: Sequence[str], codes: Ints) -> Texts:
    """The labels at these codes; -1 is NA."""
    return pd.array(list(labels), dtype="str").take(codes, allow_fill=True)


def _names(products: Texts, rng: np.random.Generator) -> Texts:
    companies = [f"{head} {tail}" for head in _COMPANY_HEADS for tail in _COMPANY_TAILS]
    company = _texts(companies, rng.integers(len(companies), size=len(products)))
    return (pd.Series(products) + " for " + pd.Series(company)).array


def _values(
    plan: Plan, pipeline: Ints, product: Ints, dear: Bools, rng: np.random.Generator
) -> Floats:
    starts, lengths = _lists(plan, "products")
    rung = product - starts[pipeline] - (lengths[pipeline] - 1) / 2
    median = _floats(p.median_value for p in plan.pipelines)[pipeline] * _PRODUCT_STEP**rung
    spread = _floats(p.value_log_sd for p in plan.pipelines)[pipeline]
    value = median * np.exp(spread * rng.standard_normal(pipeline.size))
    return np.round(value * np.where(dear, _DEAR_FACTOR, 1.0), 2)


def _reasons(plan: Plan, rows: _Rows, ends: _Ends, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Family behind each loss, and the text that stands in the file; -1 is none."""
    usual, wrong, instead, text, missing = rng.random((5, ends.code.size))
    lost = ends.code == _LOST
    cause = rows.cause[ends.last_row]
    bounds = np.cumsum([_USUAL_REASONS[stage.kind] for _, stage in _stages(plan)], axis=1)
    by_stage = (usual[:, None] >= bounds[ends.last_stage, :-1]).sum(axis=1)
    family = np.where(cause > 0, cause, by_stage)
    mistaken = wrong < plan.wrong_reason_share
    stated = np.where(mistaken, (instead * len(REASONS)).astype(np.int64), family)
    lengths = _ints(len(texts) for texts in REASONS.values())
    code = (np.cumsum(lengths) - lengths)[stated] + _uneven(text, lengths[stated])
    known = lost & (missing >= plan.missing_reason_share)
    return np.where(lost, family, -1), np.where(known, code, -1)


def _competitors(family: Ints, rng: np.random.Generator) -> Ints:
    named, which = rng.random((2, family.size))
    compared = family == CAUSES.index("unconvincing")
    hit = named < np.where(compared, _NAMED_SHARE, _NAMED_ANYWAY_SHARE)
    return np.where(hit, (which * len(COMPETITORS)).astype(np.int64), -1)


def _owners(
    plan: Plan, births: _Births, rows: _Rows, ends: _Ends, rng: np.random.Generator
) -> tuple[Texts, Texts]:
    """Owner of each deal today, and of each row at its time."""
    deals = births.second.size
    first, second = (_choices(plan, "owners", births.pipeline, rng) for _ in range(2))
    changes = rng.random(deals) < plan.handover_share
    change_row = ends.first_row + np.where(changes, rng.integers(1, 5, size=deals), _NEVER // 2)
    late = np.arange(rows.deal.size) >= change_row[rows.deal]
    of_row = np.where(late, second[rows.deal], first[rows.deal])
    names = _flat(plan, "owners")
    return _texts(names, of_row[ends.last_row]), _texts(names, of_row)


# ---------------------------------------------------------------- the two tables


def _opportunities(plan: Plan, births: _Births, rows: _Rows, labels: _Labels) -> pd.DataFrame:
    ends = _ends_of(rows, births.second.size)
    closed_at = _moments(rows.second[ends.last_row], plan)
    closed_at[ends.code >= 0] = np.datetime64("NaT")
    outcome = np.where(ends.code == _WON, 0, np.where(ends.code == _LOST, 1, 2))
    columns = {
        "opportunity_id": pd.array(births.opportunity_id.astype(object), dtype="str"),
        "pipeline": _texts([p.name for p in plan.pipelines], births.pipeline),
        "name": labels.name,
        "created_at": _moments(births.second, plan),
        "closed_at": closed_at,
        "outcome": _texts(("Won", "Lost", "Open"), outcome),
        "stage": _texts([stage.name for _, stage in _stages(plan)], ends.last_stage),
        "value": labels.value,
        "currency": _texts([plan.currency], np.zeros_like(births.second)),
        "lost_reason": labels.lost_reason,
        "competitor": labels.competitor,
        "source": labels.source,
        "region": labels.region,
        "product": labels.product,
        "owner": labels.owner,
    }
    return pd.DataFrame(columns)


def _stage_history(plan: Plan, births: _Births, rows: _Rows, labels: _Labels) -> pd.DataFrame:
    first_row = _ends_of(rows, births.second.size).first_row
    ids = pd.array(births.opportunity_id.astype(object), dtype="str")
    stages = [stage.name for _, stage in _stages(plan)]
    columns = {
        "opportunity_id": ids.take(rows.deal),
        "pipeline": _texts([p.name for p in plan.pipelines], births.pipeline[rows.deal]),
        "stage": _texts(["Lost", "Won", *stages], rows.stage - _LOST),
        "entered_at": _moments(rows.second, plan),
        "seq": np.arange(rows.deal.size) - first_row[rows.deal] + 1,
        "owner": labels.row_owner,
    }
    return pd.DataFrame(columns)


# ---------------------------------------------------------------- the truth


def _truth(plan: Plan, seed: int, births: _Births, rows: _Rows) -> dict[str, Any]:
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
    at_start = _outlooks(plan, _work_second(plan.start, plan))
    at_end = _outlooks(plan, _work_second(plan.as_of, plan, days_later=1) - 1)
    return [
        {
            "pipeline": pipeline.name,
            "counts": {key: int(column[number]) for key, column in counts.items()},
            "before": at_start[number],
            "after": at_end[number],
        }
        for number, pipeline in enumerate(plan.pipelines)
    ]


def _counts_of(plan: Plan, births: _Births, rows: _Rows) -> dict[str, Ints]:
    """What is in the data, per pipeline: rows, and deals to which something happened."""
    ends = _ends_of(rows, births.second.size)
    flags = {
        "opportunities": np.ones(births.second.size),
        "rows": np.bincount(rows.deal, minlength=births.second.size),
        "won": ends.code == _WON,
        "lost": ends.code == _LOST,
        "open": ends.code >= 0,
        **_happenings(plan, births, rows),
    }
    length = len(plan.pipelines)
    return {
        key: np.bincount(births.pipeline, weights=flag, minlength=length).astype(np.int64)
        for key, flag in flags.items()
    }


def _happenings(plan: Plan, births: _Births, rows: _Rows) -> dict[str, Bools]:
    tables = _tables(plan)
    same = rows.deal[1:] == rows.deal[:-1]
    stage, then = rows.stage[:-1], rows.stage[1:]
    # A win counts as the position past the last stage, so that an early one is a jump.
    open_stage = np.maximum(stage, 0)
    end = tables.first[open_stage] + tables.count[open_stage]
    jumped = (stage >= 0) & (np.where(then == _WON, end, then) > stage + 1)
    first = tables.first[births.stage]
    return {
        "reopened": _any_row(births, rows, same & (stage == _LOST)),
        "returned": _any_row(births, rows, same & (then >= 0) & (then < stage)),
        "jumped": _any_row(births, rows, same & jumped),
        "started_in_the_middle": births.stage > first,
    }


def _any_row(births: _Births, rows: _Rows, moves: Bools) -> Bools:
    deals = np.zeros(births.second.size, dtype=np.bool_)
    deals[rows.deal[1:][moves]] = True
    return deals


def _outlooks(plan: Plan, at: int) -> list[dict[str, Any]]:
    """What becomes of the deals of each pipeline under the shares in force at a moment?"""
    tables = _tables(plan)
    most = max(pipeline.max_returns for pipeline in plan.pipelines)
    shares = np.stack([_shares_at(tables, at, returns) for returns in range(most + 1)])
    days = _floats(stage.dwell_days for _, stage in _stages(plan)) * _here_at(tables, at)[1].slower
    starts = _lists(plan, "stages")[0][1:]
    parts = zip(np.split(shares, starts, axis=2), np.split(days, starts), strict=True)
    return [
        _outlook(pipeline, part[: pipeline.max_returns + 1], part_days)
        for pipeline, (part, part_days) in zip(plan.pipelines, parts, strict=True)
    ]


def _here_at(tables: _Tables, at: int, returns: int = 0) -> tuple[_Live, _Here]:
    """One visit to every stage at the same moment."""
    stages = np.arange(tables.lost.size)
    live = _Live(stages, stages, np.full_like(stages, at), np.full_like(stages, returns),
                 np.zeros(stages.size, dtype=np.bool_))  # fmt: skip
    return live, _leaks_here(tables.leaks, live, *np.ones((2, stages.size)))


def _shares_at(tables: _Tables, at: int, returns: int) -> Floats:
    return np.stack(_shares_here(tables, *_here_at(tables, at, returns)))


def _outlook(pipeline: PipelinePlan, shares: Floats, days: Floats) -> dict[str, Any]:
    """Shares of all deals, and of all visits to each stage, however often a deal comes.

    shares: (returns so far, lost / returned / never decided, stage).
    """
    visits, won = _flow(pipeline, shares)
    ends = np.einsum("krs,rxs->xs", visits, shares)
    never = ends[2].sum()
    return {
        "won_share": _rounded(sum(won)),
        "won_at_first_close_share": _rounded(won[0]),
        "lost_share": _rounded(1 - sum(won) - never),
        "never_decided_share": _rounded(never),
        "stages": [
            {"stage": stage.name, **_visit_truth(entered, end), "advance_days": _rounded(mean)}
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
    visits: dict[str, float | None] = {"visits_per_deal": _rounded(entered)}
    shares = {k: _rounded(n / entered) if entered else None for k, n in counts.items()}
    return visits | shares


def _rounded(number: float) -> float:
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


# ---------------------------------------------------------------- the files


def _config(plan: Plan) -> str:
    head = {"as_of": plan.as_of, "timezone": plan.timezone, "currency": plan.currency}
    roles = {
        "segments": ["owner", "source", "region", "product"],
        "product": "product",
        "competitor": "competitor",
        "known_at_entry": ["source", "region", "product"],
    }
    lines = [*_pairs(head), "", "[roles]", *_pairs(roles)]
    for pipeline in plan.pipelines:
        closes = {"name": pipeline.name, "won": ["Won"], "lost": ["Lost"]}
        lines += ["", "[[pipelines]]", *_pairs(closes), "stages = ["]
        lines += [f"  {_stage_line(stage)}," for stage in pipeline.stages]
        lines += ["]"]
    for leak in plan.leaks:
        lines += _intervention(leak) if leak.action and leak.from_date else []
    return "\n".join(lines) + "\n"


def _pairs(values: dict[str, Any]) -> list[str]:
    return [f"{key} = {_quoted(value)}" for key, value in values.items()]


def _intervention(leak: Leak) -> list[str]:
    where = {"pipelines": [leak.pipeline], "stages": [leak.stage]}
    facts = {"name": leak.action, "day": str(leak.from_date), **where}
    return ["", "[[interventions]]", *_pairs(facts)]


def _stage_line(stage: StagePlan) -> str:
    kind = f", kind = {_quoted(stage.kind)}" if stage.kind else ""
    return f"{{ name = {_quoted(stage.name)}{kind} }}"


def _quoted(value: str | list[str]) -> str:
    # A JSON text, or a list of them, is one in TOML as well.
    return json.dumps(value, ensure_ascii=False)


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
