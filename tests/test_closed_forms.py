"""Closed forms that are quicker than the libraries they stand for, against those libraries."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from leakkit.findings.comparison import Wobble
from leakkit.findings.contrasts import false_discovery
from leakkit.measures.survival import wilson
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
