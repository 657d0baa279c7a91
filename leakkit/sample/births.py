"""How deals begin: in which pipeline and stage, when, and under which opportunity_id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leakkit.sample.arrays import locate_lists
from leakkit.sample.clock import find_span
from leakkit.sample.columns import collect_floats

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from leakkit.sample.columns import Ints
    from leakkit.sample.plan import Plan


@dataclass(frozen=True, slots=True)
class Births:
    """One entry per deal, in the order of the opportunity_id; `second` of the working clock."""

    pipeline: Ints
    stage: Ints
    second: Ints
    opportunity_id: npt.NDArray[np.str_]


def draw_births(plan: Plan, deals: int, rng: np.random.Generator) -> Births:
    """Draw the beginnings: by prefix, and within a prefix in the order of time."""
    prefixes = _prefixes(plan)
    by_prefix = np.array(sorted(range(len(prefixes)), key=lambda number: prefixes[number] + "-"))
    counts = _counts([pipeline.weight for pipeline in plan.pipelines], deals)
    rank = np.repeat(np.arange(len(counts)), counts[by_prefix])
    second = rng.integers(*find_span(plan), size=deals)
    second = second[np.lexsort((second, rank))]
    pipeline = by_prefix[rank]
    return Births(
        pipeline=pipeline,
        stage=_first_stages(plan, pipeline, rng),
        second=second,
        opportunity_id=_opportunity_ids(np.array(prefixes)[pipeline], rank),
    )


def _prefixes(plan: Plan) -> list[str]:
    """Initials of the name, or its first two letters, with a number where taken."""
    taken = {pipeline.prefix for pipeline in plan.pipelines}
    prefixes = []
    for pipeline in plan.pipelines:
        words = pipeline.name.split()
        letters = "".join(word[0] for word in words) if len(words) > 1 else pipeline.name[:2]
        prefix = pipeline.prefix or _free(letters.upper(), taken)
        taken.add(prefix)
        prefixes.append(prefix)
    return prefixes


def _free(stem: str, taken: set[str]) -> str:
    clean = "".join(letter for letter in stem if letter.isascii() and letter.isalnum()) or "OP"
    number = 2
    prefix = clean
    while prefix in taken:
        prefix = f"{clean}{number}"
        number += 1
    return prefix


def _counts(weights: Sequence[float], deals: int) -> Ints:
    """Shares of the deals in whole numbers that sum up, by largest remainder.

    >>> _counts([1, 1, 1], 8).tolist()
    [3, 3, 2]
    """
    exact = np.array(weights, dtype=np.float64) / sum(weights) * deals
    counts = np.floor(exact + 1e-9).astype(np.int64)
    largest = np.argsort(counts - exact, kind="stable")
    counts[largest[: deals - counts.sum()]] += 1
    return counts


def _first_stages(plan: Plan, pipeline: Ints, rng: np.random.Generator) -> Ints:
    first, counts = locate_lists(plan, "stages")
    share = collect_floats(p.middle_start_share for p in plan.pipelines)[pipeline]
    furthest = (counts // 2)[pipeline]
    middle, where = rng.random((2, pipeline.size))
    position = np.minimum(1 + (where * furthest).astype(np.int64), furthest)
    return first[pipeline] + np.where(middle < share, position, 0)


def _opportunity_ids(prefix: npt.NDArray[np.str_], rank: Ints) -> npt.NDArray[np.str_]:
    if not rank.size:
        return prefix  # numpy cannot pad an empty array
    numbers = np.arange(rank.size) - np.searchsorted(rank, rank) + 1
    width = max(6, len(str(rank.size)))
    padded = np.strings.zfill(numbers.astype(np.str_), width)
    return np.strings.add(np.strings.add(prefix, "-"), padded)
