"""The lasso path along rows: optimality at every strength, kinks of LARS, columns nearly tied."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import Problem, regression
from oracles.paths import assert_optimal, copies_and_dummy_columns, standard_form
from sklearn.linear_model import lars_path

from skreg._objective import Penalty
from skreg._solution import Settings
from skreg.problem.design import RowDesign
from skreg.solvers.pivoting_rows import Walk, lasso_path_rows, solve

V = {"even": np.ones(30), "uneven": np.tile([1.0, 0.5, 0.0, 2.0, np.inf, 1.0], 5)}


@pytest.mark.parametrize(("v", "positive"), [("even", False), ("even", True), ("uneven", False)])
@pytest.mark.parametrize("ridged", [False, True])
@pytest.mark.parametrize("n", [12, 30, 60])
def test_every_strength_is_optimal(n, ridged, positive, v):
    A, b = standard_form(n, 30)
    ridge = np.linspace(0.0, 0.3, 30) if ridged else np.zeros(30)
    v = V[v]
    path = lasso_path_rows(A, b, v, ridge, 1e-3, positive)
    strengths = np.geomspace(path.knots[0], 1e-3, 23)
    assert_optimal(A, b, v, ridge, positive, strengths, path.at(strengths))
    assert np.all(np.diff(path.knots) <= 0)
    assert path.knots[-1] == 1e-3


def test_an_elastic_net_may_use_more_features_than_rows():
    X, y = regression(6, 25)
    penalty, settings = Penalty(np.full(25, 1e-3), np.full(25, 0.5)), Settings(1e-10, 1000, 0)
    found = solve(RowDesign.from_data(X, y, None, True), penalty, None, settings)
    expected, _ = Problem(X, y, l1=1e-3, l2=0.5).solve()
    assert np.count_nonzero(expected) > 6
    assert_allclose(found.coef, expected, rtol=1e-8)


@pytest.mark.parametrize("shape", [(20, 50), (50, 20), (40, 300)])
def test_the_kinks_are_those_of_least_angle_regression(shape):
    A, b = standard_form(*shape, seed=1)
    path = lasso_path_rows(A, b, np.ones(shape[1]), 0.0, 1e-2, False)
    alphas, _, coefs = lars_path(A, b, method="lasso", alpha_min=1e-2 / len(b))
    assert_allclose(path.knots, alphas * len(b), rtol=1e-8)
    assert_allclose(path.coefs, coefs.T, atol=1e-8)


def test_each_kink_says_which_feature_enters_or_leaves():
    A, b = standard_form(20, 60, seed=2)
    path = lasso_path_rows(A, b, np.ones(60), 0.0, 1e-3, False)
    assert np.any(path.features < 0)
    assert path.features[-1] == 60
    active = set()
    for feature, coef in zip(path.features[:-1], path.coefs, strict=False):
        assert set(np.flatnonzero(np.abs(coef) > 1e-13)) <= active
        active = active | {feature} if feature >= 0 else active - {~feature}


@pytest.mark.parametrize("ridge", [0.0, 1e-6])
def test_the_factors_are_those_of_the_active_columns_however_nearly_tied(ridge):
    A, b = standard_form(30, 8)
    A[:, 1::2] = A[:, ::2] + 1e-8 * A[:, 1::2]
    walk = Walk(np.asfortranarray(A), b, np.ones(8), np.full(8, ridge), False)
    for j in (0, 1, 4, 5, 2):
        assert walk.enter(j, 1.0)
    for i, j in ((1, 3), (0, 7), (2, 6)):
        walk.leave(i)
        assert walk.enter(j, -1.0)
    k = len(walk.features)
    Q, R, inverse = walk.Q[:, :k], walk.R[:k, :k], walk.inverse[:k, :k]
    assert_array_equal(np.flatnonzero(walk.is_active), sorted(walk.features))
    assert_allclose(Q @ R, A[:, walk.features], atol=1e-14)
    assert_allclose(Q.T @ Q + ridge * inverse.T @ inverse, np.eye(k), atol=1e-13)
    assert_allclose(inverse @ R, np.eye(k), atol=1e-7)  # of a condition of 1e8
    assert_array_equal(np.tril(R, -1), np.zeros((k, k)))


def test_columns_that_differ_by_a_millionth_keep_their_digits():
    """Times of start and end: the signal is in the difference, which a Gram matrix rounds away."""
    rng = np.random.default_rng(0)
    n = 500
    start, length = 1.5e9 + rng.uniform(0, 3.15e8, n), rng.exponential(60, n)
    y = 2 + 0.5 * length / 60 + 0.3 * rng.normal(size=n)
    X = np.c_[start, start + length]
    A, b = (X - X.mean(axis=0)) / np.sqrt(n), (y - y.mean()) / np.sqrt(n)
    path = lasso_path_rows(A, b, np.ones(2), 0.0, 0.1, False)
    D = np.c_[start - start.mean(), length - length.mean()] / np.sqrt(n)  # w0 = u - v, w1 = v
    u, v = np.linalg.solve(D.T @ D, D.T @ b - 0.1 * np.array([-1.0, 2.0]))
    assert_allclose(path.coefs[-1], [u - v, v], rtol=1e-8)


@pytest.mark.parametrize("positive", [False, True])
def test_copies_and_dummy_columns(positive):
    """A column in the span of the active ones is not needed; it may be once one of these leaves."""
    A, b = copies_and_dummy_columns()
    path = lasso_path_rows(A, b, np.ones(14), 0.0, 1e-4, positive)
    strengths = np.geomspace(path.knots[0], 1e-4, 30)
    coefs = path.at(strengths)
    assert_optimal(
        A, b, np.ones(14), 0.0, positive, strengths, np.where(abs(coefs) < 1e-13, 0, coefs)
    )


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("seed", [44, 100, 118, 128])
def test_a_column_that_was_not_needed_enters_once_it_is(seed, positive):
    """Dummies and sums of two: with both in, their sum is not needed until one of them leaves."""
    rng = np.random.default_rng(seed)
    n, p = rng.integers(8, 40), rng.integers(4, 9)
    dummies = np.eye(p)[rng.integers(0, p, n)]
    sums = [
        dummies[:, rng.choice(p, 2, replace=False)] @ rng.choice([1.0, -1.0, 2.0], 2)
        for _ in range(5)
    ]
    X = np.column_stack([dummies, *sums, rng.normal(size=(n, 2))])
    y = X @ rng.normal(size=X.shape[1]) + rng.normal(size=n)
    A, b, v = (X - X.mean(axis=0)) / np.sqrt(n), (y - y.mean()) / np.sqrt(n), np.ones(X.shape[1])
    path = lasso_path_rows(A, b, v, 0.0, 1e-4, positive)
    strengths = np.geomspace(path.knots[0], 1e-4, 60)
    coefs = path.at(strengths)
    coefs[abs(coefs) < 1e-13] = 0.0
    assert_optimal(A, b, v, 0.0, positive, strengths, coefs, atol=1e-10)


def test_above_its_largest_strength_the_path_is_one_point():
    A, b = standard_form(20, 5)
    path = lasso_path_rows(A, b, np.ones(5), 0.0, 1e3, False)
    assert_array_equal(path.coefs, np.zeros((1, 5)))
    assert_array_equal(path.at(np.array([1e4, 1e3])), np.zeros((2, 5)))


def test_an_end_at_zero_interpolates():
    A, b = standard_form(10, 40)
    path = lasso_path_rows(A, b, np.ones(40), 0.0, 0.0, False)
    assert_allclose(A @ path.coefs[-1], b, atol=1e-12)
