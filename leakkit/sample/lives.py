"""The deals of a simulation: how they begin, live and end, and what is written down of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from leakkit.sample.plan import CAUSES, WORKDAY_SECONDS, find_span, list_stages
from leakkit.sample.plan_arrays import (
    NEVER,
    collect_floats,
    collect_ints,
    find_effects,
    find_shares,
    locate_lists,
    take_texts,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from leakkit.sample.plan import Plan
    from leakkit.sample.plan_arrays import Bools, Effects, Floats, Ints, StageArrays, Texts


# ---------------- rows
# Rows of the history: whole lives in order, cut at a day, and where each deal then stands.

WON: Final = -1
LOST: Final = -2


@dataclass(frozen=True, slots=True)
class Live:
    """Deals that have just entered a stage."""

    deal: Ints
    stage: Ints
    second: Ints
    returns: Ints
    reopened: Bools

    def keep(self, mask: Bools) -> Live:
        """Those deals for which the mask is true."""
        return Live(*(column[mask] for column in _columns(self)))


@dataclass(frozen=True, slots=True)
class HistoryRows:
    """Rows of the history: an entry into a stage, or a close (stage below 0).

    cause and dear belong to lost closes: the cause that a leak gave, by position in
    CAUSES, and whether the deal was dear for it.
    """

    deal: Ints
    stage: Ints
    second: Ints
    cause: Ints
    dear: Bools

    def keep(self, mask: Bools | Ints) -> HistoryRows:
        """Those rows for which the mask is true, or the rows at these positions."""
        return HistoryRows(*(column[mask] for column in _columns(self)))


@dataclass(frozen=True, slots=True)
class Ends:
    """Where each deal stands after its last known row: positions in the rows."""

    first_row: Ints
    last_row: Ints
    last_stage: Ints
    code: Ints


def put_in_order(rounds: list[HistoryRows]) -> HistoryRows:
    """Rows by deal, and within a deal as they happened: the sort is stable."""
    columns = [np.concatenate(column) for column in zip(*map(_columns, rounds), strict=True)]
    return HistoryRows(*columns).keep(np.argsort(columns[0], kind="stable"))


def cut_after(rows: HistoryRows, end: int) -> HistoryRows:
    """Nothing after `as_of` is known: a deal is as its last row until then leaves it."""
    return rows.keep(rows.second < end)


def find_ends(rows: HistoryRows, deals: int) -> Ends:
    """Find the first and last row of each deal; every deal has one."""
    counts = np.bincount(rows.deal, minlength=deals)
    last = np.cumsum(counts) - 1
    code = rows.stage[last]
    return Ends(
        first_row=last - counts + 1,
        last_row=last,
        last_stage=rows.stage[last - (code < 0)],
        code=code,
    )


def _columns(table: Live | HistoryRows) -> tuple[npt.NDArray[Any], ...]:
    # Not dataclasses.astuple: that would copy every array.
    return tuple(getattr(table, name) for name in table.__slots__)


# ---------------- births
# How deals begin: in which pipeline and stage, when, and under which opportunity_id.


@dataclass(frozen=True, slots=True)
class Births:
    """One entry per deal, in the order of the opportunity_id; `second` of the working clock."""

    pipeline: Ints
    stage: Ints
    second: Ints
    opportunity_id: npt.NDArray[np.str_]


def draw_births(plan: Plan, deals: int, rng: np.random.Generator) -> Births:
    """Draw the beginnings: by prefix, and within a prefix in the order of time."""
    prefixes = _prefixes(plan)
    by_prefix = np.array(sorted(range(len(prefixes)), key=lambda number: prefixes[number] + "-"))
    counts = _counts([pipeline.weight for pipeline in plan.pipelines], deals)
    rank = np.repeat(np.arange(len(counts)), counts[by_prefix])
    second = rng.integers(*find_span(plan), size=deals)
    second = second[np.lexsort((second, rank))]
    pipeline = by_prefix[rank]
    return Births(
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
    first, counts = locate_lists(plan, "stages")
    share = collect_floats(p.middle_start_share for p in plan.pipelines)[pipeline]
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


# ---------------- lives
# Whole lives of deals, drawn in rounds of one visit each.

_SHORTEST_STAY_SECONDS: Final = 60

# What the causes do to the stay of a lost deal, so that it can be told from the others.
_EARLY_FACTOR: Final = 0.2
_LONG_FACTOR: Final = 2.5


@dataclass(frozen=True, slots=True)
class _Visits:
    """How each visit ends: `to` is a stage, a close, or where it is (never decided)."""

    to: Ints
    leaves: Ints
    returns: Bools
    stays: Bools
    cause: Ints
    dear: Bools


def draw_lives(arrays: StageArrays, births: Births, rng: np.random.Generator) -> list[HistoryRows]:
    """Draw round after round until every deal is closed for good, or never decided."""
    deals = np.arange(births.second.size)
    nothing = np.zeros(deals.size, dtype=np.int64)
    live = Live(deals, births.stage, births.second, nothing, nothing.astype(np.bool_))
    rounds = [_entries(live)]
    while live.deal.size:
        visits = _visits(arrays, live, rng)
        rounds.append(_closes(live, visits))
        live = _next(arrays, live, visits, rng)
        rounds.append(_entries(live))
    return rounds


def _visits(arrays: StageArrays, live: Live, rng: np.random.Generator) -> _Visits:
    fate, jump, cause, sign, late = rng.random((5, live.deal.size))
    here = find_effects(arrays.leaks, live, cause, sign)
    lost_share, returned_share, stuck_share = find_shares(arrays, live, here)
    lost = fate < lost_share
    returned = ~lost & (fate < lost_share + returned_share)
    stuck = ~(lost | returned) & (fate < lost_share + returned_share + stuck_share)
    signs = here.signs & lost
    stay = _stays(arrays, live, here, lost, rng)
    stay += np.where(lost & (late < arrays.late_close[live.stage]), _wait(arrays, live, rng), 0)
    to = np.where(lost, LOST, np.where(returned, live.stage - 1, _ahead(arrays, live, jump)))
    return _Visits(
        to=np.where(stuck, live.stage, to),
        leaves=live.second + np.maximum(np.rint(stay).astype(np.int64), _SHORTEST_STAY_SECONDS),
        returns=returned,
        stays=stuck,
        cause=np.where(lost, here.cause, 0),
        dear=signs & (here.cause == CAUSES.index("unconvincing")),
    )


def _stays(
    arrays: StageArrays, live: Live, here: Effects, lost: Bools, rng: np.random.Generator
) -> Floats:
    shape = arrays.shape[live.stage]
    stay = rng.standard_gamma(shape) / shape * arrays.stay[live.stage] * here.slower
    early, long = _EARLY_FACTOR, _LONG_FACTOR
    by_cause = np.array([1.0, early, long])[np.where(here.signs, here.cause, 0)]
    return np.where(lost, stay * arrays.lost_ratio[live.stage] * by_cause, stay)


def _wait(arrays: StageArrays, live: Live, rng: np.random.Generator) -> Floats:
    return rng.standard_exponential(live.deal.size) * arrays.late_wait[live.stage]


def _ahead(arrays: StageArrays, live: Live, jump: Floats) -> Ints:
    to = live.stage + 1 + (jump < arrays.skip[live.stage])
    return np.where(to < arrays.first[live.stage] + arrays.count[live.stage], to, WON)


def _next(arrays: StageArrays, live: Live, visits: _Visits, rng: np.random.Generator) -> Live:
    again, wait = rng.random(live.deal.size), rng.standard_exponential(live.deal.size)
    reopens = (visits.to == LOST) & ~live.reopened & (again < arrays.reopen[live.stage])
    pause = 2 * WORKDAY_SECONDS + np.rint(wait * arrays.reopen_wait[live.stage]).astype(np.int64)
    goes_on = ((visits.to >= 0) & ~visits.stays) | reopens
    return Live(
        deal=live.deal,
        stage=np.where(reopens, live.stage, visits.to),
        second=visits.leaves + np.where(reopens, pause, 0),
        returns=live.returns + visits.returns,
        reopened=live.reopened | reopens,
    ).keep(goes_on)


def _entries(live: Live) -> HistoryRows:
    no_cause = np.zeros(live.deal.size, dtype=np.int64)
    return HistoryRows(live.deal, live.stage, live.second, no_cause, no_cause.astype(np.bool_))


def _closes(live: Live, visits: _Visits) -> HistoryRows:
    rows = HistoryRows(live.deal, visits.to, visits.leaves, visits.cause, visits.dear)
    return rows.keep(visits.to < 0)


# ---------------- labels
# Columns that no life depends on: names, values, reasons, competitors and owners.

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
    plan: Plan, births: Births, whole: HistoryRows, rows: HistoryRows, rng: np.random.Generator
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


def _reasons(
    plan: Plan, rows: HistoryRows, ends: Ends, rng: np.random.Generator
) -> tuple[Ints, Ints]:
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
    plan: Plan, births: Births, rows: HistoryRows, ends: Ends, rng: np.random.Generator
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
