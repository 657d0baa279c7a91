"""Which columns may be looked at as drivers, and which know the outcome already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.findings.stage_readings import Bools, Design
    from leakkit.measures.survival import Floats, Ints


VALUE = "value"
"""The column of the deals' values, in quintiles."""
BINS = 5
NUMBERS_FROM = 20
"""Different numbers from which a column of numbers is looked at in quintiles."""
MOST_VALUES = 200
MISSING_DIFFERENCE = 0.20
MIN_DEALS = 20
MIN_EXPECTED_OPEN = 5.0
"""Open deals that a level should have, so that having none says something."""
PERIODS = 12
"""Parts of the history, with as many deals each, in which open deals are expected."""
MOST_AUC = 0.95
NUMERIC_SHARE = 0.9


@dataclass(frozen=True)
class SetAside:
    """A column that is no candidate: the reason, and the number that told.

    missing_differs: its missing share differs so much between closed and open deals;
    tells_outcome: the area under the curve of this column alone; closed_only: so many
    closed deals have a value (`value`) that no open one has; too_many_values; one_value.
    """

    column: str
    reason: str
    measure: float
    value: str = ""


@dataclass(frozen=True)
class Columns:
    """Candidates, fixed before looking: codes by column (0 is missing) and their texts.

    `today` names those known only as of today. Numbers are in quintiles: their texts are
    the largest number of each bin, and `binned` names them.
    """

    codes: Mapping[str, Ints]
    labels: Mapping[str, tuple[str, ...]]
    today: frozenset[str]
    binned: frozenset[str]
    set_aside: tuple[SetAside, ...]


def find_candidates(
    design: Design, names: tuple[str, ...] | None = None, *, with_value: bool = True
) -> Columns:
    """Choose the columns to look at: those named (all but competitor, where None), and value.

    Set aside and named are columns that are known only after the outcome. That is read
    off the deals, each counted once as it stands today.
    """
    wanted = [n for n in design.segments if n != design.competitor] if names is None else names
    once = _once(design)
    codes: dict[str, Ints] = {}
    labels: dict[str, tuple[str, ...]] = {}
    binned, excluded = set(), []
    for name in dict.fromkeys([*wanted, *([VALUE] if with_value else [])]):
        code, texts, is_binned = _code_column(design, name)
        fault = _fault(name, code[once], texts, design.outcome[once], design.entered_day[once])
        if fault is not None:
            excluded.append(fault)
            continue
        codes[name], labels[name] = code, texts
        binned |= {name} if is_binned else set()
    known = {name for name in design.known_at_entry if name}
    return Columns(
        codes, labels, frozenset(codes.keys() - known), frozenset(binned), tuple(excluded)
    )


def _once(design: Design) -> Ints:
    """Return the first passage of each deal."""
    _, first = np.unique(design.opportunity, return_index=True)
    return first.astype(np.int64)


def _code_column(design: Design, name: str) -> tuple[Ints, tuple[str, ...], bool]:
    """Return codes and texts of a column; numbers in quintiles, but not numbers that name."""
    if name not in design.segments:
        known = design.value >= 0
        return *_quintiles(np.where(known, design.value, np.nan).astype(np.float64)), True
    code, texts = design.segments[name], design.labels[name]
    numbers = np.array([np.nan, *map(_number, texts[1:])])
    if name in (design.owner, design.product, design.competitor):
        return code, texts, False
    if len(texts) > NUMBERS_FROM and np.mean(~np.isnan(numbers[1:])) >= NUMERIC_SHARE:
        return *_quintiles(numbers[code]), True
    return code, texts, False


def _number(text: str) -> float:
    """Return the number that a text is; NaN for none."""
    try:
        found = float(text)
    except ValueError:
        return float("nan")
    return found if abs(found) < float("inf") else float("nan")


def _quintiles(numbers: Floats) -> tuple[Ints, tuple[str, ...]]:
    """Return codes 1 to 5 by quintile (fewer where many are equal), 0 where unknown."""
    known = ~np.isnan(numbers)
    if not known.any():
        return np.zeros(len(numbers), np.int64), ("",)
    parts = np.arange(1, BINS + 1) / BINS
    ends = np.unique(np.quantile(numbers[known], parts, method="inverted_cdf"))
    code = np.zeros(len(numbers), np.int64)
    code[known] = np.searchsorted(ends, numbers[known], side="left") + 1
    return code, ("", *(f"{end:.15g}" for end in ends))


def end_of(column: str, written: str) -> str:
    """Return where a fifth ends, as a text; that of the deals' values in major units of money.

    >>> end_of("value", "1250050"), end_of("employees", "250")
    ('12500.5', '250')
    """
    return f"{float(written) / 100:.15g}" if column == VALUE else written


def _fault(
    name: str, code: Ints, texts: tuple[str, ...], outcome: Ints, day: Ints
) -> SetAside | None:
    """Say why a column is no candidate; None where it is one."""
    present = int(np.unique(code[code > 0]).size)
    if present > MOST_VALUES:
        return SetAside(name, "too_many_values", float(present))
    if present <= 1 and (code > 0).all():
        return SetAside(name, "one_value", float(present))
    if not (code > 0).any():
        return SetAside(name, "one_value", 0.0)
    closed = outcome > 0
    if min(closed.sum(), (~closed).sum()) >= MIN_DEALS:
        apart = float(np.mean(code[closed] == 0) - np.mean(code[~closed] == 0))
        if abs(apart) > MISSING_DIFFERENCE:
            return SetAside(name, "missing_differs", apart)
        only = _closed_only(code, closed, day)
        if only is not None:
            return SetAside(name, "closed_only", float(only[1]), texts[only[0]])
    area = _area(code, outcome)
    return SetAside(name, "tells_outcome", area) if area > MOST_AUC else None


def _closed_only(code: Ints, closed: Bools, day: Ints) -> tuple[int, int] | None:
    """Return (level, deals) of a level that only closed deals have, beyond chance.

    How many open deals should have it is counted among deals that came in at the same
    time: of an owner who left a year ago no deal is open, and that says nothing.
    """
    n = np.bincount(code[closed])
    still = np.bincount(code[~closed], minlength=len(n))[: len(n)]
    expected = np.zeros(len(n))
    cuts = np.unique(np.quantile(day, np.arange(1, PERIODS) / PERIODS, method="inverted_cdf"))
    period = np.searchsorted(cuts, day, side="right")
    for each in np.unique(period):
        there = period == each
        done = int((there & closed).sum())
        if done:
            waiting = int(there.sum()) - done
            expected += np.bincount(code[there & closed], minlength=len(n)) * (waiting / done)
    odd = (n >= MIN_DEALS) & (still == 0) & (expected >= MIN_EXPECTED_OPEN)
    odd[0] = False
    level = int(np.argmax(np.where(odd, n, -1)))
    return (level, int(n[level])) if odd.any() else None


def _area(code: Ints, outcome: Ints) -> float:
    """Return how well a column alone tells lost from won, judged on the other half of the deals.

    The levels are ordered by their lost share in one half and the other half is ranked
    by it, both ways; in the same half a column of names would tell everything.
    """
    decided = np.flatnonzero(outcome > 0)
    code, lost = code[decided], outcome[decided] == 2  # noqa: PLR2004 - lost
    areas = []
    for half in (0, 1):
        learn = np.arange(len(code)) % 2 == half
        areas.append(_area_of(_lost_shares(code[learn], lost[learn], code), lost, ~learn))
    known = [area for area in areas if area is not None]
    return min(known) if known else 0.5


def _lost_shares(code: Ints, lost: Bools, of: Ints) -> Floats:
    """Return the lost share of each level, learnt from some deals, for the levels `of` others."""
    size = int(max(code.max(initial=0), of.max(initial=0))) + 1
    n = np.bincount(code, minlength=size)
    share = np.bincount(code, lost, size) / np.maximum(n, 1)
    found: Floats = np.where(n > 0, share, lost.mean() if len(lost) else 0.5)[of]
    return found


def _area_of(score: Floats, lost: Bools, judged: Bools) -> float | None:
    """Return the chance that a lost deal has a higher score than a won one, ties half."""
    ours, others = score[judged & lost], score[judged & ~lost]
    if min(len(ours), len(others)) < MIN_DEALS:
        return None
    ranked = np.sort(others)
    below = np.searchsorted(ranked, ours, side="left")
    upto = np.searchsorted(ranked, ours, side="right")
    return float(np.mean((below + upto) / 2.0) / len(others))
