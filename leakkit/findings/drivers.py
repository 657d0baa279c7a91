"""Where within a stage is the leak, and is it the rate or the mix that changed?

"Associated with", never "caused by" (docs/method.md, section 9).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from leakkit.findings.adjusted import Adjusted, adjust
from leakkit.findings.columns import candidates
from leakkit.findings.contrasts import (
    Excess,
    difference,
    false_discovery,
    pooled_z,
    shrink,
    two_sided,
)
from leakkit.findings.design import at_risk
from leakkit.findings.groups import Counts, count, read, spells
from leakkit.findings.mix import Split, split
from leakkit.measures.survival import Z95, wilson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leakkit.findings.columns import Columns, SetAside
    from leakkit.findings.design import Bools, Design
    from leakkit.findings.groups import Readings, Spells
    from leakkit.measures.survival import Floats, Ints
    from leakkit.measures.windows import Days

MIN_FOLLOWED = 30.0
MIN_EXITS = 5
FAMILY_SIZE = 5
"""Members from which gaps are shrunk."""
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


def screen(
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
    risk = at_risk(design, days)
    looked_at = candidates(design.only(risk.rows), columns)
    spans = spells(risk, horizon, kind)
    inside = replace(spans, rows=np.searchsorted(risk.rows, spans.rows))
    entered = _entered(design, inside, risk.rows, valued_days or days)
    singles = [_single(inside, looked_at, name, entered) for name in looked_at.codes]
    pairs = [
        _pairs(inside, looked_at, one, two, entered, q)
        for one, two in combinations([s for s in singles if s.size], 2)
    ]
    tested = [family for family in (*singles, *pairs) if family.size]
    q_values = false_discovery(np.concatenate([np.zeros(0), *(f.p for f in tested)]))
    found = list(_drivers(tested, q_values, looked_at, value_of_loss, q))
    found.sort(key=lambda one: (-one.recoverable.low, one.columns, one.codes))
    return Screen(
        kind=kind,
        horizon=horizon,
        days=days,
        passages=len(spans),
        tested=sum(f.size for f in tested),
        tested_pairs=sum(f.size for f in pairs),
        drivers=tuple(found),
        columns=tuple(looked_at.codes),
        set_aside=looked_at.set_aside,
        binned=tuple(sorted(looked_at.binned)),
        sampled=len(design),
        of_passages=design.passages,
    )


def with_adjusted(
    found: Screen, design: Design, columns: tuple[str, ...] | None = None
) -> Screen:
    """Return the screen, its first drivers adjusted for the other columns.

    Is a segment's gap its own, or that of the others that it comes along with?
    """
    risk = at_risk(design, found.days)
    inside = design.only(risk.rows)
    looked_at = candidates(inside, columns)
    spans = spells(risk, found.horizon, found.kind)
    spans = replace(spans, rows=np.searchsorted(risk.rows, spans.rows))
    first = tuple(
        replace(driver, adjusted=adjust(spans, *_against(driver, looked_at, spans)))
        for driver in found.drivers[:ADJUSTED]
    )
    return replace(found, drivers=(*first, *found.drivers[ADJUSTED:]))


def _against(driver: Driver, looked_at: Columns, spans: Spells) -> tuple[Bools, list[Ints]]:
    """Return who is in the driver's segment, and the codes of the columns beside it."""
    inside = np.ones(len(spans), dtype=bool)
    for column, code in zip(driver.columns, driver.codes, strict=True):
        inside &= looked_at.codes[column][spans.rows] == code
    others = [
        codes[spans.rows] for name, codes in looked_at.codes.items() if name not in driver.columns
    ]
    return inside, others


@dataclass(frozen=True)
class _Family:
    """Segments that are compared alike: the values of one column, or of a pair of columns.

    Only those that could be tested; `codes` are [member, column]. A pair that does not
    beat both of its rests stays in the family, but is no driver (`kept`).
    """

    columns: tuple[str, ...]
    codes: Ints
    counts: Counts
    own: Readings
    rest: Readings
    p: Floats
    kept: Bools
    entered: Ints

    @property
    def size(self) -> int:
        """Return the number of segments that could be tested."""
        return len(self.codes)


def _entered(design: Design, spans: Spells, rows: Ints, days: Days) -> Bools:
    """Say which passages entered in the days that are valued."""
    day = design.entered_day[rows][spans.rows]
    found: Bools = (day >= days[0]) & (day < days[1])
    return found


def _testable(own: Readings, rest: Readings) -> Bools:
    """Say which comparisons have 30 followed and 5 exits on both sides."""
    found = np.ones(len(own.share), dtype=bool)
    for side in (own, rest):
        found &= (side.followed >= MIN_FOLLOWED) & (side.exits >= MIN_EXITS)
        found &= np.isfinite(side.n_eff)
    return found


def _compared(own: Readings, rest: Readings) -> Floats:
    """Return z of each segment against its rest."""
    safe = [np.where(np.isfinite(s.n_eff) & (s.n_eff > 0), s.n_eff, 1.0) for s in (own, rest)]
    return pooled_z(own.share, safe[0], rest.share, safe[1])


def _taken(of: Readings, which: Bools | Ints) -> Readings:
    """Return the readings of some groups."""
    parts = (of.share, of.variance, of.followed, of.n_eff, of.exits)
    return type(of)(*(part[which] for part in parts))


def _single(spans: Spells, looked_at: Columns, name: str, entered: Bools) -> _Family:
    """Hold every value of a column against the rest of the stage."""
    code = looked_at.codes[name][spans.rows]
    levels = len(looked_at.labels[name])
    counts = count(spans, code, levels)
    whole = count(spans, np.zeros_like(code), 1)
    own, rest = read(counts), read(whole - counts)
    tested = _testable(own, rest)
    tested[0] = False
    where = np.flatnonzero(tested)
    own, rest = _taken(own, where), _taken(rest, where)
    z = _compared(own, rest)
    return _Family(
        columns=(name,),
        codes=where[:, None],
        counts=counts,
        own=own,
        rest=rest,
        p=two_sided(z),
        kept=z > 0,
        entered=np.bincount(code[entered], minlength=levels)[where],
    )


def _pairs(
    spans: Spells, looked_at: Columns, one: _Family, two: _Family, entered: Bools, q: float
) -> _Family:
    """Hold every pair of values of two columns against the stage, and against both rests.

    Counted only where there are enough of them. p is the largest of the three: a pair
    is one only if it differs from the stage, and from what is left of each segment.
    """
    codes = [looked_at.codes[family.columns[0]][spans.rows] for family in (one, two)]
    wide = len(looked_at.labels[two.columns[0]])
    cell = np.where((codes[0] > 0) & (codes[1] > 0), codes[0] * wide + codes[1], -1)
    known = cell[cell >= 0]
    size = len(looked_at.labels[one.columns[0]]) * wide
    exits = np.bincount(cell[(cell >= 0) & (spans.gone if spans.staying else spans.own)],
                        minlength=size)  # fmt: skip
    enough = np.bincount(known, minlength=size) >= MIN_FOLLOWED
    cells = np.flatnonzero(enough & (exits >= MIN_EXITS))
    place = np.full(size + 1, -1)
    place[cells] = np.arange(len(cells))
    group = place[cell]
    parts = [
        _pair_chunk(spans, one, two, cells[start : start + CHUNK], wide, group - start)
        for start in range(0, len(cells), CHUNK)
    ]
    return _joined(one, two, parts, cells, wide, np.bincount(group[entered & (group >= 0)],
                   minlength=len(cells)), q)  # fmt: skip


@dataclass(frozen=True)
class _Chunk:
    """What was compared of some pairs: the pair, its rest, and z against three rests."""

    own: Readings
    rest: Readings
    z: Floats
    tested: Bools


def _pair_chunk(
    spans: Spells, one: _Family, two: _Family, cells: Ints, wide: int, group: Ints
) -> _Chunk:
    """Compare some pairs."""
    inside = np.where((group >= 0) & (group < len(cells)), group, -1)
    counts = count(spans, inside, len(cells))
    whole = count(spans, np.zeros(len(spans), np.int64), 1)
    own = read(counts)
    rests = [
        read(base - counts)
        for base in (whole, one.counts.take(cells // wide), two.counts.take(cells % wide))
    ]
    tested = np.all([_testable(own, rest) for rest in rests], axis=0)
    z = np.stack([_compared(own, rest) for rest in rests])
    return _Chunk(own, rests[0], z, tested)


def _joined(
    one: _Family, two: _Family, parts: list[_Chunk], cells: Ints, wide: int, entered: Ints, q: float
) -> _Family:
    """Put the pairs of two columns together; those that could not be tested are left out."""
    tested = np.concatenate([np.zeros(0, bool), *(part.tested for part in parts)])
    where = np.flatnonzero(tested)
    z = np.concatenate([np.zeros((3, 0)), *(part.z for part in parts)], axis=1)[:, where]
    p = two_sided(z)
    own, rest = (
        type(one.own)(
            *(
                np.concatenate(
                    [np.zeros(0), *(getattr(getattr(part, side), name) for part in parts)]
                )[where]
                for name in ("share", "variance", "followed", "n_eff", "exits")
            )
        )
        for side in ("own", "rest")
    )
    return _Family(
        columns=(*one.columns, *two.columns),
        codes=np.stack([cells[where] // wide, cells[where] % wide], axis=1),
        counts=one.counts,
        own=own,
        rest=rest,
        p=p.max(axis=0, initial=0.0),
        kept=(z > 0).all(axis=0) & (p[1:] <= q).all(axis=0),
        entered=entered[where],
    )


def _drivers(
    families: list[_Family],
    q_values: Floats,
    looked_at: Columns,
    value: float | None,
    q: float,
) -> Iterator[Driver]:
    """Yield the segments that leak more, beyond chance."""
    start = 0
    for family in families:
        mine = q_values[start : start + family.size]
        start += family.size
        gap, spread = _shrunken(family)
        for i in np.flatnonzero(family.kept & (mine <= q)):
            yield _driver(family, int(i), (gap[i], spread[i]), mine[i], looked_at, value)


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
    if family.size < FAMILY_SIZE or each <= 0.0:
        return gaps, np.sqrt(variances)
    kept = shrink(gaps, variances)
    return kept.gap, kept.spread


def _driver(
    family: _Family,
    i: int,
    shrunken: tuple[float, float],
    q_value: float,
    looked_at: Columns,
    value: float | None,
) -> Driver:
    """Return one segment with its numbers."""
    share = _share(family.own, i)
    rest = _share(family.rest, i)
    gap, spread = (float(number) for number in shrunken)
    kept = Excess(gap, gap - Z95 * spread, gap + Z95 * spread)
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
        shrunken=kept,
        p_value=float(family.p[i]),
        q_value=float(q_value),
        recoverable=_times(kept, n),
        recoverable_value=None if value is None else _times(kept, n * value),
        as_of_today=tuple(name for name in family.columns if name in looked_at.today),
    )


def _share(of: Readings, i: int) -> Excess:
    """Return a share with Wilson's interval."""
    share = round(float(of.share[i]), 12)
    return Excess(share, *wilson(share, float(of.n_eff[i])))


def _times(gap: Excess, factor: float) -> Excess:
    """Return a gap as so many deals, or so much money; nothing is ever lost by recovering."""
    return Excess(*(max(end, 0.0) * factor for end in (gap.value, gap.low, gap.high)))


__all__ = ["Driver", "Screen", "Split", "screen", "split", "with_adjusted"]
