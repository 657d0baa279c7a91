"""Changes that are no change of the stage, or of one segment only; and a loss that halved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.truth.nights import Visits, World, look
from benchmarks.truth.record import Record, share
from benchmarks.truth.stage import BASELINE, CURRENT, DAYS, LOST, NEXT, design_of
from leakkit.findings import mix
from leakkit.findings.change_drivers import screen_changes
from leakkit.findings.finding import ALARM, CHANGED, IMPROVED, RATE, WATCH
from leakkit.findings.mix import as_split
from leakkit.findings.warnings import WarningRules, find_warnings

if TYPE_CHECKING:
    from benchmarks.truth.nights import Look
    from leakkit.findings.change_drivers import ChangeScreen
    from leakkit.findings.finding import Finding
    from leakkit.findings.stage_readings import Design

END = 480
NOW, BEFORE = (END - 90, END), (END - 360, END - 90)
SKILLS = (0.06, 0.10, 0.15, 0.25, 0.40, 0.55)
"""The share that each owner loses, always."""
OTHERS = (0.3, 0.2, 0.12)
REGIONS = ("North", "South", "East", "West", "Centre")
HORIZON = 30


def find_named(findings: tuple[Finding, ...], stage: str = "S0", kind: str = "lost") -> Finding:
    """Return the finding of one share."""
    return next(f for f in findings if (f.stage, f.kind) == (stage, kind))


# ---------------------------------------------------------------- other owners


def owners_shift(rng: np.random.Generator, tilt: float) -> tuple[Visits, list[str]]:
    """Shift the load of six owners of constant skill to the weak, from the current window on.

    Loads go with `exp(-tilt rank)` before, the best owner first, and the other way round now.
    """
    n = rng.poisson(4.0 * END)
    entered = np.sort(rng.integers(0, END, n))
    load = np.exp(-tilt * np.arange(len(SKILLS)))
    loads = np.where((entered >= NOW[0])[:, None], load[::-1], load) / load.sum()
    owner = (rng.random(n)[:, None] > loads.cumsum(axis=1)).sum(axis=1).clip(max=len(SKILLS) - 1)
    left = entered + np.floor(rng.gamma(1.5, 5.0, n)).astype(np.int64)
    exits = np.where(rng.random(n) < np.array(SKILLS)[owner], LOST, NEXT)
    return Visits(entered, left, exits), [f"Owner {one + 1}" for one in owner]


def judge_owners(seed: int) -> Finding:
    """Say what is said of a stage whose owners shift, among others where nothing happens."""
    rng = np.random.default_rng([21, seed])
    visits, owner = owners_shift(rng, rng.uniform(0.1, 0.8))
    other = [REGIONS[one] for one in rng.integers(0, len(REGIONS), len(owner))]
    night = look([visits, *World(lost=OTHERS, days=(8.0, 13.0, 9.0)).live(rng, END)], END)
    first = find_named(night.findings)
    if first.severity not in CHANGED:
        return first
    design = design_of(
        visits.entered,
        visits.left - visits.entered,
        visits.exits,
        days=END,
        segments={"owner": owner, "region": other},
        owner="owner",
    )
    found = mix.split(design, NOW, BEFORE, night.ages[0][1], phi=first.phi or 1.0)
    return find_named(find_warnings(night.watched, WarningRules(), {first.key: as_split(found)}))


def owner_mix_is_no_rate(runs: int = 200) -> Record:
    """Shift the load to the weak owners, and count what is called a change of the stage."""
    found = [judge_owners(seed) for seed in range(runs)]
    alarms = sum(one.severity == ALARM for one in found)
    claims = sum(one.severity == WATCH and one.says == RATE for one in found)
    watched = sum(one.severity == WATCH for one in found)
    apart = sum(one.split is not None and one.split.rate is None for one in found)
    note = (
        "Six owners lose 6 to 55 % of their deals, always; their loads are turned round in the "
        "current 90 days, by more or less from run to run. "
        f"{watched} of {runs} are watched for other deals coming in; in {apart} the deals of "
        "the two windows cannot be compared, and the page says that it cannot be told."
    )
    return Record(
        "load shifts to the weak of six owners of constant skill",
        "alarm in at most .02, a watch that claims a rate in at most .06",
        f"alarm in {share(alarms / runs)}, a rate claimed by a watch in {share(claims / runs)}",
        runs,
        alarms <= 0.02 * runs and claims <= 0.06 * runs,
        (note,),
    )


# ---------------------------------------------------------------- a loss that halved


def halve(seed: int) -> Look:
    """Look at a pipeline of which one stage loses half as much in the current window."""
    world = World(more_from=(0, NOW[0], -0.1))
    return look(world.live(np.random.default_rng([22, seed]), END), END)


def halved_loss_is_better(runs: int = 200) -> Record:
    """Halve the losses of one stage, and count what is called better."""
    looks = [halve(seed).findings for seed in range(runs)]
    found = [find_named(one).severity for one in looks]
    better = sum(one in IMPROVED for one in found)
    sure = sum(one == "better" for one in found)
    others = [f for one in looks for f in one if (f.stage, f.kind) != ("S0", "lost")]
    false = sum(one.severity == "better" for one in others)
    note = (
        f"Better in {sure}, perhaps better in {better - sure} of {runs}. Of the "
        f"{len(others):,} other shares of these pipelines, in which nothing changed, {false} "
        "are called better."
    )
    return Record(
        "a stage that lost 20 of 100 loses 10 in the current window",
        "better or perhaps better in at least .80",
        f"in {share(better / runs)}",
        runs,
        better >= 0.8 * runs,
        (note,),
    )


# ---------------------------------------------------------------- the season


def season(seed: int, amplitude: float = 0.08) -> tuple[Finding, ...]:
    """Return the findings of losses where every year is alike, at the worst time of the year."""
    rng = np.random.default_rng([23, seed])
    world = World(season=amplitude, worst_day=END - 45 - int(rng.integers(0, 30)))
    findings = look(world.live(rng, END), END).findings
    return tuple(one for one in findings if one.kind == "lost")


def season_is_no_alarm(runs: int = 200) -> Record:
    """Look at the worst time of a yearly season without a trend."""
    found = [one for seed in range(runs) for one in season(seed)]
    alarms = sum(one.severity == ALARM for one in found)
    told = [one for one in found if one.severity in CHANGED]
    as_last = sum(one.as_last_year for one in told)
    note = (
        "Four stages lose 8 points more than on average at the worst time of every year, and "
        f"8 fewer half a year later. Of {len(found):,} losses {len(told):,} got a word: they are "
        "more than before, but so they were a year ago."
    )
    return Record(
        "a yearly season without a trend, seen at its worst",
        "no alarm; said to be as last year in at least .80 of what is said to be worse",
        f"{alarms} alarms; as last year in {share(as_last / max(len(told), 1))} of {len(told)}",
        runs,
        not alarms and as_last >= 0.8 * len(told) > 0,
        (note,),
    )


# ---------------------------------------------------------------- another speed


def everybody_slower(runs: int = 200) -> Record:
    """Let all deals of the current window take twice as long, and count lower losses."""
    looks = [
        look(World(slow_from=NOW[0]).live(np.random.default_rng([24, run]), END), END)
        for run in range(runs)
    ]
    found = [one for each in looks for one in each.findings if one.kind == "lost"]
    better = sum(one.severity in IMPROVED for one in found)
    slower = sum(one.decided is not None and one.decided.speed == "slower" for one in found)
    fell = sum((one.p_value or 1.0) <= 0.05 and (one.change or 0.0) < 0.0 for one in found)
    return Record(
        "everybody takes twice as long in the current window",
        "losses called better, or perhaps better, in at most .05 of the stages",
        f"in {share(better / len(found))} of {len(found)}",
        runs,
        better <= 0.05 * len(found),
        (_slower_note(fell, slower, len(found)),),
    )


def _slower_note(fell: int, slower: int, stages: int) -> str:
    """Say how often the share fell by the speed alone."""
    return (
        f"The share lost within h fell with p <= .05 in {fell} of {stages} stages, though "
        f"as many deals are lost in the end; of {slower} the page says that deals leave later."
    )


# ---------------------------------------------------------------- one segment


def segments_of(rng: np.random.Generator, leak: float, deals: int = 1800) -> Design:
    """Return a stage of which one region loses more by `leak` since 90 days.

    Regions, owners and products always lose more or less than others.
    """
    entered = rng.integers(0, DAYS, deals)
    region, owner = rng.integers(0, len(REGIONS), deals), rng.integers(0, 8, deals)
    product = rng.integers(0, 4, deals)
    chance = 0.2 + rng.normal(0, 0.04, len(REGIONS))[region]
    chance += rng.normal(0, 0.04, 8)[owner] + rng.normal(0, 0.04, 4)[product]
    chance += leak * ((region == 1) & (entered >= CURRENT[0]))
    lost = rng.random(deals) < chance.clip(0.02, 0.98)
    return design_of(
        entered,
        np.floor(rng.gamma(1.5, 6.0, deals)).astype(np.int64),
        np.where(lost, LOST, NEXT),
        segments={
            "region": [REGIONS[one] for one in region],
            "owner": [f"O{one}" for one in owner],
            "product": [f"P{one}" for one in product],
        },
        owner="owner",
        value=np.round(np.exp(rng.normal(9, 1, deals)) * 100).astype(np.int64),
    )


def screen(seed: int, leak: float) -> ChangeScreen:
    """Ask which segment drove the change."""
    design = segments_of(np.random.default_rng([25, seed]), leak)
    return screen_changes(design, CURRENT, BASELINE, HORIZON, q=0.03)


def leaking_segment_is_named(runs: int = 200) -> Record:
    """Plant a leak in one region since 90 days, and none."""
    found = [screen(seed, 0.3).drivers for seed in range(runs)]
    first = sum(bool(one) and (one[0].column, one[0].value) == ("region", "South") for one in found)
    beside = sum(len(one) > 1 for one in found)
    silent = sum(not screen(seed, 0.0).drivers for seed in range(runs))
    note = (
        "1,800 deals of 360 days, five regions, eight owners, four products and the value in "
        "quintiles, which always lose more or less than others. Another segment was named "
        f"beside it in {beside} of {runs}."
    )
    return Record(
        "one region of five loses 30 points more since 90 days; or nothing changed",
        "named first in at least .80; silent without in at least .95",
        f"first in {share(first / runs)}; silent in {share(silent / runs)}",
        2 * runs,
        first >= 0.8 * runs and silent >= 0.95 * runs,
        (note,),
    )


__all__ = [
    "everybody_slower",
    "halved_loss_is_better",
    "leaking_segment_is_named",
    "owner_mix_is_no_rate",
    "season_is_no_alarm",
]
