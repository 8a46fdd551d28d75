"""The finish of the Newton solver: small dense problems, against the best of all sign patterns."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skreg.solvers.finish import Quadratic, finish

K = 5
ACCURACY = 2e-13
BUDGET = 200
# Rows of A with H = A'A: more than columns, fewer, and columns that are not independent.
DESIGNS = {
    "regular": lambda rng: rng.normal(size=(9, K)),
    "correlated": lambda rng: rng.normal(size=(9, K)) + 10 * rng.normal(size=(9, 1)),
    "wide": lambda rng: rng.normal(size=(3, K)),
    "duplicates": lambda rng: rng.normal(size=(9, K))[:, [0, 1, 1, 2, 0]],
    "zero column": lambda rng: rng.normal(size=(9, K)) * [1, 0, 1, 1, 1],
    "wild scales": lambda rng: rng.normal(size=(9, K)) * [1e-4, 1, 1e4, 1e-2, 10],
}
WEIGHTS = {
    "l1": [0.5] * K,
    "uneven": [0.1, 2.0, 0.3, 0.0, 1.0],
    "large": [1e4] * K,
}
each_design = pytest.mark.parametrize("design", DESIGNS.values(), ids=DESIGNS)
each_weight = pytest.mark.parametrize("l1", WEIGHTS.values(), ids=WEIGHTS)
each_sign = pytest.mark.parametrize("positive", [False, True], ids=["signed", "positive"])


def make(design, l1, positive, seed):
    """A problem with the columns' scales in l1 too, so that every column has its chance."""
    rng = np.random.default_rng(seed)
    A, b = design(rng), rng.normal(size=9)[: len(design(np.random.default_rng(seed)))]
    scale = np.maximum(np.linalg.norm(A, axis=0), 1e-8)
    return Quadratic(A.T @ A, A.T @ b, np.array(l1) * scale / 3, positive), np.sum(b * b)


def value(problem, x):
    return x @ problem.H @ x / 2 - problem.c @ x + problem.l1 @ np.abs(x)


def lowest(problem):
    """The least value at the stationary points of all patterns of signs."""
    best = 0.0
    for pattern in product((0, 1) if problem.positive else (-1, 0, 1), repeat=K):
        signs = np.array(pattern)
        J = np.flatnonzero(signs)
        H, right = problem.H[np.ix_(J, J)], problem.c[J] - problem.l1[J] * signs[J]
        root = np.sqrt(np.diag(H))
        if not len(J) or not np.all(root > 0):
            continue
        if np.linalg.matrix_rank(H / np.outer(root, root)) == len(J):
            x = np.zeros(K)
            x[J] = np.linalg.solve(H, right)
            if np.array_equal(np.sign(x), signs):
                best = min(best, value(problem, x))
    return best


def violation(problem, x):
    """How far the correlations are from what the signs of x ask for, in units of the columns."""
    q = problem.c - problem.H @ x
    excess = np.maximum((q if problem.positive else np.abs(q)) - problem.l1, 0)
    wrong = np.where(x == 0, excess, np.abs(q - problem.l1 * np.sign(x)))
    return wrong / np.sqrt(np.where(np.diag(problem.H) > 0, np.diag(problem.H), 1.0))


@each_sign
@each_weight
@each_design
def test_the_finish_ends_at_the_optimum_from_any_start(design, l1, positive):
    for seed in range(4):
        problem, norm2 = make(design, l1, positive, seed)
        best = lowest(problem)
        rng = np.random.default_rng(seed)
        for size in (0.0, 0.1, 10.0):
            start = size * rng.normal(size=K)
            start = np.maximum(start, 0.0) if positive else start
            x, steps = finish(problem, start, ACCURACY * np.sqrt(norm2), BUDGET)
            x = np.maximum(x, 0.0) if positive else x
            assert value(problem, x) <= best + 1e-12 * norm2
            assert np.all(violation(problem, x) <= 1e-7 * np.sqrt(norm2))
            assert steps < BUDGET


@each_sign
@each_design
def test_from_the_right_signs_one_step_is_enough(design, positive):
    problem, norm2 = make(design, WEIGHTS["uneven"], positive, 0)
    accuracy = ACCURACY * np.sqrt(norm2)
    x, _ = finish(problem, np.zeros(K), accuracy, BUDGET)
    again, steps = finish(problem, x, accuracy, BUDGET)
    assert steps <= 1
    assert_allclose(again, x, rtol=1e-6, atol=1e-9 * np.abs(x).max())


@pytest.mark.parametrize("budget", [1, 2, 3, 4, 8])
def test_the_steps_stay_within_the_budget(budget):
    rng = np.random.default_rng(0)
    A, b = rng.normal(size=(30, 100)), rng.normal(size=30)
    problem = Quadratic(A.T @ A, A.T @ b, np.full(100, 1e-3), False)
    before = problem.H.copy(), problem.c.copy(), problem.l1.copy()
    start = rng.normal(size=100)
    x, steps = finish(problem, start.copy(), ACCURACY, budget)
    assert 1 <= steps <= budget
    assert x.shape == start.shape
    for array, copy in zip((problem.H, problem.c, problem.l1), before, strict=True):
        assert_array_equal(array, copy)


@each_sign
def test_the_prox_shrinks_towards_zero(positive):
    problem = Quadratic(np.eye(4), np.zeros(4), np.ones(4), positive)
    u, threshold = np.array([3.0, 0.5, -0.5, -3.0]), np.array([1.0, 1.0, 0.0, 1.0])
    expected = [2.0, 0, 0, 0] if positive else [2.0, 0, -0.5, -2.0]
    assert_array_equal(problem.prox(u, threshold), expected)
