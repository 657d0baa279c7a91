"""Where within a stage is the leak, and is it the rate or the mix that changed?

"Associated with", never "caused by" (docs/method.md, section 9).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from leakkit.findings.adjustment import Adjusted, adjust
from leakkit.findings.columns import find_candidates
from leakkit.findings.comparison import Excess, difference, false_discovery, pooled_z, two_sided
from leakkit.findings.stage_readings import (
    GroupCounts,
    GroupReadings,
    at_risk,
    count_groups,
    read_groups,
    spells,
)
from leakkit.findings.value import MIN_FAMILY, shrink
from leakkit.measures.survival import Z95, wilson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leakkit.findings.columns import Columns, SetAside
    from leakkit.findings.stage_readings import Bools, Design, Spells
    from leakkit.measures.horizons import Days
    from leakkit.measures.survival import Floats, Ints

MIN_FOLLOWED = 30.0
MIN_EXITS = 5
ADJUSTED = 5
"""Drivers, from the first, that are adjusted for the other columns."""
CHUNK = 500


@dataclass(frozen=True)
class Driver:
    """A segment, or a pair of segments, that leaks more than the rest of the stage.

    `share` and `rest` with intervals are read at the horizon; `gap` is their difference,
    `shrunken` what is left of it once the luck of being the largest is taken off. `n`
    entered in the days that are valued. `recoverable` is how many deals, and
    `recoverable_value` how much money (None without a value of a loss), would be kept at
    the rest's share. `as_of_today` names columns whose value at entry is not known.
    `explained_by` is the pair (column, value) without which this segment leaks no more
    than the rest.
    """

    columns: tuple[str, ...]
    values: tuple[str, ...]
    codes: tuple[int, ...]
    n: int
    exits: int
    followed: float
    share: Excess
    rest: Excess
    gap: Excess
    shrunken: Excess
    p_value: float
    q_value: float
    recoverable: Excess
    recoverable_value: Excess | None
    as_of_today: tuple[str, ...]
    explained_by: tuple[tuple[str, str], ...] = ()
    adjusted: Adjusted | None = None


@dataclass(frozen=True)
class Screen:
    """The segments of a stage that leak more than its rest, by what they could give back.

    `tested` segments and pairs were compared, `passages` at risk among the `days`.
    `set_aside` columns know the outcome or cannot be compared; `binned` are in quintiles.
    """

    kind: str
    horizon: float
    days: Days
    passages: int
    tested: int
    tested_pairs: int
    drivers: tuple[Driver, ...]
    columns: tuple[str, ...]
    set_aside: tuple[SetAside, ...]
    binned: tuple[str, ...]
    sampled: int
    of_passages: int
    reason: str = ""

    @classmethod
    def missing(cls, kind: str, days: Days, reason: str) -> Screen:
        """Return the screen that cannot be made, for `reason`."""
        return cls(kind, 0.0, days, 0, 0, 0, (), (), (), (), 0, 0, reason)


def screen(  # noqa: PLR0913 - the parts of one question
    design: Design,
    days: Days,
    horizon: float,
    *,
    value_of_loss: float | None = None,
    valued_days: Days | None = None,
    columns: tuple[str, ...] | None = None,
    kind: str = "lost",
    q: float = 0.05,
) -> Screen:
    """Which segments of a stage leak more than the rest of it?

    Every value of every column, and every pair of values, is held against the rest of
    the stage; a pair must also beat what is left of each of its two segments. `days` are
    compared (first visits), `horizon` is in units of stay, `value_of_loss` is what one
    loss costs on average, `valued_days` those over which it is counted (`days`).
    """
    seen = _look_at(design, days, horizon, kind, columns)
    valued = valued_days or days
    seen = replace(seen, entered=(seen.day >= valued[0]) & (seen.day < valued[1]))
    looked_at = seen.columns
    singles = [_single(seen, name) for name in looked_at.codes]
    pairs = [
        _pairs(seen, one, two, q) for one, two in combinations([s for s in singles if s.size], 2)
    ]
    tested = [family for family in (*singles, *pairs) if family.size]
    q_values = false_discovery(np.concatenate([np.zeros(0), *(f.p for f in tested)]))
    found = list(_drivers(tested, q_values, seen, value_of_loss, q))
    limit = max((one.p_value for one in found), default=0.0)
    found = [_explain_by_pair(one, found, seen, limit) for one in found]
    found.sort(key=lambda o: (o.explained_by != (), -o.recoverable.low, o.columns, o.codes))
    return Screen(
        kind=kind,
        horizon=horizon,
        days=days,
        passages=len(seen.spans),
        tested=sum(f.size for f in tested),
        tested_pairs=sum(f.size for f in pairs),
        drivers=tuple(found),
        columns=tuple(looked_at.codes),
        set_aside=looked_at.set_aside,
        binned=tuple(sorted(looked_at.binned)),
        sampled=len(design),
        of_passages=design.passages,
    )


def adjust_drivers(found: Screen, design: Design, columns: tuple[str, ...] | None = None) -> Screen:
    """Return the screen, its first drivers adjusted for the other columns.

    Is a segment's gap its own, or that of the others that it comes along with?
    """
    seen = _look_at(design, found.days, found.horizon, found.kind, columns)
    first = tuple(
        replace(driver, adjusted=adjust(seen.spans, seen.inside(driver), seen.outside(driver)))
        for driver in found.drivers[:ADJUSTED]
    )
    return replace(found, drivers=(*first, *found.drivers[ADJUSTED:]))


@dataclass(frozen=True)
class _Seen:
    """What is looked at: the passages at risk, their candidate columns, the day of their entry.

    `entered` says who entered in the days that are valued.
    """

    spans: Spells
    columns: Columns
    day: Ints
    entered: Bools

    def codes(self, name: str) -> Ints:
        """Return the codes of a column by passage."""
        return self.columns.codes[name]

    def inside(self, driver: Driver) -> Bools:
        """Say which passages are of a driver's segment."""
        found = np.ones(len(self.spans), dtype=bool)
        for column, code in zip(driver.columns, driver.codes, strict=True):
            found &= self.codes(column) == code
        return found

    def outside(self, driver: Driver) -> list[Ints]:
        """Return the codes of the columns that are not the driver's."""
        return [codes for name, codes in self.columns.codes.items() if name not in driver.columns]


def _look_at(
    design: Design, days: Days, horizon: float, kind: str, columns: tuple[str, ...] | None
) -> _Seen:
    """Return what is looked at."""
    risk = at_risk(design, days)
    looked_at = find_candidates(design.only(risk.rows), columns)
    spans = spells(risk, horizon, kind)
    place = np.searchsorted(risk.rows, spans.rows)
    codes = {name: code[place] for name, code in looked_at.codes.items()}
    day = design.entered_day[spans.rows]
    return _Seen(spans, replace(looked_at, codes=codes), day, np.ones(len(day), dtype=bool))


@dataclass(frozen=True)
class _Family:
    """Segments that are compared alike: the values of one column, or of a pair of columns.

    Only those that could be tested; `codes` are [member, column]. A pair that does not
    beat both of its rests stays in the family, but is no driver (`kept`).
    """

    columns: tuple[str, ...]
    codes: Ints
    counts: GroupCounts
    own: GroupReadings
    rest: GroupReadings
    p: Floats
    kept: Bools
    entered: Ints

    @property
    def size(self) -> int:
        """Return the number of segments that could be tested."""
        return len(self.codes)


def _testable(own: GroupReadings, rest: GroupReadings) -> Bools:
    """Say which comparisons have 30 followed and 5 exits on both sides."""
    found = np.ones(len(own.share), dtype=bool)
    for side in (own, rest):
        found &= (side.followed >= MIN_FOLLOWED) & (side.exits >= MIN_EXITS)
        found &= np.isfinite(side.n_eff)
    return found


def _compare_with_rest(own: GroupReadings, rest: GroupReadings) -> Floats:
    """Return z of each segment against its rest."""
    safe = [np.where(np.isfinite(s.n_eff) & (s.n_eff > 0), s.n_eff, 1.0) for s in (own, rest)]
    return pooled_z(own.share, safe[0], rest.share, safe[1])


def _take_groups(of: GroupReadings, which: Bools | Ints) -> GroupReadings:
    """Return the readings of some groups."""
    parts = (of.share, of.variance, of.followed, of.n_eff, of.exits)
    return GroupReadings(*(part[which] for part in parts))


def _single(seen: _Seen, name: str) -> _Family:
    """Hold every value of a column against the rest of the stage."""
    spans, code = seen.spans, seen.codes(name)
    levels = len(seen.columns.labels[name])
    counts = count_groups(spans, code, levels)
    whole = count_groups(spans, np.zeros_like(code), 1)
    own, rest = read_groups(counts), read_groups(whole - counts)
    tested = _testable(own, rest)
    tested[0] = False
    where = np.flatnonzero(tested)
    own, rest = _take_groups(own, where), _take_groups(rest, where)
    z = _compare_with_rest(own, rest)
    return _Family(
        columns=(name,),
        codes=where[:, None],
        counts=counts,
        own=own,
        rest=rest,
        p=two_sided(z),
        kept=z > 0,
        entered=np.bincount(code[seen.entered], minlength=levels)[where],
    )


def _pairs(seen: _Seen, one: _Family, two: _Family, q: float) -> _Family:
    """Hold every pair of values of two columns against the stage, and against both rests.

    Counted only where there are enough of them. p is the largest of the three: a pair
    is one only if it differs from the stage, and from what is left of each segment.
    """
    cells, group = _cells(seen, one.columns[0], two.columns[0])
    if not len(cells):
        return replace(
            one,
            columns=(*one.columns, *two.columns),
            codes=cells,
            own=_take_groups(one.own, cells),
            rest=_take_groups(one.rest, cells),
            p=np.zeros(0),
            kept=np.zeros(0, dtype=bool),
            entered=cells,
        )
    wide = len(seen.columns.labels[two.columns[0]])
    parts = [
        _against_rests(seen.spans, (one, two), divmod(cells[at : at + CHUNK], wide), group - at)
        for at in range(0, len(cells), CHUNK)
    ]
    where = np.flatnonzero(np.concatenate([part.tested for part in parts]))
    z = np.concatenate([part.z for part in parts], axis=1)[:, where]
    p = two_sided(z)
    came = np.bincount(group[seen.entered & (group >= 0)], minlength=len(cells))
    return _Family(
        columns=(*one.columns, *two.columns),
        codes=np.stack(divmod(cells[where], wide), axis=1),
        counts=one.counts,
        own=_take_groups(_put_together([part.own for part in parts]), where),
        rest=_take_groups(_put_together([part.rest for part in parts]), where),
        p=p.max(axis=0, initial=0.0),
        kept=np.logical_and.reduce([*(z > 0.0), *(p[1:] <= q)]),
        entered=came[where],
    )


def _cells(seen: _Seen, one: str, two: str) -> tuple[Ints, Ints]:
    """Return the pairs of values with enough passages and exits, and which each passage has."""
    wide = len(seen.columns.labels[two])
    size = len(seen.columns.labels[one]) * wide
    codes = seen.codes(one), seen.codes(two)
    cell = np.where((codes[0] > 0) & (codes[1] > 0), codes[0] * wide + codes[1], -1)
    wanted = seen.spans.gone if seen.spans.staying else seen.spans.own
    exits = np.bincount(cell[(cell >= 0) & wanted], minlength=size)
    n = np.bincount(cell[cell >= 0], minlength=size)
    cells = np.flatnonzero((n >= MIN_FOLLOWED) & (exits >= MIN_EXITS))
    place = np.full(size + 1, -1)
    place[cells] = np.arange(len(cells))
    return cells, place[cell]


@dataclass(frozen=True)
class _Compared:
    """Some pairs: each, the rest of the stage, and z against three rests."""

    own: GroupReadings
    rest: GroupReadings
    z: Floats
    tested: Bools


def _against_rests(
    spans: Spells, families: tuple[_Family, _Family], codes: tuple[Ints, Ints], group: Ints
) -> _Compared:
    """Compare some pairs with the rest of the stage, and with that of each of their segments."""
    size = len(codes[0])
    counts = count_groups(spans, np.where((group >= 0) & (group < size), group, -1), size)
    whole = count_groups(spans, np.zeros(len(spans), np.int64), 1)
    own = read_groups(counts)
    parts = [family.counts.take(code) for family, code in zip(families, codes, strict=True)]
    rests = [read_groups(base - counts) for base in (whole, *parts)]
    tested = np.all([_testable(own, rest) for rest in rests], axis=0)
    return _Compared(
        own, rests[0], np.stack([_compare_with_rest(own, rest) for rest in rests]), tested
    )


def _put_together(parts: list[GroupReadings]) -> GroupReadings:
    """Return the readings of several chunks as one."""
    columns = ("share", "variance", "followed", "n_eff", "exits")
    return GroupReadings(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in columns)
    )


def _drivers(
    families: list[_Family], q_values: Floats, seen: _Seen, value: float | None, q: float
) -> Iterator[Driver]:
    """Yield the segments that leak more, beyond chance."""
    start = 0
    for family in families:
        mine = q_values[start : start + family.size]
        start += family.size
        gap, spread = _shrunken(family)
        for i in np.flatnonzero(family.kept & (mine <= q)):
            wide = Z95 * float(spread[i])
            kept = Excess(float(gap[i]), float(gap[i]) - wide, float(gap[i]) + wide)
            found = _driver(family, int(i), kept, seen.columns, value)
            yield replace(found, q_value=float(mine[i]))


def _explain_by_pair(driver: Driver, found: list[Driver], seen: _Seen, limit: float) -> Driver:
    """Say of a segment that a pair within it is all that leaks, where it is so.

    Without the pair it would be no discovery: its p would be above `limit`, the largest
    that passed.
    """
    if len(driver.columns) > 1:
        return driver
    inside = seen.inside(driver)
    own = set(zip(driver.columns, driver.codes, strict=True))
    for pair in sorted(found, key=lambda one: -one.recoverable.low):
        if len(pair.columns) == 1 or not own <= set(zip(pair.columns, pair.codes, strict=True)):
            continue
        left = inside & ~seen.inside(pair)
        both = read_groups(count_groups(seen.spans, np.where(left, 0, np.where(inside, -1, 1)), 2))
        z = _compare_with_rest(_take_groups(both, np.array([0])), _take_groups(both, np.array([1])))
        if not (z[0] > 0 and two_sided(z)[0] <= limit):
            return replace(driver, explained_by=tuple(zip(pair.columns, pair.values, strict=True)))
    return driver


def _shrunken(family: _Family) -> tuple[Floats, Floats]:
    """Return the gaps of a family less the luck of the largest, and their standard errors.

    The family is the values of one column, or of one pair of columns: those may pass for
    draws of one distribution, values of different columns may not. Variances come from
    the family's mean share; under 5 members nothing is shrunk.
    """
    gaps = family.own.share - family.rest.share
    mean = float(np.average(family.own.share, weights=family.own.n_eff))
    each = mean * (1.0 - mean)
    variances = each * (1.0 / family.own.n_eff + 1.0 / family.rest.n_eff)
    if family.size < MIN_FAMILY or each <= 0.0:
        return gaps, np.sqrt(variances)
    found = shrink(gaps, variances, around_mean=True)
    return found.gaps, np.sqrt(found.spread / (found.spread + variances) * variances)


def _driver(
    family: _Family, i: int, shrunken: Excess, looked_at: Columns, value: float | None
) -> Driver:
    """Return one segment with its numbers; its q-value is that of the whole family of tests."""
    share, rest = _share(family.own, i), _share(family.rest, i)
    n = int(family.entered[i])
    codes = tuple(int(code) for code in family.codes[i])
    labels = zip(family.columns, codes, strict=True)
    return Driver(
        columns=family.columns,
        values=tuple(looked_at.labels[name][code] for name, code in labels),
        codes=codes,
        n=n,
        exits=int(family.own.exits[i]),
        followed=float(family.own.followed[i]),
        share=share,
        rest=rest,
        gap=difference(share, rest),
        shrunken=shrunken,
        p_value=float(family.p[i]),
        q_value=1.0,
        recoverable=_times(shrunken, n),
        recoverable_value=None if value is None else _times(shrunken, n * value),
        as_of_today=tuple(name for name in family.columns if name in looked_at.today),
    )


def _share(of: GroupReadings, i: int) -> Excess:
    """Return a share with Wilson's interval."""
    share = round(float(of.share[i]), 12)
    return Excess(share, *wilson(share, float(of.n_eff[i])))


def _times(gap: Excess, factor: float) -> Excess:
    """Return a gap as so many deals, or so much money; nothing is ever lost by recovering."""
    return Excess(*(max(end, 0.0) * factor for end in (gap.value, gap.low, gap.high)))
