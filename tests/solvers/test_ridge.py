"""The closed forms against numpy's solution of the normal equations, weights and targets in all."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from skreg._objective import Penalty
from skreg.problem.moments import Moments
from skreg.problem.rows import Rows
from skreg.solvers import Settings, ridge

INVERSES = {name: getattr(ridge, name) for name in ("cholesky", "dual", "svd", "cg")}
each = pytest.mark.parametrize("name", INVERSES)
P = 8
INF = np.inf
RIDGES = {
    "even": np.full(P, 0.1),
    "uneven": np.array([0.01, 1, 0.1, 10, 0.3, 0.2, 2, 0.5]),
    "excluded": np.array([0.1, INF, 0.2, 0.3, INF, 0.1, 0.5, 0.2]),
    "wild": 10.0 ** np.array([-6, -4, -2, 0, 2, 4, 6, 8]),
}
each_ridge = pytest.mark.parametrize("weights", RIDGES.values(), ids=RIDGES)


def data(n, targets=None):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, P)) + rng.normal(size=(n, 1)) + 1.0
    return X, rng.normal(size=n if targets is None else (n, targets)) + 2.0


def penalty(weights):
    return Penalty(np.where(np.isinf(weights), INF, 0.0), np.asarray(weights, float))


def run(name, view, weights, **settings):
    solver = ridge.refine(INVERSES[name])
    settings = Settings(**{"tol": 1e-10, "max_iter": 100} | settings)
    return solver(view, penalty(weights), np.zeros(view.coef_shape), settings)


def normal_equations(X, y, weights, row_weights=None):
    """The coefficients of every target."""
    share = np.ones(len(X)) if row_weights is None else row_weights
    root = np.sqrt(share / share.sum())[:, None]
    kept = np.isfinite(weights)
    A = root * (X - root[:, 0] ** 2 @ X)[:, kept]
    b = root * (y - root[:, 0] ** 2 @ y).reshape(len(y), -1)
    system = A.T @ A + np.diag(weights[kept])
    w = np.zeros((b.shape[1], len(kept)))
    w[:, kept] = np.linalg.solve(system, A.T @ b).T
    return w[0] if np.ndim(y) == 1 else w


def assert_coef(name, actual, expected):
    # A relative gap of rounding, where the refinement stops, is its root in the coefficients; the
    # factorisations are past it at once.
    rtol = 1e-6 if name == "cg" else 1e-9
    assert_allclose(actual, expected, rtol=rtol, atol=1e-2 * rtol)


@pytest.mark.parametrize("targets", [None, 3])
@pytest.mark.parametrize("n", [40, 8, 5], ids=["tall", "square", "wide"])
@each_ridge
@each
def test_the_solution_is_that_of_the_normal_equations(name, weights, n, targets):
    X, y = data(n, targets)
    row_weights = np.arange(n, dtype=float)
    solution = run(name, Rows.from_data(X, y, row_weights, True), weights)
    expected = normal_equations(X, y, weights, row_weights)
    assert_coef(name, solution.coef, expected)
    assert_array_equal(solution.coef[..., np.isinf(weights)], 0)
    assert solution.dual_gap.shape == expected.shape[:-1]
    assert np.all(solution.dual_gap <= 1e-15)


@each_ridge
@pytest.mark.parametrize("name", ["cholesky", "dual", "cg"])
def test_sparse_designs_are_solved_alike(name, weights):
    X, y = data(20)
    X[np.abs(X) < 1] = 0.0
    solution = run(name, Rows.from_data(sp.csc_array(X), y, None, True), weights)
    expected = normal_equations(X, y, weights)
    assert_coef(name, solution.coef, expected)


@each_ridge
@pytest.mark.parametrize("name", ["cholesky", "cg"])
def test_moments_are_enough_for_what_needs_no_rows(name, weights):
    X, y = data(20, 3)
    solution = run(name, Moments.from_data(X, y).view(), weights)
    expected = normal_equations(X, y, weights)
    assert_coef(name, solution.coef, expected)


@pytest.mark.parametrize(("name", "most"), [("cholesky", 3), ("dual", 3), ("svd", 3), ("cg", 8)])
@each_ridge
def test_refinements_are_few(name, most, weights):
    X, y = data(40)
    assert run(name, Rows.from_data(X, y, None, True), weights).n_iter <= most


@pytest.mark.parametrize("most", [1, 2])
@each
def test_one_refinement_is_as_many_as_were_allowed(name, most):
    X, y = data(40)
    view = Rows.from_data(X, y, None, True)
    assert run(name, view, RIDGES["wild"], max_iter=most).n_iter <= most


@pytest.mark.parametrize("name", ["cholesky", "dual", "svd"])
def test_a_second_refinement_mends_what_the_first_left(name):
    # A condition number of 1e12 in the Gram matrix, the ridge below all but its smallest values.
    rng = np.random.default_rng(0)
    U, V = (np.linalg.qr(rng.normal(size=(n, P)))[0] for n in (40, P))
    X = (U - U.mean(axis=0)) * np.logspace(0, -6, P) @ V.T
    y = rng.normal(size=40)
    view = Rows.from_data(X, y, None, True)
    once, often = (run(name, view, np.full(P, 1e-13), max_iter=k) for k in (1, 100))
    assert often.dual_gap <= once.dual_gap
    if name != "dual":  # whose n x n side is worse conditioned than its steps can mend
        assert often.dual_gap <= 1e-10 * view.target_norm2


@pytest.mark.parametrize("name", ["cholesky", "dual", "svd", "cg"])
@pytest.mark.parametrize("strength", [1e-30, 1e-18, 1e-12])
def test_the_gap_owns_up_where_rounding_drowns_the_ridge(name, strength):
    X, y = data(20)
    X[:, 4:] = X[:, :4]
    view = Rows.from_data(1e4 * X, y, None, True)
    solution = run(name, view, np.full(P, strength))
    A, b = view.columns(slice(None)), view.target
    best = np.linalg.lstsq(A, b, rcond=1e-10)[0]
    lowest = np.sum((b - A @ best) ** 2) / 2 + strength * best @ best / 2
    w = solution.coef
    value = np.sum((b - A @ w) ** 2) / 2 + strength * w @ w / 2
    assert solution.n_iter >= 1
    assert solution.dual_gap >= value - lowest - 1e-14
