"""Which segment drove a change: whose share moved more than that of the rest of the stage?

"Associated with", never "caused by" (docs/method.md, section 9).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from leakkit.findings.adjustment import MIN_OF_OWNER, MIN_OWNERS, careful_variance, variance_beyond
from leakkit.findings.columns import find_candidates
from leakkit.findings.comparison import Excess, false_discovery, one_sided
from leakkit.findings.stage_readings import at_risk, count_groups, read_groups, spells
from leakkit.measures.survival import MIN_FOLLOWED, Z95

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leakkit.findings.columns import Columns
    from leakkit.findings.stage_readings import AtRisk, Bools, Design, Spells
    from leakkit.measures.horizons import Days
    from leakkit.measures.survival import Floats, Ints


MIN_EXITS = 5
"""Exits that a segment, and its rest, need in both windows together."""


@dataclass(frozen=True)
class ChangeDriver:
    """A segment whose share moved more than that of the rest.

    `gap = (now - before) - (rest_now - rest_before)`, with its interval; `n` entered in
    the current window. `as_of_today`: the column's value at entry is not known.
    """

    column: str
    value: str
    n: int
    before: float
    now: float
    rest_before: float
    rest_now: float
    gap: Excess
    p_value: float
    q_value: float
    as_of_today: bool


@dataclass(frozen=True)
class ChangeScreen:
    """The segments that drove a change, by the deals that it concerns at least.

    `tested` segments were compared; `binned` columns are in quintiles. `owner` is the
    column by which the errors are clustered, or empty. Nothing is known for `reason`:
    no_baseline, no_horizon, no_expected_days, or left_out of an export that leaves deals out.
    """

    kind: str
    horizon: float
    tested: int
    drivers: tuple[ChangeDriver, ...]
    binned: tuple[str, ...] = ()
    owner: str = ""
    reason: str = ""

    @classmethod
    def missing(cls, kind: str, reason: str) -> ChangeScreen:
        """Return the screen that cannot be made, for `reason`."""
        return cls(kind, 0.0, 0, (), reason=reason)


def screen_changes(  # noqa: PLR0913 - the parts of one question
    design: Design,
    current: Days,
    baseline: Days,
    horizon: float,
    *,
    kind: str = "lost",
    columns: tuple[str, ...] | None = None,
    phi: float = 1.0,
    q: float = 0.05,
    falls: bool = False,
) -> ChangeScreen:
    """Whose share moved more than that of the rest of the stage?

    A segment that always loses more stands out in a contrast of levels, and one that has
    begun to lose more may not. So every value of every column is held against the rest
    by the difference of two differences, first visits of both windows read at the same
    `horizon`; one false discovery rate `q` over them. Where another segment moved, the rest
    moved with it: so a segment must have moved by itself too. The error is that of the four
    shares, times the wobble `phi`, and of the owners: where some got worse and others better,
    beyond chance, a segment may only have had the wrong ones. With `falls` the segments
    that got better are asked for.

    Reference: DerSimonian and Laird (1986), Controlled Clinical Trials 7, 177-188; Thompson
    and Sharp (1999), Statistics in Medicine 18, 2693-2708, for changes that hang on a part.
    """
    windows = (baseline, current)
    looked = _look_at(design, [at_risk(design, days) for days in windows], horizon, kind, columns)
    looked = replace(looked, owners=_owners(design, looked.spans, phi))
    found = [one for name in looked.columns.codes for one in _column(looked, name, phi)]
    if falls:
        found = [replace(one, gap=-one.gap, moved=-one.moved) for one in found]
    first = false_discovery(_p_values(found))
    # with its owners an error is never smaller, so only what passes without has to be asked
    found = [
        _with_owners(looked, one) if low <= q else one
        for one, low in zip(found, first, strict=True)
    ]
    p, sign = _p_values(found), -1.0 if falls else 1.0
    named = [
        _driver(looked, one, sign, float(mine), float(discovery))
        for one, mine, discovery in zip(found, p, false_discovery(p), strict=True)
        if one.gap > 0.0 and one.moved > Z95 and discovery <= q
    ]
    named.sort(key=lambda one: (-min(abs(one.gap.low), abs(one.gap.high)) * one.n, one.column))
    return ChangeScreen(
        kind=kind,
        horizon=horizon,
        tested=len(found),
        drivers=tuple(named),
        binned=tuple(sorted(looked.columns.binned)),
        owner=looked.owners.name if looked.owners else "",
    )


@dataclass(frozen=True)
class _ChangingOwners:
    """How the share of each owner changed, and the weight of that (0 where too few were followed).

    `codes` are the owners of the passages of the current window.
    """

    name: str
    codes: Ints
    change: Floats
    weight: Floats

    def error(self, inside: Bools) -> float:
        """Return the error of a gap that comes from owners who change each by himself.

        Changes are `a + gap f_o + d_o`, f_o the part of the owner's deals that is `inside`;
        the variance of d_o is that of DerSimonian and Laird, and the gap takes d_o by the
        difference of the owner's parts in the segment and in the rest.
        """
        own, rest = (
            np.bincount(self.codes[rows], minlength=self.change.size) for rows in (inside, ~inside)
        )
        part = own / np.maximum(own + rest, 1)
        taken = own / max(own.sum(), 1) - rest / max(rest.sum(), 1)
        known = self.weight > 0.0
        beyond = variance_beyond(self.change[known], self.weight[known], part[known])
        return float(np.sqrt(beyond * (taken**2).sum()))

    @property
    def freedom(self) -> int:
        """Return the degrees of freedom of that error: the owners, less the plan of two."""
        return int((self.weight > 0.0).sum()) - 2


@dataclass(frozen=True)
class _Looked:
    """Both windows, (baseline, current), with the columns and who owns each passage."""

    spans: tuple[Spells, Spells]
    columns: Columns
    owners: _ChangingOwners | None = None

    def inside(self, name: str, code: int) -> list[Bools]:
        """Say which passages of each window are of a segment."""
        return [self.columns.codes[name][one.rows] == code for one in self.spans]


@dataclass(frozen=True)
class _Segment:
    """One segment: its shares and those of the rest (before, now), the gap and its error.

    `moved` is its own change in standard errors of that; the error of the gap has so many
    degrees of `freedom`.
    """

    name: str
    code: int
    own: tuple[float, float]
    rest: tuple[float, float]
    gap: float
    error: float
    moved: float
    freedom: float = np.inf


def _look_at(
    design: Design,
    risks: list[AtRisk],
    horizon: float,
    kind: str,
    names: tuple[str, ...] | None,
) -> _Looked:
    """Read both windows, and choose the columns."""
    rows = np.unique(np.concatenate([risk.rows for risk in risks]))
    found = find_candidates(design.only(rows), names)
    codes = {}
    for name, inside in found.codes.items():
        whole = np.zeros(len(design), np.int64)
        whole[rows] = inside
        codes[name] = whole
    before, now = (spells(risk, horizon, kind) for risk in risks)
    return _Looked((before, now), replace(found, codes=codes))


def _owners(design: Design, spans: tuple[Spells, Spells], phi: float) -> _ChangingOwners | None:
    """Read the change of every owner; None where too few can be read."""
    codes = design.segments.get(design.owner)
    if codes is None:
        return None
    size = len(design.labels[design.owner])
    before, now = (read_groups(count_groups(span, codes[span.rows], size)) for span in spans)
    known = np.minimum(before.followed, now.followed) >= MIN_OF_OWNER
    known[0] = False
    if known.sum() < MIN_OWNERS:
        return None
    variance = phi * (careful_variance(before) + careful_variance(now))
    weight = np.where(known, 1.0 / variance, 0.0)
    return _ChangingOwners(design.owner, codes[spans[1].rows], now.share - before.share, weight)


def _column(looked: _Looked, name: str, phi: float) -> Iterator[_Segment]:
    """Yield the segments of one column that can be compared."""
    size, sides = len(looked.columns.labels[name]), []
    for span in looked.spans:
        code = looked.columns.codes[name][span.rows]
        counts = count_groups(span, code, size)
        whole = count_groups(span, np.zeros_like(code), 1)
        sides.append((read_groups(counts), read_groups(whole - counts)))
    cells = [side[part] for part in (0, 1) for side in sides]
    exits = [cells[0].exits + cells[1].exits, cells[2].exits + cells[3].exits]
    tested = np.logical_and.reduce(
        [
            *(each >= MIN_EXITS for each in exits),
            *(cell.followed >= MIN_FOLLOWED for cell in cells),
            *(np.isfinite(cell.n_eff) & (cell.n_eff > 0) for cell in cells),
        ]
    )
    tested[0] = False
    error = np.sqrt(phi * sum(careful_variance(cell) for cell in cells))
    alone = np.sqrt(phi * sum(careful_variance(cell) for cell in cells[:2]))
    for place in map(int, np.flatnonzero(tested)):
        shares = [float(cell.share[place]) for cell in cells]
        own, rest = (shares[0], shares[1]), (shares[2], shares[3])
        gap = (own[1] - own[0]) - (rest[1] - rest[0])
        moved = (own[1] - own[0]) / float(alone[place])
        yield _Segment(name, place, own, rest, gap, float(error[place]), moved)


def _p_values(found: list[_Segment]) -> Floats:
    """Return the one-sided p of every gap: only what moved further is asked for."""
    t = np.array([one.gap / one.error for one in found], np.float64)
    return one_sided(t, np.array([one.freedom for one in found], np.float64))


def _with_owners(looked: _Looked, one: _Segment) -> _Segment:
    """Return a segment with what the changes of its owners add to its error."""
    owners = looked.owners
    if owners is None or one.name == owners.name:
        return one
    added = owners.error(looked.inside(one.name, one.code)[1])
    error = float(np.hypot(one.error, added))
    # Satterthwaite: what is estimated from few owners is not known well
    freedom = owners.freedom * (error / added) ** 4 if added else np.inf
    return replace(one, error=error, freedom=freedom)


def _driver(looked: _Looked, one: _Segment, sign: float, p: float, q: float) -> ChangeDriver:
    """Return one segment with its numbers; `sign` turns a fall back into one."""
    current = looked.spans[1]
    came = looked.inside(one.name, one.code)[1] & current.entered
    gap, wide = sign * one.gap, Z95 * one.error
    return ChangeDriver(
        column=one.name,
        value=looked.columns.labels[one.name][one.code],
        n=int(came.sum()),
        before=round(one.own[0], 12),
        now=round(one.own[1], 12),
        rest_before=round(one.rest[0], 12),
        rest_now=round(one.rest[1], 12),
        gap=Excess(gap, gap - wide, gap + wide),
        p_value=p,
        q_value=q,
        as_of_today=one.name in looked.columns.today,
    )
