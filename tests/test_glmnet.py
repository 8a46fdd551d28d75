"""R's glmnet gives the same models, once its scales are translated into ours."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from oracles import glmnet

from skreg import L1Regressor

ENTRIES = glmnet.entries()


@pytest.mark.parametrize("name", ENTRIES)
def test_the_recorded_figures(name):
    entry = ENTRIES[name]
    y, share = entry["y"], entry["weights"] / entry["weights"].sum()
    mean = share @ y if entry["intercept"] else 0.0
    scale = np.sqrt(share @ (y - mean) ** 2)
    factors = entry["penalty_factor"]
    v = factors * len(factors) / np.where(np.isfinite(factors), factors, 1.0).sum()
    for strength, a0, beta in zip(entry["lambda"], entry["a0"], entry["beta"], strict=True):
        model = L1Regressor(
            strength * entry["alpha"],
            l2_lambda=strength * (1 - entry["alpha"]) / scale,
            penalty_weights=v,
            fit_intercept=entry["intercept"],
            positive=entry["positive"],
            standardize=entry["standardize"],
        ).fit(entry["X"], y, sample_weight=entry["weights"])
        assert_allclose(model.coef_, beta, rtol=1e-6, atol=1e-7 * np.abs(beta).max())
        assert_allclose(model.intercept_, a0, rtol=1e-6, atol=1e-7)
    assert np.count_nonzero(entry["beta"][-1]) > 1
