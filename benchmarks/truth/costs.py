"""What leaks cost, where the truth is known: equal stages, equal segments, and what-ifs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.truth.record import Mean, Record, share
from benchmarks.truth.worlds import load_seller
from leakkit.analysis import analyze
from leakkit.findings.value import shrink, worst
from leakkit.sample import Leak, PipelinePlan, Plan, StagePlan, make

if TYPE_CHECKING:
    from leakkit.findings.finding import Value

STAGES, DEALS, LOST = 6, 150, 0.2
SEGMENTS, SEGMENT_DEALS = 10, 60
OFFER = 1


def equal_ones(seed: int = 0, runs: int = 1_000) -> Record:
    """Row 14: all stages equal, and ten equal segments."""
    rng = np.random.default_rng([14, seed])
    found = [_worst_of_equal(rng, STAGES) for _ in range(runs)]
    pairs = [_worst_of_equal(rng, 2) for _ in range(runs)]
    surely, probably = found.count("surely") / runs, found.count("probably") / runs
    saved = [_recover(rng) for _ in range(runs)]
    raw, left = (float(np.mean([one[n] for one in saved])) for n in (0, 1))
    losses = SEGMENTS * SEGMENT_DEALS * LOST
    return Record(
        "all stages equal; ten equal segments",
        '"is the worst" in at most .10 of the runs; the shrunken gaps recover next to nothing',
        f'"is the worst" in {share(surely)}, "probably" in {share(probably)}; {left:.1f} of '
        f"{losses:.0f} losses recoverable, {raw:.1f} unshrunken",
        2 * runs,
        surely <= 0.10 and left <= 0.03 * losses,
        (
            (
                f"{STAGES} stages with {DEALS} deals each, of which {LOST:g} are lost. Of "
                "two stages "
                f"one would be called the worst in {share(pairs.count('surely') / runs)} "
                "of the runs, "
                f"and at least probably in {share(1 - pairs.count('together') / runs)}. "
                f"{SEGMENTS} segments of {SEGMENT_DEALS} deals: the gaps above their "
                "mean, added up."
            ),
        ),
    )


def _worst_of_equal(rng: np.random.Generator, stages: int) -> str:
    """Return how surely one of equal stages is called the worst."""
    rate = rng.binomial(DEALS, LOST, stages) / DEALS
    found = worst(rate.tolist(), np.sqrt(rate * (1 - rate) / DEALS).tolist())
    assert found is not None
    return found.sureness


def _recover(rng: np.random.Generator) -> tuple[float, float]:
    """Return what the gaps of equal segments would seem to recover: as they are, shrunken."""
    rate = rng.binomial(SEGMENT_DEALS, LOST, SEGMENTS) / SEGMENT_DEALS
    mean = float(rate.mean())
    gaps = rate - mean
    variances = np.full(SEGMENTS, mean * (1 - mean) / SEGMENT_DEALS)
    shrunken = shrink(gaps, variances, around_mean=True).gaps
    raw, left = (float(np.maximum(g, 0).sum()) * SEGMENT_DEALS for g in (gaps, shrunken))
    return raw, left


# ---------------------------------------------------------------- what if

LINE = PipelinePlan(
    "Deals",
    stages=(
        StagePlan("Inquiry", lost_share=0.2, dwell_days=4),
        StagePlan("Offer", lost_share=0.3, returned_share=0.06, dwell_days=9),
        StagePlan("Talks", lost_share=0.2, returned_share=0.08, lost_per_return_share=0.2),
        StagePlan("Contract", lost_share=0.1, dwell_days=5),
    ),
)
HALF = 0.15
"""Half of the losses of the offers."""


def seller(fewer: float) -> Plan:
    """Plan a seller that loses so many points fewer of its offers; they go as others go."""
    offer = LINE.stages[OFFER]
    more = fewer / (1 - offer.lost_share) * offer.returned_share
    leaks = (
        Leak("Deals", "Offer", "lost", size=-fewer),
        Leak("Deals", "Offer", "returned", size=more),
    )
    return Plan((LINE,), leaks=leaks, start="2025-01-01", as_of="2026-06-30", timezone="UTC")


@dataclass(frozen=True)
class Promised:
    """What leakkit promises of one source, and what the plan truly gives."""

    gain: float
    truth: float
    new_deals: Value
    deals: int
    rough: bool

    @property
    def holds(self) -> bool:
        """Say whether the interval holds the truth; its low end is for deals half as good."""
        return self.new_deals.low <= self.deals * self.truth <= self.new_deals.high


def promise(seed: int, deals: int = 2_500) -> Promised:
    """Ask a simulated source what half of the losses of a stage would bring."""
    real = [
        make(1, plan=seller(fewer)).truth["pipelines"][0]["after"]["won_at_first_close_share"]
        for fewer in (0.0, HALF)
    ]
    with load_seller(make(deals, seed=seed, plan=seller(0.0))) as store:
        (result,) = analyze(store).pipelines
    assert result.costs is not None
    found = result.costs.what_if({OFFER: HALF})
    gain = found.chance_then - found.chance
    return Promised(gain, real[1] - real[0], found.new_deals, result.costs.new_deals, found.rough)


def half_of_the_losses(seed: int = 14_000, runs: int = 200) -> Record:
    """Row 15: a what-if against the plan in which it comes true."""
    found = [promise(seed + run) for run in range(runs)]
    held = sum(one.holds for one in found)
    error = Mean.of(one.gain - one.truth for one in found)
    return Record(
        "semi-Markov stays, second visits that lose more; half of a stage's losses saved",
        "the true gain is inside the interval in .90 of the runs",
        f"inside in {held} of {runs}; mean error of the gain per deal {error}, of a true "
        f"{found[0].truth:.4f}",
        runs,
        held >= 0.9 * runs,
        (
            (
                "2,500 deals of 18 months, four stages with gamma stays, returns after "
                "which losses "
                "are more likely, skipped stages; the truth is the exact chance to win "
                "by the first "
                "close under a plan that loses 15 points fewer of its offers. "
                f"Called rough in {sum(one.rough for one in found)} of {runs}. Not "
                "simulated: a latent "
                "quality of the deals. Deals that are saved would then win less often than others, "
                "which is what x0.5 stands for."
            ),
        ),
    )
