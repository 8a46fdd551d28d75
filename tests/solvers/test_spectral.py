"""One factorisation for many ridges, against numpy's solution of each system by itself."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from skreg._objective import Penalty
from skreg.problem.moments_view import MomentsView
from skreg.problem.rows import Rows
from skreg.solvers import spectral
from skreg.solvers.elimination import Elimination
from skreg.solvers.spectral import chunks, spectrum, stack

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
each_intercept = pytest.mark.parametrize("fit_intercept", [True, False])


def data(n, targets=None):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, P)) + rng.normal(size=(n, 1)) + 1.0
    y = rng.normal(size=n if targets is None else (n, targets)) + 2.0
    return X, y, rng.integers(1, 4, n).astype(float)


def penalty_at(t, varying, fixed):
    return Penalty(np.where(np.isinf(varying), INF, 0.0), fixed + t * varying)


def make(view, varying, fixed=None):
    """The spectrum, and a function for the penalty at a strength."""
    fixed = np.zeros(P) if fixed is None else fixed
    finite = np.where(np.isinf(varying), 0.0, varying)
    return spectrum(view, penalty_at(1.0, varying, fixed), fixed, finite)


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


VIEWS = {
    "rows": lambda X, y, s, b: Rows.from_data(X, y, s, b),
    "sparse": lambda X, y, s, b: Rows.from_data(sp.csc_array(X), y, s, b),
    "moments": lambda X, y, s, b: MomentsView.from_rows(Rows.from_data(X, y, s, b)),
}
each_view = pytest.mark.parametrize("view", VIEWS)


@pytest.mark.parametrize("targets", [None, 3])
@pytest.mark.parametrize("n", [40, P, 6], ids=["tall", "square", "wide"])
@each_intercept
@each_varying
@each_view
def test_coefficients_solve_the_normal_equations(view, varying, fit_intercept, n, targets):
    X, y, row_weights = data(n, targets)
    problem = make(VIEWS[view](X, y, row_weights, fit_intercept), varying)
    A, b = standard_form(X, y, row_weights, fit_intercept)
    penalties = [penalty_at(t, varying, np.zeros(P)) for t in STRENGTHS]
    solved = problem.solve(STRENGTHS, penalties, 1e-10)
    coefs = problem.coefs(STRENGTHS)
    assert coefs.shape == (len(STRENGTHS), *([] if targets is None else [targets]), P)
    for k, t in enumerate(STRENGTHS):
        expected = normal_equations(A, b, t * varying).reshape(coefs[k].shape)
        assert_allclose(coefs[k], expected, rtol=1e-9, atol=1e-11)
        assert_allclose(solved[k].coef, expected, rtol=1e-9, atol=1e-11)
        assert solved[k].dual_gap.shape == expected.shape[:-1]
        assert np.all(solved[k].dual_gap <= 1e-15)
        assert solved[k].n_iter in (1, 2)
        assert_array_equal(solved[k].coef[..., np.isinf(varying)], 0)


@each_varying
@each_view
def test_a_fixed_ridge_beside_the_varying_one(view, varying):
    X, y, row_weights = data(40)
    fixed = np.where(varying == 0, 0.0, np.linspace(0, 2, P))
    problem = make(VIEWS[view](X, y, row_weights, True), varying, fixed)
    A, b = standard_form(X, y, row_weights, True)
    for t, coef, freedom in zip(
        STRENGTHS, problem.coefs(STRENGTHS), problem.degrees_of_freedom(STRENGTHS), strict=True
    ):
        ridge = fixed + t * varying
        assert_allclose(coef, normal_equations(A, b, ridge)[0], rtol=1e-9, atol=1e-11)
        assert_allclose(freedom, np.trace(hat(A, ridge)), rtol=1e-9)


@pytest.mark.parametrize("n", [40, 6], ids=["tall", "wide"])
@each_intercept
@each_varying
@each_view
def test_degrees_of_freedom_are_the_trace_of_the_hat_matrix(view, varying, fit_intercept, n):
    X, y, row_weights = data(n)
    problem = make(VIEWS[view](X, y, row_weights, fit_intercept), varying)
    A, _ = standard_form(X, y, row_weights, fit_intercept)
    freedom = problem.degrees_of_freedom(STRENGTHS)
    for k, t in enumerate(STRENGTHS):
        assert_allclose(freedom[k], np.trace(hat(A, t * varying)), rtol=1e-9)


def test_strengths_need_not_be_tame():
    X, y, row_weights = data(40)
    X[:, 4:] = X[:, :4]  # half the eigenvalues are zero
    strengths = np.array([1e300, 1e12, 1e-18, 1e-30, 1e-300, 0.0])
    for view in (VIEWS["rows"], VIEWS["moments"]):
        problem = make(view(X, y, row_weights, True), np.ones(P))
        coefs = problem.coefs(strengths)
        A, b = standard_form(X, y, row_weights, True)
        least_squares = np.linalg.lstsq(A, b, rcond=1e-10)[0][:, 0]
        assert_allclose(coefs[2:], np.tile(least_squares, (4, 1)), rtol=1e-9)
        assert_allclose(coefs[:2], A.T @ b[:, 0] / strengths[:2, None], rtol=1e-9)
        assert_allclose(problem.degrees_of_freedom(strengths)[3:], 4.0)


def test_a_refinement_mends_what_the_factors_lost():
    # A column a million times larger than the others drowns them in the eigenvalues' rounding.
    X, y, _ = data(40)
    X[:, 0] *= 1e6
    view = Rows.from_data(X, y, None, True)
    problem = make(view, np.ones(P))
    penalties = [penalty_at(t, np.ones(P), np.zeros(P)) for t in STRENGTHS]
    A, b = standard_form(X, y, np.ones(40), True)
    scaled = A / np.linalg.norm(A, axis=0)
    for solution, t in zip(problem.solve(STRENGTHS, penalties, 1e-10), STRENGTHS, strict=True):
        ridge = t / np.linalg.norm(A, axis=0) ** 2
        expected = normal_equations(scaled, b, ridge)[0] / np.linalg.norm(A, axis=0)
        assert_allclose(solution.coef, expected, rtol=1e-9)


NONE_SHARED = {
    "an l1 part": (Penalty(np.ones(P), np.ones(P)), np.zeros(P), np.ones(P), 40),
    "positive": (Penalty(np.zeros(P), np.ones(P), positive=True), np.zeros(P), np.ones(P), 40),
    "nothing is penalised": (Penalty(np.zeros(P), np.zeros(P)), np.zeros(P), np.zeros(P), 40),
    "a ridge that stays": (Penalty(np.zeros(P), np.ones(P)), np.ones(P), np.arange(P) * 1.0, 40),
    "wide, and part is fixed": (Penalty(np.zeros(P), np.ones(P)), np.ones(P), np.ones(P), 6),
}


@pytest.mark.parametrize("case", NONE_SHARED)
def test_where_no_factors_are_shared(case):
    unit, fixed, varying, n = NONE_SHARED[case]
    X, y, _ = data(n)
    assert spectrum(Rows.from_data(X, y, None, True), unit, fixed, varying) is None


def test_sparse_designs_with_two_long_sides_are_not_factored(monkeypatch):
    X, y, _ = data(40)
    view = Rows.from_data(sp.csc_array(X), y, None, True)
    assert make(view, np.ones(P)) is not None
    monkeypatch.setattr(spectral.ridge, "LARGE_SIDE", P - 1)
    assert make(view, np.ones(P)) is None


@pytest.mark.parametrize("targets", [None, 2])
@each_varying
@each_view
def test_gaps_of_many_are_those_of_each(view, varying, targets):
    X, y, row_weights = data(40, targets)
    view = VIEWS[view](X, y, row_weights, True)
    rng = np.random.default_rng(1)
    w = rng.normal(size=(len(STRENGTHS), *view.coef_shape))
    w[..., np.isinf(varying)] = 0.0
    l1 = np.where(varying == 0, 0.0, np.where(np.isinf(varying), INF, 0.3))
    penalties = [Penalty(l1, t * varying) for t in STRENGTHS]
    problem = Elimination(view, penalties[0])
    together = problem.gaps(w, stack(penalties, len(view.coef_shape)))
    assert together.shape == w.shape[:-1]
    for k, penalty in enumerate(penalties):
        each = Elimination(view, penalty)
        assert_allclose(together[k], each.gaps(w[k], penalty), rtol=1e-12)


@pytest.mark.parametrize("targets", [None, 3])
def test_chunks_cover_all_strengths_and_bound_the_memory(targets, monkeypatch):
    X, y, _ = data(40, targets)
    view = Rows.from_data(X, y, None, True)
    monkeypatch.setattr(spectral, "CHUNK_BYTES", 8 * 40 * 6)
    parts = list(chunks(view, 10))
    assert np.concatenate([np.arange(10)[part] for part in parts]).tolist() == list(range(10))
    size = 6 // (targets or 1)
    assert max(part.stop - part.start for part in parts) == size


@pytest.mark.parametrize("n", [40, 5])
@pytest.mark.parametrize("targets", [None, 2])
@pytest.mark.parametrize("varying", ["uneven", "excluded", "free"])
def test_a_refinement_takes_out_the_error_of_the_factors(varying, targets, n, monkeypatch):
    """Factors off by 1e-5, in a residual that is not, leave the square of that."""
    X, y, row_weights = data(n, targets)
    varying = VARYING[varying]
    found = make(Rows.from_data(X, y, row_weights, True), varying)
    first = type(found.factors).first
    monkeypatch.setattr(
        type(found.factors), "first", lambda self, t: (1 + 1e-5) * first(self, t), raising=False
    )
    penalties = [penalty_at(t, varying, np.zeros(P)) for t in STRENGTHS[1:]]
    A, b = standard_form(X, y, row_weights, True)
    for t, solution in zip(STRENGTHS[1:], found.solve(STRENGTHS[1:], penalties, 0.0), strict=True):
        assert solution.n_iter == 2
        expected = normal_equations(A, b, t * varying).reshape(solution.coef.shape)
        assert_allclose(solution.coef, expected, rtol=1e-8, atol=1e-10)
