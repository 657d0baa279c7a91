"""Segments: a planted pair, none at all, and a mix that shifts in two columns at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.truth.record import Mean, Record, share
from benchmarks.truth.stage import BASELINE, CURRENT, DAYS, LOST, NEXT, design_of
from leakkit.findings import drivers, mix

if TYPE_CHECKING:
    from leakkit.findings.mix import RateAndMix
    from leakkit.findings.stage_readings import Design

HORIZON = 30
COLUMNS, VALUES = 6, 8
PAIR = (("c1", "c4"), ("v3", "v5"))


def six_columns(rng: np.random.Generator, deals: int, effect: float) -> Design:
    """Return a stage of six columns of eight values, with a pair that loses more by `effect`."""
    codes = {f"c{i}": rng.integers(1, VALUES + 1, deals) for i in range(COLUMNS)}
    lost = rng.random(deals) < 0.2 + effect * ((codes["c1"] == 3) & (codes["c4"] == 5))
    return design_of(
        rng.integers(0, DAYS, deals),
        np.floor(rng.gamma(1.5, 8.0, deals)).astype(np.int64),
        np.where(lost, LOST, NEXT),
        segments={name: [f"v{code}" for code in column] for name, column in codes.items()},
        value=np.round(np.exp(rng.normal(9, 1, deals)) * 100).astype(np.int64),
        known_at_entry=("c1",),
    )


def planted_pair_is_first(runs: int = 200, deals: int = 12_000, effect: float = 0.25) -> Record:
    """Plant a pair of segments among six columns, and nothing in as many other stages."""
    first, explained, silent, tested = 0, 0, 0, 0
    for run in range(runs):
        rng = np.random.default_rng([7000, run])
        found = drivers.screen(six_columns(rng, deals, effect), (0, DAYS), HORIZON)
        one = found.drivers[0] if found.drivers else None
        first += one is not None and (one.columns, one.values) == PAIR
        rest = [other for other in found.drivers[1:] if not other.explained_by]
        explained += not rest
        nothing = drivers.screen(six_columns(rng, deals, 0.0), (0, DAYS), HORIZON)
        silent += not nothing.drivers
        tested += nothing.tested
    note = (
        f"{deals:,} deals, eight values a column and the value of the deals in quintiles: "
        f"{tested / runs:,.0f} segments and pairs are tested. Beside the pair nothing else was "
        f"named, or only its own two segments and explained by it, in {explained} of {runs}."
    )
    return Record(
        f"one pair of segments among six columns loses {effect * 100:.0f} points more; or "
        "nothing does",
        "the pair first in at least .95 of the runs; without it silent in at least .90",
        f"first in {first} of {runs}; silent in {silent} of {runs}",
        2 * runs,
        first >= 0.95 * runs and silent >= 0.9 * runs,
        (note,),
    )


def shift_windows(rng: np.random.Generator, deals: int, rate: float, *, mix: bool = True) -> Design:
    """Return two windows: who comes shifts in two correlated columns, the rate by `rate`."""
    entered = np.concatenate([rng.integers(0, 270, deals), rng.integers(270, 360, deals)])
    late = entered >= CURRENT[0]
    one = rng.random(2 * deals) < np.where(late & mix, 0.65, 0.35)
    two = rng.random(2 * deals) < np.where(one, 0.8, 0.2)
    lost = rng.random(2 * deals) < 0.1 + 0.15 * one + 0.15 * two + rate * late
    return design_of(
        entered,
        np.floor(rng.gamma(1.5, 6.0, 2 * deals)).astype(np.int64),
        np.where(lost, LOST, NEXT),
        days=400,
        segments={
            "one": np.where(one, "a", "b").tolist(),
            "two": np.where(two, "a", "b").tolist(),
        },
    )


@dataclass(frozen=True)
class Called:
    """Whether a rate leak was called: with both columns, and with the second one alone."""

    both: bool
    alone: bool
    total: float
    mix: float


def take_apart(design: Design, columns: tuple[str, ...] | None = None) -> RateAndMix:
    """Take the change of a stage apart."""
    return mix.split(design, CURRENT, BASELINE, HORIZON, columns=columns)


def call(seed: int, deals: int) -> Called:
    """Shift the mix of a stage whose rates stay, and ask what changed."""
    design = shift_windows(np.random.default_rng([8000, seed]), deals, 0.0)
    both, alone = take_apart(design), take_apart(design, ("two",))
    return Called(
        both=both.rate is not None and both.rate.low > 0.0,
        alone=alone.rate is not None and alone.rate.low > 0.0,
        total=both.total or 0.0,
        mix=both.mix or 0.0,
    )


def mix_is_no_rate_leak(runs: int = 300, deals: int = 600) -> Record:
    """Shift the mix over two correlated columns, and count the calls of a rate leak."""
    found = [call(seed, deals) for seed in range(runs)]
    called = float(np.mean([one.both for one in found]))
    alone = float(np.mean([one.alone for one in found]))
    note = (
        f"{deals:,} deals in each window; the share of the first column's worse value goes "
        "from .35 to .65, and four in five have the second column's worse value with it. The "
        f"share lost rises by {Mean.of(one.total for one in found)}, the mix part is "
        f"{Mean.of(one.mix for one in found)}. Called: the 95 % interval of the rate part is "
        "above 0. It is a careful one: the two readings of a window go together, and their "
        "errors are averaged, not combined. Column by column, the part of the column that was "
        "left out is called a rate."
    )
    return Record(
        "mix-only over two correlated columns",
        "rate leak called in at most .06",
        f"called in {share(called)}; with the second column alone in {share(alone)}",
        runs,
        called <= 0.06,
        (note,),
    )
