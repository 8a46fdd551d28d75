"""The exact path by pivoting, judged by the conditions of optimality written out here."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import lars_path

from skreg.solvers.piecewise import Path
from skreg.solvers.pivoting import LassoPaths, lasso_path, minimiser


def moments(kind, seed=0):
    """Return the Gram matrix (p, p) and the correlations (p,) of random centred data."""
    rng = np.random.default_rng(seed)
    n, p = (12, 20) if kind == "wide" else (60, 12)
    X = rng.standard_normal((n, p))
    if kind == "correlated":
        X = np.cumsum(X, axis=1)
    elif kind == "dependent":
        X[:, 6:] = X[:, :6] @ rng.standard_normal((6, 6))
    elif kind == "copies":
        X[:, 6:] = X[:, :6]
    elif kind == "one-hot":
        X = np.eye(p)[rng.integers(p, size=n)]
    X = X - X.mean(axis=0)
    y = X[:, :4] @ [3.0, -2.0, 1.0, 0.5] + rng.standard_normal(n)
    y -= y.mean()
    return X.T @ X / n, X.T @ y / n, X, y


KINDS = ["ordinary", "wide", "correlated", "dependent", "copies", "one-hot"]


def violation(G, c, w, l1, positive=False):
    """Return the largest violation of the conditions of optimality at w (p,)."""
    q = c - G @ w
    active = w != 0
    at_bound = np.abs(q - l1 * np.sign(w))[active]
    beyond = ((q if positive else np.abs(q)) - l1)[~active]
    sign = -w.min(initial=0.0) if positive else 0.0
    return max(at_bound.max(initial=0.0), beyond.max(initial=0.0), sign)


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_path_is_optimal_at_and_between_its_knots(kind, positive):
    G, c, _, _ = moments(kind)
    v = np.linspace(0.5, 2.0, len(c))
    path = lasso_path(G, c, v, 1e-3, positive)
    between = (path.knots[1:] + path.knots[:-1]) / 2
    for t in [*path.knots, *between]:
        w = path.at(np.array([t]))[0]
        assert violation(G, c, w, t * v, positive) < 1e-10


@pytest.mark.parametrize("kind", ["ordinary", "wide", "correlated"])
def test_the_knots_are_those_of_least_angle_regression(kind):
    G, c, X, y = moments(kind)
    path = lasso_path(G, c, np.ones(len(c)), 1e-2, False)
    theirs, _, coefs = lars_path(X, y, method="lasso", alpha_min=1e-2)
    assert_allclose(path.knots, theirs, rtol=1e-8)
    assert_allclose(path.coefs, coefs.T, atol=1e-8)


def test_a_path_says_who_enters_and_who_leaves():
    G, c, _, _ = moments("correlated")
    path = lasso_path(G, c, np.ones(len(c)), 1e-4, False)
    support = set()
    for feature, before, after in zip(path.features, path.coefs, path.coefs[1:], strict=False):
        assert set(np.flatnonzero(before)) <= support
        support ^= {feature if feature >= 0 else ~feature}
        assert set(np.flatnonzero(after)) <= support
    assert (path.features < 0).any()  # some feature left
    assert path.features[-1] == len(c)


def test_features_without_a_weight_are_fitted_by_least_squares_and_excluded_ones_not_at_all():
    G, c, X, y = moments("ordinary")
    v = np.ones(len(c))
    v[:2], v[3] = 0.0, np.inf
    path = lasso_path(G, c, v, 1e-2, False)
    expected = np.linalg.lstsq(X[:, :2], y, rcond=None)[0]
    assert_allclose(path.coefs[0, :2], expected, rtol=1e-10)
    assert not path.coefs[:, 3].any()
    finite = np.isfinite(v)
    w = path.coefs[-1]
    assert violation(G[finite][:, finite], c[finite], w[finite], 1e-2 * v[finite]) < 1e-12


def test_a_column_of_zeros_and_a_target_that_nothing_explains():
    G, c, _, _ = moments("ordinary")
    G[3], G[:, 3], c[3] = 0.0, 0.0, 0.0
    assert not lasso_path(G, c, np.ones(len(c)), 1e-2, False).coefs[:, 3].any()
    nothing = lasso_path(G, np.zeros_like(c), np.ones(len(c)), 1e-2, False)
    assert not nothing.coefs.any()
    assert len(lasso_path(np.zeros((0, 0)), np.zeros(0), np.zeros(0), 1.0, False).knots) == 1


@pytest.mark.parametrize("unpenalised", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_one_minimiser_with_coefficients_that_must_be_positive(kind, unpenalised):
    G, c, _, _ = moments(kind, seed=1)
    l1 = np.full(len(c), 0.05)
    l1[::3] = 0.0 if unpenalised else 0.1
    w, kinks = minimiser(G, c, l1, True)
    assert kinks > 0
    assert violation(G, c, w, l1, positive=True) < 1e-8


def test_a_strength_far_above_two_kinks_next_to_each_other():
    """Their distance divides, and the quotient must not overflow."""
    path = Path(np.array([1e-300, 0.0]), np.array([[0.0], [1.0]]), np.array([0, 1]), np.arange(1))
    with np.errstate(all="raise"):
        assert_allclose(path.at(np.array([1e300, 1.0, 0.5e-300, 0.0])), [[0], [0], [0.5], [1]])


@pytest.mark.parametrize("kind", ["ordinary", "correlated"])
def test_positive_coefficients_are_the_same_in_any_units_of_the_columns(kind):
    G, c, _, _ = moments(kind, seed=1)
    l1 = np.where(np.arange(len(c)) % 3, 0.05, 0.0)
    units = np.geomspace(1e-8, 1e4, len(c))
    w, _ = minimiser(G, c, l1, True)
    other, _ = minimiser(G * np.outer(units, units), units * c, units * l1, True)
    assert np.count_nonzero(w) > 2
    assert_allclose(units * other, w, rtol=1e-6, atol=1e-12)


def several(positive):
    """Return stacks G (4, 12, 12), c (4, 12) and v (4, 12) of problems of different lengths."""
    found = [moments(kind, seed)[:2] for seed, kind in enumerate(["ordinary", "correlated"] * 2)]
    G, c = (np.array(part) for part in zip(*found, strict=True))
    v = np.ones_like(c)
    v[1, 3], v[2, 0] = np.inf, 1.0 if positive else 0.0
    return G, c, v


@pytest.mark.parametrize("positive", [False, True])
def test_paths_side_by_side_are_those_of_each_problem_however_often_they_stop(positive):
    G, c, v = several(positive)
    together = LassoPaths(G, c, v, positive)
    for end in (0.5, 0.5, 0.1, 1e-3):
        together.follow(end)
    strengths = np.geomspace(2.0, 1e-3, 40)
    for i in range(len(G)):
        alone = lasso_path(G[i], c[i], v[i], 1e-3, positive)
        path = together.paths(1e-3)[i]
        assert_allclose(path.at(strengths), alone.at(strengths), atol=1e-12)
        assert_allclose(path.knots, alone.knots, rtol=1e-10)
        assert_array_equal(path.features, alone.features)
        assert together.paths(1e-4)[i] is None  # it has not come so far


@pytest.mark.parametrize("t", [1.0, 0.05])
def test_features_that_join_later_take_part_as_if_they_had_been_there(t):
    G, c, _, _ = moments("correlated", seed=3)
    whole = LassoPaths(G[None], c[None], np.ones((1, 12)), False)
    whole.follow(t)
    active = whole.coefs()[0] != 0
    assert 0 < active.sum() < 12
    first, rest = np.flatnonzero(active), np.flatnonzero(~active)
    order = np.append(first, rest)
    few = LassoPaths(G[np.ix_(first, first)][None], c[None, first], np.ones((1, len(first))), False)
    few.follow(t)
    correlations = c - G[:, first] @ few.coefs()[0]
    columns = G[np.ix_(order, rest)][None]
    more = few.joined(columns, correlations[None, rest], np.ones((1, len(rest))))
    for end in (t / 2, 1e-3):
        whole.follow(end)
        more.follow(end)
        assert_allclose(more.coefs()[0], whole.coefs()[0, order], atol=1e-10)
    assert few.t == t  # the paths that they have joined are where they were
    assert few.paths(t)[0].coefs.shape[1] == len(first)


def test_correlations_of_the_data_correct_what_a_disturbed_gram_matrix_gives():
    G, c, _, _ = moments("ordinary", seed=4)
    noise = 1e-5 * np.random.default_rng(0).standard_normal(G.shape)
    paths = LassoPaths((G + noise + noise.T)[None], c[None], np.ones((1, 12)), False)
    paths.follow(0.05)
    before = violation(G, c, paths.coefs()[0], 0.05 * np.ones(12))
    paths.refine((c - G @ paths.coefs()[0])[None])
    assert before > 1e-6
    assert violation(G, c, paths.coefs()[0], 0.05 * np.ones(12)) < 1e-3 * before
