"""Causes planted with and without signs, said wrongly, or closed late: what is determined?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from benchmarks.truth.record import Record, share, table
from benchmarks.truth.stage import BASELINE, CURRENT, Planted, elsewhere, simulate
from leakkit.findings.verdicts import Verdict, find_cause

COMPLEXITY, UNCONVINCING = "complexity", "unconvincing"
MOSTLY_C, MOSTLY_U, HALVES, NONE = (0.7, 0.05), (0.05, 0.7), (0.45, 0.45), (0.2, 0.3)


@dataclass(frozen=True)
class Scenario:
    """What is planted, which family that is, and whether a right verdict is to be expected."""

    name: str
    planted: Planted
    family: str
    with_signs: bool = False


SCENARIOS = (
    Scenario("complexity, with signs", Planted(MOSTLY_C), COMPLEXITY, with_signs=True),
    Scenario("unconvincing, with signs", Planted(MOSTLY_U), UNCONVINCING, with_signs=True),
    Scenario("complexity, without signs", Planted(MOSTLY_C, sign_share=0.0), COMPLEXITY),
    Scenario("unconvincing, without signs", Planted(MOSTLY_U, sign_share=0.0), UNCONVINCING),
    Scenario("unconvincing, 60 % closed late", Planted(MOSTLY_U, late_share=0.6), UNCONVINCING),
    Scenario(
        "the same, no reason stated",
        Planted(MOSTLY_U, late_share=0.6, missing_share=1.0),
        UNCONVINCING,
    ),
    Scenario("half and half", Planted(HALVES), ""),
    Scenario(
        "complexity, reasons wrong in a third",
        Planted(MOSTLY_C, wrong_share=1 / 3),
        COMPLEXITY,
        with_signs=True,
    ),
    Scenario(
        "unconvincing, reasons wrong in a third",
        Planted(MOSTLY_U, wrong_share=1 / 3),
        UNCONVINCING,
        with_signs=True,
    ),
    Scenario(
        "neither (other reasons), none stated",
        Planted(NONE, sign_share=0.0, missing_share=1.0),
        "",
    ),
)


@dataclass(frozen=True)
class Outcome:
    """How often a scenario came out right, wrong and not determined, as shares of the runs.

    Right is the planted family. Wrong is another one of the two; where both or neither
    are planted, either of them. `other` is neither. `long`: the losses are said to behave
    like a process that is too complex, whatever the verdict.
    """

    scenario: Scenario
    right: float
    wrong: float
    undetermined: float
    verdicts: Counter[str]
    long: float

    @property
    def right_of_determined(self) -> float:
        """Return the share of right verdicts among those that name a family."""
        determined = 1.0 - self.undetermined
        return self.right / determined if determined else 1.0


def observe(scenario: Scenario, runs: int, seed: int, *, here_only: bool = False) -> Outcome:
    """Read so many simulated stages; what is always written, is so elsewhere if not `here_only`."""
    usual = elsewhere("" if here_only else scenario.planted.always)
    found = [
        find_cause(
            simulate(np.random.default_rng([seed, run]), scenario.planted),
            CURRENT,
            BASELINE,
            elsewhere=usual,
        )
        for run in range(runs)
    ]
    families = [cause.verdict.family for cause in found]
    wrong = {COMPLEXITY, UNCONVINCING} - {scenario.family}
    return Outcome(
        scenario,
        right=float(np.mean([bool(one) and one == scenario.family for one in families])),
        wrong=float(np.mean([one in wrong for one in families])),
        undetermined=float(np.mean([not one for one in families])),
        verdicts=Counter(_words(cause.verdict) for cause in found),
        long=float(np.mean([cause.behaviour.family == COMPLEXITY for cause in found])),
    )


def _words(verdict: Verdict) -> str:
    """Return a verdict as it stands in the table."""
    return f"{verdict.family} {verdict.strength}" if verdict.family else verdict.why


def planted_causes_are_found(runs: int = 500) -> Record:
    """Plant causes in every way, and count the verdicts."""
    found = [observe(scenario, runs, 6000 + number) for number, scenario in enumerate(SCENARIOS)]
    signed = [one for one in found if one.scenario.with_signs]
    right = min(one.right_of_determined for one in signed)
    wrong = max(found, key=lambda one: one.wrong)
    rows = [
        [
            one.scenario.name,
            share(one.right),
            share(one.wrong),
            share(one.undetermined),
            "; ".join(f"{name} {n}" for name, n in one.verdicts.most_common()),
        ]
        for one in found
    ]
    heads = ["planted", "right", "wrong", "not determined", "verdicts"]
    note = (
        "A stage of kind offer with 900 deals in 360 days, .30 of them lost, a third of the "
        "reasons missing. Of the losses .70 have the planted cause, .90 of those behave like "
        "it: early and dear, or long and with more returns. Half and half: .45 each; either "
        "verdict then counts as wrong, though it names one of two causes."
    )
    return Record(
        "causes planted with signs; without signs; late paperwork; half and half; reasons wrong "
        "in a third",
        "right at least .85 of determined with signs; wrong at most .05 everywhere",
        f"right {share(right)} of determined at worst; wrong {share(wrong.wrong)} at most "
        f"({wrong.scenario.name})",
        runs * len(SCENARIOS),
        right >= 0.85 and wrong.wrong <= 0.05,
        (note, table(heads, rows)),
    )


GAVE_UP = "gave_up"
SILENT = (
    Scenario(
        "price written for everything", Planted(NONE, sign_share=0.0, always=UNCONVINCING), ""
    ),
    Scenario(
        "everybody twice as slow",
        Planted(NONE, sign_share=0.0, missing_share=1.0, slower=2.0, longer=1.0),
        "",
    ),
    Scenario(
        "complexity, with signs, all say that they gave up",
        Planted(MOSTLY_C, always=GAVE_UP),
        COMPLEXITY,
        with_signs=True,
    ),
    Scenario(
        "unconvincing, with signs, all say that they gave up",
        Planted(MOSTLY_U, always=GAVE_UP),
        UNCONVINCING,
        with_signs=True,
    ),
    Scenario(
        "all say that they gave up, without signs",
        Planted(NONE, sign_share=0.0, always=GAVE_UP),
        "",
    ),
)
"""What the reasons cannot tell, or what they seem to."""


def reasons_do_not_tell(runs: int = 200) -> Record:
    """Write reasons that do not say why, and let everybody be slower."""
    found = [
        observe(scenario, runs, 6100 + number, here_only=scenario.planted.always == GAVE_UP)
        for number, scenario in enumerate(SILENT)
    ]
    right = min(one.right for one in found if one.scenario.with_signs)
    wrong = max(one.wrong for one in found)
    silent = min(one.undetermined for one in found if not one.scenario.with_signs)
    heads = ["planted", "right", "wrong", "not determined", "looks complex", "verdicts"]
    rows = [
        [
            one.scenario.name,
            *map(share, (one.right, one.wrong, one.undetermined, one.long)),
            "; ".join(f"{name} {n}" for name, n in one.verdicts.most_common()),
        ]
        for one in found
    ]
    note = (
        "The stage of the row above. Price is written in the other stages, too; that customers "
        "gave up is written here more often than there."
    )
    return Record(
        "price written for everything; everybody slower; reasons that say the customer gave up, "
        "with and without signs",
        "with signs right in at least .70 and wrong in at most .05; no verdict in at least .95 "
        "of the others; losses look too slow in at most .05 where everybody is slower",
        f"right in {share(right)} at worst, wrong in {share(wrong)} at most; no verdict in "
        f"{share(silent)} at worst; too slow in {share(found[1].long)}",
        runs * len(SILENT),
        right >= 0.7 and wrong <= 0.05 and silent >= 0.95 and found[1].long <= 0.05,
        (note, table(heads, rows)),
    )
