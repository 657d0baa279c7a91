"""Logistic regression of grouped counts, or the plain word that it cannot be fitted."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import qr

if TYPE_CHECKING:
    from leakkit.findings.design import Bools
    from leakkit.measures.survival import Floats

TOLERANCE = 1e-9
ENDLESS = 20.0
"""A logit that stands for a share of 0 or 1."""


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
    # imported here: it takes a second, and few sources have columns to fit
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM
    from statsmodels.tools.sm_exceptions import (
        ConvergenceWarning,
        PerfectSeparationWarning,
        SingularMatrixWarning,
    )

    both = np.stack([cases, n - cases], axis=1)
    try:
        # a model with a coefficient per pattern leaves nothing over to divide by
        with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
            warnings.simplefilter("error", SingularMatrixWarning)
            # said of any fit that meets every pattern; what is endless is looked at below
            warnings.simplefilter("ignore", PerfectSeparationWarning)
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = GLM(both, columns, family=Binomial())
            fitted = model.fit(tol=TOLERANCE, tol_criterion="params")
    except (SingularMatrixWarning, np.linalg.LinAlgError):
        return None
    if not fitted.converged or not (np.abs(fitted.params) < ENDLESS).all():
        return None
    return np.asarray(fitted.params), np.asarray(fitted.cov_params())
