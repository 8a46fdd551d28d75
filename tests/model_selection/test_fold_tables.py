"""The folds of a table all at once, held against the same folds one by one."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Lasso
from sklearn.model_selection import ShuffleSplit

from skreg import L1RegressorCV

X, Y = load_diabetes(return_X_y=True)

SETTINGS = [
    {},
    {"l2_lambda": 0.01},
    {"positive": True},
    {"fit_intercept": False},
    {"standardize": True},
    {"penalty_weights": np.array([1, 2, 1, 1, np.inf, 1, 0.5, 1, 1, 1])},
    {"penalty_weights": np.array([0, 1, 1, 1, 1, 1, 1, 1, 1, 1])},
    {"cv": ShuffleSplit(4, random_state=0)},
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_one_target_scores_as_two_that_are_equal(settings, weighted):
    """Several targets are taken fold by fold."""
    weights = np.random.default_rng(0).integers(0, 4, len(Y)) if weighted else None
    values = np.geomspace(2.0, 1e-3, 30)
    one = L1RegressorCV(values, **settings).fit(X, Y, weights)
    two = L1RegressorCV(values, **settings).fit(X, np.c_[Y, Y], weights)
    assert_allclose(one.mse_path_, two.mse_path_, rtol=1e-9)
    assert one.l1_lambda_ == two.l1_lambda_
    assert one.max_fold_gap_ < 1e-10
    assert_allclose(one.coef_, two.coef_[0], rtol=1e-6, atol=1e-8)


def test_errors_that_moments_cannot_resolve_are_those_of_the_rows():
    y = X @ np.arange(10.0) + 1e-7 * np.random.default_rng(0).standard_normal(len(X))
    model = L1RegressorCV([1e-12, 1e-13]).fit(X, y)
    rows = np.array_split(np.arange(len(X)), 5)
    for k, test in enumerate(rows):
        train = np.setdiff1d(np.arange(len(X)), test)
        A = np.c_[X[train], np.ones(len(train))]
        w = np.linalg.lstsq(A, y[train], rcond=None)[0]
        expected = np.mean((y[test] - np.c_[X[test], np.ones(len(test))] @ w) ** 2)
        assert_allclose(model.mse_path_[-1, k], expected, rtol=1e-2)


def test_the_null_model_takes_one_step():
    assert L1RegressorCV([1e4, 1e3]).fit(X, Y).n_iter_ == 1


def test_a_column_that_is_constant_in_one_fold():
    Z = np.c_[X, np.r_[np.zeros(360), np.arange(82.0)]]  # the last fold alone has others
    values = np.geomspace(2.0, 0.1, 8)
    model = L1RegressorCV(values).fit(Z, Y)
    train, test = np.arange(354), np.arange(354, 442)
    expected = np.empty(len(values))
    for k, value in enumerate(values):
        fitted = Lasso(value, tol=1e-12).fit(X[train], Y[train])
        expected[k] = np.mean((Y[test] - fitted.predict(X[test])) ** 2)
    assert_allclose(model.mse_path_[:, -1], expected, rtol=1e-6)
