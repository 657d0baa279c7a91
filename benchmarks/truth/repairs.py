"""What a repair is worth: a stage that leaks for 90 days, against the exact chances to win."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.truth.record import Mean, Record, share, table
from benchmarks.truth.sellers import (
    GAMMA,
    LOG_NORMAL,
    Seller,
    live,
    load_together,
    together,
)
from leakkit.analysis import analyze

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leakkit.analysis import Analysis
    from leakkit.analysis.numbers import PipelineNumbers
    from leakkit.findings.finding import Value

DEALS = 1_600
LOST = (0.15, 0.20, 0.20, 0.10)
LEAKS = tuple(product((0.05, 0.15, 0.30), (0.10, 0.20, 0.30)))
"""What the stage loses, and how many points more in the last 90 days."""
STAGES = (0, 1, 2, 3)
MOST = 0.02
"""The printed chances are right on average within 2 points."""


@dataclass(frozen=True)
class Repaired:
    """What one analysis says of going back, and what is true; errors are those of the chances."""

    more: float
    new_deals: Value
    truth: float
    now_error: float
    then_error: float

    @property
    def holds(self) -> bool:
        """Say whether the range holds the true gain."""
        return self.new_deals.low <= self.truth <= self.new_deals.high


def leaking(number: int) -> Seller:
    """Return one of the sellers: bases, points, stages and kinds of stays in turn."""
    base, more = LEAKS[number % len(LEAKS)]
    leak = STAGES[number % len(STAGES)]
    lost = tuple(base if stage == leak else share for stage, share in enumerate(LOST))
    stays = (GAMMA, LOG_NORMAL)[number // 2 % 2]
    return Seller(lost=lost, leak=leak, more=more, stays=stays)


def repairs(numbers: Iterable[int], seed: int, deals: int = DEALS) -> list[Repaired]:
    """Ask what it would bring if the leaks went back; stages that do not warn are left out."""
    sellers = {f"P{number}": leaking(number) for number in numbers}
    lives = {name: live(one, deals, seed + int(name[1:])) for name, one in sellers.items()}
    with load_together(lives) as store:
        analysis = analyze(store)
    found = (_compare_repair(analysis, one, sellers[one.name]) for one in analysis.pipelines)
    return [one for one in found if one]


def _compare_repair(analysis: Analysis, result: PipelineNumbers, seller: Seller) -> Repaired | None:
    """Compare one pipeline with the truth; None where the leaking stage does not warn."""
    assert result.costs is not None
    findings = [one for one in analysis.all_findings if one.pipeline == result.name]
    names = [stage.name for stage in result.stages]
    changes = result.costs.changes(findings, names)
    if seller.leak not in changes or changes[seller.leak].points <= 0.0:
        return None
    found = result.costs.joint(findings, names)
    before, now = seller.chances()[0], seller.leaking().chances()[0]
    truth = result.costs.new_deals * (before - now)
    return Repaired(
        seller.more, found.new_deals, truth, found.chance - now, found.chance_then - before
    )


def going_back(seed: int = 60_000, runs: int = 200) -> Record:
    """A leak of 10 to 30 points in the last 90 days, on bases of .05 to .30."""
    found = [one for part in together(runs) for one in repairs(part, seed)]
    held = sum(one.holds for one in found) / len(found)
    now, then = (
        Mean.of(getattr(one, name) for one in found) for name in ("now_error", "then_error")
    )
    return Record(
        "a leak of 10 to 30 points in the last 90 days, on bases of .05 to .30, repaired",
        "the true gain is inside the range in .90, the printed chances right on average within "
        "2 points",
        f"inside in {share(held)} of the {len(found)} that warn; mean errors of the chances: "
        f"now {now}, then {then}",
        runs,
        held >= 0.9 and max(abs(now.value), abs(then.value)) <= MOST,
        (
            (
                f"{DEALS:,} deals of 540 days, four stages with returns, gamma and log-normal "
                "stays, made apart from the sample. The truth is exact: the chances to win with "
                "and without the leak, times the new deals of 90 days."
            ),
            _by_size(found),
        ),
    )


def _by_size(found: Sequence[Repaired]) -> str:
    """Tabulate by the size of the leak."""
    rows = []
    for more in sorted({one.more for one in found}):
        own = [one for one in found if one.more == more]
        held = sum(one.holds for one in own) / len(own)
        gain = np.mean([one.new_deals.value / one.truth for one in own])
        now = np.mean([one.now_error for one in own])
        rows.append([f"{more:.2f}", str(len(own)), share(held), f"{gain:.2f}", f"{now:+.3f}"])
    heads = ["points more", "warn", "range holds the gain", "gain / true gain", "error of now"]
    return table(heads, rows)
