"""A stage that changed: what it loses now in the end, and what it would go back to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leakkit.findings.finding import WARNING
from leakkit.measures.survival import (
    MIN_FOLLOWED,
    count_followed,
    greenwood,
    index_at,
    longest_followed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from leakkit.findings.finding import Finding
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
    entrants = share * (1.0 - share) / variance if sure else count_followed(curve, age)
    return LostShare(share, max(entrants, 1.0))


def doors_in_the_end(
    window: Curve, whole: Curve, age: float
) -> tuple[Mapping[str, float], LostShare] | None:
    """Which share of first visits leaves by each door until `age`, as read in one window?

    A window follows deals for its own time only. Who is inside when it ends leaves as in the
    `whole` history, with losses as much more or less frequent as they were in the window so
    far. The error of the lost share grows with it. None where too few are followed at all.
    """
    reach = min(age, longest_followed(window, MIN_FOLLOWED))
    if reach < 0:
        return None
    at, far, end = index_at(window, reach), index_at(whole, reach), index_at(whole, age)
    leaving = {kind: float(share[at]) for kind, share in window.leaving.items()}
    seen, staying = read_lost(window, reach), float(window.staying[at])
    inside = float(whole.staying[far])
    if staying > 0.0 and inside > 0.0:
        rest = {k: float(share[end] - share[far]) / inside for k, share in whole.leaving.items()}
        before = float(whole.leaving["lost"][far])
        lost = min(rest["lost"] * (seen.share / before if before > 0.0 else 1.0), 1.0)
        others = (1.0 - lost) / (1.0 - rest["lost"]) if rest["lost"] < 1.0 else 0.0
        for kind, share in rest.items():
            leaving[kind] += staying * (lost if kind == "lost" else share * others)
    return leaving, _in_the_end(seen, leaving["lost"])


def _in_the_end(seen: LostShare, share: float) -> LostShare:
    """Return a lost share that goes on in proportion, and so does its error."""
    if not 0.0 < seen.share < share < 1.0:
        return LostShare(share, seen.entrants)
    odds = seen.share / (1.0 - seen.share) * (1.0 - share) / share
    return LostShare(share, max(seen.entrants * odds, 1.0))


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

    def draw(self) -> tuple[Floats, Floats]:
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
