"""The plan of a simulation: pipelines, stages and leaks, and what would make it impossible."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from leakkit.errors import LeakkitError
from leakkit.sample.clock import find_created_until, find_span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
