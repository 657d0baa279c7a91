"""Sellers whose deals are followed to the very end: semi-Markov, with gamma or log-normal stays.

Made apart from `leakkit.sample`, so that nothing of leakkit is judged by itself. A visit's
door is drawn when it begins, then its stay; lives are lived to the end, and cut at `as_of`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from leakkit.config import Config
from leakkit.sources import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from benchmarks.truth.worlds import Floats, Ints
    from leakkit.store import Store

AS_OF = np.datetime64("2026-06-30", "D")
WON, LOST = -1, -2
GAMMA, LOG_NORMAL = "gamma", "log-normal"
MEDIUM, HEAVY = "log-normal, sigma .8", "log-normal, sigma 1.4"
SHAPE, SIGMAS = 1.5, {LOG_NORMAL: 0.9, MEDIUM: 0.8, HEAVY: 1.4}
GAMMA_MEDIAN = 1.183
"""The median of a gamma of this shape and scale 1."""
HOPELESS, STALLS_FOR = 0.97, 6.0
"""The share lost of stalled visits, and how many times as long they stay."""
VALUE, VALUE_SIGMA = 10_000.0, 1.0
TOGETHER = 10
"""Pipelines that are loaded at once."""


@dataclass(frozen=True)
class Seller:
    """Shares by stage of what is lost and what goes back, the median days, and how they spread.

    Visits of the stage `leak` that begin in the last `leak_days` days lose `more` of their deals.
    Of its visits the part `stalled` is hopeless: nearly all are lost, long after the others.
    """

    lost: tuple[float, ...] = (0.15, 0.25, 0.20, 0.08)
    returned: tuple[float, ...] = (0.0, 0.05, 0.10, 0.05)
    median: tuple[float, ...] = (6.0, 12.0, 9.0, 7.0)
    stays: str = GAMMA
    leak: int = 1
    leak_days: int = 90
    more: float = 0.0
    stalled: float = 0.0

    def leaking(self) -> Seller:
        """Return the seller as it is since the leak: for ever."""
        lost, back = list(self.lost), list(self.returned)
        lost[self.leak] += self.more
        back[self.leak] *= (1.0 - lost[self.leak]) / (1.0 - self.lost[self.leak])
        return replace(self, lost=tuple(lost), returned=tuple(back), more=0.0)

    def chances(self) -> Floats:
        """Return the exact chance to win, by stage: `w_s = on w_{s+1} + back w_{s-1}`."""
        stages, lost, back = len(self.lost), list(self.lost), list(self.returned)
        lost[self.leak] += self.stalled * (HOPELESS - lost[self.leak])
        back[self.leak] *= 1.0 - self.stalled
        moves = np.zeros((stages, stages))
        for stage in range(stages):
            if stage:
                moves[stage, stage - 1] = back[stage]
            if stage + 1 < stages:
                moves[stage, stage + 1] = 1.0 - lost[stage] - back[stage]
        won = np.zeros(stages)
        won[-1] = 1.0 - lost[-1] - back[-1]
        return np.asarray(np.linalg.solve(np.eye(stages) - moves, won), np.float64)

    def days(self, rng: np.random.Generator, stage: Ints) -> Floats:
        """Draw stays."""
        median = np.array(self.median)[stage]
        if self.stays == GAMMA:
            return np.asarray(median * rng.gamma(SHAPE, 1.0 / GAMMA_MEDIAN, stage.size))
        return np.asarray(median * rng.lognormal(0.0, SIGMAS[self.stays], stage.size))


@dataclass(frozen=True)
class Lives:
    """All lives to their very end: rows of (deal, stage, day), and what became of each deal."""

    deal: Ints
    stage: Ints
    day: Floats
    won: Ints
    value: Floats

    @property
    def stages(self) -> int:
        """Return the number of stages."""
        return int(self.stage.max()) + 1

    def frames(
        self, pipeline: str = "Deals", *, before: int = 0, late: int = 0
    ) -> dict[str, pd.DataFrame]:
        """Return the rows of an export; the last six figures of an id number the deal."""
        known_from = self.day + late * (self.stage == LOST)
        seen = np.flatnonzero(known_from < 1.0 - before)
        names = np.array([*_names(self.stages), "Lost", "Won"])
        moment = AS_OF + np.floor(self.day[seen] * 86_400).astype("timedelta64[s]")
        label = (pipeline + "-{:06d}").format
        history = pd.DataFrame(
            {
                "opportunity_id": pd.Series(self.deal[seen]).map(label),
                "stage": names[self.stage[seen]],
                "entered_at": moment,
            }
        )
        known = np.unique(self.deal[seen])
        deals = pd.DataFrame(
            {
                "opportunity_id": pd.Series(known).map(label),
                "pipeline": pipeline,
                "value": self.value[known].round(2),
            }
        )
        return {"opportunities": deals, "stage_history": history}


def together(runs: int) -> Iterator[range]:
    """Yield the numbers of the runs that are loaded at once.

    >>> [len(part) for part in together(25)]
    [10, 10, 5]
    """
    for first in range(0, runs, TOGETHER):
        yield range(first, min(first + TOGETHER, runs))


def load_together(lives: Mapping[str, Lives], *, before: int = 0, late: int = 0) -> Store:
    """Load many pipelines at once, by their names: that is cheaper than one by one."""
    parts = [one.frames(name, before=before, late=late) for name, one in lives.items()]
    frames = {name: pd.concat([part[name] for part in parts]) for name in parts[0]}
    stages = max(one.stages for one in lives.values())
    return load(frames, Config.from_text(_rules(lives, stages, before=before)))


def _names(stages: int) -> list[str]:
    """Return the names of so many stages."""
    return [f"S{stage}" for stage in range(stages)]


def _rules(pipelines: Iterable[str], stages: int, rules: str = "", before: int = 0) -> str:
    """Return a leakkit.toml that declares the pipelines; `rules` is further text for it."""
    order = ", ".join(f'{{ name = "{name}" }}' for name in _names(stages))
    declared = [
        f'[[pipelines]]\nname = "{name}"\nwon = ["Won"]\nlost = ["Lost"]\nstages = [{order}]\n'
        for name in pipelines
    ]
    return "\n".join([f'as_of = "{AS_OF - before}"', rules, *declared])


def live(seller: Seller, deals: int, seed: int, history_days: int = 540) -> Lives:
    """Let deals begin evenly over the days up to as_of (day 0), and live to their end."""
    rng = np.random.default_rng([seed, deals])
    stage = np.zeros(deals, np.int64)
    day = np.sort(rng.uniform(1.0 - history_days, 1.0, deals))
    value = rng.lognormal(np.log(VALUE), VALUE_SIGMA, deals)
    rows = []
    alive = np.arange(deals)
    while alive.size:
        rows.append((alive, stage[alive].copy(), day[alive].copy()))
        alive = alive[stage[alive] >= 0]
        stage[alive], day[alive] = _leave(seller, rng, stage[alive], day[alive])
    deal, at, when = (np.concatenate(part) for part in zip(*rows, strict=True))
    order = np.lexsort((when, deal))
    return Lives(deal[order], at[order], when[order], (stage == WON).astype(np.int64), value)


def _leave(
    seller: Seller, rng: np.random.Generator, stage: Ints, day: Floats
) -> tuple[Ints, Floats]:
    """Draw where visits lead, and when."""
    leaks = (stage == seller.leak) & (day >= 1.0 - seller.leak_days)
    lost = np.array(seller.lost)[stage] + seller.more * leaks
    # what is lost more comes out of all others alike
    back = np.array(seller.returned)[stage] * (1.0 - lost) / (1.0 - np.array(seller.lost)[stage])
    stalls = np.zeros(stage.size, bool)
    if seller.stalled:
        stalls = (stage == seller.leak) & (rng.uniform(size=stage.size) < seller.stalled)
        lost = np.where(stalls, HOPELESS, lost)
        back = np.where(stalls, 0.0, back)
    drawn = rng.uniform(size=stage.size)
    ahead = np.where(stage + 1 < len(seller.lost), stage + 1, WON)
    to = np.where(drawn < lost, LOST, np.where(drawn < lost + back, stage - 1, ahead))
    days = seller.days(rng, stage)
    return to, day + np.where(stalls, STALLS_FOR * days, days) + 0.001
