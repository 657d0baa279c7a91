"""Is a segment's gap its own? Held against other segments and against single owners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from leakkit.findings.comparison import Excess
from leakkit.measures.survival import Z95

if TYPE_CHECKING:
    from leakkit.findings.stage_readings import Bools, GroupReadings, Spells
    from leakkit.measures.survival import Floats, Ints


# ---------------- owners
# What owners differ by, each by himself, beyond what chance makes.

MIN_OWNERS = 3
"""Owners who are held against each other."""
MIN_OF_OWNER = 5
"""Equivalent entrants of an owner followed, wherever his share is read."""


def variance_beyond(value: Floats, weight: Floats, part: Floats) -> float:
    """How much do the values of owners vary beyond chance, and beyond what hangs on `part`?

    Values are `a + b part + d`; the variance of d is the moment estimate, at least 0.
    `weight` is one over the variance that chance gives each value.

    Reference: DerSimonian and Laird (1986), Controlled Clinical Trials 7, 177-188; Thompson
    and Sharp (1999), Statistics in Medicine 18, 2693-2708, for values that hang on a part.
    """
    plan = np.column_stack([np.ones(weight.size), part])
    weighted = plan.T * weight
    inverse = np.linalg.pinv(weighted @ plan)
    left = value - plan @ (inverse @ (weighted @ value))
    beyond = (weight * left**2).sum() - (weight.size - 2)
    scale = weight.sum() - np.trace(inverse @ (weighted * weight) @ plan)
    return max(float(beyond / scale), 0.0)


def careful_variance(cell: GroupReadings) -> Floats:
    """Return the variance of shares, each with one event and one other added (Agresti, Caffo)."""
    n = np.where(np.isfinite(cell.n_eff) & (cell.n_eff > 0), cell.n_eff, 1.0)
    share = (cell.share * n + 1.0) / (n + 2.0)
    found: Floats = share * (1.0 - share) / n
    return found


# ---------------- logistic
# Logistic regression of grouped counts, or the plain word that it cannot be fitted.

TOLERANCE = 1e-9
EPSILON = float(np.finfo(float).eps)
MOST_STEPS = 100
ENDLESS = 20.0
"""A logit that stands for a share of 0 or 1."""


def independent(columns: Floats) -> Bools:
    """Say which columns to keep so that none is a sum of others; the first goes before others."""
    found = np.zeros(columns.shape[1], dtype=bool)
    # without pivoting: a column that those before it make up leaves nothing on the diagonal
    left = np.abs(np.diag(np.linalg.qr(columns, mode="r")))
    found[: len(left)] = left > TOLERANCE * max(float(left.max(initial=0.0)), 1.0)
    return found


def fit_logistic(cases: Floats, n: Floats, columns: Floats) -> tuple[Floats, Floats] | None:
    """Fit `logit(cases / n) = columns @ beta`; return beta and its covariance.

    Least squares with new weights at each step, until beta stands. None where no finite beta
    fits: a combination of columns parts the cases from the rest.

    Reference: McCullagh and Nelder (1989), Generalized Linear Models, section 2.5.
    """
    share = cases / n
    mean = (share + 0.5) / 2
    logit = np.log(mean / (1.0 - mean))
    before, beta = np.zeros(columns.shape[1]), np.zeros(columns.shape[1])
    for _ in range(MOST_STEPS):
        inside = np.clip(mean, EPSILON, 1.0 - EPSILON)
        steep = 1.0 / (inside * (1.0 - inside))
        root = np.sqrt(n * (1.0 / (steep**2 * (inside * (1.0 - inside)))))
        wanted, plan = root * (logit + steep * (share - mean)), root[:, None] * columns
        try:
            beta = np.asarray(np.linalg.lstsq(plan, wanted, rcond=-1)[0], dtype=np.float64)
            if np.allclose(before, beta, atol=TOLERANCE, rtol=0.0):
                return _unless_endless(plan, wanted)
        except np.linalg.LinAlgError:
            return None
        before, logit = beta, columns @ beta
        mean = 1.0 / (1.0 + np.exp(-logit))
    return None


def _unless_endless(plan: Floats, wanted: Floats) -> tuple[Floats, Floats] | None:
    """Solve the last least squares, with the covariance; None where beta runs away."""
    inverse = np.linalg.pinv(plan, rcond=EPSILON)
    beta = inverse @ wanted
    return (beta, inverse @ inverse.T) if (np.abs(beta) < ENDLESS).all() else None


# ---------------- adjusted
# Is a segment's gap its own, or that of the others that it comes along with?

BINS = 6
EXITS_PER_PARAMETER = 10
MOST_MARKS = 15
"""Values of other columns that are held equal: those that could explain most of the gap."""
STEP = 1e-4
NEVER = -40.0
"""The logit of a hazard that is 0."""

Model = tuple["Floats", "Floats"]


@dataclass(frozen=True)
class Adjusted:
    """The difference of shares between segment and rest with the other columns held equal.

    None for `reason`: few_exits (under 10 per parameter), separated (a model that cannot
    be fitted). `parameters` is the number of coefficients of each of the two models.
    """

    difference: Excess | None
    reason: str
    parameters: int


@dataclass(frozen=True)
class _Table:
    """Days at risk and exits by pattern (rows) and bin of ages (columns).

    `marks` has the segment first and then the values of the other columns; `deals` are
    passages by pattern, `lengths` ages by bin.
    """

    marks: Floats
    deals: Floats
    days: Floats
    own: Floats
    other: Floats
    lengths: Ints

    @property
    def parameters(self) -> int:
        """Return the coefficients that a model of this table has."""
        return int(len(self.lengths) + self.marks.shape[1])


def adjust(spans: Spells, segment: Bools, others: list[Ints]) -> Adjusted:
    """Return the standardised difference of shares, from discrete-time hazards.

    Two logistic models of the hazard per day - of the wanted exit, and of all others -
    on bins of ages, the segment, and the values of the other columns. They are put
    together into the share at the horizon for every deal as if all, and as if none, were
    of the segment; the mean difference is the effect, its error by the delta method. At
    least 10 wanted exits stand behind each coefficient; other values are pooled.

    Reference: Hernan and Robins (2020), Causal Inference, chapters 13 and 17.
    """
    ends = _bins(spans)
    room = int(spans.own.sum()) // EXITS_PER_PARAMETER - len(ends) - 1
    if room < 0:
        return Adjusted(None, "few_exits", len(ends) + 1)
    table = _table(spans, ends, _marks(spans, segment, others, room))
    models = [_fit(table, exits) for exits in (table.own, table.other)]
    if any(model is None for model in models):
        return Adjusted(None, "separated", table.parameters)
    known = [model for model in models if model is not None]
    beta = np.concatenate([model[0] for model in known])
    slopes = np.array([
        (_effect(table, beta + step) - _effect(table, beta - step)) / (2.0 * STEP)
        for step in STEP * np.eye(len(beta))
    ])  # fmt: skip
    parts = zip(np.split(slopes, 2), known, strict=True)
    spread = Z95 * sum(float(part @ model[1] @ part) for part, model in parts) ** 0.5
    effect = _effect(table, beta)
    return Adjusted(Excess(effect, effect - spread, effect + spread), "", table.parameters)


def _bins(spans: Spells) -> Ints:
    """Return where the bins of ages end: as many wanted exits in each, and some of the others."""
    own, other = spans.leave[spans.own], spans.leave[spans.gone & ~spans.own]
    parts = np.arange(1, BINS) / BINS
    inner = np.quantile(own, parts, method="inverted_cdf") + 1 if len(own) else np.zeros(0)
    ends = [*np.unique(inner.astype(np.int64)).tolist(), spans.width]
    kept: list[int] = []
    for end in ends:
        start = kept[-1] if kept else 0
        both = all(((group >= start) & (group < end)).any() for group in (own, other))
        if end > start and (both or not len(other)):
            kept.append(end)
    return np.array([*kept[:-1], spans.width] if kept else [spans.width], np.int64)


def _marks(spans: Spells, segment: Bools, others: list[Ints], room: int) -> Ints:
    """Return 0 and 1 by passage: the segment, then the values that could explain most of its gap.

    A value explains nothing unless it is more frequent within the segment than outside
    and has another lost share: values go by the product of the two differences. Each
    column keeps its most frequent value as what the others are compared with.
    """
    found: list[tuple[float, int, int]] = []
    inside = np.array([max(int(segment.sum()), 1), max(int((~segment).sum()), 1)])
    for column, codes in enumerate(others):
        n = np.stack([np.bincount(codes[part], minlength=codes.max() + 1)
                      for part in (segment, ~segment)])  # fmt: skip
        exits = np.bincount(codes[spans.own], minlength=n.shape[1])
        total = n.sum(axis=0)
        apart = np.abs(n[0] / inside[0] - n[1] / inside[1])
        rate = np.abs(exits / np.maximum(total, 1) - spans.own.mean())
        found += [
            (-float(apart[code] * rate[code]), column, int(code))
            for code in np.flatnonzero(exits >= EXITS_PER_PARAMETER)
            if code != np.argmax(total)
        ]
    chosen = sorted(found)[: min(room, MOST_MARKS)]
    marks = [segment, *(others[column] == code for _, column, code in chosen)]
    return np.stack(marks, axis=1).astype(np.int64)


def _table(spans: Spells, ends: Ints, marks: Ints) -> _Table:
    """Count days at risk and exits by pattern of marks and bin of ages."""
    patterns, place = _patterns(marks)
    starts = np.concatenate([[0], ends[:-1]])
    size = len(patterns)

    def total(amount: Bools | Ints) -> Floats:
        summed: Floats = np.bincount(place, amount, size).astype(np.float64)
        return summed

    def spread(which: Bools) -> Floats:
        inside = [which & (spans.leave >= a) & (spans.leave < b) for a, b in bins]
        return np.stack([total(one) for one in inside], axis=1)

    bins = list(zip(starts, ends, strict=True))
    until = np.minimum(spans.leave + 1, spans.width)
    days = [np.maximum(np.minimum(until, b) - np.maximum(spans.arrive, a), 0) for a, b in bins]
    return _Table(
        marks=patterns.astype(np.float64),
        deals=np.bincount(place, minlength=size).astype(np.float64),
        days=np.stack([total(one) for one in days], axis=1),
        own=spread(spans.own),
        other=spread(spans.gone & ~spans.own),
        lengths=ends - starts,
    )


def _patterns(marks: Ints) -> tuple[Ints, Ints]:
    """Return the different rows, and which of them each passage has."""
    _, first, place = np.unique(
        np.packbits(marks.astype(bool), axis=1), axis=0, return_index=True, return_inverse=True
    )
    return marks[first], place.ravel()


def _fit(table: _Table, exits: Floats) -> Model | None:
    """Fit the logistic model of one hazard: bins and marks, and their covariance."""
    if not exits.sum():
        never = np.concatenate([np.full(len(table.lengths), NEVER), np.zeros(table.marks.shape[1])])
        return never, np.zeros((len(never), len(never)))
    bins = np.tile(np.eye(len(table.lengths)), (len(table.marks), 1))
    rows = np.hstack([bins, np.repeat(table.marks, len(table.lengths), axis=0)])
    left, days = exits.ravel(), table.days.ravel()
    known = days > 0
    used = independent(rows[known])
    if not used[: len(table.lengths) + 1].all():
        return None
    fitted = fit_logistic(left[known], days[known], rows[known][:, used])
    if fitted is None:
        return None
    beta, spread = np.zeros(len(used)), np.zeros((len(used), len(used)))
    beta[used] = fitted[0]
    spread[np.ix_(used, used)] = fitted[1]
    return beta, spread


def _effect(table: _Table, beta: Floats) -> float:
    """Return the mean difference of the share at the horizon, with and without the segment."""
    shares = []
    for inside in (1.0, 0.0):
        marks = table.marks.copy()
        marks[:, 0] = inside
        shares.append(_shares(table, marks, beta))
    return float(np.average(shares[0] - shares[1], weights=table.deals))


def _shares(table: _Table, marks: Floats, beta: Floats) -> Floats:
    """Return the share of each pattern that has left by the wanted exit at the horizon."""
    bins = len(table.lengths)
    hazards = [
        scipy.special.expit(part[:bins][None, :] + (marks @ part[bins:])[:, None])
        for part in np.split(beta, 2)
    ]
    own, every = hazards[0], np.minimum(hazards[0] + hazards[1], 1.0)
    inside, share = np.ones(len(marks)), np.zeros(len(marks))
    for i, length in enumerate(table.lengths):
        after = inside * (1.0 - every[:, i]) ** length
        share += (inside - after) * own[:, i] / every[:, i]
        inside = after
    return share
