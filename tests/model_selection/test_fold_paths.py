"""The paths of folds, followed side by side, held against a fit for each fold and value."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Lasso
from sklearn.model_selection import KFold, ShuffleSplit

from skreg import L1Regressor, L1RegressorCV

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


@pytest.mark.parametrize(("n_targets", "weighted"), [(1, False), (2, True)])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_paths_side_by_side_score_as_a_fit_for_each_fold_and_value(settings, weighted, n_targets):
    rng = np.random.default_rng(0)
    y = Y if n_targets == 1 else np.c_[Y, 100 * X[:, 0] + rng.standard_normal(len(Y))]
    weights = rng.integers(0, 4, len(Y)) if weighted else np.ones(len(Y))
    values = np.geomspace(2.0, 1e-3, 30)
    model = L1RegressorCV(values, **settings).fit(X, y, weights)
    single = {name: value for name, value in settings.items() if name != "cv"}
    for k, (train, test) in enumerate(settings.get("cv", KFold(5)).split(X)):
        for j in (0, 9, 29):
            fitted = L1Regressor(values[j], solver="newton", tol=1e-13, **single)
            fitted.fit(X[train], y[train], weights[train])
            errors = ((y[test] - fitted.predict(X[test])) ** 2).reshape(len(test), -1)
            expected = np.average(errors.mean(axis=1), weights=weights[test])
            assert_allclose(model.mse_path_[j, k], expected, rtol=1e-6)
    assert model.max_fold_gap_ < 1e-10
    whole = L1Regressor(model.l1_lambda_, solver="newton", tol=1e-13, **single).fit(X, y, weights)
    assert_allclose(model.coef_, whole.coef_, rtol=1e-5, atol=1e-7)


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
