"""Row 19: are planted changes found as often as they can be?"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import norm
from scipy.stats import t as student

from benchmarks.truth.coverage import chance_to_leave
from benchmarks.truth.nights import PIPELINE, World, look
from benchmarks.truth.record import Record, share, table
from leakkit.analysis import analyze
from leakkit.config import Config
from leakkit.findings.comparison import STEADY
from leakkit.findings.finding import WARNING
from leakkit.findings.warnings import WarningRules, find_wobble
from leakkit.measures.age_counts import EXITS
from leakkit.sources import load

if TYPE_CHECKING:
    from benchmarks.truth.nights import Visits
    from leakkit.findings.comparison import Wobble
    from leakkit.findings.finding import Finding
    from leakkit.store import Store

BASES = (0.05, 0.1, 0.2, 0.4)
ENTRIES = (150, 300, 700)
CHANGES = (0.05, 0.1)
CURRENT_DAYS, HISTORY_DAYS = 90, 480
BEGIN = HISTORY_DAYS - CURRENT_DAYS
STAGES, CHANGED = 4, 1
DAY_0 = "2024-01-01"
LOST = EXITS.index("lost")


def world(base: float, entries: int, change: float) -> World:
    """Plan four stages of one base rate; one of them loses more from the current window on."""
    return World(
        lost=(base,) * STAGES,
        returned=0.0,
        per_day=entries / CURRENT_DAYS,
        more_from=(CHANGED, BEGIN, change),
    )


def analytic(base: float, change: float, entries: int, wobbling: Wobble) -> float:
    """Return the chance that a two-sided pooled test of level .05 sees a rise of the share.

    Of `entries` deals now and three times as many before, all of which are decided: the
    observed rise must be 3 points or more, and 1.96 standard errors (of the pooled share,
    times the root of the phi that was used, by its t) or more.
    """
    rules = WarningRules()
    before = 3 * entries
    pooled = (base * before + (base + change) * entries) / (before + entries)
    under_null = sqrt(wobbling.phi * pooled * (1 - pooled) * (1 / entries + 1 / before))
    least = max(rules.min_change, float(student.ppf(0.975, wobbling.freedom)) * under_null)
    now = base + change
    spread = sqrt(now * (1 - now) / entries + base * (1 - base) / before)
    return float(norm.sf((least - change) / spread))


@dataclass(frozen=True)
class Detected:
    """What one cell found: shares of the runs, and the mean analytic power."""

    base: float
    entries: int
    change: float
    found: float
    alarms: float
    power: float
    runs: int

    @property
    def is_enough(self) -> bool:
        """Say whether the share found is not surely under .90 of the power."""
        wanted = 0.9 * self.power
        return self.found >= wanted - 2 * sqrt(wanted * (1 - wanted) / self.runs)


def detect(base: float, entries: int, change: float, runs: int, seed: int) -> Detected:
    """Plant a rise of the lost share in one stage, and count the warnings of that stage."""
    plan = world(base, entries, change)
    severities, power = [], []
    for run in range(runs):
        key = [19, seed, round(1000 * base), entries, round(1000 * change), run]
        night = look(plan.live(np.random.default_rng(key), HISTORY_DAYS), HISTORY_DAYS)
        severities.append(severity(night.findings))
        wobbling = find_wobble(night.watched)[PIPELINE, "lost"] or STEADY
        by_then = chance_to_leave(night.ages[CHANGED][1], plan.days[CHANGED])
        power.append(analytic(base * by_then, change * by_then, entries, wobbling))
    found = np.mean([one in WARNING for one in severities])
    alarms = np.mean([one == "alarm" for one in severities])
    return Detected(base, entries, change, float(found), float(alarms), float(np.mean(power)), runs)


def severity(findings: tuple[Finding, ...]) -> str:
    """Return what is said of the losses of the changed stage."""
    stage = f"S{CHANGED}"
    return next((f.severity for f in findings if (f.stage, f.kind) == (stage, "lost")), "")


# ---------------------------------------------------------------- the whole engine


def load_visits(visits: list[Visits]) -> Store:
    """Load the same visits as deals: each begins in its stage, and is lost or won there."""
    parts = []
    for stage, one in enumerate(visits):
        ids = [f"{stage}-{n:05d}" for n in range(len(one.entered))]
        closed = one.left < HISTORY_DAYS
        close = np.where(one.exits == LOST, "Lost", "Won")
        days = np.concatenate([one.entered, one.left[closed]])
        parts.append(
            pd.DataFrame(
                {
                    "opportunity_id": [*ids, *np.array(ids)[closed]],
                    "stage": [*[f"S{stage}"] * len(ids), *close[closed]],
                    "entered_at": pd.Timestamp(DAY_0) + pd.to_timedelta(days, unit="D"),
                }
            )
        )
    last = (pd.Timestamp(DAY_0) + pd.Timedelta(days=HISTORY_DAYS - 1)).date()
    stages = ", ".join(f'{{ name = "S{n}" }}' for n in range(STAGES))
    text = (
        f'as_of = "{last}"\n[source]\nhistory_start = "{DAY_0}"\n[[pipelines]]\n'
        f'name = "{PIPELINE}"\nwon = ["Won"]\nlost = ["Lost"]\nstages = [{stages}]\n'
    )
    return load({"stage_history": pd.concat(parts, ignore_index=True)}, Config.from_text(text))


@dataclass(frozen=True)
class Agreed:
    """The p of all losses by the counts alone and by the whole engine, and the severities."""

    largest: float
    same: bool


def agree(seed: int, base: float = 0.2, entries: int = 150, change: float = 0.1) -> Agreed:
    """Ask the whole engine the same question."""
    visits = world(base, entries, change).live(np.random.default_rng([19, seed]), HISTORY_DAYS)
    core = {f.stage: f for f in look(visits, HISTORY_DAYS).findings if f.kind == "lost"}
    with load_visits(visits) as store:
        whole = {f.stage: f for f in analyze(store).all_findings if f.kind == "lost"}
    apart = [abs((core[name].p_value or 0) - (whole[name].p_value or 0)) for name in core]
    same = (core[f"S{CHANGED}"].severity in WARNING) == (whole[f"S{CHANGED}"].severity in WARNING)
    return Agreed(max(apart), same)


def changes_are_found(seed: int = 0, runs: int = 200, engines: int = 10) -> Record:
    """Row 19: the share found against the analytic power, by base rate and size."""
    cells = [
        detect(base, entries, change, runs, seed)
        for change in CHANGES
        for base in BASES
        for entries in ENTRIES
    ]
    least = min(cells, key=lambda cell: cell.found / cell.power)
    total = sum(cell.found for cell in cells) / sum(cell.power for cell in cells)
    agreed = [agree(seed + n) for n in range(engines)]
    rows = [
        [
            f"{cell.base:g}", f"{cell.entries}", f"+{cell.change:g}", share(cell.found),
            share(cell.power), f"{cell.found / cell.power:.2f}", share(cell.alarms),
        ]
        for cell in cells
    ]  # fmt: skip
    heads = ["lost share", "entries", "planted", "found", "power", "found / power", "alarm"]
    return Record(
        "a stage that loses 5 or 10 points more in the current window, base rates .05 to .4, "
        "150 to 700 entries",
        "found (alarm or watch) in at least .90 of the analytic power together, and in no cell "
        "under it by more than two standard errors",
        f"{total:.2f} of the power together; at least {least.found / least.power:.2f} "
        f"(share {least.base:g}, {least.entries} entries, +{least.change:g})",
        runs * len(cells),
        total >= 0.9 and all(cell.is_enough for cell in cells),
        (_note(agreed), table(heads, rows)),
    )


def _note(agreed: list[Agreed]) -> str:
    """Say what the power is, and whether the whole engine finds the same."""
    same = sum(one.same for one in agreed)
    return (
        "Four stages of one lost share; one loses so many points more of the deals decided in "
        "the current 90 days, and about nine tenths of the deals are decided by the horizon at "
        "which leakkit reads the share. The power is that of a two-sided pooled test at the "
        "level that a `watch` wants (.05), of as many deals as entered in the window against three "
        "times as "
        "many, all of them followed to that horizon, with the phi (and its t) of each run, "
        "and a rise of at least 3 points observed: what nobody can beat who knows the "
        "months no better. "
        "Some of the deals of a window are still open at its end; those that came in before it "
        "stand in for them. An alarm wants more: a false discovery rate over the tests, and a "
        f"second look 28 days before. Of {len(agreed)} of these pipelines read as a source by "
        f"the whole engine {same} warn or do not warn alike; p differs by at most "
        f"{max(one.largest for one in agreed):.0e}."
    )
