"""The certified solve: what it returns is optimal, and its gap bounds what is left."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skreg import L1Regressor, L2Regressor
from skreg._objective import Penalty
from skreg._solution import Settings
from skreg.problem.design import RowDesign
from skreg.solvers import certified
from skreg.solvers.certificate import bound_from_moments, certify
from skreg.solvers.table import SOLVERS

SETTINGS = Settings(tol=1e-10, max_iter=1000)


def design(n=40, p=8, targets=None):
    """Return a design of random data far from the origin."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((n, p)) + 2.0
    shape = (p,) if targets is None else (p, targets)
    return RowDesign.from_data(X, X @ rng.standard_normal(shape), None, True)


def objective(problem, penalty, w):
    """Return the objective (...) at w (..., p)."""
    residual = problem.target - w @ problem.columns(slice(None)).T
    return 0.5 * np.sum(residual**2, axis=-1) + penalty.value(w)


@pytest.mark.parametrize("l1", [0.0, 0.3])
@pytest.mark.parametrize("ridge", [0.0, 0.2])
@pytest.mark.parametrize("free", [0, 3])
@pytest.mark.parametrize("targets", [None, 2])
def test_the_gap_of_any_coefficients_bounds_what_is_left(l1, ridge, free, targets):
    problem = design(targets=targets)
    weights = np.ones(problem.n_features)
    weights[:free] = 0.0
    penalty = Penalty.weighted(weights, l1, ridge)
    best = certified.solve(problem, penalty, "auto", None, SETTINGS)
    assert best.is_within(1e-10, problem.target_norm2)
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-1, 10.0):
        w = best.coef + size * rng.standard_normal(best.coef.shape)
        left = objective(problem, penalty, w) - objective(problem, penalty, best.coef)
        gap = certify(problem, penalty, w, 1e-10).gap
        assert np.all(gap >= left * (1 - 1e-9))


def test_more_features_without_a_penalty_than_rows_leave_nothing_to_explain():
    rng = np.random.default_rng(0)
    is_free = np.arange(12) < 8
    X, y = rng.standard_normal((6, 12)) * np.where(is_free, 1.0, 100.0), rng.standard_normal(6)
    problem = RowDesign.from_data(X, y, None, True)
    penalty = Penalty.weighted(np.where(is_free, 0.0, 1.0), 1e4, 0.0)
    w = np.where(is_free, rng.standard_normal(12), 0.0)
    assert certify(problem, penalty, w, 1e-10).gap >= objective(problem, penalty, w) * (1 - 1e-9)


def test_coefficients_worse_than_zero_are_never_certified():
    """Two equal columns and huge opposite coefficients, whose rounding could excuse anything."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(20)
    problem = RowDesign.from_data(np.c_[x, x], x + rng.standard_normal(20), None, True)
    penalty, w = Penalty(np.full(2, 1e-9), np.zeros(2)), np.array([1e15, -1e15])
    assert certify(problem, penalty, w, 1e-10, is_direct=True).gap >= 1e-9 * 2e15


@pytest.mark.parametrize("name", [name for name, row in SOLVERS.items() if row.exact])
def test_every_exact_solver_finds_the_same_minimum(name):
    problem = design()
    penalty = Penalty.weighted(np.ones(problem.n_features), 0.0, 0.1)
    if SOLVERS[name].l1:
        penalty = Penalty.weighted(np.ones(problem.n_features), 0.1, 0.1)
    found = certified.solve(problem, penalty, name, None, SETTINGS)
    best = certified.solve(problem, penalty, "auto", None, SETTINGS)
    assert found.solver == name
    assert_allclose(found.coef, best.coef, atol=1e-9)


def test_a_solver_that_cannot_factor_the_data_passes_them_on():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 5))
    X[:, 1] = X[:, 0]
    problem = RowDesign.from_data(X, X[:, 0], None, True)
    penalty = Penalty.weighted(np.ones(5), 0.0, 0.0)
    found = certified.solve(problem, penalty, "cholesky", None, SETTINGS)
    assert found.solver != "cholesky"
    assert_allclose(found.coef, [0.5, 0.5, 0, 0, 0], atol=1e-10)


def test_a_large_column_hides_no_small_one_from_the_certificate():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3)) * [1e-4, 1e4, 1.0]
    y = X @ [1e4, 1e-4, 1.0] + 0.1 * rng.normal(size=50)
    problem = RowDesign.from_data(X, y, None, True)
    penalty = Penalty.weighted(np.array([0.0, 0.0, 1.0]), 0.1, 0.0)
    best = certified.solve(problem, penalty, "auto", None, SETTINGS)
    w = best.coef * [0.0, 1.0, 1.0]
    left = objective(problem, penalty, w) - objective(problem, penalty, best.coef)
    assert certify(problem, penalty, w, 1e-10).gap >= left * (1 - 1e-9)


def test_wide_columns_of_very_different_units_are_certified():
    rng = np.random.default_rng(7)
    X, y = rng.normal(size=(100, 1500)) * 10.0 ** rng.uniform(-3, 3, 1500), rng.normal(size=100)
    problem = RowDesign.from_data(X, y, None, True)
    solution = certified.solve(
        problem, Penalty.weighted(np.ones(1500), 1e-3, 0.0), "auto", None, SETTINGS
    )
    assert solution.is_within(1e-10, problem.target_norm2)


def pairs(n, p, difference):
    """Return pairs of columns that differ by so much, and a target made of the differences."""
    rng = np.random.default_rng(0)
    X = np.repeat(rng.standard_normal((n, p // 2)), 2, axis=1)
    X[:, 1::2] += difference * rng.standard_normal((n, p // 2))
    y = (X[:, :10:2] - X[:, 1:10:2]).sum(axis=1) / difference
    return X, y + 0.1 * rng.standard_normal(n)


@pytest.mark.parametrize("n", [30, 100])
def test_wide_pairs_of_columns_that_differ_by_a_millionth_converge(n):
    X, y = pairs(n, 400, 1e-6)
    model = L1Regressor(1e-9).fit(X, y)  # a warning would be an error
    assert model.dual_gap_ <= 1e-10 * y.var() / 2
    correlation = X.T @ (y - model.predict(X)) / n
    rounding = 1e-16 * np.abs(model.coef_).sum()
    assert np.all(np.abs(correlation) <= 1e-9 + rounding)


def test_violations_that_count_as_rounding_are_added_up():
    """Each of fifty correlations misses a little: the gap is their sum times the coefficients."""
    problem = design(60, 50)
    penalty = Penalty(np.full(50, 1e-3), np.zeros(50))
    best = certified.solve(problem, penalty, "auto", None, SETTINGS).coef
    A = problem.columns(np.arange(50))
    missed = 1e-14 * np.sign(best) * (best != 0)
    w = best - np.linalg.solve(A.T @ A, missed)
    left = np.sum(missed * np.abs(w) * np.sign(best))
    assert certify(problem, penalty, w, 0.0).gap >= 0.9 * left


@pytest.mark.parametrize("p", [20, 400])
def test_strengths_that_no_number_can_hold(p):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, p)), rng.normal(size=60)
    tiny, none = (L1Regressor(strength).fit(X, y).coef_ for strength in (1e-310, 0.0))
    assert_allclose(tiny, none, rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match="The penalty overflows float64"):
        L2Regressor(1e308, penalty_weights=np.full(p, 10.0)).fit(X, y)


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("offset", [0.0, 8.0, 1e6])
@pytest.mark.parametrize("kind", ["ordinary", "nearly equal", "elastic net"])
def test_a_bound_from_moments_is_not_below_the_gap_in_extended_precision(kind, offset, positive):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 8)) * 10.0 ** np.arange(-4, 4)
    if kind == "nearly equal":
        X[:, 1::2] = X[:, ::2] * (1 + 1e-5 * rng.normal(size=(3000, 4)))
    y = X @ rng.uniform(0, 1, 8) + X.std() * rng.normal(size=3000)
    s = rng.uniform(0.5, 2.0, 3000)
    rows = RowDesign.from_data(X + offset * X.std(axis=0), y, s, True)
    ridge = 0.1 if kind == "elastic net" else 0.0
    A = rows.columns(np.arange(8)).astype(np.longdouble)
    b = rows.target.astype(np.longdouble)
    for share in (0.3, 1e-3, 1e-5):
        penalty = Penalty(np.full(8, share * np.abs(rows.cross).max()), np.full(8, ridge), positive)
        solution = certified.solve(rows, penalty, "auto", None, SETTINGS)
        for w in (solution.coef, solution.coef * (1 + 1e-6)):
            r = b - A @ w
            exact = penalty.dual_gap(w, A.T @ r, r @ r)
            bound = bound_from_moments(rows.moments(), rows, penalty, w)
            assert exact <= bound
            if kind != "nearly equal":
                assert bound <= exact + 1e-10 * rows.target_norm2
