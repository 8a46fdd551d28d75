"""The certified solve: what it returns is optimal, and its gap bounds what is left."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skreg import L1Regressor, L2Regressor
from skreg._objective import Penalty
from skreg._solution import Settings
from skreg.problem.design import RowDesign
from skreg.solvers import certified
from skreg.solvers.certificate import certify
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


@pytest.mark.parametrize("p", [20, 400])
def test_strengths_that_no_number_can_hold(p):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, p)), rng.normal(size=60)
    tiny, none = (L1Regressor(strength).fit(X, y).coef_ for strength in (1e-310, 0.0))
    assert_allclose(tiny, none, rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match="The penalty overflows float64"):
        L2Regressor(1e308, penalty_weights=np.full(p, 10.0)).fit(X, y)
