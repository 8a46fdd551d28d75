"""Free features: what is left without them, their coefficients afterwards, and the whole gap."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import Problem, regression

from skreg import L1Regressor
from skreg._objective import Penalty
from skreg._solution import Solution
from skreg.problem.moments import Moments
from skreg.problem.rows import Rows
from skreg.solvers.elimination import Elimination

INF = np.inf
P = 8
VIEWS = {
    "dense": lambda X, y: Rows.from_data(X, y, None, True),
    "sparse": lambda X, y: Rows.from_data(sp.csc_array(X), y, None, True),
    "moments": lambda X, y: Moments.from_data(X, y).view(),
}
each_view = pytest.mark.parametrize("make", VIEWS.values(), ids=VIEWS)
# l1 and ridge of the eight features; those without either are free.
MIXES = {
    "one free": ([0, 0.1, 0.2, 0.1, 0.3, 0.1, 0.2, 0.1], [0, 0, 0.1, 0, 0, 0.2, 0, 0]),
    "some free": ([0, 0.1, 0, 0.1, 0.2, 0, 0.1, INF], [0, 0, 0, 0.1, 0, 0, 0, INF]),
    "free or ridge": ([0, 0, 0, 0, 0, 0, 0, 0], [0, 0.1, 0, 1, 0.5, 0, 2, 0.1]),
}
each_mix = pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
each_dependence = pytest.mark.parametrize("dependent", [False, True], ids=["full", "dependent"])


def data(dependent=False, targets=None, n=30):
    X, y = regression(n, P, targets=targets)
    if dependent:  # among the free features of "some free", on other scales
        X[:, 5] = 1e3 * X[:, 0] - 0.5 * X[:, 2]
    return X, y


def make_penalty(mix, positive=False):
    return Penalty(*np.array(mix, float), positive)


def state(X, y, penalty):
    """The same problem, for an optimum and objectives without skreg."""
    problem = Problem(X, y, positive=penalty.positive)
    problem.l1, problem.ridge = penalty.finite
    problem.excluded = penalty.excluded
    return problem


def unsolved(w):
    """Coefficients of which nothing is claimed."""
    return Solution(w, np.zeros(w.shape[:-1]), 1)


@each_view
def test_without_free_features_the_rest_is_the_whole(make):
    view, penalty = make(*data()), make_penalty(([0.1] * P, [0.0] * P))
    problem = Elimination(view, penalty)
    solution = unsolved(np.ones(P))
    assert problem.rest[0] is view
    assert problem.rest[1] is penalty
    assert problem.complete(solution) is solution
    assert not problem.is_all


def test_positive_features_are_not_free():
    problem = Elimination(VIEWS["dense"](*data()), make_penalty(MIXES["one free"], positive=True))
    assert len(problem.free) == 0


@each_dependence
@each_mix
@each_view
def test_the_rest_is_orthogonal_to_the_free_columns(make, mix, dependent):
    X, y = data(dependent)
    penalty = make_penalty(mix)
    problem = Elimination(make(X, y), penalty)
    view, rest = problem.rest
    free = (penalty.l1 == 0) & (penalty.ridge == 0)
    gram = view.block(np.flatnonzero(free), np.arange(P))
    scale = np.linalg.norm(X - X.mean(axis=0), axis=0)
    assert_allclose(gram / scale / scale[free, None], 0, atol=1e-14)
    assert_array_equal(rest.excluded, free | penalty.excluded)
    assert_array_equal(problem.free, np.flatnonzero(free))


@pytest.mark.parametrize("targets", [None, 3])
@each_dependence
@each_mix
@each_view
def test_completing_is_least_squares_of_minimum_norm_on_what_the_rest_leaves(
    make, mix, dependent, targets
):
    X, y = data(dependent, targets)
    problem = Elimination(make(X, y), make_penalty(mix))
    free = problem.free
    w = np.random.default_rng(1).normal(size=P if targets is None else (targets, P))
    w[..., free] = 0.0
    w = np.where(np.isinf(mix[0]), 0.0, w)
    A, b = X - X.mean(axis=0), y - y.mean(axis=0)
    expected = w.copy()
    expected[..., free] = np.linalg.lstsq(A[:, free], b - A @ w.T, rcond=1e-10)[0].T
    completed = problem.complete(unsolved(w))
    # The Gram matrix keeps half the digits of dependent columns' shares.
    rtol = 1e-10 if make is VIEWS["dense"] or not dependent else 1e-5
    assert_allclose(completed.coef, expected, rtol=rtol, atol=rtol)
    assert_array_equal(w[..., free], 0.0)
    assert np.all(completed.dual_gap <= 1e-20)


@each_dependence
@each_mix
@each_view
def test_the_completed_optimum_is_the_whole_optimum(make, mix, dependent):
    X, y = data(dependent)
    penalty = make_penalty(mix)
    optimum, _ = state(X, y, penalty).solve()
    problem = Elimination(make(X, y), penalty)
    rest_alone = optimum.copy()
    rest_alone[problem.free] = 0.0
    completed = problem.complete(unsolved(rest_alone))
    assert_allclose(completed.coef, optimum, rtol=1e-5, atol=1e-5)
    assert problem.certify(completed).dual_gap <= 1e-13


@each_dependence
@each_mix
@each_view
def test_the_certificate_bounds_the_suboptimality_of_any_coefficients(make, mix, dependent):
    X, y = data(dependent)
    penalty = make_penalty(mix)
    whole = state(X, y, penalty)
    optimum, _ = whole.solve()
    problem = Elimination(make(X, y), penalty)
    rng = np.random.default_rng(2)
    for scale in (1e-4, 1e-2, 1.0, 100.0):
        w = np.where(penalty.excluded, 0.0, optimum + scale * rng.normal(size=P))
        excess = whole.objective(w) - whole.objective(optimum)
        gap = problem.certify(unsolved(w)).dual_gap
        assert gap >= excess * (1 - 1e-9)
        assert gap <= 1e4 * (scale + scale**2) * np.max(np.var(X, axis=0))


@each_dependence
@each_view
def test_the_gap_of_least_squares_is_its_suboptimality(make, dependent):
    X, y = data(dependent)
    penalty = make_penalty(([0.0] * 7 + [INF], [0.0] * 7 + [INF]))
    problem = Elimination(make(X, y), penalty)
    assert problem.is_all
    w = np.append(np.random.default_rng(3).normal(size=7), 0.0)
    A, b = X[:, :7] - X[:, :7].mean(axis=0), y - y.mean()
    explained = A @ np.linalg.lstsq(A, b, rcond=1e-10)[0]
    excess = np.sum((explained - A @ w[:7]) ** 2) / 2 / len(y)
    assert_allclose(problem.certify(unsolved(w)).dual_gap, excess, rtol=1e-9)
    completed = problem.complete(unsolved(np.zeros(P)))
    assert_allclose(X @ completed.coef, explained + (X @ completed.coef).mean(), atol=1e-8)


def test_rounding_that_certify_is_told_of_is_overlooked():
    X, y = data()
    penalty = make_penalty(MIXES["one free"])
    optimum, _ = state(X, y, penalty).solve()
    problem = Elimination(VIEWS["dense"](X, y), penalty)
    moved = unsolved(optimum + 1e-6 * (optimum != 0))
    strict, told = problem.certify(moved), problem.certify(moved, np.full(P, 1e-3))
    assert told.dual_gap < 1e-2 * strict.dual_gap


@each_view
def test_more_free_features_than_rows_leave_no_residual(make):
    X, y = data(n=5)
    problem = Elimination(make(X, y), make_penalty(MIXES["some free"]))
    completed = problem.complete(unsolved(np.zeros(P)))
    A, b = X - X.mean(axis=0), y - y.mean()
    expected = np.zeros(P)
    expected[problem.free] = np.linalg.lstsq(A[:, problem.free], b, rcond=1e-10)[0]
    assert_allclose(completed.coef, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e40])
@pytest.mark.parametrize("seed", range(10))
@each_view
def test_what_lies_in_the_span_of_free_features_is_told_from_what_almost_does(make, seed, scale):
    """Columns 5 and 6 are combinations of the free ones; 7 is one but for a part in 10^5."""
    X, y = data()
    rng = np.random.default_rng(seed)
    X[:, 4:] = X[:, :4] @ rng.normal(size=(4, 4))
    X[:, 4] += rng.normal(size=len(X))
    X[:, 7] += 1e-5 * rng.normal(size=len(X))
    penalty = make_penalty(([0, 0, 0, 0, 1e-3, 1e-3, 1e-3, 1e-3], [0] * P))
    problem = Elimination(make(scale * X, y), penalty)
    assert_array_equal(np.flatnonzero(~problem.spanned), [4, 7])
    assert_array_equal(np.flatnonzero(~problem.rest[1].excluded), [4, 7])


@each_view
def test_where_all_lies_in_the_span_of_free_features_nothing_is_left_to_solve(make):
    X, y = data()
    X[:, 4:] = X[:, :4] @ np.random.default_rng(0).normal(size=(4, 4))
    penalty = make_penalty(([0, 0, 0, 0, 0.1, 0.1, 0.1, 0.1], [0] * P))
    assert Elimination(make(X, y), penalty).is_solved


def alone(X, y, free):
    """The loss of the best w (...) of the last column, beside `free` ones and an intercept.

    In extended precision: the others are projected out.
    """
    X, y = X.astype(np.longdouble), y.astype(np.longdouble)
    basis = []

    def rest(v):
        for _ in range(2):
            for q in basis:
                v = v - q * (q @ v)
        return v

    for v in [np.ones(len(y), np.longdouble), *X[:, :free].T]:
        v = rest(v)
        basis.append(v / np.sqrt(v @ v))
    a, b = rest(X[:, free]), rest(y)
    return lambda w: float((b - a * w) @ (b - a * w) / (2 * len(y))), float(a @ b), float(a @ a)


@pytest.mark.parametrize("to", [np.asarray, sp.csc_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("left", "l1"), [(1e-4, 1e-6), (1e-5, 1e-8), (1e-6, 1e-7), (1e-7, 1e-8), (2e-8, 1e-9)]
)
def test_a_certificate_holds_where_free_features_leave_little_of_a_column(left, l1, seed, to):
    """The coefficients are huge and cancel: what rounding leaves of them is no certificate."""
    rng = np.random.default_rng(seed)
    F, own = rng.normal(size=(40, 2)), rng.normal(size=40)
    X = np.c_[F, F @ [1.0, -2.0] + left * own]
    y = F @ [1.0, 1.0] + own + 0.1 * rng.normal(size=40)
    model = L1Regressor(l1, penalty_weights=[0, 0, 1])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(to(X), y)
    loss, ab, aa = alone(X, y, 2)
    best = np.sign(ab) * max(abs(ab) - 40 * l1, 0.0) / aa
    excess = loss(model.coef_[2]) + l1 * abs(model.coef_[2]) - loss(best) - l1 * abs(best)
    assert excess <= 1.01 * model.dual_gap_ + 1e-14 * np.var(y)
    assert caught or model.dual_gap_ <= 1e-10 * np.var(y) / 2
    assert not caught or left < 1e-7


@each_view
def test_steps_of_factors_that_lead_away_are_not_taken(make):
    X, y = data()
    problem = Elimination(make(X, y), make_penalty(MIXES["some free"]))
    before = problem.certify(unsolved(np.zeros(P))).dual_gap
    factors = problem.factors
    problem.factors = replace(factors, back=-1e200 * factors.back)
    solution = problem.complete(unsolved(np.zeros(P)))
    assert_array_equal(solution.coef, 0.0)
    assert problem.certify(solution).dual_gap == before


def test_rank_is_told_from_rounding_where_one_row_outweighs_all_others():
    # Sparse, far from zero for its weighted spread: shifted, and of variance 0 to the last digit.
    X, y = regression(15, 7)
    weights = np.ones(15)
    weights[4], weights[-1] = 1e30, 2e80
    view = Rows.from_data(sp.csc_array(X), y, weights, True)
    factors = view.factor(np.arange(7))
    assert factors.to_basis.shape[1] == 1
    coef = Elimination(view, Penalty(np.zeros(7), np.zeros(7))).complete(unsolved(np.zeros(7))).coef
    # The two heavy rows decide.
    assert_allclose((X[4] - X[-1]) @ coef, y[4] - y[-1], rtol=1e-10)


def test_overlooking_something_of_a_column_too_small_to_square_does_not_overflow():
    X, y = data()
    X[:, 1] *= 1e-158
    problem = Elimination(Rows.from_data(X, y, None, True), make_penalty(MIXES["free or ridge"]))
    solution = problem.certify(unsolved(np.full(P, 1.0)), rounding=1e10)
    assert solution.dual_gap == INF
