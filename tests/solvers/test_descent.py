"""Coordinate descent on sparse columns or on the Gram matrix: the same problem, Lasso's."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from sklearn.linear_model import Lasso

from skreg.problem.rows import Rows
from skreg.solvers.descent import Columns, descend
from skreg.solvers.finish import Quadratic


@pytest.fixture(params=[False, True], ids=["origin", "intercept"])
def problem(request):
    """Counts whose rows sum to about the same: the intercept is nearly in their span."""
    rng = np.random.default_rng(0)
    X = sp.csc_array(rng.poisson(0.3, (200, 40)).astype(float))
    y = X @ np.where(np.arange(40) < 5, 1.0, 0.0) + rng.normal(size=200) + 7.0
    return X, y, request.param


def posed(view, l1, by_columns, positive=False):
    everything = np.arange(view.n_features)
    if by_columns:
        return Columns(*view.sparse_columns(everything), l1, positive)
    return Quadratic(view.block(everything), view.correlation(view.target), l1, positive)


def run(X, y, fit_intercept, l1, by_columns, positive=False):
    view = Rows.from_data(X, y, None, fit_intercept)
    task = posed(view, l1, by_columns, positive)
    start = np.linspace(-0.1, 0.1, X.shape[1]) * (not positive) if by_columns else 0.0 * l1
    return descend(task, start, 1e-12, float(view.target_norm2), 5000)[0]


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("by_columns", [False, True], ids=["gram", "columns"])
def test_it_is_the_lasso(problem, by_columns, positive):
    X, y, fit_intercept = problem
    lasso = Lasso(
        0.05, fit_intercept=fit_intercept, positive=positive, tol=1e-14, max_iter=10**5
    ).fit(X, y)
    coef = run(X, y, fit_intercept, np.full(40, 0.05), by_columns, positive)
    assert_allclose(coef, lasso.coef_, atol=1e-6)


@pytest.mark.parametrize("by_columns", [False, True], ids=["gram", "columns"])
def test_uneven_weights_are_a_change_of_units(problem, by_columns):
    X, y, fit_intercept = problem
    weights = np.linspace(0.5, 2.0, 40)
    scaled = sp.csc_array(X / weights)
    lasso = Lasso(0.05, fit_intercept=fit_intercept, tol=1e-14, max_iter=10**5).fit(scaled, y)
    coef = run(X, y, fit_intercept, 0.05 * weights, by_columns)
    assert_allclose(coef, lasso.coef_ / weights, atol=1e-6)


def test_features_without_a_penalty_are_left_as_they_are():
    X, y = sp.csc_array(np.eye(4)), np.arange(4.0)
    l1 = np.array([0.1, 0.0, 0.1, 0.1])
    view = Rows.from_data(X, y, None, True)
    task = Columns(*view.sparse_columns(np.arange(4)), l1, False)
    assert_allclose(descend(task, np.arange(4.0), 1e-12, 1.0, 10)[0], np.arange(4.0))


@pytest.mark.parametrize("by_columns", [False, True], ids=["gram", "columns"])
def test_it_says_how_many_epochs_it_took(problem, by_columns):
    X, y, fit_intercept = problem
    view, l1 = Rows.from_data(X, y, None, fit_intercept), np.full(40, 0.05)
    task = posed(view, l1, by_columns)
    norm2 = float(view.target_norm2)
    x, many = descend(task, np.zeros(40), 1e-12, norm2, 5000)
    assert 5 < many < 5000
    assert descend(task, x, 1e-6, norm2, 5000)[1] < 5
    with_fewer, fewer = descend(task, np.zeros(40), 1e-12, norm2, many - 3)
    assert fewer == many - 3
    assert np.any(with_fewer != x)
