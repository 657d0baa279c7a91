"""The plan of a simulation: its clock, its pipelines, stages and leaks; the built-in one."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from leakkit.errors import LeakkitError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from leakkit.sample.plan_arrays import Ints


# ---------------- clock
# The clock of working time: seconds while the seller is open, and the dates they stand for.

WORKDAY_SECONDS: Final = 10 * 3600
_OPENING_SECOND: Final = 8 * 3600
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal() - 1


def count_work_seconds(day: str, plan: Plan, *, days_later: int = 0) -> int:
    """Working seconds from 0001-01-01 (a Monday) to the opening of that day."""
    moment = date.fromisoformat(day) + timedelta(days=days_later)
    weeks, weekday = divmod(moment.toordinal() - 1, 7)
    per_week = plan.work_days_per_week
    return (weeks * per_week + min(weekday, per_week)) * WORKDAY_SECONDS


def convert_to_moments(work_seconds: Ints, plan: Plan) -> npt.NDArray[np.datetime64]:
    """Local date and time of working seconds: the only place where weekends come in."""
    workday, second = np.divmod(work_seconds, WORKDAY_SECONDS)
    weeks, weekday = np.divmod(workday, plan.work_days_per_week)
    days = weeks * 7 + weekday - _EPOCH_DAY
    seconds = (days * 86_400 + _OPENING_SECOND + second).astype("datetime64[s]")
    return seconds.astype("datetime64[us]")  # the unit in which pandas reads the files back


def find_span(plan: Plan) -> tuple[int, int]:
    """Working seconds from the first creation to the end of the last day with one."""
    until = count_work_seconds(find_created_until(plan), plan, days_later=1)
    return count_work_seconds(plan.start, plan), until


def find_created_until(plan: Plan) -> str:
    """Last day on which deals are created; `as_of` where the plan names none."""
    return plan.as_of if plan.created_until is None else plan.created_until


# ---------------- plan
# The plan of a simulation: pipelines, stages and leaks, and what would make it impossible.

STAGE_KINDS: Final = ("", "qualify", "offer")
LEAK_KINDS: Final = ("lost", "overdue", "returned")
CAUSES: Final = ("", "unconvincing", "complexity")


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


def list_stages(plan: Plan) -> Iterator[tuple[PipelinePlan, StagePlan]]:
    """Every stage with its pipeline, in the order of the plan."""
    return ((pipeline, stage) for pipeline in plan.pipelines for stage in pipeline.stages)


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
    dates = {"start": plan.start, "created_until": find_created_until(plan), "as_of": plan.as_of}
    unreadable = [f"{key} is {text!r}; write YYYY-MM-DD" for key, text in dates.items()
                  if not _is_date(text)]  # fmt: skip
    yield from unreadable
    if unreadable:
        return
    if not plan.start <= find_created_until(plan) <= plan.as_of:
        yield f"start <= created_until <= as_of does not hold: {' '.join(dates.values())}"
    elif 1 <= plan.work_days_per_week <= 7 and find_span(plan)[0] >= find_span(plan)[1]:  # noqa: PLR2004
        yield f"no working day from {plan.start} to {find_created_until(plan)}"


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
    if (leak.pipeline, leak.stage) not in {(p.name, s.name) for p, s in list_stages(plan)}:
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


# ---------------- built in
# The built-in plan: an industrial seller with four pipelines and three leaks.


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
