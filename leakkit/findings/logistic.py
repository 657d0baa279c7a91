"""Logistic regression of grouped counts, or the plain word that it cannot be fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy

if TYPE_CHECKING:
    from leakkit.findings.design import Bools
    from leakkit.measures.survival import Floats

TOLERANCE = 1e-9
EPSILON = float(np.finfo(float).eps)
MOST_STEPS = 100
ENDLESS = 20.0
"""A logit that stands for a share of 0 or 1."""


def independent(columns: Floats) -> Bools:
    """Say which columns to keep so that none is a sum of others; the first goes before others."""
    found = np.zeros(columns.shape[1], dtype=bool)
    # without pivoting: a column that those before it make up leaves nothing on the diagonal
    left = np.abs(np.diag(scipy.linalg.qr(columns, mode="r", pivoting=False)[0]))
    found[: len(left)] = left > TOLERANCE * max(float(left.max(initial=0.0)), 1.0)
    return found


def fit_logistic(cases: Floats, n: Floats, columns: Floats) -> tuple[Floats, Floats] | None:
    """Fit `logit(cases / n) = columns @ beta`; return beta and its covariance.

    Least squares with new weights at each step, until beta stands. None where no finite beta
    fits: a combination of columns parts the cases from the rest.

    Reference: McCullagh and Nelder (1989), Generalized Linear Models, section 2.5.
    """
    share = cases / n
    mean = (share + 0.5) / 2
    logit = np.log(mean / (1.0 - mean))
    before, beta = np.zeros(columns.shape[1]), np.zeros(columns.shape[1])
    for _ in range(MOST_STEPS):
        inside = np.clip(mean, EPSILON, 1.0 - EPSILON)
        steep = 1.0 / (inside * (1.0 - inside))
        root = np.sqrt(n * (1.0 / (steep**2 * (inside * (1.0 - inside)))))
        wanted, plan = root * (logit + steep * (share - mean)), root[:, None] * columns
        try:
            beta = np.asarray(np.linalg.lstsq(plan, wanted, rcond=-1)[0], dtype=np.float64)
            if np.allclose(before, beta, atol=TOLERANCE, rtol=0.0):
                return _unless_endless(plan, wanted)
        except np.linalg.LinAlgError:
            return None
        before, logit = beta, columns @ beta
        mean = 1.0 / (1.0 + np.exp(-logit))
    return None


def _unless_endless(plan: Floats, wanted: Floats) -> tuple[Floats, Floats] | None:
    """Solve the last least squares, with the covariance; None where beta runs away."""
    inverse = np.linalg.pinv(plan, rcond=EPSILON)
    beta = inverse @ wanted
    return (beta, inverse @ inverse.T) if (np.abs(beta) < ENDLESS).all() else None
