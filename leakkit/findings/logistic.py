"""Logistic regression of grouped counts, or the plain word that it cannot be fitted."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import statsmodels.api as sm
from scipy.linalg import qr
from statsmodels.tools.sm_exceptions import ModelWarning

if TYPE_CHECKING:
    from leakkit.findings.design import Bools
    from leakkit.measures.survival import Floats

TOLERANCE = 1e-9


def independent(columns: Floats) -> Bools:
    """Say which columns to keep so that none is a sum of others; the first goes before others."""
    found = np.zeros(columns.shape[1], dtype=bool)
    # without pivoting: a column that those before it make up leaves nothing on the diagonal
    left = np.abs(np.diag(qr(columns, mode="r", pivoting=False)[0]))
    found[: len(left)] = left > TOLERANCE * max(float(left.max(initial=0.0)), 1.0)
    return found


def fit_logistic(cases: Floats, n: Floats, columns: Floats) -> tuple[Floats, Floats] | None:
    """Fit `logit(cases / n) = columns @ beta`; return beta and its covariance.

    None where no finite beta fits: a combination of columns parts the cases from the rest.
    """
    both = np.stack([cases, n - cases], axis=1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ModelWarning)
            warnings.simplefilter("error", RuntimeWarning)
            fitted = sm.GLM(both, columns, family=sm.families.Binomial()).fit(tol=1e-12)
    except (ModelWarning, RuntimeWarning, np.linalg.LinAlgError):
        return None
    if not fitted.converged or not np.isfinite(fitted.params).all():
        return None
    return np.asarray(fitted.params), np.asarray(fitted.cov_params())
