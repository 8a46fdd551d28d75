"""Large lassos: many sparse columns in play, along which coordinate descent goes directly."""

import numpy as np
from oracles import assert_certified
from scipy import sparse

from skreg import L1Regressor


def test_a_fit_with_more_than_a_thousand_sparse_columns_in_play_converges():
    rng = np.random.default_rng(0)
    X = sparse.random_array((1600, 1400), density=0.005, format="csr", rng=rng)
    y = X @ rng.normal(size=1400) + rng.normal(size=1600)
    model = L1Regressor(l1_lambda=1e-5).fit(X, y)  # a ConvergenceWarning is an error here
    assert np.count_nonzero(model.coef_) > 1000
    assert_certified(model, X.toarray(), y)
