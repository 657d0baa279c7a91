"""What entries to stages are worth, and how deals go on: the counts behind section 6."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from leakkit.analysis import learning
from leakkit.findings import value
from leakkit.findings.value import Recent, doors_in_the_end
from leakkit.findings.whatif import Costs, Moves, embed, leaving_row
from leakkit.measures import age_counts as taken
from leakkit.measures.stage_results import chance_to_win, chance_with_the_rest
from leakkit.measures.survival import final_age
from leakkit.store import deal_queries, queries, schema
from leakkit.store.count_requests import Window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from leakkit.analysis.learning import Ages, PipelineDays, Stays
    from leakkit.findings.whatif import Chain
    from leakkit.measures.age_counts import StayCounts
    from leakkit.measures.stage_results import Learnt
    from leakkit.measures.survival import Floats
    from leakkit.store.count_requests import Counts

NO_ENTRANTS = value.Entrants(0, None, 0.0, None)


def find_costs(
    counts: Counts,
    pipelines: Sequence[PipelineDays],
    stays: Stays,
    ages: Ages,
) -> dict[int, Costs]:
    """Count what the costs of every pipeline need, for all of them at once."""
    windows = [Window(p.number, 0, *p.windows.current) for p in pipelines if p.windows.current]
    entered, largest = counts.entrants(windows)
    worth_of = _entrants(entered, largest)
    inflow, following, wins, started = (
        (dict(taken.groups(frame, ["pipeline"])), frame.iloc[:0])
        for frame in (
            counts.ask(queries.ENTERED),
            counts.ask(deal_queries.FOLLOWING),
            counts.ask(deal_queries.WINS),
            counts.ask(queries.STARTED),
        )
    )
    found = {}
    for one in pipelines:
        key, names = (one.number,), one.places
        own = {(k[0], k[2], k[3]): v for k, v in stays.items() if k[1] == one.number}
        moves = Moves.read(following[0].get(key, following[1]))
        begun = _count_begun(started[0].get(key, started[1]), len(names))
        chain = embed({k[1:]: v for k, v in own.items() if k[0] == learning.ALL}, moves, begun)
        lives = _until_won(wins[0].get(key, wins[1]), len(names))
        won = [chance_to_win(life)[0].share for life in lives]
        landing = _landing(chain, won)
        ended = _landing(chain, [chance_with_the_rest(life) for life in lives])
        doors = tuple(_landing_by_exit(moves, stage, landing) for stage in names)
        worths = tuple(
            value.Worth(
                worth_of.get((one.number, stage), NO_ENTRANTS),
                _chances(own, stage, doors[stage], ages[one.number, stage]),
                _recent(own, stage, moves, 2 * len(names)),
            )
            for stage in names
        )
        new = _new_deals(inflow[0].get(key, inflow[1]), one)
        found[one.number] = Costs(
            chain,
            worths,
            new,
            _estimate_chance(chain, won),
            tuple(map(float, landing[::2])),
            tuple(_landing_by_exit(moves, stage, ended) for stage in names),
        )
    return found


def _entrants(
    entered: pd.DataFrame, largest: pd.DataFrame
) -> dict[tuple[int, ...], value.Entrants]:
    """Collect the first entries of every stage."""
    keys = zip(largest["pipeline"], largest["stage"], strict=True)
    most = dict(zip(keys, largest["total"], strict=True))
    return {
        key: value.entrants(
            rows["n"].to_numpy(np.float64),
            rows["known"].to_numpy(np.float64),
            rows["total"].to_numpy(np.float64),
            float(most[key]) if key in most else None,
        )
        for key, rows in taken.groups(entered, ["pipeline", "stage"])
    }


def _count_begun(started: pd.DataFrame, stages: int) -> Floats:
    """Return how many deals began in each stage."""
    new = started[started["entry"] == schema.NEW]
    begun = np.zeros(stages)
    np.add.at(begun, new["stage"].to_numpy(np.int64), new["n"].to_numpy(np.float64))
    return begun


def _new_deals(inflow: pd.DataFrame, one: PipelineDays) -> int:
    """Return how many deals came into a pipeline in its current window."""
    if one.windows.current is None:
        return 0
    first, end = one.windows.current
    inside = (inflow["day"] >= first) & (inflow["day"] < end)
    return int(inflow["n"][inside].sum())


def _until_won(wins: pd.DataFrame, stages: int) -> list[StayCounts]:
    """Return by stage how long deals lived from their first entry into it."""
    counted = taken.stays_by_group(wins, ["stage"])
    return [counted.get((stage,), learning.NO_VISITS) for stage in range(stages)]


def _landing(chain: Chain, won: list[float | None]) -> Floats:
    """Return the chance to win from every state: estimated directly, else that of the chain."""
    found = chain.chances.copy()
    for stage, chance in enumerate(won):
        if chance is not None:
            found[2 * stage] = chance
    return found


def _landing_by_exit(moves: Moves, stage: int, landing: Floats) -> dict[str, float]:
    """Return the mean chance to win of deals that left first visits of a stage, by the exit."""
    first, found = moves.out_of(stage, learning.FIRST), {"won_here": 1.0}
    for kind in ("next", "jumped", "returned"):
        gone = first.by(kind)
        if gone.n.size:
            found[kind] = float(np.average(landing[gone.to], weights=gone.n))
    return found


def _chances(
    own: Mapping[tuple[int, int, int], StayCounts],
    stage: int,
    landing: Mapping[str, float],
    learnt: Learnt,
) -> value.Chances:
    """Return the chances to win of deals that one stage let go in different ways."""
    stay = own.get((learning.ALL, stage, learning.FIRST), learning.NO_VISITS)
    return value.chances(stay.curve(), landing, learnt.expected.age)


def _recent(
    own: Mapping[tuple[int, int, int], StayCounts], stage: int, moves: Moves, states: int
) -> Recent | None:
    """Read one stage in both windows, at the age at which the whole history is read."""
    stay = own.get((learning.ALL, stage, learning.FIRST), learning.NO_VISITS)
    whole = stay.curve()
    age = final_age(whole)
    now, before = (
        None if part is None else doors_in_the_end(part.curve(), whole, age)
        for part in (
            own.get((learning.ENTERED, stage, learning.FIRST)),
            own.get((learning.BASELINE, stage, learning.FIRST)),
        )
    )
    if now is None:
        return None
    first = moves.out_of(stage, learning.FIRST)
    return Recent(leaving_row(now[0], first, states), now[1], None if before is None else before[1])


def _estimate_chance(chain: Chain, won: list[float | None]) -> float | None:
    """Return the chance of a new deal to win, estimated without the chain."""
    total = 0.0
    for stage, chance in enumerate(won):
        share = float(chain.start[2 * stage])
        if share and chance is None:
            return None
        total += share * (chance or 0.0)
    return total
