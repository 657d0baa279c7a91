"""Rows of the history: whole lives in order, cut at a day, and where each deal then stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from leakkit.sample.columns import Bools, Ints

WON: Final = -1
LOST: Final = -2


@dataclass(frozen=True, slots=True)
class Live:
    """Deals that have just entered a stage."""

    deal: Ints
    stage: Ints
    second: Ints
    returns: Ints
    reopened: Bools

    def keep(self, mask: Bools) -> Live:
        """Those deals for which the mask is true."""
        return Live(*(column[mask] for column in _columns(self)))


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of the history: an entry into a stage, or a close (stage below 0).

    cause and dear belong to lost closes: the cause that a leak gave, by position in
    CAUSES, and whether the deal was dear for it.
    """

    deal: Ints
    stage: Ints
    second: Ints
    cause: Ints
    dear: Bools

    def keep(self, mask: Bools | Ints) -> Rows:
        """Those rows for which the mask is true, or the rows at these positions."""
        return Rows(*(column[mask] for column in _columns(self)))


@dataclass(frozen=True, slots=True)
class Ends:
    """Where each deal stands after its last known row: positions in the rows."""

    first_row: Ints
    last_row: Ints
    last_stage: Ints
    code: Ints


def put_in_order(rounds: list[Rows]) -> Rows:
    """Rows by deal, and within a deal as they happened: the sort is stable."""
    columns = [np.concatenate(column) for column in zip(*map(_columns, rounds), strict=True)]
    return Rows(*columns).keep(np.argsort(columns[0], kind="stable"))


def cut(rows: Rows, end: int) -> Rows:
    """Nothing after `as_of` is known: a deal is as its last row until then leaves it."""
    return rows.keep(rows.second < end)


def find_ends(rows: Rows, deals: int) -> Ends:
    """Find the first and last row of each deal; every deal has one."""
    counts = np.bincount(rows.deal, minlength=deals)
    last = np.cumsum(counts) - 1
    code = rows.stage[last]
    return Ends(
        first_row=last - counts + 1,
        last_row=last,
        last_stage=rows.stage[last - (code < 0)],
        code=code,
    )


def _columns(table: Live | Rows) -> tuple[npt.NDArray[Any], ...]:
    # Not dataclasses.astuple: that would copy every array.
    return tuple(getattr(table, name) for name in table.__slots__)
