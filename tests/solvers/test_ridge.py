"""The closed forms against the solution of each system by itself, and down to strength 0."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from skreg._objective import Penalty
from skreg._solution import Settings
from skreg.problem.design import RowDesign
from skreg.solvers import ridge, spectral

SOLVERS = {
    "cholesky": ridge.cholesky,
    "dual": ridge.dual,
    "svd": ridge.svd,
    "cg": ridge.cg,
    "spectral": spectral.solve,
}
each = pytest.mark.parametrize("name", SOLVERS)
P = 8
INF = np.inf
RIDGES = {
    "even": np.full(P, 0.1),
    "uneven": np.array([0.01, 1, 0.1, 10, 0.3, 0.2, 2, 0.5]),
    "excluded": np.array([0.1, INF, 0.2, 0.3, INF, 0.1, 0.5, 0.2]),
    "wild": 10.0 ** np.array([-6, -4, -2, 0, 2, 4, 6, 8]),
    "some free": np.array([0.1, 0, 0.2, 0.3, 0, 0.1, 0.5, 0.2]),
    "all kinds": np.array([0.1, 0, INF, 3.0, 0, 0.1, 0.5, 1e-4]),
}
each_ridge = pytest.mark.parametrize("weights", RIDGES.values(), ids=RIDGES)


def data(n, targets=None):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, P)) + rng.normal(size=(n, 1)) + 1.0
    return X, rng.normal(size=n if targets is None else (n, targets)) + 2.0


def run(name, problem, weights, **settings):
    weights = np.asarray(weights, float)
    penalty = Penalty(np.where(np.isinf(weights), INF, 0.0), weights)
    settings = Settings(**{"tol": 1e-10, "max_iter": 1000} | settings)
    return SOLVERS[name](problem, penalty, None, settings)


def least_squares(X, y, weights, row_weights=None, intercept=True):
    """The coefficients of every target, by augmented rows, of minimum norm."""
    share = np.ones(len(X)) if row_weights is None else row_weights
    share = share / share.sum()
    root, kept = np.sqrt(share)[:, None], np.isfinite(weights)
    A = root * (X - intercept * share @ X)[:, kept]
    b = root * (y - intercept * share @ y).reshape(len(y), -1)
    below = np.diag(np.sqrt(weights[kept]))
    w = np.zeros((b.shape[1], len(kept)))
    stacked = np.vstack([A, below]), np.vstack([b, np.zeros((len(below), b.shape[1]))])
    w[:, kept] = np.linalg.lstsq(*stacked, rcond=1e-13)[0].T
    return w[0] if np.ndim(y) == 1 else w


def rounding(name, weights):
    """What rounding may change: "dual" divides an error of EPS |A_j| |u| by the ridge."""
    return 8 * np.finfo(float).eps / weights[weights > 0].min() if name == "dual" else 1e-10


@pytest.mark.parametrize(
    ("n", "targets"), [(40, None), (9, 3), (6, None)], ids=["tall", "square", "wide"]
)
@each_ridge
@each
def test_the_solution_is_that_of_augmented_least_squares(name, weights, n, targets):
    X, y = data(n, targets)
    row_weights = np.arange(1.0, n + 1)
    solution = run(name, RowDesign.from_data(X, y, row_weights, True), weights)
    expected = least_squares(X, y, weights, row_weights)
    assert_allclose(solution.coef, expected, rtol=1e-8, atol=rounding(name, weights))
    assert_array_equal(solution.coef[..., np.isinf(weights)], 0)


@each_ridge
@pytest.mark.parametrize("name", ["cholesky", "dual", "cg", "spectral"])
def test_sparse_designs_are_solved_alike(name, weights):
    X, y = data(20)
    X[np.abs(X) < 1] = 0.0
    solution = run(name, RowDesign.from_data(sp.csc_array(X), y, None, True), weights)
    expected = least_squares(X, y, weights)
    assert_allclose(solution.coef, expected, rtol=1e-8, atol=rounding(name, weights))


@each_ridge
@pytest.mark.parametrize("name", ["cholesky", "cg", "spectral"])
def test_moments_are_enough_for_what_needs_no_rows(name, weights):
    X, y = data(20, 3)
    solution = run(name, RowDesign.from_data(X, y, None, True).moments(), weights)
    assert_allclose(solution.coef, least_squares(X, y, weights), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("n", [40, 6], ids=["tall", "wide"])
@pytest.mark.parametrize("name", ["svd", "dual", "cg", "spectral"])
def test_without_any_penalty_it_is_least_squares_of_minimum_norm(name, n, intercept):
    X, y = data(n, 2)
    X[:, 5] = X[:, 0] - X[:, 1]
    solution = run(name, RowDesign.from_data(X, y, None, intercept), np.zeros(P))
    expected = least_squares(X, y, np.zeros(P), intercept=intercept)
    assert_allclose(solution.coef, expected, rtol=1e-6, atol=1e-8)


def solved(design, weights):
    """The coefficients of a factorisation, or of singular values where that gives up."""
    first = "cholesky" if design.shape[0] > design.shape[1] else "dual"
    try:
        return run(first, design, weights).coef
    except np.linalg.LinAlgError:
        return run("svd", design, weights).coef


@pytest.mark.parametrize("kind", ["independent", "dependent"])
@pytest.mark.parametrize("n", [60, 20], ids=["tall", "wide"])
@pytest.mark.parametrize("strength", [1e-30, 1e-20, 1e-16, 1e-14, 1e-12, 1e-10])
def test_the_way_to_strength_zero_ends_in_least_squares_of_minimum_norm(strength, n, kind):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, 30)) + 3.0
    if kind == "dependent":
        X[:, 25:] = X[:, :5] + X[:, 5:10]
    y = X @ rng.normal(size=30) + rng.normal(size=n)
    limit = least_squares(X, y, np.zeros(30))
    coef = solved(RowDesign.from_data(X, y, None, True), np.full(30, strength))
    assert_allclose(coef, limit, atol=1e-10 + 1e2 * strength, rtol=0)


def exact_ridge(A, b, ridge):
    """The solution in 60 digits."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(60):
        exact, target = mpmath.matrix(A.tolist()), mpmath.matrix(b.tolist())
        if len(A) >= A.shape[1]:
            system = exact.T * exact + mpmath.diag([mpmath.mpf(r) for r in ridge])
            found = mpmath.lu_solve(system, exact.T * target)
        else:
            scaled = mpmath.diag([1 / mpmath.mpf(r) for r in ridge]) * exact.T
            found = scaled * mpmath.lu_solve(exact * scaled + mpmath.eye(len(A)), target)
        return np.array([float(x) for x in found])


@pytest.mark.parametrize("noise", [0.0, 1.0])
@pytest.mark.parametrize("shape", [(40, 8), (12, 20)], ids=["tall", "wide"])
@pytest.mark.parametrize("condition", 10.0 ** np.arange(0, 9, 2))
def test_the_coefficients_are_right_at_any_condition(condition, shape, noise):
    """At a penalty of next to nothing, to the digits that the columns determine."""
    rng, k = np.random.default_rng(2), min(shape)
    U, V = (np.linalg.qr(rng.normal(size=(side, k)))[0] for side in shape)
    X = U * np.logspace(0, -np.log10(condition), k) @ V.T
    y = X @ rng.normal(size=shape[1]) + noise * rng.normal(size=shape[0])
    design, weights = RowDesign.from_data(X, y, None, False), np.full(shape[1], 1e-28)
    expected = exact_ridge(design.columns(slice(None)), design.target, weights)
    atol = 1e-14 * condition * np.max(np.abs(expected))
    assert_allclose(solved(design, weights), expected, rtol=0, atol=atol)


def test_columns_that_differ_by_a_millionth_are_told_apart():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(100, 5))
    X[:, 1] = X[:, 0] + 1e-6 * rng.normal(size=100)
    y = X @ np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    for strength in (0.0, 1e-25):
        coef = solved(RowDesign.from_data(X, y, None, True), np.full(5, strength))
        assert_allclose(coef, [1, 2, 3, 4, 5], rtol=1e-8)


@pytest.mark.parametrize("name", ["svd", "dual", "cholesky"])
@pytest.mark.parametrize("spread", [1e3, 1e6])
def test_columns_of_wild_scales_count_alike(name, spread):
    X, y = data(40)
    scales = spread ** np.linspace(-1, 1, P)
    design = RowDesign.from_data(X * scales, y, None, True)
    weights = np.full(P, 1e-3) * scales**2
    coef = run(name, design, weights).coef * scales
    assert_allclose(coef, least_squares(X, y, np.full(P, 1e-3)), rtol=1e-8)


@pytest.mark.parametrize("name", ["cholesky", "dual"])
def test_a_factor_gives_up_where_it_cannot_be_right(name):
    X, y = data(20)
    X[:, 4:] = X[:, :4]
    X = X.T if name == "dual" else X
    design = RowDesign.from_data(X, y[: len(X)], None, False)
    with pytest.raises(np.linalg.LinAlgError):
        run(name, design, np.full(X.shape[1], 1e-20))


def test_one_solve_is_as_many_as_were_allowed():
    X, y = data(40)
    X[:, 0] = X[:, 1] + 1e-3 * X[:, 0]
    design = RowDesign.from_data(X, y, None, True)
    assert run("cholesky", design, np.zeros(P), max_iter=1).n_iter == 1
    assert run("cholesky", design, np.zeros(P)).n_iter > 1
    assert run("cg", design, np.zeros(P), max_iter=1).n_iter == 1


@each
def test_constant_targets_have_no_coefficients(name):
    X, _ = data(20)
    solution = run(name, RowDesign.from_data(X, np.full(20, 3.0), None, True), RIDGES["even"])
    assert_array_equal(solution.coef, np.zeros(P))


@pytest.mark.parametrize("strength", [1e-30, 1e-20, 1e-10])
@pytest.mark.parametrize("n", [40, 10])
def test_what_free_features_can_do_leaves_the_others_nothing(n, strength):
    """Not even what rounding leaves of them, however weak their penalty."""
    X, y = data(n)
    X[:, 3:] = X[:, :3] @ np.random.default_rng(1).normal(size=(3, 5))
    weights = np.where(np.arange(P) < 3, 0.0, strength)
    coef = run("svd", RowDesign.from_data(X, y, None, True), weights).coef
    assert_allclose(coef[3:], 0, atol=1e-10)
    assert_allclose(coef[:3], least_squares(X[:, :3], y, np.zeros(3)), rtol=1e-8)


@pytest.mark.parametrize("strength", [0.0, 1e-30])
def test_a_column_far_from_the_origin_hides_no_small_one(strength):
    """The rounding of seconds since 1970 is no reason to overlook a concentration."""
    rng = np.random.default_rng(0)
    X = np.column_stack([1.5e9 + rng.uniform(0, 60, 50), 1e-7 * rng.normal(size=50)])
    y = X @ [0.1, 3e7] + rng.normal(size=50)
    coef = run("svd", RowDesign.from_data(X, y, None, True), np.full(2, strength)).coef
    assert_allclose(coef, least_squares(X / [1, 1e-7], y, np.zeros(2)) / [1, 1e-7], rtol=1e-6)
