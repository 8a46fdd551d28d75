"""The working set: many sparse columns in play, and starts that are optimal or of no use."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from oracles import assert_certified
from scipy import sparse

from skreg import L1Regressor, L2Regressor


def test_a_fit_with_more_than_a_thousand_sparse_columns_in_play_converges():
    rng = np.random.default_rng(0)
    X = sparse.csr_array((rng.random((1600, 1400)) < 0.005) * rng.random((1600, 1400)))
    y = X @ rng.normal(size=1400) + rng.normal(size=1600)
    model = L1Regressor(l1_lambda=1e-5).fit(X, y)  # a ConvergenceWarning is an error here
    assert np.count_nonzero(model.coef_) > 1000
    assert_certified(model, X.toarray(), y)


def test_a_start_is_no_burden_where_there_is_nothing_to_explain():
    X = np.random.default_rng(0).standard_normal((20, 4))
    model = L1Regressor(0.1, solver="newton")
    assert not model.fit(X, np.full(20, 3.0), coef_init=np.ones(4)).coef_.any()
    Y = np.column_stack([X[:, 0], np.full(20, 3.0)])
    assert not model.fit(X, Y, coef_init=np.ones((2, 4))).coef_[1].any()


def test_an_elastic_net_that_is_optimal_already_stays_so():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 400))
    y = X[:, :200] @ rng.standard_normal(200)
    model = L1Regressor(0.01, l2_lambda=0.5, solver="newton", warm_start=True).fit(X, y)
    coef = model.coef_
    model.set_params(max_iter=1).fit(X, y)
    assert_allclose(model.coef_, coef, atol=1e-9)


@pytest.mark.parametrize("positive", [False, True])
def test_many_sparse_columns_without_an_intercept(positive):
    rng = np.random.default_rng(0)
    X = sparse.csc_array((rng.random((1200, 3000)) < 0.01) * rng.random((1200, 3000)))
    y = X @ (rng.normal(size=3000) * (rng.random(3000) < 0.1)) + rng.normal(size=1200) + 2.0
    model = L1Regressor(1e-3, fit_intercept=False, positive=positive).fit(X, y)
    assert_certified(model, X.toarray(), y)


def test_a_start_that_breaks_the_constraint_is_led_back_to_it():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 400))
    y = X[:, :5].sum(axis=1) - X[:, 5:9].sum(axis=1) + rng.normal(size=100)
    model = L1Regressor(0.05, warm_start=True).fit(X, y)
    assert (model.coef_ < 0).any()
    model.set_params(positive=True).fit(X, y)
    assert_certified(model, X, y)


def test_an_optimum_that_explains_next_to_nothing_is_found():
    rng = np.random.default_rng(0)
    X, y = 1e-6 * rng.normal(size=(60, 400)), rng.normal(size=60)
    coef = L2Regressor(0.1, positive=True).fit(X, y).coef_
    pull = (X - X.mean(axis=0)).T @ (y - y.mean()) / 60
    assert_allclose(coef, np.maximum(pull, 0) / 0.1, rtol=1e-6, atol=1e-12)
