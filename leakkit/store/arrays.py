"""The heaviest counts, in arrays; the same numbers as `queries` gives.

Some count every visit (`OF_ALL_DEALS`). The others count the plain deals (`visit_arrays` says
which are): all other deals are counted by the queries, and the two add up (`add`). The queries
are the definition: a test holds each function of this module to its own (tests/test_arrays.py).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from leakkit.store import deal_queries, queries, schema
from leakkit.store.visit_arrays import FAR, group_rows, join_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from leakkit.store.visit_arrays import Counted, DealVisits, Dimension

    Ints = NDArray[np.signedinteger[Any]]
    Flags = NDArray[np.bool_]
    Frames = Mapping[str, pd.DataFrame]
    Parts = Iterator[Counted]


def _of(deals: DealVisits, frame: pd.DataFrame, column: str, other: int) -> Ints:
    """Return a number by pipeline, as an array; `other` where the frame has none."""
    size = 1 + max(int(deals.pipeline.max()), int(frame["pipeline"].max()))
    # ticks are no larger, and what is no larger is gathered faster
    found = np.full(size, other, np.int32)
    found[frame["pipeline"].to_numpy()] = frame[column].to_numpy()
    return found


def _stages(deals: DealVisits, at: Any = slice(None)) -> list[Dimension]:  # noqa: ANN401 - places or a slice
    """Return the dimensions of pipeline and stage of some rows."""
    return [("pipeline", deals.pipeline[at]), ("stage", deals.stage[at])]


# ---------------------------------------------------------------- the counts


def stays(deals: DealVisits, tables: Frames) -> Parts:
    """Count what `queries.STAYS` counts."""
    for asked in tables["parts"].astype("int64").to_dict("records"):
        for place, visits in deals.stages_of([asked["pipeline"]]):
            alike = place | {"part": asked["part"]}
            first, end, begun = asked["first_tick"], asked["end_tick"], bool(asked["entered"])
            some = visits.between(first, end, begun=begun, first_only=False)
            arrive, leave, exits = some.ages(first, end)
            same = [("visits", some.visits)]
            yield group_rows([*same, ("age", arrive)], some.worth, arrives=1, exit=-1, **alike)
            gone = [*same, ("age", leave), ("exit", exits)]
            yield group_rows(gone, some.worth, arrives=0, **alike)


def clusters(deals: DealVisits, tables: Frames) -> Parts:
    """Count what `queries.CLUSTERS` counts."""
    for asked in tables["cluster_parts"].astype("int64").to_dict("records"):
        visits = deals.by_stage.get((asked["pipeline"], asked["stage"]))
        if visits is None:
            continue
        first, end, first_only = asked["first_tick"], asked["end_tick"], bool(asked["first_only"])
        some = visits.between(first, end, begun=False, first_only=first_only)
        arrive, leave, exits = some.ages(first, end, asked["cap"])
        cluster = (deals.opportunity if asked["own"] else deals.bucket)[some.deal]
        same = [("visits", some.visits), ("cluster", cluster)]
        alike = {name: asked[name] for name in ("sample", "pipeline", "stage")}
        yield group_rows([*same, ("age", arrive)], some.worth, arrives=1, exit=-1, **alike)
        gone = [*same, ("age", leave), ("exit", exits)]
        yield group_rows(gone, some.worth, arrives=0, **alike)


def journey(deals: DealVisits, tables: Frames) -> Parts:
    """Count what `queries.JOURNEY` counts; the close of a deal is a row of its own there."""
    start = _of(deals, tables["asked"], "start_tick", FAR)
    end = _of(deals, tables["asked"], "end_tick", -FAR)
    begun = deals.entered[deals.first]
    turns = _turns(deals)
    yield from _journey_of_visits(deals, start, end, begun, turns)
    yield from _journey_of_closes(deals, start, end, begun, turns)


def _turns(deals: DealVisits) -> Ints:
    """Return the how-manieth row of its deal on its day each row is, from 0."""
    same = (deals.deal[1:] == deals.deal[:-1]) & (deals.entered[1:] == deals.entered[:-1])
    at = np.flatnonzero(same) + 1
    counted = np.arange(len(at), dtype=np.int32)
    begins = np.concatenate([[True], np.diff(at) != 1])[: len(at)]
    turns = np.zeros(len(deals.deal), np.int32)
    turns[at] = counted - np.maximum.accumulate(np.where(begins, counted, 0)) + 1
    return turns


def _journey_of_visits(
    deals: DealVisits, start: Ints, end: Ints, begun: Ints, turns: Ints
) -> Parts:
    """Count the visits that come under observation, that are moved to, and that are censored."""
    s, e = start[deals.pipeline], end[deals.pipeline]
    new, later = deals.entry == schema.NEW, deals.entered >= s
    seen = (deals.entered < e) & (deals.gone >= s) & deals.is_plain[deals.deal]
    at = np.flatnonzero(seen & (new | ~later))
    age = np.maximum(deals.entered[at], s[at]) - begun[deals.deal[at]]
    yield _moves(deals.pipeline[at], 0, deals.stage[at], deals.stage[at], age)
    at = np.flatnonzero(seen & later & ~new)
    age = deals.entered[at] - begun[deals.deal[at]]
    yield _moves(deals.pipeline[at], 1, deals.stage[at - 1], deals.stage[at], age, turns[at])
    at = np.flatnonzero(seen & (deals.gone >= e))
    age = e[at] - 1 - begun[deals.deal[at]]
    yield _moves(deals.pipeline[at], 2, deals.stage[at], deals.stage[at], age)


def _journey_of_closes(
    deals: DealVisits, start: Ints, end: Ints, begun: Ints, turns: Ints
) -> Parts:
    """Count the same of the closes, which nothing follows."""
    closed = np.isin(deals.last_exit, (schema.WON_HERE, schema.LOST_HERE)) & deals.is_plain
    last, since = deals.last[closed], begun[closed]
    won = deals.exit[last] == schema.WON_HERE
    pipeline, code = deals.pipeline[last], np.where(won, schema.WON, schema.LOST)
    day, s, e = deals.gone[last], start[pipeline], end[pipeline]
    turn = np.where(deals.entered[last] == day, turns[last] + 1, 0)
    for kind, some, age, stage in (
        (0, (day < e) & (day < s), s - since, code),
        (1, (day < e) & (day >= s), day - since, deals.stage[last]),
        (2, day < e, e - 1 - since, code),
    ):
        told = turn[some] if kind == 1 else None
        yield _moves(pipeline[some], kind, stage[some], code[some], age[some], told)


def _moves(  # noqa: PLR0913, PLR0917 - a row of the journey
    pipeline: Ints, kind: int, stage: Ints, target: Ints, age: Ints, turn: Ints | None = None
) -> Counted:
    """Count some rows of the journey."""
    turns = np.zeros(len(age), np.int8) if turn is None else turn
    same = [("pipeline", pipeline), ("stage", stage), ("target", target)]
    return group_rows([*same, ("age", age), ("turn", turns)], kind=kind)


def wins(deals: DealVisits, tables: Frames) -> Parts:
    """Count what `queries.WINS` counts: of a plain deal its only close, and no win after a loss."""
    start = _of(deals, tables["asked"], "start_tick", FAR)
    end = _of(deals, tables["asked"], "end_tick", -FAR)
    ends = np.where(deals.end < FAR, deals.last_exit, np.int8(schema.OPEN))
    for place, visits in deals.stages_of(tables["asked"]["pipeline"]):
        s, e = start[place["pipeline"]], end[place["pipeline"]]
        some = visits.at(np.flatnonzero((visits.visits == 1) & (visits.entered < e)))
        exits, gone = ends[some.deal], deals.end[some.deal]
        seen = ((exits == schema.OPEN) | (gone >= s)) & deals.is_plain[some.deal]
        arrive = np.maximum(s - some.entered, 0)
        left = gone < e
        leave = np.where(left, gone, e - 1) - some.entered
        done = np.where(left, exits, np.int8(schema.OPEN))
        yield group_rows([("age", arrive[seen])], arrives=1, exit=-1, won_later=0, **place)
        gone_at = [("age", leave[seen]), ("exit", done[seen])]
        yield group_rows(gone_at, arrives=0, won_later=0, **place)


def count_decided(deals: DealVisits, tables: Frames) -> Parts:
    """Count what `queries.DECIDED` counts."""
    pipeline, gone = deals.pipeline[deals.last], deals.end
    start = _of(deals, tables["asked"], "start_day", FAR)[pipeline]
    last = _of(deals, tables["asked"], "last_day", -FAR)[pipeline]
    closed = gone <= last
    until = np.where(closed, gone, last)
    at = np.flatnonzero((deals.created <= last) & (until >= start) & deals.is_plain)
    arrive = np.maximum(start - deals.created, 0)
    leave = until - deals.created
    yield group_rows(
        [
            ("pipeline", pipeline[at]),
            ("arrive_age", arrive[at]),
            ("leave_age", leave[at]),
            ("closed", closed[at]),
        ]
    )


def following(deals: DealVisits, _: Frames) -> Parts:
    """Count what `queries.FOLLOWING` counts."""
    found = group_rows(
        [
            *_stages(deals),
            ("visits", deals.visits),
            ("exit", deals.exit),
            ("to_stage", deals.to_stage),
            # of the last row of a deal nothing follows, and its exit is none of these
            ("to_visits", np.append(deals.visits[1:], deals.visits[:1])),
        ]
    )
    moved = np.isin(found["exit"], (schema.NEXT, schema.JUMPED, schema.RETURNED))
    yield {name: column[moved] for name, column in found.items()}


def count_clicked_through(deals: DealVisits, tables: Frames) -> Parts:
    """Count what `queries.CLICKED_THROUGH` counts."""
    zero = deals.gone == deals.entered
    same = deals.deal[1:] == deals.deal[:-1]
    parallel = np.zeros(len(zero), bool)
    parallel[1:] |= zero[:-1] & same
    parallel[:-1] |= zero[1:] & same
    asked = np.isin(deals.pipeline, tables["asked"]["pipeline"]) & deals.is_plain[deals.deal]
    yield group_rows(_stages(deals, np.flatnonzero(zero & parallel & asked)))


def flows(deals: DealVisits, tables: Frames) -> Parts:
    """Count what `queries.FLOWS` counts."""
    days = tables["periods"].sort_values("day")
    after = int(days["day"].max()) + 1
    for place, visits in deals.stages_of(tables["asked"]["pipeline"]):
        inside = np.isin(visits.entered, days["day"])
        some = visits if inside.all() else visits.at(np.flatnonzero(inside))
        come = [("door", some.entry), ("day", some.entered)]
        yield _by_period(days, group_rows(come, some.worth, comes=1, **place))
        leave = [("door", some.exit), ("day", np.minimum(some.gone, after))]
        yield _by_period(days, group_rows(leave, some.worth, comes=0, **place))


def _by_period(days: pd.DataFrame, counted: Counted) -> Counted:
    """Return what was counted by day by the periods of the days, -1 where one has none."""
    known, given = days["day"].to_numpy(np.int64), counted.pop("day")
    at = np.minimum(np.searchsorted(known, given), len(known) - 1)
    period = np.where(known[at] == given, days["period"].to_numpy(np.int64)[at], -1)
    return counted | {"period": period}


def ends_by_stage(deals: DealVisits, tables: Frames) -> Parts:
    """Count what `queries.ENDS_BY_STAGE` counts."""
    for place, visits in deals.stages_of(tables["asked"]["pipeline"]):
        deal = visits.deal[(visits.visits == 1) & deals.is_plain[visits.deal]]
        here = deals.last_stage[deal] == place["stage"]
        yield group_rows([("exit", deals.last_exit[deal]), ("here", here)], **place)


def sizes(deals: DealVisits, _: Frames) -> Parts:
    """Count what `queries.SIZES` counts."""
    yield group_rows([("pipeline", deals.pipeline[deals.last[deals.is_plain]])])


def _late(deals: DealVisits, tables: Frames) -> tuple[Flags, Flags, Flags]:
    """Say of each deal whether it is open, and whether its visit and the whole deal are late."""
    asked, expected = tables["asked"], tables["expected"]
    pipeline, stage = deals.pipeline[deals.last], deals.last_stage
    usual = np.full((256, 256), np.inf)
    usual[expected["pipeline"].to_numpy(int), expected["stage"].to_numpy(int)] = expected[
        "expected"
    ]
    whole = np.full(256, np.inf)
    declared = asked["expected_days"].astype("Float64").fillna(np.inf).to_numpy(np.float64)
    whole[asked["pipeline"].to_numpy(int)] = declared
    is_open = (deals.last_exit == schema.OPEN) & np.isin(pipeline, asked["pipeline"])
    stood = _of(deals, asked, "end_tick", -FAR)[pipeline] - 1 - deals.entered[deals.last]
    age = _of(deals, asked, "last_day", -FAR)[pipeline] - deals.created
    return is_open, stood > usual[pipeline, stage], age > whole[pipeline]


def standing(deals: DealVisits, tables: Frames) -> Parts:
    """Count what `queries.STANDING` counts."""
    is_open, visit, deal = _late(deals, tables)
    at = np.flatnonzero(is_open & deals.is_plain)
    same = _stages(deals, deals.last[at])
    late = [("visit_late", visit[at]), ("deal_late", deal[at])]
    yield group_rows([*same, *late], deals.value[at])


def cohort(deals: DealVisits, tables: Frames) -> Parts:
    """Count what `queries.COHORT` counts of deals that have a visit."""
    is_open, visit, deal = _late(deals, tables)
    pipeline = deals.pipeline[deals.last]
    since = _of(deals, tables["cohorts"], "cohort_from", FAR)[pipeline]
    mature = deals.created < _of(deals, tables["cohorts"], "mature_before", -FAR)[pipeline]
    some = (deals.created >= since) & (deals.created < FAR) & deals.is_plain
    at = np.flatnonzero(some)
    last = deals.last[at]
    yield group_rows(
        [
            ("pipeline", pipeline[at]),
            ("furthest", np.maximum.reduceat(deals.stage, deals.first)[at]),
            ("last_stage", deals.stage[last]),
            ("exit", deals.exit[last]),
            ("overdue", (is_open & (visit | deal))[at]),
            ("mature", mature[at]),
        ],
        deals.value[at],
    )


def count_totals(deals: DealVisits, tables: Frames) -> Parts:
    """Count what `queries.TOTALS` counts."""
    end = _of(deals, tables["asked"], "end_tick", FAR)
    for place, visits in deals.stages_of(tables["asked"]["pipeline"]):
        late = (visits.gone >= end[place["pipeline"]]) & (visits.gone < FAR)
        same = [("exit", visits.exit), ("visits", visits.visits), ("late", late)]
        found = group_rows(same, visits.worth, **place)
        n, times, after = found["n"], found.pop("visits"), found.pop("late")
        yield found | {"first_visits": n * (times == 1), "after_curves": n * after}


def count_started(deals: DealVisits, tables: Frames) -> Parts:
    """Count what `queries.STARTED` counts."""
    for place, visits in deals.stages_of(tables["asked"]["pipeline"]):
        yield group_rows([("entry", visits.entry)], **place)


def count_entered(deals: DealVisits, _: Frames) -> Parts:
    """Count what `queries.ENTERED` counts."""
    new = np.flatnonzero(deals.entry == schema.NEW)
    yield group_rows([("pipeline", deals.pipeline[new]), ("day", deals.entered[new])])


def _entered(deals: DealVisits, tables: Frames) -> Iterator[tuple[dict[str, int], Ints]]:
    """Yield the stages of each part, with the deals that are there the first time within it."""
    for asked in tables["parts"].astype("int64").to_dict("records"):
        for place, visits in deals.stages_of([asked["pipeline"]]):
            inside = (visits.entered >= asked["first_tick"]) & (visits.entered < asked["end_tick"])
            yield place, visits.deal[inside & (visits.visits == 1)]


def count_entrants(deals: DealVisits, tables: Frames) -> Parts:
    """Count what `deal_queries.ENTRANTS` counts."""
    for place, some in _entered(deals, tables):
        same = [("bucket", deals.bucket[some]), ("valued", deals.valued[some])]
        found = group_rows(same, deals.value[some], **place)
        yield found | {"known": found["n"] * found.pop("valued")}


def add_largest(deals: DealVisits, tables: Frames) -> Parts:
    """Add up what `deal_queries.LARGEST` adds up: the values of one deal of a hundred."""
    for place, some in _entered(deals, tables):
        values = np.sort(deals.value[some[deals.valued[some] == 1]])
        largest = values[len(values) - (len(values) + 99) // 100 :]
        yield group_rows([("known", np.zeros(len(largest), np.int8))], largest, **place)


def _passed_over(deals: DealVisits, tables: Frames) -> tuple[Ints, Ints, Ints]:
    """Return the stages that visits pass over: their rows, the stages, a key of deal and stage."""
    at = np.flatnonzero((deals.skipped > 0) & deals.is_plain[deals.deal])
    over = pd.DataFrame(
        {
            "row": at,
            "pipeline": deals.pipeline[at].astype(np.int64),
            "from_stage": deals.stage[at].astype(np.int64),
            "skipped": deals.skipped[at].astype(np.int64),
        }
    ).merge(tables["between_stages"], on=["pipeline", "from_stage", "skipped"])
    row, stage = over["row"].to_numpy(np.int64), over["stage"].to_numpy(np.int64)
    key = deals.deal[row].astype(np.int64) * 256 + stage
    # the earliest of each deal and stage
    order = np.lexsort((row, key))
    key, row, stage = key[order], row[order], stage[order]
    own = np.concatenate([[True], key[1:] != key[:-1]])[: len(key)]
    return row[own], stage[own], key[own]


def count_skipped(deals: DealVisits, tables: Frames) -> Parts:
    """Count what `queries.SKIPPED` counts."""
    row, stage, _ = _passed_over(deals, tables)
    yield group_rows([("pipeline", deals.pipeline[row]), ("stage", stage)])


def count_reached(deals: DealVisits, tables: Frames) -> Parts:
    """Count what `queries.REACHED` counts."""
    row, stage, key = _passed_over(deals, tables)
    if not len(key):
        return
    visit, visited = deals.first_visits(key)
    kept = ~visited | (visit > row)
    row, stage, visit, visited = row[kept], stage[kept], visit[kept], visited[kept]
    gone = deals.gone[visit]
    yield group_rows(
        [
            ("pipeline", deals.pipeline[row]),
            ("stage", stage),
            ("tick", deals.gone[row]),
            ("entered_tick", np.where(visited, deals.entered[visit], 0)),
            ("exit", np.where(visited, deals.exit[visit], 0)),
            ("left_tick", np.where(visited & (gone < FAR), gone, -1)),
            ("visited", visited),
        ]
    )


COUNTS: dict[str, tuple[Callable[[DealVisits, Frames], Parts], tuple[str, ...]]] = {
    queries.STAYS: (
        stays,
        ("part", "pipeline", "stage", "visits", "arrives", "age", "exit"),
    ),
    queries.CLUSTERS: (
        clusters,
        ("sample", "pipeline", "stage", "visits", "cluster", "arrives", "age", "exit"),
    ),
    deal_queries.JOURNEY: (journey, ("pipeline", "age", "turn", "kind", "stage", "target")),
    deal_queries.WINS: (wins, ("pipeline", "stage", "arrives", "age", "exit")),
    deal_queries.DECIDED: (count_decided, ("pipeline", "arrive_age", "leave_age", "closed")),
    deal_queries.FOLLOWING: (
        following,
        ("pipeline", "stage", "visits", "exit", "to_stage", "to_visits"),
    ),
    queries.CLICKED_THROUGH: (count_clicked_through, ("pipeline", "stage")),
    queries.FLOWS: (flows, ("pipeline", "stage", "comes", "door", "period")),
    queries.ENDS_BY_STAGE: (ends_by_stage, ("pipeline", "stage", "exit", "here")),
    queries.SIZES: (sizes, ("pipeline",)),
    queries.STANDING: (standing, ("pipeline", "stage", "visit_late", "deal_late")),
    queries.COHORT: (
        cohort,
        ("pipeline", "furthest", "last_stage", "exit", "overdue", "mature"),
    ),
    queries.TOTALS: (count_totals, ("pipeline", "stage", "exit")),
    queries.STARTED: (count_started, ("pipeline", "stage", "entry")),
    queries.ENTERED: (count_entered, ("pipeline", "day")),
    deal_queries.ENTRANTS: (count_entrants, ("pipeline", "stage", "bucket")),
    deal_queries.LARGEST: (add_largest, ("pipeline", "stage")),
    queries.SKIPPED: (count_skipped, ("pipeline", "stage")),
    queries.REACHED: (
        count_reached,
        ("pipeline", "stage", "tick", "entered_tick", "exit", "left_tick", "visited"),
    ),
}
"""The queries that are counted here, with the keys by which each is in order."""
OF_ALL_DEALS = frozenset(
    {
        queries.STAYS,
        queries.CLUSTERS,
        deal_queries.FOLLOWING,
        queries.FLOWS,
        queries.TOTALS,
        queries.STARTED,
        queries.ENTERED,
        deal_queries.ENTRANTS,
        deal_queries.LARGEST,
    }
)
"""Those that count visits, whatever became of their deals: of these no query counts any."""


def add(query: str, deals: DealVisits, tables: Frames, rest: pd.DataFrame) -> pd.DataFrame:
    """Add the counts made here to those of all other deals, which the query has answered."""
    count, keys = COUNTS[query]
    mine = [part for part in count(deals, tables) if len(part["n"])]
    if not mine:
        return rest
    columns = {
        name: np.concatenate([*(part[name] for part in mine), rest[name].to_numpy(np.int64)])
        for name in rest.columns
    }
    order, new = _in_groups([columns[name] for name in keys])
    at = np.flatnonzero(new)
    summed = {
        name: column[order][at] if name in keys else np.add.reduceat(column[order], at)
        for name, column in columns.items()
    }
    return pd.DataFrame(summed).astype(rest.dtypes)


def _in_groups(keys: Sequence[Ints]) -> tuple[Ints, Flags]:
    """Return the order of rows by their keys, and which of them in it begin a group.

    Keys that fit into one number together are sorted as one, which is much faster.
    """
    spans = [(int(key.min()), int(key.max()) - int(key.min()) + 1) for key in keys]
    if math.prod(size for _, size in spans) < 2**63:
        keys = [join_numbers(keys, spans)]
    order = np.lexsort(list(reversed(keys)))
    new = np.zeros(len(order), bool)
    new[:1] = True
    for key in keys:
        column = key[order]
        new[1:] |= column[1:] != column[:-1]
    return order, new
