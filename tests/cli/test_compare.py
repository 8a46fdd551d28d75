"""The numbers of the comparison beside an independent computation."""

import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso
from sklearn.model_selection import KFold

from skreg.cli import compare as comparing
from skreg.cli.compare import RIDGES, compare, load_builtin, searches, spread


@pytest.fixture
def results(default_run):
    return {result.name: result for result in default_run[-1]}


def folds(n):
    return KFold(5, shuffle=True, random_state=0).split(np.arange(n))


def standard(X, rows):
    return (X - X[rows].mean(axis=0)) / X[rows].std(axis=0)


def ridge(X, y, lam, weights):
    """Coefficients (columns,) of centred X and y, and the hat matrix of the centred fit."""
    A = X.T @ X + len(X) * lam * np.diag(weights)
    return np.linalg.solve(A, X.T @ y), X @ np.linalg.solve(A, X.T)


def leave_one_out(X, y, weights):
    """The ridge strength of least squared error when each row is left out in turn, by a loop."""
    X, y = X - X.mean(axis=0), y - y.mean()
    errors = []
    for lam in RIDGES:
        coef, hat = ridge(X, y, lam, weights)
        errors.append(np.mean(((y - X @ coef) / (1 - np.diag(hat) - 1 / len(y))) ** 2))
    return RIDGES[np.argmin(errors)]


@pytest.mark.parametrize("name", ["L2RegressorCV", "DropoutRegressorCV", "RidgeCV"])
def test_ridges_agree_with_a_loop_by_hand(results, name):
    table = load_builtin()
    X, y, rows = table.X, table.y, np.arange(len(table.y))
    r2, rmse = [], []
    for train, test in folds(len(y)):
        Z = standard(X, train)
        lam = leave_one_out(Z[train], y[train], np.ones(10))
        coef, _ = ridge(Z[train], y[train] - y[train].mean(), lam, np.ones(10))
        error = y[test] - y[train].mean() - Z[test] @ coef
        r2.append(1 - np.mean(error**2) / y[test].var())
        rmse.append(np.sqrt(np.mean(error**2)))
    result = results[name]
    np.testing.assert_allclose(result.r2, r2, rtol=1e-6)
    np.testing.assert_allclose(result.rmse, rmse, rtol=1e-6)
    lam = leave_one_out(standard(X, rows), y, np.ones(10))
    scale = {"RidgeCV": len(y), "L2RegressorCV": 1, "DropoutRegressorCV": 1 / (1 + lam)}
    assert result.strength == pytest.approx(lam * scale[name])
    coef, _ = ridge(standard(X, rows), y - y.mean(), lam, np.ones(10))
    np.testing.assert_allclose(result.coef, coef, rtol=1e-6)


def test_l1_is_the_lasso_at_the_chosen_strength(results):
    table = load_builtin()
    ours, theirs = results["L1RegressorCV"], results["LassoCV"]
    assert ours.strength == pytest.approx(theirs.strength)
    np.testing.assert_allclose(ours.r2, theirs.r2, atol=1e-3)
    X = standard(table.X, np.arange(442))
    lasso = Lasso(ours.strength, tol=1e-12, max_iter=10**5).fit(X, table.y)
    np.testing.assert_allclose(ours.coef, lasso.coef_, rtol=1e-5, atol=1e-6)
    assert not ours.at_edge
    assert ours.unconverged == 0


def test_every_search_is_timed(results):
    assert list(results) == [type(search).__name__ for search in searches(442)]
    assert all(result.seconds > 0 for result in results.values())


class LassoCV(RegressorMixin, BaseEstimator):
    """Chooses the last of its values, and says each time that it did not converge."""

    alphas_ = (1.0, 2.0, 150.0)

    def fit(self, X, y):
        warnings.warn("not there yet", ConvergenceWarning, stacklevel=2)
        warnings.warn("soon gone", FutureWarning, stacklevel=2)
        self.coef_, self.alpha_ = np.zeros(X.shape[1]), 150.0
        return self

    def predict(self, X):
        return np.full(len(X), self.alpha_)


def test_unconverged_fits_are_counted_other_warnings_passed_on_and_an_edge_marked(monkeypatch):
    monkeypatch.setattr(comparing, "searches", lambda n_rows: [LassoCV()])
    with pytest.warns(FutureWarning, match="soon gone"):
        (result,) = compare(load_builtin())
    assert result.unconverged == 6
    assert result.at_edge
    assert result.strength == 150.0


def test_spread_shows_as_many_decimals_in_both():
    texts = {
        "0.6000 +- 0.1000": [0.5, 0.6, 0.7],
        "55.00 +- 1.00": [54.0, 55.0, 56.0],
        "32000 +- 1000": [31000.0, 32000.0, 33000.0],
        "0 +- 0": [0.0, 0.0, 0.0],
        "-3.33e+19 +- 6e+19": [-1e20, 0.5, 0.5],
        "2e-05 +- 1e-05": [1e-5, 2e-5, 3e-5],
    }
    for text, values in texts.items():
        assert spread(np.array(values)) == text
