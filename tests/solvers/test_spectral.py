"""One factorisation for many ridges, against numpy's solution of each system by itself."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from skreg._objective import Penalty
from skreg._solution import Settings
from skreg.problem.design import RowDesign
from skreg.solvers.spectral import RidgePath, solve, spectrum

P = 8
INF = np.inf
STRENGTHS = np.array([1e3, 1.0, 0.1, 1e-3])
VARYING = {
    "even": np.ones(P),
    "uneven": np.array([0.5, 1, 2, 3, 1, 0.1, 1, 4]),
    "excluded": np.array([1, INF, 2, 3, 1, 1, INF, 1]),
    "free": np.array([0, 1, 2, 0, 1, 1, 3, 1.0]),
    "mixed": np.array([0, 1, 2, 0, INF, 1, 3, 1.0]),
}
each_varying = pytest.mark.parametrize("varying", VARYING.values(), ids=VARYING)


def data(n, targets=None):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, P)) + rng.normal(size=(n, 1)) + 1.0
    y = rng.normal(size=n if targets is None else (n, targets)) + 2.0
    return X, y, rng.integers(1, 4, n).astype(float)


def penalty_at(t, varying, fixed):
    excluded = np.isinf(varying)
    ridge = fixed + t * np.where(excluded, 0.0, varying)
    return Penalty(np.zeros(P), ridge).exclude(excluded)


def path_of(varying, fixed=None):
    fixed = np.zeros(P) if fixed is None else fixed
    return RidgePath.between(*(penalty_at(t, varying, fixed) for t in (0.0, 1.0)))


def standard_form(X, y, row_weights, fit_intercept):
    """A (n, P) and b (n, targets), weighted and centred."""
    share = row_weights / row_weights.sum()
    means = (share @ X, share @ y) if fit_intercept else (0.0, 0.0)
    root = np.sqrt(share)[:, None]
    return root * (X - means[0]), root * (y - means[1]).reshape(len(y), -1)


def normal_equations(A, b, ridge):
    """The coefficients of every target (targets, P)."""
    kept = np.isfinite(ridge)
    w = np.zeros((b.shape[1], len(kept)))
    system = A[:, kept].T @ A[:, kept] + np.diag(ridge[kept])
    w[:, kept] = np.linalg.solve(system, A[:, kept].T @ b).T
    return w


def hat(A, ridge):
    kept = np.isfinite(ridge)
    return A[:, kept] @ np.linalg.solve(
        A[:, kept].T @ A[:, kept] + np.diag(ridge[kept]), A[:, kept].T
    )


PROBLEMS = {
    "rows": RowDesign.from_data,
    "sparse": lambda X, *args: RowDesign.from_data(sp.csc_array(X), *args),
    "moments": lambda *args: RowDesign.from_data(*args).moments(),
}
each_problem = pytest.mark.parametrize("form", PROBLEMS)


@pytest.mark.parametrize(
    ("n", "targets", "fit_intercept"),
    [
        pytest.param(40, None, True, id="tall"),
        pytest.param(P, 3, False, id="square, no intercept"),
        pytest.param(6, None, True, id="wide"),
        pytest.param(6, None, False, id="wide, no intercept"),
    ],
)
@each_varying
@each_problem
def test_coefficients_solve_the_normal_equations(form, varying, fit_intercept, n, targets):
    """And their degrees of freedom are the trace of the hat matrix."""
    X, y, row_weights = data(n, targets)
    found = spectrum(PROBLEMS[form](X, y, row_weights, fit_intercept), path_of(varying))
    A, b = standard_form(X, y, row_weights, fit_intercept)
    coefs = found.coefs(STRENGTHS)
    assert coefs.shape == (len(STRENGTHS), *([] if targets is None else [targets]), P)
    assert found.resolves(STRENGTHS).all()
    freedom = found.degrees_of_freedom(STRENGTHS)
    for k, t in enumerate(STRENGTHS):
        expected = normal_equations(A, b, t * varying).reshape(coefs[k].shape)
        assert_allclose(coefs[k], expected, rtol=1e-9, atol=1e-11)
        assert_array_equal(coefs[k][..., np.isinf(varying)], 0)
        assert_allclose(freedom[k], np.trace(hat(A, t * varying)), rtol=1e-9)


@each_varying
@each_problem
def test_a_fixed_ridge_beside_the_varying_one(form, varying):
    """It may also weigh the features that the strength does not weigh."""
    X, y, row_weights = data(40)
    fixed = np.linspace(0, 2, P)
    found = spectrum(PROBLEMS[form](X, y, row_weights, True), path_of(varying, fixed))
    A, b = standard_form(X, y, row_weights, True)
    for t, coef, freedom in zip(
        STRENGTHS, found.coefs(STRENGTHS), found.degrees_of_freedom(STRENGTHS), strict=True
    ):
        ridge = fixed + t * varying
        assert_allclose(coef, normal_equations(A, b, ridge)[0], rtol=1e-9, atol=1e-11)
        assert_allclose(freedom, np.trace(hat(A, ridge)), rtol=1e-9)


@pytest.mark.parametrize("n", [40, 7], ids=["tall", "wide"])
@pytest.mark.parametrize("form", ["rows", "moments"])
def test_strengths_may_be_huge_or_tiny_and_columns_dependent(form, n):
    X, y, row_weights = data(n)
    X[:, 4:] = X[:, :4]
    strengths = np.array([1e300, 1e12, 1e-18, 1e-30, 1e-300, 0.0])
    found = spectrum(PROBLEMS[form](X, y, row_weights, True), path_of(np.ones(P)))
    coefs = found.coefs(strengths)
    A, b = standard_form(X, y, row_weights, True)
    limit = np.linalg.lstsq(A, b, rcond=1e-10)[0][:, 0]
    assert_allclose(coefs[2:], np.tile(limit, (4, 1)), rtol=1e-8)
    assert_allclose(coefs[:2], A.T @ b[:, 0] / strengths[:2, None], rtol=1e-9)
    assert_allclose(found.degrees_of_freedom(strengths)[3:], 4.0)
    assert found.resolves(strengths).all()


def test_it_says_which_strengths_the_eigenvalues_do_not_resolve():
    X, y, row_weights = data(40)
    X[:, 0] = X[:, 1] + 1e-6 * X[:, 0]
    for form in ("rows", "moments"):
        found = spectrum(PROBLEMS[form](X, y, row_weights, True), path_of(np.ones(P)))
        assert_array_equal(found.resolves(np.array([1.0, 1e-4, 1e-13])), [True, True, False])


def test_dependent_free_features_share_the_minimum_norm():
    X, y, row_weights = data(40)
    X[:, 1] = 2 * X[:, 0]
    X[:, 2] = 1e5 * X[:, 3]
    varying = np.array([0, 0, 0, 0, 1, 1, 1, 1.0])
    A, b = standard_form(X, y, row_weights, True)
    for form in PROBLEMS:
        found = spectrum(PROBLEMS[form](X, y, row_weights, True), path_of(varying))
        coef = found.coefs(np.array([1e-2]))[0]
        below = np.diag(np.sqrt(1e-2 * varying))
        stacked = np.vstack([A, below]), np.append(b[:, 0], np.zeros(P))
        assert_allclose(coef, np.linalg.lstsq(*stacked, rcond=1e-13)[0], rtol=1e-8, atol=1e-15)


def test_wide_designs_share_no_factors_beside_a_fixed_ridge():
    X, y, _ = data(6)
    design = RowDesign.from_data(X, y, None, True)
    assert spectrum(design, path_of(np.ones(P), np.ones(P))) is None


@pytest.mark.parametrize("n", [40, 7], ids=["tall", "wide"])
@pytest.mark.parametrize("form", ["rows", "sparse"])
@pytest.mark.parametrize("strength", [1e-20, 1e-15, 1e-10])
def test_dependent_columns_lose_no_digits_at_tiny_strengths(strength, form, n):
    """Their direction is rounding however the strength compares with that."""
    X, y, row_weights = data(n)
    X[:, 6:] = X[:, :2]
    design = PROBLEMS[form](X, y, row_weights, True)
    penalty = penalty_at(strength, np.ones(P), np.zeros(P))
    coef = solve(design, penalty, None, Settings(1e-10, 1000)).coef
    A, b = standard_form(X, y, row_weights, True)
    limit = np.linalg.lstsq(A, b, rcond=1e-10)[0][:, 0]
    assert_allclose(coef, limit, rtol=1e-8 + 1e3 * strength)
