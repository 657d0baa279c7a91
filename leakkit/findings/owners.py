"""What owners differ by, each by himself, beyond what chance makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from leakkit.findings.groups import Readings
    from leakkit.measures.survival import Floats

MIN_OWNERS = 3
"""Owners who are held against each other."""
MIN_OF_OWNER = 5
"""Equivalent entrants of an owner followed, wherever his share is read."""


def variance_beyond(value: Floats, weight: Floats, part: Floats) -> float:
    """How much do the values of owners vary beyond chance, and beyond what hangs on `part`?

    Values are `a + b part + d`; the variance of d is the moment estimate, at least 0.
    `weight` is one over the variance that chance gives each value.

    Reference: DerSimonian and Laird (1986), Controlled Clinical Trials 7, 177-188; Thompson
    and Sharp (1999), Statistics in Medicine 18, 2693-2708, for values that hang on a part.
    """
    plan = np.column_stack([np.ones(weight.size), part])
    weighted = plan.T * weight
    inverse = np.linalg.pinv(weighted @ plan)
    left = value - plan @ (inverse @ (weighted @ value))
    beyond = (weight * left**2).sum() - (weight.size - 2)
    scale = weight.sum() - np.trace(inverse @ (weighted * weight) @ plan)
    return max(float(beyond / scale), 0.0)


def careful_variance(cell: Readings) -> Floats:
    """Return the variance of shares, each with one event and one other added (Agresti, Caffo)."""
    n = np.where(np.isfinite(cell.n_eff) & (cell.n_eff > 0), cell.n_eff, 1.0)
    share = (cell.share * n + 1.0) / (n + 2.0)
    found: Floats = share * (1.0 - share) / n
    return found
