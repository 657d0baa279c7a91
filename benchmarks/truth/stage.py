"""One simulated stage as a design table, made without a store: cheap enough for many runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from leakkit.findings.stage_readings import FAR, UNKNOWN, Design
from leakkit.findings.stated_reasons import Elsewhere
from leakkit.measures.age_counts import EXITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leakkit.findings.stage_readings import Bools
    from leakkit.measures.survival import Floats, Ints

NEXT, RETURNED, LOST = (EXITS.index(kind) for kind in ("next", "returned", "lost"))
DAYS = 360
CURRENT, BASELINE = (270, 360), (0, 270)
OFFER_STAGE = ("qualify", "", "offer", "")
TEXTS = {
    "complexity": ("Too many documents", "Approval took too long"),
    "unconvincing": ("Price too high", "Competitor cheaper"),
    "other": ("No budget", "Duplicate"),
    "gave_up": ("No response", "Gave up waiting"),
}
USUAL = {"complexity": 40, "unconvincing": 40, "other": 40, "gave_up": 20}
"""Reasons of each family that the other stages of the pipeline give in either window."""


def design_of(
    entered: Ints | Sequence[int],
    stay: Ints | Sequence[int],
    exits: Ints | Sequence[int],
    *,
    days: int = DAYS,
    reasons: Sequence[str] = (),
    segments: Mapping[str, Sequence[str]] | None = None,
    **columns: Ints | Sequence[int] | str | tuple[str, ...] | None,
) -> Design:
    """Make a design of passages by entry day, stay and exit; what leaves after `days` is open."""
    came, lasted = np.asarray(entered, np.int64), np.asarray(stay, np.int64)
    kind = np.asarray(exits, np.int64)
    n = len(came)
    still = (kind == 0) | (came + lasted >= days)
    left = np.where(still, FAR, came + lasted)
    kind = np.where(still, 0, kind)
    said, reason = code_texts(reasons or [""] * n)
    coded_segments = {name: code_texts(texts) for name, texts in (segments or {}).items()}
    nothing = np.zeros(n, np.int64)
    given: dict[str, Any] = {
        "opportunity": np.arange(n),
        "visit": nothing + 1,
        "returns": nothing,
        "passages_before": nothing + 2,
        "value": nothing + UNKNOWN,
        "outcome": np.where(kind == LOST, 2, np.where(still, 0, 1)),
        "stage": 2,
        "kinds": OFFER_STAGE,
        "per_day": 1,
        "passages": n,
    }
    given |= {
        name: np.asarray(value, np.int64) if isinstance(value, list) else value
        for name, value in columns.items()
    }
    return Design(
        entered_day=came,
        left_day=left,
        entered_tick=came,
        left_tick=left,
        exit=kind,
        reason=reason,
        reasons=said,
        segments={name: codes for name, (_, codes) in coded_segments.items()},
        labels={name: texts for name, (texts, _) in coded_segments.items()},
        **given,
    )


def code_texts(texts: Sequence[str]) -> tuple[tuple[str, ...], Ints]:
    """Return the texts by code, the missing one first, and the codes."""
    known = ("", *sorted(set(texts) - {""}))
    place = {text: code for code, text in enumerate(known)}
    return known, np.array([place[text] for text in texts], dtype=np.int64)


@dataclass(frozen=True)
class Planted:
    """Why the losses of a simulated stage happen, and how well that can be seen.

    `families` are the shares of losses by cause, (complexity, unconvincing), the rest
    being other causes; `sign_share` of those behave like it; `late_share` of all losses
    are entered late; `wrong_share` of the stated reasons are of a random family and
    `missing_share` is not stated. `always` is the one family that is written for every
    loss; in the current window all stays are `slower` times as long, and losses stay
    `longer` times as long anyhow.
    """

    families: tuple[float, float]
    sign_share: float = 0.9
    late_share: float = 0.0
    wrong_share: float = 0.05
    missing_share: float = 1 / 3
    always: str = ""
    slower: float = 1.0
    longer: float = 1.2


def simulate(rng: np.random.Generator, planted: Planted, deals: int = 900) -> Design:
    """Simulate one stage of kind offer, in the manner of `leakkit.sample`.

    Stays are gamma with mean 12 days; losses stay 1.2 times as long. Who is lost for an
    unconvincing answer leaves early and is dear, who is lost in complexity stays long and
    goes back more often.
    """
    lost = rng.random(deals) < 0.3
    cause = np.where(lost, rng.choice(3, deals, p=_shares(planted)), 2)
    signed = lost & (rng.random(deals) < planted.sign_share)
    tangled, dear = signed & (cause == 0), signed & (cause == 1)
    entered = rng.integers(0, DAYS, deals)
    stay = rng.gamma(1.5, 8.0, deals) * np.where(lost, planted.longer, 1.0)
    stay *= np.where(entered >= CURRENT[0], planted.slower, 1.0)
    stay *= np.where(tangled, 2.5, np.where(dear, 0.2, 1.0))
    late = lost & (rng.random(deals) < planted.late_share)
    stay += np.where(late, rng.exponential(30.0, deals), 0.0)
    product = rng.integers(1, 5, deals)
    value = np.exp(rng.normal(9.0, 0.6, deals)) * 1.8**product * np.where(dear, 3.0, 1.0)
    return design_of(
        entered,
        np.floor(stay).astype(np.int64),
        np.where(lost, LOST, NEXT),
        reasons=_reasons(rng, planted, lost, cause),
        segments={"product": [f"P{code}" for code in product]},
        product="product",
        value=np.round(value * 100).astype(np.int64),
        returns=rng.poisson(np.where(tangled, 1.2, 0.1)),
    )


def elsewhere(always: str = "") -> Elsewhere:
    """Return what the other stages give as reasons: all families, or always the one."""
    given = {always: sum(USUAL.values())} if always else USUAL
    rows = [(day, TEXTS[name][0], n) for day in (100, 300) for name, n in given.items()]
    days, reasons, n = zip(*rows, strict=True)
    counts = np.array(n, np.int64)
    return Elsewhere(np.array(days, np.int64), reasons, np.zeros(len(rows), np.int64), counts)


def _shares(planted: Planted) -> Floats:
    """Return the shares of the causes of a loss, other ones last."""
    return np.array([*planted.families, 1.0 - sum(planted.families)])


def _reasons(rng: np.random.Generator, planted: Planted, lost: Bools, cause: Ints) -> list[str]:
    """Return what each loss says."""
    n = len(lost)
    families = list(TEXTS.values())
    if planted.always:
        families = [TEXTS[planted.always]] * 3
    said = np.where(rng.random(n) < planted.wrong_share, rng.integers(0, 3, n), cause)
    silent = rng.random(n) < planted.missing_share
    which = rng.integers(0, 2, n)
    return [families[said[i]][which[i]] if lost[i] and not silent[i] else "" for i in range(n)]
