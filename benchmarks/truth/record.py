"""What a simulation hands over: what was wanted, what came out, and whether that holds."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True)
class Record:
    """One row of docs/truth.md.

    `notes` are paragraphs (or tables) in Markdown that stand below the table: what was
    done, what else came out, and, where the row falls short, why.
    """

    row: str
    wanted: str
    found: str
    runs: int
    holds: bool
    notes: tuple[str, ...] = ()


def read_last(path: Path) -> dict[str, Record]:
    """Return what was measured last, by the name of the row."""
    facts = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return {name: Record(**{**one, "notes": tuple(one["notes"])}) for name, one in facts.items()}


def keep(path: Path, name: str, record: Record) -> None:
    """Keep what was measured, in the place of what was measured before."""
    facts = {key: asdict(one) for key, one in {**read_last(path), name: record}.items()}
    text = json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


@dataclass(frozen=True)
class Mean:
    """A mean over runs and its standard error."""

    value: float
    error: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Mean:
        """Average independent runs."""
        each = np.array(list(values), np.float64)
        return cls(float(each.mean()), float(each.std(ddof=1) / np.sqrt(each.size)))

    def is_zero(self, errors: float = 2.0) -> bool:
        """Say whether the mean is within so many standard errors of 0."""
        return abs(self.value) <= errors * self.error

    def __str__(self) -> str:
        """Write the mean with its standard error."""
        return f"{self.value:+.4f} (standard error {self.error:.4f})"


def share(value: float) -> str:
    """Write a share with three decimals and no zero before the point.

    >>> share(0.95), share(1.0)
    ('.950', '1.000')
    """
    return f"{value:.3f}".removeprefix("0")


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a table in Markdown.

    >>> print(table(["a", "b"], [["1", "2"]]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = [list(heads), *map(list, rows)]
    written = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([written[0], "|" + "---|" * len(lines[0]), *written[1:]])
