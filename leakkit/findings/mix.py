"""A share changed between two windows: did the rate change, or who came?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from leakkit.findings.adjustment import fit_logistic, independent
from leakkit.findings.columns import end_of, find_candidates
from leakkit.findings.comparison import Excess
from leakkit.findings.finding import Split
from leakkit.findings.stage_readings import at_risk, count_groups, read_groups, spells
from leakkit.measures.survival import MIN_FOLLOWED, Z95

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.findings.columns import Columns, SetAside
    from leakkit.findings.stage_readings import AtRisk, Design, GroupReadings, Spells
    from leakkit.measures.horizons import Days
    from leakkit.measures.survival import Floats, Ints


MIN_LEVEL = 5
"""Entrants of each window that a value needs to be a level of its own."""
ONE_SIDED_SHARE = 0.05
"""Of one window's entrants, whose rare values the other window does not have."""
MIN_EFFECTIVE, MIN_EFFECTIVE_SHARE = 50.0, 0.25
TRUNCATED_AT = 0.99
RARE = 0


@dataclass(frozen=True)
class MixShift:
    """The value that explains most of the mix: its shares among the entrants of both windows.

    Where the column is in quintiles (`binned`), the value is where its fifth ends.
    """

    column: str
    value: str
    baseline_share: float
    current_share: float
    binned: bool = False


@dataclass(frozen=True)
class RateAndMix:
    """The change of a share between two windows, in rate and mix: `total = rate + mix`.

    None for `reason`: few_followed, no_columns, not_comparable (the deals of the two
    periods have too little in common). `rate` is the mean of two orders: what changed at
    the mix of the current window, and at that of the baseline (`rates`). `simpson`: total
    and rate differ in sign. `effective` is how many deals of (baseline, current) the
    weighted ones are worth; `columns` are those that the windows were made alike in: all,
    or the one that shifted most (`alone`) where the windows are too different in all at once.
    """

    kind: str
    horizon: float
    total: float | None
    rate: Excess | None
    mix: float | None
    rates: tuple[float, float] | None
    reason: str
    simpson: bool
    shift: MixShift | None
    effective: tuple[float, float] | None
    columns: tuple[str, ...]
    set_aside: tuple[SetAside, ...]
    alone: bool = False

    @property
    def mostly_mix(self) -> bool:
        """Say whether like deals fare as before, and others coming in make most of the change."""
        if self.rate is None or self.mix is None or self.total is None:
            return False
        steady = self.rate.low <= 0.0 <= self.rate.high
        return steady and 2 * self.mix * np.sign(self.total) > abs(self.total) > 0

    @classmethod
    def missing(
        cls,
        kind: str,
        horizon: float,
        reason: str,
        total: float | None = None,
        looked_at: tuple[tuple[str, ...], tuple[SetAside, ...]] = ((), ()),
    ) -> RateAndMix:
        """Return the split that cannot be made, for `reason`."""
        names, excluded = looked_at
        return cls(
            kind=kind, horizon=horizon, total=total, rate=None, mix=None, rates=None,
            reason=reason, simpson=False, shift=None, effective=None, columns=names,
            set_aside=excluded,
        )  # fmt: skip


def split(  # noqa: PLR0913 - the parts of one question
    design: Design,
    current: Days,
    baseline: Days,
    horizon: float,
    *,
    kind: str = "lost",
    columns: tuple[str, ...] | None = None,
    phi: float = 1.0,
) -> RateAndMix:
    """Did the rate change, or only who came?

    A stage may lose more because more of the deals come from a segment that always lost
    more: then nothing in the stage has changed. Column by column that is called a change
    of rate where columns go together; so the deals of each window are weighted to look
    like those of the other in all columns at once, by the odds of a logistic model of
    the window. Where they have too little in common for that, the one column is tried that
    shifted most; where that fails too, nothing can be told. `kind` is lost, returned (read at
    `horizon`) or overdue (`horizon` is E); `phi` widens the interval of the rate (method,
    section 7).

    Reference: DiNardo, Fortin and Lemieux (1996), Econometrica 64, 1001-1044;
    with one column and all deals decided it is Kitagawa (1955), JASA 50, 1168-1194.
    """
    windows = [at_risk(design, days) for days in (baseline, current)]
    spans = [spells(risk, horizon, kind) for risk in windows]
    looked_at = _look_at(design, windows, columns)
    codes = looked_at.codes
    known = (tuple(codes), looked_at.set_aside)
    observed = _readings([_read(one, np.ones(len(one))) for one in spans])
    if observed is None:
        return RateAndMix.missing(kind, horizon, "few_followed", looked_at=known)
    total = float(observed[1].share[0] - observed[0].share[0])
    if not codes:
        return RateAndMix.missing(kind, horizon, "no_columns", total, known)
    used = dict(codes)
    alike = _make_alike(used, windows, spans, horizon)
    if alike is None and len(used) > 1:
        used = _most_shifted(codes, windows)
        alike = _make_alike(used, windows, spans, horizon)
    if alike is None:
        return RateAndMix.missing(kind, horizon, "not_comparable", total, known)
    rate, rates = _rate(observed, alike, phi)
    return RateAndMix(
        kind=kind,
        horizon=horizon,
        total=total,
        rate=rate,
        mix=total - rate.value,
        rates=rates,
        reason="",
        simpson=total * rate.value < 0.0,
        shift=_shift(looked_at, windows, spans, total - rate.value),
        effective=alike.effective,
        columns=tuple(used),
        set_aside=looked_at.set_aside,
        alone=len(used) < len(codes),
    )


def _most_shifted(codes: Mapping[str, Ints], windows: list[AtRisk]) -> dict[str, Ints]:
    """Return the column whose shares among the entrants differ most, beyond chance.

    By Pearson's chi-square of window and value, less its degrees of freedom and in its
    standard deviations: columns of many values differ by chance as well.
    """
    far = {name: _apart(code, windows) for name, code in codes.items()}
    name = max(codes, key=lambda one: far[one])
    return {name: codes[name]}


def _apart(code: Ints, windows: list[AtRisk]) -> float:
    """Return how far the values of a column differ between the windows, beyond chance."""
    size = int(code.max(initial=0)) + 1
    n = np.stack([np.bincount(code[r.rows[r.entered]], minlength=size) for r in windows])
    n = n[:, n.sum(axis=0) > 0]
    freedom = n.shape[1] - 1
    if freedom < 1 or not n.sum(axis=1).all():
        return -np.inf
    expected = np.outer(n.sum(axis=1), n.sum(axis=0)) / n.sum()
    square = float(((n - expected) ** 2 / expected).sum())
    return float((square - freedom) / (2.0 * freedom) ** 0.5)


def as_split(found: RateAndMix) -> Split:
    """Return what a finding carries of it; a segment is `column=value`, a fifth `column<=end`."""
    if (shift := found.shift) is None:
        segment = ""
    else:
        fifth = shift.binned and shift.value
        said = f"<={end_of(shift.column, shift.value)}" if fifth else f"={shift.value}"
        segment = f"{shift.column}{said}"
    if (rate := found.rate) is None:
        return Split(None, found.mix, segment, reason=found.reason)
    return Split(rate.value, found.mix, segment, rate.low, rate.high)


@dataclass(frozen=True)
class _Alike:
    """The readings of (baseline, current), each weighted to the mix of the other.

    `effective` is what the entrants are worth, `worths` the same as a share of them.
    """

    readings: tuple[GroupReadings, GroupReadings]
    effective: tuple[float, float]
    worths: tuple[float, float]


def _readings(found: list[GroupReadings | None]) -> tuple[GroupReadings, GroupReadings] | None:
    """Return the readings of both windows; None where one is missing."""
    before, after = found
    return None if before is None or after is None else (before, after)


def _make_alike(
    codes: Mapping[str, Ints], windows: list[AtRisk], spans: list[Spells], horizon: float
) -> _Alike | None:
    """Weight each window to the mix of the other; None where they have too little in common."""
    common = {name: _common(code, windows) for name, code in codes.items()}
    if any(code is None for code in common.values()):
        return None
    weights = _weights([code for code in common.values() if code is not None], windows)
    if weights is None:
        return None
    entrants = [w[risk.entered] for w, risk in zip(weights, windows, strict=True)]
    effective = [_effective(weight) for weight in entrants]
    worths = [worth / max(len(w), 1) for worth, w in zip(effective, entrants, strict=True)]
    if min(effective) < MIN_EFFECTIVE or min(worths) < MIN_EFFECTIVE_SHARE:
        return None
    found = _readings(
        [
            _read(one, weight[risk.arrive <= horizon])
            for one, weight, risk in zip(spans, weights, windows, strict=True)
        ]
    )
    if found is None:
        return None
    return _Alike(found, (effective[0], effective[1]), (worths[0], worths[1]))


def _rate(
    observed: tuple[GroupReadings, GroupReadings], alike: _Alike, phi: float
) -> tuple[Excess, tuple[float, float]]:
    """Return the rate part with its interval, and the rate part of both orders."""
    (before, after), (was, now) = observed, alike.readings
    rates = (float(after.share[0] - was.share[0]), float(now.share[0] - before.share[0]))
    rate = (rates[0] + rates[1]) / 2.0
    spread = Z95 * _error(observed, alike) * phi**0.5
    return Excess(rate, rate - spread, rate + spread), rates


def _look_at(design: Design, windows: list[AtRisk], names: tuple[str, ...] | None) -> Columns:
    """Return the columns that are compared, with codes over all of the design."""
    rows = np.unique(np.concatenate([risk.rows for risk in windows]))
    found = find_candidates(design.only(rows), names, with_value=False)
    codes = {}
    for name, inside in found.codes.items():
        whole = np.zeros(len(design), np.int64)
        whole[rows] = inside
        codes[name] = whole
    return replace(found, codes=codes)


def _read(spans: Spells, weight: Floats) -> GroupReadings | None:
    """Read the share of one window, each passage with its weight; None where too few."""
    found = read_groups(count_groups(spans, np.zeros(len(spans), np.int64), 1, weight))
    return found if len(spans) and found.followed[0] >= MIN_FOLLOWED else None


def _common(code: Ints, windows: list[AtRisk]) -> Ints | None:
    """Pool the values that are rare among the entrants of either window.

    What stays rare even pooled goes to the most frequent value. None where one window
    has many deals with rare values that the other does not have.
    """
    size = int(code.max(initial=0)) + 1
    n = [np.bincount(code[risk.rows[risk.entered]], minlength=size) for risk in windows]
    own = np.minimum(*n) >= MIN_LEVEL
    apart = n[1][~own] / max(n[1].sum(), 1) - n[0][~own] / max(n[0].sum(), 1)
    if max(apart[apart > 0].sum(), -apart[apart < 0].sum()) > ONE_SIDED_SHARE:
        return None
    pooled = min(int(one[~own].sum()) for one in n) >= MIN_LEVEL
    place: Ints = np.cumsum(own, dtype=np.int64)
    place[~own] = RARE if pooled or not own.any() else place[np.argmax(n[0] + n[1])]
    found: Ints = place[code]
    return found


def _weights(codes: list[Ints], windows: list[AtRisk]) -> list[Floats] | None:
    """Return the weights that give each window the mix of the other; None where that fails.

    `odds` of the current window for passages of the baseline, `1 / odds` for those of the
    current one, each cut at its 99th percentile among the entrants.
    """
    marks = [_marks(codes, risk.rows) for risk in windows]
    entrants = [mark[risk.entered] for mark, risk in zip(marks, windows, strict=True)]
    beta = _model(*entrants)
    if beta is None:
        return None
    size = len(entrants[0]) / len(entrants[1])
    odds = [np.exp(np.clip(mark @ beta, -30.0, 30.0)) for mark in marks]
    weights = [odds[0] * size, 1.0 / (odds[1] * size)]
    return [
        np.minimum(weight, _cut(weight[risk.entered]))
        for weight, risk in zip(weights, windows, strict=True)
    ]


def _cut(weight: Floats) -> float:
    """Return the 99th percentile of the weights."""
    return float(np.quantile(weight, TRUNCATED_AT, method="higher"))


def _marks(codes: list[Ints], rows: Ints) -> Floats:
    """Return a constant and a column of 0 and 1 per value, but for the first of each column."""
    columns = [np.ones(len(rows))]
    for code in codes:
        levels = np.unique(code)
        columns += [(code[rows] == level).astype(np.float64) for level in levels[1:]]
    return np.stack(columns, axis=1)


def _model(before: Floats, after: Floats) -> Floats | None:
    """Fit the logistic model of the window on the entrants' columns; None where it cannot be."""
    marks = np.vstack([before, after])
    late = np.concatenate([np.zeros(len(before)), np.ones(len(after))])
    _, first, place = np.unique(
        np.packbits(marks > 0, axis=1), axis=0, return_index=True, return_inverse=True
    )
    patterns = marks[first]
    n = np.bincount(place.ravel(), minlength=len(patterns)).astype(np.float64)
    ones: Floats = np.bincount(place.ravel(), late, len(patterns)).astype(np.float64)
    used = independent(patterns)
    beta = np.zeros(marks.shape[1])
    fitted = fit_logistic(ones, n, patterns[:, used])
    if fitted is None:
        return None
    beta[used] = fitted[0]
    return beta


def _effective(weight: Floats) -> float:
    """Return how many deals weighted ones are worth; Kish (1965), Survey Sampling."""
    return float(weight.sum() ** 2 / np.sum(weight**2)) if len(weight) else 0.0


def _error(observed: tuple[GroupReadings, GroupReadings], alike: _Alike) -> float:
    """Return the standard error of the mean rate.

    In each order one window counts as it is and the other weighted. A window's two
    readings go together, so their errors are averaged, which is never too small; weights
    make a reading worth fewer deals.
    """
    total = 0.0
    for plain, weighted, worth in zip(observed, alike.readings, alike.worths, strict=True):
        share = float(weighted.share[0])
        errors = [
            (part * (1.0 - part) / n) ** 0.5
            for part, n in (
                (float(plain.share[0]), float(plain.n_eff[0])),
                (share, float(plain.n_eff[0]) * worth),
            )
        ]
        total += (sum(errors) / 2.0) ** 2
    return float(total**0.5)


def _shift(
    looked_at: Columns,
    windows: list[AtRisk],
    spans: list[Spells],
    mix: float,
) -> MixShift | None:
    """Return the value whose share among the entrants moved the mix part most.

    Column by column, `sum of (m1 - m0) (r1 + r0) / 2` over its values: the column whose
    sum goes furthest in the direction of the mix, and in it the value that adds most.
    """
    found: list[tuple[float, MixShift]] = []
    for name, code in looked_at.codes.items():
        size = int(code.max()) + 1
        came = [code[risk.rows[risk.entered]] for risk in windows]
        m0, m1 = (np.bincount(one, minlength=size) / max(len(one), 1) for one in came)
        rates = [_by_value(one, code[one.rows], size) for one in spans]
        mean = _mean_of_known(*rates)
        centre = float(np.average(mean, weights=m0 + m1))
        parts = (m1 - m0) * (mean - centre)
        most = int(np.argmax(parts * np.sign(mix)))
        value, binned = looked_at.labels[name][most], name in looked_at.binned
        share = MixShift(name, value, float(m0[most]), float(m1[most]), binned)
        found.append((float(parts.sum()) * float(np.sign(mix)), share))
    best = max(found, key=lambda one: one[0], default=None)
    return best[1] if best is not None and best[0] > 0.0 else None


def _mean_of_known(one: Floats, other: Floats) -> Floats:
    """Return the mean of two rates, the one that is known, or 0."""
    both = np.stack([one, other])
    known = ~np.isnan(both)
    found: Floats = np.where(known, both, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return found


def _by_value(spans: Spells, code: Ints, size: int) -> Floats:
    """Return the share of each value; NaN where nobody is at risk."""
    found = read_groups(count_groups(spans, code, size))
    share: Floats = np.where(
        np.isfinite(found.followed) & (found.followed > 0), found.share, np.nan
    )
    return share
