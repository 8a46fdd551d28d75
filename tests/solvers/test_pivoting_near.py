"""The lasso path on the features near their bound: optimality, kinks, ties, what joins late."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles.paths import assert_optimal, copies_and_dummy_columns, standard_form
from scipy import sparse
from sklearn.linear_model import lars_path

from skreg.problem.design import RowDesign
from skreg.solvers.pivoting_near import lasso_path_near

V = {"even": np.ones(40), "uneven": np.tile([1.0, 0.5, 0.0, 2.0, np.inf, 1.0, 1.0, 3.0], 5)}


def path_of(A, b, v=1.0, ridge=0.0, end=1e-3, positive=False, container=np.asarray):
    n, p = A.shape
    problem = RowDesign.from_data(container(A * np.sqrt(n)), b * np.sqrt(n), None, True)
    v, ridge = np.broadcast_to(v, p), np.broadcast_to(ridge, p)
    return lasso_path_near(problem, v, ridge, end, positive)


def coefs_at(path, strengths, p):
    coefs = np.zeros((len(strengths), p))
    coefs[:, path.columns] = path.at(strengths)
    return coefs


@pytest.mark.parametrize(("v", "positive"), [("even", False), ("even", True), ("uneven", False)])
@pytest.mark.parametrize("ridged", [False, True])
@pytest.mark.parametrize("n", [12, 40, 90])
def test_every_strength_is_optimal(n, ridged, positive, v):
    A, b = standard_form(n, 40)
    ridge = np.linspace(0.0, 0.3, 40) if ridged else np.zeros(40)
    path = path_of(A, b, V[v], ridge, 1e-3, positive)
    strengths = np.geomspace(path.knots[0], 1e-3, 23)
    coefs = coefs_at(path, strengths, 40)
    assert_optimal(A, b, V[v], ridge, positive, strengths, coefs)
    assert np.all(np.diff(path.knots) <= 0)
    assert path.knots[-1] == 1e-3


@pytest.mark.parametrize("container", [np.asarray, np.asfortranarray, sparse.csc_array])
@pytest.mark.parametrize("shape", [(20, 50), (50, 20), (40, 300)])
def test_the_kinks_are_those_of_least_angle_regression(shape, container):
    A, b = standard_form(*shape, seed=1)
    path = path_of(A, b, end=1e-2, container=container)
    alphas, _, coefs = lars_path(A, b, method="lasso", alpha_min=1e-2 / len(b))
    knots = path.knots[1:]  # the first feature enters where the path begins
    assert_allclose(knots, alphas * len(b), rtol=1e-8)
    assert_allclose(coefs_at(path, knots, shape[1]), coefs.T, atol=1e-8)


def test_each_kink_says_which_feature_enters_or_leaves():
    A, b = standard_form(20, 60, seed=2)
    path = path_of(A, b)
    events = path.features[1:-1]
    assert path.features[0] == path.features[-1] == 60
    assert np.any(events < 0)
    active = set()
    for feature, coef in zip(events, path.coefs[1:], strict=False):
        assert set(path.columns[np.abs(coef) > 1e-13]) <= active
        active = active | {feature} if feature >= 0 else active - {~feature}


@pytest.mark.parametrize("positive", [False, True])
def test_copies_and_dummy_columns(positive):
    """A column in the span of the active ones is not needed; it may be once one of these leaves."""
    A, b = copies_and_dummy_columns()
    path = path_of(A, b, end=1e-4, positive=positive)
    strengths = np.geomspace(path.knots[0], 1e-4, 30)
    coefs = coefs_at(path, strengths, 14)
    coefs = np.where(abs(coefs) < 1e-13, 0, coefs)
    assert_optimal(A, b, np.ones(14), 0.0, positive, strengths, coefs)


def test_above_its_largest_strength_the_path_is_one_point():
    path = path_of(*standard_form(20, 5), end=1e3)
    assert_array_equal(coefs_at(path, np.array([1e4, 1e3]), 5), np.zeros((2, 5)))


def test_a_column_that_gains_late_is_not_overlooked():
    """Between two looks, columns far from the bound are not followed; this one grows fast."""
    rng = np.random.default_rng(5)
    A, b = standard_form(30, 400, seed=5)
    A[:, 7] = A @ rng.normal(size=400) * 3
    path = path_of(A, b)
    strengths = np.geomspace(path.knots[0], 1e-3, 40)
    coefs = coefs_at(path, strengths, 400)
    assert_optimal(A, b, np.ones(400), 0.0, False, strengths, coefs, atol=1e-11)
