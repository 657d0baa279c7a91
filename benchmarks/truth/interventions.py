"""Interventions: none that did nothing is called one that worked, and a planted one is found."""

from __future__ import annotations

import numpy as np

from benchmarks.truth.record import Record, share, table
from leakkit.findings.intervention_effects import FEWER, MORE, UNCLEAR, Effect, compare_since, judge
from leakkit.findings.stage_readings import FAR, LOST, UNKNOWN, Design
from leakkit.measures.age_counts import EXITS
from leakkit.measures.survival import Z95

NEXT = EXITS.index("next")
DAY, END, AGE = 500, 650, 30
CURRENT, BASELINE = 90, 270
BASE, EFFECT = 0.30, -0.08
A_DAY = 3
SAID = (FEWER, MORE)


def simulate(*, seed: int, before: float, since: float, day: int = DAY, end: int = END) -> Design:
    """Three deals a day enter; each leaves within 30 days, lost with the share of its side."""
    rng = np.random.default_rng(seed)
    entered = np.repeat(np.arange(end), A_DAY)
    n = len(entered)
    lost = rng.random(n) < np.where(entered >= day, since, before)
    left = entered + rng.integers(1, 30, n)
    seen = left < end
    nothing = np.zeros(n, np.int64)
    return Design(
        stage=0,
        kinds=("",),
        per_day=1,
        opportunity=np.arange(n),
        visit=nothing + 1,
        exit=np.where(seen, np.where(lost, LOST, NEXT), 0),
        entered_day=entered,
        left_day=np.where(seen, left, FAR),
        entered_tick=entered,
        left_tick=np.where(seen, left, FAR),
        returns=nothing,
        passages_before=nothing,
        value=nothing + UNKNOWN,
        outcome=nothing,
        reason=nothing,
        reasons=("",),
        segments={},
        labels={},
        passages=n,
    )


def effect_of(
    design: Design, others: tuple[Design, ...] = (), first: int = CURRENT + BASELINE, last: int = 0
) -> Effect:
    """Judge the intervention of the day."""
    before = (DAY - first, DAY - last)
    found = [compare_since(each, before, (DAY, END), AGE) for each in (design, *others)]
    touched, *rest = (one for one in found if one is not None)
    return judge("A", AGE, touched, rest)


def is_worse(design: Design) -> bool:
    """Say whether the days before the day were worse than those before them, by 1.96 errors."""
    lost, day = design.exit == LOST, design.entered_day
    now = lost[(day >= DAY - CURRENT) & (day < DAY)]
    then = lost[(day >= DAY - CURRENT - BASELINE) & (day < DAY - CURRENT)]
    pooled = float(np.concatenate([now, then]).mean())
    error = (pooled * (1.0 - pooled) * (1.0 / len(now) + 1.0 / len(then))) ** 0.5
    return bool(now.mean() - then.mean() > Z95 * error)


def interventions_are_judged(seed: int = 71_000, runs: int = 200) -> Record:
    """Null actions after false alarms, and actions that take 8 points off the losses."""
    alarmed: list[Design] = []
    at = 0
    while len(alarmed) < runs:
        design = simulate(seed=seed + at, before=BASE, since=BASE)
        alarmed += [design] if is_worse(design) else []
        at += 1
    worlds = {
        "all days that the alarm compared": (CURRENT + BASELINE, 0),
        "its last 90 days, which looked worse": (CURRENT, 0),
        "the days before those": (CURRENT + BASELINE, CURRENT),
    }
    calls = {
        name: [effect_of(one, first=first, last=last).verdict for one in alarmed]
        for name, (first, last) in worlds.items()
    }
    called = float(np.mean([one != UNCLEAR for one in next(iter(calls.values()))]))
    planted = [
        effect_of(
            simulate(seed=seed + 50_000 + run, before=BASE, since=BASE + EFFECT),
            (simulate(seed=seed + 60_000 + run, before=0.15, since=0.15),),
        ).effect
        for run in range(runs)
    ]
    covered = float(np.mean([e is not None and e.low <= EFFECT <= e.high for e in planted]))
    found = float(np.mean([e is not None and e.high < 0.0 for e in planted]))
    mean = float(np.mean([0.0 if e is None else e.value for e in planted]))
    rows = [
        [f"nothing was done; against {name}", *(share(said.count(v) / runs) for v in SAID), ""]
        for name, said in calls.items()
    ]
    last = ["8 points fewer lost, an untouched stage beside it", share(found), "", share(covered)]
    return Record(
        "an action that does nothing, after a false alarm; one that takes 8 points off the losses",
        "the null action called in <= .06; the planted one inside its range in >= .93",
        f"null called in {share(called)}; planted covered in {share(covered)}, mean {mean:+.3f}",
        2 * runs,
        bool(called <= 0.06 and covered >= 0.93),
        (
            (
                "An action follows an alarm, so the days before it are not chosen by chance. "
                "Against the bad days alone it seems to work, against the good days before them "
                "to harm; against both together it is judged as it should be."
            ),
            table(["world", "fewer", "more", "covered"], [*rows, last]),
        ),
    )
