"""Two parts side by side: planted differences, and none where only owners or months differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.truth.record import Record, share, table
from leakkit.findings.part_comparison import (
    FEWER,
    MORE,
    Gap,
    Visits,
    compare_stage,
    judge_gaps,
    wobble_of,
)
from leakkit.findings.stage_readings import FAR, LOST
from leakkit.measures.age_counts import EXITS

if TYPE_CHECKING:
    from leakkit.findings.stage_readings import Bools

NEXT = EXITS.index("next")
END, AGE, Q = 540, 30, 0.03
BASES = (0.15, 0.3, 0.08)
"""The shares that the stages lose."""
MONTHS = tuple((END - 90 - 30 * (back + 1), END - 90 - 30 * back) for back in range(9))
PLANTED = 0.15


def visits(
    seed: int,
    base: float,
    *,
    deals: int = 900,
    owners: int = 10,
    nested: bool = False,
    owner_sd: float = 0.0,
    month_sd: float = 0.0,
    planted: float = 0.0,
    day: int = 0,
) -> tuple[Visits, Bools]:
    """Deals that enter a stage, and which of them are of the first part.

    That is two of five of every owner, where `nested` every other owner, or those from a
    `day` on. Owners and months differ each by itself, in logits.
    """
    rng = np.random.default_rng(seed)
    entered, owner = np.sort(rng.integers(0, END, deals)), rng.integers(1, owners + 1, deals)
    first = owner % 2 == 0 if nested else rng.random(deals) < 0.4
    first = entered >= day if day else first
    logit = np.log(base / (1.0 - base)) + owner_sd * rng.standard_normal(owners + 1)[owner]
    logit += month_sd * rng.standard_normal(END // 30 + 1)[entered // 30]
    lost = rng.random(deals) < 1.0 / (1.0 + np.exp(-logit)) + planted * first
    left = entered + rng.integers(1, 28, deals)
    seen = left < END
    return Visits(
        per_day=1,
        opportunity=np.arange(deals),
        visit=np.ones(deals, np.int64),
        exit=np.where(seen, np.where(lost, LOST, NEXT), 0),
        entered_tick=entered,
        left_tick=np.where(seen, left, FAR),
        owner=owner,
    ), first


def compare_at_stages(
    seed: int, *, by_owner: bool = True, day: int = 0, planted: float = 0.0, **world: float
) -> tuple[Gap, ...]:
    """Compare both parts at three stages; what is planted is so at the first one."""
    made = [
        visits(10 * seed + at, base, day=day, planted=0.0 if at else planted, **world)  # type: ignore[arg-type] # bools and numbers by name
        for at, base in enumerate(BASES)
    ]
    wobbling = wobble_of([(each, AGE) for each, _ in made], MONTHS)
    days = ((day, END), (0, day)) if day else ((0, END), (0, END))
    return judge_gaps(
        [
            compare_stage(
                at,
                (each if day else each.only(first), days[0]),
                (each if day else each.only(~first), days[1]),
                AGE,
                wobbling,
                by_owner=by_owner,
            )
            for at, (each, first) in enumerate(made)
        ],
        Q,
    )


def is_called(gaps: tuple[Gap, ...]) -> bool:
    """Say whether anything is called more than chance."""
    return any(gap.verdict in {MORE, FEWER} for gap in gaps)


WORLDS: dict[str, dict[str, float]] = {
    "nothing differs": {},
    "nothing differs, 120 deals": {"deals": 120},
    "owners differ (sd .5), each with deals of both parts": {"owner_sd": 0.5},
    "20 owners differ, each of one part": {"owners": 20, "owner_sd": 0.5, "nested": True},
    "10 owners differ, each of one part": {"owners": 10, "owner_sd": 0.5, "nested": True},
    "6 owners differ, each of one part": {"owners": 6, "owner_sd": 0.5, "nested": True},
    "before and after a day": {"day": 400},
    "before and after a day, months wobble (sd .3)": {"day": 400, "month_sd": 0.3},
}


def sides_are_compared(seed: int = 83_000, runs: int = 300) -> Record:
    """Parts that do not differ, and parts of which one loses 15 points more."""
    rows, worst = [], 0.0
    for name, world in WORLDS.items():
        found = [compare_at_stages(seed + run, **world) for run in range(runs)]  # type: ignore[arg-type] # as above
        plain = [compare_at_stages(seed + run, by_owner=False, **world) for run in range(runs)]  # type: ignore[arg-type] # as above
        null = float(np.mean([is_called(gaps) for gaps in found]))
        worst = max(worst, null)
        without = float(np.mean([is_called(gaps) for gaps in plain]))
        rows.append([name, share(null), share(without), "", ""])
    hit, covered = [], []
    for run in range(runs):
        first = compare_at_stages(seed + 50_000 + run, planted=PLANTED)[0]
        hit.append(first.verdict == MORE)
        held = first.comparison
        covered.append(held is not None and held.low <= PLANTED <= held.high)
    found_share, held_share = float(np.mean(hit)), float(np.mean(covered))
    last = ["one part loses 15 points more", "", "", share(found_share), share(held_share)]
    return Record(
        "two parts side by side, at three stages: nothing differs, or only owners or months do; "
        "15 points planted",
        "anything called more than chance in <= .06; the planted points found in >= .95 and "
        "inside their range in >= .93",
        f"called in at most {share(worst)}; found in {share(found_share)}, "
        f"covered in {share(held_share)}",
        runs * (len(WORLDS) + 1),
        bool(worst <= 0.06 and found_share >= 0.95 and held_share >= 0.93),
        (
            (
                "Where each owner has deals of one part only, a difference of parts may be one of "
                "owners: without them in the error, it is called several times as often."
            ),
            table(["world", "called", "without owners", "found", "covered"], [*rows, last]),
        ),
    )
