"""`Penalty`: its value, its certificate against optima found by brute force, and its masks."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skreg._objective import Penalty, dropout_ridge

INF = np.inf
# l1, ridge and positive of five features: each alone, mixed, missing, excluded.
MIXES = {
    "l1": ([0.3, 0.3, 0.3, 0.3, 0.3], [0, 0, 0, 0, 0], False),
    "ridge": ([0, 0, 0, 0, 0], [0.1, 0.5, 2, 0.2, 1], False),
    "both": ([0.1, 0.5, 0.2, 0.3, 0.4], [0.3, 0.01, 1, 0.2, 1e-6], False),
    "either": ([0.4, 0, 0.2, 0, 0.1], [0, 0.5, 0, 0.1, 2], False),
    "excluded": ([0.1, INF, 0.2, 0.3, 0], [0, INF, 0.5, 0, 0.2], False),
    "positive l1": ([0.1, 0.2, 0.3, 0.1, 0.2], [0, 0, 0, 0, 0], True),
    "positive ridge": ([0, 0, 0, 0, 0], [0.1, 0.5, 2, 0.2, 1], True),
    "positive mixed": ([0.2, 0, INF, 0.1, 0.3], [0.5, 0.1, INF, 0, 1e-6], True),
}
each_mix = pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
each_shape = pytest.mark.parametrize("n", [12, 4], ids=["tall", "wide"])


def make(mix):
    l1, ridge, positive = mix
    return Penalty(np.array(l1, float), np.array(ridge, float), positive)


def problem(n, seed):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(n, 5)) / np.sqrt(n)
    return A, A @ [1.0, -2.0, 0.5, 1.0, 0.0] + rng.normal(size=n) / np.sqrt(n)


def penalty_value(w, mix):
    """The penalty as a sum over the features that are not excluded."""
    l1, ridge, _ = mix
    terms = [a * abs(x) + d / 2 * x**2 for a, d, x in zip(l1, ridge, w, strict=True) if a < INF]
    return sum(terms)


def objective(w, A, b, mix):
    r = b - A @ w
    return r @ r / 2 + penalty_value(w, mix)


def optimum(A, b, mix):
    """The best of the stationary points of all patterns of signs."""
    l1, ridge, positive = mix
    l1, ridge = np.array(l1), np.array(ridge)
    best, lowest = np.zeros(5), b @ b / 2
    choices = [(0,) if a == INF else (0, 1) if positive else (-1, 0, 1) for a in l1]
    for pattern in product(*choices):
        signs = np.array(pattern)
        J = np.flatnonzero(signs)
        if np.sum(ridge[J] == 0) > len(b):
            continue  # not unique; fewer features do as well
        system = A[:, J].T @ A[:, J] + np.diag(ridge[J])
        w = np.zeros(5)
        w[J] = np.linalg.solve(system, A[:, J].T @ b - l1[J] * signs[J])
        if np.array_equal(np.sign(w), signs) and objective(w, A, b, mix) < lowest:
            best, lowest = w, objective(w, A, b, mix)
    return best


def feasible(w, mix):
    """The nearest coefficients that respect the constraints."""
    w = np.where(np.isinf(mix[0]), 0.0, w)
    return np.maximum(w, 0.0) if mix[2] else w


def gap_at(w, A, b, mix):
    r = b - A @ w
    return make(mix).dual_gap(w, A.T @ r, r @ r)


@each_mix
def test_the_value_is_the_sum_over_the_features(mix):
    W = feasible(np.random.default_rng(0).normal(size=(3, 5)), mix)
    penalty = make(mix)
    assert_allclose(penalty.value(W), [penalty_value(w, mix) for w in W], rtol=1e-14)
    assert_allclose(penalty.value(W[0]), penalty_value(W[0], mix), rtol=1e-14)


@each_shape
@each_mix
def test_the_gap_bounds_the_suboptimality(mix, n):
    for seed in range(3):
        A, b = problem(n, seed)
        best = optimum(A, b, mix)
        lowest = objective(best, A, b, mix)
        rng = np.random.default_rng(seed)
        for scale in (0.0, 1e-3, 0.1, 1.0, 10.0):
            w = feasible(best + scale * rng.normal(size=5), mix)
            excess = objective(w, A, b, mix) - lowest
            assert gap_at(w, A, b, mix) >= excess - 1e-14 * (lowest + excess)


@each_shape
@each_mix
def test_the_gap_closes_at_the_optimum(mix, n):
    for seed in range(3):
        A, b = problem(n, seed)
        best = optimum(A, b, mix)
        assert gap_at(best, A, b, mix) <= 1e-14 * b @ b
        # And on the way there, in proportion to the distance at the most.
        step = 1e-6 * np.random.default_rng(seed).normal(size=5)
        assert gap_at(feasible(best + step, mix), A, b, mix) <= 1e-4 * b @ b


def test_the_gap_of_a_quadratic_is_its_suboptimality_in_closed_form():
    A, b = problem(12, 0)
    mix = MIXES["ridge"]
    w = np.array([0.3, -1.0, 0.2, 0.7, 0.1])
    gradient = A.T @ (A @ w - b) + np.array(mix[1]) * w
    # At theta = r the dual leaves |gradient|^2 / 2 in the metric of the ridge.
    assert_allclose(gap_at(w, A, b, mix), 0.5 * np.sum(gradient**2 / mix[1]), rtol=1e-12)


def test_a_feature_without_a_weight_counts_beside_others_with_a_ridge():
    """A is the identity, and only the second feature, which costs nothing, explains b."""
    penalty = Penalty(np.array([0.2, 0.0, 0.1]), np.array([0.5, 0.0, 0.1]), positive=True)
    b = np.array([0.0, 1.0, 0.0])
    assert penalty.dual_gap(np.zeros(3), b, b @ b) == pytest.approx(0.5)


@each_mix
def test_targets_have_their_own_gaps(mix):
    A, b = problem(12, 0)
    targets = np.array([b, -3.0 * b, np.zeros(12)])
    W = feasible(np.random.default_rng(1).normal(size=(3, 5)), mix)
    R = targets - W @ A.T
    gaps = make(mix).dual_gap(W, R @ A, np.sum(R * R, axis=1))
    assert_allclose(gaps, [gap_at(w, A, t, mix) for w, t in zip(W, targets, strict=True)])


def test_the_gap_has_the_digits_that_primal_minus_dual_would_lose():
    # Half of |r|^2 is 5e17, its last digit 64; the gap of w is l1 w - w A'r.
    w, l1 = np.array([2.0 + 2.0**-20]), np.array([1.0])
    residual = np.array([3.0 - w[0], 1e9])
    gap = Penalty(l1, np.zeros(1)).dual_gap(w, residual[:1], residual @ residual)
    assert_allclose(gap, w[0] * 2.0**-20, rtol=1e-14)


@pytest.mark.parametrize("error", [1e-4, -1e-4])  # with the second, correlations exceed the limit
@pytest.mark.parametrize("ridge", [1e-6, 1e-9, 1e-12])
def test_a_tiny_ridge_bounds_no_worse_than_none(ridge, error):
    """Its conjugate is steep; the dual point of the lasso on augmented rows is as good as ever."""
    A, b = problem(12, 0)
    with_ridge, without = (make(([0.1] * 5, [d] * 5, False)) for d in (ridge, 0.0))
    w = optimum(A, b, ([0.1] * 5, [0.0] * 5, False)) * (1 + error)
    r = b - A @ w
    gaps = [penalty.dual_gap(w, A.T @ r, r @ r) for penalty in (with_ridge, without)]
    assert 0.9 * gaps[1] <= gaps[0] <= 1.01 * gaps[1]
    # Of a ridge alone there is only the steep one, to which the same error is a large one.
    ridged = make(([0.0] * 5, [ridge] * 5, False))
    assert ridged.dual_gap(w, A.T @ r, r @ r) > 100 * gaps[0]


@each_mix
def test_the_gap_is_never_more_than_the_objective(mix):
    """The dual point zero bounds by what the objective is, far from the optimum as well."""
    A, b = problem(12, 0)
    penalty = make(mix)
    for size in (1e-3, 1.0, 1e3):
        w = np.where(penalty.excluded, 0.0, size * np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
        r = b - A @ w
        gap = penalty.dual_gap(w, A.T @ r, r @ r)
        assert gap <= objective(w, A, b, mix) * (1 + 1e-12)


@pytest.mark.parametrize("positive", [False, True])
def test_zero_is_optimal_from_lambda_max_on_and_not_below(positive):
    A, b = problem(12, 0)
    largest = np.max(A.T @ b if positive else abs(A.T @ b))
    for factor, optimal in [(1.0, True), (2.0, True), (1 - 1e-3, False)]:
        mix = ([factor * largest] * 5, [0.0] * 5, positive)
        assert bool(gap_at(np.zeros(5), A, b, mix) == 0) is optimal


@each_mix
def test_the_violation_is_how_far_a_correlation_is_from_the_subdifferential(mix):
    l1, ridge, positive = mix
    rng = np.random.default_rng(0)
    W = feasible(rng.normal(size=(40, 5)) * (rng.random((40, 5)) < 0.6), mix)
    correlation = rng.normal(size=(40, 5))
    found = make(mix).violation(W, correlation)
    for k, j in product(range(40), range(5)):
        w = W[k, j]
        if l1[j] < INF:
            low, high = np.sign(w) * np.array([l1[j]] * 2)
            if w == 0:
                low, high = -INF if positive else -l1[j], l1[j]
            slope = correlation[k, j] - ridge[j] * w
            assert_allclose(found[k, j], slope - min(max(slope, low), high), atol=1e-15)


@each_mix
def test_no_violation_at_the_optimum(mix):
    A, b = problem(12, 0)
    w = optimum(A, b, mix)
    free = np.isfinite(mix[0])
    assert_allclose(make(mix).violation(w, A.T @ (b - A @ w))[free], 0, atol=1e-13)


@each_mix
def test_the_proximal_operator_is_the_minimum_that_a_fine_grid_finds(mix):
    l1, ridge, positive = mix
    penalty, step = make(mix), np.array([0.5, 1.0, 2.0, 0.1, 3.0])
    grid = np.linspace(0 if positive else -4, 4, 80_001 if positive else 160_001)
    for u in np.random.default_rng(0).normal(size=(5, 5)):
        found = penalty.prox(u, step)
        for j in range(5):
            if l1[j] == INF:
                assert found[j] == 0
                continue
            value = (grid - u[j]) ** 2 / (2 * step[j])
            value += l1[j] * abs(grid) + 0.5 * ridge[j] * grid**2
            assert abs(found[j] - grid[value.argmin()]) <= 1e-4


@pytest.mark.parametrize("positive", [False, True])
def test_the_excess_is_what_a_zero_coefficient_does_not_allow(positive):
    penalty = Penalty(np.array([0.5, 0.0, 1.0, INF]), np.array([0.0, 0.0, 3.0, 0.0]), positive)
    correlation = np.array([[2.0, 0.25, -1.5, 9.0], [-2.0, -0.25, 0.5, -9.0]])
    both = [[1.5, 0.25, 0.5, -INF], [1.5, 0.25, -0.5, -INF]]
    signed = [[1.5, 0.25, -2.5, -INF], [-2.5, -0.25, -0.5, -INF]]
    assert_array_equal(penalty.excess(correlation), signed if positive else both)


@pytest.mark.parametrize("positive", [False, True])
def test_weights_multiply_the_strengths_and_infinity_excludes(positive):
    weights, dropout = np.array([1.0, 0.0, 2.0, INF, 0.0]), np.array([0.0, 0.5, 0.25, 4.0, 0.0])
    penalty = Penalty.weighted(weights, 0.5, 3.0, dropout, positive=positive)
    assert_array_equal(penalty.limit, [0.5, 0, 1, INF, 0])
    assert_array_equal(penalty.l1, [0.5, 0, 1, 0, 0])
    assert_array_equal(penalty.ridge, [3, 0.5, 6.25, 0, 0])
    assert_array_equal(penalty.excluded, [False, False, False, True, False])
    assert_array_equal(penalty.free, [False, False, False, False, not positive])
    assert penalty.positive is positive


def test_strengths_of_zero_leave_infinite_weights_excluded():
    penalty = Penalty.weighted(np.array([1.0, INF]), 0.0, 0.0)
    assert_array_equal(penalty.excluded, [False, True])
    assert_array_equal(penalty.free, [True, False])


@each_mix
def test_excluding_features_is_the_problem_without_them(mix):
    penalty, out = make(mix), np.array([True, False, False, True, False])
    rest = penalty.exclude(out)
    assert_array_equal(rest.excluded, out | np.isinf(mix[0]))
    assert_array_equal(rest.limit[~out], penalty.limit[~out])
    assert_array_equal(rest.ridge[~out], penalty.ridge[~out])
    assert rest.positive == penalty.positive
    A, b = problem(12, 0)
    w = feasible(np.where(out, 0.0, 0.5), mix)
    r = b - A @ w
    fewer = Penalty(penalty.limit[~out], penalty.ridge[~out], penalty.positive)
    assert_allclose(
        rest.dual_gap(w, A.T @ r, r @ r), fewer.dual_gap(w[~out], A[:, ~out].T @ r, r @ r)
    )


@pytest.mark.parametrize(
    "rate", [0.0, 0.3, np.array([0.1, 0.5, 0.0, 0.9])], ids=["none", "even", "uneven"]
)
@pytest.mark.parametrize("drop_to", ["mean", "zero"])
def test_the_ridge_of_dropout_is_the_average_over_all_masks(drop_to, rate):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(6, 4)) + 2.0, rng.normal(size=6)
    w, to = rng.normal(size=4), X.mean(axis=0) if drop_to == "mean" else np.zeros(4)
    loss = 0.0
    for kept in product([0, 1], repeat=4):  # of one row; the rows drop independently
        chance = np.prod(np.where(kept, 1 - np.asarray(rate), rate))
        masked = to + (X - to) * kept / (1 - np.asarray(rate))
        loss += chance * np.mean((y - masked @ w) ** 2) / 2
    ridge = dropout_ridge(rate, np.mean((X - to) ** 2, axis=0))
    assert_allclose(np.mean((y - X @ w) ** 2) / 2 + ridge @ w**2 / 2, loss, rtol=1e-13)
