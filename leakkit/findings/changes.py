"""A stage that changed: what it loses now in the end, and what it would go back to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leakkit.findings.finding import WARNING
from leakkit.measures.survival import (
    MIN_FOLLOWED,
    aalen_johansen,
    continued,
    followed,
    greenwood,
    index_at,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leakkit.findings.finding import Finding
    from leakkit.measures.counts import StayCounts
    from leakkit.measures.survival import Curve, Floats

DRAWS = 500
SEED = 20_250_101


@dataclass(frozen=True)
class LostShare:
    """The share that is lost in the end; `entrants` without censoring would make it as sure."""

    share: float
    entrants: float

    @property
    def variance(self) -> float:
        """The variance of the share."""
        return self.share * (1.0 - self.share) / self.entrants


def read_lost(curve: Curve, age: float) -> LostShare:
    """Read the lost share at an age."""
    at = index_at(curve, age)
    share, variance = float(curve.leaving["lost"][at]), float(greenwood(curve, ("lost",))[at])
    sure = 0.0 < share < 1.0 and variance > 0.0
    entrants = share * (1.0 - share) / variance if sure else followed(curve, age)
    return LostShare(share, max(entrants, 1.0))


def window_curve(whole: Curve, part: StayCounts | None) -> Curve | None:
    """Return the curve of a window, which goes on with the rates of the whole history.

    A window follows deals for its own time only. None where it follows too few.
    """
    if part is None:
        return None
    curve = aalen_johansen(part.table())
    return continued(curve, whole) if curve.equivalent[0] >= MIN_FOLLOWED else None


@dataclass(frozen=True)
class Recent:
    """One stage in the current window, and what it lost in the baseline window.

    `row` are the chances out of first visits now: a row of the chain of the pipeline.
    """

    row: Floats
    now: LostShare
    before: LostShare | None


@dataclass(frozen=True)
class Change:
    """A stage as it is now, and the lost share that it would go back to.

    `entrants` and `back_entrants` tell how sure `row` and `back` are; a target is known
    (None). `stays` is the part of the change that comes from other deals coming in.
    """

    row: Floats
    entrants: float
    back: float
    back_entrants: float | None
    stays: float

    @property
    def points(self) -> float:
        """By how much the lost share would fall; below 0 where it would rise."""
        return float(self.row[-2]) - self.back - self.stays

    def drawn(self) -> tuple[Floats, Floats]:
        """Draw the row now, and by how much its lost share would fall, together."""
        rng = np.random.default_rng(SEED + 1)
        gammas = rng.standard_gamma(self.row * self.entrants, (DRAWS, len(self.row)))
        rows = gammas / np.maximum(gammas.sum(axis=1, keepdims=True), 1e-300)
        back = np.full(DRAWS, self.back)
        if self.back_entrants is not None and 0.0 < self.back < 1.0:
            n = self.back_entrants
            back = rng.beta(self.back * n, (1.0 - self.back) * n, DRAWS)
        return rows, rows[:, -2] - back - self.stays


def change_of(finding: Finding, recent: Recent | None) -> Change | None:
    """Return the change that a finding on losses is about; None where it cannot be read.

    The error of the test holds the wobble of months and what the re-weighting costs; where
    it is larger than that of the two shares, these are taken as less sure.
    """
    if recent is None or finding.change is None or finding.reference is None:
        return None
    if finding.reference_kind == "target":
        wider = _wider(finding, recent.now.variance)
        return Change(recent.row, recent.now.entrants / wider, finding.reference, None, 0.0)
    if recent.before is None:
        return None
    wider = _wider(finding, recent.now.variance + recent.before.variance)
    return Change(
        recent.row,
        recent.now.entrants / wider,
        recent.before.share,
        recent.before.entrants / wider,
        finding.change - (finding.rate_change or 0.0),
    )


def _wider(finding: Finding, variance: float) -> float:
    """Return how much larger the variance of the test is than a plain one."""
    return max(finding.change_error**2 / variance, 1.0) if variance > 0.0 else 1.0


def changes_of(
    findings: Iterable[Finding], stages: Sequence[str], recent: Sequence[Recent | None]
) -> dict[int, Change]:
    """Return the stages whose losses changed, for worse or for better, by position.

    `findings` are those of one pipeline, `stages` the names of its stages in order.
    """
    found = {}
    for one in findings:
        if one.kind == "lost" and (one.severity in WARNING or one.improved):
            place = stages.index(one.stage)
            change = change_of(one, recent[place])
            if change is not None:
                found[place] = change
    return dict(sorted(found.items()))


def got_worse(finding: Finding) -> bool:
    """Say whether a finding warns of more losses than before."""
    return (
        finding.kind == "lost"
        and finding.severity in WARNING
        and (finding.rate_change or 0.0) > 0.0
    )
