"""The working set: many sparse columns in play, and starts that are optimal or of no use."""

import numpy as np
from numpy.testing import assert_allclose
from oracles import assert_certified
from scipy import sparse

from skreg import L1Regressor


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
