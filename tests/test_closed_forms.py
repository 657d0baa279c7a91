"""What is quicker than the libraries that it stands for, against those libraries."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import t as student
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from leakkit.findings.adjustment import ENDLESS, TOLERANCE, fit_logistic, independent
from leakkit.findings.comparison import NORMAL_975, ONE_OF_TWO, Wobble, false_discovery
from leakkit.measures.survival import Z95, wilson
from tests.measuring import approx

shares = st.floats(0.0, 1.0)


@given(shares, st.floats(0.1, 1e6))
def test_wilson_is_that_of_statsmodels(share: float, entrants: float) -> None:
    low, high = proportion_confint(share * entrants, entrants, method="wilson")
    found = wilson(share, entrants)
    assert found == approx((min(max(low, 0.0), share), max(min(high, 1.0), share)), 1e-12)


@given(st.lists(shares, min_size=1, max_size=40))
def test_false_discovery_is_that_of_statsmodels(p: list[float]) -> None:
    family = np.array(p)
    expected = multipletests(family, method="fdr_bh")[1]
    assert np.allclose(false_discovery(family), expected, rtol=0, atol=1e-14)
    assert len(false_discovery(np.zeros(0))) == 0


@given(st.floats(-8.0, 8.0), st.floats(1.0, 9.0), st.one_of(st.integers(1, 99), st.just(np.inf)))
def test_p_is_that_of_students_t(root: float, phi: float, freedom: float) -> None:
    wobble = Wobble(phi, freedom)
    assert wobble.p_value(root) == approx(2 * student.sf(abs(root) / phi**0.5, freedom), 1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_a_logistic_regression_is_that_of_statsmodels(seed: int) -> None:
    """Few and many patterns, strong effects and weak ones; what has no finite fit has none."""
    rng = np.random.default_rng(seed)
    patterns = int(rng.integers(3, 40))
    marks = rng.integers(0, 2, (patterns, 5)) if seed % 2 else rng.normal(size=(patterns, 2))
    columns = np.column_stack([np.ones(patterns), marks]).astype(np.float64)
    columns = columns[:, independent(columns)]
    n = rng.integers(1, 80, patterns).astype(float)
    logit = columns @ rng.normal(0.0, 1.0 if seed % 3 else 9.0, columns.shape[1])
    cases = rng.binomial(n.astype(int), 1.0 / (1.0 + np.exp(-logit))).astype(float)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        model = GLM(np.stack([cases, n - cases], axis=1), columns, family=Binomial())
        known = model.fit(tol=TOLERANCE, tol_criterion="params")
        found = fit_logistic(cases, n, columns)
    assert (found is not None) == (
        bool(known.converged) and bool((np.abs(known.params) < ENDLESS).all())
    )
    if found is not None:
        assert found[0] == approx(known.params, 1e-10)
        assert np.allclose(found[1], known.cov_params(), rtol=1e-9, atol=0)


def test_normal_quantiles_are_those_of_scipy() -> None:
    assert ndtri(0.975) == Z95 == NORMAL_975
    assert ndtri(0.9875) / ndtri(0.975) == ONE_OF_TWO
