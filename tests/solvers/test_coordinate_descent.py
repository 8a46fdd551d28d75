"""Coordinate descent on a Gram matrix and on sparse columns, against the oracle's minimum."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import Problem, sparse_regression

from skreg._objective import Penalty
from skreg.problem.design import RowDesign
from skreg.solvers.active_set import Quadratic
from skreg.solvers.coordinate_descent import ColumnLasso, descend

WEIGHTS = {"even": np.ones(10), "uneven": np.linspace(0.5, 2.0, 10)}


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("form", ["gram", "columns"])
def test_it_finds_the_minimum_from_any_start(form, weights, positive, intercept):
    X, y = sparse_regression()
    design = RowDesign.from_data(X, y, None, intercept)
    penalty = Penalty(0.05 * weights, np.zeros(10), positive)
    if form == "gram":
        problem = Quadratic(design.gram(slice(None)), design.cross, penalty)
    else:
        problem = ColumnLasso(design.sparse_columns(slice(None)), penalty)
    oracle = Problem(X, y, l1=0.05, v=weights, positive=positive, fit_intercept=intercept)
    expected, _ = oracle.solve()
    assert np.count_nonzero(expected) > 0
    for start in (np.zeros(10), np.linspace(0.0, 3.0, 10)):
        found, epochs = descend(problem, start, 1e-13, float(design.target_norm2), 1000)
        assert_allclose(found, expected, atol=1e-6)
        assert oracle.relative_gap(found) < 1e-10
        assert 0 < epochs < 1000


def test_what_it_cannot_do_is_left_as_it_is():
    nothing = Quadratic(np.zeros((0, 0)), np.zeros(0), Penalty(np.zeros(0), np.zeros(0)))
    assert descend(nothing, np.zeros(0), 1e-6, 1.0, 10)[1] == 0
    x = np.array([1.0, -2.0])
    unpenalised = Penalty(np.array([0.0, 1.0]), np.zeros(2))
    found, epochs = descend(Quadratic(np.eye(2), np.ones(2), unpenalised), x, 1e-6, 1.0, 10)
    assert_array_equal(found, x)
    assert epochs == 0
